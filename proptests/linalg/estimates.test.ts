import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  ConvergenceError,
  OptionError,
  ShapeError,
  asOperator,
  diag,
  eye,
  lanczos,
  norm,
  norm2Estimate,
  operator,
  random,
  traceEstimate,
  zeros,
} from '../../src/linalg/index.js'
import type { Eigenpairs, LinearOperator, Matrix } from '../../src/linalg/index.js'
import { RUNS, build, cases, spectrumOf, symmetric } from '../support/cases.js'
import { doors } from '../support/doors.js'
import { EPS, YARDSTICK, expectOriented, orthogonalityUnits, times } from '../support/measures.js'

/** Nothing but its products. */
function bare(A: Matrix): LinearOperator {
  const { shape, matmat, rmatmat } = asOperator(A)
  return operator({ shape, matmat, rmatmat })
}

const WANTED = {
  magnitude: (x: number, y: number) => Math.abs(y) - Math.abs(x) || y - x,
  largest: (x: number, y: number) => y - x,
  smallest: (x: number, y: number) => x - y,
} as const

describe('lanczos', () => {
  test('finds the wanted ends of any spectrum, at every scale, with honest residuals', () => {
    const inputs = fc.record({
      n: fc.integer({ min: 1, max: 90 }),
      k: fc.integer({ min: 1, max: 6 }),
      kind: fc.constantFrom('linear', 'geometric', 'signs', 'deficient', 'zero', 'identity'),
      which: fc.constantFrom('magnitude', 'largest', 'smallest'),
      scale: fc.constantFrom(0, 150, -150),
      seed: fc.nat(1000),
    })
    const spectra = {
      linear: (j: number) => j + 1,
      geometric: (j: number) => 0.8 ** j,
      signs: (j: number) => (j % 2 ? -1 : 1) * (j + 1),
      deficient: (j: number) => (j < 3 ? 3 - j : 0),
      zero: () => 0,
      identity: () => 1,
    }
    fc.assert(
      fc.property(inputs, ({ n, k, kind, which, scale, seed }) => {
        // The small end of a geometric spectrum has gaps below 1e-7 of ‖A‖: no work for Lanczos.
        fc.pre(kind !== 'geometric' || which !== 'smallest')
        const values = Float64Array.from({ length: n }, (_, j) => spectra[kind](j) * 10 ** scale)
        const A = symmetric(values, seed)
        const pairs = lanczos(bare(A), { k, which, seed })
        const count = Math.min(k, n)
        const size = Math.max(...values.map(Math.abs))
        expect(pairs.values.length).toBe(count)
        expect(pairs.vectors.shape).toEqual([n, count])
        expect(orthogonalityUnits(pairs.vectors)).toBeLessThan(YARDSTICK)
        expectOriented(pairs.vectors)
        const AX = times(A, pairs.vectors)
        for (let j = 0; j < count; j++) {
          let sum = 0
          for (let i = 0; i < n; i++) {
            sum = Math.hypot(sum, AX.get(i, j) - pairs.values[j]! * pairs.vectors.get(i, j))
          }
          expect(sum).toBeLessThanOrEqual(pairs.residuals[j]! + YARDSTICK * n * EPS * size)
          expect(sum).toBeLessThanOrEqual(4e-11 * size)
        }
        // What is wanted, and not only some eigenvalues: ties of magnitude may come in either order.
        const truth = Array.from(values).sort(WANTED[which])
        const rank = (x: number): number => (which === 'magnitude' ? Math.abs(x) : x)
        for (let j = 0; j < count; j++) {
          expect(Math.abs(rank(pairs.values[j]!) - rank(truth[j]!))).toBeLessThanOrEqual(4e-11 * size)
        }
      }),
      RUNS,
    )
  })

  test('a block as wide as the multiplicity finds all copies, restarts included', () => {
    const values = Float64Array.from({ length: 400 }, (_, j) => (j < 3 ? 2 : j / 400))
    const { values: found, iterations } = lanczos(bare(diag(values)), { k: 4, blockSize: 3 })
    expect(iterations).toBeGreaterThan(11)
    expect(Array.from(found.subarray(0, 3))).toEqual([2, 2, 2].map((x) => expect.closeTo(x, 9) as number))
    expect(found[3]).toBeCloseTo(399 / 400, 9)
  })

  test('too few products is an error that carries the pairs', () => {
    const A = symmetric(Float64Array.from({ length: 200 }, (_, j) => j))
    for (const maxIterations of [1, 3, 11, 12]) {
      try {
        lanczos(A, { k: 5, maxIterations, rtol: 1e-12 })
        expect.unreachable()
      } catch (error) {
        expect(error).toBeInstanceOf(ConvergenceError)
        const { best } = error as ConvergenceError<Eigenpairs>
        expect(best!.values.length).toBe(Math.min(5, 4 * maxIterations))
        expect(best!.values[0]).toBeLessThanOrEqual(199 * (1 + 100 * EPS))
      }
    }
  })

  test('bad input', () => {
    expect(() => lanczos(zeros([3, 2]), { k: 1 })).toThrow(ShapeError)
    expect(() => lanczos(random.normal([20, 20]), { k: 1 })).toThrow('a symmetric matrix')
    expect(() => lanczos(eye(3), { k: 0 })).toThrow(OptionError)
    expect(lanczos(zeros([0, 0]), { k: 2 }).values.length).toBe(0)
  })
})

