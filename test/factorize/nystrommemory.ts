import { writeSync } from 'node:fs'

// Run by nystrom.test.ts in a process of its own, with --expose-gc: prints the most bytes that array buffers and
// WebAssembly memories held during nystrom.async of a kernel matrix, beyond what was there before, after a
// collection at each look.

const memories: WeakRef<WebAssembly.Memory>[] = []
const Memory = WebAssembly.Memory
WebAssembly.Memory = class extends Memory {
  constructor(descriptor: WebAssembly.MemoryDescriptor) {
    super(descriptor)
    memories.push(new WeakRef(this))
  }
}
const { kernelMatrix, nystrom, random } = await import('../../src/index.js')

const [n = 0, rank = 0] = process.argv.slice(3).map(Number)
const columns = process.argv[2] as 'gaussian' | 'rpcholesky'
const collect = (globalThis as unknown as { gc(): void }).gc

function held(): number {
  // The second collection waits for what the first one frees in the background.
  collect()
  collect()
  const wasm = memories.reduce((sum, memory) => sum + (memory.deref()?.buffer.byteLength ?? 0), 0)
  return process.memoryUsage().arrayBuffers + wasm
}

const K = kernelMatrix(random.normal([n, 20]))
const before = held()
let most = before
let looked = 0
const signal = {
  get aborted() {
    if (performance.now() - looked > 10) {
      most = Math.max(most, held())
      looked = performance.now()
    }
    return false
  },
}
const { errorEstimate } = await nystrom.async(K, { rank, columns, signal: signal as AbortSignal })
most = Math.max(most, held())
writeSync(1, JSON.stringify({ bytes: most - before, errorEstimate }))
process.exit(0)
