import { NotFiniteError } from '../../linalg/errors.js'
import type { Matrix } from '../../linalg/arrays.js'
import { positive, readOptions, withDefault } from '../../linalg/options.js'
import { breath } from '../../linalg/steps.js'
import { decay } from './optimizer.js'
import { STRETCH, zerosLike, zerosOf } from './transform.js'
import type { Transform } from './transform.js'

/** The running averages of Adam. */
export interface AdamOptions {
  /** Of the running mean of gradients, in [0, 1). Default 0.9. */
  readonly b1?: number | undefined
  /** Of the running mean of their squares, in [0, 1). Default 0.999. */
  readonly b2?: number | undefined
  /** ε > 0, added to the root. */
  readonly eps?: number | undefined
}

export interface AdamState {
  readonly count: number
  /** Means of gradients and of their squares, each 0 at first. */
  readonly mu: Matrix
  readonly nu: Matrix
}

export const adamReaders = (eps: number) => ({
  b1: decay(0.9),
  b2: decay(0.999),
  eps: withDefault(positive, eps),
})

/** Adam's direction: mean gradient ÷ (root mean square gradient + ε), both corrected for their start at 0. */
export function adam(options: AdamOptions = {}): Transform<AdamState> {
  const { b1, b2, eps } = readOptions('inner.adam', options, adamReaders(1e-8))
  return {
    init: (shape) => ({ count: 0, mu: zerosOf(shape), nu: zerosOf(shape) }),
    *steps(G, state, at) {
      const count = state.count + 1
      const [mu, nu, direction] = [zerosLike(G), zerosLike(G), zerosLike(G)]
      const [c1, c2] = [1 / (1 - b1 ** count), 1 / (1 - b2 ** count)]
      const [g, m0, v0] = [G.data, state.mu.data, state.nu.data]
      const [m1, v1, d] = [mu.data, nu.data, direction.data]
      let mark = 0
      for (let from = 0; from < g.length; from += STRETCH) {
        const to = Math.min(g.length, from + STRETCH)
        for (let e = from; e < to; e++) {
          const x = g[e]!
          const m = b1 * m0[e]! + (1 - b1) * x
          const v = b2 * v0[e]! + (1 - b2) * x * x
          m1[e] = m
          v1[e] = v
          d[e] = (m * c1) / (Math.sqrt(v * c2) + eps)
          mark += 0 * v
        }
        yield* breath()
      }
      checkSquares(mark, at)
      return { direction, state: { count, mu, nu } }
    },
    carried: ({ count, mu, nu }, move) => ({ count, mu: move(mu), nu: move(nu) }),
  }
}

/** `mark` is a sum of 0·v: NaN where a mean of squares has overflowed. */
export function checkSquares(mark: number, { fn, argument }: { fn: string; argument: string }): void {
  if (mark === 0) return
  throw new NotFiniteError({
    fn,
    argument: `${argument}, whose squares overflow`,
    value: Infinity,
    index: [],
  })
}
