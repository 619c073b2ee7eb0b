import { dense, emptyMatrix, flip, packed, wrap } from '../linalg/arrays.js'
import type { Matrix, MatrixLike } from '../linalg/arrays.js'
import { operandSteps } from '../linalg/denseoperator.js'
import { symmetricEigenSteps } from '../linalg/eigh.js'
import { OptionError, ShapeError, describe } from '../linalg/errors.js'
import { gaussianSteps } from '../linalg/gaussian.js'
import { multiplySteps } from '../linalg/multiply.js'
import { method, operatorFromSteps, precisionOf } from '../linalg/operators.js'
import type { AnyOperator, LinearOperator, Method, Operand } from '../linalg/operators.js'
import { integer, oneOf, readOptions, seed, withDefault } from '../linalg/options.js'
import { columnsOf, diagonalOf, entriesOf, knownNorm, offers, product } from '../linalg/products.js'
import { orthonormalizeSteps } from '../linalg/qr.js'
import { STREAM } from '../linalg/random.js'
import { takeRightHand } from '../linalg/righthand.js'
import type { RightHand } from '../linalg/righthand.js'
import { breath, fromSteps, report, runSync } from '../linalg/steps.js'
import type { RunOptions, Steps } from '../linalg/steps.js'
import { norm2 } from '../linalg/magnitude.js'
import { checkSymmetric } from '../linalg/symmetric.js'
import { beside, columnRange, leadingColumns, orient, scaledColumns, scaledRows } from '../linalg/thin.js'
import { subsets } from '../sketch/subset.js'
import { innerSteps, subtractProductSteps, throughSteps } from './lowrank.js'
import { PROBES, estimateNorm, probeSteps } from './probes.js'
import {
  checkDiagonal,
  divideRowsSteps,
  refuseIndefinite,
  shiftedCholeskySteps,
  sizeSteps,
  slack,
  spectrumSteps,
  symmetrize,
} from './psd.js'
import type { Factor } from './psd.js'
import { ridgeColumnsSteps } from './ridgecolumns.js'
import { rowsAmong, rpCholeskySteps, total } from './rpcholesky.js'
import { goalOf, stoppingReaders } from './stopping.js'
import type { Goal } from './stopping.js'

