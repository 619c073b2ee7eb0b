import { dense, emptyMatrix } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { operandSteps } from '../../linalg/operators/denseoperator.js'
import { symmetricEigenSteps } from '../../linalg/dense/eigh.js'
import { ShapeError } from '../../linalg/errors.js'
import { norm2 } from '../../linalg/magnitude.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import { method, precisionOf } from '../../linalg/operators.js'
import type { AnyOperator, Method, Operand } from '../../linalg/operators.js'
import { integer, oneOf, optional, readOptions, seed, withDefault } from '../../linalg/options.js'
import { entriesOf } from '../../linalg/products.js'
import { report } from '../../linalg/steps.js'
import type { RunOptions, Steps } from '../../linalg/steps.js'
import { checkSymmetric } from '../../linalg/dense/symmetric.js'
import { orient, pickedColumns } from '../../linalg/thin.js'
import { factored, innerSteps, probedErrorSteps } from '../lowrank.js'
import type { Approximation, Quality } from '../lowrank.js'
import type { Probed } from '../probes.js'
import { adaptiveBlock, qbSteps } from './qb.js'
import { finalOperand, refinedSteps, refiningReaders } from './refine.js'
import type { Refining } from './refine.js'
import { goalOf, stoppingReaders, trimmedRank } from '../stopping.js'
import type { Goal, Stopping } from '../stopping.js'

