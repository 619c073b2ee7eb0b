import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { eigh, matmul, matrix, random, transpose, zeros } from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { runSync } from '../../src/linalg/steps.js'
import { dppSample } from '../../src/sketch/index.js'
import { projectionDppSteps, samplePointsSteps } from '../../src/sketch/projectiondpp.js'
import { orthonormal } from '../../src/testing/index.js'
import { LAYOUTS, RUNS, relaid, symmetric } from '../support/cases.js'
import { doors } from '../support/doors.js'
import { expectLaw, members, minor } from '../support/laws.js'

// The oracle: the law itself, of each subset, by determinants.

/** P(S) of each subset, by its mask. */
function law(L: Matrix, count?: number): Float64Array {
  const n = L.shape[0]!
  const weights = Float64Array.from({ length: 2 ** n }, (_, mask) => {
    const S = members(mask, n)
    return count === undefined || S.length === count ? Math.max(0, minor(L, S)) : 0
  })
  const total = weights.reduce((sum, w) => sum + w, 0)
  return weights.map((w) => w / total)
}

const maskOf = (indices: Int32Array): number => indices.reduce((mask, i) => mask | (1 << i), 0)

const expectSubsets = (P: Float64Array, draw: (seed: number) => Int32Array, samples: number): void =>
  expectLaw(P, (seed) => maskOf(draw(seed)), samples)

/** A kernel of 6 points with eigenvalues of all sizes. */
const SPECTRUM = [0.02, 0.2, 0.6, 1, 2.5, 7]
const L = symmetric(SPECTRUM, 3)
/** L(I + L)⁻¹ */
const MARGINAL = symmetric(
  SPECTRUM.map((x) => x / (1 + x)),
  3,
)

