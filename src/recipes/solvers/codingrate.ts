import { asFiniteMatrix, dense, eye, flip, packed, wrap } from '../../linalg/arrays.js'
import type { Matrix, MatrixLike } from '../../linalg/arrays.js'
import { cholesky } from '../../linalg/dense/cholesky.js'
import { OptionError, ShapeError } from '../../linalg/errors.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import { bool, optional, positive, readOptions, withDefault } from '../../linalg/options.js'
import type { Reader } from '../../linalg/options.js'
import { breath, fromSteps } from '../../linalg/steps.js'
import type { RunOptions, Steps } from '../../linalg/steps.js'
import { scaledColumns } from '../../linalg/thin.js'

/** The precision and the groups of `codingRate`. */
export interface CodingRateOptions extends RunOptions {
  /** ε > 0: the precision to which samples are coded. Default 0.5. */
  readonly epsilon?: number | undefined
  /** k × n numbers >= 0: how much of sample i belongs to group j; a column adds up to 1. Default one group. */
  readonly memberships?: MatrixLike | undefined
  /** Whether `gradient` is wanted. Default false. */
  readonly gradient?: boolean | undefined
}

/** The coding rate of samples, together and in groups. */
export interface CodingRate {
  /** R: nats for each of the samples coded together. */
  readonly whole: number
  /** R_c: the same for the groups coded apart. */
  readonly grouped: number
  /** ΔR = R − R_c >= 0: what the grouping saves. */
  readonly reduction: number
  /** ∂ΔR/∂Z, d × n; only where it was asked for. */
  readonly gradient?: Matrix
}

/**
 * The rate reduction of samples in groups: ΔR = R(Z) − Σⱼ (nⱼ/n)·R(Zⱼ), R(Z) = ½·log det(I + d/(nε²)·ZZᵀ). Large
 * where groups span different subspaces: what maximal coding rate reduction (MCR²) maximises, over samples of norm 1.
 *
 * @param Z - d × n: samples as columns.
 * @throws ShapeError, OptionError (memberships that are negative, or do not add up to 1), NotFiniteError.
 * Cost: min(d, n)²·max(d, n) flops for R, d²·n for each group, and as much again for the gradient.
 * Source: Yu, Chan, You, Song and Ma 2020, "Learning diverse and discriminative representations via the principle of
 * maximal coding rate reduction", eqs. 2–6; memberships of Ding et al. 2023, "Unsupervised manifold linearizing and
 * clustering".
 *
 * @example
 * ```ts
 * import { solvers } from 'lowrank/recipes'
 * const Z = [[1, 1, 0, 0], [0, 0, 1, 1]]
 * solvers.codingRate(Z, { memberships: [[1, 1, 0, 0], [0, 0, 1, 1]] }).reduction   // above 0: two subspaces
 * ```
 */
export const codingRate: {
  (Z: MatrixLike, options?: CodingRateOptions): CodingRate
  async(Z: MatrixLike, options?: CodingRateOptions): Promise<CodingRate>
} = /*#__PURE__*/ fromSteps(codingRateSteps, 1)

const FN = 'codingRate'

const anything: Reader<MatrixLike> = (value) => value as MatrixLike

function* codingRateSteps(given: MatrixLike, options?: CodingRateOptions): Steps<CodingRate> {
  const plan = readOptions(FN, options, {
    epsilon: withDefault(positive, 0.5),
    memberships: optional(anything),
    gradient: withDefault(bool, false),
  })
  const view = dense(asFiniteMatrix(given, FN, 'Z'))
  const [d, n] = [view.rows, view.cols]
  const Z = wrap(packed(view), d, n)
  const Pi = membershipsOf(plan.memberships, n)
  const all = yield* rateSteps(Z, new Float64Array(n).fill(1), plan.epsilon, plan.gradient)
  let grouped = 0
  const gradient = all.gradient
  for (let j = 0; j < Pi.shape[0]!; j++) {
    const shares = Pi.data.subarray(j * n, (j + 1) * n)
    const weight = shares.reduce((sum, share) => sum + share, 0) / n
    if (weight === 0) continue
    const group = yield* rateSteps(Z, shares, plan.epsilon, plan.gradient)
    grouped += weight * group.rate
    group.gradient?.data.forEach((g, e) => (gradient!.data[e]! -= weight * g))
    yield* breath()
  }
  const rates = { whole: all.rate, grouped, reduction: all.rate - grouped }
  return gradient ? { ...rates, gradient } : rates
}

/** ½·log det(I + α·Z·diag(p)·Zᵀ), α = d/(ε²Σp), from the smaller of the two Gram matrices; and its gradient. */
function* rateSteps(
  Z: Matrix,
  p: Float64Array,
  epsilon: number,
  wantsGradient: boolean,
): Steps<{ rate: number; gradient?: Matrix }> {
  const [d, n] = [Z.shape[0]!, Z.shape[1]!]
  const alpha = d / (epsilon ** 2 * p.reduce((sum, share) => sum + share, 0))
  const half = scaledColumns(
    Z,
    p.map((share) => Math.sqrt(alpha * share)),
  )
  const [outer, inner] =
    d <= n || wantsGradient ? [dense(half), flip(dense(half))] : [flip(dense(half)), dense(half)]
  const M = (yield* multiplySteps(outer, inner)) as Matrix
  const side = M.shape[0]!
  eye(side).data.forEach((one, e) => (M.data[e]! += one))
  const { L, solve } = cholesky(M)
  let rate = 0
  for (let i = 0; i < side; i++) rate += Math.log(L.get(i, i))
  if (!wantsGradient) return { rate }
  // (I + α·Z·diag(p)·Zᵀ)⁻¹·α·Z·diag(p)
  return {
    rate,
    gradient: solve(
      scaledColumns(
        Z,
        p.map((share) => alpha * share),
      ),
    ),
  }
}

function membershipsOf(given: MatrixLike | undefined, n: number): Matrix {
  if (given === undefined) return wrap(new Float64Array(n).fill(1), 1, n)
  const argument = 'options.memberships'
  const view = dense(asFiniteMatrix(given, FN, argument))
  if (view.cols !== n) {
    throw new ShapeError({ fn: FN, argument, expected: `${n} columns`, given: `${view.rows}×${view.cols}` })
  }
  const Pi = wrap(packed(view), view.rows, n)
  for (let i = 0; i < n; i++) {
    let sum = 0
    for (let j = 0; j < view.rows; j++) {
      const share = Pi.data[j * n + i]!
      if (share < 0) {
        throw new OptionError({
          fn: FN,
          argument,
          expected: 'numbers >= 0',
          given: `${share} at [${j}, ${i}]`,
        })
      }
      sum += share
    }
    // As far off as a normalisation in single precision leaves them.
    if (Math.abs(sum - 1) > view.rows * 2 ** -23) {
      throw new OptionError({
        fn: FN,
        argument,
        expected: 'columns that add up to 1',
        given: `${sum} in column ${i}`,
      })
    }
  }
  return Pi
}
