import { describe, expect, it } from 'vitest'
import { eig, eye, matrix, norm, random, zeros } from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { gallery, orthonormal } from '../../src/testing/index.js'
import { EPS } from '../../proptests/support/measures.js'

// Perturb-then-diagonalize, and what it is for: state-space models whose state matrix, HiPPO-LegS, has
// eigenvectors that no floating-point number can hold (Yu et al. 2024).

type Complex = readonly [number, number]
const add = ([a, b]: Complex, [c, d]: Complex): Complex => [a + c, b + d]
const multiply = ([a, b]: Complex, [c, d]: Complex): Complex => [a * c - b * d, a * d + b * c]
const divide = (x: Complex, [c, d]: Complex): Complex =>
  multiply(x, [c / (c * c + d * d), -d / (c * c + d * d)])
const size = ([a, b]: Complex): number => Math.hypot(a, b)

/** Solves M·x = b by elimination with partial pivoting. */
function solve(M: Complex[][], b: Complex[]): Complex[] {
  const n = b.length
  const A = M.map((row, i) => [...row, b[i]!])
  for (let k = 0; k < n; k++) {
    let p = k
    for (let i = k + 1; i < n; i++) if (size(A[i]![k]!) > size(A[p]![k]!)) p = i
    ;[A[k], A[p]] = [A[p]!, A[k]!]
    for (let i = k + 1; i < n; i++) {
      const l = divide(A[i]![k]!, A[k]![k]!)
      for (let j = k; j <= n; j++) A[i]![j] = add(A[i]![j]!, multiply([-l[0], -l[1]], A[k]![j]!))
    }
  }
  const x: Complex[] = new Array<Complex>(n).fill([0, 0])
  for (let i = n - 1; i >= 0; i--) {
    let sum = A[i]![n]!
    for (let j = i + 1; j < n; j++) sum = add(sum, multiply([-A[i]![j]![0], -A[i]![j]![1]], x[j]!))
    x[i] = divide(sum, A[i]![i]!)
  }
  return x
}

const dot = (c: ArrayLike<number>, x: readonly Complex[]): Complex =>
  x.reduce<Complex>((sum, [a, b], i) => add(sum, [c[i]! * a, c[i]! * b]), [0, 0])

/** ω = 10^-2 … 10^3, where the transfer functions are compared. */
const FREQUENCIES = Array.from({ length: 41 }, (_, t) => 10 ** (-2 + t / 8))

/** c·(iω − A)⁻¹·b */
const transfer = (A: Matrix, b: readonly number[], c: ArrayLike<number>): Complex[] =>
  FREQUENCIES.map((omega) => {
    const shifted = b.map((_, i) => b.map((_, j): Complex => [-A.get(i, j), i === j ? omega : 0]))
    return dot(
      c,
      solve(
        shifted,
        b.map((x): Complex => [x, 0]),
      ),
    )
  })

/** sup |f − g| / sup |f| */
const distance = (f: readonly Complex[], g: readonly Complex[]): number =>
  Math.max(...f.map((x, t) => size(add(x, [-g[t]![0], -g[t]![1]])))) / Math.max(...f.map(size))

describe('perturb-then-diagonalize of HiPPO-LegS', () => {
  for (const n of [16, 32, 64]) {
    const A = gallery.hippoLegs(n)
    const b = Array.from({ length: n }, (_, i) => Math.sqrt(2 * i + 1))
    const c = random.normal([n], { seed: n }).data

    it(`n = ${n}: κ(V) falls from beyond 10¹⁰ to a constant over the perturbation`, () => {
      expect(eig(A, { perturb: 0 }).condition).toBeGreaterThan(n === 16 ? 1e10 : 1e15)
      // Reference values of the handbook for complex perturbations, with its factor of three.
      const reference = { 16: [13, 89, 6.4e3], 32: [24, 110, 1.2e4], 64: [51, 150, 1.5e4] }[n]!
      ;[0.1, 0.01, 1e-4].forEach((e, t) => {
        const { condition, backwardError } = eig(A, { perturb: e })
        expect(condition).toBeLessThan(3 * reference[t]!)
        expect(condition).toBeGreaterThan(reference[t]! / 3)
        expect(Math.abs(backwardError / e - 1)).toBeLessThan(1e-6)
      })
    })

    it(`n = ${n}: the transfer function survives it, and that of the normal part is far off`, () => {
      const truth = transfer(A, b, c)
      const normal = zeros([n, n])
      for (let i = 0; i < n; i++)
        for (let j = 0; j < n; j++) normal.set(i, j, A.get(i, j) + Math.sqrt((i + 0.5) * (j + 0.5)))
      const normalPart = distance(
        truth,
        transfer(
          normal,
          b.map((x) => x / 2),
          c,
        ),
      )

      const { re, im, vectorsRe, vectorsIm } = eig(A, { perturb: 1e-4 })
      const V = b.map((_, i) => b.map((_, j): Complex => [vectorsRe.get(i, j), vectorsIm.get(i, j)]))
      const input = solve(
        V,
        b.map((x): Complex => [x, 0]),
      )
      const diagonal = FREQUENCIES.map((omega) => {
        const state = input.map((x, j) => divide(x, [-re[j]!, omega - im[j]!]))
        return dot(
          c,
          V.map((row) => row.reduce<Complex>((sum, v, j) => add(sum, multiply(v, state[j]!)), [0, 0])),
        )
      })
      const perturbed = distance(truth, diagonal)
      expect(perturbed).toBeLessThan(0.1)
      expect(normalPart).toBeGreaterThan(0.3)
      expect(perturbed).toBeLessThan(normalPart / 10)
      expect(Math.max(...re)).toBeLessThan(0)
    })
  }
})

