import { expect, test } from 'vitest'
import { matmul, random } from '../src/linalg/index.js'
import { adapters } from '../src/recipes/index.js'
import { adam, taskOf } from './support/adaptertasks.js'
import type { Task } from './support/adaptertasks.js'
import { record } from './support/record.js'

const STEPS = 200
type State = adapters.AdapterState

/** Four layers that are to learn changes of these ranks, equal in energy for each rank. */
const layersOf = (ranks: readonly number[], seed: number): Task[] =>
  ranks.map((rank, layer) => {
    const B = random.normal([48, 8], { seed: seed + 50 * layer + 5 })
    const A = random.normal([8, 64], { seed: seed + 50 * layer + 6 })
    const change = rank === 0 ? random.normal([48, 64]) : matmul(B.hi(48, rank), A.hi(rank, 64))
    if (rank === 0) change.data.fill(0)
    return taskOf({ seed: seed + layer, change, aniso: 0.5, energy: rank / 3 })
  })

function adaloraLoss(tasks: readonly Task[], rate: number): { loss: number; kept: number[] } {
  const adalora = adapters.adalora({
    initR: 6,
    targetR: 3,
    totalStep: STEPS,
    tinit: 30,
    tfinal: 70,
    deltaT: 5,
    orthRegWeight: 0.1,
  })
  let states: State[] = tasks.map(({ context }) => adalora.init(context))
  const updates = tasks.map(() => adam(rate))
  for (let step = 0; step < STEPS; step++) {
    const grads = states.map((state, i) =>
      adalora.gradsFromWeightGrad(state, tasks[i]!.gradient(adalora.merge(state))),
    )
    const moved = states.map((state, i): State => {
      const { grads: pulls } = adalora.penalty!(state)
      const total = Object.fromEntries(
        Object.entries(grads[i]!).map(([name, g]) => {
          const pull = pulls[name]
          return [name, pull ? added(g, pull) : g]
        }),
      )
      return { ...state, trainable: updates[i]!(state.trainable, total) }
    })
    states = adalora.onStep!(moved, grads, step)
  }
  const loss = states.reduce((sum, state, i) => sum + tasks[i]!.loss(adalora.merge(state)), 0)
  return { loss, kept: states.map(({ trainable }) => trainable.E!.data.filter((x) => x !== 0).length) }
}

function uniformLoss(tasks: readonly Task[], rate: number): number {
  const lora = adapters.lora({ r: 3 })
  return tasks.reduce((sum, task) => {
    let state: State = lora.init(task.context)
    const update = adam(rate)
    for (let step = 0; step < STEPS; step++) {
      const grads = lora.gradsFromWeightGrad(state, task.gradient(lora.merge(state)))
      state = { ...state, trainable: update(state.trainable, grads) }
    }
    return sum + task.loss(lora.merge(state))
  }, 0)
}

const added = (g: adapters.Arrays[string], h: adapters.Arrays[string]): adapters.Arrays[string] => {
  const out = random.normal(g.shape)
  out.data.forEach((_, e) => (out.data[e] = g.data[e]! + h.data[e]!))
  return out
}

test('a budget that goes where it is needed wins where layers differ, and loses where they do not', () => {
  const settings = [
    [8, 3, 1, 0],
    [3, 3, 3, 3],
  ]
  const results = settings.map((ranks) => {
    const tasks = layersOf(ranks, 7)
    const rates = [0.01, 0.03, 0.1]
    const adaptive = rates.map((rate) => adaloraLoss(tasks, rate)).reduce((a, b) => (b.loss < a.loss ? b : a))
    return { adaptive, uniform: Math.min(...rates.map((rate) => uniformLoss(tasks, rate))) }
  })
  record({
    name: 'adalora',
    title: 'AdaLoRA’s budget',
    paper: 'Zhang et al. 2023, "Adaptive budget allocation for parameter-efficient fine-tuning".',
    setting: `Four layers 48×64 that are to learn changes of the given ranks, each rank of the same energy, from 256 samples; ${STEPS} steps of Adam at the best of three rates. AdaLoRA goes from rank 6 to rank 3 on average, LoRA has rank 3 in each. Sum of the training losses.`,
    columns: ['true ranks', 'AdaLoRA', 'kept', 'LoRA, rank 3'],
    rows: results.map(({ adaptive, uniform }, i) => [
      settings[i]!.join(', '),
      adaptive.loss,
      adaptive.kept.join(', '),
      uniform,
    ]),
    reading:
      'Where layers differ, pruning leaves ranks to those that need them, and the loss is well below that of equal ranks. Where all need the same it costs: the budget still falls from twice of what is needed, and takes some of it from the wrong layer.',
  })
  const [different, same] = results
  expect(different!.adaptive.loss).toBeLessThan(different!.uniform)
  expect(different!.adaptive.kept[0]).toBeGreaterThan(different!.adaptive.kept[3]!)
  expect(same!.uniform).toBeLessThan(same!.adaptive.loss)
}, 600_000)
