import { dense, wrap } from '../linalg/arrays.js'
import type { Matrix } from '../linalg/arrays.js'
import { ConvergenceError } from '../linalg/errors.js'
import { norm2 } from '../linalg/magnitude.js'
import { multiplySteps } from '../linalg/dense/multiply.js'
import { method } from '../linalg/operators.js'
import type { Method, Operand } from '../linalg/operators.js'
import { integer, nonNegative, optional, readOptions, withDefault } from '../linalg/options.js'
import { breath, report } from '../linalg/steps.js'
import type { RunOptions, Steps } from '../linalg/steps.js'
import { scaledRows } from '../linalg/thin.js'
import { entriesSteps, rowBasisSteps, whiteningSteps } from './rowbasis.js'
import { exponent } from './samplerows.js'

/** The norm of `lewisWeights`, and when its iteration ends. */
export interface LewisOptions extends RunOptions {
  /** The norm, p >= 1. */
  readonly p: number
  /** For |log(τᵢ/wᵢ)|, the largest of all rows. Default 1e-10. */
  readonly tol?: number | undefined
  /** Default 100 + 20p. */
  readonly maxIterations?: number | undefined
}

/**
 * The ℓp Lewis weights of the rows of A: the w for which wᵢ is the leverage score of row i of W^{1/2 − 1/p}·A,
 * W = diag(w). They lie in [0, 1], add up to the rank, and do not change where the columns of A are
 * recombined; for p = 2 they are the leverage scores. Rows drawn by them keep ‖Ax‖ₚ for all x at once.
 *
 * The iteration w ← w·(τ/w)^ω, ω = 2p/(p + 2), τ the leverage scores of W^{1/2 − 1/p}·A. Near the solution its
 * error falls by the factor |p − 2|/(p + 2) each time. It converges from everywhere: for p <= 4 since no step
 * moves two vectors log w apart (its derivative is c·(2S − I) up to sign, with c = |p − 2|/(p + 2) and
 * Sᵢⱼ = Pᵢⱼ²/τᵢ, P the projection onto the weighted range: stochastic with a positive diagonal); for p > 4 since
 * a step is taken only where it raises log det(AᵀW^{1 − 2/p}A) − (1 − 2/p)·Σw by a fixed part of what w ← τ
 * raises it by, and else that one is taken.
 *
 * Singular values of A up to max(m, n)·eps·σ₀ count as 0 (eps is the operand's precision); rows of zeros have
 * weight 0. Error: about tol, and eps·σ₀/σᵣ for the smallest σᵣ that counts.
 *
 * @param A - m × n matrix or operator, meant for m > n.
 * @returns m numbers.
 * @throws ConvergenceError after `maxIterations`, with the weights so far; OptionError; ShapeError;
 * NotFiniteError; `signal.reason` on an abort.
 * Cost: a thin SVD, and 3mr² flops for each iteration at rank r, about 20 of them for p <= 4 and 12p for large
 * p; n columns in one product where A is an operator. Memory: about 4mn numbers.
 * The Gram matrices of the iteration lose nothing: W^{1/2 − 1/p} times an orthonormal basis has a condition
 * number of at most (rm)^{|1/2 − 1/p|} at the solution, whatever A is.
 * Source: Cohen and Peng 2015, "ℓp row sampling by Lewis weights", section 3; Lee 2016, "Faster algorithms for
 * convex and combinatorial optimization", for the concave function. Departures: the exponent ω, theirs being
 * p/2 (rate |1 − p/2|, p < 4); logarithms of the weights, which do not vanish for large p.
 *
 * @example
 * ```ts
 * import { lewisWeights } from 'lowrank'
 * lewisWeights([[1, 0], [0, 1], [0, 2]], { p: 1 })   // 1, 1/3, 2/3
 * ```
 */
export const lewisWeights: Method<[options: LewisOptions], Float64Array> =
  /*#__PURE__*/ method(lewisWeightsSteps)

function* lewisWeightsSteps(given: Operand, options: LewisOptions): Steps<Float64Array> {
  const fn = 'lewisWeights'
  const { p, tol, maxIterations } = readOptions(fn, options, {
    p: exponent,
    tol: withDefault(nonNegative, 1e-10),
    maxIterations: optional(integer(1)),
  })
  const { matrix, precision } = yield* entriesSteps(given, fn)
  const { B } = yield* rowBasisSteps(matrix, precision)
  const limit = maxIterations ?? Math.ceil(100 + 20 * p)
  const { weights, iterations, residual } = yield* lewisSteps(fn, B, p, tol, limit)
  if (residual <= tol) return weights
  throw new ConvergenceError({
    fn,
    argument: 'A',
    expected: `weights within a factor exp(${tol}) of the leverage scores they define`,
    given: `exp(${residual}) after ${iterations} iterations`,
    iterations,
    residual,
    best: weights,
  })
}

