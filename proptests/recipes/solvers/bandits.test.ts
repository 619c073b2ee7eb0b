import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ConvergenceError, OptionError, lstsq, matrix, random } from '../../../src/linalg/index.js'
import { solvers } from '../../../src/recipes/index.js'
import { RUNS } from '../../support/cases.js'

const { chebCb, learningToRelax, tsallisInf } = solvers

const sum = (x: ArrayLike<number>): number => Array.from(x).reduce((a, b) => a + b, 0)

function expectDistribution(p: Float64Array): void {
  expect(Math.abs(sum(p) - 1)).toBeLessThanOrEqual(1e-9)
  for (const value of p) expect(value).toBeGreaterThan(0)
}

/** What each round costs at each arm: uniform around the arm's own mean. */
function noisyCosts(arms: number, rounds: number, seed: number): (t: number, arm: number) => number {
  const means = random.uniform([arms], { seed: seed + 1 }).data
  const u = random.uniform([rounds, arms], { seed: seed + 2 }).data
  return (t, arm) => means[arm]! + u[t * arms + arm]!
}

describe('tsallisInf', () => {
  test('probabilities follow from the losses by the ½-Tsallis regularizer', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 60 }),
        fc.constantFrom(1, 1e150, 1e-150),
        fc.nat(1000),
        (arms, rounds, scale, seed) => {
          const bandit = tsallisInf({ arms, seed })
          const cost = noisyCosts(arms, rounds, seed)
          const losses = new Float64Array(arms)
          let paid = 0
          for (let t = 0; t < rounds; t++) {
            const p = bandit.probabilities()
            expectDistribution(p)
            const arm = bandit.choose()
            losses[arm]! += cost(t, arm) / p[arm]!
            paid += cost(t, arm)
            bandit.update(arm, scale * cost(t, arm))
          }
          const p = bandit.probabilities()
          expectDistribution(p)
          // pᵢ = 4/(η(Lᵢ − x))²: 2/(η√pᵢ) − Lᵢ is the same for all arms.
          const eta = 2 / Math.sqrt(rounds + 1)
          const mean = paid / rounds
          const roots = p.map((value) => 2 / (eta * Math.sqrt(value)))
          roots.forEach((root, i) => {
            const difference = root - roots[0]! - (losses[i]! - losses[0]!) / mean
            expect(Math.abs(difference)).toBeLessThanOrEqual(1e-9 * (root + roots[0]!))
          })
        },
      ),
      RUNS,
    )
  })

  test('arms come as often as their probabilities say', () => {
    const seeds = 4000
    const counts = new Float64Array(5)
    const expected = new Float64Array(5)
    for (let seed = 0; seed < seeds; seed++) {
      const bandit = tsallisInf({ arms: 5, seed })
      bandit.update(3, 1)
      bandit.update(0, 2)
      bandit.probabilities().forEach((p, i) => (expected[i]! += p))
      counts[bandit.choose()]!++
    }
    counts.forEach((count, i) => {
      const p = expected[i]! / seeds
      expect(Math.abs(count - expected[i]!)).toBeLessThanOrEqual(4 * Math.sqrt(seeds * p * (1 - p)))
    })
  })

  test('pays less and less, and finds the best arm, for 97% of seeds', () => {
    const [arms, rounds] = [8, 2000]
    const good = Array.from({ length: 40 }, (_, seed) => {
      const cost = noisyCosts(arms, rounds, seed)
      const bandit = tsallisInf({ arms, seed })
      const costs = Array.from({ length: rounds }, (_, t) => {
        const arm = bandit.choose()
        bandit.update(arm, cost(t, arm))
        return cost(t, arm)
      })
      const fixed = Array.from({ length: arms }, (_, arm) => sum(costs.map((_, t) => cost(t, arm))))
      const regret = sum(costs) - Math.min(...fixed)
      // Zimmert and Seldin, theorem 1: 4√(KT) + 1 in expectation for costs in [0, 1]; these have a mean near 1.
      const quarter = rounds / 4
      return (
        regret <= 4 * Math.sqrt(arms * rounds) + 1 &&
        sum(costs.slice(-quarter)) <= sum(costs.slice(0, quarter))
      )
    })
    expect(good.filter(Boolean).length).toBeGreaterThanOrEqual(0.97 * good.length)
  })

  test('the same seed gives the same choices, and a choice stands until a cost is told', () => {
    const run = (seed: number): number[] => {
      const bandit = tsallisInf({ arms: 6, seed })
      return Array.from({ length: 30 }, () => {
        const arm = bandit.choose()
        bandit.probabilities().fill(0)
        expect(bandit.choose()).toBe(arm)
        bandit.update(arm, arm)
        return arm
      })
    }
    expect(run(1)).toEqual(run(1))
    expect(run(1)).not.toEqual(run(2))
  })

  test('refuses what it cannot use; costs of 0 are fine', () => {
    for (const arms of [0, 1.5, -1, NaN, undefined])
      expect(() => tsallisInf({ arms: arms! })).toThrow(OptionError)
    expect(() => tsallisInf({ arms: 2, sede: 1 } as never)).toThrow(OptionError)
    const bandit = tsallisInf({ arms: 2 })
    const before = bandit.probabilities()
    for (const arm of [-1, 2, 0.5]) expect(() => bandit.update(arm, 1)).toThrow(/^tsallisInf.update: arm/)
    for (const cost of [-1, NaN, Infinity])
      expect(() => bandit.update(0, cost)).toThrow(/^tsallisInf.update: cost/)
    expect(bandit.probabilities()).toEqual(before)
    for (let t = 0; t < 5; t++) bandit.update(0, 0)
    expect(bandit.probabilities()).toEqual(Float64Array.of(0.5, 0.5))
  })
})

