import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  dct,
  eye,
  matmul,
  matrix,
  norm,
  operator,
  random,
  svdvals,
  zeros,
} from '../../../src/linalg/index.js'
import type { AsyncLinearOperator, Matrix } from '../../../src/linalg/index.js'
import { optimizers } from '../../../src/recipes/index.js'
import { orthonormal, withSpectrum } from '../../../src/testing/index.js'
import { RUNS } from '../../support/cases.js'
import { EPS, minus, orthogonalityUnits, tail, times } from '../../support/measures.js'
import { expectNear, gradientsOf, last, mapped, ruleOf, runs, startOf, trained } from './training.js'
import type { State } from './training.js'

const { adamw, dctProjection, fira, frugal, galore, inner, projected, projectors, residuals } = optimizers

const few = { ...RUNS, numRuns: 30 }
const TINY = 1e-300
const adam = (learningRate = 1, eps = TINY) => adamw({ learningRate, eps, weightDecay: 0 })

interface Frame {
  readonly left?: Matrix
  readonly right?: Matrix
}
const frameOf = (state: State): Frame => ruleOf(state).subspace as Frame

/** A projector with a basis of the caller's. */
const fixed = (frame: Frame): ReturnType<typeof projectors.svd> => ({
  gap: 1000,
  moments: 'keep',
  // eslint-disable-next-line require-yield -- steps by contract
  *chooseSteps() {
    return { subspace: { kind: 'frame', ...frame } }
  },
})

const T = (A: Matrix): Matrix => matrix(A.transpose(1, 0))
const plus = (As: readonly Matrix[]): Matrix =>
  As.reduce(
    (sum, A) => mapped(sum, (x, e) => x + A.data[e]!),
    mapped(As[0]!, () => 0),
  )

describe('a basis', () => {
  test('of coordinates makes Adam, bit for bit, and so do all columns or entries', () => {
    fc.assert(
      fc.property(runs(), (run) => {
        const [W, gradients] = [startOf(run), gradientsOf(run)]
        const { updates } = trained(adam(), W, gradients)
        const same = [
          fixed({ right: eye(run.n) }),
          fixed({ left: eye(run.m) }),
          projectors.columns({ density: 1 }),
          projectors.entries({ density: 1 }),
          projectors.blocks({ density: 1 }),
        ]
        for (const projector of same) {
          const options = { learningRate: 1 }
          const optimizer = projected(inner.adam({ eps: TINY }), projector, residuals.none(), options)
          expect(trained(optimizer, W, gradients).updates).toEqual(updates)
        }
      }),
      few,
    )
  })

  test('of singular vectors, full, is not Adam; with momentum it changes nothing', () => {
    let apart = 0
    fc.assert(
      fc.property(runs(2), fc.constantFrom('std' as const, 'full' as const), (run, projType) => {
        const [W, gradients, rank] = [startOf(run), gradientsOf(run), Math.min(run.m, run.n)]
        if (projType === 'full' && run.m !== run.n) return
        for (const svd of ['exact', 'randomized'] as const) {
          const projector = projectors.svd({ rank, svd, projType })
          const options = { learningRate: 1 }
          const optimizer = projected(inner.momentum(), projector, residuals.none(), options)
          const plain = optimizers.sgd({ learningRate: 1 })
          const { updates } = trained(plain, W, gradients)
          expectNear(trained(optimizer, W, gradients).updates, updates, 100 * (run.m + run.n) * EPS)
        }
        const turned = trained(galore({ learningRate: 1, scale: 1, rank, eps: TINY }), W, gradients).updates
        const { updates } = trained(adam(), W, gradients)
        apart = Math.max(apart, norm(minus(turned[0]!, updates[0]!)) / norm(updates[0]!))
      }),
      few,
    )
    expect(apart).toBeGreaterThan(0.5)
  })

  test('may have its vectors exchanged and turned around', () => {
    fc.assert(
      fc.property(runs(3), fc.boolean(), (run, onTheLeft) => {
        const side = onTheLeft ? run.m : run.n
        const Q = orthonormal(side, 3, { seed: run.seed })
        const other = mapped(
          zeros([side, 3]),
          (_, e) => [-1, 1, -1][e % 3]! * Q.get(Math.floor(e / 3), 2 - (e % 3)),
        )
        const [a, b] = [Q, other].map((basis) => {
          const projector = fixed(onTheLeft ? { left: basis } : { right: basis })
          const options = { learningRate: 1 }
          const optimizer = projected(inner.adam({ eps: TINY }), projector, residuals.scaled(), options)
          return trained(optimizer, startOf(run), gradientsOf(run)).updates
        })
        expectNear(a!, b!, 1e4 * EPS)
      }),
      few,
    )
  })
})

