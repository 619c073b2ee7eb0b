import { dense, flip, wrap, zeros } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { window } from '../../linalg/dense/blocks.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import { precisionOf } from '../../linalg/operators.js'
import type { AnyOperator } from '../../linalg/operators.js'
import { columnsOf } from '../../linalg/products.js'
import { STREAM, uniformBlock } from '../../linalg/random.js'
import { breath, report } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { beside, leadingColumns } from '../../linalg/thin.js'
import { drawSteps } from '../../sketch/samplerows.js'
import { divideRowsSteps, gathered, refuseIndefinite, rowsAmong, slack, symmetrize } from './psd.js'

/** What pivoted partial Cholesky has reached: Â = F·Fᵀ. */
export interface PartialCholesky {
  readonly F: Matrix
  /** The pivots, in the order in which they were taken. */
  readonly pivots: Int32Array
  /** trace(A − F·Fᵀ) */
  readonly outside: number
  /** Columns of A that were read. */
  readonly read: number
  /** Calls for columns. */
  readonly calls: number
}

/** Columns that a tolerance begins with. */
export const FIRST = 32
/** A residual diagonal below this many units of rounding of its entry is rounding. */
const ROUNDING = 64

/**
 * Randomly pivoted Cholesky (Chen, Epperly, Tropp and Webber 2022) of up to `width` pivots, each drawn with the
 * probability of its share of the residual's trace, or until that trace is at most `tolerance`.
 *
 * By blocks with rejection (Epperly, Tropp and Webber 2024, "Embrace rejection"): the pivots of a
 * block are proposed by the diagonal of the last one, and each is taken with the probability that what is left
 * of its entry bears to what was proposed, so that their law is that of pivots drawn one by one. Departure:
 * whole columns of all proposals are read, where the paper reads their common block first.
 */
export function* rpCholeskySteps(
  fn: string,
  A: AnyOperator,
  diagonal: Float64Array,
  width: number,
  tolerance: number | undefined,
  seed: number,
): Steps<PartialCholesky> {
  const n = A.shape[0]
  const precision = precisionOf(A)
  const largest = diagonal.reduce((size, x) => Math.max(size, x), 0)
  const enough = Math.max(tolerance ?? 0, ROUNDING * precision * total(diagonal))
  const d = diagonal.slice()
  // Without a tolerance all of the width will be used.
  let F = zeros([n, tolerance === undefined ? width : Math.min(width, FIRST)])
  const pivots: number[] = []
  let [read, calls] = [0, 0]
  while (pivots.length < width && total(d) > enough) {
    const k = pivots.length
    if (k === F.shape[1]) F = beside([F, zeros([n, Math.min(k, width - k)])], n)
    const block = Math.max(4, Math.min(64, Math.ceil(F.shape[1]! / 8)))
    yield* report(fn, 'pivots', k, width)
    const { draws } = yield* drawSteps(d, block, seed, STREAM.nystromPivots, 2 * calls)
    const proposed = Int32Array.from(new Set(draws))
    const C = yield* columnsOf(A, proposed)
    read += proposed.length
    const H = rowsAmong(C, proposed)
    symmetrize(H, largest, fn, precision)
    const FS = gathered(F, k, proposed)
    const known = yield* multiplySteps(dense(FS), flip(dense(FS)))
    for (let e = 0; e < H.data.length; e++) H.data[e]! -= known.data[e]!
    const u = uniformBlock({
      seed,
      stream: STREAM.nystromPivots,
      i0: 0,
      i1: block,
      j0: 2 * calls + 1,
      j1: 2 * calls + 2,
    })
    const places = Int32Array.from(draws, (s) => proposed.indexOf(s))
    const { taken, L } = embrace(H, places, u, F.shape[1]! - k, (p) => d[proposed[p]!]!)
    calls++
    checkMinors(H, fn, slack(precision) * largest)

    const G = picked(C, taken)
    const FT = gathered(FS, k, taken)
    const shadow = yield* multiplySteps(window(dense(F), 0, n, 0, k), flip(dense(FT)))
    for (let e = 0; e < G.data.length; e++) G.data[e]! -= shadow.data[e]!
    yield* breath()
    yield* divideRowsSteps(G, L)
    yield* storeSteps(G, F, k, d)
    for (const p of taken) {
      pivots.push(proposed[p]!)
      d[proposed[p]!] = 0
    }
    for (let i = 0; i < n; i++) {
      if (d[i]! < -slack(precision) * largest) {
        refuseIndefinite(fn, `${d[i]} on the diagonal at [${i}] after ${pivots.length} pivots`, i)
      }
      if (d[i]! <= ROUNDING * precision * diagonal[i]!) d[i] = 0
    }
    yield* breath()
  }
  yield* report(fn, 'pivots', width, width)
  return {
    F: pivots.length === F.shape[1] ? F : leadingColumns(F, pivots.length),
    pivots: Int32Array.from(pivots),
    outside: total(d),
    read,
    calls,
  }
}

