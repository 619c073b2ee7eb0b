import { madd } from './simd'

// One level of a butterfly matrix, in place: pairs of points s apart are multiplied by 2 × 2 matrices, of which there
// are m, n/2 or s: pair p has number p mod m. Their entries lie apart, first all t00, then all t01, t10, t11.

// @ts-ignore: decorator
@inline
function even(a: v128, b: v128): v128 {
  return i64x2.shuffle(a, b, 0, 2)
}

// @ts-ignore: decorator
@inline
function odd(a: v128, b: v128): v128 {
  return i64x2.shuffle(a, b, 1, 3)
}

/** Rows of k numbers; pair p of n/2 is rows a = 2·s·⌊p/s⌋ + p mod s and a + s. */
export function butterflyLevel(n: i32, s: i32, k: i32, m: i32, t: usize, x: usize): void {
  const half = n >> 1
  const plane = <usize>m << 3
  const row = <usize>k << 3
  if (k == 1 && s == 1 && m > 1) {
    let p = 0
    for (; p + 2 <= half; p += 2) {
      const at = x + (<usize>p << 4), w = t + (<usize>p << 3)
      const u = v128.load(at), v = v128.load(at, 16)
      const a = even(u, v), b = odd(u, v)
      const c = madd<f64>(v128.load(w), a, f64x2.mul(v128.load(w + plane), b))
      const d = madd<f64>(v128.load(w + 2 * plane), a, f64x2.mul(v128.load(w + 3 * plane), b))
      v128.store(at, even(c, d))
      v128.store(at, odd(c, d), 16)
    }
    return
  }
  for (let p = 0; p < half; ) {
    const first = ((p / s) * 2 * s) + (p % s)
    if (k == 1 && s >= 2) {
      // A stretch of s pairs, two at a time.
      for (let j = 0; j < s; j += 2) {
        const a = x + (<usize>(first + j) << 3), b = a + (<usize>s << 3), w = t + (<usize>(p % m + j) << 3)
        const u = v128.load(a), v = v128.load(b)
        v128.store(a, madd<f64>(v128.load(w), u, f64x2.mul(v128.load(w + plane), v)))
        v128.store(b, madd<f64>(v128.load(w + 2 * plane), u, f64x2.mul(v128.load(w + 3 * plane), v)))
      }
      p += s
      continue
    }
    const w = t + (<usize>(p % m) << 3)
    const f00 = load<f64>(w), f01 = load<f64>(w + plane), f10 = load<f64>(w + 2 * plane), f11 = load<f64>(w + 3 * plane)
    const t00 = f64x2.splat(f00), t01 = f64x2.splat(f01), t10 = f64x2.splat(f10), t11 = f64x2.splat(f11)
    let a = x + <usize>first * row, b = a + <usize>s * row
    let c = k
    for (; c >= 2; c -= 2, a += 16, b += 16) {
      const u = v128.load(a), v = v128.load(b)
      v128.store(a, madd<f64>(t00, u, f64x2.mul(t01, v)))
      v128.store(b, madd<f64>(t10, u, f64x2.mul(t11, v)))
    }
    if (c > 0) {
      const u = load<f64>(a), v = load<f64>(b)
      store<f64>(a, f00 * u + f01 * v)
      store<f64>(b, f10 * u + f11 * v)
    }
    p++
  }
}

