// Products of compressed rows, by the definitions in kernels.ts; addresses are indices, of int32 numbers for
// `pointers` and `indices`, of float64 numbers for the rest.

export function csrTimes(
  M: Float64Array,
  rows: number,
  k: number,
  pointers: number,
  indices: number,
  values: number,
  x: number,
  y: number,
): void {
  const I = new Int32Array(M.buffer)
  const base = I[pointers]!
  M.fill(0, y, y + rows * k)
  for (let i = 0, to = y; i < rows; i++, to += k) {
    for (let e = I[pointers + i]! - base; e < I[pointers + i + 1]! - base; e++) {
      const a = M[values + e]!
      for (let t = 0, from = x + I[indices + e]! * k; t < k; t++) M[to + t]! += a * M[from + t]!
    }
  }
}

export function csrAdjointTimes(
  M: Float64Array,
  rows: number,
  k: number,
  pointers: number,
  indices: number,
  values: number,
  y: number,
  x: number,
): void {
  const I = new Int32Array(M.buffer)
  const base = I[pointers]!
  for (let i = 0, from = y; i < rows; i++, from += k) {
    for (let e = I[pointers + i]! - base; e < I[pointers + i + 1]! - base; e++) {
      const a = M[values + e]!
      for (let t = 0, to = x + I[indices + e]! * k; t < k; t++) M[to + t]! += a * M[from + t]!
    }
  }
}
