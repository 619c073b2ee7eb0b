import { asFiniteMatrix, asVector, contiguous, dense, isVector, tensor, wrap } from '../../linalg/arrays.js'
import type { Dense, Matrix, MatrixLike, Tensor } from '../../linalg/arrays.js'
import { cosineSteps } from '../../linalg/transforms/dct.js'
import { modeProductSteps, tensorOperandSteps } from '../../linalg/operators/densetensor.js'
import { ConvergenceError, NotFiniteError, OptionError, ShapeError, describe } from '../../linalg/errors.js'
import { maxAbs } from '../../linalg/magnitude.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import { integer, nonNegative, readOptions, withDefault } from '../../linalg/options.js'
import type { Reader } from '../../linalg/options.js'
import { STREAM, uniformBlock } from '../../linalg/random.js'
import { breath, fromSteps, report, runSync } from '../../linalg/steps.js'
import type { RunOptions, Steps } from '../../linalg/steps.js'
import { transposed } from '../../linalg/thin.js'
import { ROUNDING } from '../stopping.js'
import { tuckerReaders, tuckerSteps } from './tucker.js'
import type { Tucker } from './tucker.js'

/** Where `chebyshevTucker` approximates a function, and how closely. */
export interface ChebyshevTuckerOptions extends RunOptions {
  /** The interval [low, high] of each of the 2 to 4 variables. */
  readonly box: readonly (readonly [low: number, high: number])[]
  /** Polynomial degrees, one for all variables or one for each. By default they grow until `rtol` is met. */
  readonly degrees?: number | readonly number[] | undefined
  /** Until |f − f̂| ≤ rtol·max|f|. Default 10⁻⁸. */
  readonly rtol?: number | undefined
  /** At most these Tucker ranks, one for all variables or one for each. */
  readonly ranks?: number | readonly number[] | undefined
  /** The most values of f on one grid. Default 2²³. */
  readonly maxSamples?: number | undefined
}

/** f̂(x) = Σ core[i, j, …]·uᵢ(x₀)·vⱼ(x₁)·…, where uᵢ, vⱼ, … are polynomials. */
export interface ChebyshevTucker {
  /** ranks[0] × ranks[1] × … */
  readonly core: Tensor
  /** factors[n], (degrees[n] + 1) × ranks[n]: column i holds the Chebyshev coefficients of polynomial i. */
  readonly factors: readonly Matrix[]
  readonly ranks: Int32Array
  /** The degree of the polynomials in each variable. */
  readonly degrees: Int32Array
  /** The interval of each variable. */
  readonly box: readonly (readonly [low: number, high: number])[]
  /** Calls of f in all. */
  readonly samples: number
  /** The largest |f − f̂| at 256 random points of the box, as a part of the largest |f| seen. */
  readonly errorEstimate: number
  /** The norm of `errorEstimate`. */
  readonly errorNorm: 'max'
  /** f̂ at a point, or at the rows of a matrix. Points must lie in the box. */
  evaluate(x: ArrayLike<number>): number
  evaluate(X: MatrixLike): Float64Array
}

const boxReader: Reader<[number, number][]> = (value, fail) => {
  const intervals = Array.isArray(value) ? (value as unknown[]) : []
  const good = intervals.every((interval) => {
    const [low, high, ...more] = Array.isArray(interval) ? (interval as unknown[]) : []
    return (
      Number.isFinite(low) && Number.isFinite(high) && more.length === 0 && (low as number) < (high as number)
    )
  })
  if (!good || intervals.length < 2 || intervals.length > 4)
    return fail('2 to 4 intervals [low, high], low < high')
  return intervals.map((interval) => [...(interval as [number, number])])
}

const degreesReader: Reader<number | readonly number[] | undefined> = (value, fail) => {
  if (value === undefined) return undefined
  const list = (
    Array.isArray(value) || value instanceof Int32Array ? Array.from(value) : [value]
  ) as unknown[]
  if (!list.every((degree) => Number.isSafeInteger(degree) && (degree as number) >= 0)) {
    return fail('an integer >= 0, or one for each variable')
  }
  return typeof value === 'number' ? value : (list as number[])
}

