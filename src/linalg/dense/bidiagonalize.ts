import { allocColumns, part } from './stage.js'
import type { Columns } from './stage.js'
import { breath } from '../steps.js'
import type { Steps } from '../steps.js'
import type { Workspace } from '../wasm/workspace.js'

/** Reflectors per panel, from each side. */
const WIDTH = 32
/** Columns of the trailing matrix that are updated between two breaths. */
const STRIP = 128

/** B = Qᵀ·A·P, n × n upper bidiagonal: `d` on the diagonal, `e` above it. */
export interface Bidiagonal {
  readonly d: Float64Array
  readonly e: Float64Array
  /** The n factors of the left reflectors, whose vectors lie in A below the diagonal. */
  readonly tauQ: number
  /** The n − 1 factors of the right ones, whose vectors lie in `right`, n × n, below the first subdiagonal. */
  readonly tauP: number
  readonly right: Columns
}

/**
 * Householder reduction of an m × n matrix, m ≥ n, to bidiagonal form in place, by panels (Dongarra, Sorensen
 * and Hammarling 1989; LAPACK's dgebrd and dlabrd). Half of the 4mn² − 4n³/3 flops are products of the
 * trailing matrix with one vector, the other half is gemm.
 *
 * In a panel, the matrix is A − L·Rᵀ with L = [v₀ x₀ v₁ x₁ …] and R = [y₀ u₀ y₁ u₁ …]; beyond the columns of
 * the panel, A itself stays as it was until the panel is done.
 */
export function* bidiagonalizeSteps(ws: Workspace, A: Columns, width = WIDTH): Steps<Bidiagonal> {
  const { rows: m, cols: n, ld } = A
  const d = new Float64Array(n)
  const e = new Float64Array(Math.max(0, n - 1))
  const tauQ = ws.alloc64(n)
  const tauP = ws.alloc64(e.length)
  const right = allocColumns(ws, n, n)
  const mark = ws.mark()
  const L = ws.alloc64(2 * width * m)
  const R = ws.alloc64(2 * width * n)
  const c = ws.alloc64(2 * width)
  const f64 = ws.f64
  const { gemm, qrPanel, scal } = ws.kernels

  /** to = t·(op(A)·z − F·(Gᵀ·z)), F and G the first k columns of L and R or of R and L. */
  const product = (
    [rows, cols, at, rs, cs]: readonly [number, number, number, number, number],
    t: number,
    z: number,
    [F, ldf, G, ldg]: readonly [number, number, number, number],
    k: number,
    to: number,
  ): void => {
    gemm(rows, 1, cols, 1, at, rs, cs, z, 1, cols, 0, to, 1, rows)
    if (k > 0) {
      gemm(k, 1, cols, 1, G, ldg, 1, z, 1, cols, 0, c, 1, k)
      gemm(rows, 1, k, -1, F, 1, ldf, c, 1, k, 1, to, 1, rows)
    }
    scal(rows, t, to)
  }

  for (let k = 0; k < n; k += width) {
    const b = Math.min(width, n - k)
    for (let i = 0; i < b; i++) {
      const j = k + i
      const [rows, cols] = [m - j, n - j - 1]
      const diagonal = A.at + 8 * j * (ld + 1)
      const [Lj, Rj] = [L + 8 * j, R + 8 * j]
      if (i > 0) gemm(rows, 1, 2 * i, -1, Lj, 1, m, Rj, n, 1, 1, diagonal, 1, ld)
      qrPanel(rows, 1, diagonal, ld, tauQ + 8 * j)
      d[j] = f64[diagonal / 8]!
      if (cols === 0) break

      const v = Lj + 8 * 2 * i * m
      f64.copyWithin(v / 8, diagonal / 8, diagonal / 8 + rows)
      f64[v / 8] = 1
      const y = Rj + 8 * (2 * i * n + 1)
      product([cols, rows, diagonal + 8 * ld, ld, 1], f64[tauQ / 8 + j]!, v, [Rj + 8, n, Lj, m], 2 * i, y)

      const u = y + 8 * n
      for (let t = 0, row = diagonal / 8 + ld; t < cols; t++, row += ld) f64[u / 8 + t] = f64[row]!
      gemm(cols, 1, 2 * i + 1, -1, Rj + 8, 1, n, Lj, m, 1, 1, u, 1, cols)
      qrPanel(cols, 1, u, cols, tauP + 8 * j)
      e[j] = f64[u / 8]!
      f64[u / 8] = 1
      f64.copyWithin(right.at / 8 + j * (n + 1) + 1, u / 8, u / 8 + cols)
      const x = v + 8 * (m + 1)
      const rest = diagonal + 8 * (ld + 1)
      product([rows - 1, cols, rest, 1, ld], f64[tauP / 8 + j]!, u, [Lj + 8, m, Rj + 8, n], 2 * i + 1, x)
      yield* breath()
    }
    for (let j = k + b; j < n; j += STRIP) {
      const C = part(A, k + b, m, j, Math.min(n, j + STRIP))
      gemm(C.rows, C.cols, 2 * b, -1, L + 8 * (k + b), 1, m, R + 8 * j, n, 1, 1, C.at, 1, C.ld)
      yield* breath()
    }
  }
  ws.reset(mark)
  return { d, e, tauQ, tauP, right }
}
