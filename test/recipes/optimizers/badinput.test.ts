import { describe, expect, test } from 'vitest'
import {
  LinAlgError,
  NotFiniteError,
  OptionError,
  ShapeError,
  adjoint,
  operator,
  random,
  zeros,
} from '../../../src/linalg/index.js'
import { optimizers } from '../../../src/recipes/index.js'

const { adamw, applyUpdates, create, galore, inner, mfac, projected, projectors, residuals } = optimizers

const W = [
  [1, 2, 3],
  [4, 5, 6],
]
const params = { W, b: [1, 2] }
const CONFIGS = {
  sgd: {},
  adamw: {},
  adaBelief: {},
  galore: { rank: 1 },
  naturalGalore: { rank: 1 },
  fira: { rank: 1 },
  frugal: {},
  dctProjection: { rank: 1 },
  mfac: {},
  sparseSpectralTraining: { rank: 1 },
} as const

const make = (name: keyof typeof CONFIGS, extra: object = {}) =>
  create(name, { learningRate: 0.1, ...CONFIGS[name], ...extra })

const names = Object.keys(CONFIGS) as (keyof typeof CONFIGS)[]

/** What a call throws, if anything. */
function thrown(call: () => unknown): LinAlgError {
  try {
    call()
  } catch (error) {
    expect(error).toBeInstanceOf(LinAlgError)
    return error as LinAlgError
  }
  return expect.unreachable('nothing was thrown')
}

describe.each(names)('%s', (name) => {
  test.each([
    { learningRate: -1 },
    { learningRate: NaN },
    { learningRate: '0.1' },
    { learningRate: undefined },
    { learningrate: 1 },
    { seed: -1 },
  ])('refuses the options %j', (options) => {
    const error = thrown(() => make(name, options))
    expect(error).toBeInstanceOf(OptionError)
    expect(error.fn).toBe(name)
  })

  test('refuses what is no record of parameters, and entries that are not finite', () => {
    const optimizer = make(name)
    for (const bad of [null, undefined, 3, [[1, 2]], { W: 'W' }, { W: [[1], [1, 2]] }]) {
      const error = thrown(() => optimizer.init(bad as never))
      expect(error).toBeInstanceOf(ShapeError)
      expect(error.fn).toBe(`${name}.init`)
    }
    const error = thrown(() => optimizer.init({ W: [[1, NaN]] }))
    expect(error).toBeInstanceOf(NotFiniteError)
    expect(error.message).toMatch(/params\.W.*\[0, 1\]/)
  })

  test('refuses gradients that are missing, too many, of another shape or not finite; the state stays good', () => {
    const optimizer = make(name)
    const state = optimizer.init(params)
    const good = { W, b: [0.5, 0.5] }
    const before = optimizer.update(good, state, params)
    const bad: readonly (readonly [object, RegExp])[] = [
      [{ W }, /grads\.b: expected a gradient of 2 numbers, given none/],
      [{ W, b: undefined }, /grads\.b.*given none/],
      [{ ...good, c: [1] }, /grads: .*also c/],
      [{ W, b: [1, 2, 3] }, /grads\.b: .*2.*given one of 3/],
      [{ W: [[1, 2]], b: [1, 2] }, /grads\.W: .*2×3.*given one of 1×2/],
      [{ W: [1, 2, 3, 4, 5, 6], b: [1, 2] }, /grads\.W/],
    ]
    for (const [grads, message] of bad) {
      const error = thrown(() => optimizer.update(grads as never, state, params))
      expect(error).toBeInstanceOf(ShapeError)
      expect(error.fn).toBe(`${name}.update`)
      expect(error.message).toMatch(message)
    }
    const infinite = { W, b: [0, Infinity] }
    const error = thrown(() => optimizer.update(infinite, state, params))
    expect(error).toBeInstanceOf(NotFiniteError)
    expect(error.message).toMatch(/grads\.b.*\[1\]/)
    expect(optimizer.update(good, state, params)).toEqual(before)
  })

  test('refuses parameters and states that do not belong together', () => {
    const optimizer = make(name)
    const state = optimizer.init(params)
    expect(() => optimizer.update(params, state, { W, b: [1, 2, 3] })).toThrow(/params\.b: expected 2/)
    expect(() => optimizer.update(params, state, { W } as never)).toThrow(ShapeError)
    const other = name === 'adamw' ? make('sgd') : adamw({ learningRate: 1 })
    expect(() => optimizer.update(params, other.init(params), params)).toThrow(
      new RegExp(`state: expected a state of ${name}, given one of ${other.name}`),
    )
    expect(() => optimizer.update(params, undefined as never, params)).toThrow(ShapeError)
    expect(() => optimizer.update(params, {} as never, params)).toThrow(ShapeError)
  })

  test('a schedule that answers with NaN, options that are unknown, an abort', async () => {
    const lost = make(name, { learningRate: () => NaN })
    const error = thrown(() => lost.update(params, lost.init(params), params))
    expect(error).toBeInstanceOf(NotFiniteError)
    expect(error.message).toMatch(/learningRate/)
    const optimizer = make(name)
    const state = optimizer.init(params)
    expect(() => optimizer.update(params, state, params, { rate: 1 } as never)).toThrow(OptionError)
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(optimizer.update.async(params, state, params, { signal })).rejects.toThrow('enough')
  })

  test('gradients whose squares overflow are refused, and nothing becomes NaN', () => {
    const optimizer = make(name)
    for (const size of [1e200, 1e-200, 1e-320]) {
      const grads = { W: W.map((row) => row.map((x) => x * size)), b: [size, -size] }
      let state = optimizer.init(params)
      let failed = false
      for (let t = 0; t < 3 && !failed; t++) {
        try {
          const step = optimizer.update(grads, state, params)
          for (const x of step.updates.b!.data) expect(Number.isFinite(x)).toBe(true)
          state = step.state
        } catch (error) {
          expect(error).toBeInstanceOf(LinAlgError)
          failed = true
        }
      }
      if (size === 1e200 && name !== 'sgd') expect(failed).toBe(true)
      if (size < 1) expect(failed).toBe(false)
    }
  })

  test('empty matrices and vectors', () => {
    const needsRank = 'rank' in CONFIGS[name]
    const none = needsRank ? { b: [] } : { W: zeros([0, 3]), V: zeros([2, 0]), b: [] }
    const optimizer = make(name)
    const { updates } = optimizer.update(none, optimizer.init(none), none)
    expect(updates.b!.shape).toEqual([0])
    if (!needsRank) expect(updates.W!.shape).toEqual([0, 3])
    expect(optimizer.update({}, optimizer.init({}), {}).updates).toEqual({})
    if (needsRank) expect(() => optimizer.init({ W: zeros([0, 3]) })).toThrow(OptionError)
  })
})