describe('chebCb', () => {
  test('fits costs by Chebyshev polynomials and weights arms by the inverse of their gaps', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 0, max: 6 }),
        fc.integer({ min: 1, max: 40 }),
        fc.constantFrom(1, 1e100, 1e-100),
        fc.nat(1000),
        (arms, degree, rounds, scale, seed) => {
          const range = [-3, 2] as const
          const bandit = chebCb({ arms, range, degree, seed, greed: 4 })
          const contexts = random.uniform([rounds + 1], { seed: seed + 3 }).data.map((u) => -3 + 5 * u)
          const cost = noisyCosts(arms, rounds, seed)
          const features = (c: number): number[] => {
            const z = (2 * (c + 3)) / 5 - 1
            const T = [1, z]
            while (T.length <= degree) T.push(2 * z * T.at(-1)! - T.at(-2)!)
            return T.slice(0, degree + 1)
          }
          const seen: { arm: number; row: number[]; cost: number }[] = []
          for (let t = 0; t < rounds; t++) {
            expectDistribution(bandit.probabilities(contexts[t]!))
            const arm = bandit.choose(contexts[t]!)
            bandit.update(arm, scale * cost(t, arm))
            seen.push({ arm, row: features(contexts[t]!), cost: cost(t, arm) })
          }
          // Ridge regression as least squares with rows √ridge·I below.
          const root = Math.sqrt(1e-3)
          const ridge = Array.from({ length: degree + 1 }, (_, i) =>
            Array.from({ length: degree + 1 }, (_, j) => (i === j ? root : 0)),
          )
          const largest = Math.max(...seen.map((entry) => entry.cost))
          const phi = features(contexts[rounds]!)
          const promised = Array.from({ length: arms }, (_, arm) => {
            const mine = seen.filter((entry) => entry.arm === arm)
            const { X } = lstsq(
              [...mine.map(({ row }) => row), ...ridge],
              [...mine.map((entry) => entry.cost), ...ridge.map(() => 0)],
            )
            return sum(phi.map((value, j) => value * X[j]!)) / largest
          })
          const p = bandit.probabilities(contexts[rounds]!)
          expectDistribution(p)
          const best = Math.min(...promised)
          const eta = 4 * Math.sqrt(arms * (rounds + 1))
          promised.forEach((value, i) => {
            if (value === best) return
            // The normal equations have condition up to 40·7/10⁻³.
            expect(Math.abs(1 / p[i]! - (arms + eta * (value - best)))).toBeLessThanOrEqual(
              1e-6 * (arms + eta),
            )
          })
        },
      ),
      RUNS,
    )
  })

  test('follows the context, which one arm for all cannot', () => {
    const shapes = [(c: number): number => c, (c: number): number => 1 - c, (): number => 0.6]
    const good = Array.from({ length: 20 }, (_, seed) => {
      const contexts = random.uniform([1000], { seed: seed + 1 }).data
      const bandit = chebCb({ arms: 3, range: [0, 1], seed })
      const paid = contexts.map((c) => {
        const arm = bandit.choose(c)
        bandit.update(arm, shapes[arm]!(c))
        return shapes[arm]!(c)
      })
      const fixed = Math.min(...shapes.map((shape) => sum(contexts.map(shape))))
      const late = sum(paid.slice(-250)) / sum(contexts.slice(-250).map((c) => Math.min(c, 1 - c)))
      return sum(paid) < 0.7 * fixed && late < 1.1
    })
    expect(good.every(Boolean)).toBe(true)
  })

  test('learns for the context that it is told, else for the last one chosen for', () => {
    const [one, two] = [0, 1].map(() => chebCb({ arms: 2, range: [0, 1] }))
    one!.choose(0.3)
    one!.update(0, 1)
    two!.choose(0.9)
    two!.update(0, 1, 0.3)
    expect(one!.probabilities(0.5)).toEqual(two!.probabilities(0.5))
    expect(() => chebCb({ arms: 2, range: [0, 1] }).update(0, 1)).toThrow(/^chebCb: context/)
  })

  test('refuses what it cannot use', () => {
    for (const range of [[0], [1, 0], [0, 0], [0, NaN], 3, undefined]) {
      expect(() => chebCb({ arms: 2, range: range as never })).toThrow(/^chebCb: options.range/)
    }
    for (const bad of [{ arms: 0 }, { degree: -1 }, { greed: 0 }, { seed: -1 }]) {
      expect(() => chebCb({ arms: 2, range: [0, 1], ...bad })).toThrow(OptionError)
    }
    const bandit = chebCb({ arms: 2, range: [0, 1] })
    for (const context of [-0.1, 1.1, NaN]) expect(() => bandit.choose(context)).toThrow(/^chebCb: context/)
    bandit.choose(1)
    expect(() => bandit.update(2, 1)).toThrow(OptionError)
    expect(() => bandit.update(0, -1)).toThrow(OptionError)
  })
})

