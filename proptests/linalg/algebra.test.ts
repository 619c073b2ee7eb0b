import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  NotFiniteError,
  ShapeError,
  adjoint,
  asOperator,
  composed,
  eye,
  norm,
  random,
  scaled,
  stacked,
  sum,
  transpose,
  zeros,
} from '../../src/linalg/index.js'
import type { AnyOperator, Matrix } from '../../src/linalg/index.js'
import {
  adjointProduct,
  bothProducts,
  columnsOf,
  diagonalOf,
  hasBoth,
  knownNorm,
  normalProduct,
  offers,
  product,
  rowsOf,
} from '../../src/linalg/products.js'
import { runAsync } from '../../src/linalg/steps.js'
import { RUNS, build, cases } from '../support/cases.js'
import { doors } from '../support/doors.js'
import { EPS, YARDSTICK, minus, times } from '../support/measures.js'

// An expression of operators is the matrix that the same expression of matrices is, behind every door and
// in everything that it offers.

const shapes = cases({ minSide: 1, maxSide: 15, scales: [0] })
const names = ['dense', 'bare', 'async', 'single', 'csr', 'result'] as const
const kinds = fc.constantFrom(...names)

/** All that can be asked of `op` is what `explicit` says; `size` bounds what was added up on the way. */
async function expectIs(op: AnyOperator, explicit: Matrix, size: number): Promise<void> {
  const [m = 0, n = 0] = explicit.shape
  expect(op.shape).toEqual([m, n])
  const [X, Y] = [random.normal([n, 3]), random.normal([m, 3], { seed: 1 })]
  const unit = YARDSTICK * (op.precision ?? EPS) * Math.max(m, n, 1)
  const close = (B: Matrix, C: Matrix, scale: number): void =>
    expect(norm(minus(B, C))).toBeLessThanOrEqual(unit * scale)
  const [AX, AtY] = [times(explicit, X), times(explicit, Y, true)]
  close(await runAsync(product(op, X)), AX, size * norm(X))
  close(await runAsync(adjointProduct(op, Y)), AtY, size * norm(Y))
  const both = await runAsync(bothProducts(op, X, Y))
  close(both.AX, AX, size * norm(X))
  close(both.AtY, AtY, size * norm(Y))
  close(await runAsync(normalProduct(op, X)), times(explicit, AX, true), size ** 2 * norm(X))
  const [J, I] = [Int32Array.from([n - 1, 0, n >> 1, 0]), Int32Array.from([m >> 1, m - 1, 0])]
  const selected = (C: Matrix, rows: ArrayLike<number>, cols: ArrayLike<number>): Matrix => {
    const S = zeros([rows.length, cols.length])
    for (let i = 0; i < rows.length; i++)
      for (let j = 0; j < cols.length; j++) S.set(i, j, C.get(rows[i]!, cols[j]!))
    return S
  }
  const all = (length: number): number[] => Array.from({ length }, (_, i) => i)
  close(await runAsync(columnsOf(op, J)), selected(explicit, all(m), J), size)
  close(await runAsync(rowsOf(op, I)), selected(explicit, I, all(n)), size)
  const d = await runAsync(diagonalOf(op))
  expect(d.length).toBe(Math.min(m, n))
  d.forEach((value, i) => expect(Math.abs(value - explicit.get(i, i))).toBeLessThanOrEqual(unit * size))
  const known = await runAsync(knownNorm(op))
  if (known !== undefined) expect(Math.abs(known - norm(explicit))).toBeLessThanOrEqual(unit * size)
}

/** Matrices of given shapes, each behind a door of its own. */
const matrix = (m: number, n: number, seed: number): Matrix => random.normal([m, n], { seed })

describe('scaled and adjoint', () => {
  test('are alpha·A and Aᵀ behind every door, and offer what A offers', async () => {
    await fc.assert(
      fc.asyncProperty(shapes, fc.constantFrom(0, 1, -2.5, 1e-200, 1e200), async (c, alpha) => {
        const A = build(c)
        const explicit = zeros([c.m, c.n])
        for (let i = 0; i < c.m; i++) for (let j = 0; j < c.n; j++) explicit.set(i, j, alpha * A.get(i, j))
        const size = norm(A)
        for (const door of Object.values(doors(A))) {
          const [S, At] = [scaled(door, alpha), adjoint(door)]
          expect([S.async, At.async]).toEqual([door.async, door.async])
          expect([hasBoth(S), hasBoth(At)]).toEqual([hasBoth(door), hasBoth(door)])
          if (Math.abs(alpha) <= 2.5) await expectIs(S, explicit, Math.abs(alpha) * size)
          else {
            const X = random.normal([c.n, 2])
            const error = norm(minus(await runAsync(product(S, X)), times(explicit, X)))
            const unit = YARDSTICK * (S.precision ?? EPS) * Math.max(c.m, c.n)
            expect(error).toBeLessThanOrEqual(unit * Math.abs(alpha) * size * norm(X))
          }
          await expectIs(At, transpose(A), size)
          await expectIs(adjoint(At), A, size)
        }
      }),
      { ...RUNS, numRuns: 25 },
    )
  })
})

