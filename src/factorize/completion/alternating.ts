import { dense, flip, wrap } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { norm2 } from '../../linalg/magnitude.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import { solveRowsOf, withResidual } from '../../linalg/operators/observed.js'
import type { AnyObservedOperand, RowSolve, Side } from '../../linalg/operators/observed.js'
import { precisionOf } from '../../linalg/operators.js'
import { knownNorm } from '../../linalg/products.js'
import { orthonormalizeSteps } from '../../linalg/dense/qr.js'
import { report } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { scaledColumns } from '../../linalg/thin.js'
import type { CompletionPlan, Factors, Told } from './completematrix.js'
import { rsvdSteps } from '../svd/rsvd.js'

/** Iterations of a row problem, at most, and the rows of its sketch, in units of k. */
const INEXACT = { iterations: 16, sketch: 4 } as const
/** They end at a part of its error that is half of what the last sweep made of the residual, within these. */
const [FINEST, COARSEST] = [1e-4, 0.1]
/** Sweeps by default. */
const SWEEPS = 50
/** A residual of this part of the entries is rounding, in units of that of the operand. */
const ROUNDING = 4
/** No row of the first factor is longer than so many times the root mean square of its rows. */
const LONGEST = 2 * Math.sqrt(3)

/**
 * Alternating least squares, from the singular vectors of the entries with zeros elsewhere. Without a ridge, the factor
 * that stands still is orthonormalised before each half sweep, which leaves the product as it is.
 */
export function* alternatingSteps(
  fn: string,
  M: AnyObservedOperand,
  k: number,
  plan: CompletionPlan,
  told: Told,
): Steps<Factors> {
  const [m, n] = M.shape
  const norm = (yield* knownNorm(M)) ?? 0
  if (k === 0 || norm === 0)
    return { U: wrap(new Float64Array(m * k), m, k), V: wrap(new Float64Array(n * k), n, k) }
  const ridge = plan.ridge ?? 0
  let { U, V } = yield* startSteps(fn, M, k, plan.seed)
  let [before, flops, reduction] = [Infinity, 0, COARSEST]
  const half = function* (side: Side, fixed: Matrix, start: Matrix): Steps<Matrix> {
    const inexact = { ...INEXACT, reduction, start, seed: plan.seed }
    const how: RowSolve = plan.method === 'sketched' ? { ridge, inexact } : { ridge }
    const solution = yield* solveRowsOf(M, side, fixed, how)
    flops += solution.flops
    return solution.X
  }
  const iterations = plan.iterations ?? SWEEPS
  for (let sweep = 0; sweep < iterations; sweep++) {
    if (ridge === 0) [V, U] = yield* orthonormalSteps(V, U)
    U = yield* half('rows', V, U)
    if (ridge === 0) [U, V] = yield* orthonormalSteps(U, V)
    V = yield* half('cols', U, V)
    const residual = ((yield* withResidual(M, U, V, knownNorm)) ?? 0) / norm
    yield* told({ U, V }, residual, flops)
    // With a ridge it is the sum with the factors' squares that falls, and the residual may grow.
    const left = Math.hypot(residual, (Math.sqrt(ridge) * Math.hypot(norm2(U.data), norm2(V.data))) / norm)
    if (residual <= ROUNDING * precisionOf(M) || (sweep > 0 && before - left <= plan.rtol * before)) break
    reduction = Math.min(COARSEST, Math.max(FINEST, left / before / 2))
    before = left
  }
  return { U, V }
}

/** Factors of the best approximation of the entries with zeros elsewhere, scaled to what all entries would have. */
function* startSteps(fn: string, M: AnyObservedOperand, k: number, seed: number): Steps<Factors> {
  const [m, n] = M.shape
  yield* report(fn, 'starting factors', 0, 1)
  const { U, s, Vt } = yield* rsvdSteps(fn, M, {
    rank: k,
    rtol: undefined,
    atol: undefined,
    oversample: 10,
    powerIterations: 2,
    method: 'power',
    refine: 'none',
    blockSize: undefined,
    seed,
  })
  yield* report(fn, 'starting factors', 1, 1)
  const roots = s.map((x) => Math.sqrt((x * m * n) / M.count))
  const V = scaledColumns(wrap(transposed(Vt), n, s.length), roots)
  clipRows(V)
  return { U: scaledColumns(U, roots), V }
}

function transposed(A: Matrix): Float64Array {
  const [m, n] = [A.shape[0]!, A.shape[1]!]
  const out = new Float64Array(m * n)
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) out[j * m + i] = A.data[i * n + j]!
  return out
}

/** Shortens rows that stand out: what they were made from is a few large entries. */
function clipRows(V: Matrix): void {
  const [n, k] = [V.shape[0]!, V.shape[1]!]
  const lengths = new Float64Array(n)
  for (let j = 0; j < n; j++) lengths[j] = Math.hypot(...V.data.subarray(j * k, (j + 1) * k))
  const most = LONGEST * Math.sqrt(lengths.reduce((sum, x) => sum + x * x, 0) / n)
  for (let j = 0; j < n; j++) {
    if (lengths[j]! > most) for (let t = j * k; t < (j + 1) * k; t++) V.data[t]! *= most / lengths[j]!
  }
}

/**
 * Q of F = Q·R, and what stands for `other` beside it: other·Fᵀ = (other·Rᵀ)·Qᵀ. Rows of zeros, which have no entries,
 * stay that: Q would have rounding there, or columns of its own where F is rank-deficient.
 */
function* orthonormalSteps(F: Matrix, other: Matrix): Steps<[Q: Matrix, other: Matrix]> {
  const Q = yield* orthonormalizeSteps(F)
  const [m, k] = [F.shape[0]!, F.shape[1]!]
  for (let i = 0; i < m; i++) {
    if (F.data.subarray(i * k, (i + 1) * k).every((x) => x === 0)) Q.data.fill(0, i * k, (i + 1) * k)
  }
  const R = (yield* multiplySteps(flip(dense(Q)), dense(F))) as Matrix
  return [Q, (yield* multiplySteps(dense(other), flip(dense(R)))) as Matrix]
}
