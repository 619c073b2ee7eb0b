import { csr, random, rsvd, zeros } from '../../src/index.js'
import type { Matrix } from '../../src/index.js'
import type { Gpu } from '../../src/gpu/index.js'
import { assert, isOperator, rejects, relative } from './laws.js'

/** A matrix with rows of all lengths: none, a few, and more entries than one thread adds up. */
function uneven(m: number, n: number): { triplets: Parameters<typeof csr>[0]; A: Matrix } {
  const u = random.uniform([m, n], { seed: 1 })
  const values = random.normal([m, n], { seed: 2 })
  const A = zeros([m, n])
  const [rows, cols, kept]: number[][] = [[], [], []]
  for (let i = 0; i < m; i++) {
    const density = [0, 0.05, 0.5, 1][i % 4]!
    for (let j = 0; j < n; j++) {
      if (u.get(i, j) >= density) continue
      rows!.push(i)
      cols!.push(j)
      kept!.push(values.get(i, j))
      A.set(i, j, values.get(i, j))
    }
  }
  return { triplets: { shape: [m, n], rows: rows!, cols: cols!, values: kept! }, A }
}

export const csrLaws: Record<string, (gpu: Gpu) => Promise<void>> = {
  'a sparse matrix is what its entries say': async (gpu) => {
    for (const [m, n] of [
      [9, 30],
      [40, 17],
      [6, 2500],
      [1, 1],
      [4, 0],
      [0, 3],
    ] as const) {
      const { triplets, A } = uneven(m, n)
      const { handles } = gpu.stats()
      await isOperator(gpu, await gpu.csr(triplets), A, handles)
    }
  },

  'entries at the same place are summed, and a csr operator is taken as it is': async (gpu) => {
    const A = await gpu.csr(csr({ shape: [2, 2], rows: [0, 0, 1], cols: [1, 1, 0], values: [1, 2, 1e200] }))
    const X = zeros([2, 1])
    X.data.set([1, 1])
    const { data } = await A.matmat(X)
    assert(data[0] === 3 || relative(data[0]!, 3) < 1e-6 || data[0] === 0, String(data))
    assert(relative(data[1]!, 1e200) < 1e-6, String(data))
    assert(relative(await A.frobeniusNorm!(), 1e200) < 1e-15, 'norm')
    A.dispose()
  },

  'rsvd of a sparse matrix': async (gpu) => {
    const { triplets } = uneven(40, 30)
    const A = await gpu.csr(triplets)
    const onGpu = await rsvd(A, { rank: 6 })
    rsvd(csr(triplets), { rank: 6 }).s.forEach((s, i) =>
      assert(relative(onGpu.s[i]!, s) < 1e-5, `s[${i}]: ${onGpu.s[i]} for ${s}`),
    )
    A.dispose()
  },

  'bad entries are said': async (gpu) => {
    const { handles } = gpu.stats()
    await rejects('SHAPE', () => gpu.csr({ shape: [2, 2], rows: [2], cols: [0], values: [1] }))
    await rejects('NOT_FINITE', () => gpu.csr({ shape: [2, 2], rows: [0], cols: [0], values: [NaN] }))
    await rejects('SHAPE', () => gpu.csr({ shape: [2, 2 ** 24 + 1], rows: [0], cols: [0], values: [1] }))
    assert(gpu.stats().handles === handles, 'handles')
  },
}
