import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { eye, gram, matmul, norm, pinv, random, transpose } from '../../../src/linalg/index.js'
import type { Matrix, Tensor } from '../../../src/linalg/index.js'
import { adapters } from '../../../src/recipes/index.js'
import { RUNS } from '../../support/cases.js'
import { EPS, minus, times } from '../../support/measures.js'
import { alike, cases, dot, perturbed, trialOf } from './subjects.js'
import type { State } from './subjects.js'

// Gradient rules, schedules and penalties.

const scale = (a: number, T: Matrix): Matrix =>
  alike(
    T,
    T.data.map((x) => a * x),
  )
const plus = (A: Matrix, B: Matrix): Matrix => minus(A, scale(-1, B))

describe('LoRA-Pro', () => {
  /** What the rule makes of a state and a gradient, and the condition of it all. */
  const trial = (c: Parameters<typeof trialOf>[1]) => {
    const { adapter, trained, G } = trialOf('loraPro', { ...c, variant: 1 })
    const { B, A } = trained.trainable
    const grads = adapter.gradsFromWeightGrad(trained, G)
    const adjusted = adapter.transformGrads!(trained, grads)
    const s = trained.scaling
    const induced = plus(scale(s, times(B!, adjusted.A!)), scale(s, times(adjusted.B!, A!)))
    // The Gram matrices are inverted: conditions count twice.
    const worst = Math.max(conditionOf(B!), conditionOf(A!)) ** 2
    return {
      s,
      B: B!,
      A: A!,
      G,
      grads,
      adjusted,
      induced,
      slack: 1e3 * EPS * worst * norm(G) * Math.max(...G.shape),
    }
  }
  const conditionOf = (M: Matrix): number => norm(M) * norm(pinv(M))

  test('moves W along its gradient, but for what neither factor reaches', () => {
    fc.assert(
      fc.property(cases, (c) => {
        const { B, A, G, induced, slack } = trial(c)
        const [PB, PA] = [times(B, pinv(B)), times(pinv(A), A)]
        const [m, n] = G.shape as [number, number]
        const missed = times(times(minus(eye(m), PB), G), minus(eye(n), PA))
        expect(norm(minus(induced, minus(G, missed)))).toBeLessThanOrEqual(slack)
      }),
      RUNS,
    )
  })

  test('goes down: ⟨gA, ĝA⟩ + ⟨gB, ĝB⟩ is ‖g̃‖²', () => {
    fc.assert(
      fc.property(cases, (c) => {
        const { grads, adjusted, induced, slack, G } = trial(c)
        const descent = dot(grads.A!, adjusted.A!) + dot(grads.B!, adjusted.B!)
        expect(Math.abs(descent - norm(induced) ** 2)).toBeLessThanOrEqual(slack * norm(G))
      }),
      RUNS,
    )
  })

  test('of all pairs that do, it is the one nearest to LoRA’s gradients', () => {
    fc.assert(
      fc.property(cases, (c) => {
        const { s, B, A, grads, adjusted, slack } = trial(c)
        // Stationary along (X·A, −B·X) for every X: Aᵀ of the one difference less Bᵀ of the other is 0.
        const offA = times(minus(adjusted.A!, grads.A!), transpose(A))
        const offB = times(B, minus(adjusted.B!, grads.B!), true)
        const size = (norm(A) + norm(B)) * (s + 1 / s) * (1 + norm(A) + norm(B)) ** 2
        expect(norm(minus(offA, offB))).toBeLessThanOrEqual(slack * size)
      }),
      RUNS,
    )
  })

  test('at the start, where B is zero, only B moves', () => {
    const loraPro = adapters.loraPro({ r: 3 })
    const state = loraPro.init({ W0: random.normal([8, 10]) })
    const grads = loraPro.gradsFromWeightGrad(state, random.normal([8, 10], { seed: 1 }))
    const { A, B } = loraPro.transformGrads!(state, grads)
    expect(norm(A!)).toBe(0)
    const expected = times(grads.B!, pinv(gram(transpose(state.trainable.A!))))
    expect(norm(minus(B!, expected))).toBeLessThanOrEqual(1e-6 * norm(expected))
  })
})

