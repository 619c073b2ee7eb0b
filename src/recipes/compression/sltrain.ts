import { factored } from '../../factorize/lowrank.js'
import { asFiniteMatrix, asVector, contiguous, dense, flip, matrix, wrap } from '../../linalg/arrays.js'
import type { Matrix, MatrixLike, VectorLike } from '../../linalg/arrays.js'
import { csr } from '../../linalg/operators/csr.js'
import { OptionError, ShapeError } from '../../linalg/errors.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import type { AnyOperator, LinearOperator, Shape } from '../../linalg/operators.js'
import { integer, nonNegative, optional, positive, readOptions, withDefault } from '../../linalg/options.js'
import { adjointProduct, entriesOf } from '../../linalg/products.js'
import { STREAM, uniformBlock } from '../../linalg/random.js'
import { sampledProductSteps } from '../../linalg/operators/sampledproduct.js'
import { scaled } from '../../linalg/operators/scaled.js'
import { runSync } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { sum } from '../../linalg/operators/sum.js'
import { scaledColumns, scaledRows } from '../../linalg/thin.js'
import { subsets } from '../../sketch/subset.js'
import { compressedSteps, compressor, withEntries } from './compressor.js'
import type { Compressed, Compressor, Layer } from './compressor.js'
import { checkSize, leadingSteps, rankOf, sizeReaders, spectralReaders } from './lowrank.js'
import type { Size, Spectral } from './lowrank.js'

/** The size of SLTrain's low rank, and the part of entries beside it. */
export interface SltrainConfig extends Size, Spectral {
  /** δ: the part of the entries that are free, in [0, 1]. Default 0.01. */
  readonly density?: number | undefined
  /** α: the low rank counts α/r. Default r, so that it counts 1. */
  readonly alpha?: number | undefined
  /** Rounds of fitting low rank and entries in turns, where a given W is compressed. Default 5. */
  readonly iterations?: number | undefined
}

/** Entry e is at (rows[e], cols[e]). */
interface Support {
  readonly rows: Int32Array
  readonly cols: Int32Array
}

/** What is trained: W = (α/r)·B·A + V, V with values on its support. */
export interface SltrainValues {
  /** m × r */
  readonly B: Matrix
  /** r × n */
  readonly A: Matrix
  /** The entries of the support, in its order. */
  readonly values: Float64Array
}

/** Gradients of a loss with respect to what is trained, and to the inputs. */
export interface SltrainGradients extends SltrainValues {
  /** n × N */
  readonly X: Matrix
}

/** Sparse plus low rank: an operator whose support never changes. */
export interface SparsePlusLowRank extends LinearOperator, SltrainValues {
  readonly rank: number
  /** α/r */
  readonly scale: number
  /** Where the free entries are, sorted by row and column. */
  readonly support: Support
  /**
   * Gradients of a loss at `matmat(X)`: dB = (α/r)·D·(A·X)ᵀ, dA = (α/r)·BᵀD·Xᵀ, dv = (D·Xᵀ) on the support, which is all
   * that is made of it; dX = Ŵᵀ·D. Cost: 4r(m + n)N + 4|I|N flops.
   *
   * @param X - n × N inputs. @param D - m × N, the loss's gradient with respect to the outputs.
   */
  backward(X: MatrixLike, D: MatrixLike): SltrainGradients
  /** The same support and scale with other numbers. */
  with(values: { B: MatrixLike; A: MatrixLike; values: VectorLike }): SparsePlusLowRank
  toDense(): Matrix
}

/** A layer that was fitted to a given one. */
export type FittedSparsePlusLowRank = Compressed & SparsePlusLowRank

/** A compressor that also makes layers to be trained from nothing. */
export interface Sltrain extends Compressor<FittedSparsePlusLowRank> {
  /**
   * A fresh m × n layer to be trained: A uniform in ±1/√n (Kaiming's with a = √5), B = 0, values uniform in ±1/√n.
   * The settings' seed decides support and numbers.
   */
  init(shape: readonly [m: number, n: number]): SparsePlusLowRank
  /** Numbers that are trained: r(m + n) + ⌊δmn⌋. */
  numTrainable(shape: readonly [m: number, n: number]): number
}

