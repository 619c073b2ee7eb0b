import { asVector } from '../linalg/arrays.js'
import type { Matrix, VectorLike } from '../linalg/arrays.js'
import { operandSteps } from '../linalg/operators/denseoperator.js'
import { OptionError, ShapeError } from '../linalg/errors.js'
import { method } from '../linalg/operators.js'
import type { Method, Operand } from '../linalg/operators.js'
import { bool, integer, readOptions, seed, withDefault } from '../linalg/options.js'
import type { Reader } from '../linalg/options.js'
import { rowsOf } from '../linalg/products.js'
import { STREAM, uniformBlock } from '../linalg/random.js'
import { breath } from '../linalg/steps.js'
import type { RunOptions, Steps } from '../linalg/steps.js'
import { scaledRows } from '../linalg/thin.js'

/** How many rows `sampleRows` draws, and with which probabilities. */
export interface SampleRowsOptions extends RunOptions {
  /** m numbers >= 0, not all 0: how often each row is wanted, up to a common factor. */
  readonly scores: VectorLike
  /** How many rows. Without replacement at most as many as have a score above 0. */
  readonly count: number
  /** The norm that the weights keep, p >= 1. Default 2. */
  readonly p?: number | undefined
  /** True where a row may come more than once. Default true. */
  readonly replace?: boolean | undefined
  /** An integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/** `count` rows of a matrix: row t of `rows` is weights[t] times row indices[t] of A. */
export interface RowSample {
  readonly indices: Int32Array
  readonly weights: Float64Array
  /** count × n */
  readonly rows: Matrix
}

/**
 * Rows of A drawn by scores and reweighted, SA, such that E‖SAx‖ₚᵖ = ‖Ax‖ₚᵖ for every x, where every row of A
 * that is not zero has a score above 0. (Rows of score 0 never come, and count as zero.)
 *
 * With replacement: `count` independent draws, row i with probability qᵢ = scoreᵢ/Σ scores, and weight
 * (count·qᵢ)^(−1/p). Without: the ordered pivotal method, which gives exactly `count` distinct rows, ascending.
 * Row i is among them with probability πᵢ = min(1, c·scoreᵢ), with the c for which Σπᵢ = count, exactly but
 * for rounding, and its weight is πᵢ^(−1/p); rows with πᵢ = 1 always come, with weight 1. Which rows come
 * together depends on their order: neighbours of small πᵢ seldom do.
 *
 * @param A - m × n matrix or operator.
 * @throws OptionError for scores that are negative or all 0, a `count` below 1, fractional or, without
 * replacement, above the number of positive scores, p < 1; NotFiniteError for NaN and ±Infinity in `scores`;
 * ShapeError where there are not m of them.
 * Cost: a few readings of the scores, and `rows` of the operand, or one product of `count` columns with Aᵀ
 * where it has no `rows`. Memory: count·n and a few times m numbers; m·count more for that product.
 * Source: with replacement Drineas, Kannan and Mahoney 2006; without, Deville and Tillé 1998, "Unequal
 * probability sampling without replacement through a splitting method", the pivotal method in row order.
 *
 * @example
 * ```ts
 * import { leverageScores, random, sampleRows } from 'lowrank'
 * const A = random.normal([1000, 5])
 * const { rows } = sampleRows(A, { scores: leverageScores(A), count: 100 })   // 100 × 5, rowsᵀ·rows ≈ Aᵀ·A
 * ```
 */
export const sampleRows: Method<[options: SampleRowsOptions], RowSample> =
  /*#__PURE__*/ method(sampleRowsSteps)

const FN = 'sampleRows'

const scoresReader: Reader<Float64Array> = (value, fail) =>
  value === undefined ? fail('a vector of numbers >= 0') : asVector(value, FN, 'options.scores')

/** p of a p-norm. */
export const exponent: Reader<number> = (value, fail) =>
  typeof value === 'number' && value >= 1 && value < Infinity ? value : fail('a finite number >= 1')

export function* sampleRowsSteps(given: Operand, options: SampleRowsOptions): Steps<RowSample> {
  const plan = readOptions(FN, options, {
    scores: scoresReader,
    count: integer(1),
    p: withDefault(exponent, 2),
    replace: withDefault(bool, true),
    seed,
  })
  const A = yield* operandSteps(given, FN, 'A')
  const scores = checkedScores(plan.scores, A.shape[0])
  const { indices, expected } = yield* drawnRowsSteps(scores, plan, STREAM.rowSample)
  const weights = expected.map((times) => times ** (-1 / plan.p))
  return { indices, weights, rows: scaledRows(yield* rowsOf(A, indices), weights) }
}

interface Drawing {
  readonly count: number
  readonly replace: boolean
  readonly seed: number
}

/** Rows drawn by checked scores, and how often each of them was to come: count·qᵢ or πᵢ. */
export function* drawnRowsSteps(
  scores: Float64Array,
  { count, replace, seed }: Drawing,
  stream: number,
  fn = FN,
): Steps<{ indices: Int32Array; expected: Float64Array }> {
  if (replace) {
    const { draws, total } = yield* drawSteps(scores, count, seed, stream)
    return { indices: draws, expected: Float64Array.from(draws, (i) => (count * scores[i]!) / total) }
  }
  const inclusion = yield* inclusionSteps(scores, count, fn)
  const indices = yield* pivotalSteps(inclusion, count, seed, stream)
  return { indices, expected: Float64Array.from(indices, (i) => inclusion[i]!) }
}

/** Scores as parts of the largest, so that their sum cannot overflow. */
export function checkedScores(scores: Float64Array, m: number, fn = FN): Float64Array {
  const argument = 'options.scores'
  if (scores.length !== m) {
    throw new ShapeError({
      fn,
      argument,
      expected: `a vector of ${m}`,
      given: `${scores.length} numbers`,
    })
  }
  let largest = 0
  for (let i = 0; i < m; i++) {
    if (scores[i]! < 0) {
      throw new OptionError({ fn, argument, expected: 'numbers >= 0', given: `${scores[i]} at [${i}]` })
    }
    largest = Math.max(largest, scores[i]!)
  }
  if (largest === 0) {
    throw new OptionError({ fn, argument, expected: 'a number above 0 among them', given: 'none' })
  }
  return scores.map((score) => score / largest)
}

/** Rows read between two breaths. */
const STRETCH = 2 ** 15

/** Independent draws, by bisection in the running sums; by column j of a stream of uniform numbers. */
export function* drawSteps(
  scores: Float64Array,
  count: number,
  seed: number,
  stream: number = STREAM.rowSample,
  j = 0,
): Steps<{ draws: Int32Array; total: number }> {
  const { sums, total, last } = runningSums(scores)
  const draws = new Int32Array(count)
  for (let t0 = 0; t0 < count; t0 += STRETCH) {
    const t1 = Math.min(count, t0 + STRETCH)
    const u = uniformBlock({ seed, stream, i0: t0, i1: t1, j0: j, j1: j + 1 })
    for (let t = t0; t < t1; t++) draws[t] = firstAbove(sums, u[t - t0]! * total, last)
    yield* breath()
  }
  return { draws, total }
}

/** The sums score₀ + … + scoreᵢ, the last of them, and the last row whose score is above 0. */
export function runningSums(scores: Float64Array): { sums: Float64Array; total: number; last: number } {
  const sums = new Float64Array(scores.length)
  let total = 0
  let last = 0
  for (let i = 0; i < scores.length; i++) {
    sums[i] = total += scores[i]!
    if (scores[i]! > 0) last = i
  }
  return { sums, total, last }
}

/** The first index whose sum is above x, at most `high`: a row of score 0 adds nothing and is never it. */
export function firstAbove(sums: Float64Array, x: number, high: number): number {
  let low = 0
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sums[middle]! > x) high = middle
    else low = middle + 1
  }
  return low
}

