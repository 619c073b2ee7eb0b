import { dense, flip } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { norm2, normsOfColumns } from '../../linalg/magnitude.js'
import type { Shape } from '../../linalg/operators.js'
import { nonNegative, readOptions, withDefault } from '../../linalg/options.js'
import type { Reader } from '../../linalg/options.js'
import type { Subspace } from './subspace.js'
import { axisOf } from './subspace.js'
import { scaledInPlace, zerosOf } from './transform.js'

/** What becomes of G − up(down(G)), the part of the gradient outside the subspace. */
export interface ResidualRule<S = unknown> {
  /** What the rule remembers before the first update. */
  init(shape: Shape): S
  /** What is added to each gradient before it is projected. */
  gathered?(state: S): Matrix
  /** The extra direction, if any, and the next state. `residual` is the rule's to change; absent: it is dropped. */
  use?(residual: Matrix, inside: Inside, state: S): { readonly direction?: Matrix; readonly state: S }
}

/** What happened inside: the projected gradient R and its direction N. */
interface Inside {
  readonly R: Matrix
  readonly N: Matrix
  readonly subspace: Subspace
}

export interface LrScaleOptions {
  /** Of the learning rate outside the subspace. Default 1. */
  readonly lrScale?: number | undefined
}

/** γ >= 1 of the limiter. */
export const limiterReader: Reader<number> = (value, fail) =>
  typeof value === 'number' && value >= 1 ? value : fail('a number >= 1')

const lrScaleOf = (fn: string, options: LrScaleOptions): number =>
  readOptions(fn, options, { lrScale: withDefault(nonNegative, 1) }).lrScale

/** Which rules there are; each is a function of its options. */
export const residuals = {
  /** Dropped, as in GaLore. */
  none: (): ResidualRule => ({ init: () => ({}) }),
  /** lrScale·sign(residual), as in FRUGAL. */
  sign(options: LrScaleOptions = {}): ResidualRule {
    const c = lrScaleOf('residuals.sign', options)
    return {
      init: () => ({}),
      use(residual, _, state) {
        const { data } = residual
        for (let e = 0; e < data.length; e++) data[e] = c * Math.sign(data[e]!)
        return { direction: residual, state }
      },
    }
  },
  /** lrScale·residual. */
  sgd(options: LrScaleOptions = {}): ResidualRule {
    const c = lrScaleOf('residuals.sgd', options)
    return {
      init: () => ({}),
      use: (residual, _, state) => ({ direction: scaledInPlace(residual, c), state }),
    }
  },
  scaled,
  feedback,
}

interface LimiterState {
  /** ‖E‖ of the last update; absent before any. */
  readonly norm?: number
}

/** Keeps a norm of 0 from holding for ever. */
const GUARD = 1e-8

/**
 * The residual, each of its rows (or columns) scaled as the inner transform scaled that of R; its norm grows at most
 * by the factor `limiter` from one update to the next. As in Fira.
 */
function scaled(options: { readonly limiter?: number | undefined } = {}): ResidualRule<LimiterState> {
  const { limiter: gamma } = readOptions('residuals.scaled', options, {
    limiter: withDefault(limiterReader, 1.01),
  })
  return {
    init: () => ({}),
    use(residual, { R, N, subspace }, state) {
      scaleAlong(residual, R, N, axisOf(subspace))
      const norm = norm2(residual.data)
      const growth = state.norm === undefined ? 1 : Math.max(norm / (state.norm + GUARD), gamma) / gamma
      return { direction: scaledInPlace(residual, 1 / growth), state: { norm: norm / growth } }
    },
  }
}

/** E_j·‖N_j‖/‖R_j‖ for rows or columns j; 0 where R_j is 0. */
function scaleAlong(E: Matrix, R: Matrix, N: Matrix, axis: 'rows' | 'columns' | 'all'): void {
  const [m = 0, n = 0] = E.shape
  const [before, after] = [sizes(R, axis), sizes(N, axis)]
  const factors = before.map((size, j) => (size === 0 ? 0 : after[j]! / size))
  for (let i = 0, e = 0; i < m; i++) {
    for (let j = 0; j < n; j++, e++) {
      E.data[e]! *= factors[axis === 'rows' ? i : axis === 'columns' ? j : 0]!
    }
  }
}

function sizes(X: Matrix, axis: 'rows' | 'columns' | 'all'): Float64Array {
  if (axis === 'all') return Float64Array.of(norm2(X.data))
  return normsOfColumns(axis === 'columns' ? dense(X) : flip(dense(X)))
}

/** The residual is kept and added to the next gradient, so that nothing is lost. */
function feedback(): ResidualRule<{ readonly error: Matrix }> {
  return {
    init: (shape) => ({ error: zerosOf(shape) }),
    gathered: ({ error }) => error,
    use: (residual) => ({ state: { error: residual } }),
  }
}