/**
 * Sparse plus low rank: W = (α/r)·B·A + V, with V free on a random support I that never changes.
 *
 * A few free entries make W of full rank, which low rank alone is not, and nothing m × n is needed to train it. As a
 * compression of a given W the two parts are fitted in turns: the low rank to W − V, the entries to W − (α/r)·B·A on I;
 * each round lowers the error. Random places approximate a given W little better than low rank of as many numbers.
 *
 * @param config - `rank` or `budget` (of which the entries take δ), `density`, `alpha`, `iterations`, `method`, `seed`.
 * @returns a compressor (W, statistics?) → Ŵ, in the Frobenius norm, with `init(shape)` and `numTrainable(shape)`; Ŵ has
 * `B`, `A`, `values`, `support`, `scale`, `backward`, `with`. r(m + n) + ⌊δmn⌋ numbers and ⌊δmn⌋ indices.
 * @throws OptionError where the rank does not fit or the budget is used up by the entries; ShapeError; NotFiniteError.
 * Cost: an SVD a round; a product 2(r(m + n) + |I|) flops a column. The support is drawn with mn numbers of memory.
 * Source: Han, Li, Huang, Hong, Takeda, Jawanpuria and Mishra 2024, "SLTrain: a sparse plus low-rank approach for
 * parameter and memory efficient pretraining".
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { compression } from 'lowrank/recipes'
 * const layer = compression.sltrain({ rank: 4, density: 0.03 }).init([32, 32])
 * const X = random.normal([32, 8])
 * const { values } = layer.backward(X, layer.matmat(X))
 * layer.with({ B: layer.B, A: layer.A, values: layer.values.map((v, e) => v - 0.1 * values[e]!) })
 * ```
 */
export function sltrain(config: SltrainConfig): Sltrain {
  const fn = 'sltrain'
  const plan = readOptions(fn, config, {
    ...sizeReaders,
    ...spectralReaders,
    density: withDefault(nonNegative, 0.01),
    alpha: optional(positive),
    iterations: withDefault(integer(1), 5),
  })
  checkSize(fn, plan)
  if (plan.density > 1) {
    const given = String(plan.density)
    throw new OptionError({ fn, argument: 'options.density', expected: 'a number in [0, 1]', given })
  }
  const sizes = ([m, n]: Shape): { rank: number; count: number } => {
    const count = Math.floor(plan.density * m * n)
    return { rank: rankOf(fn, plan, [m, n], count), count }
  }
  const scaleFor = (rank: number): number => (plan.alpha ?? rank) / rank

  const compress = compressor(fn, function* (layer: Layer) {
    const { shape, W } = layer
    const { rank, count } = sizes(shape)
    const scale = scaleFor(rank)
    const support = supportOf(shape, count, plan.seed)
    const values = yield* fittedSteps(fn, W, support, { ...plan, rank, scale })
    const stored = { parameters: rank * (shape[0] + shape[1]) + count, indexCount: count }
    return yield* compressedSteps(layer, assembled(shape, support, scale, values), stored, {})
  })
  return Object.assign(compress, {
    init(shape: readonly [number, number]) {
      const [m, n] = checkedShape(fn, shape)
      const { rank, count } = sizes([m, n])
      const uniform = (rows: number, cols: number, stream: number): Float64Array =>
        uniformBlock({ seed: plan.seed, stream, i0: 0, i1: rows, j0: 0, j1: cols }).map(
          (u) => (2 * u - 1) / Math.sqrt(n),
        )
      return assembled([m, n], supportOf([m, n], count, plan.seed), scaleFor(rank), {
        B: wrap(new Float64Array(m * rank), m, rank),
        A: wrap(uniform(rank, n, STREAM.sltrainFactor), rank, n),
        values: uniform(1, count, STREAM.sltrainValues),
      })
    },
    numTrainable(shape: readonly [number, number]) {
      const { rank, count } = sizes(checkedShape(fn, shape))
      return rank * (shape[0] + shape[1]) + count
    },
  })
}

function checkedShape(fn: string, shape: readonly [number, number]): Shape {
  const sound = Array.isArray(shape) && shape.length === 2 && shape.every((k) => Number.isInteger(k) && k > 0)
  if (sound) return shape
  throw new ShapeError({ fn, argument: 'shape', expected: '[m, n], integers > 0', given: String(shape) })
}

