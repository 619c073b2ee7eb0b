// The plain kernels of the eigenvalue and singular value iterations. Addresses are indices into the view `M`.

export function symv(M: Float64Array, n: number, a: number, lda: number, x: number, y: number): void {
  for (let i = 0; i < n; i++) {
    let sum = 0
    for (let j = 0; j < n; j++) sum += M[a + Math.max(i, j) + Math.min(i, j) * lda]! * M[x + j]!
    M[y + i] = sum
  }
}

export function rotateColumns(
  M: Float64Array,
  m: number,
  a: number,
  lda: number,
  count: number,
  sweeps: number,
): void {
  for (let k = 0; k < count; k++) {
    const first = M[sweeps]!
    const length = Math.abs(M[sweeps + 1]!)
    const step = M[sweeps + 1]! < 0 ? -1 : 1
    sweeps += 2
    for (let t = 0; t < length; t++, sweeps += 2) {
      const [c, s] = [M[sweeps]!, M[sweeps + 1]!]
      const x = a + (first + step * t) * lda
      const y = x + lda
      for (let i = 0; i < m; i++) {
        const [xi, yi] = [M[x + i]!, M[y + i]!]
        M[x + i] = c * xi + s * yi
        M[y + i] = c * yi - s * xi
      }
    }
  }
}
