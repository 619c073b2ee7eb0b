import { checkFinite, dense, tensor, wrap } from '../../linalg/arrays.js'
import type { FloatArray, Matrix, Tensor } from '../../linalg/arrays.js'
import { floatTensor, tensorOperandSteps } from '../../linalg/operators/densetensor.js'
import { symmetricEigenSteps } from '../../linalg/dense/eigh.js'
import { NotFiniteError } from '../../linalg/errors.js'
import { packedTensor } from '../../linalg/transforms/lastaxis.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import { operatorFromSteps } from '../../linalg/operators.js'
import type { AsyncLinearOperator } from '../../linalg/operators.js'
import { runAsync, wait } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { tensorNorm, tensorOperandFromSteps } from '../../linalg/operators/tensoroperand.js'
import type { AsyncTensorOperand, TensorLike, TensorSteps } from '../../linalg/operators/tensoroperand.js'
import { scaledColumns, transposed } from '../../linalg/thin.js'
import { aroundMode, columnsOfBox, cut, groupsAlong, packSteps, unpackSteps } from './boxes.js'
import type { Box } from './boxes.js'
import { paddedTo4, volumeOf, withScratch } from '../engines/engine.js'
import type { DeviceArray, Engine } from '../engines/engine.js'
import type { Held, Lease, Site } from './held.js'
import type { Place } from '../kernels/modekernels.js'
import { largest, modeInner, modeProduct, squares, sum, times2 } from './modes.js'
import type { Thin } from './modes.js'
import { SINGLE, disposable } from './operand.js'
import type { OnGpu } from './operand.js'
import { addScaled, exponent, factors } from './scale.js'
import { sweepSteps } from './sweep.js'
import type { Part } from './sweep.js'

/** A tensor on a device, known by its products; so are the answers of its mode products. */
export interface GpuTensor extends AsyncTensorOperand, OnGpu {
  /** T ×ₙ M, left on the device. */
  modeProduct(M: Matrix, n: number): Promise<GpuTensor>
  dispose(): void
}

/** What lies on the device: 2^scale times what the boxes say is the tensor. */
interface Resident {
  readonly shape: readonly number[]
  readonly boxes: readonly Box[]
  readonly scale: number
  /** Where it is known in float64. */
  readonly norm?: number
}

/** Beyond so many numbers flat indexes inside GPU.js are inexact. */
const LARGEST = 2 ** 24

/** Entries of a box: a product that makes four numbers of each still fits in an array. */
const roomOf = ({ limits }: Pick<Site, 'limits'>): number =>
  Math.max(1, Math.floor(Math.min(LARGEST, limits.bytes / 4) / 4))

/** Puts a tensor on the device. */
export async function uploadTensor(given: TensorLike, fn: string, site: Site): Promise<GpuTensor> {
  const entries = floatTensor(given, fn, 'T')
  const { shape } = entries
  const boxes: Box[] = []
  const held = site.hold('the tensor on the GPU', () => boxes.forEach(({ array }) => array.free()))
  const norm = await runAsync(normSteps(entries, fn))
  // Entries are at most the norm; it is beyond float64 only where they are near its end.
  const scale = exponent(Math.min(norm, Number.MAX_VALUE))
  for (const place of cut(shape, roomOf(site))) {
    const data = await runAsync(packSteps(entries, place, scale))
    boxes.push({ ...place, array: await site.engine.array(data, [data.length], 'held') })
  }
  return tensorOnGpu({ shape: [...shape], boxes, scale, norm }, held, site)
}

function* normSteps(entries: Tensor<FloatArray>, fn: string): Steps<number> {
  return yield* tensorNorm(yield* tensorOperandSteps(entries, fn, 'T'))
}

function tensorOnGpu(T: Resident, held: Held, site: Site): GpuTensor {
  const { shape } = T
  let norm = T.norm
  const frobeniusNorm = (): Steps<number> =>
    held.use('frobeniusNorm', function* (lease) {
      return (norm ??= yield* deviceNormSteps(T, lease))
    })
  const steps: TensorSteps = {
    modeProduct: (M, n) => held.use('modeProduct', (lease) => productOperandSteps(T, M, n, lease, site)),
    modeGram: (n) => held.use('modeGram', (lease) => gramSteps(T, n, lease, site)),
    modeRoot: (n) => held.use('modeRoot', (lease) => rootSteps(T, n, lease, site)),
    modeNormal: (X, n) => held.use('modeNormal', (lease) => normalSteps(T, X, n, lease, site)),
    entries: () => held.use('entries', (lease) => entriesSteps(T, lease)),
    frobeniusNorm,
  }
  const unfolding = (n: number): AsyncLinearOperator =>
    operatorFromSteps(
      [shape[n]!, positionsOf(T, n)],
      true,
      {
        matmat: (X) => held.use('matmat', (lease) => unfoldedSteps(T, X, n, lease, site)),
        rmatmat: (Y) => held.use('rmatmat', (lease) => adjointSteps(T, Y, n, lease, site)),
        frobeniusNorm,
      },
      SINGLE,
    ) as AsyncLinearOperator
  const operand = tensorOperandFromSteps(shape, true, steps, unfolding) as AsyncTensorOperand
  return Object.assign(operand, { precision: SINGLE }, disposable(held)) as GpuTensor
}