describe('dppSample', () => {
  test('draws each subset with its probability, det(L_S)/det(I + L)', () => {
    const P = law(L)
    const I = zeros([6, 6])
    for (let i = 0; i < 6; i++) for (let j = 0; j < 6; j++) I.set(i, j, L.get(i, j) + Number(i === j))
    expect(Math.abs(P[0]! * minor(I, [0, 1, 2, 3, 4, 5]) - 1)).toBeLessThan(1e-12)
    expectSubsets(P, (seed) => dppSample(L, { seed }).indices, 4000)
  })

  test('from the marginal kernel the same law', () => {
    expectSubsets(law(L), (seed) => dppSample(MARGINAL, { kernel: 'marginal', seed }).indices, 2000)
  })

  test.each([1, 3, 5])('of %i points: in proportion to det(L_S), from all three kernels', (count) => {
    const P = law(L, count)
    const roots = symmetric(SPECTRUM.map(Math.sqrt), 3)
    expectSubsets(P, (seed) => dppSample(L, { count, seed }).indices, 3000)
    expectSubsets(P, (seed) => dppSample(MARGINAL, { kernel: 'marginal', count, seed }).indices, 1000)
    expectSubsets(P, (seed) => dppSample(roots, { kernel: 'factor', count, seed }).indices, 1000)
  })

  test('from a factor of few columns: the law of its product', () => {
    const B = random.normal([6, 2], { seed: 8 })
    expectSubsets(
      law(matmul(B, transpose(B))),
      (seed) => dppSample(B, { kernel: 'factor', seed }).indices,
      4000,
    )
  })

  test('marginals and pairs are minors of the marginal kernel, within four sigma', () => {
    const n = 12
    const K = symmetric(
      Array.from({ length: n }, (_, i) => (i + 0.5) / n),
      5,
    )
    const samples = 5000
    const often = new Float64Array(n * n)
    let [size, squares] = [0, 0]
    for (let seed = 0; seed < samples; seed++) {
      const { indices } = dppSample(K, { kernel: 'marginal', seed })
      for (const i of indices) for (const j of indices) often[i * n + j]!++
      size += indices.length
      squares += indices.length ** 2
    }
    // Among 78 numbers the largest deviation is below 4.5 sigma with probability 0.9995.
    for (let i = 0; i < n; i++) {
      for (let j = 0; j <= i; j++) {
        const p = i === j ? K.get(i, i) : minor(K, [i, j])
        const sigma = Math.sqrt(samples * p * (1 - p))
        expect(Math.abs(often[i * n + j]! - samples * p)).toBeLessThan(4.5 * sigma)
      }
    }
    // The size: mean Σκ, variance Σκ(1 − κ).
    const values = eigh(K).values
    const variance = values.reduce((sum, x) => sum + x * (1 - x), 0)
    const mean = size / samples
    expect(Math.abs(mean - values.reduce((sum, x) => sum + x, 0))).toBeLessThan(
      4 * Math.sqrt(variance / samples),
    )
    // A variance is known to √(2/N) of itself, a little more where the kurtosis is not that of a normal number.
    expect(Math.abs((squares / samples - mean * mean) / variance - 1)).toBeLessThan(
      5 * Math.sqrt(2 / samples),
    )
  })

  test('distinct, ascending, as many as wanted, for kernels of any size, rank, scale and layout', () => {
    const inputs = fc.record({
      n: fc.integer({ min: 1, max: 40 }),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
      digits: fc.integer({ min: 0, max: 8 }),
      scale: fc.constantFrom(1, 1e150, 1e-150),
      layout: fc.constantFrom(...LAYOUTS),
      seed: fc.nat(1000),
    })
    fc.assert(
      fc.property(inputs, ({ n, part, digits, scale, layout, seed }) => {
        const rank = Math.max(1, Math.round(part * n))
        const values = Array.from({ length: n }, (_, j) => (j < rank ? scale * 10 ** ((-digits * j) / n) : 0))
        const K = relaid(symmetric(values, seed), layout)
        for (const count of [1, Math.ceil(rank / 2), rank]) {
          const { indices } = dppSample(K, { count, seed })
          expect(indices.length).toBe(count)
          indices.forEach((i, t) => {
            expect(i).toBeLessThan(n)
            expect(i).toBeGreaterThan(t === 0 ? -1 : indices[t - 1]!)
          })
        }
        const { indices } = dppSample(K, { seed })
        // Odds of 1e150 · 10^−8 are certain, of 1e−150 hopeless; rounding adds no eigenvalues.
        if (scale === 1e150) expect(indices.length).toBe(rank)
        if (scale === 1e-150) expect(indices.length).toBe(0)
        expect(() => dppSample(K, { count: rank + 1 })).toThrow(/the rank of K/)
      }),
      RUNS,
    )
  })

  test('a projection kernel gives exactly its rank; identity kernels are independent coins', () => {
    const Q = orthonormal(20, 7, { seed: 2 })
    const K = matmul(Q, transpose(Q))
    for (let seed = 0; seed < 20; seed++) {
      expect(dppSample(K, { kernel: 'marginal', seed }).indices.length).toBe(7)
      expect(dppSample(K, { kernel: 'marginal', seed, count: 7 }).indices.length).toBe(7)
    }
    expect(() => dppSample(K, { kernel: 'marginal', count: 6 })).toThrow(/at least 7/)
    expect(() => dppSample(K, { kernel: 'marginal', count: 8 })).toThrow(/at most 7/)
    const coin = matrix([
      [0.3, 0],
      [0, 0.8],
    ])
    expectSubsets(
      Float64Array.of(0.7 * 0.2, 0.3 * 0.2, 0.7 * 0.8, 0.3 * 0.8),
      (seed) => dppSample(coin, { kernel: 'marginal', seed }).indices,
      2000,
    )
  })

  test('many eigenvalues of equal size: the polynomials neither overflow nor vanish', () => {
    const n = 400
    const K = zeros([n, n])
    for (let i = 0; i < n; i++) K.set(i, i, i < 200 ? 1e8 : 1)
    const { indices } = dppSample(K, { count: 200 })
    expect(indices.length).toBe(200)
    // One of the small ones in exchange for a large one: odds of 200·200·1e−8.
    expect(indices.filter((i) => i >= 200).length).toBeLessThanOrEqual(1)
    // Elementary symmetric polynomials of 400 numbers of 1e8 are beyond float64.
    expect(dppSample(K, { count: 300 }).indices.length).toBe(300)
    expect(dppSample(K, { count: 399 }).indices.length).toBe(399)
  })

  test('is the same behind every door, and for the same seed only', async () => {
    // Eigenvalues far apart, and sizes that rounding of the entries does not change.
    const K = symmetric([1, 2, 4, 8, 16, 32, 64], 4)
    const once = dppSample(K, { count: 4, seed: 5 })
    expect(dppSample(K, { count: 4, seed: 5 })).toEqual(once)
    const { single, ...exact } = doors(K)
    for (const door of Object.values(exact)) {
      expect(await dppSample(door, { count: 4, seed: 5 })).toEqual(once)
    }
    expect((await dppSample(single!, { count: 4, seed: 5 })).indices.length).toBe(4)
    expect(await dppSample.async(K, { count: 4, seed: 5 })).toEqual(once)
    const others = Array.from({ length: 10 }, (_, seed) => dppSample(K, { count: 4, seed }).indices.join())
    expect(new Set(others).size).toBeGreaterThan(3)
  })

  test('no points, no kernel', () => {
    expect(dppSample(zeros([0, 0])).indices.length).toBe(0)
    expect(dppSample(zeros([4, 4])).indices.length).toBe(0)
    expect(dppSample(zeros([4, 4]), { kernel: 'marginal' }).indices.length).toBe(0)
    expect(dppSample(zeros([4, 0]), { kernel: 'factor' }).indices.length).toBe(0)
    expect(dppSample(zeros([4, 2]), { kernel: 'factor' }).indices.length).toBe(0)
    expect(Array.from(dppSample([[1e200]], { count: 1 }).indices)).toEqual([0])
  })
})

describe('projection DPPs', () => {
  test.each([
    [7, 3],
    [12, 2],
    [6, 4],
  ])('P(S) = det(V_S)² for V of %i × %i, by seeds and by runs of one seed', (n, m) => {
    const V = orthonormal(n, m, { seed: 1 })
    const dpp = runSync(projectionDppSteps(V))
    const P = law(matmul(V, transpose(V)), m)
    expectSubsets(P, (seed) => runSync(samplePointsSteps(dpp, seed, 29)), 6000)
    expectSubsets(P, (run) => runSync(samplePointsSteps(dpp, 1, 29, run)), 6000)
  })

  test('rows that must come, do; rows of zeros never; twins never together', () => {
    const V = zeros([6, 3])
    V.set(1, 0, 1)
    V.set(3, 1, Math.SQRT1_2)
    V.set(4, 1, Math.SQRT1_2)
    V.set(5, 2, -1)
    const dpp = runSync(projectionDppSteps(V))
    const seen = new Set<string>()
    for (let seed = 0; seed < 60; seed++)
      seen.add(
        runSync(samplePointsSteps(dpp, seed, 29))
          .sort()
          .join(),
      )
    expect([...seen].sort()).toEqual(['1,3,5', '1,4,5'])
  })

  test('a square orthogonal matrix gives all its rows', () => {
    for (const n of [1, 2, 40]) {
      const dpp = runSync(projectionDppSteps(orthonormal(n, n, { seed: n })))
      expect(Array.from(runSync(samplePointsSteps(dpp, 0, 29)).sort())).toEqual(Array.from(Array(n).keys()))
    }
  })
})
