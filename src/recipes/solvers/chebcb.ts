import { wrap } from '../../linalg/arrays.js'
import { cholesky } from '../../linalg/dense/cholesky.js'
import { OptionError } from '../../linalg/errors.js'
import { integer, positive, readOptions, seed, withDefault } from '../../linalg/options.js'
import type { Reader } from '../../linalg/options.js'
import { STREAM } from '../../linalg/random.js'
import { checkedCost, drawn } from './arms.js'

/** The arms and the interval of contexts of ChebCB, and how greedy it is. */
export interface ChebCbOptions {
  /** How many arms there are. */
  readonly arms: number
  /** [a, b], the interval in which contexts lie. */
  readonly range: readonly [low: number, high: number]
  /** Of the polynomials in the context that costs are fitted by. Default 5. */
  readonly degree?: number | undefined
  /** How greedy it is: η = greed·√(K·t) for K arms in round t. Default 16. */
  readonly greed?: number | undefined
  /** An integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/** A bandit that sees a number before it chooses. */
export interface ContextualBandit {
  /** With what probability each arm is chosen in a context: above 0, 1 in all. */
  probabilities(context: number): Float64Array
  /** The arm to play in a context. */
  choose(context: number): number
  /** Tells what the arm has cost, a number >= 0 in any unit. Default context: the last that was chosen for. */
  update(arm: number, cost: number, context?: number): void
}

const FN = 'chebCb'
/** Added to the normal equations of each arm's fit. */
const RIDGE = 1e-3

const interval: Reader<readonly [number, number]> = (value, fail) => {
  const [a, b] = Array.isArray(value) && value.length === 2 ? (value as number[]) : []
  return Number.isFinite(a) && Number.isFinite(b) && a! < b! ? [a!, b!] : fail('two numbers [a, b], a < b')
}

/**
 * Which of several arms costs least, as it depends on a number that is seen before: Chebyshev regression in each arm's
 * costs, and choice by inverse gap weighting, pᵢ = 1/(K + η·(ŷᵢ − min ŷ)) for all arms but the one that promises most,
 * which takes the rest. ŷ are the fitted costs as parts of the largest cost seen. Where costs are smooth in the context
 * it comes to compete with the best arm for each context, not with the best one for all.
 *
 * @returns `{ probabilities(context), choose(context), update(arm, cost) }`.
 * @throws OptionError, for a context outside of `range` too.
 * Cost: a choice K·(degree + 1) flops, an update a Cholesky factorization of degree + 1 rows.
 * Memory: K·(degree + 2)² numbers.
 * Source: Khodak, Chow, Balcan and Talwalkar 2024, "Learning to relax: setting solver parameters across a sequence of
 * linear system instances", algorithm 3; SquareCB by Foster and Rakhlin 2020. Departures: ridge regression where the
 * paper constrains the coefficients, and a fixed rate for η.
 *
 * @example
 * ```ts
 * import { solvers } from 'lowrank/recipes'
 * const bandit = solvers.chebCb({ arms: 2, range: [0, 1] })
 * for (let t = 0; t < 500; t++) {
 *   const context = (t % 10) / 10
 *   const arm = bandit.choose(context)
 *   bandit.update(arm, arm === 0 ? context : 1 - context)
 * }
 * bandit.probabilities(0.1)[0]   // above 0.9
 * ```
 */
export function chebCb(options: ChebCbOptions): ContextualBandit {
  const plan = readOptions(FN, options, {
    arms: integer(1),
    range: interval,
    degree: withDefault(integer(0), 5),
    greed: withDefault(positive, 16),
    seed,
  })
  const K = plan.arms
  const d = plan.degree + 1
  const fits = Array.from({ length: K }, () => {
    const normal = new Float64Array(d * d)
    for (let j = 0; j < d; j++) normal[j * (d + 1)] = RIDGE
    return { normal, right: new Float64Array(d), theta: new Float64Array(d) }
  })
  let largest = 0
  let t = 0
  let last: Float64Array | undefined
  const features = (context: number): Float64Array => {
    const [a, b] = plan.range
    if (!(context >= a && context <= b)) {
      throw new OptionError({
        fn: FN,
        argument: 'context',
        expected: `a number in [${a}, ${b}]`,
        given: `${context}`,
      })
    }
    const angle = Math.acos(Math.max(-1, Math.min(1, 2 * ((context - a) / (b - a)) - 1)))
    return Float64Array.from({ length: d }, (_, j) => Math.cos(j * angle))
  }
  const weights = (phi: Float64Array): Float64Array => {
    const unit = largest === 0 ? 1 : largest
    const promised = fits.map(({ theta }) => theta.reduce((sum, value, j) => sum + value * phi[j]!, 0) / unit)
    const best = promised.indexOf(Math.min(...promised))
    const eta = plan.greed * Math.sqrt(K * (t + 1))
    const p = Float64Array.from(promised, (cost, i) =>
      i === best ? 0 : 1 / (K + eta * (cost - promised[best]!)),
    )
    p[best] = 1 - p.reduce((sum, value) => sum + value, 0)
    return p
  }
  return {
    probabilities: (context) => weights(features(context)),
    choose(context) {
      last = features(context)
      return drawn(weights(last), STREAM.contextualArms, plan.seed, t)
    },
    update(arm, cost, context) {
      checkedCost(FN, arm, K, cost)
      const phi = context === undefined ? last : features(context)
      if (phi === undefined) {
        throw new OptionError({ fn: FN, argument: 'context', expected: 'a choice before', given: 'none' })
      }
      const { normal, right, theta } = fits[arm]!
      phi.forEach((x, i) => {
        phi.forEach((y, j) => (normal[i * d + j]! += x * y))
        right[i]! += cost * x
      })
      theta.set(cholesky(wrap(normal, d, d)).solve(right))
      largest = Math.max(largest, cost)
      t++
    },
  }
}
