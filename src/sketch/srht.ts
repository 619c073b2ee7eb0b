import { wrap } from '../linalg/arrays.js'
import type { Matrix } from '../linalg/arrays.js'
import { ShapeError } from '../linalg/errors.js'
import { fwht, levelSteps } from '../linalg/transforms/fwht.js'
import { readOptions, seed as seedOption } from '../linalg/options.js'
import { STREAM } from '../linalg/random.js'
import { breath } from '../linalg/steps.js'
import type { Steps } from '../linalg/steps.js'
import { acquire, release } from '../linalg/wasm/workspace.js'
import { signs } from './signs.js'
import { sketchFromSteps, sketchShape } from './sketch.js'
import type { Sketch, SketchOptions, SketchSteps } from './sketch.js'
import { subsets } from './subset.js'

/** Numbers that are transformed at a time: 8 MiB. Long runs of a row of X are worth more than a small cache. */
const BLOCK = 2 ** 20

/**
 * A subsampled randomized Hadamard transform, applied twice before the sampling: S = √(N/d)·R·H·D₂·H·D₁·P. P pads
 * n rows to N = 2^⌈log₂n⌉ with zeros, D₁ and D₂ are random signs, H is the orthonormal Walsh–Hadamard
 * transform, R picks d of the N rows at random, without replacement and in order.
 *
 * @param shape - [d, n], integers with 1 <= d <= N.
 * @param options - `seed`, default 0.
 * @returns a `Sketch`; with d = N it is an isometry (orthogonal where n = N).
 * @throws ShapeError for sides that are no integers >= 1, and for d > N; OptionError.
 * Cost of S·X with k columns: 2Nk·log₂N additions. Memory: 3N numbers, 8 MiB or 8N numbers, the answer.
 * Distortion of a subspace of dimension r: about √(r/d) in practice; singular values in [0.40, 1.48] with
 * probability 1 − O(1/r) for d = 4(√r + √(8·ln(nr)))²·ln r.
 * Source: Ailon, Chazelle 2009, "The fast Johnson-Lindenstrauss transform"; Tropp 2011, "Improved analysis of
 * the subsampled randomized Hadamard transform", for the bound. Departure: H·D twice, since one leaves a
 * coherent subspace, such as that of the first r unit vectors, badly spread.
 *
 * @example
 * ```ts
 * import { random, srht } from 'lowrank'
 * const S = srht([64, 1000])
 * S.matmat(random.normal([1000, 5]))   // 64 × 5
 * ```
 */
export function srht(shape: readonly [number, number], options?: SketchOptions): Sketch {
  const [d, n] = sketchShape(shape, 'srht')
  const { seed } = readOptions('srht', options, { seed: seedOption })
  const N = 2 ** Math.ceil(Math.log2(n))
  if (d > N) {
    throw new ShapeError({
      fn: 'srht',
      argument: 'shape',
      expected: `d <= ${N}, n rounded up to a power of two`,
      given: `[${d}, ${n}]`,
    })
  }
  const picked = new Int32Array(d)
  subsets(d, N, seed, STREAM.hadamardRows)(0, picked, 0)
  picked.sort()
  const D1 = signs(n, seed, STREAM.hadamardSigns)
  const D2 = signs(N, seed, STREAM.hadamardSignsAgain)
  const scale = 1 / Math.sqrt(N * d)
  const all = Int32Array.from(D1.keys())
  // H·D₂·H is h[i xor j]/√N with h = H·D₂: what one entry asks for without the rest.
  let h: Float64Array | undefined

  const steps: SketchSteps = {
    matmat: (X) => mixedSteps(X, { N, from: all, D1, D2, to: picked, scale }),
    *rmatmat(Y) {
      const StY = yield* mixedSteps(Y, { N, from: picked, D2, to: all, scale })
      const k = Y.shape[1]!
      for (let j = 0; j < n; j++) {
        if (D1[j] === -1) for (let e = j * k; e < (j + 1) * k; e++) StY.data[e] = -StY.data[e]!
      }
      return StY
    },
    entries(i0, i1, j0, j1, out) {
      h ??= fwht(D2).map((x) => x / Math.sqrt(d))
      for (let i = i0, o = 0; i < i1; i++) {
        const r = picked[i]!
        for (let j = j0; j < j1; j++) out[o++] = D1[j]! * h[r ^ j]!
      }
    },
  }
  return sketchFromSteps([d, n], steps, { kind: 'hadamard', scale, D1, D2, picked })
}

interface Mixing {
  readonly N: number
  /** Row t of X becomes row from[t] of N, the others are zero. */
  readonly from: Int32Array
  /** Signs of the rows of X. */
  readonly D1?: Float64Array
  readonly D2: Float64Array
  /** The rows that are wanted. */
  readonly to: Int32Array
  readonly scale: number
}

/** scale times rows `to` of N·H·D₂·H·D₁·X, for some columns of X at a time. */
function* mixedSteps(X: Matrix, { N, from, D1, D2, to, scale }: Mixing): Steps<Matrix> {
  const k = X.shape[1]!
  const rows = to.length
  const out = new Float64Array(rows * k)
  const width = even(Math.min(k, Math.max(8, Math.floor(BLOCK / N))))
  const ws = acquire()
  try {
    const at = ws.alloc64(N * width)
    const f64 = ws.f64.subarray(at / 8, at / 8 + N * width)
    for (let c = 0; c < k; c += width) {
      // Row-major N × ld: the levels of its columns are those above ld of N·ld numbers. SIMD wants ld even.
      const w = Math.min(width, k - c)
      const ld = even(w)
      f64.fill(0)
      scatterRows(f64, ld, from, X.data, c, k, w, D1)
      yield* breath()
      yield* levelSteps(ws, N * ld, ld, at)
      signRows(f64, ld, D2)
      yield* breath()
      yield* levelSteps(ws, N * ld, ld, at)
      gatherRows(out, c, k, f64, ld, to, w, scale)
      yield* breath()
    }
  } finally {
    release(ws)
  }
  return wrap(out, rows, k)
}

const even = (k: number): number => k + (k % 2)

// Loops of their own, since engines run those inside generators slowly.

/** Row from[t] of `to` becomes w numbers of row t of X from column c on, with the sign of the row. */
function scatterRows(
  to: Float64Array,
  ld: number,
  from: Int32Array,
  X: Float64Array,
  c: number,
  k: number,
  w: number,
  D?: Float64Array,
): void {
  for (let t = 0; t < from.length; t++) {
    const o = from[t]! * ld
    const x = t * k + c
    const sign = D === undefined ? 1 : D[t]!
    for (let e = 0; e < w; e++) to[o + e] = sign * X[x + e]!
  }
}

function signRows(X: Float64Array, ld: number, D: Float64Array): void {
  for (let i = 0, o = 0; i < D.length; i++, o += ld) {
    const sign = D[i]!
    for (let e = o; e < o + ld; e++) X[e]! *= sign
  }
}

/** Row t of `out`, w numbers from column c on, becomes scale times row to[t] of X. */
function gatherRows(
  out: Float64Array,
  c: number,
  k: number,
  X: Float64Array,
  ld: number,
  to: Int32Array,
  w: number,
  scale: number,
): void {
  for (let t = 0; t < to.length; t++) {
    const o = to[t]! * ld
    const y = t * k + c
    for (let e = 0; e < w; e++) out[y + e] = scale * X[o + e]!
  }
}
