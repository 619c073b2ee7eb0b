import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  SingularMatrixError,
  diag,
  gram,
  matmul,
  matrix,
  norm,
  random,
  svd,
  svdvals,
  transpose,
} from '../../../src/linalg/index.js'
import type { Matrix } from '../../../src/linalg/index.js'
import { adapters } from '../../../src/recipes/index.js'
import { withSpectrum } from '../../../src/testing/index.js'
import { RUNS } from '../../support/cases.js'
import { EPS, assembled, minus, orthogonalityUnits, tail, times } from '../../support/measures.js'
import { alike, cases, perturbed, trialOf } from './subjects.js'
import type { Case } from './subjects.js'

// What the papers say of where an adapter starts.

const always = (check: (c: Case) => void): void => {
  fc.assert(
    fc.property(cases, (c) => {
      check(c)
    }),
    { ...RUNS, numRuns: 40 },
  )
}

const scale = (a: number, T: Matrix): Matrix =>
  alike(
    T,
    T.data.map((x) => a * x),
  )
const plus = (A: Matrix, B: Matrix): Matrix => minus(A, scale(-1, B))
const unit = (A: Matrix): number => 100 * Math.max(...A.shape) * EPS * norm(A)

describe('LoRA-GA', () => {
  test('with unit vectors the first step is the best approximation of the gradient of rank 2r', () => {
    always((c) => {
      const { context, r } = trialOf('loraGa', c)
      for (const direction of ['ArB2r', 'A2rBr', 'ArBr'] as const) {
        const loraGa = adapters.loraGa({ r, direction, scale: 'unit', svdMethod: 'svd' })
        const { B, A } = loraGa.init(context).trainable
        const G = context.grad
        const step = plus(times(B!, times(B!, G, true)), times(times(G, transpose(A!)), A!))
        const { U, s, Vt } = svd(G)
        const best = assembled(U.hi(G.shape[0]!, 2 * r), s.subarray(0, 2 * r), Vt.hi(2 * r, G.shape[1]!))
        expect(norm(minus(step, best))).toBeLessThanOrEqual(unit(G))
      }
    })
  })

  test('both factors are c times orthonormal, for every c and every choice of vectors', () => {
    const context = {
      W0: withSpectrum(12, 9, [5, 4, 3, 2, 1, 1, 1]),
      grad: random.normal([12, 9], { seed: 3 }),
    }
    const c = {
      stable: 12 ** 0.25 / 4,
      gd: 4 / 2,
      unit: 1,
      weightS: [5, 4, 3, 2].reduce((sum, sigma) => sum + Math.sqrt(sigma * 2), 0) / 4,
    }
    for (const scaleName of ['stable', 'gd', 'unit', 'weightS'] as const) {
      for (const direction of ['ArB2r', 'A2rBr', 'ArBr', 'random'] as const) {
        const config = { r: 4, loraAlpha: 2, scale: scaleName, direction }
        const { B, A } = adapters.loraGa(config).init(context).trainable
        const target = diag(new Float64Array(4).fill(c[scaleName] ** 2))
        expect(norm(minus(gram(B!), target))).toBeLessThanOrEqual(unit(target))
        expect(norm(minus(gram(transpose(A!)), target))).toBeLessThanOrEqual(unit(target))
      }
    }
  })

  test('normClip keeps the start below the weight', () => {
    const context = { W0: withSpectrum(12, 9, [1e-3]), grad: random.normal([12, 9]) }
    const largest = (A: Matrix): number => A.data.reduce((most, x) => Math.max(most, Math.abs(x)), 0)
    const startOf = (normClip: boolean): number => {
      const loraGa = adapters.loraGa({ r: 3, normClip })
      return largest(loraGa.getDeltaWeight(loraGa.init(context)))
    }
    expect(startOf(false)).toBeGreaterThan(10 * largest(context.W0))
    expect(Math.abs(startOf(true) / largest(context.W0) - 1)).toBeLessThanOrEqual(100 * EPS)
  })
})

