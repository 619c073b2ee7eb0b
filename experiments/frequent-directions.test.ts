import { expect, test } from 'vitest'
import { eigh, random } from '../src/linalg/index.js'
import { frequentDirections } from '../src/sketch/index.js'
import { withSpectrum } from '../src/testing/index.js'
import { minus, tail, times } from '../proptests/support/measures.js'
import { record } from './support/record.js'

test('Frequent Directions stays below its bound, and loses less than a random sketch of the same size', () => {
  const [n, d] = [3000, 60]
  const s = Float64Array.from({ length: d }, (_, j) => 100 / (j + 1) ** 0.75)
  const A = withSpectrum(n, d, s, { seed: 1 })
  const AtA = times(A, A, true)
  const worst = (B: ReturnType<typeof withSpectrum>): number =>
    eigh(minus(AtA, times(B, B, true))).values.reduce((most, x) => Math.max(most, Math.abs(x)), 0)
  const rows = [12, 20, 30].map((l) => {
    const stream = frequentDirections({ d, l })
    for (let i = 0; i < n; i += 100) stream.push(A.lo(i, 0).hi(100, d))
    const { sketch, errorBound } = stream.result()
    const theorem = Math.min(...Array.from({ length: l }, (_, k) => tail(s, k) ** 2 / (l + 1 - k)))
    const signs = random.normal([l, n], { seed: 2 })
    for (let e = 0; e < signs.data.length; e++) signs.data[e]! /= Math.sqrt(l)
    const error = worst(sketch)
    expect(error).toBeLessThanOrEqual(errorBound)
    expect(errorBound).toBeLessThanOrEqual(theorem)
    const gaussian = worst(times(signs, A))
    expect(error).toBeLessThan(gaussian / 2)
    return [l, error, errorBound, theorem, gaussian]
  })
  record({
    name: 'frequent-directions',
    title: 'Frequent Directions: a streaming sketch with a certified error',
    paper:
      'Ghashami, Liberty, Phillips and Woodruff 2016, "Frequent directions: simple and deterministic matrix sketching".',
    setting: `A of ${n}×${d} with singular values 100·j^(−3/4), 100 rows at a time; ‖AᵀA − BᵀB‖₂ for B of l rows.`,
    columns: [
      'l',
      'error',
      'the stream’s own bound',
      'the theorem’s bound',
      'error of a Gaussian sketch of l rows',
    ],
    rows,
    reading:
      'The bound that the stream gives is certain, and here the error itself to two digits; that of the theorem, the least of ‖A − Aₖ‖²/(l + 1 − k), is above both. A random sketch of as many rows, which knows nothing of A, is far behind.',
  })
})
