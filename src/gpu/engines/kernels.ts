import { paddedTo4 } from './engine.js'
import type { Block, KernelSource } from './engine.js'

// Products as kernels for GPU.js: strings with the sizes baked in, so that a bundler cannot break them, and a
// literal loop bound is not cut off. Sums are of blocks of 64, so that the rounding error grows with K/64 + 64 and
// not with K.

const BLOCK = 64

/**
 * A loop over k = 0 … K − 1, four at a time, that adds in blocks: `round(k, u)`, the u-th of the four, adds to t<name>; the
 * sums come to s<name>. The names i, k, o, y and z are its own: a kernel's would be hidden.
 */
export function blockedSum(
  K: number,
  names: readonly string[],
  round: (k: string, u: number) => string,
): string {
  const each = (line: (name: string) => string): string => names.map(line).join('\n      ')
  const fours = (start: string, length: number): string =>
    length === 0
      ? ''
      : `for (let i = 0; i < ${length}; i += 4) {
        const k = ${start} + i;
        ${[0, 1, 2, 3].map((u) => round(`k + ${u}`, u)).join('\n')}
      }`
  const odd = (k: number): string => `for (let y = 0; y < 1; y++) {\n        ${round(String(k), 0)}\n      }`
  const block = (start: string, length: number): string => `
      ${each((name) => `let t${name} = 0.0;`)}
      ${fours(start, length - (length % 4))}
      ${Array.from({ length: length % 4 }, (_, u) => odd(Number(start) + length - (length % 4) + u)).join('\n      ')}
      ${each((name) => `s${name} += t${name};`)}`
  const blocks = Math.floor(K / BLOCK)
  const rest = K - blocks * BLOCK
  return `${each((name) => `let s${name} = 0.0;`)}
    ${blocks > 0 ? `for (let o = 0; o < ${blocks}; o++) {${block(`o * ${BLOCK}`, BLOCK)}\n    }` : ''}
    ${rest > 0 ? `for (let z = 0; z < 1; z++) {${block(String(blocks * BLOCK), rest)}\n    }` : ''}`
}

const entry = (transposed: boolean, k: string, row: string): string =>
  transposed ? `a[${k}][${row}]` : `a[${row}][${k}]`

type Sides = Pick<Block, 'rows' | 'cols'>

/** Rows of a product with a block, and what they are summed over, padded. */
const sidesOf = ({ rows, cols }: Sides, transposed: boolean): { outer: number; inner: number } =>
  transposed
    ? { outer: paddedTo4(cols), inner: paddedTo4(rows) }
    : { outer: paddedTo4(rows), inner: paddedTo4(cols) }

/** A·X or Aᵀ·X; one thread makes 2 rows × 2 columns, as a cell [c00, c01, c10, c11]. */
export function productKernel(block: Sides, transposed: boolean, k: number): KernelSource {
  const { outer, inner } = sidesOf(block, transposed)
  const source = `function (a, b) {
    const r = this.thread.y * 2;
    const c = this.thread.x * 2;
    ${blockedSum(
      inner,
      ['00', '01', '10', '11'],
      (at, u) => `const p${u} = ${entry(transposed, at, 'r')};
        const q${u} = ${entry(transposed, at, 'r + 1')};
        const x${u} = b[${at}][c];
        const y${u} = b[${at}][c + 1];
        t00 += p${u} * x${u};
        t01 += p${u} * y${u};
        t10 += q${u} * x${u};
        t11 += q${u} * y${u};`,
    )}
    return [s00, s01, s10, s11];
  }`
  return { source, output: [k / 2, outer / 2] }
}

/** The same with one number for each thread, so that what it makes can be an argument again. */
export function residentProductKernel(block: Sides, transposed: boolean, k: number): KernelSource {
  const { outer, inner } = sidesOf(block, transposed)
  const source = `function (a, b) {
    const r = this.thread.y;
    const c = this.thread.x;
    ${blockedSum(inner, [''], (at) => `t += ${entry(transposed, at, 'r')} * b[${at}][c];`)}
    return s;
  }`
  return { source, output: [k, outer] }
}

/** Copies an argument of 1, 2 or 3 dimensions. */
export const copySource = (dimensions: number): string =>
  `function (a) { return a${['[this.thread.z]', '[this.thread.y]', '[this.thread.x]'].slice(3 - dimensions).join('')}; }`

/** a + b or a − b, entry by entry, of arrays of this size. */
export const entrywiseKernel = (sign: '+' | '-', size: readonly number[]): KernelSource => ({
  source: `function (a, b) { return a[this.thread.y][this.thread.x] ${sign} b[this.thread.y][this.thread.x]; }`,
  output: size,
})
