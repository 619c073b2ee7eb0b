import { LinAlgError } from '../linalg/errors.js'
import { runAsync } from '../linalg/steps.js'
import { paddedTo4 } from './engine.js'
import type { Block, Engine, Limits, Pack } from './engine.js'
import { GpuLostError, GpuMemoryError } from './errors.js'
import { adapterName } from './gpujs.js'
import type { Context } from './gpujs.js'
import { Tuner } from './tune.js'
import type { Choice } from './tune.js'
import { BLOCK, PARAMS, productSource, reduceSource } from './wgsl.js'
import type { Variant } from './wgsl.js'

// Products in WGSL on the device that GPU.js uses. What a product needs lives as long as the product; what
// goes wrong on the way is caught by error scopes, so that no call fails silently or leaves a buffer behind.

// GPUBufferUsage is no global in Node.
const USAGE = { MAP_READ: 1, COPY_SRC: 4, COPY_DST: 8, UNIFORM: 64, STORAGE: 128 }
/** How far apart uniform blocks lie in their buffer. */
const ALIGN = 256
/** Rows are uploaded in pieces of about so many bytes, with a turn of the event loop between them. */
const PIECE = 2 ** 22
/** No slice of the inner index is shorter than this. */
const SHORTEST_SLICE = 256
const LONGEST_DISPATCH = 65535

export interface WgslBlock extends Block {
  readonly buffer: GPUBuffer
}

/** A product to be encoded. */
interface Product {
  readonly A: WgslBlock
  readonly transposed: boolean
  readonly X: GPUBuffer
  readonly k: number
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
          for (let first = 0; first < rows; first += piece) {
            queue.writeBuffer(
              buffer,
              first * stride,
              pack(first, Math.min(piece, rows - first)) as BufferSource,
            )
            yield {}
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
    A: WgslBlock,
    X: Float32Array,
    k: number,
    path: readonly boolean[],
  ): Promise<Float32Array> {
    const choices = await Promise.all(
      path.map((transposed) => this.tuner.choose(transposed, k, 2 * A.rows * A.cols * k)),
    )
    const reduce = await this.pipeline('reduce', reduceSource)
    const pipelines = await Promise.all(choices.map((choice) => this.productPipeline(choice)))
    const temporary: GPUBuffer[] = []
    const create = (size: number, usage: number): GPUBuffer => {
      const buffer = this.device.createBuffer({ size, usage })
      temporary.push(buffer)
      return buffer
    }
    try {
      const { staging, failed } = this.scoped(() => {
        let operand = create(X.byteLength, USAGE.STORAGE | USAGE.COPY_DST)
        this.device.queue.writeBuffer(operand, 0, X as BufferSource)
        path.forEach((transposed, i) => {
          const product = { A, transposed, X: operand, k }
          operand = this.submit(product, choices[i]!, pipelines[i]!, reduce, create)
        })
        const staging = create(operand.size, USAGE.MAP_READ | USAGE.COPY_DST)
        const encoder = this.device.createCommandEncoder()
        encoder.copyBufferToBuffer(operand, 0, staging, 0, operand.size)
        this.device.queue.submit([encoder.finish()])
        return { staging }
      })
      const mapped = staging.mapAsync(1)
      mapped.catch(() => undefined)
      await failed
      await mapped
      return new Float32Array(staging.getMappedRange().slice(0))
    } finally {
      for (const buffer of temporary) buffer.destroy()
    }
  }