/** T ×ₙ M as an operand of its own. */
function* productOperandSteps(T: Resident, M: Matrix, n: number, lease: Lease, site: Site): Steps<GpuTensor> {
  const made: Box[] = []
  const free = (): void => made.forEach(({ array }) => array.free())
  try {
    const product = yield* productSteps(T, M, n, lease, site, made)
    return tensorOnGpu(product, site.hold('the tensor on the GPU', free), site)
  } catch (error) {
    free()
    throw error
  }
}

/** What is near the ends of float32 is scaled anew; products add or take a factor of the mode's size at most. */
const DRIFT = 32

/** T ×ₙ M; what is made goes into `made`, also where this ends in an error. */
function* productSteps(
  T: Resident,
  M: Matrix,
  n: number,
  lease: Lease,
  site: Site,
  made: Box[],
): Steps<Resident> {
  checkFinite(dense(M), 'modeProduct', 'M')
  const rows = M.shape[0]!
  const e = rowExponent(M)
  const groups = groupsAlong(T.boxes, n)
  // The same for all, so that the boxes of the answer stand in a grid too.
  const widest = groups.reduce((most, [box]) => Math.max(most, positionsOf(box!, n)), 1)
  const most = Math.max(1, Math.floor(roomOf(site) / widest))
  for (const group of groups) {
    for (let first = 0; first < rows; first += most) {
      const count = Math.min(most, rows - first)
      const thin = { data: packedAdjoint(M, first, count, e), stride: paddedTo4(count), columns: count }
      const replaced = (of: readonly number[], by: number): number[] => of.map((x, k) => (k === n ? by : x))
      const { start, shape } = group[0]!
      yield* wait(
        lease.run(async (engine) => {
          const array = await groupProduct(engine, group, n, thin, 'mode')
          made.push({ start: replaced(start, first), shape: replaced(shape, count), array })
        }),
      )
    }
  }
  const drift = exponent(
    yield* wait(
      lease.run(async (engine) => {
        let most = 0
        for (const { array } of made) most = Math.max(most, await largest(engine, array))
        return most
      }),
    ),
  )
  const scaled = Math.abs(drift) > DRIFT
  if (scaled) {
    yield* wait(
      lease.run(async (engine) => {
        for (const box of made) {
          const { array } = box
          box.array = await times2(engine, array, -drift)
          array.free()
        }
      }),
    )
  }
  const shape = T.shape.map((size, k) => (k === n ? rows : size))
  return { shape, boxes: made, scale: T.scale + e + (scaled ? drift : 0) }
}

/** Entries of a box for each index of mode n. */
const positionsOf = ({ shape }: Pick<Resident, 'shape'>, n: number): number =>
  volumeOf(shape.filter((_, k) => k !== n))

/** e such that Σ|m| of no row of M·2^-e is above 1, so that entries of T ×ₙ M are no larger than those of T. */
function rowExponent(M: Matrix): number {
  const [rows = 0, cols = 0] = M.shape
  const most = exponent(M.data.reduce((max, m) => Math.max(max, Math.abs(m)), 0))
  const [f, g] = factors(-most)
  let longest = 0
  for (let i = 0; i < rows; i++) {
    let length = 0
    for (let a = i * cols; a < (i + 1) * cols; a++) length += Math.abs(M.data[a]! * f * g)
    longest = Math.max(longest, length)
  }
  return most + exponent(longest) + 1
}

/** Rows first … first + count of M times 2^-e as columns, padded to a multiple of 4. */
function packedAdjoint(M: Matrix, first: number, count: number, e: number): Float32Array {
  const cols = M.shape[1]!
  const stride = paddedTo4(count)
  const [f, g] = factors(-e)
  const out = new Float32Array(cols * stride)
  for (let j = 0; j < count; j++) {
    for (let k = 0, a = (first + j) * cols; k < cols; k++, a++) out[k * stride + j] = M.data[a]! * f * g
  }
  return out
}

/** A thin matrix that is still on the host, with a row for each index of mode n. */
interface HostThin extends Omit<Thin, 'array'> {
  readonly data: Float32Array
}

