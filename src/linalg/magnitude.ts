import { flip } from './arrays.js'
import type { Dense, FloatArray } from './arrays.js'
import { breath } from './steps.js'
import type { Steps } from './steps.js'

// Sizes of strided views, safe from overflow and underflow.

/** Where a plain sum of squares has lost nothing to underflow and cannot have overflowed. */
const SAFE_LOW = 1e-290
const SAFE_HIGH = 1e290

/** ‖A‖_F of a strided view, safe from overflow and underflow; not finite where an entry is not. */
export function frobenius(A: Dense): number {
  const V = Math.abs(A.rs) < Math.abs(A.cs) ? flip(A) : A
  const plain = sumOfSquares(V, 1)
  if (plain > SAFE_LOW && plain < SAFE_HIGH) return Math.sqrt(plain)
  const largest = maxAbs(V)
  if (largest === 0 || !Number.isFinite(largest)) return largest
  // A power of two is exact, and brings the largest entry near 1.
  const e = Math.max(-1022, Math.min(1022, -Math.floor(Math.log2(largest))))
  const scale = 2 ** e
  return Math.sqrt(sumOfSquares(V, scale)) / scale
}

/** Entries read between two breaths: about a millisecond. */
const STRETCH = 2 ** 20

/** The same, with a breath between blocks of rows. */
export function* frobeniusSteps(A: Dense): Steps<number> {
  const V = Math.abs(A.rs) < Math.abs(A.cs) ? flip(A) : A
  const rows = Math.max(1, Math.floor(STRETCH / Math.max(V.cols, 1)))
  const norms: number[] = []
  for (let i = 0; i < V.rows; i += rows) {
    norms.push(frobenius({ ...V, offset: V.offset + i * V.rs, rows: Math.min(rows, V.rows - i) }))
    yield* breath()
  }
  return norms.length === 1 ? norms[0]! : norm2(Float64Array.from(norms))
}

/** ‖x‖₂ of a vector. */
export function norm2(x: Float64Array): number {
  return frobenius({ data: x, offset: 0, rows: 1, cols: x.length, rs: x.length, cs: 1 })
}

/** Several sums per row and one per matrix: the error grows like the square root of the row, not of the whole. */
function sumOfSquares(A: Dense, scale: number): number {
  const { data, rows, cols, rs, cs } = A
  let total = 0
  if (cs === 1 && scale === 1) {
    for (let i = 0; i < rows; i++) total += squares(data, A.offset + i * rs, cols)
    return total
  }
  for (let i = 0; i < rows; i++) {
    let a = A.offset + i * rs
    let s0 = 0
    let s1 = 0
    let s2 = 0
    let s3 = 0
    let j = 0
    for (; j + 3 < cols; j += 4, a += 4 * cs) {
      const x0 = scale * data[a]!
      const x1 = scale * data[a + cs]!
      const x2 = scale * data[a + 2 * cs]!
      const x3 = scale * data[a + 3 * cs]!
      s0 += x0 * x0
      s1 += x1 * x1
      s2 += x2 * x2
      s3 += x3 * x3
    }
    for (; j < cols; j++, a += cs) s0 += (scale * data[a]!) ** 2
    total += s0 + s1 + (s2 + s3)
  }
  return total
}

/** The sum of the squares of neighbours: nearly as fast as memory. */
function squares(data: FloatArray, from: number, count: number): number {
  let s0 = 0
  let s1 = 0
  let s2 = 0
  let s3 = 0
  let s4 = 0
  let s5 = 0
  let s6 = 0
  let s7 = 0
  let a = from
  const end = from + count
  for (; a < end - 7; a += 8) {
    const x0 = data[a]!
    const x1 = data[a + 1]!
    const x2 = data[a + 2]!
    const x3 = data[a + 3]!
    const x4 = data[a + 4]!
    const x5 = data[a + 5]!
    const x6 = data[a + 6]!
    const x7 = data[a + 7]!
    s0 += x0 * x0
    s1 += x1 * x1
    s2 += x2 * x2
    s3 += x3 * x3
    s4 += x4 * x4
    s5 += x5 * x5
    s6 += x6 * x6
    s7 += x7 * x7
  }
  for (; a < end; a++) s0 += data[a]! ** 2
  return s0 + s1 + (s2 + s3) + (s4 + s5 + (s6 + s7))
}

/** max |aᵢⱼ|; NaN where an entry is NaN. */
export function maxAbs(A: Dense): number {
  const { data, rows, cols, rs, cs } = A
  let largest = 0
  for (let i = 0; i < rows; i++) {
    for (let j = 0, a = A.offset + i * rs; j < cols; j++, a += cs) {
      const x = Math.abs(data[a]!)
      if (!(x <= largest)) largest = x
      if (x !== x) return NaN
    }
  }
  return largest
}

/** ‖A[:, j]‖₂ of each column, safe from overflow and underflow. */
export function normsOfColumns(A: Dense): Float64Array {
  const { data, offset, rows, cols, rs, cs } = A
  const sums = new Float64Array(cols)
  for (let i = 0; i < rows; i++) {
    for (let j = 0, a = offset + i * rs; j < cols; j++, a += cs) sums[j]! += data[a]! * data[a]!
  }
  return sums.map((sum, j) =>
    sum > SAFE_LOW && sum < SAFE_HIGH
      ? Math.sqrt(sum)
      : frobenius({ data, offset: offset + j * cs, rows: 1, cols: rows, rs: 1, cs: rs }),
  )
}
