import type { Matrix } from '../../linalg/arrays.js'
import { matmul } from '../../linalg/dense/matmul.js'
import { nonNegative, oneOf, withDefault } from '../../linalg/options.js'
import { columnsOf, rowsOf } from '../../linalg/products.js'
import type { Steps } from '../../linalg/steps.js'
import { leadingRows } from '../../linalg/thin.js'
import { nystromBlocksSteps } from '../../factorize/nystrom/nystromrectangular.js'
import { product } from './factors.js'
import { residualSteps } from './inits.js'
import type { Given } from './intake.js'
import { loraReaders } from './loraconfig.js'
import type { LoraConfig } from './loraconfig.js'
import { additive } from './parameterisation.js'

// What NLoRA, StructuredLoRA and IntTune share: W = base + s·B·N·A, and a start from blocks of W0.

/** ΔW = s·B·N·A: B is m × r, N is r × r, A is r × n. */
export const STRUCTURED = /*#__PURE__*/ additive(/*#__PURE__*/ product('B', 'N', 'A'))

/** LoRA's configuration, and how the Nyström start makes N. */
export interface NystromStartConfig extends LoraConfig {
  /**
   * 'nlora-nystrom' (default): N = W₁₁⁺, the Nyström approximation, and base = W0 − s·B·N·A. 'nlora-code', as the
   * authors publish it: N = W₁₁ itself and base = W0, so that the weight at first is not W0.
   */
  readonly initLoraWeights?: 'nlora-nystrom' | 'nlora-code' | undefined
  /** Of 'nlora-nystrom': singular values of W₁₁ up to rtol·σ₁ count as 0. Default 0.01. */
  readonly rtol?: number | undefined
}

export const nystromStartReaders = {
  ...loraReaders,
  initLoraWeights: withDefault(oneOf('nlora-nystrom', 'nlora-code'), 'nlora-nystrom'),
  rtol: withDefault(nonNegative, 1e-2),
}

interface NystromStart {
  readonly B: Matrix
  readonly N: Matrix
  readonly A: Matrix
  /** Absent where W0 is the base. */
  readonly rest: { readonly base?: Matrix; readonly residual?: number }
}

/** The first r columns, the leading block or its pseudo-inverse, and the first r rows. */
export function* nystromStartSteps(
  given: Given,
  {
    r,
    initLoraWeights,
    rtol,
  }: { readonly r: number; readonly initLoraWeights: string; readonly rtol: number },
  s: number,
): Steps<NystromStart> {
  const { W0 } = given
  if (initLoraWeights === 'nlora-nystrom') {
    const { left, core, right } = yield* nystromBlocksSteps(W0, { rank: r, rtol })
    const rest = yield* residualSteps(given, s, matmul(left, core), right)
    return { B: left, N: core, A: right, rest }
  }
  const first = Int32Array.from({ length: r }, (_, i) => i)
  const B = yield* columnsOf(W0, first)
  return { B, N: leadingRows(B, r), A: yield* rowsOf(W0, first), rest: {} }
}
