import { wrap, zeros } from '../arrays.js'
import type { Matrix } from '../arrays.js'
import { operandOf } from './denseoperator.js'
import { ShapeError, describe } from '../errors.js'
import { norm2 } from '../magnitude.js'
import { DOUBLE, exactlyMade, operatorFromSteps, precisionOf } from '../operators.js'
import type {
  AnyOperator,
  AsyncLinearOperator,
  LinearOperator,
  Operand,
  ProductSteps,
  SyncOperand,
} from '../operators.js'
import {
  adjointProduct,
  bothProducts,
  columnsOf,
  diagonalOf,
  knownNorm,
  normalProduct,
  offers,
  product,
  rowsOf,
} from '../products.js'
import type { Steps } from '../steps.js'

/** Rows of blocks; `null` is a block of zeros, whose shape its neighbours tell. */
export type Blocks<A> = readonly (readonly (A | null)[])[]

/** One block, and where its first entry stands. */
interface Cell {
  readonly A: AnyOperator
  readonly i: number
  readonly j: number
}

/**
 * The matrix of blocks [[A, B], [C, D]] as an operator; nothing is copied.
 *
 * @param blocks - rows of operands, all rows equally long. Blocks of one row have equally many rows, blocks
 * of one column equally many columns. `null` is a block of zeros; each row and each column has another.
 * @returns a `LinearOperator`, or an `AsyncLinearOperator` where one of the blocks is. It offers `both`,
 * `columns` and `rows` where all blocks do, `normal` where they stand in one column, `diagonal` where the
 * diagonal of the whole is made of theirs, and its norm. Cost: the products of all blocks.
 * @throws ShapeError where the blocks do not fit together; NotFiniteError for NaN or ±Infinity.
 *
 * @example
 * ```ts
 * import { eye, scaled, stacked } from 'lowrank'
 * const A = [[1, 2], [3, 4], [5, 6]]
 * stacked([[A], [scaled(eye(2), 0.1)]]).shape   // [5, 2]: ridge regression as least squares
 * ```
 */
export function stacked(blocks: Blocks<SyncOperand>): LinearOperator
export function stacked(blocks: Blocks<AsyncLinearOperator>): AsyncLinearOperator
export function stacked(blocks: Blocks<Operand>): AnyOperator
export function stacked(blocks: Blocks<Operand>): AnyOperator {
  const { cells, m, n } = laidOut(blocks)
  return operatorOf(cells, m, n)
}

function operatorOf(cells: readonly Cell[], m: number, n: number): AnyOperator {
  const all = (what: keyof ProductSteps): boolean => cells.every(({ A }) => offers(A, what))
  const onDiagonal = cells.filter(({ i, j, A }) => i < j + A.shape[1] && j < i + A.shape[0])
  return operatorFromSteps(
    [m, n],
    cells.some(({ A }) => A.async === true),
    {
      *matmat(X) {
        const AX = zeros([m, X.shape[1]!])
        for (const { A, i, j } of cells) addRows(AX, i, yield* product(A, rowsFrom(X, j, A.shape[1])))
        return AX
      },
      *rmatmat(Y) {
        const AtY = zeros([n, Y.shape[1]!])
        for (const { A, i, j } of cells) addRows(AtY, j, yield* adjointProduct(A, rowsFrom(Y, i, A.shape[0])))
        return AtY
      },
      ...(all('both') && {
        *both(X, Y) {
          const AX = zeros([m, X.shape[1]!])
          const AtY = zeros([n, Y.shape[1]!])
          for (const { A, i, j } of cells) {
            const of = yield* bothProducts(A, rowsFrom(X, j, A.shape[1]), rowsFrom(Y, i, A.shape[0]))
            addRows(AX, i, of.AX)
            addRows(AtY, j, of.AtY)
          }
          return { AX, AtY }
        },
      }),
      ...(all('normal') &&
        cells.every(({ j }) => j === 0) && {
          *normal(X) {
            const AtAX = zeros([n, X.shape[1]!])
            for (const { A } of cells) addRows(AtAX, 0, yield* normalProduct(A, rowsFrom(X, 0, A.shape[1])))
            return AtAX
          },
        }),
      ...(all('columns') && {
        *columns(J) {
          const C = zeros([m, J.length])
          for (const { A, i, j } of cells) {
            const { local, places } = within(J, j, A.shape[1])
            if (places.length > 0) scatterColumns(yield* columnsOf(A, local), C, i, places)
          }
          return C
        },
      }),
      ...(all('rows') && {
        *rows(I) {
          const R = zeros([I.length, n])
          for (const { A, i, j } of cells) {
            const { local, places } = within(I, i, A.shape[0])
            const rows = places.length > 0 ? yield* rowsOf(A, local) : undefined
            places.forEach((place, t) => R.data.set(rowsFrom(rows!, t, 1).data, place * n + j))
          }
          return R
        },
      }),
      ...(onDiagonal.every(({ A, i, j }) => i === j && offers(A, 'diagonal')) && {
        *diagonal() {
          const d = new Float64Array(Math.min(m, n))
          for (const { A, i } of onDiagonal) d.set(yield* diagonalOf(A), i)
          return d
        },
      }),
      ...(all('frobeniusNorm') && { frobeniusNorm: () => normOf(cells) }),
    },
    Math.max(DOUBLE, ...cells.map(({ A }) => precisionOf(A))),
    exactlyMade(
      cells.map(({ A }) => A),
      (exact) =>
        operatorOf(
          cells.map(({ i, j }, t) => ({ A: exact[t]!, i, j })),
          m,
          n,
        ),
    ),
  )
}

