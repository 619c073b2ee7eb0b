import fc from 'fast-check'
import { matrix, random } from '../../../src/linalg/index.js'
import type { Matrix } from '../../../src/linalg/index.js'
import type { merging } from '../../../src/recipes/index.js'
import { times } from '../../support/measures.js'

// Networks and what they compute.

export interface NetworkCase {
  readonly seed: number
  /** Inputs, hidden layers, outputs. */
  readonly widths: readonly number[]
  readonly bias: boolean
}

export const networks: fc.Arbitrary<NetworkCase> = fc.record({
  seed: fc.nat(2 ** 30),
  widths: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 3, maxLength: 5 }),
  bias: fc.boolean(),
})

type Layers = readonly { readonly W: Matrix; readonly b?: Float64Array }[]

export function networkOf({ seed, widths, bias }: NetworkCase, which = 0): Layers {
  return widths.slice(1).map((width, l) => {
    const at = { seed: 1000 * seed + 100 * which + 2 * l }
    const W = random.normal([width, widths[l]!], at)
    return bias ? { W, b: random.normal([width], { seed: at.seed + 1 }).data } : { W }
  })
}

/** y of the columns of X. */
export function outputsOf(
  network: merging.MergedNetwork,
  X: Matrix,
  activation: (z: number) => number,
): Matrix {
  return network.reduce((Z, { W, b }, l) => {
    const Y = times(W, Z)
    const N = Z.shape[1]!
    const data = Y.data.map((y, e) => {
      const z = y + (b?.[Math.floor(e / N)] ?? 0)
      return l === network.length - 1 ? z : activation(z)
    })
    return matrix(data, Y.shape as [number, number])
  }, X)
}

/** A permutation of 0 … h − 1. */
export function shuffled(h: number, seed: number): Int32Array {
  const keys = random.uniform([h], { seed }).data
  return Int32Array.from(keys.keys()).sort((a, b) => keys[a]! - keys[b]!)
}

/** The same function with its hidden units in another order. */
export function reordered(network: Layers, orders: readonly Int32Array[]): Layers {
  return network.map(({ W, b }, l) => {
    const rows = orders[l] ?? Int32Array.from({ length: W.shape[0]! }, (_, i) => i)
    const cols = orders[l - 1] ?? Int32Array.from({ length: W.shape[1]! }, (_, j) => j)
    const moved = matrix(Array.from(rows, (i) => Array.from(cols, (j) => W.get(i, j))))
    return b ? { W: moved, b: Float64Array.from(rows, (i) => b[i]!) } : { W: moved }
  })
}
