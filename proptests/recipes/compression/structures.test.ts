import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { butterfly, rsvd } from '../../../src/factorize/index.js'
import { eye, matrix, norm, random, solve, svdvals } from '../../../src/linalg/index.js'
import type { Matrix } from '../../../src/linalg/index.js'
import { compression } from '../../../src/recipes/index.js'
import { spectra, withSpectrum } from '../../../src/testing/index.js'
import { RUNS } from '../../support/cases.js'
import { EPS, YARDSTICK, minus, tail, times } from '../../support/measures.js'
import { gramOf, inputsOf, layers, outputError, productErrors, weightOf } from './layers.js'

const { welore, weloreRanks, mfacPruning, sltrain, butterflyLayer, calibration } = compression

describe('calibration', () => {
  test('statistics are those of all samples at once, however they come', () => {
    fc.assert(
      fc.property(layers, fc.integer({ min: 0, max: 60 }), (c, cut) => {
        const X = inputsOf(c)
        const D = random.normal([c.m, c.samples], { seed: c.seed })
        const at = Math.min(cut, c.samples)
        const [whole, parts] = [calibration({ gradients: 3 }), calibration({ gradients: 3 })]
        whole.push(X, D)
        parts.push(X.hi(c.n, at), D.hi(c.m, at))
        const seen = parts.gram
        const before = seen?.data.slice()
        parts.push(X.lo(0, at).hi(c.n, c.samples - at), D.lo(0, at).hi(c.m, c.samples - at))
        expect(seen?.data).toEqual(before)
        expect(parts.count).toBe(c.samples)
        const room = YARDSTICK * EPS * c.samples
        expect(norm(minus(whole.gram!, parts.gram!))).toBeLessThanOrEqual(room * norm(whole.gram!))
        expect(norm(minus(whole.fisher!, parts.fisher!))).toBeLessThanOrEqual(room * norm(whole.fisher!))
        expect(whole.gradients!.data).toEqual(parts.gradients!.data)
        // By the definition, sample by sample.
        const fisher = new Float64Array(c.m * c.n)
        for (let t = 0; t < c.samples; t++) {
          for (let e = 0; e < fisher.length; e++) {
            const gradient = D.get(Math.floor(e / c.n), t) * X.get(e % c.n, t)
            fisher[e]! += gradient ** 2 / c.samples
            if (t < 3 && whole.gradients!.data[t * fisher.length + e] !== gradient) expect.unreachable()
          }
        }
        expect(norm(minus(whole.fisher!, matrix(fisher, [c.m, c.n])))).toBeLessThanOrEqual(
          room * norm(whole.fisher!),
        )
        const expected = gramOf(X)
        for (let e = 0; e < expected.data.length; e++) expected.data[e]! /= c.samples
        expect(norm(minus(whole.gram!, expected))).toBeLessThanOrEqual(room * norm(expected))
      }),
      RUNS,
    )
  })
})

