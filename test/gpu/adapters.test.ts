import { describe, expect, test } from 'vitest'
import { openGpu } from '../../src/gpu/index.js'
import { norm, random } from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { adapters } from '../../src/recipes/index.js'
import { withSpectrum } from '../../src/testing/index.js'
import { entry } from './webgpu.js'

// Inits of which the work is the library's, with their large operands on the device.

const [m, n] = [90, 70]
const falling = Float64Array.from({ length: n }, (_, j) => 2 ** -j)
const context = {
  W0: withSpectrum(m, n, falling),
  grad: withSpectrum(m, n, falling, { seed: 1 }),
  activations: withSpectrum(n, 200, falling, { seed: 2 }),
}

const RECIPES: Record<string, adapters.Adapter> = {
  pissa: adapters.pissa({ r: 6 }),
  svfit: adapters.svfit({ r: 6 }),
  eva: adapters.eva({ r: 6 }),
  loraGa: adapters.loraGa({ r: 6 }),
  loraXs: adapters.loraXs({ r: 6 }),
  nlora: adapters.nlora({ r: 6 }),
}

describe.each(['cpu', 'webgpu'] as const)('%s', (backend) => {
  test.skipIf(backend === 'webgpu' && !entry).each(Object.keys(RECIPES))('%s', async (name) => {
    const adapter = RECIPES[name]!
    const gpu = await openGpu({ backend, gpu: entry })
    const [W0, grad, activations] = [
      await gpu.matrix(context.W0),
      await gpu.matrix(context.grad),
      await gpu.matrix(context.activations),
    ]
    const here = adapter.init(context)
    const there = await adapter.init.async({ W0, grad, activations })
    gpu.dispose()
    // The entries that come back are those of float32, and so is the weight that the adapter starts with.
    const single = 2 ** -24 * norm(context.W0)
    expect(apart(adapter.merge(there), adapter.merge(here))).toBeLessThanOrEqual(4 * single)
    // Neighbouring singular values differ by half: directions are within some units of float32 of their own.
    const slack = 2 ** -23 * 2 ** 6 * Math.sqrt(m * n)
    for (const array of Object.keys(here.trainable)) {
      const [a, b] = [here.trainable[array]!, there.trainable[array]!]
      const size = Math.hypot(...a.data)
      const difference = Math.hypot(...a.data.map((x, e) => x - b.data[e]!))
      expect(difference, array).toBeLessThanOrEqual(slack * Math.max(size, 1))
    }
  })
})

test('what is on a device is refused by the synchronous init', async () => {
  const gpu = await openGpu({ backend: 'cpu' })
  const W0 = await gpu.matrix(random.normal([4, 3]))
  expect(() => adapters.pissa({ r: 2 }).init({ W0: W0 as never })).toThrow(/^pissa\.init: W0: .*init\.async/)
  gpu.dispose()
})

const apart = (A: Matrix, B: Matrix): number => Math.hypot(...A.data.map((x, e) => x - B.data[e]!))
