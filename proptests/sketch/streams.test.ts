import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  NotFiniteError,
  OptionError,
  ShapeError,
  asOperator,
  eigh,
  matrix,
  norm,
  operator,
  random,
  toNested,
} from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { frequentDirections, oja, streamingTopEigenvector } from '../../src/sketch/index.js'
import type { RowStream } from '../../src/sketch/index.js'
import { withSpectrum } from '../../src/testing/index.js'
import { LAYOUTS, RUNS, SPECTRA, build, cases, relaid, spectrumOf } from '../support/cases.js'
import type { Case } from '../support/cases.js'
import { EPS, YARDSTICK, minus, orthogonalityUnits, tail, times } from '../support/measures.js'

const lengths = fc.integer({ min: 1, max: 15 })
/** Squares of 10^±150 are just within the range of numbers. */
const hard = cases({ minSide: 1, scales: [0, 150, -150] })

/** Rows [from, to). */
const rowsOf = (A: Matrix, from: number, to: number): Matrix => A.lo(from, 0).hi(to - from, A.shape[1]!)

function pushed<S extends RowStream<unknown>>(stream: S, A: Matrix, block = A.shape[0]!): S {
  for (let i = 0; i < A.shape[0]!; i += block) stream.push(rowsOf(A, i, Math.min(A.shape[0]!, i + block)))
  return stream
}

/** The eigenvalues of AᵀA − BᵀB, in units of 10^(2·scale). */
function difference(A: Matrix, B: Matrix, scale: number): Float64Array {
  const down = (M: Matrix): Matrix =>
    matrix(Array.from(toNested(M), (row) => row.map((x) => x / 10 ** scale)).flat(), [
      M.shape[0]!,
      M.shape[1]!,
    ])
  const [a, b] = [down(A), down(B)]
  const D = minus(times(a, a, true), times(b, b, true))
  return eigh(D).values
}

/** What rounding may add to a squared length, in the same units: each shrinking is a backward stable SVD. */
const rounding = (c: Case, shrinks: number): number =>
  YARDSTICK *
  EPS *
  Math.max(c.m, c.n) *
  (1 + shrinks) *
  Math.hypot(...SPECTRA[c.spectrum](Math.min(c.m, c.n))) ** 2

