import { asFiniteMatrix, dense } from '../arrays.js'
import type { Dense, Matrix, MatrixLike } from '../arrays.js'
import { readOptions } from '../options.js'
import { identityPermutation, productOf, signOf } from './pivots.js'
import { checkSquare, solver } from './righthand.js'
import type { Solver } from './righthand.js'
import { checkDiagonal, stageTriangle } from './solvetriangular.js'
import { allocColumns, part, stageColumns, unstage } from './stage.js'
import type { Columns } from './stage.js'
import { breath, fromSteps } from '../steps.js'
import type { RunOptions, Steps } from '../steps.js'
import { addProductSteps, strided, trsmSteps } from './triangular.js'
import { acquire, release } from '../wasm/workspace.js'
import type { Workspace } from '../wasm/workspace.js'

/** A matrix as L·U with its rows exchanged. */
export interface Lu {
  /** Row i of L·U is row perm[i] of A. */
  readonly perm: Int32Array
  /** m × p, p = min(m, n): unit lower triangular, entries of magnitude at most 1. */
  readonly L: Matrix
  /** p × n, upper triangular. */
  readonly U: Matrix
  /** X with A·X = B, for a vector or a matrix B. */
  readonly solve: Solver
  /** The determinant of a square A. */
  det(): number
}

/**
 * LU factorization with partial pivoting: A[perm, :] = L·U.
 *
 * The columns are halved until a panel is left (Toledo 1997), so that nearly all of the work is gemm.
 *
 * @param A - m × n, any strides; singular and empty matrices too.
 * @returns `L`, `U`, `perm`; `solve(B)` (square A, 2n²r flops), which throws SingularMatrixError with the
 * index of the first zero pivot; and `det()` (square A), which is 0 or ±Infinity where it leaves the range of
 * numbers.
 * @throws NotFiniteError; OptionError; from `solve` and `det`, ShapeError where A is not square.
 * Cost: mn² − n³/3 flops (m ≥ n). Memory: about 3mn numbers.
 * Accuracy: ‖A[perm, :] − LU‖ ≤ c·n·eps·ρ·‖A‖, where the growth ρ = max|U|/max|A| is small in practice and
 * 2ⁿ⁻¹ at worst (Wilkinson 1961).
 *
 * @example
 * ```ts
 * import { lu } from 'lowrank'
 * const { perm, L, U, solve, det } = lu([[1, 2], [3, 4]])   // perm = 1, 0
 * det()          // −2
 * solve([5, 11])  // 1, 2
 * ```
 */
export const lu: {
  (A: MatrixLike, options?: RunOptions): Lu
  async(A: MatrixLike, options?: RunOptions): Promise<Lu>
} = /*#__PURE__*/ fromSteps(luSteps, 1)

/**
 * The determinant, by LU with partial pivoting; 1 for an empty matrix.
 *
 * @param A - n × n.
 * @throws ShapeError where A is not square; NotFiniteError; OptionError.
 * Cost: 2n³/3 flops. 0 or ±Infinity where the determinant leaves the range of numbers.
 *
 * @example
 * ```ts
 * import { det } from 'lowrank'
 * det([[1, 2], [3, 4]])   // −2
 * ```
 */
export const det: {
  (A: MatrixLike, options?: RunOptions): number
  async(A: MatrixLike, options?: RunOptions): Promise<number>
} = /*#__PURE__*/ fromSteps(detSteps, 1)

/** The steps behind `lu`. */
export function* luSteps(a: MatrixLike, options?: RunOptions): Steps<Lu> {
  const fn = 'lu'
  readOptions(fn, options, {})
  const A = dense(asFiniteMatrix(a, fn, 'A'))
  const ws = acquire()
  try {
    const F = stageColumns(ws, A)
    const { perm } = yield* luFactorSteps(ws, F, 'partial')
    const p = Math.min(A.rows, A.cols)
    const L = unitLower(ws, F, p)
    const U = upperRows(ws, F, p)
    return {
      perm,
      L,
      U,
      solve: solver(`${fn}(A).solve`, A.rows, (B) => solveSteps(A, perm, L, U, B)),
      det() {
        checkSquare(A, `${fn}(A).det`)
        return productOf(diagonalOf(U), signOf(perm))
      },
    }
  } finally {
    release(ws)
  }
}

function* detSteps(a: MatrixLike, options?: RunOptions): Steps<number> {
  const fn = 'det'
  readOptions(fn, options, {})
  const A = dense(asFiniteMatrix(a, fn, 'A'))
  checkSquare(A, fn)
  const ws = acquire()
  try {
    const F = stageColumns(ws, A)
    const { perm } = yield* luFactorSteps(ws, F, 'partial')
    return productOf(pivotsOf(ws, F), signOf(perm))
  } finally {
    release(ws)
  }
}

function* solveSteps(A: Dense, perm: Int32Array, L: Matrix, U: Matrix, B: Dense): Steps<Matrix> {
  const fn = 'lu(A).solve'
  checkSquare(A, fn)
  const ws = acquire()
  try {
    const X = permutedRows(ws, stageColumns(ws, B), perm)
    const upper = stageTriangle(ws, dense(U), true, false)
    checkDiagonal(ws, upper, fn, 'A')
    yield* trsmSteps(ws, stageTriangle(ws, dense(L), false, true), strided(X), X.cols)
    yield* trsmSteps(ws, upper, strided(X), X.cols)
    return unstage(ws, X)
  } finally {
    release(ws)
  }
}

/** Columns of a panel that is factored without blocks. */
const WIDTH = 16

