/** A real 2 × 2 matrix in standard form, with the rotation that made it. */
export interface StandardBlock {
  readonly a: number
  readonly b: number
  readonly c: number
  readonly d: number
  /** The imaginary part of the first eigenvalue, a + i·im; 0 where c = 0 and the eigenvalues are a and d. */
  readonly im: number
  readonly cs: number
  readonly sn: number
}

const EPS = 2 ** -52
/** x with the sign of y; +0 and −0 count as what they say. */
const sign = (x: number, y: number): number => (y < 0 || Object.is(y, -0) ? -Math.abs(x) : Math.abs(x))

/**
 * [a b; c d] = [cs −sn; sn cs]·[a′ b′; c′ d′]·[cs sn; −sn cs], where either c′ = 0, or a′ = d′ and b′c′ <
 * 0: the real Schur form of a 2 × 2 matrix (LAPACK's dlanv2, whose one test of size is here relative to the
 * block).
 */
export function standardize(a: number, b: number, c: number, d: number): StandardBlock {
  if (c === 0) return { a, b, c, d, im: 0, cs: 1, sn: 0 }
  if (b === 0) return { a: d, b: -c, c: 0, d: a, im: 0, cs: 0, sn: 1 }
  if (a === d && b < 0 !== c < 0) return { a, b, c, d, im: imaginary(b, c), cs: 1, sn: 0 }

  const p = (a - d) / 2
  const larger = Math.max(Math.abs(b), Math.abs(c))
  const smaller = Math.min(Math.abs(b), Math.abs(c)) * Math.sign(b) * Math.sign(c)
  const scale = Math.max(Math.abs(p), larger)
  const z = (p / scale) * p + (larger / scale) * smaller
  if (z >= 4 * EPS * scale) {
    // Real and well apart.
    const w = p + sign(Math.sqrt(scale) * Math.sqrt(z), p)
    const length = Math.hypot(c, w)
    return {
      a: d + w,
      b: b - c,
      c: 0,
      d: d - (larger / w) * smaller,
      im: 0,
      cs: w / length,
      sn: c / length,
    }
  }
  return equalDiagonal(a, b, c, d)
}

/** Complex, or real and nearly equal: a rotation makes the diagonal entries equal first. */
function equalDiagonal(a: number, b: number, c: number, d: number): StandardBlock {
  const sigma = b + c
  const length = Math.hypot(sigma, a - d)
  const cs = Math.sqrt((1 + Math.abs(sigma) / length) / 2)
  const sn = -((a - d) / 2 / (length * cs)) * sign(1, sigma)
  const [aa, bb, cc, dd] = [a * cs + b * sn, b * cs - a * sn, c * cs + d * sn, d * cs - c * sn]
  const middle = (aa * cs + cc * sn + (dd * cs - bb * sn)) / 2
  const [b1, c1] = [bb * cs + dd * sn, cc * cs - aa * sn]
  if (c1 === 0) return { a: middle, b: b1, c: 0, d: middle, im: 0, cs, sn }
  if (b1 === 0) return { a: middle, b: -c1, c: 0, d: middle, im: 0, cs: -sn, sn: cs }
  if (b1 < 0 !== c1 < 0) return { a: middle, b: b1, c: c1, d: middle, im: imaginary(b1, c1), cs, sn }
  const [rootB, rootC] = [Math.sqrt(Math.abs(b1)), Math.sqrt(Math.abs(c1))]
  const apart = sign(rootB * rootC, c1)
  const t = 1 / Math.sqrt(Math.abs(b1 + c1))
  const [cs1, sn1] = [rootB * t, rootC * t]
  return {
    a: middle + apart,
    b: b1 - c1,
    c: 0,
    d: middle - apart,
    im: 0,
    cs: cs * cs1 - sn * sn1,
    sn: cs * sn1 + sn * cs1,
  }
}

/** √(−bc) without overflow. */
const imaginary = (b: number, c: number): number => Math.sqrt(Math.abs(b)) * Math.sqrt(Math.abs(c))
