import { asFiniteMatrix, dense, wrap } from './arrays.js'
import type { Dense, Matrix, MatrixLike } from './arrays.js'
import { oneOf, readOptions, withDefault } from './options.js'
import { allocColumns, part, stageColumns, unstage } from './stage.js'
import type { Columns } from './stage.js'
import { breath, fromSteps } from './steps.js'
import type { RunOptions, Steps } from './steps.js'
import { acquire, release } from './wasm/workspace.js'
import type { Workspace } from './wasm/workspace.js'

export interface Qr {
  /** m × q with orthonormal columns; q = min(m, n), or m in mode 'complete'. */
  readonly Q: Matrix
  /** q × n, upper triangular; its diagonal may be negative. */
  readonly R: Matrix
}

export interface QrOptions extends RunOptions {
  /** 'reduced' (default): Q is m × min(m, n). 'complete': Q is m × m. */
  readonly mode?: 'reduced' | 'complete' | undefined
}

/** Columns per panel: 2mb² flops of a panel then take a few milliseconds at most, and a tall one fits a cache. */
const panelWidth = (m: number): number => Math.max(4, Math.min(32, Math.floor(Math.sqrt(3e6 / m))))

/**
 * QR factorization A = Q·R by blocked Householder reflections (compact WY; Schreiber and Van Loan 1989).
 *
 * @param A - m × n, any strides; rank-deficient and empty matrices too.
 * @throws NotFiniteError for NaN or ±Infinity in `A`; OptionError for an unknown option.
 * Cost: 2mn² − 2n³/3 flops for R and as many for Q (m ≥ n). Memory: about 3mn numbers.
 * Accuracy: ‖A − QR‖ and ‖QᵀQ − I‖ within a few max(m, n)·eps, in the scale of A.
 *
 * @example
 * ```ts
 * import { qr } from 'lowrank'
 * const { Q, R } = qr([[1, 2], [3, 4], [5, 6]])
 * ```
 */
export const qr: {
  (A: MatrixLike, options?: QrOptions): Qr
  async(A: MatrixLike, options?: QrOptions): Promise<Qr>
} = /*#__PURE__*/ fromSteps(qrSteps, 1)

function* qrSteps(A: MatrixLike, options?: QrOptions): Steps<Qr> {
  const { mode } = readOptions('qr', options, { mode: withDefault(oneOf('reduced', 'complete'), 'reduced') })
  const view = dense(asFiniteMatrix(A, 'qr', 'A'))
  const ws = acquire()
  try {
    const { scaled, scale } = stageScaled(ws, view)
    const F = yield* factorSteps(ws, scaled)
    const q = mode === 'complete' ? view.rows : Math.min(view.rows, view.cols)
    const R = upperTriangle(ws, F, q, 1 / scale)
    return { Q: unstage(ws, yield* formQSteps(ws, F, q)), R }
  } finally {
    release(ws)
  }
}

/**
 * An orthonormal basis of as many columns as Y has (m ≥ k): its range, completed arbitrarily where Y is
 * rank-deficient. The orthonormalisation of every sketch.
 */
export function* orthonormalizeSteps(Y: Matrix): Steps<Matrix> {
  const ws = acquire()
  try {
    const F = yield* factorSteps(ws, stageScaled(ws, dense(Y)).scaled)
    return unstage(ws, yield* formQSteps(ws, F, Math.min(Y.shape[0]!, Y.shape[1]!)))
  } finally {
    release(ws)
  }
}

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
  if (largest === 0 || (largest > 1e-100 && largest < 1e100)) return { scaled, scale: 1 }
  const scale = 2 ** Math.max(-1000, Math.min(1000, -Math.floor(Math.log2(largest))))
  ws.kernels.scal(size, scale, scaled.at)
  return { scaled, scale }
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
    const V = copyReflectors(ws, panel)
    const T = blockReflector(ws, V, tau + 8 * k)
    panels.push({ first: k, V, T })
    applyPanel(ws, V, T, true, part(A, k, m, k + b, n))
    yield* breath()
  }
  return { A, panels }
}

/** The first q columns of Q = (I − V₀T₀V₀ᵀ)·(I − V₁T₁V₁ᵀ)·…, from the last panel to the first. */
export function* formQSteps(ws: Workspace, { A, panels }: Reflectors, q: number): Steps<Columns> {
  const m = A.rows
  const Q = allocColumns(ws, m, q)
  const f64 = ws.f64
  f64.fill(0, Q.at / 8, Q.at / 8 + m * q)
  for (let j = 0; j < q; j++) f64[Q.at / 8 + j * (m + 1)] = 1
  for (let t = panels.length - 1; t >= 0; t--) {
    const { first, V, T } = panels[t]!
    applyPanel(ws, V, T, false, part(Q, first, m, first, q))
    yield* breath()
  }
  return Q
}

/** The first q rows of R, times `scale`. */
function upperTriangle(ws: Workspace, { A }: Reflectors, q: number, scale: number): Matrix {
  const n = A.cols
  const R = new Float64Array(q * n)
  const f64 = ws.f64
  for (let j = 0; j < n; j++) {
    for (let i = Math.min(j, q - 1, A.rows - 1); i >= 0; i--)
      R[i * n + j] = scale * f64[A.at / 8 + i + j * A.ld]!
  }
  return wrap(R, q, n)
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
