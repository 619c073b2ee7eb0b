import { describe, expect, it } from 'vitest'
import { eig, matmul, norm, qr, svdvals, toNested, transpose } from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { gallery } from '../../src/testing/index.js'

const EPS = 2 ** -52

/** Condition number in the 2-norm. */
function cond(A: Matrix): number {
  const s = svdvals(A)
  return s[0]! / s.at(-1)!
}

/** Rank and determinant of whole numbers, by fraction-free elimination (Bareiss 1968). */
function exactly(A: Matrix): { rank: number; det: bigint } {
  const M = toNested(A).map((row) => row.map((x) => BigInt(x)))
  const [m = 0, n = 0] = A.shape
  let [rank, before, sign] = [0, 1n, 1n]
  for (let j = 0; j < n && rank < m; j++) {
    const pivot = M.findIndex((row, i) => i >= rank && row[j] !== 0n)
    if (pivot < 0) continue
    if (pivot !== rank) {
      ;[M[pivot], M[rank]] = [M[rank]!, M[pivot]!]
      sign = -sign
    }
    const p = M[rank]![j]!
    for (let i = rank + 1; i < m; i++) {
      const x = M[i]![j]!
      for (let k = 0; k < n; k++) M[i]![k] = (p * M[i]![k]! - x * M[rank]![k]!) / before
    }
    before = p
    rank++
  }
  return { rank, det: rank === m && m === n ? sign * before : 0n }
}

const expectSymmetric = (A: Matrix): void => expect(toNested(A)).toEqual(toNested(transpose(A)))

/** The eigenvalues of a matrix all of whose eigenvalues are real, ascending. */
function realEigenvalues(A: Matrix): Float64Array {
  const { re, im } = eig(A, { vectors: 'none' })
  expect(Array.from(im).every((x) => x === 0)).toBe(true)
  return re
}

