import { dampedFactorSteps, mfacSteps } from '../../factorize/curvature/mfac.js'
import type { Mfac } from '../../factorize/curvature/mfac.js'
import { pruneSteps } from '../../factorize/curvature/obs.js'
import { contiguous, eye, matrix, wrap } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { choleskySteps } from '../../linalg/dense/cholesky.js'
import { csr } from '../../linalg/operators/csr.js'
import { OptionError } from '../../linalg/errors.js'
import { norm2 } from '../../linalg/magnitude.js'
import { integer, oneOf, optional, positive, readOptions, withDefault } from '../../linalg/options.js'
import { entriesOf } from '../../linalg/products.js'
import { solveTriangularSteps } from '../../linalg/dense/solvetriangular.js'
import { report } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { pickedColumns, pickedRows } from '../../linalg/thin.js'
import { compressedSteps, compressor, refuseBudget, withEntries } from './compressor.js'
import type { Compressed, Compressor } from './compressor.js'
import { share } from './lowrank.js'
import { statistic } from './statistics.js'

/** How many weights stay, and the curvature that chooses them. */
export interface MfacPruningConfig {
  /** The part of the weights that stays, in (0, 1]. */
  readonly budget: number
  /** Whose curvature. 'gradients' the loss's, 'inputs' that of the layer's own outputs. Default the former where given. */
  readonly curvature?: 'gradients' | 'inputs' | undefined
  /** How the weights that stay make up for the others: see `obsPrune`. Default 'joint'. */
  readonly update?: 'joint' | 'sum' | 'none' | undefined
  /** λ as a part of the mean of the curvature's diagonal. Default 10⁻⁴. */
  readonly damping?: number | undefined
  /** Of 'gradients': weights whose gradients are taken to have to do with each other. Default all. */
  readonly blockSize?: number | undefined
}

/** A sparse layer. */
export interface Sparse extends Compressed {
  /** The weights that were pruned, as i·n + j, ascending. */
  readonly pruned: Int32Array
}

/**
 * Prunes the weights that cost least by second order, and moves the others to make up for them (optimal brain surgeon).
 *
 * The curvature is an empirical Fisher matrix H = λI + mean of ggᵀ, inverted by M-FAC. 'gradients' takes gradients g of the
 * loss over all weights. 'inputs' takes the squared error of the layer's outputs, of which every row of W has the same H:
 * the inputs' Gram matrix. The weights of smallest saliency w²/(2·[H⁻¹]ᵢᵢ) go, over the whole layer.
 *
 * @param config - `budget`, `curvature`, `update`, `damping`, `blockSize`.
 * @returns a compressor: (W, statistics) → Ŵ with `pruned`; ⌊budget·mn⌋ numbers, and as many indices. It needs
 * `statistics.gradients`, or `statistics.gram`.
 * @throws ShapeError where neither is there; OptionError; NotFiniteError.
 * Cost: 'gradients', k of them: 2mnk² flops for H⁻¹ and as many for the joint update. 'inputs': 7n³/3 for H⁻¹, and for each
 * row p³/3 for the p weights that go, or that stay where these are fewer.
 * Source: Frantar, Kurtic and Alistarh 2021, "M-FAC: efficient matrix-free approximations of second-order information"; Singh
 * and Alistarh 2020 (WoodFisher); 'inputs' as Frantar and Alistarh 2022, "Optimal brain compression", in one go.
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { compression } from 'lowrank/recipes'
 * const statistics = compression.calibration()
 * statistics.push(random.normal([20, 100], { seed: 1 }))
 * compression.mfacPruning({ budget: 0.25 })(random.normal([10, 20]), statistics).parameters   // 50
 * ```
 */
export function mfacPruning(config: MfacPruningConfig): Compressor<Sparse> {
  const fn = 'mfacPruning'
  const plan = readOptions(fn, config, {
    budget: share,
    curvature: optional(oneOf('gradients', 'inputs')),
    update: withDefault(oneOf('joint', 'sum', 'none'), 'joint'),
    damping: withDefault(positive, 1e-4),
    blockSize: optional(integer(1)),
  })
  return compressor(fn, function* (layer) {
    const { W, shape, statistics } = layer
    const [m, n] = shape
    const kept = Math.floor(plan.budget * m * n)
    if (kept < 1) refuseBudget(fn, plan.budget, 1 / (m * n))
    const w = (yield* entriesOf(W)).data
    const count = m * n - kept
    const whole = plan.curvature === 'gradients' || (!plan.curvature && statistics?.gradients !== undefined)
    if (plan.blockSize !== undefined && !whole) {
      const [expected, given] = ["none with curvature 'inputs'", String(plan.blockSize)]
      throw new OptionError({ fn, argument: 'options.blockSize', expected, given })
    }
    let after: Pruning
    if (whole) {
      const G = contiguous(statistic(fn, statistics, 'gradients', [undefined, m * n]))
      const H = yield* inverseSteps(G, plan.damping, plan.blockSize)
      const { weights, indices } = yield* pruneSteps(H, w, { count, update: plan.update })
      after = { weights, pruned: indices }
    } else {
      const C = statistic(fn, statistics, 'gram', [n, n])
      after = yield* rowsSteps(fn, wrap(w, m, n), matrix(C), count, plan)
    }
    const approximation = withEntries(sparse(after, m, n))
    const stored = { parameters: kept, indexCount: kept }
    return yield* compressedSteps(layer, approximation, stored, { pruned: after.pruned })
  })
}