export interface LuFactors {
  /** Row i of the factors is row perm[i] of A. */
  readonly perm: Int32Array
  /** Where 'none' met a zero pivot above something else; there the factors end. */
  readonly failed: number | undefined
}

/** Factors A in place: unit L below the diagonal, U on and above it. A column without a pivot is left as it is. */
export function* luFactorSteps(
  ws: Workspace,
  A: Columns,
  pivot: 'partial' | 'none',
  width = WIDTH,
): Steps<LuFactors> {
  const p = Math.min(A.rows, A.cols)
  const swaps = identityPermutation(p)
  const perm = identityPermutation(A.rows)
  const left = part(A, 0, A.rows, 0, p)
  const failed = yield* columnsSteps(ws, left, 0, p, pivot, swaps, width)
  if (failed === undefined && p < A.cols) yield* acrossSteps(ws, A, 0, p, A.cols, swaps)
  swaps.forEach((r, k) => ([perm[k], perm[r]] = [perm[r]!, perm[k]!]))
  return { perm, failed }
}

/** Factors columns [j0, j1), to which all before have been applied. */
function* columnsSteps(
  ws: Workspace,
  A: Columns,
  j0: number,
  j1: number,
  pivot: 'partial' | 'none',
  swaps: Int32Array,
  width: number,
): Steps<number | undefined> {
  const { rows: m, ld } = A
  const w = j1 - j0
  if (w <= width) {
    const mark = ws.mark()
    const pivots = ws.alloc64(w)
    const done = ws.kernels.luPanel(
      m - j0,
      w,
      A.at + 8 * (j0 + j0 * ld),
      ld,
      pivots,
      Number(pivot !== 'none'),
    )
    if (pivot !== 'none') for (let t = 0; t < w; t++) swaps[j0 + t] = j0 + ws.f64[pivots / 8 + t]!
    ws.reset(mark)
    yield* breath()
    return done < w ? j0 + done : undefined
  }
  const half = j0 + Math.ceil(w / 2 / width) * width
  const failedLeft = yield* columnsSteps(ws, A, j0, half, pivot, swaps, width)
  if (failedLeft !== undefined) return failedLeft
  yield* acrossSteps(ws, A, j0, half, j1, swaps)
  const failedRight = yield* columnsSteps(ws, A, half, j1, pivot, swaps, width)
  swapRows(ws, part(A, 0, m, j0, half), swaps, half, j1)
  return failedRight
}

/** Applies the factored columns [j0, j1) to columns [j1, j2): swaps, the rows of U, and the rest. */
function* acrossSteps(
  ws: Workspace,
  A: Columns,
  j0: number,
  j1: number,
  j2: number,
  swaps: Int32Array,
): Steps<void> {
  const m = A.rows
  const right = part(A, 0, m, j1, j2)
  swapRows(ws, right, swaps, j0, j1)
  const triangle = { ...strided(part(A, j0, j1, j0, j1)), n: j1 - j0, upper: false, unit: true }
  const U = strided(part(A, j0, j1, j1, j2))
  yield* trsmSteps(ws, triangle, U, j2 - j1)
  const below = strided(part(A, j1, m, j0, j1))
  yield* addProductSteps(ws, m - j1, j2 - j1, j1 - j0, -1, below, U, strided(part(A, j1, m, j1, j2)))
}

/** Exchanges rows k and swaps[k] for k in [k0, k1), column by column. */
function swapRows(ws: Workspace, A: Columns, swaps: Int32Array, k0: number, k1: number): void {
  const f64 = ws.f64
  for (let j = 0; j < A.cols; j++) {
    const column = A.at / 8 + j * A.ld
    for (let k = k0; k < k1; k++) {
      const r = swaps[k]!
      if (r === k) continue
      const value = f64[column + k]!
      f64[column + k] = f64[column + r]!
      f64[column + r] = value
    }
  }
}

/** Row i is row perm[i] of `B`. */
export function permutedRows(ws: Workspace, B: Columns, perm: Int32Array): Columns {
  const P = allocColumns(ws, perm.length, B.cols)
  const f64 = ws.f64
  for (let j = 0; j < B.cols; j++) {
    const [from, to] = [B.at / 8 + j * B.ld, P.at / 8 + j * P.ld]
    for (let i = 0; i < perm.length; i++) f64[to + i] = f64[from + perm[i]!]!
  }
  return P
}

/** The first r columns of what is below the diagonal of the factors, with ones on it. */
export function unitLower(ws: Workspace, F: Columns, r: number): Matrix {
  const L = unstage(ws, part(F, 0, F.rows, 0, r))
  for (let i = 0; i < r; i++) {
    L.data[i * (r + 1)] = 1
    L.data.fill(0, i * (r + 1) + 1, (i + 1) * r)
  }
  return L
}

/** The first r rows of what is on and above the diagonal of the factors. */
export function upperRows(ws: Workspace, F: Columns, r: number): Matrix {
  const U = unstage(ws, part(F, 0, r, 0, F.cols))
  for (let i = 1; i < r; i++) U.data.fill(0, i * F.cols, i * F.cols + i)
  return U
}

/** The diagonal of the factors. */
export function pivotsOf(ws: Workspace, F: Columns): Float64Array {
  const f64 = ws.f64
  return Float64Array.from({ length: Math.min(F.rows, F.cols) }, (_, i) => f64[F.at / 8 + i * (F.ld + 1)]!)
}

const diagonalOf = (U: Matrix): Float64Array =>
  Float64Array.from({ length: U.shape[0]! }, (_, i) => U.data[i * (U.shape[1]! + 1)]!)
