import fc from 'fast-check'
import ndarray from 'ndarray'
import { describe, expect, test } from 'vitest'
import {
  ConvergenceError,
  NotFiniteError,
  NotPositiveDefiniteError,
  OptionError,
  ShapeError,
  cg,
  csr,
  diag,
  eye,
  lsmr,
  lsqr,
  norm,
  operator,
  random,
  scaled,
  stacked,
  svd,
  zeros,
} from '../../src/linalg/index.js'
import type { Matrix, Solution, IterativeSolver } from '../../src/linalg/index.js'
import { withSpectrum } from '../../src/testing/index.js'
import { RUNS, build, cases, relaid, symmetric } from '../support/cases.js'
import { doors } from '../support/doors.js'
import { EPS, minus, times } from '../support/measures.js'

const column = (x: ArrayLike<number>): Matrix => ndarray(Float64Array.from(x), [x.length, 1])
const relative = (A: Matrix, X: Matrix, B: Matrix): number => norm(minus(times(A, X), B)) / norm(B)

/** What the three have in common. */
const SOLVERS: readonly IterativeSolver<{ rtol?: number }>[] = [cg, lsqr, lsmr]

/** The Laplacian of a side × side grid. */
function laplacian(side: number): ReturnType<typeof csr> {
  const [rows, cols, values]: number[][] = [[], [], []]
  const put = (i: number, j: number, value: number): void => {
    rows!.push(i)
    cols!.push(j)
    values!.push(value)
  }
  for (let r = 0; r < side; r++)
    for (let c = 0; c < side; c++) {
      const at = r * side + c
      put(at, at, 4)
      if (r > 0) put(at, at - side, -1)
      if (r < side - 1) put(at, at + side, -1)
      if (c > 0) put(at, at - 1, -1)
      if (c < side - 1) put(at, at + 1, -1)
    }
  return csr({ shape: [side ** 2, side ** 2], rows: rows!, cols: cols!, values: values! })
}

const spd = fc.record({
  n: fc.integer({ min: 1, max: 30 }),
  k: fc.integer({ min: 1, max: 4 }),
  decades: fc.constantFrom(0, 1, 3),
  scaleA: fc.constantFrom(0, 150, -150),
  scaleB: fc.constantFrom(0, 150, -150),
  seed: fc.nat(1000),
})

