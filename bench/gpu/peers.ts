import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** What peers.py is asked to do. */
export interface PeerWork {
  readonly kind: 'gemm' | 'thin' | 'thinT' | 'rsvd' | 'rsvdResident' | 'nystrom' | 'butterfly' | 'mfac'
  readonly device: 'numpy' | 'cpu' | 'cuda'
  readonly n: number
  readonly d?: number
  readonly k?: number
}

/** This machine's own libraries. */
export interface Peers {
  readonly numpy?: string | null
  readonly torch?: string | null
  /** The card that torch sees. */
  readonly card?: string | null
  /** The least seconds of the work; undefined where it is not to be had here. */
  seconds(work: PeerWork, rounds: number): Promise<number | undefined>
  close(): void
}

/** Opens the Python at `script`; where there is none all answers are undefined. */
export async function openPeers(script: string): Promise<Peers> {
  const child = spawn('python3', [script], { stdio: ['pipe', 'pipe', 'inherit'] })
  const gone = new Promise<undefined>((resolve) => child.once('error', () => resolve(undefined)))
  child.stdin.on('error', () => undefined)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const answer = async (): Promise<Record<string, unknown> | undefined> => {
    const line = await Promise.race([lines.next(), gone])
    return line === undefined || line.done ? undefined : (JSON.parse(line.value) as Record<string, unknown>)
  }
  const versions = (await answer()) ?? {}
  return {
    ...versions,
    async seconds(work, rounds) {
      child.stdin.write(`${JSON.stringify({ work, rounds })}\n`)
      return ((await answer())?.['seconds'] as number | null | undefined) ?? undefined
    },
    close: () => child.stdin.end(),
  }
}
