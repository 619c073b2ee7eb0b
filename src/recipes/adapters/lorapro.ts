import type { Matrix } from '../../linalg/arrays.js'
import { eigh } from '../../linalg/dense/eigh.js'
import { gram } from '../../linalg/dense/gram.js'
import { matmul } from '../../linalg/dense/matmul.js'
import { nonNegative, withDefault } from '../../linalg/options.js'
import { scaledColumns } from '../../linalg/thin.js'
import type { AdapterState, Arrays } from './adapter.js'
import { multiple, plus } from './arithmetic.js'
import { loraParts, loraStart } from './lora.js'
import { loraReaders } from './loraconfig.js'
import type { LoraConfig } from './loraconfig.js'
import { recipe } from './recipe.js'
import type { AdapterFactory } from './recipe.js'

/** LoRA's configuration, and how LoRA-Pro inverts. */
export interface LoraProConfig extends LoraConfig {
  /** δ >= 0, added to BᵀB and AAᵀ where they are inverted. Default 1e-8; with 0 pseudo-inverses are taken. */
  readonly delta?: number | undefined
}

const readers = { ...loraReaders, delta: withDefault(nonNegative, 1e-8) }

/**
 * LoRA-Pro: LoRA with gradients that move W as closely along its own gradient as the factors can:
 * s·B·ĝA + s·ĝB·A = G − (I − P_B)·G·(I − P_A), and of all such pairs the one nearest to LoRA's own.
 *
 * ĝA = (BᵀB)⁻¹·gA/s² + X·A and ĝB = (I − P_B)·gB·(AAᵀ)⁻¹/s² − B·X, where BᵀB·X + X·AAᵀ = −(BᵀB)⁻¹·gA·Aᵀ/s².
 *
 * @param config - that of LoRA and `delta`.
 * @returns the adapter. `transformGrads` makes ĝB and ĝA from gB and gA alone, for an optimizer without memory: Adam
 * behind it is another rule than the authors', who keep moments of the m × n induced gradient.
 * @throws as `lora`.
 * Cost: `transformGrads` 8(m + n)r² flops and two symmetric eigenvalue problems of size r.
 * Source: Wang, Liang, He, Wang and Tan 2024, "LoRA-Pro: are low-rank adapters properly optimized?".
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { adapters } from 'lowrank/recipes'
 * const pro = adapters.loraPro({ r: 4 })
 * const state = pro.init({ W0: random.normal([48, 64]) })
 * const grads = pro.gradsFromWeightGrad(state, random.normal([48, 64], { seed: 1 }))
 * const { B, A } = pro.transformGrads(state, grads)
 * ```
 */
export const loraPro: AdapterFactory<LoraProConfig> = /*#__PURE__*/ recipe({
  ...loraParts,
  name: 'loraPro',
  paper: 'LoRA-Pro: Are Low-Rank Adapters Properly Optimized?',
  year: 2024,
  config: readers,
  init: ({ m, n }, { r, seed }) => loraStart(m, n, r, seed),
  hooks: ({ delta }) => ({ transformGrads: (state, grads) => adjusted(state, grads, delta) }),
})

function adjusted({ scaling: s, trainable }: AdapterState, grads: Arrays, delta: number): Arrays {
  const [B, A] = [trainable.B!, trainable.A!]
  const [gB, gA] = [multiple(s ** -2, grads.B!), multiple(s ** -2, grads.A!)]
  const [left, right] = [spectral(gram(B), delta), spectral(gram(A.transpose(1, 0)), delta)]
  const toA = matmul(left.inverse, gA)
  // gB·(AAᵀ)⁻¹, without its part in the range of B.
  const toB = matmul(gB, right.inverse)
  const outside = plus(toB, -1, matmul(B, matmul(left.inverse, matmul(B, toB, { transA: true }))))
  const X = sylvester(left, right, multiple(-1, matmul(toA, A, { transB: true })))
  return { B: plus(outside, -1, matmul(B, X)), A: plus(toA, 1, matmul(X, A)) }
}

interface Spectral {
  readonly values: Float64Array
  readonly vectors: Matrix
  /** (M + δI)⁻¹, or M⁺ for δ = 0. */
  readonly inverse: Matrix
}

function spectral(M: Matrix, delta: number): Spectral {
  const { values, vectors } = eigh(M)
  const floor = values.length * 2 ** -52 * (values.at(-1) ?? 0)
  const inverses = values.map((value) => {
    const shifted = Math.max(value, 0) + delta
    return shifted > floor ? 1 / shifted : 0
  })
  return { values, vectors, inverse: matmul(scaledColumns(vectors, inverses), vectors, { transB: true }) }
}

/** X with L·X + X·R = C for semidefinite L and R, in their eigenvectors: X̂ᵢⱼ = Ĉᵢⱼ/(λᵢ + μⱼ). */
function sylvester(L: Spectral, R: Spectral, C: Matrix): Matrix {
  const X = matmul(matmul(L.vectors, C, { transA: true }), R.vectors)
  const r = L.values.length
  const floor = r * 2 ** -52 * ((L.values.at(-1) ?? 0) + (R.values.at(-1) ?? 0))
  for (let i = 0, e = 0; i < r; i++) {
    for (let j = 0; j < r; j++, e++) {
      const sum = L.values[i]! + R.values[j]!
      X.data[e] = sum > floor ? X.data[e]! / sum : 0
    }
  }
  return matmul(matmul(L.vectors, X), R.vectors, { transB: true })
}
