import { ConvergenceError } from '../../linalg/errors.js'
import { integer, nonNegative, optional, readOptions, seed, withDefault } from '../../linalg/options.js'
import type { Reader } from '../../linalg/options.js'
import type { Solution } from '../../linalg/dense/rightside.js'
import { sorSteps } from '../../linalg/iterative/sor.js'
import type { Entries } from '../../linalg/iterative/splitting.js'
import { fromSteps } from '../../linalg/steps.js'
import type { RunOptions, Steps } from '../../linalg/steps.js'
import { chebCb } from './chebcb.js'
import { tsallisInf } from './tsallisinf.js'

/** The values of ω to learn from, and whether they follow a context. */
export interface LearningToRelaxOptions {
  /** The values of ω to choose from, each in (0, 2). Default 1, 1.05, …, 1.95. */
  readonly omegas?: readonly number[] | undefined
  /** [a, b], in which the contexts lie: with it ω follows the context, else one ω is learned for all systems. */
  readonly range?: readonly [low: number, high: number] | undefined
  /** Of each solve, as in `sor`. */
  readonly rtol?: number | undefined
  /** Of each solve, as in `sor`. */
  readonly maxIterations?: number | undefined
  /** An integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/** What is known of one system before it is solved. */
export interface RelaxedSolveOptions extends RunOptions {
  /** What is known of the system before it is solved, such as its diagonal shift; in `range`. */
  readonly context?: number | undefined
}

/** The solution of one system, and the ω that was tried on it. */
export interface RelaxedSolution extends Solution<Float64Array> {
  /** The relaxation parameter that was tried. */
  readonly omega: number
}

/** A solver that learns. */
export interface Relaxation {
  /** Solves a system by `sor`, with an ω of its own choosing, and learns from how long it took. */
  solve: {
    (A: Entries, b: ArrayLike<number>, options?: RelaxedSolveOptions): RelaxedSolution
    async(A: Entries, b: ArrayLike<number>, options?: RelaxedSolveOptions): Promise<RelaxedSolution>
  }
}

const FN = 'learningToRelax'
const GRID = Array.from({ length: 20 }, (_, i) => (20 + i) / 20)

const omegaList: Reader<readonly number[]> = (value, fail) =>
  Array.isArray(value) && value.length > 0 && value.every((w) => typeof w === 'number' && w > 0 && w < 2)
    ? (value as number[]).slice()
    : fail('numbers in (0, 2)')

const number: Reader<number> = (value, fail) =>
  typeof value === 'number' && Number.isFinite(value)
    ? value
    : fail('a finite number, since there is a range')

/**
 * Solves one linear system after another by SOR and learns ω on the way, from the numbers of iterations alone: by
 * `tsallisInf`, which comes to do as well as the best ω for all systems, or, where each comes with a number that says
 * something of it, by `chebCb`, which follows the best ω for each. The answers are exact to the tolerance throughout.
 *
 * @returns `{ solve(A, b, { context }) }`, which answers as `sor` does, and with the `omega` it chose.
 * @throws OptionError; `solve` throws as `sor`, after it has learned that this ω takes long.
 * Cost: that of `sor`, and some microseconds for the choice.
 * Source: Khodak, Chow, Balcan and Talwalkar 2024, "Learning to relax: setting solver parameters across a sequence of
 * linear system instances", algorithms 2 and 3; a system costs its iterations but one.
 *
 * @example
 * ```ts
 * import { solvers } from 'lowrank/recipes'
 * const relaxation = solvers.learningToRelax({ range: [0, 1] })
 * for (let t = 0; t < 100; t++) {
 *   const shift = (t % 10) / 10
 *   const A = [[2 + shift, -1, 0], [-1, 2 + shift, -1], [0, -1, 2 + shift]]
 *   const { x, omega, iterations } = relaxation.solve(A, [1, 2, 3], { context: shift })
 * }
 * ```
 */
export function learningToRelax(options?: LearningToRelaxOptions): Relaxation {
  const {
    omegas,
    range,
    seed: s,
    ...plan
  } = readOptions(FN, options, {
    omegas: withDefault(omegaList, GRID),
    range: (value) => value as readonly [number, number] | undefined,
    rtol: optional(nonNegative),
    maxIterations: optional(integer(1)),
    seed,
  })
  const arms = omegas.length
  const choice = range === undefined ? tsallisInf({ arms, seed: s }) : chebCb({ arms, range, seed: s })
  return {
    solve: fromSteps(function* (
      A: Entries,
      b: ArrayLike<number>,
      given?: RelaxedSolveOptions,
    ): Steps<RelaxedSolution> {
      const { context } = readOptions(`${FN}.solve`, given, { context: range ? number : optional(number) })
      const arm = choice.choose(context!)
      const omega = omegas[arm]!
      try {
        const solution = yield* sorSteps(A, b, { omega, rtol: plan.rtol, maxIterations: plan.maxIterations })
        choice.update(arm, Math.max(0, solution.iterations - 1), context)
        return { ...(solution as Solution<Float64Array>), omega }
      } catch (error) {
        if (error instanceof ConvergenceError) choice.update(arm, error.iterations, context)
        throw error
      }
    }, 2),
  }
}
