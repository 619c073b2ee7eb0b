import fc from 'fast-check'
import { expect, test } from 'vitest'
import { chebyshevTucker } from '../../src/factorize/index.js'
import type { ChebyshevTucker } from '../../src/factorize/index.js'
import { random } from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { RUNS } from '../support/cases.js'
import { EPS, YARDSTICK } from '../support/measures.js'

type Box = [number, number][]
type F = (x: ArrayLike<number>) => number

const FEW = { ...RUNS, numRuns: 25 }
const seed = fc.nat(2 ** 31 - 1)
const variables = fc.integer({ min: 2, max: 4 })
const boxes = (d: number): fc.Arbitrary<Box> =>
  fc
    .array(
      fc.tuple(fc.double({ min: -3, max: 3, noNaN: true }), fc.double({ min: 0.1, max: 4, noNaN: true })),
      { minLength: d, maxLength: d },
    )
    .map((pairs) => pairs.map(([low, length]) => [low, low + length]))

/** Random points of a box, one per row. */
function pointsIn(box: Box, count: number, seed: number): Matrix {
  const P = random.uniform([count, box.length], { seed })
  P.data.forEach((u, e) => {
    const [low, high] = box[e % box.length]!
    P.data[e] = low + u * (high - low)
  })
  return P
}

const rowsOf = (P: Matrix): number[][] =>
  Array.from({ length: P.shape[0]! }, (_, p) => Array.from({ length: P.shape[1]! }, (_, n) => P.get(p, n)))

/** The errors at fresh points, ascending, and the largest |f| there. */
function errorsOf(f: F, near: ChebyshevTucker, P: Matrix): { errors: Float64Array; largest: number } {
  const truth = rowsOf(P).map(f)
  const errors = near.evaluate(P).map((value, p) => Math.abs(value - truth[p]!))
  return { errors: errors.sort(), largest: Math.max(...truth.map(Math.abs)) }
}

/** Σ over `terms` of products of random polynomials of the given degree, in the coordinates of the box. */
function separable(box: Box, degree: number, terms: number, seed: number): F {
  const c = random.normal([terms, box.length, degree + 1], { seed })
  return (x) => {
    let sum = 0
    for (let r = 0; r < terms; r++) {
      let product = 1
      box.forEach(([low, high], n) => {
        const t = (x[n]! - low + (x[n]! - high)) / (high - low)
        let value = 0
        for (let k = degree; k >= 0; k--) value = value * t + c.get(r, n, k)
        product *= value
      })
      sum += product
    }
    return sum
  }
}

/** Smooth functions that are no polynomials. */
const SMOOTH: Record<string, (x: ArrayLike<number>, a: number) => number> = {
  kernel: (x, a) => 1 / Math.sqrt(a ** 2 + Array.from(x).reduce((sum, t) => sum + t * t, 0)),
  gaussian: (x, a) => Math.exp(-Array.from(x).reduce((sum, t) => sum + t * t, 0) / (4 * a ** 2)),
  wave: (x, a) => Math.sin(Array.from(x).reduce((sum, t, n) => sum + (n + 1) * a * t, 0)),
  rational: (x, a) => 1 / (a + 13 + Array.from(x).reduce((sum, t) => sum + t, 0)),
}

test('polynomials are found exactly, with the rank of their terms', () => {
  fc.assert(
    fc.property(
      variables.chain((d) =>
        fc.tuple(boxes(d), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 2, max: 5 }), seed),
      ),
      ([box, terms, degree, seed]) => {
        const f = separable(box, degree, terms, seed)
        const near = chebyshevTucker(f, { box, degrees: degree, rtol: 1e-11 })
        expect(near.samples).toBe((degree + 1) ** box.length + 256)
        near.ranks.forEach((rank) => expect(rank).toBeLessThanOrEqual(terms))
        const { errors, largest } = errorsOf(f, near, pointsIn(box, 200, seed + 1))
        // The truncated part of the samples, times Lebesgue's constant (below 3 for so few points) in each variable.
        const room = 1e-11 * Math.sqrt((degree + 1) ** box.length) * 3 ** box.length
        expect(errors.at(-1)).toBeLessThanOrEqual(room * largest)
        const fine = chebyshevTucker(f, { box, degrees: degree, rtol: 0 })
        const whole = errorsOf(f, fine, pointsIn(box, 200, seed + 1))
        // So is rounding multiplied; terms that cancel, and coordinates that are rounded, lose two digits more.
        expect(whole.errors.at(-1)).toBeLessThanOrEqual(
          YARDSTICK * EPS * 3 ** box.length * 100 * whole.largest,
        )
        fine.factors.forEach((U) => expect(U.shape[0]).toBe(degree + 1))
      },
    ),
    FEW,
  )
})