describe('eig with perturb', () => {
  it('0 tells the conditioning of A itself: 1 where A is normal', () => {
    const Q = orthonormal(12, 12)
    const { condition, backwardError } = eig(Q, { perturb: 0 })
    expect(condition).toBeLessThan(1 + 12 * 30 * EPS)
    expect(backwardError).toBeLessThan(12 * 30 * EPS)
    expect(eig(eye(3), { perturb: 0 })).toMatchObject({ condition: 1, backwardError: 0 })
  })

  it('says so where V is singular', () => {
    // To the least number where it is not exactly so: Λ = λ·I then, and V·Λ·V⁻¹ misses what is above the
    // diagonal.
    for (const lambda of [0, 3, -1e-3]) {
      for (const n of [2, 3, 7]) {
        const { condition, backwardError } = eig(gallery.jordan(n, lambda), { perturb: 0 })
        // Equal eigenvalues count as eps·|λ| apart: the second vector leaves the first by that much.
        expect(condition).toBeGreaterThan(1 / (4 * EPS * Math.max(1, Math.abs(lambda))))
        expect(backwardError).toBeGreaterThan(0.1)
      }
    }
    const perturbed = eig(gallery.jordan(2), { perturb: 1e-8 })
    expect(perturbed.condition).toBeLessThan(1e6)
    expect(perturbed.backwardError).toBeCloseTo(1e-8, 12)
  })

  it('of a 2 × 2 matrix with a known V', () => {
    // Eigenvectors (1, 0) and (1, 1)/√2: κ = √((1 + 1/√2) / (1 − 1/√2)) = 1 + √2.
    const { condition } = eig(
      [
        [1, 1],
        [0, 2],
      ],
      { perturb: 0 },
    )
    expect(condition).toBeCloseTo(1 + Math.SQRT2, 13)
    // (3 ± 4i), vectors (1, ∓i/2)·2/√5: the real V has columns of norms 2/√5 and 1/√5, times √2.
    const pair = eig(
      [
        [3, 8],
        [-2, 3],
      ],
      { perturb: 0 },
    )
    expect(pair.im[0]).toBeCloseTo(4, 14)
    expect(pair.condition).toBeCloseTo(2, 13)
    expect(pair.backwardError).toBeLessThan(30 * 2 * EPS)
  })

  it('depends on the seed alone, takes the best of its tries, and any scale', async () => {
    const A = gallery.grcar(12)
    const one = eig(A, { perturb: 1e-3, tries: 1 })
    const many = eig(A, { perturb: 1e-3, tries: 6 })
    expect(many.condition).toBeLessThanOrEqual(one.condition)
    expect(eig(A, { perturb: 1e-3, tries: 6 })).toEqual(many)
    expect(await eig.async(A, { perturb: 1e-3, tries: 6 })).toEqual(many)
    expect(eig(A, { perturb: 1e-3, tries: 1, seed: 1 }).re).not.toEqual(one.re)
    for (const scale of [2 ** 500, 2 ** -500]) {
      const scaled = eig(
        matrix(
          A.data.map((x) => x * scale),
          [12, 12],
        ),
        { perturb: 1e-3, tries: 1 },
      )
      expect(scaled.condition).toBe(one.condition)
      expect(scaled.re).toEqual(one.re.map((x) => x * scale))
    }
  })

  it('empty, zero, 1 × 1', () => {
    expect(eig(zeros([0, 0]), { perturb: 0.1 })).toMatchObject({ condition: 1, backwardError: 0 })
    expect(eig(zeros([3, 3]), { perturb: 0.1 })).toMatchObject({ condition: 1, backwardError: 0 })
    const { re, condition } = eig([[2]], { perturb: 0.5 })
    expect(condition).toBe(1)
    expect(Math.abs(re[0]! - 2)).toBeCloseTo(1, 14)
    expect(norm(eig([[2]], { perturb: 0.5 }).vectorsIm)).toBe(0)
  })
})
