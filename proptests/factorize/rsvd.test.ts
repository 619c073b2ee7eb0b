import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { pca, rangefinder, rsvd } from '../../src/factorize/index.js'
import type { RsvdOptions } from '../../src/factorize/index.js'
import { asOperator, csr, norm, operator, toNested, transpose } from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { withSpectrum } from '../../src/testing/index.js'
import { LAYOUTS, RUNS, SPECTRA, build, cases, relaid, spectrumOf } from '../support/cases.js'
import type { Case } from '../support/cases.js'
import {
  EPS,
  YARDSTICK,
  expectDescending,
  expectOriented,
  minus,
  orthogonalityUnits,
  tail,
  times,
} from '../support/measures.js'

const METHODS = ['power', 'krylov', 'singlePass'] as const
const method = fc.constantFrom(...METHODS)
const rank = fc.integer({ min: 1, max: 12 })

/** ‖A − Â‖_F with the plain loops. */
const errorOf = (A: Matrix, approximation: { toDense(): Matrix }): number =>
  norm(minus(A, approximation.toDense()))

/** What rounding may add to an error: the yardstick, in the scale of A. */
const rounding = (c: Case): number => YARDSTICK * EPS * Math.max(c.m, c.n, 1) * Math.hypot(...spectrumOf(c))

/**
 * Halko, Martinsson and Tropp 2011, theorem 10.7 with t = e, u = √(2p), for p = oversample ≥ 4: with
 * probability above 1 − 3e^{−p}, ‖A − QQᵀA‖_F ≤ (1 + e·√(3k/(p + 1)))·tail_k + u·e²·√(k + p)/(p + 1)·σ_{k+1};
 * cutting QᵀA to rank k adds at most tail_k (in squares). Power and Krylov only help.
 */
function theorem(s: Float64Array, k: number, p: number): number {
  const e = Math.E
  const range =
    (1 + e * Math.sqrt((3 * k) / (p + 1))) * tail(s, k) +
    ((Math.sqrt(2 * p) * e * e * Math.sqrt(k + p)) / (p + 1)) * (s[k] ?? 0)
  return Math.hypot(range, tail(s, k))
}

describe('rsvd of a fixed rank', () => {
  test('error within the theorem, never below Eckart and Young', () => {
    fc.assert(
      fc.property(
        cases(),
        rank,
        fc.constantFrom('power', 'krylov'),
        fc.nat(2),
        (c, k, method, powerIterations) => {
          const A = build(c)
          const s = spectrumOf(c)
          const error = errorOf(A, rsvd(A, { rank: k, method: method, powerIterations, seed: c.seed }))
          expect(error).toBeLessThanOrEqual(theorem(s, k, 10) + rounding(c))
          expect(error).toBeGreaterThanOrEqual(tail(s, k) - rounding(c))
        },
      ),
      RUNS,
    )
  })

  test('two power iterations find the leading values of a decaying spectrum', () => {
    fc.assert(
      fc.property(cases({ minSide: 30, spectra: ['exponential', 'clustered'] }), (c) => {
        const s = spectrumOf(c)
        const found = rsvd(build(c), { rank: 5, seed: c.seed }).s
        // (σ₁₆/σ₅)⁵ < 10⁻¹²: what the sketch misses is below rounding.
        found.forEach((value, j) => expect(Math.abs(value - s[j]!)).toBeLessThanOrEqual(rounding(c)))
      }),
      RUNS,
    )
  })

  test('orthonormal factors, descending values that never exceed the true ones, oriented vectors', () => {
    fc.assert(
      fc.property(cases(), rank, method, (c, k, method) => {
        const result = rsvd(build(c), { rank: k, method, seed: c.seed })
        const p = Math.min(c.m, c.n)
        expect(result.rank).toBe(Math.min(k, p))
        expect(result.U.shape).toEqual([c.m, result.rank])
        expect(result.Vt.shape).toEqual([result.rank, c.n])
        expect(orthogonalityUnits(result.U)).toBeLessThan(YARDSTICK)
        expect(orthogonalityUnits(transpose(result.Vt))).toBeLessThan(YARDSTICK)
        expectDescending(result.s)
        expectOriented(result.U)
        const s = spectrumOf(c)
        if (method === 'singlePass') return // not a projection of A: its values may be larger
        result.s.forEach((value, j) => expect(value).toBeLessThanOrEqual(s[j]! + rounding(c)))
      }),
      RUNS,
    )
  })

  test('the mean error without power iterations is within theorem 10.5', () => {
    const [k, p, runs] = [10, 10, 60]
    for (const name of ['polynomial', 'exponential', 'flat'] as const) {
      const s = SPECTRA[name](80)
      const A = withSpectrum(100, 80, s, { seed: 5 })
      let sum = 0
      for (let seed = 0; seed < runs; seed++) {
        const Q = rangefinder(A, { rank: k, oversample: p, powerIterations: 0, seed })
        sum += norm(minus(A, times(Q, times(Q, A, true)))) ** 2
      }
      // E‖A − QQᵀA‖² ≤ (1 + k/(p − 1))·tail_k²: measured means are at 40 to 70 % of it.
      expect(sum / runs).toBeLessThanOrEqual((1 + k / (p - 1)) * tail(s, k) ** 2)
    }
  })

  test('single pass within the theorem of Tropp et al. in the mean', () => {
    const [r, runs] = [5, 40]
    const [k, s] = [4 * r + 1, 8 * r + 3]
    const spectrum = SPECTRA.polynomial(120)
    const A = withSpectrum(150, 120, spectrum, { seed: 2 })
    let best = Infinity
    for (let rho = 0; rho < k - 1; rho++) {
      best = Math.min(best, ((k + rho - 1) / (k - rho - 1)) * tail(spectrum, rho) ** 2)
    }
    const whole = ((s - 1) / (s - k - 1)) * best
    let sum = 0
    for (let seed = 0; seed < runs; seed++)
      sum += errorOf(A, rsvd(A, { rank: r, method: 'singlePass', seed }))
    // Truncation: ‖A − [Â]_r‖ ≤ tail_r + 2·‖A − Â‖, and the mean of a root is below the root of the mean.
    expect(sum / runs).toBeLessThanOrEqual(tail(spectrum, r) + 2 * Math.sqrt(whole))
  })
})

