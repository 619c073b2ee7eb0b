import { factored } from '../../factorize/lowrank.js'
import { asVector, contiguous, dense } from '../../linalg/arrays.js'
import type { Matrix, VectorLike } from '../../linalg/arrays.js'
import { asOperator } from '../../linalg/operators/denseoperator.js'
import { OptionError } from '../../linalg/errors.js'
import type { Shape } from '../../linalg/operators.js'
import { optional, readOptions } from '../../linalg/options.js'
import { entriesOf } from '../../linalg/products.js'
import { denseSvdSteps } from '../../linalg/dense/svd.js'
import type { SvdFactors } from '../../linalg/dense/svdfactors.js'
import { leadingColumns, leadingRows, scaledColumns, scaledRows } from '../../linalg/thin.js'
import { compressedSteps, compressor, refuseBudget, withEntries } from './compressor.js'
import type { Compressed, Compressor } from './compressor.js'
import { share } from './lowrank.js'

/** How much WeLore drops from all layers together. */
export interface WeloreConfig {
  /** At most this part of all numbers of all layers is stored, in (0, 1]. */
  readonly budget?: number | undefined
  /** The paper's measure: at least this part of all singular values is dropped. One of the two. */
  readonly reduction?: number | undefined
}

/** A layer as two factors, or as it was. */
export interface AdaptiveRank extends Compressed {
  /** How many singular values reach the threshold. */
  readonly rank: number
  /** Whether the layer became factors ("low-rank component"), which are the ones to train on; else it stays, frozen. */
  readonly lowRank: boolean
  /** m × r and r × n; undefined where the layer stays as it is. */
  readonly B: Matrix | undefined
  /** r × n; undefined where the layer stays as it is. */
  readonly A: Matrix | undefined
  /** κ, common to all layers. */
  readonly threshold: number
}

/** One threshold for the spectra of all layers, and the ranks that it leaves them. */
export interface RankAllocation {
  /** κ: what is kept has sᵢ/s₁ >= κ. */
  readonly threshold: number
  readonly ranks: Int32Array
}

/** κ goes from 0 to 1 in so many steps. */
const STEPS = 200

/**
 * The ranks of several layers by one threshold on their normalised singular values: rₗ = #{i : sₗᵢ/sₗ₁ >= κ}, with the
 * smallest κ of 0, 0.005, …, 1 that reduces enough.
 *
 * @param spectra - of each layer its singular values, descending.
 * @param config - `reduction`, the part of all values that is to be dropped; or `budget`, for layers whose `shapes` are given,
 * the part of all numbers that may be stored: r(m + n) for a layer of rank r < min(m, n)/2 and mn for others.
 * @throws OptionError where even κ = 1 does not suffice; NotFiniteError.
 * Cost: a look at each value for each κ.
 *
 * @example
 * ```ts
 * import { compression } from 'lowrank/recipes'
 * compression.weloreRanks([[1, 0.9, 0.8], [1, 0.1, 0.01]], { reduction: 0.3 }).ranks   // 3, 1
 * ```
 */
export function weloreRanks(
  spectra: readonly VectorLike[],
  config: WeloreConfig & { readonly shapes?: readonly Shape[] | undefined },
): RankAllocation {
  const fn = 'weloreRanks'
  const { shapes, ...rest } = config
  const values = spectra.map((s, l) => asVector(s, fn, `spectra[${l}]`))
  const plan = read(fn, rest)
  if (plan.budget !== undefined && shapes?.length !== spectra.length) {
    const [expected, given] = ['a shape for each layer, as there is a budget', `${shapes?.length ?? 'none'}`]
    throw new OptionError({ fn, argument: 'options.shapes', expected, given })
  }
  return allocation(fn, values, shapes ?? [], plan)
}

function read(
  fn: string,
  config: WeloreConfig,
): { budget: number | undefined; reduction: number | undefined } {
  const plan = readOptions(fn, config, { budget: optional(share), reduction: optional(share) })
  if ((plan.budget === undefined) !== (plan.reduction === undefined)) return plan
  const given = plan.budget === undefined ? 'neither' : 'both'
  throw new OptionError({ fn, argument: 'options', expected: 'budget or reduction', given })
}

const isLowRank = (rank: number, [m, n]: Shape): boolean => 2 * rank < Math.min(m, n)

