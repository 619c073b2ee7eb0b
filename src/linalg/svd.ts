import { asFiniteMatrix, dense, flip, wrap } from './arrays.js'
import type { Dense, Matrix, MatrixLike } from './arrays.js'
import { ConvergenceError } from './errors.js'
import { oneOf, readOptions, withDefault } from './options.js'
import { factorSteps, formQSteps, stageScaled } from './qr.js'
import { allocColumns, part, unstage, unstageTransposed } from './stage.js'
import type { Columns } from './stage.js'
import { breath, fromSteps } from './steps.js'
import type { RunOptions, Steps } from './steps.js'
import { acquire, release } from './wasm/workspace.js'
import type { Workspace } from './wasm/workspace.js'

export interface SvdFactors {
  /** m × p (thin) or m × m (full); the entry of largest magnitude in each of the first p columns is positive. */
  readonly U: Matrix
  /** p = min(m, n) singular values, descending. */
  readonly s: Float64Array
  /** p × n (thin) or n × n (full). */
  readonly Vt: Matrix
}

export interface SvdOptions extends RunOptions {
  /** 'thin' (default), 'full' (square U and Vt), or 'none' (U and Vt have no columns and no rows). */
  readonly vectors?: 'thin' | 'full' | 'none' | undefined
}

/** Sweeps of Jacobi rotations before giving up; ten are many. */
const MAX_SWEEPS = 40
/** Flops of one uninterrupted stretch of rotations: a few milliseconds. */
const STRETCH = 6e6

/**
 * Singular value decomposition A = U·diag(s)·Vt of a dense matrix.
 *
 * By one-sided Jacobi rotations on the triangular factor of a QR factorization with columns sorted by size
 * (Drmač and Veselić 2008, without its finer preconditioning).
 *
 * @param A - m × n, any strides.
 * @throws NotFiniteError for NaN or ±Infinity in `A`; OptionError; ConvergenceError if 40 sweeps do not end
 * the iteration (not known to happen).
 * Cost: about 6 to 10 sweeps of 7p³ flops (p = min(m, n)) and two QR factorizations.
 * Accuracy: residual and orthogonality within a few max(m, n)·eps, in the scale of A.
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
 * Singular values only, descending.
 *
 * @param A - m × n.
 * @throws as `svd`.
 *
 * @example
 * ```ts
 * import { svdvals } from 'lowrank'
 * svdvals([[3, 0], [0, 4]])   // 4, 3
 * ```
 */
export const svdvals: {
  (A: MatrixLike, options?: RunOptions): Float64Array
  async(A: MatrixLike, options?: RunOptions): Promise<Float64Array>
} = /*#__PURE__*/ fromSteps(svdvalsSteps, 1)

function* svdvalsSteps(A: MatrixLike, options?: RunOptions): Steps<Float64Array> {
  readOptions('svdvals', options, {})
  return (yield* denseSvdSteps(dense(asFiniteMatrix(A, 'svdvals', 'A')), 'none')).s
}

function* svdSteps(A: MatrixLike, options?: SvdOptions): Steps<SvdFactors> {
  const { vectors } = readOptions('svd', options, {
    vectors: withDefault(oneOf('thin', 'full', 'none'), 'thin'),
  })
  return yield* denseSvdSteps(dense(asFiniteMatrix(A, 'svd', 'A')), vectors)
}

/** The SVD of a view known to be finite. */
export function* denseSvdSteps(A: Dense, vectors: 'thin' | 'full' | 'none'): Steps<SvdFactors> {
  if (A.rows >= A.cols) return signed(yield* tallSvdSteps(A, vectors))
  const { U, s, Vt } = yield* tallSvdSteps(flip(A), vectors)
  return signed({ U: transposed(Vt), s, Vt: transposed(U) })
}

