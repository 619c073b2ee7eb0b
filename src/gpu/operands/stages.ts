import { withScratch } from '../engines/engine.js'
import type { DeviceArray, Engine, KernelSource } from '../engines/engine.js'
import { exponent, factors } from './scale.js'
import { stageShader } from '../kernels/stageshader.js'

// Butterfly levels on a device. A level of stride s mixes points s apart in pairs; log₂R levels of strides s, 2s, … mix
// R points s apart, which makes R×R matrices, one for each of n/R such sets. A stage is that many levels at once: it
// reads its points once, not log₂R times, and each output has R coefficients. They are merged on the host, in float64.

/** The 2 × 2 matrices of one level: all t00, then all t01, t10, t11, for pair p of stride s: points 2s·⌊p/s⌋ + (p mod s)
 * and s further. */
export interface Level {
  readonly re: Float64Array
  readonly im?: Float64Array
}

/** Levels that are one stage, at most. On software renderers 2 and 3 are alike, and twice as fast as 1 or 5. */
const FUSED = 3

/** Several levels as one kernel. Point y of the answer has row ⌊y/every⌋ mod period of the coefficients. */
export interface Stage {
  readonly n: number
  readonly stride: number
  readonly radix: number
  readonly every: number
  readonly period: number
  readonly complex: boolean
  /** A row of `radix` real parts, then where complex as many imaginary parts. */
  readonly coefficients: DeviceArray
  /** The coefficients are 2^scale times what lies there. */
  readonly scale: number
}

interface Coefficients {
  readonly re: Float64Array
  readonly im: Float64Array | undefined
}

/** The stages of some levels, strides 1, 2, …; their arrays join `arrays` as they are made. */
export async function uploadStages(
  n: number,
  levels: readonly Level[],
  engine: Engine,
  side: number,
  arrays: DeviceArray[],
): Promise<Stage[]> {
  const stages: Stage[] = []
  const count = Math.ceil(levels.length / FUSED)
  for (let g = 0, l = 0; g < count; g++) {
    const to = Math.ceil(((g + 1) * levels.length) / count)
    const [stride, radix] = [2 ** l, 2 ** (to - l)]
    const { C, scale } = merged(n, l, levels.slice(l, to))
    const { every, period } = repetition(n, stride, radix, C)
    const data = packed(C, radix, every, period)
    const size = sizeOf(data.length / period, period, side)
    const coefficients = await engine.array(data, size, 'held')
    arrays.push(coefficients)
    stages.push({ n, stride, radix, every, period, complex: C.im !== undefined, coefficients, scale })
    l = to
  }
  return stages
}

/** The unscaled Walsh–Hadamard transform of n. */
export function hadamardLevels(n: number): Level[] {
  const re = new Float64Array(2 * n).fill(1).fill(-1, 1.5 * n)
  return Array.from({ length: Math.log2(n) }, () => ({ re }))
}

/** The R coefficients of each point, of levels of strides 2^l, 2^(l+1), …, each times a power of two. */
function merged(n: number, l: number, levels: readonly Level[]): { C: Coefficients; scale: number } {
  const radix = 2 ** levels.length
  const stride = 2 ** l
  const complex = levels.some(({ im }) => im !== undefined)
  const re = new Float64Array(n * radix)
  const im = new Float64Array(complex ? n * radix : 0)
  for (let y = 0; y < n; y++) re[y * radix + (Math.floor(y / stride) % radix)] = 1
  let scale = 0
  levels.forEach((level, t) => {
    const e = exponent(largest(level))
    scale += e
    const [f, g] = factors(-e)
    const s = stride * 2 ** t
    for (let p = 0; p < n / 2; p++) {
      const lo = 2 * s * Math.floor(p / s) + (p % s)
      mix(level, p, f * g, re, complex ? im : undefined, lo * radix, (lo + s) * radix, radix)
    }
  })
  return { C: { re, im: complex ? im : undefined }, scale }
}

const largest = ({ re, im }: Level): number => {
  let most = 0
  for (const part of im ? [re, im] : [re]) for (const x of part) most = Math.max(most, Math.abs(x))
  return most
}

