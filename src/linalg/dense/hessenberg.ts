import { applyPanel } from './reflectors.js'
import type { Panel } from './reflectors.js'
import { allocColumns, part } from './stage.js'
import type { Columns } from './stage.js'
import { breath } from '../steps.js'
import type { Steps } from '../steps.js'
import type { Workspace } from '../wasm/workspace.js'

// Reduction to Hessenberg form, A = Q·H·Qᵀ, by blocks of reflectors (LAPACK's dgehrd, with the Y = A·V·T of
// Dongarra, Hammarling and Sorensen 1989). Of the 10n³/3 flops, half are products of the trailing matrix with
// one vector, the other half are gemm.

/** Columns per block. */
const WIDTH = 32

/**
 * Reduces the rows and columns [lo, hi) of A in place; outside, A is upper triangular. The panels, which stay
 * in the workspace, make up Q for `formQSteps`.
 */
export function* hessenbergSteps(
  ws: Workspace,
  A: Columns,
  lo: number,
  hi: number,
  width = WIDTH,
): Steps<Panel[]> {
  const n = A.cols
  const panels: Panel[] = []
  const tau = ws.alloc64(1)
  for (let k = lo; k < hi - 2; k += width) {
    const b = Math.min(width, hi - 2 - k)
    const V = allocColumns(ws, hi - k - 1, b)
    const T = allocColumns(ws, b, b)
    const mark = ws.mark()
    const Y = allocColumns(ws, hi, b)
    const W = allocColumns(ws, Math.max(k + 1, b), b)
    ws.f64.fill(0, V.at / 8, V.at / 8 + V.rows * b)
    ws.f64.fill(0, T.at / 8, T.at / 8 + b * b)
    for (let i = 0; i < b; i++) {
      panelColumn(ws, part(A, k + 1, hi, k + 1, hi), i, { V, T, Y: part(Y, k + 1, hi, 0, b), w: W.at, tau })
      yield* breath()
    }
    const { gemm } = ws.kernels
    // The rows above meet all of V at once: Y = A·V·T there.
    gemm(k + 1, b, V.rows, 1, A.at + 8 * (k + 1) * A.ld, 1, A.ld, V.at, 1, V.ld, 0, W.at, 1, W.ld)
    gemm(k + 1, b, b, 1, W.at, 1, W.ld, T.at, 1, b, 0, Y.at, 1, Y.ld)
    const above = part(A, 0, k + 1, k + 1, hi)
    gemm(k + 1, V.rows, b, -1, Y.at, 1, Y.ld, V.at, V.ld, 1, 1, above.at, 1, A.ld)
    const rest = part(A, k + 1, hi, k + b, hi)
    const [y, v] = [Y.at + 8 * (k + 1), V.at + 8 * (b - 1)]
    gemm(rest.rows, rest.cols, b, -1, y, 1, Y.ld, v, V.ld, 1, 1, rest.at, 1, A.ld)
    yield* breath()
    applyPanel(ws, V, T, true, part(A, k + 1, hi, k + b, n))
    ws.reset(mark)
    panels.push({ first: k + 1, V, T })
    yield* breath()
  }
  return panels
}

/** The block so far, and room: `w` for as many numbers as a panel has columns, twice; `tau` for one. */
interface Block {
  readonly V: Columns
  readonly T: Columns
  readonly Y: Columns
  readonly w: number
  readonly tau: number
}

/**
 * Column i of a panel: brings it up to date, makes its reflector, and adds a column to V, T and Y = A·V·T.
 * `A` is the square block of rows and columns k + 1 … hi, so that the panel's column i is its column i − 1.
 */
function panelColumn(ws: Workspace, A: Columns, i: number, { V, T, Y, w, tau }: Block): void {
  const { f64, kernels } = ws
  const { gemm } = kernels
  const m = A.rows
  const b = T.ld
  const column = A.at + 8 * (i - 1) * A.ld
  const v = V.at + 8 * i * (V.ld + 1)
  const rest = m - i
  if (i > 0) {
    gemm(m, 1, i, -1, Y.at, 1, Y.ld, V.at + 8 * (i - 1), V.ld, 1, 1, column, 1, m)
    gemm(i, 1, m, 1, V.at, V.ld, 1, column, 1, m, 0, w, 1, b)
    gemm(i, 1, i, 1, T.at, b, 1, w, 1, b, 0, w + 8 * b, 1, b)
    gemm(m, 1, i, -1, V.at, 1, V.ld, w + 8 * b, 1, b, 1, column, 1, m)
  }
  const x = column + 8 * i
  kernels.qrPanel(rest, 1, x, rest, tau)
  const t = f64[tau / 8]!
  f64[v / 8] = 1
  f64.copyWithin(v / 8 + 1, x / 8 + 1, x / 8 + rest)
  f64.fill(0, x / 8 + 1, x / 8 + rest)

  const y = Y.at + 8 * i * Y.ld
  gemm(m, 1, rest, t, A.at + 8 * i * A.ld, 1, A.ld, v, 1, rest, 0, y, 1, m)
  if (i > 0) {
    gemm(i, 1, rest, -t, V.at + 8 * i, V.ld, 1, v, 1, rest, 0, w, 1, b)
    gemm(m, 1, i, 1, Y.at, 1, Y.ld, w, 1, b, 1, y, 1, m)
    gemm(i, 1, i, 1, T.at, 1, b, w, 1, b, 0, T.at + 8 * i * b, 1, b)
  }
  f64[T.at / 8 + i * (b + 1)] = t
}
