import { butterfly, fwht, lanczos, matrix, norm2Estimate, random, rsvd, zeros } from '../../src/index.js'
import type { ButterflyLike, Gpu } from '../../src/gpu/index.js'
import type { Complex, Matrix } from '../../src/index.js'
import { assert, isOperator, nearTransform, rejects } from './laws.js'

/** Complex matrices as real ones of twice the size, [re −im; im re], and [re; im]. */
function whole({ re, im }: Complex<Matrix>): Matrix {
  const [n, k] = re.shape as [number, number]
  const A = zeros([2 * n, 2 * k])
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < k; j++) {
      A.set(i, j, re.get(i, j))
      A.set(n + i, k + j, re.get(i, j))
      A.set(i, k + j, -im.get(i, j))
      A.set(n + i, j, im.get(i, j))
    }
  }
  return A
}

function stacked({ re, im }: Complex<Matrix>): Matrix {
  const [n, k] = re.shape as [number, number]
  return matrix([...re.data, ...im.data], [2 * n, k])
}

function conjugateTranspose({ re, im }: Complex<Matrix>): Complex<Matrix> {
  const [m, n] = re.shape as [number, number]
  const A = { re: zeros([n, m]), im: zeros([n, m]) }
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      A.re.set(j, i, re.get(i, j))
      A.im.set(j, i, -im.get(i, j))
    }
  }
  return A
}

const complexNormal = (n: number, k: number, seed: number): Complex<Matrix> => ({
  re: random.normal([n, k], { seed }),
  im: random.normal([n, k], { seed: seed + 1 }),
})