describe('welore', () => {
  const spectraOf = fc.array(fc.tuple(fc.integer({ min: 2, max: 30 }), fc.integer({ min: 0, max: 20 })), {
    minLength: 1,
    maxLength: 5,
  })

  test('a larger reduction keeps fewer values; scales of layers do not matter; equal spectra get equal ranks', () => {
    fc.assert(
      fc.property(spectraOf, fc.integer({ min: 1, max: 60 }), (list, percent) => {
        const all = list.map(([n, decay]) => spectra.polynomial(n, decay / 10 + 0.3))
        const least = 1 - list.length / all.reduce((sum, s) => sum + s.length, 0)
        const reduction = (percent / 100) * least
        fc.pre(reduction > 0)
        const { ranks, threshold } = weloreRanks(all, { reduction })
        const scaled = all.map((s, l) => s.map((x) => x * 2 ** (20 * l)))
        expect(weloreRanks(scaled, { reduction })).toEqual({ ranks, threshold })
        const more = weloreRanks(all, { reduction: (reduction + least) / 2 })
        expect(more.threshold).toBeGreaterThanOrEqual(threshold)
        ranks.forEach((rank, l) => {
          expect(more.ranks[l]).toBeLessThanOrEqual(rank)
          expect(rank).toBe(all[l]!.filter((s) => s >= threshold * all[l]![0]!).length)
        })
        const dropped = 1 - ranks.reduce((sum, r) => sum + r, 0) / all.reduce((sum, s) => sum + s.length, 0)
        expect(dropped).toBeGreaterThanOrEqual(reduction)
        const twins = weloreRanks([all[0]!, all[0]!], { reduction })
        expect(twins.ranks[0]).toBe(twins.ranks[1])
      }),
      RUNS,
    )
  })

  test('layers keep to the budget together; what is low rank has the error of its tail, what is not has none', () => {
    fc.assert(
      fc.property(spectraOf, fc.integer({ min: 30, max: 100 }), fc.nat(1000), (list, percent, seed) => {
        const Ws = list.map(([n, decay], l) =>
          withSpectrum(n + l, n, spectra.polynomial(n, decay / 10 + 1), { seed: seed + l }),
        )
        const whole = Ws.reduce((sum, W) => sum + W.data.length, 0)
        const least = Ws.reduce((sum, { shape: [m = 0, n = 0] }) => sum + Math.min(m + n, m * n), 0)
        const budget = percent / 100
        fc.pre(budget * whole >= least && list.every(([n]) => n > 2))
        const done = welore({ budget }).layers(Ws)
        expect(done.reduce((sum, { parameters }) => sum + parameters, 0)).toBeLessThanOrEqual(budget * whole)
        done.forEach((layer, l) => {
          const W = Ws[l]!
          const [m, n] = W.shape as [number, number]
          const room = YARDSTICK * EPS * m
          const expected = layer.lowRank ? tail(svdvals(W), layer.rank) / norm(W) : 0
          expect(Math.abs(layer.errorEstimate - expected)).toBeLessThanOrEqual(room)
          expect(layer.lowRank).toBe(2 * layer.rank < n)
          expect(layer.parameters).toBe(layer.lowRank ? layer.rank * (m + n) : m * n)
          expect(productErrors(layer, seed)).toBeLessThanOrEqual(room * norm(W))
        })
      }),
      RUNS,
    )
  })
})

describe('mfacPruning', () => {
  test('as many weights as the budget says, exactly 0 elsewhere; the others at the minimum of the quadratic model', () => {
    fc.assert(
      fc.property(layers, fc.integer({ min: 1, max: 100 }), (c, percent) => {
        const [W, X] = [weightOf(c), inputsOf(c)]
        const kept = Math.floor((percent / 100) * c.m * c.n)
        fc.pre(kept >= 1 && norm(W) > 0)
        const gram = gramOf(X)
        const found = mfacPruning({ budget: percent / 100, damping: 1e-3 })(W, { gram })
        expect(found).toMatchObject({ parameters: kept, indexCount: kept, errorNorm: 'activation' })
        expect(found.pruned.length).toBe(c.m * c.n - kept)
        const V = found.toDense()
        for (const e of found.pruned) expect(V.data[e]).toBe(0)
        expect(productErrors(found, c.seed)).toBeLessThanOrEqual(YARDSTICK * EPS * c.n * norm(V))
        // Row by row: with pruned set Q, the others move by −H_SS⁻¹·H_SQ·δ_Q.
        const mean = Array.from({ length: c.n }, (_, j) => gram.get(j, j)).reduce((a, b) => a + b, 0) / c.n
        const H = minus(gram, scaledEye(c.n, -1e-3 * mean))
        const gone = new Set(found.pruned)
        for (let i = 0; i < c.m; i++) {
          const S = Array.from({ length: c.n }, (_, j) => j).filter((j) => !gone.has(i * c.n + j))
          const Q = Array.from({ length: c.n }, (_, j) => j).filter((j) => gone.has(i * c.n + j))
          if (S.length === 0) continue
          const right = S.map((s) => Q.reduce((sum, q) => sum + H.get(s, q) * W.get(i, q), 0))
          const moved = solve(
            S.map((s) => S.map((t) => H.get(s, t))),
            right,
          )
          // κ(H) ≤ n/damping.
          const room = ((YARDSTICK * EPS * c.n * c.n) / 1e-3) * Math.max(1, Math.sqrt(c.n / 1e-3)) * norm(W)
          S.forEach((s, t) => {
            expect(Math.abs(V.get(i, s) - W.get(i, s) - moved[t]!)).toBeLessThanOrEqual(room)
          })
        }
      }),
      RUNS,
    )
  })

  test('where all directions are alike it is magnitude pruning, by inputs and by gradients', () => {
    fc.assert(
      fc.property(layers, (given) => {
        const c = { ...given, m: Math.min(given.m, 9), n: Math.min(given.n, 9) }
        const W = random.normal([c.m, c.n], { seed: c.seed })
        const count = Math.floor(0.5 * c.m * c.n)
        const smallest = Int32Array.from(W.data.keys())
          .sort((a, b) => Math.abs(W.data[a]!) - Math.abs(W.data[b]!))
          .slice(0, c.m * c.n - count)
          .sort()
        const byInputs = mfacPruning({ budget: 0.5 })(W, { gram: eye(c.n) })
        const byGradients = mfacPruning({ budget: 0.5 })(W, { gradients: eye(c.m * c.n) })
        for (const found of [byInputs, byGradients]) {
          expect(found.pruned).toEqual(smallest)
          const V = found.toDense()
          const room = YARDSTICK * EPS * c.m * c.n * norm(W)
          V.data.forEach((v, e) => {
            if (v !== 0) expect(Math.abs(v - W.data[e]!)).toBeLessThanOrEqual(room)
          })
        }
      }),
      { ...RUNS, numRuns: 20 },
    )
  })
})

