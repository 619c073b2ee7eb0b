import { asFiniteMatrix, dense } from '../arrays.js'
import type { Dense, MatrixLike } from '../arrays.js'
import { nonNegative, optional, readOptions } from '../options.js'
import { fromSteps } from '../steps.js'
import type { RunOptions, Steps } from '../steps.js'
import { denseSvdSteps } from './svd.js'

/** Which singular values `matrixRank` counts. */
export interface MatrixRankOptions extends RunOptions {
  /** Singular values up to rtol·s₀ count as 0. Default max(m, n)·eps. */
  readonly rtol?: number | undefined
}

/**
 * The numerical rank: how many singular values are above rtol·s₀.
 *
 * @param A - m × n.
 * @throws NotFiniteError; OptionError; ConvergenceError as `svd`.
 * Cost: as `svdvals`.
 *
 * @example
 * ```ts
 * import { matrixRank } from 'lowrank'
 * matrixRank([[1, 2], [2, 4]])   // 1
 * ```
 */
export const matrixRank: {
  (A: MatrixLike, options?: MatrixRankOptions): number
  async(A: MatrixLike, options?: MatrixRankOptions): Promise<number>
} = /*#__PURE__*/ fromSteps(matrixRankSteps, 1)

/**
 * The condition number s₀ / s₍p−1₎ in the spectral norm, p = min(m, n); Infinity for a rank-deficient matrix
 * whose last singular value is exactly 0, and 0 for an empty one.
 *
 * @param A - m × n.
 * @throws NotFiniteError; OptionError; ConvergenceError as `svd`.
 * Cost: as `svdvals`. Above about 1/eps the number says only that A is singular to working precision.
 *
 * @example
 * ```ts
 * import { cond } from 'lowrank'
 * cond([[2, 0], [0, 1]])   // 2
 * ```
 */
export const cond: {
  (A: MatrixLike, options?: RunOptions): number
  async(A: MatrixLike, options?: RunOptions): Promise<number>
} = /*#__PURE__*/ fromSteps(condSteps, 1)

function* matrixRankSteps(a: MatrixLike, options?: MatrixRankOptions): Steps<number> {
  const { rtol } = readOptions('matrixRank', options, { rtol: optional(nonNegative) })
  const A = dense(asFiniteMatrix(a, 'matrixRank', 'A'))
  return numericalRank((yield* denseSvdSteps(A, 'none')).s, A, rtol)
}

function* condSteps(a: MatrixLike, options?: RunOptions): Steps<number> {
  readOptions('cond', options, {})
  const { s } = yield* denseSvdSteps(dense(asFiniteMatrix(a, 'cond', 'A')), 'none')
  const [largest, smallest] = [s[0] ?? 0, s.at(-1) ?? 0]
  if (s.length === 0) return 0
  return smallest === 0 ? Infinity : largest / smallest
}

/** How many of the singular values of A are above rtol·s₀. */
export function numericalRank(s: Float64Array, A: Dense, rtol = Math.max(A.rows, A.cols) * 2 ** -52): number {
  const cut = rtol * (s[0] ?? 0)
  return s.filter((value) => value > cut).length
}
