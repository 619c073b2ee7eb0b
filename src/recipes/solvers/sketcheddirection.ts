import { wrap } from '../../linalg/arrays.js'
import { adjoint } from '../../linalg/operators/adjoint.js'
import { csr } from '../../linalg/operators/csr.js'
import { norm2 } from '../../linalg/magnitude.js'
import type { AnyOperator } from '../../linalg/operators.js'
import { adjointProduct, product } from '../../linalg/products.js'
import { stacked } from '../../linalg/operators/stacked.js'
import type { Steps } from '../../linalg/steps.js'
import { sum } from '../../linalg/operators/sum.js'
import { projector } from '../../sketch/sketchandproject.js'
import { column, dot, hessianSteps } from './constrainedproblem.js'
import type { ConstrainedProblem, Penalties, Point } from './constrainedproblem.js'

// The direction of a step of an exact augmented Lagrangian method, by sketch and project.

export interface Direction {
  /** [Δx; Δλ] */
  readonly z: Float64Array
  /** The derivative of the merit along z, below 0. */
  readonly slope: number
  /** With which z is one of descent. */
  readonly penalties: Penalties
  readonly sketches: number
}

export interface DirectionPlan {
  readonly accuracy: number
  readonly sketch: 'coordinate' | 'gaussian'
  readonly blockSize: number
  readonly maxSketches: number
  readonly seed: number
  /** Sketches that were made before. */
  readonly first: number
}

/** Times the accuracy: how exact a direction is before it is held against the penalties. */
const EXACT = 0.1
/** How often the penalties change, and ridges are tried, for one direction. */
const CHANGES = 10
const RIDGES = 5

/** A direction of descent that solves the Newton system nearly; undefined where none was found. */
export function* directionSteps(
  fn: string,
  problem: ConstrainedProblem,
  at: Point,
  penalties: Penalties,
  plan: DirectionPlan,
): Steps<Direction | undefined> {
  const H = yield* hessianSteps(fn, problem, at.x, at.lambda)
  const parts = yield* gradientPartsSteps(fn, problem, at, H)
  let sketches = 0
  let ridge = 0
  for (let attempt = 0; attempt < RIDGES; attempt++) {
    const K = newtonMatrix(H, at.J, ridge)
    const found = yield* solveSteps(K, at, parts, penalties, { ...plan, first: plan.first + sketches })
    sketches += found.sketches
    if (found.slope < 0) return { ...found, sketches }
    // ∇²L is not positive definite on the null space of J, or nearly singular there.
    const dx = found.z.subarray(0, at.x.length)
    const bent = norm2((yield* product(H, column(dx))).data)
    ridge = ridge > 0 ? 10 * ridge : (bent === 0 ? 1 : bent / norm2(dx)) / 100
  }
  return undefined
}

/** The gradient of the merit is the sum of these three, the last two times η₁ and η₂. */
type GradientParts = readonly [Float64Array, Float64Array, Float64Array]

function* gradientPartsSteps(
  fn: string,
  problem: ConstrainedProblem,
  { x, lambda, J, c, w, gradL, kkt }: Point,
  H: AnyOperator,
): Steps<GradientParts> {
  const n = x.length
  const [ofC, ofW] = [new Float64Array(kkt.length), new Float64Array(kkt.length)]
  const Jtw = yield* adjointProduct(J, w)
  ofC.set((yield* adjointProduct(J, c)).data)
  // Σⱼ wⱼ·∇²cⱼ is what the Hessian of L changes by from λ to λ + w.
  const shifted = lambda.map((value, j) => value + w.data[j]!)
  const bent = yield* product(yield* hessianSteps(fn, problem, x, shifted), gradL)
  const straight = yield* product(H, gradL)
  const HJtw = yield* product(H, Jtw)
  for (let i = 0; i < n; i++) ofW[i] = HJtw.data[i]! + bent.data[i]! - straight.data[i]!
  ofW.set((yield* product(J, Jtw)).data, n)
  return [kkt, ofC, ofW]
}

/** [[H + ridge·I, Jᵀ], [J, 0]] */
function newtonMatrix(H: AnyOperator, J: AnyOperator, ridge: number): AnyOperator {
  const n = H.shape[0]
  const diagonal = Int32Array.from({ length: n }, (_, i) => i)
  const values = new Float64Array(n).fill(ridge)
  const ridged = ridge === 0 ? H : sum(H, csr({ shape: [n, n], rows: diagonal, cols: diagonal, values }))
  return J.shape[0] === 0
    ? ridged
    : stacked([
        [ridged, adjoint(J)],
        [J, null],
      ])
}

/** Sketches until z is accurate and one of descent; slope 0 where it is not after all that is allowed. */
function* solveSteps(
  K: AnyOperator,
  { x, kkt, residual }: Point,
  parts: GradientParts,
  penalties: Penalties,
  plan: DirectionPlan,
): Steps<Direction> {
  const project = projector(K, plan)
  const N = kkt.length
  const Z = wrap(new Float64Array(N), N, 1)
  const right = column(kkt.map((value) => -value))
  const rest = new Float64Array(N)
  let [eta1, eta2] = penalties
  let sketches = 0
  const answer = (slope: number): Direction => ({ z: Z.data, slope, penalties: [eta1, eta2], sketches })
  while (sketches < plan.maxSketches) {
    yield* project(plan.first + sketches++, Z, right)
    const KZ = yield* product(K, Z)
    for (let i = 0; i < N; i++) rest[i] = KZ.data[i]! + kkt[i]!
    const error = norm2(rest) / residual
    if (error > plan.accuracy) continue
    const slopes = parts.map((part) => dot(part, Z.data)) as [number, number, number]
    for (let changes = 0; ; changes++) {
      const slope = slopes[0] + eta1 * slopes[1] + eta2 * slopes[2]
      if (slope <= -0.05 * eta2 * residual * residual) return answer(slope)
      if (error > EXACT * plan.accuracy && sketches < plan.maxSketches) break
      // No change of the penalties makes a direction of negative curvature a good one.
      if (changes === CHANGES || curvature(Z.data, KZ.data, x.length) <= 0) return answer(0)
      eta1 *= 2
      eta2 /= 2
    }
  }
  return answer(0)
}

/** Δxᵀ(∇²L + ridge·I)Δx, where K·z = [(∇²L + ridge·I)Δx + JᵀΔλ; J·Δx]. */
function curvature(z: Float64Array, Kz: Float64Array, n: number): number {
  return dot(z.subarray(0, n), Kz) - dot(z.subarray(n), Kz.subarray(n))
}
