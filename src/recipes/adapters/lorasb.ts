import { diag } from '../../linalg/arrays.js'
import { asOperator } from '../../linalg/operators/denseoperator.js'
import { integer, positive, seed, withDefault } from '../../linalg/options.js'
import { entriesOf } from '../../linalg/products.js'
import { product } from './factors.js'
import { additive } from './parameterisation.js'
import { recipe } from './recipe.js'
import type { AdapterFactory } from './recipe.js'
import { svdReaders, truncatedSvdSteps } from './truncatedsvd.js'
import type { TruncatedSvdConfig } from './truncatedsvd.js'

/** The rank of LoRA-SB, and the step that its start imitates. */
export interface LoraSbConfig extends TruncatedSvdConfig {
  /** The rank, at most min(m, n). */
  readonly r: number
  /** η > 0 of the step that the init makes: the rate of the training. The authors take lr/(warm-up ratio · steps). */
  readonly learningRate: number
  /** Of 'rsvd'. Default 10: signs of a gradient have a flat spectrum. */
  readonly powerIterations?: number | undefined
  /** Of the sketch. Default 0. */
  readonly seed?: number | undefined
}

const readers = {
  ...svdReaders,
  r: integer(1),
  learningRate: positive,
  powerIterations: withDefault(integer(0), 10),
  seed,
}

/**
 * LoRA-SB: LoRA-XS whose factors come from the first full step instead of W0. U·S·Vᵀ is the truncated SVD of
 * D = −η·sign(G), Adam's first step, and W = W0 + U·R·Vᵀ starts with R = S: it has made that step already.
 *
 * `learningRate` has to be the rate that the training begins with, since the start is its first step. On least squares the
 * loss of the start is a parabola in η: with a smaller one only the head start is lost, but with one that is well above what
 * a step of signs bears the loss starts high, without bound in η, and Adam, which moves the numbers of R by about its own
 * rate in a step, takes some S₀₀/rate steps to come back.
 *
 * @param config - `r`, `learningRate`, and how the SVD is made. There is no α: s = 1.
 * @returns the adapter; its array is R, r² numbers, and B = U, A = Vᵀ are frozen. `init` needs `grad`.
 * A gradient step on R is the one on W projected on both subspaces. `state.residual` is that of the SVD.
 * @throws as `lora`; OptionError from `init` without `grad`.
 * Cost: init 4(q + 1)mn(r + oversample) flops, q powerIterations, on the entries of `grad`.
 * Source: Ponkshe, Singhal, Gorbunov, Tumanov, Horvath and Vepakomma 2024, "Initialization using update approximation
 * is a silver bullet for extremely efficient low-rank fine-tuning".
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { adapters } from 'lowrank/recipes'
 * const W0 = random.normal([48, 64])
 * const grad = random.normal([48, 64], { seed: 1 })
 * adapters.loraSb({ r: 8, learningRate: 1e-3 }).init({ W0, grad }).trainable.R.shape   // [8, 8]
 * ```
 */
export const loraSb: AdapterFactory<LoraSbConfig> = /*#__PURE__*/ recipe({
  name: 'loraSb',
  paper:
    'Initialization using Update Approximation is a Silver Bullet for Extremely Efficient Low-Rank Fine-Tuning',
  year: 2024,
  trainable: 'r²',
  preservesBase: false,
  mergeable: true,
  config: readers,
  parameterisation: additive(product('B', 'R', 'A')),
  *init({ fn, grad }, config) {
    const D = yield* entriesOf(yield* grad())
    for (let e = 0; e < D.data.length; e++) D.data[e] = -config.learningRate * Math.sign(D.data[e]!)
    const { U, s, Vt, residual } = yield* truncatedSvdSteps(fn, asOperator(D), config.r, config)
    return { frozen: { B: U, A: Vt }, trainable: { R: diag(s) }, residual }
  },
  count: ({ r }) => r * r,
})
