import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { asOperator, composed, csr, norm, random, svdvals, qr } from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { wrap } from '../../src/linalg/arrays.js'
import { runAsync, runSync } from '../../src/linalg/steps.js'
import { countSketch, gaussian, rademacher, sparseSign, srht, srtt } from '../../src/sketch/index.js'
import { tiledProductSteps } from '../../src/sketch/densesketch.js'
import { sketchBothSteps, sketchSteps } from '../../src/sketch/sketch.js'
import { LAYOUTS, RUNS, relaid } from '../support/cases.js'
import { EPS, YARDSTICK, minus, orthogonalityUnits, times } from '../support/measures.js'

const SKETCHES = { gaussian, rademacher, sparseSign, countSketch, srht, srtt } as const
const NAMES = Object.keys(SKETCHES) as (keyof typeof SKETCHES)[]

/** A sketch of some kind and shape; d is at most n, as the transforms want it. */
const sketches = fc
  .record({
    name: fc.constantFrom(...NAMES),
    n: fc.integer({ min: 1, max: 70 }),
    part: fc.double({ min: 0, max: 1, noNaN: true }),
    seed: fc.constantFrom(0, 1, 2 ** 40 + 3),
    k: fc.integer({ min: 0, max: 11 }),
  })
  .map(({ part, ...rest }) => ({ ...rest, d: Math.max(1, Math.ceil(part * rest.n)) }))

const close = (B: Matrix, C: Matrix, S: Matrix, X: Matrix): void =>
  expect(norm(minus(B, C))).toBeLessThanOrEqual(YARDSTICK * EPS * Math.max(...S.shape) * norm(S) * norm(X))

const part = (A: Matrix, i0: number, i1: number, j0: number, j1: number): number[] =>
  Array.from({ length: (i1 - i0) * (j1 - j0) }, (_, e) =>
    A.get(i0 + Math.floor(e / (j1 - j0)), j0 + (e % (j1 - j0))),
  )

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, x) => sum + x, 0) / values.length
}

