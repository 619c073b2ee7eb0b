import { asFiniteMatrix, contiguous, dense } from '../../linalg/arrays.js'
import type { FloatArray, Matrix, MatrixLike } from '../../linalg/arrays.js'
import { choleskySteps } from '../../linalg/dense/cholesky.js'
import { symmetricEigenSteps } from '../../linalg/dense/eigh.js'
import { NotPositiveDefiniteError, ShapeError, describe } from '../../linalg/errors.js'
import type { Steps } from '../../linalg/steps.js'
import { checkSymmetric } from '../../linalg/dense/symmetric.js'
import { scaledColumns } from '../../linalg/thin.js'

/** What is known of a layer W, m × n, from data. Each compression says which of these it needs; `calibration` gathers them. */
export interface Statistics {
  /** C = XXᵀ, n × n, of the inputs X; not centred, of any positive scale. */
  readonly gram?: MatrixLike | undefined
  /** The mean of the squared gradients ∂L/∂W, m × n. */
  readonly fisher?: MatrixLike | undefined
  /** Gradients ∂L/∂W of single samples, row by row in a row each: k × mn. */
  readonly gradients?: MatrixLike | undefined
}

type Sides = readonly [rows: number | undefined, cols: number]

const sized = ([rows, cols]: Sides): string => `a matrix ${rows ?? 'k'}×${cols}`

/** Says which statistic a compression cannot do without, and how it is had. */
export function missing(fn: string, name: keyof Statistics, sides: Sides): never {
  const expected = `${sized(sides)} (calibration().${name === 'gram' ? 'push(X)' : 'push(X, D)'})`
  throw new ShapeError({ fn, argument: `statistics.${name}`, expected, given: 'none' })
}

/** One of the statistics, of a shape. */
export function statistic(
  fn: string,
  statistics: Statistics | undefined,
  name: keyof Statistics,
  sides: Sides,
): Matrix<FloatArray> {
  const given = statistics?.[name]
  if (given === undefined) return missing(fn, name, sides)
  const A = asFiniteMatrix(given, fn, `statistics.${name}`)
  if ((sides[0] ?? A.shape[0]) === A.shape[0] && A.shape[1] === sides[1]) return A
  const [expected, shape] = [sized(sides), A.shape.join('×')]
  throw new ShapeError({ fn, argument: `statistics.${name}`, expected, given: shape })
}

/** The inputs' Gram matrix, symmetric and n × n; undefined where none was given. */
export function gramOf(
  fn: string,
  statistics: Statistics | undefined,
  n: number,
): Matrix<FloatArray> | undefined {
  if (statistics !== undefined && (typeof statistics !== 'object' || statistics === null)) {
    const expected = '{ gram?, fisher?, gradients? }'
    throw new ShapeError({ fn, argument: 'statistics', expected, given: describe(statistics) })
  }
  if (statistics?.gram === undefined) return undefined
  const C = statistic(fn, statistics, 'gram', [n, n])
  checkSymmetric(dense(C), fn, undefined, 'statistics.gram')
  return C
}

/**
 * S, n × n, with S·Sᵀ = C: ‖Δ·S‖_F is the norm of Δ on the inputs. Cholesky's factor where C has one, and eigenvectors
 * times the roots of the eigenvalues where it is singular. Eigenvalues below 0 by rounding count as 0.
 */
export function* gramRootSteps(fn: string, C: Matrix<FloatArray>): Steps<Matrix> {
  try {
    return (yield* choleskySteps(C)).L
  } catch (error) {
    if (!(error instanceof NotPositiveDefiniteError)) throw error
  }
  const { values, vectors } = yield* symmetricEigenSteps(dense(contiguous(C)), 'full')
  // As far from semidefinite as a matrix may be from symmetric.
  if (values[0]! < -(2 ** -26) * values.at(-1)!) {
    const given = `one with the eigenvalue ${values[0]!}`
    const [argument, expected] = ['statistics.gram', 'a positive semidefinite matrix']
    throw new NotPositiveDefiniteError({ fn, argument, expected, given, index: 0 })
  }
  return scaledColumns(
    vectors,
    values.map((value) => Math.sqrt(Math.max(value, 0))),
  )
}
