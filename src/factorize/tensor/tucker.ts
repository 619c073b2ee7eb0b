import { dense, flip, tensor, wrap } from '../../linalg/arrays.js'
import type { Matrix, Tensor } from '../../linalg/arrays.js'
import { modeProductSteps, tensorOperandSteps } from '../../linalg/operators/densetensor.js'
import { OptionError, describe } from '../../linalg/errors.js'
import { gaussianSteps } from '../../linalg/gaussian.js'
import { norm2 } from '../../linalg/magnitude.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import { bool, integer, oneOf, readOptions, seed, withDefault } from '../../linalg/options.js'
import type { Reader } from '../../linalg/options.js'
import { adjointProduct, product } from '../../linalg/products.js'
import { orthonormalizeSteps } from '../../linalg/dense/qr.js'
import { STREAM, uniformBlock } from '../../linalg/random.js'
import { powerOfTwo } from '../../linalg/dense/reflectors.js'
import { report, runSync } from '../../linalg/steps.js'
import type { RunOptions, Steps } from '../../linalg/steps.js'
import { denseSvdSteps } from '../../linalg/dense/svd.js'
import {
  checkMode,
  gramRootOf,
  modeNormalOf,
  modeProductOf,
  modeRootOf,
  tensorEntries,
  tensorMethod,
  tensorNorm,
} from '../../linalg/operators/tensoroperand.js'
import type { AnyTensorOperand, TensorLike, TensorMethod } from '../../linalg/operators/tensoroperand.js'
import { beside, columnRange, leadingColumns, orient, transposed } from '../../linalg/thin.js'
import { DOUBLE } from '../../linalg/operators.js'
import { innerSteps, subtractProductSteps } from '../lowrank.js'
import { estimateNorm, probeSteps } from '../probes.js'
import { adaptiveBlock, qbSteps, restOf } from '../svd/qb.js'
import { ROUNDING, stoppingReaders, trimmedRank } from '../stopping.js'

