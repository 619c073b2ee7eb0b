import { integer, readOptions, seed } from '../../linalg/options.js'
import { STREAM } from '../../linalg/random.js'
import { checkedCost, drawn } from './arms.js'

/** The arms of Tsallis-INF. */
export interface TsallisInfOptions {
  /** How many arms there are. */
  readonly arms: number
  /** An integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/** A bandit: it chooses an arm, is told what that cost, and so on. */
export interface Bandit {
  /** With what probability each arm is chosen next: above 0, 1 in all. */
  probabilities(): Float64Array
  /** The arm to play next; the same one until a cost is told. */
  choose(): number
  /** Tells what the arm has cost, a number >= 0 in any unit. */
  update(arm: number, cost: number): void
}

const FN = 'tsallisInf'

/**
 * Which of several arms costs least, when only the cost of the arm that is played is seen, and costs may be chosen by
 * an adversary: Tsallis-INF, follow the regularized leader with the ½-Tsallis entropy. After T rounds it has paid about
 * √(K·T) more than the best of K arms, in units of the mean cost, without knowing T.
 *
 * @returns `{ probabilities(), choose(), update(arm, cost) }`.
 * @throws OptionError.
 * Cost: a few times K flops per call. Memory: K numbers.
 * Source: Zimmert and Seldin 2021, "Tsallis-INF: an optimal algorithm for stochastic and adversarial bandits",
 * algorithm 1 with importance weighting and the rate 2/√t, as Khodak, Chow, Balcan and Talwalkar 2024, "Learning to
 * relax", algorithm 2, use it for SOR. Departure: losses are divided by their running mean.
 *
 * @example
 * ```ts
 * import { solvers } from 'lowrank/recipes'
 * const bandit = solvers.tsallisInf({ arms: 3 })
 * for (let t = 0; t < 500; t++) {
 *   const arm = bandit.choose()
 *   bandit.update(arm, [30, 10, 20][arm])
 * }
 * bandit.probabilities()[1]   // above 0.5
 * ```
 */
export function tsallisInf(options: TsallisInfOptions): Bandit {
  const plan = readOptions(FN, options, { arms: integer(1), seed })
  // Importance-weighted losses of each arm, in all.
  const losses = new Float64Array(plan.arms)
  let paid = 0
  let t = 0
  let p: Float64Array = new Float64Array(plan.arms).fill(1 / plan.arms)
  return {
    probabilities: () => p.slice(),
    choose: () => drawn(p, STREAM.banditArms, plan.seed, t),
    update(arm, cost) {
      checkedCost(FN, arm, plan.arms, cost)
      losses[arm]! += cost / p[arm]!
      paid += cost
      t++
      const mean = paid === 0 ? 1 : paid / t
      p = leader(
        losses.map((loss) => loss / mean),
        2 / Math.sqrt(t + 1),
      )
    },
  }
}

/** pᵢ = 4/(η(Lᵢ − x))² with the x < min L for which they add up to 1, by Newton from where they add up to more. */
function leader(losses: Float64Array, eta: number): Float64Array {
  const least = losses.reduce((a, b) => Math.min(a, b), Infinity)
  // Differences from the least: x alone would lose the digits that matter where losses are large.
  let gap = 2 / eta
  const p = new Float64Array(losses.length)
  for (let before = Infinity; ;) {
    let [sum, slope] = [0, 0]
    for (let i = 0; i < p.length; i++) {
      const root = 2 / (eta * (losses[i]! - least + gap))
      p[i] = root * root
      sum += p[i]!
      slope += root * root * root
    }
    // Newton comes from one side; where the sum no longer falls, the rest is rounding.
    if (!(sum < before) || sum <= 1) return p.map((value) => value / sum)
    before = sum
    gap += (sum - 1) / (eta * slope)
  }
}