/** What a layer stores. */
const stored = (rank: number, [m, n]: Shape): number => (isLowRank(rank, [m, n]) ? rank * (m + n) : m * n)

function allocation(
  fn: string,
  spectra: readonly Float64Array[],
  shapes: readonly Shape[],
  { budget, reduction }: WeloreConfig,
): RankAllocation {
  const total = spectra.reduce((sum, s) => sum + s.length, 0)
  const whole = shapes.reduce((sum, [m, n]) => sum + m * n, 0)
  let part = 0
  for (let step = 0; step <= STEPS; step++) {
    const threshold = step / STEPS
    const ranks = Int32Array.from(spectra, (s) => {
      const floor = threshold * (s[0] ?? 0)
      let rank = s.length
      while (rank > 0 && s[rank - 1]! < floor) rank--
      return rank
    })
    if (reduction !== undefined) {
      part = 1 - ranks.reduce((sum, r) => sum + r, 0) / Math.max(total, 1)
      if (part >= reduction) return { threshold, ranks }
    } else {
      part = shapes.reduce((sum, shape, l) => sum + stored(ranks[l]!, shape), 0)
      if (part <= budget! * whole) return { threshold, ranks }
    }
  }
  if (budget !== undefined) refuseBudget(fn, budget, part / whole)
  const expected = `at most ${Number(part.toPrecision(3))} for these spectra`
  throw new OptionError({ fn, argument: 'options.reduction', expected, given: String(reduction) })
}

/**
 * Low rank where the spectrum allows it: one threshold on the normalised singular values decides the ranks of all layers,
 * and a layer that keeps half of its rank or more stays as it is.
 *
 * @param config - `budget`, or `reduction`.
 * @returns a compressor to be used on all layers together, `welore(config).layers([W₁, W₂, …])`: Ŵ with `rank`, `lowRank`,
 * `B`, `A`, `threshold`; r(m + n) numbers where `lowRank`, mn elsewhere. On one layer alone it is a truncated SVD, or nothing.
 * @throws OptionError where the budget cannot be met; ShapeError; NotFiniteError.
 * Cost: a dense SVD of each layer.
 * Source: Jaiswal, Yin, Zhang, Liu, Zhao, Tian and Wang 2024, "From GaLore to WeLore: how low-rank weights non-uniformly
 * emerge from low-rank gradients".
 *
 * @example
 * ```ts
 * import { withSpectrum, spectra } from 'lowrank/testing'
 * import { compression } from 'lowrank/recipes'
 * const steep = withSpectrum(32, 32, spectra.polynomial(32, 2))
 * const flat = withSpectrum(32, 32, spectra.polynomial(32, 0.05))
 * compression.welore({ budget: 0.6 }).layers([flat, steep]).map((layer) => layer.rank)
 * ```
 */
export function welore(config: WeloreConfig): Compressor<AdaptiveRank> {
  const fn = 'welore'
  const plan = read(fn, config)
  return compressor<AdaptiveRank>(fn, undefined, function* (layers) {
    const svds: SvdFactors[] = []
    for (const { W } of layers) svds.push(yield* denseSvdSteps(dense(yield* entriesOf(W)), 'thin'))
    const { threshold, ranks } = allocation(
      fn,
      svds.map(({ s }) => s),
      layers.map(({ shape }) => shape),
      plan,
    )
    const done: AdaptiveRank[] = []
    for (const [l, layer] of layers.entries()) {
      const [rank, { shape, W }] = [ranks[l]!, layer]
      const parameters = stored(rank, shape)
      if (isLowRank(rank, shape)) {
        const { U, s, Vt } = svds[l]!
        const root = s.slice(0, rank).map(Math.sqrt)
        const B = scaledColumns(leadingColumns(U, rank), root)
        const A = scaledRows(leadingRows(Vt, rank), root)
        const more = { rank, lowRank: true, B, A, threshold }
        done.push(yield* compressedSteps(layer, factored([B, A]), { parameters }, more))
      } else {
        const same = withEntries(asOperator(contiguous(yield* entriesOf(W))))
        const more = { rank, lowRank: false, B: undefined, A: undefined, threshold }
        done.push(yield* compressedSteps(layer, same, { parameters }, more))
      }
    }
    return done
  })
}
