import { expect, test } from 'vitest'
import { matrix } from '../src/linalg/index.js'
import { optimizers } from '../src/recipes/index.js'
import { record } from './support/record.js'

const [SIZE, CONDITION] = [50, 100]
const GOAL = 1e-6

const eigenvalues = Float64Array.from({ length: SIZE }, (_, i) => 1 + ((CONDITION - 1) * i) / (SIZE - 1))

/** Steps on ½·Σ λᵢxᵢ² from ones until max|xᵢ| < 1e-6. */
function stepsTaken(learningRate: number, momentum: number): number {
  const optimizer = optimizers.sgd({ learningRate, momentum })
  let params = { x: matrix(new Float64Array(SIZE).fill(1), [1, SIZE]) }
  let state = optimizer.init(params)
  for (let t = 1; t <= 2000; t++) {
    const grads = { x: [params.x.data.map((x, i) => eigenvalues[i]! * x)] }
    const step = optimizer.update(grads, state, params)
    params = optimizers.applyUpdates(params, step.updates)
    state = step.state
    if (params.x.data.every((x) => Math.abs(x) < GOAL)) return t
  }
  return Infinity
}

test('momentum on a quadratic', () => {
  const plain = stepsTaken(2 / (1 + CONDITION), 0)
  const polyak = stepsTaken((2 / 11) ** 2, (9 / 11) ** 2)
  const rates = Array.from({ length: 37 }, (_, i) => (i + 1) / 1000)
  const usual = rates.map((rate) => stepsTaken(rate, 0.9))
  const best = Math.min(...usual)
  expect(plain).toBe(691)
  expect(polyak).toBe(95)
  expect(best).toBeGreaterThan(polyak)
  expect(best).toBeLessThan(plain)
  // Stable for lr < 2(1 + μ)/λ.
  expect(stepsTaken(0.0379, 0.9)).toBeLessThan(Infinity)
  expect(stepsTaken(0.0381, 0.9)).toBe(Infinity)
  record({
    name: 'momentum',
    title: 'Gradient descent with and without momentum',
    paper: 'Polyak 1964, "Some methods of speeding up the convergence of iteration methods".',
    setting: `A quadratic with ${SIZE} eigenvalues from 1 to ${CONDITION}, from ones until no entry is above 10⁻⁶.`,
    columns: ['μ', 'learning rate', 'steps'],
    rows: [
      ['0', '2/101, the best', plain],
      ['0.9', `${rates[usual.indexOf(best)]}, the best of 0.001 to 0.037`, best],
      ['(9/11)²', '(2/11)², the best', polyak],
    ],
    reading:
      'The number of steps goes with the condition number without momentum and with its root with the right one; the usual 0.9 is too much here.',
  })
})
