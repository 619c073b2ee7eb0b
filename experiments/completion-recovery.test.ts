import { expect, test } from 'vitest'
import { completeMatrix } from '../src/factorize/index.js'
import { norm, random } from '../src/linalg/index.js'
import { minus, times } from '../proptests/support/measures.js'
import { record } from './support/record.js'

// Products of Gaussian factors from a part of their entries, without noise.

const [m, n, rank, sweeps] = [200, 150, 4, 25]
const SEEDS = [1, 2, 3, 4, 5]

/** Relative error of the whole matrix. */
function error(p: number, method: 'als' | 'sketched', seed: number): number {
  const A = times(random.normal([m, rank], { seed }), random.normal([rank, n], { seed: seed + 100 }))
  const u = random.uniform([m, n], { seed: seed + 200 }).data
  const places = Array.from({ length: m * n }, (_, e) => e).filter((e) => u[e]! < p)
  const rows = places.map((e) => Math.floor(e / n))
  const cols = places.map((e) => e % n)
  const values = places.map((e) => A.data[e]!)
  const options = { rank, method, iterations: sweeps, rtol: 0 }
  return norm(minus(completeMatrix({ shape: [m, n], rows, cols, values }, options).toDense(), A)) / norm(A)
}

test('alternating least squares recovers a matrix from a few times its degrees of freedom', () => {
  const freedom = rank * (m + n - rank)
  const rates = [0.1, 0.15, 0.25, 0.4]
  const median = (method: 'als' | 'sketched', p: number): number =>
    SEEDS.map((seed) => error(p, method, seed)).sort((a, b) => a - b)[2]!
  const exact = rates.map((p) => median('als', p))
  const sketched = rates.map((p) => median('sketched', p))
  // A factor of ten per step at least, down to rounding; inexact solutions cost less than that.
  const bounds = [0.1, 1e-4, 1e-8, 1e-13]
  rates.forEach((_, i) => {
    expect(exact[i]).toBeLessThan(bounds[i]!)
    expect(sketched[i]).toBeLessThan(Math.max(10 * exact[i]!, 1e-13))
  })
  record({
    name: 'completion-recovery',
    title: 'Completing a matrix from a few of its entries',
    paper:
      'Jain, Netrapalli and Sanghavi 2013, "Low-rank matrix completion using alternating minimization"; Gu, Song, Yin and Zhang 2023, "Low rank matrix completion via robust alternating minimization in nearly linear time".',
    setting: `${m}×${n} products of Gaussian factors of rank ${rank}, entries at random with probability p, no noise, ${sweeps} sweeps. Relative error of the whole matrix in the Frobenius norm, median of ${SEEDS.length} matrices.`,
    columns: ['p', 'entries / degrees of freedom', 'als', 'sketched'],
    rows: rates.map((p, i) => [p, (p * m * n) / freedom, exact[i]!, sketched[i]!]),
    reading:
      'Above twice the degrees of freedom the error falls by a factor each sweep, the smaller the more entries there are. Row problems that are solved to a tenth of their error, or to half of what a sweep gains, lose nothing by it: that is what the second paper is about.',
  })
})
