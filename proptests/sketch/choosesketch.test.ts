import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { asOperator, matmul, norm, qr, random, svdvals, zeros } from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { chooseSketch, leverageScores } from '../../src/sketch/index.js'
import type { SketchKind } from '../../src/sketch/index.js'
import { withSpectrum } from '../../src/testing/index.js'
import { RUNS } from '../support/cases.js'
import { minus } from '../support/measures.js'

const KINDS: SketchKind[] = [
  'gaussian',
  'rademacher',
  'sparseSign',
  'countSketch',
  'srht',
  'srtt',
  'rowSampling',
]

/** The first d unit vectors, a subspace of the largest coherence; and a random subspace. */
function subspaces(n: number, d: number): Matrix[] {
  const coherent = zeros([n, d])
  for (let j = 0; j < d; j++) coherent.set(j, j, 1)
  return [coherent, qr(random.normal([n, d], { seed: 4 })).Q]
}

function distortion(SU: Matrix): number {
  const s = svdvals(SU)
  return Math.max(s[0]! - 1, 1 - s[s.length - 1]!)
}

describe('chooseSketch', () => {
  // SRHT and SRTT have their sizes below n from n = 8192 on.
  test.each(KINDS)('%s of its size embeds, for at least 1 − δ of the seeds', (kind) => {
    const [n, d, epsilon, delta, seeds] = [8192, 3, 0.6, 0.2, 15]
    for (const U of subspaces(n, d)) {
      const choice = chooseSketch({ n, d, epsilon, delta, kind, scores: leverageScores(U) })
      expect(choice.kind).toBe(kind)
      expect(choice.distortion).toBe(epsilon)
      expect(choice.failure).toBe(delta)
      expect(choice.rows).toBeLessThan(n)
      let within = 0
      for (let seed = 0; seed < seeds; seed++) {
        const S = choice.sketch!(seed)
        expect(S.shape).toEqual([choice.rows, n])
        if (distortion(S.matmat(U)) <= epsilon) within++
      }
      expect(within).toBeGreaterThanOrEqual((1 - delta) * seeds)
    }
  })

  test('sizes grow with 1/ε, 1/δ and d, for every kind, goal and basis', () => {
    const inputs = fc.record({
      kind: fc.constantFrom(...KINDS),
      d: fc.integer({ min: 1, max: 60 }),
      more: fc.integer({ min: 0, max: 40 }),
      epsilon: fc.double({ min: 0.05, max: 0.95, noNaN: true }),
      delta: fc.double({ min: 1e-6, max: 0.5, noNaN: true }),
      part: fc.double({ min: 0.1, max: 1, noNaN: true }),
      goal: fc.constantFrom('embedding', 'precondition', 'rangefinder'),
      basis: fc.constantFrom('theorem', 'practice'),
    })
    fc.assert(
      fc.property(inputs, ({ kind: any, d, more, epsilon, delta, part, goal, basis }) => {
        const kind = goal === 'rangefinder' ? 'gaussian' : any
        const of = (change: object): number =>
          chooseSketch({ n: 1e9, d, epsilon, delta, kind, goal, basis, ...change }).rows
        const rows = of({})
        expect(Number.isInteger(rows)).toBe(true)
        expect(of({ d: d + more })).toBeGreaterThanOrEqual(rows)
        expect(of({ epsilon: part * epsilon })).toBeGreaterThanOrEqual(rows)
        expect(of({ delta: part * delta })).toBeGreaterThanOrEqual(rows)
      }),
      RUNS,
    )
  })

  test('the formulas, at a few points', () => {
    const rows = (kind: SketchKind, options = {}): number =>
      chooseSketch({ n: 1e8, d: 20, epsilon: 0.5, delta: 0.1, kind, ...options }).rows
    // (√20 + √(2·ln 20))²/0.25
    expect(rows('gaussian')).toBe(Math.ceil(4 * (Math.sqrt(20) + Math.sqrt(2 * Math.log(20))) ** 2))
    // η = 2ε − ε² = 3/4
    expect(rows('countSketch')).toBe(Math.ceil(420 / (0.1 * 0.5625)))
    expect(rows('sparseSign')).toBe(rows('countSketch'))
    const half = 0.375
    expect(rows('rademacher')).toBe(
      Math.ceil((20 * Math.log(9) + Math.log(20)) / (half ** 2 / 4 - half ** 3 / 6)),
    )
    // Both tails at b = (1 ± ε)²; the upper one is the lighter.
    const exponent = (b: number): number => b * Math.log(b) - b + 1
    const h = Math.min(exponent(0.25), exponent(2.25))
    const scores = new Float64Array(1000).fill(0.02)
    expect(rows('rowSampling', { n: 1000, scores })).toBe(Math.ceil((20 * Math.log(400)) / h))
    const L = (Math.sqrt(20) + Math.sqrt(8 * Math.log((2 * 2 ** 27) / 0.1))) ** 2
    expect(rows('srht')).toBe(Math.ceil((L * Math.log(800)) / h))
    expect(rows('gaussian', { basis: 'practice', goal: 'precondition' })).toBe(80)
    expect(rows('srtt', { basis: 'practice', goal: 'precondition' })).toBe(160)
    expect(chooseSketch({ n: 1e5, d: 20, kind: 'sparseSign', basis: 'practice' }).nnzPerColumn).toBe(8)
    expect(chooseSketch({ n: 1e5, d: 20, kind: 'gaussian', basis: 'practice' }).failure).toBeNaN()
  })

  test('says that no sketch is worth it where it would have no fewer rows', () => {
    const few = chooseSketch({ n: 100, d: 50 })
    expect(few).toMatchObject({ kind: 'none', rows: 100, distortion: 0, failure: 0 })
    expect(few.theorem).toContain("'gaussian' has the fewest rows")
    expect(few.sketch).toBeUndefined()
    // Uniform rows of an unknown matrix may miss the one that counts.
    expect(chooseSketch({ n: 1e6, d: 2, kind: 'rowSampling' }).kind).toBe('none')
    expect(chooseSketch({ n: 1, d: 1 }).kind).toBe('none')
  })

  test('of all kinds takes the cheapest that is small enough', () => {
    expect(chooseSketch({ n: 1000, d: 5 }).kind).toBe('gaussian')
    expect(chooseSketch({ n: 1e6, d: 3 }).kind).toBe('countSketch')
    expect(chooseSketch({ n: 2e5, d: 100 }).kind).toBe('srht')
    // Scores are known: rows are there for the taking.
    expect(chooseSketch({ n: 1e4, d: 5, scores: new Float64Array(1e4).fill(5e-4) }).kind).toBe('rowSampling')
    // A transform fills in, the sparse sketch leaves zeros out.
    const small = { n: 1000, d: 5, goal: 'precondition', basis: 'practice' } as const
    expect(chooseSketch(small).kind).toBe('srht')
    expect(chooseSketch({ ...small, nnz: 1000 }).kind).toBe('sparseSign')
    const practice = chooseSketch({ n: 1e6, d: 50, goal: 'precondition', basis: 'practice' })
    expect(practice).toMatchObject({
      kind: 'sparseSign',
      rows: 200,
      nnzPerColumn: 8,
    })
    expect(practice.theorem).toContain('none')
  })

  test.each(['gaussian', 'rademacher', 'sparseSign', 'srht'] as const)(
    '%s in practice: ε in the median, and no farther than a Gaussian with probability 1 − 10⁻³',
    (kind) => {
      const [n, d, epsilon] = [1024, 12, 0.6]
      for (const U of subspaces(n, d)) {
        const { sketch, rows } = chooseSketch({
          n,
          d,
          goal: 'precondition',
          basis: 'practice',
          epsilon,
          kind,
        })
        const found = Array.from({ length: 30 }, (_, seed) => distortion(sketch!(seed).matmat(U))).sort(
          (a, b) => a - b,
        )
        expect(found[15]).toBeLessThan(epsilon)
        expect(found[29]).toBeLessThan(Math.sqrt(d / rows) + Math.sqrt((2 * Math.log(2e3)) / rows))
      }
    },
  )

  test('a rangefinder by theorem errs by at most 1 + ε times the best rank d', () => {
    const [n, d] = [600, 4]
    const s = Float64Array.from({ length: 500 }, (_, j) => (j < d ? 1 : 0.1))
    const A = withSpectrum(500, n, s, { seed: 1 })
    const choice = chooseSketch({ n, d, goal: 'rangefinder', epsilon: 1, delta: 0.1 })
    expect(choice.kind).toBe('gaussian')
    expect(choice.rows).toBeLessThan(n)
    const best = norm([s.subarray(d)])
    let within = 0
    for (let seed = 0; seed < 10; seed++) {
      const Y = asOperator(A).matmat(choice.sketch!(seed).toDense().transpose(1, 0))
      const Q = qr(Y).Q
      const QtA = matmul(Q, A, { transA: true })
      if (norm(minus(A, matmul(Q, QtA))) <= 2 * best) within++
    }
    expect(within).toBe(10)
  })
})
