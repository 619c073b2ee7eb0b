import { tensor, zeros } from '../../linalg/arrays.js'
import type { Matrix, Tensor } from '../../linalg/arrays.js'
import { OptionError } from '../../linalg/errors.js'
import { matmul } from '../../linalg/dense/matmul.js'
import { positive, seed, withDefault } from '../../linalg/options.js'
import type { Reader } from '../../linalg/options.js'
import { STREAM } from '../../linalg/random.js'
import { transposed } from '../../linalg/thin.js'
import { factored } from '../../factorize/lowrank.js'
import { modeProduct, unfold } from '../../factorize/tensor/unfold.js'
import type { AdapterState } from './adapter.js'
import { gaussian } from './inits.js'
import { unfoldedShape } from './intake.js'
import { additive } from './parameterisation.js'
import { recipe } from './recipe.js'
import type { AdapterFactory } from './recipe.js'

/** The ranks of FLoRA's core, and its scale. */
export interface FloraConfig {
  /** A rank for each mode of W0, at most its size; a number stands for itself, or a smaller size, in all of them. */
  readonly r: number | readonly number[]
  /** s > 0. Default 1. */
  readonly scaling?: number | undefined
  /** An integer in [0, 2⁵³): one for each layer. Default 0. */
  readonly seed?: number | undefined
}

const ranksReader: Reader<number | readonly number[]> = (value, fail) =>
  (Array.isArray(value) ? value : [value]).every((r) => Number.isSafeInteger(r) && (r as number) >= 1)
    ? (value as number | readonly number[])
    : fail('an integer >= 1, or one for each mode')

const readers = { r: ranksReader, scaling: withDefault(positive, 1), seed }

/**
 * FLoRA: an update in Tucker form for a weight of any number of modes, ΔW = s·C ×₀ F₀ ×₁ F₁ …: a kernel
 * out × in × k₁ × k₂ keeps its modes. The core C is zero at first, the factors random.
 *
 * @param config - a rank for each mode. The order of modes is W0's.
 * @returns the adapter; its arrays are `core`, r₀ × r₁ × …, and F0, F1, …, each dᵢ × rᵢ. `W0` is given with all its modes;
 * activations are those of its unfolding out × (in·k₁·k₂), patches as columns.
 * @throws as `lora`; OptionError from `init` where ranks do not fit the modes.
 * Cost: a forward forms C ×₁ F₁ ×₂ F₂ …, r₀ × n, and takes 2(m + n)r₀N flops.
 * Source: Si, Wang, Yang, Xu, Li, Dai, Qiao, Yang and Shen 2024, "FLoRA: low-rank core space for N-dimension".
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { adapters } from 'lowrank/recipes'
 * const flora = adapters.flora({ r: [4, 4, 2, 2] })
 * const state = flora.init({ W0: random.normal([32, 16, 3, 3]) })
 * flora.numTrainable([32, 16, 3, 3])   // 64 + 128 + 64 + 6 + 6 = 268
 * ```
 */
export const flora: AdapterFactory<FloraConfig> = /*#__PURE__*/ recipe({
  name: 'flora',
  paper: 'FLoRA: Low-Rank Core Space for N-dimension',
  year: 2024,
  trainable: 'Π rᵢ + Σ dᵢ·rᵢ',
  preservesBase: true,
  mergeable: true,
  config: readers,
  scaling: ({ scaling }) => scaling,
  parameterisation: additive({
    update: (state) => factored([state.trainable.F0!, expanded(state)]),
    gradients(state, H) {
      const { core, F0 } = state.trainable
      const F = factorsOf(state)
      // Both modes of H that are long are contracted by thin products; what is left is small.
      const T = tensor(transposed(H.rmatmat(F0!)).data, [F0!.shape[1]!, ...state.shape.slice(1)])
      const gradients: Record<string, Tensor> = {
        core: contracted(T, F, -1),
        F0: H.matmat(transposed(expanded(state))),
      }
      for (let mode = 1; mode < F.length; mode++) {
        const left = unfold(contracted(T, F, mode), mode)
        gradients[`F${mode}`] = matmul(left, unfold(core!, mode), { transB: true })
      }
      return gradients
    },
  }),
  init({ fn, shape }, { r, seed }) {
    const ranks = ranksFor(fn, r, shape)
    const firsts = shape.map((_, mode) => shape.slice(0, mode).reduce((sum, side) => sum + side, 0))
    const factors = ranks.map((rank, mode): [string, Tensor] => [
      `F${mode}`,
      gaussian(shape[mode]!, rank, 1 / Math.sqrt(2 * rank), STREAM.adapterDown, seed, firsts[mode]),
    ])
    return { trainable: { core: zeros(ranks), ...Object.fromEntries(factors) } }
  },
  count({ r }, _m, _n, shape) {
    const ranks = ranksFor('flora.numTrainable', r, shape)
    return (
      ranks.reduce((product, rank) => product * rank, 1) +
      ranks.reduce((sum, rank, mode) => sum + rank * shape[mode]!, 0)
    )
  },
})

function ranksFor(fn: string, r: number | readonly number[], shape: readonly number[]): number[] {
  if (typeof r === 'number') return shape.map((side) => Math.min(r, side))
  if (r.length === shape.length && r.every((rank, mode) => rank <= shape[mode]!)) return [...r]
  const expected = `a rank for each mode of ${shape.join('×')}, at most its size`
  throw new OptionError({ fn, argument: 'options.r', expected, given: r.join(', ') })
}

const factorsOf = ({ trainable, shape }: AdapterState): Matrix[] =>
  shape.map((_, mode) => trainable[`F${mode}`]!)

/** C ×₁ F₁ ×₂ F₂ … but ×₀ F₀, unfolded: r₀ × n. */
function expanded(state: AdapterState): Matrix {
  const { core } = state.trainable
  const whole = factorsOf(state)
    .slice(1)
    .reduce<Tensor>((T, F, i) => modeProduct(T, F, i + 1), core!)
  return tensor(whole.data, [core!.shape[0]!, unfoldedShape(state.shape)[1]])
}

/** T ×ᵢ Fᵢᵀ over all modes but the first and `kept`. */
const contracted = (T: Tensor, F: readonly Matrix[], kept: number): Tensor =>
  F.reduce<Tensor>(
    (S, factor, mode) => (mode === 0 || mode === kept ? S : modeProduct(S, factor.transpose(1, 0), mode)),
    T,
  )
