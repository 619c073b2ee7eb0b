import { describe, expect, test } from 'vitest'
import {
  NotFiniteError,
  NotPositiveDefiniteError,
  OptionError,
  ShapeError,
  asOperator,
  eye,
  random,
  zeros,
} from '../../src/linalg/index.js'
import {
  chooseSketch,
  countSketch,
  dppSample,
  gaussian,
  rademacher,
  rowSampling,
  sampledLstsq,
  sparseSign,
  srht,
  srtt,
  volumeSample,
} from '../../src/sketch/index.js'

const SKETCHES = { gaussian, rademacher, sparseSign, countSketch, srht, srtt, rowSampling }

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

type Kind = new (...args: never[]) => Error
type Bad = readonly [call: () => unknown, kind: Kind, message: string]

const expectRefused = (fn: string, cases: readonly Bad[]): void => {
  for (const [call, kind, message] of cases) {
    expect(call).toThrow(kind)
    expect(call).toThrow(`${fn}: `)
    expect(call).toThrow(message)
  }
}

test('rowSampling refuses', () => {
  const of =
    (options: object, shape = [2, 3]) =>
    () =>
      rowSampling(shape as never, options)
  expectRefused('rowSampling', [
    [of({ scores: [1, 2] }), ShapeError, 'a vector of 3'],
    [of({ scores: [1, -2, 1] }), OptionError, '-2 at [1]'],
    [of({ scores: [0, 0, 0] }), OptionError, 'above 0'],
    [of({ scores: [0, NaN, 0] }), NotFiniteError, 'at [1]'],
    [of({ scores: [0, Infinity, 0] }), NotFiniteError, 'at [1]'],
    [of({ scores: 'all' }), ShapeError, 'options.scores'],
    [of({ replace: 0 }), OptionError, 'options.replace'],
    [of({ replace: false }, [4, 3]), OptionError, 'at most 3'],
    [of({ replace: false, scores: [1, 0, 0] }), OptionError, 'at most 1'],
  ])
  expect(rowSampling([9, 3]).shape).toEqual([9, 3])
})

test('dppSample refuses', () => {
  const K = eye(3)
  const of = (A: unknown, options?: object) => () => dppSample(A as never, options as never)
  expectRefused('dppSample', [
    [of(zeros([2, 3])), ShapeError, 'square'],
    [
      of([
        [1, 2],
        [0, 1],
      ]),
      ShapeError,
      'K: expected a symmetric matrix',
    ],
    [
      of([
        [1, 2],
        [2, 1],
      ]),
      NotPositiveDefiniteError,
      'semidefinite matrix, given one with the eigenvalue -',
    ],
    [of([[-1e-150]]), NotPositiveDefiniteError, 'semidefinite'],
    [
      of([
        [1, NaN],
        [NaN, 1],
      ]),
      NotFiniteError,
      'K',
    ],
    [of(3), ShapeError, 'K'],
    [of(K, { count: 0 }), OptionError, 'options.count'],
    [of(K, { count: 4 }), OptionError, 'at most 3'],
    [of(K, { count: 1.5 }), OptionError, 'options.count'],
    [of(zeros([3, 3]), { count: 1 }), OptionError, 'at most 0'],
    [of(zeros([0, 0]), { count: 1 }), OptionError, 'at most 0'],
    [of(zeros([3, 0]), { count: 1, kernel: 'factor' }), OptionError, 'at most 0'],
    [of([[2]], { kernel: 'marginal' }), OptionError, 'eigenvalue 2'],
    [of(K, { kernel: 'marginal', count: 2 }), OptionError, 'at least 3'],
    [of(K, { kernel: 'both' }), OptionError, 'options.kernel'],
    [of(K, { seed: -1 }), OptionError, 'options.seed'],
    [of(K, { size: 1 }), OptionError, 'the unknown option size'],
    [of(asOperator(zeros([2, 3]))), ShapeError, 'square'],
  ])
})

