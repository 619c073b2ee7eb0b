import { identityPermutation } from './pivots.js'
import { collectPanel } from './reflectors.js'
import type { Panel, Reflectors } from './reflectors.js'
import { part } from './stage.js'
import type { Columns } from './stage.js'
import { breath } from '../steps.js'
import type { Steps } from '../steps.js'
import { addProductSteps, strided, turned } from './triangular.js'
import type { Workspace } from '../wasm/workspace.js'

/** The factors of A[:, perm]. */
export interface PivotedReflectors extends Reflectors {
  readonly perm: Int32Array
}

/** Columns per block. */
const WIDTH = 32
/** A downdated norm that has lost more than half of its digits is computed afresh. */
const LOST = Math.sqrt(2 ** -53)

/**
 * Factors `A` in place with column pivoting: each pivot is the longest column of what is left. Within a block
 * only the pivot's column and row are brought up to date, and F gathers what the rest still owes:
 * A − V·Fᵀ (LAPACK's dlaqps).
 *
 * The norms of what is left of the columns are downdated. The test that tells when one cannot be trusted
 * compares with the last norm that was computed, not downdated, and a block ends where it says so: that is
 * the repair of Drmač and Bujanović (2008), without which LINPACK's and LAPACK's old test misses pivots.
 */
export function* pivotedQrSteps(
  ws: Workspace,
  A: Columns,
  count = Math.min(A.rows, A.cols),
  width = WIDTH,
): Steps<PivotedReflectors> {
  const { rows: m, cols: n } = A
  const perm = identityPermutation(n)
  const tau = ws.alloc64(count)
  const F = { at: ws.alloc64(n * width), rows: n, cols: width, ld: n }
  const norms = freshNorms(ws, A)
  const computed = norms.slice()
  const panels: Panel[] = []
  for (let k0 = 0; k0 < count;) {
    let k = k0
    let stale: number[] = []
    while (k < count && k - k0 < width && stale.length === 0) {
      bringPivot(ws, A, F, k0, k, perm, norms, computed)
      reflect(ws, A, F, k0, k, tau)
      stale = downdate(ws, A, k, norms, computed)
      k++
      yield* breath()
    }
    const [V, owed, rest] = [part(A, k, m, k0, k), part(F, k, n, 0, k - k0), part(A, k, m, k, n)]
    yield* addProductSteps(ws, m - k, n - k, k - k0, -1, strided(V), turned(strided(owed)), strided(rest))
    for (const j of stale) {
      norms[j] = computed[j] = ws.kernels.nrm2(m - k, part(A, k, m, j, j + 1).at)
    }
    panels.push(collectPanel(ws, A, k0, k - k0, tau))
    k0 = k
  }
  return { A, panels, perm }
}

const freshNorms = (ws: Workspace, { at, rows, cols, ld }: Columns): Float64Array =>
  Float64Array.from({ length: cols }, (_, j) => ws.kernels.nrm2(rows, at + 8 * j * ld))

/** Exchanges column k with the longest of those left, the first among equals. */
function bringPivot(
  ws: Workspace,
  A: Columns,
  F: Columns,
  k0: number,
  k: number,
  perm: Int32Array,
  norms: Float64Array,
  computed: Float64Array,
): void {
  let pivot = k
  for (let j = k + 1; j < A.cols; j++) if (norms[j]! > norms[pivot]!) pivot = j
  if (pivot === k) return
  const f64 = ws.f64
  const [x, y] = [A.at / 8 + k * A.ld, A.at / 8 + pivot * A.ld]
  for (let i = 0; i < A.rows; i++) swap(f64, x + i, y + i)
  for (let t = 0; t < k - k0; t++) swap(f64, F.at / 8 + k + t * F.ld, F.at / 8 + pivot + t * F.ld)
  swap(perm, k, pivot)
  norms[pivot] = norms[k]!
  computed[pivot] = computed[k]!
}

/** The reflector of column k, the next column of F, and row k of R. */
function reflect(ws: Workspace, A: Columns, F: Columns, k0: number, k: number, tau: number): void {
  const { rows: m, cols: n, ld } = A
  const { gemm, qrPanel } = ws.kernels
  const t = k - k0
  const x = part(A, k, m, k, k + 1).at
  const rest = part(A, k, m, k + 1, n)
  const V = part(A, k, m, k0, k)
  const f = part(F, k + 1, n, t, t + 1).at
  const mark = ws.mark()
  const c = ws.alloc64(Math.max(t, 1))
  gemm(m - k, 1, t, -1, V.at, 1, ld, part(F, k, k + 1, 0, t).at, F.ld, 1, 1, x, 1, m)
  qrPanel(m - k, 1, x, ld, tau + 8 * k)
  const f64 = ws.f64
  const [beta, tauK] = [f64[x / 8]!, f64[(tau + 8 * k) / 8]!]
  f64[x / 8] = 1
  // F[:, t] = tau·(Aᵀ − F·Vᵀ)·v
  gemm(n - k - 1, 1, m - k, tauK, rest.at, ld, 1, x, 1, m, 0, f, 1, n)
  gemm(t, 1, m - k, -tauK, V.at, ld, 1, x, 1, m, 0, c, 1, t)
  gemm(n - k - 1, 1, t, 1, part(F, k + 1, n, 0, t).at, 1, F.ld, c, 1, t, 1, f, 1, n)
  // Row k owes all reflectors of the block, this one included.
  const row = part(A, k, k + 1, k0, k + 1)
  gemm(n - k - 1, 1, t + 1, -1, part(F, k + 1, n, 0, t + 1).at, 1, F.ld, row.at, ld, 1, 1, rest.at, ld, 1)
  f64[x / 8] = beta
  ws.reset(mark)
}

/** Takes row k out of the norms; gives the columns whose norm is not to be trusted any more. */
function downdate(
  ws: Workspace,
  A: Columns,
  k: number,
  norms: Float64Array,
  computed: Float64Array,
): number[] {
  const f64 = ws.f64
  const stale: number[] = []
  for (let j = k + 1; j < A.cols; j++) {
    const norm = norms[j]!
    if (norm === 0) continue
    const ratio = Math.abs(f64[A.at / 8 + k + j * A.ld]!) / norm
    const left = Math.max(0, (1 + ratio) * (1 - ratio))
    if (left * (norm / computed[j]!) ** 2 <= LOST) stale.push(j)
    else norms[j] = norm * Math.sqrt(left)
  }
  return stale
}

function swap(x: Float64Array | Int32Array, i: number, j: number): void {
  const value = x[i]!
  x[i] = x[j]!
  x[j] = value
}
