import type { KernelSource } from '../engines/engine.js'

// Random signs as kernels of GPU.js, whose numbers are float32: Philox 4x32-10 with 32-bit words in two limbs of 16 bits,
// and no intermediate of 2^24 or more. One kernel makes the words, one takes them apart.

const [M0, M1, W0, W1] = [0xd2511f53, 0xcd9e8d57, 0x9e3779b9, 0xbb67ae85]
const ROUNDS = 10

/** The keys of all rounds, a row each: high and low limb of the first word and of the second. */
export function roundKeys(seed: number): Float32Array {
  const keys = new Float32Array(4 * ROUNDS)
  let [k0, k1] = [seed >>> 0, Math.floor(seed / 2 ** 32)]
  for (let round = 0; round < ROUNDS; round++) {
    keys.set([k0 >>> 16, k0 & 0xffff, k1 >>> 16, k1 & 0xffff], 4 * round)
    k0 = (k0 + W0) >>> 0
    k1 = (k1 + W1) >>> 0
  }
  return keys
}

/** Lines that make `name`_h and `name`_l, the limbs of l·c for a limb l and a constant of 16 bits. */
const limbProduct = (name: string, l: string, c: number): string => `
      const ${name}_p = ${l} * ${c & 0xff};
      const ${name}_q = Math.floor(${name}_p / 256);
      const ${name}_s = ${l} * ${c >>> 8} + ${name}_q;
      const ${name}_h = Math.floor(${name}_s / 256);
      const ${name}_l = (${name}_s - ${name}_h * 256) * 256 + ${name}_p - ${name}_q * 256;`

/** The four limbs `name`0 … `name`3 of (h, l)·M, lowest first. */
const product = (name: string, h: string, l: string, M: number): string => {
  const [Mh, Ml] = [M >>> 16, M & 0xffff]
  return `${limbProduct(`${name}a`, l, Ml)}${limbProduct(`${name}b`, l, Mh)}${limbProduct(`${name}c`, h, Ml)}${limbProduct(`${name}d`, h, Mh)}
      const ${name}0 = ${name}a_l;
      const ${name}t = ${name}a_h + ${name}b_l + ${name}c_l;
      const ${name}u = Math.floor(${name}t / 65536);
      const ${name}1 = ${name}t - ${name}u * 65536;
      const ${name}v = ${name}b_h + ${name}c_h + ${name}d_l + ${name}u;
      const ${name}w = Math.floor(${name}v / 65536);
      const ${name}2 = ${name}v - ${name}w * 65536;
      const ${name}3 = ${name}d_h + ${name}w;`
}

/**
 * The words of `blocks` blocks of each of `rows` rows, a row's side by side, as limbs, lowest first: 8 a block. `at` is
 * [first row, first block, stream].
 */
export const wordKernel = (blocks: number, rows: number): KernelSource => ({
  output: [8 * blocks, rows],
  source: `function (keys, at) {
    const half = this.thread.x % 8;
    const block = at[1] + Math.floor(this.thread.x / 8);
    const row = at[0] + this.thread.y;
    let h0 = Math.floor(block / 65536);
    let l0 = block - h0 * 65536;
    let h1 = Math.floor(row / 65536);
    let l1 = row - h1 * 65536;
    let h2 = 0;
    let l2 = at[2];
    let h3 = 0;
    let l3 = 0;
    for (let r = 0; r < ${ROUNDS}; r++) {${product('x', 'h0', 'l0', M0)}${product('y', 'h2', 'l2', M1)}
      h0 = y3 ^ h1 ^ keys[r][0];
      l0 = y2 ^ l1 ^ keys[r][1];
      h1 = y1;
      l1 = y0;
      h2 = x3 ^ h3 ^ keys[r][2];
      l2 = x2 ^ l3 ^ keys[r][3];
      h3 = x1;
      l3 = x0;
    }
    let limb = l0;
    if (half === 1) { limb = h0; }
    if (half === 2) { limb = l1; }
    if (half === 3) { limb = h1; }
    if (half === 4) { limb = l2; }
    if (half === 5) { limb = h2; }
    if (half === 6) { limb = l3; }
    if (half === 7) { limb = h3; }
    return limb;
  }`,
})

/** 1, 1/2, … 2⁻¹⁵: the third argument of `signKernel`. */
export const halves = Float32Array.from({ length: 16 }, (_, bit) => 2 ** -bit)

/**
 * ±scale for entry (i, j) of rows × cols, 0 beyond; `at` is [first bit of the words, scale]. Where `transposed` i runs
 * along x.
 */
export const signKernel = (
  rows: number,
  cols: number,
  transposed: boolean,
  output: readonly number[],
): KernelSource => ({
  output,
  source: `function (words, at, halves) {
    const i = ${transposed ? 'this.thread.x' : 'this.thread.y'};
    const j = ${transposed ? 'this.thread.y' : 'this.thread.x'};
    let sign = 0;
    if (i < ${rows} && j < ${cols}) {
      const bit = j + at[0];
      const limb = Math.floor(bit / 16);
      const shifted = Math.floor(words[i][limb] * halves[bit - limb * 16]);
      sign = (shifted - Math.floor(shifted / 2) * 2) * 2 - 1;
    }
    return sign * at[1];
  }`,
})