describe('frequentDirections', () => {
  test('0 <= ‖Ax‖² − ‖Bx‖² <= Δ, Δ within its bound for every k, and the mass that is lost pays for it', () => {
    fc.assert(
      fc.property(hard, lengths, fc.integer({ min: 1, max: 40 }), (c, l, block) => {
        const A = build(c)
        const {
          sketch,
          errorBound,
          norm: size,
        } = pushed(frequentDirections({ d: c.n, l }), A, block).result()
        expect(sketch.shape).toEqual([l, c.n])
        const unit = 10 ** c.scale
        const room = rounding(c, c.m / l)
        const delta = errorBound / unit / unit
        const values = difference(A, sketch, c.scale)
        expect(values[0]).toBeGreaterThanOrEqual(-room)
        expect(values.at(-1)).toBeLessThanOrEqual(delta + room)
        const s = SPECTRA[c.spectrum](Math.min(c.m, c.n))
        for (let k = 0; k <= l; k++) expect(delta).toBeLessThanOrEqual(tail(s, k) ** 2 / (l + 1 - k) + room)
        const [whole, kept] = [norm(A) / unit, norm(sketch) / unit]
        expect(whole ** 2 - kept ** 2).toBeGreaterThanOrEqual((l + 1) * delta - room)
        expect(Math.abs(size / unit - whole)).toBeLessThanOrEqual(room / Math.max(whole, 1))
      }),
      RUNS,
    )
  })

  test('merged streams keep the promise for all their rows, and the other stays as it is', () => {
    fc.assert(
      fc.property(hard, lengths, fc.integer({ min: 0, max: 60 }), (c, l, cutAt) => {
        const A = build(c)
        const middle = Math.min(cutAt, c.m)
        const first = pushed(frequentDirections({ d: c.n, l }), rowsOf(A, 0, middle), 7)
        const second = pushed(frequentDirections({ d: c.n, l }), rowsOf(A, middle, c.m), 5)
        const before = second.result()
        first.merge(second)
        expect(second.result().sketch.data).toEqual(before.sketch.data)
        expect(first.rows).toBe(c.m)
        const { sketch, errorBound } = first.result()
        const unit = 10 ** c.scale
        const room = rounding(c, 2 + c.m / l)
        const delta = errorBound / unit / unit
        const values = difference(A, sketch, c.scale)
        expect(values[0]).toBeGreaterThanOrEqual(-room)
        expect(values.at(-1)).toBeLessThanOrEqual(delta + room)
        const s = SPECTRA[c.spectrum](Math.min(c.m, c.n))
        for (let k = 0; k <= l; k++) expect(delta).toBeLessThanOrEqual(tail(s, k) ** 2 / (l + 1 - k) + room)
      }),
      RUNS,
    )
  })

  test('l above the rank loses nothing', () => {
    fc.assert(
      fc.property(cases({ minSide: 1, maxSide: 14 }), (c) => {
        const stream = pushed(frequentDirections({ d: c.n, l: 15 }), build(c), 3)
        const unit = 10 ** c.scale
        expect(stream.result().errorBound / unit / unit).toBeLessThanOrEqual(rounding(c, 2))
      }),
      RUNS,
    )
  })

  test('a result does not disturb what comes after, to the bit', () => {
    const A = random.normal([50, 8], { seed: 1 })
    const [asked, left] = [frequentDirections({ d: 8, l: 4 }), frequentDirections({ d: 8, l: 4 })]
    for (let i = 0; i < 50; i += 3) {
      for (const stream of [asked, left]) stream.push(rowsOf(A, i, Math.min(50, i + 3)))
      asked.result().sketch.data.fill(NaN)
    }
    expect(asked.result()).toEqual(left.result())
  })

  test('what does not fit is refused', () => {
    const stream = frequentDirections({ d: 4, l: 2 })
    expect(() => frequentDirections({ d: 0, l: 2 })).toThrow(OptionError)
    expect(() => frequentDirections({ d: 4, l: 1.5 })).toThrow(/options.l/)
    expect(() => stream.merge(stream)).toThrow(/given itself/)
    expect(() => stream.merge({} as never)).toThrow(OptionError)
    expect(() => stream.merge(frequentDirections({ d: 4, l: 3 }))).toThrow(ShapeError)
    expect(stream.result()).toMatchObject({ errorBound: 0, norm: 0 })
    expect(norm(stream.result().sketch)).toBe(0)
  })
})

const STREAMS: Record<string, (d: number) => RowStream<unknown>> = {
  frequentDirections: (d) => frequentDirections({ d, l: 3 }),
  streamingTopEigenvector: (d) => streamingTopEigenvector({ d, length: 60, heavy: 4 }),
  oja: (d) => oja({ d, k: 2, batch: 7 }),
}

