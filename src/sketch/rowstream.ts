import { asVector, isVector, wrap } from '../linalg/arrays.js'
import type { Matrix } from '../linalg/arrays.js'
import { operandSteps } from '../linalg/denseoperator.js'
import { OptionError, ShapeError } from '../linalg/errors.js'
import type { AsyncLinearOperator, Operand, SyncOperand } from '../linalg/operators.js'
import { readOptions } from '../linalg/options.js'
import { rowsOf } from '../linalg/products.js'
import { breath, fromSteps } from '../linalg/steps.js'
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
  /** Numbers of a row. */
  readonly d: number
  /** Rows taken in so far. */
  readonly rows: number
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

/** The taking in of rows: `rows` and `push` of a stream, and the state as it is. */
export function rowReader<State>(
  fn: string,
  d: number,
  { absorb, initial }: Memory<State>,
): { rows: number; state: State; readonly push: Push } {
  let busy = false
  const reader = { state: initial, rows: 0, push: fromSteps(pushSteps, 1) as Push }
  return reader

  function* pushSteps(given: Operand | ArrayLike<number>, options?: RunOptions): Steps<void> {
    readOptions(fn, options, {})
    if (busy) {
      const given = 'another push that is not done'
      throw new OptionError({ fn, argument: 'push', expected: 'one push at a time', given })
    }
    busy = true
    try {
      let { state, rows } = reader
      const A = yield* operandSteps(isVector(given) ? asRow(given) : given, fn, 'rows')
      const [m, n] = A.shape
      if (n !== d) {
        throw new ShapeError({ fn, argument: 'rows', expected: `rows of ${d} numbers`, given: `${m}×${n}` })
      }
      const height = Math.max(1, Math.floor(BLOCK / d))
      for (let i = 0; i < m; i += height) {
        const I = Int32Array.from({ length: Math.min(height, m - i) }, (_, t) => i + t)
        state = yield* absorb(state, yield* rowsOf(A, I))
        rows += I.length
        yield* breath()
      }
      Object.assign(reader, { state, rows })
    } finally {
      busy = false
    }
  }

  function asRow(x: unknown): Matrix {
    const row = asVector(x, fn, 'rows')
    return wrap(row, 1, row.length)
  }
}
