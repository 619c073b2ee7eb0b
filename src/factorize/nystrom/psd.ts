import { dense, wrap } from '../../linalg/arrays.js'
import type { Dense, Matrix } from '../../linalg/arrays.js'
import { stage, unstage, window } from '../../linalg/dense/blocks.js'
import { choleskyFactorSteps } from '../../linalg/dense/cholesky.js'
import { NotPositiveDefiniteError, ShapeError } from '../../linalg/errors.js'
import { symmetricEigenSteps } from '../../linalg/dense/eigh.js'
import { norm2 } from '../../linalg/magnitude.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import { orthonormalizeSteps } from '../../linalg/dense/qr.js'
import { stageTriangle } from '../../linalg/dense/solvetriangular.js'
import { stageColumns, unstage as unstageColumns } from '../../linalg/dense/stage.js'
import { breath } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { denseSvdSteps } from '../../linalg/dense/svd.js'
import { trsmSteps } from '../../linalg/dense/triangular.js'
import { acquire, release } from '../../linalg/wasm/workspace.js'
import { innerSteps } from '../lowrank.js'

// Factors of positive semidefinite approximations: Â + ν·I = E·Eᵀ, and what says that A is none.

/** E with E·Eᵀ = Â + ν·I on the range of E, thin; `release` lets go of E, once it is used up. */
export interface Factor {
  E: Matrix | undefined
  readonly nu: number
}

/** How far from symmetric or semidefinite A may seem, in parts of its size: √precision, as `checkSymmetric`. */
export const slack = (precision: number): number => Math.sqrt(precision)

/** Refuses diagonal entries below 0, which no semidefinite matrix has. Those within the slack become 0. */
export function checkDiagonal(d: Float64Array, fn: string, precision: number): Float64Array {
  const room = slack(precision) * d.reduce((size, x) => Math.max(size, Math.abs(x)), 0)
  const index = d.findIndex((x) => x < -room)
  if (index >= 0) refuseIndefinite(fn, `${d[index]} on the diagonal at [${index}]`, index)
  return d.map((x) => Math.max(0, x))
}

export function refuseIndefinite(fn: string, given: string, index: number): never {
  throw new NotPositiveDefiniteError({
    fn,
    argument: 'A',
    expected: 'a positive semidefinite matrix',
    given,
    index,
  })
}

/** Refuses a core ΩᵀAΩ that is not symmetric in the scale of A, and makes it exactly so. */
export function symmetrize(B: Matrix, size: number, fn: string, precision: number): void {
  const l = B.shape[0]!
  const room = slack(precision) * size
  for (let i = 0; i < l; i++) {
    for (let j = 0; j < i; j++) {
      const [below, above] = [B.data[i * l + j]!, B.data[j * l + i]!]
      if (!(Math.abs(below - above) <= room)) {
        throw new ShapeError({
          fn,
          argument: 'A',
          expected: 'a symmetric matrix',
          given: `one whose ΩᵀAΩ has ${below} at [${i}, ${j}] and ${above} at [${j}, ${i}]`,
        })
      }
      B.data[i * l + j] = B.data[j * l + i] = below / 2 + above / 2
    }
  }
}

/** A shift grows by this factor where rounding has won, so many times. */
const GROWTH = 10
const TRIES = 8

/**
 * L·Lᵀ = B + ν·I for a symmetric B that is semidefinite up to rounding in the scale `size` of A, with ν the
 * first of `nu`, 10·nu, … for which there is one. A B with an eigenvalue below 0 in that scale is refused.
 */
export function* shiftedCholeskySteps(
  B: Matrix,
  nu: number,
  size: number,
  fn: string,
  precision: number,
): Steps<{ L: Matrix; nu: number }> {
  const l = B.shape[0]!
  for (let shift = nu, attempt = 0; attempt < TRIES; shift *= GROWTH, attempt++) {
    const shifted = wrap(B.data.slice(), l, l)
    for (let j = 0; j < l; j++) shifted.data[j * (l + 1)]! += shift
    const ws = acquire()
    try {
      const C = stageColumns(ws, dense(shifted))
      if ((yield* choleskyFactorSteps(ws, C)) === l) return { L: unstageColumns(ws, C), nu: shift }
    } finally {
      release(ws)
    }
    if (attempt > 0) continue
    const { values } = yield* symmetricEigenSteps(dense(B), 'none')
    if (values[0]! < -slack(precision) * size) {
      refuseIndefinite(fn, `one whose ΩᵀAΩ has the eigenvalue ${values[0]!}`, 0)
    }
  }
  return refuseIndefinite(fn, `one whose ΩᵀAΩ has no Cholesky factor`, 0)
}

/** Rows of Y that are solved for at a time, times its columns. */
const STRIPE = 2 ** 16

/** Y ← Y·L⁻ᵀ in place for a lower triangular L, whose other triangle is not read; in stripes of rows. */
export function* divideRowsSteps(Y: Matrix, L: Matrix): Steps<void> {
  const [m = 0, l = 0] = Y.shape
  if (m * l === 0) return
  const rows = Math.max(64, Math.floor(STRIPE / l))
  const ws = acquire()
  try {
    const T = stageTriangle(ws, dense(L), false, false)
    const at = ws.alloc64(Math.min(rows, m) * l)
    for (let i = 0; i < m; i += rows) {
      const stripe: Dense = window(dense(Y), i, Math.min(rows, m - i), 0, l)
      const { rs, cs } = stage(stripe, ws.f64, at)
      yield* trsmSteps(ws, T, { at, rs: cs, cs: rs }, stripe.rows)
      unstage(ws.f64, at, stripe)
    }
  } finally {
    release(ws)
  }
}

/** U·diag(values)·Uᵀ = E·Eᵀ − ν·UUᵀ with the values above ν alone, descending; lets go of E. */
export function* spectrumSteps(factor: Factor): Steps<{ U: Matrix; values: Float64Array }> {
  const { nu } = factor
  if (factor.E!.shape[1] === 0) return { U: factor.E!, values: new Float64Array(0) }
  const Q = yield* orthonormalizeSteps(factor.E!)
  const R = yield* innerSteps(Q, factor.E!)
  factor.E = undefined
  const { U, s } = yield* denseSvdSteps(dense(R), 'thin')
  // A value up to ν is nothing but the shift and what rounding left of it.
  const values = s.map((sigma) => sigma * sigma - nu).filter((value) => value > nu)
  const kept = window(dense(U), 0, U.shape[0]!, 0, values.length)
  return { U: (yield* multiplySteps(dense(Q), kept)) as Matrix, values }
}

/** ‖Y‖_F, with a breath. */
export function* sizeSteps(Y: Matrix): Steps<number> {
  yield* breath()
  return norm2(Y.data)
}

/** The rows S of C as a matrix of their own: the entries of A among the columns S. */
export const rowsAmong = (C: Matrix, S: Int32Array): Matrix => gathered(C, C.shape[1]!, S)

/** The first k numbers of the rows S. */
export function gathered({ data, shape }: Matrix, k: number, S: Int32Array): Matrix {
  const out = new Float64Array(S.length * k)
  S.forEach((i, t) => {
    out.set(data.subarray(i * shape[1]!, i * shape[1]! + k), t * k)
  })
  return wrap(out, S.length, k)
}
