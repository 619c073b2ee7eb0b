import { asFiniteMatrix, dense, packed, wrap } from '../linalg/arrays.js'
import type { Dense, Matrix } from '../linalg/arrays.js'
import { choleskyFactorSteps } from '../linalg/dense/cholesky.js'
import { gramSteps } from '../linalg/dense/gram.js'
import { maxAbs } from '../linalg/magnitude.js'
import { multiplySteps } from '../linalg/dense/multiply.js'
import { isOperator, precisionOf } from '../linalg/operators.js'
import type { Operand } from '../linalg/operators.js'
import { entriesOf } from '../linalg/products.js'
import { numericalRank } from '../linalg/dense/rank.js'
import { powerOfTwo, setIdentity } from '../linalg/dense/reflectors.js'
import { allocColumns, stageColumns, unstageTransposed } from '../linalg/dense/stage.js'
import type { Steps } from '../linalg/steps.js'
import { denseSvdSteps } from '../linalg/dense/svd.js'
import { leadingRows, scaledColumns, scaledRows } from '../linalg/thin.js'
import { strided, trsmSteps } from '../linalg/dense/triangular.js'
import { acquire, release } from '../linalg/wasm/workspace.js'

// What depends on the range of A alone, its leverage scores, Lewis weights, sensitivities, p-norm regression,
// is computed for a well-conditioned basis of that range.

/** Rows in which a matrix A of rank r is B·C, with B = scale·A·X. */
export interface RowBasis {
  /** m × r, orthonormal up to eps times the condition number of A. */
  readonly B: Matrix
  /** n × r */
  readonly X: Matrix
  /** scale·A, m × n: entries near 1. */
  readonly A: Matrix
  /** A power of two. */
  readonly scale: number
}

/** The entries of an operand, and the precision to which they are known. */
export function* entriesSteps(given: Operand, fn: string): Steps<{ matrix: Dense; precision: number }> {
  if (!isOperator(given)) return { matrix: dense(asFiniteMatrix(given, fn, 'A')), precision: 2 ** -52 }
  if (Math.min(...given.shape) === 0) {
    const [m, n] = given.shape
    return { matrix: dense(wrap(new Float64Array(0), m, n)), precision: 2 ** -52 }
  }
  return { matrix: dense(yield* entriesOf(given)), precision: precisionOf(given) }
}

/**
 * B is made as a product with the rows of A, not taken from the SVD: an error in a row is then as small as the
 * row. Singular values up to max(m, n)·precision·σ₀ count as 0.
 */
export function* rowBasisSteps(given: Dense, precision = 2 ** -52): Steps<RowBasis> {
  const { rows: m, cols: n } = given
  const scale = powerOfTwo(maxAbs(given))
  const entries = packed(given)
  if (scale !== 1) for (let e = 0; e < entries.length; e++) entries[e]! *= scale
  const A = wrap(entries, m, n)
  const view = dense(A)
  const { s, Vt } = yield* denseSvdSteps(view, 'thin')
  const rank = numericalRank(s, view, Math.max(m, n) * precision)
  const inverse = s.subarray(0, rank).map((sigma) => 1 / sigma)
  const Xt = scaledRows(leadingRows(Vt, rank), inverse)
  const X = wrap(packed(dense(Xt.transpose(1, 0))), n, rank)
  return { B: (yield* multiplySteps(view, dense(X))) as Matrix, X, A, scale }
}

/**
 * X with Xᵀ·G·X = I for G = BᵀB, upper triangular, and log det G. Where G is singular to rounding, the first of
 * `shifts` that helps is added to the diagonal of G with its columns at length 1; undefined where none does.
 */
export function* whiteningSteps(
  B: Matrix,
  shifts: readonly number[] = [],
): Steps<{ X: Matrix; logDet: number } | undefined> {
  const r = B.shape[1]!
  const G = yield* gramSteps(dense(B))
  // Columns of length 1, so that what is singular does not depend on their scales.
  const lengths = Float64Array.from({ length: r }, (_, j) => Math.sqrt(G.data[j * (r + 1)]!))
  if (!lengths.every((length) => length > 0)) return undefined
  const inverse = lengths.map((length) => 1 / length)
  const C = scaledColumns(scaledRows(G, inverse), inverse)
  const ws = acquire()
  try {
    const L = stageColumns(ws, dense(C))
    let done = yield* choleskyFactorSteps(ws, L)
    for (let t = 0; done < r && t < shifts.length; t++) {
      for (let j = 0; j < r; j++) C.data[j * (r + 1)] = 1 + shifts[t]!
      ws.f64.set(C.data, L.at / 8)
      done = yield* choleskyFactorSteps(ws, L)
    }
    if (done < r) return undefined
    const inverseL = allocColumns(ws, r, r)
    setIdentity(ws, inverseL)
    const f64 = ws.f64
    let logDet = 0
    for (let j = 0; j < r; j++) logDet += 2 * Math.log(f64[L.at / 8 + j * (r + 1)]! * lengths[j]!)
    yield* trsmSteps(ws, { ...strided(L), n: r, upper: false, unit: false }, strided(inverseL), r)
    return { X: scaledRows(unstageTransposed(ws, inverseL), inverse), logDet }
  } finally {
    release(ws)
  }
}
