import { describe, expect, test } from 'vitest'
import {
  ConvergenceError,
  NotFiniteError,
  NotPositiveDefiniteError,
  OptionError,
  ShapeError,
} from '../../../src/linalg/index.js'
import { solvers } from '../../../src/recipes/index.js'
import { sketchAndProject } from '../../../src/sketch/index.js'

const { augmentedLagrangian, blockCoordinateDescent, halpern } = solvers
const A = [
  [1, 0],
  [1, 1],
  [1, 2],
]

describe('sketchAndProject', () => {
  test.each([{ sketch: 'srht' }, { blockSize: 0 }, { rtol: -1 }, { seed: 0.5 }, { block: 3 }])(
    'refuses the options %j',
    (options) => {
      expect(() => sketchAndProject(A, [1, 2, 3], options as never)).toThrow(OptionError)
    },
  )

  test('refuses what does not fit, and says how far an inconsistent system came', () => {
    expect(() => sketchAndProject(A, [1, 2])).toThrow(ShapeError)
    expect(() => sketchAndProject([[NaN]], [1])).toThrow(NotFiniteError)
    try {
      sketchAndProject(A, [1, 2, 2], { maxIterations: 7, blockSize: 1 })
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(ConvergenceError)
      expect(error).toMatchObject({ fn: 'sketchAndProject', iterations: 7, best: { iterations: 7 } })
    }
  })

  test('empty and zero systems', () => {
    expect(sketchAndProject([], [])).toMatchObject({ iterations: 0, residual: 0 })
    expect(sketchAndProject([[0, 0]], [0]).x).toEqual(new Float64Array(2))
    expect(() => sketchAndProject([[0, 0]], [1], { maxIterations: 5 })).toThrow(ConvergenceError)
    expect(
      sketchAndProject(
        [
          [0, 0],
          [0, 2],
        ],
        [0, 4],
      ).x,
    ).toEqual(Float64Array.of(0, 2))
  })
})

describe('blockCoordinateDescent', () => {
  test.each([
    { rule: 'gsq' },
    { rule: 'random', blocks: 'variable' },
    { rule: 'best' },
    { blocks: 'all' },
    { blocks: [[0]] },
    { blocks: [[0, 1], [1]] },
    { blocks: [[0, 1], []] },
    { blockSize: 0 },
    { l1: -1 },
    { form: 'logistic' },
  ])('refuses the options %j', (options) => {
    expect(() => blockCoordinateDescent(A, [1, 2, 3], options as never)).toThrow(OptionError)
  })

  test('refuses what does not fit', () => {
    expect(() => blockCoordinateDescent(A, [1, 2])).toThrow(ShapeError)
    expect(() => blockCoordinateDescent(A, [1, 2, 3], { form: 'quadratic' })).toThrow(ShapeError)
    expect(() => blockCoordinateDescent(A, [1, 2, 3], { blocks: [[0, 2]] })).toThrow(ShapeError)
    expect(() => blockCoordinateDescent(A, [1, NaN, 3])).toThrow(NotFiniteError)
    const indefinite = [
      [1, 0],
      [0, -1],
    ]
    expect(() => blockCoordinateDescent(indefinite, [1, 1], { form: 'quadratic' })).toThrow(
      NotPositiveDefiniteError,
    )
  })

  test('empty and zero problems', () => {
    expect(blockCoordinateDescent([], []).x).toEqual(new Float64Array(0))
    expect(blockCoordinateDescent(A, [0, 0, 0])).toMatchObject({ iterations: 0, objective: 0, residual: 0 })
    for (const blocks of ['variable', 'fixed'] as const) {
      // A column of zeros stays out.
      const { x } = blockCoordinateDescent([[0, 2]], [4], { blocks })
      expect(x).toEqual(Float64Array.of(0, 2))
    }
    expect(blockCoordinateDescent(A, [1, 2, 2], { l1: 100 })).toMatchObject({ iterations: 0 })
  })

  test('says how far it came', () => {
    try {
      blockCoordinateDescent(A, [1, 2, 2], { blockSize: 1, rtol: 0, maxIterations: 3 })
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(ConvergenceError)
      expect((error as ConvergenceError<{ history: unknown[] }>).best!.history.length).toBe(3)
    }
  })
})

