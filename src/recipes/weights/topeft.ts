import { contiguous, tensor } from '../../linalg/arrays.js'
import type { Matrix, Tensor } from '../../linalg/arrays.js'
import { OptionError, ShapeError, describe } from '../../linalg/errors.js'
import { optional, readOptions } from '../../linalg/options.js'
import type { Reader } from '../../linalg/options.js'
import type { Adapter, AdapterState, LoraForm } from '../adapters/adapter.js'
import { unfoldedShape } from '../adapters/intake.js'
import { CONFIG, DOWN, MAGNITUDE, MODEL, PREFIX, UP, alphaOf, patternOf } from './peftnames.js'
import type { PeftFiles } from './peftnames.js'
import { dtypeReader, writeSafetensors } from './writesafetensors.js'
import type { WriteSafetensorsOptions } from './writesafetensors.js'

const FN = 'toPeft'

/** An adapter of one module, trained or not. */
export interface AdaptedModule {
  /** The recipe, configured. */
  readonly adapter: Adapter
  /** The layer's numbers. */
  readonly state: AdapterState
}

/** What `toPeft` writes into the configuration, and in which precision the tensors. */
export interface ToPeftOptions extends Pick<WriteSafetensorsOptions, 'dtype'> {
  /** What PEFT loads the adapter onto: `base_model_name_or_path`. */
  readonly baseModel?: string | undefined
  /** 'CAUSAL_LM', 'SEQ_CLS', … as PEFT names them. */
  readonly taskType?: string | undefined
}

const text: Reader<string> = (value, fail) => (typeof value === 'string' ? value : fail('a string'))

/** What PEFT is told of a module. */
interface Exported extends LoraForm {
  readonly name: string
  readonly r: number
  readonly alpha: number
  /** That of W0. */
  readonly shape: readonly number[]
  readonly magnitude: Tensor | undefined
}

/**
 * Adapters as Hugging Face PEFT loads them: the two files of its folder.
 *
 * Every adapter whose change of the weight is one product of thin factors is written as a LoRA on the unchanged W0, with
 * `scaling` folded into `lora_alpha`. One that starts from a part of W0 (PiSSA, LoRA-GA, …) has a base that nobody else
 * has; it is written with twice its rank, s·(B·A − B₀·A₀), and so loads on the W0 that everybody has. DoRA is written with
 * its magnitudes.
 *
 * @param modules - by the name of the module in the model, as in 'model.layers.0.self_attn.q_proj': the adapter and its
 * state. Weights are out × in, also of a layer that stores them the other way round. Ranks and scalings may differ:
 * `rank_pattern` and `alpha_pattern` say so (PEFT 0.14 or newer).
 * @param options - `dtype` of the numbers (default 'F32'), `baseModel`, `taskType`.
 * @returns `{ 'adapter_config.json': text, 'adapter_model.safetensors': bytes }`, to be saved under these names in one
 * folder.
 * @throws OptionError where an adapter is none that a PEFT LoRA can hold, where DoRA and others are mixed, or there is no
 * module; NotFiniteError; and what `writeSafetensors` throws.
 * Cost: `toLora` of each, and the file.
 * Source: the files of PEFT 0.17, huggingface.co/docs/peft, checked with PEFT 0.21; a LoRA of twice the rank for a changed
 * base as in its `path_initial_model_for_weight_conversion`.
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { adapters, weights } from 'lowrank/recipes'
 * const adapter = adapters.pissa({ r: 4 })
 * const state = adapter.init({ W0: random.normal([48, 64]) })
 * const files = weights.toPeft({ 'encoder.proj': { adapter, state } }, { dtype: 'BF16' })
 * JSON.parse(files['adapter_config.json']).r   // 8
 * ```
 */
export function toPeft(modules: Readonly<Record<string, AdaptedModule>>, options?: ToPeftOptions): PeftFiles {
  const { dtype, baseModel, taskType } = readOptions(FN, options, {
    dtype: dtypeReader,
    baseModel: optional(text),
    taskType: optional(text),
  })
  const given = Object.entries((modules as typeof modules | null) ?? {})
  const exported = given.map(([name, module]) => exportedModule(name, module))
  const config = {
    peft_type: 'LORA',
    auto_mapping: null,
    base_model_name_or_path: baseModel ?? null,
    revision: null,
    task_type: taskType ?? null,
    inference_mode: true,
    ...ranksOf(exported),
    target_modules: exported.map(({ name }) => name),
    lora_dropout: 0,
    fan_in_fan_out: false,
    bias: 'none',
    use_rslora: false,
    use_dora: usesDora(exported),
    init_lora_weights: true,
    modules_to_save: null,
    layers_to_transform: null,
    layers_pattern: null,
  }
  return {
    [CONFIG]: `${JSON.stringify(config, undefined, 2)}\n`,
    [MODEL]: writeSafetensors(exported.flatMap(tensorsOf), {
      dtype: dtype ?? 'F32',
      metadata: { format: 'pt' },
    }),
  }
}

