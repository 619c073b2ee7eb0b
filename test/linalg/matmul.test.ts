import ndarray from 'ndarray'
import { afterEach, describe, expect, it } from 'vitest'
import { dense, flip, transpose, wrap } from '../../src/linalg/arrays.js'
import type { Dense, FloatArray, Matrix } from '../../src/linalg/arrays.js'
import { NotFiniteError, OptionError, ShapeError } from '../../src/linalg/errors.js'
import { gram } from '../../src/linalg/dense/gram.js'
import { matmul } from '../../src/linalg/dense/matmul.js'
import { multiplySteps } from '../../src/linalg/dense/multiply.js'
import { bothSteps, normalSteps } from '../../src/linalg/iterative/sweeps.js'
import { runSync } from '../../src/linalg/steps.js'
import type { Steps } from '../../src/linalg/steps.js'
import { useKernels } from '../../src/linalg/wasm/workspace.js'

const EPS = 2 ** -52
const EPS32 = 2 ** -23

/** Entries in [-1, 1). */
function numbers(count: number, seed: number): Float64Array {
  let state = (seed * 2654435761 + 12345) >>> 0
  return Float64Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  })
}

const LAYOUTS = ['contiguous', 'transposed', 'sliced', 'reversed', 'steps', 'offset'] as const
type Layout = (typeof LAYOUTS)[number]

/** An m × n matrix of the given layout, in the middle of NaN. */
function matrix(m: number, n: number, seed: number, layout: Layout = 'contiguous', single = false): Matrix {
  const make = (count: number): FloatArray =>
    single ? new Float32Array(count).fill(NaN) : new Float64Array(count).fill(NaN)
  const views: Record<Layout, () => Matrix<FloatArray>> = {
    contiguous: () => wrap(make(m * n), m, n),
    transposed: () => transpose(wrap(make(m * n), n, m)),
    sliced: () => ndarray(make((m + 2) * (n + 5)), [m, n], [n + 5, 1], n + 7),
    reversed: () => ndarray(make(m * n), [m, n], [-n, -1], Math.max(0, m * n - 1)),
    steps: () => ndarray(make(6 * m * n), [m, n], [2, 2 * m + 1], 3),
    offset: () => ndarray(make(3 + m * n), [m, n], [n, 1], 3),
  }
  const A = views[layout]()
  const values = numbers(m * n, seed)
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) A.set(i, j, values[i * n + j]!)
  return A as Matrix
}

/** A·B and |A|·|B| by the definition. */
function naive(A: Dense, B: Dense): { product: Float64Array; size: Float64Array } {
  const [m, n] = [A.rows, B.cols]
  const [product, size] = [new Float64Array(m * n), new Float64Array(m * n)]
  for (let i = 0; i < m; i++) {
    for (let p = 0; p < A.cols; p++) {
      const a = A.data[A.offset + i * A.rs + p * A.cs]!
      for (let j = 0; j < n; j++) {
        const term = a * B.data[B.offset + p * B.rs + j * B.cs]!
        product[i * n + j]! += term
        size[i * n + j]! += Math.abs(term)
      }
    }
  }
  return { product, size }
}

/** Entry by entry within 2·(k + 2)·eps·(|A|·|B|). */
function expectProduct(C: Matrix<FloatArray>, A: Dense, B: Dense, eps = EPS): void {
  expect(C.shape).toEqual([A.rows, B.cols])
  expect(C.data.length).toBe(A.rows * B.cols)
  const { product, size } = naive(A, B)
  const worst = product.reduce((worst, x, t) => {
    const excess = Math.abs(C.data[t]! - x) - 2 * (A.cols + 2) * eps * size[t]!
    return Number.isNaN(excess) ? Infinity : Math.max(worst, excess)
  }, -Infinity)
  expect(worst).toBeLessThanOrEqual(0)
}

