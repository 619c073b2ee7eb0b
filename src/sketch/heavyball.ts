import { wrap } from '../linalg/arrays.js'
import { addScaledSteps, columnNorms, scaleAndAddSteps } from '../linalg/operators/columnwise.js'
import type { AnyOperator } from '../linalg/operators.js'
import { product } from '../linalg/products.js'
import { settle } from '../linalg/iterative/restarts.js'
import type { Run } from '../linalg/iterative/restarts.js'
import { report } from '../linalg/steps.js'
import type { Steps } from '../linalg/steps.js'

/** How far beyond a ratio that was seen an eigenvalue is taken to lie. */
const BEYOND = 1.1

/**
 * Polyak's heavy ball for N·X = B, N symmetric positive definite, from X and its residual R, which are changed
 * in place: as `descendSteps` of cg, but with fixed coefficients, the best for eigenvalues in `interval`.
 *
 * An eigenvalue outside would slow the iteration down, or end it in overflow; it shows in time, since the
 * step's part in its direction then dominates: ‖N·D‖/‖D‖ of a step D lies between the smallest and the largest
 * eigenvalue. The interval grows with what is seen.
 * Cost: per iteration one product with N and 6rk flops.
 */
export function* heavyBallSteps(
  fn: string,
  N: AnyOperator,
  interval: readonly [low: number, high: number],
  run: Run,
): Steps<number> {
  const { X, R, live, first, maxIterations } = run
  const [r = 0, k = 0] = X.shape
  let [low, high] = interval
  const D = wrap(new Float64Array(r * k), r, k)
  for (let iterations = 1; ; iterations++) {
    const sum = Math.sqrt(high) + Math.sqrt(low)
    const alpha = 4 / sum ** 2
    const momentum = ((Math.sqrt(high) - Math.sqrt(low)) / sum) ** 2
    // D = alpha·R + momentum·D
    yield* scaleAndAddSteps(D, new Float64Array(k).fill(momentum / alpha), R)
    const step = live.map((on) => on * alpha)
    yield* addScaledSteps(X, step, D)
    const ND = yield* product(N, D)
    yield* addScaledSteps(
      R,
      step.map((a) => -a),
      ND,
    )
    const before = columnNorms(D)
    const after = columnNorms(ND)
    live.forEach((on, j) => {
      if (on === 0) return
      const ratio = after[j]! / before[j]!
      if (ratio > high) high = ratio * BEYOND
      if (ratio < low) low = ratio / BEYOND
    })
    const done = settle(run)
    for (let e = 0; e < D.data.length; e++) D.data[e]! *= alpha
    yield* report(fn, 'iterate', first + iterations, maxIterations)
    if (done || first + iterations >= maxIterations) return iterations
  }
}
