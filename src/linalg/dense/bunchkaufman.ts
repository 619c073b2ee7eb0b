import { identityPermutation } from './pivots.js'
import { allocColumns, part } from './stage.js'
import type { Columns } from './stage.js'
import { breath } from '../steps.js'
import type { Steps } from '../steps.js'
import { addProductSteps, from, strided, turned } from './triangular.js'
import type { Workspace } from '../wasm/workspace.js'

/** The pivots of a symmetric elimination. */
export interface Pivoted {
  readonly perm: Int32Array
  /** The diagonal of D. */
  readonly diagonal: Float64Array
  /** The entries below it: below[k] ≠ 0 where a block of 2×2 begins at k. */
  readonly below: Float64Array
}

/** Makes the bounds on growth of one 2×2 and of two 1×1 pivots equal. */
const ALPHA = (1 + Math.sqrt(17)) / 8
/** Columns per block. */
const WIDTH = 32

/**
 * Factors the lower triangle of the symmetric `A` in place: L below the diagonal, except for the entries of D
 * there. Columns of a block are brought up to date one by one from L and W = L·D, the rest by gemm once the
 * block is full (LAPACK's dlasyf, but with the exchanges of rows carried back through all of L).
 */
export function* bunchKaufmanSteps(ws: Workspace, A: Columns, width = WIDTH): Steps<Pivoted> {
  const n = A.rows
  const perm = identityPermutation(n)
  const diagonal = new Float64Array(n)
  const below = new Float64Array(n)
  const W = allocColumns(ws, n, width + 1)
  for (let k0 = 0; k0 < n;) {
    let k = k0
    while (k < n && k - k0 < width) {
      const step = pivotStep(ws, A, W, k0, k, perm)
      diagonal[k] = ws.f64[A.at / 8 + k * (n + 1)]!
      if (step === 2) {
        diagonal[k + 1] = ws.f64[A.at / 8 + (k + 1) * (n + 1)]!
        below[k] = ws.f64[A.at / 8 + k * (n + 1) + 1]!
      }
      k += step
      if (k % 8 === 0) yield* breath()
    }
    // Only what is below the diagonal of each block of columns, in strips.
    for (let j = k; j < n; j += width) {
      const [L, Wj, C] = [
        part(A, j, n, k0, k),
        part(W, j, n, 0, k - k0),
        part(A, j, n, j, Math.min(n, j + width)),
      ]
      yield* addProductSteps(ws, n - j, C.cols, k - k0, -1, strided(L), turned(strided(Wj)), strided(C))
    }
    k0 = k
  }
  return { perm, diagonal, below }
}

/** Chooses the pivot at k, brings it there and fills its one or two columns of L and W. */
function pivotStep(ws: Workspace, A: Columns, W: Columns, k0: number, k: number, perm: Int32Array): 1 | 2 {
  const n = A.rows
  const f64 = ws.f64
  const kw = k - k0
  const a = (i: number, j: number): number => A.at / 8 + i + j * n
  const w = (i: number, t: number): number => W.at / 8 + i + t * n
  /** Column t of W, rows k and on: what the columns of the block have left of column j of A. */
  const update = (t: number, j: number): void => {
    for (let i = k; i < j; i++) f64[w(i, t)] = f64[a(j, i)]!
    f64.copyWithin(w(j, t), a(j, j), a(n, j))
    const [L, row] = [from(strided(A), k, k0), from(strided(W), j, 0)]
    ws.kernels.gemm(n - k, 1, kw, -1, L.at, 1, n, row.at, n, 1, 1, 8 * w(k, t), 1, n)
  }
  update(kw, k)
  const size = Math.abs(f64[w(k, kw)]!)
  let r = k
  let largest = 0
  for (let i = k + 1; i < n; i++) {
    const x = Math.abs(f64[w(i, kw)]!)
    if (x > largest) [largest, r] = [x, i]
  }
  let step: 1 | 2 = 1
  let pivot = k
  if (largest > 0 && size < ALPHA * largest) {
    update(kw + 1, r)
    let other = 0
    for (let i = k; i < n; i++) if (i !== r) other = Math.max(other, Math.abs(f64[w(i, kw + 1)]!))
    if (size >= ALPHA * largest * (largest / other)) {
      // Column k does: the growth that its row r would bring is bounded after all.
    } else if (Math.abs(f64[w(r, kw + 1)]!) >= ALPHA * other) {
      pivot = r
      f64.copyWithin(w(k, kw), w(k, kw + 1), w(n, kw + 1))
    } else {
      pivot = r
      step = 2
    }
  }
  const last = k + step - 1
  if (pivot !== last) {
    // Column `last` of A, not yet up to date, goes where `pivot` was; what was there is in W.
    f64[a(pivot, pivot)] = f64[a(last, last)]!
    for (let i = last + 1; i < pivot; i++) f64[a(pivot, i)] = f64[a(i, last)]!
    f64.copyWithin(a(pivot + 1, pivot), a(pivot + 1, last), a(n, last))
    for (let j = 0; j < k; j++) exchange(f64, a(last, j), a(pivot, j))
    for (let t = 0; t < kw + step; t++) exchange(f64, w(last, t), w(pivot, t))
    exchange(perm, last, pivot)
  }
  f64.copyWithin(a(k, k), w(k, kw), w(n, kw))
  if (step === 1) {
    const d = f64[a(k, k)]!
    if (d !== 0) for (let i = k + 1; i < n; i++) f64[a(i, k)]! /= d
    return 1
  }
  f64.copyWithin(a(k + 1, k + 1), w(k + 1, kw + 1), w(n, kw + 1))
  const e = f64[w(k + 1, kw)]!
  const [p, q] = [f64[w(k, kw)]! / e, f64[w(k + 1, kw + 1)]! / e]
  const t = p * q - 1
  for (let i = k + 2; i < n; i++) {
    const [x, y] = [f64[w(i, kw)]! / e, f64[w(i, kw + 1)]! / e]
    f64[a(i, k)] = (q * x - y) / t
    f64[a(i, k + 1)] = (p * y - x) / t
  }
  return 2
}

function exchange(x: Float64Array | Int32Array, i: number, j: number): void {
  const value = x[i]!
  x[i] = x[j]!
  x[j] = value
}
