import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ConvergenceError, asOperator, matrixRank, random, zeros } from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { leverageScores, lewisWeights, rootLeverageScores, sampleRows } from '../../src/sketch/index.js'
import { orthonormal } from '../../src/testing/index.js'
import { RUNS, build, cases } from '../support/cases.js'
import { doors } from '../support/doors.js'
import { MEMBERS, buildMember, members } from '../support/gallery.js'
import { EPS, YARDSTICK, assembled, times } from '../support/measures.js'

const POWERS = [1, 1.2, 1.7, 2, 2.5, 3.9, 4, 4.5, 7, 20] as const
const TOL = 1e-10

const total = (x: ArrayLike<number>): number => Array.from(x).reduce((sum, value) => sum + value, 0)

/** diag(d)·A */
function rowsScaled(A: Matrix, d: ArrayLike<number>): Matrix {
  const B = zeros(A.shape)
  for (let i = 0; i < A.shape[0]!; i++) for (let j = 0; j < A.shape[1]!; j++) B.set(i, j, d[i]! * A.get(i, j))
  return B
}

/** m × n of rank r and condition 10², rows of sizes from 1 down to 10^−grade. */
function built({ m, n, r, grade, seed }: Shape): Matrix {
  const s = Float64Array.from({ length: r }, (_, j) => 10 ** (-2 * (r > 1 ? j / (r - 1) : 0)))
  const A = assembled(orthonormal(m, r, { seed }), s, orthonormal(n, r, { seed: seed + 1 }).transpose(1, 0))
  // The first rows stay as they are: the small ones do not make A ill-conditioned.
  return rowsScaled(
    A,
    Float64Array.from({ length: m }, (_, i) => (i < (2 * m) / 3 ? 1 : 10 ** (-grade * ((i % 5) / 5)))),
  )
}
interface Shape {
  readonly m: number
  readonly n: number
  readonly r: number
  readonly grade: number
  readonly seed: number
}
const shapes: fc.Arbitrary<Shape> = fc
  .record({
    m: fc.integer({ min: 12, max: 60 }),
    n: fc.integer({ min: 1, max: 8 }),
    part: fc.double({ min: 0, max: 1, noNaN: true }),
    grade: fc.constantFrom(0, 3, 10),
    seed: fc.nat(10_000),
  })
  .map(({ part, ...rest }) => ({ ...rest, r: Math.max(1, Math.round(part * rest.n)) }))

/** Rounding in the weights of an m-row matrix of rank r: eps times the condition of the weighted basis, and of A. */
const rounding = (m: number, r: number, p: number, condition = 1): number =>
  YARDSTICK * m * EPS * (condition + (r * m) ** Math.abs(1 - 2 / p)) * Math.max(1, p / 2)

