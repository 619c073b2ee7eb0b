import { asVector, wrap } from '../../linalg/arrays.js'
import type { Matrix, VectorLike } from '../../linalg/arrays.js'
import { normalizeColumns } from '../../linalg/operators/columnwise.js'
import { operandSteps } from '../../linalg/operators/denseoperator.js'
import { conjugateSteps } from '../../linalg/iterative/flexiblecg.js'
import type { Operand } from '../../linalg/operators.js'
import { integer, readOptions, withDefault } from '../../linalg/options.js'
import type { Reader } from '../../linalg/options.js'
import { iterationReaders } from '../../linalg/iterative/restarts.js'
import type { IterationOptions } from '../../linalg/iterative/restarts.js'
import type { IterativeSolver, Solution } from '../../linalg/dense/rightside.js'
import { fromSteps, wait } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { columnRange } from '../../linalg/thin.js'

/** The learned inverse: a direction from a residual of norm 1. What it is handed is its own to change. */
export type DirectionFunction = (r: Float64Array) => VectorLike | Promise<VectorLike>

/** The function that makes directions, and when the iteration ends. */
export interface DeepConjugateDirectionsOptions extends IterationOptions {
  /** d = f(r/‖r‖) ≈ a multiple of A⁻¹r, n numbers; linear or not. */
  readonly direction: DirectionFunction
  /** How many earlier directions each new one is made conjugate to, >= 1. Default 2, the paper's. */
  readonly history?: number | undefined
}

const FN = 'deepConjugateDirections'

/**
 * Solves A·x = b for a symmetric positive definite A along directions that a trained network suggests for each
 * residual, made A-conjugate to the last ones and followed to the lowest A-norm of the error: the network decides how
 * fast it goes, not how exact it is. Where a suggestion is no use, the residual is taken instead.
 *
 * @param A - n × n matrix or operator, symmetric positive definite (not checked).
 * @param b - a vector of n, or an n × k matrix, whose columns run in lockstep; `direction` is called for each.
 * @returns `{ x, iterations, residual }` as `cg` does. A `direction` that answers with Promises asks for
 * `deepConjugateDirections.async`, or for an A that does so too.
 * @throws as `flexibleCg`.
 * Cost: per iteration one product with A, one call of `direction` for each column and (14 + 4·history)·nk flops.
 * A strongly nonlinear `direction` gains from a longer history.
 * Source: Kaneda, Akar, Chen, Kala, Hyde and Teran 2023, "A deep conjugate direction method for iteratively solving
 * linear systems", algorithm 2. Departures: the residual where a suggestion is no use, and restarts on the true
 * residual.
 *
 * @example
 * ```ts
 * import { solvers } from 'lowrank/recipes'
 * const A = [[4, 1], [1, 3]]
 * const network = (r) => [r[0] / 4, Math.tanh(r[1]) / 3]       // stands for a trained one
 * const { x } = solvers.deepConjugateDirections(A, [1, 2], { direction: network })   // 0.0909…, 0.6363…
 * ```
 */
export const deepConjugateDirections: IterativeSolver<DeepConjugateDirectionsOptions> =
  /*#__PURE__*/ fromSteps(deepConjugateDirectionsSteps, 2) as never

const directionFunction: Reader<DirectionFunction> = (value, fail) =>
  typeof value === 'function' ? (value as DirectionFunction) : fail('a function of a residual')

function* deepConjugateDirectionsSteps(
  given: Operand,
  b: unknown,
  options: DeepConjugateDirectionsOptions,
): Steps<Solution<Float64Array | Matrix>> {
  const { direction, ...plan } = readOptions(FN, options, {
    ...iterationReaders,
    direction: directionFunction,
    history: withDefault(integer(1), 2),
  })
  const A = yield* operandSteps(given, FN, 'A')
  return yield* conjugateSteps(FN, A, b, plan, (R) => suggestedSteps(direction, R))
}

/** f(r/‖r‖) of each column that is not zero. */
function* suggestedSteps(f: DirectionFunction, R: Matrix): Steps<Matrix> {
  const [n = 0, k = 0] = R.shape
  const D = wrap(new Float64Array(n * k), n, k)
  for (let j = 0; j < k; j++) {
    const r = columnRange(R, j, j + 1)
    if (normalizeColumns(r)[0] === 0) continue
    const d = asVector(yield* wait(f(r.data)), FN, "options.direction's answer", n)
    for (let i = 0; i < n; i++) D.data[i * k + j] = d[i]!
  }
  return D
}
