import { LinAlgError } from '../../linalg/errors.js'
import { USAGE, prepare } from './encode.js'
import type { Scratch } from './encode.js'
import { paddedTo4, volumeOf } from './engine.js'
import type { Block, DeviceArray, Engine, KernelSource, Limits, Pack, ShaderSource } from './engine.js'
import { GpuLostError, GpuMemoryError } from '../errors.js'
import { adapterName, borrowed, bufferOf, openSession, reshaped } from './gpujs.js'
import type { Context, GpuJs, Resident, Session } from './gpujs.js'
import type { Home } from './kernelengine.js'
import { KernelRunner } from './kernelrunner.js'
import type { KernelArray } from './kernelrunner.js'
import { Ledger } from './ledger.js'
import { Tuner } from './tune.js'
import type { Choice, Timing } from './tune.js'
import { productSource, reduceSource } from './wgsl.js'
import type { Variant } from './wgsl.js'
import { OutOfMemory, WgslDevice } from './wgsldevice.js'
import type { BufferArray } from './wgsldevice.js'

// WebGPU: products and what wants exact integers in WGSL, all else as GPU.js kernels, on one device and on the same
// buffers.

type Array = BufferArray & KernelArray

export class WgslEngine implements Engine, Home {
  readonly backend = 'webgpu'
  readonly renderer: string
  readonly limits: Limits
  readonly ledger = new Ledger()
  lost: GpuLostError | undefined
  private readonly gpu: WgslDevice
  private readonly tuner: Tuner
  private session: Session | undefined
  private runner: KernelRunner | undefined

