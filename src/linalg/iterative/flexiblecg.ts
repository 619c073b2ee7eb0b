import { asMatrix, checkFinite, dense, packed, wrap } from '../arrays.js'
import type { Matrix } from '../arrays.js'
import { addScaledSteps, columnNorms, dotSteps, normalizeColumns } from '../operators/columnwise.js'
import { operandSteps } from '../operators/denseoperator.js'
import { NotPositiveDefiniteError, ShapeError } from '../errors.js'
import type { AnyOperator, Operand } from '../operators.js'
import { integer, readOptions, withDefault } from '../options.js'
import { product } from '../products.js'
import { checkSystem, restartedSteps, settle, iterationReaders } from './restarts.js'
import type { Run, IterationOptions } from './restarts.js'
import type { IterativeSolver, Solution } from '../dense/rightside.js'
import { fromSteps, report, wait } from '../steps.js'
import type { Steps } from '../steps.js'

/** What a column of residuals is turned into: n × k from n × k, column by column. */
export type Directions = (R: Matrix) => Matrix | Promise<Matrix>

/** When `flexibleCg` ends, and how it makes its directions. */
export interface FlexibleCgOptions extends IterationOptions {
  /**
   * The direction for each residual: an operand M whose product with R is taken, or a function of R (n × k), which
   * need be neither linear nor the same from one iteration to the next. Default: R itself.
   */
  readonly preconditioner?: Operand | Directions | undefined
  /** How many earlier directions each new one is made conjugate to, >= 1. Default 2. */
  readonly history?: number | undefined
}

/**
 * Solves A·x = b for a symmetric positive definite A by flexible conjugate gradients: the preconditioner may be
 * any function. Each direction is made conjugate to the `history` ones before it, and followed as far as the
 * A-norm of the error falls, so it never grows; where a direction is no use, the residual is taken instead.
 *
 * It stops as `cg` does. Where the preconditioner is a fixed symmetric positive definite matrix, `cg` does the
 * same with less work; columns of a matrix run in lockstep here too.
 *
 * @param A - n × n matrix or operator, symmetric positive definite (not checked); a consistent system of a
 * semidefinite one is solved too.
 * @param b - a vector of n (array-like or 1-D ndarray), or an n × k matrix.
 * @returns `{ x, iterations, residual }`, x a vector or an n × k matrix as `b` is. A preconditioner that answers
 * with Promises asks for `flexibleCg.async`, or for an A that does so too.
 * @throws ConvergenceError, with the last iterate as `best`, as `cg`; NotPositiveDefiniteError where A shows that it
 * is not; ShapeError and NotFiniteError, also for what the preconditioner answers; OptionError.
 * Cost: per iteration one product with A, one call of the preconditioner and (14 + 4·history)·nk flops.
 * Memory: (5 + 2·history)·nk numbers.
 * Source: Notay 2000, "Flexible conjugate gradients", SIAM J. Sci. Comput. 22, with truncation to the latest
 * directions, and restarts where the recurrence has drifted from the true residual.
 *
 * @example
 * ```ts
 * import { flexibleCg } from 'lowrank'
 * const A = [[4, 1], [1, 3]]
 * const { x } = flexibleCg(A, [1, 2], { preconditioner: [[1 / 4, 0], [0, 1 / 3]] })   // 0.0909…, 0.6363…
 * ```
 */
export const flexibleCg: IterativeSolver<FlexibleCgOptions> = /*#__PURE__*/ fromSteps(
  flexibleCgSteps,
  2,
) as never

function* flexibleCgSteps(
  given: Operand,
  b: unknown,
  options?: FlexibleCgOptions,
): Steps<Solution<Float64Array | Matrix>> {
  const fn = 'flexibleCg'
  const { preconditioner, ...plan } = readOptions(fn, options, {
    ...iterationReaders,
    preconditioner: (value) => value,
    history: withDefault(integer(1), 2),
  })
  const A = yield* operandSteps(given, fn, 'A')
  const n = A.shape[0]
  if (preconditioner === undefined || typeof preconditioner === 'function') {
    const f = (preconditioner ?? ((R) => R)) as Directions
    return yield* conjugateSteps(fn, A, b, plan, (R) => answeredSteps(fn, f, R))
  }
  const M = yield* operandSteps(preconditioner, fn, 'options.preconditioner')
  checkSystem(M, n, 'options.preconditioner', fn)
  return yield* conjugateSteps(fn, A, b, plan, (R) => product(M, R))
}

