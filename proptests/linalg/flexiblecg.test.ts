import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  ConvergenceError,
  NotFiniteError,
  NotPositiveDefiniteError,
  OptionError,
  ShapeError,
  cg,
  diag,
  eye,
  flexibleCg,
  matrix,
  norm,
  operator,
  random,
  solve,
  zeros,
} from '../../src/linalg/index.js'
import type { FlexibleCgOptions, Matrix, Solution } from '../../src/linalg/index.js'
import { solvers } from '../../src/recipes/index.js'
import { LAYOUTS, RUNS, relaid, symmetric } from '../support/cases.js'
import { doors } from '../support/doors.js'
import { EPS, minus, times } from '../support/measures.js'

/** A symmetric matrix with eigenvalues from 1 to 10^−decades, times 10^scale. */
const spread = (n: number, decades: number, seed: number, scale = 0): Matrix =>
  symmetric(
    Float64Array.from({ length: n }, (_, j) => 10 ** (scale - (decades * j) / Math.max(1, n - 1))),
    seed,
  )

/** Directions that are neither linear nor smooth, but not far from the residual. */
const rough = (R: Matrix): Matrix =>
  matrix(
    R.data.map((r) => Math.sign(r) * (0.3 + Math.abs(r))),
    [R.shape[0]!, R.shape[1]!],
  )

function bestOf(run: () => Solution<Float64Array>): Solution<Float64Array> {
  try {
    return run()
  } catch (error) {
    return (error as ConvergenceError<Solution<Float64Array>>).best!
  }
}

/** ‖x − exact‖ in the A-norm. */
function energy(A: Matrix, x: ArrayLike<number>, exact: ArrayLike<number>): number {
  const e = matrix(
    Float64Array.from(x, (value, i) => value - exact[i]!),
    [x.length, 1],
  )
  return Math.sqrt(Math.max(0, times(e, times(A, e), true).get(0, 0)))
}

const spd = fc.record({
  n: fc.integer({ min: 1, max: 25 }),
  k: fc.integer({ min: 1, max: 3 }),
  decades: fc.constantFrom(0, 1, 2),
  history: fc.integer({ min: 1, max: 5 }),
  seed: fc.nat(1000),
})

