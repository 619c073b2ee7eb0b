import { dense, packed, wrap } from '../../linalg/arrays.js'
import type { Matrix, MatrixLike } from '../../linalg/arrays.js'
import { OptionError, describe } from '../../linalg/errors.js'
import { norm2 } from '../../linalg/magnitude.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import { operatorFromSteps } from '../../linalg/operators.js'
import type { LinearOperator } from '../../linalg/operators.js'
import { readOptions } from '../../linalg/options.js'
import { takeRightHand } from '../../linalg/dense/righthand.js'
import type { RightHand } from '../../linalg/dense/righthand.js'
import { fromSteps } from '../../linalg/steps.js'
import type { RunOptions, Steps } from '../../linalg/steps.js'
import { scaledRows } from '../../linalg/thin.js'
import { factored, innerSteps, subtractProductSteps } from '../lowrank.js'

/** A ≈ U·diag(values)·Uᵀ, positive semidefinite: an operator again. */
export interface Nystrom extends LinearOperator {
  /** n × rank, orthonormal columns; the entry of largest magnitude of each is positive. */
  readonly U: Matrix
  /** `rank` eigenvalues of the approximation, descending, above 0, none above the one of A of its index. */
  readonly values: Float64Array
  /** What was asked for, or less where A has no more above rounding. */
  readonly rank: number
  /** The columns of A that it is made from; none for 'gaussian' and where A was decomposed whole. */
  readonly indices: Int32Array
  /** Sweeps over the entries of A; columns that were read without a product count as their part of one. */
  readonly passes: number
  /** ‖A − Â‖ / ‖A‖ in `errorNorm`. */
  readonly errorEstimate: number
  /** 'trace', exact up to rounding, where the diagonal of A was at hand; else 'fro', from ten probe columns. */
  readonly errorNorm: 'trace' | 'fro'
  /** What it can be known to: the relative rounding of the products of A, 2⁻²³ where A is on a GPU, 2⁻⁵² elsewhere. */
  readonly precision: number
  /**
   * (Â + ridge·I)⁻¹·b for a vector or n × k matrix b and a ridge > 0, by Woodbury's formula in the basis U.
   * 8nk·rank flops.
   */
  readonly solve: NystromSolver
  /**
   * M for `cg` on A + ridge·I, as its option `preconditioner`: with values down to about the ridge, tens of
   * iterations become a few (Frangella, Tropp and Udell 2023).
   */
  preconditioner(ridge: number): LinearOperator
  /** The n × n approximation, formed. */
  toDense(): Matrix
}

/** Solves for a right-hand side: a vector gives a vector, a matrix a matrix. */
export interface NystromSolver {
  (b: ArrayLike<number>, ridge: number, options?: RunOptions): Float64Array
  (B: MatrixLike, ridge: number, options?: RunOptions): Matrix
  async(b: ArrayLike<number>, ridge: number, options?: RunOptions): Promise<Float64Array>
  async(B: MatrixLike, ridge: number, options?: RunOptions): Promise<Matrix>
}

type NystromQuality = Pick<Nystrom, 'indices' | 'passes' | 'errorEstimate' | 'errorNorm' | 'precision'>

/** The approximation as an operator that solves; U is oriented already. */
export function nystromResult(U: Matrix, values: Float64Array, quality: NystromQuality): Nystrom {
  const n = U.shape[0]!
  const solve = fromSteps(function* (b: RightHand, ridge: number, options?: RunOptions) {
    const fn = 'nystrom(A).solve'
    readOptions(fn, options, {})
    const mu = checkedRidge(ridge, fn)
    const { view, give } = takeRightHand(b, fn, n)
    const inverses = values.map((value) => 1 / (value + mu))
    return give(yield* filteredSteps(U, inverses, 1 / mu, wrap(packed(view), view.rows, view.cols)))
  }, 2)
  return Object.assign(factored([U, values, U.transpose(1, 0)], quality.precision, norm2(values)), {
    U,
    values,
    rank: values.length,
    ...quality,
    solve: solve as never as NystromSolver,
    preconditioner: (ridge: number) => preconditionerOf(U, values, ridge),
  })
}

/** U·diag((λ_last + μ)/(λᵢ + μ))·Uᵀ + (I − UUᵀ). */
function preconditionerOf(U: Matrix, values: Float64Array, ridge: number): LinearOperator {
  const n = U.shape[0]!
  const mu = checkedRidge(ridge, 'nystrom(A).preconditioner')
  const weights = values.map((value) => (values.at(-1)! + mu) / (value + mu))
  const products = (X: Matrix): Steps<Matrix> =>
    filteredSteps(U, weights, 1, wrap(X.data.slice(), X.shape[0]!, X.shape[1]!))
  return operatorFromSteps([n, n], false, { matmat: products, rmatmat: products }) as LinearOperator
}

/** U·diag(inside)·UᵀB + outside·(I − UUᵀ)B, in the place of B; what is outside is projected twice. */
function* filteredSteps(U: Matrix, inside: Float64Array, outside: number, B: Matrix): Steps<Matrix> {
  const W = yield* innerSteps(U, B)
  yield* subtractProductSteps(B, U, W)
  yield* subtractProductSteps(B, U, yield* innerSteps(U, B))
  const within = yield* multiplySteps(dense(U), dense(scaledRows(W, inside)))
  for (let e = 0; e < B.data.length; e++) B.data[e] = within.data[e]! + outside * B.data[e]!
  return B
}

function checkedRidge(ridge: unknown, fn: string): number {
  if (typeof ridge === 'number' && ridge > 0 && ridge < Infinity) return ridge
  throw new OptionError({ fn, argument: 'ridge', expected: 'a finite number > 0', given: describe(ridge) })
}
