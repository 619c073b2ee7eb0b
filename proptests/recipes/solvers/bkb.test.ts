import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { kernelMatrix } from '../../../src/factorize/index.js'
import {
  NotFiniteError,
  OptionError,
  ShapeError,
  cholesky,
  eigh,
  eye,
  matrix,
  operator,
  random,
} from '../../../src/linalg/index.js'
import type { Matrix } from '../../../src/linalg/index.js'
import { solvers } from '../../../src/recipes/index.js'
import { RUNS } from '../../support/cases.js'

const { bkb } = solvers

/** The exact posterior by a dense solve over the history, repeats and all. */
function exactPosterior(
  K: Matrix,
  history: readonly number[],
  y: readonly number[],
  noise: number,
): { mean: number[]; variance: number[] } {
  const T = history.length
  const A = K.shape[0]!
  const ridge = matrix(history.map((i, s) => history.map((j, t) => K.get(i, j) + (s === t ? noise : 0))))
  const cross = matrix(history.map((i) => Array.from({ length: A }, (_, x) => K.get(i, x))))
  const { solve } = cholesky(ridge)
  const [weights, solved] = [solve(y), solve(cross)]
  const over = (f: (t: number) => number): number => history.reduce((sum, _, t) => sum + f(t), 0)
  const arms = Array.from({ length: A }, (_, x) => x)
  expect(T).toBe(y.length)
  return {
    mean: arms.map((x) => over((t) => cross.get(t, x) * weights[t]!)),
    variance: arms.map((x) => K.get(x, x) - over((t) => cross.get(t, x) * solved.get(t, x))),
  }
}

const sum = (x: ArrayLike<number>): number => Array.from(x).reduce((a, b) => a + b, 0)

/** Arms, and rounds in which arms come more than once. */
const plays = fc.record({
  arms: fc.integer({ min: 1, max: 40 }),
  rounds: fc.integer({ min: 1, max: 30 }),
  kernel: fc.constantFrom('rbf' as const, 'laplacian' as const, 'polynomial' as const),
  gamma: fc.constantFrom(0.1, 1, 10),
  noise: fc.constantFrom(0.01, 0.1, 1),
  seed: fc.nat(1000),
})

function played(rounds: number, arms: number, seed: number): { history: number[]; y: number[] } {
  const u = random.uniform([rounds], { seed: seed + 1 }).data
  const y = random.normal([rounds], { seed: seed + 2 }).data
  return { history: Array.from(u, (value) => Math.floor(value * arms)), y: Array.from(y) }
}

