import { wrap } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { solveRowsOf, withResidual } from '../../linalg/operators/observed.js'
import type { AnyObservedOperand } from '../../linalg/operators/observed.js'
import { product } from '../../linalg/products.js'
import { report } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'

/** M[i, j] ≈ mean + rows[i] + cols[j], also as a product of two thin matrices; these have no columns without biases. */
export interface Biases {
  readonly mean: number
  readonly rows: Float64Array
  readonly cols: Float64Array
  readonly left: Matrix
  readonly right: Matrix
}

/** Alternations at most, and the relative change of the biases at which they end. */
const ALTERNATIONS = 50
const SETTLED = 1e-8

/** The mean of the entries, then least squares with a ridge for rows and columns in turns. */
export function* biasSteps(
  fn: string,
  M: AnyObservedOperand,
  { bias, biasRidge }: { readonly bias: 'none' | 'rowsAndCols'; readonly biasRidge: number },
): Steps<Biases> {
  const [m, n] = M.shape
  let [rows, cols]: [Float64Array, Float64Array] = [new Float64Array(m), new Float64Array(n)]
  if (bias === 'none') {
    const none = new Float64Array(0)
    return { mean: 0, rows, cols, left: wrap(none, m, 0), right: wrap(none, n, 0) }
  }
  const [onesOfRows, onesOfCols] = [column(new Float64Array(m).fill(1)), column(new Float64Array(n).fill(1))]
  const sums = (yield* product(M, onesOfCols)).data
  const mean = M.count === 0 ? 0 : sums.reduce((sum, x) => sum + x, 0) / M.count
  const how = { ridge: biasRidge }
  for (let t = 0; t < ALTERNATIONS; t++) {
    const before = cols
    const withoutCols = column(cols.map((c) => c + mean))
    rows = (yield* withResidual(M, onesOfRows, withoutCols, (R) => solveRowsOf(R, 'rows', onesOfCols, how))).X
      .data
    const withoutRows = column(rows.map((b) => b + mean))
    cols = (yield* withResidual(M, withoutRows, onesOfCols, (R) => solveRowsOf(R, 'cols', onesOfRows, how))).X
      .data
    yield* report(fn, 'biases', t + 1, ALTERNATIONS)
    const largest = cols.reduce((most, c) => Math.max(most, Math.abs(c)), Math.abs(mean))
    if (cols.every((c, j) => Math.abs(c - before[j]!) <= SETTLED * largest)) break
  }
  const left = new Float64Array(2 * m)
  const right = new Float64Array(2 * n)
  for (let i = 0; i < m; i++) left.set([rows[i]! + mean, 1], 2 * i)
  for (let j = 0; j < n; j++) right.set([1, cols[j]!], 2 * j)
  return { mean, rows, cols, left: wrap(left, m, 2), right: wrap(right, n, 2) }
}

const column = (x: Float64Array): Matrix => wrap(x, x.length, 1)
