import { asVector, volume, wrap } from '../arrays.js'
import type { Matrix } from '../arrays.js'
import { ShapeError } from '../errors.js'
import { norm2 } from '../magnitude.js'
import { indexList, operatorFromSteps } from '../operators.js'
import type { LinearOperator } from '../operators.js'
import { sparseAdjointSteps, sparseBothSteps, sparseNormalSteps, sparseProductSteps } from './sparse.js'
import type { SparseRows } from './sparse.js'

/** A sparse matrix as its entries: values[e] at (rows[e], cols[e]). Entries at the same place are summed. */
export interface Triplets {
  readonly shape: readonly [number, number]
  readonly rows: ArrayLike<number>
  readonly cols: ArrayLike<number>
  /** Entry e is values[e] at (rows[e], cols[e]). */
  readonly values: ArrayLike<number>
}

/** Compressed sparse rows: row i holds entries pointers[i] … pointers[i + 1] − 1. */
export interface CsrOperator extends LinearOperator {
  /** How many entries were given, zeros and repeated ones included. */
  readonly nnz: number
  /** m + 1 numbers: row i has the entries from pointers[i] up to pointers[i + 1]. */
  readonly pointers: Int32Array
  /** The column of each entry. */
  readonly indices: Int32Array
  /** The value of each entry. */
  readonly values: Float64Array
}

/**
 * A sparse matrix as an operator, in compressed rows.
 *
 * @param triplets - `shape` [m, n], and lists of equal length: row indices, column indices, values.
 * @returns a `LinearOperator` whose products cost 2·nnz·k flops for k columns, with `both`
 * and `normal` in one sweep; columns, rows and the diagonal cost no product. A product holds its X and its answer
 * in WebAssembly memory too, some columns at a time where they are long.
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
  const A = { shape: [m, n], pointers, indices, values } as const
  /* eslint-disable require-yield -- the optional members are steps by contract */
  const operator = operatorFromSteps([m, n], false, {
    matmat: (X) => sparseProductSteps(A, X),
    rmatmat: (Y) => sparseAdjointSteps(A, Y),
    both: (X, Y) => sparseBothSteps(A, X, Y),
    normal: (X) => sparseNormalSteps(A, X),
    *columns(J) {
      return columns(A, J)
    },
    *rows(I) {
      return rows(A, I)
    },
    *diagonal() {
      return diagonal(A)
    },
    *frobeniusNorm() {
      return norm2(values)
    },
  }) as LinearOperator
  return Object.assign(operator, { nnz: values.length, pointers, indices, values })
}

/** Counting sort by column, then by row: entries end up in order, so equal places are neighbours. */
export function compress(
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

/** The columns J, by one reading of the entries; a column may be asked for more than once. */
function columns({ shape: [m, n], pointers, indices, values }: SparseRows, J: Int32Array): Matrix {
  const C = wrap(new Float64Array(m * J.length), m, J.length)
  // The last place that asks for column j, and for each place the one before it that asks for the same.
  const last = new Int32Array(n).fill(-1)
  const before = J.map((j, t) => {
    const previous = last[j]!
    last[j] = t
    return previous
  })
  for (let i = 0; i < m; i++) {
    for (let e = pointers[i]!; e < pointers[i + 1]!; e++) {
      for (let t = last[indices[e]!]!; t >= 0; t = before[t]!) C.data[i * J.length + t] = values[e]!
    }
  }
  return C
}

function rows({ shape: [, n], pointers, indices, values }: SparseRows, I: Int32Array): Matrix {
  const R = wrap(new Float64Array(I.length * n), I.length, n)
  I.forEach((i, t) => {
    for (let e = pointers[i]!; e < pointers[i + 1]!; e++) R.data[t * n + indices[e]!] = values[e]!
  })
  return R
}

function diagonal({ shape, pointers, indices, values }: SparseRows): Float64Array {
  const d = new Float64Array(Math.min(...shape))
  for (let i = 0; i < d.length; i++) {
    for (let e = pointers[i]!; e < pointers[i + 1]!; e++) if (indices[e] === i) d[i] = values[e]!
  }
  return d
}
