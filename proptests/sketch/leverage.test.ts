import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  NotFiniteError,
  OptionError,
  ShapeError,
  asOperator,
  matrixRank,
  random,
  svdvals,
  zeros,
} from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { runSync } from '../../src/linalg/steps.js'
import { approximateLeverageSteps, leverageScores } from '../../src/sketch/leverage.js'
import { orthonormal } from '../../src/testing/index.js'
import { RUNS, build, cases, relaid } from '../support/cases.js'
import { MEMBERS, buildMember, members } from '../support/gallery.js'
import { doors } from '../support/doors.js'
import { EPS, YARDSTICK, assembled, times } from '../support/measures.js'

const total = (x: Float64Array): number => x.reduce((sum, value) => sum + value, 0)
const scale = (A: Matrix, by: number): Matrix => {
  const B = zeros(A.shape)
  for (let i = 0; i < A.shape[0]!; i++) for (let j = 0; j < A.shape[1]!; j++) B.set(i, j, by * A.get(i, j))
  return B
}

function expectClose(given: ArrayLike<number>, truth: ArrayLike<number>, tolerance: number): void {
  expect(given.length).toBe(truth.length)
  for (let i = 0; i < truth.length; i++)
    expect(Math.abs(given[i]! - truth[i]!)).toBeLessThanOrEqual(tolerance)
}

/** A = U·diag(s)·Vᵀ of condition 10^digits and rank r, and the row norms of its U with the filter of a ridge. */
function known(m: number, n: number, r: number, digits: number, seed: number, ridge = 0) {
  const U = orthonormal(m, r, { seed })
  const s = Float64Array.from({ length: r }, (_, j) => 10 ** (-digits * (r > 1 ? j / (r - 1) : 0)))
  const A = assembled(U, s, orthonormal(n, r, { seed: seed + 1 }).transpose(1, 0))
  const truth = Float64Array.from({ length: m }, (_, i) => {
    let sum = 0
    for (let j = 0; j < r; j++) sum += (U.get(i, j) ** 2 * s[j]! ** 2) / (s[j]! ** 2 + ridge)
    return sum
  })
  return { A, truth, s }
}

const shapes = fc.record({
  m: fc.integer({ min: 1, max: 50 }),
  n: fc.integer({ min: 1, max: 50 }),
  part: fc.double({ min: 0, max: 1, noNaN: true }),
  digits: fc.integer({ min: 0, max: 6 }),
  seed: fc.nat(10_000),
})
const rankOf = ({ m, n, part }: { m: number; n: number; part: number }): number =>
  Math.max(1, Math.round(part * Math.min(m, n)))

