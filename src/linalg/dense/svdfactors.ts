import type { Matrix } from '../arrays.js'

/** A = U·diag(s)·Vt. */
export interface SvdFactors {
  /** m × p (thin), m × m (full) or m × 0 (none), orthonormal columns. */
  readonly U: Matrix
  /** p = min(m, n) singular values, descending. */
  readonly s: Float64Array
  /** p × n (thin), n × n (full) or 0 × n (none). */
  readonly Vt: Matrix
}

/** Which singular vectors are made. */
export type Vectors = 'thin' | 'full' | 'none'