test('volumeSample refuses', () => {
  const A = random.normal([6, 2])
  const of = (B: unknown, options?: object) => () => volumeSample(B as never, options as never)
  expectRefused('volumeSample', [
    [of(A), OptionError, 'options.count'],
    [of(A, { count: 0 }), OptionError, 'options.count'],
    [of(A, { count: 1 }), OptionError, '>= 2, the rank of A'],
    [of(A, { count: 1, method: 'dpp' }), OptionError, '>= 2, the rank of A'],
    [of(A, { count: 1, method: 'iid', stabilize: 0.5 }), OptionError, '>= 2, the rank of A'],
    [of(A, { count: 3, stabilize: 1 }), OptionError, 'options.stabilize'],
    [of(A, { count: 3, stabilize: 0 }), OptionError, 'options.stabilize'],
    [of(A, { count: 3, stabilize: NaN }), OptionError, 'options.stabilize'],
    [of(A, { count: 3, method: 'random' }), OptionError, 'options.method'],
    [of(zeros([6, 2]), { count: 3 }), OptionError, 'rank 1 or more'],
    [of(zeros([6, 0]), { count: 3, method: 'iid' }), OptionError, 'rank 1 or more'],
    [of(zeros([0, 2]), { count: 3 }), OptionError, 'rank 1 or more'],
    [of([[1], [NaN]], { count: 3 }), NotFiniteError, 'A'],
  ])
  expect(volumeSample(A, { count: 1, method: 'iid' }).indices.length).toBe(1)
})

test('sampledLstsq refuses', () => {
  const A = random.normal([6, 2])
  const of = (b: unknown, sample: unknown, options?: object) => () =>
    sampledLstsq(A, b as never, sample as never, options)
  expectRefused('sampledLstsq', [
    [of([1], undefined), ShapeError, 'sample: expected'],
    [of([1], null), ShapeError, 'sample: expected'],
    [of([1], {}), ShapeError, 'sample.indices'],
    [of([1, 2], { indices: [0, 6] }), ShapeError, '6 at [1]'],
    [of([1, 2], { indices: [0, -1] }), ShapeError, '-1 at [1]'],
    [of([1], { indices: [0, 1] }), ShapeError, 'a vector of 2'],
    [of(random.normal([3, 1]), { indices: [0, 1] }), ShapeError, '3×1'],
    [of([1, 2], { indices: [0, 1], weights: [1] }), ShapeError, 'sample.weights'],
    [of([1, 2], { indices: [0, 1], weights: [1, -1] }), OptionError, '-1 at [1]'],
    [of([1, 2], { indices: [0, 1], weights: [1, NaN] }), NotFiniteError, 'sample.weights'],
    [of([1, Infinity], { indices: [0, 1] }), NotFiniteError, 'B'],
    [of([1, 2], { indices: [0, 1] }, { rtol: -1 }), OptionError, 'options.rtol'],
  ])
})

test('chooseSketch refuses', () => {
  const of = (options: unknown) => () => chooseSketch(options as never)
  const most = { n: 1000, d: 5 }
  expectRefused('chooseSketch', [
    [of(undefined), OptionError, 'options.n'],
    [of({ n: 10 }), OptionError, 'options.d'],
    [of({ n: 10, d: 11 }), OptionError, 'at most n = 10'],
    [of({ ...most, epsilon: 0 }), OptionError, 'options.epsilon'],
    [of({ ...most, epsilon: 1 }), OptionError, 'options.epsilon'],
    [of({ ...most, goal: 'precondition', epsilon: 2 }), OptionError, 'options.epsilon'],
    [of({ ...most, delta: 1 }), OptionError, 'options.delta'],
    [of({ ...most, kind: 'fourier' }), OptionError, 'options.kind'],
    [of({ ...most, goal: 'rangefinder', kind: 'srht' }), OptionError, "'gaussian'"],
    [of({ ...most, goal: 'sketch' }), OptionError, 'options.goal'],
    [of({ ...most, nnz: -1 }), OptionError, 'options.nnz'],
    [of({ ...most, scores: [1, 2] }), ShapeError, 'a vector of 1000'],
    [of({ n: 3, d: 1, scores: [1, -2, 3] }), OptionError, '-2 at [1]'],
  ])
  expect(chooseSketch({ ...most, goal: 'rangefinder', epsilon: 3 }).kind).toBe('gaussian')
})
