import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dense } from '../../src/linalg/arrays.js'
import {
  ConvergenceError,
  matrix,
  norm,
  random,
  svd,
  svdvals,
  transpose,
  zeros,
} from '../../src/linalg/index.js'
import type { Matrix, SvdFactors } from '../../src/linalg/index.js'
import { runSync } from '../../src/linalg/steps.js'
import { denseSvdSteps } from '../../src/linalg/dense/svd.js'
import { gallery, orthonormal, withSpectrum } from '../../src/testing/index.js'
import { RUNS, build, cases, mixedEntries, spectrumOf } from '../support/cases.js'
import {
  EPS,
  YARDSTICK,
  assembled,
  expectDescending,
  expectOriented,
  orthogonalityUnits,
  residualUnits,
} from '../support/measures.js'

const ALGORITHMS = ['auto', 'bidiagonal', 'jacobi'] as const

function expectSvd(A: Matrix, { U, s, Vt }: SvdFactors, what = ''): void {
  const [m = 0, n = 0] = A.shape
  const p = Math.min(m, n)
  expect(residualUnits(A, assembled(U.hi(m, p), s, Vt)), what).toBeLessThan(YARDSTICK)
  expect(orthogonalityUnits(U), what).toBeLessThan(YARDSTICK)
  expect(orthogonalityUnits(transpose(Vt)), what).toBeLessThan(YARDSTICK)
  expectDescending(s)
  expectOriented(U.hi(m, p))
}