describe('galore', () => {
  const shapes = runs(2, 14, 6)

  test('keeps the leading singular values at a choice, and moves within its basis until the next', () => {
    fc.assert(
      fc.property(shapes, fc.constantFrom('exact' as const, 'randomized' as const), (run, svd) => {
        const rank = 2
        const optimizer = galore({ learningRate: 1, rank, svd, updateProjGap: 3 })
        const [W, gradients] = [startOf(run), gradientsOf(run)]
        const { updates, states } = trained(optimizer, W, gradients)
        for (let t = 0; t < run.steps; t += 3) {
          const { left, right } = frameOf(states[t + 1]!)
          expect([left !== undefined, right !== undefined]).toEqual([run.m < run.n, run.m >= run.n])
          const Q = (left ?? right)!
          expect(orthogonalityUnits(Q)).toBeLessThan(30)
          const kept = norm(right ? times(gradients[t]!, right) : times(left!, gradients[t]!, true))
          // Sketches of rank + 8 columns: all of so small a matrix, or nearly.
          const all = Math.hypot(...svdvals(gradients[t]!).slice(0, rank))
          expect(Math.abs(kept - all)).toBeLessThanOrEqual(
            (Math.min(run.m, run.n) <= 10 ? 1e-12 : 0.02) * all,
          )
          const window = plus(updates.slice(t, t + 3))
          const outside = right
            ? minus(window, times(times(window, Q), T(Q)))
            : minus(window, times(Q, times(Q, window, true)))
          expect(norm(outside)).toBeLessThanOrEqual(100 * EPS * norm(window))
          const next = states[t + 2]
          if (next && (t + 1) % 3 !== 0) expect(frameOf(next)).toBe(ruleOf(states[t + 1]!).subspace)
        }
      }),
      few,
    )
  })

  test('is linear in scale, and is what its formula says', () => {
    fc.assert(
      fc.property(shapes, (run) => {
        const [W, gradients] = [startOf(run), gradientsOf(run)]
        const make = (scale: number) => galore({ learningRate: 0.1, rank: 2, scale })
        const { updates, states } = trained(make(1), W, gradients)
        expectNear(
          trained(make(4), W, gradients).updates,
          updates.map((U) => mapped(U, (x) => 4 * x)),
          8 * EPS,
        )
        // Adam by plain loops on R.
        const { left, right } = frameOf(states[1]!)
        const Rs = gradients.map((G) => (right ? times(G, right) : times(left!, G, true)))
        const size = Rs[0]!.size
        const [m, v] = [new Float64Array(size), new Float64Array(size)]
        Rs.forEach((R, t) => {
          const N = mapped(R, (x, e) => {
            m[e] = 0.9 * m[e]! + 0.1 * x
            v[e] = 0.999 * v[e]! + 0.001 * x * x
            return m[e] / (1 - 0.9 ** (t + 1)) / (Math.sqrt(v[e] / (1 - 0.999 ** (t + 1))) + 1e-6)
          })
          const up = right ? times(N, T(right)) : times(left!, N)
          expectNear([updates[t]!], [mapped(up, (x) => -0.1 * x)], 1e4 * EPS)
        })
      }),
      few,
    )
  })

  test('both sides, either side: R has the shape that is said', () => {
    const run = { seed: 3, m: 7, n: 4, steps: 3 }
    const shapeOf = { std: [7, 2], reverseStd: [2, 4], left: [2, 4], right: [7, 2], full: [2, 2] } as const
    for (const projType of ['std', 'reverseStd', 'left', 'right', 'full'] as const) {
      const optimizer = galore({ learningRate: 1, rank: 2, projType })
      const { states, updates } = trained(optimizer, startOf(run), gradientsOf(run))
      const { mu } = ruleOf(last(states)).inner as { mu: Matrix }
      expect(mu.shape).toEqual(shapeOf[projType])
      expect(Math.hypot(...svdvals(last(updates)).slice(2))).toBeLessThan(1e-13 * norm(last(updates)))
    }
  })

  test('a randomized basis costs little: the captured part is within 1% of the best for decaying gradients', () => {
    for (let seed = 0; seed < 30; seed++) {
      const s = Float64Array.from({ length: 40 }, (_, j) => 1 / (1 + j))
      const G = withSpectrum(60, 40, s, { seed })
      const { states } = trained(
        galore({ learningRate: 1, rank: 5, seed }),
        startOf({ seed, m: 60, n: 40, steps: 1 }),
        [G],
      )
      const left = norm(minus(G, times(times(G, frameOf(states[1]!).right!), T(frameOf(states[1]!).right!))))
      expect(left).toBeLessThanOrEqual(1.01 * tail(s, 5))
    }
  })

  test('takes a gradient from elsewhere by thin products alone', async () => {
    const [m, n, rank] = [80, 60, 4]
    for (const turn of [false, true]) {
      const shape = turn ? ([n, m] as const) : ([m, n] as const)
      const W = random.normal(shape)
      const Gs = [1, 2, 3, 4].map((seed) => random.normal(shape, { seed }))
      const optimizer = galore({ learningRate: 0.1, rank, updateProjGap: 3 })
      const { updates } = trained(optimizer, W, Gs)
      let state = optimizer.init({ W, b: [1] })
      for (const [t, G] of Gs.entries()) {
        const widths: number[] = []
        const remote: AsyncLinearOperator = operator({
          shape,
          async: true,
          matmat: (X) => (widths.push(X.shape[1]!), Promise.resolve(matmul(G, X))),
          rmatmat: (Y) => (widths.push(Y.shape[1]!), Promise.resolve(matmul(G, Y, { transA: true }))),
        })
        const step = await optimizer.update.async({ W: remote, b: [1] }, state, { W, b: [1] })
        state = step.state
        expectNear([step.updates.W as Matrix], [updates[t]!], 1e6 * EPS)
        // The choice has rank + 8 columns, and ten of probes; then r.
        if (t % 3 === 0) expect(Math.max(...widths)).toBeLessThanOrEqual(rank + 18)
        else expect(widths).toEqual([rank])
        expect(() => optimizer.update({ W: remote, b: [1] }, state, { W, b: [1] })).toThrow(/update.async/)
      }
    }
  })
})

