import { contiguous, dense, wrap } from '../arrays.js'
import type { Matrix } from '../arrays.js'
import { stage } from '../dense/blocks.js'
import { breath } from '../steps.js'
import type { Steps } from '../steps.js'
import { acquire, release } from '../wasm/workspace.js'
import type { Workspace } from '../wasm/workspace.js'

// Products of compressed rows. Rows pass through a workspace in pieces, each copied in once and used for all
// that a sweep wants of it; X and the sums AᵀY stay there whole, since any row of them may be asked for.

/** Compressed rows: row i holds entries pointers[i] … pointers[i + 1] − 1. */
export interface SparseRows {
  readonly shape: readonly [number, number]
  readonly pointers: Int32Array
  readonly indices: Int32Array
  readonly values: Float64Array
}

/** Entries of a piece, which stay in cache until they are used. */
const PIECE = 2 ** 16
/** Multiplications between two breaths: about two milliseconds. */
const STRETCH = 2e6
/** Numbers of X, or of AᵀY, in the workspace at a time: 128 MiB. Longer ones take a sweep for some columns each. */
const ROOM = 2 ** 24

/** What a sweep over the rows makes of each piece. */
interface Sweep {
  /** X, n × kx, for A·X. */
  readonly X?: Matrix
  /** Y, m × ky, for AᵀY; 'AX' for AᵀA·X. */
  readonly Y?: Matrix | 'AX'
}

export function* sparseProductSteps(A: SparseRows, X: Matrix): Steps<Matrix> {
  return (yield* inColumnsSteps(A, { X })).AX
}

export function* sparseAdjointSteps(A: SparseRows, Y: Matrix): Steps<Matrix> {
  return (yield* inColumnsSteps(A, { Y })).AtY
}

/** AtY += Aᵀ·Y. */
export function* addSparseAdjointSteps(A: SparseRows, Y: Matrix, AtY: Matrix): Steps<void> {
  yield* inColumnsSteps(A, { Y }, AtY)
}

export function sparseBothSteps(A: SparseRows, X: Matrix, Y: Matrix): Steps<{ AX: Matrix; AtY: Matrix }> {
  return inColumnsSteps(A, { X, Y })
}

export function* sparseNormalSteps(A: SparseRows, X: Matrix): Steps<Matrix> {
  return (yield* inColumnsSteps(A, { X, Y: 'AX' })).AtY
}

/** A sweep for as many columns as there is room for, and the next. What it makes of Aᵀ is added to `sums`. */
function* inColumnsSteps(A: SparseRows, sweep: Sweep, sums?: Matrix): Steps<{ AX: Matrix; AtY: Matrix }> {
  const [m, n] = A.shape
  const kx = sweep.X?.shape[1] ?? 0
  const ky = sweep.Y === 'AX' ? kx : (sweep.Y?.shape[1] ?? 0)
  const AX = sweep.Y === 'AX' ? wrap(new Float64Array(0), m, 0) : wrap(new Float64Array(m * kx), m, kx)
  const AtY = sums ?? wrap(new Float64Array(n * ky), n, ky)
  const most = Math.max(8, Math.floor(ROOM / Math.max(n, 1)))
  for (let j = 0; j < Math.max(kx, ky); j += most) {
    const X = sweep.X && columnsFrom(sweep.X, j, most)
    const Y = sweep.Y === 'AX' ? sweep.Y : sweep.Y && columnsFrom(sweep.Y, j, most)
    yield* sweepSteps(A, { ...(X && { X }), ...(Y && { Y }) }, AX, AtY, j)
  }
  return { AX, AtY }
}

/** Columns [j, j + most) as far as there are some, where they lie. */
function columnsFrom(X: Matrix, j: number, most: number): Matrix {
  const k = X.shape[1]!
  return X.lo(0, Math.min(j, k)).hi(X.shape[0]!, Math.max(0, Math.min(most, k - j)))
}

