import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  cholesky,
  eig,
  eigh,
  gram,
  ldl,
  ldu,
  lu,
  matrix,
  norm,
  pinv,
  qr,
  svd,
  svdvals,
  transpose,
} from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { gallery } from '../../src/testing/index.js'
import { RUNS } from '../support/cases.js'
import { eigenUnits } from '../support/eigen.js'
import { MEMBERS, buildMember, members } from '../support/gallery.js'
import { EPS, YARDSTICK, assembled, orthogonalityUnits, residualUnits, times } from '../support/measures.js'

// Every factorization on every matrix of the gallery, at every scale and in every layout. A factorization
// is one line: its name, which matrices it takes, and what it is measured by, in units that stay below 30.

interface Factorization {
  readonly takes: (A: Matrix) => boolean
  readonly units: (A: Matrix) => readonly number[]
}

const any = (): boolean => true
const square = (A: Matrix): boolean => A.shape[0] === A.shape[1]

/** The difference of two numbers in units of `size`·max(m, n)·eps. */
const apart = (A: Matrix, x: number, y: number, size: number): number =>
  x === y ? 0 : Math.abs(x - y) / size / Math.max(...A.shape) / EPS

const FACTORIZATIONS: Record<string, Factorization> = {
  qr: { takes: any, units: (A) => qrUnits(A, 'reduced') },
  'qr, complete': { takes: any, units: (A) => qrUnits(A, 'complete') },
  'qr, pivoted': { takes: any, units: pivotedQrUnits },
  lu: { takes: any, units: luUnits },
  'ldu, rook': { takes: any, units: (A) => lduUnits(A, 'rook') },
  'ldu, complete': { takes: any, units: (A) => lduUnits(A, 'complete') },
  ldl: { takes: any, units: (A) => ldlUnits(symmetricPart(A)) },
  cholesky: { takes: any, units: (A) => choleskyUnits(A) },
  eigh: { takes: any, units: (A) => eighUnits(symmetricPart(A)) },
  'svd, auto': { takes: any, units: (A) => svdUnits(A, 'auto') },
  'svd, bidiagonal': { takes: any, units: (A) => svdUnits(A, 'bidiagonal') },
  'svd, jacobi': { takes: any, units: (A) => svdUnits(A, 'jacobi') },
  pinv: { takes: any, units: pinvUnits },
  norm: { takes: any, units: normUnits },
  eig: { takes: square, units: (A) => [eigenUnits(A, eig(A)), traceUnits(A)] },
}

function qrUnits(A: Matrix, mode: 'reduced' | 'complete'): number[] {
  const { Q, R } = qr(A, { mode })
  return [residualUnits(A, times(Q, R)), orthogonalityUnits(Q)]
}

function pivotedQrUnits(A: Matrix): number[] {
  const { Q, R, perm } = qr(A, { pivot: true })
  const steps = Array.from({ length: Math.min(...R.shape) }, (_, i) => Math.abs(R.get(i, i)))
  // What norms have been downdated to is known to √eps of what they were (Drmač and Bujanović 2008).
  steps.forEach((r, i) => expect(r).toBeGreaterThanOrEqual((steps[i + 1] ?? 0) * (1 - 1e-7)))
  return [residualUnits(columnsOf(A, perm), times(Q, R)), orthogonalityUnits(Q)]
}

/** L within its bound, A[perm, :] = L·U relative to the growth of U, which `gallery.growth` drives to 2ⁿ⁻¹. */
function luUnits(A: Matrix): number[] {
  const { perm, L, U } = lu(A)
  L.data.forEach((x) => expect(Math.abs(x)).toBeLessThanOrEqual(1))
  const growth = Math.max(1, norm(U) / (norm(A) || 1))
  return [residualUnits(rowsOf(A, perm), times(L, U)) / growth]
}

function lduUnits(A: Matrix, pivot: 'rook' | 'complete'): number[] {
  const { perm, colPerm, L, d, U } = ldu(A, { pivot })
  for (const X of [L, U]) X.data.forEach((x) => expect(Math.abs(x)).toBeLessThanOrEqual(1 + EPS))
  return [residualUnits(columnsOf(rowsOf(A, perm), colPerm!), assembled(L, d, U))]
}

function ldlUnits(S: Matrix): number[] {
  const { perm, L, D } = ldl(S)
  return [residualUnits(columnsOf(rowsOf(S, perm), perm), times(times(L, D), transpose(L)))]
}

