import { dense, flip, wrap } from '../linalg/arrays.js'
import type { Matrix } from '../linalg/arrays.js'
import { OptionError } from '../linalg/errors.js'
import { maxAbs, norm2 } from '../linalg/magnitude.js'
import { multiplySteps } from '../linalg/dense/multiply.js'
import { integer, optional, readOptions, seed } from '../linalg/options.js'
import { STREAM, normalBlock } from '../linalg/random.js'
import { powerOfTwo } from '../linalg/dense/reflectors.js'
import { runSync } from '../linalg/steps.js'
import type { Steps } from '../linalg/steps.js'
import { rowReader } from './rowstream.js'
import type { RowStream } from './rowstream.js'

/** The rows that `streamingTopEigenvector` will see, and those that it keeps. */
export interface TopEigenvectorOptions {
  /** Numbers of a row. */
  readonly d: number
  /** How many rows will come; an estimate will do. */
  readonly length: number
  /** The longest rows seen are kept, so many of them. Default 2d·ln d, at least 16. */
  readonly heavy?: number | undefined
  /** An integer in [0, 2⁵³): of the vector that it starts from. Default 0. */
  readonly seed?: number | undefined
}

/** What `streamingTopEigenvector` has made of the rows seen. */
export interface TopEigenvector {
  /** A unit vector of d numbers: the top right singular vector of A, about. */
  readonly vector: Float64Array
  /** An estimate of σ₁²(A), the top eigenvalue of AᵀA, for the rows seen. */
  readonly value: number
}

/** What a block's light rows did to v: z ≈ L·v for L = Σ aaᵀ over all light rows. */
interface Probe {
  readonly v: Float64Array
  readonly z: Float64Array
}

/** All numbers are in units of `unit`, a power of two, so that squares neither overflow nor vanish. */
interface State {
  readonly unit: number
  readonly v: Float64Array
  /** Σ a(a·v) over the light rows of this block, and how many there were. */
  readonly z: Float64Array
  readonly light: number
  /** Of the last full block, and light rows up to its end. */
  readonly probe: Probe | undefined
  readonly before: number
  /** Σ|a|² over all light rows: the trace of L. */
  readonly mass: number
  /** The longest rows, heavy × d, and their norms. */
  readonly store: Float64Array
  readonly norms: Float64Array
  readonly stored: number
}

/**
 * The top eigenvector of AᵀA from one reading of the rows of A in random order: power iteration in which each
 * iteration sees another block of rows, the longest rows apart, which are kept and are part of each.
 *
 * Rows in random order make a block a fair sample of the rest, but no sample shows the few rows that carry much of A;
 * so the `heavy` longest are held exactly. With R = σ₁²/σ₂² the vector is found to about 1 − O(ln d/R) in (v·v₁)². In
 * an order that is not random nothing is promised. A heavy row that comes late has missed the iterations: the result
 * iterates on, with the heavy rows themselves and with what is known of the light ones, L: its action on the last
 * vector, and its trace, spread evenly over the other directions.
 *
 * @param options - `length` sets the size of a block, ⌈length/⌈2·ln d⌉⌉. Where more rows come there are more blocks; of
 * rows after the last full block, less than half a block is left out, but for a first one. Up to `heavy` rows, the
 * answer is the power iteration on all of them.
 * @returns a stream; before any row `result` throws an OptionError. The sign of the vector makes its largest entry
 * positive; a matrix of zeros gives the starting vector and the value 0.
 * @throws OptionError.
 * Cost: 4d flops a row and 4·heavy·d a block. Memory: (heavy + 2)·d numbers.
 * Source: Kacham and Woodruff 2024, "Approximating the top eigenvector in random order streams". Departures:
 * the longest rows by rank, not those above a share of ‖A‖_F, which is not known before the end; the iterations at the
 * end.
 *
 * @example
 * ```ts
 * import { random, streamingTopEigenvector } from 'lowrank'
 * const stream = streamingTopEigenvector({ d: 20, length: 1000 })
 * stream.push(random.normal([1000, 20]))
 * const { vector, value } = stream.result()
 * ```
 */
