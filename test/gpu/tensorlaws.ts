import { asTensorOperand, norm, random, svdvals, tucker, unfold, zeros } from '../../src/index.js'
import type { Matrix, Tensor, Tucker, TuckerOptions } from '../../src/index.js'
import type { Gpu, GpuTensor } from '../../src/gpu/index.js'
import { assert, near, rejects, relative, within } from './laws.js'

/** Two, three and four modes: multiples of nothing, of 4, of size one, and with sums of several slices. */
const shapes = [
  [7, 5],
  [4, 8, 12],
  [1, 9, 1],
  [3, 2, 5, 4],
  [5, 23, 13],
]

const UNIT = 2 ** -24

export const tensorLaws: Record<string, (gpu: Gpu) => Promise<void>> = {
  'nothing as long as an unfolding crosses in T₍ₙ₎·(T₍ₙ₎ᵀ·X), a product or a Gram': async (gpu) => {
    const T = await gpu.tensor(random.normal([6, 40, 30], { seed: 1 }))
    const X = random.normal([6, 2], { seed: 2 })
    const before = gpu.stats()
    await T.modeNormal!(X, 0)
    await T.modeGram(0)
    const product = await T.modeProduct(random.normal([2, 6], { seed: 3 }), 0)
    const { bytesUp, bytesDown } = gpu.stats()
    // On webasm and cpu, which keep nothing, all arguments cross at each call; where it is cut there is more of everything.
    if (gpu.backend.startsWith('webg') && !(gpu['internals'].limits || gpu['internals'].form)) {
      const [up, down] = [(bytesUp - before.bytesUp) / 4, (bytesDown - before.bytesDown) / 4]
      assert(up < 200 && down < 200, `${up} numbers up, ${down} down`)
    }
    product.dispose()
    T.dispose()
  },

  'mode products are those of float64 within the rounding of float32, for every mode': (gpu) =>
    forShapes(gpu, async (onGpu, T, n) => {
      for (const r of [4, 9]) {
        const M = random.normal([r, T.shape[n]!], { seed: r })
        const product = await onGpu.modeProduct(M, n)
        const exact = asTensorOperand(T).modeProduct(M, n)
        const spread = asTensorOperand(absoluteTensor(T)).modeProduct(absoluteTensor(M), n)
        assert(product.shape.join() === exact.shape.join(), `shape ${product.shape.join('×')}`)
        withinTensor(await product.entries(), exact.entries(), spread.entries(), T.shape[n]!)
        product.dispose()
      }
    }),

  'mode Grams are those of float64, and symmetric': (gpu) =>
    forShapes(gpu, async (onGpu, T, n) => {
      const G = await onGpu.modeGram(n)
      const spread = asTensorOperand(absoluteTensor(T)).modeGram(n)
      within(G, asTensorOperand(T).modeGram(n), spread, T.size / T.shape[n]!)
      for (let i = 0; i < T.shape[n]!; i++)
        for (let j = 0; j < i; j++) assert(G.get(i, j) === G.get(j, i), `G ${i}, ${j}`)
    }),

  'T₍ₙ₎·(T₍ₙ₎ᵀ·X) is that of float64': (gpu) =>
    forShapes(gpu, async (onGpu, T, n) => {
      const X = random.normal([T.shape[n]!, 6], { seed: 1 })
      const exact = asTensorOperand(T).modeNormal!(X, n)
      const spread = asTensorOperand(absoluteTensor(T)).modeNormal!(absoluteTensor(X), n)
      within(await onGpu.modeNormal!(X, n), exact, spread, T.size)
    }),

  'an unfolding is the one of the convention': (gpu) =>
    forShapes(gpu, async (onGpu, T, n) => {
      const A = unfold(T, n)
      const unfolding = onGpu.unfolding(n)
      assert(unfolding.async && unfolding.shape.join() === A.shape.join(), `shape ${unfolding.shape.join()}`)
      const [m, cols] = unfolding.shape
      const [X, Y] = [random.normal([cols, 5], { seed: 1 }), random.normal([m, 5], { seed: 2 })]
      near(await unfolding.matmat(X), A, X)
      near(await unfolding.rmatmat(Y), unfold(A, 1), Y)
      assert(relative(await unfolding.frobeniusNorm!(), norm(A)) < 1e-14, 'norm')
    }),

  'a root of a mode Gram knows singular values to the rounding of the largest': async (gpu) => {
    for (const shape of [
      [6, 7, 5],
      [9, 2, 3],
    ]) {
      for (const n of [0, 1, 2]) {
        const T = decaying(shape, 10)
        const onGpu = await gpu.tensor(T)
        const L = await onGpu.modeRoot!(n)
        assert(L.shape[0] === shape[n] && L.shape[1]! <= shape[n]!, `shape ${L.shape.join('×')}`)
        const exact = asTensorOperand(T).modeGram(n)
        const largest = Math.sqrt(norm(exact))
        const found = svdvals(L)
        const expected = svdvals(unfold(T, n))
        found.forEach((s, i) => {
          const error = Math.abs(s - (expected[i] ?? 0))
          assert(error <= 64 * UNIT * largest, `σ${i} of mode ${n}: ${s} for ${expected[i]}`)
        })
        onGpu.dispose()
      }
    }
  },

  'the norm is that of the entries; of a product it is summed in blocks': async (gpu) => {
    const T = random.uniform([13, 29, 7], { seed: 1 })
    const onGpu = await gpu.tensor(T)
    assert(relative(await onGpu.frobeniusNorm(), norm(unfold(T, 0))) < 1e-14, 'norm of the entries')
    const M = zeros([1, 13])
    M.data[3] = 1
    const slice = await onGpu.modeProduct(M, 0)
    const exact = asTensorOperand(T).modeProduct(M, 0).frobeniusNorm()
    assert(relative(await slice.frobeniusNorm(), exact) < 8 * UNIT, 'norm of a product')
    slice.dispose()
    onGpu.dispose()
  },

  'positive sums err less than naive ones': async (gpu) => {
    const T = zeros([1, 1, 32768])
    const parts = 32768
    T.data.fill(0.1)
    const onGpu = await gpu.tensor(T)
    const single = Math.fround(0.1)
    // A naive sum of as many equal numbers errs by some 10⁻⁴.
    const G = await onGpu.modeGram(0)
    assert(relative(G.data[0]!, parts * single * single) < 128 * UNIT, `Gram ${G.data[0]}`)
    const M = zeros([2, parts])
    M.data.fill(1)
    const product = await onGpu.modeProduct(M, 2)
    const [sum] = (await product.entries()).data
    assert(relative(sum!, parts * single) < 1024 * UNIT, `sum ${sum}`)
    product.dispose()
    const E = zeros([1, 1])
    E.data[0] = 1
    const same = await onGpu.modeProduct(E, 0)
    const squared = (await same.frobeniusNorm()) ** 2
    assert(relative(squared, parts * single * single) < 128 * UNIT, `norm² ${squared}`)
    same.dispose()
    onGpu.dispose()
  },

  'no magnitude of float64 is out of range, and the scale of a product goes on': async (gpu) => {
    const T = random.normal([3, 4, 5], { seed: 1 })
    for (const size of [1e200, 1e-200, 5e-310]) {
      const S = scaledTensor(T, size)
      const onGpu = await gpu.tensor(S)
      const entries = await onGpu.entries()
      within(flat(entries), flat(S), flat(absoluteTensor(S)), 1)
      onGpu.dispose()
    }
    // Fifty products by 10^±30, which float32 could not follow, and back.
    let onGpu = await gpu.tensor(T)
    for (const factor of [...Array<number>(25).fill(1e-30), ...Array<number>(25).fill(1e30)]) {
      const M = zeros([4, 4])
      for (let i = 0; i < 4; i++) M.set(i, i, factor)
      const next = await onGpu.modeProduct(M, 1)
      onGpu.dispose()
      onGpu = next
    }
    const entries = await onGpu.entries()
    entries.data.forEach((x, i) =>
      assert(
        Math.abs(x - T.data[i]!) < 128 * UNIT * Math.abs(T.data[i]!),
        `entry ${i}: ${x} for ${T.data[i]}`,
      ),
    )
    // Cancellation: what is left is small, and keeps its digits.
    const difference = zeros([1, 4])
    difference.data.set([1, -1, 0, 0])
    const D = zeros([2, 4, 1])
    D.data.set([1, 1 + 2 ** -20, 3, 4, 1, 1 - 2 ** -20, 5, 6])
    const small = await gpu.tensor(D)
    const left = await small.modeProduct(difference, 1)
    assert(
      (await left.entries()).data.join() === [-(2 ** -20), 2 ** -20].join(),
      'what is left of a difference',
    )
    for (const each of [onGpu, small, left]) each.dispose()
  },

  'views are taken as they are': async (gpu) => {
    const T = random.normal([6, 5, 7], { seed: 1 })
    const view = T.transpose(2, 0, 1).step(-1, 2, 1).lo(1, 0, 2)
    const onGpu = await gpu.tensor(view)
    const copy = asTensorOperand(view).entries()
    within(flat(await onGpu.entries()), flat(copy), flat(absoluteTensor(copy)), 1)
    onGpu.dispose()
  },

  'tensors without entries, and products without rows': async (gpu) => {
    const { handles } = gpu.stats()
    for (const shape of [
      [0, 3, 4],
      [3, 0],
      [3, 2, 0],
    ]) {
      const onGpu = await gpu.tensor(zeros(shape))
      for (const [n, size] of shape.entries()) {
        assert(
          (await onGpu.modeGram(n)).data.every((x) => x === 0),
          'Gram',
        )
        const M = random.normal([2, size], { seed: 1 })
        const product = await onGpu.modeProduct(M, n)
        assert(
          (await product.entries()).data.every((x) => x === 0),
          'product',
        )
        product.dispose()
        const { shape: unfolded } = onGpu.unfolding(n)
        const Y = await onGpu.unfolding(n).matmat(zeros([unfolded[1], 2]))
        assert(Y.shape.join() === `${size},2`, 'unfolding')
        assert((await onGpu.modeRoot!(n)).shape[0] === size, 'root')
      }
      assert((await onGpu.frobeniusNorm()) === 0, 'norm')
      const { ranks } = await tucker(onGpu, { ranks: 2 })
      assert(
        ranks.every((rank) => rank === 0),
        'ranks',
      )
      onGpu.dispose()
    }
    const onGpu = await gpu.tensor(zeros([3, 4, 2]))
    const none = await onGpu.modeProduct(zeros([0, 4]), 1)
    assert((await none.entries()).size === 0, 'no rows')
    assert(
      (await onGpu.modeRoot!(1)).data.every((x) => x === 0),
      'root of zero',
    )
    none.dispose()
    onGpu.dispose()
    assert(gpu.stats().handles === handles, 'handles')
  },

  'what does not fit, is not finite or was disposed says so': async (gpu) => {
    const { handles } = gpu.stats()
    await rejects('SHAPE', () => gpu.tensor(5 as never))
    await rejects('SHAPE', () => gpu.tensor([1, 2, 3] as never))
    for (const bad of [NaN, Infinity]) {
      const B = random.normal([3, 4, 5], { seed: 1 })
      B.set(2, 3, 1, bad)
      await rejects('NOT_FINITE', () => gpu.tensor(B))
      const T = await gpu.tensor(zeros([3, 4, 5]))
      const M = zeros([2, 4])
      M.data[1] = bad
      await rejects('NOT_FINITE', () => T.modeProduct(M, 1))
      const X = zeros([4, 1])
      X.data[1] = bad
      await rejects('NOT_FINITE', () => T.modeNormal!(X, 1))
      await rejects('NOT_FINITE', () => T.unfolding(1).rmatmat(X))
      T.dispose()
    }
    const T = await gpu.tensor(scaledTensor(random.normal([3, 4, 5], { seed: 1 }), 1e200))
    await rejects('SHAPE', () => T.modeProduct(zeros([2, 3]), 1))
    await rejects('SHAPE', () => T.modeGram(3))
    await rejects('SHAPE', () => T.modeNormal!(zeros([3, 1]), 1))
    await rejects('SHAPE', () => T.unfolding(0).matmat(zeros([19, 1])))
    await rejects('NOT_FINITE', () => T.modeGram(0))
    const M = scaledTensor(random.normal([2, 4], { seed: 1 }), 1e200)
    const product = await T.modeProduct(M, 1)
    await rejects('NOT_FINITE', () => product.entries())
    await rejects('NOT_FINITE', async () => product.frobeniusNorm())
    const unfolding = T.unfolding(1)
    const running = T.modeProduct(random.normal([2, 4], { seed: 1 }), 1)
    T.dispose()
    T.dispose()
    product.dispose()
    ;(await running).dispose()
    await rejects('DISPOSED', () => T.modeGram(0))
    await rejects('DISPOSED', () => T.modeProduct(zeros([2, 4]), 1))
    await rejects('DISPOSED', () => T.entries())
    await rejects('DISPOSED', () => unfolding.matmat(zeros([15, 1])))
    assert(gpu.stats().handles === handles, `${gpu.stats().handles} handles, ${handles} before`)
  },

  'tucker by each method is as near as on the CPU': async (gpu) => {
    const { handles } = gpu.stats()
    const T = decaying([9, 7, 8], 2)
    const onGpu = await gpu.tensor(T)
    const held = gpu.stats().handles
    const ways: TuckerOptions[] = [
      { ranks: [3, 4, 2], method: 'sthosvd' },
      { ranks: [3, 4, 2], method: 'hosvd' },
      { ranks: [3, 4, 2], method: 'hooi' },
      { ranks: [3, 4, 2], method: 'sthosvd', randomized: true },
      { ranks: [3, 4, 2], method: 'hosvd', randomized: true },
      { ranks: [3, 4, 2], method: 'hooi', randomized: true },
      { rtol: 0.02, method: 'sthosvd' },
      { rtol: 0.02, method: 'hosvd', randomized: true },
    ]
    for (const way of ways) {
      const options = { ...way, oversample: 2 }
      sameQuality(await tucker(onGpu, options), tucker(T, options), T, options)
      assert(gpu.stats().handles === held, `${gpu.stats().handles} handles, ${held} before`)
    }
    onGpu.dispose()
    assert(gpu.stats().handles === handles, `${gpu.stats().handles} handles, ${handles} before`)
  },

  'tucker finds the ranks that float32 can tell, of four modes and of two': async (gpu) => {
    const { handles } = gpu.stats()
    for (const [shape, randomized] of [
      [[5, 4, 3, 6], false],
      [[11, 6], false],
      [[9, 5, 7], true],
    ] as const) {
      const T = lowRank(shape, 2)
      const onGpu = await gpu.tensor(T)
      const result = await tucker(onGpu, { rtol: 1e-5, randomized, oversample: 1 })
      assert(
        result.ranks.every((rank) => rank === 2),
        `ranks ${result.ranks.join()} of ${shape.join('×')}`,
      )
      assert(errorOf(T, result) <= 1e-5 * norm(flat(T)), `error ${errorOf(T, result)}`)
      onGpu.dispose()
    }
    assert(gpu.stats().handles === handles, 'handles')
  },

  'an abort in the middle of tucker leaves nothing on the device': async (gpu) => {
    const T = await gpu.tensor(decaying([7, 5, 6], 2))
    const { handles } = gpu.stats()
    for (const options of [
      { ranks: 2, method: 'hooi' },
      { rtol: 0.1, method: 'hosvd', randomized: true },
    ] as const) {
      for (const at of [2, 4]) {
        const controller = new AbortController()
        let reports = 0
        const onProgress = (): void => {
          if (++reports === at) controller.abort(new Error('enough'))
        }
        let reason: unknown
        await tucker(T, { ...options, onProgress, signal: controller.signal }).catch((error: unknown) => {
          reason = error
        })
        assert((reason as Error | undefined)?.message === 'enough', `aborted with ${String(reason)}`)
        assert(gpu.stats().handles === handles, `${gpu.stats().handles} handles, ${handles} before`)
      }
    }
    T.dispose()
  },
}

