import { madd } from './simd'

// What kernel matrices are made of: distances between rows of points, and exponentials.

/**
 * C[i·ldc + j] = Σₖ |xᵢₖ − yⱼₖ| (power 1) or Σₖ (xᵢₖ − yⱼₖ)² (power 2) for m rows of d contiguous numbers at x.
 * The n rows of Y come in panels of four, transposed; n is a multiple of 4.
 */
export function distances(power: i32, m: i32, n: i32, d: i32, x: usize, y: usize, c: usize, ldc: usize): void {
  const row = <usize>d << 3
  const next = ldc << 3
  for (; n > 0; n -= 4, y += row << 2, c += 32) {
    let i = 0, from = x, to = c
    if (power == 1) {
      for (; i + 4 <= m; i += 4, from += row << 2, to += next << 2) fourRows(false, d, row, from, y, to, next)
      for (; i < m; i++, from += row, to += next) oneRow(false, d, from, y, to)
    } else {
      for (; i + 4 <= m; i += 4, from += row << 2, to += next << 2) fourRows(true, d, row, from, y, to, next)
      for (; i < m; i++, from += row, to += next) oneRow(true, d, from, y, to)
    }
  }
}

/** s + |a − b| or s + (a − b)². */
// @ts-ignore: decorator
@inline
function term(squared: bool, a: v128, b: v128, s: v128): v128 {
  const t = f64x2.sub(a, b)
  return squared ? madd<f64>(t, t, s) : f64x2.add(s, f64x2.abs(t))
}

/** Four rows of points with four: eight sums in registers. */
// @ts-ignore: decorator
@inline
function fourRows(squared: bool, d: i32, row: usize, x: usize, y: usize, c: usize, next: usize): void {
  let a0 = f64x2.splat(0), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, d0 = a0, d1 = a0
  const x1 = x + row, x2 = x1 + row, x3 = x2 + row
  let k: usize = 0
  for (let t = 0; t < d; t++, k += 8, y += 32) {
    const y0 = v128.load(y), y1 = v128.load(y, 16)
    const p = v128.load64_splat(x + k)
    a0 = term(squared, p, y0, a0)
    a1 = term(squared, p, y1, a1)
    const q = v128.load64_splat(x1 + k)
    b0 = term(squared, q, y0, b0)
    b1 = term(squared, q, y1, b1)
    const r = v128.load64_splat(x2 + k)
    c0 = term(squared, r, y0, c0)
    c1 = term(squared, r, y1, c1)
    const s = v128.load64_splat(x3 + k)
    d0 = term(squared, s, y0, d0)
    d1 = term(squared, s, y1, d1)
  }
  v128.store(c, a0)
  v128.store(c, a1, 16)
  v128.store(c + next, b0)
  v128.store(c + next, b1, 16)
  v128.store(c + (next << 1), c0)
  v128.store(c + (next << 1), c1, 16)
  v128.store(c + next + (next << 1), d0)
  v128.store(c + next + (next << 1), d1, 16)
}

// @ts-ignore: decorator
@inline
function oneRow(squared: bool, d: i32, x: usize, y: usize, c: usize): void {
  let a0 = f64x2.splat(0), a1 = a0
  for (let t = 0; t < d; t++, x += 8, y += 32) {
    const p = v128.load64_splat(x)
    a0 = term(squared, p, v128.load(y), a0)
    a1 = term(squared, p, v128.load(y, 16), a1)
  }
  v128.store(c, a0)
  v128.store(c, a1, 16)
}

/** x = e^{−alpha·x} for alpha > 0 and x >= 0; 0 where alpha·x > 708. */
export function expNegative(n: i32, alpha: f64, x: usize): void {
  const factor = f64x2.splat(-alpha)
  for (; n >= 4; n -= 4, x += 32) {
    const a = exponential(f64x2.mul(factor, v128.load(x)))
    const b = exponential(f64x2.mul(factor, v128.load(x, 16)))
    v128.store(x, a)
    v128.store(x, b, 16)
  }
  for (; n > 0; n--, x += 8) {
    store<f64>(x, f64x2.extract_lane(exponential(f64x2.mul(factor, v128.load64_splat(x))), 0))
  }
}

/**
 * e^v for v <= 0: v = k·ln 2 + r with |r| <= ln(2)/2, the series of e^r up to r¹³/13!, whose rest is below
 * 5·10⁻¹⁸, and k added to the exponent. 1.5·2⁵² + k has k in its last bits.
 */
// @ts-ignore: decorator
@inline
function exponential(v: v128): v128 {
  const magic = f64x2.splat(6755399441055744)
  const t = f64x2.add(f64x2.mul(v, f64x2.splat(1.4426950408889634)), magic)
  const k = f64x2.sub(t, magic)
  // ln 2 in two parts: k times the first is exact.
  let r = f64x2.sub(v, f64x2.mul(k, f64x2.splat(6.93147180369123816490e-1)))
  r = f64x2.sub(r, f64x2.mul(k, f64x2.splat(1.90821492927058770002e-10)))
  let p = f64x2.splat(1.6059043836821613e-10)
  p = madd<f64>(p, r, f64x2.splat(2.08767569878681e-9))
  p = madd<f64>(p, r, f64x2.splat(2.505210838544172e-8))
  p = madd<f64>(p, r, f64x2.splat(2.755731922398589e-7))
  p = madd<f64>(p, r, f64x2.splat(2.7557319223985893e-6))
  p = madd<f64>(p, r, f64x2.splat(2.48015873015873e-5))
  p = madd<f64>(p, r, f64x2.splat(1.984126984126984e-4))
  p = madd<f64>(p, r, f64x2.splat(1.388888888888889e-3))
  p = madd<f64>(p, r, f64x2.splat(8.333333333333333e-3))
  p = madd<f64>(p, r, f64x2.splat(4.1666666666666664e-2))
  p = madd<f64>(p, r, f64x2.splat(1.6666666666666666e-1))
  p = madd<f64>(p, r, f64x2.splat(0.5))
  p = madd<f64>(f64x2.mul(p, r), r, r)
  p = f64x2.add(p, f64x2.splat(1))
  const e = i64x2.add(p, i64x2.shl(t, 52))
  return v128.and(e, f64x2.ge(v, f64x2.splat(-708)))
}