/**
 * A low-rank, mesh-free form of a smooth function of 2 to 4 variables: Chebyshev interpolation in each
 * variable, and a Tucker decomposition of the values on the grid.
 *
 * f is sampled at the Chebyshev points of each variable (all combinations), the samples are decomposed by
 * ST-HOSVD, and a cosine transform turns the factors into Chebyshev coefficients. Where no degrees are given,
 * they begin at 8, and a variable's grows by half while the last two of its coefficients, the other variables
 * anywhere on the grid, are above rtol/10·max|f|. The tolerance of the Tucker decomposition begins at rtol and
 * is made smaller while the error at 256 random points is above rtol·max|f|; where that does not help, all
 * degrees grow. Between those points the error can be a few times rtol.
 *
 * @param f - called with a `Float64Array` of one coordinate per variable, which is reused: copy what is to be
 * kept. Answers with a number.
 * @param options - `box`, and optionally `degrees`, `rtol`, `ranks`, `maxSamples`.
 * @returns `{ evaluate, core, factors, ranks, degrees, samples, errorEstimate, errorNorm: 'max', … }`.
 * `chebyshevTucker.async` runs cooperatively, but for what f itself takes.
 * @throws NotFiniteError where f answers with NaN or ±Infinity, with the index on the grid; ConvergenceError
 * where `maxSamples` are not enough for `rtol`, which carries the result of the last grid (where `ranks` limit
 * the error, that is no failure); OptionError; ShapeError from `evaluate`; `signal.reason` on an abort.
 * Cost: Π (degree + 1) calls of f for the last grid and about as many again for those before; an ST-HOSVD of
 * the grid. `evaluate` takes 2·Σ (degree + 1)·rank + 2·Π rank flops a point, as matrix products for many.
 * Source: Benner, Khoromskij, Khoromskaia, Sun 2025, hybrid Chebyshev–Tucker tensor format. Departures: the
 * samples are decomposed in place of the coefficients, which is the same decomposition in another orthogonal
 * basis, so that only the factors are transformed; the tolerance is checked at random points.
 *
 * @example
 * ```ts
 * import { chebyshevTucker } from 'lowrank'
 * const near = chebyshevTucker(([x, y, z]) => 1 / Math.sqrt(0.1 + x * x + y * y + z * z), {
 *   box: [[0, 1], [0, 1], [0, 1]],
 *   rtol: 1e-6,
 * })
 * near.evaluate([0.1, 0.2, 0.3])                       // 2.0412…
 * near.evaluate([[0.1, 0.2, 0.3], [0.5, 0.5, 0.5]])    // both at once
 * ```
 */
export const chebyshevTucker: {
  (f: (x: Float64Array) => number, options: ChebyshevTuckerOptions): ChebyshevTucker
  async(f: (x: Float64Array) => number, options: ChebyshevTuckerOptions): Promise<ChebyshevTucker>
} = /*#__PURE__*/ fromSteps(chebyshevTuckerSteps, 1)

const FN = 'chebyshevTucker'
/** The degree that all begin with. */
const FIRST = 8
/** Random points at which the result is looked at. */
const CHECKS = 256

