import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { mfac, mfacWindow, obsPrune, obsSaliencies } from '../../src/factorize/index.js'
import type { AsyncMfac, Mfac } from '../../src/factorize/index.js'
import { gradientStore, matrix, norm, random, solve, toNested } from '../../src/linalg/index.js'
import type { AsyncGradientStore, LinearOperator, Matrix } from '../../src/linalg/index.js'
import { LAYOUTS, RUNS, build, cases, relaid } from '../support/cases.js'
import type { Case } from '../support/cases.js'
import { doors } from '../support/doors.js'
import { EPS, YARDSTICK, minus, times } from '../support/measures.js'

/** Gradients as rows; the damping is a part of their mean square, so that κ(H) is known. */
const gradients = fc.record({
  // H⁻¹ is as large as 1/λ, and λ is the square of the scale.
  c: cases({ minSide: 1, maxSide: 25, scales: [0, 130, -130] }),
  /** λ/σ₁²: κ(H) is 1 + m⁻¹ over this. */
  part: fc.constantFrom(1, 1e-3, 1e-8),
})

const dampingOf = (c: Case, part: number): number => part * 10 ** (2 * c.scale)

/** H in units of 10^(2·scale), by the definition. */
function dense(c: Case, part: number, A = build({ ...c, scale: 0 })): Matrix {
  const [m, d] = [A.shape[0]!, A.shape[1]!]
  const H = times(A, A, true)
  for (let e = 0; e < H.data.length; e++) H.data[e]! /= Math.max(m, 1)
  for (let j = 0; j < d; j++) H.data[j * (d + 1)]! += part
  return H
}

/** What rounding may do to H⁻¹v, in units: the residual of a stable solve in the metric of H⁻¹ = 1/λ at most. */
const room = (c: Case, part: number, size: number, eps = EPS): number =>
  (YARDSTICK * eps * (c.m + c.n) * (1 + 1 / part) * size) / part

const scaled = (x: Float64Array, by: number): Float64Array => x.map((value) => value * by)
const gap = (x: ArrayLike<number>, y: ArrayLike<number>): number =>
  Math.hypot(...Array.from(x, (value, j) => value - y[j]!))

