import { wrap } from '../arrays.js'
import type { Dense, Matrix } from '../arrays.js'
import { unstage, window } from './blocks.js'
import { maxAbs } from '../magnitude.js'
import { factorSteps, formQSteps, powerOfTwo } from './reflectors.js'
import { allocColumns, part, stageColumns } from './stage.js'
import type { Columns } from './stage.js'
import { breath } from '../steps.js'
import type { Steps } from '../steps.js'
import { acquire, release } from '../wasm/workspace.js'
import type { Workspace } from '../wasm/workspace.js'

/** Rows × columns of a leaf: 256 KiB, so that its reflections run in cache. */
const LEAF = 2 ** 15

/**
 * Q of a thin QR factorization of a tall Y (m ≥ k) of any rank, as stable as Householder's: leaves of rows are
 * factored one by one, and their triangles, stacked, once more (TSQR with one level; Demmel, Grigori, Hoemmen
 * and Langou 2012).
 * Cost: 6mk² flops, of which a third is gemm and the rest in cache. Memory: mk numbers beside the result.
 */
export function* tsqrSteps(Y: Dense, leaf = LEAF): Steps<Matrix> {
  const { rows: m, cols: k } = Y
  const count = Math.max(1, Math.floor(m / Math.max(4 * k, leaf / k)))
  const starts = Array.from({ length: count + 1 }, (_, i) => Math.floor((i * m) / count))
  const scale = powerOfTwo(maxAbs(Y))
  const ws = acquire()
  try {
    const leaves = allocColumns(ws, m * k, 1)
    const stack = allocColumns(ws, count * k, k)
    for (let i = 0; i < count; i++) {
      const [first, end] = [starts[i]!, starts[i + 1]!]
      const mark = ws.mark()
      const block = stageColumns(ws, window(Y, first, end - first, 0, k))
      ws.kernels.scal((end - first) * k, scale, block.at)
      const F = yield* factorSteps(ws, block)
      copyTriangle(ws, F.A, part(stack, i * k, (i + 1) * k, 0, k))
      const Q = yield* formQSteps(ws, F, k)
      ws.f64.copyWithin(leaves.at / 8 + first * k, Q.at / 8, Q.at / 8 + (end - first) * k)
      ws.reset(mark)
    }
    const top = yield* formQSteps(ws, yield* factorSteps(ws, stack), k)
    const out = wrap(new Float64Array(m * k), m, k)
    for (let i = 0; i < count; i++) {
      const [first, rows] = [starts[i]!, starts[i + 1]! - starts[i]!]
      const mark = ws.mark()
      const at = ws.alloc64(rows * k)
      const below = part(top, i * k, (i + 1) * k, 0, k)
      ws.kernels.gemm(rows, k, k, 1, leaves.at + 8 * first * k, 1, rows, below.at, 1, below.ld, 0, at, k, 1)
      unstage(ws.f64, at, { data: out.data, offset: first * k, rows, cols: k, rs: k, cs: 1 })
      ws.reset(mark)
      yield* breath()
    }
    return out
  } finally {
    release(ws)
  }
}

/** The upper triangle of the first k rows, with zeros below. */
function copyTriangle(ws: Workspace, from: Columns, to: Columns): void {
  const f64 = ws.f64
  const k = to.cols
  for (let j = 0; j < k; j++) {
    const [source, target] = [from.at / 8 + j * from.ld, to.at / 8 + j * to.ld]
    f64.copyWithin(target, source, source + j + 1)
    f64.fill(0, target + j + 1, target + k)
  }
}
