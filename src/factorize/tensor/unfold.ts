import { asFiniteMatrix, dense, firstNotFinite, tensor, volume, wrap } from '../../linalg/arrays.js'
import type { FloatArray, Matrix, MatrixLike, Tensor } from '../../linalg/arrays.js'
import { floatTensor, modeProductSteps } from '../../linalg/operators/densetensor.js'
import { ShapeError } from '../../linalg/errors.js'
import { checkNumbers, packedTensor } from '../../linalg/transforms/lastaxis.js'
import { readOptions } from '../../linalg/options.js'
import { fromSteps } from '../../linalg/steps.js'
import type { RunOptions, Steps } from '../../linalg/steps.js'
import { checkMode, factorOf } from '../../linalg/operators/tensoroperand.js'
import type { TensorLike } from '../../linalg/operators/tensoroperand.js'
import { columnsOf, memoryOrder, runView, unfoldingOf } from '../../linalg/operators/unfolding.js'

/**
 * The mode-n unfolding T₍ₙ₎ of a tensor: row i holds all entries with iₙ = i. Among its columns the first of
 * the other indices runs fastest: column Σ iₖ·Jₖ over k ≠ n, Jₖ the product of the sizes of the modes before
 * k but n.
 *
 * @param T - n₀ × n₁ × …, two modes or more, any strides.
 * @param n - the mode, counted from 0.
 * @returns nₙ × the product of the other sizes, a copy.
 * @throws ShapeError; NotFiniteError for NaN or ±Infinity.
 * Cost: one reading and one writing of the entries.
 * Source: Kolda and Bader 2009, "Tensor decompositions and applications", section 2.4.
 *
 * @example
 * ```ts
 * import { unfold } from 'lowrank'
 * unfold([[1, 2], [3, 4]], 1)   // [[1, 3], [2, 4]]: the transpose
 * ```
 */
export function unfold(T: TensorLike, n: number): Matrix {
  const entries = floatTensor(T, 'unfold', 'T')
  const U = unfoldingOf(entries, checkMode(n, entries.shape, 'unfold'))
  const out = new Float64Array(U.rows * U.cols)
  eachEntry(U.run, U.cols, (r, c0, c1) => {
    const { data, offset, rs, cs } = runView(U, r, 0, U.run)
    columnsOf(U, c0, c1).forEach((column, t) => {
      for (let i = 0, a = offset + t * cs; i < U.rows; i++, a += rs) out[i * U.cols + column] = data[a]!
    })
  })
  checkNumbers(out, [U.rows, U.cols], 'unfold', 'T (unfolded)')
  return wrap(out, U.rows, U.cols)
}

/**
 * The tensor of which M is the mode-n unfolding: `fold(unfold(T, n), n, T.shape)` is T.
 *
 * @param M - shape[n] × the product of the others, any strides.
 * @param n - the mode, counted from 0.
 * @param shape - that of the tensor, two modes or more.
 * @returns a contiguous row-major tensor.
 * @throws ShapeError; NotFiniteError for NaN or ±Infinity. Cost and source: those of `unfold`.
 *
 * @example
 * ```ts
 * import { fold } from 'lowrank'
 * fold([[1, 2, 3, 4], [5, 6, 7, 8]], 0, [2, 2, 2])   // [[[1, 3], [2, 4]], [[5, 7], [6, 8]]]
 * ```
 */
export function fold(M: MatrixLike, n: number, shape: readonly number[]): Tensor {
  const A = dense(asFiniteMatrix(M, 'fold', 'M'))
  const size = volume(shape, 'fold')
  const mode = checkMode(n, shape, 'fold')
  const others = shape.reduce((product, length, k) => (k === mode ? product : product * length), 1)
  if (A.rows !== shape[mode] || A.cols !== others) {
    throw new ShapeError({
      fn: 'fold',
      argument: 'M',
      expected: `the mode-${n} unfolding of ${shape.join('×')}`,
      given: `${A.rows}×${A.cols}`,
    })
  }
  const out = tensor(new Float64Array(size), shape)
  const U = unfoldingOf(out, mode)
  eachEntry(U.run, U.cols, (r, c0, c1) => {
    const { offset, rs, cs } = runView(U, r, 0, U.run)
    columnsOf(U, c0, c1).forEach((column, t) => {
      for (
        let i = 0, o = offset + t * cs, a = A.offset + column * A.cs;
        i < U.rows;
        i++, o += rs, a += A.rs
      ) {
        out.data[o] = A.data[a]!
      }
    })
  })
  return out
}

/** Run number r and its columns, one run after another. */
function eachEntry(run: number, cols: number, visit: (r: number, c0: number, c1: number) => void): void {
  for (let r = 0, c = 0; c < cols; r++, c += run) visit(r, c, c + run)
}

/**
 * The mode product Y = T ×ₙ M, Y₍ₙ₎ = M·T₍ₙ₎: every line of T along mode n is multiplied by M.
 *
 * @param T - n₀ × n₁ × …, two modes or more, any strides.
 * @param M - r × nₙ.
 * @param n - the mode, counted from 0.
 * @returns the tensor with r in the place of nₙ, row-major, float64.
 * @throws ShapeError; NotFiniteError for NaN or ±Infinity, in the product too where it overflows; OptionError.
 * Cost: 2rN flops for the N entries of T, one pass, as batches of matrix products; nothing is unfolded.
 * Source: Kolda and Bader 2009, "Tensor decompositions and applications", section 2.5.
 *
 * @example
 * ```ts
 * import { modeProduct, random } from 'lowrank'
 * modeProduct(random.normal([3, 4, 5]), random.normal([2, 4]), 1)   // 3 × 2 × 5
 * ```
 */
export const modeProduct: {
  (T: TensorLike, M: MatrixLike, n: number, options?: RunOptions): Tensor
  async(T: TensorLike, M: MatrixLike, n: number, options?: RunOptions): Promise<Tensor>
} = /*#__PURE__*/ fromSteps(publicModeProductSteps, 3)

function* publicModeProductSteps(
  T: TensorLike,
  M: MatrixLike,
  n: number,
  options?: RunOptions,
): Steps<Tensor> {
  const fn = 'modeProduct'
  readOptions(fn, options, {})
  const entries: Tensor<FloatArray> = floatTensor(T, fn, 'T')
  const factor = factorOf(M, entries.shape[checkMode(n, entries.shape, fn)]!, fn)
  const product = yield* modeProductSteps(entries, factor, n)
  // NaN or ±Infinity in T or M leaves its mark on the product, unless there is none.
  if (product.size === 0 || factor.size === 0 || firstNotFinite(product.data) >= 0) {
    checkNumbers(packedTensor(entries), entries.shape, fn, 'T')
    asFiniteMatrix(factor, fn, 'M')
    checkNumbers(packedTensor(product), product.shape, fn, 'the product, which overflows')
  }
  const rowMajor = memoryOrder(product.stride).every((k, place) => k === place)
  return rowMajor ? product : tensor(packedTensor(product), product.shape)
}
