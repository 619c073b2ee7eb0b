import { asFiniteMatrix, dense } from '../arrays.js'
import type { Dense, Matrix, MatrixLike } from '../arrays.js'
import { NotPositiveDefiniteError } from '../errors.js'
import { readOptions } from '../options.js'
import { solver } from './righthand.js'
import type { Solver } from './righthand.js'
import { stageTriangle } from './solvetriangular.js'
import { part, stageColumns, unstage } from './stage.js'
import type { Columns } from './stage.js'
import { breath, fromSteps } from '../steps.js'
import type { RunOptions, Steps } from '../steps.js'
import { checkSymmetric } from './symmetric.js'
import { addProductSteps, strided, trsmSteps, turned, turnedTriangle } from './triangular.js'
import { acquire, release } from '../wasm/workspace.js'
import type { Workspace } from '../wasm/workspace.js'

/** The Cholesky factor of a symmetric positive definite matrix, and what solves with it. */
export interface Cholesky {
  /** n × n, lower triangular with a positive diagonal: A = L·Lᵀ. */
  readonly L: Matrix
  /** X with A·X = B, for a vector or a matrix B. */
  readonly solve: Solver
}

/**
 * Cholesky factorization A = L·Lᵀ of a symmetric positive definite matrix, by blocks of columns.
 *
 * @param A - n × n, symmetric: |aᵢⱼ − aⱼᵢ| ≤ √eps·max|A|; the lower triangle is what is factored.
 * @returns `L`, and `solve(B)` (2n²r flops).
 * @throws NotPositiveDefiniteError with the index of the first pivot that is not positive; ShapeError where
 * `A` is not square or not symmetric; NotFiniteError; OptionError.
 * Cost: n³/3 flops. Memory: 2n² numbers.
 * Accuracy: ‖A − LLᵀ‖ ≤ c·n·eps·‖A‖. It succeeds where λmin > c·n·eps·max aᵢᵢ (Higham 2002, theorem 10.7).
 *
 * @example
 * ```ts
 * import { cholesky } from 'lowrank'
 * const { L, solve } = cholesky([[4, 2], [2, 5]])   // L = [[2, 0], [1, 2]]
 * solve([8, 12])   // 1, 2
 * ```
 */
export const cholesky: {
  (A: MatrixLike, options?: RunOptions): Cholesky
  async(A: MatrixLike, options?: RunOptions): Promise<Cholesky>
} = /*#__PURE__*/ fromSteps(choleskySteps, 1)

/** The steps behind `cholesky`. */
export function* choleskySteps(a: MatrixLike, options?: RunOptions): Steps<Cholesky> {
  const fn = 'cholesky'
  readOptions(fn, options, {})
  const A = dense(asFiniteMatrix(a, fn, 'A'))
  checkSymmetric(A, fn)
  const n = A.rows
  const ws = acquire()
  try {
    const C = stageColumns(ws, A)
    const done = yield* choleskyFactorSteps(ws, C)
    if (done < n) {
      throw new NotPositiveDefiniteError({
        fn,
        argument: 'A',
        expected: 'a positive definite matrix',
        given: `pivot ${ws.f64[C.at / 8 + done * (n + 1)]!} at [${done}, ${done}]`,
        index: done,
      })
    }
    const f64 = ws.f64
    for (let j = 1; j < n; j++) f64.fill(0, C.at / 8 + j * n, C.at / 8 + j * n + j)
    const L = unstage(ws, C)
    return { L, solve: solver(`${fn}(A).solve`, n, (B) => solveSteps(L, B)) }
  } finally {
    release(ws)
  }
}

/** Columns per panel. */
const WIDTH = 32

/**
 * Factors the lower triangle of `A` in place, by columns from left to right; what lies above is not read, and
 * may be overwritten. Gives n, or the index of the first pivot that is not positive.
 */
export function* choleskyFactorSteps(ws: Workspace, A: Columns, width = WIDTH): Steps<number> {
  const n = A.cols
  for (let k = 0; k < n; k += width) {
    const b = Math.min(width, n - k)
    const done = part(A, k, n, 0, k)
    const panel = part(A, k, n, k, k + b)
    // All that the columns before take from these: A[k:, k:k+b] −= L[k:, :k]·L[k:k+b, :k]ᵀ.
    yield* addProductSteps(ws, n - k, b, k, -1, strided(done), turned(strided(done)), strided(panel))
    const index = ws.kernels.choleskyPanel(n - k, b, panel.at, panel.ld)
    if (index < b) return k + index
    yield* breath()
  }
  return n
}

function* solveSteps(L: Matrix, B: Dense): Steps<Matrix> {
  const ws = acquire()
  try {
    const X = stageColumns(ws, B)
    const T = stageTriangle(ws, dense(L), false, false)
    yield* trsmSteps(ws, T, strided(X), X.cols)
    yield* trsmSteps(ws, turnedTriangle(T), strided(X), X.cols)
    return unstage(ws, X)
  } finally {
    release(ws)
  }
}
