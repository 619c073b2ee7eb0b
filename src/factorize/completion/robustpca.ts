import { dense, emptyMatrix, wrap } from '../../linalg/arrays.js'
import type { Dense, Matrix } from '../../linalg/arrays.js'
import { operandSteps } from '../../linalg/operators/denseoperator.js'
import { ConvergenceError } from '../../linalg/errors.js'
import { frobeniusSteps, maxAbs } from '../../linalg/magnitude.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import { method, precisionOf } from '../../linalg/operators.js'
import type { Method, Operand } from '../../linalg/operators.js'
import {
  integer,
  nonNegative,
  optional,
  positive,
  readOptions,
  seed,
  withDefault,
} from '../../linalg/options.js'
import { entriesOf } from '../../linalg/products.js'
import { powerOfTwo } from '../../linalg/dense/reflectors.js'
import { breath, report } from '../../linalg/steps.js'
import type { RunOptions, Steps } from '../../linalg/steps.js'
import { denseSvdSteps } from '../../linalg/dense/svd.js'
import type { SvdFactors } from '../../linalg/dense/svdfactors.js'
import { leadingColumns, leadingRows, scaledColumns } from '../../linalg/thin.js'
import { svdResult } from '../lowrank.js'
import type { Svd } from '../lowrank.js'
import { rsvdSteps } from '../svd/rsvd.js'
import { ROUNDING } from '../stopping.js'

