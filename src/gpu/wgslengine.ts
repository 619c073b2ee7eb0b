import { LinAlgError } from '../linalg/errors.js'
import { runAsync } from '../linalg/steps.js'
import { Recorder, Scratch, USAGE, prepare } from './encode.js'
import { paddedTo4 } from './engine.js'
import type { Block, Engine, Limits, Pack } from './engine.js'
import { GpuLostError, GpuMemoryError } from './errors.js'
import { adapterName } from './gpujs.js'
import type { Context } from './gpujs.js'
import { Tuner } from './tune.js'
import type { Choice, Timing } from './tune.js'
import { productSource, reduceSource } from './wgsl.js'
import type { Variant } from './wgsl.js'

// Products in WGSL on the device that GPU.js uses. What a product needs lives as long as the product; what
// goes wrong on the way is caught by error scopes, so that no call fails silently or leaves a buffer behind.

/** Rows are uploaded in pieces of about so many bytes, with a turn of the event loop between them. */
const PIECE = 2 ** 22
/** The device catches up after so many pieces, lest they all wait in the host's memory. */
const PIECES = 32

export interface WgslBlock extends Block {
  readonly buffer: GPUBuffer
}

export class WgslEngine implements Engine {
  readonly backend = 'webgpu'
  readonly renderer: string
  readonly limits: Limits
  lost: GpuLostError | undefined
  readonly device: GPUDevice
  private readonly tuner: Tuner
  private readonly pipelines = new Map<string, Promise<GPUComputePipeline>>()

  constructor(
    readonly context: Context,
    private readonly software: boolean,
    private readonly end: () => void,
    variant?: Variant,
  ) {
    const device = context.device
    this.device = device
    this.renderer = adapterName(context.adapter)
    const { maxStorageBufferBindingSize, maxBufferSize } = device.limits
    this.limits = {
      bytes: Math.min(maxStorageBufferBindingSize, maxBufferSize),
      side: 2 ** 30,
      columns: 1024,
    }
    this.tuner = new Tuner(software, variant, (choice, timing) => this.time(choice, timing))
    void device.lost.then(() => {
      this.lost = new GpuLostError('openGpu')
    })
  }

  paddedColumns(k: number): number {
    return paddedTo4(k)
  }

  async upload(rows: number, cols: number, pack: Pack): Promise<WgslBlock> {
    const stride = 4 * paddedTo4(cols)
    const { buffer, failed } = this.scoped(() => ({
      // New buffers are zero, so the padding rows are there already.
      buffer: this.device.createBuffer({
        size: paddedTo4(rows) * stride,
        usage: USAGE.STORAGE | USAGE.COPY_DST | USAGE.COPY_SRC,
      }),
    }))
    try {
      await failed
      const piece = Math.max(1, Math.floor(PIECE / stride))
      const { queue } = this.device
      await runAsync(
        (function* () {
          for (let first = 0, i = 1; first < rows; first += piece, i++) {
            queue.writeBuffer(
              buffer,
              first * stride,
              pack(first, Math.min(piece, rows - first)) as BufferSource,
            )
            yield i % PIECES === 0 ? { wait: queue.onSubmittedWorkDone() } : {}
          }
        })(),
      )
      // Room may be promised at creation and missed at the first write.
      await this.scoped(() => ({})).failed
    } catch (error) {
      buffer.destroy()
      throw error
    }
    return { rows, cols, buffer, free: () => buffer.destroy() }
  }

  async multiply(A: Block, transposed: boolean, X: Float32Array, k: number): Promise<Float32Array> {
    return this.chain(A as WgslBlock, X, k, [transposed])
  }

  async normal(A: Block, X: Float32Array, k: number): Promise<Float32Array> {
    return this.chain(A as WgslBlock, X, k, [false, true])
  }

