import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { csr, eye, norm, observed, random, transpose } from '../../src/linalg/index.js'
import type { Matrix, ObservedOperand, Triplets } from '../../src/linalg/index.js'
import { EPS, YARDSTICK, minus, times } from '../support/measures.js'

interface Problem {
  readonly m: number
  readonly n: number
  readonly k: number
  readonly density: number
  readonly seed: number
}

const problems = fc.record({
  m: fc.integer({ min: 1, max: 30 }),
  n: fc.integer({ min: 1, max: 90 }),
  k: fc.integer({ min: 0, max: 11 }),
  density: fc.constantFrom(0, 0.1, 0.5, 1),
  seed: fc.nat(1000),
})

const RUNS = { numRuns: 60 }

/** Entries at random places, in random order. */
function entriesOf({ m, n, density, seed }: Problem): Triplets {
  const u = random.uniform([m, n, 2], { seed: seed + 1 }).data
  const places = Array.from({ length: m * n }, (_, e) => e).filter((e) => u[2 * e]! < density)
  places.sort((a, b) => u[2 * a + 1]! - u[2 * b + 1]!)
  const values = random.normal([m, n], { seed: seed + 2 }).data
  return {
    shape: [m, n],
    rows: places.map((e) => Math.floor(e / n)),
    cols: places.map((e) => e % n),
    values: places.map((e) => values[e]!),
  }
}

const factor = (rows: number, k: number, seed: number): Matrix => random.normal([rows, k], { seed })

/** For each row, its columns and values. */
function rowsOf({ shape, rows, cols, values }: Triplets): { j: number; value: number }[][] {
  const out = Array.from({ length: shape[0] }, (): { j: number; value: number }[] => [])
  for (let e = 0; e < rows.length; e++) out[rows[e]!]!.push({ j: cols[e]!, value: values[e]! })
  return out
}

/** (FᵀF + λI)x − Fᵀm of a row, and what rounding may leave of it. */
function normalResidual(
  row: readonly { j: number; value: number }[],
  F: Matrix,
  x: readonly number[],
  ridge: number,
): { residual: number; room: number } {
  const k = x.length
  const gradient = x.map((xt) => ridge * xt)
  let [squares, sizes] = [ridge, 0]
  for (const { j, value } of row) {
    const f = Array.from({ length: k }, (_, t) => F.get(j, t))
    const misfit = f.reduce((sum, ft, t) => sum + ft * x[t]!, 0) - value
    f.forEach((ft, t) => (gradient[t]! += ft * misfit))
    squares += Math.hypot(...f) ** 2
    sizes += Math.hypot(...f) * Math.abs(value)
  }
  const room = YARDSTICK * (row.length + k) * EPS * (squares * Math.hypot(...x) + sizes)
  return { residual: Math.hypot(...gradient), room }
}

const rowOf = (X: Matrix, i: number): number[] => Array.from({ length: X.shape[1]! }, (_, t) => X.get(i, t))

const turned = ({ shape, rows, cols, values }: Triplets): Triplets => ({
  shape: [shape[1], shape[0]],
  rows: cols,
  cols: rows,
  values,
})

const formed = (M: ObservedOperand): Matrix => M.matmat(eye(M.shape[1]))

