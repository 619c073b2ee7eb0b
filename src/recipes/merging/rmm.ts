import { asFiniteMatrix, contiguous, dense, flip, wrap } from '../../linalg/arrays.js'
import type { Matrix, MatrixLike } from '../../linalg/arrays.js'
import { OptionError, ShapeError, describe } from '../../linalg/errors.js'
import { norm2 } from '../../linalg/magnitude.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import { bool, integer, oneOf, readOptions, withDefault } from '../../linalg/options.js'
import { qrSteps } from '../../linalg/dense/qr.js'
import { breath, fromSteps } from '../../linalg/steps.js'
import type { RunOptions, Steps } from '../../linalg/steps.js'
import { denseSvdSteps } from '../../linalg/dense/svd.js'
import { orient, scaledColumns, transposed } from '../../linalg/thin.js'
import { checkedModels } from './taskarithmetic.js'

/** ΔW = scale·B·A of a layer. */
export interface LowRankUpdate {
  /** m × r */
  readonly B: MatrixLike
  /** r × n */
  readonly A: MatrixLike
  /** Default 1. */
  readonly scale?: number | undefined
}

/** Updates by the layer's name; all models have the same names, shapes and ranks. */
export type Updates = Readonly<Record<string, LowRankUpdate>>

/** How many basis vectors reversible merging keeps, and of what. */
export interface RmmConfig {
  /** p: basis vectors for each position, beside the mean. 0 is the mean alone. */
  readonly basis: number
  /** 'position' (default): each row of B and column of A has a basis of its own. 'layer': each factor, taken whole, has one. */
  readonly granularity?: 'position' | 'layer' | undefined
  /** Whether the mean is stored apart. Default true. */
  readonly centered?: boolean | undefined
  /** Whether the factors are first brought to B = U√s, A = √sVᵀ, so that their scale and order agree. Default true. */
  readonly canonical?: boolean | undefined
}

/** ΔW = B·A of each layer. */
export type RecoveredUpdates = Readonly<Record<string, { readonly B: Matrix; readonly A: Matrix }>>

/** T models in one, from which each can be had back. */
export interface ReversibleMerge {
  /** The mean of the factors. */
  readonly merged: RecoveredUpdates
  /** Model i again, as near as `errorEstimate` says of all of them. */
  recover(i: number): RecoveredUpdates
  /** Numbers that are stored for all models together. */
  readonly parameters: number
  /** √Σ‖F − F̂‖² / √Σ‖F‖² over all factors F of all models, exact: what the bases cut off. */
  readonly errorEstimate: number
}

/** Merges low-rank updates reversibly. */
export interface ReversibleMerger {
  (models: readonly Updates[], options?: RunOptions): ReversibleMerge
  async(models: readonly Updates[], options?: RunOptions): Promise<ReversibleMerge>
}

/**
 * Reversible merging of low-rank updates: a small basis of models and each model's coefficients.
 *
 * For every position (a row of B, a column of A) the vectors of the T models, xₜ ∈ Rʳ, are x̂ₜ = μ + U_p·zₜ with U_p the
 * leading left singular vectors of [x₁ − μ, …, x_T − μ]. With p = T − 1 every model is recovered to rounding, with p = 0 the
 * mean is all there is. `merged` is the mean, `recover(i)` is model i.
 *
 * @param config - `basis` p, `granularity`, `centered`, `canonical`.
 * @returns a merger: models → `{ merged, recover, parameters, errorEstimate }`. A position stores p(r + T) + r numbers in the place
 * of rT ('layer': p(mr + T) + mr and the like); p larger than it can be counts as what it can be.
 * @throws ShapeError where names or shapes differ; OptionError; NotFiniteError.
 * Cost: m + n small SVDs of r × T ('layer': two thin ones), and T QR factorizations of the factors.
 * Source: "Towards reversible model merging for low-rank weights" 2025. The factors' gauge (B·G, G⁻¹·A) decides how alike
 * models look: 'canonical' takes that of the SVD.
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { merging } from 'lowrank/recipes'
 * const models = [1, 2, 3].map((seed) => ({
 *   query: { B: random.normal([16, 4], { seed }), A: random.normal([4, 12], { seed: seed + 10 }) },
 * }))
 * const { recover, errorEstimate } = merging.rmm({ basis: 2 })(models)   // rounding: three models need two
 * recover(0).query
 * ```
 */
