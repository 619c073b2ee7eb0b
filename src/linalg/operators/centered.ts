import { wrap } from '../arrays.js'
import type { Matrix } from '../arrays.js'
import { operandSteps } from './denseoperator.js'
import { norm2 } from '../magnitude.js'
import { exactlyMade, operatorFromSteps, precisionOf } from '../operators.js'
import type { AnyOperator, AsyncLinearOperator, LinearOperator, Operand, SyncOperand } from '../operators.js'
import {
  adjointProduct,
  bothProducts,
  hasBoth,
  knownNorm,
  offers,
  product,
  subspaceIteration,
} from '../products.js'
import { fromSteps } from '../steps.js'
import type { RunOptions, Steps } from '../steps.js'
import { readOptions } from '../options.js'

/** A − 1·meanᵀ, and the mean that it subtracts. */
export interface Centered {
  /** The mean of each column of A, n numbers. */
  readonly mean: Float64Array
}

/** Below this part of ‖A‖², the norm of the centred matrix is lost to cancellation and is not claimed. */
const CANCELLED = 1e-6

/**
 * The matrix with the mean of each column subtracted, as an operator: nothing is copied and a sparse A
 * stays sparse. (A − 1μᵀ)·X = A·X − 1(μᵀX), and likewise for the adjoint.
 *
 * @param A - m × n matrix or operator.
 * @returns an operator of the same kind, with `mean`. An operand with `async: true` gives a Promise of one.
 * Cost: one pass over A for the mean; products cost what A's cost.
 * Accuracy: where the means are much larger than the spread, as many digits are lost as their ratio has.
 *
 * @example
 * ```ts
 * import { centered } from 'lowrank'
 * centered([[1, 2], [3, 4]]).mean   // 2, 3
 * ```
 */
export const centered: {
  (A: SyncOperand, options?: RunOptions): LinearOperator & Centered
  (A: AsyncLinearOperator, options?: RunOptions): Promise<AsyncLinearOperator & Centered>
  (
    A: Operand,
    options?: RunOptions,
  ): (LinearOperator & Centered) | Promise<(LinearOperator | AsyncLinearOperator) & Centered>
  async(A: Operand, options?: RunOptions): Promise<AnyOperator & Centered>
} = /*#__PURE__*/ fromSteps(checkedSteps, 1) as never

function* checkedSteps(A: Operand, options?: RunOptions): Steps<AnyOperator & Centered> {
  readOptions('centered', options, {})
  return yield* centeredSteps(yield* operandSteps(A, 'centered', 'A'))
}

/** `counted` is A, or the same matrix in float64, from which the mean is taken then. */
export function* centeredSteps(A: AnyOperator, counted = A): Steps<AnyOperator & Centered> {
  const [m, n] = A.shape
  const ones = wrap(new Float64Array(m).fill(1), m, 1)
  const mean =
    m === 0 ? new Float64Array(n) : (yield* adjointProduct(counted, ones)).data.map((sum) => sum / m)
  return Object.assign(shifted(A, mean, yield* knownNorm(A)), { mean })
}

/** A − 1·meanᵀ for an A of norm `whole`, where that is known. */
function shifted(A: AnyOperator, mean: Float64Array, whole: number | undefined): AnyOperator {
  const [m] = A.shape
  return operatorFromSteps(
    A.shape,
    A.async === true,
    {
      *matmat(X) {
        return subtractMeans(yield* product(A, X), X, mean)
      },
      *rmatmat(Y) {
        return subtractSums(yield* adjointProduct(A, Y), Y, mean)
      },
      ...(hasBoth(A) && {
        *both(X, Y) {
          const { AX, AtY } = yield* bothProducts(A, X, Y)
          return { AX: subtractMeans(AX, X, mean), AtY: subtractSums(AtY, Y, mean) }
        },
      }),
      ...(offers(A, 'subspace') && {
        subspace: (Y, q, own) => subspaceIteration(A, Y, q, own ? own.map((x, j) => x + mean[j]!) : mean),
      }),
      ...norm(whole, Math.sqrt(m) * norm2(mean)),
    },
    precisionOf(A),
    exactlyMade([A], ([exact]) => shifted(exact!, mean, whole)),
  )
}

/** ‖A − 1μᵀ‖² = ‖A‖² − m‖μ‖², where that difference means anything. */
function norm(whole: number | undefined, means: number): { frobeniusNorm?: () => Steps<number> } {
  if (whole === undefined) return {}
  const ratio = whole === 0 ? 0 : means / whole
  const left = (1 - ratio) * (1 + ratio)
  if (left < CANCELLED && whole !== 0) return {}
  return {
    // eslint-disable-next-line require-yield -- steps by contract
    *frobeniusNorm() {
      return whole * Math.sqrt(left)
    },
  }
}

/** AX − 1·(μᵀX), in place. */
export function subtractMeans(AX: Matrix, X: Matrix, mean: Float64Array): Matrix {
  const k = X.shape[1]!
  const shift = new Float64Array(k)
  for (let j = 0; j < mean.length; j++) {
    for (let t = 0; t < k; t++) shift[t]! += mean[j]! * X.data[j * k + t]!
  }
  for (let i = 0, o = 0; i < AX.shape[0]!; i++) for (let t = 0; t < k; t++) AX.data[o++]! -= shift[t]!
  return AX
}

/** AᵀY − μ·(1ᵀY), in place. */
export function subtractSums(AtY: Matrix, Y: Matrix, mean: Float64Array): Matrix {
  const k = Y.shape[1]!
  const sums = new Float64Array(k)
  for (let i = 0, o = 0; i < Y.shape[0]!; i++) for (let t = 0; t < k; t++) sums[t]! += Y.data[o++]!
  for (let j = 0, o = 0; j < mean.length; j++)
    for (let t = 0; t < k; t++) AtY.data[o++]! -= mean[j]! * sums[t]!
  return AtY
}
