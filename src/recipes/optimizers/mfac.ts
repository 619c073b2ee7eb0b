import type { Tensor } from '../../linalg/arrays.js'
import { integer, nonNegative, positive, readOptions, withDefault } from '../../linalg/options.js'
import type { Steps } from '../../linalg/steps.js'
import { leafOf } from './leaves.js'
import { checkedLeaves, decay, finished, optimizerFrom, rateAt, scheduleReader } from './optimizer.js'
import type { Gradients, Optimizer, OptimizerState, Params, Schedule, Updated } from './optimizer.js'
import { noGradients, preconditionedSteps, rememberedSteps } from './pastgradients.js'
import type { PastGradients } from './pastgradients.js'

/** The window, damping and momentum of the M-FAC optimizer. */
export interface MfacOptimizerOptions {
  /** It has to fall for the steps to end: near a minimum they grow like 1/‖g‖. */
  readonly learningRate: Schedule
  /** m: how many of the last gradients count. Default 1024. */
  readonly capacity?: number | undefined
  /** λ > 0 of F = λI + (1/k)·Σ ggᵀ. Default 1e-5. */
  readonly damping?: number | undefined
  /** μ in [0, 1) of v ← μ·v + (1 − μ)·F⁻¹g. Default 0. */
  readonly momentum?: number | undefined
  /** Adds weightDecay·W to the gradient (not decoupled). Default 0. */
  readonly weightDecay?: number | undefined
}

interface MfacState extends OptimizerState {
  readonly shapes: readonly (readonly [name: string, shape: readonly number[]])[]
  /** Gradients of all parameters, one after the other. */
  readonly past: PastGradients
  readonly velocity?: Float64Array
}

const FN = 'mfac'

/**
 * M-FAC: natural gradient descent, W ← W − lr·F⁻¹g, with the damped empirical Fisher matrix F = λI + (1/k)·Σ gᵢgᵢᵀ of the
 * last k <= `capacity` gradients, g the newest, over all parameters together.
 *
 * It is what `mfacWindow` computes. A window is a thing that changes; the state here is a value: each gradient is an array
 * of its own that is never written again, and states share them, so that a step copies pointers and the k × k products
 * GGᵀ, and any earlier state can be gone on from. States that are dropped free what they alone hold.
 *
 * @param options - `learningRate`; `capacity` 1024, `damping` 1e-5, `momentum` 0, `weightDecay` 0.
 * @throws OptionError (also a damping that is nothing beside rounding in gradients that depend on each other); of `init` and
 * `update` ShapeError and NotFiniteError.
 * Cost for d numbers in all: kd + k² floats of state (and d with momentum), 4kd + k³/3 flops.
 * Source: Frantar, Kurtic and Alistarh 2021, "M-FAC: efficient matrix-free approximations of second-order information",
 * section 3.2. Departures: while the window fills the mean is over the gradients that are there, as in `mfacWindow`;
 * F⁻¹g = k·Gᵀ(kλI + GGᵀ)⁻¹·e, e picking g among the rows of G: one reading of G less than their formula, and no
 * difference of large terms.
 *
 * @example
 * ```ts
 * import { optimizers } from 'lowrank/recipes'
 * const optimizer = optimizers.mfac({ learningRate: (count) => 0.1 / (1 + count), capacity: 32, damping: 1e-2 })
 * const params = { W: [[1, 2], [3, 4]], b: [0, 0] }
 * const { updates } = optimizer.update({ W: [[1, 0], [0, 1]], b: [1, 1] }, optimizer.init(params), params)
 * ```
 */
export function mfac(options: MfacOptimizerOptions): Optimizer {
  const { learningRate, capacity, damping, momentum, weightDecay } = readOptions(FN, options, {
    learningRate: scheduleReader,
    capacity: withDefault(integer(1), 1024),
    damping: withDefault(positive, 1e-5),
    momentum: decay(0),
    weightDecay: withDefault(nonNegative, 0),
  })

  function* steps(grads: Gradients, state: MfacState, params: Params): Steps<Updated<MfacState>> {
    const fn = `${FN}.update`
    const leaves = checkedLeaves(fn, grads, state.shapes, params)
    const rate = rateAt(fn, learningRate, state.count)
    const parts: Float64Array[] = []
    for (const { key, gradient } of leaves) {
      const { data } = yield* gradient.entries()
      if (weightDecay === 0) {
        parts.push(data)
        continue
      }
      const w = leafOf(params[key], fn, `params.${key}`).entries.data
      parts.push(data.map((x, e) => x + weightDecay * w[e]!))
    }
    const past = yield* rememberedSteps(state.past, joined(parts), capacity, { fn, argument: 'grads' })
    const k = past.rows.length
    const direction = yield* preconditionedSteps(fn, past, k * damping)
    const before = state.velocity
    for (let j = 0; j < direction.length; j++) {
      direction[j] = (1 - momentum) * k * direction[j]! + (before ? momentum * before[j]! : 0)
    }
    const updates: Record<string, Tensor> = {}
    let at = 0
    for (const [t, { key, shape }] of leaves.entries()) {
      const part = direction.subarray(at, (at += parts[t]!.length)).map((x) => -rate * x)
      updates[key] = finished(part, shape, fn, `the update of params.${key}`)
    }
    const velocity = momentum > 0 ? { velocity: direction } : {}
    return { updates, state: { ...state, count: state.count + 1, past, ...velocity } }
  }

  return optimizerFrom(
    FN,
    (params) => ({
      optimizer: FN,
      count: 0,
      shapes: Object.entries(params).map(
        ([key, value]) => [key, leafOf(value, `${FN}.init`, `params.${key}`).shape] as const,
      ),
      past: noGradients,
    }),
    steps,
  )
}

function joined(parts: readonly Float64Array[]): Float64Array {
  const out = new Float64Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}
