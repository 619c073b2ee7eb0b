import { asFiniteMatrix, asVector, checkFinite, dense, wrap } from '../../linalg/arrays.js'
import type { Dense, Matrix, MatrixLike } from '../../linalg/arrays.js'
import type { AsyncGradientStore, GradientSteps } from '../../linalg/operators/gradientstore.js'
import { norm2 } from '../../linalg/magnitude.js'
import { indexList } from '../../linalg/operators.js'
import type { ProductSteps } from '../../linalg/operators.js'
import { integer, readOptions } from '../../linalg/options.js'
import { breath, runAsync, wait } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { withScratch } from '../engines/engine.js'
import type { Block, DeviceArray, Engine, Limits } from '../engines/engine.js'
import { GpuMemoryError } from '../errors.js'
import {
  combineKernel,
  combineShader,
  dotKernel,
  dotShader,
  gatherKernel,
  gramKernel,
  lengthOf,
  replaceKernel,
  transposeKernel,
  zerosKernel,
} from '../kernels/gradientkernels.js'
import type { Fold } from '../kernels/gradientkernels.js'
import type { Held, Lease, Site } from './held.js'
import { gpuOperator } from './operand.js'
import type { GpuOperator } from './operand.js'
import { columnExponents, exponent, factors } from './scale.js'
import type { Range } from './sweep.js'

// Gradients on the device, each times a power of two of its own that brings it near 1, since they differ by orders of
// magnitude. They are written one by one, and multiplied by vectors: sums on the device are short, and what they come
// to is added up on the host, in float64.

/** Gradients on a device: a store for `mfacWindow`, and the m × d operand that they are the rows of for `mfac`. */
export interface GpuGradients extends Omit<GpuOperator, 'steps'>, Omit<AsyncGradientStore, 'steps'> {
  readonly shape: readonly [capacity: number, dim: number]
  readonly precision: number
  readonly steps: ProductSteps & GradientSteps
}

/** The room that `gpu.gradients` makes. */
export interface GpuGradientsOptions {
  /** Numbers of a gradient. */
  readonly dim: number
  /** Gradients that there is room for. */
  readonly capacity: number
}

/** Numbers of one array. */
const NUMBERS = 2 ** 23
/** Gradients of one array. */
const ROWS = 1024
/** Sums that run at one time, each down the lines of a gradient. */
const THREADS = 2 ** 16

/** A part of some gradients. */
interface Piece {
  readonly rows: Range
  readonly cols: Range
  array: DeviceArray
}

/** Makes gradients on the device: given ones, or room for them. */
export async function uploadGradients(
  given: MatrixLike | GpuGradientsOptions,
  fn: string,
  site: Site,
): Promise<GpuGradients> {
  const empty = isOptions(given)
    ? readOptions(fn, given, { dim: integer(1), capacity: integer(1) })
    : undefined
  const G = empty ? undefined : dense(asFiniteMatrix(given, fn, 'G'))
  const [m, d] = G ? [G.rows, G.cols] : [empty!.capacity, empty!.dim]
  const pieces: Piece[] = []
  const held = site.hold('the gradients on the GPU', () => pieces.forEach(({ array }) => array.free()))
  const gradients = new Gradients(m, d, foldOf(fn, site.limits, m, d), pieces, site, held)
  await gradients.fill(G)
  const { steps } = gradients
  const operator = gpuOperator([m, d], held, steps)
  return Object.assign(operator, {
    set: (i: number, g: Float64Array) => runAsync(steps.set(i, g)),
    times: (v: Float64Array) => runAsync(steps.times(v)),
    adjointTimes: (c: Float64Array) => runAsync(steps.adjointTimes(c)),
  }) as GpuGradients
}

const isOptions = (given: MatrixLike | GpuGradientsOptions): given is GpuGradientsOptions =>
  typeof given === 'object' && given !== null && ('dim' in given || 'capacity' in given)

const powerBelow = (x: number): number => 2 ** Math.floor(Math.log2(x))

/** How gradients are folded, such that an array is within the limits and as many sums run as a device has threads. */
function foldOf(fn: string, { bytes, side }: Limits, m: number, d: number): Fold {
  const numbers = Math.min(NUMBERS, bytes / 4)
  if (numbers < 64 || side < 4) throw new GpuMemoryError(fn, `a limit of ${bytes} bytes and sides of ${side}`)
  const rows = 4 * Math.ceil(Math.max(1, Math.min(m, ROWS, side - 3, numbers / 16 - 3)) / 4)
  const wide = Math.max(64, powerBelow(THREADS / rows))
  const narrow = Math.max(4, powerBelow(d / 4 + 1))
  const width = Math.min(wide, narrow, powerBelow(side), powerBelow(numbers / rows / 4))
  const height = Math.min(Math.ceil(d / width / 4), Math.floor(Math.min(side, numbers / rows / width) / 4))
  return { width, height: 4 * Math.max(1, height), rows }
}

