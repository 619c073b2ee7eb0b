import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { butterfly } from '../../src/factorize/index.js'
import type { ButterflyFactor } from '../../src/factorize/index.js'
import { dct, eye, fft, fwht, matmul, matrix, norm, random, toNested } from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { LAYOUTS, RUNS, relaid } from '../support/cases.js'
import { EPS, YARDSTICK, minus, orthogonalityUnits, times } from '../support/measures.js'

const sizes = fc.constantFrom(2, 4, 8, 16, 64)
const NAMES = ['dft', 'hadamard', 'dct', 'dst'] as const

/** The matrix of one level, by its definition. */
function levelMatrix({ re, im }: ButterflyFactor, n: number, s: number, part: 're' | 'im'): Matrix {
  const T = part === 're' ? re : (im ?? new Float64Array(2 * n))
  const X = matrix(new Float64Array(n * n), [n, n])
  for (let p = 0; p < n / 2; p++) {
    const a = 2 * s * Math.floor(p / s) + (p % s)
    for (let t = 0; t < 4; t++) X.set(a + (t >> 1) * s, a + (t & 1) * s, T[(t * n) / 2 + p]!)
  }
  return X
}

/** The product of the levels and the permutation, dense. */
function product(B: { factors: readonly ButterflyFactor[]; permutation: Int32Array }): {
  re: Matrix
  im: Matrix
} {
  const n = B.permutation.length
  let re = matrix(Array.from(B.permutation, (j) => Array.from({ length: n }, (_, i) => (i === j ? 1 : 0))))
  let im = matrix(new Float64Array(n * n), [n, n])
  B.factors.forEach((factor, l) => {
    const [x, y] = [levelMatrix(factor, n, 2 ** l, 're'), levelMatrix(factor, n, 2 ** l, 'im')]
    const next = minus(times(x, re), times(y, im))
    const minusIm = times(y, re)
    const imag = times(x, im)
    imag.data.forEach((value, e) => (minusIm.data[e]! += value))
    re = next
    im = minusIm
  })
  return { re, im }
}

const room = (n: number, size: number): number => YARDSTICK * EPS * Math.log2(2 * n) * size

describe('a butterfly matrix', () => {
  test('is the product of its levels, applied or adjoint, to any columns in any layout', () => {
    fc.assert(
      fc.property(
        sizes,
        fc.integer({ min: 1, max: 7 }),
        fc.nat(99),
        fc.constantFrom(...LAYOUTS),
        (n, k, seed, layout) => {
          const X = random.normal([n, k], { seed })
          const R = butterfly.random(n, { seed })
          const dense = product(R).re
          const limit = room(n, norm(X))
          expect(orthogonalityUnits(dense)).toBeLessThan(YARDSTICK)
          expect(norm(minus(R.matmat(relaid(X, layout)), times(dense, X)))).toBeLessThanOrEqual(limit)
          expect(norm(minus(R.rmatmat(relaid(X, layout)), times(dense, X, true)))).toBeLessThanOrEqual(limit)
          expect(norm(minus(R.toDense(), dense))).toBeLessThanOrEqual(room(n, norm(dense)))
          const C = butterfly.random(n, { seed, complex: true })
          const { re, im } = product(C)
          const Y = random.normal([n, k], { seed: seed + 1 })
          const found = C.matmat({ re: relaid(X, layout), im: relaid(Y, layout) })
          expect(norm(minus(found.re, minus(times(re, X), times(im, Y))))).toBeLessThanOrEqual(
            2 * (limit + room(n, norm(Y))),
          )
          // ⟨B·x, y⟩ = ⟨x, Bᴴ·y⟩: unitary, so Bᴴ·B·x = x.
          const back = C.rmatmat(found)
          expect(norm(minus(back.re, X)) + norm(minus(back.im, Y))).toBeLessThanOrEqual(
            4 * (limit + room(n, norm(Y))),
          )
          expect(C.parameters).toBe(4 * n * Math.log2(n))
          expect(R.parameters).toBe(2 * n * Math.log2(n))
        },
      ),
      RUNS,
    )
  })

  test('of n = 2^17 goes through in pieces', () => {
    const n = 2 ** 17
    const H = butterfly.hadamard(n)
    const x = random.normal([n], { seed: 1 }).data
    const expected = fwht(x)
    const found = H.matmat(matrix(x, [n, 1])).data
    expect(Math.hypot(...[0, 1, 2].map((t) => found[t * 999]! - expected[t * 999]!))).toBeLessThanOrEqual(
      room(n, norm([x])),
    )
  })
})

