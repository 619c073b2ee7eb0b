import { dense, wrap } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { NotFiniteError } from '../../linalg/errors.js'
import { maxAbs } from '../../linalg/magnitude.js'
import type { RowSolution } from '../../linalg/operators/observed.js'
import { solveNormalSteps } from '../../linalg/operators/rowsolves.js'
import type { Singular } from '../../linalg/operators/rowsolves.js'
import { wait } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { sumOverRow, useFor } from '../kernels/compressed.js'
import type { Side, Slice } from '../kernels/compressed.js'
import { paddedTo4, withScratch } from '../engines/engine.js'
import type { DeviceArray, Engine, KernelSource, Limits } from '../engines/engine.js'
import type { Lease } from './held.js'
import { addScaled, exponent, factors, packColumns } from './scale.js'
import { fittingColumns } from './sweep.js'
import { normalShader, solutionShader } from '../kernels/wgslnormal.js'

// Least squares of each row of some entries, by normal equations: Gram matrices of the rows of F at its entries, in
// float32. On webgpu they are solved where they are, and m × k numbers come back; elsewhere the host solves them in
// float64, some at a time. Rows that were cut into pieces, longer than 1024 entries, come to the host anywhere: k² numbers
// for each 1024 entries, whose Gram matrices it adds.

/**
 * Gram matrices in float32 are off by some 2⁻²³ of their largest entry, which is where the rounding of a pivot lies.
 * The ridge of a singular row moves its fit by as much as it is, and rounding moves the answer, in directions in which the
 * row says nothing, by 2⁻²⁴ / ridge: 6·10⁻⁵ and 10⁻³.
 */
const SINGULAR: Singular = { dependent: 2 ** -18, rescue: 2 ** -14 }
/** Numbers of Gram matrices that are there at a time, and rows of them. */
const ROOM = 2 ** 20
const ROWS = 2 ** 15
/** Multiplications of one kernel run. */
const STRETCH = 2 ** 28

export interface RowProblems {
  /** n × k */
  readonly F: Matrix
  readonly ridge: number
  /** Values are 2^scale times what lies there; so many entries. */
  readonly scale: number
  readonly entries: number
  readonly limits: Limits
}

/** The unknowns of each row. */
export function* normalEquationSteps(
  lease: Lease,
  side: Side,
  { F, ridge: given, scale, entries, limits }: RowProblems,
): Steps<RowSolution> {
  const [m, k] = [side.shape[0], F.shape[1]!]
  const X = wrap(new Float64Array(m * k), m, k)
  if (k === 0 || side.slices.length === 0) return { X, flops: 0 }
  // F and √ridge times 2^−e are at most 2.
  const e = exponent(Math.max(maxAbs(dense(F)), Math.sqrt(given)))
  const [f, g] = factors(-2 * e)
  const panels: Panel[] = []
  const problems = { panels, k, ridge: given * f * g, limits }
  const runs = side.slices.reduce(
    (sum, slice) => sum + 2 * Math.ceil(slice.count / roomFor(slice, problems)),
    0,
  )
  const put = (x: Float32Array | Float64Array, rows: Int32Array): void => {
    const none = new Int32Array(k)
    if (!addScaled(x, paddedTo4(k), rows, none, scale - e, X, 0)) throw notFinite(X)
  }
  try {
    yield* wait(lease.run((engine) => uploadPanels(engine, F, e, runs, problems)))
    let at = 0
    for (const slice of side.slices) {
      const rows = side.rowOf.subarray(at, (at += slice.count))
      if (slice.whole)
        yield* sliceSteps(lease, slice, problems, (x, from, to) => put(x, rows.subarray(from, to)))
    }
    yield* cutRowSteps(lease, side, problems, put)
  } finally {
    for (const { array } of panels) array.free()
  }
  const filled = new Set(side.rowOf).size
  return { X, flops: entries * k * (k + 3) + filled * (k ** 3 / 3 + 2 * k * k) }
}

/** Some columns of F on the device, of size [width, rows], with rows of zeros behind the last. */
interface Panel {
  readonly first: number
  readonly width: number
  readonly array: DeviceArray
}

