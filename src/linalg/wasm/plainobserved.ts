// Products with picked rows of a factor, by the definitions in kernels.ts; addresses are indices, of int32 numbers
// for `pointers` and `indices`, of float64 numbers for the rest.

export function csrDots(
  M: Float64Array,
  rows: number,
  k: number,
  pointers: number,
  indices: number,
  x: number,
  f: number,
  w: number,
): void {
  const I = new Int32Array(M.buffer)
  const base = I[pointers]!
  for (let i = 0, from = x; i < rows; i++, from += k) {
    for (let e = I[pointers + i]! - base; e < I[pointers + i + 1]! - base; e++) {
      let sum = 0
      for (let t = 0, row = f + I[indices + e]! * k; t < k; t++) sum += M[from + t]! * M[row + t]!
      M[w + e] = sum
    }
  }
}

export function gatherGram(
  M: Float64Array,
  count: number,
  k: number,
  indices: number,
  f: number,
  g: number,
): void {
  const I = new Int32Array(M.buffer)
  for (let e = 0; e < count; e++) {
    const row = f + I[indices + e]! * k
    for (let j = 0; j < k; j++) {
      for (let i = j - (j % 4); i < k; i++) M[g + i + j * k]! += M[row + i]! * M[row + j]!
    }
  }
}
