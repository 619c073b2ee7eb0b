import { matmul, matrix, norm, random, rsvd, toNested, transpose, zeros } from '../../src/index.js'
import { spectra, withSpectrum } from '../../src/testing/index.js'
import type { Matrix } from '../../src/index.js'
import type { Gpu, GpuOperator } from '../../src/gpu/index.js'

// What holds on every backend. Each law throws a plain Error where it does not hold, so that the same text
// runs under vitest in Node and in a page.

/** m, n, k: squares and slivers, multiples of nothing, and a sum over many rows. */
const shapes = [
  [1, 1, 1],
  [3, 5, 2],
  [64, 64, 32],
  [37, 29, 7],
  [5, 130, 9],
  [131, 6, 33],
  [1030, 20, 3],
] as const

export const gpuLaws: Record<string, (gpu: Gpu) => Promise<void>> = {
  'A·X is that of float64 within the rounding of float32': (gpu) =>
    forShapes(async (m, n, k, seed) => {
      const A = random.normal([m, n], { seed })
      const X = random.normal([n, k], { seed: seed + 1 })
      const onGpu = await gpu.matrix(A)
      near(await onGpu.matmat(X), A, X)
      onGpu.dispose()
    }),

  'Aᵀ·Y is that of float64 within the rounding of float32': (gpu) =>
    forShapes(async (m, n, k, seed) => {
      const A = random.normal([m, n], { seed })
      const Y = random.normal([m, k], { seed: seed + 1 })
      const onGpu = await gpu.matrix(A)
      near(await onGpu.rmatmat(Y), copy(transpose(A)), Y)
      onGpu.dispose()
    }),

  'AᵀA·X, where it is offered, is Aᵀ·(A·X)': (gpu) =>
    forShapes(async (m, n, k, seed) => {
      const A = random.normal([m, n], { seed })
      const X = random.normal([n, k], { seed: seed + 1 })
      const onGpu = await gpu.matrix(A)
      if (onGpu.normal) {
        const AX = matmul(A, X)
        const spread = matmul(absolute(transpose(A)), matmul(absolute(A), absolute(X)))
        within(await onGpu.normal(X), matmul(transpose(A), AX), spread, Math.max(m, n))
      }
      onGpu.dispose()
    }),

  'positive sums stay within the bound': async (gpu) => {
    const A = random.uniform([1200, 8], { seed: 1 })
    const Y = random.uniform([1200, 4], { seed: 2 })
    const onGpu = await gpu.matrix(A)
    near(await onGpu.rmatmat(Y), copy(transpose(A)), Y)
    onGpu.dispose()
  },

  'small integers are exact': async (gpu) => {
    const A = integers([33, 70], 1)
    const X = integers([70, 5], 2)
    const onGpu = await gpu.matrix(A)
    equal(await onGpu.matmat(X), matmul(A, X))
    equal(await onGpu.rmatmat(integers([33, 6], 3)), matmul(transpose(A), integers([33, 6], 3)))
    onGpu.dispose()
  },

  'no magnitude of float64 is out of range': async (gpu) => {
    for (const [a, x] of [
      [1e200, 1e-150],
      [1e-200, 1e150],
      [1e-160, 1e-160],
      [1e150, 1e150],
      [1e300, 1e-300],
      [5e-324, 1],
    ] as const) {
      const A = scaled(integers([9, 14], 1), a)
      const X = scaled(integers([14, 3], 2), x)
      const onGpu = await gpu.matrix(A)
      near(await onGpu.matmat(X), A, X)
      onGpu.dispose()
    }
  },

  'each column of X has a scale of its own': async (gpu) => {
    const A = random.normal([12, 16], { seed: 1 })
    const X = random.normal([16, 3], { seed: 2 })
    const scales = [1e100, 1, 1e-100]
    X.data.forEach((value, i) => (X.data[i] = value * scales[i % 3]!))
    const onGpu = await gpu.matrix(A)
    near(await onGpu.matmat(X), A, X)
    onGpu.dispose()
  },

  'a range too wide for float32 loses the small, and makes nothing infinite': async (gpu) => {
    const onGpu = await gpu.matrix([
      [1e300, 1],
      [-1e300, 1e-300],
    ])
    const answer = await onGpu.matmat(matrixOf([[1], [1]]))
    assert(
      relative(answer.data[0]!, 1e300) < 1e-6 && relative(answer.data[1]!, -1e300) < 1e-6,
      String(answer.data),
    )
    onGpu.dispose()
  },

  'views, float32 and nested arrays are taken as they are': async (gpu) => {
    const A = random.normal([11, 18], { seed: 1 })
    const X = random.normal([11, 2], { seed: 2 })
    const view = transpose(A).step(-1, 1)
    const onGpu = await gpu.matrix(view)
    near(await onGpu.matmat(X), copy(view), X)
    const nested = await gpu.matrix(toNested(view))
    equal(await nested.matmat(X), await onGpu.matmat(X))
    const single = await gpu.matrix(float32(view))
    equal(await single.matmat(X), await onGpu.matmat(X))
    equal(await single.matmat(transpose(transpose(X).step(1, 1))), await onGpu.matmat(X))
    for (const B of [onGpu, nested, single]) B.dispose()
  },

  'the same product gives the same bits': async (gpu) => {
    const A = await gpu.matrix(random.normal([90, 50], { seed: 1 }))
    const X = random.normal([50, 12], { seed: 2 })
    const [first, ...others] = await Promise.all([A.matmat(X), A.matmat(X), A.matmat(X)])
    for (const other of others) equal(other, first)
    A.dispose()
  },

  'products of several shapes run at one time': async (gpu) => {
    const A = random.normal([40, 24], { seed: 1 })
    const onGpu = await gpu.matrix(A)
    const X = [1, 2, 3, 4, 5, 9, 17].map((k) => random.normal([24, k], { seed: k }))
    const answers = await Promise.all(X.map((each) => onGpu.matmat(each)))
    answers.forEach((answer, i) => near(answer, A, X[i]!))
    onGpu.dispose()
  },

  'more shapes than kernels may stay built': async (gpu) => {
    const X = random.normal([6, 2], { seed: 2 })
    const A = Array.from({ length: 36 }, (_, i) => random.normal([4 * i + 1, 6], { seed: 1 }))
    const onGpu = []
    for (const each of A) onGpu.push(await gpu.matrix(each))
    for (const i of [...A.keys(), 0, 35, 1]) {
      near(await onGpu[i]!.matmat(X), A[i]!, X)
    }
    for (const each of onGpu) each.dispose()
  },

  'empty matrices and thin operands without columns give zeros': async (gpu) => {
    for (const [m, n, k] of [
      [0, 4, 2],
      [4, 0, 2],
      [0, 0, 1],
      [4, 3, 0],
    ] as const) {
      const A = await gpu.matrix(zeros([m, n]))
      equal(await A.matmat(zeros([n, k])), zeros([m, k]))
      equal(await A.rmatmat(zeros([m, k])), zeros([n, k]))
      assert(A.frobeniusNorm() === 0, 'the norm of nothing')
      A.dispose()
    }
  },

  'zero times anything is zero': async (gpu) => {
    const A = await gpu.matrix(zeros([6, 7]))
    equal(await A.matmat(random.normal([7, 3], { seed: 1 })), zeros([6, 3]))
    A.dispose()
  },

  '‖A‖_F is that of the entries': async (gpu) => {
    const A = await gpu.matrix([
      [3e200, 0],
      [0, 4e200],
    ])
    assert(relative(A.frobeniusNorm(), 5e200) < 1e-15, String(A.frobeniusNorm()))
    assert(A.shape[0] === 2 && A.shape[1] === 2 && A.async, 'shape and async')
    A.dispose()
  },

  'what does not fit is a ShapeError, and a Promise of it': async (gpu) => {
    const A = await gpu.matrix(zeros([3, 2]))
    await rejects('SHAPE', () => A.matmat(zeros([3, 1])))
    await rejects('SHAPE', () => A.rmatmat(zeros([2, 1])))
    await rejects('SHAPE', () => gpu.matrix([[1, 2], [3]]))
    A.dispose()
  },

  'what is not finite is a NotFiniteError': async (gpu) => {
    for (const bad of [NaN, Infinity, -Infinity]) {
      await rejects('NOT_FINITE', () =>
        gpu.matrix([
          [1, 2],
          [3, bad],
        ]),
      )
      const A = await gpu.matrix([
        [1, 2],
        [3, 4],
      ])
      await rejects('NOT_FINITE', () => A.matmat(matrixOf([[1], [bad]])))
      await rejects('NOT_FINITE', () => A.rmatmat(matrixOf([[bad], [1]])))
      A.dispose()
    }
  },

  'a result beyond float64 is a NotFiniteError': async (gpu) => {
    const A = await gpu.matrix([[1e200]])
    await rejects('NOT_FINITE', () => A.matmat(matrixOf([[1e200]])))
    A.dispose()
  },

  'rsvd takes it as it takes an array': async (gpu) => {
    const A = matmul(random.normal([60, 5], { seed: 1 }), random.normal([5, 40], { seed: 2 }))
    const onGpu = await gpu.matrix(A)
    const { U, s, Vt } = await rsvd(onGpu, { rank: 5 })
    const onCpu = rsvd(A, { rank: 5 })
    s.forEach((value, i) =>
      assert(relative(value, onCpu.s[i]!) < 1e-5, `s[${i}]: ${value} for ${onCpu.s[i]}`),
    )
    U.data.forEach((value, i) => (U.data[i] = value * s[i % 5]!))
    matmul(U, Vt).data.forEach((value, i) => {
      assert(Math.abs(value - A.data[i]!) < 1e-5 * s[0]!, `entry ${i}: ${value} for ${A.data[i]}`)
    })
    onGpu.dispose()
  },

  'rsvd reaches a tolerance in float32, and knows what float32 cannot tell': async (gpu) => {
    const A = withSpectrum(96, 64, spectra.exponential(64, 0.15), { seed: 3 })
    const onGpu = await gpu.matrix(A)
    try {
      const { rank, errorEstimate, toDense } = await rsvd(onGpu, { rtol: 1e-2, blockSize: 16 })
      const approximation = toDense()
      const error =
        norm(
          matrix(
            A.data.map((a, e) => a - approximation.data[e]!),
            [96, 64],
          ),
        ) / norm(A)
      // 10^(−0.15·14) is below 1e-2; a bound by probes is up to three times on the safe side, here 10^(−0.15·18).
      assert(error <= 1e-2, `error ${error}`)
      assert(rank >= 13 && rank <= 19, `rank ${rank}`)
      assert(errorEstimate > error / 2 && errorEstimate < error * 2, `estimate ${errorEstimate} of ${error}`)
    } finally {
      onGpu.dispose()
    }
  },

  'one float64 product with the copy on the host refines what float32 found': async (gpu) => {
    const spectrum = spectra.exponential(40, 0.2)
    const A = withSpectrum(70, 40, spectrum, { seed: 5 })
    const plain = await gpu.matrix(A)
    await rejects('OPTION', () => rsvd(plain, { rank: 8, refine: 'float64' }))
    plain.dispose()
    const onGpu = await gpu.matrix(A, { exact: true })
    A.data.fill(0)
    const options = { rank: 8, powerIterations: 2 }
    const [rough, fine] = [await rsvd(onGpu, options), await rsvd(onGpu, { ...options, refine: 'float64' })]
    assert(
      rough.precision === 2 ** -23 && fine.precision === 2 ** -52,
      `${rough.precision} ${fine.precision}`,
    )
    assert(fine.passes >= rough.passes, 'passes')
    fine.s.forEach((s, i) => {
      const error = Math.abs(s - spectrum[i]!) / spectrum[i]!
      // The square of the subspace's angle, some 2⁻²³·σ₀/σ; float32 alone knows s to that angle.
      const bound = 40 * (4 * 2 ** -23 * (spectrum[0]! / spectrum[i]!)) ** 2
      assert(error < bound, `s[${i}]: ${s} for ${spectrum[i]}, ${error} above ${bound}`)
    })
    onGpu.dispose()
  },

  'what was disposed says so, and disposing again does nothing': async (gpu) => {
    const A = await gpu.matrix([[1]])
    A.dispose()
    A.dispose()
    await rejects('DISPOSED', () => A.matmat(zeros([1, 1])))
    await rejects('DISPOSED', () => A.rmatmat(zeros([1, 1])))
  },

  'a product that runs while its matrix is disposed ends well': async (gpu) => {
    const A = random.normal([30, 20], { seed: 1 })
    const X = random.normal([20, 4], { seed: 2 })
    const onGpu = await gpu.matrix(A)
    const answer = onGpu.matmat(X)
    onGpu.dispose()
    near(await answer, A, X)
  },
}

