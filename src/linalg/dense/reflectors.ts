import type { Dense } from '../arrays.js'
import { allocColumns, part, stageColumns } from './stage.js'
import type { Columns } from './stage.js'
import { breath } from '../steps.js'
import type { Steps } from '../steps.js'
import type { Workspace } from '../wasm/workspace.js'

// Blocked Householder reflections in a workspace (compact WY; Schreiber and Van Loan 1989).

/** Columns per panel: 2mb² flops of a panel then take a few milliseconds at most, and a tall one fits a cache. */
const panelWidth = (m: number): number => Math.max(4, Math.min(32, Math.floor(Math.sqrt(3e6 / m))))

/** A Householder factorization in a workspace: v's below the diagonal of `A`, R on and above it. */
export interface Reflectors {
  readonly A: Columns
  readonly panels: readonly Panel[]
}

/** One panel, H₀·…·H_{b−1} = I − V·T·Vᵀ; V is unit lower trapezoidal, T b × b upper triangular. */
export interface Panel {
  readonly first: number
  readonly V: Columns
  readonly T: Columns
}

/**
 * Copies a matrix in, times a power of two that brings its largest entry near 1 where it is very large or
 * very small: squares then neither overflow nor vanish.
 */
export function stageScaled(ws: Workspace, A: Dense): { scaled: Columns; scale: number } {
  const scaled = stageColumns(ws, A)
  const size = A.rows * A.cols
  const largest = size === 0 ? 0 : ws.kernels.maxAbs(size, scaled.at)
  const scale = powerOfTwo(largest)
  if (scale !== 1) ws.kernels.scal(size, scale, scaled.at)
  return { scaled, scale }
}

/** What brings a matrix whose largest entry is this one near 1; 1 where it is not far from it. */
export function powerOfTwo(largest: number): number {
  if (largest === 0 || (largest > 1e-100 && largest < 1e100)) return 1
  return 2 ** Math.max(-1000, Math.min(1000, -Math.floor(Math.log2(largest))))
}

/** Factors `A` in place. The panels' V and T stay in the workspace for `formQSteps`. */
export function* factorSteps(ws: Workspace, A: Columns): Steps<Reflectors> {
  const { rows: m, cols: n } = A
  const p = Math.min(m, n)
  const width = panelWidth(m)
  const tau = ws.alloc64(p)
  const panels: Panel[] = []
  for (let k = 0; k < p; k += width) {
    const b = Math.min(width, p - k)
    const panel = part(A, k, m, k, k + b)
    ws.kernels.qrPanel(m - k, b, panel.at, panel.ld, tau + 8 * k)
    const collected = collectPanel(ws, A, k, b, tau)
    panels.push(collected)
    applyPanel(ws, collected.V, collected.T, true, part(A, k, m, k + b, n))
    yield* breath()
  }
  return { A, panels }
}

/** The panels of `count` reflectors that another reduction has left below the diagonal of `A`. */
export function* collectSteps(ws: Workspace, A: Columns, count: number, tau: number): Steps<Reflectors> {
  const width = panelWidth(A.rows)
  const panels: Panel[] = []
  for (let k = 0; k < count; k += width) {
    panels.push(collectPanel(ws, A, k, Math.min(width, count - k), tau))
    yield* breath()
  }
  return { A, panels }
}

/** V and T of the b reflectors from column k on. */
export function collectPanel(ws: Workspace, A: Columns, k: number, b: number, tau: number): Panel {
  const V = copyReflectors(ws, part(A, k, A.rows, k, k + b))
  return { first: k, V, T: blockReflector(ws, V, tau + 8 * k) }
}

/** The first q columns of Q = (I − V₀T₀V₀ᵀ)·(I − V₁T₁V₁ᵀ)·…, from the last panel to the first, made at `Q`. */
export function* formQSteps(
  ws: Workspace,
  { A, panels }: Reflectors,
  q: number,
  Q: Columns = allocColumns(ws, A.rows, q),
): Steps<Columns> {
  const m = A.rows
  setIdentity(ws, Q)
  for (let t = panels.length - 1; t >= 0; t--) {
    const { first, V, T } = panels[t]!
    applyPanel(ws, V, T, false, part(Q, first, m, first, q))
    yield* breath()
  }
  return Q
}

