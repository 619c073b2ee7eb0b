import { expect, test } from 'vitest'
import { random } from '../src/linalg/index.js'
import { optimizers } from '../src/recipes/index.js'
import { record } from './support/record.js'

const STEPS = 500

/** The last update, by a learning rate of 1, under a sequence of gradients. */
function lastUpdate(name: 'adamw' | 'adaBelief', gradients: Float64Array): number {
  const config = { learningRate: 1, weightDecay: 0 }
  const optimizer = name === 'adamw' ? optimizers.adamw(config) : optimizers.adaBelief(config)
  const params = { x: [0] }
  let state = optimizer.init(params)
  let last = 0
  for (const g of gradients) {
    const step = optimizer.update({ x: [g] }, state, params)
    state = step.state
    last = step.updates.x!.data[0]!
  }
  return last
}

test('AdaBelief and Adam under gradients that agree and that alternate', () => {
  const steady = random.normal([STEPS], { seed: 1 }).data.map((z) => 1 + 0.05 * z)
  const alternating = Float64Array.from({ length: STEPS }, (_, t) => (t % 2 === 0 ? 1 : -1))
  const rows = [['N(1, 0.05²)', steady] as const, ['1, −1, 1, −1, …', alternating] as const].map(
    ([name, gradients]) => {
      const [belief, adam] = [lastUpdate('adaBelief', gradients), lastUpdate('adamw', gradients)]
      return [name, -belief, -adam, belief / adam] as const
    },
  )
  expect(rows[0]![3]).toBeGreaterThan(5)
  expect(rows[1]![3]).toBeGreaterThan(1)
  expect(rows[1]![3]).toBeLessThan(1.1)
  record({
    name: 'adabelief',
    title: 'AdaBelief and Adam',
    paper:
      'Zhuang, Tang, Ding, Tatikonda, Dvornek, Papademetris and Duncan 2020, "AdaBelief optimizer: adapting stepsizes by the belief in observed gradients".',
    setting: `The ${STEPS}th step under a sequence of gradients of one parameter, in units of the learning rate.`,
    columns: ['gradients', 'AdaBelief', 'Adam', 'ratio'],
    rows,
    reading:
      'Where gradients agree AdaBelief takes steps of the mean over the deviation, Adam of 1; where they cancel the two are the same.',
  })
})
