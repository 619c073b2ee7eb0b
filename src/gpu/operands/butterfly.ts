import { asMatrix, asVector, checkFinite, contiguous, dense, wrap } from '../../linalg/arrays.js'
import type { Matrix, MatrixLike } from '../../linalg/arrays.js'
import { NotFiniteError, ShapeError, describe } from '../../linalg/errors.js'
import type { Complex } from '../../linalg/transforms/fft.js'
import type { Shape } from '../../linalg/operators.js'
import { inverseOf } from '../../linalg/dense/pivots.js'
import { runAsync, wait } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { withScratch } from '../engines/engine.js'
import type { DeviceArray, Engine } from '../engines/engine.js'
import type { Held, Lease, Site } from './held.js'
import { disposable, gpuOperator } from './operand.js'
import type { GpuOperator, OnGpu } from './operand.js'
import { addScaled, columnExponents, packColumns } from './scale.js'
import { runStages, sizeOf, uploadStages } from './stages.js'
import type { Level, Order, Run, Stage } from './stages.js'
import { sweepSteps } from './sweep.js'

/** A butterfly matrix X_L ⋯ X_1·P, real or complex, by what is read of it. */
export interface ButterflyLike {
  readonly shape: Shape
  /** In the order in which they are applied. */
  readonly factors: readonly Level[]
  /** (P·x)[i] = x[permutation[i]] */
  readonly permutation: Int32Array
  readonly complex: boolean
}

/** A complex butterfly matrix on a device. */
export interface GpuComplexButterfly extends OnGpu {
  readonly async: true
  readonly complex: true
  readonly shape: Shape
  /** B·X, n × k; a real X is one without imaginary part. */
  matmat(X: MatrixLike | Complex<MatrixLike>): Promise<Complex<Matrix>>
  /** Bᴴ·Y, n × k. */
  rmatmat(Y: MatrixLike | Complex<MatrixLike>): Promise<Complex<Matrix>>
  /** B·x for a vector. */
  matvec(re: ArrayLike<number>, im?: ArrayLike<number>): Promise<Complex<Float64Array>>
}

/** Row numbers travel as float32. */
const EXACT = 2 ** 24

/** All levels on the device. */
interface Levels {
  readonly n: number
  readonly stages: readonly Stage[]
  /** Undefined where nothing is permuted. */
  readonly order: Order | undefined
  readonly scale: number
  readonly site: Site
  readonly held: Held
}

/** Puts a butterfly matrix on the device. */
export async function uploadButterfly(
  B: ButterflyLike,
  fn: string,
  site: Site,
): Promise<GpuOperator | GpuComplexButterfly> {
  const n = checkedSize(B, fn)
  const { engine, limits } = site
  const arrays: DeviceArray[] = []
  const held = site.hold('the butterfly on the GPU', () => arrays.forEach((array) => array.free()))
  const stages = await uploadStages(n, B.factors, engine, limits.side, arrays)
  const put = async (order: Int32Array): Promise<DeviceArray> => {
    const array = await engine.array(Float32Array.from(order), [n], 'held')
    arrays.push(array)
    return array
  }
  const order = B.permutation.some((from, i) => from !== i)
    ? { forward: await put(B.permutation), inverse: await put(inverseOf(B.permutation)) }
    : undefined
  const scale = stages.reduce((sum, stage) => sum + stage.scale, 0)
  const levels = { n, stages, order, scale, site, held }
  return B.complex ? complexOperand(levels) : realOperand(levels)
}

function checkedSize(B: ButterflyLike, fn: string): number {
  const { factors, permutation } = (B ?? {}) as Partial<ButterflyLike>
  const n = permutation?.length ?? 0
  if (!Array.isArray(factors) || n < 2 || n !== 2 ** factors.length || n > EXACT) {
    const expected = `a butterfly matrix of 2 to ${EXACT} points`
    throw new ShapeError({ fn, argument: 'B', expected, given: n > EXACT ? `${n} points` : describe(B) })
  }
  const finite = (part: Float64Array | undefined): boolean => part?.every(Number.isFinite) ?? true
  const bad = (factors as Level[]).findIndex(({ re, im }) => !finite(re) || !finite(im))
  if (bad < 0) return n
  const { re, im } = (factors as Level[])[bad]!
  const part = finite(re) ? im! : re
  const at = part.findIndex((x) => !Number.isFinite(x))
  throw new NotFiniteError({ fn, argument: `B.factors[${bad}]`, value: part[at]!, index: [at] })
}

/** The stages on k columns that lie row by row: real ones, or real parts and then imaginary parts. */
function run(
  { stages, order, site }: Levels,
  engine: Engine,
  data: Float32Array,
  k: number,
  adjoint: boolean,
  from: Run['from'],
  to: Run['to'],
): Promise<Float32Array> {
  const side = site.limits.side
  return withScratch(async (own) => {
    const width = from === 'complex' ? 2 * k : k
    const rows = data.length / width
    const X = own(await engine.array(data, sizeOf(width, rows, side), 'passing'))
    const there = { k, side, rows, adjoint, from, to, order }
    return engine.read(own(await runStages(engine, stages, X, there)))
  })
}

