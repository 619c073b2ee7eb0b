import fc from 'fast-check'
import ndarray from 'ndarray'
import { describe, expect, test } from 'vitest'
import { matrix, matrixRank, norm, random } from '../../../src/linalg/index.js'
import { optimizers } from '../../../src/recipes/index.js'
import { orthonormal } from '../../../src/testing/index.js'
import { LAYOUTS, RUNS, relaid } from '../../support/cases.js'
import { EPS, minus, times } from '../../support/measures.js'
import type { Matrix, Tensor } from '../../../src/linalg/index.js'
import { expectNear, gradientsOf, last, mapped, runs, startOf, trained } from './training.js'
import type { Optimizer, Run } from './training.js'

// What every optimizer keeps to, and what the registry says of it, over random shapes and several steps.

const RANK = 2
const few = { ...RUNS, numRuns: 25 }
/** Sides from the rank up. */
const cases = runs(RANK, 12)

/** Settings at which laws are exact: eps far below all gradients, steps of 1. */
const CONFIGS = {
  sgd: { learningRate: 1 },
  adamw: { learningRate: 1, weightDecay: 0, eps: 1e-300 },
  adaBelief: { learningRate: 1, eps: 1e-300 },
  galore: { learningRate: 1, rank: RANK, eps: 1e-300, updateProjGap: 3 },
  naturalGalore: { learningRate: 1, rank: RANK, eps: 1e-300, updateProjGap: 3, history: 3 },
  fira: { learningRate: 1, rank: RANK, eps: 1e-300, updateProjGap: 3 },
  frugal: { learningRate: 1, density: 0.5, eps: 1e-300, updateProjGap: 3 },
  dctProjection: { learningRate: 1, rank: RANK, eps: 1e-300 },
  mfac: { learningRate: 1, capacity: 3, damping: 0.1 },
  sparseSpectralTraining: { learningRate: 0.01, rank: RANK, eps: 1e-300, updateGap: 2, drawsPerRound: 1 },
} as const

const all = optimizers.list()
const make = (name: keyof typeof CONFIGS, extra: object = {}): Optimizer =>
  optimizers.create(name, { ...CONFIGS[name], ...extra })

/** Directions are quotients, as uncertain as an entry near 0 of a projected gradient is: half the digits. */
const TOL = Math.sqrt(EPS)

test('lists ten, by name, and creates what the functions create', () => {
  expect(all.map(({ name }) => name)).toEqual(Object.keys(CONFIGS))
  const run: Run = { seed: 5, m: 5, n: 4, steps: 3 }
  for (const { name } of all) {
    const direct = (optimizers[name] as (config: object) => Optimizer)(CONFIGS[name])
    expect(direct.name).toBe(name)
    const [a, b] = [direct, make(name)].map((one) => trained(one, startOf(run), gradientsOf(run)))
    expect(a!.updates).toEqual(b!.updates)
  }
})

