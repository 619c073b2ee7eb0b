// Walsh–Hadamard transforms, by the definitions in kernels.ts; addresses are indices into `M`.

export function fwhtBlock(M: Float64Array, n: number, x: number): void {
  for (let h = 1; h < n; h *= 2) for (let i = 0; i < n; i += 2 * h) fwhtLevels(M, 1, h, h, x + i)
}

export function fwhtLevels(M: Float64Array, levels: number, count: number, h: number, x: number): void {
  const points = 2 ** levels
  for (let g = 1; g < points; g *= 2) {
    for (let t = 0; t < points; t++) {
      if ((t & g) !== 0) continue
      for (let j = 0, a = x + t * h, b = a + g * h; j < count; j++, a++, b++) {
        const [sum, difference] = [M[a]! + M[b]!, M[a]! - M[b]!]
        M[a] = sum
        M[b] = difference
      }
    }
  }
}