describe('flexibleCg', () => {
  test('solves at every scale and in every layout, with directions of any size, columns in lockstep', () => {
    const scales = fc.constantFrom(0, 150, -150)
    fc.assert(
      fc.property(spd, scales, scales, fc.constantFrom(...LAYOUTS), (c, scaleA, scaleB, layout) => {
        const { n, k, decades, history, seed } = c
        fc.pre(Math.abs(scaleB - scaleA) < 300)
        const A = spread(n, decades, seed, scaleA)
        const B = random.normal([n, k], { seed })
        for (let e = 0; e < B.data.length; e++) B.data[e]! *= 10 ** scaleB
        // Directions a billion or a billionth of what they could be.
        const preconditioner = (R: Matrix): Matrix => {
          const D = rough(R)
          for (let e = 0; e < D.data.length; e++) D.data[e]! *= 1e9 ** ((seed % 3) - 1)
          return relaid(D, layout)
        }
        const options = { rtol: 1e-10, history, preconditioner, maxIterations: 5000 }
        const { x, residual } = flexibleCg(relaid(A, layout), relaid(B, layout), options)
        expect(residual).toBeLessThanOrEqual(1e-10)
        expect(norm(minus(times(A, x), B))).toBeLessThanOrEqual(2e-10 * Math.sqrt(k) * norm(B))
      }),
      RUNS,
    )
  })

  test('the error never grows in the A-norm, whatever the directions', () => {
    fc.assert(
      fc.property(spd, ({ n, decades, history, seed }) => {
        const A = spread(n, decades, seed)
        const b = random.normal([n], { seed }).data
        const exact = solve(A, b)
        // Every third direction is random, every fourth 0.
        const wild = (): ((R: Matrix) => Matrix) => {
          let call = 0
          return (R) => {
            call++
            if (call % 4 === 0) return zeros([n, 1])
            return call % 3 === 0 ? random.normal([n, 1], { seed: seed + call }) : rough(R)
          }
        }
        let before = energy(A, new Float64Array(n), exact)
        const floor = 100 * n * EPS * before
        for (let maxIterations = 1; maxIterations <= 8; maxIterations++) {
          const options = { rtol: 0, maxIterations, history, preconditioner: wild() }
          const now = energy(A, bestOf(() => flexibleCg(A, b, options)).x, exact)
          expect(now).toBeLessThanOrEqual(before + floor)
          before = now
        }
      }),
      RUNS,
    )
  })

  test('without a preconditioner, and with a fixed one, it is cg', () => {
    fc.assert(
      fc.property(spd, ({ n, decades, history, seed }) => {
        const A = spread(n, decades, seed)
        const b = random.normal([n], { seed }).data
        const d = diag(Float64Array.from({ length: n }, (_, i) => 1 + (i % 3)))
        for (const preconditioner of [undefined, d]) {
          for (let maxIterations = 1; maxIterations <= Math.min(6, n); maxIterations++) {
            const options = { rtol: 1e-14, maxIterations, preconditioner }
            const one = bestOf(() => flexibleCg(A, b, { ...options, history })).x
            const two = bestOf(() => cg(A, b, options)).x
            const difference = Math.hypot(...one.map((value, i) => value - two[i]!))
            // Early iterates agree to 1e-10 of the solution (the handbook's yardstick).
            expect(difference).toBeLessThanOrEqual(1e-10 * Math.hypot(...solve(A, b)))
          }
        }
      }),
      RUNS,
    )
  })

  test('the inverse ends it in one iteration', () => {
    const A = spread(30, 3, 1)
    const b = random.normal([30]).data
    const f = (R: Matrix): Matrix => solve(A, R)
    expect(flexibleCg(A, b, { preconditioner: f }).iterations).toBe(1)
    expect(solvers.deepConjugateDirections(A, b, { direction: (r) => solve(A, r) }).iterations).toBe(1)
  })

  test('useless directions are replaced by the residual, at the price of cg', () => {
    const A = spread(40, 2, 3)
    const b = random.normal([40]).data
    const plain = cg(A, b).iterations
    const constant = random.normal([40, 1], { seed: 9 })
    const zero = flexibleCg(A, b, { preconditioner: () => zeros([40, 1]) })
    expect(Math.abs(zero.iterations - plain)).toBeLessThanOrEqual(2)
    // This one is new again whenever the history has forgotten it.
    const same = flexibleCg(A, b, { preconditioner: () => constant })
    expect(same.residual).toBeLessThanOrEqual(2 ** -26)
  })

  test('a longer history helps directions that are not linear', () => {
    const A = spread(80, 3, 5)
    const b = random.normal([80]).data
    const wavy = (R: Matrix): Matrix => {
      const size = norm(R)
      return matrix(
        R.data.map((r) => r * (1 + Math.sin((40 * r) / size) / 2)),
        [80, 1],
      )
    }
    const count = (history?: number): number => flexibleCg(A, b, { preconditioner: wavy, history }).iterations
    expect(count(20)).toBeLessThan(0.8 * count(1))
    expect(count()).toBe(count(2))
  })

  test('every door, and every way to call', async () => {
    const A = spread(12, 1, 7)
    const B = random.normal([12, 2])
    const options: FlexibleCgOptions = { preconditioner: rough, rtol: 1e-6 }
    const { x } = flexibleCg(A, B, options)
    for (const [name, door] of Object.entries(doors(A))) {
      const found = await flexibleCg(door, B, options)
      expect(norm(minus(found.x, x)), name).toBeLessThanOrEqual(1e-4 * norm(x))
    }
    expect((await flexibleCg.async(A, B, options)).x).toEqual(x)
    const slow = { ...options, preconditioner: (R: Matrix) => Promise.resolve(rough(R)) }
    expect((await flexibleCg.async(A, B, slow)).x).toEqual(x)
    expect(() => flexibleCg(A, B, slow)).toThrow(ShapeError)
    const inPlace = { ...options, preconditioner: (R: Matrix) => R.data.fill(0) && R }
    expect(flexibleCg(A, B, inPlace).residual).toBeLessThanOrEqual(1e-6)
  })

  test('says what is wrong', () => {
    const A = diag([1, 2])
    const b = [1, 2]
    expect(() => flexibleCg(diag([1, -1]), b)).toThrow(NotPositiveDefiniteError)
    expect(() => flexibleCg(A, b, { history: 0 })).toThrow(OptionError)
    expect(() => flexibleCg(A, b, { preconditioner: eye(3) })).toThrow(/^flexibleCg: options.preconditioner/)
    expect(() => flexibleCg(A, b, { preconditioner: () => eye(2) })).toThrow(ShapeError)
    expect(() => flexibleCg(A, b, { preconditioner: () => matrix([[NaN], [1]]) })).toThrow(NotFiniteError)
    expect(() => flexibleCg(spread(30, 6, 1), random.normal([30]).data, { maxIterations: 2 })).toThrow(
      ConvergenceError,
    )
    expect(flexibleCg(eye(3), [0, 0, 0])).toEqual({ x: new Float64Array(3), iterations: 0, residual: 0 })
    expect(flexibleCg(zeros([0, 0]), []).x.length).toBe(0)
    expect(flexibleCg(eye(3), zeros([3, 0])).x.shape).toEqual([3, 0])
  })
})

