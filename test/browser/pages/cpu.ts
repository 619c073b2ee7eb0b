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
  /** The longest time between two turns of the event loop, ms; of several runs, the shortest such time. */
  readonly longestGap: number
  /** Turns per second. */
  readonly rate: number
  /** What a run took, ms. */
  readonly took: number
}

/**
 * Watches the event loop while `rsvd.async` runs. A gap of the method's own making shows in each run, one
 * that other processes make seldom does: so the best of three runs counts.
 */
export async function turnsWhileRunning(shape: [number, number], rank: number): Promise<Turns> {
  const A = random.normal(shape, { seed: 1 })
  let best: Turns | undefined
  for (let run = 0; run < 3; run++) {
    const { gaps, took } = await watched(() => rsvd.async(A, { rank }))
    const longestGap = Math.max(...gaps)
    if (best === undefined || longestGap < best.longestGap) {
      best = { longestGap, rate: (1000 * gaps.length) / took, took }
    }
  }
  return best!
}

/** The times between turns of the event loop while the call runs, ms. */
async function watched(call: () => Promise<unknown>): Promise<{ gaps: number[]; took: number }> {
  const gaps: number[] = []
  const start = performance.now()
  let last = start
  const turn = () => {
    const now = performance.now()
    gaps.push(now - last)
    last = now
  }
  const { port1, port2 } = new MessageChannel()
  port1.onmessage = () => {
    turn()
    port2.postMessage(null)
  }
  port2.postMessage(null)
  await call()
  turn()
  port1.close()
  return { gaps, took: last - start }
}
