import { expect, test } from 'vitest'
import { cur, interpolative, rldu, rsvd } from '../src/factorize/index.js'
import { norm } from '../src/linalg/index.js'
import type { Matrix } from '../src/linalg/index.js'
import { withSpectrum } from '../src/testing/index.js'
import { minus } from '../proptests/support/measures.js'
import { record } from './support/record.js'

// Errors in the spectral norm beside the best of that rank, as the theorems have them.

test('columns, rows and triangles of A are nearly as good as its singular vectors', () => {
  const [n, k] = [200, 20]
  const s = Float64Array.from({ length: n }, (_, j) => 10 ** (-j / 4))
  const methods: Record<
    string,
    (A: Matrix, options: { rank: number; seed: number }) => { toDense(): Matrix }
  > = {
    rsvd: rsvd,
    'interpolative, all of A': (A, { seed }) => interpolative(A, { rank: k, oversample: n, seed }),
    'interpolative, sketched, no power iteration': (A, { seed }) =>
      interpolative(A, { rank: k, powerIterations: 0, seed }),
    interpolative: interpolative,
    'cur, projection': cur,
    'cur, cross': (A, options) => cur(A, { ...options, method: 'cross' }),
    rldu: rldu,
  }
  const ratios = Object.values(methods).map((f) =>
    Array.from({ length: 7 }, (_, seed) => {
      const A = withSpectrum(n, n, s, { seed: seed + 1 })
      return norm(minus(A, f(A, { rank: k, seed }).toDense()), 2) / s[k]!
    }).sort((a, b) => a - b),
  )
  const [best, exact, , sketched, projection, cross, ldu] = ratios.map((of) => of[3]!)
  expect(best).toBeLessThan(1.001)
  expect(ldu).toBeLessThan(1.001)
  expect(exact).toBeLessThan(4)
  expect(sketched).toBeLessThan(6.6)
  expect(projection).toBeLessThan(4.2)
  expect(cross).toBeLessThan(8.8)
  expect(projection).toBeLessThan(cross!)
  record({
    name: 'skeletons',
    title: 'Columns and rows of a matrix instead of singular vectors',
    paper:
      'Halko, Martinsson and Tropp 2011, "Finding structure with randomness", section 5.2; Sorensen and Embree 2016, "A DEIM induced CUR factorization"; Shabat, Shmueli, Aizenbud and Averbuch 2018, "Randomized LU decomposition".',
    setting: `${n}×${n} matrices with singular values 10^(−j/4), rank ${k}; ‖A − Â‖₂/σ₂₁ over seven matrices.`,
    columns: ['method', 'least', 'median', 'largest'],
    rows: Object.keys(methods).map((name, i) => [name, ratios[i]![0]!, ratios[i]![3]!, ratios[i]![6]!]),
    reading:
      'Columns cost a factor of about two, a cross of rows and columns about three to five. The randomized LDU is the randomized SVD in another form.',
  })
})