async function forShapes(
  gpu: Gpu,
  law: (onGpu: GpuTensor, T: Tensor, n: number) => Promise<void>,
): Promise<void> {
  const { handles } = gpu.stats()
  for (const shape of shapes) {
    const T = random.normal(shape, { seed: shape.length })
    const onGpu = await gpu.tensor(T)
    assert(onGpu.async && onGpu.precision === 2 ** -23, 'an async operand of float32 precision')
    for (const n of shape.keys()) {
      try {
        await law(onGpu, T, n)
      } catch (error) {
        throw new Error(`mode ${n} of ${shape.join('×')}: ${(error as Error).message}`, { cause: error })
      }
    }
    onGpu.dispose()
  }
  assert(gpu.stats().handles === handles, `${gpu.stats().handles} handles, ${handles} before`)
}

/** All entries as a matrix of one row. */
function flat(T: Tensor): Matrix {
  const M = zeros([1, T.size])
  M.data.set(asTensorOperand(T).entries().data)
  return M
}

function withinTensor(answer: Tensor, exact: Tensor, spread: Tensor, K: number): void {
  within(flat(answer), flat(exact), flat(spread), K)
}

function absoluteTensor<T extends Tensor>(T: T): T {
  const B = asTensorOperand(T).entries()
  B.data.forEach((x, i) => (B.data[i] = Math.abs(x)))
  return B as T
}

