import { afterEach, describe, expect, it } from 'vitest'
import {
  ConvergenceError,
  NotFiniteError,
  OptionError,
  ShapeError,
  diag,
  eig,
  eye,
  matrix,
  norm,
  random,
  toNested,
  zeros,
} from '../../src/linalg/index.js'
import type { Eigen, Matrix } from '../../src/linalg/index.js'
import { dense } from '../../src/linalg/arrays.js'
import { hessenbergSteps } from '../../src/linalg/dense/hessenberg.js'
import { formQSteps } from '../../src/linalg/dense/reflectors.js'
import { schurSteps } from '../../src/linalg/dense/schur.js'
import { standardize } from '../../src/linalg/dense/standardblock.js'
import { stageColumns, unstage } from '../../src/linalg/dense/stage.js'
import { runSync } from '../../src/linalg/steps.js'
import { Workspace, useKernels } from '../../src/linalg/wasm/workspace.js'
import { gallery } from '../../src/testing/index.js'
import { eigenUnits, unitarityUnits } from '../../proptests/support/eigen.js'
import { EPS, YARDSTICK, orthogonalityUnits, residualUnits, times } from '../../proptests/support/measures.js'

const list = (x: Float64Array): number[] => Array.from(x)

/** xⁿ − 1 */
const shift = (n: number): Matrix =>
  gallery.companion(Float64Array.from({ length: n }, (_, i) => (i ? 0 : -1)))

/** Coefficients c₀ … c_{n−1} of ∏(x − root). */
function polynomial(roots: readonly number[]): number[] {
  let c = [1]
  for (const root of roots) c = [...c, 0].map((_, i) => (c[i - 1] ?? 0) - root * (c[i] ?? 0))
  return c.slice(0, -1)
}

