import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  ConvergenceError,
  lstsq,
  norm,
  qr,
  random,
  solveTriangular,
  svd,
  zeros,
} from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import {
  countSketch,
  gaussian,
  rademacher,
  sketchedLstsq,
  sparseSign,
  srht,
  srtt,
} from '../../src/sketch/index.js'
import type { SketchedLstsqOptions } from '../../src/sketch/index.js'
import { gallery, orthonormal, spectra, withSpectrum } from '../../src/testing/index.js'
import { RUNS, build, cases } from '../support/cases.js'
import type { Case } from '../support/cases.js'
import { doors } from '../support/doors.js'
import { EPS, YARDSTICK, minus, times } from '../support/measures.js'

const FULL = ['precondition', 'iterative'] as const
const methods = fc.constantFrom(...FULL)

const column = (M: Matrix, j: number): Matrix => M.lo(0, j).hi(M.shape[0]!, 1)
const vector = (M: Matrix, j = 0): Float64Array =>
  Float64Array.from({ length: M.shape[0]! }, (_, i) => M.get(i, j))
const asColumn = (x: ArrayLike<number>): Matrix => {
  const X = zeros([x.length, 1])
  for (let i = 0; i < x.length; i++) X.data[i] = x[i]!
  return X
}

/** Long, wide and nearly square shapes: sides up to 8 times those of the case. */
function stretched(c: Case, shape: 'long' | 'wide' | 'square'): Case {
  const [small, large] = [Math.min(c.m, c.n), 16 * Math.max(c.m, c.n)]
  if (shape === 'square') return c
  return shape === 'long' ? { ...c, m: large, n: small } : { ...c, m: small, n: large }
}
const shapes = fc.constantFrom('long', 'wide', 'square')

/** A·x + noise·e */
function noisy(A: Matrix, x: Matrix, noise: number, seed: number): Matrix {
  const b = times(A, x)
  const { data } = random.normal([b.shape[0]!], { seed: seed + 1 })
  for (let i = 0; i < data.length; i++) b.data[i]! += noise * data[i]!
  return b
}

/**
 * How far [A b] is, relative to its parts, from a problem that x solves exactly: the estimate of Karlson and
 * Waldén, which is the optimal backward error up to a factor √2, in units of max(m, n)·eps.
 */
function backwardUnits(A: Matrix, b: Matrix, x: Matrix): number {
  const { U, s } = svd(A)
  const r = minus(times(A, x), b)
  if (norm(r) === 0) return 0
  const Utr = times(U, r, true)
  // In units of ‖A‖ and ‖b‖, so that no square overflows.
  const [sizeA, sizeb] = [norm(A) || 1, norm(b) || 1]
  const [rho, xi] = [norm(r) / sizeb, (norm(x) / sizeb) * sizeA]
  const weight = 1 / Math.hypot(1, xi)
  let sum = 0
  s.forEach((sigma, j) => {
    const t = sigma / sizeA
    if (t > 0) sum += ((t * Utr.get(j, 0)) / sizeb / Math.hypot(t, weight * rho)) ** 2
  })
  return (weight * Math.sqrt(sum)) / Math.max(...A.shape) / EPS
}