/** Σₖ of a whole mode n, over the boxes of a group. */
function groupProduct(
  engine: Engine,
  group: readonly Box[],
  n: number,
  { data, stride, columns }: HostThin,
  place: Place,
): Promise<DeviceArray> {
  const one = ({ array, start, shape }: Box): Promise<DeviceArray> =>
    withScratch(async (own) => {
      const around = aroundMode({ shape }, n)
      const rows = data.subarray(start[n]! * stride, (start[n]! + around.size) * stride)
      const thin = own(await engine.array(rows, [stride, 1, around.size], 'passing'))
      return modeProduct(engine, array, around, { array: thin, stride, columns }, place)
    })
  const upTo = (count: number): Promise<DeviceArray> =>
    count === 1
      ? one(group[0]!)
      : withScratch(async (own) => sum(engine, own(await upTo(count - 1)), own(await one(group[count - 1]!))))
  return upTo(group.length)
}

/** T₍ₙ₎·T₍ₙ₎ᵀ, panels of which cross. */
function* gramSteps(T: Resident, n: number, lease: Lease, site: Site): Steps<Matrix> {
  const size = T.shape[n]!
  const G = wrap(new Float64Array(size * size), size, size)
  for (const group of groupsAlong(T.boxes, n)) {
    for (const [t, a] of group.entries()) {
      for (const b of group.slice(t)) yield* addInnerSteps(G, T, a, b, n, lease, site)
    }
  }
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < i; j++) G.data[i * size + j] = G.data[j * size + i]!
  }
  return G
}

/** Adds a₍ₙ₎·b₍ₙ₎ᵀ of two boxes to its place in G. */
function* addInnerSteps(
  G: Matrix,
  T: Resident,
  a: Box,
  b: Box,
  n: number,
  lease: Lease,
  site: Site,
): Steps<void> {
  const around = aroundMode(a, n)
  const columns = b.shape[n]!
  const most = Math.max(1, Math.floor(roomOf(site) / around.size))
  for (let first = 0; first < columns; first += most) {
    const count = Math.min(most, columns - first)
    const answer = yield* wait(
      lease.run((engine) =>
        withScratch(async (own) => {
          const beside = { array: b.array, columns, place: 'mode' as const }
          return engine.read(own(await modeInner(engine, a.array, around, beside, first, count)))
        }),
      ),
    )
    const rows = { start: a.start[n]!, count: around.size }
    const none = new Int32Array(count)
    if (addScaled(answer, count, rows, none, 2 * T.scale, G, b.start[n]! + first)) continue
    throw beyond('modeGram', G.data, G.shape)
  }
}

/**
 * L with L·Lᵀ = T₍ₙ₎·T₍ₙ₎ᵀ, to the rounding of the entries and not of their squares: a Gram matrix V·Λ·Vᵀ of float32 knows
 * the directions of V, and values of Λ down to float32's rounding δ of the largest. Divided by √max(Λ, δ) along them T
 * has a second Gram matrix, near the identity, which knows the rest (the idea of Fukaya, Kannan, Nakatsukasa, Yamamoto
 * and Yanagisawa 2020, "Shifted Cholesky QR for computing the QR factorization of ill-conditioned matrices").
 */
function* rootSteps(T: Resident, n: number, lease: Lease, site: Site): Steps<Matrix> {
  const size = T.shape[n]!
  if (volumeOf(T.shape) <= size * size) return yield* unfoldedEntriesSteps(T, n, lease)
  const G = yield* gramSteps(T, n, lease, site)
  const { values, vectors } = yield* symmetricEigenSteps(dense(G), 'full')
  const most = values.at(-1) ?? 0
  if (most <= 0) return wrap(new Float64Array(size * size), size, size)
  const roots = values.map((value) => Math.sqrt(Math.max(value, SINGLE * most)))
  const made: Box[] = []
  try {
    const M = transposed(
      scaledColumns(
        vectors,
        roots.map((root) => 1 / root),
      ),
    )
    const whitened = yield* productSteps(T, M, n, lease, site, made)
    const rest = yield* symmetricEigenSteps(dense(yield* gramSteps(whitened, n, lease, site)), 'full')
    const L = scaledColumns(
      rest.vectors,
      rest.values.map((value) => Math.sqrt(Math.max(0, value))),
    )
    return (yield* multiplySteps(dense(scaledColumns(vectors, roots)), dense(L))) as Matrix
  } finally {
    made.forEach(({ array }) => array.free())
  }
}