  constructor(
    private readonly js: GpuJs,
    private readonly context: Context,
    private readonly software: boolean,
    private readonly end: () => void,
    variant?: Variant,
  ) {
    const { device } = context
    this.gpu = new WgslDevice(device, this.ledger)
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

  async upload(rows: number, cols: number, pack: Pack): Promise<Block & Array> {
    const stride = 4 * paddedTo4(cols)
    // New buffers are zero, so the padding rows are there already.
    const buffer = await this.gpu.buffer(paddedTo4(rows) * stride, (to) =>
      this.gpu.write(to, rows, stride, pack),
    )
    return { ...this.taken(buffer, [paddedTo4(cols), paddedTo4(rows)]), rows, cols }
  }

  async array(data: Float32Array, size: readonly number[]): Promise<Array> {
    const write = (to: GPUBuffer) =>
      this.gpu.write(to, data.length, 4, (first, count) => data.subarray(first, first + count))
    return this.taken(await this.gpu.buffer(data.byteLength, write), size)
  }

  async zeros(size: readonly number[]): Promise<Array> {
    return this.taken(await this.gpu.buffer(4 * volumeOf(size)), size)
  }

  write(array: DeviceArray, first: number, data: Float32Array): Promise<void> {
    const part = (from: number, count: number): Float32Array => data.subarray(from, from + count)
    return this.gpu.write((array as Array).buffer, data.length, 4, part, 4 * first)
  }

  async run(kernel: KernelSource, args: readonly DeviceArray[]): Promise<Array> {
    const made = await this.kernels.run(kernel, args)
    return { ...made, buffer: bufferOf(made.argument as Resident) }
  }

  async compute(kernel: KernelSource, args: readonly DeviceArray[]): Promise<Float32Array> {
    const made = await this.run(kernel, args)
    try {
      return await this.read(made)
    } finally {
      made.free()
    }
  }

  async shade(shader: ShaderSource, args: readonly DeviceArray[]): Promise<Array> {
    return this.taken(await this.gpu.shade(shader, args as readonly Array[]), shader.output)
  }

  read(array: DeviceArray): Promise<Float32Array> {
    return this.gpu.read(array as Array)
  }

  view(array: DeviceArray, size: readonly number[]): Array {
    const { buffer, argument } = array as Array
    return { size, buffer, argument: reshaped(argument, size), passing: false, free: () => undefined }
  }

  multiply(A: Block, transposed: boolean, X: Float32Array, k: number): Promise<Float32Array> {
    return this.chain(A as Block & Array, X, k, [transposed])
  }

  normal(A: Block, X: Float32Array, k: number): Promise<Float32Array> {
    return this.chain(A as Block & Array, X, k, [false, true])
  }

  async product(A: Block, transposed: boolean, X: DeviceArray): Promise<Array> {
    const { rows, cols, buffer } = A as Block & Array
    const k = X.size[0]!
    const outer = paddedTo4(transposed ? cols : rows)
    const [form] = await this.forms(rows, cols, k, [transposed])
    const answer = await this.gpu.buffer(4 * outer * k)
    try {
      await this.gpu.submit((recorder, scratch) =>
        prepare(
          { rows, cols, A: buffer, X: (X as Array).buffer, k, ...form! },
          this.software,
          scratch,
          answer,
        ).record(recorder),
      )
      return this.taken(answer, [k, outer])
    } catch (error) {
      answer.destroy()
      throw error
    }
  }

  /** Products with A or Aᵀ one after the other; only the last answer is read. */
  private async chain(
    { rows, cols, buffer: A }: Block & Array,
    X: Float32Array,
    k: number,
    path: readonly boolean[],
  ): Promise<Float32Array> {
    const forms = await this.forms(rows, cols, k, path)
    return this.gpu.fetch((recorder, scratch) => {
      let operand = scratch.create(X.byteLength, USAGE.STORAGE | USAGE.COPY_DST)
      this.context.device.queue.writeBuffer(operand, 0, X as BufferSource)
      this.ledger.bytesUp += X.byteLength
      for (const form of forms) {
        const { answer, record } = prepare({ rows, cols, A, X: operand, k, ...form }, this.software, scratch)
        record(recorder)
        operand = answer
      }
      return operand
    })
  }

  /** Seconds that `repeats` products of the timing's shape take. */
  private async time(choice: Choice, { rows, cols, k, repeats }: Timing): Promise<number> {
    const form = await this.form(choice)
    let start = 0
    await this.gpu.submit((recorder, scratch: Scratch) => {
      const A = scratch.create(4 * rows * cols, USAGE.STORAGE)
      const X = scratch.create(4 * k * Math.max(rows, cols), USAGE.STORAGE)
      const { record } = prepare({ rows, cols, A, X, k, ...form }, this.software, scratch)
      // A long timing is several submissions, the first of which runs while the last is written.
      start = performance.now()
      for (let i = 0; i < repeats; i++) record(recorder)
    })
    await this.context.device.queue.onSubmittedWorkDone()
    return (performance.now() - start) / 1000
  }

  private async forms(rows: number, cols: number, k: number, path: readonly boolean[]) {
    const choices = await Promise.all(
      path.map((transposed) => this.tuner.choose(transposed, k, 2 * rows * cols * k)),
    )
    return Promise.all(choices.map((choice) => this.form(choice)))
  }

  private async form(choice: Choice) {
    const { variant, transposed } = choice
    const [product, reduce] = await Promise.all([
      this.gpu.pipeline(`${variant.name} ${transposed}`, () => productSource(variant, transposed)),
      this.gpu.pipeline('reduce', () => reduceSource),
    ])
    return { choice, product, reduce }
  }

  /** GPU.js on this device; opened with the first kernel. */
  private get kernels(): KernelRunner {
    this.session ??= openSession(this.js, 'webgpu', this.context)
    return (this.runner ??= new KernelRunner(this.session, this.ledger, (work) => this.gpu.guarded(work)))
  }

  private taken(buffer: GPUBuffer, size: readonly number[]): Array {
    const argument = borrowed(this.js, this.context, buffer, size)
    return { size, buffer, argument, passing: false, free: this.ledger.held(() => buffer.destroy()) }
  }

  async explain(error: unknown, fn: string): Promise<Error> {
    if (error instanceof LinAlgError) return error
    // A product may fail a little before the device says that it is gone.
    await Promise.race([this.context.device.lost, new Promise((resolve) => setTimeout(resolve, 100))])
    if (this.lost) return new GpuLostError(fn, { cause: error })
    // Where a size is beyond all, the platform throws a RangeError without asking the device.
    if (error instanceof OutOfMemory || error instanceof RangeError) {
      return new GpuMemoryError(fn, error.message, { cause: error })
    }
    return error instanceof Error ? error : new Error(String(error))
  }

  destroy(): void {
    this.runner?.clear()
    this.session?.destroy()
    this.end()
  }
}
