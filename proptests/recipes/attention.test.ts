import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { effectiveRank, matrix, norm, random, sampledProduct } from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { solvers } from '../../src/recipes/index.js'
import { RUNS } from '../support/cases.js'
import { EPS, YARDSTICK, minus, times } from '../support/measures.js'

const { linearAttentionRank, scatterbrain } = solvers

const shapes = fc.record({
  seed: fc.nat(2 ** 20),
  n: fc.integer({ min: 1, max: 20 }),
  m: fc.integer({ min: 1, max: 20 }),
  d: fc.integer({ min: 1, max: 6 }),
  width: fc.integer({ min: 1, max: 5 }),
  /** Logits reach some hundreds at 10: exponentials overflow where they are not scaled. */
  size: fc.constantFrom(0.3, 1, 10),
})

interface Shapes {
  readonly seed: number
  readonly n: number
  readonly m: number
  readonly d: number
  readonly width: number
  readonly size: number
}

const inputs = ({ seed, n, m, d, width, size }: Shapes): [Matrix, Matrix, Matrix] => {
  const scaledBy = (X: Matrix): Matrix =>
    matrix(
      X.data.map((x) => size * x),
      [X.shape[0]!, X.shape[1]!],
    )
  return [
    scaledBy(random.normal([n, d], { seed: 3 * seed })),
    scaledBy(random.normal([m, d], { seed: 3 * seed + 1 })),
    random.normal([m, width], { seed: 3 * seed + 2 }),
  ]
}

const everywhere = (n: number, m: number): { rows: number[]; cols: number[] } => ({
  rows: Array.from({ length: n * m }, (_, e) => Math.floor(e / m)),
  cols: Array.from({ length: n * m }, (_, e) => e % m),
})

/** Rows of weights, by the definition. */
function softmaxAttention(Q: Matrix, K: Matrix, V: Matrix, scale: number): Matrix {
  const logits = times(Q, K.transpose(1, 0))
  const [n, m] = [logits.shape[0]!, logits.shape[1]!]
  for (let i = 0; i < n; i++) {
    const row = Array.from({ length: m }, (_, j) => scale * logits.get(i, j))
    const largest = Math.max(...row)
    const total = row.reduce((sum, x) => sum + Math.exp(x - largest), 0)
    row.forEach((x, j) => logits.set(i, j, Math.exp(x - largest) / total))
  }
  return times(logits, V)
}

describe('scatterbrain', () => {
  test('with every place in its support it is exact attention', () => {
    fc.assert(
      fc.property(shapes, (c) => {
        const [Q, K, V] = inputs(c)
        const exact = softmaxAttention(Q, K, V, 1 / Math.sqrt(c.d))
        const found = scatterbrain(Q, K, V, { features: 4, support: everywhere(c.n, c.m), seed: c.seed })
        // An exponent x is off by d·eps·|x| at most, and its exponential relatively by as much.
        const logit = (norm(Q) * norm(K)) / Math.sqrt(c.d)
        const units = YARDSTICK * EPS * (c.d + c.m) * (1 + logit)
        // What the features put outside cancels to rounding of the largest weight, and is not below zero.
        expect(norm(minus(found, exact))).toBeLessThanOrEqual(units * Math.sqrt(c.n) * norm(V))
      }),
      RUNS,
    )
  })

  test('without support it is the features’ attention, finite for any logits, within the values', () => {
    fc.assert(
      fc.property(shapes, (c) => {
        const [Q, K] = inputs(c)
        const ones = matrix(new Float64Array(c.m).fill(1), [c.m, 1])
        const none = { rows: [], cols: [] }
        for (const value of scatterbrain(Q, K, ones, { support: none, seed: c.seed }).data) {
          expect(Math.abs(value - 1)).toBeLessThanOrEqual(YARDSTICK * EPS * (c.m + 64))
        }
      }),
      RUNS,
    )
  })

  test('on the support of large entries its error falls below that of the features alone, on 30 seeds', () => {
    let better = 0
    for (let seed = 0; seed < 30; seed++) {
      const [Q, K, V] = inputs({ seed, n: 64, m: 64, d: 8, width: 4, size: 1.5 })
      const scale = 1 / Math.sqrt(8)
      const exact = softmaxAttention(Q, K, V, scale)
      const places = everywhere(64, 64)
      const logits = sampledProduct(Q, K, places)
      const order = Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]!)
      const kept = order.slice(0, 64 * 8)
      const support = { rows: kept.map((e) => places.rows[e]!), cols: kept.map((e) => places.cols[e]!) }
      const options = { features: 32, seed }
      const both = norm(minus(scatterbrain(Q, K, V, { ...options, support }), exact))
      const features = norm(
        minus(scatterbrain(Q, K, V, { ...options, support: { rows: [], cols: [] } }), exact),
      )
      if (both < features) better++
    }
    expect(better).toBeGreaterThanOrEqual(30 * 0.97)
  })

  test('more features come closer, as the root of their number', () => {
    const [Q, K, V] = inputs({ seed: 1, n: 40, m: 40, d: 4, width: 3, size: 0.5 })
    const exact = softmaxAttention(Q, K, V, 0.5)
    const meanError = (features: number): number => {
      let sum = 0
      for (let seed = 0; seed < 20; seed++) {
        sum += norm(minus(scatterbrain(Q, K, V, { features, seed, window: 0 }), exact)) ** 2
      }
      return Math.sqrt(sum / 20)
    }
    // Sixteen times the features, a quarter of the error; twenty runs know each to about 1/√20 · √(2/3).
    const ratio = meanError(16) / meanError(256)
    expect(ratio).toBeGreaterThan(4 * (1 - 0.4))
    expect(ratio).toBeLessThan(4 * (1 + 0.6))
  })

  test('what does not fit is refused', () => {
    const [Q, K, V] = inputs({ seed: 1, n: 4, m: 5, d: 3, width: 2, size: 1 })
    expect(() => scatterbrain(Q, V, V)).toThrow(/scatterbrain: K: expected 3 columns/)
    expect(() => scatterbrain(Q, K, Q)).toThrow(/scatterbrain: V: expected 5 rows/)
    expect(() => scatterbrain(Q, K, V, { support: { rows: [4], cols: [0] } })).toThrow(/options.support.rows/)
    expect(() => scatterbrain(Q, K, V, { support: { rows: [1, 1], cols: [0, 0] } })).toThrow(
      /each place once/,
    )
    expect(() => scatterbrain(Q, K, V, { support: { rows: [1], cols: [] } })).toThrow(/equal length/)
    expect(() => scatterbrain([[NaN]], [[1]], [[1]])).toThrow(/NaN/)
    expect(scatterbrain(Q, matrix([], [0, 3]), matrix([], [0, 2])).shape).toEqual([4, 2])
  })
})

