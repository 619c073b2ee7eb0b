import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { norm, qr, svd, svdvals, transpose } from '../../src/linalg/index.js'
import { RUNS, build, cases, spectrumOf } from '../support/cases.js'
import {
  EPS,
  YARDSTICK,
  assembled,
  expectDescending,
  expectOriented,
  orthogonalityUnits,
  residualUnits,
  times,
} from '../support/measures.js'

describe('qr', () => {
  test('A = QR, Q orthonormal, R exactly triangular, in both modes', () => {
    fc.assert(
      fc.property(cases({ maxSide: 80 }), fc.constantFrom('reduced', 'complete'), (c, mode) => {
        const A = build(c)
        const { Q, R } = qr(A, { mode: mode as 'reduced' })
        const q = mode === 'complete' ? c.m : Math.min(c.m, c.n)
        expect(Q.shape).toEqual([c.m, q])
        expect(R.shape).toEqual([q, c.n])
        expect(residualUnits(A, times(Q, R))).toBeLessThan(YARDSTICK)
        expect(orthogonalityUnits(Q)).toBeLessThan(YARDSTICK)
        for (let i = 0; i < q; i++) for (let j = 0; j < Math.min(i, c.n); j++) expect(R.get(i, j)).toBe(0)
      }),
      RUNS,
    )
  })
})

describe('svd', () => {
  test('A = U·diag(s)·Vt with orthonormal factors, s descending, left vectors oriented', () => {
    fc.assert(
      fc.property(cases(), fc.constantFrom('thin', 'full'), (c, vectors) => {
        const A = build(c)
        const { U, s, Vt } = svd(A, { vectors: vectors as 'thin' })
        const p = Math.min(c.m, c.n)
        expect(U.shape).toEqual([c.m, vectors === 'full' ? c.m : p])
        expect(Vt.shape).toEqual([vectors === 'full' ? c.n : p, c.n])
        expect(s.length).toBe(p)
        expect(residualUnits(A, assembled(U.hi(c.m, p), s, Vt))).toBeLessThan(YARDSTICK)
        expect(orthogonalityUnits(U)).toBeLessThan(YARDSTICK)
        expect(orthogonalityUnits(transpose(Vt))).toBeLessThan(YARDSTICK)
        expectDescending(s)
        expectOriented(U.hi(c.m, p))
      }),
      RUNS,
    )
  })

  test('finds the singular values that the matrix was made with', () => {
    fc.assert(
      fc.property(cases({ minSide: 1 }), (c) => {
        const A = build(c)
        const truth = spectrumOf(c)
        const s = svdvals(A)
        // Weyl: |σⱼ(A + E) − σⱼ(A)| ≤ ‖E‖, for E of the rounding in making A and in the SVD.
        const room = YARDSTICK * EPS * Math.max(c.m, c.n) * (norm(A) || 0)
        for (let j = 0; j < s.length; j++) expect(Math.abs(s[j]! - truth[j]!)).toBeLessThanOrEqual(room)
      }),
      RUNS,
    )
  })

  test('a transpose has the same values, and so has vectors: none', () => {
    fc.assert(
      fc.property(cases(), (c) => {
        const A = build(c)
        const s = svd(A).s
        const room = YARDSTICK * EPS * Math.max(c.m, c.n, 1) * norm(A)
        const others = [svdvals(transpose(A)), svd(A, { vectors: 'none' }).s]
        for (const other of others)
          s.forEach((value, j) => expect(Math.abs(value - other[j]!)).toBeLessThanOrEqual(room))
      }),
      RUNS,
    )
  })
})

describe('norm', () => {
  test('agrees with the singular values, is absolutely homogeneous and symmetric under transposition', () => {
    fc.assert(
      fc.property(cases({ minSide: 1 }), (c) => {
        const A = build(c)
        const s = spectrumOf(c)
        const close = (x: number, y: number): void =>
          expect(Math.abs(x - y)).toBeLessThanOrEqual(YARDSTICK * EPS * c.m * c.n * Math.max(x, y))
        close(norm(A), Math.hypot(...s))
        close(norm(A, 2), s[0]!)
        close(
          norm(A, 'nuc'),
          s.reduce((a, b) => a + b, 0),
        )
        expect(norm(A, 1)).toBe(norm(transpose(A), Infinity))
      }),
      RUNS,
    )
  })
})
