import { asFiniteMatrix, asVector, dense, isVector, wrap } from '../arrays.js'
import type { Dense, Matrix, MatrixLike } from '../arrays.js'
import { ShapeError } from '../errors.js'
import { readOptions } from '../options.js'
import { fromSteps } from '../steps.js'
import type { RunOptions, Steps } from '../steps.js'

// A right-hand side may be a vector or a matrix, and the answer is of the same kind.

/** A vector or a matrix. */
export type RightHand = ArrayLike<number> | MatrixLike

/**
 * Solves for a right-hand side: a vector gives a vector, a matrix a matrix. (TypeScript cannot see that an
 * ndarray has one dimension; such a one gives a `Float64Array` too.)
 */
export interface Solver {
  (B: ArrayLike<number>, options?: RunOptions): Float64Array
  (B: MatrixLike, options?: RunOptions): Matrix
  async(B: ArrayLike<number>, options?: RunOptions): Promise<Float64Array>
  async(B: MatrixLike, options?: RunOptions): Promise<Matrix>
}

/** Makes the `solve` of a factorization of an n × n matrix. */
export function solver(fn: string, n: number, steps: (B: Dense) => Steps<Matrix>): Solver {
  return fromSteps(function* (B: RightHand, options?: RunOptions): Steps<Matrix | Float64Array> {
    readOptions(fn, options, {})
    const { view, give } = takeRightHand(B, fn, n)
    return give(yield* steps(view))
  }, 1) as never
}

/** A right-hand side of `rows` finite numbers per column, and what turns the answer back into its kind. */
export function takeRightHand(
  B: RightHand,
  fn: string,
  rows: number,
): { view: Dense; give: (X: Matrix) => Matrix | Float64Array } {
  if (isVector(B)) {
    const b = asVector(B, fn, 'B', rows)
    return { view: dense(wrap(b, rows, 1)), give: (X) => X.data }
  }
  const view = dense(asFiniteMatrix(B, fn, 'B'))
  if (view.rows !== rows) {
    throw new ShapeError({
      fn,
      argument: 'B',
      expected: `a vector of ${rows} or a matrix of ${rows} rows`,
      given: `${view.rows}×${view.cols}`,
    })
  }
  return { view, give: (X) => X }
}

/** Refuses a matrix that is not square. */
export function checkSquare(A: Dense, fn: string, argument = 'A'): void {
  if (A.rows === A.cols) return
  throw new ShapeError({ fn, argument, expected: 'a square matrix', given: `${A.rows}×${A.cols}` })
}
