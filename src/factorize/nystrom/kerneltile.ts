import { packed } from '../../linalg/arrays.js'
import type { Dense } from '../../linalg/arrays.js'
import { stage } from '../../linalg/dense/blocks.js'
import { NotFiniteError } from '../../linalg/errors.js'
import type { KernelFunction, KernelPlan } from '../../linalg/operators/kerneloptions.js'
import { maxAbs } from '../../linalg/magnitude.js'
import type { Workspace } from '../../linalg/wasm/workspace.js'

// Kernels of points, tile by tile, in a workspace.

/** `count` rows of `dim` contiguous numbers. */
export interface Points {
  readonly data: Float64Array
  readonly count: number
  readonly dim: number
}

export function pointsOf(X: Dense, scale: number): Points {
  const data = packed(X)
  if (scale !== 1) for (let e = 0; e < data.length; e++) data[e]! *= scale
  return { data, count: X.rows, dim: X.cols }
}

/** A copy of the points J. */
export function chosen({ data, dim }: Points, J: Int32Array): Points {
  const out = new Float64Array(J.length * dim)
  J.forEach((j, t) => {
    out.set(data.subarray(j * dim, (j + 1) * dim), t * dim)
  })
  return { data: out, count: J.length, dim }
}

/** Some points [first, first + count). */
export interface Range {
  readonly points: Points
  readonly first: number
  readonly count: number
}

/** Room for a tile: points of its rows and columns, and its entries, row-major, rows `widthOf` numbers apart. */
export interface Tile {
  readonly x: number
  readonly y: number
  readonly c: number
}

/** The columns of a tile with what fills its last panel. */
export const widthOf = (cols: Range): number => 4 * Math.ceil(cols.count / 4)

export interface Kernel {
  /** The power of two that points are multiplied by. */
  readonly scale: number
  /** Whether k(x, x) is 1. */
  readonly unit: boolean
  /** Makes the entries of a tile. */
  fill(ws: Workspace, rows: Range, cols: Range, tile: Tile): void
}

export function kernelOf(plan: KernelPlan, X: Dense): Kernel {
  const { kernel, gamma } = plan
  if (typeof kernel === 'function') return functionKernel(kernel)
  if (kernel === 'polynomial') return polynomialKernel(plan)
  const power = kernel === 'rbf' ? 2 : 1
  // Points times a power of two, so that squares overflow and vanish only where the exponential is 0 or 1.
  const largest = maxAbs(X)
  const most = largest === 0 ? 0 : 1000 - Math.ceil(Math.log2(largest))
  const scale = 2 ** Math.max(-1000, Math.min(Math.round(Math.log2(gamma) / power), most))
  const alpha = Math.min(Number.MAX_VALUE, power === 2 ? gamma / scale / scale : gamma / scale)
  return {
    scale,
    unit: true,
    fill(ws, rows, cols, { x, y, c }) {
      stage(rangeView(rows), ws.f64, x)
      stagePanels(cols, ws.f64, y)
      const width = widthOf(cols)
      ws.kernels.distances(power, rows.count, width, rows.points.dim, x, y, c, width)
      ws.kernels.expNegative(rows.count * width, alpha, c)
    },
  }
}

function polynomialKernel({ gamma, degree, coef0 }: KernelPlan): Kernel {
  return {
    scale: 1,
    unit: false,
    fill(ws, rows, cols, { x, y, c }) {
      const ld = widthOf(cols)
      const d = rows.points.dim
      stage(rangeView(rows), ws.f64, x)
      stage(rangeView(cols), ws.f64, y)
      ws.kernels.gemm(rows.count, cols.count, d, gamma, x, d, 1, y, 1, d, 0, c, ld, 1)
      const f64 = ws.f64
      for (let i = 0; i < rows.count; i++) {
        for (let j = 0, o = c / 8 + i * ld; j < cols.count; j++, o++) {
          const value = wholePower(f64[o]! + coef0, degree)
          if (!(Math.abs(value) < Infinity)) refuse(value, rows, cols, i, j)
          f64[o] = value
        }
      }
    },
  }
}

/** By repeated squares: Math.pow is ten times as slow. */
function wholePower(base: number, exponent: number): number {
  let result = 1
  for (let e = exponent, square = base; e > 0; e = Math.floor(e / 2), square *= square) {
    if (e % 2 === 1) result *= square
  }
  return result
}

function functionKernel(kernel: KernelFunction): Kernel {
  return {
    scale: 1,
    unit: false,
    fill(ws, rows, cols, { c }) {
      const ld = widthOf(cols)
      const [xs, ys] = [pointViews(rows), pointViews(cols)]
      for (let i = 0; i < rows.count; i++) {
        for (let j = 0; j < cols.count; j++) {
          const value = kernel(xs[i]!, ys[j]!)
          if (!Number.isFinite(value)) refuse(value, rows, cols, i, j)
          // Anew each time: the function may use the library itself.
          ws.f64[c / 8 + i * ld + j] = value
        }
      }
    },
  }
}

function refuse(value: number, rows: Range, cols: Range, i: number, j: number): never {
  throw new NotFiniteError({
    fn: 'kernelMatrix',
    argument: 'the kernel of two points',
    value,
    index: [rows.first + i, cols.first + j],
  })
}

const rangeView = ({ points: { data, dim }, first, count }: Range): Dense => ({
  data,
  offset: first * dim,
  rows: count,
  cols: dim,
  rs: dim,
  cs: 1,
})

const pointViews = ({ points: { data, dim }, first, count }: Range): Float64Array[] =>
  Array.from({ length: count }, (_, i) => data.subarray((first + i) * dim, (first + i + 1) * dim))

/** Panels of four points, transposed, for `distances`; what is missing from the last is 0. */
function stagePanels({ points: { data, dim }, first, count }: Range, to: Float64Array, at: number): void {
  for (let j = 0; j < 4 * Math.ceil(count / 4); j++) {
    const panel = at / 8 + (j - (j % 4)) * dim + (j % 4)
    for (let k = 0, a = (first + j) * dim; k < dim; k++, a++) to[panel + 4 * k] = j < count ? data[a]! : 0
  }
}