/** A·P = Q·R, then Rᵀ·W = Z·Σ by rotations W from the right: A = (Q·W)·Σ·(P·Z)ᵀ. */
function* tallSvdSteps(A: Dense, vectors: 'thin' | 'full' | 'none'): Steps<SvdFactors> {
  const { rows: m, cols: n } = A
  const ws = acquire()
  try {
    const { scaled, scale } = stageScaled(ws, A)
    const perm = sortColumns(ws, scaled)
    const F = yield* factorSteps(ws, scaled)
    const Z = lowerFactor(ws, F.A)
    const W = identity(ws, vectors === 'none' ? 0 : n)
    yield* rotateSteps(ws, Z, W)
    // Thousands of rotations stretch each column a little, all the same way; its direction is sound.
    columnNorms(ws, W).forEach((norm, j) => ws.kernels.scal(W.rows, 1 / norm, W.at + 8 * j * W.ld))
    const norms = columnNorms(ws, Z)
    const order = descending(norms)
    const s = Float64Array.from(order, (j) => norms[j]!)
    const values = s.map((value) => value / scale)
    if (vectors === 'none') return { U: empty(m, 0), s: values, Vt: empty(0, n) }

    const q = vectors === 'full' ? m : n
    const Q = yield* formQSteps(ws, F, q)
    const U = allocColumns(ws, m, q)
    const sortedW = pickColumns(ws, W, order)
    ws.kernels.gemm(m, n, n, 1, Q.at, 1, Q.ld, sortedW.at, 1, n, 0, U.at, 1, m)
    ws.f64.copyWithin((U.at + 8 * m * n) / 8, (Q.at + 8 * m * n) / 8, (Q.at + 8 * m * q) / 8)
    yield* breath()
    const right = yield* unitColumnsSteps(ws, pickColumns(ws, Z, order), s)
    return { U: unstage(ws, U), s: values, Vt: permutedColumns(unstageTransposed(ws, right), perm) }
  } finally {
    release(ws)
  }
}

/** Sorts columns by norm, largest first, in place: Jacobi then starts from a triangle that is nearly graded. */
function sortColumns(ws: Workspace, A: Columns): Int32Array {
  const perm = descending(columnNorms(ws, A))
  if (perm.some((j, t) => j !== t)) {
    const mark = ws.mark()
    const copy = pickColumns(ws, A, perm)
    ws.f64.copyWithin(A.at / 8, copy.at / 8, copy.at / 8 + A.rows * A.cols)
    ws.reset(mark)
  }
  return perm
}

/** Indices that sort `values` descending, the lower index first among equals. */
function descending(values: Float64Array): Int32Array {
  return Int32Array.from(values.keys()).sort((i, j) => values[j]! - values[i]! || i - j)
}

function pickColumns(ws: Workspace, A: Columns, order: Int32Array): Columns {
  const C = allocColumns(ws, A.rows, order.length)
  const f64 = ws.f64
  order.forEach((j, t) => {
    const from = A.at / 8 + j * A.ld
    f64.copyWithin(C.at / 8 + t * A.rows, from, from + A.rows)
  })
  return C
}

/** Rᵀ, n × n lower triangular, of the factored matrix. */
function lowerFactor(ws: Workspace, { at, cols: n, ld }: Columns): Columns {
  const L = allocColumns(ws, n, n)
  const f64 = ws.f64
  for (let j = 0; j < n; j++) {
    for (let i = 0; i < n; i++) f64[L.at / 8 + i + j * n] = i < j ? 0 : f64[at / 8 + j + i * ld]!
  }
  return L
}

function identity(ws: Workspace, n: number): Columns {
  const I = allocColumns(ws, n, n)
  const f64 = ws.f64
  f64.fill(0, I.at / 8, I.at / 8 + n * n)
  for (let j = 0; j < n; j++) f64[I.at / 8 + j * (n + 1)] = 1
  return I
}

