import { dense, wrap } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { symmetricEigenSteps } from '../../linalg/dense/eigh.js'
import { ConvergenceError } from '../../linalg/errors.js'
import { frobenius } from '../../linalg/magnitude.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import {
  integer,
  nonNegative,
  oneOf,
  optional,
  positive,
  readOptions,
  withDefault,
} from '../../linalg/options.js'
import type { Reader } from '../../linalg/options.js'
import { fromSteps, report } from '../../linalg/steps.js'
import type { RunOptions, Steps } from '../../linalg/steps.js'
import { columnRange, scaledColumns } from '../../linalg/thin.js'
import type { Svd } from '../lowrank.js'
import { recoveredSteps, sensingSteps, symmetrize } from './measurements.js'
import type { AnyMeasurements, RecoveryMethod } from './measurements.js'

/** The rank and the steps of `recoverSubgradient`. */
export interface RecoverSubgradientOptions extends RunOptions {
  /** r′, at least the rank that is looked for; clamped to n. */
  readonly rank: number
  /** 'adaptive' (default): η₀ times the median residual; 'geometric': η₀·ρᵗ, t from where that begins to fall. */
  readonly schedule?: 'adaptive' | 'geometric' | undefined
  /** η₀, without units. Default 0.25. */
  readonly step?: number | undefined
  /** ρ in (0, 1) of 'geometric'. Default 0.99. */
  readonly decay?: number | undefined
  /**
   * α, ‖U‖_F at the start, in units of √‖X‖_F: what a surplus of columns adds in the end goes with it. Default 1e-9; for
   * 'geometric', whose steps may end before what is small has grown, 1e-6.
   */
  readonly initialScale?: number | undefined
  /**
   * Until the median of |yᵢ − ⟨Aᵢ, X⟩| is at most so much of that of |yᵢ|, or a 'geometric' step is: with noise, which
   * the median does not fall below, take that schedule or the level of the noise. Default 1e-6.
   */
  readonly rtol?: number | undefined
  /** Default 3000. */
  readonly maxIterations?: number | undefined
}

/** A step of `recoverSubgradient`. */
export interface SubgradientStep {
  /** median |yᵢ − ⟨Aᵢ, X⟩| / median |yᵢ| before the step. */
  readonly residual: number
  /** η */
  readonly step: number
}

/** A matrix, and what of its measurements it does not explain. */
export interface RecoveredMatrix {
  /** X = U·Uᵀ; its `errorEstimate` is the last residual, in the median. */
  readonly lowRank: Svd
  /** yᵢ − ⟨Aᵢ, X⟩ of the measurements that are outliers, more than eight medians off; zero for the others. */
  readonly sparse: Float64Array
  readonly rank: number
  readonly iterations: number
  /** median |yᵢ − ⟨Aᵢ, X⟩| / median |yᵢ| at the end. */
  readonly residual: number
  readonly history: readonly SubgradientStep[]
}

const FN = 'recoverSubgradient'

/** The median of |N(0, 1)|. */
const MEDIAN = 0.6744897501960817
/** More than five standard deviations. */
const OUTLYING = 8
/** Below this residual U is no longer the start: only then may steps become shorter. */
const GROWN = 0.9
/** Where the residual has grown so much, the step is too long. */
const DIVERGED = 1e6

/**
 * A positive semidefinite low-rank matrix from linear measurements of which a part is grossly wrong: min over U of
 * (1/m)·Σ |yᵢ − ⟨Aᵢ, U·Uᵀ⟩| by subgradient steps from a tiny start, which makes neither outliers nor surplus columns of U
 * matter.
 *
 * @param measurements - `{ shape: [n, n], sensors, values }`, or observed entries, for which the theory does not hold. The
 * sensors should be random and dense; with a part p of outliers some 5·n·rank/(1 − 2p)² of them, p well below 1/2.
 * @param options - `rank`; `schedule`, `step`, `decay`, `initialScale`, `rtol`, `maxIterations`.
 * @returns `{ lowRank, sparse, rank, iterations, residual, history }`. Measurements with `async: true` give a Promise.
 * @throws ConvergenceError, with the factors of least residual as `best`, after `maxIterations` or where the step is too
 * long; ShapeError, also for a shape that is not square or fewer than n measurements; NotFiniteError; OptionError.
 *
 * Cost of an iteration: two products of a vector with the sensors, 4mn² flops where they are a matrix, 4n²r′ flops, and
 * a sort of m numbers. Memory: two n × n matrices, since a subgradient is one, beside the sensors.
 *
 * Source: Ma and Fattahi 2023, "Global convergence of sub-gradient method for robust matrix recovery: small
 * initialization, noisy measurements, and over-parameterization", algorithm 1. Departures: sensors and X are scaled to
 * unit size, so that steps have no units; 'adaptive' takes the median of the residuals where the paper, without
 * outliers, takes their mean; a geometric schedule waits until U has grown.
 *
 * @example
 * ```ts
 * import { gram, matmul, matrix, random, recoverSubgradient } from 'lowrank'
 * const X = gram(random.normal([2, 10]))
 * const sensors = random.normal([400, 100], { seed: 1 })
 * const values = matmul(sensors, matrix(X.data, [100, 1])).data
 * for (let i = 0; i < 60; i++) values[i] = 1000
 * const { lowRank } = recoverSubgradient({ shape: [10, 10], sensors, values }, { rank: 5 })
 * lowRank.s   // two singular values of X, and three of about 0
 * ```
 */
