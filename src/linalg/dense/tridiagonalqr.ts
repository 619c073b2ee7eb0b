import { largest, unitOf } from './qriteration.js'
import type { Outcome } from './qriteration.js'
import type { Rotations } from './rotations.js'
import { breath } from '../steps.js'
import type { Steps } from '../steps.js'
import type { Workspace } from '../wasm/workspace.js'

/** Unit roundoff. */
const U = 2 ** -53
/** What vanishes beside numbers near 1. */
const TINY = 2 ** -1000
/** Sweeps per eigenvalue before giving up; two are usual. */
const MAX_SWEEPS = 30

/**
 * Eigenvalues of the symmetric tridiagonal matrix (d, e), into d, unsorted, by implicit QL or QR with
 * Wilkinson's shift (LAPACK's dsteqr): each block is chased from its larger end to its smaller one. Its
 * rotations go to `rotations`, whose columns become eigenvectors. Entries should be near 1 in size.
 */
export function* tridiagonalQrSteps(
  ws: Workspace,
  d: Float64Array,
  e: Float64Array,
  rotations: Rotations,
  maxSweeps = MAX_SWEEPS,
): Steps<Outcome> {
  const n = d.length
  let sweeps = 0
  let work = 0
  let start = 0
  while (start < n) {
    let end = start
    while (
      end < n - 1 &&
      Math.abs(e[end]!) > U * Math.sqrt(Math.abs(d[end]!)) * Math.sqrt(Math.abs(d[end + 1]!))
    )
      end++
    if (end < n - 1) e[end] = 0
    // Indices run from `l` towards `last` in steps of `dir`; e beside d[i], on the way, is e[i + half].
    const dir = Math.abs(d[end]!) < Math.abs(d[start]!) ? -1 : 1
    const half = dir === 1 ? 0 : -1
    const last = dir === 1 ? end : start
    let l = dir === 1 ? start : end
    start = end + 1
    while (l !== last + dir) {
      let m = l
      while (m !== last && e[m + half]! ** 2 > U * Math.abs(d[m]!) * (U * Math.abs(d[m + dir]!)) + TINY)
        m += dir
      if (m !== last) e[m + half] = 0
      if (m === l) {
        l += dir
        continue
      }
      const count = Math.abs(m - l)
      if (sweeps === maxSweeps * n) {
        yield* rotations.flushSteps()
        return { converged: false, iterations: sweeps, residual: largest(e) }
      }
      if (!rotations.fits(count)) yield* rotations.flushSteps()
      const at = rotations.open(Math.min(m, m - dir), count, dir === 1 ? -1 : 1)
      sweep(d, e, l, m, dir, ws.f64, at)
      sweeps++
      work += count
      if (work > 2e4) {
        work = 0
        yield* breath()
      }
    }
  }
  yield* rotations.flushSteps()
  return { converged: true, iterations: sweeps, residual: 0 }
}

/** One implicit sweep from m back to l: e[l] shrinks. Writes its rotations at `at`. */
function sweep(
  d: Float64Array,
  e: Float64Array,
  l: number,
  m: number,
  dir: 1 | -1,
  out: Float64Array,
  at: number,
): void {
  const half = dir === 1 ? 0 : -1
  const first = d[l]!
  const el = e[l + half]!
  let g = (d[l + dir]! - first) / (2 * el)
  const r = Math.abs(g) > 1e150 ? Math.abs(g) : Math.sqrt(g * g + 1)
  g = d[m]! - first + el / (g + (g < 0 ? -r : r))
  let s = 1
  let c = 1
  let p = 0
  for (let i = m - dir; i !== l - dir; i -= dir, at += 2) {
    const f = s * e[i + half]!
    const b = c * e[i + half]!
    const unit = unitOf(f, g)
    const x = g * unit
    const y = f * unit
    const size = Math.sqrt(x * x + y * y)
    if (i !== m - dir) e[i + dir + half] = size / unit
    c = size === 0 ? 1 : x / size
    s = size === 0 ? 0 : y / size
    g = d[i + dir]! - p
    const t = (d[i]! - g) * s + 2 * c * b
    p = s * t
    d[i + dir] = g + p
    g = c * t - b
    out[at] = c
    out[at + 1] = -dir * s
  }
  d[l]! -= p
  e[l + half] = g
}
