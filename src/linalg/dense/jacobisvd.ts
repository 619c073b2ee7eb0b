import { emptyMatrix, wrap } from '../arrays.js'
import type { Dense, Matrix } from '../arrays.js'
import { descending, pickColumns } from './columnorder.js'
import { ConvergenceError } from '../errors.js'
import { factorSteps, formQSteps, setIdentity, stageScaled } from './reflectors.js'
import { allocColumns, part, unstage, unstageTransposed } from './stage.js'
import type { Columns } from './stage.js'
import { breath } from '../steps.js'
import type { Steps } from '../steps.js'
import type { SvdFactors } from './svdfactors.js'
import type { Workspace } from '../wasm/workspace.js'
import { acquire, release } from '../wasm/workspace.js'

/** Sweeps of rotations before giving up; ten are many. */
const MAX_SWEEPS = 40
/** Flops of one uninterrupted stretch of rotations: a few milliseconds. */
const STRETCH = 6e6

/**
 * The SVD of A, m ≥ n, by one-sided Jacobi rotations on the triangular factor of a QR factorization with
 * columns sorted by size (Drmač and Veselić 2008, without its finer preconditioning): A·P = Q·R, then
 * Rᵀ·W = Z·Σ by rotations W from the right, and A = (Q·W)·Σ·(P·Z)ᵀ.
 */
export function* jacobiSvdSteps(A: Dense, vectors: 'thin' | 'full' | 'none'): Steps<SvdFactors> {
  const { rows: m, cols: n } = A
  const ws = acquire()
  try {
    const { scaled, scale } = stageScaled(ws, A)
    const perm = sortColumns(ws, scaled)
    const F = yield* factorSteps(ws, scaled)
    const Z = lowerFactor(ws, F.A)
    const W = allocColumns(ws, vectors === 'none' ? 0 : n, n)
    setIdentity(ws, W)
    yield* rotateSteps(ws, Z, W)
    // Thousands of rotations stretch each column a little, all the same way; its direction is sound.
    columnNorms(ws, W).forEach((norm, j) => ws.kernels.scal(W.rows, 1 / norm, W.at + 8 * j * W.ld))
    const norms = columnNorms(ws, Z)
    const order = descending(norms)
    const s = Float64Array.from(order, (j) => norms[j]!)
    const values = s.map((value) => value / scale)
    if (vectors === 'none') return { U: emptyMatrix(m, 0), s: values, Vt: emptyMatrix(0, n) }

    const q = vectors === 'full' ? m : n
    const Q = yield* formQSteps(ws, F, q)
    const U = allocColumns(ws, m, q)
    const sortedW = pickColumns(ws, W, order)
    ws.kernels.gemm(m, n, n, 1, Q.at, 1, Q.ld, sortedW.at, 1, n, 0, U.at, 1, m)
    ws.f64.copyWithin((U.at + 8 * m * n) / 8, (Q.at + 8 * m * n) / 8, (Q.at + 8 * m * q) / 8)
    yield* breath()
    const right = yield* unitColumnsSteps(ws, pickColumns(ws, Z, order), s)
    return { U: unstage(ws, U), s: values, Vt: permutedColumns(unstageTransposed(ws, right), perm) }
  } finally {
    release(ws)
  }
}

/** Sorts columns by norm, largest first, in place: Jacobi then starts from a triangle that is nearly graded. */
function sortColumns(ws: Workspace, A: Columns): Int32Array {
  const perm = descending(columnNorms(ws, A))
  if (perm.some((j, t) => j !== t)) {
    const mark = ws.mark()
    const copy = pickColumns(ws, A, perm)
    ws.f64.copyWithin(A.at / 8, copy.at / 8, copy.at / 8 + A.rows * A.cols)
    ws.reset(mark)
  }
  return perm
}

