import { contiguous, emptyMatrix } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { operandSteps } from '../../linalg/operators/denseoperator.js'
import { method, precisionOf } from '../../linalg/operators.js'
import type { AnyOperator, IndexedOperator, Method, Operand } from '../../linalg/operators.js'
import { oneOf, readOptions, withDefault } from '../../linalg/options.js'
import { product, rowsOf } from '../../linalg/products.js'
import { qrSteps } from '../../linalg/dense/qr.js'
import { solveTriangularSteps } from '../../linalg/dense/solvetriangular.js'
import type { Steps } from '../../linalg/steps.js'
import { pickedRows } from '../../linalg/thin.js'
import { skeletonReaders, withinSteps } from './interpolative.js'
import type { SkeletonOptions } from './interpolative.js'
import { factored, innerSteps, probedErrorSteps } from '../lowrank.js'
import type { Quality } from '../lowrank.js'
import { rowSkeletonSteps } from './skeleton.js'
import { goalOf } from '../stopping.js'
import type { Goal } from '../stopping.js'

/** How `cur` makes its middle factor, and how it looks for rows and columns. */
export interface CurOptions extends SkeletonOptions {
  /**
   * 'projection' (default): U = C⁺·A·R⁺, the best for these rows and columns, for one more pass. 'cross':
   * U = A[rows, columns]⁻¹, which reads nothing more of A and reproduces those rows and columns exactly.
   */
  readonly method?: 'projection' | 'cross' | undefined
}

/** A ≈ C·U·R with columns and rows of A itself: an operator again. */
export interface Cur extends Omit<IndexedOperator, 'precision'>, Quality {
  /** `rank` distinct row indices. */
  readonly rows: Int32Array
  /** `rank` distinct column indices. */
  readonly columns: Int32Array
  /** m × rank: A[:, columns] */
  readonly C: Matrix
  /** rank × rank */
  readonly U: Matrix
  /** rank × n: A[rows, :] */
  readonly R: Matrix
  /** The m × n approximation, formed. */
  toDense(): Matrix
}

/**
 * CUR decomposition: A ≈ C·U·R with a few columns and a few rows of A.
 *
 * Columns are those of `interpolative`; rows are picked in the same way from the columns, so that no row of C
 * needs more than 2 of any chosen one.
 *
 * @param A - m × n: a matrix, or an operator of which only products with thin blocks, and some rows and
 * columns, are asked.
 * @param options - those of `interpolative`, and `method`.
 * @returns `{ rows, columns, C, U, R, rank, passes, errorEstimate, errorNorm: 'fro' }`.
 * An operand with `async: true` gives a Promise; `cur.async` runs cooperatively for any operand.
 * @throws as `interpolative`.
 * Cost: that of `interpolative`, a pass for the rows, and with 'projection' one more; 4mnk flops at most for
 * these, O((m + n)k²) for U. Three factors cannot carry more than half of the digits, since U is as large as the inverse
 * of the smallest value kept: pivots below √eps·‖A‖ end the choice, and a tolerance below 16·√eps, 2.4·10⁻⁷, is
 * treated as that much.
 * Source: Mahoney and Drineas 2009, "CUR matrix decompositions for improved data analysis" (U of
 * 'projection'); Sorensen and Embree 2016 (rows and columns from an interpolative choice); Goreinov,
 * Tyrtyshnikov and Zamarashkin 1997 ('cross').
 *
 * @example
 * ```ts
 * import { cur, random } from 'lowrank'
 * const A = random.normal([300, 200])
 * const { rows, columns, U, errorEstimate } = cur(A, { rank: 20 })
 * ```
 */
export const cur: Method<[options: CurOptions], Cur> = /*#__PURE__*/ method(curSteps)

function* curSteps(given: Operand, options: CurOptions): Steps<Cur> {
  const fn = 'cur'
  const { method, ...plan } = readOptions(fn, options, {
    ...skeletonReaders,
    method: withDefault(oneOf('projection', 'cross'), 'projection'),
  })
  const A = yield* operandSteps(given, fn, 'A')
  const { rank: most, tolerance } = goalOf(fn, plan, A)
  // U is as large as 1/σₖ: rounding in C·U·R is eps/σₖ, the rest is σₖ, and neither can be below √eps for long.
  const floor = Math.sqrt(precisionOf(A))
  const goal: Goal = {
    rank: most,
    tolerance: tolerance && ((norm) => Math.max(tolerance(norm), 2 ** 4 * floor * norm)),
  }
  return yield* withinSteps(fn, A, goal, plan, floor, function* ({ columns, C }, seen) {
    const rank = columns.length
    const { columns: rows } = yield* rowSkeletonSteps(C)
    const R = rank === 0 ? emptyMatrix(0, A.shape[1]) : yield* rowsOf(A, rows)
    const U = method === 'cross' ? yield* inverseSteps(pickedRows(C, rows)) : yield* middleSteps(A, C, R)
    const factors = [C, U, R]
    return Object.assign(factored(factors, seen.precision), {
      rows,
      columns,
      C,
      U,
      R,
      rank,
      passes: seen.passes + (rank === 0 ? 0 : method === 'cross' ? 1 : 2),
      errorEstimate: yield* probedErrorSteps(factors, seen),
      errorNorm: 'fro' as const,
    })
  })
}

/** M⁻¹ = R⁻¹·Qᵀ */
function* inverseSteps(M: Matrix): Steps<Matrix> {
  const { Q, R } = yield* qrSteps(M)
  return (yield* solveTriangularSteps(R, Q.transpose(1, 0), { upper: true })) as Matrix
}

/** C⁺·A·R⁺ = R_C⁻¹·(Q_CᵀA·Q_R)·R_R⁻ᵀ for C = Q_C·R_C and Rᵀ = Q_R·R_R. */
function* middleSteps(A: AnyOperator, C: Matrix, R: Matrix): Steps<Matrix> {
  if (C.shape[1] === 0) return emptyMatrix(0, 0)
  const left = yield* qrSteps(C)
  const right = yield* qrSteps(R.transpose(1, 0))
  const M = yield* innerSteps(left.Q, yield* product(A, right.Q))
  const half = (yield* solveTriangularSteps(left.R, M, { upper: true })) as Matrix
  const Ut = (yield* solveTriangularSteps(right.R, half.transpose(1, 0), { upper: true })) as Matrix
  return contiguous(Ut.transpose(1, 0))
}
