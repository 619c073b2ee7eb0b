import { wrap } from '../linalg/arrays.js'
import { cosineSteps, inverseCosineSteps } from '../linalg/transforms/dct.js'
import { ShapeError } from '../linalg/errors.js'
import { readOptions, seed as seedOption } from '../linalg/options.js'
import { STREAM } from '../linalg/random.js'
import { breath } from '../linalg/steps.js'
import type { Steps } from '../linalg/steps.js'
import { signs } from './signs.js'
import { sketchFromSteps, sketchShape } from './sketch.js'
import type { Sketch, SketchOptions, SketchSteps } from './sketch.js'
import { subsets } from './subset.js'

/** Numbers that are transformed at a time: two mebibytes. */
const BLOCK = 2 ** 18

/**
 * A subsampled randomized trigonometric transform: S = √(n/d)·R·C·D. D holds random signs, C is the orthonormal
 * discrete cosine transform, R picks d of the n rows at random, without replacement and in order. Any n will do,
 * without padding.
 *
 * @param shape - [d, n], integers with 1 <= d <= n.
 * @param options - `seed`, default 0.
 * @returns a `Sketch`; with d = n it is orthogonal.
 * @throws ShapeError for sides that are no integers >= 1, and for d > n; OptionError.
 * Cost of S·X with k columns: k cosine transforms of length n. Memory: 2 MiB or a column, the answer.
 * Distortion as of `srht` for incoherent subspaces; a coherent one, such as that of a few unit vectors, wants
 * twice the rows, since the transform is applied once.
 * Source: Avron, Maymounkov, Toledo 2010, "Blendenpik: supercharging LAPACK's least-squares solver".
 *
 * @example
 * ```ts
 * import { random, srtt } from 'lowrank'
 * const S = srtt([60, 1001])
 * S.rmatmat(random.normal([60, 5]))   // 1001 × 5
 * ```
 */
export function srtt(shape: readonly [number, number], options?: SketchOptions): Sketch {
  const [d, n] = sketchShape(shape, 'srtt')
  const { seed } = readOptions('srtt', options, { seed: seedOption })
  if (d > n) {
    throw new ShapeError({ fn: 'srtt', argument: 'shape', expected: `d <= n = ${n}`, given: `[${d}, ${n}]` })
  }
  const picked = new Int32Array(d)
  subsets(d, n, seed, STREAM.cosineRows)(0, picked, 0)
  picked.sort()
  const D = signs(n, seed, STREAM.cosineSigns)
  const scale = Math.sqrt(n / d)
  const steps: SketchSteps = {
    *matmat(X) {
      const k = X.shape[1]!
      const SX = new Float64Array(d * k)
      yield* inLines(n, k, function* (lines, c, count) {
        for (let j = 0; j < n; j++) {
          for (let t = 0; t < count; t++) lines[t * n + j] = D[j]! * X.data[j * k + c + t]!
        }
        yield* cosineSteps(lines, count, n)
        for (let i = 0; i < d; i++) {
          for (let t = 0; t < count; t++) SX[i * k + c + t] = scale * lines[t * n + picked[i]!]!
        }
      })
      return wrap(SX, d, k)
    },
    *rmatmat(Y) {
      const k = Y.shape[1]!
      const StY = new Float64Array(n * k)
      yield* inLines(n, k, function* (lines, c, count) {
        lines.fill(0)
        for (let i = 0; i < d; i++) {
          for (let t = 0; t < count; t++) lines[t * n + picked[i]!] = scale * Y.data[i * k + c + t]!
        }
        yield* inverseCosineSteps(lines, count, n)
        for (let j = 0; j < n; j++) {
          for (let t = 0; t < count; t++) StY[j * k + c + t] = D[j]! * lines[t * n + j]!
        }
      })
      return wrap(StY, n, k)
    },
    entries(i0, i1, j0, j1, out) {
      for (let i = i0, o = 0; i < i1; i++) {
        const frequency = picked[i]!
        const size = Math.sqrt((frequency === 0 ? 1 : 2) / d)
        // The angle is reduced while it is a whole number of parts of the circle.
        for (let j = j0; j < j1; j++) {
          const part = ((2 * j + 1) * frequency) % (4 * n)
          out[o++] = D[j]! * size * Math.cos((Math.PI * part) / (2 * n))
        }
      }
    },
  }
  return sketchFromSteps([d, n], steps, { kind: 'entries' })
}

/** Room for some columns at a time as lines; `transform` fills, transforms and reads it. */
function* inLines(
  n: number,
  k: number,
  transform: (lines: Float64Array, c: number, count: number) => Steps<void>,
): Steps<void> {
  const most = Math.min(k, Math.max(1, Math.floor(BLOCK / n)))
  const lines = new Float64Array(most * n)
  for (let c = 0; c < k; c += most) {
    yield* transform(lines, c, Math.min(most, k - c))
    yield* breath()
  }
}
