import { dense, flip } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { OptionError } from '../../linalg/errors.js'
import { gaussianSteps } from '../../linalg/gaussian.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import { hasBoth, bothProducts, knownNorm } from '../../linalg/products.js'
import { precisionOf } from '../../linalg/operators.js'
import type { AnyOperator } from '../../linalg/operators.js'
import { orthonormalizeSteps, qr } from '../../linalg/dense/qr.js'
import { STREAM } from '../../linalg/random.js'
import { solveTriangular } from '../../linalg/dense/solvetriangular.js'
import { report } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { denseSvdSteps } from '../../linalg/dense/svd.js'
import { beside, columnRange, leadingColumns } from '../../linalg/thin.js'
import { finishSteps, innerSteps } from '../lowrank.js'
import type { Svd } from '../lowrank.js'
import { PROBES, estimateNorm, probeSteps } from '../probes.js'
import type { Probed } from '../probes.js'
import { trimmedRank } from '../stopping.js'
import type { Goal } from '../stopping.js'

/**
 * A seen once (Tropp, Yurtsever, Udell, Cevher 2019, "Streaming low-rank matrix approximation", with their
 * sizes): X = Γ·A, Y = A·Ωᵀ, Z = Φ·A·Ψᵀ with k = 4r + 1 and s = 2k + 1 rows; then A ≈ Q·C·Pᵀ with Q, P
 * bases of Y, Xᵀ and C = (ΦQ)⁺·Z·((ΨP)⁺)ᵀ. Undefined where the sketch would be as large as A.
 */
export function* singlePassSteps(
  fn: string,
  A: AnyOperator,
  goal: Goal,
  { rank, seed }: { rank?: number | undefined; seed: number },
): Steps<Svd | undefined> {
  if (rank === undefined) {
    throw new OptionError({
      fn,
      argument: 'options.rank',
      expected: "a rank, which fixes the sketch of method 'singlePass'",
      given: 'none',
    })
  }
  const [m, n] = A.shape
  const k = 4 * goal.rank + 1
  const s = 2 * k + 1
  if (k >= Math.min(m, n)) return undefined

  yield* report(fn, 'single pass', 0, 1)
  const Omega = yield* gaussianSteps(n, 0, k, STREAM.testMatrix, seed)
  const Gamma = yield* gaussianSteps(m, 0, k, STREAM.corange, seed)
  const Psi = yield* gaussianSteps(n, 0, s, STREAM.coreRight, seed)
  const Phi = yield* gaussianSteps(m, 0, s, STREAM.coreLeft, seed)
  const G = yield* probeSteps(n, seed)
  const { AX, AtY } = yield* bothProducts(A, beside([Omega, Psi, G], n), Gamma)
  const Z = yield* innerSteps(Phi, columnRange(AX, k, k + s))
  const AG = columnRange(AX, k + s, k + s + PROBES)
  yield* report(fn, 'single pass', 1, 1)

  const Q = yield* orthonormalizeSteps(leadingColumns(AX, k))
  const P = yield* orthonormalizeSteps(AtY)
  const left = yield* pseudoSolveSteps(yield* innerSteps(Phi, Q), Z)
  const C = yield* pseudoSolveSteps(yield* innerSteps(Psi, P), left.transpose(1, 0))
  const core = yield* denseSvdSteps(flip(dense(C)), 'thin')

  const norm = (yield* knownNorm(A)) ?? estimateNorm(AG)
  const seen: Probed = { G, AG, norm, passes: hasBoth(A) ? 1 : 2, precision: precisionOf(A) }
  const whole = yield* assembleSteps(Q, core, P, core.s.length, seen)
  const r = trimmedRank(core.s, goal, whole.errorEstimate * norm, norm)
  return yield* assembleSteps(Q, core, P, r, seen)
}

/** Q·(U·diag(s)·Vt)·Pᵀ with the first r triplets. */
function* assembleSteps(
  Q: Matrix,
  core: { U: Matrix; s: Float64Array; Vt: Matrix },
  P: Matrix,
  r: number,
  seen: Probed,
): Steps<Svd> {
  const U = (yield* multiplySteps(dense(Q), dense(leadingColumns(core.U, r)))) as Matrix
  const Vr = dense(core.Vt.hi(r, core.Vt.shape[1]!))
  const Vt = (yield* multiplySteps(Vr, flip(dense(P)))) as Matrix
  return yield* finishSteps(U, core.s.slice(0, r), Vt, seen)
}

/** M⁺·Z for a tall, well-conditioned M (a Gaussian map of orthonormal columns): R⁻¹·(QᵀZ). */
function* pseudoSolveSteps(M: Matrix, Z: Matrix): Steps<Matrix> {
  const { Q, R } = qr(M)
  return solveTriangular(R, yield* innerSteps(Q, Z), { upper: true })
}
