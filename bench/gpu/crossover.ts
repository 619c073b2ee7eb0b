import { butterfly, kernelMatrix, mfacWindow, nystrom, random, rsvd } from '../../src/index.js'
import type { Gpu } from '../../src/gpu/index.js'

// From which size on a method is faster on the GPU than this library is on one core of the CPU, transfers included.

export interface Crossover {
  readonly method: string
  /** What grows. */
  readonly size: string
  /** Seconds on the CPU and on the GPU at each size. */
  readonly points: readonly { readonly n: number; readonly cpu: number; readonly gpu: number }[]
}

/** No size follows one for which the CPU takes longer. */
const LONGEST = 2

interface Growth {
  readonly method: string
  readonly size: string
  readonly sizes: readonly number[]
  cpu(n: number): unknown
  gpu(gpu: Gpu, n: number): Promise<unknown>
}

const growths: readonly Growth[] = [
  {
    method: 'rsvd of rank 20, n × n',
    size: 'n',
    sizes: [256, 512, 1024, 2048, 4096, 8192],
    cpu: (n) => rsvd(random.normal([n, n]), { rank: 20 }),
    async gpu(gpu, n) {
      using A = await gpu.matrix(random.normal([n, n]))
      return rsvd(A, { rank: 20 })
    },
  },
  {
    method: 'nystrom of rank 50, rbf kernel of n points in 10 dimensions',
    size: 'n',
    sizes: [1000, 3000, 10_000, 30_000],
    cpu: (n) => nystrom(kernelMatrix(random.normal([n, 10])), { rank: 50, columns: 'gaussian' }),
    async gpu(gpu, n) {
      using K = await gpu.kernelMatrix(random.normal([n, 10]), {})
      return nystrom(K, { rank: 50, columns: 'gaussian' })
    },
  },
  {
    method: 'a butterfly of n points times 64 columns',
    size: 'n',
    sizes: [2 ** 8, 2 ** 10, 2 ** 12, 2 ** 14],
    cpu: (n) => butterfly.random(n).matmat(random.normal([n, 64])),
    async gpu(gpu, n) {
      using B = await gpu.butterfly(butterfly.random(n))
      return B.matmat(random.normal([n, 64]))
    },
  },
  {
    method: 'eight steps of M-FAC over 8 gradients of n numbers',
    size: 'n',
    sizes: [10 ** 4, 10 ** 5, 10 ** 6, 10 ** 7],
    cpu(dim) {
      const window = mfacWindow({ dim, capacity: 8, damping: 1e-3 })
      for (let t = 0; t < 8; t++) window.step(random.normal([dim], { seed: t }))
    },
    async gpu(gpu, dim) {
      using store = await gpu.gradients({ dim, capacity: 8 })
      const window = mfacWindow({ dim, capacity: 8, damping: 1e-3, store })
      for (let t = 0; t < 8; t++) await window.step(random.normal([dim], { seed: t }))
    },
  },
]

/** Times every method at growing sizes; each size's first run on the GPU, which builds kernels, does not count. */
export async function crossovers(gpu: Gpu): Promise<Crossover[]> {
  const found: Crossover[] = []
  for (const { method, size, sizes, ...on } of growths) {
    const points: Crossover['points'][number][] = []
    for (const n of sizes) {
      const cpu = await seconds(() => on.cpu(n))
      await on.gpu(gpu, n)
      points.push({ n, cpu, gpu: await seconds(() => on.gpu(gpu, n)) })
      if (cpu > LONGEST) break
    }
    found.push({ method, size, points })
  }
  return found
}

async function seconds(work: () => unknown): Promise<number> {
  const start = performance.now()
  await work()
  return (performance.now() - start) / 1000
}
