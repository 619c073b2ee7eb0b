import { asTensor, asVector, isVector } from '../../linalg/arrays.js'
import type { FloatArray, MatrixLike, Tensor, VectorLike } from '../../linalg/arrays.js'
import { OptionError, ShapeError, describe } from '../../linalg/errors.js'
import { checkNumbers, packedTensor } from '../../linalg/transforms/lastaxis.js'
import { oneOf, optional, readOptions } from '../../linalg/options.js'
import type { Reader } from '../../linalg/options.js'
import { DTYPES, bytesOf } from './dtypes.js'
import type { WrittenDtype } from './dtypes.js'

const FN = 'writeSafetensors'

/** What goes in as a tensor: an ndarray of any shape, a matrix, a vector. */
export type WeightLike = Tensor<FloatArray> | MatrixLike | VectorLike

/** Tensors by name. */
export type NamedWeights = Readonly<Record<string, WeightLike>> | Iterable<readonly [string, WeightLike]>

/** The precision and the metadata of the file. */
export interface WriteSafetensorsOptions {
  /**
   * What all numbers are rounded to, to the nearest and to even between two. Default what each tensor is: 'F32' over a
   * Float32Array, else 'F64'.
   */
  readonly dtype?: WrittenDtype | undefined
  /** Strings by name, kept as `__metadata__`. */
  readonly metadata?: Readonly<Record<string, string>> | undefined
}

export const dtypeReader = /*#__PURE__*/ optional(/*#__PURE__*/ oneOf('F64', 'F32', 'F16', 'BF16'))

const metadataReader: Reader<Readonly<Record<string, string>>> = (value, fail) => {
  const given = value as Record<string, unknown> | null
  const isObject = given !== null && typeof given === 'object' && !Array.isArray(given)
  if (isObject && Object.values(given).every((text) => typeof text === 'string')) {
    return given as Record<string, string>
  }
  return fail('an object of strings')
}

/** A tensor on its way into the file. */
interface Packed {
  readonly name: string
  readonly dtype: WrittenDtype
  readonly shape: readonly number[]
  readonly bytes: Uint8Array
}

/**
 * Writes a safetensors file, which PyTorch, JAX and others read.
 *
 * @param tensors - by name: a record, a Map, or any iterable of pairs. Of any strides; 0 dimensions are a number.
 * @param options - `dtype` and `metadata`.
 * @returns the file. Equal input gives equal bytes: wider dtypes come first, so that all data are aligned, and else the
 * order is that of `tensors`.
 * @throws NotFiniteError for NaN and ±Infinity; OptionError where a number rounds to more than the dtype holds (65504 of
 * 'F16') instead of writing an Infinity; ShapeError for what is no tensor; OptionError for a name that is given twice
 * or is `__metadata__`.
 * Cost: some ten operations for each number; memory for the file twice.
 * Source: the format as of safetensors 0.6, huggingface.co/docs/safetensors.
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { weights } from 'lowrank/recipes'
 * const bytes = weights.writeSafetensors({ weight: random.normal([8, 4]) }, { dtype: 'F16', metadata: { format: 'pt' } })
 * weights.readSafetensors(bytes).metadata.format   // 'pt'
 * ```
 */
export function writeSafetensors(tensors: NamedWeights, options?: WriteSafetensorsOptions): Uint8Array {
  const { dtype, metadata } = readOptions(FN, options, {
    dtype: dtypeReader,
    metadata: optional(metadataReader),
  })
  const packed = namedPairs(tensors)
    .map(([name, weight]) => pack(name, weight, dtype))
    .sort((a, b) => DTYPES[b.dtype]!.bits - DTYPES[a.dtype]!.bits)
  const header = headerOf(packed, metadata)
  const size = packed.reduce((sum, { bytes }) => sum + bytes.length, 0)
  const file = new Uint8Array(8 + header.length + size)
  new DataView(file.buffer).setUint32(0, header.length, true)
  file.set(header, 8)
  let at = 8 + header.length
  for (const { bytes } of packed) {
    file.set(bytes, at)
    at += bytes.length
  }
  return file
}

function namedPairs(tensors: unknown): (readonly [string, unknown])[] {
  if (tensors === null || typeof tensors !== 'object') {
    throw new ShapeError({
      fn: FN,
      argument: 'tensors',
      expected: 'tensors by name',
      given: describe(tensors),
    })
  }
  const pairs =
    Symbol.iterator in tensors ? [...(tensors as Iterable<[string, unknown]>)] : Object.entries(tensors)
  const seen = new Set<string>(['__metadata__'])
  for (const pair of pairs) {
    const name: unknown = Array.isArray(pair) ? pair[0] : pair
    if (typeof name === 'string' && !seen.has(name)) seen.add(name)
    else {
      const expected = 'names that differ from each other and from __metadata__'
      throw new OptionError({ fn: FN, argument: 'tensors', expected, given: describe(name) })
    }
  }
  return pairs
}

function pack(name: string, weight: unknown, wanted: WrittenDtype | undefined): Packed {
  const argument = `tensors['${name}']`
  const isFlat = isVector(weight)
  const source = isFlat ? undefined : asTensor(weight, FN, argument)
  const values = source === undefined ? asVector(weight, FN, argument) : packedTensor(source)
  const shape = source === undefined ? [values.length] : [...source.shape]
  checkNumbers(values, shape, FN, argument)
  const single = (source?.data ?? (weight as { data?: unknown }).data ?? weight) instanceof Float32Array
  const dtype = wanted ?? (single ? 'F32' : 'F64')
  const bytes = bytesOf(values, dtype)
  if (typeof bytes !== 'number') return { name, dtype, shape, bytes }
  const given = `'${dtype}' for ${values[bytes]!} at ${bytes} of ${shape.join('×')}`
  throw new OptionError({ fn: FN, argument: 'options.dtype', expected: `one that holds ${argument}`, given })
}

/** The JSON, padded with spaces to a multiple of 8 bytes. */
function headerOf(
  packed: readonly Packed[],
  metadata: Readonly<Record<string, string>> | undefined,
): Uint8Array {
  let end = 0
  const entries = packed.map(({ name, dtype, shape, bytes }): [string, object] => {
    const begin = end
    end += bytes.length
    return [name, { dtype, shape, data_offsets: [begin, end] }]
  })
  const named = metadata === undefined ? entries : [['__metadata__', metadata] as const, ...entries]
  const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(named)))
  const header = new Uint8Array(8 * Math.ceil(text.length / 8)).fill(32)
  header.set(text)
  return header
}
