import type { RunOptions } from '../../linalg/steps.js'
import type { Rule } from './blockrules.js'

// What block coordinate descent takes and answers.

/** The problem of block coordinate descent, the rule that chooses blocks, and when it ends. */
export interface BlockCoordinateDescentOptions extends RunOptions {
  /** What A and b mean. Default 'leastSquares': ½‖A·x − b‖². 'quadratic': ½xᵀA·x − bᵀx, A symmetric, semidefinite. */
  readonly form?: 'leastSquares' | 'quadratic' | undefined
  /** Default 'gsd' for variable blocks, else 'gsq'. */
  readonly rule?: Rule | undefined
  /** 'variable' (default): the best `blockSize` coordinates; 'fixed': runs of so many; or a list of index lists. */
  readonly blocks?: 'variable' | 'fixed' | readonly ArrayLike<number>[] | undefined
  /** Default 5. */
  readonly blockSize?: number | undefined
  /** Adds l1·‖x‖₁. Default 0. */
  readonly l1?: number | undefined
  /** Of the gradient, relative to that of the smooth part at x = 0. Default 1.5e-8. */
  readonly rtol?: number | undefined
  /** Default 1000·⌈n/blockSize⌉. */
  readonly maxIterations?: number | undefined
  /** Of 'random': an integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/** One step. */
export interface DescentStep {
  /** The coordinates that moved. */
  readonly block: Int32Array
  /** The objective after it. */
  readonly objective: number
}

/** Where block coordinate descent ended, and how it went. */
export interface DescentResult {
  /** n numbers: where it ended. */
  readonly x: Float64Array
  /** The objective at x. */
  readonly objective: number
  /** The norm of the gradient (with l1, of its subgradient of least norm), relative as `rtol` is. */
  readonly residual: number
  readonly iterations: number
  readonly history: readonly DescentStep[]
}
