import { asFiniteMatrix, contiguous, dense, flip, wrap, zeros } from '../../linalg/arrays.js'
import type { Matrix, MatrixLike } from '../../linalg/arrays.js'
import { choleskySteps } from '../../linalg/dense/cholesky.js'
import { ShapeError } from '../../linalg/errors.js'
import { gramSteps } from '../../linalg/dense/gram.js'
import { norm2 } from '../../linalg/magnitude.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import { oneOf, positive, readOptions, withDefault } from '../../linalg/options.js'
import type { Reader } from '../../linalg/options.js'
import { fromSteps, report } from '../../linalg/steps.js'
import type { RunOptions, Steps } from '../../linalg/steps.js'
import { pickedRows } from '../../linalg/thin.js'
import { affineSteps, assigned, checkedNetworks, written } from './network.js'
import type { Layer, MergedNetwork, Network } from './network.js'
import { checkedModels } from './taskarithmetic.js'
import { gainsSteps, identity, matchSteps, matchingReaders } from './weightmatching.js'
import type { WeightMatchingConfig } from './weightmatching.js'

type Activation = 'relu' | 'tanh' | 'identity' | ((z: number) => number)

/** How PLeaS aligns two networks, what it keeps apart, and what it fits anew. */
export interface PleasConfig extends WeightMatchingConfig {
  /** σ between the layers. Default 'relu'. */
  readonly activation?: Activation | undefined
  /** What hidden units are aligned by: 'weights' (default), the correlation of their 'activations', or not at all. */
  readonly match?: 'weights' | 'activations' | 'none' | undefined
  /** The part of each hidden layer, its worst matched units, that is kept apart for each model. Default 0. */
  readonly separate?: number | undefined
  /** The layers that are fitted by least squares. Default 'all'; 'none' leaves the mean. */
  readonly refit?: 'all' | 'last' | 'none' | undefined
  /** Of the least squares, as a part of the mean square of the features. Default 10⁻⁸. */
  readonly ridge?: number | undefined
}

/** Two networks merged by PLeaS, and how well each layer was fitted. */
export interface PleasMerge {
  /** Hidden layers have their merged units first, then those of models[0] alone, then those of models[1] alone. */
  readonly merged: MergedNetwork
  /** permutations[l][i]: the unit of models[1] that is matched with unit i of models[0]. */
  readonly permutations: readonly Int32Array[]
  /** ‖W·Z − Y‖_F / ‖Y‖_F of each layer on the mean features, before and after its fit. */
  readonly residuals: readonly { readonly before: number; readonly after: number }[]
  /** Numbers that are stored. */
  readonly parameters: number
}

/** Merges two networks, given n × N inputs of both. */
export interface PleasMerger {
  (models: readonly [Network, Network], X: MatrixLike, options?: RunOptions): PleasMerge
  async(models: readonly [Network, Network], X: MatrixLike, options?: RunOptions): Promise<PleasMerge>
}

const activationReader: Reader<Activation> = (value, fail) => {
  if (value === undefined) return 'relu'
  const known = value === 'relu' || value === 'tanh' || value === 'identity' || typeof value === 'function'
  return known ? (value as Activation) : fail("'relu' | 'tanh' | 'identity' | a function of a number")
}

const part: Reader<number> = (value, fail) =>
  typeof value === 'number' && value >= 0 && value <= 1 ? value : fail('a number in [0, 1]')

