import { diagonalSteps, mfacSteps, whitenedOf } from '../../factorize/mfac.js'
import type { Mfac } from '../../factorize/mfac.js'
import { pruneSteps } from '../../factorize/obs.js'
import { contiguous, wrap } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { csr } from '../../linalg/csr.js'
import { OptionError } from '../../linalg/errors.js'
import { norm2 } from '../../linalg/magnitude.js'
import { integer, oneOf, optional, positive, readOptions, withDefault } from '../../linalg/options.js'
import { entriesOf } from '../../linalg/products.js'
import { report } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { transposed } from '../../linalg/thin.js'
import { compressedSteps, compressor, refuseBudget, withEntries } from './compressor.js'
import type { Compressed, Compressor } from './compressor.js'
import { share } from './lowrank.js'
import { gramRootSteps, statistic } from './statistics.js'

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
 * Cost: 'gradients', k of them: 2mnk² flops for H⁻¹ and as many for the joint update. 'inputs': n³ for H⁻¹, and for each row
 * 2n² for each weight that goes and n³/3.
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
    const { W, shape, statistics, S } = layer
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
      const root = S ?? (yield* gramRootSteps(fn, statistic(fn, statistics, 'gram', [n, n])))
      after = yield* rowsSteps(fn, wrap(w, m, n), root, count, plan)
    }
    const approximation = withEntries(sparse(after, m, n))
    const stored = { parameters: kept, indexCount: kept }
    return yield* compressedSteps(layer, approximation, stored, { pruned: after.pruned })
  })
}

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

/** Every row has the curvature S·Sᵀ; which weights go is decided over all rows. */
function* rowsSteps(
  fn: string,
  W: Matrix,
  S: Matrix,
  count: number,
  { damping, update }: { readonly damping: number; readonly update: 'joint' | 'sum' | 'none' },
): Steps<Pruning> {
  const [m, n] = [W.shape[0]!, W.shape[1]!]
  const H = yield* inverseSteps(transposed(S), damping)
  const diagonal = yield* diagonalSteps(whitenedOf(H)!)
  const roots = diagonal.map(Math.sqrt)
  // The root of the saliency, which neither overflows nor vanishes.
  const saliency = W.data.map((w, e) => Math.abs(w) / roots[e % n]!)
  const order = Int32Array.from(saliency.keys()).sort((a, b) => saliency[a]! - saliency[b]! || a - b)
  const counts = new Int32Array(m)
  for (const e of order.subarray(0, count)) counts[Math.floor(e / n)]!++
  const weights = new Float64Array(m * n)
  const pruned = new Int32Array(count)
  let at = 0
  for (let i = 0; i < m; i++) {
    yield* report(fn, 'rows', i, m)
    const row = yield* pruneSteps(H, W.data.subarray(i * n, (i + 1) * n), { count: counts[i]!, update })
    weights.set(row.weights, i * n)
    for (const j of row.indices) pruned[at++] = i * n + j
  }
  yield* report(fn, 'rows', m, m)
  return { weights, pruned }
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
