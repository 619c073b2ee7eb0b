import { asFiniteMatrix, dense, flip, packed, wrap } from '../../linalg/arrays.js'
import type { Dense, Matrix, MatrixLike } from '../../linalg/arrays.js'
import { ShapeError } from '../../linalg/errors.js'
import { gramSteps } from '../../linalg/dense/gram.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import { integer, readOptions, withDefault } from '../../linalg/options.js'
import { runSync } from '../../linalg/steps.js'
import type { Statistics } from './statistics.js'

/** What `calibration` keeps besides sums. */
export interface CalibrationOptions {
  /** Gradients that are kept whole, those of the first samples: k·mn numbers. Default 0. */
  readonly gradients?: number | undefined
}

/** Statistics of what has been pushed so far. */
export interface Calibration extends Statistics {
  /** N, the samples. */
  readonly count: number
  /** XXᵀ/N, n × n; undefined before the first push, as the others. */
  readonly gram: Matrix | undefined
  /** The mean of (∂L/∂W)², m × n, over the samples that came with D. */
  readonly fisher: Matrix | undefined
  /** k × mn */
  readonly gradients: Matrix | undefined
  /**
   * Takes samples in.
   *
   * @param X - n × N inputs of the layer, a sample in each column.
   * @param D - m × N, the gradient of each sample's loss with respect to the layer's output: D·Xᵀ is that of W.
   */
  push(X: MatrixLike, D?: MatrixLike): void
}

/**
 * Gathers the statistics of a layer y = W·x that compressions ask for, samples as they come.
 *
 * @returns an accumulator, itself a `Statistics`: `push(X)` or `push(X, D)`, then it is handed to a compression.
 * @throws ShapeError where a push does not fit the ones before; NotFiniteError; OptionError. What failed to be pushed
 * has changed nothing.
 * Cost: n²N flops for each push, 2mnN more with D; n² + mn + k·mn numbers.
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { compression } from 'lowrank/recipes'
 * const statistics = compression.calibration()
 * for (let seed = 0; seed < 4; seed++) statistics.push(random.normal([20, 64], { seed }))
 * const W = random.normal([30, 20], { seed: 9 })
 * compression.eora({ rank: 5 })(W, statistics).errorEstimate
 * ```
 */
export function calibration(options?: CalibrationOptions): Calibration {
  const fn = 'calibration'
  const { gradients: kept } = readOptions(fn, options, { gradients: withDefault(integer(0), 0) })
  let count = 0
  let withGradients = 0
  let gram: Matrix | undefined
  let fisher: Matrix | undefined
  const rows: Float64Array[] = []
  const mean = (sum: Matrix, over: number): Matrix =>
    wrap(
      sum.data.map((x) => x / over),
      sum.shape[0]!,
      sum.shape[1]!,
    )
  return {
    get count() {
      return count
    },
    get gram() {
      return gram && mean(gram, count)
    },
    get fisher() {
      return fisher && mean(fisher, withGradients)
    },
    get gradients() {
      if (rows.length === 0) return undefined
      const all = new Float64Array(rows.length * rows[0]!.length)
      rows.forEach((row, t) => {
        all.set(row, t * row.length)
      })
      return wrap(all, rows.length, rows[0]!.length)
    },
    push(x, d) {
      const X = taken(x, 'X', gram?.shape[0])
      const D = d === undefined ? undefined : taken(d, 'D', fisher?.shape[0], X.cols)
      const products = runSync(gramSteps(flip(X)))
      gram = added(gram, products)
      count += X.cols
      if (D === undefined) return
      // Of the gradient d·xᵀ the squares are d²·(x²)ᵀ.
      const squares = runSync(multiplySteps(squared(D), flip(squared(X)))) as Matrix
      fisher = added(fisher, squares)
      withGradients += X.cols
      for (let t = 0; t < X.cols && rows.length < kept; t++) rows.push(outer(D, X, t))
    },
  }

  function taken(A: MatrixLike, argument: string, rows: number | undefined, cols?: number): Dense {
    const view = dense(asFiniteMatrix(A, `${fn}().push`, argument))
    if ((rows ?? view.rows) === view.rows && (cols ?? view.cols) === view.cols) return view
    const expected = `a matrix ${rows ?? 'm'}×${cols ?? 'N'}`
    const given = `${view.rows}×${view.cols}`
    throw new ShapeError({ fn: `${fn}().push`, argument, expected, given })
  }
}

/** sum + more, in the place of `more`: what was handed out before stays as it is. */
function added(sum: Matrix | undefined, more: Matrix): Matrix {
  if (sum) for (let e = 0; e < more.data.length; e++) more.data[e]! += sum.data[e]!
  return more
}

const squared = (A: Dense): Dense =>
  dense(
    wrap(
      packed(A).map((x) => x * x),
      A.rows,
      A.cols,
    ),
  )

/** d·xᵀ of sample t, row by row. */
function outer(D: Dense, X: Dense, t: number): Float64Array {
  const out = new Float64Array(D.rows * X.rows)
  for (let i = 0, e = 0; i < D.rows; i++) {
    const d = D.data[D.offset + i * D.rs + t * D.cs]!
    for (let j = 0; j < X.rows; j++, e++) out[e] = d * X.data[X.offset + j * X.rs + t * X.cs]!
  }
  return out
}
