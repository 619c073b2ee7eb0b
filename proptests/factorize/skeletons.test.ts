import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cur, interpolative, rldu, rsvd } from '../../src/factorize/index.js'
import type { SkeletonOptions } from '../../src/factorize/index.js'
import { norm, operator, svdvals, toNested } from '../../src/linalg/index.js'
import type { LinearOperator, Matrix } from '../../src/linalg/index.js'
import { gallery, withSpectrum } from '../../src/testing/index.js'
import { LAYOUTS, RUNS, SPECTRA, build, cases, relaid, spectrumOf } from '../support/cases.js'
import type { Case } from '../support/cases.js'
import { doors } from '../support/doors.js'
import { EPS, YARDSTICK, assembled, minus, residualUnits, tail, times } from '../support/measures.js'

const rank = fc.integer({ min: 1, max: 12 })
/** All of A takes the place of a sketch. */
const EXACT: SkeletonOptions = { oversample: 1000 }

const errorOf = (A: Matrix, approximation: { toDense(): Matrix }): number =>
  norm(minus(A, approximation.toDense()))

const rounding = (c: Case): number => YARDSTICK * EPS * Math.max(c.m, c.n, 1) * Math.hypot(...spectrumOf(c))

/** Gu and Eisenstat 1996, theorem 3.2: the factor of a choice that no exchange improves more than f = 2 times. */
const strong = (k: number, n: number): number => Math.sqrt(1 + 4 * k * (n - k))

const part = (A: Matrix, I: ArrayLike<number>, J: ArrayLike<number>): number[][] =>
  Array.from(I, (i) => Array.from(J, (j) => A.get(i, j)))
const all = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

function expectChosen(indices: Int32Array, rank: number, side: number): void {
  expect(indices).toHaveLength(rank)
  expect(new Set(indices).size).toBe(rank)
  for (const i of indices) expect(i >= 0 && i < side).toBe(true)
}

describe('interpolative', () => {
  test('columns are A’s, coefficients hold the identity and stay below 2, and the rest is within the theorem', () => {
    fc.assert(
      fc.property(cases(), rank, (c, k) => {
        const A = build(c)
        const found = interpolative(A, { rank: k, ...EXACT })
        expectChosen(found.columns, found.rank, c.n)
        expect(toNested(found.C)).toEqual(part(A, all(c.m), found.columns))
        const Z = found.coefficients
        expect(Z.shape).toEqual([found.rank, c.n])
        found.columns.forEach((j, p) => {
          for (let i = 0; i < found.rank; i++) expect(Z.get(i, j)).toBe(i === p ? 1 : 0)
        })
        for (const z of Z.data) expect(Math.abs(z)).toBeLessThanOrEqual(2)
        const s = spectrumOf(c)
        const bound = strong(found.rank, c.n) * tail(s, found.rank)
        expect(errorOf(A, found)).toBeLessThanOrEqual(bound + strong(found.rank, c.n) * rounding(c))
        // A lower rank than asked for is the numerical one: what is left is rounding.
        if (found.rank < Math.min(k, c.m, c.n)) {
          expect(errorOf(A, found)).toBeLessThanOrEqual(strong(found.rank, c.n) * rounding(c))
        }
      }),
      RUNS,
    )
  })

  test('exchanges mend what pivoted QR misses: Kahan’s matrix', () => {
    for (const n of [30, 60, 90]) {
      const K = gallery.kahan(n, Math.acos(0.1))
      const s = svdvals(K)
      const k = n - 1
      // Pivoted QR alone drops the last column and is left with its last pivot, far above σₙ.
      const found = interpolative(K, { rank: k, ...EXACT })
      const bound = strong(found.rank, n) * tail(s, found.rank)
      expect(errorOf(K, found)).toBeLessThanOrEqual(bound + YARDSTICK * EPS * n * norm(K))
    }
  })

  test('from a sketch: within the bound of sketch and choice together', () => {
    fc.assert(
      fc.property(cases({ minSide: 25 }), rank, fc.nat(2), (c, k, powerIterations) => {
        const A = build(c)
        const found = interpolative(A, { rank: k, powerIterations, seed: c.seed })
        const s = spectrumOf(c)
        const p = 10
        const e = Math.E
        // Halko, Martinsson and Tropp 2011, theorem 10.7, for the sketch of k + p columns, as in rsvd's test.
        const sketch =
          (1 + e * Math.sqrt((3 * k) / (p + 1))) * tail(s, k) +
          ((Math.sqrt(2 * p) * e * e * Math.sqrt(k + p)) / (p + 1)) * (s[k] ?? 0)
        const factor = strong(found.rank, c.n)
        const bound = Math.hypot(factor * tail(s, found.rank), (1 + factor) * sketch)
        expect(errorOf(A, found)).toBeLessThanOrEqual(bound + (1 + factor) * rounding(c))
      }),
      RUNS,
    )
  })

  test('a decaying spectrum: no more than ten times the optimum, on 100 seeds', () => {
    const s = SPECTRA.exponential(60)
    let good = 0
    for (let seed = 0; seed < 100; seed++) {
      const A = withSpectrum(80, 60, s, { seed })
      if (errorOf(A, interpolative(A, { rank: 8, seed })) <= 10 * tail(s, 8)) good++
    }
    expect(good).toBeGreaterThanOrEqual(97)
  })
})

