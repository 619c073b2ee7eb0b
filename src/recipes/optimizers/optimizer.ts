import { tensor } from '../../linalg/arrays.js'
import type { FloatArray, Matrix, MatrixLike, Tensor, VectorLike } from '../../linalg/arrays.js'
import { NotFiniteError, ShapeError, describe } from '../../linalg/errors.js'
import { checkNumbers } from '../../linalg/transforms/lastaxis.js'
import type { AnyOperator } from '../../linalg/operators.js'
import { readOptions, withDefault } from '../../linalg/options.js'
import type { Reader } from '../../linalg/options.js'
import { fromSteps, report } from '../../linalg/steps.js'
import type { RunOptions, Steps } from '../../linalg/steps.js'
import { gradientOf, leafOf, shapeOf } from './leaves.js'
import type { Gradient } from './leaves.js'

/** Named matrices, vectors and tensors of any number of modes: what is trained. */
export type Params = Readonly<Record<string, MatrixLike | VectorLike | Tensor<FloatArray>>>
/** A gradient of the same shape for each; that of a matrix may be an operator, on a GPU for example. */
export type Gradients = Readonly<Record<string, Params[string] | AnyOperator>>
/** What is to be added to each parameter, of its shape; that of a vector is a tensor of one mode. */
export type Updates = Readonly<Record<string, Tensor>>

/** What an optimizer remembers: plain data that is never changed, so that any state can be gone back to. */
export interface OptimizerState {
  /** Whose state it is. */
  readonly optimizer: string
  /** Updates so far. */
  readonly count: number
}

/** What an update answers with. */
export interface Updated<S extends OptimizerState = OptimizerState> {
  /** To be added to the params. */
  readonly updates: Updates
  /** For the next update. */
  readonly state: S
}

/** A rule for training, as in optax. */
export interface Optimizer {
  readonly name: string
  /** The state before the first update; its params are not changed. */
  init(params: Params): OptimizerState
  /** The updates, to be added, and the next state; nothing that it is given changes. */
  readonly update: {
    (grads: Gradients, state: OptimizerState, params: Params, options?: RunOptions): Updated
    /** The same run cooperatively; gradients may be operators that answer with Promises. */
    async(grads: Gradients, state: OptimizerState, params: Params, options?: RunOptions): Promise<Updated>
  }
}

/** The learning rate, or a function of the number of updates so far. */
export type Schedule = number | ((count: number) => number)

/** What the rule for one parameter is told. */
export interface Moment {
  /** `galore.update`, for errors. */
  readonly fn: string
  /** `grads.W`, for errors. */
  readonly argument: string
  /** Updates before this one. */
  readonly count: number
  readonly learningRate: number
  /** Which of the matrices this is, of how many. */
  readonly place: readonly [index: number, of: number]
}

/** How one parameter is trained; what is no matrix is seen as one of one row. */
export interface Rule<S = unknown> {
  /** Throws where the shape does not suit. */
  init(W: Matrix, fn: string, argument: string): S
  /** What is to be added to W, and the next state. */
  steps(G: Gradient, state: S, W: () => Matrix, at: Moment): Steps<{ update: Matrix; state: S }>
}

interface ParameterState extends OptimizerState {
  readonly params: Readonly<Record<string, { readonly shape: readonly number[]; readonly rule: unknown }>>
}

export const scheduleReader: Reader<(count: number) => number> = (value, fail) => {
  if (typeof value === 'function') return value as (count: number) => number
  return typeof value === 'number' && value >= 0 && value < Infinity
    ? () => value
    : fail('a finite number >= 0, or a function of the count')
}

/** A decay rate of a running mean. */
const decayReader: Reader<number> = (value, fail) =>
  typeof value === 'number' && value >= 0 && value < 1 ? value : fail('a number in [0, 1)')

export const decay = (fallback: number): Reader<number> => withDefault(decayReader, fallback)

/** An optimizer that treats each parameter by itself, with `weightDecay` apart from the gradient (AdamW's way). */
export function perParameter(
  name: string,
  plan: { readonly learningRate: (count: number) => number; readonly weightDecay?: number },
  matrices: Rule,
  others: Rule = matrices,
): Optimizer {
  const ruleOf = (shape: readonly number[]): Rule => (shape.length === 2 ? matrices : others)
  const { weightDecay = 0 } = plan

  function* updateSteps(
    grads: Gradients,
    state: ParameterState,
    params: Params,
  ): Steps<Updated<ParameterState>> {
    const fn = `${name}.update`
    const shapes = Object.entries(state.params).map(([key, { shape }]) => [key, shape] as const)
    const given = checkedLeaves(fn, grads, shapes, params)
    const learningRate = rateAt(fn, plan.learningRate, state.count)
    const updates: Record<string, Tensor> = {}
    const next: Record<string, ParameterState['params'][string]> = {}
    const of = given.filter(({ shape }) => shape.length === 2).length
    let index = 0
    for (const { key, shape, argument, gradient } of given) {
      yield* report(fn, key, Object.keys(next).length, given.length)
      const W = (): Matrix => leafOf(params[key], fn, `params.${key}`).entries
      const at: Moment = { fn, argument, count: state.count, learningRate, place: [index, of] }
      const { update, state: rule } = yield* ruleOf(shape).steps(gradient, state.params[key]!.rule, W, at)
      if (weightDecay > 0) {
        const w = W().data
        for (let e = 0; e < w.length; e++) update.data[e]! -= learningRate * weightDecay * w[e]!
      }
      updates[key] = finished(update.data, shape, fn, `the update of params.${key}`)
      next[key] = { shape, rule }
      if (shape.length === 2) index++
    }
    return { updates, state: { optimizer: name, count: state.count + 1, params: next } }
  }

  return optimizerFrom(
    name,
    (params) => {
      const states = Object.entries(params).map(([key, value]) => {
        const argument = `params.${key}`
        const { shape, entries } = leafOf(value, `${name}.init`, argument)
        return [key, { shape, rule: ruleOf(shape).init(entries, `${name}.init`, argument) }] as const
      })
      return { optimizer: name, count: 0, params: Object.fromEntries(states) }
    },
    updateSteps,
  )
}