describe('bkb', () => {
  test('keeps everything and equals the exact posterior where q̄ is huge', () => {
    fc.assert(
      fc.property(plays, ({ arms, rounds, kernel, gamma, noise, seed }) => {
        const X = random.uniform([arms, 2], { seed })
        const K = kernelMatrix(X, { kernel, gamma }).matmat(eye(arms))
        const { history, y } = played(rounds, arms, seed)
        const bandit = bkb({ arms: X, kernel, gamma, noise, qbar: 1e12, seed })
        history.forEach((arm, t) => {
          bandit.tell(arm, y[t]!)
          if (t % 3 === 0) bandit.posterior()
        })
        const { mean, variance } = bandit.posterior()
        expect(Array.from(bandit.dictionary)).toEqual([...new Set(history)].sort((a, b) => a - b))
        const exact = exactPosterior(K, history, y, noise)
        const size = Math.max(...Array.from({ length: arms }, (_, i) => K.get(i, i)))
        // Eigenvalues up to |S|·eps count as 0: features move by the root of that (the handbook's 1e-6).
        for (let i = 0; i < arms; i++) {
          expect(Math.abs(variance[i]! - exact.variance[i]!)).toBeLessThanOrEqual(1e-6 * size)
          expect(Math.abs(mean[i]! - exact.mean[i]!)).toBeLessThanOrEqual(
            1e-6 * rounds * Math.sqrt(size / noise),
          )
        }
        const bound = (i: number): number => exact.mean[i]! + Math.sqrt(Math.max(0, exact.variance[i]!))
        const best = Math.max(...exact.mean.map((_, i) => bound(i)))
        expect(bound(bandit.next())).toBeGreaterThanOrEqual(best - 1e-3 * rounds * Math.sqrt(size / noise))
      }),
      RUNS,
    )
  })

  test('variance is never negative, nor above the prior one; whatever the kernel and the size of y', () => {
    fc.assert(
      fc.property(plays, fc.constantFrom(1, 1e150, 1e-150), fc.constantFrom(0.1, 1, 5), (c, scale, qbar) => {
        const { arms, rounds, kernel, gamma, noise, seed } = c
        const X = random.normal([arms, 2], { seed })
        const prior = kernelMatrix(X, { kernel, gamma }).diagonal!()
        const bandit = bkb({ arms: X, kernel, gamma, noise, qbar, seed })
        const { history, y } = played(rounds, arms, seed)
        history.forEach((arm, t) => {
          bandit.tell(arm, scale * y[t]!)
          const { mean, variance } = bandit.posterior()
          expect(bandit.dictionary.length).toBeGreaterThan(0)
          expect(bandit.dictionary.every((i) => history.slice(0, t + 1).includes(i))).toBe(true)
          variance.forEach((v, i) => {
            expect(v).toBeGreaterThanOrEqual(0)
            expect(v).toBeLessThanOrEqual(prior[i]! * (1 + 1e-9))
            expect(Number.isFinite(mean[i]!)).toBe(true)
          })
        })
      }),
      RUNS,
    )
  })

  test('variances are within a factor 3 of the exact ones for q̄ = 5, for 97% of seeds', () => {
    const [arms, rounds, noise] = [200, 60, 0.01]
    const good = Array.from({ length: 40 }, (_, seed) => {
      const X = random.uniform([arms, 2], { seed })
      const options = { kernel: 'rbf', gamma: 12.5 } as const
      const { history, y } = played(rounds, arms, seed)
      const bandit = bkb({ arms: X, ...options, noise, qbar: 5, seed })
      history.forEach((arm, t) => {
        bandit.tell(arm, y[t]!)
        if (t % 5 === 4) bandit.posterior()
      })
      const { variance } = bandit.posterior()
      const exact = exactPosterior(kernelMatrix(X, options).matmat(eye(arms)), history, y, noise)
      return variance.every((v, i) => v <= 3 * exact.variance[i]! && v >= exact.variance[i]! / 3)
    })
    expect(good.filter(Boolean).length / good.length).toBeGreaterThanOrEqual(0.97)
  })

  test('each observation is kept with probability min(1, q̄·variance/λ)', () => {
    const [arms, noise, qbar] = [60, 4, 2]
    const X = random.uniform([arms, 2])
    const times = Array.from({ length: arms }, (_, i) => i % 4)
    let [surplus, variance] = [0, 0]
    for (let seed = 0; seed < 200; seed++) {
      const bandit = bkb({ arms: X, gamma: 5, noise, qbar, seed })
      for (let round = 0; round < 2; round++) {
        const before = bandit.posterior().variance
        times.forEach((n, i) => {
          for (let t = 0; t < n; t++) bandit.tell(i, 1)
        })
        bandit.posterior()
        before.forEach((v, i) => {
          const kept = 1 - (1 - Math.min(1, (qbar * v) / noise)) ** ((round + 1) * times[i]!)
          surplus -= kept
          variance += kept * (1 - kept)
        })
        surplus += bandit.dictionary.length
      }
    }
    // A sum of independent draws, given what came before: within 4 standard deviations.
    expect(Math.abs(surplus)).toBeLessThanOrEqual(4 * Math.sqrt(variance))
  })

  test('the dictionary is bounded by the effective dimension', () => {
    const [arms, noise, qbar] = [300, 0.01, 2]
    const X = random.uniform([arms, 2])
    const options = { kernel: 'rbf', gamma: 12.5 } as const
    const { values } = eigh(kernelMatrix(X, options).matmat(eye(arms)))
    const dimension = sum(values.map((value) => value / (value + noise)))
    for (let seed = 0; seed < 5; seed++) {
      const bandit = bkb({ arms: X, ...options, noise, qbar, seed })
      for (let i = 0; i < arms; i++) {
        bandit.tell(i, 0)
        if (i % 20 === 19) bandit.posterior()
      }
      bandit.posterior()
      expect(bandit.dictionary.length).toBeLessThan(3 * qbar * dimension)
      expect(bandit.dictionary.length).toBeLessThan(0.7 * arms)
    }
  })

  test('the same seed gives the same arms; another one other dictionaries; questions change nothing', () => {
    const X = random.uniform([100, 2])
    const run = (seed: number, ask: boolean): unknown[] => {
      const bandit = bkb({ arms: X, gamma: 10, noise: 0.5, qbar: 1, seed })
      return Array.from({ length: 20 }, () => {
        const arm = bandit.next()
        if (ask) {
          bandit.posterior().variance.fill(0)
          bandit.dictionary.fill(0)
          expect(bandit.next()).toBe(arm)
        }
        bandit.tell(arm, Math.sin(arm))
        return [arm, ...bandit.dictionary]
      })
    }
    expect(run(1, true)).toEqual(run(1, false))
    expect(run(1, false)).not.toEqual(run(2, false))
  })

  test('points, a function of two points, an operator and one that answers with Promises', async () => {
    const X = random.uniform([50, 3])
    const rbf = (x: Float64Array, y: Float64Array): number =>
      Math.exp(-2 * x.reduce((total, value, i) => total + (value - y[i]!) ** 2, 0))
    const K = kernelMatrix(X, { gamma: 2 })
    const common = { noise: 0.1, seed: 3 }
    const products = (V: Matrix): Promise<Matrix> => Promise.resolve(K.matmat(V))
    const ways = [
      bkb({ arms: X, gamma: 2, ...common }),
      bkb({ arms: X, kernel: rbf, ...common }),
      bkb({ arms: K, ...common }),
      bkb({
        arms: operator({ shape: [50, 50], async: true, matmat: products, rmatmat: products }),
        ...common,
      }),
    ]
    for (let t = 0; t < 15; t++) {
      const arms = []
      for (const bandit of ways) {
        const arm = await bandit.next.async()
        bandit.tell(arm, Math.cos(arm))
        arms.push(arm)
      }
      expect(new Set(arms).size).toBe(1)
    }
    const posteriors = await Promise.all(ways.map((bandit) => bandit.posterior.async()))
    for (const { mean } of posteriors) {
      mean.forEach((value, i) => expect(value).toBeCloseTo(posteriors[0]!.mean[i]!, 9))
    }
  })

  test('before any observation it believes the prior; arms of no variance; one arm', () => {
    const bandit = bkb({ arms: [[1], [0], [2]], kernel: (x, y) => x[0]! * y[0]!, noise: 1 })
    expect(bandit.posterior()).toEqual({ mean: new Float64Array(3), variance: Float64Array.of(1, 0, 4) })
    expect(bandit.next()).toBe(2)
    expect(bandit.dictionary).toEqual(new Int32Array(0))
    // What it has seen of an arm that cannot vary says nothing of the others.
    bandit.tell(1, 5)
    expect(bandit.posterior()).toEqual({ mean: new Float64Array(3), variance: Float64Array.of(1, 0, 4) })
    expect(bandit.dictionary).toEqual(Int32Array.of(1))
    const single = bkb({ arms: [[3]], noise: 1 })
    single.tell(0, 4)
    single.tell(0, 2)
    expect(single.posterior().mean[0]).toBeCloseTo(2, 12)
    expect(single.posterior().variance[0]).toBeCloseTo(1 / 3, 12)
  })

  test('refuses what it cannot use', () => {
    const arms = [[0], [1]]
    expect(() => bkb({ arms } as never)).toThrow(/^bkb: options.noise/)
    for (const bad of [
      { noise: 0 },
      { noise: 1, qbar: 0 },
      { noise: 1, beta: -1 },
      { noise: 1, seed: 0.5 },
    ]) {
      expect(() => bkb({ arms, ...bad })).toThrow(OptionError)
    }
    expect(() => bkb({ arms, noise: 1, kernle: 'rbf' } as never)).toThrow(OptionError)
    expect(() => bkb({ arms, noise: 1, gamma: -1 })).toThrow(OptionError)
    expect(() => bkb({ arms: [[NaN]], noise: 1 })).toThrow(NotFiniteError)
    expect(() => bkb({ noise: 1 } as never)).toThrow(ShapeError)
    const bandit = bkb({ arms, noise: 1 })
    for (const arm of [-1, 2, 0.5, NaN]) expect(() => bandit.tell(arm, 1)).toThrow(/^bkb.tell: arm/)
    expect(() => bandit.tell(0, NaN)).toThrow(NotFiniteError)
    expect(bandit.posterior().variance).toEqual(Float64Array.of(1, 1))
  })
})