function scaledTensor<T extends Tensor>(T: T, factor: number): T {
  const B = asTensorOperand(T).entries()
  B.data.forEach((x, i) => (B.data[i] = factor * x))
  return B as T
}

/** Normal deviates times base^−(i + j + …)/2: the singular values of each unfolding fall off. */
function decaying(shape: readonly number[], base: number): Tensor {
  const T = random.normal([...shape], { seed: 5 })
  T.data.forEach((x, e) => {
    let rest = e
    let sum = 0
    for (const size of [...shape].reverse()) {
      sum += rest % size
      rest = Math.floor(rest / size)
    }
    T.data[e] = x * base ** (-sum / 2)
  })
  return T
}

/** A core of normal deviates times normal factors. */
function lowRank(shape: readonly number[], rank: number): Tensor {
  let T = asTensorOperand(
    random.normal(
      shape.map(() => rank),
      { seed: 1 },
    ),
  )
  shape.forEach((size, n) => (T = T.modeProduct(random.normal([size, rank], { seed: 2 + n }), n)))
  return T.entries()
}

function errorOf(T: Tensor, { reconstruct }: Tucker): number {
  const made = reconstruct()
  made.data.forEach((x, e) => (made.data[e] = T.data[e]! - x))
  return norm(flat(made))
}

