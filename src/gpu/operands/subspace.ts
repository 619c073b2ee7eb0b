import { checkFinite, dense, eye, wrap } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { subtractMeans, subtractSums } from '../../linalg/operators/centered.js'
import { choleskySteps } from '../../linalg/dense/cholesky.js'
import { NotPositiveDefiniteError } from '../../linalg/errors.js'
import type { ProductSteps } from '../../linalg/operators.js'
import { orthonormalizeSteps } from '../../linalg/dense/qr.js'
import { solveTriangular } from '../../linalg/dense/solvetriangular.js'
import { runAsync, wait } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { paddedTo4, withScratch } from '../engines/engine.js'
import type { Block, DeviceArray, Engine, Limits } from '../engines/engine.js'
import { entrywiseKernel } from '../engines/kernels.js'
import type { Lease } from './held.js'
import { SINGLE } from './operand.js'
import { addScaled, columnExponents, factors, packColumns } from './scale.js'
import { fittingColumns, notFinite } from './sweep.js'

// Subspace iteration without leaving the device. What the host would do between two products, a QR factorization of
// some thousand rows, takes it longer than the products take a GPU; here only k × k numbers cross.

/** Divisions by a triangle; one is enough for independent columns, each more takes some 10³ off a condition number. */
const PASSES = 4
/** A pivot of a Gram matrix of columns of length 1 that says that they were independent. */
const INDEPENDENT = 0.25

/** A on the device as one block, that is 2^scale times what lies there, and its products. */
export interface Iterated {
  readonly block: Block
  readonly scale: number
  readonly limits: Limits
  readonly products: Pick<ProductSteps, 'matmat' | 'rmatmat'>
}

/** Columns with the range of (C·Cᵀ)^q·Y for C = A, or A − 1·meanᵀ. */
export function* subspaceSteps(
  lease: Lease,
  { block: A, scale, limits, products }: Iterated,
  Y: Matrix,
  q: number,
  mean: Float64Array | undefined,
): Steps<Matrix> {
  const k = Y.shape[1]!
  // The columns of one part of Y would not know of the others.
  if (k > fittingColumns(Math.max(A.rows, A.cols), limits)) return yield* onHostSteps(products, Y, q, mean)
  checkFinite(dense(Y), 'subspace', 'Y')
  const [rows, width] = [{ start: 0, count: A.rows }, paddedTo4(k)]
  const data = new Float32Array(paddedTo4(A.rows) * width)
  packColumns(Y, rows, 0, columnExponents(Y, 0, k), data, width)
  const [f, g] = factors(-scale)
  const shift = mean && Float32Array.from(mean, (x) => x * f * g)
  const found = yield* wait(lease.run((engine) => iterated(engine, A, data, k, q, shift)))
  const out = wrap(new Float64Array(A.rows * k), A.rows, k)
  if (!addScaled(found, width, rows, new Int32Array(k), 0, out, 0)) throw notFinite('subspace', out)
  return out
}

/** The same by products that cross, with a QR factorization between them. */
function* onHostSteps(
  { matmat, rmatmat }: Iterated['products'],
  Y: Matrix,
  q: number,
  mean: Float64Array | undefined,
): Steps<Matrix> {
  let Q = Y
  for (let i = 0; i < q; i++) {
    const P = yield* orthonormalizeSteps(Q)
    const CtP = yield* rmatmat(P)
    const Z = yield* orthonormalizeSteps(mean ? subtractSums(CtP, P, mean) : CtP)
    Q = yield* matmat(Z)
    if (mean) Q = subtractMeans(Q, Z, mean)
  }
  return Q
}

/**
 * (C·Cᵀ)^q·Y with columns made independent before each product, C = A − 1·shiftᵀ. `Y` and the answer have k columns in rows of
 * `paddedTo4(k)`, a row for each padded row of A. 4mnkq flops, and some 4(m + n)k² for each of the q rounds.
 */
function iterated(
  engine: Engine,
  A: Block,
  Y: Float32Array,
  k: number,
  q: number,
  shift: Float32Array | undefined,
): Promise<Float32Array> {
  return withScratch(async (own) => {
    let Q: DeviceArray = own(await engine.array(Y, [paddedTo4(k), paddedTo4(A.rows)], 'held'))
    // 1 and the shift as matrices of one column.
    const ones = shift && own(await column(engine, new Float32Array(A.rows).fill(1)))
    const means = shift && own(await column(engine, shift))
    for (let half = 0; half < 2 * q; half++) {
      const adjoint = half % 2 === 0
      const basis = await independent(engine, Q, k)
      const [left, right] = adjoint ? [means, ones] : [ones, means]
      const next = await shiftedProduct(engine, A, adjoint, basis, left, right).finally(() => basis.free())
      Q.free()
      Q = own(next)
    }
    return engine.read(Q)
  })
}

