import { asFiniteMatrix, dense } from '../arrays.js'
import type { Dense, Matrix, MatrixLike } from '../arrays.js'
import { SingularMatrixError } from '../errors.js'
import { completePivotSteps, rookPivotSteps } from './fullpivot.js'
import { luFactorSteps, permutedRows, unitLower, upperRows } from './lu.js'
import { integer, oneOf, optional, readOptions, withDefault } from '../options.js'
import { inverseOf, productOf, signOf } from './pivots.js'
import { checkSquare, solver } from './righthand.js'
import type { Solver } from './righthand.js'
import { stageTriangle } from './solvetriangular.js'
import { stageColumns, unstage } from './stage.js'
import type { Columns } from './stage.js'
import { fromSteps } from '../steps.js'
import type { RunOptions, Steps } from '../steps.js'
import { strided, trsmSteps } from './triangular.js'
import { acquire, release } from '../wasm/workspace.js'
import type { Workspace } from '../wasm/workspace.js'

/** A matrix as L·diag(d)·U with its rows, and perhaps its columns, exchanged. */
export interface Ldu {
  /** Row i of L·diag(d)·U is row perm[i] of A. */
  readonly perm: Int32Array
  /** Column j of it is column colPerm[j] of A; with 'rook' and 'complete' only. */
  readonly colPerm?: Int32Array
  /** m × r, unit lower triangular or trapezoidal. */
  readonly L: Matrix
  /** r pivots; zeros where nothing was left. */
  readonly d: Float64Array
  /** r × n, unit upper triangular or trapezoidal. */
  readonly U: Matrix
  /** X with A·X = B, for a vector or a matrix B. */
  readonly solve: Solver
  /** The determinant of L·diag(d)·U; 0 for r < n. */
  det(): number
}

/** How `ldu` pivots, and after how many pivots it stops. */
export interface LduOptions extends RunOptions {
  /**
   * 'partial' (default): rows are exchanged so that |L| ≤ 1. 'rook' and 'complete': columns too, so that
   * |L| ≤ 1 and |U| ≤ 1; a pivot is the largest of its row and column, or of all that is left. 'none'.
   */
  readonly pivot?: 'partial' | 'rook' | 'complete' | 'none' | undefined
  /** Stop after so many pivots. Default min(m, n); more is clamped. */
  readonly rank?: number | undefined
}

/**
 * LDU factorization A[perm, :] = L·diag(d)·U, or A[perm, colPerm], with unit triangular L and U. Truncated by
 * `rank`, it is the first pivots of the whole one: the Schur complement that is left is dropped.
 *
 * 'rook' (Foster 1997) and 'complete' exist for every matrix and find the rank: d is 0 from where nothing is
 * left (rounding leaves numbers of about eps·|d₀|). 'partial' and 'none' do not always exist.
 *
 * @param A - m × n, any strides; r = min(m, n, rank).
 * @throws SingularMatrixError with the index of a pivot where 'partial' or 'none' meets a 0 with something
 * else in its row (or, with 'none', its column), or where 'none' overflows; OptionError; NotFiniteError. From
 * `solve`: ShapeError where A is not square, SingularMatrixError for a zero pivot or r < n. From `det`:
 * ShapeError.
 * Cost: 2(mn − (m + n)r/2 + r²/3)·r flops, gemm for the most part; with 'complete' they are as slow as memory,
 * and with 'partial' and 'none' the rank saves nothing. Memory: about 3mn numbers.
 * Accuracy: as `lu`; the growth is at most √n·n^{(ln n)/2} or so with 'complete', a little more with 'rook',
 * and unbounded with 'none'.
 *
 * @example
 * ```ts
 * import { ldu } from 'lowrank'
 * const { perm, L, d, U } = ldu([[2, 4], [1, 5]])   // L = [[1, 0], [0.5, 1]], d = 2, 3, U = [[1, 2], [0, 1]]
 * ldu([[0, 1], [0, 0]], { pivot: 'rook' }).d        // 1, 0
 * ```
 */
export const ldu: {
  (A: MatrixLike, options?: LduOptions): Ldu
  async(A: MatrixLike, options?: LduOptions): Promise<Ldu>
} = /*#__PURE__*/ fromSteps(lduSteps, 1)

