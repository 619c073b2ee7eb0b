import { describe, expect, test } from 'vitest'
import {
  ConvergenceError,
  NotFiniteError,
  OptionError,
  ShapeError,
  asOperator,
  csr,
  operator,
  random,
  zeros,
} from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { gaussian, sketchedLstsq, sparseSign } from '../../src/sketch/index.js'
import type { SketchedLstsqOptions } from '../../src/sketch/index.js'

const METHODS = ['solve', 'precondition', 'iterative'] as const

describe.each(METHODS)('sketchedLstsq, %s', (method) => {
  const close = (x: ArrayLike<number>, expected: readonly number[]): void => {
    expect(x.length).toBe(expected.length)
    expected.forEach((value, j) => {
      expect(x[j]).toBeCloseTo(value, 12)
    })
  }

  test('a line through three points, where A is too short to be sketched', () => {
    const { x, residual, rank } = sketchedLstsq(
      [
        [1, 0],
        [1, 1],
        [1, 2],
      ],
      [1, 2, 4],
      { method },
    )
    close(x, [5 / 6, 3 / 2])
    expect(residual).toBeCloseTo(Math.sqrt(1 / 6), 12)
    expect(rank).toBe(2)
  })

  test('one equation, one unknown, no columns, no rows', () => {
    close(sketchedLstsq([[3, 4]], [5], { method }).x, [0.6, 0.8])
    close(sketchedLstsq([[3], [4]], [5, 10], { method }).x, [2.2])
    expect(sketchedLstsq([[], []], [3, 4], { method })).toEqual({
      x: new Float64Array(0),
      iterations: 0,
      residual: 5,
      rank: 0,
    })
    const noRows = operator({ shape: [0, 3], matmat: () => [] as never, rmatmat: () => [] as never })
    expect(noRows.shape).toEqual([0, 3])
    const A = random.normal([0, 3]) as never
    expect(sketchedLstsq(A, [], { method })).toEqual({
      x: new Float64Array(3),
      iterations: 0,
      residual: 0,
      rank: 0,
    })
    const none = sketchedLstsq(random.normal([300, 3]) as never, zeros([300, 0]) as Matrix, { method })
    expect(none.x.shape).toEqual([3, 0])
    expect(none.residual).toBe(0)
  })

  test('zeros on either side', () => {
    const b = random.normal([300], { seed: 1 }).data
    const zero = csr({ shape: [300, 4], rows: [], cols: [], values: [] })
    const of = sketchedLstsq(zero, b, { method })
    expect(of.x).toEqual(new Float64Array(4))
    expect(of.rank).toBe(0)
    expect(of.residual).toBeCloseTo(Math.hypot(...b), 10)
    const A = random.normal([300, 4]) as never
    const { x, residual, iterations } = sketchedLstsq(A, new Float64Array(300), { method })
    expect([...x].map(Math.abs)).toEqual([0, 0, 0, 0])
    expect([residual, iterations]).toEqual([0, 0])
  })

  test('changes neither A nor b', () => {
    const A = random.normal([200, 3])
    const b = random.normal([200], { seed: 1 }).data
    const before = [A.data.slice(), b.slice()]
    sketchedLstsq(A as never, b, { method })
    sketchedLstsq(asOperator(A as never), b, { method, size: 500 })
    expect([A.data, b]).toEqual(before)
  })

  test('an abort and progress', () => {
    const A = random.normal([200, 3]) as never
    const b = random.normal([200], { seed: 1 }).data
    const seen: string[] = []
    sketchedLstsq(A, b, { method, onProgress: ({ method, stage }) => seen.push(`${method} ${stage}`) })
    expect(seen[0]).toBe('sketchedLstsq sketch')
    if (method !== 'solve') expect(seen).toContain('sketchedLstsq iterate')
    expect(() => sketchedLstsq(A, b, { method, signal: AbortSignal.abort() })).toThrow(DOMException)
  })
})

describe('what sketchedLstsq refuses', () => {
  const A = random.normal([200, 5]) as never
  const b = new Float64Array(200).fill(1)
  const call = (options: unknown): (() => unknown) => {
    return () => sketchedLstsq(A, b, options as SketchedLstsqOptions)
  }

  test.each([
    [{ method: 'lsqr' }, 'options.method'],
    [{ guarantee: 'l1' }, 'options.guarantee'],
    [{ guarantee: 'linf' }, 'options.guarantee'],
    [{ guarantee: 'linf', method: 'iterative' }, 'options.guarantee'],
    [{ guarantee: 'linf', method: 'solve', sketch: gaussian([20, 200]) }, 'options.sketch'],
    [{ size: 4 }, 'options.size'],
    [{ size: 0 }, 'options.size'],
    [{ size: 10.5 }, 'options.size'],
    [{ size: 20, sketch: gaussian([20, 200]) }, 'options.size'],
    [{ sketch: gaussian([4, 200]) }, 'options.sketch'],
    [{ sketch: gaussian([20, 199]) }, 'options.sketch'],
    [{ sketch: 'srht' }, 'options.sketch'],
    [{ sketch: asOperator(random.normal([20, 200]) as never) }, 'options.sketch'],
    [{ rtol: -1 }, 'options.rtol'],
    [{ maxIterations: -1 }, 'options.maxIterations'],
    [{ seed: 0.5 }, 'options.seed'],
    [{ sise: 20 }, 'options'],
    [3, 'options'],
  ])('the options %o', (options, argument) => {
    expect(call(options)).toThrow(OptionError)
    expect(call(options)).toThrow(new RegExp(`^sketchedLstsq: ${argument}: expected`))
  })

  test('shapes that do not fit, and numbers that are none', () => {
    expect(() => sketchedLstsq(A, [1, 2])).toThrow(ShapeError)
    expect(() => sketchedLstsq(A, [1, 2])).toThrow(/^sketchedLstsq: B: expected a vector of 200/)
    expect(() => sketchedLstsq(A, random.normal([199, 2]) as never)).toThrow(ShapeError)
    expect(() => sketchedLstsq(3 as never, [1])).toThrow(/^sketchedLstsq: A:/)
    expect(() => sketchedLstsq([[1], [NaN]], [1, 2])).toThrow(NotFiniteError)
    expect(() => sketchedLstsq([[1, 2, Infinity]], [1])).toThrow(/^sketchedLstsq: A: .*\[0, 2\]/)
    expect(() => sketchedLstsq([[1], [2]], [1, NaN])).toThrow(NotFiniteError)
    const wide = random.normal([5, 200]) as never
    const linf = { method: 'solve', guarantee: 'linf' } as const
    expect(() => sketchedLstsq(wide, new Float64Array(5), linf)).toThrow(ShapeError)
  })

  test('too few iterations: the error holds what was reached', () => {
    for (const maxIterations of [0, 2]) {
      try {
        sketchedLstsq(A, random.normal([200]).data, { maxIterations, size: 40 })
        expect.unreachable()
      } catch (error) {
        expect(error).toBeInstanceOf(ConvergenceError)
        const { argument, iterations, best } = error as ConvergenceError
        expect(argument).toBe('options.maxIterations')
        expect(iterations).toBe(maxIterations)
        expect((best as { x: Float64Array }).x.length).toBe(5)
      }
    }
  })

  test('an operator whose answers are wrong', () => {
    const bad = operator({
      shape: [200, 2],
      matmat: () => [[1, 2]] as never,
      rmatmat: () => [[NaN]] as never,
    })
    expect(() => sketchedLstsq(bad, b)).toThrow(ShapeError)
    expect(() => sketchedLstsq(A, b, { sketch: sparseSign([40, 200]) })).not.toThrow()
  })
})
