import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { random } from '../../../src/linalg/index.js'
import type { Matrix } from '../../../src/linalg/index.js'
import { solvers } from '../../../src/recipes/index.js'
import { withSpectrum } from '../../../src/testing/index.js'
import { RUNS } from '../../support/cases.js'
import { EPS } from '../../support/measures.js'

const { lowRankQEstimation } = solvers

const largest = (x: Iterable<number>): number => [...x].reduce((most, v) => Math.max(most, Math.abs(v)), 0)

/** Rewards of rank r with singular values 1, and states that follow one another whatever the action. */
function chain(m: number, n: number, r: number, seed: number) {
  const R = withSpectrum(
    m,
    n,
    Float64Array.from({ length: Math.min(m, n) }, (_, j) => (j < r ? 1 : 0)),
    { seed },
  )
  const jump = random.uniform([m], { seed: seed + 1 }).data.map((u) => Math.floor(u * m))
  const mdp = {
    states: m,
    actions: n,
    reward: (s: number, a: number) => R.get(s, a),
    nextStates: (s: number, _a: number, count: number) => new Int32Array(count).fill(jump[s]!),
  }
  return { R, jump, mdp }
}

/** Plain value iteration of the whole table. */
function valueIteration(R: Matrix, jump: Float64Array, discount: number, rounds: number) {
  const [m = 0, n = 0] = R.shape
  let V = new Float64Array(m)
  let Q = new Float64Array(m * n)
  for (let t = 0; t < rounds; t++) {
    const [from, table] = [V, new Float64Array(m * n)]
    for (let e = 0; e < m * n; e++) {
      const s = Math.floor(e / n)
      table[e] = R.get(s, e % n) + discount * from[jump[s]!]!
    }
    Q = table
    V = from.map((_, s) => Math.max(...Q.subarray(s * n, s * n + n)))
  }
  return { Q, V }
}

describe('lowRankQEstimation', () => {
  test('is value iteration itself where Q is of the rank it is given, to rounding', () => {
    const problem = fc.record({
      seed: fc.nat(2 ** 20),
      m: fc.integer({ min: 5, max: 40 }),
      n: fc.integer({ min: 5, max: 30 }),
      r: fc.integer({ min: 1, max: 3 }),
      discount: fc.constantFrom(0, 0.5, 0.9),
    })
    fc.assert(
      fc.property(problem, ({ seed, m, n, r, discount }) => {
        const { R, jump, mdp } = chain(m, n, r, seed)
        const iterations = 4
        // V(jump(s)) is the same for all actions: it adds a matrix of rank one. Anchors of half the sides, so that W
        // is well conditioned for nearly all draws, as `amplification` tells.
        const anchors = Math.max(r + 2, Math.ceil(Math.min(m, n) / 2))
        const result = lowRankQEstimation(mdp, {
          rank: r + 1,
          discount,
          iterations,
          samples: 2,
          anchors,
          seed,
        })
        const truth = valueIteration(R, jump, discount, iterations)
        // A skeleton magnifies an error by s₁/sᵣ of W for each of its two factors, in each round.
        const worst = result.history.reduce((most, h) => Math.max(most, h.amplification), 1)
        const room = 30 * EPS * (m + n) * worst ** 2 * Math.max(1, largest(truth.Q))
        const Q = result.Q.toDense()
        expect(largest(Q.data.map((q, e) => q - truth.Q[e]!))).toBeLessThanOrEqual(room)
        expect(largest(result.V.map((v, s) => v - truth.V[s]!))).toBeLessThanOrEqual(room)
        result.policy.forEach((a, s) => expect(result.V[s]! - Q.get(s, a)).toBeLessThanOrEqual(room))
        const pairs = anchors * (m + n - anchors)
        const drawn = result.history.reduce((sum, h) => sum + h.samples, 0)
        expect(result.samples).toBe(pairs * drawn)
        expect(result.history[0]!.samples).toBe(0)
        expect(new Set(result.anchorStates).size).toBe(anchors)
        expect(new Set(result.anchorActions).size).toBe(anchors)
      }),
      RUNS,
    )
  })

  test('noise is magnified by a bounded factor, for nearly all seeds', () => {
    let good = 0
    for (let seed = 0; seed < 100; seed++) {
      const { R, mdp } = chain(40, 40, 2, seed)
      const noise = random.uniform([40, 40], { seed: seed + 500 })
      const level = 1e-4
      const reward = (s: number, a: number): number => R.get(s, a) + level * (2 * noise.get(s, a) - 1)
      const { Q } = lowRankQEstimation(
        { ...mdp, reward },
        { rank: 2, discount: 0, iterations: 1, anchors: 12, seed },
      )
      // Of √(2·12) entries that are averaged and 1/s₂(W) ~ √(40·40)/12 of theirs: of the order of 1.
      if (largest(Q.toDense().data.map((q, e) => q - R.data[e]!)) <= 10 * level) good++
    }
    expect(good).toBeGreaterThanOrEqual(97)
  })

  test('a rank above that of Q is cut to it, and zero rewards stay zero', () => {
    const { R, mdp } = chain(20, 15, 2, 3)
    const { Q, history } = lowRankQEstimation(mdp, { rank: 6, discount: 0, iterations: 1 })
    const room = 30 * EPS * 35 * history[0]!.amplification ** 2
    expect(largest(Q.toDense().data.map((q, e) => q - R.data[e]!))).toBeLessThanOrEqual(room)
    const zero = lowRankQEstimation({ ...mdp, reward: () => 0 }, { rank: 2, discount: 0.9 })
    expect(largest(zero.V)).toBe(0)
    expect(zero.Q.toDense().shape).toEqual([20, 15])
  })

  test('the same seed gives the same answer, sync, async and cooperatively', async () => {
    const { mdp } = chain(20, 15, 2, 3)
    const options = { rank: 3, discount: 0.8, seed: 4 }
    const expected = lowRankQEstimation(mdp, options)
    const later = {
      ...mdp,
      async: true as const,
      reward: (s: number, a: number) => Promise.resolve(mdp.reward(s, a)),
      nextStates: (s: number, a: number, count: number) => Promise.resolve(mdp.nextStates(s, a, count)),
    }
    for (const answer of [
      lowRankQEstimation(mdp, options),
      await lowRankQEstimation(later, options),
      await lowRankQEstimation.async(mdp, options),
    ]) {
      expect(answer.V).toEqual(expected.V)
      expect(answer.anchorStates).toEqual(expected.anchorStates)
    }
    expect(lowRankQEstimation(mdp, { ...options, seed: 5 }).anchorStates).not.toEqual(expected.anchorStates)
  })
})
