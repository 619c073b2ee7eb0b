import { asFiniteMatrix, asVector, dense, isVector, packed, wrap } from '../../linalg/arrays.js'
import type { Matrix, MatrixLike, VectorLike } from '../../linalg/arrays.js'
import { OptionError, ShapeError, describe } from '../../linalg/errors.js'
import { readOptions, withDefault } from '../../linalg/options.js'
import type { Reader } from '../../linalg/options.js'
import { breath, fromSteps } from '../../linalg/steps.js'
import type { RunOptions, Steps } from '../../linalg/steps.js'

/** A model as its weights by name; all models that are merged have the same names and shapes. */
export type Weights = Readonly<Record<string, MatrixLike | VectorLike>>

/** How much of each model's task vector counts. */
export interface TaskArithmeticConfig {
  /** λ, one for all models or one for each; negative to forget. Default 1/T for T models, their mean. */
  readonly scale?: number | readonly number[] | undefined
}

/** Weights by name, merged. */
export interface MergedWeights {
  /** Matrices and vectors, as they were given. */
  readonly merged: Readonly<Record<string, Matrix | Float64Array>>
  /** Numbers that are stored. */
  readonly parameters: number
}

/** Merges models, with respect to the one from which they were trained. */
export interface WeightsMerger {
  (models: readonly Weights[], base?: Weights, options?: RunOptions): MergedWeights
  async(models: readonly Weights[], base?: Weights, options?: RunOptions): Promise<MergedWeights>
}

const scales: Reader<number | readonly number[] | undefined> = (value, fail) => {
  const all = Array.isArray(value) ? (value as unknown[]) : [value]
  const sound = all.every((x) => x === undefined || (typeof x === 'number' && Number.isFinite(x)))
  return sound ? (value as number | readonly number[] | undefined) : fail('a number, or one for each model')
}

/**
 * Adds scaled task vectors to a base: θ = θ₀ + Σ λᵢ(θᵢ − θ₀).
 *
 * @param config - `scale`: 1/T (the mean of the models) by default; 1 for all adds the tasks; −1 forgets one; [1, 1, −1] with
 * the models C, B, A is the analogy "C is to what is sought as A is to B".
 * @returns a merger: (models, base?) → `{ merged, parameters }`. The base may be left out where the scales add up to 1, since
 * it cancels then.
 * @throws ShapeError where names or shapes differ, or there is no model; OptionError where the base is missing;
 * NotFiniteError.
 * Cost: three operations a model and number.
 * Source: Ilharco, Ribeiro, Wortsman, Gururangan, Schmidt, Hajishirzi and Farhadi 2023, "Editing models with task arithmetic".
 *
 * @example
 * ```ts
 * import { merging } from 'lowrank/recipes'
 * const base = { W: [[1, 0], [0, 1]], b: [0, 0] }
 * const tuned = { W: [[2, 0], [0, 1]], b: [1, 0] }
 * merging.taskArithmetic({ scale: -1 })([tuned], base).merged   // W = [[0, 0], [0, 1]], b = [-1, 0]
 * ```
 */
export function taskArithmetic(config: TaskArithmeticConfig = {}): WeightsMerger {
  const fn = 'taskArithmetic'
  const { scale } = readOptions(fn, config, { scale: withDefault(scales, undefined) })
  return fromSteps(function* (
    models: readonly Weights[],
    base?: Weights,
    options?: RunOptions,
  ): Steps<MergedWeights> {
    readOptions(fn, options, {})
    const all = checkedModels(fn, models)
    const lambda = all.map((_, t) => (typeof scale === 'number' ? scale : (scale?.[t] ?? 1 / all.length)))
    if (Array.isArray(scale) && scale.length !== all.length) {
      const [expected, given] = [`${all.length} numbers, one for each model`, `${scale.length}`]
      throw new OptionError({ fn, argument: 'options.scale', expected, given })
    }
    const total = lambda.reduce((sum, x) => sum + x, 0)
    if (base === undefined && Math.abs(total - 1) > all.length * 2 ** -52) {
      const expected = 'the model from which the others were trained, since the scales do not add up to 1'
      throw new OptionError({
        fn,
        argument: 'base',
        expected,
        given: `none, and scales that add up to ${total}`,
      })
    }
    const origin = base ?? all[0]!
    const merged: Record<string, Matrix | Float64Array> = {}
    let parameters = 0
    for (const name of Object.keys(origin)) {
      const from = numbers(fn, origin[name]!, `${base ? 'base' : 'models[0]'}.${name}`)
      const sum = from.data.slice()
      for (const [t, model] of all.entries()) {
        const { data } = alike(fn, model, t, name, from, Object.keys(origin).length)
        for (let e = 0; e < sum.length; e++) sum[e]! += lambda[t]! * (data[e]! - from.data[e]!)
        yield* breath()
      }
      merged[name] = from.shape.length === 1 ? sum : wrap(sum, from.shape[0]!, from.shape[1]!)
      parameters += sum.length
    }
    return { merged, parameters }
  }, 2) as WeightsMerger
}

/** One model at least. */
export function checkedModels<T>(fn: string, models: readonly T[], least = 1): readonly T[] {
  if (Array.isArray(models) && models.length >= least) return models as readonly T[]
  const expected = least === 1 ? 'one model or more' : `${least} models or more`
  throw new ShapeError({ fn, argument: 'models', expected, given: describe(models) })
}

interface Numbers {
  readonly data: Float64Array
  readonly shape: readonly number[]
}

function numbers(fn: string, given: MatrixLike | VectorLike, argument: string): Numbers {
  if (isVector(given)) {
    const data = asVector(given, fn, argument)
    return { data, shape: [data.length] }
  }
  const view = dense(asFiniteMatrix(given, fn, argument))
  return { data: packed(view), shape: [view.rows, view.cols] }
}

function alike(
  fn: string,
  model: Weights,
  t: number,
  name: string,
  { shape }: Numbers,
  count: number,
): Numbers {
  const argument = `models[${t}].${name}`
  const names = typeof model === 'object' && model !== null ? Object.keys(model) : []
  if (names.length !== count || !names.includes(name)) {
    const [expected, given] = [`the names of the others, ${name} among them`, names.join(', ') || '(none)']
    throw new ShapeError({ fn, argument: `models[${t}]`, expected, given })
  }
  const taken = numbers(fn, model[name]!, argument)
  if (taken.shape.join('×') === shape.join('×')) return taken
  throw new ShapeError({ fn, argument, expected: shape.join('×'), given: taken.shape.join('×') })
}
