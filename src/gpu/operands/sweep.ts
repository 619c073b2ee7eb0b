import { checkFinite, contiguous, dense, wrap } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { NotFiniteError } from '../../linalg/errors.js'
import { wait } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { paddedTo4 } from '../engines/engine.js'
import type { Engine, Limits } from '../engines/engine.js'
import type { Lease } from './held.js'
import { addScaled, columnExponents, packColumns } from './scale.js'

// How a product with a host's thin matrix X crosses: some columns of X at a time, each times a power of two that
// brings it near 1, go to the device in float32; what comes back is added up in float64, scaled back.

/** Some of the rows or columns of a matrix. */
export interface Range {
  readonly start: number
  readonly count: number
}

/** Rows of a matrix: in a row, or listed. */
export type Rows = Range | Int32Array

const countOf = (rows: Rows): number => ('count' in rows ? rows.count : rows.length)

/** Rows `inner` of X go to the device; row t of what comes back belongs to row t of `outer`, or to row outer[t]. */
export interface Part {
  readonly inner: Rows
  readonly outer: Rows
  /** Rows of zeros that are wanted behind those of X. */
  readonly zeros?: number
  /** Rows of what is made on the way. */
  readonly between?: number
  /** `data` has rows of k numbers, those of `inner` and `zeros`, padded to a multiple of 4; so have the answer's rows. */
  multiply(engine: Engine, data: Float32Array, k: number): Promise<Float32Array>
}

export interface Sweep {
  /** On whose behalf, and what the thin matrix is called. */
  readonly fn: string
  readonly argument: string
  readonly X: Matrix
  /** Rows of the answer. */
  readonly rows: number
  /** The answer is 2^scale times what the parts say. */
  readonly scale: number
  readonly limits: Limits
  readonly parts: readonly Part[]
}

/** The sum of the parts. */
export function* sweepSteps(
  lease: Lease,
  { fn, argument, X: given, rows, scale, limits, parts }: Sweep,
): Steps<Matrix> {
  checkFinite(dense(given), fn, argument)
  const X = contiguous(given)
  const columns = X.shape[1]!
  const out = wrap(new Float64Array(rows * columns), rows, columns)
  const width = panelWidth(parts, limits)
  for (let first = 0; first < columns; first += width) {
    const exponents = columnExponents(X, first, Math.min(width, columns - first))
    for (const part of parts) {
      const { answer, k } = yield* wait(lease.run((engine) => run(engine, part, X, first, exponents)))
      if (!addScaled(answer, k, part.outer, exponents, scale, out, first)) throw notFinite(fn, out)
    }
  }
  return out
}

/** How many columns of X go at one time, such that neither X nor the answer is too large for the device. */
function panelWidth(parts: readonly Part[], limits: Limits): number {
  const longest = parts.reduce(
    (most, part) =>
      Math.max(most, innerRows(part), paddedTo4(Math.max(countOf(part.outer), part.between ?? 0))),
    4,
  )
  return fittingColumns(longest, limits)
}

const innerRows = ({ inner, zeros = 0 }: Part): number => paddedTo4(countOf(inner) + zeros)

/** The most columns of so many rows in one array. */
export function fittingColumns(rows: number, { columns, bytes }: Limits): number {
  return Math.max(4, 8 * Math.floor(Math.min(columns, bytes / 4 / rows) / 8))
}

async function run(
  engine: Engine,
  part: Part,
  X: Matrix,
  first: number,
  exponents: Int32Array,
): Promise<{ answer: Float32Array; k: number }> {
  const k = engine.paddedColumns(exponents.length)
  const data = new Float32Array(innerRows(part) * k)
  packColumns(X, part.inner, first, exponents, data, k)
  return { answer: await part.multiply(engine, data, k), k }
}

/** A number of the answer that float64 cannot hold. */
export function notFinite(fn: string, out: Matrix): NotFiniteError {
  const at = out.data.findIndex((x) => !Number.isFinite(x))
  const cols = out.shape[1]!
  const index = [Math.floor(at / cols), at % cols]
  return new NotFiniteError({ fn, argument: 'its answer', value: out.data[at]!, index })
}
