import { philox } from '../linalg/random.js'
import type { Block } from '../linalg/random.js'

/**
 * Independent signs, ±size: entry (i, j) is bit j mod 128 of the four words of counter (⌊j/128⌋, i, stream),
 * so one block of Philox makes 128 of them.
 */
export function fillSigns(out: Float64Array, { seed, stream, i0, i1, j0, j1 }: Block, size: number): void {
  const key = [seed >>> 0, Math.floor(seed / 2 ** 32)]
  const counter = new Uint32Array([0, 0, stream, 0])
  const words = new Uint32Array(4)
  for (let i = i0, o = 0; i < i1; i++) {
    counter[1] = i
    for (let j = j0; j < j1;) {
      counter[0] = j >>> 7
      philox(counter, key, words)
      const end = Math.min(j1, ((j >>> 7) + 1) * 128)
      while (j < end) {
        // Bits of one word, from j on.
        const word = words[(j >>> 5) & 3]!
        for (const last = Math.min(end, (j | 31) + 1); j < last; j++) {
          out[o++] = (word >>> (j & 31)) & 1 ? size : -size
        }
      }
    }
  }
}

/** `count` signs, ±1, of a stream: a diagonal. */
export function signs(count: number, seed: number, stream: number): Float64Array {
  const out = new Float64Array(count)
  fillSigns(out, { seed, stream, i0: 0, i1: 1, j0: 0, j1: count }, 1)
  return out
}
