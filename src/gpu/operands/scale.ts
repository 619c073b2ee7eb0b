import type { Dense, FloatArray, Matrix } from '../../linalg/arrays.js'
import type { Rows } from './sweep.js'

// A device computes in float32: 24 bits, and nothing beyond 2^±127. Operands that are not of an ordinary size are therefore
// handed over times a power of two that brings them near 1, and results are multiplied back in float64. Powers of two
// lose no bit, no sum of such products overflows, and what is flushed to zero was 2^-110 of the whole or less.

/** e with max·2^-e in [1/2, 2); 0 for 0. */
export function exponent(max: number): number {
  return max > 0 ? Math.floor(Math.log2(max)) : 0
}

/** What is of an ordinary size is not scaled at all: crossing then is a plain conversion. */
const ORDINARY = 16

/** The exponent to scale what is of this size by. */
export function scaleOf(size: number): number {
  const e = exponent(size)
  return Math.abs(e) <= ORDINARY ? 0 : e
}

/** 2^e as two factors, each a finite number where 2^e is none. Beyond ±2044 float32·2^e is ∞ or 0 anyway. */
export function factors(e: number): readonly [number, number] {
  const near = Math.max(-2044, Math.min(2044, e))
  const half = Math.trunc(near / 2)
  return [2 ** half, 2 ** (near - half)]
}

/** Writes a block of A times 2^-e into `out`, whose rows are `stride` long. */
export function packBlock(
  A: Dense,
  rows: { readonly start: number; readonly count: number },
  cols: { readonly start: number; readonly count: number },
  e: number,
  out: Float32Array,
  stride: number,
): void {
  const { data, cs } = A
  if (e === 0 && cs === 1) {
    for (let i = 0; i < rows.count; i++) {
      const a = A.offset + (rows.start + i) * A.rs + cols.start
      out.set(data.subarray(a, a + cols.count), i * stride)
    }
    return
  }
  const [f, g] = factors(-e)
  for (let i = 0; i < rows.count; i++) {
    let a = A.offset + (rows.start + i) * A.rs + cols.start * cs
    const o = i * stride
    for (let j = 0; j < cols.count; j++, a += cs) out[o + j] = data[a]! * f * g
  }
}

/** The exponent of each of the columns j0 … j0+width of a contiguous matrix. */
export function columnExponents(X: Matrix<FloatArray>, j0: number, width: number): Int32Array {
  const [rows = 0, cols = 0] = X.shape
  const max = new Float64Array(width)
  for (let i = 0; i < rows; i++) {
    for (let j = 0, a = i * cols + j0; j < width; j++, a++) {
      const x = Math.abs(X.data[a]!)
      if (x > max[j]!) max[j] = x
    }
  }
  return Int32Array.from(max, scaleOf)
}

/** Some rows of the columns j0 … of X, column j times 2^-e[j], in rows of `stride`. */
export function packColumns(
  X: Matrix<FloatArray>,
  rows: Rows,
  j0: number,
  e: Int32Array,
  out: Float32Array,
  stride: number,
): void {
  const cols = X.shape[1]!
  const { f, g } = columnFactors(e, -1, 0)
  const [listed, start, count] = spread(rows)
  if (!listed && stride === cols && e.length === cols && e.every((value) => value === 0)) {
    out.set(X.data.subarray(start * cols, (start + count) * cols))
    return
  }
  for (let i = 0; i < count; i++) {
    const o = i * stride
    const row = listed ? listed[i]! : start + i
    for (let j = 0, a = row * cols + j0; j < e.length; j++, a++) {
      out[o + j] = X.data[a]! * f[j]! * g[j]!
    }
  }
}

/**
 * Adds rows of what the device answered, column j times 2^(e[j] + shift), to the rows `to` and columns j0 … of `out`.
 * False where a number was not finite.
 */
export function addScaled(
  answer: FloatArray,
  stride: number,
  to: Rows,
  e: Int32Array,
  shift: number,
  out: Matrix,
  j0: number,
): boolean {
  const cols = out.shape[1]!
  const { f, g } = columnFactors(e, 1, shift)
  const plain = shift === 0 && e.every((value) => value === 0)
  const [listed, start, count] = spread(to)
  let zero = 0
  for (let i = 0; i < count; i++) {
    const o = i * stride
    const row = listed ? listed[i]! : start + i
    for (let j = 0, a = row * cols + j0; j < e.length; j++, a++) {
      const x = plain ? answer[o + j]! : answer[o + j]! * f[j]! * g[j]!
      zero += 0 * x
      out.data[a]! += x
    }
  }
  return zero === 0
}

const spread = (rows: Rows): [Int32Array | undefined, number, number] =>
  'count' in rows ? [undefined, rows.start, rows.count] : [rows, 0, rows.length]

function columnFactors(e: Int32Array, sign: 1 | -1, shift: number): { f: Float64Array; g: Float64Array } {
  const f = new Float64Array(e.length)
  const g = new Float64Array(e.length)
  e.forEach((value, j) => ([f[j], g[j]] = factors(sign * value + shift) as [number, number]))
  return { f, g }
}
