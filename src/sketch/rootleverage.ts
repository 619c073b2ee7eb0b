import { OptionError } from '../linalg/errors.js'
import { method } from '../linalg/operators.js'
import type { Method, Operand } from '../linalg/operators.js'
import { readOptions } from '../linalg/options.js'
import type { RunOptions, Steps } from '../linalg/steps.js'
import { exactLeverageSteps } from './leverage.js'
import { exponent } from './samplerows.js'

/** The norm of `rootLeverageScores`. */
export interface RootLeverageOptions extends RunOptions {
  /** The norm, 1 <= p <= 2. */
  readonly p: number
}

/**
 * The root leverage scores τᵢ^{p/2} of the rows of A, for the leverage scores τ: scores for p-norms, 1 <= p <= 2,
 * that need no more than those. Each is at least the Lewis weight and the sensitivity of its row. They add up to
 * at most m^{1 − p/2}·r^{p/2} at rank r, to r for p = 2: as many rows are enough, up to logarithms, in one round of
 * sampling, and about r where the rows that came are scored and sampled again, and again.
 *
 * @param A - m × n matrix or operator, meant for m > n.
 * @returns m numbers in [0, 1].
 * @throws OptionError for p outside [1, 2]: above 2 they are below the Lewis weights, and rows that count are
 * missed; ShapeError; NotFiniteError; `signal.reason` on an abort.
 * Cost: that of `leverageScores`, 'exact'.
 * Source: Woodruff and Yasuda 2023, "Sharper bounds for ℓp sensitivity sampling".
 *
 * @example
 * ```ts
 * import { random, rootLeverageScores, sampleRows } from 'lowrank'
 * const A = random.normal([1000, 5])
 * sampleRows(A, { scores: rootLeverageScores(A, { p: 1 }), count: 100, p: 1 }).rows   // 100 × 5
 * ```
 */
export const rootLeverageScores: Method<[options: RootLeverageOptions], Float64Array> =
  /*#__PURE__*/ method(rootLeverageSteps)

function* rootLeverageSteps(given: Operand, options: RootLeverageOptions): Steps<Float64Array> {
  const fn = 'rootLeverageScores'
  const { p } = readOptions(fn, options, { p: exponent })
  if (p > 2) {
    throw new OptionError({
      fn,
      argument: 'options.p',
      expected: 'a number in [1, 2] (lewisWeights are for every p >= 1)',
      given: String(p),
    })
  }
  return (yield* exactLeverageSteps(given, fn)).map((tau) => tau ** (p / 2))
}
