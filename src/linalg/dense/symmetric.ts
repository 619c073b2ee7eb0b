import type { Dense } from '../arrays.js'
import { ShapeError } from '../errors.js'
import { maxAbs } from '../magnitude.js'
import { checkSquare } from './righthand.js'

/**
 * Refuses a matrix that is not square, or not symmetric: |aᵢⱼ − aⱼᵢ| ≤ √eps·max|A|, with the eps of its
 * element type unless told otherwise. The tolerance is that of a matrix whose two triangles were computed apart from each other;
 * what passes is then read from its lower triangle alone.
 */
export function checkSymmetric(
  A: Dense,
  fn: string,
  eps = A.data instanceof Float32Array ? 2 ** -23 : 2 ** -52,
  argument = 'A',
): void {
  checkSquare(A, fn, argument)
  const tolerance = Math.sqrt(eps) * maxAbs(A)
  const { data, offset, rows: n, rs, cs } = A
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      const [below, above] = [data[offset + i * rs + j * cs]!, data[offset + j * rs + i * cs]!]
      if (Math.abs(below - above) <= tolerance) continue
      throw new ShapeError({
        fn,
        argument,
        expected: 'a symmetric matrix',
        given: `${below} at [${i}, ${j}] and ${above} at [${j}, ${i}]`,
      })
    }
  }
}
