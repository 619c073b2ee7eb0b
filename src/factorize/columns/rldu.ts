import { contiguous, dense } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { operandSteps } from '../../linalg/operators/denseoperator.js'
import { luSteps } from '../../linalg/dense/lu.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import { method, operatorFromSteps } from '../../linalg/operators.js'
import type { LinearOperator, Method, Operand, ProductSteps } from '../../linalg/operators.js'
import { inverseOf } from '../../linalg/dense/pivots.js'
import { readOptions } from '../../linalg/options.js'
import { adjointProduct, product } from '../../linalg/products.js'
import type { Steps } from '../../linalg/steps.js'
import {
  leadingColumns,
  leadingRows,
  pickedColumns,
  pickedRows,
  scaledColumns,
  scaledRows,
} from '../../linalg/thin.js'
import { factored } from '../lowrank.js'
import type { Approximation, Quality } from '../lowrank.js'
import { rsvdReaders, rsvdSteps } from '../svd/rsvd.js'
import type { RsvdOptions } from '../svd/rsvd.js'

/** A[perm, colPerm] ≈ L·diag(d)·U; as an operator, A's approximation in A's own order. */
export interface Rldu extends Approximation, Quality {
  /** Row i of the factors is row perm[i] of A; m numbers. */
  readonly perm: Int32Array
  /** Column j of the factors is column colPerm[j] of A; n numbers. */
  readonly colPerm: Int32Array
  /** m × rank, unit lower trapezoidal. */
  readonly L: Matrix
  /** `rank` pivots, none of them 0. */
  readonly d: Float64Array
  /** rank × n, unit upper trapezoidal, no entry above 1 in magnitude. */
  readonly U: Matrix
  /** The m × n approximation, formed. */
  toDense(): Matrix
}

/**
 * Randomized truncated LDU: A[perm, colPerm] ≈ L·diag(d)·U of rank `rank`, or of the rank that `rtol` or `atol`
 * needs.
 *
 * The approximation is that of `rsvd`, U·(ΣVᵀ), with each of the two factored by LU with partial pivoting, so its
 * error is the same up to rounding.
 *
 * @param A - m × n: a matrix, or an operator of which only products with thin blocks are asked.
 * @param options - those of `rsvd`.
 * @returns `{ perm, colPerm, L, d, U, rank, passes, errorEstimate, errorNorm: 'fro' }`. Where A has a lower
 * numerical rank than was asked for, `rank` is that one.
 * An operand with `async: true` gives a Promise; `rldu.async` runs cooperatively for any operand.
 * @throws as `rsvd`.
 * Cost: that of `rsvd` and 2(m + n)k² flops. L has no bound on its entries, as with partial pivoting at large.
 * Source: Shabat, Shmueli, Aizenbud and Averbuch 2018, "Randomized LU decomposition", algorithm 4.1; departure:
 * the basis that it factors is that of the truncated SVD, which costs little and loses nothing to truncation.
 *
 * @example
 * ```ts
 * import { random, rldu } from 'lowrank'
 * const A = random.normal([300, 200])
 * const { perm, colPerm, L, d, U } = rldu(A, { rank: 20 })
 * ```
 */
export const rldu: Method<[options: RsvdOptions], Rldu> = /*#__PURE__*/ method(rlduSteps)

function* rlduSteps(given: Operand, options: RsvdOptions): Steps<Rldu> {
  const fn = 'rldu'
  const plan = readOptions(fn, options, rsvdReaders)
  const A = yield* operandSteps(given, fn, 'A')
  const svd = yield* rsvdSteps(fn, A, plan)
  const [m, n] = A.shape
  const floor = Math.max(m, n) * svd.precision * (svd.s[0] ?? 0)
  const rank = svd.s.filter((sigma) => sigma > floor).length
  // U = P₁ᵀ·L₁·U₁, and B = U₁·Σ·Vᵀ with Bᵀ = P₂ᵀ·L₂·U₂: then P₁AP₂ᵀ ≈ L₁·U₂ᵀ·L₂ᵀ.
  const left = yield* luSteps(leadingColumns(svd.U, rank))
  const SVt = scaledRows(leadingRows(svd.Vt, rank), svd.s)
  const B = (yield* multiplySteps(dense(left.U), dense(SVt))) as Matrix
  const right = yield* luSteps(B.transpose(1, 0))
  const d = Float64Array.from({ length: rank }, (_, j) => right.U.get(j, j))
  const middle = scaledColumns(
    contiguous(right.U.transpose(1, 0)),
    d.map((pivot) => 1 / pivot),
  )
  const L = (yield* multiplySteps(dense(left.L), dense(middle))) as Matrix
  for (let j = 0; j < rank; j++) L.set(j, j, 1)
  const U = contiguous(right.L.transpose(1, 0))
  const { passes, errorEstimate, errorNorm, precision } = svd
  const { perm } = left
  const colPerm = right.perm
  return Object.assign(unpermuted(factored([L, d, U], precision), inverseOf(perm), inverseOf(colPerm)), {
    perm,
    colPerm,
    L,
    d,
    U,
    rank,
    passes,
    errorEstimate,
    errorNorm,
    precision,
  })
}

/** The operator with rows and columns put back: row i of it is row rows[i] of F. */
function unpermuted(
  F: Approximation & { toDense(): Matrix },
  rows: Int32Array,
  columns: Int32Array,
): LinearOperator & { toDense(): Matrix } {
  const [perm, colPerm] = [inverseOf(rows), inverseOf(columns)]
  const steps: ProductSteps = {
    *matmat(X) {
      return pickedRows(yield* product(F, pickedRows(X, colPerm)), rows)
    },
    *rmatmat(Y) {
      return pickedRows(yield* adjointProduct(F, pickedRows(Y, perm)), columns)
    },
  }
  const operator = operatorFromSteps(F.shape, false, steps, F.precision) as LinearOperator
  return Object.assign(operator, { toDense: () => pickedColumns(pickedRows(F.toDense(), rows), columns) })
}