describe('cg', () => {
  test('solves symmetric positive definite systems at every scale, all columns in lockstep', () => {
    fc.assert(
      fc.property(spd, ({ n, k, decades, scaleA, scaleB, seed }) => {
        const values = Float64Array.from(
          { length: n },
          (_, j) => 10 ** (scaleA - (decades * j) / Math.max(1, n - 1)),
        )
        const A = symmetric(values, seed)
        const B = random.normal([n, k], { seed })
        for (let e = 0; e < B.data.length; e++) B.data[e]! *= 10 ** scaleB
        // Solutions beyond the range of float64 are nobody's business.
        fc.pre(Math.abs(scaleB - scaleA) < 300)
        const { x, residual, iterations } = cg(A, relaid(B, 'reversed'), { rtol: 1e-11 })
        // The norm of A·x may overflow in the plain loops of the test where x alone does not.
        expect(relative(A, x, B)).toBeLessThanOrEqual(2e-11)
        expect(residual).toBeLessThanOrEqual(1e-11)
        expect(iterations).toBeLessThanOrEqual(10 * n)
        const first = cg(
          A,
          Array.from({ length: n }, (_, i) => B.get(i, 0)),
          { rtol: 1e-11 },
        )
        expect(norm(minus(column(first.x), x.hi(n, 1)))).toBeLessThanOrEqual(4e-11 * 10 ** decades * norm(x))
      }),
      RUNS,
    )
  })

  test('takes as many iterations as there are distinct eigenvalues', () => {
    const A = symmetric(Float64Array.from({ length: 40 }, (_, j) => 1 + (j % 4)))
    expect(cg(A, random.normal([40]), { rtol: 1e-12 }).iterations).toBeLessThanOrEqual(4)
  })

  test('the Laplacian of a 20×20 grid: about 64 iterations for 1e-8', () => {
    const { iterations } = cg(laplacian(20), random.normal([400]), { rtol: 1e-8 })
    expect(iterations).toBeGreaterThan(50)
    expect(iterations).toBeLessThan(75)
  })

  test('a preconditioner that is the inverse ends it in one iteration; a diagonal one helps', () => {
    const d = Float64Array.from({ length: 60 }, (_, j) => 10 ** (-j / 10))
    const b = random.normal([60])
    expect(cg(diag(d), b, { preconditioner: diag(d.map((x) => 1 / x)) }).iterations).toBe(1)
    const S = symmetric(Float64Array.from({ length: 60 }, (_, j) => 1 + (j % 7) / 7))
    const scaledS = zeros([60, 60])
    for (let i = 0; i < 60; i++) for (let j = 0; j < 60; j++) scaledS.set(i, j, S.get(i, j) * d[i]! * d[j]!)
    const preconditioner = diag(d.map((x) => 1 / (x * x)))
    const options = { rtol: 1e-10, maxIterations: 5000 }
    const helped = cg(scaledS, b, { ...options, preconditioner })
    expect(helped.residual).toBeLessThanOrEqual(1e-10)
    expect(helped.iterations).toBeLessThan(cg(scaledS, b, options).iterations / 2)
  })

  test('a consistent semidefinite system', () => {
    const A = symmetric(Float64Array.from({ length: 30 }, (_, j) => Math.max(0, 10 - j)))
    const B = times(A, random.normal([30, 2]))
    expect(relative(A, cg(A, B).x, B)).toBeLessThan(1e-7)
  })

  test('b = 0, n = 0, no columns', () => {
    expect(cg(eye(3), [0, 0, 0])).toEqual({ x: new Float64Array(3), iterations: 0, residual: 0 })
    expect(cg(zeros([0, 0]), []).x.length).toBe(0)
    expect(cg(eye(3), zeros([3, 0])).x.shape).toEqual([3, 0])
  })

  test('says where A or the preconditioner is not positive definite', () => {
    expect(() => cg(diag([1, -1]), [1, 2])).toThrow(NotPositiveDefiniteError)
    expect(() => cg(eye(2), [1, 2], { preconditioner: diag([-1, -1]) })).toThrow('options.preconditioner')
  })

  test('too few iterations, or a tolerance beyond rounding, is an error that carries the best', () => {
    const A = symmetric(Float64Array.from({ length: 50 }, (_, j) => 10 ** (-j / 5)))
    const B = random.normal([50, 2])
    for (const options of [{ maxIterations: 3 }, { rtol: 0, maxIterations: 10_000 }]) {
      try {
        cg(A, B, options)
        expect.unreachable()
      } catch (error) {
        expect(error).toBeInstanceOf(ConvergenceError)
        const { best, residual, iterations } = error as ConvergenceError<Solution<Matrix>>
        expect(best!.residual).toBe(residual)
        expect(best!.iterations).toBe(iterations)
        expect(best!.x.shape).toEqual([50, 2])
        expect(relative(A, best!.x, B)).toBeLessThan(3 * residual)
      }
    }
  })
})

