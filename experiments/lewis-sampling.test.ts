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
  const A = random.normal([M, D], { seed: 1 }) as Matrix
  for (const [i, j, by] of uneven()) A.set(i, j, by * A.get(i, j))
  const X = random.normal([D, 300], { seed: 2 }) as Matrix
  const tau = leverageScores(A)
  const rows = [1, 1.5, 3].map((p) => {
    const powers = (B: Matrix): Float64Array => {
      const sums = new Float64Array(300)
      times(B, X).data.forEach((y, e) => (sums[e % 300]! += Math.abs(y) ** p))
      return sums
    }
    const truth = powers(A)
    const median = (scores: Float64Array): number => {
      const worst = Array.from({ length: SEEDS }, (_, seed) =>
        powers(sampleRows(A, { scores, count: COUNT, p, replace: false, seed }).rows).reduce(
          (most, value, j) => Math.max(most, Math.abs(value / truth[j]! - 1)),
          0,
        ),
      ).sort((a, b) => a - b)
      return (worst[SEEDS / 2 - 1]! + worst[SEEDS / 2]!) / 2
    }
    const found = {
      lewis: median(lewisWeights(A, { p })),
      root: median(tau.map((t) => t ** (p / 2))),
      leverage: median(tau),
      uniform: median(new Float64Array(M).fill(1)),
    }
    expect(found.lewis).toBeLessThan(0.25)
    expect(found.uniform).toBeGreaterThan(2 * Math.max(found.lewis, found.root))
    if (p === 1) expect(found.leverage).toBeGreaterThan(1.3 * Math.max(found.lewis, found.root))
    return [p, found.lewis, found.root, found.leverage, found.uniform]
  })
  record({
    name: 'lewis-sampling',
    title: 'Sampling rows for a p-norm: which scores',
    paper:
      'Cohen and Peng 2015, "ℓp row sampling by Lewis weights"; Woodruff and Yasuda 2023, "Sharper bounds for ℓp sensitivity sampling".',
    setting: `A of ${M}×${D}, normal, 20 rows 30 times as long and 40 with a first entry 10 times as large; ${COUNT} rows without replacement; the largest relative error of ‖SAx‖ₚᵖ over 300 random x, the median of ${SEEDS} seeds.`,
    columns: ['p', 'Lewis weights', 'τ^(p/2)', 'leverage scores τ', 'uniform'],
    rows,
    reading:
      'Below p = 2, Lewis weights and root leverage scores do equally well, leverage scores, which are made for p = 2, worse, and uniform sampling misses the long rows. Above, a few long rows are all of the norm, and any score that finds them is good on random x; of these only Lewis weights carry a guarantee for every x.',
  })
})
