import { OptionError } from '../../linalg/errors.js'
import { uniformBlock } from '../../linalg/random.js'

// What bandits over numbered arms have in common.

/** An arm drawn with the probabilities p, for round t of the stream. */
export function drawn(p: Float64Array, stream: number, seed: number, t: number): number {
  let rest = uniformBlock({ seed, stream, i0: t, i1: t + 1, j0: 0, j1: 1 })[0]!
  const last = p.length - 1
  for (let i = 0; i < last; i++) {
    rest -= p[i]!
    if (rest < 0) return i
  }
  return last
}

/** Refuses what is no arm, and costs that are negative or not finite. */
export function checkedCost(fn: string, arm: number, arms: number, cost: number): void {
  checkArm(`${fn}.update`, arm, arms)
  if (cost >= 0 && cost < Infinity) return
  throw new OptionError({
    fn: `${fn}.update`,
    argument: 'cost',
    expected: 'a finite number >= 0',
    given: `${cost}`,
  })
}

export function checkArm(fn: string, arm: number, arms: number): void {
  if (Number.isInteger(arm) && arm >= 0 && arm < arms) return
  throw new OptionError({ fn, argument: 'arm', expected: `an integer in [0, ${arms})`, given: `${arm}` })
}
