import { dense } from '../../linalg/arrays.js'
import { norm2 } from '../../linalg/magnitude.js'
import type { AnyOperator } from '../../linalg/operators.js'
import { integer, oneOf, readOptions, withDefault } from '../../linalg/options.js'
import { entriesOf } from '../../linalg/products.js'
import type { Steps } from '../../linalg/steps.js'
import { denseSvdSteps } from '../../linalg/dense/svd.js'
import type { SvdFactors } from '../../linalg/dense/svd.js'
import { leadingColumns, leadingRows } from '../../linalg/thin.js'
import { rsvdReaders, rsvdSteps } from '../../factorize/svd/rsvd.js'

/** How a recipe makes a truncated SVD. */
export interface TruncatedSvdConfig {
  /** 'rsvd' (default), or 'svd': the exact one. */
  readonly svdMethod?: 'rsvd' | 'svd' | undefined
  /** Of 'rsvd': columns of the sketch beyond the rank. Default 10. */
  readonly oversample?: number | undefined
  /** Of 'rsvd'. Default 2. */
  readonly powerIterations?: number | undefined
}

export const svdReaders = {
  svdMethod: withDefault(oneOf('rsvd', 'svd'), 'rsvd'),
  oversample: withDefault(integer(0), 10),
  powerIterations: withDefault(integer(0), 2),
}

interface Plan {
  readonly svdMethod: 'rsvd' | 'svd'
  readonly oversample: number
  readonly powerIterations: number
  readonly seed: number
}

/** The leading `rank` <= min(m, n) singular triplets, and ‖A − U·S·Vᵀ‖/‖A‖: estimated, but of the exact SVD exact. */
export interface TruncatedSvd extends SvdFactors {
  readonly residual: number
}

export function* truncatedSvdSteps(
  fn: string,
  A: AnyOperator,
  rank: number,
  { svdMethod, oversample, powerIterations, seed }: Plan,
): Steps<TruncatedSvd> {
  if (svdMethod === 'rsvd') {
    const plan = readOptions(fn, { rank, oversample, powerIterations, seed }, rsvdReaders)
    const { U, s, Vt, errorEstimate } = yield* rsvdSteps(fn, A, plan)
    // Where A has not even that rank, the sketch may end before: the exact one has vectors for zeros too.
    if (s.length === rank) return { U, s, Vt, residual: errorEstimate }
  }
  const { U, s, Vt } = yield* denseSvdSteps(dense(yield* entriesOf(A)), 'thin')
  const norm = norm2(s)
  return {
    U: leadingColumns(U, rank),
    s: s.slice(0, rank),
    Vt: leadingRows(Vt, rank),
    residual: norm === 0 ? 0 : norm2(s.subarray(rank)) / norm,
  }
}
