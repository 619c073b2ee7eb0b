import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { matrix, random, solve } from '../../src/linalg/index.js'
import { runSync } from '../../src/linalg/steps.js'
import { solvers } from '../../src/recipes/index.js'
import { smoothSteps } from '../../src/recipes/solvers/statespace.js'
import type { Matern } from '../../src/recipes/solvers/statespace.js'
import { RUNS } from '../support/cases.js'
import { EPS, YARDSTICK } from '../support/measures.js'

const { funbat } = solvers

const kernelOf = ({ nu, length, variance }: Matern, r: number): number =>
  nu === 0.5
    ? variance * Math.exp(-r / length)
    : variance * (1 + (Math.sqrt(3) * r) / length) * Math.exp((-Math.sqrt(3) * r) / length)

test('the smoother is the Gaussian process: means, variances and evidence of the dense formula', () => {
  fc.assert(
    fc.property(
      fc.nat(1000),
      fc.integer({ min: 1, max: 12 }),
      fc.constantFrom(0.5, 1.5),
      fc.constantFrom(0.05, 0.5, 3),
      (seed, J, nu, length) => {
        const kernel: Matern = { nu: nu, length, variance: 1.3 }
        const t = Float64Array.from(random.uniform([J], { seed }).data).sort()
        const data = random.normal([J], { seed: seed + 1 }).data
        // Some coordinates have no data, one has much.
        const lambda = Array.from({ length: J }, (_, j) => (j % 3 === 1 ? 0 : j === 0 ? 100 : 2))
        const sites = lambda.map((l, j) => ({
          precision: matrix([[l]]),
          shift: Float64Array.of(l * data[j]!),
        }))
        const found = runSync(smoothSteps(kernel, t, sites, 1))
        const K = matrix(Array.from(t, (a) => Array.from(t, (b) => kernelOf(kernel, Math.abs(a - b)))))
        // Posterior: (K⁻¹ + Λ)⁻¹ = K·(I + ΛK)⁻¹
        const S = matrix(lambda.map((l, i) => Array.from(t, (_, j) => (i === j ? 1 : 0) + l * K.get(i, j))))
        const shift = lambda.map((l, j) => l * data[j]!)
        const inner = solve(S, shift)
        const columns = solve(S, matrix(lambda.map((l, i) => Array.from(t, (_, j) => l * K.get(i, j)))))
        const units = YARDSTICK * EPS * J * 1.3 * 100 * 100
        for (let i = 0; i < J; i++) {
          let mean = 0
          let variance = K.get(i, i)
          for (let j = 0; j < J; j++) {
            mean += K.get(i, j) * inner[j]!
            variance -= K.get(i, j) * columns.get(j, i)
          }
          expect(Math.abs(found.means[i]![0]! - mean)).toBeLessThanOrEqual(units)
          expect(Math.abs(found.covariances[i]!.get(0, 0) - variance)).toBeLessThanOrEqual(units)
        }
        // log ∫ = ½·ηᵀK(I + ΛK)⁻¹η − ½·log|I + ΛK|, for the same sites one after another or all at once.
        let quadratic = 0
        for (let i = 0; i < J; i++)
          for (let j = 0; j < J; j++) quadratic += shift[i]! * K.get(i, j) * inner[j]!
        const logDet = Math.log(determinant(S))
        expect(Math.abs(found.logEvidence - (quadratic - logDet) / 2)).toBeLessThanOrEqual(units * 100)
      },
    ),
    RUNS,
  )
})

/** By elimination without pivoting: I + ΛK has positive leading minors. */
function determinant(A: ReturnType<typeof matrix>): number {
  const n = A.shape[0]!
  const M = Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => A.get(i, j)))
  let product = 1
  for (let k = 0; k < n; k++) {
    product *= M[k]![k]!
    for (let i = k + 1; i < n; i++) {
      const f = M[i]![k]! / M[k]![k]!
      for (let j = k; j < n; j++) M[i]![j]! -= f * M[k]![j]!
    }
  }
  return product
}

const planted = (a: number, b: number): number => Math.exp(-2 * a) * Math.sin(3 * b) + a * a * Math.cos(2 * b)

function observations(
  N: number,
  seed: number,
  noise: number,
): { points: ReturnType<typeof matrix>; y: Float64Array } {
  // On a grid of coordinates that lie anywhere: each mode has 25 of them.
  const axes = [0, 1].map((n) => random.uniform([25], { seed: seed + 2 + n }).data)
  const at = random.uniform([N, 2], { seed })
  const points = matrix(
    Array.from({ length: N }, (_, i) => axes.map((axis, n) => axis[Math.floor(25 * at.get(i, n))]!)),
  )
  const e = random.normal([N], { seed: seed + 1 }).data
  const y = Float64Array.from(
    { length: N },
    (_, i) => planted(points.get(i, 0), points.get(i, 1)) + noise * e[i]!,
  )
  return { points, y }
}