function exportedModule(name: string, module: AdaptedModule): Exported {
  const argument = `modules['${name}']`
  const { adapter, state } = module ?? {}
  if (adapter === undefined || state === undefined) {
    throw new OptionError({ fn: FN, argument, expected: '{ adapter, state }', given: describe(module) })
  }
  const form = formOf(adapter, state)
  if (form === undefined) {
    const expected = 'one whose change of the weight is a LoRA, or DoRA'
    throw new OptionError({ fn: FN, argument: `${argument}.adapter`, expected, given: adapter.name })
  }
  const { B, A, magnitude } = form
  const { shape } = state
  const [m, n] = unfoldedShape(shape)
  const r = A.shape[0]!
  if (r === 0) throw new OptionError({ fn: FN, argument, expected: 'a rank of 1 or more', given: '0' })
  const fits = A.shape[1] === n && B.shape.join() === `${m},${r}` && (magnitude?.size ?? m) === m
  if (!fits) {
    const expected = `B of ${m} rows and A of ${n} columns, of one rank`
    throw new ShapeError({
      fn: FN,
      argument,
      expected,
      given: `${B.shape.join('×')} and ${A.shape.join('×')}`,
    })
  }
  return { ...form, name, r, alpha: alphaOf(form.scaling, r), shape }
}

function formOf(
  adapter: Adapter,
  state: AdapterState,
): Pick<Exported, keyof LoraForm | 'magnitude'> | undefined {
  if (adapter.toLora) return { ...adapter.toLora(state), magnitude: undefined }
  if (adapter.name !== 'dora' || state.recipe !== 'dora') return undefined
  const { B, A, magnitude } = state.trainable
  return { B: B!, A: A!, scaling: state.scaling, magnitude }
}

/** The rank and the alpha of most modules, and those of the others by their names. */
function ranksOf(exported: readonly Exported[]): object {
  const counts = new Map<string, { first: Exported; count: number }>()
  for (const module of exported) {
    const key = `${module.r} ${module.alpha}`
    const seen = counts.get(key)
    if (seen) seen.count++
    else counts.set(key, { first: module, count: 1 })
  }
  const [most] = [...counts.values()].sort((a, b) => b.count - a.count)
  if (most === undefined) {
    throw new OptionError({ fn: FN, argument: 'modules', expected: 'one or more', given: 'none' })
  }
  const { r, alpha } = most.first
  // Both patterns have the same keys, since PEFT looks for one key in both of them.
  const others = exported.filter((module) => module.r !== r || module.alpha !== alpha)
  const pattern = (of: 'r' | 'alpha'): object =>
    Object.fromEntries(others.map((module) => [patternOf(module.name), module[of]]))
  return { r, lora_alpha: alpha, rank_pattern: pattern('r'), alpha_pattern: pattern('alpha') }
}

function usesDora(exported: readonly Exported[]): boolean {
  const first = exported.findIndex(({ magnitude }) => magnitude !== undefined)
  const other = exported.find(({ magnitude }) => magnitude === undefined)
  if (first < 0 || other === undefined) return first >= 0
  const expected = `DoRA for all modules, as for ${exported[first]!.name}, or for none`
  throw new OptionError({ fn: FN, argument: 'modules', expected, given: `${other.name} without` })
}

/** A is r × in × …, B out × r × 1 …; the magnitudes of a linear layer are a vector, those of a kernel 1 × out × 1 …. */
function tensorsOf({ name, r, shape, B, A, magnitude }: Exported): [string, Tensor][] {
  const [m = 0, ...inner] = shape
  const ones = inner.slice(1).map(() => 1)
  const reshaped = (X: Matrix, sides: number[]): Tensor => tensor(contiguous(X).data, sides)
  const module = `${PREFIX}${name}`
  const factors: [string, Tensor][] = [
    [`${module}${DOWN}`, reshaped(A, [r, ...inner])],
    [`${module}${UP}`, reshaped(B, [m, r, ...ones])],
  ]
  if (magnitude === undefined) return factors
  const sides = ones.length === 0 ? [m] : [1, m, ...ones]
  return [...factors, [`${module}${MAGNITUDE}`, tensor(magnitude.data, sides)]]
}
