import fc from 'fast-check'
import { matrix, norm, random } from '../../../src/linalg/index.js'
import type { LinearOperator, Matrix } from '../../../src/linalg/index.js'
import { withSpectrum } from '../../../src/testing/index.js'
import { SPECTRA } from '../../support/cases.js'
import { minus, times } from '../../support/measures.js'

// Layers and the inputs that they were seen with.

export interface LayerCase {
  readonly seed: number
  readonly m: number
  readonly n: number
  /** As a part of min(m, n), so that shrinking keeps it legal. */
  readonly part: number
  readonly spectrum: 'polynomial' | 'exponential' | 'flat' | 'deficient'
  /** Samples: fewer than n inputs make their Gram matrix singular. */
  readonly samples: number
}

export const layers: fc.Arbitrary<LayerCase> = fc.record({
  seed: fc.nat(2 ** 31 - 1),
  m: fc.integer({ min: 2, max: 24 }),
  n: fc.integer({ min: 2, max: 24 }),
  part: fc.integer({ min: 0, max: 100 }),
  spectrum: fc.constantFrom('polynomial', 'exponential', 'flat', 'deficient'),
  samples: fc.integer({ min: 1, max: 60 }),
})

export const rankFor = ({ m, n, part }: LayerCase): number =>
  Math.max(1, Math.ceil((part / 100) * Math.min(m, n)))

export const weightOf = ({ seed, m, n, spectrum }: LayerCase): Matrix =>
  withSpectrum(m, n, SPECTRA[spectrum](Math.min(m, n)), { seed })

/** n × samples, features of lengths 1 to 1/10. */
export function inputsOf({ seed, n, samples }: LayerCase): Matrix {
  const X = random.normal([n, samples], { seed: seed + 1 })
  return matrix(
    X.data.map((x, e) => x * 10 ** (-Math.floor(e / samples) / n)),
    [n, samples],
  )
}

/** XXᵀ */
export const gramOf = (X: Matrix): Matrix => times(X, X.transpose(1, 0))

/** ‖(W − Ŵ)·X‖_F */
export const outputError = (W: Matrix, approximation: { toDense(): Matrix }, X: Matrix): number =>
  norm(times(minus(W, approximation.toDense()), X))

/** How far an operator's two products are from those with its entries. */
export function productErrors(A: LinearOperator & { toDense(): Matrix }, seed: number): number {
  const [m, n] = A.shape
  const D = A.toDense()
  const [X, Y] = [random.normal([n, 3], { seed }), random.normal([m, 3], { seed })]
  const forward = norm(minus(A.matmat(X), times(D, X))) / norm(X)
  return Math.max(forward, norm(minus(A.rmatmat(Y), times(D, Y, true))) / norm(Y))
}
