import { zeros } from '../../linalg/arrays.js'
import { oneOf, withDefault } from '../../linalg/options.js'
import { STREAM } from '../../linalg/random.js'
import type { AdapterFactory, Start } from './recipe.js'
import { recipe } from './recipe.js'
import { product } from './factors.js'
import { gaussian, kaimingUniform } from './inits.js'
import { loraReaders, loraScaling } from './loraconfig.js'
import type { LoraConfig } from './loraconfig.js'
import { additive } from './parameterisation.js'

/** LoRA's configuration, and what A starts from. */
export interface LoraInitConfig extends LoraConfig {
  /** What A starts from: uniform in ±1/√n ('kaiming', default), or normal of deviation 1/r ('gaussian'). */
  readonly initLoraWeights?: 'kaiming' | 'gaussian' | undefined
}

/** ΔW = s·B·A with the arrays B, m × r, and A, r × n: shared by all recipes that change something else. */
export const LORA = /*#__PURE__*/ additive(/*#__PURE__*/ product('B', 'A'))

/** B = 0 and A of Kaiming's. */
export const loraStart = (m: number, n: number, r: number, seed: number): Pick<Start, 'trainable'> => ({
  trainable: { B: zeros([m, r]), A: kaimingUniform(r, n, STREAM.adapterDown, seed) },
})

/** The parts of a recipe that has LoRA's arrays, and changes how they start or are trained. */
export const loraParts = {
  trainable: 'r(m + n)',
  preservesBase: true,
  mergeable: true,
  scaling: loraScaling,
  parameterisation: LORA,
  count: ({ r }: { readonly r: number }, m: number, n: number): number => r * (m + n),
} as const

const readers = { ...loraReaders, initLoraWeights: withDefault(oneOf('kaiming', 'gaussian'), 'kaiming') }

/**
 * LoRA: W = W0 + s·B·A, with A random and B zero at first.
 *
 * @param config - `r`, and what has a default. ΔW has rank r at most; (B·R, R⁻¹·A) is the same ΔW.
 * @returns the adapter; its arrays are B, m × r, and A, r × n: r(m + n) numbers. Dropout is the caller's: it acts on the
 * input of the update alone.
 * @throws OptionError, ShapeError, NotFiniteError, from it and from all its functions, which name the recipe.
 * Cost: init draws rn numbers; a forward or backward takes 2mnN flops for W0 and 2(m + n)rN or twice as many for ΔW.
 * Source: Hu, Shen, Wallis, Allen-Zhu, Li, Wang, Wang and Chen 2021, "LoRA: low-rank adaptation of large language
 * models"; the scaling α/√r by Kalajdzievski 2023.
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { adapters } from 'lowrank/recipes'
 * const lora = adapters.lora({ r: 4 })
 * const state = lora.init({ W0: random.normal([48, 64]) })
 * const x = random.normal([64, 10], { seed: 1 })
 * const { grads } = lora.backward(state, x, lora.forward(state, x))   // { B, A }, of which A's are 0 as long as B is
 * ```
 */
export const lora: AdapterFactory<LoraInitConfig> = /*#__PURE__*/ recipe({
  ...loraParts,
  name: 'lora',
  paper: 'LoRA: Low-Rank Adaptation of Large Language Models',
  year: 2021,
  config: readers,
  init: ({ m, n }, { r, seed, initLoraWeights }) =>
    initLoraWeights === 'kaiming'
      ? loraStart(m, n, r, seed)
      : { trainable: { B: zeros([m, r]), A: gaussian(r, n, 1 / r, STREAM.adapterDown, seed) } },
})
