import { dense, flip } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { normsOfColumns, norm2 } from '../../linalg/magnitude.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import type { Steps } from '../../linalg/steps.js'
import { denseSvdSteps } from '../../linalg/dense/svd.js'
import { leadingRows, scaledRows } from '../../linalg/thin.js'
import { compressSteps, stackOf } from './compress.js'
import type { Compressed } from './compress.js'
import { subtractProductSteps } from '../lowrank.js'

// What one SVD of rank r of two groups side by side would lose, before it is made: never less than the truth, and a
// sum of what is given up rather than a difference of energies, so that small errors keep their digits.

/** How a joint error is told: from singular values alone, from what B adds to A's span, or by joining them. */
export type Prediction = 'weyl' | 'residual' | 'incremental'

/** Values of the parts of a group, index by index. */
interface Spectrum {
  readonly lost: number
  /** The largest i-th value of a part. */
  readonly top: Float64Array
  /** The norm of all the others. */
  readonly rest: number
}

/** Blocks that share an SVD. */
export interface Group {
  readonly blocks: readonly number[]
  readonly norm: number
  readonly spectrum: Spectrum
  /** What is kept of their columns, as rows; of no more than one block by 'weyl', which never joins anything. */
  readonly kept: Compressed
  /** At least ‖M − M_r‖_F of what is side by side, told when it was put together. */
  readonly error: number
}

/** A block by itself. */
export function single(block: number, kept: Compressed, rank: number): Group {
  const spectrum = spectrumOf(kept)
  return { blocks: [block], norm: kept.norm, spectrum, kept, error: weylError(spectrum, rank) }
}

/** At least ‖[A, B] − [A, B]_r‖_F. */
export function* jointErrorSteps(by: Prediction, a: Group, b: Group, rank: number): Steps<number> {
  const weyl = weylError(joined(a.spectrum, b.spectrum), rank)
  if (by === 'weyl') return weyl
  if (by === 'residual') return Math.min(weyl, yield* residualErrorSteps(a.kept, b.kept, rank))
  return yield* incrementalErrorSteps(a.kept, b.kept, rank)
}

/** Both groups as one, whose error was told before. */
export function* joinSteps(by: Prediction, a: Group, b: Group, error: number, keep: number): Steps<Group> {
  const blocks = [...a.blocks, ...b.blocks]
  const norm = Math.hypot(a.norm, b.norm)
  if (by === 'weyl') return { ...a, blocks, norm, error, spectrum: joined(a.spectrum, b.spectrum) }
  const kept = yield* compressSteps([a.kept, b.kept], a.kept.Vt.shape[1]!, keep, false)
  return { blocks, norm, error, kept, spectrum: spectrumOf(kept) }
}

const spectrumOf = ({ s, lost }: Compressed): Spectrum => ({ lost, top: s, rest: 0 })

/** σᵢ([A, B]) >= max(σᵢ(A), σᵢ(B)): the smaller of the two is what may be lost. */
function joined(a: Spectrum, b: Spectrum): Spectrum {
  const length = Math.max(a.top.length, b.top.length)
  const pick = (choose: (x: number, y: number) => number): Float64Array =>
    Float64Array.from({ length }, (_, i) => choose(a.top[i] ?? 0, b.top[i] ?? 0))
  return {
    lost: Math.hypot(a.lost, b.lost),
    top: pick(Math.max),
    rest: Math.hypot(a.rest, b.rest, norm2(pick(Math.min))),
  }
}

const weylError = ({ lost, top, rest }: Spectrum, rank: number): number =>
  Math.hypot(lost, rest, norm2(top.subarray(rank)))

/**
 * Any r directions out of A's uᵢ, where [A, B] has σᵢ² + ‖uᵢᵀB‖², and the left singular vectors of R = B − UUᵀB, where
 * it has σᵢ(R)² at least, are orthonormal: the largest r of these are what cannot be lost. A is the larger of the two;
 * of its directions no more than r can count, and such as are mere rounding would only scatter B.
 */
function* residualErrorSteps(a: Compressed, b: Compressed, rank: number): Steps<number> {
  if (a.norm < b.norm) return yield* residualErrorSteps(b, a, rank)
  const m = a.Vt.shape[1]!
  const floor = (a.s[0] ?? 0) * m * 2 ** -52
  const count = a.s.subarray(0, rank).filter((sigma) => sigma > floor).length
  const Ut = leadingRows(a.Vt, count)
  const B = scaledRows(b.Vt, b.s)
  const BU = (yield* multiplySteps(dense(B), flip(dense(Ut)))) as Matrix
  yield* subtractProductSteps(B, BU, Ut)
  const { s: fresh } = yield* denseSvdSteps(dense(B), 'none')
  const shared = normsOfColumns(dense(BU)).map((length, i) => Math.hypot(length, a.s[i]!))
  const values = Float64Array.from([...shared, ...fresh]).sort()
  const left = norm2(values.subarray(0, Math.max(0, values.length - rank)))
  return Math.hypot(a.lost, b.lost, norm2(a.s.subarray(count)), left)
}

/** The values of what is kept of both tell it to the last digit. */
function* incrementalErrorSteps(a: Compressed, b: Compressed, rank: number): Steps<number> {
  const { s } = yield* denseSvdSteps(dense(stackOf([a, b], a.Vt.shape[1]!)), 'none')
  return Math.hypot(a.lost, b.lost, norm2(s.subarray(rank)))
}