/** The same of complex numbers, real and imaginary parts apart in t and ti, x and xi. */
export function butterflyLevelComplex(
  n: i32, s: i32, k: i32, m: i32, t: usize, ti: usize, x: usize, xi: usize,
): void {
  const half = n >> 1
  const plane = <usize>m << 3
  const row = <usize>k << 3
  if (k == 1 && s == 1 && half > 1) {
    // Neighbours: two pairs are taken apart into their first and their second points.
    const shared = m == 1
    for (let p = 0; p < half; p += 2) {
      const at = <usize>p << 4, w = shared ? 0 : <usize>p << 3
      const x0 = v128.load(x + at), x1 = v128.load(x + at, 16), y0 = v128.load(xi + at), y1 = v128.load(xi + at, 16)
      const u = even(x0, x1), v = odd(x0, x1), ui = even(y0, y1), vi = odd(y0, y1)
      const r00 = one(t + w, shared), r01 = one(t + w + plane, shared), r10 = one(t + w + 2 * plane, shared), r11 = one(t + w + 3 * plane, shared)
      const i00 = one(ti + w, shared), i01 = one(ti + w + plane, shared), i10 = one(ti + w + 2 * plane, shared), i11 = one(ti + w + 3 * plane, shared)
      const a = f64x2.sub(madd<f64>(r00, u, f64x2.mul(r01, v)), madd<f64>(i00, ui, f64x2.mul(i01, vi)))
      const ai = f64x2.add(madd<f64>(r00, ui, f64x2.mul(r01, vi)), madd<f64>(i00, u, f64x2.mul(i01, v)))
      const b = f64x2.sub(madd<f64>(r10, u, f64x2.mul(r11, v)), madd<f64>(i10, ui, f64x2.mul(i11, vi)))
      const bi = f64x2.add(madd<f64>(r10, ui, f64x2.mul(r11, vi)), madd<f64>(i10, u, f64x2.mul(i11, v)))
      v128.store(x + at, even(a, b))
      v128.store(x + at, odd(a, b), 16)
      v128.store(xi + at, even(ai, bi))
      v128.store(xi + at, odd(ai, bi), 16)
    }
    return
  }
  if (k == 1 && s >= 2) {
    for (let p = 0; p < half; p += s) {
      for (let j = 0; j < s; j += 2) {
        const at = <usize>(2 * p + j) << 3, bt = at + (<usize>s << 3), w = <usize>(p % m + j) << 3
        pair(
          v128.load(t + w), v128.load(t + w + plane), v128.load(t + w + 2 * plane), v128.load(t + w + 3 * plane),
          v128.load(ti + w), v128.load(ti + w + plane), v128.load(ti + w + 2 * plane), v128.load(ti + w + 3 * plane),
          x + at, x + bt, xi + at, xi + bt,
        )
      }
    }
    return
  }
  for (let p = 0; p < half; p++) {
    const first = <usize>(((p / s) * 2 * s) + (p % s))
    const w = <usize>(p % m) << 3
    const r00 = load<f64>(t + w), r01 = load<f64>(t + w + plane), r10 = load<f64>(t + w + 2 * plane), r11 = load<f64>(t + w + 3 * plane)
    const i00 = load<f64>(ti + w), i01 = load<f64>(ti + w + plane), i10 = load<f64>(ti + w + 2 * plane), i11 = load<f64>(ti + w + 3 * plane)
    let at = first * row, bt = at + <usize>s * row
    let c = k
    for (; c >= 2; c -= 2, at += 16, bt += 16) {
      pair(
        f64x2.splat(r00), f64x2.splat(r01), f64x2.splat(r10), f64x2.splat(r11),
        f64x2.splat(i00), f64x2.splat(i01), f64x2.splat(i10), f64x2.splat(i11),
        x + at, x + bt, xi + at, xi + bt,
      )
    }
    if (c > 0) {
      const u = load<f64>(x + at), ui = load<f64>(xi + at), v = load<f64>(x + bt), vi = load<f64>(xi + bt)
      store<f64>(x + at, r00 * u - i00 * ui + (r01 * v - i01 * vi))
      store<f64>(xi + at, r00 * ui + i00 * u + (r01 * vi + i01 * v))
      store<f64>(x + bt, r10 * u - i10 * ui + (r11 * v - i11 * vi))
      store<f64>(xi + bt, r10 * ui + i10 * u + (r11 * vi + i11 * v))
    }
  }
}

/** Two numbers, or one twice. */
// @ts-ignore: decorator
@inline
function one(at: usize, shared: bool): v128 {
  return shared ? v128.load64_splat(at) : v128.load(at)
}

