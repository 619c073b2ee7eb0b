import { asFiniteMatrix, contiguous, dense, wrap } from '../../linalg/arrays.js'
import type { Dense, Matrix, MatrixLike } from '../../linalg/arrays.js'
import { NotFiniteError, OptionError, ShapeError } from '../../linalg/errors.js'
import { readKernelOptions } from '../../linalg/operators/kerneloptions.js'
import type { KernelOptions, KernelPlan } from '../../linalg/operators/kerneloptions.js'
import { breath, runAsync, wait } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { paddedTo4, withScratch } from '../engines/engine.js'
import type { Block, DeviceArray, Engine, Limits } from '../engines/engine.js'
import { entrywiseKernel } from '../engines/kernels.js'
import { GpuMemoryError } from '../errors.js'
import type { Held, Lease, Site } from './held.js'
import { blockKernel, entryPlan, productShader } from '../kernels/kernelentries.js'
import type { EntryPlan } from '../kernels/kernelentries.js'
import { centredFrame, productFrame } from '../kernels/kernelpoints.js'
import type { Cloud, Frame } from '../kernels/kernelpoints.js'
import { gpuOperator } from './operand.js'
import type { GpuOperator } from './operand.js'
import { factors } from './scale.js'
import { sweepSteps } from './sweep.js'
import type { Part, Range } from './sweep.js'

// A kernel matrix on the device: the points lie there, entries are made where a product needs them, and only thin
// matrices cross.

/** A kernel matrix on a device that is never formed. */
export interface GpuKernelMatrix extends GpuOperator {
  /** K(Y, X), m × n for m other points Y, an operand of its own; its products need this one too. */
  cross(Y: MatrixLike): Promise<GpuOperator>
}

/** Points of one array on the device. */
const MOST_POINTS = 2 ** 16
/** Numbers of one array: flat indexes inside GPU.js are exact below. */
const MOST_NUMBERS = 2 ** 24
/** Flops between two answers of the device; one that is silent for seconds is taken for hanging. */
const FLOPS = 2 ** 33

/** Some of the points on the device, padded with zeros to a multiple of the tile. */
interface Chunk {
  readonly range: Range
  readonly padded: number
  /** Each of size [dim, padded]. */
  readonly parts: readonly DeviceArray[]
}

/** Points on the device, and on the host, where columns and rows are chosen. */
interface Points {
  readonly cloud: Cloud
  readonly chunks: readonly Chunk[]
  /** How many of a chunk's points are multiplied by at one time. */
  readonly tile: number
}

/** Puts points on the device. */
export async function uploadKernelMatrix(
  X: MatrixLike,
  options: KernelOptions | undefined,
  fn: string,
  site: Site,
): Promise<GpuKernelMatrix> {
  const planFor = readKernelOptions(fn, options)
  const given = dense(asFiniteMatrix(X, fn, 'X'))
  const plan = planFor(given.cols)
  if (typeof plan.kernel === 'function') {
    const expected = "'rbf' | 'laplacian' | 'polynomial': a device cannot call a function of the host"
    throw new OptionError({ fn, argument: 'options.kernel', expected, given: 'a function' })
  }
  const frame = plan.kernel === 'polynomial' ? productFrame(plan) : centredFrame(fn, plan, given)
  const arrays: DeviceArray[] = []
  const held = site.hold('the kernel matrix on the GPU', () => arrays.forEach((array) => array.free()))
  const points = await uploadPoints(frame.place(given), fn, site, site.engine, arrays)
  const bases = plan.kernel === 'polynomial' ? basesOf(plan, given) : undefined
  const operator = productsOf(plan, points, points, site, held, (fn, work) => held.use(fn, work), {
    diagonal: () => diagonalSteps(plan, points.cloud.count, bases),
  })
  return Object.assign(operator, {
    cross: (Y: MatrixLike) => crossOperator(Y, { plan, frame, points, dim: given.cols, site, held }),
  })
}

interface Whole {
  readonly plan: KernelPlan
  readonly frame: Frame
  readonly points: Points
  /** d */
  readonly dim: number
  readonly site: Site
  readonly held: Held
}

async function crossOperator(
  Y: MatrixLike,
  { plan, frame, points, dim, site, held }: Whole,
): Promise<GpuOperator> {
  const fn = 'gpu.kernelMatrix(X).cross'
  const given = dense(asFiniteMatrix(Y, fn, 'Y'))
  if (given.cols !== dim) {
    const shape = `${given.rows}×${given.cols}`
    throw new ShapeError({ fn, argument: 'Y', expected: `${dim} columns, as X has`, given: shape })
  }
  return runAsync(
    held.use(fn, function* (lease) {
      const arrays: DeviceArray[] = []
      const own = site.hold('the kernel matrix on the GPU', () => arrays.forEach((array) => array.free()))
      try {
        const others = yield* wait(
          lease.run((engine) => uploadPoints(frame.place(given), fn, site, engine, arrays)),
        )
        const use: Use = (fn, work) => own.use(fn, () => held.use(fn, work))
        return productsOf(plan, others, points, site, own, use)
      } catch (error) {
        own.dispose()
        throw error
      }
    }),
  )
}

