import { matmul, norm, pca, qr, random, rsvd, transpose } from '../../src/index.js'
import type { Matrix } from '../../src/index.js'
import { spectra, withSpectrum } from '../../src/testing/index.js'
import type { Gpu, GpuMatrix } from '../../src/gpu/index.js'
import { assert, copy } from './laws.js'

// Subspace iteration on the device finds what the host's finds, in float64 with a QR factorization before each product,
// down to the rounding of float32. The bound of a product's rounding is the one in laws.ts, for the longest of its sums.

const EPS = 2 ** -24

/** Tall, wide and square; more columns than a tile has, and fewer than four. */
const shapes = [
  [60, 40, 9],
  [40, 90, 20],
  [300, 64, 3],
  [70, 70, 37],
] as const

/** Well and badly conditioned; with fewer directions than columns; with none. */
const decays: Record<string, (p: number) => ArrayLike<number>> = {
  'one decade in five': (p) => spectra.exponential(p, 0.2),
  'three decades each': (p) => spectra.exponential(p, 3),
  'rank 2': () => [1, 0.5],
  'all the same': (p) => Array.from({ length: p }, () => 1),
  zero: () => [],
}

export const subspaceLaws: Record<string, (gpu: Gpu) => Promise<void>> = {
  'subspace iteration on the device finds what float64 finds': async (gpu) => {
    for (const [m, n, k] of shapes) {
      for (const [name, decay] of Object.entries(decays)) {
        const A = withSpectrum(m, n, decay(Math.min(m, n)), { seed: m })
        const Y = matmul(A, random.normal([n, k], { seed: 1 }))
        using onGpu = await gpu.matrix(A)
        if (!offers(gpu, onGpu)) return
        const [found, best] = [residual(A, await onGpu.subspace!(Y, 2)), residual(A, iterated(A, Y, 2))]
        const rounding = 2 * Math.max(8, 2 * Math.sqrt(Math.max(m, n))) * EPS * Math.sqrt(k) * norm(A)
        assert(found <= best + rounding, `${m}×${n}, ${name}: ${found}, not ${best} + ${rounding}`)
      }
    }
  },

  'subspace iteration knows no scale': async (gpu) => {
    const A = withSpectrum(50, 30, spectra.exponential(30, 0.3), { seed: 2 })
    const Y = random.normal([50, 6], { seed: 3 })
    using plain = await gpu.matrix(A)
    if (!offers(gpu, plain)) return
    const expected = residual(A, await plain.subspace!(Y, 1))
    for (const scale of [1e150, 1e-150]) {
      using onGpu = await gpu.matrix(times(A, scale))
      const found = residual(A, await onGpu.subspace!(times(Y, 1 / scale), 1))
      assert(Math.abs(found - expected) <= 64 * EPS * norm(A), `${found} at ${scale}, ${expected} at 1`)
    }
  },

  'pca of a resident matrix iterates with the centred one': async (gpu) => {
    for (const [m, n, k] of shapes) {
      const C = withSpectrum(m, n, spectra.exponential(Math.min(m, n), 0.2), { seed: m })
      const A = copy(C)
      const shift = random.normal([n], { seed: 5 })
      A.data.forEach((x, e) => (A.data[e] = x + 3 * shift.data[e % n]!))
      const rank = Math.min(k, 5)
      using onGpu = await gpu.matrix(A)
      if (!offers(gpu, onGpu)) return
      const [found, best] = [await pca(onGpu, { rank }), pca(A, { rank })]
      const left = (model: typeof found): number =>
        norm(difference(A, model.inverseTransform(model.transform(A))))
      const rounding = 4 * Math.max(8, 2 * Math.sqrt(Math.max(m, n))) * EPS * Math.sqrt(k) * norm(A)
      const [error, least] = [left(found), left(best)]
      assert(error <= least + rounding, `${m}×${n}: ${error}, not ${least} + ${rounding}`)
    }
  },

  'rsvd and pca iterate on the device where they can': async (gpu) => {
    const [m, n, q] = [120, 80, 4]
    const A = withSpectrum(m, n, spectra.exponential(n, 0.1), { seed: 4 })
    using onGpu = await gpu.matrix(A)
    if (!offers(gpu, onGpu)) return
    for (const method of [rsvd, pca]) {
      const down = async (powerIterations: number): Promise<number> => {
        const before = gpu.stats().bytesDown
        const { passes } = await method(onGpu, { rank: 5, powerIterations })
        assert(passes >= 2 * powerIterations + 2, `${method.name}: ${passes} passes`)
        return gpu.stats().bytesDown - before
      }
      const moved = (await down(q)) - (await down(0))
      // The columns once, and up to four Gram matrices of 16² numbers before each product.
      const most = 4 * (16 * m + 2 * q * 4 * 16 ** 2)
      assert(moved <= most, `${method.name}: ${moved} bytes came down, ${most} at most`)
    }
  },
}

/** Whether it is offered, which it must be wherever there are shaders. */
function offers(gpu: Gpu, A: GpuMatrix): boolean {
  const offered = A.subspace !== undefined
  assert(offered === (gpu['engine'].shade !== undefined), `subspace iteration on ${gpu.backend}: ${offered}`)
  return offered
}

/** ‖A − QQᵀA‖_F for an orthonormal basis Q of Y. */
function residual(A: Matrix, Y: Matrix): number {
  const { Q } = qr(Y)
  return norm(difference(A, matmul(Q, matmul(transpose(Q), A))))
}

function difference(A: Matrix, B: Matrix): Matrix {
  const rest = copy(A)
  rest.data.forEach((x, e) => (rest.data[e] = x - B.data[e]!))
  return rest
}

function iterated(A: Matrix, Y: Matrix, q: number): Matrix {
  let Q = Y
  for (let i = 0; i < q; i++) Q = matmul(A, qr(matmul(transpose(A), qr(Q).Q)).Q)
  return Q
}

function times(A: Matrix, factor: number): Matrix {
  const out = copy(A)
  out.data.forEach((x, e) => (out.data[e] = factor * x))
  return out
}
