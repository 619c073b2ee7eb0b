import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { norm, random, zeros } from '../../src/linalg/index.js'
import { runSync } from '../../src/linalg/steps.js'
import { rowSampling } from '../../src/sketch/index.js'
import { sketchSteps } from '../../src/sketch/sketch.js'
import { RUNS, build, cases } from '../support/cases.js'
import { doors } from '../support/doors.js'
import { EPS, YARDSTICK, minus, times } from '../support/measures.js'

/** Scores of all sizes: some 0, some that are certain without replacement. */
const SCORES = Float64Array.from({ length: 24 }, (_, i) =>
  i % 7 === 3 ? 0 : i % 11 === 5 ? 40 : 1 + (i % 5),
)
const TOTAL = SCORES.reduce((sum, score) => sum + score, 0)

describe('rowSampling', () => {
  test('one entry in each row, √(1/(d·qᵢ)), at the indices it names', () => {
    const inputs = fc.record({
      n: fc.integer({ min: 1, max: 50 }),
      d: fc.integer({ min: 1, max: 60 }),
      scored: fc.boolean(),
      size: fc.constantFrom(1, 1e300, 1e-300),
      seed: fc.nat(1000),
    })
    fc.assert(
      fc.property(inputs, ({ n, d, scored, size, seed }) => {
        const scores = scored ? random.uniform([n], { seed }).data.map((u) => size * u ** 3) : undefined
        const S = rowSampling([d, n], { scores, seed })
        const D = S.toDense()
        const total = scored ? scores!.reduce((sum, x) => sum + x / size, 0) : n
        for (let t = 0; t < d; t++) {
          const i = S.indices[t]!
          const q = (scored ? scores![i]! / size : 1) / total
          expect(Math.abs(S.weights[t]! * Math.sqrt(d * q) - 1)).toBeLessThan(1e-12 * n)
          for (let j = 0; j < n; j++) expect(D.get(t, j)).toBe(j === i ? S.weights[t] : 0)
        }
        const distinct = rowSampling([Math.min(d, n), n], { scores, replace: false, seed })
        expect(new Set(distinct.indices).size).toBe(Math.min(d, n))
        if (d >= n) expect(norm(minus(distinct.toDense(), identity(n)))).toBeLessThan(n * EPS)
      }),
      RUNS,
    )
  })

  test.each([true, false])('E‖Sx‖² = ‖x‖² where scores are not 0, replace = %s', (replace) => {
    const x = Float64Array.from(SCORES, (score, i) => (score === 0 ? 0 : Math.cos(i)))
    const square = norm([x]) ** 2
    const [d, seeds] = [9, 3000]
    let [sum, squares] = [0, 0]
    for (let seed = 0; seed < seeds; seed++) {
      const S = rowSampling([d, 24], { scores: SCORES, replace, seed })
      const value = S.indices.reduce((total, i, t) => total + (S.weights[t]! * x[i]!) ** 2, 0)
      sum += value
      squares += value * value
    }
    const mean = sum / seeds
    const variance = squares / seeds - mean ** 2
    expect(Math.abs(mean - square)).toBeLessThan(4 * Math.sqrt(variance / seeds))
    if (replace) {
      const fourth = x.reduce(
        (total, value, i) => total + (value === 0 ? 0 : (value ** 4 * TOTAL) / SCORES[i]!),
        0,
      )
      // A mean of nine bounded numbers: its kurtosis is below 6, the sample variance within √(5/N) of the truth.
      expect(Math.abs((variance * d) / (fourth - square ** 2) - 1)).toBeLessThan(4 * Math.sqrt(5 / seeds))
    }
  })

  test('rows come as often as their scores say, uniform ones too', () => {
    for (const scores of [SCORES, undefined]) {
      const often = new Float64Array(24)
      for (let seed = 0; seed < 1000; seed++)
        for (const i of rowSampling([6, 24], { scores, seed }).indices) often[i]!++
      often.forEach((count, i) => {
        const mean = (6000 * (scores === undefined ? 1 : scores[i]!)) / (scores === undefined ? 24 : TOTAL)
        // 48 numbers; Poisson variance is above the binomial one.
        expect(Math.abs(count - mean)).toBeLessThanOrEqual(4.5 * Math.sqrt(mean))
      })
    }
  })

  test('S·A and Sᵀ·Y of any matrix, behind every door', () => {
    fc.assert(
      fc.property(cases({ minSide: 1, maxSide: 30 }), fc.boolean(), (c, replace) => {
        const A = build(c)
        const S = rowSampling([Math.max(1, c.m >> 1), c.m], { replace, seed: c.seed % 100 })
        const SA = runSync(sketchSteps(S, A))
        const bound = 2 * EPS * norm(S.toDense()) * norm(A)
        expect(norm(minus(SA, times(S.toDense(), A)))).toBeLessThanOrEqual(bound)
        const back = S.rmatmat(SA)
        expect(norm(minus(back, times(S.toDense(), SA, true)))).toBeLessThanOrEqual(
          YARDSTICK * c.m * EPS * norm(S.toDense()) * norm(SA),
        )
      }),
      RUNS,
    )
    const A = random.normal([24, 3], { seed: 1 })
    const S = rowSampling([10, 24], { scores: SCORES })
    for (const door of Object.values(doors(A))) {
      if (door.async) continue
      const difference = norm(minus(runSync(sketchSteps(S, door)), times(S.toDense(), A)))
      expect(difference).toBeLessThan(1e-12 * (door.dtype === 'float32' ? 1e6 : 1))
    }
  })

  test('of an operator that offers rows, nothing else is asked for', () => {
    const A = random.normal([24, 3], { seed: 1 })
    const S = rowSampling([10, 24], { scores: SCORES })
    const asked: number[] = []
    const door = {
      shape: [24, 3] as const,
      matmat: () => expect.unreachable(),
      rmatmat: () => expect.unreachable(),
      rows: (I: Int32Array) => {
        asked.push(...I)
        const rows = zeros([I.length, 3])
        I.forEach((i, t) => [0, 1, 2].forEach((j) => rows.set(t, j, A.get(i, j))))
        return rows
      },
    }
    const SA = runSync(sketchSteps(S, door))
    expect(asked).toEqual(Array.from(S.indices))
    expect(norm(minus(SA, times(S.toDense(), A)))).toBeLessThan(1e-13)
  })

  test('uniform scores and none are the same law; a seed is a sketch', () => {
    const ones = new Float64Array(1000).fill(3)
    const [A, B] = [rowSampling([50, 1000], { seed: 2 }), rowSampling([50, 1000], { seed: 2, scores: ones })]
    expect(A.indices).toEqual(B.indices)
    A.weights.forEach((w, t) => expect(Math.abs(w - B.weights[t]!)).toBeLessThan(1e-10))
    expect(rowSampling([50, 1000], { seed: 2 }).indices).toEqual(A.indices)
    expect(rowSampling([50, 1000], { seed: 3 }).indices).not.toEqual(A.indices)
    // A longer one begins with a shorter one.
    expect(rowSampling([80, 1000], { seed: 2 }).indices.subarray(0, 50)).toEqual(A.indices)
  })
})

function identity(n: number) {
  const I = zeros([n, n])
  for (let i = 0; i < n; i++) I.set(i, i, 1)
  return I
}