/** What holds for every operator on a device that is A as float64 knows it; it is disposed at the end. */
export async function isOperator(
  gpu: Gpu,
  operand: GpuOperator,
  A: Matrix,
  handles: number,
  close = near,
): Promise<void> {
  const [m, n] = A.shape as [number, number]
  assert(operand.async && operand.precision === 2 ** -23, 'an async operator of float32 precision')
  assert(operand.shape.join() === `${m},${n}`, `shape ${operand.shape.join()}`)
  for (const k of [1, 3, 10]) {
    const [X, Y] = [random.normal([n, k], { seed: k }), random.normal([m, k], { seed: k + 1 })]
    close(await operand.matmat(X), A, X)
    close(await operand.rmatmat(Y), copy(transpose(A)), Y)
  }
  equal(await operand.matmat(zeros([n, 2])), zeros([m, 2]))
  equal(await operand.matmat(zeros([n, 0])), zeros([m, 0]))
  const tiny = random.normal([n, 1], { seed: 4 })
  close(await operand.matmat(scaled(tiny, 1e-180)), A, tiny)
  await rejects('SHAPE', () => operand.matmat(zeros([n + 1, 1])))
  await rejects('SHAPE', () => operand.rmatmat(zeros([m + 1, 1])))
  if (n > 0) await rejects('NOT_FINITE', () => operand.matmat(filled([n, 1], NaN)))
  const running = operand.matmat(zeros([n, 1]))
  operand.dispose()
  operand.dispose()
  equal(await running, zeros([m, 1]))
  await rejects('DISPOSED', () => operand.matmat(zeros([n, 1])))
  const after = gpu.stats().handles
  assert(after === handles, `${after} handles after it, ${handles} before`)
}

