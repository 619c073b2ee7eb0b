import { describe, expect, test } from 'vitest'
import {
  LinAlgError,
  NotFiniteError,
  OptionError,
  ShapeError,
  SingularMatrixError,
  matrix,
  random,
  zeros,
} from '../../../src/linalg/index.js'
import { adapters } from '../../../src/recipes/index.js'

const W0 = random.normal([6, 4])
const grad = random.normal([6, 4], { seed: 1 })
const activations = random.normal([4, 9], { seed: 2 })
const context = { W0, grad, activations }

/** Of each recipe a configuration of rank r. */
const CONFIGS: Record<adapters.AdapterName, (r: number) => object> = {
  lora: (r) => ({ r }),
  pissa: (r) => ({ r }),
  loraPlus: (r) => ({ r }),
  dora: (r) => ({ r }),
  loraGa: (r) => ({ r }),
  eva: (r) => ({ r }),
  loraXs: (r) => ({ r }),
  loraSb: (r) => ({ r, learningRate: 1 }),
  nlora: (r) => ({ r }),
  structuredLora: (r) => ({ r }),
  intTune: (r) => ({ r }),
  randlora: (r) => ({ r }),
  nola: (r) => ({ r, basesA: 2, basesB: 2 }),
  flora: (r) => ({ r: [r, r] }),
  loldu: (r) => ({ r }),
  svfit: (r) => ({ r }),
  bone: (r) => ({ r }),
  miss: (r) => ({ r }),
  loraPro: (r) => ({ r }),
  adalora: (r) => ({ initR: r, targetR: 1, totalStep: 3 }),
}

const thrown = (work: () => unknown): LinAlgError => {
  try {
    work()
  } catch (error) {
    expect(error).toBeInstanceOf(LinAlgError)
    return error as LinAlgError
  }
  throw new Error('nothing was thrown')
}

describe.each(Object.keys(CONFIGS) as adapters.AdapterName[])('%s', (name) => {
  const make = (r: number, extra: object = {}): adapters.Adapter =>
    adapters.create(name, { ...CONFIGS[name](r), ...extra })

  test('refuses a rank above min(m, n)', () => {
    const error = thrown(() => make(5).init(context))
    expect(error).toBeInstanceOf(OptionError)
    expect(error.fn).toBe(`${name}.init`)
    expect(error.argument).toMatch(/^options\.r$/)
  })

  test.each([0, -1, 1.5, '2', undefined])('refuses the rank %s', (r) => {
    if (name === 'svfit' && r === undefined) return
    const error = thrown(() => make(r as number))
    expect(error).toBeInstanceOf(OptionError)
    expect(error.fn).toBe(name)
  })

  test('refuses options that it does not know, and seeds that are none', () => {
    expect(thrown(() => make(1, { rank: 3 })).message).toMatch(new RegExp(`^${name}: options: .*rank`))
    expect(thrown(() => make(1, { seed: -1 })).fn).toBe(name)
    expect(thrown(() => adapters.create(name, null as never)).fn).toBe(name)
  })

  test('refuses weights that are not finite, empty, no matrix, or absent', () => {
    const bad = matrix(W0)
    bad.set(2, 3, NaN)
    const error = thrown(() => make(1).init({ ...context, W0: bad }))
    expect(error).toBeInstanceOf(NotFiniteError)
    expect(error).toMatchObject({ fn: `${name}.init`, argument: 'W0', index: [2, 3] })
    for (const W0 of [zeros([0, 3]), [], 'weight', undefined, [1, 2, 3]]) {
      expect(thrown(() => make(1).init({ ...context, W0: W0 as never })).fn).toBe(`${name}.init`)
    }
    expect(thrown(() => make(1).init(null as never)).fn).toBe(`${name}.init`)
    expect(thrown(() => make(1).init({ ...context, weight: W0 } as never)).fn).toBe(`${name}.init`)
  })

  test('refuses what does not fit a state, and names the function', () => {
    const adapter = make(1)
    const state = adapter.init(context)
    const wrong = zeros([3, 3])
    const calls: Record<string, () => unknown> = {
      forward: () => adapter.forward(state, wrong),
      backward: () => adapter.backward(state, zeros([4, 2]), zeros([6, 3])),
      gradsFromWeightGrad: () => adapter.gradsFromWeightGrad(state, wrong),
      unmerge: () => adapter.unmerge(wrong, state),
      numTrainable: () => adapter.numTrainable([3]),
    }
    for (const [fn, call] of Object.entries(calls)) {
      const error = thrown(call)
      expect(error, fn).toBeInstanceOf(ShapeError)
      expect(error.fn).toBe(`${name}.${fn}`)
    }
    const nan = matrix(zeros([4, 2]))
    nan.set(1, 1, Infinity)
    expect(thrown(() => adapter.forward(state, nan))).toMatchObject({ fn: `${name}.forward`, argument: 'x' })
  })

  test('refuses trained numbers that are not finite, arrays that are missing, and states of others', () => {
    const adapter = make(1)
    const state = adapter.init(context)
    const [array, T] = Object.entries(state.trainable)[0]!
    const spoiled = matrix(zeros([1, T.size]))
    spoiled.set(0, T.size - 1, NaN)
    const data = spoiled.data
    const bad = { ...zeros(T.shape), data, shape: T.shape, stride: T.stride, offset: 0 } as typeof T
    const error = thrown(() => adapter.merge({ ...state, trainable: { ...state.trainable, [array]: bad } }))
    expect(error).toBeInstanceOf(NotFiniteError)
    expect(error).toMatchObject({ fn: `${name}.merge`, argument: `state.trainable.${array}` })
    const missing = Object.fromEntries(Object.entries(state.trainable).slice(1))
    expect(thrown(() => adapter.merge({ ...state, trainable: missing })).fn).toBe(`${name}.merge`)
    const longer = { ...state.trainable, [array]: zeros(T.shape.map((side) => side + 1)) }
    expect(thrown(() => adapter.merge({ ...state, trainable: longer })).fn).toBe(`${name}.merge`)
    expect(thrown(() => adapter.merge({ ...state, recipe: 'other' })).message).toMatch(`a state of ${name}`)
    expect(thrown(() => adapter.merge(undefined as never)).fn).toBe(`${name}.merge`)
  })
})

