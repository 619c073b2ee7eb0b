import { dense, emptyMatrix, eye, flip, packed, wrap } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { norm2 } from '../../linalg/magnitude.js'
import { normsOfColumns } from '../../linalg/magnitude.js'
import { pivotedTriangleSteps, qrSteps } from '../../linalg/dense/qr.js'
import type { PivotedQr } from '../../linalg/dense/qr.js'
import { solveTriangularSteps } from '../../linalg/dense/solvetriangular.js'
import { breath } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { pickedColumns } from '../../linalg/thin.js'
import { innerSteps, subtractProductSteps } from '../lowrank.js'

/** B ≈ B[:, columns]·coefficients */
export interface Skeleton {
  /** k distinct indices. */
  readonly columns: Int32Array
  /** k × n, the identity in those columns, no entry above 2 in magnitude. */
  readonly coefficients: Matrix
}

/** No coefficient is above this; a smaller bound means more exchanges. */
const BOUND = 2
/** Rounds in which several exchanges are made between two factorizations. */
const BATCHED = 10

/**
 * At most `rank` columns of B that carry the others, and fewer where pivots fall to `floor` times the first, or
 * ‖B − B[:, J]·Z‖_F to `tolerance`, both before exchanges.
 *
 * Columns are first picked by pivoted QR; then one of them is exchanged for another as long as that makes the
 * volume of B[:, J] more than twice as large (Gu and Eisenstat 1996), so it ends. What is left of B then has
 * singular values of at most √(1 + 4k(n − k)) times those of B that the best approximation leaves.
 */
export function* skeletonSteps(B: Matrix, rank: number, tolerance: number, floor: number): Steps<Skeleton> {
  const { R, perm } = yield* pivotedTriangleSteps(dense(B))
  const k = Math.min(rank, cut(R, tolerance, floor * Math.abs(R.data[0] ?? 0)))
  if (k === 0) return { columns: new Int32Array(0), coefficients: emptyMatrix(0, B.shape[1]!) }
  const chosen = perm.slice(0, k)
  for (let round = 0; ; round++) {
    const fit = yield* fitSteps(B, chosen)
    const entering = worthwhile(fit)
    const { columns, coefficients } = fit
    if (entering === undefined) return { columns, coefficients }
    for (let done = 0, at: number | undefined = entering; at !== undefined; done++) {
      exchange(fit, at)
      // A batch goes by Z alone, which knows of B only what the chosen columns span; a single exchange is exact.
      at = round < BATCHED && done < k ? largest(coefficients) : undefined
    }
    chosen.set(columns)
    yield* breath()
  }
}

/** How many rows of R count: pivots above `floor`, and no more than leave a rest within the tolerance. */
function cut(R: Matrix, tolerance: number, floor: number): number {
  const [rows = 0, cols = 0] = R.shape
  let k = rows
  let rest = 0
  while (k > 0) {
    const row = R.data.subarray((k - 1) * cols, k * cols)
    rest = Math.hypot(rest, norm2(row))
    if (rest > tolerance && Math.abs(row[k - 1]!) > floor) break
    k--
  }
  return k
}

interface Fit extends Skeleton {
  /** ‖(B − B[:, J]·Z)[:, j]‖ of each column. */
  readonly gamma: Float64Array
  /** The norm of each row of B[:, J]⁺. */
  readonly omega: Float64Array
}

/** Z with B ≈ B[:, J]·Z by least squares, for J in the order of a pivoted QR, which keeps Z accurate. */
function* fitSteps(B: Matrix, J: Int32Array): Steps<Fit> {
  const [rows, n] = [B.shape[0]!, B.shape[1]!]
  const k = J.length
  const { Q, R, perm } = (yield* qrSteps(pickedColumns(B, J), { pivot: true })) as PivotedQr
  const columns = perm.map((j) => J[j]!)
  const W = yield* innerSteps(Q, B)
  const Z = (yield* solveTriangularSteps(R, W, { upper: true })) as Matrix
  const rest = packed(dense(B))
  yield* subtractProductSteps(wrap(rest, rows, n), Q, W)
  const gamma = normsOfColumns(dense(wrap(rest, rows, n)))
  const inverse = (yield* solveTriangularSteps(R, eye(k), { upper: true })) as Matrix
  columns.forEach((j, p) => {
    for (let i = 0; i < k; i++) Z.data[i * n + j] = i === p ? 1 : 0
    gamma[j] = 0
  })
  return { columns, coefficients: Z, gamma, omega: normsOfColumns(flip(dense(inverse))) }
}

/** The exchange that multiplies the volume most, √(z² + (γω)²) times, where that is more than the bound. */
function worthwhile({ coefficients: { data: Z }, gamma, omega }: Fit): number | undefined {
  const n = gamma.length
  let [at, most] = [-1, BOUND]
  for (let i = 0, e = 0; i < omega.length; i++) {
    for (let j = 0; j < n; j++, e++) {
      const growth = Math.hypot(Z[e]!, gamma[j]! * omega[i]!)
      if (growth > most) [at, most] = [e, growth]
    }
  }
  return at === -1 ? undefined : at
}

/** The largest coefficient, where it is above the bound. */
function largest({ data: Z }: Matrix): number | undefined {
  let at = 0
  for (let e = 1; e < Z.length; e++) if (Math.abs(Z[e]!) > Math.abs(Z[at]!)) at = e
  return Math.abs(Z[at]!) > BOUND ? at : undefined
}

/** Exchanges a chosen column for another, coefficient `at`, and keeps Z, a simplex tableau, for the next. */
function exchange({ columns, coefficients: { data: Z, shape } }: Skeleton, at: number): void {
  const [k = 0, n = 0] = shape
  const [p, q] = [Math.floor(at / n), at % n]
  columns[p] = q
  const row = Z.subarray(p * n, (p + 1) * n)
  const pivot = Z[at]!
  for (let j = 0; j < n; j++) row[j]! /= pivot
  for (let i = 0; i < k; i++) {
    const factor = Z[i * n + q]!
    if (i === p || factor === 0) continue
    for (let j = 0, o = i * n; j < n; j++, o++) Z[o]! -= factor * row[j]!
  }
}

/** The same for rows: the columns of Cᵀ. */
export const rowSkeletonSteps = (C: Matrix): Steps<Skeleton> =>
  skeletonSteps(C.transpose(1, 0), C.shape[1]!, 0, 0)
