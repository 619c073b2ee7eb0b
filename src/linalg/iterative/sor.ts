import type { Matrix, MatrixLike } from '../arrays.js'
import { norm2 } from '../magnitude.js'
import { readOptions, withDefault } from '../options.js'
import { iterationReaders, restartedSteps } from './restarts.js'
import type { IterationOptions, Run } from './restarts.js'
import type { Solution } from '../dense/rightside.js'
import { relaxation, rowRanges, splittingOf } from './splitting.js'
import type { Entries, Splitting } from './splitting.js'
import { breath, fromSteps, report } from '../steps.js'
import type { Steps } from '../steps.js'
import { columnRange } from '../thin.js'

/** How `sor` relaxes, and when it ends. */
export interface SorOptions extends IterationOptions {
  /** ω in (0, 2). Default 1, Gauss–Seidel. */
  readonly omega?: number | undefined
  /** Sweeps of a column. Default 1000 + 10·n. */
  readonly maxIterations?: number | undefined
}

/**
 * Solves A·x = b by successive over-relaxation: sweeps over the unknowns in order, each moved by ω times what would
 * set its own equation right.
 *
 * It converges for symmetric positive definite A and every ω in (0, 2), and for other matrices where the spectral
 * radius of the sweep is below 1, as for diagonally dominant ones with ω <= 1. For matrices like the Laplacian of a
 * grid the best ω is 2/(1 + √(1 − β²)), β the spectral radius of I − D⁻¹A. It stops where
 * ‖b − A·x‖₂ <= max(rtol·‖b‖₂, atol), for the residual computed afresh.
 *
 * @param A - n × n matrix, or `csr(…)`: the entries are read. Zeros of a matrix are left out.
 * @param b - a vector of n, or an n × k matrix, whose columns are solved one after the other.
 * @returns `{ x, iterations, residual }`, x a vector or an n × k matrix as `b` is; an iteration is a sweep.
 * @throws ConvergenceError, with the last iterate as `best`, after `maxIterations`, where it diverges or where rounding
 * keeps the residual above the tolerance; SingularMatrixError for a 0 on the diagonal; ShapeError also for an
 * operator whose entries cannot be read; NotFiniteError; OptionError.
 * Cost: 2·nnz flops per sweep and column, the residual included: with (D/ω + L)·δ = r, the next one is
 * ((1/ω − 1)·D − U)·δ. Memory: 3nk numbers.
 * Source: Young 1954, "Iterative methods for solving partial difference equations of elliptic type".
 *
 * @example
 * ```ts
 * import { sor } from 'lowrank'
 * const { x } = sor([[4, 1], [1, 3]], [1, 2], { omega: 1.05 })   // 0.0909…, 0.6363…
 * ```
 */
export const sor: {
  (A: Entries, b: ArrayLike<number>, options?: SorOptions): Solution<Float64Array>
  (A: Entries, B: MatrixLike, options?: SorOptions): Solution<Matrix>
  async(A: Entries, b: ArrayLike<number>, options?: SorOptions): Promise<Solution<Float64Array>>
  async(A: Entries, B: MatrixLike, options?: SorOptions): Promise<Solution<Matrix>>
} = /*#__PURE__*/ fromSteps(sorSteps, 2) as never

/** The same as steps. */
export function* sorSteps(
  given: Entries,
  b: unknown,
  options?: SorOptions,
): Steps<Solution<Float64Array | Matrix>> {
  const fn = 'sor'
  const { omega, ...plan } = readOptions(fn, options, {
    ...iterationReaders,
    omega: withDefault(relaxation, 1),
  })
  const splitting = splittingOf(given, fn)
  const maxIterations = plan.maxIterations ?? 1000 + 10 * splitting.diagonal.length
  return yield* restartedSteps(fn, splitting.A, b, { ...plan, maxIterations }, function* (run) {
    let most = 0
    for (let j = 0; j < run.live.length; j++) {
      if (run.live[j] === 1) most = Math.max(most, yield* relaxSteps(splitting, omega, run, j))
    }
    return most
  })
}

/** Beyond this growth no digit of b is left in the residual: it diverges. */
const GROWTH = 2 ** 52

/** Sweeps for column j, until its residual is at the target. */
function* relaxSteps(splitting: Splitting, omega: number, run: Run, j: number): Steps<number> {
  const k = run.live.length
  const x = columnRange(run.X, j, j + 1).data
  const r = columnRange(run.R, j, j + 1).data
  const delta = new Float64Array(x.length)
  const ranges = rowRanges(splitting)
  const limit = GROWTH * norm2(r)
  let iterations = 0
  while (run.first + iterations < run.maxIterations) {
    for (const [from, to] of ranges) {
      sweep(splitting, omega, r, delta, from, to)
      yield* breath()
    }
    for (const [from, to] of ranges) {
      leave(splitting, omega, r, delta, from, to)
      yield* breath()
    }
    const size = norm2(r)
    iterations++
    if (!(size < Infinity)) break
    for (let i = 0; i < x.length; i++) x[i]! += delta[i]!
    yield* report('sor', 'sweep', run.first + iterations, run.maxIterations)
    if (size <= run.target[j]! || size > limit) break
  }
  for (let i = 0; i < x.length; i++) run.X.data[i * k + j] = x[i]!
  return iterations
}

/** Rows [from, to) of (D/ω + L)·δ = r. */
function sweep(
  { A: { pointers, indices, values }, below, diagonal }: Splitting,
  omega: number,
  r: Float64Array,
  delta: Float64Array,
  from: number,
  to: number,
): void {
  for (let i = from; i < to; i++) {
    const end = below[i]!
    let sum = r[i]!
    for (let e = pointers[i]!; e < end; e++) sum -= values[e]! * delta[indices[e]!]!
    delta[i] = (omega * sum) / diagonal[i]!
  }
}

/** Rows [from, to) of r = ((1/ω − 1)·D − U)·δ, what a sweep leaves. */
function leave(
  { A: { pointers, indices, values }, above, diagonal }: Splitting,
  omega: number,
  r: Float64Array,
  delta: Float64Array,
  from: number,
  to: number,
): void {
  for (let i = from; i < to; i++) {
    const end = pointers[i + 1]!
    let sum = (1 / omega - 1) * diagonal[i]! * delta[i]!
    for (let e = above[i]!; e < end; e++) sum -= values[e]! * delta[indices[e]!]!
    r[i] = sum
  }
}
