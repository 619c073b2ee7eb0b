import { readOptions } from '../../linalg/options.js'
import { adam, adamReaders } from './adam.js'
import type { AdamOptions } from './adam.js'
import type { Optimizer } from './optimizer.js'
import { projectedAs, projectedReaders } from './projected.js'
import type { ProjectedOptions } from './projected.js'
import { projectors, svdProjectorReaders } from './projectors.js'
import type { SvdProjectorOptions } from './projectors.js'
import { residuals } from './residuals.js'

/** The subspace of GaLore, and Adam within it. */
export interface GaloreOptions extends ProjectedOptions, AdamOptions, SvdProjectorOptions {}

export const galoreReaders = {
  ...projectedReaders(0.25),
  ...adamReaders(1e-6),
  ...svdProjectorReaders,
}

/**
 * GaLore: Adam on the gradient in a basis of its r leading singular vectors, chosen anew every `updateProjGap` updates.
 * For m >= n R = G·Q and W ← W − lr·scale·N·Qᵀ with Adam's direction N of R. What Adam remembers is not turned with the
 * basis. With r = min(m, n) it is Adam in other coordinates, which is not Adam.
 *
 * @param options - `learningRate` (about ten times Adam's), `rank` (or `density`); `updateProjGap` 200, `scale` 0.25,
 * `projType` 'std', `svd` 'randomized', `oversample` 8, `powerIterations` 1, `b1` 0.9, `b2` 0.999, `eps` 1e-6,
 * `weightDecay` 0, `seed` 0. What is no matrix is trained by Adam with the same numbers.
 * @throws OptionError; of `init` and `update` ShapeError, NotFiniteError and OptionError (a rank above min(m, n)).
 * Cost, p = min(m, n), M = max(m, n): rp + 2rM floats of state from the first update on; 4mnr flops for an update, two
 * products; 8mn(r + oversample) more for a choice, or a dense SVD. Gradients that are operators, on a GPU for example
 * (`update.async`), are asked for products with thin blocks alone, unless `svd` is 'exact'.
 * Source: Zhao, Zhang, Chen, Wang, Anandkumar and Tian 2024, "GaLore: memory-efficient LLM training by gradient
 * low-rank projection", algorithm 2. Departures: a randomized SVD, and ε is added to the corrected root, as in Adam.
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { optimizers } from 'lowrank/recipes'
 * const galore = optimizers.galore({ learningRate: 0.01, rank: 4 })
 * const params = { W: random.normal([32, 16]) }
 * const { updates, state } = galore.update({ W: random.normal([32, 16], { seed: 1 }) }, galore.init(params), params)
 * optimizers.stateSize(state).floats   // 4·16 + 2·4·32 = 320, where Adam has 1024
 * ```
 */
export function galore(options: GaloreOptions): Optimizer {
  const plan = readOptions('galore', options, galoreReaders)
  const transform = adam(adamPart(plan))
  return projectedAs('galore', transform, projectors.svd(svdPart(plan)), residuals.none(), {
    ...plan,
    others: transform,
  })
}

type Plan = ReturnType<typeof readOptions<typeof galoreReaders>>

export const adamPart = ({ b1, b2, eps }: Pick<Plan, 'b1' | 'b2' | 'eps'>): AdamOptions => ({ b1, b2, eps })

export const svdPart = (plan: Plan): SvdProjectorOptions => {
  const { rank, density, updateProjGap, projType, svd, oversample, powerIterations, seed } = plan
  return { rank, density, updateProjGap, projType, svd, oversample, powerIterations, seed }
}
