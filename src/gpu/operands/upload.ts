import { checkFinite, dense } from '../../linalg/arrays.js'
import type { Dense, FloatArray, Matrix } from '../../linalg/arrays.js'
import { frobeniusSteps, maxAbs } from '../../linalg/magnitude.js'
import { runAsync } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { paddedTo4 } from '../engines/engine.js'
import type { Limits } from '../engines/engine.js'
import { GpuMemoryError } from '../errors.js'
import type { Site } from './held.js'
import type { Cell, Grid } from './matrix.js'
import { packBlock, scaleOf } from './scale.js'

/** Uploads a matrix, in as many blocks as the limits ask for. Where one fails, none stays. */
export async function uploadGrid(A: Matrix<FloatArray>, { limits, engine }: Site): Promise<Grid> {
  const view = dense(A)
  const { rows: m, cols: n } = view
  const { size, norm } = await runAsync(measure(view))
  const scale = scaleOf(size)
  const cells: Cell[] = []
  if (m === 0 || n === 0) return { cells, scale, limits, norm, chained: false, iterated: false }
  try {
    for (const { rows, cols } of cellsWithin(m, n, limits, 'gpu.matrix')) {
      const block = await engine.upload(rows.count, cols.count, (first, count) => {
        const stride = paddedTo4(cols.count)
        const data = new Float32Array(count * stride)
        const there = Math.min(count, rows.count - first)
        packBlock(view, { start: rows.start + first, count: there }, cols, scale, data, stride)
        return data
      })
      cells.push({ rows, cols, block })
    }
  } catch (error) {
    for (const { block } of cells) block.free()
    throw error
  }
  return {
    cells,
    scale,
    limits,
    norm,
    iterated: engine.shade !== undefined && cells.length === 1,
    chained: engine.normal !== undefined && cells.every(({ cols }) => cols.count === n),
  }
}

/**
 * ‖A‖_F, and the size of an entry: the root of the mean square, or, where ‖A‖_F is beyond float64, the largest. One sweep
 * says both, and that all is finite.
 */
function* measure(A: Dense): Steps<{ size: number; norm: number }> {
  const norm = yield* frobeniusSteps(A)
  if (Number.isFinite(norm)) return { norm, size: norm / Math.sqrt(Math.max(1, A.rows * A.cols)) }
  checkFinite(A, 'gpu.matrix', 'A')
  return { norm, size: maxAbs(A) }
}

/** Kernels of GPU.js count in float32. */
const EXACT = 2 ** 24

/** The cells of an m × n grid within limits, row by row. */
export function* cellsWithin(
  m: number,
  n: number,
  limits: Pick<Limits, 'bytes' | 'side'>,
  fn: string,
): Generator<Omit<Cell, 'block'>> {
  const { height, width } = blockSize(m, n, limits, fn)
  for (let i = 0; i < m; i += height) {
    const rows = { start: i, count: Math.min(height, m - i) }
    for (let j = 0; j < n; j += width) yield { rows, cols: { start: j, count: Math.min(width, n - j) } }
  }
}

/** Whole rows where a row fits, in blocks of about equal height. */
function blockSize(
  m: number,
  n: number,
  limits: Pick<Limits, 'bytes' | 'side'>,
  fn: string,
): { height: number; width: number } {
  const { bytes } = limits
  const side = Math.min(EXACT, limits.side)
  const entries = bytes / 4
  const widest = multipleOf4(Math.min(side, entries / 4))
  if (widest === 0) throw new GpuMemoryError(fn, `a limit of ${bytes} bytes`)
  const width = Math.min(n, widest)
  const highest = multipleOf4(Math.min(side, entries / paddedTo4(width)))
  return { height: paddedTo4(Math.ceil(m / Math.ceil(m / highest))), width }
}

const multipleOf4 = (x: number): number => 4 * Math.floor(x / 4)
