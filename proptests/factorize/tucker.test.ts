import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { modeProduct, tucker } from '../../src/factorize/index.js'
import type { Tucker, TuckerOptions } from '../../src/factorize/index.js'
import { asTensorOperand, norm, random, svdvals, transpose, zeros } from '../../src/linalg/index.js'
import type { AsyncTensorOperand, Matrix, Tensor, TensorOperand } from '../../src/linalg/index.js'
import { orthonormal } from '../../src/testing/index.js'
import { RUNS } from '../support/cases.js'
import {
  EPS,
  YARDSTICK,
  expectOriented,
  minus,
  orthogonalityUnits,
  residualUnits,
  tail,
  times,
} from '../support/measures.js'
import {
  apart,
  buildTensor,
  flat,
  plainModeProduct,
  plainUnfold,
  relaidTensor,
  tensorCases,
} from '../support/tensors.js'

const METHODS = ['sthosvd', 'hosvd', 'hooi'] as const
const method = fc.constantFrom(...METHODS)
const randomized = fc.boolean()
const rank = fc.integer({ min: 1, max: 5 })

/** The best errors of the unfoldings at the ranks of a result. */
const tailsOf = (T: Tensor, { ranks }: Tucker): number[] =>
  T.shape.map((_, n) => tail(svdvals(plainUnfold(T, n)), ranks[n]!))

/** ‖T − T̂‖, the approximation put together by plain loops. */
function errorOf(T: Tensor, { core, factors }: Tucker): number {
  let made = core
  factors.forEach((U, n) => (made = plainModeProduct(made, U, n)))
  return norm(apart(T, made))
}

/** The yardstick for a sum over all entries of a chain of products, one for each mode. */
const rounding = (T: Tensor): number =>
  YARDSTICK * EPS * Math.max(...T.shape) * T.shape.length * norm(flat(T)) + Number.MIN_VALUE

// One extra column, so that the ranges of small unfoldings are random at all.
describe.each([false, true])('tucker of given ranks, randomized: %s', (randomized) => {
  test('orthonormal oriented factors of the clamped ranks; reconstruct() is core times factors', () => {
    fc.assert(
      fc.property(tensorCases(), rank, method, (c, k, method) => {
        const T = buildTensor(c)
        const result = tucker(T, { ranks: k, method, randomized, oversample: 1, seed: c.seed })
        result.factors.forEach((U, n) => {
          expect(U.shape).toEqual([c.shape[n], result.ranks[n]])
          expect(result.ranks[n]).toBeLessThanOrEqual(Math.min(k, c.shape[n]!))
          expect(orthogonalityUnits(U)).toBeLessThan(YARDSTICK)
          expectOriented(U)
        })
        expect(result.core.shape).toEqual(Array.from(result.ranks))
        let made = result.core
        result.factors.forEach((U, n) => (made = plainModeProduct(made, U, n)))
        expect(norm(apart(result.reconstruct(), made))).toBeLessThanOrEqual(rounding(T))
        expect(result.reconstruct().shape).toEqual(c.shape)
        // The core is T in the coordinates of the factors.
        let core = T
        result.factors.forEach((U, n) => (core = plainModeProduct(core, transpose(U), n)))
        expect(norm(apart(core, result.core))).toBeLessThanOrEqual(rounding(T))
      }),
      RUNS,
    )
  })

  test('full ranks give T back', () => {
    fc.assert(
      fc.property(tensorCases({ side: 6 }), method, (c, method) => {
        const T = buildTensor(c)
        const result = tucker(T, { ranks: 6, method, randomized, seed: c.seed })
        expect(errorOf(T, result)).toBeLessThanOrEqual(rounding(T))
        expect(result.errorEstimate * norm(flat(T))).toBeLessThanOrEqual(rounding(T))
      }),
      RUNS,
    )
  })

  test('the error estimate is the error', () => {
    fc.assert(
      fc.property(tensorCases(), rank, method, (c, k, method) => {
        const T = buildTensor(c)
        const result = tucker(T, { ranks: k, method, randomized, oversample: 1, seed: c.seed })
        const size = norm(flat(T))
        const [truth, told] = [errorOf(T, result), result.errorEstimate * size]
        const relative = truth / size
        if (truth <= rounding(T)) {
          expect(told).toBeLessThanOrEqual(rounding(T))
        } else if (relative > 128 * Math.sqrt(EPS)) {
          // √(1 − x²) near x = 1 amplifies the rounding of x by 1/error²; below 64·√eps other ways are taken.
          const room = (2 * rounding(T)) / size / relative ** 2
          expect(Math.abs(told / truth - 1)).toBeLessThanOrEqual(room)
        } else {
          // A bound √(Σ tails²), at most √N times too large, or ten probes.
          expect(told / truth).toBeLessThanOrEqual(2 * Math.sqrt(c.shape.length) + 1)
          expect(told / truth).toBeGreaterThan(0.3)
        }
      }),
      RUNS,
    )
  })
})

