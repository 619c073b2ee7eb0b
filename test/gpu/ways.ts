import { describe, expect, test } from 'vitest'
import { openWith } from '../../src/gpu/device.js'
import type { Internals } from '../../src/gpu/device.js'
import type { Backend } from '../../src/gpu/index.js'
import { blockedLaws, laws } from './all.js'
import { entry } from './webgpu.js'

/** Holds the laws on a backend of Node's, with its insides turned in some way. */
export function lawsHold(name: string, backend: Backend, internals: Internals = {}): void {
  const held = Object.entries(internals.limits ? blockedLaws : laws)
  describe(name, { timeout: 120_000 }, () => {
    test.skipIf(backend === 'webgpu' && !entry).each(held)('%s', async (_, law) => {
      const gpu = await openWith({ backend, gpu: entry }, internals)
      expect(gpu.backend).toBe(backend)
      await law(gpu)
      gpu.dispose()
    })
  })
}
