import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  ConvergenceError,
  matmul,
  lstsq,
  matrix,
  norm,
  random,
  svd,
  svdvals,
  transpose,
  zeros,
} from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { leverageScores, sampleRows, sampledLstsq, volumeSample } from '../../src/sketch/index.js'
import { orthonormal } from '../../src/testing/index.js'
import { RUNS, build, cases, relaid } from '../support/cases.js'
import { doors } from '../support/doors.js'
import { expectLaw, minor } from '../support/laws.js'
import { EPS, YARDSTICK, times } from '../support/measures.js'

const METHODS = ['volume', 'dpp', 'iid'] as const

/** Rows of unequal weight, not orthonormal. */
const A = matrix([
  [1, 0.2],
  [0.5, -1],
  [2, 0.3],
  [-0.4, 0.6],
  [0.1, 1.5],
])
const [N, R] = [5, 2]
const B = Float64Array.of(1, -2, 0.5, 3, 1)
const scores = leverageScores(A)
const U = svd(A).U
/** UUᵀ, whose minors are the probabilities of pairs. */
const PROJECTION = matmul(U, transpose(U))

const pairs = Array.from({ length: N * N }, (_, e) => [Math.floor(e / N), e % N] as const).filter(
  ([i, j]) => i < j,
)

/** Every outcome of volume sampling of `count` <= 4 rows, with its probability. */
function outcomes(count: number): { indices: number[]; p: number }[] {
  let all = pairs.map(([i, j]) => ({ indices: [i, j], p: minor(PROJECTION, [i, j]) }))
  for (let t = R; t < count; t++) {
    all = all.flatMap(({ indices, p }) =>
      Array.from(scores, (score, k) => ({ indices: [...indices, k], p: (p * score) / R })),
    )
  }
  return all
}

const weightsOf = (indices: readonly number[]): number[] =>
  indices.map((i) => Math.sqrt(R / (indices.length * scores[i]!)))

const valuesAt = (b: ArrayLike<number>, indices: ArrayLike<number>): number[] =>
  Array.from(indices, (i) => b[i]!)

