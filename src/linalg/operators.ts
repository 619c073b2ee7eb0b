import { asMatrix, asVector, contiguous } from './arrays.js'
import type { Matrix, MatrixLike } from './arrays.js'
import { ShapeError, describe } from './errors.js'
import type { SketchForm } from './operators/sketchform.js'
import { fromSteps, runAsync, runSync } from './steps.js'
import type { Steps } from './steps.js'

// An operator is the only door to a large matrix: a shape and two block products. What more it can do
// cheaply it may offer; products.ts asks for it, and makes do without.

/** eps of float64 and of float32 */
export const DOUBLE = 2 ** -52
const SINGLE = 2 ** -23

/** The relative rounding of the products of A. */
export const precisionOf = (A: AnyOperator): number =>
  A.precision ?? (A.dtype === 'float32' ? SINGLE : DOUBLE)

/** A in float64: itself where its products are, else the copy that it holds, where it holds one. */
export const exactOf = (A: AnyOperator): AnyOperator | undefined => (precisionOf(A) > DOUBLE ? A.exact : A)

/** `exactOf` for an operator made of others: made of theirs; undefined where one has none, or none needs any. */
export function exactlyMade<T extends AnyOperator>(
  parts: readonly AnyOperator[],
  make: (exact: AnyOperator[]) => T,
): T | undefined {
  if (parts.every((A) => precisionOf(A) <= DOUBLE)) return undefined
  const exact = parts.map(exactOf).filter((A) => A !== undefined)
  return exact.length === parts.length ? make(exact) : undefined
}

/** Rows and columns. */
export type Shape = readonly [rows: number, cols: number]

/** A·X and Aᵀ·Y of one sweep. */
export interface Both {
  readonly AX: Matrix
  readonly AtY: Matrix
}

/** The products of an operator as steps: how one text serves sync and async, with breaths between blocks. */
export interface ProductSteps {
  matmat(X: Matrix): Steps<Matrix>
  rmatmat(Y: Matrix): Steps<Matrix>
  both?(X: Matrix, Y: Matrix): Steps<Both>
  normal?(X: Matrix): Steps<Matrix>
  rowGram?(): Steps<Matrix>
  columns?(J: Int32Array): Steps<Matrix>
  rows?(I: Int32Array): Steps<Matrix>
  diagonal?(): Steps<Float64Array>
  frobeniusNorm?(): Steps<number>
  sketched?(form: SketchForm, adjoint: boolean): Steps<Matrix>
  subspace?(Y: Matrix, iterations: number, mean?: Float64Array): Steps<Matrix>
}

interface Operator {
  /** m × n */
  readonly shape: Shape
  /** What the products are handed; float64 where absent. */
  readonly dtype?: 'float64' | 'float32'
  /** The relative rounding of the products; where absent, 2⁻²³ for dtype 'float32' and 2⁻⁵² else. */
  readonly precision?: number
  /** The products as steps; the library's own operators have them. */
  readonly steps?: ProductSteps
}

/** A matrix on the CPU, known by its products. Matrices are handed over contiguous, row-major, float64. */
export interface LinearOperator extends Operator {
  readonly async?: false
  /** The same matrix in float64, where the products here are rounded to less. Nothing else is asked of it. */
  readonly exact?: LinearOperator
  /** A·X, m × k of n × k. */
  matmat(X: Matrix): Matrix
  /** Aᵀ·Y, n × k of m × k. */
  rmatmat(Y: Matrix): Matrix
  /** A·X and Aᵀ·Y in one sweep over the entries of A. */
  both?(X: Matrix, Y: Matrix): Both
  /** AᵀA·X. */
  normal?(X: Matrix): Matrix
  /** A·Aᵀ, m × m. */
  rowGram?(): Matrix
  /** The columns J, m × |J|. */
  columns?(J: Int32Array): Matrix
  /** The rows I, |I| × n. */
  rows?(I: Int32Array): Matrix
  /** The main diagonal, min(m, n) numbers. */
  diagonal?(): Float64Array
  /** ‖A‖_F, where it is known without products. */
  frobeniusNorm?(): number
  /** S·A, d × n, for the d × m matrix S of this form; S·Aᵀ, d × m, where `adjoint`. */
  sketched?(form: SketchForm, adjoint?: boolean): Matrix
  /**
   * Columns with the range of (C·Cᵀ)^q·Y, m × k of m × k, q being `iterations` and C = A − 1·meanᵀ, or A without a mean;
   * they need not be orthonormal, but what is above the rounding of A's products must have survived.
   */
  subspace?(Y: Matrix, iterations: number, mean?: Float64Array): Matrix
}

