import { columnsTimesVector } from './gemv'
import { madd } from './simd'
import { maxAbs, scal } from './vector'

// The unblocked ends of the elimination family: panels of LU and Cholesky, one step of complete pivoting, and
// substitution with a small triangle. Matrices are column-major unless strides are given.

// @ts-ignore: decorator
@inline
const TINY: f64 = 1e-290

/** x / d. By the reciprocal where that is a normal number. */
function divide(n: i32, x: usize, d: f64): void {
  if (abs(d) > TINY) return scal(n, 1 / d, x)
  for (; n > 0; n--, x += 8) store<f64>(x, load<f64>(x) / d)
}

/** The index of the entry of largest magnitude, the lowest among equals. */
function largest(n: i32, x: usize): i32 {
  const size = maxAbs(n, x)
  for (let i = 0; i < n; i++) if (abs(load<f64>(x + (<usize>i << 3))) == size) return i
  return 0
}

function swapRows(n: i32, x: usize, y: usize, column: usize): void {
  for (; n > 0; n--, x += column, y += column) {
    const value = load<f64>(x)
    store<f64>(x, load<f64>(y))
    store<f64>(y, value)
  }
}

export function luPanel(m: i32, n: i32, a: usize, lda: usize, pivots: usize, pivoting: i32): i32 {
  const column = lda << 3
  for (let j = 0; j < n; j++) {
    const c = a + <usize>j * column
    const p = min(j, m)
    // The rows of U above the diagonal of column j, then all of L·U that lies below them at once.
    for (let k = 0; k < p; k++) {
      const u = load<f64>(c + (<usize>k << 3))
      const l = a + <usize>k * column
      for (let i = k + 1; i < p; i++) {
        const x = c + (<usize>i << 3)
        store<f64>(x, load<f64>(x) - u * load<f64>(l + (<usize>i << 3)))
      }
    }
    if (j >= m) continue
    const x = c + (<usize>j << 3)
    columnsTimesVector<f64>(m - j, j, -1, a + (<usize>j << 3), column, c, 8, x)
    let r = 0
    if (pivoting) {
      r = largest(m - j, x)
      if (r > 0) swapRows(n, a + (<usize>j << 3), a + (<usize>(j + r) << 3), column)
      store<f64>(pivots + (<usize>j << 3), j + r)
    }
    const pivot = load<f64>(x)
    if (pivot != 0) divide(m - j - 1, x + 8, pivot)
    else if (!pivoting && maxAbs(m - j - 1, x + 8) != 0) return j
  }
  return n
}

export function choleskyPanel(m: i32, n: i32, a: usize, lda: usize): i32 {
  const column = lda << 3
  for (let j = 0; j < n; j++) {
    const row = a + (<usize>j << 3)
    const x = row + <usize>j * column
    columnsTimesVector<f64>(m - j, j, -1, row, column, row, column, x)
    const pivot = load<f64>(x)
    if (!(pivot > 0)) return j
    const root = sqrt(pivot)
    store<f64>(x, root)
    divide(m - j - 1, x + 8, root)
  }
  return n
}

export function eliminate(m: i32, n: i32, a: usize, lda: usize): i32 {
  const column = lda << 3
  const pivot = load<f64>(a)
  if (pivot != 0) divide(m - 1, a + 8, pivot)
  let best: f64 = 0
  let where: i32 = 0
  for (let j = 1; j < n; j++) {
    const c = a + <usize>j * column
    const size = subtract(m - 1, load<f64>(c), a + 8, c + 8)
    if (size > best) {
      best = size
      where = j * m + 1 + largest(m - 1, c + 8)
    }
  }
  return where
}

