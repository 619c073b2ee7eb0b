import { asMatrix, checkFinite, dense, flip, wrap } from '../arrays.js'
import type { Dense, Matrix, MatrixLike } from '../arrays.js'
import { BLOCK, STRETCH, evenly, stage, window } from './blocks.js'
import { multiplyIntoSteps } from './multiply.js'
import { readOptions } from '../options.js'
import { breath, fromSteps } from '../steps.js'
import type { RunOptions, Steps } from '../steps.js'
import { acquire, release } from '../wasm/workspace.js'

/** Columns of A whose whole Gram matrix is made in the workspace. */
const SIDE = 1024
/** Rows of AᵀA that are made at a time: below the diagonal, at most so many columns are made for nothing. */
const STRIP = 128

/**
 * The Gram matrix AᵀA, exactly symmetric. Float64, also for a float32 A.
 *
 * @param A - m × n, any strides.
 * @returns n × n.
 * @throws NotFiniteError for NaN or ±Infinity in `A`; OptionError for an unknown option.
 * Cost: about mn² flops, half of those of `matmul(A, A, { transA: true })`; one pass over A for n ≤ 1024.
 * Memory: beside the result, at most some 30 MB.
 *
 * @example
 * ```ts
 * import { gram } from 'lowrank'
 * gram([[1, 2], [3, 4]])   // [[10, 14], [14, 20]]
 * ```
 */
export const gram: {
  (A: MatrixLike, options?: RunOptions): Matrix
  async(A: MatrixLike, options?: RunOptions): Promise<Matrix>
} = /*#__PURE__*/ fromSteps(checkedSteps, 1)

function* checkedSteps(A: MatrixLike, options?: RunOptions): Steps<Matrix> {
  readOptions('gram', options, {})
  const view = dense(asMatrix(A, 'gram', 'A'))
  const G = yield* gramSteps(view)
  // A column with NaN or ±Infinity has no finite norm, and neither has one whose squares overflow.
  for (let j = 0; j < view.cols; j++) {
    if (!Number.isFinite(G.data[j * (view.cols + 1)])) {
      checkFinite(view, 'gram', 'A')
      checkFinite(dense(G), 'gram', 'the Gram matrix, which overflows')
    }
  }
  return G
}

/** AᵀA of a strided view; no check of entries. */
export function* gramSteps(A: Dense): Steps<Matrix> {
  const n = A.cols
  const G = new Float64Array(n * n)
  const block = (i: number, rows: number, j: number, cols: number): Dense =>
    window({ data: G, offset: 0, rows: n, cols: n, rs: n, cs: 1 }, i, rows, j, cols)
  const side = evenly(n, SIDE)
  for (let i = 0; i < n; i += side) {
    const ni = Math.min(side, n - i)
    const Ai = window(A, 0, A.rows, i, ni)
    yield* upperTriangleSteps(Ai, block(i, ni, i, ni))
    for (let j = i + ni; j < n; j += side) {
      const nj = Math.min(side, n - j)
      yield* multiplyIntoSteps(flip(Ai), window(A, 0, A.rows, j, nj), block(i, ni, j, nj))
    }
  }
  mirror(G, n)
  return wrap(G, n, n)
}

/** The upper triangle of C = AᵀA, in strips of rows, for a C that holds zeros; something lies below it too. */
function* upperTriangleSteps(A: Dense, C: Dense): Steps<void> {
  const { rows: m, cols: n } = A
  if (m === 0 || n === 0) return
  const mb = Math.min(m, Math.floor(Math.min(BLOCK / n, STRETCH / (STRIP * n))))
  const ws = acquire()
  try {
    const [atA, atC] = [mb * n, n * n].map((count) => ws.alloc64(count)) as [number, number]
    const f64 = ws.f64
    for (let p = 0; p < m; p += mb) {
      const mp = Math.min(mb, m - p)
      const a = stage(window(A, p, mp, 0, n), f64, atA)
      for (let i = 0; i < n; i += STRIP) {
        const strip = a.at + 8 * i * a.cs
        const beta = p === 0 ? 0 : 1
        const rows = Math.min(STRIP, n - i)
        ws.kernels.gemm(
          rows,
          n - i,
          mp,
          1,
          strip,
          a.cs,
          a.rs,
          strip,
          a.rs,
          a.cs,
          beta,
          atC + 8 * i * (n + 1),
          n,
          1,
        )
        yield* breath()
      }
    }
    for (let i = 0; i < n; i++) {
      const row = atC / 8 + i * n
      C.data.set(f64.subarray(row + i, row + n), C.offset + i * (C.rs + 1))
    }
  } finally {
    release(ws)
  }
}

/** Copies the upper triangle below the diagonal, in squares that fit the cache. */
function mirror(G: Float64Array, n: number): void {
  const square = 32
  for (let i = 0; i < n; i += square) {
    for (let j = 0; j <= i; j += square) {
      for (let r = i; r < Math.min(n, i + square); r++) {
        for (let c = j; c < Math.min(r, j + square); c++) G[r * n + c] = G[c * n + r]!
      }
    }
  }
}