describe('the errors of the methods', () => {
  test('between the largest tail and √(Σ tails²) ≤ √N·best; hooi no worse than sthosvd', () => {
    fc.assert(
      fc.property(tensorCases(), rank, (c, k) => {
        const T = buildTensor(c)
        const room = rounding(T)
        const [st, ho, hooi] = METHODS.map((method) => {
          const result = tucker(T, { ranks: k, method })
          const tails = tailsOf(T, result)
          const error = errorOf(T, result)
          expect(error).toBeGreaterThanOrEqual(Math.max(...tails) - room)
          expect(error).toBeLessThanOrEqual(Math.hypot(...tails) + room)
          return error
        })
        expect(hooi).toBeLessThanOrEqual(st! + room)
        expect(ho).toBeGreaterThanOrEqual(0)
      }),
      RUNS,
    )
  })

  test('rounds of hooi never lower the core, and end at a point where no mode alone can raise it', () => {
    fc.assert(
      fc.property(tensorCases({ minModes: 3, scales: [0] }), rank, (c, k) => {
        const T = buildTensor({ ...c, decay: 1 })
        let before = norm(flat(tucker(T, { ranks: k }).core))
        for (const sweeps of [1, 2, 4, 8]) {
          const captured = norm(flat(tucker(T, { ranks: k, method: 'hooi', sweeps }).core))
          expect(captured).toBeGreaterThanOrEqual(before * (1 - YARDSTICK * EPS * Math.max(...c.shape)))
          before = captured
        }
        const { ranks, core, factors, errorEstimate } = tucker(T, { ranks: k, method: 'hooi', sweeps: 1000 })
        const whole = norm(flat(T)) ** 2
        c.shape.forEach((_, n) => {
          let W = T
          factors.forEach((U, m) => m !== n && (W = plainModeProduct(W, transpose(U), m)))
          const s = svdvals(plainUnfold(W, n))
          const best = Math.hypot(...s.slice(0, ranks[n])) ** 2
          // The last round lowered the squared error by less than 10⁻⁴ of itself; the next would by little more.
          expect(best - norm(flat(core)) ** 2).toBeLessThanOrEqual(
            (2e-4 * errorEstimate ** 2 + YARDSTICK * EPS * Math.max(...c.shape)) * whole,
          )
        })
      }),
      { ...RUNS, numRuns: 30 },
    )
  })

  test('the mean error of random ranges is within the theorem', () => {
    const runs = 40
    const [k, p] = [3, 5]
    for (const decay of [1, 0.7]) {
      const T = buildTensor({ seed: 3, shape: [14, 15, 16], decay, scale: 0, layout: 'rows' })
      let sum = 0
      for (let seed = 0; seed < runs; seed++) {
        sum += errorOf(T, tucker(T, { ranks: k, randomized: true, oversample: p, seed })) ** 2
      }
      let bound = 0
      for (let n = 0; n < 3; n++) {
        const s = svdvals(plainUnfold(T, n))
        bound += (1 + ((s[k]! / s[k - 1]!) ** 2 * k) / (p - 1)) * tail(s, k) ** 2
      }
      expect(sum / runs).toBeLessThanOrEqual(bound)
    }
  })

  test('power iterations bring a random range to the best one', () => {
    const T = buildTensor({ seed: 3, shape: [14, 15, 16], decay: 0.7, scale: 0, layout: 'rows' })
    const exact = errorOf(T, tucker(T, { ranks: 3 }))
    const [one, three] = [0, 2].map(
      (powerIterations) => errorOf(T, tucker(T, { ranks: 3, randomized: true, powerIterations })) - exact,
    )
    expect(three! / exact).toBeLessThan(1e-4)
    expect(three).toBeLessThan(one!)
  })
})

