import { dense, wrap } from '../linalg/arrays.js'
import type { Matrix } from '../linalg/arrays.js'
import { evenly, stage, window } from '../linalg/dense/blocks.js'
import type { Shape } from '../linalg/operators.js'
import { readOptions, seed as seedOption } from '../linalg/options.js'
import { STREAM, normalBlock } from '../linalg/random.js'
import type { Making } from '../linalg/operators/sketchform.js'
import { breath, wait } from '../linalg/steps.js'
import type { Steps } from '../linalg/steps.js'
import { acquire, release } from '../linalg/wasm/workspace.js'
import { fillSigns } from './signs.js'
import { sketchFromSteps, sketchShape } from './sketch.js'
import type { Sketch, SketchOptions, SketchSteps } from './sketch.js'

/** Entries of S that are made at a time. */
const TILE = 2 ** 15
/** Rows of an answer that are summed at a time, and columns. */
const PANEL = 256
const WIDTH = 512

/**
 * A Gaussian sketch: independent normal entries of variance 1/d.
 *
 * @param shape - [d, n]; d rows, integers >= 1. Any d makes sense, also above n.
 * @param options - `seed`, default 0. Entry (i, j) is √(1/d) times a normal number of (seed, i, j).
 * @returns a `Sketch`. It is never held: tiles of it are made, used and forgotten.
 * @throws ShapeError for sides that are no integers >= 1; OptionError.
 * Cost of S·X with k columns: 2dnk flops, and d·n normals for each 512 columns. Memory: a tile, the answer.
 * Distortion of a subspace of dimension r: about √(r/d); d = (√r + √(2·ln(2/δ)))²/ε² gives ε with
 * probability 1 − δ. The variance of ‖Sx‖²/‖x‖² is 2/d.
 * Source: Halko, Martinsson, Tropp 2011, "Finding structure with randomness"; Davidson, Szarek 2001 for the bound.
 *
 * @example
 * ```ts
 * import { gaussian, random } from 'lowrank'
 * const S = gaussian([50, 1000], { seed: 1 })
 * S.matmat(random.normal([1000, 3]))   // 50 × 3, columns of about the same length
 * S.submatrix([10, 12], [0, 4])        // 2 × 4 of its entries
 * ```
 */
export function gaussian(shape: readonly [number, number], options?: SketchOptions): Sketch {
  const [d, n] = sketchShape(shape, 'gaussian')
  const { seed } = readOptions('gaussian', options, { seed: seedOption })
  const scale = 1 / Math.sqrt(d)
  const stream = STREAM.gaussianSketch
  const making = { kind: 'normal', seed, stream, scale, byColumn: false } as const
  return denseSketch([d, n], making, (i0, i1, j0, j1, out) => {
    const Z = normalBlock({ seed, stream, i0, i1, j0, j1 })
    for (let e = 0; e < Z.length; e++) out[e] = scale * Z[e]!
  })
}

/**
 * A sketch of independent signs: entries ±√(1/d). As good as a Gaussian one, quicker made, and the same to the
 * bit on every device.
 *
 * @param shape - [d, n], integers >= 1.
 * @param options - `seed`, default 0. The sign of entry (i, j) is one bit of (seed, i, j).
 * @returns a `Sketch`, never held: tiles of it are made, used and forgotten.
 * @throws ShapeError for sides that are no integers >= 1; OptionError.
 * Cost and distortion as of `gaussian`. The variance of ‖Sx‖² is 2(‖x‖⁴ − Σxⱼ⁴)/d.
 * Source: Achlioptas 2003, "Database-friendly random projections".
 *
 * @example
 * ```ts
 * import { rademacher } from 'lowrank'
 * rademacher([4, 100]).toDense()   // entries ±1/2
 * ```
 */
export function rademacher(shape: readonly [number, number], options?: SketchOptions): Sketch {
  const [d, n] = sketchShape(shape, 'rademacher')
  const { seed } = readOptions('rademacher', options, { seed: seedOption })
  const size = 1 / Math.sqrt(d)
  const stream = STREAM.rademacherSketch
  return denseSketch(
    [d, n],
    { kind: 'sign', seed, stream, scale: size },
    (i0, i1, j0, j1, out) => fillSigns(out, { seed, stream, i0, i1, j0, j1 }, size),
    Math.sqrt(n),
  )
}

type Entries = SketchSteps['entries']

function denseSketch([d, n]: Shape, making: Making, entries: Entries, norm?: number): Sketch {
  const steps = {
    entries,
    matmat: (X: Matrix) => tiledProductSteps(entries, d, n, false, X),
    rmatmat: (Y: Matrix) => tiledProductSteps(entries, n, d, true, Y),
    ...(norm !== undefined && { frobeniusNorm: () => wait(norm) }),
  }
  return sketchFromSteps([d, n], steps, making)
}

/**
 * S·X, or Sᵀ·X where `transposed`, for a product of `rows` × `inner` by inner × k: panel by panel of the answer,
 * one tile of S after another, each made as it is needed. The sizes are parameters for the tests' sake.
 */
export function* tiledProductSteps(
  entries: Entries,
  rows: number,
  inner: number,
  transposed: boolean,
  X: Matrix,
  { tile = TILE, panel = PANEL, width = WIDTH } = {},
): Steps<Matrix> {
  const k = X.shape[1]!
  const out = new Float64Array(rows * k)
  if (k === 0) return wrap(out, rows, k)
  const [mb, kb] = [evenly(rows, panel), evenly(k, width)]
  const pb = evenly(inner, Math.max(1, Math.floor(tile / mb)))
  const given = dense(X)
  const made = new Float64Array(mb * pb)
  const ws = acquire()
  try {
    const [atS, atX, at] = [ws.alloc64(mb * pb), ws.alloc64(pb * kb), ws.alloc64(mb * kb)]
    const f64 = ws.f64
    for (let c = 0; c < k; c += kb) {
      const cols = Math.min(kb, k - c)
      for (let r = 0; r < rows; r += mb) {
        const m = Math.min(mb, rows - r)
        for (let p = 0; p < inner; p += pb) {
          const q = Math.min(pb, inner - p)
          const S = made.subarray(0, m * q)
          if (transposed) entries(p, p + q, r, r + m, S)
          else entries(r, r + m, p, p + q, S)
          f64.set(S, atS / 8)
          const [rs, cs] = transposed ? [1, m] : [q, 1]
          yield* breath()
          const x = stage(window(given, p, q, c, cols), f64, atX)
          ws.kernels.gemm(m, cols, q, 1, atS, rs, cs, x.at, x.rs, x.cs, p === 0 ? 0 : 1, at, cols, 1)
          yield* breath()
        }
        for (let i = 0, a = at / 8; i < m; i++, a += cols) out.set(f64.subarray(a, a + cols), (r + i) * k + c)
      }
    }
  } finally {
    release(ws)
  }
  return wrap(out, rows, k)
}