describe('the error estimate', () => {
  test('is within a factor 2 of the truth for at least 97 % of seeds, or both are rounding', () => {
    const seeds = 200
    // A residual of rank one is the hardest: the estimate then rests on ten numbers.
    const single = Float64Array.from({ length: 40 }, (_, j) => (j < 5 ? 1 : j === 5 ? 0.1 : 0))
    const families = [single, SPECTRA.polynomial(40), SPECTRA.exponential(40), SPECTRA.deficient(40)]
    for (const s of families) {
      for (const method of METHODS) {
        const A = withSpectrum(60, 40, s, { seed: 1 })
        let good = 0
        for (let seed = 0; seed < seeds; seed++) {
          const result = rsvd(A, { rank: 5, oversample: 0, method, powerIterations: 1, seed })
          const truth = errorOf(A, result) / norm(A)
          const floor = YARDSTICK * EPS * 60
          const ratio = result.errorEstimate / truth
          if ((ratio > 0.5 && ratio < 2) || (truth < floor && result.errorEstimate < floor)) good++
        }
        expect(good, `${method}: good seeds of ${seeds}`).toBeGreaterThanOrEqual(0.97 * seeds)
      }
    }
  })
})

describe('rsvd to a tolerance', () => {
  test('reaches rtol, with little more rank than the optimum', () => {
    fc.assert(
      fc.property(
        cases({ minSide: 1, scales: [0, 150, -150] }),
        fc.constantFrom(0.5, 0.1, 1e-3, 1e-9, 1e-12),
        fc.constantFrom('power', 'krylov'),
        (c, rtol, method) => {
          const A = build(c)
          const result = rsvd(A, { rtol, method: method, seed: c.seed, blockSize: 8 })
          expect(errorOf(A, result)).toBeLessThanOrEqual(rtol * norm(A) + rounding(c))
          // Below √eps the residual is bounded by probes, three times on the safe side: the rank is that of a
          // tolerance three times smaller, and the sketch's own excess is within another factor 3.
          const s = spectrumOf(c)
          let optimum = 0
          while (tail(s, optimum) > (rtol / 9) * Math.hypot(...s)) optimum++
          expect(result.rank).toBeLessThanOrEqual(Math.max(optimum, 0))
        },
      ),
      RUNS,
    )
  })

  test('rank, rtol and atol: whichever comes first', () => {
    const s = SPECTRA.exponential(40)
    const A = withSpectrum(50, 40, s, { seed: 1 })
    expect(rsvd(A, { rank: 3, rtol: 1e-6 }).rank).toBe(3)
    expect(rsvd(A, { rank: 39, rtol: 1 }).rank).toBe(0)
    const byAtol = rsvd(A, { rank: 39, atol: 0.1 })
    expect(byAtol.rank).toBe(Array.from(s.keys()).findIndex((k) => tail(s, k) <= 0.1))
  })
})