describe('every sketch', () => {
  test('its products are those of its entries; adjointness, columns and rows', async () => {
    await fc.assert(
      fc.asyncProperty(sketches, fc.constantFrom(...LAYOUTS), async ({ name, d, n, seed, k }, layout) => {
        const S = SKETCHES[name]([d, n], { seed })
        expect(S.shape).toEqual([d, n])
        const D = S.toDense()
        for (const scale of [1, 1e150, 1e-150]) {
          const [X, Y] = [random.normal([n, k]), random.normal([d, k], { seed: 1 })]
          for (const M of [X, Y]) M.data.forEach((x, e) => (M.data[e] = scale * x))
          const before = X.data.slice()
          const SX = S.matmat(relaid(X, layout))
          close(SX, times(D, X), D, X)
          close(S.rmatmat(relaid(Y, layout)), times(D, Y, true), D, Y)
          expect(X.data).toEqual(before)
          expect((await runAsync(S.steps!.matmat(X))).data).toEqual(SX.data)
        }
        const J = Int32Array.from([n - 1, 0, n - 1])
        const I = Int32Array.from([0, d - 1])
        const [C, R] = [S.columns!(J), S.rows!(I)]
        J.forEach((j, t) => expect(part(C, 0, d, t, t + 1)).toEqual(part(D, 0, d, j, j + 1)))
        I.forEach((i, t) => expect(part(R, t, t + 1, 0, n)).toEqual(part(D, i, i + 1, 0, n)))
        if (S.frobeniusNorm)
          expect(Math.abs(S.frobeniusNorm() - norm(D))).toBeLessThan(YARDSTICK * EPS * n * norm(D))
      }),
      RUNS,
    )
  })

  test('a part is that part of the whole, to the bit, and the same seed gives the same sketch', () => {
    const corner = fc.double({ min: 0, max: 1, noNaN: true })
    fc.assert(
      fc.property(sketches, fc.tuple(corner, corner, corner, corner), ({ name, d, n, seed }, corners) => {
        const S = SKETCHES[name]([d, n], { seed })
        const [i0, i1] = [corners[0] * d, corners[1] * d].map(Math.round).sort((a, b) => a - b) as [
          number,
          number,
        ]
        const [j0, j1] = [corners[2] * n, corners[3] * n].map(Math.round).sort((a, b) => a - b) as [
          number,
          number,
        ]
        const sub = S.submatrix([i0, i1], [j0, j1])
        expect(sub.shape).toEqual([i1 - i0, j1 - j0])
        const D = SKETCHES[name]([d, n], { seed }).toDense()
        expect(Array.from(sub.data)).toEqual(part(D, i0, i1, j0, j1))
      }),
      RUNS,
    )
  })

  test('more than one strip of entries, and unequal seeds', () => {
    for (const name of NAMES) {
      const S = SKETCHES[name]([70, 1000], { seed: 5 })
      const D = S.toDense()
      expect(Array.from(S.submatrix([30, 40], [500, 700]).data)).toEqual(part(D, 30, 40, 500, 700))
      const other = SKETCHES[name]([70, 1000], { seed: 6 }).toDense()
      const high = SKETCHES[name]([70, 1000], { seed: 5 + 2 ** 32 }).toDense()
      for (const E of [other, high]) {
        let dot = 0
        for (let e = 0; e < E.data.length; e++) dot += E.data[e]! * D.data[e]!
        // ⟨S, S′⟩ of independent sketches: mean 0, variance n²/(d·n) for entries of variance 1/d.
        expect(Math.abs(dot)).toBeLessThan(5 * Math.sqrt(1000 / 70))
      }
    }
  })

  test.each(NAMES)('%s: E‖Sx‖² = ‖x‖², with its variance', (name) => {
    const [d, n, count] = [16, 64, 400]
    // A peaked vector, a flat one, and one in between.
    const vectors = [0, 1, 3].map((power) => Float64Array.from({ length: n }, (_, j) => (j + 1) ** -power))
    for (const x of vectors) {
      const size = Math.hypot(...x)
      const X = wrap(
        x.map((value) => value / size),
        n,
        1,
      )
      const fourth = X.data.reduce((sum, value) => sum + value ** 4, 0)
      const squares = Array.from(
        { length: count },
        (_, seed) => norm(SKETCHES[name]([d, n], { seed }).matmat(X)) ** 2,
      )
      // Gaussian entries have 2/d; pairs of signs that meet in a row leave out xⱼ with itself. The others stay
      // below 2/d, since rows are picked without replacement and signs are bounded.
      const variance = name === 'rademacher' || name === 'countSketch' ? (2 * (1 - fourth)) / d : 2 / d
      expect(Math.abs(meanOf(squares) - 1)).toBeLessThanOrEqual(4 * Math.sqrt(variance / count) + 1e-12)
      if (name === 'gaussian' || name === 'rademacher' || name === 'countSketch') {
        // The kurtosis of a sum of d squares is below 15: the sample variance is within 50%.
        const spread = meanOf(squares.map((s) => (s - 1) ** 2))
        expect(spread).toBeGreaterThan(variance / 2 - 1e-12)
        expect(spread).toBeLessThan(variance * 2 + 1e-12)
      }
    }
  })

  test.each(NAMES)('%s of an operand behind any door, in blocks', async (name) => {
    const A = random.normal([50, 7], { seed: 3 })
    const S = SKETCHES[name]([13, 50], { seed: 2 })
    const SA = times(S.toDense(), A)
    const cells = Array.from({ length: 350 }, (_, e) => e)
    const sparse = csr({
      shape: [50, 7],
      rows: cells.map((e) => Math.floor(e / 7)),
      cols: cells.map((e) => e % 7),
      values: A.data,
    })
    for (const operand of [A, asOperator(A), sparse, composed(A)]) {
      for (const held of [1, 200, 2 ** 22]) {
        close(await runAsync(sketchSteps(S, operand, held)), SA, S.toDense(), A)
      }
    }
    expect(() => runSync(sketchSteps(S, asOperator(random.normal([49, 2]))))).toThrow(/50 rows/)
  })
})