function* chebyshevTuckerSteps(
  f: (x: Float64Array) => number,
  options: ChebyshevTuckerOptions,
): Steps<ChebyshevTucker> {
  const {
    box,
    degrees: given,
    rtol,
    ranks,
    maxSamples,
  } = readOptions(FN, options, {
    box: boxReader,
    degrees: degreesReader,
    rtol: withDefault(nonNegative, 1e-8),
    ranks: tuckerReaders.ranks,
    maxSamples: withDefault(integer(1), 2 ** 23),
  })
  if (typeof f !== 'function') {
    throw new ShapeError({ fn: FN, argument: 'f', expected: 'a function', given: describe(f) })
  }
  let degrees = startingDegrees(given, box.length)
  const tolerance = Math.max(rtol, ROUNDING * 2 ** -52)
  const checks = checkPoints(box)
  const truth = sampleAt(f, checks)
  let samples = CHECKS
  let best: ChebyshevTucker | undefined
  for (let round = 0; ; round++) {
    const size = degrees.reduce((product, degree) => product * (degree + 1), 1)
    if (size > maxSamples) {
      throw new ConvergenceError({
        fn: FN,
        argument: 'options.maxSamples',
        expected: `at least ${size} values for degrees ${degrees.join(', ')}`,
        given: String(maxSamples),
        iterations: round,
        residual: best?.errorEstimate ?? Infinity,
        ...(best && { best }),
      })
    }
    const F = yield* sampledSteps(f, box, degrees)
    samples += size
    const grown = given === undefined ? yield* grownSteps(F, degrees, tolerance) : undefined
    const unresolved = grown !== undefined && grown.some((degree, n) => degree > degrees[n]!)
    const last = unresolved && grown.reduce((product, degree) => product * (degree + 1), 1) > maxSamples
    if (!unresolved || last) {
      best = yield* fittedSteps(F, { box, degrees, tolerance, ranks, checks, truth, samples })
      if (given !== undefined || ranks !== undefined || best.errorEstimate <= tolerance) return best
    }
    degrees = unresolved ? grown : degrees.map(larger)
  }
}

function startingDegrees(given: number | readonly number[] | undefined, count: number): number[] {
  if (typeof given !== 'object') return new Array<number>(count).fill(given ?? FIRST)
  if (given.length === count) return [...given]
  throw new OptionError({
    fn: FN,
    argument: 'options.degrees',
    expected: `${count} degrees, one for each interval of the box`,
    given: describe(given),
  })
}

type Box = readonly (readonly [low: number, high: number])[]

/** Random points inside the box, one per row. */
function checkPoints(box: Box): Matrix {
  const d = box.length
  const points = uniformBlock({ seed: 0, stream: STREAM.chebyshevPoints, i0: 0, i1: CHECKS, j0: 0, j1: d })
  for (let e = 0; e < points.length; e++) {
    const [low, high] = box[e % d]!
    points[e] = Math.min(high, low + (high - low) * points[e]!)
  }
  return wrap(points, CHECKS, d)
}

function sampleAt(f: (x: Float64Array) => number, { data, shape }: Matrix): Float64Array {
  const [count = 0, d = 0] = shape
  return Float64Array.from({ length: count }, (_, p) => {
    const x = data.slice(p * d, p * d + d)
    return finite(f(x), `f at (${data.slice(p * d, p * d + d).join(', ')})`, [p])
  })
}

function finite(value: unknown, argument: string, index: readonly number[]): number {
  if (Number.isFinite(value)) return value as number
  const given = typeof value === 'number' ? value : NaN
  throw new NotFiniteError({ fn: FN, argument, value: given, index: [...index] })
}

/** cos(π(j + ½)/m), mapped to [low, high]: the zeros of the Chebyshev polynomial of degree m. */
const chebyshevPoints = (m: number, [low, high]: readonly [number, number]): Float64Array =>
  Float64Array.from({ length: m }, (_, j) => {
    const t = Math.cos((Math.PI * (j + 0.5)) / m)
    return low * ((1 - t) / 2) + high * ((1 + t) / 2)
  })

