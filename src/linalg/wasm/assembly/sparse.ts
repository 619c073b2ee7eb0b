import { madd } from './simd'

// Products of compressed rows with k vectors at once: vectors run along the k numbers of a row of X or Y. Row i
// holds entries pointers[i] − pointers[0] … pointers[i + 1] − pointers[0] − 1 of `indices` and `values`.

/** Y = A·X for `rows` rows of A: Y is rows × k, X has k numbers per row, both row-major. */
export function csrTimes(
  rows: i32, k: i32, pointers: usize, indices: usize, values: usize, x: usize, y: usize,
): void {
  const width = <usize>k << 3
  const base = load<i32>(pointers)
  for (let i = 0; i < rows; i++, pointers += 4, y += width) {
    const e0 = <usize>(load<i32>(pointers) - base), e1 = <usize>(load<i32>(pointers, 4) - base)
    let t: usize = 0
    for (; t + 64 <= width; t += 64) {
      let s0 = f64x2.splat(0), s1 = s0, s2 = s0, s3 = s0
      for (let e = e0; e < e1; e++) {
        const a = v128.load64_splat(values + (e << 3))
        const from = x + <usize>load<i32>(indices + (e << 2)) * width + t
        s0 = madd<f64>(a, v128.load(from), s0)
        s1 = madd<f64>(a, v128.load(from, 16), s1)
        s2 = madd<f64>(a, v128.load(from, 32), s2)
        s3 = madd<f64>(a, v128.load(from, 48), s3)
      }
      v128.store(y + t, s0)
      v128.store(y + t, s1, 16)
      v128.store(y + t, s2, 32)
      v128.store(y + t, s3, 48)
    }
    for (; t + 16 <= width; t += 16) {
      let s = f64x2.splat(0)
      for (let e = e0; e < e1; e++) {
        const from = x + <usize>load<i32>(indices + (e << 2)) * width + t
        s = madd<f64>(v128.load64_splat(values + (e << 3)), v128.load(from), s)
      }
      v128.store(y + t, s)
    }
    if (t < width) {
      let s: f64 = 0
      for (let e = e0; e < e1; e++) {
        s += load<f64>(values + (e << 3)) * load<f64>(x + <usize>load<i32>(indices + (e << 2)) * width + t)
      }
      store<f64>(y + t, s)
    }
  }
}

/** X += Aᵀ·Y for `rows` rows of A, the same shapes. */
export function csrAdjointTimes(
  rows: i32, k: i32, pointers: usize, indices: usize, values: usize, y: usize, x: usize,
): void {
  const width = <usize>k << 3
  const base = load<i32>(pointers)
  for (let i = 0; i < rows; i++, pointers += 4, y += width) {
    const e0 = <usize>(load<i32>(pointers) - base), e1 = <usize>(load<i32>(pointers, 4) - base)
    let t: usize = 0
    for (; t + 64 <= width; t += 64) {
      const y0 = v128.load(y + t), y1 = v128.load(y + t, 16), y2 = v128.load(y + t, 32), y3 = v128.load(y + t, 48)
      for (let e = e0; e < e1; e++) {
        const a = v128.load64_splat(values + (e << 3))
        const to = x + <usize>load<i32>(indices + (e << 2)) * width + t
        v128.store(to, madd<f64>(a, y0, v128.load(to)))
        v128.store(to, madd<f64>(a, y1, v128.load(to, 16)), 16)
        v128.store(to, madd<f64>(a, y2, v128.load(to, 32)), 32)
        v128.store(to, madd<f64>(a, y3, v128.load(to, 48)), 48)
      }
    }
    for (; t + 16 <= width; t += 16) {
      const yt = v128.load(y + t)
      for (let e = e0; e < e1; e++) {
        const to = x + <usize>load<i32>(indices + (e << 2)) * width + t
        v128.store(to, madd<f64>(v128.load64_splat(values + (e << 3)), yt, v128.load(to)))
      }
    }
    if (t < width) {
      const yt = load<f64>(y + t)
      for (let e = e0; e < e1; e++) {
        const to = x + <usize>load<i32>(indices + (e << 2)) * width + t
        store<f64>(to, load<f64>(to) + load<f64>(values + (e << 3)) * yt)
      }
    }
  }
}