describe('gallery', () => {
  it('hilbert: condition number e^{3.5n}', () => {
    expectSymmetric(gallery.hilbert(9))
    expect(gallery.hilbert(3).get(1, 2)).toBe(1 / 4)
    for (const n of [4, 8]) {
      const rate = Math.log(cond(gallery.hilbert(n + 2)) / cond(gallery.hilbert(n))) / 2
      expect(rate).toBeGreaterThan(3.3)
      expect(rate).toBeLessThan(3.7)
    }
  })

  it('lotkin: hilbert with a row of ones, and negative eigenvalues', () => {
    const [L, H] = [toNested(gallery.lotkin(6)), toNested(gallery.hilbert(6))]
    expect(L[0]).toEqual(new Array(6).fill(1))
    expect(L.slice(1)).toEqual(H.slice(1))
    const re = realEigenvalues(gallery.lotkin(6))
    expect(re.filter((x) => x < 0).length).toBe(5)
    expect(re[4]).toBeGreaterThan(-1e-4)
  })

  it('pascal: whole numbers, determinant 1, reciprocal eigenvalues', () => {
    const A = gallery.pascal(10)
    expectSymmetric(A)
    expect(A.get(9, 9)).toBe(48620)
    expect(exactly(A).det).toBe(1n)
    const s = svdvals(gallery.pascal(6))
    s.forEach((x, j) => expect(x * s[5 - j]!).toBeCloseTo(1, 7))
  })

  it('vandermonde: powers of the points, condition number like 8ⁿ', () => {
    expect(toNested(gallery.vandermonde([2, -1, 3]))).toEqual([
      [1, 2, 4],
      [1, -1, 1],
      [1, 3, 9],
    ])
    expect(toNested(gallery.vandermonde(3))[1]).toEqual([1, 0.5, 0.25])
    const ratio = cond(gallery.vandermonde(11)) / cond(gallery.vandermonde(10))
    expect(ratio).toBeGreaterThan(7)
    expect(ratio).toBeLessThan(9)
  })

  it('kahan: triangular, with nothing for column pivoting to exchange, and a last diagonal entry that misleads', () => {
    const n = 60
    const R = gallery.kahan(n)
    for (let k = 0; k < n; k++) {
      const left = (j: number): number => norm(R.lo(k, j).hi(n - k, 1))
      for (let j = k; j < n; j++) expect(left(j)).toBeLessThanOrEqual(left(k) * (1 + n * EPS))
    }
    expect(R.get(n - 1, n - 1)).toBeGreaterThan(1e4 * svdvals(R)[n - 1]!)
  })

  it('wilkinson: pairs that agree to 14 digits, and nothing small beside the diagonal', () => {
    const A = gallery.wilkinson()
    expectSymmetric(A)
    expect(A.shape).toEqual([21, 21])
    const values = realEigenvalues(A)
    expect(values[20]).toBeCloseTo(10.746194182903393, 12)
    expect(values[19]).toBeCloseTo(10.746194182903322, 12)
    expect(values[20]! - values[19]!).toBeLessThan(1e-12)
  })

  it('gluedWilkinson: copies of W21 but for the glue', () => {
    const A = gallery.gluedWilkinson(3, 0)
    expectSymmetric(gallery.gluedWilkinson(3))
    expect(toNested(A.lo(21, 21).hi(21, 21))).toEqual(toNested(gallery.wilkinson(21)))
    expect(gallery.gluedWilkinson(3).get(20, 21)).toBe(2 ** -26)
    const [one, three] = [realEigenvalues(gallery.wilkinson()), realEigenvalues(A)]
    one.forEach((x, j) => expect(Math.abs(x - three[3 * j + 1]!)).toBeLessThan(1e-12))
  })

  it('growth: elimination without exchanges doubles the last column at each step', () => {
    const n = 12
    const U = toNested(gallery.growth(n))
    for (let k = 0; k < n; k++) {
      for (let i = k + 1; i < n; i++) {
        expect(Math.abs(U[i]![k]!)).toBe(Math.abs(U[k]![k]!))
        const l = U[i]![k]! / U[k]![k]!
        for (let j = k; j < n; j++) U[i]![j]! -= l * U[k]![j]!
      }
    }
    expect(U[n - 1]![n - 1]).toBe(2 ** (n - 1))
  })

  it('frank: Hessenberg, determinant 1, reciprocal eigenvalues', () => {
    const A = gallery.frank(12)
    expect(toNested(gallery.frank(4))).toEqual([
      [4, 3, 2, 1],
      [3, 3, 2, 1],
      [0, 2, 2, 1],
      [0, 0, 1, 1],
    ])
    expect(exactly(A).det).toBe(1n)
    const re = realEigenvalues(gallery.frank(8))
    re.forEach((x, j) => expect(x * re[7 - j]!).toBeCloseTo(1, 6))
  })

  it('grcar: Toeplitz, eigenvalues off the real axis, far from normal', () => {
    expect(toNested(gallery.grcar(5, 2))).toEqual([
      [1, 1, 1, 0, 0],
      [-1, 1, 1, 1, 0],
      [0, -1, 1, 1, 1],
      [0, 0, -1, 1, 1],
      [0, 0, 0, -1, 1],
    ])
    const A = gallery.grcar(20)
    const { im } = eig(A, { vectors: 'none' })
    expect(im.filter((x) => x !== 0).length).toBe(20)
    const At = transpose(A)
    expect(norm(subtract(matmul(A, At), matmul(At, A)))).toBeGreaterThan(0.1 * norm(A))
  })

  it('jordan: λ·I plus a shift that is nilpotent of full order', () => {
    let power = gallery.jordan(4)
    expect(toNested(gallery.jordan(3, 2))).toEqual([
      [2, 1, 0],
      [0, 2, 1],
      [0, 0, 2],
    ])
    for (let k = 1; k < 3; k++) power = matmul(power, gallery.jordan(4))
    expect(norm(power)).toBe(1)
    expect(norm(matmul(power, gallery.jordan(4)))).toBe(0)
  })

  it('companion: the roots of its polynomial', () => {
    // (x − 1)(x − 2)(x + 3) = x³ − 7x + 6
    const re = realEigenvalues(gallery.companion([6, -7, 0]))
    ;[-3, 1, 2].forEach((x, j) => expect(re[j]).toBeCloseTo(x, 12))
  })

  it('balanceTrap: Hessenberg to rounding, row by row', () => {
    const n = 12
    const A = gallery.balanceTrap(n)
    for (let i = 2; i < n; i++) {
      expect(norm(A.lo(i, 0).hi(1, i - 1))).toBeLessThan(EPS * norm(A.lo(i, i - 1).hi(1, n - i + 1)))
      expect(A.get(i, 0)).not.toBe(0)
    }
    const sizes = Array.from({ length: n - 2 }, (_, i) => norm(A.lo(i, 0).hi(1, n)) * 10 ** (3 * i))
    expect(Math.max(...sizes) / Math.min(...sizes)).toBeLessThan(4)
  })

  it('hippoLegs: −I/2 plus skew-symmetric, but for a rank-one term', () => {
    const n = 20
    const A = gallery.hippoLegs(n)
    for (let i = 0; i < n; i++) {
      for (let k = 0; k < n; k++) {
        const p = (t: number): number => Math.sqrt(t + 0.5)
        const symmetric = (A.get(i, k) + A.get(k, i)) / 2 + p(i) * p(k)
        expect(symmetric).toBeCloseTo(i === k ? -0.5 : 0, 12)
      }
    }
  })

  it('graded, gradedColumns: sizes fall to the ratio', () => {
    const A = gallery.graded(9, 7, 1e-8)
    const B = gallery.gradedColumns(9, 7, 1e-8)
    expect(A.shape).toEqual([9, 7])
    const rows = Array.from({ length: 9 }, (_, i) => norm(A.lo(i, 0).hi(1, 7)) * 10 ** i)
    const columns = Array.from({ length: 7 }, (_, j) => norm(B.lo(0, j).hi(9, 1)) * 10 ** ((8 / 6) * (6 - j)))
    for (const sizes of [rows, columns]) {
      expect(Math.max(...sizes) / Math.min(...sizes)).toBeLessThan(2)
      expect(Math.max(...sizes)).toBeLessThan(6)
    }
    expect(gallery.graded(1, 1).size).toBe(1)
  })

  it('clustered: groups near 1, 2, …', () => {
    const A = gallery.clustered(20, 3)
    expectSymmetric(A)
    const values = realEigenvalues(A)
    values.forEach((x, j) => {
      const group = j < 7 ? 1 : j < 14 ? 2 : 3
      expect(Math.abs(x - group)).toBeLessThan(30 * 20 * EPS * norm(A))
    })
    const wide = realEigenvalues(gallery.clustered(6, 2, 1e-3))
    ;[1, 1.001, 1.002, 2, 2.001, 2.002].forEach((x, j) => expect(wide[j]).toBeCloseTo(x, 12))
  })

  it('golubKahan: bidiagonal, graded down to the ratio', () => {
    const B = gallery.golubKahan(21, 1e-20)
    for (let i = 0; i < 21; i++) {
      for (let j = 0; j < 21; j++) {
        if (j === i || j === i + 1) expect(B.get(i, j) * 10 ** i).toBeCloseTo(1, 12)
        else expect(B.get(i, j)).toBe(0)
      }
    }
  })

  it('coherent: n rows of leverage 1', () => {
    const { Q } = qr(gallery.coherent(50, 6))
    const leverage = Array.from({ length: 50 }, (_, i) => norm(Q.lo(i, 0).hi(1, 6)) ** 2)
    leverage.forEach((x, i) => expect(x).toBeCloseTo(i < 6 ? 1 : 0, 6))
  })

  it('rankDeficient: exact rank, whole numbers', () => {
    for (const [m, n, rank] of [
      [8, 5, 3],
      [5, 8, 3],
      [6, 6, 1],
      [6, 6, 0],
      [4, 6, 9],
    ] as const) {
      const A = gallery.rankDeficient(m, n, rank)
      expect(A.shape).toEqual([m, n])
      expect(exactly(A).rank).toBe(Math.min(rank, m, n))
    }
  })
})

function subtract(A: Matrix, B: Matrix): number[][] {
  const b = toNested(B)
  return toNested(A).map((row, i) => row.map((x, j) => x - b[i]![j]!))
}
