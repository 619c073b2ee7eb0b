// The kernels of assembly/elimination.ts in plain TypeScript. Addresses are indices into the view `M`.

export function luPanel(
  M: Float64Array,
  m: number,
  n: number,
  a: number,
  lda: number,
  pivots: number,
  pivoting: number,
): number {
  for (let k = 0; k < n && k < m; k++) {
    const column = a + k * lda
    if (pivoting) {
      const r = largest(M, k, m, column)
      for (let j = 0; j < n; j++) {
        const [x, y] = [a + j * lda + k, a + j * lda + r]
        ;[M[x], M[y]] = [M[y]!, M[x]!]
      }
      M[pivots + k] = r
    }
    const pivot = M[column + k]!
    if (pivot === 0) {
      if (!pivoting && M[column + largest(M, k, m, column)] !== 0) return k
      continue
    }
    for (let i = k + 1; i < m; i++) M[column + i]! /= pivot
    for (let j = k + 1; j < n; j++) {
      const u = M[a + j * lda + k]!
      for (let i = k + 1; i < m; i++) M[a + j * lda + i]! -= M[column + i]! * u
    }
  }
  return n
}

export function choleskyPanel(M: Float64Array, m: number, n: number, a: number, lda: number): number {
  for (let k = 0; k < n; k++) {
    const column = a + k * lda
    const pivot = M[column + k]!
    if (!(pivot > 0)) return k
    const root = Math.sqrt(pivot)
    M[column + k] = root
    for (let i = k + 1; i < m; i++) M[column + i]! /= root
    for (let j = k + 1; j < n; j++) {
      const l = M[column + j]!
      for (let i = j; i < m; i++) M[a + j * lda + i]! -= M[column + i]! * l
    }
  }
  return n
}

export function eliminate(M: Float64Array, m: number, n: number, a: number, lda: number): number {
  const pivot = M[a]!
  if (pivot !== 0) for (let i = 1; i < m; i++) M[a + i]! /= pivot
  let best = 0
  let where = 0
  for (let j = 1; j < n; j++) {
    const column = a + j * lda
    const u = M[column]!
    for (let i = 1; i < m; i++) {
      M[column + i]! -= M[a + i]! * u
      const size = Math.abs(M[column + i]!)
      if (size > best) {
        best = size
        where = j * m + i
      }
    }
  }
  return where
}

export function solveRows(
  M: Float64Array,
  n: number,
  r: number,
  t: number,
  trs: number,
  tcs: number,
  upper: number,
  unit: number,
  x: number,
  ldx: number,
): void {
  for (let step = 0; step < n; step++) {
    const i = upper ? n - 1 - step : step
    const row = x + i * ldx
    for (let before = 0; before < step; before++) {
      const k = upper ? n - 1 - before : before
      const tik = M[t + i * trs + k * tcs]!
      for (let j = 0; j < r; j++) M[row + j]! -= tik * M[x + k * ldx + j]!
    }
    if (!unit) for (let j = 0; j < r; j++) M[row + j]! /= M[t + i * (trs + tcs)]!
  }
}

/** The row in [k, m) of the entry of largest magnitude of a column, the lowest among equals. */
function largest(M: Float64Array, k: number, m: number, column: number): number {
  let r = k
  for (let i = k + 1; i < m; i++) if (Math.abs(M[column + i]!) > Math.abs(M[column + r]!)) r = i
  return r
}
