import { asVector, emptyMatrix, wrap } from '../../linalg/arrays.js'
import type { Matrix, VectorLike } from '../../linalg/arrays.js'
import { operandSteps } from '../../linalg/operators/denseoperator.js'
import { NotFiniteError, ShapeError } from '../../linalg/errors.js'
import { norm2 } from '../../linalg/magnitude.js'
import type { AnyOperator, Operand } from '../../linalg/operators.js'
import { adjointProduct, product } from '../../linalg/products.js'
import { wait } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'

// An optimisation problem with equality constraints, what its callbacks say at one point, and how far to go on
// from there.

/** min f(x) with c(x) = 0. What the callbacks are handed is not theirs to change. */
export interface ConstrainedProblem {
  /** True where callbacks answer with Promises: so does the method then. */
  readonly async?: boolean
  /** What is minimised. */
  f(x: Float64Array): number | PromiseLike<number>
  /** ∇f, n numbers. */
  gradient(x: Float64Array): VectorLike | PromiseLike<VectorLike>
  /** m numbers. */
  c(x: Float64Array): VectorLike | PromiseLike<VectorLike>
  /** The derivative of c, m × n: a matrix or an operator. */
  jacobian(x: Float64Array): Operand | PromiseLike<Operand>
  /** ∇²f + Σⱼ λⱼ·∇²cⱼ, n × n: a matrix or an operator. It is affine in λ, and asked for any λ. */
  hessian(x: Float64Array, lambda: Float64Array): Operand | PromiseLike<Operand>
}

/** A point (x, λ) and the first derivatives there, vectors as columns. */
export interface Point {
  /** [x; λ] */
  readonly u: Float64Array
  readonly x: Float64Array
  readonly lambda: Float64Array
  readonly f: number
  readonly J: AnyOperator
  /** [∇ₓL; c], which is 0 where (x, λ) satisfies the Karush–Kuhn–Tucker conditions. */
  readonly kkt: Float64Array
  readonly gradL: Matrix
  readonly c: Matrix
  /** J·∇ₓL */
  readonly w: Matrix
  readonly residual: number
}

/** η₁ and η₂ of the merit function L + (η₁/2)·‖c‖² + (η₂/2)·‖J·∇ₓL‖². */
export type Penalties = readonly [eta1: number, eta2: number]

export const column = (x: Float64Array): Matrix => wrap(x, x.length, 1)

export function dot(x: Float64Array, y: Float64Array): number {
  let sum = 0
  for (let i = 0; i < x.length; i++) sum += x[i]! * y[i]!
  return sum
}

/** What the problem says at u = [x; λ]; undefined where f is not finite, which is an error `at the start`. */
export function* pointSteps(
  fn: string,
  problem: ConstrainedProblem,
  u: Float64Array,
  n: number,
  atTheStart: boolean,
): Steps<Point | undefined> {
  const m = u.length - n
  const [x, lambda] = [u.subarray(0, n), u.subarray(n)]
  const f = yield* wait(problem.f(x))
  if (!Number.isFinite(f)) {
    if (atTheStart) throw new NotFiniteError({ fn, argument: 'problem.f', value: f, index: [] })
    return undefined
  }
  const kkt = new Float64Array(n + m)
  kkt.set(asVector(yield* wait(problem.gradient(x)), fn, 'problem.gradient', n))
  kkt.set(asVector(yield* wait(problem.c(x)), fn, 'problem.c', m), n)
  const [gradL, c] = [column(kkt.subarray(0, n)), column(kkt.subarray(n))]
  const J =
    m === 0
      ? yield* operandSteps(emptyMatrix(0, n), fn, 'problem.jacobian')
      : yield* derivativeSteps(fn, 'problem.jacobian', yield* wait(problem.jacobian(x)), m, n)
  const forces = yield* adjointProduct(J, column(lambda))
  for (let i = 0; i < n; i++) gradL.data[i]! += forces.data[i]!
  return { u, x, lambda, f, J, kkt, gradL, c, w: yield* product(J, gradL), residual: norm2(kkt) }
}

/** ∇²L at x for any λ. */
export function* hessianSteps(
  fn: string,
  problem: ConstrainedProblem,
  x: Float64Array,
  lambda: Float64Array,
): Steps<AnyOperator> {
  const H = yield* wait(problem.hessian(x, lambda))
  return yield* derivativeSteps(fn, 'problem.hessian', H, x.length, x.length)
}

function* derivativeSteps(
  fn: string,
  argument: string,
  given: Operand,
  m: number,
  n: number,
): Steps<AnyOperator> {
  const A = yield* operandSteps(given, fn, argument)
  if (A.shape[0] === m && A.shape[1] === n) return A
  throw new ShapeError({ fn, argument, expected: `${m}×${n}`, given: A.shape.join('×') })
}

export const meritOf = ({ f, lambda, c, w }: Point, [eta1, eta2]: Penalties): number =>
  f + dot(lambda, c.data) + (eta1 / 2) * dot(c.data, c.data) + (eta2 / 2) * dot(w.data, w.data)

/** Shortest step that is tried, and the part of the promised decrease that it must bring. */
const SHORTEST = 2 ** -40
const ARMIJO = 1e-4

/** The first point of z, z/2, z/4, … from `at` that lowers the merit as the slope promises. */
export function* searchSteps(
  fn: string,
  problem: ConstrainedProblem,
  at: Point,
  { z, slope, penalties }: { z: Float64Array; slope: number; penalties: Penalties },
): Steps<{ point: Point; length: number } | undefined> {
  const before = meritOf(at, penalties)
  // Near a solution the decrease is less than the rounding of the merit.
  const rounding = 2 ** -50 * z.length * (Math.abs(at.f) + Math.abs(before))
  for (let length = 1; length >= SHORTEST; length /= 2) {
    const u = at.u.map((value, i) => value + length * z[i]!)
    const point = yield* pointSteps(fn, problem, u, at.x.length, false)
    if (point === undefined) continue
    const merit = meritOf(point, penalties)
    if (Number.isFinite(merit) && merit <= before + ARMIJO * length * slope + rounding)
      return { point, length }
  }
  return undefined
}
