import { expect, test } from 'vitest'
import { matmul, matrix, norm, random, svdvals } from '../src/linalg/index.js'
import type { Matrix } from '../src/linalg/index.js'
import { compression } from '../src/recipes/index.js'
import { spectra, withSpectrum } from '../src/testing/index.js'
import { record } from './support/record.js'

const SEEDS = Array.from({ length: 20 }, (_, seed) => seed)
const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length
const tail = (s: Float64Array, r: number): number => Math.hypot(...s.subarray(r))
const filled = ([m, n]: readonly [number, number], f: (i: number, j: number) => number): Matrix =>
  matrix(
    Float64Array.from({ length: m * n }, (_, e) => f(Math.floor(e / n), e % n)),
    [m, n],
  )
const minus = (A: Matrix, B: Matrix): Matrix =>
  matrix(
    A.data.map((x, e) => x - B.data[e]!),
    A.shape as [number, number],
  )

test('each compression is best in the norm that it is made for', () => {
  const rows: (string | number)[][] = []

  // Truncated SVD: what half of the rank loses depends on the spectrum.
  const lost = (W: Matrix): number => compression.truncatedSvd({ rank: 16 })(W).errorEstimate ** 2
  const gaussian = mean(SEEDS.map((seed) => lost(random.normal([32, 32], { seed }))))
  const powerLaw = lost(withSpectrum(32, 32, spectra.polynomial(32, 1)))
  expect(gaussian).toBeGreaterThan(0.08)
  expect(gaussian).toBeLessThan(0.13)
  expect(powerLaw).toBeLessThan(0.025)
  rows.push([
    'truncated SVD, 32 × 32, rank 16',
    'part of the squared norm that is lost',
    'Gaussian W',
    gaussian,
  ])
  rows.push(['', '', 'sᵢ = 1/i', powerLaw])

  // FWSVD: rows of importance d² from 1 to 100, in random order.
  const ratios = SEEDS.map((seed) => {
    const W = withSpectrum(32, 32, spectra.polynomial(32, 0.7), { seed })
    const keys = random.uniform([32], { seed }).data
    const order = Array.from(keys.keys()).sort((a, b) => keys[a]! - keys[b]!)
    const d = order.map((place) => 10 ** (place / 31))
    const fisher = filled([32, 32], (i) => d[i]! ** 2)
    const weighted = (approximation: Matrix): number => {
      const E = minus(W, approximation)
      return norm(filled([32, 32], (i, j) => d[i]! * E.get(i, j)))
    }
    const fisherWeighted = compression.fwsvd({ rank: 6 })(W, { fisher }).toDense()
    const plain = compression.truncatedSvd({ rank: 6 })(W).toDense()
    expect(norm(minus(W, fisherWeighted))).toBeGreaterThanOrEqual(norm(minus(W, plain)))
    return weighted(fisherWeighted) / weighted(plain)
  })
  for (const ratio of ratios) expect(ratio).toBeLessThan(0.9)
  rows.push(['FWSVD, sᵢ = i^−0.7, rank 6', 'weighted error', 'as a part of the SVD’s', mean(ratios)])

  // WeLore: five layers from flat to steep, half of all singular values.
  const decays = [0.05, 0.2, 0.5, 1, 2]
  const layers = decays.map((decay, seed) => withSpectrum(64, 64, spectra.polynomial(64, decay), { seed }))
  const adaptive = compression.welore({ reduction: 0.5 }).layers(layers)
  const uniform = compression.truncatedSvd({ rank: 32 }).layers(layers)
  const total = (all: readonly { errorEstimate: number }[]): number =>
    all.reduce((sum, { errorEstimate }) => sum + errorEstimate ** 2, 0)
  const stored = (all: readonly { parameters: number }[]): number =>
    all.reduce((sum, { parameters }) => sum + parameters, 0)
  const ranks = adaptive.map(({ rank, lowRank }) => (lowRank ? String(rank) : 'whole')).join(', ')
  expect(adaptive.map(({ lowRank }) => lowRank)).toEqual([false, false, true, true, true])
  expect(total(adaptive)).toBeLessThan(total(uniform) / 2)
  expect(stored(adaptive)).toBeLessThan(stored(uniform))
  const what = 'sum of squared relative errors (numbers stored)'
  rows.push([
    'WeLore, five 64 × 64 layers',
    what,
    'uniform rank 32',
    `${total(uniform).toPrecision(2)} (${stored(uniform)})`,
  ])
  rows.push(['', '', `ranks ${ranks}`, `${total(adaptive).toPrecision(2)} (${stored(adaptive)})`])

  // EoRA: weights rounded to a grid of 2/3, inputs of condition 10⁴.
  const [m, n, r] = [24, 32, 4]
  const W = random.normal([m, n], { seed: 1 })
  const X = filled(
    [n, 400],
    (() => {
      const Z = matmul(
        withSpectrum(n, n, spectra.exponential(n, 2 / 31)),
        random.normal([n, 400], { seed: 2 }),
      )
      return (i, j) => Z.get(i, j)
    })(),
  )
  const statistics = compression.calibration()
  statistics.push(X)
  const base = (): Matrix => filled([m, n], (i, j) => (Math.round(W.get(i, j) * 1.5) * 2) / 3)
  const delta = minus(W, base())
  const error = (approximation: Matrix): number => norm(matmul(minus(W, approximation), X))
  const corrected = filled([m, n], (i, j) => base().get(i, j))
  const svd = compression.truncatedSvd({ rank: r })(delta).toDense()
  for (let e = 0; e < corrected.data.length; e++) corrected.data[e]! += svd.data[e]!
  const eora = compression.eora({ rank: r, base })(W, statistics)
  const errors = [error(base()), error(corrected), error(eora.toDense())]
  expect(errors[0]!).toBeGreaterThan(errors[1]!)
  expect(errors[1]!).toBeGreaterThan(errors[2]!)
  expect(Math.abs(errors[2]! / tail(svdvals(matmul(delta, X)), r) - 1)).toBeLessThan(1e-6)
  const outputs = norm(matmul(W, X))
  rows.push([
    'EoRA, 24 × 32 rounded, rank 4',
    'relative error of the outputs',
    'rounded',
    errors[0]! / outputs,
  ])
  rows.push(['', '', 'and SVD of what was lost', errors[1]! / outputs])
  rows.push(['', '', 'and EoRA: the tail, the least of its rank', errors[2]! / outputs])

  // Pruning by the curvature of the outputs.
  const sparse = (['none', 'sum', 'joint'] as const).map((update) =>
    compression.mfacPruning({ budget: 0.5, update, damping: 1e-6 })(W, statistics),
  )
  const magnitude = Float64Array.from(W.data).map(Math.abs).sort()[(m * n) / 2]!
  const cut = filled([m, n], (i, j) => (Math.abs(W.get(i, j)) < magnitude ? 0 : W.get(i, j)))
  const pruning = [error(cut) / outputs, ...sparse.map(({ errorEstimate }) => errorEstimate)]
  expect(pruning[3]!).toBeLessThan(pruning[0]! / 2)
  expect(pruning[3]!).toBeLessThan(pruning[1]! / 2)
  ;['by magnitude', 'by saliency', 'and single updates', 'and the joint update'].forEach((name, t) => {
    rows.push([
      t === 0 ? 'M-FAC pruning of half of W' : '',
      t === 0 ? 'relative error of the outputs' : '',
      name,
      pruning[t]!,
    ])
  })

  // Butterflies: a layer that is a fast transform, and one that is not.
  const dct = Float64Array.from({ length: 64 * 64 }, (_, e) => {
    const [k, t] = [Math.floor(e / 64), e % 64]
    return Math.sqrt((k === 0 ? 1 : 2) / 64) * Math.cos((Math.PI * k * (2 * t + 1)) / 128)
  })
  const transform = compression.butterflyLayer({ complex: true })(matrix(dct, [64, 64]))
  const any = compression.butterflyLayer()(random.normal([64, 64]))
  const sameSize = compression.truncatedSvd({ rank: 6 })(random.normal([64, 64]))
  expect(transform.errorEstimate).toBeLessThan(1e-13)
  expect(any.errorEstimate).toBeGreaterThan(0.5)
  const size = (numbers: number): string => `${numbers} of 4096 numbers`
  rows.push([
    'butterfly layer, 64 × 64',
    'relative error',
    `cosine transform, ${size(transform.parameters)}`,
    transform.errorEstimate,
  ])
  rows.push(['', '', `Gaussian W, ${size(any.parameters)}`, any.errorEstimate])
  rows.push(['', '', `Gaussian W by SVD, ${size(sameSize.parameters)}`, sameSize.errorEstimate])

  record({
    name: 'compression-layers',
    title: 'Layers compressed: each method in its own norm',
    paper:
      'Kaushal et al. 2023 (LORD); Hsu et al. 2022 (FWSVD); Jaiswal et al. 2024 (WeLore); Liu et al. 2024 (EoRA); Frantar et al. 2021 (M-FAC); Dao et al. 2019 (butterflies): the linear algebra of each, on synthetic layers.',
    setting:
      'FWSVD: rows of importance 1 to 100, logarithmic, in random order; means over 20 seeds. WeLore: sᵢ = i^−d with d = 0.05, 0.2, 0.5, 1, 2. EoRA and pruning: a Gaussian layer, 400 inputs whose Gram matrix has condition 10⁴.',
    columns: ['what', 'measured', 'method', 'value'],
    rows,
    reading:
      'Each method is the best of its kind in the norm that it looks at, and worse elsewhere. Singular values decide more than methods do: half of the rank of a power law is nearly all of it, and of a Gaussian matrix is not. In pruning half of the weights at once, correlated inputs make the saliency of single weights a worse choice than their size, and only the joint update makes up for what is lost. A butterfly holds a fast transform exactly, and of a layer without structure no more than low rank of the same size does.',
  })
})
