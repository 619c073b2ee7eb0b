import { asFiniteMatrix, dense } from '../arrays.js'
import type { Dense, Matrix, MatrixLike } from '../arrays.js'
import { stage } from './blocks.js'
import { SingularMatrixError } from '../errors.js'
import { bool, readOptions, withDefault } from '../options.js'
import { checkSquare, takeRightHand } from './righthand.js'
import type { RightHand } from './righthand.js'
import { stageColumns, unstage } from './stage.js'
import { fromSteps } from '../steps.js'
import type { RunOptions, Steps } from '../steps.js'
import { strided, trsmSteps, turnedTriangle } from './triangular.js'
import type { Triangle } from './triangular.js'
import { acquire, release } from '../wasm/workspace.js'
import type { Workspace } from '../wasm/workspace.js'

/** Which triangle `solveTriangular` reads, and whether it is transposed. */
export interface SolveTriangularOptions extends RunOptions {
  /** True for an upper triangle; false, the default, for a lower one. */
  readonly upper?: boolean | undefined
  /** The diagonal counts as ones and is not read. Default false. */
  readonly unit?: boolean | undefined
  /** Solve with Tᵀ. Default false. */
  readonly trans?: boolean | undefined
}

/**
 * X with T·X = B, or Tᵀ·X = B, for a triangular T.
 *
 * @param T - n × n; the other triangle is not read, but must be finite.
 * @param B - a vector of n numbers, or n × r.
 * @returns a vector, or n × r.
 * @throws SingularMatrixError with the index of the first 0 on the diagonal; ShapeError; NotFiniteError;
 * OptionError.
 * Cost: n²r flops; blocks of 32 by substitution, the rest by gemm. Memory: n² + 2nr numbers.
 * Accuracy: (T + E)·X = B column by column with |E| ≤ n·eps·|T|, entry by entry (Higham 2002, theorem 8.5).
 *
 * @example
 * ```ts
 * import { solveTriangular } from 'lowrank'
 * solveTriangular([[2, 0], [1, 4]], [2, 9])   // 1, 2
 * ```
 */
export const solveTriangular: {
  (T: MatrixLike, B: ArrayLike<number>, options?: SolveTriangularOptions): Float64Array
  (T: MatrixLike, B: MatrixLike, options?: SolveTriangularOptions): Matrix
  async(T: MatrixLike, B: ArrayLike<number>, options?: SolveTriangularOptions): Promise<Float64Array>
  async(T: MatrixLike, B: MatrixLike, options?: SolveTriangularOptions): Promise<Matrix>
} = /*#__PURE__*/ fromSteps(solveTriangularSteps, 2) as never

/** The steps behind `solveTriangular`. */
export function* solveTriangularSteps(
  t: MatrixLike,
  B: RightHand,
  options?: SolveTriangularOptions,
): Steps<Matrix | Float64Array> {
  const fn = 'solveTriangular'
  const { upper, unit, trans } = readOptions(fn, options, {
    upper: withDefault(bool, false),
    unit: withDefault(bool, false),
    trans: withDefault(bool, false),
  })
  const T = dense(asFiniteMatrix(t, fn, 'T'))
  checkSquare(T, fn, 'T')
  const { view, give } = takeRightHand(B, fn, T.rows)
  const ws = acquire()
  try {
    const X = stageColumns(ws, view)
    const triangle = stageTriangle(ws, T, upper, unit)
    if (!unit) checkDiagonal(ws, triangle, fn, 'T')
    yield* trsmSteps(ws, trans ? turnedTriangle(triangle) : triangle, strided(X), X.cols)
    return give(unstage(ws, X))
  } finally {
    release(ws)
  }
}

/** Copies a triangular matrix in, in the order in which it lies. */
export function stageTriangle(ws: Workspace, T: Dense, upper: boolean, unit: boolean): Triangle {
  const at = ws.alloc64(T.rows * T.cols)
  return { ...stage(T, ws.f64, at), n: T.rows, upper, unit }
}

/** Refuses a triangle with a 0 on its diagonal. */
export function checkDiagonal(
  ws: Workspace,
  { at, rs, cs, n }: Triangle,
  fn: string,
  argument: string,
): void {
  const f64 = ws.f64
  for (let index = 0; index < n; index++) {
    if (f64[at / 8 + index * (rs + cs)] !== 0) continue
    throw new SingularMatrixError({
      fn,
      argument,
      expected: 'a matrix without a zero pivot',
      given: `0 at [${index}, ${index}]`,
      index,
    })
  }
}
