import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ConvergenceError, asOperator, lstsq, norm, operator, random, svd, zeros } from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { countSketch, gaussian, sketchedLstsq, sparseSign, srht } from '../../src/sketch/index.js'
import type { SketchedLstsqOptions } from '../../src/sketch/index.js'
import { gallery, orthonormal, spectra, withSpectrum } from '../../src/testing/index.js'
import { RUNS, SPECTRA, build, cases, spectrumOf } from '../support/cases.js'
import type { Case } from '../support/cases.js'
import { doors } from '../support/doors.js'
import { EPS, YARDSTICK, minus, times } from '../support/measures.js'

const FULL = ['precondition', 'iterative'] as const
const methods = fc.constantFrom(...FULL)

const column = (M: Matrix, j: number): Matrix => M.lo(0, j).hi(M.shape[0]!, 1)
const vector = (M: Matrix, j = 0): Float64Array => Float64Array.from({ length: M.shape[0]! }, (_, i) => M.get(i, j))
const asColumn = (x: ArrayLike<number>): Matrix => {
  const X = zeros([x.length, 1])
  for (let i = 0; i < x.length; i++) X.data[i] = x[i]!
  return X
}

/** Long, wide and nearly square shapes: sides up to 8 times those of the case. */
function stretched(c: Case, shape: 'long' | 'wide' | 'square'): Case {
  const [small, large] = [Math.min(c.m, c.n), 16 * Math.max(c.m, c.n)]
  if (shape === 'square') return c
  return shape === 'long' ? { ...c, m: large, n: small } : { ...c, m: small, n: large }
}
const shapes = fc.constantFrom('long', 'wide', 'square')

/**
 * How far [A b] is, relative to its parts, from a problem that x solves exactly: the estimate of Karlson and
 * Waldén, which is the optimal backward error up to a factor √2, in units of max(m, n)·eps.
 */
function backwardUnits(A: Matrix, b: Matrix, x: Matrix): number {
  const { U, s } = svd(A)
  const r = minus(times(A, x), b)
  if (norm(r) === 0) return 0
  const Utr = times(U, r, true)
  // In units of ‖A‖ and ‖b‖, so that no square overflows.
  const [sizeA, sizeb] = [norm(A) || 1, norm(b) || 1]
  const [rho, xi] = [norm(r) / sizeb, (norm(x) / sizeb) * sizeA]
  const weight = 1 / Math.hypot(1, xi)
  let sum = 0
  s.forEach((sigma, j) => {
    const t = sigma / sizeA
    if (t > 0) sum += ((t * Utr.get(j, 0)) / sizeb / Math.hypot(t, weight * rho)) ** 2
  })
  return (weight * Math.sqrt(sum)) / Math.max(...A.shape) / EPS
}

describe('sketchedLstsq to full accuracy', () => {
  test('solves a problem within rounding of the given one: any shape, rank, scale, layout, both methods', () => {
    fc.assert(
      fc.property(
        cases({ maxSide: 14, minSide: 1 }),
        shapes,
        methods,
        fc.constantFrom(0, 1e-8, 1),
        (given, shape, method, noise) => {
          const c = stretched(given, shape)
          const A = build(c)
          const B = times(A, random.normal([c.n, 2], { seed: c.seed }) as Matrix)
          const size = norm(B) || 1
          const E = random.normal([c.m, 2], { seed: c.seed + 1 })
          for (let e = 0; e < B.data.length; e++) B.data[e]! += noise * size * E.data[e]!
          const { x, residual, rank } = sketchedLstsq(A, B, { method })
          expect(x.shape).toEqual([c.n, 2])
          expect(Math.abs(residual - norm(minus(times(A, x), B)))).toBeLessThanOrEqual(
            YARDSTICK * EPS * Math.max(c.m, c.n) * (norm(A) * norm(x) + norm(B)),
          )
          for (const j of [0, 1]) {
            expect(backwardUnits(A, column(B, j), column(x, j))).toBeLessThan(YARDSTICK)
          }
          if (c.spectrum !== 'graded') expect(rank).toBe(lstsq(A, B).rank)
        },
      ),
      RUNS,
    )
  })

  test('is the solution of minimum norm: what is not in the range of Aᵀ is rounding', () => {
    fc.assert(
      fc.property(
        cases({ maxSide: 12, minSide: 1, spectra: ['flat', 'polynomial', 'deficient', 'rankOne', 'zero'] }),
        shapes,
        methods,
        (given, shape, method) => {
          const c = stretched(given, shape)
          const A = build(c)
          const b = random.normal([c.m], { seed: c.seed }).data
          const { x } = sketchedLstsq(A, b, { method })
          const { X, rank, s } = lstsq(A, b)
          const kappa = rank > 0 ? s[0]! / s[rank - 1]! : 1
          // The classical bound: κ times the perturbation of x, κ² times that of the residual.
          const size = rank > 0 ? norm([Array.from(X)]) + (kappa * norm([Array.from(b)])) / s[rank - 1]! : 0
          const difference = norm(minus(asColumn(x), asColumn(X)))
          expect(difference).toBeLessThanOrEqual(YARDSTICK * Math.max(c.m, c.n) * EPS * kappa * size)
        },
      ),
      RUNS,
    )
  })

  test.each(FULL)('%s: backward stable up to condition 10¹⁵, whatever the residual', (method) => {
    fc.assert(
      fc.property(
        fc.record({
          seed: fc.nat(2 ** 31 - 1),
          n: fc.integer({ min: 2, max: 24 }),
          digits: fc.integer({ min: 0, max: 12 }),
          noise: fc.constantFrom(0, -12, -8, -4, 0, 4),
        }),
        ({ seed, n, digits, noise }) => {
          const m = 20 * n
          const A = withSpectrum(m, n, spectra.exponential(n, digits / Math.max(n - 1, 1)), { seed })
          const b = times(A, random.normal([n, 1], { seed }) as Matrix)
          const E = random.normal([m], { seed: seed + 1 })
          for (let i = 0; i < m; i++) b.data[i]! += 10 ** noise * E.data[i]!
          const { x, rank, iterations } = sketchedLstsq(A, vector(b), { method })
          expect(rank).toBe(n)
          expect(iterations).toBeLessThan(150)
          expect(backwardUnits(A, b, asColumn(x))).toBeLessThan(YARDSTICK)
        },
      ),
      RUNS,
    )
  })
})