class Gradients {
  readonly steps: ProductSteps & GradientSteps
  /** Gradient i is 2^scales[i] times what is on the device. */
  private readonly scales: Int32Array
  private readonly norms: Float64Array
  /** Settles after what was asked before: what is asked at one time is done one after the other. */
  private last: Promise<unknown> = Promise.resolve()

  constructor(
    private readonly m: number,
    private readonly d: number,
    private readonly fold: Fold,
    private readonly pieces: Piece[],
    private readonly site: Site,
    private readonly held: Held,
  ) {
    this.scales = new Int32Array(m)
    this.norms = new Float64Array(m)
    const { norms } = this
    this.steps = {
      matmat: (X) => this.use('matmat', (lease) => this.product(lease, 'matmat', 'X', X)),
      rmatmat: (Y) => this.use('rmatmat', (lease) => this.adjoint(lease, 'rmatmat', 'Y', Y)),
      rowGram: () => this.use('rowGram', (lease) => this.gram(lease)),
      columns: (J) => this.use('columns', (lease) => this.columns(lease, J)),
      // eslint-disable-next-line require-yield -- steps by contract
      *frobeniusNorm() {
        return norm2(norms)
      },
      set: (i, g) => this.set(i, g),
      times: (v) => this.vector('times', 'v', v, d, (lease, X) => this.product(lease, 'times', 'v', X)),
      adjointTimes: (c) =>
        this.vector('adjointTimes', 'c', c, m, (lease, Y) => this.adjoint(lease, 'adjointTimes', 'c', Y)),
    }
  }

  /** Puts all gradients on the device, or zeros. */
  async fill(G: Dense | undefined): Promise<void> {
    const { fold, site, m, d } = this
    if (G) for (let i = 0; i < m; i++) this.measure(i, rowOf(G, i))
    const length = lengthOf(fold)
    for (let start = 0; start < m; start += fold.rows) {
      const rows = { start, count: Math.min(fold.rows, m - start) }
      for (let first = 0; first < d; first += length) {
        const cols = { start: first, count: Math.min(length, d - first) }
        this.pieces.push({ rows, cols, array: await this.piece(site.engine, rows, cols, G) })
      }
    }
  }

  private piece(engine: Engine, rows: Range, cols: Range, G: Dense | undefined): Promise<DeviceArray> {
    const { width, height, rows: most } = this.fold
    const size = [width, height, most]
    if (!G) return engine.zeros ? engine.zeros(size) : engine.run(zerosKernel(this.fold), [])
    const length = lengthOf(this.fold)
    const data = new Float32Array(length * most)
    for (let r = 0; r < rows.count; r++) {
      const i = rows.start + r
      const [f, g] = factors(-this.scales[i]!)
      let a = G.offset + i * G.rs + cols.start * G.cs
      for (let j = 0, o = r * length; j < cols.count; j++, o++, a += G.cs) data[o] = G.data[a]! * f * g
    }
    return engine.array(data, size, 'held')
  }

  private measure(i: number, g: Float64Array): void {
    this.scales[i] = scaleOf(g)
    this.norms[i] = norm2(g)
  }

  /** Runs steps after those that were asked for before. */
  private *use<T>(fn: string, work: (lease: Lease) => Steps<T>): Steps<T> {
    return yield* this.held.use(fn, (lease) => this.inTurn(() => work(lease)))
  }

  private *inTurn<T>(work: () => Steps<T>): Steps<T> {
    const before = this.last
    let done!: () => void
    this.last = new Promise<void>((resolve) => (done = resolve))
    try {
      yield* wait(before)
      return yield* work()
    } finally {
      // Where it was given up while it waited, the next still waits for those before.
      void before.then(done)
    }
  }

  private *vector(
    name: string,
    argument: string,
    x: Float64Array,
    length: number,
    work: (lease: Lease, X: Matrix) => Steps<Matrix>,
  ): Steps<Float64Array> {
    const X = wrap(asVector(x, name, argument, length), length, 1)
    return (yield* this.use(name, (lease) => work(lease, X))).data
  }

  private *set(i: number, given: Float64Array): Steps<void> {
    indexList([i], this.m, 'i', 'set')
    const g = asVector(given, 'set', 'g', this.d)
    const [f, h] = factors(-scaleOf(g))
    yield* this.use(
      'set',
      function* (this: Gradients, lease: Lease): Steps<void> {
        const replaced: { piece: Piece; array: DeviceArray }[] = []
        try {
          for (const piece of this.pieces) {
            const { rows, cols } = piece
            const at = i - rows.start
            if (at < 0 || at >= rows.count) continue
            const data = new Float32Array(lengthOf(this.fold))
            for (let j = 0; j < cols.count; j++) data[j] = g[cols.start + j]! * f * h
            const array = yield* wait(lease.run((engine) => this.write(engine, piece, at, data)))
            if (array) replaced.push({ piece, array })
          }
        } catch (error) {
          for (const { array } of replaced) array.free()
          throw error
        }
        for (const { piece, array } of replaced) {
          piece.array.free()
          piece.array = array
        }
        this.measure(i, g)
      }.bind(this),
    )
  }

