import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NotFiniteError, OptionError, ShapeError, random, zeros } from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { sampleRows } from '../../src/sketch/samplerows.js'
import { RUNS, build, cases } from '../support/cases.js'
import { doors } from '../support/doors.js'
import { EPS } from '../support/measures.js'

/** Scores of all sizes: some 0, some that are certain without replacement, some tiny. */
const SCORES = Float64Array.from({ length: 30 }, (_, i) =>
  i % 7 === 3 ? 0 : i % 11 === 5 ? 40 : 1 + (i % 5),
)
const POSITIVE = SCORES.filter((score) => score > 0).length

/** Σ |aᵢ·x|ᵖ */
function power(A: Matrix, x: ArrayLike<number>, p: number): number {
  let sum = 0
  for (let i = 0; i < A.shape[0]!; i++) {
    let dot = 0
    for (let j = 0; j < A.shape[1]!; j++) dot += A.get(i, j) * x[j]!
    sum += Math.abs(dot) ** p
  }
  return sum
}

/** πᵢ by bisection for c in Σ min(1, c·score) = count. */
function inclusion(scores: ArrayLike<number>, count: number): number[] {
  const at = (c: number): number[] => Array.from(scores, (score) => Math.min(1, c * score))
  let [low, high] = [0, 1e6]
  for (let t = 0; t < 200; t++) {
    const middle = (low + high) / 2
    if (at(middle).reduce((sum, x) => sum + x, 0) < count) low = middle
    else high = middle
  }
  return at(high)
}

