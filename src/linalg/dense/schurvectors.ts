import type { Eigenvalues } from './schur.js'
import { allocColumns } from './stage.js'
import type { Columns } from './stage.js'
import { breath } from '../steps.js'
import type { Steps } from '../steps.js'
import type { Workspace } from '../wasm/workspace.js'

// Eigenvectors of a quasi-triangular matrix by back substitution (LAPACK's dtrevc), column by column.

const EPS = 2 ** -52
/** The smallest denominator: the largest entry of the matrix is near 1. */
const TINY = 2 ** -960
/** A vector that would grow beyond this is scaled down. */
const LARGE = 2 ** 400

/**
 * The eigenvectors of the quasi-triangular T, in the layout of LAPACK: a real eigenvalue k has column k, a pair
 * (k, k + 1) has the real part of the first one's vector in column k and its imaginary part in column k + 1.
 * Each has largest entry near 1. Eigenvalues that are equal to rounding are treated as apart by eps times
 * their size: their vectors come out parallel to rounding.
 */
export function* schurVectorsSteps(ws: Workspace, T: Columns, { re, im }: Eigenvalues): Steps<Columns> {
  const n = T.cols
  const X = allocColumns(ws, n, n)
  const { f64, kernels } = ws
  f64.fill(0, X.at / 8, X.at / 8 + n * n)
  for (let k = 0; k < n; k += im[k] === 0 ? 1 : 2) {
    const x = X.at / 8 + k * n
    const t = T.at / 8 + k * T.ld
    if (im[k] === 0) {
      for (let i = 0; i < k; i++) f64[x + i] = -f64[t + i]!
      f64[x + k] = 1
      substitute(ws, T, k, re[k]!, 0, im, X.at + 8 * k * n, 0)
      kernels.scal(n, 1 / kernels.maxAbs(k + 1, X.at + 8 * k * n), X.at + 8 * k * n)
    } else {
      const [b, c] = [f64[t + k + T.ld]!, f64[t + k + 1]!]
      const y = x + n
      if (Math.abs(b) >= Math.abs(c)) {
        f64[x + k] = 1
        f64[y + k + 1] = im[k]! / b
      } else {
        f64[x + k] = -im[k]! / c
        f64[y + k + 1] = 1
      }
      for (let i = 0; i < k; i++) {
        f64[x + i] = -f64[x + k]! * f64[t + i]!
        f64[y + i] = -f64[y + k + 1]! * f64[t + T.ld + i]!
      }
      substitute(ws, T, k, re[k]!, im[k]!, im, 8 * x, 8 * y)
      kernels.scal(2 * n, 1 / kernels.maxAbs(2 * n, 8 * x), 8 * x)
    }
    yield* breath()
  }
  return X
}

/**
 * Solves (T − λI)·x = b for the first `size` rows in place, λ = re + i·im, x = (real part at `xr`) +
 * i·(`xi`). All of the vector is scaled down where it would overflow. Where im = 0, all is real and xi is
 * not read.
 */
