import { expect, test } from 'vitest'
import { random, zeros } from '../src/linalg/index.js'
import type { Matrix } from '../src/linalg/index.js'
import { lewisWeights, rootLeverageScores, sampleRows } from '../src/sketch/index.js'
import { record } from './support/record.js'

const [LARGE, SMALL, D, SEEDS] = [40_000, 9, 8, 21]

test('root leverage scores reach about d rows in rounds', () => {
  // One direction in very many rows, the others in a few: √τ adds up to √m·… there, Lewis weights to 1 each.
  const m = LARGE + (D - 1) * SMALL
  const A = zeros([m, D]) as Matrix
  const size = random.uniform([m], { seed: 1 }).data
  for (let i = 0; i < m; i++) A.set(i, i < LARGE ? 0 : 1 + Math.floor((i - LARGE) / SMALL), 0.5 + size[i]!)
  const sums = (B: Matrix): Float64Array => {
    const out = new Float64Array(D)
    B.data.forEach((v, e) => (out[e % D]! += Math.abs(v)))
    return out
  }
  const truth = sums(A)
  // Columns have their rows apart: ‖SAx‖₁ is a mean of these with weights |xⱼ|, worst at one of them.
  const error = (B: Matrix): number =>
    sums(B).reduce((worst, value, j) => Math.max(worst, Math.abs(value / truth[j]! - 1)), 0)
  const median = (rounds: readonly number[], scores: (B: Matrix) => Float64Array): number => {
    const first = scores(A)
    return Array.from({ length: SEEDS }, (_, seed) =>
      error(
        rounds.reduce<Matrix>(
          (B, count, t) =>
            sampleRows(B, {
              scores: t === 0 ? first : scores(B),
              count,
              p: 1,
              replace: false,
              seed: seed * 9 + t,
            }).rows,
          A,
        ),
      ),
    ).sort((a, b) => a - b)[(SEEDS - 1) / 2]!
  }
  const root = (B: Matrix): Float64Array => rootLeverageScores(B, { p: 1 })
  const plans: [string, number[], (B: Matrix) => Float64Array][] = [
    ['root leverage, one round', [240], root],
    ['root leverage, two rounds', [1600, 240], root],
    ['root leverage, three rounds', [6400, 1600, 240], root],
    ['Lewis weights', [240], (B) => lewisWeights(B, { p: 1 })],
  ]
  const rows = plans.map(([name, counts, scores]) => [name, counts.join(', '), median(counts, scores)])
  const [one, two, three, lewis] = rows.map((row) => row[2] as number) as [number, number, number, number]
  expect(Math.max(two, three)).toBeLessThan(0.15)
  expect(one).toBeGreaterThan(3 * Math.max(two, three))
  expect(lewis).toBeLessThan(0.15)
  record({
    name: 'root-leverage-rounds',
    title: 'Root leverage scores: about d rows, in rounds',
    paper: 'Woodruff and Yasuda 2023, "Sharper bounds for ℓp sensitivity sampling", root leverage scores.',
    setting: `p = 1, d = ${D}: one direction in ${LARGE} rows of different lengths, seven in ${SMALL} each; 30·d = 240 rows in the end, without replacement; the largest relative error of ‖SAx‖₁ over all x, the median of ${SEEDS} seeds.`,
    columns: ['scores', 'rows of each round', 'error'],
    rows,
    reading:
      'Root leverage scores add up to as much as √(m·d): drawn once, nearly all of 240 rows go to the direction that has very many. Scored again among the rows that came, 240 are enough. (The error of the Lewis weights is 0 here: within one direction they are as the lengths of its rows.)',
  })
})
