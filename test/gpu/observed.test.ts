import { describe, expect, test } from 'vitest'
import { completeMatrix, random } from '../../src/index.js'
import type { Triplets } from '../../src/index.js'
import { GpuLostError, openGpu } from '../../src/gpu/index.js'
import { entry } from './webgpu.js'

// A device that goes away in the middle of a completion.

function entries(): Triplets {
  const [m, n] = [30, 20]
  const u = random.uniform([m, n], { seed: 1 })
  const at = Array.from({ length: m * n }, (_, e) => e).filter((e) => u.data[e]! < 0.6)
  const values = random.normal([at.length, 1], { seed: 2 }).data
  return { shape: [m, n], rows: at.map((e) => Math.floor(e / n)), cols: at.map((e) => e % n), values }
}

/** The entry point, and the devices that it has given. */
function watched(gpu: GPU): { gpu: GPU; devices: GPUDevice[] } {
  const devices: GPUDevice[] = []
  const requestAdapter = async (options?: GPURequestAdapterOptions): Promise<GPUAdapter | null> => {
    const adapter = await gpu.requestAdapter(options)
    if (!adapter) return null
    const requestDevice = adapter.requestDevice.bind(adapter)
    adapter.requestDevice = async (descriptor) => {
      const device = await requestDevice(descriptor)
      devices.push(device)
      return device
    }
    return adapter
  }
  return { gpu: { requestAdapter } as unknown as GPU, devices }
}

describe.skipIf(!entry)('a device that is lost', () => {
  test.each(['als', 'sketched', 'softImpute'] as const)('in the middle of %s', async (method) => {
    for (const after of [0, 1, 3, 6, 9]) {
      const { gpu: source, devices } = watched(entry!)
      const gpu = await openGpu({ backend: 'webgpu', gpu: source })
      const M = await gpu.observed(entries())
      let told = 0
      const running = completeMatrix(M, {
        rank: 2,
        method,
        bias: 'rowsAndCols',
        iterations: 4,
        onProgress: () => void (told++ === after && devices[0]!.destroy()),
      })
      await expect(running).rejects.toBeInstanceOf(GpuLostError)
      M.dispose()
      expect(gpu.stats().handles).toBe(0)
      gpu.dispose()
    }
  })

  test('while it solves', async () => {
    const { gpu: source, devices } = watched(entry!)
    const gpu = await openGpu({ backend: 'webgpu', gpu: source })
    const M = await gpu.observed(entries())
    const { handles } = gpu.stats()
    const F = random.normal([20, 4], { seed: 1 })
    const running = Promise.allSettled([
      M.solve('rows', F, { ridge: 1 }),
      M.residual(random.normal([30, 4], { seed: 2 }), F),
    ])
    await new Promise((resolve) => setTimeout(resolve, 1))
    devices[0]!.destroy()
    for (const ended of await running) {
      expect(ended).toMatchObject({ status: 'rejected', reason: { code: 'GPU_LOST' } })
    }
    expect(gpu.stats().handles).toBe(handles)
    M.dispose()
    expect(gpu.stats().handles).toBe(0)
    gpu.dispose()
  })
})
