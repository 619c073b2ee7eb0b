import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runSync } from '../../src/linalg/steps.js'
import { BarrierRows } from '../../src/sketch/lpsolve.js'
import { RUNS } from '../support/cases.js'

const inputs = fc.record({
  p: fc.constantFrom(1, 1.1, 1.7, 2, 3, 9),
  r: fc.double({ min: -3, max: 3, noNaN: true }),
  log: fc.double({ min: 0, max: 12, noNaN: true }),
})

function at(p: number, r: number, log: number): { first: number; second: number } {
  const rows = new BarrierRows(1, p)
  runSync(rows.moveSteps(Float64Array.of(r), log))
  return { first: rows.first[0]!, second: rows.second[0]! }
}

test('the second derivative is that of the first', () => {
  fc.assert(
    fc.property(inputs, ({ p, r, log }) => {
      const { second } = at(p, r, log)
      // Self-concordance: the second derivative changes by a part of about h·√second over a step h.
      const h = 1e-4 / Math.sqrt(second)
      const slope = (at(p, r + h, log).first - at(p, r - h, log).first) / (2 * h)
      // Rounding of r in a quotient over h, and 1e-8 of curvature.
      const rounding = (2 ** -48 * Math.abs(at(p, r, log).first)) / h + (2 ** -50 * Math.abs(r) * second) / h
      expect(Math.abs(slope - second)).toBeLessThanOrEqual(1e-5 * second + rounding)
    }),
    { ...RUNS, numRuns: 400 },
  )
})

test('the first is 2r/(t^(2/p) − r²) at the minimum over t, found by golden section', () => {
  fc.assert(
    fc.property(inputs, ({ p, r, log }) => {
      if (log > 6) return
      // In x = log(t^(2/p) − r²): parameter·t − x − p·log(r² + e^x).
      const value = (x: number): number =>
        Math.exp(log) * (r * r + Math.exp(x)) ** (p / 2) - x - p * Math.log(r * r + Math.exp(x))
      let [low, high] = [-60, 20]
      for (let k = 0; k < 200; k++) {
        const [a, b] = [low + 0.382 * (high - low), low + 0.618 * (high - low)]
        if (value(a) < value(b)) high = b
        else low = a
      }
      const first = (2 * r) / Math.exp((low + high) / 2)
      // A minimum is known to the root of the rounding of its value.
      expect(Math.abs(at(p, r, log).first - first)).toBeLessThanOrEqual(1e-3 * Math.abs(first) + 1e-12)
    }),
    RUNS,
  )
})

test('they do not depend on where the minimum was before', () => {
  fc.assert(
    fc.property(inputs, inputs, ({ p, r, log }, before) => {
      const rows = new BarrierRows(1, p)
      runSync(rows.moveSteps(Float64Array.of(before.r), before.log))
      runSync(rows.moveSteps(Float64Array.of(r), log))
      // A few roundings of logarithms of up to 60, divided by a slope of at least 1/2.
      expect(Math.abs(rows.first[0]! - at(p, r, log).first)).toBeLessThanOrEqual(
        2 ** -52 * 1000 * Math.abs(rows.first[0]!),
      )
    }),
    { ...RUNS, numRuns: 400 },
  )
})