describe('eig of small and special matrices', () => {
  it('empty, 1×1 and zero', () => {
    const empty = eig(zeros([0, 0]))
    expect(empty.re.length).toBe(0)
    expect(empty.vectorsRe.shape).toEqual([0, 0])
    expect(eig([[-7]])).toMatchObject({ re: Float64Array.of(-7), im: Float64Array.of(0) })
    expect(toNested(eig([[-7]]).vectorsRe)).toEqual([[1]])
    const zero = eig(zeros([3, 3]))
    expect(list(zero.re)).toEqual([0, 0, 0])
    expect(unitarityUnits(zero)).toBe(0)
  })

  it('a rotation: i and −i, vectors (1, ∓i)/√2', () => {
    const { re, im, vectorsRe, vectorsIm } = eig([
      [0, -1],
      [1, 0],
    ])
    expect(list(re)).toEqual([0, 0])
    expect(list(im)).toEqual([1, -1])
    for (const j of [0, 1]) {
      expect(vectorsRe.get(0, j)).toBeCloseTo(Math.SQRT1_2, 15)
      expect(vectorsIm.get(0, j)).toBe(0)
      expect(vectorsRe.get(1, j)).toBe(0)
      expect(vectorsIm.get(1, j)).toBeCloseTo(j === 0 ? -Math.SQRT1_2 : Math.SQRT1_2, 15)
    }
  })

  it('triangular, also in disguise: the diagonal, exactly', () => {
    const T = matrix([
      [3, 1, 4],
      [0, -1, 5],
      [0, 0, 2],
    ])
    expect(list(eig(T).re)).toEqual([-1, 2, 3])
    const p = [2, 0, 1]
    const disguised = matrix(p.map((i) => p.map((j) => T.get(i, j))))
    expect(list(eig(disguised).re)).toEqual([-1, 2, 3])
    expect(eigenUnits(disguised, eig(disguised))).toBeLessThan(1)
    expect(list(eig(gallery.hippoLegs(9)).re)).toEqual([-9, -8, -7, -6, -5, -4, -3, -2, -1])
  })

  it('diagonal: unit vectors, in order of the values', () => {
    const { re, vectorsRe } = eig(diag([5, -2, 1e-100, -1e200]))
    expect(list(re)).toEqual([-1e200, -2, 1e-100, 5])
    expect(toNested(vectorsRe)).toEqual([
      [0, 0, 0, 1],
      [0, 1, 0, 0],
      [0, 0, 1, 0],
      [1, 0, 0, 0],
    ])
  })

  it('a Jordan block: one eigenvector, told n times', () => {
    for (const lambda of [0, 2]) {
      const { re, im, vectorsRe } = eig(gallery.jordan(6, lambda))
      expect(list(re)).toEqual(new Array(6).fill(lambda))
      expect(norm([list(im)])).toBe(0)
      for (let j = 0; j < 6; j++) expect(vectorsRe.get(0, j)).toBeCloseTo(1, 14)
    }
  })

  it('a defective matrix that has to be iterated on', () => {
    // A similarity of two Jordan blocks of order 3, in whole numbers.
    const P = [
      [1, 2, 0, 1, 0, 1],
      [0, 1, 1, 0, 2, 0],
      [0, 0, 1, 3, 0, 1],
      [0, 0, 0, 1, 1, 0],
      [0, 0, 0, 0, 1, 2],
      [0, 0, 0, 0, 0, 1],
    ]
    const L = P[0]!.map((_, j) => P.map((row) => row[j]!))
    const J = Array.from({ length: 6 }, (_, i) =>
      Array.from({ length: 6 }, (_, j) => (i === j ? 2 : j === i + 1 && i !== 2 ? 1 : 0)),
    )
    // A = L·J·L⁻¹, by forward substitution of Aᵀ… : solve A·L = L·J from the last column.
    const B = times(matrix(L), matrix(J))
    const A = zeros([6, 6])
    for (let i = 0; i < 6; i++) {
      for (let j = 5; j >= 0; j--) {
        let sum = B.get(i, j)
        for (let k = j + 1; k < 6; k++) sum -= A.get(i, k) * L[k]![j]!
        A.set(i, j, sum)
      }
    }
    const E = eig(A)
    expect(eigenUnits(A, E)).toBeLessThan(YARDSTICK)
    // The eigenvalue of a Jordan block of order 3 answers with the cube root.
    const off = (YARDSTICK * 6 * EPS * norm(A) * norm(matrix(L)) ** 3) ** (1 / 3)
    E.re.forEach((x, j) => expect(Math.hypot(x - 2, E.im[j]!)).toBeLessThan(off))
  })
})

