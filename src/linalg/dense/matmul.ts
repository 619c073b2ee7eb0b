import { allFinite, asMatrix, checkFinite, dense, flip } from '../arrays.js'
import type { FloatArray, Matrix, MatrixLike } from '../arrays.js'
import { ShapeError } from '../errors.js'
import { multiplySteps } from './multiply.js'
import { bool, readOptions, withDefault } from '../options.js'
import { fromSteps } from '../steps.js'
import type { RunOptions, Steps } from '../steps.js'

/** Which factors `matmul` takes transposed. */
export interface MatmulOptions extends RunOptions {
  /** Multiply by Aᵀ in place of A. Default false. */
  readonly transA?: boolean | undefined
  /** Multiply by Bᵀ in place of B. Default false. */
  readonly transB?: boolean | undefined
}

/**
 * The product op(A)·op(B), where op(X) is X or Xᵀ.
 *
 * Blocks of both pass through SIMD kernels (the loops of Goto and van de Geijn 2008); no operand is copied
 * whole. Two matrices over Float32Array are multiplied and answered in float32, all else in float64.
 *
 * @param A - op(A) is m × k, any strides.
 * @param B - op(B) is k × n, any strides.
 * @returns m × n.
 * @throws ShapeError where the inner sizes differ; NotFiniteError for NaN or ±Infinity, in the
 * product too where it overflows; OptionError.
 * Cost: 2mnk flops. Memory: beside the result, at most some 30 MB.
 * Accuracy: |error| ≤ k·eps·(|A|·|B|), entry by entry.
 *
 * @example
 * ```ts
 * import { matmul } from 'lowrank'
 * matmul([[1, 2], [3, 4]], [[1, 0], [1, 1]], { transA: true })   // [[4, 3], [6, 4]]
 * ```
 */
export const matmul: {
  (A: Matrix<Float32Array>, B: Matrix<Float32Array>, options?: MatmulOptions): Matrix<Float32Array>
  (A: MatrixLike, B: MatrixLike, options?: MatmulOptions): Matrix
  async(
    A: Matrix<Float32Array>,
    B: Matrix<Float32Array>,
    options?: MatmulOptions,
  ): Promise<Matrix<Float32Array>>
  async(A: MatrixLike, B: MatrixLike, options?: MatmulOptions): Promise<Matrix>
} = /*#__PURE__*/ fromSteps(matmulSteps, 2) as never

function* matmulSteps(a: MatrixLike, b: MatrixLike, options?: MatmulOptions): Steps<Matrix<FloatArray>> {
  const fn = 'matmul'
  const { transA, transB } = readOptions(fn, options, {
    transA: withDefault(bool, false),
    transB: withDefault(bool, false),
  })
  const A = dense(asMatrix(a, fn, 'A'))
  const B = dense(asMatrix(b, fn, 'B'))
  const [opA, opB] = [transA ? flip(A) : A, transB ? flip(B) : B]
  if (opA.cols !== opB.rows) {
    throw new ShapeError({
      fn,
      argument: 'B',
      expected: `${opA.cols} ${transB ? 'columns' : 'rows'} (A is ${A.rows}×${A.cols}${transA ? ', transposed' : ''})`,
      given: `${B.rows}×${B.cols}`,
    })
  }
  const C = yield* multiplySteps(opA, opB)
  // NaN or ±Infinity in A or B leaves its mark on C, and C is quicker to look through.
  if (C.size === 0 || A.cols === 0 || !allFinite(dense(C))) {
    checkFinite(A, fn, 'A')
    checkFinite(B, fn, 'B')
    checkFinite(dense(C), fn, 'the product, which overflows')
  }
  return C
}
