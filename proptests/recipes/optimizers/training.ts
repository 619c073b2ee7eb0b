import fc from 'fast-check'
import { expect } from 'vitest'
import { matrix, norm, random } from '../../../src/linalg/index.js'
import type { Matrix } from '../../../src/linalg/index.js'
import { optimizers } from '../../../src/recipes/index.js'
import { minus } from '../../support/measures.js'

// Runs of an optimizer over given gradients, as (seed, shape, steps), and how far two of them are apart.

export type Optimizer = ReturnType<typeof optimizers.create>
type Params = Parameters<Optimizer['init']>[0]
export type State = ReturnType<Optimizer['init']>

export interface Run {
  readonly seed: number
  readonly m: number
  readonly n: number
  readonly steps: number
}

export const runs = (minSide = 1, maxSide = 12, maxSteps = 5): fc.Arbitrary<Run> =>
  fc.record({
    seed: fc.nat(2 ** 31 - 1),
    m: fc.integer({ min: minSide, max: maxSide }),
    n: fc.integer({ min: minSide, max: maxSide }),
    steps: fc.integer({ min: 1, max: maxSteps }),
  })

/** A gradient for each step. */
export const gradientsOf = ({ seed, m, n, steps }: Run): Matrix[] =>
  Array.from({ length: steps }, (_, t) => random.normal([m, n], { seed: seed + 1 + t }))

export const startOf = ({ seed, m, n }: Run): Matrix => random.normal([m, n], { seed })

export interface Trace {
  readonly updates: Matrix[]
  readonly states: State[]
  /** The matrix after all steps. */
  readonly W: Matrix
}

/** The updates of one matrix W under a sequence of gradients. */
export function trained(optimizer: Optimizer, W: Matrix, gradients: readonly Matrix[]): Trace {
  let params: Params = { W }
  let state = optimizer.init(params)
  const [updates, states]: [Matrix[], State[]] = [[], [state]]
  for (const G of gradients) {
    const step = optimizer.update({ W: G }, state, params)
    updates.push(step.updates.W as Matrix)
    params = optimizers.applyUpdates(params, step.updates)
    state = step.state
    states.push(state)
  }
  return { updates, states, W: params.W as Matrix }
}

export const last = <T>(items: readonly T[]): T => items[items.length - 1]!

/** f of each entry. */
export const mapped = (A: Matrix, f: (x: number, e: number) => number): Matrix =>
  matrix(Float64Array.from(matrix(A).data, f), A.shape as [number, number])

/** ‖A − B‖ ≤ tol·(‖A‖ + ‖B‖) for each pair. */
export function expectNear(As: readonly Matrix[], Bs: readonly Matrix[], tol: number): void {
  expect(As.length).toBe(Bs.length)
  As.forEach((A, t) => {
    expect(norm(minus(A, Bs[t]!))).toBeLessThanOrEqual(tol * (norm(A) + norm(Bs[t]!)))
  })
}

/** What the state of one of the parameters is. */
export const ruleOf = (state: State, name = 'W'): Record<string, unknown> =>
  (state as unknown as { params: Record<string, { rule: Record<string, unknown> }> }).params[name]!.rule
