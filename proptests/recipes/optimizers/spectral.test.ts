import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { norm, svdvals } from '../../../src/linalg/index.js'
import type { Matrix } from '../../../src/linalg/index.js'
import { optimizers } from '../../../src/recipes/index.js'
import { RUNS } from '../../support/cases.js'
import { EPS, assembled, minus, orthogonalityUnits, times } from '../../support/measures.js'
import { expectNear, gradientsOf, last, mapped, ruleOf, runs, startOf, trained } from './training.js'
import type { State } from './training.js'

interface Factors {
  readonly U: Matrix
  readonly s: Float64Array
  readonly V: Matrix
  readonly chosen: Int32Array
  readonly left: { readonly count: number }
}

const few = { ...RUNS, numRuns: 30 }
const factorsOf = (state: State): Factors => ruleOf(state) as unknown as Factors
const product = ({ U, s, V }: Factors): Matrix => assembled(U, s, V.transpose(1, 0))
const make = (options: object = {}) =>
  optimizers.sparseSpectralTraining({
    learningRate: 0.05,
    rank: 2,
    updateGap: 2,
    drawsPerRound: 2,
    ...options,
  })
const shapes = runs(2, 9, 7)
const column = (A: Matrix, j: number): number[] => Array.from({ length: A.shape[0]! }, (_, i) => A.get(i, j))

describe('sparseSpectralTraining', () => {
  test('starts where W is; updates are what its factors do; s >= 0, columns have norm 1', () => {
    fc.assert(
      fc.property(shapes, fc.constantFrom(0.05, 3), (run, learningRate) => {
        const [W, gradients] = [startOf(run), gradientsOf(run)]
        const { states, updates } = trained(make({ learningRate }), W, gradients)
        expectNear([product(factorsOf(states[0]!))], [W], 100 * EPS * (run.m + run.n))
        let now = W
        updates.forEach((U, t) => {
          now = mapped(now, (x, e) => x + U.data[e]!)
          const factors = factorsOf(states[t + 1]!)
          const size = norm(W) + norm(now)
          expect(norm(minus(product(factors), now))).toBeLessThanOrEqual(1e3 * run.steps * EPS * size)
          for (const value of factors.s) expect(value).toBeGreaterThanOrEqual(0)
          for (const A of [factors.U, factors.V]) {
            for (let j = 0; j < factors.s.length; j++) expect(norm([column(A, j)])).toBeCloseTo(1, 12)
          }
        })
      }),
      few,
    )
  })

  test('vectors that are not drawn stay to the bit, but for a new decomposition, which is one of W', () => {
    fc.assert(
      fc.property(shapes, (run) => {
        const { states } = trained(make(), startOf(run), gradientsOf(run))
        for (let t = 0; t < run.steps; t++) {
          const [a, b] = [factorsOf(states[t]!), factorsOf(states[t + 1]!)]
          expect(b.chosen.length).toBe(2)
          expect(b.left.count).toBe((t % 2) + 1)
          if (t > 0 && t % 4 === 0) continue
          for (let j = 0; j < a.s.length; j++) {
            if (b.chosen.includes(j)) continue
            expect(column(b.U, j)).toEqual(column(a.U, j))
            expect(column(b.V, j)).toEqual(column(a.V, j))
          }
        }
        // A round of nothing but the decomposition: no step of learning after it.
        const still = make({ learningRate: (count: number) => (count < 4 ? 0.05 : 0) })
        const trace = trained(still, startOf(run), [...gradientsOf(run), ...gradientsOf(run)].slice(0, 5))
        if (trace.states.length < 6) return
        const after = factorsOf(last(trace.states))
        expectNear([product(after)], [trace.W], 1e3 * EPS * (run.m + run.n))
        expect(orthogonalityUnits(after.U)).toBeLessThan(100)
        expect(orthogonalityUnits(after.V)).toBeLessThan(100)
        const size = svdvals(trace.W)[0]!
        Array.from(svdvals(trace.W)).forEach((value, j) =>
          expect(Math.abs(value - after.s[j]!)).toBeLessThanOrEqual(100 * EPS * (run.m + run.n) * size),
        )
      }),
      few,
    )
  })

  test('a small step changes W by the tangent of its factors', () => {
    fc.assert(
      fc.property(runs(2, 8, 1), (run) => {
        const rate = 1e-7
        const [W, [G]] = [startOf(run), gradientsOf(run)]
        const k = Math.min(run.m, run.n)
        const { states, updates } = trained(make({ learningRate: rate, rank: k, eps: 1e-300 }), W, [G!])
        const { U, s, V } = factorsOf(states[0]!)
        const [GV, GtU] = [times(G!, V), times(G!, U, true)]
        // Adam's first step is a sign; what is left of it is tangent to the sphere.
        const tangent = (X: Matrix, D: Matrix): Matrix => {
          const N = mapped(D, Math.sign)
          const along = Array.from({ length: k }, (_, j) =>
            column(N, j).reduce((sum, x, i) => sum + x * X.get(i, j), 0),
          )
          return mapped(N, (x, e) => -(x - along[e % k]! * X.data[e]!))
        }
        const slope = s.map(
          (_, j) => -Math.sign(column(U, j).reduce((sum, x, i) => sum + x * GV.get(i, j), 0)),
        )
        // A value near 0 would stop there.
        if (s.some((value) => value < 10 * rate)) return
        const Vt = V.transpose(1, 0)
        const parts = [
          assembled(U, slope, Vt),
          assembled(tangent(U, GV), s, Vt),
          assembled(U, s, tangent(V, GtU).transpose(1, 0)),
        ]
        const sum = mapped(W, (_, e) => rate * parts.reduce((total, { data }) => total + data[e]!, 0))
        // Second order in steps of √m·rate, and the rounding of a difference.
        const size = norm(W) * (run.m + run.n)
        expect(norm(minus(updates[0]!, sum))).toBeLessThanOrEqual(10 * rate ** 2 * size + 1e3 * EPS * size)
      }),
      few,
    )
  })

  test('pairs are drawn by size, each with a chance', () => {
    const W = [
      [8, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ]
    const often = new Float64Array(3)
    const rounds = 600
    for (let seed = 0; seed < rounds; seed++) {
      const optimizer = make({ rank: 1, seed })
      const { state } = optimizer.update({ W }, optimizer.init({ W }), { W })
      often[factorsOf(state).chosen[0]!]!++
    }
    const p = [0.5 / 3 + 0.4, 0.5 / 3 + 0.05, 0.5 / 3 + 0.05]
    p.forEach((chance, j) => {
      const deviation = Math.sqrt(rounds * chance * (1 - chance))
      expect(Math.abs(often[j]! - rounds * chance)).toBeLessThan(4.5 * deviation)
    })
  })

  test('what else changes W stays, and is taken in at the next round', () => {
    const run = { seed: 4, m: 5, n: 4, steps: 1 }
    const optimizer = make({ updateGap: 1, drawsPerRound: 2 })
    let params = { W: startOf(run) }
    let state = optimizer.init(params)
    const [G] = gradientsOf(run)
    for (let t = 0; t < 3; t++) {
      const step = optimizer.update({ W: G! }, state, params)
      const shifted = mapped(params.W, (x) => x + 0.1)
      params = optimizers.applyUpdates({ W: shifted }, step.updates)
      state = step.state
    }
    // Decomposed before the third update, so only the last shift is not in the factors.
    expectNear([product(factorsOf(state))], [mapped(params.W, (x) => x - 0.1)], 1e3 * EPS)
  })
})
