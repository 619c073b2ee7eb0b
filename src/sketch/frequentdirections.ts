import { dense, flip, wrap } from '../linalg/arrays.js'
import type { Matrix } from '../linalg/arrays.js'
import { symmetricEigenSteps } from '../linalg/dense/eigh.js'
import { maxAbs, norm2 } from '../linalg/magnitude.js'
import { multiplySteps } from '../linalg/dense/multiply.js'
import { integer, readOptions } from '../linalg/options.js'
import { powerOfTwo } from '../linalg/dense/reflectors.js'
import { runSync } from '../linalg/steps.js'
import type { Steps } from '../linalg/steps.js'
import { denseSvdSteps } from '../linalg/dense/svd.js'
import { leadingRows, pickedColumns, scaledRows } from '../linalg/thin.js'
import { family, rowReader } from './rowstream.js'
import type { RowStream } from './rowstream.js'

/** The length of the rows that `frequentDirections` takes, and the rows that it keeps. */
export interface FrequentDirectionsOptions {
  /** Numbers of a row. */
  readonly d: number
  /** Rows of the sketch. */
  readonly l: number
}

/** B with 0 <= ‖Ax‖² − ‖Bx‖² <= errorBound for every unit vector x. */
export interface DirectionsSketch {
  /** B, l × d: orthogonal rows, the longest first, zeros where A has had fewer than l directions. */
  readonly sketch: Matrix
  /** Δ >= ‖AᵀA − BᵀB‖₂, certain: at most ‖A − Aₖ‖²_F/(l + 1 − k) for every k <= l, so at most ‖A‖²_F/(l + 1). */
  readonly errorBound: number
  /** ‖A‖_F of the rows seen. */
  readonly norm: number
}

/** A stream of rows that keeps the sketch of Frequent Directions. */
export interface FrequentDirections extends RowStream<DirectionsSketch> {
  /** Rows of the sketch. */
  readonly l: number
  /**
   * Takes in what another stream of the same d and l has seen, which stays as it is; the bounds add up.
   *
   * @throws ShapeError for another d or l; OptionError for anything that is no other such stream.
   */
  merge(other: FrequentDirections): void
}

/** Rows below `filled` count. `delta` and `norm` are roots: squares would overflow first. */
interface State {
  readonly buffer: Float64Array
  readonly filled: number
  readonly delta: number
  readonly norm: number
}

const streams = /*#__PURE__*/ family<State>('frequentDirections')

/**
 * Frequent Directions: a deterministic sketch of a matrix whose rows come one after another, with a certified error,
 * in 2·l·d numbers of memory.
 *
 * @param options - `d` and `l`. Any rank k of A is kept to ‖A − Aₖ‖²_F/(l + 1 − k) in squares, so l is some times the
 * rank that matters; l >= d keeps AᵀA itself, up to rounding.
 * @returns a stream. The bound holds for any order of the rows and any sizes of the blocks; the sketch itself depends
 * on both.
 * @throws OptionError.
 * Cost: each l rows 6l²d flops and the eigenvalues of a 2l × 2l matrix, some 70l³; a thin SVD of 2l × d instead where
 * d < 2l, and for a result.
 * Source: Ghashami, Liberty, Phillips and Woodruff 2016, "Frequent directions: simple and deterministic matrix
 * sketching", algorithm 2 (the fast one) and section 5 (merging).
 *
 * @example
 * ```ts
 * import { frequentDirections, random } from 'lowrank'
 * const stream = frequentDirections({ d: 20, l: 8 })
 * for (let day = 0; day < 5; day++) stream.push(random.normal([100, 20], { seed: day }))
 * const { sketch, errorBound } = stream.result()   // 8 × 20
 * ```
 */
