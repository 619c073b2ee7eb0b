import { dense, flip, wrap } from '../../linalg/arrays.js'
import { rowsAmong } from '../../factorize/nystrom/psd.js'
import type { Matrix } from '../../linalg/arrays.js'
import { symmetricEigenSteps } from '../../linalg/dense/eigh.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import type { AnyOperator } from '../../linalg/operators.js'
import { precisionOf } from '../../linalg/operators.js'
import { columnsOf } from '../../linalg/products.js'
import type { Steps } from '../../linalg/steps.js'
import { columnRange, scaledColumns, scaledRows } from '../../linalg/thin.js'
import { addSquaresSteps } from '../../sketch/leverage.js'

/** What is believed of each arm: A numbers each. */
export interface Posterior {
  /** One number for each arm. */
  readonly mean: Float64Array
  /** Of the value, noise not included. */
  readonly variance: Float64Array
}

/** Of each arm, how often it was observed and the sum of what was. */
interface Observations {
  readonly times: Float64Array
  readonly sums: Float64Array
}

/**
 * The posterior of a Gaussian process projected onto a dictionary S: with z(x) = Bᵀk_S(x), B·Bᵀ = K_SS⁺ and
 * V = Σ z·zᵀ + λI over the observations, the mean is zᵀV⁻¹Zᵀy and the variance k(x, x) − zᵀz + λ·zᵀV⁻¹z.
 */
export function* projectedPosteriorSteps(
  K: AnyOperator,
  prior: Float64Array,
  dictionary: Int32Array,
  { times, sums }: Observations,
  noise: number,
): Steps<Posterior> {
  const size = dictionary.length
  const C = yield* columnsOf(K, dictionary)
  const inner = rowsAmong(C, dictionary)
  const Z = yield* timesRootSteps(C, inner, size * precisionOf(K))
  // What the dictionary leaves out of each arm.
  const variance = prior.slice()
  yield* addSquaresSteps(variance, Z, new Float64Array(Z.shape[1]!).fill(-1))
  for (let i = 0; i < variance.length; i++) variance[i] = Math.max(0, variance[i]!)

  const played = Int32Array.from(times.keys()).filter((i) => times[i]! > 0)
  const weighted = dense(
    scaledRows(
      rowsAmong(Z, played),
      Float64Array.from(played, (i) => Math.sqrt(times[i]!)),
    ),
  )
  const V = (yield* multiplySteps(flip(weighted), weighted)) as Matrix
  const r = Z.shape[1]!
  for (let j = 0; j < r; j++) V.data[j * (r + 1)]! += noise
  const W = yield* timesRootSteps(Z, V, 0)
  yield* addSquaresSteps(variance, W, new Float64Array(W.shape[1]!).fill(noise))

  const y = dense(
    wrap(
      Float64Array.from(played, (i) => sums[i]!),
      played.length,
      1,
    ),
  )
  const right = yield* multiplySteps(flip(dense(rowsAmong(W, played))), y)
  const mean = yield* multiplySteps(dense(W), dense(right))
  return { mean: mean.data as Float64Array, variance }
}

/** C·M^(−½)·Q for some orthogonal Q: eigenvalues of M up to rtol times the largest count as 0. */
function* timesRootSteps(C: Matrix, M: Matrix, rtol: number): Steps<Matrix> {
  const { values, vectors } = yield* symmetricEigenSteps(dense(M), 'full')
  const floor = Math.max(0, rtol * (values.at(-1) ?? 0))
  const first = values.filter((value) => !(value > floor)).length
  const root = columnRange(vectors, first, values.length)
  const inverse = values.subarray(first).map((value) => 1 / Math.sqrt(value))
  return (yield* multiplySteps(dense(C), dense(scaledColumns(root, inverse)))) as Matrix
}
