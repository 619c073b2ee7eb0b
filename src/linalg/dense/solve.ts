import { asFiniteMatrix, dense } from '../arrays.js'
import type { Dense, Matrix, MatrixLike } from '../arrays.js'
import { SingularMatrixError } from '../errors.js'
import { luFactorSteps, permutedRows, pivotsOf } from './lu.js'
import { readOptions } from '../options.js'
import { checkSquare, takeRightHand } from './righthand.js'
import type { RightHand } from './righthand.js'
import { allocColumns, stageColumns, unstage } from './stage.js'
import type { Columns } from './stage.js'
import { fromSteps } from '../steps.js'
import type { RunOptions, Steps } from '../steps.js'
import { addProductSteps, strided, trsmSteps, turnedTriangle } from './triangular.js'
import type { Triangle } from './triangular.js'
import { acquire, release } from '../wasm/workspace.js'
import type { Workspace } from '../wasm/workspace.js'

const EPS = 2 ** -52

/**
 * X with A·X = B for a square A.
 *
 * Rows are scaled by powers of two to entries near 1, then LU with partial pivoting and one step of iterative
 * refinement in float64 (Skeel 1980), which makes the backward error small row by row.
 *
 * @param A - n × n.
 * @param B - a vector of n numbers, or n × r.
 * @returns a vector, or n × r.
 * @throws SingularMatrixError with the index of a pivot, where A is singular to working precision: Skeel's
 * condition ‖|A⁻¹||A|‖∞, as the estimator of Hager (1984) and Higham (1988) sees it, is 1/eps or more, so
 * that no digit of X would be sure (the scale of a row does not count). `lstsq` then gives the solution of
 * minimum norm. ShapeError; NotFiniteError; OptionError.
 * Cost: 2n³/3 + 6n²r flops. Memory: 2n² + 4nr numbers.
 *
 * @example
 * ```ts
 * import { solve } from 'lowrank'
 * solve([[1, 2], [3, 4]], [5, 11])   // 1, 2
 * ```
 */
export const solve: {
  (A: MatrixLike, B: ArrayLike<number>, options?: RunOptions): Float64Array
  (A: MatrixLike, B: MatrixLike, options?: RunOptions): Matrix
  async(A: MatrixLike, B: ArrayLike<number>, options?: RunOptions): Promise<Float64Array>
  async(A: MatrixLike, B: MatrixLike, options?: RunOptions): Promise<Matrix>
} = /*#__PURE__*/ fromSteps(solveSteps, 2) as never

function* solveSteps(a: MatrixLike, b: RightHand, options?: RunOptions): Steps<Matrix | Float64Array> {
  const fn = 'solve'
  readOptions(fn, options, {})
  const A = dense(asFiniteMatrix(a, fn, 'A'))
  checkSquare(A, fn)
  const { view: B, give } = takeRightHand(b, fn, A.rows)
  const ws = acquire()
  try {
    return give(yield* denseSolveSteps(ws, A, B))
  } finally {
    release(ws)
  }
}

function* denseSolveSteps(ws: Workspace, A: Dense, B: Dense): Steps<Matrix> {
  const [n, r] = [A.rows, B.cols]
  const scaled = stageColumns(ws, A)
  const R = stageColumns(ws, B)
  scaleRows(ws, R, scaleRows(ws, scaled, rowScales(ws, scaled)))
  const F = copyOf(ws, scaled)
  const { perm } = yield* luFactorSteps(ws, F, 'partial')
  const L: Triangle = { ...strided(F), n, upper: false, unit: true }
  const U: Triangle = { ...L, upper: true, unit: false }
  const pivots = pivotsOf(ws, F).map(Math.abs)
  const rcond = pivots.includes(0) ? 0 : 1 / (rowSum(ws, scaled) * (yield* inverseNormSteps(ws, L, U, perm)))
  // Not below, so that NaN counts as singular too.
  if (n > 0 && !(rcond > EPS)) {
    const index = pivots.indexOf(Math.min(...pivots))
    throw new SingularMatrixError({
      fn: 'solve',
      argument: 'A',
      expected: 'a matrix that is not singular to working precision (lstsq solves with any)',
      given: `one with a reciprocal condition number of about ${(rcond || 0).toPrecision(2)}`,
      index,
    })
  }
  const X = yield* solveFactoredSteps(ws, L, U, permutedRows(ws, R, perm))
  yield* addProductSteps(ws, n, r, n, -1, strided(scaled), strided(X), strided(R))
  const correction = yield* solveFactoredSteps(ws, L, U, permutedRows(ws, R, perm))
  ws.kernels.axpy(n * r, 1, correction.at, X.at)
  return unstage(ws, X)
}

