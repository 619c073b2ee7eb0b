import { describe, expect, test } from 'vitest'
import { pca, reigh, rldu, rsvd } from '../../src/factorize/index.js'
import {
  NotFiniteError,
  OptionError,
  ShapeError,
  asOperator,
  diag,
  eye,
  operator,
} from '../../src/linalg/index.js'
import type { LinearOperator } from '../../src/linalg/index.js'
import { single } from '../../proptests/support/single.js'

const thirds = Float64Array.from({ length: 40 }, (_, j) => 3 ** -j)
/** diag(1, 1/3, 1/9, …), whose entries float32 does not have. */
const A = diag(thirds)

describe('a diagonal of powers of 1/3', () => {
  test('is that of float32 before, and that of float64 after', async () => {
    const [coarse, fine] = [
      await rsvd(single(A), { rank: 5 }),
      await rsvd(single(A), { rank: 5, refine: 'float64' }),
    ]
    expect(coarse.s[1]).not.toBeCloseTo(1 / 3, 10)
    fine.s.forEach((s, j) => expect(Math.abs(s - thirds[j]!)).toBeLessThanOrEqual(40 * 2 ** -52))
    expect([coarse.precision, fine.precision]).toEqual([2 ** -23, 2 ** -52])
    // One product of six is made with the copy.
    expect([coarse.passes, fine.passes]).toEqual([6, 6])
  })

  test('its eigenvalues too, with their signs', async () => {
    const B = diag(thirds.map((x, j) => (j % 2 === 0 ? x : -x)))
    const { values, precision } = await reigh(single(B), { rank: 5, refine: 'float64' })
    values.forEach((value, j) => expect(Math.abs(value - (-1 / 3) ** j)).toBeLessThanOrEqual(40 * 2 ** -52))
    expect(precision).toBe(2 ** -52)
  })

  test('where the sketch would be as large as A, the copy is decomposed', async () => {
    const small = diag(thirds.slice(0, 8))
    for (const find of [rsvd, reigh]) {
      const found = await find(single(small), { rank: 3, refine: 'float64' })
      expect(found.passes).toBe(1)
      expect('s' in found ? found.s[1] : found.values[1]).toBe(1 / 3)
    }
  })
})

describe('what cannot be refined', () => {
  const bare = single(A, { copy: false })

  test.each(Object.entries({ rsvd, reigh, pca, rldu }))('%s: an operand without a copy', async (fn, find) => {
    const error: unknown = await find(bare, { rank: 2, refine: 'float64' }).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(OptionError)
    expect((error as Error).message).toBe(
      `${fn}: options.refine: expected 'none', or an operand that holds a float64 copy of itself as \`exact\`, ` +
        "given 'float64' and an operand of precision 1.2e-7 without one",
    )
  })

  test('a single pass', async () => {
    const options = { rank: 2, method: 'singlePass', refine: 'float64' } as const
    await expect(rsvd(single(A), options)).rejects.toThrow(
      /options\.refine: expected 'none' with method 'singlePass'/,
    )
  })

  test('a copy of another shape, or that is no operator', async () => {
    for (const exact of [asOperator(eye(39)), eye(40) as never as LinearOperator]) {
      const operand = Object.assign(single(A, { copy: false }), { exact })
      const error: unknown = await rsvd(operand, { rank: 2, refine: 'float64' }).catch((e: unknown) => e)
      expect(error).toBeInstanceOf(ShapeError)
      expect((error as ShapeError).argument).toBe('A.exact')
    }
  })

  test('a copy that answers with NaN', async () => {
    const { shape, matmat } = asOperator(A)
    const exact = operator({
      shape,
      matmat,
      rmatmat: (Y) => diag([NaN, ...Array<number>(39).fill(0)]).hi(40, Y.shape[1]!),
    })
    const operand = Object.assign(single(A, { copy: false }), { exact })
    await expect(rsvd(operand, { rank: 2, refine: 'float64' })).rejects.toThrow(NotFiniteError)
  })

  test('by another name than the two', () => {
    expect(() => rsvd(A, { rank: 2, refine: 'float32' as never })).toThrow(
      "rsvd: options.refine: expected 'none' | 'float64', given 'float32'",
    )
  })

  test('a copy that is not symmetric', async () => {
    const skewed = diag(thirds)
    skewed.set(0, 1, 1)
    const operand = Object.assign(single(A, { copy: false }), { exact: asOperator(skewed) })
    await expect(reigh(operand, { rank: 2, refine: 'float64' })).rejects.toThrow(
      /expected a symmetric matrix/,
    )
  })
})
