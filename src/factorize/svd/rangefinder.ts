import { wrap } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { operandSteps } from '../../linalg/operators/denseoperator.js'
import { method } from '../../linalg/operators.js'
import type { Method, Operand } from '../../linalg/operators.js'
import { integer, optional, readOptions, seed, withDefault } from '../../linalg/options.js'
import type { RunOptions, Steps } from '../../linalg/steps.js'
import { adaptiveBlock, qbSteps } from './qb.js'
import { goalOf, stoppingReaders } from '../stopping.js'
import type { Stopping } from '../stopping.js'

/** When `rangefinder` stops, and the sketch that it starts from. */
export interface RangefinderOptions extends Stopping, RunOptions {
  /** Columns beyond `rank`. Default 10. */
  readonly oversample?: number | undefined
  /** Power iterations. Default 2. */
  readonly powerIterations?: number | undefined
  /** Columns that an adaptive basis grows by. Default min(m, n)/10, between 8 and 64. */
  readonly blockSize?: number | undefined
  /** An integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/**
 * An orthonormal basis Q of the range that matters: A ≈ Q·QᵀA.
 *
 * @param A - m × n matrix or operator.
 * @param options - at least one of `rank`, `rtol`, `atol` (Frobenius norm of A − QQᵀA).
 * @returns Q, m × min(rank + oversample, m, n); with a tolerance, as many columns as meet it.
 * @throws OptionError, ShapeError, NotFiniteError, and `signal.reason` on an abort.
 * Cost: 2q + 1 passes and 2(2q + 1)mnl flops for l columns; one pass more per block with a tolerance.
 * Source: Halko, Martinsson, Tropp 2011, algorithm 4.4, with a QR after every product; with a tolerance
 * Martinsson and Voronin 2016.
 *
 * @example
 * ```ts
 * import { random, rangefinder } from 'lowrank'
 * const Q = rangefinder(random.normal([100, 50]), { rank: 10 })   // 100 × 20
 * ```
 */
export const rangefinder: Method<[options: RangefinderOptions], Matrix> =
  /*#__PURE__*/ method(rangefinderSteps)

function* rangefinderSteps(given: Operand, options: RangefinderOptions): Steps<Matrix> {
  const fn = 'rangefinder'
  const plan = readOptions(fn, options, {
    ...stoppingReaders,
    oversample: withDefault(integer(0), 10),
    powerIterations: withDefault(integer(0), 2),
    blockSize: optional(integer(1)),
    seed,
  })
  const A = yield* operandSteps(given, fn, 'A')
  const [m, n] = A.shape
  const p = Math.min(m, n)
  const goal = goalOf(fn, plan, A)
  if (p === 0) return wrap(new Float64Array(0), m, 0)
  const columns = Math.min(goal.rank + plan.oversample, p)
  const { Q } = yield* qbSteps(A, {
    fn,
    block: goal.tolerance === undefined ? columns : (plan.blockSize ?? adaptiveBlock(p)),
    columns,
    power: plan.powerIterations,
    krylov: false,
    tolerance: goal.tolerance,
    seed: plan.seed,
    wantsB: false,
  })
  return Q
}