/** Runs steps while all that they need is there. */
type Use = <T>(fn: string, work: (lease: Lease) => Steps<T>) => Steps<T>

/** K(P, Q) as an operator. */
function productsOf(
  kernel: KernelPlan,
  P: Points,
  Q: Points,
  { limits }: Site,
  held: Held,
  use: Use,
  more: { diagonal?(): Steps<Float64Array> } = {},
): GpuOperator {
  const plan = entryPlan(kernel, P.cloud.dim, P.cloud.parts.length)
  const scaleOf = (one: Cloud, other: Cloud): number => (one.exponent + other.exponent) * kernel.degree
  const scale = scaleOf(P.cloud, Q.cloud)
  const product = (V: Matrix, fn: string, argument: string, rows: Points, cols: Points): Steps<Matrix> =>
    use(fn, (lease) => {
      const parts = rows.chunks.flatMap((I) => cols.chunks.map((J) => partOf(plan, I, J, cols.tile)))
      return sweepSteps(lease, { fn, argument, X: V, rows: rows.cloud.count, scale, limits, parts })
    })
  return gpuOperator([P.cloud.count, Q.cloud.count], held, {
    matmat: (V) => product(V, 'matmat', 'X', P, Q),
    rmatmat: (V) => product(V, 'rmatmat', 'Y', Q, P),
    columns: (J) =>
      use('columns', (lease) => entriesSteps(lease, { plan, scale, limits, of: P, with: Q, at: J })),
    *rows(I) {
      const columns = yield* use('rows', (lease) =>
        entriesSteps(lease, { plan, scale, limits, of: Q, with: P, at: I }),
      )
      return contiguous(columns.transpose(1, 0))
    },
    ...more,
  })
}

/** The points I against the points J, a tile of them after the other; what they add up to stays until the end. */
function partOf(plan: EntryPlan, I: Chunk, J: Chunk, tile: number): Part {
  return {
    inner: J.range,
    outer: I.range,
    multiply: (engine, data, k) =>
      withScratch(async (own) => {
        let sum: DeviceArray | undefined
        for (let at = 0; at < J.range.count; at += tile) {
          const V = new Float32Array(tile * k)
          V.set(data.subarray(at * k, (at + tile) * k))
          const next = await tileProduct(engine, { plan, I, J, tile, at, V, k, sum })
          sum?.free()
          sum = own(next)
        }
        return engine.read(sum!)
      }),
  }
}

interface TileProduct {
  readonly plan: EntryPlan
  readonly I: Chunk
  readonly J: Chunk
  readonly tile: number
  readonly at: number
  readonly V: Float32Array
  readonly k: number
  readonly sum: DeviceArray | undefined
}

/** sum + K(I, J[at …])·V, of size [k, padded]. */
function tileProduct(engine: Engine, { plan, I, J, tile, at, V, k, sum }: TileProduct): Promise<DeviceArray> {
  const points = [...I.parts, ...J.parts]
  return withScratch(async (own) => {
    const v = own(await engine.array(V, [k, tile], 'passing'))
    if (engine.shade) {
      const shader = productShader(plan, tile, I.padded, k, at, sum === undefined)
      return engine.shade(shader, [...points, v, ...(sum ? [sum] : [])])
    }
    const offset = own(await engine.array(Float32Array.of(at), [1], 'passing'))
    const entries = own(await engine.run(blockKernel(plan, tile, I.padded), [...points, offset]))
    const block: Block = { ...entries, rows: I.padded, cols: tile }
    const product = await engine.product(block, false, v)
    return sum ? engine.run(entrywiseKernel('+', [k, I.padded]), [sum, own(product)]) : product
  })
}

interface Entries {
  readonly plan: EntryPlan
  readonly scale: number
  readonly limits: Limits
  readonly of: Points
  readonly with: Points
  readonly at: Int32Array
}

/** The entries of all points `of` and the points `at` of `with`. */
function* entriesSteps(lease: Lease, { plan, scale, limits, of, with: Q, at }: Entries): Steps<Matrix> {
  const n = of.cloud.count
  const out = wrap(new Float64Array(n * at.length), n, at.length)
  const [f, g] = factors(scale)
  for (const chunk of of.chunks) {
    const most = mostColumns(limits, plan.dim, chunk.padded)
    for (let first = 0; first < at.length; first += most) {
      const J = at.subarray(first, first + most)
      const { block, width } = yield* wait(lease.run((engine) => blockOf(engine, plan, chunk, Q.cloud, J)))
      for (let i = 0; i < chunk.range.count; i++) {
        for (let t = 0, o = (chunk.range.start + i) * at.length + first; t < J.length; t++, o++) {
          const value = block[i * width + t]! * f * g
          if (!Number.isFinite(value)) refuse(value, chunk.range.start + i, J[t]!)
          out.data[o] = value
        }
      }
      yield* breath()
    }
  }
  return out
}

