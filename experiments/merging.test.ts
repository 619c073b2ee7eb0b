import { munkres } from 'munkres'
import { expect, test } from 'vitest'
import { matmul, matrix, norm, random } from '../src/linalg/index.js'
import type { Matrix } from '../src/linalg/index.js'
import { merging } from '../src/recipes/index.js'
import { record } from './support/record.js'

const STEPS = 800

const mapped = (A: Matrix, f: (x: number, e: number) => number): Matrix =>
  matrix(A.data.map(f), A.shape as [number, number])
const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length

type Net = { readonly W: Matrix; readonly b: Float64Array }[]

function forward(net: merging.MergedNetwork, X: Matrix, activation: (z: number) => number): Matrix {
  return net.reduce((Z, { W, b }, l) => {
    const N = Z.shape[1]!
    return mapped(matmul(W, Z), (y, e) => {
      const z = y + (b?.[Math.floor(e / N)] ?? 0)
      return l === net.length - 1 ? z : activation(z)
    })
  }, X)
}

const meanSquare = (A: Matrix, B: Matrix): number =>
  norm(mapped(A, (x, e) => x - B.data[e]!)) ** 2 / A.data.length

/** A tanh network of one hidden layer, by Adam on all samples. */
function trained(X: Matrix, Y: Matrix, hidden: number, seed: number, steps: number): Net {
  const [n, m, N] = [X.shape[0]!, Y.shape[0]!, X.shape[1]!]
  const scaled = (shape: [number, number], at: number): Matrix =>
    mapped(random.normal(shape, { seed: at }), (x) => x / Math.sqrt(shape[1]))
  const net: Net = [
    { W: scaled([hidden, n], 100 * seed + 1), b: new Float64Array(hidden) },
    { W: scaled([m, hidden], 100 * seed + 2), b: new Float64Array(m) },
  ]
  const parameters = net.flatMap(({ W, b }) => [W.data, b])
  const moments = parameters.map((p) => [new Float64Array(p.length), new Float64Array(p.length)] as const)
  const sums = (D: Matrix): Float64Array =>
    Float64Array.from({ length: D.shape[0]! }, (_, i) =>
      D.data.subarray(i * N, (i + 1) * N).reduce((a, b) => a + b, 0),
    )
  for (let step = 1; step <= steps; step++) {
    const [first, second] = net as [Net[number], Net[number]]
    const Z = mapped(matmul(first.W, X), (y, e) => Math.tanh(y + first.b[Math.floor(e / N)]!))
    const D2 = mapped(
      matmul(second.W, Z),
      (y, e) => (2 * (y + second.b[Math.floor(e / N)]! - Y.data[e]!)) / Y.data.length,
    )
    const back = matmul(second.W, D2, { transA: true })
    const D1 = mapped(back, (d, e) => d * (1 - Z.data[e]! ** 2))
    const gradients = [
      matmul(D1, X, { transB: true }).data,
      sums(D1),
      matmul(D2, Z, { transB: true }).data,
      sums(D2),
    ]
    const rate = 0.01 * (1 - step / (steps + 1))
    parameters.forEach((p, t) => {
      const [v, s] = moments[t]!
      for (let e = 0; e < p.length; e++) {
        const g = gradients[t]![e]!
        v[e] = 0.9 * v[e]! + 0.1 * g
        s[e] = 0.999 * s[e]! + 0.001 * g * g
        p[e]! -= (rate * v[e]!) / (1 - 0.9 ** step) / (Math.sqrt(s[e]! / (1 - 0.999 ** step)) + 1e-8)
      }
    })
  }
  return net
}