/** When `reigh` stops, and how it looks for the leading eigenspace. */
export interface ReighOptions extends Stopping, Refining, RunOptions {
  /** Extra columns of the sketch beyond `rank`. Default 10. */
  readonly oversample?: number | undefined
  /** Power iterations, or Krylov blocks after the first. Default 2. */
  readonly powerIterations?: number | undefined
  /** 'power' (default), 'krylov' (more accurate per pass, more memory). */
  readonly method?: 'power' | 'krylov' | undefined
  /** Columns that an adaptive basis grows by. Default n/10, between 8 and 64. */
  readonly blockSize?: number | undefined
  /** An integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/** A ≈ vectors·diag(values)·vectorsᵀ: an operator again. */
export interface Reigh extends Approximation, Quality {
  /** `rank` eigenvalues, largest magnitude first. */
  readonly values: Float64Array
  /** n × rank, orthonormal columns; the entry of largest magnitude of each is positive. */
  readonly vectors: Matrix
  /** The n × n approximation, formed. */
  toDense(): Matrix
}

/**
 * Randomized truncated eigendecomposition of a symmetric matrix, definite or not: A ≈ V·diag(values)·Vᵀ with the
 * eigenvalues of largest magnitude.
 *
 * @param A - n × n, symmetric: a matrix, or an operator of which only products with thin blocks are asked.
 * @param options - at least one of `rank`, `rtol`, `atol` (Frobenius norm; whichever comes first). Where
 * `rank + oversample` reaches n the dense eigendecomposition is used.
 * @returns `{ values, vectors, rank, passes, errorEstimate, errorNorm: 'fro' }`. |values[j]| never exceeds the
 * magnitude of A's j-th eigenvalue, but for rounding.
 * An operand with `async: true` gives a Promise; `reigh.async` runs cooperatively for any operand. `precision` and
 * `refine` as in `rsvd`: refined values are known to the square of the subspace's error.
 * @throws ShapeError where A is not square, or not symmetric: |gᵀAh − hᵀAg| above √eps·‖A‖·‖g‖‖h‖/n for some of ten
 * random probes; OptionError, NotFiniteError, and `signal.reason` on an abort.
 * Cost: the passes and the flops of `rsvd`, with 14l³ instead of its SVD, l = rank + oversample. For a positive
 * semidefinite A, `nystrom` is more accurate for the same passes.
 * Source: Halko, Martinsson and Tropp 2011, "Finding structure with randomness", algorithm 5.3.
 *
 * @example
 * ```ts
 * import { reigh } from 'lowrank'
 * const { values } = reigh([[2, 1], [1, -3]], { rank: 1 })   // −3.19…
 * ```
 */
export const reigh: Method<[options: ReighOptions], Reigh> = /*#__PURE__*/ method(reighSteps)

function* reighSteps(given: Operand, options: ReighOptions): Steps<Reigh> {
  const fn = 'reigh'
  const plan = readOptions(fn, options, {
    ...stoppingReaders,
    ...refiningReaders,
    oversample: withDefault(integer(0), 10),
    powerIterations: withDefault(integer(0), 2),
    method: withDefault(oneOf('power', 'krylov'), 'power'),
    blockSize: optional(integer(1)),
    seed,
  })
  const A = yield* operandSteps(given, fn, 'A')
  const n = checkedSide(A, fn)
  const goal = goalOf(fn, plan, A)
  const final = finalOperand(fn, A, plan.refine)
  if (n === 0) {
    const nothing = { passes: 0, errorEstimate: 0, precision: precisionOf(final) }
    return reighResult(new Float64Array(0), emptyMatrix(0, 0), nothing)
  }
  const fixed = goal.tolerance === undefined
  const krylov = plan.method === 'krylov'
  const width = fixed ? goal.rank + plan.oversample : (plan.blockSize ?? adaptiveBlock(n))
  const wanted = fixed ? width * (krylov ? plan.powerIterations + 1 : 1) : goal.rank + plan.oversample
  if (fixed && wanted >= n) return yield* exactSteps(fn, final, goal, 0)
  const found = yield* qbSteps(A, {
    fn,
    block: width,
    columns: Math.min(wanted, n),
    power: krylov ? 0 : plan.powerIterations,
    krylov,
    // ‖A − QQᵀAQQᵀ‖² ≤ 2‖A − QQᵀA‖² for a symmetric A.
    tolerance: goal.tolerance && ((norm) => goal.tolerance!(norm) / Math.SQRT2),
    seed: plan.seed,
    wantsB: final === A,
  })
  if (found.exhausted && wanted >= n) return yield* exactSteps(fn, final, goal, found.passes)
  const qb = final === A ? found : yield* refinedSteps(fn, final, found)
  yield* checkProbesSteps(fn, qb)
  yield* report(fn, 'small eigenproblem', 1, 1)
  const T = yield* innerSteps(qb.Q, qb.Bt)
  const small = yield* symmetricEigenSteps(dense(symmetrized(T)), 'full')
  const order = byMagnitude(small.values)
  const all = Float64Array.from(order, (j) => small.values[j]!)
  const rank = trimmedRank(all.map(Math.abs), goal, Math.SQRT2 * qb.outside, qb.norm)
  const Y = pickedColumns(small.vectors, order.subarray(0, rank))
  const V = (yield* multiplySteps(dense(qb.Q), dense(Y))) as Matrix
  orient(V)
  const values = all.slice(0, rank)
  const errorEstimate = yield* probedErrorSteps([V, values, V.transpose(1, 0)], qb)
  return reighResult(values, V, { passes: qb.passes, errorEstimate, precision: qb.precision })
}

function reighResult(
  values: Float64Array,
  vectors: Matrix,
  quality: Pick<Quality, 'passes' | 'errorEstimate' | 'precision'>,
): Reigh {
  const factors = [vectors, values, vectors.transpose(1, 0)]
  return Object.assign(factored(factors, quality.precision, norm2(values)), {
    values,
    vectors,
    rank: values.length,
    ...quality,
    errorNorm: 'fro' as const,
  })
}

/** The dense eigendecomposition, truncated; its error is its own tail. */
function* exactSteps(fn: string, A: AnyOperator, goal: Goal, passes: number): Steps<Reigh> {
  yield* report(fn, 'dense eigenproblem', 0, 1)
  const entries = yield* entriesOf(A)
  checkSymmetric(dense(entries), fn, precisionOf(A))
  const whole = yield* symmetricEigenSteps(dense(entries), 'full')
  const order = byMagnitude(whole.values)
  const all = Float64Array.from(order, (j) => whole.values[j]!)
  const norm = norm2(all)
  const rank = trimmedRank(all.map(Math.abs), goal, 0, norm)
  const errorEstimate = norm === 0 ? 0 : norm2(all.slice(rank)) / norm
  yield* report(fn, 'dense eigenproblem', 1, 1)
  const vectors = pickedColumns(whole.vectors, order.subarray(0, rank))
  const quality = { passes: passes + 1, errorEstimate, precision: precisionOf(A) }
  return reighResult(all.slice(0, rank), vectors, quality)
}

/** The order of falling magnitude, the positive one first among equals. */
const byMagnitude = (values: Float64Array): Int32Array =>
  Int32Array.from(values.keys()).sort(
    (i, j) => Math.abs(values[j]!) - Math.abs(values[i]!) || values[j]! - values[i]! || i - j,
  )

/** (T + Tᵀ)/2 */
function symmetrized(T: Matrix): Matrix {
  const k = T.shape[0]!
  for (let i = 0; i < k; i++) {
    for (let j = 0; j < i; j++) {
      const mean = T.data[i * k + j]! / 2 + T.data[j * k + i]! / 2
      T.data[i * k + j] = T.data[j * k + i] = mean
    }
  }
  return T
}

function checkedSide(A: AnyOperator, fn: string): number {
  const [m, n] = A.shape
  if (m === n) return n
  throw new ShapeError({ fn, argument: 'A', expected: 'a square matrix', given: `${m}×${n}` })
}

/** Refuses an A for which GᵀAG, of Gaussian probes, is not symmetric: a symmetric A gives rounding alone. */
function* checkProbesSteps(fn: string, { G, AG, norm, precision }: Probed): Steps<void> {
  const S = yield* innerSteps(G, AG)
  const q = S.shape[0]!
  let asymmetry = 0
  for (let i = 0; i < q; i++) {
    for (let j = 0; j < i; j++) {
      asymmetry = Math.max(asymmetry, Math.abs(S.data[i * q + j]! - S.data[j * q + i]!))
    }
  }
  // The entries of GᵀAG are of the size of ‖A‖_F.
  if (asymmetry <= Math.sqrt(precision) * norm) return
  const given = `one for which gᵀAh and hᵀAg differ by ${(asymmetry / norm).toPrecision(2)}·‖A‖`
  throw new ShapeError({ fn, argument: 'A', expected: 'a symmetric matrix', given })
}
