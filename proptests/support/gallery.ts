import fc from 'fast-check'
import type { Matrix } from '../../src/linalg/index.js'
import { matrix } from '../../src/linalg/index.js'
import { gallery } from '../../src/testing/index.js'
import { LAYOUTS, relaid } from './cases.js'

// The gallery at the sizes where its members are hard, around the edges of blocks, and at the smallest ones.

const SIDES = [1, 2, 3, 7, 12, 31, 33, 48]

/** Of each name, m × n members for a side; a square one where it has no other. */
export const MEMBERS: { readonly [name in keyof typeof gallery]: (n: number) => Matrix[] } = {
  hilbert: (n) => [gallery.hilbert(n)],
  lotkin: (n) => [gallery.lotkin(n)],
  pascal: (n) => [gallery.pascal(n)],
  vandermonde: (n) => [
    gallery.vandermonde(n),
    gallery.vandermonde(Array.from({ length: n }, (_, i) => i - n / 2)),
  ],
  kahan: (n) => [gallery.kahan(n), gallery.kahan(n, 0.3)],
  wilkinson: (n) => [gallery.wilkinson(n)],
  gluedWilkinson: (n) => [gallery.gluedWilkinson(Math.ceil(n / 21)), gallery.gluedWilkinson(2, 1e-14)],
  growth: (n) => [gallery.growth(n)],
  frank: (n) => [gallery.frank(n)],
  grcar: (n) => [gallery.grcar(n), gallery.grcar(n, 7)],
  jordan: (n) => [gallery.jordan(n), gallery.jordan(n, 1), gallery.jordan(n, 1e-9)],
  companion: (n) => [
    gallery.companion(Array.from({ length: n }, (_, i) => (i === 0 ? -1 : 0))),
    gallery.companion(Array.from({ length: n }, (_, i) => (-1) ** i * 1.5 ** (n - i))),
  ],
  balanceTrap: (n) => [gallery.balanceTrap(n)],
  hippoLegs: (n) => [gallery.hippoLegs(n)],
  graded: (n) => [gallery.graded(n, n), gallery.graded(2 * n, n, 1e-30), gallery.graded(n, 2 * n)],
  gradedColumns: (n) => [
    gallery.gradedColumns(n, n, 1e-60),
    gallery.gradedColumns(n + 20, n),
    gallery.gradedColumns(n, n + 5),
  ],
  clustered: (n) => [gallery.clustered(n), gallery.clustered(n, 1, 1e-9)],
  golubKahan: (n) => [gallery.golubKahan(n), gallery.golubKahan(n, 1e-100), gallery.golubKahan(n, 1)],
  coherent: (n) => [gallery.coherent(n, n), gallery.coherent(5 * n, n)],
  rankDeficient: (n) => [
    gallery.rankDeficient(n, n, Math.ceil(n / 3)),
    gallery.rankDeficient(3 * n, n, n - 1),
    gallery.rankDeficient(n, n + 9, 1),
  ],
}

export interface Member {
  readonly name: keyof typeof gallery
  readonly side: number
  /** Which of the members of that name. */
  readonly which: number
  /** The matrix, its largest entry brought near 1, is multiplied by 10^scale. */
  readonly scale: number
  readonly layout: (typeof LAYOUTS)[number]
}

/** Every member at some side, scale and layout. */
export function members(name: keyof typeof gallery): fc.Arbitrary<Member> {
  return fc.record({
    name: fc.constant(name),
    side: fc.constantFrom(...SIDES),
    which: fc.nat(2),
    scale: fc.constantFrom(0, 150, -150),
    layout: fc.constantFrom(...LAYOUTS),
  })
}

export function buildMember({ name, side, which, scale, layout }: Member): Matrix {
  const all = MEMBERS[name](side)
  const A = all[which % all.length]!
  const largest = A.data.reduce((size, x) => Math.max(size, Math.abs(x)), 0)
  // As it is at scale 0, so that whole numbers stay whole.
  const factor = scale === 0 ? 1 : 10 ** scale / (largest || 1)
  return relaid(
    matrix(
      A.data.map((x) => x * factor),
      A.shape as [number, number],
    ),
    layout,
  )
}
