import ndarray from 'ndarray'
import { asFiniteMatrix, asVector, dense, flip, packed, wrap, zeros } from '../../linalg/arrays.js'
import type { Dense, Matrix, VectorLike } from '../../linalg/arrays.js'
import { window } from '../../linalg/dense/blocks.js'
import { choleskySteps } from '../../linalg/dense/cholesky.js'
import { NotPositiveDefiniteError, OptionError } from '../../linalg/errors.js'
import { ResidentRows } from '../../linalg/operators/gradientstore.js'
import { maxAbs } from '../../linalg/magnitude.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import { indexList, isOperator, operatorFromSteps, precisionOf } from '../../linalg/operators.js'
import type {
  AnyOperator,
  AsyncLinearOperator,
  LinearOperator,
  Operand,
  ProductSteps,
  SyncOperand,
} from '../../linalg/operators.js'
import { integer, oneOf, optional, positive, readOptions } from '../../linalg/options.js'
import { adjointProduct, columnsOf, product, rowGram } from '../../linalg/products.js'
import { powerOfTwo } from '../../linalg/dense/reflectors.js'
import { solveTriangularSteps } from '../../linalg/dense/solvetriangular.js'
import { breath, fromSteps, report, runAsync, runSync } from '../../linalg/steps.js'
import type { RunOptions, Steps } from '../../linalg/steps.js'

/** The damping and the blocks of an M-FAC matrix. */
export interface MfacOptions extends RunOptions {
  /** λ > 0 of H = λI + (1/m)·Σ gᵢgᵢᵀ. */
  readonly damping: number
  /** H is taken block by block of so many coordinates, as if gradients of different blocks had nothing in common. */
  readonly blockSize?: number | undefined
  /** How the m·d numbers are kept; sums are float64. Default 'float64'. */
  readonly dtype?: 'float64' | 'float32' | undefined
}

/** H⁻¹, d × d: an operator. */
export interface Mfac extends LinearOperator {
  /** m, the gradients. */
  readonly count: number
  /** λ */
  readonly damping: number
  /** H⁻¹·v */
  ihvp(v: VectorLike): Float64Array
  /** [H⁻¹]ᵢⱼ */
  element(i: number, j: number): number
  /** The diagonal of H⁻¹. */
  diagonal(): Float64Array
}

/** The same of gradients that live elsewhere. */
export interface AsyncMfac extends AsyncLinearOperator {
  readonly count: number
  readonly damping: number
  ihvp(v: VectorLike): Promise<Float64Array>
  element(i: number, j: number): Promise<number>
  diagonal(): Promise<Float64Array>
}

/**
 * Products with the inverse of a damped empirical Fisher matrix H = λI + (1/m)·Σ gᵢgᵢᵀ, which is never formed.
 *
 * With L·Lᵀ = mλI + GGᵀ and W = L⁻¹G it is H⁻¹ = (I − WᵀW)/λ. Gradients in memory are replaced by W in one copy that
 * the result owns; of an operator (gradients on a GPU) only products are asked, two for each of the result's.
 *
 * @param gradients - m × d, a gradient in each row: a matrix, or an operator.
 * @param options - `damping`; `blockSize` and `dtype` for a matrix.
 * @returns H⁻¹ as an operator d × d, with `ihvp(v)`, `element(i, j)` and `diagonal()`. An operand with `async: true` gives
 * a Promise of one that answers with Promises.
 * @throws OptionError (damping <= 0, or too small to be told from rounding beside gradients that are dependent),
 * ShapeError, NotFiniteError, MemoryError, and `signal.reason` on an abort.
 * Cost: 2dm² flops, dm numbers; `ihvp` 4dm flops and two readings of W, `element` 2m flops, `diagonal` one reading. With
 * blocks of B as much: mB numbers of W belong to each.
 * Accuracy: relative to ‖H⁻¹‖ = 1/λ about (m + √d)·eps of what W is kept in, so H⁻¹v is known to eps·κ(H) in directions
 * in which H is large.
 * Source: Frantar, Kurtic and Alistarh 2021, "M-FAC: efficient matrix-free approximations of second-order
 * information", section 3. Departure: the rows of W are the paper's vᵢ·√(λ/qᵢ); a Cholesky factor of m × m makes them all
 * at once from matrix products, where the recursion has m² products of vectors.
 *
 * @example
 * ```ts
 * import { mfac, random } from 'lowrank'
 * const H = mfac(random.normal([16, 500]), { damping: 1e-3 })
 * const step = H.ihvp(random.normal([500]))
 * ```
 */
