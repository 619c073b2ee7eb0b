import type { Matrix } from '../arrays.js'
import { wrap } from '../arrays.js'
import { addScaledSteps, columnNorms } from '../operators/columnwise.js'
import { ConvergenceError, ShapeError } from '../errors.js'
import type { AnyOperator } from '../operators.js'
import { precisionOf } from '../operators.js'
import { integer, nonNegative, optional, withDefault } from '../options.js'
import { product } from '../products.js'
import type { RightHand } from '../dense/righthand.js'
import { rightSide } from '../dense/rightside.js'
import type { Solution } from '../dense/rightside.js'
import type { RunOptions, Steps } from '../steps.js'

// What iterations that keep a residual by recurrence have in common: they end, or start again, on the true one.

/** When an iterative solver ends; whichever tolerance is met first. */
export interface IterationOptions extends RunOptions {
  /** Relative to ‖b‖. Default: the square root of A's precision, 1.5e-8 in float64. */
  readonly rtol?: number | undefined
  /** Absolute. Default 0. */
  readonly atol?: number | undefined
  /** Default 10·n. */
  readonly maxIterations?: number | undefined
}

export const iterationReaders = {
  rtol: optional(nonNegative),
  atol: withDefault(nonNegative, 0),
  maxIterations: optional(integer(0)),
}

/** One run of an iteration from the residual R = B − A·X, which changes X and R in place. */
export interface Run {
  readonly X: Matrix
  readonly R: Matrix
  /** A column is done where the norm of its residual is at most this. */
  readonly target: Float64Array
  /** 1 for a column that still runs, 0 for one that is done and stands still. */
  readonly live: Float64Array
  /** Iterations of the runs before. */
  readonly first: number
  readonly maxIterations: number
}

interface Plan {
  readonly rtol: number | undefined
  readonly atol: number
  readonly maxIterations: number | undefined
}

/**
 * Solves A·x = b by runs of `iterate`, each until its recurrence says that all columns are done; it answers with
 * how many iterations it made. Where a run does not halve a true residual, rounding is in the way.
 */
export function* restartedSteps(
  fn: string,
  A: AnyOperator,
  b: unknown,
  plan: Plan,
  iterate: (run: Run) => Steps<number>,
): Steps<Solution<Float64Array | Matrix>> {
  const n = A.shape[0]
  checkSystem(A, n, 'A', fn)
  const { B, scale, norms, answer } = rightSide(b as RightHand, n, fn)
  const k = norms.length
  const rtol = plan.rtol ?? Math.sqrt(precisionOf(A))
  const maxIterations = plan.maxIterations ?? 10 * n

  const target = norms.map((norm, j) => Math.max(rtol * norm, plan.atol * scale[j]!))
  const X = wrap(new Float64Array(n * k), n, k)
  let R = wrap(B.data.slice(), n, k)
  let sizes: Float64Array = norms
  // The true residuals at the last restart.
  let before: Float64Array = norms.map(() => Infinity)
  let iterations = 0
  const relative = (): number =>
    sizes.reduce((worst, size, j) => Math.max(worst, size === 0 ? 0 : size / norms[j]!), 0)
  const solution = (): Solution<Float64Array | Matrix> => ({
    x: answer(X),
    iterations,
    residual: relative(),
  })

  for (;;) {
    const live = sizes.map((size, j) => (size > target[j]! ? 1 : 0))
    if (live.every((x) => x === 0)) return solution()
    const stuck = live.some((x, j) => x === 1 && sizes[j]! > before[j]! / 2)
    if (stuck || iterations >= maxIterations) {
      const residual = relative()
      const why = residual > 1 ? 'growing' : 'as near as rounding lets it come'
      throw new ConvergenceError({
        fn,
        argument: 'A',
        expected: `‖b − A·x‖ <= max(${rtol}·‖b‖, ${plan.atol})`,
        given: `${residual}·‖b‖ after ${iterations} iterations, ${stuck ? why : 'the most allowed'}`,
        iterations,
        residual,
        best: solution(),
      })
    }
    before = sizes
    iterations += yield* iterate({ X, R, target, live, first: iterations, maxIterations })
    R = wrap(B.data.slice(), n, k)
    yield* addScaledSteps(R, new Float64Array(k).fill(-1), yield* product(A, X))
    sizes = columnNorms(R)
  }
}

/** Marks the columns of R that have reached their target as done; true where all are. */
export function settle({ R, target, live }: Run): boolean {
  columnNorms(R).forEach((size, j) => {
    if (size <= target[j]!) live[j] = 0
  })
  return live.every((x) => x === 0)
}

export function checkSystem(A: AnyOperator, n: number, argument: string, fn: string): void {
  if (A.shape[0] === n && A.shape[1] === n) return
  throw new ShapeError({ fn, argument, expected: `${n}×${n}`, given: A.shape.join('×') })
}
