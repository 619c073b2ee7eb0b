import { asVector, zeros } from '../linalg/arrays.js'
import type { Matrix, VectorLike } from '../linalg/arrays.js'

function fill(m: number, n: number, entry: (i: number, j: number) => number): Matrix {
  const A = zeros([m, n])
  for (let i = 0, o = 0; i < m; i++) for (let j = 0; j < n; j++) A.data[o++] = entry(i, j)
  return A
}

/** ratio^(i/(n − 1)): a geometric sequence from 1 to `ratio`. */
const grade = (i: number, n: number, ratio: number): number => ratio ** (n > 1 ? i / (n - 1) : 0)

/** Whole numbers from −4 to 4 without a pattern that elimination would find. */
const digit = (i: number, j: number): number =>
  ((i * i * 31 + j * j * 17 + i * j * 7 + 3 * i + 5 * j) % 9) - 4

/**
 * Hard matrices of numerical linear algebra, by name: each breaks a method that is careless about one thing.
 *
 * @example
 * ```ts
 * import { gallery } from 'lowrank/testing'
 * const H = gallery.hilbert(12)               // condition number 1.7e16
 * const T = gallery.golubKahan(30, 1e-30)     // singular values over thirty orders of magnitude
 * const A = gallery.hippoLegs(64)             // eigenvectors with condition number beyond 1/eps
 * ```
 */
