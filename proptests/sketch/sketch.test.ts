import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { asOperator, composed, csr, norm, random, svdvals, qr } from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { wrap } from '../../src/linalg/arrays.js'
import { runAsync, runSync } from '../../src/linalg/steps.js'
import {
  countSketch,
  gaussian,
  rademacher,
  rowSampling,
  sparseSign,
  srht,
  srtt,
} from '../../src/sketch/index.js'
import { tiledProductSteps } from '../../src/sketch/densesketch.js'
import { sketchBothSteps, sketchSteps } from '../../src/sketch/sketch.js'
import { LAYOUTS, RUNS, relaid } from '../support/cases.js'
import { EPS, YARDSTICK, minus, orthogonalityUnits, times } from '../support/measures.js'

const SKETCHES = { gaussian, rademacher, sparseSign, countSketch, srht, srtt, rowSampling } as const
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
        expect(E.data).not.toEqual(D.data)
        if (name === 'rowSampling') continue
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
      const variances: Partial<Record<typeof name, number>> = {
        rademacher: (2 * (1 - fourth)) / d,
        countSketch: (2 * (1 - fourth)) / d,
        rowSampling: (n * fourth - 1) / d,
      }
      const variance = variances[name] ?? 2 / d
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

describe('the generators', () => {
  /** √N times the largest distance of the empirical distribution function from F. */
  function kolmogorov(values: readonly number[], F: (x: number) => number): number {
    const sorted = Float64Array.from(values).sort()
    const N = sorted.length
    let distance = 0
    sorted.forEach((x, i) => {
      distance = Math.max(distance, F(x) - i / N, (i + 1) / N - F(x))
    })
    return Math.sqrt(N) * distance
  }
  /** P(√N·D > 2.2) = 2·exp(−2·2.2²) = 1.2e−4 */
  const CRITICAL = 2.2

  /** The normal distribution function, by Simpson's rule from 0 on: error below 1e−9. */
  function normal(x: number): number {
    const steps = 400
    const h = x / steps
    let sum = 0
    for (let i = 0; i <= steps; i++) {
      const weight = i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2
      sum += weight * Math.exp(-((i * h) ** 2) / 2)
    }
    return 0.5 + (sum * h) / 3 / Math.sqrt(2 * Math.PI)
  }

  test('Kolmogorov and Smirnov: entries of a Gaussian sketch are normal, along rows and along columns', () => {
    for (const [d, n] of [
      [2, 2000],
      [2000, 2],
    ] as const) {
      const D = gaussian([d, n], { seed: 3 }).toDense()
      const values = Array.from(D.data, (x) => x * Math.sqrt(d))
      expect(kolmogorov(values, normal)).toBeLessThan(CRITICAL)
      expect(
        kolmogorov(
          values.map((x) => 1.3 * x),
          normal,
        ),
      ).toBeGreaterThan(CRITICAL)
    }
  })

  test('Kolmogorov and Smirnov: ‖Sx‖²·d has a χ² distribution of d = 2, whatever x', () => {
    for (const power of [0, 1, 3]) {
      const x = Float64Array.from({ length: 30 }, (_, j) => (j + 1) ** -power)
      const size = Math.hypot(...x)
      const X = wrap(
        x.map((value) => value / size),
        30,
        1,
      )
      const values = Array.from(
        { length: 2000 },
        (_, seed) => 2 * norm(gaussian([2, 30], { seed }).matmat(X)) ** 2,
      )
      expect(kolmogorov(values, (t) => 1 - Math.exp(-t / 2))).toBeLessThan(CRITICAL)
    }
  })

  test('uniform picks: rows of a row sampling and of a CountSketch', () => {
    const [d, n] = [40, 100]
    const picks = { rowSampling: [] as number[], countSketch: [] as number[] }
    for (let seed = 0; seed < 100; seed++) {
      picks.rowSampling.push(...rowSampling([d, n], { seed }).indices)
      const C = countSketch([n, d], { seed }).toDense()
      for (let j = 0; j < d; j++) picks.countSketch.push(part(C, 0, n, j, j + 1).findIndex((x) => x !== 0))
    }
    for (const values of [picks.rowSampling, picks.countSketch]) {
      // Of whole numbers the distance is at most that of the continuous law.
      expect(
        kolmogorov(
          values.map((i, t) => (i + ((t * Math.SQRT2) % 1)) / n),
          (x) => x,
        ),
      ).toBeLessThan(CRITICAL)
    }
  })
})

