import type { Matrix } from './arrays.js'
import { wrap } from './arrays.js'
import { addScaledSteps, columnNorms, dotSteps, scaleAndAddSteps } from './columnwise.js'
import { operandSteps } from './denseoperator.js'
import { ConvergenceError, NotPositiveDefiniteError, ShapeError } from './errors.js'
import { precisionOf } from './operators.js'
import type { AnyOperator, Operand } from './operators.js'
import { integer, nonNegative, optional, readOptions, withDefault } from './options.js'
import { product } from './products.js'
import type { RightHand } from './righthand.js'
import { rightSide } from './rightside.js'
import type { Solution, IterativeSolver } from './rightside.js'
import { fromSteps, report } from './steps.js'
import type { RunOptions, Steps } from './steps.js'

export interface CgOptions extends RunOptions {
  /** Relative to ‖b‖. Default: the square root of A's precision, 1.5e-8 in float64. */
  readonly rtol?: number | undefined
  /** Absolute. Default 0. */
  readonly atol?: number | undefined
  /** Default 10·n. */
  readonly maxIterations?: number | undefined
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
    rtol: optional(nonNegative),
    atol: withDefault(nonNegative, 0),
    maxIterations: optional(integer(0)),
    preconditioner: (value) => value,
  })
  const A = yield* operandSteps(given, fn, 'A')
  const n = A.shape[0]
  checkSquare(A, n, 'A')
  const M =
    preconditioner === undefined
      ? undefined
      : yield* operandSteps(preconditioner, fn, 'options.preconditioner')
  if (M !== undefined) checkSquare(M, n, 'options.preconditioner')
  const { B, scale, norms, answer } = rightSide(b as RightHand, n, fn)
  const k = norms.length
  const rtol = plan.rtol ?? Math.sqrt(precisionOf(A))
  const maxIterations = plan.maxIterations ?? 10 * n

  const target = norms.map((norm, j) => Math.max(rtol * norm, plan.atol * scale[j]!))
  const X = wrap(new Float64Array(n * k), n, k)
  let R = wrap(B.data.slice(), n, k)
  let sizes: Float64Array = norms
  // The true residuals at the last restart: where a restart does not halve one, rounding is in the way.
  let before: Float64Array = norms.map(() => Infinity)
  let iterations = 0
  const relative = (): number =>
    sizes.reduce((worst, size, j) => Math.max(worst, size === 0 ? 0 : size / norms[j]!), 0)
  const solution = (): Solution<Float64Array | Matrix> => ({
    x: answer(X),
    iterations,
    residual: relative(),
  })

  for (;;) {
    const live = sizes.map((size, j) => (size > target[j]! ? 1 : 0))
    if (live.every((x) => x === 0)) return solution()
    const stuck = live.some((x, j) => x === 1 && sizes[j]! > before[j]! / 2)
    if (stuck || iterations >= maxIterations) {
      throw new ConvergenceError({
        fn,
        argument: 'A',
        expected: `‖b − A·x‖ <= max(${rtol}·‖b‖, ${plan.atol})`,
        given: stuck
          ? `${relative()}·‖b‖ after ${iterations} iterations, as near as rounding lets it come`
          : `${relative()}·‖b‖ after ${iterations} iterations, the most allowed`,
        iterations,
        residual: relative(),
        best: solution(),
      })
    }
    before = sizes
    iterations += yield* descendSteps(fn, A, M, X, R, target, live, iterations, maxIterations)
    R = wrap(B.data.slice(), n, k)
    yield* addScaledSteps(R, new Float64Array(k).fill(-1), yield* product(A, X))
    sizes = columnNorms(R)
  }
}

/**
 * Conjugate gradients on behalf of `fn`, from X and its residual R, which are changed in place, until the
 * recurrence says that all columns have come to their target, or iteration `maxIterations`, counted from
 * `first`. `live` says which columns are on their way, one at least. Answers with the number of iterations.
 */
export function* descendSteps(
  fn: string,
  A: AnyOperator,
  M: AnyOperator | undefined,
  X: Matrix,
  R: Matrix,
  target: Float64Array,
  live: Float64Array,
  first: number,
  maxIterations: number,
): Steps<number> {
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
    columnNorms(R).forEach((size, j) => {
      if (size <= target[j]!) live[j] = 0
    })
    yield* report(fn, 'iterate', first + iterations, maxIterations)
    if (live.every((x) => x === 0) || first + iterations >= maxIterations) return iterations
    Z = yield* preconditioned()
    const next = yield* dotSteps(R, Z)
    const beta = next.map((value, j) => (live[j] === 1 ? value / rz[j]! : 0))
    yield* scaleAndAddSteps(P, beta, Z)
    rz = next
  }
}

function checkSquare(A: AnyOperator, n: number, argument: string): void {
  if (A.shape[0] === n && A.shape[1] === n) return
  throw new ShapeError({ fn: 'cg', argument, expected: `${n}×${n}`, given: A.shape.join('×') })
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