/**
 * A result that is an operator and has indices under the names `columns` and `rows`: the methods ask its `steps`.
 */
export interface IndexedOperator extends Omit<LinearOperator, 'columns' | 'rows'> {
  readonly steps: ProductSteps
}

/** The same, answering with Promises: a matrix on a GPU, in a file, on a cluster. */
export interface AsyncLinearOperator extends Operator {
  readonly async: true
  /** The same matrix in float64, where the products here are rounded to less: a copy on the host, say. */
  readonly exact?: AnyOperator
  matmat(X: Matrix): Promise<Matrix>
  rmatmat(Y: Matrix): Promise<Matrix>
  both?(X: Matrix, Y: Matrix): Promise<Both>
  normal?(X: Matrix): Promise<Matrix>
  rowGram?(): Promise<Matrix>
  columns?(J: Int32Array): Promise<Matrix>
  rows?(I: Int32Array): Promise<Matrix>
  diagonal?(): Promise<Float64Array>
  frobeniusNorm?(): number | Promise<number>
  sketched?(form: SketchForm, adjoint?: boolean): Promise<Matrix>
  /**
   * Columns with the range of (C·Cᵀ)^q·Y, m × k of m × k, q being `iterations` and C = A − 1·meanᵀ, or A without a mean;
   * they need not be orthonormal, but what is above the rounding of A's products must have survived.
   */
  subspace?(Y: Matrix, iterations: number, mean?: Float64Array): Promise<Matrix>
}

/** An operator that answers at once, or by Promises. */
export type AnyOperator = LinearOperator | AsyncLinearOperator
/** What a method takes where it answers at once. */
export type SyncOperand = MatrixLike | LinearOperator | IndexedOperator
/** What a method takes. */
export type Operand = SyncOperand | AsyncLinearOperator

/** A method whose first argument is an operand: what it answers with follows the operand. */
export interface Method<Rest extends unknown[], T> {
  (A: SyncOperand, ...rest: Rest): T
  (A: AsyncLinearOperator, ...rest: Rest): Promise<T>
  (A: Operand, ...rest: Rest): T | Promise<T>
  /** The same text run cooperatively: the event loop has its turn at least every 16 ms. */
  async(A: Operand, ...rest: Rest): Promise<T>
}

/** Makes a method of one operand and options from its steps. */
export function method<Rest extends unknown[], T>(
  steps: (A: Operand, ...rest: Rest) => Steps<T>,
): Method<Rest, T> {
  return fromSteps(steps, 1) as Method<Rest, T>
}

/** Makes an operator from products in steps; it is sync or async as `async` says. */
export function operatorFromSteps(
  shape: Shape,
  async: boolean,
  steps: ProductSteps,
  precision = DOUBLE,
  exact?: AnyOperator,
): AnyOperator {
  const take = (X: Matrix, rows: number, name: string, fn: string): Matrix =>
    contiguous(checkedRows(asMatrix(X, fn, name), rows, name, fn))
  const [m, n] = shape
  // What is wrong with an argument is thrown by a sync operator, and rejects the Promise of an async one.
  const run = <T>(product: () => Steps<T>): T | Promise<T> =>
    async ? runAsync(deferred(product)) : runSync(product())
  const operator = {
    shape,
    steps,
    precision,
    ...(exact && { exact }),
    ...(async ? { async } : {}),
    matmat: (X: Matrix) => run(() => steps.matmat(take(X, n, 'X', 'matmat'))),
    rmatmat: (Y: Matrix) => run(() => steps.rmatmat(take(Y, m, 'Y', 'rmatmat'))),
  }
  const { both, normal, rowGram, columns, rows, diagonal, frobeniusNorm, sketched, subspace } = steps
  return Object.assign(
    operator,
    both && {
      both: (X: Matrix, Y: Matrix) =>
        run(() => both.call(steps, take(X, n, 'X', 'both'), take(Y, m, 'Y', 'both'))),
    },
    normal && { normal: (X: Matrix) => run(() => normal.call(steps, take(X, n, 'X', 'normal'))) },
    rowGram && { rowGram: () => run(() => rowGram.call(steps)) },
    columns && {
      columns: (J: Int32Array) => run(() => columns.call(steps, indexList(J, n, 'J', 'columns'))),
    },
    rows && { rows: (I: Int32Array) => run(() => rows.call(steps, indexList(I, m, 'I', 'rows'))) },
    diagonal && { diagonal: () => run(() => diagonal.call(steps)) },
    frobeniusNorm && { frobeniusNorm: () => run(() => frobeniusNorm.call(steps)) },
    sketched && {
      sketched: (form: SketchForm, adjoint = false) =>
        run(() => sketched.call(steps, checkedForm(form, adjoint ? n : m), adjoint)),
    },
    subspace && {
      subspace: (Y: Matrix, iterations: number, mean?: Float64Array) =>
        run(() => subspace.call(steps, take(Y, m, 'Y', 'subspace'), iterations, mean)),
    },
  ) as AnyOperator
}

