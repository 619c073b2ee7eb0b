import { describe, expect, it } from 'vitest'
import { NotFiniteError, OptionError, ShapeError, eigh, matrix, toNested } from '../../src/linalg/index.js'

describe('eigh', () => {
  it('of the second difference: 2 − 2·cos(jπ/(n + 1))', () => {
    const n = 50
    const A = Array.from({ length: n }, (_, i) =>
      Array.from({ length: n }, (_, j) => (i === j ? 2 : Math.abs(i - j) === 1 ? -1 : 0)),
    )
    eigh(A).values.forEach((value, j) =>
      expect(Math.abs(value - (2 - 2 * Math.cos(((j + 1) * Math.PI) / (n + 1))))).toBeLessThan(1e-14),
    )
  })

  it('of 2 × 2, with positive leading entries', () => {
    const { values, vectors } = eigh([
      [2, 1],
      [1, 2],
    ])
    expect(Array.from(values)).toEqual([expect.closeTo(1, 14), expect.closeTo(3, 14)])
    const r = Math.SQRT1_2
    expect(toNested(vectors).flat().map(Math.abs)).toEqual(Array(4).fill(expect.closeTo(r, 14)))
  })

  it('of nothing, of one number, of zeros', () => {
    expect(eigh(matrix([], [0, 0]))).toMatchObject({
      values: new Float64Array(0),
      vectors: { shape: [0, 0] },
    })
    expect(eigh([[-3]]).values).toEqual(new Float64Array([-3]))
    expect(toNested(eigh([[-3]]).vectors)).toEqual([[1]])
    const zero = eigh(matrix(new Float64Array(9), [3, 3]))
    expect(zero.values).toEqual(new Float64Array(3))
    expect(toNested(zero.vectors)).toEqual([
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ])
  })

  it('keeps a float32 matrix that is symmetric in its own precision', () => {
    const A = matrix(new Float32Array([1, 0.3, 0.3 + 2 ** -24, 2]), [2, 2])
    expect(eigh(A).values.length).toBe(2)
  })

  it('reads the lower triangle where the two differ within the tolerance', () => {
    const lower = [
      [1, 0.5],
      [0.5, 3],
    ]
    const nearly = [
      [1, 0.5 + 1e-9],
      [0.5, 3],
    ]
    expect(eigh(nearly)).toEqual(eigh(lower))
  })

  it('refuses what is not finite, not square, not symmetric, and unknown options', () => {
    const fail = (run: () => unknown, kind: unknown, message: RegExp): void => {
      expect(run).toThrow(kind)
      expect(run).toThrow(message)
    }
    fail(() => eigh([[1, NaN, 3]]), NotFiniteError, /^eigh: A: .*\[0, 1\]/)
    fail(() => eigh([[1, 2, 3]]), ShapeError, /^eigh: A: expected a square matrix, given 1×3/)
    fail(
      () =>
        eigh([
          [1, 2],
          [3, 1],
        ]),
      ShapeError,
      /symmetric.*3 at \[1, 0\] and 2 at \[0, 1\]/,
    )
    fail(() => eigh([[1]], { vectors: 'thin' as never }), OptionError, /options\.vectors/)
  })

  it('runs cooperatively with the same result, and can be aborted', async () => {
    const A = Array.from({ length: 40 }, (_, i) => Array.from({ length: 40 }, (_, j) => 1 / (i + j + 1)))
    expect(await eigh.async(A)).toEqual(eigh(A))
    const reason = new Error('enough')
    await expect(eigh.async(A, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })
})
