import { gradientStore, mfac, mfacWindow, random } from '../src/index.js'
import type { GradientStore } from '../src/index.js'
import type { Case } from './measure.js'

// M-FAC's passes over its gradients beside a plain reading of as many numbers, and how its costs grow.

function filled(capacity: number, dim: number): GradientStore {
  const store = gradientStore({ dim, capacity })
  for (let i = 0; i < capacity; i++) store.set(i, random.uniform([dim], { seed: i }).data)
  return store
}

export function gradientPass(capacity: number, dim: number, adjoint: boolean): Case {
  const store = filled(capacity, dim)
  const v = new Float64Array(dim).fill(0.5)
  const c = new Float64Array(capacity).fill(0.5)
  const numbers = new Float64Array(capacity * dim).fill(0.5)
  return {
    title: `${adjoint ? 'Gᵀ·c' : 'G·v'} for ${capacity} gradients of ${dim} numbers, float64`,
    flops: 2 * capacity * dim,
    contenders: [
      adjoint
        ? { name: 'gradientStore adjointTimes', run: () => store.adjointTimes(c) }
        : { name: 'gradientStore times', run: () => store.times(v) },
      { name: 'one pass over memory, the sum of all numbers', run: () => sumOf(numbers) },
    ],
    notes: [`${(8e-9 * capacity * dim).toFixed(2)} GB are read.`],
  }
}

/** Four sums, so that one does not wait for the other. */
function sumOf(x: Float64Array): number {
  let [a, b, c, d] = [0, 0, 0, 0]
  for (let i = 0; i + 3 < x.length; i += 4) {
    a += x[i]!
    b += x[i + 1]!
    c += x[i + 2]!
    d += x[i + 3]!
  }
  return a + b + c + d
}

/** Doubling d doubles the set-up, doubling m makes it four times as long; products double with either. */
export function mfacGrowth(m: number, d: number): Case {
  const sizes = [
    [m, d],
    [m, 2 * d],
    [2 * m, d],
  ] as const
  return {
    title: `M-FAC: set-up, product and window step for m = ${m}, d = ${d}, and twice as many of each`,
    contenders: sizes.flatMap(([m, d]) => {
      const G = random.uniform([m, d])
      const H = mfac(G, { damping: 1e-2 })
      const window = mfacWindow({ dim: d, capacity: m, damping: 1e-2 })
      for (let i = 0; i < m; i++) window.push(random.uniform([d], { seed: i }).data)
      const v = random.uniform([d], { seed: m }).data
      return [
        { name: `set-up, m = ${m}, d = ${d}`, run: () => mfac(G, { damping: 1e-2 }) },
        { name: `product, m = ${m}, d = ${d}`, run: () => H.ihvp(v) },
        { name: `window step, m = ${m}, d = ${d}`, run: () => window.step(v) },
      ]
    }),
  }
}
