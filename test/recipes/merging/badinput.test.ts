import { munkres } from 'munkres'
import { describe, expect, test } from 'vitest'
import { NotFiniteError, OptionError, ShapeError, eye, random } from '../../../src/linalg/index.js'
import { merging } from '../../../src/recipes/index.js'

const assignment = munkres
const network = (seed: number): merging.Network => [
  { W: random.normal([4, 3], { seed }), b: [1, 2, 3, 4] },
  { W: random.normal([2, 4], { seed: seed + 1 }) },
]

describe('the registry', () => {
  test('lists what it makes, and nothing else', () => {
    expect(merging.list().map(({ name }) => name)).toEqual([
      'taskArithmetic',
      'rmm',
      'weightMatching',
      'pleas',
    ])
    expect(() => merging.create('ties' as 'rmm', { basis: 1 })).toThrow(
      /merging.create: name: expected taskA/,
    )
    const one = merging.create('weightMatching', { assignment })([network(0), network(2)])
    expect(one).toEqual(merging.weightMatching({ assignment })([network(0), network(2)]))
  })
})

describe('taskArithmetic', () => {
  const merge = merging.taskArithmetic()

  test('refuses what does not fit', () => {
    expect(() => merge([])).toThrow(/^taskArithmetic: models: expected one model or more/)
    expect(() => merge([{ W: eye(2) }, { W: eye(3) }])).toThrow(
      /^taskArithmetic: models\[1\].W: expected 2×2/,
    )
    expect(() => merge([{ W: eye(2) }, { V: eye(2) }])).toThrow(
      /^taskArithmetic: models\[1\]: expected the names/,
    )
    expect(() => merge([{ W: eye(2) }, { W: eye(2), V: eye(2) }])).toThrow(ShapeError)
    expect(() => merge([{ W: eye(2) }, { W: [1, 2] }])).toThrow(ShapeError)
    expect(() => merge([{ W: [[NaN]] }])).toThrow(NotFiniteError)
    expect(() => merging.taskArithmetic({ scale: 0.3 })([{ W: [[1]] }])).toThrow(/^taskArithmetic: base/)
    expect(() => merging.taskArithmetic({ scale: [1] })([{ W: [[1]] }, { W: [[1]] }])).toThrow(OptionError)
    expect(() => merging.taskArithmetic({ scale: NaN })).toThrow(OptionError)
    expect(() => merging.taskArithmetic({ lambda: 1 } as never)).toThrow(OptionError)
  })

  test('leaves models as they are', () => {
    const models = [
      { W: random.normal([2, 2]), b: Float64Array.of(1) },
      { W: eye(2), b: Float64Array.of(3) },
    ]
    const before = models.map(({ W, b }) => [...W.data, ...b])
    const { merged } = merge(models)
    ;(merged.b as Float64Array)[0] = 7
    expect(models.map(({ W, b }) => [...W.data, ...b])).toEqual(before)
  })
})

describe('rmm', () => {
  const merge = merging.rmm({ basis: 1 })
  const update = { B: random.normal([4, 2]), A: random.normal([2, 3]) }

  test('refuses what does not fit', () => {
    expect(() => merging.rmm({} as never)).toThrow(OptionError)
    expect(() => merging.rmm({ basis: -1 })).toThrow(OptionError)
    expect(() => merging.rmm({ basis: 1, granularity: 'row' as never })).toThrow(OptionError)
    expect(() => merge([])).toThrow(/^rmm: models/)
    expect(() => merge([{ q: update }, { k: update }])).toThrow(/^rmm: models\[1\]: expected the layers q/)
    expect(() => merge([{ q: { B: update.B, A: eye(3) } }])).toThrow(
      /^rmm: models\[0\].q.A: expected a matrix 2×3/,
    )
    expect(() => merge([{ q: update }, { q: { ...update, B: eye(2) } }])).toThrow(/^rmm: models\[1\].q.B/)
    expect(() => merge([{ q: { ...update, scale: Infinity } }])).toThrow(/^rmm: models\[0\].q.scale/)
    expect(() => merge([{ q: { ...update, B: [[NaN, 1]] } }])).toThrow(NotFiniteError)
    expect(() => merge([{ q: update }]).recover(1)).toThrow(
      /^rmm\(\).recover: i: expected one of the models 0 … 0/,
    )
  })

  test('zeros, and models without layers', () => {
    const zero = { B: [[0], [0]], A: [[0, 0, 0]] }
    expect(merge([{ q: zero }, { q: zero }]).errorEstimate).toBe(0)
    expect(merge([{}, {}])).toMatchObject({ parameters: 0, errorEstimate: 0, merged: {} })
  })
})

