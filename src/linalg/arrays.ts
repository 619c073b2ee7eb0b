import ndarray from 'ndarray'
import type { NdArray } from 'ndarray'
import { NotFiniteError, ShapeError, describe } from './errors.js'

// Matrices and tensors are ndarrays over Float64Array or Float32Array, of any strides and offset. Inside,
// a matrix is seen through `Dense`, a bare strided view that the loops and kernels read.

/** What the entries of a matrix or tensor are kept in. */
export type FloatArray = Float64Array | Float32Array

/** A matrix of the library: a 2-D ndarray. Results are contiguous and row-major. */
export type Matrix<D extends FloatArray = Float64Array> = NdArray<D>

/** A tensor of any dimension. */
export type Tensor<D extends FloatArray = Float64Array> = NdArray<D>

/** What is read of a mathjs matrix, dense or sparse: it is recognised by its shape, not imported. */
export interface MathMatrix {
  /** One number for each dimension. */
  size(): number[]
  /** Nested arrays. */
  toArray(): unknown
}

/** A nested array of numbers; for a matrix the rows may be typed arrays. */
export type Nested = readonly (readonly number[] | FloatArray)[]

/** What a function takes where it takes a matrix. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- ndarray's own default for its data
export type MatrixLike = NdArray<any> | Nested | MathMatrix

/** What a function takes where it takes a vector. */
export type VectorLike = ArrayLike<number> | NdArray<FloatArray | number[]>

/** A strided view of a matrix: entry (i, j) is `data[offset + i·rs + j·cs]`. Strides may be negative. */
export interface Dense<D extends FloatArray = FloatArray> {
  readonly data: D
  readonly offset: number
  readonly rows: number
  readonly cols: number
  readonly rs: number
  readonly cs: number
}

/** Wraps row-major data, without a copy. */
export function wrap<D extends FloatArray>(data: D, rows: number, cols: number): Matrix<D> {
  return ndarray(data, [rows, cols], [cols, 1], 0)
}

/** A matrix without entries. */
export const emptyMatrix = (rows: number, cols: number): Matrix => wrap(new Float64Array(0), rows, cols)

/** The strided view of a matrix that has been taken in. */
export function dense<D extends FloatArray>(A: Matrix<D>): Dense<D> {
  const [rows = 0, cols = 0] = A.shape
  const [rs = 0, cs = 0] = A.stride
  return { data: A.data, offset: A.offset, rows, cols, rs, cs }
}

/** The same entries read with rows and columns exchanged. */
export function flip<D extends FloatArray>(A: Dense<D>): Dense<D> {
  return { data: A.data, offset: A.offset, rows: A.cols, cols: A.rows, rs: A.cs, cs: A.rs }
}

/** True where the entries lie one after another, row by row, from the start of their array. */
function isContiguous(A: Dense): boolean {
  return (
    A.offset === 0 &&
    A.data.length === A.rows * A.cols &&
    (A.cs === 1 || A.cols <= 1) &&
    (A.rs === A.cols || A.rows <= 1)
  )
}

/** A row-major float64 copy of the entries. */
export function packed(A: Dense): Float64Array {
  const { data, rows, cols, rs, cs } = A
  if (isContiguous(A)) return Float64Array.from(data)
  const out = new Float64Array(rows * cols)
  for (let i = 0, o = 0; i < rows; i++) {
    let a = A.offset + i * rs
    for (let j = 0; j < cols; j++, a += cs) out[o++] = data[a]!
  }
  return out
}

/** The matrix itself where it is contiguous float64, else such a copy: what `matmat` is handed. */
export function contiguous(A: Matrix<FloatArray>): Matrix {
  const view = dense(A)
  if (A.data instanceof Float64Array && isContiguous(view)) return A as Matrix
  return wrap(packed(view), view.rows, view.cols)
}

/**
 * Takes a matrix in: ndarray, nested array or mathjs matrix. The shape is checked, the entries are not.
 * Never copies a float ndarray.
 */
