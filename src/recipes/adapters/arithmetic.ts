import { tensor } from '../../linalg/arrays.js'
import type { Tensor } from '../../linalg/arrays.js'

// Entry by entry, on row-major arrays of one shape; results are fresh.

/** X + a·Y */
export function plus(X: Tensor, a: number, Y: Tensor): Tensor {
  const [x, y] = [X.data, Y.data]
  const out = new Float64Array(x.length)
  for (let e = 0; e < out.length; e++) out[e] = x[e]! + a * y[e]!
  return tensor(out, X.shape)
}

/** a·X */
export function multiple(a: number, X: Tensor): Tensor {
  return tensor(
    X.data.map((x) => a * x),
    X.shape,
  )
}

/** ⟨Xᵢ, Yᵢ⟩ of each row. */
export function rowDots(X: Tensor, Y: Tensor): Tensor {
  const [rows, cols] = [X.shape[0]!, X.shape[1]!]
  const [x, y] = [X.data, Y.data]
  const dots = new Float64Array(rows)
  for (let i = 0, e = 0; i < rows; i++) for (let j = 0; j < cols; j++, e++) dots[i]! += x[e]! * y[e]!
  return tensor(dots, [rows])
}