describe('learningToRelax', () => {
  /** −u″ + shift·u on 30 points. */
  const chain = (shift: number): ReturnType<typeof matrix> =>
    matrix(
      Array.from({ length: 30 }, (_, i) =>
        Array.from({ length: 30 }, (_, j) => (i === j ? 2 + shift : Math.abs(i - j) === 1 ? -1 : 0)),
      ),
    )
  const b = random.normal([30]).data

  test('solves to the tolerance, and faster and faster, with and without a context', async () => {
    const shifts = random.uniform([300], { seed: 4 }).data.map((u) => 0.02 + u)
    for (const range of [undefined, [0, 1.02]] as const) {
      const relaxation = learningToRelax({ range, rtol: 1e-6 })
      const counts = Array.from(shifts, (shift) => {
        const { residual, omega, iterations } = relaxation.solve(chain(shift), b, { context: shift })
        expect(residual).toBeLessThanOrEqual(1e-6)
        expect(omega).toBeGreaterThanOrEqual(1)
        expect(omega).toBeLessThanOrEqual(1.95)
        return iterations
      })
      expect(sum(counts.slice(-75))).toBeLessThan(0.8 * sum(counts.slice(0, 75)))
    }
    const [one, two] = [0, 1].map(() => learningToRelax({ seed: 5 }))
    for (let t = 0; t < 5; t++) {
      expect(await one!.solve.async(chain(0.1), b)).toEqual(two!.solve(chain(0.1), b))
    }
  })

  test('learns from what did not converge too', () => {
    const relaxation = learningToRelax({ omegas: [0.01, 1.5], maxIterations: 200 })
    let failures = 0
    for (let t = 0; t < 100; t++) {
      try {
        expect(relaxation.solve(chain(0.1), b).omega).toBe(1.5)
      } catch (error) {
        expect(error).toBeInstanceOf(ConvergenceError)
        failures++
      }
    }
    expect(failures).toBeGreaterThan(0)
    expect(failures).toBeLessThan(25)
  })

  test('refuses what it cannot use', () => {
    for (const omegas of [[], [0], [2], [NaN], 1]) {
      expect(() => learningToRelax({ omegas: omegas as never })).toThrow(/^learningToRelax: options.omegas/)
    }
    expect(() => learningToRelax({ rtol: -1 })).toThrow(OptionError)
    expect(() => learningToRelax({ range: [1, 0] })).toThrow(OptionError)
    expect(() => learningToRelax({ range: [0, 1] }).solve(chain(0), b)).toThrow(/options.context/)
    expect(() => learningToRelax({ range: [0, 1] }).solve(chain(0), b, { context: 2 })).toThrow(OptionError)
  })
})