/** When `tucker` stops, by which method, and the modes that it compresses. */
export interface TuckerOptions extends RunOptions {
  /** At most these ranks: one for all modes, or one for each of `modes`. Above a mode's size they are clamped. */
  readonly ranks?: number | readonly number[] | undefined
  /** Until ‖T − T̂‖ ≤ rtol·‖T‖. */
  readonly rtol?: number | undefined
  /** Until ‖T − T̂‖ ≤ atol. */
  readonly atol?: number | undefined
  /** 'sthosvd' (default), 'hosvd', or 'hooi', which improves the former's factors in turns. */
  readonly method?: 'sthosvd' | 'hosvd' | 'hooi' | undefined
  /** Finds each factor by a randomized rangefinder instead of an orthogonal factorization. Default false. */
  readonly randomized?: boolean | undefined
  /** The modes that are compressed. Default all. */
  readonly modes?: readonly number[] | undefined
  /**
   * The same modes in the order in which they are compressed. By default the shortest first; of `randomized`
   * with `ranks`, the one that shrinks most first.
   */
  readonly order?: readonly number[] | undefined
  /** Of `randomized`: extra columns of each sketch. Default 5. */
  readonly oversample?: number | undefined
  /** Of `randomized`: power iterations. Default 0; 1 where singular values fall off slowly. */
  readonly powerIterations?: number | undefined
  /** Of 'hooi': at most so many rounds over the modes. Default 25. */
  readonly sweeps?: number | undefined
  /** Of `randomized`: an integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/** T ≈ core ×ₘ factors[0] ×ₘ′ factors[1] …, for the modes m, m′, … in `modes`. */
export interface Tucker {
  /** The shape of T with ranks in the place of the compressed modes' sizes. */
  readonly core: Tensor
  /** factors[t] belongs to mode modes[t]: nₘ × ranks[t], orthonormal columns, the largest entry of each positive. */
  readonly factors: readonly Matrix[]
  readonly ranks: Int32Array
  /** The compressed modes, ascending; 0, 1, … where all are. */
  readonly modes: Int32Array
  /** The shape of T. */
  readonly shape: readonly number[]
  /** Sweeps over the entries of T itself; those over the smaller tensors that it becomes are not counted. */
  readonly passes: number
  /** ‖T − T̂‖ / ‖T‖; see `tucker`. */
  readonly errorEstimate: number
  /** The norm of `errorEstimate`: the square root of the sum of all squared entries. */
  readonly errorNorm: 'fro'
  /** What it can be known to: the relative rounding of the products of T, 2⁻²³ where T is on a GPU, 2⁻⁵² elsewhere. */
  readonly precision: number
  /** The approximation, formed: row-major, of the shape of T. */
  reconstruct(): Tensor
}

const ranksReader: Reader<number | readonly number[] | undefined> = (value, fail) => {
  if (value === undefined) return undefined
  const list: unknown[] = Array.isArray(value) || value instanceof Int32Array ? Array.from(value) : [value]
  const good = list.every((rank) => Number.isSafeInteger(rank) && (rank as number) >= 1)
  if (!good) return fail('an integer >= 1, or one for each mode')
  return typeof value === 'number' ? value : (list as number[])
}

const modesReader: Reader<readonly number[] | undefined> = (value, fail) => {
  if (value === undefined) return undefined
  const list = Array.isArray(value) || value instanceof Int32Array ? Array.from(value as number[]) : []
  return list.length > 0 && new Set(list).size === list.length ? list : fail('a list of different modes')
}

export const tuckerReaders = {
  ranks: ranksReader,
  rtol: stoppingReaders.rtol,
  atol: stoppingReaders.atol,
  method: withDefault(oneOf('sthosvd', 'hosvd', 'hooi'), 'sthosvd'),
  randomized: withDefault(bool, false),
  modes: modesReader,
  order: modesReader,
  oversample: withDefault(integer(0), 5),
  powerIterations: withDefault(integer(0), 0),
  sweeps: withDefault(integer(1), 25),
  seed,
}

type Plan = ReturnType<typeof readOptions<typeof tuckerReaders>>

/**
 * Tucker decomposition of a tensor of N ≥ 2 modes: T ≈ core ×₀ U₀ ×₁ U₁ …, with orthonormal factors Uₙ.
 *
 * 'hosvd' takes the leading left singular vectors of each unfolding of T; 'sthosvd' projects T after each
 * mode, so that the later ones are cheaper; 'hooi' starts there and takes each factor anew from T projected on
 * all others, in turns, until a round lowers the squared error by less than 10⁻⁴ of itself, or `sweeps` are
 * done. With a tolerance the squared error is shared out evenly over the modes, and what one leaves unused
 * goes to those after it. 'sthosvd' and 'hosvd' are within √(Σ tailₙ²) ≤ √N·best, tailₙ being the best error
 * of rank rₙ of the mode-n unfolding; 'hooi' is no worse than 'sthosvd'.
 *
 * Singular vectors come from the triangle of an orthogonal factorization of each unfolding, not from its Gram
 * matrix, so they are as good as those of `svd`. `randomized` finds the range of an unfolding first, from
 * Gaussian columns multiplied by its Gram matrix, which is not formed: E‖T − T̂‖² ≤ Σ (1 + gₙ·rₙ/(oversample − 1))·
 * tailₙ², gₙ = (σ_{r+1}/σ_r)^(2 + 4·powerIterations) of that unfolding.
 *
 * @param T - n₀ × n₁ × …: an ndarray of any strides, or a tensor operand. Nothing is unfolded in memory.
 * @param options - at least one of `ranks`, `rtol`, `atol` (Frobenius norm; whichever comes first). Ranks
 * above nₙ, or above the product of the other ranks, are clamped.
 * @returns `{ core, factors, ranks, modes, errorEstimate, errorNorm: 'fro', reconstruct() }`. `errorEstimate`
 * is exact for 'sthosvd' (the tails that were cut off); for 'hosvd' and 'hooi' it is √(‖T‖² − ‖core‖²)/‖T‖,
 * exact too, down to about 10⁻⁶, below which it is the bound above. What a random range misses is
 * known as exactly where it is above 10⁻⁶·‖T‖, and estimated from ten probe columns below.
 * @throws OptionError, ShapeError, NotFiniteError, and `signal.reason` on an abort.
 *
 * Cost for V entries: 2.4·nV flops for the first mode of size n and 2rV to project on it; the next mode has V·r/n
 * entries. 'hosvd' pays as much for each mode; a round of 'hooi' about N·2rV. `randomized` pays (2q + 3)·2lV,
 * l = r + oversample and q = powerIterations, in place of both, in q + 2 passes; three more where the error is below
 * 10⁻⁶·‖T‖; with a tolerance, passes and memory of a `rangefinder` of the unfolding. Memory: beside T, the
 * projected tensor and 10n² numbers.
 *
 * Source: De Lathauwer, De Moor, Vandewalle 2000 (HOSVD, HOOI); Vannieuwenhoven, Vandebril, Meerbergen 2012,
 * "A new truncation strategy for the higher-order singular value decomposition" (ST-HOSVD); Minster, Saibaba,
 * Kilmer 2020, "Randomized algorithms for low-rank tensor decompositions in the Tucker format".
 *
 * @example
 * ```ts
 * import { random, tucker } from 'lowrank'
 * const T = random.normal([20, 30, 40])
 * const { core, factors } = tucker(T, { ranks: [5, 6, 7] })   // core 5 × 6 × 7
 * const { ranks } = tucker(T, { rtol: 0.5, method: 'hooi' })
 * ```
 */
export const tucker: TensorMethod<[options: TuckerOptions], Tucker> = /*#__PURE__*/ tensorMethod(publicSteps)

function* publicSteps(given: TensorLike | AnyTensorOperand, options: TuckerOptions): Steps<Tucker> {
  const fn = 'tucker'
  const plan = readOptions(fn, options, tuckerReaders)
  return yield* tuckerSteps(fn, yield* tensorOperandSteps(given, fn, 'T'), plan)
}

/** What is looked for in each mode. */
interface Goal {
  readonly fn: string
  readonly plan: Plan
  /** The most that each mode may keep, by mode. */
  readonly most: readonly number[]
  /** The modes in the order in which they are compressed. */
  readonly order: readonly number[]
  readonly norm: number
  /** The error that is allowed in all; undefined where only ranks were given. */
  readonly tolerance: number | undefined
}

/** Factors by mode, and what is known of the approximation so far. */
interface Found {
  readonly factors: Map<number, Matrix>
  readonly core: AnyTensorOperand
  /** √(Σ tails²). */
  readonly tails: number
  readonly passes: number
}

/** The steps behind `tucker`, on behalf of `fn`. */
export function* tuckerSteps(fn: string, T: AnyTensorOperand, plan: Plan): Steps<Tucker> {
  const { shape } = T
  const goal = yield* goalSteps(fn, T, plan)
  const modes = Int32Array.from(goal.order).sort()
  const { norm, tolerance } = goal
  if (shape.includes(0) || (tolerance !== undefined && norm <= tolerance)) {
    return emptyTucker(T, modes, norm === 0 ? 0 : 1)
  }
  const held = new Held()
  try {
    let found = yield* plan.method === 'hosvd' ? hosvdSteps(T, goal, held) : sthosvdSteps(T, goal, held)
    if (plan.method === 'hooi') found = yield* hooiSteps(T, goal, found, held)
    const core = yield* tensorEntries(found.core)
    const exact = plan.method === 'sthosvd' ? found.tails : restOf(norm, norm2(core.data), precision(T))
    const factors = Array.from(modes, (n) => found.factors.get(n)!)
    const error = norm === 0 ? 0 : (exact ?? found.tails) / norm
    return result(T, modes, core, factors, found.passes, error)
  } finally {
    held.dropAll()
  }
}

const precision = (T: AnyTensorOperand): number => T.precision ?? DOUBLE

function* goalSteps(fn: string, T: AnyTensorOperand, plan: Plan): Steps<Goal> {
  const { ranks, rtol, atol } = plan
  if (ranks === undefined && rtol === undefined && atol === undefined) {
    throw optionError(fn, '', 'ranks, rtol or atol', 'none of the three')
  }
  const { shape } = T
  const modes = (plan.modes ?? Array.from(shape.keys())).map((n) => checkMode(n, shape, fn, 'options.modes'))
  if (typeof ranks === 'object' && ranks.length !== modes.length) {
    throw optionError(fn, '.ranks', `${modes.length} ranks, one for each mode`, describe(ranks))
  }
  const most = shape.slice()
  modes.forEach(
    (n, t) => (most[n] = Math.min(shape[n]!, typeof ranks === 'object' ? ranks[t]! : (ranks ?? Infinity))),
  )
  clampRanks(most, modes)
  const order = plan.order ?? defaultOrder(shape, modes, plan, most)
  if (order.length !== modes.length || !modes.every((n) => order.includes(n))) {
    throw optionError(fn, '.order', `the modes ${modes.join(', ')} in some order`, order.join(', '))
  }
  const norm = yield* tensorNorm(T)
  const tolerance =
    rtol === undefined && atol === undefined
      ? undefined
      : Math.max((rtol ?? 0) * norm, atol ?? 0, ROUNDING * precision(T) * norm)
  return { fn, plan, most, order, norm, tolerance }
}

const optionError = (fn: string, option: string, expected: string, given: string): OptionError =>
  new OptionError({ fn, argument: `options${option}`, expected, given })

/** No rank is of use beyond the product of all others. */
function clampRanks(most: number[], modes: readonly number[]): void {
  for (let changed = true; changed;) {
    changed = false
    for (const n of modes) {
      const others = most.reduce((product, size, k) => (k === n ? product : product * size), 1)
      if (others > 0 && most[n]! > others) {
        most[n] = others
        changed = true
      }
    }
  }
}

function defaultOrder(
  shape: readonly number[],
  modes: readonly number[],
  { randomized, ranks }: Plan,
  most: readonly number[],
): number[] {
  const weight = (n: number): number => (randomized && ranks !== undefined ? most[n]! / shape[n]! : shape[n]!)
  // Of equals those at the ends, whose unfoldings lie in long runs of memory.
  const depth = (n: number): number => Math.min(n, shape.length - 1 - n)
  return [...modes].sort((a, b) => weight(a) - weight(b) || depth(a) - depth(b) || b - a)
}

/** Tensors of our own making, given back as soon as they are not needed. */
class Held {
  readonly #tensors = new Set<AnyTensorOperand>()