/** Rotates the columns of Z until they are orthogonal, and the columns of W alike. */
function* rotateSteps(ws: Workspace, Z: Columns, W: Columns): Steps<void> {
  const n = Z.cols
  // A rotation itself leaves a cosine of about √n·eps, a few eps at least: asking for less need never end.
  const tol = 2 ** -52 * Math.sqrt(n + 16)
  const perColumn = Math.max(1, Math.floor(STRETCH / (14 * n * n)))
  let rotations = -1
  for (let sweep = 0; rotations !== 0 && n > 1; sweep++) {
    if (sweep === MAX_SWEEPS) {
      throw new ConvergenceError({
        fn: 'svd',
        argument: 'A',
        expected: `convergence within ${MAX_SWEEPS} sweeps`,
        given: `${rotations} rotations in the last sweep`,
        iterations: sweep,
        residual: rotations,
      })
    }
    rotations = 0
    for (let p0 = 0; p0 < n - 1; p0 += perColumn) {
      const p1 = Math.min(n - 1, p0 + perColumn)
      rotations += ws.kernels.jacobiRows(n, n, Z.at, n, W.cols, W.at, W.ld, p0, p1, tol)
      yield* breath()
    }
  }
}

function columnNorms(ws: Workspace, { at, rows, cols, ld }: Columns): Float64Array {
  return Float64Array.from({ length: cols }, (_, j) => ws.kernels.nrm2(rows, at + 8 * j * ld))
}

/**
 * Divides each column by its norm. Columns below `TINY` (the largest is near 1) have lost their direction
 * to underflow: an orthonormal completion takes their place.
 */
const TINY = 1e-140

function* unitColumnsSteps(ws: Workspace, Z: Columns, s: Float64Array): Steps<Columns> {
  const n = Z.cols
  let r = 0
  while (r < n && s[r]! > TINY) {
    ws.kernels.scal(n, 1 / s[r]!, Z.at + 8 * r * n)
    r++
  }
  if (r === n) return Z
  const lead = allocColumns(ws, n, r)
  const f64 = ws.f64
  f64.copyWithin(lead.at / 8, Z.at / 8, Z.at / 8 + n * r)
  const Q = yield* formQSteps(ws, yield* factorSteps(ws, lead), n)
  const [from, to] = [part(Q, 0, n, r, n).at / 8, part(Z, 0, n, r, n).at / 8]
  ws.f64.copyWithin(to, from, from + n * (n - r))
  return Z
}

/** Column perm[j] of the result is column j of `A`. */
function permutedColumns(A: Matrix, perm: Int32Array): Matrix {
  const [rows = 0, n = 0] = A.shape
  const out = new Float64Array(rows * n)
  for (let i = 0; i < rows; i++) for (let j = 0; j < n; j++) out[i * n + perm[j]!] = A.data[i * n + j]!
  return wrap(out, rows, n)
}

function transposed(A: Matrix): Matrix {
  const [rows = 0, cols = 0] = A.shape
  const out = new Float64Array(rows * cols)
  for (let i = 0; i < rows; i++) for (let j = 0; j < cols; j++) out[j * rows + i] = A.data[i * cols + j]!
  return wrap(out, cols, rows)
}

const empty = (rows: number, cols: number): Matrix => wrap(new Float64Array(0), rows, cols)

function signed(factors: SvdFactors): SvdFactors {
  orient(factors.U, factors.Vt, factors.s.length)
  return factors
}

/** Makes the entry of largest magnitude of each of the first `count` left vectors positive, in place. */
export function orient(U: Matrix, Vt: Matrix, count = U.shape[1]!): void {
  const [m = 0, q = 0] = U.shape
  const n = Vt.shape[1]!
  if (q === 0) return
  for (let j = 0; j < count; j++) {
    let largest = 0
    for (let i = 0; i < m; i++) {
      const u = U.data[i * q + j]!
      if (Math.abs(u) > Math.abs(largest)) largest = u
    }
    if (largest >= 0) continue
    for (let i = 0; i < m; i++) U.data[i * q + j]! *= -1
    for (let t = 0; t < n; t++) Vt.data[j * n + t]! *= -1
  }
}