describe('tucker to a tolerance', () => {
  test('keeps it, by every method, with no more rank than each mode needs', () => {
    fc.assert(
      fc.property(
        tensorCases(),
        fc.constantFrom(0.5, 1e-2, 1e-5, 1e-9, 1e-13),
        method,
        randomized,
        (c, rtol, method, randomized) => {
          const T = buildTensor(c)
          const size = norm(flat(T))
          const result = tucker(T, { rtol, method, randomized, seed: c.seed })
          expect(errorOf(T, result)).toBeLessThanOrEqual(rtol * size + rounding(T))
          if (randomized) return
          c.shape.forEach((_, n) => {
            const s = svdvals(plainUnfold(T, n))
            let needed = 0
            while (tail(s, needed) > (rtol / Math.sqrt(c.shape.length)) * (1 - 1e-9) * size) needed++
            // Values at rounding level may go either way.
            if (rtol >= 1e-9) expect(result.ranks[n]).toBeLessThanOrEqual(needed)
          })
        },
      ),
      RUNS,
    )
  })

  test('random ranges that grow in blocks keep it too, and say how well', () => {
    for (const [decay, rtol] of [
      [0.8, 0.3],
      [0.8, 1e-2],
      [0.5, 1e-4],
      [0.4, 1e-7],
      [0.3, 1e-9],
    ] as const) {
      for (const seed of [0, 1, 2]) {
        const T = buildTensor({ seed, shape: [30, 31, 32], decay, scale: 0, layout: 'rows' })
        const size = norm(flat(T))
        const exact = tucker(T, { rtol })
        const found = tucker(T, { rtol, randomized: true, seed })
        const error = errorOf(T, found)
        expect(error).toBeLessThanOrEqual(rtol * size)
        expect(error).toBeLessThanOrEqual(1.001 * found.errorEstimate * size)
        // Half of what is allowed goes to the range, by a bound that may be three times too large.
        found.ranks.forEach((rank, n) => expect(rank).toBeLessThanOrEqual(exact.ranks[n]! + 4))
      }
    }
  })

  test('fixed random ranges, down to errors that squares cannot see', () => {
    for (const [decay, ranks] of [
      [0.5, 6],
      [0.1, 4],
      [0.1, 7],
      [0.05, 8],
    ] as const) {
      for (const seed of [0, 1, 2]) {
        const T = buildTensor({ seed, shape: [20, 21, 22], decay, scale: 0, layout: 'rows' })
        const exact = errorOf(T, tucker(T, { ranks }))
        for (const oversample of [5, 0]) {
          const result = tucker(T, { ranks, randomized: true, oversample, seed })
          const error = errorOf(T, result)
          if (oversample > 0) expect(error / exact).toBeLessThan(1.1)
          // Without extra columns all of the error is what the ranges miss.
          const told = result.errorEstimate * norm(flat(T))
          expect(told / error).toBeGreaterThan(0.4)
          expect(told / error).toBeLessThan(2.5)
        }
      }
    }
  })

  test('sizes whose squares are no numbers', () => {
    for (const scale of [200, -200, 290, -290]) {
      const T = buildTensor({ seed: 1, shape: [9, 10, 11], decay: 0.5, scale, layout: 'rows' })
      const plain = buildTensor({ seed: 1, shape: [9, 10, 11], decay: 0.5, scale: 0, layout: 'rows' })
      for (const method of METHODS) {
        for (const options of [{ ranks: 3, randomized: true }, { ranks: 3 }, { rtol: 0.1 }]) {
          const [large, tame] = [tucker(T, { ...options, method }), tucker(plain, { ...options, method })]
          expect(large.ranks).toEqual(tame.ranks)
          expect(large.errorEstimate / tame.errorEstimate).toBeCloseTo(1, 8)
          expect(norm(minus(large.factors[0]!, tame.factors[0]!))).toBeLessThan(1e-8)
        }
      }
    }
  })

  test('finds planted ranks', () => {
    fc.assert(
      fc.property(tensorCases({ minModes: 3 }), method, randomized, rank, (c, method, randomized, k) => {
        const planted = c.shape.map((n) => Math.min(n, k))
        let T = random.normal(planted, { seed: c.seed })
        T.data.forEach((x, e) => (T.data[e] = x * 10 ** c.scale))
        c.shape.forEach(
          (n, m) => (T = plainModeProduct(T, orthonormal(n, planted[m]!, { seed: c.seed + m }), m)),
        )
        const exact = planted.map((_, n) => {
          const s = svdvals(plainUnfold(T, n))
          return s.filter((value) => value > 1e-10 * s[0]!).length
        })
        const found = tucker(relaidTensor(T, c.layout), { rtol: 1e-11, method, randomized, seed: c.seed })
        expect(Array.from(found.ranks)).toEqual(exact)
      }),
      RUNS,
    )
  })

  test('ranks, rtol and atol: whichever comes first', () => {
    const T = buildTensor({ seed: 1, shape: [8, 8, 8], decay: 0.1, scale: 0, layout: 'rows' })
    const size = norm(flat(T))
    expect(Array.from(tucker(T, { ranks: [2, 3, 2], rtol: 1e-12 }).ranks)).toEqual([2, 3, 2])
    // No rank is of use beyond the product of the others.
    expect(Array.from(tucker(T, { ranks: [2, 3, 1] }).ranks)).toEqual([2, 2, 1])
    expect(Array.from(tucker(T, { ranks: 8, rtol: 1 }).ranks)).toEqual([0, 0, 0])
    expect(tucker(T, { ranks: 8, atol: 0.01 * size }).ranks).toEqual(tucker(T, { rtol: 0.01 }).ranks)
  })
})

