import { contiguous, dense, flip, wrap } from '../linalg/arrays.js'
import type { Matrix } from '../linalg/arrays.js'
import { addScaledSteps, columnNorms, normalizeColumns } from '../linalg/operators/columnwise.js'
import { operandSteps } from '../linalg/operators/denseoperator.js'
import { ConvergenceError } from '../linalg/errors.js'
import { gaussianSteps } from '../linalg/gaussian.js'
import { leastNormSteps } from '../linalg/dense/lstsq.js'
import { multiplySteps } from '../linalg/dense/multiply.js'
import { precisionOf } from '../linalg/operators.js'
import type { AnyOperator, Operand } from '../linalg/operators.js'
import { integer, nonNegative, oneOf, optional, readOptions, seed, withDefault } from '../linalg/options.js'
import { adjointProduct, product, rowsOf } from '../linalg/products.js'
import { STREAM } from '../linalg/random.js'
import type { RightHand } from '../linalg/dense/righthand.js'
import { rightSide } from '../linalg/dense/rightside.js'
import type { IterativeSolver, Solution } from '../linalg/dense/rightside.js'
import { fromSteps, report } from '../linalg/steps.js'
import type { RunOptions, Steps } from '../linalg/steps.js'
import { subsets } from './subset.js'

/** The sketch of each step of `sketchAndProject`, and when it ends. */
export interface SketchAndProjectOptions extends RunOptions {
  /** 'coordinate' (default) reads a few random rows of A in each step, 'gaussian' mixes all of them. */
  readonly sketch?: 'coordinate' | 'gaussian' | undefined
  /** Rows of the sketch; at most m are used. Default 8. */
  readonly blockSize?: number | undefined
  /** Relative to ‖b‖. Default: the square root of A's precision, 1.5e-8 in float64. */
  readonly rtol?: number | undefined
  /** Absolute. Default 0. */
  readonly atol?: number | undefined
  /** Default 1000·⌈m/blockSize⌉. */
  readonly maxIterations?: number | undefined
  /** An integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/**
 * Solves a consistent system A·x = b by sketch and project: each step projects x onto the solutions of
 * SᵀA·x = Sᵀb for a fresh random S of a few columns. With rows of the identity in S this is the block randomized
 * Kaczmarz method. From x = 0 it tends to the solution of minimum norm.
 *
 * It stops where ‖b − A·x‖₂ ≤ max(rtol·‖b‖₂, atol) in every column, computed afresh after each ⌈m/blockSize⌉
 * steps. Columns of a matrix share their sketches.
 *
 * @param A - m × n matrix or operator, of any shape and rank.
 * @param b - a vector of m (array-like or 1-D ndarray), or an m × k matrix, in the range of A.
 * @returns `{ x, iterations, residual }`, x a vector or an n × k matrix as `b` is.
 * @throws ConvergenceError, with the last iterate as `best`, after `maxIterations`, as it must where the system
 * is not consistent; ShapeError; NotFiniteError; OptionError.
 * Cost: per step about 6n·s² + 4nsk flops with s = blockSize, and s rows of A ('coordinate') or a product of s
 * columns with Aᵀ ('gaussian'); one product of k columns with A each ⌈m/s⌉ steps. Memory: (m + n)(k + s) numbers.
 * Accuracy: ‖x − x*‖ never grows but for rounding; E‖x − x*‖² falls by 1 − λ in each step, λ the least nonzero
 * eigenvalue of the mean projection E[(SᵀA)⁺SᵀA], about s/‖A‖_F²·σ_min(A)² for like rows: a method for
 * well-conditioned systems, or for a few digits.
 * Source: Gower and Richtárik 2015, "Randomized iterative methods for linear systems", with the identity as its
 * metric; Strohmer and Vershynin 2009 for the rows. Departures: rows are drawn uniformly, without replacement
 * within a block, and the sketched rows are scaled to norm 1, which changes no projection.
 *
 * @example
 * ```ts
 * import { random, sketchAndProject } from 'lowrank'
 * const A = random.normal([200, 20])
 * const b = Array.from({ length: 200 }, (_, i) => A.get(i, 0) - A.get(i, 1))
 * sketchAndProject(A, b).x   // 1, -1, 0, …, 0
 * ```
 */
export const sketchAndProject: IterativeSolver<SketchAndProjectOptions> = /*#__PURE__*/ fromSteps(
  sketchAndProjectSteps,
  2,
) as never

function* sketchAndProjectSteps(
  given: Operand,
  b: unknown,
  options?: SketchAndProjectOptions,
): Steps<Solution<Float64Array | Matrix>> {
  const fn = 'sketchAndProject'
  const plan = readOptions(fn, options, {
    sketch: withDefault(oneOf('coordinate', 'gaussian'), 'coordinate'),
    blockSize: withDefault(integer(1), 8),
    rtol: optional(nonNegative),
    atol: withDefault(nonNegative, 0),
    maxIterations: optional(integer(0)),
    seed,
  })
  const A = yield* operandSteps(given, fn, 'A')
  const [m, n] = A.shape
  const { B, scale, norms, answer } = rightSide(b as RightHand, m, fn)
  const k = norms.length
  const rtol = plan.rtol ?? Math.sqrt(precisionOf(A))
  const epoch = Math.max(1, Math.ceil(m / plan.blockSize))
  const maxIterations = plan.maxIterations ?? 1000 * epoch
  const project = projector(A, plan)

  const X = wrap(new Float64Array(n * k), n, k)
  for (let iterations = 0; ;) {
    const R = wrap(B.data.slice(), m, k)
    yield* addScaledSteps(R, new Float64Array(k).fill(-1), yield* product(A, X))
    const sizes = columnNorms(R)
    const residual = sizes.reduce((worst, r, j) => Math.max(worst, r === 0 ? 0 : r / norms[j]!), 0)
    const solution = { x: answer(X), iterations, residual }
    if (sizes.every((r, j) => r <= Math.max(rtol * norms[j]!, plan.atol * scale[j]!))) return solution
    if (iterations >= maxIterations) {
      throw new ConvergenceError({
        fn,
        argument: 'A',
        expected: `‖b − A·x‖ <= max(${rtol}·‖b‖, ${plan.atol})`,
        given: `${residual}·‖b‖ after ${iterations} iterations, the most allowed`,
        iterations,
        residual,
        best: solution,
      })
    }
    const end = Math.min(maxIterations, iterations + epoch)
    while (iterations < end) yield* project(iterations++, X, B)
    yield* report(fn, 'iterate', iterations, maxIterations)
  }
}

interface Sketching {
  readonly sketch: 'coordinate' | 'gaussian'
  readonly blockSize: number
  readonly seed: number
}

/** Makes step t: x becomes the point nearest to it with Sᵀ(A·x − b) = 0, for each column; X is changed. */
export function projector(
  A: AnyOperator,
  { sketch, blockSize, seed }: Sketching,
): (t: number, X: Matrix, B: Matrix) => Steps<void> {
  const m = A.shape[0]
  const s = Math.min(blockSize, m)
  const draw = sketch === 'coordinate' ? subsets(s, m, seed, STREAM.projectionRows) : undefined
  return function* (t, X, B) {
    if (s === 0) return
    const k = B.shape[1]!
    let AtS: Matrix
    let StB: Matrix
    if (draw !== undefined) {
      const I = new Int32Array(s)
      draw(t, I, 0)
      AtS = contiguous((yield* rowsOf(A, I)).transpose(1, 0))
      StB = wrap(new Float64Array(s * k), s, k)
      I.forEach((i, row) => StB.data.set(B.data.subarray(i * k, i * k + k), row * k))
    } else {
      const S = yield* gaussianSteps(m, t * s, t * s + s, STREAM.projectionSketch, seed)
      AtS = yield* adjointProduct(A, S)
      StB = (yield* multiplySteps(flip(dense(S)), dense(B))) as Matrix
    }
    // Rows of norm 1 have the same solutions, and no row is lost as rounding beside a larger one.
    const norms = normalizeColumns(AtS)
    const rows = flip(dense(AtS))
    const E = (yield* multiplySteps(rows, dense(X))) as Matrix
    for (let i = 0, e = 0; i < s; i++) {
      // A row of zeros tells nothing of x.
      for (let j = 0; j < k; j++, e++) E.data[e] = norms[i] === 0 ? 0 : StB.data[e]! / norms[i]! - E.data[e]!
    }
    const { X: step } = yield* leastNormSteps(rows, dense(E))
    for (let e = 0; e < step.data.length; e++) X.data[e]! += step.data[e]!
  }
}
