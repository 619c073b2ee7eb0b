import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { robustPca } from '../../src/factorize/index.js'
import type { RobustPca } from '../../src/factorize/index.js'
import {
  asOperator,
  matmul,
  norm,
  operator,
  random,
  svd,
  svdvals,
  toNested,
  transpose,
  zeros,
} from '../../src/linalg/index.js'
import type { Matrix, ConvergenceError } from '../../src/linalg/index.js'
import { LAYOUTS, RUNS, build, cases, relaid } from '../support/cases.js'
import { EPS, YARDSTICK, assembled, minus } from '../support/measures.js'

/** L of rank r, and S with a part of the entries in (−5, 5). */
function planted(
  m: number,
  n: number,
  r: number,
  part: number,
  seed: number,
): { L: Matrix; S: Matrix; A: Matrix } {
  const L = matmul(random.normal([m, r], { seed }), random.normal([r, n], { seed: seed + 1 }))
  const where = random.uniform([m, n], { seed: seed + 2 })
  const S = random.uniform([m, n], { seed: seed + 3 })
  S.data.forEach((u, e) => (S.data[e] = where.data[e]! < part ? 10 * u - 5 : 0))
  const A = random.normal([m, n])
  A.data.forEach((_, e) => (A.data[e] = L.data[e]! + S.data[e]!))
  return { L, S, A }
}

/** Inexact ALM as it is printed, for so many iterations. */
function textbook(A: Matrix, lambda: number, iterations: number): { L: Matrix; S: Matrix } {
  const [m = 0, n = 0] = A.shape
  const spectral = svdvals(A)[0]!
  const dual = Math.max(spectral, A.data.reduce((most, x) => Math.max(most, Math.abs(x)), 0) / lambda)
  const Y = A.data.map((x) => x / dual)
  let mu = 1.25 / spectral
  const S = zeros([m, n])
  let L = S
  for (let t = 0; t < iterations; t++) {
    const W = zeros([m, n])
    W.data.forEach((_, e) => (W.data[e] = A.data[e]! - S.data[e]! + Y[e]! / mu))
    const { U, s, Vt } = svd(W)
    L = assembled(
      U,
      s.map((value) => Math.max(0, value - 1 / mu)),
      Vt,
    )
    for (let e = 0; e < Y.length; e++) {
      const x = A.data[e]! - L.data[e]! + Y[e]! / mu
      S.data[e] = Math.sign(x) * Math.max(0, Math.abs(x) - lambda / mu)
      Y[e]! += mu * (A.data[e]! - L.data[e]! - S.data[e]!)
    }
    mu *= 1.5
  }
  return { L, S }
}

const rest = (A: Matrix, { lowRank, sparse }: RobustPca): number =>
  norm(minus(minus(A, lowRank.toDense()), sparse))

