import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dense } from '../../src/linalg/arrays.js'
import { symmetricEigenSteps } from '../../src/linalg/dense/eigh.js'
import { ConvergenceError, eigh, norm, transpose, zeros } from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { runSync } from '../../src/linalg/steps.js'
import { gallery, orthonormal } from '../../src/testing/index.js'
import { LAYOUTS, RUNS, SPECTRA, mixedEntries, relaid } from '../support/cases.js'
import {
  EPS,
  YARDSTICK,
  assembled,
  expectOriented,
  orthogonalityUnits,
  residualUnits,
  times,
} from '../support/measures.js'

type Spectrum = keyof typeof SPECTRA

interface SymmetricCase {
  readonly seed: number
  readonly n: number
  readonly spectrum: Spectrum
  readonly signs: 'positive' | 'mixed'
  readonly scale: number
  readonly layout: (typeof LAYOUTS)[number]
}

const symmetricCases = (maxSide = 60): fc.Arbitrary<SymmetricCase> =>
  fc.record({
    seed: fc.nat(2 ** 31 - 1),
    n: fc.integer({ min: 0, max: maxSide }),
    spectrum: fc.constantFrom(...(Object.keys(SPECTRA) as Spectrum[])),
    signs: fc.constantFrom('positive', 'mixed'),
    scale: fc.constantFrom(0, 150, -150),
    layout: fc.constantFrom(...LAYOUTS),
  })

/** Ascending. */
const valuesOf = ({ n, spectrum, signs, scale }: SymmetricCase): Float64Array =>
  SPECTRA[spectrum](n)
    .map((value, j) => value * 10 ** scale * (signs === 'mixed' && j % 2 ? -1 : 1))
    .sort()

/** Q·diag(values)·Qᵀ, its lower triangle copied to the upper. */
function build(c: SymmetricCase): Matrix {
  const Q = orthonormal(c.n, c.n, { seed: c.seed })
  return relaid(symmetrized(assembled(Q, valuesOf(c), transpose(Q))), c.layout)
}

function symmetrized(A: Matrix): Matrix {
  const n = A.shape[0]!
  const S = zeros([n, n])
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) S.set(i, j, A.get(Math.max(i, j), Math.min(i, j)))
  return S
}

function expectEigen(A: Matrix, values: Float64Array, vectors: Matrix): void {
  const n = A.shape[0]!
  expect(vectors.shape).toEqual([n, n])
  expect(residualUnits(A, assembled(vectors, values, transpose(vectors)))).toBeLessThan(YARDSTICK)
  expect(orthogonalityUnits(vectors)).toBeLessThan(YARDSTICK)
  expect(values).toEqual(values.slice().sort())
  expectOriented(vectors)
}