interface Problems {
  readonly panels: Panel[]
  readonly k: number
  readonly ridge: number
  readonly limits: Limits
}

async function uploadPanels(
  engine: Engine,
  F: Matrix,
  e: number,
  runs: number,
  { panels, limits }: Problems,
): Promise<void> {
  const [n, k] = F.shape as [number, number]
  const rows = paddedTo4(n + 1)
  const widest = fittingColumns(rows, limits)
  for (let first = 0; first < k; first += widest) {
    const count = Math.min(widest, k - first)
    const width = paddedTo4(count)
    const data = new Float32Array(rows * width)
    packColumns(F, { start: 0, count: n }, first, new Int32Array(count).fill(e), data, width)
    panels.push({ first, width, array: await engine.array(data, [width, rows], useFor(data, runs)) })
  }
}

/** Rows of a slice whose Gram matrices there is room for. */
function roomFor({ length, count }: Slice, { k, limits }: Problems): number {
  const each = paddedTo4(k) ** 2
  const numbers = Math.min(ROOM, limits.bytes / 4, STRETCH / length)
  return Math.max(1, Math.min(count, ROWS, Math.floor(numbers / each)))
}

/** Rows that are whole: `put` is given the unknowns of some of them after the other. */
function* sliceSteps(
  lease: Lease,
  slice: Slice,
  problems: Problems,
  put: (x: Float32Array | Float64Array, from: number, to: number) => void,
): Steps<void> {
  const { k, ridge, panels } = problems
  const room = roomFor(slice, problems)
  for (let from = 0; from < slice.count; from += room) {
    const to = Math.min(slice.count, from + room)
    const onDevice = yield* wait(
      lease.run(async (engine) =>
        engine.shade && panels.length === 1 ? solved(engine, slice, problems, from, to - from) : undefined,
      ),
    )
    if (onDevice) {
      put(onDevice, from, to)
      continue
    }
    const { grams, rights } = yield* wait(
      lease.run((engine) => normalEquations(engine, slice, problems, from, to)),
    )
    yield* solveNormalSteps({ k, grams, rights, ridge, singular: SINGULAR })
    put(rights, from, to)
  }
}

/** Rows that lie in several pieces, some at a time. Pieces of a slice are in the order of their rows. */
function* cutRowSteps(
  lease: Lease,
  side: Side,
  problems: Problems,
  put: (x: Float64Array, rows: Int32Array) => void,
): Steps<void> {
  const { k, ridge } = problems
  const width = paddedTo4(k)
  const cut: { slice: Slice; rows: Int32Array; done: number }[] = []
  let at = 0
  for (const slice of side.slices) {
    const rows = side.rowOf.subarray(at, (at += slice.count))
    if (!slice.whole) cut.push({ slice, rows, done: 0 })
  }
  const all = Int32Array.from(new Set(cut.flatMap(({ rows }) => [...rows]))).sort()
  const most = Math.max(1, Math.floor(ROOM / width ** 2))
  for (let first = 0; first < all.length; first += most) {
    const some = all.subarray(first, first + most)
    const place = new Map([...some].map((row, t) => [row, t]))
    const grams = new Float64Array(some.length * width ** 2)
    const rights = new Float64Array(some.length * width)
    for (const pieces of cut) {
      const { slice, rows } = pieces
      const room = roomFor(slice, problems)
      while (pieces.done < slice.count && place.has(rows[pieces.done]!)) {
        const from = pieces.done
        let to = from + 1
        while (to < Math.min(slice.count, from + room) && place.has(rows[to]!)) to++
        const parts = yield* wait(lease.run((engine) => normalEquations(engine, slice, problems, from, to)))
        for (let t = from; t < to; t++) {
          const row = place.get(rows[t]!)!
          addRow(parts.grams, t - from, grams, row, width ** 2)
          addRow(parts.rights, t - from, rights, row, width)
        }
        pieces.done = to
      }
    }
    yield* solveNormalSteps({ k, grams, rights, ridge, singular: SINGULAR })
    put(rights, some)
  }
}