describe('volume-rescaled sampling, every outcome with its probability', () => {
  const best = lstsq(A, B)

  test.each([2, 3, 4])('of %i rows: the fit is unbiased, E[G⁻¹] = n/(n − m + 1)·I, E[G] = I', (count) => {
    const mean = new Float64Array(R)
    const [inverse, gram] = [zeros([R, R]), zeros([R, R])]
    let total = 0
    for (const { indices, p } of outcomes(count)) {
      const weights = weightsOf(indices)
      const { X, rank } = sampledLstsq(A, valuesAt(B, indices), { indices, weights })
      expect(rank).toBe(R)
      total += p
      X.forEach((x, j) => (mean[j]! += p * x))
      let [a, b, c] = [0, 0, 0]
      indices.forEach((i, t) => {
        const [x, y, w] = [U.get(i, 0), U.get(i, 1), weights[t]! ** 2]
        a += w * x * x
        b += w * x * y
        c += w * y * y
      })
      const determinant = a * c - b * b
      const add = (M: Matrix, entries: number[]): void =>
        entries.forEach((value, e) => (M.data[e]! += p * value))
      add(gram, [a, b, b, c])
      add(inverse, [c / determinant, -b / determinant, -b / determinant, a / determinant])
    }
    const near = (x: number, y: number): void => expect(Math.abs(x - y)).toBeLessThan(1e-11)
    near(total, 1)
    mean.forEach((x, j) => near(x, best.X[j]!))
    // n/(n − m + 1)·I where no sample is singular. Here one row may come n times: with E[adj] over all samples and
    // no singular ones in E[G⁻¹], what is missing is (τ/2)ⁿ·(2n/τ)·(τI − uuᵀ)/(n − 1) of each row.
    ;[1, 0, 0, 1].forEach((x, e) => {
      near(gram.data[e]!, x)
      let expected = count * x
      scores.forEach((tau, k) => {
        const missing = tau * x - U.get(k, e >> 1) * U.get(k, e & 1)
        expected -= (tau / 2) ** count * ((2 * count) / tau) * missing
      })
      near(inverse.data[e]!, expected / (count - 1))
    })
  })

  test('of as many rows as columns: the mean square error is r + 1 times the best', () => {
    let mean = 0
    for (const { indices, p } of outcomes(R)) {
      const { X } = sampledLstsq(A, valuesAt(B, indices), { indices })
      mean += p * B.reduce((sum, b, i) => sum + (b - A.get(i, 0) * X[0]! - A.get(i, 1) * X[1]!) ** 2, 0)
    }
    expect(mean / best.residuals[0]! ** 2).toBeCloseTo(R + 1, 10)
  })

  test('the sampler draws by that law, and its weights are those', () => {
    const P = new Float64Array(N ** 3)
    const cell = (indices: ArrayLike<number>): number => {
      const [i, j] = [Math.min(indices[0]!, indices[1]!), Math.max(indices[0]!, indices[1]!)]
      return (i * N + j) * N + indices[2]!
    }
    for (const { indices, p } of outcomes(3)) P[cell(indices)]! += p
    expectLaw(
      P,
      (seed) => {
        const { indices, weights, rank } = volumeSample(A, { count: 3, seed })
        expect(rank).toBe(R)
        const truth = weightsOf(Array.from(indices))
        weights.forEach((w, t) => expect(Math.abs(w / truth[t]! - 1)).toBeLessThan(1e-12))
        return cell(indices)
      },
      4000,
    )
  })

  test("'dpp' draws pairs that are independent of each other, 'iid' rows", () => {
    const P = new Float64Array(N ** 4)
    const cell = (S: ArrayLike<number>): number => {
      const sorted = [S[0]!, S[1]!].sort().concat([S[2]!, S[3]!].sort())
      return sorted.reduce((sum, i) => sum * N + i, 0)
    }
    for (const first of outcomes(R)) {
      for (const second of outcomes(R)) P[cell([...first.indices, ...second.indices])]! += first.p * second.p
    }
    expectLaw(P, (seed) => cell(volumeSample(A, { count: 3, method: 'dpp', seed }).indices), 4000)
    const Q = Float64Array.from(
      { length: N * N },
      (_, e) => (scores[Math.floor(e / N)]! * scores[e % N]!) / R ** 2,
    )
    expectLaw(
      Q,
      (seed) => {
        const [i, j] = volumeSample(A, { count: 2, method: 'iid', seed }).indices
        return i! * N + j!
      },
      4000,
    )
  })
})

