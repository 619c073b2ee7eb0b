import { asTensor, dense, tensor, wrap } from '../arrays.js'
import type { FloatArray, Matrix, Tensor } from '../arrays.js'
import { BLOCK, STRETCH, stage } from '../dense/blocks.js'
import { ShapeError, describe } from '../errors.js'
import { checkNumbers, packedTensor } from '../transforms/lastaxis.js'
import { frobenius, norm2 } from '../magnitude.js'
import { operatorFromSteps } from '../operators.js'
import type { LinearOperator } from '../operators.js'
import { factorSteps, powerOfTwo } from '../dense/reflectors.js'
import { allocColumns, part } from '../dense/stage.js'
import type { Columns } from '../dense/stage.js'
import { breath, runSync } from '../steps.js'
import type { Steps } from '../steps.js'
import { isTensorOperand, tensorOperandFromSteps } from './tensoroperand.js'
import type { AnyTensorOperand, AsyncTensorOperand, TensorLike, TensorOperand } from './tensoroperand.js'
import {
  columnsOf,
  memoryOrder,
  panelAt,
  panelShape,
  rowsOfUnfolding,
  runView,
  stagePanel,
  unfoldedMatrix,
  unfoldingOf,
  unstagePanel,
} from './unfolding.js'
import type { Unfolding } from './unfolding.js'
import { acquire, release } from '../wasm/workspace.js'
import type { Workspace } from '../wasm/workspace.js'

// The tensor operand over the entries of an ndarray. Unfoldings are never formed: each product copies panels
// of one into a workspace, in the order of memory, and multiplies them there. float64.

/**
 * Takes a tensor in: an operand as it is, an ndarray of two modes or more as an operand over its entries,
 * whatever their strides; nothing is copied.
 *
 * @throws ShapeError where T is neither; NotFiniteError where an entry is NaN or ±Infinity.
 *
 * @example
 * ```ts
 * import { asTensorOperand, random } from 'lowrank'
 * const T = asTensorOperand(random.normal([10, 20, 30]))
 * T.modeGram(1)                 // 20 × 20
 * T.unfolding(2).shape          // [30, 200]
 * ```
 */
export function asTensorOperand(T: TensorLike | TensorOperand): TensorOperand
export function asTensorOperand(T: AsyncTensorOperand): AsyncTensorOperand
export function asTensorOperand(T: TensorLike | AnyTensorOperand): AnyTensorOperand
export function asTensorOperand(T: TensorLike | AnyTensorOperand): AnyTensorOperand {
  return runSync(tensorOperandSteps(T, 'asTensorOperand', 'T'))
}

/** The same as steps, on behalf of another function, which its errors name. */
export function* tensorOperandSteps(
  T: TensorLike | AnyTensorOperand,
  fn: string,
  argument: string,
): Steps<AnyTensorOperand> {
  if (isTensorOperand(T)) return T
  const entries = floatTensor(T, fn, argument)
  const norm = yield* tensorNormSteps(entries)
  if (!Number.isFinite(norm)) checkNumbers(packedTensor(entries), entries.shape, fn, argument)
  return denseTensor(entries, norm)
}

/** Takes the entries of a tensor of two modes or more in; not copied where they are float. */
export function floatTensor(T: TensorLike, fn: string, argument: string): Tensor<FloatArray> {
  const entries = asTensor(T, fn, argument)
  if (entries.shape.length < 2) {
    throw new ShapeError({ fn, argument, expected: 'a tensor of 2 modes or more', given: describe(T) })
  }
  const { data } = entries
  return data instanceof Float64Array || data instanceof Float32Array
    ? entries
    : tensor(packedTensor(entries), entries.shape)
}

function denseTensor(T: Tensor<FloatArray>, norm?: number): TensorOperand {
  let known = norm
  /* eslint-disable require-yield -- steps by contract */
  return tensorOperandFromSteps(
    T.shape,
    false,
    {
      *modeProduct(M, n) {
        return denseTensor(yield* modeProductSteps(T, M, n))
      },
      modeGram: (n) => modeGramSteps(unfoldingOf(T, n)),
      *modeRoot(n) {
        const U = unfoldingOf(T, n)
        if (U.cols <= U.rows) return unfoldedMatrix(U)
        return yield* modeRootSteps(U, powerOfTwo((known ??= yield* tensorNormSteps(T))))
      },
      modeNormal: (X, n) => normalSteps(unfoldingOf(T, n), X),
      *entries() {
        return tensor(packedTensor(T), T.shape)
      },
      *frobeniusNorm() {
        return (known ??= yield* tensorNormSteps(T))
      },
    },
    (n) => unfoldingOperator(unfoldingOf(T, n), () => tensorNormSteps(T), known),
  ) as TensorOperand
}

