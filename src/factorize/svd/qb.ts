import { wrap } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { gaussianSteps } from '../../linalg/gaussian.js'
import { norm2 } from '../../linalg/magnitude.js'
import { precisionOf } from '../../linalg/operators.js'
import type { AnyOperator } from '../../linalg/operators.js'
import { adjointProduct, knownNorm, offers, product, subspaceIteration } from '../../linalg/products.js'
import { orthonormalizeSteps } from '../../linalg/dense/qr.js'
import { STREAM } from '../../linalg/random.js'
import { report } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { beside, columnRange, leadingColumns } from '../../linalg/thin.js'
import { innerSteps, subtractProductSteps } from '../lowrank.js'
import { PROBES, SAFETY, estimateNorm, probeSteps } from '../probes.js'
import type { Probed } from '../probes.js'

// A ≈ Q·B, B = QᵀA, grown block by block (Martinsson and Voronin 2016; Halko, Martinsson and Tropp 2011).
// A fixed rank is one block; a tolerance is as many as it takes; block Krylov (Musco and Musco 2015) is the
// same loop with A·(AᵀQᵢ₋₁) in the place of fresh random columns, whose half Bᵢ₋₁ᵀ = AᵀQᵢ₋₁ is there already.

/** How a basis is to be grown. */
export interface QbPlan {
  readonly fn: string
  /** Columns of a block. */
  readonly block: number
  /** Columns in all; at most min(m, n). */
  readonly columns: number
  /** Power iterations per block. */
  readonly power: number
  /** Blocks after the first are Krylov's instead of fresh ones. */
  readonly krylov: boolean
  /** Stop once the residual is within this of the norm. */
  readonly tolerance: ((norm: number) => number) | undefined
  readonly seed: number
  /** False where the last Bᵢ is not wanted and a pass can be saved. */
  readonly wantsB: boolean
}

export interface Qb extends Probed {
  /** m × k, orthonormal. */
  readonly Q: Matrix
  /** Bᵀ, n × k; without the last block where that was not wanted. */
  readonly Bt: Matrix
  /** A bound on ‖A − QB‖_F that holds with probability above 0.999; 0 where none was asked for. */
  readonly outside: number
  /** True where the columns ran out before the tolerance was met. */
  readonly exhausted: boolean
}

/** ‖A‖² − ‖B‖² is the squared residual, but below this many √precision of ‖A‖ it is lost to cancellation. */
const CANCELLED = 64

