import type { Matrix } from '../../linalg/arrays.js'
import type { Shape } from '../../linalg/operators.js'
import type { Steps } from '../../linalg/steps.js'
import { wrap } from '../../linalg/arrays.js'
import type { Gradient } from './leaves.js'
import type { Moment, Rule } from './optimizer.js'

/** From a gradient, whole or projected, to a direction: optax's gradient transformation, for one matrix. */
export interface Transform<S = unknown> {
  /** What the transform remembers before the first update. */
  init(shape: Shape): S
  /** The direction of steepest change as the transform sees it, fresh, and the next state. */
  steps(G: Matrix, state: S, at: Moment): Steps<{ direction: Matrix; state: S }>
  /** The state after the coordinates of G were changed by a linear map; absent where that cannot be done. */
  carried?(state: S, move: (X: Matrix) => Matrix): S
}

/** Entries worked on between two breaths: about two milliseconds. */
export const STRETCH = 2 ** 18

/** The transform of the whole gradient as a rule: W ← W − lr·direction. */
export function wholeGradient<S>(transform: Transform<S>): Rule<S> {
  return {
    init: ({ shape: [m = 0, n = 0] }) => transform.init([m, n]),
    *steps(G: Gradient, state, _, at) {
      const { direction, state: next } = yield* transform.steps(yield* G.entries(), state, at)
      return { update: scaledInPlace(direction, -at.learningRate), state: next }
    },
  }
}

/** c·X in the place of X, for an X that is ours. */
export function scaledInPlace(X: Matrix, c: number): Matrix {
  for (let e = 0; e < X.data.length; e++) X.data[e]! *= c
  return X
}

/** Zeros of the shape of X. */
export const zerosLike = ({ data, shape: [m = 0, n = 0] }: Matrix): Matrix =>
  wrap(new Float64Array(data.length), m, n)

/** Zeros, m × n; without entries too. */
export const zerosOf = ([m, n]: Shape): Matrix => wrap(new Float64Array(m * n), m, n)
