import { dense, wrap } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { ConvergenceError } from '../../linalg/errors.js'
import { gaussianSteps } from '../../linalg/gaussian.js'
import { norm2 } from '../../linalg/magnitude.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import {
  integer,
  nonNegative,
  oneOf,
  optional,
  positive,
  readOptions,
  seed,
  withDefault,
} from '../../linalg/options.js'
import { STREAM } from '../../linalg/random.js'
import { fromSteps, report } from '../../linalg/steps.js'
import type { RunOptions, Steps } from '../../linalg/steps.js'
import { denseSvdSteps } from '../../linalg/dense/svd.js'
import { scaledColumns } from '../../linalg/thin.js'
import { innerSteps } from '../lowrank.js'
import type { Svd } from '../lowrank.js'
import { recoveredSteps, sensingSteps, symmetrize } from './measurements.js'
import type { AnyMeasurements, RecoveryMethod } from './measurements.js'

/** The rank, method and steps of `matrixSensing`. */
export interface MatrixSensingOptions extends RunOptions {
  /** k, the columns of the factors: at least the rank that is looked for; clamped to min(n₁, n₂). */
  readonly rank: number
  /**
   * 'symmetric': X = F·Fᵀ, positive semidefinite; 'asymmetric': X = F·Gᵀ; 'modified' (default): the same, and once all
   * singular values of F are made equal.
   */
  readonly method?: 'symmetric' | 'asymmetric' | 'modified' | undefined
  /** η, in units of 1/‖X‖₂. Default 0.25. */
  readonly step?: number | undefined
  /** α, the size of the random start, in units of √‖X‖₂. Default 0.5, for 'symmetric' 0.1. */
  readonly initialScale?: number | undefined
  /** β, what the singular values of F are made ('modified'), in units of √‖X‖₂. Default 0.7. */
  readonly balance?: number | undefined
  /** The residual at which they are ('modified'). Default 0.1. */
  readonly modifyAt?: number | undefined
  /** Until ‖y − ⟨Aᵢ, X⟩‖ ≤ rtol·‖y‖. Default 1e-6; with noise, its level. */
  readonly rtol?: number | undefined
  /** Default 5000. */
  readonly maxIterations?: number | undefined
  /** An integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/** A step of `matrixSensing`. */
export interface SensingStep {
  /** ‖y − ⟨Aᵢ, X⟩‖ / ‖y‖ before the step. */
  readonly residual: number
}

/** A matrix recovered by `matrixSensing` from inner products with it, and how the iteration went. */
export interface MatrixSensing {
  /** X; its `errorEstimate` is the last residual, which these sensors have seen. */
  readonly lowRank: Svd
  /** Columns of the factors; singular values that nothing speaks for are tiny. */
  readonly rank: number
  readonly iterations: number
  /** ‖y − ⟨Aᵢ, X⟩‖ / ‖y‖ at the end. */
  readonly residual: number
  readonly history: readonly SensingStep[]
  /** The iteration at which F was changed ('modified'). */
  readonly modifiedAt: number | undefined
}

const FN = 'matrixSensing'

/** Where the residual has grown so much, the step is too long. */
const DIVERGED = 1e6

/**
 * A low-rank matrix from linear measurements, by gradient descent on its factors, from a small random start, with more
 * columns than its rank. What the surplus costs depends on the parameters: with X = F·Fᵀ the error falls like 1/T; with
 * X = F·Gᵀ and starts of unequal size linearly, the faster the larger the start; with one change of basis in
 * between linearly at a rate that neither the start nor the surplus slows.
 *
 * @param measurements - `{ shape, sensors, values }`, or observed entries `{ shape, rows, cols, values }`. Random sensors
 * (Gaussian, say) need a few times rank·(n₁ + n₂); of entries, each row and column needs some times the rank.
 * @param options - `rank`; `method`, `step`, `initialScale`, `balance`, `modifyAt`, `rtol`, `maxIterations`, `seed`.
 * @returns `{ lowRank, rank, iterations, residual, history, modifiedAt }`. Measurements with `async: true` give a Promise.
 * @throws ConvergenceError, with the factors of least residual as `best`, after `maxIterations` or where the step is too
 * long; ShapeError, also for fewer measurements than n₁ + n₂ − 1, or n for 'symmetric'; NotFiniteError; OptionError.
 *
 * Cost of an iteration: two products of a vector with the sensors, 4mn₁n₂ flops where they are a matrix, and
 * 6n₁n₂k flops. Memory: three n₁ × n₂ matrices, since a gradient is one, beside the sensors.
 *
 * Source: Xiong, Ding and Du 2024, "How over-parameterization slows down gradient descent in matrix sensing: the curses
 * of symmetry and initialization", equations 1.3 and 1.4 and section 5. Departures: sensors and X are scaled to
 * unit size, so that steps have no units; the modification comes when the residual says so, not at a given iteration.
 *
 * @example
 * ```ts
 * import { matmul, matrix, matrixSensing, random } from 'lowrank'
 * const X = matmul(random.normal([10, 2]), random.normal([2, 8], { seed: 1 }))
 * const sensors = random.normal([240, 80], { seed: 2 })
 * const values = matmul(sensors, matrix(X.data, [80, 1])).data
 * const { lowRank } = matrixSensing({ shape: [10, 8], sensors, values }, { rank: 4 })
 * lowRank.s   // two singular values of X, and two of about 0
 * ```
 */
export const matrixSensing: RecoveryMethod<MatrixSensingOptions, MatrixSensing> = /*#__PURE__*/ fromSteps(
  matrixSensingSteps,
  1,
) as never

const readers = {
  rank: integer(1),
  method: withDefault(oneOf('symmetric', 'asymmetric', 'modified'), 'modified'),
  step: withDefault(positive, 0.25),
  initialScale: optional(positive),
  balance: withDefault(positive, 0.7),
  modifyAt: withDefault(positive, 0.1),
  rtol: withDefault(nonNegative, 1e-6),
  maxIterations: withDefault(integer(0), 5000),
  seed,
}

function* matrixSensingSteps(given: AnyMeasurements, options: MatrixSensingOptions): Steps<MatrixSensing> {
  const plan = readOptions(FN, options, readers)
  const symmetric = plan.method === 'symmetric'
  const sensing = yield* sensingSteps(FN, given, symmetric ? 'symmetric' : 'any')
  const [n1, n2] = sensing.shape
  const k = Math.min(plan.rank, n1, n2)
  const start = plan.initialScale ?? (symmetric ? 0.1 : 0.5)
  const back = yield* sensing.adjoint(sensing.y)
  if (symmetric) symmetrize(back)
  const scale = (yield* denseSvdSteps(dense(back), 'none')).s[0]!
  const y = scale === 0 ? sensing.y : sensing.y.map((value) => value / scale)
  const size = norm2(y)

  let F = yield* startSteps(n1, 0, k, start, plan.seed)
  let G = symmetric ? F : yield* startSteps(n2, k, 2 * k, start / 3, plan.seed)
  const history: SensingStep[] = []
  let best = { residual: Infinity, F, G }
  let modifiedAt: number | undefined
  for (let t = 0; ; t++) {
    const X = (yield* multiplySteps(dense(F), dense(G.transpose(1, 0)))) as Matrix
    const off = yield* sensing.apply(X)
    for (let i = 0; i < off.length; i++) off[i]! -= y[i]!
    const residual = size === 0 ? 0 : norm2(off) / size
    history.push({ residual })
    if (residual <= best.residual) best = { residual, F, G }
    if (residual <= plan.rtol) return yield* reachedSteps()
    if (t >= plan.maxIterations || !(residual < DIVERGED)) {
      const why = t >= plan.maxIterations ? 'the most allowed' : 'and growing: the step is too long'
      throw new ConvergenceError({
        fn: FN,
        argument: 'measurements',
        expected: `‖y − ⟨Aᵢ, X⟩‖ <= ${plan.rtol}·‖y‖`,
        given: `${residual} after ${t} iterations, ${why}`,
        iterations: t,
        residual,
        best: yield* reachedSteps(),
      })
    }
    yield* report(FN, 'iterate', t, plan.maxIterations)
    if (plan.method === 'modified' && modifiedAt === undefined && residual <= plan.modifyAt) {
      ;[F, G] = yield* balancedSteps(F, G, plan.balance)
      modifiedAt = t
    }
    const R = yield* sensing.adjoint(off)
    if (symmetric) symmetrize(R)
    const next = yield* descendedSteps(F, R, G, plan.step)
    G = symmetric ? next : yield* descendedSteps(G, R.transpose(1, 0), F, plan.step)
    F = next
  }

  function* reachedSteps(): Steps<MatrixSensing> {
    const { residual } = best
    const passes = 2 * history.length
    const zero = size === 0 ? 0 : scale
    const quality = { passes, errorEstimate: residual, precision: sensing.precision }
    const lowRank = yield* recoveredSteps(best.F, best.G, zero, quality)
    return { lowRank, rank: k, iterations: history.length - 1, residual, history, modifiedAt }
  }
}

/** Columns of about unit length, times α. */
function* startSteps(n: number, j0: number, j1: number, alpha: number, seed: number): Steps<Matrix> {
  const N = yield* gaussianSteps(n, j0, j1, STREAM.sensingStart, seed)
  return wrap(
    N.data.map((x) => (alpha * x) / Math.sqrt(n)),
    n,
    j1 - j0,
  )
}

/** F − η·R·G */
function* descendedSteps(F: Matrix, R: Matrix, G: Matrix, step: number): Steps<Matrix> {
  const { data } = (yield* multiplySteps(dense(R), dense(G))) as Matrix
  for (let e = 0; e < data.length; e++) data[e] = F.data[e]! - step * data[e]!
  return wrap(data, F.shape[0]!, F.shape[1]!)
}

/** β·P and G·B·diag(s)/β for F = P·diag(s)·Bᵀ: the same product, and no direction in which F is small. */
function* balancedSteps(F: Matrix, G: Matrix, beta: number): Steps<[Matrix, Matrix]> {
  const { U, s, Vt } = yield* denseSvdSteps(dense(F), 'thin')
  const GB = yield* innerSteps(G.transpose(1, 0), Vt.transpose(1, 0))
  return [
    scaledColumns(U, new Float64Array(s.length).fill(beta)),
    scaledColumns(
      GB,
      s.map((value) => value / beta),
    ),
  ]
}
