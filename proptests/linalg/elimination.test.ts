import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  SingularMatrixError,
  cholesky,
  diag,
  ldl,
  ldu,
  lu,
  norm,
  qr,
  solve,
  solveTriangular,
  zeros,
} from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { choleskyFactorSteps } from '../../src/linalg/dense/cholesky.js'
import { bunchKaufmanSteps } from '../../src/linalg/dense/bunchkaufman.js'
import { rookPivotSteps } from '../../src/linalg/dense/fullpivot.js'
import { luFactorSteps } from '../../src/linalg/dense/lu.js'
import { dense } from '../../src/linalg/arrays.js'
import { stageColumns, unstage } from '../../src/linalg/dense/stage.js'
import type { Columns } from '../../src/linalg/dense/stage.js'
import { runSync } from '../../src/linalg/steps.js'
import type { Steps } from '../../src/linalg/steps.js'
import { acquire, release } from '../../src/linalg/wasm/workspace.js'
import type { Workspace } from '../../src/linalg/wasm/workspace.js'
import { gallery, orthonormal } from '../../src/testing/index.js'
import { LAYOUTS, RUNS, build, cases, relaid, spectrumOf } from '../support/cases.js'
import type { Case } from '../support/cases.js'
import { EPS, YARDSTICK, assembled, minus, residualUnits, times } from '../support/measures.js'

const transposed = (A: Matrix): Matrix => A.transpose(1, 0)

/** A[perm, colPerm] */
function permuted(A: Matrix, perm: Int32Array, colPerm?: Int32Array): Matrix {
  const P = zeros(A.shape)
  const [m = 0, n = 0] = A.shape
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) P.set(i, j, A.get(perm[i]!, colPerm ? colPerm[j]! : j))
  return P
}

const isPermutation = (perm: Int32Array, n: number): void =>
  expect([...perm].sort((i, j) => i - j)).toEqual([...Array(n).keys()])

const largest = (A: Matrix): number => A.data.reduce((size, x) => Math.max(size, Math.abs(x)), 0)

/** Zeros above (or below) the diagonal, and ones on it. */
function expectUnit(T: Matrix, upper: boolean): void {
  const [m = 0, n = 0] = T.shape
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      if (i === j) expect(T.get(i, j)).toBe(1)
      else if (upper ? j < i : j > i) expect(T.get(i, j)).toBe(0)
    }
  }
}

/** ‖A·X − B‖ / ((‖A‖·‖X‖ + ‖B‖)·n·eps), the largest over the columns. */
function solveUnits(A: Matrix, X: Matrix, B: Matrix): number {
  const R = minus(times(A, X), B)
  let units = 0
  for (let j = 0; j < B.shape[1]!; j++) {
    const column = (M: Matrix): number => norm(M.lo(0, j).hi(M.shape[0]!, 1))
    const size = norm(A) * column(X) + column(B)
    if (size > 0) units = Math.max(units, column(R) / size / A.shape[0]! / EPS)
  }
  return units
}

/** A square matrix of a case. */
const square = (c: Case): Matrix => build({ ...c, m: c.n })

/** Symmetric with the eigenvalues ±spectrum, or those of a positive definite one. */
function symmetric(c: Case, definite: boolean): Matrix {
  const values = spectrumOf({ ...c, m: c.n })
  const floor = definite ? 4 * c.n * EPS * (values[0] ?? 0) : 0
  const signed = values.map((s, j) => (definite ? s + floor : j % 3 === 1 ? -s : s))
  const Q = orthonormal(c.n, c.n, { seed: c.seed })
  const A = assembled(Q, signed, transposed(Q))
  for (let i = 0; i < c.n; i++) for (let j = 0; j < i; j++) A.set(j, i, A.get(i, j))
  return relaid(A, c.layout)
}

