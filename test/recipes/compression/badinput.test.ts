import { describe, expect, test } from 'vitest'
import {
  NotFiniteError,
  NotPositiveDefiniteError,
  OptionError,
  ShapeError,
  asOperator,
  eye,
  operator,
  random,
} from '../../../src/linalg/index.js'
import { compression } from '../../../src/recipes/index.js'

const W = random.normal([6, 4])
const statistics = { gram: eye(4), fisher: random.uniform([6, 4]), gradients: eye(24) }

describe('the registry', () => {
  test('lists what it makes, and nothing else', () => {
    const names = compression.list().map(({ name }) => name)
    expect(names).toEqual([
      'truncatedSvd',
      'fwsvd',
      'welore',
      'eora',
      'modegpt',
      'sltrain',
      'mfacPruning',
      'butterflyLayer',
    ])
    expect(() => compression.create('svd' as 'eora', { rank: 1 })).toThrow(
      /compression.create: name: expected trunc/,
    )
    expect(() => compression.create('toString' as 'eora', { rank: 1 })).toThrow(OptionError)
  })

  test('makes every one from a budget, and each answers alike', () => {
    const fisher = random.uniform([32, 32], { seed: 3 })
    const data = compression.calibration()
    data.push(random.normal([32, 80], { seed: 1 }))
    const layer = random.normal([32, 32])
    for (const { name, input } of compression.list()) {
      const made = compression.create(name, { budget: 0.5 })
      if (input === 'module') continue
      const compress = made as compression.Compressor
      const found = compress(layer, { gram: data.gram, fisher })
      expect(found.parameters).toBeLessThanOrEqual(512)
      expect(found.errorNorm).toBe('activation')
      expect(found.errorEstimate).toBeGreaterThan(0)
      expect(found.errorEstimate).toBeLessThan(1)
      const [again] = compress.layers([layer], [{ gram: data.gram, fisher }])
      expect(again!.toDense().data).toEqual(found.toDense().data)
    }
  })

  test('the same from an operator that answers with Promises, and cooperatively', async () => {
    const A = asOperator(W)
    const far = operator({
      shape: [6, 4],
      async: true,
      matmat: (X) => Promise.resolve(A.matmat(X)),
      rmatmat: (Y) => Promise.resolve(A.rmatmat(Y)),
    })
    for (const { name, input } of compression.list()) {
      if (input === 'module') continue
      const compress = compression.create(
        name,
        name === 'butterflyLayer' ? {} : { budget: 0.8 },
      ) as compression.Compressor
      const here = compress(W, statistics)
      const there = compress(far, statistics)
      expect(there).toBeInstanceOf(Promise)
      expect((await there).errorEstimate).toBeCloseTo(here.errorEstimate, 12)
      expect((await compress.async(W, statistics)).toDense().data).toEqual(here.toDense().data)
      const aborted = AbortSignal.abort(new Error('enough'))
      await expect(compress.async(W, statistics, { signal: aborted })).rejects.toThrow('enough')
    }
  })
})

