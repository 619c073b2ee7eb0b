import fc from 'fast-check'
import { munkres } from 'munkres'
import { describe, expect, test } from 'vitest'
import { matrix, norm, random } from '../../../src/linalg/index.js'
import { merging } from '../../../src/recipes/index.js'
import { RUNS } from '../../support/cases.js'
import { EPS, YARDSTICK, minus } from '../../support/measures.js'
import { networkOf, networks, outputsOf, reordered, shuffled } from './networks.js'

const { weightMatching, pleas } = merging
const assignment = munkres

const relu = (z: number): number => Math.max(0, z)
const inputs = (n: number, N: number, seed: number): ReturnType<typeof matrix> =>
  random.normal([n, N], { seed })

describe('weightMatching', () => {
  test('alignment changes no function, and never makes networks less alike', () => {
    fc.assert(
      fc.property(networks, (c) => {
        const models = [networkOf(c), networkOf(c, 1), networkOf(c, 2)]
        const { aligned, similarity, permutations, parameters } = weightMatching({ assignment })(models)
        const X = inputs(c.widths[0]!, 5, c.seed)
        aligned.forEach((network, t) => {
          const before = outputsOf(models[t]!, X, Math.tanh)
          const after = outputsOf(network, X, Math.tanh)
          const depth = c.widths.reduce((sum, width) => sum + width, 0)
          const size = norm(models[t]!.at(-1)!.W) + norm(before)
          const slope = models[t]!.reduce((product, { W }) => product * (1 + norm(W)), 1)
          expect(norm(minus(after, before))).toBeLessThanOrEqual(YARDSTICK * EPS * depth * size * slope)
          expect(reordered(models[t]!, permutations[t]!)).toEqual(network)
        })
        // Against the order in which they came.
        const alike = (t: number): number => {
          let [dot, a, b] = [0, 0, 0]
          models[0]!.forEach(({ W, b: bias }, l) => {
            const other = models[t]![l]!
            const [x, y] = [
              [...W.data, ...(bias ?? [])],
              [...other.W.data, ...(other.b ?? [])],
            ]
            x.forEach((value, e) => {
              dot += value * y[e]!
              a += value ** 2
              b += y[e]! ** 2
            })
          })
          return dot / Math.sqrt(a * b)
        }
        expect(similarity[0]).toBeCloseTo(1, 12)
        for (const t of [1, 2]) expect(similarity[t]!).toBeGreaterThanOrEqual(alike(t) - 1e-11)
        expect(parameters).toBe(
          models[0]!.reduce((sum, { W, b }) => sum + W.data.length + (b?.length ?? 0), 0),
        )
      }),
      RUNS,
    )
  })

  test('one hidden layer: a permuted copy, a little changed, is put in order; the roles change the permutation to its inverse', () => {
    fc.assert(
      fc.property(networks, (c) => {
        const one = { ...c, widths: [c.widths[0]! + 4, c.widths[1]! + 1, c.widths[2]!] }
        const A = networkOf(one)
        const order = shuffled(one.widths[1]!, c.seed)
        const B = reordered(A, [order]).map(({ W, b }, l) => ({
          W: minus(
            W,
            matrix(
              random.normal(W.shape, { seed: c.seed + l }).data.map((x) => 1e-3 * x),
              W.shape as [number, number],
            ),
          ),
          ...(b && { b }),
        }))
        const { permutations } = weightMatching({ assignment })([A, B])
        const found = permutations[1]![0]!
        expect(Array.from(found, (i) => order[i])).toEqual(Array.from(order.keys()))
        const { permutations: back } = weightMatching({ assignment })([B, A])
        expect(Array.from(back[1]![0]!, (i) => found[i])).toEqual(Array.from(order.keys()))
      }),
      RUNS,
    )
  })

  test('equal networks merge to themselves', () => {
    fc.assert(
      fc.property(networks, (c) => {
        const network = networkOf(c)
        const { merged } = weightMatching({ assignment })([network, network])
        network.forEach(({ W }, l) => {
          expect(merged[l]!.W.data).toEqual(W.data)
        })
      }),
      RUNS,
    )
  })
})