type Update = 'joint' | 'sum' | 'none'

interface Pruning {
  readonly weights: Float64Array
  readonly pruned: Int32Array
}

/** H⁻¹ of gradients, with λ relative to the mean of the diagonal. */
function* inverseSteps(G: Matrix, damping: number, blockSize?: number): Steps<Mfac> {
  const mean = (norm2(G.data) ** 2 / Math.max(G.data.length, 1)) * damping
  // Without any curvature all weights are alike, at any λ.
  return (yield* mfacSteps(G, { damping: mean > 0 ? mean : 1, blockSize })) as Mfac
}

/** Every row has the same curvature H = C + λI; which weights go is decided over all rows. C becomes H. */
function* rowsSteps(
  fn: string,
  W: Matrix,
  C: Matrix,
  count: number,
  { damping, update }: { readonly damping: number; readonly update: Update },
): Steps<Pruning> {
  const [m, n] = [W.shape[0]!, W.shape[1]!]
  const mean = C.data.reduce((sum, x, e) => (e % (n + 1) === 0 ? sum + x / n : sum), 0)
  const L = yield* dampedFactorSteps(fn, C, mean > 0 ? (damping * mean) / n : 1)
  const half = yield* solveTriangularSteps(L, eye(n))
  const inverse = (yield* solveTriangularSteps(L, half, { trans: true })) as Matrix
  // The root of the saliency, which neither overflows nor vanishes.
  const roots = Float64Array.from({ length: n }, (_, j) => Math.sqrt(inverse.data[j * (n + 1)]!))
  const saliency = W.data.map((w, e) => Math.abs(w) / roots[e % n]!)
  const order = Int32Array.from(saliency.keys()).sort((a, b) => saliency[a]! - saliency[b]! || a - b)
  const pruned = order.slice(0, count).sort()
  const weights = W.data.slice()
  for (let i = 0, at = 0; i < m; i++) {
    yield* report(fn, 'rows', i, m)
    const from = at
    while (at < count && pruned[at]! < (i + 1) * n) at++
    const Q = pruned.subarray(from, at).map((e) => e - i * n)
    const w = weights.subarray(i * n, (i + 1) * n)
    if (update === 'joint') yield* jointRowSteps(C, inverse, w, Q)
    else if (update === 'sum') sumRow(inverse, w, Q)
    for (const j of Q) w[j] = 0
  }
  yield* report(fn, 'rows', m, m)
  return { weights, pruned }
}

/**
 * The minimum of the model with w_Q = 0, from the smaller of two systems: w_S − H⁻¹[S, Q]·H⁻¹[Q, Q]⁻¹·w_Q, and
 * H[S, S]⁻¹·(H·w)_S, of S the weights that stay.
 */
function* jointRowSteps(H: Matrix, inverse: Matrix, w: Float64Array, Q: Int32Array): Steps<void> {
  const n = w.length
  const gone = new Uint8Array(n)
  for (const j of Q) gone[j] = 1
  const S = Int32Array.from(w.keys()).filter((j) => gone[j] === 0)
  if (Q.length === 0 || S.length === 0) return
  const few = Q.length <= S.length
  const [M, I] = few ? [inverse, Q] : [H, S]
  const right = few ? Float64Array.from(Q, (q) => w[q]!) : Float64Array.from(S, (s) => rowDot(H, s, w))
  const { solve } = yield* choleskySteps(pickedColumns(pickedRows(M, I), I))
  const x = solve(right)
  if (few) Q.forEach((q, p) => subtractRow(inverse, q, x[p]!, w))
  else S.forEach((s, t) => (w[s] = x[t]!))
}

/** w −= factor·H⁻¹[q, :], of which what falls on pruned weights will not be kept. */
function subtractRow({ data }: Matrix, q: number, factor: number, w: Float64Array): void {
  for (let j = 0, e = q * w.length; j < w.length; j++, e++) w[j]! -= factor * data[e]!
}

/** What each pruned weight alone would ask of the others, added up. */
function sumRow(inverse: Matrix, w: Float64Array, Q: Int32Array): void {
  const asked = Float64Array.from(Q, (q) => w[q]! / inverse.data[q * (w.length + 1)]!)
  Q.forEach((q, p) => subtractRow(inverse, q, asked[p]!, w))
}

function rowDot({ data }: Matrix, i: number, w: Float64Array): number {
  let sum = 0
  for (let j = 0, e = i * w.length; j < w.length; j++, e++) sum += data[e]! * w[j]!
  return sum
}

/** What was not pruned. */
function sparse({ weights, pruned }: Pruning, m: number, n: number): ReturnType<typeof csr> {
  const kept = new Int32Array(m * n - pruned.length)
  for (let e = 0, t = 0, p = 0; e < m * n; e++) {
    if (pruned[p] === e) p++
    else kept[t++] = e
  }
  return csr({
    shape: [m, n],
    rows: kept.map((e) => Math.floor(e / n)),
    cols: kept.map((e) => e % n),
    values: Float64Array.from(kept, (e) => weights[e]!),
  })
}
