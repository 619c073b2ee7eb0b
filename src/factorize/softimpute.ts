import { contiguous, wrap } from '../linalg/arrays.js'
import type { Matrix } from '../linalg/arrays.js'
import { composed } from '../linalg/composed.js'
import { norm2 } from '../linalg/magnitude.js'
import { residualOf } from '../linalg/observed.js'
import type { AnyObservedOperand } from '../linalg/observed.js'
import type { AnyOperator } from '../linalg/operators.js'
import { knownNorm } from '../linalg/products.js'
import type { Steps } from '../linalg/steps.js'
import { sum } from '../linalg/sum.js'
import { leadingColumns, leadingRows, scaledColumns } from '../linalg/thin.js'
import type { CompletionPlan, Factors, Told } from './completematrix.js'
import type { Svd } from './lowrank.js'
import { rsvdSteps } from './rsvd.js'

/** Thresholds from the largest that leaves anything to the one asked for, each solved from the one before. */
const PATH = 20
/** Iterations at thresholds on the way. */
const ON_THE_WAY = 5
const SWEEPS = 200
/** The default threshold, as a part of ‖P(M)‖₂. */
const LEAST = 1e-3

/**
 * X ← the singular values of P(M) + (X outside the entries), less λ where they are larger and 0 where not: what makes
 * ½‖P(M − X)‖² + λ‖X‖_* smaller at each iteration. The matrix is the sum of a sparse one and of X, which has low rank.
 */
export function* softImputeSteps(
  fn: string,
  M: AnyObservedOperand,
  cap: number,
  plan: CompletionPlan,
  told: Told,
): Steps<Factors> {
  const [m, n] = M.shape
  const norm = (yield* knownNorm(M)) ?? 0
  let [U, V]: [Matrix, Matrix] = [wrap(new Float64Array(0), m, 0), wrap(new Float64Array(0), n, 0)]
  if (norm === 0 || cap === 0) return { U, V }
  const largest = (yield* leadingSteps(fn, M, 1, plan.seed)).s[0]!
  const least = plan.ridge ?? LEAST * largest
  const count = least < largest ? PATH : 1
  // A threshold of 0 is the end of a path of positive ones.
  const ratio = (Math.max(least, LEAST * largest) / largest) ** (1 / count)
  for (let t = 1, width = 1; t <= count; t++) {
    const threshold = t === count ? least : largest * ratio ** t
    const most = t === count ? (plan.iterations ?? SWEEPS) : ON_THE_WAY
    let before = Infinity
    for (let sweep = 0; sweep < most; sweep++) {
      const R = yield* residualOf(M, U, V)
      const filled = U.shape[1] === 0 ? R : sum(R, composed(U, contiguous(V.transpose(1, 0))) as AnyOperator)
      let svd: Svd
      do {
        width = Math.min(cap, width + 2)
        svd = yield* leadingSteps(fn, filled, width, plan.seed)
      } while (width < cap && svd.s[width - 1]! > threshold)
      const kept = svd.s.filter((s) => s > threshold)
      width = Math.max(kept.length, 1)
      const left = kept.map((s) => s - threshold)
      const roots = left.map(Math.sqrt)
      U = scaledColumns(leadingColumns(svd.U, kept.length), roots)
      V = scaledColumns(contiguous(leadingRows(svd.Vt, kept.length).transpose(1, 0)), roots)
      const residual = (yield* knownNorm(yield* residualOf(M, U, V))) ?? 0
      yield* told({ U, V }, residual / norm, 0)
      const objective = residual ** 2 / 2 + threshold * left.reduce((total, s) => total + s, 0)
      // The objective falls by half the square of the change of X, at least.
      if (before - objective <= (plan.rtol * norm2(left)) ** 2 / 2) break
      before = objective
    }
  }
  return { U, V }
}

const leadingSteps = (fn: string, A: AnyOperator, rank: number, seed: number): Steps<Svd> =>
  rsvdSteps(fn, A, {
    rank,
    rtol: undefined,
    atol: undefined,
    oversample: 10,
    powerIterations: 2,
    method: 'power',
    blockSize: undefined,
    seed,
  })
