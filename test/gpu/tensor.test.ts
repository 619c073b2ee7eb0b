import { describe, expect, test } from 'vitest'
import { openWith } from '../../src/gpu/device.js'
import { DisposedError, GpuLostError } from '../../src/gpu/index.js'
import { random, tucker } from '../../src/index.js'
import { cut, groupsAlong } from '../../src/gpu/operands/boxes.js'
import { entry } from './webgpu.js'

// How a tensor is cut; and what is left of tucker where its device, or its Gpu, goes while it works.

describe('boxes', () => {
  test.each([
    [[5, 4, 3], 1000, 1],
    [[5, 4, 3], 36, 2],
    [[5, 4, 3], 12, 5],
    [[5, 4, 3], 6, 10],
    [[5, 4, 3], 2, 40],
    [[1, 7], 3, 3],
    [[2, 2], 1, 4],
  ])('%j in boxes of at most %d entries', (shape, most, count) => {
    const boxes = cut(shape, most)
    expect(boxes.length).toBe(count)
    const seen = new Set<number>()
    for (const { start, shape: sides } of boxes) {
      const volume = sides.reduce((product, side) => product * side, 1)
      expect(volume).toBeLessThanOrEqual(most)
      for (let e = 0; e < volume; e++) {
        let rest = e
        let [flat, weight] = [0, 1]
        for (let d = shape.length - 1; d >= 0; d--) {
          flat += (start[d]! + (rest % sides[d]!)) * weight
          weight *= shape[d]!
          rest = Math.floor(rest / sides[d]!)
        }
        seen.add(flat)
      }
    }
    expect(seen.size).toBe(shape.reduce((product, side) => product * side, 1))
    for (const n of shape.keys()) {
      for (const group of groupsAlong(boxes, n)) {
        expect(group.reduce((sum, box) => sum + box.shape[n]!, 0)).toBe(shape[n])
      }
    }
  })

  test('nothing is cut into nothing', () => {
    expect(cut([3, 0, 2], 4)).toEqual([])
  })
})

test('a Gpu that goes while a product is made leaves nothing', async () => {
  const gpu = await openWith({ backend: 'webasm' }, {})
  const T = await gpu.tensor(random.normal([6, 5, 4]))
  const product = T.modeProduct(random.normal([2, 5]), 1)
  gpu.dispose()
  await expect(product).rejects.toBeInstanceOf(DisposedError)
  expect(gpu.stats().handles).toBe(0)
})

describe.skipIf(!entry)('webgpu', () => {
  test('a device that is lost in the middle of tucker is a GpuLostError, and leaves nothing', async () => {
    for (const [at, options] of [
      [1, { ranks: 2 }],
      [2, { ranks: 2, method: 'hooi' }],
      [3, { rtol: 0.1, randomized: true, method: 'hosvd' }],
    ] as const) {
      const devices: GPUDevice[] = []
      const requestAdapter = async (wanted?: GPURequestAdapterOptions): Promise<GPUAdapter | null> => {
        const adapter = await entry!.requestAdapter(wanted)
        const requestDevice = adapter!.requestDevice.bind(adapter)
        adapter!.requestDevice = async (descriptor) => {
          const device = await requestDevice(descriptor)
          devices.push(device)
          return device
        }
        return adapter
      }
      const gpu = await openWith({ backend: 'webgpu', gpu: { requestAdapter } as unknown as GPU }, {})
      const T = await gpu.tensor(random.normal([9, 8, 7], { seed: 1 }))
      let reports = 0
      const onProgress = (): void => {
        if (++reports === at) devices[0]!.destroy()
      }
      await expect(tucker(T, { ...options, onProgress })).rejects.toBeInstanceOf(GpuLostError)
      await expect(T.modeGram(0)).rejects.toBeInstanceOf(GpuLostError)
      T.dispose()
      expect(gpu.stats().handles).toBe(0)
      gpu.dispose()
    }
  })
})
