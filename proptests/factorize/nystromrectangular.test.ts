import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nystromBlocks, nystromRectangular, rangefinder } from '../../src/factorize/index.js'
import { asOperator, norm, operator, random, toNested, transpose } from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { withSpectrum } from '../../src/testing/index.js'
import { LAYOUTS, RUNS, SPECTRA, build, cases, relaid, spectrumOf } from '../support/cases.js'
import type { Case } from '../support/cases.js'
import { doors } from '../support/doors.js'
import { EPS, YARDSTICK, minus, orthogonalityUnits, tail, times } from '../support/measures.js'

const rank = fc.integer({ min: 1, max: 12 })

const rounding = (c: Case): number =>
  YARDSTICK * EPS * Math.max(c.m, c.n, 1) * Math.hypot(...spectrumOf(c), 0)

const errorOf = (A: Matrix, approximation: { toDense(): Matrix }): number =>
  norm(minus(A, approximation.toDense()))

describe('nystromRectangular', () => {
  test('orthonormal outer factors, never below Eckart and Young', () => {
    fc.assert(
      fc.property(cases(), rank, (c, k) => {
        const A = build(c)
        const result = nystromRectangular(A, { rank: k, seed: c.seed })
        const r = result.rank
        expect(r).toBeLessThanOrEqual(Math.min(k, c.m, c.n))
        expect([result.left.shape, result.core.shape, result.right.shape]).toEqual([
          [c.m, r],
          [r, r],
          [r, c.n],
        ])
        expect(orthogonalityUnits(result.left)).toBeLessThan(YARDSTICK)
        expect(orthogonalityUnits(transpose(result.right))).toBeLessThan(YARDSTICK)
        expect(errorOf(A, result)).toBeGreaterThanOrEqual(tail(spectrumOf(c), k) - rounding(c))
        const X = random.normal([c.n, 2], { seed: 1 })
        const Y = random.normal([c.m, 2], { seed: 2 })
        const D = result.toDense()
        const room = rounding(c) * 10
        expect(norm(minus(result.matmat(X), times(D, X)))).toBeLessThanOrEqual(room + EPS * 100 * norm(D))
        expect(norm(minus(result.rmatmat(Y), times(D, Y, true)))).toBeLessThanOrEqual(
          room + EPS * 100 * norm(D),
        )
      }),
      RUNS,
    )
  })

  test('the mean squared error is 1 + r/(l − 1) times that of its range', () => {
    // What Nakatsukasa 2020 bounds is an equality: A − Â = (I − P)(A − QQᵀA), P = Q(YᵀQ)⁺Yᵀ, for Q of the r columns
    // AX, and E‖(YᵀQ)⁺‖² = r/(l − 1) for r + l rows of Yᵀ.
    const [r, l, runs] = [12, 20, 80]
    for (const name of ['polynomial', 'exponential'] as const) {
      const A = withSpectrum(90, 80, SPECTRA[name](80), { seed: 5 })
      const ratios = Array.from({ length: runs }, (_, seed) => {
        const Q = rangefinder(A, { rank: r, oversample: 0, powerIterations: 0, seed })
        const range = norm(minus(A, times(Q, times(Q, A, true))))
        return (errorOf(A, nystromRectangular(A, { rank: r, oversample: l, seed })) / range) ** 2
      })
      const mean = ratios.reduce((sum, x) => sum + x, 0) / runs
      const sigma = Math.sqrt(ratios.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (runs - 1) / runs)
      expect(Math.abs(mean - (1 + r / (l - 1)))).toBeLessThanOrEqual(4 * sigma)
      expect(Math.min(...ratios)).toBeGreaterThan(1 - YARDSTICK * EPS * 90)
    }
  })

  test('exact where the rank of A is at most the rank asked for', () => {
    fc.assert(
      fc.property(cases({ minSide: 20 }), fc.integer({ min: 1, max: 6 }), (c, r) => {
        const s = Float64Array.from({ length: Math.min(c.m, c.n) }, (_, j) => (j < r ? 10 ** c.scale : 0))
        const A = relaid(withSpectrum(c.m, c.n, s, { seed: c.seed }), c.layout)
        const result = nystromRectangular(A, { rank: r + 2, seed: c.seed, oversample: 6 })
        expect(result.rank).toBe(r)
        const room = YARDSTICK * EPS * Math.max(c.m, c.n) * 10 ** c.scale * Math.sqrt(r)
        // A Gaussian core of r × (r + 6) has a condition number below 100, but for one seed in a million.
        expect(errorOf(A, result)).toBeLessThanOrEqual(100 * room)
      }),
      RUNS,
    )
  })

  test('20 decades of singular values are no danger', () => {
    const s = Float64Array.from({ length: 100 }, (_, j) => 10 ** (-j / 4))
    const A = withSpectrum(120, 100, s, { seed: 1 })
    for (let seed = 0; seed < 20; seed++) {
      expect(errorOf(A, nystromRectangular(A, { rank: 60, seed }))).toBeLessThan(1e3 * YARDSTICK * EPS)
    }
  })

  test('the estimate is within a factor 2 of the truth for at least 97 % of seeds', () => {
    const A = withSpectrum(60, 50, SPECTRA.polynomial(50), { seed: 1 })
    let good = 0
    for (let seed = 0; seed < 100; seed++) {
      const result = nystromRectangular(A, { rank: 5, seed })
      const ratio = (result.errorEstimate * norm(A)) / errorOf(A, result)
      if (ratio > 0.5 && ratio < 2) good++
    }
    expect(good).toBeGreaterThanOrEqual(97)
  })

  test('one answer through every door and layout, in one pass where that can be', async () => {
    const A = withSpectrum(45, 40, SPECTRA.exponential(40), { seed: 1 })
    const options = { rank: 6, seed: 3 }
    const expected = nystromRectangular(A, options).toDense()
    expect(nystromRectangular(A, options).passes).toBe(1)
    const room = 100 * YARDSTICK * EPS * 45 * norm(A)
    for (const layout of LAYOUTS) {
      expect(norm(minus(nystromRectangular(relaid(A, layout), options).toDense(), expected))).toBeLessThan(
        room,
      )
    }
    expect(norm(minus(nystromRectangular(toNested(A), options).toDense(), expected))).toBeLessThan(room)
    const cooperative = (await nystromRectangular.async(A, options)).toDense()
    expect(norm(minus(cooperative, expected))).toBeLessThan(room)
    for (const [name, door] of Object.entries(doors(A))) {
      const answer = (await nystromRectangular(door, options)).toDense()
      expect(norm(minus(answer, expected)), name).toBeLessThan(name === 'single' ? room * 2 ** 29 : room)
    }
    const { shape, matmat, rmatmat } = asOperator(A)
    let sweeps = 0
    const counted = operator({
      shape,
      matmat: (X) => (sweeps++, matmat(X)),
      rmatmat: (Y) => (sweeps++, rmatmat(Y)),
    })
    expect(nystromRectangular(counted, options).passes).toBe(2)
    expect(sweeps).toBe(2)
  })
})

