import { ConvergenceError } from '../errors.js'
import type { Columns } from './stage.js'
import { standardize } from './standardblock.js'
import { breath } from '../steps.js'
import type { Steps } from '../steps.js'
import type { Workspace } from '../wasm/workspace.js'

// The QR algorithm on a real Hessenberg matrix: Francis' implicit double shift, as in LAPACK's dlahqr
// (deflation by Ahues and Tisseur 1997, exceptional shifts every tenth time), with the chase of each bulge
// cut into windows (see wasm/assembly/chase.ts).

const EPS = 2 ** -52
/** What is smaller than this is zero: the largest entry of the matrix is near 1. */
const TINY = 2 ** -960
/** Columns per window of a chase. */
const CHUNK = 32
/** Sweeps per eigenvalue, on average, before giving up; three are many. */
const MAX_SWEEPS = 30

export interface Eigenvalues {
  readonly re: Float64Array
  readonly im: Float64Array
}

/** Where the Schur form is wanted, all of H is brought up to date, and Q with it where it is given. */
export interface SchurOptions {
  readonly Q?: Columns | undefined
  readonly lo: number
  readonly hi: number
  readonly maxSweeps?: number | undefined
  readonly chunk?: number | undefined
}

/**
 * Makes the upper Hessenberg H quasi-triangular in place, by similarity of its rows and columns [lo, hi);
 * Q is multiplied by the same from the right. Blocks of order 2 have equal diagonal entries and a pair of
 * conjugate eigenvalues, the one with the positive imaginary part first. Without Q only the eigenvalues and
 * the diagonal blocks are right.
 */
export function* schurSteps(ws: Workspace, H: Columns, options: SchurOptions): Steps<Eigenvalues> {
  const { Q, lo, hi, maxSweeps = MAX_SWEEPS, chunk = CHUNK } = options
  const n = H.cols
  const mark = ws.mark()
  const v = ws.alloc64(3)
  const refl = ws.alloc64(3 * chunk)
  const { f64, kernels } = ws
  const h = H.at / 8
  const at = (i: number, j: number): number => h + i + j * H.ld
  const re = Float64Array.from({ length: n }, (_, i) => f64[at(i, i)]!)
  const im = new Float64Array(n)

  let budget = maxSweeps * Math.max(10, hi - lo)
  for (let last = hi - 1; last >= lo;) {
    // Rows and columns top … last are the active block; it shrinks from below, and splits from above.
    let top = lo
    for (let stalled = 1; ; stalled++) {
      top = splitAt(f64, h, H.ld, top, last, lo, hi)
      if (top > lo) f64[at(top, top - 1)] = 0
      if (top >= last - 1) break
      if (budget-- === 0) throw failure(re, im, last, f64[at(last, last - 1)]!, maxSweeps * (hi - lo))

      const start = startOfSweep(f64, h, H.ld, top, last, stalled, v / 8)
      const [i1, i2] = Q ? [0, n - 1] : [top, last]
      for (let k0 = start; k0 < last; k0 += chunk) {
        const k1 = Math.min(last, k0 + chunk)
        kernels.chase(H.at, H.ld, start, k0, k1, last, v, refl)
        // Two small subdiagonal entries in a row let the sweep start below the top of the block.
        if (k0 === start && start > top) f64[at(start, start - 1)]! *= 1 - f64[refl / 8]!
        const tail = k1 === last ? 1 : 0
        const steps = k1 - k0 - tail
        const right = Math.min(k1 + 2, last + 1)
        kernels.reflectLeft(steps, tail, refl, i2 + 1 - right, 8 * at(k0, right), H.ld)
        kernels.reflectRight(steps, tail, refl, k0 - i1, 8 * at(i1, k0), H.ld)
        if (Q) kernels.reflectRight(steps, tail, refl, hi - lo, Q.at + 8 * (lo + k0 * Q.ld), Q.ld)
        yield* breath()
      }
    }
    if (top === last) {
      re[last] = f64[at(last, last)]!
    } else {
      splitPair(ws, H, Q, last, re, im)
    }
    last = top - 1
  }
  ws.reset(mark)
  return { re, im }
}

function failure(
  re: Float64Array,
  im: Float64Array,
  last: number,
  residual: number,
  iterations: number,
): ConvergenceError<Eigenvalues> {
  return new ConvergenceError({
    fn: 'eig',
    argument: 'A',
    expected: `convergence within ${iterations} sweeps`,
    given: `${re.length - last - 1} of ${re.length} eigenvalues`,
    iterations,
    residual: Math.abs(residual),
    best: { re: re.slice(last + 1), im: im.slice(last + 1) },
  })
}

