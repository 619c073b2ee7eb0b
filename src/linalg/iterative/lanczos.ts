import { dense, flip, wrap } from '../arrays.js'
import type { Dense, Matrix } from '../arrays.js'
import { window } from '../dense/blocks.js'
import { columnNorms } from '../operators/columnwise.js'
import { operandSteps } from '../operators/denseoperator.js'
import { symmetricEigenSteps } from '../dense/eigh.js'
import { ConvergenceError, ShapeError } from '../errors.js'
import { gaussianSteps } from '../gaussian.js'
import { frobenius, maxAbs } from '../magnitude.js'
import { multiplySteps } from '../dense/multiply.js'
import { method, precisionOf } from '../operators.js'
import type { AnyOperator, Method, Operand } from '../operators.js'
import { integer, nonNegative, oneOf, optional, readOptions, seed, withDefault } from '../options.js'
import { product } from '../products.js'
import { orthonormalizeSteps } from '../dense/qr.js'
import { STREAM } from '../random.js'
import { breath, report } from '../steps.js'
import type { RunOptions, Steps } from '../steps.js'
import { leadingColumns, orient } from '../thin.js'

/** Which eigenpairs `lanczos` looks for, and how accurately. */
export interface LanczosOptions extends RunOptions {
  /** How many eigenpairs. */
  readonly k: number
  /** The eigenvalues of largest magnitude (default), the largest, or the smallest (most negative). */
  readonly which?: 'magnitude' | 'largest' | 'smallest' | undefined
  /** ‖A·v − λ·v‖ relative to the largest |λ|. Default: precision^(2/3), 3.7e-11 in float64. */
  readonly rtol?: number | undefined
  /** Columns per product: up to so many copies of a multiple eigenvalue are sure to be found. Default 4. */
  readonly blockSize?: number | undefined
  /** Products with a block. Default 1000. */
  readonly maxIterations?: number | undefined
  /** An integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/** Eigenpairs of a symmetric operator. */
export interface Eigenpairs {
  /** k eigenvalues, those most wanted first. */
  readonly values: Float64Array
  /** n × k with orthonormal columns; the entry of largest magnitude in each is positive. */
  readonly vectors: Matrix
  /** ‖A·v − λ·v‖₂ of each pair: there is an eigenvalue of A within this distance. */
  readonly residuals: Float64Array
  /** Products of A with a block of vectors. */
  readonly iterations: number
}

/**
 * A few extreme eigenpairs of a symmetric operator, by block Lanczos with thick restarts and full
 * reorthogonalisation, through products with A alone.
 *
 * @param A - n × n matrix or operator, symmetric.
 * @param options - `k`; more than n are n.
 * @returns `{ values, vectors, residuals, iterations }`, those most wanted first.
 * @throws ConvergenceError, with the pairs so far as `best`, after `maxIterations`; ShapeError where A is not
 * square or plainly not symmetric; OptionError.
 * Cost: one pass over A per iteration, 4np·b flops to keep p vectors orthogonal to b new ones, and 4npk per
 * restart. Memory: about 3np numbers; p is at most 2k + 13b.
 * Accuracy: an eigenvalue is off by at most its residual, and in general by its square over the gap. Inside
 * a spectrum, or without gaps, convergence is slow: this is a method for the ends.
 * Source: Golub and Underwood 1977, "The block Lanczos method for computing eigenvalues"; Wu and Simon 2000,
 * "Thick-restart Lanczos method for large symmetric eigenvalue problems". The projected matrix is VᵀA·V in
 * full, from A·V that is kept, so nothing hangs on the shape that rounding spoils.
 *
 * @example
 * ```ts
 * import { diag, lanczos } from 'lowrank'
 * lanczos(diag([5, -9, 1, 2]), { k: 2 }).values   // -9, 5
 * ```
 */
export const lanczos: Method<[options: LanczosOptions], Eigenpairs> = /*#__PURE__*/ method(lanczosSteps)

/** A basis V, and A·V, of which the first `size` columns hold something; row-major, `capacity` numbers apart. */
interface Basis {
  readonly V: Float64Array
  readonly AV: Float64Array
  readonly n: number
  readonly capacity: number
  size: number
}

function* lanczosSteps(given: Operand, options: LanczosOptions): Steps<Eigenpairs> {
  const fn = 'lanczos'
  const plan = readOptions(fn, options, {
    k: integer(1),
    which: withDefault(oneOf('magnitude', 'largest', 'smallest'), 'magnitude'),
    rtol: optional(nonNegative),
    blockSize: withDefault(integer(1), 4),
    maxIterations: withDefault(integer(1), 1000),
    seed,
  })
  const A = yield* operandSteps(given, fn, 'A')
  const [m, n] = A.shape
  if (m !== n) throw new ShapeError({ fn, argument: 'A', expected: 'a square matrix', given: `${m}×${n}` })
  const k = Math.min(plan.k, n)
  const b = Math.min(plan.blockSize, n)
  const rtol = plan.rtol ?? precisionOf(A) ** (2 / 3)
  if (n === 0) {
    return {
      values: new Float64Array(0),
      vectors: wrap(new Float64Array(0), 0, 0),
      residuals: new Float64Array(0),
      iterations: 0,
    }
  }

  // Whole blocks, so that none is cut but the one that completes the space.
  const blocks = (columns: number): number => b * Math.ceil(columns / b)
  const capacity = Math.min(n, blocks(2 * k + 12 * b))
  const basis: Basis = {
    V: new Float64Array(n * capacity),
    AV: new Float64Array(n * capacity),
    n,
    capacity,
    size: 0,
  }
  let fresh = 0
  const random = function* (columns: number): Steps<Matrix> {
    const G = yield* gaussianSteps(n, fresh, fresh + columns, STREAM.lanczosStart, plan.seed)
    fresh += columns
    return G
  }
  let block = yield* orthonormalizeSteps(yield* random(b))
  for (let iterations = 1; ; iterations++) {
    const AX = yield* product(A, block)
    append(basis, block, AX)
    yield* report(fn, 'iterate', iterations, plan.maxIterations)
    const room = capacity - basis.size
    const last = iterations >= plan.maxIterations
    if (room > 0 && !last) {
      block = yield* nextBlockSteps(basis, AX, Math.min(b, room), random)
      continue
    }
    const count = Math.min(k, basis.size)
    const keep = Math.min(blocks(k + ((capacity - k) >> 2)), capacity - b)
    const { theta, Y } = yield* ritzSteps(A, basis, plan.which)
    const pairs = yield* pairsSteps(basis, theta, Y, count, iterations)
    const bound = rtol * theta.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0)
    // A basis of the whole space gives all there is.
    if (pairs.residuals.every((r) => r <= bound) && count === k) return pairs
    if (basis.size === n) return pairs
    if (last) throw unfinished(pairs, plan.maxIterations, rtol, bound)
    // What A adds to the whole basis goes on; it may be less than b directions, so it is made orthonormal later.
    const added = yield* projectedSteps(basis, AX)
    yield* restartSteps(basis, Y, keep)
    block = yield* nextBlockSteps(basis, added, b, random)
  }
}

