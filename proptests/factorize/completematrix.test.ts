import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { completeMatrix } from '../../src/factorize/index.js'
import type { CompleteMatrixOptions, Completion } from '../../src/factorize/index.js'
import { norm, observed, random, transpose } from '../../src/linalg/index.js'
import type { AsyncObservedOperand, Matrix, ObservedOperand, Triplets } from '../../src/linalg/index.js'
import { EPS, YARDSTICK, minus, times } from '../support/measures.js'

const METHODS = ['als', 'sketched'] as const
type Entries = Triplets & { readonly values: Float64Array }

/** A product of Gaussian factors, m × n of rank r. */
const lowRank = (m: number, n: number, r: number, seed: number): Matrix =>
  times(random.normal([m, r], { seed: seed + 1 }), random.normal([r, n], { seed: seed + 2 }))

/** Entries of A at random places, with noise. */
function sampled(A: Matrix, density: number, seed: number, noise = 0): Entries {
  const [m, n] = [A.shape[0]!, A.shape[1]!]
  const u = random.uniform([m, n], { seed: seed + 3 }).data
  const e = random.normal([m, n], { seed: seed + 4 }).data
  const places = Array.from({ length: m * n }, (_, t) => t).filter((t) => u[t]! < density)
  return {
    shape: [m, n],
    rows: places.map((t) => Math.floor(t / n)),
    cols: places.map((t) => t % n),
    values: Float64Array.from(places, (t) => A.data[t]! + noise * e[t]!),
  }
}

const scaled = (M: Entries, by: number): Entries => ({ ...M, values: M.values.map((x) => x * by) })
const relative = (C: Completion, A: Matrix): number => norm(minus(C.toDense(), A)) / norm(A)

/** ‖P(M − X)‖² */
function misfit(M: Entries, C: Completion): number {
  const guess = C.predictAt(M)
  return M.values.reduce((sum, x, e) => sum + (x - guess[e]!) ** 2, 0)
}

const squares = (F: Matrix): number => F.data.reduce((sum, x) => sum + x * x, 0)

const problems = fc.record({
  m: fc.integer({ min: 2, max: 40 }),
  n: fc.integer({ min: 2, max: 40 }),
  r: fc.integer({ min: 1, max: 4 }),
  seed: fc.nat(1000),
})

const RUNS = { numRuns: 30 }