describe('deepConjugateDirections', () => {
  const { deepConjugateDirections } = solvers

  test('hands over unit vectors, one for each column, and does what flexibleCg does with them', () => {
    fc.assert(
      fc.property(spd, ({ n, k, decades, history, seed }) => {
        const A = spread(n, decades, seed)
        const B = random.normal([n, k], { seed })
        const direction = (r: Float64Array): Float64Array => {
          expect(Math.abs(Math.hypot(...r) - 1)).toBeLessThanOrEqual(n * EPS)
          return r.map((value) => value + 0.1 * Math.tanh(30 * value))
        }
        const byColumns = (R: Matrix): Matrix => {
          const D = zeros([n, k])
          for (let j = 0; j < k; j++) {
            const r = Float64Array.from({ length: n }, (_, i) => R.get(i, j))
            const size = Math.hypot(...r)
            if (size > 0) direction(r.map((value) => value / size)).forEach((value, i) => D.set(i, j, value))
          }
          return D
        }
        const options = { rtol: 1e-6, history }
        const one = deepConjugateDirections(A, B, { ...options, direction })
        const two = flexibleCg(A, B, { ...options, preconditioner: byColumns })
        expect(one.residual).toBeLessThanOrEqual(1e-6)
        expect(norm(minus(one.x, two.x))).toBeLessThanOrEqual(4e-6 * 10 ** decades * norm(two.x))
      }),
      RUNS,
    )
  })

  test('a network that answers with Promises, and an operator that does', async () => {
    const A = spread(10, 1, 2)
    const b = random.normal([10]).data
    const { x } = deepConjugateDirections(A, b, { direction: (r) => [...r] })
    const direction = (r: Float64Array): Promise<Float64Array> => Promise.resolve(r)
    expect((await deepConjugateDirections.async(A, b, { direction })).x).toEqual(x)
    const promised = (X: Matrix): Promise<Matrix> => Promise.resolve(times(A, X))
    const slow = operator({ shape: [10, 10], async: true, matmat: promised, rmatmat: promised })
    const answer = await deepConjugateDirections(slow, b, { direction })
    expect(Math.hypot(...answer.x.map((value, i) => value - x[i]!))).toBeLessThanOrEqual(
      1e-6 * Math.hypot(...x),
    )
  })

  test('says what is wrong', () => {
    const A = diag([1, 2])
    expect(() => deepConjugateDirections(A, [1, 2])).toThrow(/^deepConjugateDirections: options.direction/)
    expect(() => deepConjugateDirections(A, [1, 2], { direction: () => [1] })).toThrow(ShapeError)
    expect(() => deepConjugateDirections(A, [1, 2], { direction: () => [1, NaN] })).toThrow(NotFiniteError)
    expect(() => deepConjugateDirections(A, [1, 2], { direction: (r) => r, history: 0 })).toThrow(OptionError)
  })
})
