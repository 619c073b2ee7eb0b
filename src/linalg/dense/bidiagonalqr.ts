import { largest, unitOf } from './qriteration.js'
import type { Outcome } from './qriteration.js'
import type { Rotations } from './rotations.js'
import { breath } from '../steps.js'
import type { Steps } from '../steps.js'
import type { Workspace } from '../wasm/workspace.js'

/** Unit roundoff. */
const U = 2 ** -53
/**
 * Relative size at which an entry above the diagonal counts as zero. LAPACK takes 98·U; convergence is cubic,
 * so that less costs next to nothing, and 2 × 2 matrices are better for it.
 */
const TOL = 16 * U
/** A shift costs the smallest value size/smallest units of its roundoff: so many per column are allowed. */
const SHIFT_COST = 98
/** Smallest normal number. */
const TINY = 2 ** -1022
/** Rotations per n² before giving up; one is usual. */
const MAX_WORK = 6

/**
 * Singular values of the upper bidiagonal matrix (d, e), into d, of any sign, unsorted, by implicit QR that
 * goes without a shift where a shift would cost relative accuracy (Demmel and Kahan 1990, "Accurate singular
 * values of bidiagonal matrices"; LAPACK's dbdsqr). Rotations from the left go to `left` and from the right
 * to `right`, whose columns become singular vectors. Entries should be near 1 in size.
 */
export function* bidiagonalQrSteps(
  ws: Workspace,
  d: Float64Array,
  e: Float64Array,
  left: Rotations,
  right: Rotations,
  maxWork = MAX_WORK,
): Steps<Outcome> {
  const n = d.length
  const threshold = Math.max(TOL * smallestEstimate(d, e), MAX_WORK * n * n * TINY)
  let [work, sweeps, sinceBreath] = [0, 0, 0]
  let [oldTop, oldBottom] = [-1, -1]
  let dir: 1 | -1 = 1
  let bottom = n - 1
  while (bottom > 0) {
    // The block [top, bottom] has no zero above its diagonal.
    let top = bottom
    let size = Math.abs(d[bottom]!)
    while (top > 0 && Math.abs(e[top - 1]!) > threshold) {
      top--
      size = Math.max(size, Math.abs(d[top]!), Math.abs(e[top]!))
    }
    if (top > 0) e[top - 1] = 0
    if (top === bottom) {
      bottom--
      continue
    }
    // Chase from the larger end to the smaller; a block that goes on keeps its direction.
    if (top > oldBottom || bottom < oldTop) dir = Math.abs(d[top]!) >= Math.abs(d[bottom]!) ? 1 : -1
    ;[oldTop, oldBottom] = [top, bottom]
    const [from, to] = dir === 1 ? [top, bottom] : [bottom, top]
    const smallest = split(d, e, from, to, dir)
    if (smallest < 0) continue

    const count = bottom - top
    if (work > maxWork * n * n) {
      yield* left.flushSteps()
      yield* right.flushSteps()
      return { converged: false, iterations: sweeps, residual: largest(e) }
    }
    if (!left.fits(count)) {
      yield* left.flushSteps()
      yield* right.flushSteps()
    }
    // On the way up the matrix is its own flip, in which left and right are exchanged.
    const first = dir === 1 ? top : bottom - 1
    const atLeft = left.open(first, count, dir)
    const atRight = right.open(first, count, dir)
    const [a, b] = dir === 1 ? [atRight, atLeft] : [atLeft, atRight]
    const costly = size >= n * SHIFT_COST * smallest
    const shift = costly ? 0 : chooseShift(d, e, from, to, dir)
    if (shift === 0) zeroShiftSweep(d, e, from, to, dir, ws.f64, a, b)
    else shiftedSweep(d, e, from, to, dir, shift, ws.f64, a, b)
    const final = Math.min(to, to - dir)
    if (Math.abs(e[final]!) <= threshold) e[final] = 0
    sweeps++
    work += count
    sinceBreath += count
    if (sinceBreath > 2e4) {
      sinceBreath = 0
      yield* breath()
    }
  }
  yield* left.flushSteps()
  yield* right.flushSteps()
  return { converged: true, iterations: sweeps, residual: 0 }
}

/** A lower estimate of the smallest singular value, over √n. */
function smallestEstimate(d: Float64Array, e: Float64Array): number {
  let mu = Math.abs(d[0] ?? 0)
  let smallest = mu
  for (let i = 1; i < d.length && smallest > 0; i++) {
    mu = Math.abs(d[i]!) * (mu / (mu + Math.abs(e[i - 1]!)))
    smallest = Math.min(smallest, mu)
  }
  return smallest / Math.sqrt(d.length)
}

/**
 * Sets the first negligible entry of the block to zero and returns −1, or returns an estimate of the
 * smallest singular value of the block where there is none.
 */
