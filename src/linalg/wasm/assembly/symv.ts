import { madd, sum } from './simd'

// y = A·x for a symmetric A of which the lower triangle is read, once: each entry below the diagonal counts
// for its row and for its column.

export function symv(n: i32, a: usize, lda: usize, x: usize, y: usize): void {
  const column = lda << 3
  for (let i: usize = 0; i != (<usize>n) << 3; i += 8) store<f64>(y + i, 0)
  let rest = n
  for (; rest >= 4; rest -= 4) {
    corner(a, column, x, y)
    below(rest - 4, a + 32, column, x, y)
    a += (column << 2) + 32
    x += 32
    y += 32
  }
  for (; rest > 0; rest--) {
    let s = load<f64>(a) * load<f64>(x)
    for (let i: usize = 8; i != (<usize>rest) << 3; i += 8) {
      s += load<f64>(a + i) * load<f64>(x + i)
      store<f64>(y + i, load<f64>(y + i) + load<f64>(a + i) * load<f64>(x))
    }
    store<f64>(y, load<f64>(y) + s)
    a += column + 8
    x += 8
    y += 8
  }
}

/** The 4 × 4 block on the diagonal. */
function corner(a: usize, column: usize, x: usize, y: usize): void {
  const b = a + column
  const c = b + column
  const d = c + column
  const x0 = load<f64>(x)
  const x1 = load<f64>(x, 8)
  const x2 = load<f64>(x, 16)
  const x3 = load<f64>(x, 24)
  const a1 = load<f64>(a, 8)
  const a2 = load<f64>(a, 16)
  const a3 = load<f64>(a, 24)
  const b2 = load<f64>(b, 16)
  const b3 = load<f64>(b, 24)
  const c3 = load<f64>(c, 24)
  store<f64>(y, load<f64>(y) + (load<f64>(a) * x0 + a1 * x1 + (a2 * x2 + a3 * x3)))
  store<f64>(y, load<f64>(y, 8) + (a1 * x0 + load<f64>(b, 8) * x1 + (b2 * x2 + b3 * x3)), 8)
  store<f64>(y, load<f64>(y, 16) + (a2 * x0 + b2 * x1 + (load<f64>(c, 16) * x2 + c3 * x3)), 16)
  store<f64>(y, load<f64>(y, 24) + (a3 * x0 + b3 * x1 + (c3 * x2 + load<f64>(d, 24) * x3)), 24)
}

/** The n rows below it: `a` points there, `x` and `y` to the block. */
function below(n: i32, a: usize, column: usize, x: usize, y: usize): void {
  const b = a + column
  const c = b + column
  const d = c + column
  const x0 = v128.load64_splat(x)
  const x1 = v128.load64_splat(x, 8)
  const x2 = v128.load64_splat(x, 16)
  const x3 = v128.load64_splat(x, 24)
  let s0 = f64x2.splat(0),
    s1 = s0,
    s2 = s0,
    s3 = s0
  const u = x + 32
  const w = y + 32
  const even = (<usize>(n & ~1)) << 3
  let i: usize = 0
  for (; i != even; i += 16) {
    const xi = v128.load(u + i)
    const ai = v128.load(a + i)
    const bi = v128.load(b + i)
    const ci = v128.load(c + i)
    const di = v128.load(d + i)
    s0 = madd<f64>(ai, xi, s0)
    s1 = madd<f64>(bi, xi, s1)
    s2 = madd<f64>(ci, xi, s2)
    s3 = madd<f64>(di, xi, s3)
    const low = madd<f64>(bi, x1, madd<f64>(ai, x0, v128.load(w + i)))
    v128.store(w + i, f64x2.add(low, madd<f64>(di, x3, f64x2.mul(ci, x2))))
  }
  let t0 = sum<f64>(s0),
    t1 = sum<f64>(s1),
    t2 = sum<f64>(s2),
    t3 = sum<f64>(s3)
  if (n & 1) {
    const xi = load<f64>(u + i)
    const ai = load<f64>(a + i)
    const bi = load<f64>(b + i)
    const ci = load<f64>(c + i)
    const di = load<f64>(d + i)
    t0 += ai * xi
    t1 += bi * xi
    t2 += ci * xi
    t3 += di * xi
    const low = ai * load<f64>(x) + bi * load<f64>(x, 8)
    store<f64>(w + i, load<f64>(w + i) + low + (ci * load<f64>(x, 16) + di * load<f64>(x, 24)))
  }
  store<f64>(y, load<f64>(y) + t0)
  store<f64>(y, load<f64>(y, 8) + t1, 8)
  store<f64>(y, load<f64>(y, 16) + t2, 16)
  store<f64>(y, load<f64>(y, 24) + t3, 24)
}
