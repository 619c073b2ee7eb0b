import { dense, flip, wrap } from '../linalg/arrays.js'
import type { Matrix } from '../linalg/arrays.js'
import { multiplySteps } from '../linalg/dense/multiply.js'
import { uniformBlock } from '../linalg/random.js'
import { breath } from '../linalg/steps.js'
import type { Steps } from '../linalg/steps.js'
import { addSquaresSteps } from './leverage.js'
import { firstAbove, runningSums } from './samplerows.js'

/** The projection DPP of an N × m matrix V with orthonormal columns: subsets S of m rows with P(S) = det(V_S)². */
export interface ProjectionDpp {
  readonly V: Matrix
  /** ‖vᵢ‖², the probability that row i comes. */
  readonly scores: Float64Array
  readonly sums: Float64Array
  readonly total: number
  readonly last: number
}

export function* projectionDppSteps(V: Matrix): Steps<ProjectionDpp> {
  const scores = new Float64Array(V.shape[0]!)
  yield* addSquaresSteps(scores, V)
  return { V, scores, ...runningSums(scores) }
}

/** Multiplications between two breaths: a few milliseconds of plain loops. */
const STRETCH = 2e6
/** Proposals whose random numbers are made together. */
const BATCH = 128

/**
 * m distinct rows, in the order in which they were drawn; sample number `run` of a stream.
 *
 * Row after row by the chain rule: with the chosen rows spanned by the orthonormal E, the next one is i with
 * probability in proportion to its rest, ‖vᵢ‖² − ‖Evᵢ‖². It is drawn by rejection from ‖vᵢ‖², which takes
 * m/(m − k) proposals on average, so the cost, about m³·ln m, does not depend on N (Barthelmé, Tremblay, Amblard
 * 2023, "A faster sampler for discrete determinantal point processes"). Where m is no small part of N all rests
 * are computed again each time that half of the rows are left: m³ and one product of 2Nm² flops in all.
 */
export function* samplePointsSteps(
  { V, scores, ...proposals }: ProjectionDpp,
  seed: number,
  stream: number,
  run = 0,
): Steps<Int32Array> {
  const [N, m] = V.shape as [number, number]
  const chosen = new Int32Array(m)
  const E = new Float64Array(m * m)
  let { sums, total, last } = proposals
  // What rows are proposed by: their rests after the first `seen` rows of E.
  let rests = scores
  let seen = 0
  let u: Float64Array = new Float64Array(0)
  let work = 0
  for (let k = 0, t = 0; k < m; t++) {
    const at = 2 * (t % BATCH)
    if (at === 0) u = uniformBlock({ seed, stream, i0: run, i1: run + 1, j0: 2 * t, j1: 2 * (t + BATCH) })
    const i = firstAbove(sums, u[at]! * total, last)
    // A chosen row is in the span of E: only rounding could take it again.
    if (!chosen.subarray(0, k).includes(i) && outside(E, k, V, i, scores[i]!, u[at + 1]! * rests[i]!)) {
      extend(E, k, V, i)
      chosen[k++] = i
      if (worthRests(N, m, k, seen)) {
        rests = yield* restsSteps(V, rests, wrap(E.subarray(seen * m, k * m), k - seen, m))
        ;({ sums, total, last } = runningSums(rests))
        seen = k
      }
    }
    work += m * (k + 1)
    if (work > STRETCH) {
      work = 0
      yield* breath()
    }
  }
  return chosen
}

/** How much sooner a product is done than as many multiplications of a proposal. */
const GAIN = 5

/** True where proposals by the rests as they are would cost more than all rests anew. */
function worthRests(N: number, m: number, k: number, seen: number): boolean {
  const left = m - k
  const proposals = (m - seen) * Math.log(left + 1)
  return left > 0 && 2 * left <= m - seen && GAIN * proposals * k > N * (k - seen)
}

/** rests − ‖Evᵢ‖² */
function* restsSteps(V: Matrix, rests: Float64Array, E: Matrix): Steps<Float64Array> {
  const VE = (yield* multiplySteps(dense(V), flip(dense(E)))) as Matrix
  const out = rests.slice()
  yield* addSquaresSteps(out, VE, new Float64Array(E.shape[0]!).fill(-1))
  return out.map((rest) => Math.max(0, rest))
}

/** True where ‖vᵢ‖² − ‖E·vᵢ‖² is above the threshold, given up as soon as it is not. */
function outside(
  E: Float64Array,
  k: number,
  V: Matrix,
  i: number,
  square: number,
  threshold: number,
): boolean {
  const m = V.shape[1]!
  let rest = square
  for (let l = 0; l < k; l++) {
    const dot = dotRow(E, l * m, V.data, i * m, m)
    rest -= dot * dot
    if (rest <= threshold) return false
  }
  return rest > threshold
}

/** Row k of E becomes what of vᵢ is orthogonal to the rows before, normalized; twice is enough. */
function extend(E: Float64Array, k: number, V: Matrix, i: number): void {
  const m = V.shape[1]!
  const e = k * m
  for (let j = 0; j < m; j++) E[e + j] = V.data[i * m + j]!
  for (let twice = 0; twice < 2; twice++) {
    for (let l = 0; l < k; l++) {
      const dot = dotRow(E, l * m, E, e, m)
      for (let j = 0; j < m; j++) E[e + j]! -= dot * E[l * m + j]!
    }
  }
  const size = Math.sqrt(dotRow(E, e, E, e, m))
  for (let j = 0; j < m; j++) E[e + j]! /= size
}

/** Four sums at a time: one alone would wait for each addition. */
function dotRow(x: Float64Array, a: number, y: Float64Array, b: number, m: number): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0]
  let j = 0
  for (; j + 3 < m; j += 4) {
    s0 += x[a + j]! * y[b + j]!
    s1 += x[a + j + 1]! * y[b + j + 1]!
    s2 += x[a + j + 2]! * y[b + j + 2]!
    s3 += x[a + j + 3]! * y[b + j + 3]!
  }
  for (; j < m; j++) s0 += x[a + j]! * y[b + j]!
  return s0 + s1 + s2 + s3
}
