import type { Matrix } from '../arrays.js'
import { wrap } from '../arrays.js'
import type { Bidiagonal } from '../dense/bidiagonal.js'
import { addScaledSteps, scaleAndAddSteps } from '../operators/columnwise.js'
import { leastSquaresSteps } from '../dense/leastsquares.js'
import type { LeastSquaresOptions, Recurrence } from '../dense/leastsquares.js'
import type { Operand } from '../operators.js'
import type { Solution, IterativeSolver } from '../dense/rightside.js'
import { fromSteps } from '../steps.js'
import type { Steps } from '../steps.js'

/**
 * Solves min ‖b − A·x‖² + damp²·‖x‖² by LSQR, through products with A and Aᵀ alone; without damping the
 * solution of minimum norm, and that of A·x = b where there is one.
 *
 * It stops where ‖r‖ ≤ rtol·(‖A‖·‖x‖ + ‖b‖) + atol or ‖Aᵀr‖ ≤ rtol·‖A‖·‖r‖ in every column: x is then the exact
 * solution of a problem at relative distance rtol. Norms are those of Paige and Saunders: ‖A‖_F as far as it
 * has been seen, r and A extended by the damping. Columns of a matrix run in lockstep.
 *
 * @param A - m × n matrix or operator, of any shape and rank.
 * @param b - a vector of m (array-like or 1-D ndarray), or an m × k matrix.
 * @returns `{ x, iterations, residual }`, x a vector or an n × k matrix as `b` is.
 * @throws ConvergenceError, with the last iterate as `best`, after `maxIterations` or where the rule does not
 * hold for residuals computed afresh, up to max(m, n) roundings; ShapeError; NotFiniteError; OptionError.
 * Cost: per iteration two passes over A and 10(m + n)k flops; two passes more to prove the result. Memory:
 * (2m + 3n)k numbers.
 * Source: Paige and Saunders 1982, "LSQR: an algorithm for sparse linear equations and sparse least squares".
 *
 * @example
 * ```ts
 * import { lsqr } from 'lowrank'
 * lsqr([[1, 0], [1, 1], [1, 2]], [1, 2, 2]).x   // 1.1666…, 0.5
 * ```
 */
export const lsqr: IterativeSolver<LeastSquaresOptions> = /*#__PURE__*/ fromSteps(lsqrSteps, 2) as never

function lsqrSteps(
  A: Operand,
  b: unknown,
  options?: LeastSquaresOptions,
): Steps<Solution<Float64Array | Matrix>> {
  return leastSquaresSteps('lsqr', start, A, b, options)
}

function start(G: Bidiagonal, X: Matrix, damp: number): Recurrence {
  const k = G.beta.length
  const W = wrap(G.V.data.slice(), G.V.shape[0]!, k)
  const phibar = G.beta.slice()
  const rhobar = G.alpha.slice()
  const damped = new Float64Array(k)
  const residual = G.beta.slice()
  const normal = G.beta.map((beta, j) => beta * G.alpha[j]!)
  const [forward, backward] = [new Float64Array(k), new Float64Array(k)]
  return {
    residual,
    normal,
    *update({ V, alpha, beta }, live) {
      for (let j = 0; j < k; j++) {
        forward[j] = backward[j] = 0
        if (live[j] === 0) continue
        // Two rotations: one takes the damping away, one the entry below the diagonal.
        const rho1 = Math.hypot(rhobar[j]!, damp)
        const psi = (damp / rho1) * phibar[j]!
        const phibar1 = (rhobar[j]! / rho1) * phibar[j]!
        const rho = Math.hypot(rho1, beta[j]!)
        const [c, s] = [rho1 / rho, beta[j]! / rho]
        const theta = s * alpha[j]!
        const phi = s * phibar1
        rhobar[j] = -c * alpha[j]!
        phibar[j] = phi
        forward[j] = (c * phibar1) / rho
        backward[j] = -theta / rho
        damped[j] = Math.hypot(damped[j]!, psi)
        residual[j] = Math.hypot(damped[j]!, phi)
        normal[j] = Math.abs(phi) * alpha[j]! * Math.abs(c)
      }
      yield* addScaledSteps(X, forward, W)
      yield* scaleAndAddSteps(W, backward, V)
    },
  }
}
