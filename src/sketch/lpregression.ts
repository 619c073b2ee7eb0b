import { asVector, dense, wrap } from '../linalg/arrays.js'
import type { Matrix, VectorLike } from '../linalg/arrays.js'
import { ConvergenceError, OptionError } from '../linalg/errors.js'
import type { AsyncLinearOperator, Operand, SyncOperand } from '../linalg/operators.js'
import { integer, nonNegative, oneOf, optional, readOptions, seed, withDefault } from '../linalg/options.js'
import type { Reader } from '../linalg/options.js'
import { norm2 } from '../linalg/magnitude.js'
import { powerOfTwo } from '../linalg/dense/reflectors.js'
import { fromSteps } from '../linalg/steps.js'
import type { RunOptions, Steps } from '../linalg/steps.js'
import { beside, columnRange } from '../linalg/thin.js'
import { lewisSteps } from './lewis.js'
import { lowerBoundSteps, lpSolveSteps, pNorm, times } from './lpsolve.js'
import { entriesSteps, rowBasisSteps } from './rowbasis.js'
import { exponent, sampleRowsSteps } from './samplerows.js'

/** The norm of `lpRegression`, and whether it solves with all rows or a sample. */
export interface LpRegressionOptions extends RunOptions {
  /** The norm, p >= 1: 1 for least absolute deviations, large ones towards the largest deviation. */
  readonly p: number
  /** 'exact' (default) solves with all rows, 'sampled' with rows drawn by the Lewis weights of [A b]. */
  readonly method?: 'exact' | 'sampled' | undefined
  /** Of ‖b − A·x‖ₚ above its lower bound, relative. Default 1e-8. */
  readonly tol?: number | undefined
  /** Newton steps. Default 500. */
  readonly maxIterations?: number | undefined
  /** Of 'sampled': the rows drawn. Default from `epsilon`. */
  readonly count?: number | undefined
  /** Of 'sampled': the relative error aimed at, in (0, 1). Default 0.1. */
  readonly epsilon?: number | undefined
  /** Of 'sampled': an integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/** A minimiser of ‖b − A·x‖ₚ, with a bound that says how near it is. */
export interface LpRegressionResult {
  /** n numbers. */
  readonly x: Float64Array
  /** ‖b − A·x‖ₚ, freshly computed from all rows. */
  readonly residual: number
  /** ‖b − A·x‖ₚ is not below this for any x, but for rounding. */
  readonly lowerBound: number
  /** Newton steps. */
  readonly iterations: number
  /** The rows that were solved with: m, or the sample's. */
  readonly rows: number
}

/** What `lpRegression` answers with follows the operand. */
export interface LpRegression {
  (A: SyncOperand, b: VectorLike, options: LpRegressionOptions): LpRegressionResult
  (A: AsyncLinearOperator, b: VectorLike, options: LpRegressionOptions): Promise<LpRegressionResult>
  (A: Operand, b: VectorLike, options: LpRegressionOptions): LpRegressionResult | Promise<LpRegressionResult>
  /** The same text run cooperatively: the event loop has its turn at least every 16 ms. */
  async(A: Operand, b: VectorLike, options: LpRegressionOptions): Promise<LpRegressionResult>
}

/**
 * Regression in the p-norm, min ‖b − A·x‖ₚ, for every finite p >= 1 and A of any shape and rank: p = 1 is robust
 * against outliers in b.
 *
 * 'exact': a barrier method, Newton's steps on min Σtᵢ over tᵢ >= |b − A·x|ᵢᵖ from the least squares solution, which
 * ends once a dual point, z with Aᵀz = 0, proves ‖b − A·x‖ₚ <= (1 + tol)·min: min >= zᵀb/‖z‖_q, 1/p + 1/q = 1.
 * p = 2 is least squares at once.
 *
 * 'sampled': the same for `count` rows of [A b], drawn without replacement by its ℓp Lewis weights and reweighted;
 * every row where `count` reaches their number. By default `count` is 2·d^{max(1, p/2)}·log(d + 1)/ε², d the rank
 * of [A b]: the form of the theorem that ‖b − A·x‖ₚ <= (1 + O(ε))·min with high probability; the constant is measured.
 * Its `lowerBound` is one of the whole problem, made from the residual, and loose.
 *
 * Where A is rank-deficient, singular values up to max(m, n)·eps·σ₀ counting as 0 (eps is the operand's precision),
 * x has no part in its null space.
 *
 * @param A - m × n matrix or operator.
 * @param b - m numbers.
 * @throws ConvergenceError where the gap is above `tol` after `maxIterations` or at the limit of rounding, with
 * the best x so far; OptionError for p < 1, `count` or `epsilon` without 'sampled'; ShapeError;
 * NotFiniteError; `signal.reason` on an abort.
 * Cost: a thin SVD, and for each Newton step 2mr² flops at rank r and some 50 m evaluations of exp and log: 10 to 40
 * steps for p <= 20, more for larger p; of 'sampled' an SVD, 3m(r + 1)² flops for each of about 10
 * iterations for Lewis weights, and that of the sample. n columns in one product where A is an operator.
 * Memory: about 5mn numbers.
 * Accuracy: the residual is also off by rounding, of about max(m, n)·eps·(‖b‖ + ‖A‖‖x‖).
 * Source: Nesterov and Nemirovskii 1994, "Interior-point polynomial algorithms in convex programming", for the
 * barrier; Cohen and Peng 2015, "ℓp row sampling by Lewis weights", for the sample.
 *
 * @example
 * ```ts
 * import { lpRegression } from 'lowrank'
 * const A = [[1, 0], [1, 1], [1, 2], [1, 3], [1, 4]]
 * lpRegression(A, [1, 3, 5, 100, 9], { p: 1 }).x   // 1, 2: the outlier does not count
 * ```
 */
export const lpRegression: LpRegression = /*#__PURE__*/ fromSteps(lpRegressionSteps, 2) as never

const FN = 'lpRegression'
/** Of the Lewis weights to draw by. */
const WEIGHTS_TOL = 1e-2
const WEIGHTS_ITERATIONS = 200

const fraction: Reader<number> = (value, fail) =>
  typeof value === 'number' && value > 0 && value < 1 ? value : fail('a number in (0, 1)')

function* lpRegressionSteps(
  given: Operand,
  right: VectorLike,
  options: LpRegressionOptions,
): Steps<LpRegressionResult> {
  const plan = readOptions(FN, options, {
    p: exponent,
    method: withDefault(oneOf('exact', 'sampled'), 'exact'),
    tol: withDefault(nonNegative, 1e-8),
    maxIterations: withDefault(integer(1), 500),
    count: optional(integer(1)),
    epsilon: optional(fraction),
    seed,
  })
  for (const name of ['count', 'epsilon'] as const) {
    if (plan.method === 'sampled' || plan[name] === undefined) continue
    throw new OptionError({
      fn: FN,
      argument: `options.${name}`,
      expected: "method: 'sampled' beside it",
      given: `method: '${plan.method}'`,
    })
  }
  const { matrix, precision } = yield* entriesSteps(given, FN)
  const b = asVector(right, FN, 'b', matrix.rows)
  const scaleB = powerOfTwo(pNorm(b, Infinity))
  const basis = yield* rowBasisSteps(matrix, precision)
  const { B, X } = basis
  const c = b.map((v) => scaleB * v)
  const { p, tol, maxIterations } = plan
  const sample = plan.method === 'sampled' ? yield* sampleSteps(B, c, plan) : undefined
  const solution = sample ?? {
    ...(yield* lpSolveSteps(FN, B, c, p, tol, maxIterations)),
    rows: matrix.rows,
  }

  // B·y = scale·A·X·y, and scaleB·b ≈ B·y.
  const scaledX = yield* times(X, solution.y)
  const Ax = yield* times(basis.A, scaledX)
  const result = {
    x: scaledX.map((v) => (v * basis.scale) / scaleB),
    residual:
      pNorm(
        Ax.map((v, i) => c[i]! - v),
        p,
      ) / scaleB,
    lowerBound: solution.lower / scaleB,
    iterations: solution.iterations,
    rows: solution.rows,
  }
  if (solution.converged) return result
  throw new ConvergenceError({
    fn: FN,
    argument: 'A',
    expected: `a residual at most 1 + ${tol} times its lower bound`,
    given: `${result.residual} and ${result.lowerBound} after ${result.iterations} Newton steps`,
    iterations: result.iterations,
    residual: 1 - result.lowerBound / result.residual,
    best: result,
  })
}

interface Sampled {
  readonly y: Float64Array
  readonly lower: number
  readonly iterations: number
  readonly converged: boolean
  readonly rows: number
}

/** Undefined where the sample would be all rows. */
function* sampleSteps(
  B: Matrix,
  c: Float64Array,
  plan: {
    readonly p: number
    readonly tol: number
    readonly maxIterations: number
    readonly count: number | undefined
    readonly epsilon: number | undefined
    readonly seed: number
  },
): Steps<Sampled | undefined> {
  const { p } = plan
  const [m = 0, r = 0] = B.shape
  // c in the size of the columns of B, so that neither hides the other.
  const size = norm2(c) || 1
  const unit = c.map((v) => v / size)
  const Bc = beside([B, wrap(unit, m, 1)], m)
  const { B: both } = yield* rowBasisSteps(dense(Bc))
  const d = both.shape[1]!
  const epsilon = plan.epsilon ?? 0.1
  const count =
    plan.count ?? Math.max(d, Math.ceil((2 * d ** Math.max(1, p / 2) * Math.log(d + 1)) / epsilon ** 2))
  const { weights } = yield* lewisSteps(FN, both, p, WEIGHTS_TOL, WEIGHTS_ITERATIONS)
  if (count >= weights.reduce((sum, w) => sum + Number(w > 0), 0)) return undefined
  const { rows } = yield* sampleRowsSteps(Bc, { scores: weights, count, p, replace: false, seed: plan.seed })
  // The sample may have lost some of the rank.
  const part = yield* rowBasisSteps(dense(columnRange(rows, 0, r)))
  const target = columnRange(rows, r, r + 1).data.map((v) => size * v)
  const { y, iterations, converged } = yield* lpSolveSteps(
    FN,
    part.B,
    target,
    p,
    plan.tol,
    plan.maxIterations,
  )
  const Xy = (yield* times(part.X, y)).map((v) => v * part.scale)
  const By = yield* times(B, Xy)
  const lower = yield* lowerBoundSteps(
    B,
    c,
    By.map((v, i) => c[i]! - v),
    p,
  )
  return { y: Xy, lower, iterations, converged, rows: count }
}
