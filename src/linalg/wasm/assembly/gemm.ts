import { KC, MC, MR, NARROW, NC, NR } from './blocks'
import { columnsTimesVector, rowsTimesVector } from './gemv'
import { packedA, packedB, tileArea } from './memory'
import { pack } from './pack'
import { tilePacked, tileRows } from './tile'

// C = alpha·A·B + beta·C after Goto and van de Geijn, "Anatomy of high-performance matrix multiplication"
// (2008), in the order of loops of BLIS: blocks of B stay in the last-level cache, blocks of A in the second,
// a panel of B in the first, a tile of C in registers.

export function gemm(
  m: i32, n: i32, k: i32, alpha: f64, a: usize, ars: usize, acs: usize, b: usize, brs: usize, bcs: usize,
  beta: f64, c: usize, crs: usize, ccs: usize,
): void {
  multiply<f64>(m, n, k, alpha, a, ars, acs, b, brs, bcs, beta, c, crs, ccs)
}

export function gemm32(
  m: i32, n: i32, k: i32, alpha: f32, a: usize, ars: usize, acs: usize, b: usize, brs: usize, bcs: usize,
  beta: f32, c: usize, crs: usize, ccs: usize,
): void {
  multiply<f32>(m, n, k, alpha, a, ars, acs, b, brs, bcs, beta, c, crs, ccs)
}

function multiply<T>(
  m: i32, n: i32, k: i32, alpha: T, a: usize, ars: usize, acs: usize, b: usize, brs: usize, bcs: usize,
  beta: T, c: usize, crs: usize, ccs: usize,
): void {
  if (m <= 0 || n <= 0) return
  if (k <= 0 || alpha == <T>0) return scale<T>(m, n, beta, c, crs, ccs)
  // Cᵀ = Bᵀ·Aᵀ where that makes one column of one row, or the rows of C contiguous.
  if (n > 1 && (m == 1 || (ccs != 1 && crs == 1))) {
    return multiply<T>(n, m, k, alpha, b, bcs, brs, a, acs, ars, beta, c, ccs, crs)
  }
  if (n == 1 && acs == 1) return vectorByRows<T>(m, k, alpha, a, ars, b, brs, beta, c, crs)
  if (n == 1 && ars == 1 && crs == 1) {
    if (beta != <T>1) scale<T>(m, 1, beta, c, 1, 1)
    return columnsTimesVector<T>(m, k, alpha, a, acs * sizeof<T>(), b, brs * sizeof<T>(), c)
  }
  const narrow = acs == 1 && n <= NARROW
  const kc = evenly(k, KC)
  for (let j = 0; j < n; j += NC) {
    const nj = min(NC, n - j)
    for (let p = 0; p < k; p += kc) {
      const kp = min(kc, k - p)
      const keep = p == 0 ? beta : <T>1
      const cj = at<T>(c, j, ccs)
      pack<T>(NR<T>(), nj, kp, at<T>(at<T>(b, p, brs), j, bcs), bcs, brs, packedB())
      if (narrow) {
        blockRows<T>(m, nj, kp, alpha, at<T>(a, p, acs), ars, keep, cj, crs, ccs)
        continue
      }
      const mc = MC
      for (let i = 0; i < m; i += mc) {
        const mi = min(mc, m - i)
        pack<T>(MR, mi, kp, at<T>(at<T>(a, i, ars), p, acs), ars, acs, packedA())
        blockPacked<T>(mi, nj, kp, alpha, keep, at<T>(cj, i, crs), crs, ccs)
      }
    }
  }
}

/** Element i of a line of stride s. */
// @ts-ignore: decorator
@inline
function at<T>(x: usize, i: i32, s: usize): usize {
  return x + <usize>i * s * sizeof<T>()
}

/** The size of blocks that cut n into equal parts of at most `most`. */
function evenly(n: i32, most: i32): i32 {
  const parts = (n + most - 1) / most
  return (n + parts - 1) / parts
}

