import { asTensor, asVector, firstNotFinite, isVector, tensor } from '../arrays.js'
import type { FloatArray, MatrixLike, Tensor } from '../arrays.js'
import { NotFiniteError, ShapeError, describe } from '../errors.js'

// Transforms run along the last axis: of a vector, of each row of a matrix, of each line of a tensor.

/** What a transform takes that is no vector. */
export type Lined = Tensor<FloatArray> | MatrixLike

/** `count` lines of n numbers each, one after another. */
export interface Lines {
  readonly data: Float64Array
  readonly count: number
  readonly n: number
  readonly shape: readonly number[]
  /** The same shape around other numbers: a vector for a vector. */
  wrap(data: Float64Array): Float64Array | Tensor
}

/** Takes an input in as a copy, refusing NaN and ±Infinity. A 1-D ndarray is a vector. */
export function linesOf(X: unknown, fn: string, argument: string): Lines {
  if (isVector(X)) {
    const data = asVector(X, fn, argument)
    const n = data.length
    return { data, count: Math.min(n, 1), n, shape: [n], wrap: (out) => out }
  }
  const T = asTensor(X, fn, argument)
  const shape = [...T.shape]
  const n = shape.at(-1)
  if (n === undefined) {
    throw new ShapeError({ fn, argument, expected: 'one dimension or more', given: describe(X) })
  }
  const data = packedTensor(T)
  checkNumbers(data, shape, fn, argument)
  return { data, count: n === 0 ? 0 : data.length / n, n, shape, wrap: (out) => tensor(out, shape) }
}

/** A row-major float64 copy of the entries of a tensor of any strides. */
export function packedTensor(T: Tensor<FloatArray>): Float64Array {
  const { data, shape, stride } = T
  const size = shape.reduce((product, length) => product * length, 1)
  const out = new Float64Array(size)
  // Without dimensions there is one entry.
  const [n, step] = [shape.at(-1) ?? 1, stride.at(-1) ?? 0]
  const index = new Array<number>(shape.length).fill(0)
  let at = T.offset
  for (let o = 0; o < size; o += n) {
    for (let i = 0, a = at; i < n; i++, a += step) out[o + i] = data[a]!
    // The next line: the last index but one runs fastest.
    for (let d = shape.length - 2; d >= 0; d--) {
      at += stride[d]!
      if (++index[d]! < shape[d]!) break
      at -= stride[d]! * shape[d]!
      index[d] = 0
    }
  }
  return out
}

export function checkNumbers(
  data: Float64Array,
  shape: readonly number[],
  fn: string,
  argument: string,
): void {
  const bad = firstNotFinite(data)
  if (bad < 0) return
  const index: number[] = []
  for (let d = shape.length - 1, rest = bad; d >= 0; d--) {
    index.unshift(rest % shape[d]!)
    rest = Math.floor(rest / shape[d]!)
  }
  throw new NotFiniteError({ fn, argument, value: data[bad]!, index })
}
