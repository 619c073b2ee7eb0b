import { expect, test } from 'vitest'
import { ConvergenceError, csr, random, sor } from '../src/linalg/index.js'
import type { CsrOperator } from '../src/linalg/index.js'
import { solvers } from '../src/recipes/index.js'
import { record } from './support/record.js'

const SIDE = 10
const SYSTEMS = 1500
const CAP = 500
const RANGE = [-0.15, 0.45] as const
const OMEGAS = Array.from({ length: 20 }, (_, i) => (20 + i) / 20)

/** The Laplacian of a grid, plus shift·I. */
function shifted(shift: number): CsrOperator {
  const [rows, cols, values]: [number[], number[], number[]] = [[], [], []]
  const put = (i: number, j: number, value: number): void => {
    rows.push(i)
    cols.push(j)
    values.push(value)
  }
  for (let r = 0; r < SIDE; r++) {
    for (let c = 0; c < SIDE; c++) {
      const at = r * SIDE + c
      put(at, at, 4 + shift)
      if (c > 0) put(at, at - 1, -1)
      if (c < SIDE - 1) put(at, at + 1, -1)
      if (r > 0) put(at, at - SIDE, -1)
      if (r < SIDE - 1) put(at, at + SIDE, -1)
    }
  }
  return csr({ shape: [SIDE ** 2, SIDE ** 2], rows, cols, values })
}

/** Beta(2, 6) is the second smallest of seven uniforms. */
function contexts(): Float64Array {
  const u = random.uniform([SYSTEMS, 7], { seed: 1 })
  return Float64Array.from({ length: SYSTEMS }, (_, t) => {
    const seven = u.data
      .subarray(7 * t, 7 * t + 7)
      .slice()
      .sort()
    return RANGE[0] + (RANGE[1] - RANGE[0]) * seven[1]!
  })
}

/** How many sweeps SOR takes, at most `CAP`. */
function sweeps(A: CsrOperator, b: Float64Array, omega: number): number {
  try {
    return sor(A, b, { omega, rtol: 1e-8, maxIterations: CAP }).iterations
  } catch (error) {
    if (error instanceof ConvergenceError) return CAP
    throw error
  }
}

test('bandits learn to relax', () => {
  const shifts = contexts()
  const right = random.normal([SYSTEMS, SIDE ** 2], { seed: 2 }).data
  // What each ω would cost, of which a learner sees one number for each system.
  const costs = Array.from(shifts, (shift, t) => {
    const A = shifted(shift)
    const b = right.subarray(t * SIDE ** 2, (t + 1) * SIDE ** 2)
    return OMEGAS.map((omega) => sweeps(A, b, omega))
  })
  const total = (pick: (cost: readonly number[], t: number) => number): number =>
    costs.reduce((sum, cost, t) => sum + pick(cost, t), 0)
  const fixed = OMEGAS.map((_, i) => total((cost) => cost[i]!))
  const best = Math.min(...fixed)
  const seeds = [0, 1, 2]
  const mean = (play: (seed: number) => number): number =>
    seeds.reduce((sum, seed) => sum + play(seed), 0) / seeds.length
  const tsallis = mean((seed) => {
    const bandit = solvers.tsallisInf({ arms: OMEGAS.length, seed })
    return total((cost) => {
      const arm = bandit.choose()
      bandit.update(arm, cost[arm]! - 1)
      return cost[arm]!
    })
  })
  const contextual = mean((seed) => {
    const bandit = solvers.chebCb({ arms: OMEGAS.length, range: RANGE, seed })
    return total((cost, t) => {
      const arm = bandit.choose(shifts[t]!)
      bandit.update(arm, cost[arm]! - 1)
      return cost[arm]!
    })
  })
  const instance = total((cost) => Math.min(...cost))
  expect(instance).toBeLessThan(contextual)
  expect(contextual).toBeLessThan(0.95 * best)
  expect(best).toBeLessThan(tsallis)
  expect(tsallis).toBeLessThan(0.5 * fixed[0]!)
  const row = (name: string, iterations: number): (string | number)[] => [name, iterations / SYSTEMS]
  record({
    name: 'learning-to-relax',
    title: 'Bandits learn the relaxation parameter while they solve',
    paper:
      'Khodak, Chow, Balcan and Talwalkar 2024, "Learning to relax: setting solver parameters across a sequence of linear system instances"',
    setting: `${SYSTEMS} systems, one after the other: the Laplacian of a ${SIDE}×${SIDE} grid plus c·I, c = −0.15 + 0.6·Beta(2, 6), normal right-hand sides, SOR to 10⁻⁸, at most ${CAP} sweeps; ω among 1, 1.05, …, 1.95. The bandits see the sweeps that their ω took, and nothing else; means over ${seeds.length} seeds.`,
    columns: ['ω', 'sweeps per system'],
    rows: [
      row('1 (Gauss–Seidel)', fixed[0]!),
      row('learned by Tsallis-INF', tsallis),
      row(`best for all, ${OMEGAS[fixed.indexOf(best)]!}`, best),
      row('learned for each c by ChebCB', contextual),
      row('best for each system', instance),
    ],
    reading:
      'One bandit comes near the best ω for all systems, without being told what the systems are; the one that sees c does better than any single ω could. As in the paper, the order is: best for each system, contextual, best for all, not contextual, Gauss–Seidel.',
  })
})
