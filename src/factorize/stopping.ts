import { precisionOf } from '../linalg/operators.js'
import type { AnyOperator } from '../linalg/operators.js'
import { OptionError } from '../linalg/errors.js'
import { integer, nonNegative, optional } from '../linalg/options.js'

/** How a method that finds a rank is told to stop: at whichever comes first. */
export interface Stopping {
  /** At most this rank; above min(m, n) it is clamped. */
  readonly rank?: number | undefined
  /** Until ‖A − Â‖_F ≤ rtol·‖A‖_F. */
  readonly rtol?: number | undefined
  /** Until ‖A − Â‖_F ≤ atol. */
  readonly atol?: number | undefined
}

export const stoppingReaders = {
  rank: optional(integer(1)),
  rtol: optional(nonNegative),
  atol: optional(nonNegative),
}

/** The rule with the shape filled in. `tolerance` of a norm is undefined where only a rank was given. */
export interface Goal {
  readonly rank: number
  readonly tolerance: ((norm: number) => number) | undefined
}

/**
 * Relative residuals below this many units of rounding cannot be told apart by products, so a smaller
 * tolerance asks for this much: 1.4·10⁻¹⁴ in float64.
 */
export const ROUNDING = 64

export function goalOf(fn: string, { rank, rtol, atol }: Stopping, A: AnyOperator): Goal {
  if (rank === undefined && rtol === undefined && atol === undefined) {
    throw new OptionError({
      fn,
      argument: 'options',
      expected: 'rank, rtol or atol',
      given: 'none of the three',
    })
  }
  return {
    rank: Math.min(rank ?? Infinity, ...A.shape),
    tolerance:
      rtol === undefined && atol === undefined
        ? undefined
        : (norm) => Math.max((rtol ?? 0) * norm, atol ?? 0, ROUNDING * precisionOf(A) * norm),
  }
}

/**
 * The smallest rank whose total error is within the tolerance: `outside` is the error of the approximation
 * with all of `s`, and dropping trailing values adds their squares.
 */
export function trimmedRank(s: Float64Array, goal: Goal, outside: number, norm: number): number {
  let rank = Math.min(goal.rank, s.length)
  if (goal.tolerance === undefined) return rank
  const tolerance = goal.tolerance(norm)
  let dropped = outside
  for (let j = s.length - 1; j >= 0; j--) {
    dropped = Math.hypot(dropped, s[j]!)
    if (dropped > tolerance) break
    rank = Math.min(rank, j)
  }
  return rank
}
