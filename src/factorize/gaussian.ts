import { wrap } from '../linalg/arrays.js'
import type { Matrix } from '../linalg/arrays.js'
import { normalBlock } from '../linalg/random.js'
import { breath } from '../linalg/steps.js'
import type { Steps } from '../linalg/steps.js'

/** Numbers made between two breaths: about two milliseconds. */
const STRETCH = 2 ** 15

/** Columns [j0, j1) of a Gaussian matrix of `size` rows, which depend on (seed, stream, i, j) alone. */
export function* gaussianSteps(
  size: number,
  j0: number,
  j1: number,
  stream: number,
  seed: number,
): Steps<Matrix> {
  const cols = j1 - j0
  const out = new Float64Array(size * cols)
  const rows = Math.max(1, Math.floor(STRETCH / Math.max(cols, 1)))
  for (let i0 = 0; i0 < size; i0 += rows) {
    out.set(normalBlock({ seed, stream, i0, i1: Math.min(size, i0 + rows), j0, j1 }), i0 * cols)
    yield* breath()
  }
  return wrap(out, size, cols)
}
