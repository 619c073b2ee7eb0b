import { beforeAll, describe, expect, test } from 'vitest'
import { openWith } from '../../src/gpu/device.js'
import { variants } from '../../src/gpu/engines/wgsl.js'
import type { Variant } from '../../src/gpu/engines/wgsl.js'
import { random, transpose } from '../../src/linalg/index.js'
import { near } from './laws.js'
import { entry } from './webgpu.js'

// Every WGSL variant against float64, and against the others: they add in the same order, so the choice
// between them must not show in the answer.

/** Over and under tile sides; the tall ones have their sums cut into slices. */
const shapes = [
  [4, 4, 4],
  [129, 67, 5],
  [70, 131, 70],
  [700, 33, 18],
  [2100, 5, 2],
] as const

/** A·X, Aᵀ·Y and AᵀA·X of each shape. */
async function products(variant: Variant) {
  const gpu = await openWith({ backend: 'webgpu', gpu: entry }, { variant })
  const answers = []
  for (const [m, n, k] of shapes) {
    const A = random.normal([m, n], { seed: 1 })
    const X = random.normal([n, k], { seed: 2 })
    const Y = random.normal([m, k], { seed: 3 })
    const onGpu = await gpu.matrix(A)
    const AX = await onGpu.matmat(X)
    const AtY = await onGpu.rmatmat(Y)
    near(AX, A, X)
    near(AtY, transpose(A), Y)
    answers.push(AX.data, AtY.data, (await onGpu.normal!(X)).data)
  }
  gpu.dispose()
  return answers
}

// A software renderer compiles a kernel with barriers for seconds.
describe.skipIf(!entry)('WGSL', { timeout: 120_000 }, () => {
  let reference: Float64Array[]

  beforeAll(async () => {
    reference = await products(variants.register4x4)
  })

  test.each(Object.entries(variants))('%s', async (_, variant) => {
    expect(await products(variant)).toEqual(reference)
  })

  test('the fastest variant is found, and found once', async () => {
    const gpu = await openWith({ backend: 'webgpu', gpu: entry }, {})
    // Large enough that asking pays on a software renderer.
    const A = random.normal([3000, 800], { seed: 1 })
    const X = random.normal([800, 30], { seed: 2 })
    const onGpu = await gpu.matrix(A)
    const first = await onGpu.matmat(X)
    near(first, A, X)
    expect((await onGpu.matmat(X)).data).toEqual(first.data)
    const Y = random.normal([3000, 30], { seed: 3 })
    near(await onGpu.rmatmat(Y), transpose(A), Y)
    gpu.dispose()
  })
})
