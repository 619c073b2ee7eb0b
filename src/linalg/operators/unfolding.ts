import ndarray from 'ndarray'
import { contiguous, flip } from '../arrays.js'
import type { Dense, FloatArray, Matrix, Tensor } from '../arrays.js'
import { BLOCK, STRETCH } from '../dense/blocks.js'
import type { Staged } from '../dense/blocks.js'

// The mode-n unfolding of a tensor of any strides, read where it lies. Its columns are walked in the order of
// memory, in panels that are copied into a workspace; the convention's own order is known by `columnsOf`.

/** A mode other than the unfolded one. */
interface Axis {
  readonly size: number
  readonly stride: number
  /** What one step along it adds to the column: the first mode runs fastest (Kolda and Bader 2009). */
  readonly weight: number
}

/** T₍ₙ₎, rows × cols: entry (i, c) of column c in the order of memory. */
export interface Unfolding {
  readonly data: FloatArray
  readonly offset: number
  readonly rows: number
  readonly cols: number
  /** The stride of mode n. */
  readonly rs: number
  /** The other modes, the one of longest stride first. */
  readonly axes: readonly Axis[]
  /** Columns that lie `runStride` apart, so many in a row. */
  readonly run: number
  readonly runStride: number
}

/** Modes in the order of memory: the one of longest stride first. */
export const memoryOrder = (stride: readonly number[]): number[] =>
  Array.from(stride.keys()).sort((a, b) => Math.abs(stride[b]!) - Math.abs(stride[a]!) || a - b)

/** The view of T as its mode-n unfolding. */
export function unfoldingOf(T: Tensor<FloatArray>, n: number): Unfolding {
  const { shape, stride } = T
  const weights = columnWeights(shape, n)
  const axes = memoryOrder(stride)
    .filter((k) => k !== n)
    .map((k) => ({ size: shape[k]!, stride: stride[k]!, weight: weights[k]! }))
  let run = 1
  let runStride = 1
  // Modes that continue each other in memory make one run.
  for (const { size, stride } of axes.filter(({ size }) => size > 1).reverse()) {
    if (run > 1 && stride !== run * runStride) break
    if (run === 1) runStride = stride
    run *= size
  }
  const cols = axes.reduce((product, { size }) => product * size, 1)
  return { data: T.data, offset: T.offset, rows: shape[n]!, cols, rs: stride[n]!, axes, run, runStride }
}

/** What one step along each mode adds to the column of the mode-n unfolding; 0 for mode n itself. */
export function columnWeights(shape: readonly number[], n: number): number[] {
  let weight = 1
  return shape.map((size, k) => {
    if (k === n) return 0
    const own = weight
    weight *= size
    return own
  })
}

/** Rows [i0, i1). */
export function rowsOfUnfolding(U: Unfolding, i0: number, i1: number): Unfolding {
  return { ...U, offset: U.offset + i0 * U.rs, rows: i1 - i0 }
}

/** The columns [c0, c1) of memory's order in the order of the convention. */
export function columnsOf(
  { axes }: { readonly axes: readonly Pick<Axis, 'size' | 'weight'>[] },
  c0: number,
  c1: number,
): Int32Array {
  const out = new Int32Array(c1 - c0)
  const digits = axes.map(() => 0)
  let column = 0
  for (let d = axes.length - 1, rest = c0; d >= 0; d--) {
    const { size, weight } = axes[d]!
    digits[d] = rest % size
    column += digits[d]! * weight
    rest = Math.floor(rest / size)
  }
  for (let t = 0; t < out.length; t++) {
    out[t] = column
    for (let d = axes.length - 1; d >= 0; d--) {
      const { size, weight } = axes[d]!
      column += weight
      if (++digits[d]! < size) break
      column -= size * weight
      digits[d] = 0
    }
  }
  return out
}

/** Rows of a panel: more are taken in several. */
const TALL = 2 ** 13

/** Sizes of the panels of a sweep that multiplies each entry by `width` numbers. */
export function panelShape({ rows, cols }: Unfolding, width: number): { rows: number; cols: number } {
  const room = Math.max(2 ** 14, Math.min(BLOCK, Math.floor(STRETCH / Math.max(1, width))))
  const tall = Math.min(rows, TALL)
  return { rows: tall, cols: Math.max(1, Math.min(cols, Math.floor(room / tall))) }
}