const column = (engine: Engine, x: Float32Array): Promise<Block> =>
  engine.upload(x.length, 1, (first, count) => {
    const rows = new Float32Array(4 * count)
    for (let i = 0; i < count; i++) rows[4 * i] = x[first + i] ?? 0
    return rows
  })

/** A·Q − u·(vᵀQ), or with Aᵀ where `adjoint`; without u and v nothing is subtracted. */
async function shiftedProduct(
  engine: Engine,
  A: Block,
  adjoint: boolean,
  Q: DeviceArray,
  u: Block | undefined,
  v: Block | undefined,
): Promise<DeviceArray> {
  const whole = await engine.product(A, adjoint, Q)
  if (!u || !v) return whole
  return withScratch(async (own) => {
    own(whole)
    const part = own(await engine.product(u, false, own(await engine.product(v, true, Q))))
    return engine.run(entrywiseKernel('-', whole.size), [whole, part])
  })
}

/**
 * Columns with the range of Y's that are orthonormal, but for what is below the rounding of float32: shifted CholeskyQR
 * (Fukaya, Kannan, Nakatsukasa, Yamamoto and Yanagisawa 2020), with the triangle of the k × k Gram matrix in float64 on the
 * host. Columns of zeros stay.
 */
async function independent(engine: Engine, Y: DeviceArray, k: number): Promise<DeviceArray> {
  let Q = engine.view(Y, Y.size)
  for (let pass = 1; pass <= PASSES; pass++) {
    const before = Q
    const { next, pivot } = await divided(engine, before, k).finally(() => before.free())
    Q = next
    if (pivot > INDEPENDENT) break
  }
  return Q
}

/** Y·R⁻¹ for the triangle of its Gram matrix. */
function divided(engine: Engine, Y: DeviceArray, k: number): Promise<{ next: DeviceArray; pivot: number }> {
  return withScratch(async (own) => {
    const [width, height] = [Y.size[0]!, Y.size[1]!]
    const block: Block = { ...Y, rows: height, cols: width }
    const gram = await engine.read(own(await engine.product(block, true, Y)))
    const { T, pivot } = await inverseTriangle(gram, width, k)
    const factor = own(await engine.array(T, [width, width], 'passing'))
    return { next: await engine.product(block, false, factor), pivot }
  })
}

/**
 * T = R⁻¹, with G = RᵀR but for a shift that keeps it positive definite whatever the rounding of float32 did to it, and the
 * smallest pivot of G scaled to a diagonal of ones. Row j of T is zero where column j of Y was.
 */
async function inverseTriangle(
  G: Float32Array,
  stride: number,
  k: number,
): Promise<{ T: Float32Array; pivot: number }> {
  const lengths = Float64Array.from({ length: k }, (_, j) => Math.sqrt(G[j * (stride + 1)]!))
  const scaled = wrap(new Float64Array(k * k), k, k)
  for (let i = 0; i < k; i++) {
    for (let j = 0; j < k; j++) {
      const both = lengths[i]! * lengths[j]!
      // Symmetric to the bit, whatever order the device added in.
      scaled.data[i * k + j] = both > 0 ? (G[i * stride + j]! + G[j * stride + i]!) / 2 / both : 0
    }
    scaled.data[i * (k + 1)] = 1
  }
  const L = await shiftedCholesky(scaled)
  const inverse = solveTriangular(L, eye(k)).data
  const T = new Float32Array(stride * stride)
  let pivot = 1
  for (let j = 0; j < k; j++) {
    pivot = Math.min(pivot, L.data[j * (k + 1)]! ** 2)
    if (lengths[j] === 0) continue
    for (let i = j; i < k; i++) T[j * stride + i] = inverse[i * k + j]! / lengths[j]!
  }
  return { T, pivot }
}

/** L with L·Lᵀ = G + s·I, for the first s of some that suffices. G has a diagonal of ones and is changed. */
async function shiftedCholesky(G: Matrix): Promise<Matrix> {
  const k = G.shape[0]!
  for (let shift = 8 * k * SINGLE; ; shift *= 16) {
    for (let i = 0; i < k; i++) G.data[i * (k + 1)] = 1 + shift
    try {
      return (await runAsync(choleskySteps(G))).L
    } catch (error) {
      // With s ≥ k no matrix of entries below 1 is anything but positive definite.
      if (!(error instanceof NotPositiveDefiniteError) || shift >= k) throw error
    }
  }
}
