import { wrap } from './arrays.js'
import type { Matrix } from './arrays.js'
import { normalBlock, uniformBlock } from './random.js'
import type { SketchForm } from './operators/sketchform.js'
import { breath } from './steps.js'
import type { Steps } from './steps.js'

/** Numbers made between two breaths: about two milliseconds. */
const STRETCH = 2 ** 15

/** Columns [j0, j1) of a Gaussian matrix of `size` rows, which depend on (seed, stream, i, j) alone. */
export const gaussianSteps = (
  size: number,
  j0: number,
  j1: number,
  stream: number,
  seed: number,
): Steps<Matrix> => randomSteps(normalBlock, size, j0, j1, stream, seed)

/** Its adjoint, whole, as a sketch of so many rows. */
export const gaussianAdjoint = (size: number, rows: number, stream: number, seed: number): SketchForm => ({
  shape: [rows, size],
  making: { kind: 'normal', seed, stream, scale: 1, byColumn: true },
  entries(i0, i1, j0, j1, out) {
    const Omega = normalBlock({ seed, stream, i0: j0, i1: j1, j0: i0, j1: i1 })
    transposeInto(Omega, j1 - j0, i1 - i0, out)
  },
})

function transposeInto(A: Float64Array, rows: number, cols: number, out: Float64Array): void {
  for (let i = 0, e = 0; i < rows; i++) for (let j = 0; j < cols; j++, e++) out[j * rows + i] = A[e]!
}

/** The same of independent signs: 1 or −1. */
export function* signSteps(
  size: number,
  j0: number,
  j1: number,
  stream: number,
  seed: number,
): Steps<Matrix> {
  const S = yield* randomSteps(uniformBlock, size, j0, j1, stream, seed)
  for (let e = 0; e < S.data.length; e++) S.data[e] = S.data[e]! < 0.5 ? -1 : 1
  return S
}

function* randomSteps(
  fill: typeof normalBlock,
  size: number,
  j0: number,
  j1: number,
  stream: number,
  seed: number,
): Steps<Matrix> {
  const cols = j1 - j0
  const out = new Float64Array(size * cols)
  const rows = Math.max(1, Math.floor(STRETCH / Math.max(cols, 1)))
  for (let i0 = 0; i0 < size; i0 += rows) {
    out.set(fill({ seed, stream, i0, i1: Math.min(size, i0 + rows), j0, j1 }), i0 * cols)
    yield* breath()
  }
  return wrap(out, size, cols)
}
