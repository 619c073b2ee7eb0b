import { factored } from '../../factorize/lowrank.js'
import { dense } from '../../linalg/arrays.js'
import type { FloatArray, Matrix } from '../../linalg/arrays.js'
import { composed } from '../../linalg/operators/composed.js'
import { NotFiniteError, OptionError } from '../../linalg/errors.js'
import { oneOf, readOptions, withDefault } from '../../linalg/options.js'
import { product } from '../../linalg/products.js'
import { transposed } from '../../linalg/thin.js'
import { compressedSteps, compressor } from './compressor.js'
import type { Compressor } from './compressor.js'
import {
  checkSize,
  diagonal,
  fromLeftSteps,
  leadingSteps,
  rankOf,
  sizeReaders,
  spectralReaders,
} from './lowrank.js'
import type { LowRank, Size, Spectral } from './lowrank.js'
import { statistic } from './statistics.js'

/** The size of FWSVD's factors, and what shares an importance. */
export interface FwsvdConfig extends Size, Spectral {
  /** What shares an importance: 'rows' (default), the layer's outputs; 'columns', its inputs. */
  readonly axis?: 'rows' | 'columns' | undefined
}

/** A layer whose rows (or columns) count by their importance. */
export interface FisherWeighted extends LowRank {
  /** d, the root of each row's (column's) Fisher information, 1 for the largest and 2⁻²⁶ at least. */
  readonly importance: Float64Array
}

/**
 * Fisher-weighted low rank: the B·A nearest to W where row i counts dᵢ, the root of its Fisher information.
 *
 * It minimises ‖D·(W − BA)‖_F over rank r, D = diag(d), dᵢ² = Σⱼ Iᵢⱼ with I the mean squared gradient: B = W·Vᵣ,
 * A = Vᵣᵀ with Vᵣ the right singular vectors of D·W.
 *
 * @param config - `rank` or `budget`, `axis`, `method`, `seed`.
 * @returns a compressor: (W, statistics) → Ŵ with `B`, `A`, `rank`, `importance`; r(m + n) numbers. It needs
 * `statistics.fisher`. W may be an operator, also on a GPU.
 * @throws ShapeError where the Fisher information is missing or does not fit; OptionError; NotFiniteError.
 * Cost: an SVD of D·W, `rsvd` where the rank is small, and a product with W.
 * Source: Hsu, Hua, Chang, Lou, Shen and Jin 2022, "Language model compression with weighted low-rank factorization".
 * Departure: W·VᵣVᵣᵀ is the paper's D⁻¹·(D·W)ᵣ without the inverse, so that rows of little information lose no digits.
 *
 * @example
 * ```ts
 * import { matrix, random } from 'lowrank'
 * import { compression } from 'lowrank/recipes'
 * const W = random.normal([30, 20])
 * const gradients = random.normal([30, 20], { seed: 1 })
 * const fisher = matrix(gradients.data.map((g) => g * g), [30, 20])
 * compression.fwsvd({ rank: 4 })(W, { fisher }).importance
 * ```
 */
export function fwsvd(config: FwsvdConfig): Compressor<FisherWeighted> {
  const fn = 'fwsvd'
  const plan = readOptions(fn, config, {
    ...sizeReaders,
    ...spectralReaders,
    axis: withDefault(oneOf('rows', 'columns'), 'rows'),
  })
  checkSize(fn, plan)
  return compressor(fn, function* (layer) {
    const { W, shape, statistics } = layer
    const [m, n] = shape
    const rank = rankOf(fn, plan, shape)
    const importance = importanceOf(fn, statistic(fn, statistics, 'fisher', shape), plan.axis)
    const weights = diagonal(importance)
    let factors
    if (plan.axis === 'columns') {
      factors = yield* fromLeftSteps(fn, W, weights, rank, plan)
    } else {
      const full = rank === Math.min(m, n)
      const { Vt } = yield* leadingSteps(fn, full ? W : composed(weights, W), rank, plan)
      factors = { B: yield* product(W, transposed(Vt)), A: Vt }
    }
    const { B, A } = factors
    const more = { B, A, rank, importance }
    return yield* compressedSteps(layer, factored([B, A]), { parameters: rank * (m + n) }, more)
  })
}

/** Below this part of the largest, directions would be rounding. */
const FLOOR = 2 ** -26

/** Roots of the sums along rows or columns, the largest 1; all 1 where there is no information at all. */
function importanceOf(fn: string, fisher: Matrix<FloatArray>, axis: 'rows' | 'columns'): Float64Array {
  const { data, offset, rows, cols, rs, cs } = dense(fisher)
  const sums = new Float64Array(axis === 'rows' ? rows : cols)
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < cols; j++) {
      const value = data[offset + i * rs + j * cs]!
      if (value < 0) {
        const [expected, given] = ['squares, none below 0', `${value} at [${i}, ${j}]`]
        throw new OptionError({ fn, argument: 'statistics.fisher', expected, given })
      }
      sums[axis === 'rows' ? i : j]! += value
    }
  }
  const largest = sums.reduce((a, b) => Math.max(a, b), 0)
  if (largest === Infinity) {
    const index = [sums.indexOf(Infinity)]
    throw new NotFiniteError({ fn, argument: 'a sum of statistics.fisher', value: Infinity, index })
  }
  return largest === 0 ? sums.fill(1) : sums.map((sum) => Math.max(FLOOR, Math.sqrt(sum / largest)))
}
