import { expect, test } from 'vitest'
import { cg, cholesky, csr, eye, matrix, random } from '../src/linalg/index.js'
import { solvers } from '../src/recipes/index.js'
import { record } from './support/record.js'

const SIDE = 20

/** The Laplacian of a grid. */
function laplacian(): ReturnType<typeof csr> {
  const [rows, cols, values]: [number[], number[], number[]] = [[], [], []]
  const put = (i: number, j: number, value: number): void => {
    rows.push(i)
    cols.push(j)
    values.push(value)
  }
  for (let r = 0; r < SIDE; r++) {
    for (let c = 0; c < SIDE; c++) {
      const at = r * SIDE + c
      put(at, at, 4)
      if (c > 0) put(at, at - 1, -1)
      if (c < SIDE - 1) put(at, at + 1, -1)
      if (r > 0) put(at, at - SIDE, -1)
      if (r < SIDE - 1) put(at, at + SIDE, -1)
    }
  }
  return csr({ shape: [SIDE ** 2, SIDE ** 2], rows, cols, values })
}

test('approximate inverses as directions', () => {
  const n = SIDE ** 2
  const A = laplacian()
  const b = random.normal([n]).data
  const shifted = matrix(A.matmat(eye(n)))
  for (let i = 0; i < n; i++) shifted.data[i * (n + 1)]! += 0.3
  const { solve } = cholesky(shifted)
  const ways: Record<string, solvers.DirectionFunction> = {
    'f(r) = r': (r) => r,
    'f(r) = z, z = (A + 0.3·I)⁻¹r': (r) => solve(r),
    'tanh(50·z)': (r) => solve(r).map((z) => Math.tanh(50 * z)),
    'z·(1 + ½·sin(100·z))': (r) => solve(r).map((z) => z * (1 + Math.sin(100 * z) / 2)),
  }
  const histories = [1, 2, 10]
  const table = Object.entries(ways).map(([name, direction]) => ({
    name,
    counts: histories.map(
      (history) => solvers.deepConjugateDirections(A, b, { direction, history, rtol: 1e-8 }).iterations,
    ),
  }))
  const [plain, linear, ...rough] = table.map(({ counts }) => counts)
  const reference = cg(A, b, { rtol: 1e-8 }).iterations
  for (const count of plain!) expect(Math.abs(count - reference)).toBeLessThanOrEqual(2)
  for (const count of linear!) expect(count).toBeLessThan(reference / 3)
  for (const [one, , ten] of rough) {
    expect(one).toBeLessThan(reference)
    expect(ten).toBeLessThan(0.8 * one!)
  }
  record({
    name: 'deep-conjugate-directions',
    title: 'Approximate inverses as conjugate directions',
    paper:
      'Kaneda, Akar, Chen, Kala, Hyde and Teran 2023, "A deep conjugate direction method for iteratively solving linear systems"',
    setting: `The Laplacian of a ${SIDE}×${SIDE} grid, a normal right-hand side, to 10⁻⁸; conjugate gradients take ${reference} iterations. No network is trained here: formulas stand for one, linear and strongly nonlinear in r/‖r‖.`,
    columns: ['direction', ...histories.map((h) => `iterations, history ${h}`)],
    rows: table.map(({ name, counts }) => [name, ...counts]),
    reading:
      'The residual itself gives conjugate gradients, whatever the history. An approximate inverse takes a quarter of the iterations, and there the last direction is enough too. Where the function is nonlinear earlier directions are not conjugate by themselves, and a longer history saves iterations.',
  })
})