  /** Writes a row of a piece in its place, or answers with a copy of the piece that has it. */
  private async write(
    engine: Engine,
    { array }: Piece,
    at: number,
    data: Float32Array,
  ): Promise<DeviceArray | undefined> {
    if (engine.write) {
      await engine.write(array, at * data.length, data)
      return undefined
    }
    const { width, height } = this.fold
    return withScratch(async (own) => {
      const row = own(await engine.array(data, [width, height], 'passing'))
      const place = own(await engine.array(Float32Array.of(at), [1], 'passing'))
      return engine.run(replaceKernel(this.fold), [array, row, place])
    })
  }

  /** G·X: on the device the sums down the lines; the rest in float64. */
  private *product(lease: Lease, fn: string, argument: string, X: Matrix): Steps<Matrix> {
    checkFinite(dense(X), fn, argument)
    const { width, height, rows: most } = this.fold
    const length = lengthOf(this.fold)
    const k = X.shape[1]!
    const out = wrap(new Float64Array(this.m * k), this.m, k)
    for (const panel of this.panels(k, Math.max(length, width * most))) {
      const exponents = columnExponents(X, panel.start, panel.count)
      for (const { rows, cols, array } of this.pieces) {
        const data = new Float32Array(length * panel.count)
        for (let t = 0; t < panel.count; t++) {
          const [f, g] = factors(-exponents[t]!)
          for (let j = 0, a = cols.start * k + panel.start + t; j < cols.count; j++, a += k) {
            data[t * length + j] = X.data[a]! * f * g
          }
        }
        const sums = yield* wait(
          lease.run((engine) =>
            withScratch(async (own) => {
              const v = own(await engine.array(data, [width, height, panel.count], 'passing'))
              if (!engine.shade) return engine.compute(dotKernel(this.fold, panel.count), [array, v])
              return engine.read(own(await engine.shade(dotShader(this.fold, panel.count), [array, v])))
            }),
          ),
        )
        for (let t = 0; t < panel.count; t++) {
          for (let r = 0; r < rows.count; r++) {
            const i = rows.start + r
            let sum = 0
            for (let w = 0, e = (t * most + r) * width; w < width; w++, e++) sum += sums[e]!
            const [f, g] = factors(exponents[t]! + this.scales[i]!)
            out.data[i * k + panel.start + t]! += sum * f * g
          }
        }
        yield* breath()
      }
    }
    return finite(out, fn)
  }

  /** Gᵀ·Y: the combination of some gradients on the device, of those in float64. */
  private *adjoint(lease: Lease, fn: string, argument: string, Y: Matrix): Steps<Matrix> {
    checkFinite(dense(Y), fn, argument)
    const { rows: most } = this.fold
    const length = lengthOf(this.fold)
    const k = Y.shape[1]!
    const out = wrap(new Float64Array(this.d * k), this.d, k)
    for (const panel of this.panels(k, Math.max(length, most))) {
      for (const { rows, cols, array } of this.pieces) {
        const { data, exponents } = this.coefficients(Y, rows, panel)
        const sums = yield* wait(
          lease.run((engine) =>
            withScratch(async (own) => {
              const c = own(await engine.array(data, [most, panel.count], 'passing'))
              if (!engine.shade) return engine.compute(combineKernel(this.fold, panel.count), [array, c])
              return engine.read(own(await engine.shade(combineShader(this.fold, panel.count), [array, c])))
            }),
          ),
        )
        for (let t = 0; t < panel.count; t++) {
          const [f, g] = factors(exponents[t]!)
          for (let j = 0, o = cols.start * k + panel.start + t; j < cols.count; j++, o += k) {
            out.data[o]! += sums[t * length + j]! * f * g
          }
        }
        yield* breath()
      }
    }
    return finite(out, fn)
  }

