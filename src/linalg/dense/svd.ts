import { asFiniteMatrix, dense, flip } from '../arrays.js'
import type { Dense, MatrixLike } from '../arrays.js'
import { bidiagonalSvdSteps } from './bidiagonalsvd.js'
import type { BidiagonalTuning } from './bidiagonalsvd.js'
import { jacobiSvdSteps } from './jacobisvd.js'
import { oneOf, readOptions, withDefault } from '../options.js'
import { breath, fromSteps } from '../steps.js'
import type { RunOptions, Steps } from '../steps.js'
import { orient, transposed } from '../thin.js'
import type { SvdFactors, Vectors } from './svdfactors.js'

export type { SvdFactors } from './svdfactors.js'

/** The algorithm of `svdvals` and `svd`. */
export interface SvdvalsOptions extends RunOptions {
  /**
   * 'bidiagonal' is the quick one for all but tiny matrices, 'jacobi' finds tiny singular values to their own
   * size where the columns of A (m ≥ n; its rows otherwise) are a well-conditioned matrix, badly scaled.
   * 'auto' (default) takes whichever is quicker.
   */
  readonly algorithm?: Algorithm | undefined
}

/** Which singular vectors `svd` makes, and by which algorithm. */
export interface SvdOptions extends SvdvalsOptions {
  /** 'thin' (default), 'full' (square U and Vt), or 'none' (U and Vt have no columns and no rows). */
  readonly vectors?: Vectors | undefined
}

type Algorithm = 'auto' | 'bidiagonal' | 'jacobi'

/** Up to so many columns Jacobi is quicker. */
const SMALL = 8

const algorithmReader = withDefault(oneOf('auto', 'bidiagonal', 'jacobi'), 'auto')

/**
 * Singular value decomposition A = U·diag(s)·Vt of a dense matrix.
 *
 * 'bidiagonal': blocked Householder bidiagonalisation, after a QR factorization where A is tall, and implicit
 * QR iteration with zero shifts (Golub and Kahan 1965; Demmel and Kahan 1990; LAPACK's dgebrd and dbdsqr),
 * whose rotations are applied in batches (Van Zee, van de Geijn, Quintana-Ortí 2014). 'jacobi': one-sided
 * Jacobi rotations on a triangular factor (Drmač and Veselić 2008, without its finer preconditioning).
 *
 * @param A - m × n, any strides.
 * @returns s descending; the entry of largest magnitude of each of the first p columns of U is positive.
 * @throws NotFiniteError for NaN or ±Infinity in `A`; OptionError; ConvergenceError where an iteration does
 * not end (not known to happen), which carries what was reached.
 * Cost, with p = min(m, n) and M = max(m, n): 'bidiagonal' 4Mp² − 4p³/3 flops to reduce, half as many again
 * to form the vectors, about 5(M + p)p² for the rotations; 'jacobi' 6 to 10 sweeps of 7p³ flops and two QR
 * factorizations. Memory: about 4Mp + 4p² numbers.
 * Accuracy: residual and orthogonality within a few max(m, n)·eps, in the scale of A. The values do not
 * depend on `vectors`, to the bit.
 *
 * @example
 * ```ts
 * import { svd } from 'lowrank'
 * const { U, s, Vt } = svd([[3, 0], [4, 5]])   // s = 6.708…, 2.236…
 * ```
 */
export const svd: {
  (A: MatrixLike, options?: SvdOptions): SvdFactors
  async(A: MatrixLike, options?: SvdOptions): Promise<SvdFactors>
} = /*#__PURE__*/ fromSteps(svdSteps, 1)

/**
 * Singular values only, descending: those of `svd`, to the bit.
 *
 * @param A - m × n.
 * @throws as `svd`.
 * Cost: 4Mp² − 4p³/3 flops.
 *
 * @example
 * ```ts
 * import { svdvals } from 'lowrank'
 * svdvals([[3, 0], [0, 4]])   // 4, 3
 * ```
 */
export const svdvals: {
  (A: MatrixLike, options?: SvdvalsOptions): Float64Array
  async(A: MatrixLike, options?: SvdvalsOptions): Promise<Float64Array>
} = /*#__PURE__*/ fromSteps(svdvalsSteps, 1)

function* svdvalsSteps(A: MatrixLike, options?: SvdvalsOptions): Steps<Float64Array> {
  const { algorithm } = readOptions('svdvals', options, { algorithm: algorithmReader })
  return (yield* denseSvdSteps(dense(asFiniteMatrix(A, 'svdvals', 'A')), 'none', algorithm)).s
}

function* svdSteps(A: MatrixLike, options?: SvdOptions): Steps<SvdFactors> {
  const { vectors, algorithm } = readOptions('svd', options, {
    vectors: withDefault(oneOf('thin', 'full', 'none'), 'thin'),
    algorithm: algorithmReader,
  })
  return yield* denseSvdSteps(dense(asFiniteMatrix(A, 'svd', 'A')), vectors, algorithm)
}

/** The SVD of a view known to be finite. */
export function* denseSvdSteps(
  A: Dense,
  vectors: Vectors,
  algorithm: Algorithm = 'auto',
  tuning?: BidiagonalTuning,
): Steps<SvdFactors> {
  if (A.rows < A.cols) {
    const { U, s, Vt } = yield* tallSteps(flip(A), vectors, algorithm, tuning)
    const left = transposed(Vt)
    yield* breath()
    return signed({ U: left, s, Vt: transposed(U) })
  }
  return signed(yield* tallSteps(A, vectors, algorithm, tuning))
}

function tallSteps(
  A: Dense,
  vectors: Vectors,
  algorithm: Algorithm,
  tuning?: BidiagonalTuning,
): Steps<SvdFactors> {
  const jacobi = algorithm === 'jacobi' || (algorithm === 'auto' && A.cols <= SMALL)
  return jacobi ? jacobiSvdSteps(A, vectors) : bidiagonalSvdSteps(A, vectors, tuning)
}

function signed(factors: SvdFactors): SvdFactors {
  orient(factors.U, factors.Vt, factors.s.length)
  return factors
}
