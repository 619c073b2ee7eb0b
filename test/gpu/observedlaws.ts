import { completeMatrix, eye, matmul, norm, observed, random, transpose, zeros } from '../../src/index.js'
import type { CompleteMatrixOptions, Completion, Matrix, ObservedOperand, Triplets } from '../../src/index.js'
import type { Gpu, GpuObserved } from '../../src/gpu/index.js'
import { assert, copy, isOperator, rejects, relative } from './laws.js'

/** Entries of normal deviates in rows of all lengths: none, a few, and more than one thread adds up; none in column 1. */
function uneven(m: number, n: number, unit = 1): Triplets {
  const u = random.uniform([m, n], { seed: 1 })
  const values = random.normal([m, n], { seed: 2 })
  const [rows, cols, kept]: number[][] = [[], [], []]
  for (let i = 0; i < m; i++) {
    const density = [1, 0, 0.08, 0.6][i % 4]!
    for (let j = 0; j < n; j++) {
      if (u.get(i, j) >= density || j === 1) continue
      rows!.push(i)
      cols!.push(j)
      kept!.push(unit * values.get(i, j))
    }
  }
  return { shape: [m, n], rows: rows!, cols: cols!, values: kept! }
}

const denseOf = ({ shape, rows, cols, values }: Triplets): Matrix => {
  const A = zeros([...shape])
  for (let e = 0; e < values.length; e++) A.set(rows[e]!, cols[e]!, values[e]!)
  return A
}

const UNIT = 2 ** -24
/** The rounding of a sum of K products, and of what they are made from. */
const rounding = (K: number): number => UNIT * (Math.max(8, 2 * Math.sqrt(K)) + 4)

/** Observed entries of a matrix of rank 3 and noise; the same on the CPU. */
function ratings(noise: number): Triplets {
  const [m, n] = [48, 40]
  const A = matmul(random.normal([m, 3], { seed: 1 }), random.normal([3, n], { seed: 2 }))
  const [u, e] = [random.uniform([m, n], { seed: 3 }), random.normal([m, n], { seed: 4 })]
  const [rows, cols, values]: number[][] = [[], [], []]
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      if (u.get(i, j) > 0.5) continue
      rows!.push(i)
      cols!.push(j)
      values!.push(A.get(i, j) + noise * e.get(i, j) + 3 + i / m)
    }
  }
  return { shape: [m, n], rows: rows!, cols: cols!, values: values! }
}

const methods = ['als', 'sketched', 'softImpute'] as const