/** f on the grid, a line of the last variable between two breaths. */
function* sampledSteps(f: (x: Float64Array) => number, box: Box, degrees: readonly number[]): Steps<Tensor> {
  const shape = degrees.map((degree) => degree + 1)
  const grid = box.map((interval, n) => chebyshevPoints(shape[n]!, interval))
  const last = box.length - 1
  const length = shape[last]!
  const F = tensor(new Float64Array(shape.reduce((product, size) => product * size, 1)), shape)
  const index = shape.map(() => 0)
  const x = new Float64Array(box.length)
  for (let line = 0; line < F.size / length; line++) {
    if (line % 256 === 0) yield* report(FN, 'samples', line * length, F.size)
    else yield* breath()
    for (let j = 0; j < length; j++) {
      for (let n = 0; n < last; n++) x[n] = grid[n]![index[n]!]!
      x[last] = grid[last]![j]!
      const value = f(x)
      if (!Number.isFinite(value)) finite(value, `f at (${x.join(', ')})`, [...index.slice(0, last), j])
      F.data[line * length + j] = value
    }
    for (let n = last - 1; n >= 0; n--) {
      if (++index[n]! < shape[n]!) break
      index[n] = 0
    }
  }
  return F
}

/** The degrees, larger where the last two coefficients of a variable, all others on the grid, are not negligible. */
function* grownSteps(F: Tensor, degrees: readonly number[], tolerance: number): Steps<number[]> {
  const largest = maxAbs(line(F.data))
  const grown = [...degrees]
  for (const [n, degree] of degrees.entries()) {
    const m = degree + 1
    const D = wrap(new Float64Array(2 * m), 2, m)
    for (let e = 0; e < 2 * m; e++) {
      const k = m - 2 + Math.floor(e / m)
      D.data[e] = (2 / m) * Math.cos((Math.PI * k * (2 * (e % m) + 1)) / (2 * m))
    }
    const ends = maxAbs(line((yield* modeProductSteps(F, D, n)).data))
    if (ends > (tolerance / 10) * largest) grown[n] = larger(degree)
  }
  return grown
}

/** Half as large again, and even. */
const larger = (degree: number): number => 2 * Math.ceil(0.75 * degree)

/** Numbers as a matrix of one row. */
const line = (data: Float64Array): Dense => dense(wrap(data, 1, data.length))

interface Fit {
  readonly box: Box
  readonly degrees: readonly number[]
  readonly tolerance: number
  readonly ranks: number | readonly number[] | undefined
  readonly checks: Matrix
  readonly truth: Float64Array
  readonly samples: number
}

/** The Tucker decomposition of the samples, with a tolerance that is small enough at the points looked at. */
function* fittedSteps(F: Tensor, fit: Fit): Steps<ChebyshevTucker> {
  const { box, degrees, tolerance, ranks, checks, truth, samples } = fit
  const operand = yield* tensorOperandSteps(F, FN, 'f')
  const largest = Math.max(maxAbs(line(F.data)), maxAbs(line(truth)))
  for (let rtol = tolerance; ; rtol /= 2) {
    const plan = readOptions(FN, { rtol, ranks }, tuckerReaders)
    const { core, factors, ranks: found } = yield* tuckerSteps(FN, operand, plan)
    const coefficients = yield* coefficientsSteps(factors)
    const evaluate = (X: Matrix): Float64Array => runSync(evaluateSteps(X, core, coefficients, box))
    const values = evaluate(checks)
    const worst = maxAbs(line(values.map((value, p) => value - truth[p]!)))
    const errorEstimate = largest === 0 ? 0 : worst / largest
    if (errorEstimate > tolerance && rtol > ROUNDING * 2 ** -52 && ranks === undefined) continue
    return {
      core,
      factors: coefficients,
      ranks: found,
      degrees: Int32Array.from(degrees),
      box,
      samples,
      errorEstimate,
      errorNorm: 'max',
      evaluate: ((x: ArrayLike<number> | MatrixLike) => {
        const single = isVector(x)
        const d = box.length
        const X = single ? wrap(asVector(x, 'evaluate', 'x', d), 1, d) : asFiniteMatrix(x, 'evaluate', 'x')
        const found = evaluate(inside(contiguous(X), box))
        return single ? found[0]! : found
      }) as ChebyshevTucker['evaluate'],
    }
  }
}

