import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { matrix, norm, random } from '../../../src/linalg/index.js'
import type { Matrix } from '../../../src/linalg/index.js'
import { merging } from '../../../src/recipes/index.js'
import { RUNS } from '../../support/cases.js'
import { EPS, YARDSTICK, minus, times } from '../../support/measures.js'

const { taskArithmetic, rmm } = merging

const shapes = fc.record({
  seed: fc.nat(2 ** 30),
  m: fc.integer({ min: 1, max: 12 }),
  n: fc.integer({ min: 1, max: 12 }),
  r: fc.integer({ min: 1, max: 5 }),
  T: fc.integer({ min: 1, max: 6 }),
})
type Shapes = typeof shapes extends fc.Arbitrary<infer S> ? S : never

type Model = Readonly<Record<'W' | 'b', Matrix | Float64Array>>

const modelOf = ({ seed, m, n }: Shapes, which: number): Model => ({
  W: random.normal([m, n], { seed: 100 * seed + 2 * which }),
  b: random.normal([m], { seed: 100 * seed + 2 * which + 1 }).data,
})

const flat = (model: Readonly<Record<string, Matrix | Float64Array>>): number[] => [
  ...(model.W as Matrix).data,
  ...(model.b as Float64Array),
]

const gap = (a: readonly number[], b: readonly number[]): number => Math.hypot(...a.map((x, e) => x - b[e]!))

describe('taskArithmetic', () => {
  test('linear, in any order, nothing at scale 0, and a task that is added and taken away is gone', () => {
    fc.assert(
      fc.property(shapes, (c) => {
        const base = modelOf(c, 0)
        const models = Array.from({ length: c.T }, (_, t) => modelOf(c, t + 1))
        const room =
          YARDSTICK * EPS * (c.T + 1) * Math.hypot(...[base, ...models].map((M) => Math.hypot(...flat(M))))
        const merged = (scale: number | number[] | undefined, of = models): number[] =>
          flat(taskArithmetic({ scale })(of, base).merged)
        expect(merged(0)).toEqual(flat(base))
        const lambda = models.map((_, t) => 0.3 * t - 0.5)
        const expected = flat(base).map((x, e) =>
          models.reduce((sum, M, t) => sum + lambda[t]! * (flat(M)[e]! - x), x),
        )
        expect(gap(merged(lambda), expected)).toBeLessThanOrEqual(room)
        expect(gap(merged([...lambda].reverse(), [...models].reverse()), expected)).toBeLessThanOrEqual(room)
        expect(gap(merged(1, [models[0]!]), flat(models[0]!))).toBeLessThanOrEqual(room)
        expect(gap(merged([1, -1], [models[0]!, models[0]!]), flat(base))).toBeLessThanOrEqual(room)
        // Without a base, the mean; of equal models to the bit.
        const mean = flat(models[0]!).map((_, e) => models.reduce((sum, M) => sum + flat(M)[e]! / c.T, 0))
        expect(gap(flat(taskArithmetic()(models).merged), mean)).toBeLessThanOrEqual(room)
        expect(flat(taskArithmetic()(models.map(() => base)).merged)).toEqual(flat(base))
        expect(taskArithmetic()(models).parameters).toBe(c.m * c.n + c.m)
      }),
      RUNS,
    )
  })
})

