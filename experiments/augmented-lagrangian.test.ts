import { expect, test } from 'vitest'
import { random } from '../src/linalg/index.js'
import { solvers } from '../src/recipes/index.js'
import type { ConstrainedProblem } from '../src/recipes/solvers/constrainedproblem.js'
import { record } from './support/record.js'

const N = 20
const M = 5
const SEEDS = Array.from({ length: 10 }, (_, seed) => seed)

/** ½‖x‖² + ‖B·x‖²/(2n) + qᵀx + ½Σ cos xᵢ with tanh(aⱼᵀx) = ±0.3. */
function problem(seed: number): ConstrainedProblem {
  const B = random.normal([N, N], { seed: 3 * seed })
  const C = random.normal([M, N], { seed: 3 * seed + 1 })
  const q = random.normal([N], { seed: 3 * seed + 2 })
  const a = (j: number, i: number): number => C.get(j, i) / Math.sqrt(N)
  const Q = Array.from({ length: N }, (_, i) =>
    Array.from({ length: N }, (_, j) => {
      let total = i === j ? 1 : 0
      for (let k = 0; k < N; k++) total += (B.get(k, i) * B.get(k, j)) / N
      return total
    }),
  )
  const Qx = (x: Float64Array): number[] =>
    Q.map((row) => row.reduce((total, value, j) => total + value * x[j]!, 0))
  const heights = (x: Float64Array): number[] =>
    Array.from({ length: M }, (_, j) => Math.tanh(x.reduce((total, xi, i) => total + a(j, i) * xi, 0)))
  return {
    f(x) {
      const product = Qx(x)
      return x.reduce((s, xi, i) => s + (xi * product[i]!) / 2 + q.get(i) * xi + Math.cos(xi) / 2, 0)
    },
    gradient: (x) => Qx(x).map((value, i) => value + q.get(i) - Math.sin(x[i]!) / 2),
    c: (x) => heights(x).map((t, j) => t - (j % 2 === 0 ? 0.3 : -0.3)),
    jacobian: (x) => heights(x).map((t, j) => Array.from({ length: N }, (_, i) => (1 - t * t) * a(j, i))),
    hessian(x, lambda) {
      const bends = heights(x).map((t, j) => -2 * t * (1 - t * t) * lambda[j]!)
      return Q.map((row, i) =>
        row.map((value, k) =>
          bends.reduce(
            (total, bend, j) => total + bend * a(j, i) * a(j, k),
            value - (i === k ? Math.cos(x[i]!) / 2 : 0),
          ),
        ),
      )
    },
  }
}

test('a tenth of the residual is left after each inexact Newton step', () => {
  const start = Array.from({ length: N }, (_, i) => Math.sin(i + 1) / 2)
  const runs = SEEDS.map((seed) =>
    solvers.augmentedLagrangian(problem(seed), start, { rtol: 0, atol: 1e-6, seed }),
  )
  const shown = runs[0]!.history
  const rates = runs.map(({ history }) => {
    const last = history.slice(-4)
    return (last.at(-1)!.residual / last[0]!.residual) ** (1 / (last.length - 1))
  })
  const sketches = runs.flatMap(({ history }) => history.map((step) => step.sketches)).sort((x, y) => x - y)
  const middle = sketches[Math.floor(sketches.length / 2)]!
  record({
    name: 'augmented-lagrangian',
    title: 'Exact augmented Lagrangian with sketched Newton steps',
    paper:
      'Hong, Na, Mahoney and Kolar 2023, "Constrained optimization via exact augmented Lagrangian and randomized iterative sketching".',
    setting: `A quadratic with cosines in ${N} variables under ${M} constraints tanh(aᵀx) = ±0.3; each Newton system solved to a tenth by Gaussian sketches of 8 columns. Seed 0.`,
    columns: ['step', 'KKT residual', 'length', 'sketches'],
    rows: shown.map(({ residual, length, sketches }, t) => [t + 1, residual, length, sketches]),
    reading: `The residual falls by the accuracy of the inner solves, or more, with whole steps: over ${SEEDS.length} seeds ${Math.max(...runs.map(({ iterations }) => iterations))} steps at most reach 10⁻⁶, with ${middle} sketches in the median step.`,
  })
  for (const [t, { history }] of runs.entries()) {
    expect(rates[t]).toBeLessThan(0.2)
    expect(history.at(-1)!.length).toBe(1)
    expect(history.length).toBeLessThanOrEqual(15)
  }
})