describe('alternating least squares', () => {
  test('one sweep is exact where all entries of a matrix of that rank are there', () => {
    fc.assert(
      fc.property(problems, fc.constantFrom(...METHODS), ({ m, n, r, seed }, method) => {
        const A = lowRank(m, n, r, seed)
        const C = completeMatrix(sampled(A, 2, seed), { rank: r, method, iterations: 1 })
        expect(C.rank).toBe(Math.min(r, m, n))
        if (r <= Math.min(m, n)) expect(relative(C, A)).toBeLessThan(YARDSTICK * Math.max(m, n) * EPS)
      }),
      RUNS,
    )
  })

  test('each sweep makes the residual smaller, or with a ridge its sum with the squares of the factors', () => {
    fc.assert(
      fc.property(problems, fc.constantFrom(0, 0.3, 3), fc.constantFrom(...METHODS), (p, ridge, method) => {
        const M = sampled(lowRank(p.m, p.n, p.r, p.seed), 0.5, p.seed, 0.3)
        if (M.values.length === 0) return
        const total = norm([M.values]) ** 2
        const objective = (C: Completion): number => misfit(M, C) + ridge * (squares(C.U) + squares(C.V))
        let before = Infinity
        for (const iterations of [1, 2, 3, 5, 9]) {
          const C = completeMatrix(M, { rank: p.r, ridge, iterations, rtol: 0, method })
          const now = objective(C)
          // A row of too few entries has a ridge of 1e-10 of its own.
          expect(now).toBeLessThanOrEqual(before * (1 + 1e-8) + 1e-8 * total)
          before = now
          const last = C.history.at(-1)!
          expect(Math.abs(last.residual ** 2 - misfit(M, C) / total)).toBeLessThan(1e-10)
          expect(C.history.length).toBeLessThanOrEqual(iterations)
        }
      }),
      RUNS,
    )
  })

  test('at its end no small change of the factors helps', () => {
    fc.assert(
      fc.property(problems, fc.constantFrom(0.5, 5), fc.constantFrom(...METHODS), (p, ridge, method) => {
        const M = sampled(lowRank(p.m, p.n, p.r, p.seed), 0.6, p.seed, 0.3)
        const C = completeMatrix(M, { rank: p.r, ridge, method, iterations: 1000, rtol: 1e-13 })
        const R = observed(M).residual(C.U, C.V)
        const [left, right] = [minus(R.matmat(C.V), times(C.U, diagonal(p, ridge))), R.rmatmat(C.U)]
        const size = norm([M.values]) ** 1.5 + 1e-300
        // The fall of the last sweep, 1e-13 of the objective, is at least the squared gradient over the curvature.
        expect(norm(left) / size).toBeLessThan(1e-4)
        expect(norm(minus(right, times(C.V, diagonal(p, ridge)))) / size).toBeLessThan(1e-4)
      }),
      RUNS,
    )
  })

  test('values of any size give the same, times that size', () => {
    fc.assert(
      fc.property(problems, fc.constantFrom(2 ** 500, 2 ** -500), fc.constantFrom(0, 1), (p, by, ridge) => {
        const M = sampled(lowRank(p.m, p.n, p.r, p.seed), 0.5, p.seed, 0.3)
        for (const bias of ['none', 'rowsAndCols'] as const) {
          const C = completeMatrix(M, { rank: p.r, ridge, bias })
          const D = completeMatrix(scaled(M, by), { rank: p.r, ridge: ridge * by, bias })
          expect(D.history).toEqual(C.history)
          expect(D.toDense().data.map((x) => x / by)).toEqual(C.toDense().data)
        }
      }),
      RUNS,
    )
  })

  test('columns of zeros, empty rows and a rank beyond the entries are finite', () => {
    fc.assert(
      fc.property(problems, fc.integer({ min: 0, max: 9 }), fc.constantFrom(...METHODS), (p, k, method) => {
        const M = sampled(lowRank(p.m, p.n, p.r, p.seed), 0.1, p.seed)
        const C = completeMatrix(M, { rank: k, method, iterations: 5 })
        expect(C.rank).toBe(Math.min(k, p.m, p.n))
        expect(C.toDense().data.every(Number.isFinite)).toBe(true)
        const seen = new Set(Array.from(M.rows))
        for (let i = 0; i < p.m; i++) if (!seen.has(i)) expect(C.predict(i, 0)).toBe(0)
      }),
      RUNS,
    )
  })
})

const diagonal = ({ m, n, r }: { m: number; n: number; r: number }, value: number): Matrix => {
  const k = Math.min(m, n, r)
  const D = random.normal([k, k])
  for (let e = 0; e < k * k; e++) D.data[e] = e % (k + 1) === 0 ? value : 0
  return D
}

describe('sketched', () => {
  test('comes to what exact solutions come to, in about as many sweeps', () => {
    let good = 0
    for (let seed = 0; seed < 30; seed++) {
      const A = lowRank(60, 160, 3, seed)
      const M = sampled(A, 0.5, seed)
      const [exact, inexact] = METHODS.map((method) =>
        completeMatrix(M, { rank: 3, method, rtol: 0, iterations: 40, seed }),
      ) as [Completion, Completion]
      const sweeps = (C: Completion): number => C.history.findIndex(({ residual }) => residual < 1e-8)
      if (relative(inexact, A) < 1e-10 && sweeps(inexact) <= 2 * sweeps(exact) + 1) good++
    }
    expect(good).toBeGreaterThanOrEqual(29)
  })
})

