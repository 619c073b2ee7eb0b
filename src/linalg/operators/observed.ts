import { asFiniteMatrix, asVector, contiguous, volume } from '../arrays.js'
import type { Matrix, MatrixLike } from '../arrays.js'
import { compress } from './csr.js'
import type { Triplets } from './csr.js'
import { ShapeError } from '../errors.js'
import { norm2 } from '../magnitude.js'
import { indexList, operatorFromSteps } from '../operators.js'
import type { AsyncLinearOperator, LinearOperator, ProductSteps } from '../operators.js'
import { rowDotsSteps, rowSolveSteps } from './rowsolves.js'
import { sketchedRowSolveSteps } from './sketchedrowsolves.js'
import { sparseAdjointSteps, sparseBothSteps, sparseProductSteps } from './sparse.js'
import type { SparseRows } from './sparse.js'
import { runSync, wait } from '../steps.js'
import type { Steps } from '../steps.js'
import { STREAM, uniformBlock } from '../random.js'

/** Which unknowns are solved for: a vector for each row, or for each column. */
export type Side = 'rows' | 'cols'

/** What the normal equations of a row are to be solved with. */
export interface RowSolve {
  /** λ ≥ 0 of (FᵀF + λI)·x = Fᵀm. */
  readonly ridge: number
  /** Where given, iterations start here and end where each row's error is `reduction` of what it was. */
  readonly inexact?: InexactSolve
}

/** How rows are solved by iterations from a start, to a part of its error. */
export interface InexactSolve {
  /** A row for each unknown vector. */
  readonly start: Matrix
  /** In (0, 1), in the norm √(|F(x − x*)|² + ridge·|x − x*|²) over the entries of the row, about. */
  readonly reduction: number
  /** Iterations at most. */
  readonly iterations: number
  /** A row with at most `sketch`·k entries is solved directly; a sketch of others, where they need one, has so many rows. */
  readonly sketch: number
  readonly seed: number
}

/** The unknown vectors as rows, and what they took. */
export interface RowSolution {
  /** A row for each vector that was solved for. */
  readonly X: Matrix
  /** Additions and multiplications. */
  readonly flops: number
}

/** What an operand of observed entries does, as steps with breaths. */
export interface ObservedSteps extends ProductSteps {
  solve(side: Side, F: Matrix, how: RowSolve): Steps<RowSolution>
  residual(U: Matrix, V: Matrix): Steps<AnyObservedOperand>
}

interface Entries {
  /** Observed places, each counted once. */
  readonly count: number
  /** Gives back what a residual holds on a device; not called on what the caller handed in. */
  dispose?(): void
}

/**
 * Some entries M[i, j] of a matrix. As an operator it is P(M), the matrix with zeros everywhere else; beside that it
 * solves the least-squares problems of its rows or columns, and takes a product U·Vᵀ off its entries.
 */
export interface ObservedOperand extends LinearOperator, Entries {
  readonly steps?: ObservedSteps
  /**
   * For 'rows' the m × k matrix whose row i minimises Σⱼ (M[i, j] − x·F[j])² + ridge·|x|² over the entries of row i, F
   * being n × k; for 'cols' the same of columns. A row without entries is zero, one of too few gets a ridge of its own.
   */
  solve(side: Side, F: Matrix, how: RowSolve): RowSolution
  /** The same places with M − U·Vᵀ. */
  residual(U: Matrix, V: Matrix): ObservedOperand
  frobeniusNorm(): number
}

/** The same, answering with Promises: entries on a GPU. */
export interface AsyncObservedOperand extends AsyncLinearOperator, Entries {
  readonly steps?: ObservedSteps
  solve(side: Side, F: Matrix, how: RowSolve): Promise<RowSolution>
  residual(U: Matrix, V: Matrix): Promise<AsyncObservedOperand>
  frobeniusNorm(): number | Promise<number>
}

/** Observed entries whose solves answer at once, or by Promises. */
export type AnyObservedOperand = ObservedOperand | AsyncObservedOperand