async function blockOf(
  engine: Engine,
  plan: EntryPlan,
  chunk: Chunk,
  { parts }: Cloud,
  J: Int32Array,
): Promise<{ block: Float32Array; width: number }> {
  const { dim } = plan
  const width = fewWidths(J.length)
  const block = await withScratch(async (own) => {
    const chosen: DeviceArray[] = []
    for (const part of parts) {
      const data = new Float32Array(dim * width)
      J.forEach((j, t) => {
        data.set(part.subarray(j * dim, (j + 1) * dim), t * dim)
      })
      chosen.push(own(await engine.array(data, [dim, width], 'passing')))
    }
    const offset = own(await engine.array(Float32Array.of(0), [1], 'passing'))
    return engine.compute(blockKernel(plan, width, chunk.padded), [...chunk.parts, ...chosen, offset])
  })
  return { block, width }
}

/** Methods ask for many different numbers of columns, and a kernel is built for each width. */
const fewWidths = (count: number): number =>
  count <= 64 ? Math.max(4, 2 ** Math.ceil(Math.log2(count))) : 64 * Math.ceil(count / 64)

/** The most columns whose block with so many rows fits: itself one of the few widths. */
function mostColumns({ bytes, side }: Limits, dim: number, rows: number): number {
  const fitting = Math.min(side, Math.min(MOST_NUMBERS, bytes / 4) / Math.max(dim, rows))
  return fitting < 64 ? Math.max(4, 2 ** Math.floor(Math.log2(fitting))) : 64 * Math.floor(fitting / 64)
}

async function uploadPoints(
  cloud: Cloud,
  fn: string,
  { limits }: Site,
  engine: Engine,
  arrays: DeviceArray[],
): Promise<Points> {
  const { count, dim } = cloud
  const { capacity, tile } = sizes(fn, limits, count, dim)
  const chunks: Chunk[] = []
  for (let start = 0; start < count; start += capacity) {
    const range = { start, count: Math.min(capacity, count - start) }
    const padded = tile * Math.ceil(range.count / tile)
    const parts: DeviceArray[] = []
    for (const part of cloud.parts) {
      const data = new Float32Array(dim * padded)
      data.set(part.subarray(start * dim, (start + range.count) * dim))
      const array = await engine.array(data, [dim, padded], 'held')
      arrays.push(array)
      parts.push(array)
    }
    chunks.push({ range, padded, parts })
  }
  return { cloud, chunks, tile }
}

/** How many points lie in one array, and how many of them are multiplied by at one time; the latter divides the former. */
function sizes(
  fn: string,
  { bytes, side }: Limits,
  count: number,
  dim: number,
): { capacity: number; tile: number } {
  const numbers = Math.min(MOST_NUMBERS, bytes / 4)
  const most = 4 * Math.floor(Math.min(MOST_POINTS, side, numbers / dim) / 4)
  if (most === 0 || dim > side) throw new GpuMemoryError(fn, `a limit of ${bytes} bytes and sides of ${side}`)
  const wanted = Math.min(most, Math.max(4, paddedTo4(count)))
  const perPoint = wanted * (3 * dim + 84)
  const tall = 4 * Math.max(1, Math.floor(Math.min(FLOPS / perPoint, numbers / wanted) / 4))
  const tiles = Math.ceil(wanted / tall)
  const tile = 4 * Math.floor(wanted / tiles / 4)
  const ceiled = 4 * Math.ceil(wanted / tiles / 4)
  return tiles * ceiled <= most
    ? { capacity: tiles * ceiled, tile: ceiled }
    : { capacity: tiles * tile, tile }
}

/** γ‖x‖² + coef0 of each point, in float64. */
function basesOf({ gamma, coef0 }: KernelPlan, { data, offset, rows, cols, rs, cs }: Dense): Float64Array {
  const bases = new Float64Array(rows)
  for (let i = 0; i < rows; i++) {
    let square = 0
    for (let j = 0, a = offset + i * rs; j < cols; j++, a += cs) square += gamma * data[a]! * data[a]!
    bases[i] = square + coef0
  }
  return bases
}

/** k(xᵢ, xᵢ), from the points in float64. */
// eslint-disable-next-line require-yield -- steps by contract
function* diagonalSteps(
  { degree }: KernelPlan,
  count: number,
  bases: Float64Array | undefined,
): Steps<Float64Array> {
  if (bases === undefined) return new Float64Array(count).fill(1)
  return bases.map((base, i) => {
    const value = base ** degree
    return Number.isFinite(value) ? value : refuse(value, i, i)
  })
}

function refuse(value: number, i: number, j: number): never {
  const argument = 'the kernel of two points'
  throw new NotFiniteError({ fn: 'gpu.kernelMatrix', argument, value, index: [i, j] })
}
