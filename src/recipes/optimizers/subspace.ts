import { dense, flip, wrap } from '../../linalg/arrays.js'
import type { Matrix } from '../../linalg/arrays.js'
import { dct } from '../../linalg/transforms/dct.js'
import { multiplySteps } from '../../linalg/dense/multiply.js'
import { adjointProduct, product } from '../../linalg/products.js'
import type { Steps } from '../../linalg/steps.js'
import { pickedColumns, transposed } from '../../linalg/thin.js'
import type { Gradient } from './leaves.js'
import { zerosOf } from './transform.js'

/**
 * Where a projected gradient lives, as plain data; bases are orthonormal.
 * 'frame': R = leftᵀ·G·right, with the sides that there are.
 * 'cosine': columns of the matrix of the inverse cosine transform, as right or left.
 * 'columns': some columns of G. 'entries': some entries, row-major, as one row.
 */
export type Subspace =
  | { readonly kind: 'frame'; readonly left?: Matrix; readonly right?: Matrix }
  | { readonly kind: 'cosine'; readonly side: 'left' | 'right'; readonly indices: Int32Array }
  | { readonly kind: 'columns'; readonly indices: Int32Array }
  | { readonly kind: 'entries'; readonly indices: Int32Array }

/** What of R belongs to one row or one column of the residual: its own row or column; 'all' where neither does. */
export function axisOf(subspace: Subspace): 'rows' | 'columns' | 'all' {
  if (subspace.kind === 'entries') return 'all'
  if (subspace.kind === 'columns') return 'rows'
  if (subspace.kind === 'cosine') return subspace.side === 'right' ? 'rows' : 'columns'
  if (subspace.left && subspace.right) return 'all'
  return subspace.right ? 'rows' : 'columns'
}

/** R = down(G): two thin products, or a gathering. */
export function* downSteps(G: Gradient, subspace: Subspace): Steps<Matrix> {
  if (subspace.kind === 'columns') return pickedColumns(yield* G.entries(), subspace.indices)
  if (subspace.kind === 'entries') {
    const { data } = yield* G.entries()
    return wrap(
      Float64Array.from(subspace.indices, (e) => data[e]!),
      1,
      subspace.indices.length,
    )
  }
  const { left, right } = subspace.kind === 'cosine' ? cosineFrame(subspace, G) : subspace
  const A = yield* G.operator()
  if (right === undefined) return transposed(yield* adjointProduct(A, left!))
  const AQ = yield* product(A, right)
  return left === undefined ? AQ : ((yield* multiplySteps(flip(dense(left)), dense(AQ))) as Matrix)
}

/** up(N), m × n: the N of the subspace where the gradient lives. Always fresh. */
export function* upSteps(
  N: Matrix,
  subspace: Subspace,
  shape: { readonly rows: number; readonly cols: number },
): Steps<Matrix> {
  const { rows, cols } = shape
  if (subspace.kind === 'columns' || subspace.kind === 'entries') {
    const out = zerosOf([rows, cols])
    const width = subspace.indices.length
    const [lines, stride] = subspace.kind === 'columns' ? [rows, cols] : [1, 0]
    for (let i = 0, e = 0; i < lines; i++) {
      for (let t = 0; t < width; t++, e++) out.data[i * stride + subspace.indices[t]!] = N.data[e]!
    }
    return out
  }
  const { left, right } = subspace.kind === 'cosine' ? cosineFrame(subspace, shape) : subspace
  const PN = left === undefined ? N : ((yield* multiplySteps(dense(left), dense(N))) as Matrix)
  return right === undefined ? PN : ((yield* multiplySteps(dense(PN), flip(dense(right)))) as Matrix)
}

/** Columns of Q, Qᵢⱼ = wᵢ·cos(πi(2j + 1)/2k), which make no state: they are the transforms of unit vectors. */
function cosineFrame(
  { side, indices }: Subspace & { kind: 'cosine' },
  { rows, cols }: { readonly rows: number; readonly cols: number },
): { left?: Matrix; right?: Matrix } {
  const k = side === 'right' ? cols : rows
  const units = zerosOf([indices.length, k])
  indices.forEach((j, t) => (units.data[t * k + j] = 1))
  const Q = dct(units).transpose(1, 0)
  return side === 'right' ? { right: Q } : { left: Q }
}
