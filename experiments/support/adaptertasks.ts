import { NotFiniteError, matmul, random, svd, transpose, zeros } from '../../src/linalg/index.js'
import type { Matrix, Tensor } from '../../src/linalg/index.js'
import type { adapters } from '../../src/recipes/index.js'
import { orthonormal, spectra, withSpectrum } from '../../src/testing/index.js'

// Linear layers that are to learn a change of their weight from noisy samples, and how an adapter is trained on one.

const [m, n] = [48, 64]

type Change = 'low' | 'full' | 'top' | 'sv' | 'flat'

export interface Task {
  readonly context: { readonly W0: Matrix; readonly grad: Matrix; readonly activations: Matrix }
  /** ∂L/∂W */
  gradient(W: Matrix): Matrix
  /** Half the mean squared error over samples and outputs. */
  loss(W: Matrix): number
}

export interface TaskOptions {
  readonly seed: number
  readonly change: Change | Matrix
  /** Eigenvalues of the inputs' covariance fall like j^−aniso. Default 1. */
  readonly aniso?: number
  /** Samples. Default 256. */
  readonly samples?: number
  /** The change's variance, as a part of 2.25. Default 1. */
  readonly energy?: number
}

/** W0 has singular values 3·j^−0.8; the change is scaled to a variance of 2.25 for each output; noise of 0.05. */
export function taskOf({ seed, change, aniso = 1, samples = 256, energy: part = 1 }: TaskOptions): Task {
  const s = spectra.polynomial(m, 0.8).map((sigma) => 3 * sigma)
  const W0 = withSpectrum(m, n, s, { seed })
  const weights = spectra.polynomial(n, aniso)
  const trace = weights.reduce((sum, x) => sum + x, 0)
  const Q = orthonormal(n, n, { seed: seed + 1000 })
  const deviations = scaledColumns(Q, (j) => Math.sqrt((n * weights[j]!) / trace))
  const X = matmul(deviations, random.normal([n, samples], { seed: seed + 1 }))
  const raw = typeof change === 'string' ? changeOf(change, W0, seed) : change
  const spread = matmul(raw, deviations).data.reduce((sum, x) => sum + x * x, 0) / m
  const target = sum(W0, Math.sqrt((2.25 * part) / (spread || 1)), raw)
  const Y = sum(matmul(target, X), 0.05, random.normal([m, samples], { seed: seed + 2 }))
  const C = sum(matmul(X, X, { transB: true }), 1 / samples - 1)
  const D = sum(matmul(Y, X, { transB: true }), 1 / samples - 1)
  const energy = Y.data.reduce((total, y) => total + y * y, 0) / samples
  const gradient = (W: Matrix): Matrix => {
    const G = matmul(W, C)
    for (let e = 0; e < G.size; e++) G.data[e] = (G.data[e]! - D.data[e]!) / m
    return G
  }
  return {
    context: { W0, grad: gradient(W0), activations: X },
    gradient,
    loss(W) {
      const WC = matmul(W, C)
      let total = energy
      for (let e = 0; e < WC.size; e++) total += W.data[e]! * (WC.data[e]! - 2 * D.data[e]!)
      return total / (2 * m)
    },
  }
}

function changeOf(change: Change, W0: Matrix, seed: number): Matrix {
  const draw = (shape: [number, number], k: number): Matrix => random.normal(shape, { seed: seed + k })
  const { U, Vt } = svd(W0)
  const [U6, V6] = [U.hi(m, 6), Vt.hi(6, n)]
  switch (change) {
    case 'low':
      return matmul(draw([m, 6], 3), draw([6, n], 4))
    case 'full':
      return draw([m, n], 3)
    case 'top':
      return matmul(matmul(U6, draw([6, 6], 3)), V6)
    case 'sv': {
      const z = draw([1, 6], 3)
      return matmul(
        scaledColumns(U6, (j) => z.data[j]!),
        V6,
      )
    }
    case 'flat':
      return matmul(orthonormal(m, m, { seed: seed + 3 }), transpose(orthonormal(n, m, { seed: seed + 4 })))
  }
}

