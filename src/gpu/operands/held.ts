import { DisposedError } from '../../linalg/errors.js'
import type { Steps } from '../../linalg/steps.js'
import type { Engine, Limits } from '../engines/engine.js'

/** A device that lives until `release`. */
export interface Lease {
  /** Runs work on it; errors come sorted. */
  run<T>(work: (engine: Engine) => Promise<T>): Promise<T>
  release(): void
}

/** Leases the device on behalf of a function, or throws. */
export type Borrow = (fn: string) => Lease

/** Where an operand is made. */
export interface Site {
  readonly engine: Engine
  readonly limits: Limits
  /** What the operand lies in; `free` gives it back. */
  hold(what: string, free: () => void): Held
}

/** The life of what lies on a device: it is freed when it is disposed, after the work that is running. */
export class Held {
  private running = 0
  private disposed = false

  constructor(
    /** In the words of an error: 'the matrix on the GPU'. */
    private readonly what: string,
    private readonly borrow: Borrow,
    private readonly free: () => void,
    private readonly forget: (held: Held) => void,
  ) {}

  /** Runs steps that use it on behalf of a function; it and its device live until they end. */
  *use<T>(fn: string, work: (lease: Lease) => Steps<T>): Steps<T> {
    if (this.disposed) throw new DisposedError(fn, this.what)
    const lease = this.borrow(fn)
    this.running++
    try {
      return yield* work(lease)
    } finally {
      this.running--
      if (this.disposed && this.running === 0) this.free()
      lease.release()
    }
  }

  dispose(): void {
    if (this.disposed) return
    this.disposed = true
    this.forget(this)
    if (this.running === 0) this.free()
  }
}
