import { nonNegative, oneOf, withDefault } from '../../linalg/options.js'
import { STREAM } from '../../linalg/random.js'
import { scaledColumns, scaledRows } from '../../linalg/thin.js'
import { product } from './factors.js'
import { gaussian } from './inits.js'
import { loraReaders, loraScaling } from './loraconfig.js'
import type { LoraConfig } from './loraconfig.js'
import { additive } from './parameterisation.js'
import { recipe } from './recipe.js'
import type { AdapterFactory } from './recipe.js'
import { svdReaders, truncatedSvdSteps } from './truncatedsvd.js'
import type { TruncatedSvdConfig } from './truncatedsvd.js'

/** LoRA's configuration, which frozen factor holds the singular values, and what R starts from. */
export interface LoraXsConfig extends LoraConfig, TruncatedSvdConfig {
  /** Which factor holds the singular values: 'B' (default, as the paper has it), or 'A', as its code for out × in. */
  readonly singularValues?: 'B' | 'A' | undefined
  /** Deviation of R's entries at first. Default 1e-5; with 0 the adapted weight starts as W0. */
  readonly initStd?: number | undefined
}

const readers = {
  ...loraReaders,
  ...svdReaders,
  singularValues: withDefault(oneOf('B', 'A'), 'B'),
  initStd: withDefault(nonNegative, 1e-5),
}

/**
 * LoRA-XS: W = W0 + s·B·R·A, where B = U·S and A = Vᵀ of the truncated SVD of W0 are frozen and only R, r × r, is
 * trained. Both places of the singular values give the same changes and different gradients.
 *
 * @param config - that of LoRA, how the SVD is made, and two of its own.
 * @returns the adapter; its array is R, r² numbers for a weight of any size. `state.residual` is that of the SVD.
 * @throws as `lora`.
 * Cost: init as `pissa` without a base of its own.
 * Source: Bałazy, Banaei, Aberer and Tabor 2024, "LoRA-XS: low-rank adaptation with extremely small number of
 * parameters". It goes far where the change lies in W0's leading subspaces, and nowhere else.
 *
 * @example
 * ```ts
 * import { adapters } from 'lowrank/recipes'
 * adapters.loraXs({ r: 8 }).numTrainable([1024, 1024])   // 64
 * ```
 */
export const loraXs: AdapterFactory<LoraXsConfig> = /*#__PURE__*/ recipe({
  name: 'loraXs',
  paper: 'LoRA-XS: Low-Rank Adaptation with Extremely Small Number of Parameters',
  year: 2024,
  trainable: 'r²',
  preservesBase: 'approx',
  preservesBaseIn: ({ initStd }) => (initStd === 0 ? true : 'approx'),
  mergeable: true,
  config: readers,
  scaling: loraScaling,
  parameterisation: additive(product('B', 'R', 'A')),
  *init({ fn, W0 }, config) {
    const { r, initStd, singularValues } = config
    const { U, s, Vt, residual } = yield* truncatedSvdSteps(fn, W0, r, config)
    const R = gaussian(r, r, initStd, STREAM.adapterCore, config.seed)
    const frozen = singularValues === 'B' ? { B: scaledColumns(U, s), A: Vt } : { B: U, A: scaledRows(Vt, s) }
    return { frozen, trainable: { R }, residual }
  },
  count: ({ r }) => r * r,
})
