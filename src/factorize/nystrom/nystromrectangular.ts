import { contiguous, dense, diag, emptyMatrix, flip, zeros } from '../../linalg/arrays.js'
import type { Matrix, VectorLike } from '../../linalg/arrays.js'
import { operandSteps } from '../../linalg/operators/denseoperator.js'
import { gaussianSteps } from '../../linalg/gaussian.js'
import { norm2 } from '../../linalg/magnitude.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import { indexList, method, precisionOf } from '../../linalg/operators.js'
import type { AnyOperator, Method, Operand } from '../../linalg/operators.js'
import { OptionError } from '../../linalg/errors.js'
import { integer, nonNegative, optional, readOptions, seed } from '../../linalg/options.js'
import type { Reader } from '../../linalg/options.js'
import {
  bothProducts,
  columnsOf,
  entriesOf,
  hasBoth,
  knownNorm,
  offers,
  product,
  rowsOf,
} from '../../linalg/products.js'
import { orthonormalizeSteps } from '../../linalg/dense/qr.js'
import { STREAM } from '../../linalg/random.js'
import { numericalRank } from '../../linalg/dense/rank.js'
import { report } from '../../linalg/steps.js'
import type { RunOptions, Steps } from '../../linalg/steps.js'
import { denseSvdSteps } from '../../linalg/dense/svd.js'
import { beside, columnRange, leadingColumns, leadingRows, scaledColumns } from '../../linalg/thin.js'
import { factored, innerSteps, probedErrorSteps } from '../lowrank.js'
import type { Approximation, Quality } from '../lowrank.js'
import { PROBES, estimateNorm, probeSteps } from '../probes.js'
import type { Probed } from '../probes.js'
import { rowsAmong } from './psd.js'

/** A ≈ left·core·right: an operator again. */
export interface NystromRectangular extends Approximation, Quality {
  /** m × rank, or m × r for blocks. */
  readonly left: Matrix
  /** rank × rank, or r × r. */
  readonly core: Matrix
  /** rank × n, or r × n. */
  readonly right: Matrix
  /** The m × n approximation, formed. */
  toDense(): Matrix
}

