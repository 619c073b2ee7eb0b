import { asMatrix, contiguous, wrap } from '../linalg/arrays.js'
import type { Matrix } from '../linalg/arrays.js'
import { operandSteps } from '../linalg/operators/denseoperator.js'
import { ShapeError, describe } from '../linalg/errors.js'
import { isOperator, operatorFromSteps } from '../linalg/operators.js'
import type { LinearOperator, Operand, ProductSteps, Shape } from '../linalg/operators.js'
import { adjointProduct, offers, product, rowsOf, sketchedProduct } from '../linalg/products.js'
import type { Making, SketchForm } from '../linalg/operators/sketchform.js'
import { breath, runSync } from '../linalg/steps.js'
import type { Steps } from '../linalg/steps.js'
import { scaledRows } from '../linalg/thin.js'

/** A half-open range of indices: [from, to). */
type Range = readonly [from: number, to: number]

/**
 * A random d × n matrix with E‖Sx‖² = ‖x‖², known by its products S·X and Sᵀ·Y. Entry (i, j) is a function of
 * the seed, the shape and (i, j) alone.
 */
export interface Sketch extends LinearOperator {
  readonly steps?: ProductSteps & Pick<SketchSteps, 'together'>
  /** How the entries come about; operands that make them elsewhere read it. */
  readonly form: SketchForm
  /** All entries, d × n. */
  toDense(): Matrix
  /**
   * Rows [i0, i1) and columns [j0, j1), made without the rest: the same numbers to the bit as in `toDense()`.
   *
   * @throws ShapeError where a range is no pair of integers 0 <= from <= to within the side.
   */
  submatrix(rowRange: Range, colRange: Range): Matrix
}

/** A sketch that picks rows: row t of S·A is weights[t] times row indices[t] of A. */
export interface RowSampling extends Sketch {
  readonly indices: Int32Array
  readonly weights: Float64Array
}

/** The seed that every sketch takes. */
export interface SketchOptions {
  /** An integer in [0, 2⁵³). Default 0. */
  readonly seed?: number | undefined
}

/** What a sketch is made of: its products and its entries. */
export interface SketchSteps extends Pick<ProductSteps, 'matmat' | 'rmatmat' | 'frobeniusNorm'> {
  /** S·X for several X, where S is worth making once for them all. */
  together?(Xs: readonly Matrix[]): Steps<Matrix[]>
  /** Writes rows [i0, i1) × columns [j0, j1) to `out`, row-major. */
  entries(i0: number, i1: number, j0: number, j1: number, out: Float64Array): void
}

/** Entries that are made between two breaths: a millisecond or two. */
const STRETCH = 2 ** 15
/** Sides fit an Int32Array's indices. */
const LONGEST = 2 ** 31 - 1

/** The sides of a sketch, checked. */
export function sketchShape(shape: unknown, fn: string): Shape {
  const sides = Array.isArray(shape) ? (shape as unknown[]) : []
  if (sides.length !== 2 || !sides.every((side) => Number.isInteger(side) && isSide(side as number))) {
    throw new ShapeError({
      fn,
      argument: 'shape',
      expected: `[d, n], integers in [1, ${LONGEST}]`,
      given: Array.isArray(shape) ? `[${sides.map(describe).join(', ')}]` : describe(shape),
    })
  }
  return [sides[0] as number, sides[1] as number]
}

const isSide = (side: number): boolean => side >= 1 && side <= LONGEST

/** Makes a sketch from its steps. */
export function sketchFromSteps(shape: Shape, steps: SketchSteps, making: Making): Sketch {
  const [d, n] = shape
  const { matmat, rmatmat, frobeniusNorm, together } = steps
  const products: NonNullable<Sketch['steps']> = {
    matmat,
    rmatmat,
    ...(together && { together }),
    ...(frobeniusNorm && { frobeniusNorm }),
    *columns(J) {
      const C = wrap(new Float64Array(J.length * d), J.length, d)
      for (let t = 0; t < J.length; t++) {
        steps.entries(0, d, J[t]!, J[t]! + 1, C.data.subarray(t * d, (t + 1) * d))
        yield* breath()
      }
      return contiguous(C.transpose(1, 0))
    },
    *rows(I) {
      const R = wrap(new Float64Array(I.length * n), I.length, n)
      for (let t = 0; t < I.length; t++) {
        steps.entries(I[t]!, I[t]! + 1, 0, n, R.data.subarray(t * n, (t + 1) * n))
        yield* breath()
      }
      return R
    },
  }
  const operator = operatorFromSteps(shape, false, products) as LinearOperator & Pick<Sketch, 'steps'>
  return Object.assign(operator, {
    form: {
      shape,
      making,
      entries: (...range: Parameters<SketchForm['entries']>) => steps.entries(...range),
    },
    toDense: () => runSync(entriesSteps(steps, [0, d], [0, n])),
    submatrix: (rowRange: Range, colRange: Range) =>
      runSync(
        entriesSteps(steps, checkedRange(rowRange, d, 'rowRange'), checkedRange(colRange, n, 'colRange')),
      ),
  })
}