describe('EVA', () => {
  test('A is orthonormal and holds as much of the centred activations as r directions can', () => {
    always((c) => {
      const { context, r } = trialOf('eva', c)
      const A = adapters.eva({ r, svdMethod: 'svd' }).init(context).trainable.A!
      expect(orthogonalityUnits(transpose(A))).toBeLessThanOrEqual(100)
      const X = centredColumns(context.activations)
      const s = svdvals(X)
      const held = norm(times(A, X))
      expect(held).toBeLessThanOrEqual(Math.hypot(...s.subarray(0, r)) * (1 + 100 * EPS * s.length))
      expect(held).toBeGreaterThanOrEqual(Math.hypot(...s.subarray(0, r)) * (1 - 100 * EPS * s.length))
    })
  })

  test('a stream of batches finds what all of them together have, around their common mean', () => {
    always(({ seed, n, batch }) => {
      // Twice the rank is the number of inputs or more: nothing is lost.
      const stream = adapters.activationStream({ rank: Math.ceil(n / 2) })
      const batches = Array.from({ length: 3 }, (_, i) => {
        const X = random.normal([n, batch + n], { seed: seed + i })
        return alike(
          X,
          X.data.map((x) => x + 3 * i),
        )
      })
      for (const X of batches) expect(stream.push(X)).toBe(true)
      const together = centredColumns(besides(batches))
      const { singularValues, explained, samples, components } = stream.result()
      const s = svdvals(together)
      expect(samples).toBe(3 * (batch + n))
      const slack = 1e3 * together.shape[1]! * EPS * s[0]!
      singularValues.forEach((sigma, i) => {
        expect(Math.abs(sigma - s[i]!)).toBeLessThanOrEqual(slack)
        expect(Math.abs(explained[i]! - (s[i]! / tail(s, 0)) ** 2)).toBeLessThanOrEqual(slack / tail(s, 0))
        // Each component is a left singular vector: X·Xᵀv = σ²v.
        const v = matrix(transpose(components.hi(i + 1, n).lo(i, 0)))
        const image = times(together, times(together, v, true))
        expect(norm(minus(image, scale(sigma ** 2, v)))).toBeLessThanOrEqual(slack * s[0]!)
      })
    })
  })

  test('a stream converges when a batch changes nothing, and passes over one that is too small', () => {
    const stream = adapters.activationStream({ rank: 3 })
    const X = withSpectrum(8, 50, [9, 4, 2, 0.1])
    expect(stream.push(random.normal([8, 2]))).toBe(false)
    expect(stream.push(X)).toBe(true)
    expect(stream.converged).toBe(false)
    stream.push(X)
    expect(stream.converged).toBe(true)
    stream.push(withSpectrum(8, 50, [90, 40, 20], { seed: 5 }))
    expect(stream.converged).toBe(false)
  })

  test('a plan spends its budget to the last rank, where the variance is', () => {
    fc.assert(
      fc.property(
        fc.nat(1000),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 4 }),
        (seed, layers, r) => {
          const spectra = Array.from({ length: layers }, (_, i) => {
            const stream = adapters.activationStream({ rank: 2 * r })
            stream.push(random.normal([12, 20 + 10 * i], { seed: seed + i }))
            return stream.result()
          })
          const plan = adapters.evaPlan(spectra, { r, loraAlpha: 3 })
          const ranks = plan.map((config) => config?.r ?? 0)
          expect(ranks.reduce((sum, rank) => sum + rank, 0)).toBe(layers * r)
          const taken = spectra.flatMap(({ explained }, i) => [...explained.subarray(0, ranks[i])])
          const left = spectra.flatMap(({ explained }, i) => [...explained.subarray(ranks[i], 2 * r)])
          expect(Math.max(...left, 0)).toBeLessThanOrEqual(Math.min(...taken))
          plan.forEach((config, i) => {
            if (config === undefined) return
            expect(config.r).toBeLessThanOrEqual(2 * r)
            const state = adapters.eva(config).init({ W0: random.normal([12, 12]) })
            // (α·rₗ/r)/rₗ rounds twice.
            expect(Math.abs((state.scaling * r) / 3 - 1)).toBeLessThanOrEqual(4 * EPS)
            expect(state.trainable.A!.data).toEqual(spectra[i]!.components.data.slice(0, 12 * config.r))
          })
        },
      ),
      { ...RUNS, numRuns: 30 },
    )
  })
})

