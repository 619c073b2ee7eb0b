import { asMatrix, checkFinite, dense, flip, wrap } from '../arrays.js'
import type { Dense, FloatArray, Matrix } from '../arrays.js'
import { multiplySteps } from '../dense/multiply.js'
import { bothSteps, normalSteps } from '../iterative/sweeps.js'
import { frobeniusSteps } from '../magnitude.js'
import { isOperator, operatorFromSteps } from '../operators.js'
import type { AnyOperator, AsyncLinearOperator, LinearOperator, Operand, SyncOperand } from '../operators.js'
import { runSync } from '../steps.js'
import type { Steps } from '../steps.js'

/**
 * Takes an operand in: an operator as it is, a matrix as an operator over its entries (float64 products in
 * row blocks; nothing is copied).
 *
 * @throws NotFiniteError where an entry is NaN or ±Infinity; ShapeError where `A` is neither.
 *
 * @example
 * ```ts
 * import { asOperator, eye } from 'lowrank'
 * asOperator([[1, 2], [3, 4]]).matmat(eye(2))
 * ```
 */
export function asOperator(A: SyncOperand): LinearOperator
export function asOperator(A: AsyncLinearOperator): AsyncLinearOperator
export function asOperator(A: Operand): AnyOperator
export function asOperator(A: Operand): AnyOperator {
  return operandOf(A, 'asOperator', 'A')
}

/** `asOperator` on behalf of another function, which its errors name. */
export const operandOf = (A: unknown, fn: string, argument: string): AnyOperator =>
  runSync(operandSteps(A, fn, argument))

/** The same as steps. */
export function* operandSteps(A: unknown, fn: string, argument: string): Steps<AnyOperator> {
  return isOperator(A) ? A : yield* denseOperatorSteps(asMatrix(A, fn, argument), fn, argument)
}

/**
 * The operator over the entries of a matrix. Products are float64, in row blocks with a breath between
 * them; the entries are read where they lie, whatever their strides. Making it reads A once (entries must
 * be finite); that is not counted as a pass.
 */
function* denseOperatorSteps(
  matrix: Matrix<FloatArray>,
  fn: string,
  argument: string,
): Steps<LinearOperator> {
  const A = dense(matrix)
  const norm = yield* frobeniusSteps(A)
  if (!Number.isFinite(norm)) checkFinite(A, fn, argument)
  /* eslint-disable require-yield -- the optional members are steps by contract */
  return operatorFromSteps([A.rows, A.cols], false, {
    *matmat(X) {
      return (yield* multiplySteps(A, dense(X))) as Matrix
    },
    *rmatmat(Y) {
      return (yield* multiplySteps(flip(A), dense(Y))) as Matrix
    },
    both: (X, Y) => bothSteps(A, dense(X), dense(Y)),
    normal: (X) => normalSteps(A, dense(X)),
    *columns(J) {
      return gather(flip(A), J, true)
    },
    *rows(I) {
      return gather(A, I, false)
    },
    *diagonal() {
      const { data, offset, rs, cs } = A
      return Float64Array.from({ length: Math.min(A.rows, A.cols) }, (_, i) => data[offset + i * (rs + cs)]!)
    },
    *frobeniusNorm() {
      return norm
    },
  }) as LinearOperator
}

/** Rows I of A; written as columns where `transposed`. */
function gather(A: Dense, I: Int32Array, transposed: boolean): Matrix {
  const count = I.length
  const out = new Float64Array(count * A.cols)
  const [step, next] = transposed ? [1, count] : [A.cols, 1]
  for (let t = 0; t < count; t++) {
    const start = A.offset + I[t]! * A.rs
    for (let j = 0; j < A.cols; j++) out[t * step + j * next] = A.data[start + j * A.cs]!
  }
  return transposed ? wrap(out, A.cols, count) : wrap(out, count, A.cols)
}