describe('cur', () => {
  test('rows and columns are A’s; the projection is no worse than its two sides; cross keeps rows and columns', () => {
    fc.assert(
      fc.property(cases(), rank, (c, k) => {
        const A = build(c)
        const options = { rank: k, seed: c.seed }
        const found = cur(A, options)
        expectChosen(found.rows, found.rank, c.m)
        expectChosen(found.columns, found.rank, c.n)
        expect(toNested(found.C)).toEqual(part(A, all(c.m), found.columns))
        expect(toNested(found.R)).toEqual(part(A, found.rows, all(c.n)))
        expect(found.U.shape).toEqual([found.rank, found.rank])
        const s = spectrumOf(c)
        const r = found.rank
        // U is at most √eps⁻¹ times as large as 1/‖A‖ wants, up to the theorem's factors.
        const lost = strong(r, c.n) * strong(r, c.m) * (rounding(c) / Math.sqrt(EPS))
        const columns = errorOf(A, interpolative(A, { ...options, rank: Math.max(r, 1) }))
        const projection = Math.hypot(columns, (1 + strong(r, c.m)) * columns)
        expect(errorOf(A, found)).toBeLessThanOrEqual(projection + lost)
        const cross = cur(A, { ...options, method: 'cross' })
        const D = cross.toDense()
        for (const [I, J] of [
          [cross.rows, all(c.n)],
          [all(c.m), cross.columns],
        ] as const) {
          const [kept, given] = [part(D, I, J), part(A, I, J)]
          kept.forEach((row, i) =>
            row.forEach((value, j) => expect(Math.abs(value - given[i]![j]!)).toBeLessThanOrEqual(lost)),
          )
        }
        expect(tail(s, r)).toBeLessThanOrEqual(errorOf(A, found) + lost)
      }),
      RUNS,
    )
  })

  test('a matrix of that rank is reproduced, by either method', () => {
    fc.assert(
      fc.property(
        cases({ minSide: 15, spectra: ['deficient', 'rankOne'], scales: [0, 150, -150] }),
        fc.constantFrom('projection', 'cross'),
        (c, method) => {
          const A = build({ ...c, m: 20, n: 18 })
          const found = cur(A, { rank: 12, method, seed: c.seed })
          expect(residualUnits(A, found.toDense())).toBeLessThan(YARDSTICK * strong(found.rank, 20))
        },
      ),
      RUNS,
    )
  })
})

describe('rldu', () => {
  test('L and U are unit trapezoidal, U below 1, and the product is the rsvd of the same seed', () => {
    fc.assert(
      fc.property(cases(), rank, (c, k) => {
        const A = build(c)
        const found = rldu(A, { rank: k, seed: c.seed })
        const { L, d, U, perm, colPerm } = found
        expect(Array.from(perm).sort((i, j) => i - j)).toEqual(all(c.m))
        expect(Array.from(colPerm).sort((i, j) => i - j)).toEqual(all(c.n))
        expect(d).toHaveLength(found.rank)
        for (let j = 0; j < found.rank; j++) {
          expect(d[j]).not.toBe(0)
          for (let i = 0; i <= j; i++) {
            expect(L.get(i, j)).toBe(i === j ? 1 : 0)
            expect(U.get(j, i)).toBe(i === j ? 1 : 0)
          }
        }
        for (const u of U.data) expect(Math.abs(u)).toBeLessThanOrEqual(1)
        const LDU = assembled(L, d, U)
        const D = found.toDense()
        const units = Math.max(norm(L), 1) * rounding(c)
        for (let i = 0; i < c.m; i++) {
          for (let j = 0; j < c.n; j++) {
            expect(Math.abs(D.get(perm[i]!, colPerm[j]!) - LDU.get(i, j))).toBeLessThanOrEqual(units)
          }
        }
        const svd = rsvd(A, { rank: k, seed: c.seed })
        expect(norm(minus(D, svd.toDense()))).toBeLessThanOrEqual(units)
        expect(found.errorEstimate).toBe(svd.errorEstimate)
      }),
      RUNS,
    )
  })
})

const METHODS = {
  interpolative,
  cur,
  cross: (A: Parameters<typeof cur>[0], options: SkeletonOptions) => cur(A, { ...options, method: 'cross' }),
  rldu,
} as const
const CALLS = Object.entries(METHODS) as [keyof typeof METHODS, typeof interpolative][]

