import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cond, lstsq, matrixRank, norm, pinv, qr, random, zeros } from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { dense } from '../../src/linalg/arrays.js'
import { pivotedQrSteps } from '../../src/linalg/dense/pivotedqr.js'
import { formQSteps } from '../../src/linalg/dense/reflectors.js'
import { part, stageColumns, unstage } from '../../src/linalg/dense/stage.js'
import { runSync } from '../../src/linalg/steps.js'
import { acquire, release } from '../../src/linalg/wasm/workspace.js'
import { RUNS, build, cases, spectrumOf } from '../support/cases.js'
import { EPS, YARDSTICK, minus, orthogonalityUnits, residualUnits, times } from '../support/measures.js'

function columnsOf(A: Matrix, perm: Int32Array): Matrix {
  const P = zeros(A.shape)
  for (let i = 0; i < A.shape[0]!; i++) perm.forEach((j, t) => P.set(i, t, A.get(i, j)))
  return P
}

/** |Rₖₖ| does not grow, and is no shorter than what is left of any later column, up to the downdating's error. */
function expectPivoted(R: Matrix, eps: number): void {
  const [q = 0, n = 0] = R.shape
  for (let k = 0; k < q; k++) {
    for (let j = k + 1; j < n; j++) {
      let left = 0
      for (let i = k; i <= Math.min(j, q - 1); i++) left = Math.hypot(left, R.get(i, j))
      expect(left).toBeLessThanOrEqual(Math.abs(R.get(k, k)) * (1 + eps))
    }
  }
}

describe('qr with pivoting', () => {
  test('A[:, perm] = QR, Q orthonormal, the diagonal of R descending, in both modes', () => {
    fc.assert(
      fc.property(cases({ maxSide: 80 }), fc.constantFrom('reduced', 'complete'), (c, mode) => {
        const A = build(c)
        const { Q, R, perm } = qr(A, { pivot: true, mode: mode })
        const q = mode === 'complete' ? c.m : Math.min(c.m, c.n)
        expect([Q.shape, R.shape]).toEqual([
          [c.m, q],
          [q, c.n],
        ])
        expect([...perm].sort((i, j) => i - j)).toEqual([...Array(c.n).keys()])
        expect(residualUnits(columnsOf(A, perm), times(Q, R))).toBeLessThan(YARDSTICK)
        expect(orthogonalityUnits(Q)).toBeLessThan(YARDSTICK)
        for (let i = 0; i < q; i++) for (let j = 0; j < Math.min(i, c.n); j++) expect(R.get(i, j)).toBe(0)
        // Beyond what rounding left of the rank, which column comes next is a matter of chance.
        const rank = spectrumOf(c).filter((s) => s > 1e-12 * norm(A)).length
        // A downdated norm keeps at least half of its digits.
        if (rank > 0) expectPivoted(R.hi(Math.min(rank, q), c.n), 4 * Math.sqrt(EPS))
      }),
      RUNS,
    )
  })

  test('blocks of any width, and the first steps only', () => {
    fc.assert(
      fc.property(
        cases({ maxSide: 40, minSide: 1, scales: [0] }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 40 }),
        (c, width, steps) => {
          const A = build(c)
          const count = Math.min(steps, c.m, c.n)
          const ws = acquire()
          try {
            const F = runSync(pivotedQrSteps(ws, stageColumns(ws, dense(A)), count, width))
            const Q = unstage(ws, runSync(formQSteps(ws, F, count)))
            expect(orthogonalityUnits(Q)).toBeLessThan(YARDSTICK)
            const R = unstage(ws, part(F.A, 0, count, 0, c.n))
            for (let i = 0; i < count; i++) for (let j = 0; j < i; j++) R.set(i, j, 0)
            // QᵀA[:, perm] = R whether or not the steps went to the end.
            const projected = times(Q, columnsOf(A, F.perm), true)
            expect(norm(minus(projected, R))).toBeLessThanOrEqual(
              YARDSTICK * EPS * Math.max(c.m, c.n) * norm(A),
            )
          } finally {
            release(ws)
          }
        },
      ),
      RUNS,
    )
  })
})