describe('Lewis weights', () => {
  test('are the leverage scores of the matrix that they weight, for every p', () => {
    fc.assert(
      fc.property(shapes, fc.constantFrom(...POWERS), (shape, p) => {
        const A = built(shape)
        const w = lewisWeights(A, { p })
        // Tiny weights to a high negative power would leave the range of what an SVD of the whole can tell.
        const scores = leverageScores(
          rowsScaled(
            A,
            w.map((x) => x ** (0.5 - 1 / p)),
          ),
        )
        const slack = YARDSTICK * shape.m * EPS * 1e4 * shape.m ** Math.abs(1 - 2 / p)
        for (let i = 0; i < shape.m; i++) {
          expect(Math.abs(scores[i]! - w[i]!)).toBeLessThanOrEqual(slack + TOL * w[i]! * 4)
        }
      }),
      RUNS,
    )
  })

  test('lie in [0, 1] and add up to the rank, for every spectrum, scale and layout', () => {
    fc.assert(
      fc.property(cases({ maxSide: 40 }), fc.constantFrom(...POWERS), (c, p) => {
        const A = build(c)
        const w = lewisWeights(A, { p })
        expect(w.length).toBe(c.m)
        for (const x of w) {
          expect(x).toBeGreaterThanOrEqual(0)
          expect(x).toBeLessThanOrEqual(1)
        }
        const rank = matrixRank(A)
        expect(Math.abs(total(w) - rank)).toBeLessThanOrEqual(rank * rounding(c.m, rank, p))
      }),
      RUNS,
    )
  })

  test.each(Object.keys(MEMBERS) as (keyof typeof MEMBERS)[])(
    'add up to the rank on the gallery: %s',
    (name) => {
      fc.assert(
        fc.property(members(name), fc.constantFrom(1, 1.5, 3, 8), (c, p) => {
          const A = buildMember(c)
          const rank = matrixRank(A)
          const error = Math.abs(total(lewisWeights(A, { p })) - rank)
          expect(error).toBeLessThanOrEqual(rank * rounding(A.shape[0]!, rank, p))
        }),
        { ...RUNS, numRuns: 12 },
      )
    },
  )

  test('do not change where columns are recombined or A is scaled; p = 2 are the leverage scores', () => {
    fc.assert(
      fc.property(shapes, fc.constantFrom(...POWERS), fc.constantFrom(1, 1e150, 1e-150), (shape, p, by) => {
        const A = built(shape)
        const w = lewisWeights(A, { p })
        const M = built({ ...shape, m: shape.n + 12, r: shape.n, grade: 0 }).hi(shape.n, shape.n)
        for (let j = 0; j < shape.n; j++) M.set(j, j, M.get(j, j) + 2)
        const mixed = lewisWeights(rowsScaled(times(A, M), new Float64Array(shape.m).fill(by)), { p })
        const slack = rounding(shape.m, shape.r, p, 1e4)
        for (let i = 0; i < shape.m; i++) {
          // Each run is within tol in log(τ/w), hence within max(1, p/2)·tol in log w.
          expect(Math.abs(mixed[i]! - w[i]!)).toBeLessThanOrEqual(slack + 4 * Math.max(1, p / 2) * TOL)
        }
        const tau = leverageScores(A)
        lewisWeights(A, { p: 2 }).forEach((x, i) => expect(Math.abs(x - tau[i]!)).toBeLessThanOrEqual(slack))
      }),
      RUNS,
    )
  })

  test('a row in k parts of length k^(−1/p) shares its weight among them; zero rows get none', () => {
    fc.assert(
      fc.property(shapes, fc.constantFrom(...POWERS), fc.integer({ min: 2, max: 5 }), (shape, p, k) => {
        const A = built(shape)
        const w = lewisWeights(A, { p })
        const split: number[][] = [new Array<number>(shape.n).fill(0)]
        for (let i = 0; i < shape.m; i++) {
          const row = Array.from({ length: shape.n }, (_, j) => A.get(i, j))
          if (i === 3) for (let t = 0; t < k; t++) split.push(row.map((v) => v * k ** (-1 / p)))
          else split.push(row)
        }
        const parts = lewisWeights(split, { p })
        const slack = rounding(shape.m, shape.r, p, 1e2) + 4 * Math.max(1, p / 2) * TOL
        expect(parts[0]).toBe(0)
        for (let t = 0; t < k; t++) expect(Math.abs(parts[4 + t]! - w[3]! / k)).toBeLessThanOrEqual(slack)
        expect(Math.abs(parts.at(-1)! - w.at(-1)!)).toBeLessThanOrEqual(slack)
      }),
      RUNS,
    )
  })

  test('are to relative accuracy in rows far smaller than the rest: w(t·aᵢ) falls like tᵖ', () => {
    for (const p of [1, 1.5, 3, 8]) {
      const A = random.normal([50, 4], { seed: 5 })
      const at = (t: number): number => {
        const B = rowsScaled(
          A,
          Float64Array.from({ length: 50 }, (_, i) => (i === 7 ? t : 1)),
        )
        return lewisWeights(B, { p })[7]!
      }
      // By then the row does not change the others: t and t/10 see the same quadratic form, up to tᵖ.
      expect(at(1e-9) / at(1e-8) / 10 ** -p - 1).toBeLessThan(1e-6)
      expect(at(1e-8)).toBeGreaterThan(0)
    }
  })

  test('are below the root leverage scores for p <= 2, which end at the leverage scores; above τ^(p/2) beyond', () => {
    fc.assert(
      fc.property(shapes, fc.constantFrom(...POWERS), (shape, p) => {
        const A = built(shape)
        const w = lewisWeights(A, { p })
        const tau = leverageScores(A)
        const slack = rounding(shape.m, shape.r, p, 1e4) + TOL
        for (let i = 0; i < shape.m; i++) {
          const root = tau[i]! ** (p / 2)
          if (p <= 2) expect(w[i]).toBeLessThanOrEqual(root + slack)
          if (p >= 2) expect(w[i]).toBeGreaterThanOrEqual(root - slack)
        }
        if (p <= 2)
          expect(Array.from(rootLeverageScores(A, { p }))).toEqual(Array.from(tau, (t) => t ** (p / 2)))
      }),
      RUNS,
    )
  })

  test('the rate of convergence is |p − 2|/(p + 2), or better', () => {
    const A = built({ m: 60, n: 6, r: 6, grade: 10, seed: 3 })
    for (const p of [1, 1.5, 3, 4, 10, 40]) {
      const residuals = [20, 30].map((maxIterations) => {
        try {
          lewisWeights(A, { p, tol: 0, maxIterations })
          return 0
        } catch (error) {
          expect(error).toBeInstanceOf(ConvergenceError)
          return (error as ConvergenceError).residual
        }
      })
      const rate = Math.abs(p - 2) / (p + 2)
      // A factor 2 for what has not died out by the twentieth step.
      expect(residuals[1]).toBeLessThanOrEqual(2 * rate ** 10 * residuals[0]! + 1e-11)
    }
  })

  test('a ConvergenceError carries weights that add up to the rank', () => {
    const A = built({ m: 40, n: 3, r: 3, grade: 3, seed: 1 })
    try {
      lewisWeights(A, { p: 9, maxIterations: 3 })
      expect.unreachable()
    } catch (error) {
      const { best, iterations, residual } = error as ConvergenceError<Float64Array>
      expect(iterations).toBe(3)
      expect(residual).toBeGreaterThan(TOL)
      expect(total(best!)).toBeCloseTo(3, 10)
    }
  })

  test('large p, to the last: weights of the smallest ellipsoid around a square with points inside', () => {
    const A = [
      [1, 1],
      [1, -1],
      [0.5, 0.2],
      [0, 0.1],
    ]
    for (const p of [50, 200]) {
      const w = lewisWeights(A, { p })
      expect(w[0]).toBeCloseTo(1, 8)
      expect(w[1]).toBeCloseTo(1, 8)
      expect(w[2]).toBeLessThan(1e-12)
    }
  })

  test('are the same behind every door', async () => {
    const A = built({ m: 30, n: 5, r: 4, grade: 0, seed: 8 })
    for (const p of [1, 5]) {
      const once = lewisWeights(A, { p })
      expect(await lewisWeights.async(A, { p })).toEqual(once)
      for (const [name, door] of Object.entries(doors(A))) {
        const w = await lewisWeights(door, { p })
        w.forEach((x, i) => expect(Math.abs(x - once[i]!), name).toBeLessThanOrEqual(1e-9))
        expect(w).toBeInstanceOf(Float64Array)
      }
    }
    for (const door of Object.values(doors(A))) {
      const root = await rootLeverageScores(door, { p: 1 })
      expect(Math.abs(total(root.map((x) => x * x)) - 4)).toBeLessThan(rounding(30, 4, 2, 1e2))
    }
  })

  test('empty and zero matrices, one row, more columns than rows', () => {
    for (const p of [1, 2, 6]) {
      for (const take of [(A: Matrix) => A, asOperator]) {
        expect(Array.from(lewisWeights(take(zeros([0, 3])), { p }))).toEqual([])
        expect(Array.from(lewisWeights(take(zeros([3, 0])), { p }))).toEqual([0, 0, 0])
        expect(Array.from(lewisWeights(take(zeros([3, 2])), { p }))).toEqual([0, 0, 0])
      }
      expect(lewisWeights([[3, -4, 1]], { p })[0]).toBeCloseTo(1, 14)
      lewisWeights(random.normal([3, 7]), { p }).forEach((w) => expect(w).toBeCloseTo(1, 12))
    }
  })
})

