import { asFiniteMatrix, dense, packed, wrap } from '../linalg/arrays.js'
import type { Dense, Matrix, MatrixLike } from '../linalg/arrays.js'
import { STRETCH, stage, unstage, window } from '../linalg/blocks.js'
import { NotFiniteError, ShapeError } from '../linalg/errors.js'
import { maxAbs } from '../linalg/magnitude.js'
import { operatorFromSteps } from '../linalg/operators.js'
import type { LinearOperator } from '../linalg/operators.js'
import { integer, nonNegative, optional, readOptions, withDefault } from '../linalg/options.js'
import type { Reader } from '../linalg/options.js'
import { breath } from '../linalg/steps.js'
import type { Steps } from '../linalg/steps.js'
import { acquire, release } from '../linalg/wasm/workspace.js'
import type { Workspace } from '../linalg/wasm/workspace.js'

/** k(x, y) of two points, as views of the library's own copy, which must not be changed. */
export type KernelFunction = (x: Float64Array, y: Float64Array) => number

export interface KernelOptions {
  /**
   * 'rbf' (default) e^{−γ‖x−y‖₂²}, 'laplacian' e^{−γ‖x−y‖₁}, 'polynomial' (γ·xᵀy + coef0)^degree, or a
   * function, symmetric and positive semidefinite.
   */
  readonly kernel?: 'rbf' | 'laplacian' | 'polynomial' | KernelFunction | undefined
  /** γ > 0. Default 1/d. */
  readonly gamma?: number | undefined
  /** Of 'polynomial': an integer >= 1. Default 3. */
  readonly degree?: number | undefined
  /** Of 'polynomial': >= 0. Default 1. */
  readonly coef0?: number | undefined
}

/** A kernel matrix that is never formed. */
export interface KernelMatrix extends LinearOperator {
  /**
   * K(Y, X), m × n for m other points Y: `cross(Y).matmat(a)` is what a kernel model with coefficients `a`
   * predicts at Y.
   */
  cross(Y: MatrixLike): LinearOperator
}

const FN = 'kernelMatrix'

const positive: Reader<number> = (value, fail) =>
  typeof value === 'number' && value > 0 && value < Infinity ? value : fail('a finite number > 0')

const KINDS = ['rbf', 'laplacian', 'polynomial'] as const

const kind: Reader<(typeof KINDS)[number] | KernelFunction> = (value, fail) =>
  typeof value === 'function'
    ? (value as KernelFunction)
    : (KINDS.find((name) => name === value) ?? fail("'rbf' | 'laplacian' | 'polynomial' | a function"))

/**
 * The kernel matrix Kᵢⱼ = k(xᵢ, xⱼ) of n points as an operator: entries are made in tiles when a product asks
 * for them, and dropped.
 *
 * @param X - n × d, a point per row. It is copied.
 * @param options - the kernel. Entries of 'rbf' and 'laplacian' come from differences of coordinates, not from
 * ‖x‖² + ‖y‖² − 2xᵀy, so near points far from the origin lose no digits: each is within about
 * (d + 4)·eps·(1 + γ·distance) of itself, k(x, x) is exactly 1, and values below 3·10⁻³⁰⁸ are 0.
 * @returns an operator n × n, symmetric, that offers `columns`, `rows` and `diagonal` without products, and
 * `cross(Y)`. A function is called for one of the pairs (i, j), (j, i) in a product.
 * @throws OptionError, ShapeError, NotFiniteError (in X, or in what the kernel gives).
 *
 * Cost: making it copies X. A product with k columns makes n²/2 entries of 3d flops and an exponential (2d of
 * 'polynomial'; a call of the function) and takes 2n²k flops; it is one pass. Memory: nd numbers, in a product
 * about 2 MB more. `columns(J)` makes n·|J| entries.
 * Source: Schölkopf and Smola 2002, "Learning with kernels"; parameters as in scikit-learn.
 *
 * @example
 * ```ts
 * import { cg, kernelMatrix, operator, random } from 'lowrank'
 * const X = random.normal([300, 5])
 * const K = kernelMatrix(X, { kernel: 'rbf', gamma: 0.1 })
 * // Kernel ridge regression: (K + I)·a = y, and its predictions at other points.
 * const regularized = (V) => {
 *   const KV = K.matmat(V)
 *   KV.data.forEach((_, e) => (KV.data[e] += V.data[e]))
 *   return KV
 * }
 * const A = operator({ shape: K.shape, matmat: regularized, rmatmat: regularized })
 * const y = random.normal([300, 1], { seed: 1 })
 * const { x: a } = cg(A, y)
 * const prediction = K.cross(random.normal([7, 5], { seed: 2 })).matmat(a)   // 7 × 1
 * ```
 */