describe('LoRA-XS', () => {
  test('starts near W0, as its deviation says', () => {
    always((c) => {
      const { adapter, init, context } = trialOf('loraXs', { ...c, variant: 0 })
      const change = norm(adapter.getDeltaWeight(init), 2)
      const bound = init.scaling * norm(init.trainable.R!) * norm(context.W0, 2)
      expect(change).toBeLessThanOrEqual(bound * (1 + 1e3 * EPS))
      expect(norm(init.trainable.R!)).toBeLessThanOrEqual(6e-5 * init.trainable.R!.shape[0]!)
    })
  })

  test('both places of the singular values give the same changes', () => {
    always((c) => {
      const { context, r } = trialOf('loraXs', { ...c, variant: 0 })
      const [inB, inA] = (['B', 'A'] as const).map((singularValues) =>
        adapters.loraXs({ r, singularValues, svdMethod: 'svd' }),
      )
      const state = perturbed(inB!.init(context), c.seed)
      // S·R = R'·S
      const s = svdvals(context.W0)
      const R = state.trainable.R!
      const moved = alike(
        R,
        R.data.map((x, e) => (x * s[Math.floor(e / r)]!) / s[e % r]!),
      )
      const other = { ...inA!.init(context), trainable: { R: moved } }
      const delta = inB!.getDeltaWeight(state)
      expect(norm(minus(inA!.getDeltaWeight(other), delta))).toBeLessThanOrEqual(
        unit(delta) * (s[0]! / s[r - 1]!),
      )
    })
  })
})

test('LoRA-SB: the best approximation of the first step, and steps that are the full one, projected', () => {
  always((c) => {
    const { adapter, init, context, r, G } = trialOf('loraSb', { ...c, variant: 1 })
    const { B, A } = init.frozen
    const D = alike(
      context.grad,
      context.grad.data.map((g) => -Math.sign(g)),
    )
    const left = norm(minus(adapter.getDeltaWeight(init), D))
    expect(Math.abs(left - tail(svdvals(D), r))).toBeLessThanOrEqual(unit(D))
    expect(Math.abs(init.residual! - left / norm(D))).toBeLessThanOrEqual(unit(D))
    expect(orthogonalityUnits(B!)).toBeLessThanOrEqual(100)
    expect(orthogonalityUnits(transpose(A!))).toBeLessThanOrEqual(100)
    const R = times(times(B!, D, true), transpose(A!))
    expect(norm(minus(R, init.trainable.R!))).toBeLessThanOrEqual(unit(D))
    const step = times(times(B!, adapter.gradsFromWeightGrad(init, G).R!), A!)
    const projected = times(times(B!, times(times(B!, G, true), transpose(A!))), A!)
    expect(norm(minus(step, projected))).toBeLessThanOrEqual(unit(G))
  })
})

test('LoRA-SB starts on a parabola: below the loss of W0 up to some learning rate, far above it beyond', () => {
  always((c) => {
    const { m, n, context, x } = trialOf('loraSb', c)
    const { W0 } = context
    // ½‖W·x − gy‖² for a gy that W0 misses by noise: its gradient in W is misfit·xᵀ.
    const misfit = random.normal([m, x.shape[1]!], { seed: c.seed + 20 })
    const G = times(misfit, transpose(x))
    const S = alike(
      G,
      G.data.map((g) => Math.sign(g)),
    )
    const [slope, bend] = [G.data.reduce((sum, g) => sum + Math.abs(g), 0), norm(times(S, x)) ** 2]
    const even = (2 * slope) / bend
    const gained = (learningRate: number): number => {
      const adapter = adapters.loraSb({ r: Math.min(m, n), learningRate, svdMethod: 'svd' })
      const moved = times(adapter.getDeltaWeight(adapter.init({ W0, grad: G })), x)
      return (
        (norm(misfit) ** 2 -
          norm(
            alike(
              moved,
              moved.data.map((y, e) => y + misfit.data[e]!),
            ),
          ) **
            2) /
        2
      )
    }
    for (const t of [0.1, 0.5, 1.5, 10, 100]) {
      const rate = t * even
      const wanted = rate * slope - (rate ** 2 * bend) / 2
      const sizes = norm(misfit) ** 2 + rate * slope + rate ** 2 * bend
      expect(Math.abs(gained(rate) - wanted)).toBeLessThanOrEqual(1e3 * (m + n) * EPS * sizes)
      expect(Math.sign(wanted)).toBe(t < 1 ? 1 : -1)
    }
  })
})

test('NLoRA: exact for a weight of rank r, and in the first rows and columns for any', () => {
  always((c) => {
    const { r, m, n } = trialOf('nlora', c)
    const nlora = adapters.nlora({ r, rtol: 0 })
    const low = matmul(random.normal([m, r], { seed: c.seed }), random.normal([r, n], { seed: c.seed + 1 }))
    const any = random.normal([m, n], { seed: c.seed + 2 })
    for (const W0 of [low, any]) {
      const block = svdvals(W0.hi(r, r))
      const slack = unit(W0) * (block[0]! / block[r - 1]!) * (norm(W0) / block[r - 1]!)
      const { base, residual } = nlora.init({ W0 })
      if (W0 === low) expect(norm(base)).toBeLessThanOrEqual(slack)
      expect(norm(base.hi(r, n))).toBeLessThanOrEqual(slack)
      expect(norm(base.hi(m, r))).toBeLessThanOrEqual(slack)
      expect(residual).toBe(norm(base) / norm(W0))
    }
  })
})

