import { contiguous, emptyMatrix } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { operandSteps } from '../../linalg/operators/denseoperator.js'
import { method, precisionOf } from '../../linalg/operators.js'
import type { AnyOperator, IndexedOperator, Method, Operand } from '../../linalg/operators.js'
import { integer, optional, readOptions, seed, withDefault } from '../../linalg/options.js'
import { columnsOf, entriesOf, product } from '../../linalg/products.js'
import { report } from '../../linalg/steps.js'
import type { RunOptions, Steps } from '../../linalg/steps.js'
import { factored, probedErrorSteps } from '../lowrank.js'
import type { Quality } from '../lowrank.js'
import { estimateNorm, probeSteps } from '../probes.js'
import type { Probed } from '../probes.js'
import { adaptiveBlock, qbSteps } from '../svd/qb.js'
import { skeletonSteps } from './skeleton.js'
import { goalOf, stoppingReaders } from '../stopping.js'
import type { Goal, Stopping } from '../stopping.js'

/** When `interpolative`, `cur` and their kin stop, and the sketch in which they look for columns. */
export interface SkeletonOptions extends Stopping, RunOptions {
  /** Extra columns of the sketch beyond `rank`. Default 10. */
  readonly oversample?: number | undefined
  /** Power iterations of the sketch. Default 2. */
  readonly powerIterations?: number | undefined
  /** Columns that an adaptive sketch grows by. Default min(m, n)/10, between 8 and 64. */
  readonly blockSize?: number | undefined
  /** An integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

export const skeletonReaders = {
  ...stoppingReaders,
  oversample: withDefault(integer(0), 10),
  powerIterations: withDefault(integer(0), 2),
  blockSize: optional(integer(1)),
  seed,
}

export type SkeletonPlan = ReturnType<typeof readOptions<typeof skeletonReaders>>

/** A ≈ A[:, columns]·coefficients: an operator again. */
export interface Interpolative extends Omit<IndexedOperator, 'precision'>, Quality {
  /** `rank` distinct indices, in the order of the coefficients' rows. */
  readonly columns: Int32Array
  /** rank × n: the identity in those columns, no entry above 2 in magnitude. */
  readonly coefficients: Matrix
  /** m × rank: those columns of A. */
  readonly C: Matrix
  /** The m × n approximation, formed. */
  toDense(): Matrix
}

/**
 * Interpolative decomposition: a few columns of A that carry all others, A ≈ A[:, J]·Z.
 *
 * The columns keep what columns of A have: sparsity, sign, meaning. With a rank, the error is a small multiple
 * of the best one of that rank, at most √(1 + 4k(n − k)) times in the spectral norm of what the sketch holds and
 * in practice two to five times.
 *
 * @param A - m × n: a matrix, or an operator of which only products with thin blocks, and some columns, are
 * asked. For rows, hand in `adjoint(A)` or `transpose(A)`.
 * @param options - at least one of `rank`, `rtol`, `atol` (Frobenius norm; whichever comes first). Where
 * `rank + oversample` reaches min(m, n) the entries of A take the place of a sketch.
 * @returns `{ columns, coefficients, C, rank, passes, errorEstimate, errorNorm: 'fro' }`. Where A has a lower
 * numerical rank than was asked for, `rank` is that one.
 * An operand with `async: true` gives a Promise; `interpolative.async` runs cooperatively for any operand.
 * @throws OptionError, ShapeError, NotFiniteError, and `signal.reason` on an abort.
 * Cost, l = rank + oversample, q = powerIterations: the passes of `rsvd` and one for the columns, none for the
 * SVD; 4(q + 1)mnl flops and about 4l²n for the choice. A tolerance is met by the estimate three times over:
 * the rank found is that of a tolerance some four to ten times smaller.
 * Source: Cheng, Gimbutas, Martinsson and Rokhlin 2005, "On the compression of low rank matrices"; Halko,
 * Martinsson and Tropp 2011, section 5.2; exchanges after Gu and Eisenstat 1996.
 *
 * @example
 * ```ts
 * import { interpolative, random } from 'lowrank'
 * const A = random.normal([300, 200])
 * const { columns, coefficients, errorEstimate } = interpolative(A, { rank: 20 })
 * ```
 */
export const interpolative: Method<[options: SkeletonOptions], Interpolative> =
  /*#__PURE__*/ method(interpolativeSteps)

function* interpolativeSteps(given: Operand, options: SkeletonOptions): Steps<Interpolative> {
  const fn = 'interpolative'
  const plan = readOptions(fn, options, skeletonReaders)
  const A = yield* operandSteps(given, fn, 'A')
  const goal = goalOf(fn, plan, A)
  const floor = Math.max(...A.shape) * precisionOf(A)
  return yield* withinSteps(fn, A, goal, plan, floor, function* (columns, seen) {
    const factors = [columns.C, columns.coefficients]
    const errorEstimate = yield* probedErrorSteps(factors, seen)
    const { passes, precision } = seen
    return Object.assign(factored(factors, precision), {
      ...columns,
      rank: columns.columns.length,
      passes,
      errorEstimate,
      errorNorm: 'fro' as const,
    })
  })
}

/** Columns of A that carry it. */
export interface ColumnSkeleton {
  readonly columns: Int32Array
  readonly coefficients: Matrix
  readonly C: Matrix
}

/** P(true error > 3 × estimate) < 3·10⁻⁴ for ten probes, whatever the residual's spectrum. */
const SAFETY = 3
/** The part of the tolerance that each of the two errors, of the sketch and of the columns, starts with. */
const PART = 1 / 4

/**
 * A skeleton, of pivots above `floor` times the first, made into a result by `finish`; again with a smaller tolerance as long as the result's estimate,
 * three times over, is above the tolerance. It ends with the entries of A, where nothing is left to chance.
 */
export function* withinSteps<T extends Quality>(
  fn: string,
  A: AnyOperator,
  goal: Goal,
  plan: SkeletonPlan,
  floor: number,
  finish: (skeleton: ColumnSkeleton, seen: Probed) => Steps<T>,
): Steps<T> {
  let passes = 0
  for (let part = PART; ; part *= PART) {
    const { B, seen, exact } = yield* sketchedRowsSteps(fn, A, goal, plan, part)
    const tolerance = goal.tolerance?.(seen.norm)
    yield* report(fn, 'columns', 0, 1)
    const { columns, coefficients } = yield* skeletonSteps(B, goal.rank, part * (tolerance ?? 0), floor)
    const C = columns.length === 0 ? emptyMatrix(A.shape[0], 0) : yield* columnsOf(A, columns)
    passes += seen.passes + (columns.length === 0 ? 0 : 1)
    const result = yield* finish({ columns, coefficients, C }, { ...seen, passes })
    yield* report(fn, 'columns', 1, 1)
    const met = tolerance === undefined || SAFETY * result.errorEstimate * seen.norm <= tolerance
    if (met || exact || columns.length >= goal.rank) return result
    passes = result.passes
  }
}

/** B with the row space of A, up to `part` of the tolerance: QᵀA, or A itself where that is no larger. */
function* sketchedRowsSteps(
  fn: string,
  A: AnyOperator,
  goal: Goal,
  plan: SkeletonPlan,
  part: number,
): Steps<{ B: Matrix; seen: Probed; exact: boolean }> {
  const p = Math.min(...A.shape)
  const { tolerance } = goal
  const columns = Math.min(goal.rank + plan.oversample, p)
  if (columns < p || (tolerance !== undefined && p > 0)) {
    const qb = yield* qbSteps(A, {
      fn,
      block: tolerance === undefined ? columns : (plan.blockSize ?? adaptiveBlock(p)),
      columns,
      power: plan.powerIterations,
      krylov: false,
      tolerance: tolerance && ((norm) => part * tolerance(norm)),
      seed: plan.seed,
      wantsB: true,
    })
    if (!(qb.exhausted && columns === p)) {
      return { B: contiguous(qb.Bt.transpose(1, 0)), seen: qb, exact: false }
    }
  }
  const B = yield* entriesOf(A)
  const G = yield* probeSteps(A.shape[1], plan.seed)
  const AG = yield* product(A, G)
  const seen = { G, AG, norm: estimateNorm(AG), passes: p === 0 ? 0 : 2, precision: precisionOf(A) }
  return { B, seen, exact: true }
}
