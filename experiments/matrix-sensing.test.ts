import { expect, test } from 'vitest'
import { matrixSensing } from '../src/factorize/index.js'
import type { MatrixSensing, MatrixSensingOptions } from '../src/factorize/index.js'
import { ConvergenceError, matmul, matrix, qr, random, transpose } from '../src/linalg/index.js'
import { record } from './support/record.js'

// Xiong, Ding and Du 2024: surplus columns slow gradient descent down with X = FFᵀ, and need not with X = FGᵀ.

const [N, R, K, MOST] = [30, 2, 4, 4000]
const TIMES = [100, 400, 1000, 4000] as const

/** diag(1, 0.8) in a random basis. */
const { Q } = qr(random.normal([N, R], { seed: 1 }))
const M = matmul(
  matmul(
    Q,
    matrix([
      [1, 0],
      [0, 0.8],
    ]),
  ),
  transpose(Q),
)

/** Every entry: the population's gradients. */
const cells = Array.from({ length: N * N }, (_, e) => e)
const entries = {
  shape: [N, N] as const,
  rows: cells.map((e) => Math.floor(e / N)),
  cols: cells.map((e) => e % N),
  values: M.data,
}
const SENSORS = 600
const sensors = random.normal([SENSORS, N * N], { seed: 2 })
const gaussian = {
  shape: [N, N] as const,
  sensors,
  values: matmul(sensors, matrix(M.data, [N * N, 1])).data,
}

/** The residuals of a run that is not stopped early; the last is kept where it comes to rounding. */
function residuals(
  of: typeof entries | typeof gaussian,
  options: Omit<MatrixSensingOptions, 'rtol'>,
): number[] {
  let result: MatrixSensing
  try {
    result = matrixSensing(of, { step: 0.1, maxIterations: MOST, rtol: 1e-13, ...options })
  } catch (error) {
    if (!(error instanceof ConvergenceError)) throw error
    result = error.best as MatrixSensing
  }
  const { history } = result
  return TIMES.map((t) => history[Math.min(t, history.length - 1)]!.residual)
}

test('a surplus of columns costs the symmetric method its linear rate, and not the modified one', () => {
  const run = (
    label: string,
    options: Omit<MatrixSensingOptions, 'rtol'>,
  ): { label: string; errors: number[] } => ({
    label,
    errors: residuals(entries, options),
  })
  const exact = run(`symmetric, ${R} columns`, { rank: R, method: 'symmetric' })
  const symmetric = run(`symmetric, ${K} columns`, { rank: K, method: 'symmetric', initialScale: 0.5 })
  const scales = [0.5, 0.15, 0.05]
  const asymmetric = scales.map((initialScale) =>
    run(`asymmetric, ${K} columns, α = ${initialScale}`, { rank: K, method: 'asymmetric', initialScale }),
  )
  const modified = scales.map((initialScale) =>
    run(`modified, ${K} columns, α = ${initialScale}`, { rank: K, method: 'modified', initialScale }),
  )
  const sensed = (['symmetric', 'asymmetric', 'modified'] as const).map((method) => ({
    label: `${method}, ${K} columns, α = 0.5, ${SENSORS} Gaussian sensors`,
    errors: residuals(gaussian, { rank: K, method, initialScale: 0.5, maxIterations: 1000 }),
  }))
  const all = [exact, symmetric, ...asymmetric, ...modified, ...sensed]
  const slope = (errors: number[]): number =>
    Math.log10(errors[3]! / errors[1]!) / Math.log10(TIMES[3] / TIMES[1])
  record({
    name: 'matrix-sensing',
    title: 'Gradient descent with more columns than the rank',
    paper:
      'Xiong, Ding, Du 2024, “How over-parameterization slows down gradient descent in matrix sensing: the curses of symmetry and initialization”.',
    setting: `${N}×${N} matrix of rank ${R} with eigenvalues 1 and 0.8, step 0.1. ‖X − M‖/‖M‖ after T steps, all entries known; below, the residual with Gaussian sensors (${TIMES[2]} steps at most). Runs end at 1e-13.`,
    columns: ['method', ...TIMES.map((t) => `T = ${t}`)],
    rows: all.map(({ label, errors }) => [label, ...errors]),
    reading: `With as many columns as the rank, the symmetric method converges linearly. Two more, and its error falls like 1/T (slope ${slope(symmetric.errors).toFixed(2)} in a log-log plot: 1/T² in squared error, the paper's lower bound). The asymmetric method converges linearly from a start that is large enough, and slowly from a small one: its rate goes with α². One change of basis, at a residual of 0.1, and the start no longer matters. The same is seen through Gaussian sensors.`,
  })
  expect(exact.errors[1]).toBeLessThan(1e-12)
  expect(slope(symmetric.errors)).toBeGreaterThan(-1.1)
  expect(slope(symmetric.errors)).toBeLessThan(-0.9)
  expect(asymmetric[0]!.errors[3]).toBeLessThan(1e-12)
  expect(asymmetric[2]!.errors[2]).toBeGreaterThan(1e-5)
  for (const { errors } of modified) expect(errors[2]).toBeLessThan(1e-12)
  expect(sensed[0]!.errors[2]).toBeGreaterThan(1e-3)
  expect(sensed[2]!.errors[2]).toBeLessThan(sensed[1]!.errors[2]! / 100)
  expect(sensed[2]!.errors[2]).toBeLessThan(1e-6)
})
