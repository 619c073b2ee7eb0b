import { wrap } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { wait } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { paddedTo4, withScratch } from '../engines/engine.js'
import type { DeviceArray, Engine, KernelSource } from '../engines/engine.js'
import type { Lease } from './held.js'
import { blockedSum } from '../engines/kernels.js'
import type { Cell, Grid } from './matrix.js'
import { addScaled, factors } from './scale.js'
import { notFinite } from './sweep.js'
import type { Range } from './sweep.js'

// What is read of a resident matrix other than its products: rows, columns and the diagonal, gathered on the device, so
// that indices go up and only what was asked for comes down; lengths of rows; and the Gram matrix.

/** Longest side of what a kernel makes on WebGPU: 65535 groups of 8. */
const SIDE = 65535 * 8

const kernels = {
  columns: (width: number, height: number): KernelSource => ({
    source: 'function (a, j, from) { return a[this.thread.y + from[0]][j[this.thread.x]]; }',
    output: [width, height],
  }),
  rows: (width: number, height: number): KernelSource => ({
    source: 'function (a, i, from) { return a[i[this.thread.y]][this.thread.x + from[0]]; }',
    output: [width, height],
  }),
  diagonal: (length: number): KernelSource => ({
    source: 'function (a, from) { return a[this.thread.x + from[0]][this.thread.x + from[1]]; }',
    output: [length],
  }),
  /** Divided by its largest entry, a row has a sum of squares in float32's range. */
  rowNorms: (rows: number, cols: number): KernelSource => ({
    source: `function (a) {
      const y = this.thread.x;
      let m = 0.0;
      for (let p = 0; p < ${Math.ceil(cols / 64)}; p++) {
        for (let q = 0; q < 64; q++) {
          if (p * 64 + q < ${cols}) { m = Math.max(m, Math.abs(a[y][p * 64 + q])); }
        }
      }
      let f = 0.0;
      if (m > 1.2e-38) { f = 1.0 / m; }
      ${blockedSum(paddedTo4(cols), [''], (k) => `t += (f * a[y][${k}]) * (f * a[y][${k}]);`)}
      return m * Math.sqrt(s);
    }`,
    output: [rows],
  }),
}

/** The columns J. */
export function* columnsSteps(
  grid: Grid,
  [m]: readonly [number, number],
  J: Int32Array,
  lease: Lease,
): Steps<Matrix> {
  const out = wrap(new Float64Array(m * J.length), m, J.length)
  const [f, g] = factors(grid.scale)
  for (const { rows, cols, block } of grid.cells) {
    for (const places of placesIn(J, cols, grid)) {
      for (const { start, count } of rangesOf(rows.count, places.length, grid)) {
        const data = yield* wait(
          lease.run((engine) =>
            gather(engine, block, localIndices(J, places, cols, engine), start, (width) =>
              kernels.columns(width, count),
            ),
          ),
        )
        const width = data.length / count
        for (let i = 0; i < count; i++) {
          const row = (rows.start + start + i) * J.length
          places.forEach((place, t) => (out.data[row + place] = data[i * width + t]! * f * g))
        }
      }
    }
  }
  return out
}

/** The rows I. */
export function* rowsSteps(
  grid: Grid,
  [, n]: readonly [number, number],
  I: Int32Array,
  lease: Lease,
): Steps<Matrix> {
  const out = wrap(new Float64Array(I.length * n), I.length, n)
  const [f, g] = factors(grid.scale)
  for (const { rows, cols, block } of grid.cells) {
    for (const places of placesIn(I, rows, grid)) {
      for (const { start, count } of rangesOf(cols.count, places.length, grid)) {
        const data = yield* wait(
          lease.run((engine) =>
            gather(engine, block, localIndices(I, places, rows, engine), start, (height) =>
              kernels.rows(count, height),
            ),
          ),
        )
        places.forEach((place, t) => {
          const o = place * n + cols.start + start
          for (let j = 0; j < count; j++) out.data[o + j] = data[t * count + j]! * f * g
        })
      }
    }
  }
  return out
}

/** Runs a gather kernel on so many indices. */
function gather(
  engine: Engine,
  block: DeviceArray,
  indices: Float32Array,
  start: number,
  kernel: (count: number) => KernelSource,
): Promise<Float32Array> {
  return withScratch(async (own) => {
    const list = own(await engine.array(indices, [indices.length], 'passing'))
    const from = own(await engine.array(Float32Array.of(start), [1], 'passing'))
    return engine.compute(kernel(indices.length), [block, list, from])
  })
}

/** Where in a list the indices of a range stand, so many at one time. */
function placesIn(list: Int32Array, { start, count }: Range, { limits }: Grid): Int32Array[] {
  const places = Int32Array.from(list.keys()).filter((t) => list[t]! >= start && list[t]! < start + count)
  const most = Math.max(4, Math.min(limits.columns, 4 * Math.floor(limits.bytes / 64)))
  return Array.from({ length: Math.ceil(places.length / most) }, (_, i) =>
    places.subarray(i * most, (i + 1) * most),
  )
}

