import { expect, test } from 'vitest'
import { NotFiniteError, OptionError, ShapeError } from '../../../src/linalg/index.js'
import { solvers } from '../../../src/recipes/index.js'

const mdp = {
  states: 6,
  actions: 5,
  reward: (s: number, a: number) => s * a,
  nextStates: (_s: number, _a: number, count: number) => new Int32Array(count),
}
const run = (changed: object, options: object = { rank: 1, discount: 0.5 }): (() => unknown) => {
  return () => solvers.lowRankQEstimation({ ...mdp, ...changed }, options as never)
}

test('refuses bad options', () => {
  const good = { rank: 1, discount: 0.5 }
  const bad = [{ rank: 0 }, { discount: 1 }, { discount: -1 }, { discount: undefined }, { anchors: 0 }]
  for (const options of [
    ...bad,
    { rank: 3, anchors: 2 },
    { rank: 6 },
    { samples: 0 },
    { growth: 0 },
    { gamma: 1 },
  ]) {
    expect(run({}, { ...good, ...options })).toThrow(OptionError)
    expect(run({}, { ...good, ...options })).toThrow(/^lowRankQEstimation: options/)
  }
})

test('refuses what callbacks must not answer', () => {
  for (const side of [0, -1, 1.5, undefined]) expect(run({ states: side })).toThrow(ShapeError)
  expect(run({ reward: () => NaN })).toThrow(NotFiniteError)
  expect(run({ nextStates: () => [1] })).toThrow(ShapeError)
  expect(
    run({ nextStates: (_s: number, _a: number, count: number) => new Int32Array(count).fill(6) }),
  ).toThrow(ShapeError)
  expect(run({}, { rank: 1, discount: 0.5, signal: AbortSignal.abort(new Error('no')) })).toThrow('no')
})

test('a table of one state and one action', () => {
  const one = solvers.lowRankQEstimation(
    { ...mdp, states: 1, actions: 1, reward: () => 3 },
    { rank: 1, discount: 0.5, iterations: 3, samples: 1, growth: 1 },
  )
  expect(one.V[0]).toBeCloseTo(3 + 1.5 + 0.75, 12)
  expect(one.samples).toBe(2)
})
