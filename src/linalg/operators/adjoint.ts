import { contiguous } from '../arrays.js'
import { operandOf } from './denseoperator.js'
import { exactlyMade, operatorFromSteps, precisionOf } from '../operators.js'
import type { AnyOperator, AsyncLinearOperator, LinearOperator, Operand, SyncOperand } from '../operators.js'
import {
  adjointProduct,
  bothProducts,
  columnsOf,
  diagonalOf,
  knownNorm,
  offers,
  product,
  rowsOf,
  sketchedProduct,
} from '../products.js'
import type { SketchForm } from './sketchform.js'

/**
 * Aᵀ as an operator; nothing is copied.
 *
 * @param A - m × n matrix or operator.
 * @returns an n × m operator of A's kind, which offers what A offers, `normal` apart (AAᵀ is another
 * matrix than AᵀA). Cost: A's products.
 *
 * @example
 * ```ts
 * import { adjoint, csr } from 'lowrank'
 * adjoint(csr({ shape: [2, 3], rows: [0], cols: [2], values: [5] })).shape   // [3, 2]
 * ```
 */
export function adjoint(A: SyncOperand): LinearOperator
export function adjoint(A: AsyncLinearOperator): AsyncLinearOperator
export function adjoint(A: Operand): AnyOperator
export function adjoint(given: Operand): AnyOperator {
  const A = operandOf(given, 'adjoint', 'A')
  return operatorFromSteps(
    [A.shape[1], A.shape[0]],
    A.async === true,
    {
      matmat: (X) => adjointProduct(A, X),
      rmatmat: (Y) => product(A, Y),
      ...(offers(A, 'both') && {
        *both(X, Y) {
          const { AX, AtY } = yield* bothProducts(A, Y, X)
          return { AX: AtY, AtY: AX }
        },
      }),
      ...(offers(A, 'rows') && {
        *columns(J) {
          return contiguous((yield* rowsOf(A, J)).transpose(1, 0))
        },
      }),
      ...(offers(A, 'columns') && {
        *rows(I) {
          return contiguous((yield* columnsOf(A, I)).transpose(1, 0))
        },
      }),
      ...(offers(A, 'diagonal') && { diagonal: () => diagonalOf(A) }),
      ...(offers(A, 'frobeniusNorm') && {
        *frobeniusNorm() {
          return (yield* knownNorm(A))!
        },
      }),
      ...(offers(A, 'sketched') && {
        sketched: (form: SketchForm, turned: boolean) => sketchedProduct(A, form, !turned),
      }),
    },
    precisionOf(A),
    exactlyMade([A], ([exact]) => adjoint(exact!)),
  )
}