function checkedRange(range: unknown, side: number, argument: string): Range {
  const [from, to] = (Array.isArray(range) ? range : []) as [unknown, unknown]
  if (!Number.isInteger(from) || !Number.isInteger(to) || !ordered(0, from as number, to as number, side)) {
    throw new ShapeError({
      fn: 'submatrix',
      argument,
      expected: `[from, to], integers with 0 <= from <= to <= ${side}`,
      given: Array.isArray(range) ? `[${range.map(describe).join(', ')}]` : describe(range),
    })
  }
  return [from as number, to as number]
}

const ordered = (...x: number[]): boolean => x.every((value, t) => t === 0 || x[t - 1]! <= value)

/** Rows × columns of a sketch, some rows at a time. */
function* entriesSteps(steps: SketchSteps, [i0, i1]: Range, [j0, j1]: Range): Steps<Matrix> {
  const cols = j1 - j0
  const S = wrap(new Float64Array((i1 - i0) * cols), i1 - i0, cols)
  const rows = Math.max(1, Math.floor(STRETCH / Math.max(cols, 1)))
  for (let i = i0; i < i1; i += rows) {
    const to = Math.min(i1, i + rows)
    steps.entries(i, to, j0, j1, S.data.subarray((i - i0) * cols, (to - i0) * cols))
    yield* breath()
  }
  return S
}

const picksRows = (S: Sketch): S is RowSampling => 'indices' in S

/** Numbers of Sᵀ that `sketchSteps` holds at a time: 32 MiB. */
const HELD = 2 ** 22

/**
 * S·A, d × k, for any n × k operand: a matrix is multiplied where it lies; an operator that makes sketches itself is
 * asked for S·A, of any other only Aᵀ·Sᵀ is, for as many rows of S at a time as make up to `held` numbers. One pass over
 * A for each so many. Where S picks rows and A offers its own, they are all that is read.
 */
export function* sketchSteps(S: Sketch, A: Operand, held = HELD): Steps<Matrix> {
  if (!isOperator(A)) return yield* product(S, contiguous(asMatrix(A, 'sketch', 'A')))
  const operand = yield* operandSteps(A, 'sketch', 'A')
  const [d, n] = S.shape
  const [rows, k] = operand.shape
  if (rows !== n) {
    throw new ShapeError({
      fn: 'sketch',
      argument: 'A',
      expected: `${n} rows`,
      given: operand.shape.join('×'),
    })
  }
  if (picksRows(S) && offers(operand, 'rows')) {
    return scaledRows(yield* rowsOf(operand, S.indices), S.weights)
  }
  if (offers(operand, 'sketched')) return yield* sketchedProduct(operand, S.form)
  const SA = wrap(new Float64Array(d * k), d, k)
  const block = Math.max(1, Math.floor(held / n))
  for (let i = 0; i < d; i += block) {
    const to = Math.min(d, i + block)
    const St = contiguous(S.submatrix([i, to], [0, n]).transpose(1, 0))
    yield* breath()
    const AtSt = yield* adjointProduct(operand, St)
    SA.data.set(contiguous(AtSt.transpose(1, 0)).data, i * k)
  }
  return SA
}

/** S·A and S·B, for a matrix A in one go where S is worth making once for both. */
export function* sketchBothSteps(S: Sketch, A: Operand, B: Matrix): Steps<readonly [SA: Matrix, SB: Matrix]> {
  const together = S.steps?.together
  if (isOperator(A) || together === undefined) return [yield* sketchSteps(S, A), yield* product(S, B)]
  const [SA, SB] = yield* together([contiguous(asMatrix(A, 'sketch', 'A')), B])
  return [SA!, SB!]
}
