import { dense, flip } from '../linalg/arrays.js'
import type { Matrix } from '../linalg/arrays.js'
import { asVector, wrap } from '../linalg/arrays.js'
import { ShapeError } from '../linalg/errors.js'
import { multiplySteps } from '../linalg/dense/multiply.js'
import { integer, readOptions, seed as seedOption } from '../linalg/options.js'
import { orthonormalizeSteps } from '../linalg/dense/qr.js'
import { STREAM, normalBlock } from '../linalg/random.js'
import type { RandomOptions } from '../linalg/random.js'
import { runSync } from '../linalg/steps.js'

/**
 * A random m × k matrix with orthonormal columns (m ≥ k), uniform up to the signs of its columns.
 *
 * @example
 * ```ts
 * import { orthonormal } from 'lowrank/testing'
 * const Q = orthonormal(10, 3, { seed: 1 })
 * ```
 */
export function orthonormal(m: number, k: number, options?: RandomOptions): Matrix {
  const { seed } = readOptions('orthonormal', options, { seed: seedOption })
  return basis(m, k, seed, STREAM.orthogonal)
}

function basis(m: number, k: number, seed: number, stream: number): Matrix {
  if (!(m >= k)) {
    throw new ShapeError({ fn: 'orthonormal', argument: 'k', expected: `at most m = ${m}`, given: String(k) })
  }
  const G = wrap(normalBlock({ seed, stream, i0: 0, i1: m, j0: 0, j1: k }), m, k)
  return runSync(orthonormalizeSteps(G))
}

/**
 * A random m × n matrix with the singular values `s`: U·diag(s)·Vᵀ with random orthonormal U and V.
 *
 * @param s - at most min(m, n) numbers, in any order; the rest are zero.
 *
 * @example
 * ```ts
 * import { withSpectrum } from 'lowrank/testing'
 * const A = withSpectrum(40, 30, [3, 2, 1])   // rank 3
 * ```
 */
export function withSpectrum(m: number, n: number, s: ArrayLike<number>, options?: RandomOptions): Matrix {
  const fn = 'withSpectrum'
  const { seed } = readOptions(fn, options, { seed: seedOption })
  for (const [argument, value] of Object.entries({ m, n })) {
    integer(0)(value, (expected) => {
      throw new ShapeError({ fn, argument, expected, given: String(value) })
    })
  }
  const values = asVector(s, fn, 's')
  const k = values.length
  if (k > Math.min(m, n)) {
    throw new ShapeError({ fn, argument: 's', expected: `at most ${Math.min(m, n)} numbers`, given: `${k}` })
  }
  const U = basis(m, k, seed, STREAM.orthogonal)
  const V = basis(n, k, seed, STREAM.orthogonalRight)
  for (let i = 0, o = 0; i < m; i++) for (let j = 0; j < k; j++) U.data[o++]! *= values[j]!
  return runSync(multiplySteps(dense(U), flip(dense(V)))) as Matrix
}

/**
 * Decreasing sequences, as singular values of test matrices; named as in Tropp, Yurtsever, Udell, Cevher
 * 2017. Each starts at 1.
 *
 * @example
 * ```ts
 * import { spectra, withSpectrum } from 'lowrank/testing'
 * const A = withSpectrum(100, 80, spectra.exponential(80, 0.5))   // 1, 10^-0.5, 10^-1, …
 * ```
 */
export const spectra = {
  /** j^-power for j = 1 … p. */
  polynomial: (p: number, power = 1): Float64Array =>
    Float64Array.from({ length: p }, (_, j) => (j + 1) ** -power),
  /** 10^(−rate·j) for j = 0 … p − 1. */
  exponential: (p: number, rate = 0.25): Float64Array =>
    Float64Array.from({ length: p }, (_, j) => 10 ** (-rate * j)),
  /** `plateau` ones, then (j + 1)^-power. */
  plateau: (p: number, plateau: number, power = 1): Float64Array =>
    Float64Array.from({ length: p }, (_, j) => (j < plateau ? 1 : (j - plateau + 2) ** -power)),
  /** Steps of `width` equal values, each `drop` times the one before. */
  staircase: (p: number, width = 5, drop = 0.1): Float64Array =>
    Float64Array.from({ length: p }, (_, j) => drop ** Math.floor(j / width)),
  /** `rank` ones, the rest zero. */
  deficient: (p: number, rank: number): Float64Array =>
    Float64Array.from({ length: p }, (_, j) => (j < rank ? 1 : 0)),
}
