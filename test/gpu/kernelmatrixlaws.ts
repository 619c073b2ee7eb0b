import {
  cg,
  kernelMatrix,
  lanczos,
  matmul,
  nystrom,
  nystromRectangular,
  operator,
  random,
  reigh,
  toNested,
  traceEstimate,
  transpose,
  zeros,
} from '../../src/index.js'
import type { KernelOptions, Matrix } from '../../src/index.js'
import type { Gpu } from '../../src/gpu/index.js'
import { assert, copy, isOperator, rejects, relative } from './laws.js'

const UNIT = 2 ** -24

interface Case {
  readonly kernel: 'rbf' | 'laplacian' | 'polynomial'
  readonly gamma: number
  readonly degree: number
  readonly coef0: number
}

const cases: readonly Case[] = [
  { kernel: 'rbf', gamma: 0.3, degree: 3, coef0: 1 },
  { kernel: 'laplacian', gamma: 0.2, degree: 3, coef0: 1 },
  { kernel: 'polynomial', gamma: 0.5, degree: 5, coef0: 0.5 },
]

/** What float32 may make of an entry, as `gpu.kernelMatrix` says; and the entry. */
function entry(
  { kernel, gamma, degree, coef0 }: Case,
  x: number[],
  y: number[],
): { value: number; room: number } {
  const d = x.length
  if (kernel === 'polynomial') {
    const sum = (of: (t: number) => number): number => x.reduce((s, v, c) => s + of(v * y[c]!), 0)
    const most = (gamma * sum(Math.abs) + coef0) ** degree
    return { value: (gamma * sum((t) => t) + coef0) ** degree, room: degree * (d + 8) * UNIT * most }
  }
  const distance = x.reduce((s, v, c) => s + (kernel === 'rbf' ? (v - y[c]!) ** 2 : Math.abs(v - y[c]!)), 0)
  const value = Math.exp(-gamma * distance)
  return { value, room: (2 * d + 16) * UNIT * (1 + Math.min(gamma * distance, 1e3)) * value + Math.exp(-87) }
}

function explicit(plan: Case, X: Matrix, Y: Matrix): Matrix {
  const [xs, ys] = [toNested(X), toNested(Y)]
  const K = zeros([xs.length, ys.length])
  xs.forEach((x, i) => ys.forEach((y, j) => K.set(i, j, entry(plan, x, y).value)))
  return K
}

/** Each entry of C, whose columns are those of the points Y and rows those of X, is within its bound. */
function entriesHold(plan: Case, C: Matrix, X: Matrix, Y: Matrix): void {
  const [xs, ys] = [toNested(X), toNested(Y)]
  assert(C.shape.join() === [xs.length, ys.length].join(), `shape ${C.shape.join()}`)
  xs.forEach((x, i) =>
    ys.forEach((y, j) => {
      const { value, room } = entry(plan, x, y)
      const given = C.get(i, j)
      assert(
        Math.abs(given - value) <= room,
        `${plan.kernel} (${i}, ${j}): ${given} for ${value}, room ${room}`,
      )
    }),
  )
}

const chosen = (X: Matrix, J: Int32Array): Matrix => {
  const out = zeros([J.length, X.shape[1]!])
  J.forEach((j, t) => {
    for (let c = 0; c < X.shape[1]!; c++) out.set(t, c, X.get(j, c))
  })
  return out
}

/** Products stay within the sum of what their terms may be off, and the rounding of the sum. */
function productHolds(plan: Case, answer: Matrix, X: Matrix, Y: Matrix, V: Matrix): void {
  const [xs, ys] = [toNested(X), toNested(Y)]
  const [n, k] = [ys.length, V.shape[1]!]
  xs.forEach((x, i) => {
    const exact = new Float64Array(k)
    const room = new Float64Array(k)
    ys.forEach((y, j) => {
      const e = entry(plan, x, y)
      for (let t = 0; t < k; t++) {
        const v = V.get(j, t)
        exact[t]! += e.value * v
        room[t]! += (e.room + UNIT * (Math.max(8, 2 * Math.sqrt(n)) + 2) * Math.abs(e.value)) * Math.abs(v)
      }
    })
    exact.forEach((value, t) => {
      const given = answer.get(i, t)
      assert(
        Math.abs(given - value) <= room[t]!,
        `${plan.kernel} row ${i}: ${given} for ${value}, room ${room[t]}`,
      )
    })
  })
}

