import { tensor, zeros } from '../../linalg/arrays.js'
import type { Matrix, Tensor } from '../../linalg/arrays.js'
import { matmul } from '../../linalg/dense/matmul.js'
import { integer } from '../../linalg/options.js'
import { STREAM } from '../../linalg/random.js'
import { transposed } from '../../linalg/thin.js'
import { factored } from '../../factorize/lowrank.js'
import type { AdapterState } from './adapter.js'
import { plus } from './arithmetic.js'
import { kaimingUniform, uniform } from './inits.js'
import { loraReaders, loraScaling } from './loraconfig.js'
import type { LoraConfig } from './loraconfig.js'
import { additive } from './parameterisation.js'
import { recipe } from './recipe.js'
import type { AdapterFactory } from './recipe.js'

/** LoRA's configuration, and how many random matrices NOLA combines. */
export interface NolaConfig extends LoraConfig {
  /** k_A >= 1: random matrices of which A is a combination. */
  readonly basesA: number
  /** k_B >= 1: and B. */
  readonly basesB: number
}

const readers = { ...loraReaders, basesA: integer(1), basesB: integer(1) }

/**
 * NOLA: LoRA's factors as combinations of random matrices, A = A₀ + Σ aᵢ·Pᵢ and B = Σ bᵢ·Qᵢ, of which only the
 * coefficients are trained: as few numbers as one likes, whatever the shape and the rank.
 *
 * @param config - that of LoRA, and how many random matrices there are.
 * @returns the adapter; its arrays are a, k_A numbers, and b, k_B numbers, both zero at first. A₀ and the bases P,
 * k_A × r·n, and Q, k_B × m·r, are frozen; the seed makes them again, so that a checkpoint needs a and b alone.
 * @throws as `lora`.
 * Cost: a forward makes A and B with 2r(n·k_A + m·k_B) flops. Memory: the bases, r(n·k_A + m·k_B) numbers.
 * Source: Koohpayegani, Navaneet, Nooralinejad, Kolouri and Pirsiavash 2023, "NOLA: networks as linear combination of low
 * rank random basis".
 *
 * @example
 * ```ts
 * import { adapters } from 'lowrank/recipes'
 * adapters.nola({ r: 4, basesA: 32, basesB: 32 }).numTrainable([4096, 4096])   // 64
 * ```
 */
export const nola: AdapterFactory<NolaConfig> = /*#__PURE__*/ recipe({
  name: 'nola',
  paper: 'NOLA: Networks as Linear Combination of Low Rank Random Basis',
  year: 2023,
  trainable: 'k_A + k_B',
  preservesBase: true,
  mergeable: true,
  config: readers,
  scaling: loraScaling,
  parameterisation: additive({
    update(state) {
      const { B, A } = combined(state)
      return factored([B, A])
    },
    gradients(state, H) {
      const { B, A } = combined(state)
      return {
        a: coefficients(state.frozen.P!, transposed(H.rmatmat(B))),
        b: coefficients(state.frozen.Q!, H.matmat(transposed(A))),
      }
    },
    toLora: (state) => ({ ...combined(state), scaling: state.scaling }),
  }),
  init: ({ m, n }, { r, basesA, basesB, seed }) => ({
    frozen: {
      A0: kaimingUniform(r, n, STREAM.adapterDown, seed),
      P: basis(basesA, r * n, STREAM.adapterBasesDown, seed),
      Q: basis(basesB, m * r, STREAM.adapterBasesUp, seed),
    },
    trainable: { a: zeros([basesA]), b: zeros([basesB]) },
  }),
  count: ({ basesA, basesB }) => basesA + basesB,
})

/** k matrices of so many entries, uniform in ±1/√k, as rows. */
const basis = (k: number, size: number, stream: number, seed: number): Matrix =>
  uniform(k, size, 1 / Math.sqrt(k), stream, seed)

function combined({ frozen, trainable, shape }: AdapterState): { readonly B: Matrix; readonly A: Matrix } {
  const A0 = frozen.A0!
  const sum = (c: Tensor, bases: Matrix, sides: number[]): Matrix =>
    tensor(matmul(tensor(c.data, [1, c.size]), bases).data, sides)
  return {
    B: sum(trainable.b!, frozen.Q!, [shape[0]!, A0.shape[0]!]),
    A: plus(A0, 1, sum(trainable.a!, frozen.P!, A0.shape)),
  }
}

/** ⟨Pᵢ, G⟩ of each basis matrix. */
const coefficients = (bases: Matrix, G: Matrix): Tensor =>
  tensor(matmul(bases, tensor(G.data, [G.size, 1])).data, [bases.shape[0]!])