export const mfac: {
  (gradients: SyncOperand, options: MfacOptions): Mfac
  (gradients: AsyncLinearOperator, options: MfacOptions): Promise<AsyncMfac>
  async(gradients: SyncOperand, options: MfacOptions): Promise<Mfac>
  async(gradients: AsyncLinearOperator, options: MfacOptions): Promise<AsyncMfac>
} = /*#__PURE__*/ fromSteps(mfacSteps, 1) as never

const FN = 'mfac'

/** W in blocks of columns: what the products with H⁻¹, and pruning, are made of. */
export interface Whitened {
  readonly count: number
  readonly dim: number
  readonly damping: number
  readonly blockSize: number
  /** W_b·x for vectors over the columns of block b. */
  times(b: number, xs: readonly Float64Array[]): Steps<Float64Array[]>
  /** out += W_bᵀ·c for vectors over the columns of block b. */
  addAdjoint(b: number, cs: readonly Float64Array[], outs: readonly Float64Array[]): Steps<void>
  /** The columns J of W, m × |J|. */
  columns(J: Int32Array): Steps<Matrix>
}

const whitened = new WeakMap<object, Whitened>()

/** What is behind a result of `mfac`; undefined for anything else. */
export const whitenedOf = (H: object): Whitened | undefined => whitened.get(H)

/** The steps behind `mfac`. */
export function* mfacSteps(given: Operand, options: MfacOptions): Steps<Mfac | AsyncMfac> {
  const { damping, blockSize, dtype } = readOptions(FN, options, {
    damping: positive,
    blockSize: optional(integer(1)),
    dtype: optional(oneOf('float64', 'float32')),
  })
  if (!isOperator(given)) {
    const G = dense(asFiniteMatrix(given, FN, 'gradients'))
    return result(yield* residentSteps(G, damping, blockSize ?? G.cols, dtype ?? 'float64'), false)
  }
  const what = blockSize !== undefined ? 'blockSize' : dtype !== undefined ? 'dtype' : undefined
  if (what !== undefined) {
    const expected = 'gradients as a matrix, which can be kept'
    throw new OptionError({ fn: FN, argument: `options.${what}`, expected, given: 'an operator' })
  }
  return result(yield* operatorWhitenedSteps(given, damping), given.async === true)
}

function result(W: Whitened, async: boolean): Mfac | AsyncMfac {
  const { dim, count, damping } = W
  const steps: ProductSteps = {
    matmat: (X) => inverseSteps(W, X),
    rmatmat: (X) => inverseSteps(W, X),
    diagonal: () => diagonalSteps(W),
  }
  const run = <T>(work: Steps<T>): T | Promise<T> => (async ? runAsync(work) : runSync(work))
  const H = Object.assign(operatorFromSteps([dim, dim], async, steps), {
    count,
    damping,
    ihvp: (v: VectorLike) => run(ihvpSteps(W, v)),
    element: (i: number, j: number) => run(elementSteps(W, i, j)),
  }) as Mfac | AsyncMfac
  whitened.set(H, W)
  return H
}

/** Columns of W that are made at a time. */
const WIDTH = 4096

