// Numbers of 16 bits: IEEE's binary16 (F16), and the upper half of a binary32 (BF16).

/** What rounding to a format needs to know. */
export interface Half {
  /** Bits of the significand, the hidden one included. */
  readonly digits: number
  /** The exponent of the smallest normal number. */
  readonly least: number
  /** The largest number. */
  readonly most: number
  decode(words: Uint16Array): Float32Array
  /** The words of numbers of the format that are not negative. */
  encode(numbers: Float32Array): Uint16Array
}

/** 2⁻²⁴, the smallest number of F16. */
const TINY = 2 ** -24
/** The difference of the biases of binary32 and binary16, 127 − 15. */
const BIAS = 112

export const F16: Half = {
  digits: 11,
  least: -14,
  most: 65504,
  decode(words) {
    const [floats, bits] = views(words.length)
    for (let i = 0; i < words.length; i++) {
      const word = words[i]!
      const sign = (word & 0x8000) << 16
      const exponent = (word >> 10) & 31
      const fraction = word & 1023
      if (exponent === 0) floats[i] = sign === 0 ? fraction * TINY : -fraction * TINY
      else if (exponent === 31) bits[i] = sign | 0x7f800000 | (fraction << 13)
      else bits[i] = sign | ((exponent + BIAS) << 23) | (fraction << 13)
    }
    return floats
  },
  encode(numbers) {
    const bits = new Uint32Array(numbers.buffer)
    return Uint16Array.from(numbers, (x, i) => (x < 2 ** -14 ? x / TINY : (bits[i]! >>> 13) - (BIAS << 10)))
  },
}

export const BF16: Half = {
  digits: 8,
  least: -126,
  most: (2 - 2 ** -7) * 2 ** 127,
  decode(words) {
    const [floats, bits] = views(words.length)
    for (let i = 0; i < words.length; i++) bits[i] = words[i]! << 16
    return floats
  },
  encode(numbers) {
    const bits = new Uint32Array(numbers.buffer)
    return Uint16Array.from(bits, (word) => word >>> 16)
  },
}

/** The same 32 bits as numbers and as words. */
function views(length: number): [Float32Array, Uint32Array] {
  const floats = new Float32Array(length)
  return [floats, new Uint32Array(floats.buffer)]
}

/**
 * Numbers rounded to the nearest of a format, to even where two are as near, from all bits of float64 at once. Where
 * one rounds to more than the largest, its index is the answer.
 */
export function rounded(values: Float64Array, half: Half): Uint16Array | number {
  const { digits, least, most } = half
  const floats = new Float32Array(values)
  const bits = new Uint32Array(floats.buffer)
  const signs = Uint16Array.from(bits, (word) => (word >>> 16) & 0x8000)
  // With c = 1.5·2⁵² times the unit in the last place, x + c has no bits below that unit: the sum is rounded as wanted.
  // A binade of float32 that x is rounded up to starts at a number of the format, which x is nearest to either way.
  const c = Float64Array.from({ length: 256 }, (_, e) => 1.5 * 2 ** (53 - digits + Math.max(e - 127, least)))
  for (let i = 0; i < values.length; i++) {
    const shift = c[(bits[i]! >>> 23) & 255]!
    const nearest = Math.abs(values[i]!) + shift - shift
    if (nearest > most) return i
    floats[i] = nearest
  }
  const words = half.encode(floats)
  for (let i = 0; i < words.length; i++) words[i]! |= signs[i]!
  return words
}
