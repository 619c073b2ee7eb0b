import { asVector } from '../arrays.js'
import type { Matrix, VectorLike } from '../arrays.js'
import { wrap } from '../arrays.js'
import { OptionError } from '../errors.js'
import { indexList } from '../operators.js'
import { integer, oneOf, readOptions, withDefault } from '../options.js'
import { breath, runSync, wait } from '../steps.js'
import type { Steps } from '../steps.js'
import { acquire } from '../wasm/workspace.js'
import type { Workspace } from '../wasm/workspace.js'

/** A store's products as steps, with breaths. */
export interface GradientSteps {
  set(i: number, g: Float64Array): Steps<void>
  times(v: Float64Array): Steps<Float64Array>
  adjointTimes(c: Float64Array): Steps<Float64Array>
}

interface Store {
  /** Rows that it has room for, all zero at first, and numbers of each. */
  readonly shape: readonly [capacity: number, dim: number]
  /** The relative rounding of the products; 2⁻⁵² where absent. */
  readonly precision?: number
  readonly steps?: GradientSteps
}

/** Gradients as the rows of a matrix G that is only written row by row and multiplied by vectors. */
export interface GradientStore extends Store {
  readonly async?: false
  /** Row i becomes g. */
  set(i: number, g: Float64Array): void
  /** G·v */
  times(v: Float64Array): Float64Array
  /** Gᵀ·c */
  adjointTimes(c: Float64Array): Float64Array
}

/** The same, answering with Promises: gradients on a GPU. */
export interface AsyncGradientStore extends Store {
  readonly async: true
  set(i: number, g: Float64Array): Promise<void>
  times(v: Float64Array): Promise<Float64Array>
  adjointTimes(c: Float64Array): Promise<Float64Array>
}

/** A gradient store that answers at once, or by Promises. */
export type AnyGradientStore = GradientStore | AsyncGradientStore

/** Writes row i. */
export function* setRow(store: AnyGradientStore, i: number, g: Float64Array): Steps<void> {
  if (store.steps) yield* store.steps.set(i, g)
  else yield* wait(store.set(i, g))
}

/** G·v */
export function* storeTimes(store: AnyGradientStore, v: Float64Array): Steps<Float64Array> {
  const answer = store.steps ? yield* store.steps.times(v) : yield* wait(store.times(v))
  return asVector(answer, 'times', 'its answer', store.shape[0])
}

/** Gᵀ·c */
export function* storeAdjointTimes(store: AnyGradientStore, c: Float64Array): Steps<Float64Array> {
  const answer = store.steps ? yield* store.steps.adjointTimes(c) : yield* wait(store.adjointTimes(c))
  return asVector(answer, 'adjointTimes', 'its answer', store.shape[1])
}

/** The room that `gradientStore` makes. */
export interface GradientStoreOptions {
  /** Numbers of a gradient. */
  readonly dim: number
  /** Gradients that there is room for. */
  readonly capacity: number
  /** How they are kept; sums are float64. Default 'float64'. */
  readonly dtype?: 'float64' | 'float32' | undefined
}

/**
 * Gradients in WebAssembly memory of their own, where products with a vector run near the speed of memory: each
 * reads all numbers once, 2 flops for 8 bytes, or for 4.
 *
 * @throws OptionError; MemoryError above 4 GiB, or where memory is not to be had. `set`, `times` and `adjointTimes`
 * throw ShapeError and NotFiniteError, also where a number is beyond the range of float32.
 *
 * @example
 * ```ts
 * import { gradientStore } from 'lowrank'
 * const G = gradientStore({ dim: 3, capacity: 2 })
 * G.set(0, Float64Array.of(1, 2, 3))
 * G.times(Float64Array.of(1, 1, 1))   // 6, 0
 * ```
 */
export function gradientStore(options: GradientStoreOptions): GradientStore {
  const fn = 'gradientStore'
  const { dim, capacity, dtype } = readOptions(fn, options, {
    dim: integer(1),
    capacity: integer(1),
    dtype: withDefault(oneOf('float64', 'float32'), 'float64'),
  })
  const rows = new ResidentRows(capacity, dim, dtype)
  const steps: GradientSteps = {
    // eslint-disable-next-line require-yield -- steps by contract
    *set(i, g) {
      indexList([i], capacity, 'i', `${fn}.set`)
      rows.set(i, 0, taken(g, dim, 'g', `${fn}.set`))
    },
    *times(v) {
      return (yield* rows.timesSteps([taken(v, dim, 'v', `${fn}.times`)]))[0]!
    },
    *adjointTimes(c) {
      const out = new Float64Array(dim)
      yield* rows.addAdjointSteps([taken(c, capacity, 'c', `${fn}.adjointTimes`)], [out])
      return out
    },
  }
  return {
    shape: [capacity, dim],
    steps,
    set: (i, g) => runSync(steps.set(i, g)),
    times: (v) => runSync(steps.times(v)),
    adjointTimes: (c) => runSync(steps.adjointTimes(c)),
  }
}

