// Numbers of 16 bits: IEEE's binary16 (F16), and the upper half of a binary32 (BF16).

/** What rounding to a format needs to know. */
export interface Half {
  /** Bits of the significand, the hidden one included. */
  readonly digits: number
  /** The exponent of the smallest normal number. */
  readonly least: number
  /** The largest number. */
  readonly most: number
  /** What a word means. */
  decode(words: Uint16Array): Float32Array
  /** Adds to each word what stands for the number of the format, >= 0, that has these bits in float32. */
  encode(bits: Uint32Array, words: Uint16Array): void
}

/** The difference of the biases of binary32 and binary16, 127 − 15. */
const BIAS = 112
/** 2⁻¹⁴, the smallest normal number of F16, as bits of float32. */
const NORMAL = (BIAS + 1) << 23
/** 2⁻²⁴, the smallest number of F16. */
const TINY = 2 ** -24

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
      if (exponent === 0) floats[i] = (sign === 0 ? fraction : -fraction) * TINY
      else if (exponent === 31) bits[i] = sign | 0x7f800000 | (fraction << 13)
      else bits[i] = sign | ((exponent + BIAS) << 23) | (fraction << 13)
    }
    return floats
  },
  encode(bits, words) {
    const floats = new Float32Array(bits.buffer)
    for (let i = 0; i < words.length; i++) {
      words[i]! |= bits[i]! < NORMAL ? floats[i]! / TINY : (bits[i]! >>> 13) - (BIAS << 10)
    }
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
  encode(bits, words) {
    for (let i = 0; i < words.length; i++) words[i]! |= bits[i]! >>> 16
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
  const [floats, bits] = views(values.length)
  const words = new Uint16Array(values.length)
  // With c = 1.5·2⁵² times the unit in the last place, x + c has no bits below that unit: the sum is rounded as wanted.
  // A binade of float32 that x is rounded up to starts at a number of the format, which x is nearest to either way.
  const c = new Float64Array(256)
  for (let e = 0; e < 256; e++) c[e] = 1.5 * 2 ** (53 - digits + Math.max(e - 127, least))
  for (let i = 0; i < values.length; i++) {
    const x = values[i]!
    floats[i] = x
    words[i] = (bits[i]! >>> 16) & 0x8000
    const shift = c[(bits[i]! >>> 23) & 255]!
    const nearest = Math.abs(x) + shift - shift
    if (nearest > most) return i
    floats[i] = nearest
  }
  half.encode(bits, words)
  return words
}