describe('volumeSample', () => {
  test.each([8, 12, 24])(
    'mean inverse Gram matrix of %i rows for six columns, within four sigma',
    (count) => {
      const V = orthonormal(300, 6, { seed: 1 })
      const seeds = 400
      let [sum, squares] = [0, 0]
      for (let seed = 0; seed < seeds; seed++) {
        const { indices, weights } = volumeSample(V, { count, seed })
        const s = svdvals(sampleOf(V, indices, weights))
        const trace = s.reduce((total, sigma) => total + 1 / sigma ** 2, 0) / 6
        sum += trace
        squares += trace ** 2
      }
      const mean = sum / seeds
      const sigma = Math.sqrt((squares / seeds - mean ** 2) / seeds)
      expect(sigma / mean).toBeLessThan(0.1)
      expect(Math.abs(mean - count / (count - 5))).toBeLessThan(4 * sigma)
    },
  )

  test.each(METHODS)('%s: as many rows as wanted, E[(SA)ᵀSA] = AᵀA', (method) => {
    const V = random.normal([40, 3], { seed: 4 })
    const x = [1, -2, 0.5]
    const truth = norm(times(V, matrix(x, [3, 1]))) ** 2
    const seeds = 1500
    let [sum, squares] = [0, 0]
    for (let seed = 0; seed < seeds; seed++) {
      const { indices, weights } = volumeSample(V, { count: 7, method, seed })
      expect(indices.length).toBe(method === 'dpp' ? 9 : 7)
      const value = norm(times(sampleOf(V, indices, weights), matrix(x, [3, 1]))) ** 2
      sum += value
      squares += value ** 2
    }
    const mean = sum / seeds
    const sigma = Math.sqrt((squares / seeds - mean ** 2) / seeds)
    expect(sigma / mean).toBeLessThan(0.05)
    expect(Math.abs(mean - truth)).toBeLessThan(4 * sigma)
  })

  test('any matrix: the first rows are distinct and span its range, weights are finite', () => {
    const inputs = fc.record({
      c: cases({ minSide: 1, maxSide: 30 }),
      extra: fc.integer({ min: 0, max: 9 }),
      method: fc.constantFrom(...METHODS),
      seed: fc.nat(1000),
    })
    fc.assert(
      fc.property(inputs, ({ c, extra, method, seed }) => {
        const M = build(c)
        const rank = Math.round(leverageScores(M).reduce((sum, score) => sum + score, 0))
        if (rank === 0) {
          expect(() => volumeSample(M, { count: 1 })).toThrow(/rank 1 or more/)
          return
        }
        const sample = volumeSample(M, { count: rank + extra, method, seed })
        expect(sample.rank).toBe(rank)
        expect(sample.indices.length).toBe(
          method === 'dpp' ? rank * Math.ceil((rank + extra) / rank) : rank + extra,
        )
        if (method !== 'iid') expect(new Set(sample.indices.subarray(0, rank)).size).toBe(rank)
        for (const w of sample.weights) expect(w > 0 && w < Infinity).toBe(true)
        for (const i of sample.indices) expect(i >= 0 && i < c.m).toBe(true)
      }),
      RUNS,
    )
  })

  test.each(METHODS)('%s: stabilized, no direction is lost', (method) => {
    const V = orthonormal(200, 5, { seed: 3 })
    let changed = 0
    for (let seed = 0; seed < 20; seed++) {
      const sample = volumeSample(V, { count: 40, method, stabilize: 0.5, seed })
      for (const sigma of svdvals(sampleOf(V, sample.indices, sample.weights))) {
        expect(Math.abs(sigma ** 2 - 1)).toBeLessThanOrEqual(0.5 + 1e-12)
      }
      if (volumeSample(V, { count: 40, method, seed }).indices.join() !== sample.indices.join()) changed++
    }
    // Independent rows fail now and then at this size.
    if (method === 'iid') expect(changed).toBeGreaterThan(0)
    expect(changed).toBeLessThan(20)
  })

  test('stabilize with too few rows says so, with the best sample', () => {
    const V = orthonormal(60, 4, { seed: 3 })
    try {
      volumeSample(V, { count: 4, stabilize: 0.01 })
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(ConvergenceError)
      const { best, residual } = error as ConvergenceError<{ indices: Int32Array; weights: Float64Array }>
      const s = svdvals(sampleOf(V, best!.indices, best!.weights))
      const off = Math.max(...s.map((sigma) => Math.abs(sigma ** 2 - 1)))
      expect(off).toBeCloseTo(residual, 12)
    }
  })

  test('is the same behind every door, for a recombination of columns, and for the same seed only', async () => {
    const M = random.normal([30, 4], { seed: 2 })
    for (const method of METHODS) {
      const options = { count: 9, method, seed: 3 }
      const once = volumeSample(M, options)
      expect(volumeSample(M, options)).toEqual(once)
      expect(volumeSample(relaid(M, 'reversed'), options).indices).toEqual(once.indices)
      expect(volumeSample(M, { ...options, seed: 4 }).indices).not.toEqual(once.indices)
      for (const door of Object.values(doors(M))) {
        expect((await volumeSample(door, options)).indices).toEqual(once.indices)
      }
      expect(await volumeSample.async(M, options)).toEqual(once)
    }
  })
})

function sampleOf(V: Matrix, indices: Int32Array, weights: Float64Array): Matrix {
  const W = zeros([indices.length, V.shape[1]!])
  indices.forEach((i, t) => {
    for (let j = 0; j < V.shape[1]!; j++) W.set(t, j, weights[t]! * V.get(i, j))
  })
  return W
}

