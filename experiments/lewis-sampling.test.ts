import { expect, test } from 'vitest'
import { random } from '../src/linalg/index.js'
import type { Matrix } from '../src/linalg/index.js'
import { leverageScores, lewisWeights, sampleRows } from '../src/sketch/index.js'
import { times } from '../proptests/support/measures.js'
import { record } from './support/record.js'

const [M, D, COUNT, SEEDS] = [800, 8, 200, 20]

function* uneven(): Generator<[number, number, number]> {
  for (let i = 0; i < 20; i++) for (let j = 0; j < D; j++) yield [i, j, 30]
  for (let i = 20; i < 60; i++) yield [i, 0, 10]
}

test('Lewis weights and root leverage scores sample p-norms alike, uniform sampling loses them', () => {
  const A = random.normal([M, D], { seed: 1 })
  for (const [i, j, by] of uneven()) A.set(i, j, by * A.get(i, j))
  const X = random.normal([D, 300], { seed: 2 })
  const tau = leverageScores(A)
  const rows = [1, 1.5, 3].flatMap((p) => {
    const powers = (B: Matrix): Float64Array => {
      const sums = new Float64Array(300)
      times(B, X).data.forEach((y, e) => (sums[e % 300]! += Math.abs(y) ** p))
      return sums
    }
    const truth = powers(A)
    return [true, false].map((replace) => {
      const median = (scores: Float64Array): number => {
        const worst = Array.from({ length: SEEDS }, (_, seed) =>
          powers(sampleRows(A, { scores, count: COUNT, p, replace, seed }).rows).reduce(
            (most, value, j) => Math.max(most, Math.abs(value / truth[j]! - 1)),
            0,
          ),
        ).sort((a, b) => a - b)
        return (worst[SEEDS / 2 - 1]! + worst[SEEDS / 2]!) / 2
      }
      const lewis = median(lewisWeights(A, { p }))
      const root = median(tau.map((t) => t ** (p / 2)))
      const leverage = median(tau)
      const uniform = median(new Float64Array(M).fill(1))
      expect(uniform).toBeGreaterThan(2 * Math.max(lewis, root))
      // What the theorems order is independent draws.
      if (replace && p === 1) expect(leverage).toBeGreaterThan(2 * Math.max(lewis, root))
      return [p, replace ? 'independent' : 'pivotal', lewis, root, leverage, uniform]
    })
  })
  for (const t of [0, 2, 4]) expect(rows[t + 1]![2]).toBeLessThan(rows[t]![2] as number)
  record({
    name: 'lewis-sampling',
    title: 'Sampling rows for a p-norm: which scores',
    paper:
      'Cohen and Peng 2015, "ℓp row sampling by Lewis weights"; Woodruff and Yasuda 2023, "Sharper bounds for ℓp sensitivity sampling".',
    setting: `A of ${M}×${D}, normal, 20 rows 30 times as long and 40 with a first entry 10 times as large; ${COUNT} rows, by independent draws and without replacement by the pivotal method; the largest relative error of ‖SAx‖ₚᵖ over 300 random x, the median of ${SEEDS} seeds.`,
    columns: ['p', 'draws', 'Lewis weights', 'τ^(p/2)', 'leverage scores τ', 'uniform'],
    rows,
    reading:
      'By independent draws, which are what the theorems are about, Lewis weights and root leverage scores do equally well below p = 2, leverage scores worse, and at p = 1 no better than a uniform choice by much. The pivotal method takes the long rows for certain and is several times better with any score that finds them; which score then matters little here. At p = 3 leverage scores are as good as Lewis weights on random x: only for Lewis weights is there a guarantee for every x.',
  })
})
