import { expect, test } from 'vitest'
import { qr, random, svdvals, zeros } from '../src/linalg/index.js'
import type { Matrix } from '../src/linalg/index.js'
import {
  countSketch,
  gaussian,
  rademacher,
  rowSampling,
  sparseSign,
  srht,
  srtt,
} from '../src/sketch/index.js'
import { record } from './support/record.js'

// The worst distortion of a subspace over seven draws, for the subspace of the first unit vectors and a random one.

test('on a coherent subspace dense and well mixed sketches reach √(d/s), the sparsest and rows do not', () => {
  const [n, d] = [4096, 50]
  const SKETCHES = { gaussian, rademacher, sparseSign, srht, srtt, countSketch, rowSampling }
  type Name = keyof typeof SKETCHES
  const coherent = zeros([n, d])
  for (let j = 0; j < d; j++) coherent.set(j, j, 1)
  const incoherent = qr(random.normal([n, d], { seed: 1 })).Q
  const all = (name: Name, s: number, U: Matrix): number[] =>
    Array.from({ length: 7 }, (_, seed) => {
      const sigma = svdvals(SKETCHES[name]([s, n], { seed }).matmat(U))
      return Math.max(sigma[0]! - 1, 1 - sigma[d - 1]!)
    })
  const sizes = [2 * d, 4 * d, 8 * d]
  const names = Object.keys(SKETCHES) as Name[]
  const worst = names.map((name) =>
    [incoherent, coherent].map((U) => sizes.map((s) => Math.max(...all(name, s, U)))),
  )
  names.forEach((name, i) => {
    const [incoh, coh] = worst[i]!
    sizes.forEach((s, t) => {
      const law = Math.sqrt(d / s)
      // Every one on a subspace without heavy rows, and those that mix on one with.
      expect(incoh![t]! / law).toBeLessThan(1.15)
      if (['gaussian', 'rademacher', 'sparseSign', 'srht'].includes(name))
        expect(coh![t]! / law).toBeLessThan(1.25)
      if (name === 'gaussian')
        for (const of of [incoh!, coh!]) expect(Math.abs(of[t]! / law - 1)).toBeLessThan(0.1)
      if (name === 'countSketch') expect(coh![t]).toBeGreaterThan(0.99)
      if (name === 'rowSampling') expect(coh![t]).toBeGreaterThan(0.99)
    })
  })
  record({
    name: 'sketch-distortion',
    title: 'Distortion of a subspace by sketches',
    paper:
      'Martinsson and Tropp 2020, "Randomized numerical linear algebra: foundations and algorithms", sections 8 and 9; Tropp 2011, "Improved analysis of the subsampled randomized Hadamard transform"; Clarkson and Woodruff 2013, "Low rank approximation and regression in input sparsity time".',
    setting: `max(σ₁ − 1, 1 − σ_d) of S·U, the worst of seven draws, for s × ${n} sketches and a ${n}×${d} orthonormal U: a random subspace (incoherent), and the first ${d} unit vectors (coherent). A Gaussian sketch has √(d/s) in the limit.`,
    columns: [
      'sketch',
      ...['incoherent', 'coherent'].flatMap((kind) => [2, 4, 8].map((f) => `${kind}, s = ${f}d`)),
    ],
    rows: [
      ['√(d/s)', ...[...sizes, ...sizes].map((s) => Math.sqrt(d / s))],
      ...names.map((name, i) => [name, ...worst[i]!.flat()]),
    ],
    reading:
      'Where no row of U is heavy all are alike. Where a few carry everything, a CountSketch loses two that fall together, and uniform rows miss most of them; the sparse sign sketch with 8 nonzeros and the Hadamard transform applied twice do as well as a Gaussian; the cosine transform, applied once, less well.',
  })
})
