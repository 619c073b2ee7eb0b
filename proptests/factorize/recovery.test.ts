import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { matrixSensing, recoverSubgradient } from '../../src/factorize/index.js'
import type { Measurements, MatrixSensingOptions, Svd } from '../../src/factorize/index.js'
import { ConvergenceError, asOperator, matrix, norm, operator, random } from '../../src/linalg/index.js'
import type { Matrix } from '../../src/linalg/index.js'
import { withSpectrum } from '../../src/testing/index.js'
import { LAYOUTS, RUNS, relaid, symmetric } from '../support/cases.js'
import { EPS, minus, times } from '../support/measures.js'

interface Problem {
  readonly X: Matrix
  readonly shape: [number, number]
  readonly sensors: Matrix
  readonly values: Float64Array
}

/** Gaussian sensors, `count` of them. */
function sensed(X: Matrix, count: number, seed: number): Problem {
  const [n1 = 0, n2 = 0] = X.shape
  const sensors = random.normal([count, n1 * n2], { seed: seed + 100 })
  return { X, shape: [n1, n2], sensors, values: times(sensors, matrix(X.data, [n1 * n2, 1])).data }
}

/** Of rank r, with singular values within a factor 2: the time of gradient descent grows with their ratio. */
const values = (p: number, r: number): Float64Array =>
  Float64Array.from({ length: p }, (_, j) => (j < r ? 6 / (1 + j) : 0))
const general = (n1: number, n2: number, r: number, seed: number): Matrix =>
  withSpectrum(n1, n2, values(Math.min(n1, n2), r), { seed })
const positive = (n: number, r: number, seed: number): Matrix => symmetric(values(n, r), seed)

const apart = (X: Svd, Y: Matrix): number => norm(minus(X.toDense(), Y)) / norm(Y)

const problem = fc.record({
  seed: fc.nat(2 ** 20),
  n1: fc.integer({ min: 6, max: 12 }),
  n2: fc.integer({ min: 6, max: 12 }),
  k: fc.integer({ min: 1, max: 6 }),
})

