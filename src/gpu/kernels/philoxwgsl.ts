// Random entries in WGSL, whose u32 arithmetic is exact: Philox 4x32-10 as in linalg/random.ts. Signs are the host's to
// the bit. Normals are its float64 numbers to the rounding of float32: logarithm, sine and cosine are polynomials
// (Cephes, Moshier 1992) of arguments reduced as integers, since a device's own are as much as 2·10⁻⁴ off.

/** Entries that one invocation makes, neighbours along j. */
export const MADE = { normal: 2, sign: 32 } as const

/** Invocations of a workgroup, and workgroups along x. */
export const INVOCATIONS = 64
export const ACROSS = 65535

const head = `
struct Params { key0: u32, key1: u32, stream: u32, scale: u32, i0: u32, i1: u32, j0: u32, j1: u32, si: u32, sj: u32, a: u32, b: u32 }
@group(0) @binding(0) var<storage, read_write> S: array<f32>;
@group(0) @binding(1) var<uniform> p: Params;

fn mulhi(a: u32, b: u32) -> u32 {
  let a0 = a & 0xffffu;
  let a1 = a >> 16u;
  let b0 = b & 0xffffu;
  let b1 = b >> 16u;
  let w = a1 * b0 + ((a0 * b0) >> 16u);
  return a1 * b1 + (w >> 16u) + (((w & 0xffffu) + a0 * b1) >> 16u);
}

fn philox(counter: vec4<u32>) -> vec4<u32> {
  var c = counter;
  var k = vec2<u32>(p.key0, p.key1);
  for (var round = 0; round < 10; round++) {
    let first = 0xd2511f53u * c.x;
    let second = 0xcd9e8d57u * c.z;
    c = vec4<u32>(mulhi(0xcd9e8d57u, c.z) ^ c.y ^ k.x, second, mulhi(0xd2511f53u, c.x) ^ c.w ^ k.y, first);
    k += vec2<u32>(0x9e3779b9u, 0xbb67ae85u);
  }
  return c;
}

fn put(i: u32, j: u32, entry: f32) {
  if (j >= p.j0 && j < p.j1) { S[(i - p.i0) * p.si + (j - p.j0) * p.sj] = entry; }
}
`

/** `body` makes the entries of group g of row i. */
const main = (made: number, body: string): string => `
@compute @workgroup_size(${INVOCATIONS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) at: u32) {
  let index = (group.y * ${ACROSS}u + group.x) * ${INVOCATIONS}u + at;
  let first = p.j0 / ${made}u;
  let groups = (p.j1 + ${made - 1}u) / ${made}u - first;
  let i = p.i0 + index / groups;
  let g = first + index % groups;
  if (i >= p.i1) { return; }
  ${body}
}`

const signSource = `${head}${main(
  MADE.sign,
  `let words = philox(vec4<u32>(g >> 2u, i, p.stream, 0u));
  let word = words[g & 3u];
  // The sign bit of the entry is set where the bit of the word is not.
  for (var bit = 0u; bit < 32u; bit++) {
    put(i, 32u * g + bit, bitcast<f32>(p.scale | ((~(word >> bit) & 1u) << 31u)));
  }`,
)}`

const normalSource = `${head}
/** ln u of u = (a·2²⁶ + b + 1/2)·2⁻⁵² */
fn logarithm(a: u32, b: u32) -> f32 {
  var f: f32;
  var e = 0.0;
  if (a >= 47453133u) {
    // u > √½: u − 1, which may be tiny, as an integer too.
    f = -(f32(0x3ffffffu - a) * 1.4901161193847656e-8 + (f32(0x3ffffffu - b) + 0.5) * 2.220446049250313e-16);
  } else {
    let bits = bitcast<u32>(f32(a) * 1.4901161193847656e-8 + (f32(b) + 0.5) * 2.220446049250313e-16);
    e = f32(i32(bits >> 23u) - 126);
    var m = bitcast<f32>((bits & 0x7fffffu) | 0x3f000000u);
    if (m < 0.70710678) {
      m *= 2.0;
      e -= 1.0;
    }
    f = m - 1.0;
  }
  let z = f * f;
  var y = 7.0376836292e-2;
  y = y * f - 1.1514610310e-1;
  y = y * f + 1.1676998740e-1;
  y = y * f - 1.2420140846e-1;
  y = y * f + 1.4249322787e-1;
  y = y * f - 1.6668057665e-1;
  y = y * f + 2.0000714765e-1;
  y = y * f - 2.4999993993e-1;
  y = y * f + 3.3333331174e-1;
  y = y * f * z - 2.12194440e-4 * e - 0.5 * z;
  return f + y + 0.693359375 * e;
}

/** cos and sin of 2π·(a·2²⁶ + b + 1/2)·2⁻⁵² */
fn turn(a: u32, b: u32) -> vec2<f32> {
  let quarter = ((a >> 23u) + 1u) >> 1u;
  let r = f32(i32(a) - i32(quarter << 24u)) * 1.4901161193847656e-8 + (f32(b) + 0.5) * 2.220446049250313e-16;
  let x = 6.283185307179586 * r;
  let z = x * x;
  let s = x + x * z * ((-1.9515295891e-4 * z + 8.3321608736e-3) * z - 1.6666654611e-1);
  let c = 1.0 - 0.5 * z + z * z * ((2.443315711809948e-5 * z - 1.388731625493765e-3) * z + 4.166664568298827e-2);
  switch (quarter & 3u) {
    case 0u: { return vec2<f32>(c, s); }
    case 1u: { return vec2<f32>(-s, c); }
    case 2u: { return vec2<f32>(-c, -s); }
    default: { return vec2<f32>(s, -c); }
  }
}
${main(
  MADE.normal,
  `let w = philox(vec4<u32>(g, i, p.stream, 0u));
  let radius = bitcast<f32>(p.scale) * sqrt(-2.0 * logarithm(w.x >> 6u, w.y >> 6u));
  let pair = radius * turn(w.z >> 6u, w.w >> 6u);
  put(i, 2u * g, pair.x);
  put(i, 2u * g + 1u, pair.y);`,
)}`

export const entrySource = { normal: normalSource, sign: signSource } as const
