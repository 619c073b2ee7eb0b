import { bool, readOptions, withDefault } from '../../linalg/options.js'
import { adam, adamReaders } from './adam.js'
import type { AdamOptions } from './adam.js'
import { adamPart } from './galore.js'
import type { Optimizer } from './optimizer.js'
import { projectedAs, projectedReaders } from './projected.js'
import type { ProjectedOptions } from './projected.js'
import { cosineProjectorReaders, projectors } from './projectors.js'
import type { CosineProjectorOptions } from './projectors.js'
import { residuals } from './residuals.js'

/** The cosine basis that gradients are projected to, and Adam within it. */
export interface DctProjectionOptions extends ProjectedOptions, AdamOptions, CosineProjectorOptions {
  /** Keeps what was left out, and adds it to the next gradient. Default false. */
  readonly errorFeedback?: boolean | undefined
}

/**
 * Adam on the gradient in r columns of a fixed orthogonal matrix, that of the cosine transform,
 * Qᵢⱼ = √(2/k)·cos(πi(2j + 1)/2k), k = min(m, n) (row 0 divided by √2): those that have most of it. In the place of an SVD
 * there is one fast transform, cheap enough to choose anew at every update.
 *
 * @param options - `learningRate`, `rank`; `updateProjGap` 1, `selectionNorm` 1, `rotate` true (what Adam remembers of a
 * column stays with it), `errorFeedback` false, `scale` 1, `b1` 0.9, `b2` 0.999, `eps` 1e-8, `weightDecay` 0. What is no
 * matrix is trained by Adam.
 * @throws OptionError; of `init` and `update` ShapeError, NotFiniteError and OptionError (a rank above min(m, n)).
 * Cost, M = max(m, n): 2rM floats of state and r indices, mn floats more with `errorFeedback`; M + r Fourier transforms of
 * length k and 2mnr flops for an update. Entries of gradients are read.
 * Source: Modoranu, Safaryan, Schultheis, Ryabinin, Chumachenko and Alistarh 2025, "SVD-free low-rank adaptive gradient
 * optimization for large language models".
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { optimizers } from 'lowrank/recipes'
 * const optimizer = optimizers.dctProjection({ learningRate: 0.01, rank: 4 })
 * const params = { W: random.normal([32, 16]) }
 * const { updates } = optimizer.update({ W: random.normal([32, 16], { seed: 1 }) }, optimizer.init(params), params)
 * ```
 */
export function dctProjection(options: DctProjectionOptions): Optimizer {
  const plan = readOptions('dctProjection', options, {
    ...projectedReaders(1),
    ...adamReaders(1e-8),
    ...cosineProjectorReaders,
    errorFeedback: withDefault(bool, false),
  })
  const { rank, updateProjGap, selectionNorm, rotate } = plan
  const projector = projectors.cosine({ rank, updateProjGap, selectionNorm, rotate })
  const transform = adam(adamPart(plan))
  const rule = plan.errorFeedback ? residuals.feedback() : residuals.none()
  return projectedAs('dctProjection', transform, projector, rule, { ...plan, others: transform })
}
