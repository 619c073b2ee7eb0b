import { contiguous, dense, wrap } from '../arrays.js'
import type { Matrix } from '../arrays.js'
import { stage } from '../dense/blocks.js'
import type { RowSolution } from './observed.js'
import { piecesOf, stagePiece } from './sparse.js'
import type { SparseRows } from './sparse.js'
import { breath } from '../steps.js'
import type { Steps } from '../steps.js'
import { acquire, release } from '../wasm/workspace.js'
import type { Workspace } from '../wasm/workspace.js'

// Least squares of each row of some observed entries: min over x of Σⱼ (m[j] − x·F[j])² + λ|x|², by Cholesky of the
// k × k normal equations. Rows of F are padded with zeros to a multiple of four numbers, which is how kernels read them.

/** When normal equations count as singular, and what is done then; both as parts of their largest diagonal entry. */
export interface Singular {
  /** A pivot below this is rounding, or as good as. */
  readonly dependent: number
  /** The ridge of a row whose normal equations are singular. */
  readonly rescue: number
}

/** Of normal equations that were made in float64. */
const DOUBLE: Singular = { dependent: 2 ** -40, rescue: 1e-10 }
/** Entries × k² between two breaths. */
const STRETCH = 2 ** 23

/** Rows of A that are in a workspace with F, and room for the normal equations of one. */
export interface Problem {
  readonly ws: Workspace
  readonly k: number
  /** k padded to a multiple of four. */
  readonly width: number
  readonly ridge: number
  readonly singular: Singular
  /** Addresses: the factor, the k × k matrix. */
  readonly f: number
  readonly g: number
}

/** One row of them: its entries are `count` numbers at these addresses, its unknowns are at `x`. */
export interface ProblemRow {
  readonly index: number
  readonly count: number
  readonly pointers: number
  readonly indices: number
  readonly values: number
  /** `width` numbers, which hold Fᵀm at first. */
  readonly x: number
}

/** How a row is solved: what is at `row.x` when it ends is the answer. Answers with flops. */
type RowSolver = (problem: Problem, row: ProblemRow) => Steps<number>

/** The rows of X by the normal equations of each. */
export function* rowSolveSteps(A: SparseRows, F: Matrix, ridge: number): Steps<RowSolution> {
  return yield* eachRowSteps(A, F, ridge, F.shape[1]! ** 2, solveRowSteps)
}

/** Runs a solver on each row that has entries; `cost` is its work per entry. */
export function* eachRowSteps(
  A: SparseRows,
  F: Matrix,
  ridge: number,
  cost: number,
  solver: RowSolver,
): Steps<RowSolution> {
  const [m, k] = [A.shape[0], F.shape[1]!]
  const width = 4 * Math.ceil(k / 4)
  const X = wrap(new Float64Array(m * k), m, k)
  let flops = 0
  if (k === 0) return { X, flops }
  const { pieces, entries, rows } = piecesOf(A, cost)
  const ws = acquire()
  try {
    const piece = {
      pointers: ws.alloc32(rows + 1),
      indices: ws.alloc32(entries),
      values: ws.alloc64(entries),
    }
    const f = stagePadded(ws, F, width)
    const problem = { ws, k, width, ridge, singular: DOUBLE, f, g: ws.alloc64(width * width) }
    const x = ws.alloc64(rows * width)
    for (const [from, to] of pieces) {
      stagePiece(ws, A, from, to, piece)
      ws.kernels.csrTimes(to - from, width, piece.pointers, piece.indices, piece.values, f, x)
      for (let i = from; i < to; i++) {
        const first = A.pointers[i]! - A.pointers[from]!
        const row: ProblemRow = {
          index: i,
          count: A.pointers[i + 1]! - A.pointers[i]!,
          pointers: piece.pointers + 4 * (i - from),
          indices: piece.indices + 4 * first,
          values: piece.values + 8 * first,
          x: x + 8 * width * (i - from),
        }
        if (row.count > 0) flops += 2 * row.count * k + (yield* solver(problem, row))
        X.data.set(ws.f64.subarray(row.x / 8, row.x / 8 + k), i * k)
      }
      yield* breath()
    }
    return { X, flops }
  } finally {
    release(ws)
  }
}

/** A copy of F in rows of `width` numbers. */
function stagePadded(ws: Workspace, F: Matrix, width: number): number {
  const [n, k] = [F.shape[0]!, F.shape[1]!]
  const at = ws.alloc64(n * width)
  if (width === k) {
    stage(dense(contiguous(F)), ws.f64, at)
    return at
  }
  const f64 = ws.f64
  f64.fill(0, at / 8, at / 8 + n * width)
  for (let j = 0; j < n; j++) f64.set(F.data.subarray(j * k, (j + 1) * k), at / 8 + j * width)
  return at
}

