import { asVector, isVector, wrap } from '../linalg/arrays.js'
import type { Matrix } from '../linalg/arrays.js'
import { operandSteps } from '../linalg/operators/denseoperator.js'
import { OptionError, ShapeError, describe } from '../linalg/errors.js'
import type { AsyncLinearOperator, Operand, SyncOperand } from '../linalg/operators.js'
import { readOptions } from '../linalg/options.js'
import { rowsOf } from '../linalg/products.js'
import { breath, fromSteps, runSync } from '../linalg/steps.js'
import type { RunOptions, Steps } from '../linalg/steps.js'

/** Takes rows in: one row as a vector of d numbers, or a block as a matrix or operator of d columns. */
export interface Push {
  /**
   * @throws ShapeError where the rows have not d numbers; NotFiniteError; OptionError while another push is under
   * way; `signal.reason` on an abort. A push that throws has taken nothing in.
   */
  (rows: SyncOperand | ArrayLike<number>, options?: RunOptions): void
  (rows: AsyncLinearOperator, options?: RunOptions): Promise<void>
  async(rows: Operand | ArrayLike<number>, options?: RunOptions): Promise<void>
}

/** Something that reads a matrix row by row and remembers little of it. */
export interface RowStream<Result> {
  /** Numbers of a row; 0 where the first push has yet to say so. */
  readonly d: number
  /** Rows taken in so far. */
  readonly rows: number
  /** Takes rows in. */
  readonly push: Push
  /** What is known so far; pushes may go on after it. */
  result(): Result
}

/** How a stream remembers: states are values, and what `absorb` writes into shares no number with an earlier one. */
export interface Memory<State> {
  /** The state after some more rows, a contiguous block of d columns that may be kept. */
  absorb(state: State, block: Matrix): Steps<State>
  initial: State
}

/** Numbers of a block. */
const BLOCK = 2 ** 16

/** The taking in of rows: what a stream has of it. */
export interface RowReader<State> {
  /** Numbers of a row; 0 until they are known. */
  readonly d: number
  readonly rows: number
  readonly state: State
  readonly push: Push
  /** Puts in what `steps` makes of the state, which has so many rows more. */
  extend(rows: number, d: number, steps: (state: State) => Steps<State>): void
}

/** The taking in of rows of d numbers; of as many as the first push has where d is 0. */
export function rowReader<State>(
  fn: string,
  d: number,
  { absorb, initial }: Memory<State>,
): RowReader<State> {
  let busy = false
  const reader = { state: initial, rows: 0, d, push: fromSteps(pushSteps, 1) as Push, extend }
  return reader

  function* pushSteps(given: Operand | ArrayLike<number>, options?: RunOptions): Steps<void> {
    readOptions(fn, options, {})
    if (busy) throw underWay('push')
    busy = true
    try {
      let { state, rows } = reader
      const A = yield* operandSteps(isVector(given) ? asRow(given) : given, fn, 'rows')
      const [m, n] = A.shape
      if (n === 0 || (reader.d !== 0 && n !== reader.d)) {
        const expected = reader.d === 0 ? 'rows of numbers' : `rows of ${reader.d} numbers`
        throw new ShapeError({ fn, argument: 'rows', expected, given: `${m}×${n}` })
      }
      const height = Math.max(1, Math.floor(BLOCK / n))
      for (let i = 0; i < m; i += height) {
        const I = Int32Array.from({ length: Math.min(height, m - i) }, (_, t) => i + t)
        state = yield* absorb(state, yield* rowsOf(A, I))
        rows += I.length
        yield* breath()
      }
      Object.assign(reader, { state, rows, d: n })
    } finally {
      busy = false
    }
  }

  function extend(rows: number, n: number, steps: (state: State) => Steps<State>): void {
    if (busy) throw underWay('merge')
    const state = runSync(steps(reader.state))
    Object.assign(reader, { state, rows: reader.rows + rows, d: n })
  }

  /** What comes in between would be lost when that push ends. */
  function underWay(argument: string): OptionError {
    const given = 'another push that is not done'
    return new OptionError({ fn, argument, expected: 'one push at a time', given })
  }

  function asRow(x: unknown): Matrix {
    const row = asVector(x, fn, 'rows')
    return wrap(row, 1, row.length)
  }
}

/** The streams of one function and their readers: only they can be merged. */
export function family<State>(fn: string): {
  add(stream: object, reader: RowReader<State>): void
  /** The reader of `other`, which has to be another one of the family, with the same `numbers`. */
  reader<S extends object>(other: S, stream: S, numbers: readonly (keyof S & string)[]): RowReader<State>
} {
  const readers = new WeakMap<object, RowReader<State>>()
  return {
    add: (stream, reader) => void readers.set(stream, reader),
    reader(other, stream, numbers) {
      const where = { fn: `${fn}.merge`, argument: 'other' }
      const theirs = readers.get(other)
      if (theirs === undefined || other === stream) {
        const given = other === stream ? 'itself' : describe(other)
        throw new OptionError({ ...where, expected: 'another such stream', given })
      }
      // 0 is what is not known yet.
      if (numbers.some((name) => other[name] !== stream[name] && other[name] && stream[name])) {
        const shown = (s: typeof other): string =>
          numbers.map((name) => `${name} = ${String(s[name])}`).join(', ')
        throw new ShapeError({ ...where, expected: shown(stream), given: shown(other) })
      }
      return theirs
    },
  }
}