describe('funbat', () => {
  test('the bound never falls', () => {
    fc.assert(
      fc.property(
        fc.nat(1000),
        fc.constantFrom(0.5, 1.5),
        fc.integer({ min: 1, max: 3 }),
        (seed, nu, rank) => {
          const { points, y } = observations(40, seed, 0.05)
          const { history } = funbat(points, y, {
            ranks: [rank, Math.max(1, rank - 1)],
            length: [0.4, 0.6],
            nu: nu,
            sweeps: 8,
            restarts: 1,
            seed,
          })
          for (let t = 1; t < history.length; t++) {
            const scale = Math.abs(history[t]!) + y.length
            expect(history[t]! - history[t - 1]!).toBeGreaterThanOrEqual(-scale * EPS ** 0.5)
          }
        },
      ),
      { ...RUNS, numRuns: 10 },
    )
  })

  test('a planted function is found between the points, with an honest variance and its noise', () => {
    const { points, y } = observations(250, 5, 0.02)
    const model = funbat(points, y, { ranks: 3, length: 0.5, restarts: 3, sweeps: 24 })
    const fresh = random.uniform([200, 2], { seed: 77 })
    const { mean, variance } = model.predict(fresh)
    let [squares, inside] = [0, 0]
    for (let i = 0; i < 200; i++) {
      const error = mean[i]! - planted(fresh.get(i, 0), fresh.get(i, 1))
      squares += error ** 2
      if (Math.abs(error) <= 3 * Math.sqrt(variance[i]!) + 1e-3) inside++
    }
    expect(Math.sqrt(squares / 200)).toBeLessThan(0.02)
    expect(inside).toBeGreaterThanOrEqual(0.9 * 200)
    expect(model.noise).toBeGreaterThan(0.015)
    expect(model.noise).toBeLessThan(0.027)
  })

  test('the order of the observations does not matter, nor the unit of y', () => {
    const { points, y } = observations(30, 9, 0.1)
    const options = { ranks: 1, length: 0.5, sweeps: 4, restarts: 1 }
    const there = [[0.3, 0.4]]
    const one = funbat(points, y, options).predict(there)
    const backwards = funbat(points.step(-1, 1), y.slice().reverse(), options).predict(there)
    const larger = funbat(
      points,
      y.map((x) => 1000 * x + 5),
      options,
    ).predict(there)
    const room = 1e6 * EPS * Math.abs(one.mean[0]!)
    expect(Math.abs(backwards.mean[0]! - one.mean[0]!)).toBeLessThanOrEqual(room)
    expect(Math.abs((larger.mean[0]! - 5) / 1000 - one.mean[0]!)).toBeLessThanOrEqual(room)
    expect(Math.abs(larger.variance[0]! / 1e6 - one.variance[0]!)).toBeLessThanOrEqual(room)
  })

  test('three modes, equal coordinates, constant values; and what does not fit is refused', () => {
    const model = funbat([[0, 0, 0], [0, 1, 0], [1, 0, 1]], [1, 1, 1], { ranks: 1, length: 1, sweeps: 2, restarts: 1 }) // prettier-ignore
    expect(model.predict([[0, 0, 0]]).mean[0]).toBeCloseTo(1, 6)
    expect(model.predict([[0.5, 2, -1]]).variance[0]).toBeGreaterThanOrEqual(0)
    expect(() => funbat([[1]], [NaN], { ranks: 1, length: 1 })).toThrow(/funbat: y/)
    expect(() => funbat([[1]], [1, 2], { ranks: 1, length: 1 })).toThrow(/funbat: y: expected .*1/)
    expect(() => funbat([[1]], [1], { ranks: [1, 2], length: 1 })).toThrow(
      /options.ranks: expected 1 of them/,
    )
    expect(() => funbat([[1]], [1], { ranks: 0, length: 1 })).toThrow(
      /options.ranks: expected an integer >= 1/,
    )
    expect(() => funbat([[1]], [1], { ranks: 1, length: 0 })).toThrow(
      /options.length: expected a finite number > 0/,
    )
    expect(() => funbat(matrix([], [0, 2]), [], { ranks: 1, length: 1 })).toThrow(/a point at least/)
    expect(() => model.predict([[1, 2]])).toThrow(/funbat.predict: points: expected 3 columns/)
  })
})
