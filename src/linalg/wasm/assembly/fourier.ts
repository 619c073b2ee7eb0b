import { madd } from './simd'

// One pass of the Stockham autosort FFT: reads x, writes y, both split into real and imaginary parts. Vectors
// run along q, where numbers are neighbours in x and in y; the first pass (s = 1) runs along p instead.

/** Two numbers at `x`, or one with 0 beside it where `half`. */
// @ts-ignore: decorator
@inline
function get(x: usize, half: bool): v128 {
  return half ? v128.load64_zero(x) : v128.load(x)
}

// @ts-ignore: decorator
@inline
function put(y: usize, a: v128, half: bool): void {
  if (half) v128.store64_lane(y, a, 0)
  else v128.store(y, a)
}

/** a − b·c */
// @ts-ignore: decorator
@inline
function nmadd(b: v128, c: v128, a: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? v128.relaxed_nmadd<f64>(b, c, a) : f64x2.sub(a, f64x2.mul(b, c))
}

/** Stores (ar + i·ai)·(wr + i·wi). */
// @ts-ignore: decorator
@inline
function putTimes(yre: usize, yim: usize, ar: v128, ai: v128, wr: v128, wi: v128, half: bool): void {
  put(yre, nmadd(ai, wi, f64x2.mul(ar, wr)), half)
  put(yim, madd<f64>(ai, wr, f64x2.mul(ar, wi)), half)
}

/** The factor at `w`, in both lanes. */
// @ts-ignore: decorator
@inline
function twiddle(w: usize): v128 {
  return v128.load64_splat(w)
}

// Each butterfly reads at x, x + xs, … and writes at y, y + ys, …; factors lie at w, w + ws, … for one p: real
// and imaginary part of the first, then of the second, ….

// @ts-ignore: decorator
@inline
function butterfly2(re: usize, im: usize, xs: usize, yre: usize, yim: usize, ys: usize, wr: v128, wi: v128, half: bool): void {
  const ar = get(re, half), ai = get(im, half)
  const br = get(re + xs, half), bi = get(im + xs, half)
  put(yre, f64x2.add(ar, br), half)
  put(yim, f64x2.add(ai, bi), half)
  putTimes(yre + ys, yim + ys, f64x2.sub(ar, br), f64x2.sub(ai, bi), wr, wi, half)
}

// @ts-ignore: decorator
@inline
function butterfly3(
  re: usize, im: usize, xs: usize, yre: usize, yim: usize, ys: usize,
  w1r: v128, w1i: v128, w2r: v128, w2i: v128, half: bool,
): void {
  const ar = get(re, half), ai = get(im, half)
  const br = get(re + xs, half), bi = get(im + xs, half)
  const cr = get(re + 2 * xs, half), ci = get(im + 2 * xs, half)
  const tr = f64x2.add(br, cr), ti = f64x2.add(bi, ci)
  put(yre, f64x2.add(ar, tr), half)
  put(yim, f64x2.add(ai, ti), half)
  const h = f64x2.splat(0.5), r = f64x2.splat(0.8660254037844386468)
  const mr = nmadd(h, tr, ar), mi = nmadd(h, ti, ai)
  const dr = f64x2.mul(r, f64x2.sub(br, cr)), di = f64x2.mul(r, f64x2.sub(bi, ci))
  putTimes(yre + ys, yim + ys, f64x2.add(mr, di), f64x2.sub(mi, dr), w1r, w1i, half)
  putTimes(yre + 2 * ys, yim + 2 * ys, f64x2.sub(mr, di), f64x2.add(mi, dr), w2r, w2i, half)
}

