import { ShapeError, describe } from './errors.js'

// A method is written once, as a generator; a driver runs it. What it yields is either something to wait
// for (a product that may be a Promise), or a breath: nothing to wait for, but a place where the driver
// may report progress, notice an abort, and give the event loop its turn.

/** What `onProgress` is told: `done` of `total` units of the method's own work, and what it is doing. */
export interface Progress {
  /** The public function at work. */
  readonly method: string
  /** What it is doing, in a word or two. */
  readonly stage: string
  /** Units of work that are done, of `total`. */
  readonly done: number
  /** Units of work in all, as far as is known. */
  readonly total: number
}

/** One suspension of a method. `wait` holds a value or a Promise, whose value is sent back. */
export interface Step {
  /** A value or a Promise. */
  readonly wait?: unknown
  /** What `onProgress` is told. */
  readonly progress?: Progress
}

/** A method in its one text: yields at each product, returns its result. */
export type Steps<T> = Generator<Step, T, unknown>

/** Options that every method takes. */
export interface RunOptions {
  /** Aborts between steps: the call throws `signal.reason`. */
  readonly signal?: AbortSignal | undefined
  /** Called between steps. What it throws ends the call. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

const BREATH: Step = Object.freeze({})

/** A place between two blocks of work, at most a few milliseconds apart. */
export function* breath(): Steps<void> {
  yield BREATH
}

/** Reports progress; also a breath. */
export function* report(method: string, stage: string, done: number, total: number): Steps<void> {
  yield { progress: { method, stage, done, total } }
}

/** Waits for a value that may be a Promise. */
export function* wait<T>(value: T | PromiseLike<T>): Steps<T> {
  return (yield { wait: value }) as T
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    value !== null && typeof value === 'object' && typeof (value as { then?: unknown }).then === 'function'
  )
}

/** Runs steps to their end at once. A Promise among them is an error: its operand must say `async: true`. */
export function runSync<T>(steps: Steps<T>, options: RunOptions = {}): T {
  const { signal, onProgress } = options
  let step = signal?.aborted ? steps.throw(signal.reason) : steps.next()
  while (!step.done) {
    const { wait, progress } = step.value
    let failure: { reason: unknown } | undefined
    if (isThenable(wait)) {
      failure = {
        reason: new ShapeError({
          fn: 'matmat/rmatmat',
          argument: 'an operand of a synchronous call',
          expected: 'a matrix (an operand that answers with Promises declares async: true)',
          given: describe(wait),
        }),
      }
    } else {
      failure = attempt(progress, onProgress)
      if (failure === undefined && signal?.aborted) failure = { reason: signal.reason }
    }
    step = failure ? steps.throw(failure.reason) : steps.next(wait)
  }
  return step.value
}

/** How long the async driver works before it gives the event loop a turn. Breaths come a few ms apart. */
const SLICE_MS = 8

/** Runs steps, awaiting what has to be awaited, and gives the event loop a turn at least every 16 ms. */
export async function runAsync<T>(steps: Steps<T>, options: RunOptions = {}): Promise<T> {
  const { signal, onProgress } = options
  let since = performance.now()
  let step = signal?.aborted ? steps.throw(signal.reason) : steps.next()
  while (!step.done) {
    const { wait, progress } = step.value
    let failure = attempt(progress, onProgress)
    let answer = wait
    if (isThenable(wait)) {
      try {
        answer = await wait
      } catch (reason) {
        failure ??= { reason }
      }
    }
    if (performance.now() - since > SLICE_MS) {
      await macrotask()
      since = performance.now()
    }
    if (failure === undefined && signal?.aborted) failure = { reason: signal.reason }
    step = failure ? steps.throw(failure.reason) : steps.next(answer)
  }
  return step.value
}

function attempt(
  progress: Progress | undefined,
  onProgress: RunOptions['onProgress'],
): { reason: unknown } | undefined {
  if (progress === undefined || onProgress === undefined) return undefined
  try {
    onProgress(progress)
    return undefined
  } catch (reason) {
    return { reason }
  }
}

declare const setImmediate: ((callback: () => void) => unknown) | undefined

/** A turn of the event loop. Awaiting a settled Promise is none; timers are clamped to 4 ms in browsers. */
function macrotask(): Promise<void> {
  if (typeof setImmediate === 'function') return new Promise((resolve) => void setImmediate(resolve))
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(null)
  })
}

/** True where the operand answers with Promises: its literal `async: true` decides. */
function isAsync(operand: unknown): boolean {
  return operand !== null && typeof operand === 'object' && (operand as { async?: unknown }).async === true
}

/**
 * Makes a public function from its steps: `f(A, …)` answers at once for an operand on the CPU and with a
 * Promise for one that declares `async: true`; `f.async(A, …)` runs the same text cooperatively for any.
 * The options are the argument after the `operands`.
 */
export function fromSteps<Args extends unknown[], T>(
  steps: (...args: Args) => Steps<T>,
  operands: number,
): { (...args: Args): T; async(...args: Args): Promise<T> } {
  const options = (args: Args): RunOptions => args[operands] ?? {}
  const call = (...args: Args): T | Promise<T> =>
    isAsync(args[0]) ? runAsync(steps(...args), options(args)) : runSync(steps(...args), options(args))
  const cooperative = (...args: Args): Promise<T> => runAsync(steps(...args), options(args))
  return Object.assign(call as (...args: Args) => T, { async: cooperative })
}
