import { expect, test } from 'vitest'
import { cur, modeProduct, nystromBlocks, tucker } from '../src/factorize/index.js'
import { matrix, norm, random, svdvals } from '../src/linalg/index.js'
import type { Tensor } from '../src/linalg/index.js'
import { adapters } from '../src/recipes/index.js'
import { spectra, withSpectrum } from '../src/testing/index.js'
import { record } from './support/record.js'

test('what a start or a form leaves of a matrix or kernel', () => {
  const tail = (s: Float64Array, r: number): number => Math.hypot(...s.subarray(r)) / Math.hypot(...s)
  const rows: (string | number)[][] = []

  // A kernel of multilinear rank (4, 4, 2, 2).
  let kernel: Tensor = random.normal([4, 4, 2, 2])
  const shape = [32, 16, 3, 3]
  shape.forEach((side, mode) => {
    kernel = modeProduct(kernel, random.normal([side, kernel.shape[mode]!], { seed: mode + 1 }), mode)
  })
  const flora = adapters.flora({ r: [4, 4, 2, 2] })
  const { core, factors } = tucker(kernel, { ranks: [4, 4, 2, 2] })
  const zero = flora.init({ W0: random.normal(shape) })
  const state = {
    ...zero,
    trainable: { core, ...Object.fromEntries(factors.map((F, mode) => [`F${mode}`, F])) },
  }
  const flat = matrix(kernel.data, [32, 144])
  const delta = flora.getDeltaWeight(state)
  const floraLeft =
    norm(
      matrix(
        delta.data.map((x, e) => x - flat.data[e]!),
        [32, 144],
      ),
    ) / norm(flat)
  rows.push([
    'kernel 32×16×3×3',
    'FLoRA, ranks 4, 4, 2, 2',
    flora.numTrainable(shape),
    floraLeft < 1e-12 ? 0 : floraLeft,
  ])
  const s = svdvals(flat)
  for (const r of [1, 2, 4]) {
    const left = tail(s, r)
    rows.push([
      '',
      `LoRA at best, r = ${r}`,
      adapters.lora({ r }).numTrainable(shape),
      left < 1e-12 ? 0 : left,
    ])
  }
  expect(floraLeft).toBeLessThan(1e-12)
  expect(tail(s, 2)).toBeGreaterThan(0.3)

  // Starts of rank 4 on weights of which NLoRA takes the leading block.
  const weights = [0, 1, 2, 3, 4].map((seed) => withSpectrum(48, 64, spectra.polynomial(48, 0.8), { seed }))
  const range = (values: readonly number[]): string => {
    const [low, high] = [Math.min(...values), Math.max(...values)].map((x) => Number(x.toPrecision(2)))
    return low === high ? String(low) : `${low} to ${high}`
  }
  const left = (start: (W0: (typeof weights)[number]) => number): string => range(weights.map(start))
  const chosen = (W0: (typeof weights)[number]): number => {
    const { rows: I, columns: J } = cur(W0, { rank: 4 })
    const near = nystromBlocks(W0, { rows: I, columns: J }).toDense()
    return (
      norm(
        matrix(
          near.data.map((x, e) => x - W0.data[e]!),
          [48, 64],
        ),
      ) / norm(W0)
    )
  }
  const count = 4 * (48 + 64) + 16
  rows.push(
    ['weight 48×64', 'NLoRA', count, left((W0) => adapters.nlora({ r: 4 }).init({ W0 }).residual!)],
    ['', 'the same with rows and columns of a CUR', count, left(chosen)],
    ['', 'PiSSA', 4 * (48 + 64), left((W0) => adapters.pissa({ r: 4 }).init({ W0 }).residual!)],
    ['', 'SVD', 4 * (48 + 64), left((W0) => tail(svdvals(W0), 4))],
  )
  record({
    name: 'adapters-structure',
    title: 'What adapters can hold, and what their starts leave',
    paper:
      'Si et al. 2024, "FLoRA: low-rank core space for N-dimension"; Guo et al. 2025, "NLoRA: Nyström-initiated low-rank adaptation for large language models"; Meng, Wang and Zhang 2024, "PiSSA".',
    setting:
      'The part of a matrix or kernel, in the Frobenius norm, that is left over: a kernel of multilinear rank (4, 4, 2, 2), and five weights whose singular values fall like j^−0.8 at rank 4.',
    columns: ['what', 'by', 'numbers', 'left'],
    rows,
    reading:
      'FLoRA holds with 268 numbers what a LoRA of the unfolded kernel needs 704 for. NLoRA’s leading block is an approximation only by luck: it may leave more than the weight itself, which its base then makes up for; rows and columns that are chosen come near the SVD, and PiSSA’s randomized SVD is it to two digits.',
  })
})
