import { asVector, wrap } from './arrays.js'
import type { Matrix } from './arrays.js'
import { ShapeError } from './errors.js'
import { norm2 } from './magnitude.js'
import { indexList, operatorFromSteps } from './operators.js'
import type { LinearOperator } from './operators.js'
import { volume } from './arrays.js'
import { breath } from './steps.js'
import type { Steps } from './steps.js'

/** A sparse matrix as its entries: values[e] at (rows[e], cols[e]). Entries at the same place are summed. */
export interface Triplets {
  readonly shape: readonly [number, number]
  readonly rows: ArrayLike<number>
  readonly cols: ArrayLike<number>
  readonly values: ArrayLike<number>
}

/** Compressed sparse rows: row i holds entries pointers[i] … pointers[i + 1] − 1. */
export interface CsrOperator extends LinearOperator {
  readonly nnz: number
  readonly pointers: Int32Array
  readonly indices: Int32Array
  readonly values: Float64Array
}

/** Multiplications between two breaths. */
const STRETCH = 2e6

/**
 * A sparse matrix as an operator, in compressed rows.
 *
 * @param triplets - `shape` [m, n], and lists of equal length: row indices, column indices, values.
 * @returns a `LinearOperator` whose products cost 2·nnz·k flops for k columns, with `both` and `normal` in one sweep.
 * @throws ShapeError for lists of unequal length or indices out of range; NotFiniteError for a value that is
 * NaN or ±Infinity.
 *
 * @example
 * ```ts
 * import { csr, rsvd } from 'lowrank'
 * const A = csr({ shape: [3, 4], rows: [0, 1, 2], cols: [3, 0, 1], values: [5, 2, 1] })
 * rsvd(A, { rank: 1 }).s   // 5
 * ```
 */
export function csr(triplets: Triplets): CsrOperator {
  const fn = 'csr'
  volume(triplets.shape, fn)
  const [m, n] = triplets.shape
  const given = asVector(triplets.values, fn, 'values')
  const nnz = given.length
  const I = indexList(triplets.rows, m, 'rows', fn)
  const J = indexList(triplets.cols, n, 'cols', fn)
  if (I.length !== nnz || J.length !== nnz) {
    throw new ShapeError({
      fn,
      argument: 'rows, cols, values',
      expected: 'lists of equal length',
      given: `${I.length}, ${J.length} and ${nnz}`,
    })
  }
  const { pointers, indices, values } = compress(m, n, I, J, given)
  const sweep = (X: Matrix | undefined, Y: Matrix | undefined): Steps<{ AX: Matrix; AtY: Matrix }> =>
    sweepSteps(m, n, pointers, indices, values, X, Y)
  const operator = operatorFromSteps([m, n], false, {
    *matmat(X) {
      return (yield* sweep(X, undefined)).AX
    },
    *rmatmat(Y) {
      return (yield* sweep(undefined, Y)).AtY
    },
    both: (X, Y) => sweep(X, Y),
    // eslint-disable-next-line require-yield -- steps by contract
    *frobeniusNorm() {
      return norm2(values)
    },
  }) as LinearOperator
  return Object.assign(operator, { nnz: values.length, pointers, indices, values })
}

/** Counting sort by column, then by row: entries end up in order, so equal places are neighbours. */
function compress(
  m: number,
  n: number,
  I: Int32Array,
  J: Int32Array,
  given: Float64Array,
): { pointers: Int32Array; indices: Int32Array; values: Float64Array } {
  const byColumn = countingSort(Int32Array.from(I.keys()), J, n)
  const order = countingSort(byColumn, I, m)
  const pointers = new Int32Array(m + 1)
  const indices = new Int32Array(I.length)
  const values = new Float64Array(I.length)
  let count = 0
  let last = -1
  for (const e of order) {
    const [i, j] = [I[e]!, J[e]!]
    if (last >= 0 && i === I[last]! && j === J[last]!) {
      values[count - 1]! += given[e]!
    } else {
      indices[count] = j
      values[count++] = given[e]!
      pointers[i + 1] = count
    }
    last = e
  }
  for (let i = 1; i <= m; i++) if (pointers[i]! < pointers[i - 1]!) pointers[i] = pointers[i - 1]!
  return { pointers, indices: indices.slice(0, count), values: values.slice(0, count) }
}

/** A stable sort of `order` by `key`, whose values are in [0, size). */
function countingSort(order: Int32Array, key: Int32Array, size: number): Int32Array {
  const start = new Int32Array(size + 1)
  for (const e of order) start[key[e]! + 1]!++
  for (let k = 0; k < size; k++) start[k + 1]! += start[k]!
  const out = new Int32Array(order.length)
  for (const e of order) out[start[key[e]!]!++] = e
  return out
}

/** One sweep over the entries: A·X where X is given, Aᵀ·Y where Y is. */
function* sweepSteps(
  m: number,
  n: number,
  pointers: Int32Array,
  indices: Int32Array,
  values: Float64Array,
  X: Matrix | undefined,
  Y: Matrix | undefined,
): Steps<{ AX: Matrix; AtY: Matrix }> {
  const kx = X?.shape[1] ?? 0
  const ky = Y?.shape[1] ?? 0
  const [x, y] = [X?.data ?? new Float64Array(0), Y?.data ?? new Float64Array(0)]
  const AX = new Float64Array(m * kx)
  const AtY = new Float64Array(n * ky)
  let work = 0
  for (let i = 0; i < m; i++) {
    for (let e = pointers[i]!; e < pointers[i + 1]!; e++) {
      const a = values[e]!
      const j = indices[e]!
      for (let t = 0, to = i * kx, from = j * kx; t < kx; t++) AX[to + t]! += a * x[from + t]!
      for (let t = 0, to = j * ky, from = i * ky; t < ky; t++) AtY[to + t]! += a * y[from + t]!
    }
    work += (pointers[i + 1]! - pointers[i]! + 1) * (kx + ky)
    if (work > STRETCH) {
      work = 0
      yield* breath()
    }
  }
  return { AX: wrap(AX, m, kx), AtY: wrap(AtY, n, ky) }
}