describe('matrixSensing', () => {
  test('finds a matrix of rank 1 with any number of columns, and says what residual it has', () => {
    fc.assert(
      fc.property(problem, fc.constantFrom('modified', 'asymmetric'), ({ seed, n1, n2, k }, method) => {
        const { X, ...given } = sensed(general(n1, n2, 1, seed), 8 * (n1 + n2), seed)
        const rtol = 1e-6
        const columns = method === 'modified' ? k : 1
        const result = matrixSensing(given, { rank: columns, method, rtol })
        expect(result.residual).toBeLessThanOrEqual(rtol)
        const seen = sensed(result.lowRank.toDense(), given.values.length, seed).values
        const off = matrix(
          seen.map((x, i) => x - given.values[i]!),
          [seen.length, 1],
        )
        const size = norm(matrix(given.values, [seen.length, 1]))
        expect(Math.abs(norm(off) / size - result.residual)).toBeLessThanOrEqual(30 * EPS * n1 * n2)
        // Restricted isometry of so many sensors is about √((n₁ + n₂)/m) = 0.35: ‖X̂ − X‖ is within a factor 2.
        expect(apart(result.lowRank, X)).toBeLessThanOrEqual(3 * rtol)
        expect(result.rank).toBe(Math.min(columns, n1, n2))
        expect(result.lowRank.s.length).toBe(result.rank)
        result.lowRank.s
          .slice(1)
          .forEach((s) => expect(s).toBeLessThanOrEqual(3 * rtol * result.lowRank.s[0]!))
        expect(result.history.length).toBe(result.iterations + 1)
        expect(result.history.at(-1)!.residual).toBe(result.residual)
        expect(result.lowRank.passes).toBe(2 * result.history.length)
      }),
      { ...RUNS, numRuns: 25 },
    )
  })

  test('the modification changes the factors and not their product', () => {
    fc.assert(
      fc.property(problem, fc.double({ min: 0.3, max: 2, noNaN: true }), ({ seed, n1, n2, k }, balance) => {
        const given = sensed(general(n1, n2, 2, seed), 2 * (n1 + n2), seed)
        const options: MatrixSensingOptions = {
          rank: k,
          step: 1e-14,
          modifyAt: 10,
          balance,
          maxIterations: 1,
        }
        const { history, modifiedAt } = stopped(() => matrixSensing(given, options))
        expect(modifiedAt).toBe(0)
        // Two steps of 1e-14 of a gradient of about unit size, and rounding.
        expect(Math.abs(history[1]!.residual - history[0]!.residual)).toBeLessThanOrEqual(1e-12)
        // What follows is another way: the next step has other factors.
        const plain = stopped(() => matrixSensing(given, { ...options, method: 'asymmetric', step: 0.1 }))
        const modified = stopped(() => matrixSensing(given, { ...options, step: 0.1 }))
        expect(modified.history[1]!.residual).not.toBe(plain.history[1]!.residual)
      }),
      { ...RUNS, numRuns: 20 },
    )
  })

  test('the symmetric method finds a positive semidefinite matrix, and stays symmetric', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 20), fc.integer({ min: 4, max: 12 }), (seed, n) => {
        const { X, ...given } = sensed(positive(n, 1, seed), 12 * n, seed)
        const { lowRank } = matrixSensing(given, { rank: 1, method: 'symmetric' })
        expect(apart(lowRank, X)).toBeLessThanOrEqual(3e-6)
        const D = lowRank.toDense()
        expect(norm(minus(D, D.transpose(1, 0)))).toBeLessThanOrEqual(30 * n * EPS * norm(D))
      }),
      { ...RUNS, numRuns: 20 },
    )
  })

  test('follows the units of values and of sensors', () => {
    fc.assert(
      fc.property(problem, fc.constantFrom(-3, 2 ** 450, 2 ** -450), fc.boolean(), (p, unit, ofValues) => {
        const { X, ...given } = sensed(general(p.n1, p.n2, 2, p.seed), 6 * (p.n1 + p.n2), p.seed)
        const moved = ofValues
          ? { ...given, values: given.values.map((x) => x * unit) }
          : {
              ...given,
              sensors: matrix(
                given.sensors.data.map((x) => x * unit),
                given.sensors.shape as never,
              ),
            }
        const options: MatrixSensingOptions = { rank: 3, rtol: 1e-4 }
        const [one, other] = [matrixSensing(given, options), matrixSensing(moved, options)]
        // A negative unit of X starts elsewhere in the orbit, and so ends elsewhere within rtol.
        const room = unit < 0 ? 1e-3 : 1e-8
        const back = other.lowRank.toDense()
        back.data.forEach((x, e) => (back.data[e] = ofValues ? x / unit : x * unit))
        expect(norm(minus(back, one.lowRank.toDense()))).toBeLessThanOrEqual(room * norm(X))
      }),
      { ...RUNS, numRuns: 20 },
    )
  })

  test('all entries observed is descent on ‖X − FGᵀ‖ itself; some of them suffice', () => {
    const X = general(20, 16, 2, 5)
    const cells = Array.from({ length: 320 }, (_, e) => e)
    const kept = random.uniform([320], { seed: 8 }).data
    for (const [part, room] of [
      [1, 1.0001e-6],
      [0.6, 1e-5],
    ] as const) {
      const places = cells.filter((e) => kept[e]! < part)
      const given = {
        shape: [20, 16] as const,
        rows: places.map((e) => Math.floor(e / 16)),
        cols: places.map((e) => e % 16),
        values: places.map((e) => X.data[e]!),
      }
      const { lowRank } = matrixSensing(given, { rank: 2 })
      expect(apart(lowRank, X)).toBeLessThanOrEqual(room)
    }
  })

  test('zero measurements are those of zero', () => {
    const given = { shape: [4, 4] as const, sensors: random.normal([20, 16]), values: new Float64Array(20) }
    for (const lowRank of [
      matrixSensing(given, { rank: 2 }).lowRank,
      matrixSensing(given, { rank: 2, method: 'symmetric' }).lowRank,
      recoverSubgradient(given, { rank: 2 }).lowRank,
    ]) {
      expect(lowRank.toDense().data.every((x) => x === 0)).toBe(true)
    }
  })
})