describe('norm2Estimate', () => {
  test('never above, and within 3 % of the largest singular value', () => {
    fc.assert(
      fc.property(cases(), (c) => {
        const A = build(c)
        const truth = spectrumOf(c)[0] ?? 0
        const estimate = norm2Estimate(A)
        expect(estimate).toBeLessThanOrEqual(truth * (1 + YARDSTICK * Math.max(c.m, c.n) * EPS))
        expect(estimate).toBeGreaterThanOrEqual(0.97 * truth)
      }),
      RUNS,
    )
  })

  test('300×300 Gaussian matrices within 1 % in the mean', () => {
    let worst = 0
    for (let seed = 0; seed < 5; seed++) {
      const A = random.normal([300, 300], { seed })
      worst += 1 - norm2Estimate(A, { seed }) / norm(A, 2)
    }
    expect(worst / 5).toBeLessThan(0.01)
    expect(worst / 5).toBeGreaterThanOrEqual(0)
  })

  test('too few iterations is an error that carries the estimate', () => {
    expect(() => norm2Estimate(random.normal([90, 90]), { maxIterations: 2 })).toThrow(ConvergenceError)
  })
})

describe('traceEstimate', () => {
  const powers = (n: number, power: number): Matrix =>
    symmetric(Float64Array.from({ length: n }, (_, j) => (j + 1) ** power))

  test('is exact where the operator has a diagonal, or the basis is the whole space', () => {
    fc.assert(
      fc.property(cases({ maxSide: 19, scales: [0] }), (c) => {
        const A = times(build(c), build(c), true)
        let truth = 0
        for (let i = 0; i < c.n; i++) truth += A.get(i, i)
        const tolerance = YARDSTICK * Math.max(c.m, c.n) * EPS * norm(A)
        expect(Math.abs(traceEstimate(A) - truth)).toBeLessThanOrEqual(tolerance)
        expect(Math.abs(traceEstimate(bare(A)) - truth)).toBeLessThanOrEqual(c.n * tolerance)
      }),
      RUNS,
    )
  })

  test('Hutchinson is exact for a diagonal matrix, with one product', () => {
    expect(traceEstimate(bare(diag([1, 2, 3, 4])), { products: 1 })).toBeCloseTo(10, 13)
  })

  test('λⱼ = j⁻², 60 products: medians near 7.5e-2 and 1.2e-3 of the trace', () => {
    const A = bare(powers(200, -2))
    let truth = 0
    for (let j = 1; j <= 200; j++) truth += j ** -2
    const median = (method: 'hutch++' | 'hutchinson'): number =>
      Array.from({ length: 31 }, (_, seed) => Math.abs(traceEstimate(A, { method, seed }) / truth - 1)).sort(
        (x, y) => x - y,
      )[15]!
    expect(median('hutchinson')).toBeLessThan(0.15)
    expect(median('hutch++')).toBeLessThan(4e-3)
  })

  test('both are unbiased, Hutchinson with the variance that theory says', () => {
    const A = powers(30, -0.5)
    const door = bare(A)
    let [truth, offDiagonal] = [0, norm(A) ** 2]
    for (let i = 0; i < 30; i++) {
      truth += A.get(i, i)
      offDiagonal -= A.get(i, i) ** 2
    }
    const seeds = 400
    for (const method of ['hutchinson', 'hutch++'] as const) {
      const errors = Array.from(
        { length: seeds },
        (_, seed) => traceEstimate(door, { products: 12, method, seed }) - truth,
      )
      const mean = errors.reduce((sum, e) => sum + e, 0) / seeds
      const variance = errors.reduce((sum, e) => sum + e * e, 0) / seeds
      // Four standard errors of the mean.
      expect(Math.abs(mean)).toBeLessThan(4 * Math.sqrt(variance / seeds))
      if (method === 'hutchinson') {
        const expected = (2 / 12) * offDiagonal
        expect(variance / expected).toBeGreaterThan(0.7)
        expect(variance / expected).toBeLessThan(1.4)
      }
    }
  })

  test('bad input', () => {
    expect(() => traceEstimate(zeros([2, 3]))).toThrow(ShapeError)
    expect(() => traceEstimate(eye(2), { products: 0 })).toThrow(OptionError)
    expect(traceEstimate(bare(zeros([0, 0])))).toBe(0)
  })
})

describe('behind every door', () => {
  const A = symmetric([5, -4, 3, 2, 1, 0.5])
  test.each(['dense', 'bare', 'async', 'single', 'csr', 'result'] as const)('%s', async (name) => {
    const door = doors(A)[name]!
    const digits = name === 'single' ? 4 : 9
    const pairs = lanczos(door, { k: 2 })
    expect(pairs instanceof Promise).toBe(name === 'async')
    expect((await pairs).values[0]).toBeCloseTo(5, digits)
    expect((await pairs).values[1]).toBeCloseTo(-4, digits)
    expect(await norm2Estimate(door)).toBeCloseTo(5, 2)
    expect(await traceEstimate(door)).toBeCloseTo(7.5, digits)
  })
})
