import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { eig, norm, random, transpose, zeros } from '../../src/linalg/index.js'
import type { Eigen, Matrix } from '../../src/linalg/index.js'
import { orthonormal, withSpectrum } from '../../src/testing/index.js'
import { LAYOUTS, RUNS, build, cases, relaid } from '../support/cases.js'
import { eigenUnits, unitarityUnits } from '../support/eigen.js'
import { EPS, YARDSTICK, assembled, times } from '../support/measures.js'

/** Order, exact conjugates, unit norms and phases. */
function expectForm({ re, im, vectorsRe, vectorsIm }: Eigen): void {
  const n = re.length
  for (let j = 0; j < n; j++) {
    if (j + 1 < n) expect(re[j]).toBeLessThanOrEqual(re[j + 1]!)
    if (im[j]! > 0) {
      expect(re[j + 1]).toBe(re[j])
      expect(im[j + 1]).toBe(-im[j]!)
    }
    if (im[j]! < 0) expect(im[j - 1]).toBe(-im[j]!)
    let [sum, largest] = [0, -1]
    for (let i = 0; i < n; i++) {
      const [x, y] = [vectorsRe.get(i, j), vectorsIm.get(i, j)]
      if (im[j] === 0) expect(y).toBe(0)
      if (im[j]! > 0) {
        expect(vectorsRe.get(i, j + 1)).toBe(x)
        expect(vectorsIm.get(i, j + 1) + y).toBe(0)
      }
      sum += x * x + y * y
      largest = Math.max(largest, Math.hypot(x, y))
    }
    expect(Math.abs(sum - 1)).toBeLessThan(8 * n * EPS)
    const at = Array.from({ length: n }, (_, i) => i).filter(
      (i) => Math.hypot(vectorsRe.get(i, j), vectorsIm.get(i, j)) >= largest * (1 - 8 * EPS),
    )
    expect(at.some((i) => vectorsRe.get(i, j) > 0 && vectorsIm.get(i, j) === 0)).toBe(true)
  }
}

/** A square case: the side is that of its rows. */
const squares = (maxSide = 50): fc.Arbitrary<Matrix> =>
  cases({ maxSide, minSide: 1 }).map((c) => build({ ...c, n: c.m }))

/** A perturbation of YARDSTICK units, which the eigenvalues of A are known to answer for. */
const room = (A: Matrix): number => YARDSTICK * A.shape[0]! * EPS * norm(A)

