import type { GpuLostError } from './errors.js'

// What a device can do, in the two forms that this folder has: WGSL on WebGPU (wgslengine.ts) and GPU.js
// kernels on every backend (kernelengine.ts). matrix.ts is written against this alone.

/** What really runs. */
export type Backend = 'webgpu' | 'webgl2' | 'webgl' | 'headlessgl' | 'webasm' | 'cpu'

/** A float32 matrix on the device, both sides padded with zeros to multiples of 4. */
export interface Block {
  readonly rows: number
  readonly cols: number
  free(): void
}

/** Rows `first` … `first + count` as row-major float32 of `paddedTo4(cols)` columns, zeros beyond the end. */
export type Pack = (first: number, count: number) => Float32Array

/** How large one block and one thin operand may be. */
export interface Limits {
  /** Bytes of one block, and of one thin operand. */
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
  /** Set once the device is gone. */
  readonly lost: GpuLostError | undefined
  /** What the k columns of a thin operand are padded to. */
  paddedColumns(k: number): number
  upload(rows: number, cols: number, pack: Pack): Promise<Block>
  /**
   * A·X, or Aᵀ·X where `transposed`: `X` has a row for each padded inner index and `k` padded columns; the
   * answer is row-major with `k` columns and at least as many rows as the product.
   */
  multiply(A: Block, transposed: boolean, X: Float32Array, k: number): Promise<Float32Array>
  /** AᵀA·X without leaving the device, where the engine can. */
  normal?(A: Block, X: Float32Array, k: number): Promise<Float32Array>
  /** Sorts an error of the device into the library's errors. */
  explain(error: unknown, fn: string): Promise<Error>
  destroy(): void
}

export const paddedTo4 = (n: number): number => 4 * Math.ceil(n / 4)
