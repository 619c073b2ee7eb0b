import { asVector } from '../../linalg/arrays.js'
import type { VectorLike } from '../../linalg/arrays.js'
import { ConvergenceError } from '../../linalg/errors.js'
import { norm2 } from '../../linalg/magnitude.js'
import {
  integer,
  nonNegative,
  oneOf,
  optional,
  positive,
  readOptions,
  seed,
  withDefault,
} from '../../linalg/options.js'
import { fromSteps, report, wait } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { batchOf, checkedSize, coin } from './finitesum.js'
import type { FiniteSum, HalpernOptions, HalpernRecord, HalpernResult } from './finitesum.js'

const FN = 'halpern'

/**
 * A zero of F = (1/n)·Σ Fᵢ for a cocoercive F (such as the gradient of a smooth convex function), by Halpern's
 * iteration: each step is drawn back to u0 a little, and with that ‖F(u)‖ itself falls like 1/k.
 *
 * 'deterministic': u ← u0/(k + 2) + (1 − 1/(k + 2))·(u − (2/L)·F(u)), with ‖F(uₖ)‖ <= L·‖u0 − u*‖/(k + 1).
 * 'varianceReduced': F is known through F̃, which is made anew with probability 4/(min(k, √n) + 5) and else moved
 * by the differences of ⌈√n⌉ components drawn with replacement; u ← λ·u0 + (1 − λ)·u − F̃/(4L), λ = 2/(k + 4).
 * It pays where n is large beside 1/tolerance and the components resemble each other; where they do not, its L is
 * much larger than that of F, and 'deterministic' with its longer step needs fewer evaluations.
 *
 * @param problem - `size` and the callback `F(indices, u)`; `async: true` where it answers with a Promise, and so
 * does the method. What it is handed is not its to change.
 * @param u0 - d numbers.
 * @returns u with ‖F(u)‖ <= max(rtol·‖F(u0)‖, atol), looked at only where F̃ = F, which costs no evaluation more.
 * @throws ConvergenceError, with the last u whose residual is known as `best`, after `maxIterations`; ShapeError;
 * NotFiniteError, also where a too small L lets u run away; OptionError.
 * Cost: n evaluations in a step, or about 6√n in the mean with variance reduction, once k > √n. Memory: 6d
 * numbers, and n indices.
 * Source: Cai, Alacaoglu and Diakonikolas 2024, "Variance reduced Halpern iteration for finite-sum monotone
 * inclusions", algorithm 1; Halpern 1967 with the bound of Lieder 2021 for 'deterministic'. For an F that is
 * monotone and Lipschitz but not cocoercive the paper wraps this in proximal steps, which are not here.
 *
 * @example
 * ```ts
 * import { solvers } from 'lowrank/recipes'
 * const data = [1, 2, 6]          // F_i(u) = u − data_i: the mean
 * const { u } = solvers.halpern({
 *   size: 3,
 *   F: (indices, u) => [indices.reduce((sum, i) => sum + u[0]! - data[i]!, 0) / indices.length],
 * }, [0], { L: 1 })   // about 3
 * ```
 */
export const halpern: {
  (
    problem: FiniteSum & { readonly async: true },
    u0: VectorLike,
    options: HalpernOptions,
  ): Promise<HalpernResult>
  (problem: FiniteSum, u0: VectorLike, options: HalpernOptions): HalpernResult
  async(problem: FiniteSum, u0: VectorLike, options: HalpernOptions): Promise<HalpernResult>
} = /*#__PURE__*/ fromSteps(halpernSteps, 2) as never

function* halpernSteps(problem: FiniteSum, u0: VectorLike, options: HalpernOptions): Steps<HalpernResult> {
  const plan = readOptions(FN, options, {
    L: positive,
    method: withDefault(oneOf('varianceReduced', 'deterministic'), 'varianceReduced'),
    step: optional(positive),
    rtol: withDefault(nonNegative, 1e-3),
    atol: withDefault(nonNegative, 0),
    maxIterations: withDefault(integer(0), 1e5),
    seed,
  })
  const n = checkedSize(FN, problem)
  const start = asVector(u0, FN, 'u0')
  const d = start.length
  const everyIndex = Int32Array.from({ length: n }, (_, i) => i)
  let evaluations = 0
  function* evaluate(indices: Int32Array, at: Float64Array): Steps<Float64Array> {
    evaluations += indices.length
    return asVector(yield* wait(problem.F(indices, at)), FN, 'problem.F', d)
  }

  const reduced = plan.method === 'varianceReduced'
  const step = plan.step ?? (reduced ? 1 / (4 * plan.L) : 2 / plan.L)
  const history: HalpernRecord[] = []
  let u = start
  let known = start
  let F = yield* evaluate(everyIndex, u)
  let exact = true
  const target = Math.max(plan.rtol * norm2(F), plan.atol)
  for (let k = 0; ; k++) {
    if (exact) {
      known = u
      history.push({ iteration: k, evaluations, residual: norm2(F) })
    }
    const { residual } = history.at(-1)!
    if (exact && residual <= target) {
      return { u: known.slice(), residual, iterations: k, evaluations, history }
    }
    if (k >= plan.maxIterations) {
      const iterations = history.at(-1)!.iteration
      const best: HalpernResult = { u: known.slice(), residual, iterations, evaluations, history }
      throw new ConvergenceError({
        fn: FN,
        argument: 'problem',
        expected: `‖F(u)‖ <= ${target}`,
        given: `${residual} after ${k} iterations, the most allowed`,
        iterations: k,
        residual,
        best,
      })
    }
    yield* report(FN, 'iterate', k, plan.maxIterations)
    const back = reduced ? 2 / (k + 4) : 1 / (k + 2)
    // With variance reduction the pull does not shorten the step itself.
    const length = reduced ? step : (1 - back) * step
    const next = new Float64Array(d)
    for (let i = 0; i < d; i++) next[i] = back * start[i]! + (1 - back) * u[i]! - length * F[i]!
    exact = !reduced || coin(k, plan.seed) < 4 / (Math.min(k, Math.sqrt(n)) + 5)
    if (exact) {
      F = yield* evaluate(everyIndex, next)
    } else {
      const batch = batchOf(k, n, plan.seed)
      const [after, before] = [yield* evaluate(batch, next), yield* evaluate(batch, u)]
      for (let i = 0; i < d; i++) F[i]! += after[i]! - before[i]!
    }
    u = next
  }
}
