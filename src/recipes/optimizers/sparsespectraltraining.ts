import { dense, flip, wrap } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { normalizeColumns } from '../../linalg/operators/columnwise.js'
import { OptionError } from '../../linalg/errors.js'
import { largestIndices } from '../../linalg/dense/largest.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import { integer, readOptions, seed, withDefault } from '../../linalg/options.js'
import { adjointProduct, product } from '../../linalg/products.js'
import { STREAM, uniformBlock } from '../../linalg/random.js'
import { runSync } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { denseSvdSteps } from '../../linalg/dense/svd.js'
import { beside, pickedColumns, scaledColumns, transposed } from '../../linalg/thin.js'
import { adam, adamReaders } from './adam.js'
import type { AdamOptions, AdamState } from './adam.js'
import { adamPart } from './galore.js'
import { perParameter, scheduleReader } from './optimizer.js'
import type { Moment, Optimizer, Rule, Schedule } from './optimizer.js'
import { wholeGradient } from './transform.js'

/** How many singular pairs sparse spectral training trains, and when it draws others. */
export interface SparseSpectralTrainingOptions extends AdamOptions {
  readonly learningRate: Schedule
  /** r: pairs of singular vectors that are trained at a time, at most min(m, n). */
  readonly rank: number
  /** T: updates from one draw of pairs to the next. Default 200. */
  readonly updateGap?: number | undefined
  /** Draws from one decomposition of W to the next. Default ⌈min(m, n)/rank⌉. */
  readonly drawsPerRound?: number | undefined
  /** An integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/** W = U·diag(s)·Vᵀ, k = min(m, n), as it is trained. */
interface SpectralState {
  readonly U: Matrix
  readonly s: Float64Array
  readonly V: Matrix
  /** The pairs that are being trained. */
  readonly chosen: Int32Array
  /** What Adam remembers of the values, and of the vectors that are being trained. */
  readonly values: AdamState
  readonly left: AdamState
  readonly right: AdamState
}

/**
 * Sparse spectral training: W is trained through its singular value decomposition, all values s at every update, and r
 * pairs of vectors at a time, drawn with probabilities ½(1/k + sᵢ/Σs) without replacement. Vectors are trained by the
 * "enhanced" gradients ∂uᵢ = G·vᵢ and ∂vᵢ = Gᵀ·uᵢ, without their factor sᵢ, and brought back to norm 1; s stays >= 0. After
 * a round of draws W is decomposed anew.
 *
 * @param options - `learningRate`, `rank`; `updateGap` 200, `drawsPerRound` ⌈k/rank⌉, `b1` 0.9, `b2` 0.999, `eps` 1e-8,
 * `seed` 0. What is no matrix is trained by Adam.
 * @returns an optimizer. Its updates are what the decomposition changed by: what else changes W between two updates is
 * kept, and is taken into the decomposition at the next round.
 * @throws OptionError; of `init` and `update` ShapeError, NotFiniteError and OptionError (a rank above min(m, n)).
 * Cost: k(m + n) + 3k + 2r(m + n) floats of state and r indices, of which (m + n)r + k numbers are trained; 6mnk flops for
 * an update, an SVD for `init` and for each round. Gradients that are operators are asked for k + r columns of products.
 * Source: Zhao, Zhang, Li, Pan, Cai, Wang, Wang and Li 2024, "Sparse spectral training and inference on Euclidean and
 * hyperbolic neural networks". Departure: gradients of all three factors are taken before any of them moves.
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { optimizers } from 'lowrank/recipes'
 * const optimizer = optimizers.sparseSpectralTraining({ learningRate: 0.01, rank: 4 })
 * const params = { W: random.normal([32, 16]) }
 * const { updates } = optimizer.update({ W: random.normal([32, 16], { seed: 1 }) }, optimizer.init(params), params)
 * ```
 */
export function sparseSpectralTraining(options: SparseSpectralTrainingOptions): Optimizer {
  const plan = readOptions('sparseSpectralTraining', options, {
    learningRate: scheduleReader,
    rank: integer(1),
    updateGap: withDefault(integer(1), 200),
    drawsPerRound: (value, fail) => (value === undefined ? undefined : integer(1)(value, fail)),
    seed,
    ...adamReaders(1e-8),
  })
  const rule = spectralRule(plan)
  return perParameter('sparseSpectralTraining', plan, rule, wholeGradient(adam(adamPart(plan))))
}

function spectralRule(plan: {
  readonly rank: number
  readonly updateGap: number
  readonly drawsPerRound: number | undefined
  readonly seed: number
  readonly b1: number
  readonly b2: number
  readonly eps: number
}): Rule<SpectralState> {
  const { rank: r, updateGap } = plan
  const transform = adam(adamPart(plan))

  return {
    init(W, fn, argument) {
      const [m = 0, n = 0] = W.shape
      const k = Math.min(m, n)
      if (r > k) {
        const expected = `at most ${k} (${argument} is ${m}×${n})`
        throw new OptionError({ fn, argument: 'options.rank', expected, given: String(r) })
      }
      return {
        ...runSync(decomposedSteps(W)),
        chosen: new Int32Array(0),
        values: transform.init([1, k]),
        left: transform.init([m, r]),
        right: transform.init([n, r]),
      }
    },

    *steps(gradient, before, W, at) {
      const k = before.s.length
      const round = updateGap * (plan.drawsPerRound ?? Math.ceil(k / r))
      const renewed = at.count > 0 && at.count % round === 0
      const state = renewed ? { ...before, ...(yield* decomposedSteps(W())) } : before
      const { U, s, V } = state
      const [m = 0, n = 0] = [U.shape[0], V.shape[0]]
      const drawn = at.count % updateGap === 0
      const chosen = drawn ? drawnPairs(s, r, plan.seed, at) : state.chosen
      const [left, right] = drawn
        ? [transform.init([m, r]), transform.init([n, r])]
        : [state.left, state.right]

      const G = yield* gradient.operator()
      const [Ui, Vi] = [pickedColumns(U, chosen), pickedColumns(V, chosen)]
      const GV = yield* product(G, V)
      const slope = wrap(columnDots(U, GV), 1, k)
      const ofValues = yield* transform.steps(slope, state.values, at)
      const ofLeft = yield* transform.steps(pickedColumns(GV, chosen), left, at)
      const ofRight = yield* transform.steps(yield* adjointProduct(G, Ui), right, at)

      const rate = at.learningRate
      const values = s.map((value, i) => Math.max(value - rate * ofValues.direction.data[i]!, 0))
      const U1 = withColumns(U, chosen, stepped(Ui, rate, ofLeft.direction))
      const V1 = withColumns(V, chosen, stepped(Vi, rate, ofRight.direction))
      return {
        update: yield* changeSteps({ U, s, V }, { U: U1, s: values, V: V1 }),
        state: {
          U: U1,
          s: values,
          V: V1,
          chosen,
          values: ofValues.state,
          left: ofLeft.state,
          right: ofRight.state,
        },
      }
    },
  }
}

interface Factors {
  readonly U: Matrix
  readonly s: Float64Array
  readonly V: Matrix
}

function* decomposedSteps(W: Matrix): Steps<Factors> {
  const { U, s, Vt } = yield* denseSvdSteps(dense(W), 'thin')
  return { U, s, V: transposed(Vt) }
}

/** r of the pairs, ascending, without replacement: the largest of log(u)/p (Efraimidis and Spirakis 2006). */
function drawnPairs(
  s: Float64Array,
  r: number,
  seed: number,
  { count, place: [index, of] }: Moment,
): Int32Array {
  const k = s.length
  const total = s.reduce((sum, value) => sum + value, 0)
  const i = count * of + index
  const u = uniformBlock({ seed, stream: STREAM.spectralVectors, i0: i, i1: i + 1, j0: 0, j1: k })
  const keys = u.map((x, j) => Math.log(x) / (1 / k + (total > 0 ? s[j]! / total : 0)))
  return largestIndices(keys, r)
}

/** U1·diag(s1)·V1ᵀ − U·diag(s)·Vᵀ, as one product. */
function* changeSteps(from: Factors, to: Factors): Steps<Matrix> {
  const [m, n] = [from.U.shape[0]!, from.V.shape[0]!]
  const minus = scaledColumns(
    from.U,
    from.s.map((value) => -value),
  )
  const left = beside([scaledColumns(to.U, to.s), minus], m)
  return (yield* multiplySteps(dense(left), flip(dense(beside([to.V, from.V], n))))) as Matrix
}

/** xᵀy of the columns of two matrices. */
function columnDots(X: Matrix, Y: Matrix): Float64Array {
  const k = X.shape[1]!
  const sums = new Float64Array(k)
  for (let e = 0; e < X.data.length; e += k)
    for (let j = 0; j < k; j++) sums[j]! += X.data[e + j]! * Y.data[e + j]!
  return sums
}

/** X − rate·D with columns of norm 1; one that would vanish stays. */
function stepped(X: Matrix, rate: number, D: Matrix): Matrix {
  const out = wrap(
    X.data.map((x, e) => x - rate * D.data[e]!),
    X.shape[0]!,
    X.shape[1]!,
  )
  const norms = normalizeColumns(out)
  norms.forEach((norm, j) => {
    if (norm > 0) return
    for (let e = j; e < out.data.length; e += norms.length) out.data[e] = X.data[e]!
  })
  return out
}

/** X with other columns J. */
function withColumns(X: Matrix, J: Int32Array, columns: Matrix): Matrix {
  const [m = 0, k = 0] = X.shape
  const out = X.data.slice()
  for (let i = 0, e = 0; i < m; i++)
    for (let t = 0; t < J.length; t++, e++) out[i * k + J[t]!] = columns.data[e]!
  return wrap(out, m, k)
}