describe('one answer', () => {
  test('the same bits for the same seed, others for another', () => {
    fc.assert(
      fc.property(cases({ minSide: 25, spectra: ['polynomial'] }), method, (c, method) => {
        const options: RsvdOptions = { rank: 2, oversample: 3, powerIterations: 0, method, seed: c.seed }
        const [first, second] = [rsvd(build(c), options), rsvd(build(c), options)]
        expect(first.U.data).toEqual(second.U.data)
        expect(first.s).toEqual(second.s)
        expect(first.Vt.data).toEqual(second.Vt.data)
        expect(first.errorEstimate).toBe(second.errorEstimate)
        expect(rsvd(build(c), { ...options, seed: c.seed + 1 }).s).not.toEqual(first.s)
      }),
      RUNS,
    )
  })

  test('dense in every layout, nested, csr, operator, async and cooperative operands agree to rounding', async () => {
    await fc.assert(
      fc.asyncProperty(cases({ minSide: 1, maxSide: 40 }), rank, method, async (c, k, method) => {
        const A = build({ ...c, layout: 'rows' })
        const options: RsvdOptions = { rank: k, method, seed: c.seed }
        const expected = rsvd(A, options)
        const dense = asOperator(A)
        const asynchronous = operator({
          shape: [c.m, c.n],
          async: true,
          matmat: (X) => Promise.resolve(dense.matmat(X)),
          rmatmat: (Y) => Promise.resolve(dense.rmatmat(Y)),
        })
        const { shape, matmat, rmatmat } = dense
        const answers = [
          ...LAYOUTS.map((layout) => rsvd(relaid(A, layout), options)),
          rsvd(toNested(A), options),
          rsvd(sparse(A), options),
          rsvd(operator({ shape, matmat, rmatmat }), options),
          await rsvd(asynchronous, options),
          await rsvd.async(A, options),
        ]
        // The approximations agree, not the vectors: those of equal singular values are anyone's choice. Each is
        // within rounding of the exact result of its sketch, where the sketch is well conditioned; a rank cut
        // between equal values is not, and there only the errors can be compared.
        const room = 4 * rounding(c)
        for (const answer of answers) {
          expect(answer.rank).toBe(expected.rank)
          answer.s.forEach((value, j) => expect(Math.abs(value - expected.s[j]!)).toBeLessThanOrEqual(room))
          expect(Math.abs(errorOf(A, answer) - errorOf(A, expected))).toBeLessThanOrEqual(room)
        }
      }),
      { ...RUNS, numRuns: 40 },
    )
  })
})

describe('passes', () => {
  test('single pass sweeps A once, and says so', () => {
    const A = withSpectrum(60, 50, SPECTRA.exponential(50))
    const dense = asOperator(A)
    let sweeps = 0
    const counted = operator({
      shape: [60, 50],
      matmat: (X) => (sweeps++, dense.matmat(X)),
      rmatmat: (Y) => (sweeps++, dense.rmatmat(Y)),
      both: (X, Y) => (sweeps++, dense.both!(X, Y)),
    })
    expect(rsvd(counted, { rank: 5, method: 'singlePass' }).passes).toBe(1)
    expect(sweeps).toBe(1)
  })

  test('passes are what the operator counts, for every method and stopping rule', () => {
    fc.assert(
      fc.property(
        cases({ minSide: 20, spectra: ['polynomial', 'exponential', 'flat'], scales: [0] }),
        method,
        fc.constantFrom<RsvdOptions>({ rank: 3 }, { rank: 6, rtol: 0.1 }, { rank: 4, powerIterations: 0 }),
        (c, method, options) => {
          const dense = asOperator(build(c))
          let sweeps = 0
          const counted = operator({
            shape: dense.shape,
            matmat: (X) => (sweeps++, dense.matmat(X)),
            rmatmat: (Y) => (sweeps++, dense.rmatmat(Y)),
          })
          expect(rsvd(counted, { ...options, method }).passes).toBe(sweeps)
        },
      ),
      RUNS,
    )
  })
})

describe('pca', () => {
  test('is the SVD of the centred matrix, and its transforms invert each other on the components', () => {
    fc.assert(
      fc.property(
        cases({ minSide: 2, scales: [0], spectra: ['polynomial', 'exponential'] }),
        rank,
        (c, k) => {
          const A = build(c)
          const model = pca(A, { rank: k })
          const centred = build({ ...c, layout: 'rows' })
          for (let i = 0; i < c.m; i++) {
            for (let j = 0; j < c.n; j++) centred.data[i * c.n + j]! -= model.mean[j]!
          }
          const room = rounding(c)
          const reference = rsvd(centred, { rank: k })
          model.singularValues.forEach((s, j) =>
            expect(Math.abs(s - reference.s[j]!)).toBeLessThanOrEqual(room),
          )
          model.explainedVariance.forEach((v, j) =>
            expect(Math.abs(v - model.singularValues[j]! ** 2 / (c.m - 1))).toBeLessThanOrEqual(EPS * v),
          )
          expect(norm(minus(model.transform(A), model.scores))).toBeLessThanOrEqual(
            errorOf(centred, reference) + room,
          )
          const back = model.transform(model.inverseTransform(model.scores))
          expect(norm(minus(back, model.scores))).toBeLessThanOrEqual(room)
        },
      ),
      RUNS,
    )
  })
})

/** Every entry of A as a triplet, in a scrambled order. */
function sparse(A: Matrix): ReturnType<typeof csr> {
  const [m = 0, n = 0] = A.shape
  const [rows, cols, values]: number[][] = [[], [], []]
  for (let e = 0; e < m * n; e++) {
    const at = m * n - 1 - e
    rows!.push(Math.floor(at / n))
    cols!.push(at % n)
    values!.push(A.data[at]!)
  }
  return csr({ shape: [m, n], rows: rows!, cols: cols!, values: values! })
}
