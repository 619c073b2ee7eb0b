import { asMatrix, contiguous, dense, tensor } from '../arrays.js'
import type { FloatArray, Matrix, MatrixLike, Tensor } from '../arrays.js'
import { ShapeError, describe } from '../errors.js'
import { symmetricEigenSteps } from '../dense/eigh.js'
import { checkNumbers, packedTensor } from '../transforms/lastaxis.js'
import type { AnyOperator, AsyncLinearOperator, LinearOperator } from '../operators.js'
import { adjointProduct, answer, product } from '../products.js'
import { fromSteps, runAsync, runSync, wait } from '../steps.js'
import type { Steps } from '../steps.js'
import { scaledColumns } from '../thin.js'

// A tensor operand is the only door to a large tensor: mode products, which answer with another of its kind,
// mode Grams, and each unfolding as an operator. T₍ₙ₎ is the mode-n unfolding, nₙ × the product of the other
// sizes, its columns with the first of the other indices running fastest (Kolda and Bader 2009, "Tensor
// decompositions and applications").

/** The work of a tensor operand as steps. */
export interface TensorSteps {
  modeProduct(M: Matrix, n: number): Steps<AnyTensorOperand>
  modeGram(n: number): Steps<Matrix>
  modeRoot?(n: number): Steps<Matrix>
  modeNormal?(X: Matrix, n: number): Steps<Matrix>
  entries(): Steps<Tensor>
  frobeniusNorm(): Steps<number>
}

interface Operand {
  /** n₀ × n₁ × … */
  readonly shape: readonly number[]
  /** The relative rounding of the products; 2⁻⁵² where absent. */
  readonly precision?: number
  /** The work as steps; the library's own operands have them. */
  readonly steps?: TensorSteps
  /** Gives back what a product holds on a device; not called on what the caller handed in. */
  dispose?(): void
}

/** A tensor on the CPU, known by its products. */
export interface TensorOperand extends Operand {
  readonly async?: false
  /** T ×ₙ M for M of nₙ columns: mode n is multiplied by M, and has M's rows after. */
  modeProduct(M: Matrix, n: number): TensorOperand
  /** T₍ₙ₎·T₍ₙ₎ᵀ. */
  modeGram(n: number): Matrix
  /** L of at most nₙ columns with L·Lᵀ = T₍ₙ₎·T₍ₙ₎ᵀ, found without squaring: it has T₍ₙ₎'s singular values. */
  modeRoot?(n: number): Matrix
  /** T₍ₙ₎·(T₍ₙ₎ᵀ·X) in one sweep, nothing as long as an unfolding in between. */
  modeNormal?(X: Matrix, n: number): Matrix
  /** T₍ₙ₎ as an operator. */
  unfolding(n: number): LinearOperator
  /** The entries, a fresh tensor. */
  entries(): Tensor
  frobeniusNorm(): number
}

/** The same, answering with Promises: a tensor on a GPU. */
export interface AsyncTensorOperand extends Operand {
  readonly async: true
  modeProduct(M: Matrix, n: number): Promise<AsyncTensorOperand>
  modeGram(n: number): Promise<Matrix>
  modeRoot?(n: number): Promise<Matrix>
  modeNormal?(X: Matrix, n: number): Promise<Matrix>
  unfolding(n: number): AsyncLinearOperator
  entries(): Promise<Tensor>
  frobeniusNorm(): number | Promise<number>
}

/** A tensor that answers at once, or by Promises. */
export type AnyTensorOperand = TensorOperand | AsyncTensorOperand

/** A tensor given by its entries: an ndarray of any strides, or what goes in as a matrix. */
export type TensorLike = Tensor<FloatArray> | MatrixLike

