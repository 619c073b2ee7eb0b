import { expect, test } from 'vitest'
import { lstsq, matrix } from '../src/linalg/index.js'
import { sampledLstsq, volumeSample } from '../src/sketch/index.js'
import type { VolumeOptions } from '../src/sketch/index.js'
import { record } from './support/record.js'

// Runge's function in Legendre polynomials, from its values at few points out of many.

test('volume sampling is unbiased and does not blow up where independent rows do', () => {
  const [N, m, seeds] = [2000, 10, 400]
  const t = Float64Array.from({ length: N }, (_, i) => -1 + (2 * i + 1) / N)
  const A = matrix(Array.from(t, (x) => legendre(x, m)))
  const y = t.map((x) => 1 / (1 + 25 * x * x))
  const best = lstsq(A, y)
  const least = best.residuals[0]! ** 2

  /** ‖y − fit‖²/‖y − best‖² of each sample, and the bias of the mean fit beside the deviation of one fit. */
  const run = (count: number, method: VolumeOptions['method']) => {
    const ratios: number[] = []
    const mean = new Float64Array(m)
    for (let seed = 0; seed < seeds; seed++) {
      const sample = volumeSample(A, { count, method, seed })
      const { X } = sampledLstsq(
        A,
        Array.from(sample.indices, (i) => y[i]!),
        sample,
      )
      let error = 0
      for (let i = 0; i < N; i++) {
        let fit = 0
        for (let j = 0; j < m; j++) fit += A.get(i, j) * X[j]!
        error += (y[i]! - fit) ** 2
      }
      ratios.push(error / least)
      X.forEach((x, j) => (mean[j]! += x / seeds))
    }
    ratios.sort((a, b) => a - b)
    let bias = 0
    for (let i = 0; i < N; i++) {
      let off = 0
      for (let j = 0; j < m; j++) off += A.get(i, j) * (mean[j]! - best.X[j]!)
      bias += off * off
    }
    return {
      median: ratios[seeds / 2]!,
      mean: ratios.reduce((sum, x) => sum + x, 0) / seeds,
      high: ratios[Math.floor(0.95 * seeds)]!,
      bias: Math.sqrt(bias / least),
    }
  }

  const counts = [10, 12, 20, 40]
  const methods = ['iid', 'volume', 'dpp'] as const
  const results = counts.map((count) => methods.map((method) => run(count, method)))
  counts.forEach((count, c) => {
    const [iid, volume, dpp] = results[c]!
    expect(volume!.median).toBeLessThan(iid!.median)
    expect(dpp!.median).toBeLessThan(iid!.median)
    expect(dpp!.median).toBeLessThan(1.1 * volume!.median)
    if (count >= 20) {
      expect(volume!.mean).toBeLessThan(4)
      expect(volume!.bias).toBeLessThan(0.15)
      expect(dpp!.mean).toBeLessThan(2.2)
    }
  })
  expect(results[1]![0]!.median / results[1]![1]!.median).toBeGreaterThan(3)
  record({
    name: 'volume-sampling',
    title: 'Fitting from few values: independent rows, volume sampling, determinantal point processes',
    paper:
      'Dereziński, Warmuth and Hsu 2018, "Leveraged volume sampling for linear regression"; Nouy and Michel 2023, "Weighted least-squares approximation with determinantal point processes and generalized volume sampling".',
    setting: `1/(1 + 25t²) at ${N} points of [−1, 1] in ${m} Legendre polynomials, from n values ('dpp' rounds n up to a multiple of ${m}); ‖y − fit‖²/‖y − best fit‖² over ${seeds} seeds, and the bias ‖mean fit − best fit‖/‖y − best fit‖, whose noise is √((mean − 1)/${seeds}).`,
    columns: ['n', 'method', 'median', '95 %', 'mean', 'bias', 'noise of the bias'],
    rows: counts.flatMap((count, c) =>
      methods.map((method, k) => {
        const { median, high, mean, bias } = results[c]![k]!
        return [count, method, median, high, mean, bias, Math.sqrt((mean - 1) / seeds)]
      }),
    ),
    reading:
      'With few values independent rows by leverage scores often leave a direction nearly unseen: their mean is of the order of the worst draw. One DPP among the rows cures that, and its bias is no more than noise; several DPPs spread the points best and have the smallest errors.',
  })
})

/** √(2j + 1)·Pⱼ(x), orthonormal in the uniform measure. */
function legendre(x: number, m: number): number[] {
  const P = [1, x]
  for (let j = 2; j < m; j++) P.push(((2 * j - 1) * x * P[j - 1]! - (j - 1) * P[j - 2]!) / j)
  return P.slice(0, m).map((p, j) => Math.sqrt(2 * j + 1) * p)
}
