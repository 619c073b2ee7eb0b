import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  cur,
  interpolative,
  nystrom,
  nystromRectangular,
  pca,
  reigh,
  rldu,
  rsvd,
  tucker,
} from '../../src/factorize/index.js'
import {
  adjoint,
  asOperator,
  asTensorOperand,
  centered,
  composed,
  eye,
  norm,
  operator,
  scaled,
  stacked,
  sum,
  svdvals,
  zeros,
} from '../../src/linalg/index.js'
import type { AnyOperator, Matrix } from '../../src/linalg/index.js'
import { withSpectrum } from '../../src/testing/index.js'
import { RUNS, SPECTRA, build, cases, spectrumOf, symmetric } from '../support/cases.js'
import type { Case } from '../support/cases.js'
import { EPS, YARDSTICK, minus, orthogonalityUnits } from '../support/measures.js'
import { SINGLE, single, singleError } from '../support/single.js'

const rounding = (c: Pick<Case, 'm' | 'n'>, size: number): number =>
  YARDSTICK * EPS * Math.max(c.m, c.n, 1) * size
/** Spectra that a sketch of 15 columns holds to 10⁻¹² of the fifth value. */
const steep = cases({ minSide: 30, spectra: ['exponential', 'clustered', 'rankOne'], scales: [0] })
const k = 5
const l = 15

describe('what a result can be known to', () => {
  test('is what the products of its operand are rounded to, for every method', async () => {
    const A = symmetric(SPECTRA.exponential(40))
    const sized = { rank: 4 }
    const over = async (operand: AnyOperator): Promise<number[]> =>
      (
        await Promise.all([
          rsvd(operand, sized),
          rsvd(operand, { rank: 4, method: 'singlePass' }),
          rsvd(operand, { rank: 40 }),
          rsvd(operand, { rtol: 0.1 }),
          reigh(operand, sized),
          reigh(operand, { rank: 40 }),
          nystrom(operand, sized),
          nystrom(operand, { rank: 40 }),
          nystromRectangular(operand, sized),
          nystromRectangular(operand, { rank: 40 }),
          interpolative(operand, sized),
          interpolative(operand, { rank: 40 }),
          cur(operand, sized),
          rldu(operand, sized),
          pca(operand, sized),
        ])
      ).map(({ precision }) => precision)
    for (const precision of await over(single(A))) expect(precision).toBe(SINGLE)
    for (const precision of await over(asOperator(A))) expect(precision).toBe(EPS)
    const T = asTensorOperand(zeros([3, 4, 5]))
    expect(tucker(T, { ranks: 2 }).precision).toBe(EPS)
    expect(tucker(Object.assign(T, { precision: SINGLE }), { ranks: 2 }).precision).toBe(SINGLE)
  })

  test('is inherited by what is made of the result', async () => {
    const found = await rsvd(single(symmetric(SPECTRA.exponential(40))), { rank: 6 })
    expect(reigh(found, { rank: 2 }).precision).toBe(SINGLE)
    expect(rsvd(adjoint(found), { rank: 2 }).precision).toBe(SINGLE)
  })
})

