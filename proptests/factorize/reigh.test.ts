import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { reigh } from '../../src/factorize/index.js'
import type { ReighOptions } from '../../src/factorize/index.js'
import { eigh, norm, operator, random, toNested } from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { LAYOUTS, RUNS, SPECTRA, relaid, symmetric } from '../support/cases.js'
import { doors } from '../support/doors.js'
import {
  EPS,
  YARDSTICK,
  assembled,
  expectOriented,
  minus,
  orthogonalityUnits,
  tail,
} from '../support/measures.js'

const names = Object.keys(SPECTRA) as (keyof typeof SPECTRA)[]
/** Symmetric matrices with the magnitudes of a spectrum and signs of every pattern. */
const symmetricCases = fc.record({
  seed: fc.nat(2 ** 31 - 1),
  n: fc.integer({ min: 1, max: 60 }),
  spectrum: fc.constantFrom(...names),
  signs: fc.constantFrom('positive', 'alternating', 'negative'),
  scale: fc.constantFrom(0, 150, -150),
  layout: fc.constantFrom(...LAYOUTS),
})
type SymmetricCase = typeof symmetricCases extends fc.Arbitrary<infer T> ? T : never

const valuesOf = ({ n, spectrum, signs, scale }: SymmetricCase): Float64Array =>
  SPECTRA[spectrum](n).map((s, j) => {
    const sign = signs === 'positive' || (signs === 'alternating' && j % 2 === 0) ? 1 : -1
    return sign * s * 10 ** scale
  })

const built = (c: SymmetricCase): Matrix => relaid(symmetric(valuesOf(c), c.seed), c.layout)
const rounding = (c: SymmetricCase): number => YARDSTICK * EPS * c.n * Math.hypot(...valuesOf(c))
const errorOf = (A: Matrix, approximation: { toDense(): Matrix }): number =>
  norm(minus(A, approximation.toDense()))
const rank = fc.integer({ min: 1, max: 12 })
const method = fc.constantFrom('power', 'krylov')

test('orthonormal vectors, falling magnitudes that never exceed the true ones, an error within the theorem', () => {
  fc.assert(
    fc.property(symmetricCases, rank, method, fc.nat(2), (c, k, method, powerIterations) => {
      const A = built(c)
      const found = reigh(A, { rank: k, method, powerIterations, seed: c.seed })
      const { values, vectors } = found
      expect(found.rank).toBe(Math.min(k, c.n))
      expect(orthogonalityUnits(vectors)).toBeLessThan(YARDSTICK)
      expectOriented(vectors)
      const magnitudes = Array.from(valuesOf(c), Math.abs)
      values.forEach((value, j) => {
        expect(Math.abs(value)).toBeLessThanOrEqual(magnitudes[j]! + rounding(c))
        if (j > 0) expect(Math.abs(value)).toBeLessThanOrEqual(Math.abs(values[j - 1]!))
      })
      expect(
        norm(minus(found.toDense(), assembled(vectors, values, vectors.transpose(1, 0)))),
      ).toBeLessThanOrEqual(rounding(c))
      // ‖A − QQᵀAQQᵀ‖ ≤ √2·‖A − QQᵀA‖, by theorem 10.7 of Halko, Martinsson and Tropp 2011 as in rsvd's test; what is
      // cut from QᵀAQ is no more than A's own tail.
      const [p, e] = [10, Math.E]
      const range =
        (1 + e * Math.sqrt((3 * k) / (p + 1))) * tail(magnitudes, k) +
        ((Math.sqrt(2 * p) * e * e * Math.sqrt(k + p)) / (p + 1)) * (magnitudes[k] ?? 0)
      const bound = Math.hypot(Math.SQRT2 * range, tail(magnitudes, k))
      expect(errorOf(A, found)).toBeLessThanOrEqual(bound + rounding(c))
      expect(errorOf(A, found)).toBeGreaterThanOrEqual(tail(magnitudes, k) - rounding(c))
    }),
    RUNS,
  )
})