  keep(T: AnyTensorOperand): AnyTensorOperand {
    this.#tensors.add(T)
    return T
  }

  /** Gives T back where it is ours. */
  drop(T: AnyTensorOperand): void {
    if (this.#tensors.delete(T)) T.dispose?.()
  }

  dropAll(): void {
    for (const T of this.#tensors) this.drop(T)
  }
}

/** The error that mode number `place` may make, given what those before it have made. */
function share({ tolerance, norm, order }: Goal, place: number, tails: number): number | undefined {
  if (tolerance === undefined) return undefined
  const [all, used] = [tolerance / norm, tails / norm]
  return norm * Math.sqrt(Math.max(0, (all - used) * (all + used)) / (order.length - place))
}

function* sthosvdSteps(T: AnyTensorOperand, goal: Goal, held: Held): Steps<Found> {
  const factors = new Map<number, Matrix>()
  let [core, tails, passes] = [T, 0, 0]
  for (const [place, n] of goal.order.entries()) {
    yield* report(goal.fn, `mode ${n}`, place, goal.order.length)
    const leading = yield* leadingSteps(core, n, goal, share(goal, place, tails), held)
    const next = held.keep(yield* modeProductOf(leading.from, transposed(leading.W), n))
    if (core === T) passes += leading.passes + (leading.from === T ? 1 : 0)
    held.drop(leading.from)
    held.drop(core)
    core = next
    factors.set(n, leading.U)
    tails = Math.hypot(tails, leading.tail)
  }
  yield* report(goal.fn, 'core', 1, 1)
  return { factors, core, tails, passes }
}

function* hosvdSteps(T: AnyTensorOperand, goal: Goal, held: Held): Steps<Found> {
  const factors = new Map<number, Matrix>()
  let [tails, passes] = [0, 0]
  for (const [place, n] of goal.order.entries()) {
    yield* report(goal.fn, `mode ${n}`, place, goal.order.length)
    const leading = yield* leadingSteps(T, n, goal, share(goal, place, tails), held)
    held.drop(leading.from)
    passes += leading.passes
    factors.set(n, leading.U)
    tails = Math.hypot(tails, leading.tail)
  }
  const core = yield* projectedSteps(T, factors, goal.order, held)
  yield* report(goal.fn, 'core', 1, 1)
  return { factors, core, tails, passes: passes + 1 }
}

/** A round that lowers the squared error by less than this part of itself is the last. */
const ENOUGH = 1e-4

function* hooiSteps(T: AnyTensorOperand, goal: Goal, start: Found, held: Held): Steps<Found> {
  const { fn, plan, order, norm } = goal
  if (order.length < 2) return start
  const factors = new Map(start.factors)
  const fixed = T.shape.map((_, n) => factors.get(n)?.shape[1] ?? 0)
  const refined: Goal = { ...goal, most: fixed, plan: { ...plan, randomized: false } }
  let { core, passes } = start
  let captured = yield* tensorNorm(core)
  for (let sweep = 0; sweep < plan.sweeps; sweep++) {
    yield* report(fn, 'sweep', sweep, plan.sweeps)
    for (const n of order) {
      const rest = order.filter((k) => k !== n)
      const W = yield* projectedSteps(T, factors, rest, held)
      const { U } = yield* leadingSteps(W, n, refined, undefined, held)
      factors.set(n, U)
      passes++
      if (n !== order.at(-1)) held.drop(W)
      else {
        held.drop(core)
        core = held.keep(yield* modeProductOf(W, transposed(U), n))
        held.drop(W)
      }
    }
    const before = captured / norm
    captured = yield* tensorNorm(core)
    const gain = (captured / norm - before) * (captured / norm + before)
    const error = (1 - captured / norm) * (1 + captured / norm)
    if (gain <= Math.max(ENOUGH * error, ROUNDING * precision(T))) break
  }
  yield* report(fn, 'sweep', plan.sweeps, plan.sweeps)
  return { factors, core, passes, tails: start.tails }
}

/** T projected on the factors of the given modes, the one that shrinks it most first. */
function* projectedSteps(
  T: AnyTensorOperand,
  factors: ReadonlyMap<number, Matrix>,
  modes: readonly number[],
  held: Held,
): Steps<AnyTensorOperand> {
  const shrinks = (n: number): number => factors.get(n)!.shape[1]! / T.shape[n]!
  let W = T
  for (const n of [...modes].sort((a, b) => shrinks(a) - shrinks(b))) {
    const next = held.keep(yield* modeProductOf(W, transposed(factors.get(n)!), n))
    held.drop(W)
    W = next
  }
  return W
}

/** Leading left singular vectors U of an unfolding, and T ×ₙ Uᵀ = from ×ₙ Wᵀ with the smaller `from`. */
interface Leading {
  readonly U: Matrix
  readonly from: AnyTensorOperand
  readonly W: Matrix
  /** ‖(I − UUᵀ)·T₍ₙ₎‖. */
  readonly tail: number
  readonly passes: number
}

/** `allowed` is the tail that may be cut off; undefined where the rank alone decides. */
function* leadingSteps(
  T: AnyTensorOperand,
  n: number,
  goal: Goal,
  allowed: number | undefined,
  held: Held,
): Steps<Leading> {
  if (goal.plan.randomized) {
    const leading = yield* randomSteps(T, n, goal, allowed, held)
    if (leading) return leading
  }
  const { U, s } = yield* denseSvdSteps(dense(yield* modeRootOf(T, n)), 'thin')
  const rank = rankOf(s, goal.most[n]!, allowed, 0)
  const leading = leadingColumns(U, rank)
  return { U: leading, from: T, W: leading, tail: norm2(s.subarray(rank)), passes: 1 }
}

const rankOf = (s: Float64Array, most: number, allowed: number | undefined, outside: number): number =>
  trimmedRank(s, { rank: most, tolerance: allowed === undefined ? undefined : () => allowed }, outside, 0)

/** The same within a random range Q of the unfolding; undefined where that would be all of it. */
function* randomSteps(
  T: AnyTensorOperand,
  n: number,
  goal: Goal,
  allowed: number | undefined,
  held: Held,
): Steps<Leading | undefined> {
  const p = Math.min(...T.unfolding(n).shape)
  const columns = Math.min(goal.most[n]! + goal.plan.oversample, p)
  const range = yield* allowed === undefined
    ? fixedRangeSteps(T, n, columns, p, goal, held)
    : adaptiveRangeSteps(T, n, columns, p, goal, allowed, held)
  if (range === undefined) return undefined
  const { Q, B, V, s, outside, passes } = range
  const rank = rankOf(s, goal.most[n]!, allowed, outside)
  const Wt = transposed(leadingColumns(V, rank))
  const U = (yield* multiplySteps(dense(Q), flip(dense(Wt)))) as Matrix
  orient(U, Wt)
  return { U, from: B, W: transposed(Wt), tail: Math.hypot(outside, norm2(s.subarray(rank))), passes }
}

/** A range of T₍ₙ₎, T projected on it, and the SVD of what is left of the unfolding. */
interface Range {
  readonly Q: Matrix
  /** T ×ₙ Qᵀ. */
  readonly B: AnyTensorOperand
  /** Left singular vectors and singular values of B₍ₙ₎. */
  readonly V: Matrix
  readonly s: Float64Array
  /** ‖(I − QQᵀ)·T₍ₙ₎‖. */
  readonly outside: number
  readonly passes: number
}

/**
 * Subspace iteration with the mode Gram, (T₍ₙ₎T₍ₙ₎ᵀ)^(q+1)·Ω: as Ω has only nₙ rows, nothing as long as an
 * unfolding is drawn or kept, and each step is one sweep. It squares singular values, so that those below √eps
 * are lost; where so little is missed, a step by T₍ₙ₎ᵀ and T₍ₙ₎ with a QR in between finds them.
 */
function* fixedRangeSteps(
  T: AnyTensorOperand,
  n: number,
  columns: number,
  p: number,
  { fn, plan }: Goal,
  held: Held,
): Steps<Range | undefined> {
  if (columns >= p) return undefined
  const own = modeSeed(plan.seed, n)
  const norm = yield* tensorNorm(T)
  const scale = powerOfTwo(norm)
  let Q = yield* gaussianSteps(T.shape[n]!, 0, columns, STREAM.testMatrix, own)
  for (let i = 0; i <= plan.powerIterations; i++) {
    yield* report(fn, `range of mode ${n}`, i, plan.powerIterations + 1)
    for (let e = 0; e < Q.data.length; e++) Q.data[e]! *= scale
    Q = yield* orthonormalizeSteps(yield* modeNormalOf(T, Q, n))
  }
  const passes = plan.powerIterations + 2
  // What the range has lost by squaring, a Gram of the projected tensor may lose too.
  const first = yield* projectionSteps(T, n, Q, held, scale === 1 ? gramRootOf : modeRootOf)
  const outside = restOf(norm, norm2(first.s), precision(T))
  if (outside !== undefined) return { ...first, outside, passes }

  held.drop(first.B)
  const A = T.unfolding(n)
  const Z = yield* orthonormalizeSteps(yield* adjointProduct(A, Q))
  const AZG = yield* product(A, beside([Z, yield* probeSteps(A.shape[1], own)], A.shape[1]))
  Q = yield* orthonormalizeSteps(leadingColumns(AZG, columns))
  const AG = columnRange(AZG, columns, AZG.shape[1]!)
  yield* subtractProductSteps(AG, Q, yield* innerSteps(Q, AG))
  const second = yield* projectionSteps(T, n, Q, held)
  return { ...second, outside: estimateNorm(AG), passes: passes + 3 }
}

/** Of the error that a mode may make, what the range may miss. */
const MISSED = 0.5

/** A range that grows until it misses no more than its part of what is allowed. */
function* adaptiveRangeSteps(
  T: AnyTensorOperand,
  n: number,
  columns: number,
  p: number,
  { fn, plan }: Goal,
  allowed: number,
  held: Held,
): Steps<Range | undefined> {
  const { Q, outside, exhausted, passes } = yield* qbSteps(T.unfolding(n), {
    fn,
    block: adaptiveBlock(p),
    columns,
    power: plan.powerIterations,
    krylov: false,
    tolerance: () => MISSED * allowed,
    seed: modeSeed(plan.seed, n),
    wantsB: false,
  })
  if (exhausted && columns >= p) return undefined
  return { ...(yield* projectionSteps(T, n, Q, held)), outside, passes: passes + 1 }
}

function* projectionSteps(
  T: AnyTensorOperand,
  n: number,
  Q: Matrix,
  held: Held,
  rootOf = modeRootOf,
): Steps<Pick<Range, 'Q' | 'B' | 'V' | 's'>> {
  const B = held.keep(yield* modeProductOf(T, transposed(Q), n))
  const { U: V, s } = yield* denseSvdSteps(dense(yield* rootOf(B, n)), 'thin')
  return { Q, B, V, s }
}

/** A seed for each mode, so that their test matrices are independent. */
const modeSeed = (seed: number, n: number): number =>
  Math.floor(2 ** 52 * uniformBlock({ seed, stream: STREAM.tuckerModes, i0: n, i1: n + 1, j0: 0, j1: 1 })[0]!)

function result(
  T: AnyTensorOperand,
  modes: Int32Array,
  core: Tensor,
  factors: readonly Matrix[],
  passes: number,
  errorEstimate: number,
): Tucker {
  return {
    core,
    factors,
    ranks: Int32Array.from(factors, (U) => U.shape[1]!),
    modes,
    shape: [...T.shape],
    passes,
    errorEstimate,
    errorNorm: 'fro',
    precision: precision(T),
    reconstruct: () => runSync(reconstructSteps(core, modes, factors)),
  }
}

/** The core times all factors, the one that grows it least first. */
function* reconstructSteps(core: Tensor, modes: Int32Array, factors: readonly Matrix[]): Steps<Tensor> {
  const grows = (t: number): number => factors[t]!.shape[0]! / Math.max(1, factors[t]!.shape[1]!)
  const places = Array.from(modes.keys()).sort((a, b) => grows(a) - grows(b))
  let T = core
  for (const t of places) T = yield* modeProductSteps(T, factors[t]!, modes[t]!)
  return T
}

/** Ranks 0: nothing is kept, or there is nothing. */
function emptyTucker(T: AnyTensorOperand, modes: Int32Array, error: number): Tucker {
  const { shape } = T
  const kept = shape.map((size, n) => (modes.includes(n) ? 0 : size))
  const core = tensor(new Float64Array(kept.reduce((product, size) => product * size, 1)), kept)
  const factors = Array.from(modes, (n) => wrap(new Float64Array(0), shape[n]!, 0))
  return result(T, modes, core, factors, 0, error)
}
