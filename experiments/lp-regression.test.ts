import { expect, test } from 'vitest'
import { random } from '../src/linalg/index.js'
import { lpRegression } from '../src/sketch/index.js'
import { record } from './support/record.js'

const [M, N] = [20_000, 6]

test('least absolute deviations from a sample: as good as from all rows, and outliers do not count', () => {
  const A = random.normal([M, N], { seed: 1 })
  const noise = random.normal([M], { seed: 2 }).data
  const x0 = [1, -2, 3, 0.5, 0, -1]
  const b = Float64Array.from({ length: M }, (_, i) => {
    const outlier = i % 20 === 7 ? 1000 * (1 + A.get(i, 1)) : 0
    return x0.reduce((sum, v, j) => sum + v * A.get(i, j), 0.1 * noise[i]! + outlier)
  })
  const far = (x: Float64Array): number => Math.hypot(...x0.map((v, j) => v - x[j]!))
  const best = lpRegression(A, b, { p: 1 })
  const squares = lpRegression(A, b, { p: 2 })
  const rows: (string | number)[][] = [
    ['p = 2, all rows', squares.rows, '', far(squares.x)],
    ['p = 1, all rows', best.rows, 0, far(best.x)],
  ]
  for (const epsilon of [0.3, 0.1]) {
    const seeds = Array.from({ length: 9 }, (_, seed) =>
      lpRegression(A, b, { p: 1, method: 'sampled', epsilon, seed }),
    )
    const worst = Math.max(...seeds.map(({ residual }) => residual / best.residual - 1))
    expect(worst).toBeLessThan(epsilon / 10)
    const error = Math.max(...seeds.map(({ x }) => far(x)))
    expect(error).toBeLessThan(far(squares.x) / 10)
    rows.push([`p = 1, sampled, ε = ${epsilon}`, seeds[0]!.rows, worst, error])
  }
  expect(best.residual).toBeLessThanOrEqual(best.lowerBound * (1 + 1e-8) + 1e-9)
  expect(far(best.x)).toBeLessThan(far(squares.x) / 100)
  record({
    name: 'lp-regression',
    title: 'Robust regression from a sample of the rows',
    paper: 'Cohen and Peng 2015, "ℓp row sampling by Lewis weights"; Woodruff and Yasuda 2023.',
    setting: `A of ${M}×${N}, normal; b = A·x₀ + 0.1·noise, every twentieth number off by about 1000 in a way that leans on one column; samples by the Lewis weights of [A b], the worst of 9 seeds.`,
    columns: ['', 'rows', '‖b − Ax‖₁ above the least, relative', '‖x − x₀‖'],
    rows,
    reading:
      'Least squares follows the outliers, least absolute deviations do not. The sampled solutions stay far within ε of the least norm, from a few per cent of the rows at ε = 0.3.',
  })
})
