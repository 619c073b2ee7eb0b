import { dense, emptyMatrix, wrap } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { operandSteps } from '../../linalg/operators/denseoperator.js'
import { symmetricEigenSteps } from '../../linalg/dense/eigh.js'
import { ShapeError } from '../../linalg/errors.js'
import { norm2 } from '../../linalg/magnitude.js'
import { method, precisionOf } from '../../linalg/operators.js'
import type { AnyOperator, Method, Operand } from '../../linalg/operators.js'
import { integer, oneOf, readOptions, seed, withDefault } from '../../linalg/options.js'
import { diagonalOf, entriesOf, knownNorm, offers, product } from '../../linalg/products.js'
import { STREAM } from '../../linalg/random.js'
import { report } from '../../linalg/steps.js'
import type { RunOptions, Steps } from '../../linalg/steps.js'
import { checkSymmetric } from '../../linalg/dense/symmetric.js'
import { leadingColumns, orient } from '../../linalg/thin.js'
import { subsets } from '../../sketch/subset.js'
import { probedResidualSteps } from '../lowrank.js'
import { nystromResult } from './nystromresult.js'
import type { Nystrom } from './nystromresult.js'
import { columnFactorSteps, gaussianSketchSteps } from './nystromsketch.js'
import type { Sketched } from './nystromsketch.js'
import { SAFETY, estimateNorm, probeSteps } from '../probes.js'
import { checkDiagonal, refuseIndefinite, slack, spectrumSteps } from './psd.js'
import { ridgeColumnsSteps } from '../columns/ridgecolumns.js'
import { FIRST, rpCholeskySteps, total } from './rpcholesky.js'
import { goalOf, stoppingReaders } from '../stopping.js'
import type { Goal } from '../stopping.js'

/** When `nystrom` stops, and what it multiplies the matrix by. */
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
 * ('rpcholesky' just goes on), up to the whole of A: for a large one give a `rank` too.
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
    return nystromResult(emptyMatrix(n, 0), new Float64Array(0), {
      indices: new Int32Array(0),
      passes: Math.sign(n),
      errorEstimate: 0,
      errorNorm: diagonal === undefined ? 'fro' : 'trace',
      precision: precisionOf(A),
    })
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
    outside = yield* probedResidualSteps([U, values, U.transpose(1, 0)], probes)
  }
  const met = goal.tolerance === undefined || (G ? SAFETY : 1) * outside <= goal.tolerance(norm)
  return { U, values, indices, passes, outside, norm, probes, met }
}

function* sketchSteps(draft: Draft, l: number, G: Matrix | undefined): Steps<Sketched> {
  const { A, diagonal, goal, norm, seed } = draft
  const n = A.shape[0]
  if (draft.columns === 'gaussian') return yield* gaussianSketchSteps(FN, A, l, seed, G)
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
  const factor = yield* columnFactorSteps(FN, A, indices)
  const passes = passesOf(read, calls)
  return G === undefined
    ? { factor, indices, passes }
    : { factor, indices, passes: passes + 1, AG: yield* product(A, G) }
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
function* finishSteps({ A, goal }: Draft, attempt: Attempt): Steps<Nystrom> {
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
  const outside =
    probes === undefined ? errorAt(rank) : yield* probedResidualSteps([U, kept, U.transpose(1, 0)], probes)
  return nystromResult(U, kept, {
    indices,
    passes,
    errorEstimate: norm === 0 ? 0 : outside / norm,
    errorNorm: probes === undefined ? 'trace' : 'fro',
    precision: precisionOf(A),
  })
}
