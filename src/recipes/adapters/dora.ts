import { tensor } from '../../linalg/arrays.js'
import type { Matrix, Tensor } from '../../linalg/arrays.js'
import { SingularMatrixError } from '../../linalg/errors.js'
import { matmul } from '../../linalg/dense/matmul.js'
import { normsOfColumns } from '../../linalg/magnitude.js'
import type { LinearOperator } from '../../linalg/operators.js'
import { oneOf, withDefault } from '../../linalg/options.js'
import { scaledRows, transposed } from '../../linalg/thin.js'
import type { AdapterState, Arrays } from './adapter.js'
import { plus, rowDots } from './arithmetic.js'
import { LORA, loraStart } from './lora.js'
import { loraReaders, loraScaling } from './loraconfig.js'
import type { LoraConfig } from './loraconfig.js'
import type { Parameterisation } from './parameterisation.js'
import { recipe } from './recipe.js'
import type { AdapterFactory } from './recipe.js'

/** LoRA's configuration, and which gradient DoRA takes. */
export interface DoraConfig extends LoraConfig {
  /** 'detached' (default, as in the paper and PEFT): row norms count as constants. 'exact': the gradient as it is. */
  readonly gradient?: 'detached' | 'exact' | undefined
}

const readers = { ...loraReaders, gradient: withDefault(oneOf('detached', 'exact'), 'detached') }

/**
 * DoRA: W = diag(μ/ν)·V with V = W0 + s·B·A and νᵢ = ‖Vᵢ‖ the norm of row i: a magnitude μ for each output, and a LoRA
 * for the directions.
 *
 * @param config - that of LoRA and `gradient`. With 'detached', `backward` and `gradsFromWeightGrad` give the paper's
 * rule, which takes ν as a constant, and not the derivative.
 * @returns the adapter; its arrays are `magnitude` (μ, m numbers, one for each row of the out × in matrix), B and A.
 * A row of V that is zero has no direction: it stays as it is.
 * @throws as `lora`; from `unmerge`, SingularMatrixError where a magnitude is 0.
 * Cost: as LoRA, and 2mnr flops for the norms in each function.
 * Source: Liu, Wang, Yin, Molchanov, Wang, Cheng and Chen 2024, "DoRA: weight-decomposed low-rank adaptation".
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { adapters } from 'lowrank/recipes'
 * const dora = adapters.dora({ r: 4 })
 * const state = dora.init({ W0: random.normal([48, 64]) })
 * state.trainable.magnitude.data   // the norms of W0's rows
 * ```
 */
export const dora: AdapterFactory<DoraConfig> = /*#__PURE__*/ recipe({
  name: 'dora',
  paper: 'DoRA: Weight-Decomposed Low-Rank Adaptation',
  year: 2024,
  trainable: 'r(m + n) + m',
  preservesBase: true,
  mergeable: true,
  config: readers,
  scaling: loraScaling,
  parameterisation: ({ gradient }) => decomposed(gradient),
  *init({ m, n, entries }, { r, seed }) {
    const W0 = yield* entries()
    return { trainable: { magnitude: rowNorms(W0), ...loraStart(m, n, r, seed).trainable } }
  },
  count: ({ r }, m, n) => r * (m + n) + m,
})

/** diag(μ/ν)·V, where V is a LoRA's weight. */
const decomposed = (gradient: 'detached' | 'exact'): Parameterisation => ({
  forward: (state, X) => scaledRows(LORA.forward(state, X), ratios(state)),
  adjoint: (state, Y) => LORA.adjoint(state, scaledRows(Y, ratios(state))),
  merge: (state) => scaledRows(LORA.merge(state), ratios(state)),
  delta: (state) => plus(decomposed(gradient).merge(state), -1, state.base),
  unmerge(W, state) {
    const ratio = ratios(state)
    const index = ratio.indexOf(0)
    if (index >= 0) {
      const expected = 'magnitudes other than 0'
      throw new SingularMatrixError({
        fn: 'dora.unmerge',
        argument: 'state.trainable.magnitude',
        expected,
        given: `0 at ${index}`,
        index,
      })
    }
    const V = scaledRows(
      W,
      ratio.map((x) => 1 / x),
    )
    return LORA.unmerge(V, state)
  },
  gradients: (state, G) => gradientsOf(gradient, state, G),
})

/** Rows of V that are formed at a time. */
const BLOCK = 64

interface Directions {
  /** νᵢ */
  readonly norms: Float64Array
  /** ⟨Gᵢ, Vᵢ⟩ */
  readonly inner: Float64Array
}

/** What is to be known of V's rows, which are formed a few at a time. */
function directionsOf({ base, scaling, trainable: { B, A } }: AdapterState, G?: LinearOperator): Directions {
  const m = base.shape[0]!
  const [norms, inner] = [new Float64Array(m), new Float64Array(m)]
  for (let i = 0; i < m; i += BLOCK) {
    const count = Math.min(BLOCK, m - i)
    const V = plus(rowsFrom(base, i, count), scaling, matmul(rowsFrom(B!, i, count), A!))
    norms.set(rowNorms(V).data, i)
    if (G === undefined) continue
    const I = Int32Array.from({ length: count }, (_, t) => i + t)
    inner.set(rowDots(G.rows!(I), V).data, i)
  }
  return { norms, inner }
}

const ratios = (state: AdapterState, { norms } = directionsOf(state)): Float64Array =>
  norms.map((norm, i) => (norm === 0 ? 1 : state.trainable.magnitude!.data[i]! / norm))

/**
 * gμᵢ = ⟨Gᵢ, Uᵢ⟩ with U = V/ν, and those of B and A are LoRA's for G_V = μ/ν·G where ν is a constant. Else
 * G_V = μ/ν·(G − ⟨Gᵢ, Uᵢ⟩·Uᵢ).
 */
function gradientsOf(gradient: 'detached' | 'exact', state: AdapterState, G: LinearOperator): Arrays {
  const { scaling, trainable } = state
  const B = trainable.B!
  const directions = directionsOf(state, G)
  const ratio = ratios(state, directions)
  const along = directions.inner.map((dot, i) => (dot === 0 ? 0 : dot / directions.norms[i]!))
  const magnitude = tensor(along, [along.length])

  const Bd = scaledRows(B, ratio)
  const At = transposed(trainable.A!)
  let gA = G.rmatmat(Bd)
  let gB = G.matmat(At)
  if (gradient === 'exact') {
    // V·diag(c) is taken off G, row by row.
    const c = along.map((x, i) => (x === 0 ? 0 : x / directions.norms[i]!))
    gA = plus(gA, -1, LORA.adjoint(state, scaledRows(Bd, c)))
    gB = plus(gB, -1, scaledRows(LORA.forward(state, At), c))
  }
  return {
    magnitude,
    B: scaledRows(
      gB,
      ratio.map((x) => scaling * x),
    ),
    A: transposed(plus(gA, scaling - 1, gA)),
  }
}

const rowsFrom = ({ data, shape }: Tensor, i: number, count: number): Matrix =>
  tensor(data.subarray(i * shape[1]!, (i + count) * shape[1]!), [count, shape[1]!])

function rowNorms({ data, shape }: Matrix): Tensor {
  const [rows = 0, cols = 0] = shape
  const norms = normsOfColumns({ data, offset: 0, rows: cols, cols: rows, rs: 1, cs: cols })
  return tensor(norms, [rows])
}
