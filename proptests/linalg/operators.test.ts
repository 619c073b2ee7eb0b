import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { centered, csr, norm, random, transpose, zeros } from '../../src/linalg/index.js'
import type { LinearOperator, Matrix } from '../../src/linalg/index.js'
import {
  adjointProduct,
  bothProducts,
  columnsOf,
  diagonalOf,
  entriesOf,
  knownNorm,
  normalProduct,
  product,
  rowsOf,
} from '../../src/linalg/products.js'
import { runAsync, runSync } from '../../src/linalg/steps.js'
import { RUNS, build, cases } from '../support/cases.js'
import { doors } from '../support/doors.js'
import { EPS, YARDSTICK, minus, times } from '../support/measures.js'

// Whatever an operator offers or leaves out, and wherever it lives, asking gives the same answer.

const shapes = cases({ minSide: 1, maxSide: 25, scales: [0] })

const close = (B: Matrix, C: Matrix, A: Matrix, X: Matrix, eps = EPS): void =>
  expect(norm(minus(B, C))).toBeLessThanOrEqual(YARDSTICK * eps * Math.max(...A.shape) * norm(A) * norm(X))

describe('asking an operator', () => {
  test('products, both, normal, columns, rows, diagonal, entries', async () => {
    await fc.assert(
      fc.asyncProperty(shapes, fc.integer({ min: 0, max: 5 }), async (c, k) => {
        const A = build(c)
        const [X, Y] = [random.normal([c.n, k]), random.normal([c.m, k], { seed: 1 })]
        const J = Int32Array.from([c.n - 1, 0])
        const I = Int32Array.from([0, c.m - 1, 0])
        for (const [name, door] of Object.entries(doors(A))) {
          const eps = name === 'single' ? 2 ** -23 : EPS
          const AX = times(A, X)
          close(await runAsync(product(door, X)), AX, A, X, eps)
          close(await runAsync(adjointProduct(door, Y)), times(A, Y, true), A, Y, eps)
          const both = await runAsync(bothProducts(door, X, Y))
          close(both.AX, AX, A, X, eps)
          close(both.AtY, times(A, Y, true), A, Y, eps)
          const normal = await runAsync(normalProduct(door, X))
          expect(norm(minus(normal, times(A, AX, true)))).toBeLessThanOrEqual(
            YARDSTICK * eps * Math.max(c.m, c.n) * norm(A) ** 2 * norm(X),
          )
          const E = await runAsync(entriesOf(door))
          close(E, A, A, random.normal([1, 1]), eps)
          const columns = await runAsync(columnsOf(door, J))
          J.forEach((j, t) => expect(columns.get(0, t)).toBeCloseTo(A.get(0, j), name === 'single' ? 5 : 12))
          const rows = await runAsync(rowsOf(door, I))
          I.forEach((i, t) => expect(rows.get(t, 0)).toBeCloseTo(A.get(i, 0), name === 'single' ? 5 : 12))
          const d = await runAsync(diagonalOf(door))
          expect(d.length).toBe(Math.min(c.m, c.n))
          d.forEach((value, i) => expect(value).toBeCloseTo(A.get(i, i), name === 'single' ? 5 : 12))
          const known = await runAsync(knownNorm(door))
          if (known !== undefined) {
            expect(Math.abs(known - norm(A))).toBeLessThanOrEqual(
              YARDSTICK * EPS * Math.max(c.m, c.n) * norm(A),
            )
          }
        }
      }),
      { ...RUNS, numRuns: 40 },
    )
  })

  test('adjointness: ⟨AX, Y⟩ = ⟨X, AᵀY⟩ for every door', () => {
    fc.assert(
      fc.property(shapes, (c) => {
        const A = build(c)
        const [x, y] = [random.normal([c.n, 1]), random.normal([c.m, 1], { seed: 1 })]
        for (const [name, door] of Object.entries(doors(A))) {
          if (name === 'async' || name === 'single') continue
          const sync = door as LinearOperator
          const left = times(sync.matmat(x), y, true).data[0]!
          const right = times(x, sync.rmatmat(y), true).data[0]!
          expect(Math.abs(left - right)).toBeLessThanOrEqual(
            YARDSTICK * EPS * Math.max(c.m, c.n) * norm(A) * norm(x) * norm(y),
          )
        }
      }),
      RUNS,
    )
  })
})

describe('centered', () => {
  test('is the matrix with its means subtracted, behind every door', async () => {
    await fc.assert(
      fc.asyncProperty(shapes, async (c) => {
        const A = build(c)
        const explicit = zeros([c.m, c.n])
        for (let j = 0; j < c.n; j++) {
          let sum = 0
          for (let i = 0; i < c.m; i++) sum += A.get(i, j)
          for (let i = 0; i < c.m; i++) explicit.set(i, j, A.get(i, j) - sum / c.m)
        }
        const [X, Y] = [random.normal([c.n, 3]), random.normal([c.m, 3], { seed: 1 })]
        for (const [name, door] of Object.entries(doors(A))) {
          const eps = name === 'single' ? 2 ** -23 : EPS
          const C = await centered.async(door)
          expect(C.async === true).toBe(name === 'async')
          close(await runAsync(product(C, X)), times(explicit, X), A, X, eps)
          close(await runAsync(adjointProduct(C, Y)), times(explicit, Y, true), A, Y, eps)
          const both = await runAsync(bothProducts(C, X, Y))
          close(both.AX, times(explicit, X), A, X, eps)
          close(both.AtY, times(explicit, Y, true), A, Y, eps)
        }
        expect(centered(transpose(A)).shape).toEqual([c.n, c.m])
      }),
      { ...RUNS, numRuns: 30 },
    )
  })
})

describe('csr', () => {
  test('sums entries at one place, in any order, and keeps empty rows', () => {
    const A = csr({ shape: [4, 3], rows: [2, 0, 2, 2], cols: [1, 2, 1, 0], values: [1, 5, 2, 7] })
    expect(A.nnz).toBe(3)
    expect(Array.from(A.pointers)).toEqual([0, 1, 1, 3, 3])
    expect(Array.from(runSync(entriesOf(A)).data)).toEqual([0, 0, 5, 0, 0, 0, 7, 3, 0, 0, 0, 0])
  })
})