describe.each(['simd', 'plain'] as const)('matmul with %s kernels', (variant) => {
  const forced = (name: string, test: () => void): void =>
    it(name, () => {
      useKernels(variant)
      test()
    })
  afterEach(() => useKernels('auto'))

  forced('multiplies all layouts', () => {
    for (const [m, k, n] of [
      [5, 7, 6],
      [1, 9, 4],
      [40, 3, 1],
      [3, 50, 70],
    ] as const) {
      for (const first of LAYOUTS) {
        for (const second of LAYOUTS) {
          const [A, B] = [matrix(m, k, 1, first), matrix(k, n, 2, second)]
          expectProduct(matmul(A, B), dense(A), dense(B))
        }
      }
    }
  })

  forced('keeps float32 where both are, and no narrower', () => {
    for (const layout of LAYOUTS) {
      const [A, B] = [matrix(33, 40, 1, layout, true), matrix(40, 35, 2, layout, true)]
      const C = matmul(A, B)
      expect(C.data).toBeInstanceOf(Float32Array)
      expectProduct(C, dense(A), dense(B), EPS32)
      const wide = matrix(40, 35, 3, layout)
      expect(matmul(A, wide).data).toBeInstanceOf(Float64Array)
      expectProduct(matmul(A, wide), dense(A), dense(wide))
      expectProduct(matmul(transpose(wide), transpose(A)), flip(dense(wide)), flip(dense(A)))
    }
  })

  forced('transposes on request', () => {
    const [A, B] = [matrix(20, 30, 1), matrix(20, 25, 2, 'sliced')]
    const At = transpose(A)
    expectProduct(matmul(A, B, { transA: true }), dense(At), dense(B))
    expectProduct(matmul(B, At, { transA: true, transB: true }), flip(dense(B)), dense(A))
    expectProduct(matmul(At, transpose(B), { transB: true }), dense(At), dense(B))
  })

  forced('empty matrices', () => {
    for (const [m, k, n] of [
      [0, 3, 2],
      [3, 0, 2],
      [3, 2, 0],
      [0, 0, 0],
    ] as const) {
      const C = matmul(matrix(m, k, 1), matrix(k, n, 2))
      expect(C.shape).toEqual([m, n])
      expect(Array.from(C.data)).toEqual(new Array(m * n).fill(0))
      expect(gram(matrix(m, k, 1)).shape).toEqual([k, k])
    }
  })

  forced('both and normal on all layouts', () => {
    for (const [m, n, kx, ky] of [
      [9, 6, 3, 4],
      [6, 9, 2, 1],
      [50, 7, 1, 0],
      [1, 8, 5, 2],
      [0, 4, 2, 3],
      [4, 0, 2, 3],
    ] as const) {
      for (const layout of LAYOUTS) {
        const [A, X, Y] = [matrix(m, n, 1, layout), matrix(n, kx, 2), matrix(m, ky, 3)].map(dense) as [
          Dense,
          Dense,
          Dense,
        ]
        const { AX, AtY } = runSync(bothSteps(A, X, Y))
        expectProduct(AX, A, X)
        expectProduct(AtY, flip(A), Y)
        const AtAX = runSync(normalSteps(A, X))
        expectProduct(AtAX, flip(A), dense(runSync(multiplySteps(A, X)) as Matrix))
      }
    }
  })

  forced('gram is AᵀA, exactly symmetric', () => {
    for (const [m, n] of [
      [7, 5],
      [5, 7],
      [300, 130],
      [20, 257],
      [1, 3],
    ] as const) {
      for (const layout of LAYOUTS) {
        const A = matrix(m, n, 1, layout)
        const G = gram(A)
        expectProduct(G, flip(dense(A)), dense(A))
        for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) expect(G.get(i, j)).toBe(G.get(j, i))
      }
    }
    expect(gram(matrix(4, 3, 1, 'contiguous', true)).data).toBeInstanceOf(Float64Array)
  })
})

