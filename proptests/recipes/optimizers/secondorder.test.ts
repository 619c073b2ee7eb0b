import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { mfacWindow } from '../../../src/factorize/index.js'
import { norm, solve } from '../../../src/linalg/index.js'
import type { Matrix } from '../../../src/linalg/index.js'
import { optimizers } from '../../../src/recipes/index.js'
import { RUNS } from '../../support/cases.js'
import { EPS, minus } from '../../support/measures.js'
import { expectNear, gradientsOf, last, mapped, runs, startOf, trained } from './training.js'

// M-FAC and the natural gradient inside of GaLore, against dense solves.

const { galore, inner, mfac, naturalGalore, projected, projectors, residuals } = optimizers
const few = { ...RUNS, numRuns: 40 }

/** (σI + Σ ggᵀ)⁻¹·v, dense. */
function denseSolve(gradients: readonly Matrix[], sigma: number, v: Matrix): Matrix {
  const d = v.size
  const F = Array.from({ length: d }, (_, i) =>
    Array.from({ length: d }, (_, j) =>
      gradients.reduce((sum, { data }) => sum + data[i]! * data[j]!, i === j ? sigma : 0),
    ),
  )
  const x = solve(F, v.data)
  return mapped(v, (_, e) => x[e]!)
}

const dot = (A: Matrix, B: Matrix): number => A.data.reduce((sum, x, e) => sum + x * B.data[e]!, 0)
/** A dense solve is right to its condition number. */
const slack = (gradients: readonly Matrix[], sigma: number): number =>
  100 * EPS * (1 + gradients.reduce((sum, G) => sum + norm(G) ** 2, 0) / sigma)

describe('mfac', () => {
  test('is a dense solve with the last gradients, and goes downhill', () => {
    fc.assert(
      fc.property(runs(1, 5, 7), fc.constantFrom(1e-3, 0.1, 10), (run, damping) => {
        const capacity = 3
        const gradients = gradientsOf(run)
        const { updates } = trained(mfac({ learningRate: 1, capacity, damping }), startOf(run), gradients)
        updates.forEach((U, t) => {
          const past = gradients.slice(Math.max(0, t + 1 - capacity), t + 1)
          const k = past.length
          const expected = mapped(denseSolve(past, k * damping, gradients[t]!), (x) => -k * x)
          expectNear([U], [expected], slack(past, k * damping))
          expect(dot(U, gradients[t]!)).toBeLessThan(0)
        })
      }),
      few,
    )
  })

  test('is the window of factorize, step by step', () => {
    fc.assert(
      fc.property(runs(1, 6, 8), (run) => {
        const [capacity, damping] = [4, 0.05]
        const gradients = gradientsOf(run)
        const window = mfacWindow({ dim: run.m * run.n, capacity, damping })
        const expected = gradients.map((G) => {
          const u = window.step(G.data)
          return mapped(G, (_, e) => -u[e]!)
        })
        const { updates } = trained(mfac({ learningRate: 1, capacity, damping }), startOf(run), gradients)
        expectNear(updates, expected, slack(gradients, damping))
      }),
      few,
    )
  })

  test('(g, λ) → (c·g, c²·λ) gives u/c; gradients of all parameters count together', () => {
    fc.assert(
      fc.property(runs(2, 5, 5), fc.constantFrom(1e-8, 0.3, 1e8), (run, c) => {
        const gradients = gradientsOf(run)
        const W = startOf(run)
        const { updates } = trained(mfac({ learningRate: 1, capacity: 3, damping: 0.1 }), W, gradients)
        const scaled = gradients.map((G) => mapped(G, (x) => c * x))
        const other = trained(mfac({ learningRate: 1, capacity: 3, damping: 0.1 * c * c }), W, scaled).updates
        expectNear(
          other,
          updates.map((U) => mapped(U, (x) => x / c)),
          1e4 * EPS,
        )
        // The rows of W as parameters of their own.
        const optimizer = mfac({ learningRate: 1, capacity: 3, damping: 0.1 })
        const rowsOf = (A: Matrix): Record<string, Float64Array> =>
          Object.fromEntries(
            Array.from({ length: run.m }, (_, i) => [`row${i}`, A.data.slice(i * run.n, (i + 1) * run.n)]),
          )
        let state = optimizer.init(rowsOf(W))
        gradients.forEach((G, t) => {
          const step = optimizer.update(rowsOf(G), state, rowsOf(W))
          state = step.state
          const rows = Object.fromEntries(Object.entries(step.updates).map(([key, { data }]) => [key, data]))
          expect(rows).toEqual(rowsOf(updates[t]!))
        })
      }),
      few,
    )
  })

  test('momentum is a running mean; weight decay is part of the gradient', () => {
    const run = { seed: 8, m: 4, n: 3, steps: 4 }
    const [W, gradients] = [startOf(run), gradientsOf(run)]
    const common = { learningRate: 1, capacity: 2, damping: 0.1 }
    const { updates } = trained(mfac(common), W, gradients)
    const smooth = trained(mfac({ ...common, momentum: 0.6 }), W, gradients).updates
    let velocity = mapped(W, () => 0)
    updates.forEach((U, t) => {
      velocity = mapped(velocity, (x, e) => 0.6 * x + 0.4 * U.data[e]!)
      expectNear([smooth[t]!], [velocity], 10 * EPS)
    })
    const G = mapped(gradients[0]!, (x, e) => x + 0.5 * W.data[e]!)
    const decayed = trained(mfac({ ...common, weightDecay: 0.5 }), W, [gradients[0]!]).updates
    expectNear(decayed, trained(mfac(common), W, [G]).updates, 0)
  })

  test('states share their gradients', () => {
    const run = { seed: 8, m: 20, n: 10, steps: 6 }
    const { states } = trained(
      mfac({ learningRate: 1, capacity: 4, damping: 0.1 }),
      startOf(run),
      gradientsOf(run),
    )
    const rows = states.map((state) => (state as unknown as { past: { rows: Float64Array[] } }).past.rows)
    expect(new Set(rows.flat()).size).toBe(run.steps)
    expect(last(rows).length).toBe(4)
  })
})

