import type { KernelSource } from '../engines/engine.js'
import { blockedSum } from '../engines/kernels.js'

// What a tensor does on the device, as kernels for GPU.js. About mode n a tensor is [outer, size, inner]: the modes before
// n, mode n, and those after it, row-major. Sums are of blocks of 64.

/** A tensor seen about one of its modes. */
export interface Around {
  readonly outer: number
  readonly size: number
  readonly inner: number
}

/** How a kernel sees a tensor: the size of the array, an entry of it, and which thread has which index. */
interface Layout {
  readonly extent: readonly number[]
  at(o: string, k: string, i: string): string
  readonly o: string
  readonly k: string
  readonly i: string
}

/**
 * [inner, size, outer], x fastest. Where a side is 1 the two others are x and z: an array of two dimensions, or one with
 * nothing in z, would be a texture with the sides that it has, and these may be longer than a texture's.
 */
export function layoutOf({ outer, size, inner }: Around): Layout {
  const [x, y, z] = ['this.thread.x', 'this.thread.y', 'this.thread.z']
  if (inner === 1) return { extent: [size, 1, outer], at: (o, k) => `[${o}][0][${k}]`, o: z, k: x, i: '0' }
  if (outer === 1) return { extent: [inner, 1, size], at: (_, k, i) => `[${k}][0][${i}]`, o: '0', k: z, i: x }
  return { extent: [inner, size, outer], at: (o, k, i) => `[${o}][${k}][${i}]`, o: z, k: y, i: x }
}

/** Where the columns of a thin matrix stand: in the place of mode n, or last, as in a matrix of a row for each (o, i). */
export type Place = 'mode' | 'last'

/** [outer, inner] × columns. */
export const thinAround = ({ outer, inner }: Around, columns: number, place: Place): Around =>
  place === 'mode' ? { outer, size: columns, inner } : { outer, size: inner, inner: columns }

/** The layout of it, with k for the column whatever its place. */
function thinLayout(around: Around, columns: number, place: Place): Layout {
  const layout = layoutOf(thinAround(around, columns, place))
  if (place === 'mode') return layout
  return { ...layout, at: (o, k, i) => layout.at(o, i, k), k: layout.i, i: layout.k }
}

/** Σₖ b[k][j]·a[o][k][i] for the columns j of b, of size [stride, 1, around.size]. */
export function modeProductKernel(around: Around, columns: number, place: Place): KernelSource {
  const { at } = layoutOf(around)
  const { extent, o, k: j, i } = thinLayout(around, columns, place)
  const source = `function (a, b) {
    const before = ${o};
    const j = ${j};
    const after = ${i};
    ${blockedSum(around.size, [''], (k) => `t += b[${k}][0][j] * a${at('before', k, 'after')};`)}
    return s;
  }`
  return { source, output: extent }
}

/** Sums are of blocks of so many. */
const BLOCK = 64

/** How the positions (o, i) of a long sum are cut: so many slices along each, of so many. */
interface Slices {
  readonly along: readonly [outer: number, inner: number]
  readonly of: readonly [outer: number, inner: number]
}

function slicesOf({ outer, inner }: Around, length: number): Slices {
  const i = Math.min(inner, length)
  const o = Math.min(outer, Math.max(1, Math.floor(length / i)))
  return { along: [Math.ceil(outer / o), Math.ceil(inner / i)], of: [o, i] }
}

/** Which columns of the thin matrix a sum takes, and how many positions go into one slice of it. */
export interface Piece {
  readonly first: number
  readonly count: number
  readonly length: number
}

/** Σ a[o][k][i]·b[o][j][i] over the (o, i) of each slice, for the columns j of b in `piece`: [count, around.size, slices]. */
export function modeInnerKernel(
  around: Around,
  columns: number,
  place: Place,
  { first, count, length }: Piece,
): KernelSource {
  const { outer, size, inner } = around
  const [a, b] = [layoutOf(around), thinLayout(around, columns, place)]
  const { along, of } = slicesOf(around, length)
  const slices = along[0] * along[1]
  const i = Math.min(of[1], BLOCK)
  const o = Math.min(of[0], Math.floor(BLOCK / i))
  // With nothing in z it would be a texture as high as the mode is long.
  const output = slices === 1 ? [count, 1, size] : [count, size, slices]
  const [k, slice] = slices === 1 ? ['this.thread.z', '0'] : ['this.thread.y', 'this.thread.z']
  const source = `function (a, b) {
    const j = this.thread.x + ${first};
    const k = ${k};
    const o0 = Math.floor(${slice} / ${along[1]}) * ${of[0]};
    const i0 = (${slice} % ${along[1]}) * ${of[1]};
    let s = 0.0;
    for (let p = 0; p < ${Math.ceil(of[0] / o)}; p++) {
      for (let q = 0; q < ${Math.ceil(of[1] / i)}; q++) {
        let t = 0.0;
        for (let u = 0; u < ${o}; u++) {
          const o = p * ${o} + u;
          for (let v = 0; v < ${i}; v++) {
            const i = q * ${i} + v;
            if (o < ${of[0]} && i < ${of[1]} && o0 + o < ${outer} && i0 + i < ${inner}) {
              t += a${a.at('(o0 + o)', 'k', '(i0 + i)')} * b${b.at('(o0 + o)', 'j', '(i0 + i)')};
            }
          }
        }
        s += t;
      }
    }
    return s;
  }`
  return { source, output }
}

/** Adds up slices of `count` numbers: a[s][0][x] over s. */
export function slicesSumKernel(count: number, slices: number): KernelSource {
  const source = `function (a) {
    ${blockedSum(slices, [''], (k) => `t += a[${k}][0][this.thread.x];`)}
    return s;
  }`
  return { source, output: [count] }
}

/** Numbers that one thread of a reduction reads. */
const STRIDE = 1024

/** A number for each of some threads, from all numbers of a flat array; `step` takes v into s. */
function reduction(count: number, step: string, round: string): KernelSource {
  const threads = Math.ceil(count / STRIDE)
  const source = `function (a) {
    let s = 0.0;
    for (let q = 0; q < ${STRIDE / 32}; q++) {
      let t = 0.0;
      for (let w = 0; w < 32; w++) {
        const p = (q * 32 + w) * ${threads} + this.thread.x;
        if (p < ${count}) {
          const v = a[p];
          ${step}
        }
      }
      ${round}
    }
    return s;
  }`
  return { source, output: [threads] }
}

/** The largest magnitudes in parts of a flat array. */
export const largestKernel = (count: number): KernelSource =>
  reduction(count, 't = Math.max(t, Math.abs(v));', 's = Math.max(s, t);')

/** Sums of squares over parts of a flat array, in blocks of 32. */
export const squaresKernel = (count: number): KernelSource => reduction(count, 't += v * v;', 's += t;')

/** a·f[0], of flat arrays. */
export const scaledKernel = (count: number): KernelSource => ({
  source: 'function (a, f) { return a[this.thread.x] * f[0]; }',
  output: [count],
})

/** a + b, of flat arrays. */
export const sumKernel = (count: number): KernelSource => ({
  source: 'function (a, b) { return a[this.thread.x] + b[this.thread.x]; }',
  output: [count],
})
