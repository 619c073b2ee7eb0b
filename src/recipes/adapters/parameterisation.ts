import type { Matrix } from '../../linalg/arrays.js'
import { matmul } from '../../linalg/dense/matmul.js'
import type { LinearOperator } from '../../linalg/operators.js'
import { scaled } from '../../linalg/operators/scaled.js'
import type { AdapterState, Arrays, LoraForm } from './adapter.js'
import { multiple, plus } from './arithmetic.js'

// How trained numbers become a weight: the part of a recipe that most papers leave as it is.

/** W_eff as a function of the arrays of a state. What comes in has been checked. */
export interface Parameterisation {
  /** W_eff·X, without forming W_eff − base. */
  forward(state: AdapterState, X: Matrix): Matrix
  /** W_effᵀ·Y */
  adjoint(state: AdapterState, Y: Matrix): Matrix
  /** W_eff */
  merge(state: AdapterState): Matrix
  /** W_eff − base */
  delta(state: AdapterState): Matrix
  /** The base from W_eff. */
  unmerge(W: Matrix, state: AdapterState): Matrix
  /**
   * Of the trainable arrays, for G = ∂L/∂W_eff: an operator, since that of a batch is gy·xᵀ, which is not multiplied
   * out.
   */
  gradients(state: AdapterState, G: LinearOperator): Arrays
  toLora?(state: AdapterState): LoraForm
}

/** A matrix that is applied in its factors, and formed where it is asked for. */
interface Formable extends LinearOperator {
  toDense(): Matrix
}

/** ΔW = scaling·U, with U an operator made from the arrays of a state. */
export interface Update {
  update(state: AdapterState): Formable
  /** Of the trainable arrays, for H = scaling·∂L/∂W_eff. */
  gradients(state: AdapterState, H: LinearOperator): Arrays
  toLora?(state: AdapterState): LoraForm
}

/** W_eff = base + scaling·U. */
/* @__NO_SIDE_EFFECTS__ */
export function additive({ update, gradients, toLora }: Update): Parameterisation {
  return {
    forward: (state, X) => plus(matmul(state.base, X), state.scaling, update(state).matmat(X)),
    adjoint: (state, Y) =>
      plus(matmul(state.base, Y, { transA: true }), state.scaling, update(state).rmatmat(Y)),
    merge: (state) => plus(state.base, state.scaling, update(state).toDense()),
    delta: (state) => multiple(state.scaling, update(state).toDense()),
    unmerge: (W, state) => plus(W, -state.scaling, update(state).toDense()),
    gradients: (state, G) => gradients(state, scaled(G, state.scaling)),
    ...(toLora && { toLora }),
  }
}