export const observedLaws: Record<string, (gpu: Gpu) => Promise<void>> = {
  'observed entries are an operator with zeros elsewhere': async (gpu) => {
    for (const [m, n] of [
      [9, 30],
      [5, 2100],
      [1, 1],
      [4, 0],
      [0, 3],
    ] as const) {
      const entries = uneven(m, n)
      const { handles } = gpu.stats()
      const M = await gpu.observed(entries)
      assert(M.count === entries.values.length, `count ${M.count}`)
      const exact = norm(denseOf(entries))
      assert(Math.abs((await M.frobeniusNorm()) - exact) <= 1e-14 * exact, 'norm')
      await isOperator(gpu, M, denseOf(entries), handles)
    }
  },

  'a place that is given twice counts once, with the mean': async (gpu) => {
    const M = await gpu.observed({ shape: [2, 2], rows: [0, 1, 0], cols: [1, 0, 1], values: [1, 5, 3] })
    const { data } = await M.matmat(eye(2))
    assert(M.count === 2 && [0, 2, 5, 0].every((x, e) => data[e] === x), String(data))
    M.dispose()
  },

  'rows and columns are solved for as float32 knows their normal equations': async (gpu) => {
    for (const [m, n, k] of [
      [9, 30, 1],
      [9, 30, 3],
      [12, 26, 8],
      [40, 36, 16],
      [3, 2300, 3],
    ] as const) {
      const entries = uneven(m, n)
      const { handles } = gpu.stats()
      const M = await gpu.observed(entries)
      for (const ridge of [0, 0.5]) {
        for (const side of ['rows', 'cols'] as const) {
          const F = random.normal([side === 'rows' ? n : m, k], { seed: 7 })
          const { X, flops } = await M.solve(side, F, { ridge })
          try {
            solves(X, side === 'rows' ? denseOf(entries) : copy(transpose(denseOf(entries))), F, ridge)
          } catch (error) {
            throw new Error(`${m}×${n}, k = ${k}, ridge ${ridge}, ${side}: ${(error as Error).message}`, {
              cause: error,
            })
          }
          const exact = observed(entries).solve(side, F, { ridge }).flops
          // Rows that are singular are made twice there.
          assert(flops > exact / 2.1 && flops < exact * 1.01, `${flops} flops for ${exact}`)
        }
      }
      M.dispose()
      assert(gpu.stats().handles === handles, 'handles')
    }
  },

  'no magnitude of entries, factors or ridge is out of range of a solution': async (gpu) => {
    for (const [unit, size, ridge] of [
      [1e200, 1e-50, 0],
      [1e-200, 1e100, 0],
      [1, 1e-100, 1e250],
      [1e-30, 1e-60, 1e-121],
      [1, 0, 1],
      [1, 0, 0],
    ] as const) {
      const entries = uneven(5, 12, unit)
      const F = random.normal([12, 3], { seed: 7 })
      F.data.forEach((x, e) => (F.data[e] = size * x))
      const M = await gpu.observed(entries)
      const { X } = await M.solve('rows', F, { ridge })
      const exact = observed(entries).solve('rows', F, { ridge }).X
      const [most, error] = [largest(exact), largest(difference(X, exact))]
      // What float64 has below 2^-126 of the ridge's answer, and κ < 1000.
      assert(error <= 1000 * rounding(12) * most, `${unit}, ${size}, ${ridge}: ${error} of ${most}`)
      M.dispose()
    }
  },

  'a residual is the entries less the product, at the same places': async (gpu) => {
    for (const [m, n, k, unit] of [
      [9, 30, 1, 1],
      [40, 17, 5, 1e-200],
      [3, 1200, 6, 1e150],
      [4, 5, 0, 1],
    ] as const) {
      const entries = uneven(m, n, unit)
      const { handles } = gpu.stats()
      const M = await gpu.observed(entries)
      const [U, V] = [random.normal([m, k], { seed: 1 }), random.normal([n, k], { seed: 2 })]
      U.data.forEach((x, e) => (U.data[e] = x * unit * 1e20))
      V.data.forEach((x, e) => (V.data[e] = x * 1e-20))
      const R = await M.residual(U, V)
      M.dispose()
      await isResidual(R, observed(entries).residual(U, V), entries, U, V, 1)
      const again = await R.residual(U, V)
      R.dispose()
      const both = (F: Matrix): Matrix => {
        const G = copy(F)
        G.data.forEach((x, e) => (G.data[e] = 2 * x))
        return G
      }
      await isResidual(again, observed(entries).residual(both(U), V), entries, U, V, 2)
      again.dispose()
      await rejects('DISPOSED', () => again.residual(U, V))
      await rejects('DISPOSED', () => R.solve('rows', V, { ridge: 1 }))
      assert(gpu.stats().handles === handles, 'handles')
    }
  },

  'a product far beyond the entries, or of zeros and the largest, is in range': async (gpu) => {
    const entries = uneven(5, 6)
    const M = await gpu.observed(entries)
    const [U, V] = [zeros([5, 2]), zeros([6, 2])]
    for (let i = 0; i < 5; i++) U.set(i, 0, 1e100)
    for (let j = 0; j < 6; j++) {
      V.set(j, 0, 1e100)
      V.set(j, 1, 1e300)
    }
    const R = await M.residual(U, V)
    const { data } = await R.matmat(eye(6))
    denseOf(entries).data.forEach((value, e) => {
      const expected = value === 0 ? 0 : -1e200
      assert(Math.abs(data[e]! - expected) <= 1e-6 * Math.abs(expected), `${data[e]} for ${expected}`)
    })
    R.dispose()
    M.dispose()
  },

  'a row with fewer entries than unknowns has nearly the shortest solution': async (gpu) => {
    const k = 8
    const F = random.normal([6, k], { seed: 3 })
    const entries = { shape: [2, 6], rows: [0, 0, 1], cols: [1, 4, 2], values: [1, -2, 3] } as const
    const M = await gpu.observed(entries)
    const { X } = await M.solve('rows', F, { ridge: 0 })
    const exact = observed(entries).solve('rows', F, { ridge: 0 }).X
    // The ridge is 2^-14 of the largest diagonal entry, here less than the least eigenvalue in use.
    const fit = difference(matmul(X, transpose(F)), matmul(exact, transpose(F)))
    entries.rows.forEach((i, e) =>
      assert(Math.abs(fit.get(i, entries.cols[e]!)) < 2 ** -11, `fit ${fit.data.join()}`),
    )
    const error = norm(difference(X, exact)) / norm(exact)
    assert(error < 2 ** -7, `${error} from the shortest`)
    M.dispose()
  },

  'completion is that of the CPU': async (gpu) => {
    const entries = ratings(0.1)
    const { handles } = gpu.stats()
    for (const options of [
      { method: 'als', rank: 4 },
      { method: 'als', rank: 3, ridge: 0.1, bias: 'rowsAndCols' },
      { method: 'sketched', rank: 3, ridge: 0.1 },
      { method: 'softImpute', rank: 4, ridge: 2, rtol: 0.01 },
    ] as const) {
      const M = await gpu.observed(entries)
      await completes(M, entries, { ...options, iterations: 3 })
      M.dispose()
      assert(gpu.stats().handles === handles, `${gpu.stats().handles} handles after ${options.method}`)
    }
  },

  'completion finds a rank by entries that are held out': async (gpu) => {
    const all = ratings(0.05)
    const part = (keep: (e: number) => boolean) => {
      const of = (list: ArrayLike<number>) => Array.from(list).filter((_, e) => keep(e))
      return { rows: of(all.rows), cols: of(all.cols), values: of(all.values) }
    }
    const entries = { shape: all.shape, ...part((e) => e % 7 > 0) }
    const validation = part((e) => e % 7 === 0)
    const { handles } = gpu.stats()
    const M = await gpu.observed(entries)
    const options = { rank: [1, 3, 5], ridge: 0.1, bias: 'rowsAndCols', iterations: 6, validation } as const
    const found = await completes(M, entries, options)
    assert(found.rank === 3, `rank ${found.rank}`)
    M.dispose()
    assert(gpu.stats().handles === handles, 'handles')
  },

  'a completion that ends early leaves nothing but what it was given': async (gpu) => {
    const before = gpu.stats().handles
    const M = await gpu.observed(ratings(0.1))
    const { handles } = gpu.stats()
    const options = { rank: 3, bias: 'rowsAndCols', iterations: 2 } as const
    for (const method of methods) {
      for (const after of [0, 4]) {
        const controller = new AbortController()
        const reason = new Error('enough')
        let told = 0
        const onProgress = () => void (told++ === after && controller.abort(reason))
        const given: unknown = await completeMatrix(M, {
          ...options,
          method,
          onProgress,
          signal: controller.signal,
        }).catch((error: unknown) => error)
        assert(told <= after || given === reason, String(given))
        const thrown: unknown = await completeMatrix(M, {
          ...options,
          method,
          onProgress: () => {
            if (told-- < 2) throw reason
          },
        }).catch((error: unknown) => error)
        assert(thrown === reason, String(thrown))
        assert(gpu.stats().handles === handles, `${gpu.stats().handles} handles of ${handles}`)
      }
    }
    const running = completeMatrix(M, options)
    M.dispose()
    await rejects('DISPOSED', () => running)
    assert(gpu.stats().handles === before, `${gpu.stats().handles} handles of ${before}`)
  },

  'bad entries and bad factors are said': async (gpu) => {
    const { handles } = gpu.stats()
    await rejects('SHAPE', () => gpu.observed({ shape: [2, 2], rows: [2], cols: [0], values: [1] }))
    await rejects('SHAPE', () => gpu.observed({ shape: [2, 2], rows: [0], cols: [0], values: [1, 2] }))
    await rejects('SHAPE', () => gpu.observed({ shape: [2 ** 24 + 1, 1], rows: [], cols: [], values: [] }))
    await rejects('NOT_FINITE', () => gpu.observed({ shape: [2, 2], rows: [0], cols: [0], values: [NaN] }))
    const M = await gpu.observed(uneven(5, 4))
    const bad = zeros([4, 1])
    bad.data.fill(Infinity)
    await rejects('SHAPE', () => M.solve('rows', zeros([5, 1]), { ridge: 0 }))
    await rejects('SHAPE', () => M.solve('cols', zeros([4, 1]), { ridge: 0 }))
    await rejects('NOT_FINITE', () => M.solve('rows', bad, { ridge: 0 }))
    await rejects('SHAPE', () => M.residual(zeros([4, 1]), zeros([4, 1])))
    await rejects('NOT_FINITE', () => M.residual(zeros([5, 1]), bad))
    M.dispose()
    M.dispose()
    await rejects('DISPOSED', () => M.solve('rows', zeros([4, 1]), { ridge: 0 }))
    assert(gpu.stats().handles === handles, 'handles')
  },
}

