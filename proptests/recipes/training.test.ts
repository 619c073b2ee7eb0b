import { describe, expect, test } from 'vitest'
import { matmul, matrix, random } from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { adapters, optimizers } from '../../src/recipes/index.js'
import { NAMES, trialOf } from './adapters/subjects.js'
import type { State } from './adapters/subjects.js'

// Every adapter under every optimizer: what one gives the other takes, with nothing between them, and a loss falls.

type Adapter = adapters.Adapter
type Optimizer = ReturnType<typeof optimizers.create>

/** Small steps: to first order each of them goes down. */
const OPTIMIZERS: Readonly<Record<optimizers.OptimizerName, () => Optimizer>> = {
  sgd: () => optimizers.sgd({ learningRate: 1e-3 }),
  adamw: () => optimizers.adamw({ learningRate: 1e-3, weightDecay: 0 }),
  adaBelief: () => optimizers.adaBelief({ learningRate: 1e-4 }),
  galore: () => optimizers.galore({ learningRate: 4e-3, rank: 1, updateProjGap: 2 }),
  naturalGalore: () => optimizers.naturalGalore({ learningRate: 4e-3, rank: 1, updateProjGap: 2 }),
  fira: () => optimizers.fira({ learningRate: 1e-3, rank: 1, updateProjGap: 2 }),
  frugal: () => optimizers.frugal({ learningRate: 1e-3, density: 0.5, updateProjGap: 2 }),
  dctProjection: () => optimizers.dctProjection({ learningRate: 1e-3, rank: 1 }),
  mfac: () => optimizers.mfac({ learningRate: 1e-3, damping: 1 }),
  sparseSpectralTraining: () =>
    optimizers.sparseSpectralTraining({ learningRate: 1e-3, rank: 1, updateGap: 2 }),
}

test('the tables here name all that there is', () => {
  expect(new Set(NAMES)).toEqual(new Set(adapters.list().map(({ name }) => name)))
  expect(Object.keys(OPTIMIZERS)).toEqual(optimizers.list().map(({ name }) => name))
})

const STEPS = 5

/** Losses ‖W_eff·X − T·X‖²/2N from before the first step to behind the last. */
function losses(adapter: Adapter, start: State, X: Matrix, T: Matrix, optimizer: Optimizer): number[] {
  const wanted = matmul(T, X)
  const N = X.shape[1]!
  let state = start
  let memory = optimizer.init(state.trainable)
  const out: number[] = []
  for (let t = 0; ; t++) {
    const Y = adapter.forward(state, X)
    const residual = Y.data.map((y, e) => (y - wanted.data[e]!) / N)
    out.push((N * residual.reduce((sum, x) => sum + x * x, 0)) / 2)
    if (t === STEPS) return out
    const { grads } = adapter.backward(state, X, matrix(residual, Y.shape as [number, number]))
    const seen = adapter.transformGrads?.(state, grads) ?? grads
    const { updates, state: next } = optimizer.update(seen, memory, state.trainable)
    const trainable = optimizers.applyUpdates(state.trainable, updates)
    for (const [name, { shape }] of Object.entries(state.trainable)) {
      expect([updates[name]!.shape, trainable[name]!.shape]).toEqual([shape, shape])
    }
    state = { ...state, trainable }
    memory = next
  }
}

describe.each(NAMES)('%s', (name) => {
  const { adapter, init, trained, m, n } = trialOf(name, {
    seed: 11,
    m: 8,
    n: 12,
    rank: 'odd',
    variant: 0,
    batch: 1,
    layout: 'rows',
  })
  const X = random.normal([n, 30], { seed: 1 })
  const T = random.normal([m, n], { seed: 2 })

  test.each(Object.keys(OPTIMIZERS) as optimizers.OptimizerName[])('is trained by %s', (rule) => {
    // Of an array of zeros its values, which stay >= 0, may have to wait for its vectors to turn.
    const start = rule === 'sparseSpectralTraining' ? trained : init
    const values = losses(adapter, start, X, T, OPTIMIZERS[rule]())
    expect(values.at(-1)).toBeLessThan(values[0]!)
  })
})

test('LoRA+ by its ratio is ahead of LoRA, which is LoRA+ of ratio 1', () => {
  const [X, T] = [random.normal([12, 30], { seed: 1 }), random.normal([8, 12], { seed: 2 })]
  const lossAfter = (adapter: Adapter): number => {
    const rules = Object.entries(adapter.lrRatio ?? { B: 1, A: 1 }).map(
      ([name, ratio]) => [name, optimizers.sgd({ learningRate: 1e-3 * ratio })] as const,
    )
    const start = adapter.init({ W0: random.normal([8, 12]) })
    return losses(adapter, start, X, T, optimizers.partition(Object.fromEntries(rules))).at(-1)!
  }
  const lora = lossAfter(adapters.lora({ r: 3 }))
  expect(lossAfter(adapters.loraPlus({ r: 3, loraplusLrRatio: 1 }))).toBe(lora)
  expect(lossAfter(adapters.loraPlus({ r: 3 }))).toBeLessThan(lora)
})

test.each(Object.keys(OPTIMIZERS) as optimizers.OptimizerName[])(
  'a kernel of four modes is trained by %s',
  (rule) => {
    const adapter = adapters.flora({ r: [2, 2, 2, 1] })
    const start = adapter.init({ W0: random.normal([6, 4, 3, 3]) })
    const [X, T] = [random.normal([36, 50], { seed: 1 }), random.normal([6, 36], { seed: 2 })]
    const values = losses(adapter, start, X, T, OPTIMIZERS[rule]())
    expect(values.at(-1)).toBeLessThan(values[0]!)
  },
)
