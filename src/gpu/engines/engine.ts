import type { GpuLostError } from '../errors.js'
import type { Ledger } from './ledger.js'

// What a device can do, in the two forms that this folder has: WGSL beside GPU.js kernels on WebGPU
// (wgslengine.ts), and GPU.js kernels alone on every backend (kernelengine.ts). Operands are written against this.

/** What really runs. */
export type Backend = 'webgpu' | 'webgl2' | 'webgl' | 'headlessgl' | 'webasm' | 'cpu'

/** float32 numbers on the device. Kernels index them a[x], a[y][x] or a[z][y][x]; x runs fastest. */
export interface DeviceArray {
  /** [x], [x, y] or [x, y, z] */
  readonly size: readonly number[]
  /** Gives the memory back; again does nothing. */
  free(): void
}

/** A matrix on the device, both sides padded with zeros to multiples of 4: of size [cols, rows], padded. */
export interface Block extends DeviceArray {
  readonly rows: number
  readonly cols: number
}

/** Rows `first` … `first + count` as row-major float32 of `paddedTo4(cols)` columns, zeros beyond the end. */
export type Pack = (first: number, count: number) => Float32Array

/** A GPU.js kernel: its text, with all sizes baked in, and the size of what it makes. */
export interface KernelSource {
  readonly source: string
  readonly output: readonly number[]
}

/** A compute shader: bindings 0 … are the arguments, then the answer, then `params` as a uniform where there are any. */
export interface ShaderSource {
  readonly code: string
  readonly output: readonly number[]
  /** Workgroups along x, y, z. */
  readonly groups: readonly [number, number, number]
  /** Words of the uniform, padded to 16 bytes. */
  readonly params?: Uint32Array
}

/** How large one array and one thin operand may be. */
export interface Limits {
  /** Bytes of one array. */
  readonly bytes: number
  /** The longest side. */
  readonly side: number
  /** The most columns of a thin operand. */
  readonly columns: number
}

export interface Engine {
  readonly backend: Backend
  /** Who computes, in the device's own words. */
  readonly renderer: string
  readonly limits: Limits
  /** What has crossed and what is there. */
  readonly ledger: Ledger
  /** Set once the device is gone. */
  readonly lost: GpuLostError | undefined
  /** What the k columns of a thin operand are padded to. */
  paddedColumns(k: number): number
  upload(rows: number, cols: number, pack: Pack): Promise<Block>
  /** Puts numbers on the device: 'held' for many kernels, 'passing' for one. */
  array(data: Float32Array, size: readonly number[], use: 'held' | 'passing'): Promise<DeviceArray>
  /** Zeros that `write` fills a part at a time, where the device can. */
  zeros?(size: readonly number[]): Promise<DeviceArray>
  /** Writes numbers from index `first` on into what `zeros` or `array` made. */
  write?(array: DeviceArray, first: number, data: Float32Array): Promise<void>
  /** Runs a kernel; what it makes stays. */
  run(kernel: KernelSource, args: readonly DeviceArray[]): Promise<DeviceArray>
  /** Runs a kernel; what it makes comes to the host, x fastest. */
  compute(kernel: KernelSource, args: readonly DeviceArray[]): Promise<Float32Array>
  /** Runs a shader, where there are shaders: its ratio to kernels is above 2, or its integers must be exact. */
  shade?(shader: ShaderSource, args: readonly DeviceArray[]): Promise<DeviceArray>
  read(array: DeviceArray): Promise<Float32Array>
  /** The same numbers, or the first of them, under another size; to free it does nothing. */
  view(array: DeviceArray, size: readonly number[]): DeviceArray
  /**
   * A·X, or Aᵀ·X where `transposed`: `X` has a row for each padded inner index and `k` padded columns; the
   * answer is row-major with `k` columns and at least as many rows as the product.
   */
  multiply(A: Block, transposed: boolean, X: Float32Array, k: number): Promise<Float32Array>
  /** The same of an X of size [k, padded inner] that is there; what it makes stays, of size [k, padded outer]. */
  product(A: Block, transposed: boolean, X: DeviceArray): Promise<DeviceArray>
  /** AᵀA·X without leaving the device, where the engine can. */
  normal?(A: Block, X: Float32Array, k: number): Promise<Float32Array>
  /** Sorts an error of the device into the library's errors. */
  explain(error: unknown, fn: string): Promise<Error>
  destroy(): void
}

export const paddedTo4 = (n: number): number => 4 * Math.ceil(n / 4)

export const volumeOf = (size: readonly number[]): number => size.reduce((product, side) => product * side, 1)

/** Arrays that live as long as a call: whatever `own` was given is freed when the work ends, or fails. */
export async function withScratch<T>(
  work: (own: <A extends DeviceArray>(array: A) => A) => Promise<T>,
): Promise<T> {
  const owned: DeviceArray[] = []
  try {
    return await work((array) => {
      owned.push(array)
      return array
    })
  } finally {
    for (const array of owned) array.free()
  }
}