export function kernelMatrix(X: MatrixLike, options?: KernelOptions): KernelMatrix {
  const plan = readOptions(FN, options, {
    kernel: withDefault(kind, 'rbf'),
    gamma: optional(positive),
    degree: withDefault(integer(1), 3),
    coef0: withDefault(nonNegative, 1),
  })
  const given = dense(asFiniteMatrix(X, FN, 'X'))
  const kernel = kernelOf({ ...plan, gamma: plan.gamma ?? 1 / Math.max(1, given.cols) }, given)
  const points = pointsOf(given, kernel.scale)
  const n = points.count
  const products = (V: Matrix): Steps<Matrix> => symmetricProductSteps(kernel, points, V)
  const operator = operatorFromSteps([n, n], false, {
    matmat: products,
    rmatmat: products,
    columns: (J) => blockSteps(kernel, points, chosen(points, J)),
    rows: (I) => blockSteps(kernel, chosen(points, I), points),
    diagonal: () => diagonalSteps(kernel, points),
  }) as LinearOperator
  return Object.assign(operator, { cross: (Y: MatrixLike) => crossOperator(kernel, points, Y) })
}

function crossOperator(kernel: Kernel, points: Points, Y: MatrixLike): LinearOperator {
  const fn = `${FN}(X).cross`
  const given = dense(asFiniteMatrix(Y, fn, 'Y'))
  if (given.cols !== points.dim) {
    const shape = `${given.rows}×${given.cols}`
    throw new ShapeError({ fn, argument: 'Y', expected: `${points.dim} columns, as X has`, given: shape })
  }
  const others = pointsOf(given, kernel.scale)
  return operatorFromSteps([others.count, points.count], false, {
    matmat: (V) => productSteps(kernel, others, points, V),
    rmatmat: (V) => productSteps(kernel, points, others, V),
    columns: (J) => blockSteps(kernel, others, chosen(points, J)),
    rows: (I) => blockSteps(kernel, chosen(others, I), points),
  }) as LinearOperator
}

/** `count` rows of `dim` contiguous numbers. */
interface Points {
  readonly data: Float64Array
  readonly count: number
  readonly dim: number
}

function pointsOf(X: Dense, scale: number): Points {
  const data = packed(X)
  if (scale !== 1) for (let e = 0; e < data.length; e++) data[e]! *= scale
  return { data, count: X.rows, dim: X.cols }
}

/** A copy of the points J. */
function chosen({ data, dim }: Points, J: Int32Array): Points {
  const out = new Float64Array(J.length * dim)
  J.forEach((j, t) => {
    out.set(data.subarray(j * dim, (j + 1) * dim), t * dim)
  })
  return { data: out, count: J.length, dim }
}

/** Some points [first, first + count). */
interface Range {
  readonly points: Points
  readonly first: number
  readonly count: number
}

/** Room for a tile: points of its rows and columns, and its entries, row-major, rows `widthOf` numbers apart. */
interface Tile {
  readonly x: number
  readonly y: number
  readonly c: number
}

/** The columns of a tile with what fills its last panel. */
const widthOf = (cols: Range): number => 4 * Math.ceil(cols.count / 4)

interface Kernel {
  /** The power of two that points are multiplied by. */
  readonly scale: number
  /** Whether k(x, x) is 1. */
  readonly unit: boolean
  /** Makes the entries of a tile. */
  fill(ws: Workspace, rows: Range, cols: Range, tile: Tile): void
}

type Plan = { kernel: (typeof KINDS)[number] | KernelFunction; gamma: number; degree: number; coef0: number }

