import { create } from 'webgpu'
import { random, rsvd } from '../../src/index.js'
import { GpuMemoryError } from '../../src/gpu/index.js'
import { openWith } from '../../src/gpu/device.js'
import type { Internals } from '../../src/gpu/device.js'
import type { Gpu } from '../../src/gpu/index.js'
import { variants } from '../../src/gpu/engines/wgsl.js'
import { blockedLaws, laws } from '../../test/gpu/all.js'
import { assert } from '../../test/gpu/laws.js'
import { mixedCalls } from '../../test/gpu/mixed.js'

// Every law on this machine's own GPU, without vitest, so that `npm run bench:gpu -- --bundle FOLDER` can take it to a
// machine with nothing installed. CI has no GPU: there the same laws run on a software renderer.

const entry = create([])
/** Bytes, more than any card has. */
const FULL = 2 ** 39

const ways: Record<string, Internals> = {
  'as it is': {},
  'in blocks of 1024 numbers': { limits: { bytes: 4096 } },
  "products by GPU.js's kernels": { form: 'gpujs' },
  ...Object.fromEntries(
    Object.values(variants).map((variant) => [`products by ${variant.name}`, { variant }]),
  ),
}

let failed = 0

async function held(name: string, internals: Internals, law: (gpu: Gpu) => Promise<void>): Promise<void> {
  const gpu = await openWith({ backend: 'webgpu', gpu: entry }, internals)
  try {
    await law(gpu)
  } catch (error) {
    failed++
    console.log(`FAILED: ${name}\n  ${error instanceof Error ? error.stack : String(error)}`)
  } finally {
    gpu.dispose()
  }
}

const auto = await openWith({ gpu: entry }, {})
console.log(`${auto.backend} on ${auto.renderer}`)
await held('a thousand mixed calls', {}, (gpu) => mixedCalls(gpu, 1000, () => gpu.stats().handles))
await held('memory that runs out is an error, and the device goes on', {}, outOfMemory)
for (const [way, internals] of Object.entries(ways)) {
  const start = performance.now()
  const all = Object.entries(internals.limits ? blockedLaws : laws)
  for (const [name, law] of all) await held(`${way}: ${name}`, internals, law)
  console.log(`${all.length} laws, ${way}: ${((performance.now() - start) / 1000).toFixed(1)} s`)
}
auto.dispose()
console.log(failed === 0 ? 'All laws hold.' : `${failed} FAILED`)
process.exitCode = failed === 0 ? 0 : 1

/** Takes the device's memory to its end. */
async function outOfMemory(gpu: Gpu): Promise<void> {
  const engine = gpu['engine']
  const taken: { free(): void }[] = []
  const size = 2 ** 28
  const before = gpu.stats().handles
  try {
    let error: unknown
    while (error === undefined && taken.length * 4 * size < FULL) {
      try {
        taken.push(await engine.zeros!([size]))
      } catch (thrown) {
        error = await engine.explain(thrown, 'gpu.matrix')
      }
    }
    console.log(`${taken.length} GiB before the end: ${error instanceof Error ? error.message : 'no end'}`)
    assert(error instanceof GpuMemoryError, `no GpuMemoryError but ${String(error)}`)
  } finally {
    for (const array of taken) array.free()
  }
  assert(gpu.stats().handles === before, 'handles are left')
  using A = await gpu.matrix(random.normal([300, 200], { seed: 1 }))
  const { s } = await rsvd(A, { rank: 5 })
  assert(s[0]! > s[4]!, 'no answer after the end')
}
