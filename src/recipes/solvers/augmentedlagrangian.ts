import { asVector } from '../../linalg/arrays.js'
import type { VectorLike } from '../../linalg/arrays.js'
import { ConvergenceError } from '../../linalg/errors.js'
import {
  integer,
  nonNegative,
  oneOf,
  optional,
  readOptions,
  seed,
  withDefault,
} from '../../linalg/options.js'
import type { Reader } from '../../linalg/options.js'
import { fromSteps, report, wait } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import type { AugmentedLagrangianOptions, ConstrainedMinimum, LagrangianStep } from './lagrangianoptions.js'
import { meritOf, pointSteps, searchSteps } from './constrainedproblem.js'
import type { ConstrainedProblem, Penalties } from './constrainedproblem.js'
import { directionSteps } from './sketcheddirection.js'

const FN = 'augmentedLagrangian'

/**
 * min f(x) with c(x) = 0 by Newton steps on the Karush–Kuhn–Tucker conditions, each system solved inexactly by
 * sketch and project, each step shortened until the exact augmented Lagrangian falls:
 * L(x, λ) + (η₁/2)·‖c‖² + (η₂/2)·‖J·∇ₓL‖², L = f + λᵀc. η₁ grows and η₂ shrinks as descent asks for it.
 *
 * @param problem - callbacks `f`, `gradient`, `c`, `jacobian`, and `hessian(x, λ)` of L; `async: true` where they
 * answer with Promises, and so does the method. f may be infinite outside its domain, not at x0.
 * @param x0 - n numbers.
 * @returns a point with ‖[∇f + Jᵀλ; c]‖ <= max(rtol·(that at the start), atol), and the history. It is a local minimum
 * where ∇²L is positive definite on the null space of J, which is not checked.
 * @throws ConvergenceError, with the last point as `best`, after `maxIterations`, where no ridge gives a direction
 * of descent, or where steps of 2⁻⁴⁰ do not lower the merit; ShapeError; NotFiniteError; OptionError.
 * Cost: per step two Hessians, one evaluation of the other callbacks for each trial point, and dozens to hundreds of
 * sketches as a rule, each a product of blockSize + 1 columns with K = [[∇²L, Jᵀ], [J, 0]] and about 6(n + m)s²
 * flops. How many sketches grows like κ(K)²: it is meant for large or implicit K of moderate condition. A small
 * dense K is solved faster by `ldl`.
 * Source: Hong, Na, Mahoney and Kolar 2023, "Constrained optimization via exact augmented Lagrangian and
 * randomized iterative sketching", algorithm 1. Departures: Tᵀw, the second derivative of c in the gradient of the
 * merit, is taken from hessian(x, λ + w) − hessian(x, λ), exactly; a ridge is added to ∇²L where a system gives
 * no descent.
 *
 * @example
 * ```ts
 * import { solvers } from 'lowrank/recipes'
 * const { x } = solvers.augmentedLagrangian({          // the point of the circle nearest to (2, 1)
 *   f: (x) => ((x[0]! - 2) ** 2 + (x[1]! - 1) ** 2) / 2,
 *   gradient: (x) => [x[0]! - 2, x[1]! - 1],
 *   c: (x) => [(x[0]! ** 2 + x[1]! ** 2 - 1) / 2],
 *   jacobian: (x) => [[x[0]!, x[1]!]],
 *   hessian: (x, lambda) => [[1 + lambda[0]!, 0], [0, 1 + lambda[0]!]],
 * }, [1, 1])   // 2/√5, 1/√5
 * ```
 */
export const augmentedLagrangian: {
  (
    problem: ConstrainedProblem & { readonly async: true },
    x0: VectorLike,
    options?: AugmentedLagrangianOptions,
  ): Promise<ConstrainedMinimum>
  (problem: ConstrainedProblem, x0: VectorLike, options?: AugmentedLagrangianOptions): ConstrainedMinimum
  async(
    problem: ConstrainedProblem,
    x0: VectorLike,
    options?: AugmentedLagrangianOptions,
  ): Promise<ConstrainedMinimum>
} = /*#__PURE__*/ fromSteps(augmentedLagrangianSteps, 2) as never

const fraction: Reader<number> = (value, fail) =>
  typeof value === 'number' && value > 0 && value < 1 ? value : fail('a number in (0, 1)')

function* augmentedLagrangianSteps(
  problem: ConstrainedProblem,
  x0: VectorLike,
  options?: AugmentedLagrangianOptions,
): Steps<ConstrainedMinimum> {
  const plan = readOptions(FN, options, {
    lambda0: (value) => value as VectorLike | undefined,
    rtol: withDefault(nonNegative, 1e-8),
    atol: withDefault(nonNegative, 1e-12),
    maxIterations: withDefault(integer(0), 200),
    accuracy: withDefault(fraction, 0.1),
    sketch: withDefault(oneOf('coordinate', 'gaussian'), 'gaussian'),
    blockSize: withDefault(integer(1), 8),
    maxSketches: optional(integer(1)),
    seed,
  })
  const x = asVector(x0, FN, 'x0')
  const n = x.length
  const m = asVector(yield* wait(problem.c(x)), FN, 'problem.c').length
  const u = new Float64Array(n + m)
  u.set(x)
  if (plan.lambda0 !== undefined) u.set(asVector(plan.lambda0, FN, 'options.lambda0', m), n)
  const maxSketches = plan.maxSketches ?? 2000 * Math.ceil((n + m) / plan.blockSize)

  let at = (yield* pointSteps(FN, problem, u, n, true))!
  const target = Math.max(plan.rtol * at.residual, plan.atol)
  let penalties: Penalties = [1, 0.1]
  let sketches = 0
  const history: LagrangianStep[] = []
  const reached = (): ConstrainedMinimum => ({
    x: at.x.slice(),
    lambda: at.lambda.slice(),
    value: at.f,
    residual: at.residual,
    iterations: history.length,
    history,
  })
  while (at.residual > target) {
    yield* report(FN, 'Newton steps', history.length, plan.maxIterations)
    if (history.length >= plan.maxIterations) throw stopped('the most steps allowed', target, reached())
    const found = yield* directionSteps(FN, problem, at, penalties, { ...plan, maxSketches, first: sketches })
    if (found === undefined) throw stopped('no direction of descent to be found', target, reached())
    penalties = found.penalties
    const next = yield* searchSteps(FN, problem, at, found)
    if (next === undefined) throw stopped('steps that no longer lower the merit', target, reached())
    sketches += found.sketches
    const decrease = meritOf(at, penalties) - meritOf(next.point, penalties)
    at = next.point
    history.push({ residual: at.residual, length: next.length, sketches: found.sketches, decrease })
  }
  return reached()
}

function stopped(
  given: string,
  target: number,
  best: ConstrainedMinimum,
): ConvergenceError<ConstrainedMinimum> {
  const { residual, iterations } = best
  return new ConvergenceError({
    fn: FN,
    argument: 'problem',
    expected: `‖[∇ₓL; c]‖ <= ${target}`,
    given: `${given}: ${residual} after ${iterations} steps`,
    iterations,
    residual,
    best,
  })
}
