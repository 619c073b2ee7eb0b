import { STRETCH } from './blocks.js'
import type { Staged } from './blocks.js'
import type { Columns } from './stage.js'
import { breath } from '../steps.js'
import type { Steps } from '../steps.js'
import type { Workspace } from '../wasm/workspace.js'

// What every blocked elimination is made of: triangular solves and C += alpha·A·B, in a workspace and with a
// breath every few milliseconds.

/** An n × n triangle in a workspace; what lies outside it is not read, nor is its diagonal where `unit`. */
export interface Triangle extends Staged {
  readonly n: number
  readonly upper: boolean
  readonly unit: boolean
}

/** The strides of a column-major matrix. */
export const strided = ({ at, ld }: Columns): Staged => ({ at, rs: 1, cs: ld })

/** The same entries with rows and columns exchanged. */
export const turned = ({ at, rs, cs }: Staged): Staged => ({ at, rs: cs, cs: rs })

/** Tᵀ. */
export const turnedTriangle = (T: Triangle): Triangle => ({ ...T, ...turned(T), upper: !T.upper })

/** The matrix from entry (i, j) on. */
export const from = ({ at, rs, cs }: Staged, i: number, j: number): Staged => ({
  at: at + 8 * (i * rs + j * cs),
  rs,
  cs,
})

/** Side of the triangles that are solved by substitution. */
const SIDE = 32

/**
 * X with T·X = B in the place of B, n × r. Triangles on the diagonal are solved by substitution, the rest is
 * gemm (LAPACK's trsm). The diagonal is used as it is. X·T = B is Tᵀ·Xᵀ = Bᵀ: turn both.
 */
export function* trsmSteps(ws: Workspace, T: Triangle, B: Staged, r: number, side = SIDE): Steps<void> {
  const { n } = T
  if (n === 0 || r === 0) return
  const width = Math.max(64, Math.floor(STRETCH / (n * side)))
  const blocks = Math.ceil(n / side)
  for (let j = 0; j < r; j += width) {
    const w = Math.min(width, r - j)
    for (let t = 0; t < blocks; t++) {
      const i = (T.upper ? blocks - 1 - t : t) * side
      const rows = Math.min(side, n - i)
      const X = from(B, i, j)
      substitute(ws, { ...T, ...from(T, i, i), n: rows }, X, w)
      const [first, rest] = T.upper ? [0, i] : [i + rows, n - i - rows]
      const below = from(T, first, i)
      const C = from(B, first, j)
      ws.kernels.gemm(rest, w, rows, -1, below.at, below.rs, below.cs, X.at, X.rs, X.cs, 1, C.at, C.rs, C.cs)
      yield* breath()
    }
  }
}

/** One small triangle. The kernel wants rows of B contiguous; columns are turned aside. */
function substitute(ws: Workspace, T: Triangle, B: Staged, r: number): void {
  const { solveRows, transpose } = ws.kernels
  const [upper, unit] = [Number(T.upper), Number(T.unit)]
  if (B.cs === 1 || r === 1) return solveRows(T.n, r, T.at, T.rs, T.cs, upper, unit, B.at, B.rs)
  const mark = ws.mark()
  const rows = ws.alloc64(T.n * r)
  transpose(r, T.n, B.at, B.cs, rows, r)
  solveRows(T.n, r, T.at, T.rs, T.cs, upper, unit, rows, r)
  transpose(T.n, r, rows, r, B.at, B.cs)
  ws.reset(mark)
}

/** Columns of C, and terms of a sum, that are taken at a time. */
const WIDTH = 256
const DEPTH = 512

/** C += alpha·A·B, with C m × n and k terms. */
export function* addProductSteps(
  ws: Workspace,
  m: number,
  n: number,
  k: number,
  alpha: number,
  A: Staged,
  B: Staged,
  C: Staged,
): Steps<void> {
  if (n > m) return yield* addProductSteps(ws, n, m, k, alpha, turned(B), turned(A), turned(C))
  const { gemm } = ws.kernels
  const rows = Math.max(128, Math.floor(STRETCH / (Math.min(n, WIDTH) * Math.min(k, DEPTH))))
  for (let j = 0; j < n; j += WIDTH) {
    for (let p = 0; p < k; p += DEPTH) {
      const b = from(B, p, j)
      const [nj, kp] = [Math.min(WIDTH, n - j), Math.min(DEPTH, k - p)]
      for (let i = 0; i < m; i += rows) {
        const [a, c] = [from(A, i, p), from(C, i, j)]
        const mi = Math.min(rows, m - i)
        gemm(mi, nj, kp, alpha, a.at, a.rs, a.cs, b.at, b.rs, b.cs, 1, c.at, c.rs, c.cs)
        yield* breath()
      }
    }
  }
}