describe('rows drawn by p-norm scores', () => {
  // Four sigma of the median's spread is not needed: the ordering of Lewis and uniform is by a factor.
  test.each([1, 1.5, 3])(
    'Lewis weights keep ‖Ax‖ₚᵖ for every x where uniform scores lose it: p = %d',
    (p) => {
      const A = random.normal([600, 4], { seed: 1 })
      for (let i = 0; i < 6; i++) for (let j = 0; j < 4; j++) A.set(i, j, 40 * A.get(i, j))
      const X = random.normal([4, 100], { seed: 2 })
      const powers = (B: Matrix): Float64Array => {
        const Y = times(B, X)
        const sums = new Float64Array(100)
        Y.data.forEach((y, e) => (sums[e % 100]! += Math.abs(y) ** p))
        return sums
      }
      const truth = powers(A)
      const distortion = (scores: Float64Array, seed: number): number => {
        const got = powers(sampleRows(A, { scores, count: 150, p, replace: false, seed }).rows)
        return got.reduce((worst, value, j) => Math.max(worst, Math.abs(value / truth[j]! - 1)), 0)
      }
      const median = (scores: Float64Array): number =>
        Array.from({ length: 21 }, (_, seed) => distortion(scores, seed)).sort((a, b) => a - b)[10]!
      const lewis = median(lewisWeights(A, { p }))
      expect(lewis).toBeLessThan(0.5)
      expect(median(new Float64Array(600).fill(1))).toBeGreaterThan(2 * lewis)
      if (p < 2) expect(median(rootLeverageScores(A, { p }))).toBeLessThan(2 * lewis)
    },
  )
})
