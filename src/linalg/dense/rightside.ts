import { packed, wrap } from '../arrays.js'
import type { Matrix, MatrixLike } from '../arrays.js'
import { columnNorms } from '../operators/columnwise.js'
import { scaledColumns } from '../thin.js'
import type { AsyncLinearOperator, Operand, SyncOperand } from '../operators.js'
import { takeRightHand } from './righthand.js'
import type { RightHand } from './righthand.js'

// A right-hand side that is a vector gives a vector, a matrix gives a matrix.

/** What an iterative solver answers with. */
export interface Solution<X> {
  /** A vector for a vector, a matrix for a matrix: one column for each right-hand side. */
  readonly x: X
  /** Iterations of the column that took longest; all columns go in lockstep. */
  readonly iterations: number
  /** ‖b − A·x‖₂ / ‖b‖₂, freshly computed; the largest of all columns, 0 where b is 0. */
  readonly residual: number
}

/** A solver of A·x = b or least squares: what it answers with follows the operand and the right-hand side. */
export interface IterativeSolver<Options, One = Solution<Float64Array>, Many = Solution<Matrix>> {
  (A: SyncOperand, b: ArrayLike<number>, options?: Options): One
  (A: SyncOperand, B: MatrixLike, options?: Options): Many
  (A: AsyncLinearOperator, b: ArrayLike<number>, options?: Options): Promise<One>
  (A: AsyncLinearOperator, B: MatrixLike, options?: Options): Promise<Many>
  (A: Operand, b: ArrayLike<number>, options?: Options): One | Promise<One>
  (A: Operand, B: MatrixLike, options?: Options): Many | Promise<Many>
  /** The same text run cooperatively: the event loop has its turn at least every 16 ms. */
  async(A: Operand, b: ArrayLike<number>, options?: Options): Promise<One>
  async(A: Operand, B: MatrixLike, options?: Options): Promise<Many>
}

/** A right-hand side as columns of size near 1. */
export interface RightSide {
  /** Column j of what was given, times scale[j]. */
  readonly B: Matrix
  /** Powers of two, so that nothing is rounded; 1 for a column of zeros. */
  readonly scale: Float64Array
  /** The norms of the scaled columns. */
  readonly norms: Float64Array
  /** The solution of what was given, in its form. */
  answer(X: Matrix): Float64Array | Matrix
}

/** Takes a right-hand side of `rows` rows in. Scaled, its squares neither overflow nor vanish. */
export function rightSide(b: RightHand, rows: number, fn: string): RightSide {
  const { view, give } = takeRightHand(b, fn, rows)
  const given = wrap(packed(view), view.rows, view.cols)
  const scale = columnNorms(given).map((norm) => (norm === 0 ? 1 : 2 ** -exponent(norm)))
  const B = scaledColumns(given, scale)
  return {
    B,
    scale,
    norms: columnNorms(B),
    answer: (X) =>
      give(
        scaledColumns(
          X,
          scale.map((s) => 1 / s),
        ),
      ),
  }
}

/** ⌊log₂ x⌋, held where both powers of two are normal numbers. */
const exponent = (x: number): number => Math.max(-1022, Math.min(1022, Math.floor(Math.log2(x))))
