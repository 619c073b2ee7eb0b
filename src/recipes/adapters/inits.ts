import { dense, wrap } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { frobeniusSteps } from '../../linalg/magnitude.js'
import { normalBlock, uniformBlock } from '../../linalg/random.js'
import type { Steps } from '../../linalg/steps.js'
import { subtractProductSteps } from '../../factorize/lowrank.js'
import { multiple } from './arithmetic.js'
import type { Given } from './intake.js'

// What inits start from: random factors, and bases that make up for factors that are not zero.

/** Entries uniform in ±bound. */
export function uniform(rows: number, cols: number, bound: number, stream: number, seed: number): Matrix {
  const data = uniformBlock({ seed, stream, i0: 0, i1: rows, j0: 0, j1: cols })
  for (let e = 0; e < data.length; e++) data[e] = 2 * bound * (data[e]! - 0.5)
  return wrap(data, rows, cols)
}

/** Entries uniform in ±1/√cols: Kaiming's for a = √5, which is what LoRA's A starts from. */
export const kaimingUniform = (rows: number, cols: number, stream: number, seed: number): Matrix =>
  uniform(rows, cols, 1 / Math.sqrt(cols), stream, seed)

/** Independent normal entries of deviation `std`: rows [first, first + rows) of what the stream holds. */
export function gaussian(
  rows: number,
  cols: number,
  std: number,
  stream: number,
  seed: number,
  first = 0,
): Matrix {
  const data = normalBlock({ seed, stream, i0: first, i1: first + rows, j0: 0, j1: cols })
  return multiple(std, wrap(data, rows, cols))
}

/** W0 − s·B·A, and how large it is beside W0. */
export function* residualSteps(
  given: Given,
  s: number,
  B: Matrix,
  A: Matrix,
): Steps<{ readonly base: Matrix; readonly residual: number }> {
  const base = yield* given.entries()
  const whole = yield* frobeniusSteps(dense(base))
  yield* subtractProductSteps(base, multiple(s, B), A)
  const rest = yield* frobeniusSteps(dense(base))
  return { base, residual: whole === 0 ? 0 : rest / whole }
}