  /** Submits one product and gives the buffer of its answer. */
  private submit(
    { A, transposed, X, k }: Product,
    { variant, speed }: Choice,
    pipeline: GPUComputePipeline,
    reduce: GPUComputePipeline,
    create: (size: number, usage: number) => GPUBuffer,
  ): GPUBuffer {
    const M = transposed ? A.cols : A.rows
    const K = transposed ? A.rows : paddedTo4(A.cols)
    const [rowTiles, colTiles] = [Math.ceil(M / variant.bm), Math.ceil(k / variant.bn)]
    const slices = this.slices(Math.ceil(M / 64) * Math.ceil(k / 32), K)
    const slice = BLOCK * Math.ceil(K / slices / BLOCK)
    const used = Math.ceil(K / slice)
    const C = create(M * k * 4, USAGE.STORAGE | USAGE.COPY_SRC)
    const P = used > 1 ? create(used * M * k * 4, USAGE.STORAGE) : C

    // A submission that runs for long is taken for a hanging one, and the device is lost.
    const flopsPerTile = 2 * variant.bm * k * K
    const perSubmit = Math.max(1, Math.min(LONGEST_DISPATCH, Math.floor((speed * 0.05) / flopsPerTile)))
    const submits = Math.ceil(rowTiles / perSubmit)
    const uniforms = create(ALIGN * (submits + 1), USAGE.UNIFORM | USAGE.COPY_DST)
    const words = new Uint32Array((ALIGN / 4) * (submits + 1))
    const parameters = [M, k / 4, K, paddedTo4(A.cols) / 4, slice]
    for (let i = 0; i < submits; i++) words.set([...parameters, i * perSubmit * variant.bm], (ALIGN / 4) * i)
    words.set([(M * k) / 4, 0, used], (ALIGN / 4) * submits)
    this.device.queue.writeBuffer(uniforms, 0, words)

    const pass = (pipeline: GPUComputePipeline, at: number, buffers: GPUBuffer[], groups: number[]): void => {
      const encoder = this.device.createCommandEncoder()
      const compute = encoder.beginComputePass()
      compute.setPipeline(pipeline)
      compute.setBindGroup(
        0,
        this.device.createBindGroup({
          layout: pipeline.getBindGroupLayout(0),
          entries: [
            { binding: 0, resource: { buffer: uniforms, offset: ALIGN * at, size: 4 * PARAMS } },
            ...buffers.map((buffer, i) => ({ binding: i + 1, resource: { buffer } })),
          ],
        }),
      )
      compute.dispatchWorkgroups(groups[0]!, groups[1], groups[2])
      compute.end()
      this.device.queue.submit([encoder.finish()])
    }
    for (let i = 0; i < submits; i++) {
      const tiles = Math.min(perSubmit, rowTiles - i * perSubmit)
      pass(pipeline, i, [A.buffer, X, P], [tiles, colTiles, used])
    }
    if (used > 1) {
      const groups = Math.ceil((M * k) / 4 / 64)
      pass(
        reduce,
        submits,
        [P, C],
        [Math.min(groups, LONGEST_DISPATCH), Math.ceil(groups / LONGEST_DISPATCH), 1],
      )
    }
    return C
  }

  /**
   * Into how many slices the inner index is cut so that the device has enough to do at one time, where the
   * answer has so many tiles. Not a matter of the variant, so that all variants add in the same order.
   */
  private slices(tiles: number, K: number): number {
    const wanted = this.software ? 8 : 1024
    return Math.max(1, Math.min(Math.floor(wanted / tiles), Math.floor(K / SHORTEST_SLICE)))
  }

  /** Seconds that `repeats` products of the timing's shape take. */
  private async time(choice: Choice, [rows, cols, k, repeats]: readonly number[]): Promise<number> {
    const pipeline = await this.productPipeline(choice)
    const reduce = await this.pipeline('reduce', reduceSource)
    const temporary: GPUBuffer[] = []
    const create = (size: number, usage: number): GPUBuffer => {
      const buffer = this.device.createBuffer({ size, usage })
      temporary.push(buffer)
      return buffer
    }
    try {
      const { failed } = this.scoped(() => {
        const buffer = create(4 * rows! * cols!, USAGE.STORAGE)
        const A = { rows: rows!, cols: cols!, buffer, free: () => undefined }
        const X = create(4 * k! * Math.max(rows!, cols!), USAGE.STORAGE)
        for (let i = 0; i < repeats!; i++) {
          this.submit({ A, transposed: choice.transposed, X, k: k! }, choice, pipeline, reduce, create)
        }
        return {}
      })
      const start = performance.now()
      await failed
      await this.device.queue.onSubmittedWorkDone()
      return (performance.now() - start) / 1000
    } finally {
      for (const buffer of temporary) buffer.destroy()
    }
  }

  private productPipeline({ variant, transposed }: Choice): Promise<GPUComputePipeline> {
    return this.pipeline(`${variant.name} ${transposed}`, productSource(variant, transposed))
  }

  private pipeline(key: string, code: string): Promise<GPUComputePipeline> {
    let pipeline = this.pipelines.get(key)
    if (!pipeline) {
      const module = this.device.createShaderModule({ code })
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
        if (memory) throw new GpuMemoryError('gpu', memory.message)
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
    if (error instanceof LinAlgError && !(error instanceof GpuMemoryError)) return error
    // A product may fail a little before the device says that it is gone.
    await Promise.race([this.device.lost, new Promise((resolve) => setTimeout(resolve, 100))])
    if (this.lost) return new GpuLostError(fn, { cause: error })
    // Where a size is beyond all, the platform throws without asking the device.
    if (error instanceof RangeError) return new GpuMemoryError(fn, error.message, { cause: error })
    return error instanceof Error ? error : new Error(String(error))
  }

  destroy(): void {
    this.end()
  }
}
