import { asMatrix, asVector, checkFinite, contiguous, dense, eye, packed, wrap } from './arrays.js'
import type { Matrix } from './arrays.js'
import { ShapeError } from './errors.js'
import type { AnyOperator, Both, ProductSteps } from './operators.js'
import type { SketchForm } from './operators/sketchform.js'
import { wait } from './steps.js'
import type { Steps } from './steps.js'

// What methods ask of an operator, as steps. Each answer is checked once, here, for shape and finiteness;
// what an operator does not offer is had through its two products.

/** A·X. */
export function* product(A: AnyOperator, X: Matrix): Steps<Matrix> {
  const given = handed(A, X)
  const AX = A.steps ? yield* A.steps.matmat(given) : yield* wait(A.matmat(given))
  return answer(AX, A.shape[0], X.shape[1]!, 'matmat', A.steps !== undefined)
}

/** Aᵀ·Y. */
export function* adjointProduct(A: AnyOperator, Y: Matrix): Steps<Matrix> {
  const given = handed(A, Y)
  const AtY = A.steps ? yield* A.steps.rmatmat(given) : yield* wait(A.rmatmat(given))
  return answer(AtY, A.shape[1], Y.shape[1]!, 'rmatmat', A.steps !== undefined)
}

/** True where the operator itself can do what is asked, cheaper than through its two products. */
export const offers = (A: AnyOperator, what: keyof ProductSteps): boolean =>
  (A.steps ?? A)[what] !== undefined

/** True where `bothProducts` sweeps A once. */
export const hasBoth = (A: AnyOperator): boolean => offers(A, 'both')

/** A·X and Aᵀ·Y: one pass where the operator has `both`, else two. */
export function* bothProducts(A: AnyOperator, X: Matrix, Y: Matrix): Steps<Both> {
  if (!hasBoth(A)) return { AX: yield* product(A, X), AtY: yield* adjointProduct(A, Y) }
  const [x, y] = [handed(A, X), handed(A, Y)]
  const { AX, AtY } = A.steps ? yield* A.steps.both!(x, y) : yield* wait(A.both!(x, y))
  return {
    AX: answer(AX, A.shape[0], X.shape[1]!, 'both', A.steps !== undefined),
    AtY: answer(AtY, A.shape[1], Y.shape[1]!, 'both', A.steps !== undefined),
  }
}

/** AᵀA·X: one pass where the operator has `normal`, else two. */
export function* normalProduct(A: AnyOperator, X: Matrix): Steps<Matrix> {
  if (!offers(A, 'normal')) return yield* adjointProduct(A, yield* product(A, X))
  const given = handed(A, X)
  const AtAX = A.steps ? yield* A.steps.normal!(given) : yield* wait(A.normal!(given))
  return answer(AtAX, A.shape[1], X.shape[1]!, 'normal', A.steps !== undefined)
}

/** Columns with the range of (C·Cᵀ)^q·Y, C = A or A − 1·meanᵀ, by an operator that offers it. */
export function* subspaceIteration(A: AnyOperator, Y: Matrix, q: number, mean?: Float64Array): Steps<Matrix> {
  const given = handed(A, Y)
  const Q = A.steps ? yield* A.steps.subspace!(given, q, mean) : yield* wait(A.subspace!(given, q, mean))
  return answer(Q, A.shape[0], Y.shape[1]!, 'subspace', A.steps !== undefined)
}

/** A·Aᵀ, m × m, of few rows: where the operator has `rowGram` no matrix with its long side is made. */
export function* rowGram(A: AnyOperator): Steps<Matrix> {
  const m = A.shape[0]
  if (!offers(A, 'rowGram')) return yield* product(A, yield* adjointProduct(A, eye(m)))
  const AAt = A.steps ? yield* A.steps.rowGram!() : yield* wait(A.rowGram!())
  return answer(AAt, m, m, 'rowGram', A.steps !== undefined)
}