describe('exact leverage scores', () => {
  test('lie in [0, 1] and add up to the rank, for every spectrum, scale and layout', () => {
    fc.assert(
      fc.property(cases(), (c) => {
        const A = build(c)
        const scores = leverageScores(A)
        expect(scores.length).toBe(c.m)
        for (const score of scores) {
          expect(score).toBeGreaterThanOrEqual(0)
          expect(score).toBeLessThanOrEqual(1)
        }
        const rank = matrixRank(A)
        expect(Math.abs(total(scores) - rank)).toBeLessThanOrEqual(
          YARDSTICK * Math.max(c.m, c.n, 1) * EPS * Math.max(rank, 1),
        )
      }),
      RUNS,
    )
  })

  test('are the row norms of the basis that the matrix was made of, rank-deficient or not', () => {
    fc.assert(
      fc.property(shapes, fc.constantFrom(1, 1e150, 1e-150), (shape, by) => {
        const { m, n, digits, seed } = shape
        const { A, truth } = known(m, n, rankOf(shape), digits, seed)
        expectClose(leverageScores(scale(A, by)), truth, YARDSTICK * Math.max(m, n) * EPS * 10 ** digits)
      }),
      RUNS,
    )
  })

  test.each(Object.keys(MEMBERS) as (keyof typeof MEMBERS)[])(
    'add up to the rank on the gallery: %s',
    (name) => {
      fc.assert(
        fc.property(members(name), (c) => {
          const A = buildMember(c)
          const rank = matrixRank(A)
          const error = Math.abs(total(leverageScores(A)) - rank)
          expect(error).toBeLessThanOrEqual(YARDSTICK * Math.max(...A.shape, 1) * EPS * Math.max(rank, 1))
        }),
        RUNS,
      )
    },
  )

  test('with a ridge, damp each direction by σ²/(σ² + λ)', () => {
    fc.assert(
      fc.property(
        shapes,
        fc.integer({ min: -14, max: 4 }),
        fc.constantFrom(1, 1e150, 1e-150),
        (shape, e, by) => {
          const { m, n, digits, seed } = shape
          const ridge = 10 ** e
          const { A, truth } = known(m, n, rankOf(shape), digits, seed, ridge)
          const tolerance = YARDSTICK * Math.max(m, n) * EPS * 10 ** digits
          expectClose(leverageScores(scale(A, by), { ridge: ridge * by * by }), truth, tolerance)
        },
      ),
      RUNS,
    )
  })

  test('a ridge only lowers them, to a sum of Σ σ²/(σ² + λ)', () => {
    fc.assert(
      fc.property(cases({ scales: [0] }), fc.integer({ min: -8, max: 4 }), (c, e) => {
        const A = build(c)
        const tolerance = YARDSTICK * Math.max(c.m, c.n, 1) * EPS
        const [less, more] = [10 ** e, 10 ** (e + 1)]
        const [loose, tight] = [leverageScores(A, { ridge: less }), leverageScores(A, { ridge: more })]
        const none = leverageScores(A)
        for (let i = 0; i < c.m; i++) {
          expect(tight[i]).toBeLessThanOrEqual(loose[i]! + tolerance)
          expect(loose[i]).toBeLessThanOrEqual(none[i]! + tolerance)
        }
        const s = svdvals(A)
        const dimension = total(s.map((x) => (x * x) / (x * x + less)))
        expect(Math.abs(total(loose) - dimension)).toBeLessThanOrEqual(tolerance * Math.max(1, s.length))
      }),
      RUNS,
    )
  })

  test('do not change where columns are recombined, and follow rows that change places', () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const { m, n, digits, seed } = shape
        const { A, truth } = known(m, n, rankOf(shape), digits, seed)
        const M = known(n, n, n, 2, seed + 7).A
        const tolerance = YARDSTICK * Math.max(m, n) * EPS * 10 ** (digits + 2)
        expectClose(leverageScores(times(A, M)), truth, tolerance)
        expectClose(leverageScores(relaid(A, 'reversed').step(-1, 1)), truth.slice().reverse(), tolerance)
      }),
      RUNS,
    )
  })

  test('a second copy of a row takes its score ℓ to ℓ/(1 + ℓ); a row of its own has score 1; a zero row 0', () => {
    const A = random.normal([12, 4], { seed: 3 })
    const single = leverageScores(A)
    const twice = leverageScores([...Array.from({ length: 12 }, (_, i) => row(A, i)), row(A, 5)])
    expect(twice[5]).toBeCloseTo(single[5]! / (1 + single[5]!), 13)
    expect(twice[12]).toBeCloseTo(twice[5]!, 13)
    const sparse = leverageScores([
      [1, 2, 0],
      [3, 4, 0],
      [0, 0, 1e-3],
      [0, 0, 0],
      [5, 6, 0],
    ])
    expect(sparse[2]).toBeCloseTo(1, 14)
    expect(sparse[3]).toBe(0)
  })

  test('are the same behind every door', async () => {
    const { A, truth } = known(24, 9, 7, 2, 5)
    for (const [name, door] of Object.entries(doors(A))) {
      const scores = await leverageScores(door)
      // A float32 door rounds what it is handed: the identity, exactly.
      expectClose(scores, truth, YARDSTICK * 24 * EPS * 100)
      expect(scores, name).toBeInstanceOf(Float64Array)
    }
    expectClose(await leverageScores.async(A), truth, YARDSTICK * 24 * EPS * 100)
  })

  test('empty and zero matrices, one row, one column', () => {
    expect(Array.from(leverageScores(zeros([0, 3])))).toEqual([])
    for (const method of ['exact', 'approximate'] as const) {
      expect(Array.from(leverageScores(zeros([3, 0]), { method }))).toEqual([0, 0, 0])
      expect(Array.from(leverageScores(asOperator(zeros([3, 0])), { method }))).toEqual([0, 0, 0])
      expect(total(leverageScores(zeros([200, 3]), { method, ridge: 0 }))).toBe(0)
      expect(total(leverageScores(zeros([200, 3]), { method, ridge: 2 }))).toBe(0)
    }
    expect(leverageScores([[1, 2, 3]])[0]).toBeCloseTo(1, 15)
    expectClose(leverageScores([[3], [4]]), [9 / 25, 16 / 25], 4 * EPS)
    expectClose(leverageScores([[3], [4]], { ridge: 25 }), [9 / 50, 16 / 50], 4 * EPS)
  })

  test('bad input', () => {
    expect(() => leverageScores([[1, NaN]])).toThrow(NotFiniteError)
    expect(() => leverageScores([[1, NaN]], { method: 'approximate' })).toThrow(NotFiniteError)
    expect(() => leverageScores(3 as never)).toThrow(ShapeError)
    expect(() => leverageScores([[1]], { ridge: -1 })).toThrow(OptionError)
    expect(() => leverageScores([[1]], { ridge: NaN })).toThrow(OptionError)
    expect(() => leverageScores([[1]], { method: 'fast' as never })).toThrow(OptionError)
    expect(() => leverageScores([[1]], { lambda: 1 } as never)).toThrow('the unknown option lambda')
  })
})