/** What `robustPca` weighs sparsity by, and when it ends. */
export interface RobustPcaOptions extends RunOptions {
  /** λ > 0 of ‖L‖_* + λ‖S‖₁. Default 1/√max(m, n). */
  readonly lambda?: number | undefined
  /** L has at most this rank; above min(m, n) it is clamped. */
  readonly rank?: number | undefined
  /** Until ‖A − L − S‖_F ≤ rtol·‖A‖_F. Default 1e-7; at least 64·eps. */
  readonly rtol?: number | undefined
  /** Default 200. */
  readonly maxIterations?: number | undefined
  /** An integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/** An iteration of `robustPca`. */
export interface RobustPcaStep {
  /** ‖A − L − S‖_F / ‖A‖_F */
  readonly residual: number
  /** The rank of L. */
  readonly rank: number
  /** Entries of S that are not zero. */
  readonly nonzeros: number
}

/** A ≈ L + S. */
export interface RobustPca {
  /** L; its `errorEstimate` is ‖A − L − S‖_F / ‖A‖_F, not an estimate. */
  readonly lowRank: Svd
  /** S, m × n. */
  readonly sparse: Matrix
  /** The rank of L. */
  readonly rank: number
  readonly iterations: number
  readonly history: readonly RobustPcaStep[]
}

const FN = 'robustPca'

/** The penalty grows so much in each iteration, and so much in all. */
const [GROWTH, MOST] = [1.5, 1e7]
/** A partial SVD is cheaper than a whole one from so many singular values of the smaller side for each wanted. */
const PARTIAL = 6
/** Columns of a partial SVD beyond those wanted. */
const OVERSAMPLE = 10
/** Entries between two breaths: a few milliseconds. */
const STRETCH = 2 ** 18

/**
 * Robust PCA: a low-rank matrix and a sparse one whose sum is A, min ‖L‖_* + λ‖S‖₁ with L + S = A.
 *
 * Where L is of low rank and spread over its entries, and S has few entries at random places, of whatever size, both
 * are found exactly. Entries of S cost λ each by size, so a larger λ leaves more to L; from λ = 1 on S is zero.
 *
 * @param A - m × n: a matrix, or an operator, of which all entries are asked once.
 * @param options - `lambda`, `rank`, `rtol`, `maxIterations`, `seed`.
 * @returns `{ lowRank, sparse, rank, iterations, history }`; `lowRank` is `{ U, s, Vt, … }` and an operator.
 * An operand with `async: true` gives a Promise; `robustPca.async` runs cooperatively for any operand.
 * @throws ConvergenceError, with the last L and S as `best`, after `maxIterations`; OptionError, ShapeError,
 * NotFiniteError, and `signal.reason` on an abort.
 *
 * Cost: 15 to 40 iterations as a rule, each an SVD of m × n: randomized, 12mn(r + 10) flops, while the rank r is below
 * a sixth of min(m, n), dense above. One pass over A; four m × n matrices of memory, since S is one.
 *
 * Source: Lin, Chen and Ma 2010, "The augmented Lagrange multiplier method for exact recovery of corrupted low-rank
 * matrices", algorithm 5 (inexact ALM); Candès, Li, Ma and Wright 2011 for λ. Departures: partial SVDs are randomized,
 * and made again with more columns until one is below the threshold. The penalty grows geometrically, so the end is
 * feasible to rtol, and optimal as far as recovery is concerned, but not to rtol where no recovery is possible.
 *
 * @example
 * ```ts
 * import { matmul, random, robustPca } from 'lowrank'
 * const A = matmul(random.normal([60, 3]), random.normal([3, 50], { seed: 1 }))
 * A.set(7, 9, 1000)
 * const { lowRank, sparse, rank } = robustPca(A)   // rank 3
 * sparse.get(7, 9)                                 // 1000 less what A was there
 * ```
 */
export const robustPca: Method<[options?: RobustPcaOptions], RobustPca> = /*#__PURE__*/ method(robustPcaSteps)

const readers = {
  lambda: optional(positive),
  rank: optional(integer(1)),
  rtol: withDefault(nonNegative, 1e-7),
  maxIterations: withDefault(integer(1), 200),
  seed,
}

function* robustPcaSteps(given: Operand, options?: RobustPcaOptions): Steps<RobustPca> {
  const plan = readOptions(FN, options, readers)
  const operand = yield* operandSteps(given, FN, 'A')
  const [m, n] = operand.shape
  const p = Math.min(m, n)
  const lambda = plan.lambda ?? 1 / Math.sqrt(Math.max(m, n, 1))
  const most = Math.min(plan.rank ?? p, p)
  const { data: A } = p === 0 ? emptyMatrix(m, n) : yield* entriesOf(operand)
  const scale = powerOfTwo(maxAbs(view(A, m, n)))
  if (scale !== 1) for (let e = 0; e < A.length; e++) A[e]! *= scale

  const target = Math.max(plan.rtol, ROUNDING * precisionOf(operand))
  const norm = yield* frobeniusSteps(view(A, m, n))
  const S = new Float64Array(m * n)
  const history: RobustPcaStep[] = []
  let [U, s, Vt] = [emptyMatrix(m, 0), new Float64Array(0), emptyMatrix(0, n)]
  const reached = (): RobustPca => ({
    lowRank: svdResult(
      U,
      s.map((value) => value / scale),
      Vt,
      { passes: 1, errorEstimate: history.at(-1)?.residual ?? 0, precision: precisionOf(operand) },
    ),
    sparse: wrap(scale === 1 ? S : S.map((value) => value / scale), m, n),
    rank: s.length,
    iterations: history.length,
    history,
  })
  if (norm === 0) return reached()

  const { s: leading } = yield* leadingSteps(A, m, n, 1, plan.seed)
  const spectral = leading[0]!
  const dual = Math.max(spectral, maxAbs(view(A, m, n)) / lambda)
  const Y = A.map((a) => a / dual)
  let mu = 1.25 / spectral
  const ceiling = mu * MOST
  // What L is made of: A − S + Y/μ.
  let W: Float64Array = A.map((a, e) => a + Y[e]! / mu)
  for (let wanted = Math.min(10, most); ;) {
    yield* report(FN, 'iterate', history.length, plan.maxIterations)
    let factors = yield* leadingSteps(W, m, n, wanted, plan.seed)
    while (factors.s.length < most && factors.s.at(-1)! > 1 / mu) {
      wanted = Math.min(most, 2 * wanted)
      factors = yield* leadingSteps(W, m, n, wanted, plan.seed)
    }
    const above = factors.s.findIndex((value) => value <= 1 / mu)
    const rank = Math.min(most, above < 0 ? factors.s.length : above)
    wanted = Math.min(most, rank + 5)
    U = leadingColumns(factors.U, rank)
    Vt = leadingRows(factors.Vt, rank)
    s = factors.s.slice(0, rank).map((value) => value - 1 / mu)
    const L = (yield* multiplySteps(dense(scaledColumns(U, s)), dense(Vt))) as Matrix
    const next = Math.min(mu * GROWTH, ceiling)
    const { squares, nonzeros } = yield* shrinkSteps({ A, S, Y, W: L.data, lambda, mu, next })
    W = L.data
    mu = next
    const residual = Math.sqrt(squares) / norm
    history.push({ residual, rank, nonzeros })
    if (residual <= target) return reached()
    if (history.length >= plan.maxIterations) {
      throw new ConvergenceError({
        fn: FN,
        argument: 'A',
        expected: `‖A − L − S‖_F <= ${target}·‖A‖_F`,
        given: `${residual} after ${history.length} iterations, the most allowed`,
        iterations: history.length,
        residual,
        best: reached(),
      })
    }
  }
}

const view = (data: Float64Array, rows: number, cols: number): Dense => ({
  data,
  offset: 0,
  rows,
  cols,
  rs: cols,
  cs: 1,
})

/** The SVD, or the leading `wanted` triplets and perhaps more where they are cheaper. */
function* leadingSteps(
  W: Float64Array,
  m: number,
  n: number,
  wanted: number,
  seed: number,
): Steps<SvdFactors> {
  const matrix = wrap(W, m, n)
  if (PARTIAL * (wanted + OVERSAMPLE) > Math.min(m, n)) return yield* denseSvdSteps(dense(matrix), 'thin')
  const plan = {
    rank: wanted,
    rtol: undefined,
    atol: undefined,
    oversample: OVERSAMPLE,
    powerIterations: 2,
    method: 'power' as const,
    refine: 'none' as const,
    blockSize: undefined,
    seed,
    signal: undefined,
    onProgress: undefined,
  }
  return yield* rsvdSteps(FN, yield* operandSteps(matrix, FN, 'A'), plan)
}

/**
 * All that an iteration does entry by entry, in one sweep: S shrinks A − L + Y/μ by λ/μ, Y moves by μ·(A − L − S), and
 * W, which holds L, is made A − S + Y/μ for the next L.
 */
function* shrinkSteps(at: {
  readonly A: Float64Array
  readonly S: Float64Array
  readonly Y: Float64Array
  readonly W: Float64Array
  readonly lambda: number
  readonly mu: number
  readonly next: number
}): Steps<{ squares: number; nonzeros: number }> {
  const { A, S, Y, W, lambda, mu, next } = at
  const threshold = lambda / mu
  let [squares, nonzeros] = [0, 0]
  for (let e0 = 0; e0 < A.length; e0 += STRETCH) {
    const end = Math.min(A.length, e0 + STRETCH)
    let part = 0
    for (let e = e0; e < end; e++) {
      const apart = A[e]! - W[e]!
      const t = apart + Y[e]! / mu
      const entry = t > threshold ? t - threshold : t < -threshold ? t + threshold : 0
      const z = apart - entry
      if (entry !== 0) nonzeros++
      part += z * z
      S[e] = entry
      const y = Y[e]! + mu * z
      Y[e] = y
      W[e] = A[e]! - entry + y / next
    }
    squares += part
    yield* breath()
  }
  return { squares, nonzeros }
}