interface Lewis {
  readonly weights: Float64Array
  /** The rows that are not zero. */
  readonly indices: Int32Array
  readonly iterations: number
  /** max |log(τᵢ/wᵢ)|, of the weights that τ was computed from. */
  readonly residual: number
}

/** Rows of a matrix that are not zero, as directions and lengths: neither overflows where the square would. */
interface Rows {
  readonly indices: Int32Array
  /** Rows of length 1. */
  readonly unit: Matrix
  /** The logarithms of their lengths. */
  readonly logNorms: Float64Array
}

/**
 * The iteration for a basis B. `look` is shown every iterate: log wᵢ of each row that is not zero, and
 * log bᵢᵀ(BᵀW^{1 − 2/p}B)⁻¹bᵢ.
 */
export function* lewisSteps(
  fn: string,
  B: Matrix,
  p: number,
  tol: number,
  maxIterations: number,
  look?: (logW: Float64Array, logQ: Float64Array) => void,
): Steps<Lewis> {
  const [m = 0, r = 0] = B.shape
  const weights = new Float64Array(m)
  const rows = splitRows(B)
  const { indices } = rows
  const count = indices.length
  if (count === 0) return { weights, indices, iterations: 0, residual: 0 }
  const beta = 1 - 2 / p
  const omega = (2 * p) / (p + 2)
  let logW = new Float64Array(count).fill(Math.log(r / count))
  let logTau = logW
  // What an over-relaxed step must reach, or the plain one is taken in its place.
  let target = -Infinity
  let plain = logW
  let residual = Infinity
  let iterations = 0
  while (iterations < maxIterations && residual > tol) {
    const forms = yield* quadraticFormSteps(rows, logW, beta)
    iterations++
    const merit = forms && forms.logDet - beta * logW.reduce((sum, s) => sum + Math.exp(s), 0)
    if (merit === undefined || merit < target) {
      // Nothing is left to try where the plain step itself ends in a singular matrix.
      if (logW === plain) break
      logW = plain
      target = -Infinity
      continue
    }
    const { logQ, logDet } = forms!
    look?.(logW, logQ)
    logTau = logQ.map((q, i) => beta * logW[i]! + q)
    residual = logTau.reduce((worst, t, i) => Math.max(worst, Math.abs(t - logW[i]!)), 0)
    plain = logTau
    if (p > 4) {
      const sure = logTau.reduce((sum, t, i) => {
        const [tau, w] = [Math.exp(t), Math.exp(logW[i]!)]
        return sum + tau * (t - logW[i]!) - (tau - w)
      }, 0)
      const rounding = 1e-12 * (Math.abs(logDet) + r)
      target = merit + (omega - (omega * omega) / 2) * beta * sure - rounding
    }
    logW = logW.map((s, i) => s + omega * (logTau[i]! - s))
    yield* report(fn, 'iterate', iterations, maxIterations)
  }
  indices.forEach((i, t) => (weights[i] = Math.min(1, Math.exp(logTau[t]!))))
  return { weights, indices, iterations, residual }
}

function splitRows(B: Matrix): Rows {
  const [m = 0, r = 0] = B.shape
  const norms = Float64Array.from({ length: m }, (_, i) => norm2(B.data.subarray(i * r, (i + 1) * r)))
  const indices = Int32Array.from(norms.keys()).filter((i) => norms[i]! > 0)
  const unit = new Float64Array(indices.length * r)
  indices.forEach((i, t) => {
    for (let j = 0; j < r; j++) unit[t * r + j] = B.data[i * r + j]! / norms[i]!
  })
  return {
    indices,
    unit: wrap(unit, indices.length, r),
    logNorms: Float64Array.from(indices, (i) => Math.log(norms[i]!)),
  }
}

/** Rows worked on between two breaths. */
const STRETCH = 2 ** 14

/** log bᵢᵀM⁻¹bᵢ and log det M for M = BᵀVB, V = diag(exp(beta·logW)); undefined for a singular M. */
function* quadraticFormSteps(
  { unit, logNorms }: Rows,
  logW: Float64Array,
  beta: number,
): Steps<{ logQ: Float64Array; logDet: number } | undefined> {
  const r = unit.shape[1]!
  const factors = logW.map((s, i) => Math.exp((beta / 2) * s + logNorms[i]!))
  const white = yield* whiteningSteps(scaledRows(unit, factors))
  if (white === undefined) return undefined
  const Y = (yield* multiplySteps(dense(unit), dense(white.X))) as Matrix
  const logQ = new Float64Array(logW.length)
  for (let i0 = 0; i0 < logQ.length; i0 += STRETCH) {
    for (let i = i0; i < Math.min(logQ.length, i0 + STRETCH); i++) {
      let sum = 0
      for (let e = i * r; e < (i + 1) * r; e++) sum += Y.data[e]! * Y.data[e]!
      logQ[i] = 2 * logNorms[i]! + Math.log(sum)
    }
    yield* breath()
  }
  return { logQ, logDet: white.logDet }
}