describe('sum', () => {
  test('is A + B + C, whatever each is, and async where one is', async () => {
    await fc.assert(
      fc.asyncProperty(shapes, kinds, kinds, kinds, async (c, a, b, d) => {
        const parts = [build(c), matrix(c.m, c.n, 1), matrix(c.m, c.n, 2)]
        const explicit = zeros([c.m, c.n])
        for (const P of parts)
          for (let i = 0; i < c.m; i++)
            for (let j = 0; j < c.n; j++) explicit.set(i, j, explicit.get(i, j) + P.get(i, j))
        const chosen = [a, b, d].map((name, t) => doors(parts[t]!)[name]!)
        const S = sum(...chosen)
        expect(S.async === true).toBe([a, b, d].includes('async'))
        await expectIs(
          S,
          explicit,
          parts.reduce((size, P) => size + norm(P), 0),
        )
      }),
      { ...RUNS, numRuns: 30 },
    )
  })
})

describe('composed', () => {
  test('is A·B·C, whatever each is', async () => {
    await fc.assert(
      fc.asyncProperty(shapes, fc.integer({ min: 1, max: 9 }), kinds, kinds, kinds, async (c, k, a, b, d) => {
        const parts = [matrix(k, c.m, 1), build(c), matrix(c.n, k + 2, 2)]
        const [A, B, C] = parts as [Matrix, Matrix, Matrix]
        const P = composed(...[a, b, d].map((name, t) => doors(parts[t]!)[name]!))
        expect(P.async === true).toBe([a, b, d].includes('async'))
        await expectIs(P, times(times(A, B), C), norm(A) * norm(B) * norm(C))
      }),
      { ...RUNS, numRuns: 30 },
    )
  })
})

describe('stacked', () => {
  test('is the matrix of its blocks, with blocks of zeros', async () => {
    const sides = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 3 })
    const holes = fc.array(fc.boolean(), { minLength: 9, maxLength: 9 })
    await fc.assert(
      fc.asyncProperty(sides, sides, holes, fc.array(kinds, { minLength: 9, maxLength: 9 }), async (...g) => {
        const [heights, widths, empty, doorNames] = g
        const total = (sizes: number[]): number => sizes.reduce((x, y) => x + y, 0)
        const explicit = zeros([total(heights), total(widths)])
        const blocks = heights.map((h, r) =>
          widths.map((w, c) => {
            // Each row and each column keeps the block on its diagonal, or the one at the edge.
            const kept = r === Math.min(c, heights.length - 1) || c === Math.min(r, widths.length - 1)
            if (empty[3 * r + c]! && !kept) return null
            const A = matrix(h, w, 3 * r + c)
            const [i0, j0] = [total(heights.slice(0, r)), total(widths.slice(0, c))]
            for (let i = 0; i < h; i++) for (let j = 0; j < w; j++) explicit.set(i0 + i, j0 + j, A.get(i, j))
            return doors(A)[doorNames[3 * r + c]!]!
          }),
        )
        await expectIs(stacked(blocks), explicit, norm(explicit))
      }),
      { ...RUNS, numRuns: 40 },
    )
  })

  test('offers normal for one column of blocks, and the diagonal where blocks lie on it', () => {
    const A = asOperator(eye(2))
    expect(offers(stacked([[A], [A]]), 'normal')).toBe(true)
    expect(offers(stacked([[A, A]]), 'normal')).toBe(false)
    expect(
      offers(
        stacked([
          [A, null],
          [null, A],
        ]),
        'diagonal',
      ),
    ).toBe(true)
    expect(
      offers(
        stacked([
          [A, null],
          [null, [[1, 2]]],
        ]),
        'diagonal',
      ),
    ).toBe(true)
    expect(
      offers(
        stacked([
          [[[1]], [[2, 3]]],
          [[[1], [2]], A],
        ]),
        'diagonal',
      ),
    ).toBe(true)
    expect(offers(stacked([[[[1, 2]], [[3]]]]), 'diagonal')).toBe(true)
    expect(
      offers(
        stacked([
          [[[1, 2]], [[3]]],
          [[[1, 2]], [[3]]],
        ]),
        'diagonal',
      ),
    ).toBe(false)
  })
})

describe('what does not fit', () => {
  const A = [
    [1, 2, 3],
    [4, 5, 6],
  ]
  test.each([
    ['sum of nothing', () => sum(), 'sum: operands'],
    ['sum of unlike shapes', () => sum(A, A, eye(2)), 'sum: operands[2]: expected the shape 2×3'],
    ['product of nothing', () => composed(), 'composed: operands'],
    ['product that does not chain', () => composed(A, A), 'composed: operands[1]: expected 3 rows'],
    ['no blocks', () => stacked([]), 'stacked: blocks'],
    ['an empty row of blocks', () => stacked([[]]), 'stacked: blocks[0]'],
    ['rows of unlike length', () => stacked([[A], [A, A]]), 'stacked: blocks[1]: expected 1 blocks'],
    ['unlike heights', () => stacked([[A, eye(3)]]), 'stacked: blocks[0][1]: expected 2 rows'],
    ['unlike widths', () => stacked([[A], [eye(2)]]), 'stacked: blocks[1][0]: expected 3 columns'],
    ['a row of zeros of unknown height', () => stacked([[A], [null]]), 'stacked: blocks[1][0]'],
    ['no operand at all', () => adjoint(7 as never), 'adjoint: A'],
  ])('%s is a ShapeError', (_, call, message) => {
    expect(call).toThrow(ShapeError)
    expect(call).toThrow(message)
  })

  test('NaN as a factor, NaN in a block', () => {
    expect(() => scaled(A, NaN)).toThrow(NotFiniteError)
    expect(() =>
      sum(A, [
        [NaN, 0, 0],
        [0, 0, 0],
      ]),
    ).toThrow('sum: operands[1]')
  })
})