function kernelOf(plan: Plan, X: Dense): Kernel {
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

function polynomialKernel({ gamma, degree, coef0 }: Plan): Kernel {
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
    fn: FN,
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

/** The side of tiles: their entries stay in cache, and take some milliseconds to make. */
const sideOf = (dim: number): number =>
  Math.max(16, Math.min(256, 4 * Math.floor(Math.sqrt(STRETCH / Math.max(1, 2 * dim)) / 4)))

function allocTile(ws: Workspace, dim: number, side: number): Tile {
  const [x, y, c] = [ws.alloc64(side * dim), ws.alloc64(side * dim), ws.alloc64(side * side)]
  return { x, y, c }
}

function* ranges(points: Points, side: number, from = 0): Generator<Range> {
  for (let first = from; first < points.count; first += side) {
    yield { points, first, count: Math.min(side, points.count - first) }
  }
}

/** Rows of a thin matrix that lie at the points of a range. */
const rowsAt = (V: Matrix, { first, count }: Range): Dense => window(dense(V), first, count, 0, V.shape[1]!)

/** Columns that a tile is multiplied by between two breaths. */
const WIDTH = 128

/** Rows y += T·v, or Tᵀ·v, for the tile T of rows I and columns J. */
function* addTileSteps(
  ws: Workspace,
  c: number,
  I: Range,
  J: Range,
  transposed: boolean,
  v: number,
  y: number,
  k: number,
): Steps<void> {
  const ld = widthOf(J)
  const [m, inner, rs, cs] = transposed ? [J.count, I.count, 1, ld] : [I.count, J.count, ld, 1]
  for (let t = 0; t < k; t += WIDTH) {
    ws.kernels.gemm(m, Math.min(WIDTH, k - t), inner, 1, c, rs, cs, v + 8 * t, k, 1, 1, y + 8 * t, k, 1)
    yield* breath()
  }
}

/** K·V of a symmetric K: each tile on or above the diagonal is made once and used from both sides. */
function* symmetricProductSteps(kernel: Kernel, points: Points, V: Matrix): Steps<Matrix> {
  const [n, k] = [points.count, V.shape[1]!]
  const KV = wrap(new Float64Array(n * k), n, k)
  if (n * k === 0) return KV
  const side = sideOf(points.dim)
  const ws = acquire()
  try {
    const tile = allocTile(ws, points.dim, side)
    const [vI, vJ, yI, yJ] = [0, 1, 2, 3].map(() => ws.alloc64(side * k)) as [number, number, number, number]
    for (const I of ranges(points, side)) {
      stage(rowsAt(V, I), ws.f64, vI)
      stage(rowsAt(KV, I), ws.f64, yI)
      for (const J of ranges(points, side, I.first)) {
        kernel.fill(ws, I, J, tile)
        if (I.first === J.first) {
          yield* addTileSteps(ws, tile.c, I, J, false, vI, yI, k)
          continue
        }
        stage(rowsAt(V, J), ws.f64, vJ)
        yield* addTileSteps(ws, tile.c, I, J, false, vJ, yI, k)
        stage(rowsAt(KV, J), ws.f64, yJ)
        yield* addTileSteps(ws, tile.c, I, J, true, vI, yJ, k)
        unstage(ws.f64, yJ, rowsAt(KV, J))
      }
      unstage(ws.f64, yI, rowsAt(KV, I))
    }
    return KV
  } finally {
    release(ws)
  }
}

/** K(P, Q)·V. */
function* productSteps(kernel: Kernel, P: Points, Q: Points, V: Matrix): Steps<Matrix> {
  const [m, k] = [P.count, V.shape[1]!]
  const KV = wrap(new Float64Array(m * k), m, k)
  if (m * k === 0) return KV
  const side = sideOf(P.dim)
  const ws = acquire()
  try {
    const tile = allocTile(ws, P.dim, side)
    const [v, y] = [ws.alloc64(side * k), ws.alloc64(side * k)]
    for (const I of ranges(P, side)) {
      ws.f64.fill(0, y / 8, y / 8 + side * k)
      for (const J of ranges(Q, side)) {
        kernel.fill(ws, I, J, tile)
        stage(rowsAt(V, J), ws.f64, v)
        yield* addTileSteps(ws, tile.c, I, J, false, v, y, k)
      }
      unstage(ws.f64, y, rowsAt(KV, I))
    }
    return KV
  } finally {
    release(ws)
  }
}

/** The entries of K(P, Q). */
function* blockSteps(kernel: Kernel, P: Points, Q: Points): Steps<Matrix> {
  const [m, n] = [P.count, Q.count]
  const K = wrap(new Float64Array(m * n), m, n)
  const side = sideOf(P.dim)
  const ws = acquire()
  try {
    const tile = allocTile(ws, P.dim, side)
    for (const I of ranges(P, side)) {
      for (const J of ranges(Q, side)) {
        kernel.fill(ws, I, J, tile)
        for (let i = 0, at = tile.c / 8; i < I.count; i++, at += widthOf(J)) {
          K.data.set(ws.f64.subarray(at, at + J.count), (I.first + i) * n + J.first)
        }
        yield* breath()
      }
    }
    return K
  } finally {
    release(ws)
  }
}

/** Diagonal entries between two breaths. */
const STRETCH_ALONG = 64

/** k(xᵢ, xᵢ), each as a tile of its own where it is not always 1. */
function* diagonalSteps(kernel: Kernel, points: Points): Steps<Float64Array> {
  const d = new Float64Array(points.count).fill(1)
  if (kernel.unit) return d
  const ws = acquire()
  try {
    const tile = allocTile(ws, points.dim, 4)
    for (let first = 0; first < points.count; first++) {
      const range = { points, first, count: 1 }
      kernel.fill(ws, range, range, tile)
      d[first] = ws.f64[tile.c / 8]!
      if (first % STRETCH_ALONG === 0) yield* breath()
    }
    return d
  } finally {
    release(ws)
  }
}