/** A uniformly random subset of the places, sorted. */
function supportOf([m, n]: Shape, count: number, seed: number): Support {
  const flat = new Int32Array(count)
  subsets(count, m * n, seed, STREAM.sltrainSupport)(0, flat, 0)
  flat.sort()
  return { rows: flat.map((e) => Math.floor(e / n)), cols: flat.map((e) => e % n) }
}

interface FitPlan extends Pick<Parameters<typeof leadingSteps>[3], 'method' | 'seed'> {
  readonly rank: number
  readonly scale: number
  readonly iterations: number
}

/** Low rank and entries in turns. */
function* fittedSteps(
  fn: string,
  W: AnyOperator,
  { rows, cols }: Support,
  plan: FitPlan,
): Steps<SltrainValues> {
  const [m, n] = W.shape
  const { data } = yield* entriesOf(W)
  const given = Float64Array.from(rows, (i, e) => data[i * n + cols[e]!]!)
  let values: Float64Array = new Float64Array(rows.length)
  for (let round = 0; ; round++) {
    const rest = round === 0 ? W : sum(W, scaled(csr({ shape: [m, n], rows, cols, values }), -1))
    const { U, s, Vt } = yield* leadingSteps(fn, rest, plan.rank, plan)
    const left = scaledColumns(U, s)
    const low = yield* sampledProductSteps(left, contiguous(Vt.transpose(1, 0)), rows, cols)
    values = given.map((w, e) => w - low[e]!)
    if (round + 1 < plan.iterations) continue
    const root = s.map((sigma) => Math.sqrt(sigma / plan.scale))
    return { B: scaledColumns(U, root), A: scaledRows(Vt, root), values }
  }
}

/** The operator of these numbers, which it owns. */
function assembled(shape: Shape, support: Support, scale: number, given: SltrainValues): SparsePlusLowRank {
  const { B, A, values } = given
  const [[m, n], rank] = [shape, A.shape[0]!]
  const weights = new Float64Array(rank).fill(scale)
  const operator = withEntries(sum(factored([B, weights, A]), csr({ shape: [m, n], ...support, values })))
  return Object.assign(operator, {
    B,
    A,
    values,
    rank,
    scale,
    support,
    backward(x: MatrixLike, d: MatrixLike) {
      const X = taken(x, 'backward', 'X', [n, undefined])
      const D = taken(d, 'backward', 'D', [m, X.shape[1]!])
      return runSync(gradientSteps({ B, A, support, scale, operator }, X, D))
    },
    with(next: { B: MatrixLike; A: MatrixLike; values: VectorLike }) {
      const copied = (M: MatrixLike, name: string, sides: [number, number]): Matrix =>
        matrix(taken(M, 'with', name, sides))
      return assembled(shape, support, scale, {
        B: copied(next.B, 'B', [m, rank]),
        A: copied(next.A, 'A', [rank, n]),
        values: asVector(next.values, 'sltrain.with', 'values', values.length),
      })
    },
  })
}

function taken(
  M: MatrixLike,
  name: string,
  argument: string,
  sides: readonly [number, number | undefined],
): Matrix {
  const fn = `sltrain.${name}`
  const A = contiguous(asFiniteMatrix(M, fn, argument))
  if (A.shape[0] === sides[0] && A.shape[1] === (sides[1] ?? A.shape[1])) return A
  const [expected, given] = [`a matrix ${sides[0]}×${sides[1] ?? 'N'}`, A.shape.join('×')]
  throw new ShapeError({ fn, argument, expected, given })
}

interface Parts {
  readonly B: Matrix
  readonly A: Matrix
  readonly support: Support
  readonly scale: number
  readonly operator: LinearOperator
}

function* gradientSteps(
  { B, A, support, scale, operator }: Parts,
  X: Matrix,
  D: Matrix,
): Steps<SltrainGradients> {
  const AX = (yield* multiplySteps(dense(A), dense(X))) as Matrix
  const BtD = (yield* multiplySteps(flip(dense(B)), dense(D))) as Matrix
  const dB = (yield* multiplySteps(dense(D), flip(dense(AX)))) as Matrix
  const dA = (yield* multiplySteps(dense(BtD), flip(dense(X)))) as Matrix
  for (const { data } of [dB, dA]) for (let e = 0; e < data.length; e++) data[e]! *= scale
  const values = yield* sampledProductSteps(D, X, support.rows, support.cols)
  return { B: dB, A: dA, values, X: yield* adjointProduct(operator, D) }
}