test('smooth functions within rtol at nearly all points, ranks that grow with accuracy', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 3 }).chain(boxes),
      fc.constantFrom(...Object.keys(SMOOTH)),
      fc.double({ min: 0.8, max: 1.5, noNaN: true }),
      seed,
      (box, name, a, seed) => {
        const f: F = (x) => SMOOTH[name]!(x, a)
        const P = pointsIn(box, 500, seed)
        let before = box.map(() => 0)
        for (const rtol of [1e-3, 1e-6, 1e-9]) {
          const near = chebyshevTucker(f, { box, rtol })
          expect(near.errorEstimate).toBeLessThanOrEqual(rtol)
          const { errors, largest } = errorsOf(f, near, P)
          // All of 256 random points were: were it fewer than 97 %, that had a chance below 4·10⁻⁴.
          expect(errors[Math.floor(0.97 * 500)]).toBeLessThanOrEqual(
            rtol * Math.max(largest, f(box.map(([low]) => low))),
          )
          expect(errors.at(-1)! / largest).toBeLessThan(100 * rtol)
          near.ranks.forEach((rank, n) => expect(rank).toBeGreaterThanOrEqual(before[n]!))
          before = Array.from(near.ranks)
        }
      },
    ),
    FEW,
  )
})

test('an affine change of variables, a factor, and the order of variables change what they should', () => {
  fc.assert(
    fc.property(boxes(3), fc.constantFrom(0, 150, -150), seed, (box, scale, seed) => {
      const options = { degrees: [9, 7, 8], rtol: 1e-9 }
      const f: F = (x) => SMOOTH.kernel!(x, 1) + SMOOTH.wave!(x, 0.3)
      const near = chebyshevTucker(f, { box, ...options })
      const unit: Box = box.map(() => [-1, 1])
      const moved = chebyshevTucker(
        (t) =>
          10 ** scale * f(box.map(([low, high], n) => low * ((1 - t[n]!) / 2) + high * ((1 + t[n]!) / 2))),
        { box: unit, ...options },
      )
      expect(moved.ranks).toEqual(near.ranks)
      const turned = chebyshevTucker((x) => f([x[2]!, x[0]!, x[1]!]), {
        box: [box[1]!, box[2]!, box[0]!],
        ...options,
        degrees: [7, 8, 9],
      })
      const P = pointsIn(box, 50, seed)
      const values = near.evaluate(P)
      const largest = Math.max(...values.map(Math.abs))
      // Both are decompositions to 10⁻⁹ of the same polynomial; the first even the same one.
      rowsOf(P).forEach((x, p) => {
        const t = x.map((value, n) => (value - box[n]![0] + (value - box[n]![1])) / (box[n]![1] - box[n]![0]))
        const inside = t.map((value) => Math.max(-1, Math.min(1, value)))
        expect(Math.abs(moved.evaluate(inside) / 10 ** scale - values[p]!)).toBeLessThanOrEqual(
          1e-10 * largest,
        )
        expect(Math.abs(turned.evaluate([x[1]!, x[2]!, x[0]!]) - values[p]!)).toBeLessThanOrEqual(
          1e-7 * largest,
        )
      })
    }),
    FEW,
  )
})

test('many points at once give what each gives; cooperative runs give the same bits', async () => {
  const box: Box = [
    [0, 1],
    [-1, 2],
    [3, 4],
  ]
  const f: F = (x) => SMOOTH.rational!(x, 1)
  const near = chebyshevTucker(f, { box })
  const P = pointsIn(box, 2500, 4)
  const values = near.evaluate(P)
  rowsOf(P).forEach((x, p) => {
    if (p % 50 === 0)
      expect(Math.abs(near.evaluate(x) - values[p]!)).toBeLessThanOrEqual(YARDSTICK * EPS * values[p]!)
  })
  expect(near.evaluate(rowsOf(P).slice(0, 1025))).toEqual(values.slice(0, 1025))
  const other = await chebyshevTucker.async(f, { box })
  expect(other.core.data).toEqual(near.core.data)
  expect(other.evaluate(P)).toEqual(values)
})

test('the core and the factors are what they are said to be', () => {
  const box: Box = [
    [0, 1],
    [-1, 2],
  ]
  const { core, factors, evaluate, ranks, degrees } = chebyshevTucker((x) => Math.exp(x[0]! * x[1]!), { box })
  expect(factors.map((U) => U.shape)).toEqual([0, 1].map((n) => [degrees[n]! + 1, ranks[n]!]))
  const x = [0.3, 1.1]
  const u = factors.map((U, n) => {
    const [low, high] = box[n]!
    const angle = Math.acos((2 * x[n]! - low - high) / (high - low))
    return Array.from({ length: U.shape[1]! }, (_, i) => {
      let sum = 0
      for (let k = 0; k < U.shape[0]!; k++) sum += U.get(k, i) * Math.cos(k * angle)
      return sum
    })
  })
  let sum = 0
  u[0]!.forEach((a, i) => u[1]!.forEach((b, j) => (sum += a * b * core.get(i, j))))
  expect(sum).toBeCloseTo(evaluate(x), 12)
  expect(sum).toBeCloseTo(Math.exp(0.33), 7)
})
