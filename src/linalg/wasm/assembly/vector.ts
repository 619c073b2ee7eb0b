import { madd, sum } from './simd'

// Level 1, on contiguous float64 vectors.

export function dot(n: i32, x: usize, y: usize): f64 {
  let s0 = f64x2.splat(0), s1 = s0, s2 = s0, s3 = s0
  for (; n >= 8; n -= 8, x += 64, y += 64) {
    s0 = madd<f64>(v128.load(x), v128.load(y), s0)
    s1 = madd<f64>(v128.load(x, 16), v128.load(y, 16), s1)
    s2 = madd<f64>(v128.load(x, 32), v128.load(y, 32), s2)
    s3 = madd<f64>(v128.load(x, 48), v128.load(y, 48), s3)
  }
  let s = sum<f64>(f64x2.add(f64x2.add(s0, s1), f64x2.add(s2, s3)))
  for (; n > 0; n--, x += 8, y += 8) s += load<f64>(x) * load<f64>(y)
  return s
}

export function axpy(n: i32, alpha: f64, x: usize, y: usize): void {
  const v = f64x2.splat(alpha)
  for (; n >= 4; n -= 4, x += 32, y += 32) {
    v128.store(y, madd<f64>(v, v128.load(x), v128.load(y)))
    v128.store(y, madd<f64>(v, v128.load(x, 16), v128.load(y, 16)), 16)
  }
  for (; n > 0; n--, x += 8, y += 8) store<f64>(y, load<f64>(y) + alpha * load<f64>(x))
}

/** Two float32 numbers as float64. */
// @ts-ignore: decorator
@inline
function widen(x: usize, offset: usize = 0): v128 {
  return f64x2.promote_low_f32x4(v128.load64_zero(x + offset))
}

export function dot32(n: i32, x: usize, y: usize): f64 {
  let s0 = f64x2.splat(0), s1 = s0, s2 = s0, s3 = s0
  for (; n >= 8; n -= 8, x += 32, y += 64) {
    s0 = madd<f64>(widen(x), v128.load(y), s0)
    s1 = madd<f64>(widen(x, 8), v128.load(y, 16), s1)
    s2 = madd<f64>(widen(x, 16), v128.load(y, 32), s2)
    s3 = madd<f64>(widen(x, 24), v128.load(y, 48), s3)
  }
  let s = sum<f64>(f64x2.add(f64x2.add(s0, s1), f64x2.add(s2, s3)))
  for (; n > 0; n--, x += 4, y += 8) s += <f64>load<f32>(x) * load<f64>(y)
  return s
}

export function axpy32(n: i32, alpha: f64, x: usize, y: usize): void {
  const v = f64x2.splat(alpha)
  for (; n >= 4; n -= 4, x += 16, y += 32) {
    v128.store(y, madd<f64>(v, widen(x), v128.load(y)))
    v128.store(y, madd<f64>(v, widen(x, 8), v128.load(y, 16)), 16)
  }
  for (; n > 0; n--, x += 4, y += 8) store<f64>(y, load<f64>(y) + alpha * <f64>load<f32>(x))
}

export function scal(n: i32, alpha: f64, x: usize): void {
  const v = f64x2.splat(alpha)
  for (; n >= 2; n -= 2, x += 16) v128.store(x, f64x2.mul(v, v128.load(x)))
  if (n > 0) store<f64>(x, alpha * load<f64>(x))
}

/** pmax is one instruction and passes NaN by, f64x2.max would be several; so NaN is looked for beside it. */
export function maxAbs(n: i32, x: usize): f64 {
  let s0 = f64x2.splat(0), s1 = s0, nan = s0
  for (; n >= 4; n -= 4, x += 32) {
    const a = v128.load(x)
    const b = v128.load(x, 16)
    s0 = f64x2.pmax(s0, f64x2.abs(a))
    s1 = f64x2.pmax(s1, f64x2.abs(b))
    nan = v128.or(nan, v128.or(f64x2.ne(a, a), f64x2.ne(b, b)))
  }
  if (v128.any_true(nan)) return NaN
  s0 = f64x2.pmax(s0, s1)
  let s = max<f64>(f64x2.extract_lane(s0, 0), f64x2.extract_lane(s0, 1))
  for (; n > 0; n--, x += 8) s = max<f64>(s, abs<f64>(load<f64>(x)))
  return s
}

/** Σ (scale·x)². */
function sumOfSquares(n: i32, x: usize, scale: f64): f64 {
  const v = f64x2.splat(scale)
  let s0 = f64x2.splat(0), s1 = s0
  for (; n >= 4; n -= 4, x += 32) {
    const a = f64x2.mul(v, v128.load(x))
    const b = f64x2.mul(v, v128.load(x, 16))
    s0 = madd<f64>(a, a, s0)
    s1 = madd<f64>(b, b, s1)
  }
  let s = sum<f64>(f64x2.add(s0, s1))
  for (; n > 0; n--, x += 8) {
    const a = scale * load<f64>(x)
    s += a * a
  }
  return s
}

/** Safe from overflow and underflow: where the plain sum may have lost something, it is made again, scaled. */
export function nrm2(n: i32, x: usize): f64 {
  const plain = dot(n, x, x)
  if (plain > 1e-260 && plain < 1e280) return sqrt(plain)
  const largest = maxAbs(n, x)
  if (largest == 0 || !(largest < Infinity)) return largest
  // A power of two near 1/largest, within the range of normal numbers, so that scaling rounds nothing.
  const exponent = <i64>((reinterpret<u64>(largest) >> 52) & 0x7ff)
  const scale = reinterpret<f64>(<u64>min<i64>(2044, max<i64>(2, 2046 - exponent)) << 52)
  return sqrt(sumOfSquares(n, x, scale)) / scale
}

/** [x y] = [c·x + s·y, c·y − s·x]. */
export function rot(n: i32, x: usize, y: usize, c: f64, s: f64): void {
  const vc = f64x2.splat(c)
  const vs = f64x2.splat(s)
  for (; n >= 2; n -= 2, x += 16, y += 16) {
    const a = v128.load(x)
    const b = v128.load(y)
    v128.store(x, madd<f64>(vc, a, f64x2.mul(vs, b)))
    v128.store(y, f64x2.sub(f64x2.mul(vc, b), f64x2.mul(vs, a)))
  }
  if (n > 0) {
    const a = load<f64>(x)
    const b = load<f64>(y)
    store<f64>(x, c * a + s * b)
    store<f64>(y, c * b - s * a)
  }
}
