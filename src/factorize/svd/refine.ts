import { wrap } from '../../linalg/arrays.js'
import { OptionError, ShapeError, describe } from '../../linalg/errors.js'
import { norm2 } from '../../linalg/magnitude.js'
import { exactOf, isOperator, precisionOf } from '../../linalg/operators.js'
import type { AnyOperator } from '../../linalg/operators.js'
import { oneOf, withDefault } from '../../linalg/options.js'
import { bothProducts, hasBoth, knownNorm } from '../../linalg/products.js'
import { report } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'
import { innerSteps, subtractProductSteps } from '../lowrank.js'
import { PROBES, estimateNorm } from '../probes.js'
import { residualBound } from './qb.js'
import type { Qb } from './qb.js'

// A basis Q that was found by products in float32 misses the singular vectors by an angle θ of about
// 2⁻²³·‖A‖/σ. The Ritz values of one float64 product with it miss the singular values by θ² of themselves, so
// that B = QᵀA in float64 is all that is wanted: the rounding of the search is squared away.

/** How a result that was found in float32 becomes one of float64. */
export interface Refining {
  /**
   * 'float64': where A's products are rounded to less than float64 and A holds a float64 copy of itself (`exact`), the
   * last product is made with that one: s is then known to the square of the error of the subspace, and the error
   * estimate to float64. 'none' (default).
   */
  readonly refine?: 'none' | 'float64' | undefined
}

export const refiningReaders = {
  refine: withDefault(oneOf('none', 'float64'), 'none'),
}

/** The operand of the last product: A, or the float64 copy that `refine` asks for. */
export function finalOperand(fn: string, A: AnyOperator, refine: 'none' | 'float64'): AnyOperator {
  if (refine === 'none') return A
  const exact: unknown = exactOf(A)
  if (exact === undefined) {
    throw new OptionError({
      fn,
      argument: 'options.refine',
      expected: "'none', or an operand that holds a float64 copy of itself as `exact`",
      given: `'float64' and an operand of precision ${precisionOf(A).toPrecision(2)} without one`,
    })
  }
  if (isOperator(exact) && exact.shape.join() === A.shape.join()) return exact
  throw new ShapeError({
    fn,
    argument: 'A.exact',
    expected: `an operator of shape ${A.shape.join('×')}`,
    given: describe(exact),
  })
}

/**
 * What `exact` makes of a basis: B = QᵀA and A·G in one sweep where it offers `both`, and with them the norm and the
 * bound on what Q misses.
 */
export function* refinedSteps(fn: string, exact: AnyOperator, found: Qb): Steps<Qb> {
  const { Q, G } = found
  yield* report(fn, 'refinement', 0, 1)
  const { AX: AG, AtY: Bt } = yield* bothProducts(exact, G, Q)
  const known = yield* knownNorm(exact)
  const residual = wrap(AG.data.slice(), AG.shape[0]!, PROBES)
  yield* subtractProductSteps(residual, Q, yield* innerSteps(Bt, G))
  const precision = precisionOf(exact)
  yield* report(fn, 'refinement', 1, 1)
  return {
    ...found,
    Bt,
    AG,
    norm: known ?? estimateNorm(AG),
    outside: residualBound(known, norm2(Bt.data), residual, precision),
    passes: found.passes + (hasBoth(exact) ? 1 : 2),
    precision,
  }
}
