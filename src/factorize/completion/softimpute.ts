import { contiguous, dense, eye, flip, wrap } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { composed } from '../../linalg/operators/composed.js'
import { gaussianSteps } from '../../linalg/gaussian.js'
import { norm2 } from '../../linalg/magnitude.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import { withResidual } from '../../linalg/operators/observed.js'
import type { AnyObservedOperand } from '../../linalg/operators/observed.js'
import type { AnyOperator } from '../../linalg/operators.js'
import { adjointProduct, knownNorm, product } from '../../linalg/products.js'
import { orthonormalizeSteps } from '../../linalg/dense/qr.js'
import { STREAM } from '../../linalg/random.js'
import type { Steps } from '../../linalg/steps.js'
import { sum } from '../../linalg/operators/sum.js'
import { denseSvdSteps } from '../../linalg/dense/svd.js'
import { beside, leadingColumns, leadingRows, scaledColumns } from '../../linalg/thin.js'
import type { CompletionPlan, Factors, Told } from './completematrix.js'

/** Thresholds from the largest that leaves anything to the one asked for, each solved from the one before. */
const PATH = 20
/** Iterations at thresholds on the way. */
const ON_THE_WAY = 5
const SWEEPS = 200
/** The default threshold, as a part of ‖P(M)‖₂. */
const LEAST = 1e-3
/** Directions beyond those that are kept, which find what comes next. */
const EXTRA = 10
/** Sweeps before the first threshold, for ‖P(M)‖₂. */
const WARM = 4

/**
 * X ← the singular values of P(M) + (X outside the entries), less λ where they are larger and 0 where not: what makes
 * ½‖P(M − X)‖² + λ‖X‖_* smaller at each iteration. The matrix A is the sum of a sparse one and of X, which has low
 * rank; of its singular vectors a step of subspace iteration is made, from those of the sweep before. The columns of X
 * are in the subspace, so the objective falls however near that is to the singular vectors.
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
  const directions = new Directions(n, Math.min(m, n), plan.seed)
  let largest = 0
  for (let t = 0; t < WARM; t++) largest = (yield* singularSteps(M, U, directions)).s[0]!
  const least = plan.ridge ?? LEAST * largest
  const count = least < largest ? PATH : 1
  // A threshold of 0 is the end of a path of positive ones.
  const ratio = (Math.max(least, LEAST * largest) / largest) ** (1 / count)
  for (let t = 1; t <= count; t++) {
    const threshold = t === count ? least : largest * ratio ** t
    const most = t === count ? (plan.iterations ?? SWEEPS) : ON_THE_WAY
    let before = Infinity
    for (let sweep = 0; sweep < most; sweep++) {
      const Vt = contiguous(V.transpose(1, 0))
      const svd = yield* withResidual(M, U, V, (R) =>
        singularSteps(U.shape[1] === 0 ? R : sum(R, composed(U, Vt) as AnyOperator), U, directions),
      )
      const left = svd.s
        .filter((s) => s > threshold)
        .slice(0, cap)
        .map((s) => s - threshold)
      const roots = left.map(Math.sqrt)
      directions.keep(svd.Vt, left.length)
      U = scaledColumns(leadingColumns(svd.U, left.length), roots)
      V = scaledColumns(contiguous(leadingRows(svd.Vt, left.length).transpose(1, 0)), roots)
      const residual = (yield* withResidual(M, U, V, knownNorm)) ?? 0
      yield* told({ U, V }, residual / norm, 0)
      const objective = residual ** 2 / 2 + threshold * left.reduce((total, s) => total + s, 0)
      // The objective falls by half the square of the change of X, at least.
      if (before - objective <= (plan.rtol * norm2(left)) ** 2 / 2) break
      before = objective
    }
  }
  return { U, V }
}

/** Where the singular vectors of the next matrix are looked for. */
class Directions {
  #kept: Matrix
  #width: number
  #drawn = 0

  constructor(
    readonly n: number,
    readonly most: number,
    readonly seed: number,
  ) {
    this.#kept = wrap(new Float64Array(0), n, 0)
    this.#width = Math.min(most, EXTRA)
  }

  /** The leading rows of Vt, of which `count` are in use. */
  keep(Vt: Matrix, count: number): void {
    this.#width = Math.min(this.most, count + EXTRA)
    const rows = leadingRows(Vt, Math.min(this.#width, Vt.shape[0]!))
    this.#kept = contiguous(rows.transpose(1, 0))
  }

  /** What is kept, and fresh Gaussian columns where that is too little. */
  *columnsSteps(): Steps<Matrix> {
    const fresh = this.#width - this.#kept.shape[1]!
    if (fresh <= 0) return this.#kept
    const G = yield* gaussianSteps(this.n, this.#drawn, this.#drawn + fresh, STREAM.testMatrix, this.seed)
    this.#drawn += fresh
    return beside([this.#kept, G], this.n)
  }
}

/** A·X and the columns of U span Q; the singular values and vectors are those of QᵀA. */
function* singularSteps(
  A: AnyOperator,
  U: Matrix,
  directions: Directions,
): Steps<{ U: Matrix; s: Float64Array; Vt: Matrix }> {
  const m = A.shape[0]
  const Y = beside([yield* product(A, yield* directions.columnsSteps()), U], m)
  const Q = Y.shape[1]! < m ? yield* orthonormalizeSteps(Y) : eye(m)
  const { U: W, s, Vt } = yield* denseSvdSteps(flip(dense(yield* adjointProduct(A, Q))), 'thin')
  directions.keep(Vt, Math.max(0, Vt.shape[0]! - EXTRA))
  return { U: (yield* multiplySteps(dense(Q), dense(W))) as Matrix, s, Vt }
}