describe('eigh', () => {
  test('A = V·Λ·Vᵀ with V orthogonal, Λ ascending and as the matrix was made', () => {
    fc.assert(
      fc.property(symmetricCases(), (c) => {
        const A = build(c)
        const { values, vectors } = eigh(A)
        expectEigen(A, values, vectors)
        // Weyl, for the rounding in making A and in the decomposition.
        const room = YARDSTICK * EPS * c.n * norm(A)
        valuesOf(c).forEach((truth, j) => expect(Math.abs(values[j]! - truth)).toBeLessThanOrEqual(room))
      }),
      RUNS,
    )
  })

  test('with narrow panels and small batches, and without vectors to the bit', () => {
    fc.assert(
      fc.property(symmetricCases(40), fc.integer({ min: 1, max: 9 }), (c, width) => {
        const A = build(c)
        const run = (vectors: 'full' | 'none'): ReturnType<typeof eigh> =>
          runSync(symmetricEigenSteps(dense(A), vectors, { width, batch: 8 }))
        const { values, vectors } = run('full')
        expectEigen(A, values, vectors)
        expect(run('none').values).toEqual(values)
        expect(eigh(A, { vectors: 'none' }).values).toEqual(eigh(A).values)
      }),
      RUNS,
    )
  })

  test('sides around the edges of panels and strips', () => {
    for (const n of [31, 32, 33, 34, 63, 64, 65, 66, 96, 97, 130]) {
      for (const spectrum of ['flat', 'exponential', 'polynomial'] as const) {
        const A = build({ seed: n, n, spectrum, signs: 'mixed', scale: 0, layout: 'rows' })
        const { values, vectors } = eigh(A)
        expectEigen(A, values, vectors)
      }
    }
  })

  test('tridiagonal matrices of entries of all sizes', () => {
    fc.assert(
      fc.property(mixedEntries, (entries) => {
        const n = entries.length
        const A = zeros([n, n])
        entries.forEach(([x, y], i) => {
          A.set(i, i, x)
          if (i > 0) A.set(i - 1, i, y)
          if (i > 0) A.set(i, i - 1, y)
        })
        const { values, vectors } = eigh(A)
        expectEigen(A, values, vectors)
      }),
      { ...RUNS, numRuns: 400 },
    )
  })

  test('the gallery', () => {
    const n = 60
    const tridiagonal = (diagonal: (i: number) => number, beside: (i: number) => number): Matrix => {
      const A = zeros([n, n])
      for (let i = 0; i < n; i++) {
        A.set(i, i, diagonal(i))
        if (i > 0) A.set(i, i - 1, beside(i))
        if (i > 0) A.set(i - 1, i, beside(i))
      }
      return A
    }
    const graded = (power: (i: number, j: number) => number): Matrix => {
      const A = zeros([n, n])
      for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) A.set(i, j, power(i, j) * Math.cos(i * j))
      return A
    }
    const hard: Record<string, Matrix> = {
      hilbert: gallery.hilbert(n),
      'Kahan, KᵀK': symmetrized(times(gallery.kahan(n), gallery.kahan(n), true)),
      'Wilkinson W+': tridiagonal(
        (i) => Math.abs(i - (n - 1) / 2),
        () => 1,
      ),
      'glued Wilkinson': tridiagonal(
        (i) => Math.abs((i % 20) - 9.5),
        (i) => (i % 20 === 0 ? 1e-14 : 1),
      ),
      'graded down': graded((i, j) => 10 ** (-(i + j) / 5)),
      'graded up': graded((i, j) => 10 ** ((i + j) / 5 - (2 * n) / 5)),
      diagonal: tridiagonal(
        (i) => (i * 7) % 13,
        () => 0,
      ),
      'subnormal beside one': tridiagonal(
        (i) => (i === 0 ? 1 : 2 ** -1060),
        () => 2 ** -1050,
      ),
      ones: onesOf(n),
      'Golub–Kahan': golubKahan(n),
    }
    for (const [name, A] of Object.entries(hard)) {
      const { values, vectors } = eigh(A)
      expect(residualUnits(A, assembled(vectors, values, transpose(vectors))), name).toBeLessThan(YARDSTICK)
      expect(orthogonalityUnits(vectors), name).toBeLessThan(YARDSTICK)
    }
  })

  test('stopped early, it throws with what it had reached', () => {
    const A = build({ seed: 1, n: 30, spectrum: 'polynomial', signs: 'mixed', scale: 0, layout: 'rows' })
    try {
      runSync(symmetricEigenSteps(dense(A), 'full', { maxSweeps: 1 }))
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(ConvergenceError)
      const { best, residual, iterations } = error as ConvergenceError<ReturnType<typeof eigh>>
      expect(iterations).toBe(30)
      expect(residual).toBeGreaterThan(0)
      expect(orthogonalityUnits(best!.vectors)).toBeLessThan(YARDSTICK)
      // V is orthogonal and VᵀAV is tridiagonal with at most `residual` beside its diagonal.
      const D = assembled(best!.vectors, best!.values, transpose(best!.vectors))
      const difference = zeros([30, 30])
      for (let t = 0; t < 900; t++) difference.data[t] = A.data[t]! - D.data[t]!
      expect(norm(difference, 2)).toBeLessThanOrEqual(2 * residual + YARDSTICK * EPS * 30)
    }
  })
})

function onesOf(n: number): Matrix {
  const A = zeros([n, n])
  A.data.fill(1)
  return A
}

/** [0 B; Bᵀ 0] for the bidiagonal B of ones: its eigenvalues come in pairs ±σ. */
function golubKahan(n: number): Matrix {
  const A = zeros([n, n])
  const k = n / 2
  for (let i = 0; i < k; i++) {
    for (const j of [i, i + 1]) {
      if (j >= k) continue
      A.set(i, k + j, 1)
      A.set(k + j, i, 1)
    }
  }
  return A
}
