import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { kernelMatrix, nystrom, nystromBlocks, nystromRectangular } from '../../src/factorize/index.js'
import {
  LinAlgError,
  NotFiniteError,
  NotPositiveDefiniteError,
  OptionError,
  ShapeError,
  diag,
  eye,
  gram,
  norm,
  operator,
  random,
  svd,
  zeros,
} from '../../src/linalg/index.js'

const COLUMNS = ['gaussian', 'uniform', 'leverage', 'rpcholesky'] as const
const K = gram(random.normal([40, 30]))

/** The error that f throws; the test fails where it throws none. */
function thrown(f: () => unknown): LinAlgError {
  try {
    f()
  } catch (error) {
    expect(error).toBeInstanceOf(LinAlgError)
    return error as LinAlgError
  }
  throw new Error('nothing was thrown')
}

describe('matrices that are none of its own', () => {
  test('not square', () => {
    const error = thrown(() => nystrom(zeros([3, 4]), { rank: 1 }))
    expect(error).toBeInstanceOf(ShapeError)
    expect(error.message).toMatch(/^nystrom: A: expected a square matrix, given 3×4/)
  })

  test.each(COLUMNS)('%s: not symmetric', (columns) => {
    const B = random.normal([30, 30])
    for (let i = 0; i < 30; i++) B.set(i, i, 10)
    for (const rank of [4, 30]) {
      const error = thrown(() => nystrom(B, { rank, columns }))
      expect(error).toBeInstanceOf(ShapeError)
      expect([error.fn, error.argument]).toEqual(['nystrom', 'A'])
    }
  })

  test.each(COLUMNS)('%s: a function of two points that is not symmetric', (columns) => {
    const lopsided = kernelMatrix(random.normal([60, 2]), {
      kernel: (x, y) => Math.exp(-((x[0]! - y[1]!) ** 2)),
    })
    expect(thrown(() => nystrom(lopsided, { rank: 4, columns }))).toBeInstanceOf(ShapeError)
  })

  test.each(COLUMNS)('%s: indefinite', (columns) => {
    // A diagonal below 0, a diagonal that hides it, and the whole matrix.
    const hidden = zeros([30, 30])
    for (let i = 0; i < 30; i++) for (let j = 0; j < 30; j++) hidden.set(i, j, i === j ? 1 : -1)
    const negative = diag(Float64Array.from({ length: 30 }, (_, i) => (i % 2 === 0 ? 1 : -1)))
    const hollow = zeros([30, 30])
    hollow.set(3, 4, 1)
    hollow.set(4, 3, 1)
    for (const [A, rank] of [
      [hollow, 4],
      [negative, 4],
      [hidden, 4],
      [hidden, 30],
    ] as const) {
      const error = thrown(() => nystrom(A, { rank, columns }))
      expect(error).toBeInstanceOf(NotPositiveDefiniteError)
      expect([error.fn, error.argument, error.code]).toEqual(['nystrom', 'A', 'NOT_POSITIVE_DEFINITE'])
    }
  })

  test('an indefinite operator without a diagonal is seen in its core', () => {
    const negative = diag(Float64Array.from({ length: 30 }, (_, i) => (i < 15 ? 1 : -1)))
    const flipped = { shape: [30, 30] as const, matmat: product, rmatmat: product }
    expect(thrown(() => nystrom(operator(flipped), { rank: 4 }))).toBeInstanceOf(NotPositiveDefiniteError)
    function product(X: ReturnType<typeof zeros>): ReturnType<typeof zeros> {
      const Y = zeros(X.shape)
      X.data.forEach((x, e) => (Y.data[e] = x * negative.data[Math.floor(e / X.shape[1]!) * 31]!))
      return Y
    }
  })

  test('NaN and infinities, in A and from a kernel', () => {
    const B = gram(random.normal([9, 9]))
    B.set(4, 2, NaN)
    expect(thrown(() => nystrom(B, { rank: 2 })).message).toBe(
      'nystrom: A: expected finite numbers, given NaN at [4, 2]',
    )
    const X = random.normal([50, 2])
    for (const bad of [NaN, Infinity, undefined as never]) {
      const broken = kernelMatrix(X, { kernel: (x, y) => (x === y || x[0]! * y[0]! < 1 ? 1 : bad) })
      for (const columns of COLUMNS) {
        expect(thrown(() => nystrom(broken, { rank: 3, columns }))).toBeInstanceOf(NotFiniteError)
      }
    }
    const error = thrown(() => kernelMatrix([[1e200], [1]], { kernel: 'polynomial' }).matmat(eye(2)))
    expect(error).toBeInstanceOf(NotFiniteError)
    expect(error.fn).toBe('kernelMatrix')
    expect(thrown(() => kernelMatrix([[NaN]])).message).toMatch(/^kernelMatrix: X: .* NaN at \[0, 0\]/)
    // What the function throws comes through, and the next call works.
    const own = new Error('mine')
    const thrower = kernelMatrix(X, {
      kernel: () => {
        throw own
      },
    })
    expect(() => thrower.matmat(eye(50))).toThrow(own)
    expect(kernelMatrix(X).matmat(eye(50)).shape).toEqual([50, 50])
  })
})