describe('sketchedLstsq to full accuracy', () => {
  test('solves a problem within rounding of the given one: any shape, rank, scale, layout, both methods', () => {
    fc.assert(
      fc.property(
        cases({ maxSide: 14, minSide: 1 }),
        shapes,
        methods,
        fc.constantFrom(0, 1e-8, 1),
        (given, shape, method, noise) => {
          const c = stretched(given, shape)
          const A = build(c)
          const B = times(A, random.normal([c.n, 2], { seed: c.seed }))
          const size = norm(B) || 1
          const E = random.normal([c.m, 2], { seed: c.seed + 1 })
          for (let e = 0; e < B.data.length; e++) B.data[e]! += noise * size * E.data[e]!
          const { x, residual, rank } = sketchedLstsq(A, B, { method })
          expect(x.shape).toEqual([c.n, 2])
          expect(Math.abs(residual - norm(minus(times(A, x), B)))).toBeLessThanOrEqual(
            YARDSTICK * EPS * Math.max(c.m, c.n) * (norm(A) * norm(x) + norm(B)),
          )
          const { rank: exact, s } = lstsq(A, B)
          if (c.spectrum !== 'graded') expect(rank).toBe(exact)
          // Where A is wide, a part (κ·eps)² of x is lost.
          const kappa = exact > 0 && c.n > c.m ? s[0]! / s[exact - 1]! : 0
          for (const j of [0, 1]) {
            expect(backwardUnits(A, column(B, j), column(x, j))).toBeLessThan(
              YARDSTICK * (1 + (kappa ** 2 * EPS) / Math.max(c.m, c.n)),
            )
          }
        },
      ),
      RUNS,
    )
  })

  test('is the solution of minimum norm: what is not in the range of Aᵀ is rounding', () => {
    fc.assert(
      fc.property(
        cases({ maxSide: 12, minSide: 1, spectra: ['flat', 'polynomial', 'deficient', 'rankOne', 'zero'] }),
        shapes,
        methods,
        (given, shape, method) => {
          const c = stretched(given, shape)
          const A = build(c)
          const b = random.normal([c.m], { seed: c.seed }).data
          const { x } = sketchedLstsq(A, b, { method })
          const { X, rank, s } = lstsq(A, b)
          const kappa = rank > 0 ? s[0]! / s[rank - 1]! : 1
          // The classical bound: κ times the perturbation of x, κ² times that of the residual.
          const size = rank > 0 ? norm([Array.from(X)]) + (kappa * norm([Array.from(b)])) / s[rank - 1]! : 0
          const difference = norm(minus(asColumn(x), asColumn(X)))
          expect(difference).toBeLessThanOrEqual(YARDSTICK * Math.max(c.m, c.n) * EPS * kappa * size)
        },
      ),
      RUNS,
    )
  })

  test.each(FULL)("%s: as near to a solution as Householder's QR, up to condition 10¹¹", (method) => {
    fc.assert(
      fc.property(
        fc.record({
          seed: fc.nat(2 ** 31 - 1),
          n: fc.integer({ min: 2, max: 24 }),
          digits: fc.integer({ min: 0, max: 11 }),
          noise: fc.constantFrom(-12, -8, -4, 0, 4),
        }),
        ({ seed, n, digits, noise }) => {
          const m = 20 * n + 40
          const A = withSpectrum(m, n, spectra.exponential(n, digits / (n - 1)), { seed })
          const b = noisy(A, random.normal([n, 1], { seed }), 10 ** noise, seed)
          const { x, rank } = sketchedLstsq(A, vector(b), { method })
          expect(rank).toBe(n)
          const { Q, R } = qr(A)
          const direct = asColumn(solveTriangular(R, vector(times(Q, b, true)), { upper: true }))
          const unit = Math.max(m, n)
          // One start alone leaves five and more.
          expect(backwardUnits(A, b, asColumn(x)) * unit).toBeLessThan(
            3 * Math.max(1, backwardUnits(A, b, direct) * unit),
          )
        },
      ),
      RUNS,
    )
  })

  test.each(FULL)('%s: the residual is above its minimum by rounding alone', (method) => {
    const [m, n] = [8000, 60]
    const A = random.normal([m, n])
    const b = random.normal([m], { seed: 1 }).data
    const { residual } = sketchedLstsq(A, b, { method })
    const least = lstsq(A, b).residuals[0]!
    // Each residual is a norm of m numbers.
    expect(Math.abs(residual / least - 1)).toBeLessThan(YARDSTICK * Math.sqrt(m) * EPS)
  })

  test('takes as many iterations, whatever the condition number, and fewer where the sketch has more rows', () => {
    const [m, n] = [3000, 20]
    const iterations = (digits: number, size: number): number => {
      const A = withSpectrum(m, n, spectra.exponential(n, digits / (n - 1)), { seed: 5 })
      return sketchedLstsq(A, vector(noisy(A, random.normal([n, 1]), 1, 6)), { size }).iterations
    }
    const [few, many] = [iterations(0, 4 * n), iterations(0, 60 * n)]
    expect(many).toBeLessThan(few / 1.5)
    // A second start goes from a part κ·eps of the way to its end.
    for (const digits of [2, 4, 6, 8, 10]) expect(iterations(digits, 4 * n)).toBeLessThan(1.2 * few)
    // The error falls by √(n/s) or so each time: √(1/4)^i = eps.
    expect(few).toBeLessThan(1.25 * (52 / Math.log2(Math.sqrt(4))))
  })

  test("converges with poor sketches too: the momentum's interval grows with what it meets", () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31 - 1), fc.constantFrom('rows', 'dense'), methods, (seed, kind, method) => {
        const [m, n] = [600, 12]
        // Unit vectors, which a CountSketch sends together now and then, with a little of all rows.
        const A = orthonormal(m, n, { seed })
        if (kind === 'rows') for (let j = 0; j < n; j++) A.data[j * n + j]! += 4
        const b = random.normal([m], { seed }).data
        const sketch = countSketch([3 * n, m], { seed })
        const { x, rank } = sketchedLstsq(A, b, { method, sketch, maxIterations: 1000 })
        expect(rank).toBe(n)
        expect(backwardUnits(A, asColumn(b), asColumn(x))).toBeLessThan(YARDSTICK)
      }),
      RUNS,
    )
  })

  test('a sketch that has lost a direction of A is found out, or does not matter', () => {
    const [m, n] = [400, 6]
    const A = zeros([m, n])
    for (let j = 0; j < n; j++) A.set(j, j, 1)
    const b = random.normal([m], { seed: 1 }).data
    let lost = 0
    for (let seed = 0; seed < 40; seed++) {
      const sketch = countSketch([12, m], { seed })
      try {
        const { rank, x } = sketchedLstsq(A, b, { sketch })
        expect(rank).toBe(n)
        expect(norm(minus(asColumn(x), asColumn(b.subarray(0, n))))).toBeLessThan(
          YARDSTICK * EPS * norm([Array.from(b)]),
        )
      } catch (error) {
        expect(error).toBeInstanceOf(ConvergenceError)
        expect((error as ConvergenceError).argument).toBe('options.seed')
        lost++
      }
    }
    // Six balls in twelve bins fall apart with probability 0.22.
    expect(lost).toBeGreaterThan(15)
    expect(lost).toBeLessThan(40)
  })

  test('any sketch will do', () => {
    const [m, n] = [500, 10]
    const A = build({ seed: 1, m, n, spectrum: 'polynomial', scale: 0, layout: 'rows' })
    const b = random.normal([m], { seed: 2 }).data
    const { X } = lstsq(A, b)
    for (const make of [gaussian, rademacher, srht, srtt, sparseSign]) {
      const { x } = sketchedLstsq(A, b, { sketch: make([60, m], { seed: 3 }) })
      expect(norm(minus(asColumn(x), asColumn(X)))).toBeLessThan(
        YARDSTICK * m * EPS * n * n * norm([Array.from(b)]),
      )
    }
  })
})