/** The Chebyshev coefficients of the polynomials that take the factors' values at the points. */
function* coefficientsSteps(factors: Tucker['factors']): Steps<Matrix[]> {
  const all: Matrix[] = []
  for (const U of factors) {
    const lines = transposed(U)
    const [r = 0, m = 0] = lines.shape
    yield* cosineSteps(lines.data, r, m)
    for (let e = 0; e < lines.data.length; e++) lines.data[e]! *= Math.sqrt((e % m === 0 ? 1 : 2) / m)
    all.push(transposed(lines))
  }
  return all
}

/** Checks that points lie in the box, up to rounding. */
function inside(X: Matrix, box: Box): Matrix {
  const d = box.length
  const bad = X.data.findIndex((x, e) => {
    const [low, high] = box[e % d]!
    const slack = 4 * 2 ** -52 * (Math.abs(low) + Math.abs(high))
    return x < low - slack || x > high + slack
  })
  if (X.shape[1] !== d || bad >= 0) {
    throw new ShapeError({
      fn: 'evaluate',
      argument: 'x',
      expected: `points of ${d} coordinates in the box ${box.map(([low, high]) => `[${low}, ${high}]`).join(' × ')}`,
      given: X.shape[1] === d ? `${X.data[bad]!} at [${Math.floor(bad / d)}, ${bad % d}]` : X.shape.join('×'),
    })
  }
  return X
}

/** Points that are evaluated at a time. */
const POINTS = 1024

function* evaluateSteps(X: Matrix, core: Tensor, factors: readonly Matrix[], box: Box): Steps<Float64Array> {
  const [count = 0, d = 0] = X.shape
  const out = new Float64Array(count)
  if (core.size === 0) return out
  const [first, ...others] = core.shape
  for (let p = 0; p < count; p += POINTS) {
    const block = Math.min(POINTS, count - p)
    // The first mode as one product, the others point by point.
    let rest = others.reduce((product, size) => product * size, 1)
    const A = yield* polynomialsSteps(X, p, block, 0, box[0]!, factors[0]!)
    let H = ((yield* multiplySteps(dense(A), dense(wrap(core.data, first!, rest)))) as Matrix).data
    for (let n = 1; n < d; n++) {
      const V = yield* polynomialsSteps(X, p, block, n, box[n]!, factors[n]!)
      rest /= core.shape[n]!
      H = contracted(H, V, rest)
    }
    out.set(H, p)
  }
  return out
}

/** The values of a variable's polynomials at points [p, p + count): count × rank. */
function* polynomialsSteps(
  X: Matrix,
  p: number,
  count: number,
  n: number,
  [low, high]: readonly [number, number],
  factor: Matrix,
): Steps<Matrix> {
  const m = factor.shape[0]!
  const d = X.shape[1]!
  const values = wrap(new Float64Array(count * m), count, m)
  const T = values.data
  for (let i = 0; i < count; i++) {
    const x = X.data[(p + i) * d + n]!
    const t = Math.max(-1, Math.min(1, (x - low + (x - high)) / (high - low)))
    T[i * m] = 1
    if (m > 1) T[i * m + 1] = t
    for (let k = 2, o = i * m + 2; k < m; k++, o++) T[o] = 2 * t * T[o - 1]! - T[o - 2]!
  }
  return (yield* multiplySteps(dense(values), dense(factor))) as Matrix
}

/** Row i of H, an r × rest matrix, times row i of V from the left. */
function contracted(H: Float64Array, V: Matrix, rest: number): Float64Array<ArrayBuffer> {
  const [count = 0, r = 0] = V.shape
  const out = new Float64Array(count * rest)
  for (let i = 0, h = 0; i < count; i++) {
    for (let j = 0; j < r; j++) {
      const v = V.data[i * r + j]!
      for (let e = i * rest; e < (i + 1) * rest; e++, h++) out[e]! += v * H[h]!
    }
  }
  return out
}
