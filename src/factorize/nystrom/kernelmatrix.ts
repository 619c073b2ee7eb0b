import { asFiniteMatrix, dense, wrap } from '../../linalg/arrays.js'
import type { Dense, Matrix, MatrixLike } from '../../linalg/arrays.js'
import { STRETCH, stage, unstage, window } from '../../linalg/dense/blocks.js'
import { ShapeError } from '../../linalg/errors.js'
import { readKernelOptions } from '../../linalg/operators/kerneloptions.js'
import type { KernelOptions } from '../../linalg/operators/kerneloptions.js'
import { operatorFromSteps } from '../../linalg/operators.js'
import type { LinearOperator } from '../../linalg/operators.js'
import { breath } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { acquire, release } from '../../linalg/wasm/workspace.js'
import type { Workspace } from '../../linalg/wasm/workspace.js'
import { chosen, kernelOf, pointsOf, widthOf } from './kerneltile.js'
import type { Kernel, Points, Range, Tile } from './kerneltile.js'

/** A kernel matrix that is never formed. */
export interface KernelMatrix extends LinearOperator {
  /**
   * K(Y, X), m × n for m other points Y: `cross(Y).matmat(a)` is what a kernel model with coefficients `a`
   * predicts at Y.
   */
  cross(Y: MatrixLike): LinearOperator
}

const FN = 'kernelMatrix'

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
  const planFor = readKernelOptions(FN, options)
  const given = dense(asFiniteMatrix(X, FN, 'X'))
  const kernel = kernelOf(planFor(given.cols), given)
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
