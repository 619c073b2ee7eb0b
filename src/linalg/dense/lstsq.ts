import { asFiniteMatrix, dense, flip, wrap } from '../arrays.js'
import type { Dense, Matrix, MatrixLike } from '../arrays.js'
import { norm2 } from '../magnitude.js'
import { multiplySteps } from './multiply.js'
import { nonNegative, optional, readOptions } from '../options.js'
import { takeRightHand } from './righthand.js'
import type { RightHand } from './righthand.js'
import { fromSteps } from '../steps.js'
import type { RunOptions, Steps } from '../steps.js'
import { denseSvdSteps } from './svd.js'
import { numericalRank } from './rank.js'

/** What `lstsq` counts as rank. */
export interface LstsqOptions extends RunOptions {
  /** Singular values up to rtol·s₀ count as 0. Default max(m, n)·eps. */
  readonly rtol?: number | undefined
}

/** The least-squares solution of minimum norm, and what the SVD told on the way. */
export interface Lstsq<X = Matrix> {
  /** The solution of minimum norm: a vector for a vector, n × r for a matrix. */
  readonly X: X
  /** ‖bⱼ − A·xⱼ‖ for each right-hand side. */
  readonly residuals: Float64Array
  /** The number of singular values that were used. */
  readonly rank: number
  /** All singular values, descending. */
  readonly s: Float64Array
}

/**
 * Least squares: among the X that minimise ‖A·X − B‖ the one of minimum norm, for A of any shape and rank, by
 * the SVD.
 *
 * @param A - m × n.
 * @param B - a vector of m numbers, or m × r.
 * @returns `X`, `residuals` (norms, not squares), `rank`, and the singular values `s`.
 * @throws ShapeError where A and B do not fit; NotFiniteError; OptionError; ConvergenceError as `svd`.
 * Cost: a thin `svd` and 4(m + n)pr flops, p = min(m, n).
 * Accuracy: as that of the SVD: the rank is that of a matrix within a few max(m, n)·eps·‖A‖ of A. (Normal
 * equations would lose twice the digits.)
 *
 * @example
 * ```ts
 * import { lstsq } from 'lowrank'
 * const { X, residuals } = lstsq([[1, 0], [1, 1], [1, 2]], [1, 2, 4])   // X = 0.8333…, 1.5
 * ```
 */
export const lstsq: {
  (A: MatrixLike, B: ArrayLike<number>, options?: LstsqOptions): Lstsq<Float64Array>
  (A: MatrixLike, B: MatrixLike, options?: LstsqOptions): Lstsq
  async(A: MatrixLike, B: ArrayLike<number>, options?: LstsqOptions): Promise<Lstsq<Float64Array>>
  async(A: MatrixLike, B: MatrixLike, options?: LstsqOptions): Promise<Lstsq>
} = /*#__PURE__*/ fromSteps(lstsqSteps, 2) as never

/**
 * The pseudo-inverse A⁺ of Moore and Penrose, by the SVD.
 *
 * @param A - m × n.
 * @param options - `rtol`: singular values up to rtol·s₀ count as 0; default max(m, n)·eps.
 * @returns n × m.
 * @throws NotFiniteError; OptionError; ConvergenceError as `svd`.
 * Cost: a thin `svd` and 2mnp flops, p = min(m, n). To solve with A, `lstsq` is cheaper and more accurate.
 *
 * @example
 * ```ts
 * import { pinv } from 'lowrank'
 * pinv([[2, 0], [0, 0]])   // [[0.5, 0], [0, 0]]
 * ```
 */
export const pinv: {
  (A: MatrixLike, options?: LstsqOptions): Matrix
  async(A: MatrixLike, options?: LstsqOptions): Promise<Matrix>
} = /*#__PURE__*/ fromSteps(pinvSteps, 1)

function* lstsqSteps(
  a: MatrixLike,
  b: RightHand,
  options?: LstsqOptions,
): Steps<Lstsq<Matrix | Float64Array>> {
  const fn = 'lstsq'
  const { rtol } = readOptions(fn, options, { rtol: optional(nonNegative) })
  const A = dense(asFiniteMatrix(a, fn, 'A'))
  const { view: B, give } = takeRightHand(b, fn, A.rows)
  const solved = yield* denseLstsqSteps(A, B, rtol)
  return { ...solved, X: give(solved.X) }
}

/** `lstsq` of views known to be finite. */
export function* denseLstsqSteps(A: Dense, B: Dense, rtol?: number): Steps<Lstsq> {
  const { X, rank, s } = yield* leastNormSteps(A, B, rtol)
  return { X, residuals: yield* residualSteps(A, X, B), rank, s }
}

/** A⁺·B for views known to be finite. */
export function* leastNormSteps(
  A: Dense,
  B: Dense,
  rtol?: number,
): Steps<{ X: Matrix; rank: number; s: Float64Array }> {
  const { U, s, Vt, rank } = yield* cutSvdSteps(A, rtol)
  const C = yield* multiplySteps(flip(U), B)
  divideRows(C as Matrix, s)
  const X = (yield* multiplySteps(flip(Vt), dense(C))) as Matrix
  return { X, rank, s }
}

function* pinvSteps(a: MatrixLike, options?: LstsqOptions): Steps<Matrix> {
  const fn = 'pinv'
  const { rtol } = readOptions(fn, options, { rtol: optional(nonNegative) })
  const { U, s, Vt, rank } = yield* cutSvdSteps(dense(asFiniteMatrix(a, fn, 'A')), rtol)
  const Ut = wrap(Float64Array.from({ length: rank * U.rows }), rank, U.rows)
  for (let j = 0, o = 0; j < rank; j++) {
    for (let i = 0; i < U.rows; i++) Ut.data[o++] = U.data[U.offset + i * U.rs + j * U.cs]!
  }
  divideRows(Ut, s)
  return (yield* multiplySteps(flip(Vt), dense(Ut))) as Matrix
}

/** The SVD, its vectors cut to the numerical rank. */
function* cutSvdSteps(
  A: Dense,
  rtol: number | undefined,
): Steps<{ U: Dense; s: Float64Array; Vt: Dense; rank: number }> {
  const { U, s, Vt } = yield* denseSvdSteps(A, 'thin')
  const rank = numericalRank(s, A, rtol)
  return { U: { ...dense(U), cols: rank }, s, Vt: { ...dense(Vt), rows: rank }, rank }
}

/** Row i is divided by s[i]. */
function divideRows(C: Matrix, s: Float64Array): void {
  const [rows = 0, cols = 0] = C.shape
  for (let i = 0, o = 0; i < rows; i++) for (let j = 0; j < cols; j++) C.data[o++]! /= s[i]!
}

function* residualSteps(A: Dense, X: Matrix, B: Dense): Steps<Float64Array> {
  const AX = dense((yield* multiplySteps(A, dense(X))) as Matrix)
  const column = new Float64Array(B.rows)
  return Float64Array.from({ length: B.cols }, (_, j) => {
    for (let i = 0; i < B.rows; i++) {
      column[i] = B.data[B.offset + i * B.rs + j * B.cs]! - AX.data[i * AX.rs + j]!
    }
    return norm2(column)
  })
}