export function rmm(config: RmmConfig): ReversibleMerger {
  const fn = 'rmm'
  const plan = readOptions(fn, config, {
    basis: integer(0),
    granularity: withDefault(oneOf('position', 'layer'), 'position'),
    centered: withDefault(bool, true),
    canonical: withDefault(bool, true),
  })
  return fromSteps(function* (models: readonly Updates[], options?: RunOptions): Steps<ReversibleMerge> {
    readOptions(fn, options, {})
    const all = checkedModels(fn, models)
    const layers: Record<string, { B: Stack; At: Stack }> = {}
    for (const name of checkedNames(fn, all)) {
      const pairs: Pair[] = []
      for (const [t, model] of all.entries()) {
        const pair = takenPair(fn, model[name]!, `models[${t}].${name}`, all[0]![name]!)
        pairs.push(plan.canonical ? yield* canonicalSteps(pair) : pair)
      }
      layers[name] = {
        B: yield* stackedSteps(
          pairs.map(({ B }) => B),
          plan,
        ),
        At: yield* stackedSteps(
          pairs.map(({ At }) => At),
          plan,
        ),
      }
    }
    const stacks = Object.values(layers).flatMap(({ B, At }) => [B, At])
    const total = (of: (stack: Stack) => number): number => stacks.reduce((sum, stack) => sum + of(stack), 0)
    const size = Math.hypot(...stacks.map((stack) => stack.norm))
    const lost = Math.hypot(...stacks.map((stack) => stack.lost))
    const read = (i: number | undefined): RecoveredUpdates =>
      Object.fromEntries(
        Object.entries(layers).map(([name, { B, At }]) => [
          name,
          { B: restored(B, i), A: transposed(restored(At, i)) },
        ]),
      )
    return {
      merged: read(undefined),
      recover(i) {
        if (Number.isInteger(i) && i >= 0 && i < all.length) return read(i)
        const expected = `one of the models 0 … ${all.length - 1}`
        throw new OptionError({ fn: `${fn}().recover`, argument: 'i', expected, given: describe(i) })
      },
      parameters: total((stack) => stack.parameters),
      errorEstimate: lost === 0 ? 0 : lost / size,
    }
  }, 1)
}

/** B, m × r, and Aᵀ, n × r: positions are rows of both. */
interface Pair {
  readonly B: Matrix
  readonly At: Matrix
}

function checkedNames(fn: string, models: readonly Updates[]): string[] {
  const namesOf = (model: Updates): string[] =>
    typeof model === 'object' && model !== null ? Object.keys(model).sort() : []
  const names = namesOf(models[0]!)
  models.forEach((model, t) => {
    const given = namesOf(model)
    if (given.join() === names.join()) return
    const expected = `the layers ${names.join(', ')} of models[0]`
    throw new ShapeError({ fn, argument: `models[${t}]`, expected, given: given.join(', ') || '(none)' })
  })
  return names
}

/** The factors of an update, of the shapes of the first model's. */
function takenPair(fn: string, update: LowRankUpdate, argument: string, first: LowRankUpdate): Pair {
  const factor = (of: LowRankUpdate, name: 'A' | 'B'): Matrix =>
    contiguous(asFiniteMatrix(of?.[name], fn, `${argument}.${name}`))
  const [B, A] = [factor(update, 'B'), factor(update, 'A')]
  const [m, r, n] = [factor(first, 'B').shape[0]!, factor(first, 'B').shape[1]!, factor(first, 'A').shape[1]!]
  for (const [name, M, rows, cols] of [
    ['B', B, m, r],
    ['A', A, r, n],
  ] as const) {
    if (M.shape[0] === rows && M.shape[1] === cols) continue
    const [expected, given] = [`a matrix ${rows}×${cols}`, M.shape.join('×')]
    throw new ShapeError({ fn, argument: `${argument}.${name}`, expected, given })
  }
  const scale = update.scale ?? 1
  if (!Number.isFinite(scale)) {
    throw new OptionError({
      fn,
      argument: `${argument}.scale`,
      expected: 'a finite number',
      given: String(scale),
    })
  }
  return { B: scaledColumns(B, new Float64Array(r).fill(scale)), At: transposed(A) }
}

