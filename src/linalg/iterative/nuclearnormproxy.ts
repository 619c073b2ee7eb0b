import { asFiniteMatrix, dense } from '../arrays.js'
import type { MatrixLike } from '../arrays.js'
import { normsOfColumns } from '../magnitude.js'

/**
 * A cheap stand-in for the nuclear norm: the sum of the min(m, n) largest column norms, L₁,₂.
 *
 * The sum of all column norms is never below ‖A‖_* (A is a sum of rank-one matrices, one for each column), and
 * equals it where the columns are orthogonal; for m < n the columns left out may bring it below. It sees low rank
 * only where that makes columns small: it changes when A is rotated from the right, ‖A‖_* does not.
 *
 * @param A - m × n. Li et al. take hidden states of tokens as rows, centre the columns, scale the rows to norm 1
 * and divide the result by m.
 * @throws NotFiniteError for NaN or ±Infinity in `A`.
 * Cost: two readings of A and n·log n, where the norm itself takes a whole SVD.
 * Source: Li, Chen, Fu, Xu, Zhao and Chen 2024, "Large language model evaluation via matrix nuclear-norm".
 *
 * @example
 * ```ts
 * import { nuclearNormProxy } from 'lowrank'
 * nuclearNormProxy([[3, 0], [0, 4]])   // 7, as norm(A, 'nuc')
 * ```
 */
export function nuclearNormProxy(A: MatrixLike): number {
  const view = dense(asFiniteMatrix(A, 'nuclearNormProxy', 'A'))
  return normsOfColumns(view)
    .sort((x, y) => y - x)
    .subarray(0, Math.min(view.rows, view.cols))
    .reduce((sum, norm) => sum + norm, 0)
}
