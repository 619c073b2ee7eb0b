import { expect, test } from 'vitest'
import { matmul, matrix, matrixRank, norm, random } from '../src/linalg/index.js'
import type { Matrix } from '../src/linalg/index.js'
import { compression } from '../src/recipes/index.js'
import { spectra, withSpectrum } from '../src/testing/index.js'
import { record } from './support/record.js'

const SEEDS = Array.from({ length: 10 }, (_, seed) => seed)
const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length
const mapped = (A: Matrix, f: (x: number, e: number) => number): Matrix =>
  matrix(A.data.map(f), A.shape as [number, number])
const rowsOf = (A: Matrix, I: readonly number[]): Matrix =>
  matrix(I.map((i) => Array.from({ length: A.shape[1]! }, (_, j) => A.get(i, j))))
const columnsOf = (A: Matrix, I: readonly number[]): Matrix =>
  matrix(rowsOf(matrix(A.transpose(1, 0)), I).transpose(1, 0))

test('modules keep their outputs, best with the refit', () => {
  const [h, d, m, N, k] = [20, 6, 10, 300, 12]
  const found = SEEDS.map((seed) => {
    // Units of six directions, and a little noise of their own.
    const hidden = matmul(
      random.normal([h, d], { seed: 10 * seed }),
      random.normal([d, N], { seed: 10 * seed + 1 }),
    )
    const noise = random.normal([h, N], { seed: 10 * seed + 2 }).data
    const Z = mapped(hidden, (z, e) => Math.max(0, z) + 0.3 * noise[e]!)
    const [up, down] = [
      random.normal([h, 8], { seed: 10 * seed + 3 }),
      random.normal([m, h], { seed: 10 * seed + 4 }),
    ]
    const statistics = compression.calibration()
    statistics.push(Z)
    const nystrom = compression.modegpt({ rank: k }).mlp({ up, down }, statistics)
    const outputs = matmul(down, Z)
    const error = (weights: Matrix, kept: readonly number[]): number => {
      const left = matmul(weights, rowsOf(Z, kept)).data
      return norm(mapped(outputs, (y, e) => y - left[e]!)) / norm(outputs)
    }
    const kept = Array.from(nystrom.kept)
    const size = (i: number): number => norm(columnsOf(down, [i])) * norm(rowsOf(up, [i]))
    const byNorm = Array.from({ length: h }, (_, i) => i)
      .sort((i, j) => size(j) - size(i))
      .slice(0, k)
      .sort((i, j) => i - j)
    return {
      refit: nystrom.errorEstimate,
      dropped: error(columnsOf(down, kept), kept),
      norm: error(columnsOf(down, byNorm), byNorm),
    }
  })
  for (const { refit, dropped } of found) expect(refit).toBeLessThan(0.7 * dropped)
  const rows: (string | number)[][] = [
    ['MLP, 12 of 20 units', 'Nyström: by leverage, refitted', mean(found.map(({ refit }) => refit))],
    ['', 'the same units, not refitted', mean(found.map(({ dropped }) => dropped))],
    ['', 'units of the largest weights, not refitted', mean(found.map(({ norm }) => norm))],
  ]
  expect(rows[0]![2]).toBeLessThan(rows[1]![2] as number)

  // Queries and keys of unequal importance.
  const [query, key] = [random.normal([16, 24], { seed: 1 }), random.normal([16, 24], { seed: 2 })]
  const scale = (A: Matrix): Matrix => mapped(A, (x, e) => x * 0.8 ** Math.floor(e / A.shape[1]!))
  const X = random.normal([24, 200], { seed: 3 })
  const [q, t] = [compression.calibration(), compression.calibration()]
  q.push(matmul(scale(query), X))
  t.push(matmul(scale(key), X))
  const module = { query: scale(query), key: scale(key) }
  const cr = compression.modegpt({ rank: 8 }).queryKey(module, { query: q, key: t })
  const spoilt = matrix(module.key)
  const last = Array.from({ length: 8 }, (_, i) => 8 + i)
  const all = matmul(matmul(module.query, X), matmul(spoilt, X), { transA: true })
  const some = matmul(matmul(rowsOf(module.query, last), X), matmul(rowsOf(spoilt, last), X), {
    transA: true,
  })
  const worst = norm(mapped(all, (x, e) => x - some.data[e]!)) / norm(all)
  expect(cr.errorEstimate).toBeLessThan(worst)
  rows.push(['queries and keys, 8 of 16', 'CR: by the product of their lengths', cr.errorEstimate])
  rows.push(['', 'the last eight', worst])

  // Values and outputs: activation-aware against plain SVD of their product.
  const statistics = compression.calibration()
  const inputs = matmul(
    withSpectrum(16, 16, spectra.exponential(16, 2 / 15)),
    random.normal([16, 200], { seed: 4 }),
  )
  statistics.push(inputs)
  const [value, output] = [random.normal([16, 16], { seed: 5 }), random.normal([16, 16], { seed: 6 })]
  const small = compression.modegpt({ rank: 4 }).valueOutput({ value, output }, statistics)
  const plain = compression.truncatedSvd({ rank: 4 })(matmul(output, value), statistics)
  expect(small.errorEstimate).toBeLessThan(plain.errorEstimate)
  rows.push(['values and outputs, 4 of 16', 'SVD on the inputs: the tail', small.errorEstimate])
  rows.push(['', 'SVD of the weights', plain.errorEstimate])

  record({
    name: 'compression-modules',
    title: 'Modules compressed through the dimension that they share',
    paper:
      'Lin et al. 2024, "MoDeGPT: modular decomposition for large language model compression", its three decompositions.',
    setting:
      'Relative error of what the module makes of its inputs (logits for queries and keys). MLP: ReLU features of six directions and noise, means over ten seeds. Queries and keys: row i counts 0.8ⁱ. Values and outputs: inputs whose Gram matrix has condition 10⁴.',
    columns: ['module', 'method', 'relative error'],
    rows,
    reading:
      'The refit of the second matrix is what counts in an MLP: the same units without it lose about twice as much or more. Which units stay matters less there.',
  })
})