describe('pleas', () => {
  const options = { assignment, activation: 'relu' } as const

  test('equal networks merge to themselves, and so do permuted copies of one hidden layer', () => {
    fc.assert(
      fc.property(networks, fc.constantFrom('weights', 'activations'), (c, match) => {
        // On one input all units of a sign are alike to their correlations.
        const one = { ...c, widths: [c.widths[0]! + 2, c.widths[1]!, c.widths[2]!] }
        const A = networkOf(one)
        const B = reordered(A, [shuffled(one.widths[1]!, c.seed)])
        const X = inputs(one.widths[0]!, 40, c.seed)
        const { merged, residuals } = pleas({ ...options, match })([A, B], X)
        const [before, after] = [outputsOf(A, X, relu), outputsOf(merged, X, relu)]
        // What is left is rounding, which the fit may magnify by 1/ridge^½.
        const room = (YARDSTICK * EPS * 40 * (1 + norm(X)) * (1 + norm(A[0]!.W)) * (1 + norm(A[1]!.W))) / 1e-4
        expect(norm(minus(after, before))).toBeLessThanOrEqual(room)
        for (const { before, after } of residuals) {
          expect(Math.max(before, after) * Math.min(1, norm(X))).toBeLessThanOrEqual(room)
        }
        const same = pleas({ ...options, match })([A, A], X)
        A.forEach(({ W }, l) => {
          expect(norm(minus(same.merged[l]!.W, W))).toBeLessThanOrEqual(room)
        })
      }),
      RUNS,
    )
  })

  test('with all units apart it is the mean of both outputs', () => {
    fc.assert(
      fc.property(networks, fc.constantFrom('weights', 'activations', 'none'), (c, match) => {
        const [A, B] = [networkOf(c), networkOf(c, 1)]
        const X = inputs(c.widths[0]!, 60, c.seed)
        const Fresh = inputs(c.widths[0]!, 10, c.seed + 1)
        const { merged } = pleas({ ...options, match, separate: 1, refit: 'none' })([A, B], X)
        const [a, b, both] = [A, B, merged].map((network) => outputsOf(network, Fresh, relu))
        const mean = matrix(
          a!.data.map((x, e) => (x + b!.data[e]!) / 2),
          a!.shape as [number, number],
        )
        const depth = c.widths.reduce((sum, width) => sum + width, 0)
        const slope = A.concat(B).reduce(
          (product, { W, b }) => product * (1 + norm(W) + Math.hypot(...(b ?? []))),
          1,
        )
        expect(norm(minus(both!, mean))).toBeLessThanOrEqual(
          YARDSTICK * EPS * depth * slope * (1 + norm(Fresh)),
        )
        merged.slice(0, -1).forEach(({ W }, l) => {
          expect(W.shape[0]).toBe(2 * c.widths[l + 1]!)
        })
        const fitted = pleas({ ...options, match, separate: 1 })([A, B], X)
        // There is nothing to fit: what is left is rounding.
        for (const { after } of fitted.residuals)
          expect(after).toBeLessThanOrEqual(YARDSTICK * EPS * depth * slope)
      }),
      RUNS,
    )
  })

  test('no layer fits worse than the mean that it starts from; nothing leads from one model’s units to the other’s', () => {
    fc.assert(
      fc.property(networks, fc.integer({ min: 0, max: 10 }), (c, tenths) => {
        const [A, B] = [networkOf(c), networkOf(c, 1)]
        const X = inputs(c.widths[0]!, 30, c.seed)
        const { merged, residuals, parameters } = pleas({ ...options, separate: tenths / 10 })([A, B], X)
        const slope = A.concat(B).reduce((product, { W }) => product * (1 + norm(W)), 1)
        for (const { before, after } of residuals) {
          expect(after).toBeLessThanOrEqual(before + YARDSTICK * EPS * 30 * slope)
        }
        expect(parameters).toBe(merged.reduce((sum, { W, b }) => sum + W.data.length + (b?.length ?? 0), 0))
        const apart = c.widths.map((h, l) =>
          l === 0 || l === c.widths.length - 1 ? 0 : Math.round((tenths / 10) * h),
        )
        merged.forEach(({ W }, l) => {
          const [h, n] = [c.widths[l + 1]!, c.widths[l]!]
          expect(W.shape).toEqual([h + apart[l + 1]!, n + apart[l]!])
          for (let u = 0; u < apart[l + 1]!; u++) {
            for (let v = 0; v < apart[l]!; v++) {
              expect(W.get(h - apart[l + 1]! + u, n + v)).toBe(0)
              expect(W.get(h + u, n - apart[l]! + v)).toBe(0)
            }
          }
        })
      }),
      RUNS,
    )
  })
})
