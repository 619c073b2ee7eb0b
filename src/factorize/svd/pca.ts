import { asFiniteMatrix, contiguous, dense, flip } from '../../linalg/arrays.js'
import type { Matrix, MatrixLike } from '../../linalg/arrays.js'
import { centeredSteps } from '../../linalg/operators/centered.js'
import { operandSteps } from '../../linalg/operators/denseoperator.js'
import { ShapeError } from '../../linalg/errors.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import { method } from '../../linalg/operators.js'
import type { Method, Operand } from '../../linalg/operators.js'
import { readOptions } from '../../linalg/options.js'
import { knownNorm } from '../../linalg/products.js'
import { runSync } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { scaledColumns } from '../../linalg/thin.js'
import type { Quality } from '../lowrank.js'
import { finalOperand } from './refine.js'
import { rsvdReaders, rsvdSteps } from './rsvd.js'
import type { RsvdOptions } from './rsvd.js'

/** Principal components of samples in rows, and the maps between samples and scores. */
export interface Pca extends Quality {
  /** The mean of each variable, n numbers. */
  readonly mean: Float64Array
  /** rank × n: the principal directions as orthonormal rows. */
  readonly components: Matrix
  /** m × rank: the samples in the coordinates of the components. */
  readonly scores: Matrix
  /** Singular values of the centred data, descending. */
  readonly singularValues: Float64Array
  /** Variance along each component, s²/(m − 1). */
  readonly explainedVariance: Float64Array
  /** The same as a part of the total variance; undefined where the operand does not tell its norm. */
  readonly explainedVarianceRatio: Float64Array | undefined
  /** (X − mean)·componentsᵀ for samples as rows. */
  transform(X: MatrixLike): Matrix
  /** Z·components + mean. */
  inverseTransform(Z: MatrixLike): Matrix
}

/**
 * Principal component analysis of samples in rows, by randomized SVD with implicit centring.
 *
 * @param A - m samples × n variables: a matrix or an operator. Nothing is copied; a sparse A stays sparse.
 * @param options - those of `rsvd`; the error and the tolerances are relative to the centred matrix.
 * @returns `{ mean, components, scores, explainedVariance, transform, inverseTransform, … }`. The largest
 * score of each component is positive.
 * With `refine` the mean is the float64 copy's too.
 * @throws as `rsvd`; `transform` and `inverseTransform` throw ShapeError and NotFiniteError.
 * Cost: that of `rsvd`, one more pass for the mean.
 * Source: Halko, Martinsson, Shkolnisky, Tygert 2011, "An algorithm for the principal component analysis of
 * large data sets".
 *
 * @example
 * ```ts
 * import { pca, random } from 'lowrank'
 * const X = random.normal([200, 50])
 * const model = pca(X, { rank: 3 })
 * const Z = model.transform(X)            // 200 × 3
 * const back = model.inverseTransform(Z)  // 200 × 50
 * ```
 */
export const pca: Method<[options: RsvdOptions], Pca> = /*#__PURE__*/ method(pcaSteps)

function* pcaSteps(given: Operand, options: RsvdOptions): Steps<Pca> {
  const plan = readOptions('pca', options, rsvdReaders)
  const A = yield* operandSteps(given, 'pca', 'A')
  const C = yield* centeredSteps(A, finalOperand('pca', A, plan.refine))
  const svd = yield* rsvdSteps('pca', C, plan)
  const norm = yield* knownNorm(C)
  const { mean } = C
  const { U, s, Vt: components, rank, errorEstimate, errorNorm, precision } = svd
  const freedom = Math.max(1, A.shape[0] - 1)
  return {
    mean,
    components,
    scores: scaledColumns(U, s),
    singularValues: s,
    explainedVariance: s.map((value) => value ** 2 / freedom),
    explainedVarianceRatio:
      norm === undefined ? undefined : s.map((value) => (norm === 0 ? 0 : (value / norm) ** 2)),
    rank,
    passes: svd.passes + 1,
    errorEstimate,
    errorNorm,
    precision,
    transform: (X) => transform(taken(X, mean.length, 'transform', 'X'), mean, components),
    inverseTransform: (Z) => inverseTransform(taken(Z, rank, 'inverseTransform', 'Z'), mean, components),
  }
}

function taken(X: MatrixLike, columns: number, fn: string, argument: string): Matrix {
  const M = asFiniteMatrix(X, fn, argument)
  if (M.shape[1] !== columns) {
    throw new ShapeError({ fn, argument, expected: `${columns} columns`, given: M.shape.join('×') })
  }
  return contiguous(M)
}

function transform(X: Matrix, mean: Float64Array, components: Matrix): Matrix {
  const [m = 0, n = 0] = X.shape
  const shifted = new Float64Array(m * n)
  for (let i = 0, o = 0; i < m; i++) for (let j = 0; j < n; j++, o++) shifted[o] = X.data[o]! - mean[j]!
  const S = { data: shifted, offset: 0, rows: m, cols: n, rs: n, cs: 1 }
  return runSync(multiplySteps(S, flip(dense(components)))) as Matrix
}

function inverseTransform(Z: Matrix, mean: Float64Array, components: Matrix): Matrix {
  const X = runSync(multiplySteps(dense(Z), dense(components))) as Matrix
  const n = mean.length
  for (let i = 0, o = 0; i < X.shape[0]!; i++) for (let j = 0; j < n; j++, o++) X.data[o]! += mean[j]!
  return X
}
