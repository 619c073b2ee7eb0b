import { describe, expect, test } from 'vitest'
import { chebyshevTucker } from '../../src/factorize/index.js'
import type { ChebyshevTucker } from '../../src/factorize/index.js'
import { ConvergenceError, NotFiniteError, OptionError, ShapeError } from '../../src/linalg/index.js'

const box: [number, number][] = [
  [0, 1],
  [0, 2],
]

describe('functions', () => {
  test('constants and zero', () => {
    const seven = chebyshevTucker(() => 7, { box })
    expect(Array.from(seven.ranks)).toEqual([1, 1])
    expect(seven.evaluate([0.3, 0.4])).toBeCloseTo(7, 13)
    const zero = chebyshevTucker(() => 0, { box, degrees: 0 })
    expect(Array.from(zero.ranks)).toEqual([0, 0])
    expect(zero.errorEstimate).toBe(0)
    expect(zero.evaluate([[0.3, 0.4]])).toEqual(Float64Array.of(0))
    expect(zero.evaluate([0.3, 0.4])).toBe(0)
  })

  test('x·y: one polynomial of degree one in each variable', () => {
    const { core, factors, evaluate, degrees } = chebyshevTucker((x) => x[0]! * x[1]!, { box, degrees: 1 })
    expect(Array.from(degrees)).toEqual([1, 1])
    expect(core.shape).toEqual([1, 1])
    // On [0, 1], x = (1 + t)/2: both coefficients are equal.
    expect(factors[0]!.data[0]).toBeCloseTo(factors[0]!.data[1]!, 14)
    expect(evaluate([0.5, 1.5])).toBeCloseTo(0.75, 14)
  })

  test.each([NaN, Infinity, undefined, '1', Promise.resolve(1)])('an answer of %s is refused', (bad) => {
    const call = (): unknown => chebyshevTucker((x) => (x[0]! > 0.9 ? (bad as number) : 1), { box })
    expect(call).toThrow(NotFiniteError)
    expect(call).toThrow(/^chebyshevTucker: f at \(0\.9\d+, \d\.\d+\): expected finite numbers/)
    // Where no random point sees it, the grid's index is told.
    const rare = (x: Float64Array): number => (Math.abs(x[1]! - 1 - Math.cos(Math.PI / 18)) < 1e-9 ? NaN : 1)
    try {
      chebyshevTucker(rare, { box })
      expect.unreachable()
    } catch (error) {
      expect((error as NotFiniteError).index).toEqual([0, 0])
    }
  })

  test('what has a kink is not resolved, and the last result says how far it came', () => {
    try {
      chebyshevTucker((x) => Math.abs(x[0]! - 0.3) + x[1]!, { box, maxSamples: 10_000 })
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(ConvergenceError)
      const { best, residual, message } = error as ConvergenceError<ChebyshevTucker>
      expect(message).toMatch(/options.maxSamples: expected at least \d+ values/)
      expect(residual).toBe(best!.errorEstimate)
      expect(best!.evaluate([0.8, 1])).toBeCloseTo(1.5, 2)
    }
    expect(() => chebyshevTucker(() => 1, { box, degrees: 99, maxSamples: 9999 })).toThrow(ConvergenceError)
  })
})

describe('options', () => {
  test.each<[string, unknown]>([
    ['box', undefined],
    ['box', [[0, 1]]],
    [
      'box',
      [
        [0, 1],
        [1, 1],
      ],
    ],
    [
      'box',
      [
        [0, 1],
        [1, NaN],
      ],
    ],
    [
      'box',
      [
        [0, 1],
        [0, 1, 2],
      ],
    ],
    ['box', Array.from({ length: 5 }, () => [0, 1])],
    ['degrees', -1],
    ['degrees', [3]],
    ['degrees', [3, 0.5]],
    ['rtol', -1],
    ['ranks', 0],
    ['maxSamples', 0],
  ])('%s: %j is refused', (name, value) => {
    const call = (): unknown => chebyshevTucker(() => 1, { box, [name]: value })
    expect(call).toThrow(OptionError)
    expect(call).toThrow(new RegExp(`^chebyshevTucker: options\\.${name}: expected`))
  })

  test('no function, no options', () => {
    expect(() => chebyshevTucker(3 as never, { box })).toThrow(ShapeError)
    expect(() => chebyshevTucker(() => 1, undefined as never)).toThrow(OptionError)
  })

  test('ranks limit the error instead of failing', () => {
    const near = chebyshevTucker((x) => Math.exp(x[0]! * x[1]!), { box, ranks: 2 })
    expect(Array.from(near.ranks)).toEqual([2, 2])
    expect(near.errorEstimate).toBeGreaterThan(1e-8)
    expect(near.errorEstimate).toBeLessThan(0.1)
  })
})

test('points outside, and of another dimension', () => {
  const near = chebyshevTucker((x) => x[0]!, { box })
  for (const x of [[1.1, 0], [0.5, -0.1], [0.5], [0.5, 1, 1]])
    expect(() => near.evaluate(x)).toThrow(ShapeError)
  expect(() =>
    near.evaluate([
      [0, 0],
      [0, 3],
    ]),
  ).toThrow(/box \[0, 1\] × \[0, 2\], given 3 at \[1, 1\]/)
  expect(() => near.evaluate([NaN, 0])).toThrow(NotFiniteError)
  expect(near.evaluate([1, 2])).toBeCloseTo(1, 14)
})

test('an abort between lines of samples', async () => {
  const controller = new AbortController()
  let calls = 0
  const run = chebyshevTucker.async(
    () => {
      if (++calls === 300) controller.abort()
      return calls
    },
    { box, degrees: 100, signal: controller.signal },
  )
  await expect(run).rejects.toThrow(/abort/i)
  expect(calls).toBeLessThan(500)
})
