import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concatenatedSvd } from '../../src/factorize/index.js'
import type { ConcatenatedSvd } from '../../src/factorize/index.js'
import {
  NotFiniteError,
  OptionError,
  ShapeError,
  asOperator,
  eye,
  matmul,
  matrix,
  norm,
  random,
  svdvals,
  toNested,
  zeros,
} from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { orthonormal, spectra, withSpectrum } from '../../src/testing/index.js'
import { LAYOUTS, RUNS, SPECTRA, relaid } from '../support/cases.js'
import { doors } from '../support/doors.js'
import {
  EPS,
  YARDSTICK,
  assembled,
  expectDescending,
  expectOriented,
  minus,
  orthogonalityUnits,
  residualUnits,
  tail,
} from '../support/measures.js'

const METHODS = ['weyl', 'residual', 'incremental'] as const
const CLUSTERINGS = ['agglomerative', 'greedy'] as const

interface Setting {
  readonly seed: number
  readonly m: number
  readonly blocks: readonly { n: number; spectrum: keyof typeof SPECTRA; layout: (typeof LAYOUTS)[number] }[]
  readonly rank: number
  readonly more: number
  readonly scale: number
}

/** Few blocks of any kind and width, of one height. */
const settings = (most = 6): fc.Arbitrary<Setting> =>
  fc.record({
    seed: fc.nat(2 ** 30),
    m: fc.integer({ min: 1, max: 24 }),
    blocks: fc.array(
      fc.record({
        n: fc.integer({ min: 0, max: 24 }),
        spectrum: fc.constantFrom(...(Object.keys(SPECTRA) as (keyof typeof SPECTRA)[])),
        layout: fc.constantFrom(...LAYOUTS),
      }),
      { minLength: 1, maxLength: most },
    ),
    rank: fc.integer({ min: 1, max: 6 }),
    more: fc.integer({ min: 0, max: 4 }),
    scale: fc.constantFrom(0, 150, -150),
  })

/** Blocks of one seed or two, so that some spans meet. */
const built = ({ seed, m, blocks, scale }: Setting): Matrix[] =>
  blocks.map(({ n, spectrum, layout }, j) => {
    const s = SPECTRA[spectrum](Math.min(m, n)).map((x) => x * 10 ** scale)
    return relaid(withSpectrum(m, n, s, { seed: seed + (j % 3) }), layout)
  })

const sideBySide = (blocks: readonly Matrix[]): Matrix => {
  const m = blocks[0]!.shape[0]!
  const n = blocks.reduce((sum, A) => sum + A.shape[1]!, 0)
  const out = zeros([m, n])
  let at = 0
  for (const A of blocks) {
    for (let i = 0; i < m; i++) for (let j = 0; j < A.shape[1]!; j++) out.set(i, at + j, A.get(i, j))
    at += A.shape[1]!
  }
  return out
}

const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole)

/** Compressions and joins each round by an SVD's backward error. */
const slackOf = (blocks: readonly Matrix[]): number => {
  const { shape } = sideBySide(blocks)
  return YARDSTICK * EPS * Math.max(...shape) * (2 + blocks.length)
}

/** All that a result says of itself, held against the blocks. */
function expectHonest(
  blocks: readonly Matrix[],
  found: ConcatenatedSvd,
  rank: number,
  maxError: number,
): void {
  const slack = slackOf(blocks)
  expect(
    Array.from(found.clusters, (c) => Array.from(c))
      .flat()
      .sort((a, b) => a - b),
  ).toEqual(Array.from(blocks.keys()))
  const firsts = found.clusters.map((cluster) => cluster[0]!)
  expect(firsts).toEqual([...firsts].sort((a, b) => a - b))
  found.clusters.forEach((cluster, c) => {
    expect(Array.from(cluster)).toEqual(Array.from(cluster).sort((a, b) => a - b))
    const M = sideBySide(Array.from(cluster, (j) => blocks[j]!))
    const factors = found.factors[c]!
    const { U, s, Vt } = factors
    expect(factors.shape).toEqual(M.shape)
    expect(s.length).toBe(Math.min(rank, ...M.shape))
    expectDescending(s)
    expectOriented(U)
    expect(orthogonalityUnits(U)).toBeLessThan(YARDSTICK * 2)
    expect(orthogonalityUnits(Vt.transpose(1, 0))).toBeLessThan(YARDSTICK)
    const [size, error] = [norm(M), norm(minus(M, assembled(U, s, Vt)))]
    expect(Math.abs(factors.errorEstimate - ratio(error, size))).toBeLessThanOrEqual(slack)
    expect(factors.errorEstimate).toBeLessThanOrEqual(found.predicted[c]! + slack)
    if (cluster.length > 1) expect(found.predicted[c]).toBeLessThanOrEqual(maxError)
    const best =
      size === 0
        ? 0
        : tail(
            svdvals(M).map((x) => x / size),
            rank,
          )
    expect(factors.errorEstimate).toBeGreaterThanOrEqual(best - slack)
  })
  const errors = blocks.map((A, j) => norm(minus(A, found.block(j).toDense())))
  const norms = blocks.map((A) => norm(A))
  blocks.forEach((_, j) =>
    expect(
      Math.abs(
        found.blockErrors[j]! * ratio(norms[j]!, Math.hypot(...norms)) -
          ratio(errors[j]!, Math.hypot(...norms)),
      ),
    ).toBeLessThanOrEqual(slack),
  )
  expect(
    Math.abs(found.errorEstimate - ratio(Math.hypot(...errors), Math.hypot(...norms))),
  ).toBeLessThanOrEqual(slack)
}