describe('every door', () => {
  const shape = fc.constantFrom([300, 7], [7, 300], [20, 9]) as fc.Arbitrary<[number, number]>

  test('answers alike', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(2 ** 31 - 1),
        shape,
        fc.constantFrom('solve', ...FULL),
        fc.constantFrom('polynomial', 'deficient'),
        async (seed, [m, n], method, spectrum) => {
          const A = build({ seed, m, n, spectrum, scale: 0, layout: 'rows' })
          const B = random.normal([m, 2], { seed: seed + 1 })
          const direct = sketchedLstsq(A, B, { method })
          const s = svd(A).s
          const kappa = s[0]! / s[direct.rank - 1]!
          for (const [name, door] of Object.entries(doors(A))) {
            const got = await sketchedLstsq(door, B, { method })
            expect(got.rank).toBe(direct.rank)
            const unit = YARDSTICK * Math.max(m, n) * (name === 'single' ? 2 ** -23 : EPS)
            const size = (kappa / s[0]!) * norm(B)
            expect(norm(minus(got.x, direct.x))).toBeLessThanOrEqual(unit * kappa * size)
            expect(Math.abs(got.residual - direct.residual)).toBeLessThanOrEqual(unit * kappa * norm(B))
          }
          expect(await sketchedLstsq.async(A, B, { method })).toEqual(direct)
        },
      ),
      { ...RUNS, numRuns: 20 },
    )
  })

  test('columns of B do not know of each other, and a vector is answered with a vector', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31 - 1), shape, fc.constantFrom('solve', ...FULL), (seed, [m, n], method) => {
        const A = build({ seed, m, n, spectrum: 'polynomial', scale: 0, layout: 'rows' })
        const B = random.normal([m, 3], { seed })
        for (let i = 0; i < m; i++) B.set(i, 1, B.get(i, 1) * 1e-120)
        const { x } = sketchedLstsq(A, B, { method })
        for (let j = 0; j < 3; j++) {
          const b = vector(B, j)
          const alone = sketchedLstsq(A, b, { method })
          expect(alone.x).toBeInstanceOf(Float64Array)
          const difference = norm(minus(asColumn(alone.x), column(x, j)))
          expect(difference).toBeLessThanOrEqual(
            YARDSTICK * Math.max(m, n) * EPS * n ** 2 * norm(asColumn(b)),
          )
        }
      }),
      { ...RUNS, numRuns: 20 },
    )
  })

  test('views of any strides give the same bits', () => {
    for (const [m, n] of [
      [300, 7],
      [7, 300],
    ] as const) {
      const given = (layout: Case['layout']): Matrix =>
        build({ seed: 4, m, n, spectrum: 'polynomial', scale: 0, layout })
      const b = random.normal([m], { seed: 2 }).data
      const { x } = sketchedLstsq(given('rows'), b)
      for (const layout of ['sliced', 'strided'] as const) {
        expect(sketchedLstsq(given(layout), b).x).toEqual(x)
      }
    }
  })
})

