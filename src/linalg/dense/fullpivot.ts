import { STRETCH } from './blocks.js'
import { identityPermutation } from './pivots.js'
import { part } from './stage.js'
import type { Columns } from './stage.js'
import { breath } from '../steps.js'
import type { Steps } from '../steps.js'
import { addProductSteps, strided } from './triangular.js'
import type { Workspace } from '../wasm/workspace.js'

// Gaussian elimination that exchanges rows and columns, in place: unit L below the diagonal, U on and above
// it, for the first r pivots.

export interface FullPivots {
  readonly perm: Int32Array
  readonly colPerm: Int32Array
}

/** The pivot is the largest entry of all that is left, which is found as it is updated. */
export function* completePivotSteps(ws: Workspace, A: Columns, r: number): Steps<FullPivots> {
  const { rows: m, cols: n, ld } = A
  const perm = identityPermutation(m)
  const colPerm = identityPermutation(n)
  let [i, j] = largestEntry(ws, A)
  let work = 0
  for (let k = 0; k < r; k++) {
    exchange(ws, A, k, i, j, perm, colPerm)
    const where = ws.kernels.eliminate(m - k, n - k, A.at + 8 * (k + k * ld), ld)
    ;[i, j] = [k + (where % (m - k)), k + Math.floor(where / (m - k))]
    // Nothing but zeros is left, which is what the rest of the factors hold then.
    if (where === 0) break
    work += (m - k) * (n - k)
    if (work > STRETCH / 8) {
      work = 0
      yield* breath()
    }
  }
  return { perm, colPerm }
}

/** Pivots of a block whose updates wait for a gemm. */
const WIDTH = 32

/**
 * The pivot is the largest entry of its row and of its column: from the first column that is left, the search
 * goes from the largest of a column to the largest of its row and so on (Foster 1997). Two or three lines are
 * looked at per pivot, so they are brought up to date one by one, and the rest of the matrix in blocks.
 */
export function* rookPivotSteps(ws: Workspace, A: Columns, r: number, width = WIDTH): Steps<FullPivots> {
  const { rows: m, cols: n, at, ld } = A
  const perm = identityPermutation(m)
  const colPerm = identityPermutation(n)
  const { gemm } = ws.kernels
  const column = ws.alloc64(m)
  const row = ws.alloc64(n)
  const f64 = ws.f64
  const entry = (i: number, j: number): number => at + 8 * (i + j * ld)
  /** Pivots before `applied` have reached the whole matrix. */
  let applied = 0
  const applySteps = function* (k: number): Steps<void> {
    const [L, U, C] = [part(A, k, m, applied, k), part(A, applied, k, k, n), part(A, k, m, k, n)]
    yield* addProductSteps(ws, m - k, n - k, k - applied, -1, strided(L), strided(U), strided(C))
    applied = k
  }
  /** Column j of what is left at step k, up to date, into `column`. */
  const readColumn = (k: number, j: number): void => {
    f64.copyWithin(column / 8 + k, entry(k, j) / 8, entry(m, j) / 8)
    const w = k - applied
    gemm(m - k, 1, w, -1, entry(k, applied), 1, ld, entry(applied, j), 1, ld, 1, column + 8 * k, 1, m)
  }
  /** Row i of it into `row`. */
  const readRow = (k: number, i: number): void => {
    for (let j = k; j < n; j++) f64[row / 8 + j] = f64[entry(i, j) / 8]!
    const w = k - applied
    gemm(n - k, 1, w, -1, entry(applied, k), ld, 1, entry(i, applied), ld, 1, 1, row + 8 * k, 1, n)
  }
  for (let k = 0; k < r; k++) {
    let j = k
    readColumn(k, j)
    let i = largest(f64, column / 8, k, m)
    if (f64[column / 8 + i] === 0) {
      // An empty column says nothing of the rest.
      yield* applySteps(k)
      const [i1, j1] = largestEntry(ws, part(A, k, m, k, n))
      j = k + j1
      readColumn(k, j)
      i = k + i1
      // Nothing but zeros is left, which is what the rest of the factors hold then.
      if (f64[column / 8 + i] === 0) break
    }
    let pivot = f64[column / 8 + i]!
    // An entry read by row and by column differs by rounding: equal ones could lead in a circle.
    for (let moves = 0; ; moves++) {
      readRow(k, i)
      const next = largest(f64, row / 8, k, n)
      const across = f64[row / 8 + next]!
      if (moves === m + n || Math.abs(across) <= Math.abs(pivot)) break
      j = next
      readColumn(k, j)
      const better = largest(f64, column / 8, k, m)
      pivot = f64[column / 8 + better]!
      if (Math.abs(pivot) <= Math.abs(across)) {
        // Of two values of one entry the larger: both its row and its column are then no larger.
        pivot = across
        break
      }
      i = better
    }
    exchange(ws, A, k, i, j, perm, colPerm)
    ;[f64[column / 8 + i], f64[column / 8 + k]] = [f64[column / 8 + k]!, pivot]
    ;[f64[row / 8 + j], f64[row / 8 + k]] = [f64[row / 8 + k]!, f64[row / 8 + j]!]
    f64[entry(k, k) / 8] = pivot
    for (let t = k + 1; t < m; t++) f64[entry(t, k) / 8] = f64[column / 8 + t]! / pivot
    for (let t = k + 1; t < n; t++) f64[entry(k, t) / 8] = f64[row / 8 + t]!
    if (k + 1 - applied === width && k + 1 < r) yield* applySteps(k + 1)
    else yield* breath()
  }
  return { perm, colPerm }
}

/** The index in [k, n) of the entry of largest magnitude, the lowest among equals. */
function largest(f64: Float64Array, x: number, k: number, n: number): number {
  let best = k
  for (let t = k + 1; t < n; t++) if (Math.abs(f64[x + t]!) > Math.abs(f64[x + best]!)) best = t
  return best
}

/** Where the entry of largest magnitude is; (0, 0) in a matrix of zeros. */
function largestEntry(ws: Workspace, A: Columns): [i: number, j: number] {
  let [best, at] = [0, 0]
  for (let j = 0; j < A.cols; j++) {
    const size = ws.kernels.maxAbs(A.rows, A.at + 8 * j * A.ld)
    if (size > best) [best, at] = [size, j]
  }
  return A.rows === 0 ? [0, 0] : [largest(ws.f64, A.at / 8 + at * A.ld, 0, A.rows), at]
}

/** Brings entry (i, j) to (k, k): exchanges whole rows and columns. */
function exchange(
  ws: Workspace,
  { at, rows: m, cols: n, ld }: Columns,
  k: number,
  i: number,
  j: number,
  perm: Int32Array,
  colPerm: Int32Array,
): void {
  const f64 = ws.f64
  const swap = (count: number, x: number, y: number, step: number): void => {
    for (let t = 0; t < count; t++, x += step, y += step) {
      const value = f64[x]!
      f64[x] = f64[y]!
      f64[y] = value
    }
  }
  if (i !== k) swap(n, at / 8 + i, at / 8 + k, ld)
  if (j !== k) swap(m, at / 8 + j * ld, at / 8 + k * ld, 1)
  ;[perm[i], perm[k]] = [perm[k]!, perm[i]!]
  ;[colPerm[j], colPerm[k]] = [colPerm[k]!, colPerm[j]!]
}
