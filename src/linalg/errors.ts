// Every failure of the library is one of these. Each message names the function, the argument, what was
// expected and what was given, in that order, so that it can be acted on without a debugger.

/** What the `code` of an error may be, one for each class. */
export type ErrorCode =
  | 'SHAPE'
  | 'NOT_FINITE'
  | 'SINGULAR_MATRIX'
  | 'NOT_POSITIVE_DEFINITE'
  | 'NOT_CONVERGED'
  | 'OPTION'
  | 'FORMAT'
  | 'DISPOSED'
  | 'MISSING_PEER'
  | 'OUT_OF_MEMORY'
  | 'GPU_UNAVAILABLE'
  | 'GPU_LOST'
  | 'GPU_MEMORY'

/** What every message is made of. */
export interface Fault {
  /** The public function that was called, e.g. `rsvd`. */
  readonly fn: string
  /** The argument at fault, e.g. `A` or `options.rank`. */
  readonly argument: string
  readonly expected: string
  readonly given: string
}

/** The base of all errors that the library throws on purpose, an abort apart. */
export class LinAlgError extends Error {
  /** Tells the class where `instanceof` cannot, across copies of the package. */
  readonly code: ErrorCode
  /** The public function that was called, e.g. `rsvd`. */
  readonly fn: string
  /** The argument at fault, e.g. `A` or `options.rank`. */
  readonly argument: string
  /** What would have done, in words. */
  readonly expected: string
  /** What came instead, in words. */
  readonly given: string

  constructor(code: ErrorCode, fault: Fault, options?: ErrorOptions) {
    super(`${fault.fn}: ${fault.argument}: expected ${fault.expected}, given ${fault.given}`, options)
    this.name = new.target.name
    this.code = code
    this.fn = fault.fn
    this.argument = fault.argument
    this.expected = fault.expected
    this.given = fault.given
  }
}

/** An argument is no matrix at all, or its shape does not fit. */
export class ShapeError extends LinAlgError {
  constructor(fault: Fault) {
    super('SHAPE', fault)
  }
}

/** NaN or ±Infinity where a finite number is needed; `index` says where (one number per dimension). */
export class NotFiniteError extends LinAlgError {
  /** One number for each dimension. */
  readonly index: readonly number[]

  constructor(fault: Omit<Fault, 'given' | 'expected'> & { value: number; index: readonly number[] }) {
    super('NOT_FINITE', {
      ...fault,
      expected: 'finite numbers',
      given: `${fault.value} at [${fault.index.join(', ')}]`,
    })
    this.index = fault.index
  }
}

/** A pivot that must not vanish does; `index` is its position. */
export class SingularMatrixError extends LinAlgError {
  /** The row of the pivot. */
  readonly index: number

  constructor(fault: Fault & { index: number }) {
    super('SINGULAR_MATRIX', fault)
    this.index = fault.index
  }
}

/** A Cholesky pivot is not positive; `index` is its position. */
export class NotPositiveDefiniteError extends LinAlgError {
  /** The row of the pivot. */
  readonly index: number

  constructor(fault: Fault & { index: number }) {
    super('NOT_POSITIVE_DEFINITE', fault)
    this.index = fault.index
  }
}

/** An iteration ended before its stopping rule held; `best` is what it had reached. */
export class ConvergenceError<T = unknown> extends LinAlgError {
  readonly iterations: number
  /** As the method measures it; its doc comment says how. */
  readonly residual: number
  /** What the method would have answered with, where there is something to show. */
  readonly best: T | undefined

  constructor(fault: Fault & { iterations: number; residual: number; best?: T }) {
    super('NOT_CONVERGED', fault)
    this.iterations = fault.iterations
    this.residual = fault.residual
    this.best = fault.best
  }
}

/** An option is unknown, of the wrong type or out of range. */
export class OptionError extends LinAlgError {
  constructor(fault: Fault) {
    super('OPTION', fault)
  }
}

/** Bytes or text are not what their format says they are. */
export class FormatError extends LinAlgError {
  constructor(fault: Fault, options?: ErrorOptions) {
    super('FORMAT', fault, options)
  }
}

/** Something was used after its `dispose()`. */
export class DisposedError extends LinAlgError {
  constructor(fn: string, what: string) {
    super('DISPOSED', { fn, argument: what, expected: 'a live object', given: 'one that was disposed' })
  }
}

/** An optional peer package is not installed; the message holds the command that installs it. */
export class MissingPeerError extends LinAlgError {
  constructor(fn: string, peer: string, options?: ErrorOptions) {
    super(
      'MISSING_PEER',
      { fn, argument: peer, expected: `the package ${peer} (npm install ${peer})`, given: 'none' },
      options,
    )
  }
}

/** Working memory could not be had. */
export class MemoryError extends LinAlgError {
  constructor(fault: Fault) {
    super('OUT_OF_MEMORY', fault)
  }
}

/** How messages describe what was given: short, and never the data itself. */
export function describe(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value === 'string') return `'${value.length > 40 ? `${value.slice(0, 40)}…` : value}'`
  if (typeof value === 'function') return 'a function'
  if (Array.isArray(value)) return `an array of length ${value.length}`
  if (ArrayBuffer.isView(value)) return `a ${value.constructor.name} of ${(value as Float64Array).length}`
  if (typeof value === 'object') {
    const shape = (value as { shape?: unknown }).shape
    if (Array.isArray(shape)) return `something of shape ${shape.join('×')}`
    if (typeof (value as { then?: unknown }).then === 'function') return 'a Promise'
    return `an object with keys ${Object.keys(value).slice(0, 6).join(', ') || '(none)'}`
  }
  return typeof value === 'symbol' ? 'a symbol' : `${value as number}`
}
