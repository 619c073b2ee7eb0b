import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { kernelMatrix } from '../../src/factorize/index.js'
import type { KernelOptions } from '../../src/factorize/index.js'
import { matrix, norm, random, toNested } from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { LAYOUTS, RUNS, relaid } from '../support/cases.js'
import { EPS, YARDSTICK, minus, times } from '../support/measures.js'

interface Cloud {
  readonly seed: number
  readonly n: number
  readonly d: number
  /** Points are 10^scale times a normal cloud, and gamma makes up for it. */
  readonly scale: number
  readonly kernel: 'rbf' | 'laplacian' | 'polynomial'
  readonly layout: (typeof LAYOUTS)[number]
}

const clouds: fc.Arbitrary<Cloud> = fc.record({
  seed: fc.nat(1e6),
  n: fc.integer({ min: 0, max: 70 }),
  d: fc.integer({ min: 0, max: 9 }),
  scale: fc.constantFrom(0, 100, -100, 3),
  kernel: fc.constantFrom('rbf', 'laplacian', 'polynomial'),
  layout: fc.constantFrom(...LAYOUTS),
})

const pointsOf = ({ seed, n, d, scale, kernel }: Cloud, count = n): Matrix =>
  matrix(
    random.normal([count, d], { seed }).data.map((x) => x * (kernel === 'polynomial' ? 1 : 10 ** scale)),
    [count, d],
  )

/** Points twice as wide as kernels: entries from 1 down to e^{−10} and less. */
const optionsOf = ({ kernel, d, scale }: Cloud): KernelOptions => ({
  kernel,
  gamma:
    kernel === 'polynomial' ? 0.5 : (2 / Math.max(1, d)) * 10 ** (kernel === 'rbf' ? -2 * scale : -scale),
})

/** The formulas, entry by entry. */
function formula({ kernel, gamma = 0 }: KernelOptions, x: number[], y: number[]): number {
  if (kernel === 'polynomial') return (gamma * x.reduce((sum, v, k) => sum + v * y[k]!, 0) + 1) ** 3
  const parts = x.map((v, k) => (v - y[k]!) * (kernel === 'rbf' ? Math.sqrt(gamma) : gamma))
  return Math.exp(-parts.reduce((sum, t) => sum + (kernel === 'rbf' ? t * t : Math.abs(t)), 0))
}

function explicit(options: KernelOptions, X: Matrix, Y: Matrix): Matrix {
  const [xs, ys] = [toNested(X), toNested(Y)]
  const data = xs.flatMap((x) => ys.map((y) => formula(options, x, y)))
  return matrix(Float64Array.from(data), [xs.length, ys.length])
}

/** What rounding may do to an entry: exponents up to 60 and sums of d terms, powers of sums. */
const room = (cloud: Cloud, K: Matrix): number => YARDSTICK * (cloud.d + 4) * EPS * Math.max(1e-300, norm(K))

const indices = (n: number, count: number, step: number): Int32Array =>
  Int32Array.from({ length: n === 0 ? 0 : count }, (_, t) => (t * step) % n)

