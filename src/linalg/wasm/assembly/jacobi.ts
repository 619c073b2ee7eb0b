import { madd, sum } from './simd'
import { dot, nrm2, rot } from './vector'

// One-sided Jacobi (Hestenes): rotates pairs of columns of U until they are orthogonal.

/** |u_q|² of the last call of `moments`. */
let qq: f64 = 0

export function jacobiRows(
  m: i32, n: i32, u: usize, ldu: usize, nv: i32, v: usize, ldv: usize, p0: i32, p1: i32, tol: f64,
): i32 {
  let rotations = 0
  for (let p = p0; p < p1; p++) {
    const up = u + ((<usize>p * ldu) << 3)
    let pp = dot(m, up, up)
    for (let q = p + 1; q < n; q++) {
      const uq = u + ((<usize>q * ldu) << 3)
      const pq = moments(m, up, uq)
      let zeta: f64
      if (pp > 1e-280 && pp < 1e280 && qq > 1e-280 && qq < 1e280) {
        if (abs(pq) <= tol * (sqrt(pp) * sqrt(qq))) continue
        zeta = (qq - pp) / (2 * pq)
      } else {
        zeta = carefulZeta(m, up, uq, tol)
      }
      const t = tangent(zeta)
      if (t == 0) continue
      const c = 1 / sqrt(1 + t * t)
      const s = c * t
      pp = rotate(m, up, uq, c, s)
      if (nv > 0) rot(nv, v + ((<usize>p * ldv) << 3), v + ((<usize>q * ldv) << 3), c, -s)
      rotations++
    }
  }
  return rotations
}

/** u_p·u_q, and |u_q|² aside. */
function moments(m: i32, up: usize, uq: usize): f64 {
  let a0 = f64x2.splat(0), a1 = a0, b0 = a0, b1 = a0
  for (; m >= 4; m -= 4, up += 32, uq += 32) {
    const x = v128.load(uq)
    const y = v128.load(uq, 16)
    a0 = madd<f64>(x, v128.load(up), a0)
    a1 = madd<f64>(y, v128.load(up, 16), a1)
    b0 = madd<f64>(x, x, b0)
    b1 = madd<f64>(y, y, b1)
  }
  let a = sum<f64>(f64x2.add(a0, a1))
  let b = sum<f64>(f64x2.add(b0, b1))
  for (; m > 0; m--, up += 8, uq += 8) {
    const x = load<f64>(uq)
    a += x * load<f64>(up)
    b += x * x
  }
  qq = b
  return a
}

/** The smaller root of t² + 2·zeta·t − 1 = 0; 0 where zeta is infinite. */
function tangent(zeta: f64): f64 {
  const size = abs(zeta)
  const t = size > 1e8 ? 0.5 / size : 1 / (size + sqrt(1 + zeta * zeta))
  return zeta < 0 ? -t : t
}

/** zeta of two columns whose squares leave the range of normal numbers; infinite where there is nothing to do. */
function carefulZeta(m: i32, up: usize, uq: usize, tol: f64): f64 {
  const p = nrm2(m, up)
  const q = nrm2(m, uq)
  if (p == 0 || q == 0) return Infinity
  let cosine: f64 = 0
  for (; m > 0; m--, up += 8, uq += 8) cosine += (load<f64>(up) / p) * (load<f64>(uq) / q)
  return abs(cosine) <= tol ? Infinity : (q / p - p / q) / (2 * cosine)
}

/** [u_p u_q] = [c·u_p − s·u_q, s·u_p + c·u_q], and the new |u_p|². */
function rotate(m: i32, up: usize, uq: usize, c: f64, s: f64): f64 {
  const vc = f64x2.splat(c)
  const vs = f64x2.splat(s)
  let s0 = f64x2.splat(0), s1 = s0
  for (; m >= 4; m -= 4, up += 32, uq += 32) {
    const x0 = v128.load(up)
    const y0 = v128.load(uq)
    const x1 = v128.load(up, 16)
    const y1 = v128.load(uq, 16)
    const z0 = f64x2.sub(f64x2.mul(vc, x0), f64x2.mul(vs, y0))
    const z1 = f64x2.sub(f64x2.mul(vc, x1), f64x2.mul(vs, y1))
    v128.store(up, z0)
    v128.store(up, z1, 16)
    v128.store(uq, madd<f64>(vs, x0, f64x2.mul(vc, y0)))
    v128.store(uq, madd<f64>(vs, x1, f64x2.mul(vc, y1)), 16)
    s0 = madd<f64>(z0, z0, s0)
    s1 = madd<f64>(z1, z1, s1)
  }
  let total = sum<f64>(f64x2.add(s0, s1))
  for (; m > 0; m--, up += 8, uq += 8) {
    const x = load<f64>(up)
    const y = load<f64>(uq)
    const z = c * x - s * y
    store<f64>(up, z)
    store<f64>(uq, s * x + c * y)
    total += z * z
  }
  return total
}