describe('approximate leverage scores', () => {
  const SEEDS = 40

  /** The smallest and the largest ratio to the truth, and their mean over the rows. */
  function ratios(scores: Float64Array, truth: Float64Array): { low: number; high: number; mean: number } {
    const all = Array.from(scores, (score, i) => score / truth[i]!)
    return {
      low: Math.min(...all),
      high: Math.max(...all),
      mean: all.reduce((s, x) => s + x, 0) / all.length,
    }
  }

  test.each([
    { name: 'full rank', n: 12, r: 12, ridge: 0, by: 1 },
    { name: 'rank-deficient, huge', n: 12, r: 5, ridge: 0, by: 1e150 },
    { name: 'one column, tiny', n: 1, r: 1, ridge: 0, by: 1e-150 },
    { name: 'ridge', n: 12, r: 12, ridge: 1e-2, by: 1 },
    { name: 'large ridge', n: 12, r: 5, ridge: 10, by: 1 },
  ])('every row within a factor 2 for 97 % of seeds, and unbiased: $name', ({ n, r, ridge, by }) => {
    const m = 260
    const { A, truth } = known(m, n, r, 2, 11, ridge)
    const B = scale(A, by)
    let within = 0
    let mean = 0
    for (let seed = 0; seed < SEEDS; seed++) {
      const scores = leverageScores(B, { method: 'approximate', ridge: ridge * by * by, seed })
      const found = ratios(scores, truth)
      if (found.low > 0.5 && found.high < 2) within++
      mean += found.mean / SEEDS
      expect(Math.max(...scores)).toBeLessThanOrEqual(1)
    }
    expect(within).toBeGreaterThanOrEqual(0.97 * SEEDS)
    // Each seed's mean ratio deviates by at most one row's standard deviation, √(2/127): four sigma.
    expect(Math.abs(mean - 1)).toBeLessThan(4 * Math.sqrt(2 / 127 / SEEDS))
  })

  test.each([
    { r: 3, ridge: 0 },
    { r: 6, ridge: 0 },
    { r: 3, ridge: 0.1 },
  ])(
    'the mean over many seeds is the score, and the spread the one stated: r = $r, λ = $ridge',
    ({ r, ridge }) => {
      const [m, n, seeds] = [140, 6, 1500]
      const { A, truth } = known(m, n, r, 1, 2, ridge)
      const nu = n + 131 - (ridge > 0 ? n : r)
      const variance = 2 / (nu - 4)
      let [mean, second] = [0, 0]
      for (let seed = 0; seed < seeds; seed++) {
        const ratio = leverageScores(A, { method: 'approximate', ridge, seed })[2]! / truth[2]!
        mean += ratio / seeds
        second += (ratio - 1) ** 2 / seeds
      }
      expect(Math.abs(mean - 1)).toBeLessThan(4 * Math.sqrt(variance / seeds))
      // The variance of a variance of nearly normal numbers; the tails of 1/χ² make it a little larger.
      expect(Math.abs(second / variance - 1)).toBeLessThan(5 * Math.sqrt(2 / seeds))
    },
  )

  test('with more than 128 columns, through the projection', () => {
    const { A, truth } = known(420, 150, 150, 2, 3)
    let within = 0
    for (let seed = 0; seed < 5; seed++) {
      const { low, high, mean } = ratios(leverageScores(A, { method: 'approximate', seed }), truth)
      if (low > 0.5 && high < 2) within++
      expect(Math.abs(mean - 1)).toBeLessThan(4 * Math.sqrt(2 / 127 + 2 / 128))
    }
    expect(within).toBe(5)
  })

  test('is the same behind every door, in any blocks, and for the same seed only', async () => {
    const { A } = known(180, 9, 7, 2, 5)
    const once = leverageScores(A, { method: 'approximate', seed: 4 })
    expect(leverageScores(A, { method: 'approximate', seed: 4 })).toEqual(once)
    expect(leverageScores(A, { method: 'approximate', seed: 5 })).not.toEqual(once)
    const { single, result, ...exact } = doors(A)
    expect([single, result]).toHaveLength(2)
    for (const door of Object.values(exact)) {
      expectClose(
        await leverageScores(door, { method: 'approximate', seed: 4 }),
        once,
        YARDSTICK * 180 * EPS * 1e2,
      )
    }
    for (const held of [1, 180 * 37, 180 * 139]) {
      const blocked = runSync(approximateLeverageSteps(asOperator(A), 0, 4, held))
      expectClose(blocked, once, YARDSTICK * 180 * EPS * 1e2)
    }
    // A float32 operand: rounded products, and a rank by their precision.
    expectClose(await leverageScores(single!, { method: 'approximate', seed: 4 }), once, 180 * 2 ** -23 * 1e2)
  })

  test('takes two passes, in products of n + 130 and as many columns as the rank', () => {
    const dense = asOperator(known(180, 9, 7, 2, 5).A)
    const calls: string[] = []
    leverageScores(
      {
        shape: dense.shape,
        matmat: (X) => (calls.push(`matmat ${X.shape[1]}`), dense.matmat(X)),
        rmatmat: (Y) => (calls.push(`rmatmat ${Y.shape[1]}`), dense.rmatmat(Y)),
      },
      { method: 'approximate' },
    )
    expect(calls).toEqual(['rmatmat 139', 'matmat 7'])
  })
})

const row = (A: Matrix, i: number): number[] => Array.from({ length: A.shape[1]! }, (_, j) => A.get(i, j))
