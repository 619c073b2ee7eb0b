import { LinAlgError } from '../../linalg/errors.js'
import { paddedTo4, withScratch } from './engine.js'
import type { Block, DeviceArray, Engine, KernelSource, Limits, Pack } from './engine.js'
import { GpuLostError, GpuMemoryError } from '../errors.js'
import type { Cells, Session } from './gpujs.js'
import { KernelRunner } from './kernelrunner.js'
import type { KernelArray } from './kernelrunner.js'
import { copySource, productKernel, residentProductKernel } from './kernels.js'
import { Ledger } from './ledger.js'

// Everything as GPU.js kernels: the form that runs on every backend. An array is resident where the backend has
// memory of its own (a texture, a buffer), and an ordinary argument on webasm and cpu, which have none.

/** A way of its own to make arrays resident: in WebGPU buffers. */
export interface Home {
  readonly ledger: Ledger
  array(data: Float32Array, size: readonly number[]): Promise<KernelArray>
  upload(rows: number, cols: number, pack: Pack): Promise<Block & KernelArray>
  destroy(): void
}

export class KernelEngine implements Engine {
  readonly backend
  readonly renderer: string
  readonly limits: Limits
  readonly ledger: Ledger
  readonly normal?: NonNullable<Engine['normal']>
  private gone: GpuLostError | undefined
  private readonly kernels: KernelRunner

  constructor(
    private readonly session: Session,
    private readonly home?: Home,
  ) {
    const { backend } = session
    this.backend = backend
    this.renderer = session.renderer
    this.ledger = home?.ledger ?? new Ledger()
    this.kernels = new KernelRunner(session, this.ledger)
    // 2^24 numbers: beyond it flat indexes inside GPU.js are inexact, and one draw would take too long.
    this.limits = { bytes: 2 ** 26, side: session.maxSide - (session.maxSide % 4), columns: 128 }
    // webasm and cpu would win nothing by staying where they are.
    if (backend.includes('gl')) this.normal = (A, X, k) => this.chain(A, X, k)
  }

  get lost(): GpuLostError | undefined {
    if (this.gone === undefined && this.session.isLost()) this.gone = new GpuLostError('openGpu')
    return this.gone
  }

  /** Few different widths, so that methods whose rank grows do not build a kernel for each. */
  paddedColumns(k: number): number {
    return k <= 4 ? k + (k % 2) : 8 * Math.ceil(k / 8)
  }

  async upload(rows: number, cols: number, pack: Pack): Promise<Block> {
    if (this.home) return this.home.upload(rows, cols, pack)
    const [m, n] = [paddedTo4(rows), paddedTo4(cols)]
    const array = await this.kernels.held(pack(0, m), [n, m])
    return { ...array, rows, cols }
  }

  async array(data: Float32Array, size: readonly number[], use: 'held' | 'passing'): Promise<DeviceArray> {
    if (this.home) return this.home.array(data, size)
    return use === 'held' ? this.kernels.held(data, size) : this.kernels.passing(data, size)
  }

  run(kernel: KernelSource, args: readonly DeviceArray[]): Promise<DeviceArray> {
    return this.kernels.run(kernel, args)
  }

  compute(kernel: KernelSource, args: readonly DeviceArray[]): Promise<Float32Array> {
    return this.kernels.compute(kernel, args)
  }

  read(array: DeviceArray): Promise<Float32Array> {
    return this.compute({ source: copySource(array.size.length), output: array.size }, [array])
  }

  view(array: DeviceArray, size: readonly number[]): DeviceArray {
    return this.kernels.view(array as KernelArray, size)
  }

  multiply(A: Block, transposed: boolean, X: Float32Array, k: number): Promise<Float32Array> {
    const inner = paddedTo4(transposed ? A.rows : A.cols)
    return withScratch(async (own) =>
      this.cells(A, transposed, own(await this.array(X, [k, inner], 'passing'))),
    )
  }

  async product(A: Block, transposed: boolean, X: DeviceArray): Promise<DeviceArray> {
    const k = X.size[0]!
    if (!this.kernels.hosted) return this.run(residentProductKernel(A, transposed, k), [A, X])
    const data = await this.cells(A, transposed, X)
    return this.kernels.onHost(data, [k, data.length / k])
  }

  /** The product that comes to the host, by the fastest of the kernels. */
  private cells(A: Block, transposed: boolean, X: DeviceArray): Promise<Float32Array> {
    const k = X.size[0]!
    const outer = paddedTo4(transposed ? A.cols : A.rows)
    const kernel = productKernel(A, transposed, k)
    return this.kernels.computeWith(kernel, [A, X], (cells) => flattenCells(cells as Cells, outer, k))
  }

  private chain(A: Block, X: Float32Array, k: number): Promise<Float32Array> {
    return withScratch(async (own) => {
      const x = own(await this.array(X, [k, paddedTo4(A.cols)], 'passing'))
      const AX = own(await this.product(A, false, x))
      return this.compute(residentProductKernel(A, true, k), [A, AX])
    })
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
    this.kernels.clear()
    this.session.destroy()
    this.home?.destroy()
  }
}

/** Cells of 2×2 as row-major numbers. */
function flattenCells(cells: Cells, rows: number, cols: number): Float32Array {
  const out = new Float32Array(rows * cols)
  const packed = packedCells(cells, rows * cols)
  for (let y = 0; y < rows / 2; y++) {
    const row = cells[y]!
    for (let x = 0, o = 2 * y * cols; x < cols / 2; x++, o += 2) {
      const cell = packed ?? row[x]!
      const c = packed ? 2 * (y * cols + 2 * x) : 0
      out[o] = cell[c]!
      out[o + 1] = cell[c + 1]!
      out[o + cols] = cell[c + 2]!
      out[o + cols + 1] = cell[c + 3]!
    }
  }
  return out
}

/** The one buffer that the cells are views of, as they are on webasm: reading each view takes longer. */
function packedCells(cells: Cells, length: number): Float32Array | undefined {
  const { buffer } = cells[0]![0]! as Partial<Float32Array>
  return buffer?.byteLength === 4 * length ? new Float32Array(buffer) : undefined
}
