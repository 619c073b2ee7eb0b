import { expect, test } from 'vitest'
import { matmul, matrix, random, transpose } from '../src/linalg/index.js'
import type { Matrix } from '../src/linalg/index.js'
import { optimizers } from '../src/recipes/index.js'
import { record } from './support/record.js'

const [SAMPLES, INPUTS, HIDDEN, OUTPUTS] = [512, 32, 32, 16]
const [STEPS, BATCH, SEEDS, RANK, GAP] = [600, 64, 3, 4, 50]

type Optimizer = ReturnType<typeof optimizers.create>
type Params = Record<string, Matrix>
type Rate = (count: number) => number

interface Data {
  readonly X: Matrix
  readonly Y: Matrix
}

const scaled = (A: Matrix, c: number): Matrix =>
  matrix(
    A.data.map((x) => c * x),
    A.shape as [number, number],
  )
const normal = (m: number, n: number, scale: number, seed: number): Matrix =>
  scaled(random.normal([m, n], { seed }), scale)
const sum = (A: Matrix, B: Matrix): Matrix =>
  matrix(
    A.data.map((x, e) => x + B.data[e]!),
    A.shape as [number, number],
  )
const tanh = (A: Matrix): Matrix => matrix(A.data.map(Math.tanh), A.shape as [number, number])

/** Samples as columns, features of falling scale; a teacher of the student's shape. */
function dataOf(seed: number): Data {
  const X = random.normal([INPUTS, SAMPLES], { seed: 10 * seed })
  for (let e = 0; e < X.data.length; e++) {
    X.data[e]! *= 10 ** ((-1.5 * Math.floor(e / SAMPLES)) / (INPUTS - 1))
  }
  const W1 = normal(HIDDEN, INPUTS, 3 / Math.sqrt(INPUTS), 10 * seed + 1)
  const W2 = normal(OUTPUTS, HIDDEN, 1 / Math.sqrt(HIDDEN), 10 * seed + 2)
  return { X, Y: matmul(W2, tanh(matmul(W1, X))) }
}

const initial = (seed: number): Params => ({
  W1: normal(HIDDEN, INPUTS, 1 / Math.sqrt(INPUTS), 10 * seed + 3),
  W2: normal(OUTPUTS, HIDDEN, 1 / Math.sqrt(HIDDEN), 10 * seed + 4),
})

/** Mean of squared residuals over all entries, and its gradients. */
function lossOf({ W1, W2 }: Params, { X, Y }: Data): { loss: number; grads: () => Params } {
  const H = tanh(matmul(W1!, X))
  const R = matmul(W2!, H)
  for (let e = 0; e < R.data.length; e++) R.data[e]! -= Y.data[e]!
  return {
    loss: R.data.reduce((total, r) => total + r * r, 0) / R.size,
    grads() {
      const D = scaled(R, 2 / R.size)
      const back = matmul(W2!, D, { transA: true })
      for (let e = 0; e < back.data.length; e++) back.data[e]! *= 1 - H.data[e]! ** 2
      return { W1: matmul(back, X, { transB: true }), W2: matmul(D, H, { transB: true }) }
    },
  }
}

function batchOf({ X, Y }: Data, seed: number, t: number): Data {
  const u = random.uniform([BATCH], { seed: 1e6 + 1000 * seed + t }).data
  const picked = (A: Matrix): Matrix => {
    const rows = A.shape[0]!
    const out = new Float64Array(rows * BATCH)
    for (let i = 0, o = 0; i < rows; i++) {
      for (let b = 0; b < BATCH; b++, o++) out[o] = A.data[i * SAMPLES + Math.floor(u[b]! * SAMPLES)]!
    }
    return matrix(out, [rows, BATCH])
  }
  return { X: picked(X), Y: picked(Y) }
}

/** What is trained may be other parameters than the weights: then their gradients follow by the chain rule. */
interface Model {
  readonly params: Params
  weights(params: Params): Params
  chained(grads: Params, params: Params): Params
}

const plain = (weights: Params): Model => ({
  params: weights,
  weights: (params) => params,
  chained: (grads) => grads,
})

/** W + B·A with B = 0 at first; W stays. */
function lora(weights: Params): Model {
  const params: Params = {}
  for (const [seed, [key, W]] of Object.entries(weights).entries()) {
    const [m = 0, n = 0] = W.shape
    params[`${key}.A`] = normal(RANK, n, 1 / Math.sqrt(n), 77 + seed)
    params[`${key}.B`] = normal(m, RANK, 0, 0)
  }
  return {
    params,
    weights: (now) =>
      Object.fromEntries(
        Object.entries(weights).map(([key, W]) => [key, sum(W, matmul(now[`${key}.B`]!, now[`${key}.A`]!))]),
      ),
    chained: (grads, now) =>
      Object.fromEntries(
        Object.entries(grads).flatMap(([key, G]) => [
          [`${key}.A`, matmul(transpose(now[`${key}.B`]!), G)],
          [`${key}.B`, matmul(G, now[`${key}.A`]!, { transB: true })],
        ]),
      ),
  }
}

interface Trained {
  readonly loss: number
  readonly floats: number
}

function train(
  make: (rate: Rate) => Optimizer,
  lr: number,
  seed: number,
  model = plain(initial(seed)),
): Trained {
  const data = dataOf(seed)
  const optimizer = make((t) => (lr * (1 + Math.cos((Math.PI * t) / STEPS))) / 2)
  let params = model.params
  let state = optimizer.init(params)
  for (let t = 0; t < STEPS; t++) {
    const grads = lossOf(model.weights(params), batchOf(data, seed, t)).grads()
    const step = optimizer.update(model.chained(grads, params), state, params)
    params = optimizers.applyUpdates(params, step.updates)
    state = step.state
  }
  return { loss: lossOf(model.weights(params), data).loss, floats: optimizers.stateSize(state).floats }
}

