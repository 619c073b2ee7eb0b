import { factored } from '../../factorize/lowrank.js'
import { integer, oneOf, readOptions, withDefault } from '../../linalg/options.js'
import { scaledColumns, scaledRows } from '../../linalg/thin.js'
import { compressedSteps, compressor } from './compressor.js'
import type { Compressor } from './compressor.js'
import { checkSize, fromLeftSteps, leadingSteps, rankOf, sizeReaders, spectralReaders } from './lowrank.js'
import type { LowRank, Size, Spectral } from './lowrank.js'
import { missing } from './statistics.js'

/** The size of a truncated SVD, in which norm it is nearest, and how it is made. */
export interface TruncatedSvdConfig extends Size, Spectral {
  /** 'weight' (default): nearest in the Frobenius norm. 'feature': of the outputs on the inputs that were seen. */
  readonly target?: 'weight' | 'feature' | undefined
  /** A rank that comes from a budget alone is rounded down to a multiple of this, where there is one. Default 1. */
  readonly multipleOf?: number | undefined
}

/**
 * A layer as two thin factors, W ≈ B·A, by its truncated SVD.
 *
 * 'weight': B = Uᵣ·√Σᵣ and A = √Σᵣ·Vᵣᵀ, nearest to W in the Frobenius norm. 'feature': B = U and A = Uᵀ·W with U the
 * leading directions of the outputs W·X (not centred), nearest in the norm ‖(W − BA)·X‖_F.
 *
 * @param config - `rank` or `budget`, `target`, `multipleOf`, `method`, `seed`.
 * @returns a compressor: (W, statistics?) → Ŵ with `B`, `A`, `rank`; r(m + n) numbers. 'feature' needs
 * `statistics.gram`. W may be an operator, also on a GPU.
 * @throws OptionError where the rank is above min(m, n) or the budget too small for rank 1; ShapeError; NotFiniteError.
 * Cost: an SVD of W, or of W·S; `rsvd` where the rank is small. Of an operator, products only.
 * Source: Kaushal, Vaidhya and Rish 2023, "LORD: low rank decomposition of monolingual code LLMs for one-shot
 * compression"; the optimum is Eckart and Young's (1936).
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { compression } from 'lowrank/recipes'
 * const W = random.normal([60, 40])
 * const { B, A, parameters, errorEstimate } = compression.truncatedSvd({ budget: 0.5 })(W)
 * ```
 */
export function truncatedSvd(config: TruncatedSvdConfig): Compressor<LowRank> {
  const fn = 'truncatedSvd'
  const plan = readOptions(fn, config, {
    ...sizeReaders,
    ...spectralReaders,
    target: withDefault(oneOf('weight', 'feature'), 'weight'),
    multipleOf: withDefault(integer(1), 1),
  })
  checkSize(fn, plan)
  return compressor(fn, function* (layer) {
    const { W, shape, S } = layer
    const [m, n] = shape
    const found = rankOf(fn, plan, shape)
    const rank = plan.rank === undefined ? found - (found % plan.multipleOf) || found : found
    let factors
    if (plan.target === 'feature') {
      factors = yield* fromLeftSteps(fn, W, S ?? missing(fn, 'gram', [n, n]), rank, plan)
    } else {
      const { U, s, Vt } = yield* leadingSteps(fn, W, rank, plan)
      const root = s.map(Math.sqrt)
      factors = { B: scaledColumns(U, root), A: scaledRows(Vt, root) }
    }
    const { B, A } = factors
    return yield* compressedSteps(layer, factored([B, A]), { parameters: rank * (m + n) }, { B, A, rank })
  })
}