describe.each(Object.entries(STREAMS))('%s as a stream', (name, open) => {
  const A = random.normal([60, 6], { seed: 2 })

  test('takes blocks in any layout, rows, nested arrays and operators, all the same', async () => {
    const expected = pushed(open(6), A).result()
    const dense = asOperator(A)
    const bare = { shape: dense.shape, matmat: dense.matmat, rmatmat: dense.rmatmat }
    const inputs: (() => RowStream<unknown>)[] = [
      ...LAYOUTS.map((layout) => () => pushed(open(6), relaid(A, layout))),
      () => pushed(open(6), A, 13),
      () => {
        const stream = open(6)
        for (const row of toNested(A)) stream.push(row)
        return stream
      },
      () => {
        const stream = open(6)
        stream.push(toNested(A))
        return stream
      },
      () => {
        const stream = open(6)
        stream.push(operator(bare))
        return stream
      },
    ]
    const close = (found: unknown): void => {
      const numbers = (x: unknown): number[] =>
        typeof x === 'number'
          ? [x]
          : x instanceof Float64Array
            ? Array.from(x)
            : Object.values(x as object).flatMap((value: unknown) =>
                value !== null && typeof value === 'object' && 'data' in value
                  ? numbers(value.data)
                  : numbers(value),
              )
      const [got, wanted] = [numbers(found), numbers(expected)]
      expect(got).toHaveLength(wanted.length)
      // Sums over blocks of other sizes are rounded otherwise; the spectrum of A is not close to degenerate.
      got.forEach((x, e) =>
        expect(Math.abs(x - wanted[e]!)).toBeLessThanOrEqual(1e4 * EPS * (1 + Math.abs(wanted[e]!))),
      )
    }
    for (const make of inputs) close(make().result())
    const waiting = open(6)
    const later = {
      async: true as const,
      matmat: (X: Matrix) => Promise.resolve(dense.matmat(X)),
      rmatmat: (Y: Matrix) => Promise.resolve(dense.rmatmat(Y)),
    }
    await waiting.push(operator({ ...bare, ...later }))
    close(waiting.result())
    const cooperative = open(6)
    await cooperative.push.async(A)
    close(cooperative.result())
    expect(cooperative.rows).toBe(60)
  })

  test('a push that fails, or is aborted, has taken nothing in', async () => {
    const [stream, clean] = [open(6), open(6)]
    for (const s of [stream, clean]) s.push(rowsOf(A, 0, 25))
    const bad = matrix(toNested(A))
    bad.set(59, 3, NaN)
    expect(() => stream.push(bad)).toThrow(NotFiniteError)
    expect(() => stream.push([1, 2, Infinity, 4, 5, 6])).toThrow(NotFiniteError)
    expect(() => stream.push([1, 2])).toThrow(
      new RegExp(`${name}: rows: expected rows of 6 numbers, given 1×2`),
    )
    expect(() => stream.push(A, { nothing: 1 } as never)).toThrow(OptionError)
    const controller = new AbortController()
    const late = stream.push.async(random.normal([40000, 6]), { signal: controller.signal })
    expect(() => stream.push(A)).toThrow(/one push at a time/)
    controller.abort()
    await expect(late).rejects.toThrow(/abort/)
    expect(stream.rows).toBe(25)
    for (const s of [stream, clean]) s.push(rowsOf(A, 25, 60))
    expect(stream.result()).toEqual(clean.result())
  })

  test('the same rows give the same bits, and a stream of zeros is finite', () => {
    expect(pushed(open(6), A, 9).result()).toEqual(pushed(open(6), A, 9).result())
    const zeros = pushed(open(6), matrix(new Float64Array(120), [20, 6])).result()
    expect(JSON.stringify(zeros)).not.toContain('null')
  })
})