describe.each(names)('%s on tensors of three modes', (name) => {
  const [T, G] = [random.normal([2, 3, 4]), random.normal([2, 3, 4], { seed: 1 })]
  const optimizer = make(name)
  const state = optimizer.init({ T })

  test('refuses gradients of another shape, operators, and entries that are not finite, by their indices', () => {
    for (const bad of [random.normal([6, 4]), random.normal([24]), adjoint(random.normal([4, 6]))]) {
      const error = thrown(() => optimizer.update({ T: bad }, state, { T }))
      expect(error).toBeInstanceOf(ShapeError)
      expect(error.message).toMatch(/grads\.T: expected a gradient of 2×3×4 numbers/)
    }
    G.set(1, 2, 0, NaN)
    const error = thrown(() => optimizer.update({ T: G }, state, { T }))
    expect(error).toBeInstanceOf(NotFiniteError)
    expect(error.message).toMatch(/grads\.T.*\[1, 2, 0\]/)
  })
})

describe.each(['galore', 'naturalGalore', 'fira', 'dctProjection', 'sparseSpectralTraining'] as const)(
  '%s',
  (name) => {
    test('refuses a rank above min(m, n), and says of which matrix', () => {
      const optimizer = make(name, { rank: 3 })
      const error = thrown(() => optimizer.init(params))
      expect(error).toBeInstanceOf(OptionError)
      expect(error.fn).toBe(`${name}.init`)
      expect(error.message).toMatch(/options\.rank: expected at most 2 \(params\.W is 2×3\), given 3/)
      for (const rank of [0, -1, 1.5, undefined]) expect(() => make(name, { rank })).toThrow(OptionError)
    })
  },
)

test('options of the others', () => {
  const refused: readonly (() => unknown)[] = [
    () => adamw({ learningRate: 1, b1: 1 }),
    () => adamw({ learningRate: 1, b2: -0.1 }),
    () => adamw({ learningRate: 1, eps: 0 }),
    () => adamw({ learningRate: 1, weightDecay: -1 }),
    () => galore({ learningRate: 1, rank: 1, density: 0.5 }),
    () => galore({ learningRate: 1 }),
    () => galore({ learningRate: 1, rank: 1, updateProjGap: 0 }),
    () => galore({ learningRate: 1, rank: 1, projType: 'top' as never }),
    () => galore({ learningRate: 1, rank: 1, svd: 'lanczos' as never }),
    () => galore({ learningRate: 1, rank: 1, scale: 0 }),
    () => optimizers.fira({ learningRate: 1, rank: 1, limiter: 0.5 }),
    () => optimizers.frugal({ learningRate: 1, density: 1.5 }),
    () => optimizers.frugal({ learningRate: 1, inactiveUpdateRule: 'adam' as never }),
    () => optimizers.naturalGalore({ learningRate: 1, rank: 1, damping: 0 }),
    () => optimizers.naturalGalore({ learningRate: 1, rank: 1, onRefresh: 'forget' as never }),
    () => optimizers.dctProjection({ learningRate: 1, rank: 1, selectionNorm: 3 as never }),
    () => optimizers.sparseSpectralTraining({ learningRate: 1, rank: 1, drawsPerRound: 0 }),
    () => mfac({ learningRate: 1, capacity: 0 }),
    () => mfac({ learningRate: 1, damping: 0 }),
    () => projected(inner.adam(), projectors.svd({ rank: 1 }), residuals.none(), {} as never),
    () => inner.adam({ beta: 1 } as never),
    () => inner.momentum({ momentum: 1 }),
    () => projectors.random({}),
    () => projectors.columns({ density: -1 }),
    () => residuals.sign({ lrScale: -1 }),
    () => create('adam' as never, {} as never),
    () => create('toString' as never, {} as never),
  ]
  for (const call of refused) expect(call).toThrow(OptionError)
})

