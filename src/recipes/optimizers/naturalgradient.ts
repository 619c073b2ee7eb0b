import { wrap } from '../../linalg/arrays.js'
import { integer, positive, readOptions, withDefault } from '../../linalg/options.js'
import { noGradients, preconditionedSteps, rememberedSteps } from './pastgradients.js'
import type { PastGradients } from './pastgradients.js'
import type { Transform } from './transform.js'

export interface NaturalGradientOptions {
  /** s: how many of the last gradients count. Default 20. */
  readonly history?: number | undefined
  /** λ > 0 of F = λI + Σ ggᵀ over them. Default 1e-3. */
  readonly damping?: number | undefined
}

export const naturalGradientReaders = {
  history: withDefault(integer(1), 20),
  damping: withDefault(positive, 1e-3),
}

/** F⁻¹·g, g = vec(G), for the damped sum F = λI + Σ ggᵀ over the last gradients, g among them. */
export function naturalGradient(options: NaturalGradientOptions = {}): Transform<PastGradients> {
  const { history, damping } = readOptions('inner.naturalGradient', options, naturalGradientReaders)
  return {
    init: () => noGradients,
    *steps(G, past, at) {
      const [m = 0, n = 0] = G.shape
      const next = yield* rememberedSteps(past, G.data.slice(), history, at)
      return { direction: wrap(yield* preconditionedSteps(at.fn, next, damping), m, n), state: next }
    },
  }
}
