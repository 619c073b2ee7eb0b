import type { SketchForm } from '../../linalg/operators/sketchform.js'
import type { DeviceArray, Engine, Limits } from '../engines/engine.js'
import { withScratch } from '../engines/engine.js'
import { hadamardLevels, runStages, uploadStages } from './stages.js'
import type { Stage } from './stages.js'
import type { Range } from './sweep.js'

// The subsampled Hadamard transform on a device: rows of X are placed among N and get their signs, two transforms by the
// stages of a butterfly with signs between them, rows are picked; for the adjoint the same from the other end. Placing
// and picking are gathers with one entry in each row.

type Hadamard = Extract<SketchForm['making'], { kind: 'hadamard' }>

/** H·D₂·H on the device. */
export interface Transform {
  readonly N: number
  readonly stages: readonly Stage[]
  readonly D2: DeviceArray
}

/** Row t of an answer is values[t] times row indices[t] of X. */
interface Choice {
  readonly indices: Float32Array
  readonly values: Float32Array
}

/** Whether four columns of N rows are one array; else the sketch is taken by its entries. */
export const transformFits = ({ D2 }: Hadamard, { bytes, side }: Limits): boolean =>
  D2.length <= side && 16 * D2.length <= bytes

/** Columns of N rows that are one array. */
export const widthOf = (N: number, { bytes, columns }: Limits): number =>
  Math.min(columns, Math.floor(bytes / 4 / N))

/** The N rows that rows `there` of n, which X has, are placed among. */
export function placed({ D1, D2 }: Hadamard, there: Range): Choice {
  const [indices, values] = [new Float32Array(D2.length), new Float32Array(D2.length)]
  for (let i = 0; i < there.count; i++) {
    indices[there.start + i] = i
    values[there.start + i] = D1[there.start + i]!
  }
  return { indices, values }
}

/** The d rows that are picked of N. */
export const picked = ({ picked, scale }: Hadamard): Choice => ({
  indices: Float32Array.from(picked),
  values: new Float32Array(picked.length).fill(scale),
})

/** The N rows that the d rows of X are placed among. */
export function placedAdjoint({ picked, D2, scale }: Hadamard): Choice {
  const [indices, values] = [new Float32Array(D2.length), new Float32Array(D2.length)]
  picked.forEach((row, t) => {
    indices[row] = t
    values[row] = scale
  })
  return { indices, values }
}

/** The n rows of N that are wanted. */
export const pickedAdjoint = ({ D1 }: Hadamard): Choice => ({
  indices: Float32Array.from(D1.keys()),
  values: Float32Array.from(D1),
})

export async function uploadTransform(
  { D2 }: Hadamard,
  engine: Engine,
  { side }: Limits,
  arrays: DeviceArray[],
): Promise<Transform> {
  const N = D2.length
  const stages = await uploadStages(N, hadamardLevels(N), engine, side, arrays)
  const diagonal = await engine.array(Float32Array.from(D2), [N], 'held')
  arrays.push(diagonal)
  return { N, stages, D2: diagonal }
}

/** H·D₂·H·X for an X of k columns. */
export function transform(
  engine: Engine,
  { N, stages, D2 }: Transform,
  X: DeviceArray,
): Promise<DeviceArray> {
  return withScratch(async (own) => {
    const run = { k: X.size[0]!, rows: N, adjoint: false, from: 'real', to: 'real', side: N } as const
    const once = own(await runStages(engine, stages, X, { ...run, diagonal: D2 }))
    return runStages(engine, stages, once, run)
  })
}