/** The mean final loss of all seeds at the learning rate that is best for the first. */
function best(
  make: (rate: Rate) => Optimizer,
  rates: readonly number[],
  modelOf = plain,
): { loss: number; lr: number; floats: number } {
  const ran = (lr: number, seed: number): Trained => train(make, lr, seed, modelOf(initial(seed)))
  const first = rates.map((lr) => ({ lr, ...ran(lr, 0) }))
  const { lr, loss, floats } = first.reduce((a, b) => (b.loss < a.loss ? b : a))
  const others = Array.from({ length: SEEDS - 1 }, (_, i) => ran(lr, i + 1).loss)
  return { lr, loss: others.reduce((total, other) => total + other, loss) / SEEDS, floats }
}

const GRID = [0.01, 0.03, 0.1]
const common = { rank: RANK, updateProjGap: GAP, eps: 1e-8 } as const

test('optimizers of full and of projected gradients on a small network', () => {
  const { inner, projectors, residuals, projected } = optimizers
  const svd = projectors.svd({ rank: RANK, updateProjGap: GAP })
  const contenders: readonly (readonly [
    string,
    (rate: Rate) => Optimizer,
    (readonly number[])?,
    typeof plain?,
  ])[] = [
    ['sgd', (learningRate) => optimizers.sgd({ learningRate }), [1, 3, 5]],
    ['adamw', (learningRate) => optimizers.adamw({ learningRate, weightDecay: 0 })],
    ['adaBelief', (learningRate) => optimizers.adaBelief({ learningRate })],
    [
      'mfac',
      (learningRate) => optimizers.mfac({ learningRate, capacity: 64, damping: 1e-3 }),
      [0.003, 0.01, 0.03],
    ],
    [
      'frugal, basis of 4',
      (learningRate) =>
        projected(inner.adam(), { ...svd, moments: 'clear' }, residuals.sign(), { learningRate }),
    ],
    ['frugal, 1/4 of the columns', (learningRate) => optimizers.frugal({ learningRate, updateProjGap: GAP })],
    [
      'sparseSpectralTraining',
      (learningRate) => optimizers.sparseSpectralTraining({ learningRate, rank: RANK, updateGap: GAP }),
    ],
    ['fira', (learningRate) => optimizers.fira({ ...common, learningRate, scale: 1 })],
    ['galore', (learningRate) => optimizers.galore({ ...common, learningRate, scale: 1 })],
    ['naturalGalore', (learningRate) => optimizers.naturalGalore({ ...common, learningRate, scale: 1 })],
    ['dctProjection, T = 50', (learningRate) => optimizers.dctProjection({ ...common, learningRate })],
    ['dctProjection, T = 1', (learningRate) => optimizers.dctProjection({ learningRate, rank: RANK })],
    [
      'LoRA of rank 4, by Adam',
      (learningRate) => optimizers.adamw({ learningRate, weightDecay: 0 }),
      [...GRID, 0.3],
      lora,
    ],
  ]
  const results = new Map(
    contenders.map(([name, make, rates = GRID, modelOf]) => [name, best(make, rates, modelOf)] as const),
  )
  const lossOfName = (name: string): number => results.get(name)!.loss
  const [adam, galore] = [lossOfName('adamw'), lossOfName('galore')]
  expect(galore).toBeGreaterThan(2 * adam)
  for (const name of ['frugal, basis of 4', 'frugal, 1/4 of the columns', 'fira']) {
    expect(lossOfName(name)).toBeGreaterThan(adam)
    expect(lossOfName(name)).toBeLessThan(galore)
  }
  expect(lossOfName('frugal, basis of 4')).toBeLessThan(lossOfName('fira'))
  expect(lossOfName('sparseSpectralTraining')).toBeLessThan(lossOfName('LoRA of rank 4, by Adam') / 1.5)
  record({
    name: 'optimizers-mlp',
    title: 'Optimizers on a small network',
    paper:
      'settings of Zhao et al. 2024 (GaLore), Das 2024 (Natural GaLore), Chen et al. 2024 (Fira), Zmushko et al. 2024 (FRUGAL), Modoranu et al. 2025 (cosine projection), Zhao et al. 2024 (sparse spectral training), Frantar et al. 2021 (M-FAC) and Zhuang et al. 2020 (AdaBelief), at the scale of a toy.',
    setting: `A student ${INPUTS}–${HIDDEN}–${OUTPUTS} with tanh learns from a teacher of its shape, ${SAMPLES} samples with features of scales 1 to 10^−1.5; ${STEPS} steps, batches of ${BATCH}, cosine decay, no weight decay, rank r = ${RANK}, T = ${GAP}, scale 1. Mean of ${SEEDS} seeds of the final loss over all samples, at the learning rate that is best for the first (of 0.01, 0.03, 0.1; SGD of 1, 3, 5; M-FAC of 0.003, 0.01, 0.03; LoRA also 0.3).`,
    columns: ['optimizer', 'final loss', 'learning rate', 'floats of state'],
    rows: [...results].map(([name, { loss, lr, floats }]) => [name, loss, String(lr), floats]),
    reading:
      'At r/min(m, n) of 1/8 and 1/4 what stays outside of the subspace costs GaLore some ten times Adam’s loss; FRUGAL, whose updates are of full rank, has most of it back, Fira and sparse spectral training some. The cosine basis does as well as singular vectors, and Natural GaLore as GaLore. M-FAC, with one damping for all steps and far more state, is behind Adam and SGD here. LoRA, of weights that were never trained, is what a fixed subspace comes to.',
  })
}, 600_000)
