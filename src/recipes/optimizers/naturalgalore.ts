import { oneOf, readOptions, withDefault } from '../../linalg/options.js'
import { adam } from './adam.js'
import { chain } from './chain.js'
import { adamPart, galoreReaders, svdPart } from './galore.js'
import type { GaloreOptions } from './galore.js'
import { naturalGradient, naturalGradientReaders } from './naturalgradient.js'
import type { NaturalGradientOptions } from './naturalgradient.js'
import type { Optimizer } from './optimizer.js'
import { noGradients } from './pastgradients.js'
import { projectedAs } from './projected.js'
import { projectors } from './projectors.js'
import { residuals } from './residuals.js'

/** GaLore's options, and those of the natural gradient within the subspace. */
export interface NaturalGaloreOptions extends GaloreOptions, NaturalGradientOptions {
  /** Whether projected gradients from before a new choice still count. Default 'keep', as in the authors' code. */
  readonly onRefresh?: 'keep' | 'clear' | undefined
}

/**
 * GaLore with the projected gradient g = vec(R) replaced by F⁻¹g, F = λI + Σ ggᵀ over the last `history` of them (a sum,
 * not a mean), before Adam. As λ grows it becomes GaLore, since Adam does not see the factor 1/λ.
 *
 * @param options - those of `galore`; `history` 20, `damping` 1e-3, `onRefresh` 'keep'.
 * @throws as `galore`; OptionError where `damping` is nothing beside rounding in gradients that depend on each other.
 * Cost: that of `galore`, and for s = `history`, M = max(m, n): srM + s² floats of state, 4srM + s³/3 flops.
 * Source: Das 2024, "Natural GaLore: accelerating GaLore for memory-efficient LLM training and fine-tuning". Departures:
 * projects one side, where their code projects both; F⁻¹g = A·(λI + AᵀA)⁻¹·e with e picking g among the columns of A,
 * where they take the difference of two large terms.
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { optimizers } from 'lowrank/recipes'
 * const optimizer = optimizers.naturalGalore({ learningRate: 0.01, rank: 4, history: 10 })
 * const params = { W: random.normal([32, 16]) }
 * const { updates } = optimizer.update({ W: random.normal([32, 16], { seed: 1 }) }, optimizer.init(params), params)
 * ```
 */
export function naturalGalore(options: NaturalGaloreOptions): Optimizer {
  const plan = readOptions('naturalGalore', options, {
    ...galoreReaders,
    ...naturalGradientReaders,
    onRefresh: withDefault(oneOf('keep', 'clear'), 'keep'),
  })
  const { history, damping, onRefresh } = plan
  const natural = naturalGradient({ history, damping })
  const whole = adam(adamPart(plan))
  const projector = projectors.svd(svdPart(plan))
  const [transform, moments] =
    onRefresh === 'keep'
      ? ([chain(natural, whole), 'keep'] as const)
      : // Adam's moments go along as they are; gradients of another basis do not.
        ([chain({ ...natural, carried: () => noGradients }, whole), 'carry'] as const)
  const settings = { ...plan, others: whole }
  return projectedAs('naturalGalore', transform, { ...projector, moments }, residuals.none(), settings)
}
