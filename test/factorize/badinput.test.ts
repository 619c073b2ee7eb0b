import { describe, expect, test } from 'vitest'
import { pca, rangefinder, rsvd } from '../../src/factorize/index.js'
import type { RsvdOptions } from '../../src/factorize/index.js'
import {
  LinAlgError,
  NotFiniteError,
  OptionError,
  ShapeError,
  csr,
  eye,
  gram,
  matmul,
  norm,
  operator,
  qr,
  random,
  svd,
  zeros,
} from '../../src/linalg/index.js'
import ndarray from 'ndarray'

const A = random.normal([6, 4])
const METHODS = ['power', 'krylov', 'singlePass'] as const

/** The error that f throws; the test fails where it throws none. */
function thrown(f: () => unknown): LinAlgError {
  try {
    f()
  } catch (error) {
    expect(error).toBeInstanceOf(LinAlgError)
    return error as LinAlgError
  }
  throw new Error('nothing was thrown')
}

describe('entries', () => {
  test.each([NaN, Infinity, -Infinity])('%s is refused with its index, everywhere', (bad) => {
    const B = random.normal([6, 4])
    B.set(4, 2, bad)
    const calls: [string, () => unknown][] = [
      ['rsvd', () => rsvd(B, { rank: 2 })],
      ['rangefinder', () => rangefinder(B, { rank: 2 })],
      ['pca', () => pca(B, { rank: 2 })],
      ['svd', () => svd(B)],
      ['qr', () => qr(B)],
      ['matmul', () => matmul(B, eye(4))],
      ['norm', () => norm(B)],
    ]
    for (const [name, call] of calls) {
      const error = thrown(call) as NotFiniteError
      expect(error).toBeInstanceOf(NotFiniteError)
      expect(error.code).toBe('NOT_FINITE')
      expect(error.index).toEqual([4, 2])
      expect(error.message).toBe(`${name}: A: expected finite numbers, given ${bad} at [4, 2]`)
    }
    expect(thrown(() => csr({ shape: [2, 2], rows: [0], cols: [1], values: [bad] }))).toBeInstanceOf(
      NotFiniteError,
    )
  })

  test('finite entries whose products overflow are said to, not turned into NaN', () => {
    const huge = random.normal([40, 30])
    huge.data.forEach((x, e) => (huge.data[e] = Math.sign(x) * 1.7e308))
    for (const call of [
      () => rsvd(huge, { rank: 3 }),
      () => matmul(huge, huge, { transB: true }),
      () => gram(huge),
    ]) {
      expect(thrown(call)).toBeInstanceOf(NotFiniteError)
    }
  })
})

describe('shapes', () => {
  test.each([
    ['ragged rows', [[1, 2], [3]]],
    ['strings', [['1', '2']]],
    ['a number', 5],
    ['null', null],
    ['a flat array', [1, 2, 3]],
    ['a vector', ndarray(new Float64Array(3), [3])],
    ['a tensor', zeros([2, 2, 2])],
    ['a view beyond its data', ndarray(new Float64Array(3), [2, 2])],
    ['a half operator', { shape: [2, 2], matmat: (X: unknown) => X }],
  ])('%s is refused', (_, given) => {
    for (const f of [(): unknown => rsvd(given as never, { rank: 1 }), (): unknown => svd(given as never)]) {
      const error = thrown(f)
      expect(error).toBeInstanceOf(ShapeError)
      expect(error.argument).toBe('A')
      expect(error.message).toMatch(/^(rsvd|svd): A: expected .+, given .+/)
    }
  })

  test('products that do not fit name both shapes', () => {
    expect(thrown(() => matmul(A, eye(3))).message).toMatch(/4 rows.*6×4.*given 3×3/)
    expect(thrown(() => pca(A, { rank: 2 }).transform(eye(3))).message).toMatch(/4 columns.*3×3/)
    expect(thrown(() => rsvd(A, { rank: 2 }).matmat(eye(3)))).toBeInstanceOf(ShapeError)
    expect(thrown(() => operator({ shape: [2, -1], matmat: (X) => X, rmatmat: (Y) => Y }))).toBeInstanceOf(
      ShapeError,
    )
    const unequal = { shape: [2, 2] as const, rows: [0], cols: [0, 1], values: [1, 2] }
    expect(thrown(() => csr(unequal))).toBeInstanceOf(ShapeError)
    expect(thrown(() => csr({ ...unequal, rows: [0, 2] }))).toBeInstanceOf(ShapeError)
  })
})

