import { asTensor, tensor } from '../../linalg/arrays.js'
import type { FloatArray, Matrix, MatrixLike, Tensor } from '../../linalg/arrays.js'
import { FormatError, ShapeError, describe } from '../../linalg/errors.js'
import { checkNumbers, packedTensor } from '../../linalg/transforms/lastaxis.js'
import type { LoraForm } from '../adapters/adapter.js'
import { dora } from '../adapters/dora.js'
import { lora } from '../adapters/lora.js'
import { shapesOf } from '../adapters/recipe.js'
import { CONFIG, DOWN, MAGNITUDE, MODEL, PREFIX, UP, alphaOf, matching } from './peftnames.js'
import type { PeftFiles } from './peftnames.js'
import { readSafetensors } from './readsafetensors.js'
import type { AdaptedModule } from './topeft.js'

const FN = 'fromPeft'

/** ΔW = scaling·B·A of one module, out × in; a kernel is used as out × (all other sides). */
export interface PeftModule extends LoraForm {
  /** That of the weight. */
  readonly shape: readonly number[]
  /** Of DoRA: a number for each output. */
  readonly magnitude: Tensor | undefined
  /**
   * The adapter with these numbers on a weight of this shape, to go on from: LoRA, or DoRA.
   * @throws ShapeError, NotFiniteError.
   */
  attach(W0: Tensor<FloatArray> | MatrixLike): AdaptedModule
}

/** What a folder of PEFT's holds. */
export interface PeftAdapters {
  /** `adapter_config.json` as it is. */
  readonly config: Readonly<Record<string, unknown>>
  /** By the names of the modules in the model. */
  readonly modules: ReadonlyMap<string, PeftModule>
}

/**
 * Reads an adapter that Hugging Face PEFT has saved: LoRA, with or without DoRA, on an unchanged base.
 *
 * @param files - the texts and bytes of `adapter_config.json` and `adapter_model.safetensors`.
 * @returns `{ config, modules }`; `modules.get(name).attach(W0)` gives `{ adapter, state }`, which merge, train, and go
 * back by `toPeft`.
 * @throws FormatError where the configuration is no JSON of a LoRA or does not say what the tensors are; where the base
 * was changed at the start (`init_lora_weights` 'pissa', 'olora', 'loftq', …: let PEFT convert those when it saves, by
 * `path_initial_model_for_weight_conversion`); where there is more than factors and magnitudes (biases, whole modules,
 * embeddings); and what `readSafetensors` throws.
 * Cost: the tensors are read at once, and kept in float64.
 * Source: the files of PEFT 0.17, huggingface.co/docs/peft.
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { adapters, weights } from 'lowrank/recipes'
 * const W0 = random.normal([48, 64])
 * const lora = adapters.lora({ r: 4 })
 * const files = weights.toPeft({ proj: { adapter: lora, state: lora.init({ W0 }) } })
 * const { adapter, state } = weights.fromPeft(files).modules.get('proj').attach(W0)
 * adapter.merge(state).shape   // [48, 64]
 * ```
 */
export function fromPeft(files: PeftFiles): PeftAdapters {
  const config = readConfig((files as Partial<PeftFiles> | null)?.[CONFIG])
  const { tensors } = readSafetensors(files[MODEL])
  const found = new Map<string, Map<string, Tensor>>()
  for (const [key, stored] of tensors) {
    const part = [DOWN, UP, MAGNITUDE].find((suffix) => key.endsWith(suffix))
    if (part === undefined || !key.startsWith(PREFIX)) {
      const expected = `${PREFIX}<module> and ${DOWN}, ${UP} or ${MAGNITUDE}`
      return fail(MODEL, expected, `'${key}'`)
    }
    const name = key.slice(PREFIX.length, key.length - part.length)
    if (!found.has(name)) found.set(name, new Map())
    found.get(name)!.set(part, finite(key, stored.read()))
  }
  const modules = new Map<string, PeftModule>()
  for (const [name, parts] of found) modules.set(name, moduleOf(name, parts, config))
  return { config: config.given, modules }
}

function finite(key: string, T: Tensor<FloatArray>): Tensor {
  const data = packedTensor(T)
  checkNumbers(data, T.shape, FN, `'${key}'`)
  return tensor(data, T.shape)
}

/** What is read of a configuration. */
interface Config {
  readonly given: Readonly<Record<string, unknown>>
  readonly r: number
  readonly alpha: number
  readonly ranks: Readonly<Record<string, number>>
  readonly alphas: Readonly<Record<string, number>>
  readonly usesRslora: boolean
  readonly usesDora: boolean
}

/** Starts that leave W0 as it is. */
const STARTS: readonly unknown[] = [undefined, null, true, false, 'gaussian', 'eva', 'orthogonal']