describe('natural gradients', () => {
  /** F⁻¹·g itself: no projection, no Adam. */
  const bare = (history: number, damping: number) =>
    projected(
      inner.naturalGradient({ history, damping }),
      projectors.columns({ density: 1 }),
      residuals.none(),
      {
        learningRate: 1,
      },
    )

  test('are a dense solve with the sum over the last ones, g/(λ + ‖g‖²) for one', () => {
    fc.assert(
      fc.property(
        runs(1, 5, 6),
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom(1e-2, 1, 100),
        (run, s, damping) => {
          const gradients = gradientsOf(run)
          const { updates } = trained(bare(s, damping), startOf(run), gradients)
          updates.forEach((U, t) => {
            const past = gradients.slice(Math.max(0, t + 1 - s), t + 1)
            const g = gradients[t]!
            const expected = mapped(denseSolve(past, damping, g), (x) => -x)
            expectNear([U], [expected], slack(past, damping))
            expect(dot(U, g)).toBeLessThan(0)
            if (s === 1) {
              const alone = mapped(g, (x) => -x / (damping + norm(g) ** 2))
              expectNear([U], [alone], 10 * EPS * g.size)
            }
          })
        },
      ),
      few,
    )
  })

  test('(g, λ) → (c·g, c²·λ) gives g̃/c', () => {
    fc.assert(
      fc.property(runs(1, 5, 5), fc.constantFrom(1e-8, 0.3, 1e8), (run, c) => {
        const [W, gradients] = [startOf(run), gradientsOf(run)]
        const { updates } = trained(bare(3, 0.1), W, gradients)
        const scaled = gradients.map((G) => mapped(G, (x) => c * x))
        expectNear(
          trained(bare(3, 0.1 * c * c), W, scaled).updates,
          updates.map((U) => mapped(U, (x) => x / c)),
          1e4 * EPS,
        )
      }),
      few,
    )
  })

  test('naturalGalore becomes galore as the damping grows', () => {
    let apart = 0
    fc.assert(
      fc.property(runs(2, 10, 5), (run) => {
        const [W, gradients] = [startOf(run), gradientsOf(run)]
        const common = { learningRate: 1, rank: 2, eps: 1e-300 }
        const { updates } = trained(galore(common), W, gradients)
        const total = gradients.reduce((sum, G) => sum + norm(G) ** 2, 0)
        // F⁻¹ = (I + O(‖g‖²/λ))/λ.
        const close = naturalGalore({ ...common, damping: 1e9 * total })
        expectNear(trained(close, W, gradients).updates, updates, 1e-7)
        const far = last(trained(naturalGalore({ ...common, damping: 1e-3 }), W, gradients).updates)
        if (run.steps > 1) apart = Math.max(apart, norm(minus(far, last(updates))) / norm(far))
      }),
      few,
    )
    expect(apart).toBeGreaterThan(0.3)
  })

  test('after a new choice old gradients count, or do not', () => {
    const run = { seed: 2, m: 6, n: 4, steps: 3 }
    const common = { learningRate: 1, rank: 2, updateProjGap: 2, history: 5 }
    const count = (onRefresh: 'keep' | 'clear'): number[] =>
      trained(naturalGalore({ ...common, onRefresh }), startOf(run), gradientsOf(run))
        .states.slice(1)
        .map((state) => {
          const { params } = state as unknown as { params: { W: { rule: { inner: [{ rows: unknown[] }] } } } }
          return params.W.rule.inner[0].rows.length
        })
    expect(count('keep')).toEqual([1, 2, 3])
    expect(count('clear')).toEqual([1, 2, 1])
    // A window of one is the current gradient alone, however it is.
    const one = { ...common, history: 1 }
    const [a, b] = (['keep', 'clear'] as const).map((onRefresh) =>
      trained(naturalGalore({ ...one, onRefresh }), startOf(run), gradientsOf(run)),
    )
    expect(a!.updates).toEqual(b!.updates)
  })
})