describe('distortion', () => {
  const [n, r] = [512, 10]
  const incoherent = qr(random.normal([n, r], { seed: 9 })).Q
  const coherent = wrap(new Float64Array(n * r), n, r)
  for (let j = 0; j < r; j++) coherent.data[j * r + j] = 1
  const distortionOf = (name: (typeof NAMES)[number], d: number, U: Matrix, seed: number): number => {
    const s = svdvals(SKETCHES[name]([d, n], { seed }).matmat(U))
    return Math.max(s[0]! - 1, 1 - s[r - 1]!)
  }

  test('of a Gaussian sketch: 1 − √(r/d) ≤ E σᵣ and E σ₁ ≤ 1 + √(r/d), with variance at most 1/d', () => {
    // Gordon; and a singular value is a Lipschitz function of the entries.
    const seeds = 40
    for (const U of [incoherent, coherent]) {
      for (const d of [20, 80, 160]) {
        const spectra = Array.from({ length: seeds }, (_, seed) =>
          svdvals(gaussian([d, n], { seed }).matmat(U)),
        )
        const slack = 4 / Math.sqrt(d * seeds)
        const [largest, least] = [spectra.map((s) => s[0]!), spectra.map((s) => s[r - 1]!)]
        expect(meanOf(largest)).toBeLessThan(1 + Math.sqrt(r / d) + slack)
        expect(meanOf(least)).toBeGreaterThan(1 - Math.sqrt(r / d) - slack)
        expect(meanOf(largest)).toBeGreaterThan(1)
        for (const values of [largest, least]) {
          const mean = meanOf(values)
          // A sample variance of 40 is within a factor 2 of the truth but for one in 10⁴.
          expect(meanOf(values.map((x) => (x - mean) ** 2))).toBeLessThan(2 / d)
        }
      }
    }
  })

  test('of a CountSketch: E‖UᵀSᵀSU − I‖² is (r² + r)/d at most, and that but for the coherent part', () => {
    for (const U of [incoherent, coherent]) {
      const d = 60
      let expected = 0
      for (let i = 0; i < n; i++) {
        let score = 0
        for (let j = 0; j < r; j++) score += U.get(i, j) ** 2
        expected -= (2 * score ** 2) / d
      }
      // (1/d)·Σ over i ≠ j of ℓᵢℓⱼ + (uᵢ·uⱼ)²
      expected += (r * r + r) / d
      const values = Array.from({ length: 400 }, (_, seed) => {
        const G = times(
          countSketch([d, n], { seed }).matmat(U),
          countSketch([d, n], { seed }).matmat(U),
          true,
        )
        for (let j = 0; j < r; j++) G.data[j * (r + 1)]! -= 1
        return norm(G) ** 2
      })
      const mean = meanOf(values)
      const sigma = Math.sqrt(meanOf(values.map((x) => (x - mean) ** 2)) / 400)
      expect(Math.abs(mean - expected)).toBeLessThan(4 * sigma)
    }
  })

  test('of a coherent subspace: rows and CountSketches lose directions, the others do not', () => {
    const lost = (name: (typeof NAMES)[number]): number =>
      Array.from({ length: 30 }, (_, seed) => distortionOf(name, 4 * r, coherent, seed)).filter(
        (x) => x > 0.95,
      ).length
    for (const name of ['gaussian', 'rademacher', 'sparseSign', 'srht'] as const) expect(lost(name)).toBe(0)
    // Two of ten fall together in 40 rows with probability 1 − Π(1 − j/40) = 0.70.
    expect(lost('countSketch')).toBeGreaterThan(30 * 0.7 - 4 * Math.sqrt(30 * 0.7 * 0.3))
    expect(lost('rowSampling')).toBe(30)
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