export const total = (d: Float64Array): number => d.reduce((sum, x) => sum + x, 0)

/**
 * Runs through the proposals, H being the residual among them: one is taken where its uniform number, times the
 * diagonal entry that it was proposed with, is below what is left of it. L is the Cholesky factor of the taken.
 */
function embrace(
  H: Matrix,
  places: Int32Array,
  u: Float64Array,
  most: number,
  proposedWith: (place: number) => number,
): { taken: Int32Array; L: Matrix } {
  const m = H.shape[0]!
  const h = H.data
  const taken: number[] = []
  const columns: Float64Array[] = []
  places.forEach((p, t) => {
    const left = h[p * (m + 1)]!
    if (taken.length === most || taken.includes(p) || !(left > u[t]! * proposedWith(p))) return
    const column = Float64Array.from({ length: m }, (_, i) => h[i * m + p]! / Math.sqrt(left))
    for (let i = 0; i < m; i++) for (let j = 0; j < m; j++) h[i * m + j]! -= column[i]! * column[j]!
    taken.push(p)
    columns.push(column)
  })
  const L = wrap(new Float64Array(taken.length ** 2), taken.length, taken.length)
  taken.forEach((p, i) => {
    for (let j = 0; j <= i; j++) L.data[i * taken.length + j] = columns[j]![p]!
  })
  return { taken: Int32Array.from(taken), L }
}

/** Refuses a residual with |hᵢⱼ|² > hᵢᵢ·hⱼⱼ, which no semidefinite matrix has. */
function checkMinors({ data, shape }: Matrix, fn: string, room: number): void {
  const m = shape[0]!
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < i; j++) {
      const geometric =
        Math.sqrt(Math.max(0, data[i * (m + 1)]!)) * Math.sqrt(Math.max(0, data[j * (m + 1)]!))
      const off = Math.abs(data[i * m + j]!)
      if (off > geometric + room)
        refuseIndefinite(fn, `${off} beside ${geometric} in a minor of what is left`, 0)
    }
  }
}

/** The columns at `places`. */
function picked({ data, shape }: Matrix, places: Int32Array): Matrix {
  const [n = 0, cols = 0] = shape
  const out = new Float64Array(n * places.length)
  for (let i = 0, o = 0; i < n; i++) {
    for (let t = 0; t < places.length; t++) out[o++] = data[i * cols + places[t]!]!
  }
  return wrap(out, n, places.length)
}

/** Rows between two breaths. */
const STRIPE = 4096

/** Columns [k, …) of F, and the squares of their rows off d. */
function* storeSteps(G: Matrix, F: Matrix, k: number, d: Float64Array): Steps<void> {
  const [n = 0, b = 0] = G.shape
  const width = F.shape[1]!
  for (let i = 0, from = 0; i < n; i++) {
    for (let t = 0, to = i * width + k; t < b; t++, from++, to++) {
      const f = G.data[from]!
      F.data[to] = f
      d[i]! -= f * f
    }
    if (i % STRIPE === 0) yield* breath()
  }
}
