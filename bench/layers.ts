import { asOperator, operator, random, rsvd } from '../src/index.js'
import { rotated, timedAsync } from './measure.js'
import type { Effort } from './measure.js'

// What the layers between a caller and the kernels cost: the same products through them and without them.

export interface Overhead {
  readonly name: string
  readonly seconds: number
  /** Against the plain call: 0.01 is one percent more. */
  readonly overhead: number
}

export const LAYERS_TITLE = 'rsvd of rank 20 of 1000×500, float64'

export async function layers(effort: Effort): Promise<Overhead[]> {
  // Taken in once, so that all three start from the same operand and no one reads it for its norm again.
  const A = asOperator(random.normal([1000, 500]))
  const wrapped = operator({
    shape: A.shape,
    matmat: (X) => A.matmat(X),
    rmatmat: (Y) => A.rmatmat(Y),
  })
  const options = { rank: 20 }
  const ways: readonly (readonly [name: string, work: () => unknown])[] = [
    ['rsvd', () => rsvd(A, options)],
    ['rsvd.async', () => rsvd.async(A, options)],
    ['rsvd of an operator around its products', () => rsvd(wrapped, options)],
  ]
  const best = ways.map(() => Infinity)
  for (let round = 0; round <= effort.rounds; round++) {
    for (const [i, [name, work]] of rotated([...ways.entries()], round)) {
      // All three by way of a Promise, so that the harness costs them the same.
      const seconds = await timedAsync(name, () => Promise.resolve(work()), effort)
      if (round > 0) best[i] = Math.min(best[i]!, seconds)
    }
  }
  return ways.map(([name], i) => ({ name, seconds: best[i]!, overhead: best[i]! / best[0]! - 1 }))
}
