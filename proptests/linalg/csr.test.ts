import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { csr, norm, random } from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { RUNS } from '../support/cases.js'
import { EPS, YARDSTICK, minus, times } from '../support/measures.js'
import { runSync } from '../../src/linalg/steps.js'
import { entriesOf } from '../../src/linalg/products.js'

/** A random sparse matrix: some rows empty, some full, entries in no order and some twice. */
const sparse = fc.record({
  m: fc.integer({ min: 1, max: 40 }),
  n: fc.integer({ min: 1, max: 40 }),
  density: fc.constantFrom(0, 0.05, 0.5, 2),
  k: fc.integer({ min: 0, max: 20 }),
  seed: fc.nat(1000),
})

function build(m: number, n: number, density: number, seed: number): ReturnType<typeof csr> {
  const nnz = Math.round(density * m * n)
  const u = random.uniform([nnz, 2], { seed })
  return csr({
    shape: [m, n],
    rows: Array.from({ length: nnz }, (_, e) => Math.floor(m * u.get(e, 0) ** 2)),
    cols: Array.from({ length: nnz }, (_, e) => Math.floor(n * u.get(e, 1))),
    values: random.normal([nnz], { seed }).data,
  })
}

/** The entries, read where csr keeps them. */
function explicit(A: ReturnType<typeof csr>): Matrix {
  const [m, n] = A.shape
  const out = random.normal([m, n])
  out.data.fill(0)
  for (let i = 0; i < m; i++)
    for (let e = A.pointers[i]!; e < A.pointers[i + 1]!; e++) out.set(i, A.indices[e]!, A.values[e]!)
  return out
}

describe('csr', () => {
  test('products, both, normal, columns, rows and diagonal are those of its entries', () => {
    fc.assert(
      fc.property(sparse, ({ m, n, density, k, seed }) => {
        const A = build(m, n, density, seed)
        const E = explicit(A)
        const [X, Y] = [random.normal([n, k]), random.normal([m, k + 3], { seed: 1 })]
        const unit = YARDSTICK * EPS * Math.max(m, n) * norm(E)
        const close = (B: Matrix, C: Matrix, scale: number): void =>
          expect(norm(minus(B, C))).toBeLessThanOrEqual(unit * scale)
        const [AX, AtY] = [times(E, X), times(E, Y, true)]
        close(A.matmat(X), AX, norm(X))
        close(A.rmatmat(Y), AtY, norm(Y))
        const both = A.both!(X, Y)
        close(both.AX, AX, norm(X))
        close(both.AtY, AtY, norm(Y))
        close(A.normal!(X), times(E, AX, true), norm(E) * norm(X))
        const J = [n - 1, 0, n >> 1, 0]
        const I = [m >> 1, m - 1, 0, m - 1]
        const [C, R] = [A.columns!(Int32Array.from(J)), A.rows!(Int32Array.from(I))]
        J.forEach((j, t) => {
          for (let i = 0; i < m; i++) expect(C.get(i, t)).toBe(E.get(i, j))
        })
        I.forEach((i, t) => {
          for (let j = 0; j < n; j++) expect(R.get(t, j)).toBe(E.get(i, j))
        })
        A.diagonal!().forEach((d, i) => expect(d).toBe(E.get(i, i)))
        expect(runSync(entriesOf(A)).data).toEqual(E.data)
      }),
      RUNS,
    )
  })

  test('more rows, entries and columns than pass through memory at a time', () => {
    // 2^21 rows of AᵀY leave room for 8 columns at a time; the entries make several pieces.
    const [m, n, nnz] = [3000, 2 ** 21, 150_000]
    const place = (e: number, size: number): number => (e * 7919 + 31 * (e >> 7)) % size
    const A = csr({
      shape: [m, n],
      rows: Array.from({ length: nnz }, (_, e) => place(e, m)),
      cols: Array.from({ length: nnz }, (_, e) => place(e + 5, n)),
      values: Array.from({ length: nnz }, (_, e) => 1 + (e % 3)),
    })
    // ⟨AX, Y⟩ = ⟨X, AᵀY⟩ = the sum over entries of small integers: exact.
    const k = 9
    const X = random.normal([n, k])
    const Y = random.normal([m, k])
    X.data.forEach((_, e) => (X.data[e] = (e % 5) - 2))
    Y.data.forEach((_, e) => (Y.data[e] = (e % 7) - 3))
    const { AX, AtY } = A.both!(X, Y)
    for (let t = 0; t < k; t++) {
      let [left, right, truth] = [0, 0, 0]
      for (let i = 0; i < m; i++) {
        left += AX.get(i, t) * Y.get(i, t)
        for (let e = A.pointers[i]!; e < A.pointers[i + 1]!; e++) {
          truth += A.values[e]! * Y.get(i, t) * X.get(A.indices[e]!, t)
        }
      }
      for (let j = 0; j < n; j++) right += X.get(j, t) * AtY.get(j, t)
      expect([left, right]).toEqual([truth, truth])
    }
    const N = A.normal!(X)
    expect(minus(N, A.rmatmat(AX)).data.every((x) => x === 0)).toBe(true)
  })
})