describe('softImpute', () => {
  test('ends where the residual is a subgradient of the norm', () => {
    fc.assert(
      fc.property(problems, fc.constantFrom(0.1, 0.5), (p, part) => {
        const M = sampled(lowRank(p.m, p.n, p.r, p.seed), 0.6, p.seed, 0.3)
        const P = observed(M)
        const largest = P.count === 0 ? 0 : norm(P.matmat(identity(p.n)), 2)
        const ridge = part * largest
        const options = { rank: 40, method: 'softImpute', ridge, rtol: 1e-6, iterations: 20000 } as const
        const C = completeMatrix(M, options)
        if (largest === 0) return expect(C.rank).toBe(0)
        const R = P.residual(C.U, C.V)
        // R − (the last change of X) is a subgradient, and the change is rtol·‖X‖ at most.
        const X = C.toDense()
        // The end is told from the objective, which is at most ‖P(M)‖²/2 and known but for rounding.
        const rounding = Math.sqrt(YARDSTICK * (p.m + p.n) * EPS) * norm([M.values])
        const room = 2 * Math.hypot(options.rtol * norm(X), rounding)
        expect(norm(R.matmat(identity(p.n)), 2)).toBeLessThanOrEqual(ridge + room)
        // R·V = λU and RᵀU = λV, with U·Vᵀ the balanced factors of X.
        const off = [minus(R.matmat(C.V), times(C.U, diagonalOf(C.rank, ridge)))]
        off.push(minus(R.rmatmat(C.U), times(C.V, diagonalOf(C.rank, ridge))))
        for (const D of off) expect(norm(D)).toBeLessThanOrEqual(room * (norm(C.U) + norm(C.V)))
      }),
      { numRuns: 15 },
    )
  })

  test('agrees with alternating least squares of the same ridge and rank enough', () => {
    for (let seed = 0; seed < 8; seed++) {
      const M = sampled(lowRank(30, 24, 2, seed), 0.5, seed, 0.2)
      const options = { ridge: 4, rank: 24, rtol: 1e-8, iterations: 5000 }
      const [soft, als] = (['softImpute', 'als'] as const).map((method) =>
        completeMatrix(M, { ...options, method }),
      ) as [Completion, Completion]
      const objective = (C: Completion): number =>
        misfit(M, C) + options.ridge * (squares(C.U) + squares(C.V))
      expect(Math.abs(objective(als) / objective(soft) - 1)).toBeLessThan(1e-5)
      expect(relative(als, soft.toDense())).toBeLessThan(1e-2)
    }
  })

  test('a ridge above the norm of the entries leaves nothing', () => {
    const M = sampled(lowRank(12, 9, 2, 1), 0.5, 1)
    const largest = norm(observed(M).matmat(identity(9)), 2)
    const C = completeMatrix(M, { rank: 5, method: 'softImpute', ridge: 1.001 * largest })
    expect(C.rank).toBe(0)
    expect(C.toDense().data.every((x) => x === 0)).toBe(true)
  })
})

const identity = (n: number): Matrix => diagonalOf(n, 1)
const diagonalOf = (n: number, value: number): Matrix => diagonal({ m: n, n, r: n }, value)

