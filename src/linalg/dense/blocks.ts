import { flip } from '../arrays.js'
import type { Dense } from '../arrays.js'
import type { Workspace } from '../wasm/workspace.js'

// Strided host arrays pass through a workspace in blocks: a block is copied in, multiplied there, and the
// result is copied out, so that a large operand never lives twice.

/** Numbers of a block that is copied in: 2 MiB of float64, which stay in cache until they are used. */
export const BLOCK = 2 ** 18
/** Multiplications between two breaths: two or three milliseconds. */
export const STRETCH = 2e7
/** An operand of at most so many numbers is copied in whole where its blocks are needed again. */
export const WHOLE = 2 ** 20

/** A matrix in a workspace: entry (i, j) at byte `at + size·(i·rs + j·cs)`. */
export interface Staged {
  readonly at: number
  readonly rs: number
  readonly cs: number
}

/** Rows [i, i + rows), columns [j, j + cols). */
export function window(A: Dense, i: number, rows: number, j: number, cols: number): Dense {
  return { data: A.data, offset: A.offset + i * A.rs + j * A.cs, rows, cols, rs: A.rs, cs: A.cs }
}

/** True where A is nearer to row-major than to column-major. */
const byRows = (A: Dense): boolean => A.cols <= 1 || (A.rows > 1 && Math.abs(A.cs) <= Math.abs(A.rs))

/** The size of blocks that cut n into equal parts of at most `most`. */
export function evenly(n: number, most: number): number {
  return Math.max(1, Math.ceil(n / Math.ceil(n / most)))
}

/** Block sizes for a sweep over A that multiplies each block by `width` vectors. */
export function blockShape(A: Dense, width: number): { rows: number; cols: number } {
  const rowMajor = byRows(A)
  const [length, lines] = rowMajor ? [A.cols, A.rows] : [A.rows, A.cols]
  // Whole lines where they are short enough: they are often one piece of memory.
  const room = Math.max(2 ** 14, Math.min(BLOCK, Math.floor(STRETCH / Math.max(1, width))))
  const along = length <= room / 128 ? Math.max(1, length) : evenly(length, Math.max(256, room / 256))
  const across = Math.min(Math.max(1, lines), Math.floor(room / along))
  return rowMajor ? { rows: across, cols: along } : { rows: along, cols: across }
}

/** Copies a view into the workspace, in the order in which it lies; `f64` or `f32` is where to. */
export function stage(A: Dense, to: Float64Array | Float32Array, at: number): Staged {
  if (!byRows(A)) {
    const { rs, cs } = stage(flip(A), to, at)
    return { at, rs: cs, cs: rs }
  }
  const { data, offset, rows, cols, rs, cs } = A
  let o = at / to.BYTES_PER_ELEMENT
  if (cs === 1 && (rs === cols || rows === 1)) {
    to.set(data.subarray(offset, offset + rows * cols), o)
  } else if (cs === 1 && cols >= 32) {
    for (let i = 0, a = offset; i < rows; i++, a += rs, o += cols) to.set(data.subarray(a, a + cols), o)
  } else {
    for (let i = 0; i < rows; i++) {
      for (let j = 0, a = offset + i * rs; j < cols; j++, a += cs) to[o++] = data[a]!
    }
  }
  return { at, rs: cols, cs: 1 }
}

/** Where a result of this shape is to be made, so that `unstage` runs along memory. */
export function room(C: Dense, at: number): Staged {
  return byRows(C) ? { at, rs: C.cols, cs: 1 } : { at, rs: 1, cs: C.rows }
}

/** Copies what was made at `room(C, at)` out into C. */
export function unstage(from: Float64Array | Float32Array, at: number, C: Dense): void {
  if (!byRows(C)) return unstage(from, at, flip(C))
  const { data, offset, rows, cols, rs, cs } = C
  let o = at / from.BYTES_PER_ELEMENT
  if (cs === 1 && (rs === cols || rows === 1)) {
    data.set(from.subarray(o, o + rows * cols), offset)
  } else if (cs === 1 && cols >= 32) {
    for (let i = 0, c = offset; i < rows; i++, c += rs, o += cols) data.set(from.subarray(o, o + cols), c)
  } else {
    for (let i = 0; i < rows; i++) {
      for (let j = 0, c = offset + i * rs; j < cols; j++, c += cs) data[c] = from[o++]!
    }
  }
}

/** Hands out the blocks of one operand: copied in on request, or all at once where it is `whole`. */
export function blocksOf(
  ws: Workspace,
  A: Dense,
  rows: number,
  cols: number,
  whole: boolean,
  single: boolean,
): (i: number, rows: number, j: number, cols: number) => Staged {
  const count = whole ? A.rows * A.cols : rows * cols
  const at = single ? ws.alloc32(count) : ws.alloc64(count)
  const view = (): Float64Array | Float32Array => (single ? ws.f32 : ws.f64)
  if (!whole) return (i, rows, j, cols) => stage(window(A, i, rows, j, cols), view(), at)
  const { rs, cs } = stage(A, view(), at)
  const size = single ? 4 : 8
  return (i, _rows, j) => ({ at: at + size * (i * rs + j * cs), rs, cs })
}