describe('svd', () => {
  test.each(ALGORITHMS)('%s: A = U·diag(s)·Vt; s does not depend on the vectors', (algorithm) => {
    fc.assert(
      fc.property(cases(), fc.constantFrom('thin', 'full'), (c, vectors) => {
        const A = build(c)
        const factors = svd(A, { vectors: vectors as 'thin', algorithm })
        expectSvd(A, factors)
        expect(svdvals(A, { algorithm })).toEqual(factors.s)
        expect(svd(A, { algorithm, vectors: 'none' }).s).toEqual(factors.s)
        const room = YARDSTICK * EPS * Math.max(c.m, c.n) * norm(A)
        spectrumOf(c).forEach((truth, j) => expect(Math.abs(factors.s[j]! - truth)).toBeLessThanOrEqual(room))
      }),
      RUNS,
    )
  })

  test('narrow panels and small batches, with and without QR first', () => {
    fc.assert(
      fc.property(
        cases({ maxSide: 40 }),
        fc.constantFrom('thin', 'full', 'none'),
        fc.record({ width: fc.integer({ min: 1, max: 9 }), tall: fc.constantFrom(1, 100) }),
        (c, vectors, tuning) => {
          const A = build(c)
          const run = (kind: 'thin' | 'full' | 'none'): SvdFactors =>
            runSync(denseSvdSteps(dense(A), kind, 'bidiagonal', { ...tuning, batch: 8 }))
          const factors = run(vectors)
          if (vectors !== 'none') expectSvd(A, factors)
          expect(run('none').s).toEqual(factors.s)
        },
      ),
      RUNS,
    )
  })

  test('sides around the edges of panels, strips and the choice of algorithm', () => {
    for (const n of [7, 8, 9, 10, 31, 32, 33, 34, 63, 64, 65, 96, 97, 130]) {
      for (const m of [n, n + 1, Math.floor(1.6 * n), Math.ceil(1.6 * n) + 1]) {
        const A = build({ seed: n, m, n, spectrum: 'polynomial', scale: 0, layout: 'rows' })
        expectSvd(A, svd(A), `${m}×${n}`)
      }
    }
  })

  test.each(['bidiagonal', 'jacobi'] as const)('%s: the gallery', (algorithm) => {
    const n = 60
    const bidiagonal = (diagonal: (i: number) => number, beside: (i: number) => number): Matrix => {
      const A = zeros([n, n])
      for (let i = 0; i < n; i++) {
        A.set(i, i, diagonal(i))
        if (i > 0) A.set(i - 1, i, beside(i))
      }
      return A
    }
    const from = (entry: (i: number, j: number) => number): Matrix => {
      const A = zeros([n, n])
      for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) A.set(i, j, entry(i, j))
      return A
    }
    const hard: Record<string, Matrix> = {
      hilbert: gallery.hilbert(n),
      kahan: gallery.kahan(n),
      'graded rows': gallery.graded(n, n),
      'graded columns': transpose(gallery.graded(n, n, 1e-30)),
      'Golub–Kahan, ones': bidiagonal(
        () => 1,
        () => 1,
      ),
      'graded down': bidiagonal(
        (i) => 10 ** -i,
        (i) => 10 ** -i,
      ),
      'graded up': bidiagonal(
        (i) => 10 ** (i - n),
        (i) => 10 ** (i - n),
      ),
      'graded down and up': bidiagonal(
        (i) => 10 ** -Math.min(i, n - i),
        () => 1e-5,
      ),
      'zeros on the diagonal': bidiagonal(
        (i) => (i % 7 === 3 ? 0 : 1),
        () => 1,
      ),
      'zero last': bidiagonal(
        (i) => (i === n - 1 ? 0 : 1),
        () => 1,
      ),
      'strictly upper': bidiagonal(
        () => 0,
        () => 1,
      ),
      'nothing beside': bidiagonal(
        (i) => (i * 7) % 13,
        () => 0,
      ),
      'subnormal beside one': bidiagonal(
        (i) => (i === 0 ? 1 : 2 ** -1060),
        () => 2 ** -1050,
      ),
      ones: from(() => 1),
      signs: from((i, j) => ((i & j) % 2 === 0 ? 1 : -1)),
      Lotkin: from((i, j) => (i === 0 ? 1 : 1 / (i + j + 1))),
    }
    for (const [name, A] of Object.entries(hard)) expectSvd(A, svd(A, { algorithm }), name)
  })

  test.each(['bidiagonal', 'jacobi'] as const)(
    '%s: bidiagonal matrices of entries of all sizes',
    (algorithm) => {
      fc.assert(
        fc.property(mixedEntries, (entries) => {
          const n = entries.length
          const A = zeros([n, n])
          entries.forEach(([x, y], i) => {
            A.set(i, i, x)
            if (i > 0) A.set(i - 1, i, y)
          })
          expectSvd(A, svd(A, { algorithm }))
        }),
        { ...RUNS, numRuns: 400 },
      )
    },
  )

  test('bidiagonal matrices keep the relative accuracy of tiny singular values', () => {
    // Demmel and Kahan: of a bidiagonal matrix, each singular value is known to its own size. Its determinant
    // is the product of its diagonal.
    const n = 40
    for (const step of [1, -1]) {
      const A = zeros([n, n])
      let logarithm = 0
      for (let i = 0; i < n; i++) {
        const d = 10 ** (step === 1 ? -i / 2 : (i - n) / 2)
        A.set(i, i, d)
        if (i > 0) A.set(i - 1, i, d / 3)
        logarithm += Math.log(d)
      }
      const s = svdvals(A, { algorithm: 'bidiagonal' })
      const given = s.reduce((sum, value) => sum + Math.log(value), 0)
      // LAPACK's tolerance is 98 units of roundoff for each value.
      expect(Math.abs(given - logarithm)).toBeLessThan(100 * n * EPS)
    }
  })

  test('jacobi finds the singular values of badly scaled columns to their own size', () => {
    // Core handbook, A10(f): columns graded over 18 orders of magnitude.
    fc.assert(
      fc.property(fc.nat(1000), fc.constantFrom(0, 150, -150), fc.boolean(), (seed, scale, flipped) => {
        const Q = orthonormal(40, 25, { seed })
        const truth = Float64Array.from({ length: 25 }, (_, j) => 10 ** (scale - (18 * j) / 24))
        for (let i = 0; i < 40; i++) for (let j = 0; j < 25; j++) Q.data[i * 25 + j]! *= truth[j]!
        const { s } = svd(flipped ? transpose(Q) : Q, { algorithm: 'jacobi' })
        truth.forEach((value, j) => expect(Math.abs(s[j]! / value - 1)).toBeLessThan(1e-13))
      }),
      RUNS,
    )
  })

  test('agrees with itself on larger matrices by products with random vectors', () => {
    for (const [m, n] of [
      [300, 200],
      [450, 200],
      [200, 330],
    ] as const) {
      const A = withSpectrum(
        m,
        n,
        Float64Array.from({ length: Math.min(m, n) }, (_, j) => 0.97 ** j),
      )
      expectSvd(A, svd(A), `${m}×${n}`)
    }
  })

  test('stopped early, it throws with what it had reached', () => {
    const A = random.normal([30, 20])
    for (const tall of [1, 100]) {
      try {
        runSync(denseSvdSteps(dense(A), 'thin', 'bidiagonal', { maxWork: 0.5, tall }))
        expect.unreachable()
      } catch (error) {
        expect(error).toBeInstanceOf(ConvergenceError)
        const { best, residual } = error as ConvergenceError<SvdFactors>
        expect(orthogonalityUnits(best!.U)).toBeLessThan(YARDSTICK)
        expect(orthogonalityUnits(transpose(best!.Vt))).toBeLessThan(YARDSTICK)
        // UᵀAV is bidiagonal with at most `residual` above its diagonal.
        const D = assembled(best!.U, best!.s, best!.Vt)
        const difference = matrix(
          D.data.map((value, t) => value - A.data[t]!),
          [30, 20],
        )
        expect(norm(difference, 2)).toBeLessThanOrEqual(residual + YARDSTICK * EPS * 30 * norm(A))
        expect(residual).toBeGreaterThan(1e-8)
      }
    }
  })
})
