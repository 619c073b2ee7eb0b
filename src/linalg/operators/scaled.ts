import { asVector } from '../arrays.js'
import type { Matrix } from '../arrays.js'
import { operandOf } from './denseoperator.js'
import { exactlyMade, operatorFromSteps, precisionOf } from '../operators.js'
import type { AnyOperator, AsyncLinearOperator, LinearOperator, Operand, SyncOperand } from '../operators.js'
import {
  adjointProduct,
  bothProducts,
  columnsOf,
  diagonalOf,
  knownNorm,
  normalProduct,
  offers,
  product,
  rowsOf,
  sketchedProduct,
} from '../products.js'
import type { SketchForm } from './sketchform.js'

/**
 * alpha·A as an operator; nothing is copied.
 *
 * @param A - m × n matrix or operator.
 * @returns an operator of A's kind, which offers what A offers. Cost: A's products, and one multiplication
 * for each number of the answer.
 * @throws NotFiniteError where `alpha` is no finite number.
 *
 * @example
 * ```ts
 * import { eye, scaled } from 'lowrank'
 * scaled([[1, 2], [3, 4]], -2).matmat(eye(2))   // [[-2, -4], [-6, -8]]
 * ```
 */
export function scaled(A: SyncOperand, alpha: number): LinearOperator
export function scaled(A: AsyncLinearOperator, alpha: number): AsyncLinearOperator
export function scaled(A: Operand, alpha: number): AnyOperator
export function scaled(given: Operand, alpha: number): AnyOperator {
  asVector([alpha], 'scaled', 'alpha')
  const A = operandOf(given, 'scaled', 'A')
  return operatorFromSteps(
    A.shape,
    A.async === true,
    {
      *matmat(X) {
        return times(alpha, yield* product(A, X))
      },
      *rmatmat(Y) {
        return times(alpha, yield* adjointProduct(A, Y))
      },
      ...(offers(A, 'both') && {
        *both(X, Y) {
          const { AX, AtY } = yield* bothProducts(A, X, Y)
          return { AX: times(alpha, AX), AtY: times(alpha, AtY) }
        },
      }),
      ...(offers(A, 'normal') && {
        *normal(X) {
          // Twice, since alpha² may overflow or vanish where alpha²·AᵀA·X does not.
          return times(alpha, times(alpha, yield* normalProduct(A, X)))
        },
      }),
      ...(offers(A, 'columns') && {
        *columns(J) {
          return times(alpha, yield* columnsOf(A, J))
        },
      }),
      ...(offers(A, 'rows') && {
        *rows(I) {
          return times(alpha, yield* rowsOf(A, I))
        },
      }),
      ...(offers(A, 'diagonal') && {
        *diagonal() {
          return (yield* diagonalOf(A)).map((d) => alpha * d)
        },
      }),
      ...(offers(A, 'frobeniusNorm') && {
        *frobeniusNorm() {
          return Math.abs(alpha) * (yield* knownNorm(A))!
        },
      }),
      ...(offers(A, 'sketched') && {
        *sketched(form: SketchForm, turned: boolean) {
          return times(alpha, yield* sketchedProduct(A, form, turned))
        },
      }),
    },
    precisionOf(A),
    exactlyMade([A], ([exact]) => scaled(exact!, alpha)),
  )
}

/** alpha·X, in place. */
function times(alpha: number, X: Matrix): Matrix {
  const { data } = X
  for (let e = 0; e < data.length; e++) data[e]! *= alpha
  return X
}