/** Solves for a vector for each row or column. */
export function* solveRowsOf(
  M: AnyObservedOperand,
  side: Side,
  F: Matrix,
  how: RowSolve,
): Steps<RowSolution> {
  const { X, flops } = M.steps ? yield* M.steps.solve(side, F, how) : yield* wait(M.solve(side, F, how))
  const [rows, k] = [M.shape[side === 'rows' ? 0 : 1], F.shape[1]!]
  const answer = asFiniteMatrix(X, 'solve', 'its answer')
  if (answer.shape[0] !== rows || answer.shape[1] !== k) {
    const expected = `${rows}×${k}`
    throw new ShapeError({ fn: 'solve', argument: 'its answer', expected, given: answer.shape.join('×') })
  }
  return { X: contiguous(answer), flops }
}

/** What `work` makes of the same places with M − U·Vᵀ, which do not outlive it. */
export function* withResidual<T>(
  M: AnyObservedOperand,
  U: Matrix,
  V: Matrix,
  work: (residual: AnyObservedOperand) => Steps<T>,
): Steps<T> {
  const R = yield* residualSteps(M, U, V)
  try {
    return yield* work(R)
  } finally {
    R.dispose?.()
  }
}

function* residualSteps(M: AnyObservedOperand, U: Matrix, V: Matrix): Steps<AnyObservedOperand> {
  if (M.steps) return yield* M.steps.residual(U, V)
  const residual: AnyObservedOperand | Promise<AnyObservedOperand> = M.residual(U, V)
  try {
    return yield* wait(residual)
  } catch (error) {
    // Where the steps end while it is waited for, it may be there, or be there yet.
    Promise.resolve(residual).then(
      (R) => R.dispose?.(),
      () => undefined,
    )
    throw error
  }
}

/** True for what solves normal equations of observed entries. */
export function isObserved(M: unknown): M is AnyObservedOperand {
  const { solve, residual } = M as Partial<AnyObservedOperand>
  return typeof solve === 'function' && typeof residual === 'function'
}

/**
 * Some entries of a matrix as an operand: what `completeMatrix` works on.
 *
 * @param entries - `shape` [m, n] and lists of equal length, in any order: row indices, column indices, values. A place
 * that is given more than once counts once, with the mean of its values.
 * @returns an operator with the observed entries and zeros elsewhere, with `solve` and `residual`.
 * @throws ShapeError for lists of unequal length or indices out of range; NotFiniteError.
 * Cost: sorts |Ω| entries twice, by rows and by columns; 32 bytes for each. `solve` |Ω|k² + mk³/3 flops, or about
 * |Ω|k for each iteration where it is inexact; `residual` 2|Ω|k flops.
 *
 * @example
 * ```ts
 * import { observed } from 'lowrank'
 * const M = observed({ shape: [2, 2], rows: [0, 0, 1], cols: [0, 1, 0], values: [1, 2, 3] })
 * M.frobeniusNorm()   // √14
 * ```
 */
export function observed(entries: Triplets): ObservedOperand {
  return operandOf(observedEntries(entries, 'observed'))
}

/** Entries by rows, the same by columns where they are asked for, and where each of these is among those by rows. */
export interface ObservedEntries {
  readonly byRow: SparseRows
  readonly byCol: () => SparseRows
  readonly origin: Int32Array
}

/** What `observed` takes, checked and sorted on behalf of a function. */
export function observedEntries(entries: Triplets, fn: string): ObservedEntries {
  volume(entries.shape, fn)
  const [m, n] = entries.shape
  const values = asVector(entries.values, fn, 'values')
  const I = indexList(entries.rows, m, 'rows', fn)
  const J = indexList(entries.cols, n, 'cols', fn)
  if (I.length !== values.length || J.length !== values.length) {
    const argument = 'rows, cols, values'
    const given = `${I.length}, ${J.length} and ${values.length}`
    throw new ShapeError({ fn, argument, expected: 'lists of equal length', given })
  }
  return sortedEntries(m, n, I, J, values)
}

/**
 * Within a row, entries lie in an order of columns that is random: a sketch may then take neighbours together, as if it
 * had hashed them.
 */