describe('what is around the methods', () => {
  const A = lowRank(40, 30, 2, 7)
  const M = sampled(A, 0.5, 7, 0.1)

  test('every door gives the same', async () => {
    const whole = observed(scaled(M, 1 / 8))
    const bare = (of: ObservedOperand): ObservedOperand => ({
      shape: of.shape,
      count: of.count,
      matmat: (X) => of.matmat(X),
      rmatmat: (Y) => of.rmatmat(Y),
      frobeniusNorm: () => of.frobeniusNorm(),
      solve: (side, F, how) => of.solve(side, F, how),
      residual: (U, V) => bare(of.residual(U, V)),
    })
    const remote = (of: ObservedOperand): AsyncObservedOperand => ({
      async: true,
      shape: of.shape,
      count: of.count,
      matmat: (X) => Promise.resolve(of.matmat(X)),
      rmatmat: (Y) => Promise.resolve(of.rmatmat(Y)),
      frobeniusNorm: () => of.frobeniusNorm(),
      solve: (side, F, how) => Promise.resolve(of.solve(side, F, how)),
      residual: (U, V) => Promise.resolve(remote(of.residual(U, V))),
    })
    for (const method of ['als', 'sketched', 'softImpute'] as const) {
      for (const bias of ['none', 'rowsAndCols'] as const) {
        const options = { rank: 3, method, bias, ridge: 0.5, iterations: 20 }
        const expected = completeMatrix(whole, options).toDense()
        expect(completeMatrix(bare(whole), options).toDense()).toEqual(expected)
        expect((await completeMatrix(remote(whole), options)).toDense()).toEqual(expected)
        expect((await completeMatrix.async(whole, options)).toDense()).toEqual(expected)
        // Triplets are brought near 1 by a power of four, which changes nothing but the unit.
        expect(completeMatrix(scaled(M, 1 / 8), options).toDense()).toEqual(expected)
      }
    }
  })

  test('the order of entries and doubled ones do not matter, also for what is held out', () => {
    const options = { rank: 2, validation: 0.2 } as const
    const C = completeMatrix(M, options)
    const both = <T>(list: ArrayLike<T>): T[] => [...Array.from(list), ...Array.from(list)].reverse()
    const D = completeMatrix(
      { shape: M.shape, rows: both(M.rows), cols: both(M.cols), values: both(M.values) },
      options,
    )
    expect(D.toDense()).toEqual(C.toDense())
    expect(D.tried[0]!.heldOut).toBeCloseTo(C.tried[0]!.heldOut!, 12)
  })

  test('the held-out error is that of entries which were not used', () => {
    const count = M.values.length
    const cut = Math.floor(0.8 * count)
    const part = (from: number, to: number): Entries => ({
      shape: M.shape,
      rows: Array.from(M.rows).slice(from, to),
      cols: Array.from(M.cols).slice(from, to),
      values: M.values.slice(from, to),
    })
    const [used, aside] = [part(0, cut), part(cut, count)]
    for (const bias of ['none', 'rowsAndCols'] as const) {
      const C = completeMatrix(used, { rank: 2, ridge: 0.1, bias, validation: aside })
      const rmse = Math.sqrt(misfit(aside, C) / (count - cut))
      expect(C.history.at(-1)!.heldOut).toBeCloseTo(rmse, 12)
      expect(C.tried).toEqual([{ rank: 2, heldOut: C.history.at(-1)!.heldOut }])
      const without = completeMatrix(used, { rank: 2, ridge: 0.1, bias })
      expect(without.toDense()).toEqual(C.toDense())
    }
    const drawn = completeMatrix(M, { rank: 2, validation: 0.2 })
    expect(drawn.history.every(({ heldOut }) => heldOut! > 0)).toBe(true)
    expect(drawn.toDense()).not.toEqual(completeMatrix(M, { rank: 2 }).toDense())
  })

  test('the rank is chosen by the held-out error', () => {
    let right = 0
    for (let seed = 0; seed < 10; seed++) {
      const N = sampled(lowRank(80, 60, 3, seed), 0.4, seed, 0.1)
      const C = completeMatrix(N, { rank: [1, 2, 3, 5, 8], validation: 0.1, seed })
      expect(C.tried.map(({ rank }) => rank)).toEqual([1, 2, 3, 5, 8])
      const errors = C.tried.map(({ heldOut }) => heldOut!)
      expect(errors[C.tried.findIndex(({ rank }) => rank === C.rank)]).toBe(Math.min(...errors))
      if (C.rank === 3) right++
    }
    expect(right).toBe(10)
  })

  test('biases alone complete what is a sum of rows and columns', () => {
    fc.assert(
      fc.property(problems, ({ m, n, seed }) => {
        const [b, c] = [random.normal([m], { seed }).data, random.normal([n], { seed: seed + 1 }).data]
        const B = random.normal([m, n])
        for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) B.set(i, j, 5 + b[i]! + c[j]!)
        // With all entries the alternation ends after two turns.
        const options = { rank: 0, bias: 'rowsAndCols', biasRidge: 0 } as const
        const C = completeMatrix(sampled(B, 2, seed), options)
        expect(relative(C, B)).toBeLessThan(YARDSTICK * Math.max(m, n) * EPS)
        expect(C.mean).toBeCloseTo(B.data.reduce((sum, x) => sum + x, 0) / (m * n), 10)
        const dense = C.toDense()
        expect(C.predict(m - 1, 0)).toBeCloseTo(dense.get(m - 1, 0), 12)
        expect(C.rowBias[0]! + C.colBias[0]! + C.mean).toBeCloseTo(dense.get(0, 0), 12)
      }),
      RUNS,
    )
  })

  test('it is an operator', () => {
    const C = completeMatrix(M, { rank: 2, bias: 'rowsAndCols', ridge: 0.1 })
    const X = random.normal([30, 2])
    const room = YARDSTICK * 40 * EPS * norm(C.toDense()) * norm(X)
    expect(norm(minus(C.matmat(X), times(C.toDense(), X)))).toBeLessThan(room)
    const parts = times(C.U, transpose(C.V))
    const expected = C.mean + C.rowBias[3]! + C.colBias[4]! + parts.get(3, 4)
    expect(C.predict(3, 4)).toBeCloseTo(expected, 12)
  })

  test('it reports, and ends on an abort', () => {
    const controller = new AbortController()
    const stages: string[] = []
    const options: CompleteMatrixOptions = {
      rank: 2,
      rtol: 0,
      signal: controller.signal,
      onProgress: ({ stage, done }) => {
        stages.push(stage)
        if (stage.startsWith('sweeps') && done === 3) controller.abort(new Error('enough'))
      },
    }
    expect(() => completeMatrix(M, options)).toThrow('enough')
    expect(stages.filter((stage) => stage.startsWith('sweeps')).length).toBe(3)
  })
})