/** The first row of the lowest block of rows top … last that has no negligible subdiagonal entry. */
function splitAt(
  M: Float64Array,
  h: number,
  ld: number,
  top: number,
  last: number,
  lo: number,
  hi: number,
): number {
  for (let k = last; k > top; k--) {
    const d = h + k * (ld + 1)
    const below = Math.abs(M[d - ld]!)
    if (below <= TINY) return k
    const [here, before] = [M[d]!, M[d - ld - 1]!]
    const size = Math.abs(before) + Math.abs(here)
    const neighbours =
      (k - 2 >= lo ? Math.abs(M[d - 2 * ld - 1]!) : 0) + (k + 1 < hi ? Math.abs(M[d + 1]!) : 0)
    if (size <= (hi - lo) * EPS * neighbours) {
      // The diagonal is zero but for rounding, as where A is skew: the blocks beside it tell what is negligible.
      if (below <= EPS * neighbours) return k
      continue
    }
    if (below > EPS * size) continue
    // Negligible too in what it does to the eigenvalues of the block of order 2.
    const above = Math.abs(M[d - 1]!)
    const [ab, ba] = [Math.max(below, above), Math.min(below, above)]
    const gap = Math.abs(before - here)
    const [aa, bb] = [Math.max(Math.abs(here), gap), Math.min(Math.abs(here), gap)]
    const s = aa + ab
    if (ba * (ab / s) <= Math.max(TINY, EPS * (bb * (aa / s)))) return k
  }
  return top
}

/**
 * Chooses two shifts and writes the first column of (H − s₁I)(H − s₂I), up to a factor, to M[v]. Gives the row
 * where the sweep starts: lower than `top` where two small subdiagonal entries in a row allow it.
 */
function startOfSweep(
  M: Float64Array,
  h: number,
  ld: number,
  top: number,
  last: number,
  stalled: number,
  v: number,
): number {
  const d = (i: number): number => h + i * (ld + 1)
  const below = (i: number): number => M[d(i) + 1]!
  let [h11, h21, h12, h22] = [M[d(last - 1)]!, below(last - 1), M[d(last) - 1]!, M[d(last)]!]
  if (stalled % 10 === 0) {
    // Exceptional shifts, from the top of the block or from its end.
    const i = stalled % 20 === 0 ? last - 2 : top
    const s = Math.abs(below(i)) + Math.abs(below(i + 1))
    h11 = h22 = 0.75 * s + (stalled % 20 === 0 ? M[d(last)]! : M[d(top)]!)
    h12 = -0.4375 * s
    h21 = s
  }
  const { re1, im1, re2 } = shifts(h11, h12, h21, h22)
  for (let m = last - 2; ; m--) {
    const x = M[d(m)]!
    const size = Math.abs(x - re2) + Math.abs(im1) + Math.abs(below(m))
    const b = below(m) / size
    const v0 = b * M[d(m + 1) - 1]! + (x - re1) * ((x - re2) / size) + im1 * (im1 / size)
    const v1 = b * (x + M[d(m + 1)]! - re1 - re2)
    const v2 = b * below(m + 1)
    const s = Math.abs(v0) + Math.abs(v1) + Math.abs(v2) || 1
    if (m > top) {
      const diagonal = Math.abs(M[d(m - 1)]!) + Math.abs(x) + Math.abs(M[d(m + 1)]!)
      const rest = (Math.abs(v1) + Math.abs(v2)) / s
      if (Math.abs(below(m - 1)) * rest > EPS * (Math.abs(v0) / s) * diagonal) continue
    }
    M[v] = v0 / s
    M[v + 1] = v1 / s
    M[v + 2] = v2 / s
    return m
  }
}

/** The eigenvalues of a 2 × 2 matrix: a conjugate pair, or twice the real one that is nearer to h22. */
function shifts(
  h11: number,
  h12: number,
  h21: number,
  h22: number,
): { re1: number; im1: number; re2: number } {
  const s = Math.abs(h11) + Math.abs(h12) + Math.abs(h21) + Math.abs(h22)
  if (s === 0) return { re1: 0, im1: 0, re2: 0 }
  const half = (h11 / s + h22 / s) / 2
  const det = (h11 / s - half) * (h22 / s - half) - (h12 / s) * (h21 / s)
  const root = Math.sqrt(Math.abs(det))
  if (det >= 0) return { re1: half * s, im1: root * s, re2: half * s }
  const [high, low] = [half + root, half - root]
  const re = s * (Math.abs(high - h22 / s) <= Math.abs(low - h22 / s) ? high : low)
  return { re1: re, im1: 0, re2: re }
}

/** Brings the block of rows last − 1 and last to its standard form, and all else with it. */
function splitPair(
  ws: Workspace,
  H: Columns,
  Q: Columns | undefined,
  last: number,
  re: Float64Array,
  im: Float64Array,
): void {
  const { f64, kernels } = ws
  const n = H.cols
  const first = last - 1
  const d = H.at / 8 + first * (H.ld + 1)
  const block = standardize(f64[d]!, f64[d + H.ld]!, f64[d + 1]!, f64[d + H.ld + 1]!)
  f64[d] = block.a
  f64[d + H.ld] = block.b
  f64[d + 1] = block.c
  f64[d + H.ld + 1] = block.d
  re[first] = block.a
  re[last] = block.d
  im[first] = block.im
  im[last] = block.im === 0 ? 0 : -block.im
  if (!Q) return
  const { cs, sn } = block
  for (let j = last + 1, x = d + 2 * H.ld; j < n; j++, x += H.ld) {
    const [above, below] = [f64[x]!, f64[x + 1]!]
    f64[x] = cs * above + sn * below
    f64[x + 1] = cs * below - sn * above
  }
  const column = H.at + 8 * first * H.ld
  kernels.rot(first, column, column + 8 * H.ld, cs, sn)
  const q = Q.at + 8 * first * Q.ld
  kernels.rot(Q.rows, q, q + 8 * Q.ld, cs, sn)
}
