import ndarray from 'ndarray'
import { describe, expect, test } from 'vitest'
import { fold, modeProduct, tucker, unfold } from '../../src/factorize/index.js'
import type { TuckerOptions } from '../../src/factorize/index.js'
import {
  NotFiniteError,
  OptionError,
  ShapeError,
  asTensorOperand,
  isTensorOperand,
  random,
  toNested,
  zeros,
} from '../../src/linalg/index.js'
import type { Matrix, Tensor } from '../../src/linalg/index.js'

const T = random.normal([4, 5, 6])

/** The example of Kolda and Bader 2009, section 2.4: a 3 × 4 × 2 tensor of 1 … 24. */
function kolda(): Tensor {
  const K = zeros([3, 4, 2])
  for (let i = 0; i < 3; i++)
    for (let j = 0; j < 4; j++) for (let k = 0; k < 2; k++) K.set(i, j, k, 1 + i + 3 * j + 12 * k)
  return K
}

test('the unfoldings of the textbook', () => {
  expect(toNested(unfold(kolda(), 0))[0]).toEqual([1, 4, 7, 10, 13, 16, 19, 22])
  expect(toNested(unfold(kolda(), 1))[0]).toEqual([1, 2, 3, 13, 14, 15])
  expect(Array.from(unfold(kolda(), 2).data)).toEqual(Array.from({ length: 24 }, (_, e) => e + 1))
  expect(toNested(fold(unfold(kolda(), 1), 1, [3, 4, 2]))).toEqual(toNested(kolda()))
  const Y = modeProduct(
    kolda(),
    [
      [1, 3, 5],
      [2, 4, 6],
    ],
    0,
  )
  expect(Y.shape).toEqual([2, 4, 2])
  expect([Y.get(0, 0, 0), Y.get(0, 1, 0), Y.get(1, 3, 1)]).toEqual([22, 49, 280])
})

test('a tensor of rank one', () => {
  const [a, b, c] = [
    [3, 4],
    [0, 5, 12],
    [8, 6],
  ]
  const R = zeros([2, 3, 2])
  for (let i = 0; i < 2; i++)
    for (let j = 0; j < 3; j++) for (let k = 0; k < 2; k++) R.set(i, j, k, a[i]! * b[j]! * c[k]!)
  for (const method of ['sthosvd', 'hosvd', 'hooi'] as const) {
    const { core, factors, ranks, errorEstimate } = tucker(R, { rtol: 1e-10, method })
    expect(Array.from(ranks)).toEqual([1, 1, 1])
    expect(core.data[0]).toBeCloseTo(5 * 13 * 10, 11)
    expect(factors[1]!.data[2]).toBeCloseTo(12 / 13, 14)
    expect(errorEstimate).toBeLessThan(1e-14)
  }
})

describe('operands', () => {
  test.each([
    ['a vector', ndarray(new Float64Array(3), [3])],
    ['a number', 5],
    ['a flat array', [1, 2, 3]],
    ['null', null],
    ['half an operand', { shape: [2, 2, 2], modeProduct: () => 0 }],
  ])('%s is no tensor', (_, given) => {
    for (const call of [
      () => tucker(given as never, { ranks: 1 }),
      () => unfold(given as never, 0),
      () => modeProduct(given as never, [[1]], 0),
      () => asTensorOperand(given as never),
    ]) {
      expect(call).toThrow(ShapeError)
      expect(call).toThrow(/^\w+: T: expected/)
    }
    expect(isTensorOperand(given)).toBe(false)
  })

  test.each([NaN, Infinity, -Infinity])('%s is refused with its index', (bad) => {
    const B = random.normal([4, 5, 6])
    B.set(3, 0, 2, bad)
    for (const view of [B, B.transpose(2, 0, 1)]) {
      for (const call of [
        () => tucker(view, { ranks: 2 }),
        () => modeProduct(view, zeros([1, view.shape[0]!]) as Matrix, 0),
      ]) {
        expect(call).toThrow(NotFiniteError)
        expect(call).toThrow(view === B ? /T: .*at \[3, 0, 2\]/ : /T: .*at \[2, 3, 0\]/)
      }
      expect(() => unfold(view, 0)).toThrow(NotFiniteError)
    }
    expect(() => modeProduct(T, [[1, 2, 3, bad]], 0)).toThrow(/M: .*at \[0, 3\]/)
    expect(() => fold([[bad, 1]], 0, [1, 2])).toThrow(NotFiniteError)
  })

  test('overflow is said to be one', () => {
    const huge = zeros([3, 3, 3])
    huge.data.fill(1e308)
    expect(() => modeProduct(huge, [[9, 9, 9]], 1)).toThrow(/overflows/)
    expect(() => tucker(huge, { ranks: 1 })).toThrow(NotFiniteError)
  })

  test('modes and shapes that do not fit', () => {
    for (const n of [3, -1, 0.5, NaN, '1', undefined]) {
      expect(() => unfold(T, n as number)).toThrow(/unfold: n: expected a mode of 4×5×6/)
      expect(() => modeProduct(T, [[1]], n as number)).toThrow(ShapeError)
      expect(() => fold([[1]], n as number, [1, 1])).toThrow(ShapeError)
      expect(() => asTensorOperand(T).modeGram(n as number)).toThrow(ShapeError)
    }
    expect(() => modeProduct(T, [[1, 2]], 1)).toThrow(/M: expected a matrix of 5 columns, given 1×2/)
    expect(() => fold(zeros([4, 29]) as Matrix, 0, [4, 5, 6])).toThrow(
      /mode-0 unfolding of 4×5×6, given 4×29/,
    )
    expect(() => asTensorOperand(T).modeNormal!(zeros([3, 1]) as Matrix, 0)).toThrow(ShapeError)
    expect(() => asTensorOperand(T).modeProduct(zeros([3, 3]) as Matrix, 0)).toThrow(ShapeError)
  })

  test('what a foreign operand answers is checked', () => {
    const { shape, modeGram, unfolding, frobeniusNorm, modeProduct, entries } = asTensorOperand(T)
    const operand = { shape, modeGram, unfolding, frobeniusNorm, modeProduct, entries }
    expect(() => tucker({ ...operand, modeGram: () => zeros([2, 2]) }, { ranks: 2 })).toThrow(
      /modeGram: its answer/,
    )
    expect(() => tucker({ ...operand, modeProduct: () => asTensorOperand(T) }, { ranks: 2 })).toThrow(
      /modeProduct: its answer/,
    )
    const broken = { ...operand, modeProduct: () => ({ ...operand, shape: [2, 5, 6], entries: () => T }) }
    expect(() => tucker(broken, { ranks: 2, modes: [0] })).toThrow(/entries: its answer/)
  })
})