describe('kernelMatrix', () => {
  test('products, columns, rows and the diagonal are those of the formula', () => {
    fc.assert(
      fc.property(clouds, fc.integer({ min: 0, max: 5 }), (cloud, k) => {
        const { n, seed } = cloud
        const X = pointsOf(cloud)
        const options = optionsOf(cloud)
        const K = kernelMatrix(relaid(X, cloud.layout), options)
        const expected = explicit(options, X, X)
        const V = random.normal([n, k], { seed: seed + 1 })
        const bound = room(cloud, expected) * Math.max(1, norm(V))
        expect(K.shape).toEqual([n, n])
        expect(norm(minus(K.matmat(V), times(expected, V)))).toBeLessThanOrEqual(bound)
        expect(norm(minus(K.rmatmat(V), times(expected, V)))).toBeLessThanOrEqual(bound)
        const J = indices(n, k, 7)
        const C = K.columns!(J)
        const R = K.rows!(J)
        J.forEach((j, t) => {
          for (let i = 0; i < n; i++) {
            const entry = expected.get(i, j)
            // Each entry to its own size; a power of a sum that cancels, to that of the matrix.
            const own =
              cloud.kernel === 'polynomial'
                ? room(cloud, expected)
                : 4 * (cloud.d + 4) * EPS * (1 - Math.log(entry)) * entry
            expect(Math.abs(C.get(i, t) - entry)).toBeLessThanOrEqual(own)
            expect(R.get(t, i)).toBe(C.get(i, t))
          }
        })
        const d = K.diagonal!()
        for (let i = 0; i < n; i++) {
          if (cloud.kernel === 'polynomial') {
            expect(Math.abs(d[i]! - expected.get(i, i))).toBeLessThanOrEqual(room(cloud, expected))
          } else expect(d[i]).toBe(1)
        }
      }),
      RUNS,
    )
  })

  test('cross(Y) is the formula between two clouds, from both sides', () => {
    fc.assert(
      fc.property(clouds, fc.integer({ min: 0, max: 40 }), (cloud, m) => {
        const X = pointsOf(cloud)
        const Y = pointsOf({ ...cloud, seed: cloud.seed + 5 }, m)
        const options = optionsOf(cloud)
        const cross = kernelMatrix(X, options).cross(relaid(Y, cloud.layout))
        const expected = explicit(options, Y, X)
        const [V, W] = [random.normal([cloud.n, 3], { seed: 3 }), random.normal([m, 3], { seed: 4 })]
        const bound = room(cloud, expected) * (1 + norm(V) + norm(W))
        expect(norm(minus(cross.matmat(V), times(expected, V)))).toBeLessThanOrEqual(bound)
        expect(norm(minus(cross.rmatmat(W), times(expected, W, true)))).toBeLessThanOrEqual(bound)
        const J = indices(cloud.n, 4, 3)
        const C = cross.columns!(J)
        J.forEach((j, t) => {
          for (let i = 0; i < m; i++) {
            expect(Math.abs(C.get(i, t) - expected.get(i, j))).toBeLessThanOrEqual(room(cloud, expected))
          }
        })
        expect(cross.rows!(indices(m, 2, 1)).shape).toEqual([m === 0 ? 0 : 2, cloud.n])
      }),
      RUNS,
    )
  })

  test('many points: tiles off the diagonal, wide blocks', () => {
    for (const kernel of ['rbf', 'laplacian', 'polynomial'] as const) {
      const [X, V] = [random.normal([777, 3]), random.normal([777, 150], { seed: 1 })]
      const options = { kernel, gamma: 0.4 }
      const K = kernelMatrix(X, options)
      const expected = explicit(options, X, X)
      const bound = YARDSTICK * EPS * 777 * norm(expected) * norm(V)
      expect(norm(minus(K.matmat(V), times(expected, V)))).toBeLessThanOrEqual(bound)
      const all = K.columns!(Int32Array.from({ length: 777 }, (_, i) => i))
      expect(norm(minus(all, expected))).toBeLessThanOrEqual(YARDSTICK * 7 * EPS * norm(expected))
    }
  })

  test('a function is the same as the kernel that it computes, and is asked for half of the pairs', () => {
    const X = random.normal([200, 3])
    let calls = 0
    const K = kernelMatrix(X, {
      kernel: (x, y) => {
        calls++
        return Math.exp(-0.3 * x.reduce((sum, v, k) => sum + (v - y[k]!) ** 2, 0))
      },
    })
    const V = random.normal([200, 4], { seed: 1 })
    const product = K.matmat(V)
    // The tile on the diagonal is made whole.
    expect(calls).toBeLessThanOrEqual(200 * 200)
    const expected = kernelMatrix(X, { gamma: 0.3 }).matmat(V)
    expect(norm(minus(product, expected))).toBeLessThanOrEqual(YARDSTICK * 200 * EPS * norm(expected))
  })

  test('near points far from the origin keep their digits', () => {
    // At 10⁸ the squares of the norms are 10¹⁶: |x|² + |y|² − 2xy has no digit of the distance left.
    const X = matrix(Float64Array.from([1e8, 1e8, 1e8 + 0.5, 1e8, 1e8, 1e8 + 1]), [3, 2])
    const K = kernelMatrix(X, { gamma: 1 }).columns!(Int32Array.from([0]))
    expect(Math.abs(K.data[1]! - Math.exp(-0.25))).toBeLessThanOrEqual(4 * EPS)
    expect(Math.abs(K.data[2]! - Math.exp(-1))).toBeLessThanOrEqual(4 * EPS)
  })
})