export const kernelMatrixLaws: Record<string, (gpu: Gpu) => Promise<void>> = {
  'a kernel matrix is what its formula says, by entries and in products': async (gpu) => {
    const J = Int32Array.of(6, 0, 6, 11)
    for (const plan of cases) {
      for (const [n, d] of [
        [70, 5],
        [12, 1],
      ] as const) {
        const X = random.normal([n, d], { seed: n })
        const K = await gpu.kernelMatrix(X, plan)
        assert(K.shape.join() === `${n},${n}` && K.async, 'shape')
        for (const k of [1, 5]) {
          const V = random.normal([n, k], { seed: k })
          productHolds(plan, await K.matmat(V), X, X, V)
          productHolds(plan, await K.rmatmat(V), X, X, V)
        }
        const C = await K.columns!(J)
        entriesHold(plan, C, X, chosen(X, J))
        const R = await K.rows!(J)
        J.forEach((j, t) => {
          for (let i = 0; i < n; i++) {
            assert(R.get(t, i) === C.get(i, t), 'rows are columns')
            // Symmetric to the bit.
            if (J.includes(i)) assert(C.get(i, t) === C.get(j, J.indexOf(i)), `(${i}, ${j}) and (${j}, ${i})`)
          }
        })
        const diagonal = await K.diagonal!()
        diagonal.forEach((value, i) => {
          const x = toNested(X)[i]!
          assert(relative(value, entry(plan, x, x).value) < 1e-14, `diagonal ${i}`)
          if (plan.kernel !== 'polynomial') assert(value === 1, `k(x, x) = ${value}`)
        })
        if (plan.kernel !== 'polynomial') {
          J.forEach((j, t) => assert(C.get(j, t) === 1, `entry (${j}, ${j}) = ${C.get(j, t)}`))
        }
        K.dispose()
      }
    }
  },

  'a kernel matrix is an operator': async (gpu) => {
    const plan = cases[0]!
    const { handles } = gpu.stats()
    for (const [n, d] of [
      [1, 3],
      [0, 2],
      [21, 0],
    ] as const) {
      const X = random.normal([n, d], { seed: 1 })
      await isOperator(gpu, await gpu.kernelMatrix(X, plan), explicit(plan, X, X), handles)
    }
  },

  'many columns, and points of many coordinates': async (gpu) => {
    const plan = { ...cases[0]!, gamma: 0.05 }
    const X = random.normal([40, 14], { seed: 1 })
    const K = await gpu.kernelMatrix(X, plan)
    const V = random.normal([40, 75], { seed: 2 })
    productHolds(plan, await K.matmat(V), X, X, V)
    K.dispose()
    if (gpu['internals'].limits) return
    for (const wide of [
      { ...plan, gamma: 0.01 },
      { ...cases[2]!, gamma: 0.01 },
      { ...plan, gamma: 3 },
    ]) {
      const Y = random.normal([24, 70], { seed: 3 })
      const W = random.normal([24, 3], { seed: 4 })
      const L = await gpu.kernelMatrix(Y, wide)
      productHolds(wide, await L.matmat(W), Y, Y, W)
      entriesHold(wide, await L.columns!(Int32Array.of(3, 20)), Y, chosen(Y, Int32Array.of(3, 20)))
      L.dispose()
    }
  },

  'near points far from the origin, and many widths apart, keep their digits': async (gpu) => {
    for (const { kernel, gamma, ...rest } of cases.slice(0, 2)) {
      for (const spread of [1, 300, 1e6]) {
        // Pairs of points, a width or so from each other, `spread` widths from the others, and all far from 0.
        const plan = { kernel, gamma: gamma * 2, ...rest }
        const centres = random.normal([24, 3], { seed: 5 })
        const X = random.normal([24, 3], { seed: 6 })
        for (let i = 0; i < 24; i++) {
          for (let c = 0; c < 3; c++) {
            X.set(i, c, 1e6 + spread * centres.get(i - (i % 2), c) + X.get(i, c))
          }
        }
        const K = await gpu.kernelMatrix(X, plan)
        const J = Int32Array.from({ length: 8 }, (_, t) => t)
        entriesHold(plan, await K.columns!(J), X, chosen(X, J))
        const V = random.normal([24, 2], { seed: 7 })
        productHolds(plan, await K.matmat(V), X, X, V)
        K.dispose()
      }
    }
  },

  'entries too small for float32 are 0, and large powers are no infinities': async (gpu) => {
    const K = await gpu.kernelMatrix([[0], [9], [10], [1e9]], { gamma: 1 })
    const C = await K.columns!(Int32Array.of(0))
    assert(relative(C.get(1, 0), Math.exp(-81)) < 1e-4, `e^-81: ${C.get(1, 0)}`)
    assert(C.get(2, 0) === 0 && C.get(3, 0) === 0, `e^-100: ${C.get(2, 0)}`)
    K.dispose()
    for (const size of [1e40, 1e-40, 1e25]) {
      const X = random.normal([12, 3], { seed: 1 })
      X.data.forEach((x, i) => (X.data[i] = x * size))
      for (const gamma of [0.7, 1e-50]) {
        const plan = { ...cases[2]!, gamma, coef0: 3, degree: size === 1e25 ? 4 : 3 }
        const P = await gpu.kernelMatrix(X, plan)
        entriesHold(plan, await P.columns!(Int32Array.of(1, 5)), X, chosen(X, Int32Array.of(1, 5)))
        const V = random.normal([12, 2], { seed: 2 })
        productHolds(plan, await P.matmat(V), X, X, V)
        P.dispose()
      }
    }
    const huge = await gpu.kernelMatrix([[1e200], [1]], { kernel: 'polynomial', gamma: 1 })
    await rejects('NOT_FINITE', () => huge.columns!(Int32Array.of(0)))
    await rejects('NOT_FINITE', () => huge.diagonal!())
    huge.dispose()
    const alike = await gpu.kernelMatrix([[2], [2], [-2]], { gamma: 1e-300 })
    assert(
      (await alike.columns!(Int32Array.of(0))).data.every((x) => x === 1),
      'all ones',
    )
    alike.dispose()
  },

  'cross(Y) is the kernel between two clouds, and lives by itself': async (gpu) => {
    const { handles } = gpu.stats()
    for (const plan of cases) {
      for (const far of [1, 500]) {
        const X = random.normal([19, 3], { seed: 1 })
        X.data.forEach((x, i) => (X.data[i] = x * (plan.kernel === 'polynomial' ? 1 : far)))
        const Y = random.normal([30, 3], { seed: 2 })
        // The first are near points of X, the last as far from all as can be.
        for (let i = 0; i < 10; i++) for (let c = 0; c < 3; c++) Y.set(i, c, X.get(i, c) + Y.get(i, c) / 3)
        if (plan.kernel !== 'polynomial') Y.set(29, 0, 1e250)
        const K = await gpu.kernelMatrix(X, plan)
        const cross = await K.cross(Y)
        const [V, W] = [random.normal([19, 3], { seed: 3 }), random.normal([30, 2], { seed: 4 })]
        productHolds(plan, await cross.matmat(V), Y, X, V)
        productHolds(plan, await cross.rmatmat(W), X, Y, W)
        const I = Int32Array.of(0, 5, 18)
        entriesHold(plan, await cross.columns!(I), Y, chosen(X, I))
        entriesHold(plan, copy(transpose(await cross.rows!(I))), X, chosen(Y, I))
        await rejects('SHAPE', () => cross.matmat(zeros([30, 1])))
        cross.dispose()
        await rejects('DISPOSED', () => cross.matmat(V))
        const other = await K.cross(Y)
        K.dispose()
        await rejects('DISPOSED', () => other.matmat(V))
        other.dispose()
      }
    }
    assert(gpu.stats().handles === handles, `${gpu.stats().handles} handles, ${handles} before`)
  },

  'bad points and kernels are said': async (gpu) => {
    const { handles } = gpu.stats()
    const X = random.normal([4, 2], { seed: 1 })
    await rejects('OPTION', () => gpu.kernelMatrix(X, { kernel: () => 1 }))
    await rejects('OPTION', () => gpu.kernelMatrix(X, { gamma: 0 }))
    await rejects('OPTION', () => gpu.kernelMatrix(X, { gamma: 1e30 }))
    await rejects('OPTION', () => gpu.kernelMatrix(X, { sigma: 1 } as KernelOptions))
    await rejects('NOT_FINITE', () => gpu.kernelMatrix([[1], [NaN]]))
    const K = await gpu.kernelMatrix(X)
    await rejects('SHAPE', () => K.cross(zeros([3, 3])))
    await rejects('NOT_FINITE', () => K.cross([[NaN, 1]]))
    await rejects('SHAPE', () => K.columns!(Int32Array.of(4)))
    K.dispose()
    await rejects('DISPOSED', () => K.cross(X))
    await rejects('DISPOSED', () => K.columns!(Int32Array.of(0)))
    assert(gpu.stats().handles === handles, 'handles')
  },

  'the methods of the library take it, and answer as on the CPU': async (gpu) => {
    const X = random.uniform([60, 2], { seed: 1 })
    const options = { gamma: 1 }
    const K = await gpu.kernelMatrix(X, options)
    const onCpu = kernelMatrix(X, options)
    const exact = explicit({ ...cases[0]!, gamma: 1 }, X, X)
    for (const columns of ['gaussian', 'uniform', 'leverage', 'rpcholesky'] as const) {
      const approximation = await nystrom(K, { rank: 6, columns })
      const { values } = nystrom(onCpu, { rank: 6, columns })
      // Weyl: eigenvalues move by no more than the matrix, here by 60 entries of rounding, times the condition of a core.
      approximation.values.slice(0, 3).forEach((value, i) => {
        assert(relative(value, values[i]!) < 1e-3, `${columns} ${i}: ${value} for ${values[i]}`)
      })
      assert(approximation.errorEstimate < 0.05, `${columns}: error ${approximation.errorEstimate}`)
      const V = random.normal([60, 2], { seed: 2 })
      const [given, wanted] = [approximation.matmat(V), matmul(exact, V)]
      const size = Math.max(...wanted.data.map(Math.abs))
      given.data.forEach((value, e) =>
        assert(Math.abs(value - wanted.data[e]!) < 0.1 * size, `${columns} ${e}`),
      )
    }
    const values = (await reigh(K, { rank: 3 })).values
    reigh(onCpu, { rank: 3 }).values.forEach((value, i) =>
      assert(relative(values[i]!, value) < 1e-5, `reigh ${i}: ${values[i]} for ${value}`),
    )
    const ritz = (await lanczos(K, { k: 2 })).values
    lanczos(onCpu, { k: 2 }).values.forEach((value, i) =>
      assert(relative(ritz[i]!, value) < 1e-5, `lanczos ${i}: ${ritz[i]} for ${value}`),
    )
    const trace = await traceEstimate(K)
    assert(relative(trace, 60) < 0.05, `trace ${trace}`)
    const cross = await K.cross(random.uniform([25, 2], { seed: 5 }))
    const rectangular = await nystromRectangular(cross, { rank: 8 })
    assert(rectangular.errorEstimate < 1e-2, `rectangular: ${rectangular.errorEstimate}`)
    // (K + I)·a = y, K applied on the device.
    const ridge = async (V: Matrix): Promise<Matrix> => {
      const KV = await K.matmat(V)
      KV.data.forEach((value, e) => (KV.data[e] = value + V.data[e]!))
      return KV
    }
    const A = operator({
      shape: [60, 60],
      async: true,
      matmat: ridge,
      rmatmat: ridge,
      precision: K.precision!,
    })
    const a = random.normal([60, 1], { seed: 3 })
    const y = matmul(exact, a)
    y.data.forEach((value, e) => (y.data[e] = value + a.data[e]!))
    const { x } = await cg(A, y, { rtol: 1e-6 })
    // The condition of K + I is at most 61.
    const error = Math.hypot(...a.data.map((value, e) => value - x.data[e]!)) / Math.hypot(...a.data)
    assert(error < 61 * 1e-5, `cg: ${error}`)
    cross.dispose()
    K.dispose()
  },

  'two hundred thousand points': async (gpu) => {
    // Sides of 16 would cut them into thousands of arrays.
    if (gpu['internals'].limits) return
    const plan = cases[0]!
    const X = random.uniform([200_000, 2], { seed: 1 })
    const Y = random.uniform([4, 2], { seed: 2 })
    const V = random.normal([200_000, 2], { seed: 3 })
    const K = await gpu.kernelMatrix(X, plan)
    const J = Int32Array.of(199_999)
    entriesHold(plan, await K.columns!(J), X, chosen(X, J))
    const cross = await K.cross(Y)
    productHolds(plan, await cross.matmat(V), Y, X, V)
    const W = random.normal([4, 1], { seed: 4 })
    productHolds(plan, await cross.rmatmat(W), X, Y, W)
    cross.dispose()
    K.dispose()
  },

  'only thin matrices cross': async (gpu) => {
    const n = 128
    const K = await gpu.kernelMatrix(random.normal([n, 3], { seed: 1 }))
    const V = random.normal([n, 2], { seed: 2 })
    await K.matmat(V)
    const before = gpu.stats()
    await K.matmat(V)
    const { bytesUp, bytesDown, handles } = gpu.stats()
    // webasm and cpu have no memory of their own: what a kernel is given goes up each time.
    if (gpu.backend !== 'webasm' && gpu.backend !== 'cpu' && !gpu['internals'].limits) {
      assert(bytesUp - before.bytesUp <= 4 * n * 4 + 64, `${bytesUp - before.bytesUp} bytes up`)
      assert(bytesDown - before.bytesDown <= 4 * n * 4, `${bytesDown - before.bytesDown} bytes down`)
    }
    assert(handles === before.handles, `${handles} handles`)
    K.dispose()
  },
}
