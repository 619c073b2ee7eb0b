import { flip, wrap } from './arrays.js'
import type { Dense, Matrix } from './arrays.js'
import type { Workspace } from './wasm/workspace.js'

// Between the JavaScript heap and a workspace. The dense factorizations work on column-major float64
// matrices there, so that a Householder vector or a Jacobi column is contiguous.

/** A column-major matrix in a workspace: entry (i, j) at byte `at + 8·(i + j·ld)`. */
export interface Columns {
  readonly at: number
  readonly rows: number
  readonly cols: number
  readonly ld: number
}

/** Room for a column-major matrix; its entries are whatever was there. */
export function allocColumns(ws: Workspace, rows: number, cols: number): Columns {
  return { at: ws.alloc64(rows * cols), rows, cols, ld: rows }
}

/** Columns [j0, j1), rows [i0, i1) of a column-major matrix, where they lie. */
export function part({ at, ld }: Columns, i0: number, i1: number, j0: number, j1: number): Columns {
  return { at: at + 8 * (i0 + j0 * ld), rows: i1 - i0, cols: j1 - j0, ld }
}

/** A column-major copy of a strided view, times `scale`, which is a power of two. */
export function stageColumns(ws: Workspace, A: Dense, scale = 1): Columns {
  const C = allocColumns(ws, A.rows, A.cols)
  const size = A.rows * A.cols
  if (size === 0) return C
  if (A.cs === 1 && A.cols > 1 && A.rows > 1) {
    const mark = ws.mark()
    const rowMajor = ws.alloc64(size)
    copyRows(A, ws.f64, rowMajor / 8)
    ws.kernels.transpose(A.rows, A.cols, rowMajor, A.cols, C.at, C.ld)
    ws.reset(mark)
  } else {
    copyRows(flip(A), ws.f64, C.at / 8)
  }
  if (scale !== 1) ws.kernels.scal(size, scale, C.at)
  return C
}

/** Writes the rows of a view one after another. */
function copyRows({ data, offset, rows, cols, rs, cs }: Dense, out: Float64Array, at: number): void {
  for (let i = 0; i < rows; i++, at += cols) {
    const start = offset + i * rs
    if (cs === 1) {
      out.set(data.subarray(start, start + cols), at)
    } else {
      for (let j = 0, a = start; j < cols; j++, a += cs) out[at + j] = data[a]!
    }
  }
}

/** A row-major copy on the JavaScript heap. */
export function unstage(ws: Workspace, C: Columns): Matrix {
  const { rows, cols } = C
  if (rows === 0 || cols === 0) return wrap(new Float64Array(0), rows, cols)
  const mark = ws.mark()
  const rowMajor = ws.alloc64(rows * cols)
  ws.kernels.transpose(cols, rows, C.at, C.ld, rowMajor, cols)
  const out = ws.f64.slice(rowMajor / 8, rowMajor / 8 + rows * cols)
  ws.reset(mark)
  return wrap(out, rows, cols)
}

/** The row-major copy of the transpose of C: its columns become rows. */
export function unstageTransposed(ws: Workspace, C: Columns): Matrix {
  const out = new Float64Array(C.rows * C.cols)
  const f64 = ws.f64
  for (let j = 0; j < C.cols; j++) {
    const start = C.at / 8 + j * C.ld
    out.set(f64.subarray(start, start + C.rows), j * C.rows)
  }
  return wrap(out, C.cols, C.rows)
}
