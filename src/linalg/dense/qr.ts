import { asFiniteMatrix, dense, wrap } from '../arrays.js'
import type { Dense, Matrix, MatrixLike } from '../arrays.js'
import { choleskyQrSteps } from './choleskyqr.js'
import { bool, oneOf, readOptions, withDefault } from '../options.js'
import { pivotedQrSteps } from './pivotedqr.js'
import { factorSteps, formQSteps, stageScaled } from './reflectors.js'
import type { Reflectors } from './reflectors.js'
import { unstage } from './stage.js'
import { fromSteps } from '../steps.js'
import type { RunOptions, Steps } from '../steps.js'
import { tsqrSteps } from './tsqr.js'
import { acquire, release } from '../wasm/workspace.js'
import type { Workspace } from '../wasm/workspace.js'

/** A matrix as Q·R: orthonormal columns times a triangle. */
export interface Qr {
  /** m × q with orthonormal columns; q = min(m, n), or m in mode 'complete'. */
  readonly Q: Matrix
  /** q × n, upper triangular; its diagonal may be negative. */
  readonly R: Matrix
}

/** With column pivoting. */
export interface PivotedQr extends Qr {
  /** Column j of Q·R is column perm[j] of A. */
  readonly perm: Int32Array
}

/** Whether `qr` exchanges columns, and how many columns Q has. */
export interface QrOptions extends RunOptions {
  /** Exchange columns so that |R₀₀| ≥ |R₁₁| ≥ …. Default false. */
  readonly pivot?: boolean | undefined
  /** 'reduced' (default): Q is m × min(m, n). 'complete': Q is m × m. */
  readonly mode?: 'reduced' | 'complete' | undefined
}

/**
 * QR factorization A = Q·R by blocked Householder reflections (compact WY; Schreiber and Van Loan 1989); with
 * `pivot`, A[:, perm] = Q·R by Businger and Golub (1965) in the blocked form of Quintana-Ortí, Sun and Bischof
 * (1998), column norms downdated after Drmač and Bujanović (2008).
 *
 * @param A - m × n, any strides; rank-deficient and empty matrices too.
 * @throws NotFiniteError for NaN or ±Infinity in `A`; OptionError for an unknown option.
 * Cost: 2mn² − 2n³/3 flops for R and as many for Q (m ≥ n); with `pivot` half of those for R are matrix-vector
 * products. Memory: about 3mn numbers.
 * Accuracy: ‖A − QR‖ and ‖QᵀQ − I‖ within a few max(m, n)·eps, in the scale of A.
 *
 * @example
 * ```ts
 * import { qr } from 'lowrank'
 * const { Q, R } = qr([[1, 2], [3, 4], [5, 6]])
 * ```
 */
export const qr: {
  (A: MatrixLike, options: QrOptions & { readonly pivot: true }): PivotedQr
  (A: MatrixLike, options?: QrOptions): Qr
  async(A: MatrixLike, options: QrOptions & { readonly pivot: true }): Promise<PivotedQr>
  async(A: MatrixLike, options?: QrOptions): Promise<Qr>
} = /*#__PURE__*/ fromSteps(qrSteps, 1) as never

export function* qrSteps(A: MatrixLike, options?: QrOptions): Steps<Qr | PivotedQr> {
  const { mode, pivot } = readOptions('qr', options, {
    mode: withDefault(oneOf('reduced', 'complete'), 'reduced'),
    pivot: withDefault(bool, false),
  })
  const view = dense(asFiniteMatrix(A, 'qr', 'A'))
  const ws = acquire()
  try {
    const { scaled, scale } = stageScaled(ws, view)
    const F: Reflectors & { perm?: Int32Array } = yield* pivot
      ? pivotedQrSteps(ws, scaled)
      : factorSteps(ws, scaled)
    const q = mode === 'complete' ? view.rows : Math.min(view.rows, view.cols)
    const R = upperTriangle(ws, F, q, 1 / scale)
    const Q = unstage(ws, yield* formQSteps(ws, F, q))
    return F.perm ? { Q, R, perm: F.perm } : { Q, R }
  } finally {
    release(ws)
  }
}

/** R and the order of the columns alone, without Q. */
export function* pivotedTriangleSteps(view: Dense): Steps<{ R: Matrix; perm: Int32Array }> {
  const ws = acquire()
  try {
    const { scaled, scale } = stageScaled(ws, view)
    const F = yield* pivotedQrSteps(ws, scaled)
    return { R: upperTriangle(ws, F, Math.min(view.rows, view.cols), 1 / scale), perm: F.perm }
  } finally {
    release(ws)
  }
}

/** From so many rows per column on, and so many numbers, CholeskyQR is the faster one. */
const TALL = 8
const LARGE = 2 ** 17
/** From so many numbers on, which no cache holds, TSQR is faster than Householder's panels. */
const HUGE = 2 ** 20

/**
 * An orthonormal basis of as many columns as Y has (m ≥ k): its range, completed arbitrarily where Y is
 * rank-deficient. The orthonormalisation of every sketch.
 */
export function* orthonormalizeSteps(Y: Matrix): Steps<Matrix> {
  const [m = 0, k = 0] = Y.shape
  if (k >= 2 && m >= TALL * k && m * k >= LARGE) {
    const Q = yield* choleskyQrSteps(dense(Y))
    if (Q !== undefined) return Q
    if (m * k >= HUGE) return yield* tsqrSteps(dense(Y))
  }
  const ws = acquire()
  try {
    const F = yield* factorSteps(ws, stageScaled(ws, dense(Y)).scaled)
    return unstage(ws, yield* formQSteps(ws, F, Math.min(m, k)))
  } finally {
    release(ws)
  }
}

/** The first q rows of R, times `scale`. */
export function upperTriangle(ws: Workspace, { A }: Reflectors, q: number, scale: number): Matrix {
  const n = A.cols
  const R = new Float64Array(q * n)
  const f64 = ws.f64
  for (let j = 0; j < n; j++) {
    for (let i = Math.min(j, q - 1, A.rows - 1); i >= 0; i--)
      R[i * n + j] = scale * f64[A.at / 8 + i + j * A.ld]!
  }
  return wrap(R, q, n)
}