/** Ranges of a length, of which `width` times as many numbers are made at one time. */
function rangesOf(length: number, width: number, { limits }: Grid): Range[] {
  const most = Math.max(
    1,
    Math.min(SIDE, limits.side, Math.floor(Math.min(limits.bytes, 2 ** 26) / 4 / (width + 8))),
  )
  return Array.from({ length: Math.ceil(length / most) }, (_, i) => ({
    start: i * most,
    count: Math.min(most, length - i * most),
  }))
}

/** Indices within a block, as float32 carries them; as many as there are kernels for. */
function localIndices(list: Int32Array, places: Int32Array, { start }: Range, engine: Engine): Float32Array {
  const out = new Float32Array(engine.paddedColumns(places.length))
  places.forEach((place, t) => (out[t] = list[place]! - start))
  return out
}

/** The main diagonal. */
export function* diagonalSteps(
  grid: Grid,
  shape: readonly [number, number],
  lease: Lease,
): Steps<Float64Array> {
  const out = new Float64Array(Math.min(...shape))
  const [f, g] = factors(grid.scale)
  for (const { rows, cols, block } of grid.cells) {
    const first = Math.max(rows.start, cols.start)
    const length = Math.min(rows.start + rows.count, cols.start + cols.count) - first
    if (length <= 0) continue
    const data = yield* wait(
      lease.run((engine) =>
        withScratch(async (own) => {
          const at = Float32Array.of(first - rows.start, first - cols.start)
          const from = own(await engine.array(at, [2], 'passing'))
          return engine.compute(kernels.diagonal(length), [block, from])
        }),
      ),
    )
    for (let i = 0; i < length; i++) out[first + i] = data[i]! * f * g
  }
  return out
}

/** ‖aᵢ‖ of each row. */
export function* rowNormsSteps(
  grid: Grid,
  [m]: readonly [number, number],
  lease: Lease,
): Steps<Float64Array> {
  const out = new Float64Array(m)
  for (const { rows, cols, block } of grid.cells) {
    const norms = yield* wait(
      lease.run((engine) => engine.compute(kernels.rowNorms(rows.count, cols.count), [block])),
    )
    for (let i = 0; i < rows.count; i++) out[rows.start + i] = Math.hypot(out[rows.start + i]!, norms[i]!)
  }
  const [f, g] = factors(grid.scale)
  const scaled = out.map((norm) => norm * f * g)
  if (!scaled.every(Number.isFinite)) throw notFinite('rowNorms', wrap(scaled, m, 1))
  return scaled
}

/** AᵀA, of which the part above the diagonal crosses, for each band of rows. */
export function* gramSteps(grid: Grid, [, n]: readonly [number, number], lease: Lease): Steps<Matrix> {
  const G = wrap(new Float64Array(n * n), n, n)
  for (const [t, left] of grid.cells.entries()) {
    for (const right of grid.cells.slice(t)) {
      if (right.rows.start !== left.rows.start) continue
      for (const panel of panelsOf(left, right, grid)) {
        const answer = yield* wait(lease.run((engine) => panelProduct(engine, left, right, panel)))
        const count = Math.min(panel.count, right.cols.count - panel.start)
        const to = right.cols.start + panel.start
        if (!addScaled(answer, panel.count, left.cols, new Int32Array(count), 2 * grid.scale, G, to)) {
          throw notFinite('gram', G)
        }
      }
    }
  }
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) G.data[i * n + j] = G.data[j * n + i]!
  return G
}

/** Columns of `right`, padded, of which the products with all of `left` fit in an array. */
function panelsOf(left: Cell, right: Cell, { limits }: Grid): Range[] {
  const width = paddedTo4(right.cols.count)
  const fitting = 4 * Math.floor(limits.bytes / 16 / paddedTo4(Math.max(left.cols.count, left.rows.count)))
  const most = width * paddedTo4(left.cols.count) <= limits.bytes / 4 ? width : Math.max(4, fitting)
  return Array.from({ length: Math.ceil(width / most) }, (_, i) => ({
    start: i * most,
    count: Math.min(most, width - i * most),
  }))
}

function panelProduct(
  engine: Engine,
  left: Cell,
  right: Cell,
  { start, count }: Range,
): Promise<Float32Array> {
  return withScratch(async (own) => {
    const [width, height] = right.block.size as [number, number]
    let X: DeviceArray = right.block
    if (count < width) {
      const from = own(await engine.array(Float32Array.of(start), [1], 'passing'))
      const source = 'function (a, from) { return a[this.thread.y][this.thread.x + from[0]]; }'
      X = own(await engine.run({ source, output: [count, height] }, [right.block, from]))
    }
    return engine.read(own(await engine.product(left.block, true, X)))
  })
}
