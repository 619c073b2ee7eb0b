import fc from 'fast-check'
import { expect, test } from 'vitest'
import { dense } from '../../src/linalg/arrays.js'
import { blockRootSteps, rootAdjointTimes, rootTimes } from '../../src/linalg/dense/blockroot.js'
import { norm, random } from '../../src/linalg/index.js'
import { largestIndices } from '../../src/linalg/dense/largest.js'
import { runSync } from '../../src/linalg/steps.js'
import { LAYOUTS, RUNS, relaid, symmetric } from '../support/cases.js'
import { EPS } from '../support/measures.js'

const blocks = fc.record({
  seed: fc.nat(2 ** 20),
  k: fc.integer({ min: 1, max: 9 }),
  rank: fc.integer({ min: 0, max: 9 }),
  scale: fc.constantFrom(0, 100, -100),
  layout: fc.constantFrom(...LAYOUTS),
})

test('WᵀW is the inverse of H on its range, whatever the size of its rows', () => {
  fc.assert(
    fc.property(blocks, ({ seed, k, rank, scale, layout }) => {
      const r = Math.min(rank, k)
      const H = symmetric(
        Float64Array.from({ length: k }, (_, j) => (j < r ? 2 - j / k : 0)),
        seed,
      )
      // D·H·D has the solution D⁻¹y of D·H·D·x = D·H·y; powers of two, so that nothing is rounded.
      const d = Float64Array.from({ length: k }, (_, i) => 2 ** (((i * 5) % 7) * 20 + scale))
      const y = random.normal([k], { seed: seed + 1 }).data
      const g = new Float64Array(k)
      for (let i = 0; i < k; i++) for (let j = 0; j < k; j++) g[i]! += d[i]! * H.get(i, j) * y[j]!
      for (let i = 0; i < k; i++) for (let j = 0; j < k; j++) H.set(i, j, d[i]! * H.get(i, j) * d[j]!)
      const W = runSync(blockRootSteps(dense(relaid(H, layout))))
      expect(W.shape).toEqual([r, k])
      const half = rootTimes(
        W,
        g,
        Int32Array.from({ length: k }, (_, i) => i),
      )
      const x = rootAdjointTimes(W, half)
      // H·x = g, in the scale of each row.
      const back = g.map((_, i) => x.reduce((sum, xj, j) => sum + (H.get(i, j) * xj) / d[i]!, 0))
      const size = norm([y])
      // The unit diagonal of D·H·D may be as small as the least diagonal of H allows.
      const least = Math.min(...g.map((_, i) => H.get(i, i) / d[i]! ** 2).filter((h) => h > 0))
      const units = 30 * k * EPS * (2 / least) ** 2
      expect(norm([back.map((value, i) => value - g[i]! / d[i]!)])).toBeLessThanOrEqual(units * size * k)
      const form = half.reduce((sum, value) => sum + value * value, 0)
      expect(Math.abs(form - x.reduce((sum, xi, i) => sum + xi * g[i]!, 0))).toBeLessThanOrEqual(
        units * size * size * k,
      )
    }),
    RUNS,
  )
})

test('the largest keys are those that sorting gives', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -2, max: 2 }), { maxLength: 40, size: 'max' }),
      fc.nat(12),
      (keys, count) => {
        const order = keys.map((_, i) => i).sort((i, j) => keys[j]! - keys[i]! || i - j)
        const want = order.slice(0, count).sort((i, j) => i - j)
        expect(Array.from(largestIndices(Float64Array.from(keys), count))).toEqual(want)
      },
    ),
    RUNS,
  )
})