/**
 * Both results are as near to T, up to what float32 adds: the rounding of each of the products that the entries go
 * through, in size √K·2⁻²⁴ of ‖T‖.
 */
function sameQuality(onGpu: Tucker, onCpu: Tucker, T: Tensor, { rtol, ...options }: TuckerOptions): void {
  const size = norm(flat(T))
  const slack = 16 * UNIT * Math.sqrt(Math.max(...T.shape)) * T.shape.length * size
  const [error, exact] = [errorOf(T, onGpu), errorOf(T, onCpu)]
  const where = JSON.stringify({ rtol, ...options })
  if (rtol === undefined) {
    assert(onGpu.ranks.join() === onCpu.ranks.join(), `ranks ${onGpu.ranks.join()} for ${onCpu.ranks.join()}`)
    // A random range of columns that float32 has rounded is another one.
    const most = options.randomized ? 1.01 : 1.0001
    assert(error <= most * exact + slack, `error ${error} for ${exact}, ${where}`)
  } else {
    assert(error <= rtol * size + slack, `error ${error / size} for ${rtol}, ${where}`)
  }
  assert(
    Math.abs(onGpu.errorEstimate * size - error) <= 1e-3 * error + slack,
    `estimate ${onGpu.errorEstimate} of ${error / size}, ${where}`,
  )
}