/**
 * Merges two networks by permutations and least squares.
 *
 * The hidden units of B are matched with those of A. Each layer starts from the mean of both, W̄, and is fitted to the mean of
 * what they compute on the inputs X: W = W̄ + Δ with Δ minimising ‖(W̄ + Δ)·Z − Y‖_F² + ε‖Δ‖_F², Z the mean of the layer's
 * inputs in A and (matched) in B, Y that of its outputs before σ. Badly matched units may be kept apart: then hidden layers
 * are wider, and nothing leads from units of A alone to units of B alone.
 *
 * @param config - `assignment` and what else `weightMatching` takes, `activation`, `match`, `separate`, `refit`, `ridge`.
 * @returns a merger: ([A, B], X) → `{ merged, permutations, residuals, parameters }`. A network and a permuted copy of it come
 * out as the network; with `separate: 1` the result is the mean of both outputs.
 * @throws ShapeError where there are not two networks of the same shapes or X does not fit; OptionError; NotFiniteError.
 * Cost: that of the matching, both networks on X, and h²N + h³/3 flops a layer of h inputs for the fit.
 * Source: Nasery, Hayase, Koh and Oh 2025, "PLeaS: merging models with permutations and least squares". Departure: each
 * layer's closed form, from which the mean is the start, in the place of Adam on all layers.
 *
 * @example
 * ```ts
 * import { munkres } from 'munkres'
 * import { random } from 'lowrank'
 * import { merging } from 'lowrank/recipes'
 * const network = (seed: number) => [{ W: random.normal([8, 5], { seed }) }, { W: random.normal([3, 8], { seed: seed + 1 }) }]
 * const merge = merging.pleas({ assignment: munkres, activation: 'tanh' })
 * const { merged, residuals } = merge([network(0), network(2)], random.normal([5, 100]))
 * ```
 */
export function pleas(config: PleasConfig): PleasMerger {
  const fn = 'pleas'
  const plan = readOptions(fn, config, {
    ...matchingReaders,
    activation: activationReader,
    match: withDefault(oneOf('weights', 'activations', 'none'), 'weights'),
    separate: withDefault(part, 0),
    refit: withDefault(oneOf('all', 'last', 'none'), 'all'),
    ridge: withDefault(positive, 1e-8),
  })
  return fromSteps(function* (
    models: readonly [Network, Network],
    x: MatrixLike,
    options?: RunOptions,
  ): Steps<PleasMerge> {
    readOptions(fn, options, {})
    const [A, B, more] = checkedNetworks(fn, checkedModels(fn, models as readonly Network[], 2)) as [
      Layer[],
      Layer[],
      Layer[]?,
    ]
    if (more)
      throw new ShapeError({ fn, argument: 'models', expected: 'two networks', given: `${models.length}` })
    const X = contiguous(asFiniteMatrix(x, fn, 'X'))
    const n = A[0]!.W.shape[1]!
    if (X.shape[0] !== n || X.shape[1] === 0) {
      throw new ShapeError({
        fn,
        argument: 'X',
        expected: `a matrix ${n}×N, N >= 1`,
        given: X.shape.join('×'),
      })
    }
    const [ofA, ofB] = [
      yield* featuresSteps(A, X, plan.activation),
      yield* featuresSteps(B, X, plan.activation),
    ]
    const { permutations, worth } = yield* alignedSteps(fn, A, B, ofA, ofB, plan)
    const axes = [
      whole(n),
      ...permutations.map((order, l) => axisOf(order, worth[l]!, plan.separate)),
      whole(A.at(-1)!.W.shape[0]!),
    ]
    const merged: Layer[] = []
    const residuals: { before: number; after: number }[] = []
    for (let l = 0; l < A.length; l++) {
      yield* report(fn, 'layers', l, A.length)
      const [inputs, outputs] = [axes[l]!, axes[l + 1]!]
      const Z = combined(inputs, ofA.inputs[l]!, ofB.inputs[l]!)
      const Y = combined(outputs, ofA.outputs[l]!, ofB.outputs[l]!)
      const start = meanLayer(A[l]!, B[l]!, inputs, outputs)
      const size = norm2(Y.data)
      const relative = (R: Matrix): number => (size === 0 ? 0 : norm2(R.data) / size)
      const before = yield* residualSteps(start, Z, Y)
      const fits = plan.refit === 'all' || (plan.refit === 'last' && l === A.length - 1)
      const layer = fits ? yield* fittedSteps(start, before, Z, inputs, outputs, plan.ridge) : start
      residuals.push({ before: relative(before), after: relative(yield* residualSteps(layer, Z, Y)) })
      merged.push(layer)
    }
    yield* report(fn, 'layers', A.length, A.length)
    const parameters = merged.reduce((sum, { W, b }) => sum + W.data.length + (b?.length ?? 0), 0)
    return { merged: written(merged), permutations, residuals, parameters }
  }, 2)
}

