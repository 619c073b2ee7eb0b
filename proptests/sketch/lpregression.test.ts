import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ConvergenceError, asOperator, lstsq, norm, random, svdvals, zeros } from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { lpRegression } from '../../src/sketch/index.js'
import type { LpRegressionResult } from '../../src/sketch/index.js'
import { RUNS, build, cases } from '../support/cases.js'
import { doors } from '../support/doors.js'
import { MEMBERS, buildMember, members } from '../support/gallery.js'
import { EPS, YARDSTICK } from '../support/measures.js'

const POWERS = [1, 1.01, 1.3, 1.8, 2, 2.5, 4, 8, 30] as const
const TOL = 1e-8

/** ‖b − A·x‖ₚ in plain loops. */
function residual(A: Matrix, x: ArrayLike<number>, b: ArrayLike<number>, p: number): number {
  const r = Array.from(b, (v, i) => {
    let sum = 0
    for (let j = 0; j < A.shape[1]!; j++) sum += A.get(i, j) * x[j]!
    return Math.abs(v - sum)
  })
  const largest = r.reduce((most, v) => Math.max(most, v), 0)
  return largest === 0 ? 0 : largest * r.reduce((sum, v) => sum + (v / largest) ** p, 0) ** (1 / p)
}

/** Normal numbers, some a hundred times larger, some equal, some on A·(1, …, 1). */
function target(A: Matrix, seed: number): Float64Array {
  const b = Float64Array.from(random.normal([A.shape[0]!], { seed: seed + 1 }).data)
  const sums = b.map((_, i) =>
    Array.from({ length: A.shape[1]! }, (_, j) => A.get(i, j)).reduce((s, v) => s + v, 0),
  )
  return b.map((v, i) => (i % 7 === 2 ? 100 * v : i % 5 === 1 ? 1 : i % 3 === 0 ? sums[i]! : v))
}

const problems = fc
  .record({
    m: fc.integer({ min: 1, max: 50 }),
    n: fc.integer({ min: 1, max: 8 }),
    /** Whole numbers make ties, and several solutions. */
    whole: fc.boolean(),
    seed: fc.nat(10_000),
  })
  .map(({ m, n, whole, seed }) => {
    const A = random.normal([m, n], { seed })
    if (whole) for (let e = 0; e < m * n; e++) A.data[e] = Math.round(2 * A.data[e]!)
    const b = target(A, seed)
    return { A, b: whole ? b.map(Math.round) : b, seed }
  })

