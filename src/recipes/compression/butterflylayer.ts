import { factorizeSteps } from '../../factorize/butterfly/butterflyfactorize.js'
import type { ButterflyFactorizeOptions } from '../../factorize/butterfly/butterflyfactorize.js'
import type { Butterfly } from '../../factorize/butterfly/butterflyoperator.js'
import { wrap, zeros } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { adjoint } from '../../linalg/operators/adjoint.js'
import { OptionError } from '../../linalg/errors.js'
import { operatorFromSteps } from '../../linalg/operators.js'
import type { LinearOperator } from '../../linalg/operators.js'
import { bool, optional, readOptions, withDefault } from '../../linalg/options.js'
import type { Reader } from '../../linalg/options.js'
import { adjointProduct, entriesOf, product } from '../../linalg/products.js'
import { leadingRows, transposed } from '../../linalg/thin.js'
import type { Steps } from '../../linalg/steps.js'
import { compressedSteps, compressor, refuseBudget, withEntries } from './compressor.js'
import type { Compressed, Compressor } from './compressor.js'
import { share } from './lowrank.js'

/** How large a layer's butterflies may be, and how they are fitted. */
export interface ButterflyLayerConfig {
  /** Refuses a layer whose butterflies store more than this part of it, in (0, 1]. */
  readonly budget?: number | undefined
  /** Whether the layer may be the real part of complex butterflies, of twice the numbers. Default false. */
  readonly complex?: boolean | undefined
  /** What else `butterfly.factorize` takes: method, permutation, and the settings of 'gradient'. */
  readonly fit?: Omit<ButterflyFactorizeOptions, 'complex' | 'signal' | 'onProgress'> | undefined
}

/** A layer of butterflies. */
export interface ButterflyLayer extends Compressed {
  /** One for a square layer of a power of two; more below each other, or beside each other, for others. */
  readonly butterflies: readonly Butterfly[]
}

const settings: Reader<ButterflyLayerConfig['fit']> = optional((value, fail) =>
  typeof value === 'object' && value !== null
    ? (value as ButterflyLayerConfig['fit'])
    : fail('the options of butterfly.factorize'),
)

/**
 * Replaces a layer by a butterfly matrix: 2N·log₂N numbers and products in O(N·log N) for N × N, N a power of two.
 *
 * Other shapes are padded: butterflies of the next power of two of one side stand below each other (beside each other),
 * whichever stores less, and what sticks out is not used. The fit is `butterfly.factorize`'s: the direct one finds a layer
 * that is a fast transform exactly, and the nearest that it can reach of any other.
 *
 * @param config - `budget`, `complex`, `fit`.
 * @returns a compressor: (W, statistics?) → Ŵ with `butterflies`. The fit is in the Frobenius norm, whatever the inputs.
 * @throws OptionError where the butterflies store more than the budget; ShapeError; NotFiniteError.
 * Cost: that of the fits. A layer without such structure loses most of itself: train it afterwards, or compensate with `eora`.
 * Source: Dao, Gu, Eichhorn, Rudra and Ré 2019, "Learning fast algorithms for linear transforms using butterfly
 * factorizations" (the padding too); the fit of Zheng, Riccietti and Gribonval 2023.
 *
 * @example
 * ```ts
 * import { butterfly } from 'lowrank'
 * import { compression } from 'lowrank/recipes'
 * const layer = compression.butterflyLayer()(butterfly.hadamard(64).toDense())
 * layer.parameters      // 768 of 4096
 * layer.errorEstimate   // rounding
 * ```
 */
export function butterflyLayer(config: ButterflyLayerConfig = {}): Compressor<ButterflyLayer> {
  const fn = 'butterflyLayer'
  const { budget, complex, fit } = readOptions(fn, config, {
    budget: optional(share),
    complex: withDefault(bool, false),
    fit: settings,
  })
  return compressor<ButterflyLayer>(fn, function* (layer) {
    const { W, shape } = layer
    const [m, n] = shape
    if (m * n === 0) {
      const nothing = withEntries(below([], m, n))
      return yield* compressedSteps(layer, nothing, { parameters: 0 }, { butterflies: [] })
    }
    const [tall, wide] = [numbers(m, n), numbers(n, m)]
    const least = (complex ? 2 : 1) * Math.min(tall, wide)
    if (budget !== undefined && least > budget * m * n) {
      if (least > m * n) {
        const expected = 'none for a shape of which butterflies store more than all of it'
        throw new OptionError({ fn, argument: 'options.budget', expected, given: `${budget} for ${m}×${n}` })
      }
      refuseBudget(fn, budget, least / (m * n))
    }
    const entries = yield* entriesOf(W)
    const options = { ...fit, complex }
    const upright = tall <= wide
    const butterflies = yield* fitSteps(upright ? entries : transposed(entries), options)
    const approximation = upright ? below(butterflies, m, n) : adjoint(below(butterflies, n, m))
    const parameters = butterflies.reduce((sum, B) => sum + B.parameters, 0)
    return yield* compressedSteps(layer, withEntries(approximation), { parameters }, { butterflies })
  })
}

/** The next power of two, at least 2. */
const sizeFor = (n: number): number => 2 ** Math.max(1, Math.ceil(Math.log2(n)))

/** What ⌈m/N⌉ butterflies below each other store for n inputs. */
function numbers(m: number, n: number): number {
  const N = sizeFor(n)
  return Math.ceil(m / N) * 2 * N * Math.log2(N)
}

/** N rows at a time, padded with zeros. */
function* fitSteps(W: Matrix, options: ButterflyFactorizeOptions): Steps<Butterfly[]> {
  const [m, n] = [W.shape[0]!, W.shape[1]!]
  const N = sizeFor(n)
  const found: Butterfly[] = []
  for (let i0 = 0; i0 < m; i0 += N) {
    const block = zeros([N, N])
    for (let i = i0; i < Math.min(m, i0 + N); i++) {
      block.data.set(W.data.subarray(i * n, (i + 1) * n), (i - i0) * N)
    }
    found.push((yield* factorizeSteps(block, options)) as Butterfly)
  }
  return found
}

/** Butterflies below each other, of which m rows and n columns count. */
function below(butterflies: readonly Butterfly[], m: number, n: number): LinearOperator {
  const N = sizeFor(Math.max(n, 1))
  return operatorFromSteps([m, n], false, {
    *matmat(X) {
      const k = X.shape[1]!
      const Y = zeros([m, k])
      const padded = resized(X, N)
      for (const [b, B] of butterflies.entries()) {
        const part = yield* product(B, padded)
        Y.data.set(part.data.subarray(0, Math.min(N, m - b * N) * k), b * N * k)
      }
      return Y
    },
    *rmatmat(Y) {
      const k = Y.shape[1]!
      const X = zeros([n, k])
      for (const [b, B] of butterflies.entries()) {
        const rows = Math.min(N, m - b * N)
        const part = wrap(Y.data.subarray(b * N * k, (b * N + rows) * k), rows, k)
        const { data } = yield* adjointProduct(B, resized(part, N))
        for (let e = 0; e < X.data.length; e++) X.data[e]! += data[e]!
      }
      return X
    },
  }) as LinearOperator
}

/** The first `rows` rows, or rows of zeros below. */
function resized(X: Matrix, rows: number): Matrix {
  if (X.shape[0] === rows) return X
  if (X.shape[0]! > rows) return leadingRows(X, rows)
  const out = zeros([rows, X.shape[1]!])
  out.data.set(X.data)
  return out
}