describe('nystromBlocks', () => {
  test('is exact on its rows and columns, and everywhere where the block has the rank of A', () => {
    fc.assert(
      fc.property(cases({ minSide: 14, scales: [0, 100, -100] }), fc.integer({ min: 1, max: 7 }), (c, r) => {
        // The block is dominated by its diagonal, so that its condition is below 10.
        const [L, R] = [
          random.normal([c.m, r], { seed: c.seed }),
          random.normal([r, c.n], { seed: c.seed + 1 }),
        ]
        for (let i = 0; i < r; i++) {
          L.set(i, i, 10)
          R.set(i, i, 10)
        }
        const low = times(L, R)
        const noise = random.normal([c.m, c.n], { seed: c.seed + 2 })
        const noisy = low.data.map((x, e) => (x + 0.1 * noise.data[e]!) * 10 ** c.scale)
        const A = relaid(minus(low, low), 'rows')
        A.data.set(noisy)
        const result = nystromBlocks(relaid(A, c.layout), { rank: r })
        const rest = minus(A, result.toDense())
        const room = 100 * YARDSTICK * EPS * Math.max(c.m, c.n) * norm(A)
        for (let i = 0; i < r; i++) {
          for (let j = 0; j < c.n; j++) expect(Math.abs(rest.get(i, j))).toBeLessThan(room)
          for (let j = 0; j < c.m; j++) expect(Math.abs(rest.get(j, i))).toBeLessThan(room)
        }
        expect(errorOf(low, nystromBlocks(low, { rank: r }))).toBeLessThan(
          100 * YARDSTICK * EPS * Math.max(c.m, c.n) * norm(low),
        )
      }),
      RUNS,
    )
  })

  test('chosen rows and columns are those of A, in their order', () => {
    const A = random.normal([20, 15])
    const [rows, columns] = [
      [7, 3, 11, 0],
      [2, 9, 5],
    ]
    const { left, right, core, rank, errorEstimate } = nystromBlocks(A, { rows, columns })
    expect([left.shape, core.shape, right.shape, rank]).toEqual([[20, 3], [3, 4], [4, 15], 3])
    expect(left.get(13, 1)).toBe(A.get(13, 9))
    expect(right.get(2, 8)).toBe(A.get(11, 8))
    const dense = times(times(left, core), right)
    const truth = norm(minus(A, dense)) / norm(A)
    expect(errorEstimate / truth).toBeGreaterThan(0.5)
    expect(errorEstimate / truth).toBeLessThan(2)
  })

  test('every door', async () => {
    const A = withSpectrum(30, 24, SPECTRA.flat(24), { seed: 1 })
    const expected = nystromBlocks(A, { rank: 5 }).toDense()
    for (const [name, door] of Object.entries(doors(A))) {
      const answer = (await nystromBlocks(door, { rank: 5 })).toDense()
      const eps = name === 'single' ? 2 ** -23 : EPS
      expect(norm(minus(answer, expected)), name).toBeLessThan(1e4 * YARDSTICK * eps * norm(expected))
    }
  })
})