const scaledEye = (n: number, by: number): Matrix => {
  const I = eye(n)
  for (let i = 0; i < n; i++) I.data[i * (n + 1)] = by
  return I
}

describe('sltrain', () => {
  test('each round comes nearer, below low rank of the same rank; numbers and support as settled', () => {
    fc.assert(
      fc.property(layers, fc.integer({ min: 0, max: 40 }), (c, percent) => {
        const W = weightOf(c)
        const rank = Math.max(1, Math.floor(Math.min(c.m, c.n) / 3))
        const density = percent / 100
        const config = { rank, density, seed: c.seed, method: 'exact', alpha: 2.5 } as const
        const count = Math.floor(density * c.m * c.n)
        const errors = [1, 2, 6].map((iterations) => sltrain({ ...config, iterations })(W).errorEstimate)
        const room = YARDSTICK * EPS * Math.max(c.m, c.n)
        const best = tail(svdvals(W), rank) / norm(W)
        expect(errors[0]!).toBeLessThanOrEqual(best + room)
        expect(errors[1]!).toBeLessThanOrEqual(errors[0]! + room)
        expect(errors[2]!).toBeLessThanOrEqual(errors[1]! + room)
        const found = sltrain(config)(W)
        expect(found.parameters).toBe(rank * (c.m + c.n) + count)
        expect(found.indexCount).toBe(count)
        expect(found.B.data.length + found.A.data.length + found.values.length).toBe(found.parameters)
        expect(sltrain(config).numTrainable([c.m, c.n])).toBe(found.parameters)
        expect(productErrors(found, c.seed)).toBeLessThanOrEqual(2 * room * norm(W))
        const flat = Array.from(found.support.rows, (i, e) => i * c.n + found.support.cols[e]!)
        expect(new Set(flat).size).toBe(count)
        expect(flat).toEqual([...flat].sort((a, b) => a - b))
        expect(sltrain(config).init([c.m, c.n]).support).toEqual(found.support)
      }),
      { ...RUNS, numRuns: 30 },
    )
  })

  test('its gradients are those of the loss ½‖Ŵ·X − T‖², by central differences', () => {
    fc.assert(
      fc.property(layers, (c) => {
        const rank = Math.max(1, Math.floor(Math.min(c.m, c.n) / 3))
        const start = sltrain({ rank, density: 0.2, alpha: 3, seed: c.seed }).init([c.m, c.n])
        expect(start.B.data.every((b) => b === 0)).toBe(true)
        for (const x of [...start.A.data, ...start.values])
          expect(Math.abs(x)).toBeLessThan(1 / Math.sqrt(c.n))
        const layer = start.with({ ...start, B: random.normal([c.m, rank], { seed: c.seed }) })
        const X = inputsOf(c)
        const T = random.normal([c.m, c.samples], { seed: c.seed + 2 })
        const gradients = layer.backward(X, minus(layer.matmat(X), T))
        const dense = times(minus(layer.matmat(X), T), X.transpose(1, 0))
        layer.values.forEach((_, e) => {
          const expected = dense.get(layer.support.rows[e]!, layer.support.cols[e]!)
          const room = YARDSTICK * EPS * c.samples * norm(minus(layer.matmat(X), T)) * norm(X)
          expect(Math.abs(gradients.values[e]! - expected)).toBeLessThanOrEqual(room)
        })
        const numbers = { B: layer.B, A: layer.A, values: matrix(layer.values, [1, layer.values.length]) }
        // The loss is a quartic of (B, A, v, X) along a line: ε² of its third derivative, eps/ε of its size.
        const step = 2 ** -17
        for (const name of ['B', 'A', 'values', 'X'] as const) {
          const at = name === 'X' ? X : numbers[name]
          const direction = random.normal(at.shape, { seed: c.seed + 5 })
          const loss = (sign: number): number => {
            const data = at.data.map((x, e) => x + sign * step * direction.data[e]!)
            const moved = matrix(data, at.shape as [number, number])
            const there = { B: layer.B, A: layer.A, values: layer.values }
            const next =
              name === 'X'
                ? layer
                : layer.with(name === 'values' ? { ...there, values: data } : { ...there, [name]: moved })
            return norm(minus(next.matmat(name === 'X' ? moved : X), T)) ** 2 / 2
          }
          const given = name === 'values' ? gradients.values : gradients[name].data
          const slope = given.reduce((sum, g, e) => sum + g * direction.data[e]!, 0)
          const size =
            (1 + norm(layer.toDense()) + 3 * norm(direction)) * (norm(X) + norm(direction)) + norm(T)
          const room = size ** 2 * (size ** 2 * step ** 2 + (YARDSTICK * EPS * c.n) / step)
          expect(Math.abs((loss(1) - loss(-1)) / (2 * step) - slope)).toBeLessThanOrEqual(room)
        }
      }),
      { ...RUNS, numRuns: 30 },
    )
  })

  test('a few free entries give full rank', () => {
    const layer = sltrain({ rank: 4, density: 0.08 }).init([64, 64])
    const trained = layer.with({ ...layer, B: random.normal([64, 4]) })
    const s = svdvals(trained.toDense())
    expect(s[63]! / s[0]!).toBeGreaterThan(64 * EPS)
    const low = rsvd(trained.with({ ...trained, values: new Float64Array(layer.values.length) }), { rank: 5 })
    expect(low.s[4]! / low.s[0]!).toBeLessThan(64 * YARDSTICK * EPS)
  })
})

