import { asFiniteMatrix, dense } from '../linalg/arrays.js'
import type { Dense, Matrix } from '../linalg/arrays.js'
import { ConvergenceError, OptionError } from '../linalg/errors.js'
import { isOperator, method, precisionOf } from '../linalg/operators.js'
import type { Method, Operand } from '../linalg/operators.js'
import { integer, oneOf, optional, readOptions, seed, withDefault } from '../linalg/options.js'
import type { Reader } from '../linalg/options.js'
import { entriesOf } from '../linalg/products.js'
import { STREAM } from '../linalg/random.js'
import { numericalRank } from '../linalg/dense/rank.js'
import { report } from '../linalg/steps.js'
import type { RunOptions, Steps } from '../linalg/steps.js'
import { denseSvdSteps } from '../linalg/dense/svd.js'
import { leadingColumns, pickedRows, scaledRows } from '../linalg/thin.js'
import { projectionDppSteps, samplePointsSteps } from './projectiondpp.js'
import type { ProjectionDpp } from './projectiondpp.js'
import { drawSteps } from './samplerows.js'

/** How many rows `volumeSample` draws, and how. */
export interface VolumeOptions extends RunOptions {
  /** How many rows. At least the rank r of A, for 'iid' without `stabilize` at least 1. */
  readonly count: number
  /**
   * 'volume' (default): r rows of a DPP and count − r independent ones. 'dpp': ⌈count/r⌉ independent DPPs of r
   * rows each, so that `count` is rounded up to a multiple of r. 'iid': independent rows.
   */
  readonly method?: 'volume' | 'dpp' | 'iid' | undefined
  /**
   * In (0, 1): samples are drawn until ‖G − I‖₂ is at most this, for the Gram matrix G of the reweighted rows of
   * an orthonormal basis, so that no direction of the fit is lost. ½ in the papers. Default: the first sample.
   */
  readonly stabilize?: number | undefined
  /** An integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/** Rows to fit by, for `sampledLstsq`. */
export interface VolumeSample {
  /** In the order drawn, those of a DPP first. A row may come more than once. */
  readonly indices: Int32Array
  /** √(r/(count·ℓᵢ)) for leverage score ℓᵢ: what row and value are multiplied by. */
  readonly weights: Float64Array
  /** The rank r of A. */
  readonly rank: number
}

/**
 * Rows of A to fit by, where each value of b is dear: `sampledLstsq` of them has an error near that of the best
 * fit, ‖A·x* − b‖. All three methods draw row i with mean frequency count·ℓᵢ/r for its leverage score ℓᵢ, and the
 * weights make SA of the sample such that E[(SA)ᵀ(SA)] = AᵀA.
 *
 * 'volume', volume-rescaled sampling: the fit is unbiased, E[x] = x*, however few rows there are, and in an
 * orthonormal basis the inverse Gram matrix of the sample has mean count/(count − r + 1)·I, or a little less where
 * A has few rows. (Unless `stabilize` takes a part of the samples away.) With count = r, E‖A·x − b‖² is at most
 * r + 1 times the best. 'dpp' repels within each DPP, and its errors are the smallest for small counts; its bias
 * is small, not zero. 'iid' wants count ≥ c·r·log r, and has heavy tails below.
 *
 * For a fit in a measure ρ on the rows, scale them (and the values) by √ρᵢ.
 *
 * @param A - m × n matrix or operator of rank r, meant for m ≫ n.
 * @throws OptionError, also for a `count` below the rank and where A is zero or has no entries; NotFiniteError;
 * ConvergenceError where 1000 samples did not meet `stabilize`, with the nearest as `best`: `count` is too small
 * for it.
 * Cost: a thin `svd` of the entries, 6mn² + 20n³ flops (n columns in one product where A is an operator), then
 * about r³·ln r for each DPP. Memory: 4mn numbers.
 * Source: Dereziński, Warmuth, Hsu 2018, "Leveraged volume sampling for linear regression"; Nouy, Michel 2023,
 * "Weighted least-squares approximation with determinantal point processes and generalized volume sampling";
 * Cohen, Migliorati 2017, "Optimal weighted least-squares methods" for 'iid' and `stabilize`.
 *
 * @example
 * ```ts
 * import { sampledLstsq, volumeSample } from 'lowrank'
 * const t = Array.from({ length: 500 }, (_, i) => i / 499)
 * const A = t.map((x) => [1, x, x * x])
 * const sample = volumeSample(A, { count: 8 })
 * const values = Array.from(sample.indices, (i) => Math.exp(t[i]))   // f is asked for at 8 points only
 * sampledLstsq(A, values, sample).X                                  // about 1.01, 0.85, 0.84
 * ```
 */
export const volumeSample: Method<[options: VolumeOptions], VolumeSample> = /*#__PURE__*/ method(volumeSteps)

const FN = 'volumeSample'
/** Samples until `stabilize` is given up. */
const ATTEMPTS = 1000

const distortion: Reader<number> = (value, fail) =>
  typeof value === 'number' && value > 0 && value < 1 ? value : fail('a number in (0, 1)')

function* volumeSteps(given: Operand, options: VolumeOptions): Steps<VolumeSample> {
  const plan = readOptions(FN, options, {
    count: integer(1),
    method: withDefault(oneOf('volume', 'dpp', 'iid'), 'volume'),
    stabilize: optional(distortion),
    seed,
  })
  const dpp = yield* projectionDppSteps(yield* rangeSteps(given))
  const rank = dpp.V.shape[1]!
  if (rank === 0 || (plan.count < rank && (plan.method !== 'iid' || plan.stabilize !== undefined))) {
    throw new OptionError({
      fn: FN,
      argument: rank === 0 ? 'A' : 'options.count',
      expected: rank === 0 ? 'a matrix of rank 1 or more' : `an integer >= ${rank}, the rank of A`,
      given: rank === 0 ? 'one of rank 0' : String(plan.count),
    })
  }
  let best: VolumeSample | undefined
  let least = Infinity
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const indices = yield* drawnSteps(dpp, plan, attempt)
    const weights = Float64Array.from(indices, (i) => Math.sqrt(rank / (indices.length * dpp.scores[i]!)))
    const sample = { indices, weights, rank }
    if (plan.stabilize === undefined) return sample
    const off = yield* distortionSteps(scaledRows(pickedRows(dpp.V, indices), weights))
    if (off <= plan.stabilize) return sample
    if (off < least) [best, least] = [sample, off]
    yield* report(FN, 'stabilize', attempt + 1, ATTEMPTS)
  }
  throw new ConvergenceError({
    fn: FN,
    argument: 'options.count',
    expected: `rows enough for ‖G − I‖ <= ${plan.stabilize}`,
    given: `${plan.count} for rank ${rank}, with ${least} as the least in ${ATTEMPTS} samples`,
    iterations: ATTEMPTS,
    residual: least,
    ...(best && { best }),
  })
}