describe('mfac', () => {
  test('is the inverse of λI + GᵀG/m: products, elements and diagonal', () => {
    fc.assert(
      fc.property(gradients, ({ c, part }) => {
        const H = mfac(build(c), { damping: dampingOf(c, part) })
        const unit = 10 ** (2 * c.scale)
        const F = dense(c, part)
        const v = random.normal([c.n], { seed: c.seed }).data
        const expected = solve(F, v)
        const found = scaled(H.ihvp(v), unit)
        expect(gap(found, expected)).toBeLessThanOrEqual(room(c, part, norm([v])))
        const I = Array.from({ length: c.n }, (_, i) =>
          Array.from({ length: c.n }, (_, j) => (i === j ? 1 : 0)),
        )
        const inverse = solve(F, I)
        const diagonal = H.diagonal()
        for (let i = 0; i < c.n; i++) {
          expect(diagonal[i]).toBeGreaterThan(0)
          expect(diagonal[i]! * unit).toBeLessThanOrEqual((1 + EPS) / part)
          expect(Math.abs(diagonal[i]! * unit - inverse.get(i, i))).toBeLessThanOrEqual(room(c, part, 1))
          const j = (i * 7 + c.seed) % c.n
          expect(Math.abs(H.element(i, j) * unit - inverse.get(i, j))).toBeLessThanOrEqual(room(c, part, 1))
        }
      }),
      RUNS,
    )
  })

  test('the order of gradients does not matter, zero gradients only count, and none leave v/λ', () => {
    fc.assert(
      fc.property(gradients, ({ c, part }) => {
        const A = build({ ...c, scale: 0 })
        const v = random.normal([c.n], { seed: 1 }).data
        const forward = mfac(A, { damping: part }).ihvp(v)
        const backward = mfac(A.step(-1, 1), { damping: part }).ihvp(v)
        expect(gap(forward, backward)).toBeLessThanOrEqual(room(c, part, norm([v])))
        const padded = matrix([
          ...toNested(A),
          ...Array.from({ length: c.m }, () => new Array<number>(c.n).fill(0)),
        ])
        // Twice as many gradients halve the mean: λ is halved with it, and H⁻¹ doubles.
        const twice = mfac(padded, { damping: part / 2 }).ihvp(v)
        expect(gap(scaled(twice, 0.5), forward)).toBeLessThanOrEqual(room(c, part, norm([v])))
      }),
      RUNS,
    )
    expect(mfac(matrix([], [0, 3]), { damping: 2 }).ihvp([2, 4, 6])).toEqual(Float64Array.of(1, 2, 3))
  })

  test('blocks are the inverses of the diagonal blocks', () => {
    fc.assert(
      fc.property(gradients, fc.integer({ min: 1, max: 9 }), ({ c, part }, blockSize) => {
        const A = build({ ...c, scale: 0 })
        const H = mfac(A, { damping: part, blockSize })
        const F = dense(c, part)
        for (let i = 0; i < c.n; i++) {
          for (let j = 0; j < c.n; j++) {
            if (Math.floor(i / blockSize) !== Math.floor(j / blockSize)) F.set(i, j, 0)
          }
        }
        const v = random.normal([c.n], { seed: c.seed }).data
        expect(gap(H.ihvp(v), solve(F, v))).toBeLessThanOrEqual(room(c, part, norm([v])))
        const D = H.diagonal()
        D.forEach((x, i) => expect(Math.abs(x - H.element(i, i))).toBeLessThanOrEqual(room(c, part, 1)))
        if (c.n > blockSize) expect(H.element(0, c.n - 1)).toBe(0)
      }),
      RUNS,
    )
  })

  test('every door, layout and dtype gives the same operator', async () => {
    const A = random.normal([7, 31], { seed: 3 })
    const options = { damping: 0.1 }
    const expected = mfac(A, options)
    const X = random.normal([31, 3], { seed: 4 })
    const want = expected.matmat(X)
    const rounding = YARDSTICK * EPS * 38 * 100 * norm(want)
    const close = (Y: Matrix, limit = rounding): void =>
      expect(norm(minus(Y, want))).toBeLessThanOrEqual(limit)
    close(expected.rmatmat(X))
    for (const layout of LAYOUTS) close(mfac(relaid(A, layout), options).matmat(X))
    close(mfac(toNested(A), options).matmat(X))
    close((await mfac.async(A, options)).matmat(X))
    const single = rounding * 2 ** 29
    close(mfac(A, { ...options, dtype: 'float32' }).matmat(X), single)
    expect(norm(minus(mfac(A, { ...options, dtype: 'float32' }).matmat(X), want))).toBeGreaterThan(rounding)
    for (const [name, door] of Object.entries(doors(A))) {
      const H = await Promise.resolve<Mfac | AsyncMfac>(mfac(door as LinearOperator, options))
      close(await H.matmat(X), name === 'single' ? single : rounding)
      const diagonal = await H.diagonal()
      const limit = name === 'single' ? single : rounding
      expect(gap(diagonal, expected.diagonal())).toBeLessThanOrEqual(limit)
      expect(Math.abs((await H.element(3, 5)) - expected.element(3, 5))).toBeLessThanOrEqual(limit)
      const w = random.normal([31], { seed: 5 }).data
      const pruned = await obsPrune.async(H, w, { count: 9 })
      expect(gap(pruned.weights, obsPrune(expected, w, { count: 9 }).weights)).toBeLessThanOrEqual(
        limit * 100,
      )
    }
  })

  test('segments and long rows: the same as short ones', () => {
    const A = random.normal([5, 9001], { seed: 8 })
    const v = random.normal([9001], { seed: 9 }).data
    const found = mfac(A, { damping: 0.5 }).ihvp(v)
    // H·(H⁻¹v) = v
    const Gx = times(A, matrix(found, [9001, 1]))
    const back = times(A, Gx, true).data.map((x, j) => x / 5 + 0.5 * found[j]!)
    expect(gap(back, v)).toBeLessThanOrEqual(YARDSTICK * EPS * 9006 * (norm(A) ** 2 / 5 / 0.5) * norm([v]))
  })

  test('what does not fit is refused', () => {
    const A = random.normal([3, 4])
    for (const damping of [0, -1, NaN, Infinity]) {
      expect(() => mfac(A, { damping })).toThrow(/mfac: options.damping: expected a finite number > 0/)
    }
    expect(() => mfac([[NaN]], { damping: 1 })).toThrow(/mfac: gradients/)
    expect(() => mfac([[1, 1], [1, 1]], { damping: 1e-40 })).toThrow(/more than rounding/) // prettier-ignore
    expect(() => mfac(A, { damping: 1 }).ihvp([1])).toThrow(/ihvp: v: expected .*4/)
    expect(() => mfac(A, { damping: 1 }).element(0, 4)).toThrow(/element: i, j/)
    expect(() => mfac(doors(A).bare as LinearOperator, { damping: 1, blockSize: 2 })).toThrow(
      /options.blockSize/,
    )
  })
})

