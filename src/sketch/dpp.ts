import { asFiniteMatrix, dense } from '../linalg/arrays.js'
import type { Dense, Matrix } from '../linalg/arrays.js'
import { symmetricEigenSteps } from '../linalg/dense/eigh.js'
import { NotPositiveDefiniteError, OptionError } from '../linalg/errors.js'
import { isOperator, method, precisionOf } from '../linalg/operators.js'
import type { Method, Operand } from '../linalg/operators.js'
import { integer, oneOf, optional, readOptions, seed, withDefault } from '../linalg/options.js'
import { entriesOf } from '../linalg/products.js'
import { STREAM, uniformBlock } from '../linalg/random.js'
import { numericalRank } from '../linalg/dense/rank.js'
import { breath } from '../linalg/steps.js'
import type { RunOptions, Steps } from '../linalg/steps.js'
import { denseSvdSteps } from '../linalg/dense/svd.js'
import { checkSymmetric } from '../linalg/dense/symmetric.js'
import { columnRange, pickedColumns } from '../linalg/thin.js'
import { filter } from './leverage.js'
import { projectionDppSteps, samplePointsSteps } from './projectiondpp.js'

/** What the kernel of `dppSample` means, and the size of the sample. */
export interface DppOptions extends RunOptions {
  /**
   * What K is. 'likelihood' (default): an L-ensemble, P(S) in proportion to det(K_S). 'marginal': the kernel
   * whose minors are the inclusion probabilities, P(S ⊆ sample) = det(K_S), with eigenvalues in [0, 1].
   * 'factor': K is n × r, and K·Kᵀ the L-ensemble.
   */
  readonly kernel?: 'likelihood' | 'marginal' | 'factor' | undefined
  /** The size of the sample: a k-DPP. Default: random, as the kernel has it. At most the rank of K. */
  readonly count?: number | undefined
  /** An integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/** A sample of a determinantal point process. */
export interface DppSample {
  /** Distinct, ascending. */
  readonly indices: Int32Array
}

/**
 * A sample of a determinantal point process: a random subset of {0, …, n − 1} whose members repel each other,
 * P(S) ∝ det(K_S) for the likelihood kernel K. Its size is random, a sum of independent coins of probability
 * λ/(1 + λ) over the eigenvalues, and row i comes with probability (K(I + K)⁻¹)ᵢᵢ; with `count` = k it is the
 * k-DPP, the same law given that the size is k.
 *
 * Eigenvalues up to n·eps·λ₀ count as 0 (eps is that of K's element type, or the operator's precision), and so
 * do those of a marginal kernel as 1 that are as near to it.
 *
 * @param K - n × n, symmetric and positive semidefinite, or n × r with kernel: 'factor'; a matrix, or an
 * operator, whose entries are then asked for.
 * @returns `{ indices }`.
 * @throws ShapeError where K is not square or not symmetric; NotPositiveDefiniteError for an eigenvalue below
 * −√eps·λ₀, with its position in ascending order; OptionError, also for a `count` above the rank or, for a
 * marginal kernel, below the number of eigenvalues 1, and for a marginal kernel with an eigenvalue above
 * 1 + √eps; NotFiniteError.
 * Cost: an `eigh` of K, some 9n³ flops, or with 'factor' a thin `svd`, 6nr² + 20r³; then about k³·ln k, or k³ and
 * 2nk² where that is less, for a sample of k. With `count` rank·k more flops and numbers. Memory: about 5n²
 * numbers, or 4nr.
 * Source: Hough, Krishnapur, Peres, Virág 2006, "Determinantal processes and independence", algorithm 18;
 * Kulesza, Taskar 2012, "Determinantal point processes for machine learning", algorithms 1 and 8. Departures:
 * points by rejection (Barthelmé, Tremblay, Amblard 2023, "A faster sampler for discrete determinantal point
 * processes"); elementary symmetric polynomials as probabilities of K tilted to the mean size k, which neither
 * overflow nor vanish.
 *
 * @example
 * ```ts
 * import { dppSample } from 'lowrank'
 * const x = Array.from({ length: 50 }, (_, i) => i / 50)
 * const K = x.map((s) => x.map((t) => Math.exp(-100 * (s - t) ** 2)))
 * dppSample(K, { count: 6 }).indices   // six points that keep their distance
 * ```
 */
export const dppSample: Method<[options?: DppOptions], DppSample> = /*#__PURE__*/ method(dppSteps)

const FN = 'dppSample'

/** Orthonormal columns, and for each the probability to be chosen and its odds, up to a common factor. */
interface Spectrum {
  readonly vectors: Matrix
  readonly chances: Float64Array
  /** Infinity where the column is always chosen. */
  readonly odds: Float64Array
}

function* dppSteps(given: Operand, options?: DppOptions): Steps<DppSample> {
  const {
    kernel,
    count,
    seed: key,
  } = readOptions(FN, options, {
    kernel: withDefault(oneOf('likelihood', 'marginal', 'factor'), 'likelihood'),
    count: optional(integer(1)),
    seed,
  })
  const { K, eps } = yield* entriesSteps(given)
  const spectrum = yield* kernel === 'factor' ? factorSteps(K, eps) : kernelSteps(K, eps, kernel)
  const columns =
    count === undefined ? coins(spectrum.chances, key) : yield* fixedSizeSteps(spectrum.odds, count, key)
  const dpp = yield* projectionDppSteps(pickedColumns(spectrum.vectors, columns))
  return { indices: (yield* samplePointsSteps(dpp, key, STREAM.dppPoints)).sort() }
}

function* entriesSteps(given: Operand): Steps<{ K: Dense; eps: number }> {
  if (isOperator(given)) {
    return { K: dense(yield* entriesOf(given)), eps: precisionOf(given) }
  }
  const K = dense(asFiniteMatrix(given, FN, 'K'))
  return { K, eps: K.data instanceof Float32Array ? 2 ** -23 : 2 ** -52 }
}

/** The eigenvalues of K·Kᵀ are the squares of the singular values of K. */
function* factorSteps(K: Dense, eps: number): Steps<Spectrum> {
  const { U, s } = yield* denseSvdSteps(K, 'thin')
  const sigmas = s.subarray(0, numericalRank(s, K, Math.max(K.rows, K.cols) * eps))
  return {
    vectors: U,
    chances: sigmas.map((sigma) => filter(sigma, 1)),
    odds: sigmas.map((sigma) => (sigma / s[0]!) ** 2),
  }
}

function* kernelSteps(K: Dense, eps: number, kernel: 'likelihood' | 'marginal'): Steps<Spectrum> {
  checkSymmetric(K, FN, eps, 'K')
  const n = K.rows
  const { values, vectors } = yield* symmetricEigenSteps(K, 'full')
  const largest = values[n - 1] ?? 0
  const slack = Math.sqrt(eps)
  if (n > 0 && values[0]! < -slack * Math.max(largest, -values[0]!)) {
    throw new NotPositiveDefiniteError({
      fn: FN,
      argument: 'K',
      expected: 'a positive semidefinite matrix',
      given: `one with the eigenvalue ${values[0]}`,
      index: 0,
    })
  }
  if (kernel === 'marginal' && largest > 1 + slack) {
    throw new OptionError({
      fn: FN,
      argument: 'K',
      expected: "eigenvalues of at most 1 with kernel: 'marginal'",
      given: `the eigenvalue ${largest}`,
    })
  }
  // Ascending: those that count come last.
  const first = values.findIndex((value) => value > n * eps * largest)
  const kept = first < 0 ? values.subarray(n) : values.subarray(first)
  const chosen = columnRange(vectors, n - kept.length, n)
  if (kernel === 'likelihood') {
    return {
      vectors: chosen,
      chances: kept.map((value) => filter(Math.sqrt(value), 1)),
      odds: kept.map((value) => value / largest),
    }
  }
  const chances = kept.map((value) => (1 - value > n * eps ? value : 1))
  return { vectors: chosen, chances, odds: chances.map((chance) => chance / (1 - chance)) }
}

/** An independent coin for each column. */
function coins(chances: Float64Array, key: number): Int32Array {
  const u = uniformBlock({ seed: key, stream: STREAM.dppVectors, i0: 0, i1: 1, j0: 0, j1: chances.length })
  return Int32Array.from(chances.keys()).filter((j) => u[j]! < chances[j]!)
}

/**
 * `count` columns, a set J with probability in proportion to the product of its odds: coins, given that `count`
 * of them fall. That law does not change where all odds are multiplied by c; with the c for which `count` is
 * the mean, the probabilities of l among the first j, which are the elementary symmetric polynomials of the
 * odds but for factors, are numbers in [0, 1] and none that matters vanishes.
 */
function* fixedSizeSteps(odds: Float64Array, count: number, key: number): Steps<Int32Array> {
  const r = odds.length
  const sure = odds.filter((odd) => odd === Infinity).length
  if (count > r || count < sure) {
    throw new OptionError({
      fn: FN,
      argument: 'options.count',
      expected: count > r ? `at most ${r}, the rank of K` : `at least ${sure}, the eigenvalues 1 of K`,
      given: String(count),
    })
  }
  const p = tilted(odds, count)
  // P[j][l], the probability of l among the first j.
  const width = count + 1
  const P = new Float64Array((r + 1) * width)
  P[0] = 1
  for (let j = 1; j <= r; j++) {
    nextRow(P, j * width, width, p[j - 1]!)
    if (j % 64 === 0) yield* breath()
  }
  const u = uniformBlock({ seed: key, stream: STREAM.dppVectors, i0: 0, i1: 1, j0: 0, j1: r })
  const chosen = new Int32Array(count)
  for (let j = r, l = count; l > 0; j--) {
    const chance = (p[j - 1]! * P[(j - 1) * width + l - 1]!) / P[j * width + l]!
    if (l === j || u[j - 1]! < chance) chosen[--l] = j - 1
  }
  return chosen
}

/** The probabilities c·odd/(1 + c·odd) that add up to `count`; odds and their inverses are below 1/eps. */
function tilted(odds: Float64Array, count: number): Float64Array {
  const at = (log: number): Float64Array => {
    const c = Math.exp(log)
    return odds.map((odd) => 1 / (1 + 1 / (c * odd)))
  }
  let [low, high] = [-100, 100]
  for (let t = 0; t < 60; t++) {
    const middle = (low + high) / 2
    if (at(middle).reduce((sum, p) => sum + p, 0) < count) low = middle
    else high = middle
  }
  return at(high)
}

function nextRow(P: Float64Array, at: number, width: number, p: number): void {
  const before = at - width
  P[at] = (1 - p) * P[before]!
  for (let l = 1; l < width; l++) P[at + l] = (1 - p) * P[before + l]! + p * P[before + l - 1]!
}