/** y −= alpha·x, and the largest |yᵢ|. */
function subtract(n: i32, alpha: f64, x: usize, y: usize): f64 {
  const v = f64x2.splat(-alpha)
  let s0 = f64x2.splat(0), s1 = s0
  for (; n >= 4; n -= 4, x += 32, y += 32) {
    const a = madd<f64>(v, v128.load(x), v128.load(y))
    const b = madd<f64>(v, v128.load(x, 16), v128.load(y, 16))
    v128.store(y, a)
    v128.store(y, b, 16)
    s0 = f64x2.max(s0, f64x2.abs(a))
    s1 = f64x2.max(s1, f64x2.abs(b))
  }
  s0 = f64x2.max(s0, s1)
  let size = max<f64>(f64x2.extract_lane(s0, 0), f64x2.extract_lane(s0, 1))
  for (; n > 0; n--, x += 8, y += 8) {
    const a = load<f64>(y) - alpha * load<f64>(x)
    store<f64>(y, a)
    size = max<f64>(size, abs(a))
  }
  return size
}

export function solveRows(
  n: i32, r: i32, t: usize, trs: usize, tcs: usize, upper: i32, unit: i32, x: usize, ldx: usize,
): void {
  // An upper triangle is a lower one read from its last row and column.
  const last = <usize>(n - 1)
  let rs = trs << 3, cs = tcs << 3, row = ldx << 3
  if (n > 0 && upper) {
    t += last * (rs + cs)
    x += last * row
    rs = 0 - rs
    cs = 0 - cs
    row = 0 - row
  }
  for (; r >= 8; r -= 8, x += 64) solveEight(n, t, rs, cs, unit, x, row)
  for (; r >= 2; r -= 2, x += 16) solveTwo(n, t, rs, cs, unit, x, row)
  if (r > 0) solveOne(n, t, rs, cs, unit, x, row)
}

function solveEight(n: i32, t: usize, rs: usize, cs: usize, unit: i32, x: usize, row: usize): void {
  for (let i = 0; i < n; i++) {
    const to = x + <usize>i * row
    let s0 = v128.load(to), s1 = v128.load(to, 16), s2 = v128.load(to, 32), s3 = v128.load(to, 48)
    let tik = t + <usize>i * rs
    let from = x
    for (let k = 0; k < i; k++, tik += cs, from += row) {
      const v = f64x2.neg(v128.load_splat<f64>(tik))
      s0 = madd<f64>(v, v128.load(from), s0)
      s1 = madd<f64>(v, v128.load(from, 16), s1)
      s2 = madd<f64>(v, v128.load(from, 32), s2)
      s3 = madd<f64>(v, v128.load(from, 48), s3)
    }
    if (!unit) {
      const d = v128.load_splat<f64>(tik)
      s0 = f64x2.div(s0, d)
      s1 = f64x2.div(s1, d)
      s2 = f64x2.div(s2, d)
      s3 = f64x2.div(s3, d)
    }
    v128.store(to, s0)
    v128.store(to, s1, 16)
    v128.store(to, s2, 32)
    v128.store(to, s3, 48)
  }
}

function solveTwo(n: i32, t: usize, rs: usize, cs: usize, unit: i32, x: usize, row: usize): void {
  for (let i = 0; i < n; i++) {
    const to = x + <usize>i * row
    let s = v128.load(to)
    let tik = t + <usize>i * rs
    let from = x
    for (let k = 0; k < i; k++, tik += cs, from += row) {
      s = madd<f64>(f64x2.neg(v128.load_splat<f64>(tik)), v128.load(from), s)
    }
    if (!unit) s = f64x2.div(s, v128.load_splat<f64>(tik))
    v128.store(to, s)
  }
}

function solveOne(n: i32, t: usize, rs: usize, cs: usize, unit: i32, x: usize, row: usize): void {
  for (let i = 0; i < n; i++) {
    const to = x + <usize>i * row
    let s = load<f64>(to)
    let tik = t + <usize>i * rs
    let from = x
    for (let k = 0; k < i; k++, tik += cs, from += row) s -= load<f64>(tik) * load<f64>(from)
    store<f64>(to, unit ? s : s / load<f64>(tik))
  }
}