type Adapter = adapters.Adapter
type State = adapters.AdapterState

export interface Training {
  readonly optimizer: 'adam' | 'sgd'
  readonly steps: number
}

/** The state after so many steps at a rate; the gradients are exact. */
function trained(adapter: Adapter, task: Task, rate: number, { optimizer, steps }: Training): State {
  let state = adapter.init(task.context)
  const update = optimizer === 'adam' ? adam(rate) : sgd(rate)
  for (let step = 0; step < steps; step++) {
    const true_ = adapter.gradsFromWeightGrad(state, task.gradient(adapter.merge(state)))
    const grads = adapter.transformGrads?.(state, true_) ?? true_
    state = { ...state, trainable: update(state.trainable, grads, adapter.lrRatio) }
  }
  return state
}

type Update = (
  arrays: adapters.Arrays,
  grads: adapters.Arrays,
  ratio?: Readonly<Record<string, number>>,
) => adapters.Arrays

function sgd(rate: number): Update {
  return (arrays, grads, ratio = {}) =>
    mapped(arrays, (T, name) => sum(T, -rate * (ratio[name] ?? 1), grads[name]))
}

/** Adam with β = (0.9, 0.999). */
export function adam(rate: number): Update {
  const moments = new Map<string, { readonly mean: Float64Array; readonly square: Float64Array }>()
  let t = 0
  return (arrays, grads, ratio = {}) => {
    t++
    return mapped(arrays, (T, name) => {
      const g = grads[name]!.data
      const { mean, square } = moments.get(name) ?? {
        mean: new Float64Array(T.size),
        square: new Float64Array(T.size),
      }
      moments.set(name, { mean, square })
      const out = zeros(T.shape)
      for (let e = 0; e < T.size; e++) {
        mean[e] = 0.9 * mean[e]! + 0.1 * g[e]!
        square[e] = 0.999 * square[e]! + 0.001 * g[e]! ** 2
        const step = mean[e]! / (1 - 0.9 ** t) / (Math.sqrt(square[e]! / (1 - 0.999 ** t)) + 1e-8)
        out.data[e] = T.data[e]! - rate * (ratio[name] ?? 1) * step
      }
      return out
    })
  }
}

/** The mean loss over the tasks at the best of the rates. */
export function bestLoss(
  make: (rate: number) => Adapter,
  tasks: readonly Task[],
  rates: readonly number[],
  training: Training,
): number {
  const lossAt = (task: Task, rate: number): number => {
    const adapter = make(rate)
    try {
      return task.loss(adapter.merge(trained(adapter, task, rate, training)))
    } catch (error) {
      // A rate that is too large ends in numbers that are not finite, which the library refuses.
      if (error instanceof NotFiniteError) return Infinity
      throw error
    }
  }
  const means = rates.map((rate) => tasks.reduce((sum, task) => sum + lossAt(task, rate), 0) / tasks.length)
  return Math.min(...means.filter(Number.isFinite))
}

/** {1, 3}·10ᵏ */
export const ratesFrom = (low: number, high: number): number[] =>
  Array.from({ length: high - low + 1 }, (_, k) => [10 ** (low + k), 3 * 10 ** (low + k)]).flat()

const mapped = (arrays: adapters.Arrays, f: (T: Tensor, name: string) => Tensor): adapters.Arrays =>
  Object.fromEntries(Object.entries(arrays).map(([name, T]) => [name, f(T, name)]))

/** A + b·B, or (1 + b)·A. */
function sum(A: Tensor, b: number, B = A): Tensor {
  const out = zeros(A.shape)
  for (let e = 0; e < out.size; e++) out.data[e] = A.data[e]! + b * B.data[e]!
  return out
}

function scaledColumns(A: Matrix, factor: (j: number) => number): Matrix {
  const [rows = 0, cols = 0] = A.shape
  const out = zeros([rows, cols])
  for (let i = 0; i < rows; i++) for (let j = 0; j < cols; j++) out.set(i, j, A.get(i, j) * factor(j))
  return out
}
