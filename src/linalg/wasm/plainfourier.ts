/** One pass of a Stockham FFT, by the definition in kernels.ts; addresses are indices into `M`. */
export function fftPass(
  M: Float64Array,
  radix: number,
  m: number,
  s: number,
  p0: number,
  p1: number,
  q0: number,
  q1: number,
  w: number,
  xre: number,
  xim: number,
  yre: number,
  yim: number,
): void {
  const cos = Array.from({ length: radix }, (_, j) => Math.cos((2 * Math.PI * j) / radix))
  const sin = Array.from({ length: radix }, (_, j) => -Math.sin((2 * Math.PI * j) / radix))
  for (let p = p0; p < p1; p++) {
    for (let j = 0; j < radix; j++) {
      const wr = j === 0 ? 1 : M[w + (2 * j - 2) * m + p]!
      const wi = j === 0 ? 0 : M[w + (2 * j - 1) * m + p]!
      for (let q = q0; q < q1; q++) {
        let [re, im] = [0, 0]
        for (let k = 0; k < radix; k++) {
          const x = q + s * (p + m * k)
          const [c, d] = [cos[(j * k) % radix]!, sin[(j * k) % radix]!]
          re += M[xre + x]! * c - M[xim + x]! * d
          im += M[xre + x]! * d + M[xim + x]! * c
        }
        const y = q + s * (radix * p + j)
        M[yre + y] = re * wr - im * wi
        M[yim + y] = re * wi + im * wr
      }
    }
  }
}
