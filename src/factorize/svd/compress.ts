import { dense, emptyMatrix, wrap } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { norm2 } from '../../linalg/magnitude.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import { breath } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { denseSvdSteps } from '../../linalg/dense/svd.js'
import { leadingColumns, leadingRows, scaledRows } from '../../linalg/thin.js'

// Rows A, of which A ≈ Q·diag(s)·Vt is kept. A compression is the SVD of what was kept before and of what came since,
// cut. What is cut off is orthogonal to all that was cut off before and to what is kept, QᵀE = 0 for the error
// E = A − Q·diag(s)·Vt; so ‖E‖² is the sum of all squares that were cut off, and 0 <= σᵢ(A)² − sᵢ² <= ‖E‖₂².

/** What is kept of rows. */
export interface Compressed {
  /** Lengths of the kept directions, descending. */
  readonly s: Float64Array
  /** k × d, orthonormal rows. */
  readonly Vt: Matrix
  /** How Q is made, where that is remembered. */
  readonly left: Left | undefined
  /** ‖E‖_F */
  readonly lost: number
  /** At least ‖E‖₂: the root of the sum of the squares of the first value of each cut. */
  readonly lostMost: number
  /** ‖A‖_F */
  readonly norm: number
}

/** Q as a tree: U times the Qs of the parts below each other; a number is so many rows that came as they were. */
interface Left {
  readonly U: Matrix
  readonly parts: readonly (number | Left)[]
}

/** What is kept of no rows. */
export const nothing = (d: number): Compressed => ({
  s: new Float64Array(0),
  Vt: emptyMatrix(0, d),
  left: undefined,
  lost: 0,
  lostMost: 0,
  norm: 0,
})

/** Parts below each other, rows of d numbers or what is kept of others, as `keep` directions. */
export function* compressSteps(
  given: readonly (Matrix | Compressed)[],
  d: number,
  keep: number,
  withLeft: boolean,
): Steps<Compressed> {
  const parts = given.filter((part) => heightOf(part) > 0)
  const kept = parts.filter(isCompressed)
  if (parts.length === 0) return nothing(d)
  const stack = stackOf(parts, d)
  const { U, s, Vt } = yield* denseSvdSteps(dense(stack), 'thin')
  const k = Math.min(keep, s.length)
  const left = {
    U: leadingColumns(U, k),
    parts: parts.map((part) => (isCompressed(part) ? part.left! : heightOf(part))),
  }
  return {
    s: s.slice(0, k),
    Vt: leadingRows(Vt, k),
    left: withLeft ? left : undefined,
    lost: Math.hypot(norm2(s.subarray(k)), ...kept.map(({ lost }) => lost)),
    lostMost: Math.hypot(s[k] ?? 0, ...kept.map(({ lostMost }) => lostMost)),
    norm: Math.hypot(...parts.map((part) => (isCompressed(part) ? part.norm : norm2(part.data)))),
  }
}

/** All parts below each other. */
export function stackOf(parts: readonly (Matrix | Compressed)[], d: number): Matrix {
  const p = parts.reduce((sum, part) => sum + heightOf(part), 0)
  const stack = new Float64Array(p * d)
  let at = 0
  for (const part of parts) {
    stack.set(isCompressed(part) ? scaledRows(part.Vt, part.s).data : part.data, at)
    at += heightOf(part) * d
  }
  return wrap(stack, p, d)
}

const isCompressed = (part: Matrix | Compressed): part is Compressed => 'Vt' in part

const heightOf = (part: Matrix | Compressed): number => (isCompressed(part) ? part.s.length : part.shape[0]!)

/** Q itself, m × k. */
export function* leftSteps(root: Left, m: number): Steps<Matrix> {
  const k = root.U.shape[1]!
  const Q = new Float64Array(m * k)
  let end = Q.length
  // Last rows first, so that of a long chain no more than one link waits here.
  const waiting: { of: number | Left; rows: Matrix | undefined }[] = [{ of: root, rows: undefined }]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { of, rows } = next
    if (typeof of === 'number') {
      end -= of * k
      Q.set(rows!.data, end)
      continue
    }
    const UW = rows === undefined ? of.U : ((yield* multiplySteps(dense(of.U), dense(rows))) as Matrix)
    let at = 0
    for (const part of of.parts) {
      const height = typeof part === 'number' ? part : part.U.shape[1]!
      waiting.push({ of: part, rows: wrap(UW.data.subarray(at, at + height * k), height, k) })
      at += height * k
    }
    yield* breath()
  }
  return wrap(Q, m, k)
}
