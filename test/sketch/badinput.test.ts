import { describe, expect, test } from 'vitest'
import { OptionError, ShapeError } from '../../src/linalg/index.js'
import { countSketch, gaussian, rademacher, sparseSign, srht, srtt } from '../../src/sketch/index.js'

const SKETCHES = { gaussian, rademacher, sparseSign, countSketch, srht, srtt }

describe.each(Object.entries(SKETCHES))('%s', (name, sketch) => {
  test.each([
    [[0, 4]],
    [[4, 0]],
    [[-1, 4]],
    [[1.5, 4]],
    [[2, NaN]],
    [[2, Infinity]],
    [[2, 2 ** 31]],
    [[2]],
    [[2, 3, 4]],
    [['2', 3]],
    [4],
    [undefined],
  ])('refuses the shape %j', (shape) => {
    const call = (): unknown => sketch(shape as never)
    expect(call).toThrow(ShapeError)
    expect(call).toThrow(new RegExp(`^${name}: shape: expected`))
  })

  test.each([{ sede: 1 }, { seed: -1 }, { seed: 0.5 }, { seed: 2 ** 53 }, { seed: '1' }, 3, null])(
    'refuses the options %j',
    (options) => {
      const call = (): unknown => sketch([2, 4], options as never)
      expect(call).toThrow(OptionError)
      expect(call).toThrow(new RegExp(`^${name}: options`))
    },
  )

  test('refuses operands of another height, and ranges outside', () => {
    const S = sketch([2, 4])
    expect(() => S.matmat([[1], [2]] as never)).toThrow(ShapeError)
    expect(() => S.rmatmat([[1], [2], [3]] as never)).toThrow(ShapeError)
    for (const range of [[0, 3], [-1, 1], [2, 1], [0, 0.5], [0], 1]) {
      expect(() => S.submatrix(range as never, [0, 1])).toThrow(/^submatrix: rowRange/)
    }
    expect(() => S.submatrix([0, 1], [3, 5])).toThrow(/^submatrix: colRange/)
    expect(S.submatrix([1, 1], [0, 4]).shape).toEqual([0, 4])
  })
})

test('more rows than there are to pick from', () => {
  expect(() => srht([9, 8])).toThrow(ShapeError)
  expect(srht([8, 5]).shape).toEqual([8, 5])
  expect(() => srht([9, 5])).toThrow(/d <= 8/)
  expect(() => srtt([6, 5])).toThrow(/d <= n = 5/)
})

test.each([0, -1, 1.5, '3', NaN])('sparseSign refuses nnzPerColumn %j', (nnzPerColumn) => {
  expect(() => sparseSign([4, 4], { nnzPerColumn: nnzPerColumn as number })).toThrow(OptionError)
})
