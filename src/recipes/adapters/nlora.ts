import { loraScaling } from './loraconfig.js'
import { STRUCTURED, nystromStartReaders, nystromStartSteps } from './nystromstart.js'
import type { NystromStartConfig } from './nystromstart.js'
import { recipe } from './recipe.js'
import type { AdapterFactory } from './recipe.js'

/**
 * NLoRA: W = base + s·B·N·A, starting from the first r columns, the leading block and the first r rows of W0.
 *
 * @param config - that of LoRA, and which of two inits.
 * @returns the adapter; its arrays are B, N and A: r(m + n) + r² numbers. `state.residual` of 'nlora-nystrom' is
 * ‖base‖/‖W0‖, measured: above 1 where the leading block is nearly singular, and 0 where it is invertible, W0 of rank r
 * and s = 1.
 * @throws as `lora`.
 * Cost: init r rows and columns of W0, one product with ten columns, an SVD of r × r, and 2mnr flops for the base.
 * Source: Guo, Wang, Yang, Hu, Lu and Li 2025, "NLoRA: Nyström-initiated low-rank adaptation for large language models".
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { adapters } from 'lowrank/recipes'
 * const state = adapters.nlora({ r: 4 }).init({ W0: random.normal([48, 64]) })
 * ```
 */
export const nlora: AdapterFactory<NystromStartConfig> = /*#__PURE__*/ recipe({
  name: 'nlora',
  paper: 'NLoRA: Nyström-Initiated Low-Rank Adaptation for Large Language Models',
  year: 2025,
  trainable: 'r(m + n) + r²',
  preservesBase: true,
  preservesBaseIn: ({ initLoraWeights }) => initLoraWeights === 'nlora-nystrom',
  mergeable: true,
  config: nystromStartReaders,
  scaling: loraScaling,
  parameterisation: STRUCTURED,
  *init(given, config, s) {
    const { B, N, A, rest } = yield* nystromStartSteps(given, config, s)
    return { trainable: { B, N, A }, ...rest }
  },
  count: ({ r }, m, n) => r * (m + n) + r * r,
})
