import type { Matrix } from '../arrays.js'
import { wrap } from '../arrays.js'
import { addScaledSteps, dotSteps, scaleAndAddSteps } from '../operators/columnwise.js'
import { operandSteps } from '../operators/denseoperator.js'
import { NotPositiveDefiniteError } from '../errors.js'
import type { AnyOperator, Operand } from '../operators.js'
import { readOptions } from '../options.js'
import { product } from '../products.js'
import { checkSystem, restartedSteps, settle, iterationReaders } from './restarts.js'
import type { Run, IterationOptions } from './restarts.js'
import type { Solution, IterativeSolver } from '../dense/rightside.js'
import { fromSteps, report } from '../steps.js'
import type { Steps } from '../steps.js'

/** When `cg` ends, and by what it is preconditioned. */
export interface CgOptions extends IterationOptions {
  /** M ≈ A⁻¹, symmetric and positive definite, as an operand whose product with r is M·r. */
  readonly preconditioner?: Operand | undefined
}

/**
 * Solves A·x = b for a symmetric positive definite A by conjugate gradients, through products with A alone.
 *
 * It stops where ‖b − A·x‖₂ ≤ max(rtol·‖b‖₂, atol) in every column, for the residual computed afresh and not
 * only for that of the recurrence. Columns of a matrix run in lockstep, so an iteration is one pass over A.
 *
 * @param A - n × n matrix or operator, symmetric positive definite (not checked); a consistent system of a
 * semidefinite one is solved too.
 * @param b - a vector of n (array-like or 1-D ndarray), or an n × k matrix.
 * @returns `{ x, iterations, residual }`, x a vector or an n × k matrix as `b` is.
 * @throws ConvergenceError, with the last iterate as `best`, after `maxIterations` or where rounding keeps the
 * true residual above the tolerance; NotPositiveDefiniteError where A or the preconditioner shows that it is
 * not (`index` is the iteration: the pivot of the Lanczos matrix); ShapeError; NotFiniteError; OptionError.
 * Cost: per iteration one product with A (and one with the preconditioner) and 10nk flops. Memory: 5nk numbers.
 * Source: Hestenes and Stiefel 1952, "Methods of conjugate gradients for solving linear systems", with a
 * restart where the recurrence has drifted from the true residual.
 *
 * @example
 * ```ts
 * import { cg } from 'lowrank'
 * const { x } = cg([[4, 1], [1, 3]], [1, 2])   // 0.0909…, 0.6363…
 * ```
 */
export const cg: IterativeSolver<CgOptions> = /*#__PURE__*/ fromSteps(cgSteps, 2) as never

function* cgSteps(given: Operand, b: unknown, options?: CgOptions): Steps<Solution<Float64Array | Matrix>> {
  const fn = 'cg'
  const { preconditioner, ...plan } = readOptions(fn, options, {
    ...iterationReaders,
    preconditioner: (value) => value,
  })
  const A = yield* operandSteps(given, fn, 'A')
  const M =
    preconditioner === undefined
      ? undefined
      : yield* operandSteps(preconditioner, fn, 'options.preconditioner')
  if (M !== undefined) checkSystem(M, A.shape[0], 'options.preconditioner', fn)
  return yield* restartedSteps(fn, A, b, plan, (run) => descendSteps(fn, A, M, run))
}

/** Conjugate gradients on behalf of `fn`, until the recurrence says that all columns are done. */
export function* descendSteps(
  fn: string,
  A: AnyOperator,
  M: AnyOperator | undefined,
  run: Run,
): Steps<number> {
  const { X, R, live, first, maxIterations } = run
  const [n = 0, k = 0] = X.shape
  const preconditioned = function* (): Steps<Matrix> {
    return M === undefined ? R : yield* product(M, R)
  }
  let Z = yield* preconditioned()
  const P = wrap(Z.data.slice(), n, k)
  let rz = yield* dotSteps(R, Z)
  let iterations = 0
  for (;;) {
    checkPositive(fn, rz, live, first + iterations, 'options.preconditioner', 'rᵀM·r')
    const AP = yield* product(A, P)
    const pAp = yield* dotSteps(P, AP)
    checkPositive(fn, pAp, live, first + iterations, 'A', 'pᵀA·p')
    // A column that is done stands still.
    const alpha = rz.map((value, j) => (live[j] === 1 ? value / pAp[j]! : 0))
    yield* addScaledSteps(X, alpha, P)
    yield* addScaledSteps(
      R,
      alpha.map((a) => -a),
      AP,
    )
    iterations++
    const done = settle(run)
    yield* report(fn, 'iterate', first + iterations, maxIterations)
    if (done || first + iterations >= maxIterations) return iterations
    Z = yield* preconditioned()
    const next = yield* dotSteps(R, Z)
    const beta = next.map((value, j) => (live[j] === 1 ? value / rz[j]! : 0))
    yield* scaleAndAddSteps(P, beta, Z)
    rz = next
  }
}

function checkPositive(
  fn: string,
  values: Float64Array,
  live: Float64Array,
  index: number,
  argument: string,
  form: string,
): void {
  values.forEach((value, j) => {
    if (live[j] === 0 || value > 0) return
    const given = `${form} = ${value} at iteration ${index}`
    throw new NotPositiveDefiniteError({
      fn,
      argument,
      expected: 'a positive definite matrix',
      given,
      index,
    })
  })
}