describe('invariance', () => {
  test('permuting modes permutes the result', () => {
    fc.assert(
      fc.property(tensorCases({ minModes: 3 }), rank, method, (c, k, method) => {
        const T = buildTensor(c)
        const modes = [...c.shape.keys()]
        const turned = [...modes.slice(1), 0]
        const place = modes.map((n) => turned.indexOf(n))
        const result = tucker(T, { ranks: k, method, order: modes })
        const other = tucker(T.transpose(...turned), { ranks: k, method, order: place })
        expect(modes.map((n) => other.ranks[place[n]!])).toEqual(Array.from(result.ranks))
        expect(Math.abs(errorOf(T, result) - errorOf(T.transpose(...turned), other))).toBeLessThanOrEqual(
          2 * rounding(T) + (method === 'hooi' ? 1e-3 * errorOf(T, result) : 0),
        )
      }),
      RUNS,
    )
  })

  test('orthogonal changes of basis change neither ranks nor errors', () => {
    fc.assert(
      fc.property(tensorCases(), rank, fc.constantFrom('sthosvd', 'hosvd'), (c, k, method) => {
        const T = buildTensor(c)
        let turned = T
        c.shape.forEach((n, m) => {
          turned = modeProduct(turned, orthonormal(n, n, { seed: c.seed + 99 + m }), m)
        })
        const [a, b] = [tucker(T, { ranks: k, method }), tucker(turned, { ranks: k, method })]
        expect(b.ranks).toEqual(a.ranks)
        // Where a rank cuts between nearly equal values, either basis is as good for its mode, not for all.
        const gap = Math.min(
          ...c.shape.map((_, n) => {
            const s = svdvals(plainUnfold(T, n))
            return s[a.ranks[n]!] === undefined ? 1 : 1 - s[a.ranks[n]!]! / s[a.ranks[n]! - 1]!
          }),
        )
        fc.pre(gap > 1e-6)
        expect(Math.abs(errorOf(T, a) - errorOf(turned, b))).toBeLessThanOrEqual((4 * rounding(T)) / gap)
      }),
      RUNS,
    )
  })

  test('the whole HOSVD core is all-orthogonal, its slices of descending norm', () => {
    fc.assert(
      fc.property(tensorCases(), (c) => {
        const T = buildTensor(c)
        const { core } = tucker(T, { ranks: 100, method: 'hosvd' })
        core.shape.forEach((size, n) => {
          const M = plainUnfold(core, n)
          const scale = 1 / norm(flat(T))
          M.data.forEach((x, e) => (M.data[e] = x * scale))
          const G = times(M, transpose(M))
          const room = YARDSTICK * EPS * Math.max(...c.shape) * c.shape.length
          for (let i = 0; i < size; i++) {
            for (let j = 0; j < i; j++) expect(Math.abs(G.get(i, j))).toBeLessThanOrEqual(room)
            if (i > 0) expect(G.get(i, i)).toBeLessThanOrEqual(G.get(i - 1, i - 1) + room)
          }
        })
      }),
      RUNS,
    )
  })

  test('a matrix gives its SVD', () => {
    fc.assert(
      fc.property(tensorCases(), rank, method, (c, k, method) => {
        const T = buildTensor({ ...c, shape: c.shape.slice(0, 2) })
        const s = svdvals(T)
        const result = tucker(T, { ranks: k, method })
        const r = result.ranks[0]!
        expect(Math.abs(errorOf(T, result) - tail(s, r))).toBeLessThanOrEqual(rounding(T))
        for (let i = 0; i < r; i++) {
          for (let j = 0; j < r; j++) {
            const expected = i === j ? s[i]! : 0
            expect(Math.abs(Math.abs(result.core.get(i, j)) - expected)).toBeLessThanOrEqual(rounding(T))
          }
        }
      }),
      RUNS,
    )
  })
})