/** What the function makes of R, checked, and ours to change. */
function* answeredSteps(fn: string, f: Directions, R: Matrix): Steps<Matrix> {
  const [n = 0, k = 0] = R.shape
  const argument = "the preconditioner's answer"
  const D = dense(asMatrix(yield* wait(f(wrap(R.data.slice(), n, k))), fn, argument))
  if (D.rows !== n || D.cols !== k) {
    throw new ShapeError({ fn, argument, expected: `${n}×${k}`, given: `${D.rows}×${D.cols}` })
  }
  checkFinite(D, fn, argument)
  return wrap(packed(D), n, k)
}

/** Flexible conjugate gradients with directions in steps, on behalf of `fn`. */
export function* conjugateSteps(
  fn: string,
  A: AnyOperator,
  b: unknown,
  plan: Parameters<typeof restartedSteps>[3] & { readonly history: number },
  directions: (R: Matrix) => Steps<Matrix>,
): Steps<Solution<Float64Array | Matrix>> {
  return yield* restartedSteps(fn, A, b, plan, function* (run) {
    const earlier: Followed[] = []
    for (let iterations = 0; ;) {
      const way = yield* chosenSteps(fn, A, run, earlier, yield* directions(run.R), run.first + iterations)
      if (way === undefined) return iterations
      const alpha = way.rp.map((value, j) => (run.live[j] === 1 ? value / way.pAp[j]! : 0))
      yield* addScaledSteps(run.X, alpha, way.P)
      yield* addScaledSteps(run.R, negated(alpha), way.AP)
      iterations++
      const done = settle(run)
      yield* report(fn, 'iterate', run.first + iterations, run.maxIterations)
      if (done || run.first + iterations >= run.maxIterations) return iterations
      earlier.unshift(way)
      earlier.length = Math.min(earlier.length, plan.history)
    }
  })
}

/** Directions that were followed, one for each column. */
interface Followed {
  readonly P: Matrix
  readonly AP: Matrix
  readonly pAp: Float64Array
  /** rᵀp */
  readonly rp: Float64Array
}

/** What is left of a unit vector by rounding alone. */
const NOTHING = 2 ** -46

/**
 * D made conjugate to the earlier directions; the residual for a column where D leads nowhere. Nothing where that
 * lies in their span too: it would be orthogonal to them, were it more than rounding.
 */
function* chosenSteps(
  fn: string,
  A: AnyOperator,
  { R, live }: Run,
  earlier: readonly Followed[],
  D: Matrix,
  index: number,
): Steps<Followed | undefined> {
  const k = live.length
  const sizes = columnNorms(R)
  for (let attempt = 0; ; attempt++) {
    normalizeColumns(D)
    for (const { P, AP, pAp } of earlier) {
      const overlap = yield* dotSteps(D, AP)
      yield* addScaledSteps(D, negated(overlap.map((value, j) => (live[j] === 1 ? value / pAp[j]! : 0))), P)
    }
    const left = columnNorms(D)
    const AD = yield* product(A, D)
    const dAd = yield* dotSteps(D, AD)
    const heights = columnNorms(AD)
    const rd = yield* dotSteps(R, D)
    const useless = (j: number): boolean =>
      left[j]! <= NOTHING ||
      !(dAd[j]! > NOTHING * left[j]! * heights[j]!) ||
      Math.abs(rd[j]!) <= NOTHING * sizes[j]! * left[j]!
    const again = attempt === 0 ? [...live.keys()].filter((j) => live[j] === 1 && useless(j)) : []
    if (again.length === 0) {
      if (earlier.length > 0 && left.some((size, j) => live[j] === 1 && size <= NOTHING)) return undefined
      checkPositive(fn, dAd, live, index)
      return { P: D, AP: AD, pAp: dAd, rp: rd }
    }
    for (const j of again) for (let e = j; e < D.data.length; e += k) D.data[e] = R.data[e]!
  }
}

function checkPositive(fn: string, pAp: Float64Array, live: Float64Array, index: number): void {
  const j = pAp.findIndex((value, column) => live[column] === 1 && !(value > 0))
  if (j < 0) return
  const given = `pᵀA·p = ${pAp[j]!} at iteration ${index}`
  throw new NotPositiveDefiniteError({
    fn,
    argument: 'A',
    expected: 'a positive definite matrix',
    given,
    index,
  })
}

const negated = (a: Float64Array): Float64Array => a.map((value) => -value)