/** Where a panel of w columns is to lie so that copying runs along memory. */
export function panelAt({ rows, rs, runStride }: Unfolding, w: number, at: number): Staged {
  return rows > 1 && Math.abs(rs) < Math.abs(runStride) ? { at, rs: 1, cs: rows } : { at, rs: w, cs: 1 }
}

/** Copies columns [c0, c1) into a workspace. */
export function stagePanel(U: Unfolding, c0: number, c1: number, to: Float64Array, at: number): Staged {
  const panel = panelAt(U, c1 - c0, at)
  for (const { view, first } of runsOf(U, c0, c1)) copyIn(view, to, at / 8 + first * panel.cs, panel)
  return panel
}

/** Copies what was made at `panelAt` out into columns [c0, c1). */
export function unstagePanel(U: Unfolding, c0: number, c1: number, from: Float64Array, at: number): void {
  const panel = panelAt(U, c1 - c0, at)
  for (const { view, first } of runsOf(U, c0, c1)) copyOut(from, at / 8 + first * panel.cs, panel, view)
}

/** The entries, rows × cols, columns in the order of memory. */
export function unfoldedMatrix(U: Unfolding): Matrix {
  const { rows, cols } = U
  const out = new Float64Array(rows * cols)
  const { rs, cs } = stagePanel(U, 0, cols, out, 0)
  return contiguous(ndarray(out, [rows, cols], [rs, cs]))
}

/** The pieces of columns [c0, c1) that are matrices; `first` counts from c0. */
function* runsOf(U: Unfolding, c0: number, c1: number): Generator<{ view: Dense; first: number }> {
  const { run } = U
  for (let c = c0; c < c1;) {
    const within = c % run
    const cols = Math.min(run - within, c1 - c)
    yield { view: runView(U, (c - within) / run, within, cols), first: c - c0 }
    c += cols
  }
}

/** Columns [c, c + cols) of run number r: one matrix. */
export function runView(U: Unfolding, r: number, c: number, cols: number): Dense {
  const { data, rows, rs, runStride: cs } = U
  return { data, offset: runOffset(U, r) + c * cs, rows, cols, rs, cs }
}

/** Where run number r begins. */
function runOffset({ offset, axes, run }: Unfolding, r: number): number {
  let rest = r * run
  let at = offset
  for (let d = axes.length - 1; d >= 0 && rest > 0; d--) {
    const { size, stride } = axes[d]!
    at += (rest % size) * stride
    rest = Math.floor(rest / size)
  }
  return at
}

function copyIn(
  A: Dense,
  to: Float64Array,
  at: number,
  { rs: ld, cs: step }: Pick<Staged, 'rs' | 'cs'>,
): void {
  if (step !== 1) return copyIn(flip(A), to, at, { rs: step, cs: ld })
  const { data, offset, rows, cols, rs, cs } = A
  if (cs === 1 && rs === cols && ld === cols) {
    to.set(data.subarray(offset, offset + rows * cols), at)
  } else if (cs === 1 && cols >= 32) {
    for (let i = 0, a = offset, o = at; i < rows; i++, a += rs, o += ld) to.set(data.subarray(a, a + cols), o)
  } else {
    for (let i = 0; i < rows; i++) {
      for (let j = 0, a = offset + i * rs, o = at + i * ld; j < cols; j++, a += cs) to[o++] = data[a]!
    }
  }
}

function copyOut(
  from: Float64Array,
  at: number,
  { rs: ld, cs: step }: Pick<Staged, 'rs' | 'cs'>,
  A: Dense,
): void {
  if (step !== 1) return copyOut(from, at, { rs: step, cs: ld }, flip(A))
  const { data, offset, rows, cols, rs, cs } = A
  if (cs === 1 && rs === cols && ld === cols) {
    data.set(from.subarray(at, at + rows * cols), offset)
  } else if (cs === 1 && cols >= 32) {
    for (let i = 0, a = offset, o = at; i < rows; i++, a += rs, o += ld)
      data.set(from.subarray(o, o + cols), a)
  } else {
    for (let i = 0; i < rows; i++) {
      for (let j = 0, a = offset + i * rs, o = at + i * ld; j < cols; j++, a += cs) data[a] = from[o++]!
    }
  }
}
