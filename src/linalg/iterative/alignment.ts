import { asFiniteMatrix, dense, flip } from '../arrays.js'
import type { Matrix, MatrixLike } from '../arrays.js'
import { ShapeError } from '../errors.js'
import { multiplySteps } from '../dense/multiply.js'
import { readOptions, withDefault } from '../options.js'
import type { Reader } from '../options.js'
import { fromSteps } from '../steps.js'
import type { RunOptions, Steps } from '../steps.js'
import { denseSvdSteps } from '../dense/svd.js'
import { leadingColumns, leadingRows } from '../thin.js'

/** Which singular vectors `alignment` compares. */
export interface AlignmentOptions extends RunOptions {
  /** γ in (0, 1]: singular vectors count whose value is at least γ times the largest. Default 0.3. */
  readonly threshold?: number | undefined
}

/**
 * How far the leading singular vectors of two matrices point the same way, left and right at once:
 * Σᵢⱼ (uᵢ·u'ⱼ)(vᵢ·v'ⱼ) / √(k·k') over the k and k' vectors whose values are at least γ times the largest.
 *
 * 1 for a matrix and itself, or a positive multiple; −1 for its negative; near 0 for unrelated ones; in between it is
 * the cosine between the two partial isometries U·Vt and U'·V't. 0 where a matrix is zero. Unchanged when both are
 * multiplied by the same orthogonal matrix.
 *
 * @param A - m × n.
 * @param B - m × n.
 * @throws ShapeError where the shapes differ; NotFiniteError; OptionError; ConvergenceError as `svd`.
 * Cost: two thin SVDs and 2(m + n)kk' flops.
 * Source: Ito, Yamada and Kumagai 2025, "Analysis of linear mode connectivity via permutation-based weight
 * matching". Departure: the sum is divided by √(k·k'), which keeps it within ±1 where the counts differ.
 *
 * @example
 * ```ts
 * import { alignment, random } from 'lowrank'
 * const W = random.normal([20, 10])
 * alignment(W, W)   // 1
 * ```
 */
export const alignment: {
  (A: MatrixLike, B: MatrixLike, options?: AlignmentOptions): number
  async(A: MatrixLike, B: MatrixLike, options?: AlignmentOptions): Promise<number>
} = /*#__PURE__*/ fromSteps(alignmentSteps, 2)

const FN = 'alignment'

const fraction: Reader<number> = (value, fail) =>
  typeof value === 'number' && value > 0 && value <= 1 ? value : fail('a number in (0, 1]')

function* alignmentSteps(a: MatrixLike, b: MatrixLike, options?: AlignmentOptions): Steps<number> {
  const { threshold } = readOptions(FN, options, { threshold: withDefault(fraction, 0.3) })
  const [A, B] = [asFiniteMatrix(a, FN, 'A') as Matrix, asFiniteMatrix(b, FN, 'B') as Matrix]
  if (A.shape[0] !== B.shape[0] || A.shape[1] !== B.shape[1]) {
    const [expected, given] = [`the shape of A, ${A.shape.join('×')}`, B.shape.join('×')]
    throw new ShapeError({ fn: FN, argument: 'B', expected, given })
  }
  const left = yield* leadingSteps(A, threshold)
  const right = yield* leadingSteps(B, threshold)
  const UtU = yield* multiplySteps(flip(dense(left.U)), dense(right.U))
  const VtV = yield* multiplySteps(dense(left.Vt), flip(dense(right.Vt)))
  let sum = 0
  for (let e = 0; e < UtU.data.length; e++) sum += UtU.data[e]! * VtV.data[e]!
  return sum === 0 ? 0 : sum / Math.sqrt(UtU.data.length)
}

/** The singular vectors whose values are at least `threshold` times the largest; none of a zero matrix. */
function* leadingSteps(A: Matrix, threshold: number): Steps<{ U: Matrix; Vt: Matrix }> {
  const { U, s, Vt } = yield* denseSvdSteps(dense(A), 'thin')
  const k = s.filter((sigma) => sigma > 0 && sigma >= threshold * s[0]!).length
  return { U: leadingColumns(U, k), Vt: leadingRows(Vt, k) }
}
