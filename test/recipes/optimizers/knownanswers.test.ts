import { describe, expect, test } from 'vitest'
import { optimizers } from '../../../src/recipes/index.js'

const { adaBelief, adamw, sgd } = optimizers

type Optimizer = ReturnType<typeof optimizers.create>

/** The updates of one number under a sequence of gradients. */
function updatesOf(optimizer: Optimizer, gradients: readonly number[], x = 0): number[] {
  let params: optimizers.Params = { x: [x] }
  let state = optimizer.init(params)
  return gradients.map((g) => {
    const step = optimizer.update({ x: [g] }, state, params)
    params = optimizers.applyUpdates(params, step.updates)
    state = step.state
    return step.updates.x!.data[0]!
  })
}

describe('sgd', () => {
  test('sums gradients that decay; the first is taken whole', () => {
    expect(updatesOf(sgd({ learningRate: 1, momentum: 0.5 }), [1, 1, 0, 4])).toEqual([
      -1, -1.5, -0.75, -4.375,
    ])
    expect(updatesOf(sgd({ learningRate: 1, momentum: 0 }), [1, 3])).toEqual([-1, -3])
    const damped = sgd({ learningRate: 1, momentum: 0.5, dampening: 0.5 })
    expect(updatesOf(damped, [1, 1, 1])).toEqual([-1, -1, -1])
  })

  test('nesterov looks ahead; weight decay is part of the gradient; a schedule counts updates', () => {
    const ahead = sgd({ learningRate: 1, momentum: 0.5, nesterov: true })
    expect(updatesOf(ahead, [1, 1])).toEqual([-1.5, -1.75])
    expect(updatesOf(sgd({ learningRate: 1, weightDecay: 0.5 }), [1], 4)).toEqual([-3])
    const falling = sgd({ learningRate: (count) => 1 / (1 + count), momentum: 0 })
    expect(updatesOf(falling, [2, 2, 3])).toEqual([-2, -1, -1])
  })
})

describe('adamw', () => {
  test('the first step is a sign, whatever the size', () => {
    for (const g of [1e-3, 1, 1e100]) {
      expect(updatesOf(adamw({ learningRate: 0.5, weightDecay: 0 }), [g])[0]).toBeCloseTo(-0.5, 5)
    }
  })

  test('two steps by hand', () => {
    // m = 0.1, 0.29; v = 0.001, 0.004999·…
    const [, second] = updatesOf(adamw({ learningRate: 1, weightDecay: 0, eps: 0.5 }), [1, 2])
    const [m, v] = [0.9 * 0.1 + 0.1 * 2, 0.999 * 0.001 + 0.001 * 4]
    const [mHat, vHat] = [m / (1 - 0.81), v / (1 - 0.999 ** 2)]
    expect(second).toBeCloseTo(-mHat / (Math.sqrt(vHat) + 0.5), 14)
  })

  test('a gradient that is seldom is bounded by (1 − b1)/√(1 − b2)', () => {
    const gradients = [...new Array<number>(20_000).fill(0), 1]
    const updates = updatesOf(adamw({ learningRate: 1, weightDecay: 0, eps: 1e-300 }), gradients)
    expect(-updates.at(-1)!).toBeCloseTo(0.1 / Math.sqrt(0.001), 6)
  })

  test('weight decay is beside the step', () => {
    const [plain] = updatesOf(adamw({ learningRate: 0.1, weightDecay: 0 }), [2], 7)
    const [decayed] = updatesOf(adamw({ learningRate: 0.1, weightDecay: 0.3 }), [2], 7)
    expect(decayed! - plain!).toBeCloseTo(-0.1 * 0.3 * 7, 14)
  })
})

describe('adaBelief', () => {
  test('with the squares of gradients in the place of their distances it would be Adam: no mean, no difference', () => {
    const gradients = [1, -2, 0.5, 3]
    const belief = updatesOf(adaBelief({ learningRate: 1, b1: 0, eps: 1e-300 }), gradients)
    // b1 = 0: m is g, distances are 0, and only ε is left.
    for (const update of belief) expect(Math.abs(update)).toBeGreaterThan(1e100)
  })

  test('steps grow where the gradient stays, and are Adam’s where it alternates', () => {
    const constant = new Array<number>(200).fill(1)
    const alternating = Array.from({ length: 1000 }, (_, t) => (t % 2 === 0 ? 1 : -1))
    const last = (optimizer: Optimizer, gradients: readonly number[]): number =>
      updatesOf(optimizer, gradients).at(-1)!
    const [belief, adam] = [adaBelief({ learningRate: 1 }), adamw({ learningRate: 1, weightDecay: 0 })]
    expect(-last(adam, constant)).toBeCloseTo(1, 6)
    expect(-last(belief, constant)).toBeGreaterThan(2)
    const ratio = last(belief, alternating) / last(adam, alternating)
    expect(ratio).toBeGreaterThan(1)
    expect(ratio).toBeLessThan(1.1)
  })

  test('rectified: momentum first, then factors that grow to 1', () => {
    const gradients = new Array<number>(3000).fill(2)
    const rectified = updatesOf(adaBelief({ learningRate: 1, rectify: true }), gradients)
    const plain = updatesOf(adaBelief({ learningRate: 1 }), gradients)
    for (const t of [0, 1, 2, 3]) expect(rectified[t]).toBeCloseTo(-2, 12)
    const factors = rectified.map((update, t) => update / plain[t]!).slice(5)
    factors.slice(1).forEach((factor, t) => expect(factor).toBeGreaterThanOrEqual(factors[t]!))
    expect(factors[0]).toBeLessThan(0.1)
    expect(factors.at(-1)).toBeGreaterThan(0.9)
    expect(factors.at(-1)).toBeLessThanOrEqual(1)
  })
})

describe('stateSize and applyUpdates', () => {
  test('count what is stored and add what is given', () => {
    const params = {
      W: [
        [1, 2, 3],
        [4, 5, 6],
      ],
      b: [1, 2],
    }
    const optimizer = adamw({ learningRate: 1 })
    expect(optimizers.stateSize(optimizer.init(params))).toEqual({ floats: 16, indices: 0 })
    const after = optimizers.applyUpdates(params, { b: [1, 1] })
    expect([after.b.shape, after.b.data]).toEqual([[2], Float64Array.of(2, 3)])
    expect(after.W.data).toEqual(Float64Array.of(1, 2, 3, 4, 5, 6))
    expect(params.b).toEqual([1, 2])
  })
})
