import { dense, flip, wrap } from '../linalg/arrays.js'
import type { Matrix } from '../linalg/arrays.js'
import { frobenius, maxAbs, norm2 } from '../linalg/magnitude.js'
import { multiplySteps } from '../linalg/dense/multiply.js'
import { operatorFromSteps } from '../linalg/operators.js'
import type { AnyOperator } from '../linalg/operators.js'
import { product } from '../linalg/products.js'
import { upperTriangle } from '../linalg/dense/qr.js'
import { STREAM, normalBlock } from '../linalg/random.js'
import { numericalRank } from '../linalg/dense/rank.js'
import { applyAdjointSteps, factorSteps, powerOfTwo } from '../linalg/dense/reflectors.js'
import { stageTriangle } from '../linalg/dense/solvetriangular.js'
import { part, stageColumns, unstage } from '../linalg/dense/stage.js'
import type { Steps } from '../linalg/steps.js'
import { denseSvdSteps } from '../linalg/dense/svd.js'
import { leadingColumns, leadingRows, scaledRows } from '../linalg/thin.js'
import { strided, trsmSteps, turnedTriangle } from '../linalg/dense/triangular.js'
import type { Triangle } from '../linalg/dense/triangular.js'
import { acquire, release } from '../linalg/wasm/workspace.js'
import type { Workspace } from '../linalg/wasm/workspace.js'

/** What makes the columns of T nearly orthonormal: M, p × r, for which the sketch of T·M is orthonormal. */
export interface Whitening {
  /** r, the numerical rank of the sketch. */
  readonly rank: number
  /** ‖ST‖_F, which is about ‖T‖_F. */
  readonly norm: number
  /** σ₀/σᵣ₋₁ of the sketch, or about that. */
  readonly condition: number
  readonly M: AnyOperator
  /** The solution of the sketched problem min ‖ST·X − SB‖, of minimum norm, p × k. */
  readonly solution: Matrix
}

/** A smallest singular value is believed where it is found this many times above the cut. */
const MARGIN = 16
/** Of inverse iteration. Each divides what is not the smallest singular value by the square of its ratio to it. */
const ITERATIONS = 5

/**
 * M from a sketch ST (s × p, s >= p), which is overwritten: R⁻¹ of a QR factorization, or, where R is close to
 * singular, V·diag(1/σ) of its SVD without the singular values up to rtol·σ₀. R lies in `ws` as long as M is
 * in use.
 *
 * Cost: 2sp² flops (and an SVD of p × p where R is close to singular), p²k for each product of M or Mᵀ with
 * k columns, 2prk after an SVD.
 */
export function* whiteningSteps(
  ws: Workspace,
  ST: Matrix,
  SB: Matrix,
  rtol: number,
  seed: number,
): Steps<Whitening> {
  const p = ST.shape[1]!
  // Near 1, so that squares neither overflow nor vanish.
  const alpha = powerOfTwo(maxAbs(dense(ST)))
  if (alpha !== 1) for (let e = 0; e < ST.data.length; e++) ST.data[e]! *= alpha
  const { R, QtB } = yield* factorSketchSteps(ST, SB)
  const mark = ws.mark()
  const triangle = stageTriangle(ws, dense(R), true, false)
  const size = frobenius(dense(R))
  const norm = size / alpha
  const smallest = yield* smallestSteps(ws, triangle, seed)
  if (smallest > MARGIN * rtol * size) {
    const M = inverseOf(ws, triangle, alpha)
    return { rank: p, norm, condition: size / smallest, M, solution: yield* product(M, QtB) }
  }
  ws.reset(mark)
  const { U, s, Vt } = yield* denseSvdSteps(dense(R), 'thin')
  const rank = numericalRank(s, dense(R), rtol)
  const inverse = s.subarray(0, rank).map((sigma) => alpha / sigma)
  const Mt = dense(scaledRows(leadingRows(Vt, rank), inverse))
  const M = operatorFromSteps([p, rank], false, {
    *matmat(Y) {
      return (yield* multiplySteps(flip(Mt), dense(Y))) as Matrix
    },
    *rmatmat(X) {
      return (yield* multiplySteps(Mt, dense(X))) as Matrix
    },
  })
  const coefficients = (yield* multiplySteps(flip(dense(leadingColumns(U, rank))), dense(QtB))) as Matrix
  const condition = rank === 0 ? 1 : s[0]! / s[rank - 1]!
  return { rank, norm, condition, M, solution: yield* product(M, coefficients) }
}

/** R of ST = Q·R, and QᵀSB. */
function* factorSketchSteps(ST: Matrix, SB: Matrix): Steps<{ R: Matrix; QtB: Matrix }> {
  const p = ST.shape[1]!
  const ws = acquire()
  try {
    const F = yield* factorSteps(ws, stageColumns(ws, dense(ST)))
    const C = stageColumns(ws, dense(SB))
    yield* applyAdjointSteps(ws, F, C)
    return { R: upperTriangle(ws, F, p, 1), QtB: unstage(ws, part(C, 0, p, 0, C.cols)) }
  } finally {
    release(ws)
  }
}

/** The smallest singular value of a triangle, or somewhat more, by inverse iteration; 0 where it is singular. */
function* smallestSteps(ws: Workspace, R: Triangle, seed: number): Steps<number> {
  const { n } = R
  const f64 = ws.f64
  for (let i = 0; i < n; i++) if (f64[R.at / 8 + i * (R.rs + R.cs)] === 0) return 0
  let v = normalBlock({ seed, stream: STREAM.conditionProbe, i0: 0, i1: n, j0: 0, j1: 1 })
  let growth = norm2(v)
  for (let t = 0; t < ITERATIONS; t++) {
    const u = v.map((x) => x / growth)
    const w = yield* solveSteps(ws, turnedTriangle(R), wrap(u, n, 1))
    v = (yield* solveSteps(ws, R, w)).data
    growth = norm2(v)
    if (!Number.isFinite(growth)) return 0
  }
  return 1 / Math.sqrt(growth)
}

/** alpha·R⁻¹. */
function inverseOf(ws: Workspace, R: Triangle, alpha: number): AnyOperator {
  const times = function* (T: Triangle, Y: Matrix): Steps<Matrix> {
    const X = yield* solveSteps(ws, T, Y)
    if (alpha !== 1) for (let e = 0; e < X.data.length; e++) X.data[e]! *= alpha
    return X
  }
  return operatorFromSteps([R.n, R.n], false, {
    matmat: (Y) => times(R, Y),
    rmatmat: (X) => times(turnedTriangle(R), X),
  })
}

/** X with T·X = B. */
function* solveSteps(ws: Workspace, T: Triangle, B: Matrix): Steps<Matrix> {
  const mark = ws.mark()
  const X = stageColumns(ws, dense(B))
  yield* trsmSteps(ws, T, strided(X), X.cols)
  const out = unstage(ws, X)
  ws.reset(mark)
  return out
}