export const butterflyLaws: Record<string, (gpu: Gpu) => Promise<void>> = {
  'a real butterfly is the matrix that it is on the host': async (gpu) => {
    for (const B of [
      butterfly.hadamard(2),
      butterfly.dct(2),
      butterfly.dst(4),
      butterfly.random(4, { seed: 1 }),
      butterfly.dct(16),
      butterfly.dst(32),
      butterfly.random(16, { seed: 2 }),
    ]) {
      const { handles } = gpu.stats()
      await isOperator(gpu, await gpu.butterfly(B), B.toDense(), handles, nearTransform)
    }
  },

  'a complex butterfly is the matrix that it is on the host, and its adjoint is the conjugate one': async (
    gpu,
  ) => {
    for (const B of [butterfly.dft(2), butterfly.dft(4), butterfly.random(16, { seed: 1, complex: true })]) {
      const n = B.shape[0]
      const { handles } = gpu.stats()
      const onGpu = await gpu.butterfly(B)
      const [A, Ah] = [B.toDense(), conjugateTranspose(B.toDense())]
      for (const k of [1, 3, 10]) {
        const X = complexNormal(n, k, k)
        nearTransform(stacked(await onGpu.matmat(X)), whole(A), stacked(X))
        nearTransform(stacked(await onGpu.rmatmat(X)), whole(Ah), stacked(X))
        const real = { re: X.re, im: zeros([n, k]) }
        nearTransform(stacked(await onGpu.matmat(X.re)), whole(A), stacked(real))
      }
      const x = complexNormal(n, 1, 9)
      const y = await onGpu.matvec(x.re.data, x.im.data)
      const columns = { re: matrix(y.re, [n, 1]), im: matrix(y.im, [n, 1]) }
      nearTransform(stacked(columns), whole(A), stacked(x))
      assert((await onGpu.matmat(zeros([n, 0]))).re.shape[1] === 0, 'no columns')
      const tiny = complexNormal(n, 1, 4)
      tiny.re.data.forEach((value, i) => (tiny.re.data[i] = 1e-150 * value))
      const parts = stacked(await onGpu.matmat(tiny))
      nearTransform(parts, whole(A), stacked(tiny))
      await rejects('SHAPE', () => onGpu.matmat(zeros([n + 1, 1])))
      await rejects('SHAPE', () => onGpu.matmat({ re: zeros([n, 1]), im: zeros([n, 2]) }))
      await rejects('NOT_FINITE', () =>
        onGpu.rmatmat({ re: zeros([n, 1]), im: matrix(Array<number>(n).fill(NaN), [n, 1]) }),
      )
      onGpu.dispose()
      await rejects('DISPOSED', () => onGpu.matmat(x))
      assert(gpu.stats().handles === handles, 'handles')
    }
  },

  'a transform of 1024 points is that of the host, and crosses once each way': async (gpu) => {
    const [n, k] = [1024, 4]
    const X = random.normal([n, k], { seed: 1 })
    const H = await gpu.butterfly(butterfly.hadamard(n))
    const F = await gpu.butterfly(butterfly.dft(n))
    const before = gpu.stats()
    const HX = await H.matmat(X)
    const after = gpu.stats()
    // webasm and cpu have no memory of their own: all that their kernels read and make is counted.
    if (gpu['internals'].limits === undefined && ['webgpu', 'webgl2'].includes(gpu.backend)) {
      const [up, down] = [after.bytesUp - before.bytesUp, after.bytesDown - before.bytesDown]
      assert(down === 4 * n * k, `${down} bytes down`)
      // And a few words of sizes for each stage.
      assert(up <= 4 * n * k + 512, `${up} bytes up`)
      assert(after.dispatches - before.dispatches <= 6, `${after.dispatches - before.dispatches} dispatches`)
    }
    const FX = await F.rmatmat(X)
    const exact = butterfly.dft(n).rmatmat(X)
    for (let j = 0; j < k; j++) {
      const x = Float64Array.from({ length: n }, (_, i) => X.get(i, j))
      const size = Math.hypot(...x)
      fwht(x).forEach((value, i) =>
        assert(Math.abs(HX.get(i, j) - value) < 2 ** -24 * 48 * size, `H (${i}, ${j})`),
      )
      for (let i = 0; i < n; i++) {
        const error = Math.hypot(FX.re.get(i, j) - exact.re.get(i, j), FX.im.get(i, j) - exact.im.get(i, j))
        assert(error < 2 ** -24 * 48 * 32 * size, `F (${i}, ${j}): off by ${error}`)
      }
    }
    H.dispose()
    F.dispose()
  },

  'methods take a butterfly on the device': async (gpu) => {
    const n = 64
    const B = butterfly.random(n, { seed: 2 })
    const onGpu = await gpu.butterfly(B)
    // All singular values are 1.
    const { s } = await rsvd(onGpu, { rank: 5 })
    s.forEach((value) => assert(Math.abs(value - 1) < 1e-4, `s ${value}`))
    const size = await norm2Estimate(onGpu)
    assert(Math.abs(size - 1) < 1e-4, `norm ${size}`)
    onGpu.dispose()
    const H = await gpu.butterfly(butterfly.hadamard(n))
    // Symmetric, with eigenvalues ±1.
    const { values } = await lanczos(H, { k: 1 })
    assert(Math.abs(Math.abs(values[0]!) - 1) < 1e-4, `eigenvalue ${values[0]}`)
    H.dispose()
  },

  'levels of any magnitude are scaled': async (gpu) => {
    const B = butterfly.random(16, { seed: 3 })
    const factors = B.factors.map(({ re }, l) => ({
      re: re.map((x) => x * [1e180, 1e-100, 1e100, 1e-180][l]!),
    }))
    const onGpu = await gpu.butterfly({ ...B, factors })
    const X = random.normal([16, 2], { seed: 1 })
    nearTransform(await onGpu.matmat(X), B.toDense(), X)
    onGpu.dispose()
  },

  'what is no butterfly is said': async (gpu) => {
    const { handles } = gpu.stats()
    const B = butterfly.hadamard(4)
    await rejects('SHAPE', () => gpu.butterfly({ ...B, factors: B.factors.slice(1) }))
    await rejects('SHAPE', () => gpu.butterfly(undefined as unknown as ButterflyLike & { complex: false }))
    const re = new Float64Array(8).fill(NaN)
    await rejects('NOT_FINITE', () => gpu.butterfly({ ...B, factors: [{ re }, { re }] }))
    assert(gpu.stats().handles === handles, 'handles')
  },
}
