import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { matmul, norm, operator, random, svdvals } from '../../../src/linalg/index.js'
import type { Matrix, Tensor } from '../../../src/linalg/index.js'
import { adapters } from '../../../src/recipes/index.js'
import { RUNS } from '../../support/cases.js'
import { EPS, minus, times } from '../../support/measures.js'
import { NAMES, alike, cases, dot, outer, trialOf } from './subjects.js'
import type { State, Trial } from './subjects.js'

// What holds for every adapter, at its init and away from it.

test('every registered recipe is a subject', () => {
  expect(
    adapters
      .list()
      .map(({ name }) => name)
      .sort(),
  ).toEqual([...NAMES].sort())
})

describe.each(NAMES)('%s', (name) => {
  const law = (title: string, check: (trial: Trial) => void): void => {
    test(title, () => {
      fc.assert(
        fc.property(cases, (c) => {
          check(trialOf(name, c))
        }),
        { ...RUNS, numRuns: 30 },
      )
    })
  }

  law('L1: the weight is W0 at first', ({ adapter, init, context: { W0 } }) => {
    const change = norm(minus(adapter.merge(init), W0))
    if (adapter.preservesBaseAtInit === true) expect(change).toBeLessThanOrEqual(rounding(adapter, init))
    else expect(change).toBeGreaterThan(rounding(adapter, init))
  })

  law('L2: forward is the product with the merged weight', ({ adapter, trained, x }) => {
    const error = norm(minus(adapter.forward(trained, x), times(adapter.merge(trained), x)))
    expect(error).toBeLessThanOrEqual(rounding(adapter, trained) * norm(x))
    const delta = minus(adapter.merge(trained), trained.base)
    expect(norm(minus(adapter.getDeltaWeight(trained), delta))).toBeLessThanOrEqual(
      rounding(adapter, trained),
    )
  })

  law('L3: gradients are derivatives', ({ adapter, config, subject, trained, G }) => {
    if (subject.rule?.(config)) return
    const grads = adapter.gradsFromWeightGrad(trained, G)
    expect(Object.keys(grads).sort()).toEqual(Object.keys(trained.trainable).sort())
    const step = 2 ** -17
    Object.entries(trained.trainable).forEach(([array, T], i) => {
      const size = Math.hypot(...T.data) || 1
      const direction = random.normal(T.shape, { seed: i + 7 })
      const length = norm(direction.shape.length === 2 ? direction : [[...direction.data]])
      const at = (h: number): number => {
        const moved = T.data.map((x, e) => x + ((h * size) / length) * direction.data[e]!)
        return dot(
          G,
          adapter.merge({ ...trained, trainable: { ...trained.trainable, [array]: alike(T, moved) } }),
        )
      }
      const measured = (at(step) - at(-step)) / (2 * step)
      expect(grads[array]!.shape).toEqual(T.shape)
      const stated = (size / length) * dot(grads[array]!, direction)
      // Rounding of the differences; and step² times third derivatives, of the order of the weight.
      const slack =
        (rounding(adapter, trained) / step + step ** 2 * 100 * norm(adapter.merge(trained))) * norm(G)
      expect(Math.abs(measured - stated), array).toBeLessThanOrEqual(slack)
    })
  })

  law('L4: both routes to the gradients agree', ({ adapter, trained, x, gy }) => {
    const { grads, gx } = adapter.backward(trained, x, gy)
    const other = adapter.gradsFromWeightGrad(trained, outer(gy, x))
    for (const [array, g] of Object.entries(other)) {
      const size = gradientSize(trained, array) * norm(gy) * norm(x)
      expect(difference(grads[array]!, g), array).toBeLessThanOrEqual(64 * side(trained) * EPS * size)
    }
    const error = norm(minus(gx, times(adapter.merge(trained), gy, true)))
    expect(error).toBeLessThanOrEqual(rounding(adapter, trained) * norm(gy))
  })

  law('L5: unmerge undoes merge', ({ adapter, subject, trained }) => {
    const back = adapter.unmerge(adapter.merge(trained), trained)
    const slack = rounding(adapter, trained) * (subject.condition?.(trained) ?? 1)
    expect(norm(minus(back, trained.base))).toBeLessThanOrEqual(slack)
  })

  law('L6: the rank of the change is what is stated', ({ adapter, subject, trained, r, m, n }) => {
    const s = svdvals(adapter.getDeltaWeight(trained))
    expect(s.filter((sigma) => sigma > 1e-10 * s[0]!).length).toBe(subject.rank?.(r, m, n) ?? r)
  })

  law('L7: as many numbers are trained as the formula says', ({ adapter, init, m, n }) => {
    const sizes = Object.values(init.trainable).map(({ size }) => size)
    expect(adapter.numTrainable([m, n])).toBe(sizes.reduce((sum, size) => sum + size, 0))
  })

  law('L8: the same seed gives the same bits, and nothing is changed in place', (trial) => {
    const { adapter, context, init, trained, x, gy, G } = trial
    const before = snapshot([...Object.values(context), ...arraysOf(trained)])
    expect(snapshot(arraysOf(adapter.init(context)))).toEqual(snapshot(arraysOf(init)))
    adapter.forward(trained, x)
    adapter.backward(trained, x, gy)
    adapter.gradsFromWeightGrad(trained, G)
    adapter.unmerge(adapter.merge(trained), trained)
    adapter.getDeltaWeight(trained)
    adapter.transformGrads?.(trained, adapter.gradsFromWeightGrad(trained, G))
    adapter.penalty?.(trained)
    adapter.onStep?.([trained], [adapter.gradsFromWeightGrad(trained, G)], 0)
    expect(snapshot([...Object.values(context), ...arraysOf(trained)])).toEqual(before)
  })

  law('L9: something moves at first', ({ adapter, init, G }) => {
    const grads = Object.values(adapter.gradsFromWeightGrad(init, G))
    expect(Math.max(...grads.flatMap(({ data }) => [...data].map(Math.abs)))).toBeGreaterThan(0)
  })

  law('L10: the change is a multiple of the scaling', ({ adapter, subject, trained }) => {
    if (subject.scales === false) return
    const twice = adapter.getDeltaWeight({ ...trained, scaling: 2 * trained.scaling })
    // A factor of 2 rounds nothing.
    expect(twice.data).toEqual(adapter.getDeltaWeight(trained).data.map((x) => 2 * x))
  })

  law('a plain LoRA says the same', ({ adapter, trained, context: { W0 } }) => {
    if (adapter.toLora === undefined) return
    const { B, A, scaling } = adapter.toLora(trained)
    const change = minus(adapter.merge(trained), W0)
    const lora = matmul(B, A)
    lora.data.forEach((x, e) => (lora.data[e] = scaling * x))
    expect(norm(minus(lora, change))).toBeLessThanOrEqual(4 * rounding(adapter, trained))
  })

  test('init.async of an operand that answers with Promises is init of its entries', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async (c) => {
        const { adapter, init, context } = trialOf(name, c)
        const far = Object.fromEntries(Object.entries(context).map(([key, A]) => [key, promising(A)]))
        expect(() => adapter.init(far as never)).toThrow(`${name}.init: W0: expected`)
        const same = await adapter.init.async(far as never)
        expect(norm(minus(same.base, init.base))).toBeLessThanOrEqual(1e3 * rounding(adapter, init))
        expect(norm(minus(adapter.merge(same), adapter.merge(init)))).toBeLessThanOrEqual(
          1e3 * rounding(adapter, init),
        )
        for (const [array, T] of Object.entries(init.trainable)) {
          expect(same.trainable[array]!.shape).toEqual(T.shape)
        }
      }),
      { ...RUNS, numRuns: 20 },
    )
  })
})