/** An orthonormal basis of the range of A. */
function* rangeSteps(given: Operand): Steps<Matrix> {
  const known = isOperator(given)
  const A: Dense = dense(known ? yield* entriesOf(given) : asFiniteMatrix(given, FN, 'A'))
  const { U, s } = yield* denseSvdSteps(A, 'thin')
  const eps = known ? precisionOf(given) : 2 ** -52
  return leadingColumns(U, numericalRank(s, A, Math.max(A.rows, A.cols) * eps))
}

type Plan = Pick<VolumeOptions, 'count' | 'method'> & { readonly seed: number }

function* drawnSteps(
  dpp: ProjectionDpp,
  { count, method: how, seed: key }: Plan,
  attempt: number,
): Steps<Int32Array> {
  const rank = dpp.V.shape[1]!
  const parts: Int32Array[] = []
  const repeats = how === 'dpp' ? Math.ceil(count / rank) : how === 'volume' ? 1 : 0
  for (let t = 0; t < repeats; t++) {
    parts.push(yield* samplePointsSteps(dpp, key, STREAM.dppPoints, attempt * repeats + t))
  }
  const rest = Math.max(0, count - repeats * rank)
  parts.push((yield* drawSteps(dpp.scores, rest, key, STREAM.volumeRows, attempt)).draws)
  return joined(parts)
}

function joined(parts: readonly Int32Array[]): Int32Array {
  const out = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** ‖WᵀW − I‖₂ */
function* distortionSteps(W: Matrix): Steps<number> {
  const { s } = yield* denseSvdSteps(dense(W), 'none')
  return s.reduce((worst, sigma) => Math.max(worst, Math.abs(sigma * sigma - 1)), 0)
}
