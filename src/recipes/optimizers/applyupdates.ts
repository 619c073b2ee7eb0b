import { tensor } from '../../linalg/arrays.js'
import type { Tensor } from '../../linalg/arrays.js'
import { ShapeError } from '../../linalg/errors.js'
import { leafOf } from './leaves.js'
import type { Params } from './optimizer.js'

/**
 * params + updates, as new arrays of the same shapes: matrices, and vectors as tensors of one mode. The arrays of an adapter
 * come back as it takes them: `{ ...state, trainable: applyUpdates(state.trainable, updates) }` is its next state.
 *
 * @param params - named matrices, vectors and tensors.
 * @param updates - what `update` answered with; a parameter that has none stays.
 * @throws ShapeError where an update has no parameter of its shape; NotFiniteError.
 *
 * @example
 * ```ts
 * import { optimizers } from 'lowrank/recipes'
 * optimizers.applyUpdates({ b: [1, 2] }, { b: [-0.5, 0] }).b.data   // 0.5, 2
 * ```
 */
export function applyUpdates<P extends Params>(params: P, updates: Params): { [key in keyof P]: Tensor } {
  const fn = 'applyUpdates'
  const out: Record<string, Tensor> = {}
  for (const [key, value] of Object.entries(params)) {
    const { shape, entries } = leafOf(value, fn, `params.${key}`)
    const sum = Float64Array.from(entries.data)
    if (updates[key] !== undefined) {
      const update = leafOf(updates[key], fn, `updates.${key}`)
      if (update.shape.join('×') !== shape.join('×')) {
        const [expected, given] = [`${shape.join('×')} numbers`, update.shape.join('×')]
        throw new ShapeError({ fn, argument: `updates.${key}`, expected, given })
      }
      for (let e = 0; e < sum.length; e++) sum[e]! += update.entries.data[e]!
    }
    out[key] = tensor(sum, shape)
  }
  const stranger = Object.keys(updates).find((key) => !Object.hasOwn(params, key))
  if (stranger === undefined) return out as { [key in keyof P]: Tensor }
  throw new ShapeError({ fn, argument: 'updates', expected: 'names of parameters', given: stranger })
}
