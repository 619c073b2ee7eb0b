import { asFiniteMatrix, asTensor, contiguous, tensor, wrap } from '../../linalg/arrays.js'
import type { Matrix, Tensor } from '../../linalg/arrays.js'
import { operandSteps } from '../../linalg/operators/denseoperator.js'
import { OptionError, ShapeError, describe } from '../../linalg/errors.js'
import { checkNumbers, packedTensor } from '../../linalg/transforms/lastaxis.js'
import { isOperator } from '../../linalg/operators.js'
import type { AnyOperator } from '../../linalg/operators.js'
import { readOptions } from '../../linalg/options.js'
import type { Reader } from '../../linalg/options.js'
import { entriesOf } from '../../linalg/products.js'
import type { Steps } from '../../linalg/steps.js'
import type { AdapterState, Arrays, InitContext } from './adapter.js'

// What goes into an adapter's functions, taken in: shapes and numbers are checked here, on behalf of the recipe.

/** What an init is handed. */
export interface Given {
  /** On whose behalf errors speak. */
  readonly fn: string
  /** That of W0. */
  readonly shape: readonly number[]
  readonly m: number
  readonly n: number
  readonly W0: AnyOperator
  /** The entries of W0: a copy, the init's own to change. */
  entries(): Steps<Matrix>
  /** ∂L/∂W, m × n; its absence is an error. */
  grad(): Steps<AnyOperator>
  /** Inputs, n × N; their absence is an error. */
  activations(): Steps<AnyOperator>
}

/** m × n of a weight; a kernel of more modes is out × (all the others). */
export function unfoldedShape(shape: readonly number[]): [m: number, n: number] {
  return [shape[0]!, shape.slice(1).reduce((product, length) => product * length, 1)]
}

export function checkedShape(fn: string, shape: unknown): readonly number[] {
  const fits =
    Array.isArray(shape) && shape.length >= 2 && shape.every((side) => Number.isInteger(side) && side >= 1)
  if (fits) return shape as number[]
  const given = Array.isArray(shape) ? shape.join('×') : describe(shape)
  throw new ShapeError({ fn, argument: 'shape', expected: 'two sides or more, each >= 1', given })
}

/** Takes the context of an init in. A rank above min(m, n) is an error. */
export function* givenSteps(fn: string, context: InitContext, r: unknown): Steps<Given> {
  const any: Reader<unknown> = (value) => value
  const { W0, grad, activations } = readOptions(fn, context, { W0: any, grad: any, activations: any })
  const weight = isOperator(W0) ? W0 : unfolded(fn, W0)
  const shape = checkedShape(fn, isOperator(weight) ? [...weight.shape] : weight.shape)
  const A = isOperator(weight) ? weight : yield* operandSteps(weight.matrix, fn, 'W0')
  const [m, n] = A.shape
  if (typeof r === 'number' && r > Math.min(m, n)) {
    const expected = `at most min(m, n) = ${Math.min(m, n)} for W0 of ${m}×${n}`
    throw new OptionError({ fn, argument: 'options.r', expected, given: `${r}` })
  }
  return {
    fn,
    shape,
    m,
    n,
    W0: A,
    *entries() {
      if (isOperator(weight)) return yield* entriesOf(weight)
      return wrap(weight.matrix.data.slice(), m, n)
    },
    grad: () => neededSteps(fn, 'grad', grad, m, n),
    activations: () => neededSteps(fn, 'activations', activations, n),
  }
}

/** A weight of any dimensions, row-major, as a matrix. */
function unfolded(fn: string, W0: unknown): { readonly shape: number[]; readonly matrix: Matrix } {
  const T = asTensor(W0, fn, 'W0')
  const shape = [...T.shape]
  const data = packedTensor(T)
  checkNumbers(data, shape, fn, 'W0')
  return { shape, matrix: wrap(data, ...unfoldedShape(shape)) }
}

function* neededSteps(
  fn: string,
  argument: string,
  given: unknown,
  rows: number,
  cols?: number,
): Steps<AnyOperator> {
  const expected = cols === undefined ? `a matrix of ${rows} rows` : `a ${rows}×${cols} matrix`
  if (given === undefined) throw new OptionError({ fn, argument, expected, given: 'none' })
  const A = yield* operandSteps(given, fn, argument)
  if (A.shape[0] === rows && (cols ?? A.shape[1]) === A.shape[1]) return A
  throw new ShapeError({ fn, argument, expected, given: A.shape.join('×') })
}

/** A matrix argument, contiguous float64 and finite. */
export function takenMatrix(fn: string, argument: string, X: unknown, rows: number, cols?: number): Matrix {
  const M = asFiniteMatrix(X, fn, argument)
  if (M.shape[0] !== rows || (cols ?? M.shape[1]) !== M.shape[1]) {
    const expected = cols === undefined ? `${rows} rows` : `${rows}×${cols}`
    throw new ShapeError({ fn, argument, expected, given: M.shape.join('×') })
  }
  return contiguous(M)
}

/** A state that `recipe` has made, with the user's trainable arrays contiguous float64 and finite. */
export function takenState(recipe: string, fn: string, state: AdapterState): AdapterState {
  if ((state as Partial<AdapterState> | null)?.recipe !== recipe) {
    const given = (state as Partial<AdapterState> | null)?.recipe ?? describe(state)
    throw new OptionError({ fn, argument: 'state', expected: `a state of ${recipe}`, given })
  }
  return { ...state, trainable: takenArrays(fn, 'state.trainable', state.trainable, state.trainableShapes) }
}

/** Arrays of these names and shapes, contiguous float64 and finite. */
export function takenArrays(
  fn: string,
  argument: string,
  arrays: Arrays,
  shapes: AdapterState['trainableShapes'],
): Arrays {
  const given: Partial<Arrays> = arrays ?? {}
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]): [string, Tensor] => {
      const T = given[name]
      if (!Array.isArray(T?.shape) || T.shape.join('×') !== shape.join('×')) {
        const expected = `an array of ${shape.join('×')}`
        throw new ShapeError({ fn, argument: `${argument}.${name}`, expected, given: describe(T) })
      }
      const data = T.data instanceof Float64Array && isRowMajor(T) ? T.data : packedTensor(T)
      checkNumbers(data, T.shape, fn, `${argument}.${name}`)
      return [name, data === T.data ? T : tensor(data, T.shape)]
    }),
  )
}

function isRowMajor({ data, shape, stride, offset }: Tensor): boolean {
  let step = 1
  for (let k = shape.length - 1; k >= 0; k--) {
    if (shape[k]! > 1 && stride[k] !== step) return false
    step *= shape[k]!
  }
  return offset === 0 && data.length === step
}
