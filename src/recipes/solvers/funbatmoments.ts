import { wrap } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import type { Site, Smoothed } from './statespace.js'

// Expectations of a functional Tucker model: y = Σ W[r₁, …]·u₁[r₁]·u₂[r₂]·… with Gaussian W and independent uₙ, whose
// entries are in row-major order, as those of Kronecker products are.

/** W as a Gaussian: mean, and covariance, P × P with P = ΠRₙ. */
export interface Core {
  readonly mean: Float64Array
  readonly covariance: Matrix
}

/** E[uuᵀ] of a factor at coordinate j. */
function second({ means, covariances }: Smoothed, j: number): Float64Array {
  const m = means[j]!
  const R = m.length
  return covariances[j]!.data.map((c, e) => c + m[Math.floor(e / R)]! * m[e % R]!)
}

/** Kronecker product of square matrices; of vectors where `side` is 1. */
function kron(a: Float64Array, m: number, b: Float64Array, n: number): Float64Array {
  const out = new Float64Array(a.length * b.length)
  const [ca, cb] = [a.length / m, b.length / n]
  for (let i = 0, o = 0; i < m; i++) {
    for (let k = 0; k < n; k++) {
      for (let j = 0; j < ca; j++) for (let l = 0; l < cb; l++, o++) out[o] = a[i * ca + j]! * b[k * cb + l]!
    }
  }
  return out
}

/** ⊗ mₙ and ⊗ E[uₙuₙᵀ] of the factors at one observation, but for mode `skip`. */
export function products(
  factors: readonly Smoothed[],
  places: readonly Int32Array[],
  i: number,
  skip = -1,
): { mean: Float64Array; moment: Float64Array } {
  let mean: Float64Array = Float64Array.of(1)
  let moment: Float64Array = Float64Array.of(1)
  factors.forEach((factor, n) => {
    if (n === skip) return
    const j = places[n]![i]!
    const size = mean.length
    moment = kron(moment, size, second(factor, j), factor.means[j]!.length)
    mean = kron(mean, size, factor.means[j]!, factor.means[j]!.length)
  })
  return { mean, moment }
}

/** Index of W with r in mode n and q in the others. */
function places(ranks: readonly number[], n: number): (r: number, q: number) => number {
  const inner = ranks.slice(n + 1).reduce((product, R) => product * R, 1)
  return (r, q) => (Math.floor(q / inner) * ranks[n]! + r) * inner + (q % inner)
}

/** The sites of mode n: what all observations at a coordinate say of its values there, given the rest. */
export function sitesOf(
  n: number,
  ranks: readonly number[],
  count: number,
  { mean, covariance }: Core,
  factors: readonly Smoothed[],
  where: readonly Int32Array[],
  y: Float64Array,
  tau: number,
): Site[] {
  const R = ranks[n]!
  const P = mean.length
  const Q = P / R
  const index = places(ranks, n)
  const sites = Array.from({ length: count }, () => ({
    precision: wrap(new Float64Array(R * R), R, R),
    shift: new Float64Array(R),
  }))
  for (let i = 0; i < y.length; i++) {
    const { mean: z, moment } = products(factors, where, i, n)
    const { precision, shift } = sites[where[n]![i]!]!
    for (let r = 0; r < R; r++) {
      let b = 0
      for (let q = 0; q < Q; q++) b += mean[index(r, q)]! * z[q]!
      shift[r]! += tau * y[i]! * b
      for (let s = 0; s < R; s++) {
        let sum = 0
        for (let q = 0, e = 0; q < Q; q++) {
          const a = index(r, q)
          for (let k = 0; k < Q; k++, e++) {
            const c = index(s, k)
            sum += (mean[a]! * mean[c]! + covariance.data[a * P + c]!) * moment[e]!
          }
        }
        precision.data[r * R + s]! += tau * sum
      }
    }
  }
  return sites
}

/** KL(q(u)‖p(u)) of a factor: E_q[log sites] − log ∫ p·sites. */
export function divergence(sites: readonly Site[], smoothed: Smoothed): number {
  let sum = -smoothed.logEvidence
  sites.forEach(({ precision, shift }, j) => {
    const moment = second(smoothed, j)
    precision.data.forEach((x, e) => (sum -= (x * moment[e]!) / 2))
    smoothed.means[j]!.forEach((x, r) => (sum += x * shift[r]!))
  })
  return sum
}
