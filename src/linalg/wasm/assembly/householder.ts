import { madd, sum } from './simd'
import { axpy, dot, nrm2, scal } from './vector'

// Unblocked Householder QR in LAPACK's convention (dgeqr2).

export function qrPanel(m: i32, n: i32, a: usize, lda: usize, tau: usize): void {
  const column = lda << 3
  const p = min(m, n)
  for (let j = 0; j < p; j++) {
    const x = a + <usize>j * column + (<usize>j << 3)
    const t = reflector(m - j, x)
    store<f64>(tau + (<usize>j << 3), t)
    if (t == 0) continue
    let c = x + column
    let rest = n - j - 1
    for (; rest >= 4; rest -= 4, c += column << 2) applyToFour(m - j - 1, t, x, c, column)
    for (; rest > 0; rest--, c += column) applyToOne(m - j - 1, t, x, c)
  }
}

/** Makes x into (beta, v) with (I − tau·v·vᵀ)·x = beta·e, v[0] = 1 implied, and gives tau. */
function reflector(n: i32, x: usize): f64 {
  let sigma = nrm2(n - 1, x + 8)
  if (sigma == 0) return 0
  let x0 = load<f64>(x)
  let beta = signedLength(x0, sigma)
  let unscale: f64 = 1
  if (abs(beta) < 1e-292 || !(abs(beta) < 1e300)) {
    // 2⁹⁰⁰ or 2⁻⁹⁰⁰, so that neither the sums nor the reciprocal leave the range of normal numbers.
    const scale = abs(beta) < 1e-292 ? reinterpret<f64>(1923 << 52) : reinterpret<f64>(123 << 52)
    unscale = 1 / scale
    scal(n, scale, x)
    x0 = load<f64>(x)
    sigma = nrm2(n - 1, x + 8)
    if (sigma == 0) {
      store<f64>(x, x0 * unscale)
      return 0
    }
    beta = signedLength(x0, sigma)
  }
  scal(n - 1, 1 / (x0 - beta), x + 8)
  store<f64>(x, beta * unscale)
  return (beta - x0) / beta
}

/** −sign(a)·√(a² + b²) without overflow; sign(0) = +1. */
function signedLength(a: f64, b: f64): f64 {
  const low = min<f64>(abs(a), b)
  const high = max<f64>(abs(a), b)
  const r = low / high
  const length = high * sqrt(1 + r * r)
  return a < 0 ? length : -length
}

/** c −= tau·(vᵀc)·v, v[0] = 1 implied; v and c start at that entry and n more follow. */
function applyToOne(n: i32, tau: f64, v: usize, c: usize): void {
  const w = tau * (load<f64>(c) + dot(n, v + 8, c + 8))
  store<f64>(c, load<f64>(c) - w)
  axpy(n, -w, v + 8, c + 8)
}

/** The same for four columns, so that v is read once for all. */
function applyToFour(n: i32, tau: f64, v: usize, c0: usize, column: usize): void {
  const c1 = c0 + column
  const c2 = c1 + column
  const c3 = c2 + column
  let s0 = f64x2.splat(0), s1 = s0, s2 = s0, s3 = s0
  let p: usize = 8
  const whole = 8 + (<usize>(n & ~1) << 3)
  for (; p != whole; p += 16) {
    const x = v128.load(v + p)
    s0 = madd<f64>(x, v128.load(c0 + p), s0)
    s1 = madd<f64>(x, v128.load(c1 + p), s1)
    s2 = madd<f64>(x, v128.load(c2 + p), s2)
    s3 = madd<f64>(x, v128.load(c3 + p), s3)
  }
  let w0 = load<f64>(c0) + sum<f64>(s0)
  let w1 = load<f64>(c1) + sum<f64>(s1)
  let w2 = load<f64>(c2) + sum<f64>(s2)
  let w3 = load<f64>(c3) + sum<f64>(s3)
  if (n & 1) {
    const x = load<f64>(v + p)
    w0 += x * load<f64>(c0 + p)
    w1 += x * load<f64>(c1 + p)
    w2 += x * load<f64>(c2 + p)
    w3 += x * load<f64>(c3 + p)
  }
  w0 *= -tau
  w1 *= -tau
  w2 *= -tau
  w3 *= -tau
  store<f64>(c0, load<f64>(c0) + w0)
  store<f64>(c1, load<f64>(c1) + w1)
  store<f64>(c2, load<f64>(c2) + w2)
  store<f64>(c3, load<f64>(c3) + w3)
  s0 = f64x2.splat(w0)
  s1 = f64x2.splat(w1)
  s2 = f64x2.splat(w2)
  s3 = f64x2.splat(w3)
  for (p = 8; p != whole; p += 16) {
    const x = v128.load(v + p)
    v128.store(c0 + p, madd<f64>(s0, x, v128.load(c0 + p)))
    v128.store(c1 + p, madd<f64>(s1, x, v128.load(c1 + p)))
    v128.store(c2 + p, madd<f64>(s2, x, v128.load(c2 + p)))
    v128.store(c3 + p, madd<f64>(s3, x, v128.load(c3 + p)))
  }
  if (n & 1) {
    const x = load<f64>(v + p)
    store<f64>(c0 + p, load<f64>(c0 + p) + w0 * x)
    store<f64>(c1 + p, load<f64>(c1 + p) + w1 * x)
    store<f64>(c2 + p, load<f64>(c2 + p) + w2 * x)
    store<f64>(c3 + p, load<f64>(c3 + p) + w3 * x)
  }
}