function split(d: Float64Array, e: Float64Array, from: number, to: number, dir: 1 | -1): number {
  const half = dir === 1 ? 0 : -1
  const final = to - dir + half
  if (Math.abs(e[final]!) <= TOL * Math.abs(d[to]!)) {
    e[final] = 0
    return -1
  }
  let mu = Math.abs(d[from]!)
  let smallest = mu
  for (let i = from; i !== to; i += dir) {
    const beside = Math.abs(e[i + half]!)
    if (beside <= TOL * mu) {
      e[i + half] = 0
      return -1
    }
    mu = Math.abs(d[i + dir]!) * (mu / (mu + beside))
    smallest = Math.min(smallest, mu)
  }
  return smallest
}

/** The smaller singular value of the 2 × 2 at the end, or 0 where it is nothing beside the other end. */
function chooseShift(d: Float64Array, e: Float64Array, from: number, to: number, dir: 1 | -1): number {
  const before = to - dir
  const shift = smallerOfTwo(Math.abs(d[before]!), Math.abs(e[Math.min(to, before)]!), Math.abs(d[to]!))
  const first = Math.abs(d[from]!)
  return first > 0 && (shift / first) ** 2 < U ? 0 : shift
}

/** The smaller singular value of [f g; 0 h], all ≥ 0 (LAPACK's dlas2). */
function smallerOfTwo(f: number, g: number, h: number): number {
  const [low, high] = f < h ? [f, h] : [h, f]
  if (low === 0) return 0
  const plus = 1 + low / high
  const minus = (high - low) / high
  if (g < high) {
    const square = (g / high) ** 2
    return low * (2 / (Math.sqrt(plus * plus + square) + Math.sqrt(minus * minus + square)))
  }
  const ratio = high / g
  if (ratio === 0) return (low * high) / g
  const c = 1 / (Math.sqrt(1 + (plus * ratio) ** 2) + Math.sqrt(1 + (minus * ratio) ** 2))
  return 2 * (low * c * ratio)
}

/** One QR sweep with a shift; rotations of the first side go to `a`, of the second to `b`. */
function shiftedSweep(
  d: Float64Array,
  e: Float64Array,
  from: number,
  to: number,
  dir: 1 | -1,
  shift: number,
  out: Float64Array,
  a: number,
  b: number,
): void {
  const half = dir === 1 ? 0 : -1
  const first = d[from]!
  let f = (Math.abs(first) - shift) * ((first < 0 ? -1 : 1) + shift / first)
  let g = e[from + half]!
  for (let i = from; i !== to; i += dir, a += 2, b += 2) {
    let unit = unitOf(f, g)
    f *= unit
    g *= unit
    let r = Math.sqrt(f * f + g * g)
    let c = r === 0 ? 1 : f / r
    let s = r === 0 ? 0 : g / r
    if (i !== from) e[i - dir + half] = r / unit
    out[a] = c
    out[a + 1] = dir * s
    f = c * d[i]! + s * e[i + half]!
    const beside = c * e[i + half]! - s * d[i]!
    const below = c * d[i + dir]!
    g = s * d[i + dir]!
    unit = unitOf(f, g)
    f *= unit
    g *= unit
    r = Math.sqrt(f * f + g * g)
    c = r === 0 ? 1 : f / r
    s = r === 0 ? 0 : g / r
    out[b] = c
    out[b + 1] = dir * s
    d[i] = r / unit
    f = c * beside + s * below
    d[i + dir] = c * below - s * beside
    if (i + dir !== to) {
      g = s * e[i + dir + half]!
      e[i + dir + half]! *= c
    }
  }
  e[to - dir + half] = f
}

/** One QR sweep without a shift: no subtraction, so that every singular value keeps its relative accuracy. */
function zeroShiftSweep(
  d: Float64Array,
  e: Float64Array,
  from: number,
  to: number,
  dir: 1 | -1,
  out: Float64Array,
  a: number,
  b: number,
): void {
  const half = dir === 1 ? 0 : -1
  let c = 1
  let oldC = 1
  let oldS = 0
  for (let i = from; i !== to; i += dir, a += 2, b += 2) {
    let f = d[i]! * c
    let g = e[i + half]!
    let unit = unitOf(f, g)
    f *= unit
    g *= unit
    let r = Math.sqrt(f * f + g * g)
    const s = r === 0 ? 0 : g / r
    c = r === 0 ? 1 : f / r
    r /= unit
    if (i !== from) e[i - dir + half] = oldS * r
    f = oldC * r
    g = d[i + dir]! * s
    unit = unitOf(f, g)
    f *= unit
    g *= unit
    r = Math.sqrt(f * f + g * g)
    oldC = r === 0 ? 1 : f / r
    oldS = r === 0 ? 0 : g / r
    d[i] = r / unit
    out[a] = c
    out[a + 1] = dir * s
    out[b] = oldC
    out[b + 1] = dir * oldS
  }
  const h = d[to]! * c
  d[to] = h * oldC
  e[to - dir + half] = h * oldS
}
