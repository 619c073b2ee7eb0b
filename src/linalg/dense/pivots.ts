// Products of pivots, and permutations.

/** Π dᵢ times the sign, rounded to 0 or ±Infinity only where the product itself is out of range. */
export function productOf(d: Float64Array, sign: number): number {
  let mantissa = sign
  let exponent = 0
  for (const value of d) {
    if (value === 0) return 0
    const e = Math.max(-1022, Math.min(1023, Math.floor(Math.log2(Math.abs(value)))))
    mantissa *= value / 2 ** e
    exponent += e
    if (Math.abs(mantissa) > 2 ** 500) {
      mantissa *= 2 ** -500
      exponent += 500
    }
  }
  // In two steps, since 2 ** exponent alone may be out of range.
  const half = Math.trunc(Math.max(-4000, Math.min(4000, exponent)) / 2)
  const rest = Math.max(-4000, Math.min(4000, exponent)) - half
  return scaled(scaled(mantissa, half), rest)
}

/** x·2^e for any e. */
function scaled(x: number, e: number): number {
  for (; e > 1000; e -= 1000) x *= 2 ** 1000
  for (; e < -1000; e += 1000) x *= 2 ** -1000
  return x * 2 ** e
}

/** 1 for an even permutation, −1 for an odd one. */
export function signOf(perm: Int32Array): number {
  const seen = new Uint8Array(perm.length)
  let sign = 1
  perm.forEach((_, start) => {
    for (let i = perm[start]!; i !== start && !seen[start]; i = perm[i]!) {
      seen[i] = 1
      sign = -sign
    }
  })
  return sign
}

/** 0, 1, …, n − 1. */
export const identityPermutation = (n: number): Int32Array => Int32Array.from({ length: n }, (_, i) => i)

/** What undoes a permutation. */
export function inverseOf(perm: Int32Array): Int32Array {
  const inverse = new Int32Array(perm.length)
  perm.forEach((i, k) => (inverse[i] = k))
  return inverse
}
