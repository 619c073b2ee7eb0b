import { nonNegative, readOptions, withDefault } from '../../linalg/options.js'
import { adam, adamReaders } from './adam.js'
import type { AdamOptions } from './adam.js'
import { perParameter, scheduleReader } from './optimizer.js'
import type { Optimizer, Schedule } from './optimizer.js'
import { wholeGradient } from './transform.js'

/** The learning rate, decay and averages of AdamW. */
export interface AdamWOptions extends AdamOptions {
  readonly learningRate: Schedule
  /** Takes lr·weightDecay·W off, beside the step. Default 0.01. */
  readonly weightDecay?: number | undefined
}

/**
 * Adam with decoupled weight decay: W ← W − lr·m̂/(√v̂ + ε) − lr·weightDecay·W. With `weightDecay` 0 it is Adam.
 *
 * @param options - `learningRate`, a number or a function of the count; `b1` 0.9, `b2` 0.999, `eps` 1e-8.
 * @throws OptionError; of `init` and `update` ShapeError and NotFiniteError (also for gradients whose squares overflow).
 * Cost: 2mn floats of state, some 15 flops for each entry.
 * Source: Kingma and Ba 2015, "Adam: a method for stochastic optimization"; Loshchilov and Hutter 2019, "Decoupled
 * weight decay regularization".
 *
 * @example
 * ```ts
 * import { optimizers } from 'lowrank/recipes'
 * const adamw = optimizers.adamw({ learningRate: 1e-3 })
 * let params: optimizers.Params = { W: [[1, 2], [3, 4]], b: [0, 0] }
 * let state = adamw.init(params)
 * const grads = { W: [[0.1, 0], [0, -0.1]], b: [1, 1] }
 * const step = adamw.update(grads, state, params)
 * params = optimizers.applyUpdates(params, step.updates)
 * state = step.state
 * ```
 */
export function adamw(options: AdamWOptions): Optimizer {
  const { b1, b2, eps, ...plan } = readOptions('adamw', options, {
    learningRate: scheduleReader,
    weightDecay: withDefault(nonNegative, 0.01),
    ...adamReaders(1e-8),
  })
  return perParameter('adamw', plan, wholeGradient(adam({ b1, b2, eps })))
}