describe('refined', () => {
  test('singular values are off by the square of the subspace’s error, and never too large', async () => {
    await fc.assert(
      fc.asyncProperty(steep, fc.constantFrom('power', 'krylov'), async (c, method) => {
        const A = build(c)
        const sigma = spectrumOf(c)
        const size = Math.hypot(...sigma)
        const found = await rsvd(single(A), { rank: k, method, seed: c.seed, refine: 'float64' })
        expect(found.precision).toBe(EPS)
        expect(orthogonalityUnits(found.U)).toBeLessThan(YARDSTICK)
        // (I − QQᵀ)A = e has σⱼ(QᵀA)² ≥ σⱼ² − e², and e is what the last product is off, twice for those before.
        const e = 2 * singleError(size, method === 'power' ? l : 3 * l)
        found.s.forEach((s, j) => {
          expect(s).toBeLessThanOrEqual(sigma[j]! + rounding(c, size))
          const floor = Math.sqrt(Math.max(0, sigma[j]! ** 2 - e ** 2))
          expect(s).toBeGreaterThanOrEqual(floor - rounding(c, size))
        })
        // AᵀU = V·S holds in float64: no longer that of a rounded A.
        const AtU = asOperator(A).rmatmat(found.U)
        const VS = zeros([c.n, found.rank])
        for (let i = 0; i < c.n; i++)
          for (let j = 0; j < found.rank; j++) VS.set(i, j, found.Vt.get(j, i) * found.s[j]!)
        expect(norm(minus(AtU, VS))).toBeLessThanOrEqual(rounding(c, size))
      }),
      RUNS,
    )
  })

  test('eigenvalues likewise, with their signs', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(2 ** 31 - 1), fc.integer({ min: 30, max: 60 }), async (seed, n) => {
        const lambda = SPECTRA.exponential(n).map((s, j) => (j % 3 === 1 ? -s : s))
        const size = Math.hypot(...lambda)
        const A = symmetric(lambda, seed)
        const found = await reigh(single(A), { rank: k, seed, refine: 'float64' })
        expect(found.precision).toBe(EPS)
        // For u in the span of eigenvectors, w = (I − QQᵀ)u of norm e/|λ|: uᵀAu − (QQᵀu)ᵀA(QQᵀu) ≤ 2e²/|λ| + e³/λ².
        const e = 2 * singleError(size, l)
        found.values.forEach((value, j) => {
          const room = (3 * e ** 2) / Math.abs(lambda[j]!) + rounding({ m: n, n }, size)
          expect(Math.abs(value - lambda[j]!)).toBeLessThanOrEqual(room)
        })
      }),
      RUNS,
    )
  })

  test('to a tolerance: within it, or within what float32 can find', async () => {
    await fc.assert(
      fc.asyncProperty(steep, fc.constantFrom(0.1, 1e-3, 1e-5), async (c, rtol) => {
        const A = build(c)
        const size = Math.hypot(...spectrumOf(c))
        const found = await rsvd(single(A), { rtol, seed: c.seed, blockSize: 8, refine: 'float64' })
        const floor = 64 * SINGLE
        expect(norm(minus(A, found.toDense()))).toBeLessThanOrEqual(
          Math.max(rtol, floor) * size + rounding(c, size),
        )
      }),
      RUNS,
    )
  })

  test('the estimate is within a factor 2 of the truth for at least 97 % of seeds, down to rounding of float32', async () => {
    const seeds = 100
    // A rank that the sketch holds whole: what is left is the error of the subspace, 10⁻⁸ and below.
    for (const s of [SPECTRA.polynomial(40), Float64Array.from({ length: 40 }, (_, j) => (j < 5 ? 1 : 0))]) {
      const A = withSpectrum(60, 40, s, { seed: 1 })
      const B = symmetric(s, 1)
      let good = 0
      for (let seed = 0; seed < seeds; seed++) {
        const options = { rank: 5, oversample: 0, powerIterations: 1, seed, refine: 'float64' } as const
        const [found, eigen] = [await rsvd(single(A), options), await reigh(single(B), options)]
        const ratios = [
          (found.errorEstimate * norm(A)) / norm(minus(A, found.toDense())),
          (eigen.errorEstimate * norm(B)) / norm(minus(B, eigen.toDense())),
        ]
        good += ratios.filter((ratio) => ratio > 0.5 && ratio < 2).length
      }
      expect(good).toBeGreaterThanOrEqual(0.97 * 2 * seeds)
    }
  })

  test('passes are what both matrices count', async () => {
    const A = symmetric(SPECTRA.polynomial(40))
    const dense = asOperator(A)
    for (const both of [true, false]) {
      for (const options of [
        { rank: 3 },
        { rank: 6, rtol: 0.1 },
        { rank: 4, powerIterations: 0 },
        { rank: 40 },
      ]) {
        let sweeps = 0
        const swept = (): void => void sweeps++
        const exact = operator({
          shape: [40, 40],
          matmat: (X) => (swept(), dense.matmat(X)),
          rmatmat: (Y) => (swept(), dense.rmatmat(Y)),
          ...(both && { both: (X: Matrix, Y: Matrix) => (swept(), dense.both!(X, Y)) }),
        })
        const operand = Object.assign(single(A, { swept }), { exact })
        for (const find of [rsvd, reigh]) {
          sweeps = 0
          const refined = await find(operand, { ...options, refine: 'float64' })
          expect(refined.passes).toBe(sweeps)
        }
        sweeps = 0
        expect((await rsvd(operand, options)).passes).toBe(sweeps)
      }
    }
  })

  test('changes no bit where the operand is float64 already', () => {
    const A = symmetric(SPECTRA.polynomial(40))
    for (const options of [
      { rank: 4 },
      { rtol: 0.2 },
      { rank: 40 },
      { rank: 4, method: 'singlePass' as const },
    ]) {
      const [plain, refined] = [rsvd(A, options), rsvd(A, { ...options, refine: 'float64' })]
      expect(refined.s).toEqual(plain.s)
      expect(refined.U.data).toEqual(plain.U.data)
      expect(refined.passes).toBe(plain.passes)
    }
  })

  test('pca takes the mean and rldu the factors from the copy', async () => {
    await fc.assert(
      fc.asyncProperty(steep, async (c) => {
        const A = build({ ...c, layout: 'rows' })
        for (let i = 0; i < c.m; i++) for (let j = 0; j < c.n; j++) A.data[i * c.n + j]! += 1 / (j + 3)
        const size = norm(A)
        const [exact, found] = [pca(A, { rank: k }), await pca(single(A), { rank: k, refine: 'float64' })]
        expect(found.precision).toBe(EPS)
        found.mean.forEach((mean, j) => expect(mean).toBe(exact.mean[j]))
        const sigma = svdvals(centeredEntries(A))
        const e = 2 * singleError(size, l)
        found.singularValues.forEach((s, j) => {
          expect(s).toBeLessThanOrEqual(sigma[j]! + rounding(c, size))
          const floor = Math.sqrt(Math.max(0, sigma[j]! ** 2 - e ** 2))
          expect(s).toBeGreaterThanOrEqual(floor - rounding(c, size))
        })
        const triangles = await rldu(single(A), { rank: k, refine: 'float64' })
        expect(triangles.precision).toBe(EPS)
        const svd = await rsvd(single(A), { rank: k, refine: 'float64' })
        expect(norm(minus(triangles.toDense(), svd.toDense()))).toBeLessThanOrEqual(rounding(c, size))
      }),
      { ...RUNS, numRuns: 20 },
    )
  })
})

