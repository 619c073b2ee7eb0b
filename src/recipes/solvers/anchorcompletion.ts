import { dense, wrap } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import type { Steps } from '../../linalg/steps.js'
import { denseSvdSteps } from '../../linalg/dense/svd.js'
import { leadingColumns, leadingRows, scaledRows, transposed } from '../../linalg/thin.js'

/** Rows of Q that are made at a time. */
const ROWS = 256

/** The factors of Q[:, A]·Wᵣ⁺·Q[S, :]. */
export function* completedSteps(
  rows: Matrix,
  cols: Matrix,
  both: Matrix,
  rank: number,
): Steps<{ left: Matrix; right: Matrix; amplification: number }> {
  const { U, s, Vt } = yield* denseSvdSteps(dense(both), 'thin')
  // Below rounding a singular value says nothing: W is of lower rank than was asked for.
  const floor = Math.max(...both.shape) * 2 ** -52 * s[0]!
  const r = s.slice(0, rank).filter((value) => value > floor).length
  const inner = scaledRows(
    leadingRows(Vt, r),
    s.slice(0, r).map((value) => 1 / value),
  )
  const left = (yield* multiplySteps(dense(cols), dense(transposed(inner)))) as Matrix
  const right = (yield* multiplySteps(dense(transposed(leadingColumns(U, r))), dense(rows))) as Matrix
  return { left, right, amplification: r === 0 ? 1 : s[0]! / s[r - 1]! }
}

/** max and argmax of each row of left·right, some rows at a time. */
export function* greedySteps(left: Matrix, right: Matrix): Steps<{ V: Float64Array; policy: Int32Array }> {
  const [m = 0, r = 0] = left.shape
  const n = right.shape[1]!
  const V = new Float64Array(m).fill(-Infinity)
  const policy = new Int32Array(m)
  for (let s0 = 0; s0 < m; s0 += ROWS) {
    const some = wrap(left.data.subarray(s0 * r, (s0 + ROWS) * r), Math.min(ROWS, m - s0), r)
    const { data } = (yield* multiplySteps(dense(some), dense(right))) as Matrix
    for (let e = 0; e < data.length; e++) {
      const s = s0 + Math.floor(e / n)
      if (data[e]! > V[s]!) {
        V[s] = data[e]!
        policy[s] = e % n
      }
    }
  }
  return { V, policy }
}