describe('what does not fit is refused by name', () => {
  test.each([
    ['truncatedSvd', { rank: 5 }, /^truncatedSvd: options.rank: expected at most 4/],
    ['fwsvd', { rank: 5 }, /^fwsvd: options.rank/],
    ['eora', { rank: 5 }, /^eora: options.rank/],
    ['sltrain', { rank: 5 }, /^sltrain: options.rank/],
    ['truncatedSvd', { budget: 0.1 }, /^truncatedSvd: options.budget: expected at least 0.417/],
    ['welore', { budget: 0.1 }, /^welore: options.budget: expected at least 0.417/],
    ['sltrain', { budget: 0.45, density: 0.2 }, /^sltrain: options.budget/],
    ['eora', { budget: 0.9, base: () => W }, /^eora: options.budget: expected at least 1.42/],
    ['mfacPruning', { budget: 0.01 }, /^mfacPruning: options.budget/],
    ['butterflyLayer', { budget: 0.5 }, /^butterflyLayer: options.budget/],
    ['mfacPruning', { budget: 0.5, curvature: 'inputs', blockSize: 3 }, /^mfacPruning: options.blockSize/],
  ] as const)('%s %j', (name, config, message) => {
    const compress = compression.create(name, config) as compression.Compressor
    expect(() => compress(W, statistics)).toThrow(OptionError)
    expect(() => compress(W, statistics)).toThrow(message)
  })

  test.each([
    ['truncatedSvd', {}],
    ['truncatedSvd', { rank: 0 }],
    ['truncatedSvd', { rank: 1.5 }],
    ['truncatedSvd', { budget: 0 }],
    ['truncatedSvd', { budget: 1.1 }],
    ['truncatedSvd', { rank: 2, target: 'output' }],
    ['truncatedSvd', { rank: 2, ranks: 3 }],
    ['fwsvd', { rank: 2, axis: 'row' }],
    ['eora', { rank: 2, base: 3 }],
    ['welore', {}],
    ['welore', { budget: 0.5, reduction: 0.5 }],
    ['modegpt', { rank: 2, ridge: -1 }],
    ['sltrain', { rank: 2, density: 1.5 }],
    ['sltrain', { rank: 2, alpha: 0 }],
    ['mfacPruning', {}],
    ['mfacPruning', { budget: 0.5, damping: 0 }],
    ['butterflyLayer', { fit: 'gradient' }],
  ] as const)('the settings %s %j, before any layer', (name, config) => {
    expect(() => compression.create(name, config as never)).toThrow(OptionError)
    expect(() => compression.create(name, config as never)).toThrow(new RegExp(`^${name}: options`))
  })

  test.each([
    ['truncatedSvd', { rank: 2, target: 'feature' }, 'gram'],
    ['fwsvd', { rank: 2 }, 'fisher'],
    ['eora', { rank: 2 }, 'gram'],
    ['mfacPruning', { budget: 0.5 }, 'gram'],
    ['mfacPruning', { budget: 0.5, curvature: 'gradients' }, 'gradients'],
  ] as const)('%s %j without statistics', (name, config, missing) => {
    const compress = compression.create(name, config) as compression.Compressor
    expect(() => compress(W)).toThrow(ShapeError)
    const message = new RegExp(`^${name}: statistics.${missing}: expected .*calibration.*given none`)
    expect(() => compress(W)).toThrow(message)
    expect(() => compress(W, {})).toThrow(message)
    expect(() => compress(W, { [missing]: random.normal([3, 3]) })).toThrow(ShapeError)
    expect(() => compress(W, { [missing]: [[NaN]] })).toThrow(NotFiniteError)
  })

  test('statistics that cannot be', () => {
    const compress = compression.eora({ rank: 2 })
    const lopsided = eye(4)
    lopsided.set(0, 1, 1)
    expect(() => compress(W, { gram: lopsided })).toThrow(
      /^eora: statistics.gram: expected a symmetric matrix/,
    )
    const negative = eye(4)
    negative.set(2, 2, -1)
    expect(() => compress(W, { gram: negative })).toThrow(NotPositiveDefiniteError)
    expect(() => compress(W, { gram: negative })).toThrow(/^eora: statistics.gram/)
    expect(() => compress(W, 3 as never)).toThrow(/^eora: statistics/)
    const fisher = random.uniform([6, 4])
    fisher.set(1, 1, -1)
    expect(() => compression.fwsvd({ rank: 1 })(W, { fisher })).toThrow(
      /^fwsvd: statistics.fisher: .*-1 at \[1, 1\]/,
    )
  })

  test('layers that are none', () => {
    const compress = compression.truncatedSvd({ rank: 1 })
    expect(() => compress([[1, NaN]])).toThrow(NotFiniteError)
    expect(() => compress([[1, NaN]])).toThrow(/^truncatedSvd: W/)
    expect(() => compress('W' as never)).toThrow(ShapeError)
    expect(() => compress([])).toThrow(OptionError)
    expect(() => compress.layers(W as never)).toThrow(/^truncatedSvd: layers/)
    expect(() => compress.layers([W, W], [statistics])).toThrow(/^truncatedSvd: statistics: expected 2/)
    expect(() => compress.layers([W, [[Infinity]]])).toThrow(/^truncatedSvd: layers\[1\]/)
    expect(() => compress(W, undefined, { rank: 2 } as never)).toThrow(OptionError)
    expect(compression.welore({ budget: 1 }).layers([])).toEqual([])
  })

  test('a damping that is rounding beside a singular curvature', () => {
    const X = random.normal([4, 2], { seed: 1 })
    const data = compression.calibration()
    data.push(X)
    const compress = compression.mfacPruning({ budget: 0.5, damping: 1e-20 })
    expect(() => compress(W, data)).toThrow(/^mfacPruning: options.damping/)
  })

  test('layers without entries have nothing to compress', () => {
    expect(compression.butterflyLayer()([])).toMatchObject({ shape: [0, 0], parameters: 0, errorEstimate: 0 })
    expect(() => compression.mfacPruning({ budget: 1 })([], { gram: [] })).toThrow(OptionError)
  })

  test('a base of another shape', () => {
    const compress = compression.eora({ rank: 1, base: () => eye(3) })
    expect(() => compress(W, statistics)).toThrow(
      /^eora: options.base.W, statistics.: expected the shape 6×4/,
    )
  })

  test('weights and statistics stay as they are, zeros stay zeros', () => {
    const zero = [
      [0, 0, 0],
      [0, 0, 0],
    ]
    const all = { gram: eye(3), fisher: zero }
    for (const { name, input } of compression.list()) {
      if (input === 'module') continue
      const config = name === 'butterflyLayer' ? {} : { budget: name === 'mfacPruning' ? 0.5 : 1 }
      const found = (compression.create(name, config) as compression.Compressor)(zero, all)
      expect(found.errorEstimate).toBe(0)
      expect(found.toDense().data.every((x) => x === 0)).toBe(true)
    }
    const before = W.data.slice()
    for (const { name, input } of compression.list()) {
      if (input === 'module') continue
      const config = name === 'butterflyLayer' ? {} : { budget: 0.9 }
      const fisher = random.uniform([6, 4])
      ;(compression.create(name, config) as compression.Compressor)(W, { gram: eye(4), fisher })
      expect(W.data).toEqual(before)
    }
  })
})

