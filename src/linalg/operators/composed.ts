import { contiguous } from '../arrays.js'
import { operandOf } from './denseoperator.js'
import { ShapeError } from '../errors.js'
import { exactlyMade, operatorFromSteps, precisionOf } from '../operators.js'
import type { AnyOperator, AsyncLinearOperator, LinearOperator, Operand, SyncOperand } from '../operators.js'
import { adjointProduct, columnsOf, normalProduct, offers, product, rowsOf } from '../products.js'

/**
 * The product A·B·… as an operator: its factors are applied one after another and never multiplied out.
 *
 * @param operands - one or more; each has as many columns as the next has rows.
 * @returns a `LinearOperator`, or an `AsyncLinearOperator` where one of the operands is. It offers `normal`
 * and `rows` where the first factor does, `columns` where the last does. Cost: the products of all.
 * @throws ShapeError where shapes do not fit or there is no operand; NotFiniteError for NaN or ±Infinity.
 *
 * @example
 * ```ts
 * import { composed, eye } from 'lowrank'
 * composed([[1, 2], [3, 4]], [[0], [1]]).matmat(eye(1))   // [[2], [4]]
 * ```
 */
export function composed(...operands: SyncOperand[]): LinearOperator
export function composed(...operands: AsyncLinearOperator[]): AsyncLinearOperator
export function composed(...operands: Operand[]): AnyOperator
export function composed(...operands: Operand[]): AnyOperator {
  const factors = operands.map((A, t) => operandOf(A, 'composed', `operands[${t}]`))
  const last = factors.pop()
  if (last === undefined) {
    throw new ShapeError({
      fn: 'composed',
      argument: 'operands',
      expected: 'one operand or more',
      given: 'none',
    })
  }
  return factors.reduceRight((right, left, index) => productOfTwo(left, right, index), last)
}

function productOfTwo(A: AnyOperator, B: AnyOperator, index: number): AnyOperator {
  if (A.shape[1] !== B.shape[0]) {
    throw new ShapeError({
      fn: 'composed',
      argument: `operands[${index + 1}]`,
      expected: `${A.shape[1]} rows (what is before it is ${A.shape.join('×')})`,
      given: `${B.shape[0]}`,
    })
  }
  return operatorFromSteps(
    [A.shape[0], B.shape[1]],
    A.async === true || B.async === true,
    {
      *matmat(X) {
        return yield* product(A, yield* product(B, X))
      },
      *rmatmat(Y) {
        return yield* adjointProduct(B, yield* adjointProduct(A, Y))
      },
      ...(offers(A, 'normal') && {
        *normal(X) {
          return yield* adjointProduct(B, yield* normalProduct(A, yield* product(B, X)))
        },
      }),
      ...(offers(B, 'columns') && {
        *columns(J) {
          return yield* product(A, yield* columnsOf(B, J))
        },
      }),
      ...(offers(A, 'rows') && {
        *rows(I) {
          const rows = yield* rowsOf(A, I)
          const answer = yield* adjointProduct(B, contiguous(rows.transpose(1, 0)))
          return contiguous(answer.transpose(1, 0))
        },
      }),
    },
    Math.max(precisionOf(A), precisionOf(B)),
    exactlyMade([A, B], ([exactA, exactB]) => productOfTwo(exactA!, exactB!, index)),
  )
}