function readConfig(text: unknown): Config {
  if (typeof text !== 'string') return fail(CONFIG, 'a text', describe(text))
  let given: Record<string, unknown>
  try {
    given = JSON.parse(text) as Record<string, unknown>
  } catch (cause) {
    throw new FormatError(
      { fn: FN, argument: CONFIG, expected: 'JSON', given: (cause as Error).message },
      { cause },
    )
  }
  if (!isRecord(given)) return fail(CONFIG, 'an object', describe(given))
  const { r, lora_alpha: alpha, bias, use_rslora: usesRslora = false, use_dora: usesDora = false } = given
  if (given.peft_type !== 'LORA') return failOf('peft_type', "'LORA'", given.peft_type)
  if (!STARTS.includes(given.init_lora_weights)) {
    return failOf('init_lora_weights', 'a start that leaves the base as it is', given.init_lora_weights)
  }
  if (bias !== undefined && bias !== 'none') return failOf('bias', "'none'", bias)
  if (!isRank(r)) return failOf('r', 'an integer >= 1', r)
  if (!isAlpha(alpha)) return failOf('lora_alpha', 'a finite number > 0', alpha)
  if (typeof usesRslora !== 'boolean') return failOf('use_rslora', 'true or false', usesRslora)
  if (typeof usesDora !== 'boolean') return failOf('use_dora', 'true or false', usesDora)
  const ranks = patterns('rank_pattern', given, isRank)
  return { given, r, alpha, ranks, alphas: patterns('alpha_pattern', given, isAlpha), usesRslora, usesDora }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value)
const isRank = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 1
const isAlpha = (value: unknown): value is number => Number.isFinite(value) && (value as number) > 0

/** Numbers by regular expressions, which are tried out here. */
function patterns(
  field: string,
  given: Record<string, unknown>,
  isNumber: (value: unknown) => value is number,
): Readonly<Record<string, number>> {
  const map = given[field] ?? {}
  if (!isRecord(map)) return failOf(field, 'an object', map)
  for (const [key, value] of Object.entries(map)) {
    if (!isNumber(value)) return failOf(`${field}['${key}']`, 'a number as the default is', value)
    try {
      matching({ [key]: value }, '')
    } catch {
      failOf(field, 'regular expressions', key)
    }
  }
  return map as Record<string, number>
}

function moduleOf(name: string, parts: ReadonlyMap<string, Tensor>, config: Config): PeftModule {
  const needed = config.usesDora ? [DOWN, UP, MAGNITUDE] : [DOWN, UP]
  if (needed.length !== parts.size || !needed.every((part) => parts.has(part))) {
    return fail(MODEL, `${needed.join(', ')} of '${name}'`, [...parts.keys()].join(', '))
  }
  const r = matching(config.ranks, name) ?? config.r
  const alpha = matching(config.alphas, name) ?? config.alpha
  const [down, up, magnitude] = [parts.get(DOWN)!, parts.get(UP)!, parts.get(MAGNITUDE)]
  const [m = 0, , ...ones] = up.shape
  const [, ...inner] = down.shape
  if (inner.length === 0 || down.shape[0] !== r) {
    return fail(`'${name}${DOWN}'`, `${r} × in, as the rank is ${r}`, down.shape.join('×'))
  }
  if (up.shape.length !== down.shape.length || up.shape[1] !== r || ones.some((side) => side !== 1)) {
    return fail(`'${name}${UP}'`, `out × ${r}, as the rank is ${r}`, up.shape.join('×'))
  }
  if (magnitude && (magnitude.size !== m || !magnitude.shape.includes(m))) {
    return fail(`'${name}${MAGNITUDE}'`, `${m} numbers`, magnitude.shape.join('×'))
  }
  const lengths = magnitude && tensor(magnitude.data, [m])
  const B = tensor(up.data, [m, r])
  const A = tensor(down.data, [r, down.size / r])
  const scaling = alpha / (config.usesRslora ? Math.sqrt(r) : r)
  const form = { shape: [m, ...inner], B, A, scaling, magnitude: lengths }
  return { ...form, attach: (W0) => attached(name, form, W0) }
}

function attached(name: string, form: Omit<PeftModule, 'attach'>, given: unknown): AdaptedModule {
  const { shape, B, A, scaling, magnitude } = form
  const fn = `fromPeft(files).modules.get('${name}').attach`
  const W0 = asTensor(given, fn, 'W0')
  if (W0.shape.join() !== shape.join()) {
    throw new ShapeError({ fn, argument: 'W0', expected: shape.join('×'), given: W0.shape.join('×') })
  }
  const entries = packedTensor(W0)
  checkNumbers(entries, shape, fn, 'W0')
  const r = A.shape[0]!
  const config = { r, loraAlpha: alphaOf(scaling, r) }
  const adapter = magnitude ? dora(config) : lora(config)
  const base: Matrix = tensor(entries, [shape[0]!, A.shape[1]!])
  const trainable = { ...(magnitude && { magnitude: copyOf(magnitude) }), B: copyOf(B), A: copyOf(A) }
  const arrays = { frozen: {}, trainable, trainableShapes: shapesOf(trainable), aux: {} }
  return { adapter, state: { recipe: adapter.name, shape, scaling, base, ...arrays } }
}

const copyOf = (T: Tensor): Tensor => tensor(T.data.slice(), T.shape)

const failOf = (field: string, expected: string, value: unknown): never =>
  fail(`${CONFIG}'s ${field}`, expected, typeof value === 'object' ? JSON.stringify(value) : describe(value))

function fail(argument: string, expected: string, given: string): never {
  throw new FormatError({ fn: FN, argument, expected, given })
}
