import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openWith } from '../../src/gpu/device.js'
import type { Internals } from '../../src/gpu/device.js'
import type { Backend, Gpu } from '../../src/gpu/index.js'
import { blockedLaws, laws } from './all.js'
import { entry } from './webgpu.js'

/** Holds the laws on a backend of Node's, with its insides turned in some way; all share a device, and so its kernels. */
export function lawsHold(name: string, backend: Backend, internals: Internals = {}): void {
  const held = Object.entries(internals.limits ? blockedLaws : laws)
  describe.skipIf(backend === 'webgpu' && !entry)(name, { timeout: 120_000 }, () => {
    let gpu: Gpu

    beforeAll(async () => {
      gpu = await openWith({ backend, gpu: entry }, internals)
    })

    afterAll(() => {
      gpu.dispose()
    })

    test.each(held)('%s', async (_, law) => {
      expect(gpu.backend).toBe(backend)
      await law(gpu)
    })

    test('the laws left nothing on the device', () => {
      expect(gpu.stats().handles).toBe(0)
    })
  })
}
