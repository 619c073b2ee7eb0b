import { tensor } from '../../linalg/arrays.js'
import type { FloatArray, Tensor } from '../../linalg/arrays.js'
import { FormatError, describe } from '../../linalg/errors.js'
import { DTYPES } from './dtypes.js'
import { READ, readHeader } from './header.js'
import type { Entry } from './header.js'

/** A tensor in a file. */
export interface StoredTensor {
  /** As the file names it: 'F32', 'BF16', … */
  readonly dtype: string
  readonly shape: readonly number[]
  /**
   * Its numbers, exactly, as a fresh row-major ndarray: over a Float32Array where float32 holds all numbers of the
   * dtype (F32, F16, BF16, integers of 16 bits and less, BOOL), else over a Float64Array.
   * @throws FormatError for a dtype that has no such numbers (8 bits and fewer of floating point, complex), and for
   * integers above 2⁵³.
   */
  read(): Tensor<FloatArray>
}

/** What a safetensors file holds. */
export interface SafeTensors {
  /** `__metadata__`; empty where there is none. */
  readonly metadata: Readonly<Record<string, string>>
  /** By name, in the order of their data. */
  readonly tensors: ReadonlyMap<string, StoredTensor>
}

/**
 * Reads a safetensors file: weights of PyTorch, JAX and others, by name.
 *
 * The header is read at once and held to what it says; the numbers of a tensor are decoded when `read` is called, so
 * that one layer of a large file costs what that layer costs. `bytes` is kept, not copied: leave it as it is until then.
 *
 * @param bytes - the whole file.
 * @returns `{ metadata, tensors }`; NaN and ±Infinity are read as they are, and refused by what they are handed to.
 * @throws FormatError where the header is longer than the file or 100 MB, is no JSON, names something twice, has a
 * shape or offset that is no integer >= 0, or data that overlap, leave a hole, do not have the size of dtype and shape,
 * or do not end with the file. Nothing is read past the end.
 * Cost: that of the header; a `read` a few operations for each number, and its memory.
 * Source: the format as of safetensors 0.6, huggingface.co/docs/safetensors.
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { weights } from 'lowrank/recipes'
 * const bytes = weights.writeSafetensors({ 'layer.weight': random.normal([8, 4]) }, { dtype: 'BF16' })
 * const { tensors } = weights.readSafetensors(bytes)
 * tensors.get('layer.weight').read().shape   // [8, 4]
 * ```
 */
export function readSafetensors(bytes: Uint8Array): SafeTensors {
  if (!ArrayBuffer.isView(bytes)) {
    throw new FormatError({ fn: READ, argument: 'bytes', expected: 'a Uint8Array', given: describe(bytes) })
  }
  const file = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const { metadata, entries } = readHeader(file)
  const tensors = new Map<string, StoredTensor>()
  for (const [name, entry] of entries) {
    const { dtype, shape } = entry
    tensors.set(name, { dtype, shape, read: () => decoded(name, entry, file) })
  }
  return { metadata, tensors }
}

function decoded(name: string, { dtype, shape, begin, end }: Entry, file: Uint8Array): Tensor<FloatArray> {
  const argument = `tensor '${name}'`
  const { read } = DTYPES[dtype]!
  if (read === undefined) {
    const expected = `one of ${Object.keys(DTYPES)
      .filter((known) => DTYPES[known]!.read)
      .join(', ')}`
    throw new FormatError({ fn: READ, argument: `${argument}.dtype`, expected, given: dtype })
  }
  // A copy, at the beginning of a buffer of its own: the file's may stand at any byte.
  const numbers = read(new Uint8Array(file.subarray(begin, end)).buffer)
  if (typeof numbers !== 'string') return tensor(numbers, shape)
  throw new FormatError({ fn: READ, argument, expected: 'integers that float64 holds', given: numbers })
}