export function streamingTopEigenvector(options: TopEigenvectorOptions): RowStream<TopEigenvector> {
  const fn = 'streamingTopEigenvector'
  const plan = readOptions(fn, options, {
    d: integer(1),
    length: integer(1),
    heavy: optional(integer(0)),
    seed,
  })
  const { d, length } = plan
  const heavy = plan.heavy ?? Math.max(16, Math.ceil(2 * d * Math.log(d)))
  const size = Math.ceil(length / Math.max(1, Math.ceil(2 * Math.log(d))))
  const start = normalBlock({ seed: plan.seed, stream: STREAM.topEigenvector, i0: 0, i1: 1, j0: 0, j1: d })
  const initial: State = {
    unit: 0,
    v: scaledBy(start, 1 / norm2(start)),
    z: new Float64Array(d),
    light: 0,
    probe: undefined,
    before: 0,
    mass: 0,
    store: new Float64Array(heavy * d),
    norms: new Float64Array(heavy),
    stored: 0,
  }
  const reader = rowReader<State>(fn, d, {
    initial,
    absorb: (state, block) => absorbSteps(state, block, size, length),
  })
  return {
    d,
    get rows() {
      return reader.rows
    },
    push: reader.push,
    result() {
      const { rows, state } = reader
      if (rows === 0) {
        throw new OptionError({
          fn: `${fn}.result`,
          argument: 'rows',
          expected: 'a row at least',
          given: 'none',
        })
      }
      const { vector, value } = runSync(finishSteps(state, size))
      const { unit } = state
      return { vector: oriented(vector), value: unit === 0 ? 0 : value / unit / unit }
    },
  }
}

/** The rows, up to a block's end at a time. */
function* absorbSteps(given: State, rows: Matrix, size: number, length: number): Steps<State> {
  let state = inUnits(given, maxAbs(dense(rows)))
  if (state.unit === 0) return { ...state, light: state.light + rows.shape[0]! }
  const d = state.v.length
  const data = state.unit === 1 ? rows.data : scaledBy(rows.data, state.unit)
  for (let from = 0; from < data.length;) {
    const { to, released, ...kept } = sortRows(state, data, from, Math.max(1, size - state.light))
    const count = released.length / d
    const z = yield* sumSteps(wrap(released, count, d), state.v)
    state = { ...state, ...kept, z: z.map((x, j) => x + state.z[j]!), light: state.light + count }
    if (state.light >= size) state = yield* iterateSteps(state, Math.max(length, state.before + state.light))
    from = to
  }
  return state
}

/** v ← the block's light rows, weighted for all light rows, and the heavy ones; a new block begins. */
function* iterateSteps(state: State, length: number): Steps<State> {
  const { v, light, store, stored } = state
  const d = v.length
  const z = scaledBy(state.z, Math.max(1, (length - stored) / light))
  const exact = yield* sumSteps(wrap(store.subarray(0, stored * d), stored, d), v)
  const sum = exact.map((x, j) => x + z[j]!)
  const size = norm2(sum)
  return {
    ...state,
    v: size === 0 ? v : scaledBy(sum, 1 / size),
    z: new Float64Array(d),
    probe: { v, z },
    before: state.before + light,
    light: 0,
  }
}

/** Iterations at the end, each of 4·heavy·d flops. */
const ITERATIONS = 200

