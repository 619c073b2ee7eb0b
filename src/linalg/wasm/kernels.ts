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

  /** xᵀy for x of float32: products and sums in float64. */
  dot32(n: number, x: number, y: number): number

  /** y += alpha·x for x of float32 and y of float64. */
  axpy32(n: number, alpha: number, x: number, y: number): void

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
   * Unblocked LU of the column-major m × n panel at `a`: unit L below the diagonal, U on and above it.
   * With `pivoting` (1) rows are exchanged within the panel, and pivots[j] (a float64, counted from
   * the top of the panel) is the row that changed places with row j; a column that is zero below U stays. Returns n.
   * Without (0) no row moves, `pivots` is not written, and a zero pivot above anything else ends the call,
   * which returns its index.
   */
  luPanel(m: number, n: number, a: number, lda: number, pivots: number, pivoting: number): number

  /**
   * Unblocked Cholesky of the column-major m × n panel at `a`, m >= n, of which nothing above the diagonal
   * is touched: L takes the place of the rest. Returns n, or the index of a pivot that is not positive.
   */
  choleskyPanel(m: number, n: number, a: number, lda: number): number

  /**
   * One step of Gaussian elimination with the entry at `a` of a column-major m × n matrix: divides the column
   * below by it, unless it is 0, and subtracts column times row from the rest. Returns j·m + i for the entry
   * (i, j) of largest magnitude of the rest; 0 where all of it is 0.
   */
  eliminate(m: number, n: number, a: number, lda: number): number

  /**
   * T·X = B by substitution for an n × n triangle T with entry (i, j) at t + 8·(i·trs + j·tcs): lower, or
   * `upper` (1); its diagonal counts as ones where `unit` (1). X takes the place of B: n rows of r contiguous
   * numbers, ldx apart.
   */
  solveRows(
    n: number,
    r: number,
    t: number,
    trs: number,
    tcs: number,
    upper: number,
    unit: number,
    x: number,
    ldx: number,
  ): void

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
   * y = A·x for a symmetric column-major n × n matrix A, of which only the lower triangle is read.
   * 2n² flops, n²/2 numbers read.
   */
  symv(n: number, a: number, lda: number, x: number, y: number): void

  /**
   * Applies `count` sweeps of plane rotations to the column-major m × n matrix at `a`, from the right. A
   * rotation makes columns (x, y), neighbours, into (c·x + s·y, c·y − s·x). A sweep is the numbers first,
   * length, and then length pairs c, s: for columns (first, first + 1), (first + 1, first + 2), …, or, where
   * length is negative, (first, first + 1), (first − 1, first), … `work` has room for 8n numbers. 6 flops
   * for each row and rotation; each entry of A is read and written once in all.
   */
  rotateColumns(
    m: number,
    n: number,
    a: number,
    lda: number,
    count: number,
    sweeps: number,
    work: number,
  ): void

  /**
   * Chases the bulge of a Francis double-shift step through columns [k0, k1) of the column-major Hessenberg
   * matrix H, whose active block ends with row `last` (k1 <= last). Step k reflects rows k, k + 1, k + 2 (the
   * last step, k = last - 1, two rows) by I - t·(1, v2, v3)ᵀ·(1, v2, v3); at k = start it is made from the
   * three numbers at v, else from column k - 1. Only the window of rows k0 … min(k1 + 2, last) and columns
   * k0 … min(k1 + 1, last) is brought up to date; (t, v2, v3) of each step go to `refl`, for the rest.
   */
  chase(
    h: number,
    ldh: number,
    start: number,
    k0: number,
    k1: number,
    last: number,
    v: number,
    refl: number,
  ): void

  /**
   * Applies a chain of `steps` reflectors (t, v2, v3) from the right to the m rows at x: step k acts on columns
   * k, k + 1, k + 2 of the column-major X. Where tail is 1, one of two columns follows.
   */
  reflectRight(steps: number, tail: number, refl: number, m: number, x: number, ldx: number): void

  /** The same from the left to the n columns at x: step k acts on rows k, k + 1, k + 2. */
  reflectLeft(steps: number, tail: number, refl: number, n: number, x: number, ldx: number): void

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
   * One level of a butterfly matrix, in place, on n rows of k numbers, n a power of two: the pair p < n/2 is rows
   * a = 2s·⌊p/s⌋ + (p mod s) and a + s, and is multiplied by a 2 × 2 matrix. There are m of these, n/2 or s: it is number
   * p mod m, whose entries lie that many numbers from t, t + 8m, t + 16m and t + 24m.
   */
  butterflyLevel(n: number, s: number, k: number, m: number, t: number, x: number): void

  /** The same of complex numbers, imaginary parts at `ti` and `xi`. */
  butterflyLevelComplex(
    n: number,
    s: number,
    k: number,
    m: number,
    t: number,
    ti: number,
    x: number,
    xi: number,
  ): void

  /** The same for matrices [[1, w], [1, −w]], as those of a Fourier transform are; at `w` and `wi` lie m numbers. */
  fourierLevel(n: number, s: number, k: number, m: number, w: number, wi: number, x: number, xi: number): void

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

  /**
   * C[i·ldc + j] = Σₖ |xᵢₖ − yⱼₖ| (power 1) or Σₖ (xᵢₖ − yⱼₖ)² (power 2) for m rows of d contiguous numbers at
   * x and n rows at y, n a multiple of 4. Those at y lie in panels of four, each transposed: yⱼₖ is number
   * 4·d·⌊j/4⌋ + 4·k + j mod 4.
   */
  distances(
    power: number,
    m: number,
    n: number,
    d: number,
    x: number,
    y: number,
    c: number,
    ldc: number,
  ): void

  /** x = e^{−alpha·x} of n numbers x >= 0, alpha > 0: within 2 eps for the rounded alpha·x, 0 where that is above 708. */
  expNegative(n: number, alpha: number, x: number): void

  /**
   * w[e] = xᵢ·f[indices[e]] for the entries e of each compressed row i: X is rows × k, F has k numbers per row, both
   * row-major.
   */
  csrDots(rows: number, k: number, pointers: number, indices: number, x: number, f: number, w: number): void

  /**
   * G += Σ f·fᵀ over the rows `indices` (int32, `count` of them) of F, row-major of k numbers, k a multiple of 4. Of
   * G, column-major k × k, tiles of 4 × 4 above the diagonal are left alone.
   */
  gatherGram(count: number, k: number, indices: number, f: number, g: number): void
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