/** The real part of the butterfly, as an operator. */
function realOperand(levels: Levels): GpuOperator {
  const { n, scale, held } = levels
  const all = { start: 0, count: n }
  const product = (fn: string, argument: string, X: Matrix, adjoint: boolean): Steps<Matrix> =>
    held.use(fn, (lease) => {
      const multiply = (engine: Engine, data: Float32Array, k: number) =>
        run(levels, engine, data, k, adjoint, 'real', 'real')
      const parts = [{ inner: all, outer: all, multiply }]
      return sweepSteps(lease, { fn, argument, X, rows: n, scale, limits: halved(levels), parts })
    })
  return gpuOperator([n, n], held, {
    matmat: (X) => product('matmat', 'X', X, false),
    rmatmat: (Y) => product('rmatmat', 'Y', Y, true),
  })
}

/** Arrays between the stages have imaginary parts beside the real ones. */
function halved({ site: { limits }, stages }: Levels): Site['limits'] {
  return stages.some(({ complex }) => complex) ? { ...limits, bytes: limits.bytes / 2 } : limits
}

function complexOperand(levels: Levels): GpuComplexButterfly {
  const { n, held } = levels
  const product = async (fn: string, X: MatrixLike | Complex<MatrixLike>, adjoint: boolean) => {
    const taken = takenComplex(X, n, fn)
    return runAsync(held.use(fn, (lease) => complexSteps(levels, lease, fn, taken, adjoint)))
  }
  return {
    async: true,
    complex: true,
    shape: [n, n],
    matmat: (X) => product('butterfly.matmat', X, false),
    rmatmat: (Y) => product('butterfly.rmatmat', Y, true),
    async matvec(re, im) {
      const fn = 'butterfly.matvec'
      const column = (x: ArrayLike<number>, name: string): Matrix => wrap(asVector(x, fn, name, n), n, 1)
      const X = im === undefined ? column(re, 're') : { re: column(re, 're'), im: column(im, 'im') }
      const Y = await product(fn, X, false)
      return { re: Y.re.data, im: Y.im.data }
    },
    ...disposable(held),
  }
}

interface Planes {
  readonly re: Matrix
  readonly im?: Matrix
}

/** B·X or Bᴴ·X, some columns at a time; the parts of a column are scaled alike. */
function* complexSteps(
  levels: Levels,
  lease: Lease,
  fn: string,
  { re, im }: Planes,
  adjoint: boolean,
): Steps<Complex<Matrix>> {
  const { n, scale, site } = levels
  const columns = re.shape[1]!
  const out = {
    re: wrap(new Float64Array(n * columns), n, columns),
    im: wrap(new Float64Array(n * columns), n, columns),
  }
  const all = { start: 0, count: n }
  const width = Math.max(1, Math.floor(Math.min(site.limits.columns, site.limits.bytes / 8 / n)))
  for (let first = 0; first < columns; first += width) {
    const exponents = columnExponents(re, first, Math.min(width, columns - first))
    if (im)
      columnExponents(im, first, exponents.length).forEach(
        (e, j) => (exponents[j] = Math.max(e, exponents[j]!)),
      )
    const k = exponents.length
    const stride = im ? 2 * k : k
    const data = new Float32Array(n * stride)
    packColumns(re, all, first, exponents, data, stride)
    if (im) packColumns(im, all, first, exponents, data.subarray(k), stride)
    const from = im ? 'complex' : 'real'
    const answer = yield* wait(lease.run((engine) => run(levels, engine, data, k, adjoint, from, 'complex')))
    const finite = addScaled(answer, 2 * k, all, exponents, scale, out.re, first)
    if (!addScaled(answer.subarray(k), 2 * k, all, exponents, scale, out.im, first) || !finite) {
      checkFinite(dense(out.re), fn, 'its answer')
      checkFinite(dense(out.im), fn, 'its answer')
    }
  }
  return out
}

function takenComplex(X: MatrixLike | Complex<MatrixLike>, n: number, fn: string): Planes {
  const taken = (part: unknown, argument: string): Matrix => {
    const M = contiguous(asMatrix(part, fn, argument))
    checkFinite(dense(M), fn, argument)
    if (M.shape[0] === n) return M
    throw new ShapeError({ fn, argument, expected: `${n} rows`, given: M.shape.join('×') })
  }
  if (typeof X !== 'object' || X === null || !('re' in X)) return { re: taken(X, 'X') }
  const [re, im] = [taken(X.re, 'X.re'), taken(X.im, 'X.im')]
  if (re.shape[1] === im.shape[1]) return { re, im }
  const [expected, given] = [`${re.shape[1]} columns, as X.re`, `${im.shape[1]}`]
  throw new ShapeError({ fn, argument: 'X.im', expected, given })
}
