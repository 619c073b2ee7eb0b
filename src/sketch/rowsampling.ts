import { asVector, wrap } from '../linalg/arrays.js'
import type { Matrix, VectorLike } from '../linalg/arrays.js'
import { compress } from '../linalg/operators/csr.js'
import { norm2 } from '../linalg/magnitude.js'
import { bool, readOptions, seed as seedOption, withDefault } from '../linalg/options.js'
import type { Reader } from '../linalg/options.js'
import { STREAM, uniformBlock } from '../linalg/random.js'
import { breath, runSync, wait } from '../linalg/steps.js'
import type { Steps } from '../linalg/steps.js'
import { pickedRows, scaledRows } from '../linalg/thin.js'
import { checkedScores, drawnRowsSteps } from './samplerows.js'
import { sketchFromSteps, sketchShape } from './sketch.js'
import type { RowSampling, SketchOptions, SketchSteps } from './sketch.js'

/** The probabilities of `rowSampling`. */
export interface RowSamplingOptions extends SketchOptions {
  /** n numbers >= 0, not all 0: how often each row is wanted, up to a common factor. Default: all the same. */
  readonly scores?: VectorLike | undefined
  /** True where a row may come more than once. Default true. */
  readonly replace?: boolean | undefined
}

/**
 * A sketch that picks rows, by scores: row t holds one entry, weights[t] at column indices[t]. The rows are
 * drawn as `sampleRows` draws them, with p = 2 and random numbers of its own. S·A reads d rows of A, of an
 * operator through its `rows`.
 *
 * @param shape - [d, n], integers >= 1; without replacement d is at most the number of positive scores.
 * @param options - `seed`, default 0; `scores`, default all the same; `replace`, default true. An entry is a
 * function of (seed, shape, scores, replace, i, j) alone.
 * @returns a `Sketch` with its `indices` and `weights`, so that values are needed at those rows only.
 * E‖Sx‖² = ‖x‖² where no row of score 0 of x differs from 0.
 * @throws ShapeError for sides that are no integers >= 1 or scores that are not n; OptionError for scores that
 * are negative or all 0, and for a d that is too large; NotFiniteError.
 * Cost: d·k numbers of X for S·X; made in d·log n steps and a few readings of the scores. Memory: d indices and
 * weights, a few times n numbers while it is made where there are scores or no replacement.
 * Distortion of a subspace of dimension r with leverage scores ℓ: at most ε with probability 1 − δ for about
 * β·r·ln(2r/δ)/(2ε²) rows (`chooseSketch` has it exactly) where ‖ℓ‖₁·scoreᵢ/Σ scores ≥ ℓᵢ/β; uniform scores have β = n·max ℓᵢ/r, as much as n/r.
 * The variance of ‖Sx‖² is (Σ xᵢ⁴/qᵢ − ‖x‖⁴)/d with replacement.
 * Source: Drineas, Mahoney, Muthukrishnan 2006, "Sampling algorithms for l2 regression and applications".
 *
 * @example
 * ```ts
 * import { leverageScores, random, rowSampling } from 'lowrank'
 * const A = random.normal([2000, 5])
 * const S = rowSampling([100, 2000], { scores: leverageScores(A) })
 * S.matmat(A)                                          // 100 × 5
 * Array.from(S.indices, (i, t) => S.weights[t] * i)    // S times the vector 0, 1, 2, …
 * ```
 */
export function rowSampling(shape: readonly [number, number], options?: RowSamplingOptions): RowSampling {
  const [d, n] = sketchShape(shape, FN)
  const { seed, scores, replace } = readOptions(FN, options, {
    seed: seedOption,
    scores: scoresReader,
    replace: withDefault(bool, true),
  })
  const { indices, expected } =
    scores === undefined && replace
      ? uniformRows(d, n, seed)
      : runSync(
          drawnRowsSteps(
            checkedScores(scores ?? new Float64Array(n).fill(1), n, FN),
            { count: d, replace, seed },
            STREAM.rowSketch,
            FN,
          ),
        )
  const weights = expected.map((times) => 1 / Math.sqrt(times))
  const steps: SketchSteps = {
    // eslint-disable-next-line require-yield -- steps by contract
    *matmat(X) {
      return scaledRows(pickedRows(X, indices), weights)
    },
    *rmatmat(Y) {
      return yield* scatteredSteps(scaledRows(Y, weights), indices, n)
    },
    frobeniusNorm: () => wait(norm2(weights)),
    entries(i0, i1, j0, j1, out) {
      out.fill(0)
      for (let i = i0; i < i1; i++) {
        const j = indices[i]!
        if (j >= j0 && j < j1) out[(i - i0) * (j1 - j0) + j - j0] = weights[i]!
      }
    },
  }
  const adjoint = () => ({
    shape: [n, d] as const,
    ...compress(n, d, indices, Int32Array.from(indices.keys()), weights),
  })
  const sketch = sketchFromSteps([d, n], steps, { kind: 'sparse', adjoint })
  return Object.assign(sketch, { indices, weights })
}

const FN = 'rowSampling'

const scoresReader: Reader<Float64Array | undefined> = (value) =>
  value === undefined ? undefined : asVector(value, FN, 'options.scores')

/** Every row alike and with replacement: no score is read. */
function uniformRows(d: number, n: number, seed: number): { indices: Int32Array; expected: Float64Array } {
  const u = uniformBlock({ seed, stream: STREAM.rowSketch, i0: 0, i1: d, j0: 0, j1: 1 })
  return { indices: Int32Array.from(u, (x) => Math.floor(x * n)), expected: new Float64Array(d).fill(d / n) }
}

/** n × k: row indices[t] is the sum of the rows t of Y that fall on it. */
function* scatteredSteps(Y: Matrix, indices: Int32Array, n: number): Steps<Matrix> {
  const k = Y.shape[1]!
  const out = new Float64Array(n * k)
  yield* breath()
  for (let t = 0; t < indices.length; t++) {
    const o = indices[t]! * k
    for (let c = 0; c < k; c++) out[o + c]! += Y.data[t * k + c]!
  }
  return wrap(out, n, k)
}
