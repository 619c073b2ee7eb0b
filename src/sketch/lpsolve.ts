import { dense, flip, wrap } from '../linalg/arrays.js'
import type { Matrix } from '../linalg/arrays.js'
import { multiplySteps } from '../linalg/dense/multiply.js'
import { breath, report } from '../linalg/steps.js'
import type { Steps } from '../linalg/steps.js'
import { scaledRows } from '../linalg/thin.js'
import { whiteningSteps } from './rowbasis.js'

// min ‖c − B·y‖ₚ for a well-conditioned B: a barrier method with a certificate.

export interface LpSolution {
  readonly y: Float64Array
  /** c − B·y */
  readonly r: Float64Array
  /** ‖c − B·y‖ₚ */
  readonly value: number
  /** What ‖c − B·y‖ₚ is not below for any y. */
  readonly lower: number
  readonly iterations: number
  /** Whether value − lower <= tol·value, or c − B·y is rounding. */
  readonly converged: boolean
}

/** The logarithm of what the parameter of the barrier grows by, once a minimum is near: the least, */
const GROWTH = Math.log(30)
/** and the Newton steps for which the next one is half as large or, below, twice. */
const [MANY, FEW] = [8, 3]
/** Newton's decrement from which on it is near. */
const NEAR = 0.5
/** A Hessian that is singular to rounding has one of these added: the step still goes down. */
const SHIFTS = [1e-14, 1e-12, 1e-10, 1e-8]
/** It ends where the gap on the path is a part of what is asked for, or 2⁻⁴⁴ of ‖c − B·y‖ₚᵖ: rounding. */
const PART = 1 / 16
const LAST = 46 * Math.log(2)
/** There the minimum is sought to this decrement, in so many steps. */
const NEARER = 1e-6
const MOST = 20

/**
 * min Σ tᵢ over tᵢ >= |rᵢ|ᵖ, r = c − B·y, with the barrier −log(t^{2/p} − r²) − 2·log t, which is self-concordant
 * of parameter 4 for every p >= 1 (Nesterov and Nemirovskii 1994, section 5.3). Each tᵢ is eliminated by its own
 * minimum, which leaves a smooth self-concordant function of y: Newton's method converges from everywhere at a
 * rate that does not depend on B, c or p, and the gap on the path is 4m over the parameter.
 *
 * Certificate: any z with Bᵀz = 0 gives ‖c − B·y‖ₚ >= zᵀc/‖z‖_q for all y, 1/p + 1/q = 1. Newton's step makes one.
 */
export function* lpSolveSteps(
  fn: string,
  B: Matrix,
  c: Float64Array,
  p: number,
  tol: number,
  maxIterations: number,
): Steps<LpSolution> {
  const [m = 0, r = 0] = B.shape
  const white = r === 0 ? undefined : yield* whiteningSteps(B)
  const project = projector(B, white?.X)
  const start = yield* project(c)
  const size = pNorm(start.rest, p)
  const y0 = start.y
  const done = (value: number, lower: number, y: Float64Array, iterations: number): LpSolution => ({
    y: y0.map((v, j) => v + size * y[j]!),
    r: start.rest,
    value,
    lower,
    iterations,
    converged: true,
  })
  const still = new Float64Array(r)
  if (size <= 8 * Math.max(m, r) * 2 ** -52 * pNorm(c, p)) return done(size, 0, still, 0)
  if (r === 0) return done(size, size, still, 0)

  // From here on in units of the least squares residual.
  const unit = start.rest.map((v) => v / size)
  let best = { y: still, r: unit, value: 1 }
  let lower = 0
  const certify = function* (z: Float64Array): Steps<void> {
    const { rest } = yield* project(z)
    const norm = pNorm(rest, conjugate(p))
    if (norm > 0) lower = Math.max(lower, dot(rest, unit) / norm)
  }
  const answer = (iterations: number, converged: boolean): LpSolution => ({
    y: y0.map((v, j) => v + size * best.y[j]!),
    r: best.r.map((v) => size * v),
    value: size * best.value,
    lower: size * Math.min(lower, best.value),
    iterations,
    converged,
  })
  const closed = (): boolean => best.value - lower <= tol * best.value
  yield* certify(gradient(unit, p))
  if (closed()) return answer(0, true)

  const rows = new BarrierRows(m, p)
  let y = still
  let residual = unit
  // Of log parameter: for large p, ‖c − B·y‖ₚᵖ falls by more than a number can hold.
  let logParameter = Math.log(m)
  let growth = GROWTH
  let since = 0
  yield* rows.moveSteps(residual, logParameter)
  for (let iterations = 1; iterations <= maxIterations; iterations++) {
    const { first, second } = rows
    const g = yield* adjointTimes(B, first)
    const newton = yield* whiteningSteps(scaledRows(B, second.map(Math.sqrt)), SHIFTS)
    if (newton === undefined) return answer(iterations, false)
    // d = X·Xᵀ·g
    const d = yield* times(newton.X, yield* adjointTimes(newton.X, g))
    const Bd = yield* times(B, d)
    const decrement = Math.sqrt(Math.max(0, dot(g, d)))
    if (decrement < 1) {
      yield* certify(first.map((v, i) => v - second[i]! * Bd[i]!))
      if (closed()) return answer(iterations, true)
    }
    const step = yield* searchSteps(rows, residual, Bd, logParameter, decrement ** 2)
    y = y.map((v, j) => v + step * d[j]!)
    residual = residual.map((v, i) => v - step * Bd[i]!)
    const value = pNorm(residual, p)
    if (value < best.value) best = { y, r: residual, value }
    if (closed()) return answer(iterations, true)
    since++
    if (decrement < NEAR) {
      const last = Math.log(m) - p * Math.log(best.value) + Math.min(LAST, Math.log(4 / (PART * p * tol)))
      if (logParameter < last) {
        if (since > MANY) growth = Math.max(GROWTH, growth / 2)
        else if (since < FEW) growth *= 2
        logParameter = Math.min(logParameter + growth, last)
        since = 0
        yield* rows.moveSteps(residual, logParameter)
      } else if (decrement < NEARER || since > MOST) return answer(iterations, false)
    }
    yield* report(fn, 'iterate', iterations, maxIterations)
  }
  return answer(maxIterations, false)
}

