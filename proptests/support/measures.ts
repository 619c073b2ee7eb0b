import { expect } from 'vitest'
import { norm } from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { zeros } from '../../src/linalg/index.js'

// Plain loops, sharing nothing with what they measure.

export const EPS = 2 ** -52
/** LAPACK's threshold for residual / (norm · size · eps). */
export const YARDSTICK = 30

/** A·B, or with Aᵀ. */
export function times(A: Matrix, B: Matrix, transA = false): Matrix {
  const at = (i: number, k: number): number => (transA ? A.get(k, i) : A.get(i, k))
  const [m, inner] = transA ? [A.shape[1]!, A.shape[0]!] : [A.shape[0]!, A.shape[1]!]
  const n = B.shape[1]!
  const C = zeros([m, n])
  for (let i = 0; i < m; i++) {
    for (let k = 0; k < inner; k++) {
      const a = at(i, k)
      for (let j = 0; j < n; j++) C.data[i * n + j]! += a * B.get(k, j)
    }
  }
  return C
}

export function minus(A: Matrix, B: Matrix): Matrix {
  const [m = 0, n = 0] = A.shape
  expect(B.shape).toEqual(A.shape)
  const C = zeros([m, n])
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) C.data[i * n + j] = A.get(i, j) - B.get(i, j)
  return C
}

/** U·diag(s)·Vt */
export function assembled(U: Matrix, s: ArrayLike<number>, Vt: Matrix): Matrix {
  const k = s.length
  const Us = zeros([U.shape[0]!, k])
  for (let i = 0; i < U.shape[0]!; i++) for (let j = 0; j < k; j++) Us.data[i * k + j] = U.get(i, j) * s[j]!
  return times(Us, Vt.hi(k, Vt.shape[1]!))
}

/** ‖A − B‖_F / (‖A‖_F · max(m, n) · eps); 0 for equal matrices. */
export function residualUnits(A: Matrix, B: Matrix): number {
  const difference = norm(minus(A, B))
  return difference === 0 ? 0 : difference / norm(A) / Math.max(...A.shape) / EPS
}

/** ‖QᵀQ − I‖_F / (max(m, n) · eps) */
export function orthogonalityUnits(Q: Matrix): number {
  const k = Q.shape[1]!
  if (k === 0) return 0
  const G = times(Q, Q, true)
  for (let i = 0; i < k; i++) G.data[i * k + i]! -= 1
  return norm(G) / Math.max(...Q.shape) / EPS
}

/** ‖s[k:]‖₂ */
export const tail = (s: ArrayLike<number>, k: number): number => Math.hypot(...Array.from(s).slice(k))

/** The entry of largest magnitude of each column is not negative. */
export function expectOriented(U: Matrix): void {
  for (let j = 0; j < U.shape[1]!; j++) {
    let [largest, smallest] = [0, 0]
    for (let i = 0; i < U.shape[0]!; i++) {
      largest = Math.max(largest, U.get(i, j))
      smallest = Math.min(smallest, U.get(i, j))
    }
    expect(largest).toBeGreaterThanOrEqual(-smallest)
  }
}

/** Descending and never negative. */
export function expectDescending(s: ArrayLike<number>): void {
  for (let j = 0; j < s.length; j++) expect(s[j]).toBeGreaterThanOrEqual(j + 1 < s.length ? s[j + 1]! : 0)
}