/** W = L⁻¹G, block by block, in memory of its own. */
function* residentSteps(
  given: Dense,
  damping: number,
  blockSize: number,
  dtype: 'float64' | 'float32',
): Steps<Whitened> {
  const [m, d] = [given.rows, given.cols]
  // In a unit in which squares neither overflow nor vanish; W does not depend on it.
  const unit = powerOfTwo(maxAbs(given))
  const G =
    unit === 1
      ? given
      : dense(
          wrap(
            packed(given).map((x) => x * unit),
            m,
            d,
          ),
        )
  const rows = m * d === 0 ? undefined : new ResidentRows(m, d, dtype)
  for (let j0 = 0; rows !== undefined && j0 < d; j0 += blockSize) {
    const width = Math.min(blockSize, d - j0)
    const block = window(G, 0, m, j0, width)
    const GGt = (yield* multiplySteps(block, flip(block))) as Matrix
    const L = yield* dampedFactorSteps(FN, GGt, damping, unit)
    for (let j = 0; j < width; j += WIDTH) {
      yield* report(FN, 'whitening', j0 + j, d)
      const n = Math.min(WIDTH, width - j)
      const { data } = (yield* solveTriangularSteps(L, asMatrixOf(window(block, 0, m, j, n)))) as Matrix
      for (let i = 0; i < m; i++) rows.set(i, j0 + j, data.subarray(i * n, (i + 1) * n))
      yield* breath()
    }
  }
  yield* report(FN, 'whitening', d, d)
  return {
    count: m,
    dim: d,
    damping,
    blockSize,
    *times(b, xs) {
      return rows ? yield* rows.timesSteps(xs, b * blockSize) : xs.map(() => new Float64Array(m))
    },
    *addAdjoint(b, cs, outs) {
      if (rows) yield* rows.addAdjointSteps(cs, outs, b * blockSize)
    },
    // eslint-disable-next-line require-yield -- steps by contract
    *columns(J) {
      return rows ? rows.columns(J) : wrap(new Float64Array(0), m, J.length)
    },
  }
}

const asMatrixOf = ({ data, offset, rows, cols, rs, cs }: Dense): Matrix =>
  ndarray(data, [rows, cols], [rs, cs], offset) as Matrix

/** W through products with the gradients where they are: L⁻¹·(G·x) and Gᵀ·(L⁻ᵀ·c). */
function* operatorWhitenedSteps(A: AnyOperator, damping: number): Steps<Whitened> {
  const [m, d] = A.shape
  yield* report(FN, 'products of gradients', 0, 1)
  const GGt = m * d === 0 ? zeros([m, m]) : yield* rowGram(A)
  yield* report(FN, 'products of gradients', 1, 1)
  const L = yield* dampedFactorSteps(FN, GGt, damping, 1, precisionOf(A))
  return {
    count: m,
    dim: d,
    damping,
    blockSize: Math.max(d, 1),
    *times(_, xs) {
      const Gx = yield* product(A, sideBySide(xs, d))
      return columnsOfMatrix((yield* solveTriangularSteps(L, Gx)) as Matrix)
    },
    *addAdjoint(_, cs, outs) {
      const c = (yield* solveTriangularSteps(L, sideBySide(cs, m), { trans: true })) as Matrix
      const added = columnsOfMatrix(yield* adjointProduct(A, c))
      outs.forEach((out, t) => added[t]!.forEach((x, j) => (out[j]! += x)))
    },
    *columns(J) {
      return (yield* solveTriangularSteps(L, yield* columnsOf(A, J))) as Matrix
    },
  }
}

/**
 * L of L·Lᵀ = mλI + GGᵀ, in the unit of GGᵀ, which is symmetric but for rounding and is changed. A pivot that is
 * nothing but rounding says that λ is too small.
 */
