import { zeros } from '../linalg/arrays.js'
import type { Matrix } from '../linalg/arrays.js'

function fill(m: number, n: number, entry: (i: number, j: number) => number): Matrix {
  const A = zeros([m, n])
  for (let i = 0, o = 0; i < m; i++) for (let j = 0; j < n; j++) A.data[o++] = entry(i, j)
  return A
}

/**
 * Hard matrices of numerical linear algebra, by name.
 *
 * @example
 * ```ts
 * import { gallery } from 'lowrank/testing'
 * const H = gallery.hilbert(12)   // condition number 1.7e16
 * ```
 */
export const gallery = {
  /** 1/(i + j + 1): condition number e^{3.5n}. */
  hilbert: (n: number): Matrix => fill(n, n, (i, j) => 1 / (i + j + 1)),
  /** diag(sᵢ)·(I − c·strictly upper ones), s = sin θ, c = cos θ: column pivoting does not see its rank (Kahan 1966). */
  kahan: (n: number, theta = 1.2): Matrix =>
    fill(n, n, (i, j) => Math.sin(theta) ** i * (j < i ? 0 : j === i ? 1 : -Math.cos(theta))),
  /** Rows scaled geometrically from 1 down to `ratio`. */
  graded: (m: number, n: number, ratio = 1e-12): Matrix =>
    fill(m, n, (i, j) => ratio ** (m > 1 ? i / (m - 1) : 0) * (1 + Math.sin(1 + 3 * i + 7 * j))),
}
