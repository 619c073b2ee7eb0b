import type { KernelPlan } from '../../linalg/operators/kerneloptions.js'
import { paddedTo4 } from '../engines/engine.js'
import type { KernelSource, ShaderSource } from '../engines/engine.js'
import { blockedSum } from '../engines/kernels.js'

// Entries of kernel matrices on the device: as a GPU.js kernel, which makes a block of them, and in WGSL, which multiplies
// as it goes, by 32 columns at a time. (As GPU.js kernels one thread has one column, so that it makes the entries anew for
// each: two to ten times as slow as the block and a product.)

/** What entries are of two points in their frame. */
export interface EntryPlan {
  readonly kernel: 'rbf' | 'laplacian' | 'polynomial'
  readonly degree: number
  /** Numbers of a point. */
  readonly dim: number
  /** In how many parts. */
  readonly parts: number
}

export const entryPlan = ({ kernel, degree }: KernelPlan, dim: number, parts: number): EntryPlan => ({
  kernel: kernel as EntryPlan['kernel'],
  degree,
  dim,
  parts,
})

/** From here on e^−q is not a normal float32 number, and is 0 everywhere. */
const LAST = 87

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i)
const names = (name: string, parts: number): string[] => range(parts).map((p) => `${name}${p}`)

/** The lines that turn `from`, a distance or a product, into the entry `e`. */
function entryLines({ kernel, degree }: EntryPlan, from: string, e: string, declare: string): string {
  if (kernel !== 'polynomial') return ''
  const lines = [`${declare} ${e} = 1.0;`, `${declare} ${e}s = ${from};`]
  for (let rest = degree; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) lines.push(`${e} = ${e} * ${e}s;`)
    if (rest > 1) lines.push(`${e}s = ${e}s * ${e}s;`)
  }
  return lines.join('\n')
}

/** Text of a GPU.js kernel that makes the entry `e` of points i and j (not named so: the sum has an i); sums of more than 64 terms are of blocks. */
function entrySource(plan: EntryPlan, i: string, j: string): string {
  const { kernel, dim, parts } = plan
  const difference = (c: string): string =>
    range(parts)
      .map((p) => `(x${p}[${i}][${c}] - y${p}[${j}][${c}])`)
      .join(' + ')
  const sum = blockedSum(dim, ['q'], (c, u) => {
    if (kernel === 'polynomial') return `tq += x0[${i}][${c}] * y0[${j}][${c}];`
    const add = kernel === 'rbf' ? `d${u} * d${u}` : `Math.abs(d${u})`
    return `const d${u} = ${difference(c)};\ntq += ${add};`
  })
  if (kernel === 'polynomial') return `${sum}\n${entryLines(plan, 'sq', 'e', 'let')}`
  return `${sum}
    let e = 0.0;
    if (sq < ${LAST}.0) { e = Math.exp(-sq); }`
}

const pointArguments = ({ parts }: EntryPlan): string =>
  [...names('x', parts), ...names('y', parts)].join(', ')

/** The entries of `rows` points x and `cols` points y, those from at[0] on: of size [cols, rows]. */
export function blockKernel(plan: EntryPlan, cols: number, rows: number): KernelSource {
  const source = `function (${pointArguments(plan)}, at) {
    const row = this.thread.y;
    const col = this.thread.x + at[0];
    ${entrySource(plan, 'row', 'col')}
    return e;
  }`
  return { source, output: [cols, rows] }
}

/** vec4s of v that one invocation multiplies an entry by. */
const WIDE = 8
/** Coordinates of a point that stay in registers, in vec4s. */
const NEAR = 8
const THREADS = 64

/**
 * The entries of `rows` points x and `cols` points y, those from `at` on, times v, of size [k, cols]; `first` or added to
 * what the argument behind v says. An invocation makes a row of the answer, four entries at a time; sums are of
 * blocks of 64.
 */