function sortedEntries(
  m: number,
  n: number,
  I: Int32Array,
  J: Int32Array,
  given: Float64Array,
): ObservedEntries {
  const [rank, column] = shuffled(n, 0)
  const labels = J.map((j) => rank[j]!)
  const sums = compress(m, n, I, labels, given)
  const counts = compress(m, n, I, labels, new Float64Array(given.length).fill(1)).values
  const indices = sums.indices.map((j) => column[j]!)
  const values = sums.values.map((sum, e) => sum / counts[e]!)
  const byRow: SparseRows = { shape: [m, n], pointers: sums.pointers, indices, values }
  const [rowRank, row] = shuffled(m, 1)
  const rowLabels = new Int32Array(indices.length)
  for (let i = 0; i < m; i++) rowLabels.fill(rowRank[i]!, sums.pointers[i], sums.pointers[i + 1])
  const turned = compress(n, m, indices, rowLabels, Float64Array.from(indices.keys()))
  const origin = Int32Array.from(turned.values)
  const places = {
    shape: [n, m],
    pointers: turned.pointers,
    indices: turned.indices.map((i) => row[i]!),
  } as const
  return { byRow, byCol: turnedValues(places, values, origin), origin }
}

/** The entries by columns, once they are asked for. */
function turnedValues(
  places: Omit<SparseRows, 'values'>,
  values: Float64Array,
  origin: Int32Array,
): () => SparseRows {
  let turned: SparseRows | undefined
  return () => {
    if (turned === undefined) {
      const moved = new Float64Array(values.length)
      for (let e = 0; e < values.length; e++) moved[e] = values[origin[e]!]!
      turned = { ...places, values: moved }
    }
    return turned
  }
}

/** Where each of 0 … n − 1 goes, and what comes to each place. */
function shuffled(n: number, which: number): [rank: Int32Array, inverse: Int32Array] {
  const u = uniformBlock({ seed: 0, stream: STREAM.observedOrder, i0: which, i1: which + 1, j0: 0, j1: n })
  const inverse = Int32Array.from({ length: n }, (_, j) => j)
  for (let j = n - 1; j > 0; j--) {
    const other = Math.floor(u[j]! * (j + 1))
    ;[inverse[j], inverse[other]] = [inverse[other]!, inverse[j]!]
  }
  const rank = new Int32Array(n)
  inverse.forEach((j, t) => (rank[j] = t))
  return [rank, inverse]
}

function operandOf({ byRow, byCol, origin }: ObservedEntries): ObservedOperand {
  const steps: ObservedSteps = {
    matmat: (X) => sparseProductSteps(byRow, X),
    rmatmat: (Y) => sparseAdjointSteps(byRow, Y),
    both: (X, Y) => sparseBothSteps(byRow, X, Y),
    // eslint-disable-next-line require-yield -- steps by contract
    *frobeniusNorm() {
      return norm2(byRow.values)
    },
    *solve(side, F, how) {
      const A = side === 'rows' ? byRow : byCol()
      const G = factorOf(F, A.shape[1], 'F', 'solve')
      if (how.inexact === undefined) return yield* rowSolveSteps(A, G, how.ridge)
      return yield* sketchedRowSolveSteps(A, G, how.ridge, how.inexact)
    },
    *residual(U, V) {
      const [u, v] = [
        factorOf(U, byRow.shape[0], 'U', 'residual'),
        factorOf(V, byRow.shape[1], 'V', 'residual'),
      ]
      const values = yield* rowDotsSteps(byRow, u, v)
      for (let e = 0; e < values.length; e++) values[e] = byRow.values[e]! - values[e]!
      const { shape, pointers, indices } = byCol()
      const turned = turnedValues({ shape, pointers, indices }, values, origin)
      return operandOf({ byRow: { ...byRow, values }, byCol: turned, origin })
    },
  }
  const operator = operatorFromSteps(byRow.shape, false, steps) as LinearOperator
  return Object.assign(operator, {
    steps,
    count: byRow.values.length,
    frobeniusNorm: () => norm2(byRow.values),
    solve: (side: Side, F: Matrix, how: RowSolve) => runSync(steps.solve(side, F, how)),
    residual: (U: Matrix, V: Matrix) => runSync(steps.residual(U, V)) as ObservedOperand,
  })
}

/** A thin matrix of so many rows, checked. */
export function factorOf(F: MatrixLike, rows: number, argument: string, fn: string): Matrix {
  const given = asFiniteMatrix(F, fn, argument)
  if (given.shape[0] !== rows) {
    const expected = `a matrix of ${rows} rows`
    throw new ShapeError({ fn, argument, expected, given: given.shape.join('×') })
  }
  return contiguous(given)
}