describe('lstsq', () => {
  test('the residual is orthogonal to A, the solution to its null space, and both are as small as can be', () => {
    fc.assert(
      fc.property(cases({ maxSide: 50, minSide: 1 }), fc.integer({ min: 0, max: 4 }), (c, r) => {
        const A = build(c)
        const B = random.normal([c.m, r], { seed: c.seed })
        const { X, residuals, rank, s } = lstsq(A, B)
        expect(X.shape).toEqual([c.n, r])
        expect(rank).toBe(matrixRank(A))
        expect(s.length).toBe(Math.min(c.m, c.n))
        const R = minus(times(A, X), B)
        const unit = YARDSTICK * EPS * Math.max(c.m, c.n)
        for (let j = 0; j < r; j++) {
          const column = (M: Matrix): Matrix => M.lo(0, j).hi(M.shape[0]!, 1)
          const size = norm(A) * norm(column(X)) + norm(column(B))
          expect(Math.abs(norm(column(R)) - residuals[j]!)).toBeLessThanOrEqual(unit * size)
          expect(norm(times(A, column(R), true))).toBeLessThanOrEqual(unit * norm(A) * size)
        }
        // The part of X outside the range of Aᵀ.
        const P = times(pinv(A), A)
        expect(norm(minus(times(P, X), X))).toBeLessThanOrEqual(
          unit * norm(X) * (rank ? s[0]! / s[rank - 1]! : 1),
        )
      }),
      RUNS,
    )
  })

  test('a vector is answered with a vector, and with the same numbers', () => {
    const A = random.normal([9, 4])
    const b = random.normal([9, 1], { seed: 1 })
    const { X, residuals } = lstsq(A, b.data)
    const { X: asMatrix } = lstsq(A, b)
    expect(X).toBeInstanceOf(Float64Array)
    expect(X).toEqual(asMatrix.data)
    expect(residuals.length).toBe(1)
  })
})

describe('pinv', () => {
  test('the four conditions of Penrose', () => {
    fc.assert(
      fc.property(
        cases({ maxSide: 40, minSide: 1, spectra: ['flat', 'polynomial', 'deficient', 'rankOne', 'zero'] }),
        (c) => {
          const A = build(c)
          const P = pinv(A)
          expect(P.shape).toEqual([c.n, c.m])
          // Errors are those of an inverse: relative to its condition number.
          const room = YARDSTICK * EPS * Math.max(c.m, c.n) * (norm(A) * norm(P) || 1)
          const [AP, PA] = [times(A, P), times(P, A)]
          expect(norm(minus(times(AP, A), A))).toBeLessThanOrEqual(room * norm(A))
          expect(norm(minus(times(PA, P), P))).toBeLessThanOrEqual(room * norm(P))
          expect(norm(minus(AP, AP.transpose(1, 0)))).toBeLessThanOrEqual(room)
          expect(norm(minus(PA, PA.transpose(1, 0)))).toBeLessThanOrEqual(room)
        },
      ),
      RUNS,
    )
  })
})

describe('cond and matrixRank', () => {
  test('are those of the spectrum that the matrix was made with', () => {
    fc.assert(
      fc.property(
        cases({ minSide: 1, spectra: ['flat', 'polynomial', 'deficient', 'rankOne', 'zero'] }),
        (c) => {
          const A = build(c)
          const s = spectrumOf(c)
          const rank = s.filter((value) => value > 0).length
          // Rounding in making A may leave singular values of a few max(m, n)·eps.
          expect(matrixRank(A, { rtol: YARDSTICK * EPS * Math.max(c.m, c.n) })).toBe(rank)
          if (rank < s.length) {
            expect(cond(A)).toBeGreaterThan(1 / (YARDSTICK * EPS * Math.max(c.m, c.n)))
          } else {
            const truth = s[0]! / s.at(-1)!
            expect(Math.abs(cond(A) - truth)).toBeLessThanOrEqual(
              YARDSTICK * EPS * Math.max(c.m, c.n) * truth * truth * 2,
            )
          }
        },
      ),
      RUNS,
    )
  })
})
