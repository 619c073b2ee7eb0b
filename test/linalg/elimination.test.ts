import ndarray from 'ndarray'
import { describe, expect, test } from 'vitest'
import {
  NotFiniteError,
  NotPositiveDefiniteError,
  OptionError,
  ShapeError,
  SingularMatrixError,
  cholesky,
  cond,
  det,
  diag,
  eye,
  ldl,
  ldu,
  lstsq,
  lu,
  matrix,
  matrixRank,
  pinv,
  qr,
  random,
  solve,
  solveTriangular,
  svdvals,
  toNested,
  zeros,
} from '../../src/linalg/index.js'
import type { MatrixLike } from '../../src/linalg/index.js'
import { gallery, withSpectrum } from '../../src/testing/index.js'
import { EPS, YARDSTICK, minus, times } from '../../proptests/support/measures.js'

/** 1 on the diagonal and in the last column, −1 below. */
function growing(n: number): number[][] {
  return Array.from({ length: n }, (_, i) =>
    Array.from({ length: n }, (_, j) => (j === n - 1 || i === j ? 1 : j < i ? -1 : 0)),
  )
}

/** The error that a call throws. */
function thrown<E>(kind: new (...args: never[]) => E, call: () => unknown): E {
  try {
    call()
  } catch (error) {
    expect(error).toBeInstanceOf(kind)
    return error as E
  }
  throw new Error('nothing was thrown')
}

