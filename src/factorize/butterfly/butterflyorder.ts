// Orders in which a butterfly takes its points: x becomes x[order].

/** i with its L bits in reverse. */
export function bitReversal(L: number): Int32Array {
  const n = 2 ** L
  const order = new Int32Array(n)
  for (let i = 1; i < n; i++) order[i] = (order[i >> 1]! >> 1) | ((i & 1) << (L - 1))
  return order
}

/** Even samples, then odd ones backwards, and that bit-reversed: what makes a cosine transform of a Fourier transform. */
export function cosineOrder(L: number): Int32Array {
  const n = 2 ** L
  return bitReversal(L).map((i) => (2 * i < n ? 2 * i : 2 * (n - i) - 1))
}

/** What is done to each block of a size, from n points down to 4: (a) evens before odds, (b) and (c) turn the halves. */
export interface Choice {
  readonly a: boolean
  readonly b: boolean
  readonly c: boolean
}

/** The order that one choice for all sizes makes (Dao et al. 2019, section 3.2). */
export function sharedOrder(L: number, { a, b, c }: Choice): Int32Array {
  let order = Int32Array.from({ length: 2 ** L }, (_, i) => i)
  for (let size = order.length; size >= 4; size /= 2) {
    const half = size / 2
    const within = Int32Array.from({ length: size }, (_, i) => {
      const j = i < half ? (b ? half - 1 - i : i) : c ? size + half - 1 - i : i
      if (!a) return j
      return j < half ? 2 * j : 2 * (j - half) + 1
    })
    order = order.map((_, i) => order[i - (i % size) + within[i % size]!]!)
  }
  return order
}