describe('known transforms', () => {
  test.each([2, 4, 8, 64, 1024])('of %i points are those of linalg', (n) => {
    const [x, y] = [1, 2].map((seed) => random.normal([n], { seed }).data) as [Float64Array, Float64Array]
    const expected = fft(x, y)
    const found = butterfly.dft(n).matvec(x, y)
    const gap = (a: Float64Array, b: Float64Array): number =>
      Math.sqrt(a.reduce((sum, v, i) => sum + (v - b[i]!) ** 2, 0))
    const size = norm([x]) + norm([y])
    expect(gap(found.re, expected.re) + gap(found.im, expected.im)).toBeLessThanOrEqual(
      Math.sqrt(n) * room(n, size),
    )
    const column = matrix(x, [n, 1])
    expect(gap(butterfly.hadamard(n).matmat(column).data, fwht(x))).toBeLessThanOrEqual(room(n, size))
    expect(gap(butterfly.dct(n).matmat(column).data, dct(x))).toBeLessThanOrEqual(room(n, size))
    const S = butterfly.dst(n)
    if (n <= 64) {
      const dense = S.toDense()
      expect(orthogonalityUnits(dense)).toBeLessThan(YARDSTICK)
      for (let k = 0; k < n; k++) {
        for (let j = 0; j < n; j++) {
          const scale = Math.sqrt((k === n - 1 ? 1 : 2) / n)
          const entry = scale * Math.sin((Math.PI * (k + 1) * (2 * j + 1)) / (2 * n))
          expect(Math.abs(dense.get(k, j) - entry)).toBeLessThanOrEqual(YARDSTICK * EPS * n)
        }
      }
    }
    expect(gap(S.rmatmat(S.matmat(column)).data, x)).toBeLessThanOrEqual(4 * room(n, size))
  })

  test('convolution is the circulant matrix', () => {
    fc.assert(
      fc.property(sizes, fc.nat(99), (n, seed) => {
        const c = random.normal([n], { seed }).data
        const X = random.normal([n, 3], { seed: seed + 1 })
        const C = matrix(
          Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => c[(n + i - j) % n]!)),
        )
        const limit = room(n, norm([c]) * norm(X) * 4)
        const found = butterfly.convolution(c)
        expect(norm(minus(found.matmat(X), times(C, X)))).toBeLessThanOrEqual(limit)
        expect(norm(minus(found.rmatmat(X), times(C, X, true)))).toBeLessThanOrEqual(limit)
      }),
      RUNS,
    )
  })
})

describe('factorize, hierarchical', () => {
  test('finds random butterflies again, real and complex, at any scale, by 2n numbers a level', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(2, 4, 8, 16, 32),
        fc.nat(99),
        fc.constantFrom(0, 150, -150),
        (n, seed, scale) => {
          const unit = 10 ** scale
          const A = butterfly.random(n, { seed }).toDense()
          for (let e = 0; e < A.data.length; e++) A.data[e]! *= unit
          const B = butterfly.factorize(A)
          expect(B.errorEstimate).toBeLessThanOrEqual(4 * Math.log2(2 * n) * n * EPS)
          expect(norm(minus(B.toDense(), A))).toBeLessThanOrEqual(8 * Math.log2(2 * n) * n * EPS * norm(A))
          const C = butterfly.random(n, { seed, complex: true }).toDense()
          const found = butterfly.factorize(C)
          expect(found.errorEstimate).toBeLessThanOrEqual(4 * Math.log2(2 * n) * n * EPS)
          expect(found.factors.every(({ re, im }) => re.length === 2 * n && im!.length === 2 * n)).toBe(true)
        },
      ),
      { ...RUNS, numRuns: 30 },
    )
  })

  test.each([8, 16, 32, 64, 128, 256])(
    'finds the transforms of %i points to 1e-13, in an order of their own',
    (n) => {
      for (const name of NAMES) {
        const B = butterfly.factorize(butterfly[name](n).toDense() as Matrix)
        expect(B.errorEstimate, name).toBeLessThan(1e-13)
      }
    },
  )

  test('the order matters: the Fourier matrix in its own has no butterfly form, nor has noise', () => {
    const F = butterfly.dft(16).toDense()
    expect(butterfly.factorize(F, { permutation: 'identity' }).errorEstimate).toBeGreaterThan(0.5)
    expect(butterfly.factorize(F, { permutation: 'bitReversal' }).errorEstimate).toBeLessThan(1e-14)
    const noise = random.normal([32, 32], { seed: 3 })
    const B = butterfly.factorize(noise)
    expect(B.errorEstimate).toBeGreaterThan(0.3)
    // What it says is what it is.
    expect(norm(minus(B.toDense(), noise)) / norm(noise)).toBeCloseTo(B.errorEstimate, 12)
  })

  test('a little noise costs a little', () => {
    for (const level of [1e-3, 1e-2, 1e-1]) {
      const F = butterfly.dft(64).toDense()
      const size = (level * 8) / 64
      const e = [1, 2].map((seed) => random.normal([64, 64], { seed }))
      const noisy = { re: matrix(F.re.data.map((x, i) => x + size * 8 * e[0]!.data[i]! * 0.7), [64, 64]), im: matrix(F.im.data.map((x, i) => x + size * 8 * e[1]!.data[i]! * 0.7), [64, 64]) } // prettier-ignore
      const distance = Math.hypot(norm(minus(noisy.re, F.re)), norm(minus(noisy.im, F.im)))
      const found = butterfly.factorize(noisy, { permutation: 'bitReversal' }).toDense()
      // Core handbook F3: .33 of the noise remains; never more than all of it.
      expect(Math.hypot(norm(minus(found.re, F.re)), norm(minus(found.im, F.im)))).toBeLessThan(distance)
    }
  })

  test('zero, nested and strided input', () => {
    expect(butterfly.factorize(matrix(new Float64Array(64), [8, 8])).errorEstimate).toBe(0)
    const H = butterfly.hadamard(8).toDense()
    expect(butterfly.factorize(toNested(H)).errorEstimate).toBeLessThan(1e-14)
    for (const layout of LAYOUTS)
      expect(butterfly.factorize(relaid(H, layout)).errorEstimate).toBeLessThan(1e-14)
  })
})

