import type { Matrix } from '../../linalg/arrays.js'
import { composed } from '../../linalg/operators/composed.js'
import { asOperator } from '../../linalg/operators/denseoperator.js'
import { OptionError } from '../../linalg/errors.js'
import { readOptions } from '../../linalg/options.js'
import type { Reader } from '../../linalg/options.js'
import { runAsync, runSync } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import type {
  Adapter,
  AdapterHooks,
  AdapterInfo,
  AdapterState,
  Arrays,
  Init,
  InitContext,
} from './adapter.js'
import { checkedShape, givenSteps, takenArrays, takenMatrix, takenState, unfoldedShape } from './intake.js'
import type { Given } from './intake.js'
import type { Parameterisation } from './parameterisation.js'

// One adapter from its parts: a recipe says what is its own, what all adapters do alike is done here.

type Readers = Record<string, Reader<unknown>>

/** A configuration with its defaults filled in. */
type Plan<R> = { readonly [K in keyof R]: R[K] extends Reader<infer T> ? T : never }

/** What an init answers with. */
export interface Start {
  readonly trainable: Arrays
  readonly frozen?: Arrays
  readonly aux?: Arrays
  /** Default the entries of W0. Where it is given it is W0 less what the trainable arrays start with. */
  readonly base?: Matrix
  /** Default that of the recipe. */
  readonly scaling?: number
  readonly residual?: number
}

/** The parts. */
export interface Recipe<R extends Readers> extends AdapterInfo {
  /** What the configuration may name: a constant of its own, for the types' sake. A number `r` or `initR` is held to min(m, n). */
  readonly config: R
  /** s. Default 1. */
  scaling?(config: Plan<R>): number
  readonly parameterisation: Parameterisation | ((config: Plan<R>) => Parameterisation)
  /** Steps, where it calls the library on large matrices. */
  init(given: Given, config: Plan<R>, scaling: number): Start | Steps<Start>
  /** `trainable` in numbers. */
  count(config: Plan<R>, m: number, n: number, shape: readonly number[]): number
  /** `preservesBase`, where that depends on the configuration. */
  preservesBaseIn?(config: Plan<R>): boolean | 'approx'
  hooks?(config: Plan<R>): AdapterHooks
}

/** A recipe as a function of its configuration. */
export interface AdapterFactory<Config extends object = object> {
  (config: Config): Adapter<Config>
  /** What is known of the recipe without making an adapter. */
  readonly info: AdapterInfo
}

/** Makes the public function of a recipe, whose type says what its configuration is. */
/* @__NO_SIDE_EFFECTS__ */
export function recipe<R extends Readers, Config extends object>(parts: Recipe<R>): AdapterFactory<Config> {
  const { name, paper, year, trainable, preservesBase, mergeable } = parts
  const info = { name, paper, year, trainable, preservesBase, mergeable }
  return Object.assign((config: Config) => adapterOf<R, Config>(parts, config), { info })
}

