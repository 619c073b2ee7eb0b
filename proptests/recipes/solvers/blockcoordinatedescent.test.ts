import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  ConvergenceError,
  gram,
  lstsq,
  norm,
  norm2Estimate,
  random,
  solve,
} from '../../../src/linalg/index.js'
import type { Matrix, Operand } from '../../../src/linalg/index.js'
import { solvers } from '../../../src/recipes/index.js'
import type {
  BlockCoordinateDescentOptions,
  DescentResult,
} from '../../../src/recipes/solvers/descentoptions.js'
import { orthonormal, withSpectrum } from '../../../src/testing/index.js'
import { RUNS, relaid } from '../../support/cases.js'
import { doors } from '../../support/doors.js'
import { EPS } from '../../support/measures.js'

const { blockCoordinateDescent } = solvers
const RULES = ['gs', 'gsl', 'gsd', 'gsq', 'random', 'cyclic'] as const

/** What is reached in t steps. */
function after(t: number, A: Matrix, b: Float64Array, options: BlockCoordinateDescentOptions): DescentResult {
  try {
    return blockCoordinateDescent(A, b, { ...options, rtol: 0, maxIterations: t })
  } catch (error) {
    if (!(error instanceof ConvergenceError)) throw error
    return (error as ConvergenceError<DescentResult>).best!
  }
}

/** Aᵀ(A·x − b), or A·x − b, by plain loops. */
function gradient(A: Matrix, b: Float64Array, x: Float64Array, quadratic: boolean): Float64Array {
  const r = b.map((bi, i) => x.reduce((sum, xj, j) => sum + A.get(i, j) * xj, -bi))
  return quadratic ? r : x.map((_, j) => r.reduce((sum, ri, i) => sum + A.get(i, j) * ri, 0))
}

const part = (H: Matrix, I: ArrayLike<number>): number[][] =>
  Array.from(I, (i) => Array.from(I, (j) => H.get(i, j)))

/** ½·g_bᵀH_bb⁻¹g_b */
function possible(H: Matrix, g: Float64Array, I: ArrayLike<number>): number {
  const gb = Array.from(I, (i) => g[i]!)
  return solve(part(H, I), gb).reduce((sum, d, j) => sum + (d * gb[j]!) / 2, 0)
}

const problems = fc.record({
  seed: fc.nat(2 ** 20),
  n: fc.integer({ min: 1, max: 14 }),
  extra: fc.integer({ min: 0, max: 6 }),
  blockSize: fc.integer({ min: 1, max: 5 }),
  rule: fc.constantFrom(...RULES),
  quadratic: fc.boolean(),
  t: fc.nat(12),
})

type Problem = typeof problems extends fc.Arbitrary<infer T> ? T : never

/** A of condition 10 with columns of different sizes, or AᵀA; H; b in its range. */
function build({ seed, n, extra, quadratic }: Problem): { A: Matrix; H: Matrix; b: Float64Array } {
  const m = n + extra
  const A = withSpectrum(
    m,
    n,
    Float64Array.from({ length: n }, (_, j) => 10 ** (-j / n)),
    { seed },
  )
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) A.data[i * n + j]! *= 1 + (j % 3)
  const H = gram(A)
  const b = random.normal([quadratic ? n : m], { seed: seed + 1 }).data
  return { A: quadratic ? H : A, H, b }
}

const form = (quadratic: boolean): 'quadratic' | 'leastSquares' => (quadratic ? 'quadratic' : 'leastSquares')
/** What rounding does to f and the gradient: the condition of H is at most 900. */
const SLACK = 30 * 20 * EPS * 900

