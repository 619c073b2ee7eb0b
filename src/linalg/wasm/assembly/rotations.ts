import { madd } from './simd'

// Sequences of plane rotations of neighbouring columns, as QR iterations make them. A strip of eight rows is
// packed, so that each column is one cache line, and takes all sweeps while it stays in the first-level cache.

/** Rows of a strip. */
// @ts-ignore: decorator
@inline
const STRIP: i32 = 8

export function rotateColumns(
  m: i32, n: i32, a: usize, lda: usize, count: i32, sweeps: usize, work: usize,
): void {
  const column = lda << 3
  for (let i = 0; i < m; i += STRIP, a += 64) {
    const rows = min(STRIP, m - i)
    packStrip(rows, n, a, column, work)
    let next = sweeps
    for (let k = 0; k < count; k++) {
      const first = <i32>load<f64>(next)
      const length = <i32>load<f64>(next, 8)
      const x = work + (<usize>first << 6)
      if (length >= 0) forward(length, x, next + 16)
      else backward(-length, x, next + 16)
      next += 16 + (<usize>abs(length) << 4)
    }
    unpackStrip(rows, n, a, column, work)
  }
}

/** Pairs (x, x + 1), (x + 1, x + 2), …: the second column of each stays in registers. */
function forward(length: i32, x: usize, cs: usize): void {
  let x0 = v128.load(x)
  let x1 = v128.load(x, 16)
  let x2 = v128.load(x, 32)
  let x3 = v128.load(x, 48)
  for (; length > 0; length--, cs += 16, x += 64) {
    const c = v128.load64_splat(cs)
    const s = v128.load64_splat(cs, 8)
    const t = f64x2.neg(s)
    let y = v128.load(x, 64)
    v128.store(x, madd<f64>(c, x0, f64x2.mul(s, y)))
    x0 = madd<f64>(c, y, f64x2.mul(t, x0))
    y = v128.load(x, 80)
    v128.store(x, madd<f64>(c, x1, f64x2.mul(s, y)), 16)
    x1 = madd<f64>(c, y, f64x2.mul(t, x1))
    y = v128.load(x, 96)
    v128.store(x, madd<f64>(c, x2, f64x2.mul(s, y)), 32)
    x2 = madd<f64>(c, y, f64x2.mul(t, x2))
    y = v128.load(x, 112)
    v128.store(x, madd<f64>(c, x3, f64x2.mul(s, y)), 48)
    x3 = madd<f64>(c, y, f64x2.mul(t, x3))
  }
  v128.store(x, x0)
  v128.store(x, x1, 16)
  v128.store(x, x2, 32)
  v128.store(x, x3, 48)
}

/** Pairs (x, x + 1), (x − 1, x), …: the first column of each stays in registers. */
function backward(length: i32, x: usize, cs: usize): void {
  let y0 = v128.load(x, 64)
  let y1 = v128.load(x, 80)
  let y2 = v128.load(x, 96)
  let y3 = v128.load(x, 112)
  for (; length > 0; length--, cs += 16, x -= 64) {
    const c = v128.load64_splat(cs)
    const s = v128.load64_splat(cs, 8)
    const t = f64x2.neg(s)
    let v = v128.load(x)
    v128.store(x, madd<f64>(c, y0, f64x2.mul(t, v)), 64)
    y0 = madd<f64>(c, v, f64x2.mul(s, y0))
    v = v128.load(x, 16)
    v128.store(x, madd<f64>(c, y1, f64x2.mul(t, v)), 80)
    y1 = madd<f64>(c, v, f64x2.mul(s, y1))
    v = v128.load(x, 32)
    v128.store(x, madd<f64>(c, y2, f64x2.mul(t, v)), 96)
    y2 = madd<f64>(c, v, f64x2.mul(s, y2))
    v = v128.load(x, 48)
    v128.store(x, madd<f64>(c, y3, f64x2.mul(t, v)), 112)
    y3 = madd<f64>(c, v, f64x2.mul(s, y3))
  }
  v128.store(x, y0, 64)
  v128.store(x, y1, 80)
  v128.store(x, y2, 96)
  v128.store(x, y3, 112)
}

function packStrip(rows: i32, n: i32, a: usize, column: usize, to: usize): void {
  for (; n > 0; n--, a += column, to += 64) {
    if (rows == STRIP) {
      copyLine(to, a)
    } else {
      clearLine(to)
      for (let i: usize = 0; i != <usize>rows << 3; i += 8) store<f64>(to + i, load<f64>(a + i))
    }
  }
}

function unpackStrip(rows: i32, n: i32, a: usize, column: usize, from: usize): void {
  for (; n > 0; n--, a += column, from += 64) {
    if (rows == STRIP) copyLine(a, from)
    else for (let i: usize = 0; i != <usize>rows << 3; i += 8) store<f64>(a + i, load<f64>(from + i))
  }
}

// @ts-ignore: decorator
@inline
function copyLine(to: usize, from: usize): void {
  v128.store(to, v128.load(from))
  v128.store(to, v128.load(from, 16), 16)
  v128.store(to, v128.load(from, 32), 32)
  v128.store(to, v128.load(from, 48), 48)
}

// @ts-ignore: decorator
@inline
function clearLine(to: usize): void {
  const zero = f64x2.splat(0)
  v128.store(to, zero)
  v128.store(to, zero, 16)
  v128.store(to, zero, 32)
  v128.store(to, zero, 48)
}