function* deferred<T>(product: () => Steps<T>): Steps<T> {
  return yield* product()
}

function checkedRows<M extends { shape: number[] }>(X: M, rows: number, argument: string, fn: string): M {
  if (X.shape[0] !== rows) {
    throw new ShapeError({ fn, argument, expected: `a matrix of ${rows} rows`, given: X.shape.join('×') })
  }
  return X
}

function checkedForm(form: SketchForm, columns: number): SketchForm {
  const given = form.shape.join('×')
  if (form.shape[1] === columns) return form
  throw new ShapeError({ fn: 'sketched', argument: 'form', expected: `${columns} columns`, given })
}

/** An index list as Int32Array, each in [0, size). */
export function indexList(I: ArrayLike<number>, size: number, argument: string, fn: string): Int32Array {
  const given = asVector(I, fn, argument)
  const bad = given.findIndex((i) => !Number.isInteger(i) || i < 0 || i >= size)
  if (bad >= 0) {
    throw new ShapeError({
      fn,
      argument,
      expected: `indices in [0, ${size})`,
      given: `${given[bad]} at [${bad}]`,
    })
  }
  return Int32Array.from(given)
}

/** What `operator` takes: products that answer with matrices, or with Promises of them. */
export type OperatorSpec<A extends boolean> = Omit<
  A extends true ? AsyncLinearOperator : LinearOperator,
  'async' | 'steps'
> & { readonly async?: A }

/**
 * An operator from its products: the door to a matrix that is never formed.
 *
 * @param spec - `shape` [m, n]; `matmat(X)` = A·X (m × k) and `rmatmat(Y)` = Aᵀ·Y (n × k), each handed a
 * contiguous row-major ndarray; `async: true` where they answer with Promises; and where they are cheap
 * `both`, `normal`, `rowGram`, `columns`, `rows`, `diagonal`, `frobeniusNorm`. Products rounded to float32 say so by
 * `precision: 2 ** -23`, and may offer the same matrix in float64 as `exact`, for `refine: 'float64'`. What the
 * products answer is checked for shape and finiteness wherever the library uses it.
 * @throws ShapeError where the shape is no pair of integers >= 0 or a product is missing.
 *
 * @example
 * ```ts
 * import { operator, rsvd, zeros } from 'lowrank'
 * const D = operator({                       // diag(1, 1/2, …, 1/1000)
 *   shape: [1000, 1000],
 *   matmat: scaleRows,
 *   rmatmat: scaleRows,
 * })
 * function scaleRows(X) {
 *   const Y = zeros(X.shape)
 *   const k = X.shape[1]
 *   for (let e = 0; e < Y.data.length; e++) Y.data[e] = X.data[e] / (Math.floor(e / k) + 1)
 *   return Y
 * }
 * rsvd(D, { rank: 5 }).s   // 1, 1/2, …, 1/5
 * ```
 */
export function operator(spec: OperatorSpec<true> & { readonly async: true }): AsyncLinearOperator
export function operator(spec: OperatorSpec<false>): LinearOperator
export function operator(spec: OperatorSpec<boolean>): AnyOperator {
  if (!isOperator(spec)) {
    throw new ShapeError({
      fn: 'operator',
      argument: 'spec',
      expected: '{ shape: [m, n], matmat, rmatmat }, m and n integers >= 0',
      given: describe(spec),
    })
  }
  return spec
}

/**
 * True for anything with a shape and both products.
 *
 * @example
 * ```ts
 * import { asOperator, eye, isOperator } from 'lowrank'
 * isOperator(asOperator(eye(2)))   // true
 * isOperator(eye(2))               // false: a matrix is an operand, asOperator makes it an operator
 * ```
 */
export function isOperator(A: unknown): A is AnyOperator {
  if (A === null || typeof A !== 'object') return false
  const { shape, matmat, rmatmat } = A as Partial<AnyOperator>
  return (
    typeof matmat === 'function' &&
    typeof rmatmat === 'function' &&
    Array.isArray(shape) &&
    shape.length === 2 &&
    shape.every((side) => Number.isInteger(side) && side >= 0)
  )
}