describe('blockCoordinateDescent', () => {
  test('a step lowers f by ½·g_bᵀH_bb⁻¹g_b, leaves no gradient in its block, and nothing else moves', () => {
    fc.assert(
      fc.property(problems, fc.boolean(), (problem, variable) => {
        const { blockSize, quadratic, t, seed } = problem
        const rule = variable ? 'gsd' : problem.rule
        const { A, H, b } = build(problem)
        const blocks = variable ? 'variable' : 'fixed'
        const options = { rule, blockSize, seed, blocks, form: form(quadratic) } as const
        const [one, two] = [after(t, A, b, options), after(t + 1, A, b, options)]
        if (two.iterations === one.iterations) return
        const { block } = two.history.at(-1)!
        const g = gradient(A, b, one.x, quadratic)
        const size = b.reduce((sum, x) => sum + x * x, 0) * 900
        expect(Math.abs(one.objective - two.objective - possible(H, g, block))).toBeLessThanOrEqual(
          SLACK * size,
        )
        const next = gradient(A, b, two.x, quadratic)
        for (const i of block) expect(Math.abs(next[i]!)).toBeLessThanOrEqual(SLACK * Math.sqrt(size) * 9)
        two.x.forEach((xi, i) => {
          if (!block.includes(i)) expect(xi).toBe(one.x[i])
        })
      }),
      { ...RUNS, numRuns: 150 },
    )
  })

  test('each rule takes the block that its formula says; gsq the one that lowers f most', () => {
    fc.assert(
      fc.property(problems, (problem) => {
        const { blockSize, quadratic, t, n, rule } = problem
        fc.pre(rule !== 'random')
        const { A, H, b } = build(problem)
        const options = { rule, blockSize, blocks: 'fixed', form: form(quadratic) } as const
        const [one, two] = [after(t, A, b, options), after(t + 1, A, b, options)]
        const g = gradient(A, b, one.x, quadratic)
        if (two.iterations === one.iterations || norm([g]) <= 1e-6 * norm([b])) return
        const all = Array.from({ length: Math.ceil(n / blockSize) }, (_, k) =>
          Array.from({ length: Math.min(blockSize, n - k * blockSize) }, (_, j) => k * blockSize + j),
        )
        const squares = (I: number[]): number => I.reduce((sum, i) => sum + g[i]! ** 2, 0)
        const scores = all.map((I, k) => {
          if (rule === 'gs') return squares(I)
          if (rule === 'gsl') return squares(I) / norm2Estimate(part(H, I), { rtol: 1e-12 })
          if (rule === 'gsd') return I.reduce((sum, i) => sum + g[i]! ** 2 / H.get(i, i), 0)
          return rule === 'gsq' ? possible(H, g, I) : Number(k === t % all.length)
        })
        const taken = all.findIndex((I) => I.includes(two.history.at(-1)!.block[0]!))
        expect(scores[taken]).toBeGreaterThanOrEqual(Math.max(...scores) * (1 - 1e-6))
      }),
      { ...RUNS, numRuns: 150 },
    )
  })

  test('variable blocks are the coordinates of the largest keys', () => {
    fc.assert(
      fc.property(problems, fc.constantFrom('gs', 'gsd'), (problem, rule) => {
        const { blockSize, quadratic, t, n } = problem
        const { A, H, b } = build(problem)
        const options = { rule, blockSize, form: form(quadratic) } as const
        const [one, two] = [after(t, A, b, options), after(t + 1, A, b, options)]
        const g = gradient(A, b, one.x, quadratic)
        if (two.iterations === one.iterations || norm([g]) <= 1e-6 * norm([b])) return
        const { block } = two.history.at(-1)!
        expect(block.length).toBe(Math.min(n, blockSize))
        const keys = g.map((gi, i) => gi ** 2 / (rule === 'gs' ? 1 : H.get(i, i)))
        const inside = Math.min(...Array.from(block, (i) => keys[i]!))
        const outside = Math.max(0, ...keys.filter((_, i) => !block.includes(i)))
        expect(inside).toBeGreaterThanOrEqual(outside - 1e-6 * Math.max(...keys))
      }),
      RUNS,
    )
  })

  test('with l1 and blocks of one, gsq takes the coordinate that lowers the objective most', () => {
    fc.assert(
      fc.property(problems, fc.constantFrom(0.05, 0.3), (problem, weight) => {
        const { quadratic, t } = problem
        const { A, H, b } = build(problem)
        const zero = new Float64Array(A.shape[1]!)
        const l1 = weight * norm([gradient(A, b, zero, quadratic)])
        const options = { rule: 'gsq', blocks: 'fixed', blockSize: 1, l1, form: form(quadratic) } as const
        const [one, two] = [after(t, A, b, options), after(t + 1, A, b, options)]
        if (two.iterations === one.iterations) return
        const g = gradient(A, b, one.x, quadratic)
        const decreases = one.x.map((xi, i) => {
          const h = H.get(i, i)
          const free = xi - g[i]! / h
          const d = Math.sign(free) * Math.max(0, Math.abs(free) - l1 / h) - xi
          return -(g[i]! * d + (h * d * d) / 2 + l1 * (Math.abs(xi + d) - Math.abs(xi)))
        })
        const size = b.reduce((sum, x) => sum + x * x, 0) * 900
        expect(one.objective - two.objective).toBeGreaterThanOrEqual(Math.max(...decreases) - SLACK * size)
      }),
      RUNS,
    )
  })

  test('blocks of one with gs are the method of Gauss and Southwell', () => {
    const { A, H, b } = build({ seed: 4, n: 10, extra: 3, blockSize: 1, rule: 'gs', quadratic: true, t: 0 })
    const x = new Float64Array(10)
    const { history } = after(25, A, b, { form: 'quadratic', rule: 'gs', blockSize: 1, blocks: 'variable' })
    for (const { block } of history) {
      const g = gradient(A, b, x, true)
      const i = g.reduce((best, gi, j) => (Math.abs(gi) > Math.abs(g[best]!) ? j : best), 0)
      expect(Array.from(block)).toEqual([i])
      x[i]! -= g[i]! / H.get(i, i)
    }
  })

  test('finds the minimum, also of rank-deficient problems and at every scale', () => {
    fc.assert(
      fc.property(problems, fc.constantFrom(-150, 0, 140), fc.boolean(), (problem, scale, deficient) => {
        const { blockSize, rule, n, extra, seed } = problem
        const m = n + extra
        const rank = deficient ? Math.ceil(n / 2) : n
        const s = Float64Array.from({ length: n }, (_, j) => (j < rank ? 10 ** (scale - j / n) : 0))
        const A = withSpectrum(m, n, s, { seed })
        const b = random.normal([m], { seed: seed + 1 }).data.map((x) => x * 10 ** (scale / 2))
        const rtol = 1e-9
        const result = blockCoordinateDescent(relaid(A, 'reversed'), b, {
          rule,
          blockSize,
          blocks: 'fixed',
          rtol,
          seed,
          maxIterations: 1e5,
        })
        expect(result.residual).toBeLessThanOrEqual(rtol)
        // f − f* <= ½·‖g‖²/σ² with σ >= ‖A‖/10 and ‖g‖ <= rtol·‖Aᵀb‖.
        const least = lstsq(A, b).residuals[0]! ** 2 / 2
        const size = b.reduce((sum, x) => sum + x * x, 0)
        expect(Math.abs(result.objective - least)).toBeLessThanOrEqual((50 * rtol ** 2 + SLACK) * size)
      }),
      RUNS,
    )
  })

  test('a factor of a power of two changes no step', () => {
    const { A, b } = build({ seed: 8, n: 9, extra: 4, blockSize: 3, rule: 'gsq', quadratic: false, t: 0 })
    const plain = after(12, A, b, { blockSize: 3, blocks: 'fixed', l1: 0.01 })
    for (const e of [-400, 400]) {
      const large = random.normal([13, 9])
      A.data.forEach((a, i) => (large.data[i] = a * 2 ** e))
      const other = after(12, large, b, { blockSize: 3, blocks: 'fixed', l1: 0.01 * 2 ** e })
      expect(other.history.map(({ block }) => block)).toEqual(plain.history.map(({ block }) => block))
      expect(norm([other.x.map((x, i) => x * 2 ** e - plain.x[i]!)])).toBeLessThanOrEqual(
        SLACK * norm([plain.x]),
      )
    }
  })

  test('with l1 the minimum satisfies its conditions, and no step raises the objective', () => {
    fc.assert(
      fc.property(problems, fc.constantFrom(0.05, 0.3, 2), fc.boolean(), (problem, weight, variable) => {
        const { blockSize, quadratic, seed } = problem
        const rule = variable ? 'gsd' : problem.rule
        const { A, b } = build(problem)
        const reference = norm([gradient(A, b, new Float64Array(A.shape[1]!), quadratic)])
        const l1 = weight * reference
        const { x, history } = blockCoordinateDescent(A, b, {
          form: form(quadratic),
          rule,
          blockSize,
          blocks: variable ? 'variable' : 'fixed',
          l1,
          rtol: 1e-8,
          seed,
          maxIterations: 1e5,
        })
        const g = gradient(A, b, x, quadratic)
        x.forEach((xi, i) => {
          if (xi === 0) expect(Math.abs(g[i]!)).toBeLessThanOrEqual(l1 + 2e-8 * reference)
          else expect(Math.abs(g[i]! + l1 * Math.sign(xi))).toBeLessThanOrEqual(2e-8 * reference)
        })
        const size = b.reduce((sum, bi) => sum + bi * bi, 0) * (quadratic ? 900 : 1)
        history.forEach(({ objective }, t) => {
          if (t > 0) expect(objective).toBeLessThanOrEqual(history[t - 1]!.objective + SLACK * size)
        })
      }),
      RUNS,
    )
  })

  test('with orthonormal columns and l1 the answer is the soft threshold of Aᵀb', () => {
    const A = orthonormal(12, 7, { seed: 3 })
    const b = random.normal([12], { seed: 4 }).data
    const Atb = gradient(A, b, new Float64Array(7), false).map((g) => -g)
    const { x } = blockCoordinateDescent(A, b, { l1: 0.4, blockSize: 3, rtol: 1e-13 })
    Atb.forEach((c, i) => {
      expect(x[i]).toBeCloseTo(Math.sign(c) * Math.max(0, Math.abs(c) - 0.4), 12)
    })
  })

  test('least squares and its normal equations take the same steps', () => {
    const { A, H, b } = build({ seed: 2, n: 12, extra: 5, blockSize: 4, rule: 'gsq', quadratic: false, t: 0 })
    const right = gradient(A, b, new Float64Array(12), false).map((g) => -g)
    const [one, two] = [
      after(10, A, b, { blockSize: 4, blocks: 'fixed' }),
      after(10, H, right, { blockSize: 4, blocks: 'fixed', form: 'quadratic' }),
    ]
    expect(one.history.map(({ block }) => block)).toEqual(two.history.map(({ block }) => block))
    expect(norm([one.x.map((x, i) => x - two.x[i]!)])).toBeLessThanOrEqual(SLACK * norm([one.x]))
  })

  test('every door gives the same', async () => {
    const { A, b } = build({ seed: 6, n: 8, extra: 4, blockSize: 3, rule: 'gsq', quadratic: false, t: 0 })
    for (const options of [
      {},
      {
        rule: 'cyclic',
        blocks: [
          [0, 7, 1],
          [2, 3],
          [4, 5, 6],
        ],
      },
    ] as const) {
      const want = blockCoordinateDescent(A, b, { ...options, rtol: 1e-5 })
      expect(await blockCoordinateDescent.async(A, b, { ...options, rtol: 1e-5 })).toEqual(want)
      for (const [name, door] of Object.entries(doors(A))) {
        const { x } = await blockCoordinateDescent.async(door as Operand, b, { ...options, rtol: 1e-5 })
        expect(norm([x.map((xi, i) => xi - want.x[i]!)]), name).toBeLessThanOrEqual(1e-3 * norm([want.x]))
      }
    }
  })
})