function unfoldingOperator(U: Unfolding, normSteps: () => Steps<number>, known?: number): LinearOperator {
  let norm = known
  return operatorFromSteps([U.rows, U.cols], false, {
    matmat: (X) => timesSteps(U, X),
    rmatmat: (Y) => adjointTimesSteps(U, Y),
    *frobeniusNorm() {
      return (norm ??= yield* normSteps())
    },
  }) as LinearOperator
}

/** Numbers read between two breaths: about a millisecond. */
const STRIDE = 2 ** 20

/** ‖T‖, safe from overflow and underflow; not finite where an entry is not. */
function* tensorNormSteps(T: Tensor<FloatArray>): Steps<number> {
  // The mode of shortest stride: its unfolding's columns are runs of memory, or its rows are.
  const U = unfoldingOf(T, memoryOrder(T.stride).at(-1)!)
  const norms: number[] = []
  const outer = U.cols / U.run
  const step = Math.max(1, Math.floor(STRIDE / Math.max(1, U.rows)))
  for (let r = 0; r < outer; r++) {
    for (let c = 0; c < U.run; c += step) {
      norms.push(frobenius(runView(U, r, c, Math.min(step, U.run - c))))
      yield* breath()
    }
  }
  return norms.length === 1 ? norms[0]! : norm2(Float64Array.from(norms))
}

/** T ×ₙ M, as its entries; it lies in memory as T does. */
export function* modeProductSteps(T: Tensor<FloatArray>, M: Matrix, n: number): Steps<Tensor> {
  const r = M.shape[0]!
  const shape = T.shape.map((size, k) => (k === n ? r : size))
  const order = memoryOrder(T.stride)
  const back = shape.map((_, k) => order.indexOf(k))
  const out = tensor(
    new Float64Array(shape.reduce((product, size) => product * size, 1)),
    order.map((k) => shape[k]!),
  ).transpose(...back)
  if (out.size > 0 && T.shape[n]! > 0) yield* modeProductIntoSteps(unfoldingOf(T, n), M, unfoldingOf(out, n))
  return out
}

/** V = M·U, panel by panel. */
function* modeProductIntoSteps(U: Unfolding, M: Matrix, V: Unfolding): Steps<void> {
  const r = V.rows
  const { rows: tall, cols: width } = panelShape(U, r)
  const ws = acquire()
  try {
    const [atM, atU, atV] = [r * U.rows, tall * width, r * width].map((count) => ws.alloc64(count)) as Three
    const m = stage(dense(M), ws.f64, atM)
    for (let c = 0; c < U.cols; c += width) {
      const w = Math.min(width, U.cols - c)
      const v = panelAt(V, w, atV)
      for (let i = 0; i < U.rows; i += tall) {
        const block = rowsOfUnfolding(U, i, Math.min(U.rows, i + tall))
        const u = stagePanel(block, c, c + w, ws.f64, atU)
        const beta = i === 0 ? 0 : 1
        ws.kernels.gemm(
          r,
          w,
          block.rows,
          1,
          m.at + 8 * i * m.cs,
          m.rs,
          m.cs,
          u.at,
          u.rs,
          u.cs,
          beta,
          v.at,
          v.rs,
          v.cs,
        )
        yield* breath()
      }
      unstagePanel(V, c, c + w, ws.f64, atV)
    }
  } finally {
    release(ws)
  }
}

type Three = [number, number, number]

