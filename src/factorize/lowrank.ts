import { dense, flip, wrap } from '../linalg/arrays.js'
import type { Matrix } from '../linalg/arrays.js'
import { norm2 } from '../linalg/magnitude.js'
import { multiplySteps } from '../linalg/multiply.js'
import { operatorFromSteps } from '../linalg/operators.js'
import type { LinearOperator } from '../linalg/operators.js'
import { runSync } from '../linalg/steps.js'
import type { Steps } from '../linalg/steps.js'
import { orient, scaledRows } from '../linalg/thin.js'
import { estimateNorm } from './probes.js'
import type { Probed } from './probes.js'

/** What every approximate factorization says of itself. */
export interface Quality {
  /** The rank of the approximation. */
  readonly rank: number
  /** Sweeps over the entries of A that it took. */
  readonly passes: number
  /** An estimate of ‖A − Â‖ / ‖A‖, made from products that the method needs anyway. */
  readonly errorEstimate: number
  /** The norm of `errorEstimate`. */
  readonly errorNorm: 'fro'
}

/** A ≈ U·diag(s)·Vt: an operator again. */
export interface Svd extends LinearOperator, Quality {
  /** m × rank, orthonormal columns; the entry of largest magnitude of each is positive. */
  readonly U: Matrix
  /** `rank` singular values, descending. */
  readonly s: Float64Array
  /** rank × n, orthonormal rows. */
  readonly Vt: Matrix
  /** The m × n approximation, formed. */
  toDense(): Matrix
}

/** Makes an operator of the three factors. */
export function svdResult(
  U: Matrix,
  s: Float64Array,
  Vt: Matrix,
  quality: Omit<Quality, 'rank' | 'errorNorm'>,
): Svd {
  const shape = [U.shape[0]!, Vt.shape[1]!] as const
  const operator = operatorFromSteps(shape, false, {
    matmat: (X) => throughSteps(U, s, Vt, X),
    rmatmat: (Y) => throughSteps(Vt.transpose(1, 0), s, U.transpose(1, 0), Y),
    // eslint-disable-next-line require-yield -- steps by contract
    *frobeniusNorm() {
      return norm2(s)
    },
  }) as LinearOperator
  return Object.assign(operator, {
    U,
    s,
    Vt,
    rank: s.length,
    ...quality,
    errorNorm: 'fro' as const,
    toDense: () => runSync(multiplySteps(dense(U), dense(scaledRows(Vt, s)))) as Matrix,
  })
}

/** Signs, and the estimate from probes that no factor has seen. */
export function* finishSteps(
  U: Matrix,
  s: Float64Array,
  Vt: Matrix,
  { G, AG, norm, passes }: Probed,
): Steps<Svd> {
  orient(U, Vt)
  const ApproxG = yield* throughSteps(U, s, Vt, G)
  const difference = wrap(
    AG.data.map((value, e) => value - ApproxG.data[e]!),
    AG.shape[0]!,
    AG.shape[1]!,
  )
  const errorEstimate = norm === 0 ? 0 : estimateNorm(difference) / norm
  return svdResult(U, s, Vt, { passes, errorEstimate })
}

/** L·(d ∘ (R·X)) */
export function* throughSteps(L: Matrix, d: Float64Array, R: Matrix, X: Matrix): Steps<Matrix> {
  const inner = (yield* multiplySteps(dense(R), dense(X))) as Matrix
  return (yield* multiplySteps(dense(L), dense(scaledRows(inner, d)))) as Matrix
}

/** C ← C − L·R, in place. */
export function* subtractProductSteps(C: Matrix, L: Matrix, R: Matrix): Steps<void> {
  const LR = yield* multiplySteps(dense(L), dense(R))
  for (let e = 0; e < C.data.length; e++) C.data[e]! -= LR.data[e]!
}

/** Lᵀ·R */
export function* innerSteps(L: Matrix, R: Matrix): Steps<Matrix> {
  return (yield* multiplySteps(flip(dense(L)), dense(R))) as Matrix
}
