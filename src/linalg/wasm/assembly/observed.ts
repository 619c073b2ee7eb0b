import { madd, sum } from './simd'

// What least-squares problems over picked rows of a factor F need: F has k contiguous numbers per row.

/** w[e] = xᵢ·f[indices[e]] for the entries e of each compressed row i of X. */
export function csrDots(
  rows: i32, k: i32, pointers: usize, indices: usize, x: usize, f: usize, w: usize,
): void {
  const width = <usize>k << 3
  const base = load<i32>(pointers)
  for (let i = 0; i < rows; i++, pointers += 4, x += width) {
    const e0 = <usize>(load<i32>(pointers) - base), e1 = <usize>(load<i32>(pointers, 4) - base)
    for (let e = e0; e < e1; e++) {
      store<f64>(w + (e << 3), dotRow(width, x, f + <usize>load<i32>(indices + (e << 2)) * width))
    }
  }
}

// @ts-ignore: decorator
@inline
function dotRow(width: usize, x: usize, y: usize): f64 {
  let s0 = f64x2.splat(0), s1 = s0
  let t: usize = 0
  for (; t + 32 <= width; t += 32) {
    s0 = madd<f64>(v128.load(x + t), v128.load(y + t), s0)
    s1 = madd<f64>(v128.load(x + t, 16), v128.load(y + t, 16), s1)
  }
  let s = sum<f64>(f64x2.add(s0, s1))
  for (; t < width; t += 8) s += load<f64>(x + t) * load<f64>(y + t)
  return s
}

/** Bytes of picked rows that stay in the first cache while all of G goes over them. */
// @ts-ignore: decorator
@inline
const CHUNK: usize = 16384

export function gatherGram(count: i32, k: i32, indices: usize, f: usize, g: usize): void {
  const width = <usize>k << 3
  const chunk = max<i32>(8, <i32>(CHUNK / max<usize>(width, 1)))
  for (; count > 0; count -= chunk, indices += <usize>chunk << 2) {
    const n = min(count, chunk)
    for (let j: usize = 0; j < width; j += 32) {
      for (let i = j; i < width; i += 32) gramTile(n, width, indices, f + i, f + j, g + i + (j >> 3) * width)
    }
  }
}

/** Four rows and four columns of G, column-major: their sums stay in registers. */
function gramTile(count: i32, width: usize, indices: usize, fi: usize, fj: usize, g: usize): void {
  const g1 = g + width, g2 = g1 + width, g3 = g2 + width
  let a0 = v128.load(g), b0 = v128.load(g, 16)
  let a1 = v128.load(g1), b1 = v128.load(g1, 16)
  let a2 = v128.load(g2), b2 = v128.load(g2, 16)
  let a3 = v128.load(g3), b3 = v128.load(g3, 16)
  for (; count > 0; count--, indices += 4) {
    const row = <usize>load<i32>(indices) * width
    const x = v128.load(fi + row), y = v128.load(fi + row, 16)
    const from = fj + row
    const v0 = v128.load64_splat(from)
    a0 = madd<f64>(v0, x, a0)
    b0 = madd<f64>(v0, y, b0)
    const v1 = v128.load64_splat(from, 8)
    a1 = madd<f64>(v1, x, a1)
    b1 = madd<f64>(v1, y, b1)
    const v2 = v128.load64_splat(from, 16)
    a2 = madd<f64>(v2, x, a2)
    b2 = madd<f64>(v2, y, b2)
    const v3 = v128.load64_splat(from, 24)
    a3 = madd<f64>(v3, x, a3)
    b3 = madd<f64>(v3, y, b3)
  }
  v128.store(g, a0)
  v128.store(g, b0, 16)
  v128.store(g1, a1)
  v128.store(g1, b1, 16)
  v128.store(g2, a2)
  v128.store(g2, b2, 16)
  v128.store(g3, a3)
  v128.store(g3, b3, 16)
}
