import { expect, test } from 'vitest'
import { concatenatedSvd } from '../src/factorize/index.js'
import { matmul, matrix, norm, random } from '../src/linalg/index.js'
import type { Matrix } from '../src/linalg/index.js'
import { record } from './support/record.js'

const METHODS = ['weyl', 'residual', 'incremental'] as const

/** Blocks m × n from a few spans in turn, with Gaussian noise of a size relative to each. */
function planted(count: number, [m, n]: [number, number], spans: readonly Matrix[], noise: number): Matrix[] {
  return Array.from({ length: count }, (_, j) => {
    const span = spans[j % spans.length]!
    const A = matmul(span, random.normal([span.shape[1]!, n], { seed: 100 + j }))
    const N = random.normal([m, n], { seed: 200 + j })
    const size = (noise * norm(A)) / norm(N)
    return matrix(
      A.data.map((x, e) => x + size * N.data[e]!),
      [m, n],
    )
  })
}

test('blocks of three hidden spans are told apart by what they would lose together', () => {
  const spans = [1, 2, 3].map((seed) => random.normal([60, 4], { seed }))
  const blocks = planted(12, [60, 30], spans, 0.01)
  const truth = [0, 1, 2].map((c) => Int32Array.of(c, c + 3, c + 6, c + 9))
  const rows = [0.005, 0.05, 0.3, 1].flatMap((maxError) =>
    METHODS.map((method) => {
      const options = { rank: 4, maxError, method }
      const greedy = concatenatedSvd(blocks, { ...options, clustering: 'greedy' })
      const found = concatenatedSvd(blocks, options)
      const [told, error] = [
        Math.max(...found.predicted),
        Math.max(...found.factors.map((f) => f.errorEstimate)),
      ]
      expect(error).toBeLessThanOrEqual(told)
      if (maxError === 0.005) expect(found.clusters).toHaveLength(12)
      if (maxError === 1) expect(found.clusters).toHaveLength(1)
      if ((maxError === 0.05 || maxError === 0.3) && method !== 'weyl') {
        for (const { clusters } of [found, greedy]) expect(clusters).toEqual(truth)
        expect(told).toBeLessThan(1.1 * error)
      }
      return [maxError, method, found.clusters.length, greedy.clusters.length, told, error]
    }),
  )
  const together = rows.slice(-3).map((row) => row[4] as number)
  expect(together[0]).toBeGreaterThan(together[1]!)
  expect(together[1]).toBeGreaterThan(together[2]!)
  record({
    name: 'concatenated-svd',
    title: 'Which matrices may share an SVD',
    paper:
      'Shamrai 2026, "Concatenated matrix SVD: compression bounds, incremental approximation, and error-constrained clustering".',
    setting:
      'Twelve blocks of 60×30, four from each of three random spans of dimension 4, with noise of 1%; rank 4. Errors are relative, the largest of any cluster, by the agglomerative way.',
    columns: [
      'maxError',
      'told by',
      'clusters, agglomerative',
      'clusters, greedy',
      'error told',
      'error of the factors',
    ],
    rows,
    reading:
      'With room for the noise and not for a second span, 5% to 30%, the three spans are found, by either way of clustering; the error told is the error itself to 1%. Singular values alone (weyl) cannot know that two blocks share a span, and join none but where anything goes; the tracked spans can. No block fits within less than its own noise.',
  })
})

test('two families: blocks of one lose little together, blocks of both much', () => {
  const families = [4, 5].map((seed) => random.normal([30, 5], { seed }))
  const blocks = planted(12, [30, 10], families, 0.05)
  const lost = (i: number, j: number): number =>
    concatenatedSvd([blocks[i]!, blocks[j]!], { rank: 5, maxError: 1 }).errorEstimate
  expect(lost(0, 2)).toBeLessThan(0.1)
  expect(lost(0, 1)).toBeGreaterThan(4 * lost(0, 2))
  const { clusters } = concatenatedSvd(blocks, { rank: 5, maxError: 0.15, clustering: 'greedy' })
  expect(clusters).toEqual([Int32Array.of(0, 2, 4, 6, 8, 10), Int32Array.of(1, 3, 5, 7, 9, 11)])
})