describe('one answer', () => {
  test('layouts, operands without offers, async operands and the cooperative run agree', async () => {
    await fc.assert(
      fc.asyncProperty(
        tensorCases({ scales: [0] }),
        rank,
        method,
        randomized,
        async (c, k, method, randomized) => {
          const T = buildTensor({ ...c, decay: 0.5, layout: 'rows' })
          const options: TuckerOptions = { ranks: k, method, randomized, seed: c.seed }
          const expected = tucker(T, options)
          const room = 2 * rounding(T)
          const answers: [Tucker, number][] = [
            [tucker(buildTensor({ ...c, decay: 0.5 }), options), room],
            [tucker(asTensorOperand(T), options), 0],
            [await tucker.async(T, options), 0],
            // Singular vectors from Grams know the small ones to √eps.
            [tucker(bare(asTensorOperand(T)), options), Math.sqrt(EPS) * norm(flat(T))],
            [await tucker(asynchronous(asTensorOperand(T)), options), 0],
          ]
          for (const [answer, room] of answers) {
            expect(answer.ranks).toEqual(expected.ranks)
            expect(Math.abs(errorOf(T, answer) - errorOf(T, expected))).toBeLessThanOrEqual(room)
          }
        },
      ),
      { ...RUNS, numRuns: 40 },
    )
  })

  test('the same bits for the same seed, others for another', () => {
    const T = buildTensor({ seed: 1, shape: [9, 10, 11], decay: 1, scale: 0, layout: 'rows' })
    const run = (seed: number): Tucker => tucker(T, { ranks: 2, oversample: 1, randomized: true, seed })
    expect(run(5).core.data).toEqual(run(5).core.data)
    expect(run(5).core.data).not.toEqual(run(6).core.data)
  })

  test('some modes alone: the others stay as they are', () => {
    fc.assert(
      fc.property(tensorCases({ minModes: 3 }), rank, method, (c, k, method) => {
        const T = buildTensor(c)
        const result = tucker(T, { ranks: [k, k], modes: [2, 0], method })
        expect(Array.from(result.modes)).toEqual([0, 2])
        expect(result.core.shape[1]).toBe(c.shape[1])
        const error = norm(apart(T, result.reconstruct()))
        const tails = [0, 2].map((n, t) => tail(svdvals(plainUnfold(T, n)), result.ranks[t]!))
        expect(error).toBeLessThanOrEqual(Math.hypot(...tails) + rounding(T))
        expect(error).toBeGreaterThanOrEqual(Math.max(...tails) - rounding(T))
      }),
      RUNS,
    )
  })

  test('passes are what the operand counts', () => {
    const T = buildTensor({ seed: 1, shape: [12, 13, 14], decay: 0.5, scale: 0, layout: 'rows' })
    for (const method of METHODS) {
      for (const options of [{ ranks: 3 }, { ranks: 3, randomized: true }, { rtol: 0.1, randomized: true }]) {
        const count = { sweeps: 0 }
        const result = tucker(counted(asTensorOperand(T), count), { ...options, method })
        expect(result.passes, JSON.stringify({ method, ...options })).toBe(count.sweeps)
      }
    }
  })
})

/** What an operand must have, and no more. */
function bare({
  shape,
  modeProduct,
  modeGram,
  unfolding,
  entries,
  frobeniusNorm,
}: TensorOperand): TensorOperand {
  return {
    shape,
    modeProduct: (M, n) => bare(modeProduct(M, n)),
    modeGram,
    unfolding,
    entries,
    frobeniusNorm,
  }
}

