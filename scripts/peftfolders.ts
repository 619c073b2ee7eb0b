import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { random } from '../src/linalg/index.js'
import { weights } from '../src/recipes/index.js'
import { NAMES, trialOf } from '../proptests/recipes/adapters/subjects.js'

// Folders of every recipe that a PEFT LoRA can hold, each with a model of three layers, inputs, and what the adapted
// layers make of them here: `tsx scripts/peftfolders.ts FOLDER`, and then `python3 FOLDER/inpeft.py`
// where torch and PEFT are, which CI has not.

const root = process.argv[2]!
const sides = { q: [12, 7], k: [5, 16], v: [9, 9] } as const
let held = 0

for (const name of NAMES) {
  const trials = Object.entries(sides).map(([layer, [m, n]], t) => {
    const shape = {
      seed: t + 1,
      m,
      n,
      rank: (['one', 'odd', 'full'] as const)[t]!,
      variant: t,
      batch: 3,
      layout: 'rows',
    } as const
    return { layer, ...trialOf(name, shape) }
  })
  if (name !== 'dora' && trials[0]!.adapter.toLora === undefined) continue
  held++
  const folder = join(root, name)
  mkdirSync(folder, { recursive: true })
  const modules = Object.fromEntries(
    trials.map(({ layer, adapter, trained }) => [layer, { adapter, state: trained }]),
  )
  for (const [file, content] of Object.entries(weights.toPeft(modules))) {
    writeFileSync(join(folder, file), content as string | Uint8Array)
  }
  const arrays = trials.flatMap(({ layer, adapter, trained, context, n }, t) => {
    const x = random.normal([n, 3], { seed: 10 + t })
    const y = adapter.forward(trained, x)
    return [
      [`${layer}.W`, context.W0],
      [`${layer}.x`, x],
      [`${layer}.y`, y],
    ] as const
  })
  writeFileSync(
    join(folder, 'expected.safetensors'),
    weights.writeSafetensors(Object.fromEntries(arrays), { dtype: 'F32' }),
  )
}
copyFileSync(fileURLToPath(new URL('inpeft.py', import.meta.url)), join(root, 'inpeft.py'))
process.stdout.write(`${held} folders in ${root}\n`)
