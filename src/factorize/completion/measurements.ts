import { asVector, dense, volume, wrap } from '../../linalg/arrays.js'
import type { Matrix, VectorLike } from '../../linalg/arrays.js'
import { csr } from '../../linalg/operators/csr.js'
import type { Triplets } from '../../linalg/operators/csr.js'
import { operandSteps } from '../../linalg/operators/denseoperator.js'
import { ShapeError, describe } from '../../linalg/errors.js'
import { gaussianSteps } from '../../linalg/gaussian.js'
import { frobenius } from '../../linalg/magnitude.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import { indexList, precisionOf } from '../../linalg/operators.js'
import type { AnyOperator, AsyncLinearOperator, SyncOperand } from '../../linalg/operators.js'
import { adjointProduct, knownNorm, product } from '../../linalg/products.js'
import { orthonormalizeSteps } from '../../linalg/dense/qr.js'
import { STREAM } from '../../linalg/random.js'
import type { Steps } from '../../linalg/steps.js'
import { denseSvdSteps } from '../../linalg/dense/svd.js'
import { orient } from '../../linalg/thin.js'
import { innerSteps, svdResult } from '../lowrank.js'
import type { Quality, Svd } from '../lowrank.js'

/** m numbers ⟨Aᵢ, X⟩ of an n₁ × n₂ matrix X, through sensors of any kind. */
export interface SensedMatrix {
  /** n₁ × n₂ */
  readonly shape: readonly [number, number]
  /** m × n₁n₂: row i is Aᵢ, its rows one after another. A matrix, or an operator where Aᵢ have structure. */
  readonly sensors: SyncOperand
  /** m numbers. */
  readonly values: VectorLike
  readonly async?: false
}

/** The same with sensors that answer with Promises. */
export interface AsyncSensedMatrix extends Omit<SensedMatrix, 'sensors' | 'async'> {
  readonly sensors: AsyncLinearOperator
  readonly async: true
}

/** What is known of a matrix: numbers from sensors, or some of its entries. */
export type Measurements = SensedMatrix | Triplets
/** Measurements whose sensors answer at once, or by Promises. */
export type AnyMeasurements = Measurements | AsyncSensedMatrix

/** A method of measurements: what it answers with follows the sensors. */
export interface RecoveryMethod<O, T> {
  (measurements: Measurements, options: O): T
  (measurements: AsyncSensedMatrix, options: O): Promise<T>
  /** The same text run cooperatively: the event loop has its turn at least every 16 ms. */
  async(measurements: AnyMeasurements, options: O): Promise<T>
}

/** Measurements taken in, and so scaled that in the mean over random sensors adjoint(apply(X)) = X. */
export interface Sensing {
  readonly shape: readonly [number, number]
  /** What the sensors would have said at this scale. */
  readonly y: Float64Array
  /** What y is to be multiplied with to be what they did say. */
  readonly gain: number
  /** The relative rounding of both products. */
  readonly precision: number
  apply(X: Matrix): Steps<Float64Array>
  adjoint(w: Float64Array): Steps<Matrix>
}

/** Probes by which ‖A‖_F is estimated where the sensors do not know it. */
const PROBES = 10

