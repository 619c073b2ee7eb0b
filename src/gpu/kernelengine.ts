import { KernelCache } from './cache.js'
import { paddedTo4 } from './engine.js'
import type { Block, Engine, Limits, Pack } from './engine.js'
import { GpuLostError, GpuMemoryError } from './errors.js'
import { release } from './gpujs.js'
import type { Cells, HostArgument, Kernel, Resident, Session } from './gpujs.js'
import { gemmSource, uploadSource } from './kernels.js'
import { LinAlgError } from '../linalg/errors.js'

// Products as GPU.js kernels: the form that runs on every backend. A matrix is resident where the backend has
// memory of its own (a texture, a buffer), and an ordinary argument on webasm and cpu, which have none.

/** How many kernels may stay built. */
const KERNELS = 32

interface KernelBlock extends Block {
  readonly argument: HostArgument | Resident
}

/** A way of its own to make matrices resident: in WebGPU buffers. */
export interface Place {
  upload(rows: number, cols: number, pack: Pack): Promise<KernelBlock>
  destroy(): void
}

export class KernelEngine implements Engine {
  readonly backend
  readonly renderer
  readonly limits: Limits
  private gone: GpuLostError | undefined
  private readonly cache = new KernelCache<Kernel>(KERNELS)
  private queue: Promise<unknown> = Promise.resolve()

  constructor(
    private readonly session: Session,
    private readonly place?: Place,
  ) {
    this.backend = session.backend
    this.renderer = session.renderer
    // 2^24 numbers: beyond it flat indexes inside GPU.js are inexact, and one draw would take too long.
    this.limits = { bytes: 2 ** 26, side: session.maxSide - (session.maxSide % 4), columns: 128 }
  }

  get lost(): GpuLostError | undefined {
    if (this.gone === undefined && this.session.isLost()) this.gone = new GpuLostError('openGpu')
    return this.gone
  }

  /** Few different widths, so that methods whose rank grows do not build a kernel for each. */
  paddedColumns(k: number): number {
    return k <= 4 ? k + (k % 2) : 8 * Math.ceil(k / 8)
  }

  async upload(rows: number, cols: number, pack: Pack): Promise<KernelBlock> {
    if (this.place) return this.place.upload(rows, cols, pack)
    const [m, n] = [paddedTo4(rows), paddedTo4(cols)]
    const argument = this.session.argument(pack(0, m), m, n)
    if (this.backend === 'cpu' || this.backend === 'webasm') {
      return { rows, cols, argument, free: () => undefined }
    }
    // This kernel holds a copy of the block on the host and on the device, so it does not stay.
    const kernel = this.session.kernel(uploadSource, [n, m], true)
    let resident: Resident | undefined
    try {
      resident = (await kernel.run(argument)) as Resident
      kernel.destroy()
      this.session.check('gpu.matrix')
      const held = resident
      return { rows, cols, argument: held, free: () => release(held) }
    } catch (error) {
      kernel.destroy()
      if (resident) release(resident)
      throw error
    }
  }

  /** One product at a time: a kernel must not leave the cache while it runs. */
  multiply(A: Block, transposed: boolean, X: Float32Array, k: number): Promise<Float32Array> {
    const answer = this.queue.then(() => this.runProduct(A, transposed, X, k))
    this.queue = answer.catch(() => undefined)
    return answer
  }

  private async runProduct(A: Block, transposed: boolean, X: Float32Array, k: number): Promise<Float32Array> {
    const M = paddedTo4(transposed ? A.cols : A.rows)
    const K = paddedTo4(transposed ? A.rows : A.cols)
    const key = `${transposed ? 'Aᵀ' : 'A'} ${M} ${K} ${k}`
    const kernel = this.cache.get(key, () =>
      this.session.kernel(gemmSource(transposed, K), [k / 2, M / 2], false),
    )
    try {
      const cells = await kernel.run((A as KernelBlock).argument, this.session.argument(X, K, k))
      this.session.check('gpu')
      return flatten(cells as Cells, M, k)
    } catch (error) {
      // A kernel whose run failed may be half built.
      this.cache.drop(key)
      throw error
    }
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- by contract
  async explain(error: unknown, fn: string): Promise<Error> {
    if (this.lost) return new GpuLostError(fn, { cause: error })
    if (error instanceof LinAlgError) return error
    // The host's own memory: WebAssembly's, or an array's.
    if (error instanceof RangeError) return new GpuMemoryError(fn, error.message, { cause: error })
    return error instanceof Error ? error : new Error(String(error))
  }

  destroy(): void {
    this.cache.clear()
    this.session.destroy()
    this.place?.destroy()
  }
}

/** Cells of 2×2 as row-major numbers. */
function flatten(cells: Cells, rows: number, cols: number): Float32Array {
  const out = new Float32Array(rows * cols)
  for (let y = 0; y < rows / 2; y++) {
    const row = cells[y]!
    for (let x = 0, o = 2 * y * cols; x < cols / 2; x++, o += 2) {
      const cell = row[x]!
      out[o] = cell[0]!
      out[o + 1] = cell[1]!
      out[o + cols] = cell[2]!
      out[o + cols + 1] = cell[3]!
    }
  }
  return out
}
