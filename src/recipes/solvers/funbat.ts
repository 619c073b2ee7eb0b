import { asFiniteMatrix, asVector } from '../../linalg/arrays.js'
import type { Matrix, MatrixLike, VectorLike } from '../../linalg/arrays.js'
import { OptionError, ShapeError } from '../../linalg/errors.js'
import { integer, oneOf, positive, readOptions, seed, withDefault } from '../../linalg/options.js'
import type { Reader } from '../../linalg/options.js'
import { fromSteps, report, runSync } from '../../linalg/steps.js'
import type { RunOptions, Steps } from '../../linalg/steps.js'
import { FunctionalTucker } from './functionaltucker.js'

/** The ranks and processes of FunBaT, and how long it is fitted. */
export interface FunbatOptions extends RunOptions {
  /** Rank of each mode, or one for all. */
  readonly ranks: number | readonly number[]
  /** Length scale of the processes of each mode, or one for all. */
  readonly length: number | readonly number[]
  /** Matérn smoothness. Default 1.5. */
  readonly nu?: 0.5 | 1.5 | undefined
  /** Sweeps over modes, core and noise. Default 25. */
  readonly sweeps?: number | undefined
  /** Random starts, of which the best bound is kept. Default 3. */
  readonly restarts?: number | undefined
  /** An integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/** A function fitted by FunBaT, with its uncertainty. */
export interface Funbat {
  /** Mean and variance of the function, without noise, at the rows of N × d points. */
  predict(points: MatrixLike): { mean: Float64Array; variance: Float64Array }
  /** Standard deviation of the noise. */
  readonly noise: number
  /** The variational lower bound after each sweep, of the best start: it does not fall. */
  readonly history: Float64Array
}

/**
 * Functional Bayesian Tucker decomposition: a function of d continuous coordinates from scattered noisy values,
 * y ≈ Σ W[r₁, …, r_d]·u₁ᵣ₁(x₁)⋯u_dᵣ_d(x_d), each uₙᵣ a Matérn Gaussian process of its own coordinate.
 *
 * @param points - N × d coordinates, in any order, repeated or not. @param y - N values; they are centred, so a rank
 * more than the function itself has may be wanted.
 * @returns `predict`, also between and beyond the coordinates, `noise` and `history`.
 * @throws ShapeError, NotFiniteError, OptionError; `signal.reason` on an abort.
 * Cost: a sweep N·P² + P³ + Σ Jₙ·(2Rₙ)³ flops, P = ΠRₙ, Jₙ distinct coordinates in mode n: linear in the data.
 * Source: Fang, Yu, Wang, Li, Kirby and Zhe 2024, "Functional Bayesian Tucker decomposition for continuous-indexed tensor
 * data". Departure: coordinate ascent on the variational bound with Gaussian factors takes the place of conditional
 * expectation propagation, and a point estimate that of the noise's Gamma posterior.
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { solvers } from 'lowrank/recipes'
 * const points = random.uniform([80, 2])
 * const y = Array.from({ length: 80 }, (_, i) => Math.sin(4 * points.get(i, 0)) * points.get(i, 1))
 * solvers.funbat(points, y, { ranks: 1, length: 0.4, sweeps: 5, restarts: 1 }).predict([[0.5, 0.5]])
 * ```
 */
export const funbat: {
  (points: MatrixLike, y: VectorLike, options: FunbatOptions): Funbat
  async(points: MatrixLike, y: VectorLike, options: FunbatOptions): Promise<Funbat>
} = /*#__PURE__*/ fromSteps(funbatSteps, 2)

const FN = 'funbat'
/** Sweeps before the noise is looked for. */
const HELD = 8

const anyNumbers: Reader<number | readonly number[]> = (value, fail) =>
  typeof value === 'number' || Array.isArray(value)
    ? (value as number | number[])
    : fail('a number, or one for each mode')

/** One for each mode, each as `accept` has it. */
function each(given: number | readonly number[], d: number, name: string, reader: Reader<number>): number[] {
  const list = typeof given === 'number' ? new Array<number>(d).fill(given) : Array.from(given)
  const argument = `options.${name}`
  if (list.length !== d)
    throw new OptionError({ fn: FN, argument, expected: `${d} of them`, given: String(list.length) })
  return list.map((x) =>
    reader(x, (expected) => {
      throw new OptionError({ fn: FN, argument, expected, given: String(x) })
    }),
  )
}

function* funbatSteps(given: MatrixLike, values: VectorLike, options: FunbatOptions): Steps<Funbat> {
  const plan = readOptions(FN, options, {
    ranks: anyNumbers,
    length: anyNumbers,
    nu: withDefault(oneOf(0.5, 1.5), 1.5),
    sweeps: withDefault(integer(1), 25),
    restarts: withDefault(integer(1), 3),
    seed,
  })
  const points = asFiniteMatrix(given, FN, 'points')
  const [N, d] = [points.shape[0]!, points.shape[1]!]
  if (N === 0 || d === 0) {
    throw new ShapeError({ fn: FN, argument: 'points', expected: 'a point at least', given: `${N}×${d}` })
  }
  const raw = asVector(values, FN, 'y', N)
  const ranks = each(plan.ranks, d, 'ranks', integer(1))
  const kernels = each(plan.length, d, 'length', positive).map((length) => ({
    nu: plan.nu,
    length,
    variance: 1,
  }))
  const mean = raw.reduce((sum, x) => sum + x / N, 0)
  const size = Math.sqrt(raw.reduce((sum, x) => sum + (x - mean) ** 2 / N, 0)) || 1
  const y = raw.map((x) => (x - mean) / size)
  const axes = Array.from({ length: d }, (_, n) => Array.from({ length: N }, (_, i) => points.get(i, n)))
  const coordinates = axes.map((axis) => Float64Array.from(new Set(axis)).sort())
  const where = axes.map((axis, n) => {
    const place = new Map(Array.from(coordinates[n]!, (x, j) => [x, j]))
    return Int32Array.from(axis, (x) => place.get(x)!)
  })
  let best: FunctionalTucker | undefined
  for (let start = 0; start < plan.restarts; start++) {
    const held = Math.min(HELD, Math.floor(plan.sweeps / 3))
    const fit = new FunctionalTucker(
      ranks,
      kernels,
      coordinates,
      where,
      y,
      held,
      plan.seed * plan.restarts + start,
    )
    for (let sweep = 0; sweep < plan.sweeps; sweep++) {
      yield* report(FN, 'sweeps', start * plan.sweeps + sweep, plan.restarts * plan.sweeps)
      yield* fit.sweepSteps()
    }
    if (best === undefined || fit.history.at(-1)! > best.history.at(-1)!) best = fit
  }
  const found = best!
  return {
    noise: size / Math.sqrt(found.tau),
    history: Float64Array.from(found.history),
    predict(wanted) {
      const X = asFiniteMatrix(wanted, `${FN}.predict`, 'points')
      if (X.shape[1] !== d) {
        const fn = `${FN}.predict`
        throw new ShapeError({ fn, argument: 'points', expected: `${d} columns`, given: X.shape.join('×') })
      }
      const f = runSync(found.predictSteps(X as Matrix))
      return { mean: f.mean.map((x) => mean + size * x), variance: f.variance.map((x) => size * size * x) }
    },
  }
}
