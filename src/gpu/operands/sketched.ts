import { wrap } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import type { Shape } from '../../linalg/operators.js'
import type { SketchForm } from '../../linalg/operators/sketchform.js'
import type { SparseRows } from '../../linalg/operators/sparse.js'
import { wait } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { paddedTo4, withScratch } from '../engines/engine.js'
import type { DeviceArray, Engine, Limits } from '../engines/engine.js'
import { entrywiseKernel } from '../engines/kernels.js'
import { LARGEST_PIECE, entriesOn } from '../kernels/sketchentries.js'
import { picked, placed, transform, transformFits, uploadTransform, widthOf } from './hadamard.js'
import type { Lease } from './held.js'
import type { Cell, Grid } from './matrix.js'
import { factors } from './scale.js'
import { adjointRows, gatherKernel } from '../kernels/compressed.js'
import type { Range } from './sweep.js'

// S·A, or S·Aᵀ, for a matrix A that lies on the device: what S needs is made or put there, and nothing but the answer
// comes back. Of A, the side that S sums over is `summed`, the other is `kept`; blocks with the same kept side are added
// on the device.

/** A tile of the answer: rows `rows` of S times the blocks of one kept range. */
interface Tile {
  readonly rows: Range
  readonly kept: Range
  make(engine: Engine): Promise<Made>
}

/** Numbers of a tile; how far apart the columns and the rows of S·A lie in them. */
interface Made {
  readonly data: Float32Array
  readonly column: number
  readonly row: number
}

/** Blocks with the same kept side. */
interface Band {
  readonly kept: Range
  readonly parts: readonly { readonly summed: Range; readonly block: Cell['block'] }[]
}

export function* sketchedSteps(
  lease: Lease,
  { cells, scale, limits }: Pick<Grid, 'cells' | 'scale' | 'limits'>,
  shape: Shape,
  form: SketchForm,
  adjoint: boolean,
): Steps<Matrix> {
  const [d, cols] = [form.shape[0], shape[adjoint ? 0 : 1]]
  const out = wrap(new Float64Array(d * cols), d, cols)
  const [f, g] = factors(scale)
  for (const tile of tilesOf(form, bandsOf(cells, adjoint), adjoint, limits)) {
    const { rows, kept } = tile
    const { data, column, row } = yield* wait(lease.run((engine) => tile.make(engine)))
    for (let i = 0; i < rows.count; i++) {
      const o = (rows.start + i) * cols + kept.start
      for (let j = 0, a = i * row; j < kept.count; j++, a += column) {
        out.data[o + j] = data[a]! * f * g
      }
    }
  }
  return out
}

function bandsOf(cells: readonly Cell[], adjoint: boolean): Band[] {
  const bands = new Map<number, { kept: Range; parts: Band['parts'][number][] }>()
  for (const { rows, cols, block } of cells) {
    const [kept, summed] = adjoint ? [rows, cols] : [cols, rows]
    const band = bands.get(kept.start) ?? { kept, parts: [] }
    bands.set(kept.start, band)
    band.parts.push({ summed, block })
  }
  return [...bands.values()]
}

function tilesOf(form: SketchForm, bands: readonly Band[], adjoint: boolean, limits: Limits): Iterable<Tile> {
  const { making } = form
  if (making.kind === 'sparse') return sparseTiles(adjointRows(making.adjoint()), bands, adjoint, limits)
  if (making.kind === 'hadamard' && transformFits(making, limits)) {
    return hadamardTiles(form.shape[0], making, bands, adjoint, limits)
  }
  return denseTiles(form, bands, adjoint, limits)
}

/** Sᵀ is made some columns at a time, as the thin operand of a product with Aᵀ. */
function* denseTiles(
  form: SketchForm,
  bands: readonly Band[],
  adjoint: boolean,
  { bytes, columns }: Limits,
): Iterable<Tile> {
  const d = form.shape[0]
  for (const { kept, parts } of bands) {
    const longest = paddedTo4(Math.max(kept.count, ...parts.map(({ summed }) => summed.count)))
    const fitting = Math.min(columns, Math.min(bytes / 4, LARGEST_PIECE) / longest)
    const width = Math.max(4, 8 * Math.floor(fitting / 8))
    for (let i0 = 0; i0 < d; i0 += width) {
      const rows = { start: i0, count: Math.min(width, d - i0) }
      const i1 = i0 + rows.count
      const make = async (engine: Engine): Promise<Made> => {
        const k = engine.paddedColumns(rows.count)
        const data = await summedUp(engine, parts, async ({ summed: { start, count }, block }, before) =>
          withScratch(async (own) => {
            const range = { i0, i1, j0: start, j1: start + count, transposed: true }
            const St = own(await entriesOn(engine, form, { ...range, size: [k, paddedTo4(count)] }))
            const product = await engine.product(block, !adjoint, St)
            if (!before) return product
            own(product)
            return engine.run(entrywiseKernel('+', product.size), [product, before])
          }),
        )
        return { data, column: k, row: 1 }
      }
      yield { rows, kept, make }
    }
  }
}

