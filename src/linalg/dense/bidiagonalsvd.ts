import { emptyMatrix } from '../arrays.js'
import type { Dense } from '../arrays.js'
import { bidiagonalQrSteps } from './bidiagonalqr.js'
import { bidiagonalizeSteps } from './bidiagonalize.js'
import type { Bidiagonal } from './bidiagonalize.js'
import { descending, pickColumns } from './columnorder.js'
import { ConvergenceError } from '../errors.js'
import { applyQSteps, collectSteps, factorSteps, formQSteps, setIdentity, stageScaled } from './reflectors.js'
import type { Reflectors } from './reflectors.js'
import { Rotations } from './rotations.js'
import { allocColumns, part, unstage, unstageTransposed } from './stage.js'
import type { Columns } from './stage.js'
import { breath } from '../steps.js'
import type { Steps } from '../steps.js'
import type { SvdFactors, Vectors } from './svdfactors.js'
import { acquire, release } from '../wasm/workspace.js'
import type { Workspace } from '../wasm/workspace.js'

/** From so many rows per column on, a QR factorization first is quicker. */
const TALL = 1.6

/** What tests lower so that every path runs on small matrices. */
export interface BidiagonalTuning {
  readonly width?: number
  readonly batch?: number
  readonly tall?: number
  readonly maxWork?: number
}

/**
 * The SVD of A, m ≥ n: A = Q·B·Pᵀ with B bidiagonal, then QR iteration on B, whose rotations are applied to Q
 * and P in batches.
 */
export function* bidiagonalSvdSteps(
  A: Dense,
  vectors: Vectors,
  { width, batch, tall = TALL, maxWork }: BidiagonalTuning = {},
): Steps<SvdFactors> {
  const { rows: m, cols: n } = A
  const ws = acquire()
  try {
    const { scaled, scale } = stageScaled(ws, A)
    const first = m > tall * n ? yield* factorSteps(ws, scaled) : undefined
    const core = first ? upperTriangle(ws, scaled) : scaled
    const B = yield* bidiagonalizeSteps(ws, core, width)
    const q = vectors === 'none' ? 0 : vectors === 'full' ? m : n
    const U = q === 0 ? allocColumns(ws, 0, n) : yield* leftSteps(ws, core, B, first, m, q)
    const V = q === 0 ? U : yield* rightSteps(ws, B)

    // A reduction by QR first leaves the core's vectors in the leading rows of U.
    const lead = first && q > 0 ? part(U, 0, n, 0, n) : part(U, 0, U.rows, 0, n)
    const { d, e } = B
    const rotations = [lead, V].map((target) => new Rotations(ws, target, batch)) as [Rotations, Rotations]
    const outcome = yield* bidiagonalQrSteps(ws, d, e, ...rotations, maxWork)
    if (first && q > 0) yield* applyQSteps(ws, first, U)

    const s = d.map(Math.abs)
    const order = descending(s)
    const values = Float64Array.from(order, (j) => s[j]! / scale)
    let result: SvdFactors = { U: emptyMatrix(m, 0), s: values, Vt: emptyMatrix(0, n) }
    if (q > 0) {
      for (let j = 0; j < n; j++) if (d[j]! < 0) ws.kernels.scal(n, -1, V.at + 8 * j * V.ld)
      const rest = Int32Array.from({ length: q - n }, (_, t) => n + t)
      const left = pickColumns(ws, U, Int32Array.from([...order, ...rest]))
      yield* breath()
      const right = pickColumns(ws, V, order)
      yield* breath()
      result = { U: unstage(ws, left), s: values, Vt: unstageTransposed(ws, right) }
      yield* breath()
    }
    if (!outcome.converged) {
      throw new ConvergenceError({
        fn: 'svd',
        argument: 'A',
        expected: 'convergence of the bidiagonal QR iteration',
        given: `${outcome.residual / scale} above the diagonal after ${outcome.iterations} sweeps`,
        iterations: outcome.iterations,
        residual: outcome.residual / scale,
        best: result,
      })
    }
    return result
  } finally {
    release(ws)
  }
}

/** The n × n triangle of a factored matrix, with zeros below. */
function upperTriangle(ws: Workspace, { at, cols: n, ld }: Columns): Columns {
  const R = allocColumns(ws, n, n)
  const f64 = ws.f64
  for (let j = 0; j < n; j++) {
    const [from, to] = [at / 8 + j * ld, R.at / 8 + j * n]
    f64.copyWithin(to, from, from + j + 1)
    f64.fill(0, to + j + 1, to + n)
  }
  return R
}

/** Q of A = Q·B·Pᵀ, m × q; where there was a QR factorization `first`, that of its triangle, padded. */
function* leftSteps(
  ws: Workspace,
  core: Columns,
  { tauQ }: Bidiagonal,
  first: Reflectors | undefined,
  m: number,
  q: number,
): Steps<Columns> {
  const U = allocColumns(ws, m, q)
  const n = core.cols
  const reflectors = yield* collectSteps(ws, core, n, tauQ)
  if (!first) return yield* formQSteps(ws, reflectors, q, U)
  setIdentity(ws, U)
  yield* formQSteps(ws, reflectors, n, part(U, 0, n, 0, n))
  return U
}

/** P of A = Q·B·Pᵀ: its reflectors leave row and column 0 alone. */
function* rightSteps(ws: Workspace, { right, tauP, e }: Bidiagonal): Steps<Columns> {
  const n = right.cols
  const V = allocColumns(ws, n, n)
  setIdentity(ws, V)
  if (n < 2) return V
  const reflectors = yield* collectSteps(ws, part(right, 1, n, 0, n - 1), e.length, tauP)
  yield* formQSteps(ws, reflectors, n - 1, part(V, 1, n, 1, n))
  return V
}
