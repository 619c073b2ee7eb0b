import { expect, test } from 'vitest'
import { matrix, random } from '../src/linalg/index.js'
import { solvers } from '../src/recipes/index.js'
import { record } from './support/record.js'

const f = (a: number, b: number): number =>
  Math.exp(-2 * a) * Math.sin(3 * Math.PI * b) + Math.sin(2 * Math.PI * a) ** 2 * Math.cos(2 * Math.PI * b)

test('a functional Tucker model fills a grid of random coordinates from a sixth of its cells', () => {
  const side = 60
  const [s, t] = [1, 2].map((seed) => random.uniform([side], { seed }).data) as [Float64Array, Float64Array]
  const rows = [1, 2, 3].map((seed) => {
    const order = Array.from(random.uniform([side * side], { seed: 10 + seed }).data.entries())
      .sort(([, x], [, y]) => x - y)
      .map(([e]) => e)
    const noise = random.normal([600], { seed: 20 + seed }).data
    const seen = order.slice(0, 600)
    const points = matrix(seen.map((e) => [s[Math.floor(e / side)]!, t[e % side]!]))
    const y = seen.map((e, i) => f(s[Math.floor(e / side)]!, t[e % side]!) + 0.02 * noise[i]!)
    const model = solvers.funbat(points, y, { ranks: 3, length: 0.2, sweeps: 24, restarts: 2, seed })
    const all = matrix(order.map((e) => [s[Math.floor(e / side)]!, t[e % side]!]))
    const { mean } = model.predict(all)
    const squares = order.reduce(
      (sum, e, i) => sum + (mean[i]! - f(s[Math.floor(e / side)]!, t[e % side]!)) ** 2,
      0,
    )
    const rmse = Math.sqrt(squares / order.length)
    expect(rmse).toBeLessThan(0.02)
    expect(model.noise).toBeGreaterThan(0.015)
    expect(model.noise).toBeLessThan(0.025)
    return [seed, rmse, model.noise]
  })
  expect(rows.map(([, rmse]) => rmse!).sort((a, b) => a - b)[1]).toBeLessThan(0.0125)
  record({
    name: 'funbat',
    title: 'A function of two continuous coordinates from scattered values',
    paper:
      'Fang, Yu, Wang, Li, Kirby and Zhe 2024, "Functional Bayesian Tucker decomposition for continuous-indexed tensor data".',
    setting:
      'e^(−2a)·sin 3πb + sin²(2πa)·cos 2πb on a grid of 60 × 60 random coordinates, 600 of its 3600 cells known with noise of 0.02; rank 3, Matérn 3/2 of length 0.2, 24 sweeps, two starts.',
    columns: ['seed', 'RMSE over all cells', 'noise as the model sees it'],
    rows,
    reading:
      'All cells are known better than the values that were given, and the noise is told apart from the function.',
  })
})
