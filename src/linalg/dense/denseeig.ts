import { wrap } from '../arrays.js'
import type { Dense, Matrix } from '../arrays.js'
import { isolate, permuted, scaleSteps } from './balance.js'
import { hessenbergSteps } from './hessenberg.js'
import { formQSteps } from './reflectors.js'
import { schurSteps } from './schur.js'
import type { Eigenvalues } from './schur.js'
import { schurVectorsSteps } from './schurvectors.js'
import { allocColumns, stageColumns } from './stage.js'
import type { Columns } from './stage.js'
import { breath } from '../steps.js'
import type { Steps } from '../steps.js'
import { acquire, release } from '../wasm/workspace.js'
import type { Workspace } from '../wasm/workspace.js'

/** Eigenvalues and right eigenvectors of a real square matrix, as real and imaginary parts. */
export interface Eigen {
  /**
   * Real parts of the eigenvalues, ascending; a conjugate pair stands together, the positive imaginary part
   * first.
   */
  readonly re: Float64Array
  /** Imaginary parts; those of a pair differ in sign alone. */
  readonly im: Float64Array
  /**
   * n × n, real parts of the eigenvectors, as columns. Each has 2-norm 1, and its entry of largest
   * magnitude (the first one among equals) is real and positive. Vectors of a pair are conjugate to each
   * other.
   */
  readonly vectorsRe: Matrix
  /** n × n, imaginary parts. */
  readonly vectorsIm: Matrix
}

const EPS = 2 ** -52

/** Eigenvalues, and vectors in the layout of LAPACK: the columns of a pair are real and imaginary part. */
interface Packed extends Eigenvalues {
  readonly X: Columns
}

/** The eigenvalues and eigenvectors of a square view known to be finite. */
export function* denseEigSteps(view: Dense, vectors: 'right' | 'none'): Steps<Eigen> {
  const n = view.rows
  const ws = acquire()
  try {
    const A = stageColumns(ws, view)
    const largest = n === 0 ? 0 : ws.kernels.maxAbs(n * n, A.at)
    // Always near 1, so that the same matrix in another scale takes the same path.
    const scale = 2 ** (largest === 0 ? 0 : Math.max(-1022, Math.min(1022, -Math.floor(Math.log2(largest)))))
    ws.kernels.scal(n * n, scale, A.at)

    yield* breath()
    const { perm, lo, hi } = isolate(ws, A)
    yield* breath()
    const mark = ws.mark()
    let B = permuted(ws, A, perm)
    const d = yield* scaleSteps(ws, B, lo, hi)
    if (vectors === 'none' && d === undefined) {
      yield* hessenbergSteps(ws, B, lo, hi)
      return valuesOnly(yield* schurSteps(ws, B, { lo, hi }), scale)
    }

    let found = yield* vectorsSteps(ws, B, lo, hi)
    unbalance(ws, found.X, perm, d)
    // Only the residual tells whether the scaling did harm, so that vectors are made here in any case.
    if (d !== undefined && (yield* residualSteps(ws, A, found)) > n * EPS * ws.kernels.nrm2(n * n, A.at)) {
      ws.reset(mark)
      B = permuted(ws, A, perm)
      found = yield* vectorsSteps(ws, B, lo, hi)
      unbalance(ws, found.X, perm, undefined)
    }
    if (vectors === 'none') return valuesOnly(found, scale)
    return yield* unpackSteps(ws, found, scale)
  } finally {
    release(ws)
  }
}

/** Eigenvalues and vectors of a matrix that is upper triangular outside [lo, hi), and is overwritten. */
function* vectorsSteps(ws: Workspace, B: Columns, lo: number, hi: number): Steps<Packed> {
  const n = B.cols
  const panels = yield* hessenbergSteps(ws, B, lo, hi)
  const Q = yield* formQSteps(ws, { A: B, panels }, n)
  const values = yield* schurSteps(ws, B, { Q, lo, hi })
  const X = allocColumns(ws, n, n)
  if (hi - lo > 1 && isNormal(ws, B, values)) diagonalBlocks(ws, B, values)
  const Y = yield* schurVectorsSteps(ws, B, values)
  // Y is upper triangular, two rows of a pair apart.
  const width = 64
  for (let j = 0; j < n; j += width) {
    const cols = Math.min(width, n - j)
    const inner = Math.min(n, j + cols + 1)
    const y = Y.at + 8 * j * n
    ws.kernels.gemm(n, cols, inner, 1, Q.at, 1, Q.ld, y, 1, n, 0, X.at + 8 * j * n, 1, n)
    yield* breath()
  }
  return { ...values, X }
}

/** True where the quasi-triangular T is normal to rounding: only that is left outside its diagonal blocks. */
function isNormal(ws: Workspace, T: Columns, { im }: Eigenvalues): boolean {
  const n = T.cols
  const { f64, kernels } = ws
  const size = kernels.nrm2(n * n, T.at)
  let sum = 0
  for (let j = 0; j < n; j++) {
    const paired = im[j]! < 0
    sum += (kernels.nrm2(paired ? j - 1 : j, T.at + 8 * j * T.ld) / size) ** 2
    const d = T.at / 8 + j * (T.ld + 1)
    if (paired) sum += ((f64[d - 1]! + f64[d - T.ld]!) / size) ** 2
  }
  return Math.sqrt(sum) <= n * EPS
}

