import type { Matrix } from '../../linalg/arrays.js'
import { ShapeError, describe } from '../../linalg/errors.js'
import { isOperator } from '../../linalg/operators.js'
import type { LinearOperator, ProductSteps } from '../../linalg/operators.js'
import type { SketchForm } from '../../linalg/operators/sketchform.js'
import type { SparseRows } from '../../linalg/operators/sparse.js'
import { paddedTo4, withScratch } from '../engines/engine.js'
import type { Block, DeviceArray } from '../engines/engine.js'
import { LARGEST_PIECE, entriesOn } from '../kernels/sketchentries.js'
import { adjointRows, checkSides, gatherKernel, productSteps, uploadRows } from '../kernels/compressed.js'
import type { Side } from '../kernels/compressed.js'
import {
  picked,
  pickedAdjoint,
  placed,
  placedAdjoint,
  transform,
  transformFits,
  uploadTransform,
  widthOf,
} from './hadamard.js'
import type { Held, Site } from './held.js'
import { gridProduct } from './matrix.js'
import type { Cell } from './matrix.js'
import { gpuOperator } from './operand.js'
import type { GpuOperator } from './operand.js'
import { sweepSteps } from './sweep.js'
import type { Part } from './sweep.js'
import { cellsWithin } from './upload.js'

// A sketch on a device, the same matrix as on the host: dense ones as their entries, made there where the device can;
// sparse ones as compressed rows; Hadamard transforms by their stages.

/** A sketch of src/sketch, by what is read of it. */
export interface FormedOperator extends LinearOperator {
  /** What its entries are, for a device to make. */
  readonly form: SketchForm
}

/** What puts a sketch on a device. */
interface Placing {
  readonly form: SketchForm
  readonly site: Site
  readonly held: Held
  readonly arrays: DeviceArray[]
}

export async function uploadSketch(S: FormedOperator, fn: string, site: Site): Promise<GpuOperator> {
  if (!isOperator(S) || typeof (S as Partial<FormedOperator>).form?.entries !== 'function') {
    const expected = 'a sketch (gaussian, rademacher, sparseSign, countSketch, srht, srtt, rowSampling)'
    throw new ShapeError({ fn, argument: 'S', expected, given: describe(S) })
  }
  const { form } = S
  const arrays: DeviceArray[] = []
  const held = site.hold('the sketch on the GPU', () => arrays.forEach((array) => array.free()))
  const steps = await productsOf({ form, site, held, arrays }, fn)
  const norm = S.frobeniusNorm?.()
  const knownNorm = norm !== undefined && {
    // eslint-disable-next-line require-yield -- steps by contract
    *frobeniusNorm() {
      return norm
    },
  }
  return gpuOperator(form.shape, held, { ...steps, ...knownNorm })
}

type Products = Pick<ProductSteps, 'matmat' | 'rmatmat'>

function productsOf(placing: Placing, fn: string): Promise<Products> {
  const { making } = placing.form
  if (making.kind === 'sparse') return sparseProducts(placing, making.adjoint(), fn)
  if (making.kind === 'hadamard' && transformFits(making, placing.site.limits)) {
    return hadamardProducts(placing, making)
  }
  return denseProducts(placing, fn)
}

async function denseProducts(
  { form, site: { engine, limits }, held, arrays }: Placing,
  fn: string,
): Promise<Products> {
  const [d, n] = form.shape
  const cells: Cell[] = []
  const within = { ...limits, bytes: Math.min(limits.bytes, 4 * LARGEST_PIECE) }
  for (const { rows, cols } of cellsWithin(d, n, within, fn)) {
    const [i0, j0] = [rows.start, cols.start]
    const [i1, j1] = [i0 + rows.count, j0 + cols.count]
    const size = [paddedTo4(cols.count), paddedTo4(rows.count)] as const
    const made = await entriesOn(engine, form, { i0, i1, j0, j1, transposed: false, size })
    arrays.push(made)
    const block: Block = { ...made, rows: rows.count, cols: cols.count }
    cells.push({ rows, cols, block })
  }
  const grid = { cells, scale: 0, limits }
  return {
    matmat: (X) => gridProduct(held, grid, form.shape, X, false),
    rmatmat: (Y) => gridProduct(held, grid, form.shape, Y, true),
  }
}

async function sparseProducts(
  { form, site, held, arrays }: Placing,
  St: SparseRows,
  fn: string,
): Promise<Products> {
  checkSides(form.shape, fn, 'S')
  const { limits } = site
  const owned = (array: DeviceArray) => void arrays.push(array)
  const byColumn = await uploadRows(St, 0, site, owned)
  const byRow = await uploadRows(adjointRows(St), 0, site, owned)
  const product = (fn: string, argument: string, X: Matrix, side: Side) =>
    held.use(fn, (lease) => productSteps(lease, side, { fn, argument, X, scale: 0, limits }))
  return {
    matmat: (X) => product('matmat', 'X', X, byRow),
    rmatmat: (Y) => product('rmatmat', 'Y', Y, byColumn),
  }
}

async function hadamardProducts(
  { form, site, held, arrays }: Placing,
  making: Parameters<typeof picked>[0],
): Promise<Products> {
  const [d, n] = form.shape
  const { engine, limits } = site
  const mixing = await uploadTransform(making, engine, limits, arrays)
  const choice = async ({ indices, values }: ReturnType<typeof picked>) => {
    const put = async (data: Float32Array): Promise<DeviceArray> => {
      const array = await engine.array(data, [1, data.length], 'held')
      arrays.push(array)
      return array
    }
    return { count: indices.length, args: [await put(indices), await put(values)] as const }
  }
  type Chosen = Awaited<ReturnType<typeof choice>>
  const part = (inner: number, outer: number, into: Chosen, out: Chosen): Part => ({
    inner: { start: 0, count: inner },
    outer: { start: 0, count: outer },
    multiply: (engine, data, k) =>
      withScratch(async (own) => {
        const chosen = ({ count, args }: Chosen, X: DeviceArray) =>
          [gatherKernel({ length: 1, output: [k, count] }), [...args, X]] as const
        const X = own(await engine.array(data, [k, data.length / k], 'passing'))
        const there = own(await engine.run(...chosen(into, X)))
        const mixed = own(await transform(engine, mixing, there))
        return engine.compute(...chosen(out, mixed))
      }),
  })
  const [into, out] = [await choice(placed(making, { start: 0, count: n })), await choice(picked(making))]
  const [intoAdjoint, outAdjoint] = [await choice(placedAdjoint(making)), await choice(pickedAdjoint(making))]
  const within = { ...limits, columns: widthOf(mixing.N, limits) }
  return sweeps(
    held,
    { ...site, limits: within },
    [d, n],
    part(n, d, into, out),
    part(d, n, intoAdjoint, outAdjoint),
  )
}

function sweeps(
  held: Held,
  { limits }: Pick<Site, 'limits'>,
  [d, n]: readonly [number, number],
  byRow: Part,
  byColumn: Part,
): Products {
  const product = (fn: string, argument: string, X: Matrix, rows: number, part: Part) =>
    held.use(fn, (lease) => sweepSteps(lease, { fn, argument, X, rows, scale: 0, limits, parts: [part] }))
  return {
    matmat: (X) => product('matmat', 'X', X, d, byRow),
    rmatmat: (Y) => product('rmatmat', 'Y', Y, n, byColumn),
  }
}
