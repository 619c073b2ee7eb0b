import { BLOCK } from './compressed.js'
import type { ShaderSource } from '../engines/engine.js'

// Normal equations in WGSL, those of neighbouring rows beside each other: number e of row r lies at e·count + r, so that
// the threads of a group read and write as one. A row has width² numbers of its Gram matrix, of which the upper triangle
// is made; width of its right-hand side; and room for as many. `width` is a multiple of 4.

const GROUP = 64

interface Made {
  readonly first: number
  readonly count: number
  readonly length: number
  readonly width: number
}

/** Rows first … first + count of a slice; a thread makes 4 × 4 numbers, or four of the right-hand side. */
export function normalShader({ first, count, length, width }: Made): ShaderSource {
  return {
    code: normalSource,
    output: [count, width * width + 2 * width],
    groups: [Math.ceil(count / GROUP), width / 4, width / 4 + 1],
    params: Uint32Array.of(first, count, length, width),
  }
}

const four = [0, 1, 2, 3]
const part = ['x', 'y', 'z', 'w']
const each = (line: (i: number) => string): string => four.map(line).join('\n')

const normalSource = `
struct Params { first: u32, count: u32, length: u32, width: u32 }
@group(0) @binding(0) var<storage, read> indices: array<f32>;
@group(0) @binding(1) var<storage, read> values: array<f32>;
@group(0) @binding(2) var<storage, read> F: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> G: array<f32>;
@group(0) @binding(4) var<uniform> p: Params;
@compute @workgroup_size(${GROUP})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let r = id.x;
  let i = id.y;
  let j = id.z;
  let w4 = p.width / 4u;
  if (r >= p.count || (j < i)) { return; }
  let base = (p.first + r) * p.length;
  ${each((a) => `var s${a} = vec4<f32>();`)}
  let block = min(p.length, ${BLOCK}u);
  for (var o = 0u; o < p.length; o += block) {
    ${each((a) => `var t${a} = vec4<f32>();`)}
    for (var e = base + o; e < base + o + block; e++) {
      let at = u32(indices[e]) * w4;
      let left = F[at + i];
      if (j < w4) {
        let right = F[at + j];
        ${each((a) => `t${a} = fma(vec4<f32>(left.${part[a]}), right, t${a});`)}
      } else {
        t0 = fma(vec4<f32>(values[e]), left, t0);
      }
    }
    ${each((a) => `s${a} += t${a};`)}
  }
  if (j < w4) {
    ${each((a) => each((b) => `G[((4u * i + ${a}u) * p.width + 4u * j + ${b}u) * p.count + r] = s${a}.${part[b]};`))}
  } else {
    ${each((b) => `G[(p.width * p.width + 4u * i + ${b}u) * p.count + r] = s0.${part[b]};`)}
  }
}`

interface Solved {
  readonly count: number
  readonly k: number
  readonly width: number
  readonly ridge: number
  readonly dependent: number
  readonly rescue: number
}

/** The solutions, a row of `width` numbers for each; a thread solves for one. */
export function solutionShader({ count, k, width, ridge, dependent, rescue }: Solved): ShaderSource {
  const params = new Uint32Array(8)
  params.set([count, k, width])
  new Float32Array(params.buffer).set([ridge, dependent, rescue], 4)
  return {
    code: solutionSource,
    output: [width, count],
    groups: [Math.ceil(count / GROUP), 1, 1],
    params,
  }
}

/** Cholesky: L below the diagonal, 1/L[j, j] in the room behind, so that the Gram matrix stays for a second try. */
const solutionSource = `
struct Params { count: u32, k: u32, width: u32, none: u32, ridge: f32, dependent: f32, rescue: f32, nothing: f32 }
@group(0) @binding(0) var<storage, read_write> G: array<f32>;
@group(0) @binding(1) var<storage, read_write> X: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;
@compute @workgroup_size(${GROUP})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let r = id.x;
  if (r >= p.count) { return; }
  let k = p.k;
  let y = p.width * p.width;
  let d = y + p.width;
  let c = p.count;
  var largest = 0.0;
  for (var j = 0u; j < k; j++) { largest = max(largest, G[(j * p.width + j) * c + r]); }
  for (var attempt = 0u; attempt < 2u; attempt++) {
    var added = p.ridge + select(0.0, p.rescue * largest, attempt == 1u);
    if (largest + p.ridge == 0.0) { added = 1.0; }
    var regular = true;
    for (var j = 0u; j < k && regular; j++) {
      var pivot = G[(j * p.width + j) * c + r] + added;
      for (var q = 0u; q < j; q++) {
        let l = G[(j * p.width + q) * c + r];
        pivot -= l * l;
      }
      if (pivot <= p.dependent * largest) {
        regular = attempt == 1u;
        pivot = added;
      }
      let inverse = 1.0 / sqrt(pivot);
      G[(d + j) * c + r] = inverse;
      for (var i = j + 1u; i < k && regular; i++) {
        var s = G[(j * p.width + i) * c + r];
        for (var q = 0u; q < j; q++) { s -= G[(i * p.width + q) * c + r] * G[(j * p.width + q) * c + r]; }
        G[(i * p.width + j) * c + r] = s * inverse;
      }
    }
    if (regular) { break; }
  }
  for (var j = 0u; j < k; j++) {
    var s = G[(y + j) * c + r];
    for (var q = 0u; q < j; q++) { s -= G[(j * p.width + q) * c + r] * G[(y + q) * c + r]; }
    G[(y + j) * c + r] = s * G[(d + j) * c + r];
  }
  for (var n = 0u; n < k; n++) {
    let j = k - 1u - n;
    var s = G[(y + j) * c + r];
    for (var i = j + 1u; i < k; i++) { s -= G[(i * p.width + j) * c + r] * G[(y + i) * c + r]; }
    s *= G[(d + j) * c + r];
    G[(y + j) * c + r] = s;
    X[r * p.width + j] = s;
  }
}`