/** A method whose first argument is a tensor: what it answers with follows the operand. */
export interface TensorMethod<Rest extends unknown[], T> {
  (T: TensorLike | TensorOperand, ...rest: Rest): T
  (T: AsyncTensorOperand, ...rest: Rest): Promise<T>
  (T: TensorLike | AnyTensorOperand, ...rest: Rest): T | Promise<T>
  /** The same text run cooperatively: the event loop has its turn at least every 16 ms. */
  async(T: TensorLike | AnyTensorOperand, ...rest: Rest): Promise<T>
}

/** Makes a method of one tensor and options from its steps. */
export function tensorMethod<Rest extends unknown[], T>(
  steps: (given: TensorLike | AnyTensorOperand, ...rest: Rest) => Steps<T>,
): TensorMethod<Rest, T> {
  return fromSteps(steps, 1) as TensorMethod<Rest, T>
}

/** Makes a tensor operand from its work in steps; it is sync or async as `async` says. */
export function tensorOperandFromSteps(
  shape: readonly number[],
  async: boolean,
  steps: TensorSteps,
  unfolding: (n: number) => AnyOperator,
): AnyTensorOperand {
  const run = <T>(work: () => Steps<T>): T | Promise<T> =>
    async ? runAsync(deferred(work)) : runSync(work())
  const mode = (n: number, fn: string): number => checkMode(n, shape, fn)
  const { modeRoot, modeNormal } = steps
  const operand = {
    shape,
    steps,
    ...(async ? { async } : {}),
    modeProduct: (M: Matrix, n: number) =>
      run(() => steps.modeProduct(factorOf(M, shape[mode(n, 'modeProduct')]!, 'modeProduct'), n)),
    modeGram: (n: number) => run(() => steps.modeGram(mode(n, 'modeGram'))),
    unfolding: (n: number) => unfolding(mode(n, 'unfolding')),
    entries: () => run(() => steps.entries()),
    frobeniusNorm: () => run(() => steps.frobeniusNorm()),
    ...(modeRoot && { modeRoot: (n: number) => run(() => modeRoot.call(steps, mode(n, 'modeRoot'))) }),
    ...(modeNormal && {
      modeNormal: (X: Matrix, n: number) =>
        run(() => modeNormal.call(steps, rowsOf(X, shape[mode(n, 'modeNormal')]!, 'modeNormal'), n)),
    }),
  }
  return operand as AnyTensorOperand
}

function* deferred<T>(work: () => Steps<T>): Steps<T> {
  return yield* work()
}

/**
 * True for anything with a shape, mode products, mode Grams, unfoldings and entries.
 *
 * @example
 * ```ts
 * import { asTensorOperand, isTensorOperand, zeros } from 'lowrank'
 * isTensorOperand(asTensorOperand(zeros([2, 3, 4])))   // true
 * isTensorOperand(zeros([2, 3, 4]))                    // false: asTensorOperand makes it one
 * ```
 */
export function isTensorOperand(T: unknown): T is AnyTensorOperand {
  if (T === null || typeof T !== 'object') return false
  const { shape, modeProduct, modeGram, unfolding, entries } = T as Partial<AnyTensorOperand>
  return (
    Array.isArray(shape) && [modeProduct, modeGram, unfolding, entries].every((f) => typeof f === 'function')
  )
}

/** A mode of the shape. */
export function checkMode(n: unknown, shape: readonly number[], fn: string, argument = 'n'): number {
  if (Number.isInteger(n) && (n as number) >= 0 && (n as number) < shape.length) return n as number
  throw new ShapeError({
    fn,
    argument,
    expected: `a mode of ${shape.join('×')}, an integer in [0, ${shape.length})`,
    given: describe(n),
  })
}

/** Takes the matrix of a mode product in: contiguous, with as many columns as the mode is long. */
export function factorOf(M: MatrixLike, size: number, fn: string): Matrix {
  const A = asMatrix(M, fn, 'M')
  if (A.shape[1] === size) return contiguous(A)
  throw new ShapeError({
    fn,
    argument: 'M',
    expected: `a matrix of ${size} columns`,
    given: A.shape.join('×'),
  })
}

