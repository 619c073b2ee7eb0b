import { asFiniteMatrix, dense, flip, packed, wrap } from '../../linalg/arrays.js'
import type { Matrix, MatrixLike } from '../../linalg/arrays.js'
import { ShapeError } from '../../linalg/errors.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import { optional, readOptions } from '../../linalg/options.js'
import type { Reader } from '../../linalg/options.js'
import { fromSteps } from '../../linalg/steps.js'
import type { RunOptions, Steps } from '../../linalg/steps.js'
import { scaledRows } from '../../linalg/thin.js'

/** What modulates the output of `linearAttentionRank`. */
export interface LinearAttentionRankOptions extends RunOptions {
  /** N × dᵥ: φ(x) of each token, which multiplies its output entry by entry. Default none. */
  readonly modulation?: MatrixLike | undefined
}

/** The output of rank-augmented linear attention. */
export interface LinearAttentionRank {
  /** N × dᵥ: the attention's output, modulated where a modulation was given. */
  readonly output: Matrix
  /** The same before it is modulated: rank at most d. */
  readonly mixed: Matrix
  /** α, one number for each key: their sum is N. */
  readonly weights: Float64Array
}

/**
 * Rank-augmented linear attention: keys are weighted by how much the mean query asks for them before they are summed
 * into the one d × dᵥ buffer that linear attention has, and each token's output is modulated by a function of its own,
 * which lifts the rank above d.
 *
 * With κ(x) = elu(x) + 1, q̄ = mean κ(qᵢ), αⱼ = N·softmaxⱼ(q̄·κ(kⱼ)/√d): oᵢ = κ(qᵢ)·(Σ αⱼκ(kⱼ)vⱼᵀ) / (κ(qᵢ)·Σ αⱼκ(kⱼ)),
 * and yᵢ = oᵢ ∘ φ(xᵢ).
 *
 * @param Q - N × d queries. @param K - N × d keys. @param V - N × dᵥ values.
 * @throws ShapeError where shapes do not fit; NotFiniteError; OptionError.
 * Cost: 4N·d·dᵥ flops; no N × N matrix.
 * Source: Fan, Huang and He 2025, "Breaking the low-rank dilemma of linear attention", eqs. 7–10, without the learned
 * projections and the local term.
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { solvers } from 'lowrank/recipes'
 * const [Q, K, V] = [1, 2, 3].map((seed) => random.normal([50, 8], { seed }))
 * solvers.linearAttentionRank(Q!, K!, V!, { modulation: V! }).output   // 50 × 8
 * ```
 */
export const linearAttentionRank: {
  (Q: MatrixLike, K: MatrixLike, V: MatrixLike, options?: LinearAttentionRankOptions): LinearAttentionRank
  async(
    Q: MatrixLike,
    K: MatrixLike,
    V: MatrixLike,
    options?: LinearAttentionRankOptions,
  ): Promise<LinearAttentionRank>
} = /*#__PURE__*/ fromSteps(rankSteps, 3)

const FN = 'linearAttentionRank'
const anything: Reader<MatrixLike> = (value) => value as MatrixLike

function* rankSteps(
  q: MatrixLike,
  k: MatrixLike,
  v: MatrixLike,
  options?: LinearAttentionRankOptions,
): Steps<LinearAttentionRank> {
  const { modulation } = readOptions(FN, options, { modulation: optional(anything) })
  const Q = kappa(taken(q, 'Q'))
  const [N, d] = [Q.shape[0]!, Q.shape[1]!]
  const K = kappa(taken(k, 'K', [N, d]))
  const V = taken(v, 'V', [N])
  const phi = modulation && taken(modulation, 'options.modulation', [N, V.shape[1]!])

  const asked = (yield* multiplySteps(dense(K), flip(means(Q)))) as Matrix
  const weights = softmax(asked.data.map((x) => x / Math.sqrt(d))).map((share) => N * share)
  const weighted = scaledRows(K, weights)
  const V1 = withOnes(V)
  const buffer = yield* multiplySteps(flip(dense(weighted)), dense(V1))
  const sums = (yield* multiplySteps(dense(Q), dense(buffer as Matrix))) as Matrix
  const width = V.shape[1]!
  const mixed = new Float64Array(N * width)
  for (let i = 0; i < N; i++) {
    // 0 only where κ itself underflows, and the sums with it.
    const total = sums.data[i * (width + 1) + width]! || 1
    for (let j = 0; j < width; j++) mixed[i * width + j] = sums.data[i * (width + 1) + j]! / total
  }
  const output = phi ? mixed.map((x, e) => x * phi.data[e]!) : mixed.slice()
  return { output: wrap(output, N, width), mixed: wrap(mixed, N, width), weights }
}

function taken(X: MatrixLike, argument: string, expected: readonly number[] = []): Matrix {
  const view = dense(asFiniteMatrix(X, FN, argument))
  const given = [view.rows, view.cols]
  if (expected.some((side, t) => side !== given[t])) {
    const wanted = expected.length === 1 ? `${expected[0]} rows` : expected.join('×')
    throw new ShapeError({ fn: FN, argument, expected: wanted, given: given.join('×') })
  }
  return wrap(packed(view), view.rows, view.cols)
}

/** elu(x) + 1, above 0. */
const kappa = ({ data, shape }: Matrix): Matrix =>
  wrap(
    data.map((x) => (x > 0 ? x + 1 : Math.exp(x))),
    shape[0]!,
    shape[1]!,
  )

/** The mean of the rows, 1 × d. */
function means({ data, shape }: Matrix): ReturnType<typeof dense> {
  const [N, d] = [shape[0]!, shape[1]!]
  const sums = new Float64Array(d)
  for (let i = 0, e = 0; i < N; i++) for (let j = 0; j < d; j++, e++) sums[j]! += data[e]! / N
  return dense(wrap(sums, 1, d))
}

function softmax(x: Float64Array): Float64Array {
  const largest = x.reduce((most, value) => Math.max(most, value), -Infinity)
  const shares = x.map((value) => Math.exp(value - largest))
  const total = shares.reduce((sum, share) => sum + share, 0)
  return shares.map((share) => share / total)
}

/** [V, 1]: the same sums give numerators and denominators. */
function withOnes(V: Matrix): Matrix {
  const [N, width] = [V.shape[0]!, V.shape[1]!]
  const out = new Float64Array(N * (width + 1)).fill(1)
  for (let i = 0; i < N; i++) out.set(V.data.subarray(i * width, (i + 1) * width), i * (width + 1))
  return wrap(out, N, width + 1)
}