/** Counts sweeps over the operand itself, not over its products. */
function counted(T: TensorOperand, count: { sweeps: number }): TensorOperand {
  const once =
    <Args extends unknown[], R>(f: (...args: Args) => R) =>
    (...args: Args): R => (count.sweeps++, f(...args))
  return {
    shape: T.shape,
    modeProduct: once((M: Matrix, n: number) => T.modeProduct(M, n)),
    modeGram: once((n: number) => T.modeGram(n)),
    modeRoot: once((n: number) => T.modeRoot!(n)),
    modeNormal: once((X: Matrix, n: number) => T.modeNormal!(X, n)),
    unfolding: (n) => {
      const { shape, matmat, rmatmat, frobeniusNorm } = T.unfolding(n)
      return { shape, matmat: once(matmat), rmatmat: once(rmatmat), frobeniusNorm: frobeniusNorm! }
    },
    entries: once(() => T.entries()),
    frobeniusNorm: () => T.frobeniusNorm(),
  }
}

/** The same behind Promises, which insists that what it made is given back. */
function asynchronous(T: TensorOperand): AsyncTensorOperand {
  const later = <R>(value: R): Promise<R> => Promise.resolve(value)
  return {
    async: true,
    shape: T.shape,
    modeProduct: (M, n) => later(asynchronous(T.modeProduct(M, n))),
    modeGram: (n) => later(T.modeGram(n)),
    modeRoot: (n) => later(T.modeRoot!(n)),
    modeNormal: (X, n) => later(T.modeNormal!(X, n)),
    unfolding: (n) => {
      const { shape, matmat, rmatmat, frobeniusNorm } = T.unfolding(n)
      return {
        shape,
        async: true,
        matmat: (X) => later(matmat(X)),
        rmatmat: (Y) => later(rmatmat(Y)),
        frobeniusNorm: frobeniusNorm!,
      }
    },
    entries: () => later(T.entries()),
    frobeniusNorm: () => later(T.frobeniusNorm()),
  }
}

test('what a device holds is given back, all but the operand, after an abort too', async () => {
  const T = buildTensor({ seed: 1, shape: [9, 10, 11], decay: 0.5, scale: 0, layout: 'rows' })
  for (const method of METHODS) {
    for (const randomized of [false, true]) {
      for (const stopAfter of [Infinity, 1, 3]) {
        const live = new Set<number>()
        let [made, peak] = [0, 0]
        const held = (operand: TensorOperand): AsyncTensorOperand => {
          const own = made++
          live.add(own)
          peak = Math.max(peak, live.size)
          const inner = asynchronous(operand)
          return {
            ...inner,
            modeProduct: (M, n) => Promise.resolve(held(operand.modeProduct(M, n))),
            dispose: () => void expect(live.delete(own)).toBe(true),
          }
        }
        const controller = new AbortController()
        let seen = 0
        const run = tucker(held(asTensorOperand(T)), {
          ranks: 2,
          oversample: 1,
          method,
          randomized,
          signal: controller.signal,
          onProgress: () => {
            if (++seen > stopAfter) controller.abort()
          },
        })
        if (stopAfter === Infinity) await run
        else await expect(run).rejects.toThrow()
        expect([...live]).toEqual([0])
        // The operand, what it has become, that projected on a range, and the next.
        if (method === 'sthosvd') expect(peak).toBeLessThanOrEqual(randomized ? 4 : 3)
      }
    }
  }
})

test('a zero tensor: orthonormal factors and no error, or no rank at all', () => {
  for (const method of METHODS) {
    for (const randomized of [false, true]) {
      const T = zeros([9, 10, 11])
      const given = tucker(T, { ranks: 2, oversample: 2, method, randomized })
      expect(given.errorEstimate).toBe(0)
      given.factors.forEach((U) => expect(orthogonalityUnits(U)).toBeLessThan(YARDSTICK))
      expect(norm(flat(given.reconstruct()))).toBe(0)
      const found = tucker(T, { rtol: 0.1, method, randomized })
      expect(Array.from(found.ranks)).toEqual([0, 0, 0])
      expect(found.reconstruct().shape).toEqual([9, 10, 11])
      expect(norm(minus(plainUnfold(found.reconstruct(), 0), plainUnfold(T, 0)))).toBe(0)
    }
  }
  expect(residualUnits(zeros([1, 1]), zeros([1, 1]))).toBe(0)
})