export function asMatrix(A: unknown, fn: string, argument: string): Matrix<FloatArray> {
  if (isNdArray(A)) {
    if (A.shape.length !== 2) {
      throw new ShapeError({ fn, argument, expected: 'a matrix (2 dimensions)', given: describe(A) })
    }
    checkBounds(A, fn, argument)
    if (A.data instanceof Float64Array || A.data instanceof Float32Array) return A
    return fromReader(A.shape[0]!, A.shape[1]!, (i, j) => Number(A.get(i, j)))
  }
  if (Array.isArray(A)) return fromRows(A, fn, argument)
  if (isMathMatrix(A)) {
    const size = A.size()
    if (size.length !== 2) {
      throw new ShapeError({
        fn,
        argument,
        expected: 'a matrix (2 dimensions)',
        given: `size ${size.join('×')}`,
      })
    }
    if (size[0] === 0 || size[1] === 0) return wrap(new Float64Array(0), size[0]!, size[1]!)
    return fromRows(A.toArray() as unknown[], fn, argument)
  }
  throw new ShapeError({
    fn,
    argument,
    expected: 'a matrix (an ndarray, nested arrays or a mathjs matrix)',
    given: describe(A),
  })
}

/** Takes a tensor of any dimension in, or whatever `asMatrix` takes. Never copies a float ndarray. */
export function asTensor(T: unknown, fn: string, argument: string): Tensor<FloatArray> {
  if (!isNdArray(T) || T.shape.length === 2) return asMatrix(T, fn, argument)
  checkBounds(T, fn, argument)
  return T
}

/** Takes a matrix in and refuses NaN and ±Infinity. */
export function asFiniteMatrix(A: unknown, fn: string, argument: string): Matrix<FloatArray> {
  const M = asMatrix(A, fn, argument)
  checkFinite(dense(M), fn, argument)
  return M
}

/** Takes a vector in as a fresh Float64Array of finite numbers; `length` is checked where given. */
export function asVector(x: unknown, fn: string, argument: string, length?: number): Float64Array {
  let out: Float64Array
  if (isNdArray(x) && x.shape.length === 1) {
    checkBounds(x, fn, argument)
    out = Float64Array.from({ length: x.shape[0]! }, (_, i) => Number(x.get(i)))
  } else if (Array.isArray(x) || (ArrayBuffer.isView(x) && !(x instanceof DataView))) {
    const values = x as ArrayLike<unknown>
    out =
      x instanceof Float64Array || x instanceof Float32Array
        ? new Float64Array(x)
        : Float64Array.from(values, (value) => (typeof value === 'number' ? value : NaN))
  } else {
    throw new ShapeError({ fn, argument, expected: 'a vector of numbers', given: describe(x) })
  }
  if (length !== undefined && out.length !== length) {
    throw new ShapeError({ fn, argument, expected: `a vector of ${length}`, given: `${out.length} numbers` })
  }
  const bad = firstNotFinite(out)
  if (bad >= 0) throw new NotFiniteError({ fn, argument, value: out[bad]!, index: [bad] })
  return out
}

/** The index of the first number that is NaN or ±Infinity, or −1. */
export function firstNotFinite(x: Float64Array): number {
  const all = { data: x, offset: 0, rows: 1, cols: x.length, rs: x.length, cs: 1 }
  return allFinite(all) ? -1 : x.findIndex((value) => !Number.isFinite(value))
}

/** Throws `NotFiniteError` with the index of the first entry that is NaN or ±Infinity. */
export function checkFinite(A: Dense, fn: string, argument: string): void {
  if (allFinite(A)) return
  for (let i = 0; i < A.rows; i++) {
    for (let j = 0; j < A.cols; j++) {
      const value = A.data[A.offset + i * A.rs + j * A.cs]!
      if (!Number.isFinite(value)) throw new NotFiniteError({ fn, argument, value, index: [i, j] })
    }
  }
}

/** True where no entry is NaN or ±Infinity: 0·x is 0 for every finite x and NaN for the others. */
export function allFinite(A: Dense): boolean {
  const V = Math.abs(A.rs) < Math.abs(A.cs) ? flip(A) : A
  const joined = V.cs === 1 && V.rs === V.cols
  const [lines, length] = joined ? [1, V.rows * V.cols] : [V.rows, V.cols]
  const { data, cs } = V
  for (let i = 0; i < lines; i++) {
    let [s0, s1, s2, s3] = [0, 0, 0, 0]
    let a = V.offset + i * V.rs
    let j = 0
    for (; j + 3 < length; j += 4, a += 4 * cs) {
      s0 += 0 * data[a]!
      s1 += 0 * data[a + cs]!
      s2 += 0 * data[a + 2 * cs]!
      s3 += 0 * data[a + 3 * cs]!
    }
    for (; j < length; j++, a += cs) s0 += 0 * data[a]!
    if (s0 + s1 + s2 + s3 !== 0) return false
  }
  return true
}

