/**
 * Columns of A that are moved together: one cache line, so that each line of A is read once, and no more rows
 * of B are written at a time than a set of the first-level cache has ways (rows of B a power of two apart all
 * fall into one set).
 */
// @ts-ignore: decorator
@inline
const STRIP: i32 = 8

/** B[j·ldb + i] = A[i·lda + j] for the m × n matrix A. */
export function transpose(m: i32, n: i32, a: usize, lda: usize, b: usize, ldb: usize): void {
  for (let j = 0; j < n; j += STRIP, a += STRIP << 3, b += ldb * (STRIP << 3)) {
    strip(m, min(STRIP, n - j), a, lda << 3, b, ldb << 3)
  }
}

function strip(m: i32, n: i32, a: usize, arow: usize, b: usize, brow: usize): void {
  let i = 0
  for (; i + 2 <= m; i += 2) {
    const a0 = a + <usize>i * arow
    const a1 = a0 + arow
    let to = b + (<usize>i << 3)
    const pairs = <usize>(n & ~1) << 3
    for (let j: usize = 0; j != pairs; j += 16) {
      const x = v128.load(a0 + j)
      const y = v128.load(a1 + j)
      v128.store(to, i64x2.shuffle(x, y, 0, 2))
      v128.store(to + brow, i64x2.shuffle(x, y, 1, 3))
      to += brow + brow
    }
    if (n & 1) {
      store<f64>(to, load<f64>(a0 + pairs))
      store<f64>(to, load<f64>(a1 + pairs), 8)
    }
  }
  if (i < m) {
    const a0 = a + <usize>i * arow
    for (let j = 0; j < n; j++) store<f64>(b + <usize>j * brow + (<usize>i << 3), load<f64>(a0 + (<usize>j << 3)))
  }
}
