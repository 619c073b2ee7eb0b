import { loraScaling } from './loraconfig.js'
import { STRUCTURED, nystromStartReaders, nystromStartSteps } from './nystromstart.js'
import type { NystromStartConfig } from './nystromstart.js'
import { recipe } from './recipe.js'
import type { AdapterFactory } from './recipe.js'

/**
 * IntTune: NLoRA of which only the intermediate matrix N is trained.
 *
 * @param config - that of `nlora`.
 * @returns the adapter; its array is N, r² numbers for a weight of any size; B and A are frozen.
 * @throws and costs what `nlora` does.
 * Source: Guo, Wang, Yang, Hu, Lu and Li 2025 (see `nlora`).
 *
 * @example
 * ```ts
 * import { adapters } from 'lowrank/recipes'
 * adapters.intTune({ r: 8 }).numTrainable([1024, 1024])   // 64
 * ```
 */
export const intTune: AdapterFactory<NystromStartConfig> = /*#__PURE__*/ recipe({
  name: 'intTune',
  paper: 'NLoRA: Nyström-Initiated Low-Rank Adaptation for Large Language Models',
  year: 2025,
  trainable: 'r²',
  preservesBase: true,
  preservesBaseIn: ({ initLoraWeights }) => initLoraWeights === 'nlora-nystrom',
  mergeable: true,
  config: nystromStartReaders,
  scaling: loraScaling,
  parameterisation: STRUCTURED,
  *init(given, config, s) {
    const { B, N, A, rest } = yield* nystromStartSteps(given, config, s)
    return { trainable: { N }, frozen: { B, A }, ...rest }
  },
  count: ({ r }) => r * r,
})
