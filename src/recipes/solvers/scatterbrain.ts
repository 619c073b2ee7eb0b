import { asFiniteMatrix, dense, flip, packed, wrap } from '../../linalg/arrays.js'
import type { Matrix, MatrixLike } from '../../linalg/arrays.js'
import { csr } from '../../linalg/operators/csr.js'
import { ShapeError } from '../../linalg/errors.js'
import { gaussianSteps } from '../../linalg/gaussian.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import { indexList } from '../../linalg/operators.js'
import { integer, nonNegative, optional, readOptions, seed, withDefault } from '../../linalg/options.js'
import type { Reader } from '../../linalg/options.js'
import { product } from '../../linalg/products.js'
import { STREAM } from '../../linalg/random.js'
import { sampledProductSteps } from '../../linalg/operators/sampledproduct.js'
import type { Places } from '../../linalg/operators/sampledproduct.js'
import { fromSteps } from '../../linalg/steps.js'
import type { RunOptions, Steps } from '../../linalg/steps.js'
import { beside } from '../../linalg/thin.js'

/** The random features and the exact entries of `scatterbrain`. */
export interface ScatterbrainOptions extends RunOptions {
  /** Random features of the low-rank part. Default 64. */
  readonly features?: number | undefined
  /** The entries that are computed exactly, each place once. Default a window. */
  readonly support?: Places | undefined
  /** Of the default support: keys on either side of the query's own place. Default 8. */
  readonly window?: number | undefined
  /** Logits are scale·qᵢ·kⱼ. Default 1/√d. */
  readonly scale?: number | undefined
  /** An integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/**
 * Softmax attention as sparse plus low rank: exp(q·k) is exact on a support, and φ(q)·φ(k) of positive random
 * features elsewhere, so that the matrix is never further from the true one than by the features alone.
 *
 * outᵢ = (Σ_S (e^{q·k} − φ·φ)vⱼ + φᵢ·Σφⱼvⱼᵀ) / (the same with 1 for v). A row's numbers are relative to its largest
 * exponent, so nothing overflows. With every place in the support it is exact attention, with none Performer's.
 *
 * @param Q - n × d queries. @param K - m × d keys. @param V - m × dᵥ values.
 * @returns n × dᵥ.
 * @throws ShapeError where shapes do not fit or the support is out of range; NotFiniteError; OptionError.
 * Cost: 2(n + m)·f·(d + dᵥ) flops for f features and 2|S|(d + f + 2dᵥ) for the support; no n × m matrix.
 * Source: Chen, Dao, Winsor, Song, Rudra and Ré 2021, "Scatterbrain: unifying sparse and low-rank attention
 * approximation", algorithm 1, with the support given instead of hashed; features of Choromanski et al. 2021.
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { solvers } from 'lowrank/recipes'
 * const [Q, K, V] = [1, 2, 3].map((seed) => random.normal([50, 8], { seed }))
 * solvers.scatterbrain(Q!, K!, V!, { features: 32, window: 4 })   // 50 × 8
 * ```
 */
export const scatterbrain: {
  (Q: MatrixLike, K: MatrixLike, V: MatrixLike, options?: ScatterbrainOptions): Matrix
  async(Q: MatrixLike, K: MatrixLike, V: MatrixLike, options?: ScatterbrainOptions): Promise<Matrix>
} = /*#__PURE__*/ fromSteps(scatterbrainSteps, 3)

const FN = 'scatterbrain'
const places: Reader<Places> = (value, fail) =>
  typeof value === 'object' && value !== null && 'rows' in value && 'cols' in value
    ? (value as Places)
    : fail('{ rows, cols }, lists of equal length')

function* scatterbrainSteps(
  q: MatrixLike,
  k: MatrixLike,
  v: MatrixLike,
  options?: ScatterbrainOptions,
): Steps<Matrix> {
  const plan = readOptions(FN, options, {
    features: withDefault(integer(1), 64),
    support: optional(places),
    window: withDefault(integer(0), 8),
    scale: optional(nonNegative),
    seed,
  })
  const d = dense(asFiniteMatrix(q, FN, 'Q')).cols
  const root = Math.sqrt(plan.scale ?? 1 / Math.sqrt(Math.max(d, 1)))
  const Q = taken(q, 'Q', undefined, d, root)
  const K = taken(k, 'K', undefined, d, root)
  const V = taken(v, 'V', K.shape[0])
  const [n, m, width] = [Q.shape[0]!, K.shape[0]!, V.shape[1]!]
  if (n * m === 0) return wrap(new Float64Array(n * width), n, width)
  const { rows, cols } = supportOf(plan.support ?? windowed(n, m, plan.window), n, m)

  const W = yield* gaussianSteps(d, 0, plan.features, STREAM.attentionFeatures, plan.seed)
  const [fq, fk] = [yield* exponentsSteps(Q, W), yield* exponentsSteps(K, W)]
  const logits = yield* sampledProductSteps(Q, K, rows, cols)
  // Row i of numerator and denominator is divided by e^{topᵢ}, its largest exponent; feature t of keys by e^{mostₜ}.
  const most = largestOf(fk.transpose(1, 0))
  const top = largestOf(fq, most)
  logits.forEach((x, e) => (top[rows[e]!] = Math.max(top[rows[e]!]!, x)))
  const phiQ = exponentials(fq, (i, t) => most[t]! - top[i]! - Math.log(plan.features))
  const phiK = exponentials(fk, (_, t) => -most[t]!)

  const V1 = beside([V, wrap(new Float64Array(m).fill(1), m, 1)], m)
  const exact = csr({ shape: [n, m], rows, cols, values: logits.map((x, e) => Math.exp(x - top[rows[e]!]!)) })
  if (exact.nnz < rows.length) {
    const given = `${rows.length - exact.nnz} of them again`
    throw new ShapeError({ fn: FN, argument: 'options.support', expected: 'each place once', given })
  }
  const rough = csr({ shape: [n, m], rows, cols, values: yield* sampledProductSteps(phiQ, phiK, rows, cols) })
  const buffer = (yield* multiplySteps(flip(dense(phiK)), dense(V1))) as Matrix
  const { data: sums } = (yield* multiplySteps(dense(phiQ), dense(buffer))) as Matrix
  const { data: sparse } = yield* product(exact, V1)
  const { data: twice } = yield* product(rough, V1)
  const out = new Float64Array(n * width)
  for (let i = 0; i < n; i++) {
    const o = i * (width + 1)
    // What the features leave outside the support is a sum of positive numbers; rounding may say otherwise.
    const outside = Math.max(0, sums[o + width]! - twice[o + width]!)
    const total = sparse[o + width]! + outside
    for (let j = 0; j < width; j++) {
      out[i * width + j] = (sparse[o + j]! + (outside > 0 ? sums[o + j]! - twice[o + j]! : 0)) / total
    }
  }
  return wrap(out, n, width)
}

/** wₜ·x − |x|²/2 of each row x: the exponents of the features. */
function* exponentsSteps(X: Matrix, W: Matrix): Steps<Matrix> {
  const F = (yield* multiplySteps(dense(X), dense(W))) as Matrix
  const [n, d, f] = [X.shape[0]!, X.shape[1]!, W.shape[1]!]
  for (let i = 0; i < n; i++) {
    let square = 0
    for (let j = 0; j < d; j++) square += X.data[i * d + j]! ** 2
    for (let t = 0; t < f; t++) F.data[i * f + t]! -= square / 2
  }
  return F
}

/** The largest number of each row, once `offsets` are added to all rows. */
function largestOf(F: Matrix, offsets?: Float64Array): Float64Array {
  const { data, offset, rows, cols, rs, cs } = dense(F)
  const largest = new Float64Array(rows).fill(-Infinity)
  for (let i = 0; i < rows; i++) {
    for (let t = 0; t < cols; t++) {
      largest[i] = Math.max(largest[i]!, data[offset + i * rs + t * cs]! + (offsets?.[t] ?? 0))
    }
  }
  return largest
}

/** exp(F + shift), entry by entry. */
function exponentials(F: Matrix, shift: (i: number, t: number) => number): Matrix {
  const [rows, cols] = [F.shape[0]!, F.shape[1]!]
  return wrap(
    F.data.map((x, e) => Math.exp(x + shift(Math.floor(e / cols), e % cols))),
    rows,
    cols,
  )
}

function supportOf({ rows, cols }: Places, n: number, m: number): { rows: Int32Array; cols: Int32Array } {
  const I = indexList(rows, n, 'options.support.rows', FN)
  const J = indexList(cols, m, 'options.support.cols', FN)
  if (I.length === J.length) return { rows: I, cols: J }
  const given = `${I.length} and ${J.length}`
  throw new ShapeError({ fn: FN, argument: 'options.support', expected: 'lists of equal length', given })
}

/** Keys near a query's own place, the two sequences laid along each other. */
function windowed(n: number, m: number, reach: number): Places {
  const [rows, cols]: [number[], number[]] = [[], []]
  for (let i = 0; i < n; i++) {
    const centre = Math.floor(((i + 0.5) * m) / n)
    for (let j = Math.max(0, centre - reach); j <= Math.min(m - 1, centre + reach); j++) {
      rows.push(i)
      cols.push(j)
    }
  }
  return { rows, cols }
}

function taken(X: MatrixLike, argument: string, rows?: number, cols?: number, factor = 1): Matrix {
  const view = dense(asFiniteMatrix(X, FN, argument))
  if ((rows ?? view.rows) !== view.rows || (cols ?? view.cols) !== view.cols) {
    const expected = rows === undefined ? `${cols} columns` : `${rows} rows`
    throw new ShapeError({ fn: FN, argument, expected, given: `${view.rows}×${view.cols}` })
  }
  return wrap(
    packed(view).map((x) => factor * x),
    view.rows,
    view.cols,
  )
}