describe.each(['weightMatching', 'pleas'] as const)('%s', (name) => {
  const X = random.normal([3, 10])
  const run = (models: readonly merging.Network[], config: object = { assignment }): unknown =>
    name === 'pleas'
      ? merging.pleas(config as never)(models as [merging.Network, merging.Network], X)
      : merging.weightMatching(config as never)(models)

  test('refuses what does not fit', () => {
    expect(() => run([network(0), network(1)], {})).toThrow(new RegExp(`^${name}: options?.*assignment`))
    expect(() => run([])).toThrow(new RegExp(`^${name}: models`))
    expect(() => run([network(0), network(1).slice(1)])).toThrow(/models\[1\]: expected 2 layers/)
    expect(() => run([network(0), [{ W: eye(4) }, network(1)[1]!]])).toThrow(
      /models\[1\]\[0\].W: expected a matrix 4×3/,
    )
    expect(() => run([[network(0)[0]!, { W: eye(3) }], network(1)])).toThrow(/models\[0\]\[1\].W/)
    expect(() => run([network(0), [{ W: [[NaN]] }, { W: eye(2) }]])).toThrow(NotFiniteError)
    expect(() => run([network(0), [{ ...network(1)[0]!, b: [1] }, network(1)[1]!]])).toThrow(/\[0\].b/)
  })

  test('without hidden layers there is nothing to permute', () => {
    const mean = run([[{ W: [[1, 0, 2]] }], [{ W: [[3, 2, 2]] }]]) as { merged: merging.MergedNetwork }
    mean.merged[0]!.W.data.forEach((w, e) => {
      expect(w).toBeCloseTo([2, 1, 2][e]!, 12)
    })
  })

  test('an assignment that is none', () => {
    for (const wrong of [() => [], (costs: number[][]) => costs.map((_, i) => [i, 0] as const)]) {
      expect(() => run([network(0), network(2)], { assignment: wrong })).toThrow(
        new RegExp(`^${name}: options.assignment\\(costs\\): expected 4 pairs`),
      )
    }
  })

  test('leaves networks as they are', () => {
    const models = [network(0), network(2)]
    const before = JSON.stringify(models)
    run(models)
    expect(JSON.stringify(models)).toBe(before)
  })
})

describe('pleas', () => {
  const merge = merging.pleas({ assignment })

  test('refuses other inputs and settings', () => {
    const models = [network(0), network(2)] as const
    expect(() => merge(models, eye(4))).toThrow(/^pleas: X: expected a matrix 3×N/)
    expect(() => merge(models, random.normal([3, 0]))).toThrow(/^pleas: X/)
    expect(() => merge(models, [[1], [NaN], [2]])).toThrow(NotFiniteError)
    expect(() => merge([...models, network(4)] as never, eye(3))).toThrow(
      /^pleas: models: expected two networks/,
    )
    for (const wrong of [
      { separate: 1.5 },
      { activation: 'gelu' },
      { match: 'random' },
      { ridge: 0 },
      { refit: 1 },
    ]) {
      expect(() => merging.pleas({ assignment, ...wrong } as never)).toThrow(OptionError)
    }
  })

  test('inputs of zeros are fitted without NaN, and a function of one’s own is an activation', () => {
    const { merged, residuals } = merging.pleas({ assignment, activation: (z) => z * z })(
      [network(0), network(2)],
      [[0], [0], [0]],
    )
    for (const { W } of merged) expect(W.data.every(Number.isFinite)).toBe(true)
    for (const { after } of residuals) expect(Number.isFinite(after)).toBe(true)
  })
})
