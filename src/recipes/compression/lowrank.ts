import type { Matrix } from '../../linalg/arrays.js'
import { composed } from '../../linalg/operators/composed.js'
import { csr } from '../../linalg/operators/csr.js'
import { OptionError } from '../../linalg/errors.js'
import type { AnyOperator, LinearOperator, Shape } from '../../linalg/operators.js'
import { integer, oneOf, optional, readOptions, seed, withDefault } from '../../linalg/options.js'
import type { Reader } from '../../linalg/options.js'
import { adjointProduct } from '../../linalg/products.js'
import type { Steps } from '../../linalg/steps.js'
import { transposed } from '../../linalg/thin.js'
import type { Svd } from '../../factorize/lowrank.js'
import { rsvdReaders, rsvdSteps } from '../../factorize/svd/rsvd.js'
import { refuseBudget } from './compressor.js'
import type { Compressed } from './compressor.js'

// What compressions by low rank share: how the rank is told, the leading singular vectors, and two projections. The best
// B·A of rank r in the norm ‖(W − BA)·S‖ is UᵣUᵣᵀ·W with Uᵣ of W·S, and in ‖D·(W − BA)‖ it is W·VᵣVᵣᵀ with Vᵣ of D·W:
// neither asks for an inverse of S or D, which may be singular.

/** Ŵ = B·A, or what B·A is added to. */
export interface LowRank extends Compressed {
  /** m × r */
  readonly B: Matrix
  /** r × n */
  readonly A: Matrix
  readonly rank: number
}

/** How much may be stored. */
export interface Size {
  /** r of the factors, at most min(m, n). */
  readonly rank?: number | undefined
  /** At most this part of the m·n numbers of a layer, in (0, 1]. With `rank` too, the smaller of the two. */
  readonly budget?: number | undefined
}

/** How singular vectors are found. */
export interface Spectral {
  /**
   * 'exact' by the dense SVD, 'randomized' by `rsvd`; 'auto' (default) takes the latter where 4(rank + 10) ≤ min(m, n).
   */
  readonly method?: 'auto' | 'exact' | 'randomized' | undefined
  /** Of 'randomized': an integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/** A number in (0, 1]. */
export const share: Reader<number> = (value, fail) =>
  typeof value === 'number' && value > 0 && value <= 1 ? value : fail('a number in (0, 1]')

export const sizeReaders = { rank: optional(integer(1)), budget: optional(share) }
export const spectralReaders = {
  method: withDefault(oneOf('auto', 'exact', 'randomized'), 'auto'),
  seed,
}

/** The settings as they were read, of which one of two must be there. */
export function checkSize(fn: string, { rank, budget }: Size): void {
  if (rank !== undefined || budget !== undefined) return
  throw new OptionError({ fn, argument: 'options', expected: 'rank or budget', given: 'neither' })
}

/** The rank for a shape; `spent` numbers of the budget are gone already. */
export function rankOf(fn: string, { rank, budget }: Size, [m, n]: Shape, spent = 0): number {
  const most = Math.min(m, n)
  if (rank !== undefined && rank > most) {
    const expected = `at most ${most}, the smaller side of ${m}×${n}`
    throw new OptionError({ fn, argument: 'options.rank', expected, given: String(rank) })
  }
  if (budget === undefined) return rank!
  const affordable = Math.floor((budget * m * n - spent) / (m + n))
  if (affordable < 1) refuseBudget(fn, budget, (spent + m + n) / (m * n))
  return Math.min(affordable, rank ?? most)
}

const OVERSAMPLE = 10

/** The leading singular triplets. */
export function* leadingSteps(
  fn: string,
  A: AnyOperator,
  rank: number,
  { method, seed }: { readonly method: 'auto' | 'exact' | 'randomized'; readonly seed: number },
): Steps<Svd> {
  const p = Math.min(...A.shape)
  const randomized = method === 'randomized' || (method === 'auto' && 4 * (rank + OVERSAMPLE) <= p)
  const oversample = randomized ? OVERSAMPLE : p
  return yield* rsvdSteps(fn, A, readOptions(fn, { rank, oversample, seed }, rsvdReaders))
}

type Plan = Parameters<typeof leadingSteps>[3]

/** B = U, A = UᵀW: nearest to W in ‖(W − BA)·S‖. At full rank W itself is nearest, whatever S. */
export function* fromLeftSteps(
  fn: string,
  W: AnyOperator,
  S: Matrix | LinearOperator | undefined,
  rank: number,
  plan: Plan,
): Steps<{ B: Matrix; A: Matrix }> {
  const full = rank === Math.min(...W.shape)
  const { U } = yield* leadingSteps(fn, S && !full ? composed(W, S) : W, rank, plan)
  return { B: U, A: transposed(yield* adjointProduct(W, U)) }
}

/** diag(d) as an operator. */
export const diagonal = (d: Float64Array): LinearOperator => {
  const places = Int32Array.from(d.keys())
  return csr({ shape: [d.length, d.length], rows: places, cols: places, values: d })
}