/** C ← Q·C, in place. */
export function* applyQSteps(ws: Workspace, { A, panels }: Reflectors, C: Columns): Steps<void> {
  for (let t = panels.length - 1; t >= 0; t--) {
    const { first, V, T } = panels[t]!
    applyPanel(ws, V, T, false, part(C, first, A.rows, 0, C.cols))
    yield* breath()
  }
}

/** C ← Qᵀ·C, in place. */
export function* applyAdjointSteps(ws: Workspace, { A, panels }: Reflectors, C: Columns): Steps<void> {
  for (const { first, V, T } of panels) {
    applyPanel(ws, V, T, true, part(C, first, A.rows, 0, C.cols))
    yield* breath()
  }
}

/** Ones on the diagonal, zeros elsewhere. */
export function setIdentity(ws: Workspace, { at, rows, cols, ld }: Columns): void {
  const f64 = ws.f64
  for (let j = 0, o = at / 8; j < cols; j++, o += ld) {
    f64.fill(0, o, o + rows)
    if (j < rows) f64[o + j] = 1
  }
}

/** V with its unit diagonal and zeros above written out, so that gemm can read it. */
function copyReflectors(ws: Workspace, panel: Columns): Columns {
  const { rows, cols } = panel
  const V = allocColumns(ws, rows, cols)
  const f64 = ws.f64
  for (let j = 0; j < cols; j++) {
    const from = panel.at / 8 + j * panel.ld
    const to = V.at / 8 + j * rows
    f64.copyWithin(to, from, from + rows)
    f64.fill(0, to, to + j)
    f64[to + j] = 1
  }
  return V
}

/** T of I − V·T·Vᵀ (LAPACK larft): T[0:j, j] = −τⱼ·T[0:j, 0:j]·(Vᵀvⱼ)[0:j]. */
function blockReflector(ws: Workspace, V: Columns, tau: number): Columns {
  const { rows, cols: b } = V
  const T = allocColumns(ws, b, b)
  const mark = ws.mark()
  const G = ws.alloc64(b * b)
  ws.kernels.gemm(b, b, rows, 1, V.at, V.ld, 1, V.at, 1, V.ld, 0, G, 1, b)
  const f64 = ws.f64
  const [t, g] = [T.at / 8, G / 8]
  f64.fill(0, t, t + b * b)
  for (let j = 0; j < b; j++) {
    const tauJ = f64[tau / 8 + j]!
    for (let i = 0; i < j; i++) {
      let sum = 0
      for (let k = i; k < j; k++) sum += f64[t + i + k * b]! * f64[g + k + j * b]!
      f64[t + i + j * b] = -tauJ * sum
    }
    f64[t + j + j * b] = tauJ
  }
  ws.reset(mark)
  return T
}

/** C ← (I − V·T·Vᵀ)·C, or with Tᵀ where `adjoint`. */
export function applyPanel(ws: Workspace, V: Columns, T: Columns, adjoint: boolean, C: Columns): void {
  const { cols: b, rows } = V
  const c = C.cols
  if (c === 0) return
  const mark = ws.mark()
  const W = ws.alloc64(b * c)
  const TW = ws.alloc64(b * c)
  const { gemm } = ws.kernels
  gemm(b, c, rows, 1, V.at, V.ld, 1, C.at, 1, C.ld, 0, W, 1, b)
  gemm(b, c, b, 1, T.at, adjoint ? b : 1, adjoint ? 1 : b, W, 1, b, 0, TW, 1, b)
  gemm(rows, c, b, -1, V.at, 1, V.ld, TW, 1, b, 1, C.at, 1, C.ld)
  ws.reset(mark)
}