export interface NystromOptions extends RunOptions {
  /** At most this rank; above n it is clamped. */
  readonly rank?: number | undefined
  /** Until the error, in the norm that `errorNorm` names, is at most rtol times the norm of A. */
  readonly rtol?: number | undefined
  /** Until the error is at most this. */
  readonly atol?: number | undefined
  /**
   * What A is multiplied by. 'gaussian' (default): a random basis, in one product. Columns of the identity, so
   * that only so many columns of A are read: 'uniform'; 'leverage', by approximate ridge leverage scores;
   * 'rpcholesky', by randomly pivoted Cholesky, the best of the three.
   */
  readonly columns?: 'gaussian' | 'uniform' | 'leverage' | 'rpcholesky' | undefined
  /** Columns beyond `rank`, which are cut off at the end. Default 10. */
  readonly oversample?: number | undefined
  /** An integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/** A ≈ U·diag(values)·Uᵀ, positive semidefinite: an operator again. */
export interface Nystrom extends LinearOperator {
  /** n × rank, orthonormal columns; the entry of largest magnitude of each is positive. */
  readonly U: Matrix
  /** `rank` eigenvalues of the approximation, descending, above 0, none above the one of A of its index. */
  readonly values: Float64Array
  /** What was asked for, or less where A has no more above rounding. */
  readonly rank: number
  /** The columns of A that it is made from; none for 'gaussian' and where A was decomposed whole. */
  readonly indices: Int32Array
  /** Sweeps over the entries of A; columns that were read without a product count as their part of one. */
  readonly passes: number
  /** ‖A − Â‖ / ‖A‖ in `errorNorm`. */
  readonly errorEstimate: number
  /** 'trace', exact up to rounding, where the diagonal of A was at hand; else 'fro', from ten probe columns. */
  readonly errorNorm: 'trace' | 'fro'
  /**
   * (Â + ridge·I)⁻¹·b for a vector or n × k matrix b and a ridge > 0, by Woodbury's formula in the basis U.
   * 8nk·rank flops.
   */
  readonly solve: NystromSolver
  /**
   * M for `cg` on A + ridge·I, as its option `preconditioner`: with values down to about the ridge, tens of
   * iterations become a few (Frangella, Tropp and Udell 2023).
   */
  preconditioner(ridge: number): LinearOperator
  /** The n × n approximation, formed. */
  toDense(): Matrix
}

/** Solves for a right-hand side: a vector gives a vector, a matrix a matrix. */
export interface NystromSolver {
  (b: ArrayLike<number>, ridge: number, options?: RunOptions): Float64Array
  (B: MatrixLike, ridge: number, options?: RunOptions): Matrix
  async(b: ArrayLike<number>, ridge: number, options?: RunOptions): Promise<Float64Array>
  async(B: MatrixLike, ridge: number, options?: RunOptions): Promise<Matrix>
}

const FN = 'nystrom'

/**
 * Nyström approximation of a positive semidefinite matrix from few products or columns:
 * A ≈ (AΩ)(ΩᵀAΩ)⁺(AΩ)ᵀ = U·diag(values)·Uᵀ, cut to `rank`. It is positive semidefinite and never exceeds A:
 * A − Â is positive semidefinite too, up to rounding.
 *
 * @param A - n × n, symmetric positive semidefinite: a matrix, an operator, or `kernelMatrix(X, …)`.
 * @param options - at least one of `rank`, `rtol`, `atol` (of the norm in `errorNorm`). Where
 * `rank + oversample` reaches n, the exact eigendecomposition is used.
 * @returns `{ U, values, rank, indices, passes, errorEstimate, errorNorm, solve, preconditioner }`, itself an
 * operator. An operand with `async: true` gives a Promise; `nystrom.async` runs cooperatively for any operand.
 * @throws ShapeError where A is not square or ΩᵀAΩ not symmetric; NotPositiveDefiniteError where the diagonal,
 * ΩᵀAΩ, a pivot or the trace of the rest shows that A is indefinite, all within √precision of their size.
 * A is seen through these few numbers alone: that nothing is thrown does not prove that A is semidefinite.
 * OptionError, NotFiniteError (in A, or in what a product or kernel answers), and `signal.reason`.
 *
 * Cost, l = rank + oversample: 'gaussian' one product with l columns and 8nl² flops; 'uniform' l columns of A;
 * 'leverage' l·log₂(n/l) more; 'rpcholesky' about 1.5·l columns and 2nl² flops more. The latter two read the
 * diagonal, which is a whole pass where A does not offer it; where A has no `columns`, each round of them is a
 * product. Memory: three blocks n × l. A tolerance doubles l until it is met, from the start each time
 * ('rpcholesky' just goes on).
 * Accuracy: E‖A − Â‖₁ ≤ (1 + r/(l − r − 1))·Σ_{j>r} λⱼ for each r < l − 1, before the cut ('gaussian');
 * 'rpcholesky' reaches (1 + ε) times the best rank r with r/ε + r·log(1/(εη)) pivots, η = Σ_{j>r} λⱼ/trace.
 * Values below √n·eps·‖AΩ‖ are not told from 0 (but by 'rpcholesky').
 * Source: Tropp, Yurtsever, Udell, Cevher 2017, "Fixed-rank approximation of a positive-semidefinite matrix from
 * streaming data", algorithm 3, with a QR before its SVD; for columns of the identity alike. Musco and Musco
 * 2017; Chen, Epperly, Tropp, Webber 2022; Epperly, Tropp, Webber 2024.
 *
 * @example
 * ```ts
 * import { cg, kernelMatrix, matrix, nystrom, operator, random, sum } from 'lowrank'
 * const X = random.normal([500, 3])
 * const K = kernelMatrix(X, { gamma: 0.2 })
 * const approximation = nystrom(K, { rank: 60, columns: 'rpcholesky' })
 * console.log(approximation.errorEstimate)      // of the trace
 * // Kernel ridge regression, with the approximation, and with K itself preconditioned by it.
 * const y = random.normal([500], { seed: 1 }).data
 * const fast = approximation.solve(y, 1e-3)
 * const times = (V) => matrix(V.data.map((v) => 1e-3 * v), V.shape)
 * const ridge = operator({ shape: K.shape, matmat: times, rmatmat: times })
 * const { x } = cg(sum(K, ridge), y, { preconditioner: approximation.preconditioner(1e-3) })
 * ```
 */
export const nystrom: Method<[options: NystromOptions], Nystrom> = /*#__PURE__*/ method(nystromSteps)

function* nystromSteps(given: Operand, options: NystromOptions): Steps<Nystrom> {
  const plan = readOptions(FN, options, {
    ...stoppingReaders,
    columns: withDefault(oneOf('gaussian', 'uniform', 'leverage', 'rpcholesky'), 'gaussian'),
    oversample: withDefault(integer(0), 10),
    seed,
  })
  const A = yield* operandSteps(given, FN, 'A')
  const [n, cols] = A.shape
  if (n !== cols) {
    throw new ShapeError({ fn: FN, argument: 'A', expected: 'a square matrix', given: `${n}×${cols}` })
  }
  const goal = goalOf(FN, plan, A)
  const cap = Math.min(n, goal.rank + plan.oversample)
  const wantsDiagonal = plan.columns === 'leverage' || plan.columns === 'rpcholesky'
  const diagonal =
    wantsDiagonal || offers(A, 'diagonal')
      ? checkDiagonal(yield* diagonalOf(A), FN, precisionOf(A))
      : undefined
  const norm = diagonal && total(diagonal)
  if (n === 0 || norm === 0) {
    if (n > 0) yield* checkZeroSteps(A, plan.seed)
    return nystromResult(emptyMatrix(n, 0), new Float64Array(0), zeroQuality(diagonal, Math.sign(n)))
  }
  // Without a diagonal of its own, A is asked for all of its columns.
  let passes = !wantsDiagonal || offers(A, 'diagonal') ? 0 : offers(A, 'columns') ? 1 : Math.ceil(n / 64)
  const draft: Draft = { A, goal, diagonal, norm, ...plan }
  const grows = goal.tolerance !== undefined && plan.columns === 'rpcholesky'
  for (let width = goal.tolerance === undefined || grows ? cap : FIRST; ; width *= 2) {
    const l = Math.min(cap, width)
    const attempt = l === n && !grows ? yield* exactSteps(draft) : yield* attemptSteps(draft, l)
    passes += attempt.passes
    if (attempt.met || l === cap) return yield* finishSteps(draft, { ...attempt, passes })
  }
}

/** Refuses an A without a diagonal that is not 0. */
function* checkZeroSteps(A: AnyOperator, seed: number): Steps<void> {
  const AG = yield* product(A, yield* probeSteps(A.shape[0], seed))
  if (norm2(AG.data) > 0) refuseIndefinite(FN, 'zeros on the diagonal of a matrix that is not 0', 0)
}

/** Columns that a tolerance begins with. */
const FIRST = 32
/** P(true norm > 3 × estimate) < 3·10⁻⁴ for ten probes, whatever the residual's spectrum. */
const SAFETY = 3

interface Draft {
  readonly A: AnyOperator
  readonly goal: Goal
  readonly diagonal: Float64Array | undefined
  /** The trace. */
  readonly norm: number | undefined
  readonly columns: 'gaussian' | 'uniform' | 'leverage' | 'rpcholesky'
  readonly seed: number
}

/** An approximation before it is cut. */
interface Attempt {
  readonly U: Matrix
  readonly values: Float64Array
  readonly indices: Int32Array
  readonly passes: number
  /** Its error and the norm of A: traces, or from probes. */
  readonly outside: number
  readonly norm: number
  readonly probes: { readonly G: Matrix; readonly AG: Matrix } | undefined
  /** Whether the tolerance, where there is one, is met. */
  readonly met: boolean
}

/** What columns or products of A give. */
interface Sketched {
  readonly factor: Factor
  readonly indices: Int32Array
  readonly passes: number
  readonly AG?: Matrix
  readonly outside?: number
}

function* attemptSteps(draft: Draft, l: number): Steps<Attempt> {
  const { A, diagonal, goal } = draft
  const n = A.shape[0]
  const G = diagonal === undefined ? yield* probeSteps(n, draft.seed) : undefined
  const sketched = yield* sketchSteps(draft, l, G)
  const { U, values } = yield* spectrumSteps(sketched.factor)
  const { indices, passes } = sketched
  let norm = draft.norm!
  let outside: number
  let probes: Attempt['probes']
  if (G === undefined) {
    outside = sketched.outside ?? norm - total(values)
    if (outside < -slack(precisionOf(A)) * norm) {
      refuseIndefinite(FN, `one of trace ${norm}, less than the ${total(values)} of its approximation`, 0)
    }
    outside = Math.max(0, outside)
  } else {
    probes = { G, AG: sketched.AG! }
    norm = (yield* knownNorm(A)) ?? estimateNorm(probes.AG)
    outside = yield* probedErrorSteps(U, values, probes)
  }
  const met = goal.tolerance === undefined || (G ? SAFETY : 1) * outside <= goal.tolerance(norm)
  return { U, values, indices, passes, outside, norm, probes, met }
}

function* sketchSteps(draft: Draft, l: number, G: Matrix | undefined): Steps<Sketched> {
  const { A, diagonal, goal, norm, seed } = draft
  const n = A.shape[0]
  if (draft.columns === 'gaussian') return yield* gaussianSketchSteps(A, l, seed, G)
  const passesOf = (read: number, calls: number): number => (offers(A, 'columns') ? read / n : calls)
  if (draft.columns === 'rpcholesky') {
    const tolerance = goal.tolerance?.(norm!)
    const { F, pivots, outside, read, calls } = yield* rpCholeskySteps(FN, A, diagonal!, l, tolerance, seed)
    return { factor: { E: F, nu: 0 }, indices: pivots, passes: passesOf(read, calls), outside }
  }
  let [read, calls] = [l, 1]
  let indices: Int32Array = new Int32Array(l)
  if (draft.columns === 'uniform') {
    subsets(l, n, seed, STREAM.nystromColumns)(0, indices, 0)
  } else {
    const found = yield* ridgeColumnsSteps(FN, A, diagonal!, l, seed)
    indices = found.indices
    read += found.read
    calls += found.calls
  }
  const factor = yield* columnFactorSteps(A, indices)
  const passes = passesOf(read, calls)
  return G === undefined
    ? { factor, indices, passes }
    : { factor, indices, passes: passes + 1, AG: yield* product(A, G) }
}

/** Â + ν·I = E·Eᵀ from Y = A·Ω with orthonormal Ω. */
function* gaussianSketchSteps(A: AnyOperator, l: number, seed: number, G?: Matrix): Steps<Sketched> {
  const n = A.shape[0]
  yield* report(FN, 'product', 0, 1)
  const Omega = yield* orthonormalizeSteps(yield* gaussianSteps(n, 0, l, STREAM.testMatrix, seed))
  const AX = yield* product(A, G === undefined ? Omega : beside([Omega, G], n))
  yield* report(FN, 'product', 1, 1)
  const Y = G === undefined ? AX : leadingColumns(AX, l)
  const B = yield* innerSteps(Omega, Y)
  const factor = yield* coreSteps(A, Y, B, (nu) => {
    for (let e = 0; e < Y.data.length; e++) Y.data[e]! += nu * Omega.data[e]!
  })
  const sketched = { factor, indices: new Int32Array(0), passes: 1 }
  return G === undefined ? sketched : { ...sketched, AG: columnRange(AX, l, l + PROBES) }
}

/** The same where Ω is the columns S of the identity. */
function* columnFactorSteps(A: AnyOperator, S: Int32Array): Steps<Factor> {
  yield* report(FN, 'columns', 0, 1)
  const Y = yield* columnsOf(A, S)
  yield* report(FN, 'columns', 1, 1)
  return yield* coreSteps(A, Y, rowsAmong(Y, S), (nu) => {
    S.forEach((i, t) => (Y.data[i * S.length + t]! += nu))
  })
}

/** E = (Y + νΩ)·L⁻ᵀ in the place of Y, with L·Lᵀ = B + ν·I; `shift` adds νΩ to Y. */
function* coreSteps(A: AnyOperator, Y: Matrix, B: Matrix, shift: (nu: number) => void): Steps<Factor> {
  const precision = precisionOf(A)
  const size = yield* sizeSteps(Y)
  if (size === 0) return { E: emptyMatrix(A.shape[0], 0), nu: 0 }
  symmetrize(B, size, FN, precision)
  const start = Math.sqrt(A.shape[0]) * precision * size
  const { L, nu } = yield* shiftedCholeskySteps(B, start, size, FN, precision)
  shift(nu)
  yield* breath()
  yield* divideRowsSteps(Y, L)
  return { E: Y, nu }
}

/** The eigendecomposition of the whole. */
function* exactSteps({ A, norm }: Draft): Steps<Attempt> {
  yield* report(FN, 'dense eigendecomposition', 0, 1)
  const entries = yield* entriesOf(A)
  checkSymmetric(dense(entries), FN)
  const n = A.shape[0]
  const { values, vectors } = yield* symmetricEigenSteps(dense(entries), 'full')
  const size = norm2(values)
  if (values[0]! < -slack(precisionOf(A)) * size) refuseIndefinite(FN, `the eigenvalue ${values[0]!}`, 0)
  const kept = values.filter((value) => value > n * precisionOf(A) * size).reverse()
  const U = wrap(new Float64Array(n * kept.length), n, kept.length)
  for (let i = 0, o = 0; i < n; i++) {
    for (let j = 0; j < kept.length; j++) U.data[o++] = vectors.data[i * n + n - 1 - j]!
  }
  yield* report(FN, 'dense eigendecomposition', 1, 1)
  return {
    U,
    values: kept,
    indices: new Int32Array(0),
    passes: 1,
    outside: 0,
    norm: norm ?? total(kept),
    probes: undefined,
    met: true,
  }
}

/** Cuts to the rank, or to the least one within the tolerance, and says how good that is. */
function* finishSteps({ goal }: Draft, attempt: Attempt): Steps<Nystrom> {
  const { values, norm, probes, indices, passes } = attempt
  // The rest and what is cut off are both semidefinite: their traces add up, of other norms the sum is a bound.
  const [size, safety] = probes === undefined ? [total, 1] : [norm2, SAFETY]
  const errorAt = (rank: number): number => safety * attempt.outside + size(values.subarray(rank))
  let rank = Math.min(goal.rank, values.length)
  if (goal.tolerance !== undefined) {
    const tolerance = goal.tolerance(norm)
    while (rank > 0 && errorAt(rank - 1) <= tolerance) rank--
  }
  const U = leadingColumns(attempt.U, rank)
  const kept = values.slice(0, rank)
  orient(U)
  const outside = probes === undefined ? errorAt(rank) : yield* probedErrorSteps(U, kept, probes)
  return nystromResult(U, kept, {
    indices,
    passes,
    errorEstimate: norm === 0 ? 0 : outside / norm,
    errorNorm: probes === undefined ? 'trace' : 'fro',
  })
}

/** ‖A − Â‖_F as the probes see it. */
function* probedErrorSteps(
  U: Matrix,
  values: Float64Array,
  { G, AG }: { G: Matrix; AG: Matrix },
): Steps<number> {
  const ApproxG = yield* throughSteps(U, values, U.transpose(1, 0), G)
  for (let e = 0; e < ApproxG.data.length; e++) ApproxG.data[e] = AG.data[e]! - ApproxG.data[e]!
  return estimateNorm(ApproxG)
}

type NystromQuality = Pick<Nystrom, 'indices' | 'passes' | 'errorEstimate' | 'errorNorm'>

const zeroQuality = (diagonal: Float64Array | undefined, passes: number): NystromQuality => ({
  indices: new Int32Array(0),
  passes,
  errorEstimate: 0,
  errorNorm: diagonal === undefined ? 'fro' : 'trace',
})

function nystromResult(U: Matrix, values: Float64Array, quality: NystromQuality): Nystrom {
  const n = U.shape[0]!
  const products = (X: Matrix): Steps<Matrix> => throughSteps(U, values, U.transpose(1, 0), X)
  const operator = operatorFromSteps([n, n], false, {
    matmat: products,
    rmatmat: products,
    // eslint-disable-next-line require-yield -- steps by contract
    *frobeniusNorm() {
      return norm2(values)
    },
  }) as LinearOperator
  const solve = fromSteps(function* (b: RightHand, ridge: number, options?: RunOptions) {
    const fn = `${FN}(A).solve`
    readOptions(fn, options, {})
    const mu = checkedRidge(ridge, fn)
    const { view, give } = takeRightHand(b, fn, n)
    const inverses = values.map((value) => 1 / (value + mu))
    return give(yield* filteredSteps(U, inverses, 1 / mu, wrap(packed(view), view.rows, view.cols)))
  }, 2)
  return Object.assign(operator, {
    U,
    values,
    rank: values.length,
    ...quality,
    solve: solve as never as NystromSolver,
    preconditioner: (ridge: number) => preconditionerOf(U, values, ridge),
    toDense: () => runSync(multiplySteps(dense(scaledColumns(U, values)), flip(dense(U)))) as Matrix,
  })
}

/** U·diag((λ_last + μ)/(λᵢ + μ))·Uᵀ + (I − UUᵀ). */
function preconditionerOf(U: Matrix, values: Float64Array, ridge: number): LinearOperator {
  const n = U.shape[0]!
  const mu = checkedRidge(ridge, `${FN}(A).preconditioner`)
  const weights = values.map((value) => (values.at(-1)! + mu) / (value + mu))
  const products = (X: Matrix): Steps<Matrix> =>
    filteredSteps(U, weights, 1, wrap(X.data.slice(), X.shape[0]!, X.shape[1]!))
  return operatorFromSteps([n, n], false, { matmat: products, rmatmat: products }) as LinearOperator
}

/** U·diag(inside)·UᵀB + outside·(I − UUᵀ)B, in the place of B; what is outside is projected twice. */
function* filteredSteps(U: Matrix, inside: Float64Array, outside: number, B: Matrix): Steps<Matrix> {
  const W = yield* innerSteps(U, B)
  yield* subtractProductSteps(B, U, W)
  yield* subtractProductSteps(B, U, yield* innerSteps(U, B))
  const within = yield* multiplySteps(dense(U), dense(scaledRows(W, inside)))
  for (let e = 0; e < B.data.length; e++) B.data[e] = within.data[e]! + outside * B.data[e]!
  return B
}

function checkedRidge(ridge: unknown, fn: string): number {
  if (typeof ridge === 'number' && ridge > 0 && ridge < Infinity) return ridge
  throw new OptionError({ fn, argument: 'ridge', expected: 'a finite number > 0', given: describe(ridge) })
}