export const recoverSubgradient: RecoveryMethod<RecoverSubgradientOptions, RecoveredMatrix> =
  /*#__PURE__*/ fromSteps(recoverSubgradientSteps, 1) as never

const fraction: Reader<number> = (value, fail) =>
  typeof value === 'number' && value > 0 && value < 1 ? value : fail('a number in (0, 1)')

const readers = {
  rank: integer(1),
  schedule: withDefault(oneOf('adaptive', 'geometric'), 'adaptive'),
  step: withDefault(positive, 0.25),
  decay: withDefault(fraction, 0.99),
  initialScale: optional(positive),
  rtol: withDefault(nonNegative, 1e-6),
  maxIterations: withDefault(integer(0), 3000),
}

function* recoverSubgradientSteps(
  given: AnyMeasurements,
  options: RecoverSubgradientOptions,
): Steps<RecoveredMatrix> {
  const plan = readOptions(FN, options, readers)
  const sensing = yield* sensingSteps(FN, given, 'symmetric')
  const n = sensing.shape[0]
  const k = Math.min(plan.rank, n)
  // ⟨Aᵢ, X⟩ is normal of deviation ‖X‖_F where the sensors are Gaussian; the mean is for sensors that mostly see nothing.
  const size = medianOfMagnitudes(sensing.y) || sensing.y.reduce((sum, x) => sum + Math.abs(x) / n, 0)
  const scale = size / MEDIAN
  const y = scale === 0 ? sensing.y : sensing.y.map((value) => value / scale)

  const geometric = plan.schedule === 'geometric'
  const alpha = plan.initialScale ?? (geometric ? 1e-6 : 1e-9)
  let U = yield* startSteps(yield* sensing.adjoint(y.map(Math.sign)), k, alpha)
  const history: SubgradientStep[] = []
  let best = { residual: Infinity, U, off: y }
  let grown: number | undefined
  for (let t = 0; ; t++) {
    const off = yield* sensing.apply((yield* multiplySteps(dense(U), dense(U.transpose(1, 0)))) as Matrix)
    for (let i = 0; i < off.length; i++) off[i] = y[i]! - off[i]!
    const residual = scale === 0 ? 0 : medianOfMagnitudes(off) / MEDIAN
    if (residual <= GROWN && grown === undefined) grown = t
    const factor = geometric ? plan.decay ** (t - (grown ?? t)) : Math.min(residual, 1)
    const step = plan.step * factor
    history.push({ residual, step })
    if (residual <= best.residual) best = { residual, U, off }
    const settled = geometric && step <= plan.rtol
    if (residual <= plan.rtol || settled) return yield* reachedSteps()
    if (t >= plan.maxIterations || !(residual < DIVERGED)) {
      const why = t >= plan.maxIterations ? 'the most allowed' : 'and growing: the step is too long'
      throw new ConvergenceError({
        fn: FN,
        argument: 'measurements',
        expected: `median |yᵢ − ⟨Aᵢ, X⟩| <= ${plan.rtol}·median |yᵢ|`,
        given: `${residual} after ${t} iterations, ${why}`,
        iterations: t,
        residual,
        best: yield* reachedSteps(),
      })
    }
    yield* report(FN, 'iterate', t, plan.maxIterations)
    const D = yield* sensing.adjoint(off.map(Math.sign))
    symmetrize(D)
    const { data } = (yield* multiplySteps(dense(D), dense(U))) as Matrix
    for (let e = 0; e < data.length; e++) data[e] = U.data[e]! + 2 * step * data[e]!
    U = wrap(data, n, k)
  }

  function* reachedSteps(): Steps<RecoveredMatrix> {
    const { residual, off } = best
    const quality = {
      passes: 2 * history.length,
      errorEstimate: residual,
      precision: sensing.precision,
    }
    const lowRank = yield* recoveredSteps(best.U, best.U, scale, quality)
    const sparse = off.map((x) => (Math.abs(x) > OUTLYING * MEDIAN * residual ? x * scale * sensing.gain : 0))
    return { lowRank, sparse, rank: k, iterations: history.length - 1, residual, history }
  }
}

/** α·B/‖B‖_F for B·Bᵀ the k largest eigenvalues of the symmetric part of C that are positive. */
function* startSteps(C: Matrix, k: number, alpha: number): Steps<Matrix> {
  symmetrize(C)
  const { values, vectors } = yield* symmetricEigenSteps(dense(C), 'full')
  const n = values.length
  const roots = values.slice(n - k).map((value) => Math.sqrt(Math.max(value, 0)))
  const B = scaledColumns(columnRange(vectors, n - k, n), roots)
  const size = frobenius(dense(B))
  if (size > 0) for (let e = 0; e < B.data.length; e++) B.data[e]! *= alpha / size
  return B
}

/** The upper median of |xᵢ|. */
function medianOfMagnitudes(x: Float64Array): number {
  return x.map(Math.abs).sort()[Math.floor(x.length / 2)]!
}