describe('options', () => {
  test.each<[string, unknown]>([
    ['rank', 0],
    ['rank', 1.5],
    ['rtol', -1],
    ['atol', NaN],
    ['columns', 'best'],
    ['oversample', -1],
    ['seed', -1],
    ['power', 2],
  ])('nystrom %s: %s', (name, value) => {
    expect(thrown(() => nystrom(K, { rank: 2, [name]: value }))).toBeInstanceOf(OptionError)
  })

  test.each<[string, unknown]>([
    ['kernel', 'gauss'],
    ['gamma', 0],
    ['gamma', Infinity],
    ['degree', 0],
    ['degree', 1.5],
    ['coef0', -1],
    ['width', 1],
  ])('kernelMatrix %s: %s', (name, value) => {
    const error = thrown(() => kernelMatrix(eye(3), { [name]: value }))
    expect(error).toBeInstanceOf(OptionError)
    expect(error.fn).toBe('kernelMatrix')
  })

  test('a rank or a tolerance is needed; ridges are above 0; blocks are said in one way', () => {
    expect(thrown(() => nystrom(K, {})).message).toMatch(/rank, rtol or atol/)
    expect(thrown(() => nystromRectangular(K, {} as never))).toBeInstanceOf(OptionError)
    for (const ridge of [0, -1, NaN, undefined as never, Infinity]) {
      expect(thrown(() => nystrom(K, { rank: 2 }).solve(new Float64Array(30), ridge)).argument).toBe('ridge')
      expect(thrown(() => nystrom(K, { rank: 2 }).preconditioner(ridge)).argument).toBe('ridge')
    }
    expect(thrown(() => nystrom(K, { rank: 2 }).solve([1, 2], 1))).toBeInstanceOf(ShapeError)
    for (const options of [{}, { rank: 2, rows: [0], columns: [1] }, { rows: [0] }, { rank: 2, rows: [0] }]) {
      expect(thrown(() => nystromBlocks(K, options)).argument).toBe('options')
    }
    expect(thrown(() => nystromBlocks(K, { rows: [0, 30], columns: [1] })).argument).toBe('options.rows')
    expect(thrown(() => kernelMatrix(eye(3)).cross(eye(2)))).toBeInstanceOf(ShapeError)
    expect(thrown(() => kernelMatrix(eye(3)).matmat(eye(2)))).toBeInstanceOf(ShapeError)
    expect(thrown(() => kernelMatrix(eye(3)).columns!(Int32Array.of(3)))).toBeInstanceOf(ShapeError)
  })

  test('an abort ends it, and progress is told', () => {
    const controller = new AbortController()
    controller.abort()
    for (const columns of COLUMNS) {
      expect(() => nystrom(K, { rank: 3, columns, signal: controller.signal })).toThrow(
        controller.signal.reason,
      )
      const stages: string[] = []
      nystrom(K, { rank: 3, columns, onProgress: ({ method, stage }) => stages.push(`${method} ${stage}`) })
      expect(stages.length).toBeGreaterThan(0)
      expect(stages.every((stage) => stage.startsWith('nystrom '))).toBe(true)
    }
  })
})