describe('dense sketches', () => {
  test('tiles of any size give the product, around the edges of blocks', () => {
    const size = fc.integer({ min: 1, max: 40 })
    fc.assert(
      fc.property(
        size,
        size,
        size,
        size,
        size,
        size,
        fc.boolean(),
        (d, n, k, tile, panel, width, transposed) => {
          const S = gaussian([d, n], { seed: 4 })
          const D = S.toDense()
          const X = random.normal([transposed ? d : n, k])
          const entries = (i0: number, i1: number, j0: number, j1: number, out: Float64Array): void =>
            out.set(S.submatrix([i0, i1], [j0, j1]).data)
          const [rows, inner] = transposed ? [n, d] : [d, n]
          const sizes = { tile: tile * 8, panel, width }
          const product = runSync(tiledProductSteps(entries, rows, inner, transposed, X, sizes))
          close(product, times(D, X, transposed), D, X)
        },
      ),
      RUNS,
    )
  })

  test('beyond the sizes of tiles, panels and widths', () => {
    for (const name of ['gaussian', 'rademacher'] as const) {
      const S = SKETCHES[name]([300, 700])
      const D = S.toDense()
      const [X, Y] = [random.normal([700, 530]), random.normal([300, 3])]
      close(S.matmat(X), times(D, X), D, X)
      close(S.rmatmat(Y), times(D, Y, true), D, Y)
    }
  })

  test('a larger Gaussian sketch holds a smaller one, but for the scale', () => {
    const [A, B] = [gaussian([4, 8]).toDense(), gaussian([16, 9]).toDense()]
    for (let i = 0; i < 4; i++) {
      for (let j = 0; j < 8; j++) expect(A.get(i, j)).toBe(2 * B.get(i, j))
    }
  })

  test('signs are ±√(1/d), balanced in rows, columns and neighbours', () => {
    const [d, n] = [64, 1000]
    const D = rademacher([d, n]).toDense()
    expect(new Set(D.data.map(Math.abs))).toEqual(new Set([1 / 8]))
    let [sum, alongRows, alongColumns] = [0, 0, 0]
    for (let i = 0; i + 1 < d; i++) {
      for (let j = 0; j + 1 < n; j++) {
        sum += 8 * D.get(i, j)
        alongRows += 64 * D.get(i, j) * D.get(i, j + 1)
        alongColumns += 64 * D.get(i, j) * D.get(i + 1, j)
      }
    }
    for (const total of [sum, alongRows, alongColumns])
      expect(Math.abs(total)).toBeLessThan(4 * Math.sqrt(d * n))
  })

  test('embedding: distortion of a subspace of dimension r is at most √(r/d) + √(2·ln(2/δ)/d), d >= 8r', () => {
    const [n, r] = [200, 10]
    const U = qr(random.normal([n, r], { seed: 9 })).Q
    for (const name of ['gaussian', 'rademacher', 'sparseSign', 'srht'] as const) {
      let within = 0
      const bounds = [8 * r, 12 * r]
      for (const d of bounds) {
        for (let seed = 0; seed < 50; seed++) {
          const s = svdvals(SKETCHES[name]([d, n], { seed }).matmat(U))
          const distortion = Math.max(s[0]! - 1, 1 - s[r - 1]!)
          // δ = 10⁻³
          if (distortion <= Math.sqrt(r / d) + Math.sqrt((2 * Math.log(2e3)) / d)) within++
          expect(distortion).toBeGreaterThan(0.02)
        }
      }
      expect(within).toBeGreaterThanOrEqual(97)
    }
  })
})

