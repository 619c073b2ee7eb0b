import { eye, tensor, zeros } from '../../linalg/arrays.js'
import type { Matrix, Tensor } from '../../linalg/arrays.js'
import { OptionError, SingularMatrixError } from '../../linalg/errors.js'
import { matmul } from '../../linalg/dense/matmul.js'
import { integer, seed } from '../../linalg/options.js'
import { solve } from '../../linalg/dense/solve.js'
import { transposed } from '../../linalg/thin.js'
import type { AdapterState } from './adapter.js'
import { plus } from './arithmetic.js'
import { unfoldedShape } from './intake.js'
import type { Parameterisation } from './parameterisation.js'
import { recipe } from './recipe.js'
import type { AdapterFactory } from './recipe.js'

/** The blocks of Bone. */
export interface BoneConfig {
  /** The side of a block: a divisor of m and of n. */
  readonly r: number
  /** As other recipes have one; nothing is drawn here. */
  readonly seed?: number | undefined
}

/**
 * Bone (block affine transformation, BAT): W0 is cut into r × r blocks, and those of a block row i share one trained
 * block Bᵢ: Wᵢⱼ + Wᵢⱼ·Bᵢ + Bᵢ.
 *
 * @param config - `r`, which divides m and n.
 * @returns the adapter; its array is `blocks`, m/r × r × r, zero at first: nothing is decomposed or drawn. ΔW has rank
 * min(m, n) in general.
 * @throws as `lora`; OptionError where r does not divide a side; SingularMatrixError from `unmerge`, which solves with
 * I + Bᵢ.
 * Cost: a forward forms W_eff r rows at a time, 2mnr flops, and takes 2mnN more; `unmerge` 2mnr and accuracy by the
 * condition of I + Bᵢ.
 * Source: Kang 2024, "Bone: block affine transformation as parameter efficient fine-tuning methods for large language
 * models".
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { adapters } from 'lowrank/recipes'
 * adapters.bone({ r: 8 }).init({ W0: random.normal([48, 64]) }).trainable.blocks.shape   // [6, 8, 8]
 * ```
 */
export const bone: AdapterFactory<BoneConfig> = /*#__PURE__*/ recipe({
  name: 'bone',
  paper:
    'Bone: Block Affine Transformation as Parameter Efficient Fine-tuning Methods for Large Language Models',
  year: 2024,
  trainable: 'm·r',
  preservesBase: true,
  mergeable: true,
  config: { r: integer(1), seed },
  parameterisation: blockAffine(),
  init({ fn, m, n }, { r }) {
    checkTiles(fn, r, m, n)
    return { trainable: { blocks: zeros([m / r, r, r]) } }
  },
  count({ r }, m, n) {
    checkTiles('bone.numTrainable', r, m, n)
    return m * r
  },
})

function checkTiles(fn: string, r: number, m: number, n: number): void {
  if (m % r === 0 && n % r === 0) return
  const expected = `a divisor of both sides of ${m}×${n}`
  throw new OptionError({ fn, argument: 'options.r', expected, given: `${r}` })
}