describe('fira', () => {
  test('of full rank is galore; else what it adds is outside, and grows slowly', () => {
    fc.assert(
      fc.property(runs(2, 10, 6), (run) => {
        const [W, gradients, p] = [startOf(run), gradientsOf(run), Math.min(run.m, run.n)]
        const common = { learningRate: 1, eps: TINY, svd: 'exact' as const }
        expectNear(
          trained(fira({ ...common, rank: p }), W, gradients).updates,
          trained(galore({ ...common, rank: p }), W, gradients).updates,
          1e3 * EPS,
        )
        const a = trained(fira({ ...common, rank: 1 }), W, gradients).updates
        const b = trained(galore({ ...common, rank: 1 }), W, gradients).updates
        const extra = a.map((U, t) => minus(U, b[t]!))
        extra.forEach((E, t) => {
          const inside = E.data.reduce((sum, x, e) => sum + x * b[t]!.data[e]!, 0)
          expect(Math.abs(inside)).toBeLessThanOrEqual(1e3 * EPS * norm(E) * norm(b[t]!))
          if (t > 0) expect(norm(E)).toBeLessThanOrEqual(1.01 * norm(extra[t - 1]!) * (1 + 1e-6))
        })
      }),
      few,
    )
  })

  test('scales the residual as Adam scaled the inside, row by row or column by column', () => {
    fc.assert(
      fc.property(runs(3), (run) => {
        const [W, [G]] = [startOf(run), gradientsOf(run)]
        const { updates, states } = trained(fira({ learningRate: 1, rank: 2, scale: 1, eps: TINY }), W, [G!])
        const { left, right } = frameOf(states[1]!)
        const R = right ? times(G!, right) : times(left!, G!, true)
        const N = mapped(R, Math.sign)
        const up = (X: Matrix): Matrix => (right ? times(X, T(right)) : times(left!, X))
        const line = (X: Matrix, j: number): number =>
          norm([
            Array.from({ length: X.shape[right ? 1 : 0]! }, (_, i) => (right ? X.get(j, i) : X.get(i, j))),
          ])
        const E = mapped(minus(G!, up(R)), (x, e) => {
          const j = right ? Math.floor(e / run.n) : e % run.n
          return (x * line(N, j)) / line(R, j)
        })
        expectNear(updates, [mapped(plus([up(N), E]), (x) => -x)], 1e3 * EPS)
      }),
      few,
    )
  })
})