describe('known answers', () => {
  test('lu, det and solve of a small matrix', () => {
    const {
      perm,
      L,
      U,
      det: value,
    } = lu([
      [1, 2],
      [3, 4],
    ])
    expect([...perm]).toEqual([1, 0])
    expect(toNested(L)).toEqual([
      [1, 0],
      [1 / 3, 1],
    ])
    expect(toNested(U)[0]).toEqual([3, 4])
    expect(value()).toBeCloseTo(-2, 14)
  })

  test('the growth of partial pivoting is 2ⁿ⁻¹ where Wilkinson says so, and none with rook and complete', () => {
    expect(lu(growing(20)).U.get(19, 19)).toBe(2 ** 19)
    for (const pivot of ['rook', 'complete'] as const)
      expect(Math.max(...ldu(growing(20), { pivot }).d.map(Math.abs))).toBeLessThanOrEqual(2)
  })

  test('det: signs, scales, empty', () => {
    expect(det(eye(5))).toBe(1)
    expect(det([[0, 1], [1, 0]])).toBe(-1) // prettier-ignore
    expect(det([[0, 1, 0], [0, 0, 1], [1, 0, 0]])).toBe(1) // prettier-ignore
    expect(det(zeros([0, 0]))).toBe(1)
    expect(det(zeros([3, 3]))).toBe(0)
    // Out of the range of numbers on the way, but not in the end.
    expect(det(diag([1e200, 1e200, 1e-200, 1e-200]))).toBeCloseTo(1, 12)
    expect(det(diag([1e-200, 1e-200, 1e200, 1e200]))).toBeCloseTo(1, 12)
    expect(det(diag([1e-200, 1e-200]))).toBe(0)
    expect(det(diag([-1e200, 1e200]))).toBe(-Infinity)
    expect(det(diag([2 ** -1074]))).toBe(2 ** -1074)
  })

  test('ldu of a matrix that has none without columns being exchanged', () => {
    const { d, L, U, perm, colPerm } = ldu([[0, 1], [0, 0]], { pivot: 'rook' }) // prettier-ignore
    expect([...d]).toEqual([1, 0])
    expect([...perm, ...colPerm!]).toEqual([0, 1, 1, 0])
    expect([toNested(L), toNested(U)]).toEqual([toNested(eye(2)), toNested(eye(2))])
    const error = thrown(SingularMatrixError, () => ldu([[0, 1], [0, 0]])) // prettier-ignore
    expect(error.index).toBe(0)
    expect(error.message).toContain("'rook'")
    expect(ldu([[4, 2], [2, 5]], { pivot: 'none' }).perm).toEqual(Int32Array.of(0, 1)) // prettier-ignore
    expect(thrown(SingularMatrixError, () => ldu([[0, 1], [1, 0]], { pivot: 'none' })).index).toBe(0) // prettier-ignore
    expect(() => ldu([[1e-200, 1e200], [1e200, 1]], { pivot: 'none' })).toThrow(/overflow/) // prettier-ignore
    expect('colPerm' in ldu(eye(2))).toBe(false)
  })

  test('complete pivots in descending order', () => {
    const { d } = ldu(diag([1, 5, -7, 2]), { pivot: 'complete' })
    expect([...d]).toEqual([-7, 5, 2, 1])
  })

  test('ldl of a swap needs a block of 2×2', () => {
    const { D, inertia, L } = ldl([[0, 1], [1, 0]]) // prettier-ignore
    expect(toNested(D)).toEqual([[0, 1], [1, 0]]) // prettier-ignore
    expect(toNested(L)).toEqual(toNested(eye(2)))
    expect(inertia).toEqual({ positive: 1, negative: 1, zero: 0 })
    expect(ldl(zeros([3, 3])).inertia).toEqual({ positive: 0, negative: 0, zero: 3 })
    expect(ldl(diag([3, -1, 0, 2])).inertia).toEqual({ positive: 2, negative: 1, zero: 1 })
  })

  test('least squares: the Vandermonde matrix of degree 9, and a line', () => {
    const [m, n] = [50, 10]
    const V = zeros([m, n])
    for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) V.set(i, j, (i / (m - 1)) ** j)
    const truth = Float64Array.from({ length: n }, (_, j) => j + 1)
    const b = times(V, matrix(truth, [n, 1])).data
    const { X, rank } = lstsq(V, b)
    expect(rank).toBe(n)
    const error = Math.hypot(...X.map((x, j) => x - truth[j]!)) / Math.hypot(...truth)
    expect(error).toBeLessThan(YARDSTICK * EPS * m * cond(V))
  })

  test('minimum norm: one equation', () => {
    expect([...lstsq([[3, 4]], [25]).X]).toEqual([expect.closeTo(3, 13), expect.closeTo(4, 13)])
    expect([...lstsq(zeros([2, 3]), [1, 1]).X]).toEqual([0, 0, 0])
  })

  test('column pivoting of the matrix of Kahan exchanges nothing, and misses its rank', () => {
    const n = 90
    const K = gallery.kahan(n)
    // All columns that are left are equally long; Higham's perturbation keeps rounding from choosing one.
    for (let i = 0; i < n; i++) K.data[i * (n + 1)]! += 25 * 2 ** -52 * (n - i)
    const { perm, R } = qr(K, { pivot: true })
    expect([...perm]).toEqual([...Array(n).keys()])
    const smallest = svdvals(K, { algorithm: 'jacobi' })[n - 1]!
    // About 5·10¹¹: the last pivot says nothing of the smallest singular value.
    const ratio = Math.abs(R.get(n - 1, n - 1)) / smallest
    expect(ratio).toBeGreaterThan(2.5e11)
    expect(ratio).toBeLessThan(1e12)
  })

  test('norms are not lost to cancellation where a column nearly lies in the span of those before', () => {
    // Drmač and Bujanović: each step takes nearly all of the norm of the rest, which then has to be ordered.
    const n = 30
    const A = zeros([2 * n, n])
    for (let j = 0; j < n; j++) {
      A.set(0, j, 1)
      A.set(1, j, 1e-5 * j)
      for (let i = 2; i < n; i++) A.set(i, j, 1e-10 * Math.sin(i * j + j))
      A.set(n + j, j, 1e-13 * (j + 1))
    }
    const { R } = qr(A, { pivot: true })
    for (let k = 0; k < n; k++) {
      for (let j = k + 1; j < n; j++) {
        let left = 0
        for (let i = k; i <= j; i++) left = Math.hypot(left, R.get(i, j))
        expect(left).toBeLessThanOrEqual(Math.abs(R.get(k, k)) * (1 + 1e-4) + 1e-16 * n)
      }
    }
  })
})

