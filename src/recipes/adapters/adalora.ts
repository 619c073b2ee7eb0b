import { tensor, zeros } from '../../linalg/arrays.js'
import type { Matrix, Tensor } from '../../linalg/arrays.js'
import { OptionError } from '../../linalg/errors.js'
import { matmul } from '../../linalg/dense/matmul.js'
import { norm2 } from '../../linalg/magnitude.js'
import { integer, nonNegative, optional, positive, seed, withDefault } from '../../linalg/options.js'
import type { Reader } from '../../linalg/options.js'
import { STREAM } from '../../linalg/random.js'
import { transposed } from '../../linalg/thin.js'
import type { AdapterState, Arrays } from './adapter.js'
import { multiple } from './arithmetic.js'
import { product } from './factors.js'
import { gaussian } from './inits.js'
import { additive } from './parameterisation.js'
import { recipe } from './recipe.js'
import type { AdapterFactory } from './recipe.js'

/** The ranks of AdaLoRA over the training, and how it weighs what to prune. */
export interface AdaloraConfig {
  /** r₀: the rank of each layer at first, at most min(m, n). */
  readonly initR: number
  /** The mean rank of a layer at the end, at most `initR`. */
  readonly targetR: number
  /** T: steps of the training. */
  readonly totalStep: number
  /** Steps before ranks fall. Default 0. */
  readonly tinit?: number | undefined
  /** Steps at the end in which they have fallen; `tinit + tfinal` is below `totalStep`. Default 0. */
  readonly tfinal?: number | undefined
  /** Steps from one pruning to the next. Default 1. */
  readonly deltaT?: number | undefined
  /** β₁ and β₂ of the averages, in [0, 1). Default 0.85. */
  readonly beta1?: number | undefined
  /** Of the running mean of uncertainties. */
  readonly beta2?: number | undefined
  /** w of the penalty. Default 0.5, PEFT's (the paper's is 0.1). */
  readonly orthRegWeight?: number | undefined
  /** α > 0 in s = α/(r₀ + 10⁻⁵). Default `initR`. */
  readonly loraAlpha?: number | undefined
  /** An integer in [0, 2⁵³): one for each layer. Default 0. */
  readonly seed?: number | undefined
}

const decay: Reader<number> = (value, fail) =>
  typeof value === 'number' && value >= 0 && value < 1 ? value : fail('a number in [0, 1)')

const readers = {
  initR: integer(1),
  targetR: integer(1),
  totalStep: integer(1),
  tinit: withDefault(integer(0), 0),
  tfinal: withDefault(integer(0), 0),
  deltaT: withDefault(integer(1), 1),
  beta1: withDefault(decay, 0.85),
  beta2: withDefault(decay, 0.85),
  orthRegWeight: withDefault(nonNegative, 0.5),
  loraAlpha: optional(positive),
  seed,
}

type Schedule = { readonly [K in keyof typeof readers]: ReturnType<(typeof readers)[K]> }

/**
 * AdaLoRA: W = W0 + s·B·diag(E)·A, in the shape of an SVD. Triplets of little importance, over all layers, lose their
 * value in E, as a budget of ranks falls from layers·initR to layers·targetR.
 *
 * @param config - by PEFT's names.
 * @returns the adapter; its arrays are B, E (r₀ numbers) and A; `state.aux` holds the averages of |w·g| and of its
 * changes. `onStep(states, grads, step)`, after each step of an optimizer, takes the states of all layers and the gradients
 * of that step; `penalty(state)` is w·(‖AAᵀ − I‖ + ‖BᵀB − I‖)/2 of one layer, to be averaged over layers. Pruned
 * values may grow back until the next pruning.
 * @throws as `lora`; OptionError for a schedule that does not fit.
 * Cost: `onStep` 10r₀(m + n) flops a layer; `penalty` 4(m + n)r₀².
 * Source: Zhang, Chen, Bukharin, Karampatziakis, He, Cheng, Chen and Zhao 2023, "Adaptive budget allocation for
 * parameter-efficient fine-tuning". Exactly as many are pruned as the budget says; of equals the first.
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { adapters } from 'lowrank/recipes'
 * const adalora = adapters.adalora({ initR: 6, targetR: 3, totalStep: 100 })
 * const states = [1, 2].map((seed) => adalora.init({ W0: random.normal([48, 64], { seed }) }))
 * const grads = states.map((state) => adalora.gradsFromWeightGrad(state, random.normal([48, 64])))
 * const next = adalora.onStep(states, grads, 0)
 * ```
 */
