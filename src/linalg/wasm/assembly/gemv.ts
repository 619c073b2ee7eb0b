import { madd, sum } from './simd'

// gemm with one column. Bound by memory: A is read once, where it lies.

/** y[i] = alpha·(row i of A)·x + beta·y[i], rows and x contiguous. y has stride `ys` bytes. */
export function rowsTimesVector<T>(
  m: i32, k: i32, alpha: T, a: usize, arow: usize, x: usize, beta: T, y: usize, ys: usize,
): void {
  for (let i = 0; i < m; i += 4, a += arow << 2) rowDots<T>(min(4, m - i), k, alpha, a, arow, x, beta, y + <usize>i * ys, ys)
}

/** Up to four rows at once. */
function rowDots<T>(
  rows: i32, k: i32, alpha: T, a: usize, arow: usize, x: usize, beta: T, y: usize, ys: usize,
): void {
  const a0 = a
  const a1 = rows > 1 ? a0 + arow : a0
  const a2 = rows > 2 ? a1 + arow : a1
  const a3 = rows > 3 ? a2 + arow : a2
  let s0 = f64x2.splat(0), s1 = s0, s2 = s0, s3 = s0
  const lanes = 16 / sizeof<T>()
  const whole = (<usize>k & ~(lanes - 1)) * sizeof<T>()
  let p: usize = 0
  for (; p != whole; p += 16) {
    const v = v128.load(x + p)
    s0 = madd<T>(v, v128.load(a0 + p), s0)
    s1 = madd<T>(v, v128.load(a1 + p), s1)
    s2 = madd<T>(v, v128.load(a2 + p), s2)
    s3 = madd<T>(v, v128.load(a3 + p), s3)
  }
  let t0 = sum<T>(s0), t1 = sum<T>(s1), t2 = sum<T>(s2), t3 = sum<T>(s3)
  for (const end = <usize>k * sizeof<T>(); p != end; p += sizeof<T>()) {
    const v = load<T>(x + p)
    t0 += v * load<T>(a0 + p)
    t1 += v * load<T>(a1 + p)
    t2 += v * load<T>(a2 + p)
    t3 += v * load<T>(a3 + p)
  }
  update<T>(y, alpha * t0, beta)
  if (rows > 1) update<T>(y + ys, alpha * t1, beta)
  if (rows > 2) update<T>(y + 2 * ys, alpha * t2, beta)
  if (rows > 3) update<T>(y + 3 * ys, alpha * t3, beta)
}

// @ts-ignore: decorator
@inline
function update<T>(y: usize, value: T, beta: T): void {
  store<T>(y, beta == <T>0 ? value : value + beta * load<T>(y))
}

/** Rows of y that stay in the first-level cache while the columns of A pass by. */
// @ts-ignore: decorator
@inline
const CHUNK: i32 = 1024

/** y += alpha·A·x, columns of A and y contiguous; x has stride `xs` bytes. */
export function columnsTimesVector<T>(
  m: i32, k: i32, alpha: T, a: usize, acol: usize, x: usize, xs: usize, y: usize,
): void {
  for (let i = 0; i < m; i += CHUNK) {
    const rows = min(CHUNK, m - i)
    const ai = a + <usize>i * sizeof<T>()
    const yi = y + <usize>i * sizeof<T>()
    for (let p = 0; p < k; p += 4) {
      addColumns<T>(rows, min(4, k - p), alpha, ai + <usize>p * acol, acol, x + <usize>p * xs, xs, yi)
    }
  }
}

/** Up to four columns at once. */
function addColumns<T>(
  m: i32, columns: i32, alpha: T, a: usize, acol: usize, x: usize, xs: usize, y: usize,
): void {
  // A column that is not there reads column 0 and counts 0 times.
  const a1 = columns > 1 ? a + acol : a
  const a2 = columns > 2 ? a1 + acol : a
  const a3 = columns > 3 ? a2 + acol : a
  const x0 = alpha * load<T>(x)
  const x1 = columns > 1 ? alpha * load<T>(x + xs) : <T>0
  const x2 = columns > 2 ? alpha * load<T>(x + 2 * xs) : <T>0
  const x3 = columns > 3 ? alpha * load<T>(x + 3 * xs) : <T>0
  const v0 = v128.splat<T>(x0)
  const v1 = v128.splat<T>(x1)
  const v2 = v128.splat<T>(x2)
  const v3 = v128.splat<T>(x3)
  const lanes = 16 / sizeof<T>()
  const whole = (<usize>m & ~(lanes - 1)) * sizeof<T>()
  let i: usize = 0
  for (; i != whole; i += 16) {
    const low = madd<T>(v0, v128.load(a + i), v128.load(y + i))
    const high = madd<T>(v3, v128.load(a3 + i), v128.mul<T>(v2, v128.load(a2 + i)))
    v128.store(y + i, v128.add<T>(madd<T>(v1, v128.load(a1 + i), low), high))
  }
  for (const end = <usize>m * sizeof<T>(); i != end; i += sizeof<T>()) {
    store<T>(
      y + i,
      load<T>(y + i) + x0 * load<T>(a + i) + x1 * load<T>(a1 + i) + (x2 * load<T>(a2 + i) + x3 * load<T>(a3 + i)),
    )
  }
}
