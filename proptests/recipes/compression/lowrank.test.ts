import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { matrix, norm, operator, random, svdvals } from '../../../src/linalg/index.js'
import type { Matrix } from '../../../src/linalg/index.js'
import { compression } from '../../../src/recipes/index.js'
import { orthonormal } from '../../../src/testing/index.js'
import { RUNS } from '../../support/cases.js'
import { EPS, YARDSTICK, minus, tail, times } from '../../support/measures.js'
import { gramOf, inputsOf, layers, outputError, productErrors, rankFor, weightOf } from './layers.js'

const { truncatedSvd, fwsvd, eora } = compression
const units = (m: number, n: number): number => YARDSTICK * EPS * Math.max(m, n)

/** Row (column) scales, logarithmic from 1 to 100. */
const weights = (size: number, seed: number): Float64Array =>
  random.uniform([size], { seed }).data.map((u) => 100 ** u)

const rowsTimes = (d: ArrayLike<number>, A: Matrix): Matrix =>
  matrix(
    A.data.map((x, e) => x * d[Math.floor(e / A.shape[1]!)]!),
    A.shape as [number, number],
  )

describe('truncatedSvd', () => {
  test('its error is the tail, its products are those of its entries, it stores r(m + n)', () => {
    fc.assert(
      fc.property(layers, (c) => {
        const W = weightOf(c)
        const rank = rankFor(c)
        const found = truncatedSvd({ rank, method: 'exact' })(W)
        const room = units(c.m, c.n) * norm(W)
        expect(Math.abs(found.errorEstimate * norm(W) - tail(svdvals(W), rank))).toBeLessThanOrEqual(room)
        expect(norm(minus(found.toDense(), times(found.B, found.A)))).toBeLessThanOrEqual(room)
        expect(productErrors(found, c.seed)).toBeLessThanOrEqual(room)
        expect(found).toMatchObject({ rank, parameters: rank * (c.m + c.n), indexCount: 0, errorNorm: 'fro' })
        expect(found.B.data.length + found.A.data.length).toBe(found.parameters)
      }),
      RUNS,
    )
  })

  test('compressed again it stays, turned it turns', () => {
    fc.assert(
      fc.property(layers, (c) => {
        const W = weightOf(c)
        const compress = truncatedSvd({ rank: rankFor(c), method: 'exact' })
        const once = compress(W).toDense()
        const s = svdvals(W)
        const gap = (s[rankFor(c) - 1]! - (s[rankFor(c)] ?? 0)) / s[0]!
        const room = units(c.m, c.n) * norm(W)
        expect(norm(minus(compress(once).toDense(), once))).toBeLessThanOrEqual(room)
        // Which directions are kept is known as well as the gap behind them is wide.
        fc.pre(gap > 1e-3)
        const Q = orthonormal(c.m, c.m, { seed: c.seed })
        const turned = compress(times(Q, W)).toDense()
        expect(norm(minus(turned, times(Q, once)))).toBeLessThanOrEqual((2 * room) / gap)
      }),
      RUNS,
    )
  })

  test('by features it is the best of its rank on the inputs', () => {
    fc.assert(
      fc.property(layers, (c) => {
        const [W, X] = [weightOf(c), inputsOf(c)]
        const rank = rankFor(c)
        const gram = gramOf(X)
        const found = truncatedSvd({ rank, target: 'feature', method: 'exact' })(W, { gram })
        const outputs = times(W, X)
        // The Gram matrix knows lengths of inputs to √eps of the longest.
        const room = 2 * Math.sqrt(units(c.m, c.n + c.samples)) * norm(W) * norm(X)
        expect(Math.abs(outputError(W, found, X) - tail(svdvals(outputs), rank))).toBeLessThanOrEqual(room)
        const reported = found.errorEstimate * norm(outputs)
        expect(Math.abs(reported - outputError(W, found, X))).toBeLessThanOrEqual(room)
        expect(found.errorNorm).toBe('activation')
      }),
      RUNS,
    )
  })

  test('a budget is kept to, and nothing more would fit', () => {
    fc.assert(
      fc.property(layers, fc.integer({ min: 1, max: 100 }), (c, percent) => {
        const [budget, all] = [percent / 100, c.m * c.n]
        fc.pre(budget * all >= c.m + c.n)
        const { parameters } = truncatedSvd({ budget })(weightOf(c))
        expect(parameters).toBeLessThanOrEqual(budget * all)
        expect(parameters + c.m + c.n).toBeGreaterThan(budget * all)
      }),
      RUNS,
    )
  })

  test('randomized it is within a tenth of the tail, also of an operator that answers with Promises', async () => {
    const W = random.normal([200, 150])
    const A = operator({
      shape: [200, 150],
      async: true,
      matmat: (X) => Promise.resolve(times(W, X)),
      rmatmat: (Y) => Promise.resolve(times(W, Y, true)),
    })
    const here = truncatedSvd({ rank: 10 })(W)
    const there = await truncatedSvd({ rank: 10 })(A)
    expect(Math.abs(here.errorEstimate - there.errorEstimate)).toBeLessThanOrEqual(units(200, 150))
    const best = tail(svdvals(W), 10) / norm(W)
    expect(here.errorEstimate).toBeGreaterThanOrEqual(best * (1 - units(200, 150)))
    expect(here.errorEstimate).toBeLessThanOrEqual(1.1 * best)
  })
})

