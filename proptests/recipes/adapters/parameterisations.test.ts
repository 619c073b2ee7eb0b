import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { unfold } from '../../../src/factorize/index.js'
import { matmul, matrix, norm, random, svdvals, zeros } from '../../../src/linalg/index.js'
import type { Matrix } from '../../../src/linalg/index.js'
import { adapters } from '../../../src/recipes/index.js'
import { RUNS } from '../../support/cases.js'
import { EPS, minus, times } from '../../support/measures.js'
import { alike, cases, dot, perturbed, trialOf } from './subjects.js'

// What the papers say of how trained numbers become a weight.

const rankOf = (A: Matrix): number => {
  const s = svdvals(A)
  return s.filter((sigma) => sigma > 1e-10 * s[0]!).length
}

describe('RandLoRA', () => {
  test.each(['uniform', 'sparse', 'verySparse'] as const)(
    '%s bases have entries of mean square 1',
    (bases) => {
      const { A, B } = adapters.randlora({ r: 4, bases }).init({ W0: random.normal([20, 30]) }).frozen
      expect(A!.shape).toEqual([4, 20])
      expect(B!.shape).toEqual([30, 20])
      for (const M of [A!, ...[0, 1, 2, 3, 4].map((j) => matrix(B!.hi(30, 4 * j + 4).lo(0, 4 * j)))]) {
        expect(Math.abs(dot(M, M) / M.size - 1)).toBeLessThanOrEqual(M.size * EPS)
        if (bases === 'uniform') continue
        const values = new Set(M.data.map(Math.abs))
        expect(values.size).toBeLessThanOrEqual(2)
        const share = M.data.filter((x) => x !== 0).length / M.size
        const expected = bases === 'sparse' ? 1 / 3 : 1 / Math.sqrt(20)
        // Within 4.5 deviations of a binomial share.
        expect(Math.abs(share - expected)).toBeLessThanOrEqual(
          4.5 * Math.sqrt((expected * (1 - expected)) / M.size),
        )
      }
    },
  )

  test('is the sum that it is defined as, for wide and for tall weights', () => {
    for (const [m, n] of [
      [7, 5],
      [5, 7],
      [5, 5],
    ] as const) {
      const randlora = adapters.randlora({ r: 2, loraAlpha: 3 })
      const state = perturbed(randlora.init({ W0: random.normal([m, n]) }), 3)
      const { A, B } = state.frozen
      const { lambda, gamma } = state.trainable
      const sum = zeros([Math.max(m, n), 5])
      for (let j = 0; j < 3; j++) {
        for (let q = 0; q < sum.shape[0]!; q++) {
          for (let p = 0; p < 5; p++) {
            for (let t = 0; t < 2; t++) {
              const term = B!.get(q, 2 * j + t) * lambda!.get(j, t) * A!.get(t, p) * gamma!.get(j, p)
              sum.data[q * 5 + p]! += 1.5 * term
            }
          }
        }
      }
      const delta = randlora.getDeltaWeight(state)
      expect(norm(minus(delta, m >= n ? sum : sum.transpose(1, 0)))).toBeLessThanOrEqual(
        100 * EPS * norm(sum),
      )
    }
  })

  test('starts with gamma 1/max(J, p) and lambda 0', () => {
    const { lambda, gamma } = adapters.randlora({ r: 1 }).init({ W0: random.normal([6, 4]) }).trainable
    expect(lambda!.data.every((x) => x === 0)).toBe(true)
    expect(gamma!.data.every((x) => x === 1 / 4)).toBe(true)
  })
})

test('NOLA: at first only b moves, and the count is free of the shape', () => {
  fc.assert(
    fc.property(cases, (c) => {
      const { adapter, init, G } = trialOf('nola', c)
      const grads = adapter.gradsFromWeightGrad(init, G)
      expect(grads.a!.data.every((x) => x === 0)).toBe(true)
      expect(grads.b!.data.some((x) => x !== 0)).toBe(true)
      expect(adapter.numTrainable([1000, 2000])).toBe(adapter.numTrainable([10, 20]))
    }),
    RUNS,
  )
})

