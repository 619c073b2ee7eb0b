import { asFiniteMatrix, asTensor, asVector, contiguous, isVector, wrap } from '../../linalg/arrays.js'
import type { FloatArray, Matrix } from '../../linalg/arrays.js'
import { operandSteps } from '../../linalg/operators/denseoperator.js'
import { ShapeError } from '../../linalg/errors.js'
import { checkNumbers, packedTensor } from '../../linalg/transforms/lastaxis.js'
import { isOperator } from '../../linalg/operators.js'
import type { AnyOperator } from '../../linalg/operators.js'
import { entriesOf } from '../../linalg/products.js'
import type { Steps } from '../../linalg/steps.js'

// How parameters and gradients are taken in.

/** A parameter: its shape, and its entries, row-major and not to be changed; what is no matrix is seen as one of one row. */
export interface Leaf {
  readonly shape: readonly number[]
  readonly entries: Matrix
}

export function leafOf(value: unknown, fn: string, argument: string): Leaf {
  if (isVector(value)) {
    const data = asVector(value, fn, argument)
    return { shape: [data.length], entries: wrap(data, 1, data.length) }
  }
  const T = asTensor(value, fn, argument)
  const shape = [...T.shape]
  if (shape.length === 2) return { shape, entries: contiguous(asFiniteMatrix(T, fn, argument)) }
  const data = packedTensor(T)
  checkNumbers(data, shape, fn, argument)
  return { shape, entries: wrap(data, 1, data.length) }
}

/** The shape of a parameter; its entries are not looked at. */
export function shapeOf(value: unknown, fn: string, argument: string): readonly number[] {
  if (!isVector(value)) return [...asTensor(value, fn, argument).shape]
  return [(value as { shape?: number[] }).shape?.[0] ?? (value as ArrayLike<number>).length]
}

/** A gradient, as its entries or as products with it, whichever a rule asks for. */
export interface Gradient {
  readonly rows: number
  readonly cols: number
  /** Row-major, not to be changed. Of an operator min(m, n) columns of products. */
  entries(): Steps<Matrix>
  operator(): Steps<AnyOperator>
}

export function gradientOf(value: unknown, shape: readonly number[], fn: string, argument: string): Gradient {
  if (value === undefined) {
    const expected = `a gradient of ${shape.join('×')} numbers`
    throw new ShapeError({ fn, argument, expected, given: 'none' })
  }
  const given = isOperator(value) ? value.shape : shapeOf(value, fn, argument)
  if (given.join('×') !== shape.join('×')) {
    const expected = `a gradient of ${shape.join('×')} numbers`
    throw new ShapeError({ fn, argument, expected, given: `one of ${given.join('×')}` })
  }
  const [rows, cols] =
    shape.length === 2
      ? (shape as [number, number])
      : [1, shape.reduce((product, length) => product * length, 1)]
  if (!isOperator(value)) {
    let entries: Matrix | undefined
    return {
      rows,
      cols,
      // eslint-disable-next-line require-yield -- steps by contract
      *entries() {
        return (entries ??= leafOf(value, fn, argument).entries)
      },
      *operator() {
        return yield* operandSteps(shape.length === 2 ? value : yield* this.entries(), fn, argument)
      },
    }
  }
  let entries: Matrix<FloatArray> | undefined
  return {
    rows,
    cols,
    *entries() {
      return (entries ??= yield* entriesOf(value)) as Matrix
    },
    // eslint-disable-next-line require-yield -- steps by contract
    *operator() {
      return value
    },
  }
}

/** The gradient with these entries. */
export const gradientFrom = (entries: Matrix, { fn, argument }: { fn: string; argument: string }): Gradient =>
  gradientOf(entries, entries.shape, fn, argument)