/** The rank and the sketches of `nystromRectangular`. */
export interface NystromRectangularOptions extends RunOptions {
  /** Columns of the sketch AX, and the rank of the result; above min(m, n) it is clamped. */
  readonly rank: number
  /** Rows of the sketch YᵀA beyond `rank`. Default ⌈rank/2⌉. */
  readonly oversample?: number | undefined
  /** An integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/**
 * Generalised Nyström approximation of any matrix from one look at it: A ≈ AX·(YᵀAX)⁺·YᵀA with Gaussian X and Y,
 * given as orthonormal `left` and `right` around a small `core`.
 *
 * @param A - m × n: a matrix, or an operator of which only products with thin blocks are asked.
 * @param options - `rank`. Where `rank + oversample` reaches min(m, n), the exact dense SVD is used.
 * @returns `{ left, core, right, rank, passes, errorEstimate, errorNorm: 'fro' }`, itself an operator; `left` has
 * orthonormal columns, `right` orthonormal rows. The rank is smaller where singular values of YᵀAX are below
 * rounding. `errorEstimate` is from ten fresh probe columns, as that of `rsvd`.
 * An operand with `async: true` gives a Promise; `nystromRectangular.async` runs cooperatively for any operand.
 * @throws OptionError, ShapeError, NotFiniteError, and `signal.reason` on an abort.
 *
 * Cost: one pass where A offers `both`, else two; 4mn·rank + 2mn·oversample flops and about 4(m + n)rank² more.
 * Memory: (m + n)·(3·rank + oversample) numbers.
 * Accuracy: E‖A − Â‖² = (1 + rank/(oversample − 1))·‖A − QQᵀA‖² for the range Q of AX, which itself is within
 * √(1 + k/(rank − k − 1)) of the best rank k < rank − 1. `rsvd` comes nearer, and reads A more often.
 * Source: Nakatsukasa 2020, "Fast and stable randomized low-rank matrix approximation", with the pseudoinverse
 * by an SVD that is cut at 5·eps·σ₁, never formed.
 *
 * @example
 * ```ts
 * import { nystromRectangular, random } from 'lowrank'
 * const { left, core, right, errorEstimate } = nystromRectangular(random.normal([300, 200]), { rank: 20 })
 * ```
 */
export const nystromRectangular: Method<[options: NystromRectangularOptions], NystromRectangular> =
  /*#__PURE__*/ method(generalizedSteps)

/** Singular values of the core below this many units of rounding, for each of its rows, are rounding. */
const CUT = 5

function* generalizedSteps(given: Operand, options: NystromRectangularOptions): Steps<NystromRectangular> {
  const fn = 'nystromRectangular'
  const plan = readOptions(fn, options, { rank: integer(1), oversample: optional(integer(0)), seed })
  const A = yield* operandSteps(given, fn, 'A')
  const [m, n] = A.shape
  const p = Math.min(m, n)
  if (p === 0) {
    const nothing = { passes: 0, errorEstimate: 0, precision: precisionOf(A) }
    return rectangularResult(emptyMatrix(m, 0), emptyMatrix(0, 0), emptyMatrix(0, n), nothing)
  }
  const r = Math.min(plan.rank, p)
  const rows = r + (plan.oversample ?? Math.ceil(r / 2))
  if (rows >= p) return yield* exactSteps(fn, A, r)

  yield* report(fn, 'product', 0, 1)
  const X = yield* gaussianSteps(n, 0, r, STREAM.testMatrix, plan.seed)
  const Y = yield* gaussianSteps(m, 0, rows, STREAM.nystromLeft, plan.seed)
  const G = yield* probeSteps(n, plan.seed)
  const { AX: AXG, AtY } = yield* bothProducts(A, beside([X, G], n), Y)
  const [AX, AG] = [leadingColumns(AXG, r), columnRange(AXG, r, r + PROBES)]
  yield* report(fn, 'product', 1, 1)

  const M = dense(yield* innerSteps(Y, AX))
  const { U, s, Vt } = yield* denseSvdSteps(M, 'thin')
  const rank = numericalRank(s, M, CUT * rows * precisionOf(A))
  // AX·V·S⁻¹ and AᵀY·U: their product is A's approximation, and neither is badly conditioned.
  const inverses = s.subarray(0, rank).map((sigma) => 1 / sigma)
  const V = leadingRows(Vt, rank).transpose(1, 0)
  const F = scaledColumns((yield* multiplySteps(dense(AX), dense(V))) as Matrix, inverses)
  const H = (yield* multiplySteps(dense(AtY), dense(leadingColumns(U, rank)))) as Matrix
  const left = yield* orthonormalizeSteps(F)
  const range = yield* orthonormalizeSteps(H)
  const inner = yield* innerSteps(left, F)
  const core = (yield* multiplySteps(dense(inner), flip(dense(yield* innerSteps(range, H))))) as Matrix
  const right = contiguous(range.transpose(1, 0))
  const norm = (yield* knownNorm(A)) ?? estimateNorm(AG)
  const seen = { G, AG, norm, passes: hasBoth(A) ? 1 : 2, precision: precisionOf(A) }
  return yield* estimatedSteps(left, core, right, seen)
}

/** The dense SVD, truncated; its error is its own tail. */
function* exactSteps(fn: string, A: AnyOperator, r: number): Steps<NystromRectangular> {
  yield* report(fn, 'dense SVD', 0, 1)
  const { U, s, Vt } = yield* denseSvdSteps(dense(yield* entriesOf(A)), 'thin')
  yield* report(fn, 'dense SVD', 1, 1)
  const norm = norm2(s)
  const errorEstimate = norm === 0 ? 0 : norm2(s.subarray(r)) / norm
  return rectangularResult(leadingColumns(U, r), diag(s.subarray(0, r)), leadingRows(Vt, r), {
    passes: 1,
    errorEstimate,
    precision: precisionOf(A),
  })
}

/** The block whose rows and columns `nystromBlocks` continues. */
export interface NystromBlocksOptions extends RunOptions {
  /** The side r of the block, at most min(m, n) (above it is clamped). Not with `rows` and `columns`. */
  readonly rank?: number | undefined
  /** The rows I of the block. Default 0 … rank − 1. */
  readonly rows?: VectorLike | undefined
  /** Its columns J. Default 0 … rank − 1. */
  readonly columns?: VectorLike | undefined
  /** Singular values of the block up to rtol·σ₁ count as 0. Default 5·r·eps. */
  readonly rtol?: number | undefined
}

/**
 * Nyström approximation of any matrix from some of its rows and columns: A ≈ A[:, J]·A[I, J]⁺·A[I, :]. With the
 * leading block, A = [A₁₁ A₁₂; A₂₁ A₂₂] ≈ [A₁₁; A₂₁]·A₁₁⁺·[A₁₁ A₁₂], the form in which NLoRA starts an adapter.
 *
 * @param A - m × n: a matrix or an operator.
 * @param options - `rank` for the leading block, or `rows` and `columns`, as many of each as one likes.
 * @returns `{ left, core, right, rank, passes, errorEstimate, errorNorm: 'fro' }`, itself an operator: `left` =
 * A[:, J], `right` = A[I, :], `core` the pseudoinverse of the block. `rank` counts the singular values that its
 * cut left. Exact where that is the rank of A; rows I and columns J are exact where the block has full rank.
 * There is no bound elsewhere: a nearly singular block makes the result as large as it is wrong, so look at
 * `errorEstimate` (ten probe columns, one product), or raise `rtol`.
 * @throws OptionError where neither a rank nor both lists are given; ShapeError for an index out of range;
 * NotFiniteError.
 *
 * Cost: r columns and r rows of A, an SVD of r × r, and one product with ten columns. Memory: (m + n)·r numbers.
 * Source: Williams and Seeger 2001, "Using the Nyström method to speed up kernel machines", for rectangles; NLoRA
 * 2025, "Nyström-initiated low-rank adaptation for large language models".
 *
 * @example
 * ```ts
 * import { matmul, nystromBlocks, random } from 'lowrank'
 * const W = matmul(random.normal([64, 8]), random.normal([8, 48], { seed: 1 }))
 * nystromBlocks(W, { rank: 8 }).errorEstimate   // 0 up to rounding
 * ```
 */
export const nystromBlocks: Method<[options: NystromBlocksOptions], NystromRectangular> =
  /*#__PURE__*/ method(nystromBlocksSteps)

export function* nystromBlocksSteps(
  given: Operand,
  options: NystromBlocksOptions,
): Steps<NystromRectangular> {
  const fn = 'nystromBlocks'
  const any: Reader<unknown> = (value) => value
  const plan = readOptions(fn, options, {
    rank: optional(integer(1)),
    rows: any,
    columns: any,
    rtol: optional(nonNegative),
  })
  const A = yield* operandSteps(given, fn, 'A')
  const [m, n] = A.shape
  const [I, J] = indicesOf(fn, plan, A)
  if (m * n === 0 || I.length * J.length === 0) {
    const [r, k] = [J.length, I.length]
    return rectangularResult(zeros([m, r]), zeros([r, k]), zeros([k, n]), {
      passes: 0,
      errorEstimate: 0,
      precision: precisionOf(A),
      rank: 0,
    })
  }
  yield* report(fn, 'rows and columns', 0, 1)
  const left = yield* columnsOf(A, J)
  const right = yield* rowsOf(A, I)
  yield* report(fn, 'rows and columns', 1, 1)
  const W = dense(rowsAmong(left, I))
  const { U, s, Vt } = yield* denseSvdSteps(W, 'thin')
  const rank = numericalRank(s, W, plan.rtol ?? CUT * Math.max(I.length, J.length) * precisionOf(A))
  const inverses = s.subarray(0, rank).map((sigma) => 1 / sigma)
  const V = scaledColumns(contiguous(leadingRows(Vt, rank).transpose(1, 0)), inverses)
  const core = (yield* multiplySteps(dense(V), flip(dense(leadingColumns(U, rank))))) as Matrix
  const G = yield* probeSteps(n, 0)
  const AG = yield* product(A, G)
  const read = (offers(A, 'columns') ? J.length / n : 1) + (offers(A, 'rows') ? I.length / m : 1)
  const norm = (yield* knownNorm(A)) ?? estimateNorm(AG)
  const seen = { G, AG, norm, passes: 1 + read, precision: precisionOf(A) }
  return yield* estimatedSteps(left, core, right, seen, rank)
}

/** The indices of the block. */
function indicesOf(
  fn: string,
  { rank, rows, columns }: { rank?: number | undefined; rows: unknown; columns: unknown },
  { shape: [m, n] }: AnyOperator,
): [rows: Int32Array, columns: Int32Array] {
  const listed = rows !== undefined && columns !== undefined
  if ((rank === undefined) !== listed || (rows === undefined) !== (columns === undefined)) {
    throw new OptionError({
      fn,
      argument: 'options',
      expected: 'rank, or rows and columns',
      given:
        Object.entries({ rank, rows, columns })
          .filter(([, value]) => value !== undefined)
          .map(([name]) => name)
          .join(', ') || 'none of them',
    })
  }
  if (listed) {
    return [
      indexList(rows as ArrayLike<number>, m, 'options.rows', fn),
      indexList(columns as ArrayLike<number>, n, 'options.columns', fn),
    ]
  }
  const leading = Int32Array.from({ length: Math.min(rank!, m, n) }, (_, i) => i)
  return [leading, leading]
}

/** The result with its error as the probes see it. */
function* estimatedSteps(
  left: Matrix,
  core: Matrix,
  right: Matrix,
  seen: Probed,
  rank = core.shape[0]!,
): Steps<NystromRectangular> {
  const errorEstimate = yield* probedErrorSteps([left, core, right], seen)
  const { passes, precision } = seen
  return rectangularResult(left, core, right, { passes, errorEstimate, precision, rank })
}

function rectangularResult(
  left: Matrix,
  core: Matrix,
  right: Matrix,
  quality: Pick<Quality, 'passes' | 'errorEstimate' | 'precision'> & { rank?: number },
): NystromRectangular {
  return Object.assign(factored([left, core, right], quality.precision), {
    left,
    core,
    right,
    rank: core.shape[0]!,
    ...quality,
    errorNorm: 'fro' as const,
  })
}