/** True for what goes in as a vector: an array-like of numbers or a 1-D ndarray. */
export function isVector(x: unknown): boolean {
  if (ArrayBuffer.isView(x)) return true
  if (Array.isArray(x)) return x.length === 0 || typeof x[0] === 'number'
  const shape = (x as { shape?: unknown } | null | undefined)?.shape
  return Array.isArray(shape) && shape.length === 1
}

/** Structural, since two copies of ndarray may meet in one program. */
function isNdArray(A: unknown): A is NdArray<FloatArray> {
  if (A === null || typeof A !== 'object') return false
  const { data, shape, stride, offset } = A as Partial<NdArray<FloatArray>>
  return data !== undefined && Array.isArray(shape) && Array.isArray(stride) && typeof offset === 'number'
}

function isMathMatrix(A: unknown): A is MathMatrix {
  if (A === null || typeof A !== 'object') return false
  const { isMatrix, size, toArray } = A as Partial<MathMatrix & { isMatrix: boolean }>
  return isMatrix === true && typeof size === 'function' && typeof toArray === 'function'
}

function checkBounds(A: NdArray<FloatArray>, fn: string, argument: string): void {
  let low = A.offset
  let high = A.offset
  for (let d = 0; d < A.shape.length; d++) {
    const length = A.shape[d]!
    if (!Number.isInteger(length) || length < 0) {
      throw new ShapeError({ fn, argument, expected: 'side lengths >= 0', given: A.shape.join('×') })
    }
    if (length === 0) return
    const span = (length - 1) * A.stride[d]!
    if (span < 0) low += span
    else high += span
  }
  if (low < 0 || high >= A.data.length) {
    throw new ShapeError({
      fn,
      argument,
      expected: `a view inside its ${A.data.length} numbers`,
      given: `indices ${low} to ${high} (shape ${A.shape.join('×')}, stride ${A.stride.join(', ')}, offset ${A.offset})`,
    })
  }
}

function fromReader(rows: number, cols: number, read: (i: number, j: number) => number): Matrix {
  const data = new Float64Array(rows * cols)
  for (let i = 0, o = 0; i < rows; i++) for (let j = 0; j < cols; j++) data[o++] = read(i, j)
  return wrap(data, rows, cols)
}

function fromRows(A: readonly unknown[], fn: string, argument: string): Matrix {
  const rows = A.length
  const cols = rows === 0 ? 0 : (A[0] as ArrayLike<unknown> | null | undefined)?.length
  if (cols === undefined) {
    throw new ShapeError({ fn, argument, expected: 'nested arrays (rows of numbers)', given: describe(A) })
  }
  const data = new Float64Array(rows * cols)
  for (let i = 0, o = 0; i < rows; i++) {
    const row = A[i] as ArrayLike<unknown> | null | undefined
    if (row === null || typeof row !== 'object' || row.length !== cols) {
      throw new ShapeError({
        fn,
        argument,
        expected: `rows of ${cols} numbers`,
        given: `row ${i}: ${describe(row)}`,
      })
    }
    for (let j = 0; j < cols; j++) {
      const value = row[j]
      if (typeof value !== 'number') {
        throw new ShapeError({
          fn,
          argument,
          expected: 'numbers',
          given: `${describe(value)} at [${i}, ${j}]`,
        })
      }
      data[o++] = value
    }
  }
  return wrap(data, rows, cols)
}

function checkShape(shape: unknown, fn: string): number[] {
  if (
    !Array.isArray(shape) ||
    shape.length === 0 ||
    !shape.every((length) => Number.isInteger(length) && (length as number) >= 0)
  ) {
    throw new ShapeError({ fn, argument: 'shape', expected: 'side lengths >= 0', given: String(shape) })
  }
  return [...(shape as number[])]
}

/** A fresh tensor over data that is already ours. */
export function tensor<D extends FloatArray>(data: D, shape: readonly number[]): Tensor<D> {
  return ndarray(data, [...shape])
}

