import { flip, wrap } from '../arrays.js'
import type { Dense, FloatArray, Matrix } from '../arrays.js'
import { WHOLE, blockShape, blocksOf, evenly, room, unstage, window } from './blocks.js'
import { breath } from '../steps.js'
import type { Steps } from '../steps.js'
import { acquire, release } from '../wasm/workspace.js'

/** Columns of C that are made at a time: A is copied in anew for each so many. */
const WIDTH = 512

/** A·B of strided views. float32 only where both are; no check of entries; row-major contiguous result. */
export function* multiplySteps(A: Dense, B: Dense): Steps<Matrix<FloatArray>> {
  const [m, n] = [A.rows, B.cols]
  const single = A.data instanceof Float32Array && B.data instanceof Float32Array
  const C = single ? new Float32Array(m * n) : new Float64Array(m * n)
  yield* multiplyIntoSteps(A, B, { data: C, offset: 0, rows: m, cols: n, rs: n, cs: 1 })
  return wrap<FloatArray>(C, m, n)
}

/** C = A·B for a C that holds zeros. In float32 where all three are. */
export function* multiplyIntoSteps(A: Dense, B: Dense, C: Dense): Steps<void> {
  const { rows: m, cols: n } = C
  const k = A.cols
  // The longer side of C is that of A.
  if (n > m) return yield* multiplyIntoSteps(flip(B), flip(A), flip(C))
  if (n === 0 || k === 0) return

  const single = [A, B, C].every(({ data }) => data instanceof Float32Array)
  const nb = evenly(n, WIDTH)
  const { rows: mb, cols: kb } = blockShape(A, nb)
  // Rows of C that are made at a time: B is copied in anew for each so many.
  const mc = Math.min(m, mb * Math.max(1, Math.floor(WHOLE / (mb * nb))))
  const ws = acquire()
  try {
    const blockOfA = blocksOf(ws, A, mb, kb, nb < n && m * k <= WHOLE, single)
    const blockOfB = blocksOf(ws, B, kb, nb, mc < m && k * n <= WHOLE, single)
    const [size, at] = single ? [4, ws.alloc32(mc * nb)] : [8, ws.alloc64(mc * nb)]
    const gemm = single ? ws.kernels.gemm32 : ws.kernels.gemm
    for (let i = 0; i < m; i += mc) {
      const end = Math.min(m, i + mc)
      for (let j = 0; j < n; j += nb) {
        const nj = Math.min(nb, n - j)
        const result = window(C, i, end - i, j, nj)
        const c = room(result, at)
        for (let p = 0; p < k; p += kb) {
          const kp = Math.min(kb, k - p)
          const b = blockOfB(p, kp, j, nj)
          for (let r = i; r < end; r += mb) {
            const rows = Math.min(mb, end - r)
            const a = blockOfA(r, rows, p, kp)
            const cr = c.at + size * (r - i) * c.rs
            gemm(rows, nj, kp, 1, a.at, a.rs, a.cs, b.at, b.rs, b.cs, p === 0 ? 0 : 1, cr, c.rs, c.cs)
            yield* breath()
          }
        }
        unstage(single ? ws.f32 : ws.f64, at, result)
      }
    }
  } finally {
    release(ws)
  }
}