describe('fwsvd', () => {
  test.each(['rows', 'columns'] as const)('%s: the best of its rank in the weighted norm', (axis) => {
    fc.assert(
      fc.property(layers, (c) => {
        const W = weightOf(c)
        const rank = rankFor(c)
        const side = axis === 'rows' ? c.m : c.n
        const d = weights(side, c.seed)
        const fisher = matrix(
          Array.from({ length: c.m }, (_, i) =>
            Array.from({ length: c.n }, (_, j) => d[axis === 'rows' ? i : j]! ** 2),
          ),
        )
        const weighted = (A: Matrix): Matrix => rowsTimes(d, axis === 'rows' ? A : matrix(A.transpose(1, 0)))
        const found = fwsvd({ rank, axis, method: 'exact' })(W, { fisher })
        const error = (approximation: Matrix): number => norm(weighted(minus(W, approximation)))
        const best = tail(svdvals(weighted(W)), rank)
        const room = 100 * units(c.m, c.n) * norm(W)
        expect(Math.abs(error(found.toDense()) - best)).toBeLessThanOrEqual(room)
        const plain = truncatedSvd({ rank, method: 'exact' })(W)
        expect(error(found.toDense())).toBeLessThanOrEqual(error(plain.toDense()) + room)
        expect(found.errorEstimate).toBeGreaterThanOrEqual(plain.errorEstimate - room / norm(W))
        expect(productErrors(found, c.seed)).toBeLessThanOrEqual(room)
      }),
      RUNS,
    )
  })

  test('the scale of the information does not matter, equal information is none, and full rank is exact', () => {
    fc.assert(
      fc.property(layers, (c) => {
        const W = weightOf(c)
        const full = Math.min(c.m, c.n)
        const d = weights(c.m, c.seed)
        const information = (factor: number): Matrix =>
          rowsTimes(
            // Rows without any information are fitted too.
            d.map((x, i) => (i % 3 === 0 ? 0 : factor * x)),
            matrix(new Float64Array(c.m * c.n).fill(1), [c.m, c.n]),
          )
        const exact = fwsvd({ rank: full, method: 'exact' })(W, { fisher: information(1) })
        expect(exact.errorEstimate).toBeLessThanOrEqual(units(c.m, c.n))
        const config = { rank: rankFor(c), method: 'exact' } as const
        const [one, other] = [1, 2 ** 40].map((f) => fwsvd(config)(W, { fisher: information(f) }))
        expect(one!.toDense().data).toEqual(other!.toDense().data)
        const ones = matrix(new Float64Array(c.m * c.n).fill(3), [c.m, c.n])
        const equal = fwsvd(config)(W, { fisher: ones })
        const plain = truncatedSvd(config)(W)
        expect(Math.abs(equal.errorEstimate - plain.errorEstimate)).toBeLessThanOrEqual(units(c.m, c.n))
      }),
      RUNS,
    )
  })
})

describe('eora', () => {
  const rounded = (W: Matrix): Matrix =>
    matrix(
      W.data.map((w) => Math.round(w * 8) / 8),
      W.shape as [number, number],
    )
  const base = (W: never): Matrix => rounded(matrix(W as Matrix))

  test('what it adds is the best of its rank in the norm of the inputs; the scale of the Gram matrix is nothing', () => {
    fc.assert(
      fc.property(layers, (c) => {
        const [W, X] = [weightOf(c), inputsOf(c)]
        const rank = rankFor(c)
        const gram = gramOf(X)
        const delta = minus(W, rounded(W))
        const found = eora({ rank, base, method: 'exact' })(W, { gram })
        const room = 2 * Math.sqrt(units(c.m, c.n + c.samples)) * norm(W) * norm(X)
        const error = outputError(W, found, X)
        expect(Math.abs(error - tail(svdvals(times(delta, X)), rank))).toBeLessThanOrEqual(room)
        const plain = truncatedSvd({ rank, method: 'exact' })(delta)
        const compensated = norm(times(minus(delta, plain.toDense()), X))
        expect(error).toBeLessThanOrEqual(compensated + room)
        expect(compensated).toBeLessThanOrEqual(norm(times(delta, X)) + room)
        expect(found.parameters).toBe(c.m * c.n + rank * (c.m + c.n))
        expect(productErrors(found, c.seed)).toBeLessThanOrEqual(units(c.m, c.n) * norm(W) * 4)
        const scaled = matrix(
          gram.data.map((x) => 1024 * x),
          [c.n, c.n],
        )
        const again = eora({ rank, base, method: 'exact' })(W, { gram: scaled })
        expect(Math.abs(outputError(W, again, X) - error)).toBeLessThanOrEqual(room)
      }),
      RUNS,
    )
  })

  test('full rank is W again, whatever the inputs, and where nothing is lost nothing is added', () => {
    fc.assert(
      fc.property(layers, (c) => {
        const [W, gram] = [weightOf(c), gramOf(inputsOf(c))]
        const full = eora({ rank: Math.min(c.m, c.n), base, method: 'exact' })(W, { gram })
        expect(norm(minus(full.toDense(), W))).toBeLessThanOrEqual(units(c.m, c.n) * norm(W))
        const nothing = eora({ rank: 1, base: () => W })(W, { gram })
        expect(nothing.A.data.every((a) => a === 0)).toBe(true)
        expect(nothing.errorEstimate).toBe(0)
      }),
      RUNS,
    )
  })

  test('a compressor is a base like any other, and what it stores counts', () => {
    const [W, X] = [random.normal([20, 16]), random.normal([16, 50], { seed: 1 })]
    const gram = gramOf(X)
    const sparse = compression.mfacPruning({ budget: 0.4 })
    const pruned = sparse(W, { gram })
    const found = eora({ budget: 0.7, base: sparse })(W, { gram })
    expect(found.rank).toBe(Math.floor((0.7 * 320 - 128) / 36))
    expect(found.parameters).toBe(128 + found.rank * 36)
    expect(found.indexCount).toBe(pruned.indexCount)
    expect(found.errorEstimate).toBeLessThan(pruned.errorEstimate)
  })
})