/** (u, v) ← T·(u, v) for two pairs at once. */
// @ts-ignore: decorator
@inline
function pair(
  r00: v128, r01: v128, r10: v128, r11: v128, i00: v128, i01: v128, i10: v128, i11: v128,
  a: usize, b: usize, ai: usize, bi: usize,
): void {
  const u = v128.load(a), ui = v128.load(ai), v = v128.load(b), vi = v128.load(bi)
  v128.store(a, f64x2.sub(madd<f64>(r00, u, f64x2.mul(r01, v)), madd<f64>(i00, ui, f64x2.mul(i01, vi))))
  v128.store(ai, f64x2.add(madd<f64>(r00, ui, f64x2.mul(r01, vi)), madd<f64>(i00, u, f64x2.mul(i01, v))))
  v128.store(b, f64x2.sub(madd<f64>(r10, u, f64x2.mul(r11, v)), madd<f64>(i10, ui, f64x2.mul(i11, vi))))
  v128.store(bi, f64x2.add(madd<f64>(r10, ui, f64x2.mul(r11, vi)), madd<f64>(i10, u, f64x2.mul(i11, v))))
}

/** The same where each matrix is [[1, w], [1, -w]], as those of a Fourier transform are: of these, the m numbers w alone. */
export function fourierLevel(n: i32, s: i32, k: i32, m: i32, w: usize, wi: usize, x: usize, xi: usize): void {
  const half = n >> 1
  const row = <usize>k << 3
  if (k == 1 && s == 1 && half > 1) {
    const shared = m == 1
    for (let p = 0; p < half; p += 2) {
      const at = <usize>p << 4, to = shared ? 0 : <usize>p << 3
      const x0 = v128.load(x + at), x1 = v128.load(x + at, 16), y0 = v128.load(xi + at), y1 = v128.load(xi + at, 16)
      const u = even(x0, x1), v = odd(x0, x1), ui = even(y0, y1), vi = odd(y0, y1)
      const c = one(w + to, shared), d = one(wi + to, shared)
      const y = f64x2.sub(f64x2.mul(c, v), f64x2.mul(d, vi)), yi = madd<f64>(c, vi, f64x2.mul(d, v))
      const a = f64x2.add(u, y), b = f64x2.sub(u, y), ai = f64x2.add(ui, yi), bi = f64x2.sub(ui, yi)
      v128.store(x + at, even(a, b))
      v128.store(x + at, odd(a, b), 16)
      v128.store(xi + at, even(ai, bi))
      v128.store(xi + at, odd(ai, bi), 16)
    }
    return
  }
  if (k == 1 && s >= 2) {
    for (let p = 0; p < half; p += s) {
      for (let j = 0; j < s; j += 2) {
        const at = <usize>(2 * p + j) << 3, bt = at + (<usize>s << 3), to = <usize>(p % m + j) << 3
        turn(v128.load(w + to), v128.load(wi + to), x + at, x + bt, xi + at, xi + bt)
      }
    }
    return
  }
  for (let p = 0; p < half; p++) {
    const to = <usize>(p % m) << 3
    const c = load<f64>(w + to), d = load<f64>(wi + to)
    let at = <usize>(((p / s) * 2 * s) + (p % s)) * row, bt = at + <usize>s * row
    let left = k
    for (; left >= 2; left -= 2, at += 16, bt += 16) {
      turn(f64x2.splat(c), f64x2.splat(d), x + at, x + bt, xi + at, xi + bt)
    }
    if (left > 0) {
      const u = load<f64>(x + at), ui = load<f64>(xi + at), v = load<f64>(x + bt), vi = load<f64>(xi + bt)
      const y = c * v - d * vi, yi = c * vi + d * v
      store<f64>(x + at, u + y)
      store<f64>(xi + at, ui + yi)
      store<f64>(x + bt, u - y)
      store<f64>(xi + bt, ui - yi)
    }
  }
}

/** (u, v) ← (u + w·v, u − w·v) for two pairs at once. */
// @ts-ignore: decorator
@inline
function turn(c: v128, d: v128, a: usize, b: usize, ai: usize, bi: usize): void {
  const u = v128.load(a), ui = v128.load(ai), v = v128.load(b), vi = v128.load(bi)
  const y = f64x2.sub(f64x2.mul(c, v), f64x2.mul(d, vi)), yi = madd<f64>(c, vi, f64x2.mul(d, v))
  v128.store(a, f64x2.add(u, y))
  v128.store(ai, f64x2.add(ui, yi))
  v128.store(b, f64x2.sub(u, y))
  v128.store(bi, f64x2.sub(ui, yi))
}
