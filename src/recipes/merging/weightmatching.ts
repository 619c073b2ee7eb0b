import { dense, flip, wrap } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { norm2 } from '../../linalg/magnitude.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import { integer, readOptions, seed, withDefault } from '../../linalg/options.js'
import { STREAM, uniformBlock } from '../../linalg/random.js'
import { fromSteps, report } from '../../linalg/steps.js'
import type { RunOptions, Steps } from '../../linalg/steps.js'
import { assigned, assignmentReader, checkedNetworks, permuted, written } from './network.js'
import type { Assignment, Layer, MergedNetwork, Network } from './network.js'
import { checkedModels } from './taskarithmetic.js'

/** What solves the assignments of weight matching, and how long it looks. */
export interface WeightMatchingConfig {
  /** Solves the assignment problem, n³; `munkres` of the package munkres. */
  readonly assignment: Assignment
  /** Passes over the hidden layers. Default 100. */
  readonly maxIterations?: number | undefined
  /** Orders in which the hidden layers are visited, of which the best counts, where there are several. Default 3. */
  readonly restarts?: number | undefined
  /** Of the orders: an integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/** Networks whose hidden units are in one order, and their mean. */
export interface MatchedNetworks {
  /** The mean of the aligned networks. */
  readonly merged: MergedNetwork
  /** The networks with their hidden units in the order of models[0]'s: the same functions as before. */
  readonly aligned: readonly MergedNetwork[]
  /** permutations[t][l][i]: the unit of model t that became unit i of hidden layer l. */
  readonly permutations: readonly (readonly Int32Array[])[]
  /** Σ⟨Wₗᴬ, aligned Wₗᴮ⟩ / (‖A‖·‖B‖) of each model and models[0], biases included: 1 where they are equal. */
  readonly similarity: Float64Array
  /** Numbers that the merged network stores. */
  readonly parameters: number
}

/** Merges networks of the same shapes. */
export interface NetworksMerger {
  (models: readonly Network[], options?: RunOptions): MatchedNetworks
  async(models: readonly Network[], options?: RunOptions): Promise<MatchedNetworks>
}

/**
 * Aligns the hidden units of networks by permutations, and takes their mean (Git Re-Basin).
 *
 * For each model B the permutations maximise Σ⟨Wₗᴬ, Pₗ·Wₗᴮ·Pₗ₋₁ᵀ⟩ with A = models[0]: one hidden layer after another in random
 * order, each by an assignment problem with the others held, until none gets better. One hidden layer is solved exactly;
 * several may end in a local optimum.
 *
 * @param config - `assignment`, `maxIterations`, `restarts`, `seed`.
 * @returns a merger: models → `{ merged, aligned, permutations, similarity, parameters }`. What merging loses is lost; the
 * alignment itself is undone by the inverse permutations.
 * @throws ShapeError where the networks differ in shape; OptionError, also where `assignment` answers with no permutation;
 * NotFiniteError.
 * Cost: h³ for each hidden layer of h units and pass, and the products of its weights.
 * Source: Ainsworth, Hayase and Srinivasa 2023, "Git Re-Basin: merging models modulo permutation symmetries", algorithm 1.
 *
 * @example
 * ```ts
 * import { munkres } from 'munkres'
 * import { random } from 'lowrank'
 * import { merging } from 'lowrank/recipes'
 * const network = (seed: number) => [{ W: random.normal([8, 5], { seed }) }, { W: random.normal([3, 8], { seed: seed + 1 }) }]
 * const { merged, similarity } = merging.weightMatching({ assignment: munkres })([network(0), network(2)])
 * ```
 */
export function weightMatching(config: WeightMatchingConfig): NetworksMerger {
  const fn = 'weightMatching'
  const plan = readOptions(fn, config, matchingReaders)
  return fromSteps(function* (models: readonly Network[], options?: RunOptions): Steps<MatchedNetworks> {
    readOptions(fn, options, {})
    const networks = checkedNetworks(fn, checkedModels(fn, models))
    const [first] = networks as [Layer[]]
    const permutations: Int32Array[][] = []
    const similarity = new Float64Array(networks.length)
    for (const [t, network] of networks.entries()) {
      yield* report(fn, 'models', t, networks.length)
      const match = t === 0 ? identity(first) : yield* matchSteps(fn, first, network, plan)
      permutations.push(match)
      similarity[t] = objective(first, permuted(network, match)) / (sizeOf(first) * sizeOf(network))
    }
    yield* report(fn, 'models', networks.length, networks.length)
    const aligned = networks.map((network, t) => permuted(network, permutations[t]!))
    return {
      merged: written(meanOf(aligned)),
      aligned: aligned.map(written),
      permutations,
      similarity,
      parameters: first.reduce((sum, { W, b }) => sum + W.data.length + (b?.length ?? 0), 0),
    }
  }, 1)
}

export const matchingReaders = {
  assignment: assignmentReader,
  maxIterations: withDefault(integer(1), 100),
  restarts: withDefault(integer(1), 3),
  seed,
}

interface Plan {
  readonly assignment: Assignment
  readonly maxIterations: number
  readonly restarts: number
  readonly seed: number
}

/** The hidden layers as they are. */
export const identity = (network: readonly Layer[]): Int32Array[] =>
  network.slice(0, -1).map(({ W }) => Int32Array.from({ length: W.shape[0]! }, (_, i) => i))

/** ⟨A, B⟩ over weights and biases. */
function objective(A: readonly Layer[], B: readonly Layer[]): number {
  let sum = 0
  A.forEach(({ W, b }, l) => {
    const other = B[l]!
    for (let e = 0; e < W.data.length; e++) sum += W.data[e]! * other.W.data[e]!
    if (b && other.b) for (let i = 0; i < b.length; i++) sum += b[i]! * other.b[i]!
  })
  return sum
}

/** ‖A‖; 1 for a network of zeros. */
const sizeOf = (A: readonly Layer[]): number =>
  Math.hypot(...A.map(({ W, b }) => Math.hypot(norm2(W.data), b ? norm2(b) : 0))) || 1

/** The permutations of B that align it with A. */
export function* matchSteps(
  fn: string,
  A: readonly Layer[],
  B: readonly Layer[],
  { assignment, maxIterations, restarts, seed }: Plan,
): Steps<Int32Array[]> {
  const hidden = A.length - 1
  // A gain below this is rounding.
  const least = 1e-12 * sizeOf(A) * sizeOf(B)
  let best: { permutations: Int32Array[]; value: number } | undefined
  for (let start = 0; start < (hidden > 1 ? restarts : 1); start++) {
    const permutations = identity(A)
    for (let pass = 0, gained = true; gained && pass < maxIterations; pass++) {
      gained = false
      for (const l of orderOf(hidden, seed, start * maxIterations + pass)) {
        const S = yield* gainsSteps(A, B, permutations, l)
        const found = assigned(fn, assignment, S)
        if (sumOf(S, found) <= sumOf(S, permutations[l]!) + least) continue
        permutations[l] = found
        gained = true
      }
    }
    const value = objective(A, permuted(B, permutations))
    if (best === undefined || value > best.value) best = { permutations, value }
  }
  return best!.permutations
}

/** S[i, j]: what unit j of B is worth in place i of hidden layer l, the other layers held. */
export function* gainsSteps(
  A: readonly Layer[],
  B: readonly Layer[],
  permutations: readonly Int32Array[],
  l: number,
): Steps<Matrix> {
  const others = permuted(
    B,
    permutations.map((order, t) => (t === l ? Int32Array.from(order.keys()) : order)),
  )
  const S = (yield* multiplySteps(dense(A[l]!.W), flip(dense(others[l]!.W)))) as Matrix
  const next = yield* multiplySteps(flip(dense(A[l + 1]!.W)), dense(others[l + 1]!.W))
  for (let e = 0; e < S.data.length; e++) S.data[e]! += next.data[e]!
  const [a, b] = [A[l]!.b, B[l]!.b]
  if (a && b)
    for (let i = 0, e = 0; i < a.length; i++)
      for (let j = 0; j < b.length; j++, e++) S.data[e]! += a[i]! * b[j]!
  return S
}

const sumOf = ({ data }: Matrix, permutation: Int32Array): number =>
  permutation.reduce((sum, j, i) => sum + data[i * permutation.length + j]!, 0)

/** The hidden layers in the order of random keys. */
function orderOf(hidden: number, seed: number, pass: number): number[] {
  const keys = uniformBlock({ seed, stream: STREAM.matchingOrder, i0: pass, i1: pass + 1, j0: 0, j1: hidden })
  return Array.from(keys.keys()).sort((p, q) => keys[p]! - keys[q]!)
}

/** The mean of aligned networks; a bias that a network lacks is zero. */
function meanOf(networks: readonly (readonly Layer[])[]): Layer[] {
  const T = networks.length
  return networks[0]!.map(({ W }, l) => {
    const [m, n] = [W.shape[0]!, W.shape[1]!]
    const mean = new Float64Array(m * n)
    const bias = networks.some((network) => network[l]!.b) ? new Float64Array(m) : undefined
    for (const network of networks) {
      const { W, b } = network[l]!
      for (let e = 0; e < mean.length; e++) mean[e]! += W.data[e]! / T
      if (bias && b) for (let i = 0; i < m; i++) bias[i]! += b[i]! / T
    }
    return { W: wrap(mean, m, n), b: bias }
  })
}
