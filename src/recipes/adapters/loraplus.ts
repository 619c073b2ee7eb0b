import { positive, withDefault } from '../../linalg/options.js'
import { loraParts, loraStart } from './lora.js'
import { loraReaders } from './loraconfig.js'
import type { LoraConfig } from './loraconfig.js'
import { recipe } from './recipe.js'
import type { AdapterFactory } from './recipe.js'

/** LoRA's configuration, and the ratio of LoRA+'s learning rates. */
export interface LoraPlusConfig extends LoraConfig {
  /** λ = η_B/η_A > 0. Default 16, the example of the paper's code; theory has it grow with n. */
  readonly loraplusLrRatio?: number | undefined
}

const readers = { ...loraReaders, loraplusLrRatio: withDefault(positive, 16) }

/**
 * LoRA+: LoRA, of which B learns λ times as fast as A. A training loop reads `lrRatio`.
 *
 * @param config - that of `lora` and `loraplusLrRatio`; with 1 it is LoRA to the bit.
 * @throws and costs what `lora` does.
 * Source: Hayou, Ghosh and Yu 2024, "LoRA+: efficient low rank adaptation of large models". Under Adam with a rate tuned
 * for each it ends where LoRA does.
 *
 * @example
 * ```ts
 * import { adapters } from 'lowrank/recipes'
 * adapters.loraPlus({ r: 4 }).lrRatio   // { B: 16, A: 1 }
 * ```
 */
export const loraPlus: AdapterFactory<LoraPlusConfig> = /*#__PURE__*/ recipe({
  ...loraParts,
  name: 'loraPlus',
  paper: 'LoRA+: Efficient Low Rank Adaptation of Large Models',
  year: 2024,
  config: readers,
  init: ({ m, n }, { r, seed }) => loraStart(m, n, r, seed),
  hooks: ({ loraplusLrRatio }) => ({ lrRatio: { B: loraplusLrRatio, A: 1 } }),
})
