import { asVector, dense, packed, wrap } from '../linalg/arrays.js'
import type { Matrix, MatrixLike, VectorLike } from '../linalg/arrays.js'
import { operandSteps } from '../linalg/operators/denseoperator.js'
import { OptionError, ShapeError, describe } from '../linalg/errors.js'
import { denseLstsqSteps } from '../linalg/dense/lstsq.js'
import type { Lstsq, LstsqOptions } from '../linalg/dense/lstsq.js'
import { indexList } from '../linalg/operators.js'
import type { AsyncLinearOperator, Operand, SyncOperand } from '../linalg/operators.js'
import { nonNegative, optional, readOptions } from '../linalg/options.js'
import { rowsOf } from '../linalg/products.js'
import { takeRightHand } from '../linalg/dense/righthand.js'
import type { RightHand } from '../linalg/dense/righthand.js'
import { fromSteps } from '../linalg/steps.js'
import type { Steps } from '../linalg/steps.js'
import { scaledRows } from '../linalg/thin.js'

/** Rows of a matrix and what they count: `volumeSample`, `sampleRows` and `rowSampling` answer with one. */
export interface RowChoice {
  /** In [0, m); a row may come more than once. */
  readonly indices: ArrayLike<number>
  /** Numbers >= 0, one for each index. Default: all 1. */
  readonly weights?: VectorLike | undefined
}

/**
 * Least squares from some rows: the x that minimises Σₜ weightsₜ²·(aᵢ·x − bₜ)² over the chosen rows i = indicesₜ,
 * the one of minimum norm. Values of b are needed at those rows only.
 *
 * @param A - m × n matrix or operator; only the chosen rows are asked for.
 * @param b - the values at the chosen rows, in their order: a vector, or a matrix of as many rows.
 * @param sample - `{ indices, weights }`, as `volumeSample`, `sampleRows` and `rowSampling` give it. Weights
 * multiply row and value, so they are roots of those in a weighted sum of squares.
 * @param options - `rtol`: singular values up to rtol·s₀ count as 0; default max(count, n)·eps.
 * @returns as `lstsq`, of the reweighted rows: `X`, n numbers or n × k; `residuals`, which estimate ‖A·x − b‖ over
 * all rows, from below where there are few; `rank`, `s`.
 * @throws ShapeError where the sizes do not fit or an index is no row of A; OptionError for weights below 0;
 * NotFiniteError.
 * Cost: `rows` of the operand, or one product of `count` columns with Aᵀ; a thin `svd` of count × n.
 *
 * @example
 * ```ts
 * import { sampledLstsq } from 'lowrank'
 * const A = [[1, 0], [1, 1], [1, 2], [1, 3]]
 * sampledLstsq(A, [1, 7], { indices: [0, 3] }).X   // 1, 2: the line through two points
 * ```
 */
export const sampledLstsq: {
  (A: SyncOperand, b: ArrayLike<number>, sample: RowChoice, options?: LstsqOptions): Lstsq<Float64Array>
  (A: SyncOperand, B: MatrixLike, sample: RowChoice, options?: LstsqOptions): Lstsq
  (
    A: AsyncLinearOperator,
    b: ArrayLike<number>,
    sample: RowChoice,
    options?: LstsqOptions,
  ): Promise<Lstsq<Float64Array>>
  (A: AsyncLinearOperator, B: MatrixLike, sample: RowChoice, options?: LstsqOptions): Promise<Lstsq>
  (
    A: Operand,
    b: ArrayLike<number>,
    sample: RowChoice,
    options?: LstsqOptions,
  ): Lstsq<Float64Array> | Promise<Lstsq<Float64Array>>
  (A: Operand, B: MatrixLike, sample: RowChoice, options?: LstsqOptions): Lstsq | Promise<Lstsq>
  async(
    A: Operand,
    b: ArrayLike<number>,
    sample: RowChoice,
    options?: LstsqOptions,
  ): Promise<Lstsq<Float64Array>>
  async(A: Operand, B: MatrixLike, sample: RowChoice, options?: LstsqOptions): Promise<Lstsq>
} = /*#__PURE__*/ fromSteps(sampledLstsqSteps, 3) as never

const FN = 'sampledLstsq'

function* sampledLstsqSteps(
  given: Operand,
  b: RightHand,
  sample: RowChoice,
  options?: LstsqOptions,
): Steps<Lstsq<Matrix | Float64Array>> {
  const { rtol } = readOptions(FN, options, { rtol: optional(nonNegative) })
  const A = yield* operandSteps(given, FN, 'A')
  const { indices, weights } = checkedChoice(sample, A.shape[0])
  const { view, give } = takeRightHand(b, FN, indices.length)
  // As parts of the largest weight nothing overflows that was finite before; x does not change.
  const largest = weights.reduce((size, weight) => Math.max(size, weight), 0) || 1
  const parts = weights.map((weight) => weight / largest)
  const rows = scaledRows(yield* rowsOf(A, indices), parts)
  const values = scaledRows(wrap(packed(view), view.rows, view.cols), parts)
  const { X, residuals, rank, s } = yield* denseLstsqSteps(dense(rows), dense(values), rtol)
  return {
    X: give(X),
    residuals: residuals.map((residual) => largest * residual),
    rank,
    s: s.map((sigma) => largest * sigma),
  }
}

function checkedChoice(sample: unknown, m: number): { indices: Int32Array; weights: Float64Array } {
  if (sample === null || typeof sample !== 'object') {
    throw new ShapeError({
      fn: FN,
      argument: 'sample',
      expected: '{ indices, weights }',
      given: describe(sample),
    })
  }
  const { indices: given, weights: factors } = sample as RowChoice
  const indices = indexList(given, m, 'sample.indices', FN)
  if (factors === undefined) return { indices, weights: new Float64Array(indices.length).fill(1) }
  const weights = asVector(factors, FN, 'sample.weights', indices.length)
  const bad = weights.findIndex((weight) => weight < 0)
  if (bad >= 0) {
    throw new OptionError({
      fn: FN,
      argument: 'sample.weights',
      expected: 'numbers >= 0',
      given: `${weights[bad]} at [${bad}]`,
    })
  }
  return { indices, weights }
}