describe('LoLDU', () => {
  test('the base is the Schur complement: r rows and columns are gone, and all of it for full rank', () => {
    always((c) => {
      const { init, context, r, m, n } = trialOf('loldu', { ...c, variant: 0 })
      expect(init.frozen.PL!.data.every((x) => Math.abs(x) <= 1)).toBe(true)
      const W0 = context.W0
      const slack =
        10 * unit(W0) * (1 + norm(init.frozen.U!)) * Math.max(...init.trainable.z!.data.map(Math.abs), 1)
      const zeroRows = Array.from({ length: m }, (_, i) => norm(init.base.hi(i + 1, n).lo(i, 0))).filter(
        (size) => size <= slack,
      )
      expect(zeroRows.length).toBeGreaterThanOrEqual(r)
      expect(norm(init.base.hi(m, r))).toBeLessThanOrEqual(slack)
      if (r === Math.min(m, n)) expect(norm(init.base)).toBeLessThanOrEqual(slack)
    })
  })

  test('refuses a pivot that is zero, by its own name; rook pivoting takes it', () => {
    const W0 = [
      [0, 1],
      [0, 0],
    ]
    expect(() => adapters.loldu({ r: 1 }).init({ W0 })).toThrow(SingularMatrixError)
    expect(() => adapters.loldu({ r: 1 }).init({ W0 })).toThrow(/^loldu\.init: W0: .*rook/)
    expect(norm(adapters.loldu({ r: 1, pivot: 'rook' }).init({ W0 }).base)).toBe(0)
  })
})

describe('SVFit', () => {
  test('singular values of the leading part are |z|, between singular vectors that stay', () => {
    always((c) => {
      const { adapter, trained } = trialOf('svfit', c)
      const s = svdvals(adapter.getDeltaWeight(trained)).subarray(0, trained.trainable.z!.size)
      const z = trained.trainable.z!.data.map(Math.abs).sort().reverse()
      s.forEach((sigma, i) => {
        expect(Math.abs(sigma - z[i]!)).toBeLessThanOrEqual(100 * Math.max(...trained.shape) * EPS * z[0]!)
      })
    })
  })

  test.each([
    ['squares', 0.9, 2],
    ['values', 0.9, 3],
  ] as const)('by the %s, a share of %d needs %i', (criterion, share, r) => {
    const W0 = withSpectrum(9, 7, [8, 4, 2, 1])
    const svfit = adapters.svfit({ share, criterion })
    expect(svfit.init({ W0 }).trainable.z!.size).toBe(r)
    expect(() => svfit.numTrainable([9, 7])).toThrow(/^svfit\.numTrainable/)
  })
})

test('PiSSA by a randomized SVD leaves hardly more than by the exact one', () => {
  const W0 = withSpectrum(
    120,
    90,
    Float64Array.from({ length: 90 }, (_, j) => (j + 1) ** -0.8),
  )
  const [random_, exact] = (['rsvd', 'svd'] as const).map(
    (svdMethod) => adapters.pissa({ r: 8, svdMethod }).init({ W0 }).residual!,
  )
  expect(random_).toBeGreaterThanOrEqual(exact! * (1 - 1e-12))
  expect(random_).toBeLessThanOrEqual(1.01 * exact!)
})

function centredColumns(X: Matrix): Matrix {
  const [n = 0, N = 0] = X.shape
  const mean = Array.from({ length: n }, (_, i) => rowSum(X, i) / N)
  return alike(
    X,
    Float64Array.from(
      { length: n * N },
      (_, e) => X.get(Math.floor(e / N), e % N) - mean[Math.floor(e / N)]!,
    ),
  )
}

const rowSum = (X: Matrix, i: number): number =>
  Array.from({ length: X.shape[1]! }, (_, j) => X.get(i, j)).reduce((sum, x) => sum + x, 0)

function besides(parts: readonly Matrix[]): Matrix {
  const n = parts[0]!.shape[0]!
  const wide = random.normal([n, parts.reduce((sum, X) => sum + X.shape[1]!, 0)])
  let at = 0
  for (const X of parts) {
    for (let i = 0; i < n; i++) for (let j = 0; j < X.shape[1]!; j++) wide.set(i, at + j, X.get(i, j))
    at += X.shape[1]!
  }
  return wide
}