/** In place of B: X with L·U·X = B. */
function* solveFactoredSteps(ws: Workspace, L: Triangle, U: Triangle, B: Columns): Steps<Columns> {
  yield* trsmSteps(ws, L, strided(B), B.cols)
  yield* trsmSteps(ws, U, strided(B), B.cols)
  return B
}

/** For each row the power of two that brings its largest entry into [1, 2), as far as it is a normal number. */
function rowScales(ws: Workspace, A: Columns): Float64Array {
  const f64 = ws.f64
  const scales = new Float64Array(A.rows)
  for (let j = 0; j < A.cols; j++) {
    const column = A.at / 8 + j * A.ld
    for (let i = 0; i < A.rows; i++) scales[i] = Math.max(scales[i]!, Math.abs(f64[column + i]!))
  }
  return scales.map((size) =>
    size === 0 ? 1 : 2 ** Math.max(-1022, Math.min(1022, -Math.floor(Math.log2(size)))),
  )
}

function scaleRows(ws: Workspace, A: Columns, scales: Float64Array): Float64Array {
  const f64 = ws.f64
  for (let j = 0; j < A.cols; j++) {
    const column = A.at / 8 + j * A.ld
    for (let i = 0; i < A.rows; i++) f64[column + i]! *= scales[i]!
  }
  return scales
}

/** ‖A‖∞. */
function rowSum(ws: Workspace, A: Columns): number {
  const f64 = ws.f64
  const sums = new Float64Array(A.rows)
  for (let j = 0; j < A.cols; j++) {
    const column = A.at / 8 + j * A.ld
    for (let i = 0; i < A.rows; i++) sums[i]! += Math.abs(f64[column + i]!)
  }
  return Math.max(0, ...sums)
}

function copyOf(ws: Workspace, A: Columns): Columns {
  const C = allocColumns(ws, A.rows, A.cols)
  ws.f64.copyWithin(C.at / 8, A.at / 8, A.at / 8 + A.rows * A.cols)
  return C
}

/** Products with the inverse that the estimator may take. */
const ROUNDS = 5

/** An estimate from below of ‖A⁻¹‖∞ = ‖A⁻ᵀ‖₁, mostly exact (LAPACK's dlacn2). */
function* inverseNormSteps(ws: Workspace, L: Triangle, U: Triangle, perm: Int32Array): Steps<number> {
  const { n } = L
  const x = allocColumns(ws, n, 1)
  /** A⁻¹·v. */
  const inverse = function* (v: Float64Array): Steps<Float64Array> {
    const f64 = ws.f64
    for (let i = 0; i < n; i++) f64[x.at / 8 + i] = v[perm[i]!]!
    yield* solveFactoredSteps(ws, L, U, x)
    return ws.f64.slice(x.at / 8, x.at / 8 + n)
  }
  /** A⁻ᵀ·v. */
  const adjoint = function* (v: Float64Array): Steps<Float64Array> {
    ws.f64.set(v, x.at / 8)
    yield* solveFactoredSteps(ws, turnedTriangle(U), turnedTriangle(L), x)
    const out = new Float64Array(n)
    for (let i = 0; i < n; i++) out[perm[i]!] = ws.f64[x.at / 8 + i]!
    return out
  }
  const sum = (v: Float64Array): number => v.reduce((total, value) => total + Math.abs(value), 0)

  // The ascent of a convex function over the corners of a cube, from its middle.
  let v = new Float64Array(n).fill(1 / n)
  let estimate = 0
  for (let round = 0; round < ROUNDS; round++) {
    const y = yield* adjoint(v)
    const size = sum(y)
    if (round > 0 && size <= estimate) break
    estimate = size
    const z = yield* inverse(y.map((value) => (value < 0 ? -1 : 1)))
    let j = 0
    for (let i = 1; i < n; i++) if (Math.abs(z[i]!) > Math.abs(z[j]!)) j = i
    const along = z.reduce((total, value, i) => total + value * v[i]!, 0)
    if (Math.abs(z[j]!) <= along) break
    v = new Float64Array(n)
    v[j] = 1
  }
  // And one vector of alternating signs against the cases that fool the ascent.
  const other = Float64Array.from({ length: n }, (_, i) => (i % 2 ? -1 : 1) * (1 + i / Math.max(1, n - 1)))
  return Math.max(estimate, (2 * sum(yield* adjoint(other))) / (3 * n))
}