describe('sketch and solve', () => {
  const [m, n] = [1000, 10]
  const A = orthonormal(m, n, { seed: 1 })
  const b = asColumn(random.normal([m], { seed: 2 }).data)
  const least = lstsq(A, vector(b)).residuals[0]!

  test('with a Gaussian sketch of s rows, E‖Ax − b‖² is 1 + n/(s − n − 1) times the minimum, within four sigma', () => {
    const s = 60
    const excess = Float64Array.from({ length: 200 }, (_, seed) => {
      const { residual } = sketchedLstsq(A, vector(b), {
        method: 'solve',
        sketch: gaussian([s, m], { seed }),
      })
      return (residual / least) ** 2 - 1
    })
    const mean = excess.reduce((sum, x) => sum + x, 0) / excess.length
    const sigma = Math.sqrt(excess.reduce((sum, x) => sum + (x - mean) ** 2, 0)) / excess.length
    expect(Math.abs(mean - n / (s - n - 1))).toBeLessThan(4 * sigma)
  })

  test('the default sketch is no worse', () => {
    const size = 60
    const excess = Array.from({ length: 100 }, (_, seed) => {
      const { residual, iterations } = sketchedLstsq(A, vector(b), { method: 'solve', size, seed })
      expect(iterations).toBe(0)
      return (residual / least) ** 2 - 1
    })
    const mean = excess.reduce((sum, x) => sum + x, 0) / excess.length
    expect(mean).toBeLessThan((1.5 * n) / (size - n - 1))
    expect(mean).toBeGreaterThan(n / (size - n - 1) / 1.5)
  })

  test('a consistent system is solved exactly', () => {
    fc.assert(
      fc.property(cases({ maxSide: 12, minSide: 1, spectra: ['flat', 'polynomial'] }), (given) => {
        const c = stretched(given, 'long')
        const A = build(c)
        const truth = random.normal([c.n, 1], { seed: c.seed })
        const { x } = sketchedLstsq(A, vector(times(A, truth)), { method: 'solve' })
        // The sketch may be worse conditioned than A by its distortion.
        const kappa = 10 * c.n
        expect(norm(minus(asColumn(x), truth))).toBeLessThan(YARDSTICK * EPS * c.m * kappa * norm(truth))
      }),
      RUNS,
    )
  })

  test("'linf' takes an SRHT of 20n + 32 rows, or of as many as are asked for", () => {
    const solve = (options: SketchedLstsqOptions): unknown =>
      sketchedLstsq(A, vector(b), { method: 'solve', ...options })
    for (const [size, rows] of [
      [undefined, 20 * n + 32],
      [100, 100],
    ] as const) {
      const sketch = srht([rows, m], { seed: 7 })
      expect(solve({ guarantee: 'linf', size, seed: 7 })).toEqual(solve({ sketch }))
    }
  })

  test("'linf': every coordinate is within its share of the error, for all kinds of columns", () => {
    // Σ over coordinates of P(|N(0, ‖r‖²/s)| > 4.5‖r‖/√s) is 7·10⁻⁵; the inverse of the sketched Gram matrix adds.
    const s = 20 * n + 32
    const bound = 4.5 / Math.sqrt(s) / (1 - Math.sqrt(n / s)) ** 2
    for (const basis of [gallery.coherent(m, n), A]) {
      const Q = svd(basis).U
      for (let seed = 0; seed < 40; seed++) {
        const spike = zeros([m, 1])
        spike.data[n + seed] = 1
        const exact = times(Q, spike, true)
        const { x } = sketchedLstsq(Q, spike, { method: 'solve', guarantee: 'linf', seed })
        expect(Math.max(...minus(x, exact).data.map(Math.abs))).toBeLessThan(bound)
      }
    }
  })

  test('A wide: near the solution of minimum norm, and in the range of Aᵀ', () => {
    const wide = A.transpose(1, 0)
    const c = random.normal([n, 1], { seed: 3 })
    const exact = times(A, c)
    const s = 32 + m / 5
    for (let seed = 0; seed < 20; seed++) {
      const { x } = sketchedLstsq(wide, c, { method: 'solve', seed })
      const e = 1.5 * Math.sqrt(n / s)
      expect(norm(minus(x, exact))).toBeLessThan(((1 - e) ** -2 - 1) * norm(exact))
      expect(norm(minus(times(A, times(A, x, true)), x))).toBeLessThan(YARDSTICK * m * EPS * norm(x))
    }
  })
})