// @ts-ignore: decorator
@inline
function butterfly4(
  re: usize, im: usize, xs: usize, yre: usize, yim: usize, ys: usize,
  w1r: v128, w1i: v128, w2r: v128, w2i: v128, w3r: v128, w3i: v128, half: bool, plain: bool,
): void {
  const ar = get(re, half), ai = get(im, half)
  const br = get(re + xs, half), bi = get(im + xs, half)
  const cr = get(re + 2 * xs, half), ci = get(im + 2 * xs, half)
  const dr = get(re + 3 * xs, half), di = get(im + 3 * xs, half)
  const pr = f64x2.add(ar, cr), pi = f64x2.add(ai, ci)
  const mr = f64x2.sub(ar, cr), mi = f64x2.sub(ai, ci)
  const qr = f64x2.add(br, dr), qi = f64x2.add(bi, di)
  const nr = f64x2.sub(br, dr), ni = f64x2.sub(bi, di)
  put(yre, f64x2.add(pr, qr), half)
  put(yim, f64x2.add(pi, qi), half)
  if (plain) {
    put(yre + ys, f64x2.add(mr, ni), half)
    put(yim + ys, f64x2.sub(mi, nr), half)
    put(yre + 2 * ys, f64x2.sub(pr, qr), half)
    put(yim + 2 * ys, f64x2.sub(pi, qi), half)
    put(yre + 3 * ys, f64x2.sub(mr, ni), half)
    put(yim + 3 * ys, f64x2.add(mi, nr), half)
  } else {
    putTimes(yre + ys, yim + ys, f64x2.add(mr, ni), f64x2.sub(mi, nr), w1r, w1i, half)
    putTimes(yre + 2 * ys, yim + 2 * ys, f64x2.sub(pr, qr), f64x2.sub(pi, qi), w2r, w2i, half)
    putTimes(yre + 3 * ys, yim + 3 * ys, f64x2.sub(mr, ni), f64x2.add(mi, nr), w3r, w3i, half)
  }
}

// @ts-ignore: decorator
@inline
function butterfly5(
  re: usize, im: usize, xs: usize, yre: usize, yim: usize, ys: usize, w: usize, ws: usize, half: bool,
): void {
  const c1 = f64x2.splat(0.30901699437494742410), c2 = f64x2.splat(-0.80901699437494742410)
  const s1 = f64x2.splat(0.95105651629515357212), s2 = f64x2.splat(0.58778525229247312917)
  const ar = get(re, half), ai = get(im, half)
  const br = get(re + xs, half), bi = get(im + xs, half)
  const cr = get(re + 2 * xs, half), ci = get(im + 2 * xs, half)
  const dr = get(re + 3 * xs, half), di = get(im + 3 * xs, half)
  const er = get(re + 4 * xs, half), ei = get(im + 4 * xs, half)
  const t1r = f64x2.add(br, er), t1i = f64x2.add(bi, ei)
  const t2r = f64x2.add(cr, dr), t2i = f64x2.add(ci, di)
  const t3r = f64x2.sub(br, er), t3i = f64x2.sub(bi, ei)
  const t4r = f64x2.sub(cr, dr), t4i = f64x2.sub(ci, di)
  put(yre, f64x2.add(ar, f64x2.add(t1r, t2r)), half)
  put(yim, f64x2.add(ai, f64x2.add(t1i, t2i)), half)
  const m1r = madd<f64>(c2, t2r, madd<f64>(c1, t1r, ar)), m1i = madd<f64>(c2, t2i, madd<f64>(c1, t1i, ai))
  const m2r = madd<f64>(c1, t2r, madd<f64>(c2, t1r, ar)), m2i = madd<f64>(c1, t2i, madd<f64>(c2, t1i, ai))
  const n1r = madd<f64>(s2, t4r, f64x2.mul(s1, t3r)), n1i = madd<f64>(s2, t4i, f64x2.mul(s1, t3i))
  const n2r = nmadd(s1, t4r, f64x2.mul(s2, t3r)), n2i = nmadd(s1, t4i, f64x2.mul(s2, t3i))
  putTimes(yre + ys, yim + ys, f64x2.add(m1r, n1i), f64x2.sub(m1i, n1r), twiddle(w), twiddle(w + ws), half)
  putTimes(
    yre + 2 * ys, yim + 2 * ys, f64x2.add(m2r, n2i), f64x2.sub(m2i, n2r), twiddle(w + 2 * ws), twiddle(w + 3 * ws), half,
  )
  putTimes(
    yre + 3 * ys, yim + 3 * ys, f64x2.sub(m2r, n2i), f64x2.add(m2i, n2r), twiddle(w + 4 * ws), twiddle(w + 5 * ws), half,
  )
  putTimes(
    yre + 4 * ys, yim + 4 * ys, f64x2.sub(m1r, n1i), f64x2.add(m1i, n1r), twiddle(w + 6 * ws), twiddle(w + 7 * ws), half,
  )
}

