import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ConvergenceError, norm, random } from '../../../src/linalg/index.js'
import type { Matrix } from '../../../src/linalg/index.js'
import { solvers } from '../../../src/recipes/index.js'
import type { FiniteSum, HalpernResult } from '../../../src/recipes/solvers/finitesum.js'
import { RUNS, symmetric } from '../../support/cases.js'
import { EPS } from '../../support/measures.js'

const { halpern } = solvers

const problems = fc.record({
  seed: fc.nat(2 ** 20),
  size: fc.integer({ min: 1, max: 40 }),
  d: fc.integer({ min: 1, max: 6 }),
  /** How much components differ. */
  spread: fc.constantFrom(0, 0.1),
  spectrum: fc.constantFrom('flat', 'wide', 'singular'),
})

type Problem = typeof problems extends fc.Arbitrary<infer T> ? T : never

/** Fᵢ(u) = cᵢ·H·(u − u*), with the mean of cᵢ 1: F(u) = H·(u − u*) is 1-cocoercive. */
function build({ seed, size, d, spread, spectrum }: Problem) {
  const values = Float64Array.from({ length: d }, (_, j) => {
    if (spectrum === 'flat') return 1
    return spectrum === 'singular' && j % 2 === 1 ? 0 : 10 ** ((-2 * j) / d)
  })
  const H: Matrix = symmetric(values, seed)
  const zero = random.normal([d], { seed: seed + 1 }).data
  const start = random.normal([d], { seed: seed + 2 }).data
  const c = random.normal([size], { seed: seed + 3 }).data.map((x) => spread * x)
  const mean = c.reduce((sum, x) => sum + x, 0) / size
  const whole = (u: Float64Array): Float64Array =>
    u.map((_, i) => u.reduce((sum, uj, j) => sum + H.get(i, j) * (uj - zero[j]!), 0))
  const counted = { evaluations: 0 }
  const problem: FiniteSum = {
    size,
    F(indices, u) {
      counted.evaluations += indices.length
      const weight = indices.reduce((sum, i) => sum + 1 + c[i]! - mean, 0) / indices.length
      return whole(u).map((x) => weight * x)
    },
  }
  return { problem, zero, start, whole, counted, distance: norm([start.map((x, i) => x - zero[i]!)]) }
}

/** What is known after the given steps. */
function run(problem: FiniteSum, start: Float64Array, options: Parameters<typeof halpern>[2]): HalpernResult {
  try {
    return halpern(problem, start, { rtol: 0, ...options })
  } catch (error) {
    if (!(error instanceof ConvergenceError)) throw error
    return (error as ConvergenceError<HalpernResult>).best!
  }
}

describe('halpern', () => {
  test('deterministic: ‖F(uₖ)‖ <= L·‖u0 − u*‖/(k + 1) for each k', () => {
    fc.assert(
      fc.property(problems, fc.constantFrom(1, 1.7), (p, L) => {
        const { problem, start, distance } = build(p)
        const { history } = run(problem, start, { L, method: 'deterministic', maxIterations: 80 })
        for (const { iteration, residual } of history) {
          expect(residual).toBeLessThanOrEqual((L * distance) / (iteration + 1) + 30 * p.d * EPS * distance)
        }
      }),
      RUNS,
    )
  })

  test('with equal components variance reduction reduces nothing: F̃ is F', () => {
    fc.assert(
      fc.property(problems, (p) => {
        const { problem, start, whole, distance } = build({ ...p, spread: 0 })
        const { u, iterations } = run(problem, start, { L: 1, seed: p.seed, maxIterations: 30 })
        let plain = start
        for (let k = 0; k < iterations; k++) {
          const lambda = 2 / (k + 4)
          const F = whole(plain)
          plain = plain.map((x, i) => lambda * start[i]! + (1 - lambda) * x - F[i]! / 4)
        }
        const size = norm([start]) + distance
        expect(norm([plain.map((x, i) => x - u[i]!)])).toBeLessThanOrEqual(30 * 31 * p.d * EPS * size)
      }),
      RUNS,
    )
  })

  test('reaches its tolerance, says what is true, and counts what it asks', () => {
    fc.assert(
      fc.property(problems, fc.constantFrom('deterministic', 'varianceReduced'), (p, method) => {
        const { problem, start, whole, counted, distance } = build(p)
        const result = halpern(problem, start, { L: 1.5, method, rtol: 0.02, seed: p.seed })
        expect(norm([whole(result.u)])).toBeLessThanOrEqual(result.residual + 30 * p.d * EPS * distance)
        expect(result.residual).toBeLessThanOrEqual(0.02 * norm([whole(start)]) * (1 + 30 * p.d * EPS))
        expect(result.evaluations).toBe(counted.evaluations)
        expect(result.history.at(-1)).toEqual({
          iteration: result.iterations,
          evaluations: result.evaluations,
          residual: result.residual,
        })
      }),
      RUNS,
    )
  })

  test('evaluations in the mean are those of the probabilities', () => {
    const { problem, start, counted } = build({ seed: 1, size: 100, d: 2, spread: 0.1, spectrum: 'wide' })
    const steps = 400
    let expected = 100
    let variance = 0
    for (let k = 0; k < steps; k++) {
      const p = 4 / (Math.min(k, 10) + 5)
      expected += p * 100 + (1 - p) * 20
      variance += p * (1 - p) * 80 ** 2
    }
    const seeds = 20
    for (let seed = 0; seed < seeds; seed++) run(problem, start, { L: 1.5, seed, maxIterations: steps })
    expect(Math.abs(counted.evaluations / seeds - expected)).toBeLessThanOrEqual(
      4 * Math.sqrt(variance / seeds),
    )
  })

  test('a solution is kept', () => {
    const { problem, zero } = build({ seed: 2, size: 9, d: 3, spread: 0.1, spectrum: 'wide' })
    const { u, iterations, evaluations } = halpern(problem, zero, { L: 1 })
    expect([u, iterations, evaluations]).toEqual([zero, 0, 9])
  })

  test('async callbacks and the cooperative run give the same', async () => {
    const { problem, start } = build({ seed: 3, size: 30, d: 4, spread: 0.1, spectrum: 'wide' })
    const options = { L: 1.5, rtol: 0.05, seed: 7 }
    const want = halpern(problem, start, options)
    expect(await halpern.async(problem, start, options)).toEqual(want)
    const promised = halpern(
      { async: true, size: 30, F: (I: Int32Array, u: Float64Array) => Promise.resolve(problem.F(I, u)) },
      start,
      options,
    )
    expect(promised).toBeInstanceOf(Promise)
    expect(await promised).toEqual(want)
    expect(halpern(problem, start, { ...options, seed: 8 }).u).not.toEqual(want.u)
  })
})
