import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { asOperator, gram, norm, random, solve, zeros } from '../../../src/linalg/index.js'
import { runSync } from '../../../src/linalg/steps.js'
import { solvers } from '../../../src/recipes/index.js'
import type { ConstrainedProblem } from '../../../src/recipes/solvers/constrainedproblem.js'
import { meritOf, pointSteps } from '../../../src/recipes/solvers/constrainedproblem.js'
import { directionSteps } from '../../../src/recipes/solvers/sketcheddirection.js'
import { RUNS } from '../../support/cases.js'
import { EPS } from '../../support/measures.js'

const { augmentedLagrangian } = solvers

const problems = fc.record({
  seed: fc.nat(2 ** 20),
  n: fc.integer({ min: 2, max: 8 }),
  m: fc.integer({ min: 0, max: 2 }),
  /** Of the nonlinear parts: 0 is a quadratic under linear constraints. */
  bend: fc.constantFrom(0, 0.3),
  sketch: fc.constantFrom('gaussian', 'coordinate'),
})

type Problem = typeof problems extends fc.Arbitrary<infer T> ? T : never

/** ½xᵀQx + qᵀx + bend·Σ cos xᵢ with aⱼᵀx + (bend/2)·xⱼ² = 0.1 for the first m coordinates. */
function build({ seed, n, m, bend }: Problem) {
  const B = random.normal([n, n], { seed })
  const Q = gram(B)
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) Q.data[i * n + j] = Q.data[i * n + j]! / n + (i === j ? 1 : 0)
  }
  const q = random.normal([n], { seed: seed + 1 }).data
  const noise = random.normal([m, n], { seed: seed + 2 })
  const a = (j: number, i: number): number => (i === j ? 1 : 0) + 0.2 * noise.get(j, i)
  const Qx = (x: Float64Array): Float64Array =>
    x.map((_, i) => x.reduce((sum, xj, j) => sum + Q.get(i, j) * xj, 0))
  const indices = Array.from({ length: m }, (_, j) => j)
  const problem = {
    f(x) {
      const product = Qx(x)
      return x.reduce((sum, xi, i) => sum + xi * (product[i]! / 2 + q[i]!) + bend * Math.cos(xi), 0)
    },
    gradient: (x) => Qx(x).map((value, i) => value + q[i]! - bend * Math.sin(x[i]!)),
    c: (x) => indices.map((j) => x.reduce((sum, xi, i) => sum + a(j, i) * xi, (bend / 2) * x[j]! ** 2 - 0.1)),
    jacobian: (x) => indices.map((j) => Array.from(x, (xi, i) => a(j, i) + (i === j ? bend * xi : 0))),
    hessian(x, lambda) {
      const H = zeros([n, n])
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) H.set(i, j, Q.get(i, j) - (i === j ? bend * Math.cos(x[i]!) : 0))
        if (i < m) H.set(i, i, H.get(i, i) + bend * lambda[i]!)
      }
      return H
    },
  } satisfies ConstrainedProblem
  const start = random.normal([n], { seed: seed + 3 }).data
  return { problem, Q, q, a, start }
}