describe('frugal', () => {
  const plain = { learningRate: 1, eps: TINY }

  test('with everything inside is Adam, with nothing signSGD, whatever is drawn', () => {
    fc.assert(
      fc.property(runs(), (run) => {
        const [W, gradients] = [startOf(run), gradientsOf(run)]
        const { updates } = trained(adam(), W, gradients)
        for (const projType of ['columns', 'entries', 'blocks'] as const) {
          expect(trained(frugal({ ...plain, density: 1, projType }), W, gradients).updates).toEqual(updates)
        }
        const signs = gradients.map((G) => mapped(G, (x) => -Math.sign(x)))
        for (const projType of ['columns', 'entries', 'blocks', 'random', 'svd'] as const) {
          const optimizer = frugal({ ...plain, density: 0, projType })
          expectNear(trained(optimizer, W, gradients).updates, signs, 0)
        }
      }),
      few,
    )
  })

  test('columns outside take the sign, columns inside what Adam does; the draw is by count', () => {
    fc.assert(
      fc.property(runs(2), fc.constantFrom(0.3, 0.5, 0.8), (run, density) => {
        const [W, gradients] = [startOf(run), gradientsOf(run)]
        const optimizer = frugal({ ...plain, density, inactiveLrScale: 0.5, seed: run.seed })
        const { updates, states } = trained(optimizer, W, gradients)
        const whole = trained(adam(), W, gradients).updates
        const { indices } = ruleOf(states[1]!).subspace as { indices: Int32Array }
        expect(indices.length).toBe(Math.floor(density * run.n))
        updates.forEach((U, t) => {
          const expected = mapped(gradients[t]!, (x, e) =>
            indices.includes(e % run.n) ? whole[t]!.data[e]! : -0.5 * Math.sign(x),
          )
          expectNear([U], [expected], 0)
        })
      }),
      few,
    )
  })

  test('without a rule for the rest it is galore; a plain rest is orthogonal to the inside', () => {
    fc.assert(
      fc.property(runs(4, 10), (run) => {
        const [W, gradients] = [startOf(run), gradientsOf(run)]
        const density = 0.5
        const options = { ...plain, density, projType: 'svd' as const, scale: 0.25 }
        const { updates } = trained(frugal({ ...options, inactiveUpdateRule: 'none' }), W, gradients)
        expect(trained(galore({ ...plain, density }), W, gradients).updates).toEqual(updates)
        const full = trained(frugal({ ...options, inactiveUpdateRule: 'sgd' }), W, gradients).updates
        full.forEach((U, t) => {
          const rest = minus(U, updates[t]!)
          const product = rest.data.reduce((sum, x, e) => sum + x * updates[t]!.data[e]!, 0)
          expect(Math.abs(product)).toBeLessThanOrEqual(1e3 * EPS * (norm(rest) * norm(updates[t]!)))
        })
      }),
      few,
    )
  })

  test('starts afresh with each draw; all columns have the same chance; matrices differ', () => {
    const [m, n] = [3, 8]
    const G = random.normal([m, n], { seed: 4 })
    const optimizer = frugal({ ...plain, density: 0.25, updateProjGap: 1 })
    let state = optimizer.init({ V: G, W: G })
    const often = new Float64Array(n)
    let same = 0
    const rounds = 400
    for (let t = 0; t < rounds; t++) {
      const step = optimizer.update({ V: G, W: G }, state, { V: G, W: G })
      state = step.state
      // The first step of Adam is a sign too.
      expectNear([step.updates.W as Matrix], [mapped(G, (x) => -Math.sign(x))], 4 * EPS)
      const [V, W] = ['V', 'W'].map(
        (name) => (ruleOf(state, name).subspace as { indices: Int32Array }).indices,
      )
      if (V!.join() === W!.join()) same++
      for (const j of W!) often[j]!++
    }
    // Two of eight columns: within five deviations of a binomial law, and pairs agree once in 28.
    for (const count of often)
      expect(Math.abs(count - rounds / 4)).toBeLessThan(5 * Math.sqrt((rounds * 3) / 16))
    expect(same).toBeLessThan(rounds / 28 + 5 * Math.sqrt(rounds / 28))
  })

  test('blocks are whole matrices, the round number of them', () => {
    const params = Object.fromEntries(
      ['a', 'b', 'c', 'd'].map((key, i) => [key, random.normal([2, 3], { seed: i })]),
    )
    const optimizer = frugal({ ...plain, density: 0.5, projType: 'blocks', updateProjGap: 1 })
    let state = optimizer.init(params)
    const seen = new Set<string>()
    for (let t = 0; t < 40; t++) {
      state = optimizer.update(params, state, params).state
      const widths = Object.keys(params).map(
        (key) => (ruleOf(state, key).subspace as { indices: Int32Array }).indices.length,
      )
      expect(widths.filter((width) => width === 3).length).toBe(2)
      expect(widths.filter((width) => width === 0).length).toBe(2)
      seen.add(widths.join())
    }
    expect(seen.size).toBe(6)
  })
})

