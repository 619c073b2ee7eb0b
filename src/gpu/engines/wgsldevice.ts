import { runAsync } from '../../linalg/steps.js'
import { Recorder, Scratch, USAGE } from './encode.js'
import { volumeOf } from './engine.js'
import type { DeviceArray, ShaderSource } from './engine.js'
import type { Ledger } from './ledger.js'

// Buffers, pipelines and passes on a WebGPU device. What a call needs lives as long as the call; what goes wrong
// on the way is caught by error scopes, so that no call fails silently or leaves a buffer behind.

/** Large arrays are uploaded in pieces of about so many bytes, with a turn of the event loop between them. */
const PIECE = 2 ** 22
/** The device catches up after so many pieces, lest they all wait in the host's memory. */
const PIECES = 32

/** Numbers that lie in a buffer. */
export interface BufferArray extends DeviceArray {
  readonly buffer: GPUBuffer
}

/** What the device says of itself, before it is known whose call it was. */
export class OutOfMemory extends Error {}

export class WgslDevice {
  private readonly pipelines = new Map<string, Promise<GPUComputePipeline>>()

  constructor(
    readonly device: GPUDevice,
    readonly ledger: Ledger,
  ) {}

  /** A buffer of zeros, which `write` may fill. */
  async buffer(
    bytes: number,
    write: (buffer: GPUBuffer) => Promise<void> = () => Promise.resolve(),
  ): Promise<GPUBuffer> {
    const usage = USAGE.STORAGE | USAGE.COPY_DST | USAGE.COPY_SRC
    const { buffer, failed } = this.scoped(() => ({
      buffer: this.device.createBuffer({ size: bytes, usage }),
    }))
    try {
      await failed
      await write(buffer)
      // Room may be promised at creation and missed at the first write.
      await this.scoped(() => ({})).failed
      return buffer
    } catch (error) {
      buffer.destroy()
      throw error
    }
  }

  /** Writes rows of `stride` bytes from byte `at` on, some at a time. */
  async write(
    buffer: GPUBuffer,
    rows: number,
    stride: number,
    pack: (first: number, count: number) => Float32Array,
    at = 0,
  ): Promise<void> {
    const piece = Math.max(1, Math.floor(PIECE / stride))
    const { device, ledger } = this
    await runAsync(
      (function* () {
        for (let first = 0, i = 1; first < rows; first += piece, i++) {
          const data = pack(first, Math.min(piece, rows - first))
          device.queue.writeBuffer(buffer, at + first * stride, data as BufferSource)
          ledger.bytesUp += data.byteLength
          yield i % PIECES === 0 ? { wait: device.queue.onSubmittedWorkDone() } : {}
        }
      })(),
    )
  }

  /** Encodes and submits; what the device says to it rejects. */
  async submit(encode: (recorder: Recorder, scratch: Scratch) => void): Promise<void> {
    const scratch = new Scratch(this.device)
    try {
      await this.scoped(() => this.record(encode, scratch)).failed
    } finally {
      scratch.destroy()
    }
  }

  /** Encodes, submits, and reads the buffer that `encode` answers with. */
  async fetch(encode: (recorder: Recorder, scratch: Scratch) => GPUBuffer): Promise<Float32Array> {
    const scratch = new Scratch(this.device)
    try {
      const { staging, failed } = this.scoped(() => {
        let staging: GPUBuffer | undefined
        this.record((recorder) => {
          const answer = encode(recorder, scratch)
          staging = scratch.create(answer.size, USAGE.MAP_READ | USAGE.COPY_DST)
          recorder.copy(answer, staging)
        }, scratch)
        return { staging: staging! }
      })
      const mapped = staging.mapAsync(1)
      mapped.catch(() => undefined)
      await failed
      await mapped
      this.ledger.bytesDown += staging.size
      return new Float32Array(staging.getMappedRange().slice(0))
    } finally {
      scratch.destroy()
    }
  }

  read({ buffer, size }: BufferArray): Promise<Float32Array> {
    return this.fetch(() => buffer).then((data) => data.subarray(0, volumeOf(size)))
  }

  /** Runs a shader on arrays; its answer stays in a buffer of its own. */
  async shade(
    { code, output, groups, params }: ShaderSource,
    args: readonly BufferArray[],
  ): Promise<GPUBuffer> {
    const pipeline = await this.pipeline(code, () => code)
    const answer = await this.buffer(4 * volumeOf(output))
    try {
      await this.submit((recorder, scratch) => {
        const buffers = [...args.map(({ buffer }) => buffer), answer]
        if (params) buffers.push(this.uniform(scratch, params))
        const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }))
        recorder.pass(pipeline, entries, groups, 0)
      })
      return answer
    } catch (error) {
      answer.destroy()
      throw error
    }
  }

  uniform(scratch: Scratch, words: Uint32Array): GPUBuffer {
    const padded = new Uint32Array(4 * Math.ceil(words.length / 4))
    padded.set(words)
    const buffer = scratch.create(padded.byteLength, USAGE.UNIFORM | USAGE.COPY_DST)
    this.device.queue.writeBuffer(buffer, 0, padded)
    this.ledger.bytesUp += padded.byteLength
    return buffer
  }

  pipeline(key: string, code: () => string): Promise<GPUComputePipeline> {
    let pipeline = this.pipelines.get(key)
    if (!pipeline) {
      this.ledger.kernels++
      const module = this.device.createShaderModule({ code: code() })
      pipeline = this.device.createComputePipelineAsync({
        layout: 'auto',
        compute: { module, entryPoint: 'main' },
      })
      pipeline.catch(() => this.pipelines.delete(key))
      this.pipelines.set(key, pipeline)
    }
    return pipeline
  }

  /** Runs what must not be interleaved with other calls; `failed` rejects with what the device said to it. */
  scoped<T extends object>(encode: () => T): T & { readonly failed: Promise<void> } {
    const pop = this.watch()
    try {
      const made = encode()
      const failed = pop()
      failed.catch(() => undefined)
      return { ...made, failed }
    } catch (error) {
      pop().catch(() => undefined)
      throw error
    }
  }

  /**
   * Work that awaits on the way, such as a kernel of GPU.js. One at a time: scopes are a stack, so `scoped` calls may
   * come between, which open and close theirs at once, but no other of these.
   */
  async guarded<T>(work: () => Promise<T>): Promise<T> {
    const pop = this.watch()
    let result
    try {
      result = await work()
    } catch (error) {
      pop().catch(() => undefined)
      throw error
    }
    await pop()
    return result
  }

  /** Opens error scopes; the function that it gives closes them, and rejects with what was said. */
  private watch(): () => Promise<void> {
    const { device } = this
    const kinds = ['internal', 'validation', 'out-of-memory'] as const
    for (const kind of kinds) device.pushErrorScope(kind)
    return () =>
      Promise.all(kinds.map(() => device.popErrorScope())).then(([memory, ...others]) => {
        if (memory) throw new OutOfMemory(memory.message)
        const other = others.find((error) => error)
        if (other) throw new Error(other.message)
      })
  }

  private record(encode: (recorder: Recorder, scratch: Scratch) => void, scratch: Scratch): object {
    const recorder = new Recorder(this.device, this.ledger)
    encode(recorder, scratch)
    recorder.submit()
    return {}
  }
}