export function* qbSteps(A: AnyOperator, plan: QbPlan): Steps<Qb> {
  const [m, n] = A.shape
  const { fn, block, columns, power, tolerance, seed } = plan
  const G = yield* probeSteps(n, seed)
  const known = yield* knownNorm(A)
  const precision = precisionOf(A)
  const total = Math.ceil(columns / block) * (2 * power + 2)
  const blocks: { Q: Matrix; Bt: Matrix }[] = []
  let passes = 0
  let k = 0
  let AG: Matrix = wrap(new Float64Array(0), 0, 0)
  let norm = known ?? 0
  let residual = AG
  let outside = 0
  let met = false
  do {
    yield* report(fn, 'range', Math.min(passes, total), total)
    const width = Math.min(block, columns - k)
    const X =
      plan.krylov && k > 0
        ? leadingColumns(yield* orthonormalizeSteps(blocks[blocks.length - 1]!.Bt), width)
        : // Columns k … of one Ω: a longer basis extends a shorter one's.
          yield* gaussianSteps(n, k, k + width, STREAM.testMatrix, seed)
    let Y: Matrix
    if (k === 0) {
      const AXG = yield* product(A, beside([X, G], n))
      Y = leadingColumns(AXG, width)
      AG = columnRange(AXG, width, width + PROBES)
      residual = wrap(AG.data.slice(), m, PROBES)
      norm = known ?? estimateNorm(AG)
      if (tolerance !== undefined && norm <= tolerance(norm)) return emptyQb()
    } else {
      Y = yield* product(A, X)
    }
    passes++
    let left = power
    if (left > 0 && blocks.length === 0 && offers(A, 'subspace')) {
      yield* report(fn, 'power iteration', Math.min(passes, total), total)
      Y = yield* subspaceIteration(A, Y, power)
      passes += 2 * power
      left = 0
    }
    let Q = yield* newDirectionsSteps(Y, blocks)
    for (; left > 0; left--) {
      yield* report(fn, 'power iteration', Math.min(passes, total), total)
      const Z = yield* orthonormalizeSteps(yield* adjointProduct(A, Q))
      Q = yield* newDirectionsSteps(yield* product(A, Z), blocks)
      passes += 2
    }
    k += width
    const last = k === columns && tolerance === undefined
    const Bt = last && !plan.wantsB ? wrap(new Float64Array(0), n, 0) : yield* adjointProduct(A, Q)
    if (Bt.shape[1]! > 0) passes++
    blocks.push({ Q, Bt })
    if (tolerance !== undefined) {
      yield* subtractProductSteps(residual, Q, yield* innerSteps(Bt, G))
      const part = Math.hypot(...blocks.map(({ Bt }) => norm2(Bt.data)))
      outside = residualBound(known, part, residual, precision)
      met = outside <= tolerance(norm)
    }
  } while (!met && k < columns)
  yield* report(fn, 'range', total, total)
  return {
    Q: beside(
      blocks.map(({ Q }) => Q),
      m,
    ),
    Bt: beside(
      blocks.map(({ Bt }) => Bt),
      n,
    ),
    outside,
    norm,
    passes,
    precision,
    G,
    AG,
    exhausted: tolerance !== undefined && !met,
  }

  function emptyQb(): Qb {
    const [Q, Bt] = [wrap(new Float64Array(0), m, 0), wrap(new Float64Array(0), n, 0)]
    return { Q, Bt, outside: norm, norm, passes: 1, precision, G, AG, exhausted: false }
  }
}

/** Columns that an adaptive basis grows by: few passes against few columns too many. */
export const adaptiveBlock = (p: number): number => Math.min(64, Math.max(8, Math.ceil(p / 10)))

/** An orthonormal basis of Y's columns after what the blocks span is taken out, twice for rounding's sake. */
function* newDirectionsSteps(Y: Matrix, blocks: readonly { Q: Matrix }[]): Steps<Matrix> {
  if (blocks.length === 0) return yield* orthonormalizeSteps(Y)
  yield* deflateSteps(Y, blocks)
  let Q = yield* orthonormalizeSteps(Y)
  for (let again = 0; again < 2; again++) {
    yield* deflateSteps(Q, blocks)
    Q = yield* orthonormalizeSteps(Q)
  }
  return Q
}

/** Y ← Y − Σ Qᵢ(QᵢᵀY), in place. */
function* deflateSteps(Y: Matrix, blocks: readonly { Q: Matrix }[]): Steps<void> {
  for (const { Q } of blocks) yield* subtractProductSteps(Y, Q, yield* innerSteps(Q, Y))
}

/**
 * A bound on ‖A − QB‖ for part = ‖B‖ and residual = (A − QB)·G: by Pythagoras where ‖A‖ is known and the difference is
 * sound, by probes with a safety factor elsewhere.
 */
export function residualBound(
  known: number | undefined,
  part: number,
  residual: Matrix,
  precision: number,
): number {
  const rest = known === undefined ? undefined : restOf(known, part, precision)
  return rest ?? SAFETY * estimateNorm(residual)
}

/** √(whole² − part²) for a projection's part of the whole; undefined where rounding has spoilt the difference. */
export function restOf(whole: number, part: number, precision: number): number | undefined {
  const ratio = part / whole
  const rest = Math.sqrt(Math.max(0, (1 - ratio) * (1 + ratio)))
  return rest > CANCELLED * Math.sqrt(precision) ? rest * whole : undefined
}
