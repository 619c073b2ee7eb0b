import fc from 'fast-check'
import { expect, test } from 'vitest'
import { matmul, matrix, norm } from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { solvers } from '../../src/recipes/index.js'
import { orthonormal, withSpectrum } from '../../src/testing/index.js'
import { RUNS, build, cases, spectrumOf } from '../support/cases.js'
import { EPS, YARDSTICK } from '../support/measures.js'

const { codingRate } = solvers
const hard = cases({ minSide: 1, maxSide: 20, scales: [0] })

/** k groups, sample i in group i mod k. */
const labels = (k: number, n: number): Matrix =>
  matrix(Array.from({ length: k }, (_, j) => Array.from({ length: n }, (_, i) => (i % k === j ? 1 : 0))))

test('the rate is ½·Σ log(1 + d·σ²/(nε²)), whichever side is the shorter', () => {
  fc.assert(
    fc.property(hard, fc.constantFrom(0.1, 0.5, 2), (c, epsilon) => {
      const alpha = c.m / (c.n * epsilon ** 2)
      const expected = spectrumOf(c).reduce((sum, s) => sum + Math.log1p(alpha * s * s) / 2, 0)
      const found = codingRate(build(c), { epsilon })
      const units = YARDSTICK * EPS * Math.max(c.m, c.n)
      // log det of I + M is off by its trace's rounding.
      expect(Math.abs(found.whole - expected)).toBeLessThanOrEqual(units * Math.min(c.m, c.n) * (1 + alpha))
      expect(found.grouped).toBe(found.whole)
      expect(found.reduction).toBe(0)
    }),
    RUNS,
  )
})

test('a grouping never costs, and rotations change nothing', () => {
  fc.assert(
    fc.property(hard, fc.integer({ min: 1, max: 4 }), (c, k) => {
      const Z = build(c)
      const memberships = labels(k, c.n)
      const units = YARDSTICK * EPS * Math.max(c.m, c.n) * c.m * (1 + 4 * c.m)
      const found = codingRate(Z, { memberships })
      expect(found.reduction).toBeGreaterThanOrEqual(-units)
      const turned = codingRate(matmul(orthonormal(c.m, c.m, { seed: c.seed }), Z), { memberships })
      expect(Math.abs(turned.reduction - found.reduction)).toBeLessThanOrEqual(units)
    }),
    RUNS,
  )
})

test('the gradient is the slope', () => {
  const Z = withSpectrum(4, 7, [1, 0.7, 0.5, 0.2], { seed: 3 })
  const soft = matrix([
    [1, 0.5, 0.2, 0, 0.9, 0.3, 0],
    [0, 0.5, 0.8, 1, 0.1, 0.7, 1],
  ])
  const { gradient } = codingRate(Z, { memberships: soft, gradient: true })
  const h = EPS ** (1 / 3)
  for (let e = 0; e < Z.data.length; e++) {
    const at = (x: number): number => {
      const moved = matrix(Z.data.slice(), [4, 7])
      moved.data[e]! += x
      return codingRate(moved, { memberships: soft }).reduction
    }
    // Central differences: h² from the third derivative, which is of order 100 here, and eps/h.
    expect(Math.abs((at(h) - at(-h)) / (2 * h) - gradient!.data[e]!)).toBeLessThanOrEqual(1000 * h * h)
  }
})

test('orthogonal subspaces have the largest reduction, one subspace none to speak of', () => {
  const [d, classes, each] = [12, 3, 40]
  const samples = (basis: (j: number) => Matrix): Matrix => {
    const Z = matrix(new Float64Array(d * classes * each), [d, classes * each])
    for (let j = 0; j < classes; j++) {
      const part = matmul(basis(j), withSpectrum(4, each, [1, 1, 1, 1], { seed: j + 1 }))
      for (let i = 0; i < each; i++) {
        const column = Array.from({ length: d }, (_, t) => part.get(t, i))
        const size = Math.hypot(...column)
        column.forEach((x, t) => Z.set(t, i * classes + j, x / size))
      }
    }
    return Z
  }
  const Q = orthonormal(d, d, { seed: 5 })
  const block = (j: number): Matrix =>
    matrix(Array.from({ length: d }, (_, t) => [0, 1, 2, 3].map((c) => Q.get(t, 4 * j + c))))
  const memberships = labels(classes, classes * each)
  const apart = codingRate(samples(block), { memberships }).reduction
  const together = codingRate(
    samples(() => block(0)),
    { memberships },
  ).reduction
  // Core handbook J7: 4.45 and 0.03.
  expect(apart).toBeGreaterThan(4)
  expect(together).toBeLessThan(0.1)
  expect(norm(Q)).toBeGreaterThan(0)
})

test('what is no membership is refused', () => {
  const Z = [[1, 0], [0, 1]] // prettier-ignore
  expect(() => codingRate(Z, { memberships: [[1, 0.5]] })).toThrow(
    /codingRate: options.memberships: .* add up to 1/,
  )
  expect(() => codingRate(Z, { memberships: [[2, 1], [-1, 0]] })).toThrow(/numbers >= 0/) // prettier-ignore
  expect(() => codingRate(Z, { memberships: [[1]] })).toThrow(/expected 2 columns/)
  expect(() => codingRate(Z, { epsilon: 0 })).toThrow(/options.epsilon/)
  expect(() => codingRate([[Infinity]])).toThrow(/Infinity/)
})
