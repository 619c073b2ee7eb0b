import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { openGpu } from '../../src/gpu/index.js'
import { counted } from './counted.js'
import { mixedCalls } from './mixed.js'
import { entry } from './webgpu.js'

// A thousand calls of all kinds leave no more on a device than five hundred do. WebGL 2 is in test/browser.

test.skipIf(!entry)('webgpu', { timeout: 240_000 }, async () => {
  const { gpu: source, live } = counted(entry!)
  const gpu = await openGpu({ backend: 'webgpu', gpu: source })
  await mixedCalls(gpu, 1000, () => live.size)
  gpu.dispose()
})

test('webasm', { timeout: 240_000 }, async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const bytes: number[] = []
  const gpu = await openGpu({ backend: 'webasm' })
  await mixedCalls(gpu, 1000, () => {
    collect()
    const { arrayBuffers, external } = process.memoryUsage()
    bytes.push(arrayBuffers + external)
    return 0
  })
  gpu.dispose()
  // What grew with the calls would have grown by as much as there was after the first half.
  expect(bytes[1]! - bytes[0]!).toBeLessThan(2 ** 24)
})
