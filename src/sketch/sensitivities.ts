import { wrap } from '../linalg/arrays.js'
import type { Matrix } from '../linalg/arrays.js'
import { ConvergenceError } from '../linalg/errors.js'
import { norm2 } from '../linalg/magnitude.js'
import { method } from '../linalg/operators.js'
import type { Method, Operand } from '../linalg/operators.js'
import { oneOf, readOptions, withDefault } from '../linalg/options.js'
import { report } from '../linalg/steps.js'
import type { RunOptions, Steps } from '../linalg/steps.js'
import { lewisSteps } from './lewis.js'
import { lpSolveSteps, times } from './lpsolve.js'
import { entriesSteps, rowBasisSteps } from './rowbasis.js'
import { exponent } from './samplerows.js'

/** The norm of `sensitivities`, and whether they are bounded or computed. */
export interface SensitivityOptions extends RunOptions {
  /** The norm, p >= 1. */
  readonly p: number
  /** 'bound' (default) by Lewis weights; 'exact' by one regression for each row. */
  readonly method?: 'bound' | 'exact' | undefined
}

/** Bounds gain nothing from weights closer than this, and hold for any. */
const TOL = 1e-6
const MAX_ITERATIONS = 200
/** Relative, of 'exact', for ‖Ax‖ₚ; and the Newton steps it may take. */
const GAP = 1e-9
const MAX_NEWTON = 500

/**
 * Upper bounds of the ℓp sensitivities max over x of |aᵢx|ᵖ/‖Ax‖ₚᵖ of the rows of A: what a row can add at most to
 * the p-th power of a p-norm. They lie in [0, 1] and do not change where the columns of A are recombined.
 *
 * 'bound': for any weights w > 0 with M = AᵀW^{1 − 2/p}A and qᵢ = aᵢᵀM⁻¹aᵢ, Hölder's inequality gives
 * qᵢ^{p/2}·κ^{2/p − 1} for p <= 2, with κ = max qⱼ^{p/2}/wⱼ, and qᵢ^{p/2}·(Σw)^{p/2 − 1} for p >= 2. At the Lewis
 * weights, where κ = 1 and Σw = r, the rank, that is wᵢ and r^{p/2 − 1}·wᵢ. The least of these bounds over all
 * iterates of `lewisWeights`, which start at w = r/m, and of 1 is returned; no bound relies on convergence. For
 * p = 2 they are the sensitivities: the leverage scores. For p = 1 and rows in all directions alike they are
 * √(2r/π) times too large.
 *
 * 'exact': min ‖Ax‖ₚ over aᵢx = 1 for each row, to a certified relative gap of 10⁻⁹ in that norm; the upper end
 * is returned.
 *
 * Both are raised by a few p·max(m, n)·eps, for rounding. Singular values of A up to max(m, n)·eps·σ₀ count as 0;
 * bounds hold for a matrix within a few max(m, n)·eps·‖A‖ of A.
 *
 * @param A - m × n matrix or operator, meant for m > n.
 * @returns m numbers.
 * @throws ConvergenceError of 'exact', where a gap does not close; OptionError; ShapeError; NotFiniteError;
 * `signal.reason` on an abort.
 * Cost: 'bound' that of about 15 iterations (p <= 4) of `lewisWeights`. 'exact' m regressions, each of 20 to 40 Newton steps
 * of 2mr² flops: for thousands of rows at most.
 * Source: Cohen and Peng 2015, "ℓp row sampling by Lewis weights"; Woodruff and Yasuda 2023, "Sharper bounds for
 * ℓp sensitivity sampling". Departures: bounds from any weights, proved by Hölder's inequality as above.
 *
 * @example
 * ```ts
 * import { sensitivities } from 'lowrank'
 * sensitivities([[1, 0], [0, 1], [0, 2]], { p: 1 })   // 1, 1/3, 2/3
 * ```
 */
export const sensitivities: Method<[options: SensitivityOptions], Float64Array> =
  /*#__PURE__*/ method(sensitivitiesSteps)

