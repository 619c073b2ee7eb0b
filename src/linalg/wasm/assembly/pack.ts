// Packing for gemm: a block becomes panels of `width` lines, and a panel lies k after k, `width` elements
// each, in the order in which the register tile reads it. Lines are rows of A or columns of B.

/**
 * Packs `lines` × k elements, line stride `ls` and k stride `ks` in elements, into `to`. The last panel is
 * filled up with zeros.
 */
export function pack<T>(width: i32, lines: i32, k: i32, from: usize, ls: usize, ks: usize, to: usize): void {
  const lstep = ls * sizeof<T>()
  const kstep = ks * sizeof<T>()
  const panel = <usize>(width * k) * sizeof<T>()
  for (; lines > 0; lines -= width) {
    if (lines < width) packEdge<T>(width, lines, k, from, lstep, kstep, to)
    else if (ls == 1) packContiguous<T>(width, k, from, kstep, to)
    else if (ks == 1) packLines<T>(width, k, from, lstep, to)
    else packEdge<T>(width, width, k, from, lstep, kstep, to)
    from += <usize>width * lstep
    to += panel
  }
}

/** Lines side by side in memory: each k is a short copy. */
function packContiguous<T>(width: i32, k: i32, from: usize, kstep: usize, to: usize): void {
  const bytes = <usize>width * sizeof<T>()
  if (bytes == 32) {
    for (; k > 0; k--, from += kstep, to += 32) {
      v128.store(to, v128.load(from))
      v128.store(to, v128.load(from, 16), 16)
    }
  } else if (bytes == 48) {
    for (; k > 0; k--, from += kstep, to += 48) {
      v128.store(to, v128.load(from))
      v128.store(to, v128.load(from, 16), 16)
      v128.store(to, v128.load(from, 32), 32)
    }
  } else if (bytes == 24) {
    for (; k > 0; k--, from += kstep, to += 24) {
      v128.store(to, v128.load(from))
      store<i64>(to, load<i64>(from, 16), 16)
    }
  } else {
    for (; k > 0; k--, from += kstep, to += bytes) v128.store(to, v128.load(from))
  }
}

/** Lines contiguous along k: transposed in registers. */
function packLines<T>(width: i32, k: i32, from: usize, lstep: usize, to: usize): void {
  if (sizeof<T>() == 8) {
    let r = 0
    for (; r + 4 <= width; r += 4) packQuad(width, k, from + <usize>r * lstep, lstep, to + (<usize>r << 3))
    if (r < width) packPair(width, k, from + <usize>r * lstep, lstep, to + (<usize>r << 3))
  } else {
    let r = 0
    for (; r + 4 <= width; r += 4) packFour(width, k, from + <usize>r * lstep, lstep, to + (<usize>r << 2))
    if (r < width) packEdgeLines<T>(width, width - r, k, from + <usize>r * lstep, lstep, sizeof<T>(), to + (<usize>r << 2))
  }
}

/** Two float64 lines. */
function packPair(width: i32, k: i32, a: usize, lstep: usize, to: usize): void {
  const kstep = <usize>width << 3
  const b = a + lstep
  const even = <usize>(k & ~1) << 3
  for (let p: usize = 0; p != even; p += 16) {
    const x = v128.load(a + p)
    const y = v128.load(b + p)
    v128.store(to, i64x2.shuffle(x, y, 0, 2))
    v128.store(to + kstep, i64x2.shuffle(x, y, 1, 3))
    to += kstep + kstep
  }
  if (k & 1) {
    store<f64>(to, load<f64>(a + even))
    store<f64>(to, load<f64>(b + even), 8)
  }
}

/** Four float64 lines. */
function packQuad(width: i32, k: i32, a: usize, lstep: usize, to: usize): void {
  const kstep = <usize>width << 3
  const b = a + lstep
  const c = b + lstep
  const d = c + lstep
  const even = <usize>(k & ~1) << 3
  for (let p: usize = 0; p != even; p += 16) {
    const x = v128.load(a + p)
    const y = v128.load(b + p)
    const z = v128.load(c + p)
    const w = v128.load(d + p)
    v128.store(to, i64x2.shuffle(x, y, 0, 2))
    v128.store(to, i64x2.shuffle(z, w, 0, 2), 16)
    to += kstep
    v128.store(to, i64x2.shuffle(x, y, 1, 3))
    v128.store(to, i64x2.shuffle(z, w, 1, 3), 16)
    to += kstep
  }
  if (k & 1) {
    store<f64>(to, load<f64>(a + even))
    store<f64>(to, load<f64>(b + even), 8)
    store<f64>(to, load<f64>(c + even), 16)
    store<f64>(to, load<f64>(d + even), 24)
  }
}

/** Four float32 lines. */
function packFour(width: i32, k: i32, a: usize, lstep: usize, to: usize): void {
  const kstep = <usize>width << 2
  const b = a + lstep
  const c = b + lstep
  const d = c + lstep
  const whole = <usize>(k & ~3) << 2
  for (let p: usize = 0; p != whole; p += 16) {
    const x = v128.load(a + p)
    const y = v128.load(b + p)
    const z = v128.load(c + p)
    const w = v128.load(d + p)
    const xyl = i32x4.shuffle(x, y, 0, 4, 1, 5)
    const xyh = i32x4.shuffle(x, y, 2, 6, 3, 7)
    const zwl = i32x4.shuffle(z, w, 0, 4, 1, 5)
    const zwh = i32x4.shuffle(z, w, 2, 6, 3, 7)
    v128.store(to, i64x2.shuffle(xyl, zwl, 0, 2))
    v128.store((to += kstep), i64x2.shuffle(xyl, zwl, 1, 3))
    v128.store((to += kstep), i64x2.shuffle(xyh, zwh, 0, 2))
    v128.store((to += kstep), i64x2.shuffle(xyh, zwh, 1, 3))
    to += kstep
  }
  for (let p = whole; p != <usize>k << 2; p += 4) {
    store<f32>(to, load<f32>(a + p))
    store<f32>(to, load<f32>(b + p), 4)
    store<f32>(to, load<f32>(c + p), 8)
    store<f32>(to, load<f32>(d + p), 12)
    to += kstep
  }
}

/** Any strides, and panels that are not full. */
function packEdge<T>(width: i32, lines: i32, k: i32, from: usize, lstep: usize, kstep: usize, to: usize): void {
  packEdgeLines<T>(width, lines, k, from, lstep, kstep, to)
  for (let p = 0; p < k; p++) {
    for (let r = lines; r < width; r++) store<T>(to + <usize>(p * width + r) * sizeof<T>(), <T>0)
  }
}

function packEdgeLines<T>(
  width: i32, lines: i32, k: i32, from: usize, lstep: usize, kstep: usize, to: usize,
): void {
  const step = <usize>width * sizeof<T>()
  for (let r = 0; r < lines; r++) {
    let x = from + <usize>r * lstep
    let y = to + <usize>r * sizeof<T>()
    for (let p = 0; p < k; p++, x += kstep, y += step) store<T>(y, load<T>(x))
  }
}
