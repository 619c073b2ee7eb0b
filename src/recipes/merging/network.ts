import { asFiniteMatrix, asVector, contiguous, dense, wrap } from '../../linalg/arrays.js'
import type { Matrix, MatrixLike, VectorLike } from '../../linalg/arrays.js'
import { OptionError, ShapeError, describe } from '../../linalg/errors.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import type { Steps } from '../../linalg/steps.js'
import { pickedColumns, pickedRows } from '../../linalg/thin.js'

// Networks of dense layers, and permutations of their hidden units, which change no function.

/** y = σ(W·x + b), σ of all layers but the last. */
export interface NetworkLayer {
  /** out × in */
  readonly W: MatrixLike
  /** out numbers. Default zeros. */
  readonly b?: VectorLike | undefined
}

/** A network: the layers one after another. */
export type Network = readonly NetworkLayer[]

/** A network that came out. */
export type MergedNetwork = readonly { readonly W: Matrix; readonly b?: Float64Array }[]

/** A layer that has been taken in. */
export interface Layer {
  readonly W: Matrix
  readonly b: Float64Array | undefined
}

/**
 * Solves the assignment problem: for costs[i][j] the pairs [i, j], each row and column once, of the smallest sum; `munkres` of
 * the package munkres is one.
 */
export type Assignment = (costs: number[][]) => Iterable<readonly [row: number, column: number]>

export const assignmentReader = (value: unknown, fail: (expected: string) => never): Assignment =>
  typeof value === 'function'
    ? (value as Assignment)
    : fail('a function that solves the assignment problem, as munkres of the package munkres')

/** Networks of two layers or more, all of the same shapes. */
export function checkedNetworks(fn: string, models: readonly Network[]): Layer[][] {
  const first: Layer[] = []
  return models.map((network, t) => {
    if (!Array.isArray(network) || network.length === 0 || (t > 0 && network.length !== first.length)) {
      const expected = t > 0 ? `${first.length} layers, as models[0]` : 'an array of layers { W, b? }'
      throw new ShapeError({ fn, argument: `models[${t}]`, expected, given: describe(network) })
    }
    let inputs: number | undefined
    return network.map(({ W: given, b }: NetworkLayer, l: number) => {
      const argument = `models[${t}][${l}]`
      const W = contiguous(asFiniteMatrix(given, fn, `${argument}.W`))
      const [rows, cols] =
        t > 0 ? (first[l]!.W.shape as [number, number]) : [W.shape[0]!, inputs ?? W.shape[1]!]
      if (W.shape[0] !== rows || W.shape[1] !== cols) {
        const given = W.shape.join('×')
        throw new ShapeError({ fn, argument: `${argument}.W`, expected: `a matrix ${rows}×${cols}`, given })
      }
      inputs = rows
      const layer = { W, b: b === undefined ? undefined : asVector(b, fn, `${argument}.b`, rows) }
      if (t === 0) first.push(layer)
      return layer
    })
  })
}

/** W·Z + b */
export function* affineSteps({ W, b }: Layer, Z: Matrix): Steps<Matrix> {
  const Y = (yield* multiplySteps(dense(W), dense(Z))) as Matrix
  const N = Z.shape[1]!
  if (b) for (let i = 0, e = 0; i < b.length; i++) for (let t = 0; t < N; t++, e++) Y.data[e]! += b[i]!
  return Y
}

/** Unit i of each hidden layer becomes the old unit permutations[l][i]; input and output stay. */
export function permuted(network: readonly Layer[], permutations: readonly Int32Array[]): Layer[] {
  return network.map(({ W, b }, l) => {
    const [before, after] = [permutations[l - 1], permutations[l]]
    const columns = before ? pickedColumns(W, before) : W
    return {
      W: after ? pickedRows(columns, after) : wrap(columns.data.slice(), W.shape[0]!, W.shape[1]!),
      b: b && (after ? Float64Array.from(after, (i) => b[i]!) : b),
    }
  })
}

/** The units that the assignment gives to each place, of the largest sum of S. */
export function assigned(fn: string, assignment: Assignment, S: Matrix): Int32Array {
  const h = S.shape[0]!
  const costs = Array.from({ length: h }, (_, i) =>
    Array.from(S.data.subarray(i * h, (i + 1) * h), (x) => -x),
  )
  const permutation = new Int32Array(h).fill(-1)
  const taken = new Set<number>()
  for (const [i, j] of assignment(costs)) {
    if (permutation[i] === -1 && Number.isInteger(j) && j >= 0 && j < h) {
      permutation[i] = j
      taken.add(j)
    }
  }
  if (taken.size === h && !permutation.includes(-1)) return permutation
  const expected = `${h} pairs [row, column], each row and column once`
  throw new OptionError({
    fn,
    argument: 'options.assignment(costs)',
    expected,
    given: `${taken.size} columns`,
  })
}

/** Without the b of layers that have none. */
export const written = (network: readonly Layer[]): MergedNetwork =>
  network.map(({ W, b }) => (b ? { W, b } : { W }))