/** What rounding may do to W_eff: each entry of a product of up to max(m, n) terms. */
function rounding(adapter: adapters.Adapter, state: State): number {
  return (
    64 *
    side(state) *
    EPS *
    (norm(state.base) + state.scaling * factorSize(state) + norm(adapter.merge(state)))
  )
}

const side = ({ shape }: State): number => Math.max(...shape)

const sizeOf = ({ data }: Tensor): number => Math.hypot(...data)

/** At least the norm of any product of the arrays of a state. */
function factorSize(state: State): number {
  const arrays = [...Object.values(state.trainable), ...Object.values(state.frozen)]
  return arrays.reduce((product, T) => product * Math.max(1, sizeOf(T)), 1)
}

/** At least the norm of ∂W/∂T for an array T. */
const gradientSize = (state: State, array: string): number =>
  Math.max(1, state.scaling) * (factorSize(state) / Math.max(1, sizeOf(state.trainable[array]!)))

const difference = (S: Tensor, T: Tensor): number => Math.hypot(...S.data.map((x, e) => x - T.data[e]!))

const arraysOf = ({ base, frozen, trainable, aux }: State): Tensor[] => [
  base,
  ...[frozen, trainable, aux].flatMap((arrays) => Object.values(arrays)),
]

const snapshot = (arrays: readonly Tensor[]): number[][] => arrays.map(({ data }) => [...data])

/** A matrix behind Promises, as one on a device. */
const promising = (A: Matrix): unknown =>
  operator({
    shape: A.shape as [number, number],
    async: true,
    matmat: (X) => Promise.resolve(times(A, X)),
    rmatmat: (Y) => Promise.resolve(times(A, Y, true)),
  })
