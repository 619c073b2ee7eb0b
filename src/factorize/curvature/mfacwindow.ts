import { asVector, wrap } from '../../linalg/arrays.js'
import type { Matrix, VectorLike } from '../../linalg/arrays.js'
import { NotFiniteError, OptionError } from '../../linalg/errors.js'
import { gradientStore, setRow, storeAdjointTimes, storeTimes } from '../../linalg/operators/gradientstore.js'
import type {
  AnyGradientStore,
  AsyncGradientStore,
  GradientStore,
} from '../../linalg/operators/gradientstore.js'
import { integer, oneOf, optional, positive, readOptions } from '../../linalg/options.js'
import type { Reader } from '../../linalg/options.js'
import { solveTriangularSteps } from '../../linalg/dense/solvetriangular.js'
import { runAsync, runSync } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { dampedFactorSteps } from './mfac.js'

/** The window of gradients that `mfacWindow` keeps, and its damping. */
export interface MfacWindowOptions {
  /** Numbers of a gradient. */
  readonly dim: number
  /** m: how many of the last gradients count. */
  readonly capacity: number
  /** λ > 0. */
  readonly damping: number
  /** Where gradients are kept, of shape [capacity, dim]; its rows are this window's alone. Default memory of its own. */
  readonly store?: AnyGradientStore | undefined
  /** Of the default store. Default 'float64'. */
  readonly dtype?: 'float64' | 'float32' | undefined
}

/** H⁻¹ over the last gradients. */
export interface MfacWindow {
  /** Gradients that count: at most `capacity`. */
  readonly count: number
  /** Takes a gradient in, in the place of the oldest where the window is full. */
  push(g: VectorLike): void
  /** H⁻¹·v */
  ihvp(v: VectorLike): Float64Array
  /** `push(g)` and `ihvp(g)` with a reading less: an optimizer's step. */
  step(g: VectorLike): Float64Array
}

/** The same over a store that answers with Promises; calls are to wait for each other. */
export interface AsyncMfacWindow {
  readonly count: number
  push(g: VectorLike): Promise<void>
  ihvp(v: VectorLike): Promise<Float64Array>
  step(g: VectorLike): Promise<Float64Array>
}

/**
 * Products with the inverse of H = λI + (1/k)·Σ gᵢgᵢᵀ over the last k <= m gradients, as an optimizer wants them.
 *
 * H⁻¹v = (v − Gᵀ(kλI + GGᵀ)⁻¹Gv)/λ. GGᵀ is assigned a row and a column at a time, never added to, so that nothing
 * drifts. Before any gradient H⁻¹v = v/λ.
 *
 * @throws OptionError (also a damping that cannot be told from rounding beside gradients that depend on each other,
 * which `ihvp` finds out), ShapeError, NotFiniteError, MemoryError. A `push` that throws has taken nothing in.
 * Cost: `push` one reading of the store, `ihvp` two, `step` two; m³/3 flops for the first `ihvp` after a `push`.
 * Source: Frantar, Kurtic and Alistarh 2021, "M-FAC: efficient matrix-free approximations of second-order information",
 * section 3.2. Departures: Woodbury's formula with a Cholesky factor in the place of their LU, at the same cost; the
 * mean is over the gradients that are there, not over m while the window fills.
 *
 * @example
 * ```ts
 * import { mfacWindow, random } from 'lowrank'
 * const H = mfacWindow({ dim: 100, capacity: 8, damping: 1e-2 })
 * for (let t = 0; t < 20; t++) H.push(random.normal([100], { seed: t }))
 * const step = H.ihvp(random.normal([100], { seed: 20 }))
 * ```
 */