export const gallery = {
  /**
   * 1/(i + j + 1): positive definite with condition number e^{3.5n} (Todd 1954): Cholesky breaks down near
   * n = 14.
   */
  hilbert: (n: number): Matrix => fill(n, n, (i, j) => 1 / (i + j + 1)),

  /**
   * hilbert with a first row of ones: as ill-conditioned, not symmetric, tiny negative eigenvalues (Lotkin
   * 1955).
   */
  lotkin: (n: number): Matrix => fill(n, n, (i, j) => (i === 0 ? 1 : 1 / (i + j + 1))),

  /**
   * Binomials (i + j over i): integers, positive definite, determinant 1, eigenvalues λ and 1/λ (Higham
   * 2002, ch. 28).
   */
  pascal: (n: number): Matrix => {
    const A = fill(n, n, () => 1)
    for (let i = 1; i < n; i++)
      for (let j = 1; j < n; j++) A.data[i * n + j] = A.data[(i - 1) * n + j]! + A.data[i * n + j - 1]!
    return A
  },

  /** xᵢʲ, by default at n points evenly over [0, 1]: the condition number grows like 8ⁿ (Gautschi 1975). */
  vandermonde: (points: number | VectorLike): Matrix => {
    const x =
      typeof points === 'number'
        ? Float64Array.from({ length: points }, (_, i) => i / Math.max(1, points - 1))
        : asVector(points, 'gallery.vandermonde', 'points')
    return fill(x.length, x.length, (i, j) => x[i]! ** j)
  },

  /**
   * diag(sᵢ)·(I − c·strictly upper ones), s = sin θ, c = cos θ: column pivoting has nothing to exchange and
   * leaves a last diagonal entry far above the smallest singular value (Kahan 1966).
   */
  kahan: (n: number, theta = 1.2): Matrix =>
    fill(n, n, (i, j) => Math.sin(theta) ** i * (j < i ? 0 : j === i ? 1 : -Math.cos(theta))),

  /**
   * W⁺: tridiagonal, |i − (n − 1)/2| on the diagonal, ones beside it. The large eigenvalues come in pairs
   * that agree to 14 digits for n = 21, and no entry beside the diagonal is small (Wilkinson 1965, p. 308).
   */
  wilkinson: (n = 21): Matrix =>
    fill(n, n, (i, j) => (i === j ? Math.abs(i - (n - 1) / 2) : Math.abs(i - j) === 1 ? 1 : 0)),

  /**
   * Copies of `wilkinson(21)` joined by entries `glue`: clusters of many eigenvalues in each of which the
   * eigenvectors have to be told apart (Dhillon, Parlett and Vömel 2005).
   */
  gluedWilkinson: (copies: number, glue = 2 ** -26): Matrix =>
    fill(21 * copies, 21 * copies, (i, j) => {
      if (i === j) return Math.abs((i % 21) - 10)
      if (Math.abs(i - j) !== 1) return 0
      return Math.max(i, j) % 21 === 0 ? glue : 1
    }),

  /**
   * 1 on the diagonal and in the last column, −1 below: LU with partial pivoting exchanges nothing and
   * grows its entries to 2ⁿ⁻¹ (Wilkinson 1961).
   */
  growth: (n: number): Matrix => fill(n, n, (i, j) => (j === n - 1 || i === j ? 1 : j < i ? -1 : 0)),

  /**
   * Upper Hessenberg, n − max(i, j): determinant 1, eigenvalues λ and 1/λ, the small ones so
   * ill-conditioned that for n = 12 half of their digits are lost (Frank 1958).
   */
  frank: (n: number): Matrix => fill(n, n, (i, j) => (j < i - 1 ? 0 : n - Math.max(i, j))),

  /**
   * Toeplitz, −1 below the diagonal, 1 on it and on k diagonals above: eigenvalues with large pseudospectra
   * (Grcar 1989).
   */
  grcar: (n: number, k = 3): Matrix =>
    fill(n, n, (i, j) => (i === j + 1 ? -1 : j >= i && j <= i + k ? 1 : 0)),

  /**
   * λ on the diagonal, 1 above: one eigenvector, and an eigenvalue that a change of eps moves by eps^{1/n}.
   */
  jordan: (n: number, lambda = 0): Matrix => fill(n, n, (i, j) => (i === j ? lambda : j === i + 1 ? 1 : 0)),

  /**
   * The companion matrix of xⁿ + c[n−1]·xⁿ⁻¹ + … + c[0]: its eigenvalues are the roots, and its entries may
   * differ by many orders of magnitude, so that balancing pays (Edelman and Murakami 1995).
   */
  companion: (coefficients: VectorLike): Matrix => {
    const c = asVector(coefficients, 'gallery.companion', 'coefficients')
    const n = c.length
    return fill(n, n, (i, j) => (j === n - 1 ? 0 - c[i]! : i === j + 1 ? 1 : 0))
  },

  /**
   * Upper Hessenberg with rows falling like 10⁻³ⁱ, and noise of rounding size below: balancing makes the
   * noise as large as the rest, and solves another problem (Watkins 2006, "A case where balancing is
   * harmful").
   */
  balanceTrap: (n: number, noise = 1e-17): Matrix =>
    fill(n, n, (i, j) => (j >= i - 1 ? 1 : noise) * 10 ** (-3 * i) * Math.cos(1 + 3 * i + 7 * j)),

  /**
   * The state matrix of HiPPO-LegS, lower triangular, −√((2i + 1)(2k + 1)) below −(i + 1): eigenvalues −1 …
   * −n whose eigenvectors have a condition number that grows exponentially (Gu, Dao, Ermon, Rudra and Ré
   * 2020).
   */
  hippoLegs: (n: number): Matrix =>
    fill(n, n, (i, k) => (i < k ? 0 : i === k ? -(i + 1) : -Math.sqrt((2 * i + 1) * (2 * k + 1)))),

  /**
   * Rows scaled geometrically from 1 down to `ratio`: what is small counts only for who does not mix rows.
   */
  graded: (m: number, n: number, ratio = 1e-12): Matrix =>
    fill(m, n, (i, j) => grade(i, m, ratio) * (1 + Math.sin(1 + 3 * i + 7 * j))),

  /** Columns scaled geometrically from `ratio` up to 1: pivoting must reverse them. */
  gradedColumns: (m: number, n: number, ratio = 1e-12): Matrix =>
    fill(m, n, (i, j) => grade(n - 1 - j, n, ratio) * (1 + Math.sin(1 + 3 * i + 7 * j))),

  /**
   * Symmetric, eigenvalues in `clusters` groups near 1, 2, …; within a group they differ by `gap`, by
   * default a few units of rounding: vectors of a group are not determined, their span is.
   */
  clustered: (n: number, clusters = 3, gap = 2 ** -50): Matrix => {
    const value = (t: number): number => 1 + (t % clusters) + Math.floor(t / clusters) * gap
    // H·diag(values)·H for the reflection H = I − 2vvᵀ/n, v = (±1).
    const v = (i: number): number => (digit(i, i + 1) % 2 === 0 ? 1 : -1)
    let mean = 0
    for (let t = 0; t < n; t++) mean += value(t) / n
    return fill(n, n, (i, j) => {
      const mixed = (2 / n) * v(i) * v(j) * (2 * mean - (value(i) + value(j)))
      return (i === j ? value(i) : 0) + mixed
    })
  },

  /**
   * Upper bidiagonal, both diagonals falling geometrically from 1 to `ratio`: each entry determines every
   * singular value to full relative accuracy, which shifted QR loses (Golub and Kahan 1965; Demmel and
   * Kahan 1990).
   */
  golubKahan: (n: number, ratio = 1e-20): Matrix =>
    fill(n, n, (i, j) => (j === i || j === i + 1 ? grade(i, n, ratio) : 0)),

  /**
   * [diag(1 … n); 0] + 1e−8 (m ≥ n): n rows have leverage 1 and the rest nearly none, so that uniform
   * sampling of rows misses what counts (Avron, Maymounkov and Toledo 2010).
   */
  coherent: (m: number, n: number): Matrix => fill(m, n, (i, j) => 1e-8 + (i === j ? i + 1 : 0)),

  /** Whole numbers of exact rank min(rank, m, n): every rounding error makes the rank full. */
  rankDeficient: (m: number, n: number, rank: number): Matrix => {
    // [I; B]·[I C] for whole numbers B and C.
    const r = Math.min(rank, m, n)
    const left = (i: number, t: number): number => (i < r ? Number(i === t) : digit(i, t))
    const right = (t: number, j: number): number => (j < r ? Number(t === j) : digit(t, j))
    return fill(m, n, (i, j) => {
      let sum = 0
      for (let t = 0; t < r; t++) sum += left(i, t) * right(t, j)
      return sum
    })
  },
}
