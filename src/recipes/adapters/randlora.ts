import { tensor, zeros } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { adjoint } from '../../linalg/operators/adjoint.js'
import { integer, oneOf, optional, positive, seed, withDefault } from '../../linalg/options.js'
import { STREAM, uniformBlock } from '../../linalg/random.js'
import { norm2 } from '../../linalg/magnitude.js'
import { transposed } from '../../linalg/thin.js'
import { factored } from '../../factorize/lowrank.js'
import type { AdapterState } from './adapter.js'
import { unfoldedShape } from './intake.js'
import { additive } from './parameterisation.js'
import { recipe } from './recipe.js'
import type { AdapterFactory } from './recipe.js'

/** The random matrices that RandLoRA combines. */
export interface RandloraConfig {
  /** The rank of each of the ⌈min(m, n)/r⌉ random matrices, at most min(m, n): the smaller, the more is trained. */
  readonly r: number
  /** α > 0 in s = α/r. Default 20·r, PEFT's 640 for its r of 32. */
  readonly loraAlpha?: number | undefined
  /**
   * Entries of the random matrices: 'uniform' (default), or in {−1, 0, 1}, other than 0 with probability 1/3 ('sparse') or
   * 1/√min(m, n) ('verySparse').
   */
  readonly bases?: 'uniform' | 'sparse' | 'verySparse' | undefined
  /** An integer in [0, 2⁵³); layers of a shape may share it. Default 0. */
  readonly seed?: number | undefined
}

const readers = {
  r: integer(1),
  loraAlpha: optional(positive),
  bases: withDefault(oneOf('uniform', 'sparse', 'verySparse'), 'uniform'),
  seed,
}

/**
 * RandLoRA: a full-rank update from fixed random matrices of low rank, of which only diagonal scalings are trained:
 * K = s·Σⱼ Bⱼ·diag(λⱼ)·A·diag(γⱼ), q × p for the longer and the shorter side of W, and ΔW = K or Kᵀ.
 *
 * @param config - `r`, α, and what the random matrices are like; they are scaled to entries of mean square 1.
 * @returns the adapter; its arrays are `lambda`, J × r, and `gamma`, J × p, for J = ⌈p/r⌉; frozen are A, r × p, and B,
 * q × J·r: as many numbers as W0 has, which the seed makes again. ΔW has rank p in general.
 * @throws as `lora`.
 * Cost: a forward forms p × J·r numbers and takes 2(p + q)·J·r·N flops, more than that of W0.
 * Source: Albert, Zhang, Saratchandran, Rodriguez-Opazo, van den Hengel and Abbasnejad 2025, "RandLoRA: full-rank
 * parameter-efficient fine-tuning of large models". Departure: A and Bⱼ are divided by the root of their mean square,
 * where the code takes the deviation.
 *
 * @example
 * ```ts
 * import { adapters } from 'lowrank/recipes'
 * adapters.randlora({ r: 8 }).numTrainable([48, 64])   // 6·(8 + 48) = 336
 * ```
 */
export const randlora: AdapterFactory<RandloraConfig> = /*#__PURE__*/ recipe({
  name: 'randlora',
  paper: 'RandLoRA: Full-rank parameter-efficient fine-tuning of large models',
  year: 2025,
  trainable: '⌈p/r⌉(r + p), p = min(m, n)',
  preservesBase: true,
  mergeable: true,
  config: readers,
  scaling: ({ r, loraAlpha = 20 * r }) => loraAlpha / r,
  parameterisation: additive({
    update(state) {
      const [B, M] = [state.frozen.B!, middle(state)]
      return factored(isTall(state) ? [B, M] : [transposed(M), transposed(B)])
    },
    gradients(state, H) {
      const { A, B } = state.frozen
      const { lambda, gamma } = state.trainable
      const Z = transposed((isTall(state) ? H : adjoint(H)).rmatmat(B!)).data
      const [r, p] = A!.shape as [number, number]
      const [gLambda, gGamma] = [new Float64Array(lambda!.size), new Float64Array(gamma!.size)]
      for (let i = 0, e = 0; i < gLambda.length; i++) {
        const j = Math.floor(i / r)
        for (let c = 0; c < p; c++, e++) {
          const z = Z[e]! * A!.data[(i % r) * p + c]!
          gLambda[i]! += z * gamma!.data[j * p + c]!
          gGamma[j * p + c]! += z * lambda!.data[i]!
        }
      }
      return { lambda: tensor(gLambda, lambda!.shape), gamma: tensor(gGamma, gamma!.shape) }
    },
  }),
  init({ m, n }, { r, bases, seed }) {
    const [p, q] = [Math.min(m, n), Math.max(m, n)]
    const J = Math.ceil(p / r)
    const draw = BASES[bases]
    const B = zeros([q, J * r])
    // Each Bⱼ is scaled by itself.
    for (let j = 0; j < J; j++) {
      const Bj = unitEntries(
        draw({ seed, stream: STREAM.adapterUp, i0: 0, i1: q, j0: j * r, j1: (j + 1) * r }, p),
      )
      for (let i = 0; i < q; i++) B.data.set(Bj.subarray(i * r, (i + 1) * r), i * J * r + j * r)
    }
    const A = unitEntries(draw({ seed, stream: STREAM.adapterDown, i0: 0, i1: r, j0: 0, j1: p }, p))
    const gamma = new Float64Array(J * p).fill(1 / Math.max(J, p))
    return {
      frozen: { A: tensor(A, [r, p]), B },
      trainable: { lambda: zeros([J, r]), gamma: tensor(gamma, [J, p]) },
    }
  },
  count({ r }, m, n) {
    const p = Math.min(m, n)
    return Math.ceil(p / r) * (r + p)
  },
})

const isTall = ({ shape }: AdapterState): boolean => {
  const [m, n] = unfoldedShape(shape)
  return m >= n
}

/** diag(λⱼ)·A·diag(γⱼ) below each other: J·r × p. */
function middle({ frozen, trainable }: AdapterState): Matrix {
  const { lambda, gamma } = trainable
  const A = frozen.A!
  const [r, p] = A.shape as [number, number]
  const out = new Float64Array(lambda!.size * p)
  for (let i = 0, e = 0; i < lambda!.size; i++) {
    const j = Math.floor(i / r)
    for (let c = 0; c < p; c++, e++) {
      out[e] = lambda!.data[i]! * A.data[(i % r) * p + c]! * gamma!.data[j * p + c]!
    }
  }
  return tensor(out, [lambda!.size, p])
}

type Draw = (block: Parameters<typeof uniformBlock>[0], p: number) => Float64Array

const BASES: Record<'uniform' | 'sparse' | 'verySparse', Draw> = {
  uniform: (block) => uniformBlock(block).map((u) => u - 0.5),
  sparse: (block) => uniformBlock(block).map((u) => ternary(u, 1 / 6)),
  verySparse: (block, p) => uniformBlock(block).map((u) => ternary(u, 1 / (2 * Math.sqrt(p)))),
}

/** 1 and −1, each with this probability, else 0. */
const ternary = (u: number, probability: number): number =>
  u < probability ? 1 : u > 1 - probability ? -1 : 0

/** Scaled to a mean square of 1. */
function unitEntries(data: Float64Array): Float64Array {
  const size = norm2(data) / Math.sqrt(data.length)
  return size === 0 ? data : data.map((x) => x / size)
}
