import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { eig, norm, qr, svd, svdvals, transpose } from '../../src/linalg/index.js'
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
  svd: { takes: any, units: svdUnits },
  norm: { takes: any, units: normUnits },
  eig: { takes: square, units: (A) => [eigenUnits(A, eig(A)), traceUnits(A)] },
}

function qrUnits(A: Matrix, mode: 'reduced' | 'complete'): number[] {
  const { Q, R } = qr(A, { mode })
  return [residualUnits(A, times(Q, R)), orthogonalityUnits(Q)]
}

function svdUnits(A: Matrix): number[] {
  const { U, s, Vt } = svd(A)
  const values = svdvals(A)
  const norm2 = s[0]!
  return [
    residualUnits(A, assembled(U, s, Vt)),
    orthogonalityUnits(U),
    orthogonalityUnits(transpose(Vt)),
    ...s.map((x, j) => apart(A, x, values[j]!, norm2)),
  ]
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