test('a few free entries give full rank, and are no better approximation', () => {
  const n = 64
  const rows: (string | number)[][] = []
  for (const density of [0.01, 0.03, 0.05, 0.08]) {
    const ranks = SEEDS.map((seed) => {
      const layer = compression.sltrain({ rank: 4, density, seed }).init([n, n])
      return matrixRank(layer.with({ ...layer, B: random.normal([n, 4], { seed }) }).toDense())
    })
    const average = mean(ranks)
    rows.push([`δ = ${density}`, 'rank of low rank 4 and entries, 64 × 64', Math.round(average * 10) / 10])
    if (density === 0.08) expect(average).toBeGreaterThan(63)
  }
  expect(rows[0]![2]).toBeLessThan(rows[1]![2] as number)
  // The same number of values, as low rank alone, or as less of it and entries at random places.
  const errors = SEEDS.map((seed) => {
    const W = withSpectrum(48, 48, spectra.polynomial(48, 0.5), { seed })
    const budget = (10 * 96) / 48 ** 2
    const sparse = compression.sltrain({ budget, density: 0.0834, seed, iterations: 30 })(W)
    const low = compression.truncatedSvd({ budget })(W)
    expect(Math.abs(sparse.parameters / low.parameters - 1)).toBeLessThan(0.01)
    return [low.errorEstimate, sparse.errorEstimate] as const
  })
  const [low, sparse] = [mean(errors.map(([x]) => x)), mean(errors.map(([, y]) => y))]
  expect(Math.abs(sparse / low - 1)).toBeLessThan(0.05)
  rows.push(['48 × 48, sᵢ = i^−½', 'relative error of rank 10', low])
  rows.push(['', 'of rank 8 and as many values at random places', sparse])
  record({
    name: 'sparse-plus-low-rank',
    title: 'Low rank and a few free entries',
    paper:
      'Han et al. 2024, "SLTrain: a sparse plus low-rank approach for parameter and memory efficient pretraining", the matrices alone.',
    setting: 'Means over ten seeds of supports and numbers.',
    columns: ['layer', 'measured', 'value'],
    rows,
    reading:
      'A few per cent of free entries make the rank full, which is what the paper wants them for. As an approximation of a given matrix they are worth about what low rank of as many numbers is.',
  })
})
