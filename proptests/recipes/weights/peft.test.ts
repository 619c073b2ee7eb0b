import fc from 'fast-check'
import { expect, test } from 'vitest'
import { norm } from '../../../src/linalg/index.js'
import type { Matrix } from '../../../src/linalg/index.js'
import { weights } from '../../../src/recipes/index.js'
import { NAMES, cases, trialOf } from '../adapters/subjects.js'
import type { Trial } from '../adapters/subjects.js'
import { RUNS } from '../../support/cases.js'
import { EPS, minus } from '../../support/measures.js'

// What PEFT would make of the files, by what its documentation says of them, and what comes back here.

interface PeftConfig {
  readonly peft_type: string
  readonly target_modules: readonly string[]
  readonly r: number
  readonly lora_alpha: number
  readonly rank_pattern: Record<string, number>
  readonly alpha_pattern: Record<string, number>
  readonly use_dora: boolean
}

/** The recipes that a PEFT LoRA can hold. */
const held = NAMES.filter((name) => {
  const { adapter } = trialOf(name, {
    seed: 1,
    m: 4,
    n: 4,
    rank: 'one',
    variant: 0,
    batch: 1,
    layout: 'rows',
  })
  return name === 'dora' || adapter.toLora !== undefined
})

const names = fc.uniqueArray(
  fc.array(fc.constantFrom('model', 'layers', '0', '1', 'q_proj', 'v+proj', 'lora_A'), {
    minLength: 1,
    maxLength: 3,
  }),
  { selector: (path) => path.join('.'), minLength: 1, maxLength: 5 },
)

/** Several modules of one model, DoRA's apart from the others. */
const models = fc
  .record({ names, dora: fc.boolean(), cases: fc.array(cases, { minLength: 5, maxLength: 5 }) })
  .map(({ names, dora, cases }) => {
    const pool = held.filter((name) => (name === 'dora') === dora)
    return new Map(
      names.map((path, t): [string, Trial] => [
        path.join('.'),
        trialOf(pool[cases[t]!.seed % pool.length]!, cases[t]!),
      ]),
    )
  })

const filesOf = (model: ReadonlyMap<string, Trial>, dtype: 'F64' | 'F32' = 'F64'): weights.PeftFiles =>
  weights.toPeft(
    Object.fromEntries([...model].map(([name, { adapter, trained }]) => [name, { adapter, state: trained }])),
    { dtype },
  )

/** s·‖B‖·‖A‖ of what is written. */
function sizeOf({ adapter, trained }: Trial): number {
  const { B, A, scaling } = adapter.toLora?.(trained) ?? {
    B: trained.trainable.B!,
    A: trained.trainable.A!,
    scaling: trained.scaling,
  }
  return scaling * norm(B) * norm(A)
}

/** What rounding may do to a merged weight whose change is s·B·A with the base made up for. */
function slack(trial: Trial): number {
  const { trained, m, n, context } = trial
  const ratio = trained.trainable.magnitude ? 1e3 : 1
  return 64 * ratio * Math.max(m, n) * EPS * (norm(context.W0) + sizeOf(trial))
}

test('what is written and attached to W0 again merges to the same weight, for every recipe that can be', () => {
  expect(held).toEqual(expect.arrayContaining(['lora', 'pissa', 'loraGa', 'eva', 'adalora', 'dora']))
  fc.assert(
    fc.property(models, (model) => {
      const files = filesOf(model)
      const { modules } = weights.fromPeft(files)
      expect([...modules.keys()].sort()).toEqual([...model.keys()].sort())
      const again: Record<string, weights.AdaptedModule> = {}
      for (const name of model.keys()) {
        const trial = model.get(name)!
        const attached = modules.get(name)!.attach(trial.context.W0)
        const expected = trial.adapter.merge(trial.trained)
        expect(norm(minus(attached.adapter.merge(attached.state), expected))).toBeLessThanOrEqual(
          slack(trial),
        )
        again[name] = attached
      }
      expect(weights.toPeft(again, { dtype: 'F64' })).toEqual(files)
    }),
    RUNS,
  )
})

test('the configuration says of each module its rank and scaling, as PEFT looks them up', () => {
  fc.assert(
    fc.property(models, (model) => {
      const files = filesOf(model, 'F32')
      const config = JSON.parse(files['adapter_config.json']) as PeftConfig
      expect(config.peft_type).toBe('LORA')
      expect([...config.target_modules].sort()).toEqual([...model.keys()].sort())
      const { tensors } = weights.readSafetensors(files['adapter_model.safetensors'])
      let count = 0
      for (const [name, { adapter, trained, m, n, context }] of model) {
        // get_pattern_key: re.match of (.*\.)?(key)$, and one key for both patterns.
        const keys = Object.keys({ ...config.rank_pattern, ...config.alpha_pattern })
        const key = keys.find((key) => new RegExp(String.raw`^(.*\.)?(${key})$`).test(name)) ?? name
        const r = config.rank_pattern[key] ?? config.r
        const alpha = config.alpha_pattern[key] ?? config.lora_alpha
        const A = tensors.get(`base_model.model.${name}.lora_A.weight`)!
        const B = tensors.get(`base_model.model.${name}.lora_B.weight`)!
        expect([A.shape, B.shape, A.dtype]).toEqual([[r, n], [m, r], 'F32'])
        expect(Math.abs(alpha / r - trained.scaling)).toBeLessThanOrEqual(EPS * trained.scaling)
        const magnitude = tensors.get(`base_model.model.${name}.lora_magnitude_vector`)
        expect(magnitude?.shape).toEqual(config.use_dora ? [m] : undefined)
        count += magnitude ? 3 : 2
        if (magnitude) continue
        // PEFT's weight, W0 + alpha/r·B·A, in plain loops.
        const [a, b] = [A.read() as Matrix, B.read() as Matrix]
        const W = adapter.merge(trained)
        let worst = 0
        for (let i = 0; i < m; i++) {
          for (let j = 0; j < n; j++) {
            let sum = 0
            for (let t = 0; t < r; t++) sum += b.get(i, t) * a.get(t, j)
            worst = Math.max(worst, Math.abs(context.W0.get(i, j) + (alpha / r) * sum - W.get(i, j)))
          }
        }
        const trial = model.get(name)!
        expect(worst).toBeLessThanOrEqual(2 ** -23 * sizeOf(trial) + slack(trial))
      }
      expect(tensors.size).toBe(count)
    }),
    RUNS,
  )
})

test('a recipe whose change is none is refused by its name', () => {
  const others = NAMES.filter((name) => !held.includes(name))
  expect(others.length).toBeGreaterThan(0)
  fc.assert(
    fc.property(fc.constantFrom(...others), cases, (name, c) => {
      const { adapter, trained } = trialOf(name, c)
      const write = (): unknown => weights.toPeft({ x: { adapter, state: trained } })
      expect(write).toThrow(
        `modules['x'].adapter: expected one whose change of the weight is a LoRA, or DoRA, given ${name}`,
      )
    }),
    { ...RUNS, numRuns: 20 },
  )
})
