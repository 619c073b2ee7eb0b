import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { leverageScores, lewisWeights, sensitivities } from '../../src/sketch/index.js'
import { asOperator, random, zeros } from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { RUNS, build, cases, spectrumOf } from '../support/cases.js'
import { doors } from '../support/doors.js'
import { EPS, YARDSTICK } from '../support/measures.js'

// Oracles that share nothing with the code: a sweep over all directions of the plane, the vertices of the
// 1-norm's ball, random directions elsewhere.

const POWERS = [1, 1.1, 1.5, 1.9, 2, 2.2, 3, 4, 6, 15] as const

/** |aᵢx|ᵖ/‖Ax‖ₚᵖ for every row. */
function shares(A: Matrix, x: readonly number[], p: number): number[] {
  const y = Array.from({ length: A.shape[0]! }, (_, i) =>
    Math.abs(x.reduce((sum, v, j) => sum + v * A.get(i, j), 0)),
  )
  const largest = Math.max(...y)
  if (!(largest > 0)) return y.map(() => 0)
  const sum = y.reduce((s, v) => s + (v / largest) ** p, 0)
  return y.map((v) => (v / largest) ** p / sum)
}

function most(A: Matrix, directions: readonly (readonly number[])[], p: number): number[] {
  const best = new Array<number>(A.shape[0]!).fill(0)
  for (const x of directions) shares(A, x, p).forEach((share, i) => (best[i] = Math.max(best[i]!, share)))
  return best
}

/** To which the Lewis weights of the bounds are found. */
const TOL = 1e-6

const ANGLES = 2000
const PLANE = Array.from({ length: ANGLES }, (_, t) => [
  Math.cos((Math.PI * t) / ANGLES),
  Math.sin((Math.PI * t) / ANGLES),
])

/** The x with n − 1 rows of A at 0: where |aᵢx| is largest on the 1-norm's ball. */
function vertices(A: Matrix): number[][] {
  const [m = 0, n = 0] = A.shape
  const row = (i: number): number[] => Array.from({ length: n }, (_, j) => A.get(i, j))
  const out: number[][] = []
  for (let i = 0; i < m; i++) {
    const a = row(i)
    if (n === 2) out.push([-a[1]!, a[0]!])
    if (n !== 3) continue
    for (let k = 0; k < i; k++) {
      const b = row(k)
      out.push([0, 1, 2].map((j) => a[(j + 1) % 3]! * b[(j + 2) % 3]! - a[(j + 2) % 3]! * b[(j + 1) % 3]!))
    }
  }
  return out
}

/** Rows of sizes over several orders of magnitude, some of them alike. */
function cloud(m: number, n: number, spread: number, seed: number): Matrix {
  const A = random.normal([m, n], { seed })
  for (let i = 0; i < m; i++) {
    const size = 10 ** (spread * Math.sin(i * 5 + seed))
    for (let j = 0; j < n; j++) A.set(i, j, i % 4 === 3 ? A.get(i - 1, j) : size * A.get(i, j))
  }
  return A
}
const clouds = fc.record({
  m: fc.integer({ min: 3, max: 30 }),
  spread: fc.constantFrom(0, 1, 3),
  seed: fc.nat(10_000),
})