/** What ‖c − B·y‖ₚ is not below for any y, from the residual r of one: sharp where that is the best. */
export function* lowerBoundSteps(B: Matrix, c: Float64Array, r: Float64Array, p: number): Steps<number> {
  const white = B.shape[1] === 0 ? undefined : yield* whiteningSteps(B)
  const { rest } = yield* projector(B, white?.X)(gradient(r, p))
  const norm = pNorm(rest, conjugate(p))
  return norm > 0 ? Math.max(0, dot(rest, c) / norm) : 0
}

/** q with 1/p + 1/q = 1. */
const conjugate = (p: number): number => (p === 1 ? Infinity : p / (p - 1))

/** Points of a line that are tried. */
const TRIES = 6

/**
 * How far to go along −Bd: to where the derivative is at most half of what it was, on either side of the
 * minimum, or as far as is sure to be a descent. Leaves `rows` there.
 */
function* searchSteps(
  rows: BarrierRows,
  residual: Float64Array,
  Bd: Float64Array,
  logParameter: number,
  slope: number,
): Steps<number> {
  let low = { step: 0, derivative: -slope }
  let high: typeof low | undefined
  // What self-concordance assures a fixed decrease at; about four times that is mostly best.
  const sure = 1 / (1 + Math.sqrt(slope))
  let step = Math.min(1, 4 * sure)
  for (let tries = 1; ; tries++) {
    // Before the minimum and past the sure step, the decrease is no smaller than there.
    if (tries > TRIES) step = Math.max(low.step, sure)
    yield* rows.moveSteps(
      residual.map((v, i) => v - step * Bd[i]!),
      logParameter,
    )
    const derivative = -dot(rows.first, Bd)
    if (Math.abs(derivative) <= slope / 2 || tries > TRIES) return step
    if (derivative < 0) low = { step, derivative }
    else high = { step, derivative }
    if (high === undefined) {
      step *= 2
      continue
    }
    // Where the line between the two is 0, but not too near to either.
    const part = low.derivative / (low.derivative - high.derivative)
    step = low.step + (high.step - low.step) * Math.max(0.1, Math.min(0.9, part))
  }
}

/** ψ(r) = min over t of parameter·t − log(t^{2/p} − r²) − 2·log t: its first and second derivative, for each row. */
export class BarrierRows {
  readonly first: Float64Array
  readonly second: Float64Array
  readonly #p: number
  /** log(t^{2/p} − r²) at the last minimum. */
  readonly #logU: Float64Array

  constructor(m: number, p: number) {
    this.#p = p
    this.first = new Float64Array(m)
    this.second = new Float64Array(m)
    this.#logU = new Float64Array(m)
  }

