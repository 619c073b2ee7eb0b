import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ConvergenceError, diag, eye, lstsq, matmul, norm, pinv, random } from '../../src/linalg/index.js'
import type { Matrix, Operand, Solution } from '../../src/linalg/index.js'
import { sketchAndProject } from '../../src/sketch/index.js'
import type { SketchAndProjectOptions } from '../../src/sketch/index.js'
import { orthonormal, withSpectrum } from '../../src/testing/index.js'
import { RUNS, relaid } from '../support/cases.js'
import { doors } from '../support/doors.js'
import { EPS, minus, times } from '../support/measures.js'

const SKETCHES = ['coordinate', 'gaussian'] as const

/** The iterate after t steps. */
function iterate(A: Operand, b: Matrix, t: number, options: SketchAndProjectOptions): Matrix {
  try {
    return (sketchAndProject(A, b, { ...options, rtol: 0, maxIterations: t }) as Solution<Matrix>).x
  } catch (error) {
    if (!(error instanceof ConvergenceError)) throw error
    return (error as ConvergenceError<Solution<Matrix>>).best!.x
  }
}

const systems = fc.record({
  seed: fc.nat(2 ** 20),
  m: fc.integer({ min: 1, max: 14 }),
  n: fc.integer({ min: 1, max: 14 }),
  deficient: fc.boolean(),
  blockSize: fc.integer({ min: 1, max: 6 }),
  sketch: fc.constantFrom(...SKETCHES),
  scale: fc.constantFrom(0, 150, -150),
})

type System = typeof systems extends fc.Arbitrary<infer T> ? T : never

/** A of condition at most 10, and A·X for a random X. */
function build({ seed, m, n, deficient, scale }: System): { A: Matrix; B: Matrix } {
  const p = Math.min(m, n)
  const rank = deficient ? Math.ceil(p / 2) : p
  const s = Float64Array.from({ length: p }, (_, j) => (j < rank ? 10 ** (scale - j / p) : 0))
  const A = withSpectrum(m, n, s, { seed })
  return { A, B: times(A, random.normal([n, 2], { seed: seed + 1 })) }
}

