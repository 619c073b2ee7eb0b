import {
  countSketch,
  gaussian,
  lstsq,
  matmul,
  matrix,
  qr,
  random,
  sketchedLstsq,
  solveTriangular,
  sparseSign,
  srht,
} from '../src/index.js'
import type { Sketch } from '../src/index.js'
import type { Case } from './measure.js'

// Sketches beside the simplest of all, a Gaussian matrix that has been made beforehand and is multiplied by
// gemm; and least squares by a sketch beside the direct ways.

export const DENSE = 'a ready Gaussian matrix, gemm'

type Make = (shape: readonly [number, number]) => Sketch

/** d rows of S·A for a random m × n matrix; S is made anew each time. */
function sketch(name: string, make: Make, d: number, m: number, n: number): Case {
  const A = random.normal([m, n])
  const G = gaussian([d, m]).toDense()
  return {
    title: `${name}, ${d} rows, of ${m}×${n}, float64`,
    contenders: [
      { name: `lowrank ${name}, made and applied`, run: () => make([d, m]).matmat(A) },
      { name: DENSE, run: () => matmul(G, A) },
    ],
  }
}

export const hadamardSketch = (d: number, m: number, n: number): Case => sketch('srht', srht, d, m, n)
export const countingSketch = (d: number, m: number, n: number): Case =>
  sketch('countSketch', countSketch, d, m, n)
export const sparseSketch = (d: number, m: number, n: number): Case =>
  sketch('sparseSign', sparseSign, d, m, n)

export const DIRECT = 'lowrank qr, then solveTriangular'
export const SVD = 'lowrank lstsq, by the SVD'

export function regression(m: number, n: number): Case {
  const A = random.normal([m, n])
  const b = random.normal([m], { seed: 1 }).data
  const B = matrix(b, [m, 1])
  const { residual, iterations } = sketchedLstsq(A, b)
  const least = lstsq(A, b).residuals[0]!
  return {
    title: `Least squares with ${m}×${n}, float64`,
    contenders: [
      { name: 'lowrank sketchedLstsq', run: () => sketchedLstsq(A, b) },
      { name: "lowrank sketchedLstsq, 'iterative'", run: () => sketchedLstsq(A, b, { method: 'iterative' }) },
      { name: "lowrank sketchedLstsq, 'solve'", run: () => sketchedLstsq(A, b, { method: 'solve' }) },
      { name: SVD, run: () => lstsq(A, b) },
      {
        name: DIRECT,
        run: () => {
          const { Q, R } = qr(A)
          return solveTriangular(R, matmul(Q, B, { transA: true }), { upper: true })
        },
      },
    ],
    notes: [
      `${iterations} iterations; the residual is ${Math.abs(residual / least - 1).toExponential(1)} off the least one, relatively.`,
    ],
  }
}
