import { dense, wrap } from './arrays.js'
import type { Matrix } from './arrays.js'

// Fresh copies made from thin contiguous row-major matrices, such as sketches and factors, and their signs.

/** Columns [j0, j1). */
export function columnRange(A: Matrix, j0: number, j1: number): Matrix {
  const [rows = 0, cols = 0] = A.shape
  const width = j1 - j0
  const out = new Float64Array(rows * width)
  for (let i = 0; i < rows; i++) out.set(A.data.subarray(i * cols + j0, i * cols + j1), i * width)
  return wrap(out, rows, width)
}

/** The first k columns. */
export const leadingColumns = (A: Matrix, k: number): Matrix => columnRange(A, 0, k)

/** The first k rows. */
export function leadingRows(A: Matrix, k: number): Matrix {
  const cols = A.shape[1]!
  return wrap(A.data.slice(0, k * cols), k, cols)
}

/** The columns J of a matrix of any strides. */
export function pickedColumns(A: Matrix, J: Int32Array): Matrix {
  const { data, offset, rows, rs, cs } = dense(A)
  const out = new Float64Array(rows * J.length)
  for (let i = 0, o = 0; i < rows; i++) {
    for (let t = 0; t < J.length; t++, o++) out[o] = data[offset + i * rs + J[t]! * cs]!
  }
  return wrap(out, rows, J.length)
}

/** The rows I of a matrix of any strides. */
export function pickedRows(A: Matrix, I: Int32Array): Matrix {
  const { data, offset, cols, rs, cs } = dense(A)
  const out = new Float64Array(I.length * cols)
  for (let t = 0, o = 0; t < I.length; t++) {
    for (let j = 0; j < cols; j++, o++) out[o] = data[offset + I[t]! * rs + j * cs]!
  }
  return wrap(out, I.length, cols)
}

/** Blocks of `rows` rows side by side. */
export function beside(blocks: readonly Matrix[], rows: number): Matrix {
  const cols = blocks.reduce((sum, block) => sum + block.shape[1]!, 0)
  const out = new Float64Array(rows * cols)
  let at = 0
  for (const { data, shape } of blocks) {
    const k = shape[1]!
    for (let i = 0; i < rows; i++) out.set(data.subarray(i * k, i * k + k), i * cols + at)
    at += k
  }
  return wrap(out, rows, cols)
}

/** diag(d)·A */
export function scaledRows(A: Matrix, d: Float64Array): Matrix {
  const [rows = 0, cols = 0] = A.shape
  const out = new Float64Array(rows * cols)
  for (let i = 0, o = 0; i < rows; i++) for (let j = 0; j < cols; j++, o++) out[o] = d[i]! * A.data[o]!
  return wrap(out, rows, cols)
}

/** A·diag(d) */
export function scaledColumns(A: Matrix, d: Float64Array): Matrix {
  const [rows = 0, cols = 0] = A.shape
  const out = new Float64Array(rows * cols)
  for (let i = 0, o = 0; i < rows; i++) for (let j = 0; j < cols; j++, o++) out[o] = d[j]! * A.data[o]!
  return wrap(out, rows, cols)
}

/** Aᵀ */
export function transposed(A: Matrix): Matrix {
  const [rows = 0, cols = 0] = A.shape
  const out = new Float64Array(rows * cols)
  for (let i = 0; i < rows; i++) for (let j = 0; j < cols; j++) out[j * rows + i] = A.data[i * cols + j]!
  return wrap(out, cols, rows)
}

/**
 * Makes the entry of largest magnitude of each of the first `count` columns of U positive, in place; the rows
 * of `Vt`, where there is one, change sign with them.
 */
export function orient(U: Matrix, Vt?: Matrix, count = U.shape[1]!): void {
  const [m = 0, q = 0] = U.shape
  if (q === 0) return
  const largest = new Float64Array(count)
  for (let i = 0; i < m; i++) {
    for (let j = 0, o = i * q; j < count; j++, o++) {
      if (Math.abs(U.data[o]!) > Math.abs(largest[j]!)) largest[j] = U.data[o]!
    }
  }
  for (let i = 0; i < m; i++) for (let j = 0; j < count; j++) if (largest[j]! < 0) U.data[i * q + j]! *= -1
  const n = Vt?.shape[1] ?? 0
  for (let j = 0; j < count; j++) {
    if (largest[j]! < 0) for (let t = j * n; t < (j + 1) * n; t++) Vt!.data[t]! *= -1
  }
}
