import fc from 'fast-check'
import { cond, matmul, matrix, random, zeros } from '../../../src/linalg/index.js'
import type { Matrix, Tensor } from '../../../src/linalg/index.js'
import { adapters } from '../../../src/recipes/index.js'
import { withSpectrum } from '../../../src/testing/index.js'
import { LAYOUTS, SPECTRA, relaid } from '../../support/cases.js'

// Every registered adapter as a subject of the laws: its configurations, and what is stated of it.

type Adapter = adapters.Adapter
export type State = adapters.AdapterState

export interface Subject {
  /** Configurations that together use every option that matters. */
  readonly configs: (r: number, m: number, n: number) => readonly object[]
  /** rank(ΔW) in general position, and the most that it can be. Default r. */
  readonly rank?: (r: number, m: number, n: number) => number
  /** The nearest shape and rank that the recipe takes. */
  readonly fit?: (r: number, m: number, n: number) => [r: number, m: number, n: number]
  /** ΔW is a multiple of `scaling`. Default true. */
  readonly scales?: boolean
  /** Configurations of which `backward` gives a rule, not the derivative. */
  readonly rule?: (config: object) => boolean
  /** What `unmerge` may lose, as a factor. Default 1. */
  readonly condition?: (state: State) => number
}

const smaller = (_: number, m: number, n: number): number => Math.min(m, n)

const SUBJECTS: Readonly<Record<adapters.AdapterName, Subject>> = {
  lora: {
    configs: (r) => [
      { r },
      { r, loraAlpha: 3, useRslora: true },
      { r, loraAlpha: 0.5, initLoraWeights: 'gaussian' },
    ],
  },
  loraPlus: {
    configs: (r) => [
      { r, loraplusLrRatio: 4 },
      { r, loraAlpha: 3 },
    ],
  },
  pissa: {
    configs: (r) => [
      { r },
      { r, loraAlpha: 2 * r, svdMethod: 'svd' },
      { r, oversample: 0, powerIterations: 1 },
    ],
  },
  dora: {
    configs: (r) => [
      { r, gradient: 'exact' },
      { r, loraAlpha: 2, useRslora: true, gradient: 'exact' },
      { r },
    ],
    rank: smaller,
    scales: false,
    rule: (config) => !('gradient' in config),
  },
  loraGa: {
    configs: (r) => [
      { r },
      { r, direction: 'A2rBr', scale: 'unit', loraAlpha: 3 },
      { r, direction: 'ArBr', scale: 'gd', loraAlpha: 2, useRslora: true },
      { r, direction: 'random', scale: 'weightS', normClip: true },
    ],
    fit: (r, m, n) => {
      const sides = [Math.max(m, 2), Math.max(n, 2)] as const
      return [Math.min(r, Math.floor(Math.min(...sides) / 2)), ...sides]
    },
  },
  eva: {
    configs: (r) => [
      { r, loraAlpha: 3 },
      { r, whiten: true, svdMethod: 'svd' },
    ],
  },
  loraXs: {
    configs: (r) => [
      { r, loraAlpha: 3 },
      { r, singularValues: 'A', initStd: 0, svdMethod: 'svd' },
      { r, initStd: 1e-3, useRslora: true },
    ],
  },
  loraSb: {
    configs: (r) => [
      { r, learningRate: 0.01 },
      { r, learningRate: 1, svdMethod: 'svd' },
    ],
  },
  nlora: {
    configs: (r) => [
      { r, rtol: 0.1 },
      { r, loraAlpha: 3 },
      { r, initLoraWeights: 'nlora-code', useRslora: true },
    ],
  },
  structuredLora: { configs: (r) => [{ r }, { r, loraAlpha: 3, useRslora: true }] },
  intTune: {
    configs: (r) => [
      { r, rtol: 0.1 },
      { r, initLoraWeights: 'nlora-code', loraAlpha: 3 },
    ],
  },
  randlora: { configs: (r) => [{ r }, { r, loraAlpha: 3 }], rank: smaller },
  nola: {
    configs: (r) => [
      { r, basesA: 4, basesB: 1 },
      { r, basesA: 1, basesB: 5, loraAlpha: 3 },
    ],
  },
  flora: {
    configs: (r, _, n) => [
      { r, scaling: 3 },
      { r: [r, Math.min(n, r + 1)], scaling: 0.5 },
    ],
  },
  loldu: {
    configs: (r) => [
      { r },
      { r, loraAlpha: 3, pivot: 'rook' },
      ...['uniform', 'normal', 'constant', 'ones', 'zeros'].map((initLoraWeights) => ({
        r,
        initLoraWeights,
      })),
    ],
  },
  svfit: { configs: (r) => [{ r }, { r, svdMethod: 'svd' }] },
  bone: {
    configs: (r) => [{ r }],
    rank: smaller,
    scales: false,
    fit: (r, m, n) => [r, r * Math.ceil(m / r), r * Math.ceil(n / r)],
    condition: ({ trainable }) => {
      const [count, r] = trainable.blocks!.shape as [number, number, number]
      const conditions = Array.from({ length: count }, (_, i) => {
        const B = matrix(trainable.blocks!.data.subarray(i * r * r, (i + 1) * r * r), [r, r])
        for (let t = 0; t < r; t++) B.data[t * r + t]! += 1
        return cond(B)
      })
      return Math.max(...conditions)
    },
  },
  miss: { configs: (r) => [{ r }] },
  loraPro: { configs: (r) => [{ r }, { r, loraAlpha: 3, delta: 0 }] },
  adalora: {
    configs: (r) => [
      { initR: r, targetR: 1, totalStep: 10, orthRegWeight: 0.1 },
      { initR: r, targetR: r, totalStep: 10, loraAlpha: 3 },
    ],
  },
}

