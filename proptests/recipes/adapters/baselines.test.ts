import fc from 'fast-check'
import { expect, test } from 'vitest'
import { diag, gram, matmul, matrix, norm, random, solve, svdvals } from '../../../src/linalg/index.js'
import type { Matrix } from '../../../src/linalg/index.js'
import { adapters } from '../../../src/recipes/index.js'
import { RUNS } from '../../support/cases.js'
import { EPS, minus, tail, times } from '../../support/measures.js'
import { alike, cases, perturbed, trialOf } from './subjects.js'

// What the papers say of LoRA, PiSSA, LoRA+ and DoRA alone.

test('LoRA: (B·R, R⁻¹·A) is the same change, and the first gradient step moves B alone', () => {
  fc.assert(
    fc.property(cases, (c) => {
      const { adapter, init, trained, r, m, n, G } = trialOf('lora', c)
      const { B, A } = trained.trainable
      const R = random.normal([r, r], { seed: c.seed })
      for (let i = 0; i < r; i++) R.data[i * r + i]! += 4 * r
      const same = { ...trained, trainable: { B: matmul(B!, R), A: solve(R, A!) } }
      const error = norm(minus(adapter.getDeltaWeight(same), adapter.getDeltaWeight(trained)))
      expect(error).toBeLessThanOrEqual(1e3 * Math.max(m, n) * EPS * trained.scaling * norm(B!) * norm(A!))
      const grads = adapter.gradsFromWeightGrad(init, G)
      expect(norm(grads.A!)).toBe(0)
      expect(norm(grads.B!)).toBeGreaterThan(0)
    }),
    RUNS,
  )
})

test('PiSSA: balanced factors of the principal part, and a base that is the rest', () => {
  fc.assert(
    fc.property(cases, (c) => {
      const { init, r, m, n, context } = trialOf('pissa', { ...c, variant: 1 })
      const { B, A } = init.trainable
      const s = svdvals(context.W0)
      const unit = 32 * Math.max(m, n) * EPS * s[0]!
      const balance = diag(s.slice(0, r).map((sigma) => sigma / init.scaling))
      for (const G of [gram(B!), matmul(A!, A!, { transB: true })]) {
        expect(norm(minus(G, balance))).toBeLessThanOrEqual(unit / init.scaling)
      }
      expect(Math.abs(norm(init.base) - tail(s, r))).toBeLessThanOrEqual(unit)
      expect(Math.abs(init.residual! - tail(s, r) / tail(s, 0))).toBeLessThanOrEqual(unit / tail(s, 0))
      expect(svdvals(init.base).filter((sigma) => sigma > unit).length).toBe(Math.min(m, n) - r)
    }),
    RUNS,
  )
})

test('PiSSA: the rank of the whole change is twice r at most, and that much away from the start', () => {
  fc.assert(
    fc.property(cases, (c) => {
      const { adapter, trained, r, m, n, context } = trialOf('pissa', c)
      const s = svdvals(minus(adapter.merge(trained), context.W0))
      expect(s.filter((sigma) => sigma > 1e-10 * s[0]!).length).toBe(Math.min(2 * r, m, n))
      expect(adapter.toLora!(trained).B.shape).toEqual([m, 2 * r])
    }),
    RUNS,
  )
})

test('LoRA+ is LoRA but for its rates', () => {
  const W0 = random.normal([5, 7])
  const [plus, plain] = [adapters.loraPlus({ r: 2, seed: 4 }), adapters.lora({ r: 2, seed: 4 })]
  const [a, b] = [plus.init({ W0 }), plain.init({ W0 })]
  expect({ ...a, recipe: 'lora' }).toEqual(b)
  expect(plus.lrRatio).toEqual({ B: 16, A: 1 })
  expect(adapters.loraPlus({ r: 2, loraplusLrRatio: 1 }).lrRatio).toEqual({ B: 1, A: 1 })
})

test('DoRA: rows have the length of their magnitude, and only the direction of a row of V counts', () => {
  fc.assert(
    fc.property(cases, (c) => {
      const { adapter, trained, m, n } = trialOf('dora', c)
      const W = adapter.merge(trained)
      const { magnitude } = trained.trainable
      for (let i = 0; i < m; i++) {
        const row = norm(W.hi(i + 1, n).lo(i, 0))
        const length = Math.abs(magnitude!.data[i]!)
        expect(Math.abs(row - length)).toBeLessThanOrEqual(16 * n * EPS * length)
      }
      // Rows of base and B twice as long: V is, and nothing else changes; a factor of 2 does not round.
      const longer = {
        ...trained,
        base: matrix(
          trained.base.data.map((x) => 2 * x),
          [m, n],
        ),
        trainable: { ...trained.trainable, B: doubled(trained.trainable.B!) },
      }
      expect(adapter.merge(longer).data).toEqual(W.data)
    }),
    RUNS,
  )
})

test('DoRA: the detached rule is the derivative at fixed norms', () => {
  fc.assert(
    fc.property(cases, (c) => {
      const { trained, m, n, G, config } = trialOf('dora', { ...c, variant: 0 })
      const detached = adapters.dora({ ...(config as adapters.DoraConfig), gradient: 'detached' })
      const { magnitude, B, A } = trained.trainable
      const V = minus(
        trained.base,
        alike(
          trained.base,
          times(B!, A!).data.map((x) => -trained.scaling * x),
        ),
      )
      const slack = 1e4 * Math.max(m, n) * EPS * norm(G) * (1 + norm(B!)) * (1 + norm(A!)) * norm(V)
      const ratio = Float64Array.from({ length: m }, (_, i) => magnitude!.data[i]! / rowNorm(V, i))
      const GV = alike(
        G,
        G.data.map((g, e) => ratio[Math.floor(e / n)]! * g),
      )
      const rule = detached.gradsFromWeightGrad(trained, G)
      expect(norm(minus(rule.B!, scale(trained.scaling, times(GV, A!.transpose(1, 0)))))).toBeLessThanOrEqual(
        slack,
      )
      expect(norm(minus(rule.A!, scale(trained.scaling, times(B!, GV, true))))).toBeLessThanOrEqual(slack)
    }),
    RUNS,
  )
})

const doubled = (T: Matrix): Matrix => scale(2, T)
const scale = (a: number, T: Matrix): Matrix =>
  alike(
    T,
    T.data.map((x) => a * x),
  )
const rowNorm = (V: Matrix, i: number): number => norm(V.hi(i + 1, V.shape[1]!).lo(i, 0))

test('a kernel of more modes is its first unfolding', () => {
  const W0 = random.normal([6, 2, 3, 3])
  const lora = adapters.lora({ r: 2 })
  const state = perturbed(lora.init({ W0 }), 5)
  expect(state.shape).toEqual([6, 2, 3, 3])
  expect(lora.merge(state).shape).toEqual([6, 18])
  expect(lora.numTrainable([6, 2, 3, 3])).toBe(2 * (6 + 18))
  const flat = lora.init({ W0: matrix(W0.data, [6, 18]) })
  expect(flat.base.data).toEqual(state.base.data)
})