/* @__NO_SIDE_EFFECTS__ */
function blockAffine(): Parameterisation {
  /** The block rows of W_eff, m/r of them. */
  const rowsOfWeight = (state: AdapterState): Matrix[] =>
    blockRows(state, state.base).map((rows, i) => {
      const B = blockOf(state, i)
      return plus(plus(rows, 1, matmul(rows, B)), 1, tiled(B, rows))
    })
  const merge = (state: AdapterState): Matrix => assembled(state, rowsOfWeight(state))
  return {
    forward(state, X) {
      const [m, n] = unfoldedShape(state.shape)
      const Y = zeros([m, X.shape[1]!])
      let at = 0
      for (const rows of rowsOfWeight(state)) {
        const part = matmul(tensor(rows.data, [rows.data.length / n, n]), X)
        Y.data.set(part.data, at)
        at += part.size
      }
      return Y
    },
    adjoint(state, Y) {
      const [m, n] = unfoldedShape(state.shape)
      const N = Y.shape[1]!
      const all = rowsOfWeight(state)
      const r = m / all.length
      return all.reduce<Matrix>(
        (sum, rows, i) => {
          const part = tensor(Y.data.subarray(i * r * N, (i + 1) * r * N), [r, N])
          return plus(sum, 1, matmul(tensor(rows.data, [r, n]), part, { transA: true }))
        },
        zeros([n, N]),
      )
    },
    merge,
    delta: (state) => plus(merge(state), -1, state.base),
    // Wᵢⱼ = (W'ᵢⱼ − Bᵢ)·(I + Bᵢ)⁻¹
    unmerge: (W, state) =>
      assembled(
        state,
        blockRows(state, W).map((rows, i) => {
          const B = blockOf(state, i)
          const rest = transposed(plus(rows, -1, tiled(B, rows)))
          try {
            return transposed(solve(transposed(plus(eye(B.shape[0]!), 1, B)), rest))
          } catch (error) {
            if (!(error instanceof SingularMatrixError)) throw error
            const { index, given } = error
            const expected = 'blocks B with I + B invertible'
            throw new SingularMatrixError({
              fn: 'bone.unmerge',
              argument: `state.trainable.blocks[${i}]`,
              expected,
              given,
              index,
            })
          }
        }),
      ),
    gradients(state, G) {
      const { blocks } = state.trainable
      const [count, r] = blocks!.shape as [number, number, number]
      const out = new Float64Array(blocks!.size)
      blockRows(state, state.base).forEach((rows, i) => {
        const I = Int32Array.from({ length: r }, (_, t) => i * r + t)
        const g = tensor(G.rows!(I).data, rows.shape)
        const block = plus(matmul(rows, g, { transA: true }), 1, summed(g, r))
        out.set(block.data, i * r * r)
      })
      return { blocks: tensor(out, [count, r, r]) }
    },
  }
}

/**
 * Block row i, r × n, as a matrix of r·(n/r) rows of r numbers: its rows of memory cut into pieces. Row a·(n/r) + j is
 * row a of the block (i, j), so that a product with B on the right is one for all of them.
 */
function blockRows({ trainable }: AdapterState, W: Matrix): Matrix[] {
  const [count, r] = trainable.blocks!.shape as [number, number, number]
  const size = W.size / count
  return Array.from({ length: count }, (_, i) =>
    tensor(W.data.slice(i * size, (i + 1) * size), [size / r, r]),
  )
}

function blockOf({ trainable }: AdapterState, i: number): Matrix {
  const r = trainable.blocks!.shape[1]!
  return tensor(trainable.blocks!.data.slice(i * r * r, (i + 1) * r * r), [r, r])
}

/** B in the place of every block: row a of it in each of the rows a·(n/r) + j. */
function tiled(B: Matrix, rows: Matrix): Matrix {
  const r = B.shape[0]!
  const pieces = rows.shape[0]! / r
  const out = zeros(rows.shape)
  for (let i = 0; i < rows.shape[0]!; i++) {
    const a = Math.floor(i / pieces)
    out.data.set(B.data.subarray(a * r, (a + 1) * r), i * r)
  }
  return out
}

/** The sum of all blocks of a block row: the adjoint of `tiled`. */
function summed(rows: Matrix, r: number): Tensor {
  const pieces = rows.shape[0]! / r
  const out = zeros([r, r])
  for (let e = 0; e < rows.size; e++) out.data[Math.floor(e / (pieces * r)) * r + (e % r)]! += rows.data[e]!
  return out
}

function assembled({ shape }: AdapterState, parts: readonly Matrix[]): Matrix {
  const W = zeros(unfoldedShape(shape))
  let at = 0
  for (const { data } of parts) {
    W.data.set(data, at)
    at += data.length
  }
  return W
}
