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
 * LoRA+: LoRA, of which B learns λ times as fast as A. A training loop reads `lrRatio`: `optimizers.partition` gives
 * each array an optimizer with a rate of its own.
 *
 * @param config - that of `lora` and `loraplusLrRatio`; with 1 it is LoRA to the bit.
 * @throws and costs what `lora` does.
 * Source: Hayou, Ghosh and Yu 2024, "LoRA+: efficient low rank adaptation of large models". Under Adam with a rate tuned
 * for each it ends where LoRA does.
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { adapters, optimizers } from 'lowrank/recipes'
 * const plus = adapters.loraPlus({ r: 4 })
 * const { B, A } = plus.lrRatio   // 16, 1
 * const adam = (ratio: number) => optimizers.adamw({ learningRate: 1e-3 * ratio, weightDecay: 0 })
 * const optimizer = optimizers.partition({ B: adam(B), A: adam(A) })
 *
 * let state = plus.init({ W0: random.normal([48, 64]) })
 * let memory = optimizer.init(state.trainable)
 * const [x, wanted] = [random.normal([64, 100], { seed: 1 }), random.normal([48, 100], { seed: 2 })]
 * for (let step = 0; step < 10; step++) {
 *   const y = plus.forward(state, x)
 *   y.data.forEach((_, e) => (y.data[e] -= wanted.data[e]))   // the gradient of ½‖y − wanted‖²
 *   const { grads } = plus.backward(state, x, y)
 *   const { updates, state: next } = optimizer.update(grads, memory, state.trainable)
 *   state = { ...state, trainable: optimizers.applyUpdates(state.trainable, updates) }
 *   memory = next
 * }
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
