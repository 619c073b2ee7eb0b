import {
  butterfly,
  countSketch,
  gaussian,
  mfacWindow,
  nystrom,
  random,
  rsvd,
  tucker,
} from '../../src/index.js'
import type { Gpu } from '../../src/gpu/index.js'
import { assert } from './laws.js'

// Calls of every kind one after another, as a long-lived page makes them: what is on the device may not grow.

/** The n-th call of some, on operands of their own or on ones that stay. */
async function operands(gpu: Gpu) {
  const A = await gpu.matrix(random.normal([24, 16], { seed: 1 }))
  const S = await gpu.csr({ shape: [20, 12], rows: [0, 3, 19, 3], cols: [0, 11, 5, 2], values: [1, 2, 3, 4] })
  const K = await gpu.kernelMatrix(random.normal([30, 3], { seed: 2 }), { gamma: 0.5 })
  const B = await gpu.butterfly(butterfly.hadamard(16))
  const G = await gpu.sketch(gaussian([8, 24], { seed: 3 }))
  const C = await gpu.sketch(countSketch([8, 24], { seed: 3 }))
  const T = await gpu.tensor(random.normal([6, 5, 4], { seed: 4 }))
  const places = Array.from({ length: 40 }, (_, e) => e)
  const M = await gpu.observed({
    shape: [12, 10],
    rows: places.map((e) => e % 12),
    cols: places.map((e) => (7 * e) % 10),
    values: places.map((e) => Math.sin(e)),
  })
  const store = await gpu.gradients({ dim: 50, capacity: 4 })
  const window = mfacWindow({ dim: 50, capacity: 4, damping: 0.1, store })
  const X = (rows: number, k: number) => random.normal([rows, k], { seed: k })
  const calls: readonly (() => Promise<unknown>)[] = [
    () => A.matmat(X(16, 3)),
    () => A.rmatmat(X(24, 2)),
    () => S.matmat(X(12, 2)),
    () => S.rmatmat(X(20, 1)),
    () => K.matmat(X(30, 2)),
    () => B.matmat(X(16, 2)),
    () => G.matmat(X(24, 2)),
    () => C.matmat(X(24, 2)),
    () => T.modeGram(1),
    async () => (await T.modeProduct(random.normal([2, 5]), 1)).dispose?.(),
    () => M.matmat(X(10, 2)),
    () => M.solve('rows', X(10, 2), { ridge: 0.1 }),
    () => window.step(random.normal([50], { seed: 5 }).data),
    async () => {
      using other = await gpu.matrix(random.normal([9, 9], { seed: 6 }))
      await other.matmat(X(9, 1))
    },
    () => rsvd(A, { rank: 3 }),
    () => nystrom(K, { rank: 4 }),
    () => tucker(T, { ranks: [2, 2, 2] }),
    // What fails leaves nothing either.
    () => A.matmat(X(3, 1)).then(undefined, () => undefined),
    () => gpu.matrix([[NaN]]).then(undefined, () => undefined),
  ]
  const dispose = (): void => {
    for (const operand of [A, S, K, B, G, C, T, M, store]) operand.dispose()
  }
  return { calls, dispose }
}

/** Makes `count` calls, and again as many while `alive` is watched: it may not be more after the second half. */
export async function mixedCalls(gpu: Gpu, count: number, alive: () => number): Promise<void> {
  const { calls, dispose } = await operands(gpu)
  const run = async (): Promise<void> => {
    for (let i = 0; i < count / 2; i++) await calls[i % calls.length]!()
  }
  await run()
  const [handles, before] = [gpu.stats().handles, alive()]
  await run()
  assert(gpu.stats().handles === handles, `${gpu.stats().handles} handles, ${handles} before`)
  assert(alive() === before, `${alive()} on the device, ${before} before`)
  dispose()
  assert(gpu.stats().handles === 0, `${gpu.stats().handles} handles at the end`)
}