describe('sampleRows', () => {
  test.each([
    { p: 2, replace: true },
    { p: 1, replace: true },
    { p: 3.5, replace: true },
    { p: 2, replace: false },
    { p: 1, replace: false },
    { p: 3.5, replace: false },
  ])('keeps ‖Ax‖ₚᵖ in expectation, within four sigma: p = $p, replace = $replace', ({ p, replace }) => {
    const A = random.normal([30, 3], { seed: 1 })
    for (let i = 0; i < 30; i++) if (SCORES[i] === 0) for (let j = 0; j < 3; j++) A.set(i, j, 0)
    const x = [1, -2, 0.5]
    const seeds = 4000
    let [sum, squares] = [0, 0]
    for (let seed = 0; seed < seeds; seed++) {
      const value = power(sampleRows(A, { scores: SCORES, count: 9, p, seed, replace }).rows, x, p)
      sum += value
      squares += value * value
    }
    const mean = sum / seeds
    const sigma = Math.sqrt((squares / seeds - mean * mean) / seeds)
    expect(sigma / mean).toBeLessThan(0.05)
    expect(Math.abs(mean - power(A, x, p))).toBeLessThan(4 * sigma)
  })

  test('each row comes as often as it should', () => {
    const A = zeros([30, 1])
    const seeds = 4000
    const total = SCORES.reduce((sum, x) => sum + x, 0)
    for (const [replace, count] of [
      [true, 6],
      [false, 6],
      [false, POSITIVE - 2],
    ] as const) {
      const often = new Float64Array(30)
      for (let seed = 0; seed < seeds; seed++) {
        for (const i of sampleRows(A, { scores: SCORES, count, replace, seed }).indices) often[i]!++
      }
      const expected = replace ? Array.from(SCORES, (x) => (count * x) / total) : inclusion(SCORES, count)
      // A Bernoulli or binomial count has variance at most its mean; five sigma for each of 90 numbers.
      for (let i = 0; i < 30; i++) {
        const mean = seeds * expected[i]!
        const spread = replace ? mean : mean * (1 - expected[i]!)
        expect(Math.abs(often[i]! - mean)).toBeLessThanOrEqual(5 * Math.sqrt(spread) + 1e-6)
      }
    }
  })

  test('gives the rows it names, times their weights, of every matrix and layout', () => {
    const inputs = fc.record({
      c: cases({ minSide: 1, scales: [0, 150, -150] }),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
      p: fc.constantFrom(1, 2, 4),
      replace: fc.boolean(),
      size: fc.constantFrom(1, 1e-300, 1e300),
      seed: fc.nat(1000),
    })
    fc.assert(
      fc.property(inputs, ({ c, part, p, replace, size, seed }) => {
        const A = build(c)
        const raw = random.uniform([c.m], { seed: c.seed }).data.map((u) => size * u ** 3)
        const count = Math.max(1, Math.round(part * c.m))
        const { indices, weights, rows } = sampleRows(A, { scores: raw, count, p, replace, seed })
        expect(indices.length).toBe(count)
        expect(weights.length).toBe(count)
        expect(rows.shape).toEqual([count, c.n])
        const relative = raw.map((x) => x / size)
        const total = relative.reduce((sum, x) => sum + x, 0)
        const expected = replace ? relative.map((x) => (count * x) / total) : inclusion(relative, count)
        for (let t = 0; t < count; t++) {
          const i = indices[t]!
          expect(Math.abs(weights[t]! ** -p / expected[i]! - 1)).toBeLessThan(1e-9)
          if (!replace && t > 0) expect(i).toBeGreaterThan(indices[t - 1]!)
          for (let j = 0; j < c.n; j++) {
            const truth = weights[t]! * A.get(i, j)
            expect(Math.abs(rows.get(t, j) - truth)).toBeLessThanOrEqual(EPS * Math.abs(truth))
          }
        }
      }),
      RUNS,
    )
  })

  test('takes every row of positive score, unchanged, where there are just as many', () => {
    const A = random.normal([30, 2], { seed: 2 })
    const { indices, weights, rows } = sampleRows(A, { scores: SCORES, count: POSITIVE, replace: false })
    expect(Array.from(indices)).toEqual(Array.from(SCORES.keys()).filter((i) => SCORES[i]! > 0))
    expect(weights).toEqual(new Float64Array(POSITIVE).fill(1))
    indices.forEach((i, t) => expect(rows.get(t, 1)).toBe(A.get(i, 1)))
  })

  test('equal scores, any count: distinct rows, exactly as many', () => {
    const A = zeros([1000, 0])
    for (const count of [1, 2, 3, 499, 997, 999, 1000]) {
      const { indices, rows } = sampleRows(A, {
        scores: new Float64Array(1000).fill(0.1),
        count,
        replace: false,
      })
      expect(new Set(indices).size).toBe(count)
      expect(rows.shape).toEqual([count, 0])
    }
  })

  test('across the stretches of a long vector, and where almost all scores are 0', () => {
    const m = 2 ** 15 + 40
    const scores = new Float64Array(m)
    for (const i of [0, 2 ** 15 - 1, 2 ** 15, m - 1]) scores[i] = 1
    const seen = new Set<number>()
    for (let seed = 0; seed < 30; seed++) {
      for (const replace of [true, false]) {
        const { indices } = sampleRows(zeros([m, 1]), { scores, count: 2, replace, seed })
        indices.forEach((i) => seen.add(i))
      }
    }
    expect([...seen].sort((a, b) => a - b)).toEqual([0, 2 ** 15 - 1, 2 ** 15, m - 1])
  })

  test('is the same behind every door, and for the same seed only', async () => {
    const A = random.normal([30, 4], { seed: 1 })
    for (const replace of [true, false]) {
      const options = { scores: SCORES, count: 8, replace, seed: 9 }
      const once = sampleRows(A, options)
      expect(sampleRows(A, options)).toEqual(once)
      expect(sampleRows(A, { ...options, seed: 10 }).indices).not.toEqual(once.indices)
      expect(await sampleRows.async(A, options)).toEqual(once)
      const { result, ...exact } = doors(A)
      expect(result).toBeDefined()
      for (const door of Object.values(exact)) expect(await sampleRows(door, options)).toEqual(once)
    }
  })

  test('bad input', () => {
    const A = random.normal([4, 2])
    const scores = [1, 2, 0, 3]
    const cases: [object | undefined, new (...args: never[]) => Error, string][] = [
      [undefined, OptionError, 'options.scores'],
      [{ count: 2 }, OptionError, 'options.scores'],
      [{ scores }, OptionError, 'options.count'],
      [{ scores, count: 0 }, OptionError, 'options.count'],
      [{ scores, count: 1.5 }, OptionError, 'options.count'],
      [{ scores, count: 4, replace: false }, OptionError, 'at most 3'],
      [{ scores, count: 2, p: 0.5 }, OptionError, 'options.p'],
      [{ scores, count: 2, p: Infinity }, OptionError, 'options.p'],
      [{ scores, count: 2, replace: 1 }, OptionError, 'options.replace'],
      [{ scores, count: 2, weights: [] }, OptionError, 'the unknown option weights'],
      [{ scores: [1, -1, 0, 0], count: 2 }, OptionError, '-1 at [1]'],
      [{ scores: [0, 0, 0, 0], count: 2 }, OptionError, 'above 0'],
      [{ scores: [1, NaN, 0, 0], count: 2 }, NotFiniteError, 'at [1]'],
      [{ scores: [1, 2, 0], count: 2 }, ShapeError, 'a vector of 4'],
      [{ scores: 'all', count: 2 }, ShapeError, 'options.scores'],
    ]
    for (const [options, kind, message] of cases) {
      expect(() => sampleRows(A, options as never)).toThrow(kind)
      expect(() => sampleRows(A, options as never)).toThrow(message)
    }
    expect(() => sampleRows(zeros([0, 2]), { scores: [], count: 1 })).toThrow(OptionError)
    expect(() => sampleRows([[NaN]], { scores: [1], count: 1 })).toThrow(NotFiniteError)
  })
})
