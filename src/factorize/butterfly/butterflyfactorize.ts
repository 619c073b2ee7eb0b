import { asFiniteMatrix, asVector, dense, packed } from '../../linalg/arrays.js'
import type { Matrix, MatrixLike } from '../../linalg/arrays.js'
import { OptionError, ShapeError, describe } from '../../linalg/errors.js'
import type { Complex } from '../../linalg/transforms/fft.js'
import { maxAbs, norm2 } from '../../linalg/magnitude.js'
import { bool, integer, oneOf, positive, readOptions, seed, withDefault } from '../../linalg/options.js'
import type { Reader } from '../../linalg/options.js'
import { powerOfTwo } from '../../linalg/dense/reflectors.js'
import { fromSteps, report } from '../../linalg/steps.js'
import type { RunOptions, Steps } from '../../linalg/steps.js'
import { gradientSteps } from './butterflygradient.js'
import { hierarchicalSteps } from './butterflyhierarchical.js'
import type { Entries } from './butterflyhierarchical.js'
import { complexButterfly, realButterfly } from './butterflyoperator.js'
import type { Butterfly, ButterflyFactor, ComplexButterfly } from './butterflyoperator.js'
import { bitReversal, cosineOrder, sharedOrder } from './butterflyorder.js'

/** The order in which a butterfly takes its points: one by name, or the index that each comes from. */
export type ButterflyOrder = 'auto' | 'identity' | 'bitReversal' | 'cosine' | 'learned' | ArrayLike<number>