describe('FLoRA on kernels', () => {
  const kernels = fc.record({
    seed: fc.nat(2 ** 31 - 1),
    shape: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 2, maxLength: 4 }),
    ranks: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 4, maxLength: 4 }),
  })
  const trial = ({ seed, shape, ranks }: { seed: number; shape: number[]; ranks: number[] }) => {
    const r = shape.map((side, mode) => Math.min(side, ranks[mode]!))
    const flora = adapters.flora({ r, scaling: 1.5, seed: seed % 100 })
    const init = flora.init({ W0: random.normal(shape, { seed }) })
    return { flora, r, init, state: perturbed(init, seed + 1) }
  }

  test('⟨ΔW, Z⟩ is ⟨C, gC(Z)⟩ and ⟨F, gF(Z)⟩ for each factor, and what L1 to L5 say', () => {
    fc.assert(
      fc.property(kernels, (c) => {
        const { flora, init, state } = trial(c)
        const [m, n] = state.base.shape as [number, number]
        const Z = random.normal([m, n], { seed: c.seed + 2 })
        const delta = flora.getDeltaWeight(state)
        const sizes = Object.values(state.trainable).map(({ data }) => Math.hypot(...data))
        const slack = 100 * m * n * EPS * 1.5 * sizes.reduce((product, x) => product * x, norm(Z))
        const grads = flora.gradsFromWeightGrad(state, Z)
        for (const [name, T] of Object.entries(state.trainable)) {
          expect(grads[name]!.shape).toEqual(T.shape)
          expect(Math.abs(dot(T, grads[name]!) - dot(delta, Z)), name).toBeLessThanOrEqual(slack)
        }
        const x = random.normal([n, 3], { seed: c.seed + 3 })
        const gy = random.normal([m, 3], { seed: c.seed + 4 })
        const merged = flora.merge(state)
        const scale = slack * norm(x) + 100 * n * EPS * norm(merged) * norm(x)
        expect(norm(minus(flora.forward(state, x), times(merged, x)))).toBeLessThanOrEqual(scale)
        const { grads: fromBatch } = flora.backward(state, x, gy)
        const fromG = flora.gradsFromWeightGrad(state, matmul(gy, x, { transB: true }))
        for (const [name, g] of Object.entries(fromG)) {
          const apart = Math.hypot(...g.data.map((value, e) => value - fromBatch[name]!.data[e]!))
          const others = sizes.reduce((product, size) => product * Math.max(1, size), 1)
          expect(apart).toBeLessThanOrEqual(100 * m * n * EPS * others * 1.5 * norm(x) * norm(gy))
        }
        expect(flora.merge(init).data).toEqual(init.base.data)
        const trained = Object.values(init.trainable).reduce((sum, { size }) => sum + size, 0)
        expect(flora.numTrainable(c.shape)).toBe(trained)
      }),
      RUNS,
    )
  })

  test('has multilinear rank r at most, in every mode', () => {
    fc.assert(
      fc.property(kernels, (c) => {
        const { flora, r, state } = trial(c)
        const T = alike(zeros(c.shape), flora.getDeltaWeight(state).data)
        r.forEach((rank, mode) => {
          expect(rankOf(unfold(T, mode))).toBeLessThanOrEqual(rank)
        })
      }),
      RUNS,
    )
  })

  test('268 numbers for a 32×16×3×3 kernel of ranks 4, 4, 2, 2; a single rank stops at the size of a mode', () => {
    expect(adapters.flora({ r: [4, 4, 2, 2] }).numTrainable([32, 16, 3, 3])).toBe(268)
    expect(adapters.flora({ r: 4 }).init({ W0: random.normal([8, 5, 3, 3]) }).trainable.core!.shape).toEqual([
      4, 4, 3, 3,
    ])
  })
})

test('Bone on a weight of zeros is MiSS with its blocks below each other', () => {
  fc.assert(
    fc.property(cases, (c) => {
      const { r, m, n } = trialOf('bone', c)
      const W0 = zeros([m, n])
      const bone = adapters.bone({ r })
      const miss = adapters.miss({ r })
      const state = perturbed(bone.init({ W0 }), c.seed)
      const D = matrix(state.trainable.blocks!.data, [m, r]).transpose(1, 0)
      const other = { ...miss.init({ W0 }), trainable: { D } }
      expect(bone.getDeltaWeight(state)).toEqual(miss.getDeltaWeight(other))
      expect(rankOf(miss.getDeltaWeight(other))).toBeLessThanOrEqual(r)
    }),
    RUNS,
  )
})

test('MiSS repeats D, and its first columns where r does not divide n', () => {
  const miss = adapters.miss({ r: 2 })
  const state = {
    ...miss.init({ W0: zeros([2, 5]) }),
    trainable: {
      D: matrix([
        [1, 2],
        [3, 4],
      ]),
    },
  }
  expect(miss.getDeltaWeight(state).data).toEqual(Float64Array.of(1, 3, 1, 3, 1, 2, 4, 2, 4, 2))
})
