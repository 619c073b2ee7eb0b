import { asFiniteMatrix, dense, wrap } from '../arrays.js'
import type { Dense, Matrix, MatrixLike } from '../arrays.js'
import { SingularMatrixError } from '../errors.js'
import { bunchKaufmanSteps } from './bunchkaufman.js'
import type { Pivoted } from './bunchkaufman.js'
import { permutedRows, unitLower } from './lu.js'
import { readOptions } from '../options.js'
import { inverseOf } from './pivots.js'
import { solver } from './righthand.js'
import type { Solver } from './righthand.js'
import { stageTriangle } from './solvetriangular.js'
import { stageColumns, unstage } from './stage.js'
import type { Columns } from './stage.js'
import { fromSteps } from '../steps.js'
import type { RunOptions, Steps } from '../steps.js'
import { checkSymmetric } from './symmetric.js'
import { strided, trsmSteps, turnedTriangle } from './triangular.js'
import { acquire, release } from '../wasm/workspace.js'
import type { Workspace } from '../wasm/workspace.js'

/** How many eigenvalues of a symmetric matrix are positive, negative and zero. */
export interface Inertia {
  /** How many eigenvalues are above 0. */
  readonly positive: number
  /** How many are below 0. */
  readonly negative: number
  /** How many are 0. */
  readonly zero: number
}

/** A symmetric matrix as L·D·Lᵀ with rows and columns exchanged, after Bunch and Kaufman. */
export interface Ldl {
  /** Row and column i of L·D·Lᵀ are row and column perm[i] of A. */
  readonly perm: Int32Array
  /** n × n, unit lower triangular. */
  readonly L: Matrix
  /** n × n, symmetric, with blocks of 1×1 and 2×2 on its diagonal; those of 2×2 are indefinite. */
  readonly D: Matrix
  /** X with A·X = B, for a vector or a matrix B. */
  readonly solve: Solver
  /** Of D, and so of A (Sylvester), as far as rounding lets it. */
  readonly inertia: Inertia
}

/**
 * A[perm, perm] = L·D·Lᵀ of a symmetric matrix, definite or not (Bunch and Kaufman 1977, in the blocked form of
 * LAPACK's dsytrf).
 *
 * @param A - n × n, symmetric: |aᵢⱼ − aⱼᵢ| ≤ √eps·max|A|; the lower triangle is what is factored.
 * @returns `L`, `D`, `perm`, `inertia`; and `solve(B)` (2n²r flops), which throws SingularMatrixError with the
 * index of a zero in D.
 * @throws ShapeError where `A` is not square or not symmetric; NotFiniteError; OptionError.
 * Cost: n³/3 flops. Memory: 2n² numbers.
 * Accuracy: ‖A[perm, perm] − LDLᵀ‖ ≤ c·n·eps·ρ·‖A‖ with a growth ρ of at most 2.57ⁿ⁻¹ that is small in practice
 * (Higham 1997). The entries of L are not bounded. `inertia` counts exact zeros of D: a singular A mostly shows
 * as a tiny pivot of either sign.
 *
 * @example
 * ```ts
 * import { ldl } from 'lowrank'
 * const { D, inertia, solve } = ldl([[0, 1], [1, 0]])   // D = [[0, 1], [1, 0]], one of each sign
 * solve([2, 3])   // 3, 2
 * ```
 */
export const ldl: {
  (A: MatrixLike, options?: RunOptions): Ldl
  async(A: MatrixLike, options?: RunOptions): Promise<Ldl>
} = /*#__PURE__*/ fromSteps(ldlSteps, 1)

function* ldlSteps(a: MatrixLike, options?: RunOptions): Steps<Ldl> {
  const fn = 'ldl'
  readOptions(fn, options, {})
  const A = dense(asFiniteMatrix(a, fn, 'A'))
  checkSymmetric(A, fn)
  const n = A.rows
  const ws = acquire()
  try {
    const F = stageColumns(ws, A)
    const pivots = yield* bunchKaufmanSteps(ws, F)
    const { perm, diagonal, below } = pivots
    const L = unitLower(ws, F, n)
    const D = wrap(new Float64Array(n * n), n, n)
    for (let k = 0; k < n; k++) {
      D.data[k * (n + 1)] = diagonal[k]!
      if (below[k] === 0) continue
      D.data[k * (n + 1) + 1] = D.data[k * (n + 1) + n] = below[k]!
      // The place of D's entry is no part of L.
      L.data[k * (n + 1) + n] = 0
    }
    return {
      perm,
      L,
      D,
      solve: solver(`${fn}(A).solve`, n, (B) => solveSteps(L, pivots, B)),
      inertia: inertiaOf(pivots),
    }
  } finally {
    release(ws)
  }
}

function inertiaOf({ diagonal, below }: Pivoted): Inertia {
  let [positive, negative, zero] = [0, 0, 0]
  for (let k = 0; k < diagonal.length; k++) {
    if (below[k] !== 0) {
      // A block of 2×2 has one eigenvalue of each sign.
      positive++
      negative++
      k++
    } else if (diagonal[k]! > 0) positive++
    else if (diagonal[k]! < 0) negative++
    else zero++
  }
  return { positive, negative, zero }
}

function* solveSteps(L: Matrix, pivots: Pivoted, B: Dense): Steps<Matrix> {
  const ws = acquire()
  try {
    const X = permutedRows(ws, stageColumns(ws, B), pivots.perm)
    const T = stageTriangle(ws, dense(L), false, true)
    yield* trsmSteps(ws, T, strided(X), X.cols)
    solveBlocks(ws, pivots, X)
    yield* trsmSteps(ws, turnedTriangle(T), strided(X), X.cols)
    return unstage(ws, permutedRows(ws, X, inverseOf(pivots.perm)))
  } finally {
    release(ws)
  }
}

/** D·X = B in place. */
function solveBlocks(ws: Workspace, { diagonal, below }: Pivoted, X: Columns): void {
  const n = diagonal.length
  const f64 = ws.f64
  for (let k = 0; k < n; k++) {
    const [d, e] = [diagonal[k]!, below[k]!]
    if (e === 0 && d === 0) {
      throw new SingularMatrixError({
        fn: 'ldl(A).solve',
        argument: 'A',
        expected: 'a matrix without a zero pivot',
        given: `0 at [${k}, ${k}] of D`,
        index: k,
      })
    }
    for (let j = 0; j < X.cols; j++) {
      const x = X.at / 8 + k + j * X.ld
      if (e === 0) {
        f64[x]! /= d
        continue
      }
      // Scaled by the entry off the diagonal, which is the largest: no product leaves the range of numbers.
      const [a, c] = [d / e, diagonal[k + 1]! / e]
      const [b0, b1] = [f64[x]! / e, f64[x + 1]! / e]
      const t = a * c - 1
      f64[x] = (c * b0 - b1) / t
      f64[x + 1] = (a * b1 - b0) / t
    }
    if (e !== 0) k++
  }
}
