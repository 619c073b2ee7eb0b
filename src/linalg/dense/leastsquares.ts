import type { Matrix } from '../arrays.js'
import { wrap } from '../arrays.js'
import { startSteps, stepSteps } from './bidiagonal.js'
import type { Bidiagonal } from './bidiagonal.js'
import { addScaledSteps, columnNorms } from '../operators/columnwise.js'
import { operandSteps } from '../operators/denseoperator.js'
import { ConvergenceError } from '../errors.js'
import { precisionOf } from '../operators.js'
import type { Operand } from '../operators.js'
import { integer, nonNegative, optional, readOptions, withDefault } from '../options.js'
import { adjointProduct, product } from '../products.js'
import type { RightHand } from './righthand.js'
import { rightSide } from './rightside.js'
import type { Solution } from './rightside.js'
import { report } from '../steps.js'
import type { RunOptions, Steps } from '../steps.js'

// What LSQR and LSMR share: the bidiagonalisation of A from b, the rules to stop by, and the proof at the end.

/** When `lsqr` and `lsmr` end, and what they minimise. */
export interface LeastSquaresOptions extends RunOptions {
  /** Relative backward error. Default: the square root of A's precision, 1.5e-8 in float64. */
  readonly rtol?: number | undefined
  /** Absolute, for ‖b − A·x‖. Default 0. */
  readonly atol?: number | undefined
  /** Default 100, or 10·min(m, n) where that is more. */
  readonly maxIterations?: number | undefined
  /** Minimises ‖b − A·x‖² + damp²·‖x‖². Default 0. */
  readonly damp?: number | undefined
}

/** The short recurrence of one method: x, and what it says of the residual r̄ = [b − A·x; −damp·x]. */
export interface Recurrence {
  /** ‖r̄‖ of each column. */
  readonly residual: Float64Array
  /** ‖Āᵀr̄‖ = ‖Aᵀ(b − A·x) − damp²·x‖ of each column. */
  readonly normal: Float64Array
  /** Takes the next step of the bidiagonalisation in, for columns that are live. */
  update(G: Bidiagonal, live: Uint8Array): Steps<void>
}

/** A method starts from the first step of the bidiagonalisation, and writes to X, which holds zeros. */
export type Start = (G: Bidiagonal, X: Matrix, damp: number) => Recurrence

export function* leastSquaresSteps(
  fn: string,
  start: Start,
  given: Operand,
  b: unknown,
  options: LeastSquaresOptions | undefined,
): Steps<Solution<Float64Array | Matrix>> {
  const plan = readOptions(fn, options, {
    rtol: optional(nonNegative),
    atol: withDefault(nonNegative, 0),
    maxIterations: optional(integer(0)),
    damp: withDefault(nonNegative, 0),
  })
  const A = yield* operandSteps(given, fn, 'A')
  const [m, n] = A.shape
  const { B, scale, norms, answer } = rightSide(b as RightHand, m, fn)
  const k = norms.length
  const rtol = plan.rtol ?? Math.sqrt(precisionOf(A))
  const maxIterations = plan.maxIterations ?? Math.max(100, 10 * Math.min(m, n))

  const X = wrap(new Float64Array(n * k), n, k)
  const G = yield* startSteps(A, B)
  const recurrence = start(G, X, plan.damp)
  // ‖Ā‖_F as far as it has been seen.
  const size = G.alpha.map((alpha) => Math.hypot(alpha, plan.damp))
  const small = (j: number, residual: number, normal: number, x: number, slack: number): boolean =>
    residual <= (rtol + slack) * (size[j]! * x + norms[j]!) + plan.atol * scale[j]! ||
    normal <= rtol * size[j]! * residual + slack * size[j]! * (size[j]! * x + norms[j]!)

  let iterations = 0
  const live = new Uint8Array(k)
  const look = (): boolean => {
    const x = columnNorms(X)
    for (let j = 0; j < k; j++) {
      live[j] = Number(!small(j, recurrence.residual[j]!, recurrence.normal[j]!, x[j]!, 0))
    }
    return live.some((value) => value === 1)
  }
  while (look() && iterations < maxIterations) {
    yield* stepSteps(A, G)
    yield* recurrence.update(G, live)
    for (let j = 0; j < k; j++) size[j] = Math.hypot(size[j]!, G.beta[j]!, G.alpha[j]!, plan.damp)
    iterations++
    yield* report(fn, 'iterate', iterations, maxIterations)
  }

  // Afresh: what the recurrences say is true up to rounding of the size of max(m, n)·precision.
  const R = wrap(B.data.slice(), m, k)
  yield* addScaledSteps(R, new Float64Array(k).fill(-1), yield* product(A, X))
  const residuals = columnNorms(R)
  const N = yield* adjointProduct(A, R)
  yield* addScaledSteps(N, new Float64Array(k).fill(-(plan.damp ** 2)), X)
  const normals = columnNorms(N)
  const slack = Math.max(m, n) * precisionOf(A)
  const sizes = columnNorms(X)
  const proven = residuals.every((r, j) =>
    small(j, Math.hypot(r, plan.damp * sizes[j]!), normals[j]!, sizes[j]!, slack),
  )
  const residual = residuals.reduce((worst, r, j) => Math.max(worst, r === 0 ? 0 : r / norms[j]!), 0)
  const solution = { x: answer(X), iterations, residual }
  if (proven && !live.some((value) => value === 1)) return solution
  throw new ConvergenceError({
    fn,
    argument: 'A',
    expected: `a backward error of at most ${rtol}`,
    given: `a larger one after ${iterations} iterations, with ‖b − A·x‖ = ${residual}·‖b‖`,
    iterations,
    residual,
    best: solution,
  })
}
