import { asFiniteMatrix, dense } from '../arrays.js'
import type { MatrixLike } from '../arrays.js'
import { readOptions } from '../options.js'
import { fromSteps } from '../steps.js'
import type { RunOptions, Steps } from '../steps.js'
import { denseSvdSteps } from '../dense/svd.js'

/**
 * The effective rank: exp of the entropy of the singular values as a distribution, pᵢ = σᵢ/Σσ. It is k for k equal
 * values, between 1 and the rank for others, 0 for a zero matrix, and does not depend on the scale.
 *
 * @param A - m × n.
 * @throws NotFiniteError; OptionError; ConvergenceError as `svd`.
 * Cost: as `svdvals`.
 * Source: Roy and Vetterli 2007, "The effective rank: a measure of effective dimensionality".
 *
 * @example
 * ```ts
 * import { effectiveRank, eye } from 'lowrank'
 * effectiveRank(eye(5))   // 5
 * ```
 */
export const effectiveRank: {
  (A: MatrixLike, options?: RunOptions): number
  async(A: MatrixLike, options?: RunOptions): Promise<number>
} = /*#__PURE__*/ fromSteps(effectiveRankSteps, 1)

function* effectiveRankSteps(A: MatrixLike, options?: RunOptions): Steps<number> {
  readOptions('effectiveRank', options, {})
  const { s } = yield* denseSvdSteps(dense(asFiniteMatrix(A, 'effectiveRank', 'A')), 'none')
  const largest = s[0] ?? 0
  if (largest === 0) return 0
  const shares = s.map((sigma) => sigma / largest)
  const total = shares.reduce((sum, share) => sum + share, 0)
  let entropy = 0
  for (const share of shares) if (share > 0) entropy -= (share / total) * Math.log(share / total)
  return Math.exp(entropy)
}