function filled(shape: [number, number], value: number): Matrix {
  const A = zeros(shape)
  A.data.fill(value)
  return A
}

async function forShapes(
  law: (m: number, n: number, k: number, seed: number) => Promise<void>,
): Promise<void> {
  for (const [i, [m, n, k]] of shapes.entries()) {
    try {
      await law(m, n, k, 10 * i)
    } catch (error) {
      throw new Error(`at ${m}×${n}, k = ${k}: ${(error as Error).message}`, { cause: error })
    }
  }
}

/** `answer` is A·X as float32 can know it. */
export function near(answer: Matrix, A: Matrix, X: Matrix): void {
  within(answer, matmul(A, X), matmul(absolute(A), absolute(X)), A.shape[1]!)
}

/**
 * The same for a fast transform A = √(‖A‖²_F/min(m, n)) times an orthogonal matrix, or some of its rows or columns: its
 * rounding errors are those of log₂n stages, each relative to the norm of the column, not to its entries.
 */
export function nearTransform(answer: Matrix, A: Matrix, X: Matrix): void {
  const exact = matmul(A, X)
  const [m, n] = A.shape as [number, number]
  const unit = 2 ** -24 * (4 * Math.log2(Math.max(m, n, 2)) + 8) * (norm(A) / Math.sqrt(Math.min(m, n)))
  for (let j = 0; j < X.shape[1]!; j++) {
    const size = Math.hypot(...Array.from({ length: n }, (_, i) => X.get(i, j)))
    for (let i = 0; i < m; i++) {
      const [made, value] = [answer.get(i, j), exact.get(i, j)]
      assert(Math.abs(made - value) <= unit * size, `entry (${i}, ${j}): ${made} for ${value}`)
    }
  }
}

