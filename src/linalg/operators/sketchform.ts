import type { Shape } from '../operators.js'
import type { SparseRows } from './sparse.js'

// How the entries of a random matrix come about, so that an operand elsewhere, on a GPU say, makes the same ones where
// it needs them.

/** Entry (i, j) is `scale` times normal number (i, j) of the stream, or (j, i) where `byColumn`; see random.ts. */
interface Normals {
  readonly kind: 'normal'
  readonly seed: number
  readonly stream: number
  readonly scale: number
  readonly byColumn: boolean
}

/** Entry (i, j) is `scale` with sign (i, j) of the stream: bit j mod 128 of the words of counter (⌊j/128⌋, i, stream). */
interface Signs {
  readonly kind: 'sign'
  readonly seed: number
  readonly stream: number
  readonly scale: number
}

/** Few entries are not 0. */
interface Sparse {
  readonly kind: 'sparse'
  /** Sᵀ. */
  adjoint(): SparseRows
}

/** scale·R·H·D₂·H·D₁·P: P pads to N rows, H is the unscaled Walsh–Hadamard transform of N, R picks rows. */
interface Hadamard {
  readonly kind: 'hadamard'
  readonly scale: number
  /** n signs. */
  readonly D1: Float64Array
  /** N signs. */
  readonly D2: Float64Array
  readonly picked: Int32Array
}

export type Making = Normals | Signs | Sparse | Hadamard | { readonly kind: 'entries' }

/** A d × n matrix by how it is made. */
export interface SketchForm {
  readonly shape: Shape
  readonly making: Making
  /** Writes rows [i0, i1) × columns [j0, j1) to `out`, row-major, float64. */
  entries(i0: number, i1: number, j0: number, j1: number, out: Float64Array): void
}
