import { asVector, contiguous, wrap } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import type { Triplets } from '../../linalg/operators/csr.js'
import { OptionError } from '../../linalg/errors.js'
import { norm2 } from '../../linalg/magnitude.js'
import { withResidual } from '../../linalg/operators/observed.js'
import type {
  AnyObservedOperand,
  AsyncObservedOperand,
  ObservedOperand,
} from '../../linalg/operators/observed.js'
import { indexList, precisionOf } from '../../linalg/operators.js'
import {
  integer,
  nonNegative,
  oneOf,
  optional,
  readOptions,
  seed,
  withDefault,
} from '../../linalg/options.js'
import type { Reader } from '../../linalg/options.js'
import { sampledProductSteps } from '../../linalg/operators/sampledproduct.js'
import type { Places } from '../../linalg/operators/sampledproduct.js'
import { fromSteps, report, runSync } from '../../linalg/steps.js'
import type { RunOptions, Steps } from '../../linalg/steps.js'
import { beside } from '../../linalg/thin.js'
import { alternatingSteps } from './alternating.js'
import { biasSteps } from './biases.js'
import type { Biases } from './biases.js'
import { heldOutSteps } from './heldout.js'
import { factored } from '../lowrank.js'
import type { Approximation } from '../lowrank.js'
import { softImputeSteps } from './softimpute.js'

