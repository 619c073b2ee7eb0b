import { describe, expect, test } from 'vitest'
import {
  FormatError,
  NotFiniteError,
  OptionError,
  ShapeError,
  norm,
  random,
  zeros,
} from '../../../src/linalg/index.js'
import { adapters, weights } from '../../../src/recipes/index.js'

const { fromPeft, toPeft } = weights
const W0 = random.normal([6, 5])
const adapter = adapters.lora({ r: 2, loraAlpha: 16 })
const state = adapter.init({ W0 })
const files = toPeft({ 'model.q_proj': { adapter, state } })

const configOf = (peft: weights.PeftFiles): Record<string, unknown> =>
  JSON.parse(peft['adapter_config.json']) as Record<string, unknown>

/** The files with some of the configuration, or other tensors. */
const changed = (config: object, tensors?: weights.NamedWeights): weights.PeftFiles => ({
  'adapter_config.json': JSON.stringify({ ...configOf(files), ...config }),
  'adapter_model.safetensors': tensors
    ? weights.writeSafetensors(tensors)
    : files['adapter_model.safetensors'],
})

/** The error that f throws. */
function thrown(f: () => unknown): Error {
  try {
    f()
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}

describe('the folder of a LoRA', () => {
  test('has the names, shapes and numbers that PEFT has', () => {
    const { tensors, metadata } = weights.readSafetensors(files['adapter_model.safetensors'])
    expect(metadata).toEqual({ format: 'pt' })
    expect([...tensors].map(([name, { dtype, shape }]) => [name, dtype, shape])).toEqual([
      ['base_model.model.model.q_proj.lora_A.weight', 'F32', [2, 5]],
      ['base_model.model.model.q_proj.lora_B.weight', 'F32', [6, 2]],
    ])
    expect(configOf(files)).toEqual({
      peft_type: 'LORA',
      auto_mapping: null,
      base_model_name_or_path: null,
      revision: null,
      task_type: null,
      inference_mode: true,
      r: 2,
      lora_alpha: 16,
      rank_pattern: {},
      alpha_pattern: {},
      target_modules: ['model.q_proj'],
      lora_dropout: 0,
      fan_in_fan_out: false,
      bias: 'none',
      use_rslora: false,
      use_dora: false,
      init_lora_weights: true,
      modules_to_save: null,
      layers_to_transform: null,
      layers_pattern: null,
    })
  })

  test('names the base model and the task where they are told', () => {
    const named = toPeft(
      { x: { adapter, state } },
      { baseModel: 'gpt2', taskType: 'CAUSAL_LM', dtype: 'BF16' },
    )
    expect(configOf(named)).toMatchObject({ base_model_name_or_path: 'gpt2', task_type: 'CAUSAL_LM' })
    const { tensors } = weights.readSafetensors(named['adapter_model.safetensors'])
    expect([...tensors.values()].map(({ dtype }) => dtype)).toEqual(['BF16', 'BF16'])
  })

  test('a PiSSA has twice its rank, and is nothing on the original weight before it is trained', () => {
    const pissa = adapters.pissa({ r: 2 })
    const folder = toPeft({ x: { adapter: pissa, state: pissa.init({ W0 }) } }, { dtype: 'F64' })
    expect(configOf(folder)).toMatchObject({ r: 4, lora_alpha: 4 })
    const back = fromPeft(folder).modules.get('x')!.attach(W0)
    expect(norm(back.adapter.getDeltaWeight(back.state))).toBeLessThanOrEqual(64 * 2 ** -52 * norm(W0))
  })

  test('twice the rank may be more than the sides', () => {
    const pissa = adapters.pissa({ r: 5 })
    const folder = toPeft({ x: { adapter: pissa, state: pissa.init({ W0 }) } })
    const back = fromPeft(folder).modules.get('x')!.attach(W0)
    expect(back.state.trainable.A!.shape).toEqual([10, 5])
    expect(back.adapter.merge(back.state).shape).toEqual([6, 5])
  })

  test('a rank or alpha of its own is filed under the name of the module, and under no other that ends alike', () => {
    const wide = adapters.lora({ r: 3 })
    const module = { adapter: wide, state: wide.init({ W0 }) }
    const folder = toPeft({
      'a.q': { adapter, state },
      'b.q': { adapter, state },
      q: module,
      'a.v+q': module,
    })
    expect(configOf(folder)).toMatchObject({
      r: 2,
      lora_alpha: 16,
      rank_pattern: { '^q': 3, '^a\\.v\\+q': 3 },
      alpha_pattern: { '^q': 3, '^a\\.v\\+q': 3 },
    })
    const { modules } = fromPeft(folder)
    expect([...modules].map(([name, { A, scaling }]) => [name, A.shape[0], scaling])).toEqual([
      ['a.q', 2, 8],
      ['b.q', 2, 8],
      ['q', 3, 1],
      ['a.v+q', 3, 1],
    ])
  })

  test('a kernel keeps its sides, and a DoRA its magnitudes', () => {
    const kernel = zeros([6, 3, 2, 2])
    kernel.data.set(random.normal([6, 12]).data)
    for (const name of ['lora', 'dora'] as const) {
      const conv = adapters.create(name, { r: 2 }) as adapters.Adapter
      const start = conv.init({ W0: kernel })
      const folder = toPeft({ conv: { adapter: conv, state: start } }, { dtype: 'F64' })
      const { tensors } = weights.readSafetensors(folder['adapter_model.safetensors'])
      const shapes = Object.fromEntries([...tensors].map(([key, { shape }]) => [key.slice(22), shape]))
      expect(shapes).toEqual({
        'lora_A.weight': [2, 3, 2, 2],
        'lora_B.weight': [6, 2, 1, 1],
        ...(name === 'dora' && { lora_magnitude_vector: [1, 6, 1, 1] }),
      })
      const back = fromPeft(folder).modules.get('conv')!.attach(kernel)
      expect(back.state).toEqual(start)
    }
  })

  test('a file of PEFT with patterns of its own and rank-stabilised scaling', () => {
    const config = {
      peft_type: 'LORA',
      r: 1,
      lora_alpha: 8,
      use_rslora: true,
      rank_pattern: { 'layers\\.[01]\\.q': 4 },
      init_lora_weights: 'gaussian',
    }
    const tensors = Object.fromEntries(
      ['model.layers.0.q', 'model.layers.2.q'].flatMap((name, t) => [
        [`base_model.model.${name}.lora_A.weight`, zeros([t === 0 ? 4 : 1, 5])],
        [`base_model.model.${name}.lora_B.weight`, zeros([6, t === 0 ? 4 : 1])],
      ]),
    )
    const { modules } = fromPeft({
      'adapter_config.json': JSON.stringify(config),
      'adapter_model.safetensors': weights.writeSafetensors(tensors),
    })
    expect(modules.get('model.layers.0.q')!.scaling).toBe(4)
    expect(modules.get('model.layers.2.q')!.scaling).toBe(8)
  })

  test('what is attached is a copy', () => {
    const module = fromPeft(files).modules.get('model.q_proj')!
    const { state: mine } = module.attach(W0)
    mine.trainable.A!.data[0] = 99
    expect(module.A.data[0]).not.toBe(99)
    expect(mine.base).not.toBe(W0)
    expect(mine.base.data).toEqual(W0.data)
  })
})

describe('what cannot be written', () => {
  test.each<[string, () => unknown, RegExp]>([
    ['no module', () => toPeft({}), /modules: expected one or more, given none/],
    ['nothing', () => toPeft(null as never), /modules: expected one or more/],
    ['a state alone', () => toPeft({ x: state as never }), /modules\['x'\]: expected \{ adapter, state \}/],
    [
      'an adapter that is no LoRA',
      () => toPeft({ x: { adapter: { ...adapter, toLora: undefined } as never, state } }),
      /modules\['x'\]\.adapter: expected one whose change of the weight is a LoRA, or DoRA, given lora/,
    ],
    [
      'DoRA beside LoRA',
      () => {
        const dora = adapters.dora({ r: 2 })
        return toPeft({ x: { adapter: dora, state: dora.init({ W0 }) }, y: { adapter, state } })
      },
      /modules: expected DoRA for all modules, as for x, or for none, given y without/,
    ],
    [
      'an unknown option',
      () => toPeft({ x: { adapter, state } }, { rank: 2 } as never),
      /the unknown option rank/,
    ],
  ])('%s', (_, call, message) => {
    const error = thrown(call)
    expect(error).toBeInstanceOf(OptionError)
    expect(error.message).toMatch(/^toPeft: /)
    expect(error.message).toMatch(message)
  })

  test('factors that do not fit', () => {
    const dora = adapters.dora({ r: 2 })
    const start = dora.init({ W0 })
    const broken = { ...start, trainable: { ...start.trainable, B: zeros([5, 2]) } }
    expect(thrown(() => toPeft({ x: { adapter: dora, state: broken } }))).toBeInstanceOf(ShapeError)
  })

  test('numbers that are none', () => {
    const broken = { ...state, trainable: { ...state.trainable, B: random.normal([6, 2]) } }
    broken.trainable.B.data[3] = NaN
    expect(thrown(() => toPeft({ x: { adapter, state: broken } }))).toBeInstanceOf(NotFiniteError)
  })
})

describe('what is none of PEFT’s LoRAs', () => {
  const key = 'base_model.model.x'
  const [A, B] = [zeros([2, 5]), zeros([6, 2])]
  const pair = { [`${key}.lora_A.weight`]: A, [`${key}.lora_B.weight`]: B }

  test.each<[string, weights.PeftFiles, RegExp]>([
    ['no configuration', {} as never, /adapter_config\.json: expected a text, given undefined/],
    ['no JSON', { ...files, 'adapter_config.json': '{' }, /adapter_config\.json: expected JSON/],
    ['a list', { ...files, 'adapter_config.json': '[]' }, /expected an object/],
    ['another kind', changed({ peft_type: 'VERA' }), /peft_type: expected 'LORA', given 'VERA'/],
    ['a rank of 0', changed({ r: 0 }), /r: expected an integer >= 1, given 0/],
    [
      'an alpha of text',
      changed({ lora_alpha: '16' }),
      /lora_alpha: expected a finite number > 0, given '16'/,
    ],
    ['biases', changed({ bias: 'all' }), /bias: expected 'none', given 'all'/],
    [
      'a base that was changed',
      changed({ init_lora_weights: 'pissa' }),
      /init_lora_weights: .* given 'pissa'/,
    ],
    [
      'a pattern that is none',
      changed({ rank_pattern: { '(': 2 } }),
      /rank_pattern: expected regular expressions, given '\('/,
    ],
    ['a pattern of text', changed({ alpha_pattern: { x: 'y' } }), /alpha_pattern\['x'\]: expected a number/],
    ['patterns in a list', changed({ rank_pattern: [1] }), /rank_pattern: expected an object, given \[1\]/],
    ['rslora of text', changed({ use_rslora: 'yes' }), /use_rslora: expected true or false/],
    [
      'another rank than it says',
      changed({ r: 3 }),
      /lora_A\.weight': expected 3 × in, as the rank is 3, given 2×5/,
    ],
    [
      'magnitudes that are missing',
      changed({ use_dora: true }),
      /expected .*lora_magnitude_vector of 'model\.q_proj'/,
    ],
    [
      'magnitudes that nobody uses',
      changed({}, { ...pair, [`${key}.lora_magnitude_vector`]: [1, 2, 3, 4, 5, 6] }),
      /of 'x'/,
    ],
    [
      'too few magnitudes',
      changed({ use_dora: true }, { ...pair, [`${key}.lora_magnitude_vector`]: [1] }),
      /expected 6 numbers, given 1/,
    ],
    [
      'half a pair',
      changed({}, { [`${key}.lora_A.weight`]: A }),
      /expected \.lora_A\.weight, \.lora_B\.weight of 'x'/,
    ],
    [
      'a B of another rank',
      changed({}, { ...pair, [`${key}.lora_B.weight`]: zeros([6, 3]) }),
      /expected out × 2, as the rank is 2, given 6×3/,
    ],
    [
      'a vector',
      changed({}, { ...pair, [`${key}.lora_A.weight`]: [1, 2] }),
      /lora_A\.weight': expected 2 × in/,
    ],
    [
      'a whole module',
      changed({}, { ...pair, 'base_model.model.head.weight': A }),
      /given 'base_model\.model\.head\.weight'/,
    ],
    ['names without the prefix', changed({}, { 'x.lora_A.weight': A }), /given 'x\.lora_A\.weight'/],
  ])('%s', (_, peft, message) => {
    const error = thrown(() => fromPeft(peft))
    expect(error).toBeInstanceOf(FormatError)
    expect(error.message).toMatch(/^fromPeft: /)
    expect(error.message).toMatch(message)
  })

  test('bytes that are no file, and numbers that are none', () => {
    expect(
      thrown(() => fromPeft({ ...files, 'adapter_model.safetensors': new Uint8Array(3) })),
    ).toBeInstanceOf(FormatError)
    const bytes = files['adapter_model.safetensors'].slice()
    bytes.fill(0xff, bytes.length - 4)
    expect(thrown(() => fromPeft({ ...files, 'adapter_model.safetensors': bytes }))).toBeInstanceOf(
      NotFiniteError,
    )
  })

  test('a weight of another shape', () => {
    const error = thrown(() =>
      fromPeft(files)
        .modules.get('model.q_proj')!
        .attach(zeros([5, 6])),
    )
    expect(error).toBeInstanceOf(ShapeError)
    expect(error.message).toMatch(/attach: W0: expected 6×5, given 5×6/)
  })
})
