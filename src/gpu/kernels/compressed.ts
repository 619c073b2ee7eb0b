import type { Matrix } from '../../linalg/arrays.js'
import { compress } from '../../linalg/operators/csr.js'
import { ShapeError } from '../../linalg/errors.js'
import type { Shape } from '../../linalg/operators.js'
import type { SparseRows } from '../../linalg/operators/sparse.js'
import type { Steps } from '../../linalg/steps.js'
import { withScratch } from '../engines/engine.js'
import type { DeviceArray, KernelSource } from '../engines/engine.js'
import type { Lease, Site } from '../operands/held.js'
import { factors } from '../operands/scale.js'
import { sweepSteps } from '../operands/sweep.js'
import type { Part, Sweep } from '../operands/sweep.js'

// Compressed rows on the device. Rows of 2^(l−1) < entries <= 2^l make one array of 2^l places a row: every loop has a
// literal bound, and the threads of a kernel have equal work. What fills a row up points behind the thin operand's last
// row, where zeros are. Longer rows than LONGEST are cut; the host adds what their pieces come to, in float64.

/** Entries of a row that one thread adds up. */
const LONGEST = 1024
const SHORTEST = 4
/** Rows of a slice: GPU.js has at most 65535·8 threads along y. */
const TALLEST = 2 ** 18
/** Indices travel as float32. */
const EXACT = 2 ** 24
/** Sums are of blocks of so many. */
export const BLOCK = 32

/** Rows of equal length on the device: arrays of size [length, count]. */
export interface Slice {
  readonly length: number
  readonly count: number
  /** Whether they are rows, and not pieces of longer ones. */
  readonly whole: boolean
  readonly indices: DeviceArray
  readonly values: DeviceArray
}

/** The rows of a matrix, m × n, on the device. */
export interface Side {
  readonly shape: Shape
  readonly slices: readonly Slice[]
  /** To which row each row of the slices belongs. */
  readonly rowOf: Int32Array
}

/** Throws where a side is longer than float32 counts. */
export function checkSides([m, n]: Shape, fn: string, argument: string): void {
  if (Math.max(m, n) <= EXACT) return
  const expected = `sides of at most ${EXACT}, up to which float32 counts exactly`
  throw new ShapeError({ fn, argument, expected, given: `${m}×${n}` })
}

/** Puts rows on the device, times 2^−scale; `owned` is given each array that is made. */
export async function uploadRows(
  { shape, pointers, indices, values }: SparseRows,
  scale: number,
  { engine, limits }: Site,
  owned: (array: DeviceArray) => void,
): Promise<Side> {
  const [f, g] = factors(-scale)
  const slices: Slice[] = []
  const rowOf: number[] = []
  const longest = Math.min(LONGEST, 2 ** Math.floor(Math.log2(Math.min(limits.side, limits.bytes / 4))))
  for (const { length, whole, pieces } of piecesByLength(pointers, longest)) {
    const most = Math.min(TALLEST, limits.side, Math.floor(limits.bytes / 4 / length))
    for (let first = 0; first < pieces.length; first += most) {
      const some = pieces.slice(first, first + most)
      const J = new Float32Array(length * some.length).fill(shape[1])
      const V = new Float32Array(length * some.length)
      some.forEach(({ row, from, to }, t) => {
        rowOf.push(row)
        for (let e = from, o = t * length; e < to; e++, o++) {
          J[o] = indices[e]!
          V[o] = values[e]! * f * g
        }
      })
      const put = async (data: Float32Array): Promise<DeviceArray> => {
        const array = await engine.array(data, [length, some.length], 'held')
        owned(array)
        return array
      }
      slices.push({ length, count: some.length, whole, indices: await put(J), values: await put(V) })
    }
  }
  return { shape, slices, rowOf: Int32Array.from(rowOf) }
}

interface Piece {
  readonly row: number
  readonly from: number
  readonly to: number
}

interface Alike {
  readonly length: number
  readonly whole: boolean
  readonly pieces: Piece[]
}

/** The rows, cut where they are long, by the power of two that they fit in. */
function piecesByLength(pointers: Int32Array, longest: number): Iterable<Alike> {
  const kinds = new Map<string, Alike>()
  for (let row = 0; row + 1 < pointers.length; row++) {
    const [start, end] = [pointers[row]!, pointers[row + 1]!]
    const whole = end - start <= longest
    for (let from = start; from < end; from += longest) {
      const to = Math.min(end, from + longest)
      const length = Math.max(SHORTEST, 2 ** Math.ceil(Math.log2(to - from)))
      const key = `${length} ${whole}`
      const alike = kinds.get(key)
      if (alike) alike.pieces.push({ row, from, to })
      else kinds.set(key, { length, whole, pieces: [{ row, from, to }] })
    }
  }
  return kinds.values()
}

/** The product of the rows with a thin matrix. */
export function productSteps(
  lease: Lease,
  side: Side,
  sweep: Pick<Sweep, 'fn' | 'argument' | 'X' | 'scale' | 'limits'>,
): Steps<Matrix> {
  return sweepSteps(lease, { ...sweep, rows: side.shape[0], parts: [partOf(side)] })
}

/** All slices against one X. */
function partOf({ shape: [, n], slices, rowOf }: Side): Part {
  return {
    inner: { start: 0, count: n },
    zeros: 1,
    outer: rowOf,
    multiply: (engine, data, k) =>
      withScratch(async (own) => {
        const out = new Float32Array(rowOf.length * k)
        if (slices.length === 0) return out
        const X = own(await engine.array(data, [k, data.length / k], useFor(data, slices.length)))
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

/** Bytes whose copying takes as long as building a kernel: on WebGL an array takes one to be held. */
const KERNEL = 2 ** 24

/** How an operand of so many kernel runs is best put on the device. */
export const useFor = (data: Float32Array, runs: number): 'held' | 'passing' =>
  runs > 1 && runs * data.byteLength > KERNEL ? 'held' : 'passing'

/** A product of rows of equal length with what lies on the device. */
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
  const column = first > 0 ? `this.thread.x + ${first}` : 'this.thread.x'
  const term = (p: string): string => {
    const row = `indices[this.thread.y][${p}]`
    return `values[this.thread.y][${p}] * ${across ? `x[${column}][${row}]` : `x[${row}][${column}]`}`
  }
  const answer = onto ? 'before[this.thread.y][this.thread.x] + s' : 's'
  return {
    source: `function (indices, values, x${onto ? ', before' : ''}) { ${sumOverRow(length, term)} return ${answer}; }`,
    output,
  }
}

/** s, the sum of the terms of the entries p = 0 … length − 1 (a power of two), in blocks. */
export function sumOverRow(length: number, term: (p: string) => string): string {
  const inner = Math.min(length, BLOCK)
  return `
    let s = 0.0;
    for (let o = 0; o < ${length / inner}; o++) {
      let t = 0.0;
      for (let i = 0; i < ${inner}; i++) {
        const p = o * ${inner} + i;
        t += ${term('p')};
      }
      s += t;
    }`
}

/** The rows of Aᵀ. */
export function adjointRows({ shape: [m, n], pointers, indices, values }: SparseRows): SparseRows {
  const rows = new Int32Array(values.length)
  for (let i = 0; i < m; i++) rows.fill(i, pointers[i], pointers[i + 1])
  return { shape: [n, m], ...compress(n, m, indices, rows, values) }
}
