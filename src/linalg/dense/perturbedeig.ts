import { allFinite, dense, flip, packed, wrap } from '../arrays.js'
import type { Dense, Matrix } from '../arrays.js'
import { denseEigSteps } from './denseeig.js'
import type { Eigen } from './denseeig.js'
import { maxAbs } from '../magnitude.js'
import { multiplySteps } from './multiply.js'
import { STREAM, normalBlock } from '../random.js'
import type { Steps } from '../steps.js'
import { denseSvdSteps } from './svd.js'

/** The eigenvalues and eigenvectors of A + E, and what they are worth for A. */
export interface PerturbedEigen extends Eigen {
  /**
   * ‖V·Λ·V⁻¹ − A‖₂ / ‖A‖₂: the perturbation, and what rounding adds through `condition`. Infinite where V
   * is singular.
   */
  readonly backwardError: number
  /** κ₂(V) = ‖V‖₂·‖V⁻¹‖₂ of the eigenvectors: 1 for a normal matrix, infinite where V is singular. */
  readonly condition: number
}

interface Perturbation {
  readonly perturb: number
  readonly tries: number
  readonly seed: number
}

/**
 * Diagonalizes A + E for several E and keeps the one with the smallest condition number.
 *
 * All of it stays real. For a real matrix V = W·U, where U is unitary and W has √2·Re v and √2·Im v in
 * place of a conjugate pair v, v̄: the singular values of V are those of W, and V·Λ·V⁻¹ = W·M·W⁻¹ with M
 * block diagonal.
 */
export function* perturbedEigSteps(
  view: Dense,
  { perturb, tries, seed }: Perturbation,
): Steps<PerturbedEigen> {
  const n = view.rows
  const largest = maxAbs(view)
  // A power of two is exact, and keeps ‖A‖ in range.
  const scale = largest === 0 ? 1 : 2 ** Math.max(-1022, Math.min(1022, -Math.floor(Math.log2(largest))))
  const A = packed(view).map((x) => scale * x)
  const normA = yield* norm2Steps(wrap(A, n, n))

  let best: { eigen: Eigen; condition: number } | undefined
  const count = perturb === 0 || normA === 0 ? 1 : tries
  for (let t = 0; t < count; t++) {
    const E = normalBlock({ seed, stream: STREAM.perturbation, i0: t * n, i1: (t + 1) * n, j0: 0, j1: n })
    const factor = perturb === 0 || n === 0 ? 0 : (perturb * normA) / (yield* norm2Steps(wrap(E, n, n)))
    const sum = wrap(
      A.map((x, i) => x + factor * E[i]!),
      n,
      n,
    )
    const eigen = yield* denseEigSteps(dense(sum), 'right')
    const { s } = yield* denseSvdSteps(dense(realVectors(eigen)), 'none')
    const condition = n === 0 ? 1 : s[0]! / s[n - 1]!
    if (best === undefined || condition < best.condition) best = { eigen, condition }
  }
  const { eigen, condition } = best!
  const error = yield* backwardErrorSteps(wrap(A, n, n), eigen)
  return {
    ...eigen,
    re: eigen.re.map((x) => x / scale),
    im: eigen.im.map((x) => x / scale),
    backwardError: error === 0 ? 0 : error / normA,
    condition,
  }
}

/** W: the eigenvectors with √2·Re v and √2·Im v in place of v and v̄. */
function realVectors({ im, vectorsRe, vectorsIm }: Eigen): Matrix {
  const n = im.length
  const W = new Float64Array(n * n)
  for (let j = 0; j < n; j++) {
    const source = im[j]! < 0 ? vectorsIm : vectorsRe
    // The second vector of a pair is the conjugate: its imaginary part has the other sign.
    const factor = im[j] === 0 ? 1 : im[j]! > 0 ? Math.SQRT2 : -Math.SQRT2
    for (let i = 0; i < n; i++) W[i * n + j] = factor * source.data[i * n + j]!
  }
  return wrap(W, n, n)
}

/** ‖W·M·W⁻¹ − A‖₂. */
function* backwardErrorSteps(A: Matrix, eigen: Eigen): Steps<number> {
  const n = eigen.re.length
  const W = realVectors(eigen)
  const { U, s, Vt } = yield* denseSvdSteps(dense(W), 'thin')
  if (n > 0 && !(s[n - 1]! > 0)) return Infinity
  // W⁻¹ = Vtᵀ·diag(1/s)·Uᵀ
  const left = (yield* multiplySteps(dense(timesBlocks(W, eigen)), flip(dense(Vt)))) as Matrix
  for (let i = 0, o = 0; i < n; i++) for (let j = 0; j < n; j++) left.data[o++]! /= s[j]!
  const product = (yield* multiplySteps(dense(left), flip(dense(U)))) as Matrix
  // V is singular but for rounding, and its inverse beyond all numbers.
  if (!allFinite(dense(product))) return Infinity
  return yield* norm2Steps(
    wrap(
      product.data.map((x, i) => x - A.data[i]!),
      n,
      n,
    ),
  )
}

/** W·M: A·(x + iy) = (re·x − im·y) + i·(im·x + re·y). */
function timesBlocks(W: Matrix, { re, im }: Eigen): Matrix {
  const n = re.length
  const out = new Float64Array(n * n)
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      // The partner of a column: the next one of a pair's first, the one before of its second.
      const other = im[j] === 0 ? 0 : W.data[i * n + (im[j]! > 0 ? j + 1 : j - 1)]!
      out[i * n + j] = re[j]! * W.data[i * n + j]! - im[j]! * other
    }
  }
  return wrap(out, n, n)
}

function* norm2Steps(A: Matrix): Steps<number> {
  return (yield* denseSvdSteps(dense(A), 'none')).s[0] ?? 0
}
