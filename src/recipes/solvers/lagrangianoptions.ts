import type { VectorLike } from '../../linalg/arrays.js'
import type { RunOptions } from '../../linalg/steps.js'

// What the augmented Lagrangian method takes and answers.

/** Where the augmented Lagrangian starts, how accurately it solves, and when it ends. */
export interface AugmentedLagrangianOptions extends RunOptions {
  /** m multipliers to start from. Default zeros. */
  readonly lambda0?: VectorLike | undefined
  /** Of the KKT residual, relative to that at the start. Default 1e-8. */
  readonly rtol?: number | undefined
  /** Of the KKT residual, absolute. Default 1e-12. */
  readonly atol?: number | undefined
  /** Newton steps. Default 200. */
  readonly maxIterations?: number | undefined
  /** The relative residual to which each Newton system is solved, in (0, 1). Default 0.1. */
  readonly accuracy?: number | undefined
  /** As in `sketchAndProject`; default 'gaussian'. */
  readonly sketch?: 'coordinate' | 'gaussian' | undefined
  /** Columns of a sketch. Default 8. */
  readonly blockSize?: number | undefined
  /** Sketches for one Newton system. Default 2000·⌈(n + m)/blockSize⌉. */
  readonly maxSketches?: number | undefined
  /** An integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/** One Newton step. */
export interface LagrangianStep {
  /** ‖[∇ₓL; c]‖ after it. */
  readonly residual: number
  /** Its length: 1 is the whole step. */
  readonly length: number
  /** Sketches made for it. */
  readonly sketches: number
  /** By how much it lowered the merit function. */
  readonly decrease: number
}

/** A minimum under constraints, its multipliers, and how the iteration went. */
export interface ConstrainedMinimum {
  /** n numbers: where it ended. */
  readonly x: Float64Array
  /** m multipliers. */
  readonly lambda: Float64Array
  /** f(x) */
  readonly value: number
  /** ‖[∇f + Jᵀλ; c]‖ */
  readonly residual: number
  readonly iterations: number
  readonly history: readonly LagrangianStep[]
}
