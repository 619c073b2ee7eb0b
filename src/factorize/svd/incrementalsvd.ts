import { contiguous, emptyMatrix, wrap } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { OptionError } from '../../linalg/errors.js'
import { integer, oneOf, optional, readOptions, withDefault } from '../../linalg/options.js'
import { runSync } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { orient } from '../../linalg/thin.js'
import { family, rowReader } from '../../sketch/rowstream.js'
import type { RowStream } from '../../sketch/rowstream.js'
import { compressSteps, leftSteps, nothing } from './compress.js'
import type { Compressed } from './compress.js'
import { DOUBLE } from '../../linalg/operators.js'
import { svdResult } from '../lowrank.js'
import type { Quality, Svd } from '../lowrank.js'

/** How much an incremental SVD keeps. */
export interface IncrementalSvdOptions {
  /** At most this rank; fewer rows or shorter ones have less. */
  readonly rank: number
  /** Directions that are kept in between, at least `rank`. Default 2·rank. */
  readonly keep?: number | undefined
  /** 'both' (default), or 'right': without U, in memory that does not grow. */
  readonly vectors?: 'both' | 'right' | undefined
}

/** What is known for certain of what was left out. */
export interface Ledger {
  /** ‖A‖_F of the rows seen. */
  readonly norm: number
  /** At least ‖A − U·diag(s)·Vt‖₂. */
  readonly spectralBound: number
  /** 0 <= σᵢ(A)² − s[i]² <= valueBound². */
  readonly valueBound: number
}

/** A ≈ U·diag(s)·Vt; `errorEstimate` is the error itself, to rounding. */
export interface IncrementalSvd extends Svd, Ledger {}

/** The same without U: AᵀA ≈ V·diag(s²)·Vt. */
export interface RightSvd extends Quality, Ledger {
  /** Singular values, descending. */
  readonly s: Float64Array
  /** rank × d, orthonormal rows; the entry of largest magnitude of each is positive. */
  readonly Vt: Matrix
}

/** A stream of rows with the SVD of all seen so far. */
export interface IncrementalSvdStream<Result> extends RowStream<Result> {
  /** Whether U is kept too. */
  readonly vectors: 'both' | 'right'
  /**
   * Takes in what another such stream has seen, as rows below those here; it stays as it is.
   *
   * @throws ShapeError where d or `vectors` differ; OptionError for anything that is no other such stream, or while a
   * push is under way.
   */
  merge(other: IncrementalSvdStream<Result>): void
}

/** What is kept, and `filled` rows that came since: a result does not depend on how they were cut into blocks. */
interface State {
  readonly head: Compressed
  readonly tail: Float64Array
  readonly filled: number
}

const FN = 'incrementalSvd'
const streams = /*#__PURE__*/ family<State>(FN)

/**
 * The truncated SVD of a matrix whose rows come one after another, with its exact error.
 *
 * As long as min(rows, d) <= keep nothing is lost, and the result is the truncated SVD of A. Later it is as good as
 * ‖A − Â‖²_F <= ‖A − A_rank‖²_F + rank·valueBound², where A_rank is the best of its rank: nearly optimal where what
 * comes after the `keep` first values is small, and `errorEstimate` and the bounds say so.
 *
 * @param options - `rank`; columns for rows are had by pushing the transpose.
 * @returns a stream; rows have as many numbers as those of the first push. `result` before any row has rank 0. It does
 * not depend on how the rows are cut into pushes, to the bit.
 * @throws OptionError.
 * Cost: about 30·keep·d flops a row, or 8d² where d <= 3·keep, in one pass; some 10·keep·d numbers of memory (20 where
 * d <= 3·keep), and keep more for each row with 'both', whose result takes 2·keep·rank flops for each row.
 * Source: Brand 2006, "Fast low-rank modifications of the thin singular value decomposition", in blocks as by Levy and
 * Lindenbaum 2000, "Sequential Karhunen–Loeve basis extraction". Each block of 2·keep rows or more goes through an SVD together
 * with diag(s)·Vt, in place of a residual of the old basis, which loses its orthogonality with time; U is a product of
 * small factors until it is asked for, in place of an update of all its rows at each block.
 *
 * @example
 * ```ts
 * import { incrementalSvd, random } from 'lowrank'
 * const stream = incrementalSvd({ rank: 5 })
 * for (let day = 0; day < 4; day++) stream.push(random.normal([50, 20], { seed: day }))
 * const { U, s, Vt, errorEstimate } = stream.result()   // 200 × 5, 5, 5 × 20
 * ```
 */