  *moveSteps(r: Float64Array, logParameter: number): Steps<void> {
    for (let i0 = 0; i0 < r.length; i0 += STRETCH) {
      this.#move(r, logParameter, i0, Math.min(r.length, i0 + STRETCH))
      yield* breath()
    }
  }

  #move(r: Float64Array, logParameter: number, i0: number, i1: number): void {
    const p = this.#p
    for (let i = i0; i < i1; i++) {
      const R = r[i]! * r[i]!
      const logU = slack(R, p, logParameter, this.#logU[i]!)
      this.#logU[i] = logU
      const u = Math.exp(logU)
      // In terms of s = u/t^{2/p}, where nothing is cancelled.
      const s = u / (R + u)
      const above = p - 1 + s * (p * p - p / 2 + 1) - (p * p * s * s) / 2
      const below = 1 + (p / 2 - 1) * s + (p * p * s * s) / 2
      this.first[i] = (2 * r[i]!) / u
      this.second[i] = (2 * above) / (u * below)
    }
  }
}

/** Rows between two breaths. */
const STRETCH = 2 ** 13

/** A step of Newton's method after which nothing is left but rounding. */
const QUADRATIC = 1e-8

/**
 * log u, u = t^{2/p} − R at the minimum over t: the root of the falling function
 * log((2/p)(R/u + 1) + 2) − (p/2)·log(R + u) − log parameter, by Newton's method between bounds.
 */
function slack(R: number, p: number, logParameter: number, start: number): number {
  let [low, high] = [-Infinity, Infinity]
  let U = start
  for (let tries = 0; tries < 100; tries++) {
    const u = Math.exp(U)
    const a = (2 / p) * (R / u + 1) + 2
    const h = Math.log(a) - (p / 2) * Math.log(R + u) - logParameter
    if (h > 0) low = U
    else high = U
    const slope = -((2 / p) * (R / u)) / a - ((p / 2) * u) / (R + u)
    const step = -h / slope
    if (Math.abs(step) <= QUADRATIC) return U + step
    let next = U + step
    if (!(next > low && next < high)) {
      next = low === -Infinity ? U - 8 : high === Infinity ? U + 8 : (low + high) / 2
    }
    U = next
  }
  return U
}

/** c = B·y + rest with Bᵀ·rest = 0; projected twice, since once leaves rounding times the condition number. */
function projector(
  B: Matrix,
  X: Matrix | undefined,
): (c: Float64Array) => Steps<{ y: Float64Array; rest: Float64Array }> {
  return function* (c) {
    let y = new Float64Array(B.shape[1]!)
    let rest = c
    if (X === undefined) return { y, rest }
    for (let pass = 0; pass < 2; pass++) {
      const d = yield* times(X, yield* adjointTimes(X, yield* adjointTimes(B, rest)))
      const Bd = yield* times(B, d)
      y = y.map((v, j) => v + d[j]!)
      rest = rest.map((v, i) => v - Bd[i]!)
    }
    return { y, rest }
  }
}

const column = (x: Float64Array): Matrix => wrap(x, x.length, 1)

export function* times(A: Matrix, x: Float64Array): Steps<Float64Array> {
  return ((yield* multiplySteps(dense(A), dense(column(x)))) as Matrix).data
}

function* adjointTimes(A: Matrix, x: Float64Array): Steps<Float64Array> {
  return ((yield* multiplySteps(flip(dense(A)), dense(column(x)))) as Matrix).data
}

function dot(x: Float64Array, y: Float64Array): number {
  let sum = 0
  for (let i = 0; i < x.length; i++) sum += x[i]! * y[i]!
  return sum
}

/** |r|ᵖ⁻¹·sign r, in units of the largest |r|. */
function gradient(r: Float64Array, p: number): Float64Array {
  const largest = pNorm(r, Infinity) || 1
  return r.map((v) => Math.sign(v) * (Math.abs(v) / largest) ** (p - 1))
}

/** ‖x‖ₚ without powers that overflow; the maximum for p = Infinity. */
export function pNorm(x: Float64Array, p: number): number {
  let largest = 0
  for (let i = 0; i < x.length; i++) largest = Math.max(largest, Math.abs(x[i]!))
  if (p === Infinity || largest === 0) return largest
  let sum = 0
  for (let i = 0; i < x.length; i++) sum += (Math.abs(x[i]!) / largest) ** p
  return largest * sum ** (1 / p)
}
