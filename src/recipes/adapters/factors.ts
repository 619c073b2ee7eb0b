import type { Matrix, Tensor } from '../../linalg/arrays.js'
import { matmul } from '../../linalg/dense/matmul.js'
import { beside, scaledColumns, scaledRows, transposed } from '../../linalg/thin.js'
import { factored } from '../../factorize/lowrank.js'
import type { AdapterState, Arrays, LoraForm } from './adapter.js'
import { multiple, plus, rowDots } from './arithmetic.js'
import type { Update } from './parameterisation.js'

/** A matrix, or the diagonal of one. */
type Factor = Matrix | Float64Array

/**
 * ΔW = s·F₁·F₂·…·F_k, the product of named arrays of the state: matrices, and vectors for diagonal matrices between
 * them. Which of them are trained is the init's choice.
 *
 * The gradient of Fᵢ is (F₁…F_{i−1})ᵀ·H·(F_{i+1}…F_k)ᵀ, from the thin products Hᵀ·F₁ and H·(F₂…F_k)ᵀ: 4(m + n)Nr flops
 * for a batch of N, and some nr² where there is a factor in the middle.
 */
export function product(first: string, ...others: readonly string[]): Update {
  const names = [first, ...others]
  const last = names.at(-1)!
  const factorsOf = ({ frozen }: AdapterState, trainable: Arrays): Factor[] =>
    names.map((name) => {
      const F = (trainable[name] ?? frozen[name])!
      return F.shape.length === 1 ? F.data : F
    })

  return {
    update: (state) => factored(factorsOf(state, state.trainable)),

    gradients(state, H) {
      const F = factorsOf(state, state.trainable)
      const behind = productsBehind(F)
      const isTrained = (name: string): boolean => name in state.trainable
      const grads: Record<string, Tensor> = {}
      if (isTrained(first)) grads[first] = H.matmat(transposed(behind[0] as Matrix))
      if (!others.some(isTrained)) return grads
      let before = transposed(H.rmatmat(F[0] as Matrix))
      for (let i = 1; i < F.length; i++) {
        if (isTrained(names[i]!)) grads[names[i]!] = innerGradient(F[i]!, before, behind[i])
        if (i < F.length - 1) before = adjointTimes(F[i]!, before)
      }
      return grads
    },

    toLora(state): LoraForm {
      const { scaling, start, trainable } = state
      const F = factorsOf(state, state.trainable)
      const [B, A] = [allButLast(F), F.at(-1) as Matrix]
      if (start === undefined) return { B: multiple(1, B), A: multiple(1, A), scaling }
      // W0 = base + s·B₀·A₀, so that what has changed is s·(B·A − B₀·A₀).
      const F0 = factorsOf(state, start)
      const [B0, A0] = [allButLast(F0), F0.at(-1) as Matrix]
      if (!(last in trainable)) return { B: plus(B, -1, B0), A: multiple(1, A), scaling }
      return {
        B: beside([B, multiple(-1, B0)], B.shape[0]!),
        A: transposed(beside([transposed(A), transposed(A0)], A.shape[1]!)),
        scaling,
      }
    },
  }
}

/** F_{i+1}·…·F_k for each i but the last, from the back. */
function productsBehind(F: readonly Factor[]): (Matrix | undefined)[] {
  const behind: (Matrix | undefined)[] = F.map(() => undefined)
  for (let i = F.length - 2; i >= 0; i--) {
    const [next, rest] = [F[i + 1]!, behind[i + 1]]
    behind[i] = rest === undefined ? (next as Matrix) : times(next, rest)
  }
  return behind
}

/** F₁·…·F_{k−1} */
function allButLast([first, ...others]: readonly Factor[]): Matrix {
  return others
    .slice(0, -1)
    .reduce<Matrix>(
      (B, F) => (F instanceof Float64Array ? scaledColumns(B, F) : matmul(B, F)),
      first as Matrix,
    )
}

/** (…)ᵀH·(…)ᵀ of what is before and behind a factor; of a diagonal factor only the diagonal. */
function innerGradient(F: Factor, before: Matrix, behind: Matrix | undefined): Tensor {
  if (behind === undefined) return before
  return F instanceof Float64Array ? rowDots(before, behind) : matmul(before, behind, { transB: true })
}

const times = (F: Factor, X: Matrix): Matrix => (F instanceof Float64Array ? scaledRows(X, F) : matmul(F, X))

const adjointTimes = (F: Factor, X: Matrix): Matrix =>
  F instanceof Float64Array ? scaledRows(X, F) : matmul(F, X, { transA: true })