describe('lpRegression', () => {
  test('its residual is what it says, and within 1 + tol of a bound that no x is below', () => {
    fc.assert(
      fc.property(problems, fc.constantFrom(...POWERS), ({ A, b, seed }, p) => {
        const [m = 0, n = 0] = A.shape
        const solution = lpRegression(A, b, { p })
        const rounding =
          YARDSTICK *
          Math.max(m, n) *
          EPS *
          (residual(A, new Float64Array(n), b, p) + norm(A) * norm([solution.x]))
        expect(Math.abs(solution.residual - residual(A, solution.x, b, p))).toBeLessThanOrEqual(rounding)
        expect(solution.residual).toBeLessThanOrEqual((1 + TOL) * solution.lowerBound + rounding)
        expect(solution.rows).toBe(m)
        const steps = random.normal([20, n], { seed: seed + 2 }).data
        for (let t = 0; t < 20; t++) {
          const x = solution.x.map((v, j) => v + 10 ** (-t / 2) * steps[t * n + j]!)
          expect(residual(A, x, b, p)).toBeGreaterThanOrEqual(solution.lowerBound * (1 - 1e-12) - rounding)
        }
      }),
      { ...RUNS, numRuns: 120 },
    )
  })

  test('p = 1 in the plane: the best of all lines through two points', () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 25 }), fc.nat(10_000), fc.boolean(), (m, seed, whole) => {
        const A = random.normal([m, 2], { seed })
        if (whole) for (let e = 0; e < 2 * m; e++) A.data[e] = Math.round(3 * A.data[e]!)
        const b = target(A, seed)
        let best = Infinity
        for (let i = 0; i < m; i++) {
          for (let k = 0; k < i; k++) {
            const det = A.get(i, 0) * A.get(k, 1) - A.get(i, 1) * A.get(k, 0)
            if (det === 0) continue
            const x = [
              (b[i]! * A.get(k, 1) - A.get(i, 1) * b[k]!) / det,
              (A.get(i, 0) * b[k]! - b[i]! * A.get(k, 0)) / det,
            ]
            best = Math.min(best, residual(A, x, b, 1))
          }
        }
        // A solution of minimum norm is a line through two points only where A has rank 2.
        if (svdvals(A)[1]! < 1e-8) return
        const solution = lpRegression(A, b, { p: 1 })
        expect(solution.lowerBound).toBeLessThanOrEqual(best * (1 + 1e-12))
        expect(solution.residual).toBeLessThanOrEqual(best * (1 + TOL) + 1e-12)
      }),
      RUNS,
    )
  })

  test('p = 2 is least squares; other smooth p have Aᵀ|r|ᵖ⁻¹sign r = 0', () => {
    fc.assert(
      fc.property(problems, fc.constantFrom(1.5, 3, 6), ({ A, b }, p) => {
        const [m = 0, n = 0] = A.shape
        const { x, iterations } = lpRegression(A, b, { p: 2 })
        expect(iterations).toBe(0)
        const truth = lstsq(A, b)
        const s = truth.s.slice(0, truth.rank)
        const condition = truth.rank === 0 ? 1 : s[0]! / s.at(-1)!
        const slack = YARDSTICK * Math.max(m, n) * EPS * condition ** 2 * (norm([b]) / (s.at(-1) ?? 1))
        x.forEach((v, j) => expect(Math.abs(v - truth.X[j]!)).toBeLessThanOrEqual(slack))

        const { x: y, residual: value } = lpRegression(A, b, { p, tol: 1e-13 })
        if (value <= 1e-6 * norm([b])) return
        const r = Array.from(b, (v, i) => (v - y.reduce((sum, w, j) => sum + w * A.get(i, j), 0)) / value)
        const powers = r.map((v) => Math.sign(v) * Math.abs(v) ** (p - 1))
        for (let j = 0; j < n; j++) {
          const sum = powers.reduce((total, v, i) => total + v * A.get(i, j), 0)
          // A relative gap of δ leaves a gradient of about √δ.
          expect(Math.abs(sum)).toBeLessThanOrEqual(10 * p * Math.sqrt(1e-13) * norm(A))
        }
      }),
      RUNS,
    )
  })

  test('moves with b: b + A·v moves x by v, scaled A and b scale it, also at 10^±150', () => {
    fc.assert(
      fc.property(
        problems,
        fc.constantFrom(1.5, 2, 3, 6),
        fc.constantFrom(1, 1e150, 1e-150),
        fc.constantFrom(1, 1e150, 1e-150),
        ({ A, b, seed }, p, byA, byB) => {
          const [m = 0, n = 0] = A.shape
          const s = svdvals(A)
          if (m <= n || s.at(-1)! < 0.1 * s[0]!) return
          const { x, residual: value, lowerBound } = lpRegression(A, b, { p, tol: 1e-13 })
          const v = random.normal([n], { seed: seed + 5 }).data
          const moved = b.map((w, i) => w + Array.from(v).reduce((sum, c, j) => sum + c * A.get(i, j), 0))
          const big = zeros([m, n])
          for (let e = 0; e < m * n; e++) big.data[e] = byA * A.data[e]!
          const other = lpRegression(
            big as Matrix,
            moved.map((w) => byB * w),
            { p, tol: 1e-13 },
          )
          const slack = 1e-5 * (1 + norm([b]) / s.at(-1)!)
          if (Number.isFinite(byB / byA) && byB / byA > 0) {
            other.x.forEach((w, j) => expect(Math.abs((w * byA) / byB - x[j]! - v[j]!)).toBeLessThan(slack))
          }
          expect(Math.abs(other.residual / byB - value)).toBeLessThanOrEqual(1e-12 * norm([b]) * m)
          expect(Math.abs(other.lowerBound / byB - lowerBound)).toBeLessThanOrEqual(1e-11 * norm([b]) * m)
        },
      ),
      RUNS,
    )
  })

  test('every spectrum, scale, layout and rank', () => {
    fc.assert(
      fc.property(cases({ maxSide: 25 }), fc.constantFrom(1, 1.4, 3, 12), (c, p) => {
        const A = build(c)
        const b = Float64Array.from(random.normal([c.m], { seed: c.seed + 1 }).data)
        const { x, residual: value, lowerBound } = lpRegression(A, b, { p })
        expect(x.length).toBe(c.n)
        // norm(A)·‖x‖: what rounding in A alone may change.
        const rounding =
          YARDSTICK * Math.max(c.m, c.n, 1) * EPS * (norm([b]) * c.m + norm(A) * norm([x]) * c.m)
        expect(value).toBeLessThanOrEqual((1 + TOL) * lowerBound + rounding)
      }),
      RUNS,
    )
  })

  test.each(Object.keys(MEMBERS) as (keyof typeof MEMBERS)[])('on the gallery: %s', (name) => {
    fc.assert(
      fc.property(members(name), fc.constantFrom(1, 1.4, 5), (c, p) => {
        const A = buildMember(c)
        const m = A.shape[0]!
        const b = Float64Array.from(random.normal([m], { seed: 1 }).data)
        const { x, residual: value, lowerBound } = lpRegression(A, b, { p })
        const rounding = YARDSTICK * Math.max(...A.shape) * EPS * m * (norm([b]) + norm(A) * norm([x]))
        expect(value).toBeLessThanOrEqual((1 + TOL) * lowerBound + rounding)
      }),
      { ...RUNS, numRuns: 6 },
    )
  })

  test('p = 1 finds what a tenth of wild outliers leaves, and p = 2 does not', () => {
    const A = random.normal([200, 4], { seed: 1 })
    const x0 = [1, -2, 3, 0.5]
    const b = Float64Array.from({ length: 200 }, (_, i) =>
      i % 10 === 0 ? 1e4 * (i + 1) : x0.reduce((sum, v, j) => sum + v * A.get(i, j), 0),
    )
    const robust = lpRegression(A, b, { p: 1, tol: 1e-12 }).x
    x0.forEach((v, j) => expect(Math.abs(robust[j]! - v)).toBeLessThan(1e-2))
    const plain = lpRegression(A, b, { p: 2 }).x
    expect(Math.max(...x0.map((v, j) => Math.abs(plain[j]! - v)))).toBeGreaterThan(100)
  })

  test('large p comes to the Chebyshev solution: three residuals of one size and signs in turn', () => {
    const t = Float64Array.from({ length: 41 }, (_, i) => i / 40)
    const A = Array.from(t, (v) => [1, v])
    const { x, residual: value } = lpRegression(
      A,
      t.map((v) => v * v),
      { p: 400 },
    )
    // The line t − 1/8 is best for t² on [0, 1], at the distance 1/8.
    expect(value).toBeGreaterThan(0.125)
    expect(value).toBeLessThan(0.125 * 41 ** (1 / 400))
    expect(x[0]).toBeCloseTo(-0.125, 2)
    expect(x[1]).toBeCloseTo(1, 2)
  })

  test('the same behind every door', async () => {
    const A = random.normal([30, 4], { seed: 2 })
    const b = target(A, 2)
    for (const p of [1.5, 4]) {
      for (const method of ['exact', 'sampled'] as const) {
        const options = method === 'exact' ? { p, tol: 1e-12 } : { p, method, count: 22, tol: 1e-12 }
        const once = lpRegression(A, b, options)
        expect(await lpRegression.async(A, b, options)).toEqual(once)
        for (const [name, door] of Object.entries(doors(A))) {
          const other = await lpRegression(door, b, options)
          expect(Math.abs(other.residual / once.residual - 1), name).toBeLessThan(1e-9)
          other.x.forEach((v, j) => expect(Math.abs(v - once.x[j]!), name).toBeLessThan(1e-3))
        }
      }
    }
  })

  test('a ConvergenceError carries the best so far', () => {
    const A = random.normal([30, 4], { seed: 2 })
    try {
      lpRegression(A, target(A, 2), { p: 1, maxIterations: 4 })
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(ConvergenceError)
      const { best, iterations, residual: gap } = error as ConvergenceError<LpRegressionResult>
      expect(iterations).toBe(4)
      expect(best!.x.length).toBe(4)
      expect(best!.lowerBound).toBeLessThanOrEqual(best!.residual)
      expect(gap).toBeCloseTo(1 - best!.lowerBound / best!.residual, 12)
    }
  })

  test('empty, zero and square problems', () => {
    for (const p of [1, 2, 3]) {
      for (const method of ['exact', 'sampled'] as const) {
        expect(lpRegression(zeros([3, 0]) as Matrix, [1, 2, -2], { p: 1, method }).residual).toBe(5)
        expect(Array.from(lpRegression(zeros([0, 2]) as Matrix, [], { p, method }).x)).toEqual([0, 0])
        expect(Array.from(lpRegression(asOperator(zeros([0, 2])), [], { p, method }).x)).toEqual([0, 0])
        const flat = lpRegression(zeros([3, 2]) as Matrix, [3, 4, 0], { p, method })
        expect(Array.from(flat.x)).toEqual([0, 0])
        expect(flat.residual).toBeCloseTo((3 ** p + 4 ** p) ** (1 / p), 12)
        expect(flat.lowerBound).toBeCloseTo(flat.residual, 12)
        expect(
          lpRegression(
            [
              [1, 2],
              [3, 4],
            ],
            [0, 0],
            { p, method },
          ).residual,
        ).toBe(0)
        expect(
          lpRegression(
            [
              [1, 2],
              [3, 5],
            ],
            [1, 2],
            { p, method },
          ).residual,
        ).toBeLessThan(1e-14)
      }
    }
  })
})

