import { dense, wrap } from '../arrays.js'
import type { Dense, Matrix } from '../arrays.js'
import { symmetricEigenSteps } from './eigh.js'
import type { Steps } from '../steps.js'

/** W, r × k, with H⁺ = WᵀW for a positive semidefinite H of rank r: ‖W·g‖² = gᵀH⁺g. */
export type BlockRoot = Matrix

/**
 * The root of the pseudo-inverse of a small symmetric positive semidefinite matrix, by the eigenvectors of
 * D·H·D with unit diagonal, so that a row is not lost for being small. Its eigenvalues up to k·eps times the
 * largest count as 0.
 */
export function* blockRootSteps(H: Dense): Steps<BlockRoot> {
  const { data, offset, rows: k, rs, cs } = H
  const d = Float64Array.from({ length: k }, (_, i) => {
    const diagonal = data[offset + i * (rs + cs)]!
    return diagonal > 0 ? 1 / Math.sqrt(diagonal) : 0
  })
  const S = new Float64Array(k * k)
  for (let i = 0; i < k; i++) {
    for (let j = 0; j < k; j++) S[i * k + j] = d[i]! * data[offset + i * rs + j * cs]! * d[j]!
  }
  const { values, vectors } = yield* symmetricEigenSteps(dense(wrap(S, k, k)), 'full')
  const cut = k * 2 ** -52 * (values.at(-1) ?? 0)
  const first = values.findIndex((value) => value > cut)
  const rank = first < 0 ? 0 : k - first
  const W = new Float64Array(rank * k)
  for (let r = 0; r < rank; r++) {
    const weight = 1 / Math.sqrt(values[k - 1 - r]!)
    for (let j = 0; j < k; j++) W[r * k + j] = weight * vectors.data[j * k + k - 1 - r]! * d[j]!
  }
  return wrap(W, rank, k)
}

/** W·g[indices], for a g of which W sees only these. */
export function rootTimes(W: BlockRoot, g: Float64Array, indices: ArrayLike<number>): Float64Array {
  const [rank = 0, k = 0] = W.shape
  const out = new Float64Array(rank)
  for (let r = 0, e = 0; r < rank; r++) {
    let total = 0
    for (let j = 0; j < k; j++, e++) total += W.data[e]! * g[indices[j]!]!
    out[r] = total
  }
  return out
}

/** Wᵀ·y */
export function rootAdjointTimes(W: BlockRoot, y: Float64Array): Float64Array {
  const [rank = 0, k = 0] = W.shape
  const out = new Float64Array(k)
  for (let r = 0, e = 0; r < rank; r++) for (let j = 0; j < k; j++, e++) out[j]! += W.data[e]! * y[r]!
  return out
}
