import fc from 'fast-check'
import ndarray from 'ndarray'
import { zeros } from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { orthonormal, spectra, withSpectrum } from '../../src/testing/index.js'
import { assembled } from './measures.js'

// Hard matrices as (seed, shape, spectrum, scale, layout): small, printable, and shrinking to the plain case.
// fast-check prints the counterexample and the seed and path that replay it.

export const SPECTRA = {
  flat: (p: number) => new Float64Array(p).fill(1),
  polynomial: (p: number) => spectra.polynomial(p),
  exponential: (p: number) => spectra.exponential(p),
  graded: (p: number) => spectra.exponential(p, 40 / Math.max(p, 1)),
  clustered: (p: number) => spectra.staircase(p, 3, 1e-4),
  nearlyEqual: (p: number) => Float64Array.from({ length: p }, (_, j) => 1 - j * 2 ** -50),
  deficient: (p: number) => spectra.deficient(p, Math.floor(p / 2)),
  rankOne: (p: number) => spectra.deficient(p, Math.min(p, 1)),
  zero: (p: number) => new Float64Array(p),
} as const
type SpectrumName = keyof typeof SPECTRA

/** How the same entries lie in memory. */
export const LAYOUTS = ['rows', 'columns', 'sliced', 'reversed', 'strided'] as const
type Layout = (typeof LAYOUTS)[number]

export interface Case {
  readonly seed: number
  readonly m: number
  readonly n: number
  readonly spectrum: SpectrumName
  /** The matrix is multiplied by 10^scale. */
  readonly scale: number
  readonly layout: Layout
}

export interface CaseOptions {
  readonly maxSide?: number
  readonly minSide?: number
  readonly spectra?: readonly SpectrumName[]
  readonly scales?: readonly number[]
}

/** Matrices of any shape up to maxSide, of every spectrum, scale and layout. */
export function cases(options: CaseOptions = {}): fc.Arbitrary<Case> {
  const { maxSide = 60, minSide = 0, scales = [0, 150, -150] } = options
  const names = options.spectra ?? (Object.keys(SPECTRA) as SpectrumName[])
  const side = fc.integer({ min: minSide, max: maxSide })
  return fc.record({
    seed: fc.nat(2 ** 31 - 1),
    m: side,
    n: side,
    spectrum: fc.constantFrom(...names),
    scale: fc.constantFrom(...scales),
    layout: fc.constantFrom(...LAYOUTS),
  })
}

/** The singular values of a case, descending. */
export const spectrumOf = ({ m, n, spectrum, scale }: Case): Float64Array =>
  SPECTRA[spectrum](Math.min(m, n)).map((s) => s * 10 ** scale)

/** The matrix of a case. */
export function build(c: Case): Matrix {
  return relaid(withSpectrum(c.m, c.n, spectrumOf(c), { seed: c.seed }), c.layout)
}

/** A symmetric matrix of given eigenvalues, with random eigenvectors. */
export function symmetric(values: ArrayLike<number>, seed = 0): Matrix {
  const Q = orthonormal(values.length, values.length, { seed })
  return assembled(Q, values, Q.transpose(1, 0))
}

/** The same entries in another layout. */
export function relaid(A: Matrix, layout: Layout): Matrix {
  const [m = 0, n = 0] = A.shape
  switch (layout) {
    case 'rows':
      return A
    case 'columns':
      return copyInto(zeros([n, m]).transpose(1, 0), A)
    case 'sliced':
      return copyInto(
        zeros([m + 3, n + 2])
          .lo(2, 1)
          .hi(m, n),
        A,
      )
    case 'reversed':
      return m * n === 0 ? A : copyInto(zeros([m, n]).step(-1, -1), A)
    case 'strided':
      return copyInto(ndarray(new Float64Array(6 * m * n), [m, n], [6 * n, 3], 0), A)
  }
}

function copyInto(target: Matrix, A: Matrix): Matrix {
  const [m = 0, n = 0] = A.shape
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) target.set(i, j, A.get(i, j))
  return target
}

/** Numbers that make QR iterations meet zeros, clusters, underflow and subnormal numbers. */
const MIXTURES = [
  [1, 1e-160],
  [1, 1e-160, 1e-300, 2 ** -1070],
  [0, 1, -1],
  [1, 1 + 2 ** -50, 2 ** -52],
  [0, 1, -1, 1 + 2 ** -50, 2 ** -52, 1e-8, 1e-160, -1e-160, 1e-300],
]

/** The pairs (dᵢ, eᵢ) of a bidiagonal or tridiagonal matrix whose norm is not subnormal. */
export const mixedEntries: fc.Arbitrary<[number, number][]> = fc
  .constantFrom(...MIXTURES)
  .chain((mixture) => {
    const entry = fc.constantFrom(...mixture)
    return fc.array(fc.tuple(entry, entry), { minLength: 1, maxLength: 40, size: 'max' })
  })
  .filter((entries) => entries.some(([x]) => Math.abs(x) > 1e-200))

/** How often a law is tried; seeds are fixed, so a run is the same everywhere. */
export const RUNS = { numRuns: 60, seed: 20260101, endOnFailure: false } as const
