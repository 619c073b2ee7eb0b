import { scaledColumns, scaledRows } from '../../linalg/thin.js'
import { residualSteps } from './inits.js'
import { loraParts } from './lora.js'
import { loraReaders } from './loraconfig.js'
import type { LoraConfig } from './loraconfig.js'
import { recipe } from './recipe.js'
import type { AdapterFactory } from './recipe.js'
import { svdReaders, truncatedSvdSteps } from './truncatedsvd.js'
import type { TruncatedSvdConfig } from './truncatedsvd.js'

/** LoRA's configuration, and how PiSSA's SVD is made. */
export interface PissaConfig extends LoraConfig, TruncatedSvdConfig {}

/**
 * PiSSA: a LoRA that starts as the principal part of W0, whose rest is frozen. B = U·(S/s)^½ and A = (S/s)^½·Vᵀ of the
 * truncated SVD, base = W0 − s·B·A.
 *
 * @param config - that of LoRA, and how the SVD is made.
 * @returns the adapter. `state.residual` is ‖base‖/‖W0‖, measured. The change of W has rank 2r at most, and `toLora`
 * gives it as a LoRA of that rank on W0.
 * @throws as `lora`.
 * Cost: init that of `rsvd` with rank r: 4(q + 1)mn(r + oversample) flops for q powerIterations; with svdMethod: 'svd' a full SVD;
 * and 2mnr for the base. W0 on a GPU (`init.async`) is read by products.
 * Source: Meng, Wang and Zhang 2024, "PiSSA: principal singular values and singular vectors adaptation of large language
 * models"; PEFT's pissa_niter_q is `powerIterations: q`.
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { adapters } from 'lowrank/recipes'
 * const pissa = adapters.pissa({ r: 4 })
 * const state = pissa.init({ W0: random.normal([48, 64]) })
 * pissa.toLora(state).B.shape   // [48, 8]
 * ```
 */
export const pissa: AdapterFactory<PissaConfig> = /*#__PURE__*/ recipe({
  ...loraParts,
  name: 'pissa',
  paper: 'PiSSA: Principal Singular Values and Singular Vectors Adaptation of Large Language Models',
  year: 2024,
  config: { ...loraReaders, ...svdReaders },
  *init(given, config, scaling) {
    const { U, s, Vt } = yield* truncatedSvdSteps(given.fn, given.W0, config.r, config)
    const root = s.map((sigma) => Math.sqrt(sigma / scaling))
    const [B, A] = [scaledColumns(U, root), scaledRows(Vt, root)]
    return { trainable: { B, A }, ...(yield* residualSteps(given, scaling, B, A)) }
  },
})