export function mfacWindow(
  options: MfacWindowOptions & { readonly store: AsyncGradientStore },
): AsyncMfacWindow
export function mfacWindow(options: MfacWindowOptions & { readonly store?: GradientStore }): MfacWindow
export function mfacWindow(options: MfacWindowOptions): MfacWindow | AsyncMfacWindow {
  const { dim, capacity, damping, store, dtype } = readOptions(FN, options, {
    dim: integer(1),
    capacity: integer(1),
    damping: positive,
    store: optional(storeReader),
    dtype: optional(oneOf('float64', 'float32')),
  })
  if (store && dtype !== undefined) {
    throw new OptionError({
      fn: FN,
      argument: 'options.dtype',
      expected: 'no dtype beside a store',
      given: dtype,
    })
  }
  if (store && (store.shape[0] !== capacity || store.shape[1] !== dim)) {
    const given = `one of ${store.shape.join('×')}`
    throw new OptionError({
      fn: FN,
      argument: 'options.store',
      expected: `a store of ${capacity}×${dim}`,
      given,
    })
  }
  const G = store ?? gradientStore({ dim, capacity, dtype: dtype ?? 'float64' })
  const window = new Window(G, damping)
  const take = (x: VectorLike, name: string, argument: string): Float64Array =>
    asVector(x, `${FN}.${name}`, argument, dim)
  const run = <T>(work: () => Steps<T>): T | Promise<T> =>
    G.async ? runAsync(deferred(work)) : runSync(work())
  return {
    get count() {
      return window.count
    },
    push: (g: VectorLike) => run(() => window.pushSteps(take(g, 'push', 'g'))),
    ihvp: (v: VectorLike) => run(() => window.ihvpSteps(take(v, 'ihvp', 'v'))),
    step: (g: VectorLike) => run(() => window.stepSteps(take(g, 'step', 'g'))),
  } as MfacWindow | AsyncMfacWindow
}

const FN = 'mfacWindow'

const storeReader: Reader<AnyGradientStore> = (value, fail) =>
  typeof value === 'object' && value !== null && 'adjointTimes' in value
    ? (value as AnyGradientStore)
    : fail('a gradient store')

function* deferred<T>(work: () => Steps<T>): Steps<T> {
  return yield* work()
}

class Window {
  count = 0
  /** The place of the next gradient. */
  #next = 0
  /** GGᵀ, capacity × capacity. */
  readonly #S: Float64Array
  /** L of L·Lᵀ = kλI + GGᵀ, as long as it is that of the gradients that count. */
  #L: Matrix | undefined

  constructor(
    readonly G: AnyGradientStore,
    readonly damping: number,
  ) {
    this.#S = new Float64Array(G.shape[0] ** 2)
  }

  /** What the new gradient has in common with all is known before it takes its place. */
  *pushSteps(g: Float64Array): Steps<void> {
    const capacity = this.G.shape[0]
    const s = yield* storeTimes(this.G, g)
    s[this.#next] = g.reduce((sum, x) => sum + x * x, 0)
    const bad = s.findIndex((x) => !Number.isFinite(x))
    if (bad >= 0) {
      throw new NotFiniteError({
        fn: `${FN}.push`,
        argument: 'the products with g',
        value: s[bad]!,
        index: [bad],
      })
    }
    yield* setRow(this.G, this.#next, g)
    for (let i = 0; i < capacity; i++) {
      this.#S[i * capacity + this.#next] = this.#S[this.#next * capacity + i] = s[i]!
    }
    this.#next = (this.#next + 1) % capacity
    this.count = Math.min(capacity, this.count + 1)
    this.#L = undefined
  }

  *ihvpSteps(v: Float64Array): Steps<Float64Array> {
    if (this.count === 0) return v.map((x) => x / this.damping)
    return yield* this.#solveSteps(v, yield* storeTimes(this.G, v))
  }

  *stepSteps(g: Float64Array): Steps<Float64Array> {
    const capacity = this.G.shape[0]
    const place = this.#next
    yield* this.pushSteps(g)
    return yield* this.#solveSteps(g, this.#S.slice(place * capacity, (place + 1) * capacity))
  }

  /** (v − Gᵀ(kλI + GGᵀ)⁻¹Gv)/λ */
  *#solveSteps(v: Float64Array, Gv: Float64Array): Steps<Float64Array> {
    const L = (this.#L ??= yield* this.#factorSteps())
    const half = (yield* solveTriangularSteps(L, Gv.subarray(0, this.count))) as Float64Array
    const c = new Float64Array(this.G.shape[0])
    c.set((yield* solveTriangularSteps(L, half, { trans: true })) as Float64Array)
    const out = yield* storeAdjointTimes(this.G, c)
    for (let j = 0; j < out.length; j++) out[j] = (v[j]! - out[j]!) / this.damping
    return out
  }

  *#factorSteps(): Steps<Matrix> {
    const [k, capacity] = [this.count, this.G.shape[0]]
    const S = wrap(new Float64Array(k * k), k, k)
    for (let i = 0; i < k; i++) {
      S.data.set(this.#S.subarray(i * capacity, i * capacity + k), i * k)
    }
    return yield* dampedFactorSteps(FN, S, this.damping, 1, this.G.precision)
  }
}