function substitute(
  ws: Workspace,
  T: Columns,
  size: number,
  re: number,
  im: number,
  allIm: Float64Array,
  xr: number,
  xi: number,
): void {
  const { f64, kernels } = ws
  const n = T.cols
  const smallest = Math.max(EPS * (Math.abs(re) + im), TINY)
  const [r, i] = [xr / 8, xi / 8]
  const rescale = (factor: number): void => {
    if (factor === 1) return
    kernels.scal(n, factor, xr)
    if (im !== 0) kernels.scal(n, factor, xi)
  }
  /** Takes x_j times column j off the rows above `rows`. */
  const eliminate = (j: number, rows: number): void => {
    const column = T.at + 8 * j * T.ld
    if (f64[r + j] !== 0) kernels.axpy(rows, -f64[r + j]!, column, xr)
    if (im !== 0 && f64[i + j] !== 0) kernels.axpy(rows, -f64[i + j]!, column, xi)
  }
  for (let j = size - 1; j >= 0; j--) {
    const d = T.at / 8 + j * (T.ld + 1)
    if (allIm[j] === 0) {
      const dr = f64[d]! - re
      if (im === 0) {
        const pivot = Math.abs(dr) < smallest ? smallest : dr
        rescale(damping(Math.abs(f64[r + j]!), Math.abs(pivot)))
        f64[r + j]! /= pivot
      } else {
        rescale(damping(Math.abs(f64[r + j]!) + Math.abs(f64[i + j]!), Math.abs(dr) + im))
        ;[f64[r + j], f64[i + j]] = quotient(f64[r + j]!, f64[i + j]!, dr, -im)
      }
      eliminate(j, j)
    } else {
      const above = j - 1
      const solve = pairSolver(
        f64[d - T.ld - 1]! - re,
        f64[d - 1]!,
        f64[d - T.ld]!,
        f64[d]! - re,
        im,
        smallest,
      )
      const [b1, c1, b2, c2] = [r + above, i + above, r + j, i + j]
      const sizeOfB =
        Math.max(Math.abs(f64[b1]!), Math.abs(f64[b2]!)) +
        (im === 0 ? 0 : Math.max(Math.abs(f64[c1]!), Math.abs(f64[c2]!)))
      rescale(damping(sizeOfB, solve.pivot))
      const x = solve(f64[b1]!, im === 0 ? 0 : f64[c1]!, f64[b2]!, im === 0 ? 0 : f64[c2]!)
      f64[b1] = x[0]
      f64[b2] = x[2]
      if (im !== 0) {
        f64[c1] = x[1]
        f64[c2] = x[3]
      }
      eliminate(j, above)
      eliminate(above, above)
      j = above
    }
  }
}

/** What to scale a vector by, so that b/pivot stays below LARGE. */
const damping = (b: number, pivot: number): number => (b > LARGE * pivot ? (pivot * LARGE) / b : 1)

/** (a + ib) / (c + id), after Smith. */
function quotient(a: number, b: number, c: number, d: number): [number, number] {
  if (Math.abs(c) >= Math.abs(d)) {
    const q = d / c
    const denominator = c + d * q
    return [(a + b * q) / denominator, (b - a * q) / denominator]
  }
  const q = c / d
  const denominator = c * q + d
  return [(a * q + b) / denominator, (b * q - a) / denominator]
}

/**
 * Solves [m11 − iw, m12; m21, m22 − iw]·x = b with complete pivoting (LAPACK's dlaln2); complex numbers are
 * (re, im) pairs. `pivot` bounds the size of the second pivot from below.
 */
function pairSolver(m11: number, m12: number, m21: number, m22: number, w: number, smallest: number) {
  const sizes = [Math.abs(m11) + w, Math.abs(m12), Math.abs(m21), Math.abs(m22) + w]
  const largest = sizes.indexOf(Math.max(...sizes))
  const swapRows = largest >= 2
  const swapColumns = largest % 2 === 1
  let [p, q, s, t] = [
    [m11, -w],
    [m12, 0],
    [m21, 0],
    [m22, -w],
  ] as [[number, number], [number, number], [number, number], [number, number]]
  if (swapRows) [p, q, s, t] = [s, t, p, q]
  if (swapColumns) [p, q, s, t] = [q, p, t, s]
  if (sizes[largest]! < smallest) {
    p = [smallest, 0]
    q = s = [0, 0]
    t = [smallest, 0]
  }
  const l = quotient(s[0], s[1], p[0], p[1])
  let u: [number, number] = [t[0] - (l[0] * q[0] - l[1] * q[1]), t[1] - (l[0] * q[1] + l[1] * q[0])]
  if (Math.abs(u[0]) + Math.abs(u[1]) < smallest) u = [smallest, 0]
  const solve = (a: number, ai: number, b: number, bi: number): [number, number, number, number] => {
    if (swapRows) [a, ai, b, bi] = [b, bi, a, ai]
    const y = quotient(b - (l[0] * a - l[1] * ai), bi - (l[0] * ai + l[1] * a), u[0], u[1])
    const x = quotient(a - (q[0] * y[0] - q[1] * y[1]), ai - (q[0] * y[1] + q[1] * y[0]), p[0], p[1])
    return swapColumns ? [...y, ...x] : [...x, ...y]
  }
  return Object.assign(solve, { pivot: Math.abs(u[0]) + Math.abs(u[1]) })
}