describe('mfacWindow', () => {
  test('is mfac over the last gradients, whatever was pushed before', () => {
    fc.assert(
      fc.property(
        fc.nat(1000),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 0, max: 20 }),
        fc.constantFrom(1, 1e-2, 1e-5),
        (seed, dim, capacity, pushes, damping) => {
          const H = mfacWindow({ dim, capacity, damping })
          const G = random.normal([Math.max(pushes, 1), dim], { seed })
          const rows = toNested(G).slice(0, pushes)
          const v = random.normal([dim], { seed: seed + 1 }).data
          for (const g of rows) H.push(g)
          expect(H.count).toBe(Math.min(pushes, capacity))
          const kept = rows.slice(-capacity)
          const expected = kept.length === 0 ? v.map((x) => x / damping) : mfac(kept, { damping }).ihvp(v)
          const kappa = 1 + norm(G) ** 2 / damping
          const limit = (YARDSTICK * EPS * (dim + capacity) * kappa * norm([v])) / damping
          expect(gap(H.ihvp(v), expected)).toBeLessThanOrEqual(limit)
          const g = random.normal([dim], { seed: seed + 2 }).data
          const stepped = H.step(g)
          expect(gap(stepped, H.ihvp(g))).toBeLessThanOrEqual(limit * (1 + norm([g])))
        },
      ),
      RUNS,
    )
  })

  test('a store elsewhere, also one that answers later, and float32', async () => {
    const options = { dim: 40, capacity: 5, damping: 1e-2 }
    const own = mfacWindow(options)
    const inner = gradientStore({ dim: 40, capacity: 5 })
    const { shape, set, times: product, adjointTimes } = inner
    const later: AsyncGradientStore = {
      shape,
      async: true,
      set: (i, g) => Promise.resolve(set(i, g)),
      times: (v) => Promise.resolve(product(v)),
      adjointTimes: (c) => Promise.resolve(adjointTimes(c)),
    }
    const away = mfacWindow({ ...options, store: later })
    const bare = mfacWindow({ ...options, store: { shape, set, times: product, adjointTimes } })
    const single = mfacWindow({ ...options, dtype: 'float32' })
    const v = random.normal([40], { seed: 99 }).data
    for (let t = 0; t < 8; t++) {
      const g = random.normal([40], { seed: t }).data
      own.push(g)
      single.push(g)
      // Both write the same rows of the same store.
      bare.push(g)
      await away.push(g)
    }
    const expected = own.ihvp(v)
    expect(gap(await away.ihvp(v), expected)).toBe(0)
    expect(gap(bare.ihvp(v), expected)).toBe(0)
    const limit = YARDSTICK * 2 ** -23 * 45 * 1e4 * norm([v])
    expect(gap(single.ihvp(v), expected)).toBeLessThanOrEqual(limit)
    expect(gap(single.ihvp(v), expected)).toBeGreaterThan(0)
  })

  test('a push that fails changes nothing', () => {
    const H = mfacWindow({ dim: 3, capacity: 2, damping: 1 })
    H.push([1, 2, 3])
    const before = H.ihvp([1, 0, 0])
    expect(() => H.push([1, NaN, 0])).toThrow(/mfacWindow.push: g/)
    expect(() => H.push([1])).toThrow(/mfacWindow.push: g: expected .*3/)
    expect(() => H.push([1e200, 0, 0])).toThrow(/the products with g/)
    expect(H.count).toBe(1)
    expect(H.ihvp([1, 0, 0])).toEqual(before)
    expect(() => mfacWindow({ dim: 3, capacity: 2, damping: 0 })).toThrow(/options.damping/)
    const store = gradientStore({ dim: 4, capacity: 2 })
    expect(() => mfacWindow({ dim: 3, capacity: 2, damping: 1, store })).toThrow(
      /expected a store of 2×3, given one of 2×4/,
    )
    expect(() => mfacWindow({ dim: 4, capacity: 2, damping: 1, store, dtype: 'float32' })).toThrow(
      /no dtype beside/,
    )
    expect(() =>
      gradientStore({ dim: 2, capacity: 1, dtype: 'float32' }).set(0, Float64Array.of(1e60, 0)),
    ).toThrow(/range of float32/)
    expect(() => gradientStore({ dim: 2, capacity: 1 }).set(1, Float64Array.of(1, 0))).toThrow(
      /gradientStore.set: i/,
    )
  })
})

