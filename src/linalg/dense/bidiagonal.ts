import { wrap } from '../arrays.js'
import type { Matrix } from '../arrays.js'
import { normalizeColumns, scaleAndAddSteps } from '../operators/columnwise.js'
import type { AnyOperator } from '../operators.js'
import { adjointProduct, product } from '../products.js'
import type { Steps } from '../steps.js'

/**
 * The bidiagonalisation of Golub and Kahan, started from each column b of a block at once (Paige and Saunders
 * 1982): β₁u₁ = b, α₁v₁ = Aᵀu₁, then β·u = A·v − α·u and α·v = Aᵀu − β·v. Where a column ends, its vectors
 * and numbers stay 0.
 */
export interface Bidiagonal {
  /** m × k: u of each column. */
  U: Matrix
  /** n × k: v of each column. */
  V: Matrix
  alpha: Float64Array
  beta: Float64Array
}

export function* startSteps(A: AnyOperator, B: Matrix): Steps<Bidiagonal> {
  const U = wrap(B.data.slice(), B.shape[0]!, B.shape[1]!)
  const beta = normalizeColumns(U)
  const V = yield* adjointProduct(A, U)
  return { U, V, alpha: normalizeColumns(V), beta }
}

/** The next u, v, β and α, in place of the last. */
export function* stepSteps(A: AnyOperator, G: Bidiagonal): Steps<void> {
  const negative = (x: Float64Array): Float64Array => x.map((value) => -value)
  yield* scaleAndAddSteps(G.U, negative(G.alpha), yield* product(A, G.V))
  G.beta = normalizeColumns(G.U)
  yield* scaleAndAddSteps(G.V, negative(G.beta), yield* adjointProduct(A, G.U))
  G.alpha = normalizeColumns(G.V)
}