export function* lduSteps(a: MatrixLike, options?: LduOptions): Steps<Ldu> {
  const fn = 'ldu'
  const { pivot, rank } = readOptions(fn, options, {
    pivot: withDefault(oneOf('partial', 'rook', 'complete', 'none'), 'partial'),
    rank: optional(integer(1)),
  })
  const A = dense(asFiniteMatrix(a, fn, 'A'))
  const r = Math.min(A.rows, A.cols, rank ?? Infinity)
  const ws = acquire()
  try {
    const F = stageColumns(ws, A)
    const { perm, colPerm } = yield* factorSteps(ws, F, pivot, r)
    const L = unitLower(ws, F, r)
    const U = upperRows(ws, F, r)
    const d = unitRows(U, pivot)
    if (pivot === 'none') checkGrowth(L, d, U)
    return {
      perm,
      ...(colPerm && { colPerm }),
      L,
      d,
      U,
      solve: solver(`${fn}(A).solve`, A.rows, (B) => solveSteps(A, { perm, colPerm, L, d, U }, B)),
      det() {
        checkSquare(A, `${fn}(A).det`)
        return d.length < A.rows ? 0 : productOf(d, signOf(perm) * (colPerm ? signOf(colPerm) : 1))
      },
    }
  } finally {
    release(ws)
  }
}

type Pivot = 'partial' | 'rook' | 'complete' | 'none'

interface Permutations {
  readonly perm: Int32Array
  readonly colPerm: Int32Array | undefined
}

function* factorSteps(ws: Workspace, F: Columns, pivot: Pivot, r: number): Steps<Permutations> {
  if (pivot === 'rook') return yield* rookPivotSteps(ws, F, r)
  if (pivot === 'complete') return yield* completePivotSteps(ws, F, r)
  const { perm, failed } = yield* luFactorSteps(ws, F, pivot)
  if (failed !== undefined && failed < r) throw noPivot(pivot, failed)
  return { perm, colPerm: undefined }
}

/** Divides the rows of U by their pivots, which it gives. A row without a pivot becomes that of the identity. */
function unitRows(U: Matrix, pivot: Pivot): Float64Array {
  const [r = 0, n = 0] = U.shape
  return Float64Array.from({ length: r }, (_, k) => {
    const row = U.data.subarray(k * n + k, (k + 1) * n)
    const d = row[0]!
    if (d === 0 && row.some((value) => value !== 0)) throw noPivot(pivot, k)
    for (let j = 1; j < row.length; j++) if (d !== 0) row[j]! /= d
    row[0] = 1
    return d
  })
}

function noPivot(pivot: Pivot, index: number): SingularMatrixError {
  return new SingularMatrixError({
    fn: 'ldu',
    argument: 'A',
    expected: `a matrix that has an LDU factorization with pivot: '${pivot}' (every matrix has one with pivot: 'rook')`,
    given: `a zero pivot at ${index} with something else in its row or column`,
    index,
  })
}

/** Without pivoting a tiny pivot may send the rest out of the range of numbers. */
function checkGrowth(L: Matrix, d: Float64Array, U: Matrix): void {
  if ([L.data, d, U.data].every((values) => values.every(Number.isFinite))) return
  throw new SingularMatrixError({
    fn: 'ldu',
    argument: 'A',
    expected: "factors in the range of numbers (with pivot: 'rook' they are)",
    given: "overflow with pivot: 'none'",
    index: Math.max(
      0,
      d.findIndex((value) => !Number.isFinite(value)),
    ),
  })
}

interface Factors extends Permutations {
  readonly L: Matrix
  readonly d: Float64Array
  readonly U: Matrix
}

function* solveSteps(A: Dense, { perm, colPerm, L, d, U }: Factors, B: Dense): Steps<Matrix> {
  const fn = 'ldu(A).solve'
  checkSquare(A, fn)
  const n = A.rows
  const zero = d.indexOf(0)
  const index = zero < 0 ? d.length : zero
  if (index < n) {
    throw new SingularMatrixError({
      fn,
      argument: 'A',
      expected: `${n} pivots other than 0`,
      given: zero < 0 ? `an LDU truncated to rank ${index}` : `0 at ${index}`,
      index,
    })
  }
  const ws = acquire()
  try {
    const X = permutedRows(ws, stageColumns(ws, B), perm)
    yield* trsmSteps(ws, stageTriangle(ws, dense(L), false, true), strided(X), X.cols)
    divideRows(ws, X, d)
    yield* trsmSteps(ws, stageTriangle(ws, dense(U), true, true), strided(X), X.cols)
    return unstage(ws, colPerm ? permutedRows(ws, X, inverseOf(colPerm)) : X)
  } finally {
    release(ws)
  }
}

function divideRows(ws: Workspace, X: Columns, d: Float64Array): void {
  const f64 = ws.f64
  for (let j = 0; j < X.cols; j++) {
    const column = X.at / 8 + j * X.ld
    for (let i = 0; i < X.rows; i++) f64[column + i]! /= d[i]!
  }
}
