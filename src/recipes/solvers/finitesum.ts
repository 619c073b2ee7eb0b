import type { VectorLike } from '../../linalg/arrays.js'
import { ShapeError, describe } from '../../linalg/errors.js'
import { STREAM, uniformBlock } from '../../linalg/random.js'
import type { RunOptions } from '../../linalg/steps.js'

// A sum of many components and the batches that are drawn of them; what Halpern's iteration takes and answers.

/** F = (1/n)·Σ Fᵢ, known by its batches. */
export interface FiniteSum {
  /** True where `F` answers with Promises: so does the method then. */
  readonly async?: boolean
  /** The number n of components. */
  readonly size: number
  /** The mean of Fᵢ(u) over the list of indices, in which some may be repeated. */
  F(indices: Int32Array, u: Float64Array): VectorLike | PromiseLike<VectorLike>
}

/** The constant and the method of `halpern`, and when it ends. */
export interface HalpernOptions extends RunOptions {
  /**
   * L > 0 for which F is 1/L-cocoercive: ⟨F(u) − F(v), u − v⟩ >= ‖F(u) − F(v)‖²/L. For 'varianceReduced' the mean
   * of the components' own squares too: ⟨F(u) − F(v), u − v⟩ >= (1/n)·Σ‖Fᵢ(u) − Fᵢ(v)‖²/L; maxᵢ Lᵢ will do.
   */
  readonly L: number
  /** Default 'varianceReduced'. */
  readonly method?: 'varianceReduced' | 'deterministic' | undefined
  /** Default 1/(4L) for 'varianceReduced', 2/L for 'deterministic'. */
  readonly step?: number | undefined
  /** Of ‖F(u)‖, relative to ‖F(u0)‖. Default 1e-3. */
  readonly rtol?: number | undefined
  /** Of ‖F(u)‖, absolute. Default 0. */
  readonly atol?: number | undefined
  /** Default 10⁵. */
  readonly maxIterations?: number | undefined
  /** An integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/** What was known of F at a point where all components were evaluated. */
export interface HalpernRecord {
  /** Counted from 0. */
  readonly iteration: number
  /** Evaluations of single components until then. */
  readonly evaluations: number
  /** ‖F(u)‖ */
  readonly residual: number
}

/** Where `halpern` ended, and what it cost. */
export interface HalpernResult {
  /** n numbers: where it ended. */
  readonly u: Float64Array
  /** ‖F(u)‖ */
  readonly residual: number
  readonly iterations: number
  /** Evaluations of single components. */
  readonly evaluations: number
  readonly history: readonly HalpernRecord[]
}

/** The uniform number that decides in step k. */
export const coin = (k: number, s: number): number =>
  uniformBlock({ seed: s, stream: STREAM.halpernRefresh, i0: k, i1: k + 1, j0: 0, j1: 1 })[0]!

/** ⌈√n⌉ indices, with replacement. */
export function batchOf(k: number, n: number, s: number): Int32Array {
  const j1 = Math.ceil(Math.sqrt(n))
  return Int32Array.from(
    uniformBlock({ seed: s, stream: STREAM.halpernBatch, i0: k, i1: k + 1, j0: 0, j1 }),
    (x) => Math.floor(x * n),
  )
}

export function checkedSize(fn: string, problem: FiniteSum): number {
  const { size } = problem
  if (Number.isSafeInteger(size) && size >= 1 && size < 2 ** 31) return size
  throw new ShapeError({
    fn,
    argument: 'problem.size',
    expected: 'an integer >= 1',
    given: describe(size),
  })
}