describe.each(all)('$name', ({ name, state: formula, ...properties }) => {
  test('nothing that it is given changes, and any state can be gone on from', () => {
    fc.assert(
      fc.property(cases, (run) => {
        const optimizer = make(name)
        const gradients = gradientsOf(run)
        const W = startOf(run)
        const before = structuredClone([W.data, gradients.map(({ data }) => data)])
        const { updates, states } = trained(optimizer, W, gradients)
        const kept = structuredClone(flattened(states))
        // Again from each of the states, last first.
        const path = [W]
        updates.forEach((U, t) => path.push(optimizers.applyUpdates({ W: path[t]! }, { W: U }).W))
        for (let t = run.steps - 1; t >= 0; t--) {
          const again = optimizer.update({ W: gradients[t]! }, states[t]!, { W: path[t]! })
          expect(again.updates.W).toEqual(updates[t])
          expect(flattened(again.state)).toEqual(flattened(states[t + 1]))
        }
        expect([W.data, gradients.map(({ data }) => data)]).toEqual(before)
        expect(flattened(states)).toEqual(kept)
      }),
      few,
    )
  })

  test('however a gradient lies in memory, and run cooperatively', async () => {
    await fc.assert(
      fc.asyncProperty(cases, fc.constantFrom(...LAYOUTS), async (run, layout) => {
        const optimizer = make(name)
        const [W, [G]] = [startOf(run), gradientsOf(run)]
        const plain = optimizer.update({ W: G! }, optimizer.init({ W }), { W })
        const params = { W: relaid(W, layout) }
        const other = optimizer.update({ W: relaid(G!, layout) }, optimizer.init(params), params)
        expectNear([other.updates.W as Matrix], [plain.updates.W as Matrix], TOL)
        const cooperative = await optimizer.update.async({ W: G! }, optimizer.init({ W }), { W })
        expect(cooperative.updates.W).toEqual(plain.updates.W)
      }),
      few,
    )
  })

  test(`has ${formula} floats of state`, () => {
    fc.assert(
      fc.property(cases, ({ seed, m, n }) => {
        const run = { seed, m, n, steps: 4 }
        const { states } = trained(make(name), startOf(run), gradientsOf(run))
        const { floats, indices } = optimizers.stateSize(last(states))
        expect(floats).toBe(evaluated(formula, { m, n, r: RANK, rho: 0.5, s: 3, c: 3 }))
        expect(indices).toBeLessThanOrEqual(Math.max(m, n))
      }),
      few,
    )
  })

  test(`${properties.scaleInvariant ? 'does not see' : 'sees'} the scale of gradients`, () => {
    let seen = 0
    fc.assert(
      fc.property(cases, fc.constantFrom(1e-20, 0.1, 7, 1e20), (run, c) => {
        const gradients = gradientsOf(run)
        const scaled = gradients.map((G) => mapped(G, (x) => c * x))
        const { updates } = trained(make(name), startOf(run), gradients)
        const other = trained(make(name), startOf(run), scaled).updates
        if (properties.scaleInvariant) expectNear(other, updates, TOL)
        else updates.forEach((U, t) => (seen = Math.max(seen, norm(minus(other[t]!, U)) / norm(U))))
      }),
      few,
    )
    if (!properties.scaleInvariant) expect(seen).toBeGreaterThan(0.5)
  })

  test(`${properties.rotationEquivariant ? 'turns' : 'does not turn'} with the coordinates`, () => {
    let apart = 0
    fc.assert(
      fc.property(cases, (run) => {
        const { m, n, seed } = run
        const [Q, P] = [orthonormal(m, m, { seed }), orthonormal(n, n, { seed: seed + 1 })]
        const turned = (A: Matrix): Matrix => times(times(Q, A), P)
        const { updates } = trained(make(name), startOf(run), gradientsOf(run))
        const other = trained(make(name), turned(startOf(run)), gradientsOf(run).map(turned)).updates
        const same = updates.map(turned)
        if (properties.rotationEquivariant) expectNear(other, same, 1e3 * EPS * (m + n))
        else apart = Math.max(apart, norm(minus(other[0]!, same[0]!)) / norm(same[0]!))
      }),
      few,
    )
    if (!properties.rotationEquivariant) expect(apart).toBeGreaterThan(0.1)
  })

  test(`updates ${properties.lowRankUpdates ? 'have rank r' : 'are not of rank r'}`, () => {
    let largest = 0
    fc.assert(
      fc.property(runs(6, 12), (run) => {
        const { updates } = trained(make(name), startOf(run), gradientsOf(run))
        for (const U of updates) largest = Math.max(largest, matrixRank(U, { rtol: 1e-10 }))
      }),
      few,
    )
    if (properties.lowRankUpdates) expect(largest).toBe(RANK)
    else expect(largest).toBeGreaterThan(RANK)
  })

  test('opposite gradients give opposite updates, twice the learning rate twice the first update', () => {
    // A singular value stops at 0, and vectors of norm 1 do not move along a line.
    if (name === 'sparseSpectralTraining') return
    fc.assert(
      fc.property(cases, (run) => {
        const gradients = gradientsOf(run)
        const W = startOf(run)
        const { updates } = trained(make(name), W, gradients)
        const negative = gradients.map((G) => mapped(G, (x) => -x))
        expectNear(
          trained(make(name), W, negative).updates,
          updates.map((U) => mapped(U, (x) => -x)),
          TOL,
        )
        const twice = trained(make(name, { learningRate: 2 }), W, gradients).updates[0]!
        expectNear([twice], [mapped(updates[0]!, (x) => 2 * x)], 4 * EPS)
        expectNear(trained(make(name, { learningRate: () => 1 }), W, gradients).updates, updates, 0)
      }),
      few,
    )
  })

  test('a gradient of zeros changes nothing, whatever came of it before', () => {
    fc.assert(
      fc.property(runs(RANK, 6), ({ m, n, ...run }) => {
        const zero = mapped(random.normal([m, n]), () => 0)
        const W = startOf({ ...run, m, n })
        const { updates } = trained(make(name), W, [zero, zero])
        // The change of a decomposition is a difference.
        const tol = name === 'sparseSpectralTraining' ? 100 * (m + n) * EPS * norm(W) : 0
        for (const U of updates) expect(norm(U)).toBeLessThanOrEqual(tol)
      }),
      few,
    )
  })

  test('vectors, and matrices of one row or column, beside others', () => {
    const optimizer = make(name, name.match(/galore|fira|dct|sparse/i) ? { rank: 1 } : {})
    const params = {
      b: [1, 2, 3],
      row: [[1, 2, 3]],
      column: [[1], [2]],
      W: matrix([
        [1, 2],
        [3, 4],
      ]),
    }
    const grads = {
      b: [0.5, -1, 2],
      row: [[0.5, -1, 2]],
      column: [[1], [-3]],
      W: [
        [1, -1],
        [2, 0.5],
      ],
    }
    const { updates, state } = optimizer.update(grads, optimizer.init(params), params)
    expect(Object.keys(updates)).toEqual(Object.keys(params))
    for (const [key, shape] of Object.entries({ b: [3], row: [1, 3], column: [2, 1], W: [2, 2] })) {
      expect(updates[key]!.shape).toEqual(shape)
    }
    const after = optimizers.applyUpdates(params, updates)
    expect(after.b.shape).toEqual([3])
    expect(after.b.data).toEqual(updates.b!.data.map((x, j) => params.b[j]! + x))
    expect(state.count).toBe(1)
    // Alone it fares as beside others, but for M-FAC, which sees all as one, and for draws, which count places.
    if (name === 'mfac') return
    const single = { b: params.b }
    const alone = optimizer.update({ b: grads.b }, optimizer.init(single), single)
    expect(alone.updates.b).toEqual(updates.b)
  })

  test('a tensor of any number of modes, however it lies in memory, is trained as its numbers in a row are', () => {
    // No matrices: of those the projected ones think otherwise.
    const sides = fc
      .array(fc.integer({ min: 1, max: 4 }), { maxLength: 5 })
      .filter(({ length }) => length !== 2)
    fc.assert(
      fc.property(fc.nat(2 ** 31 - 1), sides, fc.integer({ min: 1, max: 4 }), (seed, shape, steps) => {
        const size = shape.reduce((product, side) => product * side, 1)
        const draw = (t: number): Float64Array => random.normal([size], { seed: seed + t }).data
        const optimizer = make(name)
        let params: { T: Tensor; flat: Tensor } = {
          T: fromLast(draw(0), shape),
          flat: fromLast(draw(0), [size]),
        }
        let [state, flatState] = [optimizer.init({ T: params.T }), optimizer.init({ T: params.flat })]
        for (let t = 1; t <= steps; t++) {
          const one = optimizer.update({ T: fromLast(draw(t), shape) }, state, { T: params.T })
          const other = optimizer.update({ T: draw(t) }, flatState, { T: params.flat })
          expect(one.updates.T!.shape).toEqual(shape)
          expect(one.updates.T!.data).toEqual(other.updates.T!.data)
          const [{ T }, { T: flat }] = [
            optimizers.applyUpdates({ T: params.T }, one.updates),
            optimizers.applyUpdates({ T: params.flat }, other.updates),
          ]
          expect([T.shape, T.data]).toEqual([shape, flat.data])
          params = { T, flat }
          ;[state, flatState] = [one.state, other.state]
        }
      }),
      few,
    )
  })
})