describe('lu', () => {
  test('A[perm, :] = L·U, |L| ≤ 1, and solve has a small residual', () => {
    fc.assert(
      fc.property(cases({ maxSide: 80 }), (c) => {
        const A = build(c)
        const { perm, L, U } = lu(A)
        const p = Math.min(c.m, c.n)
        expect([L.shape, U.shape]).toEqual([
          [c.m, p],
          [p, c.n],
        ])
        isPermutation(perm, c.m)
        expectUnit(L, false)
        for (let i = 0; i < p; i++) for (let j = 0; j < i; j++) expect(U.get(i, j)).toBe(0)
        expect(largest(L)).toBeLessThanOrEqual(1)
        expect(residualUnits(permuted(A, perm), times(L, U))).toBeLessThan(YARDSTICK)
      }),
      RUNS,
    )
  })

  test('det is the product of the singular values up to its sign', () => {
    fc.assert(
      fc.property(cases({ maxSide: 12, minSide: 1, scales: [0], spectra: ['flat', 'polynomial'] }), (c) => {
        const A = square(c)
        const truth = spectrumOf({ ...c, m: c.n }).reduce((product, s) => product * s, 1)
        const condition = 1 / spectrumOf({ ...c, m: c.n }).at(-1)!
        expect(Math.abs(Math.abs(lu(A).det()) - truth)).toBeLessThanOrEqual(
          YARDSTICK * EPS * c.n * c.n * condition * truth,
        )
      }),
      RUNS,
    )
  })
})

describe('solve', () => {
  test('has a small backward error for every right-hand side, and so have the factorizations', () => {
    fc.assert(
      fc.property(
        cases({ maxSide: 60, minSide: 1, spectra: ['flat', 'polynomial', 'exponential', 'nearlyEqual'] }),
        fc.integer({ min: 0, max: 9 }),
        (c, r) => {
          const A = square(c)
          const B = build({ ...c, m: c.n, n: r, seed: c.seed + 1, spectrum: 'polynomial', scale: 0 })
          for (const X of [lu(A).solve(B), ldu(A, { pivot: 'rook' }).solve(B)]) {
            expect(X.shape).toEqual([c.n, r])
            expect(solveUnits(A, X, B)).toBeLessThan(YARDSTICK)
          }
          let X: Matrix
          try {
            X = solve(A, B)
          } catch (error) {
            // The exponential spectrum falls to 10^-14.75: near singular, and may be called so.
            expect(error).toBeInstanceOf(SingularMatrixError)
            expect(c.spectrum).toBe('exponential')
            return
          }
          expect(solveUnits(A, X, B)).toBeLessThan(YARDSTICK)
        },
      ),
      RUNS,
    )
  })

  test('rows of any scale: the refined solution is as exact as the matrix without the scale', () => {
    fc.assert(
      fc.property(cases({ maxSide: 30, minSide: 1, scales: [0], spectra: ['flat', 'polynomial'] }), (c) => {
        const A = square(c)
        const b = Float64Array.from({ length: c.n }, (_, i) => Math.sin(i + 1))
        const scale = (i: number): number => 2 ** (((i * 397) % 800) - 400)
        const S = zeros(A.shape)
        for (let i = 0; i < c.n; i++) for (let j = 0; j < c.n; j++) S.set(i, j, A.get(i, j) * scale(i))
        const [x, y] = [
          solve(A, b),
          solve(
            S,
            b.map((value, i) => value * scale(i)),
          ),
        ]
        const room = YARDSTICK * EPS * c.n * c.n * Math.hypot(...x)
        x.forEach((value, i) => expect(Math.abs(value - y[i]!)).toBeLessThanOrEqual(room))
      }),
      RUNS,
    )
  })
})

