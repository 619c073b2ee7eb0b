import { MemoryError } from '../errors.js'
import { PAGE } from './kernels.js'
import type { KernelInstance, KernelVariant, Kernels } from './kernels.js'
import { chooseKernels, instantiate, kernelsInUse } from './load.js'

/** Idle workspaces that are kept for the next call. */
const KEEP = 2
/** A workspace that grew beyond this many bytes is dropped: WebAssembly memory cannot shrink. */
const CAP = 64 * 2 ** 20
/** Growth comes in steps of this many bytes. */
const STEP = 2 ** 20
/** Addresses have 32 bits. */
const LIMIT = 2 ** 32 - PAGE

const idle: Workspace[] = []

/**
 * Kernels, their memory, and a stack in it. A method acquires one, allocates, calls kernels on what it
 * allocated, and releases it; whoever is called in between gets it passed on and leaves the stack as it was:
 *
 * ```ts
 * const mark = ws.mark()
 * const x = ws.alloc64(n)
 * const f64 = ws.f64          // after allocating: growth replaces the views
 * f64.set(values, x / 8)
 * …
 * ws.reset(mark)
 * ```
 */
export class Workspace {
  readonly kernels: Kernels
  readonly variant: KernelVariant
  readonly #instance: KernelInstance
  #top: number
  #f64: Float64Array
  #f32: Float32Array

  constructor(variant: KernelVariant) {
    this.variant = variant
    this.#instance = instantiate(variant)
    this.kernels = this.#instance.kernels
    this.#top = align(this.#instance.base)
    this.#f64 = new Float64Array(this.#instance.memory.buffer)
    this.#f32 = new Float32Array(this.#instance.memory.buffer)
  }

  /** The memory as float64; address x is index x / 8. Valid until the next allocation. */
  get f64(): Float64Array {
    return this.#f64
  }

  /** The memory as float32; address x is index x / 4. Valid until the next allocation. */
  get f32(): Float32Array {
    return this.#f32
  }

  /** Bytes of memory, used or not. */
  get byteLength(): number {
    return this.#f64.byteLength
  }

  /** The top of the stack, for `reset`. */
  mark(): number {
    return this.#top
  }

  /** Frees what was allocated since the mark. */
  reset(mark: number): void {
    this.#top = mark
  }

  /** Frees everything. */
  clear(): void {
    this.#top = align(this.#instance.base)
  }

  /** The address of room for `count` float64 numbers, whose values are whatever was there. */
  alloc64(count: number): number {
    return this.#alloc(8 * count)
  }

  /** The address of room for `count` float32 numbers. */
  alloc32(count: number): number {
    return this.#alloc(4 * count)
  }

  /** Addresses are multiples of 64, a cache line. */
  #alloc(bytes: number): number {
    const at = this.#top
    const end = align(at + bytes)
    if (end > this.byteLength) this.#grow(end)
    this.#top = end
    return at
  }

  #grow(end: number): void {
    const { memory } = this.#instance
    const target = Math.min(Math.ceil(end / STEP) * STEP, LIMIT)
    try {
      if (end > target) throw new RangeError('32-bit addresses')
      memory.grow((target - this.byteLength) / PAGE)
    } catch {
      throw new MemoryError({
        fn: 'workspace',
        argument: 'memory for dense work',
        expected: `${end} bytes`,
        given: end > LIMIT ? `an address space of ${LIMIT} bytes` : 'a failure to allocate them',
      })
    }
    this.#f64 = new Float64Array(memory.buffer)
    this.#f32 = new Float32Array(memory.buffer)
  }
}

/** A workspace with an empty stack. Holding several at once is fine. */
export function acquire(): Workspace {
  return idle.pop() ?? new Workspace(kernelsInUse())
}

/** Gives a workspace back; what was allocated in it is gone. */
export function release(ws: Workspace): void {
  if (ws.variant !== kernelsInUse() || ws.byteLength > CAP || idle.length >= KEEP || idle.includes(ws)) return
  ws.clear()
  idle.push(ws)
}

/** For tests: forces a variant of the kernels, or goes back to the best. Idle workspaces are dropped. */
export function useKernels(variant: KernelVariant | 'auto'): void {
  chooseKernels(variant)
  idle.length = 0
}

function align(address: number): number {
  return Math.ceil(address / 64) * 64
}