describe('concatenatedSvd', () => {
  test.each(CLUSTERINGS)(
    '%s: errors are exact, never above what was told, clusters within maxError',
    (clustering) => {
      fc.assert(
        fc.property(
          settings(),
          fc.constantFrom(...METHODS),
          fc.constantFrom(0, 1e-6, 0.2, 0.5, 0.8, 1),
          (setting, method, maxError) => {
            const blocks = built(setting)
            const { rank, more } = setting
            const found = concatenatedSvd(blocks, { rank, keep: rank + more, maxError, method, clustering })
            expectHonest(blocks, found, rank, maxError)
          },
        ),
        RUNS,
      )
    },
  )

  test('best <= incremental <= residual <= weyl, whatever the blocks', () => {
    fc.assert(
      fc.property(settings(), (setting) => {
        const blocks = built(setting)
        const { rank, more } = setting
        const M = sideBySide(blocks)
        const size = norm(M)
        const best =
          size === 0
            ? 0
            : tail(
                svdvals(M).map((x) => x / size),
                rank,
              )
        const told = METHODS.map((method) => {
          const options = { rank, keep: rank + more, method, maxError: 1, clustering: 'greedy' } as const
          const { predicted, clusters } = concatenatedSvd(blocks, options)
          expect(clusters).toHaveLength(1)
          return predicted[0]!
        })
        const slack = slackOf(blocks)
        for (const [less, than] of [
          [best, told[2]!],
          [told[2]!, told[1]!],
          [told[1]!, told[0]!],
        ] as const)
          expect(less).toBeLessThanOrEqual(than + slack)
      }),
      RUNS,
    )
  })

  test('with room for everything the factors are the truncated SVD, and that is what was told', () => {
    fc.assert(
      fc.property(settings(3), (setting) => {
        const blocks = built(setting)
        const { rank } = setting
        const M = sideBySide(blocks)
        const size = norm(M)
        const best =
          size === 0
            ? 0
            : tail(
                svdvals(M).map((x) => x / size),
                rank,
              )
        for (const method of METHODS) {
          const found = concatenatedSvd(blocks, { rank, keep: 24, maxError: 1, method })
          expect(Math.abs(found.errorEstimate - best)).toBeLessThanOrEqual(slackOf(blocks))
          if (method === 'incremental')
            expect(Math.abs(found.predicted[0]! - best)).toBeLessThanOrEqual(slackOf(blocks))
        }
      }),
      RUNS,
    )
  })

  test('two blocks share an SVD from the error told on', () => {
    fc.assert(
      fc.property(
        fc.nat(2 ** 30),
        fc.constantFrom(...METHODS),
        fc.constantFrom(...CLUSTERINGS),
        (seed, method, clustering) => {
          const blocks = [0, 1].map((j) => random.normal([12, 8], { seed: seed + j }))
          const options = { rank: 3, method, clustering }
          const told = concatenatedSvd(blocks, { ...options, maxError: 1 }).predicted[0]!
          for (const [room, count] of [
            [1 - 1e-9, 2],
            [1 + 1e-9, 1],
          ] as const)
            expect(concatenatedSvd(blocks, { ...options, maxError: room * told }).clusters).toHaveLength(
              count,
            )
        },
      ),
      RUNS,
    )
  })

  test("'residual' is never above 'weyl', also where the span of the larger block is the wrong one", () => {
    // Four directions of 1, and one of 1.5 half out of their span: 1 + 1.5²/2 < 1.5².
    const A = eye(5).hi(5, 4)
    const b = [[0.75 * Math.SQRT2], [0], [0], [0], [0.75 * Math.SQRT2]]
    const [weyl, residual] = METHODS.map(
      (method) => concatenatedSvd([A, b], { rank: 1, maxError: 1, method }).predicted[0]!,
    )
    expect(weyl).toBeCloseTo(Math.sqrt(4 / 6.25), 14)
    expect(residual).toBe(weyl)
  })

  test('the order of the blocks does not matter', () => {
    fc.assert(
      fc.property(
        fc.nat(2 ** 30),
        fc.constantFrom(...METHODS),
        fc.constantFrom(...CLUSTERINGS),
        fc.constantFrom(0.4, 0.5, 0.6, 0.7),
        (seed, method, clustering, maxError) => {
          const blocks = Array.from({ length: 6 }, (_, j) => {
            const A = random.normal([8, 5], { seed: seed + j })
            return matrix(toNested(A).map((row) => row.map((x) => (1 + j / 2) * x)))
          })
          const options = { rank: 3, keep: 8, maxError, method, clustering }
          const sets = (given: readonly Matrix[], name: (j: number) => number): string[] =>
            concatenatedSvd(given, options)
              .clusters.map((cluster) =>
                Array.from(cluster, name)
                  .sort((i, j) => i - j)
                  .join(),
              )
              .sort()
          expect(sets([...blocks].reverse(), (j) => 5 - j)).toEqual(sets(blocks, (j) => j))
        },
      ),
      RUNS,
    )
  })

  test('agglomerative: a larger maxError never gives more clusters; one that allows all gives one', () => {
    fc.assert(
      fc.property(settings(), fc.constantFrom(...METHODS), (setting, method) => {
        const blocks = built(setting)
        const counts = [0, 1e-9, 0.1, 0.3, 0.5, 0.7, 0.9, 1].map(
          (maxError) => concatenatedSvd(blocks, { rank: setting.rank, maxError, method }).clusters.length,
        )
        counts.forEach((count, t) =>
          expect(count).toBeLessThanOrEqual(t === 0 ? blocks.length : counts[t - 1]!),
        )
        expect(counts.at(-1)).toBe(1)
      }),
      RUNS,
    )
  })

  test('a rank for the spans of all joins all, without error; copies of a block are one', () => {
    fc.assert(
      fc.property(
        fc.nat(2 ** 30),
        fc.constantFrom('residual', 'incremental'),
        fc.constantFrom(...CLUSTERINGS),
        (seed, method, clustering) => {
          const blocks = [3, 1, 2].map((rank, j) =>
            withSpectrum(20, 15, spectra.deficient(15, rank), { seed: seed + j }),
          )
          const options = { rank: 6, maxError: slackOf(blocks), method, clustering } as const
          const found = concatenatedSvd(blocks, options)
          expect(found.clusters).toHaveLength(1)
          expect(found.errorEstimate).toBeLessThanOrEqual(slackOf(blocks))
          const noisy = withSpectrum(20, 15, SPECTRA.polynomial(15), { seed })
          const alone = tail(SPECTRA.polynomial(15), 4) / Math.hypot(...SPECTRA.polynomial(15))
          const maxError = alone * (1 + 1e-9)
          const copies = concatenatedSvd([noisy, noisy, noisy], {
            rank: 4,
            keep: 15,
            maxError,
            method,
            clustering,
          })
          expect(copies.clusters).toHaveLength(1)
        },
      ),
      RUNS,
    )
  })

  test('planted spans are found, whatever the order, the scale and the columns of the blocks', () => {
    const spans = [1, 2, 3].map((seed) => orthonormal(40, 3, { seed }))
    fc.assert(
      fc.property(
        fc.nat(2 ** 30),
        fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 8 }),
        fc.constantFrom('residual', 'incremental'),
        fc.constantFrom(...CLUSTERINGS),
        fc.constantFrom(1, 2 ** 500, 2 ** -500),
        (seed, labels, method, clustering, unit) => {
          const blocks = labels.map((label, j) => {
            const A = matmul(spans[label]!, random.normal([3, 12], { seed: seed + j }))
            return matrix(toNested(A).map((row) => row.map((x) => (j + 1) * unit * x).reverse()))
          })
          const { clusters } = concatenatedSvd(blocks, { rank: 3, maxError: 1e-6, method, clustering })
          const expected = [...new Set(labels)].map((label) =>
            Int32Array.from(labels.flatMap((other, j) => (other === label ? [j] : []))),
          )
          expect(clusters).toEqual(expected)
        },
      ),
      RUNS,
    )
  })

  test('every door gives the same answer; promises through .async', async () => {
    const A = withSpectrum(30, 14, SPECTRA.exponential(14), { seed: 7 })
    const B = withSpectrum(30, 9, SPECTRA.polynomial(9), { seed: 8 })
    const options = { rank: 4, maxError: 0.9 }
    const expected = concatenatedSvd([A, B], options)
    const same = (found: ConcatenatedSvd, precision: number): void => {
      expect(found.clusters).toEqual(expected.clusters)
      const [got, wanted] = [found.factors[0]!, expected.factors[0]!]
      expect(
        residualUnits(assembled(wanted.U, wanted.s, wanted.Vt), assembled(got.U, got.s, got.Vt)) * EPS,
      ).toBeLessThan(YARDSTICK * precision)
    }
    for (const [name, door] of Object.entries(doors(A))) {
      const precision = name === 'single' ? 2 ** -23 : EPS
      same(await concatenatedSvd.async([door, asOperator(B)], options), precision)
      if (door.async !== true) same(concatenatedSvd([door, toNested(B)], options), precision)
    }
    const { async: later } = doors(A)
    expect(() => concatenatedSvd([later, B] as never, options)).toThrow(/async: true/)
    const stages = new Set<string>()
    await concatenatedSvd.async([A, B], { ...options, onProgress: ({ stage }) => stages.add(stage) })
    expect([...stages]).toEqual(['compress', 'compare', 'join', 'fit'])
  })

  test('no blocks, empty blocks, zeros', () => {
    const none = concatenatedSvd([], { rank: 2, maxError: 0.1 })
    expect([none.clusters, none.factors, none.errorEstimate]).toEqual([[], [], 0])
    for (const [m, n] of [
      [0, 3],
      [3, 0],
      [0, 0],
      [4, 3],
    ] as const) {
      for (const method of METHODS) {
        const blocks = [zeros([m, n]), zeros([m, n])]
        const found = concatenatedSvd(blocks, { rank: 2, maxError: 0, method })
        expect(found.clusters).toEqual([Int32Array.of(0, 1)])
        expectHonest(blocks, found, 2, 0)
      }
    }
  })

  test('inputs are never changed and results do not alias them', () => {
    const A = random.normal([6, 4], { seed: 9 })
    const before = A.data.slice()
    const { factors, block } = concatenatedSvd([A, A], { rank: 2, maxError: 1 })
    factors[0]!.Vt.data.fill(NaN)
    block(0)
    expect(A.data).toEqual(before)
  })

  test('what makes no sense is refused', () => {
    const A = random.normal([6, 4])
    const bad = matrix(toNested(A))
    bad.set(4, 2, NaN)
    const good = { rank: 2, maxError: 0.1 }
    expect(() => concatenatedSvd([A, bad], good)).toThrow(NotFiniteError)
    expect(() => concatenatedSvd([A, bad], good)).toThrow(
      /concatenatedSvd: blocks\[1\].*given NaN at \[4, 2\]/,
    )
    expect(() => concatenatedSvd([A, random.normal([5, 4])], good)).toThrow(
      /blocks\[1\]: expected 6 rows, given 5×4/,
    )
    for (const blocks of [null, 3, A])
      expect(() => concatenatedSvd(blocks as never, good)).toThrow(ShapeError)
    expect(() => concatenatedSvd([[1, 2]] as never, good)).toThrow(ShapeError)
    for (const [name, value] of Object.entries({
      rank: 0,
      maxError: -1,
      method: 'exact',
      clustering: 'none',
      keep: 1,
    })) {
      const call = (): unknown => concatenatedSvd([A], { ...good, [name]: value })
      expect(call).toThrow(OptionError)
      expect(call).toThrow(new RegExp(`concatenatedSvd: options.${name}`))
    }
    expect(() => concatenatedSvd([A], { rank: 2 } as never)).toThrow(/options.maxError/)
    expect(() => concatenatedSvd([A], { rank: 2, maxError: NaN })).toThrow(OptionError)
    for (const j of [-1, 1, 0.5])
      expect(() => concatenatedSvd([A], good).block(j)).toThrow(/an index in \[0, 1\)/)
  })
})
