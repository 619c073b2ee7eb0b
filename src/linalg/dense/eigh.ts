import { asFiniteMatrix, dense, wrap } from '../arrays.js'
import type { Dense, Matrix, MatrixLike } from '../arrays.js'
import { orientColumns, pickColumns } from './columnorder.js'
import { ConvergenceError } from '../errors.js'
import { oneOf, readOptions, withDefault } from '../options.js'
import { collectSteps, formQSteps, setIdentity, stageScaled } from './reflectors.js'
import { Rotations } from './rotations.js'
import { allocColumns, part, unstage } from './stage.js'
import type { Columns } from './stage.js'
import { breath, fromSteps } from '../steps.js'
import type { RunOptions, Steps } from '../steps.js'
import { checkSymmetric } from './symmetric.js'
import { tridiagonalizeSteps } from './tridiagonalize.js'
import type { Tridiagonal } from './tridiagonalize.js'
import { tridiagonalQrSteps } from './tridiagonalqr.js'
import { acquire, release } from '../wasm/workspace.js'
import type { Workspace } from '../wasm/workspace.js'

/** The spectral decomposition A = V·diag(λ)·Vᵀ of a symmetric matrix. */
export interface SymmetricEigen {
  /** n eigenvalues, ascending. */
  readonly values: Float64Array
  /** n × n, orthogonal: column j belongs to values[j]. n × 0 with vectors: 'none'. */
  readonly vectors: Matrix
}

/** Whether `eigh` makes eigenvectors too. */
export interface EighOptions extends RunOptions {
  /** 'full' (default), or 'none': the values alone, the same to the bit. */
  readonly vectors?: 'full' | 'none' | undefined
}

/** What tests lower so that every path runs on small matrices. */
export interface EighTuning {
  readonly width?: number
  readonly batch?: number
  readonly maxSweeps?: number
}

/**
 * Eigenvalues and eigenvectors of a symmetric matrix: A = V·diag(values)·Vᵀ.
 *
 * By blocked Householder tridiagonalisation and implicit QL or QR with Wilkinson's shift, whose rotations are
 * applied to V in batches (LAPACK's dsytrd and dsteqr; batches after Van Zee, van de Geijn, Quintana-Ortí
 * 2014, "Restructuring the tridiagonal and bidiagonal QR algorithms for performance").
 *
 * @param A - n × n, any strides; symmetric within |aᵢⱼ − aⱼᵢ| ≤ √eps·max|A| with the eps of its element
 * type. Its lower triangle is what counts.
 * @returns values ascending, vectors as columns; the entry of largest magnitude of each is positive (the
 * first of them among equals).
 * @throws NotFiniteError for NaN or ±Infinity; ShapeError where `A` is not square or not symmetric;
 * OptionError; ConvergenceError after 30n sweeps (not known to happen), which carries what was reached.
 * Cost: 4n³/3 flops to reduce, as many to form the vectors, about 5n³ for the rotations. Memory: about 5n²
 * numbers.
 * Accuracy: ‖A − V·Λ·Vᵀ‖ and ‖VᵀV − I‖ within a few n·eps, in the scale of A: a small eigenvalue is known to
 * eps·‖A‖, not to its own size.
 *
 * @example
 * ```ts
 * import { eigh } from 'lowrank'
 * const { values, vectors } = eigh([[2, 1], [1, 2]])   // 1 and 3
 * ```
 */
export const eigh: {
  (A: MatrixLike, options?: EighOptions): SymmetricEigen
  async(A: MatrixLike, options?: EighOptions): Promise<SymmetricEigen>
} = /*#__PURE__*/ fromSteps(eighSteps, 1)

function* eighSteps(A: MatrixLike, options?: EighOptions): Steps<SymmetricEigen> {
  const { vectors } = readOptions('eigh', options, {
    vectors: withDefault(oneOf('full', 'none'), 'full'),
  })
  const view = dense(asFiniteMatrix(A, 'eigh', 'A'))
  checkSymmetric(view, 'eigh')
  return yield* symmetricEigenSteps(view, vectors)
}

/** The eigendecomposition of a view known to be finite and symmetric. */
export function* symmetricEigenSteps(
  A: Dense,
  vectors: 'full' | 'none',
  { width, batch, maxSweeps }: EighTuning = {},
): Steps<SymmetricEigen> {
  const n = A.rows
  const ws = acquire()
  try {
    const { scaled, scale } = stageScaled(ws, A)
    const T = yield* tridiagonalizeSteps(ws, scaled, width)
    const V = vectors === 'full' ? yield* formVectorsSteps(ws, scaled, T) : allocColumns(ws, 0, n)
    const { d, e } = T
    const outcome = yield* tridiagonalQrSteps(ws, d, e, new Rotations(ws, V, batch), maxSweeps)
    const order = Int32Array.from(d.keys()).sort((i, j) => d[i]! - d[j]! || i - j)
    const sorted = pickColumns(ws, V, order)
    yield* breath()
    orientColumns(ws, sorted)
    yield* breath()
    const result = {
      values: Float64Array.from(order, (j) => d[j]! / scale),
      vectors: vectors === 'full' ? unstage(ws, sorted) : wrap(new Float64Array(0), n, 0),
    }
    if (!outcome.converged) {
      throw new ConvergenceError({
        fn: 'eigh',
        argument: 'A',
        expected: 'convergence of the QL iteration',
        given: `${outcome.residual / scale} off the diagonal after ${outcome.iterations} sweeps`,
        iterations: outcome.iterations,
        residual: outcome.residual / scale,
        best: result,
      })
    }
    return result
  } finally {
    release(ws)
  }
}

/** Q of A = Q·T·Qᵀ: its reflectors leave row and column 0 alone. */
function* formVectorsSteps(ws: Workspace, A: Columns, { e, tau }: Tridiagonal): Steps<Columns> {
  const n = A.rows
  const Q = allocColumns(ws, n, n)
  setIdentity(ws, Q)
  if (n < 2) return Q
  const reflectors = yield* collectSteps(ws, part(A, 1, n, 0, n - 1), e.length, tau)
  yield* formQSteps(ws, reflectors, n - 1, part(Q, 1, n, 1, n))
  return Q
}