function* normOf(cells: readonly Cell[]): Steps<number> {
  const norms: number[] = []
  for (const { A } of cells) norms.push((yield* knownNorm(A))!)
  return norm2(Float64Array.from(norms))
}

/** Where the blocks stand, checked to fit together. */
function laidOut(blocks: Blocks<Operand>): { cells: Cell[]; m: number; n: number } {
  const fn = 'stacked'
  if (!Array.isArray(blocks) || blocks.length === 0 || !blocks.every((row) => Array.isArray(row))) {
    throw new ShapeError({ fn, argument: 'blocks', expected: 'rows of blocks', given: describe(blocks) })
  }
  const count = blocks[0]!.length
  const grid = blocks.map((row, r) => {
    if (row.length === count && count > 0)
      return row.map((A, c) => (A === null ? null : operandOf(A, fn, `blocks[${r}][${c}]`)))
    const expected = count === 0 ? 'a block or more' : `${count} blocks as in the first row`
    throw new ShapeError({ fn, argument: `blocks[${r}]`, expected, given: `${row.length}` })
  })
  const heights = grid.map((row, r) => commonSide(row, 0, (c) => `blocks[${r}][${c}]`))
  const widths = grid[0]!.map((_, c) =>
    commonSide(
      grid.map((row) => row[c]!),
      1,
      (r) => `blocks[${r}][${c}]`,
    ),
  )
  const [tops, lefts] = [starts(heights), starts(widths)]
  const cells = grid.flatMap((row, r) =>
    row.flatMap((A, c) => (A === null ? [] : [{ A, i: tops[r]!, j: lefts[c]! }])),
  )
  return { cells, m: tops.at(-1)!, n: lefts.at(-1)! }
}

/** The side that all blocks of a line share. */
function commonSide(line: readonly (AnyOperator | null)[], side: 0 | 1, name: (t: number) => string): number {
  const first = line.findIndex((A) => A !== null)
  const fault = { fn: 'stacked', argument: name(Math.max(first, 0)) }
  if (first < 0) throw new ShapeError({ ...fault, expected: 'a block in its row and column', given: 'null' })
  const size = line[first]!.shape[side]
  line.forEach((A, t) => {
    if (A === null || A.shape[side] === size) return
    const expected = `${size} ${side === 0 ? 'rows' : 'columns'} as ${name(first)} has`
    throw new ShapeError({ fn: 'stacked', argument: name(t), expected, given: A.shape.join('×') })
  })
  return size
}

/** 0, then the sums of the first, the first two, …, all. */
function starts(sizes: readonly number[]): number[] {
  const out = [0]
  for (const size of sizes) out.push(out.at(-1)! + size)
  return out
}

/** Rows [i, i + count) of a contiguous matrix, where they lie. */
function rowsFrom(X: Matrix, i: number, count: number): Matrix {
  const k = X.shape[1]!
  return wrap(X.data.subarray(i * k, (i + count) * k), count, k)
}

/** Adds X to the rows of `to` from row i on. */
function addRows(to: Matrix, i: number, X: Matrix): void {
  const start = i * to.shape[1]!
  const [x, y] = [X.data, to.data]
  for (let e = 0; e < x.length; e++) y[start + e]! += x[e]!
}

/** The indices that fall into [start, start + size), counted from there, and their places in the list. */
function within(I: Int32Array, start: number, size: number): { local: Int32Array; places: number[] } {
  const places: number[] = []
  I.forEach((i, t) => {
    if (i >= start && i < start + size) places.push(t)
  })
  return { local: Int32Array.from(places, (t) => I[t]! - start), places }
}

/** Copies the columns of C to the columns `places` of `to`, from row i on. */
function scatterColumns(C: Matrix, to: Matrix, i: number, places: readonly number[]): void {
  const [rows = 0, cols = 0] = C.shape
  const width = to.shape[1]!
  for (let r = 0, e = 0; r < rows; r++) {
    for (let t = 0; t < cols; t++) to.data[(i + r) * width + places[t]!] = C.data[e++]!
  }
}
