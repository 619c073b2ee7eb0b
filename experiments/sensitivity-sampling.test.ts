import { expect, test } from 'vitest'
import { random, svd } from '../src/linalg/index.js'
import type { Matrix } from '../src/linalg/index.js'
import { sampleRows, sensitivities } from '../src/sketch/index.js'
import { orthonormal } from '../src/testing/index.js'
import { times } from '../proptests/support/measures.js'
import { record } from './support/record.js'

const [M, PART, SEEDS] = [180, 8, 15]

/** The largest relative error of ‖SAx‖₁ over random x and over those for which SA is worst in the 2-norm. */
function distortion(A: Matrix, SA: Matrix, seed: number): number {
  const d = A.shape[1]!
  const sum = (B: Matrix, X: Matrix): Float64Array => {
    const sums = new Float64Array(X.shape[1]!)
    times(B, X).data.forEach((y, e) => (sums[e % sums.length]! += Math.abs(y)))
    return sums
  }
  let worst = 0
  const { Vt } = svd(SA)
  for (const X of [random.normal([d, 100], { seed }), Vt.transpose(1, 0)]) {
    const truth = sum(A, X)
    sum(SA, X).forEach((value, j) => (worst = Math.max(worst, Math.abs(value / truth[j]! - 1))))
  }
  return worst
}

test('for p = 1 as many rows as S², S the total sensitivity, are enough where d·S asks for more', () => {
  const rows = [4, 8, 16].map((d) => {
    // Rows of equal length in all directions alike: S grows like √d.
    const A = orthonormal(M, d, { seed: d })
    const scores = sensitivities(A, { p: 1, method: 'exact' })
    const S = scores.reduce((total, s) => total + s, 0)
    const bounds = sensitivities(A, { p: 1 }).reduce((total, s) => total + s, 0)
    const count = Math.round(PART * S ** 2)
    const errors = Array.from({ length: SEEDS }, (_, seed) =>
      distortion(A, sampleRows(A, { scores, count, p: 1, seed }).rows, seed),
    ).sort((a, b) => a - b)
    return [d, S, bounds, S ** 2, d * S, count, errors[(SEEDS - 1) / 2]!]
  })
  const [first, , last] = rows as [number[], number[], number[]]
  // Four times the columns: S² grows about as d, d·S as d^1.5, and the error stays.
  expect(last[1]! / first[1]!).toBeLessThan(2.5)
  expect(last[4]! / first[4]!).toBeGreaterThan(1.6 * (last[3]! / first[3]!))
  for (const row of rows) expect(row.at(-1)).toBeLessThan(0.5)
  expect(last.at(-1)!).toBeLessThan(1.5 * first.at(-1)!)
  record({
    name: 'sensitivity-sampling',
    title: 'Sensitivity sampling needs fewer rows than the general bound',
    paper: 'Woodruff and Yasuda 2023, "Sharper bounds for ℓp sensitivity sampling", for 1 <= p < 2.',
    setting: `Orthonormal A of ${M}×d in general position, p = 1, ${PART}·S² rows drawn with replacement by exact sensitivities of total S; the largest relative error of ‖SAx‖₁ over 100 random x and the singular vectors of SA, the median of ${SEEDS} seeds.`,
    columns: ['d', 'S', 'S from bounds', 'S²', 'd·S', 'rows', 'error'],
    rows,
    reading:
      'S is about √(πd/2) here, so S² grows like d and the general bound d·S like d^1.5; a multiple of S² rows keeps the error where it is. The bounds by Lewis weights add up to d, √(2d/π) times more than S.',
  })
})