/** (FᵀF + λI)·x = Fᵀm; where that is singular, with a ridge that makes the answer nearly the shortest. */
export function* solveRowSteps(problem: Problem, row: ProblemRow): Steps<number> {
  const { k, singular } = problem
  let flops = k ** 3 / 3 + 2 * k * k
  for (const rescue of [0, singular.rescue]) {
    yield* gramSteps(problem, row.count, row.indices, problem.f)
    flops += row.count * k * (k + 1)
    if (factorGram(problem, rescue)) break
  }
  solveFactored(problem, row.x)
  return flops
}

/** G = Σ f·fᵀ over rows of F. */
export function* gramSteps(
  { ws, width, g }: Problem,
  count: number,
  indices: number,
  f: number,
): Steps<void> {
  ws.f64.fill(0, g / 8, g / 8 + width * width)
  const most = Math.max(1, Math.floor(STRETCH / width ** 2))
  for (let e = 0; e < count; e += most) {
    ws.kernels.gatherGram(Math.min(most, count - e), width, indices + 4 * e, f, g)
    if (count > most) yield* breath()
  }
}

/** L of G + λI in its place; false where that is singular but for rounding, and `rescue` 0. */
export function factorGram(
  { ws, k, width, ridge, singular, g }: Pick<Problem, 'ws' | 'k' | 'width' | 'ridge' | 'singular' | 'g'>,
  rescue: number,
): boolean {
  const f64 = ws.f64
  let largest = 0
  for (let t = 0; t < k; t++) largest = Math.max(largest, f64[g / 8 + t * (width + 1)]!)
  // Nothing but zeros in F: the answer is zero.
  const added = largest + ridge === 0 ? 1 : ridge + rescue * largest
  for (let t = 0; t < width; t++) f64[g / 8 + t * (width + 1)]! += t < k ? added : 1
  if (ws.kernels.choleskyPanel(width, width, g, width) < width) return false
  for (let t = 0; t < k; t++) {
    if (rescue === 0 && f64[g / 8 + t * (width + 1)]! ** 2 <= singular.dependent * largest) return false
  }
  return true
}

/** (L·Lᵀ)⁻¹ times the vector at x. */
export function solveFactored({ ws, width, g }: Pick<Problem, 'ws' | 'width' | 'g'>, x: number): void {
  ws.kernels.solveRows(width, 1, g, 1, width, 0, 0, x, 1)
  ws.kernels.solveRows(width, 1, g, width, 1, 1, 0, x, 1)
}

/** Normal equations of some rows that were made elsewhere. */
export interface NormalRows {
  readonly k: number
  /** A row's: `width` = 4·⌈k/4⌉ rows of Gram matrices of so many numbers, zeros beyond k; and the right-hand side, so many. */
  readonly grams: Float64Array
  readonly rights: Float64Array
  readonly ridge: number
  readonly singular: Singular
}

/** Their solutions, in the place of the right-hand sides. */
export function* solveNormalSteps({ k, grams, rights, ridge, singular }: NormalRows): Steps<void> {
  const width = 4 * Math.ceil(k / 4)
  const ws = acquire()
  try {
    const problem = { ws, k, width, ridge, singular, g: ws.alloc64(width * width) }
    const x = ws.alloc64(width)
    const f64 = ws.f64
    for (let i = 0, spent = 0; i < rights.length / width; i++, spent += width ** 3) {
      // Where even that ridge is within rounding, there is one that is not.
      for (const rescue of [0, singular.rescue, 1]) {
        f64.set(grams.subarray(i * width ** 2, (i + 1) * width ** 2), problem.g / 8)
        if (factorGram(problem, rescue)) break
      }
      f64.set(rights.subarray(i * width, (i + 1) * width), x / 8)
      solveFactored(problem, x)
      rights.set(f64.subarray(x / 8, x / 8 + width), i * width)
      if (spent > STRETCH) {
        spent = 0
        yield* breath()
      }
    }
  } finally {
    release(ws)
  }
}

/** xᵢ·F[j] for each entry (i, j) of A. */
export function* rowDotsSteps(A: SparseRows, X: Matrix, F: Matrix): Steps<Float64Array> {
  const k = F.shape[1]!
  const out = new Float64Array(A.values.length)
  const { pieces, entries, rows } = piecesOf(A, k)
  const ws = acquire()
  try {
    const piece = {
      pointers: ws.alloc32(rows + 1),
      indices: ws.alloc32(entries),
      values: ws.alloc64(entries),
    }
    const f = ws.alloc64(F.data.length)
    const x = ws.alloc64(rows * k)
    ws.f64.set(F.data, f / 8)
    for (const [from, to] of pieces) {
      stagePiece(ws, A, from, to, piece)
      ws.f64.set(X.data.subarray(from * k, to * k), x / 8)
      ws.kernels.csrDots(to - from, k, piece.pointers, piece.indices, x, f, piece.values)
      const [e0, e1] = [A.pointers[from]!, A.pointers[to]!]
      out.set(ws.f64.subarray(piece.values / 8, piece.values / 8 + e1 - e0), e0)
      yield* breath()
    }
    return out
  } finally {
    release(ws)
  }
}
