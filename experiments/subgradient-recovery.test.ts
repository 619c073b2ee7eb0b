import { expect, test } from 'vitest'
import { matrixSensing, recoverSubgradient } from '../src/factorize/index.js'
import type { Svd } from '../src/factorize/index.js'
import { ConvergenceError, gram, matmul, matrix, norm, random } from '../src/linalg/index.js'
import { record } from './support/record.js'

// Ma and Fattahi 2023: subgradients of the l1 loss from a tiny start mind neither outliers nor surplus columns.

const [N, R, M] = [20, 2, 800]
const RANKS = [2, 5, 20]
const X = gram(random.normal([R, N], { seed: 9 }))
const sensors = random.normal([M, N * N], { seed: 2 })
const clean = matmul(sensors, matrix(X.data, [N * N, 1])).data
const wrong = random.normal([M], { seed: 5 }).data

const corrupted = (part: number): Float64Array =>
  clean.map((y, i) => (i < part * M ? y + 10 * norm(X) * wrong[i]! : y))

function errorOf(lowRank: Svd): number {
  const D = lowRank.toDense()
  D.data.forEach((x, e) => (D.data[e] = x - X.data[e]!))
  return norm(D) / norm(X)
}

function best<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (error instanceof ConvergenceError) return error.best as T
    throw error
  }
}

test('neither 30 % outliers nor ten times the rank matter, from a small start', () => {
  const rows = [0, 0.3].flatMap((part) => {
    const given = { shape: [N, N] as const, sensors, values: corrupted(part) }
    const subgradient = (initialScale: number, schedule: 'adaptive' | 'geometric') =>
      RANKS.map((rank) =>
        errorOf(
          best(() =>
            recoverSubgradient(given, { rank, initialScale, schedule, rtol: 1e-9, maxIterations: 600 }),
          ).lowRank,
        ),
      )
    return [
      { part, label: 'subgradients, α = 1e-9', errors: subgradient(1e-9, 'adaptive') },
      { part, label: 'the same, geometric steps, α = 1e-6', errors: subgradient(1e-6, 'geometric') },
      { part, label: 'subgradients, α = 0.1', errors: subgradient(0.1, 'adaptive') },
      {
        part,
        label: 'least squares (matrixSensing)',
        errors: RANKS.map((rank) =>
          errorOf(
            best(() => matrixSensing(given, { rank, method: 'symmetric', maxIterations: 600 })).lowRank,
          ),
        ),
      },
    ]
  })
  record({
    name: 'subgradient-recovery',
    title: 'Recovery under gross outliers, with more columns than the rank',
    paper:
      'Ma, Fattahi 2023, “Global convergence of sub-gradient method for robust matrix recovery: small initialization, noisy measurements, and over-parameterization”.',
    setting: `${N}×${N} positive semidefinite matrix of rank ${R}, ${M} Gaussian sensors, a part of the measurements off by ten times the size of the matrix. ‖X̂ − X‖/‖X‖ after at most 600 steps, or at a median residual of 1e-9.`,
    columns: ['outliers', 'method', ...RANKS.map((rank) => `${rank} columns`)],
    rows: rows.map(({ part, label, errors }) => [`${100 * part} %`, label, ...errors]),
    reading:
      'From a tiny start the l1 loss has the matrix, whatever the columns and with 30 % of the measurements wrong; a start of 0.1 has to pay for surplus columns, as in the paper. Steps that follow the median residual converge linearly under outliers too, where a geometric schedule is bound to its decay. Least squares is at the mercy of the outliers.',
  })
  for (const { part, label, errors } of rows) {
    if (label === 'subgradients, α = 1e-9') for (const error of errors) expect(error).toBeLessThan(1e-7)
    // What the steps have come down to, where U took at most 100 of them to grow.
    if (label.includes('geometric'))
      for (const error of errors) expect(error).toBeLessThan(0.25 * 0.99 ** 500)
    if (label === 'subgradients, α = 0.1') expect(errors[2]).toBeGreaterThan(1e-4)
    if (label.startsWith('least') && part > 0) for (const error of errors) expect(error).toBeGreaterThan(0.3)
  }
})