function addRow(from: Float64Array, i: number, to: Float64Array, j: number, width: number): void {
  for (let t = 0; t < width; t++) to[j * width + t]! += from[i * width + t]!
}

/** The normal equations of rows `from` … `to` of a slice, on the host. */
async function normalEquations(
  engine: Engine,
  slice: Slice,
  problems: Problems,
  from: number,
  to: number,
): Promise<{ grams: Float64Array; rights: Float64Array }> {
  const { panels, k } = problems
  const width = paddedTo4(k)
  const room = roomFor(slice, problems)
  // All runs of a kernel make as many, so that it is built once; the last run begins earlier.
  const first = Math.min(from, slice.count - room)
  const skipped = from - first
  const grams = new Float64Array((to - from) * width ** 2)
  const rights = new Float64Array((to - from) * width)
  const { length, indices, values } = slice
  await withScratch(async (own) => {
    const start = own(await engine.array(Float32Array.of(first), [1], 'passing'))
    for (const [p, P] of panels.entries()) {
      const right = await engine.compute(rightKernel(length, [P.width, room]), [
        indices,
        values,
        start,
        P.array,
      ])
      for (let t = 0; t < to - from; t++) {
        const at = (t + skipped) * P.width
        rights.set(right.subarray(at, at + P.width), t * width + P.first)
      }
      for (const Q of panels.slice(p)) {
        const size = [Q.width, P.width, room]
        const gram = await (P === Q
          ? engine.compute(gramKernel(length, size), [indices, start, P.array])
          : engine.compute(crossKernel(length, size), [indices, start, P.array, Q.array]))
        for (let t = 0; t < to - from; t++) {
          for (let i = 0; i < P.width; i++) {
            const row = ((t + skipped) * P.width + i) * Q.width
            for (let j = 0; j < Q.width; j++) {
              const [a, b] = [P.first + i, Q.first + j]
              grams[t * width ** 2 + a * width + b] = gram[row + j]!
              grams[t * width ** 2 + b * width + a] = gram[row + j]!
            }
          }
        }
      }
    }
  })
  return { grams, rights }
}

const INDEX = (p: string): string => `indices[y][${p}]`

function rightKernel(length: number, output: readonly number[]): KernelSource {
  const source = `function (indices, values, start, f) {
    const y = this.thread.y + start[0];
    ${sumOverRow(length, (p) => `values[y][${p}] * f[${INDEX(p)}][this.thread.x]`)}
    return s;
  }`
  return { source, output }
}

function gramKernel(length: number, output: readonly number[]): KernelSource {
  const source = `function (indices, start, f) {
    const y = this.thread.z + start[0];
    ${sumOverRow(length, (p) => `f[${INDEX(p)}][this.thread.y] * f[${INDEX(p)}][this.thread.x]`)}
    return s;
  }`
  return { source, output }
}

function crossKernel(length: number, output: readonly number[]): KernelSource {
  const source = `function (indices, start, f, g) {
    const y = this.thread.z + start[0];
    ${sumOverRow(length, (p) => `f[${INDEX(p)}][this.thread.y] * g[${INDEX(p)}][this.thread.x]`)}
    return s;
  }`
  return { source, output }
}

/** The unknowns of `count` rows of a slice, from where their normal equations are; F is in one panel. */
function solved(
  engine: Engine,
  { length, indices, values }: Slice,
  { panels, k, ridge }: Problems,
  first: number,
  count: number,
): Promise<Float32Array> {
  const { width, array } = panels[0]!
  return withScratch(async (own) => {
    const normal = own(
      await engine.shade!(normalShader({ first, count, length, width }), [indices, values, array]),
    )
    const x = own(await engine.shade!(solutionShader({ count, k, width, ridge, ...SINGULAR }), [normal]))
    return engine.read(x)
  })
}

function notFinite({ data, shape: [, k] }: Matrix): NotFiniteError {
  const at = data.findIndex((x) => !Number.isFinite(x))
  const index = [Math.floor(at / k!), at % k!]
  return new NotFiniteError({ fn: 'solve', argument: 'its answer', value: data[at]!, index })
}