describe('bounds of sensitivities', () => {
  test('dominate a sweep over all directions of the plane, and by no more than the theorem', () => {
    fc.assert(
      fc.property(clouds, fc.constantFrom(...POWERS), ({ m, spread, seed }, p) => {
        const A = cloud(m, 2, spread, seed)
        const truth = most(A, PLANE, p)
        const bounds = sensitivities(A, { p })
        const lewis = lewisWeights(A, { p })
        for (let i = 0; i < m; i++) {
          expect(bounds[i]).toBeGreaterThanOrEqual(truth[i]! * (1 - YARDSTICK * m * p * EPS))
          expect(bounds[i]).toBeLessThanOrEqual(
            Math.min(1, 2 ** Math.max(0, p / 2 - 1) * lewis[i]!) * 1.01 + 1e-9,
          )
        }
        // Against what is true: within the distortion of Lewis's change of density, r^|p/2 − 1|, for each row.
        const factor = 2 ** Math.abs(p / 2 - 1) * 2
        for (let i = 0; i < m; i++) {
          if (spread <= 1 && p <= 4) expect(bounds[i]).toBeLessThanOrEqual(factor * truth[i]! + 1e-9)
        }
      }),
      RUNS,
    )
  })

  test('dominate the vertices of the 1-norm ball in three dimensions, and random directions in more', () => {
    fc.assert(
      fc.property(clouds, fc.constantFrom(...POWERS), ({ m, spread, seed }, p) => {
        const A = cloud(Math.min(m, 14), 3, spread, seed)
        const truth = most(A, vertices(A), p)
        sensitivities(A, { p }).forEach((bound, i) =>
          expect(bound).toBeGreaterThanOrEqual(truth[i]! * (1 - 1e-9)),
        )
        const B = cloud(m + 5, 6, spread, seed)
        const X = random.normal([300, 6], { seed })
        const some = most(
          B,
          Array.from({ length: 300 }, (_, t) => Array.from(X.data.subarray(6 * t, 6 * t + 6))),
          p,
        )
        sensitivities(B, { p }).forEach((bound, i) =>
          expect(bound).toBeGreaterThanOrEqual(some[i]! * (1 - 1e-9)),
        )
      }),
      RUNS,
    )
  })

  test('one column: |aᵢ|ᵖ/Σ|a|ᵖ itself', () => {
    fc.assert(
      fc.property(clouds, fc.constantFrom(...POWERS), fc.constantFrom(1, 1e150, 1e-150), (c, p, by) => {
        const A = cloud(c.m, 1, c.spread, c.seed)
        const scaled = Array.from({ length: c.m }, (_, i) => [by * A.get(i, 0)])
        const truth = shares(A, [1], p)
        for (const method of ['bound', 'exact'] as const) {
          sensitivities(scaled, { p, method }).forEach((bound, i) => {
            expect(bound).toBeGreaterThanOrEqual(truth[i]! * (1 - 4 * EPS))
            expect(bound).toBeLessThanOrEqual(truth[i]! * (1 + 4 * p * TOL) + 1e-300)
          })
        }
      }),
      RUNS,
    )
  })

  test('lie in [0, 1], 0 for zero rows, for every spectrum, scale and layout; p = 2: leverage scores', () => {
    fc.assert(
      fc.property(cases({ maxSide: 30 }), fc.constantFrom(...POWERS), (c, p) => {
        const A = build(c)
        const bounds = sensitivities(A, { p })
        expect(bounds.length).toBe(c.m)
        for (const bound of bounds) expect(bound >= 0 && bound <= 1).toBe(true)
        const tau = leverageScores(A)
        const squares = sensitivities(A, { p: 2 })
        const s = spectrumOf(c).filter((x, _, all) => x > Math.max(c.m, c.n) * EPS * all[0]!)
        const slack = (YARDSTICK * Math.max(c.m, c.n) * EPS * s[0]!) / s.at(-1)!
        if (s.length > 0)
          squares.forEach((value, i) => expect(Math.abs(value - tau[i]!)).toBeLessThanOrEqual(slack))
      }),
      RUNS,
    )
    expect(Array.from(sensitivities([[1], [0], [1]], { p: 3 }))[1]).toBe(0)
  })

  test('underflow of a weight does not move the bounds of other rows', () => {
    const A = [[1], [1e-12], [2], [1]]
    const bounds = sensitivities(A, { p: 60 })
    expect(bounds[1]).toBe(0)
    expect(bounds[2]).toBeCloseTo(1, 12)
    expect(bounds[3]).toBeCloseTo(2 ** -60, 20)
    expect(bounds[3]).toBeGreaterThan(0)
  })

  test('behind every door', async () => {
    const A = cloud(20, 3, 0, 4)
    for (const method of ['bound', 'exact'] as const) {
      const once = sensitivities(A, { p: 1.5, method })
      expect(await sensitivities.async(A, { p: 1.5, method })).toEqual(once)
      for (const [name, door] of Object.entries(doors(A))) {
        // A float32 door raises them by its own rounding.
        const slack = (name === 'single' ? 2 ** -23 : EPS) * 8 * 1.5 * 20 * YARDSTICK + 4 * TOL
        const other = await sensitivities(door, { p: 1.5, method })
        other.forEach((x, i) => expect(Math.abs(x - once[i]!), name).toBeLessThan(slack))
      }
    }
  })
})

describe('exact sensitivities', () => {
  test('are those of the sweep, up to its steps, and of the vertices for p = 1', () => {
    fc.assert(
      fc.property(clouds, fc.constantFrom(...POWERS), ({ m, spread, seed }, p) => {
        const rows = Math.min(m, 10)
        const A = cloud(rows, 2, Math.min(1, spread), seed)
        const exact = sensitivities(A, { p, method: 'exact' })
        const truth = p === 1 ? most(A, vertices(A), 1) : most(A, PLANE, p)
        exact.forEach((value, i) => {
          expect(value).toBeGreaterThanOrEqual(truth[i]! * (1 - 1e-12))
          if (p === 1) expect(value).toBeLessThanOrEqual(truth[i]! * (1 + 1e-8))
        })
        const bounds = sensitivities(A, { p })
        exact.forEach((value, i) => expect(value).toBeLessThanOrEqual(bounds[i]! * (1 + 1e-7)))
        // Between two directions of a sweep the share changes by little where rows are of one size.
        if (spread === 0 && p > 1 && p <= 6) {
          exact.forEach((value, i) => expect(value).toBeLessThanOrEqual(truth[i]! * 1.02 + 1e-4))
        }
      }),
      { ...RUNS, numRuns: 40 },
    )
  })

  test('in three dimensions, p = 1: those of the vertices', () => {
    fc.assert(
      fc.property(clouds, ({ m, seed }) => {
        const A = cloud(Math.min(m, 10) + 2, 3, 1, seed)
        const truth = most(A, vertices(A), 1)
        sensitivities(A, { p: 1, method: 'exact' }).forEach((value, i) => {
          expect(value).toBeGreaterThanOrEqual(truth[i]! * (1 - 1e-10))
          expect(value).toBeLessThanOrEqual(truth[i]! * (1 + 1e-8) + 1e-12)
        })
      }),
      { ...RUNS, numRuns: 15 },
    )
  })

  test('empty and zero matrices, and rows that stand alone', () => {
    for (const method of ['bound', 'exact'] as const) {
      for (const p of [1, 2, 5]) {
        for (const take of [(A: Matrix) => A, asOperator]) {
          expect(Array.from(sensitivities(take(zeros([0, 3])), { p, method }))).toEqual([])
          expect(Array.from(sensitivities(take(zeros([3, 0])), { p, method }))).toEqual([0, 0, 0])
          expect(Array.from(sensitivities(take(zeros([3, 2])), { p, method }))).toEqual([0, 0, 0])
        }
        const alone = sensitivities(
          [
            [1, 2],
            [3, 4],
          ],
          { p, method },
        )
        alone.forEach((value) => expect(value).toBeCloseTo(1, 8))
      }
    }
  })
})
