import { asOperator, operator } from '../../src/linalg/index.js'
import type { AsyncLinearOperator, Matrix } from '../../src/linalg/index.js'
import { zeros } from '../../src/linalg/index.js'

// A matrix as a device would hold it: entries, what products are handed and what they answer are rounded to float32.

/** eps of float32. */
export const SINGLE = 2 ** -23

const rounded = (A: Matrix): Matrix => {
  const [m = 0, n = 0] = A.shape
  const B = zeros([m, n])
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) B.set(i, j, Math.fround(A.get(i, j)))
  return B
}

/** How much the products of `single` can be off: ‖AX − fl(AX)‖_F ≤ 3·2⁻²⁴·‖A‖_F·‖X‖_F. */
export const singleError = (norm: number, columns: number): number =>
  3 * (SINGLE / 2) * Math.sqrt(columns) * norm

/** A in float32, with or without its copy; `swept` is called at each product with it. */
export function single(
  A: Matrix,
  { copy = true, swept = () => undefined }: { copy?: boolean; swept?: () => void } = {},
): AsyncLinearOperator {
  const [m = 0, n = 0] = A.shape
  const held = asOperator(rounded(A))
  const times =
    (product: (X: Matrix) => Matrix) =>
    (X: Matrix): Promise<Matrix> => (swept(), Promise.resolve(rounded(product(rounded(X)))))
  return operator({
    shape: [m, n],
    async: true,
    precision: SINGLE,
    ...(copy && { exact: asOperator(A) }),
    matmat: times(held.matmat),
    rmatmat: times(held.rmatmat),
  })
}
