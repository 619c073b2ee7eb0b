import type { FloatArray } from '../../linalg/arrays.js'
import { BF16, F16, rounded } from './halves.js'

// The element types of safetensors. All of them are little-endian, which is what the kernels take the machine for, too.

/** How an element type is stored and read. */
interface Dtype {
  /** Bits of an element. */
  readonly bits: number
  /** The numbers in a buffer of their own; absent for what has no exact counterpart here. A string says why it fails. */
  read?(buffer: ArrayBuffer): FloatArray | string
}

export const DTYPES: Readonly<Record<string, Dtype>> = {
  F64: { bits: 64, read: (buffer) => new Float64Array(buffer) },
  F32: { bits: 32, read: (buffer) => new Float32Array(buffer) },
  F16: { bits: 16, read: (buffer) => F16.decode(new Uint16Array(buffer)) },
  BF16: { bits: 16, read: (buffer) => BF16.decode(new Uint16Array(buffer)) },
  I64: { bits: 64, read: (buffer) => safeNumbers(new BigInt64Array(buffer)) },
  U64: { bits: 64, read: (buffer) => safeNumbers(new BigUint64Array(buffer)) },
  I32: { bits: 32, read: (buffer) => new Float64Array(new Int32Array(buffer)) },
  U32: { bits: 32, read: (buffer) => new Float64Array(new Uint32Array(buffer)) },
  I16: { bits: 16, read: (buffer) => new Float32Array(new Int16Array(buffer)) },
  U16: { bits: 16, read: (buffer) => new Float32Array(new Uint16Array(buffer)) },
  I8: { bits: 8, read: (buffer) => new Float32Array(new Int8Array(buffer)) },
  U8: { bits: 8, read: (buffer) => new Float32Array(new Uint8Array(buffer)) },
  BOOL: { bits: 8, read: (buffer) => new Float32Array(new Uint8Array(buffer)) },
  C64: { bits: 64 },
  F8_E4M3: { bits: 8 },
  F8_E5M2: { bits: 8 },
  F8_E8M0: { bits: 8 },
  F6_E2M3: { bits: 6 },
  F6_E3M2: { bits: 6 },
  F4: { bits: 4 },
}

function safeNumbers(integers: BigInt64Array | BigUint64Array): Float64Array | string {
  const numbers = new Float64Array(integers.length)
  for (let i = 0; i < numbers.length; i++) {
    numbers[i] = Number(integers[i]!)
    if (!Number.isSafeInteger(numbers[i])) return `${integers[i]!} at ${i}, above 2⁵³ in magnitude`
  }
  return numbers
}

/** What is written. */
export type WrittenDtype = 'F64' | 'F32' | 'F16' | 'BF16'

/** The bytes of numbers rounded to the nearest, or the index of one that is too large. */
export function bytesOf(values: Float64Array, dtype: WrittenDtype): Uint8Array | number {
  const words = wordsOf(values, dtype)
  return typeof words === 'number' ? words : new Uint8Array(words.buffer)
}

function wordsOf(values: Float64Array, dtype: WrittenDtype): FloatArray | Uint16Array | number {
  switch (dtype) {
    case 'F64':
      return values
    case 'F32': {
      const floats = new Float32Array(values)
      for (let i = 0; i < floats.length; i++) if (Math.abs(floats[i]!) === Infinity) return i
      return floats
    }
    case 'F16':
      return rounded(values, F16)
    case 'BF16':
      return rounded(values, BF16)
  }
}
