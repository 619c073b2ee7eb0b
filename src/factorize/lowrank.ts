import { contiguous, dense, flip, wrap } from '../linalg/arrays.js'
import type { Matrix } from '../linalg/arrays.js'
import { norm2 } from '../linalg/magnitude.js'
import { multiplySteps } from '../linalg/dense/multiply.js'
import { DOUBLE, operatorFromSteps } from '../linalg/operators.js'
import type { LinearOperator, ProductSteps } from '../linalg/operators.js'
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
  /**
   * What it can be known to: the relative rounding of the products of A that it rests on, 2⁻²³ where A is on a GPU and
   * 2⁻⁵² elsewhere. Singular values have errors of about that times σ₀, and `errorEstimate` sees nothing smaller. What
   * is made of the result inherits it.
   */
  readonly precision: number
}

/** An approximation that is an operator again. */
export interface Approximation extends LinearOperator {
  readonly precision: number
}

/** A ≈ U·diag(s)·Vt: an operator again. */
export interface Svd extends Approximation, Quality {
  /** m × rank, orthonormal columns; the entry of largest magnitude of each is positive. */
  readonly U: Matrix
  /** `rank` singular values, descending. */
  readonly s: Float64Array
  /** rank × n, orthonormal rows. */
  readonly Vt: Matrix
  /** The m × n approximation, formed. */
  toDense(): Matrix
}

/** The operator of the three factors, and what is known of it. */
export function svdResult(
  U: Matrix,
  s: Float64Array,
  Vt: Matrix,
  quality: Omit<Quality, 'rank' | 'errorNorm'>,
): Svd {
  return Object.assign(factored([U, s, Vt], quality.precision, norm2(s)), {
    U,
    s,
    Vt,
    rank: s.length,
    ...quality,
    errorNorm: 'fro' as const,
  })
}

/** A factor of a product: a matrix, or the diagonal of one. */
type Factor = Matrix | Float64Array

/**
 * The product of factors, of which the first and the last are matrices, known to `precision`; `frobenius` is its norm,
 * where known. Every approximation that is an operator is made here.
 */
export function factored(
  factors: readonly Factor[],
  precision = DOUBLE,
  frobenius?: number,
): Approximation & { readonly steps: ProductSteps; toDense(): Matrix } {
  const [first, last] = [factors[0] as Matrix, factors.at(-1) as Matrix]
  const adjoint = factors.map((F) => (F instanceof Float64Array ? F : F.transpose(1, 0))).reverse()
  const steps: ProductSteps = {
    matmat: (X) => throughSteps(factors, X),
    rmatmat: (Y) => throughSteps(adjoint, Y),
    ...(frobenius !== undefined && {
      // eslint-disable-next-line require-yield -- steps by contract
      *frobeniusNorm() {
        return frobenius
      },
    }),
  }
  const shape = [first.shape[0]!, last.shape[1]!] as const
  const operator = operatorFromSteps(shape, false, steps, precision) as LinearOperator
  return Object.assign(operator, {
    steps,
    precision,
    toDense: () => runSync(throughSteps(factors.slice(0, -1), contiguous(last))),
  })
}

/** Signs, and the estimate from probes that no factor has seen. */
export function* finishSteps(U: Matrix, s: Float64Array, Vt: Matrix, seen: Probed): Steps<Svd> {
  orient(U, Vt)
  const errorEstimate = yield* probedErrorSteps([U, s, Vt], seen)
  const { passes, precision } = seen
  return svdResult(U, s, Vt, { passes, errorEstimate, precision })
}

/** ‖A − Â‖_F from A·G, for the Â that is a product of factors. */
export function* probedResidualSteps(
  factors: readonly Factor[],
  { G, AG }: Pick<Probed, 'G' | 'AG'>,
): Steps<number> {
  const { data } = yield* throughSteps(factors, G)
  for (let e = 0; e < data.length; e++) data[e] = AG.data[e]! - data[e]!
  return estimateNorm(wrap(data, AG.shape[0]!, AG.shape[1]!))
}

/** The same as a part of ‖A‖. */
export function* probedErrorSteps(
  factors: readonly Factor[],
  seen: Pick<Probed, 'G' | 'AG' | 'norm'>,
): Steps<number> {
  return seen.norm === 0 ? 0 : (yield* probedResidualSteps(factors, seen)) / seen.norm
}

/** F₁·(F₂·(… X)) */
function* throughSteps(factors: readonly Factor[], X: Matrix): Steps<Matrix> {
  let Y = X
  for (let t = factors.length - 1; t >= 0; t--) {
    const F = factors[t]!
    Y = F instanceof Float64Array ? scaledRows(Y, F) : ((yield* multiplySteps(dense(F), dense(Y))) as Matrix)
  }
  return Y
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