/** What each layer gets and gives, before σ. */
interface Features {
  readonly inputs: readonly Matrix[]
  readonly outputs: readonly Matrix[]
}

function* featuresSteps(network: readonly Layer[], X: Matrix, activation: Activation): Steps<Features> {
  const [inputs, outputs]: [Matrix[], Matrix[]] = [[], []]
  let Z = X
  for (const layer of network) {
    inputs.push(Z)
    const Y = yield* affineSteps(layer, Z)
    outputs.push(Y)
    Z = wrap(activated(Y.data, activation), Y.shape[0]!, Y.shape[1]!)
  }
  return { inputs, outputs }
}

function activated(y: Float64Array, activation: Activation): Float64Array {
  if (activation === 'identity') return y
  if (typeof activation === 'function') return y.map((value) => activation(value))
  return activation === 'relu' ? y.map((value) => (value > 0 ? value : 0)) : y.map(Math.tanh)
}

/** Which unit of B goes with which of A, and what each pair is worth. */
function* alignedSteps(
  fn: string,
  A: readonly Layer[],
  B: readonly Layer[],
  ofA: Features,
  ofB: Features,
  plan: ReturnType<typeof readOptions<typeof matchingReaders>> & {
    readonly match: 'weights' | 'activations' | 'none'
  },
): Steps<{ permutations: Int32Array[]; worth: Float64Array[] }> {
  const permutations = plan.match === 'weights' ? yield* matchSteps(fn, A, B, plan) : identity(A)
  const worth: Float64Array[] = []
  for (const l of permutations.keys()) {
    const S =
      plan.match === 'weights'
        ? yield* gainsSteps(A, B, permutations, l)
        : ((yield* multiplySteps(
            dense(standardized(ofA.inputs[l + 1]!)),
            flip(dense(standardized(ofB.inputs[l + 1]!))),
          )) as Matrix)
    if (plan.match === 'activations') permutations[l] = assigned(fn, plan.assignment, S)
    const h = S.shape[0]!
    worth.push(Float64Array.from(permutations[l]!, (j, i) => S.data[i * h + j]!))
  }
  return { permutations, worth }
}

/** Rows of mean 0 and norm 1; zeros where a row is constant. */
function standardized(Z: Matrix): Matrix {
  const [h, N] = [Z.shape[0]!, Z.shape[1]!]
  const out = Z.data.slice()
  for (let i = 0; i < h; i++) {
    const row = out.subarray(i * N, (i + 1) * N)
    const mean = row.reduce((sum, z) => sum + z, 0) / N
    for (let t = 0; t < N; t++) row[t]! -= mean
    const size = norm2(row)
    for (let t = 0; t < N; t++) row[t] = size === 0 ? 0 : row[t]! / size
  }
  return wrap(out, h, N)
}

/** The new units of a layer: pairs first, then units of A alone, then of B alone; −1 where there is none. */
interface Axis {
  readonly a: Int32Array
  readonly b: Int32Array
  readonly pairs: number
  /** Pairs and units of A alone. */
  readonly ofA: number
}

const whole = (h: number): Axis => {
  const all = Int32Array.from({ length: h }, (_, i) => i)
  return { a: all, b: all, pairs: h, ofA: h }
}

function axisOf(permutation: Int32Array, worth: Float64Array, separate: number): Axis {
  const h = permutation.length
  const apart = Math.round(separate * h)
  const order = Int32Array.from(worth.keys()).sort((i, j) => worth[i]! - worth[j]! || i - j)
  const [alone, together] = [order.slice(0, apart).sort(), order.slice(apart).sort()]
  const nobody = new Array<number>(apart).fill(-1)
  const matched = (i: number): number => permutation[i]!
  return {
    a: Int32Array.from([...together, ...alone, ...nobody]),
    b: Int32Array.from([...together.map(matched), ...nobody, ...alone.map(matched)]),
    pairs: h - apart,
    ofA: h,
  }
}