export const adalora: AdapterFactory<AdaloraConfig> = /*#__PURE__*/ recipe({
  name: 'adalora',
  paper: 'Adaptive Budget Allocation for Parameter-Efficient Fine-Tuning',
  year: 2023,
  trainable: 'initR(m + n + 1)',
  preservesBase: true,
  mergeable: true,
  config: readers,
  scaling: ({ initR, loraAlpha = initR }) => loraAlpha / (initR + 1e-5),
  parameterisation: additive(product('B', 'E', 'A')),
  init({ m, n, fn }, config) {
    const { initR: r, seed } = config
    checkSchedule(fn, config)
    const trainable = {
      B: gaussian(m, r, 0.02, STREAM.adapterUp, seed),
      E: zeros([r]),
      A: gaussian(r, n, 0.02, STREAM.adapterDown, seed),
    }
    const averages = Object.entries(trainable).flatMap(([name, T]) =>
      ['sensitivity', 'uncertainty'].map((what) => [`${name}.${what}`, zeros(T.shape)]),
    )
    return { trainable, aux: Object.fromEntries(averages) as Arrays }
  },
  count: ({ initR }, m, n) => initR * (m + n + 1),
  hooks: (config) => ({
    onStep: (states, grads, step) => stepped(config, states, grads, step),
    penalty: ({ trainable: { A, B } }) => {
      const ofA = offOrthogonal(A!)
      const ofB = offOrthogonal(transposed(B!))
      const w = config.orthRegWeight / 2
      return {
        value: w * (ofA.value + ofB.value),
        grads: { A: multiple(w, ofA.gradient), B: multiple(w, transposed(ofB.gradient)) },
      }
    },
  }),
})

function checkSchedule(fn: string, { initR, targetR, tinit, tfinal, totalStep }: Schedule): void {
  if (targetR > initR) {
    throw new OptionError({
      fn,
      argument: 'options.targetR',
      expected: `at most initR = ${initR}`,
      given: `${targetR}`,
    })
  }
  if (tinit + tfinal >= totalStep) {
    const expected = `tinit + tfinal below totalStep = ${totalStep}`
    throw new OptionError({ fn, argument: 'options.tinit', expected, given: `${tinit} + ${tfinal}` })
  }
}

/** The ranks that are left at a step, over all layers: the budget falls like a cube. */
function budget(
  { initR, targetR, tinit, tfinal, totalStep }: Schedule,
  layers: number,
  step: number,
): number {
  const [first, last] = [layers * initR, layers * targetR]
  if (step <= tinit) return first
  if (step >= totalStep - tfinal) return last
  const left = 1 - (step - tinit) / (totalStep - tfinal - tinit)
  return Math.trunc(last + (first - last) * left ** 3)
}

function stepped(
  config: Schedule,
  states: readonly AdapterState[],
  grads: readonly Arrays[],
  step: number,
): AdapterState[] {
  const { totalStep, tfinal, deltaT } = config
  const last = step >= totalStep - tfinal
  const averaged = last ? states : states.map((state, layer) => withAverages(config, state, grads[layer]!))
  if (!last && step % deltaT !== 0) return [...averaged]
  const scores = averaged.flatMap((state, layer) =>
    Array.from(scoresOf(state), (score, i) => ({ layer, i, score })),
  )
  scores.sort((a, b) => a.score - b.score)
  const values = averaged.map(({ trainable }) => trainable.E!.data.slice())
  const pruned = scores.length - budget(config, states.length, step)
  for (const { layer, i } of scores.slice(0, pruned)) values[layer]![i] = 0
  return averaged.map((state, layer) => ({
    ...state,
    trainable: { ...state.trainable, E: tensor(values[layer]!, state.trainable.E!.shape) },
  }))
}

/** Ī ← β₁Ī + (1 − β₁)I for I = |w·g|, then Ū ← β₂Ū + (1 − β₂)|I − Ī|. */
function withAverages({ beta1, beta2 }: Schedule, state: AdapterState, grads: Arrays): AdapterState {
  const aux: Record<string, Tensor> = { ...state.aux }
  for (const [name, w] of Object.entries(state.trainable)) {
    const sensitivity = aux[`${name}.sensitivity`]!.data.slice()
    const uncertainty = aux[`${name}.uncertainty`]!.data.slice()
    const g = grads[name]!.data
    for (let e = 0; e < g.length; e++) {
      const importance = Math.abs(w.data[e]! * g[e]!)
      sensitivity[e] = beta1 * sensitivity[e]! + (1 - beta1) * importance
      uncertainty[e] = beta2 * uncertainty[e]! + (1 - beta2) * Math.abs(importance - sensitivity[e]!)
    }
    aux[`${name}.sensitivity`] = tensor(sensitivity, w.shape)
    aux[`${name}.uncertainty`] = tensor(uncertainty, w.shape)
  }
  return { ...state, aux }
}

/** Of each triplet, Ī·Ū of its value and the means of those of its row of A and its column of B. */
function scoresOf({ aux, trainable }: AdapterState): Float64Array {
  const value = (name: string): Float64Array =>
    aux[`${name}.sensitivity`]!.data.map((x, e) => x * aux[`${name}.uncertainty`]!.data[e]!)
  const [B, E, A] = [value('B'), value('E'), value('A')]
  const r = E.length
  const [m, n] = [trainable.B!.shape[0]!, trainable.A!.shape[1]!]
  const scores = E.slice()
  for (let e = 0; e < A.length; e++) scores[Math.floor(e / n)]! += A[e]! / n
  for (let e = 0; e < B.length; e++) scores[e % r]! += B[e]! / m
  return scores
}

/** ‖AAᵀ − I‖_F and its gradient 2·M·A/‖M‖, M = AAᵀ − I; 0 where it is 0. */
function offOrthogonal(A: Matrix): { readonly value: number; readonly gradient: Matrix } {
  const M = matmul(A, A, { transB: true })
  const r = M.shape[0]!
  for (let i = 0; i < r; i++) M.data[i * r + i]! -= 1
  const value = norm2(M.data)
  return { value, gradient: multiple(value === 0 ? 0 : 2 / value, matmul(M, A)) }
}