function rowsOf(X: Matrix, size: number, fn: string): Matrix {
  const A = asMatrix(X, fn, 'X')
  if (A.shape[0] === size) return contiguous(A)
  throw new ShapeError({ fn, argument: 'X', expected: `a matrix of ${size} rows`, given: A.shape.join('×') })
}

// What methods ask of a tensor operand, as steps. What is foreign is checked here, once.

/** T ×ₙ M. */
export function* modeProductOf(T: AnyTensorOperand, M: Matrix, n: number): Steps<AnyTensorOperand> {
  if (T.steps) return yield* T.steps.modeProduct(M, n)
  const product = yield* wait<unknown>(T.modeProduct(M, n))
  const expected = T.shape.map((size, k) => (k === n ? M.shape[0]! : size))
  if (isTensorOperand(product) && product.shape.join() === expected.join()) return product
  throw new ShapeError({
    fn: 'modeProduct',
    argument: 'its answer',
    expected: `a tensor operand of shape ${expected.join('×')}`,
    given: describe(product),
  })
}

/**
 * L with L·Lᵀ = T₍ₙ₎·T₍ₙ₎ᵀ. Of an operand that offers only Grams it comes from the eigenvalues of one, and
 * singular values below √precision·σ₀ are lost.
 */
export function* modeRootOf(T: AnyTensorOperand, n: number): Steps<Matrix> {
  const size = T.shape[n]!
  if ((T.steps ?? T).modeRoot !== undefined) {
    const L = T.steps ? yield* T.steps.modeRoot!(n) : yield* wait(T.modeRoot!(n))
    return answer(L, size, Math.min(L.shape[1]!, size), 'modeRoot', T.steps !== undefined)
  }
  return yield* gramRootOf(T, n)
}

/** The same from the eigenvalues of the Gram matrix. */
export function* gramRootOf(T: AnyTensorOperand, n: number): Steps<Matrix> {
  const size = T.shape[n]!
  const G = T.steps ? yield* T.steps.modeGram(n) : yield* wait(T.modeGram(n))
  const { values, vectors } = yield* symmetricEigenSteps(
    dense(answer(G, size, size, 'modeGram', true)),
    'full',
  )
  return scaledColumns(
    vectors,
    values.map((value) => Math.sqrt(Math.max(0, value))),
  )
}

/** T₍ₙ₎·(T₍ₙ₎ᵀ·X): one sweep where the operand has `modeNormal`, else two. */
export function* modeNormalOf(T: AnyTensorOperand, X: Matrix, n: number): Steps<Matrix> {
  if ((T.steps ?? T).modeNormal === undefined) {
    const A = T.unfolding(n)
    return yield* product(A, yield* adjointProduct(A, X))
  }
  const Y = T.steps ? yield* T.steps.modeNormal!(X, n) : yield* wait(T.modeNormal!(X, n))
  return answer(Y, T.shape[n]!, X.shape[1]!, 'modeNormal', T.steps !== undefined)
}

/** ‖T‖. */
export function* tensorNorm(T: AnyTensorOperand): Steps<number> {
  return T.steps ? yield* T.steps.frobeniusNorm() : yield* wait(T.frobeniusNorm())
}

/** The entries of T, contiguous, ours to change. */
export function* tensorEntries(T: AnyTensorOperand): Steps<Tensor> {
  const entries: Tensor = T.steps ? yield* T.steps.entries() : yield* wait(T.entries())
  if (entries.shape.join() !== T.shape.join()) {
    throw new ShapeError({
      fn: 'entries',
      argument: 'its answer',
      expected: `a tensor of shape ${T.shape.join('×')}`,
      given: describe(entries),
    })
  }
  const data = packedTensor(entries)
  checkNumbers(data, T.shape, 'entries', 'its answer')
  return tensor(data, T.shape)
}