  /** Some rows and columns of Y, column by column, times the scales of the gradients and over 2^exponents. */
  private coefficients(Y: Matrix, rows: Range, panel: Range): { data: Float32Array; exponents: Int32Array } {
    const k = Y.shape[1]!
    const { rows: most } = this.fold
    const data = new Float32Array(most * panel.count)
    const exponents = new Int32Array(panel.count)
    for (let t = 0; t < panel.count; t++) {
      const y = (r: number): number => Y.data[(rows.start + r) * k + panel.start + t]!
      let top = -Infinity
      for (let r = 0; r < rows.count; r++) {
        if (y(r) !== 0) top = Math.max(top, exponent(Math.abs(y(r))) + this.scales[rows.start + r]!)
      }
      if (top === -Infinity) continue
      exponents[t] = top
      for (let r = 0; r < rows.count; r++) {
        const near = y(r) === 0 ? 0 : exponent(Math.abs(y(r)))
        const [f, g] = factors(-near)
        const [h, l] = factors(near + this.scales[rows.start + r]! - top)
        data[t * most + r] = y(r) * f * g * h * l
      }
    }
    return { data, exponents }
  }

  /** G·Gᵀ: only m × m numbers cross. */
  private *gram(lease: Lease): Steps<Matrix> {
    const { m, fold } = this
    const out = wrap(new Float64Array(m * m), m, m)
    for (const [p, one] of this.pieces.entries()) {
      for (const other of this.pieces.slice(p)) {
        if (other.cols.start !== one.cols.start) continue
        const sums = yield* wait(lease.run((engine) => gramOf(engine, fold, one.array, other.array)))
        const parts = sums.length / fold.rows ** 2
        for (let r = 0; r < one.rows.count; r++) {
          for (let q = 0; q < other.rows.count; q++) {
            let sum = 0
            for (let z = 0; z < parts; z++) sum += sums[(z * fold.rows + r) * fold.rows + q]!
            const [i, j] = [one.rows.start + r, other.rows.start + q]
            const [f, g] = factors(this.scales[i]! + this.scales[j]!)
            out.data[i * m + j]! += sum * f * g
            if (other !== one) out.data[j * m + i] = out.data[i * m + j]!
          }
        }
        yield* breath()
      }
    }
    return finite(out, 'rowGram')
  }

  private *columns(lease: Lease, J: Int32Array): Steps<Matrix> {
    const { m, fold } = this
    const out = wrap(new Float64Array(m * J.length), m, J.length)
    for (const { rows, cols, array } of this.pieces) {
      const here = [...J.keys()].filter((t) => J[t]! >= cols.start && J[t]! < cols.start + cols.count)
      for (const panel of this.panels(here.length, fold.rows, 2 ** 16)) {
        // Few different numbers of places, so that a kernel is not built for each.
        const count = Math.max(4, 2 ** Math.ceil(Math.log2(panel.count)))
        const at = new Float32Array(2 * count)
        const chosen = here.slice(panel.start, panel.start + panel.count)
        chosen.forEach((t, o) => {
          const j = J[t]! - cols.start
          at[o] = Math.floor(j / fold.width)
          at[count + o] = j % fold.width
        })
        const values = yield* wait(
          lease.run((engine) =>
            withScratch(async (own) => {
              const places = own(await engine.array(at, [count, 2], 'passing'))
              return engine.compute(gatherKernel(fold, count), [array, places])
            }),
          ),
        )
        for (let r = 0; r < rows.count; r++) {
          const [f, g] = factors(this.scales[rows.start + r]!)
          chosen.forEach((t, o) => {
            out.data[(rows.start + r) * J.length + t] = values[r * count + o]! * f * g
          })
        }
      }
    }
    return out
  }

  /** Up to so many columns at a time, of `each` numbers on the device; a power of two. */
  private *panels(k: number, each: number, most = 64): Generator<Range> {
    const { bytes, side, columns } = this.site.limits
    const fitting = Math.min(most, most === 64 ? columns : side, Math.min(NUMBERS, bytes / 4) / each)
    const count = powerBelow(Math.max(1, fitting))
    for (let start = 0; start < k; start += count) yield { start, count: Math.min(count, k - start) }
  }
}

/** The products of the gradients of two pieces, in some parts: by the engine's own products where it has shaders. */
function gramOf(engine: Engine, fold: Fold, one: DeviceArray, other: DeviceArray): Promise<Float32Array> {
  if (!engine.shade) return engine.compute(gramKernel(fold), [one, other])
  return withScratch(async (own) => {
    const transposed = own(await engine.run(transposeKernel(fold), [other]))
    const block: Block = { ...one, rows: fold.rows, cols: lengthOf(fold) }
    return engine.read(own(await engine.product(block, false, transposed)))
  })
}

const scaleOf = (g: Float64Array): number => exponent(g.reduce((most, x) => Math.max(most, Math.abs(x)), 0))

function rowOf({ data, offset, cols, rs, cs }: Dense, i: number): Float64Array {
  const row = new Float64Array(cols)
  for (let j = 0, a = offset + i * rs; j < cols; j++, a += cs) row[j] = data[a]!
  return row
}

function finite(out: Matrix, fn: string): Matrix {
  checkFinite(dense(out), fn, 'its answer')
  return out
}