/**
 * |Gx − b| <= c·2⁻²⁴·(trace G·|x| + Σ|f||m|) for each row, G = FᵀF + λI over its entries: what rounding of G, of b and of
 * Cholesky's method comes to. Rows of fewer entries than unknowns and no ridge are not looked at.
 */
function solves(X: Matrix, M: Matrix, F: Matrix, ridge: number): void {
  const [m, n] = M.shape as [number, number]
  const k = F.shape[1]!
  assert(X.shape[0] === m && X.shape[1] === k, `shape ${X.shape.join()}`)
  for (let i = 0; i < m; i++) {
    const entries = Array.from({ length: n }, (_, j) => j).filter((j) => M.get(i, j) !== 0)
    const x = Array.from({ length: k }, (_, t) => X.get(i, t))
    if (entries.length === 0)
      assert(
        x.every((value) => value === 0),
        `row ${i} has no entries: ${x.join()}`,
      )
    if (entries.length < k && ridge === 0) continue
    const gradient = x.map((value) => ridge * value)
    let [trace, right] = [ridge, 0]
    for (const j of entries) {
      let fit = -M.get(i, j)
      let square = 0
      for (let t = 0; t < k; t++) {
        fit += x[t]! * F.get(j, t)
        square += F.get(j, t) ** 2
      }
      for (let t = 0; t < k; t++) gradient[t]! += fit * F.get(j, t)
      trace += square
      right += Math.sqrt(square) * Math.abs(M.get(i, j))
    }
    const error = Math.hypot(...gradient)
    const bound = (rounding(entries.length) + k * UNIT) * (trace * Math.hypot(...x) + right)
    assert(error <= bound, `row ${i}: gradient ${error}, of ${bound}`)
  }
}

