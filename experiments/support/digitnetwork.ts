import { SIDE, loadDigits } from '../../demo/data.js'
import { matmul, random, zeros } from '../../src/linalg/index.js'
import type { Matrix, Tensor } from '../../src/linalg/index.js'
import type { adapters } from '../../src/recipes/index.js'
import { optimizers } from '../../src/recipes/index.js'

// A small network that tells digits, and how its two layers are trained through adapters.

/** Pixels along a side: 28 × 28 as means of 2 × 2. */
export const PIXELS = SIDE / 2
export const [INPUTS, HIDDEN, CLASSES] = [PIXELS ** 2, 64, 10]
const BATCH = 100

export interface Digits {
  /** A digit to a column. */
  readonly X: Matrix
  readonly labels: Uint8Array
}

/** Digits of MNIST from `first` on, moved so many of the 28 pixels to the right and down. */
export function digits(first: number, count: number, shift: number): Digits {
  const { X: pixels, labels } = loadDigits(first + count)
  const X = zeros([INPUTS, count])
  for (let t = 0; t < count; t++) {
    for (let i = shift; i < SIDE; i++) {
      for (let j = shift; j < SIDE; j++) {
        const input = Math.floor(i / 2) * PIXELS + Math.floor(j / 2)
        X.data[input * count + t]! += pixels.get(first + t, (i - shift) * SIDE + j - shift) / 4
      }
    }
  }
  return { X, labels: labels.slice(first) }
}

/** So many batches of digits at random places, with repetition. */
export function batches({ X, labels }: Digits, count: number): Digits[] {
  const all = labels.length
  return Array.from({ length: count }, (_, seed) => {
    const chosen = Array.from(random.uniform([BATCH], { seed }).data, (u) => Math.floor(u * all))
    const batch = zeros([INPUTS, BATCH])
    for (let i = 0; i < INPUTS; i++) {
      for (let b = 0; b < BATCH; b++) batch.data[i * BATCH + b] = X.data[i * all + chosen[b]!]!
    }
    return { X: batch, labels: Uint8Array.from(chosen, (t) => labels[t]!) }
  })
}

type State = adapters.AdapterState

/** What a layer is trained through. */
type Tuning = Pick<adapters.Adapter, 'forward' | 'backward'> & adapters.AdapterHooks

/** Two layers without biases, rectified between. */
export interface Network {
  readonly tunings: readonly [Tuning, Tuning]
  readonly states: readonly [State, State]
}

/** All weights are trained: an adapter of which W itself is the array. */
const everything: Tuning = {
  forward: ({ trainable }, X) => matmul(trainable.W!, X),
  backward: ({ trainable }, X, gy) => ({
    grads: { W: matmul(gy, X, { transB: true }) },
    gx: matmul(trainable.W!, gy, { transA: true }),
  }),
}

export function whole(W1: Matrix, W2: Matrix): Network {
  const state = (W: Matrix): State => {
    const trainableShapes = { W: W.shape }
    const rest = { recipe: 'everything', shape: W.shape, scaling: 1, base: W, frozen: {}, aux: {} }
    return { ...rest, trainable: { W }, trainableShapes }
  }
  return { tunings: [everything, everything], states: [state(W1), state(W2)] }
}

export const untrained = (): Network =>
  whole(
    plus(zeros([HIDDEN, INPUTS]), Math.sqrt(2 / INPUTS), random.normal([HIDDEN, INPUTS], { seed: 1 })),
    plus(zeros([CLASSES, HIDDEN]), Math.sqrt(2 / HIDDEN), random.normal([CLASSES, HIDDEN], { seed: 2 })),
  )

export interface Evaluation {
  /** Cross entropy, a mean over the digits. */
  readonly loss: number
  /** The part that is told right. */
  readonly accuracy: number
  /** What the second layer sees. */
  readonly hidden: Matrix
  /** Of the loss, for the arrays of both layers. */
  gradients(): [adapters.Arrays, adapters.Arrays]
}

