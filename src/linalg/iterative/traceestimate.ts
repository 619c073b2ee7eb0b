import { dense, flip } from '../arrays.js'
import type { Matrix } from '../arrays.js'
import { addScaledSteps, dotSteps } from '../operators/columnwise.js'
import { operandSteps } from '../operators/denseoperator.js'
import { ShapeError } from '../errors.js'
import { signSteps } from '../gaussian.js'
import { multiplySteps } from '../dense/multiply.js'
import { method } from '../operators.js'
import type { AnyOperator, Method, Operand } from '../operators.js'
import { integer, oneOf, optional, readOptions, seed, withDefault } from '../options.js'
import { diagonalOf, offers, product } from '../products.js'
import { orthonormalizeSteps } from '../dense/qr.js'
import { STREAM } from '../random.js'
import { report } from '../steps.js'
import type { RunOptions, Steps } from '../steps.js'

/** How many products `traceEstimate` may make, and what it makes of them. */
export interface TraceEstimateOptions extends RunOptions {
  /** Columns that A is multiplied by, in all. Default 60. */
  readonly products?: number | undefined
  /**
   * 'hutch++' or 'hutchinson'. Default 'hutch++', or 'hutchinson' for fewer than 6 products.
   */
  readonly method?: 'hutch++' | 'hutchinson' | undefined
  /** An integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/** Fewer products leave Hutch++ one direction to find and one to probe with. */
const FEW = 6

/**
 * The trace of an operator, from products alone. Exact where A offers its diagonal (a matrix, csr), and with
 * 'hutch++' where a third of the products span the whole space.
 *
 * Hutchinson: the mean of gᵀA·g for vectors g of random signs; unbiased, with variance (2/q)·Σ_{i≠j} aᵢⱼ² of q
 * products where A is symmetric. Hutch++ spends a third of the products on a basis Q of A's largest directions,
 * whose part tr(QᵀA·Q) is exact, and probes what is left: its error is of order tr(A)/q for a positive
 * semidefinite A, against ‖A‖_F/√q. Where all eigenvalues are alike, Hutchinson is the better one.
 *
 * @param A - n × n matrix or operator.
 * @throws ShapeError where A is not square; OptionError.
 * Cost: `products` columns in two products with A ('hutch++') or one. Memory: `products`·n numbers.
 * Source: Meyer, Musco, Musco and Woodruff 2021, "Hutch++: optimal stochastic trace estimation", algorithm 1;
 * Hutchinson 1990..
 *
 * @example
 * ```ts
 * import { composed, random, traceEstimate, transpose } from 'lowrank'
 * const X = random.normal([500, 40])
 * traceEstimate(composed(X, transpose(X)))   // ‖X‖_F², about 20000
 * ```
 */
export const traceEstimate: Method<[options?: TraceEstimateOptions], number> =
  /*#__PURE__*/ method(traceEstimateSteps)

function* traceEstimateSteps(given: Operand, options?: TraceEstimateOptions): Steps<number> {
  const fn = 'traceEstimate'
  const {
    products,
    seed: s,
    ...plan
  } = readOptions(fn, options, {
    products: withDefault(integer(1), 60),
    method: optional(oneOf('hutch++', 'hutchinson')),
    seed,
  })
  const A = yield* operandSteps(given, fn, 'A')
  const [m, n] = A.shape
  if (m !== n) throw new ShapeError({ fn, argument: 'A', expected: 'a square matrix', given: `${m}×${n}` })
  if (offers(A, 'diagonal')) return (yield* diagonalOf(A)).reduce((sum, d) => sum + d, 0)
  if (n === 0) return 0
  const which = plan.method ?? (products < FEW ? 'hutchinson' : 'hutch++')
  const basis = which === 'hutchinson' ? 0 : Math.max(1, Math.floor(products / 3))
  if (basis === 0) {
    const G = yield* signSteps(n, 0, products, STREAM.traceProbes, s)
    return mean(yield* dotSteps(G, yield* product(A, G)))
  }
  return yield* hutchPlusPlusSteps(A, n, Math.min(basis, n), Math.max(1, products - 2 * basis), s)
}

function* hutchPlusPlusSteps(A: AnyOperator, n: number, k: number, q: number, s: number): Steps<number> {
  const fn = 'traceEstimate'
  const S = yield* signSteps(n, 0, k, STREAM.traceRange, s)
  const Q = yield* orthonormalizeSteps(yield* product(A, S))
  yield* report(fn, 'range', 1, 2)
  // H = (I − QQᵀ)·G: tr(QᵀA·Q) + mean of hᵀA·h.
  const G = yield* signSteps(n, 0, k === n ? 0 : q, STREAM.traceProbes, s)
  yield* subtractProjectionSteps(G, Q)
  const large = yield* dotSteps(Q, yield* product(A, Q))
  const rest = yield* dotSteps(G, yield* product(A, G))
  yield* report(fn, 'probes', 2, 2)
  return large.reduce((sum, x) => sum + x, 0) + (k === n ? 0 : mean(rest))
}

/** G − Q·QᵀG, in place. */
function* subtractProjectionSteps(G: Matrix, Q: Matrix): Steps<void> {
  const C = (yield* multiplySteps(flip(dense(Q)), dense(G))) as Matrix
  const QC = (yield* multiplySteps(dense(Q), dense(C))) as Matrix
  yield* addScaledSteps(G, new Float64Array(G.shape[1]!).fill(-1), QC)
}

const mean = (x: Float64Array): number => x.reduce((sum, value) => sum + value, 0) / x.length
