import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { incrementalSvd } from '../../src/factorize/index.js'
import type { IncrementalSvd, IncrementalSvdStream } from '../../src/factorize/index.js'
import {
  NotFiniteError,
  OptionError,
  ShapeError,
  asOperator,
  csr,
  matrix,
  norm,
  operator,
  random,
  svdvals,
  toNested,
  zeros,
} from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { withSpectrum } from '../../src/testing/index.js'
import { LAYOUTS, RUNS, SPECTRA, build, cases, relaid } from '../support/cases.js'
import type { Case } from '../support/cases.js'
import {
  EPS,
  YARDSTICK,
  assembled,
  expectDescending,
  expectOriented,
  minus,
  orthogonalityUnits,
  residualUnits,
  tail,
} from '../support/measures.js'

const ranks = fc.integer({ min: 1, max: 8 })
const hard = cases({ minSide: 1, scales: [0, 150, -150] })

const rowsOf = (A: Matrix, from: number, to: number): Matrix => A.lo(from, 0).hi(to - from, A.shape[1]!)

function pushed<R>(stream: IncrementalSvdStream<R>, A: Matrix, block = A.shape[0]!): IncrementalSvdStream<R> {
  for (let i = 0; i < A.shape[0]!; i += block) stream.push(rowsOf(A, i, Math.min(A.shape[0]!, i + block)))
  return stream
}

/** Rows below each other. */
const below = (A: Matrix, B: Matrix): Matrix => matrix([...toNested(A), ...toNested(B)])

/** Each SVD rounds by so much, relative to the norm, and there is one for each 2·keep rows. */
const rounding = (A: Matrix, keep: number): number =>
  YARDSTICK * EPS * Math.max(...A.shape) * (1 + A.shape[0]! / (2 * keep))

function expectSvd({ U, s, Vt }: IncrementalSvd, steps: number): void {
  expectDescending(s)
  expectOriented(U)
  expect(orthogonalityUnits(U)).toBeLessThan(YARDSTICK * steps)
  expect(orthogonalityUnits(Vt.transpose(1, 0))).toBeLessThan(YARDSTICK)
}

/** ‖A − Â‖ / ‖A‖, with what rounding may add. */
const trueError = (A: Matrix, { U, s, Vt }: IncrementalSvd): number => {
  const size = norm(A)
  return size === 0 ? 0 : norm(minus(A, assembled(U, s, Vt))) / size
}

function expectHonest(A: Matrix, found: IncrementalSvd, rank: number, keep: number): void {
  const slack = rounding(A, keep)
  const size = norm(A)
  expect(found.shape).toEqual(A.shape)
  expect(found.rank).toBe(Math.min(rank, ...A.shape))
  expect(found.passes).toBe(1)
  expectSvd(found, 1 + A.shape[0]! / (2 * keep))
  expect(Math.abs(found.norm - size)).toBeLessThanOrEqual(slack * size)
  // The error is what the ledger says, to rounding.
  expect(Math.abs(found.errorEstimate - trueError(A, found))).toBeLessThanOrEqual(slack)
  if (size === 0) return
  const R = minus(A, assembled(found.U, found.s, found.Vt))
  expect(norm(R, 2)).toBeLessThanOrEqual(found.spectralBound + slack * size)
  const [sigma, bound] = [svdvals(A), found.valueBound / size]
  found.s.forEach((value, i) => {
    const [low, high] = [value / size, sigma[i]! / size]
    expect(low).toBeLessThanOrEqual(high + slack)
    expect(high).toBeLessThanOrEqual(Math.hypot(low, bound) + slack)
  })
  const best = tail(
    sigma.map((value) => value / size),
    rank,
  )
  expect(found.errorEstimate).toBeLessThanOrEqual(Math.hypot(best, Math.sqrt(rank) * bound) + slack)
}