/** Power iteration with the heavy rows and L̂: L̂v = z, symmetric, and its trace that of L. */
function* finishSteps(state: State, size: number): Steps<{ vector: Float64Array; value: number }> {
  const { light, before, stored, store, mass } = state
  const d = state.v.length
  const now = before === 0 || 2 * light >= size ? { v: state.v, z: state.z, seen: light } : undefined
  const probe = now ?? { ...state.probe!, seen: 0 }
  // Of a block that is not full all light rows so far are the measure; a probe of a full one has its weight.
  const weight = now && light > 0 ? (before + light) / light : 1
  const z = scaledBy(probe.z, weight)
  const along = dot(probe.v, z)
  const rest = d === 1 ? 0 : Math.max(0, mass - along) / (d - 1)
  const H = wrap(store.subarray(0, stored * d), stored, d)
  let vector = state.v
  let value = 0
  for (let i = 0; i < ITERATIONS; i++) {
    const sum = yield* sumSteps(H, vector)
    const onZ = dot(probe.v, vector)
    const onV = dot(z, vector) - (along + rest) * onZ
    for (let j = 0; j < d; j++) sum[j]! += onZ * z[j]! + onV * probe.v[j]! + rest * vector[j]!
    value = norm2(sum)
    if (value === 0) break
    const next = scaledBy(sum, 1 / value)
    const moved = norm2(next.map((x, j) => x - vector[j]!))
    vector = next
    if (moved <= 2 ** -52) break
  }
  return { vector, value }
}

const dot = (x: Float64Array, y: Float64Array): number => x.reduce((sum, value, j) => sum + value * y[j]!, 0)

/** Σ a(a·v) over the rows: 4d flops each. */
function* sumSteps(rows: Matrix, v: Float64Array): Steps<Float64Array> {
  const Av = yield* multiplySteps(dense(rows), dense(wrap(v, v.length, 1)))
  return (yield* multiplySteps(flip(dense(rows)), dense(Av))).data as Float64Array
}

interface Sorted extends Pick<State, 'store' | 'norms' | 'stored' | 'mass'> {
  /** Where the reading stopped. */
  readonly to: number
  /** Light rows, those driven out of the store among them. */
  readonly released: Float64Array
}

/** Reads rows until `room` light ones are found: the longest go to the store, and drive others out of it. */
function sortRows(state: State, data: Float64Array, from: number, room: number): Sorted {
  const d = state.v.length
  const capacity = state.norms.length
  const released = new Float64Array(Math.min(room * d, data.length - from))
  let { store, norms, stored, mass } = state
  let [count, to] = [0, from]
  let shortest = argmin(norms, stored)
  const release = (row: Float64Array, length: number): void => {
    released.set(row, count++ * d)
    mass += length * length
  }
  for (; to < data.length && count < room; to += d) {
    const row = data.subarray(to, to + d)
    const length = norm2(row)
    if (capacity === 0 || (stored === capacity && length <= norms[shortest]!)) {
      release(row, length)
      continue
    }
    // Few rows come here, and the store before this push must stay as it is.
    if (store === state.store) [store, norms] = [store.slice(), norms.slice()]
    const at = stored < capacity ? stored : shortest
    if (stored < capacity) stored++
    else release(store.subarray(at * d, (at + 1) * d), norms[at]!)
    store.set(row, at * d)
    norms[at] = length
    shortest = argmin(norms, stored)
  }
  return { to, released: released.subarray(0, count * d), store, norms, stored, mass }
}

function argmin(x: Float64Array, count: number): number {
  let at = 0
  for (let i = 1; i < count; i++) if (x[i]! < x[at]!) at = i
  return at
}

/** How much larger a number may be than the first ones before the unit follows. */
const ROOM = 2 ** 200

/** The same state in a unit in which `largest` is no giant. */
function inUnits(state: State, largest: number): State {
  if (largest === 0 || (state.unit > 0 && largest * state.unit < ROOM)) return state
  const unit = powerOfTwo(largest)
  if (state.unit === 0) return { ...state, unit }
  const factor = unit / state.unit
  return {
    ...state,
    unit,
    z: scaledBy(scaledBy(state.z, factor), factor),
    probe: state.probe && { v: state.probe.v, z: scaledBy(scaledBy(state.probe.z, factor), factor) },
    mass: state.mass * factor * factor,
    store: scaledBy(state.store, factor),
    norms: scaledBy(state.norms, factor),
  }
}

const scaledBy = (x: Float64Array, factor: number): Float64Array => x.map((value) => value * factor)

function oriented(v: Float64Array): Float64Array {
  const largest = v.reduce((most, x) => (Math.abs(x) > Math.abs(most) ? x : most), 0)
  return scaledBy(v, largest < 0 ? -1 : 1)
}
