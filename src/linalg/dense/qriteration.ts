/** How a QR iteration ended: `residual` is the largest entry off the diagonal that is left. */
export interface Outcome {
  readonly converged: boolean
  readonly iterations: number
  readonly residual: number
}

/** The largest magnitude. */
export const largest = (x: Float64Array): number =>
  x.reduce((most, value) => Math.max(most, Math.abs(value)), 0)

/**
 * A power of two that brings x and y to where squares and quotients keep their bits: 1 as a rule. A rotation
 * made of subnormal numbers would not be orthogonal.
 */
export function unitOf(x: number, y: number): number {
  const size = Math.max(Math.abs(x), Math.abs(y))
  if (size > 1e-140 && size < 1e140) return 1
  return size === 0 ? 1 : size < 1 ? 2 ** 600 : 2 ** -600
}
