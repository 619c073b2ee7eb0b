import { dense, flip, wrap } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { operandSteps } from '../../linalg/operators/denseoperator.js'
import { OptionError } from '../../linalg/errors.js'
import { norm2 } from '../../linalg/magnitude.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import { method, precisionOf } from '../../linalg/operators.js'
import type { AnyOperator, Method, Operand } from '../../linalg/operators.js'
import { integer, oneOf, optional, readOptions, seed, withDefault } from '../../linalg/options.js'
import { entriesOf } from '../../linalg/products.js'
import { report } from '../../linalg/steps.js'
import type { RunOptions, Steps } from '../../linalg/steps.js'
import { denseSvdSteps } from '../../linalg/dense/svd.js'
import { leadingColumns, leadingRows } from '../../linalg/thin.js'
import { finishSteps, svdResult } from '../lowrank.js'
import type { Svd } from '../lowrank.js'
import { adaptiveBlock, qbSteps } from './qb.js'
import { finalOperand, refinedSteps, refiningReaders } from './refine.js'
import type { Refining } from './refine.js'
import { singlePassSteps } from './singlepass.js'
import { goalOf, stoppingReaders, trimmedRank } from '../stopping.js'
import type { Goal, Stopping } from '../stopping.js'

/** When `rsvd` stops, and how it looks for the leading singular vectors. */
export interface RsvdOptions extends Stopping, Refining, RunOptions {
  /** Extra columns of the sketch beyond `rank`. Default 10. */
  readonly oversample?: number | undefined
  /** Power iterations, or Krylov blocks after the first. Default 2; unused by 'singlePass'. */
  readonly powerIterations?: number | undefined
  /** 'power' (default), 'krylov' (more accurate per pass, more memory), 'singlePass' (reads A once). */
  readonly method?: 'power' | 'krylov' | 'singlePass' | undefined
  /** Columns that an adaptive basis grows by. Default min(m, n)/10, between 8 and 64. */
  readonly blockSize?: number | undefined
  /** An integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

export const rsvdReaders = {
  ...stoppingReaders,
  ...refiningReaders,
  oversample: withDefault(integer(0), 10),
  powerIterations: withDefault(integer(0), 2),
  method: withDefault(oneOf('power', 'krylov', 'singlePass'), 'power'),
  blockSize: optional(integer(1)),
  seed,
}

type Plan = ReturnType<typeof readOptions<typeof rsvdReaders>>

/**
 * Randomized truncated SVD: A ≈ U·diag(s)·Vt of rank `rank`, or of the rank that `rtol` or `atol` needs.
 *
 * @param A - m × n: a matrix, or an operator of which only products with thin blocks are asked.
 * @param options - at least one of `rank`, `rtol`, `atol` (Frobenius norm; whichever comes first). A rank
 * above min(m, n) is clamped. Where `rank + oversample` reaches min(m, n), or 4·rank + 1 with 'singlePass',
 * the exact dense SVD is used.
 * @returns `{ U, s, Vt, rank, passes, errorEstimate, errorNorm: 'fro' }`, itself an operator m × n.
 * `errorEstimate` estimates ‖A − U·diag(s)·Vt‖_F / ‖A‖_F from ten fresh probe columns that ride along with
 * the first product; it is within a factor 2 of the truth with probability above 0.99.
 * An operand with `async: true` gives a Promise; `rsvd.async` runs cooperatively for any operand.
 * `precision` is that of A's products, 2⁻²³ for a matrix on a GPU. There σⱼ is known to about 2⁻²³·σ₀, and with
 * `refine: 'float64'` to about θ²·σⱼ, θ = 2⁻²³·‖A‖/σⱼ being what the subspace is off: the last product is made with
 * the operand's float64 copy, and `precision` is 2⁻⁵². U stays in the subspace that was found, Vt is better by a
 * factor σ₊/σⱼ, σ₊ being the largest value that the sketch has no room for. Without effect where A is float64 already.
 * @throws OptionError (`refine` without a float64 copy, or with 'singlePass', is one), ShapeError, NotFiniteError (in A,
 * or in what a product answers), and `signal.reason` on an abort.
 *
 * Cost, l = rank + oversample, q = powerIterations: 'power' 2q + 2 passes, 4(q + 1)mnl flops, O((m + n)l)
 * memory; 'krylov' as many passes, memory (q + 1) times as much; 'singlePass' one pass where A offers `both`
 * (two otherwise), l ≈ 12·rank, error a few times the optimum's where the others are near it. A tolerance
 * repeats the passes per block of columns. The float64 sweep takes the place of the last product with A, is one more
 * with a tolerance, and counts twice where the copy does not offer `both`.
 *
 * Source: Halko, Martinsson, Tropp 2011, "Finding structure with randomness", algorithms 4.4 and 5.1, with a
 * QR between all products; Martinsson and Voronin 2016 (adaptive); Musco and Musco 2015 ('krylov'); Tropp,
 * Yurtsever, Udell, Cevher 2019 ('singlePass').
 *
 * @example
 * ```ts
 * import { random, rsvd } from 'lowrank'
 * const A = random.normal([300, 200])
 * const { U, s, Vt, errorEstimate } = rsvd(A, { rank: 20 })
 * const { rank } = rsvd(A, { rtol: 0.5 })
 * ```
 */
export const rsvd: Method<[options: RsvdOptions], Svd> = /*#__PURE__*/ method(publicSteps)

function* publicSteps(A: Operand, options: RsvdOptions): Steps<Svd> {
  const plan = readOptions('rsvd', options, rsvdReaders)
  return yield* rsvdSteps('rsvd', yield* operandSteps(A, 'rsvd', 'A'), plan)
}

/** The steps behind `rsvd`, on behalf of `fn`. */
export function* rsvdSteps(fn: string, A: AnyOperator, plan: Plan): Steps<Svd> {
  const [m, n] = A.shape
  const p = Math.min(m, n)
  const goal = goalOf(fn, plan, A)
  const final = finalOperand(fn, A, plan.refine)
  if (p === 0) return emptySvd(m, n, precisionOf(final))
  if (plan.method === 'singlePass') {
    if (final !== A) refuseSinglePass(fn)
    return (yield* singlePassSteps(fn, A, goal, plan)) ?? (yield* exactSteps(fn, A, goal, 0))
  }
  const fixed = goal.tolerance === undefined
  const krylov = plan.method === 'krylov'
  const width = fixed ? goal.rank + plan.oversample : (plan.blockSize ?? adaptiveBlock(p))
  const wanted = fixed ? width * (krylov ? plan.powerIterations + 1 : 1) : goal.rank + plan.oversample
  if (fixed && wanted >= p) return yield* exactSteps(fn, final, goal, 0)
  const found = yield* qbSteps(A, {
    fn,
    block: width,
    columns: Math.min(wanted, p),
    power: krylov ? 0 : plan.powerIterations,
    krylov,
    tolerance: goal.tolerance,
    seed: plan.seed,
    wantsB: final === A,
  })
  if (found.exhausted && wanted >= p) return yield* exactSteps(fn, final, goal, found.passes)
  const qb = final === A ? found : yield* refinedSteps(fn, final, found)
  yield* report(fn, 'small SVD', 1, 1)
  const core = yield* denseSvdSteps(flip(dense(qb.Bt)), 'thin')
  const rank = trimmedRank(core.s, goal, qb.outside, qb.norm)
  const U = (yield* multiplySteps(dense(qb.Q), dense(leadingColumns(core.U, rank)))) as Matrix
  return yield* finishSteps(U, core.s.slice(0, rank), leadingRows(core.Vt, rank), qb)
}

/** The dense SVD, truncated; its error is its own tail. */
function* exactSteps(fn: string, A: AnyOperator, goal: Goal, passes: number): Steps<Svd> {
  yield* report(fn, 'dense SVD', 0, 1)
  const { U, s, Vt } = yield* denseSvdSteps(dense(yield* entriesOf(A)), 'thin')
  const norm = norm2(s)
  const rank = trimmedRank(s, goal, 0, norm)
  const errorEstimate = norm === 0 ? 0 : norm2(s.slice(rank)) / norm
  yield* report(fn, 'dense SVD', 1, 1)
  const quality = { passes: passes + 1, errorEstimate, precision: precisionOf(A) }
  return svdResult(leadingColumns(U, rank), s.slice(0, rank), leadingRows(Vt, rank), quality)
}

function emptySvd(m: number, n: number, precision: number): Svd {
  const none = new Float64Array(0)
  return svdResult(wrap(none, m, 0), none, wrap(none, 0, n), { passes: 0, errorEstimate: 0, precision })
}

function refuseSinglePass(fn: string): never {
  throw new OptionError({
    fn,
    argument: 'options.refine',
    expected:
      "'none' with method 'singlePass' (method 'power' with powerIterations 0 and 'float64' reads A twice)",
    given: "'float64'",
  })
}
