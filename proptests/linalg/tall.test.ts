import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { norm, zeros } from '../../src/linalg/index.js'
import { dense } from '../../src/linalg/arrays.js'
import { choleskyQrSteps } from '../../src/linalg/dense/choleskyqr.js'
import { orthonormalizeSteps } from '../../src/linalg/dense/qr.js'
import { runSync } from '../../src/linalg/steps.js'
import { tsqrSteps } from '../../src/linalg/dense/tsqr.js'
import { withSpectrum } from '../../src/testing/index.js'
import { RUNS, build, cases } from '../support/cases.js'
import type { Case } from '../support/cases.js'
import { EPS, YARDSTICK, minus, orthogonalityUnits, times } from '../support/measures.js'

/** ‖Y − QQᵀY‖ / (‖Y‖ · m · eps) */
function outsideUnits(Y: ReturnType<typeof build>, Q: ReturnType<typeof build>): number {
  const rest = norm(minus(Y, times(Q, times(Q, Y, true))))
  return rest === 0 ? 0 : rest / norm(Y) / Y.shape[0]! / EPS
}

const tall = (c: Case): Case => ({ ...c, m: 8 * c.n + c.m })

describe('CholeskyQR of tall matrices', () => {
  test('an orthonormal basis of the range, or an honest refusal', () => {
    let refused = 0
    fc.assert(
      fc.property(cases({ maxSide: 24, minSide: 1, scales: [0, 90, -90, 150] }), (c) => {
        const Y = build(tall(c))
        const Q = runSync(choleskyQrSteps(dense(Y)))
        if (Q === undefined) {
          refused++
          // Only where a column says nothing, or the rank is not full.
          const harmless = ['flat', 'polynomial', 'nearlyEqual', 'clustered']
          expect(harmless.includes(c.spectrum) && c.scale < 100).toBe(false)
          return
        }
        expect(Q.shape).toEqual(Y.shape)
        expect(orthogonalityUnits(Q)).toBeLessThan(YARDSTICK)
        expect(outsideUnits(Y, Q)).toBeLessThan(YARDSTICK)
      }),
      { ...RUNS, numRuns: 200 },
    )
    expect(refused).toBeGreaterThan(0)
  })

  test.each([1e-4, 1e-8, 1e-12, 1e-15])('columns that are dependent up to %d', (smallest) => {
    const s = Float64Array.from({ length: 20 }, (_, j) => smallest ** (j / 19))
    const Y = withSpectrum(600, 20, s)
    const Q = runSync(choleskyQrSteps(dense(Y)))
    if (smallest >= 1e-12) expect(Q).toBeDefined()
    if (Q === undefined) return
    expect(orthogonalityUnits(Q)).toBeLessThan(YARDSTICK)
    expect(outsideUnits(Y, Q)).toBeLessThan(YARDSTICK)
  })
})

describe('TSQR', () => {
  test('an orthonormal basis of the range whatever the rank, in one leaf or many', () => {
    fc.assert(
      fc.property(cases({ maxSide: 24, minSide: 1 }), fc.integer({ min: 1, max: 2000 }), (c, leaf) => {
        const Y = build(tall(c))
        const Q = runSync(tsqrSteps(dense(Y), leaf))
        expect(Q.shape).toEqual(Y.shape)
        expect(orthogonalityUnits(Q)).toBeLessThan(YARDSTICK)
        expect(outsideUnits(Y, Q)).toBeLessThan(YARDSTICK)
      }),
      RUNS,
    )
  })
})

test('large tall blocks of every kind are orthonormalised', () => {
  const [m, k] = [8200, 16]
  const kinds = {
    flat: withSpectrum(m, k, new Float64Array(k).fill(1)),
    graded: withSpectrum(
      m,
      k,
      Float64Array.from({ length: k }, (_, j) => 10 ** (-3 * j)),
    ),
    deficient: withSpectrum(m, k, [1, 1, 1]),
    zero: zeros([m, k]),
    huge: withSpectrum(m, k, new Float64Array(k).fill(1e150)),
    'deficient, beyond any cache': withSpectrum(2 ** 17, 8, [1, 1, 1]),
  }
  for (const Y of Object.values(kinds)) {
    const Q = runSync(orthonormalizeSteps(Y))
    expect(Q.shape).toEqual(Y.shape)
    expect(orthogonalityUnits(Q)).toBeLessThan(YARDSTICK)
    expect(outsideUnits(Y, Q)).toBeLessThan(YARDSTICK)
  }
})
