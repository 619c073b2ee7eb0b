import { matmul, mfac, mfacWindow, norm, random, rsvd, transpose, zeros } from '../../src/index.js'
import type { Matrix } from '../../src/index.js'
import type { Gpu } from '../../src/gpu/index.js'
import { absolute, assert, copy, isOperator, near, rejects, relative, within } from './laws.js'

const UNIT = 2 ** -24

const vector = (n: number, seed: number): Float64Array => random.normal([n], { seed }).data

/** The largest |x − y| in parts of ‖v‖/λ·2⁻²⁴·κ(H): what float32 gradients may change H⁻¹·v by. */
function wrongBy(x: Float64Array, y: Float64Array, v: Float64Array, G: Matrix, damping: number): number {
  const condition = 1 + norm(G, 2) ** 2 / G.shape[0]! / damping
  const unit = (UNIT * condition * Math.hypot(...v)) / damping
  return Math.hypot(...x.map((value, i) => value - y[i]!)) / unit
}

export const gradientLaws: Record<string, (gpu: Gpu) => Promise<void>> = {
  'gradients are the matrix of their rows': async (gpu) => {
    const { handles } = gpu.stats()
    for (const [m, d] of [
      [6, 300],
      [9, 17],
      [1, 1],
      [3, 0],
      [0, 5],
    ] as const) {
      const A = random.normal([m, d], { seed: d })
      await isOperator(gpu, await gpu.gradients(A), A, handles)
    }
  },

  'G·Gᵀ and columns of gradients are those of the matrix': async (gpu) => {
    const { handles } = gpu.stats()
    for (const [m, d] of [
      [7, 240],
      [20, 33],
    ] as const) {
      const A = random.normal([m, d], { seed: 3 })
      const G = await gpu.gradients(transpose(copy(transpose(A))))
      const At = copy(transpose(A))
      within(await G.rowGram!(), matmul(A, At), matmul(absolute(A), absolute(At)), d)
      const J = Int32Array.of(d - 1, 0, 7, 7, 12)
      const C = await G.columns!(J)
      J.forEach((j, t) => {
        for (let i = 0; i < m; i++) {
          assert(Math.abs(C.get(i, t) - A.get(i, j)) <= UNIT * Math.abs(A.get(i, j)), `column ${j}, row ${i}`)
        }
      })
      assert(relative(await G.frobeniusNorm!(), norm(A)) < 1e-14, 'norm')
      G.dispose()
    }
    assert(gpu.stats().handles === handles, 'handles')
  },

  'gradients are written one by one, each with a scale of its own': async (gpu) => {
    const { handles } = gpu.stats()
    const [m, d] = [5, 90]
    const store = await gpu.gradients({ dim: d, capacity: m })
    assert(store.shape.join() === `${m},${d}` && store.async, 'shape')
    assert(
      (await store.times(vector(d, 1))).every((x) => x === 0),
      'zeros at first',
    )
    const scales = [1e-200, 1, 1e120, 0, 1e-30]
    const rows = scales.map((scale, i) => vector(d, i).map((x) => x * scale))
    // Row 1 is written twice.
    await store.set(1, rows[2]!)
    for (const [i, row] of rows.entries()) await store.set(i, row)
    const v = vector(d, 9)
    const dots = await store.times(v)
    rows.forEach((row, i) => {
      const products = row.map((x, j) => x * v[j]!)
      const [exact, size] = [
        products.reduce((s, x) => s + x, 0),
        products.reduce((s, x) => s + Math.abs(x), 0),
      ]
      assert(Math.abs(dots[i]! - exact) <= 12 * UNIT * size, `row ${i}: ${dots[i]} for ${exact}`)
    })
    // Coefficients that make up for the scales, so that all rows count.
    const c = Float64Array.of(1e200, -2, 1e-120, 3, 1e30)
    const sum = await store.adjointTimes(c)
    sum.forEach((given, j) => {
      const products = rows.map((row, i) => row[j]! * c[i]!)
      const [exact, size] = [
        products.reduce((s, x) => s + x, 0),
        products.reduce((s, x) => s + Math.abs(x), 0),
      ]
      assert(Math.abs(given - exact) <= 12 * UNIT * size, `place ${j}: ${given} for ${exact}`)
    })
    store.dispose()
    assert(gpu.stats().handles === handles, 'handles')
  },

  'what is asked of gradients at one time is done in turn': async (gpu) => {
    const store = await gpu.gradients({ dim: 40, capacity: 3 })
    const ones = new Float64Array(40).fill(1)
    const work = [
      store.times(ones),
      store.set(0, ones),
      store.times(ones),
      store.set(
        0,
        ones.map(() => 2),
      ),
      store.times(ones),
    ]
    const answers = (await Promise.all(work)) as (Float64Array | undefined)[]
    assert([0, 2, 4].map((i) => answers[i]![0]).join() === '0,40,80', answers.join(' '))
    const running = store.times(ones)
    store.dispose()
    assert((await running)[0] === 80, 'after dispose')
    await rejects('DISPOSED', () => store.times(ones))
    await rejects('DISPOSED', () => store.set(0, ones))
  },

  'long sums of gradients are of blocks': async (gpu) => {
    const d = gpu['internals'].limits ? 2048 : 65536
    const g = random.uniform([1, d], { seed: 1 })
    const v = random.uniform([d], { seed: 2 }).data
    const G = await gpu.gradients(g)
    let [exact, naive] = [0, 0]
    g.data.forEach((x, j) => {
      exact += x * v[j]!
      naive = Math.fround(naive + Math.fround(Math.fround(x) * Math.fround(v[j]!)))
    })
    const [dot] = await G.times(v)
    const error = Math.abs(dot! - exact) / exact
    assert(error <= 4 * UNIT, `${error} relative`)
    if (d === 65536) assert(error < Math.abs(naive - exact) / exact / 4, `${error}, naive ${naive - exact}`)
    const gram = (await G.rowGram!()).data[0]!
    const square = norm(g) ** 2
    assert(relative(gram, square) <= 8 * UNIT, `G·Gᵀ: ${relative(gram, square)} relative`)
    G.dispose()
  },

  'mfac of gradients on the device, of which only small things cross': async (gpu) => {
    const { handles } = gpu.stats()
    const [m, d, damping] = [12, 400, 0.5]
    const A = random.normal([m, d], { seed: 1 })
    const G = await gpu.gradients(A)
    const before = gpu.stats()
    const H = await mfac(G, { damping })
    const after = gpu.stats()
    const down = after.bytesDown - before.bytesDown
    // m × m numbers, in a few parts; G has 4·m·d bytes. webasm and cpu count what kernels are given.
    if (!gpu['internals'].limits) assert(down < m * d, `${down} bytes down for G·Gᵀ`)
    const onCpu = mfac(A, { damping })
    const v = vector(d, 2)
    const x = await H.ihvp(v)
    const wrong = wrongBy(x, onCpu.ihvp(v), v, A, damping)
    assert(wrong < 8, `ihvp: ${wrong}`)
    const size = UNIT * (1 + norm(A, 2) ** 2 / m / damping)
    for (const [i, j] of [
      [0, 0],
      [3, 399],
    ] as const) {
      const [given, wanted] = [await H.element(i, j), onCpu.element(i, j)]
      assert(Math.abs(given - wanted) <= (8 * size) / damping, `(${i}, ${j}): ${given} for ${wanted}`)
    }
    const diagonal = await H.diagonal()
    onCpu.diagonal().forEach((wanted, j) => {
      assert(Math.abs(diagonal[j]! - wanted) <= (8 * size) / damping, `diagonal ${j}`)
    })
    G.dispose()
    assert(gpu.stats().handles === handles, 'handles')
  },

  'a damping that float32 cannot tell from nothing is refused': async (gpu) => {
    const g = vector(50, 1)
    const G = await gpu.gradients({ dim: 50, capacity: 2 })
    await G.set(0, g)
    await G.set(1, g)
    await rejects('OPTION', () => mfac(G, { damping: 1e-9 }))
    await mfac(G, { damping: 1e-2 })
    G.dispose()
  },

  'mfacWindow over a store on the device': async (gpu) => {
    const { handles } = gpu.stats()
    const [capacity, dim, damping] = [4, 150, 0.5]
    const store = await gpu.gradients({ dim, capacity })
    const H = mfacWindow({ dim, capacity, damping, store })
    const onCpu = mfacWindow({ dim, capacity, damping })
    const last: Float64Array[] = []
    const v = vector(dim, 99)
    for (let t = 0; t < 7; t++) {
      const g = vector(dim, t)
      last.push(g)
      const G = zeros([Math.min(capacity, t + 1), dim])
      last.slice(-capacity).forEach((row, i) => G.data.set(row, i * dim))
      if (t % 3 === 2) {
        const wrong = wrongBy(await H.step(g), onCpu.step(g), g, G, damping)
        assert(wrong < 8, `step ${t}: ${wrong}`)
      } else {
        await H.push(g)
        onCpu.push(g)
      }
      assert(H.count === onCpu.count, `${H.count} gradients`)
      const wrong = wrongBy(await H.ihvp(v), onCpu.ihvp(v), v, G, damping)
      assert(wrong < 8, `ihvp ${t}: ${wrong}`)
    }
    await rejects('NOT_FINITE', () => H.push(new Float64Array(dim).fill(NaN)))
    store.dispose()
    await rejects('DISPOSED', () => H.push(v))
    assert(gpu.stats().handles === handles, 'handles')
  },

  'rsvd of gradients': async (gpu) => {
    const A = matmul(random.normal([12, 3], { seed: 1 }), random.normal([3, 100], { seed: 2 }))
    const G = await gpu.gradients(A)
    const onGpu = await rsvd(G, { rank: 3 })
    rsvd(A, { rank: 3 }).s.forEach((s, i) =>
      assert(relative(onGpu.s[i]!, s) < 1e-5, `s[${i}]: ${onGpu.s[i]} for ${s}`),
    )
    near(await G.matmat(random.normal([100, 70], { seed: 3 })), A, random.normal([100, 70], { seed: 3 }))
    G.dispose()
  },

  'bad gradients are said, and change nothing': async (gpu) => {
    const { handles } = gpu.stats()
    await rejects('OPTION', () => gpu.gradients({ dim: 0, capacity: 3 }))
    await rejects('OPTION', () => gpu.gradients({ dim: 3 } as { dim: number; capacity: number }))
    await rejects('OPTION', () => gpu.gradients({ dim: 3, capacity: 3, dtype: 'float32' } as never))
    await rejects('NOT_FINITE', () => gpu.gradients([[1, Infinity]]))
    const G = await gpu.gradients([
      [1, 2],
      [3, 4],
    ])
    await rejects('SHAPE', () => G.set(2, Float64Array.of(1, 2)))
    await rejects('SHAPE', () => G.set(0, Float64Array.of(1)))
    await rejects('NOT_FINITE', () => G.set(0, Float64Array.of(1, NaN)))
    await rejects('SHAPE', () => G.times(Float64Array.of(1)))
    await rejects('NOT_FINITE', () => G.adjointTimes(Float64Array.of(1, -Infinity)))
    await rejects('SHAPE', () => G.columns!(Int32Array.of(2)))
    assert((await G.times(Float64Array.of(1, 1))).join() === '3,7', 'unchanged')
    G.dispose()
    assert(gpu.stats().handles === handles, 'handles')
  },
}