describe('eig of known spectra', () => {
  it('a companion matrix of ∏(x − j)', () => {
    const roots = Array.from({ length: 10 }, (_, j) => j + 1)
    const { re, im } = eig(gallery.companion(polynomial(roots)))
    roots.forEach((x, j) => {
      // What relative changes of eps in the coefficients do to the root: Σ|aᵢ|xⁱ / |p′(x)|.
      const condition = roots.reduce((product, y) => (product * (x + y)) / (Math.abs(x - y) || 1), 1)
      expect(Math.abs(re[j]! - x)).toBeLessThan(roots.length * EPS * condition)
    })
    expect(norm([list(im)])).toBe(0)
  })

  it('balancing finds small roots beside large ones', () => {
    const roots = [1e-6, 1e-3, 1, 1e3, 1e6]
    const { re } = eig(gallery.companion(polynomial(roots)))
    roots.forEach((x, j) => expect(Math.abs(re[j]! / x - 1)).toBeLessThan(1e-10))
  })

  it('roots of unity, which unshifted iteration does not move', () => {
    for (const n of [3, 4, 5, 8, 64]) {
      const E = eig(shift(n))
      expect(eigenUnits(shift(n), E)).toBeLessThan(YARDSTICK)
      expect(unitarityUnits(E)).toBeLessThan(YARDSTICK)
      E.re.forEach((x, j) => {
        let [a, b] = [1, 0]
        for (let k = 0; k < n; k++) [a, b] = [a * x - b * E.im[j]!, a * E.im[j]! + b * x]
        expect(Math.hypot(a - 1, b)).toBeLessThan(1e-12)
      })
    }
  })

  it('frank: reciprocal pairs, small ones to half their digits', () => {
    const { re } = eig(gallery.frank(12))
    expect(re[11]).toBeCloseTo(32.2288915, 6)
    expect(Math.abs(re[0]! * re[11]! - 1)).toBeLessThan(1e-5)
  })

  it('balanceTrap: the residual survives balancing', () => {
    for (const n of [4, 6, 12, 20]) {
      const A = gallery.balanceTrap(n)
      const E = eig(A)
      expect(eigenUnits(A, E)).toBeLessThan(YARDSTICK)
      expect(eig(A, { vectors: 'none' })).toMatchObject({ re: E.re, im: E.im })
    }
  })

  it('the same without vectors', () => {
    for (const A of [gallery.grcar(20), gallery.frank(8), random.normal([31, 31])]) {
      const [full, none] = [eig(A), eig(A, { vectors: 'none' })]
      full.re.forEach((x, j) => expect(Math.abs(none.re[j]! - x)).toBeLessThan(1e-7))
      full.im.forEach((x, j) => expect(Math.abs(none.im[j]! - x)).toBeLessThan(1e-7))
    }
  })
})

describe('eig as a function of its arguments', () => {
  it('refuses what it cannot take', () => {
    expect(() => eig([[1, 2, 3]])).toThrow(ShapeError)
    expect(() => eig([[1, 2, 3]])).toThrow('eig: A: expected a square matrix, given 1×3')
    expect(() => eig([[1, NaN]])).toThrow(NotFiniteError)
    expect(() => eig([[1]], { vectors: 'left' as 'right' })).toThrow(OptionError)
    expect(() => eig([[1]], { seed: 3 } as object)).toThrow(OptionError)
    expect(() => eig([[1]], { perturb: -1 })).toThrow(OptionError)
    expect(() => eig([[1]], { perturb: 0.1, tries: 0 })).toThrow(OptionError)
    expect(() => eig([[1]], { perturb: 0.1, vectors: 'none' } as object)).toThrow(OptionError)
  })

  it('leaves its input alone, and gives the same result again and cooperatively', async () => {
    const A = random.normal([23, 23])
    const copy = A.data.slice()
    const first = eig(A)
    expect(A.data).toEqual(copy)
    expect(eig(A)).toEqual(first)
    expect(await eig.async(A)).toEqual(first)
  })
})