/** The public face around `init` and the steps of an update. */
export function optimizerFrom<S extends OptimizerState>(
  name: string,
  init: (params: Params) => S,
  steps: (grads: Gradients, state: S, params: Params) => Steps<Updated<S>>,
): Optimizer {
  const fn = `${name}.update`
  const run = fromSteps(function* (
    grads: Gradients,
    state: OptimizerState,
    params: Params,
    options?: RunOptions,
  ): Steps<Updated> {
    readOptions(fn, options, {})
    checkOwner(name, state)
    return yield* steps(grads, state as S, params)
  }, 3)
  const update = (grads: Gradients, state: OptimizerState, params: Params, options?: RunOptions): Updated => {
    for (const [key, value] of Object.entries(checkedRecord(fn, 'grads', grads))) {
      if ((value as { async?: unknown } | null)?.async !== true) continue
      const expected = 'a gradient that answers at once (update.async takes those that answer with Promises)'
      const given = 'an operator with async: true'
      throw new ShapeError({ fn, argument: `grads.${key}`, expected, given })
    }
    return run(grads, state, params, options)
  }
  return {
    name,
    init: (params) => init(checkedRecord(`${name}.init`, 'params', params)),
    update: Object.assign(update, { async: run.async }),
  }
}

/** Throws where the state is not one of the optimizer of that name. */
export function checkOwner(name: string, state: OptimizerState): void {
  const owner = (state as OptimizerState | undefined)?.optimizer
  if (owner === name) return
  const given = owner === undefined ? describe(state) : `one of ${owner}`
  throw new ShapeError({ fn: `${name}.update`, argument: 'state', expected: `a state of ${name}`, given })
}

export function checkedRecord<T>(fn: string, argument: string, record: T): T {
  const isObject = record !== null && typeof record === 'object' && !Array.isArray(record)
  if (isObject && !('stride' in record)) return record
  const expected = 'an object of named matrices and vectors'
  throw new ShapeError({ fn, argument, expected, given: describe(record) })
}

interface Given {
  readonly key: string
  readonly shape: readonly number[]
  readonly argument: string
  readonly gradient: Gradient
}

/** Throws where one of the records has names that the state does not know. */
export function checkNames(
  fn: string,
  records: Readonly<Record<string, object>>,
  known: readonly string[],
): void {
  for (const [argument, record] of Object.entries(records)) {
    const stranger = Object.keys(checkedRecord(fn, argument, record)).find((key) => !known.includes(key))
    if (stranger === undefined) continue
    const given = `also ${stranger}`
    throw new ShapeError({ fn, argument, expected: `${known.join(', ')}, as in the state`, given })
  }
}

/** The gradients of parameters of known shapes; all of them, and no others. */
export function checkedLeaves(
  fn: string,
  grads: Gradients,
  shapes: readonly (readonly [key: string, shape: readonly number[]])[],
  params: Params,
): Given[] {
  checkNames(
    fn,
    { grads, params },
    shapes.map(([key]) => key),
  )
  return shapes.map(([key, shape]) => {
    const argument = `grads.${key}`
    const gradient = gradientOf(grads[key], shape, fn, argument)
    const given = shapeOf(params[key], fn, `params.${key}`)
    if (given.join('×') !== shape.join('×')) {
      const expected = `${shape.join('×')} numbers, as in the state`
      throw new ShapeError({ fn, argument: `params.${key}`, expected, given: given.join('×') })
    }
    return { key, shape, argument, gradient }
  })
}

/** The learning rate of an update, which a schedule may get wrong. */
export function rateAt(fn: string, schedule: (count: number) => number, count: number): number {
  const rate = schedule(count)
  if (typeof rate === 'number' && Number.isFinite(rate)) return rate
  throw new NotFiniteError({ fn, argument: 'options.learningRate(count)', value: rate, index: [count] })
}

/** An update in the shape of its parameter. */
export function finished(
  update: Float64Array,
  shape: readonly number[],
  fn: string,
  argument: string,
): Tensor {
  checkNumbers(update, shape, fn, argument)
  return tensor(update, shape)
}