describe('butterflyLayer', () => {
  test('butterflies are found exactly, whole or as the blocks of other shapes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 3 }),
        fc.nat(1000),
        (L, blocks, seed) => {
          const N = 2 ** L
          const parts = Array.from({ length: blocks }, (_, b) =>
            butterfly.random(N, { seed: seed + b }).toDense(),
          )
          const tall = matrix(
            parts.flatMap((B) => Array.from(B.data)),
            [blocks * N, N],
          )
          // The transpose of a single one has its levels the other way round.
          for (const W of blocks > 1 ? [tall, matrix(tall.transpose(1, 0))] : [tall]) {
            const found = butterflyLayer({ fit: { permutation: 'identity' } })(W)
            const room = YARDSTICK * EPS * N * Math.max(L, 1)
            expect(found.errorEstimate).toBeLessThanOrEqual(room)
            expect(found.parameters).toBe(blocks * 2 * N * L)
            expect(productErrors(found, seed)).toBeLessThanOrEqual(room * norm(W))
          }
        },
      ),
      { ...RUNS, numRuns: 30 },
    )
  })

  test('any shape has an operator of that shape, its error is what it says', () => {
    fc.assert(
      fc.property(layers, (c) => {
        const W = weightOf(c)
        const found = butterflyLayer({ fit: { permutation: 'identity' } })(W, { gram: gramOf(inputsOf(c)) })
        const room = YARDSTICK * EPS * (c.m + c.n)
        expect(found.shape).toEqual([c.m, c.n])
        expect(productErrors(found, c.seed)).toBeLessThanOrEqual(4 * room * norm(W))
        const X = inputsOf(c)
        const said = found.errorEstimate * norm(times(W, X))
        // A Gram matrix knows lengths to √eps.
        expect(Math.abs(said - outputError(W, found, X))).toBeLessThanOrEqual(
          4 * Math.sqrt(room) * norm(W) * norm(X),
        )
      }),
      { ...RUNS, numRuns: 30 },
    )
  })
})
