import type { OptimizerState } from './optimizer.js'

/** How large the state of an optimizer is. */
export interface StateSize {
  /** Numbers of 8 bytes: moments, bases, gradients. */
  readonly floats: number
  /** Indices of 4 bytes. */
  readonly indices: number
}

/**
 * What a state holds, counters and shapes apart. States of projected optimizers are complete from the first update on.
 *
 * @param state - what `init` or `update` answered with.
 * @returns `floats` and `indices`. What two states have in common counts for each.
 *
 * @example
 * ```ts
 * import { optimizers } from 'lowrank/recipes'
 * const adamw = optimizers.adamw({ learningRate: 1e-3 })
 * optimizers.stateSize(adamw.init({ W: [[1, 2], [3, 4]] })).floats   // 8: two for each entry
 * ```
 */
export function stateSize(state: OptimizerState): StateSize {
  let [floats, indices] = [0, 0]
  const visit = (value: unknown): void => {
    if (value instanceof Float64Array) floats += value.length
    else if (value instanceof Int32Array) indices += value.length
    else if (value !== null && typeof value === 'object') Object.values(value).forEach(visit)
  }
  visit(state)
  return { floats, indices }
}
