import type { Matrix } from '../arrays.js'
import { operandOf } from './denseoperator.js'
import { ShapeError } from '../errors.js'
import { exactlyMade, operatorFromSteps, precisionOf } from '../operators.js'
import type { AnyOperator, AsyncLinearOperator, LinearOperator, Operand, SyncOperand } from '../operators.js'
import { adjointProduct, bothProducts, columnsOf, diagonalOf, offers, product, rowsOf } from '../products.js'

/**
 * A + B + … as an operator; nothing is added up but the products.
 *
 * @param operands - one or more, all m × n.
 * @returns a `LinearOperator`, or an `AsyncLinearOperator` where one of the operands is. It offers `both`,
 * `columns`, `rows` and `diagonal` where all of them do. Cost: the products of all.
 * @throws ShapeError where shapes differ or there is no operand; NotFiniteError for NaN or ±Infinity.
 *
 * @example
 * ```ts
 * import { csr, rsvd, sum } from 'lowrank'
 * const sparse = csr({ shape: [2, 2], rows: [0], cols: [1], values: [3] })
 * rsvd(sum(sparse, [[1, 0], [0, 1]]), { rank: 1 })
 * ```
 */
export function sum(...operands: SyncOperand[]): LinearOperator
export function sum(...operands: AsyncLinearOperator[]): AsyncLinearOperator
export function sum(...operands: Operand[]): AnyOperator
export function sum(...operands: Operand[]): AnyOperator {
  const [first, ...rest] = operands.map((A, t) => operandOf(A, 'sum', `operands[${t}]`))
  if (first === undefined) {
    throw new ShapeError({ fn: 'sum', argument: 'operands', expected: 'one operand or more', given: 'none' })
  }
  return rest.reduce(sumOfTwo, first)
}

function sumOfTwo(A: AnyOperator, B: AnyOperator, index: number): AnyOperator {
  if (A.shape[0] !== B.shape[0] || A.shape[1] !== B.shape[1]) {
    throw new ShapeError({
      fn: 'sum',
      argument: `operands[${index + 1}]`,
      expected: `the shape ${A.shape.join('×')} of the first`,
      given: B.shape.join('×'),
    })
  }
  const offer = (what: 'both' | 'columns' | 'rows' | 'diagonal'): boolean =>
    offers(A, what) && offers(B, what)
  return operatorFromSteps(
    A.shape,
    A.async === true || B.async === true,
    {
      *matmat(X) {
        return added(yield* product(A, X), yield* product(B, X))
      },
      *rmatmat(Y) {
        return added(yield* adjointProduct(A, Y), yield* adjointProduct(B, Y))
      },
      ...(offer('both') && {
        *both(X, Y) {
          const ofA = yield* bothProducts(A, X, Y)
          const ofB = yield* bothProducts(B, X, Y)
          return { AX: added(ofA.AX, ofB.AX), AtY: added(ofA.AtY, ofB.AtY) }
        },
      }),
      ...(offer('columns') && {
        *columns(J) {
          return added(yield* columnsOf(A, J), yield* columnsOf(B, J))
        },
      }),
      ...(offer('rows') && {
        *rows(I) {
          return added(yield* rowsOf(A, I), yield* rowsOf(B, I))
        },
      }),
      ...(offer('diagonal') && {
        *diagonal() {
          const ofB = yield* diagonalOf(B)
          return (yield* diagonalOf(A)).map((d, i) => d + ofB[i]!)
        },
      }),
    },
    Math.max(precisionOf(A), precisionOf(B)),
    exactlyMade([A, B], ([exactA, exactB]) => sumOfTwo(exactA!, exactB!, index)),
  )
}

/** X + Y, in the place of X. */
function added(X: Matrix, Y: Matrix): Matrix {
  const [x, y] = [X.data, Y.data]
  for (let e = 0; e < x.length; e++) x[e]! += y[e]!
  return X
}
