import { butterfly, matmul, mfacWindow, nystrom, random, rsvd } from '../../src/index.js'
import type { Matrix } from '../../src/index.js'
import type { Gpu } from '../../src/gpu/index.js'
import type { PeerWork } from './peers.js'
import { finished } from './shapes.js'

// The work of the methods from end to end, and what the same machine's own libraries are asked to do beside it.

interface Work {
  run(): Promise<unknown>
  dispose(): void
}

export interface MethodCase {
  readonly title: string
  /** Floating-point operations, where that is a meaningful number. */
  readonly flops?: number
  /** Makes what the work needs, and answers with the work. */
  prepare(gpu: Gpu): Work | Promise<Work>
  /** `slow` takes seconds and has one turn. */
  readonly peers: readonly { readonly name: string; readonly work: PeerWork; readonly slow?: boolean }[]
}

/** `small` is what a software renderer can do in seconds. */
export function methodCases(small: boolean): MethodCase[] {
  return [
    gemm(small ? 256 : 4096),
    truncated(small ? 512 : 8192, small ? 16 : 64),
    resident(small ? 512 : 8192, small ? 16 : 64),
    kernelNystrom(small ? 1000 : 50_000, 20, small ? 20 : 100),
    butterflies(small ? 2 ** 8 : 2 ** 14, small ? 8 : 64),
    curvature(small ? 2 ** 14 : 10 ** 7, small ? 8 : 32),
  ]
}

function gemm(n: number): MethodCase {
  return {
    title: `C = A·B of ${n}×${n}, resident, float32`,
    flops: 2 * n ** 3,
    async prepare(gpu) {
      const engine = gpu['engine']
      const data = filled(n * n)
      const A = await engine.upload(n, n, (first, count) => data.subarray(first * n, (first + count) * n))
      const B = await engine.array(data, [n, n], 'held')
      return {
        async run() {
          const C = await engine.product(A, false, B)
          await finished(engine)
          C.free()
        },
        dispose() {
          A.free()
          B.free()
        },
      }
    },
    peers: [
      { name: 'torch matmul, float32 without TF32, on the GPU', work: { kind: 'gemm', device: 'cuda', n } },
    ],
  }
}

function truncated(n: number, rank: number): MethodCase {
  return {
    title: `rsvd of rank ${rank} of ${n}×${n}, from host to host`,
    prepare(gpu) {
      const A = nearlyLowRank(n, rank)
      return {
        async run() {
          using onGpu = await gpu.matrix(A)
          await rsvd(onGpu, { rank })
        },
        dispose: () => undefined,
      }
    },
    peers: [
      {
        name: 'NumPy, the six lines, float64, all cores',
        work: { kind: 'rsvd', device: 'numpy', n, k: rank },
      },
      { name: 'torch.svd_lowrank, float32, all cores', work: { kind: 'rsvd', device: 'cpu', n, k: rank } },
      { name: 'torch.svd_lowrank, float32, on the GPU', work: { kind: 'rsvd', device: 'cuda', n, k: rank } },
    ],
  }
}

function resident(n: number, rank: number): MethodCase {
  return {
    title: `rsvd of rank ${rank} of ${n}×${n}, the matrix on the device already`,
    async prepare(gpu) {
      const onGpu = await gpu.matrix(nearlyLowRank(n, rank))
      return { run: () => rsvd(onGpu, { rank }), dispose: () => onGpu.dispose() }
    },
    peers: [
      {
        name: 'torch.svd_lowrank, float32, on the GPU',
        work: { kind: 'rsvdResident', device: 'cuda', n, k: rank },
      },
    ],
  }
}

function kernelNystrom(n: number, dim: number, rank: number): MethodCase {
  return {
    title: `nystrom of rank ${rank} of an RBF kernel over ${n} points in ${dim} dimensions`,
    flops: n * n * (3 * dim + 1 + 2 * (rank + 10)),
    prepare(gpu) {
      const X = random.normal([n, dim], { seed: 1 })
      return {
        async run() {
          using K = await gpu.kernelMatrix(X, { kernel: 'rbf', gamma: 1 / dim })
          await nystrom(K, { rank, columns: 'gaussian' })
        },
        dispose: () => undefined,
      }
    },
    peers: [
      {
        name: 'torch, kernel by row blocks, float32, on the GPU',
        work: { kind: 'nystrom', device: 'cuda', n, d: dim, k: rank },
      },
      {
        name: 'NumPy, kernel by row blocks, all cores',
        work: { kind: 'nystrom', device: 'numpy', n, d: dim, k: rank },
        slow: true,
      },
    ],
  }
}

function butterflies(n: number, columns: number): MethodCase {
  return {
    title: `a real butterfly of ${n} points times ${columns} columns, from host to host`,
    flops: 3 * n * Math.log2(n) * columns,
    async prepare(gpu) {
      const B = await gpu.butterfly(butterfly.random(n, { seed: 1 }))
      const X = random.normal([n, columns], { seed: 2 })
      return { run: () => B.matmat(X), dispose: () => B.dispose() }
    },
    peers: [
      {
        name: 'torch, level by level, float32, on the GPU',
        work: { kind: 'butterfly', device: 'cuda', n, k: columns },
      },
      {
        name: 'torch, level by level, float32, all cores',
        work: { kind: 'butterfly', device: 'cpu', n, k: columns },
      },
    ],
  }
}

function curvature(dim: number, capacity: number): MethodCase {
  return {
    title: `a step of M-FAC over ${capacity} gradients of ${dim} numbers`,
    flops: 6 * dim * capacity,
    async prepare(gpu) {
      const store = await gpu.gradients({ dim, capacity })
      // Some gradients are alike: float32 must tell the damping from the rounding of their squares.
      const window = mfacWindow({ dim, capacity, damping: 1e-5 * dim, store })
      const g = Float64Array.from(filled(dim))
      for (let t = 0; t < capacity; t++) await window.push(g.map((x, j) => x * (1 + ((j + t) % 7))))
      return { run: () => window.step(g), dispose: () => store.dispose() }
    },
    peers: [
      {
        name: 'torch, the same passes, float32, on the GPU',
        work: { kind: 'mfac', device: 'cuda', n: dim, k: capacity },
      },
      {
        name: 'torch, the same passes, float32, all cores',
        work: { kind: 'mfac', device: 'cpu', n: dim, k: capacity },
      },
    ],
  }
}

/** Numbers that cost nothing to make. */
export function filled(length: number): Float32Array {
  const out = new Float32Array(length)
  for (let i = 0, x = 1; i < length; i++, x = (x * 16807) % 2147483647) out[i] = x / 2147483647 - 0.5
  return out
}

function nearlyLowRank(n: number, rank: number): Matrix {
  const noise = filled(n * n)
  const A = matmul(random.normal([n, rank], { seed: 2 }), random.normal([rank, n], { seed: 3 }))
  for (let e = 0; e < noise.length; e++) A.data[e]! += 0.1 * noise[e]!
  return A
}