describe('sparse sketches', () => {
  test('columns have exactly z nonzeros ±√(1/z) in distinct rows', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 50 }),
        (d, n, nnzPerColumn) => {
          const z = Math.min(d, nnzPerColumn)
          const D = sparseSign([d, n], { nnzPerColumn }).toDense()
          for (let j = 0; j < n; j++) {
            const nonzero = part(D, 0, d, j, j + 1).filter((x) => x !== 0)
            expect(nonzero.map(Math.abs)).toEqual(new Array(z).fill(1 / Math.sqrt(z)))
          }
        },
      ),
      RUNS,
    )
  })

  test('rows are met equally often, and in pairs; signs are balanced', () => {
    const [d, n, z] = [20, 20_000, 3]
    const D = sparseSign([d, n], { nnzPerColumn: z }).toDense()
    const met = new Float64Array(d)
    let [sum, pairs] = [0, 0]
    for (let j = 0; j < n; j++) {
      for (let i = 0; i < d; i++) {
        if (D.get(i, j) !== 0) met[i]!++
        sum += Math.sign(D.get(i, j))
      }
      if (D.get(0, j) !== 0 && D.get(d - 1, j) !== 0) pairs++
    }
    const deviation = (p: number): number => 4.5 * Math.sqrt(n * p * (1 - p))
    for (const count of met) expect(Math.abs(count - (n * z) / d)).toBeLessThan(deviation(z / d))
    const together = (z * (z - 1)) / (d * (d - 1))
    expect(Math.abs(pairs - n * together)).toBeLessThan(deviation(together))
    expect(Math.abs(sum)).toBeLessThan(4.5 * Math.sqrt(n * z))
  })

  test('countSketch is sparseSign with one; 8 is the default; beyond one piece of columns', () => {
    expect(countSketch([5, 30], { seed: 2 }).toDense().data).toEqual(
      sparseSign([5, 30], { seed: 2, nnzPerColumn: 1 }).toDense().data,
    )
    const [S, n] = [sparseSign([11, 9000], { seed: 1 }), 9000]
    const D = S.toDense()
    expect(D.data.filter((x) => x !== 0).length).toBe(8 * n)
    const [X, Y] = [random.normal([n, 3]), random.normal([11, 3])]
    close(S.matmat(X), times(D, X), D, X)
    close(S.rmatmat(Y), times(D, Y, true), D, Y)
  })
})

test('two operands at once are sketched as one by one, to the bit; an operator too, to rounding', () => {
  fc.assert(
    fc.property(sketches, ({ name, d, n, k, seed }) => {
      const S = SKETCHES[name]([d, n], { seed })
      const [A, B] = [random.normal([n, k], { seed: 1 }), random.normal([n, 2], { seed: 2 })]
      for (const layout of LAYOUTS) {
        const [SA, SB] = runSync(sketchBothSteps(S, relaid(A, layout), B))
        expect([SA.data, SB.data]).toEqual([S.matmat(A).data, S.matmat(B).data])
      }
      const [SA, SB] = runSync(sketchBothSteps(S, asOperator(A), B))
      close(SA, S.matmat(A), S.toDense(), A)
      expect(SB.data).toEqual(S.matmat(B).data)
    }),
    RUNS,
  )
  // More rows than the nonzeros that are made at a time.
  const S = sparseSign([7, 9000], { seed: 3 })
  const [A, B] = [random.normal([9000, 3]), random.normal([9000, 1], { seed: 1 })]
  const [SA, SB] = runSync(sketchBothSteps(S, A, B))
  expect([SA.data, SB.data]).toEqual([S.matmat(A).data, S.matmat(B).data])
})

describe('transform sketches', () => {
  test('with all rows they are orthogonal', () => {
    for (const n of [1, 2, 4, 32, 128]) {
      expect(orthogonalityUnits(srht([n, n]).toDense())).toBeLessThan(YARDSTICK)
      expect(orthogonalityUnits(srtt([n, n]).toDense())).toBeLessThan(YARDSTICK)
    }
    for (const n of [3, 5, 31, 33, 100]) {
      expect(orthogonalityUnits(srht([2 ** Math.ceil(Math.log2(n)), n]).toDense())).toBeLessThan(YARDSTICK)
      expect(orthogonalityUnits(srtt([n, n]).toDense())).toBeLessThan(YARDSTICK)
    }
  })

  test('srht spreads unit vectors: a coherent subspace at d = 4r', () => {
    const [n, r] = [512, 16]
    const E = wrap(new Float64Array(n * r), n, r)
    for (let j = 0; j < r; j++) E.data[j * r + j] = 1
    for (let seed = 0; seed < 20; seed++) {
      const s = svdvals(srht([4 * r, n], { seed }).matmat(E))
      expect(Math.max(s[0]! - 1, 1 - s[r - 1]!)).toBeLessThan(0.75)
    }
  })

  test('long columns, few and many', () => {
    for (const [n, k] of [
      [70_000, 3],
      [2 ** 17, 5],
      [3000, 41],
    ] as const) {
      for (const sketch of [srht, srtt]) {
        const S = sketch([9, n], { seed: 3 })
        const D = S.toDense()
        const [X, Y] = [random.normal([n, k]), random.normal([9, k])]
        close(S.matmat(X), times(D, X), D, X)
        close(S.rmatmat(Y), times(D, Y, true), D, Y)
      }
    }
  })
})