describe('rmm', () => {
  const updateOf = ({ seed, m, n, r }: Shapes, which: number): merging.Updates => ({
    q: {
      B: random.normal([m, r], { seed: 100 * seed + 2 * which }),
      A: random.normal([r, n], { seed: 100 * seed + 2 * which + 1 }),
      scale: 0.5,
    },
  })
  const product = (update: { B: unknown; A: unknown; scale?: number | undefined }): Matrix => {
    const P = times(update.B as Matrix, update.A as Matrix)
    return matrix(
      P.data.map((x) => (update.scale ?? 1) * x),
      P.shape as [number, number],
    )
  }
  const plans = fc.record({
    granularity: fc.constantFrom('position' as const, 'layer' as const),
    centered: fc.boolean(),
    canonical: fc.boolean(),
    basis: fc.integer({ min: 0, max: 7 }),
  })

  test('models come back as near as it says; with a basis for all of them, to rounding', () => {
    fc.assert(
      fc.property(shapes, plans, (c, plan) => {
        const models = Array.from({ length: c.T }, (_, t) => updateOf(c, t))
        const exact = rmm({ ...plan, basis: c.T })(models)
        const room = YARDSTICK * EPS * (c.m + c.n + c.T)
        expect(exact.errorEstimate).toBeLessThanOrEqual(room)
        models.forEach((model, t) => {
          const wanted = product(model.q!)
          const size = norm(model.q!.B as Matrix) * norm(model.q!.A as Matrix)
          expect(norm(minus(product(exact.recover(t).q!), wanted))).toBeLessThanOrEqual(room * size)
        })
        // Factors of all models against those of the exact merge, which are theirs.
        const found = rmm(plan)(models)
        const factors = (merge: merging.ReversibleMerge): number[] =>
          models.flatMap((_, t) => {
            const { B, A } = merge.recover(t).q!
            return [...B.data, ...A.data]
          })
        const all = factors(exact)
        const size = Math.hypot(...all)
        expect(Math.abs(gap(factors(found), all) - found.errorEstimate * size)).toBeLessThanOrEqual(
          room * size * 10,
        )
        expect(rmm({ ...plan, basis: plan.basis + 1 })(models).errorEstimate).toBeLessThanOrEqual(
          found.errorEstimate + room,
        )
      }),
      RUNS,
    )
  })

  test('what is stored is what was counted; without a basis there is the mean alone', () => {
    fc.assert(
      fc.property(shapes, plans, (c, plan) => {
        const models = Array.from({ length: c.T }, (_, t) => updateOf(c, t))
        const { parameters } = rmm(plan)(models)
        const r = plan.canonical ? Math.min(c.m, c.n, c.r) : c.r
        const pieces =
          plan.granularity === 'layer' ? [c.m * r, c.n * r] : [...new Array<number>(c.m + c.n).fill(r)]
        const stored = pieces.reduce((sum, length) => {
          const p = Math.min(plan.basis, length, plan.centered ? c.T - 1 : c.T)
          return sum + p * (length + c.T) + (plan.centered ? length : 0)
        }, 0)
        expect(parameters).toBe(stored)
        const alone = rmm({ ...plan, basis: 0, centered: true, canonical: false })(models)
        const mean = Array.from({ length: c.m * c.r }, (_, e) =>
          models.reduce((sum, model) => sum + (0.5 * (model.q!.B as Matrix).data[e]!) / c.T, 0),
        )
        const room = YARDSTICK * EPS * c.T * Math.hypot(...mean.map((x) => 1 + Math.abs(x)))
        expect(gap(Array.from(alone.merged.q!.B.data), mean)).toBeLessThanOrEqual(room)
        expect(alone.recover(0)).toEqual(alone.merged)
      }),
      RUNS,
    )
  })

  test('equal models need no basis, and the order of models is that of the coefficients alone', () => {
    fc.assert(
      fc.property(shapes, plans, (c, plan) => {
        const one = updateOf(c, 0)
        const centered = { ...plan, centered: true }
        const room = YARDSTICK * EPS * (c.m + c.n + c.T)
        const same = rmm({ ...centered, basis: 0 })(Array.from({ length: c.T }, () => one))
        expect(same.errorEstimate).toBeLessThanOrEqual(room)
        const models = Array.from({ length: c.T }, (_, t) => updateOf(c, t))
        const [forth, back] = [rmm(centered)(models), rmm(centered)([...models].reverse())]
        expect(Math.abs(forth.errorEstimate - back.errorEstimate)).toBeLessThanOrEqual(room)
        // A gauge that does not change the product does not change a canonical merge.
        if (!plan.canonical) return
        const turned = models.map(({ q }) => ({
          q: { ...q!, B: times(q!.B as Matrix, twice(c.r, 2)), A: times(twice(c.r, 0.5), q!.A as Matrix) },
        }))
        expect(Math.abs(rmm(centered)(turned).errorEstimate - forth.errorEstimate)).toBeLessThanOrEqual(room)
      }),
      RUNS,
    )
  })
})

const twice = (r: number, by: number): Matrix =>
  matrix(Array.from({ length: r }, (_, i) => Array.from({ length: r }, (_, j) => (i === j ? by : 0))))