export function evaluated({ tunings, states }: Network, { X, labels }: Digits): Evaluation {
  const N = labels.length
  const hidden = tunings[0].forward(states[0], X)
  for (let e = 0; e < hidden.size; e++) hidden.data[e] = Math.max(0, hidden.data[e]!)
  const Y = tunings[1].forward(states[1], hidden)
  const D = zeros([CLASSES, N])
  let [loss, right] = [0, 0]
  for (let t = 0; t < N; t++) {
    const scores = Array.from({ length: CLASSES }, (_, c) => Y.data[c * N + t]!)
    const label = labels[t]!
    const most = Math.max(...scores)
    const sum = scores.reduce((total, y) => total + Math.exp(y - most), 0)
    scores.forEach((y, c) => {
      D.data[c * N + t] = (Math.exp(y - most) / sum - Number(c === label)) / N
    })
    loss += (most + Math.log(sum) - scores[label]!) / N
    if (scores.indexOf(most) === label) right++
  }
  return {
    loss,
    accuracy: right / N,
    hidden,
    gradients() {
      const { grads, gx } = tunings[1].backward(states[1], hidden, D)
      for (let e = 0; e < gx.size; e++) if (hidden.data[e] === 0) gx.data[e] = 0
      return [tunings[0].backward(states[0], X, gx).grads, grads]
    },
  }
}

/**
 * A step of Adam for each batch, the rate falling to 0 along a cosine, with all that the adapters add to training; and the
 * milliseconds of the fastest step.
 */
export function trained(
  start: Network,
  data: readonly Digits[],
  rate: number,
): Network & { readonly fastest: number } {
  const { tunings } = start
  const learningRate = (count: number): number => (rate / 2) * (1 + Math.cos((Math.PI * count) / data.length))
  const adam = optimizers.adamw({ learningRate, weightDecay: 0 })
  let { states } = start
  let moments = adam.init(flat(states.map(({ trainable }) => trainable)))
  let fastest = Infinity
  data.forEach((batch, step) => {
    const from = performance.now()
    const gradients = evaluated({ tunings, states }, batch)
      .gradients()
      .map((own, l) => {
        const penalty = tunings[l]!.penalty?.(states[l]!).grads ?? {}
        return each(own, (G, name) => plus(G, 1 / states.length, penalty[name]))
      })
    const seen = gradients.map((own, l) => tunings[l]!.transformGrads?.(states[l]!, own) ?? own)
    const { updates, state } = adam.update(
      flat(seen),
      moments,
      flat(states.map(({ trainable }) => trainable)),
    )
    moments = state
    const next = states.map((layer, l) => {
      const ratio = tunings[l]!.lrRatio ?? {}
      const moved = (A: Tensor, name: string): Tensor => plus(A, ratio[name] ?? 1, updates[`${l}.${name}`])
      return { ...layer, trainable: each(layer.trainable, moved) }
    })
    // A schedule is for all layers at once, and theirs are the same.
    states = (tunings[0].onStep?.(next, gradients, step) ?? next) as [State, State]
    fastest = Math.min(fastest, performance.now() - from)
  })
  return { tunings, states, fastest }
}

/** The arrays of all layers, by layer and name. */
const flat = (layers: readonly adapters.Arrays[]): adapters.Arrays =>
  Object.fromEntries(
    layers.flatMap((arrays, l) => Object.entries(arrays).map(([name, A]) => [`${l}.${name}`, A])),
  )

const each = (arrays: adapters.Arrays, f: (A: Tensor, name: string) => Tensor): adapters.Arrays =>
  Object.fromEntries(Object.entries(arrays).map(([name, A]) => [name, f(A, name)]))

/** A + c·B */
function plus(A: Tensor, c: number, B?: Tensor): Tensor {
  const out = zeros(A.shape)
  for (let e = 0; e < out.size; e++) out.data[e] = A.data[e]! + (B ? c * B.data[e]! : 0)
  return out
}
