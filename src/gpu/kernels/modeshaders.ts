import { paddedTo4 } from '../engines/engine.js'
import type { ShaderSource } from '../engines/engine.js'
import type { Around, Piece, Place } from './modekernels.js'

// The same in WGSL. A position is a pair (o, i), counted o·inner + i. Sums are of blocks of 32.

const lines = (n: number, line: (i: number) => string): string =>
  Array.from({ length: n }, (_, i) => line(i)).join('\n')
const part = ['x', 'y', 'z', 'w']

/** Workgroups along one dimension are at most 65535. */
const ROW = 32768

/** Workgroups over a length, folded into two dimensions; the shader has the group as group.y·ROW + group.x. */
const folded = (groups: number): [number, number] => [Math.min(groups, ROW), Math.ceil(groups / ROW)]

/** Each invocation makes 4 positions × 8 columns. */
const productCode = `
struct Params { size: u32, inner: u32, positions: u32, columns: u32, stride4: u32, outerStep: u32, columnStep: u32, innerStep: u32 }
@group(0) @binding(0) var<storage, read> A: array<f32>;
@group(0) @binding(1) var<storage, read> B: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> C: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;
@compute @workgroup_size(64)
fn main(@builtin(local_invocation_id) local: vec3<u32>, @builtin(workgroup_id) group: vec3<u32>) {
  let first = (group.y * ${ROW}u + group.x) * 256u + local.x;
  if (first >= p.positions) { return; }
  let c0 = group.z * 2u;
  let c1 = min(c0 + 1u, p.stride4 - 1u);
  ${lines(
    4,
    (u) => `let at${u} = min(first + ${64 * u}u, p.positions - 1u);
  let o${u} = at${u} / p.inner;
  let i${u} = at${u} - o${u} * p.inner;
  var a${u} = o${u} * p.size * p.inner + i${u};
  var s${u}0 = vec4<f32>();
  var s${u}1 = vec4<f32>();`,
  )}
  for (var k0 = 0u; k0 < p.size; k0 += 32u) {
    ${lines(4, (u) => `var t${u}0 = vec4<f32>(); var t${u}1 = vec4<f32>();`)}
    let end = min(k0 + 32u, p.size);
    for (var k = k0; k < end; k++) {
      let b0 = B[k * p.stride4 + c0];
      let b1 = B[k * p.stride4 + c1];
      ${lines(
        4,
        (u) => `let x${u} = A[a${u}];
      t${u}0 = fma(vec4<f32>(x${u}), b0, t${u}0);
      t${u}1 = fma(vec4<f32>(x${u}), b1, t${u}1);
      a${u} += p.inner;`,
      )}
    }
    ${lines(4, (u) => `s${u}0 += t${u}0; s${u}1 += t${u}1;`)}
  }
  let j = c0 * 4u;
  ${lines(
    4,
    (u) => `if (first + ${64 * u}u < p.positions) {
    let to${u} = o${u} * p.outerStep + i${u} * p.innerStep + j * p.columnStep;
    ${lines(8, (v) => `if (j + ${v}u < p.columns) { C[to${u} + ${v}u * p.columnStep] = s${u}${v >> 2}.${part[v & 3]}; }`)}
  }`,
  )}
}`

/** Σₖ b[k][j]·a[o][k][i], as `modeProductKernel`; b has rows of `stride` numbers, a multiple of 4. */
export function modeProductShader(
  { outer, size, inner }: Around,
  columns: number,
  stride: number,
  place: Place,
  output: readonly number[],
): ShaderSource {
  const steps = place === 'mode' ? [columns * inner, inner, 1] : [columns * inner, 1, columns]
  return {
    code: productCode,
    output,
    groups: [...folded(Math.ceil((outer * inner) / 256)), Math.ceil(columns / 8)],
    params: Uint32Array.of(size, inner, outer * inner, columns, stride / 4, ...steps),
  }
}

/** Each invocation makes 4 rows × 4 columns, of one slice of the positions. */
const innerCode = `
struct Params {
  size: u32, inner: u32, positions: u32, columns: u32, slice: u32, first: u32, count: u32, outerStep: u32,
  columnStep: u32, innerStep: u32, rowTiles: u32, tiles: u32
}
@group(0) @binding(0) var<storage, read> A: array<f32>;
@group(0) @binding(1) var<storage, read> B: array<f32>;
@group(0) @binding(2) var<storage, read_write> C: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;
@compute @workgroup_size(64)
fn main(@builtin(local_invocation_id) local: vec3<u32>, @builtin(workgroup_id) group: vec3<u32>) {
  let tile = (group.y * ${ROW}u + group.x) * 64u + local.x;
  if (tile >= p.tiles) { return; }
  let k = (tile % p.rowTiles) * 4u;
  let j = (tile / p.rowTiles) * 4u;
  let start = group.z * p.slice;
  let end = min(start + p.slice, p.positions);
  ${lines(4, (u) => `let a${u} = min(k + ${u}u, p.size - 1u) * p.inner;`)}
  ${lines(4, (v) => `let b${v} = min(p.first + j + ${v}u, p.columns - 1u) * p.columnStep;`)}
  ${lines(4, (u) => `var s${u} = vec4<f32>();`)}
  var o = start / p.inner;
  var i = start - o * p.inner;
  for (var p0 = start; p0 < end; p0 += 32u) {
    ${lines(4, (u) => `var t${u} = vec4<f32>();`)}
    let stop = min(p0 + 32u, end);
    for (var at = p0; at < stop; at++) {
      let a = o * p.size * p.inner + i;
      let b = o * p.outerStep + i * p.innerStep;
      let y = vec4<f32>(B[b + b0], B[b + b1], B[b + b2], B[b + b3]);
      ${lines(4, (u) => `t${u} = fma(vec4<f32>(A[a + a${u}]), y, t${u});`)}
      i++;
      if (i == p.inner) { i = 0u; o++; }
    }
    ${lines(4, (u) => `s${u} += t${u};`)}
  }
  ${lines(
    4,
    (u) => `if (k + ${u}u < p.size) {
    let to = (group.z * p.size + k + ${u}u) * p.count + j;
    ${lines(4, (v) => `if (j + ${v}u < p.count) { C[to + ${v}u] = s${u}.${part[v]}; }`)}
  }`,
  )}
}`

/** Σ a[o][k][i]·b[o][j][i] over slices of `length` positions, as `modeInnerKernel`. */
export function modeInnerShader(
  { outer, size, inner }: Around,
  columns: number,
  place: Place,
  { first, count, length }: Piece,
): ShaderSource {
  const positions = outer * inner
  const slices = Math.ceil(positions / length)
  const rowTiles = paddedTo4(size) / 4
  const tiles = (rowTiles * paddedTo4(count)) / 4
  const steps = place === 'mode' ? [columns * inner, inner, 1] : [columns * inner, 1, columns]
  return {
    code: innerCode,
    output: [count, size, slices],
    groups: [...folded(Math.ceil(tiles / 64)), slices],
    params: Uint32Array.of(size, inner, positions, columns, length, first, count, ...steps, rowTiles, tiles),
  }
}
