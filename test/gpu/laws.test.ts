import { describe, expect, test } from 'vitest'
import { openWith } from '../../src/gpu/device.js'
import type { Internals } from '../../src/gpu/device.js'
import type { Backend } from '../../src/gpu/index.js'
import { laws } from './all.js'
import { entry } from './webgpu.js'

// The laws on every backend that Node has, on GPU.js's own kernels there, and with operands cut into blocks.

const ways: Record<string, { backend: Backend; internals: Internals }> = {
  cpu: { backend: 'cpu', internals: {} },
  webasm: { backend: 'webasm', internals: {} },
  'webasm in blocks of 64 numbers': { backend: 'webasm', internals: { limits: { bytes: 256 } } },
  webgpu: { backend: 'webgpu', internals: {} },
  'webgpu in blocks of 1024 numbers': { backend: 'webgpu', internals: { limits: { bytes: 4096 } } },
  'webgpu in blocks of sides of 16': { backend: 'webgpu', internals: { limits: { side: 16, columns: 8 } } },
  'webgpu by kernels of GPU.js': { backend: 'webgpu', internals: { form: 'gpujs' } },
}

describe.each(Object.entries(ways))('%s', (_, { backend, internals }) => {
  test.skipIf(backend === 'webgpu' && !entry).each(Object.entries(laws))('%s', async (_, law) => {
    const gpu = await openWith({ backend, gpu: entry }, internals)
    expect(gpu.backend).toBe(backend)
    await law(gpu)
    gpu.dispose()
  })
})
