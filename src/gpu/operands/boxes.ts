import type { FloatArray, Tensor } from '../../linalg/arrays.js'
import { breath } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { columnWeights, columnsOf } from '../../linalg/operators/unfolding.js'
import { volumeOf } from '../engines/engine.js'
import type { DeviceArray } from '../engines/engine.js'
import type { Around } from '../kernels/modekernels.js'
import { factors } from './scale.js'

// A tensor on the device lies in boxes, each row-major in one array. At the upload they are slabs along the first mode;
// where one index of it is too much for an array they are cut along the next, and so on.

/** Entries start … start + shape of a tensor. */
export interface Bounds {
  readonly start: readonly number[]
  readonly shape: readonly number[]
}

export interface Box extends Bounds {
  array: DeviceArray
}

/** Cuts a shape into boxes of at most so many entries, in the order of memory. */
export function cut(shape: readonly number[], most: number): Bounds[] {
  if (shape.includes(0)) return []
  const rest = (mode: number): number => volumeOf(shape.slice(mode + 1))
  let mode = 0
  while (rest(mode) > most) mode++
  const pieces = Math.ceil(shape[mode]! / Math.floor(most / rest(mode)))
  const length = Math.ceil(shape[mode]! / pieces)
  const boxes: Bounds[] = []
  const before = shape.slice(0, mode)
  for (let index = 0; index < volumeOf(before); index++) {
    const leading = digits(index, before)
    for (let first = 0; first < shape[mode]!; first += length) {
      boxes.push({
        start: [...leading, first, ...shape.slice(mode + 1).fill(0)],
        shape: [...leading.map(() => 1), Math.min(length, shape[mode]! - first), ...shape.slice(mode + 1)],
      })
    }
  }
  return boxes
}

function digits(index: number, shape: readonly number[]): number[] {
  const out: number[] = []
  for (let rest = index, d = shape.length - 1; d >= 0; d--) {
    out.unshift(rest % shape[d]!)
    rest = Math.floor(rest / shape[d]!)
  }
  return out
}

/** A box about mode n. */
export const aroundMode = ({ shape }: Pick<Bounds, 'shape'>, n: number): Around => ({
  outer: volumeOf(shape.slice(0, n)),
  size: shape[n]!,
  inner: volumeOf(shape.slice(n + 1)),
})

/** Boxes that differ in mode n alone, in its order: each group has all of it, as boxes stand in a grid. */
export function groupsAlong<B extends Bounds>(boxes: readonly B[], n: number): B[][] {
  const groups = new Map<string, B[]>()
  for (const box of boxes) {
    const key = box.start.filter((_, k) => k !== n).join()
    const group = groups.get(key)
    if (group) group.push(box)
    else groups.set(key, [box])
  }
  return [...groups.values()].map((group) => group.sort((a, b) => a.start[n]! - b.start[n]!))
}

/** The columns of the mode-n unfolding of a tensor of `whole` that a box has, in the order in which it lies in memory. */
export function columnsOfBox({ start, shape }: Bounds, whole: readonly number[], n: number): Int32Array {
  const weights = columnWeights(whole, n)
  const axes = shape.map((size, k) => ({ size, weight: weights[k]! })).filter((_, k) => k !== n)
  const first = start.reduce((sum, from, k) => sum + from * weights[k]!, 0)
  const columns = columnsOf({ axes }, 0, volumeOf(axes.map(({ size }) => size)))
  return first === 0 ? columns : columns.map((column) => first + column)
}

/** Numbers copied between two breaths: about a millisecond. */
const STRETCH = 2 ** 18

/** The entries of a box times 2^-e, row-major in float32. */
export function* packSteps(T: Tensor<FloatArray>, box: Bounds, e: number): Steps<Float32Array> {
  const { data } = T
  const [f, g] = factors(-e)
  const out = new Float32Array(volumeOf(box.shape))
  const [length, step] = [box.shape.at(-1)!, T.stride.at(-1)!]
  for (const { at, o, due } of linesOf(box, T)) {
    for (let i = 0, a = at; i < length; i++, a += step) out[o + i] = data[a]! * f * g
    if (due) yield* breath()
  }
  return out
}

/** Writes the entries of a box, times 2^e, where they belong. False where a number was not finite. */
export function* unpackSteps(from: Float32Array, box: Bounds, e: number, T: Tensor): Steps<boolean> {
  const { data } = T
  const [f, g] = factors(e)
  const [length, step] = [box.shape.at(-1)!, T.stride.at(-1)!]
  let zero = 0
  for (const { at, o, due } of linesOf(box, T)) {
    for (let i = 0, a = at; i < length; i++, a += step) {
      const x = from[o + i]! * f * g
      zero += 0 * x
      data[a] = x
    }
    if (due) yield* breath()
  }
  return zero === 0
}

/** The lines of a box along the last mode: where each begins in the tensor's data, and in the box's. */
function* linesOf(
  { start, shape }: Bounds,
  { offset, stride }: Tensor<FloatArray>,
): Generator<{ readonly at: number; readonly o: number; readonly due: boolean }> {
  const last = shape.length - 1
  const length = shape[last]!
  const index = shape.map(() => 0)
  const line = { at: start.reduce((at, from, k) => at + from * stride[k]!, offset), o: 0, due: false }
  const lines = volumeOf(shape) / length
  const rhythm = Math.max(1, Math.floor(STRETCH / length))
  for (let t = 1; t <= lines; t++) {
    line.due = t % rhythm === 0
    yield line
    line.o += length
    for (let d = last - 1; d >= 0; d--) {
      line.at += stride[d]!
      if (++index[d]! < shape[d]!) break
      line.at -= stride[d]! * shape[d]!
      index[d] = 0
    }
  }
}
