import { tensor } from '../../linalg/arrays.js'
import { SingularMatrixError } from '../../linalg/errors.js'
import { lduSteps } from '../../linalg/dense/ldu.js'
import type { Ldu } from '../../linalg/dense/ldu.js'
import { integer, oneOf, optional, positive, seed, withDefault } from '../../linalg/options.js'
import { inverseOf } from '../../linalg/dense/pivots.js'
import { STREAM, normalBlock, uniformBlock } from '../../linalg/random.js'
import type { Steps } from '../../linalg/steps.js'
import { pickedColumns, pickedRows, scaledColumns } from '../../linalg/thin.js'
import { product } from './factors.js'
import { residualSteps } from './inits.js'
import type { Given } from './intake.js'
import { additive } from './parameterisation.js'
import { recipe } from './recipe.js'
import type { AdapterFactory } from './recipe.js'

/** The pivots that LoLDU trains, and what they start from. */
export interface LolduConfig {
  /** Pivots that are trained, at most min(m, n). */
  readonly r: number
  /** α > 0 in c = α/r. Default r, so that c = 1 (the authors' code has α = 1). */
  readonly loraAlpha?: number | undefined
  /** What z starts from: W0's pivots ('ldu', default), or numbers of their mean and deviation, or ones, or zeros. */
  readonly initLoraWeights?: 'ldu' | 'uniform' | 'normal' | 'constant' | 'ones' | 'zeros' | undefined
  /** 'partial' (default, the paper's), or 'rook', which exists for every W0 and moves columns too. */
  readonly pivot?: 'partial' | 'rook' | undefined
  /** Of 'uniform' and 'normal'. Default 0. */
  readonly seed?: number | undefined
}

const readers = {
  r: integer(1),
  loraAlpha: optional(positive),
  initLoraWeights: withDefault(oneOf('ldu', 'uniform', 'normal', 'constant', 'ones', 'zeros'), 'ldu'),
  pivot: withDefault(oneOf('partial', 'rook'), 'partial'),
  seed,
}

/**
 * LoLDU: of W0 = P·L·D·U the first r pivots z are trained, between frozen triangular factors:
 * W = base + c·P·L·diag(z)·U, base = W0 − c·P·L·diag(z₀)·U.
 *
 * @param config - `r`, α, what z starts from ('uniform' is ±mean/2), and how pivots are found.
 * @returns the adapter; its array is z, r numbers; PL, m × r, and U, r × n, are frozen. With c = 1 and W0's own pivots
 * the base has rank r less than W0, and r rows and columns of it are zero. c is not trained.
 * @throws as `lora`; SingularMatrixError from `init` where partial pivoting finds no LDU: 'rook' does.
 * Cost: init that of `ldu`, 2mn·min(m, n) flops or so with 'partial', less with 'rook' for small r; and 2mnr.
 * Source: Shi, Wei, Wu, Wang and Sun 2024, "LoLDU: low-rank adaptation via lower-diag-upper decomposition for
 * parameter-efficient fine-tuning".
 *
 * @example
 * ```ts
 * import { random } from 'lowrank'
 * import { adapters } from 'lowrank/recipes'
 * adapters.loldu({ r: 48 }).init({ W0: random.normal([48, 64]) }).residual   // 0 up to rounding
 * ```
 */
export const loldu: AdapterFactory<LolduConfig> = /*#__PURE__*/ recipe({
  name: 'loldu',
  paper: 'LoLDU: Low-Rank Adaptation via Lower-Diag-Upper Decomposition for Parameter-Efficient Fine-Tuning',
  year: 2024,
  trainable: 'r',
  preservesBase: true,
  mergeable: true,
  config: readers,
  scaling: ({ r, loraAlpha = r }) => loraAlpha / r,
  parameterisation: additive(product('PL', 'z', 'U')),
  *init(given, config, c) {
    const { perm, colPerm, L, d, U } = yield* pivotsSteps(given, config)
    const PL = pickedRows(L, inverseOf(perm))
    const frozen = { PL, U: colPerm ? pickedColumns(U, inverseOf(colPerm)) : U }
    const z = startOf(d, config.initLoraWeights, config.seed)
    return {
      frozen,
      trainable: { z: tensor(z, [z.length]) },
      ...(yield* residualSteps(given, c, scaledColumns(PL, z), frozen.U)),
    }
  },
  count: ({ r }) => r,
})

function* pivotsSteps(
  { fn, entries }: Given,
  { r, pivot }: { readonly r: number; readonly pivot: 'partial' | 'rook' },
): Steps<Ldu> {
  const W0 = yield* entries()
  try {
    return yield* lduSteps(W0, { rank: r, pivot })
  } catch (error) {
    if (!(error instanceof SingularMatrixError)) throw error
    const { index, given } = error
    const expected = "a matrix that has an LDU factorization (with pivot: 'rook' every matrix has)"
    throw new SingularMatrixError({ fn, argument: 'W0', expected, given, index })
  }
}

function startOf(d: Float64Array, kind: LolduConfig['initLoraWeights'], seed: number): Float64Array {
  const r = d.length
  const mean = d.reduce((sum, x) => sum + x, 0) / r
  const block = { seed, stream: STREAM.adapterCore, i0: 0, i1: 1, j0: 0, j1: r }
  switch (kind) {
    case 'uniform':
      return uniformBlock(block).map((u) => mean * (u - 0.5))
    case 'normal': {
      const deviation = Math.sqrt(d.reduce((sum, x) => sum + (x - mean) ** 2, 0) / r)
      return normalBlock(block).map((g) => mean + deviation * g)
    }
    case 'constant':
      return new Float64Array(r).fill(mean)
    case 'ones':
      return new Float64Array(r).fill(1)
    case 'zeros':
      return new Float64Array(r)
    default:
      return d.slice()
  }
}
