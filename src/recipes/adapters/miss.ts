import { eye, zeros } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { matmul } from '../../linalg/dense/matmul.js'
import { operator } from '../../linalg/operators.js'
import { integer, seed } from '../../linalg/options.js'
import { transposed } from '../../linalg/thin.js'
import { unfoldedShape } from './intake.js'
import { additive } from './parameterisation.js'
import { recipe } from './recipe.js'
import type { AdapterFactory } from './recipe.js'

/** The size of MiSS's trained matrix. */
export interface MissConfig {
  /** The rows of D, at most min(m, n). */
  readonly r: number
  /** As other recipes have one; nothing is drawn here. */
  readonly seed?: number | undefined
}

/**
 * MiSS: ΔW = [Dᵀ Dᵀ … Dᵀ], one trained matrix D, r × m, side by side n/r times (and its first columns where r does not
 * divide n). The inputs are summed into r numbers before the product.
 *
 * @param config - `r`.
 * @returns the adapter; its array is D, m·r numbers, zero at first: nothing is decomposed or drawn. ΔW has rank r at most.
 * @throws as `lora`.
 * Cost: a forward takes 2mnN flops for W0, and nN + 2mrN for ΔW: half of LoRA's or less.
 * Source: Kang 2024 (see `bone`), the later form of the same work.
 *
 * @example
 * ```ts
 * import { adapters } from 'lowrank/recipes'
 * adapters.miss({ r: 8 }).numTrainable([48, 64])   // 384
 * ```
 */
export const miss: AdapterFactory<MissConfig> = /*#__PURE__*/ recipe({
  name: 'miss',
  paper:
    'Bone: Block Affine Transformation as Parameter Efficient Fine-tuning Methods for Large Language Models',
  year: 2024,
  trainable: 'm·r',
  preservesBase: true,
  mergeable: true,
  config: { r: integer(1), seed },
  parameterisation: additive({
    update({ shape, trainable }) {
      const D = trainable.D!
      const [m, n] = unfoldedShape(shape)
      return Object.assign(
        operator({
          shape: [m, n],
          matmat: (X) => matmul(D, folded(X, D.shape[0]!), { transA: true }),
          rmatmat: (Y) => repeated(matmul(D, Y), n),
        }),
        { toDense: () => transposed(repeated(D, n)) },
      )
    },
    gradients({ shape, trainable }, H) {
      const r = trainable.D!.shape[0]!
      const n = unfoldedShape(shape)[1]
      return { D: transposed(H.matmat(repeated(eye(r), n))) }
    },
  }),
  init: ({ m }, { r }) => ({ trainable: { D: zeros([r, m]) } }),
  count: ({ r }, m) => m * r,
})

/** Row i of the answer is the sum of the rows i, i + r, i + 2r, … of X. */
function folded(X: Matrix, r: number): Matrix {
  const [n = 0, N = 0] = X.shape
  const out = zeros([r, N])
  for (let i = 0, e = 0; i < n; i++) {
    for (let j = 0, o = (i % r) * N; j < N; j++, e++, o++) out.data[o]! += X.data[e]!
  }
  return out
}

/** Row i of the answer is row i mod r of Z: the adjoint of `folded`. */
function repeated(Z: Matrix, n: number): Matrix {
  const [r = 0, N = 0] = Z.shape
  const out = zeros([n, N])
  for (let i = 0; i < n; i++) out.data.set(Z.data.subarray((i % r) * N, ((i % r) + 1) * N), i * N)
  return out
}
