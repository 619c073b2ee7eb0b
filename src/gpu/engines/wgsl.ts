// C = A·X and C = Aᵀ·X in WGSL for a resident A and a thin X. Neither copies or transposes A. Numbers lie in
// vec4s: A has lda4 of them per row, X and C have n4. Workgroup (x, y, z) makes a tile of rows, a tile of
// columns, and one slice of the inner index: where the answer is small and the sum long (Aᵀ·Y of a tall A)
// slices fill the device, and `reduceSource` adds them. Sums are of blocks of 32, so that the rounding error
// grows with K/32 + 32 and not with K. All variants add in the same order: the choice between them is a matter
// of time, and must not show in the answer.
//
// 'tile' variants share tiles in workgroup memory: what a GPU wants. 'register' variants only read: what a
// software renderer wants, where a barrier is dear. tune.ts asks the device.

/** A way to compute the product: tiles of `bm`×`bn`, each invocation makes `tm`×`tn` of it. */
export interface Variant {
  readonly name: string
  readonly form: 'tile' | 'register'
  readonly bm: number
  readonly bn: number
  readonly tm: number
  readonly tn: number
  /** Depth of a tile of the inner index; divides BLOCK. */
  readonly bk: number
}

const tile = (bm: number, bn: number, tm: number, tn: number, bk: number): Variant => ({
  name: `tile ${bm}×${bn} ${tm}×${tn}`,
  form: 'tile',
  bm,
  bn,
  tm,
  tn,
  bk,
})

/** 64 invocations over the rows. */
const register = (tm: number, tn: number): Variant => ({
  name: `register ${tm}×${tn}`,
  form: 'register',
  bm: 64 * tm,
  bn: tn,
  tm,
  tn,
  bk: 32,
})

export const variants = {
  tile64x16: tile(64, 16, 4, 4, 32),
  tile64x32: tile(64, 32, 4, 4, 32),
  tile128x32: tile(128, 32, 8, 4, 16),
  tile64x64: tile(64, 64, 8, 4, 16),
  register4x4: register(4, 4),
  register8x4: register(8, 4),
  register4x8: register(4, 8),
} as const satisfies Record<string, Variant>

/** The inner index is cut into slices of a multiple of this. */
export const BLOCK = 32

/** Words of the uniform block, in the order of `Params`. */
export const PARAMS = 8

const head = `
struct Params { M: u32, n4: u32, K: u32, lda4: u32, slice: u32, row0: u32, a: u32, b: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> A: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> X: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> C: array<vec4<f32>>;`

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i)
const lines = (n: number, line: (i: number) => string): string => range(n).map(line).join('\n')
const grid = (n: number, m: number, line: (i: number, j: number) => string): string =>
  lines(n, (i) => lines(m, (j) => line(i, j)))
const part = ['x', 'y', 'z', 'w']

/** The source of a variant, for A·X or (`transposed`) Aᵀ·X. */
export function productSource(variant: Variant, transposed: boolean): string {
  return variant.form === 'tile' ? tileSource(variant, transposed) : registerSource(variant, transposed)
}

function tileSource({ bm, bn, tm, tn, bk }: Variant, transposed: boolean): string {
  const [across, down] = [bn / tn, bm / tm]
  const [m4, n4, k4, tm4, tn4] = [bm / 4, bn / 4, bk / 4, tm / 4, tn / 4]
  const threads = across * down
  // Tiles of A are kept with the inner index first, so that an invocation reads its rows as vec4s. From A as
  // it lies that takes a transposition, 4×4 numbers at a time; the column is exchanged by its depth (^ q),
  // lest the invocations that write at one time meet in one memory bank.
  const loadA = transposed
    ? `for (var i = t; i < ${bk * m4}u; i += ${threads}u) {
      let k = k0 + i / ${m4}u;
      let c = first / 4u + i % ${m4}u;
      var v = vec4<f32>();
      if (k < end && c < p.lda4) { v = A[k * p.lda4 + c]; }
      As[i] = v;
    }`
    : `for (var i = t; i < ${k4 * m4}u; i += ${threads}u) {
      let q = i % ${k4}u;
      let r4 = i / ${k4}u;
      let c = k0 / 4u + q;
      ${lines(
        4,
        (u) => `let r${u} = first + r4 * 4u + ${u}u;
      var v${u} = vec4<f32>();
      if (r${u} < p.M && c < p.lda4) { v${u} = A[r${u} * p.lda4 + c]; }`,
      )}
      ${lines(4, (u) => `As[(q * 4u + ${u}u) * ${m4}u + (r4 ^ q)] = vec4<f32>(v0.${part[u]}, v1.${part[u]}, v2.${part[u]}, v3.${part[u]});`)}
    }`
  const readA = (i: number) => (transposed ? `ty * ${tm4}u + ${i}u` : `((ty * ${tm4}u + ${i}u) ^ (k / 4u))`)
  return `${head}
var<workgroup> As: array<vec4<f32>, ${bk * m4}>;
var<workgroup> Xs: array<vec4<f32>, ${bk * n4}>;
@compute @workgroup_size(${across}, ${down})
fn main(@builtin(local_invocation_id) local: vec3<u32>, @builtin(workgroup_id) group: vec3<u32>) {
  let tx = local.x;
  let ty = local.y;
  let t = ty * ${across}u + tx;
  let first = p.row0 + group.x * ${bm}u;
  let col = group.y * ${n4}u;
  let start = group.z * p.slice;
  let end = min(start + p.slice, p.K);
  ${grid(tm, tn4, (i, j) => `var s${i}_${j} = vec4<f32>();`)}
  for (var block = start; block < end; block += ${BLOCK}u) {
    ${grid(tm, tn4, (i, j) => `var t${i}_${j} = vec4<f32>();`)}
    for (var k0 = block; k0 < block + ${BLOCK}u; k0 += ${bk}u) {
    ${loadA}
    for (var i = t; i < ${bk * n4}u; i += ${threads}u) {
      let k = k0 + i / ${n4}u;
      let c = col + i % ${n4}u;
      var v = vec4<f32>();
      if (k < end && c < p.n4) { v = X[k * p.n4 + c]; }
      Xs[i] = v;
    }
    workgroupBarrier();
    for (var k = 0u; k < ${bk}u; k++) {
      ${lines(tm4, (i) => `let a${i} = As[k * ${m4}u + ${readA(i)}];`)}
      ${lines(tn4, (j) => `let x${j} = Xs[k * ${n4}u + ${j * across}u + tx];`)}
      ${grid(tm, tn4, (i, j) => `t${i}_${j} = fma(vec4<f32>(a${i >> 2}.${part[i & 3]}), x${j}, t${i}_${j});`)}
    }
    workgroupBarrier();
    }
    ${grid(tm, tn4, (i, j) => `s${i}_${j} += t${i}_${j};`)}
  }
  ${store(tm, tn4, `first + ty * ${tm}u`, 'col + tx', across)}
}`
}