describe.each(CALLS)('%s', (name, f) => {
  test('to a tolerance: within it, with little more rank than the optimum', () => {
    fc.assert(
      fc.property(cases({ minSide: 1 }), fc.constantFrom(0.5, 0.1, 1e-3, 1e-6), (c, rtol) => {
        const A = build(c)
        const found = f(A, { rtol, seed: c.seed, blockSize: 8 })
        expect(errorOf(A, found)).toBeLessThanOrEqual(rtol * norm(A) + rounding(c))
        const s = spectrumOf(c)
        const size = Math.hypot(...s)
        let optimum = 0
        // The smallest tolerance that is ever tried is a sixteenth of rtol, a third of that by the sketch's probes.
        while (optimum < s.length && tail(s, optimum) > (rtol / 200) * size) optimum++
        expect(found.rank).toBeLessThanOrEqual(optimum)
      }),
      RUNS,
    )
  })

  test('the same through every door, and as an operator', async () => {
    const s = SPECTRA.exponential(18)
    const A = withSpectrum(26, 18, s, { seed: 4 })
    const options = { rank: 5, seed: 1 }
    const expected = f(A, options).toDense()
    // The choice itself could differ by a tie; in this matrix there is none. C·U·R loses what U is large by.
    const room = YARDSTICK * EPS * 26 * (name === 'rldu' || name === 'interpolative' ? 1 : 1 / s[5]!)
    const { single, ...others } = doors(A)
    const answers = [
      ...LAYOUTS.map((layout) => f(relaid(A, layout), options)),
      f(toNested(A), options),
      ...(await Promise.all(Object.values(others).map(async (door) => await f(door, options)))),
    ]
    const rounded = f(single as LinearOperator, options).toDense()
    expect(norm(minus(rounded, expected))).toBeLessThanOrEqual(YARDSTICK * 26 * 2 ** -23)
    if (name !== 'cross') answers.push((await METHODS[name].async(A, options)) as never)
    for (const answer of answers) expect(norm(minus(answer.toDense(), expected))).toBeLessThanOrEqual(room)
    const found = f(A, options)
    const X = withSpectrum(18, 3, [1, 1, 1], { seed: 2 })
    const Y = withSpectrum(26, 3, [1, 1, 1], { seed: 3 })
    expect(norm(minus(found.matmat(X), times(expected, X)))).toBeLessThanOrEqual(room)
    expect(norm(minus(found.rmatmat(Y), times(expected, Y, true)))).toBeLessThanOrEqual(room)
    // A result is an operand: of itself the method finds nothing new.
    expect(norm(minus(rsvd(found, { rank: 5 }).toDense(), expected))).toBeLessThanOrEqual(room)
  })

  test('the estimate is within a factor 2 of the truth for at least 97 % of seeds', () => {
    const s = SPECTRA.polynomial(40)
    const A = withSpectrum(60, 40, s, { seed: 1 })
    let good = 0
    for (let seed = 0; seed < 100; seed++) {
      const found = f(A, { rank: 5, oversample: 2, powerIterations: 0, seed })
      const ratio = (found.errorEstimate * norm(A)) / errorOf(A, found)
      if (ratio > 0.5 && ratio < 2) good++
    }
    expect(good).toBeGreaterThanOrEqual(97)
  })

  test('passes are what the operator counts', () => {
    fc.assert(
      fc.property(
        cases({ minSide: 20, spectra: ['polynomial', 'flat'], scales: [0] }),
        fc.constantFrom<SkeletonOptions>(
          { rank: 3 },
          { rank: 6, rtol: 0.1 },
          { rank: 4, powerIterations: 0 },
          EXACT,
        ),
        (c, options) => {
          const A = build(c)
          const plain = doors(A).bare as LinearOperator
          let sweeps = 0
          const counted = operator({
            shape: [c.m, c.n],
            matmat: (X) => (sweeps++, plain.matmat(X)),
            rmatmat: (Y) => (sweeps++, plain.rmatmat(Y)),
          })
          expect(f(counted, { rank: 3, ...options }).passes).toBe(sweeps)
        },
      ),
      RUNS,
    )
  })

  test('nothing and zero', () => {
    for (const [m, n] of [
      [0, 0],
      [0, 4],
      [4, 0],
    ] as const) {
      expect(f(withSpectrum(m, n, []), { rank: 2 })).toMatchObject({ rank: 0, errorEstimate: 0, passes: 0 })
    }
    const zero = f(withSpectrum(30, 20, [0]), { rank: 3 })
    expect(zero).toMatchObject({ rank: 0, errorEstimate: 0 })
    expect(norm(zero.toDense())).toBe(0)
  })
})
