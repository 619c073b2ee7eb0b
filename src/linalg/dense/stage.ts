import { wrap } from '../arrays.js'
import type { Dense, Matrix } from '../arrays.js'
import { stage } from './blocks.js'
import type { Workspace } from '../wasm/workspace.js'

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

/** A column-major copy of a strided view. */
export function stageColumns(ws: Workspace, A: Dense): Columns {
  const C = allocColumns(ws, A.rows, A.cols)
  if (A.rows === 0 || A.cols === 0) return C
  const mark = ws.mark()
  const at = ws.alloc64(A.rows * A.cols)
  const { rs } = stage(A, ws.f64, at)
  if (rs === 1) ws.f64.copyWithin(C.at / 8, at / 8, at / 8 + A.rows * A.cols)
  else ws.kernels.transpose(A.rows, A.cols, at, rs, C.at, C.ld)
  ws.reset(mark)
  return C
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
