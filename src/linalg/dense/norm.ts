import { asFiniteMatrix, dense, flip } from '../arrays.js'
import type { Dense, MatrixLike } from '../arrays.js'
import { OptionError, describe } from '../errors.js'
import { frobenius } from '../magnitude.js'
import { svdvals } from './svd.js'

/** The largest sum of magnitudes over the rows. */
function maxRowSum({ data, offset, rows, cols, rs, cs }: Dense): number {
  let largest = 0
  for (let i = 0; i < rows; i++) {
    let sum = 0
    for (let j = 0, a = offset + i * rs; j < cols; j++, a += cs) sum += Math.abs(data[a]!)
    if (sum > largest) largest = sum
  }
  return largest
}

/** 'fro', 'nuc', or one of the numbers 1, 2 and Infinity. */
export type NormKind = 'fro' | 'nuc' | number

/**
 * A matrix norm: Frobenius (default), nuclear (Σ σᵢ), spectral 2 (σ₁), 1 (largest column sum) or Infinity
 * (largest row sum).
 *
 * @param A - m × n.
 * @throws NotFiniteError for NaN or ±Infinity in `A`; OptionError for an unknown kind.
 * Cost: one reading of A for 'fro', 1 and Infinity; a full `svdvals` for 'nuc' and 2. An empty matrix has
 * norm 0.
 *
 * @example
 * ```ts
 * import { norm } from 'lowrank'
 * norm([[3, 0], [0, 4]])        // 5
 * norm([[3, 0], [0, 4]], 2)     // 4
 * ```
 */
export function norm(A: MatrixLike, kind: NormKind = 'fro'): number {
  const M = asFiniteMatrix(A, 'norm', 'A')
  const view = dense(M)
  switch (kind) {
    case 'fro':
      return frobenius(view)
    case 1:
      return maxRowSum(flip(view))
    case Infinity:
      return maxRowSum(view)
    case 2:
      return svdvals(M)[0] ?? 0
    case 'nuc':
      return svdvals(M).reduce((sum, s) => sum + s, 0)
    default:
      throw new OptionError({
        fn: 'norm',
        argument: 'kind',
        expected: "'fro' | 'nuc' | 2 | 1 | Infinity",
        given: describe(kind),
      })
  }
}