function registerSource({ tm, tn }: Variant, transposed: boolean): string {
  const [tm4, tn4] = [tm / 4, tn / 4]
  // Out of range rows and columns read what is there, and are not written.
  const columns = lines(tn4, (j) => `let c${j} = min(col + ${j}u, p.n4 - 1u);`)
  const round = transposed
    ? `${lines(tm4, (i) => `let a${i} = A[k * p.lda4 + r${i}];`)}
        ${lines(tn4, (j) => `let x${j} = X[k * p.n4 + c${j}];`)}
        ${grid(tm, tn4, (i, j) => `t${i}_${j} = fma(vec4<f32>(a${i >> 2}.${part[i & 3]}), x${j}, t${i}_${j});`)}`
    : `${lines(tm, (i) => `let a${i} = A[r${i} + k / 4u];`)}
        ${lines(
          4,
          (u) => `{
          ${lines(tn4, (j) => `let x${j} = X[(k + ${u}u) * p.n4 + c${j}];`)}
          ${grid(tm, tn4, (i, j) => `t${i}_${j} = fma(vec4<f32>(a${i}.${part[u]}), x${j}, t${i}_${j});`)}
        }`,
        )}`
  return `${head}
@compute @workgroup_size(64)
fn main(@builtin(local_invocation_id) local: vec3<u32>, @builtin(workgroup_id) group: vec3<u32>) {
  let first = p.row0 + (group.x * 64u + local.x) * ${tm}u;
  let col = group.y * ${tn4}u;
  if (first >= p.M) { return; }
  let start = group.z * p.slice;
  let end = min(start + p.slice, p.K);
  ${transposed ? lines(tm4, (i) => `let r${i} = min(first / 4u + ${i}u, p.lda4 - 1u);`) : lines(tm, (i) => `let r${i} = min(first + ${i}u, p.M - 1u) * p.lda4;`)}
  ${columns}
  ${grid(tm, tn4, (i, j) => `var s${i}_${j} = vec4<f32>();`)}
  for (var k0 = start; k0 < end; k0 += ${BLOCK}u) {
    ${grid(tm, tn4, (i, j) => `var t${i}_${j} = vec4<f32>();`)}
    let stop = min(k0 + ${BLOCK}u, end);
    for (var k = k0; k < stop; k += ${transposed ? 1 : 4}u) {
      ${round}
    }
    ${grid(tm, tn4, (i, j) => `s${i}_${j} += t${i}_${j};`)}
  }
  ${store(tm, tn4, 'first', 'col', 1)}
}`
}

/** Columns of an invocation lie `apart`: its neighbours read and write beside it. */
function store(tm: number, tn4: number, row: string, col: string, apart: number): string {
  return `let row = ${row};
  let out = ${col};
  let base = group.z * p.M;
  ${grid(tm, tn4, (i, j) => `if (row + ${i}u < p.M && out + ${j * apart}u < p.n4) { C[(base + row + ${i}u) * p.n4 + out + ${j * apart}u] = s${i}_${j}; }`)}`
}

/** Adds the slices: C[i] = Σ P[z·size + i], with size = p.M and the number of slices = p.K. */
export const reduceSource = `
struct Params { M: u32, n4: u32, K: u32, lda4: u32, slice: u32, row0: u32, a: u32, b: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> P: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> C: array<vec4<f32>>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * 4194240u + id.x;
  if (i >= p.M) { return; }
  var s = vec4<f32>();
  for (var z = 0u; z < p.K; z++) { s += P[z * p.M + i]; }
  C[i] = s;
}`
