import { PAGE } from './kernels.js'
import type { KernelInstance, KernelMemory, Kernels } from './kernels.js'
import { choleskyPanel, eliminate, luPanel, solveRows } from './plainelimination.js'
import { rotateColumns, symv } from './plainspectral.js'
import { chase, reflectLeft, reflectRight } from './plainchase.js'
import { fftPass } from './plainfourier.js'
import { fwhtBlock, fwhtLevels } from './plainhadamard.js'
import { csrDots, gatherGram } from './plainobserved.js'
import { csrAdjointTimes, csrTimes } from './plainsparse.js'
import { distances, expNegative } from './plaindistance.js'

// The kernels in plain TypeScript: the reference that the SIMD variants are tested against, and what runs
// where WebAssembly SIMD is missing. Written to be read; loops run along memory where that costs no words.

/** A memory that grows by moving. */
class PlainMemory implements KernelMemory {
  buffer = new ArrayBuffer(PAGE)
  f64 = new Float64Array(this.buffer)
  f32 = new Float32Array(this.buffer)

  grow(pages: number): number {
    const before = this.buffer.byteLength
    const moved = new Uint8Array(before + pages * PAGE)
    moved.set(new Uint8Array(this.buffer))
    this.buffer = moved.buffer
    this.f64 = new Float64Array(this.buffer)
    this.f32 = new Float32Array(this.buffer)
    return before / PAGE
  }
}

export function plainInstance(): KernelInstance {
  const memory = new PlainMemory()
  const f64 = (): Float64Array => memory.f64
  const kernels: Kernels = {
    gemm: (m, n, k, alpha, a, ars, acs, b, brs, bcs, beta, c, crs, ccs) =>
      gemm(memory.f64, m, n, k, alpha, a / 8, ars, acs, b / 8, brs, bcs, beta, c / 8, crs, ccs),
    gemm32: (m, n, k, alpha, a, ars, acs, b, brs, bcs, beta, c, crs, ccs) =>
      gemm(memory.f32, m, n, k, alpha, a / 4, ars, acs, b / 4, brs, bcs, beta, c / 4, crs, ccs),
    dot: (n, x, y) => dot(f64(), n, x / 8, y / 8),
    axpy: (n, alpha, x, y) => axpy(f64(), n, alpha, x / 8, y / 8),
    dot32: (n, x, y) => dot32(memory.f32, f64(), n, x / 4, y / 8),
    axpy32: (n, alpha, x, y) => axpy32(memory.f32, f64(), n, alpha, x / 4, y / 8),
    scal: (n, alpha, x) => scal(f64(), n, alpha, x / 8),
    nrm2: (n, x) => nrm2(f64(), n, x / 8),
    maxAbs: (n, x) => maxAbs(f64(), n, x / 8),
    transpose: (m, n, a, lda, b, ldb) => transpose(f64(), m, n, a / 8, lda, b / 8, ldb),
    rot: (n, x, y, c, s) => rot(f64(), n, x / 8, y / 8, c, s),
    qrPanel: (m, n, a, lda, tau) => qrPanel(f64(), m, n, a / 8, lda, tau / 8),
    luPanel: (m, n, a, lda, pivots, pivoting) => luPanel(f64(), m, n, a / 8, lda, pivots / 8, pivoting),
    choleskyPanel: (m, n, a, lda) => choleskyPanel(f64(), m, n, a / 8, lda),
    eliminate: (m, n, a, lda) => eliminate(f64(), m, n, a / 8, lda),
    solveRows: (n, r, t, trs, tcs, upper, unit, x, ldx) =>
      solveRows(f64(), n, r, t / 8, trs, tcs, upper, unit, x / 8, ldx),
    jacobiRows: (m, n, u, ldu, nv, v, ldv, p0, p1, tol) =>
      jacobiRows(f64(), m, n, u / 8, ldu, nv, v / 8, ldv, p0, p1, tol),
    symv: (n, a, lda, x, y) => symv(f64(), n, a / 8, lda, x / 8, y / 8),
    rotateColumns: (m, _n, a, lda, count, sweeps) => rotateColumns(f64(), m, a / 8, lda, count, sweeps / 8),
    chase: (h, ldh, start, k0, k1, last, v, refl) =>
      chase(f64(), h / 8, ldh, start, k0, k1, last, v / 8, refl / 8),
    reflectRight: (steps, tail, refl, m, x, ldx) => reflectRight(f64(), steps, tail, refl / 8, m, x / 8, ldx),
    reflectLeft: (steps, tail, refl, n, x, ldx) => reflectLeft(f64(), steps, tail, refl / 8, n, x / 8, ldx),
    fftPass: (radix, m, s, p0, p1, q0, q1, w, xre, xim, yre, yim) =>
      fftPass(f64(), radix, m, s, p0, p1, q0, q1, w / 8, xre / 8, xim / 8, yre / 8, yim / 8),
    fwhtBlock: (n, x) => fwhtBlock(f64(), n, x / 8),
    fwhtLevels: (levels, count, h, x) => fwhtLevels(f64(), levels, count, h, x / 8),
    butterflyLevel: (n, s, k, m, w, x) => butterflyLevel(f64(), n, s, k, m, w / 8, x / 8),
    fourierLevel: (n, s, k, m, w, wi, x, xi) => fourierLevel(f64(), n, s, k, m, w / 8, wi / 8, x / 8, xi / 8),
    butterflyLevelComplex: (n, s, k, m, w, wi, x, xi) =>
      butterflyLevelComplex(f64(), n, s, k, m, w / 8, wi / 8, x / 8, xi / 8),
    csrTimes: (rows, k, pointers, indices, values, x, y) =>
      csrTimes(f64(), rows, k, pointers / 4, indices / 4, values / 8, x / 8, y / 8),
    csrAdjointTimes: (rows, k, pointers, indices, values, y, x) =>
      csrAdjointTimes(f64(), rows, k, pointers / 4, indices / 4, values / 8, y / 8, x / 8),
    distances: (power, m, n, d, x, y, c, ldc) => distances(f64(), power, m, n, d, x / 8, y / 8, c / 8, ldc),
    expNegative: (n, alpha, x) => expNegative(f64(), n, alpha, x / 8),
    csrDots: (rows, k, pointers, indices, x, f, w) =>
      csrDots(f64(), rows, k, pointers / 4, indices / 4, x / 8, f / 8, w / 8),
    gatherGram: (count, k, indices, f, g) => gatherGram(f64(), count, k, indices / 4, f / 8, g / 8),
  }
  return { kernels, memory, base: 0 }
}

