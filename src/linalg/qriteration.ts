/** How a QR iteration ended: `residual` is the largest entry off the diagonal that is left. */
export interface Outcome {
  readonly converged: boolean
  readonly iterations: number
  readonly residual: number
}

/** The largest magnitude. */
export const largest = (x: Float64Array): number =>
  x.reduce((most, value) => Math.max(most, Math.abs(value)), 0)

/** √(x² + y²), quick where the squares are in range. */
export function length(x: number, y: number): number {
  const squares = x * x + y * y
  return squares > 1e-280 && squares < 1e280 ? Math.sqrt(squares) : Math.hypot(x, y)
}