describe('augmentedLagrangian', () => {
  test('ends where the KKT conditions hold, and each step lowers the merit', () => {
    fc.assert(
      fc.property(problems, (p) => {
        const { problem, start } = build(p)
        const given = start.slice()
        const { sketch, seed } = p
        const result = augmentedLagrangian(problem, start, { sketch, seed, rtol: 0, atol: 1e-8 })
        const { x, lambda, history, iterations, residual, value } = result
        expect(start).toEqual(given)
        const J = problem.jacobian(x)
        const force = problem
          .gradient(x)
          .map((g, i) => J.reduce((sum, row, j) => sum + row[i]! * lambda[j]!, g))
        expect(norm([[...force, ...problem.c(x)]])).toBeLessThanOrEqual(1e-8)
        expect(value).toBe(problem.f(x))
        expect(iterations).toBe(history.length)
        expect(history.at(-1)?.residual ?? residual).toBe(residual)
        for (const { decrease, length } of history) {
          // As much as sums of n + m terms of the size of f round to.
          expect(decrease).toBeGreaterThanOrEqual(-4 * 10 * EPS * (1 + Math.abs(problem.f(start))) * 100)
          expect(Math.abs(Math.log2(length) % 1)).toBe(0)
        }
      }),
      RUNS,
    )
  })

  test('a quadratic under linear constraints with exact directions is one step', () => {
    fc.assert(
      fc.property(problems, (p) => {
        const { n, m, seed, sketch } = p
        const { problem, Q, q, a, start } = build({ ...p, bend: 0 })
        const options = { sketch, seed, accuracy: 1e-9, rtol: 1e-6, maxSketches: 1e5 }
        const { x, lambda, history } = augmentedLagrangian(problem, start, options)
        expect(history.length).toBe(1)
        expect(history[0]!.length).toBe(1)
        const K = zeros([n + m, n + m])
        for (let i = 0; i < n; i++) {
          for (let j = 0; j < n; j++) K.set(i, j, Q.get(i, j))
          for (let j = 0; j < m; j++) {
            K.set(i, n + j, a(j, i))
            K.set(n + j, i, a(j, i))
          }
        }
        const want = solve(K, [...q.map((qi) => -qi), ...new Array<number>(m).fill(0.1)])
        const error = norm([[...x, ...lambda].map((value, i) => value - want[i]!)])
        expect(error).toBeLessThanOrEqual(1e-6 * (norm([want]) + norm([start]) + 1))
      }),
      { ...RUNS, numRuns: 30 },
    )
  })

  test('with exact directions the last steps are whole, and the residual is squared', () => {
    for (let seed = 0; seed < 10; seed++) {
      const { problem, start } = build({ seed, n: 6, m: 2, bend: 0.3, sketch: 'gaussian' })
      const { history } = augmentedLagrangian(problem, start, { accuracy: 1e-9, rtol: 0, atol: 1e-11 })
      const late = history.map((step, t) => ({ ...step, before: history[t - 1]?.residual ?? Infinity }))
      const near = late.filter(({ before, residual }) => before < 0.05 && residual > 1e-9)
      for (const { before, residual, length } of near) {
        expect(length).toBe(1)
        // Third derivatives are at most 0.3, K⁻¹ a few.
        expect(residual).toBeLessThanOrEqual(5 * before ** 2)
      }
    }
  })

  test('the slope that is said is the derivative of the merit', () => {
    fc.assert(
      fc.property(problems, (p) => {
        const { problem, start } = build(p)
        const u = new Float64Array(p.n + p.m)
        u.set(start)
        for (let j = 0; j < p.m; j++) u[p.n + j] = 0.5 - j
        const point = (at: Float64Array) => runSync(pointSteps('test', problem, at, p.n, true))!
        const plan = { sketch: p.sketch, blockSize: 3, seed: 0, first: 0, accuracy: 0.1, maxSketches: 1e5 }
        const { z, slope, penalties } = runSync(directionSteps('test', problem, point(u), [2, 0.5], plan))!
        const h = 1e-5
        const merit = (t: number): number => meritOf(point(u.map((value, i) => value + t * z[i]!)), penalties)
        const [left, right] = [merit(-h), merit(h)]
        // Rounding of the merit, and h² times a third derivative.
        const size = Math.abs(left) + norm([z]) ** 2 * 100
        expect(Math.abs((right - left) / (2 * h) - slope)).toBeLessThanOrEqual(1e-7 * size * (1 + norm([z])))
      }),
      RUNS,
    )
  })

  test('no step is made from a solution', () => {
    const { problem, start } = build({ seed: 1, n: 5, m: 2, bend: 0.3, sketch: 'gaussian' })
    const { x, lambda } = augmentedLagrangian(problem, start, { rtol: 0, atol: 1e-10 })
    const again = augmentedLagrangian(problem, x, { lambda0: lambda, atol: 1e-9 })
    expect(again.iterations).toBe(0)
    expect(again.x).toEqual(x)
  })

  test('a ridge leads away from negative curvature', () => {
    // min −x² − y²/2 + z⁴/4 − z²/2 on the unit circle of (x, y): (±1, 0, ±1).
    const { x } = augmentedLagrangian(
      {
        f: ([x = 0, y = 0, z = 0]) => -(x ** 2) - y ** 2 / 2 + z ** 4 / 4 - z ** 2 / 2,
        gradient: ([x = 0, y = 0, z = 0]) => [-2 * x, -y, z ** 3 - z],
        c: ([x = 0, y = 0]) => [(x ** 2 + y ** 2 - 1) / 2],
        jacobian: ([x = 0, y = 0]) => [[x, y, 0]],
        hessian: ([, , z = 0], [l = 0]) => [
          [l - 2, 0, 0],
          [0, l - 1, 0],
          [0, 0, 3 * z ** 2 - 1],
        ],
      },
      [0.5, 1, 0.1],
    )
    expect(Array.from(x, Math.abs).map((xi) => Math.round(xi * 1e6) / 1e6)).toEqual([1, 0, 1])
  })

  test('operators, async callbacks and the cooperative run give the same', async () => {
    const { problem, start } = build({ seed: 2, n: 6, m: 2, bend: 0.3, sketch: 'gaussian' })
    const want = augmentedLagrangian(problem, start, { seed: 3 })
    expect(await augmentedLagrangian.async(problem, start, { seed: 3 })).toEqual(want)
    const { f, gradient, c, jacobian, hessian } = problem
    const promised = augmentedLagrangian(
      {
        async: true,
        f: (x) => Promise.resolve(f(x)),
        gradient: (x) => Promise.resolve(gradient(x)),
        c: (x) => Promise.resolve(c(x)),
        jacobian: (x) => Promise.resolve(asOperator(jacobian(x))),
        hessian: (x, lambda) => Promise.resolve(asOperator(hessian(x, lambda))),
      },
      start,
      { seed: 3 },
    )
    expect(promised).toBeInstanceOf(Promise)
    expect(await promised).toEqual(want)
  })
})