export function frequentDirections(options: FrequentDirectionsOptions): FrequentDirections {
  const fn = 'frequentDirections'
  const { d, l } = readOptions(fn, options, { d: integer(1), l: integer(1) })
  const initial = { buffer: new Float64Array(2 * l * d), filled: 0, delta: 0, norm: 0 }
  const reader = rowReader<State>(fn, d, {
    initial,
    *absorb(state, block) {
      return yield* appendSteps(state, block.data, l, d)
    },
  })
  const stream: FrequentDirections = {
    d,
    l,
    get rows() {
      return reader.rows
    },
    push: reader.push,
    result() {
      const { buffer, delta, norm } = runSync(shrinkSteps(reader.state, l, d))
      return { sketch: wrap(buffer.slice(0, l * d), l, d), errorBound: delta ** 2, norm }
    },
    merge(other) {
      const { state: theirs, rows } = streams.reader(other, stream, ['d', 'l'])
      const { buffer, filled, delta, norm } = theirs
      reader.extend(rows, d, function* (ours) {
        const merged = yield* appendSteps(ours, buffer.subarray(0, filled * d), l, d)
        return { ...merged, delta: Math.hypot(merged.delta, delta), norm: Math.hypot(ours.norm, norm) }
      })
    },
  }
  streams.add(stream, reader)
  return stream
}

/** Rows one buffer's rest at a time; a full buffer is shrunk before the next row comes. */
function* appendSteps(state: State, rows: Float64Array, l: number, d: number): Steps<State> {
  let now = { ...state, norm: Math.hypot(state.norm, norm2(rows)) }
  for (let from = 0; from < rows.length;) {
    if (now.filled === 2 * l) now = yield* (2 * l <= d ? shrinkWideSteps : shrinkSteps)(now, l, d)
    const count = Math.min(rows.length - from, (2 * l - now.filled) * d)
    now.buffer.set(rows.subarray(from, from + count), now.filled * d)
    now = { ...now, filled: now.filled + count / d }
    from += count
  }
  return now
}

/** The l longest directions, each shorter by what the next one has: s² ← s² − s_{l+1}². */
function* shrinkSteps(state: State, l: number, d: number): Steps<State> {
  const { buffer, filled, delta } = state
  const { s, Vt } = yield* denseSvdSteps(dense(wrap(buffer.subarray(0, filled * d), filled, d)), 'thin')
  const { kept, cut } = shortened(s, l)
  return replaced(state, scaledRows(leadingRows(Vt, kept.length), kept), Math.hypot(delta, cut), 2 * l * d)
}

/**
 * The same through the eigenvalues of B·Bᵀ, some three times as fast for a wide B. It squares what is small, and
 * loses nothing by it: squares, to eps·‖B‖², are all that is promised.
 */
function* shrinkWideSteps(state: State, l: number, d: number): Steps<State> {
  const { buffer, filled, delta } = state
  const unit = powerOfTwo(maxAbs(dense(wrap(buffer, 2 * l, d))))
  const rows = buffer.subarray(0, filled * d)
  const B = dense(wrap(unit === 1 ? rows : rows.map((x) => x * unit), filled, d))
  const BBt = yield* multiplySteps(B, flip(B))
  const { values, vectors } = yield* symmetricEigenSteps(dense(BBt), 'full')
  const order = Int32Array.from({ length: filled }, (_, j) => filled - 1 - j)
  const s = Float64Array.from(order, (j) => Math.sqrt(Math.max(0, values[j]!)))
  const { kept, cut } = shortened(s, l)
  const U = dense(pickedColumns(vectors, order.subarray(0, kept.length)))
  const UtB = (yield* multiplySteps(flip(U), B)) as Matrix
  const factors = kept.map((sigma, j) => sigma / s[j]! / unit)
  return replaced(state, scaledRows(UtB, factors), Math.hypot(delta, cut / unit), 2 * l * d)
}

/** √(s² − s_{l+1}²) of the first l values, as far as they are above 0; and s_{l+1}. */
function shortened(s: Float64Array, l: number): { kept: Float64Array; cut: number } {
  const cut = s[l] ?? 0
  const kept = s.subarray(0, l).map((sigma) => {
    const ratio = sigma === 0 ? 1 : cut / sigma
    return sigma * Math.sqrt((1 - ratio) * (1 + ratio))
  })
  return { kept: kept.filter((sigma) => sigma > 0), cut }
}

function replaced(state: State, rows: Matrix, delta: number, room: number): State {
  const buffer = new Float64Array(room)
  buffer.set(rows.data)
  return { ...state, buffer, filled: rows.shape[0]!, delta }
}
