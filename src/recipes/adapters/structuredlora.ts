import { zeros } from '../../linalg/arrays.js'
import { STREAM } from '../../linalg/random.js'
import { kaimingUniform } from './inits.js'
import { loraReaders, loraScaling } from './loraconfig.js'
import type { LoraConfig } from './loraconfig.js'
import { STRUCTURED } from './nystromstart.js'
import { recipe } from './recipe.js'
import type { AdapterFactory } from './recipe.js'

/**
 * StructuredLoRA (SLoRA): W = W0 + s·B·N·A, with an r × r matrix between LoRA's two. A and N are random at first, B zero.
 *
 * @param config - that of LoRA.
 * @returns the adapter; its arrays are B, N and A: r(m + n) + r² numbers.
 * @throws as `lora`.
 * Source: Guo, Wang, Yang, Hu, Lu and Li 2025 (see `nlora`).
 *
 * @example
 * ```ts
 * import { adapters } from 'lowrank/recipes'
 * adapters.structuredLora({ r: 8 }).numTrainable([100, 50])   // 1264
 * ```
 */
export const structuredLora: AdapterFactory<LoraConfig> = /*#__PURE__*/ recipe({
  name: 'structuredLora',
  paper: 'NLoRA: Nyström-Initiated Low-Rank Adaptation for Large Language Models',
  year: 2025,
  trainable: 'r(m + n) + r²',
  preservesBase: true,
  mergeable: true,
  config: loraReaders,
  scaling: loraScaling,
  parameterisation: STRUCTURED,
  init: ({ m, n }, { r, seed }) => ({
    trainable: {
      B: zeros([m, r]),
      N: kaimingUniform(r, r, STREAM.adapterCore, seed),
      A: kaimingUniform(r, n, STREAM.adapterDown, seed),
    },
  }),
  count: ({ r }, m, n) => r * (m + n) + r * r,
})