/** Takes measurements in. `free` is what a matrix of rank 1 has to be found: fewer cannot say anything. */
export function* sensingSteps(fn: string, given: unknown, free: 'symmetric' | 'any'): Steps<Sensing> {
  const argument = 'measurements'
  if (given === null || typeof given !== 'object') {
    const expected = '{ shape, sensors, values } or { shape, rows, cols, values }'
    throw new ShapeError({ fn, argument, expected, given: describe(given) })
  }
  const { shape, sensors, values } = given as SensedMatrix
  const size = volume(shape, fn)
  const [n1, n2] = shape
  if (shape.length !== 2 || size === 0 || (free === 'symmetric' && n1 !== n2)) {
    const expected = free === 'symmetric' ? 'n × n, n >= 1' : 'n₁ × n₂, both >= 1'
    throw new ShapeError({ fn, argument: `${argument}.shape`, expected, given: shape.join('×') })
  }
  const y = asVector(values, fn, `${argument}.values`)
  const m = y.length
  const A =
    sensors === undefined
      ? entrySensors(fn, given as Triplets, m)
      : yield* operandSteps(sensors, fn, `${argument}.sensors`)
  if (A.shape[0] !== m || A.shape[1] !== size) {
    const expected = `${m}×${size}, a row of ${n1}·${n2} numbers for each value`
    throw new ShapeError({ fn, argument: `${argument}.sensors`, expected, given: A.shape.join('×') })
  }
  const least = free === 'symmetric' ? n1 : n1 + n2 - 1
  if (m < least) {
    const expected = `at least ${least}, as many as a matrix of rank 1 has to be found`
    throw new ShapeError({ fn, argument: `${argument}.values`, expected, given: `${m} numbers` })
  }
  const gain = (yield* normSteps(A)) / Math.sqrt(m) / Math.sqrt(size)
  if (gain === 0) {
    const expected = 'sensors that are not all zero'
    throw new ShapeError({ fn, argument: `${argument}.sensors`, expected, given: 'zeros' })
  }
  return {
    shape: [n1, n2],
    y: y.map((value) => value / gain),
    gain,
    precision: precisionOf(A),
    *apply(X) {
      const { data } = yield* product(A, wrap(X.data, size, 1))
      return data.map((value) => value / gain)
    },
    *adjoint(w) {
      const { data } = yield* adjointProduct(A, wrap(w, m, 1))
      return wrap(
        data.map((value) => value / gain / m),
        n1,
        n2,
      )
    },
  }
}

/** Observed entries as sensors with a single one. */
function entrySensors(fn: string, { shape, rows, cols }: Triplets, m: number): AnyOperator {
  const [n1, n2] = shape
  const I = indexList(rows, n1, 'measurements.rows', fn)
  const J = indexList(cols, n2, 'measurements.cols', fn)
  if (I.length !== m || J.length !== m || n1 * n2 >= 2 ** 31) {
    const argument = 'measurements.rows, cols, values'
    const expected = 'lists of equal length, and fewer than 2³¹ places'
    const given = `${I.length}, ${J.length} and ${m} of ${n1}×${n2}`
    throw new ShapeError({ fn, argument, expected, given })
  }
  return csr({
    shape: [m, n1 * n2],
    rows: I.map((_, e) => e),
    cols: I.map((i, e) => i * n2 + J[e]!),
    values: new Float64Array(m).fill(1),
  })
}

/** ‖A‖_F: E‖A·g‖² = ‖A‖_F² for a Gaussian g. */
function* normSteps(A: AnyOperator): Steps<number> {
  const known = yield* knownNorm(A)
  if (known !== undefined) return known
  const G = yield* gaussianSteps(A.shape[1], 0, PROBES, STREAM.sensorProbes, 0)
  return frobenius(dense(yield* product(A, G))) / Math.sqrt(PROBES)
}

/** A square matrix becomes its symmetric part. */
export function symmetrize({ data, shape }: Matrix): void {
  const n = shape[0]!
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      const mean = (data[i * n + j]! + data[j * n + i]!) / 2
      data[i * n + j] = mean
      data[j * n + i] = mean
    }
  }
}

/** scale·F·Gᵀ by its singular vectors. */
export function* recoveredSteps(
  F: Matrix,
  G: Matrix,
  scale: number,
  quality: Pick<Quality, 'passes' | 'errorEstimate' | 'precision'>,
): Steps<Svd> {
  const [P, Q] = [yield* orthonormalizeSteps(F), yield* orthonormalizeSteps(G)]
  const [R, T] = [yield* innerSteps(P, F), yield* innerSteps(Q, G)]
  const core = (yield* multiplySteps(dense(R), dense(T.transpose(1, 0)))) as Matrix
  const { U, s, Vt } = yield* denseSvdSteps(dense(core), 'thin')
  const left = (yield* multiplySteps(dense(P), dense(U))) as Matrix
  const right = (yield* multiplySteps(dense(Vt), dense(Q.transpose(1, 0)))) as Matrix
  orient(left, right)
  return svdResult(
    left,
    s.map((value) => value * scale),
    right,
    quality,
  )
}
