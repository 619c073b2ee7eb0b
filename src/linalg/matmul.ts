import { asFiniteMatrix, dense, flip, wrap } from './arrays.js'
import type { Dense, FloatArray, Matrix, MatrixLike } from './arrays.js'
import { ShapeError } from './errors.js'
import { bool, readOptions, withDefault } from './options.js'
import { breath, fromSteps } from './steps.js'
import type { RunOptions, Steps } from './steps.js'

// PLACEHOLDER BODIES: the kernel helper replaces every body below by staged SIMD products and keeps the
// signatures, which denseoperator.ts, qr.ts, rsvd.ts … already use.

/** A·B of strided views. float32 only where both are; no check of entries; row-major contiguous result. */
export function* multiplySteps(A: Dense, B: Dense): Steps<Matrix<FloatArray>> {
  yield* breath()
  const single = A.data instanceof Float32Array && B.data instanceof Float32Array
  const C = single ? new Float32Array(A.rows * B.cols) : new Float64Array(A.rows * B.cols)
  for (let i = 0; i < A.rows; i++) {
    for (let j = 0; j < B.cols; j++) {
      let sum = 0
      for (let k = 0; k < A.cols; k++) {
        sum += A.data[A.offset + i * A.rs + k * A.cs]! * B.data[B.offset + k * B.rs + j * B.cs]!
      }
      C[i * B.cols + j] = sum
    }
  }
  return wrap<FloatArray>(C, A.rows, B.cols)
}

/** A·X and Aᵀ·Y in float64, each block of rows of A staged once. */
export function* bothSteps(A: Dense, X: Dense, Y: Dense): Steps<{ AX: Matrix; AtY: Matrix }> {
  return {
    AX: (yield* multiplySteps(A, X)) as Matrix,
    AtY: (yield* multiplySteps(flip(A), Y)) as Matrix,
  }
}

/** AᵀA·X in float64, each block of rows of A staged once. */
export function* normalSteps(A: Dense, X: Dense): Steps<Matrix> {
  return (yield* multiplySteps(flip(A), dense(yield* multiplySteps(A, X)))) as Matrix
}

export interface MatmulOptions extends RunOptions {
  readonly transA?: boolean | undefined
  readonly transB?: boolean | undefined
}

function* matmulSteps(a: MatrixLike, b: MatrixLike, options?: MatmulOptions): Steps<Matrix<FloatArray>> {
  const fn = 'matmul'
  const { transA, transB } = readOptions(fn, options, {
    transA: withDefault(bool, false),
    transB: withDefault(bool, false),
  })
  const A = dense(asFiniteMatrix(a, fn, 'A'))
  const B = dense(asFiniteMatrix(b, fn, 'B'))
  const [opA, opB] = [transA ? flip(A) : A, transB ? flip(B) : B]
  if (opA.cols !== opB.rows) {
    throw new ShapeError({
      fn,
      argument: 'B',
      expected: `${opA.cols} ${transB ? 'columns' : 'rows'} (A is ${A.rows}×${A.cols}${transA ? ', transposed' : ''})`,
      given: `${B.rows}×${B.cols}`,
    })
  }
  return yield* multiplySteps(opA, opB)
}

/** op(A)·op(B) … doc comment with shapes, dtype rule, errors, cost, example to be written. */
export const matmul: {
  (A: Matrix<Float32Array>, B: Matrix<Float32Array>, options?: MatmulOptions): Matrix<Float32Array>
  (A: MatrixLike, B: MatrixLike, options?: MatmulOptions): Matrix
  async(A: MatrixLike, B: MatrixLike, options?: MatmulOptions): Promise<Matrix>
} = /*#__PURE__*/ fromSteps(matmulSteps, 2) as never

function* gramSteps(a: MatrixLike, options?: RunOptions): Steps<Matrix> {
  readOptions('gram', options, {})
  const A = dense(asFiniteMatrix(a, 'gram', 'A'))
  return (yield* multiplySteps(flip(A), A)) as Matrix
}

/** AᵀA, exactly symmetric … */
export const gram: {
  (A: MatrixLike, options?: RunOptions): Matrix
  async(A: MatrixLike, options?: RunOptions): Promise<Matrix>
} = /*#__PURE__*/ fromSteps(gramSteps, 1) as never