/** min(1, c·score), with the sum `count`: rows that reach 1 are set apart until the others stay below. */
export function* inclusionSteps(scores: Float64Array, count: number, fn = FN): Steps<Float64Array> {
  const positive = scores.reduce((sum, score) => sum + (score > 0 ? 1 : 0), 0)
  if (count > positive) {
    throw new OptionError({
      fn,
      argument: 'options.count',
      expected: `at most ${positive} without replacement, the number of positive scores`,
      given: String(count),
    })
  }
  const inclusion = new Float64Array(scores.length)
  let certain = 0
  for (let before = -1; before < certain;) {
    before = certain
    let rest = 0
    for (let i = 0; i < scores.length; i++) if (inclusion[i]! < 1) rest += scores[i]!
    for (let i = 0; i < scores.length; i++) {
      if (inclusion[i]! === 1 || scores[i]! === 0) continue
      inclusion[i] = Math.min(1, ((count - before) * scores[i]!) / rest)
      if (inclusion[i]! === 1) certain++
    }
    yield* breath()
  }
  return inclusion
}

/**
 * The ordered pivotal method. Two rows at a time duel: one of them ends at 0 or 1, the other goes on with what
 * is left of their sum, and each keeps its probability in expectation. By column j of a stream.
 */
export function* pivotalSteps(
  inclusion: Float64Array,
  count: number,
  seed: number,
  stream: number = STREAM.rowSample,
  j = 0,
): Steps<Int32Array> {
  const m = inclusion.length
  const chosen = new Uint8Array(m)
  let holder = -1
  let held = 0
  for (let i0 = 0; i0 < m; i0 += STRETCH) {
    const i1 = Math.min(m, i0 + STRETCH)
    const u = uniformBlock({ seed, stream, i0, i1, j0: j, j1: j + 1 })
    for (let i = i0; i < i1; i++) {
      const pi = inclusion[i]!
      if (pi === 1) chosen[i] = 1
      if (pi === 0 || pi === 1) continue
      const sum = held + pi
      if (sum < 1) {
        // One of them is out.
        if (held === 0 || u[i - i0]! * sum < pi) holder = i
        held = sum
      } else {
        // One of them is in: the holder with probability (1 − π)/(2 − sum).
        if (u[i - i0]! * (2 - sum) < 1 - pi) {
          chosen[holder] = 1
          holder = i
        } else {
          chosen[i] = 1
        }
        held = sum - 1
      }
    }
    yield* breath()
  }
  // The sum is `count` up to rounding: what is left is 0 or 1 up to rounding.
  if (held > 0.5) chosen[holder] = 1
  const indices = new Int32Array(count)
  for (let i = 0, t = 0; i < m; i++) if (chosen[i] === 1) indices[t++] = i
  return indices
}