/** U·X; the rows of X are in the order of the convention. */
function* timesSteps(U: Unfolding, X: Matrix): Steps<Matrix> {
  const k = X.shape[1]!
  const Y = new Float64Array(U.rows * k)
  if (Y.length === 0 || U.cols === 0) return wrap(Y, U.rows, k)
  const { rows: tall, cols: width } = panelShape(U, k)
  const ws = acquire()
  try {
    const [atY, atU, atX] = [U.rows * k, tall * width, width * k].map((count) => ws.alloc64(count)) as Three
    for (let c = 0; c < U.cols; c += width) {
      const w = Math.min(width, U.cols - c)
      const x = ws.f64.subarray(atX / 8)
      columnsOf(U, c, c + w).forEach((column, t) => {
        x.set(X.data.subarray(column * k, column * k + k), t * k)
      })
      for (let i = 0; i < U.rows; i += tall) {
        const block = rowsOfUnfolding(U, i, Math.min(U.rows, i + tall))
        const u = stagePanel(block, c, c + w, ws.f64, atU)
        const beta = c === 0 ? 0 : 1
        ws.kernels.gemm(block.rows, k, w, 1, u.at, u.rs, u.cs, atX, k, 1, beta, atY + 8 * i * k, k, 1)
        yield* breath()
      }
    }
    Y.set(ws.f64.subarray(atY / 8, atY / 8 + Y.length))
    return wrap(Y, U.rows, k)
  } finally {
    release(ws)
  }
}

/** Uᵀ·Y; the rows of the answer are in the order of the convention. */
function* adjointTimesSteps(U: Unfolding, Y: Matrix): Steps<Matrix> {
  const k = Y.shape[1]!
  const X = new Float64Array(U.cols * k)
  if (X.length === 0 || U.rows === 0) return wrap(X, U.cols, k)
  const { rows: tall, cols: width } = panelShape(U, k)
  const ws = acquire()
  try {
    const [atY, atU, atX] = [U.rows * k, tall * width, width * k].map((count) => ws.alloc64(count)) as Three
    ws.f64.set(Y.data, atY / 8)
    for (let c = 0; c < U.cols; c += width) {
      const w = Math.min(width, U.cols - c)
      for (let i = 0; i < U.rows; i += tall) {
        const block = rowsOfUnfolding(U, i, Math.min(U.rows, i + tall))
        const u = stagePanel(block, c, c + w, ws.f64, atU)
        const beta = i === 0 ? 0 : 1
        ws.kernels.gemm(w, k, block.rows, 1, u.at, u.cs, u.rs, atY + 8 * i * k, k, 1, beta, atX, k, 1)
        yield* breath()
      }
      const x = ws.f64.subarray(atX / 8)
      columnsOf(U, c, c + w).forEach((column, t) => {
        X.set(x.subarray(t * k, t * k + k), column * k)
      })
    }
    return wrap(X, U.cols, k)
  } finally {
    release(ws)
  }
}

/** U·(Uᵀ·X): each panel is copied in once and used twice. */
function* normalSteps(U: Unfolding, X: Matrix): Steps<Matrix> {
  const k = X.shape[1]!
  const Y = new Float64Array(U.rows * k)
  if (Y.length === 0 || U.cols === 0) return wrap(Y, U.rows, k)
  const width = Math.max(1, Math.min(U.cols, Math.floor(Math.min(BLOCK, STRETCH / k) / U.rows)))
  const ws = acquire()
  try {
    const [atX, atU, atZ] = [U.rows * k, U.rows * width, width * k].map((count) => ws.alloc64(count)) as Three
    const atY = ws.alloc64(U.rows * k)
    const { gemm } = ws.kernels
    ws.f64.set(X.data, atX / 8)
    for (let c = 0; c < U.cols; c += width) {
      const w = Math.min(width, U.cols - c)
      const u = stagePanel(U, c, c + w, ws.f64, atU)
      // Column-major results: the long side of the panel is packed then, the faster way for few columns.
      gemm(w, k, U.rows, 1, u.at, u.cs, u.rs, atX, k, 1, 0, atZ, 1, w)
      gemm(U.rows, k, w, 1, u.at, u.rs, u.cs, atZ, 1, w, c === 0 ? 0 : 1, atY, 1, U.rows)
      yield* breath()
    }
    ws.kernels.transpose(k, U.rows, atY, U.rows, atX, k)
    Y.set(ws.f64.subarray(atX / 8, atX / 8 + Y.length))
    return wrap(Y, U.rows, k)
  } finally {
    release(ws)
  }
}