describe('sampled lpRegression', () => {
  const A = random.normal([1500, 3], { seed: 3 })
  for (let j = 0; j < 3; j++) for (let i = 0; i < 4; i++) A.set(i, j, 60 * A.get(i, j))
  const b = target(A, 3)

  test.each([1, 1.5, 2, 3])('within 1 + ε of the best for 97 % of seeds, ε = 0.3: p = %d', (p) => {
    const { residual: best } = lpRegression(A, b, { p })
    let within = 0
    for (let seed = 0; seed < 40; seed++) {
      const solution = lpRegression(A, b, { p, method: 'sampled', epsilon: 0.3, seed, tol: 1e-4 })
      expect(solution.rows).toBeLessThan(400)
      expect(solution.lowerBound).toBeLessThanOrEqual(best * (1 + 1e-7))
      expect(solution.lowerBound).toBeGreaterThan(0)
      expect(solution.residual).toBeGreaterThanOrEqual(best * (1 - 1e-7))
      expect(Math.abs(solution.residual / residual(A, solution.x, b, p) - 1)).toBeLessThan(1e-12)
      if (solution.residual <= 1.3 * best) within++
    }
    expect(within).toBeGreaterThanOrEqual(0.97 * 40)
  })

  test('all rows where the count reaches them; the same for a seed, another for another', () => {
    const all = lpRegression(A, b, { p: 3, method: 'sampled', count: 1500 })
    expect(all).toEqual(lpRegression(A, b, { p: 3 }))
    const once = lpRegression(A, b, { p: 1, method: 'sampled', count: 100, seed: 5 })
    expect(once.rows).toBe(100)
    expect(lpRegression(A, b, { p: 1, method: 'sampled', count: 100, seed: 5 })).toEqual(once)
    expect(lpRegression(A, b, { p: 1, method: 'sampled', count: 100, seed: 6 }).x).not.toEqual(once.x)
  })

  test('any size of b, fewer rows than columns, a rank that the sample loses', () => {
    const { residual: best } = lpRegression(A, b, { p: 1.5 })
    for (const by of [1e-150, 1e-9, 1e9, 1e150]) {
      const solution = lpRegression(
        A,
        b.map((v) => by * v),
        { p: 1.5, method: 'sampled', count: 300 },
      )
      expect(solution.residual / by).toBeLessThan(1.3 * best)
    }
    for (const count of [1, 2, 3, 4]) {
      const solution = lpRegression(A, b, { p: 1, method: 'sampled', count })
      expect(solution.rows).toBe(count)
      expect(Number.isFinite(solution.residual)).toBe(true)
    }
  })
})