describe('sampledLstsq', () => {
  test('is the least squares of the reweighted rows, for vectors and matrices', () => {
    const inputs = fc.record({
      c: cases({ minSide: 1, maxSide: 25, spectra: ['flat', 'polynomial', 'clustered'] }),
      k: fc.integer({ min: 1, max: 3 }),
      count: fc.integer({ min: 1, max: 40 }),
      seed: fc.nat(1000),
    })
    fc.assert(
      fc.property(inputs, ({ c, k, count, seed }) => {
        const M = build(c)
        const indices = random.uniform([count], { seed }).data.map((u) => Math.floor(u * c.m))
        const weights = random.uniform([count], { seed: seed + 1 }).data.map((u) => 0.5 + u)
        const values = random.normal([count, k], { seed })
        const W = sampleOf(M, Int32Array.from(indices), weights)
        const weighted = zeros([count, k])
        for (let t = 0; t < count; t++)
          for (let j = 0; j < k; j++) weighted.set(t, j, weights[t]! * values.get(t, j))
        const truth = lstsq(W, weighted)
        const found = sampledLstsq(M, values, { indices, weights })
        expect(found.rank).toBe(truth.rank)
        const ratio = truth.s[0]! / truth.s[truth.rank - 1]!
        const size = norm(truth.X) + norm(weighted) / truth.s[truth.rank - 1]!
        const tolerance = YARDSTICK * Math.max(count, c.n) * EPS * ratio * size
        for (let e = 0; e < truth.X.data.length; e++) {
          expect(Math.abs(found.X.data[e]! - truth.X.data[e]!)).toBeLessThanOrEqual(tolerance)
        }
        const one = sampledLstsq(
          M,
          Array.from({ length: count }, (_, t) => values.get(t, 0)),
          { indices, weights },
        )
        for (let i = 0; i < c.n; i++)
          expect(Math.abs(one.X[i]! - found.X.get(i, 0))).toBeLessThanOrEqual(tolerance)
        expect(Math.abs(found.residuals[0]! - truth.residuals[0]!)).toBeLessThanOrEqual(
          YARDSTICK * Math.max(count, c.n) * EPS * (norm(weighted) + truth.s[0]! * size),
        )
      }),
      RUNS,
    )
  })

  test('takes samples as sampleRows gives them, asks for those rows only, behind every door', async () => {
    const M = random.normal([40, 4], { seed: 1 })
    const x = [1, 2, -1, 0.5]
    const sample = sampleRows(M, { scores: leverageScores(M), count: 12 })
    const values = Array.from(sample.indices, (i) => x.reduce((sum, c, j) => sum + c * M.get(i, j), 0))
    for (const [name, door] of Object.entries(doors(M))) {
      const { X, residuals } = await sampledLstsq(door, values, sample)
      // A float32 door rounds what it is handed: rows of the identity, exactly.
      X.forEach((value, j) => expect(Math.abs(value - x[j]!), name).toBeLessThan(1e-12))
      expect(residuals[0]).toBeLessThan(1e-12)
    }
    expect((await sampledLstsq.async(M, values, sample)).X.length).toBe(4)
    const asked: number[] = []
    sampledLstsq(
      {
        shape: [40, 4],
        matmat: () => expect.unreachable(),
        rmatmat: () => expect.unreachable(),
        rows: (I) => {
          asked.push(...I)
          const rows = zeros([I.length, 4])
          I.forEach((i, t) => x.forEach((_, j) => rows.set(t, j, M.get(i, j))))
          return rows
        },
      },
      values,
      sample,
    )
    expect(asked).toEqual(Array.from(sample.indices))
  })

  test('weights and rows of any size; a weight of 0 leaves its row out', () => {
    const rows = [
      [1e200, 0],
      [0, 1e200],
      [1, 1],
    ]
    const { X } = sampledLstsq(rows, [2e200, 3e200, 9], { indices: [0, 1, 2], weights: [1e150, 1e150, 0] })
    expect(X[0]).toBeCloseTo(2, 14)
    expect(X[1]).toBeCloseTo(3, 14)
    expect(Array.from(sampledLstsq(rows, [1], { indices: [2], weights: [0] }).X)).toEqual([0, 0])
    expect(Array.from(sampledLstsq(rows, [], { indices: [] }).X)).toEqual([0, 0])
  })
})
