import { asVector, dense, flip, wrap } from '../../linalg/arrays.js'
import type { Matrix, VectorLike } from '../../linalg/arrays.js'
import { choleskySteps } from '../../linalg/dense/cholesky.js'
import { OptionError, describe } from '../../linalg/errors.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import { integer, oneOf, readOptions, withDefault } from '../../linalg/options.js'
import { solveTriangularSteps } from '../../linalg/dense/solvetriangular.js'
import { fromSteps } from '../../linalg/steps.js'
import type { RunOptions, Steps } from '../../linalg/steps.js'
import { diagonalSteps, whitenedOf } from './mfac.js'
import type { AsyncMfac, Mfac, Whitened } from './mfac.js'

/** How many weights `obsPrune` removes, and how the others make up for them. */
export interface ObsPruneOptions extends RunOptions {
  /** How many weights are to be 0 afterwards: those of the smallest saliency. */
  readonly count: number
  /**
   * How the others make up for it. 'joint' (default): the best that there is in the quadratic model. 'sum': the sum of
   * what each pruned weight alone would have asked for. 'none': not at all.
   */
  readonly update?: 'joint' | 'sum' | 'none' | undefined
}

/** What `obsPrune` has left of the weights. */
export interface Pruned {
  /** The new weights: exactly 0 where pruned. */
  readonly weights: Float64Array
  /** The indices that were pruned, ascending. */
  readonly indices: Int32Array
}

/**
 * The saliency of each weight in the quadratic model ½δᵀHδ: ρᵢ = wᵢ²/(2[H⁻¹]ᵢᵢ), by how much the loss grows when wᵢ is
 * removed and the others make up for it as well as they can (optimal brain surgeon).
 *
 * @param H - a result of `mfac` over d coordinates.
 * @param w - d weights.
 * @throws OptionError where H is no result of `mfac`; ShapeError; NotFiniteError.
 * Cost: that of `H.diagonal()`.
 * Source: Hassibi and Stork 1992; Singh and Alistarh 2020 (WoodFisher), with the inverse of Frantar et al. 2021.
 *
 * @example
 * ```ts
 * import { mfac, obsSaliencies } from 'lowrank'
 * obsSaliencies(mfac([[1, 0]], { damping: 1 }), [1, 1])   // 1, 0.5
 * ```
 */
export const obsSaliencies: {
  (H: Mfac, w: VectorLike, options?: RunOptions): Float64Array
  (H: AsyncMfac, w: VectorLike, options?: RunOptions): Promise<Float64Array>
  async(H: Mfac | AsyncMfac, w: VectorLike, options?: RunOptions): Promise<Float64Array>
} = /*#__PURE__*/ fromSteps(saliencySteps, 2) as never

/**
 * Prunes the weights of the smallest saliency and moves the others so as to keep the loss, in the quadratic model of
 * which `mfac` is the inverse Hessian.
 *
 * @param H - a result of `mfac` over d coordinates.
 * @param w - d weights. Those that are 0 already have saliency 0, and stay 0.
 * @throws OptionError where H is no result of `mfac`, or `count` is above d; ShapeError; NotFiniteError.
 * Cost: that of `obsSaliencies` and d·log d, and two readings of W; 'joint' 2m²·count + m³ flops more, where the
 * textbook's formula has count³.
 * Source: as `obsSaliencies`; 'sum' is the M-FAC paper's. For 'joint', with Q what is pruned,
 * δ_S = −W_Sᵀ(I − W_Q·W_Qᵀ)⁻¹W_Q·δ_Q, which is −H_SS⁻¹·H_SQ·δ_Q by Woodbury.
 *
 * @example
 * ```ts
 * import { mfac, obsPrune, random } from 'lowrank'
 * const H = mfac(random.normal([32, 10]), { damping: 1e-2 })
 * const { weights, indices } = obsPrune(H, random.normal([10], { seed: 1 }), { count: 5 })
 * ```
 */
export const obsPrune: {
  (H: Mfac, w: VectorLike, options: ObsPruneOptions): Pruned
  (H: AsyncMfac, w: VectorLike, options: ObsPruneOptions): Promise<Pruned>
  async(H: Mfac | AsyncMfac, w: VectorLike, options: ObsPruneOptions): Promise<Pruned>
} = /*#__PURE__*/ fromSteps(pruneSteps, 2) as never

function taken(H: unknown, w: VectorLike, fn: string): { W: Whitened; w: Float64Array } {
  const W = typeof H === 'object' && H !== null ? whitenedOf(H) : undefined
  if (W === undefined) {
    throw new OptionError({ fn, argument: 'H', expected: 'a result of mfac', given: describe(H) })
  }
  return { W, w: asVector(w, fn, 'w', W.dim) }
}

