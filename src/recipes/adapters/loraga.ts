import { dense } from '../../linalg/arrays.js'
import { OptionError } from '../../linalg/errors.js'
import { matmul } from '../../linalg/dense/matmul.js'
import { maxAbs } from '../../linalg/magnitude.js'
import { bool, oneOf, positive, withDefault } from '../../linalg/options.js'
import { STREAM, uniformBlock } from '../../linalg/random.js'
import type { Steps } from '../../linalg/steps.js'
import { pickedColumns, pickedRows } from '../../linalg/thin.js'
import { multiple } from './arithmetic.js'
import { residualSteps } from './inits.js'
import type { Given } from './intake.js'
import { loraParts } from './lora.js'
import { loraReaders } from './loraconfig.js'
import type { LoraConfig } from './loraconfig.js'
import { recipe } from './recipe.js'
import type { AdapterFactory } from './recipe.js'
import { svdReaders, truncatedSvdSteps } from './truncatedsvd.js'
import type { TruncatedSvdConfig } from './truncatedsvd.js'

/** LoRA's configuration, and which directions of the gradient LoRA-GA starts from. */
export interface LoraGaConfig extends LoraConfig, TruncatedSvdConfig {
  /**
   * Which of the first 2r singular vectors of the gradient go where: 'ArB2r' (default) the first r right ones to A and
   * the next r left ones to B; 'A2rBr' the other way round; 'ArBr' even ones to B, odd ones to A; 'random' r of 2r each.
   */
  readonly direction?: 'ArB2r' | 'A2rBr' | 'ArBr' | 'random' | undefined
  /**
   * c, their length: 'stable' (default) m^¼/√γ; 'gd' 1/s; 'unit' 1; 'weightS' the mean of √(σᵢ(W0)/s) over the first r.
   */
  readonly scale?: 'stable' | 'gd' | 'unit' | 'weightS' | undefined
  /** γ > 0 of 'stable'. Default 16. */
  readonly stableGamma?: number | undefined
  /** Shrinks B and A where the largest entry of s·B·A is above that of W0. Default false. */
  readonly normClip?: boolean | undefined
}

const readers = {
  ...loraReaders,
  ...svdReaders,
  direction: withDefault(oneOf('ArB2r', 'A2rBr', 'ArBr', 'random'), 'ArB2r'),
  scale: withDefault(oneOf('stable', 'gd', 'unit', 'weightS'), 'stable'),
  stableGamma: withDefault(positive, 16),
  normClip: withDefault(bool, false),
}

/**
 * LoRA-GA: a LoRA that starts on singular vectors of the gradient G, so that its first step imitates the full one:
 * with unit vectors B·(BᵀG) + (G·Aᵀ)·A is the best approximation of G of rank 2r. base = W0 − s·B·A.
 *
 * @param config - that of LoRA, with 2r at most min(m, n), how the SVD is made, and the authors' choices. PEFT's port
 * scales otherwise: there 'stable' leaves A as it is, and B holds singular values.
 * @returns the adapter. `init` needs `grad`, the mean gradient of a few batches; `state.residual` is ‖base‖/‖W0‖.
 * `toLora` gives the change as a LoRA of rank 2r.
 * @throws as `lora`; OptionError from `init` where 2r is above min(m, n), or without `grad`.
 * Cost: init that of `rsvd` of G with rank 2r, and 2mnr flops for the base.
 * Source: Wang, Yu and Li 2024, "LoRA-GA: low-rank adaptation with gradient approximation".
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { adapters } from 'lowrank/recipes'
 * const context = { W0: random.normal([48, 64]), grad: random.normal([48, 64], { seed: 1 }) }
 * const state = adapters.loraGa({ r: 4 }).init(context)
 * ```
 */
export const loraGa: AdapterFactory<LoraGaConfig> = /*#__PURE__*/ recipe({
  ...loraParts,
  name: 'loraGa',
  paper: 'LoRA-GA: Low-Rank Adaptation with Gradient Approximation',
  year: 2024,
  config: readers,
  *init(given, config, s) {
    const { r, direction, seed } = config
    checkTwice(given, r)
    const { U, Vt } = yield* truncatedSvdSteps(given.fn, yield* given.grad(), 2 * r, config)
    const { left, right } = picks(direction, r, seed)
    const c = yield* lengthSteps(given, config, s)
    let [B, A] = [multiple(c, pickedColumns(U, left)), multiple(c, pickedRows(Vt, right))]
    if (config.normClip) {
      const ratio = maxAbs(dense(yield* given.entries())) / (s * maxAbs(dense(matmul(B, A))))
      const shrink = Math.sqrt(Math.min(1, ratio))
      ;[B, A] = [multiple(shrink, B), multiple(shrink, A)]
    }
    return { trainable: { B, A }, ...(yield* residualSteps(given, s, B, A)) }
  },
})

function checkTwice({ fn, m, n }: Given, r: number): void {
  if (2 * r <= Math.min(m, n)) return
  const expected = `at most min(m, n)/2 = ${Math.min(m, n) / 2} for W0 of ${m}×${n}`
  throw new OptionError({ fn, argument: 'options.r', expected, given: `${r}` })
}

/** Which singular vectors B and A take. */
function picks(
  direction: 'ArB2r' | 'A2rBr' | 'ArBr' | 'random',
  r: number,
  seed: number,
): { readonly left: Int32Array; readonly right: Int32Array } {
  const list = (of: (i: number) => number): Int32Array => Int32Array.from({ length: r }, (_, i) => of(i))
  const [first, second] = [list((i) => i), list((i) => r + i)]
  if (direction === 'ArB2r') return { left: second, right: first }
  if (direction === 'A2rBr') return { left: first, right: second }
  if (direction === 'ArBr') return { left: list((i) => 2 * i), right: list((i) => 2 * i + 1) }
  const drawn = [0, 1].map((i) => {
    const keys = uniformBlock({ seed, stream: STREAM.adapterPicks, i0: i, i1: i + 1, j0: 0, j1: 2 * r })
    return Int32Array.from(keys.keys())
      .sort((a, b) => keys[a]! - keys[b]!)
      .slice(0, r)
  })
  return { left: drawn[0]!, right: drawn[1]! }
}

function* lengthSteps(
  { fn, W0, m }: Given,
  config: Parameters<typeof truncatedSvdSteps>[3] & {
    readonly r: number
    readonly scale: 'stable' | 'gd' | 'unit' | 'weightS'
    readonly stableGamma: number
  },
  s: number,
): Steps<number> {
  const { scale, stableGamma, r } = config
  if (scale === 'stable') return m ** 0.25 / Math.sqrt(stableGamma)
  if (scale === 'gd') return 1 / s
  if (scale === 'unit') return 1
  const { s: sigmas } = yield* truncatedSvdSteps(fn, W0, r, config)
  return sigmas.reduce((sum, sigma) => sum + Math.sqrt(sigma / s), 0) / r
}