  /** Products with A or Aᵀ one after the other; only the last answer is read. */
  private async chain(
    { rows, cols, buffer }: WgslBlock,
    X: Float32Array,
    k: number,
    path: readonly boolean[],
  ): Promise<Float32Array> {
    const { device, software } = this
    const choices = await Promise.all(
      path.map((transposed) => this.tuner.choose(transposed, k, 2 * rows * cols * k)),
    )
    const pipelines = await Promise.all(choices.map((choice) => this.pipelinesOf(choice)))
    const scratch = new Scratch(device)
    try {
      const { staging, failed } = this.scoped(() => {
        const recorder = new Recorder(device)
        let operand = scratch.create(X.byteLength, USAGE.STORAGE | USAGE.COPY_DST)
        device.queue.writeBuffer(operand, 0, X as BufferSource)
        choices.forEach((choice, i) => {
          const product = { rows, cols, A: buffer, X: operand, k, choice }
          const { answer, record } = prepare(product, pipelines[i]!, software, scratch)
          record(recorder)
          operand = answer
        })
        const staging = scratch.create(operand.size, USAGE.MAP_READ | USAGE.COPY_DST)
        recorder.copy(operand, staging)
        recorder.submit()
        return { staging }
      })
      const mapped = staging.mapAsync(1)
      mapped.catch(() => undefined)
      await failed
      await mapped
      return new Float32Array(staging.getMappedRange().slice(0))
    } finally {
      scratch.destroy()
    }
  }

  /** Seconds that `repeats` products of the timing's shape take. */
  private async time(choice: Choice, { rows, cols, k, repeats }: Timing): Promise<number> {
    const { device, software } = this
    const pipelines = await this.pipelinesOf(choice)
    const scratch = new Scratch(device)
    try {
      const { failed } = this.scoped(() => {
        const A = scratch.create(4 * rows * cols, USAGE.STORAGE)
        const X = scratch.create(4 * k * Math.max(rows, cols), USAGE.STORAGE)
        const { record } = prepare({ rows, cols, A, X, k, choice }, pipelines, software, scratch)
        const recorder = new Recorder(device)
        for (let i = 0; i < repeats; i++) record(recorder)
        recorder.submit()
        return {}
      })
      const start = performance.now()
      await device.queue.onSubmittedWorkDone()
      const seconds = (performance.now() - start) / 1000
      await failed
      return seconds
    } finally {
      scratch.destroy()
    }
  }

  private async pipelinesOf({ variant, transposed }: Choice) {
    const [product, reduce] = await Promise.all([
      this.pipeline(`${variant.name} ${transposed}`, () => productSource(variant, transposed)),
      this.pipeline('reduce', () => reduceSource),
    ])
    return { product, reduce }
  }

  private pipeline(key: string, code: () => string): Promise<GPUComputePipeline> {
    let pipeline = this.pipelines.get(key)
    if (!pipeline) {
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
  private scoped<T extends object>(encode: () => T): T & { readonly failed: Promise<void> } {
    const { device } = this
    const kinds = ['internal', 'validation', 'out-of-memory'] as const
    for (const kind of kinds) device.pushErrorScope(kind)
    const pop = (): Promise<void> =>
      Promise.all(kinds.map(() => device.popErrorScope())).then(([memory, ...others]) => {
        if (memory) throw new OutOfMemory(memory.message)
        const other = others.find((error) => error)
        if (other) throw new Error(other.message)
      })
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

  async explain(error: unknown, fn: string): Promise<Error> {
    if (error instanceof LinAlgError) return error
    // A product may fail a little before the device says that it is gone.
    await Promise.race([this.device.lost, new Promise((resolve) => setTimeout(resolve, 100))])
    if (this.lost) return new GpuLostError(fn, { cause: error })
    // Where a size is beyond all, the platform throws a RangeError without asking the device.
    if (error instanceof OutOfMemory || error instanceof RangeError) {
      return new GpuMemoryError(fn, error.message, { cause: error })
    }
    return error instanceof Error ? error : new Error(String(error))
  }

  destroy(): void {
    this.end()
  }
}

/** What the device says of itself, before it is known whose call it was. */
class OutOfMemory extends Error {}
