import { allocColumns } from './stage.js'
import type { Columns } from './stage.js'
import { breath } from '../steps.js'
import type { Steps } from '../steps.js'
import type { Workspace } from '../wasm/workspace.js'

// Balancing for the nonsymmetric eigenproblem (Parlett and Reinsch 1969; LAPACK's dgebal): a permutation that
// shows which eigenvalues stand on the diagonal already, then a diagonal similarity by powers of two that
// makes the norms of each row and its column alike. Norms are 2-norms (James, Langou and Lowery 2014).

/** A[perm, perm] is upper triangular outside the rows and columns [lo, hi). */
export interface Isolated {
  readonly perm: Int32Array
  readonly lo: number
  readonly hi: number
}

/**
 * Isolates eigenvalues: an index whose row has no other entry among those left goes to the end, one whose
 * column has none to the front. Counts are kept, so that all of it costs n².
 */
export function isolate(ws: Workspace, A: Columns): Isolated {
  const n = A.cols
  const { f64 } = ws
  const entry = (i: number, j: number): boolean => f64[A.at / 8 + i + j * A.ld] !== 0
  const inRow = new Int32Array(n)
  const inColumn = new Int32Array(n)
  for (let j = 0; j < n; j++) {
    for (let i = 0; i < n; i++) {
      if (i === j || !entry(i, j)) continue
      inRow[i]!++
      inColumn[j]!++
    }
  }
  const active = new Uint8Array(n).fill(1)
  const front: number[] = []
  const back: number[] = []
  for (;;) {
    let last = n - 1
    while (last >= 0 && !(active[last] === 1 && inRow[last] === 0)) last--
    const t = last >= 0 ? last : active.findIndex((on, j) => on === 1 && inColumn[j] === 0)
    if (t < 0) break
    ;(last >= 0 ? back : front).push(t)
    active[t] = 0
    for (let i = 0; i < n; i++) {
      if (i === t) continue
      if (entry(i, t)) inRow[i]!--
      if (entry(t, i)) inColumn[i]!--
    }
  }
  const middle = [...active.keys()].filter((i) => active[i] === 1)
  return {
    perm: Int32Array.from([...front, ...middle, ...back.reverse()]),
    lo: front.length,
    hi: front.length + middle.length,
  }
}

/** A[perm, perm] as a copy. */
export function permuted(ws: Workspace, A: Columns, perm: Int32Array): Columns {
  const n = A.cols
  const B = allocColumns(ws, n, n)
  const { f64 } = ws
  for (let j = 0; j < n; j++) {
    const [from, to] = [A.at / 8 + perm[j]! * A.ld, B.at / 8 + j * n]
    for (let i = 0; i < n; i++) f64[to + i] = f64[from + perm[i]!]!
  }
  return B
}

/** Factors stay within 2^±400, so that no vector overflows or vanishes when the scaling is undone. */
const LARGEST = 2 ** 400
/** A change has to take this much off the sum of both norms. */
const GAIN = 0.95

/**
 * Scales the rows and columns [lo, hi) in place: A becomes D⁻¹·A·D. Gives the diagonal of D, or undefined where
 * nothing was to be gained.
 */
export function* scaleSteps(
  ws: Workspace,
  A: Columns,
  lo: number,
  hi: number,
): Steps<Float64Array | undefined> {
  const { at, cols: n, ld } = A
  const d = new Float64Array(n).fill(1)
  const mark = ws.mark()
  const row = ws.alloc64(n)
  const { f64, kernels } = ws
  let scaled = false
  for (let changed = true; changed;) {
    changed = false
    for (let t = lo; t < hi; t++) {
      for (let j = lo; j < hi; j++) f64[row / 8 + j - lo] = f64[at / 8 + t + j * ld]!
      const r = kernels.nrm2(hi - lo, row)
      const c = kernels.nrm2(hi - lo, at + 8 * (lo + t * ld))
      // A row is read across columns: slow enough for a breath now and then.
      if (t % 16 === 15) yield* breath()
      const f = factor(r, c, d[t]!)
      if (f === 1) continue
      d[t]! *= f
      kernels.scal(hi, f, at + 8 * t * ld)
      for (let j = lo; j < n; j++) f64[at / 8 + t + j * ld]! /= f
      changed = scaled = true
    }
  }
  ws.reset(mark)
  return scaled ? d : undefined
}

/** The power of two f for which c·f and r/f are nearest, or 1 where that gains too little. */
function factor(r: number, c: number, d: number): number {
  if (r === 0 || c === 0) return 1
  const f = 2 ** Math.round(Math.log2(r / c) / 2)
  const fits = d * f <= LARGEST && d * f >= 1 / LARGEST
  return fits && c * f + r / f < GAIN * (c + r) ? f : 1
}