describe('robustPca', () => {
  test('L + S is A to rtol, and what history says of it is true', () => {
    fc.assert(
      fc.property(cases({ maxSide: 30 }), fc.constantFrom(0.05, 0.3, undefined), (c, lambda) => {
        const A = build(c)
        const rtol = 1e-6
        const result = robustPca(A, { rtol, lambda })
        const room = YARDSTICK * EPS * Math.max(c.m, c.n, 1) * norm(A)
        expect(rest(A, result)).toBeLessThanOrEqual(rtol * norm(A) + room)
        expect(result.rank).toBe(result.lowRank.s.length)
        expect(result.iterations).toBe(result.history.length)
        if (norm(A) === 0) {
          expect(result.iterations).toBe(0)
          return
        }
        const last = result.history.at(-1)!
        expect(last.nonzeros).toBe(result.sparse.data.filter((x) => x !== 0).length)
        expect(last.rank).toBe(result.rank)
        expect(Math.abs(rest(A, result) - last.residual * norm(A))).toBeLessThanOrEqual(room)
      }),
      RUNS,
    )
  })

  test('finds a low-rank matrix under gross errors, and their places', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 20), fc.integer({ min: 1, max: 3 }), fc.boolean(), (seed, r, wide) => {
        const { L, S, A } = planted(wide ? 60 : 90, wide ? 90 : 60, r, 0.05, seed)
        const result = robustPca(A)
        // The end is feasible to 1e-7; the slack of the multiplier and of the constraint are of that size too.
        expect(norm(minus(result.lowRank.toDense(), L))).toBeLessThanOrEqual(1e-5 * norm(L))
        expect(result.rank).toBe(r)
        S.data.forEach((x, e) => {
          if (Math.abs(x) > 1e-4) expect(Math.sign(result.sparse.data[e]!)).toBe(Math.sign(x))
          if (x === 0) expect(Math.abs(result.sparse.data[e]!)).toBeLessThan(1e-4)
        })
      }),
      { ...RUNS, numRuns: 10 },
    )
  })

  test('with λ >= 1 nothing is sparse: UVᵀ has no entry above 1, so S = 0 is optimal', () => {
    fc.assert(
      fc.property(
        cases({ minSide: 1, maxSide: 25 }),
        fc.double({ min: 1, max: 4, noNaN: true }),
        (c, lambda) => {
          const A = build(c)
          const { sparse, lowRank } = robustPca(A, { lambda: lambda * (1 + 1e-12) })
          expect(sparse.data.every((x) => x === 0)).toBe(true)
          expect(norm(minus(A, lowRank.toDense()))).toBeLessThanOrEqual(2e-7 * norm(A))
        },
      ),
      RUNS,
    )
  })

  test('follows scale, sign and transposition', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 20), fc.constantFrom(-8, 0.5, -(2 ** -400), 2 ** 400), (seed, alpha) => {
        const { A } = planted(30, 24, 2, 0.04, seed)
        const scaled = random.normal([30, 24])
        A.data.forEach((a, e) => (scaled.data[e] = alpha * a))
        const [one, other, turned] = [robustPca(A), robustPca(scaled), robustPca(transpose(A))]
        const room = 1e-9 * norm(A)
        other.sparse.data.forEach((x, e) => (other.sparse.data[e] = x / alpha))
        expect(norm(minus(one.sparse, other.sparse))).toBeLessThanOrEqual(room)
        expect(other.iterations).toBe(one.iterations)
        expect(norm(minus(one.sparse, transpose(turned.sparse)))).toBeLessThanOrEqual(room)
      }),
      { ...RUNS, numRuns: 10 },
    )
  })

  test('a bound on the rank is kept, and what it leaves out is in S', () => {
    const { A } = planted(40, 30, 4, 0.05, 3)
    for (const rank of [1, 2, 3, 99]) {
      const result = robustPca(A, { rank })
      expect(result.rank).toBeLessThanOrEqual(Math.min(rank, 30))
      expect(rest(A, result)).toBeLessThanOrEqual(1.01e-7 * norm(A))
    }
  })

  test('partial SVDs come to what whole ones come to', () => {
    const { A, L } = planted(150, 130, 4, 0.05, 5)
    const result = robustPca(A)
    expect(norm(minus(result.lowRank.toDense(), L))).toBeLessThanOrEqual(1e-5 * norm(L))
    expect(result.rank).toBe(4)
    // Singular values in the middle of the way, many above the threshold, make it ask again.
    const whole = robustPca(random.normal([140, 130]), { lambda: 1.5 })
    const s = svdvals(random.normal([140, 130]))
    whole.lowRank.s.forEach((value, j) => expect(Math.abs(value - s[j]!)).toBeLessThanOrEqual(1e-6 * s[0]!))
    expect(whole.rank).toBeGreaterThan(120)
  })

  test('the first iterations are the textbook’s, with partial SVDs and with whole ones', () => {
    for (const [m, n, lambda] of [
      [20, 30, 0.2],
      [130, 125, 0.09],
    ] as const) {
      const A = random.normal([m, n], { seed: 11 })
      for (const iterations of [1, 2, 3]) {
        const expected = textbook(A, lambda, iterations)
        let best: RobustPca | undefined
        try {
          robustPca(A, { lambda, maxIterations: iterations })
        } catch (error) {
          best = (error as ConvergenceError<RobustPca>).best
        }
        // The spectral norm, of which μ is made, is known to the square of the error of a randomized SVD.
        const room = (m > 100 ? 1e-2 : 1e-12) * norm(A)
        expect(norm(minus(best!.lowRank.toDense(), expected.L))).toBeLessThanOrEqual(room)
        expect(norm(minus(best!.sparse, expected.S))).toBeLessThanOrEqual(room)
      }
    }
  })

  test('every door gives the same answer, and none is changed', async () => {
    const { A } = planted(20, 30, 2, 0.05, 7)
    const copy = A.data.slice()
    const expected = robustPca(A)
    const { shape, matmat, rmatmat } = asOperator(A)
    const answers = [
      ...LAYOUTS.map((layout) => robustPca(relaid(A, layout))),
      robustPca(toNested(A)),
      robustPca(operator({ shape, matmat, rmatmat })),
      await robustPca.async(A),
      await robustPca(
        operator({
          shape,
          async: true,
          matmat: (X) => Promise.resolve(matmat(X)),
          rmatmat: (Y) => Promise.resolve(rmatmat(Y)),
        }),
      ),
    ]
    for (const answer of answers) {
      expect(answer.sparse.data).toEqual(expected.sparse.data)
      expect(answer.lowRank.s).toEqual(expected.lowRank.s)
    }
    expect(A.data).toEqual(copy)
  })
})
