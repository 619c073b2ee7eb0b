// The dense kernels: what the WebAssembly variants export and plain.ts says in TypeScript. A pointer is a
// byte address in the memory of a workspace, a multiple of the element size; strides and sizes count
// elements. Sizes may be 0. Operands that are written overlap no other operand.

export interface Kernels {
  /**
   * C = alpha·A·B + beta·C in float64; C is m × n, A is m × k, B is k × n. Element (i, j) of X lies at
   * x + 8·(i·rs + j·cs), strides >= 0. Where beta is 0, C is not read, so it may hold NaN; where alpha or k
   * is 0, A and B are not read.
   */
  gemm(
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
  ): void

  /** The same in float32: elements of 4 bytes, sums in float32. */
  gemm32: Kernels['gemm']

  /** xᵀy. */
  dot(n: number, x: number, y: number): number

  /** y += alpha·x. */
  axpy(n: number, alpha: number, x: number, y: number): void

  /** x = alpha·x. */
  scal(n: number, alpha: number, x: number): void

  /** ‖x‖₂ without overflow or underflow on the way. */
  nrm2(n: number, x: number): number

  /** The largest |xᵢ|; 0 for n = 0, NaN where one is NaN. */
  maxAbs(n: number, x: number): number

  /** B[j·ldb + i] = A[i·lda + j] for the m × n matrix A. */
  transpose(m: number, n: number, a: number, lda: number, b: number, ldb: number): void

  /** (x, y) = (c·x + s·y, c·y − s·x). */
  rot(n: number, x: number, y: number, c: number, s: number): void

  /**
   * Unblocked Householder QR of the column-major m × n panel at `a`, in the convention of LAPACK's dgeqr2:
   * Q = H₀·H₁·…, Hⱼ = I − tauⱼ·vⱼ·vⱼᵀ, vⱼ below the diagonal with its leading 1 implied, R on and above it.
   * A column that is zero below the diagonal has tau 0. `tau` receives min(m, n) numbers.
   */
  qrPanel(m: number, n: number, a: number, lda: number, tau: number): void

  /**
   * One-sided Jacobi: rotates columns p in [p0, p1) with all q > p of the column-major m × n matrix U, so
   * that each pair becomes orthogonal, and the columns of the nv × n matrix V alike (nv may be 0). A pair
   * with |u_p·u_q| <= tol·|u_p||u_q| is left. Returns the number of rotations. Columns may be of any size;
   * one that is 1e-290 times smaller than another counts as zero beside it.
   */
  jacobiRows(
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
  ): number

  /**
   * One pass of a Stockham FFT (forward, e^{−2πi…}) of radix r = 2, 3, 4 or 5 over r·m·s complex numbers, real
   * and imaginary parts apart: y[q + s·(r·p + j)] = w^{j·p}·Σₖ x[q + s·(p + m·k)]·e^{−2πi·jk/r}, w = e^{−2πi/(r·m)},
   * for p in [p0, p1) and q in [q0, q1); both ranges within 0 ≤ p < m and 0 ≤ q < s, the latter whole where s is
   * 1. At `w` lie 2(r − 1) rows of m factors: real and imaginary parts of w^{p}, of w^{2p}, ….
   */
  fftPass(
    radix: number,
    m: number,
    s: number,
    p0: number,
    p1: number,
    q0: number,
    q1: number,
    w: number,
    xre: number,
    xim: number,
    yre: number,
    yim: number,
  ): void

  /** The Walsh–Hadamard transform of n neighbours in place, natural order, not scaled; n a power of two. */
  fwhtBlock(n: number, x: number): void

  /**
   * The same over 2^levels points (levels 1, 2 or 3) that lie h apart, for `count` neighbouring starts at once;
   * count is even and at most h.
   */
  fwhtLevels(levels: number, count: number, h: number, x: number): void

  /**
   * Y = A·X for `rows` compressed rows of A: Y is rows × k, X has k numbers per row, both row-major. `pointers`
   * (int32, rows + 1 of them) bound the rows' entries, counted from the first; `indices` (int32) and `values`
   * hold them from there on.
   */
  csrTimes(
    rows: number,
    k: number,
    pointers: number,
    indices: number,
    values: number,
    x: number,
    y: number,
  ): void

  /** X += Aᵀ·Y, the same shapes. */
  csrAdjointTimes(
    rows: number,
    k: number,
    pointers: number,
    indices: number,
    values: number,
    y: number,
    x: number,
  ): void
}

/** What of WebAssembly.Memory is used, so that the plain kernels can have a memory too. */
export interface KernelMemory {
  /** A new one after each growth; the old one is empty then. */
  readonly buffer: ArrayBufferLike
  /** Grows by pages of 64 KiB, with zeros; throws RangeError where there is no more. */
  grow(pages: number): number
}

/** Kernels with a memory of their own. Bytes from `base` on are free. */
export interface KernelInstance {
  readonly kernels: Kernels
  readonly memory: KernelMemory
  readonly base: number
}

export type KernelVariant = 'relaxed' | 'simd' | 'plain'

/** Bytes of one page of memory. */
export const PAGE = 65536