/** R is what `times` products take off the entries, by its rows, its columns and its norm. */
async function isResidual(
  R: GpuObserved,
  exact: ObservedOperand,
  entries: Triplets,
  U: Matrix,
  V: Matrix,
  times: number,
): Promise<void> {
  const [m, n] = R.shape
  const M = denseOf(entries)
  const expected = exact.matmat(eye(n))
  const byRow = await R.matmat(eye(n))
  const byCol = copy(transpose(await R.rmatmat(eye(m))))
  let bounds = 0
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let spread = Math.abs(M.get(i, j))
      if (spread > 0)
        for (let t = 0; t < U.shape[1]!; t++) spread += times * Math.abs(U.get(i, t) * V.get(j, t))
      const bound = 2 * times * rounding(U.shape[1]!) * spread
      bounds = Math.hypot(bounds, bound)
      for (const answer of [byRow, byCol]) {
        const error = Math.abs(answer.get(i, j) - expected.get(i, j))
        assert(error <= bound, `entry ${i}, ${j}: ${answer.get(i, j)} for ${expected.get(i, j)}`)
      }
    }
  }
  const [is, should] = [await R.frobeniusNorm(), exact.frobeniusNorm()]
  assert(Math.abs(is - should) <= bounds + rounding(n) * should, `norm ${is} for ${should}`)
}

/**
 * The same completion, up to 10⁻⁴ of the matrix: 2⁻²³ times the condition of the rows, over some sweeps. What is asked for
 * inexactly is exact here.
 */
async function completes(
  M: GpuObserved,
  entries: Triplets,
  options: CompleteMatrixOptions,
): Promise<Completion> {
  const exact = options.method === 'sketched' ? { ...options, method: 'als' as const } : options
  const [onGpu, onCpu] = [await completeMatrix(M, options), completeMatrix(observed(entries), exact)]
  const size = norm(onCpu.toDense())
  const error = norm(difference(onGpu.toDense(), onCpu.toDense()))
  assert(error <= 1e-4 * size, `${options.method} ${options.bias}: ${error / size} apart`)
  const [last, there] = [onGpu.history.at(-1)!, onCpu.history.at(-1)!]
  assert(onGpu.rank === onCpu.rank, `rank ${onGpu.rank} for ${onCpu.rank}`)
  assert(relative(last.residual, there.residual) < 1e-3, `residual ${last.residual} for ${there.residual}`)
  if (there.heldOut !== undefined) {
    assert(relative(last.heldOut!, there.heldOut) < 1e-3, `held out ${last.heldOut} for ${there.heldOut}`)
  }
  return onGpu
}

function difference(A: Matrix, B: Matrix): Matrix {
  const C = copy(A)
  C.data.forEach((x, e) => (C.data[e] = x - B.data[e]!))
  return C
}

const largest = (A: Matrix): number => A.data.reduce((most, x) => Math.max(most, Math.abs(x)), 0)