/** The same product with B = U√s and A = √sVᵀ. */
function* canonicalSteps({ B, At }: Pair): Steps<Pair> {
  const [left, right] = [yield* qrSteps(B), yield* qrSteps(At)]
  const core = (yield* multiplySteps(dense(left.R), flip(dense(right.R)))) as Matrix
  const { U: u, s, Vt: vt } = yield* denseSvdSteps(dense(core), 'thin')
  const U = (yield* multiplySteps(dense(left.Q), dense(u))) as Matrix
  const Vt = (yield* multiplySteps(dense(vt), flip(dense(right.Q)))) as Matrix
  orient(U, Vt)
  const root = s.map(Math.sqrt)
  return { B: scaledColumns(U, root), At: scaledColumns(transposed(Vt), root) }
}

/** The same factor of all models, in pieces of `length` numbers with a basis each. */
interface Stack {
  readonly shape: readonly [number, number]
  readonly length: number
  /** Zeros where it is not stored apart. */
  readonly mean: Float64Array
  /** Of each piece U_p, p rows of `length`, and the coefficients, T rows of p. */
  readonly pieces: readonly {
    readonly basis: Float64Array
    readonly coefficients: Float64Array
    readonly p: number
  }[]
  readonly average: Float64Array
  readonly parameters: number
  readonly lost: number
  readonly norm: number
}

function* stackedSteps(
  factors: readonly Matrix[],
  plan: { basis: number; granularity: 'position' | 'layer'; centered: boolean },
): Steps<Stack> {
  const [rows, r] = [factors[0]!.shape[0]!, factors[0]!.shape[1]!]
  const T = factors.length
  const size = rows * r
  const length = plan.granularity === 'layer' ? size : r
  const average = new Float64Array(size)
  for (const { data } of factors) for (let e = 0; e < size; e++) average[e]! += data[e]! / T
  const mean = plan.centered ? average : new Float64Array(size)
  const pieces: { basis: Float64Array; coefficients: Float64Array; p: number }[] = []
  const lost: number[] = []
  let parameters = plan.centered ? size : 0
  for (let at = 0; at < size; at += length) {
    const X = wrap(new Float64Array(T * length), T, length)
    factors.forEach(({ data }, t) => {
      for (let e = 0; e < length; e++) X.data[t * length + e] = data[at + e]! - mean[at + e]!
    })
    // Models are rows here: Xᵀ = V·diag(s)·Uᵀ.
    const { U, s, Vt } = yield* denseSvdSteps(dense(X), 'thin')
    const p = Math.min(plan.basis, s.length, plan.centered ? T - 1 : T)
    const coefficients = new Float64Array(T * p)
    for (let t = 0; t < T; t++)
      for (let q = 0; q < p; q++) coefficients[t * p + q] = U.data[t * s.length + q]! * s[q]!
    pieces.push({ basis: Vt.data.slice(0, p * length), coefficients, p })
    lost.push(norm2(s.subarray(p)))
    parameters += p * (length + T)
    yield* breath()
  }
  const norm = Math.hypot(...factors.map(({ data }) => norm2(data)))
  return {
    shape: [rows, r],
    length,
    mean,
    pieces,
    average,
    parameters,
    lost: norm2(Float64Array.from(lost)),
    norm,
  }
}

/** μ + U_p·z of model i, or the mean of all. */
function restored({ shape, length, mean, pieces, average }: Stack, i: number | undefined): Matrix {
  if (i === undefined) return wrap(average.slice(), ...shape)
  const out = mean.slice()
  pieces.forEach(({ basis, coefficients, p }, piece) => {
    for (let q = 0; q < p; q++) {
      const z = coefficients[i * p + q]!
      for (let e = 0; e < length; e++) out[piece * length + e]! += z * basis[q * length + e]!
    }
  })
  return wrap(out, ...shape)
}