describe('eig', () => {
  test('AV = VΛ, in the documented order and form', () => {
    fc.assert(
      fc.property(squares(), (A) => {
        const E = eig(A)
        expect(eigenUnits(A, E)).toBeLessThan(YARDSTICK)
        expectForm(E)
      }),
      RUNS,
    )
  })

  test('without vectors: the same sums of powers; the sum is the trace', () => {
    fc.assert(
      fc.property(squares(), (A) => {
        const n = A.shape[0]!
        let trace = 0
        for (let i = 0; i < n; i++) trace += A.get(i, i)
        const slack = Math.sqrt(n) * room(A)
        const [full, none] = [eig(A), eig(A, { vectors: 'none' })]
        expect(none.vectorsRe.shape).toEqual([n, 0])
        for (const { re, im } of [full, none]) {
          expect(Math.abs(re.reduce((a, b) => a + b) - trace)).toBeLessThanOrEqual(slack)
          expect(im.reduce((a, b) => a + b)).toBe(0)
        }
        // Σ λ² = tr A², in units of ‖A‖².
        const size = norm(A)
        if (size === 0) return
        const squares = ({ re, im }: Eigen): number =>
          re.reduce((sum, x, j) => sum + (x / size) ** 2 - (im[j]! / size) ** 2, 0)
        let expected = 0
        for (let i = 0; i < n; i++)
          for (let j = 0; j < n; j++) expected += (A.get(i, j) / size) * (A.get(j, i) / size)
        for (const E of [full, none])
          expect(Math.abs(squares(E) - expected)).toBeLessThanOrEqual(2 * YARDSTICK * n * EPS)
      }),
      RUNS,
    )
  })

  test('the product is the determinant', () => {
    fc.assert(
      fc.property(fc.nat(10 ** 6), fc.integer({ min: 1, max: 30 }), (seed, n) => {
        const s = Float64Array.from({ length: n }, (_, j) => 1 + j / n)
        const { re, im } = eig(withSpectrum(n, n, s, { seed }))
        const log = re.reduce((sum, x, j) => sum + Math.log(Math.hypot(x, im[j]!)), 0)
        const expected = s.reduce((sum, x) => sum + Math.log(x), 0)
        // |log det(A + E) − log det A| ≤ √n·‖E‖·‖A⁻¹‖
        expect(Math.abs(log - expected)).toBeLessThanOrEqual(
          Math.sqrt(n) * YARDSTICK * n * EPS * 2 * Math.sqrt(n),
        )
      }),
      RUNS,
    )
  })

  test('finds the eigenvalues that the matrix was made with (Bauer–Fike)', () => {
    fc.assert(
      fc.property(
        fc.nat(10 ** 6),
        fc.integer({ min: 1, max: 30 }),
        fc.constantFrom(1, 10, 1e4),
        fc.constantFrom(...LAYOUTS),
        (seed, n, kappa, layout) => {
          // S·Λ·S⁻¹, S = U·diag(d)·Vᵀ
          const [U, V] = [orthonormal(n, n, { seed }), orthonormal(n, n, { seed: seed + 1 })]
          const d = Float64Array.from({ length: n }, (_, j) => kappa ** (-j / Math.max(1, n - 1)))
          const lambda = Float64Array.from({ length: n }, (_, j) => j - n / 3)
          const S = assembled(U, d, transpose(V))
          const inverse = assembled(
            V,
            d.map((x) => 1 / x),
            transpose(U),
          )
          const A = relaid(
            times(assembled(S, lambda, inverse), assembled(U, new Float64Array(n).fill(1), transpose(U))),
            layout,
          )
          const { re, im } = eig(A)
          const slack = kappa * YARDSTICK * n * EPS * Math.max(norm(A), kappa * n)
          re.forEach((x, j) => {
            const distance = Math.min(...lambda.map((y) => Math.hypot(x - y, im[j]!)))
            expect(distance).toBeLessThanOrEqual(slack)
          })
        },
      ),
      RUNS,
    )
  })

  test('a power of two scales the eigenvalues exactly and leaves the vectors', () => {
    fc.assert(
      fc.property(
        fc.nat(10 ** 6),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: -500, max: 500 }),
        (seed, n, e) => {
          const A = random.normal([n, n], { seed })
          const [one, other] = [eig(A), eig({ ...A, data: A.data.map((x) => x * 2 ** e) } as Matrix)]
          expect(other.re).toEqual(one.re.map((x) => x * 2 ** e))
          expect(other.im).toEqual(one.im.map((x) => x * 2 ** e))
          expect(other.vectorsRe.data).toEqual(one.vectorsRe.data)
          expect(other.vectorsIm.data).toEqual(one.vectorsIm.data)
        },
      ),
      RUNS,
    )
  })

  test('normal matrices have orthonormal vectors, multiple eigenvalues included', () => {
    const kinds = ['symmetric', 'skew', 'orthogonal', 'scaled orthogonal'] as const
    fc.assert(
      fc.property(
        fc.nat(10 ** 6),
        fc.integer({ min: 1, max: 40 }),
        fc.constantFrom(...kinds),
        fc.integer({ min: 1, max: 5 }),
        (seed, n, kind, distinct) => {
          const Q = orthonormal(n, n, { seed })
          const P = orthonormal(n, n, { seed: seed + 1 })
          // Each of the values 1 … distinct many times over, as eigenvalues or as moduli of pairs.
          const values = Float64Array.from({ length: n }, (_, j) => 1 + (j % distinct))
          const pairs = Float64Array.from({ length: n }, (_, j) => 1 + (Math.floor(j / 2) % distinct))
          const J = zeros([n, n])
          for (let j = 0; j + 1 < n; j += 2) {
            J.data[j * n + j + 1] = pairs[j]!
            J.data[(j + 1) * n + j] = -pairs[j]!
          }
          const A = {
            symmetric: () => assembled(Q, values, transpose(Q)),
            skew: () => times(times(Q, J), transpose(Q)),
            orthogonal: () => Q,
            'scaled orthogonal': () => assembled(Q, new Float64Array(n).fill(1e150), transpose(P)),
          }[kind]()
          const E = eig(A)
          expect(eigenUnits(A, E)).toBeLessThan(YARDSTICK)
          expect(unitarityUnits(E)).toBeLessThan(YARDSTICK)
          expectForm(E)
        },
      ),
      RUNS,
    )
  })
})

describe('eig with perturb', () => {
  test('VΛV⁻¹ is within the perturbation of A, and better conditioned the larger it is', () => {
    fc.assert(
      fc.property(
        squares(20).filter((A) => norm(A) > 0),
        fc.nat(100),
        (A, seed) => {
          const small = eig(A, { perturb: 1e-6, seed, tries: 2 })
          const large = eig(A, { perturb: 1e-2, seed, tries: 2 })
          for (const [e, E] of [
            [1e-6, small],
            [1e-2, large],
          ] as const) {
            const n = A.shape[0]!
            expect(E.backwardError).toBeLessThanOrEqual(e * (1 + 1e-9) + YARDSTICK * n * EPS * E.condition)
            expect(E.condition).toBeGreaterThanOrEqual(1 - n * EPS)
            // κ ≈ n/e is what one draw has; the constant is generous.
            expect(E.condition).toBeLessThan((100 * n) / e)
            expectForm(E)
          }
        },
      ),
      { ...RUNS, numRuns: 20 },
    )
  })
})