/** How `butterfly.factorize` looks for levels, and the order of points that it takes. */
export interface ButterflyFactorizeOptions extends RunOptions {
  /** 'hierarchical' (default): direct. 'gradient': Adam on the entries of the levels, from random starts. */
  readonly method?: 'hierarchical' | 'gradient' | undefined
  /**
   * The order in which the points are taken. 'auto' (default): 'hierarchical' tries the orders of well-known transforms
   * and keeps the best; 'gradient' takes 'bitReversal'. 'learned', of 'gradient' alone. Or a permutation of one's own.
   */
  readonly permutation?: ButterflyOrder | undefined
  /** Whether a real A may be the real part of complex levels. Default true. */
  readonly complex?: boolean | undefined
  /** Of 'gradient': stops at this root mean square of the entries' errors. Default 1e-4, A scaled to ‖A‖_F = √n. */
  readonly rmse?: number | undefined
  /** Of 'gradient': steps of one start. Default 3000. */
  readonly maxIterations?: number | undefined
  /** Of 'gradient': random starts. Default 5. */
  readonly restarts?: number | undefined
  /** Of 'gradient': the first step size of Adam. Default 0.02. */
  readonly rate?: number | undefined
  /** Of 'gradient': an integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/** What a factorization says of itself. */
export interface ButterflyFit {
  /** ‖A − B‖_F / ‖A‖_F, exact. */
  readonly errorEstimate: number
  readonly errorNorm: 'fro'
  /** Steps of Adam in all; 0 for 'hierarchical'. */
  readonly iterations: number
}

/**
 * A butterfly matrix B = X_L ⋯ X_1·P near a given one, n × n: 2n·log₂n numbers (twice as many where they are complex) and
 * products in O(n·log n).
 *
 * 'hierarchical' splits A into two halves of the levels by n rank-one approximations, and each half again. Where A is a
 * butterfly matrix in one of the orders that are tried it is found to rounding, without iteration. A real A that none
 * fits is tried as the real part of a complex one, whose imaginary part is that of cosine and sine transforms.
 * 'gradient' minimises the squared error of the entries, as the paper that introduced these matrices does; it also finds the
 * order ('learned'), and fails on what has no such structure.
 *
 * @param A - n × n real, or `{ re, im }`; n a power of two, at least 2. Others can be embedded: B of
 * [A 0; 0 I] of the next power of two, whose leading n entries are wanted.
 * @returns a `Butterfly`, an operator, of a real A, and a `ComplexButterfly` of a complex one, with `errorEstimate`.
 * @throws ShapeError where A is not square or n no power of two; NotFiniteError; OptionError; `signal.reason` on an abort.
 * Cost: 'hierarchical' about 8n² flops for each split and iteration, log₂n splits, each order that is tried; 'gradient'
 * some 30n²·log₂n a step.
 * Source: Zheng, Riccietti and Gribonval 2023, "Efficient identification of butterfly sparse matrix factorizations"; Dao,
 * Gu, Eichhorn, Rudra and Ré 2019, "Learning fast algorithms for linear transforms using butterfly factorizations".
 *
 * @example
 * ```ts
 * import { butterfly } from 'lowrank'
 * const B = butterfly.factorize(butterfly.dft(16).toDense())
 * B.errorEstimate   // rounding
 * ```
 */
export const factorize: {
  (A: Complex<MatrixLike>, options?: ButterflyFactorizeOptions): ComplexButterfly & ButterflyFit
  (A: MatrixLike, options?: ButterflyFactorizeOptions): Butterfly & ButterflyFit
  async(A: Complex<MatrixLike>, options?: ButterflyFactorizeOptions): Promise<ComplexButterfly & ButterflyFit>
  async(A: MatrixLike, options?: ButterflyFactorizeOptions): Promise<Butterfly & ButterflyFit>
} = /*#__PURE__*/ fromSteps(factorizeSteps, 1) as never

const FN = 'butterfly.factorize'

const ORDERS = ['auto', 'identity', 'bitReversal', 'cosine', 'learned'] as const
const order: Reader<ButterflyOrder> = (value, fail) => {
  if (value === undefined) return 'auto'
  if (typeof value !== 'string' && typeof value !== 'object') return fail('an order or a permutation')
  if (typeof value === 'object') return value as ArrayLike<number>
  const known = ORDERS.find((name) => name === value)
  return known ?? fail(ORDERS.map((name) => `'${name}'`).join(' | '))
}

/** A in a unit in which squares neither overflow nor vanish. */
export interface Target extends Entries {
  readonly n: number
  readonly L: number
  /** ‖A‖_F in that unit. */
  readonly norm: number
}

/** What a candidate came to. */
interface Found {
  readonly factors: readonly ButterflyFactor[]
  readonly permutation: Int32Array
  /** ‖A − B‖_F */
  readonly error: number
}

/** The steps behind `factorize`. */
export function* factorizeSteps(
  A: MatrixLike | Complex<MatrixLike>,
  options?: ButterflyFactorizeOptions,
): Steps<(Butterfly | ComplexButterfly) & ButterflyFit> {
  const plan = readOptions(FN, options, {
    method: withDefault(oneOf('hierarchical', 'gradient'), 'hierarchical'),
    permutation: order,
    complex: withDefault(bool, true),
    rmse: withDefault(positive, 1e-4),
    maxIterations: withDefault(integer(1), 3000),
    restarts: withDefault(integer(1), 5),
    rate: withDefault(positive, 0.02),
    seed,
  })
  const { target, unit } = taken(A)
  let found: Found
  let iterations = 0
  if (plan.method === 'gradient') {
    const permutation =
      plan.permutation === 'learned' ? undefined : ordersOf(plan.permutation, target, true)[0]!
    const fit = yield* gradientSteps(FN, target, permutation, plan)
    iterations = fit.iterations
    found = { ...fit, error: errorOf(target, fit) }
  } else {
    if (plan.permutation === 'learned') {
      const expected = "another one for method 'hierarchical', or method: 'gradient'"
      throw new OptionError({ fn: FN, argument: 'options.permutation', expected, given: "'learned'" })
    }
    found = yield* directSteps(target, ordersOf(plan.permutation, target, false), plan.complex)
  }
  const factors = found.factors.map((factor, l) => (l === target.L - 1 ? scaled(factor, 1 / unit) : factor))
  const B = (target.im ? complexButterfly : realButterfly)(factors, found.permutation)
  const errorEstimate = target.norm === 0 ? 0 : found.error / target.norm
  return Object.assign(B, { errorEstimate, errorNorm: 'fro' as const, iterations })
}

const scaled = ({ re, im }: ButterflyFactor, by: number): ButterflyFactor => ({
  re: re.map((x) => x * by),
  ...(im && { im: im.map((x) => x * by) }),
})

function taken(A: MatrixLike | Complex<MatrixLike>): { target: Target; unit: number } {
  const parts = typeof A === 'object' && A !== null && 're' in A ? [A.re, A.im] : [A]
  const names = parts.length === 1 ? ['A'] : ['A.re', 'A.im']
  const views = parts.map((part, t) => dense(asFiniteMatrix(part, FN, names[t]!)))
  const n = views[0]!.rows
  const L = Math.log2(n)
  views.forEach(({ rows, cols }, t) => {
    if (rows === n && cols === n && n >= 2 && Number.isInteger(L)) return
    const expected = t === 0 ? 'n×n with n a power of two, at least 2' : `${n}×${n}`
    throw new ShapeError({ fn: FN, argument: names[t]!, expected, given: `${rows}×${cols}` })
  })
  const unit = powerOfTwo(Math.max(...views.map(maxAbs)))
  const [re, im] = views.map((view) => packed(view).map((x) => x * unit)) as [Float64Array, Float64Array?]
  const norm = Math.hypot(norm2(re), im ? norm2(im) : 0)
  return { target: { n, L, re, ...(im && { im }), norm }, unit }
}

/** The orders to try: one's own, or those of well-known transforms. */
function ordersOf(wanted: ButterflyOrder, { n, L }: Target, one: boolean): Int32Array[] {
  const identity = Int32Array.from({ length: n }, (_, i) => i)
  if (typeof wanted === 'object') {
    const given = asVector(wanted, FN, 'options.permutation', n)
    const sorted = given.slice().sort()
    if (sorted.every((x, i) => x === i)) return [Int32Array.from(given)]
    const expected = `each of 0 … ${n - 1} once`
    throw new OptionError({ fn: FN, argument: 'options.permutation', expected, given: describe(wanted) })
  }
  if (wanted === 'identity') return [identity]
  if (wanted === 'cosine') return [cosineOrder(L)]
  if (wanted === 'bitReversal' || one) return [bitReversal(L)]
  const shared = [0, 1, 2, 3, 4, 5, 6, 7].map((bits) =>
    sharedOrder(L, { a: (bits & 1) === 1, b: (bits & 2) === 2, c: (bits & 4) === 4 }),
  )
  const all = [bitReversal(L), identity, cosineOrder(L), ...shared]
  return all.filter((order, t) => all.findIndex((other) => other.join() === order.join()) === t)
}

/** Rows of A that make the imaginary part of row k: of a cosine transform its sine transform, and the other way round. */
const COMPLETIONS: readonly ((k: number, n: number) => { row: number; sign: number })[] = [
  (k, n) => ({ row: k === 0 ? -1 : n - k, sign: -1 }),
  (k, n) => ({ row: n - 2 - k, sign: 1 }),
]

/** Iterations of the trials, after which the best candidate is made with care. */
const TRIAL = 2
const ITERATIONS = 40

function* directSteps(target: Target, orders: readonly Int32Array[], complex: boolean): Steps<Found> {
  const { n, norm } = target
  const candidates: { permutation: Int32Array; entries: Entries }[] = []
  for (const permutation of orders) candidates.push({ permutation, entries: target })
  if (target.im === undefined && complex) {
    for (const completion of COMPLETIONS) {
      const entries = { re: target.re, im: completed(target.re, n, completion) }
      candidates.push(...orders.map((permutation) => ({ permutation, entries })))
    }
  }
  // Rounding of a product of log₂n levels.
  const exact = 4 * Math.log2(n) * n * 2 ** -52 * norm
  let best: { found: Found; entries: Entries } | undefined
  for (const [t, { permutation, entries }] of candidates.entries()) {
    yield* report(FN, 'orders', t, candidates.length)
    const found = yield* attemptSteps(target, entries, permutation, TRIAL)
    if (best === undefined || found.error < best.found.error) best = { found, entries }
    if (best.found.error <= exact) break
  }
  yield* report(FN, 'orders', candidates.length, candidates.length)
  const { found, entries } = best!
  if (found.error <= exact) return found
  const careful = yield* attemptSteps(target, entries, found.permutation, ITERATIONS)
  return careful.error < found.error ? careful : found
}

function* attemptSteps(
  target: Target,
  entries: Entries,
  permutation: Int32Array,
  iterations: number,
): Steps<Found> {
  const { n, L } = target
  const permuted = (x: Float64Array): Float64Array => {
    const out = new Float64Array(n * n)
    for (let i = 0, e = 0; i < n; i++) for (let j = 0; j < n; j++, e++) out[e] = x[i * n + permutation[j]!]!
    return out
  }
  const Z = { re: permuted(entries.re), ...(entries.im && { im: permuted(entries.im) }) }
  const factors = yield* hierarchicalSteps(Z, L, iterations)
  return { factors, permutation, error: errorOf(target, { factors, permutation }) }
}

function completed(
  re: Float64Array,
  n: number,
  completion: (k: number, n: number) => { row: number; sign: number },
): Float64Array {
  const im = new Float64Array(n * n)
  for (let k = 0; k < n; k++) {
    const { row, sign } = completion(k, n)
    if (row < 0) continue
    for (let j = 0; j < n; j++) im[k * n + j] = sign * re[row * n + j]!
  }
  return im
}

/** ‖A − B‖_F */
function errorOf(target: Target, { factors, permutation }: Pick<Found, 'factors' | 'permutation'>): number {
  const distance = (x: Float64Array, { data }: Matrix): number => norm2(x.map((value, e) => value - data[e]!))
  if (!target.im) return distance(target.re, realButterfly(factors, permutation).toDense())
  const { re, im } = complexButterfly(factors, permutation).toDense()
  return Math.hypot(distance(target.re, re), distance(target.im, im))
}