test('merged networks: permutations help, and least squares after them', () => {
  const rows: (string | number)[][] = []
  const assignment = munkres
  const [n, h, m, N] = [12, 40, 6, 256]
  const X = random.normal([n, N], { seed: 1 })
  const teacher = [random.normal([24, n], { seed: 2 }), random.normal([m, 24], { seed: 3 })] as const
  const Y = matmul(
    mapped(teacher[1], (x) => x / 5),
    mapped(matmul(teacher[0], X), (z) => Math.tanh(z / 2)),
  )
  const pairs = [0, 1, 2].map(
    (seed) => [trained(X, Y, h, 2 * seed, STEPS), trained(X, Y, h, 2 * seed + 1, STEPS)] as const,
  )
  const loss = (net: merging.MergedNetwork): number => meanSquare(forward(net, X, Math.tanh), Y)
  const merge = (config: Partial<merging.PleasConfig>): number =>
    mean(
      pairs.map(([A, B]) =>
        loss(merging.pleas({ assignment, activation: 'tanh', ...config })([A, B], X).merged),
      ),
    )
  const losses = {
    'the two networks themselves': mean(pairs.flatMap((pair) => pair.map(loss))),
    'mean of the weights': merge({ match: 'none', refit: 'none' }),
    'no permutation, least squares': merge({ match: 'none' }),
    'weight matching, mean': merge({ match: 'weights', refit: 'none' }),
    'activation matching, mean': merge({ match: 'activations', refit: 'none' }),
    'weight matching, least squares (last layer)': merge({ match: 'weights', refit: 'last' }),
    'activation matching, least squares (last layer)': merge({ match: 'activations', refit: 'last' }),
    'the same, a quarter of the units apart': merge({ match: 'activations', separate: 0.25 }),
    'all units apart: the mean of both outputs': merge({ match: 'activations', separate: 1 }),
  }
  for (const [method, value] of Object.entries(losses)) rows.push(['PLeaS, 12–40–6 tanh', method, value])
  expect(losses['weight matching, mean']).toBeLessThan(losses['mean of the weights'])
  expect(losses['activation matching, mean']).toBeLessThan(losses['mean of the weights'])
  expect(losses['no permutation, least squares']).toBeLessThan(losses['mean of the weights'])
  expect(losses['activation matching, least squares (last layer)']).toBeLessThan(
    losses['no permutation, least squares'],
  )

  // A network and its permuted copy with a little noise.
  const net: merging.MergedNetwork = [
    { W: random.normal([32, 10], { seed: 5 }) },
    { W: random.normal([5, 32], { seed: 6 }) },
  ]
  const keys = random.uniform([32], { seed: 7 }).data
  const order = Array.from(keys.keys()).sort((a, b) => keys[a]! - keys[b]!)
  const noisy = (A: Matrix, seed: number): Matrix => {
    const noise = random.normal(A.shape, { seed }).data
    return mapped(A, (x, e) => x + 0.01 * noise[e]!)
  }
  const copy: merging.MergedNetwork = [
    { W: noisy(matrix(order.map((i) => Array.from({ length: 10 }, (_, j) => net[0]!.W.get(i, j)))), 8) },
    { W: noisy(matrix(Array.from({ length: 5 }, (_, i) => order.map((j) => net[1]!.W.get(i, j)))), 9) },
  ]
  const inputs = random.normal([10, 400], { seed: 10 })
  const relu = (z: number): number => Math.max(0, z)
  const wanted = forward(net, inputs, relu)
  const middle = (a: merging.MergedNetwork, b: merging.MergedNetwork): merging.MergedNetwork =>
    a.map(({ W }, l) => ({ W: mapped(W, (x, e) => (x + b[l]!.W.data[e]!) / 2) }))
  const { merged, permutations } = merging.weightMatching({ assignment })([net, copy])
  expect(Array.from(permutations[1]![0]!, (i) => order[i])).toEqual(Array.from(order.keys()))
  const midpoints = [
    meanSquare(forward(middle(net, copy), inputs, relu), wanted),
    meanSquare(forward(merged, inputs, relu), wanted),
  ]
  expect(midpoints[1]!).toBeLessThan(midpoints[0]! / 1000)
  rows.push(['a permuted copy, 10–32–5 ReLU', 'midpoint as they are', midpoints[0]!])
  rows.push(['', 'midpoint after weight matching', midpoints[1]!])

  record({
    name: 'merging-networks',
    title: 'Networks merged by permutations and least squares',
    paper:
      'Nasery, Hayase, Koh and Oh 2025, "PLeaS: merging models with permutations and least squares"; Ainsworth, Hayase and Srinivasa 2023, "Git Re-Basin".',
    setting:
      'Three pairs of networks trained on the same 256 samples of a teacher from different starts; mean squared error of the merged ones, means over the pairs. The permuted copy has noise 0.01.',
    columns: ['networks', 'method', 'mean squared error'],
    rows,
    reading:
      'The paper’s order: permutations help more than least squares alone, both together most, and a quarter of the units kept apart halves the error again. The first layer needs no fit: the mean of its outputs is that of the mean of its weights. All units apart is the ensemble, better than either network, at twice the size.',
  })
})