export function incrementalSvd(
  options: IncrementalSvdOptions & { readonly vectors: 'right' },
): IncrementalSvdStream<RightSvd>
export function incrementalSvd(
  options: IncrementalSvdOptions & { readonly vectors?: 'both' | undefined },
): IncrementalSvdStream<IncrementalSvd>
export function incrementalSvd(
  options: IncrementalSvdOptions,
): IncrementalSvdStream<IncrementalSvd> | IncrementalSvdStream<RightSvd>
export function incrementalSvd(
  options: IncrementalSvdOptions,
): IncrementalSvdStream<IncrementalSvd | RightSvd> {
  const { rank, vectors, ...given } = readOptions(FN, options, {
    rank: integer(1),
    keep: optional(integer(1)),
    vectors: withDefault(oneOf('both', 'right'), 'both'),
  })
  const keep = keptRank(FN, rank, given.keep)
  const withLeft = vectors === 'both'
  const empty = new Float64Array(0)
  const reader = rowReader<State>(FN, 0, {
    initial: { head: nothing(0), tail: empty, filled: 0 },
    absorb: (state, { data, shape }) => appendSteps(state, data, shape[1]!),
  })
  const stream: IncrementalSvdStream<IncrementalSvd | RightSvd> = {
    vectors,
    get d() {
      return reader.d
    },
    get rows() {
      return reader.rows
    },
    push: reader.push,
    result: () => runSync(resultSteps()),
    merge(other) {
      const theirs = streams.reader(other, stream, ['d', 'vectors'])
      const { head, tail, filled } = theirs.state
      const d = reader.d || theirs.d
      reader.extend(theirs.rows, d, function* (ours) {
        const below = tail.subarray(0, filled * d)
        if (head.s.length === 0) return yield* appendSteps(ours, below, d)
        const joined = yield* compressSteps([...partsOf(ours, d), head], d, keep, withLeft)
        return yield* appendSteps({ head: joined, tail: empty, filled: 0 }, below, d)
      })
    },
  }
  streams.add(stream, reader)
  return stream

  function* appendSteps(state: State, rows: Float64Array, d: number): Steps<State> {
    let { head, tail, filled } = state
    for (let from = 0; from < rows.length;) {
      if (filled * d === tail.length) {
        head = yield* compressSteps(partsOf({ head, tail, filled }, d), d, keep, withLeft)
        // A new one: an earlier state has the old one, and is the one to go back to where this push fails.
        tail = new Float64Array((blockHeight(keep, d) - head.s.length) * d)
        filled = 0
      }
      const count = Math.min(rows.length - from, tail.length - filled * d)
      tail.set(rows.subarray(from, from + count), filled * d)
      filled += count / d
      from += count
    }
    return { head, tail, filled }
  }

  function* resultSteps(): Steps<IncrementalSvd | RightSvd> {
    const { state, rows, d } = reader
    const whole = yield* compressSteps(partsOf(state, d), d, rank, withLeft)
    const { s, Vt, norm, lost } = whole
    const ledger = { norm, spectralBound: whole.lostMost, valueBound: state.head.lostMost }
    const quality = { passes: 1, errorEstimate: norm === 0 ? 0 : lost / norm, precision: DOUBLE }
    if (!withLeft) {
      const V = contiguous(Vt.transpose(1, 0))
      orient(V)
      const right = { s, Vt: contiguous(V.transpose(1, 0)), rank: s.length }
      return { ...right, ...quality, errorNorm: 'fro', ...ledger }
    }
    const U = whole.left ? yield* leftSteps(whole.left, rows) : emptyMatrix(rows, 0)
    orient(U, Vt)
    return Object.assign(svdResult(U, s, Vt, quality), ledger)
  }
}

/** Rows of one SVD. Short rows are had cheaply by their QR factorization: the more of them, the less for each. */
const blockHeight = (keep: number, d: number): number => Math.max(3 * keep, d <= 3 * keep ? 6 * d : 0)

const partsOf = ({ head, tail, filled }: State, d: number): [Compressed, Matrix] => [
  head,
  wrap(tail.subarray(0, filled * d), filled, d),
]

/** The directions that are kept for a rank. */
export function keptRank(fn: string, rank: number, keep = 2 * rank): number {
  if (keep >= rank) return keep
  throw new OptionError({
    fn,
    argument: 'options.keep',
    expected: `at least rank = ${rank}`,
    given: `${keep}`,
  })
}