// From here on, addresses are indices into the view `M` of the memory.

function gemm(
  M: Float64Array | Float32Array,
  m: number,
  n: number,
  k: number,
  alpha: number,
  a: number,
  ars: number,
  acs: number,
  b: number,
  brs: number,
  bcs: number,
  beta: number,
  c: number,
  crs: number,
  ccs: number,
): void {
  // The inner loop runs along the shorter stride of C; Cᵀ = Bᵀ·Aᵀ exchanges the two.
  if (ccs > crs) return gemm(M, n, m, k, alpha, b, bcs, brs, a, acs, ars, beta, c, ccs, crs)
  for (let i = 0; i < m; i++) {
    const row = c + i * crs
    for (let j = 0; j < n; j++) M[row + j * ccs] = beta === 0 ? 0 : beta * M[row + j * ccs]!
    if (alpha === 0) continue
    for (let p = 0; p < k; p++) {
      const x = alpha * M[a + i * ars + p * acs]!
      for (let j = 0, to = row, from = b + p * brs; j < n; j++, to += ccs, from += bcs) M[to]! += x * M[from]!
    }
  }
}

function dot(M: Float64Array, n: number, x: number, y: number): number {
  let sum = 0
  for (let i = 0; i < n; i++) sum += M[x + i]! * M[y + i]!
  return sum
}

function axpy(M: Float64Array, n: number, alpha: number, x: number, y: number): void {
  for (let i = 0; i < n; i++) M[y + i]! += alpha * M[x + i]!
}

function dot32(X: Float32Array, Y: Float64Array, n: number, x: number, y: number): number {
  let sum = 0
  for (let i = 0; i < n; i++) sum += X[x + i]! * Y[y + i]!
  return sum
}

function axpy32(X: Float32Array, Y: Float64Array, n: number, alpha: number, x: number, y: number): void {
  for (let i = 0; i < n; i++) Y[y + i]! += alpha * X[x + i]!
}

function scal(M: Float64Array, n: number, alpha: number, x: number): void {
  for (let i = 0; i < n; i++) M[x + i]! *= alpha
}

function nrm2(M: Float64Array, n: number, x: number): number {
  const plain = dot(M, n, x, x)
  if (plain > 1e-260 && plain < 1e280) return Math.sqrt(plain)
  const largest = maxAbs(M, n, x)
  if (largest === 0 || !(largest < Infinity)) return largest
  let sum = 0
  for (let i = 0; i < n; i++) sum += (M[x + i]! / largest) ** 2
  return largest * Math.sqrt(sum)
}

function maxAbs(M: Float64Array, n: number, x: number): number {
  let largest = 0
  for (let i = 0; i < n; i++) largest = Math.max(largest, Math.abs(M[x + i]!))
  return largest
}

function transpose(
  M: Float64Array,
  m: number,
  n: number,
  a: number,
  lda: number,
  b: number,
  ldb: number,
): void {
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) M[b + j * ldb + i] = M[a + i * lda + j]!
}

function rot(M: Float64Array, n: number, x: number, y: number, c: number, s: number): void {
  for (let i = 0; i < n; i++) {
    const [xi, yi] = [M[x + i]!, M[y + i]!]
    M[x + i] = c * xi + s * yi
    M[y + i] = c * yi - s * xi
  }
}

