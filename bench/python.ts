import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Contender } from './measure.js'

interface PythonWork {
  readonly kind: 'gemm' | 'qr' | 'svd' | 'rsvd' | 'sklearn' | 'eigh' | 'fft' | 'nystrom' | 'rpcholesky'
  readonly m: number
  readonly n: number
  /** The inner side of a product; for an SVD the rank of the data, 0 for noise alone; the rank of a Nyström. */
  readonly k?: number
  readonly dtype?: 'float64' | 'float32'
}

/** A Python that stays open for the whole run, so that its turns fall between ours. One thread. */
export interface Python {
  readonly numpy: string | undefined
  readonly sklearn: string | undefined
  contender(name: string, work: PythonWork, options?: { budget?: number; slow?: boolean }): Contender
  close(): void
}

export async function openPython(): Promise<Python> {
  const script = fileURLToPath(new URL('peers.py', import.meta.url))
  const threads = { OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1', MKL_NUM_THREADS: '1' }
  const child = spawn('python3', [script], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { ...process.env, ...threads },
  })
  const answers = linesOf(child)
  const first = await answers.next()
  const versions = (first ?? {}) as { numpy?: string | null; sklearn?: string | null }
  return {
    numpy: versions.numpy ?? undefined,
    sklearn: versions.sklearn ?? undefined,
    contender: (name, { k = 0, dtype = 'float64', ...work }, { budget = 0.2, slow = false } = {}) => ({
      name,
      slow,
      elsewhere: async () => {
        if (!versions.numpy) return undefined
        child.stdin.write(`${JSON.stringify({ ...work, k, dtype, budget: slow ? 0 : budget })}\n`)
        return ((await answers.next()) as { seconds: number | null } | undefined)?.seconds ?? undefined
      },
    }),
    close: () => {
      child.stdin.end()
    },
  }
}

/** The answers one after another; undefined once there are no more, as where there is no Python at all. */
function linesOf(child: ChildProcess): { next(): Promise<unknown> } {
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  const missing = new Promise<undefined>((resolve) => {
    child.once('error', () => {
      resolve(undefined)
    })
  })
  child.stdin!.on('error', () => undefined)
  const read = async (): Promise<unknown> => {
    const line = await lines.next()
    return line.done ? undefined : (JSON.parse(line.value) as unknown)
  }
  return { next: () => Promise.race([read(), missing]) }
}