describe('solve', () => {
  test('refuses what is singular to working precision, and not what is merely badly scaled', () => {
    for (const A of [
      zeros([3, 3]),
      [
        [1, 2],
        [2, 4],
      ],
      gallery.hilbert(13),
      withSpectrum(9, 9, [1, 1, 1]),
    ])
      // prettier-ignore
      expect(() => solve(A as MatrixLike, new Float64Array(dimension(A)))).toThrow(SingularMatrixError)
    const scales = [1, 1e-20, 1e-300]
    solve(diag(scales), [1, 1, 1]).forEach((x, i) => expect(x * scales[i]!).toBeCloseTo(1, 14))
    expect(() => solve([[1, 2], [2, 4]], [1, 1])).toThrow(/lstsq/) // prettier-ignore
  })

  test('a vector, a matrix and a 1-D ndarray; empty ones', () => {
    const A = [[2, 0], [0, 4]] // prettier-ignore
    expect(solve(A, [2, 4])).toEqual(Float64Array.of(1, 1))
    expect(solve(A, Float32Array.of(2, 4))).toEqual(Float64Array.of(1, 1))
    expect(solve(A, ndarray(Float64Array.of(4, 0, 2, 0), [2], [-2], 2))).toEqual(Float64Array.of(1, 1))
    expect(toNested(solve(A, [[2], [4]]))).toEqual([[1], [1]])
    expect(solve(A, zeros([2, 0])).shape).toEqual([2, 0])
    expect(solve(zeros([0, 0]), []).length).toBe(0)
    expect(solve(zeros([0, 0]), zeros([0, 3])).shape).toEqual([0, 3])
  })

  test('runs cooperatively, to the same bits', async () => {
    const A = random.normal([120, 120])
    const b = random.normal([120, 1], { seed: 1 }).data
    expect(await solve.async(A, b)).toEqual(solve(A, b))
    expect(await lu(A).solve.async(b)).toEqual(lu(A).solve(b))
    expect(toNested((await ldl.async(eye(3))).D)).toEqual(toNested(eye(3)))
  })
})

const dimension = (A: MatrixLike): number =>
  Array.isArray(A) ? A.length : (A as { shape: number[] }).shape[0]!

