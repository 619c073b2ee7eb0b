import { allocColumns } from './stage.js'
import type { Columns } from './stage.js'
import type { Workspace } from '../wasm/workspace.js'

/** Indices that sort `values` descending, the lower index first among equals. */
export function descending(values: Float64Array): Int32Array {
  return Int32Array.from(values.keys()).sort((i, j) => values[j]! - values[i]! || i - j)
}

/** A copy of the columns of A that `order` lists. */
export function pickColumns(ws: Workspace, A: Columns, order: Int32Array): Columns {
  const C = allocColumns(ws, A.rows, order.length)
  const f64 = ws.f64
  order.forEach((j, t) => {
    const from = A.at / 8 + j * A.ld
    f64.copyWithin(C.at / 8 + t * A.rows, from, from + A.rows)
  })
  return C
}

/** Makes the entry of largest magnitude of each column positive, in place; the first among equals counts. */
export function orientColumns(ws: Workspace, { at, rows, cols, ld }: Columns): void {
  const f64 = ws.f64
  for (let j = 0; j < cols; j++) {
    const start = at / 8 + j * ld
    let largest = 0
    for (let i = start; i < start + rows; i++) if (Math.abs(f64[i]!) > Math.abs(largest)) largest = f64[i]!
    if (largest < 0) ws.kernels.scal(rows, -1, 8 * start)
  }
}
