import { nonNegative, oneOf, readOptions, seed, withDefault } from '../../linalg/options.js'
import { adam, adamReaders } from './adam.js'
import type { AdamOptions } from './adam.js'
import { adamPart } from './galore.js'
import type { Optimizer } from './optimizer.js'
import { projectedAs, projectedReaders } from './projected.js'
import type { ProjectedOptions } from './projected.js'
import { densityReader, gapReader, projectors } from './projectors.js'
import { residuals } from './residuals.js'

/** Which part of the gradient FRUGAL gives to Adam, and what becomes of the rest. */
export interface FrugalOptions extends ProjectedOptions, AdamOptions {
  /** ρ in [0, 1]: how much of the gradient Adam has. Default 0.25. */
  readonly density?: number | undefined
  /** What is drawn: entries, columns, matrices; or a basis of round(ρ·min(m, n)) vectors. Default 'columns'. */
  readonly projType?: 'columns' | 'entries' | 'blocks' | 'random' | 'svd' | undefined
  /** Default 200. */
  readonly updateProjGap?: number | undefined
  /** What is done to the rest: the sign of its entries (default), its entries, or nothing. */
  readonly inactiveUpdateRule?: 'signSgd' | 'sgd' | 'none' | undefined
  /** Of the learning rate of the rest; 0.1 is usual for fine-tuning. Default 1. */
  readonly inactiveLrScale?: number | undefined
  /** An integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/**
 * FRUGAL: Adam on a small part of the gradient, drawn anew every `updateProjGap` updates, and an update without memory,
 * the sign of the gradient, on all the rest: W ← W − lr·scale·(up(N) + inactiveLrScale·sign(G − up(R))). Adam starts afresh
 * with each part. With ρ = 1 it is Adam (until it starts afresh), with ρ = 0 signSGD.
 *
 * @param options - `learningRate`; `density` 0.25, `projType` 'columns', `updateProjGap` 200, `inactiveUpdateRule` 'signSgd',
 * `inactiveLrScale` 1, `scale` 1, `b1` 0.9, `b2` 0.999, `eps` 1e-8, `weightDecay` 0, `seed` 0. What is no
 * matrix is trained by Adam.
 * @throws OptionError; of `init` and `update` ShapeError and NotFiniteError.
 * Cost: 2m⌊ρn⌋ floats of state for columns and ⌊ρn⌋ indices, a few readings of G; with a basis the state of `galore` and
 * three products. Entries of gradients are read.
 * Source: Zmushko, Beznosikov, Takáč and Horváth 2024, "FRUGAL: memory-efficient optimization by reducing state overhead
 * for scalable training", algorithm 1. Departure: Adam's correction for its start starts afresh too.
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { optimizers } from 'lowrank/recipes'
 * const optimizer = optimizers.frugal({ learningRate: 0.001, density: 0.5 })
 * const params = { W: random.normal([32, 16]) }
 * const { updates } = optimizer.update({ W: random.normal([32, 16], { seed: 1 }) }, optimizer.init(params), params)
 * ```
 */
export function frugal(options: FrugalOptions): Optimizer {
  const plan = readOptions('frugal', options, {
    ...projectedReaders(1),
    ...adamReaders(1e-8),
    density: withDefault(densityReader, 0.25),
    projType: withDefault(oneOf('columns', 'entries', 'blocks', 'random', 'svd'), 'columns'),
    updateProjGap: gapReader,
    inactiveUpdateRule: withDefault(oneOf('signSgd', 'sgd', 'none'), 'signSgd'),
    inactiveLrScale: withDefault(nonNegative, 1),
    seed,
  })
  const { density, updateProjGap } = plan
  const projector = projectors[plan.projType]({ density, updateProjGap, seed: plan.seed })
  const lrScale = plan.scale * plan.inactiveLrScale
  const rule = {
    signSgd: () => residuals.sign({ lrScale }),
    sgd: () => residuals.sgd({ lrScale }),
    none: residuals.none,
  }[plan.inactiveUpdateRule]()
  const transform = adam(adamPart(plan))
  // Whatever the part is, Adam starts afresh with it.
  return projectedAs('frugal', transform, { ...projector, moments: 'clear' }, rule, {
    ...plan,
    others: transform,
  })
}
