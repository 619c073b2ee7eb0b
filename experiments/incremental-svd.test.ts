import { expect, test } from 'vitest'
import { incrementalSvd, rsvd } from '../src/factorize/index.js'
import { spectra, withSpectrum } from '../src/testing/index.js'
import { tail } from '../proptests/support/measures.js'
import { record } from './support/record.js'

test('an SVD kept up with the rows comes within a per cent of the best, and knows how far off it is', () => {
  const [m, n, rank] = [2000, 120, 10]
  const kinds = {
    'j^(−1)': spectra.polynomial(n),
    'j^(−1/2)': spectra.polynomial(n, 0.5),
    'ten of 1, then j^(−1/2)': spectra.plateau(n, rank, 0.5),
  }
  const rows = Object.entries(kinds).flatMap(([kind, s]) => {
    const A = withSpectrum(m, n, s, { seed: 1 })
    const best = tail(s, rank) / Math.hypot(...s)
    const randomized = rsvd(A, { rank, powerIterations: 0 })
    const sketched = Math.sqrt(1 - (Math.hypot(...randomized.s) / Math.hypot(...s)) ** 2)
    return [10, 20, 40].map((keep) => {
      const stream = incrementalSvd({ rank, keep })
      for (let i = 0; i < m; i += 50) stream.push(A.lo(i, 0).hi(50, n))
      const { errorEstimate, valueBound, s: found } = stream.result()
      const least = Math.sqrt(
        Math.max(0, errorEstimate ** 2 - (rank * valueBound ** 2) / Math.hypot(...s) ** 2),
      )
      expect(errorEstimate).toBeGreaterThanOrEqual(best * (1 - 1e-12))
      expect(least).toBeLessThanOrEqual(best * (1 + 1e-12))
      if (keep >= 2 * rank) expect(errorEstimate).toBeLessThan(1.01 * best)
      expect(errorEstimate).toBeLessThan(sketched)
      const over = (error: number): string => `${(100 * (error / best - 1)).toPrecision(2)}%`
      const bound = Math.max(0, 1 - least / best)
      return [kind, keep, over(errorEstimate), bound, over(sketched), found[rank - 1]! / s[rank - 1]!]
    })
  })
  record({
    name: 'incremental-svd',
    title: 'An SVD that keeps up with the rows',
    paper:
      'Brand 2006, "Fast low-rank modifications of the thin singular value decomposition"; Levy and Lindenbaum 2000, "Sequential Karhunen–Loeve basis extraction".',
    setting: `A of ${m}×${n} with singular values as named, 50 rows at a time; rank ${rank}. Errors are ‖A − Â‖_F, the best is that of the truncated SVD.`,
    columns: [
      'singular values',
      'kept in between',
      'above the best',
      'the best is below it by at most this part, by its own bounds',
      'rsvd without power iterations, above the best',
      'tenth value found / true',
    ],
    rows,
    reading:
      'Twice the rank kept in between brings the error within a fraction of a per cent of the best, in one pass, where a randomized SVD of two passes is ten to twenty-five per cent off. The stream knows its own error to rounding; what it can say of the best one, from the values that it cut off, is coarser.',
  })
})
