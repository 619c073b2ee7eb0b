import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  alignment,
  effectiveRank,
  matmul,
  norm,
  nuclearNormProxy,
  random,
  sampledProduct,
  zeros,
} from '../../src/linalg/index.js'
import { orthonormal } from '../../src/testing/index.js'
import { RUNS, SPECTRA, build, cases, relaid, spectrumOf } from '../support/cases.js'
import { EPS, YARDSTICK, times } from '../support/measures.js'

describe('nuclearNormProxy', () => {
  test('for a tall matrix it is never below the nuclear norm, and equal for orthogonal columns', () => {
    fc.assert(
      fc.property(cases(), (c) => {
        const [m, n] = [Math.max(c.m, c.n), Math.min(c.m, c.n)]
        const tall = { ...c, m, n }
        const A = build(tall)
        const nuclear = spectrumOf(tall).reduce((sum, s) => sum + s, 0)
        const units = YARDSTICK * EPS * Math.max(m, 1) * Math.max(nuclear, 0)
        const proxy = nuclearNormProxy(A)
        expect(proxy).toBeGreaterThanOrEqual(nuclear - units)
        expect(proxy).toBeLessThanOrEqual(Math.sqrt(n) * norm(A) * (1 + YARDSTICK * EPS * Math.max(m, 1)))
        const Q = orthonormal(m, n, { seed: c.seed })
        expect(Math.abs(nuclearNormProxy(Q) - n)).toBeLessThanOrEqual(YARDSTICK * EPS * m * n)
      }),
      RUNS,
    )
  })

  test('the order of the rows, and the layout, do not matter; a wide matrix counts its longest columns', () => {
    fc.assert(
      fc.property(cases({ minSide: 1 }), (c) => {
        const A = build({ ...c, layout: 'rows' })
        const flipped = A.step(-1, 1)
        const [one, other] = [nuclearNormProxy(A), nuclearNormProxy(flipped)]
        expect(Math.abs(one - other)).toBeLessThanOrEqual(YARDSTICK * EPS * Math.max(c.m, c.n) * one)
        const laid = nuclearNormProxy(relaid(A, c.layout))
        expect(Math.abs(laid - one)).toBeLessThanOrEqual(YARDSTICK * EPS * Math.max(c.m, c.n) * one)
      }),
      RUNS,
    )
    expect(nuclearNormProxy([[3, 1, 4, 1, 5]])).toBe(5)
    expect(() => nuclearNormProxy([[NaN]])).toThrow(/nuclearNormProxy: A/)
  })
})

describe('effectiveRank', () => {
  test('is exp of the entropy of the values, in [1, rank], whatever the scale', () => {
    fc.assert(
      fc.property(cases({ minSide: 1 }), (c) => {
        const s = SPECTRA[c.spectrum](Math.min(c.m, c.n))
        const total = s.reduce((sum, value) => sum + value, 0)
        const entropy = s.reduce(
          (sum, value) => (value > 0 ? sum - (value / total) * Math.log(value / total) : sum),
          0,
        )
        const expected = total === 0 ? 0 : Math.exp(entropy)
        // A value that should be 0 is p·eps at most, and adds −x·log x, log x ≤ 40.
        const room = 40 * YARDSTICK * EPS * Math.max(c.m, c.n) ** 2 * Math.max(expected, 1)
        expect(Math.abs(effectiveRank(build(c)) - expected)).toBeLessThanOrEqual(room)
      }),
      RUNS,
    )
  })
})

describe('alignment', () => {
  test('1 with itself, −1 with its negative, within ±1 and symmetric with others, blind to a common rotation', () => {
    fc.assert(
      fc.property(cases({ minSide: 1, spectra: ['flat', 'polynomial', 'exponential'] }), (c) => {
        const A = build(c)
        const units = YARDSTICK * EPS * Math.max(c.m, c.n) ** 2
        // At a threshold between two values, both come or neither.
        const options = { threshold: 0.35 }
        expect(Math.abs(alignment(A, A, options) - 1)).toBeLessThanOrEqual(units)
        const negative = build(c)
        for (let i = 0; i < c.m; i++) for (let j = 0; j < c.n; j++) negative.set(i, j, -A.get(i, j))
        expect(Math.abs(alignment(A, negative, options) + 1)).toBeLessThanOrEqual(units)
        const B = build({ ...c, seed: c.seed + 1 })
        const cosine = alignment(A, B, options)
        expect(Math.abs(cosine)).toBeLessThanOrEqual(1 + units)
        expect(Math.abs(alignment(B, A, options) - cosine)).toBeLessThanOrEqual(units)
        const Q = orthonormal(c.m, c.m, { seed: 9 })
        expect(Math.abs(alignment(matmul(Q, A), matmul(Q, B), options) - cosine)).toBeLessThanOrEqual(units)
      }),
      RUNS,
    )
  })

  test('unrelated matrices are not aligned; shapes must agree', () => {
    const [A, B] = [random.normal([60, 50], { seed: 1 }), random.normal([60, 50], { seed: 2 })]
    // The cosine of two random partial isometries of about 25 directions in 3000 dimensions: some multiples of 1/√3000.
    expect(Math.abs(alignment(A, B))).toBeLessThan(6 / Math.sqrt(3000))
    expect(alignment(A, zeros([60, 50]))).toBe(0)
    expect(() => alignment(A, [[1]])).toThrow(/alignment: B: expected the shape of A, 60×50, given 1×1/)
    expect(() => alignment(A, A, { threshold: 0 })).toThrow(/options.threshold/)
  })
})

describe('sampledProduct', () => {
  test('is the product’s entries, in any order and repeated', () => {
    fc.assert(
      fc.property(
        cases({ minSide: 1, maxSide: 12 }),
        fc.array(fc.tuple(fc.nat(11), fc.nat(11)), { maxLength: 30 }),
        (c, wanted) => {
          const [A, B] = [build(c), build({ ...c, seed: c.seed + 1 })]
          const places = { rows: wanted.map(([i]) => i % c.m), cols: wanted.map(([, j]) => j % c.m) }
          const found = sampledProduct(A, B, places)
          const whole = times(A, B.transpose(1, 0))
          const room = YARDSTICK * EPS * c.n * norm(A) * norm(B)
          found.forEach((value, e) => {
            const expected = whole.get(places.rows[e]!, places.cols[e]!)
            if (Number.isFinite(room)) expect(Math.abs(value - expected)).toBeLessThanOrEqual(room)
          })
          expect(found).toHaveLength(wanted.length)
        },
      ),
      RUNS,
    )
    expect(() => sampledProduct([[1]], [[1, 2]], { rows: [], cols: [] })).toThrow(/expected 1 columns, as A/)
    expect(() => sampledProduct([[1]], [[1]], { rows: [0], cols: [1] })).toThrow(/places.cols/)
    expect(() => sampledProduct([[1]], [[1]], { rows: [0], cols: [] })).toThrow(/equal length/)
  })
})