/** Drops what is outside the diagonal blocks of T, and makes blocks of order 2 exactly normal. */
function diagonalBlocks(ws: Workspace, T: Columns, { im }: Eigenvalues): void {
  const { f64 } = ws
  for (let j = 0; j < T.cols; j++) {
    const t = T.at / 8 + j * T.ld
    const paired = im[j]! < 0
    f64.fill(0, t, t + (paired ? j - 1 : j))
    if (!paired) continue
    const above = f64[t + j - 1]! < 0 ? im[j]! : -im[j]!
    f64[t + j - 1] = above
    f64[t + j - T.ld] = -above
  }
}

/** Undoes the balancing: row perm[i] of the result is row i of X, times d[i]. */
function unbalance(ws: Workspace, X: Columns, perm: Int32Array, d: Float64Array | undefined): void {
  const n = X.cols
  const { f64 } = ws
  const column = new Float64Array(n)
  for (let j = 0; j < n; j++) {
    const x = X.at / 8 + j * n
    for (let i = 0; i < n; i++) column[perm[i]!] = f64[x + i]! * (d?.[i] ?? 1)
    f64.set(column, x)
  }
}

/** The largest ‖A·x − λ·x‖ / ‖x‖. */
function* residualSteps(ws: Workspace, A: Columns, { re, im, X }: Packed): Steps<number> {
  const n = A.cols
  const { kernels } = ws
  const AX = allocColumns(ws, n, n)
  const width = 64
  for (let j = 0; j < n; j += width) {
    const cols = Math.min(width, n - j)
    kernels.gemm(n, cols, n, 1, A.at, 1, A.ld, X.at + 8 * j * n, 1, n, 0, AX.at + 8 * j * n, 1, n)
    yield* breath()
  }
  let worst = 0
  for (let j = 0; j < n; j += im[j] === 0 ? 1 : 2) {
    const [x, y] = [X.at + 8 * j * n, X.at + 8 * (j + 1) * n]
    const r = AX.at + 8 * j * n
    const columns = im[j] === 0 ? 1 : 2
    kernels.axpy(columns * n, -re[j]!, x, r)
    if (columns === 2) {
      // A(x + iy) = (re·x − im·y) + i(re·y + im·x)
      kernels.axpy(n, im[j]!, y, r)
      kernels.axpy(n, -im[j]!, x, r + 8 * n)
    }
    worst = Math.max(worst, kernels.nrm2(columns * n, r) / kernels.nrm2(columns * n, x))
  }
  return worst
}

/** The documented order: by real part, then by size of the imaginary part, the positive one first. */
function sorted({ re, im }: Eigenvalues): Int32Array {
  return Int32Array.from(re.keys()).sort(
    (i, j) => re[i]! - re[j]! || Math.abs(im[i]!) - Math.abs(im[j]!) || i - j,
  )
}

function inOrder({ re, im }: Eigenvalues, order: Int32Array, scale: number): Eigenvalues {
  return {
    re: Float64Array.from(order, (j) => re[j]! / scale),
    im: Float64Array.from(order, (j) => im[j]! / scale),
  }
}

function valuesOnly(values: Eigenvalues, scale: number): Eigen {
  const none = (): Matrix => wrap(new Float64Array(0), values.re.length, 0)
  return { ...inOrder(values, sorted(values), scale), vectorsRe: none(), vectorsIm: none() }
}

/** The result: sorted, normalised, real and imaginary parts apart. */
function* unpackSteps(ws: Workspace, { re, im, X }: Packed, scale: number): Steps<Eigen> {
  const n = X.cols
  const order = sorted({ re, im })
  const vectorsRe = new Float64Array(n * n)
  const vectorsIm = new Float64Array(n * n)
  for (let to = 0; to < n; to++) {
    if (to % 64 === 0) yield* breath()
    const j = order[to]!
    const first = im[j]! < 0 ? j - 1 : j
    const { f64, kernels } = ws
    const x = X.at / 8 + first * n
    const size = (im[j] === 0 ? 1 : 2) * n
    // Once for a pair, before the first of the two.
    if (im[j]! >= 0) kernels.scal(size, 1 / kernels.nrm2(size, 8 * x), 8 * x)
    if (im[j] === 0) {
      const sign = realSign(f64, x, n)
      for (let i = 0; i < n; i++) vectorsRe[i * n + to] = sign * f64[x + i]!
      continue
    }
    const { at, c, s } = largestEntry(f64, x, n)
    const conjugate = im[j]! < 0 ? -1 : 1
    for (let i = 0; i < n; i++) {
      const [a, b] = [f64[x + i]!, f64[x + n + i]!]
      vectorsRe[i * n + to] = c * a + s * b
      vectorsIm[i * n + to] = i === at ? 0 : conjugate * (c * b - s * a)
    }
  }
  return {
    ...inOrder({ re, im }, order, scale),
    vectorsRe: wrap(vectorsRe, n, n),
    vectorsIm: wrap(vectorsIm, n, n),
  }
}

/** The sign of the first entry of largest magnitude. */
function realSign(M: Float64Array, x: number, n: number): number {
  let largest = 0
  for (let i = 0; i < n; i++) if (Math.abs(M[x + i]!) > Math.abs(largest)) largest = M[x + i]!
  return largest < 0 ? -1 : 1
}

/** The first complex entry of largest magnitude, and its phase (c, s). */
function largestEntry(M: Float64Array, x: number, n: number): { at: number; c: number; s: number } {
  let [at, largest] = [0, -1]
  for (let i = 0; i < n; i++) {
    const size = M[x + i]! ** 2 + M[x + n + i]! ** 2
    if (size > largest) [at, largest] = [i, size]
  }
  const size = Math.hypot(M[x + at]!, M[x + n + at]!)
  return { at, c: M[x + at]! / size, s: M[x + n + at]! / size }
}