/** Features of the new units: the mean of a pair, or one model's own. */
function combined({ a, b }: Axis, ofA: Matrix, ofB: Matrix): Matrix {
  const N = ofA.shape[1]!
  const out = zeros([a.length, N])
  for (let u = 0, e = 0; u < a.length; u++) {
    const [i, j] = [a[u]!, b[u]!]
    const weight = i >= 0 && j >= 0 ? 0.5 : 1
    for (let t = 0; t < N; t++, e++) {
      out.data[e] = weight * ((i >= 0 ? ofA.data[i * N + t]! : 0) + (j >= 0 ? ofB.data[j * N + t]! : 0))
    }
  }
  return out
}

/** The layer of the new units before any fit: what each model would do, halved where a unit is both's. */
function meanLayer(A: Layer, B: Layer, inputs: Axis, outputs: Axis): Layer {
  const [rows, cols] = [outputs.a.length, inputs.a.length]
  const W = zeros([rows, cols])
  const b = A.b || B.b ? new Float64Array(rows) : undefined
  for (const [layer, of] of [
    [A, 'a'],
    [B, 'b'],
  ] as const) {
    const width = layer.W.shape[1]!
    for (let u = 0; u < rows; u++) {
      const i = outputs[of][u]!
      if (i < 0) continue
      const weight = u < outputs.pairs ? 0.5 : 1
      if (b && layer.b) b[u]! += weight * layer.b[i]!
      for (let v = 0; v < cols; v++) {
        const j = inputs[of][v]!
        if (j >= 0) W.data[u * cols + v]! += weight * layer.W.data[i * width + j]!
      }
    }
  }
  return { W, b }
}

/** Y − (W·Z + b) */
function* residualSteps(layer: Layer, Z: Matrix, Y: Matrix): Steps<Matrix> {
  const R = yield* affineSteps(layer, Z)
  for (let e = 0; e < R.data.length; e++) R.data[e] = Y.data[e]! - R.data[e]!
  return R
}

/** W̄ + Δ: the rows of pairs from all inputs, those of one model from its own and the pairs. */
function* fittedSteps(
  { W, b }: Layer,
  R: Matrix,
  Z: Matrix,
  inputs: Axis,
  outputs: Axis,
  ridge: number,
): Steps<Layer> {
  const cols = inputs.a.length
  const range = (from: number, to: number): Int32Array =>
    Int32Array.from({ length: to - from }, (_, t) => from + t)
  const out = { W: wrap(W.data.slice(), W.shape[0]!, cols), b: b?.slice() }
  const ofB = Int32Array.from([...range(0, inputs.pairs), ...range(inputs.ofA, cols)])
  for (const [rows, from] of [
    [range(0, outputs.pairs), range(0, cols)],
    [range(outputs.pairs, outputs.ofA), range(0, inputs.ofA)],
    [range(outputs.ofA, outputs.a.length), ofB],
  ] as const) {
    if (rows.length === 0) continue
    const delta = yield* correctionSteps(pickedRows(R, rows), pickedRows(Z, from), b !== undefined, ridge)
    const width = delta.shape[1]!
    rows.forEach((u, i) => {
      from.forEach((v, j) => {
        out.W.data[u * cols + v]! += delta.data[i * width + j]!
      })
      if (out.b) out.b[u]! += delta.data[i * width + width - 1]!
    })
  }
  return out
}

/** Δ = R·Zᵀ(Z·Zᵀ + εI)⁻¹; with a bias Z has a row of ones, and Δ the bias last. */
function* correctionSteps(R: Matrix, Z: Matrix, bias: boolean, ridge: number): Steps<Matrix> {
  const [h, N] = [Z.shape[0]!, Z.shape[1]!]
  const F = bias ? zeros([h + 1, N]) : Z
  if (bias) {
    F.data.set(Z.data)
    F.data.fill(1, h * N)
  }
  const k = F.shape[0]!
  const mean = norm2(F.data) ** 2 / Math.max(k, 1)
  if (mean === 0) return zeros([R.shape[0]!, k])
  const C = yield* gramSteps(flip(dense(F)))
  for (let i = 0; i < k; i++) C.data[i * (k + 1)]! += ridge * mean
  const FRt = (yield* multiplySteps(dense(F), flip(dense(R)))) as Matrix
  const { solve } = yield* choleskySteps(C)
  return contiguous(solve(FRt).transpose(1, 0))
}
