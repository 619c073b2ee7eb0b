import { madd } from './simd'

// Francis' double-shift step, taken apart: the bulge is chased through a small diagonal window, and the chain
// of reflectors that this took is applied to the rest afterwards. A chain keeps its two open lines in
// registers, so that each number of the rest is read and written once per chain.

/** Reflector I − t·(1, v2, v3)ᵀ·(1, v2, v3): what lies at `refl` for each step. */
const STEP: usize = 24

let beta: f64 = 0
let t1: f64 = 0
let v2: f64 = 0
let v3: f64 = 0

/** The reflector that makes (a, b, c) into (beta, 0, 0). */
function reflector(a: f64, b: f64, c: f64): void {
  const size = max<f64>(abs(a), max<f64>(abs(b), abs(c)))
  if (max<f64>(abs(b), abs(c)) == 0) {
    beta = a
    t1 = v2 = v3 = 0
    return
  }
  const x = a / size
  const y = b / size
  const z = c / size
  const length = sqrt(x * x + y * y + z * z)
  const signed = x < 0 ? length : -length
  t1 = (signed - x) / signed
  v2 = y / (x - signed)
  v3 = z / (x - signed)
  beta = signed * size
}

export function chase(
  h: usize, ldh: usize, start: i32, k0: i32, k1: i32, last: i32, v: usize, refl: usize,
): void {
  const column = ldh << 3
  const end = min(k1 + 2, last + 1)
  for (let k = k0; k < k1; k++, refl += STEP) {
    const three = k < last - 1
    const below = h + <usize>k * 8 + <usize>(k - 1) * column
    if (k == start) {
      reflector(load<f64>(v), load<f64>(v, 8), three ? load<f64>(v, 16) : 0)
    } else {
      reflector(load<f64>(below), load<f64>(below, 8), three ? load<f64>(below, 16) : 0)
      store<f64>(below, beta)
      store<f64>(below, 0, 8)
      if (three) store<f64>(below, 0, 16)
    }
    store<f64>(refl, t1)
    store<f64>(refl, v2, 8)
    store<f64>(refl, v3, 16)
    const t2 = t1 * v2
    const t3 = t1 * v3
    // Columns k … end of rows k, k + 1, k + 2.
    let x = h + <usize>k * 8 + <usize>k * column
    for (let j = k; j < end; j++, x += column) {
      const a = load<f64>(x)
      const b = load<f64>(x, 8)
      if (three) {
        const c = load<f64>(x, 16)
        const s = a + v2 * b + v3 * c
        store<f64>(x, c - t3 * s, 16)
        store<f64>(x, a - t1 * s)
        store<f64>(x, b - t2 * s, 8)
      } else {
        const s = a + v2 * b
        store<f64>(x, a - t1 * s)
        store<f64>(x, b - t2 * s, 8)
      }
    }
    // Rows k0 … k + 3 of columns k, k + 1, k + 2.
    x = h + <usize>k0 * 8 + <usize>k * column
    const rows = min(k + 3, last) - k0
    for (let i = 0; i <= rows; i++, x += 8) {
      const a = load<f64>(x)
      const b = load<f64>(x + column)
      if (three) {
        const c = load<f64>(x + 2 * column)
        const s = a + v2 * b + v3 * c
        store<f64>(x + 2 * column, c - t3 * s)
        store<f64>(x, a - t1 * s)
        store<f64>(x + column, b - t2 * s)
      } else {
        const s = a + v2 * b
        store<f64>(x, a - t1 * s)
        store<f64>(x + column, b - t2 * s)
      }
    }
  }
}

