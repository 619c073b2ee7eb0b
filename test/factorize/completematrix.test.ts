import { describe, expect, test } from 'vitest'
import { completeMatrix } from '../../src/factorize/index.js'
import { LinAlgError, observed } from '../../src/linalg/index.js'
import type { Triplets } from '../../src/linalg/index.js'

const M = { shape: [3, 3] as const, rows: [0, 0, 1, 1, 2], cols: [0, 1, 0, 2, 2], values: [1, 2, 2, 6, 9] }

function thrown(f: () => unknown): LinAlgError {
  try {
    f()
  } catch (error) {
    expect(error).toBeInstanceOf(LinAlgError)
    return error as LinAlgError
  }
  throw new Error('nothing was thrown')
}

const call =
  (change: object, options: object = {}) =>
  (): unknown =>
    completeMatrix({ ...M, ...change } as Triplets, { rank: 1, ...options })

describe('bad input', () => {
  test.each([
    ['a row index out of range', { rows: [0, 0, 1, 1, 3] }, {}, 'SHAPE', 'rows'],
    ['a column index out of range', { cols: [0, 1, -1, 2, 2] }, {}, 'SHAPE', 'cols'],
    ['an index that is no integer', { cols: [0, 1, 0.5, 2, 2] }, {}, 'SHAPE', 'cols'],
    ['lists of unequal length', { rows: [0, 0, 1] }, {}, 'SHAPE', 'rows, cols, values'],
    ['NaN', { values: [1, 2, NaN, 6, 9] }, {}, 'NOT_FINITE', 'values'],
    ['a shape of one side', { shape: [3] }, {}, 'SHAPE', 'M.shape'],
    ['a negative side', { shape: [3, -1] }, {}, 'SHAPE', 'M.shape'],
    ['no rank', {}, { rank: undefined }, 'OPTION', 'options.rank'],
    ['no ranks', {}, { rank: [] }, 'OPTION', 'options.rank'],
    ['a negative rank', {}, { rank: -1 }, 'OPTION', 'options.rank'],
    ['several ranks without validation', {}, { rank: [1, 2] }, 'OPTION', 'options.validation'],
    ['an unknown method', {}, { method: 'svt' }, 'OPTION', 'options.method'],
    ['a negative ridge', {}, { ridge: -1 }, 'OPTION', 'options.ridge'],
    ['an unknown option', {}, { lambda: 1 }, 'OPTION', 'options'],
    ['a part beyond one', {}, { validation: 1 }, 'OPTION', 'options.validation'],
    [
      'validation out of range',
      {},
      { validation: { rows: [3], cols: [0], values: [1] } },
      'SHAPE',
      'options.validation.rows',
    ],
    [
      'validation with NaN',
      {},
      { validation: { rows: [0], cols: [0], values: [NaN] } },
      'NOT_FINITE',
      'options.validation.values',
    ],
  ])('%s', (_, change, options, code, argument) => {
    const error = thrown(call(change, options))
    expect([error.code, error.argument, error.fn]).toEqual([code, argument, 'completeMatrix'])
  })

  test('a part of an operand cannot be set aside', () => {
    const error = thrown(() => completeMatrix(observed(M), { rank: 1, validation: 0.5 }))
    expect([error.code, error.argument]).toEqual(['OPTION', 'options.validation'])
  })

  test('observed names itself', () => {
    expect(thrown(() => observed({ ...M, rows: [0, 0, 1, 1, 7] })).fn).toBe('observed')
    expect(thrown(() => observed({ ...M, values: [1] })).argument).toBe('rows, cols, values')
    const P = observed(M)
    expect(thrown(() => P.solve('rows', P.matmat(P.matmat as never) as never, { ridge: 0 })).code).toBe(
      'SHAPE',
    )
    const wrong = observed({ ...M, shape: [3, 4] })
    const F = completeMatrix(M, { rank: 1 }).V
    expect(thrown(() => wrong.solve('rows', F, { ridge: 0 })).argument).toBe('F')
    expect(thrown(() => wrong.residual(F, F)).argument).toBe('V')
  })

  test('predictions of places that are not there', () => {
    const C = completeMatrix(M, { rank: 1 })
    expect(thrown(() => C.predict(3, 0)).code).toBe('SHAPE')
    expect(thrown(() => C.predictAt({ rows: [0, 1], cols: [0] })).code).toBe('SHAPE')
  })
})

describe('known answers', () => {
  test('five entries of multiplication', () => {
    for (const method of ['als', 'sketched'] as const) {
      const C = completeMatrix(M, { rank: 1, method, rtol: 0, iterations: 500 })
      expect(C.predict(2, 1)).toBeCloseTo(6, 10)
      expect(Array.from(C.predictAt({ rows: [0, 2], cols: [2, 0] }), Math.round)).toEqual([3, 3])
    }
  })

  test('a place that is given again has the mean of its values', () => {
    const twice = { shape: [1, 1] as const, rows: [0, 0, 0], cols: [0, 0, 0], values: [1, 2, 6] }
    expect(observed(twice).count).toBe(1)
    expect(completeMatrix(twice, { rank: 1 }).predict(0, 0)).toBeCloseTo(3, 12)
  })

  test('nothing to go by is completed by zeros', () => {
    for (const shape of [
      [0, 0],
      [0, 3],
      [3, 0],
      [4, 3],
    ] as const) {
      for (const method of ['als', 'sketched', 'softImpute'] as const) {
        for (const bias of ['none', 'rowsAndCols'] as const) {
          const C = completeMatrix({ shape, rows: [], cols: [], values: [] }, { rank: 2, method, bias })
          expect(C.shape).toEqual(shape)
          expect(C.U.shape[0]).toBe(shape[0])
          expect(C.toDense().shape).toEqual([...shape])
          expect(C.toDense().data.every((x) => x === 0)).toBe(true)
        }
      }
    }
  })

  test('zeros are completed by zeros', () => {
    const zeros = { ...M, values: [0, 0, 0, 0, 0] }
    for (const method of ['als', 'sketched', 'softImpute'] as const) {
      const C = completeMatrix(zeros, { rank: 2, method })
      expect(C.toDense().data.every((x) => x === 0)).toBe(true)
    }
  })
})
