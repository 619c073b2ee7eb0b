import { expect, test } from 'vitest'
import { random } from '../src/linalg/index.js'
import { solvers } from '../src/recipes/index.js'
import { record } from './support/record.js'

// Shah, Song, Xu and Yang 2020: a Q of low rank is learnt from some of its rows and columns.

const [S, A, RANK, DISCOUNT, ROUNDS, SAMPLES, GROWTH] = [60, 60, 3, 0.7, 8, 20, 1.4]
const f = random.uniform([S], { seed: 1 }).data
const g = random.uniform([A], { seed: 2 }).data
const h = random.uniform([S], { seed: 3 }).data
const l = random.uniform([A], { seed: 4 }).data
/** Next states are of one half with probability f(s)·g(a), and else of the other: Q is spanned by 1, f·gᵀ and h·lᵀ. */
const reward = (s: number, a: number): number => f[s]! * g[a]! + h[s]! * l[a]!

/** Draws by a counter of its own, so that every run sees others. */
function nextStates(run: number): (s: number, a: number, count: number, round: number) => Int32Array {
  let calls = 0
  return (s, a, count) => {
    const u = random.uniform([count, 2], { seed: run * 1e9 + calls++ }).data
    return Int32Array.from({ length: count }, (_, i) => {
      const half = u[2 * i]! < f[s]! * g[a]! ? 0 : S / 2
      return half + Math.floor((u[2 * i + 1]! * S) / 2)
    })
  }
}

/** Value iteration with expectations in place of samples, to its end. */
function optimum(): Float64Array {
  let V = new Float64Array(S)
  let Q = new Float64Array(S * A)
  for (let t = 0; t < 100; t++) {
    const mean = (from: number): number =>
      V.subarray(from, from + S / 2).reduce((sum, v) => sum + v, 0) / (S / 2)
    const [low, high] = [mean(0), mean(S / 2)]
    Q = Q.map((_, e) => {
      const [s, a] = [Math.floor(e / A), e % A]
      return reward(s, a) + DISCOUNT * (high + f[s]! * g[a]! * (low - high))
    })
    V = V.map((_, s) => Math.max(...Q.subarray(s * A, s * A + A)))
  }
  return Q
}

test('anchors learn Q from a fraction of the samples, and truncation is what makes them', () => {
  const truth = optimum()
  const run = (label: string, rank: number, anchors: number) => {
    const seeds = [1, 2, 3]
    let [error, samples] = [0, 0]
    for (const seed of seeds) {
      const result = solvers.lowRankQEstimation(
        { states: S, actions: A, reward, nextStates: nextStates(seed) },
        { rank, anchors, discount: DISCOUNT, iterations: ROUNDS, samples: SAMPLES, growth: GROWTH, seed },
      )
      const { data } = result.Q.toDense()
      error += data.reduce((most, q, e) => Math.max(most, Math.abs(q - truth[e]!)), 0) / seeds.length
      samples = result.samples
    }
    return { label, anchors, error, samples }
  }
  const whole = run('every pair, as it is', S, S)
  const rows = [
    whole,
    run('every pair, truncated', RANK, S),
    run('anchors, truncated', RANK, 15),
    run('anchors, truncated', RANK, 8),
    run('anchors, truncated', RANK, 5),
    run('anchors, untruncated', 15, 15),
    run('anchors, untruncated', 8, 8),
  ]
  record({
    name: 'low-rank-q',
    title: 'A Q-function from a few rows and columns',
    paper:
      'Shah, Song, Xu, Yang 2020, “Sample efficient reinforcement learning via low-rank matrix estimation”.',
    setting: `${S} states and ${A} actions, Q of rank ${RANK}, discount ${DISCOUNT}, ${ROUNDS} rounds, ${SAMPLES} next states for each sampled pair at first and ${GROWTH} times as many in each round. max |Q̄ − Q*|, mean of 3 seeds.`,
    columns: ['pairs that are sampled', 'anchors', 'next states drawn', 'part of all', 'max error'],
    rows: rows.map(({ label, anchors, error, samples }) => [
      label,
      anchors,
      samples,
      samples / whole.samples,
      error,
    ]),
    reading:
      'A fit of rank 3 through 15 anchors has a largest error like that of a table of all pairs, which draws more than twice as many samples; 8 anchors draw a quarter and have a third more. Without the truncation to the rank, what the anchors say is of no use: noise in small singular values is magnified, and again in every round.',
  })
  const [, , many, few, , looseMany, looseFew] = rows
  expect(many!.samples).toBeLessThan(0.5 * whole.samples)
  expect(many!.error).toBeLessThan(1.5 * whole.error)
  expect(few!.samples).toBeLessThan(0.3 * whole.samples)
  expect(looseMany!.error).toBeGreaterThan(2 * many!.error)
  expect(looseFew!.error).toBeGreaterThan(2 * few!.error)
})