export const NAMES = Object.keys(SUBJECTS) as adapters.AdapterName[]

/** A weight, an adapter of it, and what it is trained on. */
export interface Case {
  readonly seed: number
  readonly m: number
  readonly n: number
  readonly rank: 'one' | 'odd' | 'full'
  readonly variant: number
  readonly batch: number
  readonly layout: (typeof LAYOUTS)[number]
}

export const cases: fc.Arbitrary<Case> = fc.record({
  seed: fc.nat(2 ** 31 - 1),
  m: fc.integer({ min: 1, max: 14 }),
  n: fc.integer({ min: 1, max: 14 }),
  rank: fc.constantFrom('one', 'odd', 'full'),
  variant: fc.nat(11),
  batch: fc.integer({ min: 1, max: 9 }),
  layout: fc.constantFrom(...LAYOUTS),
})

export interface Trial {
  readonly adapter: Adapter
  readonly config: object
  readonly subject: Subject
  readonly r: number
  readonly m: number
  readonly n: number
  readonly context: { readonly W0: Matrix; readonly grad: Matrix; readonly activations: Matrix }
  readonly init: State
  /** A state away from the init, as training would leave it. */
  readonly trained: State
  readonly x: Matrix
  readonly gy: Matrix
  readonly G: Matrix
}

export function trialOf(name: adapters.AdapterName, c: Case): Trial {
  const { seed, layout } = c
  const subject = SUBJECTS[name]
  const smallest = Math.min(c.m, c.n)
  const wanted = { one: 1, odd: Math.min(smallest, 3), full: smallest }[c.rank]
  const [r, m, n] = subject.fit?.(wanted, c.m, c.n) ?? [wanted, c.m, c.n]
  const configs = subject.configs(r, m, n)
  const config = { ...configs[c.variant % configs.length]!, seed: seed % 1000 }
  const adapter = adapters.create(name, config) as Adapter
  const draw = (shape: [number, number], k: number): Matrix => random.normal(shape, { seed: seed + k })
  const context = {
    W0: relaid(withSpectrum(m, n, SPECTRA.polynomial(Math.min(m, n)), { seed }), layout),
    grad: draw([m, n], 1),
    activations: draw([n, n + 8], 2),
  }
  const init = adapter.init(context)
  return {
    adapter,
    config,
    subject,
    r,
    m,
    n,
    context,
    init,
    trained: perturbed(init, seed + 10),
    x: draw([n, c.batch], 3),
    gy: draw([m, c.batch], 4),
    G: draw([m, n], 5),
  }
}

/** Every trainable array moved by noise of its own size, or of size 1/2 where it is zero. */
export function perturbed(state: State, seed: number): State {
  const moved = Object.entries(state.trainable).map(([name, T], i): [string, Tensor] => {
    const size = Math.hypot(...T.data) / Math.sqrt(T.size) || 0.5
    const noise = random.normal(T.shape, { seed: seed + i }).data
    return [
      name,
      alike(
        T,
        T.data.map((x, e) => x + size * noise[e]!),
      ),
    ]
  })
  return { ...state, trainable: Object.fromEntries(moved) }
}

/** Other numbers in the shape of T. */
export function alike(T: Tensor, data: Float64Array): Tensor {
  const out = zeros(T.shape)
  out.data.set(data)
  return out
}

export const dot = (S: Tensor, T: Tensor): number => S.data.reduce((sum, x, e) => sum + x * T.data[e]!, 0)

export const outer = (gy: Matrix, x: Matrix): Matrix => matmul(gy, x, { transB: true })