function qrPanel(M: Float64Array, m: number, n: number, a: number, lda: number, tau: number): void {
  for (let j = 0; j < Math.min(m, n); j++) {
    const x = a + j * lda + j
    const t = reflector(M, m - j, x)
    M[tau + j] = t
    for (let c = x + lda; c < a + n * lda; c += lda) {
      const w = t * (M[c]! + dot(M, m - j - 1, x + 1, c + 1))
      M[c]! -= w
      axpy(M, m - j - 1, -w, x + 1, c + 1)
    }
  }
}

/** Makes x into (beta, v) with (I − tau·v·vᵀ)·x = beta·e, v[0] = 1 implied, and gives tau. */
function reflector(M: Float64Array, n: number, x: number): number {
  let scale = 1
  const size = maxAbs(M, n, x)
  if (size < 1e-292) scale = 2 ** 900
  else if (size > 1e300) scale = 2 ** -900
  const scaled = (i: number): number => M[x + i]! * scale
  let sigma = 0
  for (let i = 1; i < n; i++) sigma = Math.hypot(sigma, scaled(i))
  if (sigma === 0) return 0
  const first = scaled(0)
  const beta = first < 0 ? Math.hypot(first, sigma) : -Math.hypot(first, sigma)
  for (let i = 1; i < n; i++) M[x + i] = scaled(i) / (first - beta)
  M[x] = beta / scale
  return (beta - first) / beta
}

function jacobiRows(
  M: Float64Array,
  m: number,
  n: number,
  u: number,
  ldu: number,
  nv: number,
  v: number,
  ldv: number,
  p0: number,
  p1: number,
  tol: number,
): number {
  let rotations = 0
  for (let p = p0; p < p1; p++) {
    for (let q = p + 1; q < n; q++) {
      const [up, uq] = [u + p * ldu, u + q * ldu]
      const [np, nq] = [nrm2(M, m, up), nrm2(M, m, uq)]
      if (np === 0 || nq === 0) continue
      let cosine = 0
      for (let i = 0; i < m; i++) cosine += (M[up + i]! / np) * (M[uq + i]! / nq)
      if (Math.abs(cosine) <= tol) continue
      const zeta = (nq / np - np / nq) / (2 * cosine)
      const t = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.hypot(1, zeta))
      if (t === 0) continue
      const c = 1 / Math.hypot(1, t)
      rot(M, m, up, uq, c, -c * t)
      rot(M, nv, v + p * ldv, v + q * ldv, c, -c * t)
      rotations++
    }
  }
  return rotations
}

function butterflyLevel(
  M: Float64Array,
  n: number,
  s: number,
  k: number,
  m: number,
  w: number,
  x: number,
): void {
  const half = n / 2
  for (let p = 0; p < half; p++) {
    const a = x + k * (2 * s * Math.floor(p / s) + (p % s))
    const [t00, t01] = [M[w + (p % m)]!, M[w + m + (p % m)]!]
    const [t10, t11] = [M[w + 2 * m + (p % m)]!, M[w + 3 * m + (p % m)]!]
    for (let c = 0; c < k; c++) {
      const [u, v] = [M[a + c]!, M[a + k * s + c]!]
      M[a + c] = t00 * u + t01 * v
      M[a + k * s + c] = t10 * u + t11 * v
    }
  }
}

function butterflyLevelComplex(
  M: Float64Array,
  n: number,
  s: number,
  k: number,
  m: number,
  w: number,
  wi: number,
  x: number,
  xi: number,
): void {
  const half = n / 2
  for (let p = 0; p < half; p++) {
    const a = k * (2 * s * Math.floor(p / s) + (p % s))
    const [r, i] = [w, wi].map((at) => [0, 1, 2, 3].map((entry) => M[at + entry * m + (p % m)]!))
    for (let c = a; c < a + k; c++) {
      const [u, ui, v, vi] = [M[x + c]!, M[xi + c]!, M[x + c + k * s]!, M[xi + c + k * s]!]
      for (const [row, at] of [c, c + k * s].entries()) {
        const [r0, r1, i0, i1] = [r![2 * row]!, r![2 * row + 1]!, i![2 * row]!, i![2 * row + 1]!]
        M[x + at] = r0 * u - i0 * ui + r1 * v - i1 * vi
        M[xi + at] = r0 * ui + i0 * u + r1 * vi + i1 * v
      }
    }
  }
}

function fourierLevel(
  M: Float64Array,
  n: number,
  s: number,
  k: number,
  m: number,
  w: number,
  wi: number,
  x: number,
  xi: number,
): void {
  for (let p = 0; p < n / 2; p++) {
    const a = k * (2 * s * Math.floor(p / s) + (p % s))
    const [c, d] = [M[w + (p % m)]!, M[wi + (p % m)]!]
    for (let e = a; e < a + k; e++) {
      const [v, vi] = [M[x + e + k * s]!, M[xi + e + k * s]!]
      const [y, yi] = [c * v - d * vi, c * vi + d * v]
      M[x + e + k * s] = M[x + e]! - y
      M[xi + e + k * s] = M[xi + e]! - yi
      M[x + e]! += y
      M[xi + e]! += yi
    }
  }
}
