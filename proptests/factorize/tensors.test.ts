import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fold, modeProduct, unfold } from '../../src/factorize/index.js'
import { asTensorOperand, norm, random, transpose } from '../../src/linalg/index.js'
import { RUNS } from '../support/cases.js'
import { EPS, YARDSTICK, minus, residualUnits, times } from '../support/measures.js'
import { apart, buildTensor, flat, plainModeProduct, plainUnfold, tensorCases } from '../support/tensors.js'

const tensors = tensorCases()

test('unfold is the definition, whatever the layout, and fold undoes it', () => {
  fc.assert(
    fc.property(tensors, (c) => {
      const T = buildTensor(c)
      c.shape.forEach((_, n) => {
        const M = unfold(T, n)
        expect(M.data).toEqual(plainUnfold(T, n).data)
        expect(norm(apart(fold(transpose(M).transpose(1, 0), n, c.shape), T))).toBe(0)
      })
    }),
    RUNS,
  )
})

test('modeProduct multiplies the unfolding, sync and cooperative', async () => {
  await fc.assert(
    fc.asyncProperty(tensors, fc.integer({ min: 0, max: 5 }), async (c, rows) => {
      const T = buildTensor(c)
      for (const n of c.shape.keys()) {
        const M = random.normal([rows, c.shape[n]!], { seed: c.seed })
        const Y = modeProduct(T, M, n)
        const expected = plainModeProduct(T, M, n)
        expect(Y.shape).toEqual(expected.shape)
        const room = YARDSTICK * EPS * c.shape[n]! * norm(M) * norm(flat(T))
        expect(norm(apart(Y, expected))).toBeLessThanOrEqual(room)
        expect((await modeProduct.async(T, M, n)).data).toEqual(Y.data)
      }
    }),
    { ...RUNS, numRuns: 40 },
  )
})

test('mode products of different modes commute, those of one mode compose', () => {
  fc.assert(
    fc.property(tensors, (c) => {
      const T = buildTensor(c)
      const [A, B] = [random.normal([3, c.shape[0]!]), random.normal([2, c.shape[1]!], { seed: 1 })]
      const C = random.normal([4, 3], { seed: 2 })
      const room =
        YARDSTICK * EPS * Math.max(3, ...c.shape) * norm(A) * norm(B) * norm(C) * norm(flat(T)) +
        Number.MIN_VALUE
      const oneWay = modeProduct(modeProduct(T, A, 0), B, 1)
      expect(norm(apart(oneWay, modeProduct(modeProduct(T, B, 1), A, 0)))).toBeLessThanOrEqual(room)
      const twice = modeProduct(modeProduct(T, A, 0), C, 0)
      expect(norm(apart(twice, modeProduct(T, times(C, A), 0)))).toBeLessThanOrEqual(room)
    }),
    RUNS,
  )
})

test('an operand: unfoldings as operators, Grams, roots, norm and entries', () => {
  fc.assert(
    fc.property(tensors, (c) => {
      const T = buildTensor(c)
      const operand = asTensorOperand(T)
      const size = norm(flat(T))
      expect(Math.abs(operand.frobeniusNorm() - size)).toBeLessThanOrEqual(4 * EPS * T.size * size)
      expect(norm(apart(operand.entries(), T))).toBe(0)
      // Squares of 1e±150 neither fit nor have digits left.
      const tame = asTensorOperand(buildTensor({ ...c, scale: 0 }))
      c.shape.forEach((rows, n) => {
        const M = plainUnfold(T, n)
        const [m, cols] = M.shape as [number, number]
        const A = operand.unfolding(n)
        const [X, Y] = [random.normal([cols, 3]), random.normal([m, 3], { seed: 1 })]
        const room = YARDSTICK * EPS * Math.max(m, cols) * size
        expect(norm(minus(A.matmat(X), times(M, X)))).toBeLessThanOrEqual(room * norm(X))
        expect(norm(minus(A.rmatmat(Y), times(M, Y, true)))).toBeLessThanOrEqual(room * norm(Y))
        expect(A.frobeniusNorm!()).toBe(operand.frobeniusNorm())

        const G = plainUnfold(buildTensor({ ...c, scale: 0 }), n)
        const gram = times(G, transpose(G))
        expect(residualUnits(gram, tame.modeGram(n))).toBeLessThan(YARDSTICK)
        const L = tame.modeRoot!(n)
        expect(L.shape).toEqual([rows, Math.min(rows, cols)])
        expect(norm(minus(times(L, transpose(L)), gram))).toBeLessThanOrEqual(
          YARDSTICK * EPS * Math.max(m, cols) * norm(G) ** 2,
        )
        expect(norm(minus(tame.modeNormal!(Y, n), times(gram, Y)))).toBeLessThanOrEqual(
          YARDSTICK * EPS * Math.max(m, cols) * norm(G) ** 2 * norm(Y),
        )
      })
    }),
    RUNS,
  )
})

test('panels: unfoldings larger than one, of every kind of run', () => {
  // 40 × 50 × 60 and its transposes: several panels, runs that end within one, and a mode of many rows.
  const trials: [number[], number][] = [
    [[40, 50, 60], 0],
    [[40, 50, 60], 1],
    [[40, 50, 60], 2],
    [[9000, 3, 12], 0],
    [[3, 9000, 12], 1],
    [[600, 700], 1],
  ]
  for (const [shape, n] of trials) {
    const T = random.normal(shape)
    const view = T.transpose(...[...shape.keys()].reverse())
    const M = unfold(T, n)
    const k = shape[n]!
    const A = asTensorOperand(T).unfolding(n)
    const X = random.normal([M.shape[1]!, 2])
    const Y = random.normal([k, 2])
    expect(residualUnits(times(M, X), A.matmat(X))).toBeLessThan(YARDSTICK)
    expect(residualUnits(times(M, Y, true), A.rmatmat(Y))).toBeLessThan(YARDSTICK)
    const product = modeProduct(T, transpose(Y), n)
    expect(residualUnits(times(Y, M, true), unfold(product, n))).toBeLessThan(YARDSTICK)
    const flipped = modeProduct(view, transpose(Y), shape.length - 1 - n)
    expect(
      residualUnits(flat(product), flat(flipped.transpose(...[...shape.keys()].reverse()))),
    ).toBeLessThan(YARDSTICK)
    const operand = asTensorOperand(T)
    const normal = times(M, times(M, Y, true))
    expect(residualUnits(normal, operand.modeNormal!(Y, n))).toBeLessThan(YARDSTICK)
    if (k > 1000) continue
    const L = operand.modeRoot!(n)
    expect(residualUnits(operand.modeGram(n), times(L, transpose(L)))).toBeLessThan(YARDSTICK)
  }
})
