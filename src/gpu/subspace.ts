import { checkFinite, dense, eye, wrap } from '../linalg/arrays.js'
import type { Matrix } from '../linalg/arrays.js'
import { choleskySteps } from '../linalg/cholesky.js'
import { NotPositiveDefiniteError } from '../linalg/errors.js'
import type { ProductSteps } from '../linalg/operators.js'
import { orthonormalizeSteps } from '../linalg/qr.js'
import { solveTriangular } from '../linalg/solvetriangular.js'
import { runAsync, wait } from '../linalg/steps.js'
import type { Steps } from '../linalg/steps.js'
import { paddedTo4, withScratch } from './engine.js'
import type { Block, DeviceArray, Engine, Limits } from './engine.js'
import type { Lease } from './held.js'
import { SINGLE } from './operand.js'
import { addScaled, columnExponents, packColumns } from './scale.js'
import { fittingColumns, notFinite } from './sweep.js'

// Subspace iteration without leaving the device. What the host would do between two products, a QR factorization of
// some thousand rows, takes it longer than the products take a GPU; here only k × k numbers cross.

/** Divisions by a triangle; one is enough for independent columns, each more takes some 10³ off a condition number. */
const PASSES = 4
/** A pivot of a Gram matrix of columns of length 1 that says that they were independent. */
const INDEPENDENT = 0.25

/** Columns with the range of (A·Aᵀ)^q·Y; A lies on the device as one block, and is known by its products too. */
export function* subspaceSteps(
  lease: Lease,
  A: Block,
  limits: Limits,
  products: Pick<ProductSteps, 'matmat' | 'rmatmat'>,
  Y: Matrix,
  q: number,
): Steps<Matrix> {
  const k = Y.shape[1]!
  // The columns of one part of Y would not know of the others.
  if (k > fittingColumns(Math.max(A.rows, A.cols), limits)) return yield* onHostSteps(products, Y, q)
  checkFinite(dense(Y), 'subspace', 'Y')
  const [rows, width] = [{ start: 0, count: A.rows }, paddedTo4(k)]
  const data = new Float32Array(paddedTo4(A.rows) * width)
  packColumns(Y, rows, 0, columnExponents(Y, 0, k), data, width)
  const found = yield* wait(lease.run((engine) => iterated(engine, A, data, k, q)))
  const out = wrap(new Float64Array(A.rows * k), A.rows, k)
  if (!addScaled(found, width, rows, new Int32Array(k), 0, out, 0)) throw notFinite('subspace', out)
  return out
}

/** The same by products that cross, with a QR factorization between them. */
function* onHostSteps(
  { matmat, rmatmat }: Pick<ProductSteps, 'matmat' | 'rmatmat'>,
  Y: Matrix,
  q: number,
): Steps<Matrix> {
  let Q = Y
  for (let i = 0; i < q; i++) {
    const Z = yield* rmatmat(yield* orthonormalizeSteps(Q))
    Q = yield* matmat(yield* orthonormalizeSteps(Z))
  }
  return Q
}

/**
 * (A·Aᵀ)^q·Y with columns made independent before each product. `Y` and the answer have k columns in rows of
 * `paddedTo4(k)`, a row for each padded row of A. 4mnkq flops, and some 4(m + n)k² for each of the q rounds.
 */
function iterated(engine: Engine, A: Block, Y: Float32Array, k: number, q: number): Promise<Float32Array> {
  return withScratch(async (own) => {
    let Q: DeviceArray = own(await engine.array(Y, [paddedTo4(k), paddedTo4(A.rows)], 'held'))
    for (let half = 0; half < 2 * q; half++) {
      const basis = await independent(engine, Q, k)
      const next = own(await engine.product(A, half % 2 === 0, basis).finally(() => basis.free()))
      Q.free()
      Q = next
    }
    return engine.read(Q)
  })
}

/**
 * Columns with the range of Y's that are orthonormal, but for what is below the rounding of float32: shifted CholeskyQR
 * (Fukaya, Kannan, Nakatsukasa, Yamamoto and Yanagisawa 2020), with the triangle of the k × k Gram matrix in float64 on the
 * host. Columns of zeros stay.
 */
async function independent(engine: Engine, Y: DeviceArray, k: number): Promise<DeviceArray> {
  const [width, height] = [Y.size[0]!, Y.size[1]!]
  let Q = engine.view(Y, Y.size)
  for (let pass = 1; pass <= PASSES; pass++) {
    const block: Block = { ...Q, rows: height, cols: width }
    const gram = await engine.product(block, true, Q)
    const { T, pivot } = await inverseTriangle(await engine.read(gram), width, k).finally(() => gram.free())
    const factor = await engine.array(T, [width, width], 'passing')
    const next = await engine.product(block, false, factor).finally(() => factor.free())
    Q.free()
    Q = next
    if (pivot > INDEPENDENT) break
  }
  return Q
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