/** Rᵀ, n × n lower triangular, of the factored matrix. */
function lowerFactor(ws: Workspace, { at, cols: n, ld }: Columns): Columns {
  const L = allocColumns(ws, n, n)
  const f64 = ws.f64
  for (let j = 0; j < n; j++) {
    for (let i = 0; i < n; i++) f64[L.at / 8 + i + j * n] = i < j ? 0 : f64[at / 8 + j + i * ld]!
  }
  return L
}

/** Rotates the columns of Z until they are orthogonal, and the columns of W alike. */
function* rotateSteps(ws: Workspace, Z: Columns, W: Columns): Steps<void> {
  const n = Z.cols
  // A rotation itself leaves a cosine of about √n·eps, a few eps at least: asking for less need never end.
  const tol = 2 ** -52 * Math.sqrt(n + 16)
  const perColumn = Math.max(1, Math.floor(STRETCH / (14 * n * n)))
  const floor = columnNorms(ws, Z).map((norm) => Math.max(VANISHED, tol * norm))
  let rotations = -1
  for (let sweep = 0; rotations !== 0 && n > 1; sweep++) {
    if (sweep === MAX_SWEEPS) {
      throw new ConvergenceError({
        fn: 'svd',
        argument: 'A',
        expected: `convergence within ${MAX_SWEEPS} sweeps`,
        given: `${rotations} rotations in the last sweep`,
        iterations: sweep,
        residual: rotations,
      })
    }
    rotations = 0
    clearLost(ws, Z, floor)
    for (let p0 = 0; p0 < n - 1; p0 += perColumn) {
      const p1 = Math.min(n - 1, p0 + perColumn)
      rotations += ws.kernels.jacobiRows(n, n, Z.at, n, W.cols, W.at, W.ld, p0, p1, tol)
      yield* breath()
    }
  }
}

/** Numbers below it have not all their bits; the largest here is 1e-100 at least. */
const VANISHED = 2 ** -960

/**
 * Clears columns that have shrunk below their floor. Each rotation leaves an error of about eps times what
 * the column was, so one of that size is nothing but error, and would shrink for ever.
 */
function clearLost(ws: Workspace, Z: Columns, floor: Float64Array): void {
  columnNorms(ws, Z).forEach((norm, j) => {
    const start = Z.at / 8 + j * Z.ld
    if (norm < floor[j]!) ws.f64.fill(0, start, start + Z.rows)
  })
}

function columnNorms(ws: Workspace, { at, rows, cols, ld }: Columns): Float64Array {
  return Float64Array.from({ length: cols }, (_, j) => ws.kernels.nrm2(rows, at + 8 * j * ld))
}

/**
 * Divides each column by its norm. Columns below `TINY` (the largest is near 1) have lost their direction
 * to underflow: an orthonormal completion takes their place.
 */
const TINY = 1e-140

function* unitColumnsSteps(ws: Workspace, Z: Columns, s: Float64Array): Steps<Columns> {
  const n = Z.cols
  let r = 0
  while (r < n && s[r]! > TINY) {
    ws.kernels.scal(n, 1 / s[r]!, Z.at + 8 * r * n)
    r++
  }
  if (r === n) return Z
  const lead = allocColumns(ws, n, r)
  const f64 = ws.f64
  f64.copyWithin(lead.at / 8, Z.at / 8, Z.at / 8 + n * r)
  const Q = yield* formQSteps(ws, yield* factorSteps(ws, lead), n)
  const [from, to] = [part(Q, 0, n, r, n).at / 8, part(Z, 0, n, r, n).at / 8]
  ws.f64.copyWithin(to, from, from + n * (n - r))
  return Z
}

/** Column perm[j] of the result is column j of `A`. */
function permutedColumns(A: Matrix, perm: Int32Array): Matrix {
  const [rows = 0, n = 0] = A.shape
  const out = new Float64Array(rows * n)
  for (let i = 0; i < rows; i++) for (let j = 0; j < n; j++) out[i * n + perm[j]!] = A.data[i * n + j]!
  return wrap(out, rows, n)
}