describe('small and degenerate matrices', () => {
  test.each(COLUMNS)('%s', (columns) => {
    const empty = nystrom(zeros([0, 0]), { rank: 3, columns })
    expect([empty.rank, empty.errorEstimate, empty.toDense().shape]).toEqual([0, 0, [0, 0]])
    const nothing = nystrom(zeros([30, 30]), { rank: 3, columns })
    expect([nothing.rank, nothing.errorEstimate, norm(nothing.toDense())]).toEqual([0, 0, 0])
    expect([...nothing.solve(new Float64Array(30).fill(2), 4)]).toEqual(Array(30).fill(0.5))
    expect(nothing.preconditioner(1).matmat(eye(30)).data).toEqual(eye(30).data)
    expect([...nystrom([[4]], { rank: 1, columns }).values]).toEqual([4])
    expect(nystrom(K, { rank: 100, columns }).rank).toBe(30)
    expect(nystrom(K, { rank: 100, columns }).errorEstimate).toBeLessThan(1e-13)
    const one = nystrom(gram([Array.from({ length: 30 }, (_, i) => i + 1)]), { rank: 5, columns })
    expect(one.values[0]! / ((30 * 31 * 61) / 6)).toBeCloseTo(1, 10)
    // One entry that most columns know nothing of.
    const spike = zeros([40, 40])
    spike.set(7, 7, 3)
    const found = nystrom(spike, { rank: 2, columns })
    if (columns === 'rpcholesky' || columns === 'gaussian') expect(found.values[0]).toBeCloseTo(3, 12)
    expect(found.errorEstimate).toBeLessThanOrEqual(1)
    const before = K.data.slice()
    nystrom(K, { rank: 3, columns })
    expect(K.data).toEqual(before)
  })

  test('an operator that knows nothing but products, of zeros', () => {
    const product = (X: ReturnType<typeof zeros>): ReturnType<typeof zeros> => zeros(X.shape)
    const result = nystrom(operator({ shape: [30, 30], matmat: product, rmatmat: product }), { rank: 2 })
    expect([result.rank, result.errorEstimate, result.errorNorm]).toEqual([0, 0, 'fro'])
  })

  test('rectangles', () => {
    for (const [m, n] of [
      [0, 0],
      [0, 5],
      [5, 0],
    ] as const) {
      for (const result of [
        nystromRectangular(zeros([m, n]), { rank: 3 }),
        nystromBlocks(zeros([m, n]), { rank: 3 }),
      ]) {
        expect([result.rank, result.errorEstimate, result.toDense().shape]).toEqual([0, 0, [m, n]])
      }
    }
    for (const result of [
      nystromRectangular(zeros([40, 30]), { rank: 3 }),
      nystromBlocks(zeros([40, 30]), { rank: 3 }),
    ]) {
      expect([result.rank, result.errorEstimate, norm(result.toDense())]).toEqual([0, 0, 0])
    }
    expect(nystromRectangular([[3, 0, 4]], { rank: 2 }).toDense().data[2]).toBeCloseTo(4, 14)
    expect(nystromBlocks([[3, 0, 4]], { rank: 1 }).toDense().data[2]).toBeCloseTo(4, 14)
    expect(nystromRectangular(random.normal([20, 10]), { rank: 30 }).rank).toBe(10)
  })
})

