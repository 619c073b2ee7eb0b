import type { Matrix } from '../../linalg/arrays.js'
import { bool, nonNegative, readOptions, withDefault } from '../../linalg/options.js'
import { decay, perParameter, scheduleReader } from './optimizer.js'
import type { Optimizer, Rule, Schedule } from './optimizer.js'
import { gradientFrom } from './leaves.js'
import { wholeGradient, zerosLike } from './transform.js'
import type { Transform } from './transform.js'

export interface MomentumOptions {
  /** μ in [0, 1). Default 0.9; with 0 nothing is remembered. */
  readonly momentum?: number | undefined
  /** d in [0, 1): how much of a gradient stays out of the sum, from the second on. Default 0. */
  readonly dampening?: number | undefined
  /** Looks a step ahead. Default false. */
  readonly nesterov?: boolean | undefined
}

/** The learning rate, momentum and decay of SGD. */
export interface SgdOptions extends MomentumOptions {
  readonly learningRate: Schedule
  /** Adds weightDecay·W to the gradient (not decoupled). Default 0. */
  readonly weightDecay?: number | undefined
}

interface MomentumState {
  readonly trace?: Matrix
}

const momentumReaders = {
  momentum: decay(0.9),
  dampening: decay(0),
  nesterov: withDefault(bool, false),
}

/** The decaying sum of gradients, buf ← μ·buf + (1 − d)·G; the first is taken whole. */
export function momentum(options: MomentumOptions = {}): Transform<MomentumState> {
  const { momentum: mu, dampening, nesterov } = readOptions('inner.momentum', options, momentumReaders)
  return {
    init: () => ({}),
    // eslint-disable-next-line require-yield -- steps by contract
    *steps(G, { trace }) {
      const [next, direction, g] = [zerosLike(G), zerosLike(G), G.data]
      for (let e = 0; e < g.length; e++) {
        const sum = trace ? mu * trace.data[e]! + (1 - dampening) * g[e]! : g[e]!
        next.data[e] = sum
        direction.data[e] = nesterov ? g[e]! + mu * sum : sum
      }
      return { direction, state: mu === 0 ? {} : { trace: next } }
    },
    carried: ({ trace }, move) => (trace ? { trace: move(trace) } : {}),
  }
}

/**
 * Gradient descent with momentum: buf ← μ·buf + (1 − d)·G, W ← W − lr·buf, or with `nesterov` W ← W − lr·(G + μ·buf).
 *
 * @param options - `learningRate`; `momentum` 0.9, `dampening` 0, `nesterov` false, `weightDecay` 0, coupled.
 * @throws OptionError; of `init` and `update` ShapeError and NotFiniteError.
 * Cost: mn floats of state from the first update on, none without momentum.
 * Source: Polyak 1964, "Some methods of speeding up the convergence of iteration methods"; Sutskever, Martens, Dahl and
 * Hinton 2013, "On the importance of initialization and momentum in deep learning" (`nesterov`).
 *
 * @example
 * ```ts
 * import { optimizers } from 'lowrank/recipes'
 * const sgd = optimizers.sgd({ learningRate: (count) => 0.1 / (1 + count) })
 * const { updates } = sgd.update({ x: [2] }, sgd.init({ x: [1] }), { x: [1] })   // x: [-0.2]
 * ```
 */
export function sgd(options: SgdOptions): Optimizer {
  const { learningRate, weightDecay, ...inner } = readOptions('sgd', options, {
    learningRate: scheduleReader,
    weightDecay: withDefault(nonNegative, 0),
    ...momentumReaders,
  })
  const { momentum: mu, dampening, nesterov } = inner
  const rule = wholeGradient(momentum({ momentum: mu, dampening, nesterov }))
  return perParameter('sgd', { learningRate }, weightDecay === 0 ? rule : decayed(rule, weightDecay))
}

/** The same rule for the gradient of the loss and ½·weightDecay·‖W‖². */
function decayed<S>(rule: Rule<S>, weightDecay: number): Rule<S> {
  return {
    init: rule.init,
    *steps(G, state, W, at) {
      const [g, w] = [yield* G.entries(), W().data]
      const sum = zerosLike(g)
      for (let e = 0; e < w.length; e++) sum.data[e] = g.data[e]! + weightDecay * w[e]!
      return yield* rule.steps(gradientFrom(sum, at), state, W, at)
    },
  }
}