/** One sweep; what comes of it goes to columns j and on of AX, and is added to those of AtY. */
function* sweepSteps(A: SparseRows, { X, Y }: Sweep, AX: Matrix, AtY: Matrix, j: number): Steps<void> {
  const n = A.shape[1]
  const kx = X?.shape[1] ?? 0
  const ky = Y === 'AX' ? kx : (Y?.shape[1] ?? 0)
  const { pieces, entries, rows } = piecesOf(A, kx + ky)
  const ws = acquire()
  try {
    const piece = {
      pointers: ws.alloc32(rows + 1),
      indices: ws.alloc32(entries),
      values: ws.alloc64(entries),
    }
    const [x, ax] = [ws.alloc64(n * kx), ws.alloc64(rows * kx)]
    const [y, aty] = [Y === 'AX' ? ax : ws.alloc64(rows * ky), ws.alloc64(n * ky)]
    const f64 = ws.f64
    if (X) stageRows(X, f64, x)
    if (Y) stageRows(columnsFrom(AtY, j, ky), f64, aty)
    for (const [from, to] of pieces) {
      stagePiece(ws, A, from, to, piece)
      const { pointers, indices, values } = piece
      if (X) ws.kernels.csrTimes(to - from, kx, pointers, indices, values, x, ax)
      if (X && Y !== 'AX') unstageRows(f64, ax, AX, from, to, j, kx)
      if (Y) {
        if (Y !== 'AX') stageRows(Y.lo(from, 0).hi(to - from, ky), f64, y)
        ws.kernels.csrAdjointTimes(to - from, ky, pointers, indices, values, y, aty)
      }
      yield* breath()
    }
    unstageRows(f64, aty, AtY, 0, n, j, ky)
  } finally {
    release(ws)
  }
}

/** Ranges of rows of at most so many entries and multiplications, one row at least; and the most they hold. */
export function piecesOf(
  { shape: [m], pointers }: SparseRows,
  k: number,
): { pieces: [from: number, to: number][]; entries: number; rows: number } {
  const most = Math.max(1, Math.min(PIECE, Math.floor(STRETCH / Math.max(k, 1))))
  const pieces: [number, number][] = []
  let [entries, rows] = [0, 0]
  for (let from = 0; from < m;) {
    let to = from + 1
    // A row costs something even where it is empty: its part of A·X and of Y.
    while (to < m && pointers[to + 1]! - pointers[from]! + (to - from) <= most) to++
    pieces.push([from, to])
    entries = Math.max(entries, pointers[to]! - pointers[from]!)
    rows = Math.max(rows, to - from)
    from = to
  }
  return { pieces, entries, rows }
}

export function stagePiece(
  ws: Workspace,
  A: SparseRows,
  from: number,
  to: number,
  piece: { pointers: number; indices: number; values: number },
): void {
  const i32 = new Int32Array(ws.f64.buffer)
  const [e0, e1] = [A.pointers[from]!, A.pointers[to]!]
  i32.set(A.pointers.subarray(from, to + 1), piece.pointers / 4)
  i32.set(A.indices.subarray(e0, e1), piece.indices / 4)
  ws.f64.set(A.values.subarray(e0, e1), piece.values / 8)
}

/** A row-major copy in the workspace. */
function stageRows(X: Matrix, f64: Float64Array, at: number): void {
  const view = dense(X)
  stage(view.cs === 1 || view.cols <= 1 ? view : dense(contiguous(X)), f64, at)
}

/** Copies rows [from, to) of a result to columns j and on of C. */
function unstageRows(
  f64: Float64Array,
  at: number,
  C: Matrix,
  from: number,
  to: number,
  j: number,
  k: number,
): void {
  const width = C.shape[1]!
  if (k === width) {
    C.data.set(f64.subarray(at / 8, at / 8 + (to - from) * k), from * k)
    return
  }
  for (let i = from, o = at / 8; i < to; i++, o += k) C.data.set(f64.subarray(o, o + k), i * width + j)
}
