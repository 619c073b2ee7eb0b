import { norm, zeros } from '../../src/linalg/index.js'
import type { Eigen, Matrix } from '../../src/linalg/index.js'
import { EPS, minus, times } from './measures.js'

/** ‖AV − VΛ‖_F / (‖A‖_F·‖V‖_F·n·eps); 0 where both sides agree. */
export function eigenUnits(A: Matrix, { re, im, vectorsRe, vectorsIm }: Eigen): number {
  const n = re.length
  const [realPart, imaginaryPart] = [zeros([n, n]), zeros([n, n])]
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const [x, y] = [vectorsRe.get(i, j), vectorsIm.get(i, j)]
      realPart.data[i * n + j] = re[j]! * x - im[j]! * y
      imaginaryPart.data[i * n + j] = re[j]! * y + im[j]! * x
    }
  }
  const residual = norm([
    [norm(minus(times(A, vectorsRe), realPart)), norm(minus(times(A, vectorsIm), imaginaryPart))],
  ])
  return residual === 0 ? 0 : residual / norm(A) / Math.hypot(norm(vectorsRe), norm(vectorsIm)) / n / EPS
}

/** ‖V*V − I‖_F / (n·eps) of the complex V. */
export function unitarityUnits({ vectorsRe, vectorsIm }: Eigen): number {
  const n = vectorsRe.shape[0]!
  const realPart = minus(
    times(vectorsRe, vectorsRe, true),
    minus(zeros([n, n]), times(vectorsIm, vectorsIm, true)),
  )
  for (let i = 0; i < n; i++) realPart.data[i * n + i]! -= 1
  const imaginaryPart = minus(times(vectorsRe, vectorsIm, true), times(vectorsIm, vectorsRe, true))
  return n === 0 ? 0 : Math.hypot(norm(realPart), norm(imaginaryPart)) / n / EPS
}
