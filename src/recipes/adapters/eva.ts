import { OptionError, SingularMatrixError } from '../../linalg/errors.js'
import { adjoint } from '../../linalg/operators/adjoint.js'
import { zeros } from '../../linalg/arrays.js'
import { centeredSteps } from '../../linalg/operators/centered.js'
import { bool, withDefault } from '../../linalg/options.js'
import type { Reader } from '../../linalg/options.js'
import type { Steps } from '../../linalg/steps.js'
import { leadingRows, scaledRows } from '../../linalg/thin.js'
import type { ActivationSpectrum } from './activationspectrum.js'
import type { Given } from './intake.js'
import { loraParts } from './lora.js'
import { loraReaders } from './loraconfig.js'
import type { LoraConfig } from './loraconfig.js'
import { recipe } from './recipe.js'
import type { AdapterFactory } from './recipe.js'
import { svdReaders, truncatedSvdSteps } from './truncatedsvd.js'
import type { TruncatedSvd, TruncatedSvdConfig } from './truncatedsvd.js'

/** LoRA's configuration, and how EVA makes A from a layer's inputs. */
export interface EvaConfig extends LoraConfig, TruncatedSvdConfig {
  /** Divides row i of A by √σᵢ. Default false. */
  readonly whiten?: boolean | undefined
  /** What a stream has seen of the layer's inputs, r directions at least, in place of init's `activations`. */
  readonly spectrum?: ActivationSpectrum | undefined
}

const spectrumReader: Reader<ActivationSpectrum | undefined> = (value, fail) =>
  value === undefined || isSpectrum(value) ? value : fail('the result of an activationStream')

const isSpectrum = (value: unknown): value is ActivationSpectrum =>
  value !== null && typeof value === 'object' && 'components' in value

const readers = {
  ...loraReaders,
  ...svdReaders,
  whiten: withDefault(bool, false),
  spectrum: spectrumReader,
}

/**
 * EVA: a LoRA whose A holds the directions in which the layer's inputs vary most: the first r right singular vectors of
 * the centred activations, as orthonormal rows. B is zero at first.
 *
 * @param config - that of LoRA, how the SVD is made, and two of its own. Ranks by layer are `evaPlan`'s.
 * @returns the adapter. `init` needs `activations`, n × N with N >= r, or `config.spectrum`; `state.residual` is what
 * the directions leave of the centred activations, ‖X − XAᵀA‖/‖X‖.
 * @throws as `lora`; OptionError from `init` without activations or with fewer than r samples; SingularMatrixError where
 * `whiten` meets a direction in which nothing varies.
 * Cost: init that of `pca` of the activations, on a GPU where they are there.
 * Source: Paischer, Hauzenberger, Schmied, Alkin, Deisenroth and Hochreiter 2024, "One initialization to rule them all:
 * fine-tuning via explained variance adaptation".
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { adapters } from 'lowrank/recipes'
 * const activations = random.normal([64, 500], { seed: 1 })
 * adapters.eva({ r: 4 }).init({ W0: random.normal([48, 64]), activations })
 * ```
 */
export const eva: AdapterFactory<EvaConfig> = /*#__PURE__*/ recipe({
  ...loraParts,
  name: 'eva',
  paper: 'One Initialization to Rule them All: Fine-tuning via Explained Variance Adaptation',
  year: 2024,
  trainable: 'r(m + n), Σ r = layers · r with a plan',
  config: readers,
  *init(given, config) {
    const { r, spectrum, whiten } = config
    const { s, Vt, residual } =
      spectrum === undefined ? yield* directionsSteps(given, config) : leading(given, spectrum, r)
    const index = s.indexOf(0)
    if (whiten && index >= 0) {
      const expected = `activations that vary in ${r} directions`
      throw new SingularMatrixError({
        fn: given.fn,
        argument: 'activations',
        expected,
        given: `${index}`,
        index,
      })
    }
    const A = whiten
      ? scaledRows(
          Vt,
          s.map((sigma) => 1 / Math.sqrt(sigma)),
        )
      : Vt
    return { trainable: { B: zeros([given.m, r]), A }, residual }
  },
})

type Directions = Pick<TruncatedSvd, 's' | 'Vt' | 'residual'>

/** Of the centred activations, as samples in rows. */
function* directionsSteps(
  { fn, activations }: Given,
  config: Parameters<typeof truncatedSvdSteps>[3] & { readonly r: number },
): Steps<Directions> {
  const X = yield* activations()
  const { r } = config
  if (X.shape[1] < r) {
    const expected = `at least r = ${r} samples`
    throw new OptionError({ fn, argument: 'activations', expected, given: `${X.shape[1]}` })
  }
  return yield* truncatedSvdSteps(fn, yield* centeredSteps(adjoint(X)), r, config)
}

function leading(
  { fn, n }: Given,
  { components, singularValues, explained }: ActivationSpectrum,
  r: number,
): Directions {
  const [k = 0, d = 0] = components.shape
  if (k < r || d !== n) {
    const expected = `${r} directions or more of ${n} numbers each`
    throw new OptionError({ fn, argument: 'options.spectrum', expected, given: `${k} of ${d}` })
  }
  const left = explained.subarray(0, r).reduce((rest, part) => rest - part, 1)
  return {
    s: singularValues.slice(0, r),
    Vt: leadingRows(components, r),
    residual: Math.sqrt(Math.max(0, left)),
  }
}