describe('factorize, by gradient', () => {
  test.each([8, 16, 32])('the Fourier and Hadamard matrices of %i points, to the paper’s criterion', (n) => {
    for (const [A, options] of [
      [butterfly.dft(n).toDense(), {}],
      [butterfly.hadamard(n).toDense(), { permutation: 'identity' as const, complex: false }],
    ] as const) {
      const B = butterfly.factorize(A as Matrix, { method: 'gradient', ...options })
      // RMSE 1e-4 of entries of size 1/√n.
      expect(B.errorEstimate).toBeLessThanOrEqual(1e-4 * Math.sqrt(n))
      expect(B.iterations).toBeGreaterThan(0)
    }
  })

  test('with the wrong order, or without structure, it does not come there', () => {
    const wrong = butterfly.factorize(butterfly.dft(8).toDense(), {
      method: 'gradient',
      permutation: 'identity',
      restarts: 1,
      maxIterations: 500,
    })
    expect(wrong.errorEstimate).toBeGreaterThan(0.3)
    const noise = butterfly.factorize(random.normal([16, 16], { seed: 1 }), {
      method: 'gradient',
      restarts: 1,
      maxIterations: 500,
    })
    expect(noise.errorEstimate).toBeGreaterThan(0.2)
  })

  test('learns the order of the Fourier transform', () => {
    const B = butterfly.factorize(butterfly.dft(8).toDense(), { method: 'gradient', permutation: 'learned' })
    expect(B.errorEstimate).toBeLessThanOrEqual(1e-4 * Math.sqrt(8))
    expect(Array.from(B.permutation).slice(0, 1)).toHaveLength(1)
  })

  test('the same seed gives the same bits; an abort ends it', async () => {
    const A = butterfly.dct(8).toDense()
    const options = { method: 'gradient', maxIterations: 50, restarts: 1, seed: 3 } as const
    expect(butterfly.factorize(A, options).factors).toEqual(butterfly.factorize(A, options).factors)
    const controller = new AbortController()
    const waiting = butterfly.factorize.async(A, {
      ...options,
      maxIterations: 1e6,
      rmse: 1e-300,
      signal: controller.signal,
    })
    controller.abort()
    await expect(waiting).rejects.toThrow(/abort/)
  })
})

test('what does not fit is refused', () => {
  for (const n of [0, 1, 3, 6.5, -2])
    expect(() => butterfly.dft(n)).toThrow(/butterfly.dft: n: expected a power of two/)
  expect(() => butterfly.factorize(random.normal([6, 6]))).toThrow(
    /butterfly.factorize: A: expected n×n with n a power of two/,
  )
  expect(() => butterfly.factorize(random.normal([8, 4]))).toThrow(/expected n×n/)
  expect(() => butterfly.factorize({ re: eye(4), im: eye(2) })).toThrow(/A.im: expected 4×4/)
  expect(() => butterfly.factorize(matrix([[1, NaN], [1, 1]]))).toThrow(/NaN/) // prettier-ignore
  expect(() => butterfly.factorize(eye(4), { permutation: [0, 1, 1, 2] })).toThrow(/each of 0 … 3 once/)
  expect(() => butterfly.factorize(eye(4), { permutation: 'learned' })).toThrow(/options.permutation/)
  expect(() => butterfly.factorize(eye(4), { permutation: 'nonsense' as never })).toThrow(/'bitReversal'/)
  expect(() => butterfly.convolution([1, 2, 3])).toThrow(/the length of c/)
  expect(() => butterfly.hadamard(4).matmat(matmul(eye(2), eye(2)))).toThrow(/4 rows/)
  expect(() => butterfly.dft(4).matmat(eye(2))).toThrow(/expected 4 rows/)
})
