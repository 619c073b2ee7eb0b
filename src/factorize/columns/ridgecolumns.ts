import { dense } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { symmetricEigenSteps } from '../../linalg/dense/eigh.js'
import { precisionOf } from '../../linalg/operators.js'
import type { AnyOperator } from '../../linalg/operators.js'
import { columnsOf } from '../../linalg/products.js'
import { STREAM, uniformBlock } from '../../linalg/random.js'
import { report } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { inclusionSteps, pivotalSteps } from '../../sketch/samplerows.js'
import { divideRowsSteps, rowsAmong, shiftedCholeskySteps, symmetrize } from '../nystrom/psd.js'

/** The least inclusion probability, in parts of the largest score: what approximate scores call 0 may count. */
const FLOOR = 1e-6

/**
 * `count` columns by approximate ridge leverage scores, by recursion (Musco and Musco 2017, "Recursive sampling
 * for the Nyström method", with samples of one size as in their experiments): a sample of a random half of the
 * indices estimates the scores of the whole, by which the next one is drawn.
 *
 * The ridge is what the sample says of the mean of the eigenvalues beyond the first s/(4·ln s). Columns are
 * drawn by the pivotal method, exactly `count` of them, with weights 1/√π in the next level.
 */
export function* ridgeColumnsSteps(
  fn: string,
  A: AnyOperator,
  diagonal: Float64Array,
  count: number,
  seed: number,
): Steps<{ indices: Int32Array; read: number; calls: number }> {
  const n = A.shape[0]
  const keys = uniformBlock({ seed, stream: STREAM.nystromLevels, i0: 0, i1: n, j0: 0, j1: 1 })
  const order = Int32Array.from(keys.keys()).sort((i, j) => keys[i]! - keys[j]!)
  const halvings = Math.max(0, Math.ceil(Math.log2(n / count)))
  let sample = order.slice(0, Math.min(n, Math.max(count, Math.ceil(n / 2 ** halvings)))).subarray(0, count)
  let weights = new Float64Array(sample.length).fill(1)
  let read = 0
  for (let level = 1; level <= halvings; level++) {
    yield* report(fn, 'leverage scores', level - 1, halvings)
    const members = order.subarray(0, Math.ceil(n / 2 ** (halvings - level)))
    const C = yield* columnsOf(A, sample)
    read += sample.length
    const scores = yield* scoresSteps(fn, A, C, sample, weights, diagonal, members)
    const inclusion = yield* inclusionSteps(scores, count)
    const places = yield* pivotalSteps(inclusion, count, seed, STREAM.nystromLevels, level)
    sample = places.map((p) => members[p]!)
    weights = Float64Array.from(places, (p) => 1 / Math.sqrt(inclusion[p]!))
  }
  yield* report(fn, 'leverage scores', halvings, halvings)
  return { indices: sample.slice(), read, calls: halvings }
}

/** λ·[K(K + λI)⁻¹]ᵢᵢ of the members, K being approximated from its weighted columns `sample`. */
function* scoresSteps(
  fn: string,
  A: AnyOperator,
  C: Matrix,
  sample: Int32Array,
  weights: Float64Array,
  diagonal: Float64Array,
  members: Int32Array,
): Steps<Float64Array> {
  const s = sample.length
  const precision = precisionOf(A)
  const W = rowsAmong(C, sample)
  const size = sample.reduce((most, i) => Math.max(most, diagonal[i]!), 0)
  symmetrize(W, size, fn, precision)
  const weighted = W.data.slice()
  for (let i = 0; i < s; i++) for (let j = 0; j < s; j++) weighted[i * s + j]! *= weights[i]! * weights[j]!
  const { values } = yield* symmetricEigenSteps({ ...dense(W), data: weighted }, 'none')
  const k = Math.max(1, Math.ceil(s / (4 * Math.log(Math.max(2, s)))))
  let beyond = 0
  for (let j = 0; j < s - k; j++) beyond += Math.max(0, values[j]!)
  const ridge = Math.max(beyond / k, s * precision * Math.max(0, values[s - 1]!))
  if (ridge === 0) return new Float64Array(members.length).fill(1)
  for (let j = 0; j < s; j++) W.data[j * (s + 1)]! += ridge / weights[j]! ** 2
  const { L } = yield* shiftedCholeskySteps(W, s * precision * size, size, fn, precision)
  const Z = rowsAmong(C, members)
  yield* divideRowsSteps(Z, L)
  const scores = Float64Array.from(members, (i, p) => {
    let explained = 0
    for (let t = p * s; t < (p + 1) * s; t++) explained += Z.data[t]! ** 2
    return Math.max(0, diagonal[i]! - explained)
  })
  const largest = scores.reduce((most, x) => Math.max(most, x), 0)
  return scores.map((x) => (largest === 0 ? 1 : x / largest + FLOOR))
}