/** Of AᵀA + ‖A‖²·I, so that it exists; brought near 1 first, since squares of 1e±300 do not. */
function choleskyUnits(A: Matrix): number[] {
  const size = norm(A)
  const G = gram(size === 0 ? A : scaledBy(A, 1 / size))
  for (let i = 0; i < G.shape[0]!; i++) G.data[i * (G.shape[0]! + 1)]! += 1
  const { L } = cholesky(G)
  return [residualUnits(G, times(L, transpose(L)))]
}

function eighUnits(S: Matrix): number[] {
  const { values, vectors } = eigh(S)
  const V = vectors
  return [residualUnits(S, assembled(V, values, transpose(V))), orthogonalityUnits(V)]
}

/** P = A⁺ is symmetric about A: ‖A·P·A − A‖ relative to ‖A‖²·‖P‖, which bounds what rounding P does to it. */
function pinvUnits(A: Matrix): number[] {
  const P = pinv(A)
  const amplified = Math.max(1, norm(A) * norm(P))
  return [residualUnits(A, times(times(A, P), A)) / amplified]
}

const rowsOf = (A: Matrix, I: Int32Array): Matrix =>
  matrix(Array.from(I, (i) => Array.from({ length: A.shape[1]! }, (_, j) => A.get(i, j))))
const columnsOf = (A: Matrix, J: Int32Array): Matrix =>
  matrix(Array.from({ length: A.shape[0]! }, (_, i) => Array.from(J, (j) => A.get(i, j))))

/** The symmetric part of the leading square. */
function symmetricPart(A: Matrix): Matrix {
  const n = Math.min(...A.shape)
  return matrix(
    Array.from({ length: n }, (_, i) =>
      Array.from({ length: n }, (_, j) => A.get(i, j) / 2 + A.get(j, i) / 2),
    ),
  )
}

function scaledBy(A: Matrix, factor: number): Matrix {
  const S = rowsOf(
    A,
    Int32Array.from({ length: A.shape[0]! }, (_, i) => i),
  )
  S.data.forEach((x, e) => (S.data[e] = x * factor))
  return S
}

function svdUnits(A: Matrix, algorithm: 'auto' | 'bidiagonal' | 'jacobi'): number[] {
  const { U, s, Vt } = svd(A, { algorithm })
  const values = svdvals(A, { algorithm })
  s.forEach((x, j) => expect(values[j]).toBe(x))
  return [residualUnits(A, assembled(U, s, Vt)), orthogonalityUnits(U), orthogonalityUnits(transpose(Vt))]
}

/** ‖A‖_F² = Σ σ² ; ‖A‖₂ ≤ ‖A‖_F ≤ ‖A‖_nuc; ‖A‖₂² ≤ ‖A‖₁·‖A‖_∞. */
function normUnits(A: Matrix): number[] {
  const [fro, two, nuclear] = [norm(A), norm(A, 2), norm(A, 'nuc')]
  const excess = (low: number, high: number): number => (low <= high ? 0 : apart(A, low, high, fro))
  return [
    apart(A, fro, norm([Array.from(svdvals(A))]), fro),
    excess(two, fro),
    excess(fro, nuclear),
    excess(two, Math.sqrt(norm(A, 1)) * Math.sqrt(norm(A, Infinity))),
  ]
}

/** Σ λ = tr A, to √n times a perturbation of A. */
function traceUnits(A: Matrix): number {
  const n = A.shape[0]!
  const sum = (count: number, entry: (i: number) => number): number =>
    Array.from({ length: count }, (_, i) => entry(i)).reduce((a, b) => a + b, 0)
  const { re } = eig(A, { vectors: 'none' })
  const size = Math.sqrt(n) * norm(A)
  return apart(
    A,
    sum(n, (i) => re[i]!),
    sum(n, (i) => A.get(i, i)),
    size,
  )
}

const names = Object.keys(MEMBERS) as (keyof typeof gallery)[]

test('all of the gallery takes part', () => {
  expect([...names].sort()).toEqual(Object.keys(gallery).sort())
})

describe.each(Object.entries(FACTORIZATIONS))('%s', (_, { takes, units }) => {
  test.each(names)('of %s', (name) => {
    fc.assert(
      fc.property(members(name), (member) => {
        const A = buildMember(member)
        fc.pre(takes(A))
        const worst = Math.max(...units(A))
        expect(worst).toBeLessThan(YARDSTICK)
      }),
      { ...RUNS, numRuns: 20 },
    )
  })
})