function unfinished(
  pairs: Eigenpairs,
  iterations: number,
  rtol: number,
  bound: number,
): ConvergenceError<Eigenpairs> {
  const residual = pairs.residuals.reduce((worst, r) => Math.max(worst, r), 0)
  return new ConvergenceError({
    fn: 'lanczos',
    argument: 'A',
    expected: `residuals of at most ${rtol} of the largest |λ|, ${bound}`,
    given: `${residual} after ${iterations} products`,
    iterations,
    residual,
    best: pairs,
  })
}

/** Two attempts are enough as a rule, four where rounding was all that was left of a column. */
const ATTEMPTS = 20

/** The columns of V or AV that hold something. */
const filled = (data: Float64Array, { n, capacity, size }: Basis): Dense =>
  window({ data, offset: 0, rows: n, cols: capacity, rs: capacity, cs: 1 }, 0, n, 0, size)

function append(basis: Basis, X: Matrix, AX: Matrix): void {
  const { V, AV, n, capacity, size } = basis
  const cols = X.shape[1]!
  for (let i = 0; i < n; i++) {
    V.set(X.data.subarray(i * cols, (i + 1) * cols), i * capacity + size)
    AV.set(AX.data.subarray(i * cols, (i + 1) * cols), i * capacity + size)
  }
  basis.size += cols
}

/**
 * Orthonormal columns that span (I − VVᵀ)·W as far as it has columns, orthogonal to V. What is left of a column
 * may be rounding alone, in an invariant subspace: then a random one takes its place.
 */