/** The columns J of A, by a product with columns of the identity where the operator offers nothing better. */
export function* columnsOf(A: AnyOperator, J: Int32Array): Steps<Matrix> {
  if (!offers(A, 'columns')) return yield* product(A, selection(A.shape[1], J))
  const C = A.steps ? yield* A.steps.columns!(J) : yield* wait(A.columns!(J))
  return answer(C, A.shape[0], J.length, 'columns', A.steps !== undefined)
}

/** The rows I of A, |I| × n. */
export function* rowsOf(A: AnyOperator, I: Int32Array): Steps<Matrix> {
  if (!offers(A, 'rows')) {
    const columns = yield* adjointProduct(A, selection(A.shape[0], I))
    return contiguous(columns.transpose(1, 0))
  }
  const R = A.steps ? yield* A.steps.rows!(I) : yield* wait(A.rows!(I))
  return answer(R, I.length, A.shape[1], 'rows', A.steps !== undefined)
}

/** The main diagonal, in blocks of columns where the operator offers nothing better. */
export function* diagonalOf(A: AnyOperator): Steps<Float64Array> {
  const p = Math.min(...A.shape)
  if (offers(A, 'diagonal')) {
    const d = A.steps ? yield* A.steps.diagonal!() : yield* wait(A.diagonal!())
    return asVector(d, 'diagonal', 'its answer', p)
  }
  const block = 64
  const d = new Float64Array(p)
  for (let j = 0; j < p; j += block) {
    const width = Math.min(block, p - j)
    const C = yield* columnsOf(
      A,
      Int32Array.from({ length: width }, (_, t) => j + t),
    )
    for (let t = 0; t < width; t++) d[j + t] = C.data[(j + t) * width + t]!
  }
  return d
}

/** ‖A‖_F where the operator knows it, else undefined. */
export function* knownNorm(A: AnyOperator): Steps<number | undefined> {
  if (A.steps?.frobeniusNorm) return yield* A.steps.frobeniusNorm()
  return A.frobeniusNorm ? yield* wait(A.frobeniusNorm()) : undefined
}

/** S·A, or S·Aᵀ where `adjoint`, by an operator that offers it. */
export function* sketchedProduct(A: AnyOperator, form: SketchForm, adjoint = false): Steps<Matrix> {
  const SA = A.steps ? yield* A.steps.sketched!(form, adjoint) : yield* wait(A.sketched!(form, adjoint))
  return answer(SA, form.shape[0], A.shape[adjoint ? 0 : 1], 'sketched', A.steps !== undefined)
}

/** The entries of A, through products with the identity of the smaller side. */
export function* entriesOf(A: AnyOperator): Steps<Matrix> {
  const [m, n] = A.shape
  if (n <= m) return yield* product(A, eye(n))
  const At = yield* adjointProduct(A, eye(m))
  return contiguous(At.transpose(1, 0))
}

/** Columns J of the identity of size n. */
function selection(n: number, J: Int32Array): Matrix {
  const S = wrap(new Float64Array(n * J.length), n, J.length)
  J.forEach((j, t) => (S.data[j * J.length + t] = 1))
  return S
}

/** What a product is handed: float32 where the operator declares it. */
function handed(A: AnyOperator, X: Matrix): Matrix {
  if (A.dtype !== 'float32') return X
  return wrap(Float32Array.from(X.data), X.shape[0]!, X.shape[1]!) as unknown as Matrix
}

/** What a product answered, checked once, and ours to change: an operator may keep what it answers with. */
export function answer(Y: unknown, rows: number, cols: number, fn: string, ours: boolean): Matrix {
  const M = asMatrix(Y, fn, 'its answer')
  if (M.shape[0] !== rows || M.shape[1] !== cols) {
    const given = M.shape.join('×')
    throw new ShapeError({ fn, argument: 'its answer', expected: `a ${rows}×${cols} matrix`, given })
  }
  checkFinite(dense(M), fn, 'its answer')
  return ours ? contiguous(M) : wrap(packed(dense(M)), rows, cols)
}