/** Entries of a row that go to the device at a time. */
const LONGEST = 1024

/** Rows of S of about equal length, some entries of each at a time. */
function* sparseTiles(
  S: SparseRows,
  bands: readonly Band[],
  adjoint: boolean,
  { bytes, side }: Limits,
): Iterable<Tile> {
  const d = S.shape[0]
  const longest = Math.min(LONGEST, 2 ** Math.floor(Math.log2(Math.min(side, bytes / 4))))
  for (const { kept, parts } of bands) {
    const most = Math.max(1, Math.floor(Math.min(side, bytes / 4 / Math.max(longest, kept.count))))
    for (let i0 = 0; i0 < d; i0 += most) {
      const rows = { start: i0, count: Math.min(most, d - i0) }
      const pieces = parts.flatMap(({ summed, block }) =>
        [...piecesOf(S, rows, summed, longest)].map((piece) => ({ piece, block })),
      )
      const output = [kept.count, rows.count]
      const make = async (engine: Engine): Promise<Made> => {
        const data = await summedUp(engine, pieces, ({ piece: { length, indices, values }, block }, before) =>
          withScratch(async (own) => {
            const size = [length, rows.count]
            const J = own(await engine.array(indices, size, 'passing'))
            const V = own(await engine.array(values, size, 'passing'))
            const kernel = gatherKernel({ length, output, across: adjoint, onto: before !== undefined })
            return engine.run(kernel, before ? [J, V, block, before] : [J, V, block])
          }),
        )
        return { data, column: 1, row: kept.count }
      }
      if (pieces.length > 0) yield { rows, kept, make }
    }
  }
}

/** Entries of some rows within a range of columns, `length` of each row at a time, zeros where there are fewer. */
function* piecesOf(
  { pointers, indices, values }: SparseRows,
  rows: Range,
  { start, count }: Range,
  longest: number,
): Iterable<{ length: number; indices: Float32Array; values: Float32Array }> {
  const from = new Int32Array(rows.count)
  const to = new Int32Array(rows.count)
  let most = 0
  for (let t = 0; t < rows.count; t++) {
    let [a, b] = [pointers[rows.start + t]!, pointers[rows.start + t + 1]!]
    while (a < b && indices[a]! < start) a++
    while (b > a && indices[b - 1]! >= start + count) b--
    from[t] = a
    to[t] = b
    most = Math.max(most, b - a)
  }
  const length = Math.min(longest, 2 ** Math.ceil(Math.log2(Math.max(1, most))))
  for (let first = 0; first < most; first += length) {
    const [J, V] = [new Float32Array(length * rows.count), new Float32Array(length * rows.count)]
    for (let t = 0; t < rows.count; t++) {
      const end = Math.min(to[t]!, from[t]! + first + length)
      for (let e = from[t]! + first, o = t * length; e < end; e++, o++) {
        J[o] = indices[e]! - start
        V[o] = values[e]!
      }
    }
    yield { length, indices: J, values: V }
  }
}

/** Some columns of A at a time are placed among N, transformed, and picked. */
function* hadamardTiles(
  d: number,
  making: Parameters<typeof picked>[0],
  bands: readonly Band[],
  adjoint: boolean,
  limits: Limits,
): Iterable<Tile> {
  const N = making.D2.length
  const width = widthOf(N, limits)
  for (const { kept, parts } of bands) {
    for (let first = 0; first < kept.count; first += width) {
      const k = Math.min(width, kept.count - first)
      const make = (engine: Engine): Promise<Made> =>
        withScratch(async (own) => {
          const arrays: DeviceArray[] = []
          const chosen = async ({ indices, values }: ReturnType<typeof picked>) =>
            Promise.all(
              [indices, values].map((data) => engine.array(data, [1, data.length], 'passing').then(own)),
            )
          try {
            const mixing = await uploadTransform(making, engine, limits, arrays)
            let X: DeviceArray | undefined
            for (const { summed, block } of parts) {
              const kernel = gatherKernel({ length: 1, output: [k, N], across: adjoint, first, onto: !!X })
              const args = [...(await chosen(placed(making, summed))), block]
              X = own(await engine.run(kernel, X ? [...args, X] : args))
            }
            const mixed = own(await transform(engine, mixing, X!))
            const kernel = gatherKernel({ length: 1, output: [k, d] })
            const data = await engine.compute(kernel, [...(await chosen(picked(making))), mixed])
            return { data, column: 1, row: k }
          } finally {
            for (const array of arrays) array.free()
          }
        })
      const there = { start: kept.start + first, count: k }
      yield { rows: { start: 0, count: d }, kept: there, make }
    }
  }
}

/** Reads what the last of the parts makes, each added to what the ones before it made. */
function summedUp<P>(
  engine: Engine,
  parts: readonly P[],
  add: (part: P, before: DeviceArray | undefined) => Promise<DeviceArray>,
): Promise<Float32Array> {
  return withScratch(async (own) => {
    let sum: DeviceArray | undefined
    for (const part of parts) {
      const next: DeviceArray = own(await add(part, sum))
      sum?.free()
      sum = next
    }
    return engine.read(sum!)
  })
}
