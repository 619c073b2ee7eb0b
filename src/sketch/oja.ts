import { dense, flip, wrap } from '../linalg/arrays.js'
import type { Matrix } from '../linalg/arrays.js'
import { OptionError } from '../linalg/errors.js'
import { norm2 } from '../linalg/magnitude.js'
import { multiplySteps } from '../linalg/dense/multiply.js'
import { integer, optional, readOptions, seed, withDefault } from '../linalg/options.js'
import type { Reader } from '../linalg/options.js'
import { orthonormalizeSteps } from '../linalg/dense/qr.js'
import { STREAM, normalBlock } from '../linalg/random.js'
import { runSync } from '../linalg/steps.js'
import type { Steps } from '../linalg/steps.js'
import { orient } from '../linalg/thin.js'
import { rowReader } from './rowstream.js'
import type { RowStream } from './rowstream.js'

/** The directions that `oja` follows, and its steps. */
export interface OjaOptions {
  /** Numbers of a row. */
  readonly d: number
  /** Directions. Default 1. */
  readonly k?: number | undefined
  /** Rows of one step. Default 10. */
  readonly batch?: number | undefined
  /** The step of batch t = 1, 2, …, above 0. Default AdaOja's, which needs to know nothing. */
  readonly rate?: ((t: number) => number) | undefined
  /** An integer in [0, 2⁵³): of the directions that it starts from. Default 0. */
  readonly seed?: number | undefined
}

/** What `oja` has made of the rows seen. */
export interface Oja {
  /** d × k, orthonormal: the top right singular vectors of A, about, or their span. */
  readonly vectors: Matrix
}

interface State {
  readonly V: Matrix
  /** AdaOja's b: the root of the sum of the squared gradients so far. */
  readonly b: number
  readonly steps: number
  /** Rows that wait for a batch to be full. */
  readonly waiting: Float64Array
  readonly filled: number
}

/**
 * Oja's rule for the top right singular vectors of a matrix whose rows come one after another: for each batch of rows,
 * V ← orth(V + η·AᵢᵀAᵢ·V), in 2·d·k numbers of memory and without knowing how many rows will come.
 *
 * By default η = 1/b with b² the sum of ‖AᵢᵀAᵢV‖² so far (AdaOja), which does not depend on the scale of the rows; a
 * rate of c/t with the right c is better where the gap is known. Rows should come in random order.
 *
 * @param options - k > d is refused.
 * @returns a stream; before any row `result` throws an OptionError. A batch that is not full counts in `result`, and
 * goes on being filled.
 * @throws OptionError, also where `rate` answers with what is no number above 0 (that push is then not taken in).
 * Cost: 4·d·k flops a row and about 4·d·k² a batch.
 * Source: Oja 1982; Henriksen and Ward 2019, "AdaOja: adaptive learning rates for streaming PCA", algorithm 1.
 *
 * @example
 * ```ts
 * import { oja, random } from 'lowrank'
 * const stream = oja({ d: 20, k: 2 })
 * stream.push(random.normal([500, 20]))
 * const { vectors } = stream.result()   // 20 × 2
 * ```
 */
export function oja(options: OjaOptions): RowStream<Oja> {
  const plan = readOptions(FN, options, {
    d: integer(1),
    k: withDefault(integer(1), 1),
    batch: withDefault(integer(1), 10),
    rate: optional(rule),
    seed,
  })
  const { d, k, batch } = plan
  if (k > d)
    throw new OptionError({ fn: FN, argument: 'options.k', expected: `at most d = ${d}`, given: `${k}` })
  const start = normalBlock({ seed: plan.seed, stream: STREAM.oja, i0: 0, i1: d, j0: 0, j1: k })
  const initial: State = {
    V: runSync(orthonormalizeSteps(wrap(start, d, k))),
    b: 0,
    steps: 0,
    waiting: new Float64Array(batch * d),
    filled: 0,
  }
  const reader = rowReader<State>(FN, d, {
    initial,
    *absorb(state, { data }) {
      let now = state
      for (let from = 0; from < data.length;) {
        const count = Math.min(data.length - from, (batch - now.filled) * d)
        // A batch that was begun by an earlier push is copied, so that this one can still be undone.
        const waiting = now.waiting.slice()
        waiting.set(data.subarray(from, from + count), now.filled * d)
        now = { ...now, waiting, filled: now.filled + count / d }
        if (now.filled === batch) now = yield* stepSteps(now, plan.rate)
        from += count
      }
      return now
    },
  })
  return {
    d,
    get rows() {
      return reader.rows
    },
    push: reader.push,
    result() {
      if (reader.rows === 0) {
        throw new OptionError({
          fn: `${FN}.result`,
          argument: 'rows',
          expected: 'a row at least',
          given: 'none',
        })
      }
      const { state } = reader
      const { V } = state.filled === 0 ? state : runSync(stepSteps(state, plan.rate))
      const vectors = wrap(V.data.slice(), d, k)
      orient(vectors)
      return { vectors }
    },
  }
}

const FN = 'oja'

const rule: Reader<(t: number) => number> = (value, fail) =>
  typeof value === 'function' ? (value as (t: number) => number) : fail('a function of the step')

/** One batch: V ← orth(V + η·AᵀA·V). */
function* stepSteps(state: State, rate: OjaOptions['rate']): Steps<State> {
  const { V, filled, waiting } = state
  const [d, k] = [V.shape[0]!, V.shape[1]!]
  const steps = state.steps + 1
  const A = dense(wrap(waiting.subarray(0, filled * d), filled, d))
  const AV = yield* multiplySteps(A, dense(V))
  const gradient = (yield* multiplySteps(flip(A), dense(AV))).data as Float64Array
  const size = norm2(gradient)
  const b = Math.hypot(state.b, size)
  const next = { ...state, b, steps, waiting: new Float64Array(waiting.length), filled: 0 }
  if (size === 0) return next
  const eta = rate === undefined ? 1 / b : checkedRate(rate(steps))
  const moved = gradient.map((g, e) => V.data[e]! + eta * g)
  return { ...next, V: yield* orthonormalizeSteps(wrap(moved, d, k)) }
}

function checkedRate(eta: unknown): number {
  if (typeof eta === 'number' && eta > 0 && eta < Infinity) return eta
  const given = typeof eta === 'number' ? String(eta) : typeof eta
  throw new OptionError({ fn: FN, argument: 'options.rate(t)', expected: 'a number above 0', given })
}
