import { expect, test } from 'vitest'
import { adapters } from '../src/recipes/index.js'
import { bestLoss, ratesFrom, taskOf } from './support/adaptertasks.js'
import { record } from './support/record.js'

const METHODS: Readonly<Record<string, (rate: number) => adapters.Adapter>> = {
  LoRA: () => adapters.lora({ r: 4 }),
  'LoRA-GA': () => adapters.loraGa({ r: 4 }),
  EVA: () => adapters.eva({ r: 4 }),
  PiSSA: () => adapters.pissa({ r: 4 }),
  'LoRA+': () => adapters.loraPlus({ r: 4 }),
  'LoRA-Pro': () => adapters.loraPro({ r: 4 }),
  DoRA: () => adapters.dora({ r: 4 }),
}

const COLUMNS = [
  { optimizer: 'adam', change: 'low', aniso: 1 },
  { optimizer: 'adam', change: 'full', aniso: 1 },
  { optimizer: 'sgd', change: 'low', aniso: 1 },
  { optimizer: 'sgd', change: 'full', aniso: 1 },
  { optimizer: 'adam', change: 'low', aniso: 0 },
] as const

test('starts and gradient rules make the first twenty steps count for more', () => {
  const tasks = COLUMNS.map(({ change, aniso }) => [0, 1, 2].map((seed) => taskOf({ seed, change, aniso })))
  const losses = Object.fromEntries(
    Object.entries(METHODS).map(([name, make]) => [
      name,
      COLUMNS.map(({ optimizer }, c) =>
        bestLoss(make, tasks[c]!, optimizer === 'adam' ? ratesFrom(-3, -1) : ratesFrom(-2, 2), {
          optimizer,
          steps: 20,
        }),
      ),
    ]),
  )
  const at = (name: string, column: number): number => losses[name]![column]!
  record({
    name: 'adapters-early',
    title: 'Adapters in their first twenty steps',
    paper: 'of each adapter the paper that `adapters.list()` names; the task is our own.',
    setting:
      'The layer of adapters-training, rank 4, changes of rank 6 (low) and dense (full) under inputs whose covariance falls like 1/j, or is white: training loss after 20 steps of Adam or of plain gradient descent, mean of three seeds, at the best of a grid of rates {1, 3}·10ᵏ.',
    columns: [
      'adapter',
      ...COLUMNS.map((c) => `${c.optimizer}, ${c.change}${c.aniso === 0 ? ', white' : ''}`),
    ],
    rows: Object.keys(METHODS).map((name) => [name, ...losses[name]!]),
    reading:
      'LoRA-GA and EVA start where the gradient and the inputs point and are ahead of LoRA early; EVA’s lead is gone where the inputs have no direction of their own. LoRA-Pro’s rule and LoRA+’s rates are for gradient descent: under Adam LoRA+ has no lead, and LoRA-Pro’s gradients, which the authors hand to another Adam than the one used here, do harm. PiSSA’s start is slower here than LoRA’s: the change has nothing to do with W0.',
  })
  for (const column of [0, 2]) expect(at('LoRA-GA', column)).toBeLessThan(at('LoRA', column))
  for (const column of [0, 2]) expect(at('EVA', column)).toBeLessThan(at('LoRA', column))
  for (const column of [2, 3]) expect(at('LoRA-Pro', column)).toBeLessThan(at('LoRA', column))
}, 600_000)
