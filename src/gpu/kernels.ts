// Kernel sources for GPU.js, as strings with the sizes baked in: a bundler cannot break them, and a literal
// loop bound is not cut off. One thread makes 2 rows × 2 columns, four k per round. Sums are of blocks of 64,
// so that the rounding error grows with K/64 + 64 and not with K.

const BLOCK = 64

/** C = A·B (A M×K) or Aᵀ·B (A K×M); output [N/2, M/2], each cell [c00, c01, c10, c11]. K a multiple of 4. */
export function gemmSource(transposed: boolean, K: number): string {
  const a = (k: string, row: string) => (transposed ? `a[${k}][${row}]` : `a[${row}][${k}]`)
  const round = (k: string) =>
    [0, 1, 2, 3]
      .map(
        (u) => `
        const p${u} = ${a(`${k} + ${u}`, 'r')};
        const q${u} = ${a(`${k} + ${u}`, 'r + 1')};
        const x${u} = b[${k} + ${u}][c];
        const y${u} = b[${k} + ${u}][c + 1];
        t00 += p${u} * x${u};
        t01 += p${u} * y${u};
        t10 += q${u} * x${u};
        t11 += q${u} * y${u};`,
      )
      .join('')
  const block = (start: string, length: number) => `
      let t00 = 0.0;
      let t01 = 0.0;
      let t10 = 0.0;
      let t11 = 0.0;
      for (let i = 0; i < ${length}; i += 4) {
        const k = ${start} + i;${round('k')}
      }
      s00 += t00;
      s01 += t01;
      s10 += t10;
      s11 += t11;`
  const blocks = Math.floor(K / BLOCK)
  const rest = K - blocks * BLOCK
  return `function (a, b) {
    const r = this.thread.y * 2;
    const c = this.thread.x * 2;
    let s00 = 0.0;
    let s01 = 0.0;
    let s10 = 0.0;
    let s11 = 0.0;
    ${blocks > 0 ? `for (let o = 0; o < ${blocks}; o++) {${block(`o * ${BLOCK}`, BLOCK)}\n    }` : ''}
    ${rest > 0 ? `for (let z = 0; z < 1; z++) {${block(String(blocks * BLOCK), rest)}\n    }` : ''}
    return [s00, s01, s10, s11];
  }`
}

/** Copies an argument into a matrix that stays on the device. */
export const uploadSource = `function (a) {
    return a[this.thread.y][this.thread.x];
  }`