/** The first pass of radix 4, s = 1: two p at a time, whose outputs lie in turns. */
function firstPass4(m: i32, p0: i32, p1: i32, w: usize, xre: usize, xim: usize, yre: usize, yim: usize): void {
  const xs = <usize>m << 3
  let p = p0
  for (; p + 2 <= p1; p += 2) {
    const re = xre + (<usize>p << 3), im = xim + (<usize>p << 3), f = w + (<usize>p << 3)
    const ar = v128.load(re), ai = v128.load(im)
    const br = v128.load(re + xs), bi = v128.load(im + xs)
    const cr = v128.load(re + 2 * xs), ci = v128.load(im + 2 * xs)
    const dr = v128.load(re + 3 * xs), di = v128.load(im + 3 * xs)
    const pr = f64x2.add(ar, cr), pi = f64x2.add(ai, ci)
    const mr = f64x2.sub(ar, cr), mi = f64x2.sub(ai, ci)
    const qr = f64x2.add(br, dr), qi = f64x2.add(bi, di)
    const nr = f64x2.sub(br, dr), ni = f64x2.sub(bi, di)
    const y0r = f64x2.add(pr, qr), y0i = f64x2.add(pi, qi)
    const t1r = f64x2.add(mr, ni), t1i = f64x2.sub(mi, nr)
    const t2r = f64x2.sub(pr, qr), t2i = f64x2.sub(pi, qi)
    const t3r = f64x2.sub(mr, ni), t3i = f64x2.add(mi, nr)
    const w1r = v128.load(f), w1i = v128.load(f + xs)
    const w2r = v128.load(f + 2 * xs), w2i = v128.load(f + 3 * xs)
    const w3r = v128.load(f + 4 * xs), w3i = v128.load(f + 5 * xs)
    const y1r = nmadd(t1i, w1i, f64x2.mul(t1r, w1r)), y1i = madd<f64>(t1i, w1r, f64x2.mul(t1r, w1i))
    const y2r = nmadd(t2i, w2i, f64x2.mul(t2r, w2r)), y2i = madd<f64>(t2i, w2r, f64x2.mul(t2r, w2i))
    const y3r = nmadd(t3i, w3i, f64x2.mul(t3r, w3r)), y3i = madd<f64>(t3i, w3r, f64x2.mul(t3r, w3i))
    const tr = yre + (<usize>p << 5), ti = yim + (<usize>p << 5)
    v128.store(tr, i64x2.shuffle(y0r, y1r, 0, 2))
    v128.store(tr, i64x2.shuffle(y2r, y3r, 0, 2), 16)
    v128.store(tr, i64x2.shuffle(y0r, y1r, 1, 3), 32)
    v128.store(tr, i64x2.shuffle(y2r, y3r, 1, 3), 48)
    v128.store(ti, i64x2.shuffle(y0i, y1i, 0, 2))
    v128.store(ti, i64x2.shuffle(y2i, y3i, 0, 2), 16)
    v128.store(ti, i64x2.shuffle(y0i, y1i, 1, 3), 32)
    v128.store(ti, i64x2.shuffle(y2i, y3i, 1, 3), 48)
  }
  if (p < p1) pass4(m, 1, p, p1, 0, 1, w, xre, xim, yre, yim)
}

function pass2(
  m: i32, s: i32, p0: i32, p1: i32, q0: i32, q1: i32, w: usize, xre: usize, xim: usize, yre: usize, yim: usize,
): void {
  const row = <usize>s << 3, xs = <usize>m * row, ws = <usize>m << 3
  for (let p = <usize>p0; p < <usize>p1; p++) {
    const f = w + (p << 3), x = p * row, y = 2 * x
    const wr = twiddle(f), wi = twiddle(f + ws)
    let q = <usize>q0 << 3
    for (const end = <usize>(q0 + ((q1 - q0) & ~1)) << 3; q < end; q += 16)
      butterfly2(xre + x + q, xim + x + q, xs, yre + y + q, yim + y + q, row, wr, wi, false)
    if (q < <usize>q1 << 3) butterfly2(xre + x + q, xim + x + q, xs, yre + y + q, yim + y + q, row, wr, wi, true)
  }
}

