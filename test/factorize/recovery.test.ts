import { describe, expect, test } from 'vitest'
import { matrixSensing, recoverSubgradient, robustPca } from '../../src/factorize/index.js'
import type { Measurements, RobustPca, Svd } from '../../src/factorize/index.js'
import {
  ConvergenceError,
  NotFiniteError,
  OptionError,
  ShapeError,
  random,
  zeros,
} from '../../src/linalg/index.js'

const shape = [5, 5] as const
const sensors = random.normal([40, 25])
const values = random.normal([40], { seed: 1 }).data

interface Recovered {
  readonly lowRank: Svd
  readonly rank: number
  readonly residual: number
  readonly history: readonly { readonly residual: number }[]
}
const METHODS: Record<
  string,
  (measurements: Measurements, options: { rank: number; maxIterations?: number; step?: number }) => Recovered
> = {
  matrixSensing,
  recoverSubgradient,
}

describe.each(Object.entries(METHODS))('%s', (name, recover) => {
  const call = (measurements: unknown, options: unknown = { rank: 2 }): (() => unknown) => {
    return () => recover(measurements as never, options as never)
  }

  test.each([
    ['no measurements', null],
    ['a matrix', sensors],
    ['fewer values than sensors', { shape, sensors, values: values.slice(1) }],
    ['another shape', { shape: [5, 4], sensors, values }],
    ['three sides', { shape: [5, 5, 1], sensors, values }],
    ['no side', { shape: [0, 5], sensors: zeros([40, 0]), values }],
    ['too few', { shape, sensors: random.normal([4, 25]), values: values.slice(0, 4) }],
    ['sensors that are zero', { shape, sensors: zeros([40, 25]), values }],
    ['lists of unequal length', { shape, rows: [0, 1], cols: [0], values }],
    ['entries outside', { shape, rows: [0, 5, 1, 2, 3], cols: [0, 1, 2, 3, 4], values: [1, 2, 3, 4, 5] }],
  ])('refuses %s', (_, measurements) => {
    expect(call(measurements)).toThrow(ShapeError)
    expect(call(measurements)).toThrow(new RegExp(`^${name}: measurements`))
  })

  test('refuses what is not finite', () => {
    expect(call({ shape, sensors, values: values.map((x, i) => (i === 3 ? NaN : x)) })).toThrow(
      NotFiniteError,
    )
    const broken = random.normal([40, 25])
    broken.data[7] = Infinity
    expect(call({ shape, sensors: broken, values })).toThrow(NotFiniteError)
  })

  test.each([
    {},
    undefined,
    { rank: 0 },
    { rank: 1.5 },
    { rank: 2, step: 0 },
    { rank: 2, rtol: -1 },
    { rnak: 2 },
  ])('refuses the options %j', (options) => {
    const run = (): unknown => recover({ shape, sensors, values }, options as never)
    expect(run).toThrow(OptionError)
    expect(run).toThrow(new RegExp(`^${name}: options`))
  })

  test('says what it had reached where it does not converge, and where its step is too long', () => {
    for (const [options, iterations] of [
      [{ rank: 2, maxIterations: 7 }, 7],
      [{ rank: 2, step: 50 }, undefined],
    ] as const) {
      let error: unknown
      try {
        recover({ shape, sensors, values }, options)
      } catch (thrown) {
        error = thrown
      }
      expect(error).toBeInstanceOf(ConvergenceError)
      const { best, message, iterations: taken } = error as ConvergenceError<Recovered>
      expect(best!.history.length).toBe(taken + 1)
      expect(best!.residual).toBe(Math.min(...best!.history.map(({ residual }) => residual)))
      expect(best!.lowRank.shape).toEqual([5, 5])
      expect(message).toMatch(iterations === undefined ? /too long/ : /after 7 iterations/)
    }
  })

  test('a rank above the sides is clamped; an abort and progress reach it', () => {
    const run = (options: object): unknown => recover({ shape, sensors, values }, { rank: 2, ...options })
    const controller = new AbortController()
    const seen: string[] = []
    expect(() =>
      run({
        signal: controller.signal,
        onProgress: ({ method, done }: { method: string; done: number }) => {
          seen.push(method)
          if (done === 3) controller.abort(new Error('enough'))
        },
      }),
    ).toThrow('enough')
    expect(new Set(seen)).toEqual(new Set([name]))
    const x = [1, 2, 3, 4, 5]
    const X = x.flatMap((a) => x.map((b) => a * b))
    const seenValues = Float64Array.from({ length: 40 }, (_, i) =>
      X.reduce((sum, entry, e) => sum + entry * sensors.get(i, e), 0),
    )
    expect(recover({ shape, sensors, values: seenValues }, { rank: 99 }).rank).toBe(5)
  })
})

describe('recoverSubgradient', () => {
  test('wants a square shape', () => {
    const given = { shape: [5, 4] as const, sensors: random.normal([40, 20]), values }
    expect(() => recoverSubgradient(given, { rank: 1 })).toThrow(ShapeError)
    expect(() => matrixSensing(given, { rank: 1, method: 'symmetric' })).toThrow(ShapeError)
    for (const decay of [0, 1, NaN]) {
      expect(() => recoverSubgradient({ shape, sensors, values }, { rank: 1, decay })).toThrow(OptionError)
    }
  })
})

describe('robustPca', () => {
  test('refuses bad input', () => {
    const A = random.normal([6, 4])
    for (const options of [
      { lambda: 0 },
      { lambda: NaN },
      { rank: 0 },
      { rtol: -1 },
      { maxIterations: 0 },
      { lamda: 1 },
    ]) {
      expect(() => robustPca(A, options as never)).toThrow(OptionError)
    }
    expect(() => robustPca([1, 2] as never)).toThrow(ShapeError)
    A.set(4, 2, NaN)
    expect(() => robustPca(A)).toThrow(/^robustPca: A: expected finite numbers, given NaN at \[4, 2\]/)
    expect(() => robustPca(A)).toThrow(NotFiniteError)
  })

  test('empty and zero matrices', () => {
    for (const [m, n] of [
      [0, 0],
      [0, 4],
      [3, 0],
      [3, 4],
    ] as const) {
      const { lowRank, sparse, rank, iterations } = robustPca(zeros([m, n]))
      expect([rank, iterations, lowRank.errorEstimate]).toEqual([0, 0, 0])
      expect(sparse.shape).toEqual([m, n])
      expect(lowRank.toDense().shape).toEqual([m, n])
    }
  })

  test('says what it had reached', () => {
    const A = random.normal([6, 4])
    let error: unknown
    try {
      robustPca(A, { maxIterations: 3 })
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(ConvergenceError)
    const { best, iterations, residual } = error as ConvergenceError<RobustPca>
    expect(iterations).toBe(3)
    expect(best!.history.at(-1)!.residual).toBe(residual)
    expect(best!.sparse.shape).toEqual([6, 4])
    expect(() => robustPca(A, { signal: AbortSignal.abort(new Error('no')) })).toThrow('no')
  })
})
