// Walsh–Hadamard transforms in natural order, in place and without the factor 1/√n.

/** All levels of n points that lie together; n is a power of two. */
export function fwhtBlock(n: i32, x: usize): void {
  if (n < 8) {
    for (let h = 1; h < n; h <<= 1) {
      for (let i = 0; i < n; i += 2 * h) {
        for (let j = i; j < i + h; j++) {
          const at = x + (<usize>j << 3)
          const a = load<f64>(at), b = load<f64>(at + (<usize>h << 3))
          store<f64>(at, a + b)
          store<f64>(at + (<usize>h << 3), a - b)
        }
      }
    }
    return
  }
  const end = x + (<usize>n << 3)
  for (let at = x; at < end; at += 64) eight(at)
  let h = 8
  for (; 8 * h <= n; h <<= 3) for (let i = 0; i < n; i += 8 * h) fwhtLevels(3, h, h, x + (<usize>i << 3))
  const left = n / h
  if (left == 4) fwhtLevels(2, h, h, x)
  else if (left == 2) fwhtLevels(1, h, h, x)
}

/** The three levels of eight neighbours. */
// @ts-ignore: decorator
@inline
function eight(x: usize): void {
  const a = pair(v128.load(x)), b = pair(v128.load(x, 16))
  const c = pair(v128.load(x, 32)), d = pair(v128.load(x, 48))
  const e = f64x2.add(a, b), f = f64x2.sub(a, b), g = f64x2.add(c, d), h = f64x2.sub(c, d)
  v128.store(x, f64x2.add(e, g))
  v128.store(x, f64x2.add(f, h), 16)
  v128.store(x, f64x2.sub(e, g), 32)
  v128.store(x, f64x2.sub(f, h), 48)
}

/** (a + b, a − b) of (a, b). */
// @ts-ignore: decorator
@inline
function pair(x: v128): v128 {
  const a = i64x2.shuffle(x, x, 0, 2)
  const b = i64x2.shuffle(x, x, 1, 3)
  return f64x2.add(a, v128.xor(b, i64x2(0, 0x8000000000000000)))
}

/** `levels` levels (1 to 3) of `count` neighbours at once, over points h apart; count is even. */
export function fwhtLevels(levels: i32, count: i32, h: i32, x: usize): void {
  const s = <usize>h << 3
  const end = x + (<usize>count << 3)
  if (levels == 1) {
    for (; x < end; x += 16) {
      const a = v128.load(x), b = v128.load(x + s)
      v128.store(x, f64x2.add(a, b))
      v128.store(x + s, f64x2.sub(a, b))
    }
  } else if (levels == 2) {
    for (; x < end; x += 16) {
      const a = v128.load(x), b = v128.load(x + s), c = v128.load(x + 2 * s), d = v128.load(x + 3 * s)
      const e = f64x2.add(a, b), f = f64x2.sub(a, b), g = f64x2.add(c, d), k = f64x2.sub(c, d)
      v128.store(x, f64x2.add(e, g))
      v128.store(x + s, f64x2.add(f, k))
      v128.store(x + 2 * s, f64x2.sub(e, g))
      v128.store(x + 3 * s, f64x2.sub(f, k))
    }
  } else {
    for (; x < end; x += 16) {
      const a0 = v128.load(x), a1 = v128.load(x + s), a2 = v128.load(x + 2 * s), a3 = v128.load(x + 3 * s)
      const a4 = v128.load(x + 4 * s), a5 = v128.load(x + 5 * s), a6 = v128.load(x + 6 * s), a7 = v128.load(x + 7 * s)
      const b0 = f64x2.add(a0, a1), b1 = f64x2.sub(a0, a1), b2 = f64x2.add(a2, a3), b3 = f64x2.sub(a2, a3)
      const b4 = f64x2.add(a4, a5), b5 = f64x2.sub(a4, a5), b6 = f64x2.add(a6, a7), b7 = f64x2.sub(a6, a7)
      const c0 = f64x2.add(b0, b2), c1 = f64x2.add(b1, b3), c2 = f64x2.sub(b0, b2), c3 = f64x2.sub(b1, b3)
      const c4 = f64x2.add(b4, b6), c5 = f64x2.add(b5, b7), c6 = f64x2.sub(b4, b6), c7 = f64x2.sub(b5, b7)
      v128.store(x, f64x2.add(c0, c4))
      v128.store(x + s, f64x2.add(c1, c5))
      v128.store(x + 2 * s, f64x2.add(c2, c6))
      v128.store(x + 3 * s, f64x2.add(c3, c7))
      v128.store(x + 4 * s, f64x2.sub(c0, c4))
      v128.store(x + 5 * s, f64x2.sub(c1, c5))
      v128.store(x + 6 * s, f64x2.sub(c2, c6))
      v128.store(x + 7 * s, f64x2.sub(c3, c7))
    }
  }
}
