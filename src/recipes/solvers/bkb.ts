import type { MatrixLike } from '../../linalg/arrays.js'
import { kernelMatrix } from '../../factorize/nystrom/kernelmatrix.js'
import type { KernelOptions } from '../../linalg/operators/kerneloptions.js'
import { NotFiniteError } from '../../linalg/errors.js'
import { isOperator } from '../../linalg/operators.js'
import type { AnyOperator } from '../../linalg/operators.js'
import { nonNegative, positive, readOptions, seed, withDefault } from '../../linalg/options.js'
import { diagonalOf } from '../../linalg/products.js'
import { STREAM, uniformBlock } from '../../linalg/random.js'
import { checkSystem } from '../../linalg/iterative/restarts.js'
import { fromSteps } from '../../linalg/steps.js'
import type { RunOptions, Steps } from '../../linalg/steps.js'
import { checkArm } from './arms.js'
import { projectedPosteriorSteps } from './projectedposterior.js'
import type { Posterior } from './projectedposterior.js'

/** The arms of a BKB bandit, their kernel, and how much it explores. */
export interface BkbOptions extends KernelOptions {
  /** A × dim, an arm per row; or their kernel matrix as an operator (then `kernel`, `gamma`, … are not read). */
  readonly arms: MatrixLike | AnyOperator
  /** λ > 0: the variance of the noise of an observation. */
  readonly noise: number
  /** How many points the dictionary keeps per unit of posterior variance over λ. Default 5. */
  readonly qbar?: number | undefined
  /** How many standard deviations above the mean an arm is judged. Default 1. */
  readonly beta?: number | undefined
  /** An integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/** A bandit over arms with a Gaussian process of few points (BKB). */
export interface Bkb {
  /** The arm to play next: the largest mean + β·√variance, the first of equals. */
  readonly next: { (options?: RunOptions): number; async(options?: RunOptions): Promise<number> }
  /** Tells what was observed at an arm, once or more often, in any order. */
  tell(arm: number, y: number): void
  /** Mean and variance of every arm, given all that was told. */
  readonly posterior: { (options?: RunOptions): Posterior; async(options?: RunOptions): Promise<Posterior> }
  /** The arms that the current posterior is made from, ascending. */
  readonly dictionary: Int32Array
}

const FN = 'bkb'

/**
 * Budgeted kernel bandit: finds the best of many arms from noisy observations, believing a Gaussian process, by its
 * upper confidence bound; the process is projected onto a dictionary of arms. Before each new posterior every past
 * observation is put up for it again and drawn with probability min(1, q̄·variance/λ): its size follows the effective
 * dimension and does not grow with time. What the dictionary leaves out counts as variance, so nothing is starved.
 *
 * @returns `{ next(), tell(arm, y), posterior(), dictionary }`. Tell several observations before the next question to
 * work in batches. With arms on a GPU use `next.async` and `posterior.async`.
 * @throws OptionError, ShapeError, NotFiniteError.
 * Cost: after new observations |S| columns of the kernel matrix and about 4A|S|² flops for a dictionary S; memory
 * 3A|S| numbers. q̄ of 2 to 5 is usual; with 1 the variance can be far off. It is the exact posterior, up to rounding,
 * where q̄ is so large that all that was played is kept.
 * Source: Calandriello, Carratino, Lazaric, Valko and Rosasco 2019, "Gaussian process optimization with adaptive
 * sketching: scalable and no regret", algorithm 1, with a constant β.
 *
 * @example
 * ```ts
 * import { solvers } from 'lowrank/recipes'
 * const arms = Array.from({ length: 100 }, (_, i) => [i / 100])
 * const bandit = solvers.bkb({ arms, kernel: 'rbf', gamma: 10, noise: 0.01 })
 * for (let t = 0; t < 30; t++) {
 *   const arm = bandit.next()
 *   bandit.tell(arm, Math.sin(6 * arms[arm][0]))
 * }
 * bandit.next()   // near 26, where the sine is 1
 * ```
 */
export function bkb(options: BkbOptions): Bkb {
  const given = <T>(value: unknown): T => value as T
  const {
    arms,
    noise,
    qbar,
    beta,
    seed: s,
    ...entries
  } = readOptions(FN, options, {
    arms: given<MatrixLike | AnyOperator>,
    noise: positive,
    qbar: withDefault(positive, 5),
    beta: withDefault(nonNegative, 1),
    seed,
    kernel: given<KernelOptions['kernel']>,
    gamma: given<number | undefined>,
    degree: given<number | undefined>,
    coef0: given<number | undefined>,
  })
  const K = isOperator(arms) ? arms : kernelMatrix(arms, entries)
  const count = K.shape[0]
  checkSystem(K, count, 'options.arms', FN)
  const [times, sums] = [new Float64Array(count), new Float64Array(count)]
  let t = 0
  let prior: Float64Array | undefined
  let belief: (Posterior & { readonly t: number; readonly dictionary: Int32Array }) | undefined

  function* believeSteps(): Steps<Posterior> {
    prior ??= yield* diagonalOf(K)
    if (belief?.t === t) return belief
    const now = t
    const before = belief?.variance ?? prior
    const dictionary = drawnDictionary(
      times,
      before.map((v) => Math.min(1, (qbar * v) / noise)),
      s,
      now,
    )
    const data = { times: times.slice(), sums: sums.slice() }
    const { mean, variance } = yield* projectedPosteriorSteps(K, prior, dictionary, data, noise)
    belief = { t: now, dictionary, mean, variance }
    return belief
  }
  return {
    next: fromSteps(function* (_?: RunOptions): Steps<number> {
      const { mean, variance } = yield* believeSteps()
      const bound = mean.map((mu, i) => mu + beta * Math.sqrt(variance[i]!))
      return bound.reduce((best, value, i) => (value > bound[best]! ? i : best), 0)
    }, 0),
    tell(arm, y) {
      checkArm(`${FN}.tell`, arm, count)
      if (!Number.isFinite(y))
        throw new NotFiniteError({ fn: `${FN}.tell`, argument: 'y', value: y, index: [] })
      times[arm]!++
      sums[arm]! += y
      t++
    },
    posterior: fromSteps(function* (_?: RunOptions): Steps<Posterior> {
      const { mean, variance } = yield* believeSteps()
      return { mean: mean.slice(), variance: variance.slice() }
    }, 0),
    get dictionary() {
      return belief?.dictionary.slice() ?? new Int32Array(0)
    },
  }
}

/** Each of the observations of arm i is kept with probability p[i], and the arm where any of them is. */
function drawnDictionary(times: Float64Array, p: Float64Array, seed: number, t: number): Int32Array {
  const u = uniformBlock({ seed, stream: STREAM.kernelBandit, i0: t, i1: t + 1, j0: 0, j1: p.length })
  const kept = p.map((value, i) => 1 - (1 - value) ** times[i]!)
  const drawn = Int32Array.from(kept.keys()).filter((i) => u[i]! < kept[i]!)
  if (drawn.length > 0 || t === 0) return drawn
  // Never empty where anything was observed: the likeliest.
  const first = times.findIndex((n) => n > 0)
  return Int32Array.of(kept.reduce((best, value, i) => (value > kept[best]! ? i : best), first))
}