/** The numbers, row-major, as a tensor whose first index runs fastest in memory. */
function fromLast(data: Float64Array, shape: readonly number[]): Tensor {
  const T = ndarray(new Float64Array(data.length), [...shape].reverse()).transpose(
    ...shape.map((_, d) => shape.length - 1 - d),
  )
  const plain = ndarray(data, [...shape])
  for (let e = 0; e < data.length; e++) {
    let rest = e
    const index = shape.map(() => 0)
    for (let d = shape.length - 1; d >= 0; d--) {
      index[d] = rest % shape[d]!
      rest = Math.floor(rest / shape[d]!)
    }
    T.set(...index, plain.get(...index))
  }
  return T
}

/** A formula of the registry in numbers. */
function evaluated(formula: string, values: Record<string, number>): number {
  const names = { ...values, min: Math.min, max: Math.max, floor: Math.floor }
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- formulas are the library's own
  const f = new Function(...Object.keys(names), `return ${formula.replaceAll('·', '*')}`) as (
    ...all: unknown[]
  ) => number
  return f(...Object.values(names))
}

/** All numbers of a state, in order. */
function flattened(state: unknown): unknown[] {
  if (state === null || typeof state !== 'object') return [state]
  if (ArrayBuffer.isView(state)) return Array.from(state as Float64Array)
  return Object.entries(state).flatMap(([key, value]) => [key, ...flattened(value)])
}
