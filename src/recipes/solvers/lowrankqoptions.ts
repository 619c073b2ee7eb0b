import type { Matrix } from '../../linalg/arrays.js'
import type { LinearOperator } from '../../linalg/operators.js'
import type { RunOptions } from '../../linalg/steps.js'

/** A Markov decision process that can be sampled at any state and action. */
export interface SampledMdp {
  /** How many there are. */
  readonly states: number
  /** How many there are in each state. */
  readonly actions: number
  /** r(s, a) */
  reward(s: number, a: number): number | PromiseLike<number>
  /** `count` independent next states; `round` counts the rounds, for draws of their own. */
  nextStates(
    s: number,
    a: number,
    count: number,
    round: number,
  ): ArrayLike<number> | PromiseLike<ArrayLike<number>>
  readonly async?: boolean
}

/** The rank, the anchors and the samples of `lowRankQEstimation`. */
export interface LowRankQOptions extends RunOptions {
  /** r, the rank that Q is given. */
  readonly rank: number
  /** γ in [0, 1). */
  readonly discount: number
  /** Anchor states, and as many anchor actions. Default 3·rank + 1. */
  readonly anchors?: number | undefined
  /** Next states for each sampled pair in the second round; the first has V = 0 and needs none. Default 20. */
  readonly samples?: number | undefined
  /** So many times as many in each round: errors that shrink by γ need γ⁻². Default 1.5. */
  readonly growth?: number | undefined
  /** Rounds. Default 10. */
  readonly iterations?: number | undefined
  /** An integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/** A round of `lowRankQEstimation`. */
export interface QStep {
  /** Next states for each sampled pair. */
  readonly samples: number
  /** max |V − V of the round before| */
  readonly change: number
  /** s₁/sᵣ of Q at the anchors: how much noise may be magnified. */
  readonly amplification: number
}

/** An optimal Q of low rank, its values and its policy. */
export interface LowRankQ {
  /** Q̄, states × actions, of rank `rank` at most. */
  readonly Q: LinearOperator & { toDense(): Matrix }
  /** maxₐ Q̄(s, a) */
  readonly V: Float64Array
  /** The action of the maximum. */
  readonly policy: Int32Array
  /** The states whose rows of Q were sampled. */
  readonly anchorStates: Int32Array
  /** The actions whose columns of Q were sampled. */
  readonly anchorActions: Int32Array
  /** Next states drawn in all. */
  readonly samples: number
  readonly history: readonly QStep[]
}