describe('an operator made of others', () => {
  const A = withSpectrum(6, 6, SPECTRA.exponential(6), { seed: 2 })
  const B = withSpectrum(6, 6, SPECTRA.polynomial(6), { seed: 3 })
  const made: [string, (A: AnyOperator) => AnyOperator | Promise<AnyOperator>][] = [
    ['adjoint', (A) => adjoint(A)],
    ['scaled', (A) => scaled(A, 1 / 3)],
    ['sum', (A) => sum(B, A, A)],
    ['composed', (A) => composed(A, B, A)],
    [
      'stacked',
      (A) =>
        stacked([
          [A, null],
          [B, A],
        ]),
    ],
    ['centered of a mean', (A) => centered(A)],
  ]

  test.each(made)('%s: has the copy that its parts make, and none where one has none', async (name, make) => {
    const whole = await make(single(A))
    expect(whole.precision).toBe(SINGLE)
    const { exact } = whole
    const expected = await make(asOperator(A))
    expect(expected.exact).toBeUndefined()
    const found = await exact!.matmat(eye(exact!.shape[1]))
    // The mean that `centered` subtracts is that of the operand.
    const room = name.startsWith('centered') ? 30 * 6 * SINGLE : YARDSTICK * 6 * EPS
    expect(norm(minus(found, await expected.matmat(eye(exact!.shape[1]))))).toBeLessThanOrEqual(room)
    expect((await make(single(A, { copy: false }))).exact).toBeUndefined()
  })

  test('is refined as they are', async () => {
    const C = withSpectrum(50, 40, SPECTRA.exponential(40), { seed: 2 })
    const found = await rsvd(scaled(adjoint(single(C)), -2), { rank: k, refine: 'float64' })
    const sigma = SPECTRA.exponential(40)
    found.s.forEach((s, j) =>
      expect(Math.abs(s - 2 * sigma[j]!)).toBeLessThanOrEqual(YARDSTICK * 50 * EPS * 4),
    )
  })
})

const centeredEntries = (A: Matrix): Matrix => centered(A).matmat(eye(A.shape[1]!))
