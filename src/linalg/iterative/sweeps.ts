import { flip, wrap } from '../arrays.js'
import type { Dense, Matrix } from '../arrays.js'
import { STRETCH, blockShape, evenly, stage, window } from '../dense/blocks.js'
import { breath } from '../steps.js'
import type { Steps } from '../steps.js'
import { acquire, release } from '../wasm/workspace.js'

// Two products in one sweep over the entries of A: each block is copied in once and used twice. float64.

/** A·X and Aᵀ·Y. */
export function* bothSteps(A: Dense, X: Dense, Y: Dense): Steps<{ AX: Matrix; AtY: Matrix }> {
  // What belongs to the shorter side stays in the workspace all the while.
  if (A.cols > A.rows) {
    const { AX, AtY } = yield* bothSteps(flip(A), Y, X)
    return { AX: AtY, AtY: AX }
  }
  const { rows: m, cols: n } = A
  const [kx, ky] = [X.cols, Y.cols]
  const AX = new Float64Array(m * kx)
  const AtY = new Float64Array(n * ky)
  if (n === 0) return { AX: wrap(AX, m, kx), AtY: wrap(AtY, n, ky) }
  const { rows: mb, cols: nb } = blockShape(A, Math.max(kx, ky))
  const ws = acquire()
  try {
    const [atA, atX, atY, atAX, atAtY] = [mb * nb, n * kx, mb * ky, mb * kx, n * ky].map((c) => ws.alloc64(c))
    const f64 = ws.f64
    const { gemm } = ws.kernels
    const x = stage(X, f64, atX!)
    f64.fill(0, atAtY! / 8, atAtY! / 8 + n * ky)
    for (let i = 0; i < m; i += mb) {
      const mi = Math.min(mb, m - i)
      const y = stage(window(Y, i, mi, 0, ky), f64, atY!)
      for (let j = 0; j < n; j += nb) {
        const nj = Math.min(nb, n - j)
        const a = stage(window(A, i, mi, j, nj), f64, atA!)
        gemm(mi, kx, nj, 1, a.at, a.rs, a.cs, x.at + 8 * j * x.rs, x.rs, x.cs, j === 0 ? 0 : 1, atAX!, kx, 1)
        yield* breath()
        gemm(nj, ky, mi, 1, a.at, a.cs, a.rs, y.at, y.rs, y.cs, 1, atAtY! + 8 * j * ky, ky, 1)
        yield* breath()
      }
      AX.set(f64.subarray(atAX! / 8, atAX! / 8 + mi * kx), i * kx)
    }
    AtY.set(f64.subarray(atAtY! / 8, atAtY! / 8 + n * ky))
  } finally {
    release(ws)
  }
  return { AX: wrap(AX, m, kx), AtY: wrap(AtY, n, ky) }
}

/** Numbers of a block of `normalSteps`: 512 KiB, since it is read twice and gone. */
const TWICE = 2 ** 16

/** AᵀA·X. */
export function* normalSteps(A: Dense, X: Dense): Steps<Matrix> {
  const { rows: m, cols: n } = A
  const k = X.cols
  const out = new Float64Array(n * k)
  if (m === 0 || n === 0 || k === 0) return wrap(out, n, k)
  // Whole rows, since A·X is needed before Aᵀ can be applied; not too few, or sums are added one by one.
  const mb = Math.min(m, Math.max(16, Math.floor(TWICE / n)))
  const kb = evenly(k, Math.max(16, STRETCH / (mb * n)))
  const ws = acquire()
  try {
    const [atA, atX, atAX, atOut] = [mb * n, n * k, mb * kb, n * k].map((count) => ws.alloc64(count))
    const f64 = ws.f64
    const { gemm } = ws.kernels
    const x = stage(X, f64, atX!)
    f64.fill(0, atOut! / 8, atOut! / 8 + n * k)
    for (let i = 0; i < m; i += mb) {
      const mi = Math.min(mb, m - i)
      const a = stage(window(A, i, mi, 0, n), f64, atA!)
      for (let j = 0; j < k; j += kb) {
        const kj = Math.min(kb, k - j)
        gemm(mi, kj, n, 1, a.at, a.rs, a.cs, x.at + 8 * j * x.cs, x.rs, x.cs, 0, atAX!, kj, 1)
        yield* breath()
        gemm(n, kj, mi, 1, a.at, a.cs, a.rs, atAX!, kj, 1, 1, atOut! + 8 * j, k, 1)
        yield* breath()
      }
    }
    out.set(f64.subarray(atOut! / 8, atOut! / 8 + n * k))
  } finally {
    release(ws)
  }
  return wrap(out, n, k)
}
