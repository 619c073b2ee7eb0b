import { random, rsvd } from '../../../src/index.js'
import { kernelsInUse } from '../../../src/linalg/wasm/load.js'

// Runs in the page, and in Node for comparison.

/** The first thing that the page computes: by then the kernels must have been loaded, with no wait. */
export function firstResult(): { kernels: string; s: number[]; U: number[]; Vt: number[] } {
  const { U, s, Vt } = rsvd(random.normal([50, 30], { seed: 7 }), { rank: 4 })
  return { kernels: kernelsInUse(), s: Array.from(s), U: Array.from(U.data), Vt: Array.from(Vt.data) }
}

/** What happens where the page's policy forbids to compile WASM or to make functions from text. */
export async function underPolicy(): Promise<{ kernels: string; error: string }> {
  // The debugger, through which the test calls, lifts the policy for the turn of its call.
  await new Promise((resolve) => setTimeout(resolve))
  try {
    random.normal([2, 2], { seed: 0 })
    return { kernels: kernelsInUse(), error: 'none' }
  } catch (error) {
    return { kernels: kernelsInUse(), error: (error as Error).name }
  }
}

export interface Turns {
  /** What the synchronous call took, ms: so long the page stood still. */
  readonly blocked: number
  /** The longest time between two turns of the event loop while the cooperative call ran, ms. */
  readonly longestGap: number
  readonly turns: number
}

/** Counts the turns of the event loop while `rsvd.async` runs. */
export async function turnsWhileRunning(shape: [number, number], rank: number): Promise<Turns> {
  const A = random.normal(shape, { seed: 1 })
  const start = performance.now()
  rsvd(A, { rank })
  const blocked = performance.now() - start

  let turns = 0
  let longestGap = 0
  let last = performance.now()
  const { port1, port2 } = new MessageChannel()
  port1.onmessage = () => {
    const now = performance.now()
    longestGap = Math.max(longestGap, now - last)
    last = now
    turns++
    port2.postMessage(null)
  }
  port2.postMessage(null)
  await rsvd.async(A, { rank })
  port1.close()
  return { blocked, longestGap: Math.max(longestGap, performance.now() - last), turns }
}
