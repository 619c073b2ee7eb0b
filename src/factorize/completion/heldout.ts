import { asVector } from '../../linalg/arrays.js'
import type { Triplets } from '../../linalg/operators/csr.js'
import { OptionError, ShapeError } from '../../linalg/errors.js'
import { isObserved, observed } from '../../linalg/operators/observed.js'
import type { AnyObservedOperand } from '../../linalg/operators/observed.js'
import { indexList } from '../../linalg/operators.js'
import { STREAM, uniformBlock } from '../../linalg/random.js'
import { powerOfTwo } from '../../linalg/dense/reflectors.js'
import { breath } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'

/** Entries of a matrix, checked. */
interface CheckedEntries {
  readonly rows: Int32Array
  readonly cols: Int32Array
  readonly values: Float64Array
}

/** What a completion works on, and what it is measured by. */
export interface HeldOut {
  /** Values multiplied by `unit`, a power of four that brings them near 1. */
  readonly M: AnyObservedOperand
  readonly unit: number
  /** Values as given. */
  readonly check: CheckedEntries | undefined
}

/** Entries decided between two breaths. */
const STRETCH = 2 ** 12

/** Sets entries aside. A place is drawn by itself, so that the order of the entries does not matter. */
export function* heldOutSteps(
  fn: string,
  given: Triplets | AnyObservedOperand,
  { validation, seed }: { validation: number | Omit<Triplets, 'shape'> | undefined; seed: number },
): Steps<HeldOut> {
  if (isObserved(given)) {
    if (typeof validation === 'number') {
      const expected = '{ rows, cols, values } for entries that are an operand'
      throw new OptionError({ fn, argument: 'options.validation', expected, given: String(validation) })
    }
    const check = validation && checkedEntries(fn, 'options.validation.', given.shape, validation)
    return { M: given, unit: 1, check }
  }
  const { shape } = given
  const whole = checkedEntries(fn, '', shape, given)
  const unit = evenPower(whole.values)
  let [used, check] = [whole, undefined as CheckedEntries | undefined]
  if (typeof validation === 'number') {
    const { rows, cols } = whole
    const aside: boolean[] = []
    for (let e = 0; e < rows.length; e++) {
      const [i, j] = [rows[e]!, cols[e]!]
      const block = { seed, stream: STREAM.completionHoldOut, i0: i, i1: i + 1, j0: j, j1: j + 1 }
      aside.push(uniformBlock(block)[0]! < validation)
      if (e % STRETCH === 0) yield* breath()
    }
    used = picked(whole, (e) => !aside[e])
    check = picked(whole, (e) => aside[e]!)
  } else if (validation !== undefined) {
    check = checkedEntries(fn, 'options.validation.', shape, validation)
  }
  return { M: observed({ shape, ...used, values: used.values.map((x) => x * unit) }), unit, check }
}

function checkedEntries(
  fn: string,
  prefix: string,
  shape: readonly [number, number],
  entries: Omit<Triplets, 'shape'>,
): CheckedEntries {
  if (
    !Array.isArray(shape) ||
    !shape.every((side) => Number.isInteger(side) && side >= 0) ||
    shape.length !== 2
  ) {
    throw new ShapeError({ fn, argument: 'M.shape', expected: 'two integers >= 0', given: String(shape) })
  }
  const values = asVector(entries.values, fn, `${prefix}values`)
  const rows = indexList(entries.rows, shape[0], `${prefix}rows`, fn)
  const cols = indexList(entries.cols, shape[1], `${prefix}cols`, fn)
  if (rows.length !== values.length || cols.length !== values.length) {
    const given = `${rows.length}, ${cols.length} and ${values.length}`
    throw new ShapeError({
      fn,
      argument: `${prefix}rows, cols, values`,
      expected: 'lists of equal length',
      given,
    })
  }
  return { rows, cols, values }
}

function picked({ rows, cols, values }: CheckedEntries, keep: (e: number) => boolean): CheckedEntries {
  return {
    rows: rows.filter((_, e) => keep(e)),
    cols: cols.filter((_, e) => keep(e)),
    values: values.filter((_, e) => keep(e)),
  }
}

/** A power of four near 1/max|x|, whose root is exact too. */
function evenPower(values: Float64Array): number {
  const scale = powerOfTwo(values.reduce((most, x) => Math.max(most, Math.abs(x)), 0))
  return Math.log2(scale) % 2 === 0 ? scale : scale / 2
}