describe('observed', () => {
  test('as an operator it is the sparse matrix of its entries', () => {
    fc.assert(
      fc.property(problems, (p) => {
        const entries = entriesOf(p)
        const [M, S] = [observed(entries), csr(entries)]
        expect(M.count).toBe(entries.rows.length)
        expect(minus(formed(M), S.matmat(eye(p.n))).data.every((x) => x === 0)).toBe(true)
        const Y = factor(p.m, 3, p.seed)
        const room = YARDSTICK * (p.m + 1) * EPS * norm(Y) * M.frobeniusNorm()
        expect(norm(minus(M.rmatmat(Y), S.rmatmat(Y)))).toBeLessThanOrEqual(room)
        expect(Math.abs(M.frobeniusNorm() - norm(formed(M)))).toBeLessThanOrEqual(
          YARDSTICK * p.m * p.n * EPS * M.frobeniusNorm(),
        )
      }),
      RUNS,
    )
  })

  test('the order of entries does not matter, and one given again counts once', () => {
    fc.assert(
      fc.property(problems, (p) => {
        const entries = entriesOf(p)
        const again = <T>(list: ArrayLike<T>): T[] => [...Array.from(list), ...Array.from(list)].reverse()
        const doubled = {
          shape: entries.shape,
          rows: again(entries.rows),
          cols: again(entries.cols),
          values: again(entries.values),
        }
        const [M, D] = [observed(entries), observed(doubled)]
        expect(D.count).toBe(M.count)
        const F = factor(p.n, p.k, p.seed)
        expect(D.solve('rows', F, { ridge: 1 })).toEqual(M.solve('rows', F, { ridge: 1 }))
      }),
      RUNS,
    )
  })

  test('solve meets the normal equations of each row and each column', () => {
    fc.assert(
      fc.property(problems, fc.constantFrom(0, 1e-3, 10), (p, ridge) => {
        const entries = entriesOf(p)
        const M = observed(entries)
        for (const side of ['rows', 'cols'] as const) {
          const these = rowsOf(side === 'rows' ? entries : turned(entries))
          const F = factor(side === 'rows' ? p.n : p.m, p.k, p.seed)
          const { X, flops } = M.solve(side, F, { ridge })
          expect(X.shape).toEqual([these.length, p.k])
          expect(flops).toBeGreaterThanOrEqual(0)
          these.forEach((row, i) => {
            const x = rowOf(X, i)
            if (row.length === 0) expect(x.every((xt) => xt === 0)).toBe(true)
            if (ridge === 0 && row.length < 2 * p.k) return
            const { residual, room } = normalResidual(row, F, x, ridge)
            expect(residual).toBeLessThanOrEqual(room)
          })
        }
      }),
      RUNS,
    )
  })

  test('a row of fewer entries than unknowns, or of a singular problem, is fitted by a short vector', () => {
    fc.assert(
      fc.property(problems, fc.boolean(), (p, twin) => {
        if (p.k === 0) return
        const entries = entriesOf(p)
        // Two equal columns: every row's problem is singular.
        const F = factor(p.n, p.k, p.seed)
        if (twin && p.k > 1) for (let j = 0; j < p.n; j++) F.set(j, 1, F.get(j, 0))
        const { X } = observed(entries).solve('rows', F, { ridge: 0 })
        rowsOf(entries).forEach((row, i) => {
          const x = rowOf(X, i)
          expect(x.every(Number.isFinite)).toBe(true)
          if (twin && p.k > 1 && row.length > 0) {
            const size = Math.hypot(...x)
            // The ridge that decides is 1e-10 of the diagonal, so rounding of that is multiplied by 1e10.
            expect(Math.abs(x[0]! - x[1]!)).toBeLessThanOrEqual(
              1e10 * YARDSTICK * (row.length + p.k) * EPS * size,
            )
          }
          // Without noise in one equation it is fitted to the ridge.
          if (row.length === 1) {
            const { j, value } = row[0]!
            const fit = x.reduce((sum, xt, t) => sum + xt * F.get(j, t), 0)
            expect(Math.abs(fit - value)).toBeLessThanOrEqual(1e-9 * p.k * Math.abs(value))
          }
        })
      }),
      RUNS,
    )
  })

  test('inexact solutions come as near as they are asked to, with and without a sketch', () => {
    fc.assert(
      fc.property(
        fc.record({ seed: fc.nat(1000), k: fc.integer({ min: 1, max: 9 }), hard: fc.boolean() }),
        fc.constantFrom(0, 0.5),
        ({ seed, k, hard }, ridge) => {
          const [m, n] = [6, 400]
          const F = factor(n, k, seed)
          // Rows see only columns whose factors are nearly alike, which what all share says nothing about.
          if (hard) {
            for (let j = 0; j < n / 2; j++) {
              for (let t = 1; t < k; t++) F.set(j, t, F.get(j, 0) + 1e-3 * F.get(j, t))
            }
          }
          const density = 0.8
          const all = entriesOf({ m, n: n / 2, k, density, seed })
          const M = observed({ ...all, shape: [m, n] })
          const exact = M.solve('rows', F, { ridge }).X
          const start = factor(m, k, seed + 5)
          const inexact = { start, reduction: 1e-9, iterations: 60, sketch: 4, seed }
          const { X } = M.solve('rows', F, { ridge, inexact })
          rowsOf({ ...all, shape: [m, n] }).forEach((row, i) => {
            const e = rowOf(X, i).map((x, t) => x - exact.get(i, t))
            const e0 = rowOf(start, i).map((x, t) => x - exact.get(i, t))
            const energy = (v: number[]): number =>
              Math.sqrt(
                ridge * Math.hypot(...v) ** 2 +
                  row.reduce((sum, { j }) => sum + v.reduce((d, vt, t) => d + vt * F.get(j, t), 0) ** 2, 0),
              )
            // What the preconditioner may be wrong by: κ ≤ 9 with a sketch, a little more without.
            const rounding =
              1e6 * YARDSTICK * (row.length + k) * EPS * (1 + energy(e0) + norm([rowOf(exact, i)]))
            expect(energy(e)).toBeLessThanOrEqual(10 * 1e-9 * energy(e0) + rounding)
          })
        },
      ),
      { numRuns: 40 },
    )
  })

  test('iterations cost less than equations, and start from where they are told to', () => {
    const [m, n, k] = [10, 3000, 40]
    const M = observed(entriesOf({ m, n, k, density: 0.9, seed: 3 }))
    const F = factor(n, k, 4)
    const exact = M.solve('rows', F, { ridge: 0 })
    const how = { reduction: 1e-2, iterations: 10, sketch: 4, seed: 0 }
    const near = M.solve('rows', F, { ridge: 0, inexact: { ...how, start: random.normal([m, k]) } })
    expect(near.flops).toBeLessThan(exact.flops / 2)
    const there = M.solve('rows', F, { ridge: 0, inexact: { ...how, start: exact.X, iterations: 0 } })
    expect(minus(there.X, exact.X).data.every((x) => x === 0)).toBe(true)
  })

  test('a row whose entries see a badly conditioned part of the factor is saved by its sketch', () => {
    const [m, n, k] = [5, 4000, 12]
    // Together the columns are orthonormal enough; those of the first half are graded over three decades.
    const F = factor(n, k, 1)
    for (let j = 0; j < n / 2; j++)
      for (let t = 0; t < k; t++) F.set(j, t, F.get(j, t) * 10 ** ((-3 * t) / k))
    const entries = { ...entriesOf({ m, n: n / 2, k, density: 0.7, seed: 2 }), shape: [m, n] as const }
    const M = observed(entries)
    const nothing = observed({ ...entries, values: new Float64Array(M.count) })
    const exact = M.solve('rows', F, { ridge: 0 }).X
    const start = factor(m, k, 3)
    const how = { start, reduction: 1e-6, iterations: 16, sketch: 4, seed: 0 }
    const { X } = M.solve('rows', F, { ridge: 0, inexact: how })
    const misfit = (Y: Matrix): number => nothing.residual(minus(Y, exact), F).frobeniusNorm()
    expect(misfit(X)).toBeLessThan(10 * how.reduction * misfit(start))
  })

  test('residual takes a product off the entries, and can be solved again', () => {
    fc.assert(
      fc.property(problems, (p) => {
        const entries = entriesOf(p)
        const M = observed(entries)
        const [U, V] = [factor(p.m, p.k, p.seed), factor(p.n, p.k, p.seed + 1)]
        const R = M.residual(U, V)
        const UVt = times(U, transpose(V))
        const expected = Array.from(entries.rows, (i, e) => entries.values[e]! - UVt.get(i, entries.cols[e]!))
        const D = formed(observed({ ...entries, values: expected }))
        const room = YARDSTICK * (p.k + 1) * EPS * (norm(U) * norm(V) + M.frobeniusNorm())
        expect(norm(minus(formed(R), D))).toBeLessThanOrEqual(room)
        // Least squares are linear in the values: by columns as well.
        const F = factor(p.m, 2, p.seed + 2)
        const [whole, part] = [M, R].map((one) => one.solve('cols', F, { ridge: 1 }).X) as [Matrix, Matrix]
        const taken = observed({ ...entries, values: expected }).solve('cols', F, { ridge: 1 }).X
        const size = (1 + norm(F) ** 2) * norm(F) * (norm(U) * norm(V) + M.frobeniusNorm())
        expect(norm(minus(part, taken))).toBeLessThanOrEqual(YARDSTICK * (p.m + p.k + 2) * EPS * size)
        expect(whole.shape).toEqual(part.shape)
      }),
      RUNS,
    )
  })
})