export function productShader(
  plan: EntryPlan,
  cols: number,
  rows: number,
  k: number,
  at: number,
  first: boolean,
): ShaderSource {
  const { kernel, parts } = plan
  const [dim, k4] = [plan.dim / 4, paddedTo4(k) / 4]
  const panels = Math.ceil(k4 / WIDE)
  const wide = Math.ceil(k4 / panels)
  const near = dim <= NEAR
  const arrays = [...names('x', parts), ...names('y', parts), 'v', ...(first ? [] : ['before'])]
  const read = arrays.map(
    (name, b) => `@group(0) @binding(${b}) var<storage, read> ${name}: array<vec4<f32>>;`,
  )
  const four = (line: (u: number) => string): string => range(4).map(line).join('\n')
  const each = (line: (m: number) => string): string => range(wide).map(line).join('\n')
  const own = (p: number, c: string): string => (near ? `o${p}_${c}` : `o${p}`)
  const add = (c: string): string => {
    const load = range(parts).map((p) => `let o${p} = x${p}[i * ${dim}u + ${c}];`)
    const lines = four((u) => {
      const y = (p: number): string => `y${p}[(j + ${u}u) * ${dim}u + ${near ? `${c}u` : c}]`
      if (kernel === 'polynomial') return `q${u} = fma(${own(0, c)}, ${y(0)}, q${u});`
      const d = range(parts)
        .map((p) => `(${own(p, c)} - ${y(p)})`)
        .join(' + ')
      const sum = kernel === 'rbf' ? `q${u} = fma(d, d, q${u});` : `q${u} += abs(d);`
      return `{ let d = ${d}; ${sum} }`
    })
    return near ? lines : `${load.join('\n')}\n${lines}`
  }
  const entry = (u: number): string =>
    kernel === 'polynomial'
      ? entryLines(plan, `h${u}`, `e${u}`, 'var')
      : `let e${u} = select(0.0, exp(-min(h${u}, ${LAST}.0)), h${u} < ${LAST}.0);`
  const code = `
${read.join('\n')}
@group(0) @binding(${arrays.length}) var<storage, read_write> answer: array<vec4<f32>>;
@group(0) @binding(${arrays.length + 1}) var<uniform> at: vec4<u32>;
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.x;
  let col = id.y * ${wide}u;
  if (i >= ${rows}u) { return; }
  ${
    near
      ? range(dim * parts)
          .map(
            (c) =>
              `let o${Math.floor(c / dim)}_${c % dim} = x${Math.floor(c / dim)}[i * ${dim}u + ${c % dim}u];`,
          )
          .join('\n')
      : ''
  }
  ${each((m) => `var s${m} = vec4<f32>();`)}
  for (var b = 0u; b < ${cols}u; b += 64u) {
    ${each((m) => `var t${m} = vec4<f32>();`)}
    let end = min(b + 64u, ${cols}u);
    for (var r = b; r < end; r += 4u) {
      let j = at.x + r;
      ${four((u) => `var q${u} = vec4<f32>();`)}
      ${
        near
          ? range(dim)
              .map((c) => add(String(c)))
              .join('\n')
          : `for (var c = 0u; c < ${dim}u; c++) {\n${add('c')}\n}`
      }
      ${four((u) => `let h${u} = dot(q${u}, vec4<f32>(1.0));\n${entry(u)}`)}
      ${four((u) => each((m) => `t${m} = fma(vec4<f32>(e${u}), v[(r + ${u}u) * ${k4}u + min(col + ${m}u, ${k4 - 1}u)], t${m});`))}
    }
    ${each((m) => `s${m} += t${m};`)}
  }
  ${each((m) => `if (col + ${m}u < ${k4}u) { answer[i * ${k4}u + col + ${m}u] = s${m}${first ? '' : ` + before[i * ${k4}u + col + ${m}u]`}; }`)}
}`
  return {
    code,
    output: [k, rows],
    groups: [Math.ceil(rows / THREADS), panels, 1],
    params: Uint32Array.of(at),
  }
}