function* nextBlockSteps(
  basis: Basis,
  W: Matrix,
  columns: number,
  random: (columns: number) => Steps<Matrix>,
): Steps<Matrix> {
  const V = filled(basis.V, basis)
  const accepted = 4 * (basis.n + 8) * 2 ** -52
  let X = leadingColumns(W, columns)
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    X = yield* orthonormalizeSteps(yield* projectedSteps(basis, X))
    const overlap = (yield* multiplySteps(flip(V), dense(X))) as Matrix
    yield* breath()
    if (maxAbs(dense(overlap)) <= accepted) return X
    const lost = Array.from(columnNorms(overlap)).flatMap((size, j) => (size > 0.5 ? [j] : []))
    if (lost.length === 0) continue
    const G = yield* random(lost.length)
    lost.forEach((j, t) => {
      for (let i = 0; i < basis.n; i++) X.data[i * columns + j] = G.data[i * lost.length + t]!
    })
  }
  throw new ConvergenceError({
    fn: 'lanczos',
    argument: 'A',
    expected: 'vectors that can be made orthogonal',
    given: `a block that is not after ${ATTEMPTS} attempts`,
    iterations: ATTEMPTS,
    residual: NaN,
  })
}

/** (I − VVᵀ)·X */
function* projectedSteps(basis: Basis, X: Matrix): Steps<Matrix> {
  const V = filled(basis.V, basis)
  const VtX = (yield* multiplySteps(flip(V), dense(X))) as Matrix
  const P = (yield* multiplySteps(V, dense(VtX))) as Matrix
  for (let e = 0; e < P.data.length; e++) P.data[e] = X.data[e]! - P.data[e]!
  return P
}

/** Ritz values, those most wanted first, and the coordinates of their vectors in V. */
function* ritzSteps(
  A: AnyOperator,
  basis: Basis,
  which: 'magnitude' | 'largest' | 'smallest',
): Steps<{ theta: Float64Array; Y: Matrix }> {
  const p = basis.size
  const T = (yield* multiplySteps(flip(filled(basis.V, basis)), filled(basis.AV, basis))) as Matrix
  const size = frobenius(dense(T))
  let skew = 0
  for (let i = 0; i < p; i++) {
    for (let j = 0; j < i; j++) {
      const [lower, upper] = [T.data[i * p + j]!, T.data[j * p + i]!]
      skew = Math.max(skew, Math.abs(lower - upper))
      T.data[i * p + j] = T.data[j * p + i] = (lower + upper) / 2
    }
  }
  // Half of the digits: rounding leaves no such trace, and a matrix that is not symmetric hardly less.
  if (skew > Math.sqrt(precisionOf(A)) * size) {
    throw new ShapeError({
      fn: 'lanczos',
      argument: 'A',
      expected: 'a symmetric matrix',
      given: `one with ‖A − Aᵀ‖ >= ${skew} where ‖A‖ >= ${size / p}`,
    })
  }
  const { values, vectors } = yield* symmetricEigenSteps(dense(T), 'full')
  const rank = { magnitude: Math.abs, largest: (x: number) => x, smallest: (x: number) => -x }[which]
  const order = Int32Array.from(values.keys()).sort((i, j) => rank(values[j]!) - rank(values[i]!) || i - j)
  const Y = wrap(new Float64Array(p * p), p, p)
  for (let i = 0; i < p; i++) order.forEach((j, t) => (Y.data[i * p + t] = vectors.data[i * p + j]!))
  return { theta: Float64Array.from(order, (j) => values[j]!), Y }
}

/** The first `count` Ritz pairs and their residuals. */
function* pairsSteps(
  basis: Basis,
  theta: Float64Array,
  Y: Matrix,
  count: number,
  iterations: number,
): Steps<Eigenpairs> {
  const chosen = window(dense(Y), 0, basis.size, 0, count)
  const vectors = (yield* multiplySteps(filled(basis.V, basis), chosen)) as Matrix
  const R = (yield* multiplySteps(filled(basis.AV, basis), chosen)) as Matrix
  for (let e = 0; e < R.data.length; e++) R.data[e]! -= theta[e % count]! * vectors.data[e]!
  orient(vectors)
  return { values: theta.slice(0, count), vectors, residuals: columnNorms(R), iterations }
}

/** V ← V·Y and AV ← AV·Y for the first `keep` columns of Y. */
function* restartSteps(basis: Basis, Y: Matrix, keep: number): Steps<void> {
  const chosen = window(dense(Y), 0, basis.size, 0, keep)
  const V = (yield* multiplySteps(filled(basis.V, basis), chosen)) as Matrix
  const AV = (yield* multiplySteps(filled(basis.AV, basis), chosen)) as Matrix
  basis.size = 0
  append(basis, V, AV)
}
