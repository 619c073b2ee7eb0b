import { asFiniteMatrix, dense } from '../arrays.js'
import type { Dense } from '../arrays.js'
import { csr } from '../operators/csr.js'
import type { CsrOperator } from '../operators/csr.js'
import { ShapeError, SingularMatrixError } from '../errors.js'
import { isOperator } from '../operators.js'
import type { SyncOperand } from '../operators.js'
import type { Reader } from '../options.js'

// A = L + D + U, strictly lower, diagonal and strictly upper, as relaxation methods see it. They need entries, so
// what they take is a matrix or compressed rows.

/** The parts of row i: L is entries pointers[i] … below[i] − 1, U is above[i] … pointers[i + 1] − 1. */
export interface Splitting {
  readonly A: CsrOperator
  readonly below: Int32Array
  readonly above: Int32Array
  readonly diagonal: Float64Array
}

/** What relaxation methods take: entries, not products alone. */
export type Entries = Exclude<SyncOperand, { matmat: unknown }> | CsrOperator

/** A relaxation parameter: in (0, 2), where sweeps over a symmetric positive definite matrix converge. */
export const relaxation: Reader<number> = (value, fail) =>
  typeof value === 'number' && value > 0 && value < 2 ? value : fail('a number in (0, 2)')

/** Entries between two breaths: a few milliseconds. */
const STRETCH = 2 ** 21

/** Ranges of rows, in order, of about so many entries each. */
export function rowRanges(
  { A: { shape, nnz } }: Splitting,
  columns = 1,
): readonly [from: number, to: number][] {
  const n = shape[0]
  const rows = Math.max(1, Math.floor((STRETCH * n) / Math.max(1, (nnz + n) * columns)))
  return Array.from({ length: Math.ceil(n / rows) }, (_, t) => [t * rows, Math.min(n, (t + 1) * rows)])
}

export function splittingOf(given: unknown, fn: string): Splitting {
  const A = compressed(given, fn)
  const [n, columns] = A.shape
  if (n !== columns) {
    throw new ShapeError({ fn, argument: 'A', expected: 'a square matrix', given: `${n}×${columns}` })
  }
  const [below, above, diagonal] = [new Int32Array(n), new Int32Array(n), new Float64Array(n)]
  for (let i = 0; i < n; i++) {
    const end = A.pointers[i + 1]!
    let e = A.pointers[i]!
    while (e < end && A.indices[e]! < i) e++
    const there = e < end && A.indices[e] === i
    below[i] = e
    above[i] = there ? e + 1 : e
    diagonal[i] = there ? A.values[e]! : 0
    if (diagonal[i] === 0) {
      const expected = 'a diagonal without zeros'
      throw new SingularMatrixError({ fn, argument: 'A', expected, given: `0 at [${i}, ${i}]`, index: i })
    }
  }
  return { A, below, above, diagonal }
}

function compressed(given: unknown, fn: string): CsrOperator {
  if (!isOperator(given)) return withoutZeros(dense(asFiniteMatrix(given, fn, 'A')))
  if ('pointers' in given && 'indices' in given && 'values' in given) return given as CsrOperator
  throw new ShapeError({
    fn,
    argument: 'A',
    expected: 'a matrix or csr(…), whose entries can be read',
    given: `an operator of shape ${given.shape.join('×')}`,
  })
}

function withoutZeros({ data, offset, rows: m, cols: n, rs, cs }: Dense): CsrOperator {
  const [rows, cols, values]: [number[], number[], number[]] = [[], [], []]
  for (let i = 0; i < m; i++) {
    for (let j = 0, at = offset + i * rs; j < n; j++, at += cs) {
      if (data[at] === 0) continue
      rows.push(i)
      cols.push(j)
      values.push(data[at]!)
    }
  }
  return csr({ shape: [m, n], rows, cols, values })
}
