import type { KernelSource, ShaderSource } from '../engines/engine.js'
import { blockedSum } from '../engines/kernels.js'

// Kernels on gradients. A block holds `rows` gradients, or as much of them as fits, each folded to `height` lines of
// `width` numbers: of size [width, height, rows], all but the width multiples of 4.

export interface Fold {
  readonly width: number
  readonly height: number
  readonly rows: number
}

/** Numbers of a gradient in a block. */
export const lengthOf = ({ width, height }: Fold): number => width * height

/** Of each gradient and each of k vectors, of size [width, height, k]: the sums down each place of a line. */
export function dotKernel({ width, height, rows }: Fold, k: number): KernelSource {
  const source = `function (g, v) {
    ${blockedSum(height, [''], (at) => `t += g[this.thread.y][${at}][this.thread.x] * v[this.thread.z][${at}][this.thread.x];`)}
    return s;
  }`
  return { source, output: [width, rows, k] }
}

/** k combinations of gradients, with coefficients of size [rows, k]. */
export function combineKernel({ width, height, rows }: Fold, k: number): KernelSource {
  const source = `function (g, c) {
    ${blockedSum(rows, [''], (at) => `t += g[${at}][this.thread.y][this.thread.x] * c[this.thread.z][${at}];`)}
    return s;
  }`
  return { source, output: [width, height, k] }
}

const THREADS = 64

/** A shader of one invocation for each of `count` fours of numbers and each of k vectors; `at` and `t` say which. */
function fours(count: number, k: number, output: readonly number[], sum: string): ShaderSource {
  const code = `
@group(0) @binding(0) var<storage, read> g: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> v: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> answer: array<vec4<f32>>;
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let at = id.x;
  let t = id.y;
  if (at >= ${count}u) { return; }
  var s = vec4<f32>();
  ${sum}
  answer[t * ${count}u + at] = s;
}`
  return { code, output, groups: [Math.ceil(count / THREADS), k, 1] }
}

/** A loop over `length` terms, in blocks of 32. */
const blocked = (length: number, term: (i: string) => string): string => `
  for (var b = 0u; b < ${length}u; b += 32u) {
    var p = vec4<f32>();
    let end = min(b + 32u, ${length}u);
    for (var i = b; i < end; i++) { p = ${term('i')}; }
    s += p;
  }`

/** `dotKernel`, four places of a line at a time. */
export function dotShader({ width, height, rows }: Fold, k: number): ShaderSource {
  const line = width / 4
  const sum = `let w = at % ${line}u;
  let first = (at / ${line}u) * ${height * line}u + w;
  let other = t * ${height * line}u + w;
  ${blocked(height, (i) => `fma(g[first + ${i} * ${line}u], v[other + ${i} * ${line}u], p)`)}`
  return fours(rows * line, k, [width, rows, k], sum)
}

/** `combineKernel`, four places at a time. */
export function combineShader({ width, height, rows }: Fold, k: number): ShaderSource {
  const length = (width * height) / 4
  const coefficient = (i: string): string => `vec4<f32>(v[t * ${rows / 4}u + ${i} / 4u][${i} % 4u])`
  const sum = blocked(rows, (i) => `fma(g[${i} * ${length}u + at], ${coefficient(i)}, p)`)
  return fours(length, k, [width, height, k], sum)
}

/** More products of two gradients than this fill a device, and are not cut. */
const MANY = 2 ** 14

/** The products of the gradients of two blocks, each in as many parts as the last side of the output says. */
export function gramKernel({ width, height, rows }: Fold): KernelSource {
  const lines = rows * rows > MANY ? height : 4
  const source = `function (g, f) {
    let sum = 0.0;
    for (let h = 0; h < ${lines}; h++) {
      const line = this.thread.z * ${lines} + h;
      ${blockedSum(width, [''], (at) => `t += g[this.thread.y][line][${at}] * f[this.thread.x][line][${at}];`)}
      sum += s;
    }
    return sum;
  }`
  return { source, output: [rows, rows, height / lines] }
}

/** The transpose of a block, of size [rows, length]. */
export function transposeKernel(fold: Fold): KernelSource {
  const { width, rows } = fold
  const source = `function (g) {
    const line = Math.floor(this.thread.y / ${width});
    return g[this.thread.x][line][this.thread.y - line * ${width}];
  }`
  return { source, output: [rows, lengthOf(fold)] }
}

/** The numbers of all gradients at `count` places: `at` holds their lines, then their places in a line. */
export function gatherKernel({ rows }: Fold, count: number): KernelSource {
  const source = `function (g, at) {
    return g[this.thread.y][at[0][this.thread.x]][at[1][this.thread.x]];
  }`
  return { source, output: [count, rows] }
}

/** The block with row at[0] replaced. */
export function replaceKernel({ width, height, rows }: Fold): KernelSource {
  const source = `function (g, row, at) {
    let value = g[this.thread.z][this.thread.y][this.thread.x];
    if (Math.abs(this.thread.z - at[0]) < 0.5) { value = row[this.thread.y][this.thread.x]; }
    return value;
  }`
  return { source, output: [width, height, rows] }
}

export const zerosKernel = ({ width, height, rows }: Fold): KernelSource => ({
  source: 'function () { return 0.0; }',
  output: [width, height, rows],
})
