import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { asOperator, random } from '../../../src/linalg/index.js'
import { adapters, optimizers } from '../../../src/recipes/index.js'
import { RUNS } from '../../support/cases.js'
import { mapped } from './training.js'
import type { Optimizer } from './training.js'

// Optimizers that share the parameters: each does what it would do alone.

const { adamw, applyUpdates, partition, sgd } = optimizers

const few = { ...RUNS, numRuns: 25 }
const NAMES = ['W', 'V', 'b', 'T'] as const
const SHAPES = { W: [5, 3], V: [2, 4], b: [3], T: [2, 2, 2] } as const
const RULES = {
  plain: () => sgd({ learningRate: 0.1, momentum: 0.5 }),
  adam: () => adamw({ learningRate: 0.01 }),
  low: () => optimizers.galore({ learningRate: 0.1, rank: 1, updateProjGap: 2 }),
  past: () => optimizers.mfac({ learningRate: 0.1, damping: 0.1, capacity: 2 }),
} as const
type Rule = keyof typeof RULES
const rules = Object.keys(RULES) as Rule[]

const drawn = (seed: number, names: readonly string[] = NAMES): adapters.Arrays =>
  Object.fromEntries(
    NAMES.map((name, i) => [name, random.normal(SHAPES[name], { seed: 10 * seed + i })] as const).filter(
      ([name]) => names.includes(name),
    ),
  )

/** The updates of some steps, and the state behind each. */
function steps(optimizer: Optimizer, seed: number, names?: readonly string[]) {
  let params = drawn(seed, names)
  let state = optimizer.init(params)
  return [1, 2, 3].map((t) => {
    const step = optimizer.update(drawn(seed + t, names), state, params)
    params = applyUpdates(params, step.updates)
    state = step.state
    return step
  })
}

test('each trains its own as if it were alone', () => {
  const labels = fc.record(Object.fromEntries(NAMES.map((name) => [name, fc.constantFrom(...rules)])))
  fc.assert(
    fc.property(fc.nat(10_000), labels, fc.boolean(), (seed, table, asFunction) => {
      const all = Object.fromEntries(rules.map((rule) => [rule, RULES[rule]()])) as Record<Rule, Optimizer>
      const shared = steps(partition(all, asFunction ? (name) => table[name]! : table), seed)
      for (const rule of rules) {
        const own = NAMES.filter((name) => table[name] === rule)
        steps(RULES[rule](), seed, own).forEach(({ updates }, t) => {
          for (const name of own) expect(shared[t]!.updates[name]).toEqual(updates[name])
        })
      }
      shared.forEach(({ updates, state }, t) => {
        expect(Object.keys(updates)).toEqual(NAMES)
        expect(state.count).toBe(t + 1)
      })
    }),
    few,
  )
})

test('cooperatively, with gradients that are operators, and from any state again', async () => {
  const optimizer = partition({ W: RULES.low(), V: RULES.adam(), b: RULES.plain(), T: RULES.past() })
  const [first, second] = steps(optimizer, 7)
  const params = applyUpdates(drawn(7), first!.updates)
  const grads = { ...drawn(9), W: asOperator(drawn(9).W!) }
  const again = await optimizer.update.async(grads, first!.state, params)
  expect(again.updates.b).toEqual(second!.updates.b)
  expect(again.updates.V).toEqual(second!.updates.V)
  expect(again.updates.W!.data).toEqual(second!.updates.W!.data)
  expect(optimizer.update(drawn(9), first!.state, params)).toEqual(second)
  const alone = NAMES.map((name) => {
    const rule = { W: 'low', V: 'adam', b: 'plain', T: 'past' }[name] as Rule
    return optimizers.stateSize(steps(RULES[rule](), 7, [name])[1]!.state).floats
  })
  expect(optimizers.stateSize(second!.state).floats).toBe(alone.reduce((sum, floats) => sum + floats, 0))
})

describe('LoRA+', () => {
  const W0 = random.normal([8, 12])
  const G = random.normal([8, 12], { seed: 1 })
  const rated = (lrRatio: Readonly<Record<string, number>>, rule: (rate: number) => Optimizer): Optimizer =>
    partition(Object.fromEntries(Object.entries(lrRatio).map(([name, ratio]) => [name, rule(ratio / 64)])))

  test.each([
    ['sgd', (learningRate: number) => sgd({ learningRate })],
    ['adamw', (learningRate: number) => adamw({ learningRate })],
  ] as const)('B moves λ times as far as in LoRA, A as far, by %s', (_, rule) => {
    const start = adapters.lora({ r: 3 }).init({ W0 }).trainable
    // Nothing is zero, and λ is a power of two: equal to the bit.
    const params = { B: random.normal([8, 3], { seed: 2 }), A: start.A! }
    const plus = adapters.loraPlus({ r: 3 })
    const grads = plus.gradsFromWeightGrad({ ...plus.init({ W0 }), trainable: params }, G)
    const [one, other] = [rated(plus.lrRatio!, rule), rule(1 / 64)].map((optimizer) => {
      const { state } = optimizer.update(grads, optimizer.init(params), params)
      return optimizer.update(grads, state, params).updates
    })
    expect(one!.A).toEqual(other!.A)
    expect(one!.B).toEqual(mapped(other!.B!, (x) => 16 * x))
    const plain = rated(adapters.loraPlus({ r: 3, loraplusLrRatio: 1 }).lrRatio!, rule)
    const same = plain.update(grads, plain.init(params), params).updates
    expect(same).toEqual(rule(1 / 64).update(grads, rule(1).init(params), params).updates)
  })
})