describe('kernelMatrix', () => {
  test('known values', () => {
    const X = [
      [0, 0],
      [3, 4],
    ] as const
    const I = eye(2)
    expect(kernelMatrix(X, { gamma: 0.1 }).matmat(I).data[1]).toBeCloseTo(Math.exp(-2.5), 16)
    expect(kernelMatrix(X).matmat(I).data[1]).toBeCloseTo(Math.exp(-12.5), 16)
    expect(kernelMatrix(X, { kernel: 'laplacian', gamma: 0.1 }).matmat(I).data[1]).toBeCloseTo(
      Math.exp(-0.7),
      15,
    )
    expect([...kernelMatrix(X, { kernel: 'polynomial', gamma: 1, degree: 2 }).matmat(I).data]).toEqual([
      1, 1, 1, 676,
    ])
    expect([...kernelMatrix(X, { kernel: (x, y) => x[0]! + y[0]! }).matmat(I).data]).toEqual([0, 3, 3, 6])
  })

  test('extremes of scale: distances that overflow are 0, those that vanish are 1', () => {
    for (const kernel of ['rbf', 'laplacian'] as const) {
      const far = kernelMatrix([[1e308], [-1e308], [1]], { kernel, gamma: 1 }).matmat(eye(3))
      expect([...far.data]).toEqual([...eye(3).data])
      const near = kernelMatrix([[1e-300], [0]], { kernel, gamma: 1 }).matmat(eye(2))
      expect([...near.data]).toEqual([1, 1, 1, 1])
      for (const gamma of [Number.MAX_VALUE, 5e-324]) {
        const K = kernelMatrix([[1], [1], [2]], { kernel, gamma }).matmat(eye(3))
        expect([...K.data]).toEqual(gamma > 1 ? [1, 1, 0, 1, 1, 0, 0, 0, 1] : Array(9).fill(1))
      }
    }
  })

  test('the points are copied', () => {
    const X = random.normal([10, 2])
    const K = kernelMatrix(X)
    const before = K.matmat(eye(10)).data
    X.data.fill(0)
    expect(K.matmat(eye(10)).data).toEqual(before)
  })

  test('the event loop has its turn', async () => {
    const K = kernelMatrix(random.normal([2500, 10]))
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    const started = performance.now()
    await nystrom.async(K, { rank: 60 })
    const took = performance.now() - started
    clearInterval(timer)
    expect(turns).toBeGreaterThan(took / 60)
  })
})

test('nystromBlocks takes less than a tenth of the time of an SVD', () => {
  const W = random.normal([512, 512])
  const least = (work: () => unknown, times: number): number =>
    Math.min(
      ...Array.from({ length: times }, () => {
        const started = performance.now()
        work()
        return performance.now() - started
      }),
    )
  // Two hundredths of it, mostly.
  expect(least(() => nystromBlocks(W, { rank: 16 }), 5)).toBeLessThan(least(() => svd(W), 2) / 10)
})

describe('memory', () => {
  test.each([
    ['gaussian', 8000],
    ['uniform', 8000],
    ['leverage', 8000],
    ['rpcholesky', 20000],
  ])('%s of a kernel over %d points holds three blocks of rank + oversample columns', (columns, n) => {
    const script = fileURLToPath(new URL('nystrommemory.ts', import.meta.url))
    const flags = ['--expose-gc', '--import', 'tsx', script]
    const child = spawnSync(process.execPath, [...flags, columns, String(n), '100'], { encoding: 'utf8' })
    expect(child.stderr).not.toMatch(/Error/)
    const { bytes } = JSON.parse(child.stdout) as { bytes: number }
    const block = 8 * n * 110
    // Beside the blocks: a tile, its points, and matrices of the size of the rank.
    expect(bytes).toBeLessThanOrEqual(3 * block + 5e6)
    expect(bytes).toBeGreaterThan(block)
  })
})
