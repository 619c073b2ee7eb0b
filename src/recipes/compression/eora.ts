import { factored } from '../../factorize/lowrank.js'
import type { MatrixLike } from '../../linalg/arrays.js'
import { asOperator, operandSteps } from '../../linalg/operators/denseoperator.js'
import { ShapeError } from '../../linalg/errors.js'
import type { LinearOperator } from '../../linalg/operators.js'
import { optional, readOptions } from '../../linalg/options.js'
import type { Reader } from '../../linalg/options.js'
import { entriesOf } from '../../linalg/products.js'
import { scaled } from '../../linalg/operators/scaled.js'
import { wait } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { sum } from '../../linalg/operators/sum.js'
import { compressedSteps, compressor, withEntries } from './compressor.js'
import type { Compressed, Compressor, Layer } from './compressor.js'
import { checkSize, fromLeftSteps, rankOf, sizeReaders, spectralReaders } from './lowrank.js'
import type { LowRank, Size, Spectral } from './lowrank.js'
import { missing } from './statistics.js'
import type { Statistics } from './statistics.js'

/** What makes the layer that is to be compensated: another compressor, or a function that rounds or prunes. */
type Base = (W: never, statistics?: Statistics) => MatrixLike | Compressed | Promise<Compressed>

/** The size of EoRA's correction, and the compressed layer that it corrects. */
export interface EoraConfig extends Size, Spectral {
  /** (W, statistics) → the compressed layer. Default none: then B·A is all of Ŵ. */
  readonly base?: Base | undefined
}

/** Ŵ = base + B·A. */
export interface Compensated extends LowRank {
  /** What is compensated; undefined without one. */
  readonly base: LinearOperator | undefined
}

const baseReader: Reader<Base | undefined> = optional((value, fail) =>
  typeof value === 'function'
    ? (value as Base)
    : fail('a function (W, statistics) => a matrix or a compressed layer'),
)

/**
 * Compensates a compressed layer by a term of low rank, Ŵ = base + B·A, in the norm of the layer's inputs.
 *
 * With Δ = W − base and C = S·Sᵀ the Gram matrix of the inputs, B·A minimises ‖(Δ − BA)·S‖_F over rank r, the error of the
 * outputs: B = Uᵣ of Δ·S, A = Uᵣᵀ·Δ. Without a base it is the low rank of W itself that keeps its outputs best.
 *
 * @param config - `rank` or `budget` (what the base stores counts), `base`, `method`, `seed`.
 * @returns a compressor: (W, statistics) → Ŵ with `B`, `A`, `rank`, `base`; r(m + n) numbers and those of the base, which
 * count mn where it does not say. It needs `statistics.gram`. W may be an operator, also on a GPU.
 * @throws ShapeError where the Gram matrix is missing or the base does not fit; OptionError; NotFiniteError;
 * NotPositiveDefiniteError where the Gram matrix has a negative eigenvalue.
 * Cost: n³/3 flops (10n³ where C is singular), 2mn² for Δ·S and its SVD, `rsvd` where the rank is small.
 * Source: Liu et al. 2024, "EoRA: training-free compensation for compressed LLM with eigenspace low-rank
 * approximation". Departure: UᵣUᵣᵀ·Δ is the paper's (Δ·S)ᵣ·S⁻¹ without the inverse, so that fewer samples than inputs
 * do no harm, and any S will do.
 *
 * @example
 * ```ts
 * import { gram, random } from 'lowrank'
 * import { compression } from 'lowrank/recipes'
 * const W = random.normal([30, 20])
 * const statistics = { gram: gram(random.normal([100, 20], { seed: 1 })) }
 * const base = compression.mfacPruning({ budget: 0.5 })
 * base(W, statistics).errorEstimate
 * compression.eora({ rank: 4, base })(W, statistics).errorEstimate   // less
 * ```
 */
export function eora(config: EoraConfig): Compressor<Compensated> {
  const fn = 'eora'
  const plan = readOptions(fn, config, { ...sizeReaders, ...spectralReaders, base: baseReader })
  checkSize(fn, plan)
  return compressor(fn, function* (layer) {
    const { W, shape } = layer
    const [m, n] = shape
    const S = layer.S ?? missing(fn, 'gram', [n, n])
    const { base, parameters, indexCount } = yield* baseSteps(fn, plan.base, layer)
    const rank = rankOf(fn, plan, shape, parameters)
    const delta = base ? sum(W, scaled(base, -1)) : W
    const { B, A } = yield* fromLeftSteps(fn, delta, S, rank, plan)
    const stored = { parameters: parameters + rank * (m + n), indexCount }
    const low = factored([B, A])
    const approximation = base ? withEntries(sum(base, low)) : low
    return yield* compressedSteps(layer, approximation, stored, { B, A, rank, base })
  })
}

/** The base and what it stores. A base that answers with Promises is read into memory. */
function* baseSteps(
  fn: string,
  base: Base | undefined,
  { given, shape, statistics }: Layer,
): Steps<{ base: LinearOperator | undefined; parameters: number; indexCount: number }> {
  if (base === undefined) return { base, parameters: 0, indexCount: 0 }
  const argument = 'options.base(W, statistics)'
  const answer = yield* wait(base(given as never, statistics))
  const operator = yield* operandSteps(answer, fn, argument)
  if (operator.shape[0] !== shape[0] || operator.shape[1] !== shape[1]) {
    const [expected, given] = [`the shape ${shape.join('×')} of W`, operator.shape.join('×')]
    throw new ShapeError({ fn, argument, expected, given })
  }
  const resident = operator.async ? asOperator(yield* entriesOf(operator)) : operator
  const { parameters, indexCount } = answer as Partial<Compressed>
  return { base: resident, parameters: parameters ?? shape[0] * shape[1], indexCount: indexCount ?? 0 }
}