describe('options', () => {
  test.each<[string, unknown]>([
    ['rank', 0],
    ['rank', -1],
    ['rank', 1.5],
    ['rank', NaN],
    ['rank', '3'],
    ['rtol', -0.1],
    ['rtol', Infinity],
    ['atol', NaN],
    ['oversample', -1],
    ['powerIterations', 0.5],
    ['method', 'fast'],
    ['blockSize', 0],
    ['seed', -1],
    ['seed', 1.5],
    ['signal', 7],
    ['onProgress', 'loud'],
  ])('%s: %s is refused', (name, value) => {
    const error = thrown(() => rsvd(A, { rank: 1, [name]: value }))
    expect(error).toBeInstanceOf(OptionError)
    expect(error.argument).toBe(`options.${name}`)
    expect(thrown(() => pca(A, { rank: 1, [name]: value })).fn).toBe('pca')
  })

  test('an unknown name is an error that lists the known ones; undefined is absent', () => {
    expect(thrown(() => rsvd(A, { rank: 1, ranks: 3 } as RsvdOptions)).message).toMatch(
      /rank, rtol.*option ranks/,
    )
    expect(thrown(() => qr(A, { pivoting: true } as never))).toBeInstanceOf(OptionError)
    expect(
      rsvd(A, { rank: 1, rtol: undefined, seed: undefined, nothing: undefined } as RsvdOptions).rank,
    ).toBe(1)
  })

  test('none of rank, rtol and atol is an error', () => {
    for (const call of [() => rsvd(A, {}), () => pca(A, {}), () => rangefinder(A, {})]) {
      expect(thrown(call).message).toMatch(/expected rank, rtol or atol, given none/)
    }
    expect(thrown(() => rsvd(A, undefined as never))).toBeInstanceOf(OptionError)
    expect(thrown(() => rsvd(A, { rtol: 0.1, method: 'singlePass' })).argument).toBe('options.rank')
  })

  test('a rank above min(m, n) is clamped', () => {
    for (const method of METHODS) {
      const result = rsvd(A, { rank: 100, method })
      expect(result.rank).toBe(4)
      expect(result.errorEstimate).toBeLessThan(30 * 6 * 2 ** -52)
      expect(result.passes).toBe(1)
    }
  })
})

describe('small and degenerate matrices', () => {
  const empty = [
    [0, 0],
    [0, 5],
    [5, 0],
  ] as const
  test.each(empty)('%d×%d', (m, n) => {
    for (const method of METHODS) {
      const result = rsvd(zeros([m, n]), { rank: 3, method })
      expect([result.rank, result.errorEstimate, result.s.length]).toEqual([0, 0, 0])
      expect([result.U.shape, result.Vt.shape]).toEqual([
        [m, 0],
        [0, n],
      ])
      expect(result.toDense().shape).toEqual([m, n])
    }
    expect(svd(zeros([m, n])).s.length).toBe(0)
    expect(pca(zeros([m, n]), { rank: 1 }).rank).toBe(0)
    expect(norm(zeros([m, n]), 2)).toBe(0)
  })

  test('1×1, 1×n and n×1', () => {
    expect(Array.from(rsvd([[-3]], { rank: 1 }).s)).toEqual([3])
    for (const method of METHODS) {
      const row = rsvd([[3, 0, 4]], { rank: 1, method })
      expect(row.s[0]).toBeCloseTo(5, 14)
      expect(row.U.data[0]).toBe(1)
      expect(rsvd([[3], [0], [4]], { rank: 1, method }).s[0]).toBeCloseTo(5, 14)
    }
    expect(pca([[1, 2, 3]], { rank: 1 }).explainedVariance[0]).toBe(0)
  })

  test('a zero matrix has zero values, orthonormal vectors and no error', () => {
    for (const method of METHODS) {
      const result = rsvd(zeros([40, 30]), { rank: 2, method })
      expect(Array.from(result.s)).toEqual([0, 0])
      expect(result.errorEstimate).toBe(0)
      expect(norm(matmul(result.U, result.U, { transA: true }))).toBeCloseTo(Math.SQRT2, 14)
    }
    expect(rsvd(zeros([40, 30]), { rtol: 0.1 }).rank).toBe(0)
  })

  test('inputs are never changed and results never alias them', () => {
    const B = random.normal([40, 30])
    const before = B.data.slice()
    for (const method of METHODS) {
      const { U, Vt } = rsvd(B, { rank: 3, method })
      expect(B.data).toEqual(before)
      expect([U.data.buffer, Vt.data.buffer]).not.toContain(B.data.buffer)
    }
    svd(B)
    qr(B)
    expect(B.data).toEqual(before)
  })
})
