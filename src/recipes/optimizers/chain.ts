import type { Transform } from './transform.js'

/** One transform after the other. */
export function chain<A, B>(first: Transform<A>, second: Transform<B>): Transform<readonly [A, B]> {
  return {
    init: (shape) => [first.init(shape), second.init(shape)],
    *steps(G, [a, b], at) {
      const one = yield* first.steps(G, a, at)
      const two = yield* second.steps(one.direction, b, at)
      return { direction: two.direction, state: [one.state, two.state] }
    },
    carried: ([a, b], move) => [first.carried?.(a, move) ?? a, second.carried?.(b, move) ?? b],
  }
}