const FN = 'sensitivities'

function* sensitivitiesSteps(given: Operand, options: SensitivityOptions): Steps<Float64Array> {
  const plan = readOptions(FN, options, {
    p: exponent,
    method: withDefault(oneOf('bound', 'exact'), 'bound'),
  })
  const { matrix, precision } = yield* entriesSteps(given, FN)
  const { B } = yield* rowBasisSteps(matrix, precision)
  const [m = 0, r = 0] = B.shape
  const bounds =
    plan.method === 'exact' && plan.p !== 2 ? yield* exactSteps(B, plan.p) : yield* boundSteps(B, plan.p)
  const rounding = 1 + 8 * plan.p * Math.max(m, r) * precision
  return bounds.map((bound) => Math.min(1, rounding * bound))
}

function* boundSteps(B: Matrix, p: number): Steps<Float64Array> {
  const m = B.shape[0]!
  let least: Float64Array | undefined
  const { indices } = yield* lewisSteps(FN, B, p, TOL, MAX_ITERATIONS, (logW, logQ) => {
    const common = p < 2 ? (2 / p - 1) * logKappa(logW, logQ, p) : (p / 2 - 1) * logSum(logW)
    least ??= new Float64Array(logQ.length).fill(Infinity)
    for (let t = 0; t < logQ.length; t++) least[t] = Math.min(least[t]!, (p / 2) * logQ[t]! + common)
  })
  const bounds = new Float64Array(m)
  indices.forEach((i, t) => (bounds[i] = Math.exp(least![t]!)))
  return bounds
}

/** log κ */
function logKappa(logW: Float64Array, logQ: Float64Array, p: number): number {
  return logQ.reduce((most, q, t) => Math.max(most, (p / 2) * q - logW[t]!), -Infinity)
}

const logSum = (logW: Float64Array): number => Math.log(logW.reduce((sum, s) => sum + Math.exp(s), 0))

/**
 * With bᵢ = β·u of length β and Z an orthonormal basis of what is orthogonal to u, y = u/β + Z·v are the y with
 * bᵢy = 1: a regression for v.
 */
function* exactSteps(B: Matrix, p: number): Steps<Float64Array> {
  const [m = 0, r = 0] = B.shape
  const exact = new Float64Array(m)
  for (let i = 0; i < m; i++) {
    const row = B.data.slice(i * r, (i + 1) * r)
    const beta = norm2(row)
    if (beta === 0) continue
    const { BZ, Bu } = yield* splitSteps(
      B,
      row.map((v) => v / beta),
    )
    const solution = yield* lpSolveSteps(FN, BZ, Bu, p, GAP, MAX_NEWTON)
    if (!solution.converged) {
      throw new ConvergenceError({
        fn: FN,
        argument: 'A',
        expected: `a relative gap of at most ${GAP} in the regression of each row`,
        given: `a larger one for row ${i}`,
        iterations: solution.iterations,
        residual: 1 - solution.lower / solution.value,
      })
    }
    exact[i] = (beta / solution.lower) ** p
    yield* report(FN, 'rows', i + 1, m)
  }
  return exact
}

/** B·u, and B·Z for the columns Z of a reflection that takes u to a coordinate axis. */
function* splitSteps(B: Matrix, u: Float64Array): Steps<{ BZ: Matrix; Bu: Float64Array }> {
  const [m = 0, r = 0] = B.shape
  // v = u ± e₀, with the sign that cancels nothing; I − v·vᵀ/|v₀| is the reflection.
  const v = u.slice()
  v[0]! += u[0]! < 0 ? -1 : 1
  const Bu = yield* times(B, u)
  const Bv = yield* times(B, v)
  const pivot = Math.abs(v[0]!)
  const BZ = new Float64Array(m * (r - 1))
  for (let i = 0, o = 0; i < m; i++) {
    for (let j = 1; j < r; j++) BZ[o++] = B.data[i * r + j]! - (Bv[i]! * v[j]!) / pivot
  }
  return { BZ: wrap(BZ, m, r - 1), Bu }
}
