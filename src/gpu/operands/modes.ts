import { volumeOf, withScratch } from '../engines/engine.js'
import type { Block, DeviceArray, Engine } from '../engines/engine.js'
import {
  largestKernel,
  layoutOf,
  modeInnerKernel,
  modeProductKernel,
  scaledKernel,
  slicesSumKernel,
  squaresKernel,
  sumKernel,
  thinAround,
} from '../kernels/modekernels.js'
import type { Around, Place } from '../kernels/modekernels.js'
import { modeInnerShader, modeProductShader } from '../kernels/modeshaders.js'

// The two passes over a tensor that all its products are made of, in the form that is best on the engine: kernels, or
// shaders; those of matrices where the mode is the last one, so that the tensor is a matrix in memory.

/** A matrix on the device with a row of `stride` numbers, of which `columns` count, for each index of mode n. */
export interface Thin {
  readonly array: DeviceArray
  readonly columns: number
  readonly stride: number
}

/** Σₖ b[k][j]·a[o][k][i]: mode n of the tensor a becomes the columns of b, which stand where `place` says. */
export async function modeProduct(
  engine: Engine,
  a: DeviceArray,
  around: Around,
  { array, columns, stride }: Thin,
  place: Place,
): Promise<DeviceArray> {
  if (columns === stride && isMatrix(engine, around, columns)) {
    const b = engine.view(array, [stride, around.size])
    const product = await engine.product(asBlock(engine, a, around), false, b)
    // Its last rows are padding.
    return { ...engine.view(product, [columns, 1, around.outer]), free: () => product.free() }
  }
  const kernel = modeProductKernel(around, columns, place)
  const b = engine.view(array, [stride, 1, around.size])
  if (engine.shade) {
    return engine.shade(modeProductShader(around, columns, stride, place, kernel.output), [a, b])
  }
  return engine.run(kernel, [engine.view(a, layoutOf(around).extent), b])
}

/** Positions that a slice of a long sum has at least. */
const SHORTEST_SLICE = 256
/** Into how many slices a sum is cut at most, so that the device has enough to do. */
const SLICES = 64

/** A tensor of `columns` in the place of mode n, or last. */
export interface Beside {
  readonly array: DeviceArray
  readonly columns: number
  readonly place: Place
}

/** Σ a[o][k][i]·b[o][j][i] over o and i for the columns j in first … first + count of b: a row of them for each k. */
export async function modeInner(
  engine: Engine,
  a: DeviceArray,
  around: Around,
  { array, columns, place }: Beside,
  first = 0,
  count = columns,
): Promise<DeviceArray> {
  const { outer, size, inner } = around
  if (count === columns && isMatrix(engine, around, columns)) {
    return engine.product(asBlock(engine, a, around), true, engine.view(array, [columns, outer]))
  }
  const length = Math.max(SHORTEST_SLICE, Math.ceil((outer * inner) / SLICES))
  const piece = { first, count, length }
  const views = [
    engine.view(a, layoutOf(around).extent),
    engine.view(array, layoutOf(thinAround(around, columns, place)).extent),
  ]
  const partial = await (engine.shade
    ? engine.shade(modeInnerShader(around, columns, place, piece), views)
    : engine.run(modeInnerKernel(around, columns, place, piece), views))
  const slices = volumeOf(partial.size) / (count * size)
  if (slices === 1) return partial
  return withScratch(async (own) => {
    own(partial)
    const sum = slicesSumKernel(count * size, slices)
    return engine.run(sum, [engine.view(partial, [count * size, 1, slices])])
  })
}

/** Where the tensor is outer × size in memory, and the engine's product of matrices takes it and b as they are. */
const isMatrix = ({ shade }: Engine, { size, inner }: Around, columns: number): boolean =>
  shade !== undefined && inner === 1 && size % 4 === 0 && columns % 4 === 0

const asBlock = (engine: Engine, a: DeviceArray, { outer, size }: Around): Block => ({
  ...engine.view(a, [size, outer]),
  rows: outer,
  cols: size,
})

/** All numbers of an array in one row. */
const flat = (engine: Engine, a: DeviceArray): DeviceArray => engine.view(a, [volumeOf(a.size)])

/** a + b. */
export const sum = (engine: Engine, a: DeviceArray, b: DeviceArray): Promise<DeviceArray> =>
  engine.run(sumKernel(volumeOf(a.size)), [flat(engine, a), flat(engine, b)])

/** 2^e·a. */
export const times2 = (engine: Engine, a: DeviceArray, e: number): Promise<DeviceArray> =>
  withScratch(async (own) => {
    const factor = own(await engine.array(Float32Array.of(2 ** e), [1], 'passing'))
    return engine.run(scaledKernel(volumeOf(a.size)), [flat(engine, a), factor])
  })

/** max |a|. */
export async function largest(engine: Engine, a: DeviceArray): Promise<number> {
  const parts = await engine.compute(largestKernel(volumeOf(a.size)), [flat(engine, a)])
  return parts.reduce((most, part) => Math.max(most, part), 0)
}

/** Σ a². */
export async function squares(engine: Engine, a: DeviceArray): Promise<number> {
  const parts = await engine.compute(squaresKernel(volumeOf(a.size)), [flat(engine, a)])
  return parts.reduce((total, part) => total + part, 0)
}