export function* dampedFactorSteps(
  fn: string,
  GGt: Matrix,
  damping: number,
  unit = 1,
  precision = 2 ** -52,
): Steps<Matrix> {
  const m = GGt.shape[0]!
  for (let i = 0; i < m; i++) GGt.data[i * (m + 1)]! += m * damping * unit * unit
  let L: Matrix | undefined
  try {
    L = (yield* choleskySteps(GGt)).L
  } catch (error) {
    if (!(error instanceof NotPositiveDefiniteError)) throw error
  }
  const sound = (i: number): boolean => L!.get(i, i) ** 2 > m * precision * GGt.data[i * (m + 1)]!
  if (L !== undefined && Array.from({ length: m }, (_, i) => i).every(sound)) return L
  const expected = 'more than rounding beside the squares of gradients that depend on each other'
  throw new OptionError({ fn, argument: 'options.damping', expected, given: String(damping) })
}

/** H⁻¹X = (X − WᵀWX)/λ, block by block. */
function* inverseSteps(W: Whitened, X: Matrix): Steps<Matrix> {
  const columns = columnsOfMatrix(X)
  const inverse = yield* inverseColumnsSteps(W, columns)
  return sideBySide(inverse, W.dim)
}

function* inverseColumnsSteps(W: Whitened, xs: readonly Float64Array[]): Steps<Float64Array[]> {
  const { dim, blockSize, damping } = W
  const out = xs.map(() => new Float64Array(dim))
  for (let b = 0, j0 = 0; j0 < dim; b++, j0 += blockSize) {
    const j1 = Math.min(dim, j0 + blockSize)
    const cs = yield* W.times(
      b,
      xs.map((x) => x.subarray(j0, j1)),
    )
    yield* W.addAdjoint(
      b,
      cs,
      out.map((x) => x.subarray(j0, j1)),
    )
  }
  for (const [t, x] of xs.entries())
    for (let j = 0; j < dim; j++) out[t]![j] = (x[j]! - out[t]![j]!) / damping
  return out
}

function* ihvpSteps(W: Whitened, v: VectorLike): Steps<Float64Array> {
  return (yield* inverseColumnsSteps(W, [asVector(v, `${FN}(G).ihvp`, 'v', W.dim)]))[0]!
}

function* elementSteps(W: Whitened, i: number, j: number): Steps<number> {
  const J = indexList([i, j], W.dim, 'i, j', `${FN}(G).element`)
  if (Math.floor(i / W.blockSize) !== Math.floor(j / W.blockSize)) return 0
  const { data } = yield* W.columns(J)
  let sum = 0
  for (let e = 0; e < data.length; e += 2) sum += data[e]! * data[e + 1]!
  return (i === j ? Math.max(1 - sum, FLOOR) : -sum) / W.damping
}

/** A diagonal of H⁻¹ is positive; below this it is rounding. */
const FLOOR = 2 ** -52

/** (1 − ‖W[:, j]‖²)/λ. */
export function* diagonalSteps(W: Whitened): Steps<Float64Array> {
  const { dim, count, damping } = W
  const d = new Float64Array(dim)
  const stretch = Math.max(1, Math.floor(2 ** 18 / Math.max(count, 1)))
  for (let j0 = 0; j0 < dim; j0 += stretch) {
    const n = Math.min(stretch, dim - j0)
    const { data } = yield* W.columns(Int32Array.from({ length: n }, (_, t) => j0 + t))
    for (let i = 0, e = 0; i < count; i++) for (let t = 0; t < n; t++, e++) d[j0 + t]! += data[e]! * data[e]!
    yield* breath()
  }
  return d.map((sum) => Math.max(1 - sum, FLOOR) / damping)
}

function columnsOfMatrix(X: Matrix): Float64Array[] {
  const [n, k] = [X.shape[0]!, X.shape[1]!]
  return Array.from({ length: k }, (_, t) => Float64Array.from({ length: n }, (_, i) => X.data[i * k + t]!))
}

function sideBySide(xs: readonly Float64Array[], n: number): Matrix {
  const X = wrap(new Float64Array(n * xs.length), n, xs.length)
  xs.forEach((x, t) => x.forEach((value, i) => (X.data[i * xs.length + t] = value)))
  return X
}