describe('ldu', () => {
  test('A[perm, colPerm] = L·diag(d)·U in every way of pivoting that exists for every matrix', () => {
    fc.assert(
      fc.property(cases({ maxSide: 70 }), fc.constantFrom('rook', 'complete'), (c, pivot) => {
        const A = build(c)
        const { perm, colPerm, L, d, U } = ldu(A, { pivot: pivot as 'rook' })
        const p = Math.min(c.m, c.n)
        expect([L.shape, d.length, U.shape]).toEqual([[c.m, p], p, [p, c.n]])
        isPermutation(perm, c.m)
        isPermutation(colPerm!, c.n)
        expectUnit(L, false)
        expectUnit(U, true)
        for (const T of [L, U]) expect(largest(T)).toBeLessThanOrEqual(1)
        expect(residualUnits(permuted(A, perm, colPerm), assembled(L, d, U))).toBeLessThan(YARDSTICK)
      }),
      RUNS,
    )
  })

  test('a truncated one is the first pivots of the whole one', () => {
    fc.assert(
      fc.property(
        cases({ maxSide: 50, minSide: 1 }),
        fc.constantFrom('rook', 'complete', 'partial'),
        fc.integer({ min: 1, max: 60 }),
        (c, pivot, rank) => {
          const A = build({ ...c, spectrum: pivot === 'partial' ? 'polynomial' : c.spectrum })
          const [cut, whole] = [ldu(A, { pivot: pivot as 'rook', rank }), ldu(A, { pivot: pivot as 'rook' })]
          const r = Math.min(c.m, c.n, rank)
          expect([cut.L.shape, cut.d.length, cut.U.shape]).toEqual([[c.m, r], r, [r, c.n]])
          expect(cut.d).toEqual(whole.d.slice(0, r))
          for (let j = 0; j < r; j++)
            for (let i = 0; i < r; i++)
              expect(cut.L.get(i, j)).toBe(whole.L.get([...whole.perm].indexOf(cut.perm[i]!), j))
        },
      ),
      RUNS,
    )
  })

  test('complete pivots never grow, and those of a matrix of rank r vanish from r on', () => {
    fc.assert(
      fc.property(cases({ maxSide: 50, minSide: 2, spectra: ['deficient', 'rankOne', 'zero'] }), (c) => {
        const A = build(c)
        const rank = spectrumOf(c).filter((s) => s > 0).length
        for (const pivot of ['rook', 'complete'] as const) {
          const { d } = ldu(A, { pivot })
          for (let k = rank; k < d.length; k++)
            expect(Math.abs(d[k]!)).toBeLessThanOrEqual(YARDSTICK * EPS * Math.max(c.m, c.n) * norm(A))
        }
      }),
      RUNS,
    )
  })

  test('partial and none: the factorization, or an error that says to use rook', () => {
    fc.assert(
      fc.property(cases({ maxSide: 50 }), fc.constantFrom('partial', 'none'), (c, pivot) => {
        // With none, a matrix with a heavy diagonal: its growth is at most 2.
        const A = build(c)
        if (pivot === 'none')
          for (let i = 0; i < Math.min(c.m, c.n); i++) A.set(i, i, A.get(i, i) + 2 * norm(A))
        try {
          const { perm, L, d, U } = ldu(A, { pivot: pivot as 'none' })
          expectUnit(L, false)
          expectUnit(U, true)
          expect(residualUnits(permuted(A, perm), assembled(L, d, U))).toBeLessThan(YARDSTICK)
        } catch (error) {
          expect(error).toBeInstanceOf(SingularMatrixError)
          expect((error as Error).message).toContain("'rook'")
          expect(['deficient', 'rankOne', 'graded']).toContain(c.spectrum)
        }
      }),
      RUNS,
    )
  })
})

describe('cholesky', () => {
  test('A = L·Lᵀ, a positive diagonal, and a small residual of solve', () => {
    fc.assert(
      fc.property(cases({ maxSide: 80, minSide: 1 }), (c) => {
        const A = symmetric(c, true)
        if (norm(A) === 0) return
        const { L, solve } = cholesky(A)
        for (let i = 0; i < c.n; i++) {
          expect(L.get(i, i)).toBeGreaterThan(0)
          for (let j = i + 1; j < c.n; j++) expect(L.get(i, j)).toBe(0)
        }
        expect(residualUnits(A, times(L, transposed(L)))).toBeLessThan(YARDSTICK)
        const B = build({ ...c, m: c.n, n: 2, spectrum: 'flat', scale: 0 })
        expect(solveUnits(A, solve(B), B)).toBeLessThan(YARDSTICK)
      }),
      RUNS,
    )
  })
})

