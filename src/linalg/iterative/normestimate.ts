import { dense, wrap } from '../arrays.js'
import { startSteps, stepSteps } from '../dense/bidiagonal.js'
import { operandSteps } from '../operators/denseoperator.js'
import { ConvergenceError } from '../errors.js'
import { gaussianSteps } from '../gaussian.js'
import { method, precisionOf } from '../operators.js'
import type { Method, Operand } from '../operators.js'
import { integer, nonNegative, readOptions, seed, withDefault } from '../options.js'
import { STREAM } from '../random.js'
import { report } from '../steps.js'
import type { RunOptions, Steps } from '../steps.js'
import { denseSvdSteps } from '../dense/svd.js'

/** How close `norm2Estimate` comes. */
export interface NormEstimateOptions extends RunOptions {
  /** It stops after two steps in a row that raise the estimate by at most this part. Default 1e-3. */
  readonly rtol?: number | undefined
  /** Default 100. */
  readonly maxIterations?: number | undefined
  /** An integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/**
 * The spectral norm ‖A‖₂ of an operator, from below: the largest singular value of the bidiagonal matrix of
 * Golub and Kahan from a random start.
 *
 * The estimate never falls and, up to rounding, never exceeds ‖A‖₂; with the default `rtol` it is usually
 * within 1 % below. A start with no part in the leading singular vectors, which has probability 0, would hide them.
 *
 * @param A - m × n matrix or operator.
 * @returns a number; 0 for an empty matrix and for zero.
 * @throws ConvergenceError, with the estimate as `best`, where `maxIterations` do not suffice; OptionError.
 * Cost: two passes over A per iteration, 5 to 20 iterations as a rule. Memory: 2(m + n) numbers.
 * Source: Golub and Kahan 1965; error bounds for random starts in Kuczyński and Woźniakowski 1992, "Estimating
 * the largest eigenvalue by the power and Lanczos algorithms with a random start". No reorthogonalisation: it
 * would change how often a singular value is found, not how large the largest is.
 *
 * @example
 * ```ts
 * import { norm2Estimate } from 'lowrank'
 * norm2Estimate([[3, 0], [0, 4]])   // 4
 * ```
 */
export const norm2Estimate: Method<[options?: NormEstimateOptions], number> =
  /*#__PURE__*/ method(norm2EstimateSteps)

function* norm2EstimateSteps(given: Operand, options?: NormEstimateOptions): Steps<number> {
  const fn = 'norm2Estimate'
  const plan = readOptions(fn, options, {
    rtol: withDefault(nonNegative, 1e-3),
    maxIterations: withDefault(integer(1), 100),
    seed,
  })
  const A = yield* operandSteps(given, fn, 'A')
  const [m, n] = A.shape
  if (Math.min(m, n) === 0) return 0
  const G = yield* startSteps(A, yield* gaussianSteps(m, 0, 1, STREAM.normStart, plan.seed))
  const [alphas, betas]: [number[], number[]] = [[], []]
  // What is left of a vector is rounding: the space is exhausted, and A's norm in it is known.
  const nothing = Math.max(m, n) * precisionOf(A)
  let estimate = 0
  let still = 0
  for (let t = 1; t <= plan.maxIterations; t++) {
    if (G.alpha[0]! <= nothing * estimate) return estimate
    alphas.push(G.alpha[0]!)
    yield* stepSteps(A, G)
    betas.push(G.beta[0]!)
    const next = yield* largestSteps(alphas, betas)
    still = next - estimate <= plan.rtol * next ? still + 1 : 0
    // Rounding may lower it in the last place.
    estimate = Math.max(estimate, next)
    yield* report(fn, 'iterate', t, plan.maxIterations)
    if (still === 2 || G.beta[0]! <= nothing * estimate) return estimate
  }
  throw new ConvergenceError({
    fn,
    argument: 'A',
    expected: `two steps in a row that raise the estimate by at most ${plan.rtol} of it`,
    given: `${estimate} after ${plan.maxIterations} iterations`,
    iterations: plan.maxIterations,
    residual: plan.rtol,
    best: estimate,
  })
}

/** σ₁ of the lower bidiagonal (t + 1) × t matrix with α on its diagonal and β below. */
function* largestSteps(alphas: readonly number[], betas: readonly number[]): Steps<number> {
  const t = alphas.length
  const B = wrap(new Float64Array((t + 1) * t), t + 1, t)
  for (let j = 0; j < t; j++) {
    B.data[j * t + j] = alphas[j]!
    B.data[(j + 1) * t + j] = betas[j]!
  }
  return (yield* denseSvdSteps(dense(B), 'none')).s[0]!
}