describe('matmul in blocks', () => {
  /** Shapes that are cut along each side, and along several. */
  const shapes = [
    [700, 700, 300],
    [300, 70_000, 3],
    [70_000, 40, 5],
    [6, 40, 70_000],
    [2000, 600, 2],
    [1, 300_000, 1],
    [530, 3, 520],
  ] as const

  it.each(shapes)('%i × %i times %i columns', (m, k, n) => {
    const [A, B] = [matrix(m, k, 1), matrix(k, n, 2)]
    expectProduct(matmul(A, B), dense(A), dense(B))
    const At = matrix(k, m, 1)
    expectProduct(matmul(At, B, { transA: true }), flip(dense(At)), dense(B))
  })

  it('both and normal', () => {
    for (const [m, n, k] of [
      [3000, 300, 3],
      [300, 3000, 3],
      [9000, 40, 9],
      [10, 30_000, 2],
    ] as const) {
      const [A, X, Y] = [matrix(m, n, 1, 'sliced'), matrix(n, k, 2), matrix(m, k, 3)].map(dense) as [
        Dense,
        Dense,
        Dense,
      ]
      const { AX, AtY } = runSync(bothSteps(A, X, Y))
      expectProduct(AX, A, X)
      expectProduct(AtY, flip(A), Y)
      const AtAX = runSync(normalSteps(A, X))
      const expected = naive(flip(A), dense(AX))
      const scale = Math.max(...expected.size) * (m + n) * EPS
      AtAX.data.forEach((x, t) => expect(Math.abs(x - expected.product[t]!)).toBeLessThanOrEqual(scale))
    }
  })

  it('gram of more columns than fit one block', () => {
    const A = matrix(90, 1100, 4)
    const G = gram(A)
    expectProduct(G, flip(dense(A)), dense(A))
    for (let i = 0; i < 1100; i += 7)
      for (let j = 0; j < i; j++) expect(G.data[i * 1100 + j]).toBe(G.data[j * 1100 + i])
  })

  it('breathes every few million multiplications', () => {
    const breaths = (steps: Steps<unknown>): number => {
      let count = 0
      while (!steps.next().done) count++
      return count
    }
    const [A, X] = [dense(matrix(3000, 784, 1)), dense(matrix(784, 30, 2))]
    const Y = dense(matrix(3000, 30, 2))
    const work = 3000 * 784 * 30
    expect(breaths(multiplySteps(A, X))).toBeGreaterThan(work / 2.5e7)
    expect(breaths(multiplySteps(flip(A), Y))).toBeGreaterThan(work / 2.5e7)
    expect(breaths(bothSteps(A, X, Y))).toBeGreaterThan((2 * work) / 2.5e7)
    expect(breaths(normalSteps(A, X))).toBeGreaterThan((2 * work) / 2.5e7)
    expect(breaths(multiplySteps(dense(matrix(600, 600, 1)), dense(matrix(600, 600, 2))))).toBeGreaterThan(8)
  })

  it('leaves its operands alone, and an interrupted product disturbs no other', () => {
    const [A, B] = [matrix(600, 400, 1), matrix(400, 300, 2)]
    const before = A.data.slice()
    const steps = multiplySteps(dense(A), dense(B))
    steps.next()
    const whole = matmul(A, B)
    expectProduct(whole, dense(A), dense(B))
    let last = steps.next()
    while (!last.done) last = steps.next()
    expect(last.value.data).toEqual(whole.data)
    expect(A.data).toEqual(before)
  })
})

describe('matmul of wrong input', () => {
  it('names shapes that do not fit', () => {
    expect(() => matmul(matrix(2, 3, 1), matrix(2, 3, 2))).toThrow(ShapeError)
    expect(() => matmul(matrix(2, 3, 1), matrix(3, 3, 2), { transA: true })).toThrow(
      'matmul: B: expected 2 rows (A is 2×3, transposed), given 3×3',
    )
    expect(() => matmul([[1, 2]], [[1, 2]], { transX: true } as object)).toThrow(OptionError)
  })

  it('finds NaN and Infinity in either operand, where nothing is multiplied too', () => {
    for (const bad of [NaN, Infinity, -Infinity]) {
      const A = matrix(4, 3, 1)
      A.set(2, 1, bad)
      const zero = matrix(3, 2, 1)
      zero.data.fill(0)
      for (const call of [
        () => matmul(A, zero),
        () => matmul(zero, A, { transA: true, transB: true }),
        () => gram(A),
        () => matmul(A, matrix(3, 0, 1)),
      ]) {
        expect(call).toThrow(NotFiniteError)
        expect(call).toThrow('at [2, 1]')
      }
    }
  })

  it('says where a product of finite numbers overflows', () => {
    expect(() => matmul([[1e200]], [[1e200]])).toThrow(/the product, which overflows.*Infinity at \[0, 0\]/)
  })
})

it('runs cooperatively', async () => {
  const [A, B] = [matrix(500, 400, 1), matrix(400, 300, 2)]
  expect((await matmul.async(A, B)).data).toEqual(matmul(A, B).data)
  expect((await gram.async(A)).data).toEqual(gram(A).data)
  await expect(matmul.async(A, B, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/)
})