/** The packed block of A (mi × kp) times the packed block of B (kp × nj). */
function blockPacked<T>(
  mi: i32, nj: i32, kp: i32, alpha: T, beta: T, c: usize, crs: usize, ccs: usize,
): void {
  const crow = crs * sizeof<T>()
  const astep = <usize>MR * sizeof<T>()
  for (let j = 0; j < nj; j += NR<T>()) {
    const b = packedB() + <usize>(j * kp) * sizeof<T>()
    for (let i = 0; i < mi; i += MR) {
      const a = packedA() + <usize>(i * kp) * sizeof<T>()
      const cij = at<T>(at<T>(c, i, crs), j, ccs)
      if (ccs == 1 && i + MR <= mi && j + NR<T>() <= nj) {
        tilePacked<T>(kp, a, astep, b, alpha, beta, cij, crow)
      } else {
        tilePacked<T>(kp, a, astep, b, alpha, <T>0, tileArea(), 32)
        scatter<T>(min(MR, mi - i), min(NR<T>(), nj - j), beta, cij, crs, ccs)
      }
    }
  }
}

/** Rows of A where they lie times the packed block of B. MR rows meet all panels of B before the next come. */
function blockRows<T>(
  m: i32, nj: i32, kp: i32, alpha: T, a: usize, ars: usize, beta: T, c: usize, crs: usize, ccs: usize,
): void {
  const crow = crs * sizeof<T>()
  const arow = ars * sizeof<T>()
  for (let i = 0; i < m; i += MR) {
    const rows = min(MR, m - i)
    for (let j = 0; j < nj; j += NR<T>()) {
      const b = packedB() + <usize>(j * kp) * sizeof<T>()
      const cij = at<T>(at<T>(c, i, crs), j, ccs)
      if (ccs == 1 && rows == MR && j + NR<T>() <= nj) {
        tileRows<T>(kp, MR, a, arow, b, alpha, beta, cij, crow)
      } else {
        tileRows<T>(kp, rows, a, arow, b, alpha, <T>0, tileArea(), 32)
        scatter<T>(rows, min(NR<T>(), nj - j), beta, cij, crs, ccs)
      }
    }
    a += <usize>MR * arow
  }
}

/** C = tile + beta·C for a tile that was computed aside. */
function scatter<T>(rows: i32, columns: i32, beta: T, c: usize, crs: usize, ccs: usize): void {
  for (let i = 0; i < rows; i++) {
    const row = tileArea() + (<usize>i << 5)
    for (let j = 0; j < columns; j++) {
      const value = load<T>(row + <usize>j * sizeof<T>())
      const x = at<T>(at<T>(c, i, crs), j, ccs)
      store<T>(x, beta == <T>0 ? value : value + beta * load<T>(x))
    }
  }
}

/** C = beta·C. */
function scale<T>(m: i32, n: i32, beta: T, c: usize, crs: usize, ccs: usize): void {
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      const x = at<T>(at<T>(c, i, crs), j, ccs)
      store<T>(x, beta == <T>0 ? <T>0 : beta * load<T>(x))
    }
  }
}

/** One column, rows of A contiguous. x is made contiguous in pieces where it is not. */
function vectorByRows<T>(
  m: i32, k: i32, alpha: T, a: usize, ars: usize, x: usize, xs: usize, beta: T, y: usize, ys: usize,
): void {
  const arow = ars * sizeof<T>()
  const ystep = ys * sizeof<T>()
  if (xs == 1) return rowsTimesVector<T>(m, k, alpha, a, arow, x, beta, y, ystep)
  const most = NC * KC
  for (let p = 0; p < k; p += most) {
    const kp = min(most, k - p)
    pack<T>(1, 1, kp, at<T>(x, p, xs), 0, xs, packedB())
    rowsTimesVector<T>(m, kp, alpha, at<T>(a, p, 1), arow, packedB(), p == 0 ? beta : <T>1, y, ystep)
  }
}
