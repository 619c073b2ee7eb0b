import { OptionError, describe } from './errors.js'
import type { RunOptions } from './steps.js'

// Options come as one object. Each function lists what it knows as readers; an unknown name is an error,
// `undefined` is absent.

/** Checks one option and gives its value, or calls `fail(expected)`. */
export type Reader<T> = (value: unknown, fail: (expected: string) => never) => T

type Values<S> = { [K in keyof S]: S[K] extends Reader<infer T> ? T : never }

/** Every method takes these two, so no list names them. */
const RUN_OPTIONS: Record<keyof RunOptions, Reader<unknown>> = {
  signal: optional((value, fail) => (isSignal(value) ? value : fail('an AbortSignal'))),
  onProgress: optional((value, fail) => (typeof value === 'function' ? value : fail('a function'))),
}

/** Reads `given` by `spec`, with defaults filled in. */
export function readOptions<S extends Record<string, Reader<unknown>>>(
  fn: string,
  given: object | undefined,
  spec: S,
): Values<S> {
  if (given !== undefined && (given === null || typeof given !== 'object' || Array.isArray(given))) {
    throw new OptionError({ fn, argument: 'options', expected: 'an object', given: describe(given) })
  }
  const values = (given ?? {}) as Record<string, unknown>
  const readers: Record<string, Reader<unknown>> = { ...RUN_OPTIONS, ...spec }
  for (const name of Object.keys(values)) {
    if (values[name] !== undefined && !Object.hasOwn(readers, name)) {
      throw new OptionError({
        fn,
        argument: 'options',
        expected: `only ${Object.keys(readers).join(', ')}`,
        given: `the unknown option ${name}`,
      })
    }
  }
  const out: Record<string, unknown> = {}
  for (const [name, read] of Object.entries(readers)) {
    const value = values[name]
    out[name] = read(value, (expected) => {
      throw new OptionError({ fn, argument: `options.${name}`, expected, given: describe(value) })
    })
  }
  return out as Values<S>
}

function isSignal(value: unknown): value is AbortSignal {
  return value !== null && typeof value === 'object' && 'aborted' in value
}

// Marked as without side effects, so that a bundler can leave out the tables of readers of what is not imported.

/* @__NO_SIDE_EFFECTS__ */
export function optional<T>(reader: Reader<T>): Reader<T | undefined> {
  return (value, fail) => (value === undefined ? undefined : reader(value, fail))
}

/* @__NO_SIDE_EFFECTS__ */
export function withDefault<T>(reader: Reader<T>, fallback: T): Reader<T> {
  return (value, fail) => (value === undefined ? fallback : reader(value, fail))
}

/* @__NO_SIDE_EFFECTS__ */
export function integer(low: number): Reader<number> {
  return (value, fail) =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= low
      ? value
      : fail(`an integer >= ${low}`)
}

/** A finite number >= 0, e.g. a tolerance. */
export const nonNegative: Reader<number> = (value, fail) =>
  typeof value === 'number' && value >= 0 && value < Infinity ? value : fail('a finite number >= 0')

/** A finite number > 0, e.g. a scale. */
export const positive: Reader<number> = (value, fail) =>
  typeof value === 'number' && value > 0 && value < Infinity ? value : fail('a finite number > 0')

export const bool: Reader<boolean> = (value, fail) =>
  typeof value === 'boolean' ? value : fail('true or false')

/* @__NO_SIDE_EFFECTS__ */
export function oneOf<const T extends string | number>(...choices: readonly T[]): Reader<T> {
  return (value, fail) =>
    choices.find((choice) => choice === value) ??
    fail(choices.map((choice) => (typeof choice === 'string' ? `'${choice}'` : String(choice))).join(' | '))
}

/** A seed: an integer in [0, 2⁵³), 0 by default. */
export const seed: Reader<number> = withDefault(integer(0), 0)
