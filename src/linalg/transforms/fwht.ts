import { ShapeError } from '../errors.js'
import type { RealTransform } from './dct.js'
import { linesOf } from './lastaxis.js'
import { readOptions } from '../options.js'
import { breath, fromSteps } from '../steps.js'
import type { RunOptions, Steps } from '../steps.js'
import { acquire, release } from '../wasm/workspace.js'
import type { Workspace } from '../wasm/workspace.js'

/** Numbers whose levels are all done while they are in cache. */
const BLOCK = 2 ** 12
/** Numbers worked on between two breaths: about a millisecond. */
const STRETCH = 2 ** 19

/**
 * The orthonormal Walsh–Hadamard transform along the last axis: H·x with H[i, j] = (−1)^{popcount(i & j)}/√n,
 * in natural (Sylvester) order. It is its own inverse.
 *
 * @param X - a vector, or a matrix or tensor whose last axis is transformed; its length n a power of two.
 * @returns the same shape, float64.
 * @throws ShapeError where n is no power of two; NotFiniteError for NaN or ±Infinity in `X`; OptionError.
 * Cost: n·log₂n additions per line; three levels for each time memory is read beyond a cache. Memory: one line.
 * Accuracy: ‖error‖ ≤ eps·log₂n·‖X‖; exact but for the scaling where sums of |X| stay below 2⁵³ as integers.
 *
 * @example
 * ```ts
 * import { fwht } from 'lowrank'
 * fwht([1, 0, 0, 0])   // 0.5, 0.5, 0.5, 0.5
 * ```
 */
export const fwht: RealTransform = /*#__PURE__*/ fromSteps(fwhtSteps, 1) as never

function* fwhtSteps(X: unknown, options?: RunOptions): Steps<unknown> {
  readOptions('fwht', options, {})
  const { data, count, n, wrap } = linesOf(X, 'fwht', 'X')
  if (n < 1 || !Number.isInteger(Math.log2(n))) {
    throw new ShapeError({
      fn: 'fwht',
      argument: 'X',
      expected: 'a length that is a power of two',
      given: `${n}`,
    })
  }
  // As many lines at a time as make a stretch.
  const lines = Math.max(1, Math.floor(STRETCH / 8 / n))
  const ws = acquire()
  try {
    const x = ws.alloc64(Math.min(lines, count) * n)
    const f64 = ws.f64
    for (let line = 0; line < count; line += lines) {
      const [from, to] = [line * n, Math.min(count, line + lines) * n]
      f64.set(data.subarray(from, to), x / 8)
      for (let at = 0; at < to - from; at += n) yield* lineSteps(ws, n, x + 8 * at)
      ws.kernels.scal(to - from, 1 / Math.sqrt(n), x)
      data.set(f64.subarray(x / 8, x / 8 + to - from), from)
      yield* breath()
    }
  } finally {
    release(ws)
  }
  return wrap(data)
}

/** One line in place, not scaled: what fits a cache first, then three levels at a time. */
function* lineSteps(ws: Workspace, n: number, x: number): Steps<void> {
  const block = Math.min(n, BLOCK)
  let work = 0
  for (let i = 0; i < n; i += block) {
    ws.kernels.fwhtBlock(block, x + 8 * i)
    work += block
    if (work >= STRETCH) {
      work = 0
      yield* breath()
    }
  }
  yield* levelSteps(ws, n, block, x)
}

/**
 * The levels from `from` on of the n = from·2^l numbers at x, not scaled, three at a time. With from = k they
 * transform the columns of a row-major 2^l × k matrix. `from` is even.
 */
export function* levelSteps(ws: Workspace, n: number, from: number, x: number): Steps<void> {
  let work = 0
  for (let h = from; h < n;) {
    const levels = Math.min(3, Math.log2(n / h))
    const count = Math.min(h, STRETCH >> levels)
    for (let i = 0; i < n; i += h * 2 ** levels) {
      for (let j = 0; j < h; j += count) {
        ws.kernels.fwhtLevels(levels, Math.min(count, h - j), h, x + 8 * (i + j))
        work += count * 2 ** levels
        if (work >= STRETCH) {
          work = 0
          yield* breath()
        }
      }
    }
    h *= 2 ** levels
  }
}