describe('calibration', () => {
  test('refuses what does not fit, and is as before', () => {
    const data = compression.calibration()
    expect(data).toMatchObject({ count: 0, gram: undefined, fisher: undefined, gradients: undefined })
    data.push(eye(3), eye(3))
    const { gram } = data
    expect(() => {
      data.push(eye(4))
    }).toThrow(ShapeError)
    expect(() => {
      data.push(eye(3), [[1, 2]])
    }).toThrow(/calibration\(\).push: D: expected a matrix 3×3/)
    expect(() => {
      data.push([[1], [2], [NaN]])
    }).toThrow(NotFiniteError)
    expect(data.gram).toEqual(gram)
    expect(data.count).toBe(3)
    expect(() => compression.calibration({ gradients: -1 })).toThrow(OptionError)
  })
})

describe('modegpt', () => {
  const { mlp, queryKey, valueOutput } = compression.modegpt({ rank: 3 })
  const [up, down] = [random.normal([5, 2]), random.normal([4, 5])]

  test('refuses what does not fit', () => {
    const hidden = { gram: eye(5) }
    expect(() => mlp({ up, down: up }, hidden)).toThrow(/^modegpt.mlp: module.down: expected a matrix m×5/)
    expect(() => mlp({ up, gate: down, down }, hidden)).toThrow(/^modegpt.mlp: module.gate/)
    expect(() => mlp({ up, down }, {})).toThrow(/^modegpt.mlp: statistics.gram/)
    expect(() => mlp({ up, down }, undefined as never)).toThrow(/^modegpt.mlp: statistics.gram/)
    expect(() => mlp({ up: [[NaN]], down }, hidden)).toThrow(NotFiniteError)
    expect(() => compression.modegpt({ rank: 6 }).mlp({ up, down }, hidden)).toThrow(
      /^modegpt.mlp: options.rank/,
    )
    expect(() => compression.modegpt({ budget: 0.1 }).mlp({ up, down }, hidden)).toThrow(/options.budget/)
    const both = { query: hidden, key: hidden }
    expect(() => queryKey({ query: up, key: down }, both)).toThrow(/^modegpt.queryKey: module.key/)
    expect(() => queryKey({ query: up, key: up }, { query: hidden } as never)).toThrow(
      /queryKey: key: statistics/,
    )
    const rotary = compression.modegpt({ rank: 2, rotary: true })
    expect(() => rotary.queryKey({ query: up, key: up }, both)).toThrow(/even number of rows/)
    expect(() => valueOutput({ value: up, output: up }, hidden)).toThrow(ShapeError)
    const narrow = { gram: eye(2) }
    expect(() => valueOutput({ value: up, output: down }, narrow)).toThrow(/options.rank: expected at most 2/)
  })

  test('runs cooperatively, and listens to an abort', async () => {
    const hidden = { gram: eye(5) }
    expect(await mlp.async({ up, down }, hidden)).toEqual(mlp({ up, down }, hidden))
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(mlp.async({ up, down }, hidden, { signal })).rejects.toThrow('enough')
  })
})

describe('sltrain', () => {
  test('refuses shapes and values that do not fit', () => {
    const recipe = compression.sltrain({ rank: 2, density: 0.5 })
    expect(() => recipe.init([4] as never)).toThrow(/^sltrain: shape/)
    expect(() => recipe.init([4, 1])).toThrow(/^sltrain: options.rank/)
    expect(() => recipe.numTrainable([0, 3])).toThrow(/^sltrain: shape/)
    const layer = recipe.init([4, 3])
    expect(() => layer.backward(eye(4), eye(4))).toThrow(/^sltrain.backward: X: expected a matrix 3×N/)
    expect(() => layer.backward(eye(3), eye(4))).toThrow(/^sltrain.backward: D: expected a matrix 4×3/)
    expect(() => layer.with({ ...layer, B: eye(4) })).toThrow(/^sltrain.with: B/)
    expect(() => layer.with({ ...layer, values: [1] })).toThrow(/^sltrain.with: values/)
  })
})

describe('weloreRanks', () => {
  test('refuses what cannot be', () => {
    expect(() => compression.weloreRanks([[1, 1]], { reduction: 0.5 })).toThrow(
      /^weloreRanks: options.reduction: expected at most 0 /,
    )
    expect(() => compression.weloreRanks([[1, 1]], { budget: 0.5 })).toThrow(/^weloreRanks: options.shapes/)
    expect(() => compression.weloreRanks([[1, NaN]], { reduction: 0.5 })).toThrow(NotFiniteError)
  })
})
