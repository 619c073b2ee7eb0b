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
 * Solves min ‖b − A·x‖² + damp²·‖x‖² by LSMR: as `lsqr`, but ‖Aᵀr‖ falls at every iteration, so that an early
 * stop is a safer one. It stops by the same rules and answers alike.
 *
 * @param A - m × n matrix or operator, of any shape and rank.
 * @param b - a vector of m (array-like or 1-D ndarray), or an m × k matrix.
 * @returns `{ x, iterations, residual }`, x a vector or an n × k matrix as `b` is.
 * @throws as `lsqr`.
 * Cost: per iteration two passes over A and 12(m + n)k flops; two passes more to prove the result. Memory:
 * (2m + 4n)k numbers.
 * Source: Fong and Saunders 2011, "LSMR: an iterative algorithm for sparse least-squares problems".
 *
 * @example
 * ```ts
 * import { lsmr } from 'lowrank'
 * lsmr([[1, 0], [1, 1], [1, 2]], [1, 2, 2], { damp: 0.1 }).x
 * ```
 */
export const lsmr: IterativeSolver<LeastSquaresOptions> = /*#__PURE__*/ fromSteps(lsmrSteps, 2) as never

function lsmrSteps(
  A: Operand,
  b: unknown,
  options?: LeastSquaresOptions,
): Steps<Solution<Float64Array | Matrix>> {
  return leastSquaresSteps('lsmr', start, A, b, options)
}

function start(G: Bidiagonal, X: Matrix, damp: number): Recurrence {
  const k = G.beta.length
  const [n] = G.V.shape as [number, number]
  const H = wrap(G.V.data.slice(), n, k)
  const Hbar = wrap(new Float64Array(n * k), n, k)
  const columns = Array.from(G.beta, (beta, j) => new Column(G.alpha[j]!, beta, damp))
  const residual = G.beta.slice()
  const normal = G.beta.map((beta, j) => beta * G.alpha[j]!)
  const [ofHbar, ofX, ofH] = [new Float64Array(k), new Float64Array(k), new Float64Array(k)]
  return {
    residual,
    normal,
    *update({ V, alpha, beta }, live) {
      columns.forEach((column, j) => {
        ofHbar[j] = ofX[j] = ofH[j] = 0
        if (live[j] === 0) return
        column.step(alpha[j]!, beta[j]!)
        ofHbar[j] = column.ofHbar
        ofX[j] = column.ofX
        ofH[j] = column.ofH
        residual[j] = column.residual
        normal[j] = Math.abs(column.zetabar)
      })
      yield* scaleAndAddSteps(Hbar, ofHbar, H)
      yield* addScaledSteps(X, ofX, Hbar)
      yield* scaleAndAddSteps(H, ofH, V)
    },
  }
}

/** The scalars of one right-hand side, named as in the paper. */
class Column {
  /** h̄ = h + ofHbar·h̄, x += ofX·h̄, h = v + ofH·h. */
  ofHbar = 0
  ofX = 0
  ofH = 0
  residual: number
  zetabar: number
  readonly #damp: number
  #alphabar: number
  #rho = 1
  #rhobar = 1
  #cbar = 1
  #sbar = 0
  #zeta = 0
  // For ‖r‖: the right-hand side and the solution after the two sequences of rotations.
  #betadd: number
  #betad = 0
  #rhod = 1
  #tautilde = 0
  #thetatilde = 0
  #damped = 0

  constructor(alpha: number, beta: number, damp: number) {
    this.#damp = damp
    this.#alphabar = alpha
    this.#betadd = this.residual = beta
    this.zetabar = alpha * beta
  }

  step(alpha: number, beta: number): void {
    const [chat, shat, alphahat] = rotation(this.#alphabar, this.#damp)
    const rhoold = this.#rho
    const [c, s, rho] = rotation(alphahat, beta)
    const theta = s * alpha
    this.#alphabar = c * alpha
    const [rhobarold, zetaold] = [this.#rhobar, this.#zeta]
    const thetabar = this.#sbar * rho
    const [cbar, sbar, rhobar] = rotation(this.#cbar * rho, theta)
    this.#zeta = cbar * this.zetabar
    this.zetabar *= -sbar
    // Quotients one by one: the products of two rhos may overflow.
    this.ofHbar = -(thetabar / rhobarold) * (rho / rhoold)
    this.ofX = this.#zeta / rho / rhobar
    this.ofH = -theta / rho

    const betaacute = chat * this.#betadd
    this.#damped = Math.hypot(this.#damped, shat * this.#betadd)
    const betahat = c * betaacute
    this.#betadd = -s * betaacute
    const [ctilde, stilde, rhotilde] = rotation(this.#rhod, thetabar)
    const thetatildeold = this.#thetatilde
    this.#thetatilde = stilde * rhobar
    this.#rhod = ctilde * rhobar
    this.#betad = ctilde * betahat - stilde * this.#betad
    this.#tautilde = (zetaold - thetatildeold * this.#tautilde) / rhotilde
    const taud = (this.#zeta - this.#thetatilde * this.#tautilde) / this.#rhod
    this.residual = Math.hypot(this.#damped, this.#betad - taud, this.#betadd)
    this.#rho = rho
    this.#rhobar = rhobar
    this.#cbar = cbar
    this.#sbar = sbar
  }
}

/** c, s and r with c·a + s·b = r and c·b = s·a. */
function rotation(a: number, b: number): readonly [c: number, s: number, r: number] {
  const r = Math.hypot(a, b)
  return r === 0 ? [1, 0, 0] : [a / r, b / r, r]
}