/** The number of entries of a checked shape. */
export function volume(shape: readonly number[], fn: string): number {
  return checkShape(shape, fn).reduce((product, length) => product * length, 1)
}

/**
 * A matrix from rows, or from row-major numbers and a shape.
 *
 * @param source - nested arrays, a mathjs matrix, an ndarray, or a flat array of numbers with `shape`.
 * A `Float32Array` keeps float32, everything else becomes float64.
 * @returns a contiguous copy. To wrap an array without a copy use `ndarray(data, shape)`.
 * @throws ShapeError where rows differ in length or the numbers do not fill `shape`.
 *
 * @example
 * ```ts
 * import { matrix } from 'lowrank'
 * const A = matrix([[1, 2], [3, 4]])
 * const B = matrix(new Float64Array([1, 2, 3, 4, 5, 6]), [2, 3])
 * ```
 */
export function matrix(source: Float32Array, shape: readonly [number, number]): Matrix<Float32Array>
export function matrix(source: ArrayLike<number>, shape: readonly [number, number]): Matrix
export function matrix(source: MatrixLike): Matrix
export function matrix(
  source: MatrixLike | ArrayLike<number>,
  shape?: readonly [number, number],
): Matrix<FloatArray> {
  if (shape === undefined) {
    const A = dense(asMatrix(source, 'matrix', 'source'))
    return wrap(packed(A), A.rows, A.cols)
  }
  const [rows = 0, cols = 0] = checkShape(shape, 'matrix')
  const numbers = source as ArrayLike<number>
  if (shape.length !== 2 || numbers.length !== rows * cols) {
    throw new ShapeError({
      fn: 'matrix',
      argument: 'source',
      expected: `${shape.join('×')} numbers for a matrix`,
      given: describe(source),
    })
  }
  const data = numbers instanceof Float32Array ? Float32Array.from(numbers) : Float64Array.from(numbers)
  return wrap<FloatArray>(data, rows, cols)
}

/**
 * A float64 tensor of zeros.
 *
 * @example
 * ```ts
 * import { zeros } from 'lowrank'
 * const A = zeros([2, 3])
 * ```
 */
export function zeros(shape: readonly number[]): Tensor {
  return tensor(new Float64Array(volume(shape, 'zeros')), shape)
}

/**
 * The n×n identity.
 *
 * @example
 * ```ts
 * import { eye } from 'lowrank'
 * const I = eye(3)
 * ```
 */
export function eye(n: number): Matrix {
  const I = zeros([n, n])
  for (let i = 0; i < n; i++) I.data[i * n + i] = 1
  return I
}

/**
 * The square matrix with `d` on its diagonal.
 *
 * @example
 * ```ts
 * import { diag } from 'lowrank'
 * const D = diag([1, 2, 3])
 * ```
 */
export function diag(d: VectorLike): Matrix {
  const values = asVector(d, 'diag', 'd')
  const n = values.length
  const D = zeros([n, n])
  for (let i = 0; i < n; i++) D.data[i * n + i] = values[i]!
  return D
}

/**
 * The transpose, as a view that shares the entries of `A` where `A` is an ndarray.
 *
 * @example
 * ```ts
 * import { transpose } from 'lowrank'
 * const At = transpose([[1, 2, 3], [4, 5, 6]])   // 3×2
 * ```
 */
export function transpose<D extends FloatArray>(A: NdArray<D>): Matrix<D>
export function transpose(A: MatrixLike): Matrix
export function transpose(A: MatrixLike): Matrix<FloatArray> {
  return asMatrix(A, 'transpose', 'A').transpose(1, 0)
}

/**
 * The entries as nested arrays, one level per dimension.
 *
 * @example
 * ```ts
 * import { eye, toNested } from 'lowrank'
 * toNested(eye(2))   // [[1, 0], [0, 1]]
 * ```
 */
export function toNested(A: MatrixLike): number[][]
export function toNested(A: MatrixLike | Tensor<FloatArray>): unknown {
  const T = isNdArray(A) ? A : asMatrix(A, 'toNested', 'A')
  checkBounds(T, 'toNested', 'A')
  const read = (d: number, index: number): unknown =>
    d === T.shape.length
      ? T.data[index]
      : Array.from({ length: T.shape[d]! }, (_, i) => read(d + 1, index + i * T.stride[d]!))
  return read(0, T.offset)
}