function adapterOf<R extends Readers, Config extends object>(
  parts: Recipe<R>,
  given: Config,
): Adapter<Config> {
  const { name } = parts
  const config = readOptions<R>(name, given, parts.config)
  const { parameterisation } = parts
  const p = typeof parameterisation === 'function' ? parameterisation(config) : parameterisation
  const s = parts.scaling?.(config) ?? 1
  /** Runs `work` on behalf of one of the functions, with the state taken in. */
  const on = <T>(
    fn: string,
    state: AdapterState,
    work: (state: AdapterState, m: number, n: number, fn: string) => T,
  ): T => {
    const full = `${name}.${fn}`
    const taken = takenState(name, full, state)
    return work(taken, ...unfoldedShape(taken.shape), full)
  }
  return {
    name,
    config: config as unknown as Config,
    preservesBaseAtInit: parts.preservesBaseIn?.(config) ?? parts.preservesBase,
    mergeable: parts.mergeable,
    init: initOf(`${name}.init`, (context) => stateSteps(parts, config, s, context)),
    getDeltaWeight: (given) => on('getDeltaWeight', given, (state) => p.delta(state)),
    forward: (given, x) =>
      on('forward', given, (state, _, n, fn) => p.forward(state, takenMatrix(fn, 'x', x, n))),
    backward: (given, x, gy) =>
      on('backward', given, (state, m, n, fn) => {
        const X = takenMatrix(fn, 'x', x, n)
        const Y = takenMatrix(fn, 'gy', gy, m, X.shape[1])
        return {
          grads: p.gradients(state, composed(Y, X.transpose(1, 0))),
          gx: p.adjoint(state, Y),
        }
      }),
    gradsFromWeightGrad: (given, G) =>
      on('gradsFromWeightGrad', given, (state, m, n, fn) =>
        p.gradients(state, asOperator(takenMatrix(fn, 'G', G, m, n))),
      ),
    merge: (given) => on('merge', given, (state) => p.merge(state)),
    unmerge: (W, given) =>
      on('unmerge', given, (state, m, n, fn) => p.unmerge(takenMatrix(fn, 'W', W, m, n), state)),
    numTrainable(shape) {
      const sides = checkedShape(`${name}.numTrainable`, shape)
      return parts.count(config, ...unfoldedShape(sides), sides)
    },
    ...(p.toLora && { toLora: (given) => on('toLora', given, (state) => p.toLora!(state)) }),
    ...checkedHooks(name, parts.hooks?.(config) ?? {}),
  }
}

/** The hooks, with what goes into them taken in. */
function checkedHooks(
  name: string,
  { lrRatio, transformGrads, onStep, penalty }: AdapterHooks,
): AdapterHooks {
  const gradsOf = (fn: string, argument: string, grads: Arrays, state: AdapterState): Arrays =>
    takenArrays(fn, argument, grads, state.trainableShapes)
  return {
    ...(lrRatio && { lrRatio }),
    ...(transformGrads && {
      transformGrads(given, grads) {
        const fn = `${name}.transformGrads`
        const state = takenState(name, fn, given)
        return transformGrads(state, gradsOf(fn, 'grads', grads, state))
      },
    }),
    ...(onStep && {
      onStep(given, grads, step) {
        const fn = `${name}.onStep`
        const states = given.map((state) => takenState(name, fn, state))
        const taken = states.map((state, layer) => gradsOf(fn, `grads[${layer}]`, grads[layer]!, state))
        return onStep(states, taken, step)
      },
    }),
    ...(penalty && { penalty: (given) => penalty(takenState(name, `${name}.penalty`, given)) }),
  }
}

function initOf(fn: string, steps: (context: InitContext) => Steps<AdapterState>): Init {
  const sync = (context: InitContext): AdapterState => {
    for (const argument of ['W0', 'grad', 'activations'] as const) {
      if ((context?.[argument] as { async?: boolean } | undefined)?.async !== true) continue
      const expected = 'an operand on the CPU (init.async takes the others)'
      throw new OptionError({ fn, argument, expected, given: 'one that answers with Promises' })
    }
    return runSync(steps(context), context ?? {})
  }
  return Object.assign(sync, {
    async: (context: InitContext) => runAsync(steps(context), context ?? {}),
  }) as Init
}

function* stateSteps<R extends Readers>(
  parts: Recipe<R>,
  config: Plan<R>,
  scaling: number,
  context: InitContext,
): Steps<AdapterState> {
  const { name } = parts
  const given = yield* givenSteps(`${name}.init`, context, config.r ?? config.initR)
  const made = parts.init(given, config, scaling)
  const start = 'trainable' in made ? made : yield* made
  return {
    recipe: name,
    shape: given.shape,
    scaling: start.scaling ?? scaling,
    base: start.base ?? (yield* given.entries()),
    frozen: start.frozen ?? {},
    trainable: start.trainable,
    trainableShapes: shapesOf(start.trainable),
    aux: start.aux ?? {},
    ...(start.base && { start: start.trainable }),
    ...(start.residual !== undefined && { residual: start.residual }),
  }
}

/** What the trainable arrays of a state are held to from then on. */
export const shapesOf = (trainable: Arrays): AdapterState['trainableShapes'] =>
  Object.fromEntries(Object.entries(trainable).map(([array, { shape }]) => [array, [...shape]]))