test('updates merged reversibly, and task vectors', () => {
  const rows: (string | number)[][] = []
  // Eight models whose factors share three directions at every position.
  const [m, n, r, T] = [24, 20, 16, 8]
  const factor = (rows: number, seed: number): Matrix[] => {
    const basis = random.normal([rows, 3 * r], { seed }).data
    return Array.from({ length: T }, (_, t) => {
      const z = random.normal([rows, 3], { seed: seed + 10 + t }).data
      const noise = random.normal([rows, r], { seed: seed + 30 + t }).data
      return mapped(matrix(noise, [rows, r]), (x, e) => {
        const [i, j] = [Math.floor(e / r), e % r]
        return 0.1 * x + [0, 1, 2].reduce((sum, q) => sum + z[3 * i + q]! * basis[3 * r * i + q * r + j]!, 0)
      })
    })
  }
  const [Bs, As] = [factor(m, 100), factor(n, 200)]
  const models = Bs.map((B, t) => ({ layer: { B, A: matrix(As[t]!.transpose(1, 0)) } }))
  const whole = T * r * (m + n)
  let before = Infinity
  for (const basis of [0, 1, 2, 3, 7]) {
    const { errorEstimate, parameters } = merging.rmm({ basis, canonical: false })(models)
    expect(errorEstimate).toBeLessThanOrEqual(before)
    before = errorEstimate
    rows.push([
      'RMM, T = 8, r = 16, three shared directions',
      `p = ${basis}, stores ${Math.round((100 * parameters) / whole)} %`,
      errorEstimate,
    ])
  }
  expect(before).toBeLessThan(1e-13)
  const canonical = merging.rmm({ basis: 2 })(models).errorEstimate
  rows.push(['', 'p = 2, factors brought to U√s and √sVᵀ first', canonical])

  // Two tasks of twenty coordinates each, which overlap.
  const errors = [0, 10, 20].map((overlap) =>
    mean(
      [0, 1, 2, 3, 4].map((seed) => {
        const taskOf = (from: number, at: number): number[] => {
          const values = random.normal([20], { seed: 10 * seed + at }).data
          return Array.from({ length: 60 }, (_, e) => (e >= from && e < from + 20 ? values[e - from]! : 0))
        }
        const [a, b] = [taskOf(0, 1), taskOf(20 - overlap, 2)]
        const base = { w: new Array<number>(60).fill(0) }
        const merged = merging.taskArithmetic({ scale: 1 })([{ w: a }, { w: b }], base).merged
          .w as Float64Array
        const off = (task: number[]): number =>
          task.reduce((sum, x, e) => sum + (x === 0 ? 0 : (merged[e]! - x) ** 2), 0)
        return off(a) + off(b)
      }),
    ),
  )
  expect(errors[0]).toBe(0)
  expect(errors[1]).toBeLessThan(errors[2]!)
  ;[0, 10, 20].forEach((overlap, t) => {
    rows.push([
      'task arithmetic, two tasks of 20 coordinates',
      `${overlap} of them shared: squared error on each task’s own`,
      errors[t]!,
    ])
  })
  record({
    name: 'merging-updates',
    title: 'Updates merged, and had back',
    paper:
      '"Towards reversible model merging for low-rank weights" 2025; Ilharco et al. 2023, "Editing models with task arithmetic".',
    setting:
      'RMM: relative error of all recovered factors; a basis of p vectors and the mean for each row of B and column of A.',
    columns: ['models', 'method', 'error'],
    rows,
    reading:
      'A basis as large as what the models share recovers them to the noise, and T − 1 vectors to rounding; the mean alone loses most. Bringing factors to a common form first helps where their gauge differs and does harm where they came from common factors, as here.',
  })
})