describe('streamingTopEigenvector', () => {
  const correlation = (A: Matrix, vector: Float64Array): number => {
    const V = eigh(times(A, A, true)).vectors
    let dot = 0
    vector.forEach((x, j) => (dot += x * V.get(j, V.shape[1]! - 1)))
    return dot * dot
  }

  test('as long as all rows are kept it is exact, at every scale', () => {
    fc.assert(
      fc.property(
        cases({ minSide: 2, maxSide: 16, spectra: ['exponential'], scales: [0, 150, -150, 250] }),
        (c) => {
          const A = build(c)
          const stream = streamingTopEigenvector({ d: c.n, length: 16, heavy: 16, seed: c.seed })
          const { vector, value } = pushed(stream, A, 5).result()
          const top = spectrumOf(c)[0]!
          const units = YARDSTICK * EPS * 16
          expect(Math.abs(Math.hypot(...vector) - 1)).toBeLessThanOrEqual(units)
          if (top * top < Infinity && top * top > 0)
            expect(Math.abs(value / top / top - 1)).toBeLessThanOrEqual(units)
          const down = matrix(Array.from(toNested(A), (row) => row.map((x) => x / 10 ** c.scale)))
          expect(1 - correlation(down, vector)).toBeLessThanOrEqual(units)
        },
      ),
      RUNS,
    )
  })

  test('finds the vector of a gap, row signs or no, on 97 of 100 seeds, and a heavy row wherever it comes', () => {
    const [n, d] = [2000, 10]
    let [good, heavy] = [0, 0]
    for (let seed = 0; seed < 100; seed++) {
      const A = random.normal([n, d], { seed })
      for (let i = 0; i < n; i++) A.set(i, 0, 3 * A.get(i, 0))
      const stream = streamingTopEigenvector({ d, length: n, seed })
      if (correlation(A, pushed(stream, A).result().vector) > 0.98) good++
      const flat = random.normal([n, d], { seed: seed + 1000 })
      flat.set((seed * 20) % n, seed % d, Math.sqrt(4 * n))
      const found = pushed(streamingTopEigenvector({ d, length: n, seed }), flat, 100).result()
      if (correlation(flat, found.vector) > 0.98) heavy++
    }
    expect(good).toBeGreaterThanOrEqual(97)
    expect(heavy).toBeGreaterThanOrEqual(97)
  })

  test('turning the signs of rows changes nothing but rounding', () => {
    const A = random.normal([300, 5], { seed: 3 })
    const turned = matrix(toNested(A).map((row, i) => (i % 3 === 0 ? row.map((x) => -x) : row)))
    const run = (M: Matrix): Float64Array =>
      pushed(streamingTopEigenvector({ d: 5, length: 300, heavy: 8 }), M).result().vector
    const [one, other] = [run(A), run(turned)]
    one.forEach((x, j) => expect(Math.abs(x - other[j]!)).toBeLessThanOrEqual(YARDSTICK * EPS * 300))
  })

  test('more or fewer rows than were announced are fine', () => {
    const A = random.normal([1500, 6], { seed: 4 })
    for (let i = 0; i < 1500; i++) A.set(i, 2, 3 * A.get(i, 2))
    for (const length of [100, 1500, 30000]) {
      const { vector, value } = pushed(streamingTopEigenvector({ d: 6, length }), A).result()
      expect(correlation(A, vector)).toBeGreaterThan(0.97)
      // A sample of 30 rows at least knows a variance to √(2/30).
      expect(Math.abs(value / eigh(times(A, A, true)).values[5]! - 1)).toBeLessThan(4 * Math.sqrt(2 / 30))
    }
  })

  test('what makes no sense is refused', () => {
    expect(() => streamingTopEigenvector({ d: 3, length: 0 })).toThrow(/options.length/)
    expect(() => streamingTopEigenvector({ d: 3, length: 4 }).result()).toThrow(/expected a row at least/)
  })
})

describe('oja', () => {
  test('orthonormal vectors that come to the top span, at any scale, on 97 of 100 seeds', () => {
    const [n, d, k] = [5000, 8, 2]
    let good = 0
    for (let seed = 0; seed < 100; seed++) {
      const unit = [1, 1e120, 1e-120][seed % 3]!
      const A = random.normal([n, d], { seed })
      for (let i = 0; i < n; i++)
        for (let j = 0; j < d; j++) A.set(i, j, unit * (j < k ? 4 : 1) * A.get(i, j))
      const { vectors } = pushed(oja({ d, k, seed }), A).result()
      expect(orthogonalityUnits(vectors)).toBeLessThan(YARDSTICK)
      let captured = 0
      for (let j = 0; j < k; j++) for (let t = 0; t < k; t++) captured += vectors.get(t, j) ** 2
      if (captured > 0.97 * k) good++
    }
    expect(good).toBeGreaterThanOrEqual(97)
  })

  test('a rate of one’s own is asked once a batch; a bad one leaves the stream as it was', () => {
    const A = random.normal([35, 4])
    const asked: number[] = []
    const stream = oja({ d: 4, batch: 10, rate: (t) => (asked.push(t), t < 4 ? 1 / t : NaN) })
    stream.push(A)
    expect(asked).toEqual([1, 2, 3])
    expect(() => stream.push(A)).toThrow(/oja: options.rate\(t\): expected a number above 0, given NaN/)
    expect(stream.rows).toBe(35)
    expect(() => oja({ d: 2, k: 3 })).toThrow(/at most d = 2/)
    expect(() => oja({ d: 2 }).result()).toThrow(/expected a row at least/)
  })
})

test('a matrix with a spectrum is what the bounds speak of', () => {
  expect(norm(withSpectrum(4, 3, [2, 1, 0]))).toBeCloseTo(Math.sqrt(5), 12)
})