/** The rank, method and ridge of `completeMatrix`, and when it ends. */
export interface CompleteMatrixOptions extends RunOptions {
  /**
   * k, clamped to min(m, n); 0 leaves nothing but biases. For 'softImpute' the most it may use. Of several, the one with
   * the least error on the held-out entries is taken.
   */
  readonly rank: number | readonly number[]
  /** 'als' (default): exact alternating least squares; 'sketched': the same, inexactly; 'softImpute'. */
  readonly method?: 'als' | 'sketched' | 'softImpute' | undefined
  /**
   * λ ≥ 0 of ‖P(M − UVᵀ)‖² + λ(‖U‖² + ‖V‖²), and of ½‖P(M − X)‖² + λ‖X‖_* ('softImpute'): the same minimum, given rank
   * enough. Default 0; for 'softImpute' ‖P(M)‖₂/1000.
   */
  readonly ridge?: number | undefined
  /** 'none' (default), or 'rowsAndCols': a mean and a number for each row and column are fitted first. */
  readonly bias?: 'none' | 'rowsAndCols' | undefined
  /** Shrinks a row's or column's bias as so many more entries without one would. Default 1. */
  readonly biasRidge?: number | undefined
  /** Entries that are not used but to tell the error: others than the given ones, or a part of these in (0, 1). */
  readonly validation?: number | Omit<Triplets, 'shape'> | undefined
  /** Sweeps at most. Default 50; 200 for 'softImpute'. */
  readonly iterations?: number | undefined
  /** Ends where a sweep makes the residual smaller by no more than this part of it. Default 1e-4. */
  readonly rtol?: number | undefined
  /** An integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/** What a sweep has come to. */
export interface CompletionStep {
  /** ‖P(M − UVᵀ)‖ / ‖P(M)‖ over the entries in use, biases apart. */
  readonly residual: number
  /** The root mean square error of the held-out entries, where there are some. */
  readonly heldOut?: number
  /** Additions and multiplications of the row problems so far; 0 for 'softImpute'. */
  readonly flops: number
}

/** M[i, j] ≈ mean + rowBias[i] + colBias[j] + U[i]·V[j]: an operator m × n. */
export interface Completion extends Approximation {
  readonly rank: number
  /** m × rank */
  readonly U: Matrix
  /** n × rank */
  readonly V: Matrix
  /** 0 without biases. */
  readonly mean: number
  readonly rowBias: Float64Array
  readonly colBias: Float64Array
  readonly history: readonly CompletionStep[]
  /** The root mean square error of the held-out entries, for each rank that was tried. */
  readonly tried: readonly { readonly rank: number; readonly heldOut: number | undefined }[]
  /** The formula at one place. */
  predict(i: number, j: number): number
  /** The same at many places. */
  predictAt(places: Places): Float64Array
  toDense(): Matrix
}

const FN = 'completeMatrix'

const part: Reader<number | Omit<Triplets, 'shape'>> = (value, fail) => {
  if (typeof value === 'number' && value > 0 && value < 1) return value
  if (value !== null && typeof value === 'object') return value as Omit<Triplets, 'shape'>
  return fail('a number in (0, 1), or { rows, cols, values }')
}

const ranks: Reader<readonly number[]> = (value, fail) => {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  const good = (k: unknown): k is number => typeof k === 'number' && Number.isSafeInteger(k) && k >= 0
  return list.length > 0 && list.every(good) ? list : fail('an integer >= 0, or some')
}

const completionReaders = {
  rank: ranks,
  method: withDefault(oneOf('als', 'sketched', 'softImpute'), 'als'),
  ridge: optional(nonNegative),
  bias: withDefault(oneOf('none', 'rowsAndCols'), 'none'),
  biasRidge: withDefault(nonNegative, 1),
  validation: optional(part),
  iterations: optional(integer(0)),
  rtol: withDefault(nonNegative, 1e-4),
  seed,
}

/** The options as read, without `rank`. */
export type CompletionPlan = Omit<ReturnType<typeof readOptions<typeof completionReaders>>, 'rank'>

/** What a method finds, and may ask on its way. */
export interface Factors {
  readonly U: Matrix
  readonly V: Matrix
}

/** Told after each sweep. */
export type Told = (factors: Factors, residual: number, flops: number) => Steps<void>

/**
 * Completes a matrix of which some entries are known, by one of low rank: M[i, j] ≈ U[i]·V[j], with biases where
 * asked.
 *
 * @param M - `shape` [m, n] and lists of equal length, in any order: row indices, column indices, values. A place given
 * more than once counts once, with the mean of its values. Or an `ObservedOperand`, also one with `async: true`.
 * @param options - `rank` at least. A row or column without entries has a zero factor, so its prediction is the biases';
 * one with fewer than `rank` entries, and no ridge, has the nearly shortest factor that fits them. Nothing warns where
 * the rank is more than the entries can carry, about |Ω|/(m + n): hold out entries, or ask for a ridge.
 * @returns `{ U, V, mean, rowBias, colBias, rank, history, tried, predict(i, j), predictAt(places) }`, itself an operator.
 * @throws OptionError, ShapeError (indices, lengths), NotFiniteError, and `signal.reason` on an abort.
 *
 * Cost of a sweep over |Ω| entries: 'als' 2|Ω|k² + (m + n)k³/3 flops; 'sketched' about 30|Ω|k, and 4k³ for a row that
 * needs a sketch of its own (rows of at most 4k entries are solved exactly); 'softImpute' two passes over |Ω| entries
 * and over X with about 2k columns. Memory: 32 bytes for each entry, and thin factors.
 * Without noise, the residual shrinks by a factor each sweep, the faster the more entries there are; about 2.5
 * times the k(m + n − k) degrees of freedom at least are needed.
 * Source: 'als' Jain, Netrapalli and Sanghavi 2013, "Low-rank matrix completion using alternating minimization",
 * without the split of the entries; 'sketched' Gu, Song, Yin and Zhang 2023, "Low rank matrix completion via robust
 * alternating minimization in nearly linear time", with iterations that start from the sweep before and end at a tenth
 * of its error or less, a sketch for those rows alone that converge slowly with the FᵀF of all, and without their
 * perturbation of coherent factors; 'softImpute' Mazumder, Hastie and Tibshirani 2010,
 * "Spectral regularization algorithms for learning large incomplete matrices", with one step of subspace iteration for
 * each of their SVDs.
 *
 * @example
 * ```ts
 * import { completeMatrix } from 'lowrank'
 * const M = { shape: [3, 3], rows: [0, 0, 1, 1, 2], cols: [0, 1, 0, 2, 2], values: [1, 2, 2, 6, 9] }
 * completeMatrix(M, { rank: 1 }).predict(2, 1)   // about 6: the rows are multiples of 1, 2, 3
 * ```
 */
export const completeMatrix: {
  (M: Triplets | ObservedOperand, options: CompleteMatrixOptions): Completion
  (M: AsyncObservedOperand, options: CompleteMatrixOptions): Promise<Completion>
  (M: Triplets | AnyObservedOperand, options: CompleteMatrixOptions): Completion | Promise<Completion>
  async(M: Triplets | AnyObservedOperand, options: CompleteMatrixOptions): Promise<Completion>
} = /*#__PURE__*/ fromSteps(completeSteps, 1) as typeof completeMatrix

function* completeSteps(
  given: Triplets | AnyObservedOperand,
  options: CompleteMatrixOptions,
): Steps<Completion> {
  const { rank, ...plan } = readOptions(FN, options, completionReaders)
  const { M, unit, check } = yield* heldOutSteps(FN, given, plan)
  if (rank.length > 1 && check === undefined) {
    const expected = 'set, since several ranks are to be compared'
    throw new OptionError({ fn: FN, argument: 'options.validation', expected, given: 'undefined' })
  }
  const [m, n] = M.shape
  // Values were multiplied by unit, a power of four, and factors by its root.
  const root = Math.sqrt(unit)
  const scaled = { ...plan, ...(plan.ridge !== undefined && { ridge: plan.ridge * unit }) }
  const biases = yield* biasSteps(FN, M, plan)
  const { best, tried } =
    plan.bias === 'none'
      ? yield* ranksSteps(M)
      : yield* withResidual(M, biases.left, biases.right, ranksSteps)
  return completion(best, biases, { unit, root, precision: precisionOf(M) }, tried)

  /** The best of the ranks, for what the biases leave. */
  function* ranksSteps(rest: AnyObservedOperand): Steps<{ best: Tried; tried: Completion['tried'] }> {
    let best: Tried | undefined
    const tried: Completion['tried'][number][] = []
    for (const k of rank) {
      const history: CompletionStep[] = []
      let heldOut = yield* errorSteps({
        U: wrap(new Float64Array(0), m, 0),
        V: wrap(new Float64Array(0), n, 0),
      })
      const told: Told = function* (factors, residual, flops) {
        heldOut = yield* errorSteps(factors)
        history.push({ residual, flops, ...(heldOut !== undefined && { heldOut }) })
        yield* report(FN, `sweeps at rank ${k}`, history.length, plan.iterations ?? history.length)
      }
      const solve = plan.method === 'softImpute' ? softImputeSteps : alternatingSteps
      const { U, V } = yield* solve(FN, rest, Math.min(k, m, n), scaled, told)
      tried.push({ rank: U.shape[1]!, heldOut })
      if (best === undefined || heldOut! < best.heldOut!) best = { U, V, history, heldOut }
    }
    return { best: best!, tried }
  }

  /** The root mean square of the held-out errors, in the unit of the caller. */
  function* errorSteps({ U, V }: Factors): Steps<number | undefined> {
    if (check === undefined) return undefined
    const of = beside([biases.left, U], m)
    const guess = yield* sampledProductSteps(of, beside([biases.right, V], n), check.rows, check.cols)
    return norm2(guess.map((x, e) => x / unit - check.values[e]!)) / Math.sqrt(Math.max(1, guess.length))
  }
}

/** What a rank has come to. */
interface Tried extends Factors {
  readonly history: readonly CompletionStep[]
  readonly heldOut: number | undefined
}

function completion(
  { U, V, history }: Tried,
  biases: Biases,
  { unit, root, precision }: { readonly unit: number; readonly root: number; readonly precision: number },
  tried: Completion['tried'],
): Completion {
  const [m, n] = [U.shape[0]!, V.shape[0]!]
  for (const { data } of [U, V]) for (let e = 0; e < data.length; e++) data[e]! /= root
  const inUnit = (x: Float64Array): Float64Array => x.map((value) => value / unit)
  const [mean, rowBias, colBias] = [biases.mean / unit, inUnit(biases.rows), inUnit(biases.cols)]
  const withBias = biases.left.shape[1]! > 0
  const shifted = rowBias.map((b) => b + mean)
  const left = withBias ? beside([wrap(shifted, m, 1), wrap(new Float64Array(m).fill(1), m, 1), U], m) : U
  const right = withBias ? beside([wrap(new Float64Array(n).fill(1), n, 1), wrap(colBias, n, 1), V], n) : V
  const operator = factored([left, contiguous(right.transpose(1, 0))], precision)
  const at = (places: Places): Float64Array => {
    const fn = `${FN}(M).predict`
    const I = indexList(places.rows, m, 'rows', fn)
    const J = indexList(asVector(places.cols, fn, 'cols', I.length), n, 'cols', fn)
    return runSync(sampledProductSteps(left, right, I, J))
  }
  return Object.assign(operator, {
    rank: U.shape[1]!,
    U,
    V,
    mean,
    rowBias,
    colBias,
    history,
    tried,
    predict: (i: number, j: number) => at({ rows: [i], cols: [j] })[0]!,
    predictAt: at,
  })
}