describe('linearAttentionRank', () => {
  test('weights add up to N; equal keys get linear attention; outputs are means of the values', () => {
    fc.assert(
      fc.property(shapes, (c) => {
        const [Q, , V] = inputs({ ...c, m: c.n })
        const K = inputs({ ...c, m: c.n })[1]
        const { weights, mixed, output } = linearAttentionRank(Q, K, V)
        const units = YARDSTICK * EPS * (c.n + c.d)
        expect(Math.abs(weights.reduce((sum, a) => sum + a, 0) - c.n)).toBeLessThanOrEqual(units * c.n)
        expect(output.data).toEqual(mixed.data)
        for (let j = 0; j < c.width; j++) {
          const column = Array.from({ length: c.n }, (_, i) => V.get(i, j))
          const [low, high] = [Math.min(...column), Math.max(...column)]
          const room = units * Math.max(-low, high)
          for (let i = 0; i < c.n; i++) {
            expect(mixed.get(i, j)).toBeGreaterThanOrEqual(low - room)
            expect(mixed.get(i, j)).toBeLessThanOrEqual(high + room)
          }
        }
        const same = matrix(
          Array.from({ length: c.n }, () => Array.from({ length: c.d }, (_, t) => K.get(0, t))),
        )
        for (const a of linearAttentionRank(Q, same, V).weights)
          expect(Math.abs(a - 1)).toBeLessThanOrEqual(units)
      }),
      RUNS,
    )
  })

  test('modulation lifts the rank above the width of the keys', () => {
    const N = 196
    const d = 32
    const [Q, K, V, phi] = [1, 2, 3, 4].map((seed) => random.normal([N, d], { seed })) as [
      Matrix,
      Matrix,
      Matrix,
      Matrix,
    ]
    const { mixed, output } = linearAttentionRank(Q, K, V, { modulation: phi })
    expect(effectiveRank(mixed)).toBeLessThan(8)
    expect(effectiveRank(output)).toBeGreaterThan(20)
    for (let e = 0; e < output.data.length; e++) expect(output.data[e]).toBe(mixed.data[e]! * phi.data[e]!)
  })

  test('nothing becomes NaN, and what does not fit is refused', () => {
    const low = matrix([[-1e4], [-1e4]])
    expect(linearAttentionRank(low, low, [[1], [2]]).output.data.every(Number.isFinite)).toBe(true)
    expect(() => linearAttentionRank([[1, 2]], [[1]], [[1]])).toThrow(/linearAttentionRank: K: expected 1×2/)
    expect(() => linearAttentionRank([[1]], [[1]], [[1]], { modulation: [[1, 2]] })).toThrow(
      /options.modulation/,
    )
  })
})
