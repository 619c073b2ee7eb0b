import type { Columns } from './stage.js'
import { breath } from '../steps.js'
import type { Steps } from '../steps.js'
import type { Workspace } from '../wasm/workspace.js'

// A QR iteration on a tridiagonal or bidiagonal matrix makes sweeps of plane rotations, n² of them in all,
// that its vectors must follow. They are collected and applied many sweeps at a time, so that each entry of
// the vectors goes to memory and back a few times and not n times.

/** Numbers of a batch: 128 KiB of rotations stay in the second-level cache while strip after strip passes by. */
const CAPACITY = 2 ** 14
/** Rows times rotations between two breaths: two or three milliseconds. */
const STRETCH = 4e6

/** Rotations of neighbouring columns of `target`, which may have no rows: then they go nowhere. */
export class Rotations {
  readonly #ws: Workspace
  readonly #target: Columns
  readonly #at: number
  readonly #work: number
  readonly #capacity: number
  #used = 0
  #count = 0

  constructor(ws: Workspace, target: Columns, capacity = CAPACITY) {
    this.#ws = ws
    this.#target = target
    this.#capacity = Math.max(capacity, 2 * target.cols)
    this.#at = ws.alloc64(this.#capacity)
    this.#work = ws.alloc64(8 * target.cols)
  }

  /** True where a sweep of `length` rotations can be opened without a flush. */
  fits(length: number): boolean {
    return this.#used + 2 + 2 * length <= this.#capacity
  }

  /**
   * Opens a sweep for columns (first, first + 1) and then those after it (step 1) or before it (step −1).
   * Returns the index in `ws.f64` where the caller writes its c, s, c, s, …
   */
  open(first: number, length: number, step: 1 | -1): number {
    const f64 = this.#ws.f64
    const start = this.#at / 8 + this.#used
    f64[start] = first
    f64[start + 1] = step * length
    this.#used += 2 + 2 * length
    this.#count++
    return start + 2
  }

  /** Applies what was collected. */
  *flushSteps(): Steps<void> {
    const { rows, cols, at, ld } = this.#target
    const stretch = Math.max(8, 8 * Math.floor(STRETCH / (4 * Math.max(1, this.#used))))
    for (let i = 0; i < rows && this.#count > 0; i += stretch) {
      const m = Math.min(stretch, rows - i)
      this.#ws.kernels.rotateColumns(m, cols, at + 8 * i, ld, this.#count, this.#at, this.#work)
      yield* breath()
    }
    this.#used = 0
    this.#count = 0
  }
}