test('a damping that is nothing beside gradients that depend on each other', () => {
  const optimizer = mfac({ learningRate: 1, damping: 1e-30, capacity: 4 })
  const { state } = optimizer.update({ x: [1, 2] }, optimizer.init({ x: [0, 0] }), { x: [0, 0] })
  const error = thrown(() => optimizer.update({ x: [1, 2] }, state, { x: [0, 0] }))
  expect(error).toBeInstanceOf(OptionError)
  expect(error.message).toMatch(/^mfac\.update: options\.damping/)
})

test('a gradient from elsewhere that fails, or answers with NaN', async () => {
  const optimizer = galore({ learningRate: 1, rank: 1 })
  const state = optimizer.init({ W })
  const failing = operator({
    shape: [2, 3],
    async: true,
    matmat: () => Promise.reject(new Error('device lost')),
    rmatmat: () => Promise.reject(new Error('device lost')),
  })
  await expect(optimizer.update.async({ W: failing }, state, { W })).rejects.toThrow('device lost')
  const broken = operator({
    shape: [2, 3],
    async: true,
    matmat: (X) => Promise.resolve([0, 1].map(() => new Array<number>(X.shape[1]!).fill(NaN)) as never),
    rmatmat: (X) => Promise.resolve([0, 1, 2].map(() => new Array<number>(X.shape[1]!).fill(NaN)) as never),
  })
  await expect(optimizer.update.async({ W: broken }, state, { W })).rejects.toThrow(NotFiniteError)
  await expect(
    optimizer.update.async({ b: broken } as never, optimizer.init({ b: [1] }), { b: [1] }),
  ).rejects.toThrow(ShapeError)
})

describe('partition', () => {
  const { partition } = optimizers
  const rules = { a: adamw({ learningRate: 1 }), b: galore({ learningRate: 1, rank: 3 }) }

  test('refuses what are no optimizers, and labels that none has', () => {
    for (const bad of [null, undefined, adamw, { a: adamw }, { a: undefined }]) {
      expect(() => partition(bad as never)).toThrow(OptionError)
    }
    const refused = [
      partition(rules),
      partition(rules, { W: 'c', b: 'a' } as never),
      partition(rules, { W: 'a' }),
      partition(rules, () => 'toString' as never),
    ]
    for (const optimizer of refused) {
      const error = thrown(() => optimizer.init(params))
      expect(error).toBeInstanceOf(OptionError)
      expect(error.message).toMatch(/^partition\.init: labels\.(W|b): expected a \| b, given/)
    }
    expect(() => partition(rules, () => 'a').init([[1]] as never)).toThrow(ShapeError)
  })

  test('passes on what its optimizers refuse, and refuses names, states and options itself', async () => {
    expect(() => partition(rules, { W: 'b', b: 'a' }).init(params)).toThrow(/galore\.init: options\.rank/)
    const optimizer = partition(rules, () => 'a')
    const state = optimizer.init(params)
    expect(() => optimizer.update({ W }, state, params)).toThrow(/adamw\.update: grads\.b.*given none/)
    expect(() => optimizer.update({ ...params, c: [1] }, state, params)).toThrow(/^partition.*also c/)
    expect(() => optimizer.update(params, state, { ...params, c: [1] })).toThrow(/^partition.*also c/)
    expect(() => optimizer.update(params, rules.a.init(params), params)).toThrow(
      /state: expected a state of partition, given one of adamw/,
    )
    expect(() => optimizer.update(params, state, params, { rate: 1 } as never)).toThrow(OptionError)
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(optimizer.update.async(params, state, params, { signal })).rejects.toThrow('enough')
    await expect(optimizer.update.async({ W }, state, params)).rejects.toThrow(ShapeError)
    const none = optimizer.init({})
    expect(optimizer.update({}, none, {}).updates).toEqual({})
  })
})

test('applyUpdates refuses what does not fit', () => {
  expect(() => applyUpdates({ b: [1, 2] }, { b: [1] })).toThrow(ShapeError)
  expect(() => applyUpdates({ b: [1, 2] }, { c: [1, 2] })).toThrow(/updates.*given c/)
  expect(() => applyUpdates({ b: [1, NaN] }, {})).toThrow(NotFiniteError)
})
