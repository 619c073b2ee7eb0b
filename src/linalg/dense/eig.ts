import { asFiniteMatrix, dense } from '../arrays.js'
import type { MatrixLike } from '../arrays.js'
import { denseEigSteps } from './denseeig.js'
import type { Eigen } from './denseeig.js'
import { OptionError, ShapeError } from '../errors.js'
import { integer, nonNegative, oneOf, optional, readOptions, seed as seedOption } from '../options.js'
import { perturbedEigSteps } from './perturbedeig.js'
import type { PerturbedEigen } from './perturbedeig.js'
import { fromSteps } from '../steps.js'
import type { RunOptions, Steps } from '../steps.js'

export type { Eigen } from './denseeig.js'
export type { PerturbedEigen } from './perturbedeig.js'

/** Whether `eig` makes eigenvectors too. */
export interface EigOptions extends RunOptions {
  /** 'right' (default), or 'none': the matrices of vectors then have no columns. */
  readonly vectors?: 'right' | 'none' | undefined
  /** With a number here the options are `PerturbOptions`. */
  readonly perturb?: undefined
}

/** How `eig` perturbs a matrix before it diagonalizes it, for eigenvectors that are better conditioned. */
export interface PerturbOptions extends RunOptions {
  /** ‖E‖₂/‖A‖₂ of the perturbation E that is added before diagonalizing, e.g. 1e-4; 0 reports on A itself. */
  readonly perturb: number
  /** How many E are drawn; the one whose eigenvectors are conditioned best is kept. Default 5. */
  readonly tries?: number | undefined
  /** An integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/**
 * Eigenvalues and right eigenvectors of a square real matrix: A·V = V·diag(re + i·im), V = vectorsRe +
 * i·vectorsIm.
 *
 * Balanced (Parlett and Reinsch 1969), reduced to Hessenberg form by blocks of reflectors, made
 * quasi-triangular by Francis' implicit double-shift QR algorithm (1961), and solved by back substitution:
 * LAPACK's dgeev, without its multishift sweeps and aggressive early deflation. Two departures: where scaling
 * spoils the residual (Watkins 2006, "A case where balancing is harmful"), all is done again without it; and
 * where the Schur form is diagonal to rounding, so that A is normal, the Schur vectors are the eigenvectors,
 * which then are orthonormal also for multiple eigenvalues.
 *
 * The order is by real part, then by the size of the imaginary part. Real parts that differ by rounding
 * alone are ordered by it.
 *
 * With `perturb`, A + E is diagonalized instead, for a small random E: the eigenvectors of a matrix far
 * from normal may have a condition number beyond 1/eps, those of a neighbour at distance e have one near
 * 1/e (perturb then diagonalize; Yu, Nigmetov, Morozov, Mahoney and Erichson 2024, "Robustifying
 * State-space Models for Long Sequences via Approximate Diagonalization"). E is Gaussian and real, where
 * the paper's is complex, so that conjugate pairs stay pairs. E may move eigenvalues across the imaginary
 * axis: look at the largest real part before using the result in a state-space model.
 *
 * @param A - n × n, any strides. A defective matrix has parallel vectors for its multiple eigenvalue.
 * @throws ShapeError where A is not square; NotFiniteError for NaN or ±Infinity; OptionError; ConvergenceError
 * with the eigenvalues found so far, if 30n sweeps do not end the iteration (not known to happen).
 * Cost: about 25n³ flops with vectors and 10n³ without, once more where scaling is given up; a badly scaled
 * matrix costs the former in both cases. Memory: about 7n² numbers. `perturb` costs that and two
 * `svdvals` for each try, and an `svd` at the end.
 * Accuracy: ‖AV − VΛ‖ within a few n·eps·‖A‖·‖V‖. An eigenvalue is then off by up to that times its condition
 * number; one of a Jordan block of order k by about the k-th root of n·eps.
 *
 * @example
 * ```ts
 * import { eig } from 'lowrank'
 * const { re, im } = eig([[0, -1], [1, 0]])   // 0 + i, 0 − i
 * const { condition, backwardError } = eig([[1, 1], [0, 1]], { perturb: 1e-6 })
 * ```
 */
export const eig: {
  (A: MatrixLike, options: PerturbOptions): PerturbedEigen
  (A: MatrixLike, options?: EigOptions): Eigen
  async(A: MatrixLike, options: PerturbOptions): Promise<PerturbedEigen>
  async(A: MatrixLike, options?: EigOptions): Promise<Eigen>
} = /*#__PURE__*/ fromSteps(eigSteps, 1) as never

function* eigSteps(A: MatrixLike, options?: EigOptions | PerturbOptions): Steps<Eigen> {
  const fn = 'eig'
  const { vectors, perturb, tries, seed } = readOptions(fn, options, {
    vectors: optional(oneOf('right', 'none')),
    perturb: optional(nonNegative),
    tries: optional(integer(1)),
    seed: optional(seedOption),
  })
  const view = dense(asFiniteMatrix(A, fn, 'A'))
  if (view.rows !== view.cols) {
    const given = `${view.rows}×${view.cols}`
    throw new ShapeError({ fn, argument: 'A', expected: 'a square matrix', given })
  }
  const clash = perturb === undefined ? [tries, seed] : [vectors]
  if (clash.some((value) => value !== undefined)) {
    throw new OptionError({
      fn,
      argument: 'options',
      expected: 'either vectors, or perturb with tries and seed',
      given: `an object with keys ${Object.keys(options!).join(', ')}`,
    })
  }
  if (perturb === undefined) return yield* denseEigSteps(view, vectors ?? 'right')
  return yield* perturbedEigSteps(view, { perturb, tries: tries ?? 5, seed: seed ?? 0 })
}