describe('incrementalSvd', () => {
  test('the error is exact, and within its bounds, at every scale and spectrum', () => {
    fc.assert(
      fc.property(
        hard,
        ranks,
        fc.integer({ min: 0, max: 3 }),
        fc.integer({ min: 1, max: 30 }),
        (c, rank, more, block) => {
          const A = build(c)
          const found = pushed(incrementalSvd({ rank, keep: rank + more }), A, block).result()
          expectHonest(A, found, rank, rank + more)
        },
      ),
      RUNS,
    )
  })

  test('a rank that suffices loses nothing', () => {
    fc.assert(
      fc.property(hard, (c) => {
        const A = build(c)
        const rank = Math.max(1, SPECTRA[c.spectrum](Math.min(c.m, c.n)).filter((s) => s > 0).length)
        const found = pushed(incrementalSvd({ rank, keep: rank }), A, 4).result()
        expect(found.errorEstimate).toBeLessThan(rounding(A, rank))
        expect(residualUnits(A, assembled(found.U, found.s, found.Vt))).toBeLessThan(
          YARDSTICK * (1 + c.m / (2 * rank)),
        )
      }),
      RUNS,
    )
  })

  test('what fits into one block is the truncated SVD', () => {
    fc.assert(
      fc.property(cases({ minSide: 1, maxSide: 24, scales: [0, 150, -150] }), ranks, (c, rank) => {
        const A = build(c)
        const found = pushed(incrementalSvd({ rank, keep: 8 }), A).result()
        const [sigma, size] = [svdvals(A), norm(A)]
        expect(found.valueBound).toBe(0)
        found.s.forEach((value, i) =>
          expect(Math.abs(value - sigma[i]!)).toBeLessThanOrEqual(rounding(A, 8) * size),
        )
        if (size > 0) {
          const best = tail(
            sigma.map((value) => value / size),
            rank,
          )
          expect(Math.abs(found.errorEstimate - best)).toBeLessThanOrEqual(rounding(A, 8))
        }
      }),
      RUNS,
    )
  })

  test.each([9, 20])(
    'how %d columns are cut into pushes does not matter, nor a result in between, to the bit',
    (d) => {
      const A = random.normal([70, d], { seed: 1 })
      const expected = pushed(incrementalSvd({ rank: 3 }), A).result()
      for (const block of [1, 7, 18, 69]) {
        const stream = incrementalSvd({ rank: 3 })
        for (let i = 0; i < 70; i += block) {
          stream.push(rowsOf(A, i, Math.min(70, i + block)))
          const early = stream.result()
          for (const { data } of [early.U, early.Vt]) data.fill(NaN)
          early.s.fill(NaN)
        }
        const { U, s, Vt, errorEstimate } = stream.result()
        expect([U.data, s, Vt.data, errorEstimate]).toEqual([
          expected.U.data,
          expected.s,
          expected.Vt.data,
          expected.errorEstimate,
        ])
      }
    },
  )

  test('merged streams are honest about all their rows; the other stays as it is', () => {
    fc.assert(
      fc.property(hard, ranks, fc.integer({ min: 0, max: 60 }), (c: Case, rank, cutAt) => {
        const A = build(c)
        const middle = Math.min(cutAt, c.m)
        const [first, second] = [incrementalSvd({ rank }), incrementalSvd({ rank })]
        pushed(first, rowsOf(A, 0, middle), 7)
        pushed(second, rowsOf(A, middle, c.m), 5)
        const before = second.result()
        first.merge(second)
        expect(second.result().U.data).toEqual(before.U.data)
        expect(first.rows).toBe(c.m)
        const early = first.result()
        for (const numbers of [early.U.data, early.s, early.Vt.data]) numbers.fill(NaN)
        expectHonest(A, first.result(), rank, rank)
        // Rows may go on coming after a merge.
        first.push(rowsOf(A, 0, middle))
        expectHonest(below(A, rowsOf(A, 0, middle)), first.result(), rank, rank)
      }),
      RUNS,
    )
  })

  test("'right' is the same without U", () => {
    const A = withSpectrum(80, 12, SPECTRA.polynomial(12), { seed: 2 })
    const [both, right] = [
      pushed(incrementalSvd({ rank: 4 }), A, 9).result(),
      pushed(incrementalSvd({ rank: 4, vectors: 'right' }), A, 9).result(),
    ]
    expect(right).not.toHaveProperty('U')
    expect([right.s, right.errorEstimate, right.valueBound, right.rank]).toEqual([
      both.s,
      both.errorEstimate,
      both.valueBound,
      4,
    ])
    expect(Array.from(right.Vt.data, Math.abs)).toEqual(Array.from(both.Vt.data, Math.abs))
    expectOriented(right.Vt.transpose(1, 0))
  })

  test('the order of the rows, and an orthogonal change of the numbers, move no value where the rank suffices', () => {
    const A = withSpectrum(60, 10, [4, 3, 2, 1], { seed: 3 })
    const turned = matrix(toNested(A).reverse())
    const run = (M: Matrix): Float64Array => pushed(incrementalSvd({ rank: 4, keep: 4 }), M, 11).result().s
    const swapped = matrix(toNested(A).map((row) => [...row].reverse().map((x) => -x)))
    for (const M of [turned, swapped])
      run(M).forEach((value, i) => expect(Math.abs(value - (4 - i))).toBeLessThan(rounding(A, 4) * norm(A)))
  })

  test('every door gives the same answer', async () => {
    const A = withSpectrum(40, 12, SPECTRA.exponential(12), { seed: 4 })
    const expected = pushed(incrementalSvd({ rank: 3, keep: 3 }), A).result()
    const { shape, matmat, rmatmat } = asOperator(A)
    const cells = Array.from({ length: 480 }, (_, e) => e)
    const later = {
      async: true as const,
      matmat: (X: Matrix) => Promise.resolve(matmat(X)),
      rmatmat: (Y: Matrix) => Promise.resolve(rmatmat(Y)),
    }
    const open = (): IncrementalSvdStream<IncrementalSvd> => incrementalSvd({ rank: 3, keep: 3 })
    const streams = [
      ...LAYOUTS.map((layout) => pushed(open(), relaid(A, layout), 9)),
      ...[
        toNested(A),
        operator({ shape, matmat, rmatmat }),
        csr({
          shape: [40, 12],
          rows: cells.map((e) => Math.floor(e / 12)),
          cols: cells.map((e) => e % 12),
          values: A.data,
        }),
      ].map((given) => {
        const stream = open()
        stream.push(given)
        return stream
      }),
    ]
    for (const given of [operator({ shape, ...later }), A]) {
      const stream = open()
      await stream.push.async(given)
      streams.push(stream)
    }
    for (const stream of streams) {
      const { U, s, Vt, errorEstimate } = stream.result()
      expect([stream.rows, stream.d]).toEqual([40, 12])
      expect(residualUnits(assembled(expected.U, expected.s, expected.Vt), assembled(U, s, Vt))).toBeLessThan(
        YARDSTICK,
      )
      expect(Math.abs(errorEstimate - expected.errorEstimate)).toBeLessThan(rounding(A, 3))
    }
  })

  test('a long stream of single rows stays orthonormal and exact', () => {
    const A = withSpectrum(1500, 6, [3, 2, 1], { seed: 5 })
    const stream = incrementalSvd({ rank: 3, keep: 3 })
    for (const row of toNested(A)) stream.push(row)
    expectHonest(A, stream.result(), 3, 3)
  })

  test('a push that fails, or is aborted, has taken nothing in; nothing comes between', async () => {
    const A = random.normal([60, 6], { seed: 6 })
    const [stream, clean] = [incrementalSvd({ rank: 2 }), incrementalSvd({ rank: 2 })]
    const bad = matrix(toNested(A))
    bad.set(59, 3, NaN)
    expect(() => stream.push(bad)).toThrow(NotFiniteError)
    expect(stream.d).toBe(0)
    // As many as one block holds, so that the next row begins another.
    const long = random.normal([36, 6], { seed: 7 })
    for (const s of [stream, clean]) s.push(long)
    for (const s of [stream, clean]) s.push(rowsOf(A, 0, 25))
    expect(() => stream.push(bad)).toThrow(NotFiniteError)
    // One that fails when part of it has been taken in.
    const { matmat, rmatmat } = asOperator(zeros([30000, 6]))
    const rows = (I: Int32Array): Matrix => {
      if (I[0]! > 0) throw new RangeError('no more')
      return random.normal([I.length, 6])
    }
    expect(() => stream.push(operator({ shape: [30000, 6], matmat, rmatmat, rows }))).toThrow(/no more/)
    expect(() => stream.push([1, 2])).toThrow(/incrementalSvd: rows: expected rows of 6 numbers, given 1×2/)
    const controller = new AbortController()
    const late = stream.push.async(random.normal([40000, 6]), { signal: controller.signal })
    expect(() => stream.push(A)).toThrow(/one push at a time/)
    expect(() => stream.merge(clean)).toThrow(/one push at a time/)
    controller.abort()
    await expect(late).rejects.toThrow(/abort/)
    expect(stream.rows).toBe(61)
    for (const s of [stream, clean]) s.push(rowsOf(A, 25, 60))
    expect(stream.result().U.data).toEqual(clean.result().U.data)
  })

  test('no rows, rows of zeros, one number', () => {
    const stream = incrementalSvd({ rank: 3 })
    expect(stream.result()).toMatchObject({ shape: [0, 0], rank: 0, errorEstimate: 0, norm: 0 })
    stream.push(zeros([0, 5]))
    expect(stream.result().shape).toEqual([0, 5])
    stream.push(zeros([40, 5]))
    const found = stream.result()
    expect([found.rank, found.errorEstimate, Array.from(found.s)]).toEqual([3, 0, [0, 0, 0]])
    expectSvd(found, 10)
    const one = incrementalSvd({ rank: 3 })
    one.push([-2])
    expect([one.result().rank, one.result().s[0], one.result().Vt.data[0]]).toEqual([1, 2, -1])
    const empty = incrementalSvd({ rank: 3 })
    empty.merge(incrementalSvd({ rank: 3 }))
    empty.merge(one)
    expect([empty.d, empty.rows, empty.result().s[0]]).toEqual([1, 1, 2])
    one.merge(incrementalSvd({ rank: 3 }))
    expect([one.d, one.rows]).toEqual([1, 1])
  })

  test('what makes no sense is refused', () => {
    const stream = incrementalSvd({ rank: 3 })
    for (const rank of [0, -1, 1.5, NaN, undefined]) {
      expect(() => incrementalSvd({ rank: rank as number })).toThrow(/incrementalSvd: options.rank/)
    }
    expect(() => incrementalSvd({ rank: 3, keep: 2 })).toThrow(
      /options.keep: expected at least rank = 3, given 2/,
    )
    expect(() => incrementalSvd({ rank: 3, vectors: 'left' as never })).toThrow(OptionError)
    expect(() => incrementalSvd({ rank: 3, d: 4 } as never)).toThrow(/unknown option d/)
    for (const rows of [[], [[]], zeros([3, 0])]) expect(() => stream.push(rows)).toThrow(ShapeError)
    expect(() => stream.merge(stream)).toThrow(/given itself/)
    for (const other of [null, {}, 3]) expect(() => stream.merge(other as never)).toThrow(OptionError)
    stream.push([1, 2])
    const [longer, right] = [incrementalSvd({ rank: 3 }), incrementalSvd({ rank: 3, vectors: 'right' })]
    longer.push([1, 2, 3])
    expect(() => stream.merge(longer)).toThrow(/expected d = 2, vectors = both, given d = 3/)
    expect(() => stream.merge(right as never)).toThrow(ShapeError)
    expect(stream.rows).toBe(1)
  })
})
