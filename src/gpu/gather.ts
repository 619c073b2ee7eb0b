import { compress } from '../linalg/csr.js'
import type { SparseRows } from '../linalg/sparse.js'
import { withScratch } from './engine.js'
import type { DeviceArray, KernelSource } from './engine.js'
import type { Site } from './held.js'
import { factors } from './scale.js'
import type { Part } from './sweep.js'

// Compressed rows on the device. Rows of 2^(l−1) < entries <= 2^l make one array of 2^l numbers a row, padded with zeros:
// every loop has a literal bound, and the threads of a kernel have equal work. Longer rows than LONGEST are cut; the host
// adds their pieces, in float64.

/** Entries of a row that one thread adds up. */
const LONGEST = 1024
const SHORTEST = 4
/** Sums are of blocks of so many. */
const BLOCK = 32

/** Rows of equal length on the device. */
interface Slice {
  readonly length: number
  readonly count: number
  readonly indices: DeviceArray
  readonly values: DeviceArray
}

/** The rows of a sparse matrix on the device. */
export interface Side {
  readonly slices: readonly Slice[]
  /** To which row each row of the slices belongs. */
  readonly rowOf: Int32Array
}

/** All slices against one X. */
export function gatherPart({ slices, rowOf }: Side, inner: number): Part {
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
          out.set(
            await engine.compute(gatherKernel({ length, output: [k, count] }), [indices, values, X]),
            at,
          )
          at += count * k
        }
        return out
      }),
  }
}

/** A product of sparse rows with what lies on the device. */
export interface Gather {
  /** Entries of a row. */
  readonly length: number
  readonly output: readonly number[]
  /** Of X with its rows along x: X is taken as it lies transposed. */
  readonly across?: boolean
  /** The column of X to begin with. */
  readonly first?: number
  /** Adds to what its fourth argument holds. */
  readonly onto?: boolean
}

/** Row y of the answer: the rows of X at the indices of row y, times its values. */
export function gatherKernel({
  length,
  output,
  across = false,
  first = 0,
  onto = false,
}: Gather): KernelSource {
  const inner = Math.min(length, BLOCK)
  const column = first > 0 ? `this.thread.x + ${first}` : 'this.thread.x'
  const row = 'indices[this.thread.y][p]'
  const source = `function (indices, values, x${onto ? ', before' : ''}) {
    let s = ${onto ? 'before[this.thread.y][this.thread.x]' : '0.0'};
    for (let o = 0; o < ${length / inner}; o++) {
      let t = 0.0;
      for (let i = 0; i < ${inner}; i++) {
        const p = o * ${inner} + i;
        t += values[this.thread.y][p] * ${across ? `x[${column}][${row}]` : `x[${row}][${column}]`};
      }
      s += t;
    }
    return s;
  }`
  return { source, output }
}

type Rows = Pick<SparseRows, 'pointers' | 'indices' | 'values'>

/** Rows times 2^−scale on the device; their arrays join `arrays` as they are made. */
export async function uploadSide(
  { pointers, indices, values }: Rows,
  scale: number,
  { engine, limits }: Pick<Site, 'engine' | 'limits'>,
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
export function adjointRows({ shape: [m, n], pointers, indices, values }: SparseRows): SparseRows {
  const rows = new Int32Array(values.length)
  for (let i = 0; i < m; i++) rows.fill(i, pointers[i], pointers[i + 1])
  return { shape: [n, m], ...compress(n, m, indices, rows, values) }
}