describe.each([
  ['lsqr', lsqr],
  ['lsmr', lsmr],
] as const)('%s', (_, solve) => {
  test('the solution of minimum norm, for every shape, rank and scale', () => {
    const spectra = ['flat', 'clustered', 'deficient', 'rankOne', 'zero', 'nearlyEqual'] as const
    fc.assert(
      fc.property(cases({ maxSide: 30, spectra }), fc.integer({ min: 1, max: 3 }), (c, k) => {
        const A = build(c)
        const B = random.normal([c.m, k], { seed: c.seed })
        const { x } = solve(A, B, { rtol: 1e-14 })
        // By the SVD, cut where the test's spectra have their zeros.
        const { U, s, Vt } = svd(A)
        const rank = Array.from(s).filter((value) => value > 1e-10 * s[0]!).length
        const C = times(U.hi(c.m, rank), B, true)
        for (let i = 0; i < rank; i++) for (let j = 0; j < k; j++) C.data[i * k + j]! /= s[i]!
        const truth = times(Vt.hi(rank, c.n), C, true)
        // ‖δx‖/‖x‖ ≲ κ²·(backward error), and the spectra here have κ² ≤ 1e8 only for 'clustered' below 1e-4.
        const kappa = rank === 0 ? 1 : s[0]! / s[rank - 1]!
        const bound = Math.max(c.m, c.n) * 1e-14 * kappa ** 2 * 30
        if (bound < 1e-2) {
          const unit = norm(truth) + norm(B) / (s[0]! || 1)
          expect(norm(minus(x, truth))).toBeLessThanOrEqual(bound * unit)
        }
      }),
      RUNS,
    )
  })

  test('damping is the ridge: the same as the stacked system', () => {
    fc.assert(
      fc.property(
        cases({ minSide: 1, maxSide: 20, scales: [0] }),
        fc.constantFrom(0.01, 0.3, 10),
        (c, damp) => {
          const A = build(c)
          const b = random.normal([c.m], { seed: 1 }).data
          const x = solve(A, b, { damp, rtol: 1e-13 }).x
          const whole = stacked([[A], [scaled(eye(c.n), damp)]])
          const y = solve(whole, [...b, ...new Float64Array(c.n)], { rtol: 1e-13 }).x
          const kappa = 1 + 1 / damp
          expect(norm(minus(column(x), column(y)))).toBeLessThanOrEqual(1e-11 * kappa ** 2 * norm(column(b)))
          // Aᵀ(b − Ax) = damp²·x
          const gradient = times(A, minus(column(b), times(A, column(x))), true)
          const ridge = column(x.map((value) => damp ** 2 * value))
          expect(norm(minus(gradient, ridge))).toBeLessThanOrEqual(1e-11 * kappa * norm(column(b)))
        },
      ),
      { ...RUNS, numRuns: 40 },
    )
  })

  test('60×20 Gaussian: full accuracy within n and a few iterations', () => {
    const A = random.normal([60, 20])
    const b = random.normal([60], { seed: 1 })
    const { x, iterations } = solve(A, b, { rtol: 1e-15 })
    expect(iterations).toBeLessThanOrEqual(40)
    const gradient = times(A, minus(column(b.data), times(A, column(x as never))), true)
    expect(norm(gradient)).toBeLessThan(1e-12 * norm(A) * norm(column(b.data)))
  })

  test('b = 0, A = 0 and empty sides', () => {
    expect(solve(eye(3), [0, 0, 0])).toEqual({ x: new Float64Array(3), iterations: 0, residual: 0 })
    expect(solve(zeros([3, 2]), [1, 2, 3])).toEqual({ x: new Float64Array(2), iterations: 0, residual: 1 })
    expect(solve(zeros([3, 0]), [1, 2, 3]).x.length).toBe(0)
    expect(Array.from(solve(zeros([0, 2]), []).x)).toEqual([0, 0])
    expect(solve(eye(3), zeros([3, 0])).x.shape).toEqual([3, 0])
  })

  test('too few iterations is an error that carries the best', () => {
    const A = withSpectrum(
      40,
      40,
      Float64Array.from({ length: 40 }, (_, j) => 10 ** (-j / 8)),
    )
    const b = random.normal([40]).data
    try {
      solve(A, b, { maxIterations: 4 })
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(ConvergenceError)
      const { best, residual, iterations } = error as ConvergenceError<Solution<Float64Array>>
      expect(iterations).toBe(4)
      const truth = relative(A, column(best!.x), column(b))
      expect(Math.abs(truth - residual)).toBeLessThan(100 * EPS)
    }
  })
})