describe('ldl', () => {
  test('A[perm, perm] = L·D·Lᵀ with the inertia of A, and a small residual of solve', () => {
    fc.assert(
      fc.property(cases({ maxSide: 80 }), (c) => {
        const A = symmetric(c, false)
        const { perm, L, D, solve, inertia } = ldl(A)
        isPermutation(perm, c.n)
        expectUnit(L, false)
        expect(residualUnits(permuted(A, perm, perm), times(times(L, D), transposed(L)))).toBeLessThan(
          YARDSTICK,
        )
        expect(inertia.positive + inertia.negative + inertia.zero).toBe(c.n)
        if (!['flat', 'polynomial', 'nearlyEqual'].includes(c.spectrum)) return
        const negative = [...Array(c.n).keys()].filter((j) => j % 3 === 1).length
        expect(inertia).toEqual({ positive: c.n - negative, negative, zero: 0 })
        const B = build({ ...c, m: c.n, n: 2, spectrum: 'flat', scale: 0 })
        if (c.n >= 2) expect(solveUnits(A, solve(B), B)).toBeLessThan(YARDSTICK)
      }),
      RUNS,
    )
  })
})

describe('solveTriangular', () => {
  test('solves with either triangle, its transpose, and a unit diagonal', () => {
    fc.assert(
      fc.property(
        cases({ maxSide: 90, minSide: 1, scales: [0] }),
        fc.record({ upper: fc.boolean(), unit: fc.boolean(), trans: fc.boolean() }),
        fc.constantFrom(...LAYOUTS),
        (c, options, layout) => {
          const full = build({ ...c, m: c.n })
          for (let i = 0; i < c.n; i++) full.set(i, i, 1 + Math.abs(full.get(i, i)))
          const T = zeros(full.shape)
          for (let i = 0; i < c.n; i++) {
            for (let j = 0; j < c.n; j++) {
              if (i === j) T.set(i, j, options.unit ? 1 : full.get(i, j))
              else if (options.upper === j > i) T.set(i, j, full.get(i, j))
            }
          }
          const B = relaid(build({ ...c, m: c.n, n: 11, seed: c.seed + 1 }), layout)
          const X = solveTriangular(full, B, options)
          expect(solveUnits(options.trans ? transposed(T) : T, X, B)).toBeLessThan(YARDSTICK)
        },
      ),
      RUNS,
    )
  })
})

describe('the gallery', () => {
  const matrices = Object.fromEntries(
    [1, 2, 12, 40, 70].flatMap((n) => [
      [`hilbert ${n}`, gallery.hilbert(n)],
      [`kahan ${n}`, gallery.kahan(n)],
      [`graded ${n}`, gallery.graded(n, n)],
      [`graded, wide ${n}`, gallery.graded(n, n + 7)],
      [`graded, tall ${n}`, gallery.graded(n + 40, n)],
    ]),
  )
  test.each(Object.keys(matrices))('%s is factored in every way, at every scale', (name) => {
    for (const scale of [1, 1e150, 1e-150]) {
      const A = zeros(matrices[name]!.shape)
      matrices[name]!.data.forEach((x, t) => (A.data[t] = x * scale))
      const { perm, L, U } = lu(A)
      expect(residualUnits(permuted(A, perm), times(L, U))).toBeLessThan(YARDSTICK)
      const same = Int32Array.from(Array(A.shape[0]).keys())
      const pivoted = qr(A, { pivot: true })
      expect(residualUnits(permuted(A, same, pivoted.perm), times(pivoted.Q, pivoted.R))).toBeLessThan(
        YARDSTICK,
      )
      for (const pivot of ['rook', 'complete'] as const) {
        const F = ldu(A, { pivot })
        expect(residualUnits(permuted(A, F.perm, F.colPerm), assembled(F.L, F.d, F.U))).toBeLessThan(
          YARDSTICK,
        )
      }
      if (!name.startsWith('hilbert')) continue
      const F = ldl(A)
      const P = permuted(A, F.perm, F.perm)
      expect(residualUnits(P, times(times(F.L, F.D), transposed(F.L)))).toBeLessThan(YARDSTICK)
    }
  })
})

