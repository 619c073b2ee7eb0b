import { readOptions, withDefault } from '../../linalg/options.js'
import { adam } from './adam.js'
import { adamPart, galoreReaders, svdPart } from './galore.js'
import type { GaloreOptions } from './galore.js'
import type { Optimizer } from './optimizer.js'
import { projectedAs } from './projected.js'
import { projectors } from './projectors.js'
import { limiterReader, residuals } from './residuals.js'

/** GaLore's options, and the limiter of what is outside the subspace. */
export interface FiraOptions extends GaloreOptions {
  /** γ >= 1: how much the part outside may grow from one update to the next. Default 1.01. */
  readonly limiter?: number | undefined
}

/**
 * Fira: GaLore, and what GaLore leaves out of the gradient, scaled row by row (m >= n; else column by column) as Adam
 * scaled what is inside: W ← W − lr·(scale·up(N) + E), E_j = ‖N_j‖/‖R_j‖·(G − up(R))_j, whose norm may grow by `limiter`.
 * With r = min(m, n) nothing is left out and it is GaLore.
 *
 * @param options - those of `galore`; `limiter` 1.01.
 * @throws as `galore`.
 * Cost: the state of `galore` and one number; one product more for an update, 6mnr flops in all. Entries of gradients are
 * read.
 * Source: Chen, Feng, Guo, Shi, Xu, Wang, Yang and Chen 2024, "Fira: can we achieve full-rank training of LLMs under
 * low-rank constraint?", algorithm 1. Departure: the factor is 0 where R_j is, in the place of 1e-8 in its denominator.
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { optimizers } from 'lowrank/recipes'
 * const optimizer = optimizers.fira({ learningRate: 0.01, rank: 4 })
 * const params = { W: random.normal([32, 16]) }
 * const { updates } = optimizer.update({ W: random.normal([32, 16], { seed: 1 }) }, optimizer.init(params), params)
 * ```
 */
export function fira(options: FiraOptions): Optimizer {
  const plan = readOptions('fira', options, { ...galoreReaders, limiter: withDefault(limiterReader, 1.01) })
  const transform = adam(adamPart(plan))
  const rule = residuals.scaled({ limiter: plan.limiter })
  return projectedAs('fira', transform, projectors.svd(svdPart(plan)), rule, { ...plan, others: transform })
}
