import { asFiniteMatrix, contiguous, dense } from '../arrays.js'
import type { Matrix, MatrixLike } from '../arrays.js'
import { ShapeError } from '../errors.js'
import { indexList } from '../operators.js'
import { readOptions } from '../options.js'
import { breath, fromSteps } from '../steps.js'
import type { RunOptions, Steps } from '../steps.js'

/** Where to sample: entry e is at (rows[e], cols[e]). */
export interface Places {
  readonly rows: ArrayLike<number>
  readonly cols: ArrayLike<number>
}

/**
 * Some entries of a product that is never formed: (A·Bᵀ)[rows[e], cols[e]] for each e (a sampled dense-dense
 * product).
 *
 * @param A - m × k.
 * @param B - n × k.
 * @param places - two lists of equal length, of indices below m and n, in any order, repeated or not.
 * @returns a number for each place.
 * @throws ShapeError for unequal widths or lists, or indices out of range; NotFiniteError.
 * Cost: 2k flops and 2k numbers read for each place; fastest where places are sorted by row.
 *
 * @example
 * ```ts
 * import { sampledProduct } from 'lowrank'
 * sampledProduct([[1, 2], [3, 4]], [[5, 6], [7, 8]], { rows: [0, 1], cols: [1, 0] })   // 23, 39
 * ```
 */
export const sampledProduct: {
  (A: MatrixLike, B: MatrixLike, places: Places, options?: RunOptions): Float64Array
  async(A: MatrixLike, B: MatrixLike, places: Places, options?: RunOptions): Promise<Float64Array>
} = /*#__PURE__*/ fromSteps(sampledSteps, 3)

const FN = 'sampledProduct'

function* sampledSteps(
  a: MatrixLike,
  b: MatrixLike,
  places: Places,
  options?: RunOptions,
): Steps<Float64Array> {
  readOptions(FN, options, {})
  const [A, B] = [asFiniteMatrix(a, FN, 'A'), asFiniteMatrix(b, FN, 'B')]
  if (A.shape[1] !== B.shape[1]) {
    const [expected, given] = [`${A.shape[1]} columns, as A`, `${B.shape[1]}`]
    throw new ShapeError({ fn: FN, argument: 'B', expected, given })
  }
  const I = indexList(places.rows, A.shape[0]!, 'places.rows', FN)
  const J = indexList(places.cols, B.shape[0]!, 'places.cols', FN)
  if (I.length !== J.length) {
    const given = `${I.length} and ${J.length}`
    throw new ShapeError({ fn: FN, argument: 'places', expected: 'lists of equal length', given })
  }
  return yield* sampledProductSteps(contiguous(A), contiguous(B), I, J)
}

/** Numbers read between two breaths. */
const STRETCH = 2 ** 20

/** The same of contiguous matrices and checked indices. */
export function* sampledProductSteps(
  A: Matrix,
  B: Matrix,
  I: Int32Array,
  J: Int32Array,
): Steps<Float64Array> {
  const { data: x, cols: k } = dense(A)
  const { data: y } = dense(B)
  const values = new Float64Array(I.length)
  const stretch = Math.max(1, Math.floor(STRETCH / Math.max(k, 1)))
  for (let e0 = 0; e0 < I.length; e0 += stretch) {
    for (let e = e0; e < Math.min(I.length, e0 + stretch); e++) {
      let sum = 0
      for (let t = 0, p = I[e]! * k, q = J[e]! * k; t < k; t++) sum += x[p + t]! * y[q + t]!
      values[e] = sum
    }
    yield* breath()
  }
  return values
}