/** Rows lo and hi become matrix p of the level, times `scale`, of rows lo and hi. */
function mix(
  level: Level,
  p: number,
  scale: number,
  re: Float64Array,
  im: Float64Array | undefined,
  lo: number,
  hi: number,
  radix: number,
): void {
  const half = level.re.length / 4
  const [a, b, c, d] = [0, 1, 2, 3].map((t) => scale * level.re[t * half + p]!) as [
    number,
    number,
    number,
    number,
  ]
  const [ai, bi, ci, di] = [0, 1, 2, 3].map((t) => scale * (level.im?.[t * half + p] ?? 0)) as [number, number, number, number] // prettier-ignore
  for (let e = 0; e < radix; e++) {
    const [x, y] = [re[lo + e]!, re[hi + e]!]
    if (im === undefined) {
      re[lo + e] = a * x + b * y
      re[hi + e] = c * x + d * y
      continue
    }
    const [u, v] = [im[lo + e]!, im[hi + e]!]
    re[lo + e] = a * x - ai * u + b * y - bi * v
    im[lo + e] = a * u + ai * x + b * v + bi * y
    re[hi + e] = c * x - ci * u + d * y - di * v
    im[hi + e] = c * u + ci * x + d * v + di * y
  }
}

/** How few rows of coefficients do: neighbours within a stride are often alike (Hadamard), sets often too (Fourier). */
function repetition(
  n: number,
  stride: number,
  radix: number,
  C: Coefficients,
): { every: number; period: number } {
  const alike = (from: (y: number) => number): boolean => {
    for (let y = 0; y < n; y++) {
      const [a, b] = [y * radix, from(y) * radix]
      if (a === b) continue
      for (let e = 0; e < radix; e++) {
        if (C.re[a + e] !== C.re[b + e] || (C.im && C.im[a + e] !== C.im[b + e])) return false
      }
    }
    return true
  }
  const every = alike((y) => y - (y % stride)) ? stride : 1
  const set = stride * radix
  return { every, period: (alike((y) => y % set) ? set : n) / every }
}

function packed({ re, im }: Coefficients, radix: number, every: number, period: number): Float32Array {
  const width = im ? 2 * radix : radix
  const out = new Float32Array(period * width)
  for (let q = 0; q < period; q++) {
    const y = q * every * radix
    out.set(re.subarray(y, y + radix), q * width)
    if (im) out.set(im.subarray(y, y + radix), q * width + radix)
  }
  return out
}

/** The size of `rows` rows of `width` numbers, a power of two where they are more than a side may have. */
export function sizeOf(width: number, rows: number, side: number): readonly number[] {
  const high = 2 ** Math.floor(Math.log2(side))
  return rows <= high ? [width, rows] : [width, high, Math.ceil(rows / high)]
}

/**
 * Row number `value` of an array that `sizeOf` sized, under a name: GPU.js on WebGL cannot compile two statements in one
 * block with a read inside an index.
 */
function rowNamed(
  name: string,
  rows: number,
  side: number,
  value: string,
): { declared: string; at: (array: string, column: string) => string } {
  const [, high, folded] = sizeOf(1, rows, side)
  if (folded === undefined) {
    return { declared: `const ${name} = ${value};`, at: (array, column) => `${array}[${name}][${column}]` }
  }
  return {
    declared: `const ${name} = ${value};
    const ${name}z = Math.floor(${name} / ${high});
    const ${name}y = ${name} - ${name}z * ${high};`,
    at: (array, column) => `${array}[${name}z][${name}y][${column}]`,
  }
}

/** How a stage is run. */
export interface Run {
  /** Columns of X. A complex X has twice as many: real parts, then imaginary parts. */
  readonly k: number
  readonly side: number
  /** Rows of the array that X is in. */
  readonly rows: number
  readonly adjoint: boolean
  /** Whether X, and whether the answer, has imaginary parts; of an answer that has none only the real part is made. */
  readonly from: 'real' | 'complex'
  readonly to: 'real' | 'complex'
  /** Row i of X is taken from row order[i]; of the adjoint, row i of the answer is its row order[i]. */
  readonly order?: DeviceArray | undefined
  /** Row i of the answer is multiplied by diagonal[i]. */
  readonly diagonal?: DeviceArray | undefined
}

