import { MR } from './blocks'
import { madd } from './simd'

// The register tile of gemm: MR rows × 2 vectors of C. One k per round; unrolling makes V8 spill. Both
// functions are called from two places, so that they stay functions: V8 replaces hot code only between calls.

/** C = alpha·A·B + beta·C of one tile, A packed: k columns of MR elements, `astep` bytes apart. */
export function tilePacked<T>(
  k: i32, a: usize, astep: usize, b: usize, alpha: T, beta: T, c: usize, crow: usize,
): void {
  let c00 = f64x2.splat(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00
  let c40 = c00, c41 = c00, c50 = c00, c51 = c00
  for (const end = b + (<usize>k << 5); b != end; b += 32) {
    const b0 = v128.load(b)
    const b1 = v128.load(b, 16)
    let x = v128.load_splat<T>(a)
    c00 = madd<T>(x, b0, c00)
    c01 = madd<T>(x, b1, c01)
    x = v128.load_splat<T>(a, sizeof<T>())
    c10 = madd<T>(x, b0, c10)
    c11 = madd<T>(x, b1, c11)
    x = v128.load_splat<T>(a, 2 * sizeof<T>())
    c20 = madd<T>(x, b0, c20)
    c21 = madd<T>(x, b1, c21)
    x = v128.load_splat<T>(a, 3 * sizeof<T>())
    c30 = madd<T>(x, b0, c30)
    c31 = madd<T>(x, b1, c31)
    if (MR > 4) {
      x = v128.load_splat<T>(a, 4 * sizeof<T>())
      c40 = madd<T>(x, b0, c40)
      c41 = madd<T>(x, b1, c41)
      x = v128.load_splat<T>(a, 5 * sizeof<T>())
      c50 = madd<T>(x, b0, c50)
      c51 = madd<T>(x, b1, c51)
    }
    a += astep
  }
  const scale = v128.splat<T>(alpha)
  const keep = v128.splat<T>(beta)
  const fresh = beta == <T>0
  put<T>(c, c00, c01, scale, keep, fresh)
  put<T>((c += crow), c10, c11, scale, keep, fresh)
  put<T>((c += crow), c20, c21, scale, keep, fresh)
  put<T>((c += crow), c30, c31, scale, keep, fresh)
  if (MR > 4) {
    put<T>((c += crow), c40, c41, scale, keep, fresh)
    put<T>((c += crow), c50, c51, scale, keep, fresh)
  }
}

/** The same with A as it lies: rows of contiguous elements, `arow` bytes apart, of which `rows` <= MR are there. */
export function tileRows<T>(
  k: i32, rows: i32, a: usize, arow: usize, b: usize, alpha: T, beta: T, c: usize, crow: usize,
): void {
  // A row that is not there reads the last one that is, and its result goes unused.
  const a0 = a
  const a1 = rows > 1 ? a0 + arow : a0
  const a2 = rows > 2 ? a1 + arow : a1
  const a3 = rows > 3 ? a2 + arow : a2
  const a4 = rows > 4 ? a3 + arow : a3
  const a5 = rows > 5 ? a4 + arow : a4
  let c00 = f64x2.splat(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00
  let c40 = c00, c41 = c00, c50 = c00, c51 = c00
  const end = <usize>k * sizeof<T>()
  for (let p: usize = 0; p != end; p += sizeof<T>()) {
    const b0 = v128.load(b)
    const b1 = v128.load(b, 16)
    let x = v128.load_splat<T>(a0 + p)
    c00 = madd<T>(x, b0, c00)
    c01 = madd<T>(x, b1, c01)
    x = v128.load_splat<T>(a1 + p)
    c10 = madd<T>(x, b0, c10)
    c11 = madd<T>(x, b1, c11)
    x = v128.load_splat<T>(a2 + p)
    c20 = madd<T>(x, b0, c20)
    c21 = madd<T>(x, b1, c21)
    x = v128.load_splat<T>(a3 + p)
    c30 = madd<T>(x, b0, c30)
    c31 = madd<T>(x, b1, c31)
    if (MR > 4) {
      x = v128.load_splat<T>(a4 + p)
      c40 = madd<T>(x, b0, c40)
      c41 = madd<T>(x, b1, c41)
      x = v128.load_splat<T>(a5 + p)
      c50 = madd<T>(x, b0, c50)
      c51 = madd<T>(x, b1, c51)
    }
    b += 32
  }
  const scale = v128.splat<T>(alpha)
  const keep = v128.splat<T>(beta)
  const fresh = beta == <T>0
  put<T>(c, c00, c01, scale, keep, fresh)
  put<T>((c += crow), c10, c11, scale, keep, fresh)
  put<T>((c += crow), c20, c21, scale, keep, fresh)
  put<T>((c += crow), c30, c31, scale, keep, fresh)
  if (MR > 4) {
    put<T>((c += crow), c40, c41, scale, keep, fresh)
    put<T>((c += crow), c50, c51, scale, keep, fresh)
  }
}

/** One row of the tile. Where beta is 0, what lies in C is not read: it may be NaN. */
// @ts-ignore: decorator
@inline
function put<T>(c: usize, x: v128, y: v128, scale: v128, keep: v128, fresh: bool): void {
  if (fresh) {
    v128.store(c, v128.mul<T>(scale, x))
    v128.store(c, v128.mul<T>(scale, y), 16)
  } else {
    v128.store(c, madd<T>(scale, x, v128.mul<T>(keep, v128.load(c))))
    v128.store(c, madd<T>(scale, y, v128.mul<T>(keep, v128.load(c, 16))), 16)
  }
}
