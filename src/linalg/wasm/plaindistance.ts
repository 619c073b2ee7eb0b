// Distances and exponentials, by the definitions in kernels.ts; addresses are indices into `M`.

export function distances(
  M: Float64Array,
  power: number,
  m: number,
  n: number,
  d: number,
  x: number,
  y: number,
  c: number,
  ldc: number,
): void {
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0
      for (let k = 0, a = x + i * d, b = y + (j - (j % 4)) * d + (j % 4); k < d; k++, a++, b += 4) {
        const t = Math.abs(M[a]! - M[b]!)
        sum += power === 1 ? t : t * t
      }
      M[c + i * ldc + j] = sum
    }
  }
}

export function expNegative(M: Float64Array, n: number, alpha: number, x: number): void {
  for (let i = x; i < x + n; i++) {
    const v = -alpha * M[i]!
    M[i] = v >= -708 ? Math.exp(v) : 0
  }
}