function stageKernel(stage: Stage, { k, side, rows, adjoint, from, to, order, diagonal }: Run): KernelSource {
  const { n, stride, radix, every, period, complex } = stage
  const names = ['x', 'c', ...(order ? ['order'] : []), ...(diagonal ? ['diagonal'] : [])]
  const output = sizeOf(to === 'complex' ? 2 * k : k, n, side)
  const y = output.length === 2 ? 'this.thread.y' : `this.thread.z * ${output[1]} + this.thread.y`
  const coefficients = (name: string, row: string) =>
    rowNamed(name, period, side, `Math.floor(${row} / ${every}) % ${period}`)
  const own = coefficients('q', 'y')
  const term = (c: number): string => {
    const source = rowNamed(`r${c}`, rows, side, order && !adjoint ? `order[p${c}]` : `p${c}`)
    const theirs = coefficients(`q${c}`, `p${c}`)
    const x = (column: string): string => source.at('x', column)
    const re = adjoint ? theirs.at('c', 'digit') : own.at('c', `${c}`)
    const im = adjoint ? theirs.at('c', `digit + ${radix}`) : own.at('c', `${c + radix}`)
    // A conjugate has the other sign.
    const minus = adjoint ? '+' : '-'
    const plus = adjoint ? '-' : '+'
    const sum = (): string => {
      if (from === 'real') {
        if (to === 'real') return `${re} * ${x('col')}`
        return `((1 - im) * ${re}${complex ? ` ${plus} im * ${im}` : ''}) * ${x('col')}`
      }
      if (!complex) return `${re} * ${x('this.thread.x')}`
      if (to === 'real') return `${re} * ${x('col')} ${minus} ${im} * ${x(`col + ${k}`)}`
      return `${re} * ${x('this.thread.x')} ${plus} sign * ${im} * ${x('other')}`
    }
    return `const p${c} = base + ${c * stride};
    ${source.declared}
    ${adjoint ? theirs.declared : ''}
    s += ${sum()};`
  }
  const source = `function (${names.join(', ')}) {
    const place = ${y};
    const y = ${order && adjoint ? 'order[place]' : 'place'};
    const im = ${to === 'complex' ? `Math.floor(this.thread.x / ${k})` : '0'};
    const sign = 2 * im - 1;
    const col = this.thread.x - im * ${k};
    const other = col + ${k} - im * ${k};
    const digit = Math.floor(y / ${stride}) % ${radix};
    const base = y - digit * ${stride};
    ${adjoint ? '' : own.declared}
    let s = 0.0;
    ${Array.from({ length: radix }, (_, c) => term(c)).join('\n    ')}
    return s${diagonal ? ' * diagonal[y]' : ''};
  }`
  return { source, output }
}

/** A permutation and its inverse. */
export interface Order {
  readonly forward: DeviceArray
  readonly inverse: DeviceArray
}

/** All stages on X, an array of k columns; what they make is the caller's. */
export function runStages(
  engine: Engine,
  stages: readonly Stage[],
  X: DeviceArray,
  run: Omit<Run, 'order'> & { readonly order?: Order | undefined },
): Promise<DeviceArray> {
  return withScratch(async (own) => {
    const sequence = run.adjoint ? [...stages].reverse() : stages
    const last = sequence.length - 1
    // What lies between has imaginary parts where anything has.
    const complex = stages.some((stage) => stage.complex) || run.from === 'complex'
    const between = complex ? 'complex' : 'real'
    let x = X
    for (const [t, stage] of sequence.entries()) {
      const order = t === (run.adjoint ? last : 0) ? run.order : undefined
      const diagonal = t === last ? run.diagonal : undefined
      const one = {
        ...run,
        diagonal,
        rows: t === 0 ? run.rows : stage.n,
        from: t === 0 ? run.from : between,
        to: t === last ? run.to : between,
      } as const
      // A shader scatters, where a kernel gathers.
      const along = engine.shade || !run.adjoint ? order?.forward : order?.inverse
      const args = [x, stage.coefficients, along, diagonal].filter((array) => array !== undefined)
      const made = engine.shade
        ? await engine.shade(stageShader(stage, { ...one, order: along }), args)
        : await engine.run(stageKernel(stage, { ...one, order: along }), args)
      if (x !== X) x.free()
      x = t === last ? made : own(made)
    }
    return x
  })
}
