import { tensor } from '../../linalg/arrays.js'
import { OptionError } from '../../linalg/errors.js'
import { integer, oneOf, optional, seed, withDefault } from '../../linalg/options.js'
import type { Reader } from '../../linalg/options.js'
import type { Steps } from '../../linalg/steps.js'
import { leadingColumns, leadingRows, scaledColumns } from '../../linalg/thin.js'
import { product } from './factors.js'
import { residualSteps } from './inits.js'
import type { Given } from './intake.js'
import { additive } from './parameterisation.js'
import { recipe } from './recipe.js'
import type { AdapterFactory } from './recipe.js'
import { svdReaders, truncatedSvdSteps } from './truncatedsvd.js'
import type { TruncatedSvd, TruncatedSvdConfig } from './truncatedsvd.js'

/** How many singular values SVFit trains. */
export interface SvfitConfig extends TruncatedSvdConfig {
  /** How many singular values are trained, at most min(m, n). Default: as many as reach `share`. */
  readonly r?: number | undefined
  /** In (0, 1]: the part of Σσᵢ², or of Σσᵢ, that the trained values reach where there is no `r`. Default 0.99. */
  readonly share?: number | undefined
  /** What is summed for `share`. Default 'squares'. */
  readonly criterion?: 'squares' | 'values' | undefined
  /** Of the sketch. Default 0. */
  readonly seed?: number | undefined
}

const fraction: Reader<number> = (value, fail) =>
  typeof value === 'number' && value > 0 && value <= 1 ? value : fail('a number in (0, 1]')

const readers = {
  ...svdReaders,
  r: optional(integer(1)),
  share: withDefault(fraction, 0.99),
  criterion: withDefault(oneOf('squares', 'values'), 'squares'),
  seed,
}

/**
 * SVFit: of the truncated SVD of W0 the singular values z are trained, between frozen singular vectors:
 * W = base + U·diag(z)·Vᵀ, base = W0 − U·S·Vᵀ.
 *
 * @param config - `r`, or `share`, for which the whole SVD is made.
 * @returns the adapter; its array is z, r numbers, and U, Vt are frozen. `state.residual` is ‖base‖/‖W0‖, measured.
 * @throws as `lora`; from `numTrainable`, OptionError where it is the init that finds r.
 * Cost: init as `pissa`; with `share` a full SVD.
 * Source: Sun, Wei, Wu, Zheng, Li, Bao and Sun 2024, "SVFit: parameter-efficient fine-tuning of large pre-trained models
 * using singular values", from its description.
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { adapters } from 'lowrank/recipes'
 * adapters.svfit({ r: 6 }).init({ W0: random.normal([48, 64]) }).trainable.z.data   // σ₁ … σ₆
 * ```
 */
export const svfit: AdapterFactory<SvfitConfig> = /*#__PURE__*/ recipe({
  name: 'svfit',
  paper: 'SVFit: Parameter-Efficient Fine-Tuning of Large Pre-Trained Models Using Singular Values',
  year: 2024,
  trainable: 'r',
  preservesBase: true,
  mergeable: true,
  config: readers,
  parameterisation: additive(product('U', 'z', 'Vt')),
  *init(given, config) {
    const { r } = config
    const { U, s, Vt } =
      r === undefined
        ? yield* reachingSteps(given, config)
        : yield* truncatedSvdSteps(given.fn, given.W0, r, config)
    return {
      frozen: { U, Vt },
      trainable: { z: tensor(s, [s.length]) },
      ...(yield* residualSteps(given, 1, scaledColumns(U, s), Vt)),
    }
  },
  count({ r }) {
    if (r !== undefined) return r
    throw new OptionError({
      fn: 'svfit.numTrainable',
      argument: 'options.r',
      expected: 'a number (or the size of z in a state)',
      given: 'none',
    })
  },
})

/** As many singular triplets as reach the share. */
function* reachingSteps(
  { fn, m, n, W0 }: Given,
  config: { readonly share: number; readonly criterion: 'squares' | 'values'; readonly seed: number },
): Steps<Pick<TruncatedSvd, 'U' | 's' | 'Vt'>> {
  const exact = { svdMethod: 'svd', oversample: 0, powerIterations: 0, seed: 0 } as const
  const { U, s, Vt } = yield* truncatedSvdSteps(fn, W0, Math.min(m, n), exact)
  const weights = config.criterion === 'squares' ? s.map((sigma) => sigma ** 2) : s
  const wanted = config.share * weights.reduce((sum, w) => sum + w, 0)
  let [r, reached] = [0, 0]
  while (r < s.length && (r === 0 || reached < wanted)) reached += weights[r++]!
  return { U: leadingColumns(U, r), s: s.slice(0, r), Vt: leadingRows(Vt, r) }
}