function* saliencySteps(H: Mfac | AsyncMfac, given: VectorLike, options?: RunOptions): Steps<Float64Array> {
  const fn = 'obsSaliencies'
  readOptions(fn, options, {})
  const { W, w } = taken(H, given, fn)
  return saliencies(w, yield* diagonalSteps(W))
}

const saliencies = (w: Float64Array, diagonal: Float64Array): Float64Array =>
  w.map((x, j) => (x / diagonal[j]!) * (x / 2))

/** The steps behind `obsPrune`. */
export function* pruneSteps(H: Mfac | AsyncMfac, given: VectorLike, options: ObsPruneOptions): Steps<Pruned> {
  const fn = 'obsPrune'
  const { count, update } = readOptions(fn, options, {
    count: integer(0),
    update: withDefault(oneOf('joint', 'sum', 'none'), 'joint'),
  })
  const { W, w } = taken(H, given, fn)
  if (count > W.dim) {
    const [expected, given] = [`at most ${W.dim}, the number of weights`, String(count)]
    throw new OptionError({ fn, argument: 'options.count', expected, given })
  }
  const diagonal = yield* diagonalSteps(W)
  const indices = smallest(saliencies(w, diagonal), count)
  const weights = w.slice()
  for (let b = 0, j0 = 0; update !== 'none' && j0 < W.dim; b++, j0 += W.blockSize) {
    const j1 = Math.min(W.dim, j0 + W.blockSize)
    const Q = indices.filter((j) => j >= j0 && j < j1)
    if (Q.length === 0) continue
    const part = weights.subarray(j0, j1)
    if (update === 'joint') yield* jointSteps(W, b, Q, w, part)
    else yield* sumSteps(W, b, Q, j0, w, diagonal, part)
  }
  for (const j of indices) weights[j] = 0
  return { weights, indices }
}

/** The indices of the `count` smallest numbers, ascending; the first among equals. */
function smallest(x: Float64Array, count: number): Int32Array {
  if (count === 0) return new Int32Array(0)
  const limit = x.slice().sort()[count - 1]!
  let equals = count
  for (const value of x) if (value < limit) equals--
  const indices = new Int32Array(count)
  for (let j = 0, t = 0; j < x.length; j++) {
    if (x[j]! < limit || (x[j] === limit && equals-- > 0)) indices[t++] = j
  }
  return indices
}

/** w += H⁻¹t with tⱼ = −wⱼ/[H⁻¹]ⱼⱼ on Q: of which only the part outside Q will be kept. */
function* sumSteps(
  W: Whitened,
  b: number,
  Q: Int32Array,
  j0: number,
  w: Float64Array,
  diagonal: Float64Array,
  part: Float64Array,
): Steps<void> {
  const t = new Float64Array(part.length)
  for (const j of Q) t[j - j0] = -w[j]! / diagonal[j]!
  const cs = yield* W.times(b, [t])
  // Outside Q t is 0, and H⁻¹t is −Wᵀ(Wt)/λ.
  yield* W.addAdjoint(
    b,
    cs.map((c) => c.map((x) => -x / W.damping)),
    [part],
  )
}

/** Columns of W_Q that are taken at a time. */
const WIDTH = 4096

/** w_S −= W_Sᵀ(I − W_Q·W_Qᵀ)⁻¹W_Q·δ_Q with δ_Q = −w_Q. */
function* jointSteps(
  W: Whitened,
  b: number,
  Q: Int32Array,
  w: Float64Array,
  part: Float64Array,
): Steps<void> {
  const m = W.count
  if (m === 0) return
  const M = new Float64Array(m * m)
  const u = new Float64Array(m)
  for (let q = 0; q < Q.length; q += WIDTH) {
    const J = Q.subarray(q, q + WIDTH)
    const WQ = yield* W.columns(J)
    const WWt = yield* multiplySteps(dense(WQ), flip(dense(WQ)))
    for (let e = 0; e < M.length; e++) M[e]! -= WWt.data[e]!
    const delta = wrap(
      Float64Array.from(J, (j) => -w[j]!),
      J.length,
      1,
    )
    const Wd = (yield* multiplySteps(dense(WQ), dense(delta))) as Matrix
    for (let i = 0; i < m; i++) u[i]! += Wd.data[i]!
  }
  for (let i = 0; i < m; i++) M[i * (m + 1)]! += 1
  const { L } = yield* choleskySteps(wrap(M, m, m))
  const half = (yield* solveTriangularSteps(L, u)) as Float64Array
  const c = (yield* solveTriangularSteps(L, half, { trans: true })) as Float64Array
  yield* W.addAdjoint(b, [c.map((x) => -x)], [part])
}