test.each([
  ['loraGa', 'grad'],
  ['loraSb', 'grad'],
  ['eva', 'activations'],
] as const)('%s says that it needs %s', (name, argument) => {
  const adapter = adapters.create(name, CONFIGS[name](1) as never) as adapters.Adapter
  const error = thrown(() => adapter.init({ W0 }))
  expect(error).toBeInstanceOf(OptionError)
  expect(error).toMatchObject({ fn: `${name}.init`, argument, given: 'none' })
  const turned = thrown(() => adapter.init({ ...context, [argument]: random.normal([5, 5]) }))
  expect(turned).toBeInstanceOf(ShapeError)
  expect(turned).toMatchObject({ fn: `${name}.init`, argument })
  const bad = matrix(context[argument])
  bad.set(0, 0, Infinity)
  expect(thrown(() => adapter.init({ ...context, [argument]: bad }))).toMatchObject({
    fn: `${name}.init`,
    argument,
    code: 'NOT_FINITE',
  })
})

test('recipes refuse what is theirs to refuse', () => {
  expect(() => adapters.bone({ r: 4 }).init({ W0 })).toThrow(/^bone\.init: options\.r: expected a divisor/)
  expect(() => adapters.bone({ r: 4 }).numTrainable([6, 4])).toThrow(/^bone\.numTrainable/)
  expect(() => adapters.loraGa({ r: 3 }).init(context)).toThrow(/^loraGa\.init: options\.r: .*\/2 = 2/)
  expect(() => adapters.flora({ r: [2, 2, 2] }).init({ W0 })).toThrow(/^flora\.init: options\.r/)
  expect(() => adapters.flora({ r: [2, 5] }).numTrainable([6, 4])).toThrow(/^flora\.numTrainable/)
  expect(() => adapters.eva({ r: 3 }).init({ W0, activations: random.normal([4, 2]) })).toThrow(
    /^eva\.init: activations: expected at least r = 3 samples/,
  )
  expect(() => adapters.eva({ r: 2, whiten: true }).init({ W0, activations: zeros([4, 9]) })).toThrow(
    SingularMatrixError,
  )
  expect(() => adapters.adalora({ initR: 2, targetR: 3, totalStep: 9 }).init({ W0 })).toThrow(/targetR/)
  expect(() =>
    adapters.adalora({ initR: 2, targetR: 1, totalStep: 2, tinit: 1, tfinal: 1 }).init({ W0 }),
  ).toThrow(/tinit/)
  expect(() => adapters.svfit({ share: 1.5 })).toThrow(/^svfit: options\.share/)
  expect(() => adapters.create('lorax' as never, { r: 2 } as never)).toThrow(
    /^adapters\.create: name: .*'lorax'/,
  )
})

test('unmerge names what it cannot invert', () => {
  const bone = adapters.bone({ r: 2 })
  const state = bone.init({ W0 })
  const blocks = zeros([3, 2, 2])
  for (const e of [4, 7]) blocks.data[e] = -1
  const singular = { ...state, trainable: { blocks } }
  expect(() => bone.unmerge(bone.merge(singular), singular)).toThrow(
    /^bone\.unmerge: state\.trainable\.blocks\[1\]/,
  )
  const dora = adapters.dora({ r: 2 })
  const start = dora.init({ W0 })
  const magnitude = matrix([[1, 1, 0, 1, 1, 1]])
  const without = {
    ...start,
    trainable: { ...start.trainable, magnitude: magnitude.pick(0, -1) },
  }
  expect(() => dora.unmerge(dora.merge(without), without)).toThrow(SingularMatrixError)
})

test('a weight of zeros is taken by all but what divides by it', () => {
  for (const name of Object.keys(CONFIGS) as adapters.AdapterName[]) {
    const adapter = adapters.create(name, CONFIGS[name](2)) as adapters.Adapter
    const state = adapter.init({ ...context, W0: zeros([6, 4]) })
    expect(adapter.merge(state).data.every(Number.isFinite), name).toBe(true)
    const { grads, gx } = adapter.backward(state, activations, random.normal([6, 9]))
    for (const { data } of [gx, ...Object.values(grads)]) expect(data.every(Number.isFinite), name).toBe(true)
  }
})

test('streams and plans refuse what does not fit', () => {
  const stream = adapters.activationStream({ rank: 2 })
  stream.push(random.normal([5, 9]))
  expect(() => stream.push(random.normal([4, 9]))).toThrow(/^activationStream\.push: X/)
  expect(() => stream.push([[NaN]])).toThrow(NotFiniteError)
  expect(() => adapters.activationStream({ rank: 0 })).toThrow(OptionError)
  expect(() => adapters.evaPlan([stream.result()], { r: 3 })).toThrow(/^evaPlan: spectra: expected 3/)
  expect(() => adapters.eva({ r: 3, spectrum: stream.result() }).init({ W0: random.normal([4, 5]) })).toThrow(
    /^eva\.init: options\.spectrum/,
  )
  expect(() => adapters.eva({ r: 3, spectrum: 7 as never })).toThrow(/^eva: options\.spectrum/)
})
