import type { Matrix } from '../../linalg/arrays.js'
import { wait } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { useFor } from '../kernels/compressed.js'
import type { Side, Slice } from '../kernels/compressed.js'
import { paddedTo4, withScratch } from '../engines/engine.js'
import type { DeviceArray, Engine, KernelSource, Limits } from '../engines/engine.js'
import type { Lease } from './held.js'
import { blockedSum } from '../engines/kernels.js'
import { columnExponents, packColumns } from './scale.js'
import { fittingColumns } from './sweep.js'

// M − U·Vᵀ at the places of some entries (a sampled dense-dense product): each entry takes its own row of U off with
// one of V. U goes to the device in the order of the rows of the slices, so that only V's rows are looked up.

/** Entries by rows and by columns: 2^scale times what lies there. */
export interface Sides {
  readonly byRow: Side
  readonly byCol: Side
  readonly scale: number
}

/** New values at the same places. Their arrays are put in `made` as they come to be. */
export function* residualSteps(
  lease: Lease,
  { byRow, byCol, scale }: Sides,
  { U, V, limits }: { readonly U: Matrix; readonly V: Matrix; readonly limits: Limits },
  made: DeviceArray[],
): Steps<Sides> {
  const k = U.shape[1]!
  const [u, v] = [columnExponents(U, 0, k), columnExponents(V, 0, k)]
  const zero = u.map((_, t) => (isZero(U, t) || isZero(V, t) ? 1 : 0))
  // No term of U·Vᵀ is much above 2^after.
  const after = u.reduce((most, e, t) => (zero[t] ? most : Math.max(most, e + v[t]!)), scale)
  const left = { F: U, exponents: u }
  const right = { F: V, exponents: v.map((e, t) => Math.max(e, after - u[t]!)) }
  const side = (of: Side, from: Scaled, other: Scaled): Steps<Side> =>
    sideSteps(lease, of, { from, other, shift: scale - after, limits }, made)
  return { byRow: yield* side(byRow, left, right), byCol: yield* side(byCol, right, left), scale: after }
}

function isZero({ data, shape: [, k] }: Matrix, column: number): boolean {
  for (let e = column; e < data.length; e += k!) if (data[e] !== 0) return false
  return true
}

/** A thin matrix whose column t goes to the device times 2^−exponents[t]. */
interface Scaled {
  readonly F: Matrix
  readonly exponents: Int32Array
}

interface Work {
  /** The factor with a row for each row of the side, and the other one. */
  readonly from: Scaled
  readonly other: Scaled
  /** Values change by 2^shift. */
  readonly shift: number
  readonly limits: Limits
}

/** Some columns of both factors after the other. */
function* sideSteps(lease: Lease, side: Side, work: Work, made: DeviceArray[]): Steps<Side> {
  const { from, other, shift, limits } = work
  const k = from.F.shape[1]!
  const tallest = side.slices.reduce((most, { count }) => Math.max(most, count), paddedTo4(side.shape[1] + 1))
  const widest = fittingColumns(tallest, limits)
  let { slices } = side
  for (let first = 0; first < Math.max(1, k); first += widest) {
    const count = Math.min(widest, k - first)
    const width = Math.max(4, paddedTo4(count))
    const left = packed(from, first, count, width)
    slices = yield* wait(
      lease.run((engine) =>
        withScratch(async (own) => {
          const data = packed(other, first, count, width)
          const right = own(
            await engine.array(data, [width, data.length / width], useFor(data, slices.length)),
          )
          const factor = own(
            await engine.array(Float32Array.of(first === 0 ? 2 ** shift : 1), [1], 'passing'),
          )
          const next: Slice[] = []
          let at = 0
          for (const slice of slices) {
            const rows = side.rowOf.subarray(at, (at += slice.count))
            const values = await taken(engine, slice, gathered(left, rows, width), width, right, factor)
            made.push(values)
            if (first > 0) slice.values.free()
            next.push({ ...slice, values })
          }
          return next
        }),
      ),
    )
  }
  return { ...side, slices }
}

/** Columns first … first + count, and at least one row of zeros behind the last. */
function packed({ F, exponents }: Scaled, first: number, count: number, width: number): Float32Array {
  const rows = F.shape[0]!
  const data = new Float32Array(paddedTo4(rows + 1) * width)
  packColumns(F, { start: 0, count: rows }, first, exponents.subarray(first, first + count), data, width)
  return data
}

function gathered(data: Float32Array, rows: Int32Array, width: number): Float32Array {
  const out = new Float32Array(rows.length * width)
  rows.forEach((row, t) => out.set(data.subarray(row * width, (row + 1) * width), t * width))
  return out
}

/** The values of a slice, times a factor, less its rows of `left` times those of `right`. */
function taken(
  engine: Engine,
  { length, count, indices, values }: Slice,
  left: Float32Array,
  width: number,
  right: DeviceArray,
  factor: DeviceArray,
): Promise<DeviceArray> {
  return withScratch(async (own) =>
    engine.run(residualKernel(length, count, width), [
      indices,
      values,
      own(await engine.array(left, [width, count], 'passing')),
      right,
      factor,
    ]),
  )
}

function residualKernel(length: number, count: number, width: number): KernelSource {
  const source = `function (indices, values, left, right, factor) {
    const j = indices[this.thread.y][this.thread.x];
    ${blockedSum(width, [''], (t) => `t += left[this.thread.y][${t}] * right[j][${t}];`)}
    return values[this.thread.y][this.thread.x] * factor[0] - s;
  }`
  return { source, output: [length, count] }
}
