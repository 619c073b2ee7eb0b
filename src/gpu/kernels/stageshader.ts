import type { DeviceArray, ShaderSource } from '../engines/engine.js'
import { ACROSS, INVOCATIONS } from './philoxwgsl.js'
import { sizeOf } from '../operands/stages.js'
import type { Run, Stage } from '../operands/stages.js'

// A stage in WGSL. An invocation reads the R points of a set for one column and makes all R answers, where a kernel of
// GPU.js reads them for each of its answers again.

/** The shader of a stage on `args`: X, the coefficients, the forward order and the diagonal where there are such. */
export function stageShader(
  stage: Stage,
  run: Omit<Run, 'order'> & { readonly order: DeviceArray | undefined },
): ShaderSource {
  const { n, stride, radix, every, period } = stage
  const { k, side, to } = run
  const invocations = Math.ceil(((n / radix) * k) / INVOCATIONS)
  return {
    code: codeOf(stage, run),
    output: sizeOf(to === 'complex' ? 2 * k : k, n, side),
    groups: [Math.min(invocations, ACROSS), Math.ceil(invocations / ACROSS), 1],
    params: Uint32Array.of(n, k, stride, every, period),
  }
}

function codeOf(
  { radix, complex }: Stage,
  { adjoint, from, to, order, diagonal }: Omit<Run, 'order'> & { readonly order: DeviceArray | undefined },
): string {
  const names = ['X', 'C', ...(order ? ['order'] : []), ...(diagonal ? ['diagonal'] : [])]
  const points = Array.from({ length: radix }, (_, c) => c)
  const imaginary = { in: from === 'complex', out: to === 'complex' }
  const row = (y: string): string => (order ? `u32(order[${y}])` : y)
  const width = complex ? 2 * radix : radix
  const coefficient = (r: number, c: number, part: number): string =>
    adjoint ? `C[q${c} + ${r + part * radix}u]` : `C[q${r} + ${c + part * radix}u]`
  const sign = adjoint ? '-' : ''
  const load = (c: number): string => `
  let y${c} = base + ${c}u * p.stride;
  let q${c} = ((y${c} / p.every) % p.period) * ${width}u;
  let at${c} = ${adjoint ? `y${c}` : row(`y${c}`)} * ${imaginary.in ? '2u * p.k' : 'p.k'} + col;
  let x${c} = X[at${c}];
  ${imaginary.in ? `let u${c} = X[at${c} + p.k];` : ''}`
  const store = (r: number): string => {
    const lines = [
      `let to${r} = ${adjoint ? row(`y${r}`) : `y${r}`} * ${imaginary.out ? '2u * p.k' : 'p.k'} + col;`,
    ]
    const scale = diagonal ? ` * diagonal[y${r}]` : ''
    const sum = (terms: (c: number) => string): string => `(${points.map(terms).join(' + ')})${scale}`
    const real = (c: number): string =>
      `${coefficient(r, c, 0)} * x${c}` +
      (complex && imaginary.in ? ` - ${sign}${coefficient(r, c, 1)} * u${c}` : '')
    const imag = (c: number): string =>
      [
        ...(imaginary.in ? [`${coefficient(r, c, 0)} * u${c}`] : []),
        ...(complex ? [`${sign}${coefficient(r, c, 1)} * x${c}`] : []),
      ].join(' + ') || '0.0'
    lines.push(`Y[to${r}] = ${sum(real)};`)
    if (imaginary.out) lines.push(`Y[to${r} + p.k] = ${sum(imag)};`)
    return lines.join('\n  ')
  }
  return `
struct Params { n: u32, k: u32, stride: u32, every: u32, period: u32, a: u32, b: u32, c: u32 }
${names.map((name, binding) => `@group(0) @binding(${binding}) var<storage, read> ${name}: array<f32>;`).join('\n')}
@group(0) @binding(${names.length}) var<storage, read_write> Y: array<f32>;
@group(0) @binding(${names.length + 1}) var<uniform> p: Params;
@compute @workgroup_size(${INVOCATIONS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) at: u32) {
  let index = (group.y * ${ACROSS}u + group.x) * ${INVOCATIONS}u + at;
  let col = index % p.k;
  let mixed = index / p.k;
  if (mixed * ${radix}u >= p.n) { return; }
  let base = (mixed / p.stride) * (p.stride * ${radix}u) + mixed % p.stride;
  ${points.map(load).join('\n')}
  ${points.map(store).join('\n  ')}
}`
}