export function reflectRight(steps: i32, tail: i32, refl: usize, m: i32, x: usize, ldx: usize): void {
  const column = ldx << 3
  for (; m >= 4; m -= 4, x += 32) {
    let r = refl
    let p = x
    let a0 = v128.load(p)
    let a1 = v128.load(p, 16)
    let b0 = v128.load(p + column)
    let b1 = v128.load(p + column, 16)
    for (let k = 0; k < steps; k++, r += STEP) {
      const q = p + 2 * column
      const c0 = v128.load(q)
      const c1 = v128.load(q, 16)
      const t = v128.load64_splat(r)
      const v = v128.load64_splat(r, 8)
      const w = v128.load64_splat(r, 16)
      const s0 = f64x2.mul(t, madd<f64>(w, c0, madd<f64>(v, b0, a0)))
      const s1 = f64x2.mul(t, madd<f64>(w, c1, madd<f64>(v, b1, a1)))
      v128.store(p, f64x2.sub(a0, s0))
      v128.store(p, f64x2.sub(a1, s1), 16)
      a0 = f64x2.sub(b0, f64x2.mul(v, s0))
      a1 = f64x2.sub(b1, f64x2.mul(v, s1))
      b0 = f64x2.sub(c0, f64x2.mul(w, s0))
      b1 = f64x2.sub(c1, f64x2.mul(w, s1))
      p += column
    }
    if (tail) {
      const t = v128.load64_splat(r)
      const v = v128.load64_splat(r, 8)
      const s0 = f64x2.mul(t, madd<f64>(v, b0, a0))
      const s1 = f64x2.mul(t, madd<f64>(v, b1, a1))
      a0 = f64x2.sub(a0, s0)
      a1 = f64x2.sub(a1, s1)
      b0 = f64x2.sub(b0, f64x2.mul(v, s0))
      b1 = f64x2.sub(b1, f64x2.mul(v, s1))
    }
    v128.store(p, a0)
    v128.store(p, a1, 16)
    v128.store(p + column, b0)
    v128.store(p + column, b1, 16)
  }
  for (; m > 0; m--, x += 8) reflectLine(steps, tail, refl, x, column)
}

export function reflectLeft(steps: i32, tail: i32, refl: usize, n: i32, x: usize, ldx: usize): void {
  const column = ldx << 3
  for (; n >= 4; n -= 4, x += 4 * column) {
    let r = refl
    let p = x
    let a0 = pair(p, column)
    let a1 = pair(p + 2 * column, column)
    let b0 = pair(p + 8, column)
    let b1 = pair(p + 2 * column + 8, column)
    for (let k = 0; k < steps; k++, r += STEP) {
      const c0 = pair(p + 16, column)
      const c1 = pair(p + 2 * column + 16, column)
      const t = v128.load64_splat(r)
      const v = v128.load64_splat(r, 8)
      const w = v128.load64_splat(r, 16)
      const s0 = f64x2.mul(t, madd<f64>(w, c0, madd<f64>(v, b0, a0)))
      const s1 = f64x2.mul(t, madd<f64>(w, c1, madd<f64>(v, b1, a1)))
      unpair(p, column, f64x2.sub(a0, s0))
      unpair(p + 2 * column, column, f64x2.sub(a1, s1))
      a0 = f64x2.sub(b0, f64x2.mul(v, s0))
      a1 = f64x2.sub(b1, f64x2.mul(v, s1))
      b0 = f64x2.sub(c0, f64x2.mul(w, s0))
      b1 = f64x2.sub(c1, f64x2.mul(w, s1))
      p += 8
    }
    if (tail) {
      const t = v128.load64_splat(r)
      const v = v128.load64_splat(r, 8)
      const s0 = f64x2.mul(t, madd<f64>(v, b0, a0))
      const s1 = f64x2.mul(t, madd<f64>(v, b1, a1))
      a0 = f64x2.sub(a0, s0)
      a1 = f64x2.sub(a1, s1)
      b0 = f64x2.sub(b0, f64x2.mul(v, s0))
      b1 = f64x2.sub(b1, f64x2.mul(v, s1))
    }
    unpair(p, column, a0)
    unpair(p + 2 * column, column, a1)
    unpair(p + 8, column, b0)
    unpair(p + 2 * column + 8, column, b1)
  }
  for (; n > 0; n--, x += column) reflectLine(steps, tail, refl, x, 8)
}

/** The entries of two columns in one row. */
// @ts-ignore: decorator
@inline
function pair(p: usize, column: usize): v128 {
  return v128.load_lane<f64>(p + column, v128.load64_zero(p), 1)
}

// @ts-ignore: decorator
@inline
function unpair(p: usize, column: usize, x: v128): void {
  v128.store_lane<f64>(p, x, 0)
  v128.store_lane<f64>(p + column, x, 1)
}

/** The chain on one line of numbers, `stride` bytes apart. */
function reflectLine(steps: i32, tail: i32, refl: usize, p: usize, stride: usize): void {
  let a = load<f64>(p)
  let b = load<f64>(p + stride)
  for (let k = 0; k < steps; k++, refl += STEP, p += stride) {
    const c = load<f64>(p + 2 * stride)
    const v = load<f64>(refl, 8)
    const w = load<f64>(refl, 16)
    const s = load<f64>(refl) * (a + v * b + w * c)
    store<f64>(p, a - s)
    a = b - v * s
    b = c - w * s
  }
  if (tail) {
    const v = load<f64>(refl, 8)
    const s = load<f64>(refl) * (a + v * b)
    a -= s
    b -= v * s
  }
  store<f64>(p, a)
  store<f64>(p + stride, b)
}
