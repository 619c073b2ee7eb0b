import { contiguous, dense } from '../linalg/arrays.js'
import type { Matrix } from '../linalg/arrays.js'
import { operandSteps } from '../linalg/operators/denseoperator.js'
import { gaussianAdjoint, gaussianSteps } from '../linalg/gaussian.js'
import { multiplySteps } from '../linalg/dense/multiply.js'
import { method, precisionOf } from '../linalg/operators.js'
import type { AnyOperator, Method, Operand } from '../linalg/operators.js'
import { nonNegative, oneOf, readOptions, seed, withDefault } from '../linalg/options.js'
import { adjointProduct, offers, product, sketchedProduct } from '../linalg/products.js'
import { STREAM } from '../linalg/random.js'
import { numericalRank } from '../linalg/dense/rank.js'
import { breath, report } from '../linalg/steps.js'
import type { RunOptions, Steps } from '../linalg/steps.js'
import { denseSvdSteps } from '../linalg/dense/svd.js'
import { beside, columnRange, scaledColumns } from '../linalg/thin.js'
import { entriesSteps } from './rowbasis.js'

/** How `leverageScores` computes them, and their ridge. */
export interface LeverageOptions extends RunOptions {
  /**
   * 'exact' (default) reads the entries of A; 'approximate' multiplies A and Aᵀ by thin matrices, which is
   * cheaper where products are (sparse, on a GPU) and, for a dense A, from about 200 columns on.
   */
  readonly method?: 'exact' | 'approximate' | undefined
  /** λ >= 0 of the ridge leverage scores. Default 0. */
  readonly ridge?: number | undefined
  /** Of 'approximate': an integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/** Rows of the sketch beyond n, and columns of the projection: both errors are then about √(2/128). */
const EXTRA = 130
const PROJECTED = 128
/** Numbers of a test matrix or product held at once: 256 MiB. */
const HELD = 2 ** 25

/**
 * The leverage score of each row of A: ℓᵢ = ‖uᵢ‖² for the rows uᵢ of an orthonormal basis of A's range, which
 * is max (aᵢᵀx)²/‖Ax‖² over x. They lie in [0, 1], add up to the rank, and do not change where the columns of
 * A are recombined, A·M with M invertible. With a ridge λ, ℓᵢ(λ) = aᵢᵀ(AᵀA + λI)⁻¹aᵢ, which add up to
 * Σ σ²/(σ² + λ), the effective dimension.
 *
 * 'exact': from the thin SVD of the entries. Singular values up to max(m, n)·eps·σ₀ count as 0 (eps is the
 * operand's precision): the scores add up to `matrixRank`, with λ > 0 too they leave those directions out.
 * Error: about eps·σ₀/σᵣ for the smallest σᵣ that counts.
 *
 * 'approximate': with a Gaussian sketch ΩᵀA of n + 130 rows (of [A; √λ·I] with a ridge), and A·X for the X
 * that makes ΩᵀA·X orthonormal, projected onto 128 Gaussian columns where it has more. Each score is off by
 * the factor (ν − 2)/χ²(ν) · χ²(128)/128 with ν = n + 131 − r >= 131 for the rank r (n with a ridge), the
 * second part only where r > 128: unbiased before scores above 1 are cut to 1, with relative standard
 * deviation 0.13 to 0.18, and off by more than a factor 2 with probability below 2·10⁻⁴ for each row, however
 * A looks and in any number of columns. Where m <= n + 130 it is 'exact' instead.
 *
 * @param A - m × n matrix or operator, meant for m > n.
 * @returns m numbers.
 * @throws OptionError, ShapeError, NotFiniteError, and `signal.reason` on an abort.
 * Cost: 'exact' about 6mn² + 20n³ flops for m > n, and n columns in one product where A is an operator;
 * memory 4mn numbers. 'approximate' n + 130 columns in a product with Aᵀ and min(n, 128) in one with A, an SVD
 * of (n + 130) × n; 2 passes, and more, so that the columns held at once stay below 256 MiB, where
 * m·(n + 130) > 2²⁵.
 * Source: Drineas, Magdon-Ismail, Mahoney and Woodruff 2012, "Fast approximation of matrix coherence and
 * statistical leverage", algorithm 1; Alaoui and Mahoney 2015 for the ridge. Departures: a Gaussian sketch,
 * whose factor 1/χ² has a known mean that is divided out and needs only n + 130 rows; an SVD for R, so that
 * a rank-deficient A is no special case; no projection for up to 128 columns.
 *
 * @example
 * ```ts
 * import { leverageScores } from 'lowrank'
 * leverageScores([[1, 0], [0, 1], [0, 1]])   // 1, 0.5, 0.5
 * ```
 */
export const leverageScores: Method<[options?: LeverageOptions], Float64Array> =
  /*#__PURE__*/ method(leverageScoresSteps)

function* leverageScoresSteps(given: Operand, options?: LeverageOptions): Steps<Float64Array> {
  const fn = 'leverageScores'
  const plan = readOptions(fn, options, {
    method: withDefault(oneOf('exact', 'approximate'), 'exact'),
    ridge: withDefault(nonNegative, 0),
    seed,
  })
  if (plan.method === 'exact') return yield* exactLeverageSteps(given, fn, plan.ridge)
  const A = yield* operandSteps(given, fn, 'A')
  const [m, n] = A.shape
  if (Math.min(m, n) === 0) return new Float64Array(m)
  if (m > n + EXTRA) return yield* approximateLeverageSteps(A, plan.ridge, plan.seed)
  return yield* exactLeverageSteps(given, fn, plan.ridge)
}

export function* exactLeverageSteps(given: Operand, fn: string, ridge = 0): Steps<Float64Array> {
  const { matrix: A, precision } = yield* entriesSteps(given, fn)
  if (Math.min(A.rows, A.cols) === 0) return new Float64Array(A.rows)
  const { U, s } = yield* denseSvdSteps(A, 'thin')
  const rank = numericalRank(s, A, Math.max(A.rows, A.cols) * precision)
  const scores = new Float64Array(A.rows)
  yield* addSquaresSteps(
    scores,
    U,
    s.subarray(0, rank).map((sigma) => filter(sigma, Math.sqrt(ridge))),
  )
  return scores.map((score) => Math.min(1, score))
}

/** σ²/(σ² + μ²) without squares that overflow or vanish. */
export function filter(sigma: number, mu: number): number {
  const ratio = mu <= sigma ? mu / sigma : sigma / mu
  return (mu <= sigma ? 1 : ratio * ratio) / (1 + ratio * ratio)
}

/** `held`: numbers of a product's operand at once; the columns are taken in blocks where they are more. */
export function* approximateLeverageSteps(
  A: AnyOperator,
  ridge: number,
  s: number,
  held = HELD,
): Steps<Float64Array> {
  const [m, n] = A.shape
  const rows = n + EXTRA
  const block = Math.max(16, Math.floor(held / m))
  // An operand that makes the sketch itself needs no room for it here.
  const sketched = offers(A, 'sketched') ? rows : block
  const total = Math.ceil(rows / sketched) + Math.ceil(Math.min(n, PROJECTED) / block)
  let passes = 0
  const sketch: Matrix[] = []
  for (let j = 0; j < rows; j += sketched) {
    yield* report('leverageScores', 'sketch', passes++, total)
    sketch.push(yield* adjointSketchSteps(A, j, Math.min(rows, j + sketched), s))
  }
  const Bt = beside(sketch, n)
  if (ridge > 0) {
    // The sketch of √λ·I below A, a matrix that is never formed.
    const { data } = yield* gaussianSteps(n, 0, rows, STREAM.leverageRidge, s)
    const mu = Math.sqrt(ridge)
    for (let e = 0; e < data.length; e++) Bt.data[e]! += mu * data[e]!
  }
  const { X, rank } = yield* whiteningSteps(Bt, Math.max(m, n) * precisionOf(A), s)
  const scores = new Float64Array(m)
  const columns = X.shape[1]!
  for (let j = 0; j < columns; j += block) {
    yield* report('leverageScores', 'scores', passes++, total)
    const AX = yield* product(A, columnRange(X, j, Math.min(columns, j + block)))
    yield* addSquaresSteps(scores, AX)
  }
  yield* report('leverageScores', 'scores', total, total)
  // 1/χ²(ν) has mean 1/(ν − 2).
  const unbiased = rows + 1 - rank - 2
  return scores.map((score) => Math.min(1, unbiased * score))
}

/** Aᵀ times columns [j0, j1) of Ω; all of them where A makes Ω itself. */
function* adjointSketchSteps(A: AnyOperator, j0: number, j1: number, s: number): Steps<Matrix> {
  const m = A.shape[0]
  if (!offers(A, 'sketched')) {
    return yield* adjointProduct(A, yield* gaussianSteps(m, j0, j1, STREAM.leverageSketch, s))
  }
  const OmegaT = gaussianAdjoint(m, j1, STREAM.leverageSketch, s)
  return contiguous((yield* sketchedProduct(A, OmegaT)).transpose(1, 0))
}

/** X, n × r, for which B·X is orthonormal; times a Gaussian matrix of 128 columns where r is more. */
function* whiteningSteps(Bt: Matrix, rtol: number, s: number): Steps<{ X: Matrix; rank: number }> {
  const view = dense(Bt)
  // Bᵀ = U·diag(s)·Vt
  const svd = yield* denseSvdSteps(view, 'thin')
  const rank = numericalRank(svd.s, view, rtol)
  const inverse = svd.s.subarray(0, rank).map((sigma) => 1 / sigma)
  const X = scaledColumns(columnRange(svd.U, 0, rank), inverse)
  if (rank <= PROJECTED) return { X, rank }
  const G = yield* gaussianSteps(rank, 0, PROJECTED, STREAM.leverageProjection, s)
  for (let e = 0; e < G.data.length; e++) G.data[e]! /= Math.sqrt(PROJECTED)
  return { X: (yield* multiplySteps(dense(X), dense(G))) as Matrix, rank }
}

/** Rows of so many numbers in all between two breaths. */
const STRETCH = 2 ** 20

/** scores += the sum of the squares of each row of U, each of its first columns times its weight. */
export function* addSquaresSteps(
  scores: Float64Array,
  { data, shape }: Matrix,
  weights = new Float64Array(shape[1]!).fill(1),
): Steps<void> {
  const width = shape[1]!
  const stretch = Math.max(1, Math.floor(STRETCH / Math.max(width, 1)))
  for (let i0 = 0; i0 < scores.length; i0 += stretch) {
    for (let i = i0; i < Math.min(scores.length, i0 + stretch); i++) {
      let sum = 0
      for (let j = 0, o = i * width; j < weights.length; j++, o++) sum += weights[j]! * data[o]! * data[o]!
      scores[i]! += sum
    }
    yield* breath()
  }
}
