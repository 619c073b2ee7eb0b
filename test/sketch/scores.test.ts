import { describe, expect, test } from 'vitest'
import {
  NotFiniteError,
  OptionError,
  ShapeError,
  asOperator,
  operator,
  zeros,
} from '../../src/linalg/index.js'
import type { Method } from '../../src/linalg/index.js'
import type { RootLeverageOptions } from '../../src/sketch/index.js'
import { lewisWeights, lpRegression, rootLeverageScores, sensitivities } from '../../src/sketch/index.js'

const SCORES: Record<string, Method<[options: RootLeverageOptions], Float64Array>> = {
  lewisWeights,
  sensitivities,
  rootLeverageScores,
}
const A = [
  [1, 2],
  [3, 4],
  [5, 7],
]

describe.each(Object.entries(SCORES))('%s', (name, score) => {
  test.each([0.5, 0, -1, NaN, Infinity, '1', undefined])('refuses p = %j', (p) => {
    const call = (): unknown => score(A, { p: p as number })
    expect(call).toThrow(OptionError)
    expect(call).toThrow(new RegExp(`^${name}: options.p: expected a finite number >= 1`))
  })

  test('refuses what is no matrix, not finite, or no option', () => {
    expect(() => score(3 as never, { p: 1 })).toThrow(ShapeError)
    expect(() => score([[1, NaN]], { p: 1 })).toThrow(NotFiniteError)
    expect(() => score([[1, Infinity]], { p: 1 })).toThrow(new RegExp(`^${name}: A: .*\\[0, 1\\]`))
    expect(() => score(A, { p: 1, q: 2 } as never)).toThrow('the unknown option q')
    expect(() => (score as unknown as (A: unknown) => unknown)(A)).toThrow(OptionError)
    const broken = operator({
      shape: [3, 2],
      matmat: () => zeros([2, 2]),
      rmatmat: () => zeros([2, 2]),
    })
    expect(() => score(broken, { p: 1 })).toThrow(ShapeError)
  })

  test('an aborted call throws the reason', async () => {
    const reason = new Error('enough')
    const signal = AbortSignal.abort(reason)
    expect(() => score(A, { p: 1, signal })).toThrow(reason)
    await expect(score.async(asOperator(A), { p: 1, signal })).rejects.toBe(reason)
  })
})

test('known weights: independent directions, each with rows of lengths c share |c|^p', () => {
  const rows = [
    [1, 0],
    [3, 0],
    [0, 5],
  ]
  for (const p of [1, 1.5, 2, 3, 6]) {
    const truth = [1 / (1 + 3 ** p), 3 ** p / (1 + 3 ** p), 1]
    lewisWeights(rows, { p }).forEach((w, i) => expect(w).toBeCloseTo(truth[i]!, 9))
    // The theorem's bound for p > 2 counts the rank; earlier iterates may be better.
    const factor = 2 ** Math.max(0, p / 2 - 1)
    sensitivities(rows, { p }).forEach((s, i) => {
      expect(s).toBeGreaterThanOrEqual(truth[i]!)
      expect(s).toBeLessThanOrEqual(Math.min(1, factor * truth[i]! * (1 + 1e-5)))
    })
    sensitivities(rows, { p, method: 'exact' }).forEach((s, i) => expect(s).toBeCloseTo(truth[i]!, 7))
  }
})

test('the options of one function', () => {
  expect(() => lewisWeights(A, { p: 1, tol: -1 })).toThrow(OptionError)
  expect(() => lewisWeights(A, { p: 1, maxIterations: 0 })).toThrow(OptionError)
  expect(() => sensitivities(A, { p: 1, method: 'upper' as never })).toThrow("'bound' | 'exact'")
  expect(() => rootLeverageScores(A, { p: 2.01 })).toThrow(/in \[1, 2\]/)
  expect(Array.from(rootLeverageScores([[3], [4]], { p: 1 }))).toEqual([
    expect.closeTo(0.6, 14),
    expect.closeTo(0.8, 14),
  ])
})

describe('lpRegression', () => {
  const b = [1, 2, 3]
  test.each([
    [{ p: 0.9 }, 'options.p'],
    [{ p: NaN }, 'options.p'],
    [{ p: Infinity }, 'options.p'],
    [{}, 'options.p'],
    [{ p: 1, method: 'irls' }, 'options.method'],
    [{ p: 1, tol: -1 }, 'options.tol'],
    [{ p: 1, maxIterations: 0 }, 'options.maxIterations'],
    [{ p: 1, count: 2 }, 'options.count'],
    [{ p: 1, epsilon: 0.1 }, 'options.epsilon'],
    [{ p: 1, method: 'sampled', count: 0 }, 'options.count'],
    [{ p: 1, method: 'sampled', epsilon: 1 }, 'options.epsilon'],
    [{ p: 1, method: 'sampled', seed: -1 }, 'options.seed'],
    [{ p: 1, weights: b }, 'the unknown option weights'],
  ])('refuses %j', (options, message) => {
    expect(() => lpRegression(A, b, options as never)).toThrow(OptionError)
    expect(() => lpRegression(A, b, options as never)).toThrow(message)
  })

  test('refuses operands that do not fit', () => {
    expect(() => lpRegression(A, [1, 2], { p: 1 })).toThrow(ShapeError)
    expect(() => lpRegression(A, [1, 2, NaN], { p: 1 })).toThrow(NotFiniteError)
    expect(() => lpRegression([[NaN], [1], [2]], b, { p: 1 })).toThrow(NotFiniteError)
    expect(() => lpRegression('A' as never, b, { p: 1 })).toThrow(ShapeError)
    expect(() => lpRegression(A, 3 as never, { p: 1 })).toThrow(ShapeError)
  })

  test('a location: the median, the mean, and the middle of the range', () => {
    const ones = Array.from({ length: 5 }, () => [1])
    const values = [0, 1, 5, 6, 100]
    expect(lpRegression(ones, values, { p: 1 }).x[0]).toBeCloseTo(5, 5)
    expect(lpRegression(ones, values, { p: 2 }).x[0]).toBeCloseTo(22.4, 12)
    expect(lpRegression(ones, values, { p: 300 }).x[0]).toBeCloseTo(50, 0)
    // An even number: any point between the two in the middle, and the sum of distances is certain.
    expect(lpRegression(ones.slice(1), values.slice(1), { p: 1 }).residual).toBeCloseTo(4 + 1 + 0 + 95, 5)
  })
})
