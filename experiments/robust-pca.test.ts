import { expect, test } from 'vitest'
import { robustPca } from '../src/factorize/index.js'
import { matmul, norm, random, svd } from '../src/linalg/index.js'
import type { Matrix } from '../src/linalg/index.js'
import { record } from './support/record.js'

// Candès, Li, Ma and Wright 2011: gross errors in a part of the entries, and yet the whole matrix back.

const [N, RANK] = [200, 10]

function planted(part: number, size: number): { A: Matrix; L: Matrix; places: boolean[] } {
  const L = matmul(random.normal([N, RANK], { seed: 1 }), random.normal([RANK, N], { seed: 2 }))
  const where = random.uniform([N, N], { seed: 3 }).data
  const A = random.uniform([N, N], { seed: 4 })
  const places = Array.from(where, (u) => u < part)
  A.data.forEach((u, e) => (A.data[e] = L.data[e]! + (places[e] ? size * (2 * u - 1) : 0)))
  return { A, L, places }
}

const apart = (X: Matrix, Y: Matrix): number => {
  const D = random.normal([N, N])
  D.data.forEach((_, e) => (D.data[e] = X.data[e]! - Y.data[e]!))
  return norm(D) / norm(Y)
}

test('robust PCA is indifferent to how large the errors are, plain PCA is not', () => {
  const rows = [0.02, 0.05, 0.1, 0.4].flatMap((part) =>
    [10, 1000].map((size) => {
      const { A, L, places } = planted(part, size)
      const { U, s, Vt } = svd(A)
      const cut = s.map((value, j) => (j < RANK ? value : 0))
      U.data.forEach((u, e) => (U.data[e] = u * cut[e % N]!))
      const plain = apart(matmul(U, Vt), L)
      const { lowRank, sparse, rank, iterations } = robustPca(A)
      const wrong = places.filter((bad, e) => bad !== Math.abs(sparse.data[e]!) > 1e-3).length
      return {
        part,
        size,
        plain,
        robust: apart(lowRank.toDense(), L),
        rank,
        wrong: wrong / N ** 2,
        iterations,
      }
    }),
  )
  record({
    name: 'robust-pca',
    title: 'Robust PCA against the size and number of errors',
    paper:
      'Candès, Li, Ma, Wright 2011, “Robust principal component analysis?”; Lin, Chen, Ma 2010, “The augmented Lagrange multiplier method for exact recovery of corrupted low-rank matrices”.',
    setting: `${N}×${N} matrix of rank ${RANK} (Gaussian factors), a part of its entries off by up to 10 or 1000. ‖L − L₀‖/‖L₀‖ of the truncated SVD of rank ${RANK} and of robust PCA, which is not told the rank.`,
    columns: [
      'entries off',
      'by up to',
      'truncated SVD',
      'robust PCA',
      'its rank',
      'places misjudged',
      'iterations',
    ],
    rows: rows.map(({ part, size, plain, robust, rank, wrong, iterations }) => [
      part,
      size,
      plain,
      robust,
      rank,
      wrong,
      iterations,
    ]),
    reading:
      'Up to a tenth of the entries may be off by whatever amount and robust PCA has the matrix to its tolerance, its rank, and the places of the errors (but for errors too small to tell). Where 40 % are off the convex program no longer has the truth for its minimum, and says a higher rank: as in the paper, there is a boundary.',
  })
  for (const { part, size, plain, robust, rank } of rows) {
    if (part < 0.4) {
      expect(robust).toBeLessThan(1e-5)
      expect(rank).toBe(RANK)
      expect(plain).toBeGreaterThan(size === 10 ? 0.05 : 5)
    } else {
      expect(robust).toBeGreaterThan(0.01)
    }
  }
})