describe('optimal brain surgeon', () => {
  const quadratic = (F: Matrix, delta: Float64Array): number => {
    const Fd = times(F, matrix(delta, [delta.length, 1])).data
    return delta.reduce((sum, x, j) => sum + (x * Fd[j]!) / 2, 0)
  }
  const pruning = fc.record({
    c: cases({ minSide: 2, maxSide: 15, scales: [0] }),
    part: fc.constantFrom(1, 1e-3),
  })

  test('one weight: the loss grows by its saliency, and scaling weights or gradients keeps the order', () => {
    fc.assert(
      fc.property(pruning, ({ c, part }) => {
        const A = build(c)
        const H = mfac(A, { damping: part })
        const w = random.normal([c.n], { seed: c.seed }).data
        const rho = obsSaliencies(H, w)
        const { weights, indices } = obsPrune(H, w, { count: 1 })
        const least = rho.indexOf(Math.min(...rho))
        expect(Array.from(indices)).toEqual([least])
        expect(weights[least]).toBe(0)
        const delta = weights.map((x, j) => x - w[j]!)
        const limit = room(c, part, 1) * part * (1 + rho[least]!)
        expect(Math.abs(quadratic(dense(c, part), delta) - rho[least]!)).toBeLessThanOrEqual(limit)
        obsSaliencies(H, scaled(w, 3)).forEach((x, j) =>
          expect(Math.abs(x - 9 * rho[j]!)).toBeLessThanOrEqual(YARDSTICK * EPS * 9 * rho[j]!),
        )
      }),
      RUNS,
    )
  })

  test('joint updates are the best there are; sums of single ones and none are no better', () => {
    fc.assert(
      fc.property(pruning, fc.integer({ min: 0, max: 15 }), fc.boolean(), ({ c, part }, wanted, blocks) => {
        const A = build(c)
        const count = Math.min(wanted, c.n)
        const blockSize = blocks ? Math.ceil(c.n / 2) : c.n
        const H = mfac(A, { damping: part, blockSize })
        const F = dense(c, part)
        for (let i = 0; i < c.n; i++) {
          for (let j = 0; j < c.n; j++) {
            if (Math.floor(i / blockSize) !== Math.floor(j / blockSize)) F.set(i, j, 0)
          }
        }
        const w = random.normal([c.n], { seed: c.seed }).data
        const results = (['joint', 'sum', 'none'] as const).map((update) => obsPrune(H, w, { count, update }))
        const losses = results.map(({ weights, indices }) => {
          expect(indices).toHaveLength(count)
          for (const j of indices) expect(weights[j]).toBe(0)
          return quadratic(
            F,
            weights.map((x, j) => x - w[j]!),
          )
        })
        const limit = room(c, part, norm([w]) ** 2) * part
        expect(losses[0]).toBeLessThanOrEqual(losses[1]! + limit)
        expect(losses[0]).toBeLessThanOrEqual(losses[2]! + limit)
        // Nothing can be gained by moving what is left: the gradient there is zero.
        const delta = results[0]!.weights.map((x, j) => x - w[j]!)
        const slope = times(F, matrix(delta, [c.n, 1])).data
        const gone = new Set(results[0]!.indices)
        slope.forEach((x, j) => {
          if (!gone.has(j)) expect(Math.abs(x)).toBeLessThanOrEqual(limit * (1 + 1 / norm([w])))
        })
      }),
      RUNS,
    )
  })

  test('what does not fit is refused', () => {
    const H = mfac(random.normal([3, 4]), { damping: 1 })
    expect(() => obsPrune(H, [1, 2, 3], { count: 1 })).toThrow(/obsPrune: w/)
    expect(() => obsPrune(H, [1, 2, 3, 4], { count: 5 })).toThrow(/at most 4/)
    expect(() => obsSaliencies({} as Mfac, [1])).toThrow(/expected a result of mfac/)
  })
})