/** U·Uᵀ. */
function* modeGramSteps(U: Unfolding): Steps<Matrix> {
  const n = U.rows
  const G = new Float64Array(n * n)
  if (n === 0 || U.cols === 0) return wrap(G, n, n)
  const width = Math.max(1, Math.min(U.cols, Math.floor(STRETCH / (n * n))))
  const ws = acquire()
  try {
    const [atG, atU] = [n * n, n * width].map((count) => ws.alloc64(count)) as [number, number]
    for (let c = 0; c < U.cols; c += width) {
      const w = Math.min(width, U.cols - c)
      const u = stagePanel(U, c, c + w, ws.f64, atU)
      ws.kernels.gemm(n, n, w, 1, u.at, u.rs, u.cs, u.at, u.cs, u.rs, c === 0 ? 0 : 1, atG, n, 1)
      yield* breath()
    }
    const f64 = ws.f64
    for (let i = 0; i < n; i++) {
      for (let j = 0; j <= i; j++) G[i * n + j] = G[j * n + i] = f64[atG / 8 + i * n + j]!
    }
    return wrap(G, n, n)
  } finally {
    release(ws)
  }
}

/** Rows × columns of a leaf at least: 256 KiB, so that its reflections run in cache. */
const LEAF = 2 ** 15

/**
 * L, n × n, with L·Lᵀ = U·Uᵀ for an n × m unfolding with m > n: Lᵀ is the triangle of a QR factorization of
 * Uᵀ, found panel by panel, each under the triangle of those before it (Demmel, Grigori, Hoemmen and Langou
 * 2012, the flat tree). Cost: about 2.4·mn² flops; memory: 10n² numbers.
 */
function* modeRootSteps(U: Unfolding, scale: number): Steps<Matrix> {
  const n = U.rows
  const L = new Float64Array(n * n)
  if (n === 0) return wrap(L, n, n)
  const width = Math.min(U.cols, Math.max(4 * n, Math.floor(LEAF / n)))
  const ws = acquire()
  try {
    const triangle = allocColumns(ws, n, n)
    const stack = allocColumns(ws, n + width, n)
    const at = ws.alloc64(n * width)
    ws.f64.fill(0, triangle.at / 8, triangle.at / 8 + n * n)
    for (let c = 0; c < U.cols; c += width) {
      const w = Math.min(width, U.cols - c)
      const panel = part({ ...stack, ld: n + w, rows: n + w }, 0, n + w, 0, n)
      copyColumns(ws, triangle, part(panel, 0, n, 0, n))
      transposeInto(ws, stagePanel(U, c, c + w, ws.f64, at), scale, part(panel, n, n + w, 0, n))
      const mark = ws.mark()
      yield* factorSteps(ws, panel)
      ws.reset(mark)
      copyColumns(ws, part(panel, 0, n, 0, n), triangle)
    }
    const f64 = ws.f64
    for (let j = 0; j < n; j++) {
      for (let i = j; i < n; i++) L[i * n + j] = f64[triangle.at / 8 + j + i * n]! / scale
    }
    return wrap(L, n, n)
  } finally {
    release(ws)
  }
}

/** Copies columns. Reflections of a panel under a triangle leave zeros below its diagonal. */
function copyColumns(ws: Workspace, from: Columns, to: Columns): void {
  const f64 = ws.f64
  for (let j = 0; j < to.cols; j++) {
    const source = from.at / 8 + j * from.ld
    f64.copyWithin(to.at / 8 + j * to.ld, source, source + to.rows)
  }
}

/** Column i of `to` becomes row i of a staged panel, times a power of two. */
function transposeInto(
  ws: Workspace,
  panel: { at: number; rs: number; cs: number },
  scale: number,
  to: Columns,
): void {
  const f64 = ws.f64
  if (panel.cs === 1) {
    for (let i = 0; i < to.cols; i++) {
      const row = panel.at / 8 + i * panel.rs
      f64.copyWithin(to.at / 8 + i * to.ld, row, row + to.rows)
    }
  } else {
    ws.kernels.transpose(to.rows, to.cols, panel.at, panel.cs, to.at, to.ld)
  }
  if (scale === 1) return
  for (let i = 0; i < to.cols; i++) ws.kernels.scal(to.rows, scale, to.at + 8 * i * to.ld)
}