describe('sketchAndProject', () => {
  test('finds the solution of minimum norm of consistent systems of any shape, rank and scale', () => {
    fc.assert(
      fc.property(systems, (system) => {
        const { A, B } = build(system)
        const { sketch, blockSize, seed } = system
        const { x, residual } = sketchAndProject(relaid(A, 'strided'), B, {
          sketch,
          blockSize,
          seed,
          rtol: 1e-10,
        })
        expect(residual).toBeLessThanOrEqual(1e-10)
        const least = lstsq(A, B).X
        // ‖x − x*‖ <= ‖A⁺‖·‖A·x − b‖, with a condition of at most 10.
        expect(norm(minus(x, least))).toBeLessThanOrEqual(2e-9 * norm(least))
      }),
      RUNS,
    )
  })

  test('the error never grows, and lies in the range of Aᵀ', () => {
    fc.assert(
      fc.property(systems, (system) => {
        const { A, B } = build({ ...system, scale: 0 })
        const { sketch, blockSize, seed } = system
        const least = lstsq(A, B).X
        const slack = 30 * Math.max(system.m, system.n) * EPS * 10 * norm(least)
        let before = norm(least)
        for (let t = 1; t <= 8; t++) {
          const error = minus(iterate(A, B, t, { sketch, blockSize, seed }), least)
          expect(norm(error)).toBeLessThanOrEqual(before + slack)
          before = norm(error)
          const outside = minus(error, times(matmul(pinv(A), A), error))
          expect(norm(outside)).toBeLessThanOrEqual(slack)
        }
      }),
      { ...RUNS, numRuns: 30 },
    )
  })

  test('one step solves the sketched rows: with as many as A has, everything', () => {
    for (const sketch of SKETCHES) {
      const { A, B } = build({ seed: 5, m: 7, n: 9, deficient: false, blockSize: 7, sketch, scale: 0 })
      const { x, iterations } = sketchAndProject(A, B, { sketch, blockSize: 7, rtol: 1e-12 })
      expect(iterations).toBe(1)
      expect(norm(minus(times(A, x), B))).toBeLessThanOrEqual(30 * 9 * EPS * 10 * norm(B))
    }
  })

  test('iterates follow an orthogonal change of x, and do not see the scale of rows', () => {
    fc.assert(
      fc.property(systems, fc.nat(20), (system, t) => {
        const { A, B } = build({ ...system, scale: 0 })
        const { m, n, sketch, seed } = system
        // A block of one row has condition 1: rounding gathers, but is not magnified.
        const options = { sketch, blockSize: 1, seed }
        const X = iterate(A, B, t, options)
        // 10 is the condition of A, by which StB is larger than what it is the image of.
        const tolerance = 30 * (t + 1) * Math.max(m, n) * EPS * 10 * norm(lstsq(A, B).X)
        const Q = orthonormal(n, n, { seed: seed + 2 })
        const turned = iterate(times(A, Q), B, t, options)
        expect(norm(minus(times(Q, turned), X))).toBeLessThanOrEqual(tolerance)
        if (sketch === 'gaussian') return
        const D = diag(Float64Array.from({ length: m }, (_, i) => (-10) ** (((i * 7) % 5) * 4)))
        expect(norm(minus(iterate(times(D, A), times(D, B), t, options), X))).toBeLessThanOrEqual(
          1e4 * tolerance,
        )
      }),
      RUNS,
    )
  })

  test('the mean error after t steps is (I − E[P])ᵗ of that at the start', () => {
    // All blocks of 2 of 4 rows: E[P] is their mean.
    const A = random.normal([4, 3], { seed: 1 })
    const least = random.normal([3, 1], { seed: 2 })
    const B = times(A, least)
    const mean = eye(3)
    for (let i = 0; i < 4; i++) {
      for (let j = 0; j < i; j++) {
        const rows = [i, j].map((r) => [0, 1, 2].map((c) => A.get(r, c)))
        const P = matmul(pinv(rows), rows)
        P.data.forEach((value, e) => (mean.data[e]! -= value / 6))
      }
    }
    const count = 2000
    const t = 3
    const expected = times(mean, times(mean, times(mean, least)))
    const sum = new Float64Array(3)
    const squares = new Float64Array(3)
    for (let seed = 0; seed < count; seed++) {
      const error = minus(least, iterate(A, B, t, { blockSize: 2, seed }))
      for (let j = 0; j < 3; j++) {
        sum[j]! += error.data[j]!
        squares[j]! += error.data[j]! ** 2
      }
    }
    for (let j = 0; j < 3; j++) {
      const average = sum[j]! / count
      const sigma = Math.sqrt((squares[j]! / count - average ** 2) / count)
      expect(Math.abs(average - expected.data[j]!)).toBeLessThanOrEqual(4 * sigma)
    }
  })

  test('with one Gaussian direction of a well-conditioned A the error falls at the linear rate', () => {
    // Orthonormal columns: P projects on a uniformly random direction of R⁵, and E‖e‖² falls by 1 − 1/5.
    const A = orthonormal(12, 5, { seed: 1 })
    const least = random.normal([5, 1], { seed: 2 })
    const B = times(A, least)
    const t = 10
    const errors = Array.from(
      { length: 400 },
      (_, seed) =>
        norm(minus(least, iterate(A, B, t, { sketch: 'gaussian', blockSize: 1, seed }))) ** 2 /
        norm(least) ** 2,
    )
    const mean = errors.reduce((s, x) => s + x, 0) / errors.length
    const sigma = Math.sqrt(errors.reduce((s, x) => s + (x - mean) ** 2, 0) / errors.length ** 2)
    expect(Math.abs(mean - 0.8 ** t)).toBeLessThanOrEqual(4 * sigma)
  })

  test('every door gives the same', async () => {
    const { A, B } = build({
      seed: 3,
      m: 9,
      n: 6,
      deficient: false,
      blockSize: 2,
      sketch: 'gaussian',
      scale: 0,
    })
    for (const sketch of SKETCHES) {
      const options = { sketch, blockSize: 2, rtol: 1e-5, seed: 4 }
      const want = sketchAndProject(A, B, options)
      expect(await sketchAndProject.async(A, B, options)).toEqual(want)
      for (const [name, door] of Object.entries(doors(A))) {
        const { x } = await sketchAndProject(door, B, options)
        const tolerance = name === 'single' ? 1e-3 : 1e-9
        expect(norm(minus(x, want.x)), name).toBeLessThanOrEqual(tolerance * norm(want.x))
      }
    }
  })
})