describe('dctProjection', () => {
  /** Q by its formula. */
  const cosines = (k: number): Matrix =>
    mapped(zeros([k, k]), (_, e) => {
      const [i, j] = [Math.floor(e / k), e % k]
      return Math.sqrt((i === 0 ? 1 : 2) / k) * Math.cos((Math.PI * i * (2 * j + 1)) / (2 * k))
    })
  const step = (rank: number, options: object = {}) =>
    projected(inner.momentum({ momentum: 0 }), projectors.cosine({ rank, ...options }), residuals.none(), {
      learningRate: 1,
    })

  test('its matrix is orthogonal, and the transform is a product with it', () => {
    for (const k of [1, 2, 3, 8, 17, 30]) {
      expect(orthogonalityUnits(cosines(k))).toBeLessThan(30)
      expect(norm(minus(matrix(dct(eye(k))), T(cosines(k))))).toBeLessThan(1e-12)
    }
  })

  test('the best columns by the 2-norm: no others leave less, and the error is what they have', () => {
    fc.assert(
      fc.property(runs(2, 7, 1), fc.integer({ min: 1, max: 7 }), (run, wanted) => {
        const { m, n } = run
        const k = Math.min(m, n)
        const rank = Math.min(wanted, k)
        const [W, [G]] = [startOf(run), gradientsOf(run)]
        const { updates } = trained(step(rank, { selectionNorm: 2 }), W, [G!])
        const error = norm(
          minus(
            G!,
            mapped(updates[0]!, (x) => -x),
          ),
        )
        const S = m >= n ? times(G!, cosines(k)) : T(times(cosines(k), G!, true))
        const sizes = Array.from({ length: k }, (_, j) =>
          norm([Array.from({ length: S.shape[0]! }, (_, i) => S.get(i, j))]),
        )
        const dropped = Math.hypot(...sizes.sort((a, b) => b - a).slice(rank))
        expect(Math.abs(error - dropped)).toBeLessThanOrEqual(100 * EPS * norm(G!))
      }),
      few,
    )
  })

  test('all columns lose nothing; an update between choices is what it would be by a choice', () => {
    fc.assert(
      fc.property(runs(2), (run) => {
        const [W, gradients] = [startOf(run), gradientsOf(run)]
        const k = Math.min(run.m, run.n)
        const negative = gradients.map((G) => mapped(G, (x) => -x))
        expectNear(trained(step(k), W, gradients).updates, negative, 100 * EPS)
        // The same gradient twice: chosen, then projected by products.
        const { updates } = trained(step(1, { updateProjGap: 2 }), W, [gradients[0]!, gradients[0]!])
        expectNear([updates[1]!], [updates[0]!], 100 * EPS)
      }),
      few,
    )
  })

  test('with error feedback nothing is ever lost', () => {
    fc.assert(
      fc.property(runs(2, 10, 8), (run) => {
        const [W, gradients] = [startOf(run), gradientsOf(run)]
        const projector = projectors.cosine({ rank: 1 })
        const optimizer = projected(inner.momentum({ momentum: 0 }), projector, residuals.feedback(), {
          learningRate: 1,
        })
        const { updates, states } = trained(optimizer, W, gradients)
        const { error } = ruleOf(last(states)).residual as { error: Matrix }
        const applied = plus(updates.map((U) => mapped(U, (x) => -x)))
        expectNear([plus([applied, error])], [plus(gradients)], 100 * run.steps * EPS)
      }),
      few,
    )
  })

  test('what Adam remembers of a column stays with it, and goes when it is left out', () => {
    fc.assert(
      fc.property(runs(3, 9, 6), (run) => {
        const { m, n } = run
        const k = Math.min(m, n)
        const rank = Math.ceil(k / 2)
        const [W, gradients] = [startOf(run), gradientsOf(run)]
        const { updates, states } = trained(dctProjection({ learningRate: 1, rank, eps: TINY }), W, gradients)
        // Adam in all coordinates of S, its memory of columns that are not chosen set to 0.
        const lines = Math.max(m, n)
        const [mu, nu] = [new Float64Array(lines * k), new Float64Array(lines * k)]
        gradients.forEach((G, t) => {
          const { indices } = ruleOf(states[t + 1]!).subspace as { indices: Int32Array }
          const S = m >= n ? times(G, cosines(k)) : T(times(cosines(k), G, true))
          const N = mapped(S, (x, e) => {
            const kept = indices.includes(e % k) ? 1 : 0
            mu[e] = kept * (0.9 * mu[e]! + 0.1 * x)
            nu[e] = kept * (0.999 * nu[e]! + 0.001 * x * x)
            const root = Math.sqrt(nu[e] / (1 - 0.999 ** (t + 1)))
            return kept === 0 ? 0 : mu[e] / (1 - 0.9 ** (t + 1)) / root
          })
          const up = m >= n ? times(N, T(cosines(k))) : times(cosines(k), T(N))
          expectNear([updates[t]!], [mapped(up, (x) => -x)], 1e6 * EPS)
        })
      }),
      few,
    )
  })
})

describe('random projections', () => {
  test('bases are orthonormal, new at each choice, and the same for the same seed', () => {
    fc.assert(
      fc.property(runs(3), (run) => {
        const [W, gradients] = [startOf(run), gradientsOf(run)]
        const at = (seed: number): Matrix[] => {
          const projector = projectors.random({ rank: 2, updateProjGap: 1, seed })
          const optimizer = projected(inner.adam(), projector, residuals.none(), { learningRate: 1 })
          const { states } = trained(optimizer, W, gradients)
          return states.slice(1).map((state) => (frameOf(state).right ?? frameOf(state).left)!)
        }
        const bases = at(run.seed)
        for (const Q of bases) expect(orthogonalityUnits(Q)).toBeLessThan(30)
        expect(at(run.seed)).toEqual(bases)
        const all = [...bases, ...at(run.seed + 1)]
        expect(new Set(all.map((Q) => Q.data.join())).size).toBe(all.length)
      }),
      few,
    )
  })
})