function pass3(
  m: i32, s: i32, p0: i32, p1: i32, q0: i32, q1: i32, w: usize, xre: usize, xim: usize, yre: usize, yim: usize,
): void {
  const row = <usize>s << 3, xs = <usize>m * row, ws = <usize>m << 3
  for (let p = <usize>p0; p < <usize>p1; p++) {
    const f = w + (p << 3), x = p * row, y = 3 * x
    const w1r = twiddle(f), w1i = twiddle(f + ws), w2r = twiddle(f + 2 * ws), w2i = twiddle(f + 3 * ws)
    let q = <usize>q0 << 3
    for (const end = <usize>(q0 + ((q1 - q0) & ~1)) << 3; q < end; q += 16)
      butterfly3(xre + x + q, xim + x + q, xs, yre + y + q, yim + y + q, row, w1r, w1i, w2r, w2i, false)
    if (q < <usize>q1 << 3)
      butterfly3(xre + x + q, xim + x + q, xs, yre + y + q, yim + y + q, row, w1r, w1i, w2r, w2i, true)
  }
}

function pass4(
  m: i32, s: i32, p0: i32, p1: i32, q0: i32, q1: i32, w: usize, xre: usize, xim: usize, yre: usize, yim: usize,
): void {
  const row = <usize>s << 3, xs = <usize>m * row, ws = <usize>m << 3
  for (let p = <usize>p0; p < <usize>p1; p++) {
    const f = w + (p << 3), x = p * row, y = 4 * x
    const w1r = twiddle(f), w1i = twiddle(f + ws), w2r = twiddle(f + 2 * ws), w2i = twiddle(f + 3 * ws)
    const w3r = twiddle(f + 4 * ws), w3i = twiddle(f + 5 * ws)
    let q = <usize>q0 << 3
    const end = <usize>(q0 + ((q1 - q0) & ~1)) << 3
    if (p == 0) {
      // All factors are 1: that is the whole of the last pass.
      for (; q < end; q += 16)
        butterfly4(xre + q, xim + q, xs, yre + q, yim + q, row, w1r, w1i, w2r, w2i, w3r, w3i, false, true)
    } else {
      for (; q < end; q += 16)
        butterfly4(
          xre + x + q, xim + x + q, xs, yre + y + q, yim + y + q, row, w1r, w1i, w2r, w2i, w3r, w3i, false, false,
        )
    }
    if (q < <usize>q1 << 3)
      butterfly4(
        xre + x + q, xim + x + q, xs, yre + y + q, yim + y + q, row, w1r, w1i, w2r, w2i, w3r, w3i, true, false,
      )
  }
}

function pass5(
  m: i32, s: i32, p0: i32, p1: i32, q0: i32, q1: i32, w: usize, xre: usize, xim: usize, yre: usize, yim: usize,
): void {
  const row = <usize>s << 3, xs = <usize>m * row, ws = <usize>m << 3
  for (let p = <usize>p0; p < <usize>p1; p++) {
    const f = w + (p << 3), x = p * row, y = 5 * x
    let q = <usize>q0 << 3
    for (const end = <usize>(q0 + ((q1 - q0) & ~1)) << 3; q < end; q += 16)
      butterfly5(xre + x + q, xim + x + q, xs, yre + y + q, yim + y + q, row, f, ws, false)
    if (q < <usize>q1 << 3) butterfly5(xre + x + q, xim + x + q, xs, yre + y + q, yim + y + q, row, f, ws, true)
  }
}

/** One pass of radix 2, 3, 4 or 5. */
export function fftPass(
  radix: i32, m: i32, s: i32, p0: i32, p1: i32, q0: i32, q1: i32,
  w: usize, xre: usize, xim: usize, yre: usize, yim: usize,
): void {
  if (radix == 4) {
    if (s == 1) firstPass4(m, p0, p1, w, xre, xim, yre, yim)
    else pass4(m, s, p0, p1, q0, q1, w, xre, xim, yre, yim)
  } else if (radix == 2) pass2(m, s, p0, p1, q0, q1, w, xre, xim, yre, yim)
  else if (radix == 3) pass3(m, s, p0, p1, q0, q1, w, xre, xim, yre, yim)
  else pass5(m, s, p0, p1, q0, q1, w, xre, xim, yre, yim)
}