/** T₍ₙ₎ itself, where it has no more entries than its Gram matrix; its columns in the order of memory. */
function* unfoldedEntriesSteps(T: Resident, n: number, lease: Lease): Steps<Matrix> {
  const entries = yield* entriesSteps(T, lease)
  const others = Array.from(T.shape.keys()).filter((k) => k !== n)
  const size = T.shape[n]!
  return wrap(packedTensor(entries.transpose(n, ...others)), size, size === 0 ? 0 : entries.size / size)
}

/** T₍ₙ₎·(T₍ₙ₎ᵀ·X); what is as long as the unfolding stays on the device. */
function normalSteps(T: Resident, X: Matrix, n: number, lease: Lease, { limits }: Site): Steps<Matrix> {
  const size = T.shape[n]!
  const all = { start: 0, count: size }
  const parts = groupsAlong(T.boxes, n).map((group): Part => {
    return {
      inner: all,
      outer: all,
      between: positionsOf(group[0]!, n),
      multiply: (engine, data, k) =>
        withScratch(async (own) => {
          const Z = own(await groupProduct(engine, group, n, { data, stride: k, columns: k }, 'last'))
          const out = new Float32Array(paddedTo4(size) * k)
          for (const box of group) out.set(await innerWith(engine, box, n, Z, k), box.start[n]! * k)
          return out
        }),
    }
  })
  return sweepSteps(lease, {
    fn: 'modeNormal',
    argument: 'X',
    X,
    rows: size,
    scale: 2 * T.scale,
    limits,
    parts,
  })
}

/** T₍ₙ₎·X. */
function unfoldedSteps(T: Resident, X: Matrix, n: number, lease: Lease, { limits }: Site): Steps<Matrix> {
  const parts = T.boxes.map((box): Part => {
    const around = aroundMode(box, n)
    return {
      inner: columnsOfBox(box, T.shape, n),
      outer: { start: box.start[n]!, count: around.size },
      multiply: (engine, data, k) =>
        withScratch(async (own) => {
          const positions = positionsOf(box, n)
          const given = data.subarray(0, positions * k)
          return innerWith(engine, box, n, own(await engine.array(given, [k, 1, positions], 'passing')), k)
        }),
    }
  })
  const rows = T.shape[n]!
  return sweepSteps(lease, { fn: 'matmat', argument: 'X', X, rows, scale: T.scale, limits, parts })
}

/** T₍ₙ₎ᵀ·Y. */
function adjointSteps(T: Resident, Y: Matrix, n: number, lease: Lease, { limits }: Site): Steps<Matrix> {
  const parts = groupsAlong(T.boxes, n).map((group): Part => ({
    inner: { start: 0, count: T.shape[n]! },
    outer: columnsOfBox(group[0]!, T.shape, n),
    multiply: (engine, data, k) =>
      withScratch(async (own) =>
        engine.read(own(await groupProduct(engine, group, n, { data, stride: k, columns: k }, 'last'))),
      ),
  }))
  const rows = positionsOf(T, n)
  return sweepSteps(lease, { fn: 'rmatmat', argument: 'Y', X: Y, rows, scale: T.scale, limits, parts })
}

/** A box times k columns for each of its positions: a row of k numbers for each index of mode n. */
function innerWith(
  engine: Engine,
  box: Box,
  n: number,
  array: DeviceArray,
  k: number,
): Promise<Float32Array> {
  return withScratch(async (own) => {
    const around = aroundMode(box, n)
    const answer = await modeInner(engine, box.array, around, { array, columns: k, place: 'last' })
    return (await engine.read(own(answer))).subarray(0, around.size * k)
  })
}

function* entriesSteps(T: Resident, lease: Lease): Steps<Tensor> {
  const out = tensor(new Float64Array(volumeOf(T.shape)), T.shape)
  for (const box of T.boxes) {
    const data = yield* wait(lease.run((engine) => engine.read(box.array)))
    if (!(yield* unpackSteps(data, box, T.scale, out))) throw beyond('entries', out.data, T.shape)
  }
  return out
}

function* deviceNormSteps(T: Resident, lease: Lease): Steps<number> {
  let total = 0
  for (const { array } of T.boxes) total += yield* wait(lease.run((engine) => squares(engine, array)))
  const [f, g] = factors(T.scale)
  const norm = Math.sqrt(total) * f * g
  if (Number.isFinite(norm)) return norm
  throw new NotFiniteError({ fn: 'frobeniusNorm', argument: 'its answer', value: norm, index: [] })
}

/** A number of the answer that float64 cannot hold. */
function beyond(fn: string, data: Float64Array, shape: readonly number[]): NotFiniteError {
  const at = data.findIndex((x) => !Number.isFinite(x))
  const index = shape.map((size, k) => Math.floor(at / volumeOf(shape.slice(k + 1))) % size)
  return new NotFiniteError({ fn, argument: 'its answer', value: data[at]!, index })
}
