import type { Matrix } from '../../linalg/arrays.js'
import { OptionError, ShapeError, describe } from '../../linalg/errors.js'
import { norm2 } from '../../linalg/magnitude.js'
import { operandSteps } from '../../linalg/operators/denseoperator.js'
import type {
  AnyOperator,
  AsyncLinearOperator,
  LinearOperator,
  Method,
  Operand,
  Shape,
  SyncOperand,
} from '../../linalg/operators.js'
import { readOptions } from '../../linalg/options.js'
import { columnsOf, entriesOf, product } from '../../linalg/products.js'
import { fromSteps, runSync } from '../../linalg/steps.js'
import type { RunOptions, Steps } from '../../linalg/steps.js'
import { columnRange } from '../../linalg/thin.js'
import { gramOf, gramRootSteps } from './statistics.js'
import type { Statistics } from './statistics.js'

// A compression is a function (W, statistics) → Ŵ, made by a recipe from its settings. Ŵ is an operator again.

/** Ŵ, m × n: an operator, what it stores and how far from W it is. */
export interface Compressed extends LinearOperator {
  /** Numbers that are stored. */
  readonly parameters: number
  /** Places that are stored beside them, those of sparse entries. */
  readonly indexCount: number
  /** ‖(W − Ŵ)·S‖_F / ‖W·S‖_F, where S·Sᵀ is the inputs' Gram matrix, or S = I without one. Computed, not estimated. */
  readonly errorEstimate: number
  /** 'activation' where the inputs' Gram matrix was given. */
  readonly errorNorm: 'activation' | 'fro'
  /** All entries. */
  toDense(): Matrix
}

/** A compression with its settings: from a layer W, and what is known of its inputs, to Ŵ. */
export interface Compressor<C extends Compressed = Compressed> extends Method<
  [statistics?: Statistics, options?: RunOptions],
  C
> {
  /** All layers of a model in one call; `statistics[l]` is that of layer l. */
  readonly layers: Layers<C>
}

interface Layers<C> {
  (layers: readonly SyncOperand[], statistics?: readonly Statistics[], options?: RunOptions): C[]
  async(
    layers: readonly (SyncOperand | AsyncLinearOperator)[],
    statistics?: readonly Statistics[],
    options?: RunOptions,
  ): Promise<C[]>
}

/** A layer that has been taken in. */
export interface Layer {
  readonly W: AnyOperator
  /** W as it came. */
  readonly given: Operand
  readonly shape: Shape
  readonly statistics: Statistics | undefined
  /** S·Sᵀ = the inputs' Gram matrix, n × n; undefined without one. */
  readonly S: Matrix | undefined
}

/** Makes a compressor from the steps for one layer, or for all of them together. */
export function compressor<C extends Compressed>(
  fn: string,
  one: ((layer: Layer) => Steps<C>) | undefined,
  all: (layers: readonly Layer[]) => Steps<C[]> = function* (layers) {
    const done: C[] = []
    for (const layer of layers) done.push(yield* one!(layer))
    return done
  },
): Compressor<C> {
  function* single(W: Operand, statistics?: Statistics, options?: RunOptions): Steps<C> {
    readOptions(fn, options, {})
    const layer = yield* layerSteps(fn, W, 'W', statistics)
    return one ? yield* one(layer) : (yield* all([layer]))[0]!
  }
  function* several(
    layers: readonly Operand[],
    statistics?: readonly Statistics[],
    options?: RunOptions,
  ): Steps<C[]> {
    readOptions(fn, options, {})
    if (!Array.isArray(layers)) {
      const expected = 'an array of matrices'
      throw new ShapeError({ fn, argument: 'layers', expected, given: describe(layers) })
    }
    if (statistics !== undefined && statistics.length !== layers.length) {
      const [expected, given] = [`${layers.length} of them, one a layer`, describe(statistics)]
      throw new ShapeError({ fn, argument: 'statistics', expected, given })
    }
    const taken: Layer[] = []
    for (const [l, W] of layers.entries()) {
      taken.push(yield* layerSteps(fn, W as Operand, `layers[${l}]`, statistics?.[l]))
    }
    return yield* all(taken)
  }
  return Object.assign(fromSteps(single, 2), { layers: fromSteps(several, 2) }) as unknown as Compressor<C>
}

function* layerSteps(
  fn: string,
  given: Operand,
  argument: string,
  statistics: Statistics | undefined,
): Steps<Layer> {
  const W = yield* operandSteps(given, fn, argument)
  const C = gramOf(fn, statistics, W.shape[1])
  return { W, given, shape: W.shape, statistics, S: C && (yield* gramRootSteps(fn, C)) }
}

/** What Ŵ stores. */
interface Stored {
  readonly parameters: number
  readonly indexCount?: number
}

/** Ŵ with its error, measured on all columns of S. */
export function* compressedSteps<O extends LinearOperator & { toDense(): Matrix }, More extends object>(
  layer: Layer,
  approximation: O,
  { parameters, indexCount = 0 }: Stored,
  more: More,
): Steps<O & Compressed & More> {
  const errorEstimate = yield* relativeErrorSteps(layer, approximation)
  const errorNorm = layer.S ? ('activation' as const) : ('fro' as const)
  return Object.assign(approximation, { parameters, indexCount, errorEstimate, errorNorm, ...more })
}

/** Columns that are looked at together: nothing m × n is made. */
const WIDTH = 256

/** ‖(W − Ŵ)·S‖_F / ‖W·S‖_F; 0 where both vanish. */
function* relativeErrorSteps({ W, shape: [, n], S }: Layer, approximation: LinearOperator): Steps<number> {
  const [errors, sizes]: [number[], number[]] = [[], []]
  for (let j = 0; j < n; j += WIDTH) {
    const end = Math.min(n, j + WIDTH)
    const J = Int32Array.from({ length: end - j }, (_, t) => j + t)
    const X = S && columnRange(S, j, end)
    const Y = X ? yield* product(W, X) : yield* columnsOf(W, J)
    const Z = X ? yield* product(approximation, X) : yield* columnsOf(approximation, J)
    sizes.push(norm2(Y.data))
    for (let e = 0; e < Y.data.length; e++) Y.data[e]! -= Z.data[e]!
    errors.push(norm2(Y.data))
  }
  const error = norm2(Float64Array.from(errors))
  return error === 0 ? 0 : error / norm2(Float64Array.from(sizes))
}

/** An operator in memory that can be written out. */
export const withEntries = <O extends LinearOperator>(operator: O): O & { toDense(): Matrix } =>
  Object.assign(operator, { toDense: () => runSync(entriesOf(operator)) })

/** Refuses a budget that is too small to store anything of the kind. */
export function refuseBudget(fn: string, budget: number, least: number): never {
  const expected = `at least ${Number(least.toPrecision(3))} for this shape`
  throw new OptionError({ fn, argument: 'options.budget', expected, given: String(budget) })
}