describe('halpern', () => {
  const problem = { size: 2, F: (_: Int32Array, u: Float64Array) => u }

  test.each([{}, { L: 0 }, { L: Infinity }, { L: 1, method: 'svrg' }, { L: 1, step: 0 }, { L: 1, tol: 1 }])(
    'refuses the options %j',
    (options) => {
      expect(() => halpern(problem, [1], options as never)).toThrow(OptionError)
    },
  )

  test('refuses what does not fit, also from the callback', () => {
    expect(() => halpern({ ...problem, size: 0 }, [1], { L: 1 })).toThrow(/^halpern: problem.size/)
    expect(() => halpern({ ...problem, F: () => [1, 2] }, [1], { L: 1 })).toThrow(ShapeError)
    expect(() => halpern({ ...problem, F: () => [NaN] }, [1], { L: 1 })).toThrow(/^halpern: problem.F/)
    expect(() => halpern({ ...problem, F: (_, u) => Promise.resolve(u) }, [1], { L: 1 })).toThrow(ShapeError)
  })

  test('says how far it came, and listens to an abort', () => {
    try {
      halpern(problem, [1], { L: 1, rtol: 0, maxIterations: 9, method: 'deterministic' })
    } catch (error) {
      expect(error).toMatchObject({ code: 'NOT_CONVERGED', iterations: 9, best: { iterations: 9 } })
    }
    const stop = new AbortController()
    const seen: number[] = []
    const onProgress = ({ done }: { done: number }): void => {
      seen.push(done)
      if (done === 3) stop.abort(new Error('enough'))
    }
    expect(() => halpern(problem, [1], { L: 1, rtol: 0, signal: stop.signal, onProgress })).toThrow('enough')
    expect(seen).toEqual([0, 1, 2, 3])
  })
})

describe('augmentedLagrangian', () => {
  const problem = {
    f: (x: Float64Array) => x[0]! ** 2 / 2,
    gradient: (x: Float64Array) => x,
    c: (x: Float64Array) => [x[0]! - 1],
    jacobian: () => [[1]],
    hessian: () => [[1]],
  }

  test.each([{ accuracy: 0 }, { accuracy: 1 }, { sketch: 'srht' }, { eta: 1 }])(
    'refuses the options %j',
    (options) => {
      expect(() => augmentedLagrangian(problem, [3], options as never)).toThrow(OptionError)
    },
  )

  test('refuses what does not fit, also from callbacks', () => {
    const call =
      (change: object, x0 = [3]) =>
      (): unknown =>
        augmentedLagrangian({ ...problem, ...change }, x0)
    expect(call({}, [NaN])).toThrow(NotFiniteError)
    expect(call({ f: () => NaN })).toThrow(/^augmentedLagrangian: problem.f/)
    expect(call({ gradient: () => [1, 2] })).toThrow(/^augmentedLagrangian: problem.gradient/)
    expect(call({ jacobian: () => [[1, 2]] })).toThrow(/^augmentedLagrangian: problem.jacobian/)
    expect(call({ hessian: () => [[1, 2]] })).toThrow(/^augmentedLagrangian: problem.hessian/)
    expect(() => augmentedLagrangian(problem, [3], { lambda0: [1, 2] })).toThrow(ShapeError)
  })

  test('contradicting constraints end in a ConvergenceError with the best so far', () => {
    const contradicting = { ...problem, c: () => [1, -1], jacobian: () => [[1], [1]] }
    try {
      augmentedLagrangian(contradicting, [3], { maxSketches: 20 })
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(ConvergenceError)
      expect((error as ConvergenceError<{ x: Float64Array }>).best!.x.length).toBe(1)
    }
  })

  test('a step out of the domain of f is shortened', () => {
    const { x, history } = augmentedLagrangian(
      {
        f: (x) => (x[0]! > 0 ? x[0]! - Math.log(x[0]!) : Infinity),
        gradient: (x) => [1 - 1 / x[0]!],
        c: () => [],
        jacobian: () => [],
        hessian: (x) => [[1 / x[0]! ** 2]],
      },
      [3],
    )
    expect(history[0]!.length).toBeLessThan(1)
    expect(x[0]).toBeCloseTo(1, 7)
  })
})
