import fc from 'fast-check'
import { matmul, random, zeros } from '../../../src/linalg/index.js'
import type { Matrix, Tensor } from '../../../src/linalg/index.js'
import { adapters } from '../../../src/recipes/index.js'
import { withSpectrum } from '../../../src/testing/index.js'
import { LAYOUTS, SPECTRA, relaid } from '../../support/cases.js'

// Every registered adapter as a subject of the laws: its configurations, and what is stated of it.

export type Adapter = adapters.Adapter
export type State = adapters.AdapterState

export interface Subject {
  /** Configurations that together use every option that matters. */
  readonly configs: (r: number, m: number, n: number) => readonly object[]
  /** rank(ΔW) in general position, and the most that it can be. */
  readonly rank: (r: number, m: number, n: number) => number
  /** ΔW is a multiple of `scaling`. Default true. */
  readonly scales?: boolean
  /** Configurations of which `backward` gives a rule, not the derivative. */
  readonly rule?: (config: object) => boolean
}

const low = (r: number, m: number, n: number): number => Math.min(r, m, n)

export const SUBJECTS: Readonly<Record<adapters.AdapterName, Subject>> = {
  lora: {
    configs: (r) => [
      { r },
      { r, loraAlpha: 3, useRslora: true },
      { r, loraAlpha: 0.5, initLoraWeights: 'gaussian' },
    ],
    rank: low,
  },
  loraPlus: {
    configs: (r) => [
      { r, loraplusLrRatio: 4 },
      { r, loraAlpha: 3 },
    ],
    rank: low,
  },
  pissa: {
    configs: (r) => [
      { r },
      { r, loraAlpha: 2 * r, svdMethod: 'svd' },
      { r, oversample: 0, powerIterations: 1 },
    ],
    rank: low,
  },
  dora: {
    configs: (r) => [
      { r, gradient: 'exact' },
      { r, loraAlpha: 2, useRslora: true, gradient: 'exact' },
      { r },
    ],
    rank: (_, m, n) => Math.min(m, n),
    scales: false,
    rule: (config) => !('gradient' in config),
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
  variant: fc.nat(5),
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
  const { seed, m, n, layout } = c
  const p = Math.min(m, n)
  const r = c.rank === 'one' ? 1 : c.rank === 'full' ? p : Math.min(p, 3)
  const subject = SUBJECTS[name]
  const configs = subject.configs(r, m, n)
  const config = { ...configs[c.variant % configs.length]!, seed: seed % 1000 }
  const adapter = adapters.create(name, config as never) as Adapter
  const draw = (shape: [number, number], k: number): Matrix => random.normal(shape, { seed: seed + k })
  const context = {
    W0: relaid(withSpectrum(m, n, SPECTRA.polynomial(p), { seed }), layout),
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
