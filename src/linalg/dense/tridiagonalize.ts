import { part } from './stage.js'
import type { Columns } from './stage.js'
import { breath } from '../steps.js'
import type { Steps } from '../steps.js'
import type { Workspace } from '../wasm/workspace.js'

/** Reflectors per panel. */
const WIDTH = 32
/** Columns of the trailing matrix that are updated at a time; what lies above the diagonal in them is waste. */
const STRIP = 64

/** T = Qᵀ·A·Q: `d` on the diagonal, `e` beside it. */
export interface Tridiagonal {
  readonly d: Float64Array
  readonly e: Float64Array
  /** The n − 1 factors of the reflectors, whose vectors lie in A, below the first subdiagonal. */
  readonly tau: number
}

/**
 * Householder reduction of a symmetric matrix to tridiagonal form in place, by panels (Dongarra, Sorensen
 * and Hammarling 1989; LAPACK's dsytrd and dlatrd). Reads and changes the lower triangle only. Half of the
 * 4n³/3 flops are products with the trailing matrix, the other half is gemm.
 *
 * In a panel, the matrix is A − L·Rᵀ with L = [v₀ w₀ v₁ w₁ …] and R = [w₀ v₀ w₁ v₁ …]; A itself stays as it
 * was until the panel is done.
 */
export function* tridiagonalizeSteps(ws: Workspace, A: Columns, width = WIDTH): Steps<Tridiagonal> {
  const n = A.rows
  const d = new Float64Array(n)
  const e = new Float64Array(Math.max(0, n - 1))
  const tau = ws.alloc64(e.length)
  const mark = ws.mark()
  const L = ws.alloc64(2 * width * n)
  const R = ws.alloc64(2 * width * n)
  const c = ws.alloc64(2 * width)
  const f64 = ws.f64
  const { gemm, symv, qrPanel, scal, dot, axpy } = ws.kernels
  for (let k = 0; k < n - 1; k += width) {
    const b = Math.min(width, n - 1 - k)
    for (let i = 0; i < b; i++) {
      const j = k + i
      const rest = n - j - 1
      const diagonal = A.at + 8 * j * (A.ld + 1)
      if (i > 0) gemm(rest + 1, 1, 2 * i, -1, L + 8 * j, 1, n, R + 8 * j, n, 1, 1, diagonal, 1, A.ld)
      d[j] = f64[diagonal / 8]!
      qrPanel(rest, 1, diagonal + 8, A.ld, tau + 8 * j)
      e[j] = f64[diagonal / 8 + 1]!

      // v, and w = tau·(A − L·Rᵀ)·v, made orthogonal enough to v for A − v·wᵀ − w·vᵀ to be H·A·H.
      const below = 8 * (j + 1)
      const [v, w] = [L, R].map((at) => at + 8 * 2 * i * n + below) as [number, number]
      f64.copyWithin(v / 8, diagonal / 8 + 1, diagonal / 8 + 1 + rest)
      f64[v / 8] = 1
      symv(rest, diagonal + 8 * (A.ld + 1), A.ld, v, w)
      if (i > 0) {
        gemm(2 * i, 1, rest, 1, R + below, n, 1, v, 1, rest, 0, c, 1, 2 * i)
        gemm(rest, 1, 2 * i, -1, L + below, 1, n, c, 1, 2 * i, 1, w, 1, rest)
      }
      const t = f64[tau / 8 + j]!
      scal(rest, t, w)
      axpy(rest, -0.5 * t * dot(rest, v, w), v, w)
      f64.copyWithin(v / 8 + n, w / 8, w / 8 + rest)
      f64.copyWithin(w / 8 + n, v / 8, v / 8 + rest)
      yield* breath()
    }
    for (let j = k + b; j < n; j += STRIP) {
      const C = part(A, j, n, j, Math.min(n, j + STRIP))
      gemm(C.rows, C.cols, 2 * b, -1, L + 8 * j, 1, n, R + 8 * j, n, 1, 1, C.at, 1, C.ld)
      yield* breath()
    }
  }
  if (n > 0) d[n - 1] = f64[A.at / 8 + (n - 1) * (A.ld + 1)]!
  ws.reset(mark)
  return { d, e, tau }
}