describe('the stages of eig', () => {
  afterEach(() => useKernels('auto'))

  it('plain kernels agree', () => {
    useKernels('plain')
    for (const n of [1, 2, 5, 40, 70]) {
      const A = random.normal([n, n], { seed: n })
      expect(eigenUnits(A, eig(A))).toBeLessThan(YARDSTICK)
    }
  })

  it('Hessenberg reduction at every block width, of all and of a part', () => {
    for (const n of [1, 2, 3, 4, 5, 8, 9, 17, 33, 34, 35, 36, 66, 67]) {
      for (const width of [1, 2, 3, 8, 32]) {
        for (const [lo, hi] of [
          [0, n],
          [Math.min(1, n), n],
          [Math.min(2, n), Math.max(Math.min(2, n), n - 1)],
        ] as const) {
          const A = random.normal([n, n], { seed: n })
          for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) if (j < lo || i >= hi) A.set(i, j, 0)
          const ws = new Workspace('simd')
          const H = stageColumns(ws, dense(A))
          const panels = runSync(hessenbergSteps(ws, H, lo, hi, width))
          const Q = unstage(ws, runSync(formQSteps(ws, { A: H, panels }, n)))
          const reduced = unstage(ws, H)
          for (let j = 0; j < n; j++) for (let i = j + 2; i < n; i++) expect(reduced.get(i, j)).toBe(0)
          expect(residualUnits(times(A, Q), times(Q, reduced))).toBeLessThan(YARDSTICK)
          expect(orthogonalityUnits(Q)).toBeLessThan(YARDSTICK)
        }
      }
    }
  })

  it('the QR algorithm with windows of every size gives a real Schur form', () => {
    for (const n of [2, 3, 4, 5, 8, 33, 34, 35, 36, 50]) {
      for (const chunk of [1, 2, 3, 7, 32]) {
        const A = random.normal([n, n], { seed: n + 100 })
        for (let i = 0; i < n; i++) for (let j = 0; j < i - 1; j++) A.set(i, j, 0)
        const ws = new Workspace('simd')
        const T = stageColumns(ws, dense(A))
        const Q = stageColumns(ws, dense(eye(n)))
        const { im } = runSync(schurSteps(ws, T, { Q, lo: 0, hi: n, chunk }))
        const [schur, vectors] = [unstage(ws, T), unstage(ws, Q)]
        for (let j = 0; j < n; j++) {
          for (let i = j + 1; i < n; i++) {
            if (i === j + 1 && im[j]! > 0) {
              expect(schur.get(i, i)).toBe(schur.get(j, j))
              expect(schur.get(i, j) * schur.get(j, i)).toBeLessThan(0)
            } else expect(schur.get(i, j)).toBe(0)
          }
        }
        expect(residualUnits(times(A, vectors), times(vectors, schur))).toBeLessThan(YARDSTICK)
        expect(orthogonalityUnits(vectors)).toBeLessThan(YARDSTICK)
      }
    }
  })

  it('ends with an error that holds what was found, where sweeps run out', () => {
    const ws = new Workspace('simd')
    const n = 30
    const A = random.normal([n, n])
    for (let i = 0; i < n; i++) for (let j = 0; j < i - 1; j++) A.set(i, j, 0)
    const H = stageColumns(ws, dense(A))
    let caught: unknown
    try {
      runSync(schurSteps(ws, H, { lo: 0, hi: n, maxSweeps: 0.5 }))
    } catch (error) {
      caught = error
    }
    expect(caught).toBeInstanceOf(ConvergenceError)
    const { best, iterations, message } = caught as ConvergenceError<Eigen>
    expect(iterations).toBe(15)
    expect(best!.re.length).toBe(best!.im.length)
    expect(best!.re.length).toBeGreaterThan(0)
    expect(message).toContain(`${best!.re.length} of 30 eigenvalues`)
  })

  it('standardize: a rotation to the real Schur form of order 2, at any scale', () => {
    const entries = [0, 1, -1, 3, 1e-9, -1e-17, 1e8]
    for (const a of entries) {
      for (const b of entries) {
        for (const c of entries) {
          for (const d of entries) {
            for (const scale of [1, 1e-140, 1e140]) {
              const A = [a, b, c, d].map((x) => x * scale) as [number, number, number, number]
              const S = standardize(...A)
              const { cs, sn } = S
              expect(Math.abs(cs * cs + sn * sn - 1)).toBeLessThan(8 * EPS)
              const rows = times(
                times(
                  matrix([
                    [cs, -sn],
                    [sn, cs],
                  ]),
                  matrix([
                    [S.a, S.b],
                    [S.c, S.d],
                  ]),
                ),
                matrix([
                  [cs, sn],
                  [-sn, cs],
                ]),
              )
              expect(residualUnits(matrix([A.slice(0, 2), A.slice(2)]), rows)).toBeLessThan(YARDSTICK)
              if (S.c === 0) expect(S.im).toBe(0)
              else {
                expect(S.a).toBe(S.d)
                expect(S.b < 0).toBe(S.c > 0)
                expect(S.im).toBeGreaterThan(0)
              }
            }
          }
        }
      }
    }
  })
})
