import { csr } from '../linalg/csr.js'
import type { CsrOperator, Triplets } from '../linalg/csr.js'
import { ShapeError } from '../linalg/errors.js'
import { norm2 } from '../linalg/magnitude.js'
import type { Matrix } from '../linalg/arrays.js'
import type { Steps } from '../linalg/steps.js'
import { withScratch } from './engine.js'
import type { DeviceArray, KernelSource } from './engine.js'
import type { Site } from './held.js'
import { gpuOperator } from './operand.js'
import type { GpuOperator } from './operand.js'
import { exponent, factors } from './scale.js'
import { sweepSteps } from './sweep.js'
import type { Part } from './sweep.js'

// A sparse matrix on the device. Rows of 2^(l−1) < entries <= 2^l make one array of 2^l numbers a row, padded with zeros:
// every loop has a literal bound, and the threads of a kernel have equal work. Longer rows than LONGEST are cut; the host
// adds their pieces, in float64. Both A and Aᵀ are held, so that both products gather.

/** Entries of a row that one thread adds up. */
const LONGEST = 1024
const SHORTEST = 4
/** Indices travel as float32. */
const EXACT = 2 ** 24
/** Sums are of blocks of so many. */
const BLOCK = 32

/** Rows of equal length on the device. */
interface Slice {
  readonly length: number
  readonly count: number
  readonly indices: DeviceArray
  readonly values: DeviceArray
}

/** A or Aᵀ on the device. */
interface Side {
  readonly slices: readonly Slice[]
  /** To which row each row of the slices belongs. */
  readonly rowOf: Int32Array
}

/** Puts a sparse matrix on the device. */
export async function uploadCsr(given: Triplets | CsrOperator, fn: string, site: Site): Promise<GpuOperator> {
  const A = 'pointers' in given ? given : csr(given)
  const [m, n] = A.shape
  if (Math.max(m, n) > EXACT) {
    const expected = `sides of at most ${EXACT}, up to which float32 counts exactly`
    throw new ShapeError({ fn, argument: 'A', expected, given: `${m}×${n}` })
  }
  const scale = exponent(A.values.reduce((most, value) => Math.max(most, Math.abs(value)), 0))
  const arrays: DeviceArray[] = []
  const held = site.hold('the sparse matrix on the GPU', () => arrays.forEach((array) => array.free()))
  const byRow = await uploadSide(A, scale, site, arrays)
  const byColumn = await uploadSide(transposed(A), scale, site, arrays)
  const norm = norm2(A.values)
  const product = (X: Matrix, fn: string, argument: string, rows: number, side: Side): Steps<Matrix> =>
    held.use(fn, (lease) => {
      const parts = [partOf(side, X.shape[0]!)]
      return sweepSteps(lease, { fn, argument, X, rows, scale, limits: site.limits, parts })
    })
  return gpuOperator([m, n], held, {
    matmat: (X) => product(X, 'matmat', 'X', m, byRow),
    rmatmat: (Y) => product(Y, 'rmatmat', 'Y', n, byColumn),
    // eslint-disable-next-line require-yield -- steps by contract
    *frobeniusNorm() {
      return norm
    },
  })
}

/** All slices against one X. */
function partOf({ slices, rowOf }: Side, inner: number): Part {
  return {
    inner: { start: 0, count: inner },
    outer: rowOf,
    multiply: (engine, data, k) =>
      withScratch(async (own) => {
        const out = new Float32Array(rowOf.length * k)
        if (slices.length === 0) return out
        const use = slices.length === 1 ? 'passing' : 'held'
        const X = own(await engine.array(data, [k, data.length / k], use))
        let at = 0
        for (const { length, count, indices, values } of slices) {
          out.set(await engine.compute(gatherKernel(length, [k, count]), [indices, values, X]), at)
          at += count * k
        }
        return out
      }),
  }
}

/** Row y of the answer: the rows of X at the indices of row y, times its values. */
function gatherKernel(length: number, output: readonly number[]): KernelSource {
  const inner = Math.min(length, BLOCK)
  const source = `function (indices, values, x) {
    let s = 0.0;
    for (let o = 0; o < ${length / inner}; o++) {
      let t = 0.0;
      for (let i = 0; i < ${inner}; i++) {
        const p = o * ${inner} + i;
        t += values[this.thread.y][p] * x[indices[this.thread.y][p]][this.thread.x];
      }
      s += t;
    }
    return s;
  }`
  return { source, output }
}

type Rows = Pick<CsrOperator, 'pointers' | 'indices' | 'values'>

async function uploadSide(
  { pointers, indices, values }: Rows,
  scale: number,
  { engine, limits }: Site,
  arrays: DeviceArray[],
): Promise<Side> {
  const [f, g] = factors(-scale)
  const slices: Slice[] = []
  const rowOf: number[] = []
  const longest = Math.min(LONGEST, 2 ** Math.floor(Math.log2(Math.min(limits.side, limits.bytes / 4))))
  for (const [length, pieces] of piecesByLength(pointers, longest)) {
    const most = Math.min(limits.side, Math.floor(limits.bytes / 4 / length))
    for (let first = 0; first < pieces.length; first += most) {
      const some = pieces.slice(first, first + most)
      const [J, V] = [0, 1].map(() => new Float32Array(length * some.length)) as [Float32Array, Float32Array]
      some.forEach(({ row, from, to }, t) => {
        rowOf.push(row)
        for (let e = from, o = t * length; e < to; e++, o++) {
          J[o] = indices[e]!
          V[o] = values[e]! * f * g
        }
      })
      const put = async (data: Float32Array): Promise<DeviceArray> => {
        const array = await engine.array(data, [length, some.length], 'held')
        arrays.push(array)
        return array
      }
      slices.push({ length, count: some.length, indices: await put(J), values: await put(V) })
    }
  }
  return { slices, rowOf: Int32Array.from(rowOf) }
}

interface Piece {
  readonly row: number
  readonly from: number
  readonly to: number
}

/** The rows, cut where they are long, by the power of two that they fit in. */
function piecesByLength(pointers: Int32Array, longest: number): Map<number, Piece[]> {
  const pieces = new Map<number, Piece[]>()
  for (let row = 0; row + 1 < pointers.length; row++) {
    const end = pointers[row + 1]!
    for (let from = pointers[row]!; from < end; from += longest) {
      const to = Math.min(end, from + longest)
      const length = Math.max(SHORTEST, 2 ** Math.ceil(Math.log2(to - from)))
      const alike = pieces.get(length)
      if (alike) alike.push({ row, from, to })
      else pieces.set(length, [{ row, from, to }])
    }
  }
  return pieces
}

/** The rows of Aᵀ. */
function transposed({ shape: [m, n], pointers, indices, values }: CsrOperator): CsrOperator {
  const rows = new Int32Array(values.length)
  for (let i = 0; i < m; i++) rows.fill(i, pointers[i], pointers[i + 1])
  return csr({ shape: [n, m], rows: indices, cols: rows, values })
}
