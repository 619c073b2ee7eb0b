import { describe, expect, it } from 'vitest'
import {
  NotFiniteError,
  OptionError,
  ShapeError,
  matrix,
  svd,
  svdvals,
  toNested,
} from '../../src/linalg/index.js'

describe('svd', () => {
  it('of a matrix with known values', () => {
    for (const algorithm of ['auto', 'bidiagonal', 'jacobi'] as const) {
      const { s } = svd(
        [
          [3, 0],
          [4, 5],
        ],
        { algorithm },
      )
      expect(s[0]).toBeCloseTo(Math.sqrt(45), 14)
      expect(s[1]).toBeCloseTo(Math.sqrt(5), 14)
    }
  })

  it('of the bidiagonal matrix of ones: 2·cos(jπ/(2n + 1))', () => {
    const n = 40
    const A = Array.from({ length: n }, (_, i) =>
      Array.from({ length: n }, (_, j) => Number(j === i || j === i + 1)),
    )
    svdvals(A).forEach((value, j) =>
      expect(Math.abs(value - 2 * Math.cos(((j + 1) * Math.PI) / (2 * n + 1)))).toBeLessThan(1e-14),
    )
  })

  it('of empty, one-sided and zero matrices', () => {
    for (const algorithm of ['bidiagonal', 'jacobi'] as const) {
      for (const [m, n] of [
        [0, 0],
        [0, 3],
        [3, 0],
        [1, 1],
        [1, 4],
        [4, 1],
        [4, 3],
      ] as const) {
        const zero = matrix(new Float64Array(m * n), [m, n])
        const p = Math.min(m, n)
        for (const vectors of ['thin', 'full', 'none'] as const) {
          const { U, s, Vt } = svd(zero, { algorithm, vectors })
          const [q, r] = vectors === 'full' ? [m, n] : vectors === 'thin' ? [p, p] : [0, 0]
          expect([U.shape, Vt.shape]).toEqual([
            [m, q],
            [r, n],
          ])
          expect(s).toEqual(new Float64Array(p))
        }
      }
      expect(svd([[3, 4]], { algorithm })).toMatchObject({ s: new Float64Array([5]) })
      expect(toNested(svd([[-2]], { algorithm }).Vt)).toEqual([[-1]])
    }
  })

  it('refuses what is not finite and unknown options', () => {
    expect(() => svd([[1, Infinity]])).toThrow(NotFiniteError)
    expect(() => svd([1, 2] as never)).toThrow(ShapeError)
    expect(() => svd([[1]], { algorithm: 'qr' as never })).toThrow(OptionError)
    expect(() => svdvals([[1]], { algorithm: 'qr' as never })).toThrow(/^svdvals: options\.algorithm/)
    expect(() => svdvals([[1]], { vectors: 'thin' } as never)).toThrow(OptionError)
  })

  it('runs cooperatively with the same result, and can be aborted', async () => {
    const A = Array.from({ length: 40 }, (_, i) => Array.from({ length: 30 }, (_, j) => 1 / (i + j + 1)))
    expect(await svd.async(A)).toEqual(svd(A))
    const reason = new Error('enough')
    await expect(svd.async(A, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })
})
