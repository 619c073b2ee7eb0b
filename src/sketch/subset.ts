import { mulhi, philox } from '../linalg/random.js'

/**
 * Makes uniformly random subsets of {0, …, size − 1}: `draw(t, out, at)` writes `count` distinct numbers from
 * out[at] on, in no particular order, as a function of (seed, stream, t) alone.
 *
 * Floyd's algorithm (Bentley and Floyd 1987, "A sample of brilliance"): one bounded integer a number. The
 * integers are Lemire's (2019, "Fast random integer generation in an interval"): word w of counter
 * (⌊step/4⌋, t, stream, attempt), rejected with probability below size/2³², when the next attempt is made.
 */
export function subsets(
  count: number,
  size: number,
  seed: number,
  stream: number,
): (t: number, out: Int32Array, at: number) => void {
  const key = [seed >>> 0, Math.floor(seed / 2 ** 32)]
  const counter = new Uint32Array([0, 0, stream, 0])
  const words = new Uint32Array(4)
  const again = new Uint32Array(4)
  // Which draw took a number last, counted from 1: membership without a set.
  const taken = new Float64Array(size)
  let draws = 0

  const bounded = (step: number, bound: number): number => {
    let word = words[step & 3]!
    // The threshold is below the bound; most words are far above both, and the remainder is dear.
    if (Math.imul(word, bound) >>> 0 < bound) {
      const threshold = (2 ** 32 - bound) % bound
      while (Math.imul(word, bound) >>> 0 < threshold) {
        counter[3]!++
        word = philox(counter, key, again)[step & 3]!
      }
      counter[3] = 0
    }
    return mulhi(word, bound) >>> 0
  }

  return (t, out, at) => {
    draws++
    counter[1] = t
    for (let step = 0; step < count; step++) {
      if ((step & 3) === 0) {
        counter[0] = step >>> 2
        philox(counter, key, words)
      }
      const last = size - count + step
      const drawn = bounded(step, last + 1)
      const pick = taken[drawn] === draws ? last : drawn
      taken[pick] = draws
      out[at + step] = pick
    }
  }
}
