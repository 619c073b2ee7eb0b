import { bool, nonNegative, positive, readOptions, withDefault } from '../../linalg/options.js'
import { breath } from '../../linalg/steps.js'
import { checkSquares } from './adam.js'
import type { AdamOptions, AdamState } from './adam.js'
import { decay, perParameter, scheduleReader } from './optimizer.js'
import type { Optimizer, Schedule } from './optimizer.js'
import { STRETCH, wholeGradient, zerosLike, zerosOf } from './transform.js'
import type { Transform } from './transform.js'

/** Adam's averages, and AdaBelief's rectified step. */
export interface BeliefOptions extends AdamOptions {
  /** The rectified step of RAdam, plain momentum in the first few updates. Default false. */
  readonly rectify?: boolean | undefined
}

/** The learning rate, decay and averages of AdaBelief. */
export interface AdaBeliefOptions extends BeliefOptions {
  readonly learningRate: Schedule
  /** Takes lr·weightDecay·W off, beside the step. Default 0. */
  readonly weightDecay?: number | undefined
}

const beliefReaders = {
  b1: decay(0.9),
  b2: decay(0.999),
  eps: withDefault(positive, 1e-16),
  rectify: withDefault(bool, false),
}

/** AdaBelief's direction: mean gradient ÷ root mean square of how far gradients are from their mean. */
export function belief(options: BeliefOptions = {}): Transform<AdamState> {
  const { b1, b2, eps, rectify } = readOptions('inner.belief', options, beliefReaders)
  return {
    init: (shape) => ({ count: 0, mu: zerosOf(shape), nu: zerosOf(shape) }),
    *steps(G, state, at) {
      const count = state.count + 1
      const [mu, nu, direction] = [zerosLike(G), zerosLike(G), zerosLike(G)]
      const [c1, c2] = [1 / (1 - b1 ** count), 1 / (1 - b2 ** count)]
      const trust = rectify ? rectification(b2, count) : 1
      const [g, m0, v0] = [G.data, state.mu.data, state.nu.data]
      const [m1, v1, d] = [mu.data, nu.data, direction.data]
      let mark = 0
      for (let from = 0; from < g.length; from += STRETCH) {
        const to = Math.min(g.length, from + STRETCH)
        for (let e = from; e < to; e++) {
          const m = b1 * m0[e]! + (1 - b1) * g[e]!
          const away = g[e]! - m
          const v = b2 * v0[e]! + (1 - b2) * away * away + eps
          m1[e] = m
          v1[e] = v
          d[e] = trust === undefined ? m * c1 : (trust * m * c1) / (Math.sqrt(v * c2) + eps)
          mark += 0 * v
        }
        yield* breath()
      }
      checkSquares(mark, at)
      return { direction, state: { count, mu, nu } }
    },
    carried: ({ count, mu, nu }, move) => ({ count, mu: move(mu), nu: move(nu) }),
  }
}

/** RAdam's factor for the variance of a young second moment; undefined while that is not to be trusted at all. */
function rectification(b2: number, count: number): number | undefined {
  const last = 2 / (1 - b2) - 1
  const now = last - (2 * count * b2 ** count) / (1 - b2 ** count)
  if (now < 5) return undefined
  return Math.sqrt(((now - 4) * (now - 2) * last) / ((last - 4) * (last - 2) * now))
}

/**
 * AdaBelief: Adam whose steps are long where gradients are as expected, divided by the root of
 * v ← b2·v + (1 − b2)·(G − m)² + ε; weight decay is decoupled.
 *
 * @param options - `learningRate`; `b1` 0.9, `b2` 0.999, `eps` 1e-16, `weightDecay` 0, `rectify` false.
 * @throws OptionError; of `init` and `update` ShapeError and NotFiniteError (also for gradients whose squares overflow).
 * Cost: 2mn floats of state, some 15 flops for each entry.
 * Source: Zhuang, Tang, Ding, Tatikonda, Dvornek, Papademetris and Duncan 2020, "AdaBelief optimizer: adapting
 * stepsizes by the belief in observed gradients"; `rectify`, which the authors' code has on, of Liu et al. 2020, "On the
 * variance of the adaptive learning rate and beyond".
 *
 * @example
 * ```ts
 * import { optimizers } from 'lowrank/recipes'
 * const optimizer = optimizers.adaBelief({ learningRate: 1e-3 })
 * const params = { W: [[1, 2], [3, 4]] }
 * const { updates } = optimizer.update({ W: [[0.1, 0], [0, -0.1]] }, optimizer.init(params), params)
 * ```
 */
export function adaBelief(options: AdaBeliefOptions): Optimizer {
  const { learningRate, weightDecay, b1, b2, eps, rectify } = readOptions('adaBelief', options, {
    learningRate: scheduleReader,
    weightDecay: withDefault(nonNegative, 0),
    ...beliefReaders,
  })
  const transform = belief({ b1, b2, eps, rectify })
  return perParameter('adaBelief', { learningRate, weightDecay }, wholeGradient(transform))
}
