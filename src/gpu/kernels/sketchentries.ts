import type { Making, SketchForm } from '../../linalg/operators/sketchform.js'
import { withScratch } from '../engines/engine.js'
import type { DeviceArray, Engine } from '../engines/engine.js'
import { halves, roundKeys, signKernel, wordKernel } from './philoxlimbs.js'
import { ACROSS, INVOCATIONS, MADE, entrySource } from './philoxwgsl.js'

// Some entries of a sketch as an array on a device: made there where that can be done to the bit (signs) or to the
// rounding of float32 (normals, in WGSL); else on the host, and uploaded.

/** Rows [i0, i1) × columns [j0, j1), or their transpose, in an array of `size`; zeros beyond them. */
export interface Piece {
  readonly i0: number
  readonly i1: number
  readonly j0: number
  readonly j1: number
  readonly transposed: boolean
  readonly size: readonly [width: number, height: number]
}

/** Entries that are made at a time: a dispatch should not take long. */
export const LARGEST_PIECE = 2 ** 24

type Random = Extract<Making, { kind: 'normal' | 'sign' }>

export function entriesOn(engine: Engine, form: SketchForm, piece: Piece): Promise<DeviceArray> {
  const { making } = form
  const random = making.kind === 'normal' || making.kind === 'sign' ? making : undefined
  const hosted = engine.backend === 'cpu' || engine.backend === 'webasm'
  if (random && engine.shade) return shaded(engine, random, piece)
  if (random?.kind === 'sign' && !hosted) return signed(engine, random, piece)
  return engine.array(onHost(form, piece), piece.size, 'held')
}

function shaded(engine: Engine, making: Random, piece: Piece): Promise<DeviceArray> {
  const { kind, seed, stream, scale } = making
  const turned = kind === 'normal' && making.byColumn
  const [i0, i1, j0, j1] = turned
    ? [piece.j0, piece.j1, piece.i0, piece.i1]
    : [piece.i0, piece.i1, piece.j0, piece.j1]
  const [width] = piece.size
  const [si, sj] = piece.transposed !== turned ? [1, width] : [width, 1]
  const bits = new Uint32Array(Float32Array.of(scale).buffer)[0]!
  const made = MADE[kind]
  const groups = Math.ceil(j1 / made) - Math.floor(j0 / made)
  const count = Math.ceil((groups * (i1 - i0)) / INVOCATIONS)
  return engine.shade!(
    {
      code: entrySource[kind],
      output: piece.size,
      groups: [Math.min(count, ACROSS), Math.ceil(count / ACROSS), 1],
      params: Uint32Array.of(seed, Math.floor(seed / 2 ** 32), stream, bits, i0, i1, j0, j1, si, sj),
    },
    [],
  )
}

/** Signs by kernels of GPU.js. */
function signed(engine: Engine, making: Random, piece: Piece): Promise<DeviceArray> {
  const { i0, i1, j0, j1, transposed, size } = piece
  const first = Math.floor(j0 / 128)
  const blocks = Math.ceil(j1 / 128) - first
  return withScratch(async (own) => {
    const keys = own(await engine.array(roundKeys(making.seed), [4, 10], 'passing'))
    const from = own(await engine.array(Float32Array.of(i0, first, making.stream), [3], 'passing'))
    const words = own(await engine.run(wordKernel(blocks, i1 - i0), [keys, from]))
    const at = own(await engine.array(Float32Array.of(j0 - 128 * first, making.scale), [2], 'passing'))
    const table = own(await engine.array(halves, [16], 'passing'))
    return engine.run(signKernel(i1 - i0, j1 - j0, transposed, size), [words, at, table])
  })
}

/** Entries made at a time on the host. */
const STRETCH = 2 ** 15

function onHost(form: SketchForm, { i0, i1, j0, j1, transposed, size }: Piece): Float32Array {
  const [width, height] = size
  const cols = j1 - j0
  const out = new Float32Array(width * height)
  const [si, sj] = transposed ? [1, width] : [width, 1]
  const rows = Math.max(1, Math.floor(STRETCH / cols))
  for (let i = i0; i < i1; i += rows) {
    const to = Math.min(i1, i + rows)
    const made = new Float64Array((to - i) * cols)
    form.entries(i, to, j0, j1, made)
    for (let r = i, e = 0; r < to; r++) {
      for (let j = 0, o = (r - i0) * si; j < cols; j++, o += sj) out[o] = made[e++]!
    }
  }
  return out
}