test('‖Aᵀr‖ of lsmr never rises, ‖r‖ of lsqr neither', () => {
  const A = withSpectrum(
    50,
    30,
    Float64Array.from({ length: 30 }, (_, j) => 10 ** (-j / 10)),
  )
  const b = random.normal([50]).data
  const after = (solve: typeof lsqr, maxIterations: number): Float64Array => {
    try {
      return solve(A, b, { rtol: 1e-15, maxIterations }).x
    } catch (error) {
      return (error as ConvergenceError<Solution<Float64Array>>).best!.x
    }
  }
  let [normal, residual] = [Infinity, Infinity]
  for (let i = 1; i < 25; i++) {
    const r = minus(column(b), times(A, column(after(lsqr, i))))
    const g = times(A, minus(column(b), times(A, column(after(lsmr, i)))), true)
    expect(norm(r)).toBeLessThanOrEqual(residual * (1 + 100 * EPS))
    expect(norm(g)).toBeLessThanOrEqual(normal * (1 + 1e-9))
    ;[residual, normal] = [norm(r), norm(g)]
  }
})

describe('behind every door', () => {
  const A = symmetric([5, 4, 3, 2, 1, 0.5])
  const B = random.normal([6, 2])
  test.each(['dense', 'bare', 'async', 'single', 'csr', 'result'] as const)('%s', async (name) => {
    const door = doors(A)[name]!
    const tolerance = 10 * Math.sqrt(door.dtype === 'float32' ? 2 ** -23 : EPS)
    for (const solve of SOLVERS) {
      const answer = solve(door, B)
      expect(answer instanceof Promise).toBe(name === 'async')
      expect(relative(A, (await answer).x, B)).toBeLessThan(tolerance)
      const { x } = await solve.async(
        door,
        Float64Array.from({ length: 6 }, (_, i) => B.get(i, 1)),
      )
      expect(x).toBeInstanceOf(Float64Array)
      expect(relative(A, column(x), B.lo(0, 1))).toBeLessThan(tolerance)
    }
  })

  test('a 1-D ndarray, a slice of one, a float32 vector and a plain array are vectors', () => {
    const wide = ndarray(Float64Array.from([1, 9, 2, 9]), [2], [2])
    for (const b of [[1, 2], ndarray([1, 2]), wide, Float32Array.from([1, 2])]) {
      for (const solve of SOLVERS) {
        const { x } = solve(eye(2), b as number[])
        expect(x).toBeInstanceOf(Float64Array)
        x.forEach((value, i) => expect(value).toBeCloseTo(i + 1, 12))
      }
    }
  })
})

describe('bad input', () => {
  test.each(SOLVERS)('is refused by name', (solve) => {
    expect(() => solve(eye(3), [1, NaN, 2])).toThrow(NotFiniteError)
    expect(() =>
      solve(
        [
          [1, Infinity],
          [0, 1],
        ],
        [1, 2],
      ),
    ).toThrow(NotFiniteError)
    expect(() => solve(eye(3), [1, 2])).toThrow(ShapeError)
    expect(() => solve(eye(3), zeros([2, 2]))).toThrow('a vector of 3 or a matrix of 3 rows')
    expect(() => solve(eye(3), [1, 2, 3], { rtol: -1 })).toThrow(OptionError)
    expect(() => solve(eye(3), [1, 2, 3], { tol: 1 } as never)).toThrow('unknown option tol')
    expect(() => solve(eye(3), 'abc' as never)).toThrow(ShapeError)
  })

  test('cg wants square operands', () => {
    expect(() => cg(zeros([3, 2]), [1, 2, 3])).toThrow('cg: A: expected 3×3')
    expect(() => cg(eye(3), [1, 2, 3], { preconditioner: eye(2) })).toThrow('cg: options.preconditioner')
  })

  test('NaN out of a product is an error, never an answer', () => {
    const broken = operator({ shape: [2, 2], matmat: (X) => X.data.fill(NaN) && X, rmatmat: (X) => X })
    expect(() => cg(broken, [1, 2])).toThrow(NotFiniteError)
  })
})