const taken = (x: VectorLike, length: number, argument: string, fn: string): Float64Array =>
  asVector(x, fn, argument, length)

/** Numbers of a row that are multiplied at once: what they meet stays in the first cache. */
const SEGMENT = 4096
/** Numbers read between two breaths. */
const STRETCH = 2 ** 20

/** `count` rows of `dim` numbers in a workspace that is theirs as long as they live. */
export class ResidentRows {
  readonly #ws: Workspace = acquire()
  readonly #single: boolean
  readonly #at: number

  constructor(
    readonly count: number,
    readonly dim: number,
    dtype: 'float64' | 'float32',
  ) {
    this.#single = dtype === 'float32'
    this.#at = this.#single ? this.#ws.alloc32(count * dim) : this.#ws.alloc64(count * dim)
    this.#numbers().fill(0, this.#index(0, 0), this.#index(0, 0) + count * dim)
  }

  /** Writes a part of row i, from column j on. */
  set(i: number, j: number, values: Float64Array): void {
    const memory = this.#numbers()
    const at = this.#index(i, j)
    if (this.#single && values.some((x) => !Number.isFinite(Math.fround(x)))) {
      const argument = "options.dtype 'float32'"
      const expected = 'numbers within the range of float32'
      throw new OptionError({ fn: 'gradientStore', argument, expected, given: 'a larger one' })
    }
    memory.set(values, at)
  }

  /** G[:, j0 …]·x for each x, whose length says how many columns. */
  *timesSteps(xs: readonly Float64Array[], j0 = 0): Steps<Float64Array[]> {
    const ys = xs.map(() => new Float64Array(this.count))
    const { kernels } = this.#ws
    const dot = this.#single ? kernels.dot32 : kernels.dot
    yield* this.#segments(xs, j0, (row, n, x, t, i) => (ys[t]![i]! += dot(n, row, x)))
    return ys
  }

  /** out += G[:, j0 …]ᵀ·c for each c. */
  *addAdjointSteps(cs: readonly Float64Array[], outs: readonly Float64Array[], j0 = 0): Steps<void> {
    const { kernels } = this.#ws
    const axpy = this.#single ? kernels.axpy32 : kernels.axpy
    yield* this.#segments(outs, j0, (row, n, x, t, i) => axpy(n, cs[t]![i]!, row, x), true)
  }

  /** The columns J, count × |J|. */
  columns(J: ArrayLike<number>): Matrix {
    const memory = this.#numbers()
    const out = new Float64Array(this.count * J.length)
    for (let i = 0, o = 0; i < this.count; i++) {
      for (let t = 0; t < J.length; t++, o++) out[o] = memory[this.#index(i, J[t]!)]!
    }
    return wrap(out, this.count, J.length)
  }

  /** Each row against each vector, a segment of columns at a time: G is read once, the vectors stay in cache. */
  *#segments(
    vectors: readonly Float64Array[],
    j0: number,
    use: (row: number, n: number, x: number, t: number, i: number) => void,
    writes = false,
  ): Steps<void> {
    const ws = this.#ws
    const length = vectors[0]?.length ?? 0
    const size = this.#single ? 4 : 8
    let read = 0
    for (let j = 0; j < length; j += SEGMENT) {
      const n = Math.min(SEGMENT, length - j)
      const mark = ws.mark()
      const at = vectors.map((x) => {
        const to = ws.alloc64(n)
        ws.f64.set(x.subarray(j, j + n), to / 8)
        return to
      })
      for (let i = 0; i < this.count; i++) {
        const row = this.#at + size * (i * this.dim + j0 + j)
        for (let t = 0; t < at.length; t++) use(row, n, at[t]!, t, i)
      }
      if (writes) vectors.forEach((x, t) => x.set(ws.f64.subarray(at[t]! / 8, at[t]! / 8 + n), j))
      ws.reset(mark)
      read += n * this.count * vectors.length
      if (read < STRETCH) continue
      read = 0
      yield* breath()
    }
  }

  #numbers(): Float64Array | Float32Array {
    return this.#single ? this.#ws.f32 : this.#ws.f64
  }

  #index(i: number, j: number): number {
    return this.#at / (this.#single ? 4 : 8) + i * this.dim + j
  }
}