test('a decaying indefinite spectrum is found with its signs', () => {
  const values = SPECTRA.exponential(60).map((s, j) => (j % 3 === 1 ? -s : s))
  const A = symmetric(values, 3)
  const found = reigh(A, { rank: 6 })
  found.values.forEach((value, j) =>
    expect(Math.abs(value - values[j]!)).toBeLessThanOrEqual(YARDSTICK * 60 * EPS),
  )
  const whole = eigh(A).values
  expect(found.values).toContain(found.values[0])
  expect(Math.max(...whole)).toBeCloseTo(found.values[0]!, 12)
})

test('to a tolerance: within it, with little more rank than the optimum', () => {
  fc.assert(
    fc.property(symmetricCases, fc.constantFrom(0.5, 0.1, 1e-3, 1e-9), method, (c, rtol, method) => {
      const A = built(c)
      const found = reigh(A, { rtol, method, seed: c.seed, blockSize: 8 })
      expect(errorOf(A, found)).toBeLessThanOrEqual(rtol * norm(A) + rounding(c))
      const magnitudes = Array.from(valuesOf(c), Math.abs)
      let optimum = 0
      while (tail(magnitudes, optimum) > (rtol / 9) * Math.hypot(...magnitudes)) optimum++
      expect(found.rank).toBeLessThanOrEqual(optimum)
    }),
    RUNS,
  )
})

test('the same through every door', async () => {
  const A = symmetric(
    SPECTRA.exponential(30).map((s, j) => (j % 2 === 0 ? s : -s)),
    5,
  )
  const options: ReighOptions = { rank: 5, seed: 2 }
  const expected = reigh(A, options)
  const answers = [
    ...LAYOUTS.map((layout) => reigh(relaid(A, layout), options)),
    reigh(toNested(A), options),
    ...(await Promise.all(Object.values(doors(A)).map(async (door) => await reigh(door, options)))),
    await reigh.async(A, options),
  ]
  for (const answer of answers) {
    // 'single' is handed float32 blocks: products of vectors rounded to 24 bits.
    expect(norm(minus(answer.toDense(), expected.toDense()))).toBeLessThanOrEqual(30 * 2 ** -23)
  }
})

test('the estimate is within a factor 2 of the truth for at least 97 % of seeds', () => {
  const A = symmetric(
    SPECTRA.polynomial(50).map((s, j) => (j % 2 === 0 ? s : -s)),
    1,
  )
  let good = 0
  for (let seed = 0; seed < 200; seed++) {
    const found = reigh(A, { rank: 5, oversample: 2, powerIterations: 1, seed })
    const ratio = (found.errorEstimate * norm(A)) / errorOf(A, found)
    if (ratio > 0.5 && ratio < 2) good++
  }
  expect(good).toBeGreaterThanOrEqual(0.97 * 200)
})

describe('what is not symmetric', () => {
  test('is refused, however little the sketch sees of it', () => {
    const nilpotent = operator({
      shape: [50, 50],
      matmat: (X) => shifted(X, 1),
      rmatmat: (Y) => shifted(Y, -1),
    })
    expect(() => reigh(nilpotent, { rank: 3 })).toThrow(/reigh: A: expected a symmetric matrix/)
    const skew = random.normal([40, 40])
    expect(() => reigh(skew, { rank: 3 })).toThrow(/reigh: A: expected a symmetric matrix/)
    expect(() => reigh(skew, { rank: 40 })).toThrow(/reigh: A: expected a symmetric matrix/)
    expect(() => reigh(random.normal([4, 5]), { rank: 1 })).toThrow(/expected a square matrix, given 4×5/)
  })
})

test('nothing and zero', () => {
  expect(reigh(symmetric([]), { rank: 2 })).toMatchObject({ rank: 0, errorEstimate: 0, passes: 0 })
  const zero = reigh(symmetric(new Float64Array(30)), { rank: 3 })
  expect(norm(zero.toDense())).toBe(0)
  expect(zero.errorEstimate).toBe(0)
})

/** Row i of the answer is row i + by of X. */
function shifted(X: Matrix, by: number): Matrix {
  const [n = 0, k = 0] = X.shape
  const Y = random.normal([n, k])
  for (let i = 0; i < n; i++)
    for (let j = 0; j < k; j++) Y.set(i, j, i + by < n && i + by >= 0 ? X.get(i + by, j) : 0)
  return Y
}