/**
 * |answer − exact| ≤ c(K)·2⁻²⁴·Σ|a||x| at each entry: the rounding of a sum of K products, and of its
 * operands, in float32.
 */
export function within(answer: Matrix, exact: Matrix, spread: Matrix, K: number): void {
  assert(
    String(answer.shape) === String(exact.shape),
    `shape ${answer.shape.join()} for ${exact.shape.join()}`,
  )
  assert(answer.data instanceof Float64Array, 'float64')
  const unit = 2 ** -24 * (Math.max(8, 2 * Math.sqrt(K)) + 2)
  exact.data.forEach((value, i) => {
    // 1e-320: what the float64 reference itself loses near 0.
    const error = Math.abs(answer.data[i]! - value)
    assert(error <= unit * spread.data[i]! + 1e-320, `entry ${i}: ${answer.data[i]} for ${value}`)
  })
}

export function equal(answer: Matrix, expected: Matrix): void {
  assert(
    String(answer.shape) === String(expected.shape),
    `shape ${answer.shape.join()} for ${expected.shape.join()}`,
  )
  expected.data.forEach((value, i) => {
    assert(answer.data[i] === value, `entry ${i}: ${answer.data[i]} for ${value}`)
  })
}

export async function rejects(code: string, call: () => Promise<unknown>): Promise<void> {
  let given = 'an answer'
  try {
    await call()
  } catch (error) {
    given = String((error as { code?: unknown }).code ?? error)
  }
  assert(given === code, `expected ${code}, got ${given}`)
}

export function assert(condition: boolean, message: string): void {
  if (!condition) throw new Error(message)
}

export const relative = (x: number, y: number): number => Math.abs(x - y) / Math.abs(y)

function integers(shape: [number, number], seed: number): Matrix {
  const A = random.uniform(shape, { seed })
  A.data.forEach((value, i) => (A.data[i] = Math.floor(value * 15) - 7))
  return A
}

function scaled(A: Matrix, factor: number): Matrix {
  A.data.forEach((value, i) => (A.data[i] = value * factor))
  return A
}

function matrixOf(rows: number[][]): Matrix {
  const A = zeros([rows.length, rows[0]!.length])
  A.data.set(rows.flat())
  return A
}

export function copy(A: Matrix): Matrix {
  const [m, n] = A.shape as [number, number]
  const B = zeros([m, n])
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) B.set(i, j, A.get(i, j))
  return B
}

export function absolute(A: Matrix): Matrix {
  const B = copy(A)
  B.data.forEach((value, i) => (B.data[i] = Math.abs(value)))
  return B
}

/** The same numbers as float32; of normal deviates it keeps what a device keeps. */
function float32(A: Matrix): Float32Array[] {
  return toNested(A).map((row) => Float32Array.from(row))
}
