import type { Matrix } from '../linalg/arrays.js'
import { gaussianSteps } from '../linalg/gaussian.js'
import { norm2 } from '../linalg/magnitude.js'
import { STREAM } from '../linalg/random.js'
import type { Steps } from '../linalg/steps.js'

/**
 * Fresh Gaussian columns G that ride along with a product A·X, for estimates a posteriori: for any Â made
 * without them, E‖(A − Â)G‖²_F = q·‖A − Â‖²_F (Girard 1989; Hutchinson 1990). With q = 10 the estimate is
 * below half the true norm with probability under 1 % even where the residual has rank one, and above
 * twice with probability under 10⁻⁴; a residual of many directions is estimated far better.
 */
export const PROBES = 10

/** P(true norm > 3 × estimate) < 3·10⁻⁴ for ten probes, whatever the residual's spectrum. */
export const SAFETY = 3

/** n × PROBES standard normals of the probes' own stream. */
export const probeSteps = (n: number, seed: number): Steps<Matrix> =>
  gaussianSteps(n, 0, PROBES, STREAM.probes, seed)

/** The estimate of ‖M‖_F from M·G. */
export const estimateNorm = (MG: Matrix): number => norm2(MG.data) / Math.sqrt(PROBES)

/** What a method has seen of A beside its factors. */
export interface Probed {
  /** Fresh Gaussian columns, n × PROBES, and A times them. */
  readonly G: Matrix
  readonly AG: Matrix
  /** ‖A‖_F, known or estimated. */
  readonly norm: number
  readonly passes: number
  /** The relative rounding of the products that it was seen by. */
  readonly precision: number
}