describe('errors', () => {
  const rectangular = zeros([2, 3])
  const square: Record<string, (A: MatrixLike) => unknown> = {
    cholesky,
    ldl,
    det,
    solve: (A) => solve(A, [1, 1]),
    solveTriangular: (T) => solveTriangular(T, [1, 1]),
    'lu solve': (A) => lu(A).solve([1, 1]),
    'lu det': (A) => lu(A).det(),
    'ldu solve': (A) => ldu(A, { pivot: 'rook' }).solve([1, 1]),
    'ldu det': (A) => ldu(A, { pivot: 'rook' }).det(),
  }
  test.each(Object.entries(square))('%s refuses a matrix that is not square', (_, f) => {
    expect(() => f(rectangular)).toThrow(ShapeError)
  })

  const all: Record<string, (A: MatrixLike) => unknown> = {
    ...square,
    lu,
    ldu,
    lstsq: (A) => lstsq(A, [1, 1]),
    pinv,
    cond,
    matrixRank,
    qr: (A) => qr(A, { pivot: true }),
  }
  test.each(Object.entries(all))('%s refuses NaN and infinities', (_, f) => {
    for (const value of [NaN, Infinity]) {
      const error = thrown(NotFiniteError, () => f([[1, 2], [value, 1]])) // prettier-ignore
      expect(error.index).toEqual([1, 0])
    }
  })

  test('right-hand sides', () => {
    const solvers = [
      (B: number[]) => solve(eye(2), B),
      (B: number[]) => solveTriangular(eye(2), B),
      (B: number[]) => lu(eye(2)).solve(B),
      (B: number[]) => cholesky(eye(2)).solve(B),
      (B: number[]) => ldl(eye(2)).solve(B),
      (B: number[]) => ldu(eye(2)).solve(B),
      (B: number[]) => lstsq(eye(2), B),
    ]
    for (const f of solvers) {
      expect(() => f([1, 2, 3])).toThrow(ShapeError)
      expect(() => f([1, NaN])).toThrow(NotFiniteError)
      expect(() => f([[1], [2], [3]] as unknown as number[])).toThrow(ShapeError)
      expect(() => f('no' as unknown as number[])).toThrow(ShapeError)
    }
  })

  test('unknown and impossible options', () => {
    const bad = { colour: 'red' } as object
    const calls = [
      () => qr(eye(2), bad),
      () => cholesky(eye(2), bad),
      () => lu(eye(2), bad),
      () => ldu(eye(2), bad),
      () => ldl(eye(2), bad),
      () => det(eye(2), bad),
      () => solve(eye(2), [1, 1], bad),
      () => solveTriangular(eye(2), [1, 1], bad),
      () => lstsq(eye(2), [1, 1], bad),
      () => pinv(eye(2), bad),
      () => cond(eye(2), bad),
      () => matrixRank(eye(2), bad),
      () => lu(eye(2)).solve([1, 1], bad),
      () => ldu(eye(2), { pivot: 'some' as 'rook' }),
      () => ldu(eye(2), { rank: 0 }),
      () => ldu(eye(2), { rank: 1.5 }),
      () => pinv(eye(2), { rtol: -1 }),
      () => qr(eye(2), { pivot: 1 as unknown as true }),
    ]
    for (const call of calls) expect(call).toThrow(OptionError)
  })

  test('pivots that must not vanish', () => {
    expect(thrown(NotPositiveDefiniteError, () => cholesky(diag([1, 2, -1, 3]))).index).toBe(2)
    expect(thrown(NotPositiveDefiniteError, () => cholesky(zeros([2, 2]))).index).toBe(0)
    // In the second panel, too.
    const late = diag(Array.from({ length: 50 }, (_, i) => (i === 40 ? 0 : 1)))
    expect(thrown(NotPositiveDefiniteError, () => cholesky(late)).index).toBe(40)
    expect(thrown(SingularMatrixError, () => lu(late).solve(new Float64Array(50))).index).toBe(40)
    expect(thrown(SingularMatrixError, () => ldu(late).solve(new Float64Array(50))).index).toBe(40)
    expect(thrown(SingularMatrixError, () => ldl(late).solve(new Float64Array(50))).index).toBe(40)
    expect(thrown(SingularMatrixError, () => solveTriangular(late, new Float64Array(50))).index).toBe(40)
    expect(thrown(SingularMatrixError, () => ldu(eye(3), { rank: 2 }).solve([1, 1, 1])).index).toBe(2)
    expect(ldu(eye(3), { rank: 2 }).det()).toBe(0)
  })

  test('a matrix that is not symmetric', () => {
    for (const f of [cholesky, ldl]) {
      expect(() => f([[2, 1], [0, 2]])).toThrow(/symmetric/) // prettier-ignore
      // Two triangles computed apart from each other pass.
      expect(() => f([[2, 1], [1 + 1e-9, 2]])).not.toThrow() // prettier-ignore
      expect(() => f(ndarray(Float32Array.of(2, 1, 1 + 1e-6, 2), [2, 2]))).not.toThrow()
      expect(() => f([[2, 1], [1 + 1e-6, 2]])).toThrow(ShapeError) // prettier-ignore
    }
  })

  test('a smallest eigenvalue on either side of 0', () => {
    const A = withSpectrum(30, 29, new Float64Array(29).fill(1))
    const G = times(A, A.transpose(1, 0))
    const shifted = (t: number): typeof G => {
      const S = minus(G, diag(new Float64Array(30).fill(-t)))
      for (let i = 0; i < 30; i++) for (let j = 0; j < i; j++) S.set(j, i, S.get(i, j))
      return S
    }
    expect(() => cholesky(shifted(1e-10))).not.toThrow()
    expect(() => cholesky(shifted(-1e-10))).toThrow(NotPositiveDefiniteError)
  })

  test('nothing that was given is changed', () => {
    const A = random.normal([6, 6])
    const copy = A.data.slice()
    const S = times(A, A, true)
    const symmetric = S.data.slice()
    const b = Float64Array.of(1, 2, 3, 4, 5, 6)
    solve(A, b)
    lu(A).solve(b)
    lstsq(A, b)
    qr(A, { pivot: true })
    cholesky(S).solve(b)
    ldl(S).solve(b)
    expect([A.data, S.data, b]).toEqual([copy, symmetric, Float64Array.of(1, 2, 3, 4, 5, 6)])
  })
})