describe('options', () => {
  test.each<[string, unknown]>([
    ['ranks', 0],
    ['ranks', [1, 2]],
    ['ranks', [1, 2, 0]],
    ['ranks', '3'],
    ['rtol', -1],
    ['atol', NaN],
    ['method', 'als'],
    ['randomized', 1],
    ['modes', []],
    ['modes', [0, 0]],
    ['modes', 3],
    ['order', [0, 1]],
    ['order', [0, 1, 1]],
    ['oversample', -1],
    ['powerIterations', 0.5],
    ['sweeps', 0],
    ['seed', -1],
  ])('%s: %j is refused', (name, value) => {
    const call = (): unknown => tucker(T, { ranks: 1, [name]: value })
    expect(call).toThrow(OptionError)
    expect(call).toThrow(new RegExp(`^tucker: options\\.${name}: expected`))
  })

  test('a mode that is none; nothing to stop at; an unknown name', () => {
    expect(() => tucker(T, { ranks: 1, modes: [0, 3] })).toThrow(/options.modes: expected a mode of 4×5×6/)
    expect(() => tucker(T, {})).toThrow(/ranks, rtol or atol, given none/)
    expect(() => tucker(T, { rank: 2 } as TuckerOptions)).toThrow(OptionError)
  })

  test('ranks of each kind', () => {
    for (const ranks of [[2, 3, 4], Int32Array.of(2, 3, 4)]) {
      expect(Array.from(tucker(T, { ranks: ranks as number[] }).ranks)).toEqual([2, 3, 4])
    }
    expect(Array.from(tucker(T, { ranks: 100 }).ranks)).toEqual([4, 5, 6])
  })
})

describe('degenerate tensors', () => {
  test.each([[[0, 3, 4]], [[3, 0]], [[0, 0, 0]]])('%j', (shape) => {
    const E = zeros(shape)
    const { ranks, core, factors, errorEstimate, reconstruct } = tucker(E, { ranks: 2 })
    expect(Array.from(ranks)).toEqual(shape.map(() => 0))
    expect(core.size).toBe(0)
    expect(factors.map((U) => U.shape)).toEqual(shape.map((n) => [n, 0]))
    expect(errorEstimate).toBe(0)
    expect(reconstruct().shape).toEqual(shape)
    const M = unfold(E, 1)
    expect(M.size).toBe(0)
    expect(fold(M, 1, shape).shape).toEqual(shape)
    const empty = asTensorOperand(E)
    shape.forEach((n, mode) => {
      expect(empty.modeGram(mode).shape).toEqual([n, n])
      expect(empty.unfolding(mode).matmat(zeros([empty.unfolding(mode).shape[1], 2])).shape).toEqual([n, 2])
      expect(modeProduct(E, zeros([2, n]) as Matrix, mode).shape).toEqual(
        shape.map((s, k) => (k === mode ? 2 : s)),
      )
    })
  })

  test('modes of size one', () => {
    const { ranks, factors, errorEstimate } = tucker(random.normal([1, 5, 1, 1]), {
      ranks: 3,
      method: 'hooi',
    })
    expect(Array.from(ranks)).toEqual([1, 1, 1, 1])
    expect(factors[0]!.data[0]).toBe(1)
    expect(errorEstimate).toBeLessThan(1e-14)
  })

  test('float32 entries are operands of float64 work; inputs stay as they are', () => {
    const single = ndarray(Float32Array.from(T.data), [4, 5, 6])
    const before = single.data.slice()
    const { core } = tucker(single, { ranks: 4 })
    expect(core.data).toBeInstanceOf(Float64Array)
    expect(single.data).toEqual(before)
    const M = [[1, 0, 0, 0]]
    expect(modeProduct(single, M, 0).data[7]).toBe(single.data[7])
  })
})
