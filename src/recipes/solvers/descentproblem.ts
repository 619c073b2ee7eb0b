import { asVector } from '../../linalg/arrays.js'
import type { VectorLike } from '../../linalg/arrays.js'
import { columnNorms } from '../../linalg/operators/columnwise.js'
import { NotPositiveDefiniteError, OptionError, ShapeError } from '../../linalg/errors.js'
import { norm2 } from '../../linalg/magnitude.js'
import { indexList } from '../../linalg/operators.js'
import type { AnyOperator } from '../../linalg/operators.js'
import { columnsOf, diagonalOf } from '../../linalg/products.js'
import { scaled } from '../../linalg/operators/scaled.js'
import { report } from '../../linalg/steps.js'
import type { Steps } from '../../linalg/steps.js'

// What block coordinate descent minimises: scaled, cut into blocks, and its value.

export interface ScaledProblem {
  readonly A: AnyOperator
  readonly b: Float64Array
  readonly l1: number
  /** The diagonal of the Hessian. */
  readonly L: Float64Array
  /** What x and the objective are multiplied by in the end. */
  readonly ofX: number
  readonly ofF: number
}

/** The problem in which squares neither overflow nor vanish; as it is where they do not anyway. */
export function* scaledProblemSteps(
  fn: string,
  A: AnyOperator,
  right: VectorLike,
  quadratic: boolean,
  l1: number,
): Steps<ScaledProblem> {
  const [m, n] = A.shape
  if (quadratic && m !== n) {
    throw new ShapeError({ fn, argument: 'A', expected: 'a square matrix', given: `${m}×${n}` })
  }
  const b = asVector(right, fn, 'b', m)
  const sizes = quadratic ? yield* diagonalOf(A) : yield* columnSizesSteps(fn, A)
  const index = sizes.findIndex((size) => size < 0)
  if (index >= 0) {
    const given = `${sizes[index]} at [${index}, ${index}]`
    throw new NotPositiveDefiniteError({ fn, argument: 'A', expected: 'a diagonal >= 0', given, index })
  }
  const alpha = powerNear(sizes.reduce((largest, size) => Math.max(largest, size), 0))
  const beta = powerNear(norm2(b))
  return {
    A: alpha === 1 ? A : scaled(A, 1 / alpha),
    b: b.map((value) => value / beta),
    l1: quadratic ? l1 / beta : l1 / alpha / beta,
    L: sizes.map((size) => (quadratic ? size / alpha : (size / alpha) ** 2)),
    ofX: beta / alpha,
    ofF: quadratic ? (beta / alpha) * beta : beta * beta,
  }
}

/** Columns of which the norms are taken at a time. */
const WIDTH = 64

function* columnSizesSteps(fn: string, A: AnyOperator): Steps<Float64Array> {
  const n = A.shape[1]
  const sizes = new Float64Array(n)
  for (let j = 0; j < n; j += WIDTH) {
    const J = Int32Array.from({ length: Math.min(WIDTH, n - j) }, (_, t) => j + t)
    sizes.set(columnNorms(yield* columnsOf(A, J)), j)
    yield* report(fn, 'column norms', Math.min(n, j + WIDTH), n)
  }
  return sizes
}

/** 1 for a size whose square is far from the ends of the range, else the power of two below it. */
const powerNear = (size: number): number =>
  size === 0 || (size > 2 ** -200 && size < 2 ** 200) ? 1 : 2 ** Math.floor(Math.log2(size))

/** Runs of `size` coordinates, or the caller's lists, checked to hold each of n once. */
export function partitionOf(
  fn: string,
  blocks: string | readonly ArrayLike<number>[],
  size: number,
  n: number,
): Int32Array[] {
  if (typeof blocks === 'string') {
    return Array.from({ length: Math.ceil(n / size) }, (_, t) =>
      Int32Array.from({ length: Math.min(size, n - t * size) }, (_, j) => t * size + j),
    )
  }
  const lists = blocks.map((list, t) => indexList(list, n, `options.blocks[${t}]`, fn))
  const seen = new Set(lists.flatMap((list) => Array.from(list)))
  const count = lists.reduce((sum, list) => sum + list.length, 0)
  if (seen.size === n && count === n && lists.every((list) => list.length > 0)) return lists
  const given = `${count} indices, ${seen.size} of them different`
  throw new OptionError({ fn, argument: 'options.blocks', expected: `a partition of ${n}`, given })
}

/** From r = A·x − b. */
export function objectiveOf(
  x: Float64Array,
  r: Float64Array,
  b: Float64Array,
  l1: number,
  quadratic: boolean,
): number {
  let total = 0
  if (quadratic) for (let i = 0; i < x.length; i++) total += (x[i]! * (r[i]! - b[i]!)) / 2
  else for (let i = 0; i < r.length; i++) total += r[i]! ** 2 / 2
  if (l1 > 0) for (let i = 0; i < x.length; i++) total += l1 * Math.abs(x[i]!)
  return total
}