describe('recoverSubgradient', () => {
  test('finds a matrix with any number of columns under 30 % outliers, and the outliers', () => {
    fc.assert(
      fc.property(
        fc.nat(2 ** 20),
        fc.integer({ min: 6, max: 10 }),
        fc.integer({ min: 1, max: 10 }),
        (seed, n, k) => {
          const { X, ...given } = sensed(positive(n, 1, seed), 30 * n, seed)
          const clean = given.values.slice()
          const bad = Math.floor(0.3 * clean.length)
          const noise = random.normal([bad], { seed: seed + 7 }).data
          for (let i = 0; i < bad; i++)
            given.values[i]! += norm(X) * (noise[i]! > 0 ? 10 : -10) * (1 + noise[i]! ** 2)
          const result = recoverSubgradient(given, { rank: k })
          expect(result.residual).toBeLessThanOrEqual(1e-6)
          expect(apart(result.lowRank, X)).toBeLessThanOrEqual(4e-6)
          expect(result.rank).toBe(Math.min(k, n))
          // Beside those planted none is far off but by the tails of the residual itself, which are as small as it.
          result.sparse.forEach((x, i) => {
            expect(Math.abs(x - (given.values[i]! - clean[i]!))).toBeLessThanOrEqual(1e-4 * norm(X))
          })
          expect(result.history.length).toBe(result.iterations + 1)
        },
      ),
      { ...RUNS, numRuns: 20 },
    )
  })

  test('how far off an outlier is does not matter, to the bit', () => {
    const { X, ...given } = sensed(positive(8, 2, 3), 300, 3)
    const off = (size: number): Float64Array =>
      given.values.map((x, i) => (i < 60 ? (i % 2 === 0 ? 1 : -1) * size : x))
    const [near, far] = [1e6, 1e12].map((size) =>
      recoverSubgradient({ ...given, values: off(size) }, { rank: 4 }),
    )
    expect(near!.lowRank.toDense().data).toEqual(far!.lowRank.toDense().data)
    expect(near!.history).toEqual(far!.history)
    expect(apart(near!.lowRank, X)).toBeLessThan(1e-5)
  })

  test('a geometric schedule ends by itself at the level of the noise', () => {
    const { X, ...given } = sensed(positive(10, 2, 1), 600, 1)
    const noise = random.normal([600], { seed: 4 }).data
    const level = 1e-3 * norm(X)
    const values = given.values.map((x, i) => (i % 5 === 0 ? 1e5 : x + level * noise[i]!))
    const { lowRank, history, sparse } = recoverSubgradient(
      { ...given, values },
      { rank: 6, schedule: 'geometric', rtol: 1e-5 },
    )
    // The minimax error is about level·√(n·r/m) = 0.2·level; the l1 loss and the surplus cost a factor.
    expect(apart(lowRank, X)).toBeLessThan(1e-3)
    const grown = history.findIndex(({ residual }) => residual <= 0.9)
    expect(grown).toBeGreaterThan(0)
    history.forEach(({ step }, t) => expect(step).toBe(0.25 * 0.99 ** Math.max(0, t - grown)))
    expect(history.at(-1)!.step).toBeLessThanOrEqual(1e-5)
    for (let i = 0; i < 600; i += 5) expect(sparse[i]).toBeGreaterThan(9e4)
  })

  test('follows the units of values and of sensors', () => {
    const { X, ...given } = sensed(positive(8, 2, 3), 300, 3)
    const one = recoverSubgradient(given, { rank: 4 }).lowRank.toDense()
    for (const unit of [2 ** 400, 2 ** -400]) {
      const values = given.values.map((x) => x * unit)
      const other = recoverSubgradient({ ...given, values }, { rank: 4 }).lowRank.toDense()
      other.data.forEach((x, e) => (other.data[e] = x / unit))
      expect(norm(minus(other, one))).toBeLessThanOrEqual(1e-6 * norm(X))
      const sensors = matrix(
        given.sensors.data.map((x) => x * unit),
        [300, 64],
      )
      const third = recoverSubgradient({ ...given, sensors }, { rank: 4 }).lowRank.toDense()
      third.data.forEach((x, e) => (third.data[e] = x * unit))
      expect(norm(minus(third, one))).toBeLessThanOrEqual(1e-6 * norm(X))
    }
  })
})

test('sensors in every layout, as operator, async and cooperative give the same answer', async () => {
  const { X, ...given } = sensed(positive(8, 2, 5), 200, 5)
  const { sensors } = given
  const { shape, matmat, rmatmat, frobeniusNorm } = asOperator(sensors)
  const asynchronous = operator({
    shape,
    async: true,
    matmat: (Y) => Promise.resolve(matmat(Y)),
    rmatmat: (Y) => Promise.resolve(rmatmat(Y)),
  })
  const copy = sensors.data.slice()
  for (const recover of [
    (g: Measurements) => matrixSensing(g, { rank: 3 }),
    (g: Measurements) => matrixSensing(g, { rank: 2, method: 'symmetric' }),
    (g: Measurements) => recoverSubgradient(g, { rank: 3 }),
  ]) {
    const expected = recover(given)
    const answers = [
      ...LAYOUTS.map((layout) => recover({ ...given, sensors: relaid(sensors, layout) })),
      recover({ ...given, sensors: operator({ shape, matmat, rmatmat }) }),
      recover({
        ...given,
        sensors: operator({ shape, matmat, rmatmat, frobeniusNorm: frobeniusNorm! }),
      }),
      await (recover({ ...given, sensors: asynchronous, async: true } as never) as unknown as Promise<
        ReturnType<typeof recover>
      >),
    ]
    for (const answer of answers) {
      expect(apart(answer.lowRank, X)).toBeLessThanOrEqual(5e-6)
      expect(answer.rank).toBe(expected.rank)
    }
    for (const answer of answers.slice(0, LAYOUTS.length)) {
      expect(apart(answer.lowRank, expected.lowRank.toDense())).toBeLessThanOrEqual(1e-8)
    }
  }
  const cooperative = await recoverSubgradient.async(given, { rank: 3 })
  expect(cooperative.lowRank.s).toEqual(recoverSubgradient(given, { rank: 3 }).lowRank.s)
  expect(sensors.data).toEqual(copy)
})

/** What a run of too few iterations had reached. */
function stopped<T>(run: () => T): T {
  try {
    run()
  } catch (error) {
    expect(error).toBeInstanceOf(ConvergenceError)
    return (error as ConvergenceError<T>).best!
  }
  throw new Error('it converged')
}