describe('blocks of any width give the same factors to rounding', () => {
  const sizes = fc.record({ n: fc.integer({ min: 1, max: 40 }), width: fc.integer({ min: 1, max: 9 }) })

  /** Both triangles, and what the steps answered. */
  function factored<T>(A: Matrix, steps: (ws: Workspace, F: Columns) => Steps<T>): { F: Matrix; result: T } {
    const ws = acquire()
    try {
      const F = stageColumns(ws, dense(A))
      const result = runSync(steps(ws, F))
      return { F: unstage(ws, F), result }
    } finally {
      release(ws)
    }
  }
  const lower = (F: Matrix, unit: boolean): Matrix => {
    const L = zeros(F.shape)
    for (let i = 0; i < F.shape[0]!; i++)
      for (let j = 0; j <= i; j++) L.set(i, j, i === j && unit ? 1 : F.get(i, j))
    return L
  }
  const upper = (F: Matrix): Matrix => minus(F, minus(lower(F, false), diag(diagonal(F))))
  const diagonal = (F: Matrix): Float64Array =>
    Float64Array.from({ length: F.shape[0]! }, (_, i) => F.get(i, i))

  test('lu', () => {
    fc.assert(
      fc.property(cases({ maxSide: 40, minSide: 1 }), sizes, (c, { width }) => {
        const A = square(c)
        const { F, result } = factored(A, (ws, F) => luFactorSteps(ws, F, 'partial', width))
        expect(residualUnits(permuted(A, result.perm), times(lower(F, true), upper(F)))).toBeLessThan(
          YARDSTICK,
        )
      }),
      RUNS,
    )
  })

  test('rook', () => {
    fc.assert(
      fc.property(cases({ maxSide: 40, minSide: 1 }), sizes, (c, { width }) => {
        const A = square(c)
        const { F, result } = factored(A, (ws, F) => rookPivotSteps(ws, F, c.n, width))
        const P = permuted(A, result.perm, result.colPerm)
        expect(residualUnits(P, times(lower(F, true), upper(F)))).toBeLessThan(YARDSTICK)
      }),
      RUNS,
    )
  })

  test('cholesky', () => {
    fc.assert(
      fc.property(cases({ maxSide: 40, minSide: 1 }), sizes, (c, { width }) => {
        const A = symmetric(c, true)
        const { F, result } = factored(A, (ws, F) => choleskyFactorSteps(ws, F, width))
        expect(result).toBe(norm(A) === 0 ? 0 : c.n)
        if (result === 0) return
        const L = lower(F, false)
        expect(residualUnits(A, times(L, transposed(L)))).toBeLessThan(YARDSTICK)
      }),
      RUNS,
    )
  })

  test('ldl', () => {
    fc.assert(
      fc.property(cases({ maxSide: 40, minSide: 1 }), sizes, (c, { width }) => {
        const A = symmetric(c, false)
        const { F, result } = factored(A, (ws, F) => bunchKaufmanSteps(ws, F, width))
        const { perm, diagonal, below } = result
        const L = lower(F, true)
        const D = diag(diagonal)
        below.forEach((e, k) => {
          if (e === 0) return
          L.set(k + 1, k, 0)
          D.set(k + 1, k, e)
          D.set(k, k + 1, e)
        })
        expect(residualUnits(permuted(A, perm, perm), times(times(L, D), transposed(L)))).toBeLessThan(
          YARDSTICK,
        )
      }),
      RUNS,
    )
  })
})
