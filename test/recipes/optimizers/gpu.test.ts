import { expect, test } from 'vitest'
import { openGpu } from '../../../src/gpu/index.js'
import { norm, random } from '../../../src/linalg/index.js'
import type { Matrix } from '../../../src/linalg/index.js'
import { optimizers } from '../../../src/recipes/index.js'
import { withSpectrum } from '../../../src/testing/index.js'

test('gradients that live on a device are projected there', async () => {
  const [m, n] = [24, 16]
  const W = random.normal([m, n])
  const s = Float64Array.from({ length: n }, (_, j) => 2 ** -j)
  const params = { W, b: [1] }
  const gpu = await openGpu({ backend: 'cpu' })
  for (const name of ['galore', 'naturalGalore'] as const) {
    const optimizer = optimizers[name]({ learningRate: 0.1, rank: 3, updateProjGap: 2 })
    let [here, there] = [optimizer.init(params), optimizer.init(params)]
    for (let t = 0; t < 3; t++) {
      const G = withSpectrum(m, n, s, { seed: t })
      const resident = await gpu.matrix(G)
      const a = optimizer.update({ W: G, b: [1] }, here, params)
      const b = await optimizer.update.async({ W: resident, b: [1] }, there, params)
      resident.dispose()
      ;[here, there] = [a.state, b.state]
      const [U, V] = [a.updates.W as Matrix, b.updates.W as Matrix]
      const apart = norm([U.data.map((x, e) => x - V.data[e]!)])
      // Quotients of float32 numbers: half of their digits.
      expect(apart).toBeLessThanOrEqual(Math.sqrt(2 ** -23) * norm(U))
      expect(b.updates.b).toEqual(a.updates.b)
    }
  }
  gpu.dispose()
})