describe('AdaLoRA', () => {
  const config = { initR: 4, targetR: 2, totalStep: 20, tinit: 3, tfinal: 5 }
  const kept = (states: readonly State[]): number =>
    states.reduce((sum, { trainable }) => sum + trainable.E!.data.filter((x) => x !== 0).length, 0)

  test('keeps what the budget says after each pruning, less and less, and the target at the end', () => {
    fc.assert(
      fc.property(
        fc.nat(1000),
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom(1, 4),
        (seed, layers, deltaT) => {
          const adalora = adapters.adalora({ ...config, deltaT })
          let states: State[] = Array.from({ length: layers }, (_, i) =>
            adalora.init({ W0: random.normal([5 + i, 7], { seed: seed + i }) }),
          )
          const counts: number[] = []
          for (let step = 0; step < config.totalStep; step++) {
            states = states.map((state, i) => perturbed(state, seed + 100 * step + 10 * i))
            const grads = states.map((state, i) =>
              adalora.gradsFromWeightGrad(state, random.normal([5 + i, 7], { seed: seed + step + i })),
            )
            states = adalora.onStep!(states, grads, step)
            if (step % deltaT === 0 || step >= 15) counts.push(kept(states))
          }
          expect(counts[0]).toBe(4 * layers)
          expect([...counts].sort((a, b) => b - a)).toEqual(counts)
          expect(counts.at(-1)).toBe(2 * layers)
        },
      ),
      { ...RUNS, numRuns: 20 },
    )
  })

  test('prunes the triplet that matters least', () => {
    const adalora = adapters.adalora({ initR: 3, targetR: 2, totalStep: 2, tfinal: 1 })
    let state: State = adalora.init({ W0: random.normal([6, 5]) })
    state = {
      ...state,
      trainable: { ...state.trainable, E: alike(state.trainable.E!, Float64Array.of(1, 1, 1)) },
    }
    const scaleOf = (T: Tensor, factors: readonly number[], index: (e: number) => number): Tensor =>
      alike(
        T,
        Float64Array.from({ length: T.size }, (_, e) => factors[index(e)]!),
      )
    const { B, E, A } = state.trainable
    const factors = [1, 1e-3, 1]
    const grads = {
      B: scaleOf(B!, factors, (e) => e % 3),
      E: scaleOf(E!, factors, (e) => e),
      A: scaleOf(A!, factors, (e) => Math.floor(e / 5)),
    }
    const [first] = adalora.onStep!([state], [grads], 0)
    expect(first!.trainable.E!.data).toEqual(E!.data)
    const [last] = adalora.onStep!([first!], [grads], 1)
    expect(last!.trainable.E!.data).toEqual(Float64Array.of(1, 0, 1))
    // In the last phase scores stay.
    expect(last!.aux).toEqual(first!.aux)
  })

  test('averages |w·g|, and how far it is from its average', () => {
    const adalora = adapters.adalora({ initR: 1, targetR: 1, totalStep: 9, beta1: 0.5, beta2: 0.75 })
    const init = adalora.init({ W0: [[1]] })
    const one = (x: number): Tensor => alike(init.trainable.E!, Float64Array.of(x))
    const trainable = { ...init.trainable, E: one(-2) }
    const grads = { ...init.trainable, E: one(3) }
    const [first] = adalora.onStep!([{ ...init, trainable }], [grads], 0)
    // I = 6: Ī = 3, Ū = 3/4. Then I = 12: Ī = 7.5, Ū = 0.5625 + 4.5/4.
    expect(first!.aux['E.sensitivity']!.data[0]).toBe(3)
    expect(first!.aux['E.uncertainty']!.data[0]).toBe(0.75)
    const [second] = adalora.onStep!([first!], [{ ...grads, E: one(6) }], 1)
    expect(second!.aux['E.sensitivity']!.data[0]).toBe(7.5)
    expect(second!.aux['E.uncertainty']!.data[0]).toBe(1.6875)
  })

  test('only E moves at first', () => {
    fc.assert(
      fc.property(cases, (c) => {
        const { adapter, init, G } = trialOf('adalora', c)
        const grads = adapter.gradsFromWeightGrad(init, G)
        expect(norm(grads.A!) + norm(grads.B!)).toBe(0)
        expect(grads.E!.data.some((x) => x !== 0)).toBe(true)
      }),
      RUNS,
    )
  })

  test('the penalty is how far both factors are from orthonormal, and its gradient is its derivative', () => {
    fc.assert(
      fc.property(cases, (c) => {
        const { adapter, trained, r } = trialOf('adalora', { ...c, variant: 0 })
        const { A, B } = trained.trainable
        const off = (M: Matrix): number => norm(minus(M, eye(r)))
        const { value, grads } = adapter.penalty!(trained)
        const stated = 0.05 * (off(matmul(A!, A!, { transB: true })) + off(gram(B!)))
        expect(Math.abs(value - stated)).toBeLessThanOrEqual(
          1e3 * EPS * Math.max(...trained.shape) * (1 + stated),
        )
        const h = 2 ** -17
        for (const name of ['A', 'B'] as const) {
          const T = trained.trainable[name]!
          const D = random.normal(T.shape, { seed: c.seed })
          const at = (t: number): number => {
            const moved = alike(
              T,
              T.data.map((x, e) => x + t * D.data[e]!),
            )
            return adapter.penalty!({ ...trained, trainable: { ...trained.trainable, [name]: moved } }).value
          }
          const measured = (at(h) - at(-h)) / (2 * h)
          const size = 1 + value + norm(D) ** 3 * (1 + norm(T)) ** 3
          // ‖M‖ bends where it is near 0, which these factors of size 0.02 keep away from.
          expect(Math.abs(measured - dot(grads[name]!, D))).toBeLessThanOrEqual(
            (h ** 2 * 100 + EPS / h) * size,
          )
        }
      }),
      RUNS,
    )
  })
})
